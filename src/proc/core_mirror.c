/* SPDX-License-Identifier: Apache-2.0
 *
 * core_mirror.c - core's publisher: connections, the pump, values, status.
 *
 * What a zone's broker holds, all QoS 0, all but events retained:
 *
 *   uns/v1/<ent>/<site>/
 *     _state/online                 core is here; the last will says offline
 *     _state/<device>/online        online | offline | uncertain, since when
 *     _holdfast_v1/status           counters of the plant, each 10 s
 *     <asset>/_state/online         of the devices that feed the asset
 *     <asset>/_<contract>/<tag>     value, when it is durable
 *     <asset>/_meta/<tag>           what the value is
 *     <asset>/_alarm/<rule>         alarm as it stands, also when it is normal
 *     <asset>/_event/<rule>         events as they are released (not retained)
 *
 * Of other zones only what a conduit to this broker shows (topics_write).
 *
 * The broker keeps nothing on disk and nothing is queued for it here: core has
 * the truth and says it again when the broker is back. Values go through an
 * hf_mirror (only durable ones, each tag in turn), everything else is a mark on
 * a table. So a broker that is away for a week costs nothing, and one that
 * comes back is complete as soon as all was said: online first, then alarms,
 * values and, last, meta.
 *
 * The pump publishes in slices of SLICE_NS in one timer for all brokers, with
 * PAUSE_NS between two: a batch never waits for its decision longer than a
 * slice and one message, and however much is due, the mirror takes at most a
 * third of core's thread. Values go in rounds: those that wait when a round
 * starts, each tag once, by its newest durable value. The next round starts
 * VALUE_NS later for each value of this one, ROUND_NS at most: below 10,000
 * values a second all go out at once, above it a tag is shown up to 10 times a
 * second and does not wake the broker 100 times. Alarms and events do not wait
 * for a round. When the connection is full (HF_EAGAIN) the value is put back
 * and the pump sleeps until the broker reads again.
 *
 * MQTT 5 user properties of a value: src (device), seq (number of the batch
 * since core started), zone.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "model/quality.h"
#include "proc/core_mirror_in.h"

#define SLICE_NS (200 * HF_NS_PER_US)
#define PAUSE_NS (400 * HF_NS_PER_US)
#define ROUND_NS (100 * HF_NS_PER_MS)
#define VALUE_NS (100 * HF_NS_PER_US)
#define STATUS_NS (10 * HF_NS_PER_S)
#define ONLINE_LEAF "_state/online"
#define STATUS_LEAF "_holdfast_v1/status"

/* ---- one message ---- */

int
mirror_publish(struct mirror_zone *z, const char *topic, const void *p,
    size_t n, bool retain, const char *const *props)
{
	struct hf_counters *ctr = &z->c->ctx.counters;
	struct hf_err err = {0};
	int rc = hf_mqtt_publish(z->m, topic, p, n, 0, retain, props, &err);

	if (rc == HF_OK) {
		z->npublished++;
		hf_count(ctr, HF_C_BUS_PUBLISHED, 1);
	} else if (rc == HF_EAGAIN) {
		hf_count(ctr, HF_C_BUS_FULL, 1);
	} else if (rc != HF_ECLOSED) {
		hf_count(ctr, HF_C_BUS_REFUSED, 1);
		hf_strcpy(z->error, sizeof(z->error), err.msg);
		log_warn("bus", "zone %s: %s", z->name, err.msg);
	}
	return rc;
}

bool
mirror_site_topic(
    const struct core *c, const char *leaf, char out[HF_TOPIC_BYTES])
{
	return hf_topic_of_asset(c->ctx.plant, "", leaf, out, NULL) == HF_OK;
}

static void
put_here(struct hf_buf *b, const char *value, const char *quality)
{
	struct hf_jw w;

	hf_buf_reset(b);
	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "timestamp_ms", hf_wall_ns() / HF_NS_PER_MS);
	hf_jw_kstr(&w, "value", value);
	hf_jw_kstr(&w, "quality", quality);
	hf_jw_end_obj(&w);
}

