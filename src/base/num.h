/* SPDX-License-Identifier: Apache-2.0
 *
 * num.h - numbers from outside: checked arithmetic, exact parsing and printing.
 *
 * No function here depends on the locale. Parsers take the whole input or fail:
 * "12x" is an error, so are a leading blank and an empty string.
 */
#ifndef HF_BASE_NUM_H
#define HF_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool hf_add_size(size_t a, size_t b, size_t *out); /* false on overflow */
bool hf_mul_size(size_t a, size_t b, size_t *out);
bool hf_to_u8(int64_t v, uint8_t *out);
bool hf_to_u16(int64_t v, uint16_t *out);
bool hf_to_u32(int64_t v, uint32_t *out);

bool hf_parse_i64(const char *s, size_t n, int64_t *out); /* decimal, 0x */
bool hf_parse_u64(const char *s, size_t n, uint64_t *out);
/* Correctly rounded; finite results only (no inf, nan, hex). comma: the decimal
 * sign is ',' instead of '.'. */
bool hf_parse_f64(const char *s, size_t n, bool comma, double *out);

#define HF_F64_TEXT 32 /* bytes that hf_fmt_f64 may write, NUL included */
/* Shortest of %.15g %.16g %.17g that reads back to the same bits; "nan", "inf",
 * "-inf" otherwise. Returns buf. */
char *hf_fmt_f64(double v, char buf[HF_F64_TEXT]);

#endif
