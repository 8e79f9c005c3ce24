/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt_in_test.c - the driver `mqtt` against a real broker: what it takes, what
 * it refuses, and that nothing is lost without being counted.
 *
 * Each test waits by running the loop until what must come has come; the wall
 * clock that the driver sees is the real one, because stamps are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "base/time.h"
#include "field/mqtt/device.h"
#include "model/quality.h"
#include "mqtt_broker.h"

#define WAIT_NS (60 * HF_NS_PER_S)
#define NGOT 300000

struct got {	      /* one reading */
	uint32_t tag; /* index in the plant */
	struct hf_sample s;
	char str[32];
	bool is_kept;
};

struct world {
	struct broker b;
	struct hf_loop *loop;
	struct hf_plant plant;
	struct hf_zone zone;
	struct hf_device device;
	struct hf_mq_conf conf;
	struct hf_contract contract;
	struct hf_arena *arena;
	struct hf_counters ctr;
	struct hf_driver_dev *dev;
	struct hf_mqtt *pub;
	struct got *got;
	size_t ngot;
	int nparsing, nchanged;
	char *answer; /* of a preview */
	int answer_rc;
};

/* ---- the host ---- */

static int64_t
wall(void *arg)
{
	return hf_wall_ns();
}

static int64_t
mono(void *arg)
{
	return hf_mono_ns();
}

static void
on_readings(void *arg, uint32_t device_idx, int64_t stamp_ns,
    const struct hf_reading *r, size_t n)
{
	struct world *w = arg;
	struct got *g;
	size_t i;

	assert_int_equal(w->nparsing, 0);
	for (i = 0; i < n && w->ngot < NGOT; i++) {
		g = &w->got[w->ngot++];
		*g = (struct got){.tag = (uint32_t)(r[i].tag - w->plant.tags),
		    .s = r[i].s,
		    .is_kept = r[i].is_kept};
		if (r[i].s.vtype == HF_V_STR)
			snprintf(g->str, sizeof(g->str), "%.*s",
			    (int)r[i].s.str_len, r[i].str);
	}
}

static void
on_parsing(void *arg, uint32_t device_idx, const void *p, size_t n)
{
	((struct world *)arg)->nparsing++;
}

static void
on_parsed(void *arg)
{
	((struct world *)arg)->nparsing--;
}

static void
on_changed(void *arg, uint32_t device_idx)
{
	((struct world *)arg)->nchanged++;
}

static const char *
broker_path(void *arg)
{
	return ((struct world *)arg)->b.path;
}

/* ---- the world ---- */

static char zone_name[] = "hall", device_name[] = "dev", site_name[] = "s";

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return -1;
	*state = w;
	if (!broker_is_installed())
		return 0;
	w->got = calloc(NGOT, sizeof(*w->got));
	w->arena = hf_arena_new(256 << 20);
	broker_new(&w->b, false);
	w->loop = hf_loop_new();
	w->zone = (struct hf_zone){.name = zone_name};
	w->conf = (struct hf_mq_conf){.broker.version = 1, .qos = 0};
	w->device = (struct hf_device){
	    .name = device_name, .zone = zone_name, .conf = &w->conf};
	w->plant = (struct hf_plant){
	    .site = {.enterprise = site_name, .site = site_name},
	    .zones = &w->zone,
	    .nzone = 1,
	    .devices = &w->device,
	    .ndevice = 1};
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	if (w->loop != NULL) {
		hf_mqtt_driver.close(w->dev);
		hf_mqtt_free(w->pub);
		hf_loop_free(w->loop);
		broker_free(&w->b);
		hf_arena_free(w->arena);
	}
	free(w->got);
	free(w->answer);
	free(w);
	return 0;
}

static void
make_tags(struct world *w, size_t n)
{
	w->plant.tags = hf_arena_calloc(w->arena, n, sizeof(struct hf_tag));
	assert_non_null(w->plant.tags);
	w->plant.ntag = n;
	w->device.ntag = (uint32_t)n;
}

static void
tag(struct world *w, size_t i, const char *address, int64_t type)
{
	struct hf_tag *t = &w->plant.tags[i];

	*t = (struct hf_tag){.device = device_name,
	    .name = hf_arena_printf(w->arena, "t%zu", i),
	    .address = hf_arena_strdup(w->arena, address),
	    .type = type,
	    .key = i + 1,
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN};
	t->path = t->name;
}