static bool
online_step(struct mirror_zone *z, int *rc)
{
	struct hf_buf *b = &z->c->mirror->buf;
	char topic[HF_TOPIC_BYTES];

	if (!z->owes_online || !mirror_site_topic(z->c, ONLINE_LEAF, topic))
		return false;
	put_here(b, "online", "Good");
	*rc = mirror_publish(z, topic, b->p, b->len, true, NULL);
	if (*rc != HF_EAGAIN && *rc != HF_ECLOSED)
		z->owes_online = false;
	return true;
}

static void
put_status(const struct core *c, const struct mirror_zone *z, struct hf_buf *b)
{
	const struct hf_counters *ctr = &c->ctx.counters;
	struct hf_jw w;

	hf_buf_reset(b);
	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "timestamp_ms", hf_wall_ns() / HF_NS_PER_MS);
	hf_jw_kstr(&w, "store", c->is_store_failing ? "failing" : "ok");
	hf_jw_ku64(&w, "durable_seq", c->durable_seq);
	hf_jw_ku64(&w, "samples", ctr->v[HF_C_C_SAMPLES]);
	hf_jw_ku64(&w, "batches", ctr->v[HF_C_C_BATCHES]);
	hf_jw_ku64(&w, "events", ctr->v[HF_C_C_EVENTS]);
	hf_jw_ku64(&w, "alarms_unacknowledged",
	    hf_alarms_count(c->alarms, HF_AL_UNACK, false));
	hf_jw_ku64(&w, "topics", z->nslot);
	hf_jw_ku64(&w, "published", z->npublished);
	hf_jw_ku64(&w, "waiting", hf_mirror_dirty(z->mirror));
	hf_jw_end_obj(&w);
}

static bool
status_step(struct mirror_zone *z, int *rc)
{
	struct hf_buf *b = &z->c->mirror->buf;
	char topic[HF_TOPIC_BYTES];

	if (!z->owes_status || !mirror_site_topic(z->c, STATUS_LEAF, topic))
		return false;
	put_status(z->c, z, b);
	*rc = mirror_publish(z, topic, b->p, b->len, true, NULL);
	if (*rc != HF_EAGAIN && *rc != HF_ECLOSED)
		z->owes_status = false;
	return true;
}

/* UMH's form has no quality: what is bad is not said there at all. */
static int
publish_umh(struct mirror_zone *z, const char *topic, const struct hf_sample *s,
    const char *str)
{
	struct hf_buf *b = &z->c->mirror->buf;
	char umh[HF_TOPIC_BYTES];

	if (hf_is_bad(s->status))
		return HF_OK;
	hf_strcpy(umh, sizeof(umh), topic);
	hf_topic_to_umh(umh);
	hf_buf_reset(b);
	hf_payload_value(s, str, true, b);
	return mirror_publish(z, umh, b->p, b->len, false, NULL);
}

static int
publish_value(struct mirror_zone *z, size_t slot, const struct hf_sample *s,
    const char *str)
{
	const struct hf_plant *p = z->c->ctx.plant;
	const struct hf_tag *t = &p->tags[z->tag_of[slot]];
	const struct hf_device *d = &p->devices[t->device_idx];
	struct hf_buf *b = &z->c->mirror->buf;
	char topic[HF_TOPIC_BYTES], seq[24];
	const char *const props[] = {
	    "src", d->name, "seq", seq, "zone", d->zone, NULL};
	int rc = HF_OK;

	if (hf_topic_of_tag(p, t, HF_TOPIC_VALUE, topic, NULL) != HF_OK)
		return HF_EINVAL; /* has none: `holdfast check` said so */
	/* First, so that a full connection loses neither: both come again. */
	if (z->is_umh != NULL && z->is_umh[slot])
		rc = publish_umh(z, topic, s, str);
	if (rc == HF_EAGAIN || rc == HF_ECLOSED)
		return rc;
	snprintf(seq, sizeof(seq), "%llu",
	    (unsigned long long)hf_mirror_seq(z->mirror));
	hf_buf_reset(b);
	hf_payload_value(s, str, false, b);
	return mirror_publish(z, topic, b->p, b->len, true, props);
}

