/* SPDX-License-Identifier: Apache-2.0
 *
 * budget.c - from scores of normal running to a limit; see budget.h.
 *
 * Scores follow one another closely: ten exceedances in a row are one alarm.
 * So not steps are counted but episodes, and as the alarm layer would:
 *
 * - k of n: "k of the last n scores reach x" is the same as "the k-th largest
 *   of the last n scores reaches x". That k-th largest is what is looked at.
 * - The calibration (last third of the learning span) is cut into 64 blocks of
 *   equal length; of each only the largest value counts. An episode makes one
 *   block large, or two where it lies across a border, and a refractory time
 *   joins what lies apart: the estimate errs towards fewer alarms.
 *
 * Tail. On the scale of deviations (the root of T2 and Q), let u be the median
 * of the m block values and y the K = m / 2 excesses above it. Generalised
 * Pareto by L-moments (Hosking and Wallis 1987): l1 = mean y, l2 = half the
 * mean difference of two,
 *
 *    xi = 2 - l1 / l2,   sigma = l1 (1 - xi)
 *
 * xi is taken less its standard error 1 / sqrt(K) and cut to 0 .. 0.5: what
 * cannot be told from an exponential tail is one. Both things that are
 * estimated are taken at a one-sided bound of 97.5 %, together 95 %
 * (Bonferroni): sigma, since 2 K s / sigma is chi-square with 2 K degrees; and
 * the number of blocks above u, Poisson. With p the allowed share of blocks,
 *
 *    x = u + sigma / xi ((K_up / (m p))^xi - 1)
 *    x = u + sigma ln(K_up / (m p)) at xi 0
 *
 * p = rate * length of a block. Too short: where the calibration is shorter
 * than 1 / rate, less than one false alarm was to be seen, x is beyond the
 * sample and rests on the shape alone. Then x is at least 1.75 times the
 * largest value seen, and `holdfast detectors` says that it is a guess. The
 * same where fewer than 16 blocks have a value.
 *
 * The expected rate shown is the plain estimate without the bounds: it is below
 * the budget by design.
 */
#include "detect/budget.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/detmath.h"
#include "detect/learn.h"
#include "detect/thin.h"

#define METHOD_PART (2.0 / 3) /* of the span: the method's */
#define NCAL_MIN 16	      /* steps that a calibration needs */
#define NBLOCK_MIN 16	      /* blocks that a tail needs */
#define Z_BOUND 1.959964      /* normal quantile of 0.975 */
#define XI_MAX 0.5
#define FACTOR_MIN 1e-3 /* so that a flat calibration divides by something */
#define WEEK_S (7.0 * 86400)

struct hf_learn
hf_budget_learn(const struct hf_learn *l)
{
	struct hf_learn part = *l;

	if (part.dur_ns > 0)
		part.dur_ns = part.dur_ns / 3 * 2;
	if (part.nsample > 2)
		part.nsample = part.nsample / 3 * 2;
	return part;
}

void
hf_budget_start(struct hf_budget *b, const struct hf_budget_conf *c)
{
	size_t i;

	*b = (struct hf_budget){.conf = c,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE,
	    .cal_ns = HF_TIME_NONE};
	for (i = 0; i < HF_BUDGET_NBLOCK; i++)
		b->block[i] = -1;
	for (i = 0; i < HF_BUDGET_NRING; i++)
		b->ring[i] = -1;
}

double
hf_budget_progress(const struct hf_budget *b)
{
	if (b->is_done)
		return 1;
	return hf_learn_progress(
	    &b->conf->learn, b->n, b->first_ns, b->last_ns);
}

/* ---- the sample ---- */

/* The k-th largest of the last n scores; -1 until there are n. */
static double
kth_largest(struct hf_budget *b, double score)
{
	uint32_t n = b->conf->n, k = b->conf->k, i, j, above;

	if (n > HF_BUDGET_NRING)
		return score; /* not followed: errs towards fewer alarms */
	b->ring[(b->ncal - 1) % n] = score;
	for (i = 0; i < n; i++) {
		for (above = 0, j = 0; j < n; j++)
			above += b->ring[j] > b->ring[i] ||
				 (b->ring[j] == b->ring[i] && j < i);
		if (above == k - 1)
			return b->ring[i];
	}
	return -1;
}

/* Which block the newest step belongs to: by progress through the last third,
 * so that it is right in samples and in time. */
