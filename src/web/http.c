/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - the life of a request: taken, checked, asked, answered or timed out.
 *
 *   evhttp --request--> on_request --ask--> core, audit, parent
 *                           |                     |
 *                        refused             hf_web_answer --> JSON at once,
 *                     (400 403 404 503)                        points in pieces
 *
 * A request that waits is a struct call; its number is the request id on the
 * wire. It ends in one of four ways: answered, timed out (504), its client
 * gone, or the server freed. evhttp owns the evhttp_request as long as the
 * connection lives; when the connection fails first, evhttp cuts the request
 * loose and we must free it (on_close). After that, call->http is NULL and a
 * late answer finds nobody.
 *
 * Connections and their limits are in conn.c.
 */
#include "web/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/time.h"
#include "base/utf8.h"
#include "web/access.h"
#include "web/api.h"
#include "web/conn.h"
#include "web/render.h"

#define METRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TICK_NS (HF_NS_PER_S / 4) /* longest time that a time-out is late */

struct call { /* one request under way */
	struct hf_web *web;
	uint64_t req;		     /* 0 = this slot is free */
	struct evhttp_request *http; /* NULL: the client is gone */
	struct evhttp_connection *conn;
	int64_t deadline_ns; /* monotonic; 0 while the answer is being sent */
	struct hf_api_call api;
	bool is_streaming;
	struct hf_render render; /* while is_streaming */
};

struct hf_web {
	struct hf_web_host host;
	struct evhttp *http;
	struct hf_conns *conns;
	struct hf_watch *ticker;
	struct hf_access access;
	int64_t tick_ns;
	uint64_t last_req;
	size_t npoint; /* in answers that are being sent */
	struct call calls[HF_WEB_NCALL];
};

static struct call *
call_new(struct hf_web *w)
{
	size_t i;

	for (i = 0; i < HF_WEB_NCALL; i++) {
		struct call *c = &w->calls[i];

		if (c->req != 0)
			continue;
		memset(c, 0, sizeof(*c));
		c->web = w;
		c->req = ++w->last_req;
		return c;
	}
	return NULL;
}

static void
call_free(struct call *c)
{
	if (c->is_streaming) {
		c->web->npoint -= c->render.pts.n;
		hf_render_fini(&c->render);
	}
	memset(c, 0, sizeof(*c));
}

size_t
hf_web_nwaiting(const struct hf_web *w)
{
	size_t i, n = 0;

	for (i = 0; i < HF_WEB_NCALL; i++)
		n += w->calls[i].req != 0 && !w->calls[i].is_streaming;
	return n;
}

static void
head(struct evhttp_request *http, const char *type)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(http);

	evhttp_add_header(h, "Content-Type", type);
	evhttp_add_header(h, "Cache-Control", "no-store");
	evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
}

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} words[] = {
	    {200, "OK"},
	    {400, "Bad Request"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {413, "Too Large"},
	    {501, "Not Implemented"},
	    {503, "Unavailable"},
	    {504, "No Answer"},
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].status == status)
			return words[i].text;
	return "Failed";
}

static void
send_as(struct evhttp_request *http, int status, const char *type,
    const void *p, size_t n)
{
	struct evbuffer *b = evbuffer_new();

	head(http, type);
	if (b != NULL)
		(void)evbuffer_add(b, p, n);
	evhttp_send_reply(http, status, reason_of(status), b);
	if (b != NULL)
		evbuffer_free(b);
}

static void
send_text(struct evhttp_request *http, int status, const void *p, size_t n)
{
	send_as(http, status, "application/json", p, n);
}

static void
send_error(
    struct evhttp_request *http, int rc, int kind, const char *text, size_t n)
{
	struct hf_buf b;

	hf_buf_init(&b, HF_MSG_MAX * 6 + 256);
	hf_api_error(&b, rc, text, n);
	send_text(http, hf_api_status(rc, kind), b.p, b.len);
	hf_buf_fini(&b);
}

/* Answers an error and counts it. http is evhttp's again afterwards. */
static void
refuse(struct hf_web *w, struct evhttp_request *http, enum hf_counter why,
    const struct hf_err *e, int kind)
{
	hf_count(w->host.counters, why, 1);
	send_error(http, e->rc, kind, e->msg, strlen(e->msg));
}

