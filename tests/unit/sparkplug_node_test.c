/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug_node_test.c - our edge node: births, data, deaths, commands. Tests
 * of a rule of Sparkplug 3.0 bear the name of its tck-id. The last tests let
 * our host hear our node.
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
#include "field/sparkplug/node.h"
#include "field/sparkplug/topic.h"
#include "model/quality.h"
#include "sparkplug_kit.h"

#define S HF_NS_PER_S
#define WALL (INT64_C(1700000000) * S)
#define NSENT 512

static const char *const devices[] = {"press", "pump"};
static const struct hf_spb_node_metric metrics[] = {
    {"temp", "degC", 0, HF_SPB_DOUBLE},
    {"count", NULL, 0, HF_SPB_INT32},
    {"on", NULL, 0, HF_SPB_BOOLEAN},
    {"name", NULL, 1, HF_SPB_STRING},
    {"load", NULL, 1, HF_SPB_FLOAT},
};

static struct {
	struct hf_spb_node *n;
	struct hf_spb_host *host; /* hears everything, if there is one */
	struct hf_counters c;
	struct hf_buf buf;
	int64_t mono;
	struct sent {
		struct hf_spb_topic t;
		uint64_t seq;
		bool has_seq;
	} sent[NSENT];
	size_t n_sent, nheard, ndisconnect;
	struct hf_buf last; /* payload of the last message */
	bool is_full;
	struct hf_spb_reading heard[NSENT];
} x;

static int
publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct sent *s = &x.sent[x.n_sent];
	const struct hf_spb_in in = {topic, p, n, false};
	struct hf_spb_payload pl;

	if (x.is_full)
		return HF_EAGAIN;
	assert_true(x.n_sent < NSENT);
	assert_int_equal(hf_spb_topic_parse(topic, &s->t, NULL), HF_OK);
	assert_int_equal(hf_spb_open(&pl, p, n, NULL), HF_OK);
	assert_int_equal(qos, s->t.msg == HF_SPB_NDEATH ? 1 : 0);
	assert_false(retain);
	assert_true(pl.has_time);
	s->has_seq = pl.has_seq;
	s->seq = pl.seq;
	x.n_sent++;
	hf_buf_reset(&x.last);
	hf_buf_put(&x.last, p, n);
	if (x.host != NULL)
		hf_spb_host_message(x.host, &in, WALL, x.mono);
	return HF_OK;
}

static void
disconnect(void *arg)
{
	x.ndisconnect++;
}

static void
start(const char *primary, uint8_t bdseq)
{
	const struct hf_spb_node_conf conf = {.group = "G",
	    .node = "E",
	    .primary_host = primary,
	    .bdseq = bdseq,
	    .devices = devices,
	    .ndevice = 2,
	    .metrics = metrics,
	    .nmetric = 5,
	    .counters = &x.c};
	const struct hf_spb_node_ops ops = {
	    .publish = publish, .disconnect = disconnect};

	hf_spb_node_free(x.n);
	assert_int_equal(hf_spb_node_new(&conf, &ops, &x.n, NULL), HF_OK);
}

static void
will(char *topic)
{
	char ours[HF_SPB_TOPIC];

	assert_int_equal(
	    hf_spb_node_will(x.n, WALL, ours, sizeof(ours), &x.buf), HF_OK);
	if (topic != NULL)
		memcpy(topic, ours, sizeof(ours));
}

static void
up(void)
{
	will(NULL);
	hf_spb_node_up(x.n, WALL, x.mono);
}

static void
pump(int64_t dt_ns)
{
	x.mono += dt_ns;
	hf_spb_node_pump(x.n, WALL, x.mono);
}

static int
setup(void **state)
{
	memset(&x, 0, sizeof(x));
	hf_buf_init(&x.buf, HF_SPB_BYTES);
	hf_buf_init(&x.last, HF_SPB_BYTES);
	x.mono = 1000 * S;
	start(NULL, 0);
	return 0;
}

static int
teardown(void **state)
{
	hf_spb_node_free(x.n);
	hf_spb_host_free(x.host);
	hf_buf_fini(&x.buf);
	hf_buf_fini(&x.last);
	return 0;
}

static void
value(size_t idx, double f)
{
	const struct hf_sample s = {
	    .t_ns = WALL, .vtype = HF_V_F64, .v.f64 = f};

	hf_spb_node_value(x.n, idx, &s, NULL);
}

static void
count_is(int64_t i, uint32_t status)
{
	const struct hf_sample s = {
	    .t_ns = WALL, .vtype = HF_V_I64, .v.i64 = i, .status = status};

	hf_spb_node_value(x.n, 1, &s, NULL);
}

