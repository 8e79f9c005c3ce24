/* SPDX-License-Identifier: Apache-2.0
 *
 * alarmrow.c - one alarm as a row of state.db and as JSON of the API.
 *
 * Row, version 1, little-endian:
 *   u8 version 1   u8 state   u8 bits: 1 advisory, 2 condition on, 4 durable
 *   u8 level   u8 priority   u64 events   i64 since   i64 raised
 *   i64 respond within, ns   i64 shelved until (INT64_MIN = not shelved)
 *   32 last event id   six texts (u32 length, bytes; 0xffffffff = none): text,
 *   cause, consequence, action, acked by, reason   u32 CRC-32C of all before
 *
 * The key is stored beside the row by its owner. A reader checks the CRC, then
 * every field; texts must be UTF-8 of at most HF_ALARM_TEXT bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "detect/alarm_in.h"
#include "detect/method.h"

#define ROW_VERSION 1
#define BIT_ADVISORY 1u
#define BIT_ON 2u
#define BIT_DURABLE 4u

const char *const hf_alarm_state_words[] = {"normal", "unacknowledged",
    "acknowledged", "returned", "shelved", "out-of-service", NULL};

void
hf_alarm_fini(struct alarm *a)
{
	free(a->text);
	free(a->cause);
	free(a->consequence);
	free(a->action);
	free(a->acked_by);
	free(a->reason);
	a->text = a->cause = a->consequence = a->action = NULL;
	a->acked_by = a->reason = NULL;
}

static char *
copy_text(const char *src, size_t n)
{
	char *s;

	if (n > HF_ALARM_TEXT) {
		n = HF_ALARM_TEXT;
		/* a byte 10xxxxxx goes on with the character before it */
		while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
			n--;
	}
	s = malloc(n + 1);
	if (s == NULL)
		return NULL;
	memcpy(s, src, n);
	s[n] = '\0';
	return s;
}

void
hf_alarm_text(char **dst, const char *src)
{
	char *s = NULL;

	if (src != NULL) {
		s = copy_text(src, strlen(src));
		if (s == NULL)
			return;
	}
	free(*dst);
	*dst = s;
}

void
hf_alarm_pack(const struct alarm *a, struct hf_buf *out)
{
	size_t at = out->len;

	hf_buf_u8(out, ROW_VERSION);
	hf_buf_u8(out, a->state);
	hf_buf_u8(out, (uint8_t)((a->is_advisory ? BIT_ADVISORY : 0) |
				 (a->is_on ? BIT_ON : 0) |
				 (a->is_durable ? BIT_DURABLE : 0)));
	hf_buf_u8(out, a->level);
	hf_buf_u8(out, a->priority);
	hf_buf_u64(out, a->nevent);
	hf_buf_i64(out, a->since_ns);
	hf_buf_i64(out, a->raised_ns);
	hf_buf_i64(out, a->respond_ns);
	hf_buf_i64(out, a->shelved_until_ns);
	hf_buf_put(out, a->event, HF_SHA256_LEN);
	hf_buf_str(out, a->text);
	hf_buf_str(out, a->cause);
	hf_buf_str(out, a->consequence);
	hf_buf_str(out, a->action);
	hf_buf_str(out, a->acked_by);
	hf_buf_str(out, a->reason);
	if (hf_buf_ok(out))
		hf_buf_u32(out, hf_crc32c(0, out->p + at, out->len - at));
}

static bool
read_text(struct hf_rd *in, char **out)
{
	const char *s;
	size_t n;

	if (!hf_rd_str(in, &s, &n, HF_ALARM_TEXT))
		return false;
	if (s == NULL)
		return true;
	if (memchr(s, '\0', n) != NULL || !hf_utf8_ok(s, n))
		return false;
	*out = copy_text(s, n);
	return *out != NULL;
}

