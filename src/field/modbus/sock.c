/* SPDX-License-Identifier: Apache-2.0
 *
 * sock.c - one non-blocking TCP connection; knows bytes, not Modbus.
 *
 * driver.c opens HF_MB_NCONN of these per device at most. System calls: socket,
 * connect, getsockopt, setsockopt, sendto, recvfrom, close. Time-outs are the
 * client's: it closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "field/modbus/sock.h"

#define READ_MAX 4096 /* bytes of one callback, so that no device has it all */

void
hf_mb_sock_init(struct hf_mb_sock *s, struct hf_loop *loop,
    const struct hf_mb_sock_ops *ops, void *arg, unsigned id)
{
	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->ops = ops;
	s->arg = arg;
	s->id = id;
	s->fd = -1;
}

void
hf_mb_sock_close(struct hf_mb_sock *s)
{
	if (s->fd < 0)
		return;
	hf_watch_free(s->rd);
	hf_watch_free(s->wr);
	s->rd = s->wr = NULL;
	close(s->fd);
	s->fd = -1;
	s->ntx = 0;
}

static void
on_readable(void *arg)
{
	struct hf_mb_sock *s = arg;
	uint8_t buf[READ_MAX];
	ssize_t n = recv(s->fd, buf, sizeof(buf), 0);

	if (n > 0)
		s->ops->bytes(s->arg, s->id, buf, (size_t)n);
	else if (n == 0)
		s->ops->lost(s->arg, s->id, "connection closed by the device");
	else if (errno != EAGAIN && errno != EINTR)
		s->ops->lost(s->arg, s->id, strerror(errno));
}

static void
on_writable(void *arg)
{
	struct hf_mb_sock *s = arg;
	ssize_t n = send(s->fd, s->tx, s->ntx, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		s->ops->lost(s->arg, s->id, strerror(errno));
		return;
	}
	if (n > 0) {
		s->ntx -= (size_t)n;
		memmove(s->tx, s->tx + n, s->ntx);
	}
	if (s->ntx == 0)
		hf_watch_enable(s->wr, false);
}

static void
on_connected(void *arg)
{
	struct hf_mb_sock *s = arg;
	int e = 0, one = 1;
	socklen_t len = sizeof(e);

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		e = errno;
	if (e != 0) {
		s->ops->lost(s->arg, s->id, strerror(e));
		return;
	}
	/* A request must not wait for the acknowledgement of the last one. */
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	hf_watch_free(s->wr);
	s->wr = hf_loop_write(s->loop, s->fd, on_writable, s);
	s->rd = hf_loop_read(s->loop, s->fd, on_readable, s);
	if (s->wr == NULL || s->rd == NULL) {
		s->ops->lost(s->arg, s->id, "no memory");
		return;
	}
	hf_watch_enable(s->wr, false);
	s->ops->connected(s->arg, s->id);
}

int
hf_mb_sock_open(
    struct hf_mb_sock *s, const struct hf_netaddr *to, struct hf_err *err)
{
	int rc;

	s->fd = socket(
	    to->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "socket: %s",
		    strerror(errno));
	if (connect(s->fd, (const struct sockaddr *)&to->sa, to->len) != 0 &&
	    errno != EINPROGRESS) {
		rc = HF_FAIL(
		    err, hf_rc_from_errno(errno), "%s", strerror(errno));
		hf_mb_sock_close(s);
		return rc;
	}
	s->wr = hf_loop_write(s->loop, s->fd, on_connected, s);
	if (s->wr == NULL) {
		hf_mb_sock_close(s);
		return HF_FAIL(err, HF_ENOMEM, "no memory");
	}
	return HF_OK;
}

int
hf_mb_sock_send(
    struct hf_mb_sock *s, const uint8_t *p, size_t n, struct hf_err *err)
{
	ssize_t done = 0;

	if (s->ntx == 0) {
		done = send(s->fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return HF_FAIL(err, hf_rc_from_errno(errno), "%s",
			    strerror(errno));
		done = done < 0 ? 0 : done;
	}
	p += done;
	n -= (size_t)done;
	if (n == 0)
		return HF_OK;
	if (n > sizeof(s->tx) - s->ntx)
		return HF_FAIL(
		    err, HF_ELIMIT, "%zu bytes wait to be sent", s->ntx);
	memcpy(s->tx + s->ntx, p, n);
	s->ntx += n;
	hf_watch_enable(s->wr, true);
	return HF_OK;
}
