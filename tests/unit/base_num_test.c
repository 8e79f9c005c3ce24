/* SPDX-License-Identifier: Apache-2.0
 *
 * base_num_test.c - numbers are read whole or not at all, and printed exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

static bool
f64(const char *s, double *out)
{
	return hf_parse_f64(s, strlen(s), false, out);
}

static void
size_arithmetic_reports_overflow(void **state)
{
	size_t v;

	assert_true(hf_add_size(SIZE_MAX - 1, 1, &v));
	assert_true(v == SIZE_MAX);
	assert_false(hf_add_size(SIZE_MAX, 1, &v));
	assert_true(hf_mul_size(SIZE_MAX / 2, 2, &v));
	assert_false(hf_mul_size(SIZE_MAX / 2 + 1, 2, &v));
	assert_true(hf_mul_size(0, SIZE_MAX, &v));
	assert_int_equal(v, 0);
}

static void
narrowing_keeps_the_value_or_fails(void **state)
{
	uint8_t a = 7;
	uint16_t b = 7;
	uint32_t c = 7;

	assert_true(hf_to_u8(255, &a) && a == 255);
	assert_false(hf_to_u8(256, &a));
	assert_false(hf_to_u8(-1, &a));
	assert_true(hf_to_u16(65535, &b) && b == 65535);
	assert_false(hf_to_u16(65536, &b));
	assert_true(hf_to_u32(UINT32_MAX, &c) && c == UINT32_MAX);
	assert_false(hf_to_u32((int64_t)UINT32_MAX + 1, &c));
	assert_false(hf_to_u32(-1, &c));
	assert_true(a == 255 && b == 65535 && c == UINT32_MAX);
}

static void
integers_reach_their_ends_and_no_further(void **state)
{
	int64_t v;
	uint64_t u;

	assert_true(hf_parse_i64("9223372036854775807", 19, &v));
	assert_true(v == INT64_MAX);
	assert_false(hf_parse_i64("9223372036854775808", 19, &v));
	assert_true(hf_parse_i64("-9223372036854775808", 20, &v));
	assert_true(v == INT64_MIN);
	assert_false(hf_parse_i64("-9223372036854775809", 20, &v));
	assert_true(hf_parse_u64("18446744073709551615", 20, &u));
	assert_true(u == UINT64_MAX);
	assert_false(hf_parse_u64("18446744073709551616", 20, &u));
	assert_true(hf_parse_u64("0xFFFFFFFFFFFFFFFF", 18, &u));
	assert_false(hf_parse_u64("0x10000000000000000", 19, &u));
	assert_true(hf_parse_i64("-0x10", 5, &v));
	assert_int_equal(v, -16);
	assert_true(hf_parse_i64("+010", 4, &v));
	assert_int_equal(v, 10); /* a leading 0 is not octal */
}

static void
integers_are_whole_or_nothing(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "12x", "-", "+", "0x",
	    "--1", "+-1", "1.0", "1e3", "0xg", "x10", "\u0661"};
	uint64_t u = 5;
	int64_t v = 5;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(hf_parse_i64(bad[i], strlen(bad[i]), &v));
		assert_false(hf_parse_u64(bad[i], strlen(bad[i]), &u));
	}
	assert_false(hf_parse_u64("-1", 2, &u));
	assert_true(u == 5 && v == 5);
	assert_true(hf_parse_i64("1234", 2, &v)); /* n counts, not NUL */
	assert_int_equal(v, 12);
}

static void
floats_are_whole_or_nothing(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "1x", ".", "-", "e5",
	    "1e", "1e+", "1.2.3", "inf", "nan", "-infinity", "0x1p3", "1,5",
	    "1e400", "-1e400", "1_000"};
	double v = 7;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(f64(bad[i], &v));
	assert_true(v == 7);
	assert_true(f64("1.", &v) && v == 1);
	assert_true(f64(".5", &v) && v == 0.5);
	assert_true(f64("-1.5e-3", &v) && v == -1.5e-3);
	assert_true(f64("+2E2", &v) && v == 200);
	assert_true(f64("1e-400", &v) && v == 0);
	assert_true(f64("5e-324", &v) && v == 5e-324);
	assert_true(f64("1.7976931348623157e308", &v) && v == DBL_MAX);
}

static void
decimal_comma_is_taken_only_if_asked_for(void **state)
{
	double v;

	assert_true(hf_parse_f64("3,25", 4, true, &v));
	assert_true(v == 3.25);
	assert_false(hf_parse_f64("3.25", 4, true, &v));
	assert_false(hf_parse_f64("1.000,5", 7, true, &v));
	assert_false(hf_parse_f64("3,25", 4, false, &v));
	assert_true(hf_parse_f64("42", 2, true, &v) && v == 42);
}

static void
overlong_float_text_is_refused(void **state)
{
	char text[2000];
	double v;

	memset(text, '0', sizeof(text));
	text[0] = '1';
	text[1] = '.';
	assert_true(hf_parse_f64(text, 1000, false, &v));
	assert_true(v == 1);
	assert_false(hf_parse_f64(text, sizeof(text), false, &v));
}

static void
printed_floats_are_short_and_read_back(void **state)
{
	static const struct {
		double v;
		const char *text;
	} row[] = {
	    {0, "0"},
	    {-0.0, "-0"},
	    {1, "1"},
	    {-17, "-17"},
	    {0.1, "0.1"},
	    {1e15, "1e+15"},
	    {999999999999999, "999999999999999"},
	    {1.0 / 3, "0.3333333333333333"},
	    {5e-324, "4.94065645841247e-324"},
	    {DBL_MAX, "1.7976931348623157e+308"},
	    {NAN, "nan"},
	    {INFINITY, "inf"},
	    {-INFINITY, "-inf"},
	    {0.1 + 0.2, "0.30000000000000004"},
	    {1e22, "1e+22"},
	};
	char buf[HF_F64_TEXT];
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(hf_fmt_f64(row[i].v, buf), row[i].text);
}

static uint64_t
next_random(uint64_t *x) /* xorshift64, fixed seed: same values every run */
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void
any_bit_pattern_prints_and_reads_back(void **state)
{
	uint64_t x = 88172645463325252u, bits, back;
	char buf[HF_F64_TEXT];
	double v, w;
	int i;

	for (i = 0; i < 50000; i++) {
		bits = next_random(&x);
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		hf_fmt_f64(v, buf);
		assert_true(f64(buf, &w));
		memcpy(&back, &w, sizeof(back));
		assert_true(back == bits);
	}
}

static void
locale_changes_neither_reading_nor_printing(void **state)
{
	char buf[HF_F64_TEXT];
	double v;

	if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL &&
	    setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
		setlocale(LC_ALL, ""); /* still must hold, whatever it is */
	assert_true(f64("2.5", &v) && v == 2.5);
	assert_string_equal(hf_fmt_f64(2.5, buf), "2.5");
	setlocale(LC_ALL, "C");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(size_arithmetic_reports_overflow),
	    cmocka_unit_test(narrowing_keeps_the_value_or_fails),
	    cmocka_unit_test(integers_reach_their_ends_and_no_further),
	    cmocka_unit_test(integers_are_whole_or_nothing),
	    cmocka_unit_test(floats_are_whole_or_nothing),
	    cmocka_unit_test(decimal_comma_is_taken_only_if_asked_for),
	    cmocka_unit_test(overlong_float_text_is_refused),
	    cmocka_unit_test(printed_floats_are_short_and_read_back),
	    cmocka_unit_test(any_bit_pattern_prints_and_reads_back),
	    cmocka_unit_test(locale_changes_neither_reading_nor_printing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
