/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk.h - compressed block of samples of one tag: the unit on disk.
 *
 * Encoding and decoding only; where chunks live is hist.c's and open.c's
 * matter. The layout stands byte by byte in chunk.c,
 * tests/data/golden/chunk-v1.bin holds a sample that stays readable.
 */
#ifndef HF_STORE_CHUNK_H
#define HF_STORE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/block.h"
#include "store/codec.h"

#define HF_CHUNK_MAX 2048	  /* samples of one chunk */
#define HF_CHUNK_STR (2u << 20)	  /* string bytes of one chunk, decoded */
#define HF_CHUNK_BYTES (3u << 20) /* encoded, upper limit */

struct hf_chunk_info {
	uint64_t tag;		      /* key */
	int64_t t0_ns, t1_ns;	      /* first and last sample, inclusive */
	uint64_t seq_first, seq_last; /* log frames it comes from */
	uint32_t ord; /* arrival order among chunks of its tag and month */
	uint32_t n;
};

/* What a chunk's samples add up to. A sample counts as good by its status;
 * numbers are good samples that are no strings. -0.0 is taken as 0.0 here. */
struct hf_agg {
	int64_t t0_ns, t1_ns;
	uint32_t ord, n, n_good, n_num;
	uint32_t status_or;   /* of all samples */
	double min, max, sum; /* of numbers; min, max 0 if there is none */
	double sum_dt;	      /* value x s, step held until the next number */
	double first, last;
	int64_t t_min_ns, t_max_ns; /* when min and max were met first */
};

/* Appends the chunk of pt[0..n) (time order) to out; t0, t1 and n of *info are
 * filled in. HF_EINVAL if n is 0 or too large or times fall; HF_ELIMIT. */
int hf_chunk_encode(struct hf_codec_ctx *c, struct hf_chunk_info *info,
    const struct hf_pt *pt, size_t n, const char *str, struct hf_buf *out,
    struct hf_err *err);
/* Checks CRC and header. HF_ECORRUPT with the reason. */
int hf_chunk_peek(
    const void *p, size_t n, struct hf_chunk_info *info, struct hf_err *err);
/* Replaces *out. Everything is checked, also that times rise and strings
 * fit. */
int hf_chunk_decode(struct hf_codec_ctx *c, const void *p, size_t n,
    struct hf_chunk_info *info, struct hf_block *out, struct hf_err *err);
void hf_chunk_agg(const struct hf_pt *pt, size_t n, struct hf_agg *out);

#endif
