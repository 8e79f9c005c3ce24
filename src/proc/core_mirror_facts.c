/* SPDX-License-Identifier: Apache-2.0
 *
 * core_mirror_facts.c - what the namespace shows beside values: online states,
 * alarms, events.
 *
 * A fact is one retained topic with the zones it belongs to and the brokers
 * that do not have its present state yet. It is put together when it is
 * published, so what goes out is always how things stand, and a fact that
 * changes ten times while a broker is away goes out once.
 *
 * A device is online when it answers and its edge runs; offline when it is down
 * or in quarantine; uncertain when nobody can say (connecting, degraded, edge
 * away). An asset is online or offline when all devices that feed it are.
 *	{"timestamp_ms":<since>,"value":"online","quality":"Good"}
 *
 * An alarm's topic holds the alarm as GET /api/v1/alarms shows it. Core calls
 * here after the samples behind it are durable.
 *
 * An event is short; the whole evidence is at GET /api/v1/events?id=:
 *	{"timestamp_ms","id","kind","rule","detector","subject","level","alarm",
 *	 "since","from","to","score","statistic","limit","durable"}
 * Events wait for their broker, at most MIRROR_NEVENT; then the oldest goes and
 * is counted (historian and audit log have it).
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core_mirror_in.h"

#define EVENT_BYTES 4096

static const char *const online_words[] = {
    "uncertain", "online", "offline", "uncertain"};

/* ---- facts ---- */

struct mirror_fact *
mirror_fact_add(struct core_mirror *cm)
{
	size_t cap = cm->cap_fact == 0 ? 64 : cm->cap_fact * 2;
	struct mirror_fact *bigger;

	if (cm->nfact == cm->cap_fact) {
		bigger = realloc(cm->facts, cap * sizeof(*bigger));
		if (bigger == NULL)
			return NULL;
		cm->facts = bigger;
		cm->cap_fact = cap;
	}
	memset(&cm->facts[cm->nfact], 0, sizeof(cm->facts[0]));
	return &cm->facts[cm->nfact++];
}

void
mirror_fact_dirty(struct core_mirror *cm, size_t i)
{
	size_t z;

	cm->facts[i].dirty = UINT32_MAX;
	for (z = 0; z < cm->nzone; z++)
		if (cm->zones[z]->fact_at > i)
			cm->zones[z]->fact_at = i;
	mirror_arm(cm, 0);
}

static void
put_online(const struct mirror_fact *f, struct hf_buf *b)
{
	struct hf_jw w;

	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "timestamp_ms", f->since_ns / HF_NS_PER_MS);
	hf_jw_kstr(&w, "value", online_words[f->online]);
	hf_jw_kstr(&w, "quality",
	    f->online == ON_ONLINE || f->online == ON_OFFLINE ? "Good"
							      : "Uncertain");
	hf_jw_end_obj(&w);
}

static int
publish_fact(struct mirror_zone *z, const struct mirror_fact *f)
{
	struct hf_buf *b = &z->c->mirror->buf;

	hf_buf_reset(b);
	if (f->kind != FACT_ALARM)
		put_online(f, b);
	else if (hf_alarms_json_one(z->c->alarms, f->key, b) != HF_OK)
		return HF_ENOTFOUND;
	if (!hf_buf_ok(b))
		return HF_ELIMIT;
	return mirror_publish(z, f->topic, b->p, b->len, true, NULL);
}

bool
mirror_fact_step(struct mirror_zone *z, int *rc)
{
	struct core_mirror *cm = z->c->mirror;
	uint32_t bit = 1u << z->idx;

	for (; z->fact_at < cm->nfact; z->fact_at++) {
		struct mirror_fact *f = &cm->facts[z->fact_at];

		if ((f->dirty & bit) == 0)
			continue;
		if (f->topic == NULL || !mirror_shows(z->c->ctx.plant, z->idx,
					    f->zones, f->topic)) {
			f->dirty &= ~bit;
			continue;
		}
		*rc = publish_fact(z, f);
		if (*rc != HF_EAGAIN && *rc != HF_ECLOSED)
			f->dirty &= ~bit;
		return true;
	}
	return false;
}

/* ---- online ---- */

static uint8_t
device_online(const struct core *c, uint32_t device)
{
	uint32_t edge = c->ctx.plant->devices[device].edge_idx;
	const struct hf_role_state *r = core_edge_state(c, (uint8_t)(edge + 1));

	if (r == NULL || r->status != HF_RS_READY)
		return ON_UNCERTAIN;
	switch (c->devices[device].status) {
	case HF_DS_OK:
		return ON_ONLINE;
	case HF_DS_DOWN:
	case HF_DS_QUARANTINED:
		return ON_OFFLINE;
	default:
		return ON_UNCERTAIN;
	}
}

