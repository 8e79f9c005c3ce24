/* SPDX-License-Identifier: Apache-2.0
 *
 * model_batch_test.c - one golden batch, every way to break one, and round
 * trips.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/quality.h"

/* Version 1. This text stays for ever; files of today must be readable then.
 * It was made from the layout at the top of batch.c, not by this encoder. */
static const char golden_hex[] =
    "484642310400000088776655443322112a0000000000000015cd5b0700000000"
    "0600000000000000efcdab896745230102000000000000000300000000000000"
    "040000000000000000487a9ad8203c1301487a9ad8203c1302487a9ad8203c13"
    "03487a9ad8203c13002970a0d8203c13002970a0d8203c13002970a0d8203c13"
    "002970a0d8203c130000000000803540f9ffffffffffffff0100000000000000"
    "0000000000000000000000000000944000000000000031800000000000000600"
    "01020304000401036cc3a4756674";
#define GOLDEN_LEN 206
#define T0 INT64_C(1386018900000000000)

/* Columns of the golden batch, n = 4. */
#define AT_T (40 + 4 * 8)
#define AT_VALUE (40 + 4 * 24)
#define AT_STATUS (40 + 4 * 32)
#define AT_STR_LEN (40 + 4 * 36)
#define AT_VTYPE (40 + 4 * 38)
#define AT_FLAGS (40 + 4 * 39)
#define AT_STR (40 + 4 * 40)

static uint8_t golden[GOLDEN_LEN];

static const struct hf_sample golden_samples[4] = {
    {.tag = 0x0123456789abcdef,
	.t_ns = T0,
	.recv_ns = T0 + 100000000,
	.vtype = HF_V_F64,
	.v.f64 = 21.5},
    {.tag = 2,
	.t_ns = T0 + 1,
	.recv_ns = T0 + 100000000,
	.status = HF_UNCERTAIN_EU_EXCEEDED,
	.vtype = HF_V_I64,
	.flags = HF_F_CLAMPED,
	.v.i64 = -7},
    {.tag = 3,
	.t_ns = T0 + 2,
	.recv_ns = T0 + 100000000,
	.vtype = HF_V_BOOL,
	.flags = HF_F_LATE,
	.v.bits = 1},
    {.tag = 4,
	.t_ns = T0 + 3,
	.recv_ns = T0 + 100000000,
	.status = HF_BAD_NO_COMMUNICATION,
	.vtype = HF_V_STR,
	.flags = HF_F_LATE | HF_F_BACKFILL,
	.str_len = 6,
	.v.str_off = 2},
};

static struct hf_sample *
copy_of(const struct hf_sample *s, size_t n)
{
	struct hf_sample *copy = calloc(n, sizeof(*s));

	assert_non_null(copy);
	memcpy(copy, s, n * sizeof(*s));
	return copy;
}

static int
setup(void **state)
{
	return hf_unhex(golden, GOLDEN_LEN, golden_hex) ? 0 : -1;
}

static void
encoder_writes_the_golden_bytes(void **state)
{
	struct hf_sample *s = copy_of(golden_samples, 4);
	struct hf_batch b = {.source = 0x1122334455667788,
	    .seq = 42,
	    .decoded_ns = 123456789,
	    .n = 4,
	    .s = s,
	    .str = "xxl\u00e4uftyy",
	    .str_len = 10};
	struct hf_buf out;

	hf_buf_init(&out, HF_BATCH_BYTES);
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_OK);
	assert_int_equal(out.len, GOLDEN_LEN);
	assert_memory_equal(out.p, golden, GOLDEN_LEN);
	hf_buf_fini(&out);
	free(s);
}

static void
decoder_reads_the_golden_bytes(void **state)
{
	struct hf_sample s[4];
	struct hf_batch b;
	size_t i;

	assert_int_equal(
	    hf_batch_decode(golden, GOLDEN_LEN, s, 4, &b, NULL), HF_OK);
	assert_true(b.source == 0x1122334455667788 && b.seq == 42);
	assert_int_equal(b.decoded_ns, 123456789);
	assert_int_equal(b.n, 4);
	for (i = 0; i < 4; i++) {
		assert_true(s[i].tag == golden_samples[i].tag);
		assert_true(s[i].t_ns == golden_samples[i].t_ns);
		assert_true(s[i].recv_ns == golden_samples[i].recv_ns);
		assert_int_equal(s[i].status, golden_samples[i].status);
		assert_int_equal(s[i].vtype, golden_samples[i].vtype);
		assert_int_equal(s[i].flags, golden_samples[i].flags);
		assert_int_equal(s[i].str_len, golden_samples[i].str_len);
	}
	assert_true(s[0].v.f64 == 21.5 && s[1].v.i64 == -7 && s[2].v.bits == 1);
	assert_memory_equal(b.str + s[3].v.str_off, "l\u00e4uft", 6);
}

