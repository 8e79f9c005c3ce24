/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_broker_test.c - contracts, conduits of brokers, exports and edges: what
 * a plant may say about them, and what it is told when it may not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conf_files.h"
#include "model/schema.h"

/* ---- kinds ---- */

struct bus_conf {
	char *host;
	int64_t port;
};
struct line_conf {
	char *serial;
};

static const struct hf_opt bus_opts[] = {
    {.name = "host",
	.type = HF_OPT_HOST,
	.off = offsetof(struct bus_conf, host),
	.help = "Host."},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "1883",
	.off = offsetof(struct bus_conf, port),
	.help = "Port."},
};
static const struct hf_opt line_opts[] = {
    {.name = "serial",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	.off = offsetof(struct line_conf, serial),
	.help = "Line."},
};
static const struct hf_kind bus_kind = {.name = "bus",
    .help = "Bus.",
    .opts = bus_opts,
    .nopt = 2,
    .size = sizeof(struct bus_conf),
    .flags = HF_KIND_BROKER};
static const struct hf_kind line_kind = {.name = "line",
    .help = "Line.",
    .opts = line_opts,
    .nopt = 1,
    .size = sizeof(struct line_conf),
    .flags = HF_KIND_SERIAL};
static const struct hf_kind log_kind = {.name = "log",
    .help = "Log.",
    .opts = bus_opts,
    .nopt = 2,
    .size = sizeof(struct bus_conf)};
struct spb_conf {
	char *host, *group, *node;
	int64_t port;
};
static const struct hf_opt spb_opts[] = {
    {.name = "host",
	.type = HF_OPT_HOST,
	.off = offsetof(struct spb_conf, host),
	.help = "Host."},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "1883",
	.off = offsetof(struct spb_conf, port),
	.help = "Port."},
    {.name = "group",
	.type = HF_OPT_STR,
	.off = offsetof(struct spb_conf, group),
	.help = "Group."},
    {.name = "node",
	.type = HF_OPT_STR,
	.off = offsetof(struct spb_conf, node),
	.help = "Node."},
};
static const struct hf_kind spb_kind = {.name = "sparkplug",
    .help = "Sparkplug.",
    .opts = spb_opts,
    .nopt = 4,
    .size = sizeof(struct spb_conf),
    .flags = HF_KIND_BROKER};
static const struct hf_kind *const drivers[] = {&bus_kind, &line_kind};
static const struct hf_kind *const exports[] = {
    &bus_kind, &log_kind, &spb_kind};
static const struct hf_registry reg = {
    .drivers = drivers, .ndriver = 2, .exports = exports, .nexport = 3};

/* ---- a plant in pieces ---- */

#define HEAD                                        \
	"format: 1\n"                               \
	"plant: {enterprise: acme, site: berlin}\n" \
	"zones:\n"                                  \
	"  hall: {sl_target: 2, interface: eth0, "  \
	"networks: [10.0.0.0/8]}\n"                 \
	"  yard: {sl_target: 2, interface: eth1, "  \
	"networks: [10.0.0.0/8]}\n"
#define ABOUT "purpose: p, owner: o, review: 2199-01-01"
#define CLIENTS                                                         \
	"  clients: {from: 10.0.0.0/8, to: broker/hall, proto: mqtts, " \
	"port: 8883, direction: both, auth: mtls, topics_write: "       \
	"[\"dev/#\"], " ABOUT "}\n"
#define PUMP_SCHEMA                                                     \
	"{\"type\":\"object\",\"additionalProperties\":false,"          \
	"\"properties\":{\"flow\":{\"type\":\"number\",\"maximum\":9}," \
	"\"motor\":{\"properties\":{\"mode\":{\"type\":\"string\"}}}}}"

static struct hf_plant *
load(struct files *f, const char *yaml, const char *tags, const char *schema)
{
	files_open(f);
	files_put(f, "plant.yaml", yaml);
	if (tags != NULL)
		files_put(f, "tags/press.csv", tags);
	if (schema != NULL)
		files_put(f, "tags/other.csv", schema);
	return files_load(f, &reg);
}

static void
is_told(
    const char *yaml, const char *tags, const char *schema, const char *says)
{
	struct files f;
	struct hf_plant *p = load(&f, yaml, tags, schema);

	if (p != NULL || strstr(f.text, says) == NULL)
		fail_msg("expected \"%s\", got:\n%s", says, f.text);
	hf_plant_free(p);
	files_close(&f);
}

