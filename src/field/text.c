/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - text to values: what the digits and words mean for a tag's type.
 * Ranges, scaling and clamping are those of convert.c. Pure.
 */
#include "field/text.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "model/quality.h"

static bool
is_word(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(s, *words) == 0)
			return true;
	return false;
}

static bool
is_not_finite(const char *s)
{
	static const char *const words[] = {"nan", "inf", "-inf", "+inf",
	    "infinity", "-infinity", "1.#QNAN", "1.#INF", "-1.#IND", NULL};

	return is_word(s, words);
}

static bool
parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = {"true", "1", "yes", "on", NULL};
	static const char *const no[] = {"false", "0", "no", "off", NULL};

	*out = is_word(s, yes);
	return *out || is_word(s, no);
}

/* A number, or false. An integer of an integer tag stays exact. */
static bool
parse_number(const struct hf_tag *t, const char *s, size_t n, bool is_comma,
    struct hf_value *v)
{
	const bool is_float = t->type == HF_T_F32 || t->type == HF_T_F64;

	v->kind = HF_VALUE_F64;
	v->d = NAN;
	if (is_not_finite(s))
		return true;
	if (n > 1 && *s == '+') {
		s++;
		n--;
	}
	if (is_float || !hf_parse_i64(s, n, &v->i))
		return hf_parse_f64(s, n, is_comma, &v->d);
	v->kind = HF_VALUE_I64;
	return true;
}

enum hf_convert_why
hf_text_convert(const struct hf_tag *t, const char *s, size_t n, bool is_comma,
    struct hf_reading *r)
{
	struct hf_value v = {.kind = HF_VALUE_TEXT, .s = s, .n = n}, parsed = v;

	if (t->type == HF_T_BOOL && parse_bool(s, &parsed.b))
		parsed.kind = HF_VALUE_BOOL;
	else if (t->type == HF_T_BOOL || t->type == HF_T_STR ||
		 !parse_number(t, s, n, is_comma, &parsed))
		parsed = v; /* a text for what is none: refused by type */
	return hf_convert(t, &parsed, HF_GOOD, r);
}

const char *
hf_text_why_words(enum hf_convert_why why)
{
	static const char *const words[] = {
	    [HF_CONVERT_FINE] = "is fine",
	    [HF_CONVERT_NOT_FINITE] = "is not finite",
	    [HF_CONVERT_TYPE] = "is no value of the tag's type",
	    [HF_CONVERT_RANGE] = "is too large for the tag's type",
	    [HF_CONVERT_TEXT] = "is no UTF-8 text of at most 1024 bytes",
	    [HF_CONVERT_CLAMPED] = "is outside its range",
	};

	return words[why];
}
