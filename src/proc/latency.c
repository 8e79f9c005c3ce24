/* SPDX-License-Identifier: Apache-2.0
 *
 * latency.c - how long things took, as percentiles, in fixed memory.
 *
 * Bucket of a time of t ns: 16 linear steps within each power of two; below 16
 * ns one bucket per ns.
 */
#include "proc/latency.h"

#include <string.h>

#define WINDOW_NS INT64_C(60000000000)
#define STEPS 16

static int
bucket_of(int64_t t_ns)
{
	uint64_t t = t_ns < 0 ? 0 : (uint64_t)t_ns;
	int exp, i;

	if (t < STEPS)
		return (int)t;
	exp = 63 - __builtin_clzll(t); /* t >= 16: exp >= 4 */
	i = (exp - 3) * STEPS + (int)((t >> (exp - 4)) - STEPS);
	return i < HF_LATENCY_NBUCKET ? i : HF_LATENCY_NBUCKET - 1;
}

static int64_t
upper_edge(int i)
{
	int exp;

	if (i < STEPS)
		return i;
	exp = i / STEPS + 3;
	return ((int64_t)(i % STEPS + STEPS + 1) << (exp - 4)) - 1;
}

static void
empty(struct hf_latency *l, int i)
{
	memset(l->n[i], 0, sizeof(l->n[i]));
	l->total[i] = 0;
	l->max_ns[i] = 0;
}

void
hf_latency_add(struct hf_latency *l, int64_t mono_ns, int64_t took_ns)
{
	if (mono_ns - l->turned_ns > 2 * WINDOW_NS)
		empty(l, l->now); /* after a pause both are old */
	if (mono_ns - l->turned_ns > WINDOW_NS) {
		l->now = !l->now;
		empty(l, l->now);
		l->turned_ns = mono_ns;
	}
	l->n[l->now][bucket_of(took_ns)]++;
	l->total[l->now]++;
	if (took_ns > l->max_ns[l->now])
		l->max_ns[l->now] = took_ns;
}

int64_t
hf_latency_quantile(const struct hf_latency *l, double p)
{
	uint64_t total = l->total[0] + l->total[1], seen = 0;
	int64_t max = l->max_ns[0] > l->max_ns[1] ? l->max_ns[0] : l->max_ns[1];
	int i;

	if (total == 0 || p >= 1)
		return total == 0 ? 0 : max;
	for (i = 0; i < HF_LATENCY_NBUCKET; i++) {
		seen += l->n[0][i] + l->n[1][i];
		if ((double)seen >= p * (double)total)
			break;
	}
	return upper_edge(i) < max ? upper_edge(i) : max;
}
