/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_zones_test.c - what zones and conduits may not say: each rule with the
 * whole text that the user gets, place and remedy included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/time.h"
#include "conf_files.h"
#include "model/optval.h"
#include "plant_kinds.h"

#define DAY "2199-01-01"
#define ABOUT "purpose: p, owner: o, review: " DAY "}\n"
#define PLANT "format: 1\nplant: {enterprise: a, site: b}\n"
#define GAPPED "format: 1\nplant: {enterprise: a, site: b, air_gap: true}\n"
#define Z(rest) "zones: {z: {interface: e0" rest "}}\nconduits:\n"
#define NET ", networks: [10.1.0.0/16]"
/* A conduit that pulls from TO, in line 5. */
#define PULL(to)                                              \
	"  c: {from: edge/z, to: " to ", proto: x, port: 9, " \
	"direction: pull, " ABOUT

static struct hf_plant *
load(const char *yaml, char *said, size_t cap)
{
	struct hf_plant *p;
	struct files f;

	files_open(&f);
	files_put(&f, "plant.yaml", yaml);
	p = files_load(&f, &test_registry);
	snprintf(said, cap, "%s", f.text);
	files_close(&f);
	return p;
}

static void
refuses(const char *yaml, const char *want)
{
	char said[8000], line[2000];
	struct hf_plant *p = load(yaml, said, sizeof(said));

	assert_null(p);
	snprintf(line, sizeof(line), "plant.yaml:%s\n", want);
	assert_string_equal(said, line);
}

/* Loads, saying so much ("" = nothing) beside. */
static void
takes(const char *yaml, const char *want)
{
	char said[8000];
	struct hf_plant *p = load(yaml, said, sizeof(said));

	if (p == NULL)
		print_error("%s\n", said);
	assert_non_null(p);
	if (want[0] == '\0')
		assert_string_equal(said, "");
	else
		assert_non_null(strstr(said, want));
	hf_plant_free(p);
}

static void
the_world_is_no_party(void **state)
{
	refuses(PLANT Z("") PULL("0.0.0.0/0"),
	    "5:25: conduits.c.to: \"0.0.0.0/0\" is the whole world or close "
	    "to it; name the network or address that is meant");
	refuses(PLANT Z(", ipv6: true") PULL("\"::/0\""),
	    "5:25: conduits.c.to: \"::/0\" is the whole world or close to it; "
	    "name the network or address that is meant");
	refuses(PLANT Z("") PULL("128.0.0.0/1"),
	    "5:25: conduits.c.to: \"128.0.0.0/1\" is the whole world or close "
	    "to it; name the network or address that is meant");
	refuses(PLANT Z("") PULL("0.0.0.0"),
	    "5:25: conduits.c.to: \"0.0.0.0\" is the whole world or close to "
	    "it; name the network or address that is meant");
	refuses(PLANT Z(", networks: [0.0.0.0/0]"),
	    "3:38: zones.z.networks: \"0.0.0.0/0\" is the whole world or close "
	    "to it; name the networks of the zone");
}

static void
any_is_the_networks_of_the_zone_and_never_the_world(void **state)
{
	struct hf_plant *p;
	struct hf_flow f;
	char said[8000];

	refuses(PLANT Z("") PULL("any"),
	    "5:25: conduits.c.to: any means the networks of zone \"z\", which "
	    "names none, and is never the world; give the zone networks:, or "
	    "write the network or address that is meant");
	p = load(PLANT Z(NET) PULL("any"), said, sizeof(said));
	assert_non_null(p);
	hf_conduit_flow(p, &p->conduits[0], &f);
	assert_int_equal(f.kind, HF_FLOW_OPEN);
	assert_int_equal(f.nnet, 1);
	assert_string_equal(f.nets[0], "10.1.0.0/16");
	hf_plant_free(p);
}

