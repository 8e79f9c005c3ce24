/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - GET to an agent: limits and time-outs around evhttp's client.
 *
 * The body goes on as it arrives and is not kept. Limits: headers 16 KiB, body
 * HF_MTC_BODY; the time-out is for each silence, and four of them for the whole
 * answer, so that an agent that sends a byte now and then does not hold us.
 * After a failure the connection is thrown away, from the loop and not from
 * within evhttp's own callbacks.
 */
#include "field/mtconnect/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"

#define HEADERS_MAX 16384
#define WHOLE 4 /* time-outs that a whole answer may take */

struct hf_mtc_http {
	struct hf_loop *loop;
	const char *host;
	uint16_t port;
	int64_t timeout_ns;
	struct hf_mtc_http_ops ops;
	struct evhttp_connection *conn;
	struct evhttp_request *req; /* under way */
	struct hf_watch *deadline;
	struct hf_watch *after; /* tells the end from the loop */
	int status;
	char why[128];
};

static void
close_conn(struct hf_mtc_http *h)
{
	if (h->conn == NULL)
		return;
	if (h->req != NULL)
		evhttp_cancel_request(h->req);
	h->req = NULL;
	evhttp_connection_free(h->conn);
	h->conn = NULL;
}

/* Everything that arrived and was not passed on yet. */
static void
pass_body(struct hf_mtc_http *h, struct evhttp_request *req)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(req);
	struct evbuffer_iovec v;

	while (evbuffer_peek(in, -1, NULL, &v, 1) > 0 && v.iov_len > 0) {
		h->ops.body(h->ops.arg, v.iov_base, v.iov_len);
		evbuffer_drain(in, v.iov_len);
	}
}

static void
on_chunk(struct evhttp_request *req, void *arg)
{
	pass_body(arg, req);
}

static void
finish(struct hf_mtc_http *h, int status, const char *why)
{
	h->req = NULL;
	h->status = status;
	hf_strcpy(h->why, sizeof(h->why), why);
	hf_watch_enable(h->deadline, false);
	hf_timer_in(h->after, 0);
}

static const char *
error_words(enum evhttp_request_error e)
{
	switch (e) {
	case EVREQ_HTTP_TIMEOUT:
		return "no answer in time";
	case EVREQ_HTTP_EOF:
		return "connection refused or closed";
	case EVREQ_HTTP_INVALID_HEADER:
		return "that is no HTTP";
	case EVREQ_HTTP_DATA_TOO_LONG:
		return "the answer is over 32 MiB";
	default:
		return "the connection failed";
	}
}

static void
on_error(enum evhttp_request_error e, void *arg)
{
	struct hf_mtc_http *h = arg;

	hf_strcpy(h->why, sizeof(h->why), error_words(e));
}

static void
on_done(struct evhttp_request *req, void *arg)
{
	struct hf_mtc_http *h = arg;

	if (req == NULL || evhttp_request_get_response_code(req) == 0) {
		finish(h, 0,
		    h->why[0] != '\0' ? h->why
				      : "connection refused or closed");
		return;
	}
	pass_body(h, req);
	finish(h, evhttp_request_get_response_code(req), "");
}

static void
on_after(void *arg)
{
	struct hf_mtc_http *h = arg;

	if (h->status == 0)
		close_conn(h);
	h->ops.done(h->ops.arg, h->status, h->why);
}

static void
on_deadline(void *arg)
{
	struct hf_mtc_http *h = arg;

	close_conn(h);
	finish(h, 0, "the answer does not come to an end");
}

static int
open_conn(struct hf_mtc_http *h, struct hf_err *err)
{
	const struct timeval tv = {
	    .tv_sec = h->timeout_ns / HF_NS_PER_S,
	    .tv_usec = h->timeout_ns % HF_NS_PER_S / HF_NS_PER_US,
	};

	if (h->conn != NULL)
		return HF_OK;
	h->conn = evhttp_connection_base_new(
	    hf_loop_base(h->loop), NULL, h->host, h->port);
	if (h->conn == NULL)
		return HF_FAIL(err, HF_ENOMEM, "connection");
	evhttp_connection_set_timeout_tv(h->conn, &tv);
	evhttp_connection_set_retries(h->conn, 0);
	evhttp_connection_set_max_headers_size(h->conn, HEADERS_MAX);
	evhttp_connection_set_max_body_size(h->conn, HF_MTC_BODY);
	return HF_OK;
}

int
hf_mtc_http_get(struct hf_mtc_http *h, const char *path, struct hf_err *err)
{
	char host[80];
	int rc;

	if (h->req != NULL)
		return HF_FAIL(err, HF_EAGAIN, "a request is under way");
	if ((rc = open_conn(h, err)) != HF_OK)
		return rc;
	h->why[0] = '\0';
	h->req = evhttp_request_new(on_done, h);
	if (h->req == NULL)
		return HF_FAIL(err, HF_ENOMEM, "request");
	evhttp_request_set_chunked_cb(h->req, on_chunk);
	evhttp_request_set_error_cb(h->req, on_error);
	snprintf(host, sizeof(host),
	    strchr(h->host, ':') == NULL ? "%s:%u" : "[%s]:%u", h->host,
	    h->port);
	evhttp_add_header(
	    evhttp_request_get_output_headers(h->req), "Host", host);
	evhttp_add_header(evhttp_request_get_output_headers(h->req), "Accept",
	    "application/xml, text/xml");
	if (evhttp_make_request(h->conn, h->req, EVHTTP_REQ_GET, path) != 0) {
		h->req = NULL; /* evhttp has freed it */
		return HF_FAIL(err, HF_EIO, "the request cannot be sent");
	}
	hf_timer_in(h->deadline, WHOLE * h->timeout_ns);
	return HF_OK;
}

bool
hf_mtc_http_is_busy(const struct hf_mtc_http *h)
{
	return h->req != NULL;
}

int
hf_mtc_http_new(struct hf_loop *loop, const char *host, uint16_t port,
    int64_t timeout_ns, const struct hf_mtc_http_ops *ops,
    struct hf_mtc_http **out, struct hf_err *err)
{
	struct hf_mtc_http *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return HF_FAIL(err, HF_ENOMEM, "HTTP client");
	h->loop = loop;
	h->host = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	h->port = port;
	h->timeout_ns = timeout_ns;
	h->ops = *ops;
	h->deadline = hf_loop_timer(loop, on_deadline, h);
	h->after = hf_loop_timer(loop, on_after, h);
	if (h->deadline == NULL || h->after == NULL) {
		hf_mtc_http_free(h);
		return HF_FAIL(err, HF_ENOMEM, "HTTP client");
	}
	*out = h;
	return HF_OK;
}

void
hf_mtc_http_free(struct hf_mtc_http *h)
{
	if (h == NULL)
		return;
	close_conn(h);
	hf_watch_free(h->deadline);
	hf_watch_free(h->after);
	free(h);
}