/* The feeds are sorted by asset, as the facts of assets are. */
static uint8_t
asset_online(const struct core_mirror *cm, uint32_t asset, size_t *at)
{
	uint8_t all = ON_UNKNOWN, one;

	while (*at < cm->nfeed && cm->feeds[*at].asset < asset)
		(*at)++;
	for (; *at < cm->nfeed && cm->feeds[*at].asset == asset; (*at)++) {
		one = device_online(cm->c, cm->feeds[*at].device);
		if (all == ON_UNKNOWN)
			all = one;
		else if (all != one)
			all = ON_UNCERTAIN;
	}
	return all;
}

void
mirror_watch_online(struct core_mirror *cm)
{
	size_t i, at = 0;
	uint8_t is;

	for (i = 0; i < cm->nfact; i++) {
		struct mirror_fact *f = &cm->facts[i];

		if (f->kind == FACT_ALARM)
			continue;
		is = f->kind == FACT_ASSET ? asset_online(cm, f->idx, &at)
					   : device_online(cm->c, f->idx);
		if (is == f->online)
			continue;
		f->online = is;
		f->since_ns = hf_wall_ns();
		mirror_fact_dirty(cm, i);
	}
}

/* ---- alarms ---- */

static uint32_t
zones_of_system(const struct hf_plant *p, const char *subject)
{
	size_t i;

	for (i = 0; i < p->ndevice; i++)
		if (strncmp(subject, "device/", 7) == 0 &&
		    strcmp(p->devices[i].name, subject + 7) == 0)
			return 1u << p->devices[i].zone_idx;
	for (i = 0; i < p->nedge; i++)
		if (strncmp(subject, "role/edge/", 10) == 0 &&
		    strcmp(p->edges[i].name, subject + 10) == 0)
			return 1u << p->edges[i].zone_idx;
	for (i = 0; i < p->nzone; i++)
		if (strncmp(subject, "role/broker/", 12) == 0 &&
		    strcmp(p->zones[i].name, subject + 12) == 0)
			return 1u << i;
	return UINT32_MAX; /* the plant's: everybody's */
}

/* The asset of exactly this path. */
static const struct hf_asset *
asset_at(const struct hf_plant *p, const char *path)
{
	char below[300];
	struct hf_tag t = {.path = below};
	const struct hf_asset *a;

	snprintf(below, sizeof(below), "%.256s/x", path);
	a = hf_plant_asset_of(p, &t);
	return a != NULL && strcmp(a->path, path) == 0 ? a : NULL;
}

uint32_t
mirror_zones_of(const struct core_mirror *cm, const struct hf_plant *p,
    const char *rule, const char *subject)
{
	const struct hf_tag *t = hf_plant_tag(p, subject);
	const struct hf_asset *a;
	uint32_t zones = 0;
	size_t i, k;

	if (strcmp(rule, "system") == 0)
		return zones_of_system(p, subject);
	if (t != NULL)
		return 1u << p->devices[t->device_idx].zone_idx;
	a = asset_at(p, subject);
	if (a != NULL && cm->asset_zones != NULL)
		return cm->asset_zones[a - p->assets];
	for (i = 0; i < p->nrule; i++) {
		const struct hf_detector *d;

		if (strcmp(p->rules[i].name, rule) != 0)
			continue;
		d = &p->detectors[p->rules[i].detector_idx];
		for (k = 0; k < d->ntag; k++) {
			t = &p->tags[d->tag_idx[k]];
			zones |= 1u << p->devices[t->device_idx].zone_idx;
		}
	}
	return zones;
}

static bool
alarm_topic(const struct hf_plant *p, const char *rule, const char *subject,
    char out[HF_TOPIC_BYTES])
{
	char leaf[HF_TOPIC_BYTES];

	if (strcmp(rule, "system") == 0)
		return hf_topic_of_below(
			   p, "", "_alarm/system", subject, out, NULL) == HF_OK;
	snprintf(leaf, sizeof(leaf), "_alarm/%.100s", rule);
	return hf_topic_of_subject(p, subject, leaf, out, NULL) == HF_OK;
}

void
mirror_alarm_place(
    struct core_mirror *cm, const struct hf_plant *p, struct mirror_fact *f)
{
	char rule[80], topic[HF_TOPIC_BYTES];
	const char *bar = strchr(f->key, '|');
	char *was = f->topic;
	size_t z;

	f->topic = NULL;
	if (bar != NULL && (size_t)(bar - f->key) < sizeof(rule)) {
		snprintf(
		    rule, sizeof(rule), "%.*s", (int)(bar - f->key), f->key);
		if (alarm_topic(p, rule, bar + 1, topic))
			f->topic = strdup(topic);
		f->zones = mirror_zones_of(cm, p, rule, bar + 1);
	}
	for (z = 0; was != NULL && z < cm->nzone; z++)
		if (f->topic == NULL || strcmp(f->topic, was) != 0)
			mirror_clear(cm->zones[z], was);
	free(was);
}

