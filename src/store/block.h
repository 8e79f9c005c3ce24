/* SPDX-License-Identifier: Apache-2.0
 *
 * block.h - samples of one tag in memory, in time order: what a chunk decodes
 * to and what an open chunk grows in.
 *
 * A string value lives in the block's string area; its point's bits hold the
 * reference (offset and length), see hf_strref().
 */
#ifndef HF_STORE_BLOCK_H
#define HF_STORE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_pt {
	int64_t t_ns;	 /* source time, UTC */
	uint64_t bits;	 /* value as in hf_sample.v; HF_V_STR: hf_strref() */
	uint32_t status; /* OPC UA StatusCode */
	uint8_t vtype;	 /* enum hf_vtype */
	uint8_t flags;	 /* enum hf_sample_flag */
	uint16_t unused; /* 0 */
};

struct hf_block {
	struct hf_pt *pt; /* owned */
	size_t n, cap;
	char *str; /* owned; strings back to back */
	size_t str_len, str_cap;
};

#define HF_STRREF_LEN_BITS 16

static inline uint64_t
hf_strref(size_t off, size_t len)
{
	return (uint64_t)off << HF_STRREF_LEN_BITS | (len & 0xffff);
}

static inline size_t
hf_strref_off(uint64_t ref)
{
	return (size_t)(ref >> HF_STRREF_LEN_BITS);
}

static inline size_t
hf_strref_len(uint64_t ref)
{
	return (size_t)(ref & 0xffff);
}

void hf_block_fini(
    struct hf_block *b); /* a zeroed block is a valid empty one */
void hf_block_reset(struct hf_block *b); /* empty, memory kept */
/* Room for n points, str_len string bytes in all; false on no memory. */
bool hf_block_reserve(struct hf_block *b, size_t n, size_t str_len);
/* Inserts *p before index at (<= n). str: the string area that p refers to,
 * NULL for numbers; the bytes are copied. False on no memory. */
bool hf_block_insert(
    struct hf_block *b, size_t at, const struct hf_pt *p, const char *str);
/* Index of the first point with t_ns >= t (lower) or > t (upper). */
size_t hf_block_lower(const struct hf_block *b, int64_t t_ns);
size_t hf_block_upper(const struct hf_block *b, int64_t t_ns);
/* Equal in time, status, type and value (not in flags). */
bool hf_pt_same(const struct hf_pt *a, const char *astr, const struct hf_pt *b,
    const char *bstr);
/* Does the block hold a point equal to *p? */
bool hf_block_has(
    const struct hf_block *b, const struct hf_pt *p, const char *str);
/* Bytes of memory held. */
size_t hf_block_bytes(const struct hf_block *b);

#endif