static void
a_device_outside_the_networks_is_not_reached_through_any(void **state)
{
	refuses(PLANT Z(NET) "  c: {from: edge/z, to: any, proto: x, port: "
			     "502, direction: pull, " ABOUT
			     "devices: {d: {zone: z, driver: test-tcp, host: "
			     "10.2.0.1}}\n",
	    "6:48: devices.d.host: no conduit lets edge/z reach 10.2.0.1:502; "
	    "add one under conduits: (direction: pull)");
}

static void
a_port_is_one_port(void **state)
{
	refuses(PLANT Z("") "  c: {from: edge/z, to: 10.0.0.1, proto: x, "
			    "port: 0, direction: pull, " ABOUT,
	    "5:51: port: \"0\" is out of range, expected an integer such as "
	    "12, 1 to 65535");
	refuses(PLANT Z("") "  c: {from: edge/z, to: 10.0.0.1, proto: x, "
			    "port: any, direction: pull, " ABOUT,
	    "5:51: port: \"any\" is not an integer such as 12, 1 to 65535");
}

static void
names_are_refused_since_a_zone_has_no_resolver(void **state)
{
	refuses(PLANT Z("") PULL("plc.press.local"),
	    "5:25: conduits.c.to: \"plc.press.local\" is a name, and a zone "
	    "has no resolver; write its address");
	refuses(PLANT Z("") PULL("10.0.0.1/8"),
	    "5:25: conduits.c.to: \"10.0.0.1/8\" is no party: write edge/ZONE, "
	    "web/ZONE, broker/ZONE, an address, a network or any; "
	    "\"10.0.0.1/8\" has bits set behind its prefix, did you mean "
	    "\"10.0.0.0/8\"?");
}

static void
a_public_address_needs_boundary_or_a_zone_that_owns_it(void **state)
{
	refuses(PLANT Z("") PULL("8.8.8.8"),
	    "5:25: conduits.c.to: 8.8.8.8 is a public address, which no zone "
	    "has among its networks; write boundary: true if the conduit "
	    "crosses the plant's boundary, or use a private address");
	refuses(PLANT Z("") PULL("172.0.0.0/8"),
	    "5:25: conduits.c.to: 172.0.0.0/8 is a public address, which no "
	    "zone has among its networks; write boundary: true if the conduit "
	    "crosses the plant's boundary, or use a private address");
	takes(PLANT Z("") PULL("8.8.8.8, boundary: true"),
	    "warning: conduits.c.boundary: the conduit crosses the plant's "
	    "boundary");
	takes(PLANT Z(", networks: [8.8.8.0/24]") PULL("8.8.8.8"),
	    "warning: zones.z.networks: 8.8.8.0/24 is public; the plant "
	    "declares it its own");
	takes(PLANT Z("") PULL("172.31.0.0/16"), "");
	takes(PLANT Z("") PULL("127.0.0.1"), "");
	takes(PLANT Z(", ipv6: true") PULL("\"fd00::/64\""), "");
}

static void
an_air_gap_has_no_boundary(void **state)
{
	refuses(GAPPED Z("") PULL("8.8.8.8, boundary: true"),
	    "5:44: conduits.c.boundary: plant.air_gap is true, so nothing may "
	    "cross the plant's boundary; remove the conduit, or set air_gap: "
	    "false");
	refuses(GAPPED Z(", networks: [8.8.8.0/24]"),
	    "3:38: zones.z.networks: 8.8.8.0/24 is public, but plant.air_gap "
	    "is true; use private addresses, or set air_gap: false");
	takes(GAPPED Z("") PULL("10.8.8.8"), "");
}

static void
ipv6_is_for_zones_that_have_it(void **state)
{
	refuses(PLANT Z("") PULL("\"fd00::1\""),
	    "5:25: conduits.c.to: fd00::1 is IPv6, which zone \"z\" does not "
	    "have; give the zone ipv6: true, or use an IPv4 address");
}

#define ENDS(from, to, dir)                         \
	PLANT Z("") "  c: {from: " from ", to: " to \
		    ", proto: x, port: 9, direction: " dir ", " ABOUT

