/* SPDX-License-Identifier: Apache-2.0
 *
 * t2.c - Hotelling's T2: is this row of values as a whole where the learned
 * rows were? (Hotelling 1947; Montgomery, Statistical Quality Control, ch. 11).
 *
 * Learning, first two thirds of the span: means and covariance of the rows
 * (covar.h: gaps are allowed; a variable that was constant or mostly missing
 * takes no further part and is named). Each variable is scaled by its standard
 * deviation; the correlation matrix R with `ridge` on its diagonal is factored,
 * R = G G', and never inverted.
 *
 * Watching: u = (x - mean) / sd,  T2 = u' R^-1 u. Where values are missing, T2
 * is that of the values there are. Against mewma: no memory, so it sees a large
 * sudden change in its first row and a small lasting one hardly at all.
 *
 * Limit, from the last third of the span, which was not used for R:
 *
 *    max(factor x largest T2 there, chi-square quantile of as many degrees as
 *    variables take part, as unlikely as L sigmas on one side)
 *
 * Contribution of variable i: u_i (R^-1 u)_i / T2. An exact decomposition: they
 * sum to 1; one may be negative, where a value makes the row look more normal.
 *
 * State, little-endian: u8 version 1, u8 phase, u16 nvar, u64 n rows learned,
 * u64 rows of calibration, i64 first and last time of learning, f64 largest T2,
 * f64 limit, u8 is factored, then covar.h's block, f64 G (packed lower
 * triangle).
 */
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/covar.h"
#include "detect/detmath.h"
#include "detect/learn.h"
#include "detect/linalg.h"
#include "detect/methods.h"

#define STATE_VERSION 1

enum { TEXT_OFF, TEXT_CONSTANT, TEXT_MISSING, TEXT_SINGULAR };
static const char *const texts[] = {
    "values as a whole outside the learned cloud",
    HF_COVAR_TEXT_CONSTANT,
    HF_COVAR_TEXT_MISSING,
    "learned values cannot be factored",
    NULL,
};

struct t2_state {
	const struct hf_t2_conf *conf;
	struct hf_learn learn;
	uint8_t phase;	  /* enum hf_learning */
	bool is_factored; /* covariance is done, calibrating or ready */
	size_t nvar, nlive;
	struct hf_covar c;
	uint64_t ncal;
	int64_t first_ns, last_ns;
	double max_t2, limit;
	struct hf_covar_gaps gaps;
	double *u, *y, *G; /* [nvar] [nvar] packed triangle */
	double mem[];
};

static const struct hf_opt opts[] = {
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 10,
	.dflt = "4",
	.off = offsetof(struct hf_t2_conf, L),
	.help = "least limit, as unlikely as L standard deviations of one "
		"signal"},
    {.name = "factor",
	.type = HF_OPT_F64,
	.min = 1,
	.max = 1000,
	.dflt = "2",
	.off = offsetof(struct hf_t2_conf, factor),
	.help = "the limit is at least this many times the largest "
		"statistic of the last third of the learning span"},
    {.name = "ridge",
	.type = HF_OPT_F64,
	.min = 1e-6,
	.max = 1,
	.dflt = "0.01",
	.off = offsetof(struct hf_t2_conf, ridge),
	.help = "part of each variance added to the diagonal, so that "
		"nearly equal signals do not count twice"},
    {.name = "grid",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 1,
	.max = 86400000,
	.dflt = "1s",
	.off = offsetof(struct hf_t2_conf, grid_ns),
	.help = "spacing of the rows that the tags are put into; the "
		"sampling interval of the slowest tag is a good value"},
};

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct t2_state) + hf_covar_size(nvar) +
	       (2 * nvar + 2 * hf_tri(nvar)) * sizeof(double);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct t2_state *s = state;
	size_t i;

	*s = (struct t2_state){.conf = conf,
	    .learn = *learn,
	    .nvar = nvar,
	    .phase = HF_LS_LEARNING,
	    .u = s->mem,
	    .y = s->mem + nvar,
	    .G = s->mem + 2 * nvar,
	    .gaps.G = s->mem + 2 * nvar + hf_tri(nvar),
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
	for (i = 0; i < 2 * nvar + 2 * hf_tri(nvar); i++)
		s->mem[i] = 0;
	hf_covar_init(&s->c, s->mem + 2 * nvar + 2 * hf_tri(nvar), nvar);
}

/* T2 of a row. contrib may be NULL. */
static double
statistic(struct t2_state *s, const struct hf_step *in, double *contrib)
{
	const double *G =
	    hf_covar_factor_for(&s->c, s->conf->ridge, in->x, s->G, &s->gaps);
	double q = 0;
	size_t i;

	if (G == NULL)
		return 0;
	for (i = 0; i < s->nvar; i++)
		s->u[i] = hf_covar_unit(&s->c, i, in->x[i]);
	hf_la_solve(G, s->nvar, s->u, s->y);
	for (i = 0; i < s->nvar; i++)
		q += s->u[i] * s->y[i];
	for (i = 0; contrib != NULL && i < s->nvar; i++)
		contrib[i] = q > 0 ? s->u[i] * s->y[i] / q : 0;
	return q;
}

