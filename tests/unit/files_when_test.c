/* SPDX-License-Identifier: Apache-2.0
 *
 * files_when_test.c - time columns: formats, zones, the two nights a year.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/time.h"
#include "field/files/when.h"

static enum hf_when_rc
parse(const char *format, const char *zone, const char *s, int64_t after_ns,
    char out[HF_TIME_TEXT])
{
	struct hf_when w;
	char why[256];
	enum hf_when_rc rc;
	int64_t t = HF_TIME_NONE;

	if (!hf_when_init(&w, format, zone, false, why, sizeof(why)))
		fail_msg("%s", why);
	rc = hf_when_parse(&w, s, strlen(s), after_ns, &t);
	hf_time_fmt(t, out);
	return rc;
}

static void
is(const char *format, const char *zone, const char *s, const char *want)
{
	char got[HF_TIME_TEXT];

	assert_int_equal(parse(format, zone, s, HF_TIME_NONE, got), HF_WHEN_OK);
	assert_string_equal(got, want);
}

static void
is_rc(const char *format, const char *zone, const char *s, enum hf_when_rc want)
{
	char got[HF_TIME_TEXT];

	assert_int_equal(parse(format, zone, s, HF_TIME_NONE, got), want);
}

static void
files_rfc3339_with_and_without_zone(void **state)
{
	is("rfc3339", "UTC", "2024-03-01T12:00:00Z", "2024-03-01T12:00:00Z");
	is("rfc3339", "Europe/Berlin", "2024-03-01T12:00:00+05:30",
	    "2024-03-01T06:30:00Z");
	is("rfc3339", "Europe/Berlin", "2024-03-01T12:00:00",
	    "2024-03-01T11:00:00Z");
	is("rfc3339", "Europe/Berlin", " 2024-07-01 12:00:00.25 ",
	    "2024-07-01T10:00:00.250Z");
	is("rfc3339", "-03:30", "2024-07-01 12:00:00", "2024-07-01T15:30:00Z");
	is_rc("rfc3339", "UTC", "2024-02-30T00:00:00Z", HF_WHEN_WRONG);
	is_rc("rfc3339", "UTC", "", HF_WHEN_WRONG);
	is_rc("rfc3339", "UTC", "yesterday", HF_WHEN_WRONG);
}

static void
files_unix_times_are_exact(void **state)
{
	is("unix", "UTC", "1700000000", "2023-11-14T22:13:20Z");
	is("unix", "UTC", "1700000000.123456789",
	    "2023-11-14T22:13:20.123456789Z");
	is("unix_ms", "UTC", "1700000000123", "2023-11-14T22:13:20.123Z");
	is("unix_ms", "UTC", "1700000000123.5", "2023-11-14T22:13:20.123500Z");
	is("unix_ns", "UTC", "-1", "1969-12-31T23:59:59.999999999Z");
	is_rc("unix", "UTC", "99999999999999999999", HF_WHEN_WRONG);
	is_rc("unix", "UTC", "17e8", HF_WHEN_WRONG);
	is_rc("unix", "UTC", "-", HF_WHEN_WRONG);
}

static void
files_patterns_of_recorders(void **state)
{
	is("%d.%m.%Y %H:%M:%S", "Europe/Berlin", "1.7.2024 8:05:09",
	    "2024-07-01T06:05:09Z");
	is("%m/%d/%Y %I:%M:%S %p", "America/New_York", "11/05/2024 12:30:00 AM",
	    "2024-11-05T05:30:00Z");
	is("%Y%m%d%H%M%S%f", "UTC", "20240229235959007",
	    "2024-02-29T23:59:59.007Z");
	is("%d-%b-%y", "UTC", "05-Mar-71", "1971-03-05T00:00:00Z");
	is("%Y-%m-%dT%H:%M%z", "Europe/Berlin", "2024-01-01T00:00-0500",
	    "2024-01-01T05:00:00Z");
	is_rc("%d.%m.%Y", "UTC", "31.02.2024", HF_WHEN_WRONG);
	is_rc("%d.%m.%Y", "UTC", "01.02.2024 ", HF_WHEN_OK); /* blanks go */
	is_rc("%d.%m.%Y", "UTC", "01.02.2024x", HF_WHEN_WRONG);
	is_rc("%d.%m.%Y", "UTC", "01.02", HF_WHEN_WRONG);
	is_rc("%d.%m.%Y %H", "UTC", "01.02.2024 24", HF_WHEN_WRONG);
}

