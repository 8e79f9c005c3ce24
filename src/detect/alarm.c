/* SPDX-License-Identifier: Apache-2.0
 *
 * alarm.c - the state machine of alarms (ISA-18.2-2016, 5.1; IEC 62682).
 *
 * What happens in which state (- means refused, . means no change of state):
 *
 *                    on       join     off       ack       shelve   service out
 *   normal           unack    .        .         -         shelved  out
 *   unacknowledged   .        .        returned  acked     shelved  out
 *   acknowledged     . (1)    . (1)    normal    -         shelved  out
 *   returned         unack    unack    .         normal    shelved  out
 *   shelved          .        .        .         -         -        out
 *   out of service   .        .        .         -         -        -
 *
 * (1) A level that rises from warn to trip makes it unacknowledged again: what
 * was acknowledged is not what is there now. Shelved and out of service keep
 * track of the condition. When they end (timer, unshelve, in-service) the alarm
 * is unacknowledged if the condition is on, else normal: nobody has seen what
 * happened meanwhile. An advisory needs no acknowledgement: off makes it normal
 * from any state.
 *
 * Every change calls the journal, a repeated event without change of state too
 * (from == to), since the row changed. An event whose id is the alarm's last
 * one is not taken twice.
 *
 * At the limit alarms that are normal make room; if there is none, the alarm is
 * not kept, and the last place shows "system|alarm-list". Nothing is dropped
 * without that.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"
#include "detect/alarm_in.h"
#include "detect/method.h"
#include "model/query.h"

#define SHELVE_MIN_NS (60 * HF_NS_PER_S)
#define SHELVE_MAX_NS (7 * 86400 * HF_NS_PER_S)
#define ROW_BYTES (8 * (HF_ALARM_TEXT + 64))
#define JOURNAL_BYTES 16384
#define FULL_KEY "system|alarm-list"

struct hf_alarms {
	struct alarm **v; /* [max + 1]; the last place is for FULL_KEY */
	size_t n, max;
	struct hf_strmap *by_key;
	hf_alarm_fn *fn;
	void *fn_arg;
	struct hf_buf row, journal;
};

struct hf_alarms *
hf_alarms_new(size_t max, hf_alarm_fn *fn, void *arg)
{
	struct hf_alarms *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->max = max;
	a->fn = fn;
	a->fn_arg = arg;
	hf_buf_init(&a->row, ROW_BYTES);
	hf_buf_init(&a->journal, JOURNAL_BYTES);
	a->v = calloc(max + 1, sizeof(struct alarm *));
	a->by_key = hf_strmap_new(max + 1);
	if (a->v == NULL || a->by_key == NULL) {
		hf_alarms_free(a);
		return NULL;
	}
	return a;
}

static void
free_alarm(struct alarm *al)
{
	hf_alarm_fini(al);
	free(al);
}

void
hf_alarms_free(struct hf_alarms *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->n; i++)
		free_alarm(a->v[i]);
	hf_strmap_free(a->by_key);
	hf_buf_fini(&a->row);
	hf_buf_fini(&a->journal);
	free(a->v);
	free(a);
}

/* Lets go of alarms that are normal, all but the newest half of the list would
 * be enough; all is simpler and their rows stay on disk. */
static void
make_room(struct hf_alarms *a)
{
	struct hf_strmap *m = hf_strmap_new(a->max + 1);
	size_t i, n = 0;

	if (m == NULL)
		return;
	for (i = 0; i < a->n; i++) {
		if (a->v[i]->state == HF_AL_NORMAL) {
			free_alarm(a->v[i]);
			continue;
		}
		a->v[n] = a->v[i];
		hf_strmap_put(m, a->v[n]->key, a->v[n]); /* it fits */
		n++;
	}
	a->n = n;
	hf_strmap_free(a->by_key);
	a->by_key = m;
}

static struct alarm *
find(const struct hf_alarms *a, const char *key)
{
	return hf_strmap_get(a->by_key, key);
}

