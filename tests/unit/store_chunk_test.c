/* SPDX-License-Identifier: Apache-2.0
 *
 * store_chunk_test.c - the chunk format: golden bytes, bit-exact round trips,
 * and decoders that refuse whatever is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "store/chunk.h"
#include "store_kit.h"

#define GOLDEN "tests/data/golden/"

static void
read_golden(const char *name, struct hf_buf *out)
{
	struct hf_err err = {.rc = 0};
	int fd = open(GOLDEN, O_RDONLY | O_DIRECTORY);

	MUST(fd >= 0);
	hf_buf_init(out, 1 << 20);
	MUST_OK(hf_file_read(fd, name, 1 << 20, out, &err), err);
	close(fd);
}

static void
golden_says(const char *name)
{
	static const int64_t t[] = {
	    1385942400000000000, 1385942400000000000, 1385942401000000001};
	static const uint32_t status[] = {0, 0x40000000, 0x80070000};
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_block b = {.n = 0};
	struct hf_chunk_info info;
	struct hf_err err = {.rc = 0};
	struct hf_buf buf;
	size_t i;

	read_golden(name, &buf);
	MUST_OK(hf_chunk_decode(c, buf.p, buf.len, &info, &b, &err), err);
	assert_int_equal(info.n, 3);
	assert_true(info.tag == UINT64_C(0x0123456789abcdef));
	assert_int_equal(info.seq_first, 7);
	assert_int_equal(info.seq_last, 9);
	assert_int_equal(info.ord, 2);
	for (i = 0; i < 3; i++) {
		assert_true(b.pt[i].t_ns == t[i]);
		assert_true(b.pt[i].status == status[i]);
	}
	assert_true(b.pt[0].bits == UINT64_C(1) << 63); /* -0.0 */
	assert_true(b.pt[2].bits == UINT64_C(0xfff8000000000001));
	assert_int_equal(b.pt[1].vtype, HF_V_STR);
	assert_int_equal(hf_strref_len(b.pt[1].bits), 5);
	assert_memory_equal(b.str, "h\xc3\xa9ll", 5);
	assert_int_equal(b.pt[2].flags, HF_F_CLAMPED);
	hf_block_fini(&b);
	hf_buf_fini(&buf);
	hf_codec_ctx_free(c);
}

static void
golden_chunk_of_version_1_stays_readable(void **st)
{
	golden_says("chunk-v1.bin");
	golden_says("chunk-v1-raw.bin");
}

static void
encoder_writes_the_golden_bytes(void **st)
{
	static const char str[] = "h\xc3\xa9ll";
	static const struct hf_pt pt[] = {
	    {.t_ns = 1385942400000000000,
		.bits = UINT64_C(1) << 63,
		.vtype = HF_V_F64},
	    {.t_ns = 1385942400000000000,
		.bits = 5,
		.vtype = HF_V_STR,
		.status = 0x40000000,
		.flags = HF_F_LATE},
	    {.t_ns = 1385942401000000001,
		.bits = UINT64_C(0xfff8000000000001),
		.vtype = HF_V_F64,
		.status = 0x80070000,
		.flags = HF_F_CLAMPED},
	};
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_chunk_info info = {.tag = UINT64_C(0x0123456789abcdef),
	    .seq_first = 7,
	    .seq_last = 9,
	    .ord = 2};
	struct hf_err err = {.rc = 0};
	struct hf_buf want, got;

	read_golden("chunk-v1.bin", &want);
	hf_buf_init(&got, HF_CHUNK_BYTES);
	MUST_OK(hf_chunk_encode(c, &info, pt, 3, str, &got, &err), err);
	/* Bytes: header up to the codecs; the columns may get better codecs. */
	assert_memory_equal(got.p, want.p, 52);
	hf_buf_fini(&want);
	hf_buf_fini(&got);
	hf_codec_ctx_free(c);
}

