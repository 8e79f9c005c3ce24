/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_devices.c - the zone's devices: open, readings to batches, states, try.
 *
 * Poison: around every parse the black box holds whose bytes are being parsed.
 * A device during whose input edge died twice is not opened again until a
 * reload; the other devices of the zone go on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "model/query.h"
#include "proc/edge.h"

#define STRING_ROOM \
	4096		/* string bytes kept free, so that one batch ends early
			    rather than over its limit */
#define READ_AHEAD 48	/* unacknowledged batches, 3 MiB: files wait above it */
#define SAMPLE_BYTES 48 /* of a sample in the encoded batch, rounded up */

static struct edge_device *
device_of(struct edge *e, uint32_t idx)
{
	size_t i;

	for (i = 0; i < e->ndevice; i++)
		if (e->devices[i].idx == idx)
			return &e->devices[i];
	return NULL;
}

static bool
is_batch_full(const struct edge *e)
{
	return e->n == HF_BATCH_NSAMPLE ||
	       e->n * SAMPLE_BYTES + e->str.len + STRING_ROOM > HF_BATCH_BYTES;
}

static void
add_sample(struct edge *e, const struct hf_sample *s, const char *str)
{
	if (e->n == 0)
		e->decoded_ns = hf_mono_ns();
	e->s[e->n] = *s;
	if (s->vtype == HF_V_STR) {
		e->s[e->n].v.str_off = e->str.len;
		hf_buf_put(&e->str, str, s->str_len);
	}
	e->n++;
	if (is_batch_full(e))
		edge_flush(e);
}

/* From the driver: all readings of one answer. */
static void
on_readings(void *arg, uint32_t device_idx, int64_t stamp_ns,
    const struct hf_reading *r, size_t n)
{
	struct edge *e = arg;
	struct edge_device *d = device_of(e, device_idx);
	struct hf_sample s;
	size_t i;

	if (!hf_intake_answer(e->intake, device_idx, stamp_ns, n))
		return;
	for (i = 0; i < n; i++) {
		if (r[i].tag->is_stamp || !hf_intake_sample(e->intake,
					      device_idx, stamp_ns, &r[i], &s))
			continue;
		edge_exports_note(e, r[i].tag, &s, r[i].str);
		add_sample(e, &s, r[i].str);
		d->nsample++;
	}
	if (e->n > 0)
		hf_timer_in(e->flush_timer, 0);
}

static void
on_parsing(void *arg, uint32_t device_idx, const void *p, size_t n)
{
	struct edge *e = arg;

	hf_blackbox_begin(e->box, e->ctx.plant->devices[device_idx].name, p, n);
}

static void
on_parsed(void *arg)
{
	struct edge *e = arg;

	hf_blackbox_end(e->box);
}

static void
on_changed(void *arg, uint32_t device_idx)
{
	edge_report_devices(arg, false);
}

static int64_t
wall(void *arg)
{
	return hf_wall_ns();
}

static int64_t
mono(void *arg)
{
	return hf_mono_ns();
}

/* Marks of what a driver handed over are numbers of batches. */
static uint64_t
handed(void *arg)
{
	struct edge *e = arg;

	edge_flush(e);
	return e->seq;
}

static uint64_t
durable(void *arg)
{
	const struct edge *e = arg;

	return hf_spool_count(e->spool) == 0 ? e->seq : e->acked_seq;
}

/* A source that can wait must not push out those that cannot: it stops long
 * before the ring's memory is full. */
static bool
may_read(void *arg)
{
	const struct edge *e = arg;

	return hf_spool_count(e->spool) < READ_AHEAD;
}

static void
quarantine(struct edge *e, struct edge_device *d, const char *name)
{
	d->status = HF_DS_QUARANTINED;
	snprintf(d->why, sizeof(d->why),
	    "edge died %d times while it parsed "
	    "this device's input; the last input is kept in "
	    "spool/%s/quarantine-%s.bin; `holdfast reload` tries again",
	    hf_blackbox_deaths(e->box, name), e->edge->name, name);
	hf_count(&e->ctx.counters, HF_C_DEV_QUARANTINE, 1);
	log_error("edge", "device %s is quarantined: %s", name, d->why);
}

