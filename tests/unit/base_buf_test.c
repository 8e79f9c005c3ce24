/* SPDX-License-Identifier: Apache-2.0
 *
 * base_buf_test.c - buffers stop at their limit, readers at their end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"

static void
numbers_are_little_endian(void **state)
{
	static const uint8_t want[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04,
	    0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08, 0x12, 0x34, 0xfe,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0xf0,
	    0x3f};
	struct hf_buf b;

	hf_buf_init(&b, 100);
	hf_buf_u8(&b, 1);
	hf_buf_u16(&b, 0x0203);
	hf_buf_u32(&b, 0x04050607);
	hf_buf_u64(&b, 0x08090a0b0c0d0e0f);
	hf_buf_u16be(&b, 0x1234);
	hf_buf_i64(&b, -2);
	hf_buf_f64(&b, 1.0);
	assert_true(hf_buf_ok(&b));
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	hf_buf_fini(&b);
}

static void
reader_gives_back_what_was_written(void **state)
{
	const char *s;
	struct hf_buf b;
	struct hf_rd r;
	size_t n;

	hf_buf_init(&b, 200);
	hf_buf_u8(&b, 200);
	hf_buf_u16(&b, 65535);
	hf_buf_u16be(&b, 513);
	hf_buf_u32(&b, 4000000000u);
	hf_buf_u64(&b, UINT64_MAX);
	hf_buf_i64(&b, INT64_MIN);
	hf_buf_f64(&b, -0.0);
	hf_buf_str(&b, "zone");
	hf_buf_str(&b, NULL);
	hf_buf_str(&b, "");
	hf_rd_init(&r, b.p, b.len);
	assert_int_equal(hf_rd_u8(&r), 200);
	assert_int_equal(hf_rd_u16(&r), 65535);
	assert_int_equal(hf_rd_u16be(&r), 513);
	assert_int_equal(hf_rd_u32(&r), 4000000000u);
	assert_true(hf_rd_u64(&r) == UINT64_MAX);
	assert_true(hf_rd_i64(&r) == INT64_MIN);
	assert_true(signbit(hf_rd_f64(&r)));
	assert_true(hf_rd_str(&r, &s, &n, 4));
	assert_int_equal(n, 4);
	assert_memory_equal(s, "zone", 4);
	assert_true(hf_rd_str(&r, &s, &n, 4));
	assert_null(s);
	assert_true(hf_rd_str(&r, &s, &n, 4));
	assert_non_null(s);
	assert_int_equal(n, 0);
	assert_int_equal(hf_rd_left(&r), 0);
	assert_true(hf_rd_ok(&r));
	hf_buf_fini(&b);
}

static void
buffer_takes_exactly_its_limit(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 4);
	hf_buf_put(&b, "abcd", 4);
	assert_true(hf_buf_ok(&b));
	assert_string_equal(hf_buf_cstr(&b), "abcd");
	hf_buf_u8(&b, 'e');
	assert_false(hf_buf_ok(&b));
	assert_int_equal(b.len, 4);
	hf_buf_fini(&b);
}

static void
full_buffer_stays_failed_until_reset(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 4);
	hf_buf_put(&b, "abc", 3);
	hf_buf_u32(&b, 1); /* does not fit: nothing of it is written */
	hf_buf_u8(&b, 1);  /* would fit, but the buffer has failed */
	assert_int_equal(b.len, 3);
	assert_null(hf_buf_cstr(&b));
	hf_buf_reset(&b);
	hf_buf_puts(&b, "xy");
	assert_string_equal(hf_buf_cstr(&b), "xy");
	hf_buf_fini(&b);
}

static void
zeroed_buffer_takes_nothing(void **state)
{
	struct hf_buf b = {0};

	assert_string_equal(hf_buf_cstr(&b), "");
	hf_buf_u8(&b, 1);
	assert_false(hf_buf_ok(&b));
	hf_buf_fini(&b);
}

static void
printf_appends_text_of_any_length(void **state)
{
	struct hf_buf b;
	int i;

	hf_buf_init(&b, 5000);
	for (i = 0; i < 1000; i++)
		hf_buf_printf(&b, "%03d,", i);
	assert_true(hf_buf_ok(&b));
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.p + 3996, "999,", 4);
	hf_buf_printf(&b, "%1001d", 1);
	assert_false(hf_buf_ok(&b));
	assert_int_equal(b.len, 4000);
	hf_buf_fini(&b);
}

static void
extend_gives_room_within_the_limit(void **state)
{
	struct hf_buf b;
	uint8_t *p;

	hf_buf_init(&b, 600);
	hf_buf_u8(&b, 9);
	p = hf_buf_extend(&b, 599);
	assert_non_null(p);
	assert_ptr_equal(p, b.p + 1);
	memset(p, 1, 599);
	assert_null(hf_buf_extend(&b, 1));
	assert_false(hf_buf_ok(&b));
	hf_buf_fini(&b);
}

static void
reader_never_moves_beyond_its_end(void **state)
{
	static const uint8_t three[3] = {1, 2, 3};
	struct hf_rd r;

	hf_rd_init(&r, three, 3);
	assert_int_equal(hf_rd_u32(&r), 0);
	assert_false(hf_rd_ok(&r));
	assert_int_equal(hf_rd_u8(&r), 0); /* sticky: 1 byte was there */
	assert_int_equal(hf_rd_left(&r), 0);
	hf_rd_init(&r, NULL, 0);
	assert_int_equal(hf_rd_u8(&r), 0);
	assert_false(hf_rd_ok(&r));
}

static void
reader_refuses_strings_that_lie_about_their_length(void **state)
{
	static const uint8_t liar[] = {5, 0, 0, 0, 'a', 'b', 'c', 'd'};
	static const uint8_t huge[] = {0xfe, 0xff, 0xff, 0xff, 'a'};
	const char *s;
	struct hf_rd r;
	size_t n;

	hf_rd_init(&r, liar, sizeof(liar));
	assert_false(hf_rd_str(&r, &s, &n, 100));
	assert_false(hf_rd_ok(&r));
	hf_rd_init(&r, liar, sizeof(liar));
	assert_false(hf_rd_str(&r, &s, &n, 4)); /* over the caller's limit */
	hf_rd_init(&r, huge, sizeof(huge));
	assert_false(hf_rd_str(&r, &s, &n, SIZE_MAX));
	assert_null(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_little_endian),
	    cmocka_unit_test(reader_gives_back_what_was_written),
	    cmocka_unit_test(buffer_takes_exactly_its_limit),
	    cmocka_unit_test(full_buffer_stays_failed_until_reset),
	    cmocka_unit_test(zeroed_buffer_takes_nothing),
	    cmocka_unit_test(printf_appends_text_of_any_length),
	    cmocka_unit_test(extend_gives_room_within_the_limit),
	    cmocka_unit_test(reader_never_moves_beyond_its_end),
	    cmocka_unit_test(
		reader_refuses_strings_that_lie_about_their_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
