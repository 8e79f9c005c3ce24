/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_topic_test.c - addresses of the namespace and the payloads below them,
 * byte by byte; MQTT filters against the library's own matching.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <mosquitto.h>
#include <stdio.h>

#include "base/time.h"
#include "bus/mqtt.h"
#include "bus/topic.h"
#include "bus_plant.h"
#include "model/quality.h"

static int
setup(void **state)
{
	struct bus_plant *b = calloc(1, sizeof(*b));

	bus_plant_init(b);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	bus_plant_fini(*state);
	free(*state);
	return 0;
}

static void
has_topic(struct bus_plant *b, const char *path, enum hf_topic_kind kind,
    const char *topic)
{
	char out[HF_TOPIC_BYTES];
	struct hf_err err = {0};

	assert_int_equal(
	    hf_topic_of_tag(&b->p, hf_plant_tag(&b->p, path), kind, out, &err),
	    HF_OK);
	assert_string_equal(out, topic);
}

static void
topic_is_location_contract_and_path(void **state)
{
	struct bus_plant *b = *state;

	bus_plant_asset(b, "press/line1/p07", "_pump_v1");
	bus_plant_asset(b, "press/line1", NULL);
	bus_plant_tag(b, "press/line1/p07/motor/vibration_rms");
	bus_plant_tag(b, "press/line1/p07/temp");
	bus_plant_tag(b, "press/line1/speed");
	bus_plant_tag(b, "yard/gate/open");
	bus_plant_tag(b, "alone");
	has_topic(b, "press/line1/p07/motor/vibration_rms", HF_TOPIC_VALUE,
	    "uns/v1/acme/berlin/press/line1/p07/_pump_v1/motor/vibration_rms");
	has_topic(b, "press/line1/p07/temp", HF_TOPIC_META,
	    "uns/v1/acme/berlin/press/line1/p07/_meta/temp");
	has_topic(b, "press/line1/speed", HF_TOPIC_VALUE,
	    "uns/v1/acme/berlin/press/line1/_raw/speed");
	has_topic(b, "yard/gate/open", HF_TOPIC_VALUE,
	    "uns/v1/acme/berlin/yard/gate/_raw/open");
	has_topic(b, "alone", HF_TOPIC_VALUE, "uns/v1/acme/berlin/_raw/alone");
}

static void
asset_and_subject_topics_end_in_their_leaf(void **state)
{
	struct bus_plant *b = *state;
	char out[HF_TOPIC_BYTES];

	bus_plant_asset(b, "press/p07", "_pump_v1");
	bus_plant_tag(b, "press/p07/motor/temp");
	assert_int_equal(
	    hf_topic_of_asset(&b->p, "press/p07", "_state/online", out, NULL),
	    HF_OK);
	assert_string_equal(out, "uns/v1/acme/berlin/press/p07/_state/online");
	assert_int_equal(hf_topic_of_subject(&b->p, "press/p07/motor/temp",
			     "_alarm/hot", out, NULL),
	    HF_OK);
	assert_string_equal(
	    out, "uns/v1/acme/berlin/press/p07/_alarm/hot/motor/temp");
	hf_topic_of_subject(&b->p, "press/p07", "_event/worn", out, NULL);
	assert_string_equal(out, "uns/v1/acme/berlin/press/p07/_event/worn");
	hf_topic_of_subject(&b->p, "worn", "_event/worn", out, NULL);
	assert_string_equal(out, "uns/v1/acme/berlin/_event/worn");
}

static void
umh_form_has_dots(void **state)
{
	char topic[HF_TOPIC_BYTES] =
	    "uns/v1/acme/berlin/press/_pump_v1/motor/temp";

	hf_topic_to_umh(topic);
	assert_string_equal(
	    topic, "umh.v1.acme.berlin.press._pump_v1.motor.temp");
}

static void
location_that_looks_like_a_contract_is_refused(void **state)
{
	struct bus_plant *b = *state;
	char out[HF_TOPIC_BYTES];
	struct hf_err err = {0};
	struct hf_tag *t = bus_plant_tag(b, "press/_line1/temp");

	assert_int_equal(
	    hf_topic_of_tag(&b->p, t, HF_TOPIC_VALUE, out, &err), HF_EINVAL);
	assert_non_null(strstr(err.msg, "press/_line1/temp"));
	assert_non_null(strstr(err.msg, "\"_line1\""));
	memcpy(b->site, "_berlin", 8);
	t = bus_plant_tag(b, "press/temp");
	assert_int_equal(
	    hf_topic_of_tag(&b->p, t, HF_TOPIC_VALUE, out, &err), HF_EINVAL);
	assert_non_null(strstr(err.msg, "\"_berlin\""));
}

