/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h - the table of column codecs: how the columns of a chunk become
 * bytes.
 *
 * A chunk names a codec per column by (kind, id). Ids are for ever: a new
 * codec is a new row, and what an old row wrote stays readable. All codecs are
 * lossless to the bit. Decoders take hostile bytes: they read only [p, p +
 * len), write exactly n items, and say false for anything else. Layouts stand
 * in codec.c.
 */
#ifndef HF_STORE_CODEC_H
#define HF_STORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum hf_codec_kind {	 /* items of the column */
	HF_CODEC_TIME,	 /* int64_t, rising or equal */
	HF_CODEC_VALUE,	 /* uint64_t, any bits */
	HF_CODEC_STATUS, /* uint32_t */
	HF_CODEC_BYTE,	 /* uint8_t: flags, types */
	HF_CODEC_STRING, /* bytes of all strings, n = how many bytes */
	HF_CODEC_NKIND
};

#define HF_CODEC_ITEMS 65536	  /* n of every kind but STRING */
#define HF_CODEC_BYTES (4u << 20) /* n of STRING */

struct hf_codec_ctx; /* zstd state and scratch; one a thread */
struct hf_codec_ctx *hf_codec_ctx_new(void); /* NULL on no memory */
void hf_codec_ctx_free(struct hf_codec_ctx *c);

struct hf_codec {
	uint8_t kind, id;
	const char *name;
	/* False if it does not fit these items (the caller takes another). */
	bool (*encode)(struct hf_codec_ctx *c, const void *col, size_t n,
	    struct hf_buf *out);
	bool (*decode)(struct hf_codec_ctx *c, const uint8_t *p, size_t len,
	    void *col, size_t n);
};
extern const struct hf_codec hf_codecs[];
extern const size_t hf_ncodec;

/* NULL if unknown. */
const struct hf_codec *hf_codec_get(enum hf_codec_kind kind, uint8_t id);
/* Appends the column with the codec that suits, raw if nothing is smaller.
 * Returns the codec's id. Failure is sticky in out. */
uint8_t hf_codec_encode(struct hf_codec_ctx *c, enum hf_codec_kind kind,
    const void *col, size_t n, struct hf_buf *out);
/* False if the id is unknown or the bytes are not exactly n items. */
bool hf_codec_decode(struct hf_codec_ctx *c, enum hf_codec_kind kind,
    uint8_t id, const uint8_t *p, size_t len, void *col, size_t n);

#endif
