/* SPDX-License-Identifier: Apache-2.0
 *
 * field_broker_test.c - which broker a device speaks to, under which name, and
 * what is refused before it connects: the same for both drivers of brokers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "field/broker.h"
#include "field/mqtt/device.h"
#include "field/sparkplug/sparkplug.h"

static char edge_hall[] = "edge/hall", far_host[] = "10.0.0.9", any[] = "any",
	    acme[] = "acme", berlin[] = "berlin", hall[] = "hall",
	    meter[] = "meter", mqtt[] = "mqtt", mqtts[] = "mqtts";

/* A plant of one device, as far as checks of brokers look at it. */
struct fixture {
	struct hf_plant p;
	struct hf_device dev;
	struct hf_conduit conduits[2];
	struct hf_mq_conf conf; /* begins as all of them do */
	char what[400], text[HF_ERR_TEXT];
};

static void
fill(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->conf.broker =
	    (struct hf_broker_conf){.host = far_host, .port = 1883};
	f->dev =
	    (struct hf_device){.name = meter, .zone = hall, .conf = &f->conf};
	f->conduits[0] = (struct hf_conduit){.name = meter,
	    .from = edge_hall,
	    .to = any,
	    .proto = mqtts,
	    .port = 1883};
	f->conduits[1] = f->conduits[0];
	f->conduits[1].proto = mqtt;
	f->p.site = (struct hf_site){.enterprise = acme, .site = berlin};
	f->p.devices = &f->dev;
	f->p.ndevice = 1;
	f->p.conduits = f->conduits;
	f->p.nconduit = 1;
}

static void
on_report(void *arg, const char *what, const char *text)
{
	struct fixture *f = arg;

	snprintf(f->what, sizeof(f->what), "%s", what);
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static void
conduit_that_demands_tls_is_a_finding_of_both_drivers(void **state)
{
	const struct hf_driver *const drivers[] = {
	    &hf_mqtt_driver, &hf_sparkplug_driver};
	struct fixture f;
	double hz;
	size_t i;

	for (i = 0; i < 2; i++) {
		fill(&f);
		assert_int_equal(
		    drivers[i]->check(&f.p, 0, on_report, &f, &hz), HF_EINVAL);
		assert_string_equal(f.what, "devices.meter.host");
		assert_non_null(strstr(f.text, "demands mqtts"));
		f.p.nconduit = 2; /* one of plain MQTT beside it */
		assert_int_equal(
		    drivers[i]->check(&f.p, 0, on_report, &f, &hz), HF_OK);
		f.p.nconduit = 1;
		f.conf.broker.host = NULL; /* the zone's own broker */
		assert_int_equal(
		    drivers[i]->check(&f.p, 0, on_report, &f, &hz), HF_OK);
	}
}

static void
host_is_an_address_in_numbers(void **state)
{
	static char name[] = "broker.example", v6[] = "fd00::7";
	struct hf_broker_conf c = {.host = name};
	char why[200];

	assert_int_equal(hf_broker_check(&c, why, sizeof(why)), HF_EINVAL);
	assert_non_null(strstr(why, "names are not looked up"));
	c.host = v6;
	assert_int_equal(hf_broker_check(&c, why, sizeof(why)), HF_OK);
	c.host = NULL;
	assert_int_equal(hf_broker_check(&c, why, sizeof(why)), HF_OK);
}

static void
client_id_names_the_plant_and_at_home_ends_in_the_secret(void **state)
{
	struct hf_broker_client who = {
	    .zone = hall, .name = meter, .suffix = "-x", .secret = 0xabc};
	struct hf_mqtt_conf out;
	char id[HF_BROKER_ID];
	struct fixture f;

	fill(&f);
	who.plant = &f.p;
	who.unix_path = "/run/broker";
	assert_int_equal(
	    hf_broker_connection(&f.conf.broker, &who, id, &out, NULL), HF_OK);
	assert_string_equal(out.client_id, "holdfast-acme-berlin-hall-meter-x");
	assert_string_equal(out.host, far_host);
	assert_null(out.unix_path);
	assert_int_equal(out.version, HF_MQTT_311);
	f.conf.broker = (struct hf_broker_conf){.version = 1};
	assert_int_equal(
	    hf_broker_connection(&f.conf.broker, &who, id, &out, NULL), HF_OK);
	assert_string_equal(out.client_id,
	    "holdfast-acme-berlin-hall-meter-x-0000000000000abc");
	assert_null(out.host);
	assert_string_equal(out.unix_path, "/run/broker");
	assert_int_equal(out.version, HF_MQTT_5);
}

static void
neither_host_nor_broker_of_the_zone_is_told_with_the_remedy(void **state)
{
	const struct hf_broker_conf c = {.port = 1883};
	struct hf_broker_client who = {
	    .zone = hall, .name = meter, .suffix = ""};
	struct hf_mqtt_conf out;
	char id[HF_BROKER_ID];
	struct hf_err err;
	struct fixture f;

	fill(&f);
	who.plant = &f.p;
	assert_int_equal(
	    hf_broker_connection(&c, &who, id, &out, &err), HF_ENOTFOUND);
	assert_non_null(strstr(err.msg, "add a conduit to broker/hall"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		conduit_that_demands_tls_is_a_finding_of_both_drivers),
	    cmocka_unit_test(host_is_an_address_in_numbers),
	    cmocka_unit_test(
		client_id_names_the_plant_and_at_home_ends_in_the_secret),
	    cmocka_unit_test(
		neither_host_nor_broker_of_the_zone_is_told_with_the_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
