/* SPDX-License-Identifier: Apache-2.0
 *
 * skab_score.h - the scoring rules of the Skoltech Anomaly Benchmark.
 *
 * After github.com/waico/SKAB core/metrics.py and its notebooks. Rows 0..399 of
 * a file are for training, the rest is test; the test rows of all files are
 * pooled:
 *
 *    F1 = 2 TP / (2 TP + FP + FN), FAR = FP / (FP + TN), MAR = FN / (FN + TP)
 *
 * Changepoints. A detection is a test row whose prediction differs from the row
 * before (the first test row: a prediction of 1). Each true changepoint has a
 * window of 60 s to its right, [t, t + 60 s]; where two would overlap the
 * earlier one ends before the later changepoint. The first detection inside
 * scores
 *
 *    (A_tp - A_fp) / 2 (1 - tanh(x) / tanh(pi / 2)) + A_fp,
 *
 * x linear from -pi/2 to pi/2 over the 60 s; a window without one costs A_fn, a
 * detection in no window A_fp. Normalised as in NAB.
 */
#ifndef HF_TESTS_EVAL_SKAB_SCORE_H
#define HF_TESTS_EVAL_SKAB_SCORE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SKAB_NTRAIN 400
#define SKAB_NVAR 8
#define SKAB_WINDOW_NS INT64_C(60000000000)

struct skab_file {
	char name[64];
	size_t n;
	int64_t *t_ns;
	double (*x)[SKAB_NVAR];
	uint8_t *anomaly, *changepoint; /* labels; NULL without */
	double *score;
	uint8_t *found; /* the detector's prediction, 0 or 1 */
};

struct skab_count {
	size_t tp, fp, tn, fn;
};

static inline void
skab_pool(const struct skab_file *f, struct skab_count *c)
{
	size_t i;

	for (i = SKAB_NTRAIN; i < f->n; i++) {
		if (f->anomaly[i])
			f->found[i] ? c->tp++ : c->fn++;
		else
			f->found[i] ? c->fp++ : c->tn++;
	}
}

static inline double
skab_ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static inline double
skab_f1(const struct skab_count *c)
{
	return skab_ratio(
	    2 * (double)c->tp, (double)(2 * c->tp + c->fp + c->fn));
}

static inline double
skab_far(const struct skab_count *c)
{
	return skab_ratio((double)c->fp, (double)(c->fp + c->tn));
}

static inline double
skab_mar(const struct skab_count *c)
{
	return skab_ratio((double)c->fn, (double)(c->fn + c->tp));
}

struct skab_profile {
	const char *name;
	double a_tp, a_fp, a_fn;
};

static const struct skab_profile skab_profiles[] = {
    {"standard", 1, -0.11, -1},
    {"low_fp", 1, -0.22, -1},
    {"low_fn", 1, -0.11, -2},
};
#define SKAB_NPROFILE 3

static inline bool
skab_is_detection(const struct skab_file *f, size_t i)
{
	return i == SKAB_NTRAIN ? f->found[i] == 1
				: f->found[i] != f->found[i - 1];
}

static inline double
skab_hit(const struct skab_profile *p, int64_t after_ns)
{
	double half = acos(-1) / 2;
	double x = -half + 2 * half * (double)after_ns / (double)SKAB_WINDOW_NS;

	return (p->a_tp - p->a_fp) / 2 * (1 - tanh(x) / tanh(half)) + p->a_fp;
}

/* Adds the score of one file to *sum, its changepoints to *n. */
static inline void
skab_changepoints(const struct skab_file *f, const struct skab_profile *p,
    double *sum, size_t *n)
{
	bool has_window = false, is_hit = true;
	int64_t from = 0;
	size_t i;

	for (i = SKAB_NTRAIN; i < f->n; i++) {
		if (f->changepoint[i]) {
			*sum += is_hit ? 0 : p->a_fn;
			from = f->t_ns[i];
			has_window = true;
			is_hit = false;
			(*n)++;
		}
		if (!skab_is_detection(f, i))
			continue;
		if (!has_window || f->t_ns[i] - from > SKAB_WINDOW_NS)
			*sum += p->a_fp;
		else if (!is_hit) {
			*sum += skab_hit(p, f->t_ns[i] - from);
			is_hit = true;
		}
	}
	*sum += is_hit ? 0 : p->a_fn;
}

static inline double
skab_normalise(double sum, size_t n, const struct skab_profile *p)
{
	double null = p->a_fn * (double)n;

	return 100 * (sum - null) / (p->a_tp * (double)n - null);
}

#endif
