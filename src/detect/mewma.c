/* SPDX-License-Identifier: Apache-2.0
 *
 * mewma.c - multivariate EWMA (Lowry et al. 1992): one statistic for tags that
 * move together, so that a broken relation shows although each value stays in
 * its range.
 *
 * Learning, first two thirds of the span: mean and covariance of the rows
 * (Welford); rows with a missing value are left out. Then each variable is
 * scaled by its standard deviation, a variable that was constant takes no
 * further part, and the correlation matrix with `ridge` added to its diagonal
 * is factored (Cholesky, R = G G').
 *
 * Watching: u = (x - mean) / sd, z_i = lambda u_i + (1 - lambda) z_(i-1), z_0 =
 * 0, and
 *
 *    T2 = z' (lambda / (2 - lambda) R)^-1 z
 *
 * A missing value leaves its z where it was. Learning, last third: T2 runs and
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
 * State, little-endian: u8 version 1, u8 phase, u16 nvar, u64 n rows learned,
 * u64 rows of calibration, i64 first and last time of learning, f64 largest T2,
 * f64 limit, u8 is factored, then f64 mean[nvar], z[nvar], sum of products
 * (lower triangle by rows), G (the same).
 */
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/learn.h"
#include "detect/methods.h"

#define STATE_VERSION 1
#define SETTLE 3.0 /* in units of 1 / lambda: (1 - lambda)^(3/lambda) is 4 % */

enum { TEXT_OFF, TEXT_CONSTANT, TEXT_SINGULAR };
static const char *const texts[] = {
    "values do not fit together as learned",
    "constant while learning",
    "learned values cannot be factored",
    NULL,
};

struct mewma_state {
	const struct hf_mewma_conf *conf;
	struct hf_learn learn;
	size_t nvar, nlive; /* nlive: variables that were not constant */
	uint8_t phase;	    /* enum hf_learning */
	bool is_factored;   /* covariance is done, calibrating or ready */
	const char *blind;
	uint64_t n, ncal;
	int64_t first_ns, last_ns;
	double max_t2, limit;
	double mem[]; /* mean[d] z[d] work[d] sums[d(d+1)/2] G[d(d+1)/2] */
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
tri(size_t d)
{
	return d * (d + 1) / 2;
}

static double *
mean_of(struct mewma_state *s)
{
	return s->mem;
}

static double *
z_of(struct mewma_state *s)
{
	return s->mem + s->nvar;
}

static double *
work_of(struct mewma_state *s)
{
	return s->mem + 2 * s->nvar;
}

static double *
sums_of(struct mewma_state *s)
{
	return s->mem + 3 * s->nvar;
}

static double *
factor_of(struct mewma_state *s)
{
	return s->mem + 3 * s->nvar + tri(s->nvar);
}

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct mewma_state) +
	       (3 * nvar + 2 * tri(nvar)) * sizeof(double);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct mewma_state *s = state;
	size_t i, n = 3 * nvar + 2 * tri(nvar);

	*s = (struct mewma_state){.conf = conf,
	    .learn = *learn,
	    .nvar = nvar,
	    .nlive = 0,
	    .phase = HF_LS_LEARNING,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
	for (i = 0; i < n; i++)
		s->mem[i] = 0;
}

static void
learn_row(struct mewma_state *s, const struct hf_step *in)
{
	double *mean = mean_of(s), *sums = sums_of(s), *delta = work_of(s);
	size_t i, j;

	for (i = 0; i < s->nvar; i++)
		if (isnan(in->x[i]))
			return;
	s->n++;
	for (i = 0; i < s->nvar; i++) {
		delta[i] = in->x[i] - mean[i];
		mean[i] += delta[i] / (double)s->n;
	}
	for (i = 0; i < s->nvar; i++)
		for (j = 0; j <= i; j++)
			sums[tri(i) + j] += delta[i] * (in->x[j] - mean[j]);
}

/* Standard deviation of variable i, 0 if it was constant. */
static double
sd_of(struct mewma_state *s, size_t i)
{
	return sqrt(sums_of(s)[tri(i) + i] / (double)(s->n - 1));
}

/* Entry (i, j) of the correlation matrix with its ridge. */
static double
correlation(struct mewma_state *s, size_t i, size_t j)
{
	double si = sd_of(s, i), sj = sd_of(s, j);

	if (i == j)
		return 1 + s->conf->ridge;
	if (!(si > 0) || !(sj > 0))
		return 0;
	return sums_of(s)[tri(i) + j] / (double)(s->n - 1) / (si * sj);
}

/* G of R = G G', row by row. HF_ECORRUPT if R is not positive definite. */
static int
factor(struct mewma_state *s)
{
	double *G = factor_of(s), sum;
	size_t i, j, k;

	s->nlive = 0;
	for (i = 0; i < s->nvar; i++) {
		s->nlive += sd_of(s, i) > 0;
		for (j = 0; j <= i; j++) {
			sum = correlation(s, i, j);
			for (k = 0; k < j; k++)
				sum -= G[tri(i) + k] * G[tri(j) + k];
			if (i != j)
				G[tri(i) + j] = sum / G[tri(j) + j];
			else if (sum > 0 && isfinite(sum))
				G[tri(i) + i] = sqrt(sum);
			else
				return HF_ECORRUPT;
		}
	}
	return HF_OK;
}

