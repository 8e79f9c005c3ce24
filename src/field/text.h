/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h - a value written as text becomes a reading of a tag.
 *
 * For sources that say their values in text: CSV files, MTConnect.
 */
#ifndef HF_FIELD_TEXT_H
#define HF_FIELD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "field/convert.h"

/*
 * As hf_convert() of a value that is still text: all of *r but the times. s: n
 * bytes, NUL behind them; texts are borrowed. is_comma: decimal comma.
 *   bool     true false, yes no, on off, 1 0 (any case)
 *   integer  12, -7, +7, 0x1f, and 12.0; BCD types are plain integers here
 *   float    1.5, -2e3; nan, inf and their like are HF_CONVERT_NOT_FINITE
 * Never fails: what is no value is a bad sample (a caller that reports errors
 * elsewhere need not send it on).
 */
enum hf_convert_why hf_text_convert(const struct hf_tag *t, const char *s,
    size_t n, bool is_comma, struct hf_reading *r);
/* "is no value of the tag's type" and the like, for messages. */
const char *hf_text_why_words(enum hf_convert_why why);

#endif
