/* SPDX-License-Identifier: Apache-2.0
 *
 * core_alarm.c - events and alarms: released when their samples are durable.
 *
 * The engine raises an event while a batch is fed; it waits here until the
 * frame of that batch is durable, and only then becomes a row, an alarm and an
 * audit record. When the store cannot write, waiting would silence the plant:
 * events are then released at once and marked so.
 *
 * After a crash the engine raises the events behind the last snapshot again.
 * The id decides: one that state.db knows is counted and forgotten, one that it
 * does not know had not been released and is released now. For that the row of
 * the alarm goes to the writer before the row of its event: an event that is
 * known has made its alarm, and an alarm that already took an event does not
 * take it twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core.h"
#include "proc/core_mirror.h"

#define RING_ALARM_NS (60 * HF_NS_PER_S) /* after the last loss */

static void
put_event_row(
    struct core *c, const struct hf_event *e, const uint8_t *plant_hash)
{
	struct hf_work *w = hf_work_new(HF_W_EVENT);

	if (w == NULL)
		return;
	memcpy(w->id, e->id, sizeof(w->id));
	memcpy(w->plant_hash, plant_hash, sizeof(w->plant_hash));
	w->rule = strdup(e->rule->name);
	w->subject = strdup(e->subject);
	w->json = strdup(e->json);
	if (w->rule == NULL || w->subject == NULL || w->json == NULL) {
		log_error("core", "no memory for the row of an event");
		hf_work_free(w);
		return;
	}
	w->from_ns = e->from_ns;
	w->to_ns = e->to_ns;
	w->wall_ns = hf_wall_ns();
	core_put_row(c, w);
}

void
core_record(struct core *c, const char *action, const char *actor,
    const char *object, const char *decision, const char *detail)
{
	struct hf_record r = {.zone = ""};

	hf_record_text(r.action, sizeof(r.action), "%s", action);
	hf_record_text(r.actor, sizeof(r.actor), "%s", actor);
	hf_record_text(r.object, sizeof(r.object), "%s", object);
	hf_record_text(r.decision, sizeof(r.decision), "%s", decision);
	hf_record_text(r.detail, sizeof(r.detail), "%s", detail);
	hf_role_record(&c->ctx, &r);
}

static void
remember_unaudited(struct core *c, const uint8_t id[HF_SHA256_LEN])
{
	size_t cap = c->cap_unaudited == 0 ? 64 : c->cap_unaudited * 2;
	void *p;

	if (c->nunaudited == c->cap_unaudited) {
		p = realloc(c->unaudited, cap * sizeof(*c->unaudited));
		if (p == NULL)
			return; /* unaudited: recorded twice at worst */
		c->unaudited = p;
		c->cap_unaudited = cap;
	}
	memcpy(c->unaudited[c->nunaudited++], id, HF_SHA256_LEN);
}

static void
record_event(struct core *c, const uint8_t id[HF_SHA256_LEN], const char *rule,
    const char *subject, const char *what)
{
	struct hf_record r = {.action = "event.raised", .decision = "raised"};

	hf_record_text(r.actor, sizeof(r.actor), "rule:%s", rule);
	hf_hex(r.object, id, HF_SHA256_LEN);
	hf_record_text(r.detail, sizeof(r.detail), "%s: %s", subject, what);
	if (hf_role_record(&c->ctx, &r) == HF_OK)
		remember_unaudited(c, id);
}

static const char *
kind_word(enum hf_event_kind k)
{
	static const char *const words[] = {"came on", "grew", "went off"};

	return words[k];
}

/* Alarms of the last week of source time count against the position's
 * budget. */
static void
spend(struct core *c, const struct hf_event *e)
{
	if (e->kind == HF_EV_ON && e->is_alarm)
		core_spend(c, e->rule->name, e->to_ns);
}

static void
release_event(struct core *c, const struct hf_event *e, bool is_durable,
    const uint8_t *plant_hash)
{
	spend(c, e);
	hf_alarms_event(c->alarms, e, hf_wall_ns(), is_durable);
	put_event_row(c, e, plant_hash);
	if (c->mirror != NULL)
		core_mirror_event(c, e, is_durable);
	record_event(c, e->id, e->rule->name, e->subject, kind_word(e->kind));
}

/* Before the threads run: state.db is ours, the id tells what is new. It is
 * only tried here; the row goes the way of all others, behind that of its
 * alarm. */
static bool
is_event_known(struct core *c, const struct hf_event *e)
{
	struct hf_state_event row = {.rule = e->rule->name,
	    .subject = e->subject,
	    .from_ns = e->from_ns,
	    .to_ns = e->to_ns,
	    .raised_ns = hf_wall_ns(),
	    .json = e->json};
	struct hf_state *st = c->writer_conf.state;
	struct hf_err err = {0};
	bool is_new = false;
	int rc = hf_state_begin(st, &err);

	memcpy(row.id, e->id, sizeof(row.id));
	if (rc == HF_OK)
		rc = hf_state_put_event(st, &row, &is_new, &err);
	if (rc != HF_OK)
		log_error(
		    "core", "event of rule %s: %s", e->rule->name, err.msg);
	hf_state_rollback(st); /* nothing, if it did not begin */
	return rc == HF_OK && !is_new;
}

