/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - builds the detectors of a plant and feeds them.
 *
 * Per sample: one look-up of the tag's key, the comparison with the tag's
 * watermark, then one step for each detector that watches the tag. No
 * allocation, no clock, no hashing (but one SHA-256 per HF_RING_NSTEP steps
 * while a signal learns).
 *
 * Lateness. The watermark of a tag is the newest source time seen, good or bad.
 * A sample that is not newer gets HF_F_LATE and is fed to nobody; so duplicates
 * and backward steps of a device's clock have one meaning. The same for a
 * sample whose row of a group has been stepped already, in any group that the
 * tag belongs to. Thus what a detector sees of a tag is a pure function of the
 * stored samples without the flag, in order of time: a replay that skips the
 * flagged ones makes the same rows. Tags that no detector watches have no
 * watermark. After a snapshot was loaded, frames that it covers
 * are already judged: their flags are believed as stored (trust_seq), since a
 * detector that starts anew from an older frame must see what was seen then.
 *
 * Blindness. A bad or string sample does not step. After HF_BLIND_AFTER of them
 * in a row the signal is shown as blind until the next good one. An uncertain
 * sample steps.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "detect/engine_in.h"
#include "model/quality.h"

#define ENGINE_BYTES \
	((size_t)4 << 30) /* arena limit: 10,000 items of 48 tags fit */

/* ---- building ---- */

static int
new_signal(struct det *d, size_t i, const struct hf_tag *tag)
{
	struct hf_arena *a = d->engine->arena;
	struct signal *s = &d->sig[i];
	size_t rows;

	if (!hf_mul_size(HF_RING_NSTEP, d->nvar, &rows))
		return HF_ELIMIT;
	*s = (struct signal){.det = d, .tag = tag, .idx = (uint32_t)i};
	if (d->conf->limit_from == HF_LIMIT_BUDGET) {
		s->budget = hf_arena_calloc(a, 1, sizeof(*s->budget));
		if (s->budget == NULL)
			return HF_ENOMEM;
	}
	s->state =
	    hf_arena_alloc(a, d->method->state_size(d->conf->conf, d->nvar));
	s->score.contrib = hf_arena_calloc(a, d->nvar, sizeof(double));
	s->ring.t_ns = hf_arena_calloc(a, HF_RING_NSTEP, sizeof(int64_t));
	s->ring.x = hf_arena_calloc(a, rows, sizeof(double));
	if (s->state == NULL || s->score.contrib == NULL ||
	    s->ring.t_ns == NULL || s->ring.x == NULL)
		return HF_ENOMEM;
	hf_signal_start(s);
	return HF_OK;
}

void
hf_signal_start(struct signal *s)
{
	double *contrib = s->score.contrib;
	struct hf_learn learn = s->det->conf->learn;

	s->nbad = 0;
	s->nlearned = 0;
	hf_drift_start(&s->drift);
	if (s->budget != NULL) {
		hf_budget_start(s->budget, &s->det->budget);
		learn = hf_budget_learn(&learn);
	}
	s->last_ns = HF_TIME_NONE;
	s->nstep = 0;
	s->ring.n = s->ring.head = 0;
	memset(s->learned_hash, 0, sizeof(s->learned_hash));
	s->score = (struct hf_score){
	    .contrib = contrib, .centre = NAN, .statistic = NAN, .limit = NAN};
	s->score.learning =
	    s->det->method->does_learn ? HF_LS_LEARNING : HF_LS_READY;
	s->det->method->start(
	    s->state, s->det->conf->conf, &learn, s->det->nvar);
}

