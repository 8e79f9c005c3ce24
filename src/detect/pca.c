/* SPDX-License-Identifier: Apache-2.0
 *
 * pca.c - principal components with two statistics: T2 for values that go too
 * far along the relations that were learned, Q for values that break them
 * (Jackson, A User's Guide to Principal Components, 1991; MacGregor and Kourti
 * 1995).
 *
 * Learning, first two thirds of the span: means and correlation matrix R of the
 * rows (covar.h). R = P' diag(lambda) P by Jacobi rotations (linalg.h); the
 * first k components that hold at least `variance` of the total are kept.
 *
 * Watching, u = (x - mean) / sd, t_j = p_j' u; a missing u is replaced by what
 * the others let expect, R_mp R_pp^-1 u_p (p: present, with a small ridge):
 *
 *    T2 = sum over kept of t_j^2 / lambda_j
 *    Q  = |u|^2 - sum over kept of t_j^2  (computed from the residual
 *         e = u - sum t_j p_j, so it is never negative)
 *
 * Limits. From theory: T2 against the chi-square quantile of k degrees as
 * unlikely as L sigmas on one side; Q against Jackson and Mudholkar (1979),
 *
 *    theta_i = sum over dropped of lambda_j^i, i = 1, 2, 3
 *    h0 = 1 - 2 theta1 theta3 / (3 theta2^2)
 *    Q_L = theta1 (L sqrt(2 theta2 h0^2) / theta1 + 1
 *                  + theta2 h0 (h0 - 1) / theta1^2)^(1 / h0)
 *
 * (theta_i is the sum of the powers, not a power of the sum.) From the plant:
 * `factor` times the largest of each in the last third of the span, which was
 * not used for R. The larger of the two counts; where the theory has no value
 * (h0 <= 0), the plant's alone.
 *
 * Score: the larger of T2 and Q, each over its limit; the event says which.
 * Contributions: to T2 u_i sum_j t_j p_ji / lambda_j / T2, exact, may be
 * negative; to Q e_i^2 / Q. Both sum to 1.
 *
 * State, little-endian: u8 version 1, u8 phase, u16 nvar, u64 n rows learned,
 * u64 rows of calibration, i64 first and last time of learning, u16 k, f64
 * largest T2, largest Q, limits of T2 and Q, u8 has basis, then covar.h's
 * block, f64 lambda[nvar], P[k][nvar].
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
#define RIDGE 0.01	/* where missing values are estimated */
#define LAMBDA_MIN 1e-9 /* of the trace: smaller ones are rounding */

enum { TEXT_T2, TEXT_Q, TEXT_CONSTANT, TEXT_MISSING, TEXT_SINGULAR };
static const char *const texts[] = {
    "T2: values go further together than learned",
    "Q: values break the learned relation",
    HF_COVAR_TEXT_CONSTANT,
    HF_COVAR_TEXT_MISSING,
    "learned values have no components",
    NULL,
};

struct pca_state {
	const struct hf_pca_conf *conf;
	struct hf_learn learn;
	uint8_t phase;	/* enum hf_learning */
	bool has_basis; /* components are done, calibrating or ready */
	size_t nvar, nlive, k;
	struct hf_covar c;
	uint64_t ncal;
	int64_t first_ns, last_ns;
	double max_t2, max_q, limit_t2, limit_q;
	double *u, *e, *t; /* [nvar] scaled row, residual, components */
	double *lambda;	   /* [nvar], largest first */
	double *P;	   /* [nvar][nvar], row j: component j */
	struct hf_covar_gaps gaps;
	double *work; /* [nvar][nvar] and a packed triangle */
	double mem[];
};

static const struct hf_opt opts[] = {
    {.name = "variance",
	.type = HF_OPT_F64,
	.min = 0.1,
	.max = 1,
	.dflt = "0.9",
	.off = offsetof(struct hf_pca_conf, variance),
	.help = "share of the variance that the kept components hold; with "
		"1 all are kept and Q is not used"},
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 10,
	.dflt = "4",
	.off = offsetof(struct hf_pca_conf, L),
	.help = "least limits, as unlikely as L standard deviations of one "
		"signal"},
    {.name = "factor",
	.type = HF_OPT_F64,
	.min = 1,
	.max = 1000,
	.dflt = "2",
	.off = offsetof(struct hf_pca_conf, factor),
	.help = "each limit is at least this many times the largest "
		"statistic of the last third of the learning span"},
    {.name = "grid",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 1,
	.max = 86400000,
	.dflt = "1s",
	.off = offsetof(struct hf_pca_conf, grid_ns),
	.help = "spacing of the rows that the tags are put into; the "
		"sampling interval of the slowest tag is a good value"},
};

