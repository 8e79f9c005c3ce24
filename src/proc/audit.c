/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.c - role audit: takes records, makes them durable, signs them.
 *
 * The promise: its own folder, no network, no other file, and the only copy of
 * the signing key outside keys/audit/ (descriptor "key.audit", 32 bytes). The
 * log itself is store/auditlog.h; here are only the wires and the timing.
 *
 *    RECORD        -> append; HF_AUDIT_BATCH records or COMMIT_NS later, one
 *                     commit; then RECORD_ACK to each sender concerned
 *    DENIED        -> a record, from a broker's plugin; not acknowledged: while
 *                     the disk takes nothing these are lost and counted
 *    AUDIT_QUERY   -> ANSWER, or ANSWER_BULK for what is large
 *    once a second -> a checkpoint, if there is anything new; also at 1,000
 *                     new records
 *    STOP          -> a checkpoint at once, then what is still in the sockets,
 *                     then a second one if that brought anything
 *
 * Who may say what is checked by the log (model/records.def). A record that is
 * refused is counted and reported, which ends its sender; it is acknowledged
 * all the same, or it would come again for ever.
 *
 * A record that came before (same sender, request id not above the highest one
 * taken) is not appended again, only acknowledged again. The ids stand in the
 * records, so this also holds when audit itself died in between.
 *
 * If the disk takes nothing, nothing is acknowledged; up to 4 MiB wait in
 * memory, then the senders' wires are left unread. A record that was dropped
 * in that state leaves a gap: nothing behind it is taken from that sender till
 * it came again (recq.h sends from the oldest on). Tried again after 0.1 to
 * 1 s.
 *
 * The log's name is the plant's, so it opens with the first configuration;
 * what the parent says earlier waits in `early`.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "bus/denied.h"
#include "model/policy.h"
#include "model/query.h"
#include "proc/role.h"
#include "store/auditlog.h"
#include "store/note.h"

#define COMMIT_NS (3 * HF_NS_PER_MS) /* with fdatasync well below 10 ms */
#define HF_AUDIT_BATCH 512	     /* records of one commit */
#define CHECKPOINT_RECORDS 1000
#define RETRY_MIN_NS (100 * HF_NS_PER_MS)
#define RETRY_MAX_NS HF_NS_PER_S
#define OPEN_RETRY_NS (5 * HF_NS_PER_S)
#define LAST_WORDS_NS (60 * HF_NS_PER_MS) /* at STOP: read what is queued */
#define SIGN_FIRST_NS (5 * HF_NS_PER_MS)  /* at STOP: before the first one */
#define HEARTBEAT_NS (3600 * HF_NS_PER_S) /* of a log without news */
#define PRUNE_NS (3600 * HF_NS_PER_S)
#define SEGMENT_BYTES (INT64_C(64) << 20)
#define SEGMENT_NS (INT64_C(86400) * HF_NS_PER_S)
#define NZONE (HF_PLANT_NEDGE + 1)
#define NEARLY 64
#define EARLY_BYTES 1600	 /* model/record.c: at most 1,598 */
#define ANSWER_BYTES (16u << 20) /* JSON of one answer */
#define ANSWER_INLINE (HF_MSG_MAX - HF_MSG_HEAD - 200)
#define QUERY_LIMIT 100 /* records, if the question names none */

struct peer {		/* one sender of records */
	uint64_t taken; /* highest request id appended or refused */
	uint64_t acked;
	uint64_t gap; /* id that was dropped and must come first; 0 = none */
	bool ack_due; /* a repeated one wants its answer again */
};

struct early {
	uint64_t req;
	size_t n;
	uint8_t p[EARLY_BYTES];
};

