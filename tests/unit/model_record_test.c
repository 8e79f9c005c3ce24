/* SPDX-License-Identifier: Apache-2.0
 *
 * model_record_test.c - audit records on the wire, counters, and status names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "model/counters.h"
#include "model/quality.h"
#include "model/record.h"
#include "os/msg.h"

/* Version 1 of a record, made from the layout at the top of record.c. */
static const char golden_hex[] =
    "09000000616c61726d2e61636b080000007569643a31303030000000000400"
    "00006131623204000000646f6e6507000000676568c3b67274020001020304"
    "05060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
#define GOLDEN_LEN 89
static uint8_t golden[GOLDEN_LEN];

static struct hf_record
ack(void)
{
	struct hf_record r = {.action = "alarm.ack",
	    .actor = "uid:1000",
	    .object = "a1b2",
	    .decision = "done",
	    .detail = "geh\u00f6rt"};
	int i;

	for (i = 0; i < HF_SHA256_LEN; i++)
		r.config_hash[i] = (uint8_t)i;
	return r;
}

static int
setup(void **state)
{
	return hf_unhex(golden, GOLDEN_LEN, golden_hex) ? 0 : -1;
}

static void
record_has_its_golden_bytes(void **state)
{
	struct hf_record r = ack(), back;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_record_encode(&r, &b), HF_OK);
	assert_int_equal(b.len, GOLDEN_LEN);
	assert_memory_equal(b.p, golden, GOLDEN_LEN);
	assert_int_equal(
	    hf_record_decode(golden, GOLDEN_LEN, &back, NULL), HF_OK);
	assert_memory_equal(&r, &back, sizeof(r));
	hf_buf_fini(&b);
}

static void
longest_record_fits_its_message(void **state)
{
	struct hf_record r = {.action = "alarm.out_of_service"}, back;
	struct hf_buf b;

	memset(r.actor, 'a', sizeof(r.actor) - 1);
	memset(r.zone, 'z', sizeof(r.zone) - 1);
	memset(r.object, 'o', sizeof(r.object) - 1);
	memset(r.decision, 'd', sizeof(r.decision) - 1);
	memset(r.detail, 't', sizeof(r.detail) - 1);
	memset(r.input_hash, 1, 3 * HF_SHA256_LEN);
	hf_buf_init(&b, 4096);
	assert_int_equal(hf_record_encode(&r, &b), HF_OK);
	assert_int_equal(hf_record_decode(b.p, b.len, &back, NULL), HF_OK);
	assert_memory_equal(&r, &back, sizeof(r));
	hf_buf_fini(&b);
}

static void
assert_refused(size_t off, const char *bytes, size_t n)
{
	struct hf_record r = {.action = "untouched"};
	uint8_t p[GOLDEN_LEN];

	memcpy(p, golden, sizeof(p));
	memcpy(p + off, bytes, n);
	if (hf_record_decode(p, sizeof(p), &r, NULL) != HF_EPROTO)
		fail_msg("byte %zu: taken", off);
	assert_string_equal(r.action, "untouched");
}

static void
record_with_any_bound_broken_is_refused(void **state)
{
	uint8_t longer[GOLDEN_LEN + 1] = {0};
	struct hf_record r;
	size_t n;

	assert_refused(0, "\x30", 1);		  /* action of 48 bytes */
	assert_refused(0, "\xff\xff\xff\xff", 4); /* NULL */
	assert_refused(4, "b", 1);		  /* blarm.ack */
	assert_refused(17, "\0", 1);
	assert_refused(17, "\n", 1);
	assert_refused(17, "\x7f", 1);
	assert_refused(17, "\xff", 1);
	assert_refused(56, "\x08", 1);
	assert_refused(56, "\x03", 1);
	assert_refused(57,
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0",
	    32);
	memcpy(longer, golden, GOLDEN_LEN);
	assert_int_equal(
	    hf_record_decode(longer, sizeof(longer), &r, NULL), HF_EPROTO);
	for (n = 0; n < GOLDEN_LEN; n++)
		assert_int_equal(
		    hf_record_decode(golden, n, &r, NULL), HF_EPROTO);
}

static void
record_that_would_be_refused_is_not_sent(void **state)
{
	struct hf_record r = ack();
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	hf_strcpy(r.action, sizeof(r.action), "alarm.invented");
	assert_int_equal(hf_record_encode(&r, &b), HF_EINVAL);
	r = ack();
	hf_strcpy(r.detail, sizeof(r.detail), "two\nlines");
	assert_int_equal(hf_record_encode(&r, &b), HF_EINVAL);
	r = ack();
	memset(r.zone, 'z', sizeof(r.zone)); /* not terminated */
	assert_int_equal(hf_record_encode(&r, &b), HF_EINVAL);
	assert_int_equal(b.len, 0);
	hf_buf_fini(&b);
	hf_buf_init(&b, 20);
	r = ack();
	assert_int_equal(hf_record_encode(&r, &b), HF_ELIMIT);
	hf_buf_fini(&b);
}

static void
any_text_can_be_made_fit_for_a_record(void **state)
{
	char dst[8];

	hf_record_text(dst, sizeof(dst), "a\nb%s", "\xff\x1b");
	assert_string_equal(dst, "a?b??");
	hf_record_text(dst, sizeof(dst), "1234567890");
	assert_string_equal(dst, "1234567");
	hf_record_text(dst, sizeof(dst), "123456\u00e4"); /* no half ae */
	assert_string_equal(dst, "123456");
	hf_record_text(dst, sizeof(dst), "%s",
	    "\xC2\x9B"
	    "x"); /* C1 */
	assert_string_equal(dst, "?x");
}

