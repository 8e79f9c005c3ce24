/* SPDX-License-Identifier: Apache-2.0
 *
 * host.c - a Sparkplug B host application: who is alive, and what a DATA means.
 *
 * Rules (Sparkplug 3.0; the tests bear the names of its tck-ids):
 *
 * Birth. NBIRTH makes an edge node alive, with its bdSeq, its seq and a table
 * of its metrics (table.c). All its devices need a DBIRTH again; those that
 * have none within grace_ns are taken as dead. Metrics that an earlier birth
 * had and the new one has not become Bad.
 * Data. Looked up by name, or by alias; value and sign by the birth's datatype.
 * Order. seq counts 0..255 over all messages of a node but NDEATH. A message
 * that does not follow is a gap: a birth may have been missed, so values that
 * come under an alias are Bad (DataLost) until the rebirth, those with a name
 * are not. The number of the message before: a duplicate, dropped.
 * Asking. DATA before BIRTH, an unknown metric or a gap asks for a rebirth; how
 * often and when is in peers.c.
 * Death. NDEATH counts only with the bdSeq of the last birth (a will of an old
 * connection comes late); the node's and its devices' metrics are Bad at the
 * time of its arrival, since a will was written when the node connected. A
 * device's death has the time of its payload.
 * Retained messages of these types are forbidden and may be years old: dropped.
 * is_historical goes through with its flag; the driver marks it as back-fill.
 * A primary host publishes STATE {"online":true,"timestamp":ms}, retained, with
 * a will of the same time, and again when anyone publishes it as offline.
 * Every birth is published again, retained, at
 * $sparkplug/certificates/<its topic>: what an aware broker would do.
 *
 * Limits: HF_SPB_NODES, _DEVICES, _METRICS, _NAMES; what is over them is
 * refused and counted, what is known stays.
 */
#include "field/sparkplug/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/sparkplug/host_in.h"
#include "model/quality.h"

#define BACK_MAX_NS (300 * HF_NS_PER_S)
#define SEQ_MASK 255
#define CERTIFICATES "$sparkplug/certificates/"
#define MS_MAX ((uint64_t)(HF_TIME_END / HF_NS_PER_MS))

static void
refuse(struct hf_spb_host *h, const struct hf_spb_topic *t, const char *why)
{
	h->stats.malformed++;
	snprintf(h->stats.last_bad, sizeof(h->stats.last_bad),
	    "%.30s%s%.30s: %.90s", t->node, t->device[0] != '\0' ? "/" : "",
	    t->device, why);
}

/* ---- readings ---- */

static uint32_t
quality_status(int32_t quality)
{
	if (quality == HF_SPB_Q_STALE)
		return HF_BAD_NO_COMMUNICATION;
	if (quality >= 192 && quality <= 255) /* OPC DA's classes */
		return HF_GOOD;
	if (quality >= 64 && quality < 192)
		return HF_UNCERTAIN;
	return HF_BAD;
}

static int64_t
time_of(const struct hf_spb_payload *pl, const struct hf_spb_metric *m)
{
	uint64_t ms;

	if (m != NULL && m->has_time)
		ms = m->t_ms;
	else if (pl->has_time)
		ms = pl->t_ms;
	else
		return HF_TIME_NONE;
	return ms < MS_MAX ? (int64_t)ms * HF_NS_PER_MS : HF_TIME_NONE;
}

static uint32_t
status_of(const struct hf_spb_metric *m, enum hf_spb_why why)
{
	static const uint32_t by_why[] = {
	    [HF_SPB_FINE] = HF_GOOD,
	    [HF_SPB_IS_NULL] = HF_BAD,
	    [HF_SPB_TOO_BIG] = HF_BAD_OUT_OF_RANGE,
	    [HF_SPB_NOT_FINITE] = HF_BAD_DECODING,
	    [HF_SPB_MISMATCH] = HF_BAD_DECODING,
	    [HF_SPB_UNSUPPORTED] = HF_BAD_CONFIG,
	};

	if (why == HF_SPB_FINE || why == HF_SPB_IS_NULL)
		if (m->has_quality && !hf_is_good(quality_status(m->quality)))
			return quality_status(m->quality);
	return by_why[why];
}