static void
record_denied(struct hf_web *w, const struct hf_caller *who,
    const struct hf_api_call *api)
{
	struct hf_record r = {.action = "request.denied", .decision = "deny"};

	(void)snprintf(r.actor, sizeof(r.actor), "uid:%u", who->uid);
	(void)snprintf(r.object, sizeof(r.object), "%s", api->q.path);
	(void)snprintf(r.detail, sizeof(r.detail),
	    "POST %s by pid %d: neither "
	    "root nor in group hf-operators",
	    api->name, (int)who->pid);
	w->host.record(w->host.arg, &r);
}

static int
parse(struct evhttp_request *http, struct hf_api_call *api, struct hf_err *err)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(http);
	size_t n = evbuffer_get_length(in);
	const char *uri = evhttp_request_get_uri(http);
	enum hf_api_method m = HF_API_GET;
	const void *body = NULL;

	if (evhttp_request_get_command(http) == EVHTTP_REQ_POST)
		m = HF_API_POST;
	if (n > HF_API_BODY)
		return HF_FAIL(err, HF_ELIMIT, "body is longer than %d bytes",
		    HF_API_BODY);
	if (n > 0)
		body = evbuffer_pullup(in, -1);
	if (n > 0 && body == NULL)
		return HF_FAIL(err, HF_ENOMEM, "body, %zu bytes", n);
	return hf_api_parse(m, uri ? uri : "", body, n, api, err);
}

static int64_t
wait_of(const struct hf_web *w, const struct hf_api_call *api)
{
	if (api->q.kind == HF_Q_REPLAY)
		return HF_WEB_REPLAY_NS;
	return api->q.kind == HF_Q_TRY ? w->host.try_ns : w->host.answer_ns;
}

/* Asks; on failure the client gets the error at once. */
static void
ask(struct call *c, struct evhttp_request *http, const struct hf_api_call *api,
    int64_t now_ns)
{
	struct hf_web *w = c->web;
	struct hf_err e = {0};
	int64_t wait_ns = wait_of(w, api);
	int rc;

	c->api = *api;
	rc = w->host.ask(w->host.arg, api->to, c->req, &api->q, &e);
	if (rc != HF_OK) {
		call_free(c);
		if (rc == HF_EAGAIN)
			(void)HF_FAIL(&e, HF_EAGAIN, "%s is busy; ask again",
			    hf_role_name(api->to));
		else
			(void)HF_FAIL(&e, HF_ECLOSED,
			    "%s is away; `holdfast "
			    "status` says why",
			    hf_role_name(api->to));
		refuse(w, http, HF_C_W_BUSY, &e, api->q.kind);
		return;
	}
	c->http = http;
	c->conn = evhttp_request_get_connection(http);
	c->deadline_ns = now_ns + wait_ns;
}

static void
on_request(struct evhttp_request *http, void *arg)
{
	struct hf_web *w = arg;
	struct hf_caller who = {0};
	struct hf_api_call api;
	struct hf_err e = {0};
	struct call *c;

	hf_count(w->host.counters, HF_C_W_REQUESTS, 1);
	hf_conns_begin(w->conns, http);
	if (parse(http, &api, &e) != HF_OK) {
		refuse(w, http, HF_C_W_BAD, &e, 0);
		return;
	}
	if (!hf_conns_caller(http, &who)) {
		(void)HF_FAIL(&e, HF_EDENIED,
		    "the kernel does not say who "
		    "calls");
		refuse(w, http, HF_C_W_DENIED, &e, 0);
		return;
	}
	if (api.needs_operator && !w->host.may_act(w->host.arg, &who)) {
		record_denied(w, &who, &api);
		(void)HF_FAIL(&e, HF_EDENIED,
		    "uid %u may read, not act: only "
		    "root and members of group hf-operators may",
		    who.uid);
		refuse(w, http, HF_C_W_DENIED, &e, 0);
		return;
	}
	c = call_new(w);
	if (c == NULL) {
		(void)HF_FAIL(&e, HF_EAGAIN,
		    "%d requests are under way; ask "
		    "again",
		    HF_WEB_NCALL);
		refuse(w, http, HF_C_W_BUSY, &e, 0);
		return;
	}
	api.q.uid = who.uid;
	ask(c, http, &api, hf_mono_ns());
}