/* A new normal alarm; NULL on no room or no memory. */
static struct alarm *
add(struct hf_alarms *a, const char *key)
{
	bool is_full_key = strcmp(key, FULL_KEY) == 0;
	struct alarm *al;

	if (a->n >= a->max && !is_full_key)
		make_room(a);
	if (a->n >= a->max + is_full_key)
		return NULL;
	al = calloc(1, sizeof(*al));
	if (al == NULL)
		return NULL;
	al->since_ns = al->raised_ns = al->shelved_until_ns = HF_TIME_NONE;
	al->priority = 4;
	if (!hf_strcpy(al->key, sizeof(al->key), key) ||
	    hf_strmap_put(a->by_key, al->key, al) != HF_OK) {
		free(al);
		return NULL;
	}
	a->v[a->n++] = al;
	return al;
}

static struct alarm *
find_or_add(struct hf_alarms *a, const char *key, int64_t wall_ns)
{
	struct alarm *al = find(a, key);

	if (al == NULL)
		al = add(a, key);
	if (al != NULL)
		return al;
	log_error(
	    "alarm", "no room for %s: %zu alarms are not normal", key, a->n);
	if (strcmp(key, FULL_KEY) != 0)
		hf_alarms_system(a, "alarm-list", true, 1,
		    "The list of alarms is full; new alarms are not shown",
		    "Acknowledge or remove standing alarms", wall_ns);
	return NULL;
}

/* ---- transitions ---- */

struct change {
	const char *what; /* for the journal: "raised" */
	const char *by, *reason;
	int64_t wall_ns;
	int64_t until_ns; /* shelved */
};

static void
write_journal(struct hf_alarms *a, const struct alarm *al,
    enum hf_alarm_state from, const struct change *c)
{
	char hex[HF_SHA256_HEX];
	struct hf_jw w;

	hf_hex(hex, al->event, HF_SHA256_LEN);
	hf_buf_reset(&a->journal);
	hf_jw_init(&w, &a->journal);
	hf_jw_obj(&w);
	hf_jw_ktime(&w, "t", c->wall_ns);
	hf_jw_kstr(&w, "alarm", al->key);
	hf_jw_kstr(&w, "change", c->what);
	hf_jw_kstr(&w, "from", hf_alarm_state_words[from]);
	hf_jw_kstr(&w, "to", hf_alarm_state_words[al->state]);
	hf_jw_kstr(&w, "by", c->by);
	hf_jw_kstr(&w, "reason", c->reason);
	hf_jw_kstr(&w, "event", hex);
	hf_jw_ktime(&w, "shelved_until", al->shelved_until_ns);
	hf_jw_end_obj(&w);
}

/* The alarm is in its new state: row, journal, call. */
static void
tell(struct hf_alarms *a, const struct alarm *al, enum hf_alarm_state from,
    const struct change *c)
{
	struct hf_alarm_change ch = {.key = al->key,
	    .from = from,
	    .to = al->state,
	    .wall_ns = c->wall_ns,
	    .by = c->by,
	    .reason = c->reason};

	write_journal(a, al, from, c);
	hf_buf_reset(&a->row);
	hf_alarm_pack(al, &a->row);
	if (!hf_buf_ok(&a->row) || !hf_buf_ok(&a->journal)) {
		log_error("alarm",
		    "%s: no memory for its row; the change is "
		    "not journalled",
		    al->key);
		return;
	}
	ch.journal_json = hf_buf_cstr(&a->journal);
	ch.row = a->row.p;
	ch.nrow = a->row.len;
	if (a->fn != NULL)
		a->fn(a->fn_arg, &ch);
}

/* The condition came on or grew. */
static void
come_on(struct alarm *al, uint8_t level, int64_t since_ns, int64_t wall_ns)
{
	bool is_higher = level > al->level;

	if (al->state == HF_AL_NORMAL ||
	    (al->state >= HF_AL_SHELVED && !al->is_on)) {
		al->nevent = 0;
		al->since_ns = since_ns;
		al->raised_ns = wall_ns;
		hf_alarm_text(&al->acked_by, NULL);
	}
	al->is_on = true;
	al->nevent++;
	al->level = level;
	if (al->state == HF_AL_NORMAL || al->state == HF_AL_RETURNED ||
	    (al->state == HF_AL_ACKED && is_higher && level == HF_LEVEL_TRIP))
		al->state = HF_AL_UNACK;
}

static void
lower(struct alarm *al)
{
	al->is_on = false;
	if (al->state == HF_AL_ACKED ||
	    (al->is_advisory &&
		(al->state == HF_AL_UNACK || al->state == HF_AL_RETURNED)))
		al->state = HF_AL_NORMAL;
	else if (al->state == HF_AL_UNACK)
		al->state = HF_AL_RETURNED;
}