static void
give(struct hf_spb_host *h, const struct hf_spb_entry *e,
    const struct hf_spb_metric *m, int64_t t_ns, bool is_doubtful)
{
	struct hf_spb_reading r = {.tag = e->tag,
	    .t_ns = t_ns,
	    .is_historical = m->is_historical,
	    .datatype = e->datatype};

	if (e->tag == NULL) {
		hf_spb_count(h, HF_C_SPB_NO_TAG, 1);
		return;
	}
	r.why = hf_spb_value(m, e->datatype, &r.v);
	r.status = status_of(m, r.why);
	if (is_doubtful && !hf_is_bad(r.status))
		r.status = HF_BAD_DATA_LOST;
	if (r.why == HF_SPB_MISMATCH || r.why == HF_SPB_UNSUPPORTED)
		hf_spb_count(h, HF_C_SPB_DATATYPE, 1);
	h->ops.reading(h->ops.arg, &r);
}

static void
mark_lost(struct hf_spb_host *h, const struct hf_spb_entry *e, int64_t t_ns)
{
	const struct hf_spb_reading r = {.tag = e->tag,
	    .status = HF_BAD_NO_COMMUNICATION,
	    .t_ns = t_ns,
	    .why = HF_SPB_IS_NULL};

	if (e->tag != NULL)
		h->ops.reading(h->ops.arg, &r);
}

static void
drop_table(struct hf_spb_host *h, struct hf_spb_table *t)
{
	h->nmetric -= t->n;
	h->ntext -= t->ntext;
	hf_spb_table_fini(t);
}

/* Born or in its grace: its metrics are Bad from t_ns on. */
static void
end_scope(struct hf_spb_host *h, struct hf_spb_scope *s, int64_t t_ns)
{
	size_t i;

	for (i = 0; i < s->table.n; i++)
		mark_lost(h, &s->table.e[i], t_ns);
	drop_table(h, &s->table);
	s->is_born = false;
	s->grace_ns = 0;
}

static void
end_node(struct hf_spb_host *h, struct hf_spb_peer *n, int64_t t_ns)
{
	size_t i;

	end_scope(h, &n->self, t_ns);
	for (i = 0; i < n->ndevice; i++)
		end_scope(h, n->devices[i], t_ns);
	n->is_doubtful = false;
}

/* ---- births ---- */

static void
certify(struct hf_spb_host *h, const struct hf_spb_in *in)
{
	char topic[sizeof(CERTIFICATES) + HF_SPB_TOPIC];

	snprintf(topic, sizeof(topic), CERTIFICATES "%s", in->topic);
	if (h->ops.publish(h->ops.arg, topic, in->p, in->n, 0, true) != HF_OK)
		hf_spb_count(h, HF_C_SPB_CERT_LOST, 1);
}

/* The scope's new table from a birth, with its values; what the old one had
 * alone is lost. */
static int
take_birth(struct hf_spb_host *h, const struct hf_spb_peer *n,
    struct hf_spb_scope *s, struct hf_spb_payload *pl, struct hf_err *err)
{
	struct hf_spb_payload again = *pl;
	struct hf_spb_table old = s->table, t;
	struct hf_spb_entry *e;
	struct hf_spb_metric m;
	size_t i, nodd;
	int rc;