static void
every_action_has_senders_and_is_found(void **state)
{
	const struct hf_record_kind *k;
	size_t i, j;

	assert_true(hf_nrecord_kind > 20);
	for (i = 0; i < hf_nrecord_kind; i++) {
		k = &hf_record_kinds[i];
		assert_ptr_equal(hf_record_kind_find(k->action), k);
		assert_int_not_equal(k->senders, 0);
		assert_true(strlen(k->action) <
			    sizeof(((struct hf_record *)0)->action));
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    k->action, hf_record_kinds[j].action);
	}
	assert_null(hf_record_kind_find(""));
	k = hf_record_kind_find("record.overflow");
	assert_int_equal(k->senders,
	    HF_ROLE_BIT(HF_ROLE_PARENT) | HF_ROLE_BIT(HF_ROLE_CORE) |
		HF_ROLE_BIT(HF_ROLE_EDGE) | HF_ROLE_BIT(HF_ROLE_WEB));
	k = hf_record_kind_find("log.tombstone");
	assert_int_equal(k->senders, HF_ROLE_BIT(HF_ROLE_AUDIT));
}

static void
counters_survive_the_wire_without_their_zeros(void **state)
{
	struct hf_counters c = {0}, back;
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 4096);
	hf_counters_encode(&c, &b);
	assert_int_equal(b.len, 2);
	assert_int_equal(hf_counters_decode(b.p, b.len, &back, NULL), HF_OK);
	hf_count(&c, HF_C_MB_REQUESTS, 3);
	hf_count(&c, HF_C_MB_REQUESTS, 4);
	hf_count(&c, HF_C_R_RESTARTS, UINT64_MAX);
	hf_buf_reset(&b);
	hf_counters_encode(&c, &b);
	assert_int_equal(b.len, 22);
	memset(&back, 0xff, sizeof(back));
	assert_int_equal(hf_counters_decode(b.p, b.len, &back, NULL), HF_OK);
	assert_memory_equal(&c, &back, sizeof(c));
	for (i = 0; i < HF_NCOUNTER; i++)
		c.v[i] = UINT64_MAX;
	hf_buf_reset(&b);
	hf_counters_encode(&c, &b);
	assert_true(hf_buf_ok(&b)); /* all of them fit the message */
	assert_int_equal(hf_counters_decode(b.p, b.len, &back, NULL), HF_OK);
	hf_buf_fini(&b);
}

static void
counters_out_of_form_are_refused(void **state)
{
	static const uint8_t unknown[] = {
	    1, 0, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t zero[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t twice[] = {
	    2, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t good[] = {1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
	struct hf_counters c = {.v = {7}};

	assert_int_equal(hf_counters_decode(unknown, 12, &c, NULL), HF_EPROTO);
	assert_int_equal(hf_counters_decode(zero, 12, &c, NULL), HF_EPROTO);
	assert_int_equal(hf_counters_decode(twice, 22, &c, NULL), HF_EPROTO);
	assert_int_equal(hf_counters_decode(good, 13, &c, NULL), HF_EPROTO);
	assert_int_equal(hf_counters_decode(good, 11, &c, NULL), HF_EPROTO);
	assert_int_equal(hf_counters_decode(good, 1, &c, NULL), HF_EPROTO);
	assert_int_equal(c.v[0], 7);
	assert_int_equal(hf_counters_decode(good, 12, &c, NULL), HF_OK);
	assert_int_equal(c.v[0], 0);
	assert_int_equal(c.v[1], 1);
}

static void
every_counter_has_a_name_of_its_own_and_help(void **state)
{
	size_t i, j;

	for (i = 0; i < HF_NCOUNTER; i++) {
		assert_non_null(strchr(hf_counter_rows[i].name, '.'));
		assert_true(strlen(hf_counter_rows[i].help) > 5);
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    hf_counter_rows[i].name, hf_counter_rows[j].name);
	}
}

static void
status_codes_have_words_and_names(void **state)
{
	char buf[16];

	assert_string_equal(hf_quality_word(HF_GOOD), "Good");
	assert_string_equal(hf_quality_word(HF_UNCERTAIN_CLOCK), "Uncertain");
	assert_string_equal(hf_quality_word(HF_BAD_TIMEOUT), "Bad");
	assert_string_equal(hf_quality_word(0xC0000000), "Bad");
	assert_string_equal(
	    hf_status_name(HF_BAD_NO_COMMUNICATION, buf), "BadNoCommunication");
	assert_string_equal(hf_status_name(HF_BAD | 0x400, buf), "Bad");
	assert_string_equal(hf_status_name(0x80AB0000, buf), "0x80ab0000");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(record_has_its_golden_bytes),
	    cmocka_unit_test(longest_record_fits_its_message),
	    cmocka_unit_test(record_with_any_bound_broken_is_refused),
	    cmocka_unit_test(record_that_would_be_refused_is_not_sent),
	    cmocka_unit_test(any_text_can_be_made_fit_for_a_record),
	    cmocka_unit_test(every_action_has_senders_and_is_found),
	    cmocka_unit_test(counters_survive_the_wire_without_their_zeros),
	    cmocka_unit_test(counters_out_of_form_are_refused),
	    cmocka_unit_test(every_counter_has_a_name_of_its_own_and_help),
	    cmocka_unit_test(status_codes_have_words_and_names),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
