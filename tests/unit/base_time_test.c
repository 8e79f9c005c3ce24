/* SPDX-License-Identifier: Apache-2.0
 *
 * base_time_test.c - UTC to the nanosecond, without the machine's clock or
 * zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

static bool
parse(const char *s, int64_t *out)
{
	return hf_time_parse(s, strlen(s), out);
}

static void
times_print_with_as_many_digits_as_needed(void **state)
{
	static const struct {
		int64_t t_ns;
		const char *text;
	} row[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {INT64_C(1386018900000000000), "2013-12-02T21:15:00Z"},
	    {INT64_C(1386018900120000000), "2013-12-02T21:15:00.120Z"},
	    {INT64_C(1386018900000450000), "2013-12-02T21:15:00.000450Z"},
	    {INT64_C(1386018900000000007), "2013-12-02T21:15:00.000000007Z"},
	    {-1, "1969-12-31T23:59:59.999999999Z"},
	    {HF_TIME_MIN, "1678-01-01T00:00:00Z"},
	    {HF_TIME_END - 1, "2261-12-31T23:59:59.999999999Z"},
	    {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	    {INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z"},
	    {HF_TIME_NONE, "-"},
	};
	char buf[HF_TIME_TEXT];
	size_t i;

	for (i = 0; i < NELEM(row); i++)
		assert_string_equal(hf_time_fmt(row[i].t_ns, buf), row[i].text);
}

static void
printed_times_read_back(void **state)
{
	int64_t t, back, step = INT64_C(777777777777777777) / 10;
	char buf[HF_TIME_TEXT];

	for (t = HF_TIME_MIN; t < HF_TIME_END - step; t += step) {
		assert_true(parse(hf_time_fmt(t, buf), &back));
		assert_true(back == t);
	}
}

static void
calendar_agrees_with_libc_on_every_day(void **state)
{
	char buf[HF_TIME_TEXT], want[64];
	struct tm tm;
	time_t t;
	int64_t back;

	for (t = -9214560000; t < 9214646400; t += 86400) {
		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%Y-%m-%dT00:00:00Z", &tm);
		hf_time_fmt(t * HF_NS_PER_S, buf);
		if (strcmp(buf, want) != 0)
			fail_msg("%s is %s", want, buf);
		assert_true(parse(want, &back) && back == t * HF_NS_PER_S);
		assert_int_equal(hf_time_month(back),
		    (tm.tm_year + 1900) * 100 + tm.tm_mon + 1);
	}
}

static void
times_are_read_exactly(void **state)
{
	static const struct {
		const char *text;
		int64_t t_ns;
	} row[] = {
	    {"2013-12-02T21:15:00Z", INT64_C(1386018900000000000)},
	    {"2013-12-02t21:15:00z", INT64_C(1386018900000000000)},
	    {"2013-12-02 21:15:00", INT64_C(1386018900000000000)},
	    {"2013-12-02 21:15:00.5", INT64_C(1386018900500000000)},
	    {"2013-12-02 21:15:00Z", INT64_C(1386018900000000000)},
	    {"2013-12-02", INT64_C(1385942400000000000)},
	    {"2013-12-02T22:15:00+01:00", INT64_C(1386018900000000000)},
	    {"2013-12-02T15:45:00-05:30", INT64_C(1386018900000000000)},
	    {"2013-12-02T21:15:00.000000001Z", INT64_C(1386018900000000001)},
	    {"2000-02-29", INT64_C(951782400000000000)},
	    {"2024-02-29T23:59:59Z", INT64_C(1709251199000000000)},
	};
	int64_t t;
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (!parse(row[i].text, &t) || t != row[i].t_ns)
			fail_msg("%s", row[i].text);
	}
}

static void
times_that_do_not_exist_are_refused(void **state)
{
	static const char *const bad[] = {"", "2013", "2013-13-01",
	    "2013-00-10", "2013-04-31", "2013-02-29", "1900-02-29",
	    "2100-02-29", "2013-12-00", "2013-12-32", "1677-12-31",
	    "2262-01-01", "2013-12-02T", "2013-12-02T21:15:00",
	    "2013-12-02T24:00:00Z", "2013-12-02T21:60:00Z",
	    "2013-12-02T21:15:60Z", "2013-12-02T21:15Z",
	    "2013-12-02T21:15:00.Z", "2013-12-02T21:15:00.1234567890Z",
	    "2013-12-02T21:15:00+1:00", "2013-12-02T21:15:00+24:00",
	    "2013-12-02T21:15:00+0100", "2013-12-02T21:15:00Z ", " 2013-12-02",
	    "2013-12-02 ", "2013-12-2", "13-12-02", "2013/12/02", "02.12.2013",
	    "1678-01-01T00:00:00+00:01", "2261-12-31T23:59:59-00:01"};
	int64_t t = 42;
	size_t i;

	for (i = 0; i < NELEM(bad); i++) {
		if (parse(bad[i], &t))
			fail_msg("%s was taken", bad[i]);
	}
	assert_int_equal(t, 42);
}

static bool
dur(const char *s, int64_t *out)
{
	return hf_dur_parse(s, strlen(s), out);
}

static void
durations_are_read_in_falling_units(void **state)
{
	int64_t d;

	assert_true(dur("250ms", &d) && d == 250 * HF_NS_PER_MS);
	assert_true(dur("2h", &d) && d == 7200 * HF_NS_PER_S);
	assert_true(dur("1h30min", &d) && d == 5400 * HF_NS_PER_S);
	assert_true(dur("7d", &d) && d == 604800 * HF_NS_PER_S);
	assert_true(dur("2w", &d) && d == 1209600 * HF_NS_PER_S);
	assert_true(dur("0s", &d) && d == 0);
	assert_true(dur("1us5ns", &d) && d == 1005);
	assert_true(dur("9223372036854775807ns", &d) && d == INT64_MAX);
}

static void
durations_out_of_form_or_range_are_refused(void **state)
{
	static const char *const bad[] = {"", "5", "h", "1.5h", "-1s", "+1s",
	    "1m", "1hour", "1 h", "1h ", "30min1h", "1h1h", "1H",
	    "9223372036854775808ns", "15251w", "999999999999999999999s",
	    "106752d"};
	int64_t d = 42;
	size_t i;

	for (i = 0; i < NELEM(bad); i++) {
		if (dur(bad[i], &d))
			fail_msg("%s was taken", bad[i]);
	}
	assert_int_equal(d, 42);
}

static void
durations_print_in_the_form_they_are_read(void **state)
{
	static const char *const text[] = {"0s", "1h30min", "250ms", "1d", "2w",
	    "8d", "1d1h1min1s1ms1us1ns", "1s500ms"};
	char buf[HF_TIME_TEXT];
	int64_t d;
	size_t i;

	for (i = 0; i < NELEM(text); i++) {
		assert_true(dur(text[i], &d));
		assert_string_equal(hf_dur_fmt(d, buf), text[i]);
	}
	assert_true(dur(hf_dur_fmt(INT64_MAX, buf), &d) && d == INT64_MAX);
	assert_string_equal(hf_dur_fmt(-HF_NS_PER_S, buf), "-1s");
	hf_dur_fmt(INT64_MIN, buf);
	assert_int_equal(buf[0], '-');
}

static void
months_begin_on_their_first(void **state)
{
	char buf[HF_TIME_TEXT];
	int64_t t;
	int y, m;

	assert_int_equal(hf_time_month(INT64_C(1386018900000000000)), 201312);
	assert_int_equal(hf_time_month(-1), 196912);
	hf_time_fmt(hf_month_start_ns(201312), buf);
	assert_string_equal(buf, "2013-12-01T00:00:00Z");
	for (y = 1678; y <= 2261; y++) {
		for (m = 1; m <= 12; m++) {
			t = hf_month_start_ns(y * 100 + m);
			assert_int_equal(hf_time_month(t), y * 100 + m);
			assert_int_not_equal(hf_time_month(t - 1), y * 100 + m);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_print_with_as_many_digits_as_needed),
	    cmocka_unit_test(printed_times_read_back),
	    cmocka_unit_test(calendar_agrees_with_libc_on_every_day),
	    cmocka_unit_test(times_are_read_exactly),
	    cmocka_unit_test(times_that_do_not_exist_are_refused),
	    cmocka_unit_test(durations_are_read_in_falling_units),
	    cmocka_unit_test(durations_out_of_form_or_range_are_refused),
	    cmocka_unit_test(durations_print_in_the_form_they_are_read),
	    cmocka_unit_test(months_begin_on_their_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
