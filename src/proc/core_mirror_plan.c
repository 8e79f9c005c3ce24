/* SPDX-License-Identifier: Apache-2.0
 *
 * core_mirror_plan.c - from a plant to the mirror's tables: who is shown where.
 *
 * A zone's broker shows the tags of the zone's own devices, and of another
 * zone's those that a conduit from zone/<other> to broker/<zone> lets pass: one
 * of its topics_write must match the topic. Facts (online, alarms, events) go
 * by the same rule; what belongs to no zone is everybody's.
 *
 * A reload makes all tables anew and keeps the connections. Topics that the old
 * plant had and the new one has not are cleared in the broker; the list of them
 * stays until it was published, however long the broker is away. What a core
 * that was killed had still to clear stays in a broker that outlived it; the
 * broker forgets it when it is started anew.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core_mirror_in.h"

#define NCLEAR (2 * HF_PLANT_NTAG + 50000) /* of one broker */

static bool
passes(const struct hf_conduit *c, const char *topic)
{
	size_t i;

	for (i = 0; i < c->topics_write.n; i++)
		if (hf_topic_matches(c->topics_write.v[i], topic))
			return true;
	return false;
}

bool
mirror_shows(const struct hf_plant *p, uint32_t zone_idx, uint32_t zones,
    const char *topic)
{
	uint32_t from, to;
	size_t i;

	if ((zones & (1u << zone_idx)) != 0)
		return true;
	for (i = 0; i < p->nconduit; i++)
		if (hf_conduit_mirror(p, &p->conduits[i], &from, &to) &&
		    to == zone_idx && (zones & (1u << from)) != 0 &&
		    passes(&p->conduits[i], topic))
			return true;
	return false;
}

/* Zones with a conduit to this one's broker: only their topics are worth
 * making. */
static uint32_t
zones_towards(const struct hf_plant *p, uint32_t zone_idx)
{
	uint32_t from, to, zones = 1u << zone_idx;
	size_t i;

	for (i = 0; i < p->nconduit; i++)
		if (hf_conduit_mirror(p, &p->conduits[i], &from, &to) &&
		    to == zone_idx)
			zones |= 1u << from;
	return zones;
}

static bool
shows_tag(const struct hf_plant *p, const struct hf_tag *t, uint32_t zone_idx,
    uint32_t towards)
{
	uint32_t zone = 1u << p->devices[t->device_idx].zone_idx;
	char topic[HF_TOPIC_BYTES];

	if (t->is_stamp || (towards & zone) == 0)
		return false;
	if (zone == 1u << zone_idx)
		return true;
	return hf_topic_of_tag(p, t, HF_TOPIC_VALUE, topic, NULL) == HF_OK &&
	       mirror_shows(p, zone_idx, zone, topic);
}

/* ---- clearing ---- */

void
mirror_clear(struct mirror_zone *z, const char *topic)
{
	size_t cap = z->cap_clear == 0 ? 64 : z->cap_clear * 2;
	char **bigger;

	if (z->nclear == z->cap_clear) {
		bigger = cap > NCLEAR
			     ? NULL
			     : realloc(z->clear, cap * sizeof(*bigger));
		if (bigger == NULL)
			return;
		z->clear = bigger;
		z->cap_clear = cap;
	}
	z->clear[z->nclear] = strdup(topic);
	if (z->clear[z->nclear] != NULL)
		z->nclear++;
}

struct before { /* a zone's tables of the old plant */
	const struct hf_plant *plant;
	uint32_t *tag_of;
	size_t nslot;
};

static void
clear_kind(struct mirror_zone *z, const struct hf_plant *p,
    const struct before *b, size_t slot, enum hf_topic_kind kind)
{
	const struct hf_tag *was = &b->plant->tags[b->tag_of[slot]];
	const struct hf_tag *is = hf_plant_tag_by_key(p, was->key);
	char old[HF_TOPIC_BYTES], now[HF_TOPIC_BYTES];

	if (hf_topic_of_tag(b->plant, was, kind, old, NULL) != HF_OK)
		return;
	if (is != NULL && z->slot_of[is - p->tags] != MIRROR_NONE &&
	    hf_topic_of_tag(p, is, kind, now, NULL) == HF_OK &&
	    strcmp(old, now) == 0)
		return;
	mirror_clear(z, old);
}

