/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_step.h - one method on its own, without an engine: steps in, scores
 * out; for tests that look at what a method computes.
 */
#ifndef HF_TESTS_DETECT_STEP_H
#define HF_TESTS_DETECT_STEP_H

#include "detect_plant.h"

#define DS_NVAR HF_GROUP_NVAR

struct ds {
	const struct hf_method *m;
	void *state;
	size_t nvar, size;
	int64_t n; /* steps fed; step i is at i seconds */
	double contrib[DS_NVAR];
	struct hf_score score;
};

static inline void
ds_init(struct ds *d, const struct hf_method *m, const void *conf, size_t nvar,
    struct hf_learn learn)
{
	*d = (struct ds){.m = m, .nvar = nvar};
	d->size = m->state_size(conf, nvar);
	d->state = malloc(d->size);
	if (d->state == NULL)
		tp_die("state", "no memory");
	m->start(d->state, conf, &learn, nvar);
}

static inline void
ds_fini(struct ds *d)
{
	free(d->state);
}

/* As the engine does; a score below 1 has no rule. */
static inline const struct hf_score *
ds_step_at(struct ds *d, int64_t t_ns, const double *x)
{
	struct hf_step in = {.t_ns = t_ns, .x = x, .nvar = d->nvar};

	d->score = (struct hf_score){.contrib = d->contrib,
	    .centre = NAN,
	    .statistic = NAN,
	    .limit = NAN,
	    .learning = HF_LS_LEARNING};
	d->m->step(d->state, &in, &d->score);
	d->n++;
	return &d->score;
}

static inline const struct hf_score *
ds_step(struct ds *d, const double *x)
{
	return ds_step_at(d, d->n * TP_S, x);
}

static inline const struct hf_score *
ds_step1(struct ds *d, double x)
{
	return ds_step(d, &x);
}

/* A learned number by its key; NaN if there is none. */
static inline double
ds_learned(const struct ds *d, const char *key)
{
	struct hf_err err = {0};
	struct hf_buf b;
	struct hf_jw w;
	json_t *j = NULL;
	double v = NAN;

	hf_buf_init(&b, 65536);
	hf_jw_init(&w, &b);
	hf_jw_obj(&w);
	d->m->explain(d->state, &w);
	hf_jw_end_obj(&w);
	if (hf_json_parse((char *)b.p, b.len, 65536, &j, &err) != HF_OK)
		tp_die("explain", err.msg);
	if (json_is_number(json_object_get(j, key)))
		v = json_number_value(json_object_get(j, key));
	json_decref(j);
	hf_buf_fini(&b);
	return v;
}

/* Save and load into a fresh state; dies if the bytes are not taken. */
static inline void
ds_reload(struct ds *d, const void *conf, struct hf_learn learn)
{
	struct hf_buf b, again;
	struct hf_rd in;

	hf_buf_init(&b, 1 << 20);
	hf_buf_init(&again, 1 << 20);
	d->m->save(d->state, &b);
	memset(d->state, 0xa5, d->size);
	d->m->start(d->state, conf, &learn, d->nvar);
	hf_rd_init(&in, b.p, b.len);
	if (!hf_buf_ok(&b) || d->m->load(d->state, &in) != HF_OK ||
	    hf_rd_left(&in) != 0)
		tp_die(d->m->kind.name, "does not load what it saved");
	d->m->save(d->state, &again);
	if (again.len != b.len || memcmp(again.p, b.p, b.len) != 0)
		tp_die(d->m->kind.name, "saves other bytes than it loaded");
	hf_buf_fini(&b);
	hf_buf_fini(&again);
}

#endif
