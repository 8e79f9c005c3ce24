/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c - what an event says: hashes, variables, one sentence; and its id.
 *
 * Hashes, all SHA-256, numbers little-endian, texts as u32 length and bytes:
 *
 * model_hash   "HFM1", method name, packed options (model/optval.h), learn (i64
 *              ns, i64 samples), u32 count of tags, their u64 keys in plant
 *              order; with limit: budget then "HFB1", u32 k, u32 n of the rule
 *              that its calibration follows
 * units_hash   "HFU1", for each tag u32 type, unit, f64 raw_lo, raw_hi,
 *              scale_lo, scale_hi: other numbers under the same name are not
 *              those that were learned
 * rule hash    "HFR1", name, i64 per, k, n, off_n, refractory ns, nvar; then,
 *              only if one is not its default, i64 refractory_n, f64 off_level,
 *              i64 min_on ns. The words of the rationalisation are not in it:
 *              to reword an action must not make a detector forget
 * config_hash  "HFC1", model_hash, u32 count of rules, their hashes; with
 *              limit: budget then f64 false alarms per second of a signal
 * input_hash   "HFI1", then for each variable listed u64 tag key, u32 rows, and
 *              rows of i64 time and f64 bits: the last HF_RING_NSTEP steps. For
 *              a group: u32 count of tags, their keys, u32 rows, rows of i64
 *              time and a f64 for each tag (missing: 0x7ff8000000000000)
 * learned_hash chain over the learning span: h = SHA-256(h, rows), rows as
 *              above without key and count, 32 rows a link, the last link
 *              shorter, first h all zero
 * id           "HFE1", rule name, config_hash, u32 count and keys of the tags
 *              of the listed variables, i64 first and last sample time, u8 kind
 *
 * The JSON object has its keys in alphabetical order, written by one path, so
 * the same event is the same bytes. `span` is first and last sample of what
 * input_hash covers.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "detect/engine_in.h"
#include "holdfast/version.h"
#include "model/optval.h"

#define NAN_BITS UINT64_C(0x7ff8000000000000)
#define HASH_BYTES \
	((size_t)1 << 20) /* of what is hashed: 48 tags x 32 rows fit */
#define TEXT_BYTES 4000
#define TEXT_NVAR 3 /* variables that the sentence names */
#define ROW_MAX (HF_RING_NSTEP * (1 + HF_GROUP_NVAR) * sizeof(uint64_t))

static const char *const kind_words[] = {"on", "join", "off"};
static const char *const level_words[] = {"none", "warn", "trip"};
static const char *const per_words[] = {"tag", "asset", "rule"};

/* ---- hashes ---- */

static int
hash_buf(struct hf_buf *b, uint8_t out[HF_SHA256_LEN])
{
	int rc = hf_buf_ok(b) ? HF_OK : HF_ENOMEM;

	if (rc == HF_OK)
		hf_sha256_of(b->p, b->len, out);
	hf_buf_fini(b);
	return rc;
}

static uint64_t
value_bits(double x)
{
	uint64_t bits;

	if (isnan(x))
		return NAN_BITS;
	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static int
hash_model(struct det *d)
{
	const struct hf_kind *k = &d->method->kind;
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, HASH_BYTES + d->ntag * sizeof(uint64_t));
	hf_buf_puts(&b, "HFM1");
	hf_buf_str(&b, k->name);
	hf_opt_pack(k->opts, k->nopt, d->conf->conf, &b);
	hf_buf_i64(&b, d->conf->learn.dur_ns);
	hf_buf_i64(&b, d->conf->learn.nsample);
	hf_buf_u32(&b, (uint32_t)d->ntag);
	for (i = 0; i < d->ntag; i++)
		hf_buf_u64(&b, d->tags[i]->key);
	if (d->conf->limit_from == HF_LIMIT_BUDGET) {
		hf_buf_puts(&b, "HFB1");
		hf_buf_u32(&b, d->budget.k);
		hf_buf_u32(&b, d->budget.n);
	}
	return hash_buf(&b, d->model_hash);
}