static void
open_one(struct edge *e, const struct hf_plant *p, uint32_t idx)
{
	struct edge_device *d = &e->devices[e->ndevice++];
	const struct hf_device *cfg = &p->devices[idx];
	struct hf_err err = {0};

	*d = (struct edge_device){
	    .idx = idx, .since_ns = hf_wall_ns(), .status = HF_DS_CONNECTING};
	if (hf_blackbox_is_quarantined(e->box, cfg->name)) {
		quarantine(e, d, cfg->name);
		return;
	}
	d->driver = hf_driver_find(cfg->driver);
	if (d->driver == NULL)
		HF_FAIL(&err, HF_ENOTFOUND, "no driver \"%s\" in this build",
		    cfg->driver);
	else if (edge_has_lent(e, p, idx, &err) == HF_OK)
		d->driver->open(p, idx, &e->host, &d->dev, &err);
	if (d->dev != NULL)
		return;
	d->status = HF_DS_DOWN;
	hf_strcpy(d->why, sizeof(d->why), err.msg);
	log_error("edge", "device %s: %s", cfg->name, err.msg);
}

int
edge_open_devices(struct edge *e, const struct hf_plant *p, struct hf_err *err)
{
	uint32_t i, edge = (uint32_t)(e->edge - p->edges);
	int rc;

	e->host = (struct hf_driver_host){.arg = e,
	    .loop = e->ctx.loop,
	    .counters = &e->ctx.counters,
	    .wall_ns = wall,
	    .mono_ns = mono,
	    .readings = on_readings,
	    .parsing = on_parsing,
	    .parsed = on_parsed,
	    .changed = on_changed,
	    .broker = edge_broker,
	    .secret = e->secret,
	    .folder = edge_folder,
	    .serial = edge_serial,
	    .line = &e->line,
	    .handed = handed,
	    .durable = durable,
	    .may_read = may_read};
	rc = hf_intake_new(p, &e->ctx.counters, &e->intake, err);
	if (rc != HF_OK)
		return rc;
	e->devices = calloc(p->ndevice + 1, sizeof(*e->devices));
	if (e->devices == NULL)
		return HF_FAIL(err, HF_ENOMEM, "devices");
	for (i = 0; i < p->ndevice; i++)
		if (p->devices[i].edge_idx == edge)
			open_one(e, p, i);
	edge_report_devices(e, true);
	return HF_OK;
}

void
edge_close_devices(struct edge *e)
{
	size_t i;

	for (i = 0; i < e->ndevice; i++) {
		struct edge_device *d = &e->devices[i];

		if (d->dev != NULL)
			d->driver->close(d->dev);
		d->dev = NULL; /* another's close may still ask for states */
	}
	free(e->devices);
	e->devices = NULL;
	e->ndevice = 0;
	hf_intake_free(e->intake);
	e->intake = NULL;
}

static void
fill_state(const struct edge_device *d, const struct hf_driver_stats *st,
    struct hf_dev_state *out)
{
	out->last_value_ns = st->last_good_ns;
	out->requests = st->requests;
	out->answers = st->answers;
	out->timeouts = st->timeouts;
	out->exceptions = st->exceptions;
	out->framing = st->framing;
	out->connects = st->connects;
	out->skipped = st->skipped;
	out->samples = d->nsample;
	hf_strcpy(out->text, sizeof(out->text), st->text);
}

/* What came in and was dropped: by the driver (no tag, no field) and by the
 * contracts of assets, which has the more telling example. */
static void
fill_dropped(const struct edge *e, const struct edge_device *d,
    const struct hf_driver_stats *st, struct hf_dev_state *out)
{
	const char *example = "";
	uint64_t n = 0;

	if (e->intake != NULL)
		n = hf_intake_dropped(e->intake, d->idx, &example);
	out->dropped = st->dropped + n;
	hf_strcpy(
	    out->example, sizeof(out->example), n > 0 ? example : st->example);
}

