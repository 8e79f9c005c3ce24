/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_mbap_test.c - frames: golden bytes, and every way to break them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "field/modbus/mbap.h"

static const struct hf_mb_req ask3 = {
    .tid = 0x1234, .unit = 7, .fn = HF_MB_HOLDING, .first = 0x6b, .count = 3};
/* Answer to ask3 with the registers 0x022b 0x0000 0x0064 of the
 * specification's example for function 3. */
static const uint8_t golden[] = {
    0x12, 0x34, 0, 0, 0, 9, 7, 3, 6, 0x02, 0x2b, 0x00, 0x00, 0x00, 0x64};

static int
check(const uint8_t *p, size_t n, struct hf_mb_answer *a)
{
	struct hf_mb_frame f;
	struct hf_err err;
	size_t used;
	int rc = hf_mb_frame(p, n, &f, &used, &err);

	if (rc != HF_OK)
		return rc;
	return hf_mb_answer(&ask3, &f, a, &err);
}

/* The golden answer with byte `at` changed. */
static int
check_changed(size_t at, uint8_t v)
{
	uint8_t p[sizeof(golden)];
	struct hf_mb_answer a;

	memcpy(p, golden, sizeof(p));
	p[at] = v;
	return check(p, sizeof(p), &a);
}

static void
read_request_has_the_bytes_of_the_specification(void **state)
{
	static const uint8_t want[HF_MB_REQ_LEN] = {
	    0x12, 0x34, 0, 0, 0, 6, 7, 3, 0, 0x6b, 0, 3};
	uint8_t got[HF_MB_REQ_LEN];

	hf_mb_put_read(got, &ask3);
	assert_memory_equal(got, want, sizeof(want));
}

static void
golden_answer_is_accepted(void **state)
{
	struct hf_mb_answer a;

	assert_int_equal(check(golden, sizeof(golden), &a), HF_OK);
	assert_int_equal(a.exception, 0);
	assert_int_equal(a.n, 6);
	assert_memory_equal(a.data, golden + 9, 6);
}

static void
every_prefix_of_an_answer_waits_for_more(void **state)
{
	struct hf_mb_answer a;
	size_t n;

	for (n = 0; n < sizeof(golden); n++)
		assert_int_equal(check(golden, n, &a), HF_EAGAIN);
}

static void
other_protocol_id_is_refused_with_the_fourth_byte(void **state)
{
	static const uint8_t http[] = "HTTP/1.1 400";
	struct hf_mb_answer a;

	assert_int_equal(check_changed(2, 1), HF_EPROTO);
	assert_int_equal(check_changed(3, 1), HF_EPROTO);
	assert_int_equal(check(http, 4, &a), HF_EPROTO);
}

static void
length_outside_2_to_254_is_refused(void **state)
{
	assert_int_equal(check_changed(5, 0), HF_EPROTO);
	assert_int_equal(check_changed(5, 1), HF_EPROTO);
	assert_int_equal(check_changed(5, 255), HF_EPROTO);
	assert_int_equal(check_changed(4, 1), HF_EPROTO);
	assert_int_equal(check_changed(5, 254), HF_EAGAIN);
}

static void
wrong_unit_function_or_byte_count_is_refused(void **state)
{
	assert_int_equal(check_changed(6, 8), HF_EPROTO);
	assert_int_equal(check_changed(7, 4), HF_EPROTO);
	assert_int_equal(check_changed(8, 4), HF_EPROTO);
	assert_int_equal(check_changed(5, 8), HF_EPROTO); /* one byte less */
}

static void
exception_must_name_the_function_and_a_code(void **state)
{
	static const uint8_t good[] = {0x12, 0x34, 0, 0, 0, 3, 7, 0x83, 2};
	static const uint8_t other[] = {0x12, 0x34, 0, 0, 0, 3, 7, 0x84, 2};
	static const uint8_t zero[] = {0x12, 0x34, 0, 0, 0, 3, 7, 0x83, 0};
	static const uint8_t bare[] = {0x12, 0x34, 0, 0, 0, 2, 7, 0x83};
	struct hf_mb_answer a;

	assert_int_equal(check(good, sizeof(good), &a), HF_OK);
	assert_int_equal(a.exception, HF_MB_EX_ADDRESS);
	assert_int_equal(check(other, sizeof(other), &a), HF_EPROTO);
	assert_int_equal(check(zero, sizeof(zero), &a), HF_EPROTO);
	assert_int_equal(check(bare, sizeof(bare), &a), HF_EPROTO);
}

static void
bits_are_packed_eight_to_a_byte(void **state)
{
	assert_int_equal(hf_mb_data_len(HF_MB_COILS, 1), 1);
	assert_int_equal(hf_mb_data_len(HF_MB_COILS, 8), 1);
	assert_int_equal(hf_mb_data_len(HF_MB_DISCRETE, 9), 2);
	assert_int_equal(hf_mb_data_len(HF_MB_COILS, HF_MB_NBIT), 250);
	assert_int_equal(hf_mb_data_len(HF_MB_INPUT, HF_MB_NREG), 250);
}

/* pdu is a request of 5 bytes unless npdu says otherwise. */
static uint8_t
server_says(uint8_t fn, uint16_t first, uint16_t count, size_t npdu)
{
	const uint8_t pdu[5] = {fn, (uint8_t)(first >> 8), (uint8_t)first,
	    (uint8_t)(count >> 8), (uint8_t)count};
	const struct hf_mb_frame f = {.unit = 1, .pdu = pdu, .npdu = npdu};
	struct hf_mb_req r;
	uint8_t ex = 99;

	hf_mb_parse_read(&f, &r, &ex);
	return ex;
}

static void
server_side_answers_bad_requests_with_the_right_exception(void **state)
{
	assert_int_equal(server_says(3, 0, 125, 5), 0);
	assert_int_equal(server_says(1, 0, 2000, 5), 0);
	assert_int_equal(server_says(6, 0, 1, 5), HF_MB_EX_FUNCTION);
	assert_int_equal(server_says(3, 0, 126, 5), HF_MB_EX_VALUE);
	assert_int_equal(server_says(3, 0, 0, 5), HF_MB_EX_VALUE);
	assert_int_equal(server_says(2, 0, 2001, 5), HF_MB_EX_VALUE);
	assert_int_equal(server_says(3, 0, 1, 4), HF_MB_EX_VALUE);
	assert_int_equal(server_says(3, 65535, 2, 5), HF_MB_EX_ADDRESS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(read_request_has_the_bytes_of_the_specification),
	    cmocka_unit_test(golden_answer_is_accepted),
	    cmocka_unit_test(every_prefix_of_an_answer_waits_for_more),
	    cmocka_unit_test(other_protocol_id_is_refused_with_the_fourth_byte),
	    cmocka_unit_test(length_outside_2_to_254_is_refused),
	    cmocka_unit_test(wrong_unit_function_or_byte_count_is_refused),
	    cmocka_unit_test(exception_must_name_the_function_and_a_code),
	    cmocka_unit_test(bits_are_packed_eight_to_a_byte),
	    cmocka_unit_test(
		server_side_answers_bad_requests_with_the_right_exception),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