static struct hf_plant *
is_right(
    struct files *f, const char *yaml, const char *tags, const char *schema)
{
	struct hf_plant *p = load(f, yaml, tags, schema), *again = NULL;
	struct hf_err err = {0};
	struct hf_buf b;

	if (p == NULL)
		fail_msg("%s", f->text);
	/* and it survives the wire */
	hf_buf_init(&b, HF_PLANT_BYTES);
	assert_int_equal(hf_plant_pack(p, &b, &err), HF_OK);
	if (hf_plant_unpack(b.p, b.len, &reg, &again, &err) != HF_OK)
		fail_msg("%s", err.msg);
	hf_buf_fini(&b);
	hf_plant_free(p);
	return again;
}

static void
done(struct files *f, struct hf_plant *p)
{
	hf_plant_free(p);
	files_close(f);
}

/* ---- contracts ---- */

#define CONTRACT                                                  \
	HEAD "conduits:\n" CLIENTS                                \
	     "contracts:\n  _pump_v1: {schema: tags/other.csv}\n" \
	     "assets:\n  hall/pump: {contract: _pump_v1}\n"       \
	     "devices:\n  d: {zone: hall, driver: bus, tags: "    \
	     "tags/press.csv}\n"
#define ROWS "device,tag,address,type,uns_path\n"

static void
a_contract_travels_with_its_text_and_is_compiled(void **state)
{
	const struct hf_schema *s;
	struct hf_plant *p;
	struct files f;

	p = is_right(&f, CONTRACT,
	    ROWS "d,flow,x,float64,hall/pump/flow\n"
		 "d,mode,y,string,hall/pump/motor/mode\n"
		 "d,other,z,float64,hall/elsewhere\n",
	    PUMP_SCHEMA);
	assert_int_equal(p->ncontract, 1);
	assert_string_equal(p->contracts[0].schema, PUMP_SCHEMA);
	assert_ptr_equal(p->assets[0].contract_ptr, &p->contracts[0]);
	s = hf_plant_tag_schema(p, hf_plant_tag(p, "hall/pump/flow"));
	assert_non_null(s);
	assert_null(hf_plant_tag_schema(p, hf_plant_tag(p, "hall/elsewhere")));
	done(&f, p);
}

static void
tags_must_be_in_their_contract(void **state)
{
	is_told(CONTRACT, ROWS "d,t,x,float64,hall/pump/head\n", PUMP_SCHEMA,
	    "press.csv:2:3: contract _pump_v1 of asset hall/pump does not "
	    "know \"head\"");
	is_told(CONTRACT, ROWS "d,t,x,string,hall/pump/flow\n", PUMP_SCHEMA,
	    "a string, but contract _pump_v1 wants number");
	is_told(CONTRACT, ROWS "d,t,x,bool,hall/pump/motor/mode\n", PUMP_SCHEMA,
	    "a boolean, but contract _pump_v1 wants string");
}

static void
a_contract_without_a_readable_schema_is_refused(void **state)
{
	struct files f;
	struct hf_plant *p = load(&f, CONTRACT, NULL, NULL);

	assert_null(p);
	assert_non_null(strstr(f.text,
	    "plant.yaml:9:22: contracts._pump_v1: tags/other.csv cannot be "
	    "opened"));
	/* said once */
	assert_null(strstr(f.text, "there is no schema"));
	files_close(&f);
	is_told(CONTRACT, ROWS, "{\"oneOf\":[]}",
	    "contracts._pump_v1.schema: tags/other.csv: /: keyword \"oneOf\"");
	is_told(HEAD "contracts:\n  _pump_v1: {schema: ../x.json}\n", NULL,
	    NULL, "must lie inside the plant's directory");
	is_told(HEAD "contracts:\n  _pump_v1: {}\n", NULL, NULL,
	    "contracts._pump_v1 has no schema, which is required");
	is_told(HEAD "assets:\n  hall/p: {contract: _pump_v1}\n", NULL, NULL,
	    "\"_pump_v1\" is not defined; add it under contracts:");
}