static bool
value_step(struct mirror_zone *z, int *rc)
{
	struct hf_sample s;
	const char *str;
	size_t slot;

	if (z->nround == 0 ||
	    !hf_mirror_next(z->mirror, z->c->mirror->durable, &slot, &s, &str))
		return false;
	*rc = publish_value(z, slot, &s, str);
	if (*rc == HF_EAGAIN || *rc == HF_ECLOSED)
		hf_mirror_undo(z->mirror, slot);
	else
		z->nround--;
	return true;
}

static bool
meta_step(struct mirror_zone *z, int *rc)
{
	const struct hf_plant *p = z->c->ctx.plant;
	struct hf_buf *b = &z->c->mirror->buf;
	char topic[HF_TOPIC_BYTES];
	const struct hf_tag *t;

	if (z->meta_at == z->nslot)
		return false;
	t = &p->tags[z->tag_of[z->meta_at]];
	*rc = HF_OK;
	if (hf_topic_of_tag(p, t, HF_TOPIC_META, topic, NULL) == HF_OK) {
		hf_buf_reset(b);
		hf_payload_meta(p, t, b);
		*rc = mirror_publish(z, topic, b->p, b->len, true, NULL);
	}
	if (*rc != HF_EAGAIN && *rc != HF_ECLOSED)
		z->meta_at++;
	return true;
}

/* A retained topic goes away with an empty payload. */
static bool
clear_step(struct mirror_zone *z, int *rc)
{
	if (z->clear_at == z->nclear)
		return false;
	*rc = mirror_publish(z, z->clear[z->clear_at], "", 0, true, NULL);
	if (*rc == HF_EAGAIN || *rc == HF_ECLOSED)
		return true;
	hf_count(&z->c->ctx.counters, HF_C_BUS_CLEARED, 1);
	free(z->clear[z->clear_at++]);
	if (z->clear_at == z->nclear) {
		free(z->clear);
		z->clear = NULL;
		z->nclear = z->cap_clear = z->clear_at = 0;
	}
	return true;
}

/* ---- the pump ---- */

/* One message of the most urgent kind. False: nothing is due, or it must
 * wait. */
static bool
step(struct mirror_zone *z)
{
	int rc = HF_OK;
	bool is_any = online_step(z, &rc) || mirror_fact_step(z, &rc) ||
		      mirror_event_step(z, &rc) || clear_step(z, &rc) ||
		      value_step(z, &rc) || meta_step(z, &rc) ||
		      status_step(z, &rc);

	return is_any && rc != HF_EAGAIN && rc != HF_ECLOSED;
}

void
mirror_arm(struct core_mirror *cm, int64_t delay_ns)
{
	int64_t due_ns = hf_mono_ns() + delay_ns;

	if (cm->is_armed && cm->due_ns <= due_ns)
		return;
	cm->is_armed = true;
	cm->due_ns = due_ns;
	hf_timer_in(cm->pump, delay_ns);
}

static void
start_round(struct core_mirror *cm, int64_t now_ns)
{
	int64_t wait_ns = 0;
	size_t i;

	if (now_ns < cm->round_ns)
		return;
	for (i = 0; i < cm->nzone; i++) {
		struct mirror_zone *z = cm->zones[i];

		z->nround = z->is_up ? hf_mirror_dirty(z->mirror) : 0;
		wait_ns += (int64_t)z->nround * VALUE_NS;
	}
	cm->round_ns = now_ns + (wait_ns < ROUND_NS ? wait_ns : ROUND_NS);
}

/* Nothing more to do in this round: does a value wait for the next one? */
static void
await_round(struct core_mirror *cm, int64_t now_ns)
{
	size_t i;

	for (i = 0; i < cm->nzone; i++)
		if (cm->zones[i]->is_up &&
		    hf_mirror_is_due(cm->zones[i]->mirror, cm->durable))
			mirror_arm(cm, cm->round_ns - now_ns);
}

