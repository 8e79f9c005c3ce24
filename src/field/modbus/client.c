/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - one Modbus TCP device: connections, requests, answers, faults.
 *
 * driver.c gives it sockets and a timer; tests give it a fake device. It knows
 * blocks of registers, not values (decode.c) and not samples (driver.c).
 *
 * A connection:
 *
 *    CLOSED --at reached--> CONNECTING --connected--> UP
 *       ^                       | refused, time-out      |
 *       |                       v                        v reset, time-out,
 *       +----- back-off --------+<-----------------------+ framing error
 *
 * On any time-out, and on any answer that is not exactly what was asked
 * (transaction id, unit, function, byte count, frame), the connection is closed
 * and opened again: after that no late answer can be matched to a later
 * request. Back-off: the first new try after 0.1 s, then 1 s doubling to 30 s,
 * each +-20 % from a generator seeded with the device's name; an accepted
 * answer resets it.
 *
 * Exceptions: 1 the block's tags are a bad configuration. 2 and 3 the block is
 * split (plan.c) and its parts are read at once; a single tag that is refused
 * is a bad configuration and not asked again, the others go on. What was learnt
 * is kept over reconnects and forgotten with the first reconnect 10 minutes
 * after the last lesson, since a device that was replaced may have another map.
 * 5 and 6 (not ready) are asked again after 0.1 s doubling to 2 s. 0x0A and
 * 0x0B (gateway) wait 1 s doubling to 30 s. 4 and unknown ones wait for the
 * next cycle. All fail the block: after `missed` intervals without a good
 * answer its tags get one bad sample.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/backoff.h"
#include "field/modbus/client.h"
#include "field/modbus/cycle.h"
#include "model/quality.h"

#define RX_CAP 4096 /* bytes of one connection not yet parsed */
#define RETRY_FIRST_NS (100 * HF_NS_PER_MS)
#define RETRY_MIN_NS (1 * HF_NS_PER_S)
#define RETRY_MAX_NS (30 * HF_NS_PER_S)
#define BUSY_MIN_NS (100 * HF_NS_PER_MS)
#define BUSY_MAX_NS (2 * HF_NS_PER_S)

enum conn_state { CLOSED, CONNECTING, UP };

struct flight { /* one request under way */
	bool is_used;
	size_t block;
	struct hf_mb_req req;
	int64_t deadline_ns;
};

struct conn {
	enum conn_state state;
	int64_t at_ns;	/* CLOSED: next try; CONNECTING: given up */
	unsigned nfail; /* losses since the last accepted answer */
	struct flight flights[HF_MB_NOUTSTANDING];
	unsigned nflight;
	size_t nrx;
	uint8_t rx[RX_CAP];
};

struct hf_mb_client {
	struct hf_mb_client_conf conf;
	struct hf_mb_client_ops ops;
	struct hf_counters *counters; /* borrowed */
	struct hf_mb_plan plan;
	struct hf_mb_cycle *cycles; /* per block; room for every split */
	uint32_t *status;	    /* per point, as last reported */
	uint32_t *changed;	    /* scratch of report() */
	struct hf_mb_budget budget;
	struct conn conns[HF_MB_NCONN];
	uint16_t tid; /* of the last request */
	uint64_t seed, prng;
	int64_t learnt_ns; /* last lesson of the device; HF_TIME_NONE */
	size_t nrefused;   /* tags */
	char refusal[80];  /* the first of them */
	size_t nfailing;   /* blocks that fail although the device answers */
	uint8_t exception; /* the last of them said */
	struct hf_driver_stats stats;
};

