/* SPDX-License-Identifier: Apache-2.0
 *
 * web_api_test.c - routes, parameters, outcomes and rendering of the API.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "model/batch.h"
#include "model/quality.h"
#include "web/access.h"
#include "web/api.h"
#include "web/render.h"

static int
get(const char *uri, struct hf_api_call *c, struct hf_err *e)
{
	memset(e, 0, sizeof(*e));
	return hf_api_parse(HF_API_GET, uri, NULL, 0, c, e);
}

static int
post(const char *uri, const char *body, struct hf_api_call *c, struct hf_err *e)
{
	memset(e, 0, sizeof(*e));
	return hf_api_parse(HF_API_POST, uri, body, strlen(body), c, e);
}

static void
every_read_route_becomes_its_question(void **state)
{
	static const struct {
		const char *uri;
		int kind;
		enum hf_role to;
		bool is_data;
	} rows[] = {
	    {"/api/v1/status", HF_Q_STATUS, HF_ROLE_CORE, false},
	    {"/api/v1/tags", HF_Q_TAGS, HF_ROLE_CORE, true},
	    {"/api/v1/values?match=**", HF_Q_VALUES, HF_ROLE_CORE, true},
	    {"/api/v1/history?tag=a/b", HF_Q_HISTORY, HF_ROLE_CORE, true},
	    {"/api/v1/tree", HF_Q_TREE, HF_ROLE_CORE, true},
	    {"/api/v1/alarms", HF_Q_ALARMS, HF_ROLE_CORE, false},
	    {"/api/v1/journal", HF_Q_JOURNAL, HF_ROLE_CORE, false},
	    {"/api/v1/events", HF_Q_EVENTS, HF_ROLE_CORE, true},
	    {"/api/v1/detectors", HF_Q_DETECTORS, HF_ROLE_CORE, false},
	    {"/api/v1/audit", HF_Q_AUDIT, HF_ROLE_AUDIT, true},
	    {"/api/v1/audit/checkpoint", HF_Q_CHECKPOINT, HF_ROLE_AUDIT, false},
	    {"/api/v1/try/press7", HF_Q_TRY, HF_ROLE_CORE, true},
	};
	struct hf_api_call c;
	struct hf_err e;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(get(rows[i].uri, &c, &e), HF_OK);
		assert_int_equal(c.q.kind, rows[i].kind);
		assert_int_equal(c.to, rows[i].to);
		assert_int_equal(c.is_data, rows[i].is_data);
		assert_false(c.needs_operator);
	}
}

static void
history_takes_all_its_parameters(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(
	    get("/api/v1/history?tag=press%2Fline1/temp"
		"&from=2013-12-02T21:15:00Z&to=2013-12-03&buckets=100&limit=7"
		"&format=csv",
		&c, &e),
	    HF_OK);
	assert_string_equal(c.q.path, "press/line1/temp");
	assert_int_equal(c.q.from_ns, INT64_C(1386018900) * HF_NS_PER_S);
	assert_int_equal(c.q.to_ns, INT64_C(1386028800) * HF_NS_PER_S);
	assert_int_equal(c.q.buckets, 100);
	assert_int_equal(c.q.limit, 7);
	assert_true(c.is_csv);
	assert_int_equal(c.form, HF_API_POINTS);
}

static void
tree_takes_path_depth_and_page(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(get("/api/v1/tree?path=press%2Fline1&depth=3&limit=50"
			     "000&after=12.34567",
			     &c, &e),
	    HF_OK);
	assert_string_equal(c.q.path, "press/line1");
	assert_int_equal(c.q.buckets, 3);
	assert_int_equal(c.q.limit, 50000);
	assert_string_equal(c.q.text, "12.34567");
	assert_int_equal(get("/api/v1/tree?depth=0", &c, &e), HF_EINVAL);
	assert_int_equal(get("/api/v1/tree?depth=33", &c, &e), HF_ELIMIT);
	assert_int_equal(get("/api/v1/tree?limit=50001", &c, &e), HF_ELIMIT);
	assert_int_equal(get("/api/v1/tree?after=1;2", &c, &e), HF_EINVAL);
}

static void
spans_are_open_unless_given(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(get("/api/v1/history?tag=a", &c, &e), HF_OK);
	assert_true(c.q.from_ns == HF_TIME_NONE);
	assert_true(c.q.to_ns == HF_TIME_NONE);
}

static void
unknown_parameter_is_refused_with_the_nearest_name(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(
	    get("/api/v1/history?tag=a&form=2013-12-02", &c, &e), HF_EINVAL);
	assert_non_null(strstr(e.msg, "did you mean \"from\""));
	assert_int_equal(get("/api/v1/status?x=1", &c, &e), HF_EINVAL);
	assert_int_equal(
	    get("/api/v1/alarms?state=aknowledged", &c, &e), HF_EINVAL);
	assert_non_null(strstr(e.msg, "did you mean \"acknowledged\""));
}

static void
malformed_parameters_are_refused(void **state)
{
	static const char *const bad[] = {
	    "/api/v1/history", /* tag is required */
	    "/api/v1/history?tag=",
	    "/api/v1/history?tag=a&tag=b", /* twice */
	    "/api/v1/history?tag=a//b",
	    "/api/v1/history?tag=../../etc/passwd",
	    "/api/v1/history?tag=a&from=yesterday",
	    "/api/v1/history?tag=a&from=2014-01-02&to=2014-01-01",
	    "/api/v1/history?tag=a&limit=0",
	    "/api/v1/history?tag=a&limit=-1",
	    "/api/v1/history?tag=a&limit=12x",
	    "/api/v1/history?tag=a&format=xml",
	    "/api/v1/values?match=%",
	    "/api/v1/values?match=%4",
	    "/api/v1/values?match=%zz",
	    "/api/v1/values?match=a%00b",
	    "/api/v1/values?match=a%0ab",
	    "/api/v1/values?match=%ff%fe",
	    "/api/v1/events?id=abc",
	    "/api/v1/audit?from=-1",
	};
	struct hf_api_call c;
	struct hf_err e;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (get(bad[i], &c, &e) != HF_EINVAL)
			fail_msg("not refused: %s", bad[i]);
		assert_true(e.msg[0] != '\0');
	}
}

