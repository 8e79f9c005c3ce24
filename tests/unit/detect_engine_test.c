/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_engine_test.c - stepping, lateness, rules and what an event says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "detect_plant.h"
#include "model/quality.h"

#define TEMP "press/line1/press/temperature"

static struct tp_events ev;
static struct hf_counters ctr;

/* One tag, hi_warn 10, a rule; the test changes the rule before tp_finish. */
static struct hf_rule *
limit_plant(struct tp *t)
{
	struct hf_limit_conf *c;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(t, 1, 1);
	tp_asset(t, "press/line1/press");
	tp_tag(t, TEMP, "degC");
	c = tp_detector(t, "bounds", "limit", TEMP, 0, 0);
	c->hi_warn = 10;
	return tp_rule(t, "hot", "bounds");
}

static void
end(struct tp *t, struct hf_engine *e)
{
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(t);
}

static uint8_t
feed(struct hf_engine *e, int64_t s, double x)
{
	static uint64_t seq;

	return tp_feed1(e, ++seq, TEMP, s * TP_S, x, HF_GOOD);
}

static void
late_samples_are_flagged_and_never_fed(void **state)
{
	struct hf_engine *e;
	struct tp t;

	limit_plant(&t);
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	assert_int_equal(feed(e, 100, 5), 0);
	assert_int_equal(feed(e, 40, 99), HF_F_LATE);  /* backward step */
	assert_int_equal(feed(e, 100, 99), HF_F_LATE); /* duplicate stamp */
	assert_int_equal(feed(e, 99, 99), HF_F_LATE);
	assert_int_equal(ev.n, 0);
	assert_int_equal(ctr.v[HF_C_C_STEPS], 1);
	assert_int_equal(feed(e, 101, 99), 0);
	assert_int_equal(ev.n, 1);
	end(&t, e);
}

static void
sample_that_carries_the_late_flag_is_skipped(void **state)
{
	struct hf_sample s = {.tag = hf_tag_key(TEMP),
	    .t_ns = 5 * TP_S,
	    .vtype = HF_V_F64,
	    .flags = HF_F_LATE,
	    .v.f64 = 99};
	struct hf_batch b = {.source = 1, .seq = 1, .n = 1, .s = &s};
	struct hf_engine *e;
	struct tp t;

	limit_plant(&t);
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	hf_engine_feed(e, 1, &b);
	assert_int_equal(ev.n, 0);
	assert_int_equal(feed(e, 4, 5), 0); /* it moved no watermark either */
	end(&t, e);
}

static void
bad_and_string_samples_do_not_step_but_move_the_watermark(void **state)
{
	struct hf_sample s = {
	    .tag = hf_tag_key(TEMP), .t_ns = 2 * TP_S, .vtype = HF_V_STR};
	struct hf_batch b = {.source = 1, .seq = 2, .n = 1, .s = &s};
	struct hf_engine *e;
	struct tp t;

	limit_plant(&t);
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	assert_int_equal(tp_feed1(e, 1, TEMP, TP_S, 99, HF_BAD_TIMEOUT), 0);
	hf_engine_feed(e, 2, &b);
	assert_int_equal(tp_feed1(e, 3, TEMP, 3 * TP_S, NAN, HF_GOOD), 0);
	assert_int_equal(tp_feed1(e, 4, TEMP, 4 * TP_S, INFINITY, HF_GOOD), 0);
	assert_int_equal(ctr.v[HF_C_C_STEPS], 0);
	assert_int_equal(ev.n, 0);
	assert_int_equal(
	    tp_feed1(e, 5, TEMP, 4 * TP_S, 99, HF_GOOD), HF_F_LATE);
	assert_int_equal(tp_feed1(e, 6, TEMP, 5 * TP_S, 99, HF_UNCERTAIN), 0);
	assert_int_equal(ev.n, 1); /* uncertain steps */
	end(&t, e);
}

