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

static const char *const learning_words[] = {"learning", "ready", "blind"};

static uint8_t
learning_of(const struct signal *s)
{
	return s->nbad >= HF_BLIND_AFTER ? HF_LS_BLIND : s->score.learning;
}

static const char *
why_of(const struct signal *s)
{
	if (s->nbad >= HF_BLIND_AFTER)
		return "no good value for 10 samples or more";
	return s->score.why_blind;
}

static void
count(const struct det *d, size_t n[3])
{
	size_t i;

	for (i = 0; i < d->nsig; i++)
		n[learning_of(&d->sig[i])]++;
}

void
hf_engine_learning(const struct hf_engine *e, size_t n[3])
{
	size_t i;

	n[0] = n[1] = n[2] = 0;
	for (i = 0; i < e->ndet; i++)
		count(&e->det[i], n);
}

static void
put_signal(struct hf_jw *w, const struct signal *s)
{
	const struct hf_method *m = s->det->method;

	hf_jw_obj(w);
	hf_jw_kf64(w, "expected", s->score.centre);
	hf_jw_kf64(w, "limit", s->score.limit);
	hf_jw_kf64(
	    w, "progress", m->progress != NULL ? m->progress(s->state) : 1);
	hf_jw_kf64(w, "score", s->score.score);
	hf_jw_kstr(w, "state", learning_words[learning_of(s)]);
	hf_jw_kf64(w, "statistic", s->score.statistic);
	hf_jw_ku64(w, "steps", s->nstep);
	hf_jw_ktime(w, "t", s->last_ns);
	hf_jw_kstr(w, "tag", s->tag != NULL ? s->tag->path : NULL);
	hf_jw_kstr(w, "why", why_of(s));
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

/* False alarms per week that this detector may cause; NaN without a budget. */
static double
budget_per_week(const struct det *d)
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
	return pos->budget_hz * 7 * 86400 * d->weight / sum;
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

static void
put_detector(struct hf_jw *w, const struct det *d)
{
	char hex[HF_SHA256_HEX];
	size_t n[3] = {0}, i;

	count(d, n);
	hf_hex(hex, d->config_hash, HF_SHA256_LEN);
	hf_jw_obj(w);
	hf_jw_ku64(w, "blind", n[HF_LS_BLIND]);
	hf_jw_kf64(w, "budget_per_week", budget_per_week(d));
	hf_jw_kstr(w, "config_hash", hex);
	hf_jw_ku64(w, "learning", n[HF_LS_LEARNING]);
	hf_jw_kstr(w, "method", d->method->kind.name);
	hf_jw_kstr(w, "name", d->conf->name);
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
