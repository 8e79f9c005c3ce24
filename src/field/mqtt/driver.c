/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - the driver `mqtt`: messages of one broker become readings of tags.
 *
 * The broker is the zone's own (through the unix socket that edge was given) or
 * another one that a conduit names. The device subscribes and never publishes.
 * A message finds its tags by its topic (map.c), is parsed once (payload.c),
 * and each tag takes its field of it.
 *
 * What is not news is not a sample, and counted:
 *   - a value with the stamp and value of the one before (a device that
 *     publishes old data again, a retained message after each connect);
 *   - a retained message without a stamp whose value is known.
 * A retained value that is new to us and has no stamp has an unknown age: it is
 * taken with the receive time, Uncertain. An older stamp than the last one
 * passes: it is history that came late, and core keeps the newest last value.
 *
 * A lost connection: after GRACE_NS each tag gets one bad sample
 * (BadNoCommunication), so that silence differs from a stable value; a broker
 * that restarts quickly is not seen. The first message behind it, even if it
 * repeats the value, is a sample again. `stale` does the same for single tags.
 *
 * A payload that cannot be read makes each of its topic's tags bad, once until
 * the next readable one; a flood of garbage is counted, not stored. A message
 * that breaks the device's contract is dropped whole.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/convert.h"
#include "field/mqtt/device.h"
#include "field/mqtt/payload.h"
#include "model/optval.h"
#include "model/quality.h"

#define NBATCH 1024	      /* readings of one call, at least */
#define NTOPIC_SUBSCRIBED 200 /* topics without `subscribe` */
#define GRACE_NS (2 * HF_NS_PER_S)
#define TICK_NS (HF_NS_PER_S / 2)
#define SHOWN_MAX 60 /* bytes of a payload in an example */

#define OFF(f) .off = offsetof(struct hf_mq_conf, f)

static const struct hf_opt mqtt_opts[] = {
    HF_BROKER_OPTS(hf_mq_conf, broker, "5"),
    {.name = "qos",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 1,
	.dflt = "0",
	OFF(qos),
	.help = "Quality of service of the subscriptions. With 1 the broker "
		"keeps what comes while edge is away."},
    {.name = "subscribe",
	.type = HF_OPT_STRS,
	OFF(subscribe),
	.help = "Filters, with + and #. Without them the topics of the tags, "
		"200 at most."},
    {.name = "contract",
	.type = HF_OPT_REF,
	.ref = "contracts",
	OFF(contract),
	.help = "Contract that each payload, a JSON object, must satisfy as a "
		"whole before any field of it is taken."},
    {.name = "stale",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 0,
	.max = 86400000,
	.dflt = "0s",
	OFF(stale_ns),
	.help = "Silence after which a tag gets one sample of bad quality; 0s "
		"= never, for topics that are published on change."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct hf_mq_conf *c = conf;
	size_t i;

	for (i = 0; i < c->subscribe.n; i++)
		if (!hf_filter_ok(c->subscribe.v[i])) {
			snprintf(why, cap,
			    "subscribe: \"%.100s\" is no MQTT filter; levels "
			    "are joined by /, + stands for one level and # for "
			    "all that follow",
			    c->subscribe.v[i]);
			return HF_EINVAL;
		}
	return hf_broker_check(&c->broker, why, cap);
}

static const struct hf_kind mqtt_kind = {
    .name = "mqtt",
    .help = "Topics of an MQTT broker, as plain values or JSON. Addresses are "
	    "described in holdfast-tags(5).",
    .opts = mqtt_opts,
    .nopt = sizeof(mqtt_opts) / sizeof(mqtt_opts[0]),
    .size = sizeof(struct hf_mq_conf),
    .check = check_conf,
    .flags = HF_KIND_BROKER,
};

/* ---- check ---- */

static void
say_tag(void *arg, const struct hf_tag *t, const char *text)
{
	hf_finding(arg, t, "address", "%s", text);
}

static bool
is_subscribed(const struct hf_mq_conf *c, const char *topic)
{
	size_t i;

	for (i = 0; i < c->subscribe.n; i++)
		if (hf_topic_matches(c->subscribe.v[i], topic))
			return true;
	return c->subscribe.n == 0;
}

static void
check_topics(struct hf_findings *f, const struct hf_mq_map *m)
{
	const struct hf_mq_conf *c = f->dev->conf;
	size_t i;

	if (c->subscribe.n == 0 && m->ntopic > NTOPIC_SUBSCRIBED)
		hf_finding(f, NULL, "subscribe",
		    "the tags have %zu topics, %d at most are subscribed one "
		    "by one; give subscribe: with wildcards",
		    m->ntopic, NTOPIC_SUBSCRIBED);
	for (i = 0; i < m->ntopic; i++)
		if (!is_subscribed(c, m->topics[i].name))
			hf_finding(f, m->pts[m->topics[i].first].tag, "address",
			    "no filter of the device's subscribe: matches "
			    "topic \"%.200s\"",
			    m->topics[i].name);
}

static int
mqtt_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_mq_conf *c = f.dev->conf;
	struct hf_mq_map m;
	struct hf_err err = {0};
	int rc;

	*requests_hz = 0; /* the broker sends by itself */
	if (f.dev->time == HF_TIME_REGISTER)
		hf_finding(&f, NULL, "time",
		    "there is no time register on MQTT; use time: source and "
		    "name the stamp in the addresses, as "
		    "TOPIC;field=v;time=ts:ms");
	rc = hf_mq_map_init(&m, p, device_idx, say_tag, &f, &err);
	if (rc == HF_ENOMEM)
		hf_finding(&f, NULL, "tags", "%s", err.msg);
	else
		check_topics(&f, &m);
	hf_mq_map_fini(&m);
	hf_broker_check_tls(&f, &c->broker);
	return f.n == 0 ? HF_OK : HF_EINVAL;
}