static void
lasting_bad_quality_shows_as_blind_until_a_good_value(void **state)
{
	size_t n[3];
	struct hf_engine *e;
	struct hf_buf b;
	struct tp t;
	int i;

	limit_plant(&t);
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 1; i <= 10; i++) {
		hf_engine_learning(e, n);
		assert_int_equal(n[HF_LS_BLIND], 0);
		tp_feed1(e, 1, TEMP, i, 0, HF_BAD_TIMEOUT);
	}
	hf_engine_learning(e, n);
	assert_int_equal(n[HF_LS_BLIND], 1);
	hf_buf_init(&b, 65536);
	hf_engine_json(e, &b);
	assert_non_null(strstr(hf_buf_cstr(&b), "no good value"));
	hf_buf_fini(&b);
	tp_feed1(e, 2, TEMP, 11, 5, HF_GOOD);
	hf_engine_learning(e, n);
	assert_int_equal(n[HF_LS_READY], 1);
	end(&t, e);
}

static void
rule_comes_on_at_k_of_n_and_returns_after_off_n(void **state)
{
	static const double x[] = {
	    99, 5, 99, 5, 5, 99, 99, 5, 99, 5, 5, 99, 5, 5, 5};
	/* 3 of 4 is met at step 8; two quiet steps end it at step 10 */
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;
	int i;

	r = limit_plant(&t);
	r->k = 3;
	r->n = 4;
	r->off_n = 2;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 15; i++)
		feed(e, 1000 + i, x[i]);
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[0].kind, HF_EV_ON);
	assert_true(ev.v[0].to_ns == 1008 * TP_S);
	assert_int_equal(ev.v[1].kind, HF_EV_OFF);
	assert_true(ev.v[1].to_ns == 1010 * TP_S);
	end(&t, e);
}

/* The same by counting over stored steps, for many k, n and long rings. */
static void
k_of_n_agrees_with_a_slow_count(void **state)
{
	static const int kn[][2] = {
	    {1, 1}, {2, 3}, {5, 70}, {64, 64}, {40, 129}};
	static bool seen[3000];
	struct tp_rng rng = {11};
	size_t c;
	int i, j, count;

	for (c = 0; c < sizeof(kn) / sizeof(kn[0]); c++) {
		struct hf_engine *e;
		struct hf_rule *r;
		struct tp t;
		bool is_on = false;

		r = limit_plant(&t);
		r->k = kn[c][0];
		r->n = kn[c][1];
		r->off_n = 10000;
		tp_finish(&t);
		e = tp_engine(&t, &ctr, &ev);
		for (i = 0; i < 3000 && !is_on; i++) {
			seen[i] = tp_uniform(&rng) < (i < 500 ? 0.02 : 0.5) ||
				  i > 2500;
			tp_feed1(e, (uint64_t)i + 1, TEMP, i * TP_S,
			    seen[i] ? 99 : 5, HF_GOOD);
			count = 0;
			for (j = i; j > i - kn[c][1] && j >= 0; j--)
				count += seen[j];
			is_on = count >= kn[c][0];
			assert_int_equal(ev.n, is_on);
		}
		assert_true(is_on);
		end(&t, e);
	}
}

static void
new_onset_within_refractory_time_is_the_same_alarm(void **state)
{
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;

	r = limit_plant(&t);
	r->refractory_ns = 10 * TP_S;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 0, 99);
	feed(e, 1, 5);
	feed(e, 9, 5);
	feed(e, 10, 99); /* 9 s after it was gone: the same */
	feed(e, 11, 5);
	feed(e, 20, 5);
	assert_int_equal(ev.n, 1);
	feed(e, 21, 5); /* gone for 10 s */
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[1].kind, HF_EV_OFF);
	assert_non_null(strstr(ev.v[1].json, "\"onsets\":2"));
	feed(e, 22, 99);
	assert_int_equal(ev.n, 3);
	assert_int_equal(ev.v[2].kind, HF_EV_ON);
	end(&t, e);
}

static void
new_onset_within_refractory_steps_is_the_same_alarm(void **state)
{
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;
	int i;

	r = limit_plant(&t);
	r->refractory_n = 3;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 0, 99);
	for (i = 1; i < 4; i++) /* three quiet rows, far apart in time */
		feed(e, 1000 * i, 5);
	assert_int_equal(ev.n, 1);
	feed(e, 4000, 99); /* repeated cause: the same alarm */
	assert_int_equal(ev.n, 1);
	for (i = 5; i < 9; i++)
		feed(e, 1000 * i, 5);
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[1].kind, HF_EV_OFF);
	assert_non_null(strstr(ev.v[1].json, "\"onsets\":2"));
	end(&t, e);
}

