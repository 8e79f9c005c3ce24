/* SPDX-License-Identifier: Apache-2.0
 *
 * covar.c - means and products of a group, one pass; see covar.h.
 *
 * Update (Welford 1962, for two variables): with d_i = x_i - mean_i before the
 * update of the mean, S_ij += d_i (x_j - mean_j after it). Without gaps this is
 * the sum of products of deviations; a missing value has d = 0 and x - mean =
 * 0, so the row adds nothing to its row and column.
 */
#include "detect/covar.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "detect/linalg.h"

size_t
hf_covar_size(size_t nvar)
{
	return (2 * nvar + hf_tri(nvar)) * sizeof(double) +
	       nvar * sizeof(uint64_t);
}

void
hf_covar_init(struct hf_covar *c, void *mem, size_t nvar)
{
	double *p = mem;

	memset(mem, 0, hf_covar_size(nvar));
	*c = (struct hf_covar){.nvar = nvar,
	    .mean = p,
	    .delta = p + nvar,
	    .sums = p + 2 * nvar,
	    .count = (uint64_t *)(void *)(p + 2 * nvar + hf_tri(nvar))};
}

void
hf_covar_add(struct hf_covar *c, const double *x)
{
	size_t i, j;
	double rest;

	c->n++;
	for (i = 0; i < c->nvar; i++) {
		c->delta[i] = 0;
		if (isnan(x[i]))
			continue;
		c->count[i]++;
		c->delta[i] = x[i] - c->mean[i];
		c->mean[i] += c->delta[i] / (double)c->count[i];
	}
	for (i = 0; i < c->nvar; i++) {
		for (j = 0; j <= i; j++) {
			rest = isnan(x[j]) ? 0 : x[j] - c->mean[j];
			c->sums[hf_tri(i) + j] += c->delta[i] * rest;
		}
	}
}

const char *
hf_covar_why(const struct hf_covar *c, size_t i)
{
	double s = c->sums[hf_tri(i) + i];

	if (c->count[i] < 2 || 2 * c->count[i] < c->n)
		return HF_COVAR_TEXT_MISSING;
	return s > 0 && isfinite(s) ? NULL : HF_COVAR_TEXT_CONSTANT;
}

size_t
hf_covar_nlive(const struct hf_covar *c)
{
	size_t i, n = 0;

	for (i = 0; i < c->nvar; i++)
		n += hf_covar_why(c, i) == NULL;
	return n;
}

double
hf_covar_sd(const struct hf_covar *c, size_t i)
{
	if (hf_covar_why(c, i) != NULL)
		return 0;
	return sqrt(c->sums[hf_tri(i) + i] / (double)(c->count[i] - 1));
}

/* With as many values of i as of j this is the product moment; with gaps the
 * smaller number of common rows makes it nearer to 0, and the matrix is as
 * definite as that of the products: D S D with a positive diagonal D. */
double
hf_covar_corr(const struct hf_covar *c, size_t i, size_t j)
{
	double si, sj;

	if (i == j)
		return 1;
	if (hf_covar_why(c, i) != NULL || hf_covar_why(c, j) != NULL)
		return 0;
	si = sqrt(c->sums[hf_tri(i) + i]);
	sj = sqrt(c->sums[hf_tri(j) + j]);
	return c->sums[i > j ? hf_tri(i) + j : hf_tri(j) + i] / (si * sj);
}

double
hf_covar_unit(const struct hf_covar *c, size_t i, double x)
{
	double sd = hf_covar_sd(c, i);

	return isnan(x) || !(sd > 0) ? 0 : (x - c->mean[i]) / sd;
}

int
hf_covar_factor(
    const struct hf_covar *c, double ridge, uint64_t missing, double *G)
{
	size_t i, j;

	for (i = 0; i < c->nvar; i++) {
		for (j = 0; j < i; j++)
			G[hf_tri(i) + j] =
			    ((missing >> i | missing >> j) & 1) != 0
				? 0
				: hf_covar_corr(c, i, j);
		G[hf_tri(i) + i] = 1 + ridge;
	}
	return hf_la_cholesky(G, c->nvar, G);
}

static uint64_t
missing_of(const struct hf_covar *c, const double *x)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < c->nvar; i++)
		if (isnan(x[i]) && hf_covar_why(c, i) == NULL)
			mask |= UINT64_C(1) << i;
	return mask;
}

const double *
hf_covar_factor_for(const struct hf_covar *c, double ridge, const double *x,
    const double *full, struct hf_covar_gaps *g)
{
	uint64_t missing = missing_of(c, x);

	if (missing == 0)
		return full;
	if (missing != g->missing) {
		g->missing = 0;
		if (hf_covar_factor(c, ridge, missing, g->G) != HF_OK)
			return NULL;
		g->missing = missing;
	}
	return g->G;
}

void
hf_covar_save(const struct hf_covar *c, struct hf_buf *out)
{
	size_t i;

	for (i = 0; i < c->nvar; i++)
		hf_buf_f64(out, c->mean[i]);
	for (i = 0; i < hf_tri(c->nvar); i++)
		hf_buf_f64(out, c->sums[i]);
	for (i = 0; i < c->nvar; i++)
		hf_buf_u64(out, c->count[i]);
}

int
hf_covar_load(struct hf_covar *c, uint64_t n, struct hf_rd *in)
{
	size_t i;

	c->n = n;
	for (i = 0; i < c->nvar; i++)
		c->mean[i] = hf_rd_f64(in);
	for (i = 0; i < hf_tri(c->nvar); i++)
		c->sums[i] = hf_rd_f64(in);
	for (i = 0; i < c->nvar; i++) {
		c->count[i] = hf_rd_u64(in);
		if (c->count[i] > n)
			return HF_ECORRUPT;
	}
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}
