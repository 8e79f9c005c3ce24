/* SPDX-License-Identifier: Apache-2.0
 *
 * web_role_test.c - the HTTP server against slow, absent and lying roles and
 * hostile clients.
 *
 * The server runs in this process on a unix socket in a scratch folder; the
 * test is its core: what was asked lies in `asked`, and the test answers, or
 * does not. Clients are plain sockets. Nothing here passes or fails by how long
 * something takes: waits end when something happens, and only a hang ends in a
 * failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "cli/cli.h"
#include "cli/httpin.h"
#include "model/batch.h"
#include "model/counters.h"
#include "web/http.h"

const struct hf_verb hf_verbs[] = {{0}};

#define NROUND 4000 /* passes of the loop before a wait is a hang */

struct asked {
	enum hf_role to;
	uint64_t req;
	struct hf_query q;
};

struct rig {
	char dir[64], path[96];
	struct hf_loop *loop;
	struct hf_web *web;
	struct hf_counters ctr;
	int listen_fd;
	int ask_rc; /* what asking returns */
	bool may_act;
	size_t nasked;
	struct asked asked[512];
	size_t nrecord;
	struct hf_record record[64];
};

struct client {
	int fd;
	bool is_closed;
	struct hf_httpin in;
	struct hf_buf body;
};

static int
rig_ask(void *arg, enum hf_role to, uint64_t req, const struct hf_query *q,
    struct hf_err *err)
{
	struct rig *r = arg;

	if (r->ask_rc != HF_OK)
		return HF_FAIL(err, r->ask_rc, "told to");
	assert_true(r->nasked < 512);
	r->asked[r->nasked++] = (struct asked){to, req, *q};
	return HF_OK;
}

static bool
rig_may_act(void *arg, const struct hf_caller *c)
{
	const struct rig *r = arg;

	assert_int_equal(c->uid, getuid());
	assert_int_equal(c->pid, getpid());
	return r->may_act;
}

static void
rig_record(void *arg, const struct hf_record *rec)
{
	struct rig *r = arg;

	if (r->nrecord < 64)
		r->record[r->nrecord++] = *rec;
}

static const char *
rig_unit(void *arg, const char *tag)
{
	return "degC";
}

static void
rig_start(struct rig *r, int64_t answer_ns, int64_t idle_ns)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct hf_web_host host = {.counters = &r->ctr,
	    .ask = rig_ask,
	    .may_act = rig_may_act,
	    .record = rig_record,
	    .unit_of = rig_unit,
	    .arg = r,
	    .answer_ns = answer_ns,
	    .idle_ns = idle_ns,
	    .first_req = UINT64_C(7) << 32};
	struct hf_err e = {0};

	memset(r, 0, sizeof(*r));
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/hf-web.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->path, sizeof(r->path), "%s/api.sock", r->dir);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", r->path);
	r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(r->listen_fd >= 0);
	assert_int_equal(
	    bind(r->listen_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(r->listen_fd, 256), 0);
	r->loop = hf_loop_new();
	assert_non_null(r->loop);
	host.loop = r->loop;
	host.listen_fd = r->listen_fd;
	if (hf_web_new(&host, &r->web, &e) != HF_OK)
		fail_msg("%s", e.msg);
}

static void
rig_stop(struct rig *r)
{
	hf_web_free(r->web);
	hf_loop_free(r->loop);
	(void)close(r->listen_fd);
	(void)unlink(r->path);
	(void)rmdir(r->dir);
}

static int
collect(void *arg, const void *p, size_t n)
{
	hf_buf_put(arg, p, n);
	return HF_OK;
}

static void
client_reset(struct client *c)
{
	hf_buf_reset(&c->body);
	hf_httpin_init(&c->in, collect, &c->body);
}

static void
client_open(struct client *c, const struct rig *r)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memset(c, 0, sizeof(*c));
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", r->path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(
	    connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	hf_buf_init(&c->body, 64u << 20);
	client_reset(c);
}