static void
replayed_event(struct core *c, const struct hf_event *e)
{
	if (is_event_known(c, e)) {
		hf_count(&c->ctx.counters, HF_C_C_EVENT_DUP, 1);
		return;
	}
	hf_count(&c->ctx.counters, HF_C_C_EVENTS, 1);
	release_event(c, e, true, c->ctx.plant->hash);
}

void
core_on_event(void *arg, const struct hf_event *e)
{
	struct core *c = arg;
	struct core_event *n;

	if (c->is_replaying) {
		replayed_event(c, e);
		return;
	}
	hf_count(&c->ctx.counters, HF_C_C_EVENTS, 1);
	n = calloc(1, sizeof(*n));
	if (n != NULL)
		n->json = strdup(e->json);
	if (n == NULL || n->json == NULL) {
		free(n);
		release_event(c, e, false, c->ctx.plant->hash);
		return;
	}
	n->e = *e;
	memcpy(n->plant_hash, c->ctx.plant->hash, sizeof(n->plant_hash));
	n->e.json = n->json;
	n->put_seq = c->put_seq + 1;
	*c->events_last = n;
	c->events_last = &n->next;
	if (c->is_store_failing)
		core_release_events(c, UINT64_MAX);
}

/* UINT64_MAX: the store fails, everything goes out as it is. */
void
core_release_events(struct core *c, uint64_t durable_put_seq)
{
	struct core_event *n;

	while ((n = c->events) != NULL && n->put_seq <= durable_put_seq) {
		c->events = n->next;
		if (c->events == NULL)
			c->events_last = &c->events;
		release_event(
		    c, &n->e, durable_put_seq != UINT64_MAX, n->plant_hash);
		free(n->json);
		free(n);
	}
}

static const char *
action_of(const struct hf_alarm_change *ch)
{
	if (strncmp(ch->by, "uid:", 4) != 0)
		return "alarm.state";
	switch (ch->to) {
	case HF_AL_ACKED:
		return ch->from == HF_AL_SHELVED ? "alarm.unshelve"
						 : "alarm.ack";
	case HF_AL_SHELVED:
		return "alarm.shelve";
	case HF_AL_OUT_OF_SERVICE:
		return "alarm.out_of_service";
	default:
		if (ch->from == HF_AL_SHELVED)
			return "alarm.unshelve";
		return ch->from == HF_AL_OUT_OF_SERVICE ? "alarm.in_service"
							: "alarm.ack";
	}
}

void
core_on_alarm(void *arg, const struct hf_alarm_change *ch)
{
	struct core *c = arg;
	struct hf_work *w = hf_work_new(HF_W_ALARM);
	char detail[512];

	snprintf(detail, sizeof(detail), "%s -> %s%s%.300s",
	    hf_alarm_state_words[ch->from], hf_alarm_state_words[ch->to],
	    ch->reason != NULL && ch->reason[0] != '\0' ? ": " : "",
	    ch->reason != NULL ? ch->reason : "");
	core_record(c, action_of(ch), ch->by, ch->key, "done", detail);
	if (c->mirror != NULL)
		core_mirror_alarm(c, ch->key);
	if (w == NULL)
		return;
	w->key = strdup(ch->key);
	w->json = ch->journal_json == NULL ? NULL : strdup(ch->journal_json);
	w->row = malloc(ch->nrow + 1);
	if (w->key == NULL || w->row == NULL) {
		hf_work_free(w);
		return;
	}
	memcpy(w->row, ch->row, ch->nrow);
	w->nrow = ch->nrow;
	w->wall_ns = ch->wall_ns;
	w->req = c->act_req;
	if (core_put_row(c, w))
		c->has_act_row = true;
}

static void
load_alarm(void *arg, const char *key, const void *p, size_t n)
{
	struct core *c = arg;
	struct hf_err err = {0};

	if (hf_alarms_load(c->alarms, key, p, n, &err) != HF_OK)
		log_error(
		    "core", "alarm %s: %s; it starts as normal", key, err.msg);
}

int
core_load_alarms(struct core *c, struct hf_err *err)
{
	return hf_state_each_alarm(c->writer_conf.state, load_alarm, c, err);
}

static void
record_again(void *arg, const struct hf_state_event *e)
{
	record_event(arg, e->id, e->rule, e->subject, "recorded after restart");
}

void
core_record_unaudited(struct core *c, struct hf_err *err)
{
	if (hf_state_each_unaudited(
		c->writer_conf.state, record_again, c, err) != HF_OK)
		log_error(
		    "core", "events not yet in the audit log: %s", err->msg);
}

/* Events whose records are all durable are marked, so that a restart does not
 * record them again. */
