/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - asks the API over its unix socket; see client.h.
 */
#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/cli.h"

#define WAIT_NS (20 * HF_NS_PER_S) /* longer than web waits for any role */
#define ERROR_BODY (64 * 1024)	   /* bytes of an error's body */
#define REQUEST_MAX (128 * 1024)

static int
connect_error(const char *path, int errnum, struct hf_err *err)
{
	if (errnum == EACCES || errnum == EPERM)
		return HF_FAIL(err, HF_EDENIED,
		    "%s: no right to open it; ask "
		    "for access to its folder",
		    path);
	if (errnum == ENOENT || errnum == ECONNREFUSED)
		return HF_FAIL(err, HF_ECLOSED,
		    "holdfast does not run here "
		    "(%s: %s); start it with `holdfast run`, or name its "
		    "folder with --run DIR",
		    path, strerror(errnum));
	return HF_FAIL(err, HF_EIO, "%s: %s", path, strerror(errnum));
}

static int
client_connect(const struct hf_client *c, int *out, struct hf_err *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const char *dir = hf_cli_dir(c->run, "HOLDFAST_RUN", HF_DIR_RUN);
	int fd, n, errnum;

	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/api.sock", dir);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		return HF_FAIL(err, HF_EINVAL,
		    "--run %s: longer than a socket "
		    "path may be (%zu bytes)",
		    dir, sizeof(sun.sun_path) - 10);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return HF_FAIL(err, HF_EIO, "socket: %s", strerror(errno));
	/* A unix connect is done at once, or EAGAIN: the backlog is full. */
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
		errnum = errno;
		(void)close(fd);
		if (errnum == EAGAIN)
			return HF_FAIL(err, HF_EAGAIN,
			    "%s: too many callers; "
			    "ask again",
			    sun.sun_path);
		return connect_error(sun.sun_path, errnum, err);
	}
	*out = fd;
	return HF_OK;
}

static int
wait_for(const struct hf_client *c, int fd, short events, struct hf_err *err)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t wait_ns = c->wait_ns > 0 ? c->wait_ns : WAIT_NS;
	int64_t end_ns = hf_mono_ns() + wait_ns, left_ns;
	int n;

	do {
		left_ns = end_ns - hf_mono_ns();
		if (left_ns < 0)
			left_ns = 0;
		n = poll(
		    &p, 1, (int)((left_ns + HF_NS_PER_MS - 1) / HF_NS_PER_MS));
	} while (n < 0 && errno == EINTR && left_ns > 0);
	if (n > 0)
		return HF_OK;
	return HF_FAIL(err, HF_ETIMEDOUT,
	    "no answer on the API socket for "
	    "%lld s",
	    (long long)(wait_ns / HF_NS_PER_S));
}

static int
send_all(const struct hf_client *c, int fd, const uint8_t *p, size_t n,
    struct hf_err *err)
{
	ssize_t k;
	int rc;

	while (n > 0) {
		k = send(fd, p, n, MSG_NOSIGNAL);
		if (k < 0 && errno == EAGAIN) {
			rc = wait_for(c, fd, POLLOUT, err);
			if (rc != HF_OK)
				return rc;
			continue;
		}
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) /* an answer may be there all the same: 413 */
			return HF_OK;
		p += k;
		n -= (size_t)k;
	}
	return HF_OK;
}

static int
send_request(const struct hf_client *c, int fd, const char *method,
    const char *path, const char *body, struct hf_err *err)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, REQUEST_MAX);
	hf_buf_printf(&b,
	    "%s %s HTTP/1.1\r\nHost: holdfast\r\n"
	    "Connection: close\r\n",
	    method, path);
	if (body != NULL)
		hf_buf_printf(&b,
		    "Content-Type: application/json\r\n"
		    "Content-Length: %zu\r\n",
		    strlen(body));
	hf_buf_puts(&b, "\r\n");
	if (body != NULL)
		hf_buf_puts(&b, body);
	if (hf_buf_ok(&b))
		rc = send_all(c, fd, b.p, b.len, err);
	else
		rc = HF_FAIL(err, HF_ELIMIT, "the request is too long");
	hf_buf_fini(&b);
	return rc;
}

struct answer { /* where an answer's body goes, by its status */
	struct hf_httpin in;
	hf_httpin_sink *sink;
	void *arg;
	struct hf_buf error; /* body of anything but 200 */
};

static int
answer_sink(void *arg, const void *p, size_t n)
{
	struct answer *a = arg;

	if (a->in.status == 200)
		return a->sink(a->arg, p, n);
	hf_buf_put(&a->error, p, n); /* cut at its limit */
	return HF_OK;
}

