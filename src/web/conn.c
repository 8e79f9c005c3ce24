/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.c - the connections of the HTTP server; see conn.h.
 *
 * evhttp tells nobody when a connection that never sent a whole request goes
 * away. So every bufferevent is made here (bevcb) with one reference of our
 * own: when evhttp frees its connection it clears the callbacks, and that is
 * how sweep() sees that the place is free.
 *
 * Whose descriptor: evhttp closes it after bufferevent_free(), which, as we
 * hold a reference, deletes no event. A new connection could then get the same
 * number and its bytes be read into the old buffer. Hence
 * BEV_OPT_CLOSE_ON_FREE: with it evhttp leaves the closing to the bufferevent,
 * and our last reference ends events and descriptor together.
 *
 * To end a connection we hand evhttp the time-out event that it knows how to
 * handle, instead of freeing under its feet.
 */
#include "web/conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/time.h"
#include "web/http.h"

/* Bytes taken from a client ahead of what evhttp has digested: one whole
 * request. */
#define INPUT_MAX (128 * 1024)
/* One more place than connections: the newcomer, until another one is
 * closed. */
#define NPLACE (HF_WEB_NCONN + 1)

struct place {
	struct bufferevent *bev; /* our reference; NULL = free */
	bool is_busy;		 /* a request is under way or being answered */
	int64_t since_ns; /* start, last answer, or start of the request */
};

struct hf_conns {
	struct event_base *base;
	struct evconnlistener *listener; /* freed by evhttp_free() */
	struct event
	    *sweeper; /* runs sweep() soon: a client waits for the end */
	hf_conn_close_fn *on_close;
	void *arg;
	int64_t idle_ns;
	bool is_paused;
	struct place place[NPLACE];
};

static bool
is_dead(struct bufferevent *bev)
{
	bufferevent_data_cb rd;
	bufferevent_data_cb wr;
	bufferevent_event_cb ev;

	bufferevent_getcb(bev, &rd, &wr, &ev, NULL);
	return rd == NULL && wr == NULL && ev == NULL;
}

/* Gives back the places of connections that evhttp has freed; returns the
 * open ones. Not to be called between make_bev() and evhttp's setting of
 * callbacks. */
static size_t
sweep(struct hf_conns *c)
{
	size_t i, n = 0;

	for (i = 0; i < NPLACE; i++) {
		struct place *pl = &c->place[i];

		if (pl->bev == NULL)
			continue;
		if (is_dead(pl->bev)) {
			bufferevent_decref(pl->bev);
			*pl = (struct place){0};
			continue;
		}
		n++;
	}
	return n;
}

static void
sweep_soon(struct hf_conns *c)
{
	const struct timeval now = {0};

	(void)event_add(c->sweeper, &now);
}

static void
close_place(struct hf_conns *c, struct place *pl)
{
	bufferevent_trigger_event(pl->bev,
	    BEV_EVENT_TIMEOUT | BEV_EVENT_READING, BEV_TRIG_DEFER_CALLBACKS);
	sweep_soon(c);
}

/* The one to displace: longest idle; else one whose answer has been on its way
 * for longer than any question may take (a client that does not read). */
static struct place *
victim(struct hf_conns *c, const struct bufferevent *fresh, int64_t now_ns)
{
	struct place *best = NULL;
	size_t i;

	for (i = 0; i < NPLACE; i++) {
		struct place *pl = &c->place[i];

		if (pl->bev == NULL || pl->bev == fresh)
			continue;
		if (pl->is_busy && now_ns - pl->since_ns < HF_WEB_IDLE_NS)
			continue;
		if (best == NULL || (best->is_busy && !pl->is_busy) ||
		    (best->is_busy == pl->is_busy &&
			pl->since_ns < best->since_ns))
			best = pl;
	}
	return best;
}

