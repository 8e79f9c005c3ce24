/* SPDX-License-Identifier: Apache-2.0
 *
 * model_query_test.c - questions and histories survive the wire; broken ones do
 * not.
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
#include "model/query.h"

/* Version 1 of a question, made from the layout at the top of query.c. */
static const char golden_hex[] =
    "08020000e80300000000000000000080000000000000008000000000000000"
    "0000a0b830460300000800000061316232633364340400000054657374";
#define GOLDEN_LEN 60
static uint8_t golden[GOLDEN_LEN];

static const struct hf_query shelve = {.kind = HF_Q_ALARM_ACT,
    .act = HF_ACT_SHELVE,
    .uid = 1000,
    .from_ns = HF_TIME_NONE,
    .to_ns = HF_TIME_NONE,
    .dur_ns = 3600 * HF_NS_PER_S,
    .path = "a1b2c3d4",
    .text = "Test"};

static int
setup(void **state)
{
	return hf_unhex(golden, GOLDEN_LEN, golden_hex) ? 0 : -1;
}

static void
question_has_its_golden_bytes(void **state)
{
	struct hf_query q;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_query_encode(&shelve, &b), HF_OK);
	assert_int_equal(b.len, GOLDEN_LEN);
	assert_memory_equal(b.p, golden, GOLDEN_LEN);
	assert_int_equal(hf_query_decode(golden, GOLDEN_LEN, &q, NULL), HF_OK);
	assert_memory_equal(&q, &shelve, sizeof(q));
	hf_buf_fini(&b);
}

static void
longest_question_fits_its_message(void **state)
{
	struct hf_query q = {.kind = HF_Q_HISTORY,
			    .limit = HF_QUERY_LIMIT,
			    .buckets = HF_QUERY_LIMIT},
			back;
	struct hf_buf b;

	memset(q.path, 'p', sizeof(q.path) - 1);
	memset(q.text, 't', sizeof(q.text) - 1);
	hf_buf_init(&b, 4096);
	assert_int_equal(hf_query_encode(&q, &b), HF_OK);
	assert_int_equal(hf_query_decode(b.p, b.len, &back, NULL), HF_OK);
	assert_memory_equal(&q, &back, sizeof(q));
	hf_buf_fini(&b);
}

static void
assert_refused(size_t off, const char *bytes, size_t n)
{
	struct hf_query q = {.kind = 77};
	uint8_t p[GOLDEN_LEN];
	struct hf_err err;

	memcpy(p, golden, sizeof(p));
	memcpy(p + off, bytes, n);
	if (hf_query_decode(p, sizeof(p), &q, &err) != HF_EPROTO)
		fail_msg("byte %zu: taken", off);
	assert_int_equal(q.kind, 77);
}

static void
question_with_any_bound_broken_is_refused(void **state)
{
	struct hf_query q;
	uint8_t longer[GOLDEN_LEN + 1] = {0};
	size_t n;

	assert_refused(0, "\0", 1);
	assert_refused(0, "\x0e", 1);
	assert_refused(0, "\1", 1); /* STATUS with an act */
	assert_refused(1, "\0", 1); /* ALARM_ACT without */
	assert_refused(1, "\6", 1);
	assert_refused(2, "\1", 1);
	assert_refused(24, "\xff\xff\xff\xff", 4);
	assert_refused(28, "\xff\xff\xff\xff", 4);
	assert_refused(39, "\x80", 1);		   /* negative duration */
	assert_refused(40, "\xff\xff\xff\xff", 4); /* NULL string */
	assert_refused(40, "\0\1\0\0", 4);
	assert_refused(44, "\0", 1);
	assert_refused(44, "\n", 1);
	assert_refused(44, "\xff", 1);
	assert_refused(56, "\x1b", 1);
	assert_refused(56, "\0", 1);
	memcpy(longer, golden, GOLDEN_LEN);
	assert_int_equal(
	    hf_query_decode(longer, sizeof(longer), &q, NULL), HF_EPROTO);
	for (n = 0; n < GOLDEN_LEN; n++)
		assert_int_equal(
		    hf_query_decode(golden, n, &q, NULL), HF_EPROTO);
}

static void
question_that_would_be_refused_is_not_sent(void **state)
{
	struct hf_query q = shelve;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	memset(q.path, 'x', sizeof(q.path)); /* not terminated */
	assert_int_equal(hf_query_encode(&q, &b), HF_EINVAL);
	q = shelve;
	q.text[0] = '\xff';
	assert_int_equal(hf_query_encode(&q, &b), HF_EINVAL);
	q = shelve;
	q.kind = HF_Q_MAX;
	assert_int_equal(hf_query_encode(&q, &b), HF_EINVAL);
	assert_int_equal(b.len, 0);
	hf_buf_fini(&b);
	hf_buf_init(&b, 30);
	assert_int_equal(hf_query_encode(&shelve, &b), HF_ELIMIT);
	hf_buf_fini(&b);
}

static struct hf_point raw_points[4] = {
    {.t_ns = -1, .bits = 0x4035800000000000, .vtype = HF_V_F64},
    {.t_ns = 5, .str_off = 6, .str_len = 3, .vtype = HF_V_STR, .flags = 2},
    {.t_ns = 6, .bits = 1, .status = 0x80310000, .vtype = HF_V_BOOL},
    {.t_ns = 7, .str_off = 0, .str_len = 5, .vtype = HF_V_STR},
};
static char raw_area[] = "start stop";
static const struct hf_points raw = {.is_truncated = true,
    .tag = 42,
    .n = 4,
    .pt = raw_points,
    .str = raw_area,
    .str_len = sizeof(raw_area) - 1};

