/* SPDX-License-Identifier: Apache-2.0
 *
 * field_intake_test.c - whose time a sample gets, and when it is no news.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/time.h"
#include "field/intake.h"
#include "model/quality.h"

#define NOW (INT64_C(1700000000) * HF_NS_PER_S)

static struct hf_device device;
static struct hf_tag tag;
static struct hf_plant plant;
static struct hf_counters ctr;
static struct hf_intake *in;

static int
setup(void **state)
{
	memset(&device, 0, sizeof(device));
	memset(&tag, 0, sizeof(tag));
	memset(&ctr, 0, sizeof(ctr));
	tag.range_lo = 0;
	tag.range_hi = 200;
	tag.interval_ns = HF_NS_PER_S;
	plant = (struct hf_plant){
	    .devices = &device, .ndevice = 1, .tags = &tag, .ntag = 1};
	return hf_intake_new(&plant, &ctr, &in, NULL);
}

static int
teardown(void **state)
{
	hf_intake_free(in);
	return 0;
}

static struct hf_reading
reading(double x, int64_t t_ns, int64_t recv_ns)
{
	return (struct hf_reading){.tag = &tag,
	    .s = {.vtype = HF_V_F64,
		.v.f64 = x,
		.t_ns = t_ns,
		.recv_ns = recv_ns,
		.status = HF_GOOD}};
}

static void
intake_takes_source_time_within_ten_minutes(void **state)
{
	struct hf_reading r = reading(1, NOW - 599 * HF_NS_PER_S, NOW);
	struct hf_sample s;

	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == NOW - 599 * HF_NS_PER_S);
	assert_int_equal(s.status, HF_GOOD);
}

static void
intake_does_not_believe_a_clock_that_is_far_off(void **state)
{
	static const int64_t off[] = {601, -601, 86400 * 365};
	struct hf_sample s;
	size_t i;

	for (i = 0; i < 3; i++) {
		struct hf_reading r =
		    reading(1, NOW + off[i] * HF_NS_PER_S, NOW);

		assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
		assert_true(s.t_ns == NOW);
		assert_int_equal(s.status, HF_UNCERTAIN_CLOCK);
		assert_int_equal(ctr.v[HF_C_S_CLOCK], i + 1);
	}
}

static void
intake_stamps_with_receive_time_when_the_protocol_has_none(void **state)
{
	struct hf_reading r = reading(1, HF_TIME_NONE, NOW);
	struct hf_sample s;

	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == NOW);
	assert_int_equal(s.status, HF_GOOD);
}

static void
intake_register_time_takes_no_sample_until_the_stamp_moves(void **state)
{
	struct hf_reading r = reading(1, HF_TIME_NONE, NOW);
	struct hf_sample s;

	device.time = HF_TIME_REGISTER;
	device.clock = HF_CLOCK_REPLAY;
	assert_true(hf_intake_answer(in, 0, 1000, 1));
	assert_true(hf_intake_sample(in, 0, 1000, &r, &s));
	assert_int_equal(s.t_ns, 1000);
	assert_int_equal(s.status, HF_GOOD);
	assert_false(hf_intake_answer(in, 0, 1000, 1));
	assert_int_equal(ctr.v[HF_C_S_SAME_STAMP], 1);
	assert_true(hf_intake_answer(in, 0, 500, 1)); /* a step back is news */
}

static void
intake_marks_lost_communication_just_behind_a_replayed_stamp(void **state)
{
	struct hf_reading r = reading(NAN, HF_TIME_NONE, NOW);
	struct hf_sample s;

	device.time = HF_TIME_REGISTER;
	device.clock = HF_CLOCK_REPLAY;
	r.s.status = HF_BAD_NO_COMMUNICATION;
	assert_true(hf_intake_answer(in, 0, 1000, 1));
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_int_equal(s.t_ns, 1001);
}

static void
intake_deadband_is_silent_until_the_heartbeat(void **state)
{
	struct hf_sample s;
	struct hf_reading r = reading(10, HF_TIME_NONE, NOW);

	tag.deadband = 0.5;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r = reading(10.5, HF_TIME_NONE, NOW + HF_NS_PER_S);
	assert_false(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_int_equal(ctr.v[HF_C_S_UNCHANGED], 1);
	r = reading(10.51, HF_TIME_NONE, NOW + 2 * HF_NS_PER_S);
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r = reading(
	    10.51, HF_TIME_NONE, NOW + 2 * HF_NS_PER_S + HF_HEARTBEAT_NS);
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
}

static void
intake_deadband_passes_every_change_of_quality(void **state)
{
	struct hf_sample s;
	struct hf_reading r = reading(10, HF_TIME_NONE, NOW);

	tag.deadband = 5;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r.s.status = HF_BAD_NO_COMMUNICATION;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r.s.status = HF_GOOD;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
}

static void
intake_percent_deadband_is_of_the_range(void **state)
{
	struct hf_sample s;
	struct hf_reading r = reading(10, HF_TIME_NONE, NOW);

	tag.deadband = 1; /* 1 % of 200 */
	tag.is_deadband_pct = true;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r = reading(12, HF_TIME_NONE, NOW);
	assert_false(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	r = reading(12.1, HF_TIME_NONE, NOW);
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
}

static void
intake_takes_the_old_stamp_of_what_the_source_had_kept(void **state)
{
	struct hf_reading r = reading(1, NOW - 86400 * HF_NS_PER_S, NOW);
	struct hf_sample s;

	r.is_kept = true;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == NOW - 86400 * HF_NS_PER_S);
	assert_int_equal(s.status, HF_GOOD);
	/* a stamp that is ahead is never right */
	r.s.t_ns = NOW + 3600 * HF_NS_PER_S;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == NOW);
	assert_int_equal(s.status, HF_UNCERTAIN_CLOCK);
	/* back-filled samples are old by their nature */
	r = reading(1, NOW - 86400 * HF_NS_PER_S, NOW);
	r.s.flags = HF_F_BACKFILL;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == NOW - 86400 * HF_NS_PER_S);
}

