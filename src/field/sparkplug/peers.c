/* SPDX-License-Identifier: Apache-2.0
 *
 * peers.c - the edge nodes and devices that a Sparkplug host knows, and asking
 * them for births.
 *
 * Asking: one NCMD "Node Control/Rebirth", and none again before it was
 * answered or back_ns passed, doubling to back_max_ns as long as the node goes
 * on like this; a node that was quiet about it for ten times as long starts
 * from back_ns. After a connect the requests are spread by a hash of the node's
 * name, over SPREAD_NODE_NS for each node that is known and spread_ns at most:
 * thousands of nodes do not answer at once, a few do.
 *
 * Limits: HF_SPB_NODES, HF_SPB_DEVICES; what is over them is refused and
 * counted, what is known stays. What births and data mean is in host.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/sparkplug/host_in.h"

#define QUIET_FACTOR 10 /* back-offs without a request, then from anew */
#define SPREAD_NODE_NS (2 * HF_NS_PER_MS)
#define RETRY_NS (100 * HF_NS_PER_MS) /* a request that could not be sent */

/* ---- nodes and devices ---- */

static size_t
slot_of(const struct hf_spb_host *h, const char *name)
{
	size_t i =
	    hf_spb_hash(h->conf.seed, name, strlen(name)) % HF_SPB_NODE_SLOTS;

	while (h->slots[i] != 0 &&
	       strcmp(h->nodes[h->slots[i] - 1]->name, name) != 0)
		i = (i + 1) % HF_SPB_NODE_SLOTS;
	return i;
}

struct hf_spb_peer *
hf_spb_peer_find(const struct hf_spb_host *h, const char *name)
{
	uint16_t at = h->slots[slot_of(h, name)];

	return at == 0 ? NULL : h->nodes[at - 1];
}

struct hf_spb_peer *
hf_spb_peer_need(struct hf_spb_host *h, const char *name)
{
	struct hf_spb_peer *n = hf_spb_peer_find(h, name);

	if (n != NULL)
		return n;
	n = h->nnode < HF_SPB_NODES ? calloc(1, sizeof(*n)) : NULL;
	if (n == NULL) {
		hf_spb_count(h, HF_C_SPB_LIMIT, 1);
		return NULL;
	}
	hf_strcpy(n->name, sizeof(n->name), name);
	n->back_ns = h->conf.back_ns;
	h->nodes[h->nnode++] = n;
	h->slots[slot_of(h, name)] = (uint16_t)h->nnode;
	return n;
}

struct hf_spb_scope *
hf_spb_device_find(const struct hf_spb_peer *n, const char *name)
{
	size_t i;

	for (i = 0; i < n->ndevice; i++)
		if (strcmp(n->devices[i]->name, name) == 0)
			return n->devices[i];
	return NULL;
}

struct hf_spb_scope *
hf_spb_device_need(
    struct hf_spb_host *h, struct hf_spb_peer *n, const char *name)
{
	struct hf_spb_scope *s = hf_spb_device_find(n, name), **more;

	if (s != NULL)
		return s;
	if (h->ndevice < HF_SPB_DEVICES && n->ndevice == n->cap) {
		more = realloc(n->devices,
		    (n->cap * 2 + 4) * sizeof(struct hf_spb_scope *));
		if (more != NULL) {
			n->devices = more;
			n->cap = n->cap * 2 + 4;
		}
	}
	if (h->ndevice < HF_SPB_DEVICES && n->ndevice < n->cap)
		s = calloc(1, sizeof(*s));
	if (s == NULL) {
		hf_spb_count(h, HF_C_SPB_LIMIT, 1);
		return NULL;
	}
	hf_strcpy(s->name, sizeof(s->name), name);
	n->devices[n->ndevice++] = s;
	h->ndevice++;
	return s;
}

/* ---- rebirth requests ---- */

void
hf_spb_wake_at(struct hf_spb_host *h, int64_t mono_ns)
{
	if (mono_ns < h->next_ns)
		h->next_ns = mono_ns;
}

void
hf_spb_want_birth(struct hf_spb_host *h, struct hf_spb_peer *n, int64_t mono_ns)
{
	const int64_t most = (int64_t)h->nnode * SPREAD_NODE_NS,
		      spread =
			  most < h->conf.spread_ns ? most : h->conf.spread_ns;
	int64_t at = mono_ns, slot;

	if (!h->is_up || n->ask == HF_SPB_ASK_DUE)
		return;
	if (n->asked_ns != 0 && mono_ns - n->asked_ns < n->back_ns)
		at = n->asked_ns + n->back_ns;
	if (n->ask == HF_SPB_ASK_SENT && at > mono_ns)
		return; /* asked, not answered yet: no more for now */
	if (spread > 0 && mono_ns - h->up_ns < spread) {
		slot = h->up_ns + (int64_t)(hf_spb_hash(h->conf.seed + 1,
						n->name, strlen(n->name)) %
					    (uint64_t)spread);
		at = slot > at ? slot : at;
	}
	n->ask = HF_SPB_ASK_DUE;
	n->ask_at_ns = at;
	hf_spb_wake_at(h, at);
}

