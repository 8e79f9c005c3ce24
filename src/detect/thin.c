/* SPDX-License-Identifier: Apache-2.0
 *
 * thin.c - thinned samples, median and MAD; see thin.h.
 *
 * Sorting is a plain heap sort: no recursion, no allocation, n log n also for
 * sorted input, and the result does not depend on a library's qsort.
 */
#include "detect/thin.h"

#include <math.h>

#include "base/err.h"

#define MAD_TO_SIGMA 1.4826 /* 1 / quantile(3/4) of the normal distribution */

void
hf_thin_init(struct hf_thin *t, double *v, uint32_t cap)
{
	*t = (struct hf_thin){.v = v, .cap = cap & ~1u, .stride = 1};
}

void
hf_thin_add(struct hf_thin *t, double x)
{
	uint32_t i;

	if (t->nseen++ % t->stride != 0)
		return;
	if (t->n == t->cap) {
		for (i = 0; i < t->cap / 2; i++)
			t->v[i] = t->v[2 * i];
		t->n = t->cap / 2;
		t->stride *= 2;
		/* cap is even: this value is one that the new stride keeps */
	}
	t->v[t->n++] = x;
}

static void
sift_down(double *v, size_t i, size_t n)
{
	size_t child;
	double x = v[i];

	for (child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[child] <= x)
			break;
		v[i] = v[child];
	}
	v[i] = x;
}

static void
heap_sort(double *v, size_t n)
{
	size_t i;
	double x;

	for (i = n / 2; i-- > 0;)
		sift_down(v, i, n);
	for (i = n; i-- > 1;) {
		x = v[0];
		v[0] = v[i];
		v[i] = x;
		sift_down(v, 0, i);
	}
}

double
hf_median(double *v, size_t n)
{
	heap_sort(v, n);
	return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

bool
hf_thin_robust(struct hf_thin *t, double *median, double *sigma)
{
	uint32_t i;

	if (t->n == 0)
		return false;
	*median = hf_median(t->v, t->n);
	for (i = 0; i < t->n; i++)
		t->v[i] = fabs(t->v[i] - *median);
	*sigma = MAD_TO_SIGMA * hf_median(t->v, t->n);
	return true;
}

void
hf_thin_save(const struct hf_thin *t, struct hf_buf *out)
{
	uint32_t i;

	hf_buf_u64(out, t->nseen);
	hf_buf_u32(out, t->stride);
	hf_buf_u32(out, t->n);
	for (i = 0; i < t->n; i++)
		hf_buf_f64(out, t->v[i]);
}

int
hf_thin_load(struct hf_thin *t, struct hf_rd *in)
{
	uint32_t i;

	t->nseen = hf_rd_u64(in);
	t->stride = hf_rd_u32(in);
	t->n = hf_rd_u32(in);
	if (!hf_rd_ok(in) || t->n > t->cap || t->stride == 0)
		return HF_ECORRUPT;
	for (i = 0; i < t->n; i++)
		t->v[i] = hf_rd_f64(in);
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}
