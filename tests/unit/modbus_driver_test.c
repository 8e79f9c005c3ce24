/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_driver_test.c - the driver on real sockets against a peer that
 * misbehaves, on one loop; and what check() says about a configuration.
 *
 * Every wait is for a condition, with a limit that only ends a hung test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "modbus_peer.h"
#include "modbus_plant.h"

#define MS HF_NS_PER_MS
#define GIVE_UP_NS (60 * HF_NS_PER_S)

static struct fix {
	struct hf_loop *loop;
	struct mb_peer peer, other;
	struct mb_host h;
	struct mb_plant m;
	struct hf_driver_dev *dev[4];
	size_t ndev;
	char *json;
	int try_rc;
	size_t ntry;
	char reports[4096];
	size_t nreport;
} x;

static int
setup(void **state)
{
	memset(&x, 0, sizeof(x));
	x.loop = hf_loop_new();
	mb_peer_open(&x.peer, x.loop, 0);
	x.other.fd = -1;
	memset(x.other.conns, 0xff, sizeof(x.other.conns));
	mb_host_init(&x.h, x.loop);
	mb_plant_init(&x.m, 4, 200);
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	for (i = 0; i < x.ndev; i++)
		hf_modbus_driver.close(x.dev[i]);
	mb_peer_close(&x.peer);
	if (x.other.accept != NULL)
		mb_peer_close(&x.other);
	mb_plant_fini(&x.m);
	hf_loop_free(x.loop);
	free(x.json);
	assert_int_equal(x.h.depth, 0);
	return 0;
}

/* A device with one uint16 tag at hr:7, whose value is its address. */
static struct hf_mb_conf *
device(const char *name, uint16_t port, int64_t interval_ns)
{
	struct hf_device *d = mb_plant_device(&x.m, name, port);
	struct hf_mb_conf *c = d->conf;

	c->timeout_ns = 100 * MS;
	if (interval_ns > 0)
		mb_plant_tag(&x.m, "a", "hr:7", HF_T_U16, interval_ns);
	return c;
}

static void
open_all(void)
{
	struct hf_err err;

	for (; x.ndev < x.m.plant.ndevice; x.ndev++)
		if (hf_modbus_driver.open(&x.m.plant, (uint32_t)x.ndev,
			&x.h.host, &x.dev[x.ndev], &err) != HF_OK)
			fail_msg("%s", err.msg);
}

static struct hf_driver_stats
stats(size_t i)
{
	struct hf_driver_stats st;

	hf_modbus_driver.stats(x.dev[i], &st);
	return st;
}