static void
client_close(struct client *c)
{
	(void)close(c->fd);
	hf_buf_fini(&c->body);
}

/* Sends all of it, letting the server run when the socket is full. False if the
 * server has closed. */
static bool
client_put(struct rig *r, struct client *c, const char *p, size_t n)
{
	ssize_t k;
	int i;

	for (i = 0; i < NROUND && n > 0; i++) {
		k = send(c->fd, p, n, MSG_NOSIGNAL);
		if (k < 0 && errno != EAGAIN)
			return false;
		if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
		hf_loop_once(r->loop, 0);
	}
	return n == 0;
}

static void
client_say(struct rig *r, struct client *c, const char *text)
{
	(void)client_put(r, c, text, strlen(text));
}

static void
client_take(struct client *c)
{
	uint8_t b[65536];
	ssize_t n;

	while (c->in.state != HF_HI_DONE && !c->is_closed) {
		/* Byte by byte through the head only, so that a second answer
		 * on the connection is left in the socket. */
		size_t want =
		    c->in.state == HF_HI_LENGTH && c->in.left < sizeof(b)
			? (size_t)c->in.left
			: 1;

		if (c->in.state == HF_HI_CHUNK_DATA)
			want = c->in.left < sizeof(b) ? (size_t)c->in.left
						      : sizeof(b);
		n = recv(c->fd, b, want, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			c->is_closed = true;
			return;
		}
		assert_int_equal(
		    hf_httpin_feed(&c->in, b, (size_t)n, NULL), HF_OK);
	}
}

/* Status of the answer, or -1 if the server closed without one. */
static int
client_wait(struct rig *r, struct client *c)
{
	int i;

	for (i = 0; i < NROUND; i++) {
		hf_loop_once(r->loop, 5);
		client_take(c);
		if (c->in.state == HF_HI_DONE)
			return c->in.status;
		if (c->is_closed)
			return c->in.status > 0 ? c->in.status : -1;
	}
	fail_msg("no answer: the server hangs");
	return 0;
}

static void
wait_asked(struct rig *r, size_t n)
{
	int i;

	for (i = 0; i < NROUND && r->nasked < n; i++)
		hf_loop_once(r->loop, 5);
	assert_int_equal(r->nasked, n);
}

static void
wait_at_least(struct rig *r, size_t n)
{
	int i;

	for (i = 0; i < NROUND && r->nasked < n; i++)
		hf_loop_once(r->loop, 5);
	assert_true(r->nasked >= n);
}

static int
answer(struct rig *r, size_t i, int rc, const char *text)
{
	return hf_web_answer(r->web, r->asked[i].to, r->asked[i].req, rc, text,
	    strlen(text), NULL);
}

static const char *
body(struct client *c)
{
	return hf_buf_cstr(&c->body);
}

#define GET_STATUS "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"

static void
answer_of_core_is_passed_on_unchanged(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	assert_int_equal(r.asked[0].to, HF_ROLE_CORE);
	assert_int_equal(r.asked[0].q.kind, HF_Q_STATUS);
	assert_int_equal(r.asked[0].q.uid, getuid());
	assert_true(r.asked[0].req > UINT64_C(7) << 32);
	assert_int_equal(answer(&r, 0, HF_OK, "{\"health\": \"ok\"}"), HF_OK);
	assert_int_equal(client_wait(&r, &c), 200);
	assert_string_equal(body(&c), "{\"health\": \"ok\"}");
	assert_int_equal(r.ctr.v[HF_C_W_REQUESTS], 1);
	client_close(&c);
	rig_stop(&r);
}

static void
slow_core_is_a_504_and_its_late_answer_is_ignored(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 20 * HF_NS_PER_MS, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	assert_int_equal(client_wait(&r, &c), 504);
	assert_non_null(strstr(body(&c), "\"ETIMEDOUT\""));
	assert_int_equal(r.ctr.v[HF_C_W_TIMEOUTS], 1);
	assert_int_equal(hf_web_nwaiting(r.web), 0);
	assert_int_equal(answer(&r, 0, HF_OK, "{}"), HF_OK);
	client_close(&c);
	rig_stop(&r);
}