	rc = hf_spb_table_build(&t, pl, h->conf.seed, &nodd, err);
	if (rc != HF_OK)
		return rc;
	if (h->nmetric - old.n + t.n > HF_SPB_METRICS ||
	    h->ntext - old.ntext + t.ntext > HF_SPB_NAMES) {
		hf_spb_count(h, HF_C_SPB_LIMIT, 1);
		hf_spb_table_fini(&t);
		return HF_FAIL(err, HF_ELIMIT,
		    "birth of %zu metrics: the host follows %d at most",
		    pl->nmetric, HF_SPB_METRICS);
	}
	hf_spb_count(h, HF_C_SPB_MALFORMED, nodd);
	for (i = 0; i < t.n; i++)
		t.e[i].tag =
		    h->ops.bind(h->ops.arg, n->name, s->name, t.e[i].name);
	for (i = 0; i < old.n; i++) {
		e = hf_spb_table_name(&t, old.e[i].name, strlen(old.e[i].name));
		if (e == NULL)
			mark_lost(h, &old.e[i], time_of(pl, NULL));
	}
	drop_table(h, &old);
	s->table = t;
	h->nmetric += t.n;
	h->ntext += t.ntext;
	s->is_born = true;
	s->grace_ns = 0;
	while (hf_spb_next(&again, &m)) {
		e = m.name == NULL
			? NULL
			: hf_spb_table_name(&s->table, m.name, m.name_len);
		if (e != NULL)
			give(h, e, &m, time_of(pl, &m), false);
	}
	h->stats.births++;
	hf_spb_count(h, HF_C_SPB_BIRTHS, 1);
	return HF_OK;
}

static bool
find_bdseq(const struct hf_spb_payload *pl, uint64_t *out)
{
	struct hf_spb_payload it = *pl;
	struct hf_spb_metric m;

	while (hf_spb_next(&it, &m)) {
		if (m.name_len == 5 && memcmp(m.name, "bdSeq", 5) == 0 &&
		    (m.kind == HF_SPB_U64 || m.kind == HF_SPB_U32)) {
			*out = m.u;
			return true;
		}
	}
	return false;
}

static void
on_nbirth(struct hf_spb_host *h, struct hf_spb_peer *n,
    const struct hf_spb_in *in, struct hf_spb_payload *pl,
    const struct hf_spb_now *now)
{
	struct hf_spb_topic t = {.msg = HF_SPB_NBIRTH};
	struct hf_err err;
	size_t i;

	n->has_bdseq = find_bdseq(pl, &n->bdseq);
	n->has_seq = pl->has_seq && pl->seq <= SEQ_MASK;
	n->seq = n->has_seq ? (uint32_t)pl->seq : 0;
	if (!n->has_seq || n->seq != 0 || !n->has_bdseq)
		hf_spb_count(h, HF_C_SPB_MALFORMED, 1); /* taken all the same */
	if (take_birth(h, n, &n->self, pl, &err) != HF_OK) {
		hf_strcpy(t.node, sizeof(t.node), n->name);
		refuse(h, &t, err.msg);
		end_node(h, n, now->wall_ns);
		return;
	}
	n->is_doubtful = false;
	n->ask = HF_SPB_ASK_NONE;
	for (i = 0; i < n->ndevice; i++) {
		struct hf_spb_scope *s = n->devices[i];

		s->is_born = false;
		if (s->table.n > 0 && s->grace_ns == 0) {
			s->grace_ns = now->mono_ns + h->conf.grace_ns;
			hf_spb_wake_at(h, s->grace_ns);
		}
	}
	certify(h, in);
}

/* ---- what follows a birth ---- */

/* Does the message follow the one before it? False: drop it. */
static bool
follows(struct hf_spb_host *h, struct hf_spb_peer *n,
    const struct hf_spb_payload *pl, const struct hf_spb_now *now)
{
	if (!n->self.is_born) {
		h->stats.before_birth++;
		hf_spb_count(h, HF_C_SPB_BEFORE_BIRTH, 1);
		hf_spb_want_birth(h, n, now->mono_ns);
		return false;
	}
	if (pl->has_seq && pl->seq == n->seq && n->has_seq) {
		hf_spb_count(h, HF_C_SPB_DUPLICATE, 1);
		return false;
	}
	if (!pl->has_seq || pl->seq != ((n->seq + 1) & SEQ_MASK)) {
		h->stats.gaps++;
		hf_spb_count(h, HF_C_SPB_GAPS, 1);
		n->is_doubtful = true;
		hf_spb_want_birth(h, n, now->mono_ns);
	}
	n->has_seq = pl->has_seq;
	n->seq = (uint32_t)(pl->seq & SEQ_MASK);
	return true;
}

