/* SPDX-License-Identifier: Apache-2.0
 *
 * auditbody.c - the canonical JSON body of one audit record.
 *
 * A body is what the log hashes: one JSON object, at most 4,096 bytes, in the
 * form of RFC 8785 (JSON Canonicalization Scheme), which leaves no choice:
 *  - no blanks; keys in ascending byte order, none twice; keys are [a-z_]+
 *  - values are strings or integers 0 .. 2^53-1, no fractions, no nesting
 *  - in strings only '"' and '\' are escaped (by '\'); the rest is UTF-8 as it
 *    is; control characters (below 0x20) do not occur
 *  - a text that was not given has no key; there is no null
 *  - hashes are 64 lower-case hex digits
 * Keys of version 1, * always there:
 *
 *    action*     what happened, one of model/records.def: "alarm.ack"
 *    actor       on whose behalf: "uid:1000", "rule:press-hot"
 *    boot*       kernel's boot id of the machine: a UUID
 *    config_hash hash of the configuration that was in force
 *    decision    "allow" "deny" "done" "failed" "raised" ...
 *    detail      one sentence for people
 *    inc         incarnation of the sending process; in log.open audit's own
 *    input_hash  hash of what was decided on
 *    model_hash  hash of the model that took part
 *    mono_us*    monotonic clock of the machine, us since its boot
 *    note        SHA-256 of the text of the checkpoint whose tree size is seq;
 *                there if and only if that checkpoint was signed before. It
 *                chains the checkpoints: none can be left out later.
 *    object      what it was done to
 *    req         running number of the record at its sender (with inc)
 *    role*       process that sent it: "core"
 *    role_zone   zone number of that process, if it belongs to one
 *    seq*        number of the record, from 0: its leaf in the tree
 *    v*          1
 *    wall*       wall clock when audit got it, always with nine digits:
 *                "2026-05-01T12:00:00.123456789Z"
 *    zone        name of the zone it concerns
 *
 * Order comes from seq, never from wall. A reader that finds a key that is not
 * in the list ignores it, so a later release can add one.
 * A golden sample is in tests/data/golden/audit-v1 and store_auditlog_test.c.
 */
#include "store/auditbody.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "base/utf8.h"

#define INT_MAX_SAFE ((UINT64_C(1) << 53) - 1) /* RFC 8785: I-JSON integers */
#define WALL_LEN 30			       /* with nine digits and Z */
#define KEY_CAP 24

bool
hf_slice_is(struct hf_slice s, const char *word)
{
	return s.p != NULL && s.n == strlen(word) &&
	       memcmp(s.p, word, s.n) == 0;
}

struct writer {
	struct hf_buf *out;
	bool has_item, is_bad;
};

static void
put_key(struct writer *w, const char *key)
{
	hf_buf_printf(w->out, "%s\"%s\":", w->has_item ? "," : "{", key);
	w->has_item = true;
}

static void
put_int(struct writer *w, const char *key, uint64_t v)
{
	if (v > INT_MAX_SAFE)
		w->is_bad = true;
	put_key(w, key);
	hf_buf_printf(w->out, "%" PRIu64, v);
}

static void
put_str(struct writer *w, const char *key, const char *s)
{
	size_t n = strlen(s), i, from = 0;

	if (n == 0)
		return;
	if (!hf_utf8_ok(s, n))
		w->is_bad = true;
	put_key(w, key);
	hf_buf_u8(w->out, '"');
	for (i = 0; i < n; i++) {
		if ((uint8_t)s[i] < 0x20)
			w->is_bad = true;
		if (s[i] != '"' && s[i] != '\\')
			continue;
		hf_buf_put(w->out, s + from, i - from);
		hf_buf_u8(w->out, '\\');
		from = i;
	}
	hf_buf_put(w->out, s + from, n - from);
	hf_buf_u8(w->out, '"');
}

static void
put_hash(struct writer *w, const char *key, const uint8_t *hash)
{
	static const uint8_t none[HF_SHA256_LEN];
	char hex[HF_SHA256_HEX];

	if (hash == NULL || memcmp(hash, none, sizeof(none)) == 0)
		return;
	hf_hex(hex, hash, HF_SHA256_LEN);
	put_str(w, key, hex);
}

static void
put_wall(struct writer *w, int64_t wall_ns)
{
	char text[80];
	time_t s = (time_t)(wall_ns / HF_NS_PER_S);
	struct tm tm;

	if (wall_ns < 0 || gmtime_r(&s, &tm) == NULL) {
		w->is_bad = true;
		return;
	}
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (int)(wall_ns % HF_NS_PER_S));
	put_str(w, "wall", text);
}