static void
absent_core_is_a_503(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	r.ask_rc = HF_ECLOSED;
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	assert_int_equal(client_wait(&r, &c), 503);
	assert_non_null(strstr(body(&c), "core is away"));
	client_close(&c);
	rig_stop(&r);
}

static void
full_wire_is_a_503_and_counted(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	r.ask_rc = HF_EAGAIN;
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	assert_int_equal(client_wait(&r, &c), 503);
	assert_int_equal(r.ctr.v[HF_C_W_BUSY], 1);
	client_close(&c);
	rig_stop(&r);
}

static void
errors_of_core_keep_code_and_text(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, "GET /api/v1/history?tag=a HTTP/1.1\r\n\r\n");
	wait_asked(&r, 1);
	(void)answer(&r, 0, HF_ENOTFOUND, "tag \"a\" unknown");
	assert_int_equal(client_wait(&r, &c), 404);
	assert_string_equal(body(&c), "{\"error\":{\"code\":\"ENOTFOUND\","
				      "\"text\":\"tag \\\"a\\\" unknown\"}}\n");
	client_close(&c);
	rig_stop(&r);
}

static void
answer_of_a_role_that_was_not_asked_is_a_violation(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	assert_int_equal(hf_web_answer(r.web, HF_ROLE_AUDIT, r.asked[0].req,
			     HF_OK, "{}", 2, NULL),
	    HF_EPROTO);
	assert_int_equal(hf_web_nwaiting(r.web), 1);
	assert_int_equal(answer(&r, 0, HF_OK, "{}"), HF_OK);
	assert_int_equal(client_wait(&r, &c), 200);
	client_close(&c);
	rig_stop(&r);
}

static void
answer_that_is_no_text_is_a_violation_and_a_500(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	assert_int_equal(answer(&r, 0, HF_OK, "\"\xff\xfe\""), HF_EPROTO);
	assert_int_equal(client_wait(&r, &c), 500);
	client_close(&c);
	rig_stop(&r);
}

static void
history_that_is_no_points_is_a_violation_and_a_500(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, "GET /api/v1/history?tag=a HTTP/1.1\r\n\r\n");
	wait_asked(&r, 1);
	assert_int_equal(answer(&r, 0, HF_OK, "[]"), HF_EPROTO);
	assert_int_equal(client_wait(&r, &c), 500);
	client_close(&c);
	rig_stop(&r);
}

/* n points of tag a as core would send them in a memfd. */
static void
make_points(size_t n, struct hf_buf *out)
{
	struct hf_points p = {.n = n, .vtype = HF_V_I64};
	size_t i;

	p.pt = calloc(n, sizeof(*p.pt));
	assert_non_null(p.pt);
	for (i = 0; i < n; i++)
		p.pt[i] = (struct hf_point){
		    .t_ns = (int64_t)i, .bits = i, .vtype = HF_V_I64};
	hf_buf_init(out, HF_MEMFD_MAX);
	assert_int_equal(hf_points_encode(&p, out, NULL), HF_OK);
	hf_points_fini(&p);
}

static void
huge_history_is_streamed_and_complete(void **state)
{
	const size_t n = 200000;
	struct hf_buf b;
	struct rig r;
	struct client c;
	const void *map;
	size_t i, nline = 0;
	int fd;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c,
	    "GET /api/v1/history?tag=a&format=csv HTTP/1.1\r\n"
	    "\r\n");
	wait_asked(&r, 1);
	make_points(n, &b);
	fd = hf_memfd_sealed("answer", b.p, b.len, NULL);
	assert_true(fd >= 0);
	assert_int_equal(hf_memfd_check(fd, b.len, NULL), HF_OK);
	map = hf_memfd_map(fd, b.len, NULL);
	assert_non_null(map);
	assert_int_equal(hf_web_answer(r.web, HF_ROLE_CORE, r.asked[0].req,
			     HF_OK, map, b.len, NULL),
	    HF_OK);
	(void)munmap((void *)(uintptr_t)map, b.len);
	(void)close(fd);
	assert_int_equal(client_wait(&r, &c), 200);
	assert_true(c.in.state == HF_HI_DONE);
	for (i = 0; i < c.body.len; i++)
		nline += c.body.p[i] == '\n';
	assert_int_equal(nline, n + 1);
	hf_buf_fini(&b);
	client_close(&c);
	rig_stop(&r);
}