static void
open_device(struct world *w)
{
	const struct hf_driver_host host = {.arg = w,
	    .loop = w->loop,
	    .counters = &w->ctr,
	    .wall_ns = wall,
	    .mono_ns = mono,
	    .readings = on_readings,
	    .parsing = on_parsing,
	    .parsed = on_parsed,
	    .changed = on_changed,
	    .broker = broker_path};
	struct hf_err err = {0};

	if (hf_mqtt_driver.open(&w->plant, 0, &host, &w->dev, &err) != HF_OK)
		fail_msg("%s", err.msg);
}

/* Runs until the counter has reached n. */
static void
wait_count(struct world *w, const uint64_t *v, uint64_t n)
{
	int64_t end = hf_mono_ns() + WAIT_NS;

	while (*v < n && hf_mono_ns() < end)
		hf_loop_once(w->loop, 20);
	assert_true(*v >= n);
}

static void
wait_got(struct world *w, size_t n)
{
	int64_t end = hf_mono_ns() + WAIT_NS;

	while (w->ngot < n && hf_mono_ns() < end)
		hf_loop_once(w->loop, 20);
	assert_true(w->ngot >= n);
}

static bool
is_up(struct world *w)
{
	struct hf_driver_stats st;

	hf_mqtt_driver.stats(w->dev, &st);
	return st.up > 0;
}

static void
wait_up(struct world *w, bool want)
{
	int64_t end = hf_mono_ns() + WAIT_NS;

	while (is_up(w) != want && hf_mono_ns() < end)
		hf_loop_once(w->loop, 20);
	assert_true(is_up(w) == want);
}

static void
new_publisher(struct world *w)
{
	const struct hf_mqtt_conf conf = {
	    .client_id = "pub", .unix_path = w->b.path, .version = HF_MQTT_311};
	const struct hf_mqtt_cb cb = {.arg = w};
	int64_t end = hf_mono_ns() + WAIT_NS;

	hf_mqtt_free(w->pub);
	w->pub = NULL;
	assert_int_equal(
	    hf_mqtt_new(w->loop, &conf, &cb, &w->pub, NULL), HF_OK);
	while (!hf_mqtt_is_up(w->pub) && hf_mono_ns() < end)
		hf_loop_once(w->loop, 20);
	assert_true(hf_mqtt_is_up(w->pub));
}

static void
publish_n(
    struct world *w, const char *topic, const void *p, size_t n, bool retain)
{
	int rc;

	if (w->pub == NULL)
		new_publisher(w);
	while ((rc = hf_mqtt_publish(
		    w->pub, topic, p, n, 0, retain, NULL, NULL)) == HF_EAGAIN)
		hf_loop_once(w->loop, 20);
	assert_int_equal(rc, HF_OK);
}

static void
publish(struct world *w, const char *topic, const char *text, bool retain)
{
	publish_n(w, topic, text, strlen(text), retain);
}

#define NEED_BROKER(w)                 \
	do {                           \
		if ((w)->loop == NULL) \
			skip();        \
	} while (0)

/* The broker has it once a second message behind it has come. */
static void
settle(struct world *w)
{
	uint64_t n = w->ctr.v[HF_C_MQ_NO_TAG];

	publish(w, "settle", "x", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_NO_TAG], n + 1);
}

static char all[] = "#";
static char *all_v[] = {all};

static void
subscribe_all(struct world *w)
{
	w->conf.subscribe = (struct hf_strlist){.v = all_v, .n = 1};
}

/* ---- tests ---- */

static void
one_message_feeds_all_tags_of_its_topic(void **state)
{
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 4);
	tag(w, 0, "m;field=a;time=ts", HF_T_F64);
	tag(w, 1, "m;field=b.c[1];time=ts", HF_T_I32);
	tag(w, 2, "m;field=s", HF_T_STR);
	tag(w, 3, "plain", HF_T_BOOL);
	open_device(w);
	wait_up(w, true);
	publish(w, "m",
	    "{\"a\":1.5,\"b\":{\"c\":[1,2]},\"s\":\"run\","
	    "\"ts\":1700000000123}",
	    false);
	publish(w, "plain", "true", false);
	wait_got(w, 4);
	assert_int_equal(w->ngot, 4);
	assert_true(w->got[0].s.v.f64 == 1.5);
	assert_int_equal(
	    w->got[0].s.t_ns, INT64_C(1700000000123) * HF_NS_PER_MS);
	assert_int_equal(w->got[1].s.v.i64, 2);
	assert_string_equal(w->got[2].str, "run");
	assert_int_equal(w->got[2].s.t_ns, HF_TIME_NONE);
	assert_int_equal(w->got[3].s.v.bits, 1);
}

