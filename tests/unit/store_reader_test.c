/* SPDX-License-Identifier: Apache-2.0
 *
 * store_reader_test.c - queries against the slow oracle, through folds,
 * restarts and folds that come between copy and query.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_kit.h"

#define NTAG 5
#define T0 INT64_C(1385942400000000000) /* 2013-12-02T00:00:00Z */

static struct kit_gen
gen(uint64_t seed, int64_t t0_ns, int64_t step_ns)
{
	struct kit_gen g = {.r = {seed}, .ntag = NTAG, .step_ns = step_ns};
	size_t i;

	for (i = 0; i < NTAG; i++)
		g.t_ns[i] = t0_ns;
	return g;
}

static void
put_random(struct kit *k, struct kit_oracle *o, struct kit_gen *g, size_t n)
{
	static struct kit_sample v[HF_BATCH_NSAMPLE];
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = kit_sample(g, i > 0 ? &v[kit_below(&g->r, i)] : NULL);
	kit_put(k, o, v, n);
}

struct want {
	struct hf_bucket b;
	double sum;
	uint32_t nnum;
};

/* The same definition as the reader's, computed the slow way. */
static bool
buckets_agree(struct kit *k, const struct kit_oracle *o, uint64_t tag,
    int64_t from_ns, int64_t to_ns, uint32_t nbucket)
{
	struct hf_points p;
	struct kit_sample *v;
	struct want *w;
	bool is_same = true;
	size_t i, j, n;
	__int128 span;

	kit_query(k, tag, from_ns, to_ns, nbucket, &p);
	v = kit_oracle_get(o, tag, from_ns, to_ns, &n);
	if (n == 0) {
		is_same = p.n == 0;
		free(v);
		hf_points_fini(&p);
		return is_same;
	}
	span = (__int128)v[n - 1].t_ns + 1 - v[0].t_ns;
	if (span < nbucket)
		nbucket = (uint32_t)span;
	w = calloc(nbucket, sizeof(*w));
	for (i = 0; i < nbucket; i++) {
		w[i].b.t0_ns = v[0].t_ns + (int64_t)(span * i / nbucket);
		w[i].b.t1_ns = v[0].t_ns + (int64_t)(span * (i + 1) / nbucket);
	}
	for (i = 0, j = 0; i < n; i++) {
		double x = kit_number(&v[i]);

		while (v[i].t_ns >= w[j].b.t1_ns)
			j++;
		w[j].b.n++;
		w[j].b.status_or |= v[i].status;
		if (!hf_is_good(v[i].status))
			continue;
		w[j].b.n_good++;
		if (v[i].vtype == HF_V_STR)
			continue;
		if (w[j].nnum++ == 0)
			w[j].b.min = w[j].b.max = w[j].b.first = x;
		w[j].b.min = x < w[j].b.min ? x : w[j].b.min;
		w[j].b.max = x > w[j].b.max ? x : w[j].b.max;
		w[j].b.last = x;
		w[j].sum += x;
	}
	is_same = p.n == nbucket;
	for (i = 0; i < nbucket && is_same; i++) {
		const struct hf_bucket *a = &p.bk[i], *b = &w[i].b;

		is_same = a->t0_ns == b->t0_ns && a->t1_ns == b->t1_ns &&
			  a->n == b->n && a->n_good == b->n_good &&
			  a->status_or == b->status_or;
		if (is_same && w[i].nnum > 0)
			is_same = a->min == b->min && a->max == b->max &&
				  a->first == b->first && a->last == b->last &&
				  a->mean == w[i].sum / w[i].nnum;
		else if (is_same)
			is_same =
			    isnan(a->min) && isnan(a->mean) && isnan(a->first);
		if (!is_same)
			fprintf(stderr,
			    "# bucket %zu of %u differs: n %u %u"
			    " min %g %g mean %g %g\n",
			    i, nbucket, a->n, b->n, a->min, b->min, a->mean,
			    w[i].sum / w[i].nnum);
	}
	free(w);
	free(v);
	hf_points_fini(&p);
	return is_same;
}

static void
all_agree(struct kit *k, const struct kit_oracle *o, struct kit_gen *g)
{
	int64_t lo = INT64_MAX, hi = 0, a, b;
	size_t i;

	for (i = 0; i < o->n; i++) {
		lo = o->v[i].t_ns < lo ? o->v[i].t_ns : lo;
		hi = o->v[i].t_ns > hi ? o->v[i].t_ns : hi;
	}
	for (i = 0; i < NTAG; i++) {
		assert_true(
		    kit_raw_agrees(k, o, 1000 + i, INT64_MIN, INT64_MAX));
		a = lo + (int64_t)kit_below(&g->r, (uint64_t)(hi - lo) + 1);
		b = a + (int64_t)kit_below(&g->r, (uint64_t)(hi - a) + 2);
		assert_true(kit_raw_agrees(k, o, 1000 + i, a, b));
		assert_true(buckets_agree(k, o, 1000 + i, INT64_MIN, INT64_MAX,
		    1 + (uint32_t)kit_below(&g->r, 40)));
		assert_true(buckets_agree(k, o, 1000 + i, a, b,
		    1 + (uint32_t)kit_below(&g->r, 2000)));
	}
}