static void
exactly_one_party_is_this_program_and_who_opens_stands_in_from(void **state)
{
	refuses(ENDS("10.0.0.1", "10.0.0.2", "pull"),
	    "5:13: conduits.c.from: neither 10.0.0.1 nor 10.0.0.2 is this "
	    "program, so it can enforce nothing between them; one party is "
	    "edge/ZONE, web/ZONE, broker/ZONE or agent/ZONE");
	refuses(ENDS("edge/z", "web/z", "pull"),
	    "5:25: conduits.c.to: edge/z and web/z are both this program, "
	    "whose roles do not talk over a network; name the other party by "
	    "its address");
	refuses(ENDS("zone/z", "10.0.0.1", "pull"),
	    "5:13: conduits.c.from: zone/ZONE only shows a namespace, in to: "
	    "broker/ZONE; for a connection write edge/ZONE");
	refuses(ENDS("edge/z", "10.0.0.1", "listen"),
	    "5:65: conduits.c.direction: edge/z opens this connection, it does "
	    "not listen; who listens stands in to:, so exchange the two, or "
	    "write pull, push or both");
	refuses(ENDS("10.0.0.1", "web/z", "pull"),
	    "5:64: conduits.c.direction: 10.0.0.1 opens this connection to "
	    "web/z; write direction: listen, or both");
	takes(ENDS("10.0.0.1", "web/z", "listen"), "");
}

static void
two_conduits_of_one_flow_may_not_contradict_each_other(void **state)
{
	refuses(PLANT Z("") PULL("10.0.0.1") "  d: {from: edge/z, to: "
					     "10.0.0.1, proto: y, port: 9, "
					     "direction: push, " ABOUT,
	    "6:42: conduits.d.proto: conduit \"c\" says x for the same parties "
	    "and port; one of the two is wrong");
	refuses(PLANT Z("")
		    PULL("10.0.0.1") "  d: {from: edge/z, to: 10.0.0.1, proto: "
				     "x, port: 9, "
				     "auth: mtls, direction: push, " ABOUT,
	    "6:60: conduits.d.auth: conduit \"c\" says none for the same "
	    "parties and port; one of the two is wrong");
	takes(PLANT Z("") PULL("10.0.0.1") "  d: {from: edge/z, to: 10.0.0.1, "
					   "proto: x, port: 9, "
					   "direction: push, " ABOUT,
	    "");
}

static void
owner_purpose_and_review_are_mandatory(void **state)
{
	refuses(PLANT Z("") "  c: {from: edge/z, to: 10.0.0.1, proto: x, "
			    "port: 9, direction: pull, purpose: p, "
			    "review: " DAY "}\n",
	    "5:3: conduits.c has no owner, which is required; add owner: "
	    "(text)");
}

static void
an_interface_is_a_name_and_parents_form_no_ring(void **state)
{
	refuses(PLANT "zones: {z: {interface: \"e0\\\" drop\"}}\n",
	    "3:24: zones.z.interface: \"e0\" drop\" is no name of a network "
	    "interface; `ip link` lists those of this machine");
	refuses(PLANT "zones:\n  a: {interface: e0, parent: b}\n"
		      "  b: {interface: e1, parent: c}\n"
		      "  c: {interface: e2, parent: b}\n",
	    "5:30: zones.b.parent: the zone is part of itself through \"c\"; "
	    "remove one parent of the ring\n"
	    "plant.yaml:6:30: zones.c.parent: the zone is part of itself "
	    "through \"b\"; remove one parent of the ring");
}

/* ---- reviews ---- */

#define OLD(zone, rest)                                                   \
	PLANT "zones: {z: {interface: host-veth" zone "}}\nconduits:\n  " \
	      "c: {" rest ", port: 1884, purpose: p, owner: o, review: "  \
	      "2001-02-03}\n"

