/* SPDX-License-Identifier: Apache-2.0
 *
 * syslog.c - RFC 5424 messages, written field by field; see syslog.h.
 *
 *    <PRI>1 TIME HOST APP - MSGID [holdfast@32473 name="value" ...] TEXT
 *
 * MSGID event: id kind rule detector subject level score advisory priority
 *    since config_hash; TEXT is the evidence's sentence.
 * MSGID audit: seq action actor object decision zone role hash config_hash;
 *    hash is the record's leaf in the log's tree, SHA-256(0x00 || body), so a
 *    collector's copy can be held against a checkpoint. TEXT is the detail.
 * A name without a value is left out.
 *
 * 32473 is the enterprise number that RFC 5612 sets aside for examples: the
 * project has none of its own. TIME has at most six digits (RFC 5424, 6.2.3).
 * TEXT begins with the byte order mark if and only if it holds more than ASCII
 * (6.4). In values '"', '\' and ']' are escaped (6.3.3). Control characters of
 * whatever origin become '?', bytes that are no UTF-8 too, and a byte order
 * mark inside: one message is one line that starts where it says.
 *
 * Severity: 3 a limit's trip level, 4 its warn level, 5 advisories and what
 * went off; records 4 if something was denied or failed, else 6.
 */
#include "bus/syslog.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"

#define SD_ID "holdfast@32473"
#define VALUE_MAX 512	 /* bytes of one value */
#define TEXT_MAX 2048	 /* bytes of the text */
#define EVENT_MAX 262144 /* bytes of evidence that is looked at */
#define PRI_MAX 191
#define BOM "\xef\xbb\xbf"

enum { SEV_ERROR = 3, SEV_WARNING = 4, SEV_NOTICE = 5, SEV_INFO = 6 };

static const char *const what_words[] = {"events", "audit", "both", NULL};
static const char *const facility_words[] = {"kern", "user", "mail", "daemon",
    "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7", NULL};

#define OFF(f) .off = offsetof(struct hf_syslog_conf, f)

static const struct hf_opt syslog_opts[] = {
    {.name = "host",
	.type = HF_OPT_HOST,
	.flags = HF_OPT_REQUIRED,
	OFF(host),
	.help = "IP address of the collector. Names are not resolved. A "
		"conduit from edge/ZONE to it must say proto: syslog-tcp and "
		"direction: push."},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "601",
	OFF(port),
	.help = "TCP port of the collector (601 is syslog over TCP, RFC 3195). "
		"Frames are octet-counted (RFC 6587)."},
    {.name = "what",
	.type = HF_OPT_ENUM,
	.words = what_words,
	.dflt = "both",
	OFF(what),
	.help = "Events of rules, records of the audit log, or both."},
    {.name = "facility",
	.type = HF_OPT_ENUM,
	.words = facility_words,
	.dflt = "local0",
	OFF(facility),
	.help = "Syslog facility."},
    {.name = "app_name",
	.type = HF_OPT_NAME,
	.dflt = "holdfast",
	OFF(app_name),
	.help = "APP-NAME of the messages, at most 48 characters."},
    {.name = "hostname",
	.type = HF_OPT_STR,
	OFF(hostname),
	.help = "HOSTNAME of the messages. Without it SITE.ENTERPRISE."},
    {.name = "rate",
	.type = HF_OPT_RATE,
	.min = 0.1,
	.max = 100000,
	.dflt = "500/s",
	OFF(rate_hz),
	.help = "Messages per second at most, so that a backlog does not flood "
		"the collector when it comes back."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct hf_syslog_conf *c = conf;

	if (c->app_name != NULL && strlen(c->app_name) > 48) {
		snprintf(why, cap, "app_name: at most 48 characters");
		return HF_EINVAL;
	}
	return HF_OK;
}

const struct hf_kind hf_syslog_kind = {
    .name = "syslog",
    .help = "Events and audit records as RFC 5424 messages over TCP to a "
	    "collector in the plant. At least once: what a broken connection "
	    "leaves unconfirmed is sent again.",
    .opts = syslog_opts,
    .nopt = sizeof(syslog_opts) / sizeof(syslog_opts[0]),
    .size = sizeof(struct hf_syslog_conf),
    .check = check_conf,
};