/* ---- what was dropped ---- */

static void __attribute__((format(printf, 2, 3)))
dropped(struct hf_driver_dev *d, const char *fmt, ...)
{
	char text[sizeof(d->stats.example)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* topics and parse errors quote what strangers sent */
	hf_printable(
	    d->stats.example, sizeof(d->stats.example), text, strlen(text));
	d->stats.dropped++;
}

/* Topic and beginning of the payload, for an example. */
static const char *
shown(const struct hf_mqtt_msg *m, char out[2 * SHOWN_MAX + 8])
{
	size_t n = m->n < SHOWN_MAX ? m->n : SHOWN_MAX;

	hf_printable(out, 2 * SHOWN_MAX + 4, m->p, n);
	return out;
}

/* ---- marks: a tag is bad without a message ---- */

static void
hand_over(struct hf_driver_dev *d, size_t n)
{
	if (n > 0)
		d->host.readings(
		    d->host.arg, d->idx, HF_TIME_NONE, d->readings, n);
}

static void
mark(struct hf_driver_dev *d, struct hf_mq_point *pt, uint32_t status,
    int64_t wall_ns, size_t *n)
{
	struct hf_reading *r = &d->readings[*n];

	hf_reading_bad(pt->tag, status, r);
	r->s.recv_ns = wall_ns;
	if (++*n == d->nread) {
		hand_over(d, *n);
		*n = 0;
	}
}

/* In a replayed past a mark follows the last stamp; before the first one there
 * is no place for it, and "now" would make all that is to come look late. */
static bool
has_place(const struct hf_driver_dev *d, const struct hf_mq_point *pt)
{
	return d->dev->clock != HF_CLOCK_REPLAY ||
	       pt->last_stamp_ns != HF_TIME_NONE;
}

/* Every tag without a message since then gets one mark of lost
 * communication. */
static size_t
mark_due(struct hf_driver_dev *d, int64_t silent_since_ns)
{
	const int64_t wall_ns = d->host.wall_ns(d->host.arg);
	struct hf_mq_point *pt = d->map.pts;
	size_t n = 0, nmark = 0;

	for (; pt < d->map.pts + d->map.npt; pt++) {
		if (pt->is_marked || pt->seen_ns > silent_since_ns)
			continue;
		pt->is_marked = true;
		if (!has_place(d, pt))
			continue;
		nmark++;
		mark(d, pt, HF_BAD_NO_COMMUNICATION, wall_ns, &n);
	}
	hand_over(d, n);
	hf_count(d->host.counters, HF_C_S_NOCOMM, nmark);
	return nmark;
}

static void
on_timer(void *arg)
{
	struct hf_driver_dev *d = arg;
	int64_t now = d->host.mono_ns(d->host.arg);

	if (d->down_ns != 0 && !d->is_lost && now - d->down_ns >= GRACE_NS) {
		d->is_lost = true;
		mark_due(d, INT64_MAX);
	}
	if (d->conf->stale_ns > 0 && d->is_up)
		hf_count(d->host.counters, HF_C_MQ_STALE,
		    mark_due(d, now - d->conf->stale_ns));
	hf_timer_in(d->timer, TICK_NS);
}

/* ---- messages ---- */

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* Two readings with the same key are the same value. */
static uint64_t
key_of(const struct hf_reading *r)
{
	uint64_t h = FNV_START;
	size_t i;

	h = (h ^ r->s.status) * FNV_PRIME;
	h = (h ^ r->s.vtype) * FNV_PRIME;
	if (r->s.vtype != HF_V_STR)
		return (h ^ r->s.v.bits) * FNV_PRIME;
	for (i = 0; i < r->s.str_len; i++)
		h = (h ^ (unsigned char)r->str[i]) * FNV_PRIME;
	return h;
}

static void
make_uncertain(struct hf_reading *r)
{
	if (hf_is_good(r->s.status))
		r->s.status = HF_UNCERTAIN_LAST_USABLE;
	r->s.t_ns = HF_TIME_NONE; /* known now; its own age is not */
	r->is_kept = false;
}

/* Is it a new sample? Adjusts one whose age is not known. */
static bool
is_news(struct hf_driver_dev *d, struct hf_mq_point *pt, struct hf_reading *r)
{
	const bool has_stamp =
	    r->s.t_ns != HF_TIME_NONE && d->dev->time != HF_TIME_RECEIVE;
	const uint64_t key = key_of(r);
	const bool is_same = pt->has_last && key == pt->last_key;

	if (has_stamp && is_same && r->s.t_ns == pt->last_stamp_ns) {
		if (!pt->is_marked) {
			hf_count(d->host.counters, HF_C_MQ_SAME, 1);
			return false;
		}
		make_uncertain(r); /* behind an outage: still the newest */
	} else if (!has_stamp && r->is_kept) {
		if (is_same && !pt->is_marked) {
			hf_count(d->host.counters, HF_C_MQ_RETAINED, 1);
			return false;
		}
		make_uncertain(r);
	} else {
		pt->last_stamp_ns = has_stamp ? r->s.t_ns : HF_TIME_NONE;
	}
	pt->last_key = key;
	pt->has_last = true;
	pt->is_marked = pt->is_broken = false;
	return true;
}

struct taking { /* one message on its way to its tags */
	const struct hf_mqtt_msg *m;
	struct hf_mq_payload load;
	int64_t wall_ns, mono_ns;
	size_t nread, nabsent;
};

static void
take_point(struct hf_driver_dev *d, struct hf_mq_point *pt, struct taking *k)
{
	struct hf_reading *r = &d->readings[k->nread];
	struct hf_counters *c = d->host.counters;
	bool is_bad_stamp, is_bad_quality;
	struct hf_value v;
	uint32_t status;
	int64_t t_ns;

	pt->seen_ns = k->mono_ns;
	if (hf_mq_value(&k->load, &pt->addr, pt->tag->type == HF_T_STR, &v) ==
	    HF_MQ_ABSENT) {
		k->nabsent++;
		return;
	}
	status = hf_mq_quality(&k->load, &pt->addr, &is_bad_quality);
	t_ns = hf_mq_stamp(&k->load, &pt->addr, &is_bad_stamp);
	hf_count(c, HF_C_MQ_QUALITY, is_bad_quality);
	hf_count(c, HF_C_MQ_STAMP, is_bad_stamp);
	hf_convert_count(c, hf_convert(pt->tag, &v, status, r));
	r->s.t_ns = t_ns;
	r->s.recv_ns = k->wall_ns;
	r->is_kept = k->m->is_retained;
	if (is_news(d, pt, r))
		k->nread++;
}

/* The payload cannot be read: its tags are bad, once. */
static void
take_broken(
    struct hf_driver_dev *d, const struct hf_mq_topic *t, struct taking *k)
{
	struct hf_mq_point *pt = &d->map.pts[t->first];
	char text[2 * SHOWN_MAX + 8];
	uint32_t i;

	hf_count(d->host.counters, HF_C_MQ_PAYLOAD, 1);
	dropped(d, "%.100s: %.100s: %s", k->m->topic, k->load.err.msg,
	    shown(k->m, text));
	for (i = 0; i < t->n; i++, pt++) {
		pt->seen_ns = k->mono_ns;
		if (pt->is_broken || !has_place(d, pt))
			continue;
		pt->is_broken = true;
		pt->has_last = pt->is_marked = false;
		/* nread never reaches d->nread here: a topic has at most that
		 * many points, and mark() hands over when it is full */
		mark(d, pt, HF_BAD_DECODING, k->wall_ns, &k->nread);
	}
}

/* False: the message breaks the device's contract and is dropped whole. */
static bool
keeps_contract(struct hf_driver_dev *d, struct taking *k)
{
	static const enum hf_counter by_why[] = {
	    [HF_SCHEMA_TYPE] = HF_C_K_TYPE,
	    [HF_SCHEMA_RANGE] = HF_C_K_RANGE,
	    [HF_SCHEMA_UNKNOWN] = HF_C_K_UNKNOWN,
	    [HF_SCHEMA_MISSING] = HF_C_K_MISSING,
	};
	struct hf_err err = {.msg = "/: no JSON object"};
	enum hf_schema_why why = HF_SCHEMA_TYPE;

	if (d->contract == NULL)
		return true;
	if (d->contract->compiled != NULL && json_is_object(k->load.root))
		why =
		    hf_schema_judge(d->contract->compiled, k->load.root, &err);
	if (why == HF_SCHEMA_FITS)
		return true;
	hf_count(d->host.counters, by_why[why], 1);
	hf_count(d->host.counters, HF_C_K_MESSAGES, 1);
	dropped(d, "%.100s: contract %s: %.120s", k->m->topic,
	    d->contract->name, err.msg);
	return false;
}

static void
take(struct hf_driver_dev *d, const struct hf_mq_topic *t, struct taking *k)
{
	char text[2 * SHOWN_MAX + 8];
	uint32_t i;

	if (!keeps_contract(d, k))
		return;
	if (k->load.is_broken) {
		take_broken(d, t, k);
		return;
	}
	for (i = 0; i < t->n; i++)
		take_point(d, &d->map.pts[t->first + i], k);
	if (k->nabsent < t->n) {
		hf_count(d->host.counters, HF_C_MQ_FIELD_ABSENT, k->nabsent);
		return;
	}
	hf_count(d->host.counters, HF_C_MQ_NO_FIELD, 1);
	dropped(d, "%.100s: no tag found its field in %s", k->m->topic,
	    shown(k->m, text));
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct hf_driver_dev *d = arg;
	struct taking k = {.m = m,
	    .wall_ns = d->host.wall_ns(d->host.arg),
	    .mono_ns = d->host.mono_ns(d->host.arg)};
	const struct hf_mq_topic *t = hf_mq_map_find(&d->map, m->topic);
	char text[2 * SHOWN_MAX + 8];

	hf_count(d->host.counters, HF_C_MQ_MESSAGES, 1);
	d->stats.requests++;
	d->stats.last_good_ns = k.wall_ns;
	if (t == NULL) {
		hf_count(d->host.counters, HF_C_MQ_NO_TAG, 1);
		dropped(d, "%.120s: no tag has this topic; it said %s",
		    m->topic, shown(m, text));
		return;
	}
	d->stats.answers++;
	d->host.parsing(d->host.arg, d->idx, m->p, m->n);
	hf_mq_payload_open(&k.load, m->p, m->n);
	take(d, t, &k);
	d->host.parsed(d->host.arg);
	hand_over(d, k.nread);
	hf_mq_payload_close(&k.load);
}

/* ---- connection ---- */

static void
on_up(void *arg)
{
	struct hf_driver_dev *d = arg;

	d->is_up = true;
	d->is_lost = false;
	d->down_ns = 0;
	d->denied[0] = '\0';
	d->stats.connects++;
	hf_count(d->host.counters, HF_C_MQ_CONNECTS, 1);
	d->host.changed(d->host.arg, d->idx);
}

static void
on_down(void *arg, const char *why)
{
	struct hf_driver_dev *d = arg;

	d->is_up = false;
	if (d->down_ns == 0)
		d->down_ns = d->host.mono_ns(d->host.arg);
	hf_strcpy(d->stats.text, sizeof(d->stats.text), why);
	hf_count(d->host.counters, HF_C_MQ_CONNFAIL, 1);
	d->host.changed(d->host.arg, d->idx);
}

static void
on_subscribed(void *arg, const char *filter, int rc)
{
	struct hf_driver_dev *d = arg;

	if (rc == HF_OK)
		return;
	hf_count(d->host.counters, HF_C_MQ_SUB_DENIED, 1);
	hf_strcpy(d->denied, sizeof(d->denied), filter);
	d->host.changed(d->host.arg, d->idx);
}

int
hf_mq_connection(const struct hf_driver_dev *d, const char *suffix,
    char id[HF_BROKER_ID], struct hf_mqtt_conf *out, struct hf_err *err)
{
	const struct hf_broker_client who = {.plant = d->plant,
	    .zone = d->dev->zone,
	    .name = d->dev->name,
	    .suffix = suffix,
	    .unix_path =
		d->host.broker == NULL ? NULL : d->host.broker(d->host.arg),
	    .secret = d->host.secret};

	return hf_broker_connection(&d->conf->broker, &who, id, out, err);
}

int
hf_mq_subscribe(
    const struct hf_driver_dev *d, struct hf_mqtt *m, struct hf_err *err)
{
	const struct hf_strlist *l = &d->conf->subscribe;
	int rc = HF_OK;
	size_t i;

	for (i = 0; i < l->n && rc == HF_OK; i++)
		rc = hf_mqtt_subscribe(m, l->v[i], (int)d->conf->qos, err);
	for (i = 0; l->n == 0 && i < d->map.ntopic && rc == HF_OK; i++)
		rc = hf_mqtt_subscribe(
		    m, d->map.topics[i].name, (int)d->conf->qos, err);
	return rc;
}

/* ---- the driver ---- */

static void
mqtt_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	hf_mq_try_cancel(d);
	hf_mqtt_free(d->mqtt);
	hf_watch_free(d->timer);
	hf_mq_map_fini(&d->map);
	free(d->readings);
	free(d);
}

