/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_export.c - `exports: {to: sparkplug}`: this edge's tags as a Sparkplug B
 * edge node.
 *
 * field/sparkplug/node.c knows the protocol; this file gives it a connection,
 * the values that core has made durable, and word of the devices. A Holdfast
 * device is a Sparkplug device, its tag a metric of the same name.
 *
 * Way of a value: edge_exports_note() puts it into a mirror with the number of
 * its batch; each `interval` the mirror hands out the newest value of each tag
 * whose batch core has acknowledged, and the node publishes them. Back-filled
 * samples are history and do not go out. A consumer therefore sees each tag at
 * most once an interval, and nothing that a power cut could take back.
 *
 * bdSeq goes on over restarts: the number of the last session is in the file
 * bdseq-<export> of the spool folder, so that the will of a killed edge, sent
 * late, never matches the session of its successor.
 *
 * Tags of the zone whose device has an edge of its own (serial lines) are not
 * ours: their values never come here.
 */
#include "proc/edge_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "base/time.h"
#include "bus/mirror.h"
#include "field/broker.h"
#include "field/sparkplug/node.h"
#include "field/sparkplug/topic.h"
#include "os/file.h"
#include "proc/edge.h"

#define OFF(f) .off = offsetof(struct conf, f)
#define CERTIFICATES "$sparkplug/certificates/"

struct conf {
	struct hf_broker_conf broker; /* first: its host is looked for there */
	char *group, *node, *primary_host;
	int64_t interval_ns;
};

static const struct hf_opt opts[] = {
    HF_BROKER_OPTS(conf, broker, "3.1.1"),
    {.name = "group",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	OFF(group),
	.help = "Sparkplug group of the edge node."},
    {.name = "node",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	OFF(node),
	.help = "Id of the edge node, unique in its group."},
    {.name = "primary_host",
	.type = HF_OPT_STR,
	OFF(primary_host),
	.help = "Id of the host to wait for: nothing is sent while its STATE "
		"says that it is offline."},
    {.name = "interval",
	.type = HF_OPT_DUR,
	.min = 100,
	.max = 3600000,
	.unit = "ms",
	.dflt = "1s",
	OFF(interval_ns),
	.help = "Time between two messages; a tag that changed more often in "
		"between is sent with its newest value."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct conf *c = conf;
	const char *const ids[] = {c->group, c->node, c->primary_host};
	static const char *const names[] = {"group", "node", "primary_host"};
	size_t i;

	for (i = 0; i < 3; i++) {
		if (ids[i] == NULL || hf_spb_id_ok(ids[i]))
			continue;
		snprintf(why, cap,
		    "%s: a name of at most %d bytes without / + #", names[i],
		    HF_SPB_ID - 1);
		return HF_EINVAL;
	}
	return hf_broker_check(&c->broker, why, cap);
}

const struct hf_kind hf_sparkplug_export_kind = {
    .name = "sparkplug",
    .help = "Tags of the zone as a Sparkplug B edge node. Its devices are "
	    "Holdfast's, its metrics their tags. Writes to it are refused.",
    .opts = opts,
    .nopt = sizeof(opts) / sizeof(opts[0]),
    .size = sizeof(struct conf),
    .check = check_conf,
    .flags = HF_KIND_BROKER,
};

struct link { /* one export: a node and its connection */
	struct edge *e;
	const struct hf_export *x;
	const struct conf *conf;
	struct hf_spb_node *node;
	struct hf_mqtt *mqtt;
	struct hf_mirror *mirror;
	struct hf_watch *timer;
	struct hf_spb_node_metric *metrics;
	const char **devices; /* names ... */
	uint32_t *device_idx; /* ... and indexes of plant->devices */
	size_t nmetric, ndevice;
	uint32_t *slot; /* by tag: metric + 1, 0 = not exported */
	char last_filter[HF_SPB_TOPIC];
	bool is_up;
};

struct edge_exports {
	struct link *links;
	size_t n;
};

/* ---- bdSeq over restarts ---- */

static void
bdseq_file(const struct link *l, char *name, size_t cap)
{
	snprintf(name, cap, "bdseq-%s", l->x->name);
}

static uint8_t
load_bdseq(const struct link *l)
{
	char name[96];
	struct hf_buf b;
	uint64_t v = 0;

	bdseq_file(l, name, sizeof(name));
	hf_buf_init(&b, 64);
	if (hf_file_read(hf_role_ctx_fd(&l->e->ctx, "dir.spool"), name, 16, &b,
		NULL) == HF_OK &&
	    b.len > 1 && hf_parse_u64((const char *)b.p, b.len - 1, &v))
		v++;
	hf_buf_fini(&b);
	return (uint8_t)v;
}

static void
store_bdseq(const struct link *l)
{
	char name[96], text[16];
	struct hf_err err;

	bdseq_file(l, name, sizeof(name));
	snprintf(text, sizeof(text), "%u\n", hf_spb_node_bdseq(l->node));
	if (hf_file_replace(hf_role_ctx_fd(&l->e->ctx, "dir.spool"), name, text,
		strlen(text), 0600, &err) != HF_OK)
		log_warn("edge",
		    "exports.%s: %s; the session number may repeat after a "
		    "restart",
		    l->x->name, err.msg);
}

/* ---- what connection, node and timer say ---- */

/* What an aware broker would keep of our births, for hosts that come later;
 * a foreign broker is not ours to fill. */
static void
certify(struct link *l, const char *topic, const void *p, size_t n)
{
	char copy[sizeof(CERTIFICATES) + HF_SPB_TOPIC];
	struct hf_spb_topic t;

	if (l->conf->broker.host != NULL ||
	    hf_spb_topic_parse(topic, &t, NULL) != HF_OK ||
	    (t.msg != HF_SPB_NBIRTH && t.msg != HF_SPB_DBIRTH))
		return;
	snprintf(copy, sizeof(copy), CERTIFICATES "%s", topic);
	if (hf_mqtt_publish(l->mqtt, copy, p, n, 0, true, NULL, NULL) != HF_OK)
		hf_count(&l->e->ctx.counters, HF_C_SPB_CERT_LOST, 1);
}

static int
on_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct link *l = arg;
	int rc = hf_mqtt_publish(l->mqtt, topic, p, n, qos, retain, NULL, NULL);

	if (rc == HF_OK)
		certify(l, topic, p, n);
	return rc;
}