static int
hash_units(struct det *d)
{
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, HASH_BYTES + d->ntag * HF_OPT_TEXT);
	hf_buf_puts(&b, "HFU1");
	for (i = 0; i < d->ntag; i++) {
		const struct hf_tag *t = d->tags[i];

		hf_buf_u32(&b, (uint32_t)t->type);
		hf_buf_str(&b, t->unit);
		hf_buf_u64(&b, value_bits(t->raw_lo));
		hf_buf_u64(&b, value_bits(t->raw_hi));
		hf_buf_u64(&b, value_bits(t->scale_lo));
		hf_buf_u64(&b, value_bits(t->scale_hi));
	}
	return hash_buf(&b, d->units_hash);
}

static int
hash_rule(struct rrun *run)
{
	const struct hf_rule *r = run->rule;
	struct hf_buf b;

	hf_buf_init(&b, HASH_BYTES);
	hf_buf_puts(&b, "HFR1");
	hf_buf_str(&b, r->name);
	hf_buf_i64(&b, r->per);
	hf_buf_i64(&b, r->k);
	hf_buf_i64(&b, r->n);
	hf_buf_i64(&b, r->off_n);
	hf_buf_i64(&b, r->refractory_ns);
	hf_buf_i64(&b, r->nvar);
	if (r->refractory_n > 0 || r->min_on_ns > 0 ||
	    (r->off_level > 0 && r->off_level < 1)) {
		hf_buf_i64(&b, r->refractory_n);
		hf_buf_f64(&b, r->off_level);
		hf_buf_i64(&b, r->min_on_ns);
	}
	return hash_buf(&b, run->hash);
}

int
hf_evidence_hashes(struct det *d)
{
	struct hf_buf b;
	size_t i;

	if (hash_model(d) != HF_OK || hash_units(d) != HF_OK)
		return HF_ENOMEM;
	hf_buf_init(&b, HASH_BYTES);
	hf_buf_puts(&b, "HFC1");
	hf_buf_put(&b, d->model_hash, HF_SHA256_LEN);
	hf_buf_u32(&b, (uint32_t)d->nrule);
	for (i = 0; i < d->nrule; i++) {
		if (hash_rule(&d->rule[i]) != HF_OK) {
			hf_buf_fini(&b);
			return HF_ENOMEM;
		}
		hf_buf_put(&b, d->rule[i].hash, HF_SHA256_LEN);
	}
	if (d->conf->limit_from == HF_LIMIT_BUDGET)
		hf_buf_f64(&b, d->budget.rate_hz);
	return hash_buf(&b, d->config_hash);
}

static uint8_t *
put_u64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
	return p + 8;
}

/* Rows [0, n) of the ring in time order, oldest first; returns bytes. */
static size_t
put_rows(const struct signal *s, uint32_t from, uint32_t n, uint8_t *out)
{
	size_t nvar = s->det->nvar, k;
	uint8_t *p = out;
	const double *x;
	int64_t t_ns;
	uint32_t i;

	for (i = from; i < from + n; i++) {
		x = hf_ring_row(s, i, &t_ns);
		p = put_u64(p, (uint64_t)t_ns);
		for (k = 0; k < nvar; k++)
			p = put_u64(p, value_bits(x[k]));
	}
	return (size_t)(p - out);
}

void
hf_evidence_learned(struct signal *s)
{
	uint8_t block[HF_SHA256_LEN + ROW_MAX];
	bool has_ended = s->score.learning != HF_LS_LEARNING;
	uint32_t n = s->ring.head == 0 ? HF_RING_NSTEP : s->ring.head;
	size_t len;

	n -= has_ended; /* the step that ended it was not learned */
	if (n == 0)
		return;
	memcpy(block, s->learned_hash, HF_SHA256_LEN);
	len = put_rows(s, s->ring.n - n - has_ended, n, block + HF_SHA256_LEN);
	hf_sha256_of(block, HF_SHA256_LEN + len, s->learned_hash);
}

/* ---- one event ---- */

struct event_parts {
	struct rrun *run;
	const struct subj *subj;
	struct signal *at; /* whose step decided */
	enum hf_event_kind kind;
	const struct signal *var[HF_EVIDENCE_NVAR]; /* listed, in plant order */
	size_t nvar, nmore; /* listed; active, but not listed */
};

/* The active signals of the subject; if there is none (off), the one that
 * decided. */
