/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug_payload_test.c - the protobuf of Sparkplug B, read and written.
 *
 * The golden bytes were made by the npm package sparkplug-payload 1.0.3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "model/batch.h"
#include "sparkplug_kit.h"

static struct hf_buf buf, tmp;

static int
setup(void **state)
{
	hf_buf_init(&buf, 4 * HF_SPB_BYTES);
	hf_buf_init(&tmp, HF_SPB_BYTES);
	return 0;
}

static int
teardown(void **state)
{
	hf_buf_fini(&buf);
	hf_buf_fini(&tmp);
	return 0;
}

static struct hf_spb_metric
first_of(const void *p, size_t n)
{
	struct hf_spb_payload pl;
	struct hf_spb_metric m;

	assert_int_equal(hf_spb_open(&pl, p, n, NULL), HF_OK);
	assert_true(hf_spb_next(&pl, &m));
	return m;
}

static struct hf_spb_metric
through(struct hf_spb_metric m)
{
	kit_payload(&buf, 1700000000123, 7, &m, 1);
	return first_of(buf.p, buf.len);
}

static int64_t
int_through(uint32_t datatype, uint8_t kind, uint64_t u)
{
	struct hf_spb_metric m = through(kit_metric("x", 0, kind, u));
	struct hf_spb_value v;

	assert_int_equal(hf_spb_value(&m, datatype, &v), HF_SPB_FINE);
	assert_int_equal(v.vtype, HF_V_I64);
	return v.i64;
}

static void
payload_of_others_is_read(void **state)
{
	/* {timestamp: 1700000000123, seq: 3, metrics: [{name: "a/b",
	 *  value: -12, type: "Int32", alias: 5,
	 *  properties: {Quality: {type: "Int32", value: 192},
	 *  engUnit: {type: "String", value: "mm/s"}}}]} */
	static const char hex[] =
	    "08fbd095ffbc3112340a03612f62100520034a230a075175616c697479"
	    "0a07656e67556e69741205080318c0011208080c42046d6d2f7350f4ff"
	    "ffff0f1803";
	uint8_t bytes[63];
	struct hf_spb_metric m;
	struct hf_spb_payload pl;
	struct hf_spb_value v;

	assert_true(hf_unhex(bytes, sizeof(bytes), hex));
	assert_int_equal(hf_spb_open(&pl, bytes, sizeof(bytes), NULL), HF_OK);
	assert_true(pl.has_time && pl.has_seq);
	assert_int_equal(pl.t_ms, 1700000000123);
	assert_int_equal(pl.seq, 3);
	assert_int_equal(pl.nmetric, 1);
	m = first_of(bytes, sizeof(bytes));
	assert_int_equal(m.name_len, 3);
	assert_memory_equal(m.name, "a/b", 3);
	assert_true(m.has_alias && m.alias == 5);
	assert_int_equal(m.datatype, HF_SPB_INT32);
	assert_true(m.has_quality && m.quality == 192);
	assert_int_equal(m.unit_len, 4);
	assert_memory_equal(m.unit, "mm/s", 4);
	assert_int_equal(hf_spb_value(&m, HF_SPB_INT32, &v), HF_SPB_FINE);
	assert_int_equal(v.i64, -12);
}

