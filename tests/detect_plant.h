/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_plant.h - a small plant in memory for the tests of detection.
 *
 * One zone, one device, tags that the test names, detectors and rules with the
 * defaults of their option tables, which the test then changes. Also: a place
 * that keeps what an engine raised, and samples in one line.
 */
#ifndef HF_TESTS_DETECT_PLANT_H
#define HF_TESTS_DETECT_PLANT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "detect/engine.h"
#include "detect/methods.h"
#include "model/batch.h"
#include "model/optval.h"
#include "model/plant.h"

#define TP_NDET 32
#define TP_NRULE 32
#define TP_NEVENT 4096
#define TP_S HF_NS_PER_S

static const struct hf_kind tp_driver = {
    .name = "test-driver", .help = "no device", .size = 8};
static const struct hf_kind *const tp_drivers[] = {&tp_driver};

struct tp {
	struct hf_plant *p;
	const struct hf_kind *methods[16];
	struct hf_registry reg;
	size_t ntag_max;
};

static inline void
tp_die(const char *what, const char *why)
{
	fprintf(stderr, "test plant: %s: %s\n", what, why);
	abort();
}

static inline void
tp_defaults(struct tp *t, const struct hf_kind *k, void *conf)
{
	char why[400] = "";

	if (hf_opt_defaults(
		k->opts, k->nopt, conf, t->p->arena, why, sizeof(why)) != HF_OK)
		tp_die(k->name, why);
}

static inline const struct hf_kind *
tp_section(const char *plural)
{
	size_t i;

	for (i = 0; i < hf_nsection; i++)
		if (strcmp(hf_sections[i].plural, plural) == 0)
			return &hf_sections[i].kind;
	tp_die(plural, "no such section");
	return NULL;
}

static inline char *
tp_str(struct tp *t, const char *s)
{
	return hf_arena_strdup(t->p->arena, s);
}

static inline void
tp_init(struct tp *t, size_t ntag_max, size_t nasset_max)
{
	struct hf_arena *a;
	size_t i;

	*t = (struct tp){.p = hf_plant_new(), .ntag_max = ntag_max};
	if (t->p == NULL)
		tp_die("plant", "no memory");
	a = t->p->arena;
	for (i = 0; i < hf_nmethod; i++)
		t->methods[i] = &hf_methods[i]->kind;
	t->reg = (struct hf_registry){.drivers = tp_drivers,
	    .ndriver = 1,
	    .methods = t->methods,
	    .nmethod = hf_nmethod};
	t->p->zones = hf_arena_calloc(a, 1, sizeof(struct hf_zone));
	t->p->devices = hf_arena_calloc(a, 1, sizeof(struct hf_device));
	t->p->assets =
	    hf_arena_calloc(a, nasset_max + 1, sizeof(struct hf_asset));
	t->p->tags = hf_arena_calloc(a, ntag_max, sizeof(struct hf_tag));
	t->p->detectors =
	    hf_arena_calloc(a, TP_NDET, sizeof(struct hf_detector));
	t->p->rules = hf_arena_calloc(a, TP_NRULE, sizeof(struct hf_rule));
	tp_defaults(t, tp_section("zones"), &t->p->zones[0]);
	tp_defaults(t, tp_section("devices"), &t->p->devices[0]);
	tp_defaults(t, tp_section("plant"), &t->p->site);
	tp_defaults(t, tp_section("retention"), &t->p->retention);
	tp_defaults(t, tp_section("storage"), &t->p->storage);
	t->p->site.enterprise = tp_str(t, "acme");
	t->p->site.site = tp_str(t, "berlin");
	t->p->zones[0].name = tp_str(t, "z");
	t->p->zones[0].interface = tp_str(t, "lo");
	t->p->nzone = t->p->ndevice = 1;
	t->p->devices[0].name = tp_str(t, "d");
	t->p->devices[0].zone = tp_str(t, "z");
	t->p->devices[0].driver = tp_str(t, "test-driver");
	t->p->devices[0].tags_file = tp_str(t, "tags/d.csv");
	t->p->devices[0].kind = &tp_driver;
	t->p->devices[0].conf = hf_arena_alloc(a, 8);
}

static inline void
tp_asset(struct tp *t, const char *path)
{
	struct hf_asset *as = &t->p->assets[t->p->nasset++];

	tp_defaults(t, tp_section("assets"), as);
	as->path = tp_str(t, path);
	as->kind = tp_str(t, "machine");
}

static inline void
tp_tag(struct tp *t, const char *path, const char *unit)
{
	struct hf_tag *g = &t->p->tags[t->p->ntag];
	char name[64];

	if (t->p->ntag == t->ntag_max)
		tp_die(path, "too many tags");
	snprintf(name, sizeof(name), "t%zu", t->p->ntag);
	*g = (struct hf_tag){.device = tp_str(t, "d"),
	    .name = tp_str(t, name),
	    .path = tp_str(t, path),
	    .address = tp_str(t, "1"),
	    .type = HF_T_F64,
	    .interval_ns = HF_NS_PER_S,
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN,
	    .unit = tp_str(t, unit)};
	t->p->ntag++;
	t->p->devices[0].ntag++;
}

