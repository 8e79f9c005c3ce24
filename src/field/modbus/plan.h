/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - which reads fetch the points of a device with the fewest requests.
 *
 * Pure. Every point is in exactly one block; a block is one read request, and
 * the blocks of a plan only ever split further (what a device refused is learnt
 * by splitting). The algorithm is told in plan.c.
 */
#ifndef HF_FIELD_MODBUS_PLAN_H
#define HF_FIELD_MODBUS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "field/modbus/addr.h"

#define HF_MB_NPOINT 100000 /* points of one device */
#define HF_MB_NO_POINT SIZE_MAX
#define HF_MB_BITS_PER_REG 16 /* gap and span of bit areas, against registers */

struct hf_mb_rules {
	uint16_t gap;  /* unwanted registers that a read may run through */
	uint16_t span; /* registers of one read, 1..125 */
	const struct hf_mb_range *forbidden; /* never read; borrowed */
	size_t nforbidden;
	size_t stamp; /* point of the time register, HF_MB_NO_POINT if none */
};

struct hf_mb_block { /* one read request */
	uint8_t unit, fn;
	uint16_t first, count;
	bool has_stamp; /* the time register lies within */
	int64_t interval_ns;
	size_t item0, nitem; /* its points: plan->items[item0 .. +nitem) */
};

struct hf_mb_plan {
	const struct hf_mb_point *pts; /* borrowed, npt */
	size_t npt;
	struct hf_mb_rules rules;
	uint32_t *items; /* indexes of pts, grouped by block, in each block
				   by address; the stamp is none of them */
	size_t nitem;
	struct hf_mb_block *blocks; /* room for nitem */
	size_t nblock;
};

/*
 * Makes the plan; borrows pts and rules' lists, which outlive it. HF_EINVAL if
 * a point touches a forbidden range or is longer than the span (with its tag),
 * HF_ELIMIT, HF_ENOMEM. plan need not be initialised. O(n log n), plus at most
 * span^2 for the stamp.
 */
int hf_mb_plan_init(struct hf_mb_plan *plan, const struct hf_mb_point *pts,
    size_t npt, const struct hf_mb_rules *rules, struct hf_err *err);
void hf_mb_plan_fini(struct hf_mb_plan *plan);

/* May this point be read at all: span and forbidden ranges. HF_EINVAL. */
int hf_mb_plan_point_ok(const struct hf_mb_point *p,
    const struct hf_mb_rules *rules, struct hf_err *err);

/*
 * Splits a block that the device refused: in two at the middle (the new one is
 * appended, its index is returned), or, for a single point, off the stamp (the
 * block's own index is returned). HF_MB_NO_POINT: nothing is left to split.
 * Points with the same registers stay together.
 */
size_t hf_mb_plan_split(struct hf_mb_plan *plan, size_t block);

/* Requests per second that the plan causes. */
double hf_mb_plan_hz(const struct hf_mb_plan *plan);

#endif