static void
both_versions_and_qualities_of_service_bring_the_same(void **state)
{
	struct world *w = *state;
	int i;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "v", HF_T_I64);
	for (i = 0; i < 4; i++) {
		w->conf.broker.version = i & 1;
		w->conf.qos = i >> 1;
		open_device(w);
		wait_up(w, true);
		publish(w, "v", i == 0 ? "10" : i == 1 ? "11" : "12", false);
		wait_got(w, (size_t)i + 1);
		hf_mqtt_driver.close(w->dev);
		w->dev = NULL;
	}
	assert_int_equal(w->got[0].s.v.i64, 10);
	assert_int_equal(w->got[1].s.v.i64, 11);
}

static void
a_text_for_a_number_is_a_bad_sample_and_counted(void **state)
{
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "v", HF_T_F64);
	open_device(w);
	wait_up(w, true);
	publish(w, "v", "warm", false);
	wait_got(w, 1);
	assert_int_equal(w->got[0].s.status, HF_BAD_DECODING);
	assert_int_equal(w->ctr.v[HF_C_S_TYPE], 1);
}

static void
hostile_payloads_are_counted_and_mark_their_tags_once(void **state)
{
	static const char *const bad[] = {"{", "{\"v\":1,\"v\":2}",
	    "{\"v\":1e999}", "{\"v\":\"\xff\"}", "{\"v\":NaN}",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};
	struct hf_driver_stats st;
	struct world *w = *state;
	size_t i, n = sizeof(bad) / sizeof(bad[0]);

	NEED_BROKER(w);
	make_tags(w, 2);
	tag(w, 0, "v;field=v", HF_T_F64);
	tag(w, 1, "v;field=u", HF_T_STR);
	open_device(w);
	wait_up(w, true);
	for (i = 0; i < n; i++)
		publish(w, "v", bad[i], false);
	wait_count(w, &w->ctr.v[HF_C_MQ_PAYLOAD], n);
	assert_int_equal(w->ngot, 2);
	assert_int_equal(w->got[0].s.status, HF_BAD_DECODING);
	hf_mqtt_driver.stats(w->dev, &st);
	assert_int_equal(st.dropped, n);
	assert_non_null(strstr(st.example, "v: "));
	publish(w, "v", "{\"v\":3,\"u\":\"ok\"}", false);
	wait_got(w, 4);
	assert_true(w->got[2].s.v.f64 == 3);
}

static void
a_message_that_is_published_again_is_not_news(void **state)
{
	static const char old[] =
	    "{\"value\":7,\"timestamp_ms\":1700000000000}";
	static const char older[] =
	    "{\"value\":6,\"timestamp_ms\":1600000000000}";
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "v", HF_T_I64);
	subscribe_all(w);
	open_device(w);
	wait_up(w, true);
	publish(w, "v", old, false);
	publish(w, "v", old, false);
	publish(w, "v", old, false);
	wait_count(w, &w->ctr.v[HF_C_MQ_SAME], 2);
	assert_int_equal(w->ngot, 1);
	/* an older stamp is late history: it passes, as does a correction */
	publish(w, "v", older, false);
	publish(w, "v", "{\"value\":5,\"timestamp_ms\":1600000000000}", false);
	wait_got(w, 3);
	assert_int_equal(
	    w->got[1].s.t_ns, INT64_C(1600000000000) * HF_NS_PER_MS);
	assert_int_equal(w->got[2].s.v.i64, 5);
}

static void
retained_values_count_once_over_reconnects(void **state)
{
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 2);
	tag(w, 0, "stamped", HF_T_I64);
	tag(w, 1, "bare", HF_T_I64);
	subscribe_all(w);
	publish(
	    w, "stamped", "{\"value\":1,\"timestamp_ms\":1600000000000}", true);
	publish(w, "bare", "2", true);
	open_device(w);
	wait_got(w, 2);
	/* the stamped one keeps its own time, however old */
	assert_true(w->got[0].tag == 1 || w->got[0].is_kept);
	settle(w);
	hf_mqtt_drop(w->dev->mqtt);
	wait_count(w, &w->ctr.v[HF_C_MQ_RETAINED], 1);
	wait_count(w, &w->ctr.v[HF_C_MQ_SAME], 1);
	settle(w);
	assert_int_equal(w->ngot, 2);
	for (size_t i = 0; i < 2; i++)
		if (w->got[i].tag == 1)
			assert_int_equal(
			    w->got[i].s.status, HF_UNCERTAIN_LAST_USABLE);
		else
			assert_int_equal(w->got[i].s.status, HF_GOOD);
}

