/* SPDX-License-Identifier: Apache-2.0
 *
 * rtu_line.h - one serial line with Modbus RTU stations, through libmodbus.
 *
 * The devices of a line are its users: each has at most one request waiting,
 * and the line serves them one after another. An exchange blocks the process
 * until the answer or the time-out (HF_MB_LINE_MAX_NS at most); therefore a
 * line has an edge process of its own.
 */
#ifndef HF_FIELD_MODBUS_RTU_LINE_H
#define HF_FIELD_MODBUS_RTU_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/time.h"
#include "field/modbus/mbap.h"
#include "os/loop.h"

#define HF_MB_LINE_MAX_NS (900 * HF_NS_PER_MS) /* longest blocking exchange */
#define HF_MB_LINE_NUSER 247 /* stations of a line; Modbus over serial 2.2 */

enum hf_mb_parity { HF_MB_PARITY_NONE, HF_MB_PARITY_EVEN, HF_MB_PARITY_ODD };

struct hf_mb_line_conf { /* the same for all devices of a line */
	int64_t baud, parity, data_bits, stop_bits;
};

enum hf_mb_line_rc {	    /* what became of an exchange */
	HF_MB_LINE_ANSWER,  /* unit, function, data; its CRC is right */
	HF_MB_LINE_SILENT,  /* no answer, or half of one, in time */
	HF_MB_LINE_GARBLED, /* wrong CRC, or not an answer of that unit */
	HF_MB_LINE_LOST	    /* the line itself failed; it is closed now */
};

struct hf_mb_line_user {
	struct hf_mb_line *line; /* NULL: detached */
	struct hf_mb_line_user *next;
	bool wants_up;	      /* hf_mb_line_connect was called ... */
	bool owes_up;	      /* ... and up() not yet */
	bool is_waiting;      /* a request is to be sent ... */
	struct hf_mb_req req; /* ... this one */
	int64_t timeout_ns;
	/* From the loop, never from within a call of this header. */
	void (*up)(void *arg);
	/* p: unit id, then the PDU, n bytes; else `why` says what happened. */
	void (*done)(void *arg, enum hf_mb_line_rc rc, const uint8_t *p,
	    size_t n, const char *why);
	/* Around what libmodbus parses, for the poison-device rule. */
	void (*parsing)(void *arg, const void *p, size_t n);
	void (*parsed)(void *arg);
	void *arg;
};

struct hf_mb_line;

/*
 * Joins the line in *slot, or makes it (then *slot is set). path: of the line
 * as this process can open it; copied. HF_EINVAL if the line is open with other
 * settings, HF_ELIMIT, HF_ENOMEM. u's callbacks and arg are set by the caller.
 */
int hf_mb_line_join(struct hf_mb_line **slot, struct hf_loop *loop,
    const char *path, const struct hf_mb_line_conf *conf,
    struct hf_mb_line_user *u, struct hf_err *err);
/* The last one to leave closes the line and empties the slot. */
void hf_mb_line_leave(struct hf_mb_line **slot, struct hf_mb_line_user *u);
/* Opens the line if it is not; up() follows. HF_EIO and the like. */
int hf_mb_line_connect(struct hf_mb_line_user *u, struct hf_err *err);
/* Forgets what waits. The line stays open for the others. */
void hf_mb_line_disconnect(struct hf_mb_line_user *u);
/* One request; done() follows unless disconnected. */
void hf_mb_line_ask(struct hf_mb_line_user *u, const struct hf_mb_req *req);

#endif
