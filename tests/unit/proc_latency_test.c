/* SPDX-License-Identifier: Apache-2.0
 *
 * proc_latency_test.c - percentiles out of log-linear buckets, and two windows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/time.h"
#include "proc/latency.h"

#define MINUTE (60 * HF_NS_PER_S)

static void
nothing_added_shows_zero(void **state)
{
	struct hf_latency l = {.now = 0};

	assert_int_equal(hf_latency_quantile(&l, .5), 0);
	assert_int_equal(hf_latency_quantile(&l, 1), 0);
}

static void
percentile_is_within_a_sixteenth_and_never_over_the_maximum(void **state)
{
	struct hf_latency l = {.now = 0};
	int64_t t, p50, p99;

	for (t = 1; t <= 100000; t++)
		hf_latency_add(&l, MINUTE, t);
	p50 = hf_latency_quantile(&l, .5);
	p99 = hf_latency_quantile(&l, .99);
	assert_true(p50 >= 50000 && p50 <= 50000 + 50000 / 16);
	assert_true(p99 >= 99000 && p99 <= 100000);
	assert_int_equal(hf_latency_quantile(&l, 1), 100000);
}

static void
one_value_is_every_percentile(void **state)
{
	static const int64_t values[] = {
	    0, 1, 15, 16, 17, 31, 32, 999, 1000000, (INT64_C(1) << 43) - 1};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct hf_latency l = {.now = 0};

		hf_latency_add(&l, MINUTE, values[i]);
		assert_int_equal(hf_latency_quantile(&l, .01), values[i]);
		assert_int_equal(hf_latency_quantile(&l, .99), values[i]);
	}
}

static void
absurd_times_have_a_place_too(void **state)
{
	struct hf_latency l = {.now = 0};

	hf_latency_add(&l, MINUTE, INT64_MIN); /* a clock that lies */
	hf_latency_add(&l, MINUTE, INT64_MAX);
	assert_int_equal(hf_latency_quantile(&l, .5), 0);
	assert_int_equal(hf_latency_quantile(&l, 1), INT64_MAX);
}

static void
a_slow_minute_is_forgotten_after_two(void **state)
{
	struct hf_latency l = {.now = 0};
	int64_t now = 5 * MINUTE;

	hf_latency_add(&l, now, HF_NS_PER_S);
	now += MINUTE + 1;
	hf_latency_add(&l, now, 10);
	assert_int_equal(hf_latency_quantile(&l, 1), HF_NS_PER_S);
	now += MINUTE + 1;
	hf_latency_add(&l, now, 10);
	assert_int_equal(hf_latency_quantile(&l, 1), 10);
}

static void
what_was_before_a_pause_is_not_shown_after_it(void **state)
{
	struct hf_latency l = {.now = 0};

	hf_latency_add(&l, 5 * MINUTE, HF_NS_PER_S);
	hf_latency_add(&l, 60 * MINUTE, 10);
	assert_int_equal(hf_latency_quantile(&l, 1), 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_added_shows_zero),
	    cmocka_unit_test(
		percentile_is_within_a_sixteenth_and_never_over_the_maximum),
	    cmocka_unit_test(one_value_is_every_percentile),
	    cmocka_unit_test(absurd_times_have_a_place_too),
	    cmocka_unit_test(a_slow_minute_is_forgotten_after_two),
	    cmocka_unit_test(what_was_before_a_pause_is_not_shown_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