struct audit {
	struct hf_role_ctx ctx;
	struct hf_auditlog *l;
	char origin[HF_NOTE_NAME];
	char boot_id[40];
	struct hf_watch *commit_timer, *open_timer, *stop_timer;
	bool is_armed, is_failing, is_held, has_last_words;
	int64_t retry_ns;
	uint64_t counted; /* records in HF_C_AU_RECORDS */
	int64_t signed_mono_ns, pruned_mono_ns;
	struct peer peer[HF_NROLE][NZONE];
	struct early early[NEARLY];
	size_t nearly;
};

static struct hf_audit_stamp
stamp(const struct audit *a, const struct hf_wire *from, uint64_t req)
{
	struct hf_audit_stamp at = {.wall_ns = hf_wall_ns(),
	    .mono_ns = hf_mono_ns(),
	    .sender = HF_ROLE_AUDIT};

	hf_strcpy(at.boot_id, sizeof(at.boot_id), a->boot_id);
	if (from != NULL) {
		at.sender = from->peer;
		at.zone = from->zone;
		at.req = req;
	}
	return at;
}

/* ---- commit, acknowledge, sign */

/* Back-pressure on everybody but the parent, whose wire also brings STOP. */
static void
hold_senders(struct audit *a, bool is_held)
{
	uint8_t z;

	if (a->is_held == is_held)
		return;
	a->is_held = is_held;
	hf_role_hold(&a->ctx, HF_ROLE_CORE, 0, is_held);
	hf_role_hold(&a->ctx, HF_ROLE_WEB, 0, is_held);
	for (z = 1; z < NZONE; z++)
		if (hf_role_peer(&a->ctx, HF_ROLE_EDGE, z) != NULL)
			hf_role_hold(&a->ctx, HF_ROLE_EDGE, z, is_held);
}

static void
acknowledge(struct audit *a, enum hf_role role, uint8_t zone)
{
	struct peer *p = &a->peer[role][zone];
	struct hf_buf b;

	if (p->taken == p->acked && !p->ack_due)
		return;
	hf_buf_init(&b, 16);
	hf_buf_u64(&b, p->taken);
	hf_buf_u64(&b, hf_auditlog_durable(a->l));
	if (hf_role_send(&a->ctx, role, zone, HF_MSG_RECORD_ACK, 0, b.p, b.len,
		NULL) == HF_OK) {
		p->acked = p->taken;
		p->ack_due = false;
	}
	hf_buf_fini(&b);
}

static void
acknowledge_all(struct audit *a)
{
	uint8_t z;
	int r;

	for (r = 0; r < HF_NROLE; r++)
		for (z = 0; z < NZONE; z++)
			acknowledge(a, (enum hf_role)r, z);
}

static void
arm(struct audit *a, int64_t in_ns)
{
	if (a->is_armed)
		return;
	a->is_armed = true;
	hf_timer_in(a->commit_timer, in_ns);
}

static void
failed(struct audit *a, const char *what, const struct hf_err *err)
{
	hf_count(&a->ctx.counters, HF_C_AU_ERRORS, 1);
	log_error("audit", "%s: %s; nothing is acknowledged until it works",
	    what, err->msg);
	a->retry_ns = a->is_failing ? 2 * a->retry_ns : RETRY_MIN_NS;
	if (a->retry_ns > RETRY_MAX_NS)
		a->retry_ns = RETRY_MAX_NS;
	a->is_failing = true;
	arm(a, a->retry_ns);
}

static void
count_durable(struct audit *a)
{
	uint64_t n = hf_auditlog_durable(a->l);

	hf_count(&a->ctx.counters, HF_C_AU_RECORDS, n - a->counted);
	a->counted = n;
}

static int
commit(struct audit *a)
{
	struct hf_err err = {0};
	int rc = hf_auditlog_commit(a->l, &err);

	if (rc != HF_OK) {
		failed(a, "records cannot be written", &err);
		return rc;
	}
	count_durable(a);
	if (a->is_failing)
		log_info("audit", "the disk takes records again");
	a->is_failing = false;
	hold_senders(a, false);
	acknowledge_all(a);
	return HF_OK;
}

