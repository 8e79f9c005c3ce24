/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug_host_test.c - the host application: births, data, deaths, rebirth
 * requests. Tests of a rule of Sparkplug 3.0 bear the name of its tck-id.
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
#include "field/sparkplug/host.h"
#include "field/sparkplug/topic.h"
#include "model/batch.h"
#include "model/quality.h"
#include "sparkplug_kit.h"

#define S HF_NS_PER_S
#define WALL (INT64_C(1700000000) * S)
#define NREADING 64

static struct {
	struct hf_spb_host *h;
	struct hf_counters c;
	struct hf_buf buf;
	int64_t mono;
	struct hf_spb_reading r[NREADING];
	char str[64]; /* of the last string */
	size_t n;
	size_t nask, ncert, nstate;
	char asked[HF_SPB_TOPIC], state[128], cert[HF_SPB_TOPIC + 32];
	bool is_full, is_online;
	const char *no_tag; /* a metric that nobody wants */
} x;

static int tags[8];

static void *
bind(void *arg, const char *node, const char *device, const char *name)
{
	if (x.no_tag != NULL && strcmp(name, x.no_tag) == 0)
		return NULL;
	return &tags[strlen(name) % 8];
}

static void
reading(void *arg, const struct hf_spb_reading *r)
{
	if (x.n < NREADING)
		x.r[x.n++] = *r;
	if (r->v.str != NULL && r->v.str_len < sizeof(x.str)) {
		memcpy(x.str, r->v.str, r->v.str_len);
		x.str[r->v.str_len] = '\0';
	}
}

static int
publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct hf_spb_topic t;
	struct hf_spb_payload pl;
	struct hf_spb_metric m;

	if (x.is_full)
		return HF_EAGAIN;
	if (topic[0] == '$') {
		assert_true(retain);
		x.ncert++;
		snprintf(x.cert, sizeof(x.cert), "%s", topic);
		return HF_OK;
	}
	assert_int_equal(hf_spb_topic_parse(topic, &t, NULL), HF_OK);
	if (t.msg == HF_SPB_STATE) {
		assert_true(retain && qos == 1);
		x.nstate++;
		snprintf(
		    x.state, sizeof(x.state), "%.*s", (int)n, (const char *)p);
		return HF_OK;
	}
	/* tck-id-payloads-ncmd-timestamp, -seq, -qos, -retain */
	assert_int_equal(t.msg, HF_SPB_NCMD);
	assert_true(!retain && qos == 0);
	assert_int_equal(hf_spb_open(&pl, p, n, NULL), HF_OK);
	assert_true(pl.has_time && !pl.has_seq);
	assert_true(hf_spb_next(&pl, &m));
	assert_memory_equal(m.name, HF_SPB_REBIRTH, m.name_len);
	assert_int_equal(m.datatype, HF_SPB_BOOLEAN);
	assert_true(m.kind == HF_SPB_BOOL && m.u == 1);
	snprintf(x.asked, sizeof(x.asked), "%s", t.node);
	x.nask++;
	return HF_OK;
}

static void
start(const char *host_id, int64_t spread_ns)
{
	const struct hf_spb_host_conf conf = {.group = "G",
	    .host_id = host_id,
	    .back_ns = 10 * S,
	    .spread_ns = spread_ns,
	    .grace_ns = 10 * S,
	    .seed = 42,
	    .counters = &x.c};
	const struct hf_spb_host_ops ops = {
	    .bind = bind, .reading = reading, .publish = publish};

	assert_int_equal(hf_spb_host_new(&conf, &ops, &x.h, NULL), HF_OK);
	hf_spb_host_up(x.h, WALL, x.mono);
}

static int
setup(void **state)
{
	memset(&x, 0, sizeof(x));
	hf_buf_init(&x.buf, 4 * HF_SPB_BYTES);
	x.mono = 1000 * S;
	start(NULL, 0);
	return 0;
}

static int
teardown(void **state)
{
	hf_spb_host_free(x.h);
	hf_buf_fini(&x.buf);
	return 0;
}

static void
tick(int64_t dt_ns)
{
	x.mono += dt_ns;
	hf_spb_host_tick(x.h, WALL + x.mono, x.mono);
}

static void
feed(const char *topic, const void *p, size_t n, bool is_retained)
{
	const struct hf_spb_in in = {topic, p, n, is_retained};

	hf_spb_host_message(x.h, &in, WALL + x.mono, x.mono);
	tick(0);
}