static size_t
block_at(const struct hf_budget *b)
{
	double at = (hf_budget_progress(b) - METHOD_PART) / (1 - METHOD_PART);

	at *= HF_BUDGET_NBLOCK;
	if (!(at > 0))
		return 0;
	return at < HF_BUDGET_NBLOCK ? (size_t)at : HF_BUDGET_NBLOCK - 1;
}

static void
take(struct hf_budget *b, int64_t t_ns, double score)
{
	size_t i;
	double v;

	if (b->ncal == 0)
		b->cal_ns = t_ns;
	b->ncal++;
	v = kth_largest(b, score);
	i = block_at(b);
	if (v > b->block[i])
		b->block[i] = v;
}

static double
span_s(const struct hf_budget *b)
{
	if (b->ncal == 0)
		return 0;
	return (double)((uint64_t)b->last_ns - (uint64_t)b->cal_ns) /
	       (double)HF_NS_PER_S;
}

bool
hf_budget_step(struct hf_budget *b, int64_t t_ns, double score)
{
	if (b->is_done)
		return true;
	if (b->ncal >= NCAL_MIN && b->last_ns > b->cal_ns &&
	    hf_learn_has_passed(&b->conf->learn, 1, b->n, b->first_ns, t_ns)) {
		hf_budget_estimate(b->conf, b->block, span_s(b), &b->fit);
		b->is_done = true;
		return true;
	}
	if (b->n++ == 0)
		b->first_ns = t_ns;
	b->last_ns = t_ns;
	if (!isnan(score))
		take(b, t_ns, score);
	return false;
}

/* ---- the estimate ---- */

struct tail {
	double u, sigma, xi; /* of the excesses over u */
	uint32_t m, K;	     /* blocks; those above u */
};

static double
excess(const struct tail *t, double sigma, double ratio)
{
	if (!(ratio > 1))
		return 0;
	if (t->xi > 0)
		return sigma / t->xi * (hf_det_pow(ratio, t->xi) - 1);
	return sigma * hf_det_log(ratio);
}

/* v: m block values in rising order. */
static void
fit_tail(const double *v, uint32_t m, struct tail *t)
{
	double l1 = 0, b1 = 0, l2;
	uint32_t i, K = m / 2;

	*t = (struct tail){.m = m, .K = K, .u = v[m - K - 1]};
	for (i = 0; i < K; i++) {
		double y = v[m - K + i] - t->u;

		l1 += y / K;
		b1 += y / K * i / (K - 1);
	}
	l2 = 2 * b1 - l1;
	t->sigma = l1;
	if (!(l2 > 0))
		return;
	t->xi = 2 - l1 / l2 - 1 / sqrt(K);
	if (!(t->xi > 0))
		t->xi = 0;
	if (t->xi > XI_MAX)
		t->xi = XI_MAX;
	t->sigma = l1 * (1 - t->xi);
}

/* False alarms per second at limit x, without bounds. */
static double
rate_at(const struct tail *t, double x, double span)
{
	double y = x - t->u, p = 1;

	if (y > 0 && t->sigma > 0) {
		p = t->xi > 0 ? hf_det_pow(1 + t->xi * y / t->sigma, -1 / t->xi)
			      : hf_det_exp(-y / t->sigma);
	} else if (y > 0) {
		p = 0;
	}
	return p * t->K / span;
}

/* Block values in rising order on the scale of deviations; returns how many. */
static uint32_t
collect(const struct hf_budget_conf *c, const double *block, double *v)
{
	uint32_t m = 0;
	size_t i;

	for (i = 0; i < HF_BUDGET_NBLOCK; i++)
		if (block[i] >= 0)
			v[m++] = c->is_quadratic ? sqrt(block[i]) : block[i];
	if (m > 0)
		(void)hf_median(v, m); /* orders them */
	return m;
}

