/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_decode_test.c - every type in every order against an oracle that works
 * the other way: it writes the value's bytes where the order's name says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/time.h"
#include "field/modbus/decode.h"
#include "model/quality.h"

/* Where byte A (the most significant), B, ... goes, by order and length. */
static const char *const layout2[] = {"AB", "AB", "BA", "BA"};
static const char *const layout4[] = {"ABCD", "CDAB", "BADC", "DCBA"};
static const char *const layout8[] = {
    "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"};

static void
oracle(uint8_t *out, uint64_t bits, int nbyte, int order)
{
	const char *l = nbyte == 2   ? layout2[order]
			: nbyte == 4 ? layout4[order]
				     : layout8[order];
	int i;

	for (i = 0; i < nbyte; i++)
		out[i] = (uint8_t)(bits >> (8 * (nbyte - 1 - (l[i] - 'A'))));
}

static struct hf_mb_point
point(int type, int order)
{
	struct hf_mb_point p = {.fn = HF_MB_HOLDING,
	    .first = 100,
	    .type = (uint8_t)type,
	    .order = (uint8_t)order,
	    .bit = -1};

	p.count = hf_mb_type_nreg(type);
	return p;
}

/* Decodes bits as the type; the answer begins two registers earlier. */
static enum hf_mb_why
decode_in(const struct hf_mb_point *p, uint64_t bits, struct hf_reading *r)
{
	uint8_t data[16];

	memset(data, 0xa5, sizeof(data));
	oracle(data + 4, bits, p->count * 2, p->order);
	return hf_mb_decode(p, data, 98, r, NULL);
}

static void
integers_of_all_types_and_orders_are_exact(void **state)
{
	static const struct {
		int type;
		uint64_t bits;
		int64_t want;
	} rows[] = {
	    {HF_T_I16, 0x8001, -32767},
	    {HF_T_I16, 0x1234, 0x1234},
	    {HF_T_U16, 0x8001, 0x8001},
	    {HF_T_U16, 0xffff, 65535},
	    {HF_T_I32, 0x80000001, -2147483647},
	    {HF_T_I32, 0x12345678, 0x12345678},
	    {HF_T_U32, 0xfedcba98, 0xfedcba98},
	    {HF_T_I64, 0x8000000000000001, INT64_MIN + 1},
	    {HF_T_I64, 0x0123456789abcdef, 0x0123456789abcdef},
	    {HF_T_U64, 0x7fffffffffffffff, INT64_MAX},
	    {HF_T_BCD16, 0x1234, 1234},
	    {HF_T_BCD16, 0x9999, 9999},
	    {HF_T_BCD32, 0x12345678, 12345678},
	    {HF_T_BCD32, 0x90000001, 90000001},
	};
	struct hf_reading r;
	size_t i;
	int order;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (order = HF_ABCD; order <= HF_DCBA; order++) {
			struct hf_mb_point p = point(rows[i].type, order);

			assert_int_equal(
			    decode_in(&p, rows[i].bits, &r), HF_MB_FINE);
			assert_int_equal(r.s.status, HF_GOOD);
			assert_int_equal(r.s.vtype, HF_V_I64);
			assert_true(r.s.v.i64 == rows[i].want);
			assert_true(r.raw == rows[i].bits);
		}
	}
}

static void
floats_of_both_sizes_keep_their_bits_in_all_orders(void **state)
{
	static const double values[] = {0.0, -0.0, 1.0, -73.96732207, 1e-300,
	    6.02214076e23, 0x1.fffffep127, 5e-324};
	struct hf_reading r;
	uint64_t bits;
	uint32_t bits32;
	float f;
	size_t i;
	int order;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		f = (float)values[i];
		memcpy(&bits32, &f, 4);
		memcpy(&bits, &values[i], 8);
		for (order = HF_ABCD; order <= HF_DCBA; order++) {
			struct hf_mb_point p = point(HF_T_F32, order);
			struct hf_mb_point q = point(HF_T_F64, order);
			double want = (double)f;

			decode_in(&p, bits32, &r);
			assert_int_equal(r.s.vtype, HF_V_F64);
			assert_memory_equal(&r.s.v.f64, &want, 8);
			decode_in(&q, bits, &r);
			assert_memory_equal(&r.s.v.f64, &values[i], 8);
		}
	}
}