static void
collect(struct event_parts *p)
{
	struct det *d = p->at->det;
	uint32_t subj = (uint32_t)(p->subj - p->run->subj);
	size_t i, first = 0, last = d->nsig;

	if (p->run->rule->per == HF_PER_TAG) {
		first = p->at->idx;
		last = first + 1;
	}
	for (i = first; i < last; i++) {
		const struct rsig *g = &p->run->sig[i];

		if (g->subj != subj || !g->is_active)
			continue;
		if (p->nvar < HF_EVIDENCE_NVAR)
			p->var[p->nvar++] = &d->sig[i];
		else
			p->nmore++;
	}
	if (p->nvar == 0)
		p->var[p->nvar++] = p->at;
}

static void
put_keys(const struct event_parts *p, struct hf_buf *b)
{
	const struct det *d = p->at->det;
	size_t i;

	if (d->group != NULL) {
		hf_buf_u32(b, (uint32_t)d->ntag);
		for (i = 0; i < d->ntag; i++)
			hf_buf_u64(b, d->tags[i]->key);
		return;
	}
	hf_buf_u32(b, (uint32_t)p->nvar);
	for (i = 0; i < p->nvar; i++)
		hf_buf_u64(b, p->var[i]->tag->key);
}

static int
hash_input(const struct event_parts *p, uint8_t out[HF_SHA256_LEN])
{
	uint8_t rows[ROW_MAX];
	struct hf_buf b;
	size_t i, len;

	hf_buf_init(&b, HASH_BYTES);
	hf_buf_puts(&b, "HFI1");
	if (p->at->det->group != NULL)
		put_keys(p, &b);
	for (i = 0; i < p->nvar; i++) {
		const struct signal *s = p->var[i];

		if (s->tag != NULL)
			hf_buf_u64(&b, s->tag->key);
		hf_buf_u32(&b, s->ring.n);
		len = put_rows(s, 0, s->ring.n, rows);
		hf_buf_put(&b, rows, len);
	}
	return hash_buf(&b, out);
}

static int
make_id(const struct event_parts *p, struct hf_event *e)
{
	struct hf_buf b;

	hf_buf_init(&b, HASH_BYTES);
	hf_buf_puts(&b, "HFE1");
	hf_buf_str(&b, p->run->rule->name);
	hf_buf_put(&b, p->at->det->config_hash, HF_SHA256_LEN);
	put_keys(p, &b);
	hf_buf_i64(&b, e->from_ns);
	hf_buf_i64(&b, e->to_ns);
	hf_buf_u8(&b, (uint8_t)p->kind);
	return hash_buf(&b, e->id);
}

/* When the condition began: the earliest onset among the listed. */
static int64_t
since_of(const struct event_parts *p)
{
	int64_t since = HF_TIME_NONE, t;
	size_t i;

	for (i = 0; i < p->nvar; i++) {
		t = p->run->sig[p->var[i]->idx].since_ns;
		if (t != HF_TIME_NONE && (since == HF_TIME_NONE || t < since))
			since = t;
	}
	return since;
}

static double
newest(const struct signal *s, size_t var)
{
	int64_t t_ns;

	return s->ring.n == 0 ? NAN : hf_ring_row(s, s->ring.n - 1, &t_ns)[var];
}

/* ---- the sentence ---- */

static void
say_signal(const struct signal *s, bool is_short, struct hf_buf *b)
{
	const char *path = s->tag->path, *name = strrchr(path, '/');
	const char *unit = s->tag->unit != NULL ? s->tag->unit : "";

	hf_buf_printf(b, "%s ", is_short && name != NULL ? name + 1 : path);
	if (s->det->method->say != NULL)
		s->det->method->say(s->state, &s->score, newest(s, 0), unit, b);
	else
		hf_buf_printf(b, "%.6g %s: score %.3g", newest(s, 0), unit,
		    s->score.score);
}

/* Place of the variable with the largest contribution that is not yet in
 * `done`. */
static size_t
next_largest(const struct signal *s, uint64_t done)
{
	size_t i, best = s->det->nvar;

	for (i = 0; i < s->det->nvar; i++) {
		if ((done >> i & 1) != 0)
			continue;
		if (best == s->det->nvar ||
		    s->score.contrib[i] > s->score.contrib[best])
			best = i;
	}
	return best;
}