/* y = R^-1 z by two triangular solutions. */
static void
solve(struct mewma_state *s, const double *z, double *y)
{
	const double *G = factor_of(s);
	size_t d = s->nvar, i, k;

	for (i = 0; i < d; i++) {
		y[i] = z[i];
		for (k = 0; k < i; k++)
			y[i] -= G[tri(i) + k] * y[k];
		y[i] /= G[tri(i) + i];
	}
	for (i = d; i-- > 0;) {
		for (k = i + 1; k < d; k++)
			y[i] -= G[tri(k) + i] * y[k];
		y[i] /= G[tri(i) + i];
	}
}

/* Takes the row into z; returns T2. contrib may be NULL. */
static double
advance(struct mewma_state *s, const struct hf_step *in, double *contrib)
{
	double lambda = s->conf->lambda, *z = z_of(s), *y = work_of(s), sd;
	double q = 0;
	size_t i;

	for (i = 0; i < s->nvar; i++) {
		sd = sd_of(s, i);
		if (isnan(in->x[i]) || !(sd > 0))
			continue;
		z[i] = lambda * ((in->x[i] - mean_of(s)[i]) / sd) +
		       (1 - lambda) * z[i];
	}
	solve(s, z, y);
	for (i = 0; i < s->nvar; i++)
		q += z[i] * y[i];
	for (i = 0; contrib != NULL && i < s->nvar; i++)
		contrib[i] = q > 0 ? z[i] * y[i] / q : 0;
	return q * (2 - lambda) / lambda;
}

/* Chi-square value of d degrees that is as unlikely as z sigmas on one side. */
static double
chi_square(size_t d, double z)
{
	double k = 2.0 / (9.0 * (double)d), c = 1 - k + z * sqrt(k);

	return (double)d * c * c * c;
}

/* How much of `part` of the learning span has passed? */
static bool
has_passed(const struct mewma_state *s, int64_t t_ns, double part)
{
	return hf_learn_has_passed(
	    &s->learn, part, s->n + s->ncal, s->first_ns, t_ns);
}

static void
go_blind(struct mewma_state *s, int text)
{
	s->phase = HF_LS_BLIND;
	s->blind = texts[text];
}

static void
end_covariance(struct mewma_state *s)
{
	if (factor(s) != HF_OK)
		go_blind(s, TEXT_SINGULAR);
	else if (s->nlive == 0)
		go_blind(s, TEXT_CONSTANT);
	else
		s->is_factored = true;
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
	if (!s->is_factored && s->n >= 2 * s->nvar + 2 &&
	    has_passed(s, in->t_ns, 2.0 / 3))
		end_covariance(s);
	if (s->is_factored && (double)s->ncal > SETTLE / s->conf->lambda &&
	    has_passed(s, in->t_ns, 1)) {
		s->limit = chi_square(s->nlive, s->conf->L);
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
		learn_row(s, in);
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
		if (out->score >= 1) {
			out->level = HF_LEVEL_WARN;
			out->rule = texts[TEXT_OFF];
		}
	}
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = s->blind;
}

static void
save(const void *state, struct hf_buf *out)
{
	struct mewma_state *s = (struct mewma_state *)(uintptr_t)state;
	size_t i, d = s->nvar;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u16(out, (uint16_t)d);
	hf_buf_u64(out, s->n);
	hf_buf_u64(out, s->ncal);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_f64(out, s->max_t2);
	hf_buf_f64(out, s->limit);
	hf_buf_u8(out, s->is_factored);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, mean_of(s)[i]);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, z_of(s)[i]);
	for (i = 0; i < 2 * tri(d); i++)
		hf_buf_f64(out, sums_of(s)[i]); /* sums, then G */
}

static bool
is_sound(struct mewma_state *s)
{
	size_t i;

	if (s->phase > HF_LS_BLIND)
		return false;
	if (s->phase == HF_LS_READY && (!s->is_factored || !(s->limit > 0)))
		return false;
	if (s->is_factored && s->n < 2)
		return false;
	for (i = 0; s->is_factored && i < s->nvar; i++)
		if (!(factor_of(s)[tri(i) + i] > 0))
			return false;
	return true;
}

static int
load(void *state, struct hf_rd *in)
{
	struct mewma_state *s = state;
	size_t i, d = s->nvar;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	if (hf_rd_u16(in) != d)
		return HF_ECORRUPT;
	s->n = hf_rd_u64(in);
	s->ncal = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->max_t2 = hf_rd_f64(in);
	s->limit = hf_rd_f64(in);
	s->is_factored = hf_rd_u8(in) == 1;
	for (i = 0; i < d; i++)
		mean_of(s)[i] = hf_rd_f64(in);
	for (i = 0; i < d; i++)
		z_of(s)[i] = hf_rd_f64(in);
	for (i = 0; i < 2 * tri(d); i++)
		sums_of(s)[i] = hf_rd_f64(in);
	if (!hf_rd_ok(in) || !is_sound(s))
		return HF_ECORRUPT;
	s->nlive = 0;
	for (i = 0; s->n > 1 && i < d; i++)
		s->nlive += sd_of(s, i) > 0;
	if (s->phase == HF_LS_BLIND)
		s->blind = texts[s->nlive == 0 ? TEXT_CONSTANT : TEXT_SINGULAR];
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct mewma_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(
			 &s->learn, s->n + s->ncal, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct mewma_state *s = state;

	hf_jw_ku64(w, "calibration_rows", s->ncal);
	hf_jw_kf64(w, "largest_t2", s->max_t2);
	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_rows", s->n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_ku64(w, "variables_used", s->nlive);
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
    .texts = texts,
};