static void
clear_vanished(
    struct mirror_zone *z, const struct hf_plant *p, const struct before *b)
{
	size_t i;

	for (i = 0; i < b->nslot; i++) {
		clear_kind(z, p, b, i, HF_TOPIC_VALUE);
		clear_kind(z, p, b, i, HF_TOPIC_META);
	}
}

/* ---- one zone's tables ---- */

static void
mark_umh(struct mirror_zone *z, const struct hf_plant *p)
{
	size_t i, k;

	for (i = 0; i < p->nexport; i++) {
		const struct hf_export *x = &p->exports[i];

		if (x->kind == NULL || strcmp(x->kind->name, "umh") != 0 ||
		    x->zone_idx != z->idx)
			continue;
		if (z->is_umh == NULL)
			z->is_umh = calloc(z->nslot + 1, sizeof(*z->is_umh));
		if (z->is_umh == NULL)
			return;
		for (k = 0; k < z->nslot && x->tags.n == 0; k++)
			z->is_umh[k] = true;
		for (k = 0; k < x->ntag; k++)
			if (z->slot_of[x->tag_idx[k]] != MIRROR_NONE)
				z->is_umh[z->slot_of[x->tag_idx[k]]] = true;
	}
}

static void
free_tables(struct mirror_zone *z)
{
	hf_mirror_free(z->mirror);
	free(z->slot_of);
	free(z->tag_of);
	free(z->is_umh);
	z->mirror = NULL;
	z->slot_of = z->tag_of = NULL;
	z->is_umh = NULL;
	z->nslot = z->meta_at = 0;
}

static bool
make_tables(struct mirror_zone *z, const struct hf_plant *p)
{
	uint32_t towards = zones_towards(p, z->idx);
	size_t i;

	z->slot_of = malloc((p->ntag + 1) * sizeof(*z->slot_of));
	z->tag_of = malloc((p->ntag + 1) * sizeof(*z->tag_of));
	if (z->slot_of == NULL || z->tag_of == NULL)
		return false;
	for (i = 0; i < p->ntag; i++) {
		z->slot_of[i] = MIRROR_NONE;
		if (!shows_tag(p, &p->tags[i], z->idx, towards))
			continue;
		z->tag_of[z->nslot] = (uint32_t)i;
		z->slot_of[i] = (uint32_t)z->nslot++;
	}
	z->mirror = hf_mirror_new(z->nslot);
	mark_umh(z, p);
	return z->mirror != NULL;
}

void
mirror_zone_free(struct mirror_zone *z)
{
	if (z == NULL)
		return;
	hf_mqtt_free(z->m);
	free_tables(z);
	while (z->events != NULL)
		mirror_drop_event(z);
	while (z->clear_at < z->nclear)
		free(z->clear[z->clear_at++]);
	free(z->clear);
	free(z);
}

static struct mirror_zone *
find_zone(const struct core_mirror *cm, const char *name)
{
	size_t i;

	for (i = 0; i < cm->nzone; i++)
		if (strcmp(cm->zones[i]->name, name) == 0)
			return cm->zones[i];
	return NULL;
}

static struct mirror_zone *
add_zone(struct core_mirror *cm, const char *name)
{
	struct mirror_zone *z = calloc(1, sizeof(*z));

	if (z == NULL)
		return NULL;
	z->c = cm->c;
	hf_strcpy(z->name, sizeof(z->name), name);
	z->events_last = &z->events;
	z->since_ns = hf_wall_ns();
	z->last_ns = HF_TIME_NONE;
	cm->zones[cm->nzone++] = z;
	return z;
}

/* False: no memory; the zone has no mirror until the next reload. */
static bool
plan_zone(struct core_mirror *cm, const struct hf_plant *p, size_t idx,
    const struct hf_plant *old)
{
	struct mirror_zone *z = find_zone(cm, p->zones[idx].name);
	struct before b = {.plant = old};

	if (z == NULL)
		z = add_zone(cm, p->zones[idx].name);
	if (z == NULL)
		return false;
	z->idx = (uint32_t)idx;
	b.tag_of = z->tag_of;
	b.nslot = z->nslot;
	z->tag_of = NULL;
	z->nslot = 0;
	free_tables(z);
	if (!make_tables(z, p)) {
		free(b.tag_of);
		return false;
	}
	if (old != NULL && b.tag_of != NULL)
		clear_vanished(z, p, &b);
	free(b.tag_of);
	return z->m != NULL || mirror_connect(z);
}

