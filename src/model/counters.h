/* SPDX-License-Identifier: Apache-2.0
 *
 * counters.h - one array of counts per process, named by counters.def.
 */
#ifndef HF_MODEL_COUNTERS_H
#define HF_MODEL_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum hf_counter {
#define C(id, name, help) HF_C_##id,
#include "model/counters.def"
#undef C
	HF_NCOUNTER
};

struct hf_counters {
	uint64_t v[HF_NCOUNTER];
};

struct hf_counter_row {
	const char *name, *help;
};
extern const struct hf_counter_row hf_counter_rows[HF_NCOUNTER];

static inline void
hf_count(struct hf_counters *c, enum hf_counter id, uint64_t n)
{
	c->v[id] += n;
}

/* Non-zero counters only: u16 count, then {u16 id, u64 value} each. */
void hf_counters_encode(const struct hf_counters *c, struct hf_buf *out);
/* Replaces *c. HF_EPROTO on unknown ids or trailing bytes. */
int hf_counters_decode(
    const void *p, size_t n, struct hf_counters *c, struct hf_err *err);

#endif