static void __attribute__((format(printf, 3, 4)))
set_state(struct hf_mb_client *c, int up, const char *fmt, ...)
{
	char text[sizeof(c->stats.text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->stats.up == up && strcmp(text, c->stats.text) == 0)
		return;
	c->stats.up = up;
	memcpy(c->stats.text, text, sizeof(text));
	c->ops.changed(c->ops.arg);
}

/* Answering: nothing to say but what the device refused or cannot give. */
static void
set_up(struct hf_mb_client *c)
{
	const char *name = hf_mb_exception_name(c->exception);

	if (c->nrefused > 0)
		set_state(c, 1,
		    "the device refuses %zu tags, first %s: check "
		    "the addresses with holdfast try",
		    c->nrefused, c->refusal);
	else if (c->nfailing > 0)
		set_state(c, 1, "the device answers with exception %u (%s)",
		    c->exception, name == NULL ? "unknown" : name);
	else
		set_state(c, 1, "%s", "");
}

static bool
is_up(const struct hf_mb_client *c)
{
	unsigned i;

	for (i = 0; i < c->conf.nconn; i++)
		if (c->conns[i].state == UP)
			return true;
	return false;
}

/* The points of a block that do not have this status yet get it. */
static void
report(struct hf_mb_client *c, const struct hf_mb_block *b, uint32_t status)
{
	size_t i, n = 0;

	for (i = 0; i < b->nitem; i++) {
		uint32_t pt = c->plan.items[b->item0 + i];

		if (c->status[pt] != status)
			c->changed[n++] = pt;
		c->status[pt] = status;
	}
	if (n > 0 && status != HF_GOOD)
		c->ops.bad(c->ops.arg, c->changed, n, status);
}

static void
mark_failing(struct hf_mb_client *c, size_t block, uint32_t status)
{
	struct hf_mb_cycle *y = &c->cycles[block];

	if (y->state == HF_MB_OFF)
		return;
	c->nfailing += !y->is_failing;
	hf_mb_cycle_fail(y, status);
}

static void
mark_ok(struct hf_mb_client *c, size_t block, int64_t now_ns)
{
	c->nfailing -= c->cycles[block].is_failing;
	hf_mb_cycle_ok(&c->cycles[block], now_ns);
}

static void
fail_block(struct hf_mb_client *c, size_t block, uint32_t status)
{
	if (c->cycles[block].state == HF_MB_OFF)
		return;
	mark_failing(c, block, status);
	c->ops.failed(c->ops.arg, &c->plan.blocks[block], status);
}

/* ---- connections ---- */

/* Closes and plans the next try. what: for the text, "no answer within 1s". */
static void
drop(struct hf_mb_client *c, unsigned conn, const char *what, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	char wait[HF_TIME_TEXT];
	int64_t ns;
	size_t i;

	c->ops.disconnect(c->ops.arg, conn);
	ns = k->nfail == 0
		 ? hf_backoff_ns(&c->prng, RETRY_FIRST_NS, RETRY_FIRST_NS, 0)
		 : hf_backoff_ns(
		       &c->prng, RETRY_MIN_NS, RETRY_MAX_NS, k->nfail - 1);
	k->nfail++;
	k->state = CLOSED;
	k->at_ns = now_ns + ns;
	k->nrx = 0;
	for (i = 0; i < HF_MB_NOUTSTANDING; i++) {
		if (k->flights[i].is_used)
			fail_block(
			    c, k->flights[i].block, HF_BAD_NO_COMMUNICATION);
		k->flights[i].is_used = false;
	}
	k->nflight = 0;
	hf_count(c->counters, HF_C_MB_CONNFAIL, 1);
	if (is_up(c))
		return;
	for (i = 0; i < c->plan.nblock; i++) {
		c->cycles[i].is_pending = false;
		fail_block(c, i, HF_BAD_NO_COMMUNICATION);
	}
	hf_dur_fmt((ns + 99 * HF_NS_PER_MS) / (100 * HF_NS_PER_MS) *
		       (100 * HF_NS_PER_MS),
	    wait);
	set_state(c, -1, "%s: %s; next try in %s", c->conf.where, what, wait);
}

static void
drop_timeout(
    struct hf_mb_client *c, unsigned conn, const char *what, int64_t now_ns)
{
	char text[HF_TIME_TEXT + 64], dur[HF_TIME_TEXT];

	c->stats.timeouts++;
	hf_count(c->counters, HF_C_MB_TIMEOUTS, 1);
	snprintf(text, sizeof(text), "%s within %s", what,
	    hf_dur_fmt(c->conf.timeout_ns, dur));
	drop(c, conn, text, now_ns);
}

static void
start_connect(struct hf_mb_client *c, unsigned conn, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	struct hf_err err;

	k->state = CONNECTING;
	k->at_ns = now_ns + c->conf.timeout_ns;
	if (c->ops.connect(c->ops.arg, conn, &err) != HF_OK)
		drop(c, conn, err.msg, now_ns);
}

static int64_t
first_deadline(const struct conn *k)
{
	int64_t t = HF_MB_NEVER;
	unsigned i;

	for (i = 0; i < HF_MB_NOUTSTANDING; i++)
		if (k->flights[i].is_used && k->flights[i].deadline_ns < t)
			t = k->flights[i].deadline_ns;
	return t;
}

static void
tick_conn(struct hf_mb_client *c, unsigned conn, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];

	if (k->state == CLOSED && now_ns >= k->at_ns)
		start_connect(c, conn, now_ns);
	else if (k->state == CONNECTING && now_ns >= k->at_ns)
		drop_timeout(c, conn, "no connection", now_ns);
	else if (k->state == UP && now_ns >= first_deadline(k))
		drop_timeout(c, conn, "no answer", now_ns);
}