static void
on_data(struct hf_spb_host *h, struct hf_spb_peer *n, struct hf_spb_scope *s,
    struct hf_spb_payload *pl, const struct hf_spb_now *now)
{
	struct hf_spb_entry *e;
	struct hf_spb_metric m;

	if (!follows(h, n, pl, now))
		return;
	if (s == NULL || !s->is_born) {
		h->stats.before_birth++;
		hf_spb_count(h, HF_C_SPB_BEFORE_BIRTH, 1);
		hf_spb_want_birth(h, n, now->mono_ns);
		return;
	}
	while (hf_spb_next(pl, &m)) {
		if (m.name != NULL)
			e = hf_spb_table_name(&s->table, m.name, m.name_len);
		else
			e = m.has_alias ? hf_spb_table_alias(&s->table, m.alias)
					: NULL;
		if (e == NULL) {
			hf_spb_count(h, HF_C_SPB_UNKNOWN, 1);
			hf_spb_want_birth(h, n, now->mono_ns);
			continue;
		}
		give(h, e, &m, time_of(pl, &m),
		    n->is_doubtful && m.name == NULL);
	}
}

static void
on_dbirth(struct hf_spb_host *h, struct hf_spb_peer *n,
    const struct hf_spb_in *in, const char *device, struct hf_spb_payload *pl,
    const struct hf_spb_now *now)
{
	struct hf_spb_topic t = {.msg = HF_SPB_DBIRTH};
	struct hf_spb_scope *s;
	struct hf_err err;

	if (!follows(h, n, pl, now) ||
	    (s = hf_spb_device_need(h, n, device)) == NULL)
		return;
	if (take_birth(h, n, s, pl, &err) == HF_OK) {
		certify(h, in);
		return;
	}
	hf_strcpy(t.node, sizeof(t.node), n->name);
	hf_strcpy(t.device, sizeof(t.device), device);
	refuse(h, &t, err.msg);
	end_scope(h, s, now->wall_ns);
}

static void
on_ddeath(struct hf_spb_host *h, struct hf_spb_peer *n, struct hf_spb_scope *s,
    const struct hf_spb_payload *pl, const struct hf_spb_now *now)
{
	int64_t t_ns = time_of(pl, NULL);

	if (!follows(h, n, pl, now) || s == NULL)
		return;
	end_scope(h, s, t_ns != HF_TIME_NONE ? t_ns : now->wall_ns);
	h->stats.deaths++;
	hf_spb_count(h, HF_C_SPB_DEATHS, 1);
}

static void
on_ndeath(struct hf_spb_host *h, struct hf_spb_peer *n,
    const struct hf_spb_payload *pl, const struct hf_spb_now *now)
{
	uint64_t bdseq = 0;
	bool has = find_bdseq(pl, &bdseq);

	if (!n->self.is_born || (n->has_bdseq && (!has || bdseq != n->bdseq))) {
		hf_spb_count(h, HF_C_SPB_OLD_DEATH, 1);
		return;
	}
	end_node(h, n, now->wall_ns);
	if (n->ask == HF_SPB_ASK_DUE)
		n->ask = HF_SPB_ASK_NONE; /* it cannot answer */
	h->stats.deaths++;
	hf_spb_count(h, HF_C_SPB_DEATHS, 1);
}

/* ---- STATE ---- */

static void
say_state(struct hf_spb_host *h, bool is_online)
{
	struct hf_spb_topic t = {.msg = HF_SPB_STATE};
	char topic[HF_SPB_TOPIC], json[96];

	if (h->host_id[0] == '\0')
		return;
	hf_strcpy(t.node, sizeof(t.node), h->host_id);
	hf_spb_topic_make(&t, topic);
	snprintf(json, sizeof(json), "{\"online\":%s,\"timestamp\":%lld}",
	    is_online ? "true" : "false", (long long)h->state_ms);
	h->ops.publish(h->ops.arg, topic, json, strlen(json), 1, true);
}

