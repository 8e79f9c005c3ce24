/* SPDX-License-Identifier: Apache-2.0
 *
 * recq.c - ring of encoded audit records that audit has not acknowledged.
 *
 * ring[head .. head + n) waits, oldest first; the first `nsent` of them have
 * been handed to the wire since audit last began anew. Records go out in the
 * order of their ids only: when the wire is full, all later ones wait too.
 * What audit does with them is in audit.c; the text of a record in record.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proc/recq.h"

#define RECORD_BYTES 4096 /* as the row RECORD in msgs.def */

struct waiting {
	uint64_t req;
	uint8_t *p; /* owned */
	size_t n;
	bool was_sent; /* counted in record.sent */
};

struct hf_recq {
	struct hf_wire to;
	struct hf_counters *counters; /* borrowed */
	struct waiting ring[HF_RECQ_MAX];
	size_t head, n, nsent;
	uint64_t last_req;  /* given out */
	int64_t touched_ns; /* monotonic, of the last send or answer */
	uint64_t nlost;	    /* not yet told by a record.overflow */
	bool is_held;
};

struct hf_recq *
hf_recq_new(const struct hf_wire *to, struct hf_counters *counters)
{
	struct hf_recq *q;

	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	q->to = *to;
	q->counters = counters;
	q->last_req = (uint64_t)to->incarnation << 32;
	return q;
}

static struct waiting *
at(struct hf_recq *q, size_t i)
{
	return &q->ring[(q->head + i) % HF_RECQ_MAX];
}

static void
drop_oldest(struct hf_recq *q)
{
	free(at(q, 0)->p);
	*at(q, 0) = (struct waiting){0};
	q->head = (q->head + 1) % HF_RECQ_MAX;
	q->n--;
	if (q->nsent > 0)
		q->nsent--;
}

void
hf_recq_free(struct hf_recq *q)
{
	if (q == NULL)
		return;
	while (q->n > 0)
		drop_oldest(q);
	free(q);
}

static void
flush(struct hf_recq *q, int64_t mono_ns)
{
	while (q->nsent < q->n && !q->is_held) {
		struct waiting *w = at(q, q->nsent);

		if (hf_wire_send(&q->to, HF_MSG_RECORD, w->req, w->p, w->n,
			NULL, 0, -1, NULL) != HF_OK) {
			hf_count(q->counters, HF_C_A_WAITING, 1);
			return;
		}
		if (!w->was_sent)
			hf_count(q->counters, HF_C_A_SENT, 1);
		w->was_sent = true;
		q->nsent++;
		q->touched_ns = mono_ns;
	}
}

static int
push(struct hf_recq *q, const struct hf_record *r, struct hf_err *err)
{
	struct waiting *w;
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, RECORD_BYTES);
	rc = hf_record_encode(r, &b);
	if (rc != HF_OK || !hf_buf_ok(&b)) {
		hf_buf_fini(&b);
		return HF_FAIL(err, HF_EINVAL,
		    "record \"%s\" does not encode: "
		    "a text is no UTF-8 line or too long",
		    r->action);
	}
	w = at(q, q->n);
	*w = (struct waiting){.req = ++q->last_req, .p = b.p, .n = b.len};
	q->n++;
	return HF_OK;
}

/* One record that tells of those that found no room. */
static void
tell_lost(struct hf_recq *q)
{
	struct hf_record r = {
	    .action = "record.overflow", .decision = "failed"};

	snprintf(r.actor, sizeof(r.actor), "role:%s", hf_role_name(q->to.self));
	snprintf(r.detail, sizeof(r.detail),
	    "%llu records were lost because "
	    "%d others were already waiting for audit",
	    (unsigned long long)q->nlost, HF_RECQ_MAX);
	if (push(q, &r, NULL) == HF_OK)
		q->nlost = 0;
}

int
hf_recq_put(struct hf_recq *q, const struct hf_record *r, int64_t mono_ns,
    struct hf_err *err)
{
	int rc;

	if (q->n + (q->nlost > 0 ? 1 : 0) >= HF_RECQ_MAX) {
		q->nlost++;
		hf_count(q->counters, HF_C_A_DROPPED, 1);
		return HF_FAIL(err, HF_ELIMIT,
		    "%d records wait for audit; "
		    "\"%s\" is lost",
		    HF_RECQ_MAX, r->action);
	}
	if (q->nlost > 0)
		tell_lost(q);
	rc = push(q, r, err);
	if (rc == HF_OK)
		flush(q, mono_ns);
	return rc;
}

int
hf_recq_ack(struct hf_recq *q, const void *p, size_t n, struct hf_err *err)
{
	struct hf_rd r;
	uint64_t upto;

	hf_rd_init(&r, p, n);
	upto = hf_rd_u64(&r);
	(void)hf_rd_u64(&r); /* size of the log, for those who want it */
	if (!hf_rd_ok(&r) || upto > q->last_req)
		return HF_FAIL(err, HF_EPROTO,
		    "audit acknowledges record %llu, "
		    "the last one was %llu",
		    (unsigned long long)upto, (unsigned long long)q->last_req);
	while (q->n > 0 && at(q, 0)->req <= upto)
		drop_oldest(q);
	return HF_OK;
}

void
hf_recq_tick(struct hf_recq *q, int64_t mono_ns)
{
	if (q->nsent > 0 && mono_ns - q->touched_ns >= HF_RECQ_RESEND_NS) {
		hf_count(q->counters, HF_C_A_WAITING, 1);
		q->nsent = 0;
	}
	if (q->nlost > 0 && q->n < HF_RECQ_MAX)
		tell_lost(q);
	flush(q, mono_ns);
}

static void
resend(struct hf_recq *q, int64_t mono_ns)
{
	q->nsent = 0;
	flush(q, mono_ns);
}

void
hf_recq_hold(struct hf_recq *q, bool is_held, int64_t mono_ns)
{
	q->is_held = is_held;
	if (!is_held)
		resend(q, mono_ns);
}

size_t
hf_recq_waiting(const struct hf_recq *q)
{
	return q->n;
}
