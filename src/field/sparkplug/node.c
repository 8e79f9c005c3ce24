/* SPDX-License-Identifier: Apache-2.0
 *
 * node.c - a Sparkplug B edge node: births, data, deaths of what we publish.
 *
 * Rules (Sparkplug 3.0; the tests bear the names of its tck-ids):
 *
 * Session. Each connect is a session with a bdSeq, one more than the last
 * (0..255), in the NDEATH that is the connection's will (QoS 1, not retained,
 * no seq) and in the session's NBIRTHs.
 * Births. NBIRTH (seq 0) with bdSeq and "Node Control/Rebirth", then a DBIRTH
 * for each device that is there, with every metric's name, alias, datatype,
 * unit and last value (is_null if there is none yet). With a primary host they
 * wait for its STATE {"online":true,"timestamp":ms}; STATE messages older than
 * the newest are ignored. Goes it offline: NDEATH, disconnect, connect, wait.
 * Data. A DDATA holds what changed since the last one, by alias, with the time
 * of each sample; QoS 0, not retained. The datatype goes with it although a
 * host has it from the birth: decoders in use (npm sparkplug-payload) find no
 * value without it. A metric's alias is its index + 1.
 * seq counts 0..255 over all messages but NDEATH, from the NBIRTH's 0.
 * Quality. Good values carry no property; uncertain ones Quality 500 (stale);
 * bad ones Quality 0 and is_null. Sparkplug allows no other numbers.
 * Commands. NCMD "Node Control/Rebirth" = true: all births again, once a second
 * at most, however often it is asked. Everything else in NCMD and all of DCMD
 * is a write: refused and counted, since writes need an approved path.
 *
 * A message that the connection cannot take is tried again at the next pump and
 * has used no number; births go on where they stopped.
 */
#include "field/sparkplug/node.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "field/sparkplug/payload.h"
#include "field/sparkplug/topic.h"
#include "model/quality.h"

#define SEQ_MASK 255
#define REBIRTH_NS HF_NS_PER_S /* between two rebirths */
#define DATA_METRICS 500       /* in one DDATA */
#define STATE_BYTES 4096       /* of a STATE payload */
#define NO_STATE (-1)

struct value { /* of one metric */
	struct hf_sample s;
	char *str; /* HF_V_STR: s.str_len bytes, owned */
	bool is_set, is_dirty;
};

struct device {
	size_t first, n; /* its metrics */
	bool is_alive;	 /* it is there */
	bool is_born;	 /* its DBIRTH went out in this session */
	bool has_dirty;
};

enum phase { OFFLINE, WAITING, BIRTHING, BORN };

struct hf_spb_node {
	struct hf_spb_node_conf conf;
	struct hf_spb_node_ops ops;
	struct value *values;
	struct device *devices;
	enum phase phase;
	uint8_t bdseq, next_bdseq;
	uint32_t seq;	 /* of the next message */
	int64_t host_ms; /* time stamp of the newest STATE, NO_STATE */
	bool is_host_online;
	bool wants_rebirth;
	bool has_birthed; /* birth_ns is set */
	int64_t birth_ns; /* monotonic, when the last births began */
	int64_t wall_ns;  /* of the last pump or will */
	char filter[HF_SPB_TOPIC];
	struct hf_buf out, tmp;
};

static void
count(struct hf_spb_node *n, enum hf_counter c, uint64_t k)
{
	if (n->conf.counters != NULL)
		hf_count(n->conf.counters, c, k);
}

static void
topic_of(const struct hf_spb_node *n, enum hf_spb_msg msg, const char *device,
    char out[HF_SPB_TOPIC])
{
	struct hf_spb_topic t = {.msg = msg};

	hf_strcpy(t.group, sizeof(t.group), n->conf.group);
	hf_strcpy(t.node, sizeof(t.node), n->conf.node);
	if (device != NULL)
		hf_strcpy(t.device, sizeof(t.device), device);
	hf_spb_topic_make(&t, out);
}