/* Shelf or service ends. */
static void
resume(struct alarm *al)
{
	al->shelved_until_ns = HF_TIME_NONE;
	al->state = al->is_on ? HF_AL_UNACK : HF_AL_NORMAL;
	hf_alarm_text(&al->acked_by, NULL);
}

/* The "text" member of the evidence, which engine.c wrote itself. */
static void
take_text(struct alarm *al, const struct hf_event *e)
{
	struct hf_err err;
	json_t *j = NULL;

	if (hf_json_parse(e->json, strlen(e->json), 65536, &j, &err) != HF_OK)
		return;
	hf_alarm_text(&al->text, json_string_value(json_object_get(j, "text")));
	json_decref(j);
}

void
hf_alarms_event(struct hf_alarms *a, const struct hf_event *e, int64_t wall_ns,
    bool is_durable)
{
	static const char *const what[] = {"raised", "joined", "returned"};
	char key[HF_ALARM_KEY], by[80];
	struct change c = {
	    .what = what[e->kind], .by = by, .reason = "", .wall_ns = wall_ns};
	enum hf_alarm_state from;
	struct alarm *al;

	snprintf(key, sizeof(key), "%s|%s", e->rule->name, e->subject);
	snprintf(by, sizeof(by), "rule:%s", e->rule->name);
	al = e->kind == HF_EV_OFF ? find(a, key) : find_or_add(a, key, wall_ns);
	if (al == NULL || memcmp(al->event, e->id, HF_SHA256_LEN) == 0)
		return;
	from = al->state;
	memcpy(al->event, e->id, HF_SHA256_LEN);
	al->is_advisory = !e->is_alarm;
	al->is_durable = is_durable;
	al->priority = (uint8_t)e->rule->priority;
	al->respond_ns = e->rule->respond_ns;
	hf_alarm_text(&al->cause, e->rule->cause);
	hf_alarm_text(&al->consequence, e->rule->consequence);
	hf_alarm_text(&al->action, e->rule->action);
	if (e->kind == HF_EV_OFF) {
		lower(al);
	} else {
		take_text(al, e);
		come_on(al, e->level, e->since_ns, wall_ns);
	}
	tell(a, al, from, &c);
}

void
hf_alarms_system(struct hf_alarms *a, const char *subject, bool on,
    int priority, const char *text, const char *action, int64_t wall_ns)
{
	struct change c = {.what = on ? "raised" : "returned",
	    .by = "system",
	    .reason = "",
	    .wall_ns = wall_ns};
	enum hf_alarm_state from;
	char key[HF_ALARM_KEY];
	struct alarm *al;

	snprintf(key, sizeof(key), "system|%s", subject);
	al = on ? find_or_add(a, key, wall_ns) : find(a, key);
	if (al == NULL || al->is_on == on)
		return; /* told before: callers say it every second */
	from = al->state;
	al->is_durable = true;
	if (on) {
		al->priority = (uint8_t)priority;
		hf_alarm_text(&al->text, text);
		hf_alarm_text(&al->action, action);
		come_on(al, HF_LEVEL_NONE, wall_ns, wall_ns);
	} else {
		lower(al);
	}
	tell(a, al, from, &c);
}

void
hf_alarms_settle(
    struct hf_alarms *a, hf_alarm_is_on_fn *is_on, void *arg, int64_t wall_ns)
{
	struct change c = {.what = "returned",
	    .by = "restart",
	    .reason = "its detector started anew",
	    .wall_ns = wall_ns};
	char rule[HF_ALARM_KEY], *bar;
	size_t i;

	for (i = 0; i < a->n; i++) {
		struct alarm *al = a->v[i];
		enum hf_alarm_state from = al->state;

		hf_strcpy(rule, sizeof(rule), al->key);
		bar = strchr(rule, '|');
		if (!al->is_on || bar == NULL ||
		    strncmp(rule, "system|", 7) == 0)
			continue;
		*bar = '\0';
		if (is_on(arg, rule, bar + 1))
			continue;
		lower(al);
		tell(a, al, from, &c);
	}
}

/* ---- acts of people ---- */

static int
refuse(const struct alarm *al, const char *act, struct hf_err *err)
{
	return HF_FAIL(err, HF_EINVAL, "%s: an alarm that is %s cannot be %s",
	    al->key, hf_alarm_state_words[al->state], act);
}

