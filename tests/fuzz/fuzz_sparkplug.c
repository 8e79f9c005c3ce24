/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sparkplug.c - hostile payloads and orders of messages against the host,
 * the node and the address parser.
 *
 * Input: the whole of it is parsed as one payload and its first bytes as an
 * address; then chunks: a byte c, where
 *    0x00-0x3f  a message of type c & 7 of node c >> 3 & 3 and, for D types,
 *               device c >> 5 & 1; then a length byte n, n bytes of payload
 *    0x40-0x4f  the same as a retained one
 *    0x50-0x5f  STATE, with a length byte and its payload
 *    0x60-0x6f  the connection drops and comes back
 *    others     time passes: (c & 15) seconds
 * Checked: good numbers are finite; texts are bounded; no node is asked twice
 * within the back-off.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/sparkplug/addr.h"
#include "field/sparkplug/host.h"
#include "field/sparkplug/node.h"
#include "field/sparkplug/topic.h"
#include "model/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define BACK_NS (10 * HF_NS_PER_S)
#define WALL (INT64_C(1700000000) * HF_NS_PER_S)

static struct {
	struct hf_spb_host *h;
	struct hf_spb_node *n;
	int64_t mono;
	int64_t asked_ns[4]; /* by node; 0 = not in this connection */
} x;

static void *
bind(void *arg, const char *node, const char *device, const char *name)
{
	if (strlen(name) > HF_SPB_NAME)
		abort();
	return name[0] == 'n' ? NULL : &x;
}

static void
reading(void *arg, const struct hf_spb_reading *r)
{
	if (r->v.vtype == HF_V_STR && r->v.str_len > HF_VALUE_STR)
		abort();
	if (hf_is_good(r->status) && r->v.vtype == HF_V_F64 &&
	    !isfinite(r->v.f64))
		abort();
}

static int
host_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct hf_spb_topic t;
	size_t i;

	if (topic[0] == '$')
		return HF_OK;
	if (hf_spb_topic_parse(topic, &t, NULL) != HF_OK)
		abort();
	if (t.msg != HF_SPB_NCMD)
		return HF_OK;
	i = (size_t)(t.node[0] - '0') & 3;
	if (x.asked_ns[i] != 0 && x.mono - x.asked_ns[i] < BACK_NS)
		abort(); /* a storm */
	x.asked_ns[i] = x.mono;
	return HF_OK;
}

static int
node_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct hf_spb_payload pl;

	if (hf_spb_open(&pl, p, n, NULL) != HF_OK)
		abort();
	return x.mono / HF_NS_PER_S % 5 == 0 ? HF_EAGAIN : HF_OK;
}

static void
node_disconnect(void *arg)
{
}

static void
open_both(void)
{
	static const char *const devices[] = {"0"};
	static const struct hf_spb_node_metric metrics[] = {
	    {"a", NULL, 0, HF_SPB_DOUBLE}};
	const struct hf_spb_host_conf hc = {.group = "G",
	    .host_id = "h",
	    .back_ns = BACK_NS,
	    .spread_ns = HF_NS_PER_S,
	    .grace_ns = BACK_NS};
	const struct hf_spb_host_ops ho = {
	    .bind = bind, .reading = reading, .publish = host_publish};
	const struct hf_spb_node_conf nc = {.group = "G",
	    .node = "0",
	    .primary_host = "h",
	    .devices = devices,
	    .ndevice = 1,
	    .metrics = metrics,
	    .nmetric = 1};
	const struct hf_spb_node_ops no = {
	    .publish = node_publish, .disconnect = node_disconnect};

	if (hf_spb_host_new(&hc, &ho, &x.h, NULL) != HF_OK ||
	    hf_spb_node_new(&nc, &no, &x.n, NULL) != HF_OK)
		abort();
	hf_spb_host_up(x.h, WALL, x.mono);
	hf_spb_node_device(x.n, 0, true);
	hf_spb_node_up(x.n, WALL, x.mono);
}

static void
parse_address(const uint8_t *p, size_t n)
{
	char text[HF_SPB_NAME + 300];
	struct hf_spb_addr a;

	n = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
	memcpy(text, p, n);
	text[n] = '\0';
	if (hf_spb_addr_parse(text, &a, NULL) == HF_OK &&
	    (!hf_spb_id_ok(a.node) || a.metric[0] == '\0'))
		abort();
}

static void
parse_payload(const uint8_t *p, size_t n)
{
	struct hf_spb_payload pl;
	struct hf_spb_metric m;
	struct hf_spb_value v;
	uint32_t type;
	size_t k = 0;

	if (hf_spb_open(&pl, p, n, NULL) != HF_OK)
		return;
	while (hf_spb_next(&pl, &m)) {
		k++;
		for (type = 0; type < HF_SPB_NTYPE + 2; type++)
			hf_spb_value(&m, type, &v);
	}
	if (k != pl.nmetric)
		abort(); /* open and next must agree */
}

static void
message(uint8_t c, const uint8_t *p, size_t n)
{
	struct hf_spb_topic t = {.msg = (enum hf_spb_msg)(c & 7),
	    .group = "G",
	    .node = {(char)('0' + (c >> 3 & 3))}};
	char topic[HF_SPB_TOPIC];
	const struct hf_spb_in in = {.topic = topic,
	    .p = p,
	    .n = n,
	    .is_retained = c >= 0x40 && c < 0x50};

	if (c >= 0x50) {
		t.msg = HF_SPB_STATE;
		t.node[0] = 'h';
	} else if (t.msg >= HF_SPB_DBIRTH) {
		t.device[0] = (char)('0' + (c >> 5 & 1));
	}
	hf_spb_topic_make(&t, topic);
	hf_spb_host_message(x.h, &in, WALL, x.mono);
	hf_spb_node_message(x.n, topic, p, n, WALL, x.mono);
}

static bool
listed(void *arg, const struct hf_spb_listed *m)
{
	static struct hf_plant plant;
	struct hf_buf row;

	hf_buf_init(&row, 8192);
	hf_spb_suggest(&plant, m, &row);
	hf_buf_fini(&row);
	return true;
}

static void
reconnect(void)
{
	hf_spb_host_down(x.h, WALL);
	hf_spb_node_down(x.n);
	memset(x.asked_ns, 0, sizeof(x.asked_ns));
	x.mono += 11 * HF_NS_PER_S;
	hf_spb_host_up(x.h, WALL, x.mono);
	hf_spb_node_up(x.n, WALL, x.mono);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t k;
	uint8_t c;

	parse_payload(p, n);
	parse_address(p, n);
	memset(&x, 0, sizeof(x));
	x.mono = 1000 * HF_NS_PER_S;
	open_both();
	while (n > 0) {
		c = *p++;
		n--;
		if (c < 0x60 && n > 0) {
			k = *p++;
			n--;
			k = k < n ? k : n;
			message(c, p, k);
			p += k;
			n -= k;
		} else if (c < 0x70) {
			reconnect();
		} else {
			x.mono += (c & 15) * HF_NS_PER_S;
		}
		hf_spb_host_tick(x.h, WALL, x.mono);
		hf_spb_node_pump(x.n, WALL, x.mono);
	}
	hf_spb_host_each(x.h, listed, NULL);
	hf_spb_host_free(x.h);
	hf_spb_node_free(x.n);
	return 0;
}