/* ---- metrics on the wire ---- */

uint32_t
hf_spb_node_datatype(const struct hf_tag *t)
{
	static const uint8_t types[] = {
	    [HF_T_BOOL] = HF_SPB_BOOLEAN,
	    [HF_T_I16] = HF_SPB_INT16,
	    [HF_T_U16] = HF_SPB_UINT16,
	    [HF_T_I32] = HF_SPB_INT32,
	    [HF_T_U32] = HF_SPB_UINT32,
	    [HF_T_I64] = HF_SPB_INT64,
	    [HF_T_U64] = HF_SPB_UINT64,
	    [HF_T_F32] = HF_SPB_FLOAT,
	    [HF_T_F64] = HF_SPB_DOUBLE,
	    [HF_T_BCD16] = HF_SPB_UINT16,
	    [HF_T_BCD32] = HF_SPB_UINT32,
	    [HF_T_STR] = HF_SPB_STRING,
	};

	if (!isnan(t->raw_lo) && t->type != HF_T_BOOL && t->type != HF_T_STR)
		return HF_SPB_DOUBLE; /* scaled */
	return types[t->type];
}

static bool
int_fits(int64_t v, uint32_t datatype)
{
	switch (datatype) {
	case HF_SPB_INT8:
		return v >= INT8_MIN && v <= INT8_MAX;
	case HF_SPB_INT16:
		return v >= INT16_MIN && v <= INT16_MAX;
	case HF_SPB_INT32:
		return v >= INT32_MIN && v <= INT32_MAX;
	case HF_SPB_UINT8:
		return v >= 0 && v <= UINT8_MAX;
	case HF_SPB_UINT16:
		return v >= 0 && v <= UINT16_MAX;
	case HF_SPB_UINT32:
		return v >= 0 && v <= UINT32_MAX;
	case HF_SPB_UINT64:
	case HF_SPB_DATETIME:
		return v >= 0;
	default:
		return true;
	}
}

/* Sets m's value; false: the sample does not fit the datatype. */
static bool
put_number(
    struct hf_spb_metric *m, const struct hf_sample *s, uint32_t datatype)
{
	const uint8_t want = hf_spb_vtype(datatype);

	if (want == HF_V_F64 && s->vtype != HF_V_STR) {
		m->kind = datatype == HF_SPB_FLOAT ? HF_SPB_F32 : HF_SPB_F64;
		m->f = hf_sample_f64(s);
		return isfinite(m->f);
	}
	if (s->vtype != want)
		return false;
	if (want == HF_V_BOOL) {
		m->kind = HF_SPB_BOOL;
		m->u = s->v.bits != 0;
		return true;
	}
	m->kind = datatype == HF_SPB_INT64 || datatype == HF_SPB_UINT64 ||
			  datatype == HF_SPB_DATETIME
		      ? HF_SPB_U64
		      : HF_SPB_U32;
	m->u = (uint64_t)s->v.i64;
	return int_fits(s->v.i64, datatype);
}

static void
put_value(struct hf_spb_metric *m, const struct value *v, uint32_t datatype)
{
	bool ok = v->is_set;

	if (v->is_set && v->s.t_ns >= 0) {
		m->has_time = true;
		m->t_ms = (uint64_t)(v->s.t_ns / HF_NS_PER_MS);
	}
	if (ok && hf_spb_vtype(datatype) == HF_V_STR) {
		ok = v->s.vtype == HF_V_STR;
		m->kind = HF_SPB_STR;
		m->str = v->str;
		m->str_len = v->s.str_len;
	} else if (ok) {
		ok = put_number(m, &v->s, datatype);
	}
	m->is_null = !ok || hf_is_bad(v->s.status);
	if (v->is_set && (m->is_null || !hf_is_good(v->s.status))) {
		m->has_quality = true;
		m->quality = m->is_null ? HF_SPB_Q_BAD : HF_SPB_Q_STALE;
	}
}

