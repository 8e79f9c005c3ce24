/* SPDX-License-Identifier: Apache-2.0
 *
 * mewma.c - multivariate EWMA (Lowry et al. 1992): one statistic for tags that
 * move together, so that a broken relation shows although each value stays in
 * its range.
 *
 * Learning, first two thirds of the span: mean and covariance of the rows
 * (covar.h: gaps are allowed). Then each variable is scaled by its standard
 * deviation, a variable that was constant or mostly missing takes no further
 * part and is named, and the correlation matrix with `ridge` added to its
 * diagonal is factored (Cholesky, R = G G').
 *
 * Watching: u = (x - mean) / sd, z_i = lambda u_i + (1 - lambda) z_(i-1), z_0 =
 * 0, and
 *
 *    T2 = z' (lambda / (2 - lambda) R)^-1 z
 *
 * A missing value leaves its z where it was, and T2 is that of the variables
 * that have a value in the row. Learning, last third: T2 runs and
 * its largest value is kept, without the first 3 / lambda rows in which z
 * settles. Since the third was not used for the covariance and process values
 * have a memory, this says more about the plant than a table does:
 *
 *    limit = max(factor x that largest T2, chi-square quantile of nvar
 *    variables that
 *            is as unlikely as L sigmas on one side (Wilson and Hilferty 1931))
 *
 * Score T2 / limit. Contribution of variable i: z_i (R^-1 z)_i / (z' R^-1 z);
 * they sum to 1 and may be negative.
 *
 * State, little-endian: u8 version 2, u8 phase, u16 nvar, u64 n rows learned,
 * u64 rows of calibration, i64 first and last time of learning, f64 largest T2,
 * f64 limit, u8 is factored, then f64 mean[nvar], z[nvar], sum of products
 * (lower triangle by rows), G (the same), u64 count[nvar] of values learned.
 * Version 1 ends before the counts: each is n.
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

#define STATE_VERSION 2
#define SETTLE 3.0 /* in units of 1 / lambda: (1 - lambda)^(3/lambda) is 4 % */

enum { TEXT_OFF, TEXT_CONSTANT, TEXT_SINGULAR, TEXT_MISSING };
static const char *const texts[] = {
    "values do not fit together as learned",
    HF_COVAR_TEXT_CONSTANT,
    "learned values cannot be factored",
    HF_COVAR_TEXT_MISSING,
    NULL,
};

struct mewma_state {
	const struct hf_mewma_conf *conf;
	struct hf_learn learn;
	size_t nvar, nlive; /* nlive: variables that take part */
	uint8_t phase;	    /* enum hf_learning */
	bool is_factored;   /* covariance is done, calibrating or ready */
	const char *blind;
	struct hf_covar c;
	uint64_t ncal;
	int64_t first_ns, last_ns;
	double max_t2, limit;
	struct hf_covar_gaps gaps;
	double *z, *work, *G; /* [d] [d] [d(d+1)/2] */
	double *u;	      /* [d] z of the variables that have a value */
	double mem[];
};