/* Anyone's word that we are offline, while we are not. */
static void
on_state(struct hf_spb_host *h, const struct hf_spb_topic *t,
    const struct hf_spb_in *in)
{
	if (h->is_up && h->host_id[0] != '\0' &&
	    strcmp(t->node, h->host_id) == 0 && in->n < 4096 &&
	    memmem(in->p, in->n, "true", 4) == NULL)
		say_state(h, true);
}

bool
hf_spb_host_will(struct hf_spb_host *h, int64_t wall_ns, char topic[],
    size_t cap, struct hf_buf *payload)
{
	if (h->host_id[0] == '\0')
		return false;
	h->state_ms = wall_ns / HF_NS_PER_MS;
	snprintf(topic, cap, "%s/STATE/%s", HF_SPB_NAMESPACE, h->host_id);
	hf_buf_printf(payload, "{\"online\":false,\"timestamp\":%lld}",
	    (long long)h->state_ms);
	return hf_buf_ok(payload);
}

/* ---- from outside ---- */

void
hf_spb_host_free(struct hf_spb_host *h)
{
	size_t i, k;

	if (h == NULL)
		return;
	for (i = 0; i < h->nnode; i++) {
		struct hf_spb_peer *n = h->nodes[i];

		for (k = 0; k < n->ndevice; k++) {
			hf_spb_table_fini(&n->devices[k]->table);
			free(n->devices[k]);
		}
		hf_spb_table_fini(&n->self.table);
		free(n->devices);
		free(n);
	}
	free(h->nodes);
	free(h->slots);
	free(h);
}

int
hf_spb_host_new(const struct hf_spb_host_conf *conf,
    const struct hf_spb_host_ops *ops, struct hf_spb_host **out,
    struct hf_err *err)
{
	struct hf_spb_host *h;

	if (!hf_spb_id_ok(conf->group) ||
	    (conf->host_id != NULL && !hf_spb_id_ok(conf->host_id)))
		return HF_FAIL(err, HF_EINVAL,
		    "group and host_id are names of at most %d bytes without "
		    "/ + #",
		    HF_SPB_ID - 1);
	h = calloc(1, sizeof(*h));
	if (h != NULL) {
		h->nodes = calloc(HF_SPB_NODES, sizeof(struct hf_spb_peer *));
		h->slots = calloc(HF_SPB_NODE_SLOTS, sizeof(*h->slots));
	}
	if (h == NULL || h->nodes == NULL || h->slots == NULL) {
		hf_spb_host_free(h);
		return HF_FAIL(err, HF_ENOMEM, "Sparkplug host");
	}
	h->conf = *conf;
	h->ops = *ops;
	h->next_ns = INT64_MAX;
	if (h->conf.back_max_ns == 0)
		h->conf.back_max_ns = BACK_MAX_NS;
	hf_strcpy(h->group, sizeof(h->group), conf->group);
	if (conf->host_id != NULL)
		hf_strcpy(h->host_id, sizeof(h->host_id), conf->host_id);
	h->conf.group = h->group;
	h->conf.host_id = h->host_id;
	*out = h;
	return HF_OK;
}

void
hf_spb_host_up(struct hf_spb_host *h, int64_t wall_ns, int64_t mono_ns)
{
	size_t i;

	h->is_up = true;
	h->up_ns = mono_ns;
	say_state(h, true);
	for (i = 0; i < h->nnode; i++) {
		/* Requests of an earlier connection may be lost. */
		h->nodes[i]->ask = HF_SPB_ASK_NONE;
		hf_spb_want_birth(h, h->nodes[i], mono_ns);
	}
}

void
hf_spb_host_down(struct hf_spb_host *h, int64_t wall_ns)
{
	size_t i;

	h->is_up = false;
	h->next_ns = INT64_MAX;
	for (i = 0; i < h->nnode; i++) {
		end_node(h, h->nodes[i], wall_ns);
		h->nodes[i]->ask = HF_SPB_ASK_NONE;
	}
}

void
hf_spb_host_leave(struct hf_spb_host *h, int64_t wall_ns)
{
	h->state_ms = wall_ns / HF_NS_PER_MS;
	say_state(h, false);
}

