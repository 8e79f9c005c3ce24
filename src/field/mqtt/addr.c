/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.c - the address of a tag on MQTT, from text; the grammar is in addr.h.
 *
 * Used when a device is checked and opened, never while messages come in.
 */
#include "field/mqtt/addr.h"

#include <string.h>

#include "base/num.h"
#include "base/utf8.h"
#include "bus/mqtt.h"

#define ADDRESS_MAX 1024
#define INDEX_MAX 9999

static const struct {
	const char *word;
	enum hf_mq_unit unit;
} units[] = {
    {"s", HF_MQ_S},
    {"ms", HF_MQ_MS},
    {"us", HF_MQ_US},
    {"ns", HF_MQ_NS},
    {"rfc3339", HF_MQ_RFC3339},
};

/* Bytes up to the first unescaped character of `stop`, or the end. */
static size_t
span(const char *s, size_t n, const char *stop)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '\\' && i + 1 < n)
			i++;
		else if (strchr(stop, s[i]) != NULL)
			break;
	}
	return i;
}

/* A name without its backslashes; NULL on no memory. */
static const char *
unescape(struct hf_arena *a, const char *s, size_t n)
{
	char *out = hf_arena_strndup(a, s, n);
	size_t i, k = 0;

	for (i = 0; out != NULL && i < n; i++) {
		if (s[i] == '\\' && i + 1 < n)
			i++;
		out[k++] = s[i];
	}
	if (out != NULL)
		out[k] = '\0';
	return out;
}

static int
add_step(struct hf_mq_path *p, const struct hf_mq_step *step, const char *what,
    struct hf_err *err)
{
	if (p->n == HF_MQ_NSTEP)
		return HF_FAIL(
		    err, HF_EINVAL, "%s: over %d levels", what, HF_MQ_NSTEP);
	p->v[p->n++] = *step;
	return HF_OK;
}

/* "[12]" at s; *used its bytes. */
static int
parse_index(const char *s, size_t n, const char *what, struct hf_mq_step *out,
    size_t *used, struct hf_err *err)
{
	const char *end = memchr(s, ']', n);
	int64_t idx;

	if (end == NULL || !hf_parse_i64(s + 1, (size_t)(end - s - 1), &idx) ||
	    idx < 0 || idx > INDEX_MAX)
		return HF_FAIL(err, HF_EINVAL,
		    "%s: an item is [N] with N from 0 to %d; for a name that "
		    "holds [ write \\[",
		    what, INDEX_MAX);
	*out = (struct hf_mq_step){.idx = (uint32_t)idx};
	*used = (size_t)(end - s) + 1;
	return HF_OK;
}

static int
parse_path(struct hf_arena *a, const char *what, const char *s, size_t n,
    struct hf_mq_path *out, struct hf_err *err)
{
	struct hf_mq_step step;
	size_t i = 0, used;
	int rc;

	out->v = hf_arena_calloc(a, HF_MQ_NSTEP, sizeof(*out->v));
	if (out->v == NULL)
		return HF_FAIL(err, HF_ENOMEM, "address");
	out->n = 0;
	for (;;) {
		used = span(s + i, n - i, ".[");
		step = (struct hf_mq_step){.name = unescape(a, s + i, used)};
		if (step.name == NULL)
			return HF_FAIL(err, HF_ENOMEM, "address");
		/* "[0].x" begins with an item: the payload is an array */
		if (used == 0 && (i > 0 || n == 0 || s[0] != '['))
			return HF_FAIL(err, HF_EINVAL,
			    "%s has an empty name; write names joined by '.', "
			    "such as a.b[0].c",
			    what);
		rc = used == 0 ? HF_OK : add_step(out, &step, what, err);
		for (i += used; rc == HF_OK && i < n && s[i] == '[';
		     i += used) {
			rc = parse_index(s + i, n - i, what, &step, &used, err);
			if (rc == HF_OK)
				rc = add_step(out, &step, what, err);
		}
		if (rc != HF_OK || i == n)
			return rc;
		if (s[i] != '.')
			return HF_FAIL(err, HF_EINVAL,
			    "%s: '.' or the end must follow ]", what);
		i++;
	}
}

static int
parse_time(struct hf_arena *a, const char *s, size_t n, struct hf_mq_addr *out,
    struct hf_err *err)
{
	size_t len = span(s, n, ":"), i;

	for (i = 0; len < n && i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].word) == n - len - 1 &&
		    memcmp(units[i].word, s + len + 1, n - len - 1) == 0)
			break;
	if (len < n && i == sizeof(units) / sizeof(units[0]))
		return HF_FAIL(err, HF_EINVAL,
		    "time: unit \"%.*s\" is unknown; write :s, :ms, :us, :ns "
		    "or :rfc3339",
		    (int)(n - len - 1), s + len + 1);
	out->unit = len < n ? units[i].unit : HF_MQ_AUTO;
	return parse_path(a, "time", s, len, &out->time, err);
}

static int
parse_option(struct hf_arena *a, const char *s, size_t n,
    struct hf_mq_addr *out, struct hf_err *err)
{
	size_t key = span(s, n, "=");
	const char *v = s + key + 1;

	if (key == n)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.*s\" has no value; write field=, time= or quality= "
		    "and a path",
		    (int)n, s);
	n -= key + 1;
	if (key == 5 && memcmp(s, "field", key) == 0 && out->field.n == 0)
		return parse_path(a, "field", v, n, &out->field, err);
	if (key == 4 && memcmp(s, "time", key) == 0 && out->time.n == 0)
		return parse_time(a, v, n, out, err);
	if (key == 7 && memcmp(s, "quality", key) == 0 && out->quality.n == 0)
		return parse_path(a, "quality", v, n, &out->quality, err);
	return HF_FAIL(err, HF_EINVAL,
	    "\"%.*s\" is unknown, or given twice; an address is TOPIC, then "
	    "field=, time=, quality=, joined by ;",
	    (int)key, s);
}

int
hf_mq_addr_parse(struct hf_arena *a, const char *text, struct hf_mq_addr *out,
    struct hf_err *err)
{
	size_t n = strlen(text), len = strcspn(text, ";"), i;
	int rc;

	*out = (struct hf_mq_addr){.unit = HF_MQ_AUTO};
	if (n > ADDRESS_MAX || !hf_utf8_line_ok(text, n))
		return HF_FAIL(err, HF_EINVAL,
		    "the address is over %d bytes, or no text", ADDRESS_MAX);
	out->topic = hf_arena_strndup(a, text, len);
	if (out->topic == NULL)
		return HF_FAIL(err, HF_ENOMEM, "address");
	if (!hf_filter_ok(out->topic) || strpbrk(out->topic, "+#") != NULL)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%s\" is no topic; an address names one topic, without "
		    "+ and # (those belong into the device's subscribe)",
		    out->topic);
	for (i = len; i < n; i += len) {
		i++;
		len = span(text + i, n - i, ";");
		rc = parse_option(a, text + i, len, out, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}