/* Metric i of the last payload. */
static struct hf_spb_metric
metric(size_t i)
{
	struct hf_spb_payload pl;
	struct hf_spb_metric m = {0};

	assert_int_equal(hf_spb_open(&pl, x.last.p, x.last.len, NULL), HF_OK);
	do
		assert_true(hf_spb_next(&pl, &m));
	while (i-- > 0);
	return m;
}

static bool
is_named(const struct hf_spb_metric *m, const char *name)
{
	return m->name_len == strlen(name) &&
	       memcmp(m->name, name, m->name_len) == 0;
}

static void
command(const char *topic, const char *name, uint64_t u)
{
	struct hf_spb_metric m =
	    kit_metric(name, HF_SPB_BOOLEAN, HF_SPB_BOOL, u);

	kit_payload(&x.buf, 1, -1, &m, 1);
	hf_spb_node_message(x.n, topic, x.buf.p, x.buf.len, WALL, x.mono);
}

static void
state_is(const char *host, bool is_online, int64_t ms)
{
	char topic[64], json[64];

	snprintf(topic, sizeof(topic), "spBv1.0/STATE/%s", host);
	snprintf(json, sizeof(json), "{\"online\":%s,\"timestamp\":%lld}",
	    is_online ? "true" : "false", (long long)ms);
	hf_spb_node_message(x.n, topic, json, strlen(json), WALL, x.mono);
}

/* ---- session ---- */

/* tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq,
 * tck-id-payloads-ndeath-bdseq */
static void
will_and_birth_of_a_session_have_one_bdseq(void **state)
{
	struct hf_spb_payload pl;
	struct hf_spb_metric m;
	char topic[HF_SPB_TOPIC];

	start(NULL, 255);
	will(topic);
	assert_string_equal(topic, "spBv1.0/G/NDEATH/E");
	assert_int_equal(hf_spb_open(&pl, x.buf.p, x.buf.len, NULL), HF_OK);
	assert_false(pl.has_seq);
	assert_true(hf_spb_next(&pl, &m));
	assert_true(is_named(&m, "bdSeq"));
	assert_int_equal(m.u, 255);
	assert_int_equal(pl.nmetric, 1);
	hf_spb_node_up(x.n, WALL, x.mono);
	m = metric(0);
	assert_true(is_named(&m, "bdSeq"));
	assert_int_equal(m.u, 255);
	hf_spb_node_down(x.n);
	up(); /* a new session, a new number: it wraps */
	assert_int_equal(metric(0).u, 0);
	assert_int_equal(hf_spb_node_bdseq(x.n), 0);
}

/* tck-id-payloads-sequence-num-zero-nbirth, tck-id-topics-nbirth-... */
static void
tck_id_payloads_sequence_num_zero_nbirth(void **state)
{
	struct hf_spb_metric m;

	up();
	assert_int_equal(x.n_sent, 1);
	assert_int_equal(x.sent[0].t.msg, HF_SPB_NBIRTH);
	assert_true(x.sent[0].has_seq);
	assert_int_equal(x.sent[0].seq, 0);
	m = metric(1);
	assert_true(is_named(&m, HF_SPB_REBIRTH));
	assert_int_equal(m.datatype, HF_SPB_BOOLEAN);
	assert_int_equal(m.u, 0);
	assert_false(m.has_alias);
}

static void
device_birth_names_every_metric_with_alias_type_and_value(void **state)
{
	struct hf_spb_metric m;

	value(0, 20.5);
	hf_spb_node_device(x.n, 0, true);
	up();
	assert_int_equal(x.n_sent, 2);
	assert_int_equal(x.sent[1].t.msg, HF_SPB_DBIRTH);
	assert_string_equal(x.sent[1].t.device, "press");
	assert_int_equal(x.sent[1].seq, 1);
	m = metric(0);
	assert_true(is_named(&m, "temp"));
	assert_true(m.has_alias && m.alias == 1);
	assert_int_equal(m.datatype, HF_SPB_DOUBLE);
	assert_memory_equal(m.unit, "degC", 4);
	assert_true(m.f == 20.5 && m.has_time);
	m = metric(1); /* nothing known yet */
	assert_true(m.is_null);
	assert_int_equal(m.datatype, HF_SPB_INT32);
}

static void
data_goes_by_alias_with_its_own_time(void **state)
{
	struct hf_spb_metric m;

	hf_spb_node_device(x.n, 0, true);
	up();
	count_is(-12, HF_GOOD);
	pump(0);
	assert_int_equal(x.sent[2].t.msg, HF_SPB_DDATA);
	assert_int_equal(x.sent[2].seq, 2);
	m = metric(0);
	assert_null(m.name);
	assert_int_equal(m.alias, 2);
	assert_int_equal(m.kind, HF_SPB_U32);
	assert_int_equal(m.u, 4294967284);
	assert_int_equal(m.datatype, HF_SPB_INT32);
	assert_int_equal(m.t_ms, 1700000000000);
	assert_false(m.has_quality);
	pump(S);
	assert_int_equal(x.n_sent, 3); /* nothing new, nothing sent */
}

