/* SPDX-License-Identifier: Apache-2.0
 *
 * rule.c - from scores to events: k of n, off_n, nvar, refractory.
 *
 * A signal is active from the step at which k of its last n steps were
 * anomalous (score >= 1) until off_n steps in a row were quiet (score <
 * off_level, by default 1: with less there is a hysteresis between the two) and
 * min_on of source time has passed since its first anomalous step. A subject -
 * a tag, an asset or the rule itself - is on while at least nvar of its signals
 * are active (nvar counts for asset and rule). Events:
 *
 *    ON    it came on
 *    JOIN  while on, another signal became active or the level rose
 *    OFF   it has been off for `refractory` of source time and for
 *          refractory_n steps (of each of the subject's signals, on average)
 *
 * So a condition that comes back within the refractory time or steps is the
 * same alarm, raises no event and is counted as another onset: this is the
 * off-delay of ISA-18.2, in source time, and the one place where chattering is
 * stopped. OFF needs a step to be noticed: a tag that falls silent keeps its
 * alarm.
 *
 * Only steps of a signal that is READY count; what happens while it learns is
 * normal by definition. A signal that goes blind keeps what it had.
 */
#include <string.h>

#include "base/arena.h"
#include "detect/engine_in.h"

static size_t
nword(const struct hf_rule *r)
{
	return ((size_t)r->n + 63) / 64;
}

static const char *
subject_of(const struct det *d, const struct hf_rule *r, size_t sig)
{
	const struct hf_asset *as;

	if (r->per == HF_PER_TAG && d->group == NULL)
		return d->tags[sig]->path;
	if (r->per == HF_PER_ASSET) {
		as = hf_plant_asset_of(d->engine->plant, d->tags[sig]);
		return as != NULL ? as->path : d->tags[sig]->path;
	}
	return r->name;
}

/* Number of the subject called name; a new one if there is none yet. The last
 * one found is tried first, since tags of an asset stand together. */
static uint32_t
subject_number(struct rrun *run, struct hf_strmap *names, const char *name)
{
	struct subj *s = hf_strmap_get(names, name);

	if (s == NULL) {
		s = &run->subj[run->nsubj];
		s->name = name;
		s->return_ns = HF_TIME_NONE;
		if (hf_strmap_put(names, name, s) != HF_OK)
			return UINT32_MAX;
		run->nsubj++;
	}
	return (uint32_t)(s - run->subj);
}

static int
new_run(struct det *d, struct rrun *run, const struct hf_rule *r)
{
	struct hf_arena *a = d->engine->arena;
	struct hf_strmap *names = hf_strmap_new(d->nsig + 1);
	int rc = HF_OK;
	size_t i;

	*run = (struct rrun){.rule = r};
	run->sig = hf_arena_calloc(a, d->nsig + 1, sizeof(*run->sig));
	run->subj = hf_arena_calloc(a, d->nsig + 1, sizeof(*run->subj));
	if (names == NULL || run->sig == NULL || run->subj == NULL)
		rc = HF_ENOMEM;
	for (i = 0; i < d->nsig && rc == HF_OK; i++) {
		run->sig[i].bits =
		    hf_arena_calloc(a, nword(r), sizeof(uint64_t));
		run->sig[i].since_ns = HF_TIME_NONE;
		run->sig[i].subj =
		    subject_number(run, names, subject_of(d, r, i));
		if (run->sig[i].bits == NULL || run->sig[i].subj == UINT32_MAX)
			rc = HF_ENOMEM;
		else
			run->subj[run->sig[i].subj].nsig++;
	}
	hf_strmap_free(names);
	return rc;
}

int
hf_rules_new(struct det *d, struct hf_err *err)
{
	const struct hf_plant *p = d->engine->plant;
	size_t i, n = 0;
	uint32_t me = (uint32_t)(d->conf - p->detectors);

	for (i = 0; i < p->nrule; i++)
		n += p->rules[i].detector_idx == me;
	d->rule = hf_arena_calloc(d->engine->arena, n + 1, sizeof(*d->rule));
	if (d->rule == NULL)
		return HF_FAIL(err, HF_ENOMEM, "rules on %s", d->conf->name);
	for (i = 0; i < p->nrule; i++) {
		const struct hf_rule *r = &p->rules[i];

		if (r->detector_idx != me)
			continue;
		if (r->k < 1 || r->n < r->k || r->off_n < 1)
			return HF_FAIL(err, HF_EINVAL,
			    "rules.%s: k of n needs 1 <= k <= n and off_n >= "
			    "1",
			    r->name);
		if (new_run(d, &d->rule[d->nrule], r) != HF_OK)
			return HF_FAIL(err, HF_ENOMEM, "rules.%s", r->name);
		d->nrule++;
	}
	return HF_OK;
}

/* Back to nothing seen; d's signals must be as many as when it was made. */
void
hf_rules_start(struct rrun *run)
{
	size_t i;

	for (i = 0; run->sig[i].bits != NULL; i++) {
		struct rsig *g = &run->sig[i];
		uint64_t *bits = g->bits;
		uint32_t subj = g->subj;

		memset(bits, 0, nword(run->rule) * sizeof(*bits));
		*g = (struct rsig){
		    .bits = bits, .subj = subj, .since_ns = HF_TIME_NONE};
	}
	for (i = 0; i < run->nsubj; i++)
		run->subj[i] = (struct subj){.name = run->subj[i].name,
		    .nsig = run->subj[i].nsig,
		    .return_ns = HF_TIME_NONE};
}

