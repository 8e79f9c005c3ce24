/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt_addr_test.c - addresses of MQTT tags, what payloads say to them, and
 * what becomes of a value in its tag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "field/mqtt/payload.h"
#include "model/quality.h"

/* ---- addresses ---- */

static void
put_path(const struct hf_mq_path *p, char *out, size_t cap)
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < p->n; i++)
		if (p->v[i].name != NULL)
			n += (size_t)snprintf(
			    out + n, cap - n, "<%s>", p->v[i].name);
		else
			n += (size_t)snprintf(
			    out + n, cap - n, "#%u", p->v[i].idx);
}

static void
addresses_are_read_part_by_part(void **state)
{
	static const struct {
		const char *text, *topic, *field, *time, *quality;
		enum hf_mq_unit unit;
	} rows[] = {
	    {"a/b", "a/b", "", "", "", HF_MQ_AUTO},
	    {"a/b;field=v", "a/b", "<v>", "", "", HF_MQ_AUTO},
	    {"a;field=x.y[0].z;time=ts:us;quality=q", "a", "<x><y>#0<z>",
		"<ts>", "<q>", HF_MQ_US},
	    {"a;field=[3]", "a", "#3", "", "", HF_MQ_AUTO},
	    {"a;field=[3][4].b", "a", "#3#4<b>", "", "", HF_MQ_AUTO},
	    {"a;field=x\\.y\\[0\\]", "a", "<x.y[0]>", "", "", HF_MQ_AUTO},
	    {"a;time=t\\:s", "a", "", "<t:s>", "", HF_MQ_AUTO},
	    {"a;field=m;time=t:rfc3339", "a", "<m>", "<t>", "", HF_MQ_RFC3339},
	    {"a;field=one\\;two", "a", "<one;two>", "", "", HF_MQ_AUTO},
	    {"/lead/and trail/", "/lead/and trail/", "", "", "", HF_MQ_AUTO},
	};
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_mq_addr addr;
	struct hf_err err;
	char text[200];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (hf_mq_addr_parse(a, rows[i].text, &addr, &err) != HF_OK)
			fail_msg("%s: %s", rows[i].text, err.msg);
		assert_string_equal(addr.topic, rows[i].topic);
		put_path(&addr.field, text, sizeof(text));
		assert_string_equal(text, rows[i].field);
		put_path(&addr.time, text, sizeof(text));
		assert_string_equal(text, rows[i].time);
		put_path(&addr.quality, text, sizeof(text));
		assert_string_equal(text, rows[i].quality);
		assert_int_equal(addr.unit, rows[i].unit);
	}
	hf_arena_free(a);
}

static void
wrong_addresses_say_what_to_write(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	    {"", "is no topic"},
	    {"a/+/b", "without + and #"},
	    {"a/#", "without + and #"},
	    {"a;field", "has no value"},
	    {"a;feld=x", "\"feld\" is unknown"},
	    {"a;field=x;field=y", "given twice"},
	    {"a;field=", "empty name"},
	    {"a;field=a..b", "empty name"},
	    {"a;field=a.", "empty name"},
	    {"a;field=a[x]", "an item is [N]"},
	    {"a;field=a[-1]", "an item is [N]"},
	    {"a;field=a[1", "an item is [N]"},
	    {"a;field=a[1]b", "must follow ]"},
	    {"a;time=t:min", "unit \"min\" is unknown"},
	    {"a;field=a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "over 16 levels"},
	    {"a;", "has no value"},
	    {"a\nb", "no text"},
	};
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_mq_addr addr;
	struct hf_err err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = (struct hf_err){0};
		assert_int_equal(
		    hf_mq_addr_parse(a, rows[i].text, &addr, &err), HF_EINVAL);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].text,
			    err.msg, rows[i].says);
	}
	hf_arena_free(a);
}

/* ---- payloads ---- */

struct got {
	enum hf_mq_got got;
	struct hf_value v;
	char text[64];
	int64_t t_ns;
	uint32_t status;
	bool is_bad_stamp, is_bad_quality;
};