static void
remove_zone(struct core_mirror *cm, size_t i)
{
	mirror_zone_free(cm->zones[i]);
	cm->zones[i] = cm->zones[--cm->nzone];
	cm->zones[cm->nzone] = NULL;
}

static void
remove_gone(struct core_mirror *cm, const struct hf_plant *p)
{
	size_t i = 0, k;

	while (i < cm->nzone) {
		for (k = 0; k < p->nzone; k++)
			if (strcmp(p->zones[k].name, cm->zones[i]->name) == 0 &&
			    hf_plant_has_broker(p, (uint32_t)k))
				break;
		if (k == p->nzone)
			remove_zone(cm, i);
		else
			i++;
	}
}

/* ---- facts ---- */

static int
feed_cmp(const void *a, const void *b)
{
	const struct mirror_feed *x = a, *y = b;

	return (x->asset > y->asset) - (x->asset < y->asset);
}

/* Which devices feed which asset, once each. */
static bool
plan_feeds(struct core_mirror *cm, const struct hf_plant *p)
{
	uint32_t *seen = calloc(p->nasset + 1, sizeof(*seen));
	size_t i, cap = 0;

	free(cm->feeds);
	free(cm->asset_zones);
	cm->feeds = NULL;
	cm->nfeed = 0;
	cm->asset_zones = calloc(p->nasset + 1, sizeof(*cm->asset_zones));
	for (i = 0; seen != NULL && cm->asset_zones != NULL && i < p->ntag;
	     i++) {
		const struct hf_asset *a = hf_plant_asset_of(p, &p->tags[i]);
		uint32_t d = p->tags[i].device_idx, k;

		if (a == NULL || p->tags[i].is_stamp)
			continue;
		k = (uint32_t)(a - p->assets);
		cm->asset_zones[k] |= 1u << p->devices[d].zone_idx;
		if (seen[k] == d + 1) /* tags stand by device */
			continue;
		seen[k] = d + 1;
		if (cm->nfeed == cap) {
			void *bigger;

			cap = cap == 0 ? 64 : cap * 2;
			bigger = realloc(cm->feeds, cap * sizeof(*cm->feeds));
			if (bigger == NULL)
				break;
			cm->feeds = bigger;
		}
		cm->feeds[cm->nfeed++] = (struct mirror_feed){k, d};
	}
	free(seen);
	if (cm->nfeed > 0)
		qsort(cm->feeds, cm->nfeed, sizeof(*cm->feeds), feed_cmp);
	return cm->asset_zones != NULL;
}

static void
add_asset_fact(struct core_mirror *cm, const struct hf_plant *p, uint32_t i)
{
	char topic[HF_TOPIC_BYTES];
	struct mirror_fact *f;

	if (hf_topic_of_asset(
		p, p->assets[i].path, "_state/online", topic, NULL) != HF_OK)
		return;
	f = mirror_fact_add(cm);
	if (f == NULL)
		return;
	f->kind = FACT_ASSET;
	f->idx = i;
	f->zones = cm->asset_zones[i];
	f->topic = strdup(topic);
	f->since_ns = hf_wall_ns();
}

static void
add_device_fact(struct core_mirror *cm, const struct hf_plant *p, uint32_t i)
{
	char topic[HF_TOPIC_BYTES], leaf[120];
	struct mirror_fact *f;

	snprintf(leaf, sizeof(leaf), "_state/%.64s/online", p->devices[i].name);
	if (hf_topic_of_asset(p, "", leaf, topic, NULL) != HF_OK)
		return;
	f = mirror_fact_add(cm);
	if (f == NULL)
		return;
	f->kind = FACT_DEVICE;
	f->idx = i;
	f->zones = 1u << p->devices[i].zone_idx;
	f->topic = strdup(topic);
	f->since_ns = hf_wall_ns();
}

