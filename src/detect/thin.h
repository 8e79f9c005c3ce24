/* SPDX-License-Identifier: Apache-2.0
 *
 * thin.h - an evenly thinned sample of a stream of any length, in fixed memory,
 * and median and MAD of it: robust learning without keeping everything.
 *
 * Every stride-th value is kept. When the memory is full, every other value
 * is dropped and the stride doubles, so between half of cap and cap values are
 * kept, equally spaced over all that came. Deterministic.
 */
#ifndef HF_DETECT_THIN_H
#define HF_DETECT_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct hf_thin {
	double *v;	 /* caller's, cap values */
	uint32_t cap;	 /* even, >= 2 */
	uint32_t n;	 /* kept */
	uint32_t stride; /* one of so many is kept */
	uint64_t nseen;
};

void hf_thin_init(struct hf_thin *t, double *v, uint32_t cap);
void hf_thin_add(struct hf_thin *t, double x);
/* Median, and 1.4826 times the median absolute deviation, which is the standard
 * deviation of normal values; false if nothing was kept. Orders v: no more
 * values may be added afterwards. */
bool hf_thin_robust(struct hf_thin *t, double *median, double *sigma);
/* Median of v[n], n > 0; orders v. */
double hf_median(double *v, size_t n);

/* u64 nseen, u32 stride, u32 n, f64 v[n] */
void hf_thin_save(const struct hf_thin *t, struct hf_buf *out);
int hf_thin_load(struct hf_thin *t, struct hf_rd *in); /* HF_ECORRUPT */

#endif