static int
checkpoint(struct audit *a)
{
	uint64_t before = hf_auditlog_signed(a->l);
	struct hf_err err = {0};
	int rc;

	rc = hf_auditlog_checkpoint(a->l, &err);
	if (rc != HF_OK) {
		failed(a, "no checkpoint", &err);
		return rc;
	}
	if (hf_auditlog_signed(a->l) != before) {
		hf_count(&a->ctx.counters, HF_C_AU_CHECKPOINTS, 1);
		a->signed_mono_ns = hf_mono_ns();
	}
	count_durable(a);
	acknowledge_all(a); /* it commits, too */
	return HF_OK;
}

static void
on_commit(void *arg)
{
	struct audit *a = arg;

	a->is_armed = false;
	if (a->l == NULL || commit(a) != HF_OK)
		return;
	if (hf_auditlog_durable(a->l) - hf_auditlog_signed(a->l) >=
	    CHECKPOINT_RECORDS)
		checkpoint(a);
}

/* ---- records */

/* true: not now. Notes the gap that the sender has to close first. */
static bool
is_behind_gap(struct peer *p, uint64_t req)
{
	if (p->gap == 0)
		return false;
	if (req >> 32 > p->gap >> 32 || req == p->gap) {
		p->gap = 0; /* it came, or its sender died with it */
		return false;
	}
	return req > p->gap;
}

static int
take_record(struct audit *a, const struct hf_wire *from, uint64_t req,
    const uint8_t *bytes, size_t n, struct hf_err *err)
{
	struct hf_audit_stamp at = stamp(a, from, req);
	struct peer *p = &a->peer[from->peer][from->zone];
	struct hf_record r;
	int rc;

	if (req <= p->taken) {
		p->ack_due = true;
		arm(a, COMMIT_NS);
		return HF_OK;
	}
	if (is_behind_gap(p, req))
		return HF_OK;
	rc = hf_record_decode(bytes, n, &r, err);
	if (rc == HF_OK)
		rc = hf_auditlog_append(a->l, &r, &at, NULL, err);
	if (rc == HF_OK || rc == HF_EPROTO || rc == HF_EDENIED ||
	    rc == HF_EINVAL) {
		p->taken = req;
		if (hf_auditlog_size(a->l) - hf_auditlog_durable(a->l) >=
			HF_AUDIT_BATCH &&
		    !a->is_failing)
			(void)commit(a);
		else
			arm(a, COMMIT_NS);
	} else {
		p->gap = req; /* it will come again */
		hold_senders(a, true);
		failed(a, "a record cannot be taken", err);
		return HF_OK;
	}
	if (rc == HF_OK)
		return HF_OK;
	hf_count(&a->ctx.counters, HF_C_AU_REFUSED, 1);
	return HF_EPROTO;
}

static int
on_record(struct audit *a, const struct hf_wire *from, struct hf_msg *m,
    struct hf_err *err)
{
	struct early *e;

	if (from->zone >= NZONE || from->peer >= HF_NROLE)
		return HF_FAIL(err, HF_EPROTO, "zone %u", from->zone);
	if (a->l != NULL)
		return take_record(a, from, m->req, m->p, m->n, err);
	if (from->peer == HF_ROLE_PARENT && a->nearly < NEARLY &&
	    m->n <= EARLY_BYTES && a->peer[from->peer][0].gap == 0) {
		e = &a->early[a->nearly++];
		e->req = m->req;
		e->n = m->n;
		memcpy(e->p, m->p, m->n);
	} else if (a->peer[from->peer][from->zone].gap == 0) {
		a->peer[from->peer][from->zone].gap = m->req;
	}
	return HF_OK;
}

