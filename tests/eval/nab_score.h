/* SPDX-License-Identifier: Apache-2.0
 *
 * nab_score.h - the scoring rules of the Numenta Anomaly Benchmark.
 *
 * After github.com/numenta/NAB nab/sweeper.py, nab/runner.py and
 * config/profiles.json, in rows:
 *
 *    sigma(y) = 2 / (1 + exp(5 y)) - 1, and -1 for y > 3
 *    rows below probation = min(floor(0.15 n), 750) do not count at all
 *    row i in a window [l, r], both inclusive, w = r - l + 1:
 *        A_tp sigma(-(r - i + 1) / w) / sigma(-1)
 *    row i in none: A_fp sigma((i - r) / (w - 1)), r and w of the last window
 *        that ended before it; -A_fp if there is none
 *    a detection is a score >= threshold; a window counts its best detection,
 *        or -A_fn without one; every detection outside adds up
 *    one threshold for the whole corpus
 *    100 (S - S_null) / (S_perfect - S_null), S_null = -A_fn windows,
 *        S_perfect = A_tp windows
 */
#ifndef HF_TESTS_EVAL_NAB_SCORE_H
#define HF_TESTS_EVAL_NAB_SCORE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define NAB_NWINDOW 16

struct nab_window {
	size_t l, r; /* rows, both inclusive */
};

struct nab_file {
	char name[160];
	size_t n;
	int64_t *t_ns;
	double *x;
	double *score; /* of the detector that is judged; NaN counts as 0 */
	struct nab_window win[NAB_NWINDOW];
	size_t nwin;
};

struct nab_profile {
	const char *name;
	double a_tp, a_fp, a_fn;
};

static const struct nab_profile nab_profiles[] = {
    {"standard", 1, 0.11, 1},
    {"low_fp", 1, 0.22, 1},
    {"low_fn", 1, 0.11, 2},
};
#define NAB_NPROFILE 3

struct nab_count {     /* what a threshold found */
	double score;  /* normalised */
	size_t nfound; /* windows with a detection */
	size_t nfalse; /* detections outside windows */
};

static inline double
nab_sigma(double y)
{
	return y > 3 ? -1 : 2 / (1 + exp(5 * y)) - 1;
}

static inline size_t
nab_probation(size_t n)
{
	size_t p = n * 15 / 100;

	return p < 750 ? p : 750;
}

/* Number of the window that holds row i, or -1; *before: the last one that
 * ended earlier, or -1. Windows are in order. */
static inline int
nab_window_of(const struct nab_file *f, size_t i, int *before)
{
	int k;

	*before = -1;
	for (k = 0; k < (int)f->nwin; k++) {
		if (i < f->win[k].l)
			return -1;
		if (i <= f->win[k].r)
			return k;
		*before = k;
	}
	return -1;
}

/* Weight of a detection at row i: of a hit for its window, or of a false
 * one. */
static inline double
nab_weight(const struct nab_file *f, size_t i, const struct nab_profile *p,
    int *window)
{
	int before, k = nab_window_of(f, i, &before);
	const struct nab_window *w;

	*window = k;
	if (k >= 0) {
		w = &f->win[k];
		return p->a_tp *
		       nab_sigma(-(double)(w->r - i + 1) /
				 (double)(w->r - w->l + 1)) /
		       nab_sigma(-1);
	}
	if (before < 0)
		return -p->a_fp;
	w = &f->win[before];
	if (w->r == w->l)
		return -p->a_fp;
	return p->a_fp * nab_sigma((double)(i - w->r) / (double)(w->r - w->l));
}

static inline size_t
nab_nwindow(const struct nab_file *f, size_t nfile)
{
	size_t i, n = 0;

	for (i = 0; i < nfile; i++)
		n += f[i].nwin;
	return n;
}

static inline double
nab_normalise(double total, size_t nwin, const struct nab_profile *p)
{
	double null = -p->a_fn * (double)nwin;

	return 100 * (total - null) / (p->a_tp * (double)nwin - null);
}

struct nab_row {
	double score, weight;
	int window; /* of the corpus, -1 = false detection */
	uint32_t order;
};

static inline int
nab_row_cmp(const void *a, const void *b)
{
	const struct nab_row *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* All rows that count, highest score first. Caller frees. */
static inline struct nab_row *
nab_rows(const struct nab_file *f, size_t nfile, const struct nab_profile *p,
    size_t *nrow)
{
	size_t i, k, n = 0;
	int base = 0;
	struct nab_row *v;

	for (k = 0; k < nfile; k++)
		n += f[k].n;
	v = calloc(n + 1, sizeof(*v));
	if (v == NULL)
		abort();
	n = 0;
	for (k = 0; k < nfile; k++) {
		for (i = nab_probation(f[k].n); i < f[k].n; i++) {
			struct nab_row *r = &v[n];

			r->weight = nab_weight(&f[k], i, p, &r->window);
			if (r->window >= 0)
				r->window += base;
			r->score = isnan(f[k].score[i]) ? 0 : f[k].score[i];
			r->order = (uint32_t)n++;
		}
		base += (int)f[k].nwin;
	}
	qsort(v, n, sizeof(*v), nab_row_cmp);
	*nrow = n;
	return v;
}

/*
 * Lowers the threshold over every score that occurs. Until `at` is reached if
 * it is not NaN, else over all, keeping the best in *best_at (infinity: no
 * detection at all is best).
 */
static inline struct nab_count
nab_sweep(const struct nab_file *f, size_t nfile, const struct nab_profile *p,
    double at, double *best_at)
{
	size_t nwin = nab_nwindow(f, nfile), n, i, nfound = 0, nfalse = 0;
	struct nab_row *v = nab_rows(f, nfile, p, &n);
	double *hit = calloc(nwin + 1, sizeof(*hit));
	double total = -p->a_fn * (double)nwin;
	struct nab_count now, best = {nab_normalise(total, nwin, p), 0, 0};

	if (hit == NULL)
		abort();
	for (i = 0; i < nwin; i++)
		hit[i] = -p->a_fn;
	if (best_at != NULL)
		*best_at = INFINITY;
	for (i = 0; i < n && !(v[i].score < at); i++) {
		if (v[i].window < 0) {
			total += v[i].weight;
			nfalse++;
		} else if (v[i].weight > hit[v[i].window]) {
			nfound += hit[v[i].window] == -p->a_fn;
			total += v[i].weight - hit[v[i].window];
			hit[v[i].window] = v[i].weight;
		}
		if (i + 1 < n && v[i + 1].score == v[i].score)
			continue;
		now = (struct nab_count){
		    nab_normalise(total, nwin, p), nfound, nfalse};
		if (!isnan(at) || now.score > best.score) {
			best = now;
			if (best_at != NULL)
				*best_at = v[i].score;
		}
	}
	free(hit);
	free(v);
	return best;
}

#endif