static const char *
why_blind(const struct t2_state *s)
{
	size_t i;

	if (s->nlive > 0)
		return texts[TEXT_SINGULAR];
	for (i = 0; i < s->nvar; i++)
		if (s->c.count[i] > 0)
			return texts[TEXT_CONSTANT];
	return texts[TEXT_MISSING];
}

static void
end_covariance(struct t2_state *s)
{
	s->nlive = hf_covar_nlive(&s->c);
	if (s->nlive > 0 &&
	    hf_covar_factor(&s->c, s->conf->ridge, 0, s->G) == HF_OK)
		s->is_factored = true;
	else
		s->phase = HF_LS_BLIND;
}

static bool
has_passed(const struct t2_state *s, int64_t t_ns, double part)
{
	return hf_learn_has_passed(
	    &s->learn, part, s->c.n + s->ncal, s->first_ns, t_ns);
}

static void
end_learning(struct t2_state *s)
{
	s->limit = hf_det_chi_square((double)s->nlive, s->conf->L);
	if (s->limit < s->conf->factor * s->max_t2)
		s->limit = s->conf->factor * s->max_t2;
	s->phase = HF_LS_READY;
}

static void
learn_step(struct t2_state *s, const struct hf_step *in)
{
	double t2;

	if (s->first_ns == HF_TIME_NONE)
		s->first_ns = in->t_ns;
	if (!s->is_factored && s->c.n >= 2 * s->nvar + 2 &&
	    has_passed(s, in->t_ns, 2.0 / 3))
		end_covariance(s);
	if (s->is_factored && s->ncal > 0 && has_passed(s, in->t_ns, 1))
		end_learning(s);
	if (s->phase != HF_LS_LEARNING)
		return;
	s->last_ns = in->t_ns;
	if (!s->is_factored) {
		hf_covar_add(&s->c, in->x);
		return;
	}
	s->ncal++;
	t2 = statistic(s, in, NULL);
	if (t2 > s->max_t2)
		s->max_t2 = t2;
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct t2_state *s = state;

	if (s->phase == HF_LS_LEARNING)
		learn_step(s, in);
	if (s->phase == HF_LS_READY) {
		out->statistic = statistic(s, in, out->contrib);
		out->limit = s->limit;
		out->score = out->statistic / s->limit;
		if (!(out->score < HF_SCORE_MAX))
			out->score = HF_SCORE_MAX;
		out->level = HF_LEVEL_WARN;
		out->rule = texts[TEXT_OFF];
	}
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = why_blind(s);
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct t2_state *s = state;
	size_t i;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u16(out, (uint16_t)s->nvar);
	hf_buf_u64(out, s->c.n);
	hf_buf_u64(out, s->ncal);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_f64(out, s->max_t2);
	hf_buf_f64(out, s->limit);
	hf_buf_u8(out, s->is_factored);
	hf_covar_save(&s->c, out);
	for (i = 0; i < hf_tri(s->nvar); i++)
		hf_buf_f64(out, s->G[i]);
}

static bool
is_sound(const struct t2_state *s)
{
	size_t i;

	if (s->phase > HF_LS_BLIND || (s->is_factored && s->c.n < 2))
		return false;
	if (s->phase == HF_LS_READY && (!s->is_factored || !(s->limit > 0)))
		return false;
	for (i = 0; s->is_factored && i < s->nvar; i++)
		if (!(s->G[hf_tri(i) + i] > 0))
			return false;
	return true;
}

static int
load(void *state, struct hf_rd *in)
{
	struct t2_state *s = state;
	uint64_t n;
	size_t i;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	if (hf_rd_u16(in) != s->nvar)
		return HF_ECORRUPT;
	n = hf_rd_u64(in);
	s->ncal = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->max_t2 = hf_rd_f64(in);
	s->limit = hf_rd_f64(in);
	s->is_factored = hf_rd_u8(in) == 1;
	if (hf_covar_load(&s->c, n, in) != HF_OK)
		return HF_ECORRUPT;
	for (i = 0; i < hf_tri(s->nvar); i++)
		s->G[i] = hf_rd_f64(in);
	if (!hf_rd_ok(in) || !is_sound(s))
		return HF_ECORRUPT;
	s->nlive = n > 1 ? hf_covar_nlive(&s->c) : 0;
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct t2_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(
			 &s->learn, s->c.n + s->ncal, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct t2_state *s = state;

	hf_jw_ku64(w, "calibration_rows", s->ncal);
	hf_jw_kf64(w, "largest_t2", s->max_t2);
	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_rows", s->c.n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_ku64(w, "variables_used", s->nlive);
}

static const char *
why_variable(const void *state, size_t i)
{
	const struct t2_state *s = state;

	return s->is_factored ? hf_covar_why(&s->c, i) : NULL;
}

static int64_t
grid_ns(const void *conf)
{
	return ((const struct hf_t2_conf *)conf)->grid_ns;
}

const struct hf_method hf_method_t2 = {
    .kind = {.name = "t2",
	.help = "several tags as one, without memory: finds a row of values "
		"far from all learned ones",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_t2_conf),
	.flags = HF_KIND_LEARNS},
    .is_group = true,
    .does_learn = true,
    .state_size = state_size,
    .start = start,
    .step = step,
    .save = save,
    .load = load,
    .progress = progress,
    .explain = explain,
    .grid_ns = grid_ns,
    .why_variable = why_variable,
    .is_quadratic = true,
    .texts = texts,
};