/* ---- pieces ---- */

/* PRINTUSASCII without blanks. */
static void
put_name(char *dst, size_t cap, const char *src)
{
	size_t i;

	for (i = 0; src[i] != '\0' && i + 1 < cap; i++)
		dst[i] = src[i] > 0x20 && src[i] < 0x7f ? src[i] : '-';
	dst[i] = '\0';
	if (i == 0)
		snprintf(dst, cap, "-");
}

void
hf_syslog_head(struct hf_syslog_head *h, const struct hf_syslog_conf *conf,
    const char *enterprise, const char *site)
{
	char host[2 * HF_SYSLOG_NAME + 2];

	snprintf(host, sizeof(host), "%.128s.%.128s", site, enterprise);
	h->facility = (uint8_t)conf->facility;
	put_name(h->hostname, sizeof(h->hostname),
	    conf->hostname != NULL ? conf->hostname : host);
	put_name(h->app_name, sizeof(h->app_name),
	    conf->app_name != NULL ? conf->app_name : "holdfast");
}

/* Appends text of at most max bytes: whole characters, no control characters,
 * no byte order mark; escaped as a value if is_value. */
static void
put_text(struct hf_buf *b, const char *s, size_t max, bool is_value)
{
	size_t n = strlen(s), i = 0, k;
	unsigned char ch;

	while (i < n) {
		k = hf_utf8_seq(s + i, n - i);
		ch = (unsigned char)s[i];
		if (i + (k > 0 ? k : 1) > max)
			return;
		if (k == 3 && memcmp(s + i, BOM, 3) == 0) {
			hf_buf_u8(b, '?');
		} else if (k == 0 || ch < 0x20 || ch == 0x7f ||
			   (k == 2 && ch == 0xc2 &&
			       (unsigned char)s[i + 1] < 0xa0)) {
			hf_buf_u8(b, '?'); /* C0, DEL, C1 or no UTF-8 */
		} else {
			if (is_value && strchr("\"\\]", s[i]) != NULL)
				hf_buf_u8(b, '\\');
			hf_buf_put(b, s + i, k);
		}
		i += k > 0 ? k : 1;
	}
}

static void
put_value(struct hf_buf *b, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	hf_buf_printf(b, " %s=\"", name);
	put_text(b, value, VALUE_MAX, true);
	hf_buf_u8(b, '"');
}

/* A member of any simple type. */
static void
put_member(struct hf_buf *b, json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);
	char text[64];

	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%lld",
		    (long long)json_integer_value(v));
	else if (json_is_real(v))
		snprintf(text, sizeof(text), "%.9g", json_real_value(v));
	else if (json_is_boolean(v))
		snprintf(text, sizeof(text), "%s",
		    json_is_true(v) ? "true" : "false");
	else {
		put_value(b, name, json_string_value(v));
		return;
	}
	put_value(b, name, text);
}

static void
put_head(struct hf_buf *b, const struct hf_syslog_head *h, int severity,
    const char *time, const char *msgid)
{
	hf_buf_printf(b, "<%d>1 %s %s %s - %s [" SD_ID,
	    h->facility * 8 + severity, time, h->hostname, h->app_name, msgid);
}

static void
put_tail(struct hf_buf *b, const char *text)
{
	bool is_ascii = true;
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		is_ascii &= (unsigned char)text[i] < 0x80;
	hf_buf_puts(b, is_ascii ? "] " : "] " BOM);
	put_text(b, text, TEXT_MAX, false);
}

static const char *
str_of(json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s == NULL ? "" : s;
}

/* Takes back what was appended if it did not fit. */
static int
finish(struct hf_buf *b, size_t start, struct hf_err *err)
{
	if (hf_buf_ok(b) && b->len - start <= HF_SYSLOG_MSG)
		return HF_OK;
	b->len = start;
	return HF_FAIL(
	    err, HF_ELIMIT, "syslog message over %d bytes", HF_SYSLOG_MSG);
}

/* ---- events and records ---- */

static int
event_severity(json_t *o)
{
	if (json_is_true(json_object_get(o, "advisory")) ||
	    strcmp(str_of(o, "kind"), "off") == 0)
		return SEV_NOTICE;
	return strcmp(str_of(o, "level"), "trip") == 0 ? SEV_ERROR
						       : SEV_WARNING;
}

