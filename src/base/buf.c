/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.c - bounded growing buffer and bounded reader, both little-endian.
 *
 * The buffer doubles until its limit; what would pass the limit is not written
 * at all and marks the buffer as failed. The reader never moves beyond its end;
 * a short read returns 0 and marks it. Numbers are put together byte by byte,
 * so that neither alignment nor the machine's byte order matters.
 *
 * String on the wire: u32 length, then the bytes without NUL; length 0xffffffff
 * and no bytes is a NULL pointer.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256	     /* bytes of the first allocation */
#define STR_NULL 0xffffffffu /* length that stands for NULL */

void
hf_buf_init(struct hf_buf *b, size_t max)
{
	/* one byte is kept back for the NUL of hf_buf_cstr */
	*b = (struct hf_buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void
hf_buf_fini(struct hf_buf *b)
{
	free(b->p);
	*b = (struct hf_buf){.max = b->max};
}

void
hf_buf_reset(struct hf_buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool
hf_buf_ok(const struct hf_buf *b)
{
	return !b->failed;
}

/* Room for n more bytes and one NUL that is not counted. */
static bool
reserve(struct hf_buf *b, size_t n)
{
	size_t cap;
	uint8_t *p;

	if (b->failed)
		return false;
	if (n > b->max - b->len) {
		b->failed = true;
		return false;
	}
	if (b->len + n < b->cap)
		return true;
	cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	while (cap <= b->len + n)
		cap = cap > SIZE_MAX / 2 ? b->len + n + 1 : cap * 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

void
hf_buf_put(struct hf_buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

uint8_t *
hf_buf_extend(struct hf_buf *b, size_t n)
{
	if (!reserve(b, n))
		return NULL;
	b->len += n;
	return b->p + b->len - n;
}

/* The low n bytes of v, lowest first. */
static void
put_le(struct hf_buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	hf_buf_put(b, bytes, n);
}

void
hf_buf_u8(struct hf_buf *b, uint8_t v)
{
	hf_buf_put(b, &v, 1);
}

void
hf_buf_u16(struct hf_buf *b, uint16_t v)
{
	put_le(b, v, 2);
}

void
hf_buf_u32(struct hf_buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void
hf_buf_u64(struct hf_buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void
hf_buf_i64(struct hf_buf *b, int64_t v)
{
	put_le(b, (uint64_t)v, 8);
}

void
hf_buf_f64(struct hf_buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_le(b, bits, 8);
}

void
hf_buf_u16be(struct hf_buf *b, uint16_t v)
{
	put_le(b, (uint16_t)(v << 8 | v >> 8), 2);
}

void
hf_buf_str(struct hf_buf *b, const char *s)
{
	size_t n;

	if (s == NULL) {
		hf_buf_u32(b, STR_NULL);
		return;
	}
	n = strlen(s);
	if (n >= STR_NULL) {
		b->failed = true;
		return;
	}
	hf_buf_u32(b, (uint32_t)n);
	hf_buf_put(b, s, n);
}

void
hf_buf_printf(struct hf_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->failed = true;
	if (n <= 0 || !reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
hf_buf_puts(struct hf_buf *b, const char *s)
{
	hf_buf_put(b, s, strlen(s));
}

const char *
hf_buf_cstr(struct hf_buf *b)
{
	if (b->failed)
		return NULL;
	if (b->len == 0)
		return "";
	b->p[b->len] = '\0'; /* reserve() always leaves this byte */
	return (const char *)b->p;
}

void
hf_rd_init(struct hf_rd *r, const void *p, size_t n)
{
	assert(p != NULL || n == 0);
	*r = (struct hf_rd){.p = p, .end = n > 0 ? (const uint8_t *)p + n : p};
}

bool
hf_rd_ok(const struct hf_rd *r)
{
	return !r->failed;
}

size_t
hf_rd_left(const struct hf_rd *r)
{
	return r->failed || r->p == NULL ? 0 : (size_t)(r->end - r->p);
}

const uint8_t *
hf_rd_bytes(struct hf_rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->failed || n > hf_rd_left(r)) {
		r->failed = true;
		return NULL;
	}
	if (n > 0)
		r->p += n;
	return p;
}

static uint64_t
get_le(struct hf_rd *r, size_t n)
{
	const uint8_t *p = hf_rd_bytes(r, n);
	uint64_t v = 0;

	while (p != NULL && n-- > 0)
		v = v << 8 | p[n];
	return v;
}

uint8_t
hf_rd_u8(struct hf_rd *r)
{
	return (uint8_t)get_le(r, 1);
}

uint16_t
hf_rd_u16(struct hf_rd *r)
{
	return (uint16_t)get_le(r, 2);
}

uint32_t
hf_rd_u32(struct hf_rd *r)
{
	return (uint32_t)get_le(r, 4);
}

uint64_t
hf_rd_u64(struct hf_rd *r)
{
	return get_le(r, 8);
}

int64_t
hf_rd_i64(struct hf_rd *r)
{
	return (int64_t)get_le(r, 8);
}

double
hf_rd_f64(struct hf_rd *r)
{
	uint64_t bits = get_le(r, 8);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

uint16_t
hf_rd_u16be(struct hf_rd *r)
{
	uint16_t v = hf_rd_u16(r);

	return (uint16_t)(v << 8 | v >> 8);
}

bool
hf_rd_str(struct hf_rd *r, const char **s, size_t *len, size_t max)
{
	uint32_t n = hf_rd_u32(r);

	*s = NULL;
	*len = 0;
	if (r->failed)
		return false;
	if (n == STR_NULL)
		return true;
	if (n > max) {
		r->failed = true;
		return false;
	}
	*s = (const char *)hf_rd_bytes(r, n);
	*len = *s != NULL ? n : 0;
	return *s != NULL;
}