static int64_t
phase_of(const struct hf_mb_client *c, size_t block)
{
	const int64_t iv = c->plan.blocks[block].interval_ns;
	const uint64_t step = (uint64_t)iv / c->plan.nblock;

	return (
	    int64_t)((c->seed % (uint64_t)iv + block * step) % (uint64_t)iv);
}

static void
init_cycles(struct hf_mb_client *c, int64_t now_ns)
{
	size_t i;

	for (i = 0; i < c->plan.nblock; i++)
		hf_mb_cycle_init(&c->cycles[i], c->plan.blocks[i].interval_ns,
		    phase_of(c, i), now_ns);
}

/* A fresh plan without what was learnt; on no memory the old one stays. */
static void
relearn(struct hf_mb_client *c, int64_t now_ns)
{
	struct hf_mb_plan fresh;

	if (hf_mb_plan_init(&fresh, c->plan.pts, c->plan.npt, &c->plan.rules,
		NULL) != HF_OK)
		return;
	hf_mb_plan_fini(&c->plan);
	c->plan = fresh;
	c->learnt_ns = HF_TIME_NONE;
	c->nrefused = c->nfailing = 0;
	init_cycles(c, now_ns);
}

void
hf_mb_client_connected(struct hf_mb_client *c, unsigned conn, int64_t now_ns)
{
	const bool was_up = is_up(c);

	c->conns[conn].state = UP;
	c->conns[conn].nrx = 0;
	c->stats.connects++;
	hf_count(c->counters, HF_C_MB_CONNECTS, 1);
	if (was_up)
		return;
	if (c->learnt_ns != HF_TIME_NONE &&
	    now_ns - c->learnt_ns >= HF_MB_RELEARN_NS)
		relearn(c, now_ns);
	hf_mb_client_want_all(c, now_ns);
}

void
hf_mb_client_lost(
    struct hf_mb_client *c, unsigned conn, const char *why, int64_t now_ns)
{
	if (c->conns[conn].state != CLOSED)
		drop(c, conn, why, now_ns);
}

/* ---- requests ---- */

void
hf_mb_client_want_all(struct hf_mb_client *c, int64_t now_ns)
{
	size_t i;

	for (i = 0; i < c->plan.nblock; i++)
		hf_mb_cycle_want(&c->cycles[i], now_ns);
}

/* The connection that is least busy and has a free slot; -1 if none. */
static int
free_conn(const struct hf_mb_client *c)
{
	int best = -1;
	unsigned i;

	for (i = 0; i < c->conf.nconn; i++) {
		const struct conn *k = &c->conns[i];

		if (k->state != UP || k->nflight >= c->conf.noutstanding)
			continue;
		if (best < 0 || k->nflight < c->conns[best].nflight)
			best = (int)i;
	}
	return best;
}

