/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h - samples of one zone that travel together: the unit on every wire.
 *
 * One encoding serves the wire edge -> core, edge's spool and core's log
 * frames, so that a sample is encoded once, where it was decoded. Layout in
 * batch.c. A tag is named by its key, the first 8 bytes of SHA-256(uns path)
 * read as a little-endian u64: it needs no table, survives a reload, and
 * `holdfast check` refuses two paths with one key.
 */
#ifndef HF_MODEL_BATCH_H
#define HF_MODEL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define HF_BATCH_NSAMPLE 1400 /* samples; keeps a numeric batch below 64 KiB */
#define HF_BATCH_BYTES 65000  /* encoded, all of it */
#define HF_VALUE_STR 1024     /* bytes of one string value */

enum hf_vtype { HF_V_F64 = 1, HF_V_I64 = 2, HF_V_BOOL = 3, HF_V_STR = 4 };

enum hf_sample_flag {
	HF_F_LATE = 1, /* behind the detectors' watermark: stored, never fed */
	HF_F_BACKFILL = 2, /* came on the second lane: never the last value */
	HF_F_CLAMPED = 4,  /* scaled value was cut to its range */
};

struct hf_sample {
	uint64_t tag;	  /* key of the tag */
	int64_t t_ns;	  /* source time, UTC */
	int64_t recv_ns;  /* receive time, UTC */
	uint32_t status;  /* OPC UA StatusCode */
	uint8_t vtype;	  /* enum hf_vtype */
	uint8_t flags;	  /* enum hf_sample_flag */
	uint16_t str_len; /* HF_V_STR: bytes in the batch's string area ... */
	union {
		double f64; /* finite, unless status is bad */
		int64_t i64;
		uint64_t bits;	  /* BOOL: 0 or 1 */
		uint64_t str_off; /* HF_V_STR: ... from this offset */
	} v;
};

struct hf_batch {
	uint64_t source; /* key of "edge/<zone>": who counts seq */
	uint64_t seq;	 /* rises by 1 within a source, also over restarts */
	/* monotonic time of the first decode, for latency */
	int64_t decoded_ns;
	size_t n;
	struct hf_sample *s; /* n samples */
	const char *str;     /* string area, str_len bytes, UTF-8 */
	size_t str_len;
};

uint64_t hf_tag_key(const char *uns_path);

/* Appends the encoded batch to out. HF_ELIMIT if n or bytes are over the
 * limits; HF_EINVAL if hf_batch_decode would refuse a sample, with its index in
 * the text. */
int hf_batch_encode(
    const struct hf_batch *b, struct hf_buf *out, struct hf_err *err);
/* Decodes and checks everything: limits, types, flags, finite good values,
 * UTF-8, string bounds. s: room for cap samples (HF_BATCH_NSAMPLE always do);
 * strings are borrowed from p. HF_EPROTO with the reason. */
int hf_batch_decode(const void *p, size_t n, struct hf_sample *s, size_t cap,
    struct hf_batch *out, struct hf_err *err);
/* Sets the flags column of an encoded batch in place from s[0..batch's n): the
 * only field that core changes. p and n (its bytes) must have passed
 * hf_batch_decode. */
void hf_batch_patch_flags(void *p, size_t n, const struct hf_sample *s);
/* Numeric view: f64 of F64, I64 and BOOL samples; NaN for strings. */
double hf_sample_f64(const struct hf_sample *s);

#endif
