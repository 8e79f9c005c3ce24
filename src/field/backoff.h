/* SPDX-License-Identifier: Apache-2.0
 *
 * backoff.h - how long to wait before the next try, the same in every run.
 */
#ifndef HF_FIELD_BACKOFF_H
#define HF_FIELD_BACKOFF_H

#include <stdint.h>

/* Of a device's name: the same phases and back-off in every run. */
uint64_t hf_backoff_seed(const char *name);
/* min, 2 min, 4 min ... max for n = 0, 1, 2 ..., each +-20 % from *prng. */
int64_t hf_backoff_ns(
    uint64_t *prng, int64_t min_ns, int64_t max_ns, unsigned n);

#endif