/* The block that has waited longest; HF_MB_NO_POINT if none may go. */
static size_t
oldest_pending(const struct hf_mb_client *c, int64_t now_ns)
{
	size_t i, best = HF_MB_NO_POINT;

	for (i = 0; i < c->plan.nblock; i++) {
		const struct hf_mb_cycle *y = &c->cycles[i];

		if (!y->is_pending || y->hold_ns > now_ns)
			continue;
		if (best == HF_MB_NO_POINT ||
		    y->pending_ns < c->cycles[best].pending_ns)
			best = i;
	}
	return best;
}

static void
send_block(struct hf_mb_client *c, unsigned conn, size_t block, int64_t now_ns)
{
	const struct hf_mb_block *b = &c->plan.blocks[block];
	struct conn *k = &c->conns[conn];
	struct flight *f = k->flights;
	uint8_t bytes[HF_MB_REQ_LEN];
	struct hf_err err;

	while (f->is_used)
		f++;
	*f = (struct flight){
	    .is_used = true,
	    .block = block,
	    .req = {++c->tid, b->unit, b->fn, b->first, b->count},
	    .deadline_ns = now_ns + c->conf.timeout_ns,
	};
	k->nflight++;
	c->cycles[block].state = HF_MB_FLIGHT;
	c->cycles[block].is_pending = false;
	c->stats.requests++;
	hf_count(c->counters, HF_C_MB_REQUESTS, 1);
	hf_mb_put_read(bytes, &f->req);
	if (c->ops.send(c->ops.arg, conn, bytes, sizeof(bytes), &err) != HF_OK)
		drop(c, conn, err.msg, now_ns);
}

/* Sends what fits. Returns when the budget lets the next one go, if one waits
 * for nothing else. */
static int64_t
send_due(struct hf_mb_client *c, int64_t now_ns)
{
	size_t block;
	int conn;

	for (;;) {
		conn = free_conn(c);
		block = conn < 0 ? HF_MB_NO_POINT : oldest_pending(c, now_ns);
		if (block == HF_MB_NO_POINT)
			return HF_MB_NEVER;
		if (!hf_mb_budget_take(&c->budget, now_ns))
			return hf_mb_budget_at(&c->budget, now_ns);
		send_block(c, (unsigned)conn, block, now_ns);
	}
}

/* ---- answers ---- */

/* For good: the block's tags are not asked again. */
static void
refuse(struct hf_mb_client *c, size_t block, uint8_t code, int64_t now_ns)
{
	const struct hf_mb_block *b = &c->plan.blocks[block];
	const struct hf_mb_point *p = &c->plan.pts[c->plan.items[b->item0]];

	mark_ok(c, block, now_ns);
	c->cycles[block].state = HF_MB_OFF;
	c->learnt_ns = now_ns;
	if (c->nrefused == 0)
		snprintf(c->refusal, sizeof(c->refusal), "%.40s (%s)",
		    p->tag == NULL ? "?" : p->tag->name,
		    hf_mb_exception_name(code));
	c->nrefused += b->nitem;
	c->ops.failed(c->ops.arg, b, HF_BAD_CONFIG);
	report(c, b, HF_BAD_CONFIG);
}

/* Exceptions 2 and 3: the parts are read at once, in the turn of the whole. */
static void
split(struct hf_mb_client *c, size_t block, uint8_t code, int64_t now_ns)
{
	struct hf_mb_cycle *y = &c->cycles[block];
	size_t other = hf_mb_plan_split(&c->plan, block);

	if (other == HF_MB_NO_POINT) {
		refuse(c, block, code, now_ns);
		return;
	}
	c->learnt_ns = now_ns;
	y->state = HF_MB_IDLE;
	hf_mb_cycle_want(y, now_ns);
	if (other == block)
		return;
	c->cycles[other] = *y;
	c->nfailing += y->is_failing;
}