static void
mark_audited(struct core *c)
{
	size_t i;

	if (c->nunaudited == 0 || hf_role_records_waiting(&c->ctx) > 0)
		return;
	for (i = 0; i < c->nunaudited; i++) {
		struct hf_work *w = hf_work_new(HF_W_AUDITED);

		if (w == NULL)
			return;
		memcpy(w->id, c->unaudited[i], sizeof(w->id));
		core_put_row(c, w);
	}
	c->nunaudited = 0;
}

static void
watch_roles(struct core *c, int64_t wall_ns)
{
	char subject[160], text[600];
	size_t i;

	for (i = 0; i < c->nrole; i++) {
		const struct hf_role_state *r = &c->roles[i];
		const char *zone = core_role_zone(c, r->role, r->zone);
		bool is_down =
		    r->status == HF_RS_FAILING || r->status == HF_RS_REFUSED;

		zone = zone == NULL ? "" : zone;

		snprintf(subject, sizeof(subject), "role/%s%s%s",
		    hf_role_name(r->role), zone[0] == '\0' ? "" : "/", zone);
		snprintf(text, sizeof(text), "%s is %s: %s", subject + 5,
		    hf_role_status_words[r->status], r->text);
		hf_alarms_system(c->alarms, subject,
		    is_down && core_has_role(c, r), 1, text,
		    "see `holdfast status` and the log; what this role "
		    "does stands still",
		    wall_ns);
	}
}

static void
watch_devices(struct core *c, int64_t wall_ns)
{
	const struct hf_plant *p = c->ctx.plant;
	char subject[160], text[600];
	size_t i;

	for (i = 0; i < p->ndevice; i++) {
		const struct hf_dev_state *d = &c->devices[i];

		snprintf(
		    subject, sizeof(subject), "device/%s", p->devices[i].name);
		snprintf(text, sizeof(text), "device %s is quarantined: %s",
		    p->devices[i].name, d->text);
		hf_alarms_system(c->alarms, subject,
		    d->status == HF_DS_QUARANTINED, 2, text,
		    "look at the input that was kept, then `holdfast reload` "
		    "to try the device again",
		    wall_ns);
	}
}

/* A conduit past its review goes on (unless its zone says otherwise); a person
 * looks at it again. */
static void
watch_reviews(struct core *c, int64_t wall_ns)
{
	const struct hf_plant *p = c->ctx.plant;
	char subject[160], text[600] = "", day[HF_TIME_TEXT];
	size_t i;

	for (i = 0; i < p->nconduit; i++) {
		const struct hf_conduit *x = &p->conduits[i];
		bool is_due = hf_conduit_is_expired(x, wall_ns);

		snprintf(subject, sizeof(subject), "conduit/%s", x->name);
		if (is_due)
			snprintf(text, sizeof(text),
			    "the review of conduit %s was due on %.10s",
			    x->name, hf_time_fmt(x->review_ns, day));
		hf_alarms_system(c->alarms, subject, is_due, 3, text,
		    "look at the conduit again, set a new review: in "
		    "plant.yaml, then `holdfast reload`",
		    wall_ns);
	}
}

static uint64_t
edge_count(const struct core *c, enum hf_counter id)
{
	uint64_t n = 0;
	size_t z;

	for (z = 0; z <= HF_PLANT_NEDGE; z++)
		n += c->edge_ctr[z].v[id];
	return n;
}

/* Samples are being lost, or were a moment ago. */
static bool
is_losing(struct core *c)
{
	uint64_t n = edge_count(c, HF_C_B_RING_DROP);
	int64_t now = hf_mono_ns();

	if (n > c->ring_drops)
		c->ring_drop_ns = now;
	c->ring_drops = n; /* falls when an edge starts anew */
	return c->ring_drop_ns != 0 && now - c->ring_drop_ns < RING_ALARM_NS;
}

void
core_watch_system(struct core *c)
{
	int64_t now = hf_wall_ns();
	char text[600];

	mark_audited(c);
	watch_roles(c, now);
	watch_devices(c, now);
	watch_reviews(c, now);
	snprintf(text, sizeof(text), "the store cannot write: %.400s",
	    c->store_text);
	hf_alarms_system(c->alarms, "store", c->is_store_failing, 1, text,
	    "free space or replace the disk; samples wait at the edge and are "
	    "not yet safe",
	    now);
	snprintf(text, sizeof(text), "%lld MiB free on the disk of the store",
	    (long long)(c->disk_free >> 20));
	hf_alarms_system(c->alarms, "disk", core_is_disk_low(c), 2, text,
	    "free space, or shorten retention.history", now);
	snprintf(text, sizeof(text), "%llu samples lost: ring and spool full",
	    (unsigned long long)edge_count(c, HF_C_B_RING_DROP));
	hf_alarms_system(c->alarms, "ring", is_losing(c), 1, text,
	    "core or its disk was away for longer than the spool lasts", now);
	hf_alarms_tick(c->alarms, now);
}
