/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_bad_test.c - signals that are constant, missing, not a number or no
 * longer what they were: each has a defined effect, is said, and does not take
 * the others with it. Also lateness of groups, and drift.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"
#include "model/quality.h"

#define NTAG 4
#define NLEARN 300

static struct tp_events ev, replayed;
static struct hf_counters ctr;
static const char *const groups[] = {"mewma", "t2", "pca"};
static const char *const singles[] = {"ewma", "cusum", "season"};

static const char *
tag_path(int i)
{
	static char path[8][16];

	snprintf(path[i], sizeof(path[i]), "a/b/c/s%d", i);
	return path[i];
}

static struct hf_rule *
begin(struct tp *t, const char *method)
{
	struct hf_rule *r;
	int i;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(t, NTAG, 1);
	tp_asset(t, "a/b/c");
	for (i = 0; i < NTAG; i++)
		tp_tag(t, tag_path(i), "bar");
	tp_detector(t, "d", method, "a/b/c/*", 0, NLEARN);
	r = tp_rule(t, "r", "d");
	if (hf_method_find(method)->is_group)
		r->per = HF_PER_RULE;
	return r;
}

static void
end(struct tp *t, struct hf_engine *e)
{
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(t);
}

static bool
listing_says(const struct hf_engine *e, const char *text)
{
	struct hf_buf b;
	bool has;

	hf_buf_init(&b, 1 << 20);
	hf_engine_json(e, &b);
	has = strstr(hf_buf_cstr(&b), text) != NULL;
	hf_buf_fini(&b);
	return has;
}

enum how { FINE, CONSTANT, MISSING, NOT_A_NUMBER };

/* Rows [from, to): s3 is as `how` says, the others move together; from row
 * `odd` on s1 breaks the relation. */
static void
feed(struct hf_engine *e, int from, int to, enum how how, int odd)
{
	struct tp_rng r = {(uint64_t)from + 12};
	double common, x;
	int i, k;

	for (i = from; i < to; i++) {
		common = tp_normal(&r);
		for (k = 0; k < NTAG; k++) {
			x = common + 0.3 * tp_normal(&r);
			if (k == 1 && i >= odd)
				x -= 6;
			if (k == 3 && how == CONSTANT)
				x = 5;
			if (k == 3 && how == NOT_A_NUMBER)
				x = NAN;
			if (k == 3 && how == MISSING)
				continue;
			tp_feed1(e, (uint64_t)i + 1, tag_path(k), i * TP_S, x,
			    HF_GOOD);
		}
	}
}

static void
group_watches_the_others(enum how how, const char *why)
{
	struct hf_engine *e;
	struct tp t;
	size_t m, n[3];

	for (m = 0; m < 3; m++) {
		begin(&t, groups[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		feed(e, 0, 500, how, 600);
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_READY], 1);
		assert_int_equal(ev.n, 0);
		assert_true(listing_says(e, why));
		assert_true(listing_says(e, "watches the others"));
		feed(e, 500, 700, how, 600);
		assert_true(ev.n >= 1);
		assert_true(ev.v[0].to_ns >= 600 * TP_S);
		assert_non_null(strstr(ev.v[0].json, "a/b/c/s1"));
		end(&t, e);
	}
}

static void
group_with_a_constant_member_watches_the_others(void **state)
{
	group_watches_the_others(CONSTANT, "s3: constant while learning");
}

static void
group_with_a_missing_member_watches_the_others(void **state)
{
	group_watches_the_others(MISSING, "s3: missing while learning");
}

static void
group_with_a_member_that_is_no_number_watches_the_others(void **state)
{
	group_watches_the_others(NOT_A_NUMBER, "s3: missing while learning");
}

