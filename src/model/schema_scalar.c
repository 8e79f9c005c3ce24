/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_scalar.c - contracts: single values, and the places where they stand.
 *
 * Numbers are compared exactly: an int64 and a double as long double, which
 * holds both (64 bits of mantissa at least on the machines we build for).
 * Places are JSON pointers, kept as a chain on the stack while schema.c and
 * schema_judge.c walk down, and written out only for a message.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "model/schema_in.h"

_Static_assert(__LDBL_MANT_DIG__ >= 64, "long double must hold an int64");

/* ---- places ---- */

void
hf_schema_pointer(const struct hf_schema_place *at, char out[HF_SCHEMA_POINTER])
{
	const struct hf_schema_place *v[2 * HF_SCHEMA_DEPTH + 2];
	size_t n = 0, len = 0;
	char part[100];

	for (; at != NULL && n < sizeof(v) / sizeof(v[0]); at = at->up)
		v[n++] = at;
	out[0] = '\0';
	while (n-- > 0) {
		if (v[n]->key == NULL)
			snprintf(part, sizeof(part), "%zu", v[n]->idx);
		else
			hf_printable(
			    part, sizeof(part), v[n]->key, strlen(v[n]->key));
		len += (size_t)snprintf(
		    out + len, HF_SCHEMA_POINTER - len, "/%s", part);
		if (len >= HF_SCHEMA_POINTER)
			return;
	}
	if (out[0] == '\0')
		memcpy(out, "/", 2);
}

/* ---- values ---- */

struct hf_scalar
hf_scalar_of(const json_t *v)
{
	struct hf_scalar s = {0};

	if (json_is_null(v)) {
		s.type = T_NULL;
	} else if (json_is_boolean(v)) {
		s.type = T_BOOL;
		s.i = json_is_true(v);
	} else if (json_is_integer(v)) {
		s.type = T_INT;
		s.i = json_integer_value(v);
	} else if (json_is_real(v)) {
		s.type = T_NUM;
		s.d = json_real_value(v);
	} else if (json_is_string(v)) {
		s.type = T_STR;
		s.s = json_string_value(v);
		s.n = json_string_length(v);
	} else {
		s.type = json_is_array(v) ? T_ARR : T_OBJ;
	}
	return s;
}

bool
hf_scalar_is_number(const struct hf_scalar *s)
{
	return (s->type & (T_INT | T_NUM)) != 0;
}

long double
hf_scalar_wide(const struct hf_scalar *s)
{
	return s->type == T_NUM ? (long double)s->d : (long double)s->i;
}

const char *
hf_scalar_shown(const struct hf_scalar *s, char out[HF_SCHEMA_SHOWN])
{
	char num[HF_F64_TEXT];

	if (s->type == T_NULL)
		memcpy(out, "null", 5);
	else if (s->type == T_BOOL)
		snprintf(
		    out, HF_SCHEMA_SHOWN, "%s", s->i != 0 ? "true" : "false");
	else if (s->type == T_INT)
		snprintf(out, HF_SCHEMA_SHOWN, "%lld", (long long)s->i);
	else if (s->type == T_NUM)
		snprintf(out, HF_SCHEMA_SHOWN, "%s", hf_fmt_f64(s->d, num));
	else if (s->type == T_ARR || s->type == T_OBJ)
		snprintf(out, HF_SCHEMA_SHOWN, "%s",
		    s->type == T_ARR ? "an array" : "an object");
	else {
		out[0] = '"';
		hf_printable(out + 1, HF_SCHEMA_SHOWN - 2, s->s, s->n);
		memcpy(out + strlen(out), "\"", 2);
	}
	return out;
}