static void
random_block(struct hf_block *b, struct kit_rnd *r, size_t n)
{
	static char text[HF_VALUE_STR];
	int64_t t = (int64_t)kit_below(r, UINT64_C(1) << 62);
	uint64_t shape = kit_below(r, 4);
	size_t i;

	memset(text, 'x', sizeof(text));
	hf_block_reset(b);
	for (i = 0; i < n; i++) {
		struct hf_pt p = {
		    .t_ns = t, .vtype = HF_V_F64, .bits = kit_rnd(r)};

		if (shape == 1)
			p.bits = 0x4059000000000000;
		if (shape == 2) {
			p.vtype = (uint8_t)(1 + kit_below(r, 4));
			p.status = (uint32_t)kit_rnd(r);
			p.flags = (uint8_t)kit_below(r, 8);
		}
		if (p.vtype == HF_V_STR)
			p.bits = hf_strref(0, kit_below(r, 40));
		MUST(hf_block_insert(b, b->n, &p, text));
		t += shape == 3 ? 1000 : (int64_t)kit_below(r, 1 << 20);
	}
}

static void
round_trip_is_bit_exact(void **st)
{
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_block b = {.n = 0}, back = {.n = 0};
	struct kit_rnd r = {11};
	struct hf_err err = {.rc = 0};
	struct hf_buf out;
	int round;
	size_t i;

	hf_buf_init(&out, HF_CHUNK_BYTES);
	for (round = 0; round < 200; round++) {
		struct hf_chunk_info info = {.tag = 3}, got;

		random_block(
		    &b, &r, round < 3 ? HF_CHUNK_MAX : 1 + kit_below(&r, 600));
		hf_buf_reset(&out);
		MUST_OK(hf_chunk_encode(c, &info, b.pt, b.n, b.str, &out, &err),
		    err);
		MUST_OK(
		    hf_chunk_decode(c, out.p, out.len, &got, &back, &err), err);
		assert_int_equal(back.n, b.n);
		for (i = 0; i < b.n; i++) {
			assert_true(
			    hf_pt_same(&b.pt[i], b.str, &back.pt[i], back.str));
			assert_int_equal(b.pt[i].flags, back.pt[i].flags);
		}
	}
	hf_buf_fini(&out);
	hf_block_fini(&b);
	hf_block_fini(&back);
	hf_codec_ctx_free(c);
}