void
core_mirror_alarm(struct core *c, const char *key)
{
	struct core_mirror *cm = c->mirror;
	struct mirror_fact *f;
	uintptr_t at = (uintptr_t)hf_strmap_get(cm->alarms, key);

	if (at == 0) {
		f = mirror_fact_add(cm);
		if (f == NULL)
			return;
		f->kind = FACT_ALARM;
		f->key = strdup(key);
		at = cm->nfact;
		if (f->key == NULL ||
		    hf_strmap_put(cm->alarms, f->key, (void *)at) != HF_OK) {
			free(f->key);
			cm->nfact--;
			return;
		}
		mirror_alarm_place(cm, c->ctx.plant, f);
	}
	mirror_fact_dirty(cm, at - 1);
}

/* ---- events ---- */

void
mirror_drop_event(struct mirror_zone *z)
{
	struct mirror_event *e = z->events;

	z->events = e->next;
	if (z->events == NULL)
		z->events_last = &z->events;
	z->nevent--;
	free(e);
}

bool
mirror_event_step(struct mirror_zone *z, int *rc)
{
	struct mirror_event *e = z->events;

	if (e == NULL)
		return false;
	*rc =
	    mirror_publish(z, e->topic, e->json, strlen(e->json), false, NULL);
	if (*rc != HF_EAGAIN && *rc != HF_ECLOSED)
		mirror_drop_event(z);
	return true;
}

static void
add_event(struct mirror_zone *z, const char *topic, const char *json)
{
	size_t ntopic = strlen(topic) + 1, njson = strlen(json) + 1;
	struct mirror_event *e = malloc(sizeof(*e) + ntopic + njson);

	if (e == NULL || z->nevent == MIRROR_NEVENT)
		hf_count(&z->c->ctx.counters, HF_C_BUS_EVENT_DROP, 1);
	if (e == NULL)
		return;
	if (z->nevent == MIRROR_NEVENT)
		mirror_drop_event(z);
	e->next = NULL;
	e->topic = (char *)(e + 1);
	e->json = e->topic + ntopic;
	memcpy(e->topic, topic, ntopic);
	memcpy(e->json, json, njson);
	*z->events_last = e;
	z->events_last = &e->next;
	z->nevent++;
}

static void
put_event(const struct hf_event *e, bool is_durable, struct hf_buf *b)
{
	static const char *const kinds[] = {"on", "join", "off"};
	static const char *const levels[] = {"none", "warn", "trip"};
	char id[HF_SHA256_HEX];
	struct hf_jw w;

	hf_hex(id, e->id, sizeof(e->id));
	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "timestamp_ms", e->to_ns / HF_NS_PER_MS);
	hf_jw_kstr(&w, "id", id);
	hf_jw_kstr(&w, "kind", kinds[e->kind]);
	hf_jw_kstr(&w, "rule", e->rule->name);
	hf_jw_kstr(&w, "detector", e->detector->name);
	hf_jw_kstr(&w, "subject", e->subject);
	hf_jw_kstr(&w, "level", e->level < 3 ? levels[e->level] : "none");
	hf_jw_kbool(&w, "alarm", e->is_alarm);
	hf_jw_ktime(&w, "since", e->since_ns);
	hf_jw_ktime(&w, "from", e->from_ns);
	hf_jw_ktime(&w, "to", e->to_ns);
	hf_jw_kf64(&w, "score", e->score);
	hf_jw_kf64(&w, "statistic", e->statistic);
	hf_jw_kf64(&w, "limit", e->limit);
	hf_jw_kbool(&w, "durable", is_durable);
	hf_jw_end_obj(&w);
}

void
core_mirror_event(struct core *c, const struct hf_event *e, bool is_durable)
{
	struct core_mirror *cm = c->mirror;
	const struct hf_plant *p = c->ctx.plant;
	char leaf[HF_TOPIC_BYTES], topic[HF_TOPIC_BYTES];
	uint32_t zones = mirror_zones_of(cm, p, e->rule->name, e->subject);
	struct hf_buf b;
	size_t i;

	snprintf(leaf, sizeof(leaf), "_event/%.100s", e->rule->name);
	if (hf_topic_of_subject(p, e->subject, leaf, topic, NULL) != HF_OK)
		return;
	hf_buf_init(&b, EVENT_BYTES);
	put_event(e, is_durable, &b);
	for (i = 0; i < cm->nzone && hf_buf_ok(&b); i++)
		if (mirror_shows(p, cm->zones[i]->idx, zones, topic))
			add_event(cm->zones[i], topic, hf_buf_cstr(&b));
	hf_buf_fini(&b);
	mirror_arm(cm, 0);
}
