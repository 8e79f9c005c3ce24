/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_syslog.c - one non-blocking TCP connection to each syslog collector.
 *
 * Messages come from core in chunks (core_export.c tells their numbers); each
 * is sent as RFC 6587 octet counting, "LEN SP MSG". Syslog over TCP has no
 * acknowledgement of its own. What we can know is that the peer's TCP has every
 * byte: what was written less what SIOCOUTQ still holds. A peer that is killed
 * loses what its TCP had and it had not read; so a chunk counts as the peer's
 * only when its bytes have been acknowledged for SETTLE_NS on a connection that
 * is still up then. When a connection ends, everything that was not confirmed
 * is sent again on the next, from the start of its chunk. So each message
 * arrives at least once, some twice, always in order; a collector that stops
 * reading for longer than SETTLE_NS and is then killed can lose what its own
 * buffers held, and no sender can see that.
 *
 * A chunk that begins the stream anew (before = 0) replaces all that waits but
 * the chunk whose bytes are partly out: a frame is never cut.
 *
 * What the peer sends is read and thrown away: it tells of the end of the
 * connection.
 */
#include "proc/edge_syslog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/time.h"
#include "bus/syslog.h"
#include "os/msg.h"

#define NQUEUE 16		     /* chunks of one peer; core has 8 out */
#define SETTLE_NS HF_NS_PER_S	     /* acknowledged for so long: its */
#define LOOK_NS (100 * HF_NS_PER_MS) /* between looks at SIOCOUTQ */
#define BACKOFF_MIN_NS (250 * HF_NS_PER_MS)
#define BACKOFF_MAX_NS (30 * HF_NS_PER_S)
#define ASK_NS (2 * HF_NS_PER_S)
#define CONNECT_NS (10 * HF_NS_PER_S)
#define USER_TIMEOUT_MS 20000 /* unacknowledged bytes: the peer is gone */

struct chunk {
	uint64_t number;      /* 0: of a stream that was begun anew meanwhile */
	struct hf_buf frames; /* octet-counted */
	uint64_t end_off;     /* written bytes of the connection behind it */
	int64_t acked_ns;     /* monotonic; 0 = not yet */
};

struct peer {
	struct hf_edge_syslog *all;
	char name[65];
	uint32_t id;
	struct sockaddr_storage addr;
	socklen_t naddr;
	char where[64];
	int fd; /* -1: none */
	bool is_up;
	struct hf_watch *readable, *writable, *timer;
	int64_t backoff_ns, retry_ns, connect_ns; /* monotonic; 0 = none */
	struct chunk q[NQUEUE];			  /* [0..n), oldest first */
	size_t n, at;				  /* chunk being written ... */
	size_t off;				  /* ... from this byte */
	uint64_t written;			  /* on this connection */
	uint64_t have; /* number of the newest chunk, 0 = none */
	uint64_t confirmed;
	int64_t asked_ns; /* monotonic, when core was asked to begin anew */
	int32_t rc;
	char text[256];
};

struct hf_edge_syslog {
	struct hf_edge_syslog_host host;
	struct peer *v;
	size_t n;
};

/* ---- words to core ---- */

static void
say(struct peer *p, int32_t rc)
{
	struct hf_buf b;

	hf_buf_init(&b, 600);
	hf_buf_u32(&b, p->id);
	hf_buf_u32(&b, (uint32_t)rc);
	hf_buf_u64(&b, p->confirmed);
	hf_buf_u32(&b, 0);
	hf_buf_puts(&b, p->text);
	(void)p->all->host.say(p->all->host.arg, b.p, b.len);
	hf_buf_fini(&b);
}

/* The state, at each change and once a second: a word that is lost is said
 * again. */
static void
tell(struct peer *p)
{
	say(p, p->rc);
}

static void
state(struct peer *p, int rc, const char *what, const char *why)
{
	p->rc = rc;
	snprintf(p->text, sizeof(p->text), "%s %s%s%s", what, p->where,
	    why[0] == '\0' ? "" : ": ", why);
	tell(p);
}

/* "Send all that is unconfirmed again." What comes before that does belongs to
 * the stream that has a hole, and is not answered. */