static void
say(const char *topic, int seq, const struct hf_spb_metric *m, size_t n)
{
	kit_payload(&x.buf, 1700000000123, seq, m, n);
	feed(topic, x.buf.p, x.buf.len, false);
}

static void
nbirth(const char *node, uint64_t bdseq)
{
	struct hf_spb_metric m[] = {
	    kit_metric("bdSeq", HF_SPB_INT64, HF_SPB_U64, bdseq),
	    kit_metric(HF_SPB_REBIRTH, HF_SPB_BOOLEAN, HF_SPB_BOOL, 0),
	    kit_alias(kit_double("load", 0.5), 1)};
	char topic[HF_SPB_TOPIC];

	snprintf(topic, sizeof(topic), "spBv1.0/G/NBIRTH/%s", node);
	say(topic, 0, m, 3);
}

static void
ndeath(uint64_t bdseq)
{
	struct hf_spb_metric m =
	    kit_metric("bdSeq", HF_SPB_INT64, HF_SPB_U64, bdseq);

	say("spBv1.0/G/NDEATH/E", -1, &m, 1);
}

/* temp (alias 2, Double), count (alias 3, Int32) */
static void
dbirth(int seq)
{
	struct hf_spb_metric m[] = {kit_alias(kit_double("temp", 20.5), 2),
	    kit_alias(
		kit_metric("count", HF_SPB_INT32, HF_SPB_U32, 0xfffffff4), 3)};

	say("spBv1.0/G/DBIRTH/E/D", seq, m, 2);
}

static void
ddata(int seq, uint64_t alias, uint32_t u)
{
	struct hf_spb_metric m =
	    kit_alias(kit_metric(NULL, 0, HF_SPB_U32, u), alias);

	say("spBv1.0/G/DDATA/E/D", seq, &m, 1);
}

static void
born(void)
{
	nbirth("E", 7);
	dbirth(1);
	x.n = 0;
	x.nask = 0;
}

static uint64_t
counted(enum hf_counter c)
{
	return x.c.v[c];
}

/* ---- births and data ---- */

static void
tck_id_payloads_alias_birth_requirement(void **state)
{
	nbirth("E", 7);
	assert_int_equal(x.n, 3);
	dbirth(1);
	assert_int_equal(x.n, 5);
	assert_true(x.r[3].v.f64 == 20.5);
	assert_int_equal(x.r[3].t_ns, 1700000000123 * HF_NS_PER_MS);
	ddata(2, 3, 0xfffffff4); /* by alias, without a datatype */
	assert_int_equal(x.n, 6);
	assert_int_equal(x.r[5].v.vtype, HF_V_I64);
	assert_int_equal(x.r[5].v.i64, -12);
	assert_int_equal(x.r[5].status, HF_GOOD);
	assert_int_equal(x.nask, 0);
}

static void
data_by_name_uses_the_datatype_of_the_birth(void **state)
{
	struct hf_spb_metric m = kit_metric("count", 0, HF_SPB_U32, 4294967284);

	born();
	say("spBv1.0/G/DDATA/E/D", 2, &m, 1);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.r[0].v.i64, -12);
}

static void
data_before_birth_asks_once_for_a_rebirth(void **state)
{
	int i;

	for (i = 0; i < 20; i++)
		ddata(i, 3, 1);
	assert_int_equal(x.nask, 1);
	assert_string_equal(x.asked, "E");
	assert_int_equal(x.n, 0);
	assert_int_equal(counted(HF_C_SPB_BEFORE_BIRTH), 20);
}

static void
unanswered_requests_back_off_and_double(void **state)
{
	static const int at[] = {0, 10, 30, 70, 150};
	size_t i, k;

	for (i = 0; i < 5; i++) {
		x.mono = (1000 + at[i]) * S - 1;
		for (k = 0; i > 0 && k < 5; k++)
			ddata((int)k, 3, 1);
		assert_int_equal(x.nask, i);
		x.mono += 1;
		ddata(9, 3, 1);
		assert_int_equal(x.nask, i + 1);
	}
}

static void
device_data_without_device_birth_asks_for_a_rebirth(void **state)
{
	nbirth("E", 7);
	ddata(1, 3, 1);
	assert_int_equal(x.nask, 1);
}

