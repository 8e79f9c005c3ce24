/* SPDX-License-Identifier: Apache-2.0
 *
 * open.h - open chunks: the durable samples of one tag that no month file
 * holds yet.
 *
 * One struct hf_open per tag and month. It grows to 512 samples, kept sorted;
 * then it is encoded in place to a sealed chunk and grows anew. So a busy tag
 * costs a few bytes a sample until the fold, an idle one 1.5 KB.
 */
#ifndef HF_STORE_OPEN_H
#define HF_STORE_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/block.h"
#include "store/chunk.h"
#include "store/merge.h"

#define HF_OPEN_MAX 512		/* samples before it is sealed */
#define HF_OPEN_STR (64u << 10) /* string bytes before it is sealed */

struct hf_sealed {
	uint8_t *bytes; /* owned; encoded chunk */
	size_t len;
	struct hf_chunk_info info;
	uint64_t serial; /* names it in the cache of decoded chunks */
};

struct hf_open {
	int yyyymm;
	uint64_t tag;
	struct hf_block b;	      /* the growing part */
	uint64_t seq_first, seq_last; /* frames of the growing part */
	uint64_t seq_min, seq_max;    /* frames of all of it */
	struct hf_sealed *sealed;     /* in order of arrival */
	size_t nsealed, cap;
	int64_t sealed_t1_ns; /* latest sealed sample */
	struct hf_open *next; /* another month of the tag */
};

/* Decoded chunks that were looked into for duplicates, newest use first. */
struct hf_cache;
struct hf_cache *hf_cache_new(void);
void hf_cache_free(struct hf_cache *c);
void hf_cache_reset(struct hf_cache *c);
/* NULL if not held; put takes the contents of *b (left empty) and returns
 * it. */
const struct hf_block *hf_cache_get(
    struct hf_cache *c, uint64_t space, uint64_t id);
const struct hf_block *hf_cache_put(
    struct hf_cache *c, uint64_t space, uint64_t id, struct hf_block *b);

struct hf_open *hf_open_new(uint64_t tag, int yyyymm);
void hf_open_free(struct hf_open *o); /* this one, not ->next */
/* Is an equal sample in it? */
int hf_open_has(const struct hf_open *o, struct hf_codec_ctx *c,
    struct hf_cache *cache, const struct hf_pt *p, const char *str, bool *has,
    struct hf_err *err);
/* Adds in time order behind its equals; seals when full. *serial rises per
 * seal. */
int hf_open_add(struct hf_open *o, struct hf_codec_ctx *c, uint64_t *serial,
    const struct hf_pt *p, const char *str, uint64_t seq, struct hf_err *err);
/* A copy that shares nothing; chunks outside [from, to) may be left out. NULL
 * on no memory. */
struct hf_open *hf_open_dup(
    const struct hf_open *o, int64_t from_ns, int64_t to_ns);
size_t hf_open_nref(const struct hf_open *o);
/* Its pieces for a merge, hf_open_nref() of them; ranks start at `rank`. */
size_t hf_open_refs(
    const struct hf_open *o, uint64_t rank, struct hf_mref *out);
/* The load callback for such a ref (ref->src is the hf_open). */
int hf_open_load(struct hf_codec_ctx *c, const struct hf_mref *ref,
    struct hf_block *out, struct hf_err *err);

#endif