/* Who was refused what, by which rule; texts come from clients. */
static void
denied_record(const struct audit *a, const struct hf_wire *from,
    const struct hf_denied *d, struct hf_record *r)
{
	const struct hf_plant *q = a->ctx.plant;
	char lost[64] = "";

	hf_record_text(r->action, sizeof(r->action), "bus.denied");
	hf_record_text(r->decision, sizeof(r->decision), "deny");
	hf_record_text(r->object, sizeof(r->object), "%s", d->topic);
	if (d->listener == HF_POLICY_CORE || d->listener == HF_POLICY_EDGE)
		hf_record_text(r->actor, sizeof(r->actor), "role:%s",
		    d->listener == HF_POLICY_CORE ? "core" : "edge");
	else
		hf_record_text(r->actor, sizeof(r->actor), "mqtt:%s",
		    d->name[0] != '\0' ? d->name : "anonymous");
	if (q != NULL && from->zone <= q->nzone)
		hf_record_text(r->zone, sizeof(r->zone), "%s",
		    q->zones[from->zone - 1].name);
	if (d->lost > 0)
		snprintf(lost, sizeof(lost), "; %u more before it not recorded",
		    d->lost);
	hf_record_text(r->detail, sizeof(r->detail),
	    "%s refused: %s; client %s at %s, listener %u, %u times%s",
	    hf_policy_action_words[d->action], hf_policy_rule_words[d->rule],
	    d->client, d->address[0] != '\0' ? d->address : "(local)",
	    d->listener, d->count, lost);
}

static int
on_denied(struct audit *a, const struct hf_wire *from, const struct hf_msg *m,
    struct hf_err *err)
{
	struct hf_audit_stamp at = stamp(a, from, 0);
	struct hf_record r = {0};
	struct hf_denied d;
	int rc = hf_denied_decode(m->p, m->n, &d, err);

	if (rc != HF_OK)
		return rc;
	hf_count(&a->ctx.counters, HF_C_AU_DENIED, (uint64_t)d.count + d.lost);
	hf_count(&a->ctx.counters, HF_C_AU_DENIED_LOST, d.lost);
	denied_record(a, from, &d, &r);
	if (a->l == NULL || a->is_failing ||
	    hf_auditlog_append(a->l, &r, &at, NULL, err) != HF_OK)
		hf_count(&a->ctx.counters, HF_C_AU_DENIED_LOST, d.count);
	else
		arm(a, COMMIT_NS);
	return HF_OK;
}

/* ---- questions */

static void
answer(struct audit *a, const struct hf_wire *to, uint64_t req, int rc,
    const void *text, size_t n)
{
	struct hf_err err = {0};
	struct hf_buf head;
	int fd;

	hf_buf_init(&head, 16);
	if (n <= ANSWER_INLINE) {
		hf_buf_u32(&head, (uint32_t)rc);
		rc = hf_wire_send(to, HF_MSG_ANSWER, req, head.p, head.len,
		    text, n, -1, &err);
	} else {
		hf_buf_u64(&head, n);
		hf_buf_u32(&head, (uint32_t)rc);
		hf_buf_u32(&head, 0);
		fd = hf_memfd_sealed("audit", text, n, &err);
		rc = fd < 0 ? fd
			    : hf_wire_send(to, HF_MSG_ANSWER_BULK, req, head.p,
				  head.len, NULL, 0, fd, &err);
		if (fd >= 0)
			close(fd);
	}
	if (rc == HF_EAGAIN)
		hf_count(&a->ctx.counters, HF_C_M_SEND_FULL, 1);
	if (rc != HF_OK)
		log_warn("audit", "an answer was lost: %s", err.msg);
	hf_buf_fini(&head);
}