static int
new_signals(struct det *d, struct hf_err *err)
{
	struct hf_arena *a = d->engine->arena;
	size_t i;
	int rc = HF_OK;

	if (d->method->is_group && d->ntag > HF_GROUP_NVAR)
		return HF_FAIL(err, HF_ELIMIT,
		    "detectors.%s: %zu tags in one group, at most %d; split "
		    "it",
		    d->conf->name, d->ntag, HF_GROUP_NVAR);
	d->nvar = d->method->is_group ? d->ntag : 1;
	d->nsig = d->method->is_group ? 1 : d->ntag;
	if (d->ntag == 0)
		d->nsig = 0;
	d->sig = hf_arena_calloc(a, d->nsig + 1, sizeof(*d->sig));
	if (d->sig == NULL)
		return HF_FAIL(err, HF_ENOMEM, "detectors.%s: %zu signals",
		    d->conf->name, d->nsig);
	for (i = 0; i < d->nsig && rc == HF_OK; i++)
		rc = new_signal(d, i, d->method->is_group ? NULL : d->tags[i]);
	if (rc == HF_OK && d->method->is_group && d->nsig > 0)
		rc = hf_group_new(d);
	if (rc != HF_OK)
		return HF_FAIL(err, rc, "detectors.%s: memory of %zu signals",
		    d->conf->name, d->nsig);
	return HF_OK;
}

/* A detector on machines that matter more gets more of its position's
 * budget. */
static double
weight_of(const struct hf_plant *p, const struct det *d)
{
	static const double weights[] = {8, 4, 2, 1}; /* criticality A..D */
	const struct hf_asset *as;
	double best = 1;
	size_t i;

	for (i = 0; i < d->ntag; i++) {
		as = hf_plant_asset_of(p, d->tags[i]);
		if (as != NULL && as->criticality >= 0 && as->criticality < 4 &&
		    weights[as->criticality] > best)
			best = weights[as->criticality];
	}
	return best;
}

static int
new_detector(struct hf_engine *e, struct det *d, const struct hf_detector *c,
    struct hf_err *err)
{
	uint32_t i;
	int rc;

	*d = (struct det){.conf = c, .engine = e, .ntag = c->ntag};
	d->method = hf_method_find(c->method);
	if (d->method == NULL)
		return HF_FAIL(err, HF_EUNSUPPORTED,
		    "detectors.%s: method %s is not in this program", c->name,
		    c->method);
	d->tags = hf_arena_calloc(e->arena, d->ntag + 1, sizeof(*d->tags));
	if (d->tags == NULL)
		return HF_FAIL(err, HF_ENOMEM, "detectors.%s", c->name);
	for (i = 0; i < c->ntag; i++)
		d->tags[i] = &e->plant->tags[c->tag_idx[i]];
	d->weight = weight_of(e->plant, d);
	rc = new_signals(d, err);
	return rc == HF_OK ? hf_rules_new(d, err) : rc;
}

/* What its signals' limits are made from: their share of the budget, and the
 * rule that comes on most easily. */
static int
set_budget(struct det *d, struct hf_err *err)
{
	struct hf_budget_conf *b = &d->budget;
	size_t i;

	if (d->conf->limit_from != HF_LIMIT_BUDGET || d->nsig == 0)
		return HF_OK;
	*b = (struct hf_budget_conf){
	    .rate_hz = hf_det_share_hz(d) / (double)d->nsig,
	    .learn = d->conf->learn,
	    .k = 1,
	    .n = 1,
	    .is_quadratic = d->method->is_quadratic};
	for (i = 0; i < d->nrule; i++) {
		const struct hf_rule *r = d->rule[i].rule;

		if (i == 0 || r->k < b->k)
			b->k = (uint32_t)r->k;
		if (r->n > b->n)
			b->n = (uint32_t)r->n;
	}
	if (!(b->rate_hz > 0) || !d->method->does_learn)
		return HF_FAIL(err, HF_EINVAL,
		    "detectors.%s.limit: budget needs a method that learns and "
		    "a position with a budget",
		    d->conf->name);
	return HF_OK;
}

