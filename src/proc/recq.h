/* SPDX-License-Identifier: Apache-2.0
 *
 * recq.h - audit records on their way: kept until audit says they are durable.
 *
 * Every role other than audit has one (role.c), and so has the parent. A
 * record is encoded once, gets a request id, and stays in the queue until a
 * RECORD_ACK covers it. What is not acknowledged within HF_RECQ_RESEND_NS is
 * sent again, from the oldest on and in the same order.
 *
 * Request id: incarnation of the sender << 32 | running number from 1. So the
 * ids of one (role, zone) only grow, also over restarts of the role; audit
 * drops an id that is not above the highest it took from that sender, and
 * acknowledges it again. An acknowledgement meant for an earlier incarnation
 * is below every waiting id and changes nothing.
 *
 * At the limit the new record is refused and counted (drop.record); as soon
 * as there is room again, one "record.overflow" record says how many were
 * lost. One thread.
 */
#ifndef HF_PROC_RECQ_H
#define HF_PROC_RECQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/counters.h"
#include "model/record.h"
#include "os/msg.h"

#define HF_RECQ_MAX 1024		      /* records waiting */
#define HF_RECQ_RESEND_NS INT64_C(2000000000) /* without an answer */

struct hf_recq;

/* to: wire to audit, copied; counters: borrowed. NULL on no memory. */
struct hf_recq *hf_recq_new(
    const struct hf_wire *to, struct hf_counters *counters);
void hf_recq_free(struct hf_recq *q);
/* Queues, and sends if the wire takes it. HF_OK also while audit is away;
 * HF_ELIMIT (counted) when the queue is full, HF_EINVAL when the record does
 * not encode. */
int hf_recq_put(struct hf_recq *q, const struct hf_record *r, int64_t mono_ns,
    struct hf_err *err);
/* Payload of a RECORD_ACK. HF_EPROTO if it names a record never sent. */
int hf_recq_ack(struct hf_recq *q, const void *p, size_t n, struct hf_err *err);
/* About once a second: sends what waits, and again what got no answer. */
void hf_recq_tick(struct hf_recq *q, int64_t mono_ns);
/* While held nothing is sent (audit is not ready); going on sends all anew. */
void hf_recq_hold(struct hf_recq *q, bool is_held, int64_t mono_ns);
size_t hf_recq_waiting(const struct hf_recq *q);

#endif
