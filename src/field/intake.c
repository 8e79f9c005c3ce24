/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.c - from a driver's reading to a sample: whose time, and is it news?
 *
 * Time of a sample, by the device's option `time`:
 *   source    the protocol's own stamp if it has one and it is within 10 min of
 *             the receive time, or the driver reads recordings
 *             (HF_KIND_RECORDED); else receive time, quality at best Uncertain
 *   receive   always the receive time
 *   register  the stamp that the device holds in its `_stamp` tag, checked in
 *             the same way; `clock: replay` switches the check off. An
 *             answer whose stamp has not moved brings no new samples.
 * A protocol without stamps (Modbus) gives receive time for `source`, Good:
 * that is the best there is, not a fault. What a source had kept for us
 * (retained, back-filled) may have a stamp older than 10 min, never one ahead.
 *
 * A tag whose asset has a contract: a value that breaks it is dropped and
 * counted by reason, and one example is kept for people. Bad samples pass:
 * quality is not the contract's business.
 */
#include "field/intake.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "base/utf8.h"
#include "model/quality.h"
#include "model/schema.h"

struct tag_state { /* what was last sent on */
	double value;
	uint32_t status;
	bool is_set;
	bool has_contract;
	int64_t recv_ns;
	const struct hf_schema *schema; /* NULL with a contract: none passes */
};

struct device_state {
	/* newest time register, or source stamp, seen; HF_TIME_NONE */
	int64_t stamp_ns;
	uint64_t ndropped;
	char example[256];
};

struct hf_intake {
	const struct hf_plant *plant;
	struct hf_counters *ctr;
	struct tag_state *tags; /* by index of plant->tags */
	struct device_state *devices;
};

static void
find_contracts(struct hf_intake *in)
{
	const struct hf_plant *p = in->plant;
	const struct hf_asset *a;
	size_t i;

	for (i = 0; i < p->ntag && p->ncontract > 0; i++) {
		a = hf_plant_asset_of(p, &p->tags[i]);
		if (a == NULL || a->contract == NULL)
			continue;
		in->tags[i].has_contract = true;
		in->tags[i].schema = hf_plant_tag_schema(p, &p->tags[i]);
	}
}

int
hf_intake_new(const struct hf_plant *p, struct hf_counters *ctr,
    struct hf_intake **out, struct hf_err *err)
{
	struct hf_intake *in = calloc(1, sizeof(*in));
	size_t i;

	if (in == NULL)
		return HF_FAIL(err, HF_ENOMEM, "intake");
	in->plant = p;
	in->ctr = ctr;
	in->tags = calloc(p->ntag + 1, sizeof(*in->tags));
	in->devices = calloc(p->ndevice + 1, sizeof(*in->devices));
	if (in->tags == NULL || in->devices == NULL) {
		hf_intake_free(in);
		return HF_FAIL(err, HF_ENOMEM, "intake of %zu tags", p->ntag);
	}
	for (i = 0; i < p->ndevice; i++)
		in->devices[i].stamp_ns = HF_TIME_NONE;
	find_contracts(in);
	*out = in;
	return HF_OK;
}

void
hf_intake_free(struct hf_intake *in)
{
	if (in == NULL)
		return;
	free(in->tags);
	free(in->devices);
	free(in);
}

bool
hf_intake_answer(struct hf_intake *in, uint32_t device_idx, int64_t stamp_ns,
    size_t nreading)
{
	const struct hf_device *d = &in->plant->devices[device_idx];
	struct device_state *st = &in->devices[device_idx];

	if (d->time != HF_TIME_REGISTER || stamp_ns == HF_TIME_NONE)
		return true;
	if (stamp_ns == st->stamp_ns) {
		hf_count(in->ctr, HF_C_S_SAME_STAMP, nreading);
		return false;
	}
	st->stamp_ns = stamp_ns;
	return true;
}

static void
distrust_clock(struct hf_intake *in, struct hf_sample *s)
{
	s->t_ns = s->recv_ns;
	if (hf_is_good(s->status))
		s->status = HF_UNCERTAIN_CLOCK;
	hf_count(in->ctr, HF_C_S_CLOCK, 1);
}

static bool
is_near(int64_t a, int64_t b)
{
	int64_t diff;

	return !__builtin_sub_overflow(a, b, &diff) &&
	       diff <= HF_CLOCK_TOLERANCE_NS && diff >= -HF_CLOCK_TOLERANCE_NS;
}

/* A sample of a device with a time register that came without it: a mark of
 * lost communication. In a replayed past it follows the last stamp, so that
 * one mark "now" does not make all that is still to come look late. */
static void
time_without_stamp(struct hf_intake *in, const struct hf_device *d,
    const struct device_state *st, struct hf_sample *s)
{
	if (d->clock == HF_CLOCK_REPLAY && st->stamp_ns != HF_TIME_NONE)
		s->t_ns = st->stamp_ns + 1;
	else if (hf_is_bad(s->status))
		s->t_ns = s->recv_ns;
	else
		distrust_clock(in, s);
}

/* An old value that the source had kept: its stamp may be old, not new. */
static bool
is_rightly_old(const struct hf_sample *s, bool is_kept, int64_t t)
{
	return (is_kept || (s->flags & HF_F_BACKFILL) != 0) &&
	       t >= HF_TIME_MIN && t <= s->recv_ns;
}

/* What a recording says about its time is all there is to know. */
static bool
is_recorded(const struct hf_device *d)
{
	return d->kind != NULL && (d->kind->flags & HF_KIND_RECORDED) != 0;
}

/* Of a source whose recorded past is replayed: what has no stamp of its own, or
 * only marks that the connection was lost, follows the newest stamp. */