static struct got
look(const char *address, const char *payload, bool is_text)
{
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_mq_payload l;
	struct hf_mq_addr addr;
	struct got g = {0};

	assert_int_equal(hf_mq_addr_parse(a, address, &addr, NULL), HF_OK);
	hf_mq_payload_open(&l, payload, strlen(payload));
	g.got = hf_mq_value(&l, &addr, is_text, &g.v);
	if (g.got == HF_MQ_GOT && g.v.kind == HF_VALUE_TEXT)
		snprintf(g.text, sizeof(g.text), "%.*s", (int)g.v.n, g.v.s);
	g.t_ns = hf_mq_stamp(&l, &addr, &g.is_bad_stamp);
	g.status = hf_mq_quality(&l, &addr, &g.is_bad_quality);
	hf_mq_payload_close(&l);
	hf_arena_free(a);
	return g;
}

static void
plain_payloads_are_numbers_booleans_or_texts(void **state)
{
	assert_int_equal(look("a", "12", false).v.i, 12);
	assert_true(look("a", " -1.5e3\n", false).v.d == -1500);
	assert_true(look("a", "TRUE", false).v.b);
	assert_int_equal(look("a", "false", false).v.kind, HF_VALUE_BOOL);
	assert_int_equal(look("a", "on", false).v.kind, HF_VALUE_TEXT);
	assert_true(isnan(look("a", "NaN", false).v.d));
	assert_int_equal(look("a", "NaN", false).v.kind, HF_VALUE_F64);
	assert_int_equal(look("a", "1,5", false).v.kind, HF_VALUE_TEXT);
	/* a string tag takes them as they are */
	assert_string_equal(look("a", "12", true).text, "12");
	assert_string_equal(look("a", "\"a\\u00e4\"", true).text, "a\xc3\xa4");
	assert_string_equal(look("a", "\"a\" b", true).text, "\"a\" b");
	assert_int_equal(look("a", "", true).v.n, 0);
	assert_int_equal(look("a", "", false).v.kind, HF_VALUE_TEXT);
}

static void
our_own_form_is_understood_without_a_field(void **state)
{
	struct got g = look("a",
	    "{\"timestamp_ms\":1733904005123,\"value\":42.5,"
	    "\"quality\":\"Uncertain\"}",
	    false);

	assert_true(g.v.d == 42.5);
	assert_int_equal(g.t_ns, INT64_C(1733904005123) * HF_NS_PER_MS);
	assert_int_equal(g.status, HF_UNCERTAIN);
	assert_int_equal(
	    look("a", "{\"value\":null,\"quality\":\"Bad\"}", false).v.kind,
	    HF_VALUE_NULL);
	/* another object is none of ours */
	assert_int_equal(look("a", "{\"v\":1}", false).got, HF_MQ_ABSENT);
	assert_string_equal(look("a", "{\"v\":1}", true).text, "{\"v\":1}");
}

static void
fields_are_found_at_their_path(void **state)
{
	static const char json[] =
	    "{\"m\":{\"x.y\":[{\"rpm\":1450},{\"rpm\":7}]},\"ts\":12.5,"
	    "\"q\":2147483648,\"s\":\"on\",\"deep\":{}}";

	assert_int_equal(look("a;field=m.x\\.y[1].rpm", json, false).v.i, 7);
	assert_int_equal(
	    look("a;field=m.x\\.y[2].rpm", json, false).got, HF_MQ_ABSENT);
	assert_int_equal(look("a;field=m[0]", json, false).got, HF_MQ_ABSENT);
	assert_string_equal(look("a;field=s", json, true).text, "on");
	/* an object is no value, and not a missing one */
	assert_int_equal(
	    look("a;field=deep", json, false).v.kind, HF_VALUE_NULL);
	assert_int_equal(look("a;field=s;time=ts:s", json, false).t_ns,
	    INT64_C(12500000000));
	assert_int_equal(
	    look("a;field=s;quality=q", json, false).status, HF_BAD);
	assert_int_equal(look("a;field=s", "12", false).got, HF_MQ_ABSENT);
}