static const struct hf_opt opts[] = {
    {.name = "lambda",
	.type = HF_OPT_F64,
	.min = 0.001,
	.max = 1,
	.dflt = "0.2",
	.off = offsetof(struct hf_mewma_conf, lambda),
	.help = "weight of the newest row"},
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 10,
	.dflt = "4",
	.off = offsetof(struct hf_mewma_conf, L),
	.help = "least limit, as unlikely as L standard deviations of one "
		"signal"},
    {.name = "factor",
	.type = HF_OPT_F64,
	.min = 1,
	.max = 1000,
	.dflt = "2",
	.off = offsetof(struct hf_mewma_conf, factor),
	.help = "the limit is at least this many times the largest "
		"statistic of the last third of the learning span"},
    {.name = "ridge",
	.type = HF_OPT_F64,
	.min = 1e-6,
	.max = 1,
	.dflt = "0.01",
	.off = offsetof(struct hf_mewma_conf, ridge),
	.help = "part of each variance added to the diagonal, so that "
		"nearly equal signals do not count twice"},
    {.name = "grid",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 1,
	.max = 86400000,
	.dflt = "1s",
	.off = offsetof(struct hf_mewma_conf, grid_ns),
	.help = "spacing of the rows that the tags are put into; the "
		"sampling interval of the slowest tag is a good value"},
};

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct mewma_state) + hf_covar_size(nvar) +
	       (3 * nvar + 2 * hf_tri(nvar)) * sizeof(double);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct mewma_state *s = state;
	size_t i;

	*s = (struct mewma_state){.conf = conf,
	    .learn = *learn,
	    .nvar = nvar,
	    .phase = HF_LS_LEARNING,
	    .z = s->mem,
	    .work = s->mem + nvar,
	    .u = s->mem + 2 * nvar,
	    .G = s->mem + 3 * nvar,
	    .gaps.G = s->mem + 3 * nvar + hf_tri(nvar),
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
	for (i = 0; i < 3 * nvar + 2 * hf_tri(nvar); i++)
		s->mem[i] = 0;
	hf_covar_init(&s->c, s->mem + 3 * nvar + 2 * hf_tri(nvar), nvar);
}

/* Takes the row into z; returns T2. contrib may be NULL. */
static double
advance(struct mewma_state *s, const struct hf_step *in, double *contrib)
{
	double lambda = s->conf->lambda, *z = s->z, *u = s->u, *y = s->work;
	const double *G =
	    hf_covar_factor_for(&s->c, s->conf->ridge, in->x, s->G, &s->gaps);
	double q = 0;
	size_t i;

	for (i = 0; i < s->nvar; i++) {
		u[i] = 0;
		if (isnan(in->x[i]) || hf_covar_why(&s->c, i) != NULL)
			continue;
		z[i] = lambda * hf_covar_unit(&s->c, i, in->x[i]) +
		       (1 - lambda) * z[i];
		u[i] = z[i];
	}
	if (G == NULL)
		return 0;
	hf_la_solve(G, s->nvar, u, y);
	for (i = 0; i < s->nvar; i++)
		q += u[i] * y[i];
	for (i = 0; contrib != NULL && i < s->nvar; i++)
		contrib[i] = q > 0 ? u[i] * y[i] / q : 0;
	return q * (2 - lambda) / lambda;
}

/* How much of `part` of the learning span has passed? */
static bool
has_passed(const struct mewma_state *s, int64_t t_ns, double part)
{
	return hf_learn_has_passed(
	    &s->learn, part, s->c.n + s->ncal, s->first_ns, t_ns);
}

static const char *
why_blind(const struct mewma_state *s)
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
end_covariance(struct mewma_state *s)
{
	s->nlive = hf_covar_nlive(&s->c);
	if (s->nlive > 0 &&
	    hf_covar_factor(&s->c, s->conf->ridge, 0, s->G) == HF_OK) {
		s->is_factored = true;
		return;
	}
	s->phase = HF_LS_BLIND;
	s->blind = why_blind(s);
}

static void
calibrate(struct mewma_state *s, const struct hf_step *in)
{
	double t2 = advance(s, in, NULL);

	s->ncal++;
	if ((double)s->ncal > SETTLE / s->conf->lambda && t2 > s->max_t2)
		s->max_t2 = t2;
}