static void
group_member_that_falls_silent_is_named_and_raises_nothing(void **state)
{
	struct hf_engine *e;
	struct tp t;
	size_t m;

	for (m = 0; m < 3; m++) {
		begin(&t, groups[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		feed(e, 0, 400, FINE, 999);
		assert_false(listing_says(e, "no good value"));
		feed(e, 400, 500, MISSING, 999);
		assert_true(listing_says(e, "s3: no good value for 10 rows"));
		assert_int_equal(ev.n, 0);
		end(&t, e);
	}
}

static void
group_without_any_live_member_is_blind_and_says_why(void **state)
{
	struct hf_engine *e;
	struct tp t;
	size_t m, n[3];
	int i, k;

	for (m = 0; m < 3; m++) {
		begin(&t, groups[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		for (i = 0; i < 400; i++)
			for (k = 0; k < NTAG; k++)
				tp_feed1(e, 1, tag_path(k), i * TP_S, k, 0);
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_BLIND], 1);
		assert_true(
		    listing_says(e, "\"why\":\"constant while learning\""));
		end(&t, e);
	}
}

static void
single_signal_constant_while_learning_is_blind(void **state)
{
	struct hf_engine *e;
	struct tp t;
	size_t m, n[3];
	int i;

	for (m = 0; m < 3; m++) {
		begin(&t, singles[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		for (i = 0; i < 400; i++)
			tp_feed1(e, 1, tag_path(0), i * TP_S, 5, 0);
		tp_feed1(e, 1, tag_path(0), 401 * TP_S, 99, 0);
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_BLIND], 1);
		assert_true(listing_says(e, "constant while learning"));
		assert_int_equal(ev.n, 0);
		end(&t, e);
	}
}

static void
single_signal_that_is_no_number_shows_as_blind(void **state)
{
	struct hf_engine *e;
	struct tp t;
	size_t m, n[3];
	int i;

	for (m = 0; m < 3; m++) {
		begin(&t, singles[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		for (i = 0; i < 20; i++)
			tp_feed1(e, 1, tag_path(0), i * TP_S, NAN, 0);
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_BLIND], 1);
		assert_int_equal(ctr.v[HF_C_C_STEPS], 0);
		assert_true(listing_says(e, "no good value for 10 samples"));
		end(&t, e);
	}
}

/* ---- other numbers under the same name ---- */

enum { NEW_UNIT, NEW_TYPE, NEW_SCALE };

static void
change(struct tp *t, int what)
{
	struct hf_tag *g = &t->p->tags[1];

	if (what == NEW_UNIT)
		g->unit = tp_str(t, "kPa");
	if (what == NEW_TYPE)
		g->type = HF_T_I16;
	if (what == NEW_SCALE) {
		g->raw_lo = g->scale_lo = 0;
		g->raw_hi = 100;
		g->scale_hi = 10;
	}
}

static void
tag_with_another_unit_type_or_scale_is_learned_anew_and_said(void **state)
{
	struct hf_engine *old, *e;
	struct hf_err err = {0};
	struct hf_buf b;
	struct tp t, u;
	uint64_t seq;
	size_t n[3];
	int what;

	for (what = NEW_UNIT; what <= NEW_SCALE; what++) {
		begin(&t, "ewma");
		tp_finish(&t);
		old = tp_engine(&t, &ctr, &ev);
		feed(old, 0, 400, FINE, 999);
		hf_engine_learning(old, n);
		assert_int_equal(n[HF_LS_READY], NTAG);
		hf_buf_init(&b, 1 << 20);
		assert_int_equal(hf_engine_save(old, 0, &b), HF_OK);
		begin(&u, "ewma");
		change(&u, what);
		tp_finish(&u);
		e = tp_engine(&u, &ctr, &ev);
		assert_int_equal(
		    hf_engine_load(e, 0, b.p, b.len, &seq, &err), HF_ENOTFOUND);
		assert_non_null(strstr(err.msg, "unit"));
		assert_non_null(strstr(err.msg, "learns anew"));
		hf_engine_adopt(e, old);
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_LEARNING], NTAG);
		hf_buf_fini(&b);
		hf_engine_free(old);
		tp_fini(&t);
		end(&u, e);
	}
}

/* ---- drift ---- */