static bool
read_fields(struct alarm *a, struct hf_rd *in)
{
	const uint8_t *id;
	uint8_t bits;

	a->state = hf_rd_u8(in);
	bits = hf_rd_u8(in);
	a->is_advisory = (bits & BIT_ADVISORY) != 0;
	a->is_on = (bits & BIT_ON) != 0;
	a->is_durable = (bits & BIT_DURABLE) != 0;
	a->level = hf_rd_u8(in);
	a->priority = hf_rd_u8(in);
	a->nevent = hf_rd_u64(in);
	a->since_ns = hf_rd_i64(in);
	a->raised_ns = hf_rd_i64(in);
	a->respond_ns = hf_rd_i64(in);
	a->shelved_until_ns = hf_rd_i64(in);
	id = hf_rd_bytes(in, HF_SHA256_LEN);
	if (id == NULL || a->state > HF_AL_OUT_OF_SERVICE || bits > 7 ||
	    a->level > HF_LEVEL_TRIP)
		return false;
	/* a shelf without an end would never be left by the timer */
	if ((a->state == HF_AL_SHELVED) !=
	    (a->shelved_until_ns != HF_TIME_NONE))
		return false;
	memcpy(a->event, id, HF_SHA256_LEN);
	return true;
}

int
hf_alarm_unpack(struct alarm *a, const void *p, size_t n, struct hf_err *err)
{
	struct hf_rd in;

	if (n < 5)
		return HF_FAIL(err, HF_ECORRUPT, "alarm row of %zu bytes", n);
	hf_rd_init(&in, (const uint8_t *)p + n - 4, 4);
	if (hf_rd_u32(&in) != hf_crc32c(0, p, n - 4))
		return HF_FAIL(
		    err, HF_ECORRUPT, "alarm row: checksum does not agree");
	hf_rd_init(&in, p, n - 4);
	if (hf_rd_u8(&in) != ROW_VERSION)
		return HF_FAIL(err, HF_ECORRUPT,
		    "alarm row: unknown version; it was written by a newer "
		    "program");
	if (read_fields(a, &in) && read_text(&in, &a->text) &&
	    read_text(&in, &a->cause) && read_text(&in, &a->consequence) &&
	    read_text(&in, &a->action) && read_text(&in, &a->acked_by) &&
	    read_text(&in, &a->reason) && hf_rd_left(&in) == 0)
		return HF_OK;
	hf_alarm_fini(a);
	return HF_FAIL(err, HF_ECORRUPT, "alarm row: a field is out of range");
}

static bool
has_event(const struct alarm *a)
{
	size_t i;

	for (i = 0; i < HF_SHA256_LEN; i++)
		if (a->event[i] != 0)
			return true;
	return false;
}

void
hf_alarm_json(const struct alarm *a, struct hf_jw *w)
{
	static const char *const levels[] = {"none", "warn", "trip"};
	const char *bar = strchr(a->key, '|');
	char dur[HF_TIME_TEXT], hex[HF_SHA256_HEX];

	hf_hex(hex, a->event, HF_SHA256_LEN);
	hf_jw_obj(w);
	hf_jw_kstr(w, "id", a->key);
	hf_jw_key(w, "rule");
	hf_jw_strn(w, a->key, bar != NULL ? (size_t)(bar - a->key) : 0);
	hf_jw_kstr(w, "subject", bar != NULL ? bar + 1 : a->key);
	hf_jw_kstr(w, "state", hf_alarm_state_words[a->state]);
	hf_jw_kbool(w, "advisory", a->is_advisory);
	hf_jw_ki64(w, "priority", a->priority);
	hf_jw_kstr(w, "level", levels[a->level]);
	hf_jw_ktime(w, "since", a->since_ns);
	hf_jw_ktime(w, "raised", a->raised_ns);
	hf_jw_kstr(w, "text", a->text);
	hf_jw_kstr(w, "cause", a->cause);
	hf_jw_kstr(w, "consequence", a->consequence);
	hf_jw_kstr(w, "action", a->action);
	hf_jw_kstr(w, "respond_within",
	    a->respond_ns > 0 ? hf_dur_fmt(a->respond_ns, dur) : NULL);
	hf_jw_kstr(w, "acked_by", a->acked_by);
	hf_jw_kstr(w, "reason", a->reason);
	hf_jw_ktime(w, "shelved_until", a->shelved_until_ns);
	hf_jw_ku64(w, "events", a->nevent);
	hf_jw_kstr(w, "event", has_event(a) ? hex : NULL);
	hf_jw_kbool(w, "on", a->is_on);
	hf_jw_kbool(w, "durable", a->is_durable);
	hf_jw_end_obj(w);
}