/* The golden bytes with n bytes at off replaced must be refused for this. */
static void
assert_refused(size_t off, const void *p, size_t n, const char *why)
{
	struct hf_sample s[4];
	struct hf_batch b = {.n = 99};
	struct hf_err err;
	uint8_t bytes[GOLDEN_LEN];

	memcpy(bytes, golden, sizeof(bytes));
	memcpy(bytes + off, p, n);
	if (hf_batch_decode(bytes, sizeof(bytes), s, 4, &b, &err) != HF_EPROTO)
		fail_msg("taken in spite of: %s", why);
	if (strstr(err.msg, why) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", err.msg, why);
	assert_int_equal(b.n, 99); /* untouched */
}

static void
decoder_refuses_every_broken_field(void **state)
{
	static const uint8_t inf[8] = {0, 0, 0, 0, 0, 0, 0xf0, 0x7f};
	static const uint8_t nan[8] = {1, 0, 0, 0, 0, 0, 0xf8, 0x7f};
	static const uint8_t early[8] = {0, 0, 0, 0, 0, 0, 0, 0x80};

	assert_refused(0, "X", 1, "form");
	assert_refused(3, "2", 1, "form"); /* another version */
	assert_refused(4, "\0", 1, "form");
	assert_refused(4, "\5", 1, "form");
	assert_refused(32, "\7", 1, "form");
	assert_refused(36, "\1", 1, "form");
	assert_refused(AT_T, early, 8, "time outside");
	assert_refused(AT_T + 32, early, 8, "time outside");
	assert_refused(AT_VALUE, inf, 8, "not finite");
	assert_refused(AT_VALUE, nan, 8, "not finite");
	assert_refused(AT_VALUE + 16, "\2", 1, "boolean");
	assert_refused(AT_VALUE + 24, "\1", 1, "string with a number");
	assert_refused(AT_VTYPE, "\0", 1, "type unknown");
	assert_refused(AT_VTYPE, "\5", 1, "type unknown");
	assert_refused(AT_VTYPE + 3, "\1", 1, "a number with a string");
	assert_refused(AT_FLAGS, "\x08", 1, "flags unknown");
	assert_refused(AT_FLAGS + 3, "\xff", 1, "flags unknown");
	assert_refused(AT_STR_LEN, "\1", 1, "a number with a string");
	assert_refused(AT_STR_LEN + 6, "\7", 1, "outside the string area");
	assert_refused(AT_STR_LEN + 6, "\1\4", 2, "string too long");
	assert_refused(AT_STR_LEN + 6, "\5", 1, "behind the last string");
	assert_refused(AT_STR_LEN + 6, "\2", 1, "not UTF-8"); /* half an ae */
	assert_refused(AT_STR, "\xff", 1, "not UTF-8");
	assert_refused(AT_STR, "\x1b", 1, "not UTF-8");
	assert_refused(AT_STR, "\0", 1, "not UTF-8");
}

static void
decoder_refuses_every_other_length(void **state)
{
	uint8_t longer[GOLDEN_LEN + 1] = {0}, *exact;
	struct hf_sample s[4];
	struct hf_batch b;
	size_t n;

	memcpy(longer, golden, GOLDEN_LEN);
	assert_int_equal(
	    hf_batch_decode(longer, sizeof(longer), s, 4, &b, NULL), HF_EPROTO);
	for (n = 0; n < GOLDEN_LEN; n++) {
		exact = malloc(n + 1); /* overruns show under asan */
		memcpy(exact + 1, golden, n);
		assert_int_equal(
		    hf_batch_decode(exact + 1, n, s, 4, &b, NULL), HF_EPROTO);
		free(exact);
	}
	assert_int_equal(
	    hf_batch_decode(golden, GOLDEN_LEN, s, 3, &b, NULL), HF_EPROTO);
}

static void
bad_samples_may_carry_numbers_that_are_not_finite(void **state)
{
	struct hf_sample s = {.t_ns = T0,
			     .recv_ns = T0,
			     .vtype = HF_V_F64,
			     .status = HF_BAD_DECODING,
			     .v.f64 = NAN},
			 back;
	struct hf_batch b = {.n = 1, .s = &s}, got;
	struct hf_buf out;

	hf_buf_init(&out, HF_BATCH_BYTES);
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_OK);
	assert_int_equal(
	    hf_batch_decode(out.p, out.len, &back, 1, &got, NULL), HF_OK);
	assert_true(isnan(back.v.f64));
	hf_buf_reset(&out);
	s.status = HF_UNCERTAIN;
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_EINVAL);
	assert_int_equal(out.len, 0);
	hf_buf_fini(&out);
}

