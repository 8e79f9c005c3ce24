/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_detect.c - time of one detector step against moving the sample only.
 *
 * Baseline: copying the sample of a batch and adding up its value. Then batches
 * of 1,000 samples through the engine, with: limits on every tag (1,000 tags);
 * EWMA on every tag; one MEWMA group of 8 tags; the throughput load (1,000
 * tags, all with limits, one in ten with EWMA, one group of 8). Then every
 * method that learns on 8 tags: a group of 8, or each of them; the goal is 5 us
 * per sample. Best of three rounds. Last, bytes per further EWMA signal, from
 * the memory of 10,000 of them.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "bench/figure.h"
#include "detect_plant.h"

#define NTAG 1000
#define NMANY 10000
#define NBATCH 2000
#define NROUND 3

static struct hf_sample samples[NTAG];
static uint64_t nevent;

static void
on_event(void *arg, const struct hf_event *e)
{
	(void)arg;
	(void)e;
	nevent++;
}

static void
add_tags(struct tp *t, int n)
{
	char path[64];
	int i;

	tp_init(t, (size_t)n, 1);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "a/l%d/c%d/t%d", i % 10, i / 8, i);
		tp_tag(t, path, "");
	}
}

static struct hf_engine *
start(struct tp *t, struct hf_counters *c)
{
	struct hf_engine *e = NULL;
	struct hf_err err = {0};

	tp_finish(t);
	if (hf_engine_new(t->p, c, on_event, NULL, &e, &err) != HF_OK)
		tp_die("engine", err.msg);
	return e;
}

static void
fill(const struct tp *t, size_t n, int64_t t_ns, struct tp_rng *r)
{
	size_t i;

	for (i = 0; i < n; i++)
		samples[i] = (struct hf_sample){.tag = t->p->tags[i].key,
		    .t_ns = t_ns,
		    .vtype = HF_V_F64,
		    .v.f64 = tp_uniform(r)};
}

/* ns per sample of n tags; e NULL: the baseline. */
static double
measure(const struct tp *t, struct hf_engine *e, size_t n)
{
	static struct hf_sample copy[NTAG];
	struct tp_rng r = {1};
	volatile double sink;
	double best = 1e18, sum = 0, ns;
	int64_t t_ns = 0, t0, used;
	int round, k;
	size_t i;

	for (round = 0; round < NROUND; round++) {
		used = 0;
		for (k = 0; k < NBATCH; k++) {
			struct hf_batch b = {.n = n, .s = copy};

			t_ns += HF_NS_PER_MS;
			fill(t, n, t_ns, &r);
			t0 = hf_mono_ns();
			memcpy(copy, samples, n * sizeof(copy[0]));
			if (e != NULL)
				hf_engine_feed(e, (uint64_t)k + 1, &b);
			for (i = 0; e == NULL && i < n; i++)
				sum += copy[i].v.f64;
			used += hf_mono_ns() - t0;
		}
		ns = (double)used / NBATCH / (double)n;
		if (ns < best)
			best = ns;
	}
	sink = sum;
	(void)sink;
	return best;
}

static void
limits_on(struct tp *t)
{
	struct hf_limit_conf *c =
	    tp_detector(t, "limits", "limit", "a/**", 0, 0);

	c->hi_warn = 2;
	c->hi_trip = 3;
	tp_rule(t, "beyond", "limits");
}

static void
bench(const char *what, const char *ewma, const char *group, bool has_limits,
    double base)
{
	struct hf_counters c = {0};
	struct hf_engine *e;
	struct tp t;
	char name[64];
	double ns;
	size_t n = NTAG;

	add_tags(&t, group != NULL && ewma == NULL ? 8 : NTAG);
	if (has_limits)
		limits_on(&t);
	if (ewma != NULL) {
		tp_detector(&t, "ewma", "ewma", ewma, 0, 100);
		tp_rule(&t, "unusual", "ewma");
	}
	if (group != NULL) {
		struct hf_mewma_conf *m =
		    tp_detector(&t, "group", "mewma", group, 0, 1000);

		m->grid_ns = HF_NS_PER_MS;
		m->factor = 10;
		if (ewma == NULL)
			n = 8;
	}
	e = start(&t, &c);
	ns = measure(&t, e, n);
	snprintf(name, sizeof(name), "detection, %s", what);
	figure(name, ns, "ns/sample", "copy and add", base, NULL);
	hf_engine_free(e);
	tp_fini(&t);
}

/* Grid of a group method's options: the row called "grid". */
static void
set_grid(const struct hf_method *m, void *conf)
{
	size_t i;

	for (i = 0; i < m->kind.nopt; i++)
		if (strcmp(m->kind.opts[i].name, "grid") == 0)
			*(int64_t *)(void *)((char *)conf +
					     m->kind.opts[i].off) =
			    HF_NS_PER_MS;
}

static void
bench_method(const struct hf_method *m, double base)
{
	struct hf_counters c = {0};
	struct hf_engine *e;
	struct tp t;
	char name[96];
	double ns;

	add_tags(&t, 8);
	set_grid(m, tp_detector(&t, "d", m->kind.name, "a/**", 0, 900));
	e = start(&t, &c);
	ns = measure(&t, e, 8);
	snprintf(name, sizeof(name), "detection, %s on 8 tags", m->kind.name);
	figure(name, ns, "ns/sample", "copy and add", base, NULL);
	hf_engine_free(e);
	tp_fini(&t);
}

static size_t
heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
bench_memory(void)
{
	struct hf_counters c = {0};
	struct hf_engine *e;
	struct tp t;
	size_t before;

	add_tags(&t, NMANY);
	tp_detector(&t, "ewma", "ewma", "a/**", 0, 100);
	tp_rule(&t, "unusual", "ewma");
	tp_finish(&t);
	before = heap_bytes();
	if (hf_engine_new(t.p, &c, on_event, NULL, &e, NULL) != HF_OK)
		tp_die("engine", "10,000 signals");
	figure("memory of an EWMA signal, of 10,000",
	    (double)(heap_bytes() - before) / NMANY, "bytes", NULL, 0, NULL);
	hf_engine_free(e);
	tp_fini(&t);
}

int
main(void)
{
	struct tp t;
	double base;
	size_t i;

	add_tags(&t, NTAG);
	tp_finish(&t);
	base = measure(&t, NULL, NTAG);
	tp_fini(&t);
	bench("limit on every tag", NULL, NULL, true, base);
	bench("ewma on every tag", "a/**", NULL, false, base);
	bench("mewma, one group of 8", NULL, "a/**", false, base);
	/* "a/l1/..." is every tenth tag, "a/.../c3/..." 8 of them */
	bench("throughput load without group", "a/l1/**", NULL, true, base);
	bench("throughput load", "a/l1/**", "a/*/c3/*", true, base);
	for (i = 0; i < hf_nmethod; i++)
		if (hf_methods[i]->does_learn)
			bench_method(hf_methods[i], base);
	bench_memory();
	return 0;
}