static void
topic_that_is_too_deep_or_too_long_is_refused(void **state)
{
	struct bus_plant *b = *state;
	char out[HF_TOPIC_BYTES], path[300];
	struct hf_err err = {0};
	size_t i;

	/* 4 levels, 9 of the tag and the contract are 14; one more is not */
	has_topic((bus_plant_tag(b, "a/b/c/d/e/f/g/h/i"), b),
	    "a/b/c/d/e/f/g/h/i", HF_TOPIC_VALUE,
	    "uns/v1/acme/berlin/a/b/c/d/e/f/g/h/_raw/i");
	assert_int_equal(
	    hf_topic_of_tag(&b->p, bus_plant_tag(b, "a/b/c/d/e/f/g/h/i/j"),
		HF_TOPIC_VALUE, out, &err),
	    HF_ELIMIT);
	assert_non_null(strstr(err.msg, "levels"));
	memset(path, 'x', sizeof(path));
	for (i = 60; i < 240; i += 60)
		path[i] = '/';
	path[232] = '\0'; /* with "uns/v1/acme/berlin/" and "_raw/" 256 */
	assert_int_equal(hf_topic_of_tag(&b->p, bus_plant_tag(b, path),
			     HF_TOPIC_VALUE, out, &err),
	    HF_ELIMIT);
	assert_non_null(strstr(err.msg, "bytes"));
	path[231] = '\0';
	assert_int_equal(hf_topic_of_tag(&b->p, bus_plant_tag(b, path),
			     HF_TOPIC_VALUE, out, &err),
	    HF_OK);
	assert_int_equal(strlen(out), HF_TOPIC_BYTES - 1);
}

static void
count_report(void *arg, const char *what, const char *text)
{
	size_t *n = arg;

	assert_non_null(strstr(what, "_"));
	assert_true(strlen(text) > 20);
	(*n)++;
}

static void
check_reports_each_tag_without_a_topic(void **state)
{
	struct bus_plant *b = *state;
	size_t n = 0;

	bus_plant_asset(b, "ok", NULL);
	bus_plant_tag(b, "ok/_x");
	hf_topics_check(&b->p, count_report, &n);
	assert_int_equal(n, 0);
	bus_plant_tag(b, "_bad/x");
	bus_plant_tag(b, "_stamped/_stamp")->is_stamp = true;
	bus_plant_asset(b, "_asset", NULL);
	hf_topics_check(&b->p, count_report, &n);
	assert_int_equal(n, 2);
}

static void
is_payload(struct hf_sample s, const char *str, bool is_umh, const char *text)
{
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	hf_payload_value(&s, str, is_umh, &b);
	assert_string_equal(hf_buf_cstr(&b), text);
	hf_buf_fini(&b);
}

#define T0 (INT64_C(1733904005123) * HF_NS_PER_MS)

static void
payload_is_byte_for_byte_what_is_promised(void **state)
{
	struct hf_sample s = {
	    .t_ns = T0 + 999999, .vtype = HF_V_F64, .v.f64 = 42.5};

	is_payload(s, NULL, false,
	    "{\"timestamp_ms\":1733904005123,\"value\":42.5,"
	    "\"quality\":\"Good\"}");
	is_payload(
	    s, NULL, true, "{\"timestamp_ms\":1733904005123,\"value\":42.5}");
	s.status = HF_UNCERTAIN_CLOCK;
	is_payload(s, NULL, false,
	    "{\"timestamp_ms\":1733904005123,\"value\":42.5,"
	    "\"quality\":\"Uncertain\"}");
	s.status = HF_BAD_SENSOR_FAILURE;
	is_payload(s, NULL, false,
	    "{\"timestamp_ms\":1733904005123,\"value\":null,"
	    "\"quality\":\"Bad\"}");
	s.t_ns = -1;
	s.v.f64 = NAN;
	is_payload(s, NULL, true, "{\"timestamp_ms\":-1,\"value\":null}");
}