int
hf_syslog_event(const struct hf_syslog_head *h, const char *json, size_t n,
    int64_t wall_ns, struct hf_buf *out, struct hf_err *err)
{
	static const char *const members[] = {"id", "kind", "rule", "detector",
	    "subject", "level", "score", "advisory", "priority", "since",
	    "config_hash"};
	char time[HF_TIME_TEXT];
	size_t start = out->len, i;
	json_t *o = NULL;
	int rc = hf_json_parse(json, n, EVENT_MAX, &o, err);

	if (rc == HF_OK && *str_of(o, "id") == '\0')
		rc = HF_FAIL(err, HF_EINVAL, "an event without id");
	if (rc != HF_OK) {
		json_decref(o);
		return HF_EINVAL;
	}
	wall_ns -= ((wall_ns % HF_NS_PER_US) + HF_NS_PER_US) % HF_NS_PER_US;
	put_head(
	    out, h, event_severity(o), hf_time_fmt(wall_ns, time), "event");
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		put_member(out, o, members[i]);
	put_tail(out, str_of(o, "text"));
	json_decref(o);
	return finish(out, start, err);
}

/* Nine digits become six: "...:00.123456789Z" -> "...:00.123456Z". */
static void
record_time(const char *wall, char out[HF_TIME_TEXT])
{
	int64_t t_ns;

	if (!hf_time_parse(wall, strlen(wall), &t_ns)) {
		snprintf(out, HF_TIME_TEXT, "-");
		return;
	}
	hf_time_fmt(t_ns - ((t_ns % 1000) + 1000) % 1000, out);
}

static void
leaf_hash(const char *p, size_t n, char hex[HF_SHA256_HEX])
{
	uint8_t hash[HF_SHA256_LEN];
	struct hf_sha256 *h = hf_sha256_new();

	hex[0] = '\0';
	if (h == NULL)
		return;
	hf_sha256_put(h, "", 1); /* RFC 6962: 0x00 before a leaf */
	hf_sha256_put(h, p, n);
	hf_sha256_end(h, hash);
	hf_hex(hex, hash, sizeof(hash));
}

int
hf_syslog_record(const struct hf_syslog_head *h, const char *json, size_t n,
    struct hf_buf *out, struct hf_err *err)
{
	static const char *const members[] = {
	    "seq", "action", "actor", "object", "decision", "zone", "role"};
	char time[HF_TIME_TEXT], hex[HF_SHA256_HEX];
	size_t start = out->len, i;
	const char *decision;
	json_t *o = NULL;
	int rc = hf_json_parse(json, n, EVENT_MAX, &o, err);

	if (rc == HF_OK && !json_is_integer(json_object_get(o, "seq")))
		rc = HF_FAIL(err, HF_EINVAL, "a record without seq");
	if (rc != HF_OK) {
		json_decref(o);
		return HF_EINVAL;
	}
	decision = str_of(o, "decision");
	record_time(str_of(o, "wall"), time);
	put_head(out, h,
	    strcmp(decision, "deny") == 0 || strcmp(decision, "failed") == 0
		? SEV_WARNING
		: SEV_INFO,
	    time, "audit");
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		put_member(out, o, members[i]);
	leaf_hash(json, n, hex);
	put_value(out, "hash", hex);
	put_member(out, o, "config_hash");
	put_tail(out, *str_of(o, "detail") != '\0' ? str_of(o, "detail")
						   : str_of(o, "action"));
	json_decref(o);
	return finish(out, start, err);
}

bool
hf_syslog_is_message(const char *p, size_t n)
{
	size_t i, pri = 0;

	if (n < 16 || n > HF_SYSLOG_MSG || p[0] != '<' ||
	    !hf_utf8_line_ok(p, n))
		return false;
	for (i = 1; i < 4 && p[i] >= '0' && p[i] <= '9'; i++)
		pri = pri * 10 + (size_t)(p[i] - '0');
	return i > 1 && pri <= PRI_MAX && (p[1] != '0' || i == 2) &&
	       memcmp(p + i, ">1 ", 3) == 0;
}
