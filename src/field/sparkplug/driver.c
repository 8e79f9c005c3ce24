/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - `driver: sparkplug`: options, check, and a group on the loop.
 *
 * Glue: bus/mqtt.c has the connection, host.c knows who is alive and what a
 * message means; this file turns the plant's tags into metrics that are wanted
 * and readings into samples. Called through field/driver.c.
 *
 * One device is one group of edge nodes. Its subscription is
 * spBv1.0/<group>/#; it publishes rebirth requests (NCMD), births again under
 * $sparkplug/certificates/, and STATE if it is the primary host: nothing else.
 * A metric that no tag names is counted and never stored; `holdfast try` lists
 * it with a row for the tag file.
 *
 * The time of a sample is the metric's, else the payload's; the device's `time`
 * and `clock` decide what becomes of it. With `clock: replay` a mark of lost
 * communication follows the newest time that was seen, so that it does not make
 * the rest of a replayed past look late.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "field/convert.h"
#include "field/sparkplug/device.h"
#include "model/quality.h"

#define NREADING 1024 /* handed over at once */
#define SPREAD_NS (2 * HF_NS_PER_S)
#define GRACE_NS (10 * HF_NS_PER_S)
#define OFF(field) .off = offsetof(struct hf_spb_conf, field)

static const struct hf_opt opts[] = {
    HF_BROKER_OPTS(hf_spb_conf, broker, "3.1.1"),
    {.name = "group",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	OFF(group),
	.help = "Sparkplug group whose edge nodes are followed."},
    {.name = "primary",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	OFF(is_primary),
	.help = "Be the primary host: publish STATE, so that edge nodes which "
		"wait for it start to send. False: listen only."},
    {.name = "host_id",
	.type = HF_OPT_STR,
	OFF(host_id),
	.help = "Name in the STATE topic of a primary host."},
    {.name = "rebirth_backoff",
	.type = HF_OPT_DUR,
	.min = 1,
	.max = 3600,
	.unit = "s",
	.dflt = "10s",
	OFF(back_ns),
	.help = "Silence behind a rebirth request to an edge node; it doubles, "
		"up to 5 min, while the node does not do better."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct hf_spb_conf *c = conf;

	if (c->group != NULL && !hf_spb_id_ok(c->group))
		snprintf(why, cap, "group: a name without / + #");
	else if (c->is_primary && c->host_id == NULL)
		snprintf(why, cap,
		    "host_id: a primary host needs one; edge nodes wait for "
		    "its STATE");
	else if (c->host_id != NULL && !hf_spb_id_ok(c->host_id))
		snprintf(why, cap, "host_id: a name without / + #");
	else
		return hf_broker_check(&c->broker, why, cap);
	return HF_EINVAL;
}

static const struct hf_kind kind = {
    .name = "sparkplug",
    .help = "Sparkplug B edge nodes of one group, heard over MQTT. They are "
	    "only read, apart from requests to announce themselves again.",
    .opts = opts,
    .nopt = sizeof(opts) / sizeof(opts[0]),
    .size = sizeof(struct hf_spb_conf),
    .check = check_conf,
    .flags = HF_KIND_BROKER,
};

/* ---- what host.c says ---- */

static void *
on_bind(void *arg, const char *node, const char *device, const char *name)
{
	struct hf_driver_dev *d = arg;
	char key[HF_SPB_KEY];

	hf_spb_key(node, device, name, key);
	return hf_strmap_get(d->by_key, key);
}

static void
hand_over(struct hf_driver_dev *d)
{
	if (d->nreading > 0)
		d->host.readings(d->host.arg, d->idx, HF_TIME_NONE, d->readings,
		    d->nreading);
	d->nreading = 0;
}

static struct hf_value
value_of(const struct hf_spb_reading *r)
{
	struct hf_value v = {.kind = HF_VALUE_NULL};

	if (r->why == HF_SPB_IS_NULL || r->why == HF_SPB_MISMATCH ||
	    r->why == HF_SPB_UNSUPPORTED)
		return v;
	if (r->why == HF_SPB_TOO_BIG) { /* the double nearest to it */
		v.kind = HF_VALUE_F64;
		v.d = (double)r->v.u64;
	} else if (r->v.vtype == HF_V_F64) {
		v.kind = HF_VALUE_F64;
		v.d = r->v.f64;
	} else if (r->v.vtype == HF_V_I64) {
		v.kind = HF_VALUE_I64;
		v.i = r->v.i64;
	} else if (r->v.vtype == HF_V_BOOL) {
		v.kind = HF_VALUE_BOOL;
		v.b = r->v.i64 != 0;
	} else {
		v.kind = HF_VALUE_TEXT;
		v.s = r->v.str;
		v.n = r->v.str_len;
	}
	return v;
}

/* A number above 2^63 is fine where the tag is a float. */
static uint32_t
status_of(const struct hf_spb_reading *r)
{
	if (r->why == HF_SPB_TOO_BIG && r->status == HF_BAD_OUT_OF_RANGE)
		return HF_GOOD; /* hf_convert() judges */
	return r->status;
}

static int64_t
time_of(struct hf_driver_dev *d, const struct hf_spb_reading *r)
{
	if (r->datatype == 0 && d->cfg->clock == HF_CLOCK_REPLAY &&
	    d->newest_ns != HF_TIME_NONE)
		return d->newest_ns + 1;
	if (r->datatype != 0 && !r->is_historical && r->t_ns > d->newest_ns)
		d->newest_ns = r->t_ns;
	return r->t_ns;
}

static void
on_reading(void *arg, const struct hf_spb_reading *r)
{
	struct hf_driver_dev *d = arg;
	struct hf_spb_tag *t = r->tag;
	struct hf_value v = value_of(r);
	struct hf_reading *out;

	if (d->nreading == NREADING)
		hand_over(d);
	out = &d->readings[d->nreading++];
	hf_convert_count(
	    d->host.counters, hf_convert(t->tag, &v, status_of(r), out));
	if (r->datatype == 0)
		hf_count(d->host.counters, HF_C_S_NOCOMM, 1);
	out->s.tag = t->tag->key;
	out->s.t_ns = time_of(d, r);
	out->s.recv_ns = d->host.wall_ns(d->host.arg);
	if (r->is_historical)
		out->s.flags |= HF_F_BACKFILL;
	else {
		t->is_seen = true;
		t->last = out->s;
	}
	if (hf_is_good(out->s.status))
		d->last_good_ns = out->s.recv_ns;
}

static int
on_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct hf_driver_dev *d = arg;

	return hf_mqtt_publish(d->mqtt, topic, p, n, qos, retain, NULL, NULL);
}