int
hf_audit_body_put(struct hf_buf *out, uint64_t seq, const struct hf_record *r,
    const struct hf_audit_stamp *at, const uint8_t *note, struct hf_err *err)
{
	struct writer w = {.out = out};
	size_t start = out->len;

	put_str(&w, "action", r->action);
	put_str(&w, "actor", r->actor);
	put_str(&w, "boot", at->boot_id);
	put_hash(&w, "config_hash", r->config_hash);
	put_str(&w, "decision", r->decision);
	put_str(&w, "detail", r->detail);
	if (at->req >> 32 != 0)
		put_int(&w, "inc", at->req >> 32);
	put_hash(&w, "input_hash", r->input_hash);
	put_hash(&w, "model_hash", r->model_hash);
	put_int(&w, "mono_us", (uint64_t)(at->mono_ns / HF_NS_PER_US));
	put_hash(&w, "note", note);
	put_str(&w, "object", r->object);
	if ((at->req & UINT32_MAX) != 0)
		put_int(&w, "req", at->req & UINT32_MAX);
	put_str(&w, "role", hf_role_name(at->sender));
	if (at->zone != 0)
		put_int(&w, "role_zone", at->zone);
	put_int(&w, "seq", seq);
	put_int(&w, "v", 1);
	put_wall(&w, at->wall_ns);
	put_str(&w, "zone", r->zone);
	hf_buf_u8(out, '}');
	if (w.is_bad || r->action[0] == '\0' || at->boot_id[0] == '\0')
		return HF_FAIL(err, HF_EINVAL,
		    "record is not text, or a number is out of range");
	if (!hf_buf_ok(out) || out->len - start > HF_AUDIT_BODY)
		return HF_FAIL(
		    err, HF_ELIMIT, "record is over %d bytes", HF_AUDIT_BODY);
	return HF_OK;
}

struct reader {
	const char *p, *end;
};

/* A string behind its opening quote; *s is what stands between the quotes. */
static bool
get_str(struct reader *r, struct hf_slice *s)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p != '"') {
		if ((uint8_t)*r->p < 0x20)
			return false;
		if (*r->p == '\\' &&
		    (++r->p >= r->end || (*r->p != '"' && *r->p != '\\')))
			return false;
		r->p++;
	}
	if (r->p >= r->end)
		return false;
	*s = (struct hf_slice){.p = from, .n = (size_t)(r->p - from)};
	r->p++;
	return hf_utf8_ok(s->p, s->n);
}

static bool
get_int(struct reader *r, uint64_t *v)
{
	const char *from = r->p;

	*v = 0;
	while (
	    r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - from < 16)
		*v = *v * 10 + (uint64_t)(*r->p++ - '0');
	return r->p > from && (*from != '0' || r->p - from == 1) &&
	       *v <= INT_MAX_SAFE;
}

static bool
get_key(struct reader *r, char key[KEY_CAP])
{
	size_t n = 0;

	if (r->p >= r->end || *r->p++ != '"')
		return false;
	while (r->p < r->end && n < KEY_CAP - 1 &&
	       ((*r->p >= 'a' && *r->p <= 'z') || *r->p == '_'))
		key[n++] = *r->p++;
	key[n] = '\0';
	if (n == 0 || r->end - r->p < 2 || r->p[0] != '"' || r->p[1] != ':')
		return false;
	r->p += 2;
	return true;
}

static bool
two_digits(const char *p, int lo, int hi, int *v)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*v = (p[0] - '0') * 10 + (p[1] - '0');
	return *v >= lo && *v <= hi;
}

static int64_t
days_from_civil(int y, int m, int d)
{
	int era, yoe, doy;

	/* H. Hinnant, chrono-compatible date algorithms; y >= 1970 here */
	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return (int64_t)era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy -
	       719468;
}

static bool
get_wall(struct hf_slice s, int64_t *ns)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ";
	int cc, yy, mo, d, h, mi, sec;
	int64_t frac = 0;
	size_t i;

	if (s.n != WALL_LEN)
		return false;
	for (i = 0; i < WALL_LEN; i++)
		if (form[i] == 'd' ? s.p[i] < '0' || s.p[i] > '9'
				   : s.p[i] != form[i])
			return false;
	if (!two_digits(s.p, 19, 22, &cc) || !two_digits(s.p + 2, 0, 99, &yy) ||
	    !two_digits(s.p + 5, 1, 12, &mo) ||
	    !two_digits(s.p + 8, 1, 31, &d) ||
	    !two_digits(s.p + 11, 0, 23, &h) ||
	    !two_digits(s.p + 14, 0, 59, &mi) ||
	    !two_digits(s.p + 17, 0, 59, &sec))
		return false;
	if (cc * 100 + yy < 1970 || cc * 100 + yy > 2261)
		return false;
	for (i = 20; i < 29; i++)
		frac = frac * 10 + (s.p[i] - '0');
	*ns = ((days_from_civil(cc * 100 + yy, mo, d) * 24 + h) * 60 + mi) * 60;
	*ns = (*ns + sec) * HF_NS_PER_S + frac;
	return true;
}