static void
random_run(uint64_t seed, int64_t t0_ns, int64_t step_ns, int nround)
{
	struct kit_gen g = gen(seed, t0_ns, step_ns);
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < nround; i++) {
		put_random(&k, &o, &g, 1 + kit_below(&g.r, 400));
		switch (kit_below(&g.r, 8)) {
		case 0:
			kit_fold(&k);
			break;
		case 1:
			kit_shut(&k);
			kit_open(&k);
			break;
		case 2:
			all_agree(&k, &o, &g);
			break;
		}
	}
	all_agree(&k, &o, &g);
	kit_fold(&k);
	all_agree(&k, &o, &g);
	kit_shut(&k);
	kit_open(&k);
	all_agree(&k, &o, &g);
	free(o.v);
	kit_end(&k);
}

static void
random_samples_come_back_bit_exact(void **st)
{
	random_run(1, T0, HF_NS_PER_S, 60);
	random_run(2, T0, HF_NS_PER_MS / 10, 60);
}

static void
month_borders_are_no_borders_for_a_query(void **st)
{
	/* a step of six hours crosses months all the time, also backwards */
	random_run(3, T0, 6 * 3600 * HF_NS_PER_S, 50);
	random_run(4, 0, 24 * 3600 * HF_NS_PER_S, 30); /* from 1970 on */
}

static void
many_samples_at_one_time_keep_their_order(void **st)
{
	/* a step of 1 ns: thousands of samples within one millisecond */
	random_run(5, T0, 1, 60);
}

static void
one_busy_tag_fills_and_cuts_chunks(void **st)
{
	struct kit_gen g = gen(6, T0, 100);
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int i;

	g.ntag = 1;
	kit_begin(&k);
	for (i = 0; i < 24; i++) {
		put_random(&k, &o, &g, 400);
		if (i % 5 == 4)
			kit_fold(&k);
	}
	all_agree(&k, &o, &g);
	free(o.v);
	kit_end(&k);
}

static void
fold_between_copy_and_query_shows_nothing_twice(void **st)
{
	struct kit_gen g = gen(7, T0, HF_NS_PER_S);
	struct kit_oracle o = {.n = 0};
	struct hf_open_copy *c[NTAG];
	struct hf_err err = {.rc = 0};
	struct hf_points p;
	struct kit_sample *v;
	struct kit k;
	size_t i, n, j;

	kit_begin(&k);
	put_random(&k, &o, &g, 1000);
	kit_fold(&k);
	put_random(&k, &o, &g, 1000);
	for (i = 0; i < NTAG; i++)
		c[i] = hf_store_copy_open(k.s, 1000 + i, INT64_MIN, INT64_MAX);
	kit_fold(&k);
	for (i = 0; i < NTAG; i++) {
		MUST_OK(hf_reader_query(k.r, c[i], 1000 + i, INT64_MIN,
			    HF_TIME_NONE, 0, 0, &p, &err),
		    err);
		v = kit_oracle_get(&o, 1000 + i, INT64_MIN, INT64_MAX, &n);
		assert_int_equal(p.n, n);
		for (j = 0; j < n; j++)
			assert_true(kit_point_is(&p, j, &v[j]));
		free(v);
		hf_points_fini(&p);
		hf_open_copy_free(c[i]);
	}
	free(o.v);
	kit_end(&k);
}

static void
limit_truncates_and_says_so(void **st)
{
	struct kit_gen g = gen(8, T0, HF_NS_PER_S);
	struct kit_oracle o = {.n = 0};
	struct hf_err err = {.rc = 0};
	struct hf_points p;
	struct kit k;

	g.ntag = 1;
	kit_begin(&k);
	put_random(&k, &o, &g, 1000);
	kit_fold(&k);
	MUST_OK(hf_reader_query(
		    k.r, NULL, 1000, INT64_MIN, HF_TIME_NONE, 0, 10, &p, &err),
	    err);
	assert_int_equal(p.n, 10);
	assert_true(p.is_truncated);
	hf_points_fini(&p);
	assert_int_equal(hf_reader_query(k.r, NULL, 1000, INT64_MIN,
			     HF_TIME_NONE, 11, 10, &p, &err),
	    HF_ELIMIT);
	free(o.v);
	kit_end(&k);
}

static void
unknown_tag_and_empty_span_give_an_empty_answer(void **st)
{
	struct hf_points p;
	struct kit k;

	kit_begin(&k);
	kit_query(&k, 5, INT64_MIN, INT64_MAX, 0, &p);
	assert_int_equal(p.n, 0);
	hf_points_fini(&p);
	kit_query(&k, 5, 10, 10, 7, &p);
	assert_int_equal(p.n, 0);
	hf_points_fini(&p);
	kit_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_samples_come_back_bit_exact),
	    cmocka_unit_test(month_borders_are_no_borders_for_a_query),
	    cmocka_unit_test(many_samples_at_one_time_keep_their_order),
	    cmocka_unit_test(one_busy_tag_fills_and_cuts_chunks),
	    cmocka_unit_test(fold_between_copy_and_query_shows_nothing_twice),
	    cmocka_unit_test(limit_truncates_and_says_so),
	    cmocka_unit_test(unknown_tag_and_empty_span_give_an_empty_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