static size_t
nmem(size_t d)
{
	return 4 * d + 2 * d * d + hf_tri(d);
}

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct pca_state) + hf_covar_size(nvar) +
	       nmem(nvar) * sizeof(double);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct pca_state *s = state;
	size_t i;

	*s = (struct pca_state){.conf = conf,
	    .learn = *learn,
	    .nvar = nvar,
	    .phase = HF_LS_LEARNING,
	    .u = s->mem,
	    .e = s->mem + nvar,
	    .t = s->mem + 2 * nvar,
	    .lambda = s->mem + 3 * nvar,
	    .P = s->mem + 4 * nvar,
	    .work = s->mem + 4 * nvar + nvar * nvar,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
	s->gaps.G = s->work + nvar * nvar;
	for (i = 0; i < nmem(nvar); i++)
		s->mem[i] = 0;
	hf_covar_init(&s->c, s->mem + nmem(nvar), nvar);
}

/* What is missing in u, from what is there. */
static void
fill_gaps(struct pca_state *s, const double *x)
{
	const double *G = hf_covar_factor_for(&s->c, RIDGE, x, NULL, &s->gaps);
	double *y = s->e;
	size_t i, j;

	if (G == NULL)
		return;
	hf_la_solve(G, s->nvar, s->u, y);
	for (i = 0; i < s->nvar; i++) {
		if ((s->gaps.missing >> i & 1) == 0)
			continue;
		for (j = 0; j < s->nvar; j++)
			if ((s->gaps.missing >> j & 1) == 0)
				s->u[i] += hf_covar_corr(&s->c, i, j) * y[j];
	}
}

/* u, t and e of a row. */
static void
project(struct pca_state *s, const struct hf_step *in)
{
	size_t i, j, d = s->nvar;

	for (i = 0; i < d; i++)
		s->u[i] = hf_covar_unit(&s->c, i, in->x[i]);
	fill_gaps(s, in->x);
	for (i = 0; i < d; i++)
		s->e[i] = s->u[i];
	for (j = 0; j < s->k; j++) {
		s->t[j] = 0;
		for (i = 0; i < d; i++)
			s->t[j] += s->P[j * d + i] * s->u[i];
	}
	for (j = 0; j < s->k; j++)
		for (i = 0; i < d; i++)
			s->e[i] -= s->t[j] * s->P[j * d + i];
}

static double
t2_of(const struct pca_state *s)
{
	double sum = 0;
	size_t j;

	for (j = 0; j < s->k; j++)
		sum += s->t[j] * s->t[j] / s->lambda[j];
	return sum;
}

static double
q_of(const struct pca_state *s)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < s->nvar; i++)
		sum += s->e[i] * s->e[i];
	return sum;
}

static void
contribute_t2(const struct pca_state *s, double t2, double *contrib)
{
	size_t i, j, d = s->nvar;
	double sum;

	for (i = 0; i < d; i++) {
		for (sum = 0, j = 0; j < s->k; j++)
			sum += s->t[j] * s->P[j * d + i] / s->lambda[j];
		contrib[i] = t2 > 0 ? s->u[i] * sum / t2 : 0;
	}
}

static void
contribute_q(const struct pca_state *s, double q, double *contrib)
{
	size_t i;

	for (i = 0; i < s->nvar; i++)
		contrib[i] = q > 0 ? s->e[i] * s->e[i] / q : 0;
}

/* ---- learning ---- */

static const char *
why_blind(const struct pca_state *s)
{
	size_t i;

	if (s->nlive > 0)
		return texts[TEXT_SINGULAR];
	for (i = 0; i < s->nvar; i++)
		if (s->c.count[i] > 0)
			return texts[TEXT_CONSTANT];
	return texts[TEXT_MISSING];
}

