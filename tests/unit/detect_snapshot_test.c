/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_snapshot_test.c - state out and in: a restored run is the straight
 * run, byte for byte; damaged snapshots are refused. The golden snapshots are
 * in tests/fault/detect_golden_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"

#define NFRAME 400
#define NPER 20 /* samples in a frame */
#define NTAG 5
#define NDET 9

struct frame {
	struct hf_sample s[NPER];
};

static struct frame frames[NFRAME];
static struct tp_events straight, restored;

static const char *const more[] = {"cusum", "season", "t2", "pca"};

static void
budgeted(struct tp *t)
{
	struct hf_detector *d = &t->p->detectors[t->p->ndetector];

	tp_detector(t, "shared", "ewma", "a/b/c/*", 0, 600);
	t->p->positions =
	    hf_arena_calloc(t->p->arena, 1, sizeof(*t->p->positions));
	t->p->positions[0].name = tp_str(t, "operator");
	t->p->positions[0].budget_hz = 0.01;
	t->p->nposition = 1;
	d->position = tp_str(t, "operator");
	d->limit_from = HF_LIMIT_BUDGET;
}

/* Every method; every kind of rule; a blind signal; steps in both
 * directions. */
static void
make_plant(struct tp *t)
{
	struct hf_limit_conf *l;
	struct hf_mewma_conf *m;
	struct hf_ewma_conf *e;
	struct hf_rule *r;
	char path[64];
	int i;

	tp_init(t, NTAG, 1);
	tp_asset(t, "a/b/c");
	for (i = 0; i < NTAG; i++) {
		snprintf(path, sizeof(path), "a/b/c/s%d", i);
		tp_tag(t, path, "bar");
	}
	l = tp_detector(t, "bounds", "limit", "a/b/c/*", 0, 0);
	l->hi_warn = 4;
	l->hi_trip = 7;
	l->hold_ns = 3 * TP_S;
	l->hysteresis = 0.5;
	tp_detector(t, "health", "ewma", "a/b/c/*", 900 * TP_S, 0);
	m = tp_detector(t, "together", "mewma", "a/b/c/*", 0, 500);
	m->grid_ns = TP_S;
	/* alarms all the time: rings of k of n are full at every cut */
	e = tp_detector(t, "fidgets", "ewma", "a/b/c/*", 0, 40);
	e->L = 1;
	e->lambda = 1;
	e->autocorrelation = false;
	for (i = 0; i < 4; i++)
		tp_detector(t, more[i], more[i], "a/b/c/*", 0, 300);
	budgeted(t);
	for (i = 0; i < 5; i++) {
		r = tp_rule(t, t->p->detectors[4 + i].name,
		    t->p->detectors[4 + i].name);
		r->refractory_n = i;
		r->off_level = 1 - 0.1 * i;
		r->k = r->n = 2;
		if (hf_method_find(t->p->detectors[4 + i].method)->is_group)
			r->per = HF_PER_RULE;
	}
	r = tp_rule(t, "nervous", "fidgets");
	r->k = 4;
	r->n = 9;
	r->off_n = 3;
	r = tp_rule(t, "hot", "bounds");
	r->refractory_ns = 20 * TP_S;
	r = tp_rule(t, "wear", "health");
	r->per = HF_PER_ASSET;
	r->nvar = 2;
	r->k = 3;
	r->n = 5;
	r->off_n = 25; /* some frames: cuts fall into it */
	r->refractory_ns = 60 * TP_S;
	r = tp_rule(t, "odd", "together");
	r->per = HF_PER_RULE;
	r->k = r->n = 2;
	tp_finish(t);
}

static void
make_frames(uint64_t seed)
{
	struct tp_rng r = {seed};
	double level[NTAG] = {0};
	int f, i, tag;

	for (f = 0; f < NFRAME; f++) {
		for (i = 0; i < NPER; i++) {
			struct hf_sample *s = &frames[f].s[i];
			char path[64];
			double shift;

			tag = i % NTAG;
			level[tag] = 0.8 * level[tag] + 0.6 * tp_normal(&r);
			shift = f > 250 && f % 50 < 15 && tag < 3 ? 6 : 0;
			snprintf(path, sizeof(path), "a/b/c/s%d", tag);
			*s = (struct hf_sample){.tag = hf_tag_key(path),
			    .t_ns = (f * NPER + i) / NTAG * TP_S,
			    .vtype = HF_V_F64,
			    .v.f64 = tag == 4 ? 1 : level[tag] + shift};
			if (tp_uniform(&r) < 0.02)
				s->t_ns -= 5 * TP_S;
			if (tp_uniform(&r) < 0.02)
				s->status = UINT32_C(0x80000000);
		}
	}
}