/* Shares need all detectors, the hashes need the shares. */
static int
finish_detectors(struct hf_engine *e, struct hf_err *err)
{
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < e->ndet && rc == HF_OK; i++)
		rc = set_budget(&e->det[i], err);
	for (i = 0; i < e->ndet && rc == HF_OK; i++)
		if (hf_evidence_hashes(&e->det[i]) != HF_OK)
			rc = HF_FAIL(err, HF_ENOMEM,
			    "detectors.%s: hash of its settings",
			    e->det[i].conf->name);
	return rc;
}

/* Every watched tag once; then its references in the order of detectors. */
static int
map_tags(struct hf_engine *e)
{
	size_t i, j, n = 0;
	struct et_tag *t;

	for (i = 0; i < e->ndet; i++)
		n += e->det[i].ntag;
	e->tag = hf_arena_calloc(e->arena, n + 1, sizeof(*e->tag));
	e->by_key = hf_map64_new(n + 1);
	if (e->tag == NULL || e->by_key == NULL)
		return HF_ENOMEM;
	for (i = 0; i < e->ndet; i++) {
		for (j = 0; j < e->det[i].ntag; j++) {
			const struct hf_tag *tag = e->det[i].tags[j];

			t = hf_map64_get(e->by_key, tag->key);
			if (t == NULL) {
				t = &e->tag[e->ntag++];
				t->tag = tag;
				t->watermark_ns = HF_TIME_NONE;
				if (hf_map64_put(e->by_key, tag->key, t) !=
				    HF_OK)
					return HF_ENOMEM;
			}
			t->nref++;
		}
	}
	return HF_OK;
}

static int
map_refs(struct hf_engine *e)
{
	size_t i, j;
	struct et_tag *t;
	struct det *d;

	for (i = 0; i < e->ntag; i++) {
		t = &e->tag[i];
		t->ref = hf_arena_calloc(e->arena, t->nref, sizeof(*t->ref));
		if (t->ref == NULL)
			return HF_ENOMEM;
		t->nref = 0;
	}
	for (i = 0; i < e->ndet; i++) {
		d = &e->det[i];
		for (j = 0; j < d->ntag; j++) {
			t = hf_map64_get(e->by_key, d->tags[j]->key);
			t->ref[t->nref++] = (struct et_ref){
			    .sig = &d->sig[d->method->is_group ? 0 : j],
			    .var = (uint32_t)j,
			};
		}
	}
	return HF_OK;
}

int
hf_engine_new(const struct hf_plant *p, struct hf_counters *ctr,
    hf_event_fn *fn, void *arg, struct hf_engine **out, struct hf_err *err)
{
	struct hf_engine *e = calloc(1, sizeof(*e));
	size_t i;
	int rc = HF_OK;

	if (e == NULL)
		return HF_FAIL(err, HF_ENOMEM, "detection engine");
	e->plant = p;
	e->ctr = ctr;
	e->fn = fn;
	e->fn_arg = arg;
	hf_buf_init(&e->json, HF_EVIDENCE_BYTES);
	e->arena = hf_arena_new(ENGINE_BYTES);
	if (e->arena != NULL)
		e->det = hf_arena_calloc(
		    e->arena, p->ndetector + 1, sizeof(*e->det));
	if (e->arena != NULL)
		e->order = hf_arena_calloc(
		    e->arena, HF_BATCH_NSAMPLE, sizeof(*e->order));
	if (e->det == NULL || e->order == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "detection engine");
	for (i = 0; i < p->ndetector && rc == HF_OK; i++, e->ndet++)
		rc = new_detector(e, &e->det[i], &p->detectors[i], err);
	if (rc == HF_OK)
		rc = finish_detectors(e, err);
	if (rc == HF_OK && (map_tags(e) != HF_OK || map_refs(e) != HF_OK))
		rc = HF_FAIL(err, HF_ENOMEM, "detection engine: tag table");
	if (rc != HF_OK) {
		hf_engine_free(e);
		return rc;
	}
	*out = e;
	return HF_OK;
}

void
hf_engine_free(struct hf_engine *e)
{
	if (e == NULL)
		return;
	hf_map64_free(e->by_key);
	hf_buf_fini(&e->json);
	hf_arena_free(e->arena);
	free(e);
}