#define WAIT(cond)                                                        \
	do {                                                              \
		int64_t until_ns = hf_mono_ns() + GIVE_UP_NS;             \
		while (!(cond)) {                                         \
			if (hf_mono_ns() > until_ns)                      \
				fail_msg("waited in vain for %s", #cond); \
			hf_loop_once(x.loop, 20);                         \
		}                                                         \
	} while (0)

static void
values_arrive_with_receive_time_and_no_source_time(void **state)
{
	const int64_t before_ns = hf_wall_ns();

	device("press7", x.peer.port, 10 * MS);
	open_all();
	WAIT(x.h.ngood >= 5);
	assert_int_equal(x.h.nbad, 0);
	assert_int_equal(x.h.last.v.i64, 7);
	assert_true(x.h.last.tag == x.m.tags[0].key);
	assert_true(x.h.last.t_ns == HF_TIME_NONE);
	assert_true(x.h.last.recv_ns >= before_ns);
	assert_true(x.h.last_stamp_ns == HF_TIME_NONE);
	assert_true(stats(0).last_good_ns >= before_ns);
	assert_int_equal(stats(0).up, 1);
}

/* Under this fault no good value comes; afterwards they come again, and none of
 * them was wrong. */
static void
heals_from(enum mb_fault fault, bool is_framing)
{
	size_t before;

	device("press7", x.peer.port, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 2);
	x.peer.fault = fault;
	WAIT(x.peer.naccept >= 3);
	before = x.h.ngood;
	WAIT(x.h.nbad >= 1);
	assert_int_equal(x.h.nbad, 1);
	assert_int_equal(x.h.last_status, HF_BAD_NO_COMMUNICATION);
	assert_true(x.h.ngood == before);
	if (is_framing)
		assert_true(stats(0).framing >= 2);
	x.peer.fault = MB_NONE;
	WAIT(x.h.ngood >= before + 3);
	assert_int_equal(x.h.nbad, 1);
	assert_int_equal(x.h.last.v.i64, 7);
}

static void
device_that_never_answers_is_bad_once_and_heals(void **state)
{
	heals_from(MB_NEVER, false);
	assert_true(stats(0).timeouts >= 2);
}

static void
device_that_answers_late_is_never_believed(void **state)
{
	heals_from(MB_LATE, false);
}

static void
device_with_wrong_transaction_ids_is_closed(void **state)
{
	heals_from(MB_WRONG_TID, true);
	assert_true(x.h.counters.v[HF_C_MB_LATE] >= 2);
}

static void
device_that_answers_as_another_unit_is_closed(void **state)
{
	heals_from(MB_WRONG_UNIT, true);
}

static void
device_with_wrong_lengths_is_closed(void **state)
{
	heals_from(MB_WRONG_LENGTH, false);
}

static void
device_that_sends_short_frames_is_closed(void **state)
{
	heals_from(MB_SHORT, false);
}

static void
device_that_sends_garbage_is_closed(void **state)
{
	heals_from(MB_GARBAGE, true);
}

static void
device_that_resets_in_mid_frame_is_reopened(void **state)
{
	heals_from(MB_RESET_MID_FRAME, false);
}

static void
device_that_sends_single_bytes_is_read(void **state)
{
	x.peer.fault = MB_BYTEWISE;
	device("press7", x.peer.port, 10 * MS);
	open_all();
	WAIT(x.h.ngood >= 5);
	assert_int_equal(x.peer.naccept, 1);
}

static void
port_that_flaps_is_followed(void **state)
{
	const uint16_t port = x.peer.port;
	size_t before;
	int i;

	device("press7", port, 10 * MS);
	open_all();
	for (i = 0; i < 3; i++) {
		before = x.h.ngood;
		WAIT(x.h.ngood > before);
		mb_peer_close(&x.peer);
		WAIT(stats(0).up < 0);
		mb_peer_open(&x.peer, x.loop, port);
	}
	before = x.h.ngood;
	WAIT(x.h.ngood > before);
	assert_int_equal(stats(0).connects, 4);
	assert_int_equal(stats(0).up, 1);
}

static void
nobody_listening_is_one_bad_sample_and_a_reason(void **state)
{
	const uint16_t port = x.peer.port;

	mb_peer_close(&x.peer);
	device("press7", port, 10 * MS);
	open_all();
	WAIT(x.h.nbad >= 1);
	WAIT(stats(0).up < 0);
	assert_non_null(strstr(stats(0).text, "refused"));
	assert_non_null(strstr(stats(0).text, "next try in"));
	assert_int_equal(x.h.nbad, 1);
}

/* Told by order, not by a clock: the good device has answered many times before
 * the hung one runs into its first time-out. */
static void
hung_device_does_not_hold_up_another(void **state)
{
	mb_peer_open(&x.other, x.loop, 0);
	x.other.fault = MB_NEVER;
	device("hung", x.other.port, 5 * MS)->timeout_ns = 2 * HF_NS_PER_S;
	device("good", x.peer.port, 5 * MS);
	open_all();
	WAIT(stats(0).timeouts >= 1);
	assert_int_equal(x.h.good_of[0], 0);
	assert_true(x.h.good_of[1] >= 100); /* 400 are due */
	assert_int_equal(stats(1).timeouts, 0);
}

static void
stamp_of_the_same_answer_comes_with_the_readings(void **state)
{
	struct hf_device *d;

	device("engine", x.peer.port, 0);
	d = &x.m.devices[0];
	d->time = HF_TIME_REGISTER;
	mb_plant_tag(&x.m, "_stamp", "hr:0", HF_T_I64, 20 * MS);
	mb_plant_tag(&x.m, "a", "hr:100", HF_T_U16, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 2);
	/* registers hold their addresses: 0x0000 0x0001 0x0002 0x0003 */
	assert_true(x.h.last_stamp_ns == INT64_C(0x0000000100020003));
	assert_int_equal(x.h.last.v.i64, 100);
	assert_int_equal(x.h.nanswer, x.h.ngood); /* the stamp is no sample */
}

static void
refused_tag_is_a_bad_configuration_and_the_rest_goes_on(void **state)
{
	x.peer.map_end = 10;
	device("press7", x.peer.port, 10 * MS);
	mb_plant_tag(&x.m, "beyond", "hr:12", HF_T_U16, 10 * MS);
	open_all();
	WAIT(x.h.ngood >= 10);
	assert_int_equal(x.h.nbad, 1);
	assert_int_equal(x.h.last.v.i64, 7);
	assert_non_null(strstr(stats(0).text, "beyond"));
}

static void
every_parse_is_bracketed_for_the_poison_rule(void **state)
{
	device("press7", x.peer.port, 10 * MS);
	open_all();
	WAIT(x.h.ngood >= 5);
	assert_true(x.h.nparse >= 5);
	assert_int_equal(x.h.depth, 0);
}

/* ---- preview ---- */

static void
try_done(void *arg, int rc, const char *text, size_t n)
{
	x.ntry++;
	x.try_rc = rc;
	free(x.json);
	x.json = strndup(text, n);
}

static json_t *
try_json(void)
{
	json_t *j = json_loads(x.json, 0, NULL);

	assert_non_null(j);
	return j;
}

static void
preview_shows_both_addresses_raw_registers_and_four_orders(void **state)
{
	json_t *j, *t, *o;

	device("press7", x.peer.port, 0);
	mb_plant_tag(&x.m, "u32", "400259", HF_T_U32, HF_NS_PER_S);
	open_all();
	hf_modbus_driver.try_(x.dev[0], try_done, NULL);
	WAIT(x.ntry > 0);
	assert_int_equal(x.try_rc, HF_OK);
	j = try_json();
	t = json_array_get(json_object_get(j, "tags"), 0);
	o = json_object_get(t, "orders");
	assert_true(json_is_true(json_object_get(j, "connected")));
	assert_string_equal(
	    json_string_value(json_object_get(t, "address_1based")), "400259");
	assert_string_equal(
	    json_string_value(json_object_get(t, "address_0based")), "hr:258");
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(t, "raw"), 1)),
	    "0x0103");
	/* registers 258 and 259: 01 02 01 03 */
	assert_int_equal(
	    json_integer_value(json_object_get(t, "value")), 0x01020103);
	assert_int_equal(
	    json_integer_value(json_object_get(o, "ABCD")), 0x01020103);
	assert_int_equal(
	    json_integer_value(json_object_get(o, "CDAB")), 0x01030102);
	assert_int_equal(
	    json_integer_value(json_object_get(o, "BADC")), 0x02010301);
	assert_int_equal(
	    json_integer_value(json_object_get(o, "DCBA")), 0x03010201);
	assert_int_equal(json_array_size(json_object_get(j, "plan")), 1);
	assert_true(
	    json_number_value(json_object_get(j, "requests_per_s")) == 1);
	json_decref(j);
}