static void
client_that_leaves_in_the_middle_frees_its_history(void **state)
{
	struct hf_buf b;
	struct rig r;
	struct client c;
	int i;

	rig_start(&r, 0, 0);
	make_points(100000, &b);
	for (i = 0; i < 3; i++) {
		client_open(&c, &r);
		client_say(
		    &r, &c, "GET /api/v1/history?tag=a HTTP/1.1\r\n\r\n");
		wait_asked(&r, (size_t)i + 1);
		assert_int_equal(hf_web_answer(r.web, HF_ROLE_CORE,
				     r.asked[i].req, HF_OK, b.p, b.len, NULL),
		    HF_OK);
		hf_loop_once(r.loop, 5);
		client_close(&c);
		hf_loop_once(r.loop, 5);
		hf_loop_once(r.loop, 5);
	}
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 4);
	(void)answer(&r, 3, HF_OK, "{}");
	assert_int_equal(client_wait(&r, &c), 200);
	client_close(&c);
	hf_buf_fini(&b);
	rig_stop(&r);
}

static void
client_that_hangs_up_before_the_answer_harms_nobody(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	client_close(&c);
	hf_loop_once(r.loop, 5);
	assert_int_equal(answer(&r, 0, HF_OK, "{}"), HF_OK);
	hf_loop_once(r.loop, 5);
	assert_int_equal(hf_web_nwaiting(r.web), 0);
	rig_stop(&r);
}

static void
acting_without_the_right_is_a_403_and_a_record(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c,
	    "POST /api/v1/alarms/hot%7Cpress%2Ftemp/ack HTTP/1.1"
	    "\r\nContent-Length: 2\r\n\r\n{}");
	assert_int_equal(client_wait(&r, &c), 403);
	assert_int_equal(r.nasked, 0);
	assert_int_equal(r.nrecord, 1);
	assert_string_equal(r.record[0].action, "request.denied");
	assert_string_equal(r.record[0].object, "hot|press/temp");
	assert_string_equal(r.record[0].decision, "deny");
	assert_int_equal(r.ctr.v[HF_C_W_DENIED], 1);
	client_close(&c);
	rig_stop(&r);
}

static void
operator_may_act_and_reload(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	r.may_act = true;
	client_open(&c, &r);
	client_say(&r, &c,
	    "POST /api/v1/reload HTTP/1.1\r\n"
	    "Content-Length: 0\r\n\r\n");
	wait_asked(&r, 1);
	assert_int_equal(r.asked[0].to, HF_ROLE_PARENT);
	(void)answer(&r, 0, HF_EINVAL, "plant.yaml:3:1: ...");
	assert_int_equal(client_wait(&r, &c), 409);
	assert_int_equal(r.nrecord, 0);
	client_close(&c);
	rig_stop(&r);
}

static void
reads_are_recorded_when_the_server_stops(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c,
	    "GET /api/v1/values?match=press/** HTTP/1.1\r\n"
	    "\r\n");
	wait_asked(&r, 1);
	(void)answer(&r, 0, HF_OK, "[]");
	assert_int_equal(client_wait(&r, &c), 200);
	assert_int_equal(r.nrecord, 0);
	client_close(&c);
	rig_stop(&r);
	assert_int_equal(r.nrecord, 1);
	assert_string_equal(r.record[0].action, "data.access");
	assert_string_equal(r.record[0].detail, "1 read: values press/**");
}

/* Whoever hangs up keeps the question under way: asking costs core, not the
 * caller. */