static void
a_lost_broker_marks_tags_bad_once_and_the_return_ends_it(void **state)
{
	struct world *w = *state;
	size_t i, nbad = 0;

	NEED_BROKER(w);
	make_tags(w, 3);
	tag(w, 0, "a", HF_T_I64);
	tag(w, 1, "b", HF_T_F64);
	tag(w, 2, "c", HF_T_STR);
	open_device(w);
	wait_up(w, true);
	publish(w, "a", "1", false);
	wait_got(w, 1);
	broker_kill(&w->b);
	wait_up(w, false);
	wait_count(w, &w->ctr.v[HF_C_S_NOCOMM], 3);
	for (i = 1; i < w->ngot; i++)
		nbad += w->got[i].s.status == HF_BAD_NO_COMMUNICATION;
	assert_int_equal(nbad, 3);
	broker_start(&w->b);
	wait_up(w, true);
	new_publisher(w);
	publish(w, "a", "1", false);
	wait_got(w, 5);
	assert_int_equal(w->got[4].s.status, HF_GOOD);
	assert_int_equal(w->ctr.v[HF_C_S_NOCOMM], 3);
}

static void
a_silent_tag_goes_stale_once_when_asked_to(void **state)
{
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "a", HF_T_I64);
	w->conf.stale_ns = HF_NS_PER_S / 5;
	open_device(w);
	wait_up(w, true);
	publish(w, "a", "1", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_STALE], 1);
	publish(w, "a", "1", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_STALE], 2);
	assert_true(w->ngot >= 4);
}

static void
a_message_that_breaks_its_contract_is_dropped_whole(void **state)
{
	static char name[] = "_pump_v1";
	static const char schema[] =
	    "{\"type\":\"object\",\"required\":[\"rpm\",\"t\"],"
	    "\"additionalProperties\":false,\"properties\":{"
	    "\"rpm\":{\"type\":\"number\",\"maximum\":3000},"
	    "\"t\":{\"type\":\"number\"}}}";
	struct hf_driver_stats st;
	struct world *w = *state;

	NEED_BROKER(w);
	w->contract.name = w->conf.contract = name;
	assert_int_equal(hf_schema_compile(w->arena, schema, strlen(schema),
			     &w->contract.compiled, NULL),
	    HF_OK);
	w->plant.contracts = &w->contract;
	w->plant.ncontract = 1;
	make_tags(w, 2);
	tag(w, 0, "m;field=rpm", HF_T_F64);
	tag(w, 1, "m;field=t", HF_T_F64);
	open_device(w);
	wait_up(w, true);
	publish(w, "m", "{\"rpm\":4000,\"t\":20}", false);
	publish(w, "m", "{\"rpm\":\"fast\",\"t\":20}", false);
	publish(w, "m", "{\"rpm\":100}", false);
	publish(w, "m", "{\"rpm\":100,\"t\":20,\"x\":1}", false);
	publish(w, "m", "17", false);
	publish(w, "m", "{\"rpm\":100,\"t\":20}", false);
	wait_got(w, 2);
	assert_int_equal(w->ngot, 2);
	assert_int_equal(w->ctr.v[HF_C_K_MESSAGES], 5);
	assert_int_equal(w->ctr.v[HF_C_K_RANGE], 1);
	assert_int_equal(w->ctr.v[HF_C_K_TYPE], 2);
	assert_int_equal(w->ctr.v[HF_C_K_MISSING], 1);
	assert_int_equal(w->ctr.v[HF_C_K_UNKNOWN], 1);
	hf_mqtt_driver.stats(w->dev, &st);
	assert_int_equal(st.dropped, 5);
	assert_non_null(strstr(st.example, "_pump_v1"));
}

static void
topics_and_fields_without_a_tag_are_counted_with_an_example(void **state)
{
	struct hf_driver_stats st;
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 2);
	tag(w, 0, "m;field=a", HF_T_F64);
	tag(w, 1, "m;field=b", HF_T_F64);
	subscribe_all(w);
	open_device(w);
	wait_up(w, true);
	publish(w, "stranger", "\x01 odd", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_NO_TAG], 1);
	hf_mqtt_driver.stats(w->dev, &st);
	assert_non_null(strstr(st.example, "stranger"));
	assert_null(strchr(st.example, '\x01'));
	publish(w, "m", "{\"z\":1}", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_NO_FIELD], 1);
	publish(w, "m", "{\"a\":1}", false);
	wait_count(w, &w->ctr.v[HF_C_MQ_FIELD_ABSENT], 1);
	assert_int_equal(w->ngot, 1);
	hf_mqtt_driver.stats(w->dev, &st);
	assert_int_equal(st.dropped, 2);
}

