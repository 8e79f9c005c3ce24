/* SPDX-License-Identifier: Apache-2.0
 *
 * latency.h - how long things took, as percentiles, in fixed memory.
 *
 * Log-linear buckets: 16 per octave, so a percentile is exact to 6 %. Two
 * windows of a minute each turn: what is shown covers at most two minutes up to
 * the last addition. One thread.
 */
#ifndef HF_PROC_LATENCY_H
#define HF_PROC_LATENCY_H

#include <stdint.h>

#define HF_LATENCY_NBUCKET 640 /* up to 2^43 ns, 2 hours */

struct hf_latency {
	uint32_t n[2][HF_LATENCY_NBUCKET];
	uint64_t total[2];
	int64_t max_ns[2];
	int64_t turned_ns; /* monotonic time of the last turn */
	int now;	   /* window being filled */
};

void hf_latency_add(struct hf_latency *l, int64_t mono_ns, int64_t took_ns);
/* Upper edge of the bucket in which the p-quantile lies (0 < p <= 1); 0 if
 * nothing was added. p 1 gives the exact maximum. */
int64_t hf_latency_quantile(const struct hf_latency *l, double p);

#endif