/* tck-id-payloads-metric-datatype-value-type */
static void
tck_id_payloads_metric_datatype_value_type(void **state)
{
	assert_int_equal(int_through(HF_SPB_INT8, HF_SPB_U32, 0xfffffff4), -12);
	assert_int_equal(int_through(HF_SPB_INT8, HF_SPB_U32, 0xf4), -12);
	assert_int_equal(
	    int_through(HF_SPB_INT16, HF_SPB_U32, 0xfffffff4), -12);
	assert_int_equal(int_through(HF_SPB_INT16, HF_SPB_U32, 0x8000), -32768);
	assert_int_equal(
	    int_through(HF_SPB_INT32, HF_SPB_U32, 4294967284u), -12);
	assert_int_equal(
	    int_through(HF_SPB_INT64, HF_SPB_U64, UINT64_MAX - 11), -12);
	assert_int_equal(int_through(HF_SPB_UINT8, HF_SPB_U32, 255), 255);
	assert_int_equal(
	    int_through(HF_SPB_UINT32, HF_SPB_U32, 4294967284u), 4294967284);
	assert_int_equal(
	    int_through(HF_SPB_UINT32, HF_SPB_U64, 4294967284u), 4294967284);
	assert_int_equal(
	    int_through(HF_SPB_UINT64, HF_SPB_U64, INT64_MAX), INT64_MAX);
	assert_int_equal(
	    int_through(HF_SPB_DATETIME, HF_SPB_U64, 1700000000123),
	    1700000000123);
}

static void
uint64_above_2_63_is_said_not_wrapped(void **state)
{
	struct hf_spb_metric m =
	    through(kit_metric("x", HF_SPB_UINT64, HF_SPB_U64, UINT64_MAX - 1));
	struct hf_spb_value v;

	assert_int_equal(hf_spb_value(&m, HF_SPB_UINT64, &v), HF_SPB_TOO_BIG);
	assert_int_equal(v.i64, INT64_MAX);
	assert_true(v.u64 == UINT64_MAX - 1);
}

static void
value_of_another_type_than_its_birth_is_a_mismatch(void **state)
{
	struct hf_spb_metric m = through(kit_double("x", 1));
	struct hf_spb_value v;

	assert_int_equal(hf_spb_value(&m, HF_SPB_INT32, &v), HF_SPB_MISMATCH);
	assert_int_equal(v.vtype, HF_V_I64);
	assert_int_equal(hf_spb_value(&m, HF_SPB_STRING, &v), HF_SPB_MISMATCH);
	m = through(kit_metric("x", 0, HF_SPB_U32, 256));
	assert_int_equal(hf_spb_value(&m, HF_SPB_UINT8, &v), HF_SPB_MISMATCH);
	assert_int_equal(hf_spb_value(&m, HF_SPB_BOOLEAN, &v), HF_SPB_MISMATCH);
}

static void
arrays_data_sets_and_unknown_types_are_unsupported_not_fatal(void **state)
{
	struct hf_spb_metric m = through(kit_metric("x", 16, HF_SPB_NONE, 0));
	struct hf_spb_value v;
	uint32_t t;

	for (t = 16; t < 60; t++)
		assert_int_equal(hf_spb_value(&m, t, &v), HF_SPB_UNSUPPORTED);
	hf_buf_reset(&tmp);
	hf_buf_reset(&buf);
	hf_pb_put_bytes(&tmp, 1, "d", 1);
	hf_pb_put_bytes(&tmp, 17, "\x08\x01", 2);
	hf_pb_put_bytes(&buf, 2, tmp.p, tmp.len);
	m = first_of(buf.p, buf.len);
	assert_int_equal(m.kind, HF_SPB_OTHER);
	assert_int_equal(hf_spb_value(&m, 16, &v), HF_SPB_UNSUPPORTED);
	assert_int_equal(hf_spb_value(&m, HF_SPB_INT8, &v), HF_SPB_MISMATCH);
}

/* tck-id-payloads-propertyset-quality-value-value */
static void
tck_id_payloads_propertyset_quality_value_value(void **state)
{
	static const int32_t all[] = {
	    HF_SPB_Q_BAD, HF_SPB_Q_GOOD, HF_SPB_Q_STALE, -1, INT32_MIN};
	struct hf_spb_metric m = kit_double("q", 1.5), got;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		m.has_quality = true;
		m.quality = all[i];
		m.unit = "degC";
		m.unit_len = 4;
		got = through(m);
		assert_true(got.has_quality);
		assert_int_equal(got.quality, all[i]);
		assert_memory_equal(got.unit, "degC", 4);
	}
}

