/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_replay_test.c - evidence compared member by member.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "detect/replay.h"

static char seen[256];

static void
note(void *arg, const char *key, size_t nkey, const char *a, size_t na,
    const char *b, size_t nb)
{
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof(seen) - n, "%.*s %.*s %.*s;", (int)nkey, key,
	    (int)na, a == NULL ? "" : a, (int)nb, b == NULL ? "" : b);
}

static int
compare(const char *a, const char *b)
{
	seen[0] = '\0';
	return hf_replay_compare(a, b, note, NULL);
}

static void
equal_evidence_has_no_difference(void **st)
{
	static const char e[] =
	    "{\"id\":\"a\\\"}b\",\"list\":[{\"x\":1},2],\"n\":1.5,\"o\":{}}";

	assert_int_equal(compare(e, e), 0);
	assert_int_equal(compare("{}", "{}"), 0);
	assert_string_equal(seen, "");
}

static void
places_in_the_log_are_not_compared(void **st)
{
	assert_int_equal(compare("{\"frame\":1,\"n\":1,\"snapshot\":4}",
			     "{\"frame\":9,\"n\":1,\"snapshot\":0}"),
	    0);
	assert_int_equal(compare("{\"frame\":1,\"n\":1}", "{\"n\":1}"), 0);
}

static void
one_flipped_bit_of_a_number_is_found(void **st)
{
	assert_int_equal(
	    compare("{\"a\":1,\"score\":1.25}", "{\"a\":1,\"score\":1.5}"), 1);
	assert_string_equal(seen, "score 1.25 1.5;");
	/* the same number, written otherwise, is another byte */
	assert_int_equal(compare("{\"a\":1}", "{\"a\":1.0}"), 1);
}

static void
a_member_that_one_side_lacks_is_named(void **st)
{
	assert_int_equal(
	    compare("{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":[3]}"), 2);
	assert_string_equal(seen, "a 1 ;c  [3];");
}

static void
nested_differences_are_found(void **st)
{
	assert_int_equal(compare("{\"v\":[{\"x\":1},{\"y\":\"}\"}]}",
			     "{\"v\":[{\"x\":1},{\"y\":\"]\"}]}"),
	    1);
}

static void
what_is_no_object_is_never_identical(void **st)
{
	static const char *const bad[] = {"", "{", "[]", "{\"a\"",
	    "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}",
	    "{\"a\":\"x}", "{\"a\":[1}"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (compare(bad[i], bad[i]) != -1)
			fail_msg("compared: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_evidence_has_no_difference),
	    cmocka_unit_test(places_in_the_log_are_not_compared),
	    cmocka_unit_test(one_flipped_bit_of_a_number_is_found),
	    cmocka_unit_test(a_member_that_one_side_lacks_is_named),
	    cmocka_unit_test(nested_differences_are_found),
	    cmocka_unit_test(what_is_no_object_is_never_identical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