static void
put_metric(struct hf_spb_node *n, size_t idx, bool is_birth)
{
	const struct hf_spb_node_metric *c = &n->conf.metrics[idx];
	struct hf_spb_metric m = {
	    .has_alias = true, .alias = idx + 1, .datatype = c->datatype};

	if (is_birth) {
		m.name = c->name;
		m.name_len = strlen(c->name);
		m.unit = c->unit;
		m.unit_len = c->unit != NULL ? strlen(c->unit) : 0;
	}
	put_value(&m, &n->values[idx], c->datatype);
	hf_spb_put_metric(&n->out, &m, &n->tmp);
}

static void
put_bdseq(struct hf_buf *b, struct hf_buf *tmp, uint8_t bdseq)
{
	const struct hf_spb_metric m = {.name = "bdSeq",
	    .name_len = 5,
	    .datatype = HF_SPB_INT64,
	    .kind = HF_SPB_U64,
	    .u = bdseq};

	hf_spb_put_metric(b, &m, tmp);
}

/* ---- sending ---- */

/* The message in n->out; its number is used only if it went. */
static int
send_out(struct hf_spb_node *n, enum hf_spb_msg msg, const char *device)
{
	char topic[HF_SPB_TOPIC];
	int rc;

	topic_of(n, msg, device, topic);
	rc = hf_buf_ok(&n->out) ? n->ops.publish(n->ops.arg, topic, n->out.p,
				      n->out.len, 0, false)
				: HF_ELIMIT;
	if (rc == HF_OK)
		n->seq = (n->seq + 1) & SEQ_MASK;
	else
		count(n, HF_C_SPB_NODE_RETRY, 1);
	return rc;
}

static void
begin_out(struct hf_spb_node *n, int64_t wall_ns)
{
	hf_buf_reset(&n->out);
	hf_spb_put_head(
	    &n->out, (uint64_t)(wall_ns / HF_NS_PER_MS), true, n->seq);
}

static int
send_nbirth(struct hf_spb_node *n, int64_t wall_ns)
{
	static const struct hf_spb_metric rebirth = {.name = HF_SPB_REBIRTH,
	    .name_len = sizeof(HF_SPB_REBIRTH) - 1,
	    .datatype = HF_SPB_BOOLEAN,
	    .kind = HF_SPB_BOOL};
	size_t i;
	int rc;

	n->seq = 0;
	begin_out(n, wall_ns);
	put_bdseq(&n->out, &n->tmp, n->bdseq);
	hf_spb_put_metric(&n->out, &rebirth, &n->tmp);
	rc = send_out(n, HF_SPB_NBIRTH, NULL);
	if (rc != HF_OK)
		return rc;
	for (i = 0; i < n->conf.ndevice; i++)
		n->devices[i].is_born = false;
	count(n, HF_C_SPB_NODE_BIRTHS, 1);
	return HF_OK;
}

static int
send_dbirth(struct hf_spb_node *n, size_t device, int64_t wall_ns)
{
	struct device *d = &n->devices[device];
	size_t i;
	int rc;

	begin_out(n, wall_ns);
	for (i = d->first; i < d->first + d->n; i++)
		put_metric(n, i, true);
	rc = send_out(n, HF_SPB_DBIRTH, n->conf.devices[device]);
	if (rc != HF_OK)
		return rc;
	for (i = d->first; i < d->first + d->n; i++)
		n->values[i].is_dirty = false;
	d->has_dirty = false;
	d->is_born = true;
	count(n, HF_C_SPB_NODE_BIRTHS, 1);
	return HF_OK;
}

static int
send_ddeath(struct hf_spb_node *n, size_t device, int64_t wall_ns)
{
	int rc;

	begin_out(n, wall_ns);
	rc = send_out(n, HF_SPB_DDEATH, n->conf.devices[device]);
	if (rc == HF_OK)
		n->devices[device].is_born = false;
	return rc;
}

