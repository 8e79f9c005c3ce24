/* SPDX-License-Identifier: Apache-2.0
 *
 * payload.c - what a message says to a tag: value, time, quality.
 *
 * Forms of a payload:
 *   {...} [...]   JSON, at most HF_MQTT_PAYLOAD bytes and 32 levels, no key
 *                 twice, numbers that a double or int64 holds, UTF-8: else the
 *                 whole payload is broken
 *   "text"        a JSON text
 *   12 -1.5e3     a number (white space around it is passed over)
 *   true false    a boolean
 *   nan inf       a number that is not finite: a bad sample
 *   else          a text
 * A tag without field= that meets a JSON object takes the member "value", and
 * "timestamp_ms" and "quality" with it, which is how this program and United
 * Manufacturing Hub publish.
 *
 * Quality: Good, Uncertain, Bad (any case, also names that begin so, such as
 * BadNoCommunication), true and false, or a numeric OPC UA StatusCode.
 */
#include "field/mqtt/payload.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"
#include "bus/mqtt.h"
#include "model/quality.h"

#define STATUS_MAX 4294967295.0

static struct hf_mq_step value_step = {.name = "value"};
static struct hf_mq_step stamp_step = {.name = "timestamp_ms"};
static struct hf_mq_step quality_step = {.name = "quality"};
static const struct hf_mq_path value_path = {&value_step, 1};
static const struct hf_mq_path stamp_path = {&stamp_step, 1};
static const struct hf_mq_path quality_path = {&quality_step, 1};

/* ---- open ---- */

static void
trim(const char **p, size_t *n)
{
	while (*n > 0 && isspace((unsigned char)**p)) {
		(*p)++;
		(*n)--;
	}
	while (*n > 0 && isspace((unsigned char)(*p)[*n - 1]))
		(*n)--;
}

/* "abc" with its escapes: parsed as the only item of an array. */
static void
open_text(struct hf_mq_payload *l, const char *p, size_t n)
{
	struct hf_buf b;

	hf_buf_init(&b, n + 2);
	hf_buf_puts(&b, "[");
	hf_buf_put(&b, p, n);
	hf_buf_puts(&b, "]");
	if (!hf_buf_ok(&b) || hf_json_parse((const char *)b.p, b.len,
				  HF_MQTT_PAYLOAD, &l->text, NULL) != HF_OK)
		l->text = NULL; /* then it is a text with a quote in it */
	hf_buf_fini(&b);
	if (l->text != NULL &&
	    (json_array_size(l->text) != 1 ||
		!json_is_string(json_array_get(l->text, 0)))) {
		json_decref(l->text);
		l->text = NULL;
	}
}

void
hf_mq_payload_open(struct hf_mq_payload *l, const char *p, size_t n)
{
	*l = (struct hf_mq_payload){.p = p == NULL ? "" : p, .n = n};
	p = l->p;
	trim(&p, &n);
	if (n > 0 && (*p == '{' || *p == '[')) {
		l->is_broken = hf_json_parse(p, n, HF_MQTT_PAYLOAD, &l->root,
				   &l->err) != HF_OK;
		if (l->is_broken)
			l->root = NULL;
	} else if (!hf_utf8_text_ok(l->p, l->n)) {
		l->is_broken = true;
		HF_FAIL(&l->err, HF_EINVAL, "neither JSON nor UTF-8 text");
	} else if (n > 1 && *p == '"' && p[n - 1] == '"') {
		open_text(l, p, n);
	}
}

void
hf_mq_payload_close(struct hf_mq_payload *l)
{
	json_decref(l->root);
	json_decref(l->text);
	l->root = l->text = NULL;
}

/* ---- value ---- */

static const json_t *
at_path(const json_t *j, const struct hf_mq_path *path)
{
	size_t i;

	for (i = 0; i < path->n && j != NULL; i++)
		j = path->v[i].name != NULL
			? json_object_get(j, path->v[i].name)
			: json_array_get(j, path->v[i].idx);
	return j;
}