/* Frame numbers count from 1. Saves and restores before frame `cut`. */
static void
feed_frames(struct hf_engine *e, int first, int last)
{
	struct frame copy;
	struct hf_batch b = {.source = 1, .n = NPER, .s = copy.s};
	int f;

	for (f = first; f <= last; f++) {
		copy = frames[f - 1];
		hf_engine_feed(e, (uint64_t)f, &b);
	}
}

static void
save_all(struct hf_engine *e, struct hf_buf *b)
{
	size_t i;

	for (i = 0; i < hf_engine_ndetector(e); i++) {
		hf_buf_reset(&b[i]);
		assert_int_equal(hf_engine_save(e, i, &b[i]), HF_OK);
	}
}

static void
init_bufs(struct hf_buf *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		hf_buf_init(&b[i], 1 << 20);
}

static void
fini_bufs(struct hf_buf *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		hf_buf_fini(&b[i]);
}

static void
assert_same_state(const struct hf_buf *a, const struct hf_buf *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->p, b->p, a->len);
}

/* The log as it stands on disk holds the flags that the first run set. */
static void
store_flags(struct tp *t)
{
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct hf_batch b = {.source = 1, .n = NPER};
	int f;

	e = tp_engine(t, &ctr, &straight);
	for (f = 1; f <= NFRAME; f++) {
		b.s = frames[f - 1].s;
		hf_engine_feed(e, (uint64_t)f, &b);
	}
	hf_engine_free(e);
	tp_events_fini(&straight);
}

static void
one_cut(struct tp *t, int cut, int back)
{
	struct hf_counters ctr = {0};
	struct hf_buf mid[NDET], end[2][NDET];
	struct hf_err err = {0};
	struct hf_engine *e;
	uint64_t seq = 0;
	size_t i, n0;

	init_bufs(mid, NDET);
	init_bufs(end[0], NDET);
	init_bufs(end[1], NDET);
	e = tp_engine(t, &ctr, &straight);
	feed_frames(e, 1, cut);
	save_all(e, mid);
	n0 = straight.n;
	feed_frames(e, cut + 1, NFRAME);
	save_all(e, end[0]);
	hf_engine_free(e);

	e = tp_engine(t, &ctr, &restored);
	for (i = 0; i < NDET; i++) {
		assert_int_equal(
		    hf_engine_load(e, i, mid[i].p, mid[i].len, &seq, &err),
		    HF_OK);
		assert_int_equal(seq, cut);
	}
	/* the log still holds frames that the snapshot covers */
	feed_frames(e, cut - back + 1, cut);
	save_all(e, end[1]);
	for (i = 0; i < NDET; i++)
		assert_same_state(&mid[i], &end[1][i]);
	feed_frames(e, cut + 1, NFRAME);
	save_all(e, end[1]);
	for (i = 0; i < NDET; i++)
		assert_same_state(&end[0][i], &end[1][i]);
	assert_int_equal(restored.n, straight.n - n0);
	for (i = 0; i < restored.n; i++)
		assert_string_equal(
		    restored.v[i].json, straight.v[n0 + i].json);
	hf_engine_free(e);
	tp_events_fini(&straight);
	tp_events_fini(&restored);
	fini_bufs(mid, NDET);
	fini_bufs(end[0], NDET);
	fini_bufs(end[1], NDET);
}

static void
restore_and_replay_is_the_straight_run_bit_for_bit(void **state)
{
	struct tp_rng r = {2024};
	struct tp t;
	int i, cut;

	make_plant(&t);
	for (i = 0; i < 40; i++) {
		make_frames(1000 + (uint64_t)i);
		store_flags(&t);
		cut = 1 + (int)(tp_uniform(&r) * (NFRAME - 2));
		one_cut(&t, cut, cut < 10 ? cut : 10);
	}
	tp_fini(&t);
}