/* Berlin, 27 October 2024: 02:30 came twice. */
static void
files_hour_that_exists_twice_goes_on_from_the_row_before(void **state)
{
	const char *z = "Europe/Berlin", *s = "2024-10-27 02:30:00";
	char got[HF_TIME_TEXT];
	int64_t after;

	assert_int_equal(
	    parse("rfc3339", z, s, HF_TIME_NONE, got), HF_WHEN_TWICE);
	assert_string_equal(got, "2024-10-27T00:30:00Z");
	hf_time_parse("2024-10-27T00:59:00Z", 20, &after);
	assert_int_equal(parse("rfc3339", z, s, after, got), HF_WHEN_TWICE);
	assert_string_equal(got, "2024-10-27T01:30:00Z");
	is("rfc3339", z, "2024-10-27 01:59:59", "2024-10-26T23:59:59Z");
	is("rfc3339", z, "2024-10-27 03:00:00", "2024-10-27T02:00:00Z");
}

/* Berlin, 31 March 2024: 02:30 did not come. */
static void
files_hour_that_does_not_exist_is_refused(void **state)
{
	const char *z = "Europe/Berlin";

	is_rc("rfc3339", z, "2024-03-31 02:30:00", HF_WHEN_NEVER);
	is("rfc3339", z, "2024-03-31 01:59:59", "2024-03-31T00:59:59Z");
	is("rfc3339", z, "2024-03-31 03:00:00", "2024-03-31T01:00:00Z");
}

static void
files_summer_time_of_the_south_spans_the_new_year(void **state)
{
	is("rfc3339", "Australia/Sydney", "2024-01-01 00:00:00",
	    "2023-12-31T13:00:00Z");
	is("rfc3339", "Australia/Sydney", "2024-07-01 00:00:00",
	    "2024-06-30T14:00:00Z");
	is_rc("rfc3339", "Australia/Sydney", "2024-10-06 02:30:00",
	    HF_WHEN_NEVER);
	is_rc("rfc3339", "Australia/Sydney", "2024-04-07 02:30:00",
	    HF_WHEN_TWICE);
}

static void
files_zone_as_posix_rule(void **state)
{
	is("rfc3339", "CET-1CEST,M3.5.0,M10.5.0/3", "2024-07-01 12:00:00",
	    "2024-07-01T10:00:00Z");
	is("rfc3339", "NST3:30NDT,M3.2.0,M11.1.0", "2024-01-01 12:00:00",
	    "2024-01-01T15:30:00Z");
}

static void
files_formats_and_zones_that_are_none_are_refused(void **state)
{
	static const char *const zones[] = {"Mars/Olympus", "", "+99:00", "CET",
	    "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST", "+1:"};
	static const char *const formats[] = {
	    "", "%H:%M", "%d.%m", "%Q%Y%m%d", "%Y-%m-%d%"};
	struct hf_when w;
	char why[256];
	size_t i;

	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		assert_false(hf_when_init(
		    &w, "rfc3339", zones[i], false, why, sizeof(why)));
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		assert_false(hf_when_init(
		    &w, formats[i], "UTC", false, why, sizeof(why)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_rfc3339_with_and_without_zone),
	    cmocka_unit_test(files_unix_times_are_exact),
	    cmocka_unit_test(files_patterns_of_recorders),
	    cmocka_unit_test(
		files_hour_that_exists_twice_goes_on_from_the_row_before),
	    cmocka_unit_test(files_hour_that_does_not_exist_is_refused),
	    cmocka_unit_test(files_summer_time_of_the_south_spans_the_new_year),
	    cmocka_unit_test(files_zone_as_posix_rule),
	    cmocka_unit_test(files_formats_and_zones_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