/* Asked again after wait_ns; its cycles are missed until then. */
static void
hold(struct hf_mb_client *c, size_t block, int64_t wait_ns, int64_t now_ns)
{
	struct hf_mb_cycle *y = &c->cycles[block];

	mark_failing(c, block, HF_BAD_NO_COMMUNICATION);
	y->hold_ns = now_ns + wait_ns;
	hf_mb_cycle_want(y, now_ns);
}

static void
on_exception(struct hf_mb_client *c, size_t block, uint8_t code, int64_t now_ns)
{
	struct hf_mb_cycle *y = &c->cycles[block];

	c->exception = code;
	c->stats.exceptions++;
	hf_count(c->counters, HF_C_MB_EXCEPTIONS, 1);
	switch (code) {
	case HF_MB_EX_FUNCTION:
		refuse(c, block, code, now_ns);
		break;
	case HF_MB_EX_ADDRESS:
	case HF_MB_EX_VALUE:
		split(c, block, code, now_ns);
		break;
	case HF_MB_EX_ACK:
	case HF_MB_EX_BUSY:
		hf_count(c->counters, HF_C_MB_RETRIES, 1);
		hold(c, block,
		    hf_backoff_ns(&c->prng, BUSY_MIN_NS, BUSY_MAX_NS, y->nbusy),
		    now_ns);
		y->nbusy++;
		break;
	case HF_MB_EX_PATH:
	case HF_MB_EX_TARGET:
		hold(c, block,
		    hf_backoff_ns(
			&c->prng, RETRY_MIN_NS, RETRY_MAX_NS, y->ngateway),
		    now_ns);
		y->ngateway++;
		fail_block(c, block, HF_BAD_NO_COMMUNICATION);
		break;
	default:
		fail_block(c, block, HF_BAD_DEVICE_FAILURE);
		break;
	}
}

/* In fault builds a device can make the parser die, so that the rule for such
 * devices can be tested; other builds hold none of this. */
#ifdef HF_FAULTS
static void
die_of_poison(const struct hf_mb_answer *a)
{
	static const uint8_t poison[8] = {
	    0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef};

	if (a->data != NULL && memmem(a->data, a->n, poison, 8) != NULL)
		abort();
}
#else
static void
die_of_poison(const struct hf_mb_answer *a)
{
}
#endif

static void
on_answer(struct hf_mb_client *c, size_t block, const struct hf_mb_answer *a,
    int64_t now_ns)
{
	const struct hf_mb_block *b = &c->plan.blocks[block];

	if (a->exception != 0) {
		on_exception(c, block, a->exception, now_ns);
	} else {
		die_of_poison(a);
		c->stats.answers++;
		hf_count(c->counters, HF_C_MB_ANSWERS, 1);
		mark_ok(c, block, now_ns);
		report(c, b, HF_GOOD);
		c->ops.answer(c->ops.arg, b, a->data, a->n);
	}
	set_up(c);
}

static struct flight *
find_flight(struct conn *k, uint16_t tid)
{
	unsigned i;

	for (i = 0; i < HF_MB_NOUTSTANDING; i++)
		if (k->flights[i].is_used && k->flights[i].req.tid == tid)
			return &k->flights[i];
	return NULL;
}

static void
drop_framing(
    struct hf_mb_client *c, unsigned conn, const char *why, int64_t now_ns)
{
	c->stats.framing++;
	hf_count(c->counters, HF_C_MB_FRAMING, 1);
	drop(c, conn, why, now_ns);
}

static void
on_frame(struct hf_mb_client *c, unsigned conn, const struct hf_mb_frame *f,
    int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	struct flight *fl = find_flight(k, f->tid);
	struct hf_mb_answer a;
	struct hf_err err;
	char text[80];

	if (fl == NULL) {
		hf_count(c->counters, HF_C_MB_LATE, 1);
		snprintf(text, sizeof(text),
		    "answer with transaction id %u that was not asked for",
		    f->tid);
		drop_framing(c, conn, text, now_ns);
		return;
	}
	if (hf_mb_answer(&fl->req, f, &a, &err) != HF_OK) {
		drop_framing(c, conn, err.msg, now_ns);
		return;
	}
	fl->is_used = false;
	k->nflight--;
	k->nfail = 0;
	on_answer(c, fl->block, &a, now_ns);
}

