/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.h - one event loop per process, on libevent 2.1.
 *
 * A thin layer so that roles read the same way; hf_loop_base() gives the
 * event_base to evhttp. No callback may block. The process has its own loop and
 * hands it down.
 */
#ifndef HF_OS_LOOP_H
#define HF_OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct hf_loop;
struct hf_watch; /* a watched descriptor, timer or signal */

typedef void hf_watch_fn(void *arg);

struct hf_loop *hf_loop_new(void); /* NULL on failure; ignores SIGPIPE */
void hf_loop_free(struct hf_loop *l);
struct event_base *hf_loop_base(struct hf_loop *l);
int hf_loop_run(struct hf_loop *l);   /* until hf_loop_stop */
void hf_loop_stop(struct hf_loop *l); /* after the current callback */
/* One pass; waits at most max_ms. For tests. */
void hf_loop_once(struct hf_loop *l, int max_ms);

/* Level-triggered. Enabled at once. NULL on no memory. */
struct hf_watch *hf_loop_read(
    struct hf_loop *l, int fd, hf_watch_fn *fn, void *arg);
struct hf_watch *hf_loop_write(
    struct hf_loop *l, int fd, hf_watch_fn *fn, void *arg);
struct hf_watch *hf_loop_signal(
    struct hf_loop *l, int signo, hf_watch_fn *fn, void *arg);
/* Created disarmed; hf_timer_in arms it once (again from its own callback). */
struct hf_watch *hf_loop_timer(struct hf_loop *l, hf_watch_fn *fn, void *arg);
void hf_timer_in(struct hf_watch *w, int64_t delay_ns);
/* Stops watching or watches again; a timer is disarmed by false, and armed only
 * by hf_timer_in. */
void hf_watch_enable(struct hf_watch *w, bool on);
void hf_watch_free(struct hf_watch *w); /* NULL is fine; also from its callback;
						before hf_loop_free */

#endif