static int
receive(const struct hf_client *c, int fd, struct answer *a, struct hf_err *err)
{
	uint8_t chunk[65536];
	ssize_t n;
	int rc;

	while (a->in.state != HF_HI_DONE) {
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			rc = wait_for(c, fd, POLLIN, err);
			if (rc != HF_OK)
				return rc;
			continue;
		}
		if (n <= 0)
			return hf_httpin_end(&a->in, err);
		rc = hf_httpin_feed(&a->in, chunk, (size_t)n, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

static int
rc_of_status(int status)
{
	static const struct {
		int status, rc;
	} rows[] = {
	    {200, HF_OK},
	    {400, HF_EINVAL},
	    {403, HF_EDENIED},
	    {404, HF_ENOTFOUND},
	    {405, HF_EUNSUPPORTED},
	    {409, HF_EEXIST},
	    {413, HF_ELIMIT},
	    {501, HF_EUNSUPPORTED},
	    {503, HF_ECLOSED},
	    {504, HF_ETIMEDOUT},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].rc;
	return HF_EIO;
}

/* The error's own text, or the status if the body is none of ours. */
static int
answer_error(const struct hf_client *c, struct answer *a, struct hf_err *err)
{
	int rc = rc_of_status(a->in.status);
	const char *text = NULL;
	json_t *root = NULL;

	if (hf_buf_ok(&a->error) &&
	    hf_json_parse((const char *)a->error.p, a->error.len, ERROR_BODY,
		&root, NULL) == HF_OK)
		text = json_string_value(
		    json_object_get(json_object_get(root, "error"), "text"));
	if (text != NULL && c->refusal != NULL)
		hf_buf_puts(c->refusal, text);
	if (text != NULL)
		(void)HF_FAIL(err, rc, "%s", text);
	else
		(void)HF_FAIL(
		    err, rc, "the API answered with status %d", a->in.status);
	json_decref(root);
	return rc;
}

int
hf_client_call(const struct hf_client *c, const char *method, const char *path,
    const char *body, hf_httpin_sink *sink, void *arg, struct hf_err *err)
{
	struct answer a = {.sink = sink, .arg = arg};
	int fd = -1, rc;

	rc = client_connect(c, &fd, err);
	if (rc != HF_OK)
		return rc;
	hf_httpin_init(&a.in, answer_sink, &a);
	hf_buf_init(&a.error, ERROR_BODY);
	rc = send_request(c, fd, method, path, body, err);
	if (rc == HF_OK)
		rc = receive(c, fd, &a, err);
	if (rc == HF_OK && a.in.status != 200)
		rc = answer_error(c, &a, err);
	hf_buf_fini(&a.error);
	(void)close(fd);
	return rc;
}

static int
buf_sink(void *arg, const void *p, size_t n)
{
	struct hf_buf *b = arg;

	hf_buf_put(b, p, n);
	return hf_buf_ok(b) ? HF_OK : HF_ELIMIT;
}

int
hf_client_get(const struct hf_client *c, const char *path, struct hf_buf *out,
    struct hf_err *err)
{
	int rc = hf_client_call(c, "GET", path, NULL, buf_sink, out, err);

	if (rc == HF_ELIMIT && !hf_buf_ok(out))
		return HF_FAIL(err, rc,
		    "the answer is larger than %zu bytes; "
		    "ask for less",
		    out->max);
	return rc;
}

int
hf_client_json(const struct hf_client *c, const char *path, json_t **out,
    struct hf_err *err)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, HF_CLIENT_ANSWER);
	rc = hf_client_get(c, path, &b, err);
	if (rc == HF_OK) {
		rc = hf_json_parse(
		    (const char *)b.p, b.len, HF_CLIENT_ANSWER, out, err);
		if (rc != HF_OK)
			hf_err_prefix(err, "answer to %s", path);
	}
	hf_buf_fini(&b);
	return rc;
}

int
hf_client_exit(int rc)
{
	switch (rc) {
	case HF_OK:
		return HF_EXIT_OK;
	case HF_EINVAL:
	case HF_ELIMIT:
	case HF_EUNSUPPORTED:
		return HF_EXIT_USAGE;
	case HF_ENOTFOUND:
	case HF_ENODATA:
	case HF_EEXIST:
		return HF_EXIT_FOUND;
	case HF_EDENIED:
		return HF_EXIT_DENIED;
	case HF_ECLOSED:
	case HF_ETIMEDOUT:
	case HF_EAGAIN:
		return HF_EXIT_AWAY;
	default:
		return HF_EXIT_FAILED;
	}
}

void
hf_client_escape(struct hf_buf *b, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL)
			hf_buf_u8(b, (uint8_t)*s);
		else
			hf_buf_printf(b, "%%%02X", (unsigned)(uint8_t)*s);
	}
}

void
hf_client_param(struct hf_buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	hf_buf_puts(b, memchr(b->p, '?', b->len) != NULL ? "&" : "?");
	hf_buf_puts(b, name);
	hf_buf_puts(b, "=");
	hf_client_escape(b, value);
}