static void
drift_is_reported_with_its_time_and_ends(void **state)
{
	struct tp_rng r = {5};
	struct hf_engine *e;
	struct tp t;
	size_t n[3];
	int i;

	begin(&t, "ewma");
	((struct hf_ewma_conf *)t.p->detectors[0].conf)->L = 20;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 2000; i++)
		tp_feed1(e, 1, tag_path(0), i * TP_S, tp_normal(&r), 0);
	assert_int_equal(hf_engine_ndrifted(e), 0);
	for (; i < 3000; i++)
		tp_feed1(e, 1, tag_path(0), i * TP_S, 3 + tp_normal(&r), 0);
	assert_int_equal(hf_engine_ndrifted(e), 1);
	hf_engine_learning(e, n);
	assert_int_equal(n[HF_LS_READY], 1); /* drifted is ready, too */
	assert_true(listing_says(e, "\"state\":\"drifted\""));
	assert_true(listing_says(e, "drifted since 1970-01-01T00:3"));
	assert_int_equal(ev.n, 0); /* it is no alarm */
	for (; i < 5000; i++)
		tp_feed1(e, 1, tag_path(0), i * TP_S, tp_normal(&r), 0);
	assert_int_equal(hf_engine_ndrifted(e), 0);
	end(&t, e);
}

static void
noise_and_alarms_are_no_drift(void **state)
{
	struct tp_rng r = {5};
	struct hf_engine *e;
	struct tp t;
	double level = 0;
	size_t m;
	int i, k;

	for (m = 0; m < 3; m++) {
		begin(&t, singles[m]);
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		for (i = 0; i < 20000; i++) {
			level = 0.8 * level + 0.6 * tp_normal(&r);
			for (k = 0; k < NTAG; k++)
				tp_feed1(e, 1, tag_path(k), i * TP_S,
				    level + tp_normal(&r) +
					(i % 5000 > 4900 ? 50 : 0),
				    0);
			assert_true(i % 500 != 0 || hf_engine_ndrifted(e) == 0);
		}
		end(&t, e);
	}
}

/* ---- lateness of groups ---- */

static void
sample_for_a_row_that_was_stepped_is_late_for_everybody(void **state)
{
	struct hf_limit_conf *c;
	struct hf_engine *e;
	struct tp t;
	int i;

	begin(&t, "t2");
	c = tp_detector(&t, "bounds", "limit", "a/b/c/*", 0, 0);
	c->hi_warn = 10;
	tp_rule(&t, "hot", "bounds");
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 20; i++) /* s3 is silent; rows close behind it */
		assert_int_equal(
		    tp_feed1(e, 1, tag_path(0), i * TP_S, 1, 0), 0);
	/* newer than anything of s3, but row 11 is closed: */
	assert_int_equal(
	    tp_feed1(e, 1, tag_path(3), 11 * TP_S, 99, 0), HF_F_LATE);
	assert_int_equal(
	    tp_feed1(e, 1, tag_path(3), 11 * TP_S + 1, 99, HF_BAD_TIMEOUT),
	    HF_F_LATE);
	assert_int_equal(ev.n, 0); /* nor did the bounds see it */
	assert_int_equal(tp_feed1(e, 1, tag_path(3), 12 * TP_S, 99, 0), 0);
	assert_int_equal(ev.n, 1);
	end(&t, e);
}

#define NSAMPLE 6000

struct arrival {
	struct hf_sample s;
	double at; /* when it comes, seconds */
};