static void
unknown_alias_asks_once_and_gives_nothing(void **state)
{
	int i;

	born();
	for (i = 0; i < 300; i++)
		ddata((2 + i) & 255, 1000 + (uint64_t)i, 1);
	assert_int_equal(x.nask, 1);
	assert_int_equal(x.n, 0);
	assert_int_equal(counted(HF_C_SPB_UNKNOWN), 300);
}

/* tck-id-payloads-sequence-num-incrementing */
static void
tck_id_payloads_sequence_num_incrementing(void **state)
{
	int i;

	born();
	for (i = 0; i < 600; i++)
		ddata((2 + i) & 255, 3, (uint32_t)i);
	assert_int_equal(counted(HF_C_SPB_GAPS), 0);
	assert_int_equal(x.nask, 0);
}

/* tck-id-operational-behavior-host-reordering-rebirth */
static void
tck_id_operational_behavior_host_reordering_rebirth(void **state)
{
	struct hf_spb_metric named = kit_double("temp", 3);

	born();
	ddata(4, 3, 5); /* 2 and 3 are missing */
	assert_int_equal(counted(HF_C_SPB_GAPS), 1);
	assert_int_equal(x.nask, 1);
	/* A birth may be missing: aliases may mean something else now. */
	assert_int_equal(x.r[0].status, HF_BAD_DATA_LOST);
	assert_int_equal(x.r[0].v.i64, 5);
	say("spBv1.0/G/DDATA/E/D", 5, &named, 1);
	assert_int_equal(x.r[1].status, HF_GOOD);
	ddata(8, 3, 6);
	assert_int_equal(x.nask, 1);
	nbirth("E", 7);
	dbirth(1);
	x.n = 0;
	ddata(2, 3, 6);
	assert_int_equal(x.r[0].status, HF_GOOD);
}

static void
message_that_comes_twice_is_dropped_without_a_request(void **state)
{
	born();
	ddata(2, 3, 1);
	ddata(2, 3, 1);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.nask, 0);
	assert_int_equal(counted(HF_C_SPB_DUPLICATE), 1);
}

static void
node_that_is_always_broken_is_asked_ever_less(void **state)
{
	int i;

	born();
	for (i = 0; i < 600; i++) { /* ten minutes: gap, rebirth, gap, ... */
		ddata(77, 3, 1);
		if (x.nask > 0)
			nbirth("E", 7);
		dbirth(1);
		tick(S);
	}
	assert_in_range(x.nask, 4, 8);
}

static void
rebirth_replaces_the_table(void **state)
{
	struct hf_spb_metric m = kit_alias(kit_double("other", 1), 3);

	born();
	nbirth("E", 7);
	say("spBv1.0/G/DBIRTH/E/D", 1, &m, 1);
	/* load and its like again; temp and count are gone: Bad */
	assert_int_equal(x.n, 6);
	assert_int_equal(x.r[3].status, HF_BAD_NO_COMMUNICATION);
	assert_int_equal(x.r[4].status, HF_BAD_NO_COMMUNICATION);
	x.n = 0;
	m = kit_alias(kit_double(NULL, 8), 3);
	m.datatype = 0;
	say("spBv1.0/G/DDATA/E/D", 2, &m, 1);
	assert_int_equal(x.r[0].v.vtype, HF_V_F64);
	assert_true(x.r[0].v.f64 == 8);
}

static void
device_without_a_birth_after_a_rebirth_is_dead_after_its_grace(void **state)
{
	born();
	nbirth("E", 7);
	x.n = 0;
	tick(9 * S);
	assert_int_equal(x.n, 0);
	tick(S);
	assert_int_equal(x.n, 2);
	assert_int_equal(x.r[0].status, HF_BAD_NO_COMMUNICATION);
}

static void
historical_values_carry_their_flag(void **state)
{
	struct hf_spb_metric m = kit_double("temp", 3);

	born();
	m.is_historical = true;
	m.has_time = true;
	m.t_ms = 1600000000000;
	say("spBv1.0/G/DDATA/E/D", 2, &m, 1);
	assert_true(x.r[0].is_historical);
	assert_int_equal(x.r[0].t_ns, INT64_C(1600000000) * S);
}

