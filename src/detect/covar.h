/* SPDX-License-Identifier: Apache-2.0
 *
 * covar.h - what a group of tags looks like in normal running: means, standard
 * deviations and correlations, learned in one pass with gaps allowed.
 *
 * A row may lack values. Each variable has its own count and mean (Welford); a
 * missing value adds nothing to the products, which keeps the matrix of
 * products positive semidefinite but for terms of 1/n. A variable that was
 * constant, or missing in more than half of the rows, takes no further part:
 * the model watches the others, and why() says which do not take part.
 */
#ifndef HF_DETECT_COVAR_H
#define HF_DETECT_COVAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct hf_covar {
	size_t nvar;
	uint64_t n;	 /* rows learned */
	double *mean;	 /* [nvar] */
	double *sums;	 /* products of deviations, packed triangle */
	uint64_t *count; /* [nvar] values seen */
	double *delta;	 /* [nvar] work */
};

#define HF_COVAR_TEXT_CONSTANT "constant while learning"
#define HF_COVAR_TEXT_MISSING "missing while learning"

/* Bytes of memory for nvar variables; 8-byte aligned. */
size_t hf_covar_size(size_t nvar);
/* Lays c out in mem, empty. */
void hf_covar_init(struct hf_covar *c, void *mem, size_t nvar);
void hf_covar_add(struct hf_covar *c, const double *x); /* NaN = missing */
/* Why variable i takes no part (static text), NULL if it does; n >= 2. */
const char *hf_covar_why(const struct hf_covar *c, size_t i);
size_t hf_covar_nlive(const struct hf_covar *c);
double hf_covar_sd(const struct hf_covar *c, size_t i); /* 0 if not live */
/* Correlation of i and j; 1 if equal, 0 if one takes no part. */
double hf_covar_corr(const struct hf_covar *c, size_t i, size_t j);
/* (x - mean) / sd; 0 where x is missing or i takes no part. */
double hf_covar_unit(const struct hf_covar *c, size_t i, double x);

/*
 * Factor of the correlation matrix for a row in which some values are missing.
 *
 * A variable with its bit in `missing` is cut from the others (its row is that
 * of the identity), so a quadratic form with u = 0 in its place is that of the
 * values there are, as if the others alone had been learned: a gap can hide an
 * anomaly but never makes one. To put the mean in its place would: the others
 * far out together with one at its mean is a broken relation.
 *
 * G: packed triangle, nvar rows. HF_ECORRUPT if not positive definite.
 */
int hf_covar_factor(
    const struct hf_covar *c, double ridge, uint64_t missing, double *G);

/* The factor for the gaps of the newest row; made anew only when they change.
 * Not saved: it follows from the row. */
struct hf_covar_gaps {
	uint64_t missing; /* 0: none, G is not used */
	double *G;	  /* caller's packed triangle */
};
/* The factor to use for row x: `full` (of no gaps) or g's. NULL if there is
 * none. */
const double *hf_covar_factor_for(const struct hf_covar *c, double ridge,
    const double *x, const double *full, struct hf_covar_gaps *g);

/* f64 mean[nvar], sums[], u64 count[nvar]; n is the caller's to keep */
void hf_covar_save(const struct hf_covar *c, struct hf_buf *out);
int hf_covar_load(struct hf_covar *c, uint64_t n, struct hf_rd *in);

#endif