static int
build_answer(struct audit *a, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	uint64_t size = hf_auditlog_durable(a->l), from;
	uint32_t limit = q->limit == 0 ? QUERY_LIMIT : q->limit;
	struct hf_buf note;
	struct hf_jw w;
	int rc;

	if (q->kind == HF_Q_AUDIT) {
		from = size > limit ? size - limit : 0; /* the newest */
		if (q->from_ns != HF_TIME_NONE)
			from = q->from_ns > 0 ? (uint64_t)q->from_ns : 0;
		return hf_auditlog_read_json(a->l, from, limit, out, err);
	}
	if (q->kind != HF_Q_CHECKPOINT)
		return HF_FAIL(
		    err, HF_EPROTO, "question %u is not for audit", q->kind);
	hf_buf_init(&note, 65536);
	rc = hf_auditlog_checkpoint_text(a->l, &note, err);
	if (rc == HF_OK) {
		hf_jw_init(&w, out);
		hf_jw_obj(&w);
		hf_jw_kstr(&w, "note", hf_buf_cstr(&note));
		hf_jw_ku64(&w, "size", size);
		hf_jw_end_obj(&w);
	}
	hf_buf_fini(&note);
	return rc;
}

static int
on_query(struct audit *a, const struct hf_wire *from, struct hf_msg *m,
    struct hf_err *err)
{
	struct hf_err why = {0};
	struct hf_query q;
	struct hf_buf out;
	int rc;

	rc = hf_query_decode(m->p, m->n, &q, err);
	if (rc != HF_OK)
		return rc;
	hf_buf_init(&out, ANSWER_BYTES);
	rc = a->l != NULL ? build_answer(a, &q, &out, &why)
			  : HF_FAIL(&why, HF_EAGAIN, "audit has no log yet");
	if (rc == HF_OK) {
		hf_count(&a->ctx.counters, HF_C_Q_ANSWERED, 1);
		answer(a, from, m->req, rc, out.p, out.len);
	} else {
		hf_count(&a->ctx.counters, HF_C_Q_REFUSED, 1);
		answer(a, from, m->req, rc, why.msg, strlen(why.msg));
	}
	hf_buf_fini(&out);
	return HF_OK;
}

static int
on_message(
    void *arg, const struct hf_wire *from, struct hf_msg *m, struct hf_err *err)
{
	struct audit *a = arg;

	switch (m->type) {
	case HF_MSG_RECORD:
		return on_record(a, from, m, err);
	case HF_MSG_DENIED:
		return on_denied(a, from, m, err);
	case HF_MSG_AUDIT_QUERY:
		return on_query(a, from, m, err);
	default:
		return HF_OK; /* msgs.def lets nothing else through */
	}
}

/* ---- opening */

static int
read_seed(struct audit *a, uint8_t seed[HF_AUDIT_KEY], struct hf_err *err)
{
	int fd = hf_role_ctx_fd(&a->ctx, "key.audit");

	if (fd < 0 || pread(fd, seed, HF_AUDIT_KEY, 0) != HF_AUDIT_KEY)
		return HF_FAIL(err, HF_EINVAL,
		    "the signing key has not 32 bytes; `holdfast init` "
		    "makes it");
	return HF_OK;
}

static int
begin(struct audit *a, struct hf_err *err)
{
	struct hf_audit_stamp at = stamp(a, NULL, 0);
	uint8_t z;
	int r;

	for (r = 0; a->ctx.args.incarnation > 1 && r < HF_NROLE; r++)
		for (z = 0; z < NZONE; z++)
			a->peer[r][z].taken = a->peer[r][z].acked =
			    hf_auditlog_last_req(a->l, (enum hf_role)r, z);
	return hf_auditlog_begin(a->l, a->ctx.args.incarnation, &at, err);
}

static void
take_early(struct audit *a)
{
	const struct hf_wire *w = hf_role_peer(&a->ctx, HF_ROLE_PARENT, 0);
	struct hf_err err = {0};
	size_t i;

	for (i = 0; w != NULL && i < a->nearly; i++)
		if (take_record(a, w, a->early[i].req, a->early[i].p,
			a->early[i].n, &err) != HF_OK)
			log_warn(
			    "audit", "a record of the parent: %s", err.msg);
	a->nearly = 0;
}