/* Puts one step into the ring of n bits. */
static void
count_step(struct rsig *g, const struct hf_rule *r, bool is_anomalous)
{
	uint64_t mask = UINT64_C(1) << (g->pos % 64);
	uint64_t *w = &g->bits[g->pos / 64];

	if ((*w & mask) != 0)
		g->count--;
	*w &= ~mask;
	if (is_anomalous) {
		*w |= mask;
		g->count++;
	}
	g->pos = (g->pos + 1) % (uint32_t)r->n;
}

static bool
has_been_on(const struct rsig *g, const struct hf_rule *r, int64_t t_ns)
{
	if (g->since_ns == HF_TIME_NONE || t_ns < g->since_ns)
		return true;
	return (uint64_t)t_ns - (uint64_t)g->since_ns >= (uint64_t)r->min_on_ns;
}

/* Below what a step is quiet; a rule made without defaults has 0. */
static double
quiet_level(const struct hf_rule *r)
{
	return r->off_level > 0 && r->off_level < 1 ? r->off_level : 1;
}

static void
step_signal(struct rsig *g, const struct hf_rule *r, const struct signal *s)
{
	bool is_anomalous = s->score.score >= 1;
	bool is_quiet = s->score.score < quiet_level(r);

	if (is_anomalous && g->count == 0 && !g->is_active)
		g->since_ns = s->last_ns;
	count_step(g, r, is_anomalous);
	if (!is_quiet)
		g->quiet = 0;
	else if (g->quiet < UINT32_MAX)
		g->quiet++;
	if (g->is_active && g->quiet >= (uint64_t)r->off_n &&
	    has_been_on(g, r, s->last_ns)) {
		g->is_active = false;
		g->level = HF_LEVEL_NONE;
		g->count = 0; /* what comes next needs its own k of n */
		memset(g->bits, 0, nword(r) * sizeof(*g->bits));
	} else if (!g->is_active && g->count >= (uint64_t)r->k) {
		g->is_active = true;
	}
	if (g->is_active && s->score.level > g->level)
		g->level = s->score.level;
}

/* Has the subject been off for long enough that what comes next is another
 * alarm? Counts the step. */
static bool
has_returned(struct subj *sj, const struct hf_rule *r, int64_t t_ns)
{
	if (sj->return_ns == HF_TIME_NONE) {
		sj->return_ns = t_ns;
		sj->nreturn = 0;
	} else {
		sj->nreturn++;
	}
	if (sj->nreturn < (uint64_t)r->refractory_n * sj->nsig)
		return false;
	return t_ns >= sj->return_ns &&
	       (uint64_t)t_ns - (uint64_t)sj->return_ns >=
		   (uint64_t)r->refractory_ns;
}

/* The subject's condition after a step of one of its signals. */
static void
step_subject(struct rrun *run, struct subj *sj, struct signal *s,
    const struct rsig *g, bool has_joined)
{
	int64_t nvar = run->rule->per == HF_PER_TAG ? 1 : run->rule->nvar;
	bool is_met = sj->nactive >= (uint64_t)(nvar > 0 ? nvar : 1);
	bool is_higher = g->is_active && g->level > sj->level;

	if (s->det->group != NULL)
		is_met = sj->nactive > 0; /* one signal, however many tags */
	if (is_met && !sj->is_on) {
		sj->is_on = true;
		sj->onsets = 1;
		sj->level = g->level;
		sj->return_ns = HF_TIME_NONE;
		hf_evidence_raise(run, sj, s, HF_EV_ON);
	} else if (is_met) {
		if (sj->return_ns != HF_TIME_NONE)
			sj->onsets++;
		sj->return_ns = HF_TIME_NONE;
		if (is_higher)
			sj->level = g->level;
		if (is_higher || (has_joined && sj->nactive > 1))
			hf_evidence_raise(run, sj, s, HF_EV_JOIN);
	} else if (sj->is_on) {
		if (!has_returned(sj, run->rule, s->last_ns))
			return;
		hf_evidence_raise(run, sj, s, HF_EV_OFF);
		*sj = (struct subj){.name = sj->name,
		    .nsig = sj->nsig,
		    .nactive = sj->nactive,
		    .return_ns = HF_TIME_NONE};
	}
}

void
hf_rules_step(struct signal *s)
{
	struct det *d = s->det;
	size_t i;

	if (s->score.learning != HF_LS_READY)
		return;
	for (i = 0; i < d->nrule; i++) {
		struct rrun *run = &d->rule[i];
		struct rsig *g = &run->sig[s->idx];
		struct subj *sj = &run->subj[g->subj];
		bool was = g->is_active;

		if (g->count == 0 && !was && s->score.score < 1 && !sj->is_on)
			continue; /* the usual case, and nothing would change
				     but the place in a ring of zeros */
		step_signal(g, run->rule, s);
		if (was != g->is_active)
			sj->nactive = was ? sj->nactive - 1 : sj->nactive + 1;
		step_subject(run, sj, s, g, !was && g->is_active);
	}
}