static void
questions_under_way_are_bounded_and_the_next_caller_waits(void **state)
{
	struct client c[HF_WEB_NCONN + 20];
	const size_t n = sizeof(c) / sizeof(c[0]);
	struct rig r;
	size_t i, nwait;
	int k;

	rig_start(&r, 0, 0);
	for (i = 0; i < n; i++) {
		client_open(&c[i], &r);
		client_say(&r, &c[i], GET_STATUS);
	}
	for (k = 0; k < 50; k++)
		hf_loop_once(r.loop, 1);
	nwait = hf_web_nwaiting(r.web);
	assert_true(nwait == HF_WEB_NCONN || nwait == HF_WEB_NCONN + 1);
	for (i = 0; i < n; i++) {
		wait_at_least(&r, i + 1);
		(void)answer(&r, i, HF_OK, "{}");
		assert_int_equal(client_wait(&r, &c[i]), 200);
		client_close(&c[i]);
	}
	rig_stop(&r);
}

static void
malformed_requests_are_counted(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, "GET /api/v1/history?tga=a HTTP/1.1\r\n\r\n");
	assert_int_equal(client_wait(&r, &c), 400);
	assert_non_null(strstr(body(&c), "did you mean"));
	client_reset(&c);
	client_say(&r, &c, "GET /api/v1/nothing HTTP/1.1\r\n\r\n");
	assert_int_equal(client_wait(&r, &c), 404);
	assert_int_equal(r.ctr.v[HF_C_W_BAD], 2);
	client_close(&c);
	rig_stop(&r);
}

/* After whatever a hostile client did, a decent one is served. */
static void
assert_still_serves(struct rig *r)
{
	size_t n = r->nasked;
	struct client c;

	client_open(&c, r);
	client_say(r, &c, GET_STATUS);
	wait_asked(r, n + 1);
	(void)answer(r, n, HF_OK, "{}");
	assert_int_equal(client_wait(r, &c), 200);
	client_close(&c);
}

static void
header_of_a_mebibyte_is_refused(void **state)
{
	size_t n = 1u << 20;
	char *big = malloc(n);
	struct rig r;
	struct client c;
	int status;

	assert_non_null(big);
	memset(big, 'a', n);
	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, "GET /api/v1/status HTTP/1.1\r\nX: ");
	(void)client_put(&r, &c, big, n);
	status = client_wait(&r, &c);
	assert_true(status == -1 || status >= 400);
	assert_int_equal(r.nasked, 0);
	client_close(&c);
	assert_still_serves(&r);
	free(big);
	rig_stop(&r);
}

static void
body_over_its_limit_is_refused(void **state)
{
	struct rig r;
	struct client c;
	int status;

	rig_start(&r, 0, 0);
	r.may_act = true;
	client_open(&c, &r);
	client_say(&r, &c,
	    "POST /api/v1/reload HTTP/1.1\r\n"
	    "Content-Length: 1000000\r\n\r\n{");
	status = client_wait(&r, &c);
	assert_true(status == -1 || status == 413);
	assert_int_equal(r.nasked, 0);
	client_close(&c);
	assert_still_serves(&r);
	rig_stop(&r);
}

static void
url_over_its_limit_is_refused(void **state)
{
	char req[6000];
	struct rig r;
	struct client c;

	(void)snprintf(req, sizeof(req),
	    "GET /api/v1/values?match=%05000d "
	    "HTTP/1.1\r\n\r\n",
	    1);
	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, req);
	assert_int_equal(client_wait(&r, &c), 413);
	client_close(&c);
	rig_stop(&r);
}