static void
runs_of_the_property_test_raise_events_of_every_rule(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct tp t;
	size_t i, k, n;

	make_plant(&t);
	make_frames(1000);
	e = tp_engine(&t, &ctr, &straight);
	feed_frames(e, 1, NFRAME);
	for (k = 0; k < t.p->nrule; k++) {
		for (i = n = 0; i < straight.n; i++)
			n +=
			    strcmp(straight.v[i].rule, t.p->rules[k].name) == 0;
		if (n < 2)
			fail_msg("%s: %zu events", t.p->rules[k].name, n);
	}
	hf_engine_free(e);
	tp_events_fini(&straight);
	tp_fini(&t);
}

static void
new_detector_sees_frames_that_others_have_in_a_snapshot(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_buf mid[NDET], end[2][NDET];
	struct hf_engine *e;
	uint64_t seq;
	struct tp t;

	make_plant(&t);
	make_frames(77);
	store_flags(&t);
	init_bufs(mid, NDET);
	init_bufs(end[0], NDET);
	init_bufs(end[1], NDET);
	e = tp_engine(&t, &ctr, &straight);
	feed_frames(e, 1, 200);
	save_all(e, mid);
	feed_frames(e, 201, NFRAME);
	save_all(e, end[0]);
	hf_engine_free(e);
	e = tp_engine(&t, &ctr, &restored);
	assert_int_equal(
	    hf_engine_load(e, 0, mid[0].p, mid[0].len, &seq, NULL), HF_OK);
	feed_frames(e, 1, NFRAME); /* 1 and 2 were lost: from the beginning */
	save_all(e, end[1]);
	assert_same_state(&end[0][0], &end[1][0]);
	assert_same_state(&end[0][1], &end[1][1]);
	assert_same_state(&end[0][2], &end[1][2]);
	hf_engine_free(e);
	tp_events_fini(&straight);
	tp_events_fini(&restored);
	fini_bufs(mid, NDET);
	fini_bufs(end[0], NDET);
	fini_bufs(end[1], NDET);
	tp_fini(&t);
}

/* The watermark stands on a bad sample, which no signal stepped with. */
static void
restored_engine_knows_what_is_late(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct hf_buf b;
	uint64_t seq;
	struct tp t;

	make_plant(&t);
	hf_buf_init(&b, 1 << 20);
	e = tp_engine(&t, &ctr, &straight);
	tp_feed1(e, 1, "a/b/c/s0", 10, 1, 0);
	tp_feed1(e, 2, "a/b/c/s0", 20, 1, UINT32_C(0x80000000));
	assert_int_equal(hf_engine_save(e, 0, &b), HF_OK);
	hf_engine_free(e);
	e = tp_engine(&t, &ctr, &straight);
	assert_int_equal(hf_engine_load(e, 0, b.p, b.len, &seq, NULL), HF_OK);
	assert_int_equal(tp_feed1(e, 3, "a/b/c/s0", 15, 1, 0), HF_F_LATE);
	assert_int_equal(tp_feed1(e, 3, "a/b/c/s0", 20, 1, 0), HF_F_LATE);
	assert_int_equal(tp_feed1(e, 3, "a/b/c/s0", 21, 1, 0), 0);
	hf_engine_free(e);
	tp_events_fini(&straight);
	hf_buf_fini(&b);
	tp_fini(&t);
}

static void
snapshot_with_one_flipped_bit_is_refused_whole(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_buf good, fresh, after;
	struct hf_engine *e;
	uint64_t seq;
	struct tp t;
	size_t i, k;

	make_plant(&t);
	make_frames(5);
	for (k = 0; k < NDET; k++) {
		hf_buf_init(&good, 1 << 20);
		hf_buf_init(&fresh, 1 << 20);
		e = tp_engine(&t, &ctr, &straight);
		assert_int_equal(hf_engine_save(e, k, &fresh), HF_OK);
		feed_frames(e, 1, 300);
		assert_int_equal(hf_engine_save(e, k, &good), HF_OK);
		hf_engine_free(e);
		e = tp_engine(&t, &ctr, &straight);
		for (i = 0; i < good.len; i += 37) {
			good.p[i] ^= 4;
			assert_int_equal(
			    hf_engine_load(e, k, good.p, good.len, &seq, NULL),
			    HF_ECORRUPT);
			good.p[i] ^= 4;
		}
		for (i = 0; i < good.len; i += 97)
			assert_int_equal(
			    hf_engine_load(e, k, good.p, i, &seq, NULL),
			    HF_ECORRUPT);
		hf_buf_init(&after, 1 << 20);
		assert_int_equal(hf_engine_save(e, k, &after), HF_OK);
		assert_same_state(&fresh, &after);
		hf_buf_fini(&after);
		hf_buf_fini(&good);
		hf_buf_fini(&fresh);
		hf_engine_free(e);
		tp_events_fini(&straight);
	}
	tp_fini(&t);
}