/* tck-id-payloads-sequence-num-incrementing */
static void
seq_wraps_over_all_messages_of_the_node(void **state)
{
	size_t i;

	hf_spb_node_device(x.n, 0, true);
	hf_spb_node_device(x.n, 1, true);
	up();
	for (i = 0; i < 400; i++) {
		value(i % 3 == 0 ? 4 : 0, (double)i);
		if (i % 50 == 0)
			hf_spb_node_device(x.n, 1, i % 100 == 0);
		pump(0);
	}
	assert_true(x.n_sent > 300);
	for (i = 0; i < x.n_sent; i++)
		assert_int_equal(x.sent[i].seq, i & 255);
}

static void
quality_of_what_is_not_good_is_said(void **state)
{
	struct hf_spb_metric m;

	hf_spb_node_device(x.n, 0, true);
	up();
	count_is(5, HF_UNCERTAIN);
	pump(0);
	m = metric(0);
	assert_true(m.has_quality && m.quality == HF_SPB_Q_STALE);
	assert_true(!m.is_null && m.u == 5);
	count_is(6, HF_BAD_SENSOR_FAILURE);
	pump(0);
	m = metric(0);
	assert_true(m.has_quality && m.quality == HF_SPB_Q_BAD);
	assert_true(m.is_null && m.kind == HF_SPB_NONE);
	count_is(INT64_MAX, HF_GOOD); /* no Int32 */
	pump(0);
	m = metric(0);
	assert_true(m.is_null && m.quality == HF_SPB_Q_BAD);
	value(0, (double)NAN);
	pump(0);
	assert_true(metric(0).is_null);
}

static void
device_that_goes_down_dies_and_is_born_again(void **state)
{
	hf_spb_node_device(x.n, 0, true);
	up();
	hf_spb_node_device(x.n, 0, false);
	pump(0);
	assert_int_equal(x.sent[2].t.msg, HF_SPB_DDEATH);
	assert_int_equal(x.sent[2].seq, 2);
	value(0, 1);
	pump(0);
	assert_int_equal(x.n_sent, 3); /* no data of the dead */
	hf_spb_node_device(x.n, 0, true);
	pump(0);
	assert_int_equal(x.sent[3].t.msg, HF_SPB_DBIRTH);
	assert_true(metric(0).f == 1);
}

static void
full_connection_uses_no_number_and_loses_nothing(void **state)
{
	hf_spb_node_device(x.n, 0, true);
	x.is_full = true;
	up();
	pump(0);
	assert_int_equal(x.n_sent, 0);
	x.is_full = false;
	pump(0);
	assert_int_equal(x.n_sent, 2);
	x.is_full = true;
	value(0, 1);
	pump(0);
	value(0, 2);
	pump(0);
	x.is_full = false;
	pump(0);
	assert_int_equal(x.n_sent, 3);
	assert_int_equal(x.sent[2].seq, 2);
	assert_true(metric(0).f == 2);
}

/* ---- commands ---- */

/* tck-id-operational-behavior-data-commands-rebirth-action-2, -3 */
static void
tck_id_operational_behavior_data_commands_rebirth_action_3(void **state)
{
	hf_spb_node_device(x.n, 0, true);
	up();
	pump(2 * S);
	command("spBv1.0/G/NCMD/E", HF_SPB_REBIRTH, 1);
	assert_int_equal(x.n_sent, 4);
	assert_int_equal(x.sent[2].t.msg, HF_SPB_NBIRTH);
	assert_int_equal(x.sent[2].seq, 0);
	assert_int_equal(x.sent[3].t.msg, HF_SPB_DBIRTH);
	command("spBv1.0/G/NCMD/E", HF_SPB_REBIRTH, 0);
	pump(2 * S);
	assert_int_equal(x.n_sent, 4);
}

static void
storm_of_rebirth_requests_is_answered_once_a_second(void **state)
{
	size_t i;

	up();
	for (i = 0; i < 1000; i++) {
		command("spBv1.0/G/NCMD/E", HF_SPB_REBIRTH, 1);
		pump(S / 100);
	}
	assert_in_range(x.n_sent, 10, 12);
}

static void
writes_are_refused_and_counted(void **state)
{
	hf_spb_node_device(x.n, 0, true);
	up();
	command("spBv1.0/G/DCMD/E/press", "on", 1);
	command("spBv1.0/G/NCMD/E", "Node Control/Reboot", 1);
	pump(2 * S);
	assert_int_equal(x.c.v[HF_C_SPB_NODE_DENIED], 2);
	assert_int_equal(x.n_sent, 2);
	hf_spb_node_message(
	    x.n, "spBv1.0/G/NCMD/E", "plain text", 10, WALL, x.mono);
	command("spBv1.0/G/NCMD/other", HF_SPB_REBIRTH, 1);
	pump(2 * S);
	assert_int_equal(x.n_sent, 2);
}