static void
quality_property_becomes_a_status(void **state)
{
	struct hf_spb_metric m = kit_double("temp", 3);

	born();
	m.has_quality = true;
	m.quality = HF_SPB_Q_BAD;
	say("spBv1.0/G/DDATA/E/D", 2, &m, 1);
	assert_true(hf_is_bad(x.r[0].status));
	assert_true(x.r[0].v.f64 == 3);
	m.quality = HF_SPB_Q_STALE;
	say("spBv1.0/G/DDATA/E/D", 3, &m, 1);
	assert_int_equal(x.r[1].status, HF_BAD_NO_COMMUNICATION);
	m.quality = HF_SPB_Q_GOOD;
	say("spBv1.0/G/DDATA/E/D", 4, &m, 1);
	assert_int_equal(x.r[2].status, HF_GOOD);
}

static void
values_without_a_tag_are_counted(void **state)
{
	x.no_tag = "temp";
	born();
	assert_int_equal(counted(HF_C_SPB_NO_TAG), 1);
	ddata(2, 2, 1);
	assert_int_equal(x.n, 0);
	assert_int_equal(counted(HF_C_SPB_NO_TAG), 2);
}

static void
unusable_time_stamps_are_none(void **state)
{
	struct hf_spb_metric m = kit_double("temp", 3);

	born();
	m.has_time = true;
	m.t_ms = UINT64_MAX;
	say("spBv1.0/G/DDATA/E/D", 2, &m, 1);
	assert_int_equal(x.r[0].t_ns, HF_TIME_NONE);
}

/* ---- deaths ---- */

/* tck-id-operational-behavior-edge-node-termination-host-action-ndeath-
 * node-tags-stale, -devices-tags-stale */
static void
ndeath_makes_all_metrics_of_node_and_devices_bad(void **state)
{
	size_t i;

	born();
	ndeath(7);
	assert_int_equal(x.n, 5); /* the node's three and the device's two */
	for (i = 0; i < x.n; i++) {
		assert_int_equal(x.r[i].status, HF_BAD_NO_COMMUNICATION);
		assert_int_equal(x.r[i].t_ns, WALL + x.mono);
	}
	ddata(2, 3, 1);
	assert_int_equal(x.n, 5);
	assert_int_equal(x.nask, 1);
}

/* tck-id-payloads-nbirth-bdseq-repeat: a will of another session */
static void
death_with_another_bdseq_is_not_believed(void **state)
{
	struct hf_spb_metric m = kit_double("nothing", 1);

	born();
	ndeath(6);
	ndeath(8);
	say("spBv1.0/G/NDEATH/E", -1, &m, 1);
	assert_int_equal(x.n, 0);
	assert_int_equal(counted(HF_C_SPB_OLD_DEATH), 3);
	ddata(2, 3, 1);
	assert_int_equal(x.n, 1);
}

static void
death_of_an_unknown_node_is_nothing(void **state)
{
	struct hf_spb_host_stats st;

	ndeath(1);
	hf_spb_host_stats(x.h, &st);
	assert_int_equal(st.nnode, 0);
	assert_int_equal(x.nask, 0);
}

static void
tck_id_payloads_ddeath_timestamp(void **state)
{
	born();
	say("spBv1.0/G/DDEATH/E/D", 2, NULL, 0);
	assert_int_equal(x.n, 2);
	assert_int_equal(x.r[0].t_ns, 1700000000123 * HF_NS_PER_MS);
	assert_int_equal(x.r[0].status, HF_BAD_NO_COMMUNICATION);
	dbirth(3);
	assert_int_equal(x.nask, 0);
	assert_int_equal(x.r[2].status, HF_GOOD);
}

static void
lost_connection_makes_all_bad_and_asks_all_again(void **state)
{
	born();
	hf_spb_host_down(x.h, WALL);
	assert_int_equal(x.n, 5);
	assert_int_equal(x.r[4].status, HF_BAD_NO_COMMUNICATION);
	x.mono += 60 * S;
	hf_spb_host_up(x.h, WALL, x.mono);
	tick(0);
	assert_int_equal(x.nask, 1);
}

/* ---- storms ---- */

static void
thousand_nodes_are_asked_once_each_spread_over_the_time(void **state)
{
	size_t i;
	char name[32];

	hf_spb_host_free(x.h);
	start(NULL, 2 * S);
	for (i = 0; i < 1000; i++) {
		struct hf_spb_metric m = kit_double("a", 1);

		snprintf(name, sizeof(name), "spBv1.0/G/NDATA/n%zu", i);
		say(name, 5, &m, 1);
	}
	for (i = 0; i < 100; i++) {
		tick(20 * HF_NS_PER_MS);
		if (i == 49)
			assert_in_range(x.nask, 750, 950);
	}
	assert_int_equal(x.nask, 1000);
	tick(5 * S);
	assert_int_equal(x.nask, 1000);
}