/* ---- what connection and timer say ---- */

static void
pump(struct hf_driver_dev *d)
{
	const int64_t now_ns = d->host.mono_ns(d->host.arg);
	int64_t wake_ns =
	    hf_spb_host_tick(d->spb, d->host.wall_ns(d->host.arg), now_ns);

	hand_over(d);
	if (wake_ns != INT64_MAX)
		hf_timer_in(d->timer, wake_ns > now_ns ? wake_ns - now_ns : 0);
}

static void
on_timer(void *arg)
{
	pump(arg);
}

static void
on_connecting(void *arg)
{
	struct hf_driver_dev *d = arg;
	char topic[HF_SPB_TOPIC];
	struct hf_buf b;

	hf_buf_init(&b, 256);
	if (hf_spb_host_will(
		d->spb, d->host.wall_ns(d->host.arg), topic, sizeof(topic), &b))
		hf_mqtt_will(d->mqtt, topic, b.p, b.len, 1, true, NULL);
	hf_buf_fini(&b);
}

/* With its subscription, not with its connection: what is asked for before
 * would be answered before we hear. */
static void
on_subscribed(void *arg, const char *filter, int rc)
{
	struct hf_driver_dev *d = arg;

	if (strcmp(filter, d->filter) != 0)
		return;
	if (rc != HF_OK) {
		snprintf(d->text, sizeof(d->text),
		    "the broker refuses the subscription to %.150s: its access "
		    "list must allow it",
		    filter);
		d->host.changed(d->host.arg, d->idx);
		return;
	}
	d->is_up = true;
	d->nconnect++;
	d->text[0] = '\0';
	hf_spb_host_up(
	    d->spb, d->host.wall_ns(d->host.arg), d->host.mono_ns(d->host.arg));
	pump(d);
	d->host.changed(d->host.arg, d->idx);
}