static void
preview_causes_no_request_beyond_the_plan(void **state)
{
	size_t i;

	device("press7", x.peer.port, 3600 * HF_NS_PER_S);
	mb_plant_tag(&x.m, "far", "hr:1000", HF_T_U16, 3600 * HF_NS_PER_S);
	open_all();
	WAIT(x.h.ngood == 2);
	assert_int_equal(x.peer.nrequest, 2);
	for (i = 1; i <= 3; i++) {
		hf_modbus_driver.try_(x.dev[0], try_done, NULL);
		WAIT(x.ntry == i);
	}
	assert_int_equal(x.peer.nrequest, 8);
	assert_int_equal(x.h.ngood, 8); /* what was read is not thrown away */
}

static void
preview_of_a_dead_device_answers_and_says_so(void **state)
{
	const uint16_t port = x.peer.port;
	json_t *j;

	mb_peer_close(&x.peer);
	device("press7", port, 10 * MS);
	open_all();
	WAIT(stats(0).up < 0);
	hf_modbus_driver.try_(x.dev[0], try_done, NULL);
	WAIT(x.ntry == 1);
	j = try_json();
	assert_true(json_is_false(json_object_get(j, "connected")));
	assert_int_equal(json_array_size(json_object_get(j, "tags")), 1);
	json_decref(j);
}

static void
second_preview_at_the_same_time_is_refused(void **state)
{
	device("press7", x.peer.port, HF_NS_PER_S);
	x.peer.fault = MB_NEVER;
	open_all();
	hf_modbus_driver.try_(x.dev[0], try_done, NULL);
	hf_modbus_driver.try_(x.dev[0], try_done, NULL);
	assert_int_equal(x.ntry, 1);
	assert_int_equal(x.try_rc, HF_EAGAIN);
	WAIT(x.ntry == 2);
	assert_int_equal(x.try_rc, HF_OK);
}

static void
preview_ends_when_its_device_is_closed(void **state)
{
	device("press7", x.peer.port, HF_NS_PER_S);
	x.peer.fault = MB_NEVER;
	open_all();
	hf_modbus_driver.try_(x.dev[0], try_done, NULL);
	hf_modbus_driver.close(x.dev[0]);
	x.ndev = 0;
	assert_int_equal(x.ntry, 1);
	assert_int_equal(x.try_rc, HF_ECLOSED);
}

/* ---- check ---- */

static void
note(void *arg, const char *what, const char *text)
{
	size_t n = strlen(x.reports);

	x.nreport++;
	snprintf(x.reports + n, sizeof(x.reports) - n, "%s: %s\n", what, text);
}

static double
check(void)
{
	double hz;

	x.nreport = 0;
	x.reports[0] = '\0';
	hf_modbus_driver.check(&x.m.plant, 0, note, NULL, &hz);
	return hz;
}

