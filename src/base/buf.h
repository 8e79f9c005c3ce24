/* SPDX-License-Identifier: Apache-2.0
 *
 * buf.h - growing byte buffer with a limit (hf_buf) and bounded reader (hf_rd).
 *
 * Both are sticky: after the first failure every further call does nothing, and
 * the caller asks once, at the end, hf_buf_ok() or hf_rd_ok(). All numbers are
 * little-endian unless the name says be.
 */
#ifndef HF_BASE_BUF_H
#define HF_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_buf {
	uint8_t *p;  /* owned; NULL while empty */
	size_t len;  /* bytes used */
	size_t cap;  /* bytes allocated */
	size_t max;  /* limit, bytes */
	bool failed; /* limit or memory was hit; contents stop there */
};

void hf_buf_init(struct hf_buf *b, size_t max);
void hf_buf_fini(struct hf_buf *b);
void hf_buf_reset(struct hf_buf *b); /* empty again, memory kept */
bool hf_buf_ok(const struct hf_buf *b);
void hf_buf_put(struct hf_buf *b, const void *p, size_t n);
/* n more bytes, not set, for the caller to fill before the next call; NULL
 * (failed) if they do not fit. n > 0. */
uint8_t *hf_buf_extend(struct hf_buf *b, size_t n);
void hf_buf_u8(struct hf_buf *b, uint8_t v);
void hf_buf_u16(struct hf_buf *b, uint16_t v);
void hf_buf_u32(struct hf_buf *b, uint32_t v);
void hf_buf_u64(struct hf_buf *b, uint64_t v);
void hf_buf_i64(struct hf_buf *b, int64_t v);
void hf_buf_f64(struct hf_buf *b, double v); /* the bits, as u64 */
void hf_buf_u16be(struct hf_buf *b, uint16_t v);
/* u32 length, then the bytes without NUL; NULL is written as length
 * 0xffffffff */
void hf_buf_str(struct hf_buf *b, const char *s);
void hf_buf_printf(struct hf_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void hf_buf_puts(struct hf_buf *b, const char *s); /* no NUL written */
/* The bytes as a C string (adds a NUL behind len, not counted). "" if empty;
 * NULL if the buffer failed. Borrowed. */
const char *hf_buf_cstr(struct hf_buf *b);

struct hf_rd {
	const uint8_t *p; /* next byte */
	const uint8_t *end;
	bool failed; /* something was read beyond the end */
};

void hf_rd_init(struct hf_rd *r, const void *p, size_t n);
bool hf_rd_ok(const struct hf_rd *r);
size_t hf_rd_left(const struct hf_rd *r);
const uint8_t *hf_rd_bytes(struct hf_rd *r, size_t n); /* NULL if short */
uint8_t hf_rd_u8(struct hf_rd *r);
uint16_t hf_rd_u16(struct hf_rd *r);
uint32_t hf_rd_u32(struct hf_rd *r);
uint64_t hf_rd_u64(struct hf_rd *r);
int64_t hf_rd_i64(struct hf_rd *r);
double hf_rd_f64(struct hf_rd *r);
uint16_t hf_rd_u16be(struct hf_rd *r);
/* Borrows: *s points into the reader's bytes, not NUL-terminated; false and
 * failed if longer than max or short. *s is NULL for a written NULL. */
bool hf_rd_str(struct hf_rd *r, const char **s, size_t *len, size_t max);

#endif