/* HF_EINVAL if no retry can help. */
static int
open_log(struct audit *a, struct hf_err *err)
{
	struct hf_audit_report report;
	struct hf_audit_conf conf = {.origin = a->origin,
	    .segment_bytes = SEGMENT_BYTES,
	    .segment_ns = SEGMENT_NS,
	    .gid = a->ctx.args.evidence_gid};
	uint8_t seed[HF_AUDIT_KEY];
	int rc;

	rc = read_seed(a, seed, err);
	conf.seed = seed;
	if (rc == HF_OK)
		rc = hf_auditlog_open(hf_role_ctx_fd(&a->ctx, "dir.audit"),
		    &conf, &a->l, &report, err);
	OPENSSL_cleanse(seed, sizeof(seed));
	if (rc == HF_OK)
		rc = begin(a, err);
	if (rc != HF_OK) {
		hf_auditlog_close(a->l);
		a->l = NULL;
		return rc == HF_EDENIED ? HF_EINVAL : rc;
	}
	a->counted = report.size;
	if (report.text[0] != '\0')
		log_warn("audit", "opened: %s", report.text);
	hf_count(&a->ctx.counters, HF_C_AU_TORN, report.torn_bytes > 0);
	take_early(a);
	if (commit(a) == HF_OK)
		(void)checkpoint(a);
	return HF_OK;
}

static void
open_later(struct audit *a, const struct hf_err *err)
{
	log_error("audit",
	    "the log cannot be opened: %s; no record is taken, "
	    "trying again",
	    err->msg);
	hf_count(&a->ctx.counters, HF_C_AU_ERRORS, 1);
	hold_senders(a, true);
	hf_timer_in(a->open_timer, OPEN_RETRY_NS);
}

static void
on_open_timer(void *arg)
{
	struct audit *a = arg;
	struct hf_err err = {0};
	int rc;

	if (a->l != NULL)
		return;
	rc = open_log(a, &err);
	if (rc == HF_EINVAL)
		hf_role_fail(&a->ctx, HF_RX_CONFIG, "%s", err.msg);
	else if (rc != HF_OK)
		open_later(a, &err);
	else
		hold_senders(a, false);
}

static void
origin_of(const struct hf_plant *p, char *buf, size_t cap)
{
	snprintf(buf, cap, "holdfast/%s/%s", p->site.enterprise, p->site.site);
}

static int
on_judge(void *arg, const struct hf_plant *p, struct hf_err *err)
{
	struct audit *a = arg;
	char origin[HF_NOTE_NAME];

	origin_of(p, origin, sizeof(origin));
	if (a->origin[0] != '\0' && strcmp(origin, a->origin) != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "plant.enterprise and plant.site name the audit log \"%s\" "
		    "and cannot change while it goes on; a new plant needs a "
		    "new data folder",
		    a->origin);
	return HF_OK;
}

static int
on_apply(void *arg, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct audit *a = arg;
	struct hf_err why = {0};
	int rc;

	hf_plant_free(old);
	if (a->origin[0] != '\0')
		return HF_OK;
	origin_of(p, a->origin, sizeof(a->origin));
	rc = open_log(a, &why);
	if (rc == HF_EINVAL)
		return HF_FAIL(err, rc, "%s", why.msg);
	if (rc != HF_OK)
		open_later(a, &why);
	return HF_OK;
}

/* ---- time */

static void
heartbeat(struct audit *a, int64_t mono_ns)
{
	struct hf_record r = {.action = "log.checkpoint",
	    .actor = "role:audit",
	    .decision = "done",
	    .detail = "nothing was recorded for an hour; the log goes on"};
	struct hf_audit_stamp at = stamp(a, NULL, 0);

	if (mono_ns - a->signed_mono_ns >= HEARTBEAT_NS)
		(void)hf_auditlog_append(a->l, &r, &at, NULL, NULL);
}

