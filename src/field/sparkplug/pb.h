/* SPDX-License-Identifier: Apache-2.0
 *
 * pb.h - the protobuf wire format, read within bounds and written by hand.
 *
 * Only what a message on the wire is made of: fields, each a key and a value.
 * What the fields mean is the business of payload.c. Format in pb.c.
 */
#ifndef HF_FIELD_SPARKPLUG_PB_H
#define HF_FIELD_SPARKPLUG_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum hf_pb_wire { /* the low 3 bits of a key; 3 and 4 (groups) are refused */
	HF_PB_VARINT = 0,
	HF_PB_FIX64 = 1,
	HF_PB_BYTES = 2,
	HF_PB_FIX32 = 5,
};

struct hf_pb_rd {
	const uint8_t *p; /* next byte */
	const uint8_t *end;
	bool failed; /* truncated, a group, a varint over 64 bits, field 0 */
};

struct hf_pb_field {
	uint32_t num;
	uint8_t wire;	  /* enum hf_pb_wire */
	uint64_t u;	  /* VARINT, FIX32, FIX64: the bits */
	const uint8_t *p; /* BYTES: borrowed ... */
	size_t n;	  /* ... and how many */
};

void hf_pb_init(struct hf_pb_rd *r, const void *p, size_t n);
/* The next field; false at the end, and (failed) where the bytes break off. */
bool hf_pb_next(struct hf_pb_rd *r, struct hf_pb_field *f);
double hf_pb_f32(const struct hf_pb_field *f); /* of FIX32 bits, exact */
double hf_pb_f64(const struct hf_pb_field *f);

void hf_pb_put_u64(struct hf_buf *b, uint32_t num, uint64_t v);
void hf_pb_put_f32(struct hf_buf *b, uint32_t num, float v);
void hf_pb_put_f64(struct hf_buf *b, uint32_t num, double v);
void hf_pb_put_bytes(struct hf_buf *b, uint32_t num, const void *p, size_t n);

#endif
