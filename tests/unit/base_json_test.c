/* SPDX-License-Identifier: Apache-2.0
 *
 * base_json_test.c - JSON out: the same bytes every time; JSON in: bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"

static void
writer_keeps_commas_and_nesting_right(void **state)
{
	struct hf_buf b;
	struct hf_jw w;

	hf_buf_init(&b, 1000);
	hf_jw_init(&w, &b);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "a", "x");
	hf_jw_key(&w, "list");
	hf_jw_arr(&w);
	hf_jw_i64(&w, -1);
	hf_jw_obj(&w);
	hf_jw_end_obj(&w);
	hf_jw_arr(&w);
	hf_jw_end_arr(&w);
	hf_jw_null(&w);
	hf_jw_end_arr(&w);
	hf_jw_ku64(&w, "u", UINT64_MAX);
	hf_jw_kbool(&w, "t", true);
	hf_jw_kf64(&w, "f", 0.1);
	hf_jw_ki64(&w, "i", INT64_MIN);
	hf_jw_ktime(&w, "when", 0);
	hf_jw_ktime(&w, "never", HF_TIME_NONE);
	hf_jw_key(&w, "raw");
	hf_jw_raw(&w, "[1]", 3);
	hf_jw_kstr(&w, "none", NULL);
	hf_jw_end_obj(&w);
	assert_string_equal(hf_buf_cstr(&b),
	    "{\"a\":\"x\",\"list\":[-1,{},[],null],"
	    "\"u\":18446744073709551615,\"t\":true,\"f\":0.1,"
	    "\"i\":-9223372036854775808,\"when\":\"1970-01-01T00:00:00Z\","
	    "\"never\":null,\"raw\":[1],\"none\":null}");
	hf_buf_fini(&b);
}

static void
strings_are_escaped_and_always_valid(void **state)
{
	struct hf_buf b;
	struct hf_jw w;

	hf_buf_init(&b, 1000);
	hf_jw_init(&w, &b);
	hf_jw_arr(&w);
	hf_jw_str(&w, "\"\\/\b\t\n\f\r\x01\x1f\x7f");
	hf_jw_str(&w, "\u00b0C \U0001F600");
	hf_jw_str(&w, "a\xff"
		      "b\xe2\x82"
		      "c\xc0\x80");
	hf_jw_strn(&w, "\0x", 2);
	hf_jw_end_arr(&w);
	assert_string_equal(hf_buf_cstr(&b),
	    "[\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\","
	    "\"\u00b0C \U0001F600\","
	    "\"a\uFFFD"
	    "b\uFFFD\uFFFD"
	    "c\uFFFD\uFFFD\","
	    "\"\\u0000x\"]");
	hf_buf_fini(&b);
}

static void
numbers_that_json_lacks_become_null(void **state)
{
	struct hf_buf b;
	struct hf_jw w;

	hf_buf_init(&b, 100);
	hf_jw_init(&w, &b);
	hf_jw_arr(&w);
	hf_jw_f64(&w, NAN);
	hf_jw_f64(&w, INFINITY);
	hf_jw_f64(&w, 1e300);
	hf_jw_end_arr(&w);
	assert_string_equal(hf_buf_cstr(&b), "[null,null,1e+300]");
	hf_buf_fini(&b);
}

static void
nesting_beyond_sixteen_fails_the_buffer(void **state)
{
	struct hf_buf b;
	struct hf_jw w;
	int i;

	hf_buf_init(&b, 100);
	hf_jw_init(&w, &b);
	for (i = 0; i < 16; i++)
		hf_jw_arr(&w);
	assert_true(hf_buf_ok(&b));
	hf_jw_arr(&w);
	assert_false(hf_buf_ok(&b));
	hf_buf_reset(&b);
	hf_jw_init(&w, &b);
	hf_jw_end_obj(&w); /* nothing is open */
	assert_false(hf_buf_ok(&b));
	hf_buf_fini(&b);
}

static int
parse(const char *s, json_t **out, struct hf_err *err)
{
	return hf_json_parse(s, strlen(s), 1000, out, err);
}

static void
written_json_parses_to_the_same_values(void **state)
{
	struct hf_buf b;
	struct hf_jw w;
	json_t *root;

	hf_buf_init(&b, 100);
	hf_jw_init(&w, &b);
	hf_jw_obj(&w);
	hf_jw_kf64(&w, "pi", 3.141592653589793);
	hf_jw_kstr(&w, "s", "\"\n");
	hf_jw_end_obj(&w);
	assert_int_equal(parse(hf_buf_cstr(&b), &root, NULL), HF_OK);
	assert_true(
	    json_real_value(json_object_get(root, "pi")) == 3.141592653589793);
	assert_string_equal(
	    json_string_value(json_object_get(root, "s")), "\"\n");
	json_decref(root);
	hf_buf_fini(&b);
}

static void
malformed_json_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {"", "{", "[1,]", "{\"a\":1,}",
	    "{\"a\":1}x", "{a:1}", "[\"\xff\"]", "[\"\\u0000\"]", "[01]",
	    "{\"a\":1,\"a\":2}", "[1e999]", "nul"};
	struct hf_err err;
	json_t *root = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &root, &err) != HF_EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(err.msg, "line "));
	}
	assert_null(root);
	assert_int_equal(parse("{\n\"a\": x}", &root, &err), HF_EINVAL);
	assert_non_null(strstr(err.msg, "line 2 column"));
}

static void
deep_and_large_json_is_refused_before_parsing(void **state)
{
	char deep[200];
	struct hf_err err;
	json_t *root;

	memset(deep, '[', 32);
	memset(deep + 32, ']', 32);
	deep[64] = '\0';
	assert_int_equal(parse(deep, &root, NULL), HF_OK);
	json_decref(root);
	memset(deep, '[', 33);
	memset(deep + 33, ']', 33);
	deep[66] = '\0';
	assert_int_equal(parse(deep, &root, &err), HF_ELIMIT);
	memset(deep, '[', 100); /* inside a string they do not count */
	memcpy(deep, "[\"", 2);
	memcpy(deep + 100, "\\\"[\"]", 6);
	assert_int_equal(parse(deep, &root, NULL), HF_OK);
	json_decref(root);
	assert_int_equal(hf_json_parse("[1,2]", 5, 4, &root, &err), HF_ELIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writer_keeps_commas_and_nesting_right),
	    cmocka_unit_test(strings_are_escaped_and_always_valid),
	    cmocka_unit_test(numbers_that_json_lacks_become_null),
	    cmocka_unit_test(nesting_beyond_sixteen_fails_the_buffer),
	    cmocka_unit_test(written_json_parses_to_the_same_values),
	    cmocka_unit_test(malformed_json_is_refused_with_its_place),
	    cmocka_unit_test(deep_and_large_json_is_refused_before_parsing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