static void
check_says_when_the_plan_does_not_fit_the_budget(void **state)
{
	device("press7", 502, 10 * MS);
	x.m.devices[0].load.requests_hz = 100;
	assert_true(check() == 100.0);
	assert_int_equal(x.nreport, 0);
	x.m.devices[0].load.requests_hz = 20;
	check();
	assert_int_equal(x.nreport, 1);
	assert_non_null(strstr(x.reports, "devices.press7.load.requests"));
	assert_non_null(strstr(x.reports, "100 requests/s"));
}

static void
check_names_every_bad_address(void **state)
{
	static char bad[] = "hr:100-110";
	static char *list[] = {bad};
	struct hf_mb_conf *c = device("press7", 502, HF_NS_PER_S);

	c->forbidden = (struct hf_strlist){list, 1};
	mb_plant_tag(&x.m, "b", "hr:70000", HF_T_U16, HF_NS_PER_S);
	mb_plant_tag(&x.m, "c", "hr:105", HF_T_U16, HF_NS_PER_S);
	mb_plant_tag(&x.m, "d", "co:1", HF_T_F32, HF_NS_PER_S);
	mb_plant_tag(&x.m, "e", "ir:1", HF_T_U16, HF_NS_PER_S)->writable = true;
	check();
	assert_int_equal(x.nreport, 4);
	assert_non_null(strstr(x.reports, "tags.press7.b.address"));
	assert_non_null(strstr(x.reports, "tags.press7.c.address"));
	assert_non_null(strstr(x.reports, "tags.press7.d.address"));
	assert_non_null(strstr(x.reports, "tags.press7.e.address"));
}

static void
check_says_when_tags_would_have_no_stamp(void **state)
{
	device("engine", 502, HF_NS_PER_S);
	x.m.devices[0].time = HF_TIME_REGISTER;
	mb_plant_tag(&x.m, "_stamp", "hr:0", HF_T_I64, HF_NS_PER_S);
	check();
	assert_int_equal(x.nreport, 0);
	mb_plant_tag(&x.m, "far", "hr:500", HF_T_U16, HF_NS_PER_S);
	check();
	assert_int_equal(x.nreport, 1);
	assert_non_null(strstr(x.reports, "_stamp"));
}

static void
host_must_be_an_address_since_edge_has_no_resolver(void **state)
{
	static char name[] = "plc.example", v4[] = "10.0.0.7", v6[] = "fd00::7";
	const struct hf_kind *k = hf_modbus_driver.kind;
	struct hf_mb_conf c = {.host = name, .port = 502};
	char why[256];

	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	assert_non_null(strstr(why, "plc.example"));
	c.host = v4;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_OK);
	c.host = v6;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_OK);
}

static void
driver_is_found_by_its_name_and_every_option_has_help(void **state)
{
	const struct hf_driver *d = hf_driver_find("modbus-tcp");
	size_t i;

	assert_ptr_equal(d, &hf_modbus_driver);
	assert_null(hf_driver_find("modbus"));
	for (i = 0; i < d->kind->nopt; i++) {
		assert_non_null(d->kind->opts[i].help);
		assert_true(d->kind->opts[i].off < d->kind->size);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(values_arrive_with_receive_time_and_no_source_time),
	    T(device_that_never_answers_is_bad_once_and_heals),
	    T(device_that_answers_late_is_never_believed),
	    T(device_with_wrong_transaction_ids_is_closed),
	    T(device_that_answers_as_another_unit_is_closed),
	    T(device_with_wrong_lengths_is_closed),
	    T(device_that_sends_short_frames_is_closed),
	    T(device_that_sends_garbage_is_closed),
	    T(device_that_resets_in_mid_frame_is_reopened),
	    T(device_that_sends_single_bytes_is_read),
	    T(port_that_flaps_is_followed),
	    T(nobody_listening_is_one_bad_sample_and_a_reason),
	    T(hung_device_does_not_hold_up_another),
	    T(stamp_of_the_same_answer_comes_with_the_readings),
	    T(refused_tag_is_a_bad_configuration_and_the_rest_goes_on),
	    T(every_parse_is_bracketed_for_the_poison_rule),
	    T(preview_shows_both_addresses_raw_registers_and_four_orders),
	    T(preview_causes_no_request_beyond_the_plan),
	    T(preview_of_a_dead_device_answers_and_says_so),
	    T(second_preview_at_the_same_time_is_refused),
	    T(preview_ends_when_its_device_is_closed),
	    T(check_says_when_the_plan_does_not_fit_the_budget),
	    T(check_names_every_bad_address),
	    T(check_says_when_tags_would_have_no_stamp),
	    T(host_must_be_an_address_since_edge_has_no_resolver),
	    T(driver_is_found_by_its_name_and_every_option_has_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
