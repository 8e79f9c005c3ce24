/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_judge.c - contracts: values held against a compiled schema.
 *
 * Walks schema and value together. Its recursion is bounded by the depth of the
 * schema, not of the value, and it allocates nothing. The first breach ends it
 * and is named by its JSON pointer. Where JSON Schema leaves freedom:
 *   integer     1.0 is one (draft 2020-12 says so)
 *   equality    1 equals 1.0 (const, enum)
 *   multipleOf  v / m is within 1e-9 of a whole number, relative to the larger
 *               of it and 1; whole numbers exactly
 *   lengths     code points
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/quality.h"
#include "model/schema_in.h"

#define STEP_TOLERANCE 1e-9

static bool
same(const struct hf_scalar *a, const struct hf_scalar *b)
{
	if (hf_scalar_is_number(a) && hf_scalar_is_number(b))
		return hf_scalar_wide(a) == hf_scalar_wide(b);
	if (a->type != b->type)
		return false;
	if (a->type == T_STR)
		return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
	return a->i == b->i;
}

/* Is v a whole multiple of m (> 0)? */
static bool
is_step(const struct hf_scalar *v, const struct hf_scalar *m)
{
	long double q, whole, scale;

	if (v->type == T_INT && m->type == T_INT)
		return v->i % m->i == 0;
	q = hf_scalar_wide(v) / hf_scalar_wide(m);
	whole = roundl(q);
	scale = fabsl(whole) > 1 ? fabsl(whole) : 1;
	return fabsl(q - whole) <= (long double)STEP_TOLERANCE * scale;
}

struct judge {
	struct hf_err *err;
};

static enum hf_schema_why __attribute__((format(printf, 4, 5)))
breach(struct judge *g, const struct hf_schema_place *at,
    enum hf_schema_why why, const char *fmt, ...)
{
	char where[HF_SCHEMA_POINTER], text[HF_ERR_TEXT];
	va_list ap;

	if (g->err == NULL)
		return why;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hf_schema_pointer(at, where);
	hf_err_set(g->err, HF_EINVAL, "%s: %s", where, text);
	return why;
}

static bool
type_fits(unsigned want, const struct hf_scalar *v)
{
	unsigned have = v->type;

	if (want == 0)
		return true;
	if (have == T_INT)
		have |= T_NUM;
	if (have == T_NUM && rintl(hf_scalar_wide(v)) == hf_scalar_wide(v) &&
	    isfinite(v->d))
		have |= T_INT;
	return (want & have) != 0;
}

static enum hf_schema_why
judge_number(struct judge *g, const struct hf_schema *s,
    const struct hf_scalar *v, const struct hf_schema_place *at)
{
	static const char *const words[] = {"under minimum", "over maximum",
	    "not over exclusiveMinimum", "not under exclusiveMaximum",
	    "no multiple of"};
	char a[HF_SCHEMA_SHOWN], b[HF_SCHEMA_SHOWN];
	long double x = hf_scalar_wide(v), y;
	bool ok = true;
	size_t i;

	for (i = 0; i < NBOUND; i++) {
		if (!s->has_bound[i])
			continue;
		y = hf_scalar_wide(&s->bound[i]);
		if (i == B_MIN)
			ok = x >= y;
		else if (i == B_MAX)
			ok = x <= y;
		else if (i == B_XMIN)
			ok = x > y;
		else if (i == B_XMAX)
			ok = x < y;
		else
			ok = is_step(v, &s->bound[i]);
		if (!ok)
			return breach(g, at, HF_SCHEMA_RANGE, "%s is %s %s",
			    hf_scalar_shown(v, a), words[i],
			    hf_scalar_shown(&s->bound[i], b));
	}
	return HF_SCHEMA_FITS;
}

static enum hf_schema_why
judge_count(struct judge *g, const struct hf_schema *s, size_t first, int64_t n,
    const struct hf_schema_place *at)
{
	const char *what = first == C_MINITEMS ? "items" : "characters";

	if (s->has_count[first] && n < s->count[first])
		return breach(g, at, HF_SCHEMA_RANGE,
		    "%lld %s, at least %lld are needed", (long long)n, what,
		    (long long)s->count[first]);
	if (s->has_count[first + 1] && n > s->count[first + 1])
		return breach(g, at, HF_SCHEMA_RANGE,
		    "%lld %s, at most %lld are allowed", (long long)n, what,
		    (long long)s->count[first + 1]);
	return HF_SCHEMA_FITS;
}