static void
four_orders_of_one_answer_are_the_four_known_numbers(void **state)
{
	/* 50.0 as float32 is 42 48 00 00 */
	static const uint8_t data[] = {0x42, 0x48, 0x00, 0x00};
	static const uint32_t want[] = {
	    0x42480000, 0x00004248, 0x48420000, 0x00004842};
	struct hf_reading r;
	int order;

	for (order = HF_ABCD; order <= HF_DCBA; order++) {
		struct hf_mb_point p = point(HF_T_U32, order);

		hf_mb_decode(&p, data, 100, &r, NULL);
		assert_true(r.raw == want[order]);
	}
}

static void
not_a_number_and_infinity_are_bad_with_raw_bits_kept(void **state)
{
	static const struct {
		int type;
		uint64_t bits;
	} rows[] = {
	    {HF_T_F32, 0x7fc00001},
	    {HF_T_F32, 0x7f800000},
	    {HF_T_F32, 0xff800000},
	    {HF_T_F64, 0x7ff8000000000001},
	    {HF_T_F64, 0xfff0000000000000},
	};
	struct hf_reading r;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_mb_point p = point(rows[i].type, HF_CDAB);

		assert_int_equal(
		    decode_in(&p, rows[i].bits, &r), HF_MB_NOT_FINITE);
		assert_true(hf_is_bad(r.s.status));
		assert_false(isfinite(r.s.v.f64));
		assert_true(r.raw == rows[i].bits);
	}
}

static void
bcd_digit_above_nine_is_bad_with_raw_bits_kept(void **state)
{
	struct hf_mb_point p = point(HF_T_BCD16, HF_ABCD);
	struct hf_mb_point q = point(HF_T_BCD32, HF_DCBA);
	struct hf_reading r;

	assert_int_equal(decode_in(&p, 0x12a4, &r), HF_MB_BAD_BCD);
	assert_true(hf_is_bad(r.s.status));
	assert_true(r.raw == 0x12a4);
	assert_int_equal(decode_in(&q, 0xf0000000, &r), HF_MB_BAD_BCD);
	assert_true(hf_is_bad(r.s.status));
}

static void
uint64_beyond_int64_is_bad_never_wrapped(void **state)
{
	struct hf_mb_point p = point(HF_T_U64, HF_ABCD);
	struct hf_reading r;

	assert_int_equal(decode_in(&p, 0x8000000000000000, &r), HF_MB_TOO_BIG);
	assert_true(hf_is_bad(r.s.status));
	assert_true(r.s.v.i64 > 0);
	assert_true(r.raw == 0x8000000000000000);
}

static void
each_bit_of_a_register_is_found(void **state)
{
	struct hf_mb_point p = point(HF_T_BOOL, HF_ABCD);
	struct hf_reading r;
	int i;

	for (i = 0; i < 16; i++) {
		p.bit = (int8_t)i;
		decode_in(&p, 1u << i, &r);
		assert_int_equal(r.s.vtype, HF_V_BOOL);
		assert_int_equal(r.s.v.bits, 1);
		decode_in(&p, 0xffff & ~(1u << i), &r);
		assert_int_equal(r.s.v.bits, 0);
	}
	p.bit = -1;
	decode_in(&p, 0x0100, &r);
	assert_int_equal(r.s.v.bits, 1);
}

static void
coils_are_found_at_their_bit(void **state)
{
	const uint8_t data[2] = {0x80, 0x01}; /* addresses 17 and 18 are on */
	struct hf_mb_point p = {
	    .fn = HF_MB_COILS, .count = 1, .bit = -1, .type = HF_T_BOOL};
	struct hf_reading r;
	uint16_t at;

	for (at = 10; at < 26; at++) {
		p.first = at;
		hf_mb_decode(&p, data, 10, &r, NULL);
		assert_int_equal(r.s.v.bits, at == 17 || at == 18);
	}
}

