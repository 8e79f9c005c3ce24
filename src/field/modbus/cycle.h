/* SPDX-License-Identifier: Apache-2.0
 *
 * cycle.h - when a block of registers is due, and what a device may be asked.
 *
 * Pure: time comes as an argument (monotonic ns). client.c owns the structs.
 */
#ifndef HF_FIELD_MODBUS_CYCLE_H
#define HF_FIELD_MODBUS_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

#define HF_MB_NEVER INT64_MAX

/* Load budget: requests per second with a small burst (a token bucket). */
struct hf_mb_budget {
	double hz;  /* > 0 */
	double cap; /* tokens at most: 1 and what a tenth of a second brings */
	double tokens;
	int64_t last_ns; /* of the last refill */
};

void hf_mb_budget_init(struct hf_mb_budget *b, double hz, int64_t now_ns);
bool hf_mb_budget_take(struct hf_mb_budget *b, int64_t now_ns);
/* When the next request fits; <= now_ns if at once. */
int64_t hf_mb_budget_at(struct hf_mb_budget *b, int64_t now_ns);

enum hf_mb_cycle_state {
	HF_MB_IDLE,
	HF_MB_FLIGHT, /* its request is out */
	HF_MB_OFF     /* refused by the device for good: not asked any more */
};

struct hf_mb_cycle { /* of one block */
	enum hf_mb_cycle_state state;
	int64_t interval_ns;
	int64_t due_ns;	 /* next cycle of the grid, ahead of now */
	bool is_pending; /* a cycle is due and waits for slot and budget ... */
	int64_t pending_ns; /* ... since then: the oldest goes first */
	int64_t hold_ns;    /* not before: busy device or gateway back-off */
	int64_t ok_ns;	    /* last good answer, or device opened */
	bool is_failing;    /* the last try failed or there is no connection */
	bool is_silent;	    /* and that was reported */
	uint32_t status;    /* why it fails: StatusCode */
	unsigned nbusy, ngateway; /* exceptions 5/6 and 0x0A/0x0B in a row */
};

void hf_mb_cycle_init(struct hf_mb_cycle *c, int64_t interval_ns,
    int64_t phase_ns, int64_t now_ns);
/* Moves the grid on to now. Returns the cycles that are skipped for good: the
 * one before is not done, or several came due at once. Without a connection
 * cycles pass uncounted. */
uint64_t hf_mb_cycle_step(struct hf_mb_cycle *c, bool is_up, int64_t now_ns);
/* Makes it due now, outside its grid (first read, preview). */
void hf_mb_cycle_want(struct hf_mb_cycle *c, int64_t now_ns);
void hf_mb_cycle_ok(struct hf_mb_cycle *c, int64_t now_ns);
void hf_mb_cycle_fail(struct hf_mb_cycle *c, uint32_t status);
/* When it must be reported as silent: k intervals after the last good answer;
 * HF_MB_NEVER if it does not fail or was reported. */
int64_t hf_mb_cycle_silent_at(const struct hf_mb_cycle *c, int64_t k);
/* When it next needs attention by itself, a connection given. */
int64_t hf_mb_cycle_wake(const struct hf_mb_cycle *c, int64_t now_ns);

#endif