static void
on_down(void *arg, const char *why)
{
	struct hf_driver_dev *d = arg;

	if (d->is_up)
		hf_spb_host_down(d->spb, d->host.wall_ns(d->host.arg));
	hand_over(d);
	d->is_up = false;
	hf_strcpy(d->text, sizeof(d->text), why);
	d->host.changed(d->host.arg, d->idx);
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct hf_driver_dev *d = arg;
	const struct hf_spb_in in = {.topic = m->topic,
	    .p = m->p,
	    .n = m->n,
	    .is_retained = m->is_retained};

	d->nmessage++;
	d->host.parsing(d->host.arg, d->idx, m->p, m->n);
	hf_spb_host_message(d->spb, &in, d->host.wall_ns(d->host.arg),
	    d->host.mono_ns(d->host.arg));
	hand_over(d); /* while the message's strings live */
	d->host.parsed(d->host.arg);
	pump(d);
}

/* ---- check ---- */

static int
dev_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_spb_conf *c = f.dev->conf;
	struct hf_spb_addr a;
	struct hf_err err;
	uint32_t i;

	*requests_hz = 0;
	if (f.dev->time == HF_TIME_REGISTER)
		hf_finding(&f, NULL, "time",
		    "Sparkplug messages have time stamps: source or receive");
	for (i = 0; i < f.dev->ntag; i++) {
		const struct hf_tag *t = &p->tags[f.dev->tag_first + i];

		if (hf_spb_addr_parse(t->address, &a, &err) != HF_OK)
			hf_finding(&f, t, "address", "%s", err.msg);
	}
	hf_broker_check_tls(&f, &c->broker);
	return f.n == 0 ? HF_OK : HF_EINVAL;
}

/* ---- open and close ---- */