static void
learn_step(struct mewma_state *s, const struct hf_step *in)
{
	if (s->first_ns == HF_TIME_NONE)
		s->first_ns = in->t_ns;
	if (!s->is_factored && s->c.n >= 2 * s->nvar + 2 &&
	    has_passed(s, in->t_ns, 2.0 / 3))
		end_covariance(s);
	if (s->is_factored && (double)s->ncal > SETTLE / s->conf->lambda &&
	    has_passed(s, in->t_ns, 1)) {
		s->limit = hf_det_chi_square((double)s->nlive, s->conf->L);
		if (s->limit < s->conf->factor * s->max_t2)
			s->limit = s->conf->factor * s->max_t2;
		s->phase = HF_LS_READY;
	}
	if (s->phase != HF_LS_LEARNING)
		return;
	s->last_ns = in->t_ns;
	if (s->is_factored)
		calibrate(s, in);
	else
		hf_covar_add(&s->c, in->x);
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct mewma_state *s = state;

	if (s->phase == HF_LS_LEARNING)
		learn_step(s, in);
	if (s->phase == HF_LS_READY) {
		out->statistic = advance(s, in, out->contrib);
		out->limit = s->limit;
		out->score = out->statistic / s->limit;
		if (!(out->score < HF_SCORE_MAX))
			out->score = HF_SCORE_MAX;
		out->level = HF_LEVEL_WARN; /* the engine drops it below 1 */
		out->rule = texts[TEXT_OFF];
	}
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = s->blind;
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct mewma_state *s = state;
	size_t i, d = s->nvar;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u16(out, (uint16_t)d);
	hf_buf_u64(out, s->c.n);
	hf_buf_u64(out, s->ncal);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_f64(out, s->max_t2);
	hf_buf_f64(out, s->limit);
	hf_buf_u8(out, s->is_factored);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, s->c.mean[i]);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, s->z[i]);
	for (i = 0; i < hf_tri(d); i++)
		hf_buf_f64(out, s->c.sums[i]);
	for (i = 0; i < hf_tri(d); i++)
		hf_buf_f64(out, s->G[i]);
	for (i = 0; i < d; i++)
		hf_buf_u64(out, s->c.count[i]);
}

static bool
is_sound(const struct mewma_state *s)
{
	size_t i;

	if (s->phase > HF_LS_BLIND)
		return false;
	if (s->phase == HF_LS_READY && (!s->is_factored || !(s->limit > 0)))
		return false;
	if (s->is_factored && s->c.n < 2)
		return false;
	for (i = 0; i < s->nvar; i++)
		if ((s->is_factored && !(s->G[hf_tri(i) + i] > 0)) ||
		    s->c.count[i] > s->c.n)
			return false;
	return true;
}

static int
load(void *state, struct hf_rd *in)
{
	struct mewma_state *s = state;
	size_t i, d = s->nvar;
	uint8_t version = hf_rd_u8(in);

	if (version != 1 && version != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	if (hf_rd_u16(in) != d)
		return HF_ECORRUPT;
	s->c.n = hf_rd_u64(in);
	s->ncal = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->max_t2 = hf_rd_f64(in);
	s->limit = hf_rd_f64(in);
	s->is_factored = hf_rd_u8(in) == 1;
	for (i = 0; i < d; i++)
		s->c.mean[i] = hf_rd_f64(in);
	for (i = 0; i < d; i++)
		s->z[i] = hf_rd_f64(in);
	for (i = 0; i < hf_tri(d); i++)
		s->c.sums[i] = hf_rd_f64(in);
	for (i = 0; i < hf_tri(d); i++)
		s->G[i] = hf_rd_f64(in);
	for (i = 0; i < d; i++)
		s->c.count[i] = version == 1 ? s->c.n : hf_rd_u64(in);
	if (!hf_rd_ok(in) || !is_sound(s))
		return HF_ECORRUPT;
	s->nlive = s->c.n > 1 ? hf_covar_nlive(&s->c) : 0;
	if (s->phase == HF_LS_BLIND)
		s->blind = why_blind(s);
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct mewma_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(
			 &s->learn, s->c.n + s->ncal, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct mewma_state *s = state;

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
	const struct mewma_state *s = state;

	return s->is_factored ? hf_covar_why(&s->c, i) : NULL;
}

static int64_t
grid_ns(const void *conf)
{
	return ((const struct hf_mewma_conf *)conf)->grid_ns;
}

const struct hf_method hf_method_mewma = {
    .kind = {.name = "mewma",
	.help = "several tags as one: finds values that do not fit "
		"together",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_mewma_conf),
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