static void
expected_nodes_are_asked_without_their_data(void **state)
{
	hf_spb_host_free(x.h);
	start(NULL, 0);
	assert_int_equal(hf_spb_host_expect(x.h, "E", NULL), HF_OK);
	hf_spb_host_up(x.h, WALL, x.mono);
	tick(0);
	assert_int_equal(x.nask, 1);
	tick(3600 * S); /* a node that is not there is left alone */
	assert_int_equal(x.nask, 1);
}

static void
birth_that_comes_by_itself_cancels_the_request(void **state)
{
	hf_spb_host_free(x.h);
	start(NULL, 2 * S);
	hf_spb_host_expect(x.h, "E", NULL);
	hf_spb_host_up(x.h, WALL, x.mono);
	nbirth("E", 1);
	tick(5 * S);
	assert_int_equal(x.nask, 0);
}

static void
request_that_could_not_be_sent_is_sent_later(void **state)
{
	x.is_full = true;
	ddata(1, 3, 1);
	assert_int_equal(x.nask, 0);
	x.is_full = false;
	tick(S);
	assert_int_equal(x.nask, 1);
}

static void
retained_births_are_dropped(void **state)
{
	char topic[HF_SPB_TOPIC];
	struct hf_spb_host_stats st;
	int i;

	for (i = 0; i < 20000; i++) {
		kit_payload(&x.buf, 1, 0, NULL, 0);
		snprintf(topic, sizeof(topic), "spBv1.0/G/NBIRTH/n%d", i);
		feed(topic, x.buf.p, x.buf.len, true);
	}
	hf_spb_host_stats(x.h, &st);
	assert_int_equal(st.nnode, 0);
	assert_int_equal(x.nask, 0);
	assert_int_equal(counted(HF_C_SPB_RETAINED), 20000);
}

static void
nodes_over_the_limit_are_refused_and_the_known_go_on(void **state)
{
	char name[32];
	int i;

	born();
	for (i = 0; i < HF_SPB_NODES + 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		nbirth(name, 0);
	}
	assert_int_equal(counted(HF_C_SPB_LIMIT), 11);
	x.n = 0;
	ddata(2, 3, 1);
	assert_int_equal(x.n, 1);
}

static void
malformed_messages_change_nothing(void **state)
{
	static const char *const topics[] = {"spBv1.0/G/NDATA", "spBv1.0/G",
	    "spBv1.0/G/XDATA/E", "spBv1.0/G/NDATA/E/D", "spBv1.0/G/DDATA/E",
	    "spBv1.0/G/DDATA/E/D/F", "spAv1.0/G/NDATA/E", "",
	    "spBv1.0//NDATA/E", "spBv1.0/G/NDATA/"};
	struct hf_spb_host_stats st;
	size_t i;

	born();
	for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		say(topics[i], 2, NULL, 0);
	feed("spBv1.0/G/DDATA/E/D", "plain text", 10, false);
	assert_int_equal(counted(HF_C_SPB_MALFORMED),
	    sizeof(topics) / sizeof(topics[0]) + 1);
	hf_spb_host_stats(x.h, &st);
	assert_int_equal(st.malformed, 1);
	assert_non_null(strstr(st.last_bad, "E/D"));
	ddata(2, 3, 1);
	assert_int_equal(x.n, 1);
	assert_int_equal(x.nask, 0);
}

static void
compressed_payloads_are_refused_with_a_reason(void **state)
{
	struct hf_spb_host_stats st;

	born();
	hf_buf_reset(&x.buf);
	hf_pb_put_bytes(&x.buf, 4, "SPBV1.0_COMPRESSED", 18);
	feed("spBv1.0/G/DDATA/E/D", x.buf.p, x.buf.len, false);
	hf_spb_host_stats(x.h, &st);
	assert_non_null(strstr(st.last_bad, "compress"));
}

