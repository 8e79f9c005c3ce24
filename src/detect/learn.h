/* SPDX-License-Identifier: Apache-2.0
 *
 * learn.h - how much of a learning span has passed; for every method that
 * learns.
 *
 * A span is given in source time or in samples (struct hf_learn), never in wall
 * time: a replayed past learns as it did live.
 */
#ifndef HF_DETECT_LEARN_H
#define HF_DETECT_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

/* Share of the span that has passed, 0..1. n: samples taken so far; first_ns:
 * time of the first, HF_TIME_NONE before it; now_ns: time of the newest. */
double hf_learn_progress(
    const struct hf_learn *l, uint64_t n, int64_t first_ns, int64_t now_ns);
/* Has `part` (0..1) of the span passed? */
bool hf_learn_has_passed(const struct hf_learn *l, double part, uint64_t n,
    int64_t first_ns, int64_t now_ns);

#endif
