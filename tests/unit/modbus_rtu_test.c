/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_rtu_test.c - the serial driver on a pseudo-terminal, against stations
 * that misbehave; and what its options refuse.
 *
 * Every wait is for a condition, with a limit that only ends a hung test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "modbus_plant.h"
#include "rtu_peer.h"

#define MS HF_NS_PER_MS
#define GIVE_UP_NS (60 * HF_NS_PER_S)

static struct fix {
	struct hf_loop *loop;
	struct rtu_peer peer;
	struct mb_host h;
	struct mb_plant m;
	struct hf_mb_line *line;
	struct hf_driver_dev *dev[4];
	size_t ndev;
	size_t nwrong; /* readings that are not their own address */
	char *json;
	size_t ntry;
} x;

static const char *
serial(void *arg, uint32_t device_idx)
{
	return x.peer.link;
}

/* Tag "a" is at hr:7, "b" at hr:300. */
static void
look(void *arg, uint32_t device, int64_t stamp_ns, const struct hf_reading *r)
{
	const int64_t want = strcmp(r->tag->name, "a") == 0 ? 7 : 300;

	if (hf_is_good(r->s.status) && r->s.v.i64 != want)
		x.nwrong++;
}

static int
setup(void **state)
{
	memset(&x, 0, sizeof(x));
	x.loop = hf_loop_new();
	rtu_open(&x.peer);
	mb_host_init(&x.h, x.loop);
	x.h.on_reading = look;
	x.h.host.serial = serial;
	x.h.host.line = &x.line;
	mb_plant_init(&x.m, 4, 200);
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	for (i = 0; i < x.ndev; i++)
		hf_modbus_rtu_driver.close(x.dev[i]);
	assert_null(x.line);
	rtu_close(&x.peer);
	mb_plant_fini(&x.m);
	hf_loop_free(x.loop);
	free(x.json);
	assert_int_equal(x.h.depth, 0);
	assert_int_equal(x.nwrong, 0);
	return 0;
}

static struct hf_mb_conf *
device(const char *name, int64_t unit, int64_t interval_ns)
{
	struct hf_device *d = mb_plant_device(&x.m, name, 0);
	struct hf_mb_conf *c = d->conf;

	c->serial = x.peer.link;
	c->baud = 115200;
	c->data_bits = 8;
	c->stop_bits = 1;
	c->unit = unit;
	c->timeout_ns = 60 * MS;
	if (interval_ns > 0)
		mb_plant_tag(&x.m, "a", "hr:7", HF_T_U16, interval_ns);
	return c;
}

static void
open_all(void)
{
	struct hf_err err;

	for (; x.ndev < x.m.plant.ndevice; x.ndev++)
		if (hf_modbus_rtu_driver.open(&x.m.plant, (uint32_t)x.ndev,
			&x.h.host, &x.dev[x.ndev], &err) != HF_OK)
			fail_msg("%s", err.msg);
}

static struct hf_driver_stats
stats(size_t i)
{
	struct hf_driver_stats st;

	hf_modbus_rtu_driver.stats(x.dev[i], &st);
	return st;
}

