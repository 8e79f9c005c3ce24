/* SPDX-License-Identifier: Apache-2.0
 *
 * drift.h - has normal running moved away from what was learned? A slow test of
 * the level of a signal's scores; it reports and never learns anew by itself.
 *
 * Reference: the first NREF scores below the limit after learning, NREF half as
 * many as were learned (64 .. 100,000), taken in 8 batches: their mean m and
 * the standard deviation s of the batch means, which contains the memory of the
 * signal. Afterwards z follows the scores below the limit with weight 2 / (NREF
 * + 1), from m on. |z - m| > 4 s + 0.1 (a tenth of the limit, so that a
 * statistically clear nothing is no drift) in NREF / 4 such steps in a row is
 * drift, since the first of them. It ends when z has been back for as long.
 * Alarms are left out: they are told as alarms.
 */
#ifndef HF_DETECT_DRIFT_H
#define HF_DETECT_DRIFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define HF_DRIFT_NBATCH 8

struct hf_drift {
	uint32_t nref;	    /* 0: not yet begun */
	uint64_t n;	    /* scores taken */
	double batch;	    /* sum of the running batch */
	double mean, m2;    /* Welford over the batch means */
	double z;	    /* slow average */
	uint32_t nout, nin; /* steps in a row outside, inside */
	int64_t out_ns;	    /* first of those outside */
	int64_t since_ns;   /* drifted since; HF_TIME_NONE = not */
};

void hf_drift_start(struct hf_drift *d);
/* One score of a signal that is ready; nlearned: steps it learned from. */
void hf_drift_step(
    struct hf_drift *d, int64_t t_ns, double score, uint64_t nlearned);
bool hf_drift_is_on(const struct hf_drift *d);
/* u32 nref, u64 n, f64 batch, mean, m2, z, u32 nout, nin, i64 out, since */
void hf_drift_save(const struct hf_drift *d, struct hf_buf *out);
int hf_drift_load(struct hf_drift *d, struct hf_rd *in); /* HF_ECORRUPT */

#endif
