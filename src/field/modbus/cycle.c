/* SPDX-License-Identifier: Apache-2.0
 *
 * cycle.c - the grid of a block's cycles, and the token bucket of a device.
 *
 * client.c asks here what is due and whether a request fits the budget; it
 * sends and receives itself. Nothing here knows registers or sockets.
 *
 * Grid: cycle m of a block is due at open + phase + m * interval. A block has
 * at most one cycle waiting or under way; a cycle that comes due meanwhile is
 * skipped and counted, never queued, so a slow device gets fewer reads and no
 * backlog. Silence: k intervals without a good answer while tries fail; cycles
 * that only the budget skipped are no silence.
 */
#include <math.h>
#include <string.h>

#include "base/time.h"
#include "field/modbus/cycle.h"

#define BURST_S 0.1 /* budget that may be saved up, so that jitter skips none */

void
hf_mb_budget_init(struct hf_mb_budget *b, double hz, int64_t now_ns)
{
	b->hz = hz;
	b->cap = 1 + hz * BURST_S;
	b->tokens = 1;
	b->last_ns = now_ns;
}

static void
refill(struct hf_mb_budget *b, int64_t now_ns)
{
	if (now_ns <= b->last_ns)
		return;
	b->tokens += (double)(now_ns - b->last_ns) / 1e9 * b->hz;
	if (b->tokens > b->cap)
		b->tokens = b->cap;
	b->last_ns = now_ns;
}

bool
hf_mb_budget_take(struct hf_mb_budget *b, int64_t now_ns)
{
	refill(b, now_ns);
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

int64_t
hf_mb_budget_at(struct hf_mb_budget *b, int64_t now_ns)
{
	refill(b, now_ns);
	if (b->tokens >= 1)
		return now_ns;
	/* One ns more, so that rounding never wakes a moment too early. */
	return now_ns + 1 + (int64_t)ceil((1 - b->tokens) / b->hz * 1e9);
}

void
hf_mb_cycle_init(struct hf_mb_cycle *c, int64_t interval_ns, int64_t phase_ns,
    int64_t now_ns)
{
	memset(c, 0, sizeof(*c));
	c->interval_ns = interval_ns;
	c->due_ns = now_ns + phase_ns;
	c->ok_ns = now_ns;
	c->hold_ns = now_ns;
}

uint64_t
hf_mb_cycle_step(struct hf_mb_cycle *c, bool is_up, int64_t now_ns)
{
	uint64_t n;

	if (now_ns < c->due_ns || c->state == HF_MB_OFF)
		return 0;
	n = (uint64_t)((now_ns - c->due_ns) / c->interval_ns) + 1;
	c->due_ns += (int64_t)n * c->interval_ns;
	if (!is_up)
		return 0;
	if (c->state == HF_MB_FLIGHT)
		return n;
	if (c->is_pending) /* held back by the device is missed, not skipped */
		return c->hold_ns > now_ns ? 0 : n;
	hf_mb_cycle_want(c, now_ns);
	return n - 1;
}

void
hf_mb_cycle_want(struct hf_mb_cycle *c, int64_t now_ns)
{
	if (c->state != HF_MB_IDLE || c->is_pending)
		return;
	c->is_pending = true;
	c->pending_ns = now_ns;
}

void
hf_mb_cycle_ok(struct hf_mb_cycle *c, int64_t now_ns)
{
	c->state = HF_MB_IDLE;
	c->ok_ns = now_ns;
	c->hold_ns = now_ns;
	c->is_failing = c->is_silent = false;
	c->nbusy = c->ngateway = 0;
}

void
hf_mb_cycle_fail(struct hf_mb_cycle *c, uint32_t status)
{
	if (c->state == HF_MB_OFF)
		return;
	c->state = HF_MB_IDLE;
	if (c->status != status) /* another reason is another sample */
		c->is_silent = false;
	c->is_failing = true;
	c->status = status;
}

int64_t
hf_mb_cycle_silent_at(const struct hf_mb_cycle *c, int64_t k)
{
	int64_t wait;

	if (!c->is_failing || c->is_silent || c->state == HF_MB_OFF)
		return HF_MB_NEVER;
	if (__builtin_mul_overflow(c->interval_ns, k, &wait) ||
	    __builtin_add_overflow(c->ok_ns, wait, &wait))
		return HF_MB_NEVER;
	return wait;
}

int64_t
hf_mb_cycle_wake(const struct hf_mb_cycle *c, int64_t now_ns)
{
	if (c->state == HF_MB_OFF)
		return HF_MB_NEVER;
	if (c->is_pending && c->hold_ns > now_ns && c->hold_ns < c->due_ns)
		return c->hold_ns;
	return c->due_ns;
}