static void
a_schema_over_64_kib_is_refused(void **state)
{
	char *big = malloc(70000);

	memset(big, ' ', 69999);
	big[69999] = '\0';
	is_told(CONTRACT, ROWS, big, "tags/other.csv is over 64 KiB");
	free(big);
}

static void
contract_names_have_a_version(void **state)
{
	static const char *const good[] = {
	    "_pump_v1", "_a_v12", "_x_y_v3", "_v_v1", "_2_v1"};
	static const char *const bad[] = {"pump_v1", "_pump", "_pump_v",
	    "_pump_v0", "_pump_v01", "_Pump_v1", "_v1", "__v1x",
	    "_holdfast_anomaly_v1", "_raw", "_pump-v1", ""};
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hf_contract_name_ok(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hf_contract_name_ok(bad[i]));
	is_told(HEAD "contracts:\n  pump: {schema: tags/other.csv}\n", NULL,
	    "{}", "\"pump\" is no name of a contract");
}

/* ---- brokers ---- */

#define LISTENER(rest) \
	HEAD "conduits:\n  c: {from: any, to: broker/hall, " rest ABOUT "}\n"

static void
listeners_are_told_apart_and_checked(void **state)
{
	struct hf_plant *p;
	struct files f;

	p = is_right(&f, HEAD "conduits:\n" CLIENTS, NULL, NULL);
	assert_true(hf_plant_has_broker(p, 0));
	assert_false(hf_plant_has_broker(p, 1));
	assert_int_equal(hf_conduit_broker(p, &p->conduits[0]), 0);
	done(&f, p);
	is_told(LISTENER("proto: mqtt, port: 1883, direction: listen, "), NULL,
	    NULL, "port 1883 is where open brokers stand");
	is_told(LISTENER("proto: http, port: 80, direction: listen, "), NULL,
	    NULL, "does not lead to a broker; write mqtts");
	is_told(LISTENER("proto: mqtt, auth: mtls, port: 9, direction: both, "),
	    NULL, NULL, "auth mtls needs TLS; write proto: mqtts");
	is_told(LISTENER("proto: mqtts, port: 8883, direction: push, "), NULL,
	    NULL, "write direction: listen, or both");
	is_told(HEAD "conduits:\n  c: {from: any, to: broker/hal, proto: "
		     "mqtts, port: 8883, direction: listen, " ABOUT "}\n",
	    NULL, NULL, "did you mean \"hall\"?");
}

static void
clients_may_never_write_commands_or_the_namespace(void **state)
{
	static const char *const never[] = {"#", "+/x", "cmd/#", "cmd",
	    "uns/v1/acme/#", "uns/#", "uns/+/x", "$CONTROL/x", "$SYS/#",
	    "uns/v2/x", "umh.v1.acme", "spBv1.0/g/NCMD/n", "spBv1.0/+/DCMD/#",
	    "dev/%c/x", "dev/%u/x", " dev", "dev "};
	static const char *const fine[] = {"dev/#", "spBv1.0/+/NDATA/+",
	    "spBv1.0/#", "spBv1.0/STATE/x", "cmds/x", "a/cmd/b"};
	char yaml[1000];
	struct files f;
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    LISTENER("proto: mqtts, port: 8883, direction: both, "
			     "topics_write: [\"%s\"], "),
		    never[i]);
		is_told(yaml, NULL, NULL, "topics_write");
	}
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    LISTENER("proto: mqtts, port: 8883, direction: both, "
			     "topics_write: [\"%s\"], "),
		    fine[i]);
		done(&f, is_right(&f, yaml, NULL, NULL));
	}
	is_told(LISTENER("proto: mqtts, port: 8883, direction: both, "
			 "topics_read: [\"a/#/b\"], "),
	    NULL, NULL, "\"a/#/b\" is no MQTT filter");
	is_told(LISTENER("proto: mqtts, port: 8883, direction: both, "
			 "topics_read: [\"a+/b\"], "),
	    NULL, NULL, "\"a+/b\" is no MQTT filter");
}

#define SCADA(topic, export)                                                \
	HEAD "conduits:\n"                                                  \
	     "  c: {from: any, to: broker/hall, proto: mqtts, auth: mtls, " \
	     "port: 8883, direction: listen, " ABOUT ",\n"                  \
	     "    topics_write: [\"" topic "\"]}\n"                         \
	     "  out: {from: edge/hall, to: 10.0.0.1, proto: mqtt, port: "   \
	     "1884, direction: push, " ABOUT "}\n"                          \
	     "  y: {from: any, to: broker/yard, proto: mqtts, auth: mtls, " \
	     "port: 8884, direction: listen, " ABOUT "}\n"                  \
	     "exports:\n  x: {to: sparkplug, " export "}\n"