static bool
is_denied(const char *yaml, const char *words)
{
	struct hf_plant *p;
	char said[8000];
	bool is_it;

	p = load(yaml, said, sizeof(said));
	assert_non_null(p);
	assert_non_null(strstr(said, words));
	assert_true(hf_conduit_is_expired(&p->conduits[0], hf_wall_ns()));
	is_it = hf_conduit_is_denied(p, &p->conduits[0], hf_wall_ns());
	hf_plant_free(p);
	return is_it;
}

static void
a_past_review_stops_no_conduit_that_reads(void **state)
{
	static const char due[] = "the review was due on 2001-02-03; look at "
				  "the conduit again and set a new date\n";

	assert_false(is_denied(OLD("", "from: edge/z, to: 10.0.0.1, proto: x, "
				       "direction: push"),
	    due));
	assert_false(is_denied(
	    OLD(", deny_expired: true", "from: edge/z, to: 10.0.0.1, proto: x, "
					"direction: pull"),
	    due));
	assert_true(is_denied(
	    OLD(", deny_expired: true", "from: edge/z, to: 10.0.0.1, proto: x, "
					"direction: push"),
	    "its zone denies it (deny_expired), which is not enforced yet for "
	    "such a conduit\n"));
	assert_true(is_denied(OLD(", deny_expired: true",
				  "from: 10.0.0.1, to: broker/z, proto: mqtt, "
				  "direction: listen"),
	    "until then its broker refuses what it allowed (deny_expired)\n"));
}

/* ---- levels ---- */

static void
levels_of_the_two_zones_are_compared(void **state)
{
	struct hf_plant *p;
	struct hf_flow f;
	char said[8000];

	p = load(PLANT
	    "zones:\n"
	    "  a: {interface: e0, sl_target: 1, networks: [10.1.0.0/16]}\n"
	    "  b: {interface: e1, sl_target: 2, networks: [10.2.0.0/16]}\n"
	    "conduits:\n"
	    "  up: {from: edge/a, to: 10.2.0.1, proto: x, port: 9, direction: "
	    "pull, " ABOUT
	    "  own: {from: edge/a, to: 10.1.0.1, proto: x, port: 9, direction: "
	    "pull, " ABOUT
	    "  none: {from: edge/a, to: 10.9.0.1, proto: x, port: 9, "
	    "direction: pull, " ABOUT,
	    said, sizeof(said));
	assert_non_null(p);
	hf_conduit_flow(p, &p->conduits[0], &f);
	assert_int_equal(f.far_zone, 1);
	assert_int_equal(hf_flow_sl_step(p, &f), 1);
	hf_conduit_flow(p, &p->conduits[1], &f);
	assert_int_equal(f.far_zone, 0);
	assert_int_equal(hf_flow_sl_step(p, &f), 0);
	hf_conduit_flow(p, &p->conduits[2], &f);
	assert_int_equal(f.far_zone, -1);
	assert_int_equal(hf_flow_sl_step(p, &f), 0);
	hf_plant_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_world_is_no_party),
	    cmocka_unit_test(
		any_is_the_networks_of_the_zone_and_never_the_world),
	    cmocka_unit_test(
		a_device_outside_the_networks_is_not_reached_through_any),
	    cmocka_unit_test(a_port_is_one_port),
	    cmocka_unit_test(names_are_refused_since_a_zone_has_no_resolver),
	    cmocka_unit_test(
		a_public_address_needs_boundary_or_a_zone_that_owns_it),
	    cmocka_unit_test(an_air_gap_has_no_boundary),
	    cmocka_unit_test(ipv6_is_for_zones_that_have_it),
	    cmocka_unit_test(
		exactly_one_party_is_this_program_and_who_opens_stands_in_from),
	    cmocka_unit_test(
		two_conduits_of_one_flow_may_not_contradict_each_other),
	    cmocka_unit_test(owner_purpose_and_review_are_mandatory),
	    cmocka_unit_test(an_interface_is_a_name_and_parents_form_no_ring),
	    cmocka_unit_test(a_past_review_stops_no_conduit_that_reads),
	    cmocka_unit_test(levels_of_the_two_zones_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