/* Parses whole frames at the front of rx; the rest stays. */
static void
parse_rx(struct hf_mb_client *c, unsigned conn, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	struct hf_mb_frame f;
	struct hf_err err;
	size_t at = 0, used;
	int rc = HF_OK;

	c->ops.parsing(c->ops.arg, k->rx, k->nrx);
	while (k->state == UP) {
		rc = hf_mb_frame(k->rx + at, k->nrx - at, &f, &used, &err);
		if (rc != HF_OK)
			break;
		at += used;
		on_frame(c, conn, &f, now_ns);
	}
	if (k->state == UP && rc == HF_EPROTO)
		drop_framing(c, conn, err.msg, now_ns);
	if (k->state == UP) {
		memmove(k->rx, k->rx + at, k->nrx - at);
		k->nrx -= at;
	}
	c->ops.parsed(c->ops.arg);
}

void
hf_mb_client_bytes(struct hf_mb_client *c, unsigned conn, const uint8_t *p,
    size_t n, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	size_t part;

	/* Less than one frame stays unparsed: there is always room. */
	while (n > 0 && k->state == UP) {
		part = sizeof(k->rx) - k->nrx;
		part = n < part ? n : part;
		memcpy(k->rx + k->nrx, p, part);
		k->nrx += part;
		p += part;
		n -= part;
		parse_rx(c, conn, now_ns);
	}
}

/* Does another unit of this device answer? Then the connection is fine. */
static bool
others_answer(const struct hf_mb_client *c, uint8_t unit)
{
	size_t i;

	for (i = 0; i < c->plan.nblock; i++)
		if (c->plan.blocks[i].unit != unit &&
		    c->cycles[i].state != HF_MB_OFF && !c->cycles[i].is_failing)
			return true;
	return false;
}

void
hf_mb_client_unanswered(struct hf_mb_client *c, unsigned conn, bool is_garbled,
    const char *what, int64_t now_ns)
{
	struct conn *k = &c->conns[conn];
	struct flight *f = k->flights;
	struct hf_mb_cycle *y;
	size_t i;

	for (i = 0; i < HF_MB_NOUTSTANDING && !f->is_used; i++)
		f++;
	if (k->state != UP || i == HF_MB_NOUTSTANDING)
		return;
	*(is_garbled ? &c->stats.framing : &c->stats.timeouts) += 1;
	hf_count(
	    c->counters, is_garbled ? HF_C_MB_FRAMING : HF_C_MB_TIMEOUTS, 1);
	if (!others_answer(c, f->req.unit)) {
		drop(c, conn, what, now_ns);
		return;
	}
	y = &c->cycles[f->block];
	f->is_used = false;
	k->nflight--;
	c->exception = HF_MB_EX_TARGET; /* as a gateway would put it */
	hold(c, f->block,
	    hf_backoff_ns(&c->prng, RETRY_MIN_NS, RETRY_MAX_NS, y->ngateway),
	    now_ns);
	y->ngateway++;
	fail_block(c, f->block, HF_BAD_NO_COMMUNICATION);
	set_up(c);
}

/* ---- time ---- */

/* Grid, skips and silence of all blocks. */
static void
tick_cycles(struct hf_mb_client *c, int64_t now_ns)
{
	const bool up = is_up(c);
	uint64_t nskip = 0;
	size_t i;

	for (i = 0; i < c->plan.nblock; i++) {
		struct hf_mb_cycle *y = &c->cycles[i];

		nskip += hf_mb_cycle_step(y, up, now_ns);
		if (now_ns >= hf_mb_cycle_silent_at(y, c->conf.missed)) {
			y->is_silent = true;
			report(c, &c->plan.blocks[i], y->status);
		}
	}
	c->stats.skipped += nskip;
	hf_count(c->counters, HF_C_MB_SKIPPED, nskip);
}

