/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.c - a small Modbus TCP server over simulated units.
 *
 * Serves functions 1-4; everything else is exception 1, addresses beyond the
 * map exception 2, an unknown unit exception 0x0B as a gateway gives it. One
 * request of a connection is answered before the next is looked at, so that
 * "the answer was written" is a definite moment: then sim_unit.c writes the
 * ledger and moves on. Used by `holdfast sim` and tests; frames are checked as
 * in the client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "field/netaddr.h"
#include "field/sim.h"

#define NPEER 256 /* connections at the same time */
#define RX_CAP 1024
#define LEDGER_MAX (1u << 20) /* bytes of one row's ledger lines */
#define BACKLOG 64

struct peer { /* one connection */
	struct hf_sim *sim;
	int fd; /* -1 = free */
	struct hf_watch *rd, *wr;
	size_t nrx, ntx, tx_at;
	uint8_t rx[RX_CAP];
	uint8_t tx[HF_MB_ADU_MAX];
	struct hf_sim_unit *unit; /* of the answer in tx */
	struct hf_mb_req req;
	size_t row;
};

struct hf_sim {
	struct hf_loop *loop;
	struct hf_sim_ops ops;
	struct hf_sim_unit *units[HF_SIM_NUNIT];
	size_t nunit;
	int fd;
	uint16_t port;
	struct hf_watch *accept;
	bool is_done;
	struct peer peers[NPEER];
};

static void
peer_close(struct peer *p)
{
	hf_watch_free(p->rd);
	hf_watch_free(p->wr);
	p->rd = p->wr = NULL;
	close(p->fd);
	p->fd = -1;
}

static void
tell_done(struct hf_sim *s)
{
	size_t i;

	for (i = 0; i < s->nunit; i++)
		if (!hf_sim_unit_is_done(s->units[i]))
			return;
	if (!s->is_done)
		s->ops.done(s->ops.arg);
	s->is_done = true;
}

/* The answer is in the socket whole. */
static void
answer_written(struct peer *p)
{
	struct hf_buf b;

	p->ntx = p->tx_at = 0;
	if (p->unit == NULL || p->row == HF_SIM_NO_ROW)
		return;
	hf_buf_init(&b, LEDGER_MAX);
	hf_sim_unit_served(p->unit, &p->req, p->row, &b);
	if (b.len > 0)
		p->sim->ops.ledger(p->sim->ops.arg, b.p, b.len);
	hf_buf_fini(&b);
	tell_done(p->sim);
}

/* False if the connection is gone. */
static bool
peer_flush(struct peer *p)
{
	ssize_t n;

	while (p->tx_at < p->ntx) {
		n = send(
		    p->fd, p->tx + p->tx_at, p->ntx - p->tx_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			peer_close(p);
			return false;
		}
		if (n < 0)
			break;
		p->tx_at += (size_t)n;
	}
	if (p->tx_at == p->ntx && p->ntx > 0)
		answer_written(p);
	hf_watch_enable(p->wr, p->ntx > 0);
	hf_watch_enable(p->rd, p->ntx == 0);
	return true;
}

static struct hf_sim_unit *
find_unit(struct hf_sim *s, uint8_t id)
{
	size_t i;

	for (i = 0; i < s->nunit; i++)
		if (hf_sim_unit_id(s->units[i]) == id)
			return s->units[i];
	return NULL;
}

/* Fills p->tx with the answer to a frame. */
static void
answer(struct peer *p, const struct hf_mb_frame *f)
{
	uint8_t exception = HF_MB_EX_TARGET;
	uint8_t *pdu = p->tx + HF_MB_HEAD;
	size_t npdu, ndata;
	int rc = HF_EINVAL;

	p->unit = find_unit(p->sim, f->unit);
	p->row = HF_SIM_NO_ROW;
	if (p->unit != NULL)
		rc = hf_mb_parse_read(f, &p->req, &exception);
	if (rc == HF_OK)
		rc = hf_sim_unit_read(
		    p->unit, &p->req, pdu + 2, &p->row, &exception);
	if (rc == HF_OK) {
		ndata = hf_mb_data_len(p->req.fn, p->req.count);
		pdu[0] = p->req.fn;
		pdu[1] = (uint8_t)ndata;
		npdu = ndata + 2;
	} else {
		pdu[0] = f->pdu[0] | 0x80;
		pdu[1] = exception;
		npdu = 2;
	}
	p->tx[0] = (uint8_t)(f->tid >> 8);
	p->tx[1] = (uint8_t)(f->tid & 0xff);
	p->tx[2] = p->tx[3] = 0;
	p->tx[4] = 0;
	p->tx[5] = (uint8_t)(npdu + 1);
	p->tx[6] = f->unit;
	p->ntx = HF_MB_HEAD + npdu;
	p->tx_at = 0;
}