/* What changed on a device, DATA_METRICS at a time. */
static int
send_ddata(struct hf_spb_node *n, size_t device, int64_t wall_ns)
{
	struct device *d = &n->devices[device];
	size_t i, k, at = d->first;
	int rc = HF_OK;

	while (d->has_dirty && rc == HF_OK) {
		begin_out(n, wall_ns);
		for (i = at, k = 0; i < d->first + d->n && k < DATA_METRICS;
		     i++)
			if (n->values[i].is_dirty) {
				put_metric(n, i, false);
				k++;
			}
		d->has_dirty = k > 0;
		if (k == 0)
			break;
		rc = send_out(n, HF_SPB_DDATA, n->conf.devices[device]);
		for (; rc == HF_OK && at < i; at++)
			n->values[at].is_dirty = false;
		if (rc == HF_OK)
			count(n, HF_C_SPB_NODE_VALUES, k);
	}
	return rc;
}

static int
make_ndeath(struct hf_spb_node *n, int64_t wall_ns, char topic[HF_SPB_TOPIC],
    struct hf_buf *b)
{
	topic_of(n, HF_SPB_NDEATH, NULL, topic);
	hf_buf_reset(b);
	hf_spb_put_head(b, (uint64_t)(wall_ns / HF_NS_PER_MS), false, 0);
	put_bdseq(b, &n->tmp, n->bdseq);
	return hf_buf_ok(b) ? HF_OK : HF_ENOMEM;
}

/* ---- phases ---- */

static bool
may_be_born(const struct hf_spb_node *n)
{
	return n->conf.primary_host == NULL || n->is_host_online;
}

static void
begin_births(struct hf_spb_node *n, int64_t mono_ns)
{
	n->phase = BIRTHING;
	n->wants_rebirth = false;
	n->has_birthed = true;
	n->birth_ns = mono_ns;
}

void
hf_spb_node_pump(struct hf_spb_node *n, int64_t wall_ns, int64_t mono_ns)
{
	size_t i;

	n->wall_ns = wall_ns;
	if (n->phase == BORN && n->wants_rebirth &&
	    (!n->has_birthed || mono_ns - n->birth_ns >= REBIRTH_NS))
		begin_births(n, mono_ns);
	if (n->phase == BIRTHING) {
		if (send_nbirth(n, wall_ns) != HF_OK)
			return;
		n->phase = BORN;
	}
	for (i = 0; n->phase == BORN && i < n->conf.ndevice; i++) {
		struct device *d = &n->devices[i];
		int rc = HF_OK;

		if (d->is_alive && !d->is_born)
			rc = send_dbirth(n, i, wall_ns);
		else if (!d->is_alive && d->is_born)
			rc = send_ddeath(n, i, wall_ns);
		else if (d->is_born && d->has_dirty)
			rc = send_ddata(n, i, wall_ns);
		if (rc != HF_OK)
			return;
	}
}

void
hf_spb_node_leave(struct hf_spb_node *n)
{
	char topic[HF_SPB_TOPIC];

	if (n->phase != BORN && n->phase != BIRTHING)
		return;
	if (make_ndeath(n, n->wall_ns, topic, &n->out) == HF_OK)
		n->ops.publish(
		    n->ops.arg, topic, n->out.p, n->out.len, 1, false);
	n->phase = OFFLINE;
}

static void
host_changed(struct hf_spb_node *n, int64_t wall_ns, int64_t mono_ns)
{
	if (n->is_host_online && n->phase == WAITING) {
		begin_births(n, mono_ns);
		hf_spb_node_pump(n, wall_ns, mono_ns);
	} else if (!n->is_host_online &&
		   (n->phase == BORN || n->phase == BIRTHING)) {
		hf_spb_node_leave(n);
		n->ops.disconnect(n->ops.arg);
	}
}