static int64_t
next_wake(const struct hf_mb_client *c, int64_t wake_ns, int64_t now_ns)
{
	const bool up = is_up(c);
	int64_t t;
	size_t i;

	for (i = 0; i < c->conf.nconn; i++) {
		t = c->conns[i].state == UP ? first_deadline(&c->conns[i])
					    : c->conns[i].at_ns;
		wake_ns = t < wake_ns ? t : wake_ns;
	}
	for (i = 0; i < c->plan.nblock; i++) {
		t = hf_mb_cycle_silent_at(&c->cycles[i], c->conf.missed);
		wake_ns = t < wake_ns ? t : wake_ns;
		t = up ? hf_mb_cycle_wake(&c->cycles[i], now_ns) : HF_MB_NEVER;
		wake_ns = t < wake_ns ? t : wake_ns;
	}
	return wake_ns;
}

int64_t
hf_mb_client_tick(struct hf_mb_client *c, int64_t now_ns)
{
	int64_t wake_ns;
	unsigned i;

	for (i = 0; i < c->conf.nconn; i++)
		tick_conn(c, i, now_ns);
	tick_cycles(c, now_ns);
	wake_ns = send_due(c, now_ns);
	return next_wake(c, wake_ns, now_ns);
}

/* ---- life ---- */

int
hf_mb_client_new(const struct hf_mb_client_conf *conf,
    const struct hf_mb_client_ops *ops, int64_t now_ns,
    struct hf_mb_client **out, struct hf_err *err)
{
	struct hf_mb_client *c = calloc(1, sizeof(*c));
	const size_t npt = conf->npt;
	size_t i;
	int rc;

	if (c == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", conf->name);
	c->conf = *conf;
	c->counters = conf->counters;
	rc = hf_mb_plan_init(&c->plan, conf->pts, npt, &conf->rules, err);
	if (rc != HF_OK)
		goto out;
	c->cycles = calloc(npt + 1, sizeof(*c->cycles));
	c->status = calloc(npt + 1, sizeof(*c->status));
	c->changed = calloc(npt + 1, sizeof(*c->changed));
	if (c->cycles == NULL || c->status == NULL || c->changed == NULL) {
		rc = HF_FAIL(err, HF_ENOMEM, "device %s", conf->name);
		goto out;
	}
	c->ops = *ops;
	c->seed = c->prng = hf_backoff_seed(conf->name);
	c->tid = (uint16_t)c->seed;
	c->learnt_ns = HF_TIME_NONE;
	c->stats.last_good_ns = HF_TIME_NONE;
	snprintf(c->stats.text, sizeof(c->stats.text), "%s: connecting",
	    conf->where);
	for (i = 0; i < npt; i++)
		c->status[i] = HF_BAD_NOT_CONNECTED;
	for (i = 0; i < conf->nconn; i++)
		c->conns[i].at_ns = now_ns;
	hf_mb_budget_init(&c->budget, conf->requests_hz, now_ns);
	init_cycles(c, now_ns);
	*out = c;
	c = NULL;
out:
	hf_mb_client_free(c);
	return rc;
}

void
hf_mb_client_free(struct hf_mb_client *c)
{
	unsigned i;

	if (c == NULL)
		return;
	for (i = 0; i < c->conf.nconn; i++)
		if (c->conns[i].state != CLOSED)
			c->ops.disconnect(c->ops.arg, i);
	hf_mb_plan_fini(&c->plan);
	free(c->cycles);
	free(c->status);
	free(c->changed);
	free(c);
}

const struct hf_mb_plan *
hf_mb_client_plan(const struct hf_mb_client *c)
{
	return &c->plan;
}

uint32_t
hf_mb_client_status(const struct hf_mb_client *c, size_t pt)
{
	return c->status[pt];
}

void
hf_mb_client_stats(const struct hf_mb_client *c, struct hf_driver_stats *out)
{
	*out = c->stats;
}