static void
intake_places_marks_behind_a_replayed_source_stamp(void **state)
{
	const int64_t past = NOW - 86400 * 365 * HF_NS_PER_S;
	struct hf_reading r = reading(1, past, NOW);
	struct hf_sample s;

	device.clock = HF_CLOCK_REPLAY;
	device.time = HF_TIME_SOURCE;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == past);
	r = reading(NAN, HF_TIME_NONE, NOW);
	r.s.status = HF_BAD_NO_COMMUNICATION;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == past + 1);
	r.s.t_ns = NOW;
	assert_true(hf_intake_sample(in, 0, HF_TIME_NONE, &r, &s));
	assert_true(s.t_ns == past + 1);
}

/* A plant with one asset under a contract, finished as a real one. */
struct contract_plant {
	struct hf_plant *p;
	struct hf_intake *in;
};

static char k_zone[] = "z", k_if[] = "host-veth", k_device[] = "d",
	    k_driver[] = "none", k_asset[] = "hall/pump", k_name[] = "_pump_v1",
	    k_file[] = "f", k_tag[] = "flow", k_address[] = "x", k_site[] = "s",
	    k_path[] = "hall/pump/flow",
	    k_schema[] = "{\"properties\":{\"flow\":{\"type\":\"integer\","
			 "\"maximum\":9}}}";
static const struct hf_kind k_kind = {.name = "none", .help = "None."};
static const struct hf_kind *const k_kinds[] = {&k_kind};

static void
contract_open(struct contract_plant *k)
{
	const struct hf_registry reg = {.drivers = k_kinds, .ndriver = 1};
	struct hf_plant *p = hf_plant_new();
	struct hf_tag *t = hf_plant_add_tag(p);

	p->site.enterprise = p->site.site = k_site;
	p->zones = hf_arena_calloc(p->arena, p->nzone = 1, sizeof(*p->zones));
	p->zones[0] = (struct hf_zone){.name = k_zone, .interface = k_if};
	p->contracts =
	    hf_arena_calloc(p->arena, p->ncontract = 1, sizeof(*p->contracts));
	p->contracts[0] = (struct hf_contract){
	    .name = k_name, .schema_file = k_file, .schema = k_schema};
	p->assets =
	    hf_arena_calloc(p->arena, p->nasset = 1, sizeof(*p->assets));
	p->assets[0] = (struct hf_asset){
	    .path = k_asset, .contract = k_name, .criticality = 2};
	p->devices =
	    hf_arena_calloc(p->arena, p->ndevice = 1, sizeof(*p->devices));
	p->devices[0] = (struct hf_device){.name = k_device,
	    .zone = k_zone,
	    .driver = k_driver,
	    .load = {1, 1, 1}};
	t->device = k_device;
	t->name = k_tag;
	t->path = k_path;
	t->address = k_address;
	t->type = HF_T_F64;
	assert_int_equal(hf_plant_finish(p, &reg, NULL, NULL), HF_OK);
	k->p = p;
	assert_int_equal(hf_intake_new(p, &ctr, &k->in, NULL), HF_OK);
}

static bool
contract_takes(struct contract_plant *k, double v, uint32_t status)
{
	struct hf_reading r = reading(v, NOW, NOW);
	struct hf_sample s;

	r.tag = &k->p->tags[0];
	r.s.status = status;
	return hf_intake_sample(k->in, 0, HF_TIME_NONE, &r, &s);
}

static void
intake_drops_and_counts_what_breaks_a_contract(void **state)
{
	struct contract_plant k;
	const char *example;

	contract_open(&k);
	assert_int_equal(hf_intake_dropped(k.in, 0, &example), 0);
	assert_string_equal(example, "");
	assert_true(contract_takes(&k, 9, HF_GOOD));
	assert_false(contract_takes(&k, 10, HF_GOOD));
	assert_false(contract_takes(&k, 1.5, HF_GOOD));
	assert_true(contract_takes(&k, 10, HF_BAD));
	assert_int_equal(ctr.v[HF_C_K_PASSED], 2);
	assert_int_equal(ctr.v[HF_C_K_RANGE], 1);
	assert_int_equal(ctr.v[HF_C_K_TYPE], 1);
	assert_int_equal(hf_intake_dropped(k.in, 0, &example), 2);
	assert_string_equal(example, "hall/pump/flow: 1.5 is no integer");
	hf_intake_free(k.in);
	hf_plant_free(k.p);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(intake_takes_source_time_within_ten_minutes),
	    T(intake_does_not_believe_a_clock_that_is_far_off),
	    T(intake_stamps_with_receive_time_when_the_protocol_has_none),
	    T(intake_register_time_takes_no_sample_until_the_stamp_moves),
	    T(intake_marks_lost_communication_just_behind_a_replayed_stamp),
	    T(intake_deadband_is_silent_until_the_heartbeat),
	    T(intake_deadband_passes_every_change_of_quality),
	    T(intake_percent_deadband_is_of_the_range),
	    T(intake_takes_the_old_stamp_of_what_the_source_had_kept),
	    T(intake_places_marks_behind_a_replayed_source_stamp),
	    T(intake_drops_and_counts_what_breaks_a_contract),
	};

	return cmocka_run_group_tests_name("field_intake", tests, NULL, NULL);
}