static void
hostile_bytes_are_refused_and_others_served(void **state)
{
	static const char *const hostile[] = {
	    "POST /api/v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked"
	    "\r\n\r\nzz\r\n",
	    "POST /api/v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked"
	    "\r\n\r\n-1\r\nx\r\n",
	    "POST /api/v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked"
	    "\r\n\r\nffffffffffffffff\r\nx\r\n",
	    "POST /api/v1/reload HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
	    "POST /api/v1/reload HTTP/1.1\r\nContent-Length: 9999999999999"
	    "9999999\r\n\r\n",
	    "BREW /pot HTTP/1.1\r\n\r\n",
	    "DELETE /api/v1/status HTTP/1.1\r\n\r\n",
	    "GET /api/v1/status HTTP/9.9\r\n\r\n",
	    "GET\r\n\r\n",
	    "\r\n\r\n\r\n\r\n",
	    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	    "GET /api/v1/status HTTP/1.1\r\nno colon here\r\n\r\n",
	    "GET http://[::1/ HTTP/1.1\r\n\r\n",
	    "GET //// HTTP/1.1\r\n\r\n",
	    "GET /api/v1/status%00 HTTP/1.1\r\n\r\n",
	    "CONNECT example.org:80 HTTP/1.1\r\n\r\n",
	};
	struct rig r;
	struct client c;
	size_t i;
	int status;

	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		rig_start(&r, 0, 30 * HF_NS_PER_MS);
		client_open(&c, &r);
		client_say(&r, &c, hostile[i]);
		status = client_wait(&r, &c); /* a half request ends by time */
		if (status != -1 && status < 400)
			fail_msg("%s -> %d", hostile[i], status);
		assert_int_equal(r.nasked, 0);
		client_close(&c);
		assert_still_serves(&r);
		rig_stop(&r);
	}
}