static void
counts_over_their_limit_are_too_large(void **state)
{
	char uri[HF_API_URL + 64];
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(
	    get("/api/v1/history?tag=a&limit=5000000", &c, &e), HF_OK);
	assert_int_equal(
	    get("/api/v1/history?tag=a&limit=5000001", &c, &e), HF_ELIMIT);
	assert_int_equal(get("/api/v1/journal?limit=10001", &c, &e), HF_ELIMIT);
	memset(uri, 'a', sizeof(uri));
	memcpy(uri, "/api/v1/", 8);
	uri[sizeof(uri) - 1] = '\0';
	assert_int_equal(get(uri, &c, &e), HF_ELIMIT);
	assert_int_equal(hf_api_status(HF_ELIMIT, 0), 413);
}

static void
unknown_routes_are_not_found(void **state)
{
	static const char *const bad[] = {"", "/", "/api/v1", "/api/v1/",
	    "/api/v2/status", "/api/v1/statu", "/api/v1/status/",
	    "/api/v1/status/x", "/api/v1//status", "/api/v1/try",
	    "/api/v1/try/", "/api/v1/try/a%2Fb", "/api/v1/try/a/b",
	    "//api/v1/status", "/api/v1/audit/", "status"};
	struct hf_api_call c;
	struct hf_err e;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (get(bad[i], &c, &e) != HF_ENOTFOUND)
			fail_msg("found: %s", bad[i]);
}

static void
wrong_method_is_told_apart_from_wrong_route(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(get("/api/v1/reload", &c, &e), HF_EUNSUPPORTED);
	assert_int_equal(post("/api/v1/status", "", &c, &e), HF_EUNSUPPORTED);
	assert_int_equal(hf_api_status(HF_EUNSUPPORTED, 0), 405);
}