/* A member whose value is an object or array fits no tag: a type error. */
static void
value_of(const json_t *j, struct hf_value *v)
{
	*v = (struct hf_value){.kind = HF_VALUE_NULL};
	if (json_is_boolean(j)) {
		v->kind = HF_VALUE_BOOL;
		v->b = json_is_true(j);
	} else if (json_is_integer(j)) {
		v->kind = HF_VALUE_I64;
		v->i = json_integer_value(j);
	} else if (json_is_real(j)) {
		v->kind = HF_VALUE_F64;
		v->d = json_real_value(j);
	} else if (json_is_string(j)) {
		v->kind = HF_VALUE_TEXT;
		v->s = json_string_value(j);
		v->n = json_string_length(j);
	}
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

static void
plain_value(const struct hf_mq_payload *l, struct hf_value *v)
{
	const char *p = l->p;
	size_t n = l->n;

	trim(&p, &n);
	*v = (struct hf_value){.kind = HF_VALUE_TEXT, .s = l->p, .n = l->n};
	if (is_word(p, n, "true") || is_word(p, n, "false")) {
		v->kind = HF_VALUE_BOOL;
		v->b = n == 4;
	} else if (hf_parse_i64(p, n, &v->i)) {
		v->kind = HF_VALUE_I64;
	} else if (hf_parse_f64(p, n, false, &v->d)) {
		v->kind = HF_VALUE_F64;
	} else if (is_word(p, n, "nan") || is_word(p, n, "inf") ||
		   is_word(p, n, "-inf") || is_word(p, n, "infinity") ||
		   is_word(p, n, "-infinity")) {
		v->kind = HF_VALUE_F64;
		v->d = NAN;
	}
}

enum hf_mq_got
hf_mq_value(const struct hf_mq_payload *l, const struct hf_mq_addr *a,
    bool is_text, struct hf_value *v)
{
	const json_t *j;

	if (l->is_broken)
		return HF_MQ_BROKEN;
	if (a->field.n > 0) {
		j = at_path(l->root, &a->field);
		value_of(j, v);
		return j == NULL ? HF_MQ_ABSENT : HF_MQ_GOT;
	}
	j = at_path(l->root, &value_path);
	if (j == NULL)
		j = json_array_get(l->text, 0);
	if (j != NULL) {
		value_of(j, v);
		return HF_MQ_GOT;
	}
	if (is_text) {
		*v = (struct hf_value){
		    .kind = HF_VALUE_TEXT, .s = l->p, .n = l->n};
		return HF_MQ_GOT;
	}
	if (l->root != NULL)
		return HF_MQ_ABSENT;
	plain_value(l, v);
	return HF_MQ_GOT;
}

/* ---- time ---- */

static const struct {
	int64_t ns;
} unit_ns[] = {
    [HF_MQ_AUTO] = {HF_NS_PER_MS},
    [HF_MQ_S] = {HF_NS_PER_S},
    [HF_MQ_MS] = {HF_NS_PER_MS},
    [HF_MQ_US] = {1000},
    [HF_MQ_NS] = {1},
};

static bool
scaled_time(const json_t *j, int64_t ns, int64_t *out)
{
	double d, whole;

	if (json_is_integer(j))
		return !__builtin_mul_overflow(
			   (int64_t)json_integer_value(j), ns, out) &&
		       *out >= HF_TIME_MIN && *out < HF_TIME_END;
	d = json_real_value(j);
	if (fabs(d) >= (double)INT64_MAX / (double)ns)
		return false;
	/* in two parts: the product has no room for all its digits */
	whole = floor(d);
	*out = (int64_t)whole * ns + (int64_t)llround((d - whole) * (double)ns);
	return *out >= HF_TIME_MIN && *out < HF_TIME_END;
}

static bool
read_time(const json_t *j, enum hf_mq_unit unit, int64_t *out)
{
	if (json_is_string(j) && (unit == HF_MQ_AUTO || unit == HF_MQ_RFC3339))
		return hf_time_parse(
		    json_string_value(j), json_string_length(j), out);
	if (!json_is_number(j) || unit == HF_MQ_RFC3339)
		return false;
	return scaled_time(j, unit_ns[unit].ns, out);
}

int64_t
hf_mq_stamp(
    const struct hf_mq_payload *l, const struct hf_mq_addr *a, bool *is_bad)
{
	bool is_given = a->time.n > 0;
	const json_t *j = NULL;
	int64_t t;

	*is_bad = false;
	if (is_given)
		j = at_path(l->root, &a->time);
	else if (a->field.n == 0)
		j = at_path(l->root, &stamp_path);
	if (j == NULL) {
		*is_bad = is_given;
		return HF_TIME_NONE;
	}
	if (read_time(j, a->unit, &t))
		return t;
	*is_bad = true;
	return HF_TIME_NONE;
}

/* ---- quality ---- */

static bool
begins(const char *s, const char *word)
{
	return strncasecmp(s, word, strlen(word)) == 0;
}

static bool
read_quality(const json_t *j, uint32_t *out)
{
	const char *s = json_string_value(j);
	double code;

	if (json_is_boolean(j)) {
		*out = json_is_true(j) ? HF_GOOD : HF_BAD;
		return true;
	}
	if (json_is_number(j)) {
		code = json_number_value(j);
		if (!(code >= 0 && code <= STATUS_MAX) || code != floor(code))
			return false;
		*out = (uint32_t)code;
		/* 11 in the upper bits is reserved: no severity */
		return *out >> 30 != 3;
	}
	if (s == NULL)
		return false;
	if (begins(s, "good"))
		*out = HF_GOOD;
	else if (begins(s, "uncertain"))
		*out = HF_UNCERTAIN;
	else if (begins(s, "bad"))
		*out = strcasecmp(s, "BadNoCommunication") == 0
			   ? HF_BAD_NO_COMMUNICATION
			   : HF_BAD;
	else
		return false;
	return true;
}

uint32_t
hf_mq_quality(
    const struct hf_mq_payload *l, const struct hf_mq_addr *a, bool *is_bad)
{
	const json_t *j = NULL;
	uint32_t status;

	*is_bad = false;
	if (a->quality.n > 0)
		j = at_path(l->root, &a->quality);
	else if (a->field.n == 0)
		j = at_path(l->root, &quality_path);
	if (j == NULL)
		return HF_GOOD;
	if (read_quality(j, &status))
		return status;
	*is_bad = true;
	return HF_UNCERTAIN;
}