#define WAIT(cond)                                                        \
	do {                                                              \
		int64_t until_ns = hf_mono_ns() + GIVE_UP_NS;             \
		while (!(cond)) {                                         \
			if (hf_mono_ns() > until_ns)                      \
				fail_msg("waited in vain for %s", #cond); \
			hf_loop_once(x.loop, 5);                          \
		}                                                         \
	} while (0)

static void
rtu_station_is_read(void **state)
{
	device("meter", 3, 10 * MS);
	open_all();
	WAIT(x.h.ngood >= 5);
	assert_int_equal(x.h.nbad, 0);
	assert_int_equal(x.h.last.v.i64, 7);
	assert_int_equal(stats(0).up, 1);
	assert_true(atomic_load(&x.peer.of_unit[3]) >= 5);
	assert_true(x.h.nparse >= 5); /* libmodbus' parse is the box's too */
}

static void
heals_from(enum rtu_fault fault, bool is_framing)
{
	size_t before;

	device("meter", 1, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 2);
	atomic_store(&x.peer.fault, fault);
	WAIT(x.h.nbad >= 1);
	before = x.h.ngood;
	WAIT(stats(0).up < 0);
	assert_non_null(strstr(stats(0).text, "next try in"));
	if (is_framing)
		assert_true(stats(0).framing >= 1);
	else
		assert_true(stats(0).timeouts >= 1);
	assert_int_equal(x.h.nbad, 1);
	assert_int_equal(x.h.last_status, HF_BAD_NO_COMMUNICATION);
	atomic_store(&x.peer.fault, RTU_NONE);
	WAIT(x.h.ngood >= before + 3);
	assert_int_equal(x.h.nbad, 1);
	assert_int_equal(stats(0).up, 1);
}

static void
rtu_silence_is_bad_once_and_heals(void **state)
{
	heals_from(RTU_SILENT, false);
}

static void
rtu_wrong_crc_is_never_believed(void **state)
{
	heals_from(RTU_BAD_CRC, true);
}

static void
rtu_half_frame_is_never_believed(void **state)
{
	heals_from(RTU_HALF, false);
}

static void
rtu_garbage_on_the_line_is_never_believed(void **state)
{
	heals_from(RTU_GARBAGE, true);
}

static void
rtu_answer_of_another_unit_is_never_believed(void **state)
{
	heals_from(RTU_WRONG_UNIT, true);
}

/* Same unit, function and length: only the quiet time tells them apart. A
 * wrong match would show as 300 in "a" or 7 in "b" (look()). */
static void
rtu_late_answer_is_not_taken_for_the_next(void **state)
{
	device("meter", 1, 20 * MS)->timeout_ns = 100 * MS;
	mb_plant_tag(&x.m, "b", "hr:300", HF_T_U16, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 4);
	atomic_store(&x.peer.late_ms, 140);
	atomic_store(&x.peer.fault, RTU_LATE);
	WAIT(stats(0).timeouts >= 3);
	atomic_store(&x.peer.fault, RTU_NONE);
	WAIT(stats(0).up == 1);
	assert_int_equal(x.nwrong, 0);
}

/* Seven bytes, 20 ms each: a time-out per byte would take the answer, and a
 * longer one would hold the process for minutes. */
static void
rtu_trickling_station_gets_one_timeout_for_all_its_bytes(void **state)
{
	size_t before;

	device("meter", 1, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 2);
	atomic_store(&x.peer.fault, RTU_TRICKLE);
	WAIT(x.h.nbad >= 1);
	before = x.h.ngood;
	WAIT(stats(0).timeouts >= 3);
	assert_int_equal(x.h.ngood, before);
}

static void
rtu_exception_is_told_and_others_go_on(void **state)
{
	device("meter", 1, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 2);
	atomic_store(&x.peer.exception, 4);
	atomic_store(&x.peer.fault, RTU_EXCEPTION);
	WAIT(x.h.nbad >= 1);
	assert_int_equal(x.h.last_status, HF_BAD_DEVICE_FAILURE);
	assert_true(stats(0).exceptions >= 1);
	assert_int_equal(stats(0).up, 1);
}

static void
rtu_devices_of_one_line_take_turns(void **state)
{
	device("m1", 1, 20 * MS);
	device("m2", 2, 20 * MS);
	device("m3", 3, 20 * MS);
	open_all();
	WAIT(x.h.good_of[0] >= 10 && x.h.good_of[1] >= 10 &&
	     x.h.good_of[2] >= 10);
	assert_int_equal(x.h.nbad, 0);
	assert_int_equal(atomic_load(&x.peer.nforeign), 0);
}

static void
rtu_dead_station_does_not_silence_the_line(void **state)
{
	device("dead", 1, 20 * MS);
	device("good", 2, 20 * MS);
	atomic_store(&x.peer.dead_unit, 1);
	open_all();
	WAIT(x.h.good_of[1] >= 50);
	assert_int_equal(x.h.good_of[0], 0);
	assert_true(stats(0).up < 0);
	assert_int_equal(stats(1).timeouts, 0);
	/* Back-off: it is not asked in each cycle. */
	assert_true(
	    atomic_load(&x.peer.of_unit[1]) < atomic_load(&x.peer.of_unit[2]));
}

/* One device, two stations: the silent one is no reason to stop the other. */
static void
rtu_dead_unit_of_a_device_is_bad_and_its_other_units_go_on(void **state)
{
	size_t before;

	device("panel", 1, 20 * MS);
	mb_plant_tag(&x.m, "b", "2!hr:300", HF_T_U16, 20 * MS);
	open_all();
	WAIT(x.h.ngood >= 4);
	atomic_store(&x.peer.dead_unit, 2);
	WAIT(x.h.nbad >= 1);
	assert_int_equal(x.h.last_status, HF_BAD_NO_COMMUNICATION);
	before = x.h.ngood;
	WAIT(x.h.ngood >= before + 10);
	assert_int_equal(stats(0).up, 1);
	assert_true(strlen(stats(0).text) > 0);
	assert_int_equal(x.h.nbad, 1);
}

static void
rtu_line_unplugged_is_down_and_found_again(void **state)
{
	size_t before;
	int i;

	device("m1", 1, 10 * MS);
	device("m2", 2, 10 * MS);
	open_all();
	for (i = 0; i < 2; i++) {
		before = x.h.ngood;
		WAIT(x.h.ngood >= before + 4);
		rtu_unplug(&x.peer);
		WAIT(stats(0).up < 0 && stats(1).up < 0);
		assert_non_null(strstr(stats(0).text, x.peer.link));
		rtu_plug(&x.peer);
		WAIT(stats(0).up == 1 && stats(1).up == 1);
	}
	assert_true(stats(0).connects >= 3);
}

static void
rtu_line_that_is_not_there_is_bad_with_a_reason(void **state)
{
	rtu_unplug(&x.peer);
	device("m1", 1, 10 * MS);
	open_all();
	WAIT(x.h.nbad >= 1);
	WAIT(stats(0).up < 0);
	assert_non_null(strstr(stats(0).text, "No such file"));
	rtu_plug(&x.peer);
}

static void
rtu_line_has_one_speed(void **state)
{
	struct hf_driver_dev *dev;
	struct hf_err err;

	device("m1", 1, 10 * MS);
	open_all();
	device("m2", 2, 10 * MS)->baud = 9600;
	assert_int_equal(
	    hf_modbus_rtu_driver.open(&x.m.plant, 1, &x.h.host, &dev, &err),
	    HF_EINVAL);
	assert_non_null(strstr(err.msg, "baud"));
}

static void
try_done(void *arg, int rc, const char *text, size_t n)
{
	assert_int_equal(rc, HF_OK);
	free(x.json);
	x.json = strndup(text, n);
	x.ntry++;
}

static void
rtu_preview_names_the_line(void **state)
{
	device("m1", 1, 10 * MS);
	open_all();
	WAIT(stats(0).up == 1);
	hf_modbus_rtu_driver.try_(x.dev[0], try_done, NULL);
	WAIT(x.ntry == 1);
	assert_non_null(strstr(x.json, "\"serial\":\"/tmp/hf-rtu"));
	assert_non_null(strstr(x.json, "\"value\":7"));
}

static void
rtu_options_that_cannot_work_are_refused(void **state)
{
	struct hf_mb_conf *c = device("m1", 1, 10 * MS);
	char why[256];
	const struct hf_kind *k = hf_modbus_rtu_driver.kind;
	char relative[] = "ttyUSB0";

	assert_int_equal(k->check(c, why, sizeof(why)), HF_OK);
	c->baud = 2400;
	c->timeout_ns = 500 * MS;
	assert_int_equal(k->check(c, why, sizeof(why)), HF_EINVAL);
	assert_non_null(strstr(why, "lower span"));
	c->span = 20;
	assert_int_equal(k->check(c, why, sizeof(why)), HF_OK);
	c->data_bits = 7;
	assert_int_equal(k->check(c, why, sizeof(why)), HF_EINVAL);
	c->data_bits = 8;
	c->serial = relative;
	assert_int_equal(k->check(c, why, sizeof(why)), HF_EINVAL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(rtu_station_is_read),
	    T(rtu_silence_is_bad_once_and_heals),
	    T(rtu_wrong_crc_is_never_believed),
	    T(rtu_half_frame_is_never_believed),
	    T(rtu_garbage_on_the_line_is_never_believed),
	    T(rtu_answer_of_another_unit_is_never_believed),
	    T(rtu_late_answer_is_not_taken_for_the_next),
	    T(rtu_trickling_station_gets_one_timeout_for_all_its_bytes),
	    T(rtu_exception_is_told_and_others_go_on),
	    T(rtu_devices_of_one_line_take_turns),
	    T(rtu_dead_station_does_not_silence_the_line),
	    T(rtu_dead_unit_of_a_device_is_bad_and_its_other_units_go_on),
	    T(rtu_line_unplugged_is_down_and_found_again),
	    T(rtu_line_that_is_not_there_is_bad_with_a_reason),
	    T(rtu_line_has_one_speed),
	    T(rtu_preview_names_the_line),
	    T(rtu_options_that_cannot_work_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