static void
strings_have_two_characters_a_register_in_both_orders(void **state)
{
	static const uint8_t high[] = "PUMP-7\0x", low[] = "UPPM7-x\0";
	char str[HF_MB_STR_CAP(8)];
	struct hf_mb_point p = {.fn = HF_MB_HOLDING,
	    .count = 4,
	    .nchar = 8,
	    .type = HF_T_STR,
	    .bit = -1};
	struct hf_reading r;

	hf_mb_decode(&p, high, 0, &r, str);
	assert_int_equal(r.s.vtype, HF_V_STR);
	assert_int_equal(r.s.status, HF_GOOD);
	assert_string_equal(r.str, "PUMP-7");
	assert_int_equal(r.s.str_len, 6);
	p.is_low_first = true;
	hf_mb_decode(&p, low, 0, &r, str);
	assert_string_equal(r.str, "PUMP-7");
	p.nchar = 3; /* odd: half of the second register */
	p.count = 2;
	hf_mb_decode(&p, low, 0, &r, str);
	assert_string_equal(r.str, "PUM");
}

static void
string_that_is_no_utf8_is_bad_and_readable(void **state)
{
	static const uint8_t data[] = {'T', 0xb0, 'C', 0};
	char str[HF_MB_STR_CAP(4)];
	struct hf_mb_point p = {.fn = HF_MB_HOLDING,
	    .count = 2,
	    .nchar = 4,
	    .type = HF_T_STR,
	    .bit = -1};
	struct hf_reading r;

	assert_int_equal(hf_mb_decode(&p, data, 0, &r, str), HF_MB_BAD_TEXT);
	assert_true(hf_is_bad(r.s.status));
	assert_string_equal(r.str, "T\\xb0C");
	assert_int_equal(r.s.str_len, strlen(r.str));
}

static struct hf_tag
scaled(double raw_lo, double raw_hi, double lo, double hi, bool clamp)
{
	return (struct hf_tag){.raw_lo = raw_lo,
	    .raw_hi = raw_hi,
	    .scale_lo = lo,
	    .scale_hi = hi,
	    .clamp = clamp,
	    .range_lo = NAN,
	    .range_hi = NAN};
}

static void
scaling_is_linear_and_exact_at_both_ends(void **state)
{
	const struct hf_tag t = scaled(4000, 20000, -50, 150, false);
	struct hf_mb_point p = point(HF_T_U16, HF_ABCD);
	struct hf_reading r;

	p.tag = &t;
	decode_in(&p, 4000, &r);
	assert_int_equal(r.s.vtype, HF_V_F64);
	assert_true(r.s.v.f64 == -50);
	decode_in(&p, 20000, &r);
	assert_true(r.s.v.f64 == 150);
	decode_in(&p, 12000, &r);
	assert_true(r.s.v.f64 == 50);
	decode_in(&p, 24000, &r); /* not clamped: goes on */
	assert_true(r.s.v.f64 == 200);
	assert_int_equal(r.s.status, HF_GOOD);
	assert_int_equal(r.raw, 24000);
}

static void
clamped_value_is_uncertain_and_flagged(void **state)
{
	const struct hf_tag up = scaled(0, 100, 0, 10, true);
	const struct hf_tag down = scaled(0, 100, 10, 0, true);
	struct hf_mb_point p = point(HF_T_I16, HF_ABCD);
	struct hf_reading r;

	p.tag = &up;
	assert_int_equal(decode_in(&p, 101, &r), HF_MB_CLAMPED);
	assert_true(r.s.v.f64 == 10);
	assert_int_equal(r.s.status, HF_UNCERTAIN_EU_EXCEEDED);
	assert_int_equal(r.s.flags & HF_F_CLAMPED, HF_F_CLAMPED);
	assert_int_equal(decode_in(&p, 0xffff, &r), HF_MB_CLAMPED);
	assert_true(r.s.v.f64 == 0);
	assert_int_equal(decode_in(&p, 100, &r), HF_MB_FINE);
	assert_int_equal(r.s.flags, 0);
	p.tag = &down;
	assert_int_equal(decode_in(&p, 0xffff, &r), HF_MB_CLAMPED);
	assert_true(r.s.v.f64 == 10);
}

