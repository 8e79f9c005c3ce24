/* SPDX-License-Identifier: Apache-2.0
 *
 * rtu_line.c - one serial line: opens it, and does one exchange at a time.
 *
 * Frames on the wire (Modbus over serial line 2.5.1), written and checked by
 * libmodbus:   unit u8, function u8, data, CRC-16 u16 little-endian; silence
 * of 3.5 characters between frames. There is no transaction id: only time tells
 * one answer from another. So the line is kept quiet for one more time-out
 * after a time-out or a garbled frame, and whatever came in is thrown away
 * before the next request. An answer that is late by less than that is never
 * taken for another one's.
 *
 * Time. libmodbus waits with select(); with the byte time-out off the whole
 * answer must come within the answer time-out, so that a device that sends a
 * byte now and then cannot hold the process. One exchange per turn of the loop:
 * heartbeat and stop come between.
 *
 * A line that went away (EIO, ENODEV, end of file) is closed; all users are
 * told, and the first that connects again opens it. rtu.c is the only caller.
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "field/modbus/rtu_line.h"

#define PATH_CAP 256
#define CRC_LEN 2
#define RAW_LEN 6 /* unit, function, first, count */

struct hf_mb_line {
	struct hf_loop *loop;
	char path[PATH_CAP];
	struct hf_mb_line_conf conf;
	modbus_t *ctx; /* NULL: closed */
	struct hf_watch *timer;
	struct hf_mb_line_user *users; /* in the order of their turns */
	size_t nuser;
	int64_t quiet_ns; /* monotonic: nothing is sent before */
};

static void
close_line(struct hf_mb_line *l)
{
	if (l->ctx == NULL)
		return;
	modbus_close(l->ctx);
	modbus_free(l->ctx);
	l->ctx = NULL;
}

static int
open_line(struct hf_mb_line *l, struct hf_err *err)
{
	static const char letters[] = {'N', 'E', 'O'};
	const struct hf_mb_line_conf *c = &l->conf;
	int rc;

	l->ctx = modbus_new_rtu(l->path, (int)c->baud, letters[c->parity],
	    (int)c->data_bits, (int)c->stop_bits);
	if (l->ctx == NULL)
		return HF_FAIL(err, HF_EINVAL, "%s", modbus_strerror(errno));
	modbus_set_error_recovery(l->ctx, MODBUS_ERROR_RECOVERY_NONE);
	modbus_set_byte_timeout(l->ctx, 0, 0);
	if (modbus_connect(l->ctx) == 0)
		return HF_OK;
	rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s", strerror(errno));
	modbus_free(l->ctx);
	l->ctx = NULL;
	return rc;
}

/* ---- exchanges ---- */

static bool
is_line_gone(int e)
{
	return e == EIO || e == ENODEV || e == ENXIO || e == EBADF ||
	       e == ECONNRESET || e == ENOENT;
}

static enum hf_mb_line_rc
why_not(int e, char *why, size_t cap, int64_t timeout_ns)
{
	char dur[HF_TIME_TEXT];

	if (is_line_gone(e)) {
		snprintf(why, cap, "the line is gone (%s)",
		    e == ECONNRESET ? "end of file" : strerror(e));
		return HF_MB_LINE_LOST;
	}
	if (e == ETIMEDOUT || e == EAGAIN) {
		snprintf(why, cap, "no answer within %s",
		    hf_dur_fmt(timeout_ns, dur));
		return HF_MB_LINE_SILENT;
	}
	snprintf(why, cap, "%s: noise, or baud, parity or wiring are wrong",
	    modbus_strerror(e));
	return HF_MB_LINE_GARBLED;
}

/* One request and its answer. Blocks for u's time-out at most. */
static enum hf_mb_line_rc
exchange(struct hf_mb_line *l, const struct hf_mb_line_user *u, uint8_t *answer,
    size_t *n, char *why, size_t cap)
{
	const struct hf_mb_req *r = &u->req;
	uint8_t raw[RAW_LEN] = {r->unit, r->fn, (uint8_t)(r->first >> 8),
	    (uint8_t)r->first, (uint8_t)(r->count >> 8), (uint8_t)r->count};
	int len = -1;

	modbus_flush(l->ctx);
	modbus_set_slave(l->ctx, r->unit);
	modbus_set_response_timeout(
	    l->ctx, 0, (uint32_t)(u->timeout_ns / HF_NS_PER_US));
	if (modbus_send_raw_request(l->ctx, raw, sizeof(raw)) > 0)
		len = modbus_receive_confirmation(l->ctx, answer);
	if (len < 0)
		return why_not(errno, why, cap, u->timeout_ns);
	if (len <= CRC_LEN) { /* 0: libmodbus says another unit spoke */
		snprintf(why, cap, "answer of another unit, asked %u", r->unit);
		return HF_MB_LINE_GARBLED;
	}
	*n = (size_t)len - CRC_LEN;
	return HF_MB_LINE_ANSWER;
}