static uint64_t
next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Property: what was written is what is read, for random metrics. */
static void
any_metric_comes_back_as_it_was_written(void **state)
{
	uint64_t seed = 88172645463325252;
	char name[HF_SPB_NAME];
	int round;

	for (round = 0; round < 5000; round++) {
		uint64_t r = next(&seed);
		struct hf_spb_metric m = {.kind = (uint8_t)(r % HF_SPB_OTHER),
					 .has_alias = r >> 8 & 1,
					 .has_time = r >> 9 & 1,
					 .is_historical = r >> 10 & 1,
					 .is_transient = r >> 11 & 1,
					 .has_quality = r >> 12 & 1,
					 .datatype = (uint32_t)(r >> 16 & 0xf),
					 .quality = (int32_t)next(&seed)},
				     got;

		memset(name, 'a' + (int)(r >> 20 & 15), sizeof(name));
		m.name = name;
		m.name_len = 1 + (r >> 24) % HF_SPB_NAME;
		m.alias = m.has_alias ? next(&seed) : 0;
		m.t_ms = m.has_time ? next(&seed) : 0;
		m.quality = m.has_quality ? m.quality : 0;
		m.u = next(&seed) >> (r >> 40 & 63);
		if (m.kind == HF_SPB_U32)
			m.u = (uint32_t)m.u;
		else if (m.kind == HF_SPB_BOOL)
			m.u &= 1;
		m.f = (double)(float)(double)m.u;
		m.str = name;
		m.str_len = m.u % sizeof(name);
		got = through(m);
		assert_int_equal(got.kind, m.kind);
		assert_int_equal(got.name_len, m.name_len);
		assert_memory_equal(got.name, m.name, m.name_len);
		assert_int_equal(got.has_alias, m.has_alias);
		assert_true(got.alias == m.alias && got.t_ms == m.t_ms);
		assert_int_equal(got.has_time, m.has_time);
		assert_int_equal(got.is_historical, m.is_historical);
		assert_int_equal(got.is_transient, m.is_transient);
		assert_int_equal(got.datatype, m.datatype);
		assert_int_equal(got.quality, m.quality);
		if (m.kind == HF_SPB_U32 || m.kind == HF_SPB_U64 ||
		    m.kind == HF_SPB_BOOL)
			assert_true(got.u == m.u);
		else if (m.kind == HF_SPB_F32 || m.kind == HF_SPB_F64)
			assert_memory_equal(&got.f, &m.f, sizeof(m.f));
		else if (m.kind == HF_SPB_STR)
			assert_memory_equal(got.str, m.str, m.str_len);
	}
}

static void
any_truncation_is_refused_or_read_within_bounds(void **state)
{
	struct hf_spb_metric m[2] = {kit_double("a", 1), kit_double("b", 2)};
	struct hf_spb_payload pl;
	struct hf_spb_metric got;
	size_t n;

	m[0].has_quality = true;
	m[0].quality = 192;
	kit_payload(&buf, 1, 2, m, 2);
	for (n = 0; n < buf.len; n++) {
		/* A copy of that size, so that a sanitizer sees one byte. */
		uint8_t *copy = test_malloc(n + 1);

		memcpy(copy, buf.p, n);
		if (hf_spb_open(&pl, copy, n, NULL) == HF_OK)
			while (hf_spb_next(&pl, &got))
				;
		test_free(copy);
	}
}

static void
refused(const void *p, size_t n, int rc)
{
	struct hf_spb_payload pl;
	struct hf_err err;

	assert_int_equal(hf_spb_open(&pl, p, n, &err), rc);
	assert_true(err.msg[0] != '\0');
}

