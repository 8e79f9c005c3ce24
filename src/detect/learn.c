/* SPDX-License-Identifier: Apache-2.0
 *
 * learn.c - how much of a learning span has passed; for every method that
 * learns.
 */
#include "detect/learn.h"

#include "base/time.h"

/* Differences of times in u64: they are exact over the whole range of int64. */
static double
span_ns(int64_t first_ns, int64_t now_ns)
{
	return (double)((uint64_t)now_ns - (uint64_t)first_ns);
}

bool
hf_learn_has_passed(const struct hf_learn *l, double part, uint64_t n,
    int64_t first_ns, int64_t now_ns)
{
	if (l->nsample > 0)
		return (double)n >= part * (double)l->nsample;
	return first_ns != HF_TIME_NONE &&
	       span_ns(first_ns, now_ns) >= part * (double)l->dur_ns;
}

double
hf_learn_progress(
    const struct hf_learn *l, uint64_t n, int64_t first_ns, int64_t now_ns)
{
	double p;

	if (first_ns == HF_TIME_NONE)
		return 0;
	if (l->nsample > 0)
		p = (double)n / (double)l->nsample;
	else
		p = span_ns(first_ns, now_ns) / (double)l->dur_ns;
	return p < 1 ? p : 1;
}
