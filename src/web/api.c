/* SPDX-License-Identifier: Apache-2.0
 *
 * api.c - table of routes and parameters; from a URL to a checked struct
 * hf_query.
 *
 * A route is a method, a path pattern below /api/v1 and a list of parameters.
 * In a pattern, {alarm}, {device} and {act} take one path segment each;
 * segments are split before they are percent-decoded, so that an alarm id may
 * hold an escaped '/'. A parameter has a name and a parser that fills one field
 * of the query. A parameter that the route does not list, or that comes twice,
 * is an error: a misspelt "form=" must not silently return another span than
 * the caller believes.
 *
 * What it does not do: decide who may act (http.c), or look anything up (core).
 */
#include "web/api.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"

#define PREFIX "/api/v1/"
#define NSEG 4	    /* path segments below the prefix */
#define NPARAM 8    /* parameters of one route */
#define SEG_MAX 512 /* bytes of one decoded segment or value */
#define SHELVE_MIN_NS (60 * HF_NS_PER_S)
#define SHELVE_MAX_NS (7 * 86400 * HF_NS_PER_S)

typedef int param_fn(struct hf_api_call *c, const char *v, struct hf_err *err);

struct param {
	const char *name;
	param_fn *parse;
	bool is_required;
};

struct route {
	enum hf_api_method method;
	const char *path; /* below PREFIX */
	enum hf_query_kind kind;
	enum hf_role to;
	enum hf_api_form form;
	bool needs_operator, is_data;
	bool is_top; /* "/metrics", not below PREFIX */
	struct param param[NPARAM];
};

static int
parse_match(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	if (!hf_strcpy(c->q.path, sizeof(c->q.path), v))
		return HF_FAIL(err, HF_ELIMIT,
		    "pattern is longer than 255 "
		    "bytes");
	return HF_OK;
}

static int
parse_tag(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	if (!hf_path_ok(v))
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is no tag path: "
		    "levels of [A-Za-z0-9_-] joined by '/'; patterns work "
		    "with tags and values",
		    v);
	(void)hf_strcpy(c->q.path, sizeof(c->q.path), v);
	return HF_OK;
}

static int
parse_rule(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	if (!hf_name_ok(v))
		return HF_FAIL(err, HF_EINVAL, "\"%.64s\" is no rule name", v);
	(void)hf_strcpy(c->q.path, sizeof(c->q.path), v);
	return HF_OK;
}

static int
parse_time(const char *v, int64_t *out, struct hf_err *err)
{
	if (!hf_time_parse(v, strlen(v), out))
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is no time; write "
		    "2026-05-01T12:00:00Z (a '+' in a URL is %%2B)",
		    v);
	return HF_OK;
}

static int
parse_from(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_time(v, &c->q.from_ns, err);
}

static int
parse_to(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_time(v, &c->q.to_ns, err);
}

static int
parse_count(const char *v, uint64_t max, uint32_t *out, struct hf_err *err)
{
	uint64_t n;

	if (!hf_parse_u64(v, strlen(v), &n) || n == 0)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is no count from 1 "
		    "to %llu",
		    v, (unsigned long long)max);
	if (n > max)
		return HF_FAIL(err, HF_ELIMIT,
		    "%llu is over the limit of "
		    "%llu; ask in parts",
		    (unsigned long long)n, (unsigned long long)max);
	*out = (uint32_t)n;
	return HF_OK;
}

static int
parse_limit(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_count(v, HF_API_LIMIT, &c->q.limit, err);
}

static int
parse_points(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_count(v, HF_QUERY_LIMIT, &c->q.limit, err);
}

static int
parse_buckets(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_count(v, HF_API_NBUCKET, &c->q.buckets, err);
}

static int
parse_seq(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	uint64_t n;

	if (!hf_parse_u64(v, strlen(v), &n) || n > INT64_MAX)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is no sequence "
		    "number",
		    v);
	c->q.from_ns = (int64_t)n;
	return HF_OK;
}