/* Answering, but with something to say (a tag that cannot be read):
 * degraded. */
static uint8_t
status_of(const struct hf_driver_stats *st)
{
	if (st->up > 0)
		return st->text[0] == '\0' ? HF_DS_OK : HF_DS_DEGRADED;
	return st->up == 0 ? HF_DS_CONNECTING : HF_DS_DOWN;
}

static void
report_one(struct edge *e, struct edge_device *d, bool is_tick)
{
	struct hf_dev_state s = {.last_value_ns = HF_TIME_NONE};
	struct hf_driver_stats st = {.last_good_ns = HF_TIME_NONE};
	uint8_t was = d->status;
	struct hf_buf b;

	hf_strcpy(
	    s.device, sizeof(s.device), e->ctx.plant->devices[d->idx].name);
	if (d->dev != NULL) {
		d->driver->stats(d->dev, &st);
		fill_state(d, &st, &s);
		fill_dropped(e, d, &st, &s);
		d->status = status_of(&st);
	} else {
		hf_strcpy(s.text, sizeof(s.text), d->why);
	}
	if (d->status != was)
		d->since_ns = hf_wall_ns();
	else if (!is_tick)
		return;
	s.status = d->status;
	s.since_ns = d->since_ns;
	if (is_tick) {
		s.requests_hz = (double)(st.requests - d->last_requests);
		d->last_requests = st.requests;
	}
	hf_buf_init(&b, 4096);
	hf_dev_state_encode(&s, &b);
	hf_role_send(
	    &e->ctx, HF_ROLE_CORE, 0, HF_MSG_DEVICE_STATE, 0, b.p, b.len, NULL);
	hf_buf_fini(&b);
}

void
edge_report_devices(struct edge *e, bool is_tick)
{
	size_t i;

	for (i = 0; i < e->ndevice; i++)
		report_one(e, &e->devices[i], is_tick);
}

struct preview { /* one question on its way through a driver */
	struct edge *e;
	uint64_t req;
};

static void
try_done(void *arg, int rc, const char *text, size_t n)
{
	struct preview *v = arg;
	struct hf_buf b;

	if (n > HF_BATCH_BYTES) {
		rc = HF_ELIMIT;
		text = "the preview is over 64 KiB; try a device with fewer "
		       "tags";
		n = strlen(text);
	}
	hf_buf_init(&b, HF_MSG_MAX);
	hf_buf_u32(&b, (uint32_t)rc);
	hf_buf_put(&b, text, n);
	hf_role_send(&v->e->ctx, HF_ROLE_CORE, 0, HF_MSG_TRY_ANSWER, v->req,
	    b.p, b.len, NULL);
	hf_buf_fini(&b);
	free(v);
}

void
edge_try(struct edge *e, const struct hf_msg *m)
{
	struct preview *v = calloc(1, sizeof(*v));
	struct hf_err err = {0};
	struct edge_device *d = NULL;
	struct hf_query q;
	size_t i;

	if (v == NULL)
		return; /* core answers "not in time" */
	*v = (struct preview){.e = e, .req = m->req};
	if (hf_query_decode(m->p, m->n, &q, &err) != HF_OK) {
		try_done(v, HF_EINVAL, err.msg, strlen(err.msg));
		return;
	}
	for (i = 0; i < e->ndevice; i++)
		if (strcmp(e->ctx.plant->devices[e->devices[i].idx].name,
			q.path) == 0)
			d = &e->devices[i];
	if (d == NULL)
		HF_FAIL(&err, HF_ENOTFOUND, "no device \"%s\" here", q.path);
	else if (d->dev == NULL)
		HF_FAIL(&err, HF_EAGAIN, "%s", d->why);
	else {
		d->driver->try_(d->dev, try_done, v);
		return;
	}
	try_done(v, err.rc, err.msg, strlen(err.msg));
}