static void
ask_again(struct peer *p)
{
	int64_t now = hf_mono_ns();

	if (p->asked_ns != 0 && now - p->asked_ns < ASK_NS)
		return;
	p->asked_ns = now;
	say(p, HF_EAGAIN);
}

/* ---- the queue ---- */

static void
drop_chunk(struct peer *p, size_t i)
{
	struct chunk gone = p->q[i];

	memmove(&p->q[i], &p->q[i + 1], (p->n - i - 1) * sizeof(p->q[0]));
	hf_buf_fini(&gone.frames);
	p->n--;
	p->q[p->n] = (struct chunk){.number = 0};
}

/* Everything is to be written (again). */
static void
rewind_queue(struct peer *p)
{
	size_t i;

	while (p->n > 0 && p->q[0].number == 0)
		drop_chunk(p, 0);
	for (i = 0; i < p->n; i++)
		p->q[i].acked_ns = 0;
	p->at = p->off = 0;
	p->written = 0;
}

/* The stream begins anew; a frame that is partly out stays whole. */
static void
restart_queue(struct peer *p)
{
	bool keep = p->is_up && p->at < p->n && p->off > 0;
	size_t i;

	for (i = p->n; i-- > 0;)
		if (!keep || i != p->at)
			drop_chunk(p, i);
	if (keep)
		p->q[0].number = 0;
	p->at = 0;
	p->have = 0;
}

/* ---- the connection ---- */

static void
hang_up(struct peer *p, const char *why)
{
	bool was_up = p->is_up;

	hf_watch_free(p->readable);
	hf_watch_free(p->writable);
	p->readable = p->writable = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->is_up = false;
	p->connect_ns = 0;
	hf_count(p->all->host.counters, HF_C_X_CONNFAIL, 1);
	p->backoff_ns =
	    was_up || p->backoff_ns == 0 ? BACKOFF_MIN_NS : 2 * p->backoff_ns;
	if (p->backoff_ns > BACKOFF_MAX_NS)
		p->backoff_ns = BACKOFF_MAX_NS;
	p->retry_ns = hf_mono_ns() + p->backoff_ns;
	rewind_queue(p);
	if (was_up)
		log_warn("syslog", "%s: %s: %s", p->name, p->where, why);
	state(p, HF_ECLOSED, "no connection to", why);
	hf_timer_in(p->timer, p->backoff_ns);
}

static void
write_more(struct peer *p)
{
	const struct chunk *k;
	ssize_t n;

	while (p->is_up && p->at < p->n) {
		k = &p->q[p->at];
		n = send(p->fd, k->frames.p + p->off, k->frames.len - p->off,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			hang_up(p, strerror(errno));
			return;
		}
		p->off += (size_t)n;
		p->written += (uint64_t)n;
		if (p->off < k->frames.len)
			continue;
		p->q[p->at].end_off = p->written;
		p->at++;
		p->off = 0;
	}
	if (p->writable != NULL)
		hf_watch_enable(p->writable, p->at < p->n);
	if (p->n > 0)
		hf_timer_in(p->timer, LOOK_NS);
}

static void
connected(struct peer *p)
{
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
		error = errno;
	if (error != 0) {
		hang_up(p, strerror(error));
		return;
	}
	p->is_up = true;
	p->connect_ns = 0;
	hf_count(p->all->host.counters, HF_C_X_CONNECTS, 1);
	log_info("syslog", "%s: connected to %s", p->name, p->where);
	rewind_queue(p);
	state(p, HF_OK, "connected to", "");
	write_more(p);
}

static void
on_writable(void *arg)
{
	struct peer *p = arg;

	if (!p->is_up)
		connected(p);
	else
		write_more(p);
}

static void
on_readable(void *arg)
{
	struct peer *p = arg;
	char waste[4096];
	ssize_t n = recv(p->fd, waste, sizeof(waste), MSG_DONTWAIT);

	if (n == 0)
		hang_up(p, "closed by the peer");
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		hang_up(p, strerror(errno));
}