static void
on_disconnect(void *arg)
{
	struct link *l = arg;

	hf_mqtt_drop(l->mqtt);
}

static void
on_connecting(void *arg)
{
	struct link *l = arg;
	char topic[HF_SPB_TOPIC];
	struct hf_buf b;

	hf_buf_init(&b, 512);
	if (hf_spb_node_will(l->node, hf_wall_ns(), topic, sizeof(topic), &b) ==
	    HF_OK)
		hf_mqtt_will(l->mqtt, topic, b.p, b.len, 1, false, NULL);
	hf_buf_fini(&b);
	store_bdseq(l);
}

static void
on_subscribed(void *arg, const char *filter, int rc)
{
	struct link *l = arg;

	if (rc != HF_OK)
		log_error("edge",
		    "exports.%s: the broker refuses the subscription to %s",
		    l->x->name, filter);
	if (strcmp(filter, l->last_filter) != 0)
		return;
	l->is_up = true;
	log_info("edge", "exports.%s: connected", l->x->name);
	hf_spb_node_up(l->node, hf_wall_ns(), hf_mono_ns());
}

static void
on_down(void *arg, const char *why)
{
	struct link *l = arg;

	if (l->is_up)
		log_warn("edge", "exports.%s: %s", l->x->name, why);
	l->is_up = false;
	hf_spb_node_down(l->node);
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct link *l = arg;

	hf_spb_node_message(
	    l->node, m->topic, m->p, m->n, hf_wall_ns(), hf_mono_ns());
}

static void
on_writable(void *arg)
{
	struct link *l = arg;

	hf_spb_node_pump(l->node, hf_wall_ns(), hf_mono_ns());
}

static void
on_timer(void *arg)
{
	struct link *l = arg;
	struct hf_sample s;
	const char *str;
	size_t idx;

	hf_timer_in(l->timer, l->conf->interval_ns);
	while (hf_mirror_next(l->mirror, l->e->acked_seq, &idx, &s, &str))
		hf_spb_node_value(l->node, idx, &s, str);
	hf_spb_node_pump(l->node, hf_wall_ns(), hf_mono_ns());
}