/* ---- primary host ---- */

/* tck-id-message-flow-edge-node-birth-publish-phid-wait */
static void
tck_id_message_flow_edge_node_birth_publish_phid_wait(void **state)
{
	start("SCADA", 0);
	hf_spb_node_device(x.n, 0, true);
	assert_string_equal(hf_spb_node_filter(x.n, 2), "spBv1.0/STATE/SCADA");
	assert_null(hf_spb_node_filter(x.n, 3));
	up();
	pump(S);
	state_is("OTHER", true, 5);
	state_is("SCADA", false, 5);
	hf_spb_node_message(
	    x.n, "spBv1.0/STATE/SCADA", "ONLINE", 6, WALL, x.mono);
	assert_int_equal(x.n_sent, 0);
	state_is("SCADA", true, 4); /* older than the last */
	assert_int_equal(x.n_sent, 0);
	state_is("SCADA", true, 6);
	assert_int_equal(x.n_sent, 2);
}

/* tck-id-operational-behavior-edge-node-termination-host-offline */
static void
tck_id_operational_behavior_edge_node_termination_host_offline(void **state)
{
	start("SCADA", 0);
	up();
	state_is("SCADA", true, 6);
	state_is("SCADA", false, 5);
	assert_int_equal(x.ndisconnect, 0);
	state_is("SCADA", false, 6);
	assert_int_equal(x.ndisconnect, 1);
	assert_int_equal(x.sent[x.n_sent - 1].t.msg, HF_SPB_NDEATH);
	assert_false(x.sent[x.n_sent - 1].has_seq);
	assert_int_equal(metric(0).u, 0);
	assert_false(hf_spb_node_is_born(x.n));
}

/* tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath */
static void
tck_id_operational_behavior_edge_node_intentional_disconnect(void **state)
{
	up();
	hf_spb_node_leave(x.n);
	assert_int_equal(x.sent[1].t.msg, HF_SPB_NDEATH);
}

/* ---- our host hears our node ---- */

static void *
bind(void *arg, const char *node, const char *device, const char *name)
{
	return &x;
}

static void
reading(void *arg, const struct hf_spb_reading *r)
{
	if (x.nheard < NSENT)
		x.heard[x.nheard++] = *r;
}

static int
host_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	return HF_OK;
}

static void
what_the_node_says_is_what_the_host_hears(void **state)
{
	const struct hf_spb_host_conf conf = {
	    .group = "G", .back_ns = S, .grace_ns = S, .counters = &x.c};
	const struct hf_spb_host_ops ops = {
	    .bind = bind, .reading = reading, .publish = host_publish};
	struct hf_spb_host_stats st;
	int64_t i;

	assert_int_equal(hf_spb_host_new(&conf, &ops, &x.host, NULL), HF_OK);
	hf_spb_host_up(x.host, WALL, x.mono);
	hf_spb_node_device(x.n, 0, true);
	up();
	for (i = -150; i < 150; i++) {
		x.nheard = 0;
		count_is(i * 14316557, HF_GOOD);
		pump(0);
		assert_int_equal(x.nheard, 1);
		assert_int_equal(x.heard[0].v.i64, i * 14316557);
		assert_int_equal(x.heard[0].t_ns, WALL);
	}
	hf_spb_host_stats(x.host, &st);
	assert_int_equal(st.gaps, 0);
	assert_int_equal(st.rebirths, 0);
	assert_int_equal(x.c.v[HF_C_SPB_UNKNOWN], 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(will_and_birth_of_a_session_have_one_bdseq),
	    T(tck_id_payloads_sequence_num_zero_nbirth),
	    T(device_birth_names_every_metric_with_alias_type_and_value),
	    T(data_goes_by_alias_with_its_own_time),
	    T(seq_wraps_over_all_messages_of_the_node),
	    T(quality_of_what_is_not_good_is_said),
	    T(device_that_goes_down_dies_and_is_born_again),
	    T(full_connection_uses_no_number_and_loses_nothing),
	    T(tck_id_operational_behavior_data_commands_rebirth_action_3),
	    T(storm_of_rebirth_requests_is_answered_once_a_second),
	    T(writes_are_refused_and_counted),
	    T(tck_id_message_flow_edge_node_birth_publish_phid_wait),
	    T(tck_id_operational_behavior_edge_node_termination_host_offline),
	    T(tck_id_operational_behavior_edge_node_intentional_disconnect),
	    T(what_the_node_says_is_what_the_host_hears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
