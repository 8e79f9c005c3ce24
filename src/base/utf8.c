/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.c - checks UTF-8 as RFC 3629 has it; never repairs anything.
 *
 * Sequences, from the table of RFC 3629 section 4:
 *    00..7F
 *    C2..DF 80..BF
 *    E0     A0..BF 80..BF        E1..EC, EE, EF 80..BF 80..BF
 *    ED     80..9F 80..BF        (no surrogates)
 *    F0     90..BF 80..BF 80..BF F1..F3 80..BF 80..BF 80..BF
 *    F4     80..8F 80..BF 80..BF (nothing above U+10FFFF)
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool
is_tail(uint8_t c)
{
	return (c & 0xC0) == 0x80;
}

/* Bytes of the sequence that starts with c, and the range of its second. */
static size_t
sequence(uint8_t c, uint8_t *lo, uint8_t *hi)
{
	*lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	*hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		return 2;
	if (c >= 0xE0 && c <= 0xEF)
		return 3;
	if (c >= 0xF0 && c <= 0xF4)
		return 4;
	return 0;
}

size_t
hf_utf8_seq(const void *src, size_t n)
{
	const uint8_t *p = src;
	size_t len, i;
	uint8_t lo, hi;

	if (n == 0)
		return 0;
	len = sequence(p[0], &lo, &hi);
	if (len <= 1)
		return len;
	if (len > n || p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < len; i++) {
		if (!is_tail(p[i]))
			return 0;
	}
	return len;
}

bool
hf_utf8_ok(const void *src, size_t n)
{
	const uint8_t *p = src;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = hf_utf8_seq(p + i, n - i);
		if (len == 0)
			return false;
	}
	return true;
}

/* C0, DEL, and C1 (U+0080..U+009F, in UTF-8 C2 80..C2 9F). */
static bool
is_control(const uint8_t *p, size_t len)
{
	if (len == 1)
		return p[0] < 0x20 || p[0] == 0x7F;
	return len == 2 && p[0] == 0xC2 && p[1] < 0xA0;
}

bool
hf_utf8_text_ok(const void *src, size_t n)
{
	const uint8_t *p = src;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = hf_utf8_seq(p + i, n - i);
		if (len == 0)
			return false;
		if (is_control(p + i, len) && p[i] != '\t' && p[i] != '\r' &&
		    p[i] != '\n')
			return false;
	}
	return true;
}

bool
hf_utf8_line_ok(const void *src, size_t n)
{
	const uint8_t *p = src;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = hf_utf8_seq(p + i, n - i);
		if (len == 0 || is_control(p + i, len))
			return false;
	}
	return true;
}

size_t
hf_utf8_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += !is_tail((uint8_t)*s);
	return n;
}