/* Its options with their defaults; change them before tp_finish. */
static inline void *
tp_detector(struct tp *t, const char *name, const char *method,
    const char *pattern, int64_t learn_dur_ns, int64_t learn_n)
{
	const struct hf_method *m = hf_method_find(method);
	struct hf_detector *d = &t->p->detectors[t->p->ndetector++];

	if (m == NULL)
		tp_die(method, "no such method");
	tp_defaults(t, tp_section("detectors"), d);
	d->name = tp_str(t, name);
	d->method = tp_str(t, method);
	d->kind = &m->kind;
	d->tags.v = hf_arena_calloc(t->p->arena, 1, sizeof(char *));
	d->tags.v[0] = tp_str(t, pattern);
	d->tags.n = 1;
	d->learn = (struct hf_learn){learn_dur_ns, learn_n};
	d->conf = hf_arena_alloc(t->p->arena, m->kind.size);
	tp_defaults(t, &m->kind, d->conf);
	return d->conf;
}

/* A rule that makes alarms; change it before tp_finish. */
static inline struct hf_rule *
tp_rule(struct tp *t, const char *name, const char *on)
{
	struct hf_rule *r = &t->p->rules[t->p->nrule++];

	tp_defaults(t, tp_section("rules"), r);
	r->name = tp_str(t, name);
	r->on = tp_str(t, on);
	r->cause = tp_str(t, "a cause");
	r->consequence = tp_str(t, "a consequence");
	r->action = tp_str(t, "an action");
	r->respond_ns = 600 * HF_NS_PER_S;
	r->priority = 2;
	return r;
}

static inline void
tp_report(void *arg, const char *what, const char *text)
{
	(void)arg;
	fprintf(stderr, "test plant: %s: %s\n", what, text);
}

static inline void
tp_finish(struct tp *t)
{
	if (hf_plant_finish(t->p, &t->reg, tp_report, NULL) != HF_OK)
		tp_die("plant", "not sound");
}

static inline void
tp_fini(struct tp *t)
{
	hf_plant_free(t->p);
}

/* ---- what an engine raised ---- */

struct tp_event {
	enum hf_event_kind kind;
	uint8_t id[HF_SHA256_LEN];
	char rule[65], subject[256];
	bool is_alarm;
	uint8_t level;
	int64_t from_ns, to_ns;
	double score, statistic, limit;
	char *json;
};

struct tp_events {
	size_t n;
	struct tp_event v[TP_NEVENT];
};

static inline void
tp_keep(void *arg, const struct hf_event *e)
{
	struct tp_events *ev = arg;
	struct tp_event *k;

	if (ev->n == TP_NEVENT)
		tp_die(e->rule->name, "too many events");
	k = &ev->v[ev->n++];
	*k = (struct tp_event){.kind = e->kind,
	    .is_alarm = e->is_alarm,
	    .level = e->level,
	    .from_ns = e->from_ns,
	    .to_ns = e->to_ns,
	    .score = e->score,
	    .statistic = e->statistic,
	    .limit = e->limit,
	    .json = strdup(e->json)};
	memcpy(k->id, e->id, sizeof(k->id));
	snprintf(k->rule, sizeof(k->rule), "%s", e->rule->name);
	snprintf(k->subject, sizeof(k->subject), "%s", e->subject);
}

static inline void
tp_events_fini(struct tp_events *ev)
{
	size_t i;

	for (i = 0; i < ev->n; i++)
		free(ev->v[i].json);
	ev->n = 0;
}

static inline size_t
tp_count(const struct tp_events *ev, enum hf_event_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < ev->n; i++)
		n += ev->v[i].kind == kind;
	return n;
}

static inline struct hf_engine *
tp_engine(struct tp *t, struct hf_counters *ctr, struct tp_events *ev)
{
	struct hf_engine *e = NULL;
	struct hf_err err = {0};

	if (hf_engine_new(t->p, ctr, tp_keep, ev, &e, &err) != HF_OK)
		tp_die("engine", err.msg);
	return e;
}

/* One sample in a batch of its own; returns its flags after feeding. */
static inline uint8_t
tp_feed1(struct hf_engine *e, uint64_t seq, const char *path, int64_t t_ns,
    double x, uint32_t status)
{
	struct hf_sample s = {.tag = hf_tag_key(path),
	    .t_ns = t_ns,
	    .recv_ns = t_ns,
	    .status = status,
	    .vtype = HF_V_F64,
	    .v.f64 = x};
	struct hf_batch b = {.source = 1, .seq = seq, .n = 1, .s = &s};

	hf_engine_feed(e, seq, &b);
	return s.flags;
}

/* The test's own noise: xorshift64*, sum of twelve uniforms (Irwin and
 * Hall). */
struct tp_rng {
	uint64_t s;
};

static inline double
tp_uniform(struct tp_rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (double)((r->s * UINT64_C(2685821657736338717)) >> 11) * 0x1p-53;
}

static inline double
tp_normal(struct tp_rng *r)
{
	double sum = -6;
	int i;

	for (i = 0; i < 12; i++)
		sum += tp_uniform(r);
	return sum;
}

#endif
