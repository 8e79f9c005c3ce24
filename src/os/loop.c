/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.c - libevent behind six verbs.
 *
 * The base is made without locks (a loop belongs to one thread), without
 * looking at the environment, and with precise timers: libevent's default clock
 * is the coarse one, 4 ms a tick, and a group commit of 10 ms or a device
 * polled at 1 kHz would show it. System calls: epoll_*, timerfd_*, and, if
 * signals are watched, a socketpair made with the first hf_loop_signal.
 */
#include "os/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/time.h"

struct hf_loop {
	struct event_base *base;
	bool is_stopped;
};

struct hf_watch {
	struct event *ev;
	hf_watch_fn *fn;
	void *arg;
	bool is_timer;
};

struct hf_loop *
hf_loop_new(void)
{
	struct event_config *cfg = event_config_new();
	struct hf_loop *l = calloc(1, sizeof(*l));

	if (cfg != NULL && l != NULL) {
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK |
					       EVENT_BASE_FLAG_IGNORE_ENV |
					       EVENT_BASE_FLAG_PRECISE_TIMER);
		l->base = event_base_new_with_config(cfg);
	}
	if (cfg != NULL)
		event_config_free(cfg);
	if (l == NULL || l->base == NULL) {
		free(l);
		return NULL;
	}
	signal(
	    SIGPIPE, SIG_IGN); /* a closed peer is an error code, not death */
	return l;
}

void
hf_loop_free(struct hf_loop *l)
{
	if (l == NULL)
		return;
	event_base_free(l->base);
	free(l);
}

struct event_base *
hf_loop_base(struct hf_loop *l)
{
	return l->base;
}

int
hf_loop_run(struct hf_loop *l)
{
	/* is_stopped also counts if it was set before the loop began */
	while (!l->is_stopped) {
		if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			return HF_EIO;
	}
	return HF_OK;
}

void
hf_loop_stop(struct hf_loop *l)
{
	l->is_stopped = true;
	event_base_loopbreak(l->base);
}

static void
ignore_timeout(evutil_socket_t fd, short what, void *arg)
{
}

static struct timeval
timeval_of(int64_t ns)
{
	int64_t us = ns <= 0 ? 0 : (ns - 1) / HF_NS_PER_US + 1; /* not early */

	return (struct timeval){
	    .tv_sec = us / 1000000, .tv_usec = us % 1000000};
}

void
hf_loop_once(struct hf_loop *l, int max_ms)
{
	struct timeval tv = timeval_of(max_ms * HF_NS_PER_MS);
	struct event *limit;

	if (max_ms <= 0) {
		event_base_loop(l->base, EVLOOP_NONBLOCK);
		return;
	}
	limit = evtimer_new(l->base, ignore_timeout, NULL);
	if (limit == NULL || evtimer_add(limit, &tv) != 0)
		event_base_loop(l->base, EVLOOP_NONBLOCK);
	else
		event_base_loop(l->base, EVLOOP_ONCE);
	if (limit != NULL)
		event_free(limit);
}

static void
call_watch(evutil_socket_t fd, short what, void *arg)
{
	const struct hf_watch *w = arg;

	w->fn(w->arg); /* may free w: it is not touched afterwards */
}

static struct hf_watch *
watch_new(struct hf_loop *l, int fd, short what, hf_watch_fn *fn, void *arg)
{
	struct hf_watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	w->is_timer = what == EV_TIMEOUT;
	w->ev = event_new(
	    l->base, fd, w->is_timer ? 0 : what | EV_PERSIST, call_watch, w);
	if (w->ev == NULL || (!w->is_timer && event_add(w->ev, NULL) != 0)) {
		hf_watch_free(w);
		return NULL;
	}
	return w;
}

struct hf_watch *
hf_loop_read(struct hf_loop *l, int fd, hf_watch_fn *fn, void *arg)
{
	return watch_new(l, fd, EV_READ, fn, arg);
}

struct hf_watch *
hf_loop_write(struct hf_loop *l, int fd, hf_watch_fn *fn, void *arg)
{
	return watch_new(l, fd, EV_WRITE, fn, arg);
}

struct hf_watch *
hf_loop_signal(struct hf_loop *l, int signo, hf_watch_fn *fn, void *arg)
{
	return watch_new(l, signo, EV_SIGNAL, fn, arg);
}

struct hf_watch *
hf_loop_timer(struct hf_loop *l, hf_watch_fn *fn, void *arg)
{
	return watch_new(l, -1, EV_TIMEOUT, fn, arg);
}

void
hf_timer_in(struct hf_watch *w, int64_t delay_ns)
{
	struct timeval tv = timeval_of(delay_ns);

	event_add(w->ev, &tv); /* arms anew if it was armed */
}

void
hf_watch_enable(struct hf_watch *w, bool on)
{
	if (!on)
		event_del(w->ev);
	else if (!w->is_timer)
		event_add(w->ev, NULL);
}

void
hf_watch_free(struct hf_watch *w)
{
	if (w == NULL)
		return;
	if (w->ev != NULL)
		event_free(w->ev);
	free(w);
}
