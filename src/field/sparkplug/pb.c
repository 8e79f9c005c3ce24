/* SPDX-License-Identifier: Apache-2.0
 *
 * pb.c - the protobuf wire format, read within bounds and written by hand.
 *
 * A message is a row of fields, in any order, each
 *    key     varint: field number << 3 | wire type
 *    value   type 0: varint; 1: 8 bytes; 2: varint length, then that many
 *            bytes; 5: 4 bytes (little-endian both)
 * A varint has 7 bits a byte, least significant first; the high bit says that
 * more follow; at most 10 bytes, and what does not fit 64 bits is refused.
 * Types 3 and 4 (groups, abolished) are refused, not skipped: skipping them
 * would need a stack. Field numbers are 1 .. 2^29 - 1.
 *
 * Nesting is the reader's: a BYTES field that holds a message is opened with a
 * new struct hf_pb_rd by code that knows its depth, so there is no recursion.
 */
#include "field/sparkplug/pb.h"

#include <string.h>

#define VARINT_MAX 10 /* bytes */
#define NUM_MAX ((UINT32_C(1) << 29) - 1)

void
hf_pb_init(struct hf_pb_rd *r, const void *p, size_t n)
{
	static const uint8_t none[1];

	*r = (struct hf_pb_rd){.p = n > 0 ? p : none};
	r->end = r->p + n;
}

static uint64_t
get_varint(struct hf_pb_rd *r)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < VARINT_MAX && r->p < r->end; i++) {
		uint8_t c = *r->p++;

		if (i == VARINT_MAX - 1 && c > 1)
			break; /* more than 64 bits */
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c < 0x80)
			return v;
	}
	r->failed = true;
	return 0;
}

static uint64_t
get_fixed(struct hf_pb_rd *r, size_t n)
{
	uint64_t v = 0;
	size_t i;

	if ((size_t)(r->end - r->p) < n) {
		r->failed = true;
		return 0;
	}
	for (i = 0; i < n; i++)
		v |= (uint64_t)r->p[i] << (8 * i);
	r->p += n;
	return v;
}

static void
get_bytes(struct hf_pb_rd *r, struct hf_pb_field *f)
{
	uint64_t n = get_varint(r);

	if (r->failed || n > (uint64_t)(r->end - r->p)) {
		r->failed = true;
		return;
	}
	f->p = r->p;
	f->n = (size_t)n;
	r->p += n;
}

bool
hf_pb_next(struct hf_pb_rd *r, struct hf_pb_field *f)
{
	uint64_t key;

	if (r->failed || r->p == r->end)
		return false;
	key = get_varint(r);
	*f = (struct hf_pb_field){
	    .num = (uint32_t)(key >> 3), .wire = (uint8_t)(key & 7)};
	if (key >> 3 == 0 || key >> 3 > NUM_MAX)
		r->failed = true;
	else if (f->wire == HF_PB_VARINT)
		f->u = get_varint(r);
	else if (f->wire == HF_PB_FIX64)
		f->u = get_fixed(r, 8);
	else if (f->wire == HF_PB_FIX32)
		f->u = get_fixed(r, 4);
	else if (f->wire == HF_PB_BYTES)
		get_bytes(r, f);
	else
		r->failed = true;
	return !r->failed;
}

double
hf_pb_f32(const struct hf_pb_field *f)
{
	uint32_t bits = (uint32_t)f->u;
	float v;

	memcpy(&v, &bits, sizeof(v));
	return (double)v;
}

double
hf_pb_f64(const struct hf_pb_field *f)
{
	double v;

	memcpy(&v, &f->u, sizeof(v));
	return v;
}

static void
put_varint(struct hf_buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		hf_buf_u8(b, (uint8_t)(v | 0x80));
	hf_buf_u8(b, (uint8_t)v);
}

static void
put_key(struct hf_buf *b, uint32_t num, enum hf_pb_wire wire)
{
	put_varint(b, (uint64_t)num << 3 | wire);
}

void
hf_pb_put_u64(struct hf_buf *b, uint32_t num, uint64_t v)
{
	put_key(b, num, HF_PB_VARINT);
	put_varint(b, v);
}

void
hf_pb_put_f32(struct hf_buf *b, uint32_t num, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_key(b, num, HF_PB_FIX32);
	hf_buf_u32(b, bits);
}

void
hf_pb_put_f64(struct hf_buf *b, uint32_t num, double v)
{
	put_key(b, num, HF_PB_FIX64);
	hf_buf_f64(b, v);
}

void
hf_pb_put_bytes(struct hf_buf *b, uint32_t num, const void *p, size_t n)
{
	put_key(b, num, HF_PB_BYTES);
	put_varint(b, n);
	if (n > 0)
		hf_buf_put(b, p, n);
}