static void
every_flipped_bit_is_refused(void **st)
{
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_block b = {.n = 0};
	struct hf_chunk_info info;
	struct hf_buf buf;
	size_t i;

	read_golden("chunk-v1.bin", &buf);
	for (i = 0; i < buf.len * 8; i++) {
		buf.p[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(
		    hf_chunk_decode(c, buf.p, buf.len, &info, &b, NULL),
		    HF_ECORRUPT);
		buf.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < buf.len; i++)
		assert_int_equal(
		    hf_chunk_decode(c, buf.p, i, &info, &b, NULL), HF_ECORRUPT);
	hf_block_fini(&b);
	hf_buf_fini(&buf);
	hf_codec_ctx_free(c);
}

/* A sender that computes the CRC itself can say anything in the fields. */
static void
fields_are_checked_even_if_the_crc_agrees(void **st)
{
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_block b = {.n = 0};
	struct kit_rnd r = {5};
	struct hf_chunk_info info;
	struct hf_buf buf, bad;
	uint32_t crc;
	int i, k, nok = 0;

	read_golden("chunk-v1-raw.bin", &buf);
	hf_buf_init(&bad, 1 << 20);
	for (i = 0; i < 20000; i++) {
		hf_buf_reset(&bad);
		hf_buf_put(&bad, buf.p, buf.len - 4);
		bad.p[kit_below(&r, bad.len)] = (uint8_t)kit_rnd(&r);
		bad.p[kit_below(&r, bad.len)] = (uint8_t)kit_rnd(&r);
		crc = hf_crc32c(0, bad.p, bad.len);
		hf_buf_u32(&bad, crc);
		if (hf_chunk_decode(c, bad.p, bad.len, &info, &b, NULL) !=
		    HF_OK)
			continue;
		nok++;
		for (k = 1; k < (int)b.n; k++)
			assert_true(b.pt[k].t_ns >= b.pt[k - 1].t_ns);
	}
	assert_true(nok > 0 && nok < 20000);
	hf_block_fini(&b);
	hf_buf_fini(&buf);
	hf_buf_fini(&bad);
	hf_codec_ctx_free(c);
}

static void
falling_times_and_wrong_counts_are_refused(void **st)
{
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_pt pt[2] = {
	    {.t_ns = 2, .vtype = HF_V_F64}, {.t_ns = 1, .vtype = HF_V_F64}};
	struct hf_chunk_info info = {.tag = 1};
	struct hf_buf out;

	hf_buf_init(&out, HF_CHUNK_BYTES);
	assert_int_equal(
	    hf_chunk_encode(c, &info, pt, 2, NULL, &out, NULL), HF_EINVAL);
	assert_int_equal(
	    hf_chunk_encode(c, &info, pt, 0, NULL, &out, NULL), HF_EINVAL);
	assert_int_equal(
	    hf_chunk_encode(c, &info, pt, HF_CHUNK_MAX + 1, NULL, &out, NULL),
	    HF_EINVAL);
	hf_buf_fini(&out);
	hf_codec_ctx_free(c);
}

static void
aggregate_counts_good_numbers_and_all_statuses(void **st)
{
	double v[3] = {-0.0, 8.0, 2.0};
	struct hf_pt pt[5] = {{.t_ns = 0, .vtype = HF_V_F64},
	    {.t_ns = HF_NS_PER_S, .vtype = HF_V_F64},
	    {.t_ns = 3 * HF_NS_PER_S, .vtype = HF_V_F64},
	    {.t_ns = 4 * HF_NS_PER_S, .vtype = HF_V_STR},
	    {.t_ns = 5 * HF_NS_PER_S,
		.vtype = HF_V_F64,
		.status = HF_BAD_TIMEOUT}};
	struct hf_agg a;
	int i;

	for (i = 0; i < 3; i++)
		memcpy(&pt[i].bits, &v[i], sizeof(v[i]));
	hf_chunk_agg(pt, 5, &a);
	assert_int_equal(a.n, 5);
	assert_int_equal(a.n_good, 4);
	assert_int_equal(a.n_num, 3);
	assert_true(a.min == 0.0 && !signbit(a.min) && a.max == 8.0);
	assert_true(a.sum == 10.0 && a.first == 0.0 && a.last == 2.0);
	assert_true(a.sum_dt == 16.0); /* 0 for 1 s, 8 for 2 s */
	assert_true(a.t_max_ns == HF_NS_PER_S && a.t_min_ns == 0);
	assert_true(a.status_or == HF_BAD_TIMEOUT);
}

static void
codec_ids_are_unique_and_raw_is_always_there(void **st)
{
	size_t i, k;

	for (i = 0; i < hf_ncodec; i++)
		for (k = 0; k < i; k++)
			assert_false(hf_codecs[i].kind == hf_codecs[k].kind &&
				     hf_codecs[i].id == hf_codecs[k].id);
	for (i = 0; i < HF_CODEC_NKIND; i++)
		assert_non_null(hf_codec_get((enum hf_codec_kind)i, 0));
	assert_null(hf_codec_get(HF_CODEC_VALUE, 250));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_chunk_of_version_1_stays_readable),
	    cmocka_unit_test(encoder_writes_the_golden_bytes),
	    cmocka_unit_test(round_trip_is_bit_exact),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(fields_are_checked_even_if_the_crc_agrees),
	    cmocka_unit_test(falling_times_and_wrong_counts_are_refused),
	    cmocka_unit_test(aggregate_counts_good_numbers_and_all_statuses),
	    cmocka_unit_test(codec_ids_are_unique_and_raw_is_always_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