/* How many components hold `variance` of the total; 0 if there is none. */
static size_t
count_kept(const struct pca_state *s)
{
	double total = (double)s->nlive, sum = 0;
	size_t j;

	for (j = 0; j < s->nlive; j++) {
		if (!(s->lambda[j] > LAMBDA_MIN * total))
			break;
		if (j > 0 && sum >= s->conf->variance * total)
			break;
		sum += s->lambda[j];
	}
	return j;
}

/* Variables that take no part have a zero row, so their eigenvalues are 0 and
 * come last. */
static void
end_covariance(struct pca_state *s)
{
	size_t i, j, d = s->nvar;
	double *R = s->work + d * d;

	s->nlive = hf_covar_nlive(&s->c);
	for (i = 0; i < d; i++) {
		for (j = 0; j < i; j++)
			R[hf_tri(i) + j] = hf_covar_corr(&s->c, i, j);
		R[hf_tri(i) + i] = hf_covar_why(&s->c, i) == NULL;
	}
	if (s->nlive > 0 &&
	    hf_la_eigen(R, d, s->lambda, s->P, s->work) == HF_OK)
		s->k = count_kept(s);
	s->has_basis = s->k > 0;
	if (!s->has_basis)
		s->phase = HF_LS_BLIND;
}

/* 0 where the approximation has no value. */
static double
jackson_mudholkar(const struct pca_state *s)
{
	double th1 = 0, th2 = 0, th3 = 0, h0, base, l;
	size_t j;

	for (j = s->k; j < s->nlive; j++) {
		l = s->lambda[j] > 0 ? s->lambda[j] : 0;
		th1 += l;
		th2 += l * l;
		th3 += l * l * l;
	}
	if (!(th2 > 0))
		return 0;
	h0 = 1 - 2 * th1 * th3 / (3 * th2 * th2);
	if (!(h0 > 0))
		return 0;
	base = s->conf->L * sqrt(2 * th2 * h0 * h0) / th1 + 1 +
	       th2 * h0 * (h0 - 1) / (th1 * th1);
	return base > 0 ? th1 * hf_det_pow(base, 1 / h0) : 0;
}

static void
end_learning(struct pca_state *s)
{
	s->limit_t2 = hf_det_chi_square((double)s->k, s->conf->L);
	if (s->limit_t2 < s->conf->factor * s->max_t2)
		s->limit_t2 = s->conf->factor * s->max_t2;
	s->limit_q = 0;
	if (s->k < s->nlive)
		s->limit_q = jackson_mudholkar(s);
	if (s->k < s->nlive && s->limit_q < s->conf->factor * s->max_q)
		s->limit_q = s->conf->factor * s->max_q;
	s->phase = HF_LS_READY;
}

static void
calibrate(struct pca_state *s, const struct hf_step *in)
{
	double t2, q;

	project(s, in);
	t2 = t2_of(s);
	q = q_of(s);
	s->ncal++;
	if (t2 > s->max_t2)
		s->max_t2 = t2;
	if (q > s->max_q)
		s->max_q = q;
}

static bool
has_passed(const struct pca_state *s, int64_t t_ns, double part)
{
	return hf_learn_has_passed(
	    &s->learn, part, s->c.n + s->ncal, s->first_ns, t_ns);
}

static void
learn_step(struct pca_state *s, const struct hf_step *in)
{
	if (s->first_ns == HF_TIME_NONE)
		s->first_ns = in->t_ns;
	if (!s->has_basis && s->c.n >= 2 * s->nvar + 2 &&
	    has_passed(s, in->t_ns, 2.0 / 3))
		end_covariance(s);
	if (s->has_basis && s->ncal > 0 && has_passed(s, in->t_ns, 1))
		end_learning(s);
	if (s->phase != HF_LS_LEARNING)
		return;
	s->last_ns = in->t_ns;
	if (s->has_basis)
		calibrate(s, in);
	else
		hf_covar_add(&s->c, in->x);
}

/* ---- watching ---- */

static void
watch(struct pca_state *s, const struct hf_step *in, struct hf_score *out)
{
	double t2, q, score_t2, score_q = 0;

	project(s, in);
	t2 = t2_of(s);
	q = q_of(s);
	score_t2 = t2 / s->limit_t2;
	if (s->limit_q > 0)
		score_q = q / s->limit_q;
	if (score_q > score_t2) {
		out->statistic = q;
		out->limit = s->limit_q;
		out->score = score_q;
		out->rule = texts[TEXT_Q];
		contribute_q(s, q, out->contrib);
	} else {
		out->statistic = t2;
		out->limit = s->limit_t2;
		out->score = score_t2;
		out->rule = texts[TEXT_T2];
		contribute_t2(s, t2, out->contrib);
	}
	if (!(out->score < HF_SCORE_MAX))
		out->score = HF_SCORE_MAX;
	out->level = HF_LEVEL_WARN;
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct pca_state *s = state;

	if (s->phase == HF_LS_LEARNING)
		learn_step(s, in);
	if (s->phase == HF_LS_READY)
		watch(s, in, out);
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = why_blind(s);
}