static int
act_ack(struct alarm *al, const struct change *c, struct hf_err *err)
{
	if (al->state != HF_AL_UNACK && al->state != HF_AL_RETURNED)
		return refuse(al, "acknowledged", err);
	al->state = al->state == HF_AL_UNACK ? HF_AL_ACKED : HF_AL_NORMAL;
	hf_alarm_text(&al->acked_by, c->by);
	return HF_OK;
}

static int
need_reason(const struct alarm *al, const struct change *c, struct hf_err *err)
{
	if (c->reason[0] != '\0')
		return HF_OK;
	return HF_FAIL(err, HF_EINVAL, "%s: a reason must be given", al->key);
}

static int
act_shelve(struct alarm *al, const struct change *c, struct hf_err *err)
{
	int64_t dur_ns = c->until_ns;

	if (al->state >= HF_AL_SHELVED)
		return refuse(al, "shelved", err);
	if (need_reason(al, c, err) != HF_OK)
		return HF_EINVAL;
	if (dur_ns < SHELVE_MIN_NS || dur_ns > SHELVE_MAX_NS)
		return HF_FAIL(err, HF_EINVAL,
		    "%s: shelving takes 1min to 7d; give a time such as 2h",
		    al->key);
	al->state = HF_AL_SHELVED;
	al->shelved_until_ns = c->wall_ns + dur_ns;
	return HF_OK;
}

static int
act_unshelve(struct alarm *al, const struct change *c, struct hf_err *err)
{
	if (al->state != HF_AL_SHELVED)
		return refuse(al, "unshelved", err);
	resume(al);
	return HF_OK;
}

static int
act_out(struct alarm *al, const struct change *c, struct hf_err *err)
{
	if (al->state == HF_AL_OUT_OF_SERVICE)
		return refuse(al, "taken out of service", err);
	if (need_reason(al, c, err) != HF_OK)
		return HF_EINVAL;
	al->state = HF_AL_OUT_OF_SERVICE;
	al->shelved_until_ns = HF_TIME_NONE;
	return HF_OK;
}

static int
act_in(struct alarm *al, const struct change *c, struct hf_err *err)
{
	if (al->state != HF_AL_OUT_OF_SERVICE)
		return refuse(al, "put back into service", err);
	resume(al);
	return HF_OK;
}

static const struct {
	const char *what;
	int (*fn)(struct alarm *al, const struct change *c, struct hf_err *err);
} acts[] = {
    [HF_ACT_ACK] = {"acknowledged", act_ack},
    [HF_ACT_SHELVE] = {"shelved", act_shelve},
    [HF_ACT_UNSHELVE] = {"unshelved", act_unshelve},
    [HF_ACT_OUT_OF_SERVICE] = {"out-of-service", act_out},
    [HF_ACT_IN_SERVICE] = {"in-service", act_in},
};

int
hf_alarms_act(struct hf_alarms *a, const char *key, int act, int64_t dur_ns,
    const char *by, const char *reason, int64_t wall_ns, struct hf_err *err)
{
	struct change c = {.by = by,
	    .reason = reason != NULL ? reason : "",
	    .wall_ns = wall_ns,
	    .until_ns = dur_ns};
	struct alarm *al = find(a, key);
	enum hf_alarm_state from;
	int rc;

	if (al == NULL)
		return HF_FAIL(err, HF_ENOTFOUND, "no alarm \"%s\"", key);
	if (act < HF_ACT_ACK || act > HF_ACT_IN_SERVICE)
		return HF_FAIL(err, HF_EINVAL, "%s: unknown act %d", key, act);
	if (!hf_utf8_ok(c.reason, strlen(c.reason)))
		return HF_FAIL(
		    err, HF_EINVAL, "%s: the reason is not UTF-8", key);
	from = al->state;
	rc = acts[act].fn(al, &c, err);
	if (rc != HF_OK)
		return rc;
	c.what = acts[act].what;
	hf_alarm_text(&al->reason, c.reason[0] != '\0' ? c.reason : NULL);
	tell(a, al, from, &c);
	return HF_OK;
}