static int
parse_format(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	c->is_csv = strcmp(v, "csv") == 0;
	if (!c->is_csv && strcmp(v, "json") != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is neither json nor "
		    "csv",
		    v);
	return HF_OK;
}

static int
parse_depth(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_count(v, HF_API_DEPTH, &c->q.buckets, err);
}

static int
parse_page(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	return parse_count(v, HF_API_PAGE, &c->q.limit, err);
}

static int
parse_after(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	if (strlen(v) > 48 || strspn(v, "0123456789.") != strlen(v))
		return HF_FAIL(err, HF_EINVAL,
		    "\"%.64s\" is no \"next\" of an "
		    "answer",
		    v);
	(void)hf_strcpy(c->q.text, sizeof(c->q.text), v);
	return HF_OK;
}

static int
parse_id(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	if (strlen(v) != 64 || strspn(v, "0123456789abcdef") != 64)
		return HF_FAIL(err, HF_EINVAL,
		    "an event id is 64 digits "
		    "0-9a-f; `holdfast alarms list --json` shows them");
	(void)hf_strcpy(c->q.text, sizeof(c->q.text), v);
	return HF_OK;
}

static int
parse_state(struct hf_api_call *c, const char *v, struct hf_err *err)
{
	static const char *const words[] = {"all", "normal", "unacknowledged",
	    "acknowledged", "returned", "shelved", "out-of-service", "advisory",
	    ""};
	const size_t n = sizeof(words) / sizeof(words[0]);
	const char *near;
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(v, words[i]) == 0) {
			(void)hf_strcpy(c->q.text, sizeof(c->q.text), v);
			return HF_OK;
		}
	near = hf_nearest(v, words, n - 1);
	return HF_FAIL(err, HF_EINVAL,
	    "state \"%.64s\" unknown%s%s%s; one of "
	    "all, normal, unacknowledged, acknowledged, returned, shelved, "
	    "out-of-service, advisory",
	    v, near ? ", did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
}