static void
snapshot_of_other_settings_is_not_taken_and_says_so(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_err err = {0};
	struct hf_engine *e;
	struct hf_buf b;
	uint64_t seq;
	struct tp t;

	hf_buf_init(&b, 1 << 20);
	make_plant(&t);
	make_frames(6);
	e = tp_engine(&t, &ctr, &straight);
	feed_frames(e, 1, 300);
	assert_int_equal(hf_engine_save(e, 1, &b), HF_OK);
	hf_engine_free(e);
	((struct hf_ewma_conf *)t.p->detectors[1].conf)->L = 5;
	e = tp_engine(&t, &ctr, &straight);
	assert_int_equal(
	    hf_engine_load(e, 1, b.p, b.len, &seq, &err), HF_ENOTFOUND);
	assert_non_null(strstr(err.msg, "learns anew"));
	hf_engine_free(e);
	tp_events_fini(&straight);
	hf_buf_fini(&b);
	tp_fini(&t);
}

static void
changed_rule_keeps_what_its_detector_learned(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct hf_buf b;
	uint64_t seq;
	size_t n[3];
	struct tp t;

	hf_buf_init(&b, 1 << 20);
	make_plant(&t);
	make_frames(6);
	e = tp_engine(&t, &ctr, &straight);
	feed_frames(e, 1, 300);
	assert_int_equal(hf_engine_save(e, 1, &b), HF_OK);
	hf_engine_free(e);
	t.p->rules[2].k = 2; /* wear */
	e = tp_engine(&t, &ctr, &straight);
	assert_int_equal(hf_engine_load(e, 1, b.p, b.len, &seq, NULL), HF_OK);
	hf_engine_learning(e, n);
	assert_int_equal(n[HF_LS_BLIND], 1); /* s4 is constant */
	assert_int_equal(n[HF_LS_READY], NTAG /* limits */ + NTAG - 1);
	hf_engine_free(e);
	tp_events_fini(&straight);
	hf_buf_fini(&b);
	tp_fini(&t);
}

static void
reload_adopts_states_and_goes_on_with_the_next_frame(void **state)
{
	struct hf_counters ctr = {0};
	struct hf_buf end[2][NDET];
	struct hf_engine *e, *next;
	struct tp t;
	int i;

	make_plant(&t);
	make_frames(8);
	init_bufs(end[0], NDET);
	init_bufs(end[1], NDET);
	e = tp_engine(&t, &ctr, &straight);
	feed_frames(e, 1, NFRAME);
	save_all(e, end[0]);
	hf_engine_free(e);
	e = tp_engine(&t, &ctr, &restored);
	feed_frames(e, 1, 250);
	next = tp_engine(&t, &ctr, &restored);
	hf_engine_adopt(next, e);
	hf_engine_free(e);
	feed_frames(next, 251, NFRAME);
	save_all(next, end[1]);
	for (i = 0; i < NDET; i++)
		assert_same_state(&end[0][i], &end[1][i]);
	assert_int_equal(straight.n, restored.n);
	for (i = 0; i < (int)straight.n; i++)
		assert_string_equal(straight.v[i].json, restored.v[i].json);
	hf_engine_free(next);
	tp_events_fini(&straight);
	tp_events_fini(&restored);
	fini_bufs(end[0], NDET);
	fini_bufs(end[1], NDET);
	tp_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		restore_and_replay_is_the_straight_run_bit_for_bit),
	    cmocka_unit_test(
		runs_of_the_property_test_raise_events_of_every_rule),
	    cmocka_unit_test(
		new_detector_sees_frames_that_others_have_in_a_snapshot),
	    cmocka_unit_test(restored_engine_knows_what_is_late),
	    cmocka_unit_test(snapshot_with_one_flipped_bit_is_refused_whole),
	    cmocka_unit_test(
		snapshot_of_other_settings_is_not_taken_and_says_so),
	    cmocka_unit_test(changed_rule_keeps_what_its_detector_learned),
	    cmocka_unit_test(
		reload_adopts_states_and_goes_on_with_the_next_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
