/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_limit_test.c - fixed bounds: hold in source time, hysteresis, levels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"

struct one {
	struct hf_limit_conf conf;
	void *state;
	struct hf_score score;
	double contrib;
};

static void
begin(struct one *o, double lo, double hi, int64_t hold_ns, double hysteresis)
{
	*o = (struct one){.conf = {NAN, lo, hi, NAN, hold_ns, hysteresis}};
	o->state = calloc(1, hf_method_limit.state_size(&o->conf, 1));
	hf_method_limit.start(o->state, &o->conf, &(struct hf_learn){0}, 1);
}

static uint8_t
step(struct one *o, int64_t t_ns, double x)
{
	struct hf_step in = {t_ns, &x, 1};

	o->score = (struct hf_score){.centre = NAN,
	    .statistic = NAN,
	    .limit = NAN,
	    .contrib = &o->contrib};
	hf_method_limit.step(o->state, &in, &o->score);
	return o->score.level;
}

static void
limit_trips_only_after_hold_time(void **state)
{
	struct one o;

	begin(&o, NAN, 10, 3 * TP_S, 0);
	assert_int_equal(step(&o, 0, 11), HF_LEVEL_NONE);
	assert_true(o.score.score > 0 && o.score.score < 1);
	assert_int_equal(step(&o, 2 * TP_S, 11), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 3 * TP_S - 1, 11), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 3 * TP_S, 11), HF_LEVEL_WARN);
	assert_true(o.score.score >= 1);
	assert_string_equal(o.score.rule, "above hi_warn");
	assert_true(o.score.limit == 10);
	free(o.state);
}

static void
limit_hold_starts_again_after_one_value_inside(void **state)
{
	struct one o;

	begin(&o, NAN, 10, 3 * TP_S, 0);
	step(&o, 0, 11);
	step(&o, 2 * TP_S, 9);
	assert_int_equal(step(&o, 3 * TP_S, 11), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 5 * TP_S, 11), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 6 * TP_S, 11), HF_LEVEL_WARN);
	free(o.state);
}

static void
limit_without_hold_trips_at_once(void **state)
{
	struct one o;

	begin(&o, 5, 10, 0, 0);
	assert_int_equal(step(&o, 0, 4.9), HF_LEVEL_WARN);
	assert_string_equal(o.score.rule, "below lo_warn");
	assert_int_equal(step(&o, 1, 7), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 2, 10), HF_LEVEL_NONE); /* on it: inside */
	assert_int_equal(step(&o, 3, 10.1), HF_LEVEL_WARN);
	free(o.state);
}

static void
limit_returns_only_below_its_hysteresis(void **state)
{
	struct one o;

	begin(&o, NAN, 10, 0, 2);
	assert_int_equal(step(&o, 0, 11), HF_LEVEL_WARN);
	assert_int_equal(step(&o, 1, 9), HF_LEVEL_WARN);
	assert_int_equal(step(&o, 2, 8.01), HF_LEVEL_WARN);
	assert_int_equal(step(&o, 3, 8), HF_LEVEL_NONE);
	assert_int_equal(step(&o, 4, 9.9), HF_LEVEL_NONE);
	free(o.state);
}

static void
limit_trip_outranks_warn_of_the_other_side(void **state)
{
	struct one o;

	begin(&o, 0, 10, 0, 0);
	o.conf = (struct hf_limit_conf){-5, 0, 10, 20, 0, 0};
	hf_method_limit.start(o.state, &o.conf, &(struct hf_learn){0}, 1);
	assert_int_equal(step(&o, 0, 21), HF_LEVEL_TRIP);
	assert_true(o.score.score == 2);
	assert_string_equal(o.score.rule, "above hi_trip");
	assert_int_equal(step(&o, 1, 15), HF_LEVEL_WARN);
	assert_int_equal(step(&o, 2, -6), HF_LEVEL_TRIP);
	assert_string_equal(o.score.rule, "below lo_trip");
	free(o.state);
}

static void
limit_hold_takes_the_whole_range_of_times(void **state)
{
	struct one o;

	begin(&o, NAN, 10, 3 * TP_S, 0);
	step(&o, INT64_MIN + 1, 11);
	assert_int_equal(step(&o, INT64_MAX, 11), HF_LEVEL_WARN);
	free(o.state);
}

static void
limit_refuses_bounds_in_the_wrong_order(void **state)
{
	struct hf_limit_conf c = {NAN, 10, 5, NAN, 0, 0};
	char why[200] = "";

	assert_int_equal(
	    hf_method_limit.kind.check(&c, why, sizeof(why)), HF_EINVAL);
	assert_non_null(strstr(why, "lo_warn"));
	c = (struct hf_limit_conf){NAN, NAN, NAN, NAN, 0, 0};
	assert_int_equal(
	    hf_method_limit.kind.check(&c, why, sizeof(why)), HF_EINVAL);
	c.lo_trip = 1;
	assert_int_equal(
	    hf_method_limit.kind.check(&c, why, sizeof(why)), HF_OK);
	c.hi_trip = 0;
	assert_int_equal(
	    hf_method_limit.kind.check(&c, why, sizeof(why)), HF_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limit_trips_only_after_hold_time),
	    cmocka_unit_test(limit_hold_starts_again_after_one_value_inside),
	    cmocka_unit_test(limit_without_hold_trips_at_once),
	    cmocka_unit_test(limit_returns_only_below_its_hysteresis),
	    cmocka_unit_test(limit_trip_outranks_warn_of_the_other_side),
	    cmocka_unit_test(limit_hold_takes_the_whole_range_of_times),
	    cmocka_unit_test(limit_refuses_bounds_in_the_wrong_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