size_t
hf_engine_ndetector(const struct hf_engine *e)
{
	return e->ndet;
}

const char *
hf_engine_name(const struct hf_engine *e, size_t i)
{
	return e->det[i].conf->name;
}

int64_t
hf_engine_newest_ns(const struct hf_engine *e)
{
	int64_t newest = HF_TIME_NONE;
	size_t i;

	for (i = 0; i < e->ntag; i++)
		if (e->tag[i].watermark_ns > newest)
			newest = e->tag[i].watermark_ns;
	return newest;
}

/* ---- feeding ---- */

const double *
hf_ring_row(const struct signal *s, uint32_t i, int64_t *t_ns)
{
	uint32_t first = s->ring.n < HF_RING_NSTEP ? 0 : s->ring.head;
	uint32_t at = (first + i) % HF_RING_NSTEP;

	*t_ns = s->ring.t_ns[at];
	return &s->ring.x[at * s->det->nvar];
}

static void
ring_put(struct signal *s, int64_t t_ns, const double *x)
{
	struct ring *r = &s->ring;

	r->t_ns[r->head] = t_ns;
	memcpy(&r->x[r->head * s->det->nvar], x, s->det->nvar * sizeof(*x));
	r->head = (r->head + 1) % HF_RING_NSTEP;
	if (r->n < HF_RING_NSTEP)
		r->n++;
}

/* A limit as far from the centre as `factor` says, or simply so many times as
 * large where there is no centre. */
static double
widen(const struct hf_score *sc, double factor)
{
	if (isfinite(sc->centre))
		return sc->centre + (sc->limit - sc->centre) * factor;
	return sc->limit * factor;
}

/* The learning span of a signal with a budget: the method's part, then the
 * calibration; behind it the score in units of the limit that was found. A
 * method that is blind from the start has no scores to calibrate on. */
static void
apply_budget(struct signal *s)
{
	struct hf_score *sc = &s->score;
	struct hf_budget *b = s->budget;
	bool is_ready = sc->learning == HF_LS_READY;
	double factor;

	if (!is_ready && b->is_done)
		return;
	if (!hf_budget_step(b, s->last_ns, is_ready ? sc->score : NAN)) {
		sc->score = 0;
		if (sc->learning != HF_LS_BLIND || b->ncal > 0)
			sc->learning = HF_LS_LEARNING;
		return;
	}
	factor = b->fit.factor;
	sc->score /= factor;
	sc->limit = widen(sc, factor);
}

/* What is below the limit has no level, whatever the method said. */
static void
settle(struct hf_score *sc)
{
	if (sc->score >= 1) {
		if (sc->level == HF_LEVEL_NONE)
			sc->level = HF_LEVEL_WARN;
		return;
	}
	sc->level = HF_LEVEL_NONE;
	sc->rule = NULL;
}

void
hf_signal_step(struct signal *s, int64_t t_ns, const double *x)
{
	struct det *d = s->det;
	struct hf_step in = {.t_ns = t_ns, .x = x, .nvar = d->nvar};
	double *contrib = s->score.contrib;
	uint8_t was = s->score.learning;

	ring_put(s, t_ns, x);
	s->last_ns = t_ns;
	s->nstep++;
	s->nbad = 0;
	s->score = (struct hf_score){
	    .contrib = contrib, .centre = NAN, .statistic = NAN, .limit = NAN};
	d->method->step(s->state, &in, &s->score);
	if (s->budget != NULL)
		apply_budget(s);
	if (d->method->does_learn) {
		settle(&s->score);
		if (s->score.learning == HF_LS_LEARNING)
			s->nlearned = s->nstep;
		else if (s->score.learning == HF_LS_READY)
			hf_drift_step(
			    &s->drift, t_ns, s->score.score, s->nlearned);
	}
	hf_count(d->engine->ctr, HF_C_C_STEPS, 1);
	/* the ring is full of new rows each time its head is back at 0 */
	if (was == HF_LS_LEARNING && d->method->does_learn &&
	    (s->ring.head == 0 || s->score.learning != HF_LS_LEARNING))
		hf_evidence_learned(s);
	hf_rules_step(s);
}

