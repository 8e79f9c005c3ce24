/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.c - the state of one detector as bytes, and back.
 *
 * Version 2, little-endian; version 1, which is still read, has no lines with a
 * 2 in front:
 *
 *   u32 magic 0x53444648 ("HFDS")   u16 version 2   u16 0
 *   32  model_hash (method, options, tags, learn: evidence.c)
 *   u64 seq: frames up to it are in the state
 * 2 32  units_hash (type, unit and scaling of the tags)
 *   u32 count of tags; per tag: i64 watermark
 *   u32 count of signals; per signal:
 *       i64 last step's time, u64 steps, u32 samples without a value
 *       32  learned hash
 *       f64 score, statistic, limit, centre; u8 level, u8 learning
 *       u8  rule text, u8 blind text (place in the method's list, 255 none)
 *       f64 contributions[nvar]
 *       u32 ring rows; per row, oldest first: i64 time, f64 value[nvar]
 *       u32 length, then the method's own state
 * 2     u64 steps until learning ended, then drift.h's block
 * 2     u8 has a budget; if so u8 is_done, u64 steps, i64 first and last time,
 *       u64 calibration steps, i64 first of them, f64 largest per block[64],
 *       u32 count of scores, then f64 scores (the newest n, for k of n)
 *   u8 is a group; if so:
 *       u8 has_first, i64 first open row
 *       per tag i64 newest row seen, f64 newest value, 2 u32 rows without
 *       a value
 *       f64 rows[8][nvar]
 *   u32 count of rules; per rule: 32 rule hash, u32 length of the rest:
 *       u32 count of signals; per signal: u8 is_active, u8 level, u32 quiet,
 *           i64 since, u32 place, u32 ones, then u32 places of the ones in
 *           the ring of n
 *       u32 count of subjects; per subject: u8 is_on, u8 level, u32 onsets,
 *           i64 return, 2 u64 steps since then
 *   u32 CRC-32C of all before it
 *
 * A reader accepts the bytes only if magic, version, CRC and model hash agree,
 * and then still checks every count. Rules whose hash is not found among the
 * plant's rules are skipped, rules without saved state start empty: to change a
 * rule does not make a detector forget what it learned. What fails a check
 * leaves the detector as new.
 */
#include <math.h>
#include <string.h>

#include "detect/engine_in.h"

#define MAGIC 0x53444648u
#define VERSION 2
#define VERSION_OLDEST 1
#define NO_TEXT 255
#define NSTATE_MAX (64u << 10) /* bytes of one method state */

/* ---- out ---- */

static uint8_t
text_place(const struct det *d, const char *text)
{
	uint8_t i;

	if (text == NULL || d->method->texts == NULL)
		return NO_TEXT;
	for (i = 0; d->method->texts[i] != NULL && i < NO_TEXT; i++)
		if (strcmp(d->method->texts[i], text) == 0)
			return i;
	return NO_TEXT;
}

static void
save_score(const struct signal *s, struct hf_buf *b)
{
	const struct hf_score *sc = &s->score;
	size_t i;

	hf_buf_f64(b, sc->score);
	hf_buf_f64(b, sc->statistic);
	hf_buf_f64(b, sc->limit);
	hf_buf_f64(b, sc->centre);
	hf_buf_u8(b, sc->level);
	hf_buf_u8(b, sc->learning);
	hf_buf_u8(b, text_place(s->det, sc->rule));
	hf_buf_u8(b, text_place(s->det, sc->why_blind));
	for (i = 0; i < s->det->nvar; i++)
		hf_buf_f64(b, sc->contrib[i]);
}

static void
put_length_at(struct hf_buf *b, size_t at)
{
	uint32_t n;
	int i;

	if (!hf_buf_ok(b))
		return;
	n = (uint32_t)(b->len - at - 4);
	for (i = 0; i < 4; i++)
		b->p[at + (size_t)i] = (uint8_t)(n >> (8 * i));
}

static void
save_signal(const struct signal *s, struct hf_buf *b)
{
	const double *x;
	int64_t t_ns;
	size_t k, at;
	uint32_t i;

	hf_buf_i64(b, s->last_ns);
	hf_buf_u64(b, s->nstep);
	hf_buf_u32(b, s->nbad);
	hf_buf_put(b, s->learned_hash, HF_SHA256_LEN);
	save_score(s, b);
	hf_buf_u32(b, s->ring.n);
	for (i = 0; i < s->ring.n; i++) {
		x = hf_ring_row(s, i, &t_ns);
		hf_buf_i64(b, t_ns);
		for (k = 0; k < s->det->nvar; k++)
			hf_buf_f64(b, x[k]);
	}
	at = b->len;
	hf_buf_u32(b, 0);
	s->det->method->save(s->state, b);
	put_length_at(b, at);
	hf_buf_u64(b, s->nlearned);
	hf_drift_save(&s->drift, b);
	hf_buf_u8(b, s->budget != NULL);
	if (s->budget != NULL)
		hf_budget_save(s->budget, b);
}

static void
save_group(const struct det *d, struct hf_buf *b)
{
	const struct group *g = d->group;
	size_t i;

	hf_buf_u8(b, g != NULL);
	if (g == NULL)
		return;
	hf_buf_u8(b, g->has_first);
	hf_buf_i64(b, g->first);
	for (i = 0; i < d->nvar; i++) {
		hf_buf_i64(b, g->seen[i]);
		hf_buf_f64(b, g->last[i]);
		hf_buf_u32(b, g->nmiss[i]);
	}
	for (i = 0; i < HF_GROUP_NSLOT * d->nvar; i++)
		hf_buf_f64(b, g->rows[i]);
}

static void
save_rsig(const struct rsig *g, const struct hf_rule *r, struct hf_buf *b)
{
	uint32_t i;

	hf_buf_u8(b, g->is_active);
	hf_buf_u8(b, g->level);
	hf_buf_u32(b, g->quiet);
	hf_buf_i64(b, g->since_ns);
	hf_buf_u32(b, g->pos);
	hf_buf_u32(b, g->count);
	for (i = 0; g->count > 0 && i < (uint32_t)r->n; i++)
		if ((g->bits[i / 64] >> (i % 64) & 1) != 0)
			hf_buf_u32(b, i);
}

static void
save_rule(const struct det *d, const struct rrun *run, struct hf_buf *b)
{
	size_t i, at;

	hf_buf_put(b, run->hash, HF_SHA256_LEN);
	at = b->len;
	hf_buf_u32(b, 0);
	hf_buf_u32(b, (uint32_t)d->nsig);
	for (i = 0; i < d->nsig; i++)
		save_rsig(&run->sig[i], run->rule, b);
	hf_buf_u32(b, (uint32_t)run->nsubj);
	for (i = 0; i < run->nsubj; i++) {
		const struct subj *s = &run->subj[i];

		hf_buf_u8(b, s->is_on);
		hf_buf_u8(b, s->level);
		hf_buf_u32(b, s->onsets);
		hf_buf_i64(b, s->return_ns);
		hf_buf_u64(b, s->nreturn);
	}
	put_length_at(b, at);
}

static uint64_t
state_seq(const struct det *d)
{
	return d->engine->fed_seq > d->load_seq ? d->engine->fed_seq
						: d->load_seq;
}

int
hf_engine_save(const struct hf_engine *e, size_t i, struct hf_buf *out)
{
	struct det *d = &e->det[i];
	const struct et_tag *t;
	size_t k, at = out->len;

	hf_buf_u32(out, MAGIC);
	hf_buf_u16(out, VERSION);
	hf_buf_u16(out, 0);
	hf_buf_put(out, d->model_hash, HF_SHA256_LEN);
	hf_buf_u64(out, state_seq(d));
	hf_buf_put(out, d->units_hash, HF_SHA256_LEN);
	hf_buf_u32(out, (uint32_t)d->ntag);
	for (k = 0; k < d->ntag; k++) {
		t = hf_map64_get(e->by_key, d->tags[k]->key);
		hf_buf_i64(out, t->watermark_ns);
	}
	hf_buf_u32(out, (uint32_t)d->nsig);
	for (k = 0; k < d->nsig; k++)
		save_signal(&d->sig[k], out);
	save_group(d, out);
	hf_buf_u32(out, (uint32_t)d->nrule);
	for (k = 0; k < d->nrule; k++)
		save_rule(d, &d->rule[k], out);
	if (!hf_buf_ok(out))
		return HF_ELIMIT;
	hf_buf_u32(out, hf_crc32c(0, out->p + at, out->len - at));
	if (!hf_buf_ok(out))
		return HF_ELIMIT;
	d->snap_seq = state_seq(d); /* events name it from now on */
	return HF_OK;
}

/* ---- in ---- */

static int
load_text(const struct det *d, uint8_t place, const char **out)
{
	uint8_t i;

	*out = NULL;
	if (place == NO_TEXT)
		return HF_OK;
	for (i = 0; d->method->texts != NULL && d->method->texts[i] != NULL;
	     i++) {
		if (i == place) {
			*out = d->method->texts[i];
			return HF_OK;
		}
	}
	return HF_ECORRUPT;
}

static int
load_score(struct signal *s, struct hf_rd *in)
{
	struct hf_score *sc = &s->score;
	uint8_t rule, blind;
	size_t i;

	sc->score = hf_rd_f64(in);
	sc->statistic = hf_rd_f64(in);
	sc->limit = hf_rd_f64(in);
	sc->centre = hf_rd_f64(in);
	sc->level = hf_rd_u8(in);
	sc->learning = hf_rd_u8(in);
	rule = hf_rd_u8(in);
	blind = hf_rd_u8(in);
	for (i = 0; i < s->det->nvar; i++)
		sc->contrib[i] = hf_rd_f64(in);
	if (!hf_rd_ok(in) || isnan(sc->score) || sc->level > HF_LEVEL_TRIP ||
	    sc->learning > HF_LS_BLIND)
		return HF_ECORRUPT;
	if (load_text(s->det, rule, &sc->rule) != HF_OK)
		return HF_ECORRUPT;
	return load_text(s->det, blind, &sc->why_blind);
}

static int
load_ring(struct signal *s, struct hf_rd *in)
{
	uint32_t i, n = hf_rd_u32(in);
	size_t k, nvar = s->det->nvar;

	if (!hf_rd_ok(in) || n > HF_RING_NSTEP)
		return HF_ECORRUPT;
	for (i = 0; i < n; i++) {
		/* the same places as in a run without a stop: the learning
		 * chain counts on them */
		uint32_t at = (uint32_t)((s->nstep - n + i) % HF_RING_NSTEP);

		s->ring.t_ns[at] = hf_rd_i64(in);
		for (k = 0; k < nvar; k++)
			s->ring.x[at * nvar + k] = hf_rd_f64(in);
	}
	s->ring.n = n;
	s->ring.head = (uint32_t)(s->nstep % HF_RING_NSTEP);
	if (n != (s->nstep < HF_RING_NSTEP ? s->nstep : HF_RING_NSTEP))
		return HF_ECORRUPT;
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}

/* What version 2 added to a signal. */
static int
load_more(struct signal *s, int version, struct hf_rd *in)
{
	if (version < 2) {
		s->nlearned = s->nstep;
		return s->budget == NULL ? HF_OK : HF_ECORRUPT;
	}
	s->nlearned = hf_rd_u64(in);
	if (hf_drift_load(&s->drift, in) != HF_OK ||
	    hf_rd_u8(in) != (s->budget != NULL))
		return HF_ECORRUPT;
	return s->budget != NULL ? hf_budget_load(s->budget, in) : HF_OK;
}

static int
load_signal(struct signal *s, int version, struct hf_rd *in)
{
	const uint8_t *hash, *p;
	struct hf_rd own;
	uint32_t n;

	s->last_ns = hf_rd_i64(in);
	s->nstep = hf_rd_u64(in);
	s->nbad = hf_rd_u32(in);
	hash = hf_rd_bytes(in, HF_SHA256_LEN);
	if (hash == NULL)
		return HF_ECORRUPT;
	memcpy(s->learned_hash, hash, HF_SHA256_LEN);
	if (load_score(s, in) != HF_OK || load_ring(s, in) != HF_OK)
		return HF_ECORRUPT;
	n = hf_rd_u32(in);
	p = n <= NSTATE_MAX ? hf_rd_bytes(in, n) : NULL;
	if (p == NULL)
		return HF_ECORRUPT;
	hf_rd_init(&own, p, n);
	if (s->det->method->load(s->state, &own) != HF_OK ||
	    hf_rd_left(&own) != 0)
		return HF_ECORRUPT;
	return load_more(s, version, in);
}

static int
load_group(struct det *d, int version, struct hf_rd *in)
{
	struct group *g = d->group;
	size_t i;

	if (hf_rd_u8(in) != (g != NULL))
		return HF_ECORRUPT;
	if (g == NULL)
		return HF_OK;
	g->has_first = hf_rd_u8(in) == 1;
	g->first = hf_rd_i64(in);
	if (g->first < INT64_MIN / g->grid_ns - HF_GROUP_NSLOT ||
	    g->first > INT64_MAX / g->grid_ns)
		return HF_ECORRUPT;
	for (i = 0; i < d->nvar; i++) {
		g->seen[i] = hf_rd_i64(in);
		g->last[i] = hf_rd_f64(in);
		g->nmiss[i] = version < 2 ? 0 : hf_rd_u32(in);
		/* seen may be at most the newest open row: bounds the loop
		 * that closes rows */
		if (g->seen[i] != INT64_MIN &&
		    (!g->has_first || g->seen[i] >= g->first + HF_GROUP_NSLOT))
			return HF_ECORRUPT;
	}
	for (i = 0; i < HF_GROUP_NSLOT * d->nvar; i++)
		g->rows[i] = hf_rd_f64(in);
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}

static int
load_rsig(struct rsig *g, const struct hf_rule *r, struct hf_rd *in)
{
	uint32_t i, at, n;

	g->is_active = hf_rd_u8(in) == 1;
	g->level = hf_rd_u8(in);
	g->quiet = hf_rd_u32(in);
	g->since_ns = hf_rd_i64(in);
	g->pos = hf_rd_u32(in);
	n = hf_rd_u32(in);
	if (!hf_rd_ok(in) || g->level > HF_LEVEL_TRIP ||
	    g->pos >= (uint64_t)r->n || n > (uint64_t)r->n)
		return HF_ECORRUPT;
	for (i = 0; i < n; i++) {
		at = hf_rd_u32(in);
		if (!hf_rd_ok(in) || at >= (uint64_t)r->n ||
		    (g->bits[at / 64] >> (at % 64) & 1) != 0)
			return HF_ECORRUPT;
		g->bits[at / 64] |= UINT64_C(1) << (at % 64);
	}
	g->count = n;
	return HF_OK;
}

static int
load_rule(struct det *d, struct rrun *run, int version, struct hf_rd *in)
{
	size_t i;

	if (hf_rd_u32(in) != d->nsig)
		return HF_ECORRUPT;
	for (i = 0; i < d->nsig; i++) {
		if (load_rsig(&run->sig[i], run->rule, in) != HF_OK)
			return HF_ECORRUPT;
		if (run->sig[i].is_active)
			run->subj[run->sig[i].subj].nactive++;
	}
	if (hf_rd_u32(in) != run->nsubj)
		return HF_ECORRUPT;
	for (i = 0; i < run->nsubj; i++) {
		struct subj *s = &run->subj[i];

		s->is_on = hf_rd_u8(in) == 1;
		s->level = hf_rd_u8(in);
		s->onsets = hf_rd_u32(in);
		s->return_ns = hf_rd_i64(in);
		s->nreturn = version < 2 ? 0 : hf_rd_u64(in);
		if (s->level > HF_LEVEL_TRIP)
			return HF_ECORRUPT;
	}
	return hf_rd_ok(in) && hf_rd_left(in) == 0 ? HF_OK : HF_ECORRUPT;
}

static int
load_rules(struct det *d, int version, struct hf_rd *in)
{
	uint32_t i, n = hf_rd_u32(in), len;
	const uint8_t *hash, *p;
	struct hf_rd own;
	size_t k;

	for (i = 0; i < n; i++) {
		hash = hf_rd_bytes(in, HF_SHA256_LEN);
		len = hf_rd_u32(in);
		p = hf_rd_bytes(in, len);
		if (hash == NULL || p == NULL)
			return HF_ECORRUPT;
		for (k = 0; k < d->nrule; k++)
			if (memcmp(d->rule[k].hash, hash, HF_SHA256_LEN) == 0)
				break;
		if (k == d->nrule)
			continue;
		hf_rules_start(&d->rule[k]); /* a rule may stand there twice */
		hf_rd_init(&own, p, len);
		if (load_rule(d, &d->rule[k], version, &own) != HF_OK)
			return HF_ECORRUPT;
	}
	return hf_rd_ok(in) && hf_rd_left(in) == 0 ? HF_OK : HF_ECORRUPT;
}

static void
start_detector(struct det *d)
{
	size_t i;

	for (i = 0; i < d->nsig; i++)
		hf_signal_start(&d->sig[i]);
	if (d->group != NULL)
		hf_group_start(d);
	for (i = 0; i < d->nrule; i++)
		hf_rules_start(&d->rule[i]);
}

static int
load_state(struct hf_engine *e, struct det *d, uint64_t seq, int version,
    struct hf_rd *in)
{
	const uint8_t *marks;
	struct hf_rd own;
	struct et_tag *t;
	int64_t mark;
	size_t k;

	if (hf_rd_u32(in) != d->ntag)
		return HF_ECORRUPT;
	marks = hf_rd_bytes(in, d->ntag * sizeof(int64_t));
	if (marks == NULL || hf_rd_u32(in) != d->nsig)
		return HF_ECORRUPT;
	for (k = 0; k < d->nsig; k++)
		if (load_signal(&d->sig[k], version, in) != HF_OK)
			return HF_ECORRUPT;
	if (load_group(d, version, in) != HF_OK ||
	    load_rules(d, version, in) != HF_OK)
		return HF_ECORRUPT;
	hf_rd_init(&own, marks, d->ntag * sizeof(int64_t));
	for (k = 0; k < d->ntag; k++) {
		t = hf_map64_get(e->by_key, d->tags[k]->key);
		mark = hf_rd_i64(&own);
		if (mark > t->watermark_ns) /* HF_TIME_NONE is the least */
			t->watermark_ns = mark;
		if (seq > t->trust_seq)
			t->trust_seq = seq;
	}
	return HF_OK;
}

uint64_t
hf_engine_snapshot_seq(const void *p, size_t n)
{
	struct hf_rd in;
	uint64_t seq;

	hf_rd_init(&in, p, n);
	(void)hf_rd_bytes(&in, 8 + HF_SHA256_LEN);
	seq = hf_rd_u64(&in);
	return hf_rd_ok(&in) ? seq : 0;
}

/* Is it a snapshot of this detector under these settings? *in: behind the head
 * then. */
static int
load_head(const struct det *d, struct hf_rd *in, int *version, uint64_t *seq,
    struct hf_err *err)
{
	const char *name = d->conf->name;
	const uint8_t *hash, *units = d->units_hash;

	if (hf_rd_u32(in) != MAGIC)
		return HF_FAIL(
		    err, HF_ECORRUPT, "snapshot of %s: wrong magic", name);
	*version = hf_rd_u16(in);
	if (*version < VERSION_OLDEST || *version > VERSION ||
	    hf_rd_u16(in) != 0)
		return HF_FAIL(err, HF_EUNSUPPORTED,
		    "snapshot of %s: version %d, this program reads %d to %d",
		    name, *version, VERSION_OLDEST, VERSION);
	hash = hf_rd_bytes(in, HF_SHA256_LEN);
	*seq = hf_rd_u64(in);
	if (*version >= 2)
		units = hf_rd_bytes(in, HF_SHA256_LEN);
	if (hash == NULL || units == NULL || !hf_rd_ok(in))
		return HF_FAIL(
		    err, HF_ECORRUPT, "snapshot of %s: too short", name);
	if (memcmp(hash, d->model_hash, HF_SHA256_LEN) != 0)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "detector %s: method, options, tags or learn changed; it "
		    "learns anew",
		    name);
	if (memcmp(units, d->units_hash, HF_SHA256_LEN) != 0)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "detector %s: type, unit or scaling of a tag changed; it "
		    "learns anew",
		    name);
	return HF_OK;
}