static int
start(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_mqtt_cb cb = {.arg = d,
	    .up = on_up,
	    .down = on_down,
	    .message = on_message,
	    .subscribed = on_subscribed};
	struct hf_mqtt_conf conf;
	char id[HF_BROKER_ID];
	int rc = hf_mq_connection(d, "", id, &conf, err);

	if (rc != HF_OK)
		return rc;
	conf.keep_session = d->conf->qos > 0;
	rc = hf_mqtt_new(d->host.loop, &conf, &cb, &d->mqtt, err);
	if (rc == HF_OK)
		rc = hf_mq_subscribe(d, d->mqtt, err);
	return rc;
}

static const struct hf_contract *
find_contract(const struct hf_plant *p, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < p->ncontract; i++)
		if (strcmp(p->contracts[i].name, name) == 0)
			return &p->contracts[i];
	return NULL;
}

static int
mqtt_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	struct hf_driver_dev *d = calloc(1, sizeof(*d));
	size_t i;
	int rc;

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "MQTT device");
	d->plant = p;
	d->dev = &p->devices[device_idx];
	d->conf = d->dev->conf;
	d->contract = find_contract(p, d->conf->contract);
	d->idx = device_idx;
	d->host = *host;
	d->stats.last_good_ns = HF_TIME_NONE;
	hf_strcpy(d->stats.text, sizeof(d->stats.text), "connecting");
	d->down_ns = host->mono_ns(host->arg);
	rc = hf_mq_map_init(&d->map, p, device_idx, NULL, NULL, err);
	for (i = 0; i < d->map.npt; i++)
		d->map.pts[i].seen_ns = d->down_ns;
	d->nread = d->map.nmost > NBATCH ? d->map.nmost : NBATCH;
	d->readings = calloc(d->nread, sizeof(*d->readings));
	d->timer = hf_loop_timer(host->loop, on_timer, d);
	if (rc == HF_OK && (d->readings == NULL || d->timer == NULL))
		rc = HF_FAIL(err, HF_ENOMEM, "MQTT device");
	if (rc == HF_OK && d->conf->contract != NULL && d->contract == NULL)
		rc = HF_FAIL(err, HF_EINVAL, "there is no contract %s",
		    d->conf->contract);
	if (rc == HF_OK)
		rc = start(d, err);
	if (rc != HF_OK) {
		mqtt_close(d);
		return rc;
	}
	hf_timer_in(d->timer, TICK_NS);
	*out = d;
	return HF_OK;
}

static void
mqtt_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	*out = d->stats;
	out->up = d->is_up ? 1 : d->is_lost ? -1 : 0;
	if (d->is_up && d->denied[0] != '\0')
		snprintf(out->text, sizeof(out->text),
		    "the broker does not let us read %s; its conduit's "
		    "topics_read must name it",
		    d->denied);
	else if (d->is_up)
		out->text[0] = '\0';
}

const struct hf_driver hf_mqtt_driver = {
    .kind = &mqtt_kind,
    .check = mqtt_check,
    .open = mqtt_open,
    .close = mqtt_close,
    .stats = mqtt_stats,
    .try_ = hf_mq_try_start,
};