/* ---- open and close ---- */

static int
by_device(const void *a, const void *b)
{
	const struct hf_tag *const *x = a, *const *y = b;

	if ((*x)->device_idx != (*y)->device_idx)
		return (*x)->device_idx < (*y)->device_idx ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

/* The export's tags that are this edge's, by device. NULL on no memory. */
static const struct hf_tag **
own_tags(const struct link *l, const struct hf_plant *p, size_t *n)
{
	const uint32_t edge = (uint32_t)(l->e->edge - p->edges);
	const struct hf_tag **tags =
	    calloc((size_t)l->x->ntag + 1, sizeof(*tags));
	uint32_t i;

	*n = 0;
	for (i = 0; tags != NULL && i < l->x->ntag; i++) {
		const struct hf_tag *t = &p->tags[l->x->tag_idx[i]];

		if (!t->is_stamp && p->devices[t->device_idx].edge_idx == edge)
			tags[(*n)++] = t;
	}
	if (tags != NULL)
		qsort(tags, *n, sizeof(struct hf_tag *), by_device);
	return tags;
}

static int
map_tags(struct link *l, const struct hf_plant *p, struct hf_err *err)
{
	const struct hf_tag **tags = own_tags(l, p, &l->nmetric);
	size_t i;

	l->metrics = calloc(l->nmetric + 1, sizeof(*l->metrics));
	l->devices = calloc(l->nmetric + 1, sizeof(char *));
	l->device_idx = calloc(l->nmetric + 1, sizeof(*l->device_idx));
	l->slot = calloc(p->ntag + 1, sizeof(*l->slot));
	l->mirror = hf_mirror_new(l->nmetric + 1);
	if (tags == NULL || l->metrics == NULL || l->devices == NULL ||
	    l->device_idx == NULL || l->slot == NULL || l->mirror == NULL) {
		free(tags);
		return HF_FAIL(err, HF_ENOMEM, "exports.%s", l->x->name);
	}
	for (i = 0; i < l->nmetric; i++) {
		const struct hf_tag *t = tags[i];

		if (i == 0 || t->device_idx != tags[i - 1]->device_idx) {
			l->device_idx[l->ndevice] = t->device_idx;
			l->devices[l->ndevice++] = t->device;
		}
		l->metrics[i] = (struct hf_spb_node_metric){.name = t->name,
		    .unit = t->unit,
		    .device = (uint32_t)l->ndevice - 1,
		    .datatype = hf_spb_node_datatype(t)};
		l->slot[t - p->tags] = (uint32_t)i + 1;
	}
	free(tags);
	return HF_OK;
}

static int
open_node(struct link *l, struct hf_err *err)
{
	const struct hf_spb_node_conf conf = {.group = l->conf->group,
	    .node = l->conf->node,
	    .primary_host = l->conf->primary_host,
	    .bdseq = load_bdseq(l),
	    .devices = l->devices,
	    .ndevice = l->ndevice,
	    .metrics = l->metrics,
	    .nmetric = l->nmetric,
	    .counters = &l->e->ctx.counters};
	const struct hf_spb_node_ops ops = {
	    .arg = l, .publish = on_publish, .disconnect = on_disconnect};

	return hf_spb_node_new(&conf, &ops, &l->node, err);
}

static int
open_mqtt(struct link *l, struct hf_err *err)
{
	const struct hf_mqtt_cb cb = {.arg = l,
	    .connecting = on_connecting,
	    .down = on_down,
	    .message = on_message,
	    .writable = on_writable,
	    .subscribed = on_subscribed};
	const struct hf_broker_client who = {.plant = l->e->ctx.plant,
	    .zone = l->x->zone,
	    .name = l->x->name,
	    .suffix = "-node",
	    .unix_path = edge_broker(l->e),
	    .secret = l->e->secret};
	char id[HF_BROKER_ID];
	struct hf_mqtt_conf conf;
	const char *filter;
	size_t i;
	int rc;

	rc = hf_broker_connection(&l->conf->broker, &who, id, &conf, err);
	if (rc != HF_OK)
		return rc;
	rc = hf_mqtt_new(l->e->ctx.loop, &conf, &cb, &l->mqtt, err);
	for (i = 0;
	     rc == HF_OK && (filter = hf_spb_node_filter(l->node, i)) != NULL;
	     i++) {
		snprintf(l->last_filter, sizeof(l->last_filter), "%s", filter);
		rc = hf_mqtt_subscribe(l->mqtt, filter, 1, err);
	}
	return rc;
}

static int
open_link(struct link *l, const struct hf_plant *p, struct hf_err *err)
{
	int rc;

	l->timer = hf_loop_timer(l->e->ctx.loop, on_timer, l);
	if (l->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "exports.%s", l->x->name);
	rc = map_tags(l, p, err);
	if (rc == HF_OK)
		rc = open_node(l, err);
	if (rc == HF_OK)
		rc = open_mqtt(l, err);
	if (rc == HF_OK)
		hf_timer_in(l->timer, l->conf->interval_ns);
	return rc;
}

static void
close_link(struct link *l)
{
	if (l->node != NULL && l->mqtt != NULL && l->is_up)
		hf_spb_node_leave(l->node);
	hf_mqtt_free(l->mqtt);
	hf_watch_free(l->timer);
	hf_spb_node_free(l->node);
	hf_mirror_free(l->mirror);
	free(l->metrics);
	free(l->devices);
	free(l->device_idx);
	free(l->slot);
}

static bool
is_ours(const struct edge *e, const struct hf_export *x)
{
	return x->kind == &hf_sparkplug_export_kind &&
	       x->zone_idx == e->edge->zone_idx && e->edge->serial == NULL;
}

int
edge_exports_open(struct edge *e, const struct hf_plant *p, struct hf_err *err)
{
	size_t i, n = 0;
	struct edge_exports *s;
	int rc = HF_OK;

	for (i = 0; i < p->nexport; i++)
		n += is_ours(e, &p->exports[i]);
	if (n == 0)
		return HF_OK;
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->links = calloc(n, sizeof(*s->links));
	if (s == NULL || s->links == NULL) {
		free(s);
		return HF_FAIL(err, HF_ENOMEM, "%zu exports", n);
	}
	e->exports = s;
	for (i = 0; i < p->nexport && rc == HF_OK; i++) {
		if (!is_ours(e, &p->exports[i]))
			continue;
		s->links[s->n] = (struct link){
		    .e = e, .x = &p->exports[i], .conf = p->exports[i].conf};
		rc = open_link(&s->links[s->n++], p, err);
	}
	if (rc != HF_OK)
		edge_exports_close(e);
	return rc;
}

void
edge_exports_close(struct edge *e)
{
	size_t i;

	if (e->exports == NULL)
		return;
	for (i = 0; i < e->exports->n; i++)
		close_link(&e->exports->links[i]);
	free(e->exports->links);
	free(e->exports);
	e->exports = NULL;
}

void
edge_exports_note(struct edge *e, const struct hf_tag *t,
    const struct hf_sample *s, const char *str)
{
	size_t i;

	if (e->exports == NULL || (s->flags & HF_F_BACKFILL) != 0)
		return;
	for (i = 0; i < e->exports->n; i++) {
		struct link *l = &e->exports->links[i];
		uint32_t slot = l->slot[t - e->ctx.plant->tags];

		if (slot != 0)
			hf_mirror_note(l->mirror, slot - 1, s, str, e->seq + 1);
	}
}

static void
tell_device(struct edge *e, const struct edge_device *d)
{
	const bool is_alive =
	    d->status == HF_DS_OK || d->status == HF_DS_DEGRADED;
	size_t i, k;

	if (!is_alive && d->status == HF_DS_CONNECTING)
		return; /* not known yet: as it was */
	for (i = 0; i < e->exports->n; i++) {
		struct link *l = &e->exports->links[i];

		for (k = 0; k < l->ndevice; k++)
			if (l->device_idx[k] == d->idx)
				hf_spb_node_device(l->node, k, is_alive);
	}
}

void
edge_exports_tick(struct edge *e)
{
	size_t i;

	if (e->exports == NULL)
		return;
	for (i = 0; i < e->ndevice; i++)
		tell_device(e, &e->devices[i]);
}