static void
say_group(const struct signal *s, struct hf_buf *b)
{
	uint64_t done = 0;
	size_t i, k;

	hf_buf_printf(b, "%s: %s (%.6g, limit %.6g); most of it from",
	    s->det->conf->name,
	    s->score.rule != NULL ? s->score.rule : "statistic",
	    s->score.statistic, s->score.limit);
	for (i = 0; i < TEXT_NVAR && i < s->det->nvar; i++) {
		k = next_largest(s, done);
		done |= UINT64_C(1) << k;
		hf_buf_printf(b, "%s %s (%.0f %%)", i > 0 ? "," : "",
		    s->det->tags[k]->path, 100 * s->score.contrib[k]);
	}
}

static void
set_span(const struct event_parts *p, struct hf_event *e)
{
	int64_t t_ns;
	size_t i;

	e->from_ns = e->to_ns = p->at->last_ns;
	e->since_ns = since_of(p);
	if (e->since_ns == HF_TIME_NONE)
		e->since_ns = e->to_ns;
	for (i = 0; i < p->nvar; i++) {
		hf_ring_row(p->var[i], 0, &t_ns);
		if (t_ns < e->from_ns)
			e->from_ns = t_ns;
		if (p->var[i]->last_ns > e->to_ns)
			e->to_ns = p->var[i]->last_ns;
	}
}

static void
say_off(const struct event_parts *p, struct hf_buf *b)
{
	char at[HF_TIME_TEXT];

	hf_buf_printf(b, "%s is back within its limits since %s", p->subj->name,
	    hf_time_fmt(p->subj->return_ns, at));
	if (p->subj->onsets > 1)
		hf_buf_printf(b, ", after %u onsets", p->subj->onsets);
}

static void
sentence(const struct event_parts *p, struct hf_buf *b)
{
	int64_t since = since_of(p);
	char at[HF_TIME_TEXT];
	size_t i;

	if (p->kind == HF_EV_OFF) {
		say_off(p, b);
		return;
	}
	if (p->at->det->group != NULL)
		say_group(p->at, b);
	else if (p->run->rule->per == HF_PER_TAG)
		say_signal(p->at, false, b);
	else {
		hf_buf_printf(b, "%s: %u %s beyond limits: ", p->subj->name,
		    p->subj->nactive, p->subj->nactive == 1 ? "tag" : "tags");
		for (i = 0; i < p->nvar && i < TEXT_NVAR; i++) {
			hf_buf_puts(b, i > 0 ? "; " : "");
			say_signal(p->var[i], true, b);
		}
		if (p->nvar + p->nmore > TEXT_NVAR)
			hf_buf_printf(b, "; and %zu more",
			    p->nvar + p->nmore - TEXT_NVAR);
	}
	if (since != HF_TIME_NONE)
		hf_buf_printf(b, ", since %s", hf_time_fmt(since, at));
}

/* ---- the JSON object ---- */

static void
put_hex(struct hf_jw *w, const char *key, const uint8_t h[HF_SHA256_LEN])
{
	char hex[HF_SHA256_HEX];

	hf_hex(hex, h, HF_SHA256_LEN);
	hf_jw_kstr(w, key, hex);
}

/* The row whose name comes next in alphabetical order; NULL behind the last. */
static const struct hf_opt *
next_option(const struct hf_kind *k, const char *after)
{
	const struct hf_opt *best = NULL;
	size_t i;

	for (i = 0; i < k->nopt; i++) {
		if (strcmp(k->opts[i].name, after) <= 0)
			continue;
		if (best == NULL || strcmp(k->opts[i].name, best->name) < 0)
			best = &k->opts[i];
	}
	return best;
}

void
hf_evidence_options(struct hf_jw *w, const struct det *d)
{
	const struct hf_kind *k = &d->method->kind;
	const struct hf_opt *o;
	struct hf_buf b;

	hf_jw_key(w, "options");
	hf_jw_obj(w);
	for (o = next_option(k, ""); o != NULL; o = next_option(k, o->name)) {
		const void *slot = (const char *)d->conf->conf + o->off;

		if (!hf_opt_is_given(o, slot))
			continue;
		hf_buf_init(&b, HF_OPT_TEXT);
		hf_opt_to_text(o, slot, &b);
		hf_jw_kstr(w, o->name, hf_buf_cstr(&b));
		hf_buf_fini(&b);
	}
	hf_jw_end_obj(w);
}