static int
by_arrival(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int
by_time(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;

	if (x->s.t_ns != y->s.t_ns)
		return x->s.t_ns < y->s.t_ns ? -1 : 1;
	return (x->s.tag > y->s.tag) - (x->s.tag < y->s.tag);
}

static int
by_id(const void *a, const void *b)
{
	const struct tp_event *x = a, *y = b;

	return memcmp(x->id, y->id, HF_SHA256_LEN);
}

/* Mostly in order, some seconds late, some much later; bad ones among them; a
 * tag that is silent for a while. */
static void
make_arrivals(struct arrival *v, uint64_t seed)
{
	struct tp_rng r = {seed};
	int i, k;

	for (i = 0; i < NSAMPLE; i++) {
		double delay = tp_uniform(&r), x = tp_normal(&r);

		k = i % NTAG;
		if (tp_uniform(&r) < 0.1)
			delay += 12 * tp_uniform(&r);
		if (tp_uniform(&r) < 0.01)
			delay += 300 * tp_uniform(&r);
		if (k == 2 && i > 3000 && i < 3200)
			delay += 60;
		if (i > 2500 && i % 500 < 60 && k < 2)
			x += 8;
		v[i] = (struct arrival){
		    .s = {.tag = hf_tag_key(tag_path(k)),
			.t_ns = i / NTAG * TP_S +
				(int64_t)(tp_uniform(&r) * 5e8) * (i % 3 > 0),
			.vtype = HF_V_F64,
			.v.f64 = x},
		    .at = i / NTAG + delay};
		if (tp_uniform(&r) < 0.02)
			v[i].s.status = HF_BAD_TIMEOUT;
	}
}

static struct hf_engine *
new_mixed(struct tp *t, struct tp_events *into)
{
	struct hf_limit_conf *c;
	struct hf_rule *r;
	size_t i;

	r = begin(t, "mewma");
	r->k = 2;
	r->n = 3;
	for (i = 1; i < 3; i++) {
		tp_detector(t, groups[i], groups[i], "a/b/c/*", 0, NLEARN);
		r = tp_rule(t, groups[i], groups[i]);
		r->per = HF_PER_RULE;
		r->refractory_ns = 5 * TP_S;
	}
	c = tp_detector(t, "bounds", "limit", "a/b/c/*", 0, 0);
	c->hi_warn = 4;
	tp_rule(t, "hot", "bounds");
	tp_detector(t, "ewma", "ewma", "a/b/c/*", 0, NLEARN);
	tp_rule(t, "unusual", "ewma");
	tp_finish(t);
	return tp_engine(t, &ctr, into);
}

static size_t
run(struct tp_events *into, struct arrival *v, size_t n)
{
	struct hf_engine *e;
	struct tp t;
	size_t i, nlate = 0;

	e = new_mixed(&t, into);
	for (i = 0; i < n; i++) {
		struct hf_batch b = {.source = 1, .n = 1, .s = &v[i].s};

		hf_engine_feed(e, i + 1, &b);
		nlate += (v[i].s.flags & HF_F_LATE) != 0;
	}
	hf_engine_free(e);
	tp_fini(&t);
	return nlate;
}

/* Whatever order samples come in, the events are those of a replay of what was
 * not late, in order of time: the property that replay from history needs. */
static void
replay_in_order_of_time_without_the_late_gives_the_same_events(void **state)
{
	static struct arrival v[NSAMPLE];
	size_t i, n, nlate;
	uint64_t seed;

	for (seed = 1; seed <= 12; seed++) {
		make_arrivals(v, seed);
		qsort(v, NSAMPLE, sizeof(v[0]), by_arrival);
		nlate = run(&ev, v, NSAMPLE);
		assert_true(nlate > 50 && nlate < NSAMPLE / 2);
		for (i = n = 0; i < NSAMPLE; i++)
			if ((v[i].s.flags & HF_F_LATE) == 0)
				v[n++] = v[i];
		qsort(v, n, sizeof(v[0]), by_time);
		assert_int_equal(run(&replayed, v, n), 0);
		assert_true(ev.n > 20);
		assert_int_equal(ev.n, replayed.n);
		qsort(ev.v, ev.n, sizeof(ev.v[0]), by_id);
		qsort(replayed.v, ev.n, sizeof(ev.v[0]), by_id);
		for (i = 0; i < ev.n; i++) {
			assert_memory_equal(
			    ev.v[i].id, replayed.v[i].id, HF_SHA256_LEN);
			assert_true(ev.v[i].score == replayed.v[i].score);
		}
		tp_events_fini(&ev);
		tp_events_fini(&replayed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(group_with_a_constant_member_watches_the_others),
	    cmocka_unit_test(group_with_a_missing_member_watches_the_others),
	    cmocka_unit_test(
		group_with_a_member_that_is_no_number_watches_the_others),
	    cmocka_unit_test(
		group_member_that_falls_silent_is_named_and_raises_nothing),
	    cmocka_unit_test(
		group_without_any_live_member_is_blind_and_says_why),
	    cmocka_unit_test(single_signal_constant_while_learning_is_blind),
	    cmocka_unit_test(single_signal_that_is_no_number_shows_as_blind),
	    cmocka_unit_test(
		tag_with_another_unit_type_or_scale_is_learned_anew_and_said),
	    cmocka_unit_test(drift_is_reported_with_its_time_and_ends),
	    cmocka_unit_test(noise_and_alarms_are_no_drift),
	    cmocka_unit_test(
		sample_for_a_row_that_was_stepped_is_late_for_everybody),
	    cmocka_unit_test(
		replay_in_order_of_time_without_the_late_gives_the_same_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