static void
set_options(int fd)
{
	int on = 1, ms = USER_TIMEOUT_MS;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static void
dial(struct peer *p)
{
	struct hf_loop *loop = p->all->host.loop;

	p->retry_ns = 0;
	p->fd = socket(
	    p->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0) {
		hang_up(p, strerror(errno));
		return;
	}
	set_options(p->fd);
	if (connect(p->fd, (const struct sockaddr *)&p->addr, p->naddr) != 0 &&
	    errno != EINPROGRESS) {
		hang_up(p, strerror(errno));
		return;
	}
	p->connect_ns = hf_mono_ns() + CONNECT_NS;
	p->readable = hf_loop_read(loop, p->fd, on_readable, p);
	p->writable = hf_loop_write(loop, p->fd, on_writable, p);
	if (p->readable == NULL || p->writable == NULL)
		hang_up(p, "no memory");
}

/* ---- what the peer has ---- */

static void
confirm(struct peer *p, int64_t now_ns)
{
	uint64_t was = p->confirmed;
	int left = 0;
	size_t i;

	if (ioctl(p->fd, SIOCOUTQ, &left) != 0) {
		hang_up(p, strerror(errno));
		return;
	}
	for (i = 0; i < p->at; i++)
		if (p->q[i].acked_ns == 0 &&
		    p->q[i].end_off + (uint64_t)left <= p->written)
			p->q[i].acked_ns = now_ns;
	while (p->at > 0 && p->q[0].acked_ns != 0 &&
	       now_ns - p->q[0].acked_ns >= SETTLE_NS) {
		if (p->q[0].number != 0)
			p->confirmed = p->q[0].number;
		drop_chunk(p, 0);
		p->at--;
	}
	if (p->confirmed == was)
		return;
	p->backoff_ns = 0;
	tell(p);
}

static void
on_timer(void *arg)
{
	struct peer *p = arg;
	int64_t now = hf_mono_ns();

	if (p->is_up) {
		confirm(p, now);
		if (p->is_up && p->n > 0)
			hf_timer_in(p->timer, LOOK_NS);
	} else if (p->fd < 0 && now >= p->retry_ns) {
		dial(p);
	} else if (p->fd < 0) {
		hf_timer_in(p->timer, p->retry_ns - now);
	}
}

void
hf_edge_syslog_tick(struct hf_edge_syslog *s, int64_t mono_ns)
{
	size_t i;

	for (i = 0; s != NULL && i < s->n; i++) {
		struct peer *p = &s->v[i];

		if (p->connect_ns != 0 && mono_ns >= p->connect_ns)
			hang_up(p, "no answer to the connection attempt");
		tell(p);
	}
}

/* ---- chunks from core ---- */

/* Messages (u32 length, text) into frames. Every one is looked at again: what
 * goes out of the zone is what a message may be, whoever made it. */
static int
make_frames(struct hf_edge_syslog *s, struct hf_rd *r, struct hf_buf *frames,
    struct hf_err *err)
{
	const uint8_t *msg;
	uint32_t n;

	while (hf_rd_left(r) > 0) {
		n = hf_rd_u32(r);
		msg = hf_rd_bytes(r, n);
		if (msg == NULL)
			return HF_FAIL(
			    err, HF_EPROTO, "export: a message is cut");
		if (!hf_syslog_is_message((const char *)msg, n)) {
			hf_count(s->host.counters, HF_C_X_REFUSED, 1);
			return HF_FAIL(err, HF_EPROTO,
			    "export: %u bytes are no syslog message", n);
		}
		hf_buf_printf(frames, "%u ", n);
		hf_buf_put(frames, msg, n);
	}
	return hf_buf_ok(frames) ? HF_OK : HF_FAIL(err, HF_ENOMEM, "export");
}

static int
put_chunk(struct peer *p, uint64_t before, uint64_t number, struct hf_rd *r,
    struct hf_err *err)
{
	struct chunk *k;
	int rc;

	if (before == 0) {
		restart_queue(p);
		p->asked_ns = 0;
	} else if (before != p->have || p->n == NQUEUE) {
		ask_again(p);
		return HF_OK;
	}
	k = &p->q[p->n];
	*k = (struct chunk){.number = number};
	hf_buf_init(&k->frames, 2 * HF_MSG_MAX);
	rc = make_frames(p->all, r, &k->frames, err);
	if (rc != HF_OK || k->frames.len == 0) {
		hf_buf_fini(&k->frames);
		return rc == HF_OK ? HF_FAIL(err, HF_EPROTO, "export: empty")
				   : rc;
	}
	p->n++;
	p->have = number;
	write_more(p);
	return HF_OK;
}

int
hf_edge_syslog_take(
    struct hf_edge_syslog *s, const void *p, size_t n, struct hf_err *err)
{
	uint64_t before, number;
	struct hf_rd r;
	uint32_t id;
	size_t i;

	hf_rd_init(&r, p, n);
	id = hf_rd_u32(&r);
	before = hf_rd_u64(&r);
	number = hf_rd_u64(&r);
	if (!hf_rd_ok(&r) || number == 0 || number <= before)
		return HF_FAIL(err, HF_EPROTO, "export of %zu bytes", n);
	for (i = 0; s != NULL && i < s->n; i++)
		if (s->v[i].id == id)
			return put_chunk(&s->v[i], before, number, &r, err);
	return HF_OK; /* a reload took it away; core reads it again */
}

/* ---- birth and end ---- */

static bool
set_address(struct peer *p, const struct hf_syslog_conf *conf)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&p->addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&p->addr;
	const char *host = conf->host;
	bool is_v6 = strchr(host, ':') != NULL;

	snprintf(p->where, sizeof(p->where), is_v6 ? "[%s]:%d" : "%s:%d", host,
	    (int)conf->port);
	if (is_v6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)conf->port);
		p->naddr = sizeof(*v6);
		return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)conf->port);
	p->naddr = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