static struct hf_mb_line_user *
next_user(const struct hf_mb_line *l)
{
	struct hf_mb_line_user *u = l->users;

	while (u != NULL && !u->is_waiting)
		u = u->next;
	return u;
}

/* Who was served goes to the end of the queue. */
static void
to_the_end(struct hf_mb_line *l, struct hf_mb_line_user *u)
{
	struct hf_mb_line_user **p = &l->users;

	while (*p != u)
		p = &(*p)->next;
	*p = u->next;
	while (*p != NULL)
		p = &(*p)->next;
	*p = u;
	u->next = NULL;
}

static void
tell_lost(struct hf_mb_line *l, const char *why)
{
	struct hf_mb_line_user *u, *next;

	close_line(l);
	for (u = l->users; u != NULL; u = next) {
		next = u->next;
		if (!u->wants_up)
			continue;
		hf_mb_line_disconnect(u);
		u->done(u->arg, HF_MB_LINE_LOST, NULL, 0, why);
	}
}

static void
arm(struct hf_mb_line *l)
{
	const int64_t now_ns = hf_mono_ns();

	if (next_user(l) != NULL)
		hf_timer_in(
		    l->timer, l->quiet_ns > now_ns ? l->quiet_ns - now_ns : 0);
}

/* The one exchange of this turn. */
static void
serve_one(struct hf_mb_line *l, struct hf_mb_line_user *u)
{
	uint8_t answer[MODBUS_RTU_MAX_ADU_LENGTH] = {0};
	enum hf_mb_line_rc rc;
	char why[160] = "";
	size_t n = 0;

	u->parsing(u->arg, &u->req, sizeof(u->req));
	rc = exchange(l, u, answer, &n, why, sizeof(why));
	u->parsed(u->arg);
	u->is_waiting = false;
	to_the_end(l, u);
	if (rc == HF_MB_LINE_LOST) {
		tell_lost(l, why);
		return;
	}
	if (rc != HF_MB_LINE_ANSWER)
		l->quiet_ns = hf_mono_ns() + u->timeout_ns;
	u->done(u->arg, rc, answer, n, why);
}

static void
serve(void *arg)
{
	struct hf_mb_line *l = arg;
	struct hf_mb_line_user *u, *next;

	for (u = l->users; u != NULL; u = next) {
		next = u->next;
		if (!u->owes_up)
			continue;
		u->owes_up = false;
		u->up(u->arg);
	}
	u = next_user(l);
	if (u != NULL && l->ctx != NULL && hf_mono_ns() >= l->quiet_ns)
		serve_one(l, u);
	arm(l);
}

/* ---- users ---- */

int
hf_mb_line_join(struct hf_mb_line **slot, struct hf_loop *loop,
    const char *path, const struct hf_mb_line_conf *conf,
    struct hf_mb_line_user *u, struct hf_err *err)
{
	struct hf_mb_line *l = *slot;

	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return HF_FAIL(err, HF_ENOMEM, "serial line");
		l->loop = loop;
		l->conf = *conf;
		l->timer = hf_loop_timer(loop, serve, l);
		if (l->timer == NULL ||
		    !hf_strcpy(l->path, sizeof(l->path), path)) {
			hf_watch_free(l->timer);
			free(l);
			return HF_FAIL(err, HF_EINVAL,
			    "serial line \"%s\": the path is too long", path);
		}
		*slot = l;
	}
	if (memcmp(&l->conf, conf, sizeof(*conf)) != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "baud, parity, data_bits and stop_bits differ from those "
		    "of another device on %s",
		    l->path);
	if (l->nuser >= HF_MB_LINE_NUSER)
		return HF_FAIL(err, HF_ELIMIT, "%s has %d devices", l->path,
		    HF_MB_LINE_NUSER);
	u->line = l;
	u->next = l->users;
	l->users = u;
	l->nuser++;
	return HF_OK;
}

void
hf_mb_line_leave(struct hf_mb_line **slot, struct hf_mb_line_user *u)
{
	struct hf_mb_line *l = u->line;
	struct hf_mb_line_user **p;

	if (l == NULL)
		return;
	for (p = &l->users; *p != u; p = &(*p)->next)
		;
	*p = u->next;
	u->line = NULL;
	if (--l->nuser > 0)
		return;
	close_line(l);
	hf_watch_free(l->timer);
	free(l);
	*slot = NULL;
}

int
hf_mb_line_connect(struct hf_mb_line_user *u, struct hf_err *err)
{
	int rc = u->line->ctx == NULL ? open_line(u->line, err) : HF_OK;

	if (rc != HF_OK)
		return rc;
	u->wants_up = u->owes_up = true;
	hf_timer_in(u->line->timer, 0);
	return HF_OK;
}

void
hf_mb_line_disconnect(struct hf_mb_line_user *u)
{
	u->wants_up = u->owes_up = u->is_waiting = false;
}

void
hf_mb_line_ask(struct hf_mb_line_user *u, const struct hf_mb_req *req)
{
	u->req = *req;
	u->is_waiting = true;
	arm(u->line);
}