static void
full_numeric_batch_fits_and_one_more_does_not(void **state)
{
	struct hf_sample *s = calloc(HF_BATCH_NSAMPLE + 1, sizeof(*s));
	struct hf_batch b = {.n = HF_BATCH_NSAMPLE, .s = s};
	struct hf_err err;
	struct hf_buf out;
	size_t i;

	for (i = 0; i <= HF_BATCH_NSAMPLE; i++)
		s[i] = (struct hf_sample){.t_ns = T0,
		    .recv_ns = T0,
		    .vtype = HF_V_F64,
		    .v.f64 = (double)i};
	hf_buf_init(&out, HF_BATCH_BYTES);
	assert_int_equal(hf_batch_encode(&b, &out, &err), HF_OK);
	assert_true(out.len < HF_BATCH_BYTES);
	hf_buf_reset(&out);
	b.n++;
	assert_int_equal(hf_batch_encode(&b, &out, &err), HF_ELIMIT);
	b.n = 0;
	assert_int_equal(hf_batch_encode(&b, &out, &err), HF_ELIMIT);
	assert_int_equal(out.len, 0);
	hf_buf_fini(&out);
	free(s);
}

static void
strings_beyond_the_byte_limit_are_refused(void **state)
{
	static char text[HF_VALUE_STR + 1];
	struct hf_sample s[65];
	struct hf_batch b = {
	    .n = 65, .s = s, .str = text, .str_len = HF_VALUE_STR};
	struct hf_buf out;
	size_t i;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < 65; i++)
		s[i] = (struct hf_sample){.t_ns = T0,
		    .recv_ns = T0,
		    .vtype = HF_V_STR,
		    .str_len = HF_VALUE_STR};
	hf_buf_init(&out, 1 << 20);
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_ELIMIT);
	b.n = 60;
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_OK);
	assert_true(out.len <= HF_BATCH_BYTES);
	b.n = 1;
	s[0].v.str_off = 1; /* runs out of the area */
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_EINVAL);
	s[0].v.str_off = UINT64_MAX;
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_EINVAL);
	b.str_len++;
	s[0].v.str_off = 0;
	s[0].str_len++; /* longer than one string may be */
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_EINVAL);
	hf_buf_fini(&out);
}

static void
encoder_says_when_its_buffer_is_too_small(void **state)
{
	struct hf_sample *s = copy_of(golden_samples, 1);
	struct hf_batch b = {.n = 1, .s = s};
	struct hf_buf out;

	hf_buf_init(&out, 79);
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_ELIMIT);
	hf_buf_fini(&out);
	free(s);
}

static void
patching_changes_the_flags_and_nothing_else(void **state)
{
	uint8_t bytes[GOLDEN_LEN];
	struct hf_sample s[4];
	struct hf_batch b;
	size_t i;

	memcpy(bytes, golden, sizeof(bytes));
	assert_int_equal(
	    hf_batch_decode(bytes, sizeof(bytes), s, 4, &b, NULL), HF_OK);
	for (i = 0; i < 4; i++)
		s[i].flags = (uint8_t)(7 - i);
	hf_batch_patch_flags(bytes, sizeof(bytes), s);
	for (i = 0; i < GOLDEN_LEN; i++) {
		if (i >= AT_FLAGS && i < AT_FLAGS + 4)
			assert_int_equal(bytes[i], 7 - (i - AT_FLAGS));
		else
			assert_int_equal(bytes[i], golden[i]);
	}
	assert_int_equal(
	    hf_batch_decode(bytes, sizeof(bytes), s, 4, &b, NULL), HF_OK);
}

static uint32_t
rnd(uint32_t *x, uint32_t below) /* LCG of Numerical Recipes, fixed seed */
{
	*x = *x * 1664525 + 1013904223;
	return (*x >> 8) % below;
}

static void
random_sample(uint32_t *x, size_t area, struct hf_sample *s)
{
	*s = (struct hf_sample){
	    .tag = (uint64_t)rnd(x, 1 << 20) << 40,
	    .t_ns = (int64_t)rnd(x, 1 << 20) * 1000000007,
	    .recv_ns = -(int64_t)rnd(x, 1 << 20) * 1000000009,
	    .status = rnd(x, 3) << 30 | rnd(x, 1 << 16),
	    .vtype = (uint8_t)(1 + rnd(x, 4)),
	    .flags = (uint8_t)rnd(x, 8),
	};
	switch (s->vtype) {
	case HF_V_F64:
		s->v.f64 = (rnd(x, 1 << 20) - 5e5) / 7;
		break;
	case HF_V_I64:
		s->v.i64 = (int64_t)((uint64_t)rnd(x, 1 << 20) << 44);
		break;
	case HF_V_BOOL:
		s->v.bits = rnd(x, 2);
		break;
	default:
		s->v.str_off = rnd(x, (uint32_t)area);
		s->str_len =
		    (uint16_t)rnd(x, (uint32_t)(area - s->v.str_off) + 1);
	}
}