static void
a_retained_flood_of_100000_topics_reaches_its_tags(void **state)
{
	struct world *w = *state;
	const size_t n = 100000;
	uint8_t *seen;
	char text[64];
	size_t i;

	NEED_BROKER(w);
	seen = calloc(n, 1);
	make_tags(w, n);
	for (i = 0; i < n; i++) {
		snprintf(text, 32, "f/%zu/%zu", i / 100, i);
		snprintf(text + 32, 32, "%zu", i);
		tag(w, i, text, HF_T_I64);
		publish(w, text, text + 32, true);
	}
	subscribe_all(w);
	open_device(w);
	wait_got(w, n);
	for (i = 0; i < w->ngot; i++) {
		seen[w->got[i].tag] = 1;
		assert_int_equal(w->got[i].s.status & HF_BAD, 0);
		assert_int_equal(w->got[i].s.v.i64, w->got[i].tag);
	}
	assert_non_null(seen);
	assert_null(memchr(seen, 0, n));
	free(seen);
}

static void
on_answer(void *arg, int rc, const char *text, size_t n)
{
	struct world *w = arg;

	w->answer_rc = rc;
	w->answer = strndup(text, n);
}

static void
a_preview_shows_topics_values_and_rows_for_the_rest(void **state)
{
	struct world *w = *state;
	int64_t end = hf_mono_ns() + WAIT_NS;
	json_t *j;
	char *rows;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "m;field=a", HF_T_F64);
	subscribe_all(w);
	publish(w, "m", "{\"a\":2.5}", true);
	publish(
	    w, "other/press", "{\"temp\":{\"oil.in\":4},\"ok\":true}", true);
	publish(w, "other/mode", "auto", true);
	open_device(w);
	wait_up(w, true);
	hf_mqtt_driver.try_(w->dev, on_answer, w);
	while (w->answer == NULL && hf_mono_ns() < end)
		hf_loop_once(w->loop, 50);
	assert_int_equal(w->answer_rc, HF_OK);
	j = json_loads(w->answer, 0, NULL);
	assert_non_null(j);
	assert_true(json_real_value(json_object_get(
			json_array_get(json_object_get(j, "tags"), 0),
			"value")) == 2.5);
	assert_int_equal(json_array_size(json_object_get(j, "topics")), 3);
	rows = json_dumps(json_object_get(j, "suggest"), 0);
	assert_non_null(strstr(rows, "[\"tag,address,type,unit\""));
	assert_non_null(strstr(rows, "\"mode,other/mode,string,\""));
	assert_non_null(
	    strstr(rows, "other/press;field=temp.oil\\\\.in,float64,"));
	assert_non_null(strstr(rows, "other/press;field=ok,bool,"));
	free(rows);
	json_decref(j);
}

static void
closing_ends_a_preview_that_is_under_way(void **state)
{
	struct world *w = *state;

	NEED_BROKER(w);
	make_tags(w, 1);
	tag(w, 0, "m", HF_T_F64);
	open_device(w);
	hf_mqtt_driver.try_(w->dev, on_answer, w);
	hf_mqtt_driver.close(w->dev);
	w->dev = NULL;
	assert_int_equal(w->answer_rc, HF_ECLOSED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(one_message_feeds_all_tags_of_its_topic),
	    T(both_versions_and_qualities_of_service_bring_the_same),
	    T(a_text_for_a_number_is_a_bad_sample_and_counted),
	    T(hostile_payloads_are_counted_and_mark_their_tags_once),
	    T(a_message_that_is_published_again_is_not_news),
	    T(retained_values_count_once_over_reconnects),
	    T(a_lost_broker_marks_tags_bad_once_and_the_return_ends_it),
	    T(a_silent_tag_goes_stale_once_when_asked_to),
	    T(a_message_that_breaks_its_contract_is_dropped_whole),
	    T(topics_and_fields_without_a_tag_are_counted_with_an_example),
	    T(a_retained_flood_of_100000_topics_reaches_its_tags),
	    T(a_preview_shows_topics_values_and_rows_for_the_rest),
	    T(closing_ends_a_preview_that_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