static void
put_rule_settings(struct hf_jw *w, const struct hf_rule *r)
{
	char dur[HF_TIME_TEXT];

	hf_jw_key(w, "rule_settings");
	hf_jw_obj(w);
	hf_jw_ki64(w, "k", r->k);
	hf_jw_kstr(w, "min_on", hf_dur_fmt(r->min_on_ns, dur));
	hf_jw_ki64(w, "n", r->n);
	hf_jw_ki64(w, "nvar", r->nvar);
	hf_jw_kf64(w, "off_level", r->off_level);
	hf_jw_ki64(w, "off_n", r->off_n);
	hf_jw_kstr(w, "per", per_words[r->per]);
	hf_jw_kstr(w, "refractory", hf_dur_fmt(r->refractory_ns, dur));
	hf_jw_ki64(w, "refractory_n", r->refractory_n);
	hf_jw_end_obj(w);
}

/* Where the limit came from, if from a budget. */
static void
put_budget(struct hf_jw *w, const struct signal *s)
{
	if (s->budget == NULL)
		return;
	hf_jw_key(w, "budget");
	hf_jw_obj(w);
	hf_budget_explain(s->budget, w);
	hf_jw_end_obj(w);
}

static void
put_signal(struct hf_jw *w, const struct signal *s, double contribution)
{
	hf_jw_obj(w);
	put_budget(w, s);
	hf_jw_kf64(w, "contribution", contribution);
	hf_jw_kf64(w, "expected", s->score.centre);
	if (s->det->method->does_learn)
		put_hex(w, "learned_hash", s->learned_hash);
	hf_jw_kf64(w, "limit", s->score.limit);
	if (s->det->method->explain != NULL) {
		hf_jw_key(w, "model");
		hf_jw_obj(w);
		s->det->method->explain(s->state, w);
		hf_jw_end_obj(w);
	}
	hf_jw_kstr(w, "rule", s->score.rule);
	hf_jw_kf64(w, "score", s->score.score);
	hf_jw_kf64(w, "statistic", s->score.statistic);
	hf_jw_ktime(w, "t", s->last_ns);
	hf_jw_kstr(w, "tag", s->tag->path);
	hf_jw_kstr(w, "unit", s->tag->unit);
	hf_jw_kf64(w, "value", newest(s, 0));
	hf_jw_end_obj(w);
}

static void
put_group_variable(struct hf_jw *w, const struct signal *s, size_t i)
{
	hf_jw_obj(w);
	hf_jw_kf64(w, "contribution", s->score.contrib[i]);
	hf_jw_kstr(w, "tag", s->det->tags[i]->path);
	hf_jw_kstr(w, "unit", s->det->tags[i]->unit);
	hf_jw_kf64(w, "value", newest(s, i));
	hf_jw_end_obj(w);
}

/* Contributions of an asset's tags: their shares of the sum of scores. */
static void
put_variables(struct hf_jw *w, const struct event_parts *p)
{
	const struct signal *at = p->at;
	double sum = 0;
	size_t i;

	hf_jw_key(w, "variables");
	hf_jw_arr(w);
	if (at->det->group != NULL) {
		for (i = 0; i < at->det->nvar; i++)
			put_group_variable(w, at, i);
	} else {
		for (i = 0; i < p->nvar; i++)
			sum += p->var[i]->score.score;
		for (i = 0; i < p->nvar; i++)
			put_signal(w, p->var[i],
			    sum > 0 ? p->var[i]->score.score / sum : 0);
	}
	hf_jw_end_arr(w);
	hf_jw_ku64(w, "variables_more", p->nmore);
}

static void
put_group_model(struct hf_jw *w, const struct signal *s)
{
	if (s->det->group == NULL)
		return;
	put_hex(w, "learned_hash", s->learned_hash);
}

static void
put_decision(
    struct hf_jw *w, const struct event_parts *p, const struct hf_event *e)
{
	const struct det *d = p->at->det;