static void
score_between_off_level_and_limit_keeps_what_is_on(void **state)
{
	static const double x[] = {9, 9.5, 12, 9.5, 9.1, 9.5, 8, 9.5, 12};
	/* hi_warn 10: score = value over bound; on at 12, off below 0.9 */
	static const size_t nevent[] = {0, 0, 1, 1, 1, 1, 2, 2, 3};
	struct tp_rng rng = {3};
	struct hf_ewma_conf *c;
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;
	int i;

	limit_plant(&t); /* its limit detector stays quiet here */
	((struct hf_limit_conf *)t.p->detectors[0].conf)->hi_warn = 1e9;
	c = tp_detector(&t, "e", "ewma", TEMP, 0, 1000);
	c->lambda = 1;
	c->L = 10;
	c->autocorrelation = false;
	r = tp_rule(&t, "unusual", "e");
	r->off_level = 0.9;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 1000; i++)
		feed(e, i, tp_normal(&rng)); /* sigma 1: score x / 10 */
	for (i = 0; i < 9; i++) {
		feed(e, 1000 + i, 1.03 * x[i]);
		assert_int_equal(ev.n, nevent[i]);
	}
	end(&t, e);
}

static void
rule_stays_on_for_min_on(void **state)
{
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;

	r = limit_plant(&t);
	r->min_on_ns = 10 * TP_S;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 100, 99);
	feed(e, 101, 5);
	feed(e, 109, 5);
	assert_int_equal(ev.n, 1);
	feed(e, 110, 5);
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[1].kind, HF_EV_OFF);
	end(&t, e);
}

static void
asset_rule_needs_nvar_tags_and_names_who_joins(void **state)
{
	struct hf_limit_conf *c;
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;
	char path[64];
	int i;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(&t, 4, 1);
	tp_asset(&t, "a/b/c");
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "a/b/c/s%d", i);
		tp_tag(&t, path, "");
	}
	c = tp_detector(&t, "bounds", "limit", "a/b/c/*", 0, 0);
	c->hi_warn = 10;
	r = tp_rule(&t, "wear", "bounds");
	r->per = HF_PER_ASSET;
	r->nvar = 2;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	tp_feed1(e, 1, "a/b/c/s0", 1, 99, 0);
	assert_int_equal(ev.n, 0);
	tp_feed1(e, 1, "a/b/c/s2", 1, 98, 0);
	assert_int_equal(ev.n, 1);
	assert_string_equal(ev.v[0].subject, "a/b/c");
	assert_non_null(strstr(ev.v[0].json, "a/b/c/s0"));
	assert_non_null(strstr(ev.v[0].json, "a/b/c/s2"));
	assert_null(strstr(ev.v[0].json, "a/b/c/s1"));
	tp_feed1(e, 1, "a/b/c/s3", 2, 97, 0);
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[1].kind, HF_EV_JOIN);
	tp_feed1(e, 1, "a/b/c/s0", 3, 1, 0);
	assert_int_equal(ev.n, 2); /* two are left */
	tp_feed1(e, 1, "a/b/c/s2", 3, 1, 0);
	assert_int_equal(ev.n, 3);
	assert_int_equal(ev.v[2].kind, HF_EV_OFF);
	end(&t, e);
}

static void
warn_that_becomes_trip_is_told_as_growing(void **state)
{
	struct hf_engine *e;
	struct tp t;

	limit_plant(&t);
	((struct hf_limit_conf *)t.p->detectors[0].conf)->hi_trip = 20;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 1, 15);
	feed(e, 2, 16);
	feed(e, 3, 25);
	feed(e, 4, 15);
	feed(e, 5, 25);
	assert_int_equal(ev.n, 2);
	assert_int_equal(ev.v[0].level, HF_LEVEL_WARN);
	assert_int_equal(ev.v[1].kind, HF_EV_JOIN);
	assert_int_equal(ev.v[1].level, HF_LEVEL_TRIP);
	end(&t, e);
}