#define OWN "zone: hall, group: G, node: us"

static void
only_our_own_node_of_this_broker_may_be_asked_for_births(void **state)
{
	static const char *const refused[] = {
	    SCADA("spBv1.0/G/NCMD/other", OWN),
	    SCADA("spBv1.0/H/NCMD/us", OWN),
	    SCADA("spBv1.0/G/NCMD/us/x", OWN),
	    SCADA("spBv1.0/G/NCMD/u", OWN),
	    SCADA("spBv1.0/G/NCMD", OWN),
	    SCADA("spBv1.0/G/DCMD/us", OWN),
	    SCADA("spBv1.0/G/DCMD/us/dev", OWN),
	    SCADA("spBv1.0/G/NCMD/+", OWN),
	    SCADA("spBv1.0/G/NCMD/#", OWN),
	    SCADA("spBv1.0/G/NCMD/us/#", OWN),
	    SCADA("spBv1.0/+/NCMD/us", OWN),
	    /* the export of another zone, and one on another broker */
	    SCADA("spBv1.0/G/NCMD/us", "zone: yard, group: G, node: us"),
	    SCADA("spBv1.0/G/NCMD/us", OWN ", host: 10.0.0.1, port: 1884"),
	    /* names that a list would take for something wider */
	    SCADA("spBv1.0/G/NCMD/%u", "zone: hall, group: G, node: \"%u\""),
	    SCADA("spBv1.0/+/NCMD/us", "zone: hall, group: +, node: us"),
	    SCADA("spBv1.0/G/NCMD/#", "zone: hall, group: G, node: \"#\""),
	    SCADA("spBv1.0/G/NCMD/us", "zone: hall, group: G"),
	};
	struct files f;
	size_t i;

	done(&f, is_right(&f, SCADA("spBv1.0/G/NCMD/us", OWN), NULL, NULL));
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		is_told(refused[i], NULL, NULL, "plant.yaml:8:");
		is_told(refused[i], NULL, NULL, "is a command");
	}
}

static void
what_a_list_would_understand_otherwise_is_refused_with_its_place(void **state)
{
	static const char *const never[] = {"dev/%c", "%u/x", "dev/x%u",
	    "dev/%ux/y", "spBv1.0/g/%u/x", "dev/%u/a%u"};
	static const char *const hidden[] = {"$SYS/#", "$CONTROL/#", "$share"};
	static const char *const shown[] = {
	    "#", "cmd/#", "$sparkplug/certificates/#", "dev/%u/#"};
	char yaml[1000];
	struct files f;
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    LISTENER("proto: mqtts, auth: mtls, port: 8883, direction: "
			     "both, topics_write: [\"%s\"], "),
		    never[i]);
		is_told(yaml, NULL, NULL, "plant.yaml:7:");
	}
	for (i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    LISTENER("proto: mqtts, auth: mtls, port: 8883, direction: "
			     "both, topics_read: [\"%s\"], "),
		    hidden[i]);
		is_told(yaml, NULL, NULL, "broker's own and shown to nobody");
	}
	for (i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    LISTENER("proto: mqtts, auth: mtls, port: 8883, direction: "
			     "both, topics_read: [\"%s\"], "),
		    shown[i]);
		done(&f, is_right(&f, yaml, NULL, NULL));
	}
}

static void
a_proof_that_the_broker_cannot_ask_for_is_refused(void **state)
{
	is_told(LISTENER("proto: mqtts, auth: password, port: 9, direction: "
			 "both, "),
	    NULL, NULL,
	    "plant.yaml:7:55: conduits.c.auth: the broker cannot "
	    "check auth password yet");
	is_told(LISTENER("proto: mqtts, auth: mtls+user, port: 9, direction: "
			 "both, "),
	    NULL, NULL, "the broker cannot check auth mtls+user yet");
}

static void
a_listener_needs_a_nic_that_can_be_named(void **state)
{
	is_told("format: 1\nplant: {enterprise: acme, site: berlin}\n"
		"zones:\n  hall: {interface: \"eth0 listener 1883\"}\n"
		"conduits:\n" CLIENTS,
	    NULL, NULL, "is no name of a network interface");
}