static void
prune(struct audit *a, int64_t mono_ns)
{
	int64_t keep_ns = a->ctx.plant->retention.audit_ns;
	struct hf_audit_stamp at = stamp(a, NULL, 0);
	struct hf_err err = {0};
	size_t n = 0;

	if (keep_ns <= 0 || mono_ns - a->pruned_mono_ns < PRUNE_NS)
		return;
	a->pruned_mono_ns = mono_ns;
	if (hf_auditlog_prune(a->l, at.wall_ns - keep_ns, &at, &n, &err) !=
	    HF_OK)
		log_error("audit", "retention: %s", err.msg);
	else if (n > 0)
		log_info("audit", "%zu segments removed by retention", n);
}

static void
on_tick(void *arg, int64_t mono_ns)
{
	struct audit *a = arg;

	if (a->l == NULL || a->is_failing)
		return;
	heartbeat(a, mono_ns);
	prune(a, mono_ns);
	if (hf_auditlog_signed(a->l) != hf_auditlog_size(a->l))
		(void)checkpoint(a);
	acknowledge_all(a); /* those whose socket was full */
}

/* Whoever stopped before us has left its last records in our sockets. The disk
 * may be slow and the parent waits for a bounded time, so the work begins with
 * what is there; the second round seldom finds anything. */
static void
on_stop(void *arg)
{
	struct audit *a = arg;

	hf_timer_in(a->stop_timer, SIGN_FIRST_NS);
}

static void
on_last_words(void *arg)
{
	struct audit *a = arg;

	if (a->l != NULL && commit(a) == HF_OK)
		(void)checkpoint(a);
	if (!a->has_last_words) {
		a->has_last_words = true;
		hf_timer_in(a->stop_timer, LAST_WORDS_NS - SIGN_FIRST_NS);
		return;
	}
	hf_auditlog_close(a->l);
	a->l = NULL;
	hf_role_stopped(&a->ctx);
}

static void
read_boot_id(struct audit *a)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, a->boot_id, sizeof(a->boot_id) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n > 0 && a->boot_id[n - 1] == '\n')
		n--;
	if (n > 0)
		a->boot_id[n] = '\0';
	else
		hf_strcpy(a->boot_id, sizeof(a->boot_id), "unknown");
}

int
hf_role_audit(const struct hf_role_args *args)
{
	static const struct hf_role_dir dirs[] = {
	    {.fd_name = "dir.audit", .at = "audit", .is_writable = true},
	};
	static const struct hf_role_spec spec = {
	    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_NET |
			 HF_LAYER_ROOT | HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
	    .calls = HF_CALLS_FILE,
	    .dirs = dirs,
	    .ndir = sizeof(dirs) / sizeof(dirs[0]),
	};
	static const struct hf_role_hooks hooks = {.judge = on_judge,
	    .apply = on_apply,
	    .stop = on_stop,
	    .message = on_message,
	    .tick = on_tick};
	struct audit *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return HF_RX_FAILED;
	read_boot_id(a); /* /proc is gone behind the promise */
	rc = hf_role_start(&a->ctx, args, &spec, &hooks, a);
	if (rc != HF_OK) {
		rc = hf_role_exit_code(&a->ctx);
		free(a);
		return rc;
	}
	a->signed_mono_ns = a->pruned_mono_ns = hf_mono_ns();
	a->commit_timer = hf_loop_timer(a->ctx.loop, on_commit, a);
	a->open_timer = hf_loop_timer(a->ctx.loop, on_open_timer, a);
	a->stop_timer = hf_loop_timer(a->ctx.loop, on_last_words, a);
	if (a->commit_timer == NULL || a->open_timer == NULL ||
	    a->stop_timer == NULL)
		hf_role_fail(&a->ctx, HF_RX_FAILED, "no memory for timers");
	rc = hf_role_run(&a->ctx);
	hf_auditlog_close(a->l);
	free(a);
	return rc;
}