static void
stamps_are_read_in_every_unit_and_never_guessed(void **state)
{
	static const struct {
		const char *address, *payload;
		int64_t t_ns;
	} rows[] = {
	    {"a;field=v;time=t:s", "{\"v\":1,\"t\":1.25}", 1250000000},
	    {"a;field=v;time=t", "{\"v\":1,\"t\":1250}", 1250000000},
	    {"a;field=v;time=t:us", "{\"v\":1,\"t\":7}", 7000},
	    {"a;field=v;time=t:ns", "{\"v\":1,\"t\":1733904005123456789}",
		INT64_C(1733904005123456789)},
	    {"a;field=v;time=t", "{\"v\":1,\"t\":\"1970-01-01T00:00:02Z\"}",
		2000000000},
	    {"a;field=v;time=t:rfc3339",
		"{\"v\":1,\"t\":\"1970-01-01T00:00:02Z\"}", 2000000000},
	};
	static const char *const bad[][2] = {
	    {"a;field=v;time=t", "{\"v\":1}"},
	    {"a;field=v;time=t", "{\"v\":1,\"t\":true}"},
	    {"a;field=v;time=t:ms", "{\"v\":1,\"t\":\"1970-01-01T00:00:02Z\"}"},
	    {"a;field=v;time=t:rfc3339", "{\"v\":1,\"t\":12}"},
	    {"a;field=v;time=t:s", "{\"v\":1,\"t\":1e300}"},
	    {"a;field=v;time=t:s", "{\"v\":1,\"t\":9223372036854775807}"},
	    {"a;field=v;time=t:s", "{\"v\":1,\"t\":-9300000000.5}"},
	    {"a;field=v;time=t", "{\"v\":1,\"t\":\"yesterday\"}"},
	};
	struct got g;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		g = look(rows[i].address, rows[i].payload, false);
		assert_false(g.is_bad_stamp);
		assert_int_equal(g.t_ns, rows[i].t_ns);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		g = look(bad[i][0], bad[i][1], false);
		assert_int_equal(g.t_ns, HF_TIME_NONE);
		assert_true(g.is_bad_stamp);
		assert_int_equal(g.got, HF_MQ_GOT);
	}
}

static void
qualities_are_words_or_status_codes(void **state)
{
	static const struct {
		const char *payload;
		uint32_t status;
		bool is_bad;
	} rows[] = {
	    {"{\"value\":1}", HF_GOOD, false},
	    {"{\"value\":1,\"quality\":\"good\"}", HF_GOOD, false},
	    {"{\"value\":1,\"quality\":\"BAD\"}", HF_BAD, false},
	    {"{\"value\":1,\"quality\":\"BadNoCommunication\"}",
		HF_BAD_NO_COMMUNICATION, false},
	    {"{\"value\":1,\"quality\":1083179008}", HF_UNCERTAIN_LAST_USABLE,
		false},
	    {"{\"value\":1,\"quality\":false}", HF_BAD, false},
	    {"{\"value\":1,\"quality\":\"fine\"}", HF_UNCERTAIN, true},
	    {"{\"value\":1,\"quality\":-1}", HF_UNCERTAIN, true},
	    {"{\"value\":1,\"quality\":4294967295}", HF_UNCERTAIN, true},
	    {"{\"value\":1,\"quality\":0.5}", HF_UNCERTAIN, true},
	    {"{\"value\":1,\"quality\":[]}", HF_UNCERTAIN, true},
	};
	struct got g;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		g = look("a", rows[i].payload, false);
		assert_int_equal(g.status, rows[i].status);
		assert_int_equal(g.is_bad_quality, rows[i].is_bad);
	}
}

static void
hostile_payloads_are_broken_not_values(void **state)
{
	static const char *const bad[] = {"{", "{\"a\":1,\"a\":2}", "[1,]",
	    "{\"a\":NaN}", "{\"a\":1e999}", "{\"a\":99999999999999999999}",
	    "{\"a\":\"\xff\"}", "\xff\xfe", "{\"a\":\"\\u0000\"}",
	    "{\"a\":1} trailing",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(look("a", bad[i], false).got, HF_MQ_BROKEN);
		assert_int_equal(
		    look("a;field=a", bad[i], false).got, HF_MQ_BROKEN);
	}
}

/* ---- into the tag ---- */

static struct hf_tag
tag_of(int64_t type)
{
	return (struct hf_tag){.type = type,
	    .key = 7,
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN};
}