static void
any_batch_survives_encoding_and_has_one_encoding(void **state)
{
	static const char area[] = "strings of any batch: abcdefghij";
	struct hf_sample s[50], back[50];
	struct hf_batch b = {.s = s, .str = area, .str_len = sizeof(area) - 1};
	struct hf_batch got;
	struct hf_buf one, two;
	uint32_t x = 20131202;
	size_t round, i;

	hf_buf_init(&one, HF_BATCH_BYTES);
	hf_buf_init(&two, HF_BATCH_BYTES);
	for (round = 0; round < 500; round++) {
		hf_buf_reset(&one);
		hf_buf_reset(&two);
		b.n = 1 + rnd(&x, 50);
		b.seq = round;
		for (i = 0; i < b.n; i++)
			random_sample(&x, b.str_len, &s[i]);
		assert_int_equal(hf_batch_encode(&b, &one, NULL), HF_OK);
		assert_int_equal(
		    hf_batch_decode(one.p, one.len, back, 50, &got, NULL),
		    HF_OK);
		assert_int_equal(got.n, b.n);
		for (i = 0; i < b.n; i++) {
			if (s[i].vtype == HF_V_STR)
				assert_memory_equal(got.str + back[i].v.str_off,
				    area + s[i].v.str_off, s[i].str_len);
			else
				assert_true(s[i].v.bits == back[i].v.bits);
			assert_true(s[i].tag == back[i].tag &&
				    s[i].t_ns == back[i].t_ns &&
				    s[i].recv_ns == back[i].recv_ns &&
				    s[i].status == back[i].status &&
				    s[i].flags == back[i].flags);
		}
		assert_int_equal(hf_batch_encode(&got, &two, NULL), HF_OK);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.p, two.p, one.len);
	}
	hf_buf_fini(&one);
	hf_buf_fini(&two);
}

static void
one_flipped_bit_is_refused_or_decodes_within_the_rules(void **state)
{
	struct hf_sample s[4];
	struct hf_batch b;
	struct hf_buf out;
	uint8_t bytes[GOLDEN_LEN];
	size_t bit;

	hf_buf_init(&out, HF_BATCH_BYTES);
	for (bit = 0; bit < GOLDEN_LEN * 8; bit++) {
		memcpy(bytes, golden, sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (hf_batch_decode(bytes, sizeof(bytes), s, 4, &b, NULL) !=
		    HF_OK)
			continue;
		hf_buf_reset(&out);
		assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_OK);
		assert_memory_equal(out.p, bytes, sizeof(bytes));
	}
	hf_buf_fini(&out);
}

static void
tag_key_is_the_start_of_sha256(void **state)
{
	assert_true(hf_tag_key("uns/v1/acme/berlin/press/line1/temp") ==
		    UINT64_C(594341802271736161));
	assert_true(hf_tag_key("a") != hf_tag_key("b"));
}

static void
numeric_view_is_nan_for_strings_only(void **state)
{
	const struct hf_sample f = {.vtype = HF_V_F64, .v.f64 = 1.5};
	const struct hf_sample i = {.vtype = HF_V_I64, .v.i64 = -3};
	const struct hf_sample t = {.vtype = HF_V_BOOL, .v.bits = 1};
	const struct hf_sample s = {.vtype = HF_V_STR};

	assert_true(hf_sample_f64(&f) == 1.5);
	assert_true(hf_sample_f64(&i) == -3);
	assert_true(hf_sample_f64(&t) == 1);
	assert_true(isnan(hf_sample_f64(&s)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(encoder_writes_the_golden_bytes),
	    cmocka_unit_test(decoder_reads_the_golden_bytes),
	    cmocka_unit_test(decoder_refuses_every_broken_field),
	    cmocka_unit_test(decoder_refuses_every_other_length),
	    cmocka_unit_test(bad_samples_may_carry_numbers_that_are_not_finite),
	    cmocka_unit_test(full_numeric_batch_fits_and_one_more_does_not),
	    cmocka_unit_test(strings_beyond_the_byte_limit_are_refused),
	    cmocka_unit_test(encoder_says_when_its_buffer_is_too_small),
	    cmocka_unit_test(patching_changes_the_flags_and_nothing_else),
	    cmocka_unit_test(any_batch_survives_encoding_and_has_one_encoding),
	    cmocka_unit_test(
		one_flipped_bit_is_refused_or_decodes_within_the_rules),
	    cmocka_unit_test(tag_key_is_the_start_of_sha256),
	    cmocka_unit_test(numeric_view_is_nan_for_strings_only),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
