/* SPDX-License-Identifier: Apache-2.0
 *
 * base_err_test.c - error texts are bounded, one line, and survive prefixes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

static void
fail_returns_the_code_and_keeps_the_text(void **state)
{
	struct hf_err err = {0};

	assert_int_equal(HF_FAIL(&err, HF_EINVAL, "line %d", 7), HF_EINVAL);
	assert_int_equal(err.rc, HF_EINVAL);
	assert_string_equal(err.msg, "line 7");
}

static void
fail_without_err_only_returns_the_code(void **state)
{
	assert_int_equal(HF_FAIL(NULL, HF_EIO, "lost"), HF_EIO);
	hf_err_prefix(NULL, "x");
}

static void
long_text_ends_in_dots(void **state)
{
	char longer[2 * HF_ERR_TEXT];
	struct hf_err err;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	HF_FAIL(&err, HF_EINVAL, "%s", longer);
	assert_int_equal(strlen(err.msg), HF_ERR_TEXT - 1);
	assert_string_equal(err.msg + HF_ERR_TEXT - 4, "...");
	HF_FAIL(&err, HF_EINVAL, "%.*s", HF_ERR_TEXT - 1, longer);
	assert_string_equal(err.msg + HF_ERR_TEXT - 4, "xxx");
}

static void
prefix_goes_before_the_text(void **state)
{
	struct hf_err err;

	HF_FAIL(&err, HF_EINVAL, "bad unit");
	hf_err_prefix(&err, "%s:%d", "a.csv", 3);
	assert_string_equal(err.msg, "a.csv:3: bad unit");
	assert_int_equal(err.rc, HF_EINVAL);
}

static void
text_may_be_built_from_itself(void **state)
{
	struct hf_err err;

	HF_FAIL(&err, HF_EIO, "inner");
	HF_FAIL(&err, HF_EPROTO, "outer: %s", err.msg);
	assert_string_equal(err.msg, "outer: inner");
}

static void
line_breaks_become_blanks(void **state)
{
	struct hf_err err;

	HF_FAIL(&err, HF_EINVAL, "a\nb\r\nc");
	assert_string_equal(err.msg, "a b  c");
}

static void
every_code_has_its_own_name(void **state)
{
	int a, b;

	for (a = HF_OK; a >= HF_EUNSUPPORTED; a--) {
		assert_string_not_equal(hf_rc_name(a), "unknown error");
		for (b = a - 1; b >= HF_EUNSUPPORTED; b--)
			assert_string_not_equal(hf_rc_name(a), hf_rc_name(b));
	}
	assert_string_equal(hf_rc_name(-99), "unknown error");
	assert_string_equal(hf_rc_name(1), "unknown error");
}

static void
errno_maps_to_what_callers_act_on(void **state)
{
	assert_int_equal(hf_rc_from_errno(ENOSPC), HF_ENOSPC);
	assert_int_equal(hf_rc_from_errno(EDQUOT), HF_ENOSPC);
	assert_int_equal(hf_rc_from_errno(EACCES), HF_EDENIED);
	assert_int_equal(hf_rc_from_errno(ENOENT), HF_ENOTFOUND);
	assert_int_equal(hf_rc_from_errno(EAGAIN), HF_EAGAIN);
	assert_int_equal(hf_rc_from_errno(EPIPE), HF_ECLOSED);
	assert_int_equal(hf_rc_from_errno(EIO), HF_EIO);
	assert_int_equal(hf_rc_from_errno(ENXIO), HF_EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fail_returns_the_code_and_keeps_the_text),
	    cmocka_unit_test(fail_without_err_only_returns_the_code),
	    cmocka_unit_test(long_text_ends_in_dots),
	    cmocka_unit_test(prefix_goes_before_the_text),
	    cmocka_unit_test(text_may_be_built_from_itself),
	    cmocka_unit_test(line_breaks_become_blanks),
	    cmocka_unit_test(every_code_has_its_own_name),
	    cmocka_unit_test(errno_maps_to_what_callers_act_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