static void
pump(void *arg)
{
	struct core_mirror *cm = arg;
	int64_t now_ns = hf_mono_ns(), end_ns = now_ns + SLICE_NS;
	size_t nidle = 0;

	cm->is_armed = false;
	start_round(cm, now_ns);
	while (nidle < cm->nzone) {
		struct mirror_zone *z = cm->zones[cm->turn % cm->nzone];

		if (z->is_up && hf_mqtt_is_up(z->m) && step(z)) {
			z->last_ns = now_ns;
			nidle = 0;
		} else {
			nidle++;
			cm->turn++;
		}
		now_ns = hf_mono_ns();
		if (now_ns >= end_ns) {
			cm->turn++;
			mirror_arm(cm, PAUSE_NS);
			return;
		}
	}
	await_round(cm, now_ns);
}

/* ---- the connection ---- */

void
mirror_all_again(struct mirror_zone *z)
{
	struct core_mirror *cm = z->c->mirror;
	size_t i;

	hf_mirror_all(z->mirror);
	z->meta_at = z->fact_at = 0;
	z->owes_online = z->owes_status = true;
	for (i = 0; i < cm->nfact; i++)
		cm->facts[i].dirty |= 1u << z->idx;
	mirror_arm(cm, 0);
}

static void
on_connecting(void *arg)
{
	struct mirror_zone *z = arg;
	char topic[HF_TOPIC_BYTES];
	struct hf_buf b;

	if (!mirror_site_topic(z->c, ONLINE_LEAF, topic))
		return;
	hf_buf_init(&b, 256);
	put_here(&b, "offline", "Uncertain");
	hf_mqtt_will(z->m, topic, b.p, b.len, 1, true, NULL);
	hf_buf_fini(&b);
}

static void
on_up(void *arg)
{
	struct mirror_zone *z = arg;

	z->is_up = true;
	z->since_ns = hf_wall_ns();
	hf_count(&z->c->ctx.counters, HF_C_BUS_CONNECTS, 1);
	log_info("bus", "zone %s: connected to its broker: %zu tags to show",
	    z->name, z->nslot);
	mirror_all_again(z);
}

static void
on_down(void *arg, const char *why)
{
	struct mirror_zone *z = arg;

	if (z->is_up || z->error[0] == '\0')
		log_warn("bus", "zone %s: %s", z->name, why);
	if (z->is_up)
		z->since_ns = hf_wall_ns();
	z->is_up = false;
	hf_strcpy(z->error, sizeof(z->error), why);
	hf_count(&z->c->ctx.counters, HF_C_BUS_RETRY, 1);
}

static void
on_writable(void *arg)
{
	struct mirror_zone *z = arg;

	mirror_arm(z->c->mirror, 0);
}

bool
mirror_connect(struct mirror_zone *z)
{
	struct hf_mqtt_conf conf = {.client_id = "core", .version = HF_MQTT_5};
	struct hf_mqtt_cb cb = {.arg = z,
	    .connecting = on_connecting,
	    .up = on_up,
	    .down = on_down,
	    .writable = on_writable};
	char dir[200], path[300];
	struct hf_err err = {0};
	int rc = hf_role_path(&z->c->ctx, "dir.broker", dir, sizeof(dir), &err);

	if (rc == HF_OK) {
		snprintf(path, sizeof(path), "%s/%s/mqtt.sock", dir, z->name);
		conf.unix_path = path;
		rc = hf_mqtt_new(z->c->ctx.loop, &conf, &cb, &z->m, &err);
	}
	if (rc != HF_OK) {
		hf_strcpy(z->error, sizeof(z->error), err.msg);
		log_error("bus", "zone %s: %s", z->name, err.msg);
	}
	return rc == HF_OK;
}

/* ---- core's side ---- */

void
core_mirror_note(struct core *c, size_t idx, uint64_t put_seq)
{
	const struct core_last *l = &c->last[idx];
	struct core_mirror *cm = c->mirror;
	size_t i;

	for (i = 0; i < cm->nzone; i++)
		if (cm->zones[i]->slot_of[idx] != MIRROR_NONE)
			hf_mirror_note(cm->zones[i]->mirror,
			    cm->zones[i]->slot_of[idx], &l->s, l->str, put_seq);
}