static void
clamp_without_scaling_uses_the_range(void **state)
{
	struct hf_tag t = scaled(NAN, NAN, NAN, NAN, true);
	struct hf_mb_point p = point(HF_T_I16, HF_ABCD);
	struct hf_reading r;

	t.range_lo = -3.5;
	t.range_hi = 7.5;
	p.tag = &t;
	assert_int_equal(decode_in(&p, 8, &r), HF_MB_CLAMPED);
	assert_int_equal(r.s.vtype, HF_V_I64);
	assert_int_equal(r.s.v.i64, 7);
	decode_in(&p, 0xfff0, &r);
	assert_int_equal(r.s.v.i64, -3);
}

static void
scaling_that_overflows_is_bad(void **state)
{
	const struct hf_tag t = scaled(0, 1e-300, 0, 1e300, false);
	struct hf_mb_point p = point(HF_T_U16, HF_ABCD);
	struct hf_reading r;

	p.tag = &t;
	assert_int_equal(decode_in(&p, 65535, &r), HF_MB_NOT_FINITE);
	assert_true(hf_is_bad(r.s.status));
}

static int64_t
stamp_of(int type, uint64_t bits)
{
	struct hf_mb_point p = point(type, HF_CDAB);
	uint8_t data[8];

	oracle(data, bits, 8, HF_CDAB);
	return hf_mb_decode_stamp(&p, data, 100);
}

static void
stamp_is_int64_ns_or_float64_seconds(void **state)
{
	const double s = 1386018900.25, nan_s = NAN, far = 1e12;
	uint64_t bits;

	assert_true(stamp_of(HF_T_I64, UINT64_C(1386018900000000001)) ==
		    INT64_C(1386018900000000001));
	assert_true(stamp_of(HF_T_I64, (uint64_t)-5) == -5);
	assert_true(stamp_of(HF_T_U64, 77) == 77);
	assert_true(stamp_of(HF_T_U64, UINT64_MAX) == HF_TIME_NONE);
	memcpy(&bits, &s, 8);
	assert_true(stamp_of(HF_T_F64, bits) == INT64_C(1386018900250000000));
	memcpy(&bits, &nan_s, 8);
	assert_true(stamp_of(HF_T_F64, bits) == HF_TIME_NONE);
	memcpy(&bits, &far, 8);
	assert_true(stamp_of(HF_T_F64, bits) == HF_TIME_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers_of_all_types_and_orders_are_exact),
	    cmocka_unit_test(
		floats_of_both_sizes_keep_their_bits_in_all_orders),
	    cmocka_unit_test(
		four_orders_of_one_answer_are_the_four_known_numbers),
	    cmocka_unit_test(
		not_a_number_and_infinity_are_bad_with_raw_bits_kept),
	    cmocka_unit_test(bcd_digit_above_nine_is_bad_with_raw_bits_kept),
	    cmocka_unit_test(uint64_beyond_int64_is_bad_never_wrapped),
	    cmocka_unit_test(each_bit_of_a_register_is_found),
	    cmocka_unit_test(coils_are_found_at_their_bit),
	    cmocka_unit_test(
		strings_have_two_characters_a_register_in_both_orders),
	    cmocka_unit_test(string_that_is_no_utf8_is_bad_and_readable),
	    cmocka_unit_test(scaling_is_linear_and_exact_at_both_ends),
	    cmocka_unit_test(clamped_value_is_uncertain_and_flagged),
	    cmocka_unit_test(clamp_without_scaling_uses_the_range),
	    cmocka_unit_test(scaling_that_overflows_is_bad),
	    cmocka_unit_test(stamp_is_int64_ns_or_float64_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
