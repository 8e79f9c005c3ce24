/* SPDX-License-Identifier: Apache-2.0
 *
 * utf8.h - is it UTF-8 (RFC 3629: no surrogates, no overlong forms)?
 */
#ifndef HF_BASE_UTF8_H
#define HF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool hf_utf8_ok(const void *p, size_t n);
/* Same, and no control characters but tab, CR, LF. */
bool hf_utf8_text_ok(const void *p, size_t n);
/* Same, and no control characters at all: one line for a log or a record. */
bool hf_utf8_line_ok(const void *p, size_t n);
/* Bytes (1..4) of the sequence at p; 0 if it is none or n is too short. */
size_t hf_utf8_seq(const void *p, size_t n);
/* Display columns, one per code point (enough for tables on a terminal). */
size_t hf_utf8_width(const char *s);

#endif