/* Answers whole frames, one at a time, until an answer has to wait. */
static void
peer_work(struct peer *p)
{
	struct hf_mb_frame f;
	size_t used;
	int rc;

	while (p->ntx == 0) {
		rc = hf_mb_frame(p->rx, p->nrx, &f, &used, NULL);
		if (rc == HF_EPROTO) {
			peer_close(p);
			return;
		}
		if (rc != HF_OK)
			return;
		answer(p, &f);
		p->nrx -= used;
		memmove(p->rx, p->rx + used, p->nrx);
		if (!peer_flush(p))
			return;
	}
}

static void
on_readable(void *arg)
{
	struct peer *p = arg;
	ssize_t n = recv(p->fd, p->rx + p->nrx, sizeof(p->rx) - p->nrx, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		peer_close(p);
		return;
	}
	if (n > 0)
		p->nrx += (size_t)n;
	peer_work(p);
}

static void
on_writable(void *arg)
{
	struct peer *p = arg;

	if (peer_flush(p))
		peer_work(p);
}

static void
on_accept(void *arg)
{
	struct hf_sim *s = arg;
	struct peer *p = s->peers;
	int one = 1, fd;

	fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	while (p < s->peers + NPEER && p->fd >= 0)
		p++;
	if (p == s->peers + NPEER) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	memset(p, 0, sizeof(*p));
	p->sim = s;
	p->fd = fd;
	p->rd = hf_loop_read(s->loop, fd, on_readable, p);
	p->wr = hf_loop_write(s->loop, fd, on_writable, p);
	if (p->rd == NULL || p->wr == NULL)
		peer_close(p);
	else
		hf_watch_enable(p->wr, false);
}

static int
listen_at(struct hf_sim *s, const char *host, int64_t port, struct hf_err *err)
{
	struct hf_netaddr at;
	socklen_t len = sizeof(at.sa);
	int one = 1, rc;

	if ((rc = hf_netaddr(host, port, &at, err)) != HF_OK)
		return rc;
	s->fd = socket(
	    at.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "socket: %s",
		    strerror(errno));
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->fd, (const struct sockaddr *)&at.sa, at.len) != 0 ||
	    listen(s->fd, BACKLOG) != 0 ||
	    getsockname(s->fd, (struct sockaddr *)&at.sa, &len) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", at.text,
		    strerror(errno));
	s->port = ntohs(at.sa.ss_family == AF_INET
			    ? ((const struct sockaddr_in *)&at.sa)->sin_port
			    : ((const struct sockaddr_in6 *)&at.sa)->sin6_port);
	s->accept = hf_loop_read(s->loop, s->fd, on_accept, s);
	if (s->accept == NULL)
		return HF_FAIL(err, HF_ENOMEM, "listener");
	return HF_OK;
}

int
hf_sim_open(struct hf_loop *loop, const struct hf_sim_at *at,
    const struct hf_sim_ops *ops, struct hf_sim **out, struct hf_err *err)
{
	struct hf_sim *s = calloc(1, sizeof(*s));
	size_t i;
	int rc;

	if (s == NULL || at->nunit > HF_SIM_NUNIT) {
		for (i = 0; i < at->nunit; i++)
			hf_sim_unit_free(at->units[i]);
		free(s);
		return HF_FAIL(err, HF_ELIMIT, "%zu units, %d at most",
		    at->nunit, HF_SIM_NUNIT);
	}
	s->loop = loop;
	s->ops = *ops;
	s->fd = -1;
	for (i = 0; i < NPEER; i++)
		s->peers[i].fd = -1;
	for (i = 0; i < at->nunit; i++)
		s->units[s->nunit++] = at->units[i];
	if ((rc = listen_at(s, at->host, at->port, err)) != HF_OK) {
		hf_sim_close(s);
		return rc;
	}
	*out = s;
	return HF_OK;
}

void
hf_sim_close(struct hf_sim *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < NPEER; i++)
		if (s->peers[i].fd >= 0)
			peer_close(&s->peers[i]);
	hf_watch_free(s->accept);
	if (s->fd >= 0)
		close(s->fd);
	for (i = 0; i < s->nunit; i++)
		hf_sim_unit_free(s->units[i]);
	free(s);
}

uint16_t
hf_sim_port(const struct hf_sim *s)
{
	return s->port;
}

void
hf_sim_stop_advancing(struct hf_sim *s)
{
	size_t i;

	for (i = 0; i < s->nunit; i++)
		hf_sim_unit_stop(s->units[i]);
}

void
hf_sim_step_unit(struct hf_sim *s, size_t i)
{
	hf_sim_unit_step(s->units[i]);
	tell_done(s);
}