static void
raw_history_survives_the_wire(void **state)
{
	struct hf_points got;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_points_encode(&raw, &b, NULL), HF_OK);
	assert_int_equal(b.len, 24 + 4 * 32 + 8);
	assert_int_equal(hf_points_decode(b.p, b.len, &got, NULL), HF_OK);
	assert_true(got.is_truncated && !got.is_buckets);
	assert_true(got.tag == 42 && got.n == 4 && got.vtype == 0);
	assert_true(
	    got.pt[0].t_ns == -1 && got.pt[0].bits == raw_points[0].bits);
	assert_memory_equal(got.str + got.pt[1].str_off, "sto", 3);
	assert_memory_equal(got.str + got.pt[3].str_off, "start", 5);
	assert_int_equal(got.pt[1].flags, 2);
	assert_int_equal(got.pt[2].status, 0x80310000);
	hf_points_fini(&got);
	hf_buf_fini(&b);
}

static void
bucket_history_survives_the_wire(void **state)
{
	struct hf_bucket bk[2] = {
	    {.t0_ns = 0,
		.t1_ns = 10,
		.n = 5,
		.n_good = 4,
		.min = -1,
		.max = 2,
		.mean = 0.1,
		.first = 1,
		.last = 2,
		.status_or = 0x40000000},
	    {.t0_ns = 10,
		.t1_ns = 20,
		.min = NAN,
		.max = NAN,
		.mean = NAN,
		.first = NAN,
		.last = NAN},
	};
	const struct hf_points p = {
	    .is_buckets = true, .vtype = HF_V_F64, .n = 2, .bk = bk};
	struct hf_points got;
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_OK);
	assert_int_equal(b.len, 24 + 2 * 72);
	assert_int_equal(hf_points_decode(b.p, b.len, &got, NULL), HF_OK);
	assert_true(got.is_buckets && got.n == 2 && got.vtype == HF_V_F64);
	assert_true(got.bk[0].mean == 0.1 && got.bk[0].n_good == 4 &&
		    got.bk[0].status_or == 0x40000000 && got.bk[0].t1_ns == 10);
	assert_true(isnan(got.bk[1].mean));
	hf_points_fini(&got);
	hf_buf_fini(&b);
}

static void
empty_history_survives_the_wire(void **state)
{
	const struct hf_points p = {.tag = 1};
	struct hf_points got;
	struct hf_buf b;

	hf_buf_init(&b, 100);
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_OK);
	assert_int_equal(hf_points_decode(b.p, b.len, &got, NULL), HF_OK);
	assert_int_equal(got.n, 0);
	hf_points_fini(&got);
	hf_points_fini(&got); /* twice is fine */
	hf_buf_fini(&b);
}

static void
history_with_any_bound_broken_is_refused(void **state)
{
	static const struct {
		size_t off;
		const char *bytes;
		size_t n;
	} row[] = {
	    {0, "\0", 1},
	    {0, "\3", 1},
	    {0, "\2", 1},
	    {1, "\5", 1},
	    {2, "\1", 1},
	    {4, "\5", 1},
	    {4, "\xff\xff\xff\xff", 4},
	    {16, "\2", 1},
	    {17, "\1", 1},
	    {24 + 20, "\1", 1},
	    {24 + 24, "\1", 1},
	    {24 + 28, "\0", 1},
	    {24 + 28, "\5", 1},
	    {24 + 30, "\1", 1},
	    {56 + 8, "\1", 1},
	    {56 + 20, "\1", 1},
	    {56 + 24, "\4", 1},
	    {56 + 24, "\1\4", 2},
	    {88 + 8, "\2", 1},
	    {120 + 20, "\0", 1},
	    {120 + 24, "\4", 1},
	    {152, "\xff", 1},
	    {152, "\0", 1},
	};
	struct hf_points got = {.n = 77};
	struct hf_buf b;
	uint8_t *p;
	size_t i;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_points_encode(&raw, &b, NULL), HF_OK);
	p = malloc(b.len);
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memcpy(p, b.p, b.len);
		memcpy(p + row[i].off, row[i].bytes, row[i].n);
		if (hf_points_decode(p, b.len, &got, NULL) != HF_EPROTO)
			fail_msg("row %zu was taken", i);
	}
	for (i = 0; i < b.len; i++)
		assert_int_equal(
		    hf_points_decode(b.p, i, &got, NULL), HF_EPROTO);
	assert_int_equal(got.n, 77);
	free(p);
	hf_buf_fini(&b);
}

static void
history_whose_strings_lie_is_not_sent(void **state)
{
	struct hf_point pt = {.vtype = HF_V_STR, .str_off = 8, .str_len = 3};
	struct hf_points p = raw;
	struct hf_buf b;

	p.n = 1;
	p.pt = &pt;
	hf_buf_init(&b, 4096);
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_EINVAL);
	pt.str_off = UINT32_MAX;
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_EINVAL);
	p.n = (size_t)HF_QUERY_LIMIT + 1;
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_ELIMIT);
	hf_buf_fini(&b);
	hf_buf_init(&b, 100);
	assert_int_equal(hf_points_encode(&raw, &b, NULL), HF_ELIMIT);
	hf_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(question_has_its_golden_bytes),
	    cmocka_unit_test(longest_question_fits_its_message),
	    cmocka_unit_test(question_with_any_bound_broken_is_refused),
	    cmocka_unit_test(question_that_would_be_refused_is_not_sent),
	    cmocka_unit_test(raw_history_survives_the_wire),
	    cmocka_unit_test(bucket_history_survives_the_wire),
	    cmocka_unit_test(empty_history_survives_the_wire),
	    cmocka_unit_test(history_with_any_bound_broken_is_refused),
	    cmocka_unit_test(history_whose_strings_lie_is_not_sent),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
