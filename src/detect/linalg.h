/* SPDX-License-Identifier: Apache-2.0
 *
 * linalg.h - the little linear algebra that group methods need, with a fixed
 * order of summation: same input, same bits.
 *
 * Symmetric matrices and lower triangles are packed by rows: entry (i, j), j <=
 * i, stands at hf_tri(i) + j.
 */
#ifndef HF_DETECT_LINALG_H
#define HF_DETECT_LINALG_H

#include <stddef.h>

/* Entries of a packed triangle of d rows; also the place of row d. */
static inline size_t
hf_tri(size_t d)
{
	return d * (d + 1) / 2;
}

/* G of S = G G' (Cholesky), both packed, d rows; may be in place (G == S).
 * HF_ECORRUPT if S is not positive definite; G is then undefined. */
int hf_la_cholesky(const double *S, size_t d, double *G);
/* y = (G G')^-1 b by two triangular solutions; y and b may be the same. */
void hf_la_solve(const double *G, size_t d, const double *b, double *y);
/*
 * Eigenvalues and vectors of a packed symmetric S of d rows by cyclic Jacobi
 * rotations (Golub and Van Loan, Matrix Computations, 8.5).
 *
 * value: d eigenvalues, largest first. vector: row-major [d][d], row j is the
 * unit vector of value[j]; its entry of largest magnitude is positive, so the
 * sign is defined. work: d * d doubles. HF_ECORRUPT if S is not finite or the
 * rotations do not end. About 10 ms for 48 rows.
 */
int hf_la_eigen(
    const double *S, size_t d, double *value, double *vector, double *work);

#endif