static int
new_peer(
    struct hf_edge_syslog *s, const struct hf_export *x, struct hf_err *err)
{
	struct peer *p = &s->v[s->n];

	p->all = s;
	p->fd = -1;
	s->n++;
	snprintf(p->name, sizeof(p->name), "%s", x->name);
	p->id = hf_crc32c(0, x->name, strlen(x->name));
	if (!set_address(p, x->conf))
		return HF_FAIL(err, HF_EINVAL,
		    "exports.%s.host: an IP address is expected", x->name);
	p->timer = hf_loop_timer(s->host.loop, on_timer, p);
	if (p->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "exports.%s", x->name);
	snprintf(p->text, sizeof(p->text), "connecting to %s", p->where);
	p->rc = HF_ECLOSED;
	ask_again(p); /* what an edge before us held is nowhere any more */
	dial(p);
	return HF_OK;
}

int
hf_edge_syslog_new(const struct hf_edge_syslog_host *h,
    const struct hf_plant *p, uint32_t zone_idx, struct hf_edge_syslog **out,
    struct hf_err *err)
{
	struct hf_edge_syslog *s;
	size_t i, n = 0;
	int rc = HF_OK;

	*out = NULL;
	for (i = 0; i < p->nexport; i++)
		n += p->exports[i].kind == &hf_syslog_kind &&
		     p->exports[i].zone_idx == zone_idx;
	if (n == 0)
		return HF_OK;
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->v = calloc(n, sizeof(*s->v));
	if (s == NULL || s->v == NULL) {
		free(s);
		return HF_FAIL(err, HF_ENOMEM, "%zu exports", n);
	}
	s->host = *h;
	for (i = 0; i < p->nexport && rc == HF_OK; i++)
		if (p->exports[i].kind == &hf_syslog_kind &&
		    p->exports[i].zone_idx == zone_idx)
			rc = new_peer(s, &p->exports[i], err);
	if (rc != HF_OK) {
		hf_edge_syslog_free(s);
		return rc;
	}
	*out = s;
	return HF_OK;
}

void
hf_edge_syslog_free(struct hf_edge_syslog *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++) {
		struct peer *p = &s->v[i];

		hf_watch_free(p->readable);
		hf_watch_free(p->writable);
		hf_watch_free(p->timer);
		if (p->fd >= 0)
			close(p->fd);
		while (p->n > 0)
			drop_chunk(p, p->n - 1);
	}
	free(s->v);
	free(s);
}