static void
rule_without_action_raises_advisories(void **state)
{
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;

	r = limit_plant(&t);
	r->action = NULL;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 1, 99);
	assert_int_equal(ev.n, 1);
	assert_false(ev.v[0].is_alarm);
	assert_non_null(strstr(ev.v[0].json, "\"advisory\":true"));
	end(&t, e);
}

/* ---- evidence ---- */

static json_t *
parse(const char *text)
{
	struct hf_err err = {0};
	json_t *j = NULL;

	if (hf_json_parse(text, strlen(text), 65536, &j, &err) != HF_OK)
		fail_msg("%s", err.msg);
	return j;
}

static const char *
text_of(json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

/* A plant that learns, then leaves its range: one event in ev. */
static struct hf_engine *
learned_alarm(struct tp *t, int64_t from_s, const char *action)
{
	struct tp_rng rng = {3};
	struct hf_engine *e;
	struct hf_rule *r;
	int i;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(t, 1, 1);
	tp_asset(t, "press/line1/press");
	tp_tag(t, TEMP, "degC");
	tp_detector(t, "health", "ewma", TEMP, 0, 100);
	r = tp_rule(t, "unusual", "health");
	r->k = r->n = 3;
	r->action = tp_str(t, action);
	tp_finish(t);
	e = tp_engine(t, &ctr, &ev);
	for (i = 0; i < 110; i++)
		tp_feed1(
		    e, 7, TEMP, (from_s + i) * TP_S, 80 + tp_normal(&rng), 0);
	for (i = 110; i < 120; i++)
		tp_feed1(e, 8, TEMP, (from_s + i) * TP_S, 31.2, 0);
	return e;
}

static void
evidence_names_everything_the_decision_rests_on(void **state)
{
	static const char *const keys[] = {"action", "advisory", "cause",
	    "config_hash", "consequence", "detector", "frame", "id",
	    "input_hash", "kind", "level", "limit", "method", "model_hash",
	    "onsets", "options", "priority", "respond_within", "rule",
	    "rule_settings", "score", "since", "snapshot", "span", "statistic",
	    "subject", "text", "variables", "version"};
	struct hf_engine *e;
	struct tp t;
	json_t *j, *v;
	char hex[HF_SHA256_HEX];
	size_t i;

	e = learned_alarm(&t, 0, "look");
	assert_int_equal(ev.n, 1);
	j = parse(ev.v[0].json);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(j, keys[i]) == NULL)
			fail_msg("no %s", keys[i]);
	hf_hex(hex, ev.v[0].id, HF_SHA256_LEN);
	assert_string_equal(text_of(j, "id"), hex);
	v = json_array_get(json_object_get(j, "variables"), 0);
	assert_string_equal(text_of(v, "tag"), TEMP);
	assert_true(json_number_value(json_object_get(v, "value")) == 31.2);
	assert_true(json_number_value(json_object_get(v, "contribution")) == 1);
	assert_non_null(strstr(text_of(j, "text"), TEMP " 31.2 degC is "));
	assert_non_null(strstr(text_of(j, "text"), "sigma below its learned "));
	assert_non_null(strstr(text_of(j, "text"), "EWMA "));
	assert_string_equal(
	    text_of(json_object_get(j, "options"), "lambda"), "0.2");
	json_decref(j);
	end(&t, e);
}

/* Jansson keeps the order of the text. */
static void
assert_keys_in_order(json_t *j, int depth)
{
	const char *key, *prev = "";
	json_t *val;
	size_t i;

	assert_true(depth < 8);
	json_object_foreach(j, key, val)
	{
		if (strcmp(prev, key) >= 0)
			fail_msg("%s after %s", key, prev);
		prev = key;
		assert_keys_in_order(val, depth + 1);
	}
	for (i = 0; i < json_array_size(j); i++)
		assert_keys_in_order(json_array_get(j, i), depth + 1);
}

static void
evidence_has_its_keys_in_order(void **state)
{
	struct hf_engine *e;
	struct tp t;
	json_t *j;

	e = learned_alarm(&t, 0, "look");
	j = parse(ev.v[0].json);
	assert_keys_in_order(j, 0);
	json_decref(j);
	end(&t, e);
}