static const struct route routes[] = {
    {.method = HF_API_GET,
	.path = "status",
	.kind = HF_Q_STATUS,
	.to = HF_ROLE_CORE},
    {.method = HF_API_GET,
	.path = "metrics",
	.kind = HF_Q_METRICS,
	.to = HF_ROLE_CORE,
	.form = HF_API_METRICS,
	.is_top = true},
    {.method = HF_API_GET,
	.path = "tags",
	.kind = HF_Q_TAGS,
	.to = HF_ROLE_CORE,
	.is_data = true,
	.param = {{"match", parse_match, false}}},
    {.method = HF_API_GET,
	.path = "values",
	.kind = HF_Q_VALUES,
	.to = HF_ROLE_CORE,
	.is_data = true,
	.param = {{"match", parse_match, false}}},
    {.method = HF_API_GET,
	.path = "tree",
	.kind = HF_Q_TREE,
	.to = HF_ROLE_CORE,
	.is_data = true,
	.param = {{"path", parse_match, false}, {"depth", parse_depth, false},
	    {"limit", parse_page, false}, {"after", parse_after, false}}},
    {.method = HF_API_GET,
	.path = "history",
	.kind = HF_Q_HISTORY,
	.to = HF_ROLE_CORE,
	.form = HF_API_POINTS,
	.is_data = true,
	.param = {{"tag", parse_tag, true}, {"from", parse_from, false},
	    {"to", parse_to, false}, {"buckets", parse_buckets, false},
	    {"limit", parse_points, false}, {"format", parse_format, false}}},
    {.method = HF_API_GET,
	.path = "alarms",
	.kind = HF_Q_ALARMS,
	.to = HF_ROLE_CORE,
	.param = {{"state", parse_state, false}}},
    {.method = HF_API_POST,
	.path = "alarms/{alarm}/{act}",
	.kind = HF_Q_ALARM_ACT,
	.to = HF_ROLE_CORE,
	.needs_operator = true},
    {.method = HF_API_GET,
	.path = "journal",
	.kind = HF_Q_JOURNAL,
	.to = HF_ROLE_CORE,
	.param = {{"from", parse_from, false}, {"to", parse_to, false},
	    {"limit", parse_limit, false}}},
    {.method = HF_API_GET,
	.path = "events",
	.kind = HF_Q_EVENTS,
	.to = HF_ROLE_CORE,
	.is_data = true,
	.param = {{"id", parse_id, false}, {"rule", parse_rule, false},
	    {"from", parse_from, false}, {"to", parse_to, false},
	    {"limit", parse_limit, false}}},
    {.method = HF_API_GET,
	.path = "replay",
	.kind = HF_Q_REPLAY,
	.to = HF_ROLE_CORE,
	.is_data = true,
	.param = {{"id", parse_id, true}}},
    {.method = HF_API_GET,
	.path = "detectors",
	.kind = HF_Q_DETECTORS,
	.to = HF_ROLE_CORE},
    {.method = HF_API_GET,
	.path = "audit",
	.kind = HF_Q_AUDIT,
	.to = HF_ROLE_AUDIT,
	.is_data = true,
	.param = {{"from", parse_seq, false}, {"limit", parse_limit, false}}},
    {.method = HF_API_GET,
	.path = "audit/checkpoint",
	.kind = HF_Q_CHECKPOINT,
	.to = HF_ROLE_AUDIT},
    {.method = HF_API_GET,
	.path = "try/{device}",
	.kind = HF_Q_TRY,
	.to = HF_ROLE_CORE,
	.is_data = true},
    {.method = HF_API_POST,
	.path = "reload",
	.kind = HF_Q_RELOAD,
	.to = HF_ROLE_PARENT,
	.needs_operator = true},
};
#define NROUTE (sizeof(routes) / sizeof(routes[0]))

static const struct {
	const char *name;
	enum hf_alarm_act act;
} acts[] = {
    {"ack", HF_ACT_ACK},
    {"shelve", HF_ACT_SHELVE},
    {"unshelve", HF_ACT_UNSHELVE},
    {"out-of-service", HF_ACT_OUT_OF_SERVICE},
    {"in-service", HF_ACT_IN_SERVICE},
};

static int
hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