/* Keys whose value the log itself uses. */
enum key_type { KEY_TEXT, KEY_INT, KEY_HASH, KEY_WALL };
static const struct key_row {
	const char *name;
	enum key_type type;
	bool is_required;
	size_t off; /* in struct hf_audit_body; of a slice or uint64_t */
} key_rows[] = {
    {"action", KEY_TEXT, true, offsetof(struct hf_audit_body, action)},
    {"boot", KEY_TEXT, true, offsetof(struct hf_audit_body, boot)},
    {"detail", KEY_TEXT, false, offsetof(struct hf_audit_body, detail)},
    {"inc", KEY_INT, false, offsetof(struct hf_audit_body, inc)},
    {"mono_us", KEY_INT, true, offsetof(struct hf_audit_body, mono_us)},
    {"note", KEY_HASH, false, offsetof(struct hf_audit_body, note)},
    {"object", KEY_TEXT, false, offsetof(struct hf_audit_body, object)},
    {"req", KEY_INT, false, offsetof(struct hf_audit_body, req)},
    {"role", KEY_TEXT, true, offsetof(struct hf_audit_body, role)},
    {"role_zone", KEY_INT, false, offsetof(struct hf_audit_body, role_zone)},
    {"seq", KEY_INT, true, offsetof(struct hf_audit_body, seq)},
    {"wall", KEY_WALL, true, offsetof(struct hf_audit_body, wall_ns)},
};
#define NKEY (sizeof(key_rows) / sizeof(key_rows[0]))

static bool
get_hash(struct hf_audit_body *b, struct hf_slice s)
{
	char hex[HF_SHA256_HEX], again[HF_SHA256_HEX];

	if (s.n != HF_SHA256_HEX - 1)
		return false;
	memcpy(hex, s.p, s.n);
	hex[s.n] = '\0';
	b->has_note = hf_unhex(b->note, HF_SHA256_LEN, hex);
	if (!b->has_note)
		return false;
	hf_hex(again, b->note, HF_SHA256_LEN);
	return memcmp(hex, again, sizeof(hex)) == 0;
}

static bool
get_value(struct reader *r, const struct key_row *k, struct hf_audit_body *b)
{
	char *at = k != NULL ? (char *)b + k->off : NULL;
	struct hf_slice s = {0};
	uint64_t v = 0;

	if (r->p < r->end && *r->p == '"') {
		r->p++;
		if (!get_str(r, &s) || s.n == 0)
			return false;
	} else if (!get_int(r, &v)) {
		return false;
	}
	if (k == NULL)
		return true;
	if ((k->type == KEY_INT) != (s.p == NULL))
		return false;
	switch (k->type) {
	case KEY_INT:
		memcpy(at, &v, sizeof(v));
		return true;
	case KEY_TEXT:
		memcpy(at, &s, sizeof(s));
		return true;
	case KEY_HASH:
		return get_hash(b, s);
	case KEY_WALL:
		return get_wall(s, &b->wall_ns);
	}
	return false;
}

int
hf_audit_body_get(
    struct hf_audit_body *b, const char *p, size_t n, struct hf_err *err)
{
	struct reader r = {.p = p, .end = p + n};
	char key[KEY_CAP], last[KEY_CAP] = "";
	size_t next = 0; /* first key_rows entry not yet passed */

	memset(b, 0, sizeof(*b));
	if (n < 2 || n > HF_AUDIT_BODY || *r.p++ != '{')
		return HF_FAIL(err, HF_ECORRUPT, "body is no JSON object");
	for (;;) {
		const struct key_row *row = NULL;

		if (!get_key(&r, key) || strcmp(key, last) <= 0)
			return HF_FAIL(err, HF_ECORRUPT,
			    "body: key behind \"%s\" malformed or out of order",
			    last);
		memcpy(last, key, sizeof(last));
		while (next < NKEY && strcmp(key_rows[next].name, key) < 0)
			if (key_rows[next++].is_required)
				return HF_FAIL(err, HF_ECORRUPT,
				    "body has no \"%s\"",
				    key_rows[next - 1].name);
		if (next < NKEY && strcmp(key_rows[next].name, key) == 0)
			row = &key_rows[next++];
		if (!get_value(&r, row, b))
			return HF_FAIL(err, HF_ECORRUPT,
			    "body: \"%s\" has no canonical value", key);
		if (r.end - r.p == 1 && *r.p == '}')
			break;
		if (r.p >= r.end || *r.p++ != ',')
			return HF_FAIL(err, HF_ECORRUPT,
			    "body is not canonical behind \"%s\"", key);
	}
	if (next < NKEY) /* the last rows are required ones */
		return HF_FAIL(err, HF_ECORRUPT, "body has no \"%s\"",
		    key_rows[next].name);
	return HF_OK;
}