static void
listing_has_its_keys_in_order(void **state)
{
	struct hf_detector *d;
	struct hf_engine *e;
	struct hf_buf b;
	struct tp t;
	json_t *j;
	int i, k;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(&t, 2, 1);
	tp_asset(&t, "g/h/i");
	tp_tag(&t, "g/h/i/a", "bar");
	tp_tag(&t, "g/h/i/b", "bar");
	t.p->positions =
	    hf_arena_calloc(t.p->arena, 1, sizeof(*t.p->positions));
	t.p->positions[0].name = tp_str(&t, "operator");
	t.p->positions[0].budget_hz = 0.1;
	t.p->nposition = 1;
	for (i = 0; i < (int)hf_nmethod; i++) {
		const struct hf_method *m = hf_methods[i];
		void *c = tp_detector(
		    &t, m->kind.name, m->kind.name, "g/h/i/*", 0, 60);

		d = &t.p->detectors[i];
		if (!m->does_learn) {
			((struct hf_limit_conf *)c)->hi_warn = 3;
			continue;
		}
		d->position = tp_str(&t, "operator");
		d->limit_from = HF_LIMIT_BUDGET;
	}
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	hf_buf_init(&b, 1 << 20);
	for (i = 0; i < 300; i++) {
		for (k = 0; k < 2; k++)
			tp_feed1(e, 1, k == 0 ? "g/h/i/a" : "g/h/i/b", i * TP_S,
			    (i * 7919 + k * 31) % 100 / 10.0, 0);
		if (i % 50 != 49)
			continue;
		hf_buf_reset(&b);
		hf_engine_json(e, &b);
		assert_int_equal(
		    hf_json_parse((char *)b.p, b.len, 1 << 20, &j, NULL),
		    HF_OK);
		assert_keys_in_order(j, 0);
		json_decref(j);
	}
	hf_buf_fini(&b);
	end(&t, e);
}

/* input_hash by its published layout, from the samples themselves. */
static void
input_hash_can_be_computed_from_history(void **state)
{
	struct tp_rng rng = {3};
	uint8_t want[HF_SHA256_LEN];
	char hex[HF_SHA256_HEX];
	struct hf_engine *e;
	struct hf_buf b;
	struct tp t;
	json_t *j;
	double x;
	int i;

	e = learned_alarm(&t, 0, "look");
	j = parse(ev.v[0].json);
	assert_true(ev.v[0].to_ns / TP_S >= 112);
	hf_buf_init(&b, 4096);
	hf_buf_puts(&b, "HFI1");
	hf_buf_u64(&b, hf_tag_key(TEMP));
	hf_buf_u32(&b, 32);
	for (i = 0; i <= ev.v[0].to_ns / TP_S; i++) {
		x = i < 110 ? 80 + tp_normal(&rng) : 31.2;
		if (i <= ev.v[0].to_ns / TP_S - 32)
			continue;
		hf_buf_i64(&b, i * TP_S);
		hf_buf_f64(&b, x);
	}
	hf_sha256_of(b.p, b.len, want);
	hf_hex(hex, want, HF_SHA256_LEN);
	assert_string_equal(text_of(j, "input_hash"), hex);
	assert_true(ev.v[0].from_ns == ev.v[0].to_ns - 31 * TP_S);
	hf_buf_fini(&b);
	json_decref(j);
	end(&t, e);
}

static void
event_id_is_the_same_for_the_same_samples_and_settings(void **state)
{
	uint8_t first[HF_SHA256_LEN];
	struct hf_engine *e;
	struct tp t;

	e = learned_alarm(&t, 0, "look");
	memcpy(first, ev.v[0].id, sizeof(first));
	end(&t, e);
	e = learned_alarm(&t, 0, "an action in other words");
	assert_memory_equal(first, ev.v[0].id, sizeof(first));
	end(&t, e);
	e = learned_alarm(&t, 1000, "look");
	assert_memory_not_equal(first, ev.v[0].id, sizeof(first));
	end(&t, e);
}