static void
add_alarm(void *arg, const char *key)
{
	core_mirror_alarm(arg, key);
}

/* Topics and states that stay are taken over; those that do not are cleared. */
static void
settle_facts(struct core_mirror *cm, struct mirror_fact *was, size_t nwas)
{
	struct hf_strmap *now = hf_strmap_new(cm->nfact + 1);
	size_t i, z;

	for (i = 0; now != NULL && i < cm->nfact; i++)
		if (cm->facts[i].topic != NULL)
			hf_strmap_put(now, cm->facts[i].topic, (void *)(i + 1));
	for (i = 0; i < nwas; i++) {
		uintptr_t at =
		    now == NULL || was[i].topic == NULL
			? 0
			: (uintptr_t)hf_strmap_get(now, was[i].topic);

		if (at > 0) {
			cm->facts[at - 1].online = was[i].online;
			cm->facts[at - 1].since_ns = was[i].since_ns;
		}
		for (z = 0; at == 0 && was[i].topic != NULL && z < cm->nzone;
		     z++)
			mirror_clear(cm->zones[z], was[i].topic);
		free(was[i].topic);
		free(was[i].key);
	}
	hf_strmap_free(now);
	free(was);
}

static void
plan_facts(struct core_mirror *cm, const struct hf_plant *p)
{
	struct mirror_fact *was = cm->facts;
	size_t nwas = cm->nfact, i;

	cm->facts = NULL;
	cm->nfact = cm->cap_fact = 0;
	hf_strmap_free(cm->alarms);
	cm->alarms = hf_strmap_new(CORE_NALARM + 1);
	if (plan_feeds(cm, p))
		for (i = 0; i < cm->nfeed; i++)
			if (i == 0 ||
			    cm->feeds[i].asset != cm->feeds[i - 1].asset)
				add_asset_fact(cm, p, cm->feeds[i].asset);
	for (i = 0; i < p->ndevice; i++)
		add_device_fact(cm, p, (uint32_t)i);
	if (cm->alarms != NULL)
		hf_alarms_each(cm->c->alarms, add_alarm, cm->c);
	settle_facts(cm, was, nwas);
}

void
mirror_facts_fini(struct core_mirror *cm)
{
	size_t i;

	hf_strmap_free(cm->alarms);
	for (i = 0; i < cm->nfact; i++) {
		free(cm->facts[i].topic);
		free(cm->facts[i].key);
	}
	free(cm->facts);
	free(cm->feeds);
	free(cm->asset_zones);
}

/* ---- a plant ---- */

static bool
has_any_broker(const struct hf_plant *p)
{
	size_t i;

	for (i = 0; i < p->nzone; i++)
		if (hf_plant_has_broker(p, (uint32_t)i))
			return true;
	return false;
}

/* Last values of a new table: as durable as what was put so far. */
static void
note_all(struct core *c, const struct hf_plant *p)
{
	size_t i;

	for (i = 0; i < p->ntag; i++)
		if (c->last[i].is_set)
			core_mirror_note(c, i, c->put_seq);
}

void
core_mirror_plant(
    struct core *c, const struct hf_plant *p, const struct hf_plant *old)
{
	struct core_mirror *cm = c->mirror;
	size_t i;

	if (!has_any_broker(p)) {
		core_mirror_stop(c);
		return;
	}
	if (cm == NULL)
		cm = c->mirror = core_mirror_new(c);
	if (cm == NULL) {
		log_error("bus", "no memory: the namespace is not shown");
		return;
	}
	remove_gone(cm, p);
	for (i = 0; i < p->nzone; i++) {
		struct mirror_zone *z;

		if (!hf_plant_has_broker(p, (uint32_t)i) ||
		    plan_zone(cm, p, i, old))
			continue;
		log_error("bus", "zone %s: its broker is not served",
		    p->zones[i].name);
		z = find_zone(cm, p->zones[i].name);
		for (size_t k = 0; z != NULL && k < cm->nzone; k++)
			if (cm->zones[k] == z) {
				remove_zone(cm, k);
				break;
			}
	}
	plan_facts(cm, p);
	note_all(c, p);
	for (i = 0; i < cm->nzone; i++)
		mirror_all_again(cm->zones[i]);
}