	hf_jw_kstr(w, "kind", kind_words[e->kind]);
	put_group_model(w, p->at);
	hf_jw_kstr(w, "level", level_words[e->level]);
	hf_jw_kf64(w, "limit", e->limit);
	hf_jw_kstr(w, "method", d->method->kind.name);
	if (d->group != NULL && d->method->explain != NULL) {
		hf_jw_key(w, "model");
		hf_jw_obj(w);
		d->method->explain(p->at->state, w);
		hf_jw_end_obj(w);
	}
	put_hex(w, "model_hash", d->model_hash);
	hf_jw_ku64(w, "onsets", p->subj->onsets);
	hf_evidence_options(w, d);
}

static void
put_event(struct hf_jw *w, const struct event_parts *p,
    const struct hf_event *e, const uint8_t input[HF_SHA256_LEN],
    const char *text)
{
	const struct hf_rule *r = p->run->rule;
	const struct det *d = p->at->det;
	char dur[HF_TIME_TEXT];

	hf_jw_obj(w);
	hf_jw_kstr(w, "action", r->action);
	hf_jw_kbool(w, "advisory", !e->is_alarm);
	if (d->group != NULL)
		put_budget(w, p->at);
	hf_jw_kstr(w, "cause", r->cause);
	put_hex(w, "config_hash", d->config_hash);
	hf_jw_kstr(w, "consequence", r->consequence);
	hf_jw_kstr(w, "detector", d->conf->name);
	hf_jw_ku64(w, "frame", d->engine->fed_seq);
	put_hex(w, "id", e->id);
	put_hex(w, "input_hash", input);
	put_decision(w, p, e);
	hf_jw_ki64(w, "priority", r->priority);
	hf_jw_kstr(w, "respond_within", hf_dur_fmt(r->respond_ns, dur));
	hf_jw_kstr(w, "rule", r->name);
	put_rule_settings(w, r);
	hf_jw_kf64(w, "score", e->score);
	hf_jw_ktime(w, "since", since_of(p));
	hf_jw_ku64(w, "snapshot", d->snap_seq);
	hf_jw_key(w, "span");
	hf_jw_obj(w);
	hf_jw_ktime(w, "from", e->from_ns);
	hf_jw_ktime(w, "to", e->to_ns);
	hf_jw_end_obj(w);
	hf_jw_kf64(w, "statistic", e->statistic);
	hf_jw_kstr(w, "subject", e->subject);
	hf_jw_kstr(w, "text", text);
	put_variables(w, p);
	hf_jw_kstr(w, "version", HF_VERSION);
	hf_jw_end_obj(w);
}

void
hf_evidence_raise(struct rrun *run, const struct subj *subj, struct signal *at,
    enum hf_event_kind kind)
{
	struct hf_engine *eng = at->det->engine;
	const struct hf_rule *r = run->rule;
	struct event_parts p = {
	    .run = run, .subj = subj, .at = at, .kind = kind};
	struct hf_event e = {.kind = kind,
	    .rule = r,
	    .detector = at->det->conf,
	    .level = subj->level,
	    .score = at->score.score,
	    .statistic = at->score.statistic,
	    .limit = at->score.limit};
	uint8_t input[HF_SHA256_LEN] = {0};
	struct hf_buf text;
	struct hf_jw w;

	collect(&p);
	set_span(&p, &e);
	e.is_alarm = r->action != NULL && r->cause != NULL &&
		     r->consequence != NULL && r->respond_ns > 0 &&
		     r->priority > 0;
	snprintf(e.subject, sizeof(e.subject), "%s", subj->name);
	if (hash_input(&p, input) != HF_OK || make_id(&p, &e) != HF_OK)
		return; /* no memory for a few KiB: nothing else works either */
	hf_buf_init(&text, TEXT_BYTES);
	sentence(&p, &text);
	hf_buf_reset(&eng->json);
	hf_jw_init(&w, &eng->json);
	put_event(&w, &p, &e, input,
	    hf_buf_ok(&text) ? hf_buf_cstr(&text) : subj->name);
	e.json = hf_buf_ok(&eng->json) ? hf_buf_cstr(&eng->json) : "{}";
	hf_buf_fini(&text);
	eng->fn(eng->fn_arg, &e);
}