static void
batch_sent_again_raises_the_same_event_once(void **state)
{
	struct hf_sample s[3], again[3];
	struct hf_batch b = {.source = 1, .seq = 1, .n = 3, .s = s};
	struct hf_engine *e;
	struct tp t;
	int i;

	limit_plant(&t);
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 3; i++)
		s[i] = (struct hf_sample){.tag = hf_tag_key(TEMP),
		    .t_ns = i * TP_S,
		    .vtype = HF_V_F64,
		    .v.f64 = i == 1 ? 99 : 5};
	memcpy(again, s, sizeof(s));
	hf_engine_feed(e, 1, &b);
	assert_int_equal(ev.n, 2);
	b.s = again;
	hf_engine_feed(e, 2, &b);
	assert_int_equal(ev.n, 2);
	for (i = 0; i < 3; i++)
		assert_int_equal(again[i].flags, HF_F_LATE);
	end(&t, e);
}

/* Four samples of two tags under one rule, in the order that order[] says. */
static void
feed_in_order(const int order[4], uint8_t id[2][HF_SHA256_LEN])
{
	static const char *const path[] = {"g/h/i/a", "g/h/i/b"};
	struct hf_sample s[4];
	struct hf_batch b = {.source = 1, .seq = 1, .n = 4, .s = s};
	struct hf_limit_conf *c;
	struct hf_engine *e;
	struct hf_rule *r;
	struct tp t;
	int i;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(&t, 2, 1);
	tp_asset(&t, "g/h/i");
	tp_tag(&t, path[0], "bar");
	tp_tag(&t, path[1], "bar");
	c = tp_detector(&t, "bounds", "limit", "g/h/i/*", 0, 0);
	c->hi_warn = 10;
	r = tp_rule(&t, "hot", "bounds");
	r->per = HF_PER_ASSET;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 4; i++)
		s[i] = (struct hf_sample){.tag = hf_tag_key(path[order[i] % 2]),
		    .t_ns = order[i] / 2 * TP_S,
		    .vtype = HF_V_F64,
		    .v.f64 = order[i] < 2 ? 5 : 90 + order[i]};
	hf_engine_feed(e, 1, &b);
	for (i = 0; i < 4; i++)
		assert_int_equal(s[i].flags, 0); /* none was late */
	assert_int_equal(ctr.v[HF_C_C_STEPS], 4);
	assert_int_equal(ev.n, 2); /* a comes on, b joins */
	for (i = 0; i < 2; i++)
		memcpy(id[i], ev.v[i].id, HF_SHA256_LEN);
	end(&t, e);
}

static void
order_within_a_batch_does_not_change_what_a_rule_says(void **state)
{
	static const int plain[] = {0, 1, 2, 3},
			 orders[][4] = {{1, 0, 3, 2}, {3, 2, 1, 0},
			     {2, 0, 3, 1}, {0, 2, 1, 3}};
	uint8_t want[2][HF_SHA256_LEN], id[2][HF_SHA256_LEN];
	size_t i;

	feed_in_order(plain, want);
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		feed_in_order(orders[i], id);
		assert_memory_equal(id, want, sizeof(want));
	}
}

/* ---- groups ---- */

static void
group_plant(struct tp *t)
{
	struct hf_mewma_conf *c;
	struct hf_rule *r;

	memset(&ctr, 0, sizeof(ctr));
	tp_init(t, 3, 1);
	tp_asset(t, "g/h/i");
	tp_tag(t, "g/h/i/a", "bar");
	tp_tag(t, "g/h/i/b", "bar");
	tp_tag(t, "g/h/i/c", "bar");
	c = tp_detector(t, "group", "mewma", "g/h/i/*", 0, 300);
	c->grid_ns = TP_S;
	r = tp_rule(t, "together", "group");
	r->per = HF_PER_RULE;
	tp_finish(t);
}

static void
group_steps_a_row_when_every_tag_is_beyond_it(void **state)
{
	struct hf_engine *e;
	struct tp t;

	group_plant(&t);
	e = tp_engine(&t, &ctr, &ev);
	tp_feed1(e, 1, "g/h/i/a", 0, 1, 0);
	tp_feed1(e, 1, "g/h/i/b", 100, 1, 0);
	tp_feed1(e, 1, "g/h/i/c", 200, 1, 0);
	tp_feed1(e, 1, "g/h/i/a", TP_S, 1, 0);
	tp_feed1(e, 1, "g/h/i/b", TP_S, 1, 0);
	assert_int_equal(ctr.v[HF_C_C_STEPS], 0);
	tp_feed1(e, 1, "g/h/i/c", TP_S, 1, 0);
	assert_int_equal(ctr.v[HF_C_C_STEPS], 1);
	end(&t, e);
}