int64_t
hf_alarms_tick(struct hf_alarms *a, int64_t wall_ns)
{
	struct change c = {.what = "unshelved",
	    .by = "timer",
	    .reason = "shelving time is over",
	    .wall_ns = wall_ns};
	int64_t next = HF_TIME_NONE;
	size_t i;

	for (i = 0; i < a->n; i++) {
		struct alarm *al = a->v[i];

		if (al->state != HF_AL_SHELVED)
			continue;
		if (al->shelved_until_ns <= wall_ns) {
			resume(al);
			tell(a, al, HF_AL_SHELVED, &c);
		} else if (next == HF_TIME_NONE ||
			   al->shelved_until_ns < next) {
			next = al->shelved_until_ns;
		}
	}
	return next;
}

/* ---- rows and lists ---- */

int
hf_alarms_load(struct hf_alarms *a, const char *key, const void *p, size_t n,
    struct hf_err *err)
{
	struct alarm got = {.key = ""}, *al;
	int rc;

	if (strchr(key, '|') == NULL || strlen(key) >= sizeof(got.key) ||
	    !hf_utf8_text_ok(key, strlen(key)))
		return HF_FAIL(
		    err, HF_ECORRUPT, "alarm row: its key is not rule|subject");
	rc = hf_alarm_unpack(&got, p, n, err);
	if (rc != HF_OK)
		return rc;
	al = find(a, key);
	if (al == NULL)
		al = add(a, key);
	if (al == NULL) {
		hf_alarm_fini(&got);
		return HF_FAIL(err, HF_ELIMIT, "more than %zu alarms", a->max);
	}
	hf_strcpy(got.key, sizeof(got.key), al->key);
	hf_alarm_fini(al);
	*al = got;
	return HF_OK;
}

static bool
is_wanted(const struct alarm *al, const char *filter)
{
	if (strcmp(filter, "all") == 0)
		return true;
	if (strcmp(filter, "advisory") == 0)
		return al->is_advisory && al->state != HF_AL_NORMAL;
	if (al->is_advisory)
		return false;
	if (filter[0] == '\0')
		return al->state != HF_AL_NORMAL;
	return strcmp(filter, hf_alarm_state_words[al->state]) == 0;
}

/* Most urgent first, of those the newest first, then by key. */
static int
compare(const void *x, const void *y)
{
	const struct alarm *p = *(struct alarm *const *)x;
	const struct alarm *q = *(struct alarm *const *)y;

	if (p->priority != q->priority)
		return p->priority < q->priority ? -1 : 1;
	if (p->raised_ns != q->raised_ns)
		return p->raised_ns > q->raised_ns ? -1 : 1;
	return strcmp(p->key, q->key);
}

void
hf_alarms_json(
    const struct hf_alarms *a, const char *filter, struct hf_buf *out)
{
	size_t i;
	struct hf_jw w;

	/* the order in the list has no other meaning */
	qsort(a->v, a->n, sizeof(struct alarm *), compare);
	hf_jw_init(&w, out);
	hf_jw_arr(&w);
	for (i = 0; i < a->n; i++)
		if (is_wanted(a->v[i], filter))
			hf_alarm_json(a->v[i], &w);
	hf_jw_end_arr(&w);
}

int
hf_alarms_json_one(
    const struct hf_alarms *a, const char *key, struct hf_buf *out)
{
	const struct alarm *al = find(a, key);
	struct hf_jw w;

	if (al == NULL)
		return HF_ENOTFOUND;
	hf_jw_init(&w, out);
	hf_alarm_json(al, &w);
	return HF_OK;
}

void
hf_alarms_each(const struct hf_alarms *a,
    void (*fn)(void *arg, const char *key), void *arg)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		fn(arg, a->v[i]->key);
}

size_t
hf_alarms_count(
    const struct hf_alarms *a, enum hf_alarm_state st, bool advisories)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->v[i]->state == st && a->v[i]->is_advisory == advisories;
	return n;
}

void
hf_alarms_tally(
    const struct hf_alarms *a, uint64_t n[HF_AL_NSTATE][HF_AL_NPRIORITY])
{
	size_t i, prio;

	memset(n, 0, sizeof(n[0]) * HF_AL_NSTATE);
	for (i = 0; i < a->n; i++) {
		const struct alarm *al = a->v[i];

		if (al->state == HF_AL_NORMAL || al->state >= HF_AL_NSTATE)
			continue;
		prio = al->priority < HF_AL_NPRIORITY && !al->is_advisory
			   ? al->priority
			   : 0;
		n[al->state][prio]++;
	}
}