static void
feed_ref(struct hf_engine *e, const struct et_ref *ref, uint64_t seq,
    const struct hf_sample *sm, double x)
{
	struct signal *s = ref->sig;

	if (seq <= s->det->load_seq)
		return;
	if (s->det->group != NULL) {
		hf_group_feed(s, ref->var, sm->t_ns, x);
	} else if (isnan(x)) {
		s->nbad++;
	} else if (s->last_ns == HF_TIME_NONE || sm->t_ns > s->last_ns) {
		hf_signal_step(s, sm->t_ns, &x);
	}
}

/* Is the sample behind its tag, or behind a row that was stepped? */
static bool
is_late(const struct et_tag *t, int64_t t_ns)
{
	uint32_t k;

	if (t->watermark_ns != HF_TIME_NONE && t_ns <= t->watermark_ns)
		return true;
	for (k = 0; k < t->nref; k++)
		if (t->ref[k].sig->det->group != NULL &&
		    hf_group_is_closed(t->ref[k].sig->det, t_ns))
			return true;
	return false;
}

/* In order of time, then of the plant's tags; of one tag's samples with the
 * same time the first that came. */
static int
by_time_and_tag(const void *a, const void *b)
{
	const struct fed *x = a, *y = b;

	if (x->sm->t_ns != y->sm->t_ns)
		return x->sm->t_ns < y->sm->t_ns ? -1 : 1;
	if (x->t->tag != y->t->tag)
		return x->t->tag < y->t->tag ? -1 : 1;
	return (x->sm > y->sm) - (x->sm < y->sm);
}

/* The watched samples of s[0..n), n <= HF_BATCH_NSAMPLE, in order. */
static size_t
put_in_order(struct hf_engine *e, struct hf_sample *s, size_t n)
{
	bool is_sorted = true;
	size_t i, m = 0;

	for (i = 0; i < n; i++) {
		struct et_tag *t = hf_map64_get(e->by_key, s[i].tag);

		if (t == NULL || (s[i].flags & HF_F_LATE) != 0)
			continue;
		e->order[m] = (struct fed){.sm = &s[i], .t = t};
		is_sorted &= m == 0 || by_time_and_tag(
					   &e->order[m - 1], &e->order[m]) <= 0;
		m++;
	}
	if (!is_sorted)
		qsort(e->order, m, sizeof(e->order[0]), by_time_and_tag);
	return m;
}

static void
feed_one(
    struct hf_engine *e, uint64_t seq, struct et_tag *t, struct hf_sample *sm)
{
	uint32_t k;
	double x;

	if (seq > t->trust_seq && is_late(t, sm->t_ns)) {
		sm->flags |= HF_F_LATE;
		return;
	}
	if (t->watermark_ns == HF_TIME_NONE || sm->t_ns > t->watermark_ns)
		t->watermark_ns = sm->t_ns;
	x = hf_is_bad(sm->status) ? NAN : hf_sample_f64(sm);
	if (!isfinite(x))
		x = NAN;
	for (k = 0; k < t->nref; k++)
		feed_ref(e, &t->ref[k], seq, sm, x);
}

void
hf_engine_feed(struct hf_engine *e, uint64_t seq, struct hf_batch *b)
{
	size_t i, k, n, m;

	if (seq > e->fed_seq)
		e->fed_seq = seq;
	for (i = 0; i < b->n; i += n) {
		n = b->n - i < HF_BATCH_NSAMPLE ? b->n - i : HF_BATCH_NSAMPLE;
		m = put_in_order(e, &b->s[i], n);
		for (k = 0; k < m; k++)
			feed_one(e, seq, e->order[k].t, e->order[k].sm);
	}
}