static void
half_request_ends_though_it_drips(void **state)
{
	struct rig r;
	struct client c;
	int i;

	rig_start(&r, 0, 30 * HF_NS_PER_MS);
	client_open(&c, &r);
	client_say(&r, &c, "GET /api/v1/status HTTP/1.1\r\n");
	for (i = 0; i < NROUND && !c.is_closed; i++) {
		/* each byte would restart evhttp's own time-out */
		if (send(c.fd, "X", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		(void)usleep(5000);
		hf_loop_once(r.loop, 5);
		client_take(&c);
	}
	assert_true(i < NROUND);
	assert_int_equal(r.nasked, 0);
	client_close(&c);
	rig_stop(&r);
}

static void
newcomer_displaces_the_longest_idle_connection(void **state)
{
	static struct client idle[HF_WEB_NCONN + 40];
	const size_t n = sizeof(idle) / sizeof(idle[0]);
	struct rig r;
	size_t i;

	rig_start(&r, 0, 0);
	for (i = 0; i < n; i++) {
		client_open(&idle[i], &r);
		hf_loop_once(r.loop, 0);
	}
	assert_still_serves(&r);
	client_take(&idle[0]);
	assert_true(idle[0].is_closed);
	for (i = 0; i < n; i++)
		client_close(&idle[i]);
	assert_still_serves(&r);
	rig_stop(&r);
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
	struct rig r;
	struct client c;

	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c,
	    "GET /api/v1/status HTTP/1.1\r\n\r\n"
	    "GET /api/v1/detectors HTTP/1.1\r\n\r\n"
	    "GET /api/v1/alarms HTTP/1.1\r\n\r\n");
	wait_asked(&r, 1);
	assert_int_equal(r.asked[0].q.kind, HF_Q_STATUS);
	(void)answer(&r, 0, HF_OK, "\"first\"");
	assert_int_equal(client_wait(&r, &c), 200);
	assert_string_equal(body(&c), "\"first\"");
	wait_asked(&r, 2);
	assert_int_equal(r.asked[1].q.kind, HF_Q_DETECTORS);
	(void)answer(&r, 1, HF_OK, "\"second\"");
	client_reset(&c);
	assert_int_equal(client_wait(&r, &c), 200);
	assert_string_equal(body(&c), "\"second\"");
	wait_asked(&r, 3);
	assert_int_equal(r.asked[2].q.kind, HF_Q_ALARMS);
	client_close(&c);
	rig_stop(&r);
}

static void
flood_behind_a_waiting_request_is_not_buffered(void **state)
{
	size_t n = 8u << 20;
	char *junk = calloc(1, n);
	struct rig r;
	struct client c;
	ssize_t k;
	size_t total = 0;
	int i, nfull = 0;

	assert_non_null(junk);
	rig_start(&r, 0, 0);
	client_open(&c, &r);
	client_say(&r, &c, GET_STATUS);
	wait_asked(&r, 1);
	for (i = 0; i < NROUND && nfull < 50 && total < n; i++) {
		k = send(c.fd, junk, n - total, MSG_NOSIGNAL);
		if (k > 0)
			total += (size_t)k;
		else
			nfull++;
		hf_loop_once(r.loop, 0);
	}
	assert_true(total < n); /* the socket filled up: nobody read on */
	(void)answer(&r, 0, HF_OK, "{}");
	assert_int_equal(client_wait(&r, &c), 200);
	client_close(&c);
	assert_still_serves(&r);
	free(junk);
	rig_stop(&r);
}

static void
server_that_stops_with_requests_under_way_leaks_nothing(void **state)
{
	struct client c[3];
	struct hf_buf b;
	struct rig r;
	size_t i;

	rig_start(&r, 0, 0);
	for (i = 0; i < 3; i++)
		client_open(&c[i], &r);
	client_say(&r, &c[0], GET_STATUS);
	client_say(&r, &c[1], "GET /api/v1/history?tag=a HTTP/1.1\r\n\r\n");
	client_say(&r, &c[2], "GET /api/v1/his");
	wait_asked(&r, 2);
	make_points(100000, &b);
	for (i = 0; i < 2; i++)
		if (r.asked[i].q.kind == HF_Q_HISTORY)
			assert_int_equal(
			    hf_web_answer(r.web, HF_ROLE_CORE, r.asked[i].req,
				HF_OK, b.p, b.len, NULL),
			    HF_OK);
	hf_loop_once(r.loop, 5);
	rig_stop(&r);
	hf_buf_fini(&b);
	for (i = 0; i < 3; i++)
		client_close(&c[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answer_of_core_is_passed_on_unchanged),
	    cmocka_unit_test(slow_core_is_a_504_and_its_late_answer_is_ignored),
	    cmocka_unit_test(absent_core_is_a_503),
	    cmocka_unit_test(full_wire_is_a_503_and_counted),
	    cmocka_unit_test(errors_of_core_keep_code_and_text),
	    cmocka_unit_test(
		answer_of_a_role_that_was_not_asked_is_a_violation),
	    cmocka_unit_test(answer_that_is_no_text_is_a_violation_and_a_500),
	    cmocka_unit_test(
		history_that_is_no_points_is_a_violation_and_a_500),
	    cmocka_unit_test(huge_history_is_streamed_and_complete),
	    cmocka_unit_test(
		client_that_leaves_in_the_middle_frees_its_history),
	    cmocka_unit_test(
		client_that_hangs_up_before_the_answer_harms_nobody),
	    cmocka_unit_test(acting_without_the_right_is_a_403_and_a_record),
	    cmocka_unit_test(operator_may_act_and_reload),
	    cmocka_unit_test(reads_are_recorded_when_the_server_stops),
	    cmocka_unit_test(
		questions_under_way_are_bounded_and_the_next_caller_waits),
	    cmocka_unit_test(malformed_requests_are_counted),
	    cmocka_unit_test(header_of_a_mebibyte_is_refused),
	    cmocka_unit_test(body_over_its_limit_is_refused),
	    cmocka_unit_test(url_over_its_limit_is_refused),
	    cmocka_unit_test(hostile_bytes_are_refused_and_others_served),
	    cmocka_unit_test(half_request_ends_though_it_drips),
	    cmocka_unit_test(newcomer_displaces_the_longest_idle_connection),
	    cmocka_unit_test(pipelined_requests_are_answered_in_order),
	    cmocka_unit_test(flood_behind_a_waiting_request_is_not_buffered),
	    cmocka_unit_test(
		server_that_stops_with_requests_under_way_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
