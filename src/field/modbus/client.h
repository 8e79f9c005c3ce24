/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - one Modbus TCP device as a state machine without sockets or clock.
 *
 * Time, bytes and the end of connections come in as calls; requests, answers
 * and status go out through struct hf_mb_client_ops. So the same code runs on
 * the event loop (driver.c) and under a test that owns time and plays the
 * device. `now_ns` is monotonic and never falls.
 */
#ifndef HF_FIELD_MODBUS_CLIENT_H
#define HF_FIELD_MODBUS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/driver.h"
#include "field/modbus/plan.h"

#define HF_MB_NCONN 4	     /* connections to one device, at most */
#define HF_MB_NOUTSTANDING 4 /* requests under way on one connection */
#define HF_MB_RELEARN_NS (600 * INT64_C(1000000000))

struct hf_mb_client_conf {
	const struct hf_mb_point *pts; /* npt; borrowed */
	size_t npt;
	struct hf_mb_rules rules;     /* its lists are borrowed */
	struct hf_counters *counters; /* borrowed; gets the MB_ counts */
	const char *name;      /* of the device: seeds phases and back-off */
	const char *where;     /* "10.0.0.7:502", for texts */
	int64_t timeout_ns;    /* of a connect and of an answer */
	int64_t missed;	       /* cycles without answer until bad */
	unsigned nconn;	       /* 1..HF_MB_NCONN */
	unsigned noutstanding; /* 1..HF_MB_NOUTSTANDING, per connection */
	double requests_hz;    /* load budget, > 0 */
};

struct hf_mb_client_ops {
	void *arg;
	/* Begins to connect; hf_mb_client_connected or _lost follows, not from
	 * within. HF_OK or the reason. */
	int (*connect)(void *arg, unsigned conn, struct hf_err *err);
	/* Closes at once; nothing more may come from that connection. */
	void (*disconnect)(void *arg, unsigned conn);
	/* Takes all n bytes (copies what the socket does not). */
	int (*send)(void *arg, unsigned conn, const uint8_t *p, size_t n,
	    struct hf_err *err);
	/* An answer to a block: data as hf_mb_decode wants it. */
	void (*answer)(void *arg, const struct hf_mb_block *b,
	    const uint8_t *data, size_t n);
	/* These points have this bad status from now on. Once per change. */
	void (*bad)(void *arg, const uint32_t *pts, size_t n, uint32_t status);
	/* A try to read this block failed; may come often. */
	void (*failed)(void *arg, const struct hf_mb_block *b, uint32_t status);
	void (*parsing)(void *arg, const void *p, size_t n);
	void (*parsed)(void *arg);
	void (*changed)(void *arg); /* stats' up or text */
};

struct hf_mb_client;

/*
 * What conf points to, ops->arg included, is borrowed. The device begins to
 * connect with the first tick. Errors of hf_mb_plan_init, HF_ENOMEM.
 */
int hf_mb_client_new(const struct hf_mb_client_conf *conf,
    const struct hf_mb_client_ops *ops, int64_t now_ns,
    struct hf_mb_client **out, struct hf_err *err);
/* Disconnects; calls no other op. NULL is fine. */
void hf_mb_client_free(struct hf_mb_client *c);

/* Does what is due. Call after every call below and at the time it returns;
 * HF_MB_NEVER: nothing will be due by itself. */
int64_t hf_mb_client_tick(struct hf_mb_client *c, int64_t now_ns);
void hf_mb_client_connected(
    struct hf_mb_client *c, unsigned conn, int64_t now_ns);
/* The connection was refused, reset or closed by the device. */
void hf_mb_client_lost(
    struct hf_mb_client *c, unsigned conn, const char *why, int64_t now_ns);
/*
 * For a bus, whose frames the caller moves one by one: the request under way
 * was not answered in time, or (is_garbled) with something that is no answer.
 * `what` is for the text. Counts it. While other units of the same device
 * answer, only this unit's block waits (1 s doubling to 30 s); else the
 * connection is lost.
 */
void hf_mb_client_unanswered(struct hf_mb_client *c, unsigned conn,
    bool is_garbled, const char *what, int64_t now_ns);
/* Any n. The connection may be closed on return. */
void hf_mb_client_bytes(struct hf_mb_client *c, unsigned conn, const uint8_t *p,
    size_t n, int64_t now_ns);
/* Every block becomes due now, within the budget. */
void hf_mb_client_want_all(struct hf_mb_client *c, int64_t now_ns);

const struct hf_mb_plan *hf_mb_client_plan(const struct hf_mb_client *c);
/* Status of a point: HF_GOOD after an answer, the last bad status reported, or
 * HF_BAD_NOT_CONNECTED before either. */
uint32_t hf_mb_client_status(const struct hf_mb_client *c, size_t pt);
/* All but last_good_ns. */
void hf_mb_client_stats(
    const struct hf_mb_client *c, struct hf_driver_stats *out);

#endif