static bool
is_mark_in_replay(const struct hf_device *d, const struct device_state *st,
    const struct hf_sample *s)
{
	return d->clock == HF_CLOCK_REPLAY && d->time == HF_TIME_SOURCE &&
	       st->stamp_ns != HF_TIME_NONE &&
	       (s->t_ns == HF_TIME_NONE ||
		   (s->status == HF_BAD_NO_COMMUNICATION &&
		       s->t_ns == s->recv_ns));
}

static void
choose_time(struct hf_intake *in, uint32_t device_idx, int64_t stamp_ns,
    bool is_kept, struct hf_sample *s)
{
	const struct hf_device *d = &in->plant->devices[device_idx];
	struct device_state *st = &in->devices[device_idx];
	int64_t t = d->time == HF_TIME_REGISTER ? stamp_ns : s->t_ns;

	if (d->time == HF_TIME_REGISTER && t == HF_TIME_NONE)
		time_without_stamp(in, d, st, s);
	else if (is_mark_in_replay(d, st, s))
		s->t_ns = st->stamp_ns + 1;
	else if (d->time == HF_TIME_RECEIVE || t == HF_TIME_NONE)
		s->t_ns = s->recv_ns;
	else if (d->clock == HF_CLOCK_REPLAY || is_recorded(d) ||
		 is_near(t, s->recv_ns) || is_rightly_old(s, is_kept, t))
		s->t_ns = t;
	else
		distrust_clock(in, s);
	if (d->time == HF_TIME_SOURCE && t != HF_TIME_NONE && s->t_ns == t &&
	    t > st->stamp_ns)
		st->stamp_ns = t;
}

static double
deadband_of(const struct hf_tag *t)
{
	return t->is_deadband_pct
		   ? t->deadband / 100 * (t->range_hi - t->range_lo)
		   : t->deadband;
}

/* "No change" is only worth silence up to the heartbeat, so that it differs
 * from "no data". */
static bool
is_within_deadband(const struct hf_tag *t, const struct tag_state *st,
    const struct hf_sample *s)
{
	double band = deadband_of(t);
	int64_t heartbeat = 10 * t->interval_ns;

	if (!(band > 0) || !st->is_set || s->vtype == HF_V_STR)
		return false;
	if (heartbeat < HF_HEARTBEAT_NS)
		heartbeat = HF_HEARTBEAT_NS;
	return st->status == s->status && s->recv_ns >= st->recv_ns &&
	       s->recv_ns - st->recv_ns < heartbeat &&
	       fabs(hf_sample_f64(s) - st->value) <= band;
}

/* What a batch may not carry: a driver that lets it through is wrong, but its
 * sample still travels, as a bad one. */
static void
make_lawful(
    struct hf_intake *in, const struct hf_reading *r, struct hf_sample *s)
{
	if (s->t_ns < HF_TIME_MIN || s->t_ns >= HF_TIME_END)
		distrust_clock(in, s);
	if (s->vtype == HF_V_F64 && !isfinite(s->v.f64) &&
	    !hf_is_bad(s->status)) {
		s->status = HF_BAD_DECODING;
		hf_count(in->ctr, HF_C_S_NOT_FINITE, 1);
	}
	if (s->vtype == HF_V_STR && (s->str_len > HF_VALUE_STR ||
					!hf_utf8_text_ok(r->str, s->str_len))) {
		s->status = HF_BAD_DECODING;
		s->str_len = 0;
	}
}

/* Of a tag with a contract: false if the value breaks it. */
static bool
keeps_contract(struct hf_intake *in, uint32_t device_idx,
    const struct hf_reading *r, const struct hf_sample *s)
{
	static const enum hf_counter by_why[] = {
	    [HF_SCHEMA_FITS] = HF_C_K_PASSED,
	    [HF_SCHEMA_TYPE] = HF_C_K_TYPE,
	    [HF_SCHEMA_RANGE] = HF_C_K_RANGE,
	    [HF_SCHEMA_UNKNOWN] = HF_C_K_UNKNOWN,
	    [HF_SCHEMA_MISSING] = HF_C_K_MISSING,
	};
	const struct tag_state *st = &in->tags[r->tag - in->plant->tags];
	struct device_state *d = &in->devices[device_idx];
	struct hf_err err = {.msg = "/: the contract does not know it"};
	enum hf_schema_why why = HF_SCHEMA_UNKNOWN;

	if (st->schema != NULL)
		why = hf_schema_judge_value(st->schema, s, r->str, &err);
	hf_count(in->ctr, by_why[why], 1);
	if (why == HF_SCHEMA_FITS)
		return true;
	d->ndropped++;
	snprintf(d->example, sizeof(d->example), "%.120s: %.120s", r->tag->path,
	    err.msg + 3); /* the pointer is "/: " */
	return false;
}

uint64_t
hf_intake_dropped(
    const struct hf_intake *in, uint32_t device_idx, const char **example)
{
	*example = in->devices[device_idx].example;
	return in->devices[device_idx].ndropped;
}

bool
hf_intake_sample(struct hf_intake *in, uint32_t device_idx, int64_t stamp_ns,
    const struct hf_reading *r, struct hf_sample *out)
{
	struct tag_state *st = &in->tags[r->tag - in->plant->tags];

	*out = r->s;
	choose_time(in, device_idx, stamp_ns, r->is_kept, out);
	make_lawful(in, r, out);
	hf_count(in->ctr, HF_C_S_TAKEN, 1);
	if (st->has_contract && !keeps_contract(in, device_idx, r, out))
		return false;
	if (is_within_deadband(r->tag, st, out)) {
		hf_count(in->ctr, HF_C_S_UNCHANGED, 1);
		return false;
	}
	st->value = hf_sample_f64(out);
	st->status = out->status;
	st->is_set = true;
	st->recv_ns = out->recv_ns;
	return true;
}