/* A message of a node that is not known yet makes it known; a death alone does
 * not. */
static void
dispatch(struct hf_spb_host *h, const struct hf_spb_topic *t,
    const struct hf_spb_in *in, struct hf_spb_payload *pl,
    const struct hf_spb_now *now)
{
	struct hf_spb_peer *n =
	    t->msg == HF_SPB_NDEATH || t->msg == HF_SPB_DDEATH
		? hf_spb_peer_find(h, t->node)
		: hf_spb_peer_need(h, t->node);

	if (n == NULL)
		return;
	switch (t->msg) {
	case HF_SPB_NBIRTH:
		on_nbirth(h, n, in, pl, now);
		break;
	case HF_SPB_NDATA:
		on_data(h, n, &n->self, pl, now);
		break;
	case HF_SPB_NDEATH:
		on_ndeath(h, n, pl, now);
		break;
	case HF_SPB_DBIRTH:
		on_dbirth(h, n, in, t->device, pl, now);
		break;
	case HF_SPB_DDATA:
		on_data(h, n, hf_spb_device_find(n, t->device), pl, now);
		break;
	default:
		on_ddeath(h, n, hf_spb_device_find(n, t->device), pl, now);
	}
}

void
hf_spb_host_message(struct hf_spb_host *h, const struct hf_spb_in *in,
    int64_t wall_ns, int64_t mono_ns)
{
	const struct hf_spb_now now = {wall_ns, mono_ns};
	struct hf_spb_payload pl;
	struct hf_spb_topic t;
	struct hf_err err;
	int rc;

	if (hf_spb_topic_parse(in->topic, &t, &err) != HF_OK) {
		hf_spb_count(h, HF_C_SPB_MALFORMED, 1);
		return;
	}
	if (t.msg == HF_SPB_STATE) {
		on_state(h, &t, in);
		return;
	}
	if (strcmp(t.group, h->group) != 0 || t.msg == HF_SPB_NCMD ||
	    t.msg == HF_SPB_DCMD)
		return; /* another's, or a command: ours among them */
	hf_spb_count(h, HF_C_SPB_MESSAGES, 1);
	if (in->is_retained) {
		hf_spb_count(h, HF_C_SPB_RETAINED, 1);
		return;
	}
	rc = hf_spb_open(&pl, in->p, in->n, &err);
	if (rc == HF_OK && pl.is_compressed)
		rc = HF_FAIL(&err, HF_EUNSUPPORTED,
		    "compressed payloads are not read: switch compression off");
	if (rc == HF_OK) {
		dispatch(h, &t, in, &pl, &now);
		return;
	}
	refuse(h, &t, err.msg);
	hf_spb_count(h, HF_C_SPB_MALFORMED, 1);
}

static void
tick_node(
    struct hf_spb_host *h, struct hf_spb_peer *n, const struct hf_spb_now *now)
{
	size_t i;

	if (n->ask == HF_SPB_ASK_DUE && n->ask_at_ns <= now->mono_ns)
		hf_spb_peer_ask(h, n, now);
	if (n->ask == HF_SPB_ASK_DUE)
		hf_spb_wake_at(h, n->ask_at_ns);
	for (i = 0; i < n->ndevice; i++) {
		struct hf_spb_scope *s = n->devices[i];

		if (s->grace_ns == 0)
			continue;
		if (s->grace_ns <= now->mono_ns)
			end_scope(h, s, now->wall_ns);
		else
			hf_spb_wake_at(h, s->grace_ns);
	}
}

int64_t
hf_spb_host_tick(struct hf_spb_host *h, int64_t wall_ns, int64_t mono_ns)
{
	const struct hf_spb_now now = {wall_ns, mono_ns};
	size_t i;

	if (!h->is_up || mono_ns < h->next_ns)
		return h->next_ns;
	h->next_ns = INT64_MAX;
	for (i = 0; i < h->nnode; i++)
		tick_node(h, h->nodes[i], &now);
	return h->next_ns;
}