static void
group_goes_on_when_a_tag_is_silent_or_time_jumps(void **state)
{
	struct hf_engine *e;
	struct tp t;
	int i;

	group_plant(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 20; i++) { /* c is silent */
		tp_feed1(e, 1, "g/h/i/a", i * TP_S, 1, 0);
		tp_feed1(e, 1, "g/h/i/b", i * TP_S, 1, 0);
	}
	assert_int_equal(ctr.v[HF_C_C_STEPS], 12); /* 8 rows are open */
	tp_feed1(e, 1, "g/h/i/a", INT64_MAX - 1, 1, 0);
	assert_int_equal(ctr.v[HF_C_C_STEPS], 20);
	tp_feed1(e, 1, "g/h/i/b", 30 * TP_S, 1, 0); /* its row is closed */
	assert_int_equal(ctr.v[HF_C_C_STEPS], 20);
	end(&t, e);
}

static void
group_event_names_contributions_of_all_tags(void **state)
{
	struct tp_rng r = {21};
	struct hf_engine *e;
	struct tp t;
	json_t *j, *v;
	double sum = 0, common;
	size_t k;
	int i;

	group_plant(&t);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < 600; i++) {
		common = tp_normal(&r);
		tp_feed1(e, 1, "g/h/i/a", i * TP_S, common, 0);
		tp_feed1(e, 1, "g/h/i/b", i * TP_S,
		    common + 0.2 * tp_normal(&r) + (i > 500 ? 3 : 0), 0);
		tp_feed1(e, 1, "g/h/i/c", i * TP_S, tp_normal(&r), 0);
	}
	assert_true(ev.n >= 1);
	assert_true(ev.v[0].to_ns > 500 * TP_S);
	j = parse(ev.v[0].json);
	v = json_object_get(j, "variables");
	assert_int_equal(json_array_size(v), 3);
	for (k = 0; k < 3; k++)
		sum += json_number_value(
		    json_object_get(json_array_get(v, k), "contribution"));
	assert_true(fabs(sum - 1) < 1e-9);
	assert_non_null(strstr(text_of(j, "text"), "most of it from g/h/i/"));
	json_decref(j);
	end(&t, e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(late_samples_are_flagged_and_never_fed),
	    cmocka_unit_test(sample_that_carries_the_late_flag_is_skipped),
	    cmocka_unit_test(
		bad_and_string_samples_do_not_step_but_move_the_watermark),
	    cmocka_unit_test(
		lasting_bad_quality_shows_as_blind_until_a_good_value),
	    cmocka_unit_test(rule_comes_on_at_k_of_n_and_returns_after_off_n),
	    cmocka_unit_test(k_of_n_agrees_with_a_slow_count),
	    cmocka_unit_test(
		new_onset_within_refractory_time_is_the_same_alarm),
	    cmocka_unit_test(
		new_onset_within_refractory_steps_is_the_same_alarm),
	    cmocka_unit_test(
		score_between_off_level_and_limit_keeps_what_is_on),
	    cmocka_unit_test(rule_stays_on_for_min_on),
	    cmocka_unit_test(asset_rule_needs_nvar_tags_and_names_who_joins),
	    cmocka_unit_test(warn_that_becomes_trip_is_told_as_growing),
	    cmocka_unit_test(rule_without_action_raises_advisories),
	    cmocka_unit_test(evidence_names_everything_the_decision_rests_on),
	    cmocka_unit_test(evidence_has_its_keys_in_order),
	    cmocka_unit_test(listing_has_its_keys_in_order),
	    cmocka_unit_test(input_hash_can_be_computed_from_history),
	    cmocka_unit_test(
		event_id_is_the_same_for_the_same_samples_and_settings),
	    cmocka_unit_test(batch_sent_again_raises_the_same_event_once),
	    cmocka_unit_test(
		order_within_a_batch_does_not_change_what_a_rule_says),
	    cmocka_unit_test(group_steps_a_row_when_every_tag_is_beyond_it),
	    cmocka_unit_test(group_goes_on_when_a_tag_is_silent_or_time_jumps),
	    cmocka_unit_test(group_event_names_contributions_of_all_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