static int
send_request(
    struct hf_spb_host *h, const struct hf_spb_peer *n, int64_t wall_ns)
{
	struct hf_spb_topic t = {.msg = HF_SPB_NCMD};
	static const struct hf_spb_metric rebirth = {.name = HF_SPB_REBIRTH,
	    .name_len = sizeof(HF_SPB_REBIRTH) - 1,
	    .datatype = HF_SPB_BOOLEAN,
	    .kind = HF_SPB_BOOL,
	    .u = 1};
	char topic[HF_SPB_TOPIC];
	struct hf_buf b, tmp;
	int rc;

	hf_strcpy(t.group, sizeof(t.group), h->group);
	hf_strcpy(t.node, sizeof(t.node), n->name);
	hf_spb_topic_make(&t, topic);
	hf_buf_init(&b, 256);
	hf_buf_init(&tmp, 256);
	hf_spb_put_head(&b, (uint64_t)(wall_ns / HF_NS_PER_MS), false, 0);
	hf_spb_put_metric(&b, &rebirth, &tmp);
	rc = hf_buf_ok(&b)
		 ? h->ops.publish(h->ops.arg, topic, b.p, b.len, 0, false)
		 : HF_ENOMEM;
	hf_buf_fini(&tmp);
	hf_buf_fini(&b);
	return rc;
}

void
hf_spb_peer_ask(
    struct hf_spb_host *h, struct hf_spb_peer *n, const struct hf_spb_now *now)
{
	if (send_request(h, n, now->wall_ns) != HF_OK) {
		n->ask_at_ns = now->mono_ns + RETRY_NS;
		return;
	}
	if (n->asked_ns != 0 &&
	    now->mono_ns - n->asked_ns > QUIET_FACTOR * n->back_ns)
		n->back_ns = h->conf.back_ns;
	else if (n->asked_ns != 0)
		n->back_ns = n->back_ns > h->conf.back_max_ns / 2
				 ? h->conf.back_max_ns
				 : n->back_ns * 2;
	n->asked_ns = now->mono_ns;
	n->ask = HF_SPB_ASK_SENT;
	h->stats.rebirths++;
	hf_spb_count(h, HF_C_SPB_REBIRTHS, 1);
}

/* ---- what is known ---- */

int
hf_spb_host_expect(struct hf_spb_host *h, const char *node, struct hf_err *err)
{
	if (!hf_spb_id_ok(node))
		return HF_FAIL(err, HF_EINVAL, "edge node \"%s\"", node);
	if (hf_spb_peer_need(h, node) == NULL)
		return HF_FAIL(err, HF_ELIMIT,
		    "a Sparkplug host follows %d edge nodes at most",
		    HF_SPB_NODES);
	return HF_OK;
}

void
hf_spb_host_stats(const struct hf_spb_host *h, struct hf_spb_host_stats *out)
{
	size_t i;

	*out = h->stats;
	out->nnode = h->nnode;
	out->nalive = 0;
	for (i = 0; i < h->nnode; i++)
		out->nalive += h->nodes[i]->self.is_born;
}

static bool
list_scope(const struct hf_spb_peer *n, const struct hf_spb_scope *s,
    bool (*fn)(void *arg, const struct hf_spb_listed *m), void *arg)
{
	struct hf_spb_listed l = {.node = n->name, .device = s->name};
	size_t i;

	for (i = 0; i < s->table.n; i++) {
		const struct hf_spb_entry *e = &s->table.e[i];

		l.name = e->name;
		l.unit = e->unit;
		l.datatype = e->datatype;
		l.tag = e->tag;
		if (!fn(arg, &l))
			return false;
	}
	return true;
}

void
hf_spb_host_each(const struct hf_spb_host *h,
    bool (*fn)(void *arg, const struct hf_spb_listed *m), void *arg)
{
	size_t i, k;

	for (i = 0; i < h->nnode; i++) {
		const struct hf_spb_peer *n = h->nodes[i];

		if (!list_scope(n, &n->self, fn, arg))
			return;
		for (k = 0; k < n->ndevice; k++)
			if (!list_scope(n, n->devices[k], fn, arg))
				return;
	}
}