/* The connection goes down, from whatever cause: its request is nobody's. */
static void
on_close(void *arg, struct evhttp_connection *conn)
{
	struct hf_web *w = arg;
	size_t i;

	for (i = 0; i < HF_WEB_NCALL; i++) {
		struct call *c = &w->calls[i];

		if (c->req == 0 || c->http == NULL || c->conn != conn)
			continue;
		if (evhttp_request_get_connection(c->http) == NULL)
			evhttp_request_free(c->http);
		c->http = NULL;
		c->conn = NULL;
		/* A question that was asked stays a call until its answer or
		 * its deadline: else a client that hangs up again and again
		 * could have any number of them under way. */
		if (c->is_streaming)
			call_free(c);
	}
}

/* Gives the next piece to evhttp; called again when the client took it. */
static void
send_piece(struct evhttp_connection *conn, void *arg)
{
	struct call *c = arg;
	struct evhttp_request *http = c->http;
	const struct hf_buf *piece;
	struct evbuffer *b;

	if (c->req == 0 || http == NULL)
		return;
	piece = hf_render_piece(&c->render);
	b = piece != NULL ? evbuffer_new() : NULL;
	if (b != NULL && evbuffer_add(b, piece->p, piece->len) == 0) {
		evhttp_send_reply_chunk_with_cb(http, b, send_piece, c);
		evbuffer_free(b);
		return;
	}
	if (b != NULL)
		evbuffer_free(b);
	if (piece != NULL || hf_render_failed(&c->render)) {
		/* The head said 200: only an ending without the last chunk
		 * tells the client that this is not all. */
		log_error("web", "no memory for a history answer; cut");
		evhttp_connection_free(conn); /* on_close frees the call */
		return;
	}
	call_free(c);
	evhttp_send_reply_end(http);
}

static int
answer_points(struct call *c, const void *p, size_t n, struct hf_err *err)
{
	struct hf_web *w = c->web;
	struct hf_points pts = {0};
	const char *unit = NULL;
	struct hf_err e = {0};
	int rc;

	rc = hf_points_decode(p, n, &pts, err);
	if (rc != HF_OK)
		return HF_FAIL(err, HF_EPROTO, "history answer is malformed");
	if (pts.n > HF_WEB_NPOINT - w->npoint) {
		hf_points_fini(&pts);
		(void)HF_FAIL(&e, HF_EAGAIN,
		    "other large history answers are "
		    "being sent; ask again, or with limit or buckets");
		refuse(w, c->http, HF_C_W_BUSY, &e, 0);
		call_free(c);
		return HF_OK;
	}
	w->npoint += pts.n;
	if (w->host.unit_of != NULL)
		unit = w->host.unit_of(w->host.arg, c->api.q.path);
	hf_render_init(&c->render, &pts, c->api.q.path, unit, c->api.is_csv);
	c->is_streaming = true;
	c->deadline_ns = 0;
	head(c->http,
	    c->api.is_csv ? "text/csv; charset=utf-8" : "application/json");
	evhttp_send_reply_start(c->http, 200, "OK");
	send_piece(c->conn, c);
	return HF_OK;
}

/* Good answer: note who read, pass it on. HF_EPROTO leaves the call as it
 * is. */
static int
answer_good(struct call *c, const void *p, size_t n, struct hf_err *err)
{
	struct hf_web *w = c->web;
	struct evhttp_request *http = c->http;

	if (c->api.form != HF_API_POINTS && !hf_utf8_ok(p, n))
		return HF_FAIL(err, HF_EPROTO, "answer is no UTF-8");
	if (c->api.is_data)
		hf_access_note(
		    &w->access, c->api.name, &c->api.q, hf_mono_ns());
	if (c->api.form == HF_API_POINTS)
		return answer_points(c, p, n, err);
	if (c->api.form == HF_API_METRICS) {
		hf_count(w->host.counters, HF_C_W_SCRAPES, 1);
		call_free(c);
		send_as(http, 200, METRICS_TYPE, p, n);
		return HF_OK;
	}
	call_free(c);
	send_text(http, 200, p, n);
	return HF_OK;
}

static struct call *
call_find(struct hf_web *w, uint64_t req)
{
	size_t i;

	for (i = 0; req != 0 && i < HF_WEB_NCALL; i++)
		if (w->calls[i].req == req)
			return &w->calls[i];
	return NULL;
}

