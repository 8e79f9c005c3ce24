/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_golden.h - the plant of the golden snapshots
 * (tests/data/detect-*-vN.snap) and of the fuzz harness. Its detectors never
 * change, files of released versions hang on them; version 2 added some behind
 * them.
 */
#ifndef HF_TESTS_DETECT_GOLDEN_H
#define HF_TESTS_DETECT_GOLDEN_H

#include "detect_plant.h"

#define GOLDEN_NDET_V1 3
#define GOLDEN_NDET 8
#define GOLDEN_NTAG 3

/* What version 2 added: the other methods, and a limit from a budget. */
static inline void
golden_more(struct tp *t)
{
	struct hf_t2_conf *t2;
	struct hf_pca_conf *pca;
	struct hf_detector *d;
	struct hf_rule *r;

	tp_detector(t, "cusum", "cusum", "a/b/c/*", 0, 50);
	tp_detector(t, "season", "season", "a/b/c/*", 0, 50);
	t2 = tp_detector(t, "t2", "t2", "a/b/c/*", 0, 90);
	t2->grid_ns = TP_S;
	pca = tp_detector(t, "pca", "pca", "a/b/c/*", 0, 90);
	pca->grid_ns = TP_S;
	tp_detector(t, "budget", "ewma", "a/b/c/*", 0, 90);
	d = &t->p->detectors[t->p->ndetector - 1];
	d->position = tp_str(t, "operator");
	d->limit_from = HF_LIMIT_BUDGET;
	t->p->positions =
	    hf_arena_calloc(t->p->arena, 1, sizeof(*t->p->positions));
	t->p->positions[0].name = tp_str(t, "operator");
	t->p->positions[0].budget_hz = 0.1;
	t->p->nposition = 1;
	tp_rule(t, "shift", "cusum");
	r = tp_rule(t, "clock", "season");
	r->off_level = 0.5;
	r->min_on_ns = 5 * TP_S;
	r = tp_rule(t, "cloud", "t2");
	r->per = HF_PER_RULE;
	r->refractory_n = 4;
	r = tp_rule(t, "plane", "pca");
	r->per = HF_PER_RULE;
	tp_rule(t, "share", "budget");
}

static inline void
golden_plant(struct tp *t, int version)
{
	struct hf_limit_conf *l;
	struct hf_mewma_conf *m;
	struct hf_rule *r;
	char path[64];
	int i;

	tp_init(t, GOLDEN_NTAG, 1);
	tp_asset(t, "a/b/c");
	for (i = 0; i < GOLDEN_NTAG; i++) {
		snprintf(path, sizeof(path), "a/b/c/s%d", i);
		tp_tag(t, path, "bar");
	}
	l = tp_detector(t, "limit", "limit", "a/b/c/*", 0, 0);
	l->hi_warn = 3;
	l->hi_trip = 5;
	l->hold_ns = 2 * TP_S;
	l->hysteresis = 0.5;
	tp_detector(t, "ewma", "ewma", "a/b/c/*", 0, 50);
	m = tp_detector(t, "mewma", "mewma", "a/b/c/*", 0, 90);
	m->lambda = 0.5;
	m->grid_ns = TP_S;
	r = tp_rule(t, "hot", "limit");
	r->refractory_ns = 20 * TP_S;
	r = tp_rule(t, "wear", "ewma");
	r->per = HF_PER_ASSET;
	r->nvar = 2;
	r->k = 2;
	r->n = 4;
	r = tp_rule(t, "odd", "mewma");
	r->per = HF_PER_RULE;
	if (version > 1)
		golden_more(t);
	tp_finish(t);
}

/* Steps [from, to) of a recording that is the same everywhere. */
static inline void
golden_feed(struct hf_engine *e, int from, int to)
{
	struct tp_rng r = {4711};
	char path[64];
	double x;
	int i, tag;

	for (i = 0; i < to; i++) {
		for (tag = 0; tag < GOLDEN_NTAG; tag++) {
			x = tp_normal(&r) + (i > 120 && i % 40 < 9 ? 6 : 0);
			snprintf(path, sizeof(path), "a/b/c/s%d", tag);
			if (i >= from)
				tp_feed1(
				    e, (uint64_t)i + 1, path, i * TP_S, x, 0);
		}
	}
}

#endif