static void
a_broker_has_no_more_ports_than_it_can_listen_at(void **state)
{
	char yaml[8000] = HEAD "conduits:\n", *at = yaml + strlen(yaml);
	struct files f;
	int i;

	for (i = 0; i < 17; i++) {
		if (i == 16)
			done(&f, is_right(&f, yaml, NULL, NULL));
		at += snprintf(at, 300,
		    "  c%d: {from: any, to: broker/hall, proto: mqtts, port: "
		    "%d, direction: listen, auth: mtls, " ABOUT "}\n",
		    i, 9000 + i);
	}
	is_told(yaml, NULL, NULL, "conduits.c16.port: a broker listens at 16");
}

static void
one_port_is_one_listener(void **state)
{
	is_told(HEAD "conduits:\n" CLIENTS
		     "  b: {from: any, to: broker/hall, proto: mqtts, port: "
		     "8883, direction: listen, auth: password, " ABOUT "}\n",
	    NULL, NULL, "one port has one way to prove who it is");
	is_told(HEAD "conduits:\n" CLIENTS
		     "  b: {from: any, to: broker/hall, proto: mqtt, port: "
		     "8883, direction: listen, auth: none, " ABOUT "}\n",
	    NULL, NULL, "one port has one protocol");
	is_told(HEAD "conduits:\n" CLIENTS
		     "  b: {from: any, to: broker/yard, proto: mqtts, port: "
		     "8883, direction: listen, auth: mtls, " ABOUT "}\n",
	    NULL, NULL, "to another zone's broker");
}

#define MIRROR(from, rest)                             \
	HEAD "conduits:\n" CLIENTS "  m: {from: " from \
	     ", to: broker/hall, " rest ABOUT "}\n"

static void
another_zones_namespace_needs_a_conduit_that_says_what(void **state)
{
	uint32_t from, to;
	struct hf_plant *p;
	struct files f;

	p = is_right(&f,
	    MIRROR("zone/yard", "proto: mqtt, port: 8883, direction: push, "
				"topics_write: [\"uns/v1/#\"], "),
	    NULL, NULL);
	assert_true(hf_conduit_mirror(p, &p->conduits[1], &from, &to));
	assert_int_equal(from, 1);
	assert_int_equal(to, 0);
	assert_false(hf_conduit_mirror(p, &p->conduits[0], NULL, NULL));
	assert_int_equal(hf_conduit_broker(p, &p->conduits[1]), -1);
	done(&f, p);
	is_told(HEAD "conduits:\n  m: {from: zone/yard, to: broker/hall, "
		     "proto: mqtt, port: 9, direction: push, topics_write: "
		     "[\"uns/v1/#\"], " ABOUT "}\n",
	    NULL, NULL, "zone hall has no broker");
	is_told(MIRROR("zone/yard", "proto: mqtt, port: 9, direction: push, "),
	    NULL, NULL, "nothing would be shown");
	is_told(MIRROR("edge/hall", "proto: mqtt, port: 9, direction: push, "),
	    NULL, NULL, "a zone's own namespace is in its broker");
	is_told(MIRROR("edge/yard", "proto: mqtt, port: 9, direction: pull, "),
	    NULL, NULL, "write direction: push");
	is_told(MIRROR("web/yard", "proto: mqtt, port: 9, direction: push, "),
	    NULL, NULL, "has no namespace to show");
}

static void
a_bus_device_needs_a_broker_or_a_way_to_one(void **state)
{
	struct files f;

	is_told(HEAD "devices:\n  d: {zone: yard, driver: bus}\n", NULL, NULL,
	    "zone yard has no broker; add a conduit to broker/yard");
	is_told(HEAD "devices:\n  d: {zone: yard, driver: bus, host: "
		     "10.0.0.1}\n",
	    NULL, NULL,
	    "no conduit lets edge/yard reach 10.0.0.1:1883 with proto mqtt");
	is_told(HEAD "conduits:\n  c: {from: edge/yard, to: 10.0.0.1, proto: "
		     "http, port: 1883, direction: pull, " ABOUT "}\n"
		     "devices:\n  d: {zone: yard, driver: bus, host: "
		     "10.0.0.1}\n",
	    NULL, NULL, "no conduit lets edge/yard reach");
	done(&f,
	    is_right(&f,
		HEAD "conduits:\n  c: {from: edge/yard, to: 10.0.0.1, proto: "
		     "mqtt, port: 1883, direction: pull, " ABOUT "}\n"
		     "devices:\n  d: {zone: yard, driver: bus, host: "
		     "10.0.0.1}\n",
		NULL, NULL));
}