static void
other_groups_and_commands_are_not_ours(void **state)
{
	say("spBv1.0/H/NBIRTH/E", 0, NULL, 0);
	say("spBv1.0/G/NCMD/E", -1, NULL, 0);
	say("spBv1.0/G/DCMD/E/D", -1, NULL, 0);
	assert_int_equal(counted(HF_C_SPB_MESSAGES), 0);
}

/* ---- certificates, STATE ---- */

/* tck-id-conformance-mqtt-aware-nbirth-mqtt-topic */
static void
tck_id_conformance_mqtt_aware_nbirth_mqtt_topic(void **state)
{
	nbirth("E", 7);
	assert_string_equal(
	    x.cert, "$sparkplug/certificates/spBv1.0/G/NBIRTH/E");
	dbirth(1);
	assert_string_equal(
	    x.cert, "$sparkplug/certificates/spBv1.0/G/DBIRTH/E/D");
	assert_int_equal(x.ncert, 2);
}

static void
passive_host_publishes_no_state(void **state)
{
	char topic[HF_SPB_TOPIC];

	assert_false(hf_spb_host_will(x.h, WALL, topic, sizeof(topic), &x.buf));
	hf_spb_host_leave(x.h, WALL);
	assert_int_equal(x.nstate, 0);
}

/* tck-id-payloads-state-birth-payload, -will-message-payload */
static void
tck_id_payloads_state_birth_payload(void **state)
{
	char topic[HF_SPB_TOPIC];

	hf_spb_host_free(x.h);
	start("SCADA", 0);
	assert_true(hf_spb_host_will(x.h, WALL, topic, sizeof(topic), &x.buf));
	assert_string_equal(topic, "spBv1.0/STATE/SCADA");
	assert_string_equal(hf_buf_cstr(&x.buf),
	    "{\"online\":false,\"timestamp\":1700000000000}");
	hf_spb_host_up(x.h, WALL, x.mono);
	assert_string_equal(
	    x.state, "{\"online\":true,\"timestamp\":1700000000000}");
	x.nstate = 0;
	feed(topic, "{\"online\":false,\"timestamp\":1}", 30, false);
	assert_int_equal(x.nstate, 1);
	feed(topic, "{\"online\":true,\"timestamp\":1}", 29, false);
	assert_int_equal(x.nstate, 1);
	hf_spb_host_leave(x.h, WALL + S);
	assert_string_equal(
	    x.state, "{\"online\":false,\"timestamp\":1700000001000}");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(tck_id_payloads_alias_birth_requirement),
	    T(data_by_name_uses_the_datatype_of_the_birth),
	    T(data_before_birth_asks_once_for_a_rebirth),
	    T(unanswered_requests_back_off_and_double),
	    T(device_data_without_device_birth_asks_for_a_rebirth),
	    T(unknown_alias_asks_once_and_gives_nothing),
	    T(tck_id_payloads_sequence_num_incrementing),
	    T(tck_id_operational_behavior_host_reordering_rebirth),
	    T(message_that_comes_twice_is_dropped_without_a_request),
	    T(node_that_is_always_broken_is_asked_ever_less),
	    T(rebirth_replaces_the_table),
	    T(device_without_a_birth_after_a_rebirth_is_dead_after_its_grace),
	    T(historical_values_carry_their_flag),
	    T(quality_property_becomes_a_status),
	    T(values_without_a_tag_are_counted),
	    T(unusable_time_stamps_are_none),
	    T(ndeath_makes_all_metrics_of_node_and_devices_bad),
	    T(death_with_another_bdseq_is_not_believed),
	    T(death_of_an_unknown_node_is_nothing),
	    T(tck_id_payloads_ddeath_timestamp),
	    T(lost_connection_makes_all_bad_and_asks_all_again),
	    T(thousand_nodes_are_asked_once_each_spread_over_the_time),
	    T(expected_nodes_are_asked_without_their_data),
	    T(birth_that_comes_by_itself_cancels_the_request),
	    T(request_that_could_not_be_sent_is_sent_later),
	    T(retained_births_are_dropped),
	    T(nodes_over_the_limit_are_refused_and_the_known_go_on),
	    T(malformed_messages_change_nothing),
	    T(compressed_payloads_are_refused_with_a_reason),
	    T(other_groups_and_commands_are_not_ours),
	    T(tck_id_conformance_mqtt_aware_nbirth_mqtt_topic),
	    T(passive_host_publishes_no_state),
	    T(tck_id_payloads_state_birth_payload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