static void
numbers_keep_their_last_bit(void **state)
{
	struct hf_sample s = {.vtype = HF_V_F64, .v.f64 = 0.1};

	is_payload(s, NULL, true, "{\"timestamp_ms\":0,\"value\":0.1}");
	s.v.f64 = 0.1 + 0.2;
	is_payload(s, NULL, true,
	    "{\"timestamp_ms\":0,\"value\":0.30000000000000004}");
	s.v.f64 = DBL_MAX;
	is_payload(s, NULL, true,
	    "{\"timestamp_ms\":0,\"value\":1.7976931348623157e+308}");
	s.vtype = HF_V_I64;
	s.v.i64 = INT64_MIN;
	is_payload(s, NULL, true,
	    "{\"timestamp_ms\":0,\"value\":-9223372036854775808}");
	s.v.i64 = (INT64_C(1) << 53) + 1;
	is_payload(
	    s, NULL, true, "{\"timestamp_ms\":0,\"value\":9007199254740993}");
	s.vtype = HF_V_BOOL;
	s.v.bits = 1;
	is_payload(s, NULL, true, "{\"timestamp_ms\":0,\"value\":true}");
}

static void
strings_are_escaped(void **state)
{
	static const char text[] = "a\"b\\c\n\x01\xc3\xa9";
	struct hf_sample s = {.vtype = HF_V_STR, .str_len = sizeof(text) - 1};

	is_payload(s, text, true,
	    "{\"timestamp_ms\":0,\"value\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\"}");
	is_payload(s, NULL, true, "{\"timestamp_ms\":0,\"value\":null}");
}

static void
meta_tells_what_the_configuration_says(void **state)
{
	static char unit[] = "degC", address[] = "40001";
	struct bus_plant *b = *state;
	struct hf_tag *t;
	struct hf_buf out;

	bus_plant_asset(b, "press/p07", "_pump_v1");
	t = bus_plant_tag(b, "press/p07/temp");
	t->unit = unit;
	t->address = address;
	t->range_hi = 120;
	hf_buf_init(&out, 4096);
	hf_payload_meta(&b->p, t, &out);
	assert_string_equal(hf_buf_cstr(&out),
	    "{\"tag\":\"press/p07/temp\",\"type\":\"float64\",\"unit\":"
	    "\"degC\",\"range_hi\":120,\"asset\":\"press/p07\",\"contract\":"
	    "\"_pump_v1\",\"device\":\"press7\",\"address\":\"40001\","
	    "\"writable\":false}");
	hf_buf_fini(&out);
}

/* Every filter with every topic of a small alphabet: ours and the library's
 * matching agree, and so does what is a filter at all. */
static void
filters_match_as_the_library_does(void **state)
{
	static const char *const words[] = {
	    "a", "b", "+", "#", "", "$SYS", "a+", "ab"};
	const size_t nword = sizeof(words) / sizeof(words[0]);
	char f[32], t[32];
	size_t i, k, nmatch = 0;
	bool theirs;

	for (i = 0; i < nword * nword * nword; i++) {
		snprintf(f, sizeof(f), i % 2 ? "%s/%s/%s" : "%s/%s",
		    words[i % nword], words[i / nword % nword],
		    words[i / nword / nword]);
		assert_int_equal(hf_filter_ok(f),
		    mosquitto_sub_topic_check(f) == MOSQ_ERR_SUCCESS);
		for (k = 0; hf_filter_ok(f) && k < nword * nword * nword; k++) {
			snprintf(t, sizeof(t), k % 3 ? "%s/%s/%s" : "%s/%s",
			    words[k % nword], words[k / nword % nword],
			    words[k / nword / nword]);
			if (mosquitto_pub_topic_check(t) != MOSQ_ERR_SUCCESS)
				continue;
			assert_int_equal(
			    mosquitto_topic_matches_sub(f, t, &theirs), 0);
			if (hf_topic_matches(f, t) != theirs)
				fail_msg("%s %s", f, t);
			nmatch += theirs;
		}
	}
	assert_true(nmatch > 100);
	assert_false(hf_filter_ok(""));
	assert_true(hf_topic_matches("a/#", "a"));
	assert_false(hf_topic_matches("#", "$SYS/x"));
	assert_true(hf_topic_matches("#", "a"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(topic_is_location_contract_and_path),
	    T(asset_and_subject_topics_end_in_their_leaf),
	    T(umh_form_has_dots),
	    T(location_that_looks_like_a_contract_is_refused),
	    T(topic_that_is_too_deep_or_too_long_is_refused),
	    T(check_reports_each_tag_without_a_topic),
	    T(payload_is_byte_for_byte_what_is_promised),
	    T(numbers_keep_their_last_bit),
	    T(strings_are_escaped),
	    T(meta_tells_what_the_configuration_says),
	    T(filters_match_as_the_library_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