static void
on_state(struct hf_spb_node *n, const void *p, size_t len, int64_t wall_ns,
    int64_t mono_ns)
{
	json_t *doc = NULL, *online, *stamp;

	if (hf_json_parse(p, len, STATE_BYTES, &doc, NULL) != HF_OK)
		return; /* also the plain text of Sparkplug 2 */
	online = json_object_get(doc, "online");
	stamp = json_object_get(doc, "timestamp");
	if (json_is_boolean(online) && json_is_integer(stamp) &&
	    json_integer_value(stamp) >= 0 &&
	    json_integer_value(stamp) >= n->host_ms) {
		n->host_ms = json_integer_value(stamp);
		n->is_host_online = json_is_true(online);
		host_changed(n, wall_ns, mono_ns);
	}
	json_decref(doc);
}

static void
on_ncmd(struct hf_spb_node *n, const void *p, size_t len)
{
	struct hf_spb_payload pl;
	struct hf_spb_metric m;

	if (hf_spb_open(&pl, p, len, NULL) != HF_OK) {
		count(n, HF_C_SPB_MALFORMED, 1);
		return;
	}
	while (hf_spb_next(&pl, &m)) {
		if (m.name_len == sizeof(HF_SPB_REBIRTH) - 1 &&
		    memcmp(m.name, HF_SPB_REBIRTH, m.name_len) == 0)
			n->wants_rebirth |= m.kind == HF_SPB_BOOL && m.u == 1;
		else
			count(n, HF_C_SPB_NODE_DENIED, 1);
	}
}

void
hf_spb_node_message(struct hf_spb_node *n, const char *topic, const void *p,
    size_t len, int64_t wall_ns, int64_t mono_ns)
{
	struct hf_spb_topic t;

	if (hf_spb_topic_parse(topic, &t, NULL) != HF_OK)
		return;
	if (t.msg == HF_SPB_STATE) {
		if (n->conf.primary_host != NULL &&
		    strcmp(t.node, n->conf.primary_host) == 0)
			on_state(n, p, len, wall_ns, mono_ns);
		return;
	}
	if (strcmp(t.group, n->conf.group) != 0 ||
	    strcmp(t.node, n->conf.node) != 0)
		return;
	if (t.msg == HF_SPB_DCMD)
		count(n, HF_C_SPB_NODE_DENIED, 1);
	else if (t.msg == HF_SPB_NCMD) {
		on_ncmd(n, p, len);
		hf_spb_node_pump(n, wall_ns, mono_ns);
	}
}

/* ---- connection, values ---- */

int
hf_spb_node_will(struct hf_spb_node *n, int64_t wall_ns, char *topic,
    size_t cap, struct hf_buf *payload)
{
	char t[HF_SPB_TOPIC];
	int rc;

	n->bdseq = n->next_bdseq++;
	n->wall_ns = wall_ns;
	rc = make_ndeath(n, wall_ns, t, payload);
	if (rc == HF_OK && !hf_strcpy(topic, cap, t))
		rc = HF_ELIMIT;
	return rc;
}

uint8_t
hf_spb_node_bdseq(const struct hf_spb_node *n)
{
	return n->bdseq;
}

const char *
hf_spb_node_filter(struct hf_spb_node *n, size_t i)
{
	struct hf_spb_topic t = {.msg = HF_SPB_STATE};

	if (i == 0) {
		topic_of(n, HF_SPB_NCMD, NULL, n->filter);
	} else if (i == 1) {
		topic_of(n, HF_SPB_DCMD, "+", n->filter);
	} else if (i == 2 && n->conf.primary_host != NULL) {
		hf_strcpy(t.node, sizeof(t.node), n->conf.primary_host);
		hf_spb_topic_make(&t, n->filter);
	} else {
		return NULL;
	}
	return n->filter;
}

void
hf_spb_node_up(struct hf_spb_node *n, int64_t wall_ns, int64_t mono_ns)
{
	n->phase = WAITING;
	if (!may_be_born(n))
		return;
	begin_births(n, mono_ns);
	hf_spb_node_pump(n, wall_ns, mono_ns);
}

