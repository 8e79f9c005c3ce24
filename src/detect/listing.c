/* SPDX-License-Identifier: Apache-2.0
 *
 * listing.c - detectors for people: learning states, last scores, budgets.
 *
 * A position's budget of false alarms is divided over the detectors that report
 * to it, weighted by the criticality of the most critical asset each of them
 * watches (A 8, B 4, C 2, D 1): the share of a detector is what its settings
 * should be judged against.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "detect/engine_in.h"

#define LIST_NSIGNAL 1000 /* signals listed per detector; the rest is counted */
#define WEEK_S (7.0 * 86400)
#define LIST_NMODEL 100 /* of them with what they learned */
#define LIST_NTEXT 1000 /* bytes of one reason */
#define LIST_NWHY 8	/* variables that a reason names */

static const char *const learning_words[] = {
    "learning", "ready", "blind", "drifted"};

static uint8_t
learning_of(const struct signal *s)
{
	if (s->nbad >= HF_BLIND_AFTER)
		return HF_LS_BLIND;
	if (s->score.learning == HF_LS_READY && hf_drift_is_on(&s->drift))
		return HF_LS_DRIFTED;
	return s->score.learning;
}

/* Why variable i of a group takes no part just now, NULL if it does. */
static const char *
why_variable(const struct signal *s, size_t i)
{
	const struct det *d = s->det;
	const char *why = NULL;

	if (d->method->why_variable != NULL)
		why = d->method->why_variable(s->state, i);
	if (why == NULL && d->group->nmiss[i] >= HF_BLIND_AFTER)
		why = "no good value for 10 rows or more";
	return why;
}

/* "blind: a/b was constant while learning; c/d ...": the model watches the
 * others. */
static void
why_group(const struct signal *s, struct hf_buf *b)
{
	const struct det *d = s->det;
	const char *why;
	size_t i, n = 0;

	for (i = 0; i < d->nvar; i++) {
		why = why_variable(s, i);
		if (why == NULL)
			continue;
		if (n < LIST_NWHY)
			hf_buf_printf(b, "%s%s: %s",
			    n == 0 ? "watches the others; " : "; ",
			    d->tags[i]->path, why);
		n++;
	}
	if (n > LIST_NWHY)
		hf_buf_printf(b, "; and %zu more", n - LIST_NWHY);
}

static void
why_of(const struct signal *s, struct hf_buf *b)
{
	char at[HF_TIME_TEXT];

	if (s->nbad >= HF_BLIND_AFTER) {
		hf_buf_puts(b, "no good value for 10 samples or more");
	} else if (s->score.why_blind != NULL) {
		hf_buf_puts(b, s->score.why_blind);
	} else if (learning_of(s) == HF_LS_DRIFTED) {
		hf_buf_printf(b,
		    "drifted since %s: normal running gives other scores than "
		    "after learning; learn anew if that is the new normal",
		    hf_time_fmt(s->drift.since_ns, at));
	} else if (s->det->group != NULL) {
		why_group(s, b);
	}
}

/* Drifted ones are ready, too. */
static void
count(const struct det *d, size_t n[3], size_t *ndrifted)
{
	uint8_t st;
	size_t i;

	for (i = 0; i < d->nsig; i++) {
		st = learning_of(&d->sig[i]);
		*ndrifted += st == HF_LS_DRIFTED;
		n[st == HF_LS_DRIFTED ? HF_LS_READY : st]++;
	}
}

void
hf_engine_learning(const struct hf_engine *e, size_t n[3])
{
	size_t i, ndrifted = 0;

	n[0] = n[1] = n[2] = 0;
	for (i = 0; i < e->ndet; i++)
		count(&e->det[i], n, &ndrifted);
}

size_t
hf_engine_ndrifted(const struct hf_engine *e)
{
	size_t i, n[3] = {0}, ndrifted = 0;

	for (i = 0; i < e->ndet; i++)
		count(&e->det[i], n, &ndrifted);
	return ndrifted;
}

static double
progress_of(const struct signal *s)
{
	const struct hf_method *m = s->det->method;

	if (s->budget != NULL && s->score.learning == HF_LS_LEARNING)
		return hf_budget_progress(s->budget);
	return m->progress != NULL ? m->progress(s->state) : 1;
}

/* Where the limit comes from and what was learned. */
static void
put_model(struct hf_jw *w, const struct signal *s)
{
	const struct hf_method *m = s->det->method;

	if (m->explain == NULL)
		return;
	hf_jw_key(w, "model");
	hf_jw_obj(w);
	m->explain(s->state, w);
	hf_jw_end_obj(w);
}