void
core_mirror_durable(struct core *c, uint64_t put_seq)
{
	struct core_mirror *cm = c->mirror;

	cm->durable = put_seq;
	mirror_arm(cm, cm->round_ns - hf_mono_ns());
}

void
core_mirror_tick(struct core *c, int64_t mono_ns)
{
	struct core_mirror *cm = c->mirror;
	bool is_status_due = mono_ns >= cm->status_ns;
	size_t i;

	mirror_watch_online(cm);
	if (is_status_due)
		cm->status_ns = mono_ns + STATUS_NS;
	for (i = 0; i < cm->nzone; i++)
		cm->zones[i]->owes_status |= is_status_due;
	mirror_arm(cm, 0);
}

static void
json_zone(const struct mirror_zone *z, struct hf_jw *w)
{
	hf_jw_obj(w);
	hf_jw_kstr(w, "zone", z->name);
	hf_jw_kstr(w, "broker", z->is_up ? "up" : "down");
	hf_jw_ktime(w, "since", z->since_ns);
	hf_jw_ku64(w, "topics", z->nslot);
	hf_jw_ku64(w, "waiting",
	    hf_mirror_dirty(z->mirror) + (z->nslot - z->meta_at) +
		(z->nclear - z->clear_at) + z->nevent);
	hf_jw_ku64(w, "published", z->npublished);
	hf_jw_key(w, "age_s");
	if (z->last_ns == HF_TIME_NONE)
		hf_jw_null(w);
	else
		hf_jw_f64(w, (double)(hf_mono_ns() - z->last_ns) / HF_NS_PER_S);
	hf_jw_kstr(w, "error", z->is_up ? "" : z->error);
	hf_jw_end_obj(w);
}

void
core_mirror_json(const struct core *c, struct hf_jw *w)
{
	size_t i;

	hf_jw_key(w, "namespace");
	hf_jw_arr(w);
	for (i = 0; c->mirror != NULL && i < c->mirror->nzone; i++)
		json_zone(c->mirror->zones[i], w);
	hf_jw_end_arr(w);
}

bool
core_mirror_down(
    const struct core *c, size_t i, const char **zone, const char **text)
{
	size_t k;

	for (k = 0; c->mirror != NULL && k < c->mirror->nzone; k++) {
		const struct mirror_zone *z = c->mirror->zones[k];

		if (z->is_up || i-- > 0)
			continue;
		*zone = z->name;
		*text = z->error[0] != '\0' ? z->error : "not connected yet";
		return true;
	}
	return false;
}

void
core_mirror_stop(struct core *c)
{
	struct core_mirror *cm = c->mirror;
	char topic[HF_TOPIC_BYTES];
	size_t i;

	for (i = 0; cm != NULL && i < cm->nzone; i++) {
		struct mirror_zone *z = cm->zones[i];

		if (z->m == NULL || !hf_mqtt_is_up(z->m) ||
		    !mirror_site_topic(c, ONLINE_LEAF, topic))
			continue;
		put_here(&cm->buf, "offline", "Uncertain");
		mirror_publish(z, topic, cm->buf.p, cm->buf.len, true, NULL);
	}
	core_mirror_free(c);
}

void
core_mirror_free(struct core *c)
{
	struct core_mirror *cm = c->mirror;
	size_t i;

	if (cm == NULL)
		return;
	for (i = 0; i < cm->nzone; i++)
		mirror_zone_free(cm->zones[i]);
	mirror_facts_fini(cm);
	hf_watch_free(cm->pump);
	hf_buf_fini(&cm->buf);
	free(cm);
	c->mirror = NULL;
}

struct core_mirror *
core_mirror_new(struct core *c)
{
	struct core_mirror *cm = calloc(1, sizeof(*cm));

	if (cm == NULL)
		return NULL;
	cm->c = c;
	hf_buf_init(&cm->buf, MIRROR_PAYLOAD);
	cm->pump = hf_loop_timer(c->ctx.loop, pump, cm);
	if (cm->pump == NULL) {
		free(cm);
		return NULL;
	}
	return cm;
}
