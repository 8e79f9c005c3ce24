/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.h - one stream of samples in time order out of many sorted pieces.
 *
 * Pieces are named first and decoded only when the stream reaches their first
 * time, so memory follows how many overlap, not how many there are. Equal
 * times come in the order of `rank`, which rises with arrival. Used by queries
 * and by the fold.
 */
#ifndef HF_STORE_MERGE_H
#define HF_STORE_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/block.h"

#define HF_MERGE_DEPTH 1024 /* pieces that may overlap at one time */

struct hf_mref {
	int64_t t0_ns, t1_ns; /* first and last sample */
	uint64_t rank;
	uint64_t id;	 /* for load(): row id, or index */
	const void *src; /* for load(): where it lives; NULL = month file */
};

struct hf_merge_ops {
	/* Decodes a piece into *out (empty before). HF_ECORRUPT: left out, the
	 * rest goes on; load counts it. */
	int (*load)(void *arg, const struct hf_mref *ref, struct hf_block *out,
	    struct hf_err *err);
	/* Takes n samples that follow each other; > 0 stops, no error. */
	int (*run)(void *arg, const struct hf_pt *pt, size_t n, const char *str,
	    struct hf_err *err);
};

/* By (t0, rank). */
void hf_mref_sort(struct hf_mref *refs, size_t n);
/* refs must be sorted. HF_ELIMIT beyond HF_MERGE_DEPTH, HF_ENOMEM, or what the
 * callbacks return. */
int hf_merge(const struct hf_mref *refs, size_t n,
    const struct hf_merge_ops *ops, void *arg, struct hf_err *err);

#endif
