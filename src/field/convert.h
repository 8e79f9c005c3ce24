/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.h - a value as a protocol gives it becomes a reading of a tag: type,
 * scaling, clamp. Shared by all drivers. Pure.
 */
#ifndef HF_FIELD_CONVERT_H
#define HF_FIELD_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/driver.h"

/* Does the tag have a scale? */
bool hf_scale_is_on(const struct hf_tag *t);
/* r->s becomes raw scaled to the tag's range, good. False: the result is not
 * finite, and the reading bad. Only for tags with a scale. */
bool hf_scale(const struct hf_tag *t, double raw, struct hf_reading *r);
/* Cuts a number to the tag's scale, or range, if the tag says clamp: true if it
 * was cut (then it is uncertain). */
bool hf_clamp(const struct hf_tag *t, struct hf_reading *r);

enum hf_value_kind {
	HF_VALUE_NULL,
	HF_VALUE_BOOL,
	HF_VALUE_I64,
	HF_VALUE_F64,
	HF_VALUE_TEXT
};

struct hf_value { /* what the source sent */
	enum hf_value_kind kind;
	bool b;
	int64_t i;
	double d;
	const char *s; /* n bytes, borrowed */
	size_t n;
};

enum hf_convert_why { /* why a value is not simply good */
	HF_CONVERT_FINE,
	HF_CONVERT_NOT_FINITE, /* NaN or infinite, before or after scaling */
	HF_CONVERT_TYPE,       /* a text for a number, a fraction for an int */
	HF_CONVERT_RANGE,      /* a number that the type does not hold */
	HF_CONVERT_TEXT,       /* no UTF-8, or too long */
	HF_CONVERT_CLAMPED
};

/* The reading of tag t from value v: all of *r but the times (t_ns is
 * HF_TIME_NONE). status: what the source says of the value; a worse one of our
 * own wins. A bool takes 0 and 1, an integer takes whole doubles; a number tag
 * never takes a text, a string tag takes nothing else. What does not fit is a
 * bad sample (BadDecodingError, BadOutOfRange), never a missing one. r->str
 * borrows v->s. */
enum hf_convert_why hf_convert(const struct hf_tag *t, const struct hf_value *v,
    uint32_t status, struct hf_reading *r);
/* A reading that says only a bad status: NaN, 0, false or an empty text, so
 * that it has the type of the tag's good ones. All of *r but the times. */
void hf_reading_bad(
    const struct hf_tag *t, uint32_t status, struct hf_reading *r);
/* Adds the reason to the counters that all drivers share. */
void hf_convert_count(struct hf_counters *c, enum hf_convert_why why);
/* enum hf_vtype that good values of the tag have. */
uint8_t hf_tag_vtype(const struct hf_tag *t);

#endif