static bool
unescape(char *dst, size_t cap, const char *src, size_t n, bool plus)
{
	size_t i, o = 0;

	for (i = 0; i < n; i++) {
		char ch = src[i];

		if (ch == '%') {
			int hi = i + 2 < n ? hex_digit(src[i + 1]) : -1;
			int lo = i + 2 < n ? hex_digit(src[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return false;
			ch = (char)(hi * 16 + lo);
			i += 2;
		} else if (ch == '+' && plus) {
			ch = ' ';
		}
		if (o + 1 >= cap || (unsigned char)ch < 0x20 || ch == 0x7f)
			return false;
		dst[o++] = ch;
	}
	dst[o] = '\0';
	return hf_utf8_text_ok(dst, o);
}

/* One pattern segment against one raw path segment; {..} fill the query. */
static bool
take_segment(const char *pat, size_t npat, const char *raw, size_t nraw,
    struct hf_api_call *c)
{
	char seg[SEG_MAX];
	size_t i;

	if (!unescape(seg, sizeof(seg), raw, nraw, false))
		return false;
	if (pat[0] != '{')
		return strlen(seg) == npat && memcmp(seg, pat, npat) == 0;
	if (seg[0] == '\0')
		return false;
	if (strncmp(pat, "{act}", npat) == 0) {
		for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
			if (strcmp(seg, acts[i].name) == 0)
				c->q.act = (uint8_t)acts[i].act;
		return c->q.act != 0;
	}
	if (strncmp(pat, "{device}", npat) == 0 && !hf_name_ok(seg))
		return false;
	return hf_strcpy(c->q.path, sizeof(c->q.path), seg);
}

static bool
path_matches(const char *pat, const char *path, size_t n, struct hf_api_call *c)
{
	const char *end = path + n;

	for (;;) {
		size_t npat = strcspn(pat, "/");
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t nraw = (size_t)((slash ? slash : end) - path);

		if (!take_segment(pat, npat, path, nraw, c))
			return false;
		if (pat[npat] == '\0' || slash == NULL)
			return pat[npat] == '\0' && slash == NULL;
		pat += npat + 1;
		path = slash + 1;
	}
}

static void
call_start(struct hf_api_call *c)
{
	memset(c, 0, sizeof(*c));
	c->q.from_ns = HF_TIME_NONE;
	c->q.to_ns = HF_TIME_NONE;
}

/* The route whose path fits; *is_other: one fits, but with the other method. */
static const struct route *
find_route(enum hf_api_method method, const char *uri, size_t n,
    struct hf_api_call *c, bool *is_other)
{
	size_t i, skip;

	*is_other = false;
	for (i = 0; i < NROUTE; i++) {
		const char *prefix = routes[i].is_top ? "/" : PREFIX;

		skip = strlen(prefix);
		call_start(c);
		if (n <= skip || strncmp(uri, prefix, skip) != 0 ||
		    !path_matches(routes[i].path, uri + skip, n - skip, c))
			continue;
		if (routes[i].method == method)
			return &routes[i];
		*is_other = true;
	}
	return NULL;
}

static int
unknown_param(const struct route *r, const char *name, struct hf_err *err)
{
	const char *words[NPARAM], *near;
	size_t n = 0;

	while (n < NPARAM && r->param[n].name != NULL) {
		words[n] = r->param[n].name;
		n++;
	}
	if (n == 0)
		return HF_FAIL(err, HF_EINVAL,
		    "parameter \"%.64s\" unknown: "
		    "%s takes none",
		    name, r->path);
	near = hf_nearest(name, words, n);
	return HF_FAIL(err, HF_EINVAL, "parameter \"%.64s\" unknown%s%s%s",
	    name, near ? ", did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "; see docs/api.md");
}

/* One "name=value" of the query string. seen: bit per parameter of the
 * route. */
static int
take_param(const struct route *r, const char *p, size_t n, unsigned *seen,
    struct hf_api_call *c, struct hf_err *err)
{
	const char *eq = memchr(p, '=', n);
	size_t nname = eq ? (size_t)(eq - p) : n, i;
	char name[64], value[SEG_MAX];
	int rc;

	if (!unescape(name, sizeof(name), p, nname, true))
		return HF_FAIL(err, HF_EINVAL, "malformed parameter name");
	for (i = 0; i < NPARAM && r->param[i].name != NULL; i++)
		if (strcmp(name, r->param[i].name) == 0)
			break;
	if (i == NPARAM || r->param[i].name == NULL)
		return unknown_param(r, name, err);
	if (*seen & 1u << i)
		return HF_FAIL(
		    err, HF_EINVAL, "parameter \"%s\" comes twice", name);
	*seen |= 1u << i;
	if (!unescape(value, sizeof(value), eq ? eq + 1 : "",
		eq ? n - nname - 1 : 0, true))
		return HF_FAIL(err, HF_EINVAL,
		    "%s: malformed, or longer than "
		    "%d bytes",
		    name, SEG_MAX - 1);
	rc = r->param[i].parse(c, value, err);
	if (rc != HF_OK)
		hf_err_prefix(err, "%s", name);
	return rc;
}

static int
take_query(const struct route *r, const char *s, struct hf_api_call *c,
    struct hf_err *err)
{
	unsigned seen = 0;
	size_t i;
	int rc;

	while (*s != '\0') {
		size_t n = strcspn(s, "&");

		if (n > 0 && (rc = take_param(r, s, n, &seen, c, err)) != HF_OK)
			return rc;
		s += n + (s[n] == '&');
	}
	for (i = 0; i < NPARAM && r->param[i].name != NULL; i++)
		if (r->param[i].is_required && !(seen & 1u << i))
			return HF_FAIL(err, HF_EINVAL,
			    "parameter \"%s\" is "
			    "missing",
			    r->param[i].name);
	if (r->kind != HF_Q_AUDIT && c->q.from_ns != HF_TIME_NONE &&
	    c->q.to_ns != HF_TIME_NONE && c->q.from_ns > c->q.to_ns)
		return HF_FAIL(err, HF_EINVAL, "from is later than to");
	return HF_OK;
}

static int
take_member(
    struct hf_api_call *c, const char *key, json_t *v, struct hf_err *err)
{
	static const char *const words[] = {"reason", "for"};
	const char *s = json_string_value(v), *near;

	if (strcmp(key, "reason") != 0 && strcmp(key, "for") != 0) {
		near = hf_nearest(key, words, 2);
		return HF_FAIL(err, HF_EINVAL, "body: \"%.64s\" unknown%s%s%s",
		    key, near ? ", did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "; it may hold reason and for");
	}
	if (s == NULL)
		return HF_FAIL(err, HF_EINVAL, "body: %s is no string", key);
	if (key[0] == 'f') {
		if (!hf_dur_parse(s, strlen(s), &c->q.dur_ns))
			return HF_FAIL(err, HF_EINVAL,
			    "for: \"%.64s\" is no "
			    "duration; write 2h or 30min",
			    s);
		return HF_OK;
	}
	if (strpbrk(s, "\n\r\t") != NULL ||
	    !hf_utf8_text_ok(s, json_string_length(v)))
		return HF_FAIL(err, HF_EINVAL, "reason: one line of text");
	if (!hf_strcpy(c->q.text, sizeof(c->q.text), s))
		return HF_FAIL(err, HF_ELIMIT, "reason: longer than %d bytes",
		    HF_QUERY_TEXT - 1);
	return HF_OK;
}

static int
take_body(const void *body, size_t n, struct hf_api_call *c, struct hf_err *err)
{
	json_t *root = NULL, *v;
	const char *key;
	int rc;

	rc = hf_json_parse(body, n, HF_API_BODY, &root, err);
	if (rc != HF_OK) {
		hf_err_prefix(err, "body");
		return rc;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		return HF_FAIL(err, HF_EINVAL, "body: not a JSON object");
	}
	json_object_foreach(root, key, v)
	{
		rc = take_member(c, key, v, err);
		if (rc != HF_OK)
			break;
	}
	json_decref(root);
	return rc;
}

/* ISA-18.2: shelving has a person, a reason and an end. */
static int
check_act(const struct hf_api_call *c, struct hf_err *err)
{
	if (c->q.act != HF_ACT_SHELVE) {
		if (c->q.dur_ns != 0)
			return HF_FAIL(err, HF_EINVAL,
			    "for: only shelve takes "
			    "a time");
		return HF_OK;
	}
	if (c->q.text[0] == '\0')
		return HF_FAIL(err, HF_EINVAL, "shelve needs a reason");
	if (c->q.dur_ns < SHELVE_MIN_NS || c->q.dur_ns > SHELVE_MAX_NS)
		return HF_FAIL(err, HF_EINVAL,
		    "shelve needs \"for\", a time "
		    "from 1min to 7d");
	return HF_OK;
}

static int
route_missing(bool is_other, const char *path, size_t n, struct hf_err *err)
{
	char text[128];

	hf_printable(text, sizeof(text), path, n);
	if (is_other)
		return HF_FAIL(err, HF_EUNSUPPORTED,
		    "%s: not with this "
		    "method; reading is GET, acting is POST",
		    text);
	return HF_FAIL(err, HF_ENOTFOUND,
	    "no such route: %s; docs/api.md "
	    "lists them",
	    text);
}

int
hf_api_parse(enum hf_api_method method, const char *uri, const void *body,
    size_t nbody, struct hf_api_call *out, struct hf_err *err)
{
	size_t nuri = strnlen(uri, HF_API_URL + 1), npath;
	const struct route *r;
	bool is_other;
	int rc;

	call_start(out);
	if (nuri > HF_API_URL)
		return HF_FAIL(
		    err, HF_ELIMIT, "URL is longer than %d bytes", HF_API_URL);
	if (nbody > HF_API_BODY)
		return HF_FAIL(err, HF_ELIMIT, "body is longer than %d bytes",
		    HF_API_BODY);
	npath = strcspn(uri, "?#");
	r = find_route(method, uri, npath, out, &is_other);
	if (r == NULL)
		return route_missing(is_other, uri, npath, err);
	out->q.kind = (uint8_t)r->kind;
	out->to = r->to;
	out->form = r->form;
	out->needs_operator = r->needs_operator;
	out->is_data = r->is_data;
	out->name = r->path;
	rc = take_query(r, uri[npath] == '?' ? uri + npath + 1 : "", out, err);
	if (rc == HF_OK && nbody > 0)
		rc = take_body(body, nbody, out, err);
	if (rc == HF_OK && r->kind == HF_Q_ALARM_ACT)
		rc = check_act(out, err);
	return rc;
}

static const struct {
	int rc, status;
	const char *code;
} outcomes[] = {
    {HF_OK, 200, "OK"},
    {HF_EINVAL, 400, "EINVAL"},
    {HF_ENOMEM, 500, "ENOMEM"},
    {HF_ENODATA, 404, "ENODATA"},
    {HF_EIO, 500, "EIO"},
    {HF_ENOSPC, 500, "ENOSPC"},
    {HF_ELIMIT, 413, "ELIMIT"},
    {HF_EDENIED, 403, "EDENIED"},
    {HF_ECORRUPT, 500, "ECORRUPT"},
    {HF_ENOTFOUND, 404, "ENOTFOUND"},
    {HF_EEXIST, 409, "EEXIST"},
    {HF_EAGAIN, 503, "EAGAIN"},
    {HF_ETIMEDOUT, 504, "ETIMEDOUT"},
    {HF_ECLOSED, 503, "ECLOSED"},
    {HF_EPROTO, 500, "EPROTO"},
    {HF_EUNSUPPORTED, 405, "EUNSUPPORTED"},
};

int
hf_api_status(int rc, int kind)
{
	size_t i;

	/* The request itself was checked here, so "invalid" from core means
	 * that the alarm, or the running plant, is not in the state for it. */
	if (rc == HF_EINVAL && (kind == HF_Q_ALARM_ACT || kind == HF_Q_RELOAD))
		return 409;
	if (rc == HF_EUNSUPPORTED && kind != 0)
		return 501;
	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].rc == rc)
			return outcomes[i].status;
	return 500;
}

const char *
hf_api_code(int rc)
{
	size_t i;

	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i].rc == rc)
			return outcomes[i].code;
	return "EUNKNOWN";
}

void
hf_api_error(struct hf_buf *out, int rc, const char *text, size_t n)
{
	struct hf_jw w;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_key(&w, "error");
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "code", hf_api_code(rc));
	hf_jw_key(&w, "text");
	hf_jw_strn(&w, text, n);
	hf_jw_end_obj(&w);
	hf_jw_end_obj(&w);
	hf_buf_puts(out, "\n");
}

const char *
hf_api_route_text(size_t i, char *buf, size_t cap)
{
	if (i >= NROUTE)
		return NULL;
	(void)snprintf(buf, cap, "%s %s%s",
	    routes[i].method == HF_API_GET ? "GET" : "POST",
	    routes[i].is_top ? "/" : PREFIX, routes[i].path);
	return buf;
}
