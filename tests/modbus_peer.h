/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_peer.h - a Modbus TCP server that misbehaves on demand, on the test's
 * own loop (127.0.0.1, any free port).
 *
 * Every holding register holds its address, so that a wrong match shows in the
 * value. `fault` says what the peer does to its answers from now on; the change
 * takes effect with the next request. It is written without the product's
 * codec.
 */
#ifndef TESTS_MODBUS_PEER_H
#define TESTS_MODBUS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/loop.h"

enum mb_fault {
	MB_NONE,
	MB_NEVER, /* no answer */
	MB_LATE,  /* each answer with the next request */
	MB_WRONG_TID,
	MB_WRONG_UNIT,
	MB_WRONG_LENGTH, /* length field one too long */
	MB_SHORT,	 /* one byte is missing */
	MB_BYTEWISE,	 /* one byte per write */
	MB_GARBAGE,
	MB_RESET_MID_FRAME,
	MB_EXCEPTION /* .exception */
};

#define MB_PEER_NCONN 64

struct mb_peer;
struct mb_peer_conn {
	struct mb_peer *peer;
	int fd;
	struct hf_watch *rd;
	uint8_t late[300];
	size_t nlate;
};

struct mb_peer {
	struct hf_loop *loop;
	int fd;
	uint16_t port;
	struct hf_watch *accept;
	struct mb_peer_conn conns[MB_PEER_NCONN];
	enum mb_fault fault;
	uint8_t exception;
	uint32_t map_end; /* addresses from here: exception 2; 0 = none */
	size_t naccept, nrequest;
};

static inline void
mb_peer_drop(struct mb_peer_conn *c)
{
	const struct linger rst = {1, 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
	hf_watch_free(c->rd);
	close(c->fd);
	c->fd = -1;
}

static inline void
mb_peer_send(struct mb_peer_conn *c, const uint8_t *p, size_t n)
{
	static const uint8_t garbage[64] = {0x47, 0x45, 0x54, 0x20};
	size_t i;

	switch (c->peer->fault) {
	case MB_NEVER:
		return;
	case MB_LATE:
		if (c->nlate > 0)
			send(c->fd, c->late, c->nlate, MSG_NOSIGNAL);
		memcpy(c->late, p, n);
		c->nlate = n;
		return;
	case MB_SHORT:
		send(c->fd, p, n - 1, MSG_NOSIGNAL);
		return;
	case MB_BYTEWISE:
		for (i = 0; i < n; i++)
			send(c->fd, p + i, 1, MSG_NOSIGNAL);
		return;
	case MB_GARBAGE:
		send(c->fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
		return;
	case MB_RESET_MID_FRAME:
		send(c->fd, p, n / 2, MSG_NOSIGNAL);
		mb_peer_drop(c);
		return;
	default:
		send(c->fd, p, n, MSG_NOSIGNAL);
	}
}

static inline void
mb_peer_answer(struct mb_peer_conn *c, const uint8_t *q)
{
	struct mb_peer *s = c->peer;
	const uint32_t first = (uint32_t)q[8] << 8 | q[9];
	const uint32_t count = (uint32_t)q[10] << 8 | q[11];
	uint8_t p[300] = {q[0], q[1], 0, 0, 0, 0, q[6], q[7]};
	uint8_t ex = s->fault == MB_EXCEPTION ? s->exception : 0;
	size_t n = 9, i;

	s->nrequest++;
	if (s->map_end != 0 && first + count > s->map_end)
		ex = 2;
	if (ex != 0) {
		p[7] |= 0x80;
		p[8] = ex;
	} else {
		p[8] = (uint8_t)(2 * count);
		for (i = 0; i < count; i++) {
			p[n++] = (uint8_t)((first + i) >> 8);
			p[n++] = (uint8_t)(first + i);
		}
	}
	p[5] = (uint8_t)(n - 6 + (s->fault == MB_WRONG_LENGTH));
	p[1] = (uint8_t)(p[1] + (s->fault == MB_WRONG_TID));
	p[6] = (uint8_t)(p[6] + (s->fault == MB_WRONG_UNIT));
	mb_peer_send(c, p, n);
}

static inline void
mb_peer_readable(void *arg)
{
	struct mb_peer_conn *c = arg;
	uint8_t q[12 * 64];
	ssize_t n = recv(c->fd, q, sizeof(q), 0), at;

	if (n <= 0) {
		mb_peer_drop(c);
		return;
	}
	/* The client sends whole requests of 12 bytes on loopback. */
	for (at = 0; at + 12 <= n && c->fd >= 0; at += 12)
		mb_peer_answer(c, q + at);
}

static inline void
mb_peer_accept(void *arg)
{
	struct mb_peer *s = arg;
	struct mb_peer_conn *c = s->conns;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	while (c->fd >= 0)
		if (++c == s->conns + MB_PEER_NCONN)
			abort();
	s->naccept++;
	*c = (struct mb_peer_conn){.peer = s, .fd = fd};
	c->rd = hf_loop_read(s->loop, fd, mb_peer_readable, c);
}

static inline void
mb_peer_close(struct mb_peer *s)
{
	size_t i;

	for (i = 0; i < MB_PEER_NCONN; i++)
		if (s->conns[i].fd >= 0)
			mb_peer_drop(&s->conns[i]);
	hf_watch_free(s->accept);
	s->accept = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* port 0: any. Opens again at the same port after a close (flapping). */
static inline void
mb_peer_open(struct mb_peer *s, struct hf_loop *loop, uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int one = 1;
	size_t i;

	s->loop = loop;
	for (i = 0; i < MB_PEER_NCONN; i++)
		s->conns[i].fd = -1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(port);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->fd, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(s->fd, 64) != 0 ||
	    getsockname(s->fd, (struct sockaddr *)&a, &len) != 0)
		abort();
	s->port = ntohs(a.sin_port);
	s->accept = hf_loop_read(loop, s->fd, mb_peer_accept, s);
}

#endif