/* The host's state is learnt anew with the next connection, from its retained
 * message. */
void
hf_spb_node_down(struct hf_spb_node *n)
{
	n->phase = OFFLINE;
	n->is_host_online = false;
	n->host_ms = NO_STATE;
	n->wants_rebirth = false;
}

void
hf_spb_node_value(struct hf_spb_node *n, size_t idx, const struct hf_sample *s,
    const char *str)
{
	struct value *v = &n->values[idx];
	struct device *d = &n->devices[n->conf.metrics[idx].device];
	char *copy = NULL;

	if (s->vtype == HF_V_STR) {
		copy = malloc((size_t)s->str_len + 1);
		if (copy == NULL)
			return; /* the value before stays */
		memcpy(copy, str, s->str_len);
	}
	free(v->str);
	*v = (struct value){
	    .s = *s, .str = copy, .is_set = true, .is_dirty = true};
	d->has_dirty = true;
}

void
hf_spb_node_device(struct hf_spb_node *n, size_t device, bool is_alive)
{
	n->devices[device].is_alive = is_alive;
}

bool
hf_spb_node_is_born(const struct hf_spb_node *n)
{
	return n->phase == BORN;
}

/* Each metric follows those of the device before: first and n by device. */
static int
index_metrics(struct hf_spb_node *n, struct hf_err *err)
{
	size_t i;

	for (i = 0; i < n->conf.nmetric; i++) {
		uint32_t at = n->conf.metrics[i].device;

		if (at >= n->conf.ndevice ||
		    (i > 0 && at < n->conf.metrics[i - 1].device))
			return HF_FAIL(err, HF_EINVAL,
			    "metrics are not in the order of their devices");
		if (n->devices[at].n++ == 0)
			n->devices[at].first = i;
		if (n->devices[at].n > HF_SPB_NMETRIC)
			return HF_FAIL(err, HF_ELIMIT,
			    "device %s: a birth holds %d metrics at most",
			    n->conf.devices[at], HF_SPB_NMETRIC);
	}
	return HF_OK;
}

int
hf_spb_node_new(const struct hf_spb_node_conf *conf,
    const struct hf_spb_node_ops *ops, struct hf_spb_node **out,
    struct hf_err *err)
{
	struct hf_spb_node *n;
	int rc;

	if (!hf_spb_id_ok(conf->group) || !hf_spb_id_ok(conf->node) ||
	    (conf->primary_host != NULL && !hf_spb_id_ok(conf->primary_host)))
		return HF_FAIL(err, HF_EINVAL,
		    "group, node and primary_host are names of at most %d "
		    "bytes without / + #",
		    HF_SPB_ID - 1);
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return HF_FAIL(err, HF_ENOMEM, "Sparkplug node");
	n->conf = *conf;
	n->ops = *ops;
	n->next_bdseq = conf->bdseq;
	n->host_ms = NO_STATE;
	hf_buf_init(&n->out, HF_SPB_BYTES);
	hf_buf_init(&n->tmp, HF_SPB_BYTES);
	n->values = calloc(conf->nmetric + 1, sizeof(*n->values));
	n->devices = calloc(conf->ndevice + 1, sizeof(*n->devices));
	rc = n->values != NULL && n->devices != NULL
		 ? index_metrics(n, err)
		 : HF_FAIL(err, HF_ENOMEM, "Sparkplug node");
	if (rc != HF_OK) {
		hf_spb_node_free(n);
		return rc;
	}
	*out = n;
	return HF_OK;
}

void
hf_spb_node_free(struct hf_spb_node *n)
{
	size_t i;

	if (n == NULL)
		return;
	for (i = 0; n->values != NULL && i < n->conf.nmetric; i++)
		free(n->values[i].str);
	free(n->values);
	free(n->devices);
	hf_buf_fini(&n->out);
	hf_buf_fini(&n->tmp);
	free(n);
}