/* The device's tags by metric, and the edge nodes that they name. */
static int
map_tags(struct hf_driver_dev *d, struct hf_err *err)
{
	struct hf_spb_addr a;
	char *at = d->keys;
	uint32_t i;
	int rc;

	for (i = 0; i < d->cfg->ntag; i++) {
		const struct hf_tag *t = &d->plant->tags[d->cfg->tag_first + i];

		d->tags[i].tag = t;
		rc = hf_spb_addr_parse(t->address, &a, err);
		if (rc != HF_OK)
			return rc;
		hf_spb_key(a.node, a.device, a.metric, at);
		rc = hf_strmap_put(d->by_key, at, &d->tags[i]);
		if (rc != HF_OK)
			return HF_FAIL(err, rc,
			    "tags.%s.%s.address: another tag has this metric",
			    d->cfg->name, t->name);
		at += strlen(at) + 1;
		rc = hf_spb_host_expect(d->spb, a.node, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

static size_t
key_bytes(const struct hf_driver_dev *d)
{
	size_t n = 1;
	uint32_t i;

	for (i = 0; i < d->cfg->ntag; i++)
		n += strlen(d->plant->tags[d->cfg->tag_first + i].address) + 4;
	return n;
}

static int
open_host(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_spb_host_ops ops = {.arg = d,
	    .bind = on_bind,
	    .reading = on_reading,
	    .publish = on_publish};
	struct hf_spb_host_conf hc = {.group = d->conf->group,
	    .host_id = d->conf->is_primary ? d->conf->host_id : NULL,
	    .back_ns = d->conf->back_ns,
	    .spread_ns = SPREAD_NS,
	    .grace_ns = GRACE_NS,
	    .counters = d->host.counters};
	struct hf_spb_host_stats st;
	int rc;

	if (getrandom(&hc.seed, sizeof(hc.seed), 0) != sizeof(hc.seed))
		hc.seed = (uint64_t)d->host.mono_ns(d->host.arg);
	rc = hf_spb_host_new(&hc, &ops, &d->spb, err);
	if (rc == HF_OK)
		rc = map_tags(d, err);
	if (rc != HF_OK)
		return rc;
	hf_spb_host_stats(d->spb, &st);
	d->nexpected = st.nnode;
	return HF_OK;
}

static int
open_mqtt(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_mqtt_cb cb = {.arg = d,
	    .connecting = on_connecting,
	    .down = on_down,
	    .message = on_message,
	    .subscribed = on_subscribed};
	const struct hf_broker_client who = {.plant = d->plant,
	    .zone = d->cfg->zone,
	    .name = d->cfg->name,
	    .suffix = "",
	    .unix_path =
		d->host.broker != NULL ? d->host.broker(d->host.arg) : NULL,
	    .secret = d->host.secret};
	char id[HF_BROKER_ID], state[HF_SPB_TOPIC];
	struct hf_mqtt_conf mc;
	int rc;

	rc = hf_broker_connection(&d->conf->broker, &who, id, &mc, err);
	if (rc != HF_OK)
		return rc;
	rc = hf_mqtt_new(d->host.loop, &mc, &cb, &d->mqtt, err);
	snprintf(d->filter, sizeof(d->filter), "%s/%s/#", HF_SPB_NAMESPACE,
	    d->conf->group);
	if (rc == HF_OK && d->conf->is_primary) {
		snprintf(state, sizeof(state), "%s/STATE/%s", HF_SPB_NAMESPACE,
		    d->conf->host_id);
		rc = hf_mqtt_subscribe(d->mqtt, state, 1, err);
	}
	if (rc == HF_OK)
		rc = hf_mqtt_subscribe(d->mqtt, d->filter, 0, err);
	return rc;
}

static void
dev_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	if (d->is_up)
		hf_spb_host_leave(d->spb, d->host.wall_ns(d->host.arg));
	hf_mqtt_free(d->mqtt);
	hf_watch_free(d->timer);
	hf_spb_host_free(d->spb);
	hf_strmap_free(d->by_key);
	free(d->keys);
	free(d->tags);
	free(d->readings);
	free(d);
}

static int
dev_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	struct hf_driver_dev *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "Sparkplug device");
	d->plant = p;
	d->cfg = &p->devices[device_idx];
	d->conf = d->cfg->conf;
	d->idx = device_idx;
	d->host = *host;
	d->newest_ns = d->last_good_ns = HF_TIME_NONE;
	hf_strcpy(d->text, sizeof(d->text), "connecting");
	d->tags = calloc((size_t)d->cfg->ntag + 1, sizeof(*d->tags));
	d->keys = malloc(key_bytes(d));
	d->by_key = hf_strmap_new((size_t)d->cfg->ntag + 1);
	d->readings = calloc(NREADING, sizeof(*d->readings));
	d->timer = hf_loop_timer(host->loop, on_timer, d);
	if (d->tags == NULL || d->keys == NULL || d->by_key == NULL ||
	    d->readings == NULL || d->timer == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "Sparkplug device");
	else
		rc = open_host(d, err);
	if (rc == HF_OK)
		rc = open_mqtt(d, err);
	if (rc != HF_OK) {
		dev_close(d);
		return rc;
	}
	*out = d;
	return HF_OK;
}

static void
dev_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	struct hf_spb_host_stats st;

	hf_spb_host_stats(d->spb, &st);
	*out = (struct hf_driver_stats){.requests = st.rebirths,
	    .answers = d->nmessage,
	    .exceptions = st.gaps,
	    .framing = st.malformed,
	    .connects = d->nconnect,
	    .last_good_ns = d->last_good_ns,
	    .dropped = st.malformed + st.before_birth,
	    .up = d->is_up	    ? 1
		  : d->nconnect > 0 ? -1
				    : 0};
	hf_strcpy(out->example, sizeof(out->example), st.last_bad);
	hf_strcpy(out->text, sizeof(out->text), d->text);
	if (d->is_up && (st.nalive < st.nnode || st.nnode == 0))
		snprintf(out->text, sizeof(out->text),
		    "%zu of %zu edge nodes of group %s are alive", st.nalive,
		    st.nnode, d->conf->group);
}

const struct hf_driver hf_sparkplug_driver = {
    .kind = &kind,
    .check = dev_check,
    .open = dev_open,
    .close = dev_close,
    .stats = dev_stats,
    .try_ = hf_spb_try,
};
