/* SPDX-License-Identifier: Apache-2.0
 *
 * linalg.c - Cholesky factor, triangular solutions, Jacobi eigenvalues.
 *
 * Only + - * / and sqrt, which IEEE 754 rounds exactly: no libm in the results.
 * Jacobi was chosen over faster methods since it is short, finds small
 * eigenvalues with small relative error and its order of rotations is fixed.
 */
#include "detect/linalg.h"

#include <math.h>

#include "base/err.h"

#define NSWEEP 60 /* quadratic convergence: 48 rows need about ten */

int
hf_la_cholesky(const double *S, size_t d, double *G)
{
	size_t i, j, k;
	double sum;

	for (i = 0; i < d; i++) {
		for (j = 0; j <= i; j++) {
			sum = S[hf_tri(i) + j];
			for (k = 0; k < j; k++)
				sum -= G[hf_tri(i) + k] * G[hf_tri(j) + k];
			if (i != j)
				G[hf_tri(i) + j] = sum / G[hf_tri(j) + j];
			else if (sum > 0 && isfinite(sum))
				G[hf_tri(i) + i] = sqrt(sum);
			else
				return HF_ECORRUPT;
		}
	}
	return HF_OK;
}

void
hf_la_solve(const double *G, size_t d, const double *b, double *y)
{
	size_t i, k;

	for (i = 0; i < d; i++) {
		y[i] = b[i];
		for (k = 0; k < i; k++)
			y[i] -= G[hf_tri(i) + k] * y[k];
		y[i] /= G[hf_tri(i) + i];
	}
	for (i = d; i-- > 0;) {
		for (k = i + 1; k < d; k++)
			y[i] -= G[hf_tri(k) + i] * y[k];
		y[i] /= G[hf_tri(i) + i];
	}
}

/* Row i of vector, col i and row i of A turn with the angle that makes A[p][q]
 * zero. */
static void
rotate(double *A, double *vector, size_t d, size_t p, size_t q)
{
	double theta, t, c, s, x, y;
	size_t i;

	theta = (A[q * d + q] - A[p * d + p]) / (2 * A[p * d + q]);
	t = 1 / (fabs(theta) + sqrt(theta * theta + 1));
	if (theta < 0)
		t = -t;
	c = 1 / sqrt(t * t + 1);
	s = t * c;
	for (i = 0; i < d; i++) {
		x = A[i * d + p];
		y = A[i * d + q];
		A[i * d + p] = c * x - s * y;
		A[i * d + q] = s * x + c * y;
	}
	for (i = 0; i < d; i++) {
		x = A[p * d + i];
		y = A[q * d + i];
		A[p * d + i] = c * x - s * y;
		A[q * d + i] = s * x + c * y;
		x = vector[p * d + i];
		y = vector[q * d + i];
		vector[p * d + i] = c * x - s * y;
		vector[q * d + i] = s * x + c * y;
	}
	A[p * d + q] = A[q * d + p] = 0;
}

/* One pass over all pairs. Returns how many were not yet zero. An entry so
 * small that adding it to the diagonal changes nothing is zero. */
static size_t
sweep(double *A, double *vector, size_t d)
{
	size_t p, q, n = 0;

	for (p = 0; p < d; p++) {
		for (q = p + 1; q < d; q++) {
			double a = fabs(A[p * d + q]) * 0x1p-2;

			if (fabs(A[p * d + p]) + a == fabs(A[p * d + p]) &&
			    fabs(A[q * d + q]) + a == fabs(A[q * d + q])) {
				A[p * d + q] = A[q * d + p] = 0;
				continue;
			}
			rotate(A, vector, d, p, q);
			n++;
		}
	}
	return n;
}

static void
swap_rows(double *v, size_t d, size_t a, size_t b)
{
	double x;
	size_t i;

	for (i = 0; a != b && i < d; i++) {
		x = v[a * d + i];
		v[a * d + i] = v[b * d + i];
		v[b * d + i] = x;
	}
}

static void
set_sign(double *v, size_t d)
{
	double sign;
	size_t i, best = 0;

	for (i = 1; i < d; i++)
		if (fabs(v[i]) > fabs(v[best]))
			best = i;
	sign = v[best] < 0 ? -1 : 1;
	for (i = 0; i < d; i++)
		v[i] *= sign;
}

/* Largest first; of equal ones the earlier stays first. */
static void
sort(double *value, double *vector, size_t d)
{
	size_t i, j, best;
	double x;

	for (i = 0; i < d; i++) {
		best = i;
		for (j = i + 1; j < d; j++)
			if (value[j] > value[best])
				best = j;
		x = value[i];
		value[i] = value[best];
		value[best] = x;
		swap_rows(vector, d, i, best);
		set_sign(vector + i * d, d);
	}
}

int
hf_la_eigen(
    const double *S, size_t d, double *value, double *vector, double *work)
{
	size_t i, j;
	int k;

	for (i = 0; i < d; i++) {
		for (j = 0; j <= i; j++) {
			if (!isfinite(S[hf_tri(i) + j]))
				return HF_ECORRUPT;
			work[i * d + j] = work[j * d + i] = S[hf_tri(i) + j];
			vector[i * d + j] = vector[j * d + i] = i == j;
		}
	}
	for (k = 0; k < NSWEEP && sweep(work, vector, d) > 0; k++)
		;
	if (k == NSWEEP)
		return HF_ECORRUPT;
	for (i = 0; i < d; i++)
		value[i] = work[i * d + i];
	sort(value, vector, d);
	return HF_OK;
}