static void
hostile_payloads_are_refused(void **state)
{
	static const uint8_t group[] = {0x13, 0x08, 0x01, 0x14};
	static const uint8_t zero[] = {0x00, 0x01};
	static const uint8_t length[] = {0x12, 0xff, 0xff, 0xff, 0xff, 0x0f};
	static const uint8_t varint[] = {
	    0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	static const uint8_t wire[] = {0x0d, 1, 2, 3, 4};
	struct hf_spb_metric m = kit_double("x", 1);
	char name[HF_SPB_NAME + 1];
	size_t i;

	refused(group, sizeof(group), HF_EPROTO);
	refused(zero, sizeof(zero), HF_EPROTO);
	refused(length, sizeof(length), HF_EPROTO);
	refused(varint, sizeof(varint), HF_EPROTO);
	refused(wire, sizeof(wire), HF_EPROTO);
	refused("hello, I am plain text", 22, HF_EPROTO);
	memset(name, 'n', sizeof(name));
	m.name = name;
	m.name_len = sizeof(name);
	kit_payload(&buf, 1, 1, &m, 1);
	refused(buf.p, buf.len, HF_EPROTO);
	m.name = "\xff\xfe";
	m.name_len = 2;
	kit_payload(&buf, 1, 1, &m, 1);
	refused(buf.p, buf.len, HF_EPROTO);
	hf_buf_reset(&buf);
	for (i = 0; i <= HF_SPB_NMETRIC; i++)
		hf_pb_put_bytes(&buf, 2, NULL, 0);
	refused(buf.p, buf.len, HF_ELIMIT);
	hf_buf_reset(&buf);
	memset(hf_buf_extend(&buf, HF_SPB_BYTES + 1), 0, HF_SPB_BYTES + 1);
	refused(buf.p, buf.len, HF_ELIMIT);
}

static void
unknown_fields_are_skipped(void **state)
{
	struct hf_spb_metric m = kit_double("x", 2.5);

	kit_payload(&buf, 1, 1, &m, 1);
	hf_pb_put_bytes(&buf, 900, "later", 5);
	hf_pb_put_f64(&buf, 901, 1);
	hf_pb_put_f32(&buf, 902, 1);
	hf_pb_put_u64(&buf, 903, UINT64_MAX);
	m = first_of(buf.p, buf.len);
	assert_true(m.f == 2.5);
}

static void
null_and_missing_values_are_null(void **state)
{
	struct hf_spb_metric m = kit_double("x", 2.5);
	struct hf_spb_value v;

	m.is_null = true;
	m = through(m);
	assert_int_equal(hf_spb_value(&m, HF_SPB_DOUBLE, &v), HF_SPB_IS_NULL);
	assert_true(isnan(v.f64));
	m = through(kit_metric("x", HF_SPB_DOUBLE, HF_SPB_NONE, 0));
	assert_int_equal(hf_spb_value(&m, HF_SPB_DOUBLE, &v), HF_SPB_IS_NULL);
	m = through(kit_double("x", (double)INFINITY));
	assert_int_equal(
	    hf_spb_value(&m, HF_SPB_DOUBLE, &v), HF_SPB_NOT_FINITE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(payload_of_others_is_read),
	    cmocka_unit_test(tck_id_payloads_metric_datatype_value_type),
	    cmocka_unit_test(uint64_above_2_63_is_said_not_wrapped),
	    cmocka_unit_test(
		value_of_another_type_than_its_birth_is_a_mismatch),
	    cmocka_unit_test(
		arrays_data_sets_and_unknown_types_are_unsupported_not_fatal),
	    cmocka_unit_test(tck_id_payloads_propertyset_quality_value_value),
	    cmocka_unit_test(any_metric_comes_back_as_it_was_written),
	    cmocka_unit_test(any_truncation_is_refused_or_read_within_bounds),
	    cmocka_unit_test(hostile_payloads_are_refused),
	    cmocka_unit_test(unknown_fields_are_skipped),
	    cmocka_unit_test(null_and_missing_values_are_null),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