static void
alarm_ids_keep_escaped_slashes_and_bars(void **state)
{
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(post("/api/v1/alarms/press-hot%7Cpress%2Fline1%2Ftemp"
			      "/ack",
			     "{\"reason\":\"seen\"}", &c, &e),
	    HF_OK);
	assert_string_equal(c.q.path, "press-hot|press/line1/temp");
	assert_string_equal(c.q.text, "seen");
	assert_int_equal(c.q.act, HF_ACT_ACK);
	assert_true(c.needs_operator);
	assert_int_equal(
	    post("/api/v1/alarms/a/b/ack", "", &c, &e), HF_ENOTFOUND);
	assert_int_equal(
	    post("/api/v1/alarms/a/delete", "", &c, &e), HF_ENOTFOUND);
}

static void
shelving_needs_a_reason_and_a_time(void **state)
{
	const char *u = "/api/v1/alarms/a%7Cb/shelve";
	struct hf_api_call c;
	struct hf_err e;

	assert_int_equal(
	    post(u, "{\"reason\":\"r\",\"for\":\"2h\"}", &c, &e), HF_OK);
	assert_int_equal(c.q.dur_ns, 7200 * HF_NS_PER_S);
	assert_int_equal(post(u, "", &c, &e), HF_EINVAL);
	assert_int_equal(post(u, "{\"for\":\"2h\"}", &c, &e), HF_EINVAL);
	assert_int_equal(post(u, "{\"reason\":\"r\"}", &c, &e), HF_EINVAL);
	assert_int_equal(
	    post(u, "{\"reason\":\"r\",\"for\":\"59s\"}", &c, &e), HF_EINVAL);
	assert_int_equal(
	    post(u, "{\"reason\":\"r\",\"for\":\"8d\"}", &c, &e), HF_EINVAL);
}

static void
malformed_bodies_are_refused(void **state)
{
	static const char *const bad[] = {"{", "[]", "null", "{\"reason\":1}",
	    "{\"reason\":\"a\",\"reason\":\"b\"}", "{\"reson\":\"a\"}",
	    "{\"reason\":\"a\\nb\"}", "{} x", "{\"reason\":\"a\\u0000b\"}",
	    "{\"for\":\"1h\"}"};
	struct hf_api_call c;
	struct hf_err e;
	char *big;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (post("/api/v1/alarms/a/ack", bad[i], &c, &e) != HF_EINVAL)
			fail_msg("not refused: %s", bad[i]);
	big = calloc(1, HF_API_BODY + 2);
	assert_non_null(big);
	memset(big, ' ', HF_API_BODY + 1);
	assert_int_equal(post("/api/v1/reload", big, &c, &e), HF_ELIMIT);
	free(big);
}

static void
outcomes_map_to_the_documented_statuses(void **state)
{
	assert_int_equal(hf_api_status(HF_OK, HF_Q_STATUS), 200);
	assert_int_equal(hf_api_status(HF_EINVAL, HF_Q_HISTORY), 400);
	assert_int_equal(hf_api_status(HF_EINVAL, HF_Q_ALARM_ACT), 409);
	assert_int_equal(hf_api_status(HF_EINVAL, HF_Q_RELOAD), 409);
	assert_int_equal(hf_api_status(HF_EDENIED, HF_Q_ALARM_ACT), 403);
	assert_int_equal(hf_api_status(HF_ENOTFOUND, HF_Q_HISTORY), 404);
	assert_int_equal(hf_api_status(HF_EEXIST, 0), 409);
	assert_int_equal(hf_api_status(HF_ECLOSED, 0), 503);
	assert_int_equal(hf_api_status(HF_EAGAIN, 0), 503);
	assert_int_equal(hf_api_status(HF_ETIMEDOUT, 0), 504);
	assert_int_equal(hf_api_status(-999, 0), 500);
	assert_string_equal(hf_api_code(HF_EINVAL), "EINVAL");
	assert_string_equal(hf_api_code(-999), "EUNKNOWN");
}

static void
error_body_escapes_its_text(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	hf_api_error(&b, HF_EINVAL, "say \"x\"\n", 8);
	assert_string_equal(hf_buf_cstr(&b),
	    "{\"error\":{\"code\":\"EINVAL\","
	    "\"text\":\"say \\\"x\\\"\\n\"}}\n");
	hf_buf_fini(&b);
}