static void
values_that_do_not_fit_their_tag_are_bad_not_missing(void **state)
{
	static const struct {
		int64_t type;
		struct hf_value v;
		enum hf_convert_why why;
		uint32_t status;
	} rows[] = {
	    {HF_T_BOOL, {.kind = HF_VALUE_I64, .i = 2}, HF_CONVERT_TYPE,
		HF_BAD_DECODING},
	    {HF_T_BOOL, {.kind = HF_VALUE_F64, .d = 1}, HF_CONVERT_FINE,
		HF_GOOD},
	    {HF_T_I16, {.kind = HF_VALUE_I64, .i = 32768}, HF_CONVERT_RANGE,
		HF_BAD_OUT_OF_RANGE},
	    {HF_T_I16, {.kind = HF_VALUE_F64, .d = 1.5}, HF_CONVERT_TYPE,
		HF_BAD_DECODING},
	    {HF_T_U64, {.kind = HF_VALUE_I64, .i = -1}, HF_CONVERT_RANGE,
		HF_BAD_OUT_OF_RANGE},
	    {HF_T_I64, {.kind = HF_VALUE_F64, .d = 0x1p63}, HF_CONVERT_RANGE,
		HF_BAD_OUT_OF_RANGE},
	    {HF_T_F32, {.kind = HF_VALUE_F64, .d = 1e39}, HF_CONVERT_RANGE,
		HF_BAD_OUT_OF_RANGE},
	    {HF_T_F64, {.kind = HF_VALUE_F64, .d = NAN}, HF_CONVERT_NOT_FINITE,
		HF_BAD_DECODING},
	    {HF_T_F64, {.kind = HF_VALUE_TEXT, .s = "1", .n = 1},
		HF_CONVERT_TYPE, HF_BAD_DECODING},
	    {HF_T_F64, {.kind = HF_VALUE_BOOL, .b = true}, HF_CONVERT_TYPE,
		HF_BAD_DECODING},
	    {HF_T_F64, {.kind = HF_VALUE_NULL}, HF_CONVERT_TYPE,
		HF_BAD_DECODING},
	    {HF_T_STR, {.kind = HF_VALUE_I64, .i = 1}, HF_CONVERT_TYPE,
		HF_BAD_DECODING},
	    {HF_T_STR, {.kind = HF_VALUE_TEXT, .s = "\x01", .n = 1},
		HF_CONVERT_TEXT, HF_BAD_DECODING},
	};
	struct hf_reading r;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hf_tag t = tag_of(rows[i].type);

		assert_int_equal(
		    hf_convert(&t, &rows[i].v, HF_GOOD, &r), rows[i].why);
		assert_int_equal(r.s.status, rows[i].status);
		assert_int_equal(r.s.tag, 7);
		assert_int_equal(r.s.vtype, hf_tag_vtype(&t));
	}
}

static void
values_are_scaled_and_cut_as_for_every_protocol(void **state)
{
	struct hf_tag t = tag_of(HF_T_I16);
	struct hf_value v = {.kind = HF_VALUE_I64, .i = 12};
	struct hf_reading r;

	t.raw_lo = 4;
	t.raw_hi = 20;
	t.scale_lo = 0;
	t.scale_hi = 100;
	t.clamp = true;
	assert_int_equal(hf_convert(&t, &v, HF_GOOD, &r), HF_CONVERT_FINE);
	assert_true(r.s.v.f64 == 50);
	v.i = 21;
	assert_int_equal(hf_convert(&t, &v, HF_GOOD, &r), HF_CONVERT_CLAMPED);
	assert_true(r.s.v.f64 == 100);
	assert_int_equal(r.s.status, HF_UNCERTAIN_EU_EXCEEDED);
	/* what the source says of it and is worse wins */
	assert_int_equal(hf_convert(&t, &v, HF_BAD, &r), HF_CONVERT_CLAMPED);
	assert_int_equal(r.s.status, HF_BAD);
	v = (struct hf_value){.kind = HF_VALUE_NULL};
	assert_int_equal(
	    hf_convert(&t, &v, HF_BAD_SENSOR_FAILURE, &r), HF_CONVERT_FINE);
	assert_int_equal(r.s.status, HF_BAD_SENSOR_FAILURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read_part_by_part),
	    cmocka_unit_test(wrong_addresses_say_what_to_write),
	    cmocka_unit_test(plain_payloads_are_numbers_booleans_or_texts),
	    cmocka_unit_test(our_own_form_is_understood_without_a_field),
	    cmocka_unit_test(fields_are_found_at_their_path),
	    cmocka_unit_test(stamps_are_read_in_every_unit_and_never_guessed),
	    cmocka_unit_test(qualities_are_words_or_status_codes),
	    cmocka_unit_test(hostile_payloads_are_broken_not_values),
	    cmocka_unit_test(
		values_that_do_not_fit_their_tag_are_bad_not_missing),
	    cmocka_unit_test(values_are_scaled_and_cut_as_for_every_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
