/* SPDX-License-Identifier: Apache-2.0
 *
 * backoff.c - how long to wait before the next try. Waits are spread, so that
 * devices that failed together are not tried together; the spread comes from
 * the device's name, so that a run can be repeated. Pure.
 */
#include "field/backoff.h"

#define JITTER 0.2

/* FNV-1a */
uint64_t
hf_backoff_seed(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return h;
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *prng)
{
	uint64_t z = *prng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int64_t
hf_backoff_ns(uint64_t *prng, int64_t min_ns, int64_t max_ns, unsigned n)
{
	int64_t ns = n < 16 ? min_ns << n : max_ns;
	double unit = (double)(next_random(prng) >> 11) / 9007199254740992.0;

	if (ns > max_ns)
		ns = max_ns;
	return (int64_t)((double)ns * (1 - JITTER + 2 * JITTER * unit));
}