static struct bufferevent *
make_bev(struct event_base *base, void *arg)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	struct hf_conns *c = arg;
	int64_t now_ns = hf_mono_ns();
	struct place *old;
	size_t i, n;

	if (bev == NULL)
		return NULL;
	bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
	n = sweep(c);
	for (i = 0; i < NPLACE && c->place[i].bev != NULL; i++)
		;
	if (i == NPLACE)
		return bev; /* one uncounted, for as long as we are paused */
	bufferevent_incref(bev);
	c->place[i] = (struct place){.bev = bev, .since_ns = now_ns};
	if (n < HF_WEB_NCONN)
		return bev;
	old = victim(c, bev, now_ns);
	if (old != NULL)
		close_place(c, old);
	c->is_paused = true; /* until a sweep finds room */
	(void)evconnlistener_disable(c->listener);
	return bev;
}

static struct place *
place_of(struct hf_conns *c, const struct bufferevent *bev)
{
	size_t i;

	for (i = 0; i < NPLACE; i++)
		if (c->place[i].bev == bev)
			return &c->place[i];
	return NULL;
}

static void
on_complete(struct evhttp_request *req, void *arg)
{
	struct place *pl = arg;

	pl->is_busy = false;
	pl->since_ns = hf_mono_ns();
}

static void
on_conn_close(struct evhttp_connection *conn, void *arg)
{
	struct hf_conns *c = arg;

	c->on_close(c->arg, conn);
	sweep_soon(c);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct hf_conns *c = arg;

	if (sweep(c) > HF_WEB_NCONN || !c->is_paused)
		return;
	c->is_paused = false;
	(void)evconnlistener_enable(c->listener);
}

void
hf_conns_begin(struct hf_conns *c, struct evhttp_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct place *pl;

	evhttp_connection_set_closecb(conn, on_conn_close, c);
	pl = place_of(c, evhttp_connection_get_bufferevent(conn));
	if (pl == NULL)
		return;
	pl->is_busy = true;
	pl->since_ns = hf_mono_ns();
	evhttp_request_set_on_complete_cb(req, on_complete, pl);
}

bool
hf_conns_caller(struct evhttp_request *req, struct hf_caller *out)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct ucred cred;
	socklen_t n = sizeof(cred);
	int fd;

	fd = bufferevent_getfd(evhttp_connection_get_bufferevent(conn));
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0 ||
	    n != sizeof(cred))
		return false;
	*out = (struct hf_caller){
	    .uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .fd = fd};
	return true;
}

void
hf_conns_tick(struct hf_conns *c, int64_t now_ns)
{
	struct place *old;
	size_t i, n = sweep(c);

	for (i = 0; i < NPLACE; i++) {
		struct place *pl = &c->place[i];

		if (pl->bev != NULL && !pl->is_busy &&
		    now_ns - pl->since_ns >= c->idle_ns)
			close_place(c, pl);
	}
	if (!c->is_paused)
		return;
	old = n > HF_WEB_NCONN ? victim(c, NULL, now_ns) : NULL;
	if (old != NULL)
		close_place(c, old);
	sweep_soon(c);
}

int
hf_conns_new(struct evhttp *http, struct event_base *base, int listen_fd,
    int64_t idle_ns, hf_conn_close_fn *on_close, void *arg,
    struct hf_conns **out, struct hf_err *err)
{
	struct hf_conns *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return HF_FAIL(err, HF_ENOMEM, "connections");
	*c = (struct hf_conns){
	    .base = base, .idle_ns = idle_ns, .on_close = on_close, .arg = arg};
	c->sweeper = evtimer_new(base, on_sweep, c);
	/* Backlog 0: somebody else has called listen(2); we may not. */
	if (evutil_make_socket_nonblocking(listen_fd) == 0)
		c->listener = evconnlistener_new(
		    base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listen_fd);
	if (c->sweeper == NULL || c->listener == NULL)
		goto out;
	evhttp_set_bevcb(http, make_bev, c);
	if (evhttp_bind_listener(http, c->listener) == NULL)
		goto out;
	*out = c;
	return HF_OK;
out:
	if (c->listener != NULL)
		evconnlistener_free(c->listener);
	hf_conns_free(c);
	return HF_FAIL(err, HF_EIO, "the listening socket cannot be served");
}

void
hf_conns_free(struct hf_conns *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < NPLACE; i++)
		if (c->place[i].bev != NULL)
			bufferevent_decref(c->place[i].bev);
	if (c->sweeper != NULL)
		event_free(c->sweeper);
	free(c);
}