static int64_t
code_points(const char *s, size_t n)
{
	int64_t count = 0;
	size_t i;

	for (i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

/* Type, words, and what holds for numbers and strings. */
static enum hf_schema_why
judge_scalar(struct judge *g, const struct hf_schema *s,
    const struct hf_scalar *v, const struct hf_schema_place *at)
{
	char text[HF_SCHEMA_SHOWN];
	size_t i;

	if (!type_fits(s->type, v))
		return breach(g, at, HF_SCHEMA_TYPE, "%s is no %s",
		    hf_scalar_shown(v, text), s->type_text);
	for (i = 0; i < s->nword; i++)
		if (same(&s->words[i], v))
			break;
	if (s->has_words && i == s->nword)
		return breach(g, at, HF_SCHEMA_RANGE,
		    "%s is not one of the allowed values",
		    hf_scalar_shown(v, text));
	if (hf_scalar_is_number(v))
		return judge_number(g, s, v, at);
	if (v->type == T_STR)
		return judge_count(g, s, C_MINLEN, code_points(v->s, v->n), at);
	return HF_SCHEMA_FITS;
}

static enum hf_schema_why judge_any(struct judge *g, const struct hf_schema *s,
    const json_t *v, const struct hf_schema_place *at);

static enum hf_schema_why
judge_array(struct judge *g, const struct hf_schema *s, const json_t *v,
    const struct hf_schema_place *at)
{
	struct hf_schema_place below = {.up = at};
	enum hf_schema_why why;
	size_t i, n = json_array_size(v);

	why = judge_count(g, s, C_MINITEMS, (int64_t)n, at);
	for (i = 0; i < n && s->items != NULL && why == HF_SCHEMA_FITS; i++) {
		below.idx = i;
		why = judge_any(g, s->items, json_array_get(v, i), &below);
	}
	return why;
}

static enum hf_schema_why
judge_object(struct judge *g, const struct hf_schema *s, const json_t *v,
    const struct hf_schema_place *at)
{
	struct hf_schema_place below = {.up = at};
	enum hf_schema_why why = HF_SCHEMA_FITS;
	const char *key;
	const json_t *item;
	json_t *ignored;
	size_t i;

	for (i = 0; i < s->nrequired; i++)
		if (json_object_get(v, s->required[i]) == NULL)
			return breach(g, at, HF_SCHEMA_MISSING,
			    "required \"%s\" is missing", s->required[i]);
	for (i = 0; i < s->nprop && why == HF_SCHEMA_FITS; i++) {
		item = json_object_get(v, s->props[i].name);
		below.key = s->props[i].name;
		if (item != NULL)
			why = judge_any(g, s->props[i].node, item, &below);
	}
	if (why != HF_SCHEMA_FITS || !s->is_closed)
		return why;
	json_object_foreach((json_t *)(uintptr_t)v, key, ignored)
	{
		below.key = key;
		if (hf_schema_find_prop(s, key) == NULL)
			return breach(g, &below, HF_SCHEMA_UNKNOWN,
			    "the contract does not know this property");
	}
	return why;
}

static enum hf_schema_why
judge_any(struct judge *g, const struct hf_schema *s, const json_t *v,
    const struct hf_schema_place *at)
{
	const struct hf_scalar x = hf_scalar_of(v);
	enum hf_schema_why why = judge_scalar(g, s, &x, at);

	if (why != HF_SCHEMA_FITS)
		return why;
	if (x.type == T_ARR)
		return judge_array(g, s, v, at);
	if (x.type == T_OBJ)
		return judge_object(g, s, v, at);
	return HF_SCHEMA_FITS;
}

enum hf_schema_why
hf_schema_judge(const struct hf_schema *s, const json_t *v, struct hf_err *err)
{
	struct judge g = {.err = err};

	return judge_any(&g, s, v, NULL);
}

enum hf_schema_why
hf_schema_judge_value(const struct hf_schema *s, const struct hf_sample *v,
    const char *str, struct hf_err *err)
{
	struct judge g = {.err = err};
	struct hf_scalar x = {.type = T_NUM, .d = v->v.f64};

	if (hf_is_bad(v->status))
		return HF_SCHEMA_FITS;
	if (v->vtype == HF_V_I64)
		x = (struct hf_scalar){.type = T_INT, .i = v->v.i64};
	else if (v->vtype == HF_V_BOOL)
		x = (struct hf_scalar){.type = T_BOOL, .i = v->v.bits != 0};
	else if (v->vtype == HF_V_STR)
		x = (struct hf_scalar){
		    .type = T_STR, .s = str, .n = v->str_len};
	return judge_scalar(&g, s, &x, NULL);
}