static void
put_variables(struct hf_jw *w, const struct signal *s)
{
	const struct det *d = s->det;
	size_t i;

	hf_jw_key(w, "variables");
	hf_jw_arr(w);
	for (i = 0; d->group != NULL && i < d->nvar; i++) {
		hf_jw_obj(w);
		hf_jw_kf64(w, "contribution", s->score.contrib[i]);
		hf_jw_kstr(w, "tag", d->tags[i]->path);
		hf_jw_kf64(w, "value", d->group->last[i]);
		hf_jw_kstr(w, "why", why_variable(s, i));
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
}

static void
put_signal(struct hf_jw *w, const struct signal *s)
{
	struct hf_buf why;

	hf_jw_obj(w);
	if (s->budget != NULL) {
		hf_jw_key(w, "budget");
		hf_jw_obj(w);
		hf_budget_explain(s->budget, w);
		hf_jw_end_obj(w);
	}
	hf_jw_ktime(w, "drifted_since", s->drift.since_ns);
	hf_jw_kf64(w, "expected", s->score.centre);
	hf_jw_kf64(w, "limit", s->score.limit);
	if (s->idx < LIST_NMODEL)
		put_model(w, s);
	hf_jw_kf64(w, "progress", progress_of(s));
	hf_jw_kstr(w, "rule", s->score.rule);
	hf_jw_kf64(w, "score", s->score.score);
	hf_jw_kstr(w, "state", learning_words[learning_of(s)]);
	hf_jw_kf64(w, "statistic", s->score.statistic);
	hf_jw_ku64(w, "steps", s->nstep);
	hf_jw_ktime(w, "t", s->last_ns);
	hf_jw_kstr(w, "tag", s->tag != NULL ? s->tag->path : NULL);
	put_variables(w, s);
	hf_buf_init(&why, LIST_NTEXT);
	why_of(s, &why);
	hf_jw_kstr(w, "why", why.len > 0 ? hf_buf_cstr(&why) : NULL);
	hf_buf_fini(&why);
	hf_jw_end_obj(w);
}

static const struct hf_position *
position_of(const struct det *d)
{
	const struct hf_plant *p = d->engine->plant;
	size_t i;

	for (i = 0; d->conf->position != NULL && i < p->nposition; i++)
		if (strcmp(p->positions[i].name, d->conf->position) == 0)
			return &p->positions[i];
	return NULL;
}

double
hf_det_share_hz(const struct det *d)
{
	const struct hf_position *pos = position_of(d);
	const struct hf_engine *e = d->engine;
	double sum = 0;
	size_t i;

	if (pos == NULL)
		return NAN;
	for (i = 0; i < e->ndet; i++)
		if (position_of(&e->det[i]) == pos)
			sum += e->det[i].weight;
	return pos->budget_hz * d->weight / sum;
}

static double
largest_score(const struct det *d)
{
	double best = 0;
	size_t i;

	for (i = 0; i < d->nsig; i++)
		if (d->sig[i].score.score > best)
			best = d->sig[i].score.score;
	return best;
}

/* What the limits from a budget let expect, over all signals; null where a
 * limit is fixed: nobody measured that. */
static void
put_expected(struct hf_jw *w, const struct det *d)
{
	double sum = 0;
	size_t i, n = 0;

	for (i = 0; i < d->nsig; i++) {
		const struct hf_budget *b = d->sig[i].budget;

		if (b == NULL || !b->is_done || isnan(b->fit.expected_hz))
			continue;
		sum += b->fit.expected_hz;
		n++;
	}
	hf_jw_kf64(w, "expected_per_week", n > 0 ? sum * WEEK_S : NAN);
}

static void
put_detector(struct hf_jw *w, const struct det *d)
{
	char hex[HF_SHA256_HEX];
	size_t n[3] = {0}, ndrifted = 0, i;

	count(d, n, &ndrifted);
	hf_hex(hex, d->config_hash, HF_SHA256_LEN);
	hf_jw_obj(w);
	hf_jw_ku64(w, "blind", n[HF_LS_BLIND]);
	hf_jw_kf64(w, "budget_per_week", hf_det_share_hz(d) * WEEK_S);
	hf_jw_kstr(w, "config_hash", hex);
	hf_jw_ku64(w, "drifted", ndrifted);
	put_expected(w, d);
	hf_jw_kstr(w, "help", d->method->kind.help);
	hf_jw_ku64(w, "learning", n[HF_LS_LEARNING]);
	hf_jw_kstr(w, "limit_from",
	    d->conf->limit_from == HF_LIMIT_BUDGET ? "budget" : "fixed");
	hf_jw_kstr(w, "method", d->method->kind.name);
	hf_jw_kstr(w, "name", d->conf->name);
	hf_evidence_options(w, d);
	hf_jw_kstr(w, "position", d->conf->position);
	hf_jw_ku64(w, "ready", n[HF_LS_READY]);
	hf_jw_kf64(w, "score", largest_score(d));
	hf_jw_key(w, "signals");
	hf_jw_arr(w);
	for (i = 0; i < d->nsig && i < LIST_NSIGNAL; i++)
		put_signal(w, &d->sig[i]);
	hf_jw_end_arr(w);
	hf_jw_ku64(w, "snapshot", d->snap_seq);
	hf_jw_ku64(w, "tags", d->ntag);
	hf_jw_end_obj(w);
}

void
hf_engine_json(const struct hf_engine *e, struct hf_buf *out)
{
	struct hf_jw w;
	size_t i;

	hf_jw_init(&w, out);
	hf_jw_arr(&w);
	for (i = 0; i < e->ndet; i++)
		put_detector(&w, &e->det[i]);
	hf_jw_end_arr(&w);
}

bool
hf_engine_is_on(
    const struct hf_engine *e, const char *rule, const char *subject)
{
	size_t i, k, j;

	for (i = 0; i < e->ndet; i++) {
		for (k = 0; k < e->det[i].nrule; k++) {
			const struct rrun *run = &e->det[i].rule[k];

			if (strcmp(run->rule->name, rule) != 0)
				continue;
			for (j = 0; j < run->nsubj; j++)
				if (strcmp(run->subj[j].name, subject) == 0)
					return run->subj[j].is_on;
		}
	}
	return false;
}