/* ---- state ---- */

static void
save(const void *state, struct hf_buf *out)
{
	const struct pca_state *s = state;
	size_t i;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u16(out, (uint16_t)s->nvar);
	hf_buf_u64(out, s->c.n);
	hf_buf_u64(out, s->ncal);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_u16(out, (uint16_t)s->k);
	hf_buf_f64(out, s->max_t2);
	hf_buf_f64(out, s->max_q);
	hf_buf_f64(out, s->limit_t2);
	hf_buf_f64(out, s->limit_q);
	hf_buf_u8(out, s->has_basis);
	hf_covar_save(&s->c, out);
	for (i = 0; i < s->nvar; i++)
		hf_buf_f64(out, s->lambda[i]);
	for (i = 0; i < s->k * s->nvar; i++)
		hf_buf_f64(out, s->P[i]);
}

static bool
is_sound(const struct pca_state *s)
{
	size_t j;

	if (s->phase > HF_LS_BLIND || s->has_basis != (s->k > 0))
		return false;
	if (s->has_basis && s->c.n < 2)
		return false;
	if (s->phase == HF_LS_READY && !s->has_basis)
		return false;
	if (s->phase == HF_LS_READY && !(s->limit_t2 > 0))
		return false;
	for (j = 0; j < s->k; j++)
		if (!(s->lambda[j] > 0))
			return false;
	return true;
}

static int
load(void *state, struct hf_rd *in)
{
	struct pca_state *s = state;
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
	s->k = hf_rd_u16(in);
	s->max_t2 = hf_rd_f64(in);
	s->max_q = hf_rd_f64(in);
	s->limit_t2 = hf_rd_f64(in);
	s->limit_q = hf_rd_f64(in);
	s->has_basis = hf_rd_u8(in) == 1;
	if (s->k > s->nvar || hf_covar_load(&s->c, n, in) != HF_OK)
		return HF_ECORRUPT;
	for (i = 0; i < s->nvar; i++)
		s->lambda[i] = hf_rd_f64(in);
	for (i = 0; i < s->k * s->nvar; i++)
		s->P[i] = hf_rd_f64(in);
	if (!hf_rd_ok(in) || !is_sound(s))
		return HF_ECORRUPT;
	s->nlive = n > 1 ? hf_covar_nlive(&s->c) : 0;
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct pca_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(
			 &s->learn, s->c.n + s->ncal, s->first_ns, s->last_ns)
		   : 1;
}

static double
share_kept(const struct pca_state *s)
{
	double sum = 0;
	size_t j;

	for (j = 0; j < s->k; j++)
		sum += s->lambda[j];
	return s->nlive > 0 ? sum / (double)s->nlive : 0;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct pca_state *s = state;

	hf_jw_ku64(w, "calibration_rows", s->ncal);
	hf_jw_ku64(w, "components", s->k);
	hf_jw_kf64(w, "largest_q", s->max_q);
	hf_jw_kf64(w, "largest_t2", s->max_t2);
	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_rows", s->c.n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_kf64(w, "limit_q", s->limit_q);
	hf_jw_kf64(w, "limit_t2", s->limit_t2);
	hf_jw_ku64(w, "variables_used", s->nlive);
	hf_jw_kf64(w, "variance_kept", share_kept(s));
}

static const char *
why_variable(const void *state, size_t i)
{
	const struct pca_state *s = state;

	return s->has_basis ? hf_covar_why(&s->c, i) : NULL;
}

static int64_t
grid_ns(const void *conf)
{
	return ((const struct hf_pca_conf *)conf)->grid_ns;
}

const struct hf_method hf_method_pca = {
    .kind = {.name = "pca",
	.help = "several tags as one: separates values that go too far "
		"together (T2) from values that no longer fit together (Q)",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_pca_conf),
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