int
hf_engine_load(struct hf_engine *e, size_t i, const void *p, size_t n,
    uint64_t *seq, struct hf_err *err)
{
	struct det *d = &e->det[i];
	const char *name = d->conf->name;
	struct hf_rd in;
	int version = 0, rc;

	if (n < 12 || n > UINT32_MAX)
		return HF_FAIL(err, HF_ECORRUPT,
		    "snapshot of %s: %zu bytes is no snapshot", name, n);
	hf_rd_init(&in, (const uint8_t *)p + n - 4, 4);
	if (hf_rd_u32(&in) != hf_crc32c(0, p, n - 4))
		return HF_FAIL(err, HF_ECORRUPT,
		    "snapshot of %s: checksum does not agree", name);
	hf_rd_init(&in, p, n - 4);
	rc = load_head(d, &in, &version, seq, err);
	if (rc != HF_OK)
		return rc;
	start_detector(d);
	if (load_state(e, d, *seq, version, &in) != HF_OK) {
		start_detector(d);
		return HF_FAIL(err, HF_ECORRUPT,
		    "snapshot of %s: its parts do not fit together", name);
	}
	d->load_seq = d->snap_seq = *seq;
	return HF_OK;
}

void
hf_engine_adopt(struct hf_engine *to, struct hf_engine *from)
{
	const struct et_tag *t;
	struct hf_err err;
	struct hf_buf b;
	uint64_t seq, snap;
	size_t i, k;

	/* no rebuild follows: what comes next is fed whatever its number */
	for (i = 0; i < to->ndet; i++) {
		for (k = 0; k < from->ndet; k++)
			if (strcmp(to->det[i].conf->name,
				from->det[k].conf->name) == 0)
				break;
		if (k == from->ndet)
			continue;
		snap = from->det[k].snap_seq;
		hf_buf_init(&b, UINT32_MAX);
		if (hf_engine_save(from, k, &b) == HF_OK &&
		    hf_engine_load(to, i, b.p, b.len, &seq, &err) == HF_OK)
			to->det[i].snap_seq = snap;
		from->det[k].snap_seq = snap;
		to->det[i].load_seq = from->det[k].load_seq;
		hf_buf_fini(&b);
	}
	for (i = 0; i < to->ntag; i++) {
		t = hf_map64_get(from->by_key, to->tag[i].tag->key);
		to->tag[i].trust_seq = t != NULL ? t->trust_seq : 0;
	}
	if (from->fed_seq > to->fed_seq)
		to->fed_seq = from->fed_seq;
}