/* ---- exports ---- */

#define TWO_ZONES                                                \
	"devices:\n"                                             \
	"  d: {zone: hall, driver: line, serial: /dev/a, tags: " \
	"tags/press.csv}\n"                                      \
	"  e: {zone: yard, driver: line, serial: /dev/b, tags: " \
	"tags/press.csv}\n"
#define TWO_ROWS                          \
	ROWS "d,one,x,float64,hall/one\n" \
	     "d,two,x,string,hall/two\n"  \
	     "e,three,x,float64,yard/three\n"

static void
exports_carry_their_zones_tags_and_no_others(void **state)
{
	struct hf_plant *p;
	struct files f;

	p = is_right(&f,
	    HEAD "conduits:\n" CLIENTS TWO_ZONES
		 "exports:\n  all: {to: bus, zone: hall}\n"
		 "  some: {to: bus, zone: hall, tags: [\"hall/t*\"]}\n",
	    TWO_ROWS, NULL);
	assert_int_equal(p->exports[0].ntag, 2);
	assert_int_equal(p->exports[1].ntag, 1);
	assert_string_equal(p->tags[p->exports[1].tag_idx[0]].path, "hall/two");
	done(&f, p);
	is_told(HEAD "conduits:\n" CLIENTS TWO_ZONES
		     "exports:\n  x: {to: bus, zone: hall, tags: "
		     "[yard/three]}\n",
	    TWO_ROWS, NULL, "tag \"yard/three\" belongs to another zone");
	is_told(HEAD "conduits:\n" CLIENTS TWO_ZONES
		     "exports:\n  x: {to: bus, zone: hall, tags: "
		     "[\"yard/*\"]}\n",
	    TWO_ROWS, NULL, "matches no tag that this zone has");
	p = is_right(&f,
	    HEAD "conduits:\n" CLIENTS
		 "  m: {from: zone/yard, to: broker/hall, proto: mqtt, port: "
		 "9, direction: push, topics_write: [\"#\"], " ABOUT
		 "}\n" TWO_ZONES
		 "exports:\n  x: {to: bus, zone: hall, tags: [\"**\"]}\n",
	    TWO_ROWS, NULL);
	assert_int_equal(p->exports[0].ntag, 3);
	done(&f, p);
}

static void
exports_need_a_known_kind_and_a_way_out(void **state)
{
	struct files f;

	is_told(HEAD "exports:\n  x: {to: buss, zone: hall}\n", NULL, NULL,
	    "to \"buss\" is unknown, did you mean \"bus\"?");
	is_told(HEAD "exports:\n  x: {to: bus, zone: hal}\n", NULL, NULL,
	    "did you mean \"hall\"?");
	is_told(HEAD "exports:\n  x: {to: bus, zone: hall}\n", NULL, NULL,
	    "zone hall has no broker");
	is_told(HEAD "exports:\n  x: {to: log, zone: hall, host: 10.0.0.1, "
		     "port: 601}\n",
	    NULL, NULL, "no conduit lets edge/hall reach 10.0.0.1 port 601");
	is_told(HEAD "conduits:\n  c: {from: edge/hall, to: 10.0.0.1, proto: "
		     "mqtt, port: 601, direction: push, " ABOUT "}\n"
		     "exports:\n  x: {to: log, zone: hall, host: 10.0.0.1, "
		     "port: 601}\n",
	    NULL, NULL, "(proto: log-tcp, direction: push)");
	done(&f,
	    is_right(&f,
		HEAD "conduits:\n  c: {from: edge/hall, to: 10.0.0.1, proto: "
		     "log-tcp, port: 601, direction: push, " ABOUT "}\n"
		     "exports:\n  x: {to: log, zone: hall, host: 10.0.0.1, "
		     "port: 601}\n",
		NULL, NULL));
}