/* docs/api.md is the promise: each of its routes is in the table, and no
 * more. */
static void
routes_and_documentation_agree(void **state)
{
	char text[65536], line[256];
	const char *r;
	size_t i, n, ndoc = 0;
	FILE *f = fopen("docs/api.md", "r");
	const char *p;

	if (f == NULL) {
		skip();
		return;
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	for (i = 0; (r = hf_api_route_text(i, line, sizeof(line))) != NULL;
	     i++) {
		char *brace = strchr(line, '{');

		if (brace != NULL)
			*brace = '\0';
		if (strstr(text, line) == NULL)
			fail_msg("docs/api.md lacks %s", line);
	}
	for (p = text; (p = strstr(p, "\n| `")) != NULL; p++)
		ndoc++;
	assert_int_equal(ndoc, i);
}

static uint64_t
bits_of(double v)
{
	uint64_t b;

	memcpy(&b, &v, sizeof(b));
	return b;
}

static char *
render_all(struct hf_points *pts, bool is_csv, size_t *npiece)
{
	const struct hf_buf *piece;
	struct hf_render r;
	struct hf_buf all;
	char *text;

	*npiece = 0;
	hf_buf_init(&all, 64u << 20);
	hf_render_init(&r, pts, "press/temp", "degC", is_csv);
	while ((piece = hf_render_piece(&r)) != NULL) {
		hf_buf_put(&all, piece->p, piece->len);
		++*npiece;
	}
	assert_false(hf_render_failed(&r));
	hf_render_fini(&r);
	text = strdup(hf_buf_cstr(&all));
	assert_non_null(text);
	hf_buf_fini(&all);
	return text;
}

static struct hf_points
sample_points(void)
{
	static const char strings[] = "=1+1,\"x\"";
	struct hf_points p = {.n = 5};

	p.pt = calloc(p.n, sizeof(*p.pt));
	p.str = strdup(strings);
	assert_non_null(p.pt);
	assert_non_null(p.str);
	p.str_len = strlen(strings);
	p.pt[0] = (struct hf_point){.t_ns = INT64_C(1386018900000000000),
	    .bits = bits_of(0.1),
	    .vtype = HF_V_F64};
	p.pt[1] = (struct hf_point){.t_ns = INT64_C(1386018900000000001),
	    .bits = bits_of(NAN),
	    .vtype = HF_V_F64,
	    .status = HF_BAD_NO_COMMUNICATION,
	    .flags = HF_F_LATE};
	p.pt[2] = (struct hf_point){.t_ns = INT64_C(1386018901000000000),
	    .bits = UINT64_C(0x8000000000000000),
	    .vtype = HF_V_I64};
	p.pt[3] = (struct hf_point){.t_ns = INT64_C(1386018902000000000),
	    .bits = 1,
	    .vtype = HF_V_BOOL};
	p.pt[4] = (struct hf_point){.t_ns = INT64_C(1386018903000000000),
	    .vtype = HF_V_STR,
	    .str_off = 0,
	    .str_len = 8};
	return p;
}

static void
points_render_as_golden_json(void **state)
{
	struct hf_points p = sample_points();
	size_t n;
	char *s = render_all(&p, false, &n);

	assert_string_equal(s,
	    "{\"tag\":\"press/temp\",\"unit\":\"degC\","
	    "\"truncated\":false,\"points\":["
	    "{\"t\":\"2013-12-02T21:15:00Z\",\"v\":0.1,\"q\":0,\"flags\":0},"
	    "{\"t\":\"2013-12-02T21:15:00.000000001Z\",\"v\":null,"
	    "\"q\":2150694912,\"flags\":1},"
	    "{\"t\":\"2013-12-02T21:15:01Z\",\"v\":-9223372036854775808,"
	    "\"q\":0,\"flags\":0},"
	    "{\"t\":\"2013-12-02T21:15:02Z\",\"v\":true,\"q\":0,\"flags\":0},"
	    "{\"t\":\"2013-12-02T21:15:03Z\",\"v\":\"=1+1,\\\"x\\\"\",\"q\":0,"
	    "\"flags\":0}]}\n");
	free(s);
}

static void
points_render_as_golden_csv(void **state)
{
	struct hf_points p = sample_points();
	size_t n;
	char *s = render_all(&p, true, &n);

	assert_string_equal(s,
	    "t,value,quality\n"
	    "2013-12-02T21:15:00Z,0.1,Good\n"
	    "2013-12-02T21:15:00.000000001Z,,BadNoCommunication\n"
	    "2013-12-02T21:15:01Z,-9223372036854775808,Good\n"
	    "2013-12-02T21:15:02Z,true,Good\n"
	    "2013-12-02T21:15:03Z,\"'=1+1,\"\"x\"\"\",Good\n");
	free(s);
}

static void
buckets_without_good_samples_are_null(void **state)
{
	struct hf_points p = {.is_buckets = true, .n = 1, .is_truncated = true};
	size_t n;
	char *s;

	p.bk = calloc(1, sizeof(*p.bk));
	assert_non_null(p.bk);
	p.bk[0] = (struct hf_bucket){.t0_ns = 0,
	    .t1_ns = HF_NS_PER_S,
	    .n = 2,
	    .min = NAN,
	    .max = NAN,
	    .mean = NAN,
	    .first = NAN,
	    .last = NAN,
	    .status_or = HF_BAD_TIMEOUT};
	s = render_all(&p, false, &n);
	assert_string_equal(s,
	    "{\"tag\":\"press/temp\",\"unit\":\"degC\","
	    "\"truncated\":true,\"buckets\":[{\"from\":\"1970-01-01T00:00:00Z\""
	    ",\"to\":\"1970-01-01T00:00:01Z\",\"n\":2,\"n_good\":0,"
	    "\"min\":null,\"max\":null,\"mean\":null,\"first\":null,"
	    "\"last\":null,\"q\":2148139008}]}\n");
	free(s);
}

static void
no_points_render_as_an_empty_list(void **state)
{
	struct hf_points p = {.n = 0};
	size_t n;
	char *s = render_all(&p, false, &n);

	assert_string_equal(s, "{\"tag\":\"press/temp\",\"unit\":\"degC\","
			       "\"truncated\":false,\"points\":[]}\n");
	assert_int_equal(n, 1);
	free(s);
}

static void
many_points_come_in_bounded_pieces(void **state)
{
	struct hf_points p = {.n = 20000};
	size_t i, npiece, nline = 0;
	char *s;

	p.pt = calloc(p.n, sizeof(*p.pt));
	assert_non_null(p.pt);
	for (i = 0; i < p.n; i++)
		p.pt[i] = (struct hf_point){.t_ns = (int64_t)i * HF_NS_PER_S,
		    .bits = bits_of((double)i / 3),
		    .vtype = HF_V_F64};
	s = render_all(&p, true, &npiece);
	for (i = 0; s[i] != '\0'; i++)
		nline += s[i] == '\n';
	assert_int_equal(nline, 20001);
	assert_true(npiece > strlen(s) / HF_RENDER_MAX);
	assert_true(npiece > 5);
	free(s);
}

struct seen {
	size_t n;
	struct hf_record r[64];
};

static void
see(void *arg, const struct hf_record *r)
{
	struct seen *s = arg;

	assert_true(s->n < 64);
	s->r[s->n++] = *r;
}

static struct hf_query
read_of(uint32_t uid, const char *path, int64_t from, int64_t to)
{
	struct hf_query q = {.uid = uid, .from_ns = from, .to_ns = to};

	(void)snprintf(q.path, sizeof(q.path), "%s", path);
	return q;
}

static void
reads_are_summed_per_uid_and_minute(void **state)
{
	struct hf_access a;
	struct seen s = {0};
	struct hf_query q;
	int i;

	hf_access_init(&a, see, &s);
	q = read_of(1000, "press/**", HF_TIME_NONE, HF_TIME_NONE);
	for (i = 0; i < 60; i++)
		hf_access_note(&a, "values", &q, 1);
	q = read_of(1000, "press/a", HF_NS_PER_S, 2 * HF_NS_PER_S);
	hf_access_note(&a, "history", &q, 1);
	q = read_of(1000, "press/a", 0, HF_NS_PER_S);
	hf_access_note(&a, "history", &q, 1);
	q = read_of(7, "b", HF_TIME_NONE, HF_TIME_NONE);
	hf_access_note(&a, "values", &q, 1);
	hf_access_tick(&a, HF_ACCESS_NS);
	assert_int_equal(s.n, 0); /* the minute is not over */
	hf_access_tick(&a, HF_ACCESS_NS + 1);
	assert_int_equal(s.n, 2);
	assert_string_equal(s.r[0].action, "data.access");
	assert_string_equal(s.r[0].actor, "uid:1000");
	assert_string_equal(s.r[0].detail,
	    "62 reads: values press/** (60x); "
	    "history press/a 1970-01-01T00:00:00Z..1970-01-01T00:00:02Z (2x)");
	assert_string_equal(s.r[1].actor, "uid:7");
	hf_access_tick(&a, 10 * HF_ACCESS_NS);
	assert_int_equal(s.n, 2); /* each read is told once */
}

static void
reads_that_do_not_fit_are_counted(void **state)
{
	struct hf_access a;
	struct seen s = {0};
	struct hf_query q;
	char path[250];
	int i;

	hf_access_init(&a, see, &s);
	for (i = 0; i < 100; i++) {
		memset(path, 'a', sizeof(path));
		(void)snprintf(path + 200, 40, "%d", i);
		q = read_of(1, path, HF_TIME_NONE, HF_TIME_NONE);
		hf_access_note(&a, "values", &q, 1);
	}
	hf_access_flush(&a);
	assert_int_equal(s.n, 1);
	assert_non_null(strstr(s.r[0].detail, "100 reads: "));
	assert_non_null(strstr(s.r[0].detail, "; and 96 more reads"));
}

static void
more_callers_than_places_are_recorded_early(void **state)
{
	struct hf_access a;
	struct seen s = {0};
	struct hf_query q;
	uint32_t i;

	hf_access_init(&a, see, &s);
	for (i = 0; i < HF_ACCESS_NUID + 3; i++) {
		q = read_of(i, "x", HF_TIME_NONE, HF_TIME_NONE);
		hf_access_note(&a, "values", &q, 1);
	}
	assert_int_equal(s.n, HF_ACCESS_NUID);
	hf_access_flush(&a);
	assert_int_equal(s.n, HF_ACCESS_NUID + 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_read_route_becomes_its_question),
	    cmocka_unit_test(history_takes_all_its_parameters),
	    cmocka_unit_test(tree_takes_path_depth_and_page),
	    cmocka_unit_test(spans_are_open_unless_given),
	    cmocka_unit_test(
		unknown_parameter_is_refused_with_the_nearest_name),
	    cmocka_unit_test(malformed_parameters_are_refused),
	    cmocka_unit_test(counts_over_their_limit_are_too_large),
	    cmocka_unit_test(unknown_routes_are_not_found),
	    cmocka_unit_test(wrong_method_is_told_apart_from_wrong_route),
	    cmocka_unit_test(alarm_ids_keep_escaped_slashes_and_bars),
	    cmocka_unit_test(shelving_needs_a_reason_and_a_time),
	    cmocka_unit_test(malformed_bodies_are_refused),
	    cmocka_unit_test(outcomes_map_to_the_documented_statuses),
	    cmocka_unit_test(error_body_escapes_its_text),
	    cmocka_unit_test(routes_and_documentation_agree),
	    cmocka_unit_test(points_render_as_golden_json),
	    cmocka_unit_test(points_render_as_golden_csv),
	    cmocka_unit_test(buckets_without_good_samples_are_null),
	    cmocka_unit_test(no_points_render_as_an_empty_list),
	    cmocka_unit_test(many_points_come_in_bounded_pieces),
	    cmocka_unit_test(reads_are_summed_per_uid_and_minute),
	    cmocka_unit_test(reads_that_do_not_fit_are_counted),
	    cmocka_unit_test(more_callers_than_places_are_recorded_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
