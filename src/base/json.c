/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c - JSON (RFC 8259) out of and into bounded memory.
 *
 * Writing: no blanks, keys in the order of the calls, strings escaped only
 * where they must be (" \ and control characters; \b \t \n \f \r short, the
 * others as \u00XX), numbers in their shortest exact form. Same calls, same
 * bytes: hashes and signatures are made over such text. Nesting deeper than 16
 * levels fails the buffer.
 *
 * Reading: jansson does the parsing. It recurses on nesting, so the depth is
 * counted here before it sees a byte.
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"

#define DEPTH_OUT 16 /* levels the writer keeps track of */
#define DEPTH_IN 32  /* levels the reader accepts */

void
hf_jw_init(struct hf_jw *w, struct hf_buf *b)
{
	*w = (struct hf_jw){.b = b};
}

/* What must stand before the next value: a comma, unless it follows a key. */
static void
before_value(struct hf_jw *w)
{
	if (w->after_key)
		w->after_key = false;
	else if (w->has_item[w->depth])
		hf_buf_u8(w->b, ',');
	w->has_item[w->depth] = true;
}

static void
open_level(struct hf_jw *w, char c)
{
	before_value(w);
	hf_buf_u8(w->b, (uint8_t)c);
	if (w->depth >= DEPTH_OUT) {
		w->b->failed = true;
		return;
	}
	w->has_item[++w->depth] = false;
}

static void
close_level(struct hf_jw *w, char c)
{
	if (w->depth == 0) {
		w->b->failed = true;
		return;
	}
	w->depth--;
	w->after_key = false;
	hf_buf_u8(w->b, (uint8_t)c);
}

void
hf_jw_obj(struct hf_jw *w)
{
	open_level(w, '{');
}

void
hf_jw_end_obj(struct hf_jw *w)
{
	close_level(w, '}');
}

void
hf_jw_arr(struct hf_jw *w)
{
	open_level(w, '[');
}

void
hf_jw_end_arr(struct hf_jw *w)
{
	close_level(w, ']');
}

/* The escape of one ASCII byte, or NULL if it stands for itself. */
static const char *
escape_of(uint8_t c, char buf[8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\t':
		return "\\t";
	case '\n':
		return "\\n";
	case '\f':
		return "\\f";
	case '\r':
		return "\\r";
	default:
		if (c >= 0x20)
			return NULL;
		snprintf(buf, 8, "\\u%04x", c);
		return buf;
	}
}

static void
put_string(struct hf_buf *b, const char *s, size_t n)
{
	char buf[8];
	const char *esc;
	size_t i, len, run = 0; /* run: start of what is copied as it is */

	hf_buf_u8(b, '"');
	for (i = 0; i < n; i += len) {
		esc = NULL;
		len = hf_utf8_seq(s + i, n - i);
		if (len == 0) {
			esc = "\xEF\xBF\xBD"; /* U+FFFD */
			len = 1;
		} else if (len == 1) {
			esc = escape_of((uint8_t)s[i], buf);
		}
		if (esc != NULL) {
			hf_buf_put(b, s + run, i - run);
			hf_buf_puts(b, esc);
			run = i + len;
		}
	}
	hf_buf_put(b, s + run, n - run);
	hf_buf_u8(b, '"');
}

void
hf_jw_key(struct hf_jw *w, const char *key)
{
	before_value(w);
	put_string(w->b, key, strlen(key));
	hf_buf_u8(w->b, ':');
	w->after_key = true;
}

void
hf_jw_str(struct hf_jw *w, const char *s)
{
	if (s == NULL)
		hf_jw_null(w);
	else
		hf_jw_strn(w, s, strlen(s));
}

void
hf_jw_strn(struct hf_jw *w, const char *s, size_t n)
{
	before_value(w);
	put_string(w->b, s, n);
}

void
hf_jw_i64(struct hf_jw *w, int64_t v)
{
	before_value(w);
	hf_buf_printf(w->b, "%lld", (long long)v);
}

void
hf_jw_u64(struct hf_jw *w, uint64_t v)
{
	before_value(w);
	hf_buf_printf(w->b, "%llu", (unsigned long long)v);
}

void
hf_jw_f64(struct hf_jw *w, double v)
{
	char text[HF_F64_TEXT];

	before_value(w);
	hf_buf_puts(w->b, isfinite(v) ? hf_fmt_f64(v, text) : "null");
}

void
hf_jw_bool(struct hf_jw *w, bool v)
{
	before_value(w);
	hf_buf_puts(w->b, v ? "true" : "false");
}

void
hf_jw_null(struct hf_jw *w)
{
	before_value(w);
	hf_buf_puts(w->b, "null");
}

void
hf_jw_time(struct hf_jw *w, int64_t t_ns)
{
	char text[HF_TIME_TEXT];

	if (t_ns == HF_TIME_NONE)
		hf_jw_null(w);
	else
		hf_jw_str(w, hf_time_fmt(t_ns, text));
}

void
hf_jw_raw(struct hf_jw *w, const char *json, size_t n)
{
	before_value(w);
	hf_buf_put(w->b, json, n);
}

void
hf_jw_kstr(struct hf_jw *w, const char *key, const char *s)
{
	hf_jw_key(w, key);
	hf_jw_str(w, s);
}

void
hf_jw_ki64(struct hf_jw *w, const char *key, int64_t v)
{
	hf_jw_key(w, key);
	hf_jw_i64(w, v);
}

void
hf_jw_ku64(struct hf_jw *w, const char *key, uint64_t v)
{
	hf_jw_key(w, key);
	hf_jw_u64(w, v);
}

void
hf_jw_kf64(struct hf_jw *w, const char *key, double v)
{
	hf_jw_key(w, key);
	hf_jw_f64(w, v);
}

void
hf_jw_kbool(struct hf_jw *w, const char *key, bool v)
{
	hf_jw_key(w, key);
	hf_jw_bool(w, v);
}

void
hf_jw_ktime(struct hf_jw *w, const char *key, int64_t t_ns)
{
	hf_jw_key(w, key);
	hf_jw_time(w, t_ns);
}

/* Is the nesting within DEPTH_IN? Strings are skipped; whether the brackets
 * pair up is for jansson to say. */
static bool
is_shallow(const char *p, size_t n)
{
	bool in_string = false;
	int depth = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (in_string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (p[i] == '[' || p[i] == '{')
			depth++;
		else if ((p[i] == ']' || p[i] == '}') && depth > 0)
			depth--;
		if (depth > DEPTH_IN)
			return false;
	}
	return true;
}

int
hf_json_parse(
    const char *p, size_t n, size_t max_bytes, json_t **out, struct hf_err *err)
{
	json_error_t je;
	json_t *root;

	if (n > max_bytes)
		return HF_FAIL(err, HF_ELIMIT,
		    "JSON text of %zu bytes, at most %zu are taken", n,
		    max_bytes);
	if (!is_shallow(p, n))
		return HF_FAIL(err, HF_ELIMIT,
		    "JSON nested deeper than %d levels", DEPTH_IN);
	root = json_loadb(p, n, JSON_REJECT_DUPLICATES, &je);
	if (root == NULL)
		return HF_FAIL(err, HF_EINVAL, "JSON line %d column %d: %s",
		    je.line, je.column, je.text);
	*out = root;
	return HF_OK;
}