static void
exports_do_not_drop_the_tls_that_their_conduit_demands(void **state)
{
#define OUT(proto)                                                           \
	HEAD "conduits:\n  c: {from: edge/hall, to: 10.0.0.1, proto: " proto \
	     ", port: 1883, direction: push, " ABOUT "}\n"                   \
	     "exports:\n  x: {to: sparkplug, zone: hall, host: 10.0.0.1, "   \
	     "group: g, node: n}\n"
	struct files f;

	is_told(OUT("mqtts"), NULL, NULL, "conduit \"c\" demands mqtts");
	done(&f, is_right(&f, OUT("mqtt"), NULL, NULL));
#undef OUT
}

/* ---- edges ---- */

static void
each_line_has_an_edge_beside_those_of_the_zones(void **state)
{
	struct hf_plant *p;
	struct files f;

	p = is_right(&f,
	    HEAD "conduits:\n" CLIENTS
		 "devices:\n  a: {zone: yard, driver: line, serial: "
		 "/dev/ttyS0}\n"
		 "  b: {zone: hall, driver: bus}\n"
		 "  c: {zone: hall, driver: line, serial: /dev/ttyS1}\n"
		 "  d: {zone: yard, driver: line, serial: /dev/ttyS0}\n",
	    NULL, NULL);
	assert_int_equal(p->nedge, 4);
	assert_string_equal(p->edges[0].name, "hall");
	assert_null(p->edges[1].serial);
	assert_string_equal(p->edges[2].name, "yard-ttyS0");
	assert_string_equal(p->edges[3].serial, "/dev/ttyS1");
	assert_int_equal(p->edges[2].zone_idx, 1);
	assert_int_equal(p->devices[0].edge_idx, 2);
	assert_int_equal(p->devices[1].edge_idx, 0);
	assert_int_equal(p->devices[2].edge_idx, 3);
	assert_int_equal(p->devices[3].edge_idx, 2);
	done(&f, p);
}

static void
lines_with_one_name_or_two_zones_are_refused(void **state)
{
	is_told(HEAD "devices:\n  a: {zone: yard, driver: line, serial: /dev/x}"
		     "\n  b: {zone: hall, driver: line, serial: /dev/x}\n",
	    NULL, NULL, "one line is in one zone");
	is_told(HEAD "devices:\n  a: {zone: yard, driver: line, serial: /a/x}"
		     "\n  b: {zone: yard, driver: line, serial: /b/x}\n",
	    NULL, NULL, "would be called \"yard-x\", as that of line /a/x");
	is_told(HEAD "devices:\n  a: {zone: yard, driver: line, serial: "
		     "\"/dev/a:b\"}\n",
	    NULL, NULL, "gives its process no name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_contract_travels_with_its_text_and_is_compiled),
	    cmocka_unit_test(tags_must_be_in_their_contract),
	    cmocka_unit_test(a_contract_without_a_readable_schema_is_refused),
	    cmocka_unit_test(a_schema_over_64_kib_is_refused),
	    cmocka_unit_test(contract_names_have_a_version),
	    cmocka_unit_test(listeners_are_told_apart_and_checked),
	    cmocka_unit_test(clients_may_never_write_commands_or_the_namespace),
	    cmocka_unit_test(
		only_our_own_node_of_this_broker_may_be_asked_for_births),
	    cmocka_unit_test(
		what_a_list_would_understand_otherwise_is_refused_with_its_place),
	    cmocka_unit_test(a_proof_that_the_broker_cannot_ask_for_is_refused),
	    cmocka_unit_test(a_listener_needs_a_nic_that_can_be_named),
	    cmocka_unit_test(a_broker_has_no_more_ports_than_it_can_listen_at),
	    cmocka_unit_test(one_port_is_one_listener),
	    cmocka_unit_test(
		another_zones_namespace_needs_a_conduit_that_says_what),
	    cmocka_unit_test(a_bus_device_needs_a_broker_or_a_way_to_one),
	    cmocka_unit_test(exports_carry_their_zones_tags_and_no_others),
	    cmocka_unit_test(exports_need_a_known_kind_and_a_way_out),
	    cmocka_unit_test(
		exports_do_not_drop_the_tls_that_their_conduit_demands),
	    cmocka_unit_test(each_line_has_an_edge_beside_those_of_the_zones),
	    cmocka_unit_test(lines_with_one_name_or_two_zones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