int
hf_web_answer(struct hf_web *w, enum hf_role from, uint64_t req, int rc,
    const void *p, size_t n, struct hf_err *err)
{
	struct call *c = call_find(w, req);
	struct evhttp_request *http;
	struct hf_err e = {0};
	int kind, res = HF_OK;

	if (c == NULL || c->is_streaming)
		return HF_OK; /* it was late: 504 was said */
	if (c->api.to != from)
		return HF_FAIL(err, HF_EPROTO,
		    "%s answers a question put to "
		    "%s",
		    hf_role_name(from), hf_role_name(c->api.to));
	http = c->http;
	kind = c->api.q.kind;
	if (http == NULL) {
		call_free(c); /* the client hung up */
		return HF_OK;
	}
	if (rc == HF_OK) {
		res = answer_good(c, p, n, err);
		if (res == HF_OK)
			return HF_OK;
		(void)HF_FAIL(&e, HF_EPROTO,
		    "%s sent a malformed answer; it "
		    "is being started again",
		    hf_role_name(from));
		rc = e.rc;
		p = e.msg;
		n = strlen(e.msg);
	}
	call_free(c);
	send_error(http, rc, kind, p, n);
	return res;
}

static void
time_out(struct call *c)
{
	struct evhttp_request *http = c->http;
	struct hf_web *w = c->web;
	enum hf_role to = c->api.to;
	struct hf_err e = {0};

	call_free(c);
	if (http == NULL) {
		hf_count(w->host.counters, HF_C_W_TIMEOUTS, 1);
		return;
	}
	(void)HF_FAIL(&e, HF_ETIMEDOUT,
	    "%s did not answer in time; `holdfast "
	    "status` says what it does",
	    hf_role_name(to));
	refuse(w, http, HF_C_W_TIMEOUTS, &e, 0);
}

static void
on_tick(void *arg)
{
	struct hf_web *w = arg;
	int64_t now_ns = hf_mono_ns();
	size_t i;

	for (i = 0; i < HF_WEB_NCALL; i++)
		if (w->calls[i].deadline_ns != 0 &&
		    now_ns >= w->calls[i].deadline_ns)
			time_out(&w->calls[i]);
	hf_access_tick(&w->access, now_ns);
	hf_conns_tick(w->conns, now_ns);
	hf_timer_in(w->ticker, w->tick_ns);
}

static int64_t
min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
set_limits(struct hf_web *w)
{
	struct timeval tv = {
	    .tv_sec = (time_t)(w->host.idle_ns / HF_NS_PER_S),
	    .tv_usec = (suseconds_t)(w->host.idle_ns % HF_NS_PER_S / 1000),
	};

	evhttp_set_max_headers_size(w->http, HF_WEB_HEADERS);
	evhttp_set_max_body_size(w->http, HF_API_BODY);
	evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_timeout_tv(w->http, &tv);
	evhttp_set_gencb(w->http, on_request, w);
}

int
hf_web_new(const struct hf_web_host *h, struct hf_web **out, struct hf_err *err)
{
	struct hf_web *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return HF_FAIL(err, HF_ENOMEM, "web server");
	w->host = *h;
	w->last_req = h->first_req;
	if (w->host.answer_ns == 0)
		w->host.answer_ns = HF_WEB_ANSWER_NS;
	if (w->host.try_ns == 0)
		w->host.try_ns = HF_WEB_TRY_NS;
	if (w->host.idle_ns == 0)
		w->host.idle_ns = HF_WEB_IDLE_NS;
	hf_access_init(&w->access, h->record, h->arg);
	w->http = evhttp_new(hf_loop_base(h->loop));
	w->ticker = hf_loop_timer(h->loop, on_tick, w);
	if (w->http == NULL || w->ticker == NULL) {
		rc = HF_FAIL(err, HF_ENOMEM, "web server");
		goto out;
	}
	set_limits(w);
	rc = hf_conns_new(w->http, hf_loop_base(h->loop), h->listen_fd,
	    w->host.idle_ns, on_close, w, &w->conns, err);
	if (rc != HF_OK)
		goto out;
	w->tick_ns =
	    min_ns(TICK_NS, min_ns(w->host.answer_ns, w->host.idle_ns) / 4 + 1);
	hf_timer_in(w->ticker, w->tick_ns);
	*out = w;
	w = NULL;
out:
	hf_web_free(w);
	return rc;
}

void
hf_web_free(struct hf_web *w)
{
	size_t i;

	if (w == NULL)
		return;
	hf_access_flush(&w->access);
	hf_watch_free(w->ticker);
	if (w->http != NULL)
		evhttp_free(w->http); /* on_close for every connection */
	for (i = 0; i < HF_WEB_NCALL; i++)
		if (w->calls[i].req != 0)
			call_free(&w->calls[i]);
	hf_conns_free(w->conns);
	free(w);
}