void
hf_budget_estimate(const struct hf_budget_conf *c, const double *block,
    double span, struct hf_budget_fit *fit)
{
	double v[HF_BUDGET_NBLOCK], x = 0, largest, K_up, sigma_up;
	struct tail t = {0};
	uint32_t m = collect(c, block, v);

	largest = m > 0 ? v[m - 1] : 0;
	*fit = (struct hf_budget_fit){.nblock = m,
	    .span_s = span,
	    .expected_hz = NAN,
	    .is_short = m < NBLOCK_MIN || span * c->rate_hz < 1};
	if (m >= NBLOCK_MIN) {
		fit_tail(v, m, &t);
		K_up = hf_det_chi_square(2.0 * (t.K + 1), Z_BOUND) / 2;
		sigma_up =
		    t.sigma * 2 * t.K / hf_det_chi_square(2.0 * t.K, -Z_BOUND);
		x = t.u + excess(&t, sigma_up, K_up / (c->rate_hz * span));
	}
	if (fit->is_short && x < HF_BUDGET_BEYOND * largest) {
		x = HF_BUDGET_BEYOND * largest;
		fit->is_largest = true;
	}
	if (m >= NBLOCK_MIN)
		fit->expected_hz = rate_at(&t, x, span);
	if (!(x > FACTOR_MIN))
		x = FACTOR_MIN;
	fit->factor = c->is_quadratic ? x * x : x;
	fit->largest = c->is_quadratic ? largest * largest : largest;
}

/* ---- for people ---- */

void
hf_budget_explain(const struct hf_budget *b, struct hf_jw *w)
{
	const struct hf_budget_fit *f = &b->fit;
	char span[HF_TIME_TEXT];
	struct hf_buf text;

	hf_jw_ku64(w, "blocks", b->is_done ? f->nblock : 0);
	hf_jw_kf64(w, "budget_per_week", b->conf->rate_hz * WEEK_S);
	hf_jw_ku64(w, "calibration_steps", b->ncal);
	hf_jw_kf64(
	    w, "expected_per_week", b->is_done ? f->expected_hz * WEEK_S : NAN);
	hf_jw_kf64(w, "factor", b->is_done ? f->factor : NAN);
	hf_jw_kf64(w, "largest", b->is_done ? f->largest : NAN);
	hf_jw_kbool(w, "too_short", b->is_done && f->is_short);
	if (!b->is_done || !f->is_short) {
		hf_jw_kstr(w, "warning", NULL);
		return;
	}
	hf_buf_init(&text, 400);
	hf_buf_printf(&text,
	    "the learning span leaves %s to measure false alarms, too short "
	    "for %.3g per week: the limit is %s",
	    hf_dur_fmt((int64_t)f->span_s * HF_NS_PER_S, span),
	    b->conf->rate_hz * WEEK_S,
	    f->is_largest ? "the largest score seen x 1.75"
			  : "an estimate far beyond what was seen");
	hf_jw_kstr(w, "warning", hf_buf_ok(&text) ? hf_buf_cstr(&text) : "");
	hf_buf_fini(&text);
}

/* ---- state ---- */

void
hf_budget_save(const struct hf_budget *b, struct hf_buf *out)
{
	uint32_t i, n = b->conf->n;

	hf_buf_u8(out, b->is_done);
	hf_buf_u64(out, b->n);
	hf_buf_i64(out, b->first_ns);
	hf_buf_i64(out, b->last_ns);
	hf_buf_u64(out, b->ncal);
	hf_buf_i64(out, b->cal_ns);
	for (i = 0; i < HF_BUDGET_NBLOCK; i++)
		hf_buf_f64(out, b->block[i]);
	if (n > HF_BUDGET_NRING)
		n = 0;
	hf_buf_u32(out, n);
	for (i = 0; i < n; i++)
		hf_buf_f64(out, b->ring[i]);
}

int
hf_budget_load(struct hf_budget *b, struct hf_rd *in)
{
	uint32_t i, n;

	b->is_done = hf_rd_u8(in) == 1;
	b->n = hf_rd_u64(in);
	b->first_ns = hf_rd_i64(in);
	b->last_ns = hf_rd_i64(in);
	b->ncal = hf_rd_u64(in);
	b->cal_ns = hf_rd_i64(in);
	for (i = 0; i < HF_BUDGET_NBLOCK; i++) {
		b->block[i] = hf_rd_f64(in);
		if (isnan(b->block[i]))
			return HF_ECORRUPT;
	}
	n = hf_rd_u32(in);
	if (!hf_rd_ok(in) || n > HF_BUDGET_NRING ||
	    n != (b->conf->n > HF_BUDGET_NRING ? 0 : b->conf->n))
		return HF_ECORRUPT;
	for (i = 0; i < n; i++) {
		b->ring[i] = hf_rd_f64(in);
		if (isnan(b->ring[i]))
			return HF_ECORRUPT;
	}
	if (!hf_rd_ok(in) || (b->is_done && b->last_ns <= b->cal_ns))
		return HF_ECORRUPT;
	if (b->is_done)
		hf_budget_estimate(b->conf, b->block, span_s(b), &b->fit);
	return HF_OK;
}
