/* SPDX-License-Identifier: Apache-2.0
 *
 * counters.c - the counts of one process on the wire.
 *
 * Payload of COUNTERS, little-endian:
 *    0  u16  n, number of entries
 *    2  n x { u16 id (enum hf_counter), u64 value (> 0) }
 * Ids rise strictly, so that there is one encoding of a set of counts. Ids are
 * positions in counters.def: sender and receiver are the same program.
 */
#include "model/counters.h"

#define ENTRY_BYTES 10

const struct hf_counter_row hf_counter_rows[HF_NCOUNTER] = {
#define C(id, name, help) [HF_C_##id] = {name, help},
#include "model/counters.def"
#undef C
};

_Static_assert(2 + HF_NCOUNTER * ENTRY_BYTES <= 4096,
    "COUNTERS in msgs.def allows 4096 bytes");

void
hf_counters_encode(const struct hf_counters *c, struct hf_buf *out)
{
	uint16_t n = 0;
	size_t i;

	for (i = 0; i < HF_NCOUNTER; i++)
		n += c->v[i] != 0;
	hf_buf_u16(out, n);
	for (i = 0; i < HF_NCOUNTER; i++) {
		if (c->v[i] == 0)
			continue;
		hf_buf_u16(out, (uint16_t)i);
		hf_buf_u64(out, c->v[i]);
	}
}

int
hf_counters_decode(
    const void *p, size_t n, struct hf_counters *c, struct hf_err *err)
{
	struct hf_counters got = {0};
	struct hf_rd r;
	size_t nentry, i;
	int id, last = -1;

	hf_rd_init(&r, p, n);
	nentry = hf_rd_u16(&r);
	if (!hf_rd_ok(&r) || hf_rd_left(&r) != nentry * ENTRY_BYTES)
		return HF_FAIL(err, HF_EPROTO,
		    "counters: %zu bytes do not hold %zu entries", n, nentry);
	for (i = 0; i < nentry; i++) {
		id = hf_rd_u16(&r);
		if (id >= HF_NCOUNTER || id <= last)
			return HF_FAIL(err, HF_EPROTO,
			    "counters: id %d unknown or out of order", id);
		got.v[id] = hf_rd_u64(&r);
		if (got.v[id] == 0)
			return HF_FAIL(
			    err, HF_EPROTO, "counters: id %d is zero", id);
		last = id;
	}
	*c = got;
	return HF_OK;
}
