/* SPDX-License-Identifier: Apache-2.0
 *
 * core_export.c - events and audit records to syslog collectors: core's part.
 *
 * Events come from state.db (through the reader thread), records from audit
 * (AUDIT_QUERY), both only when they are durable. The reader makes messages of
 * them (bus/syslog.h); they travel in chunks (EXPORT) to the edge of the
 * export's zone, which keeps the connection (edge_syslog.c) and says by
 * EXPORT_ACK which chunks the peer has. Then the cursor moves on in state.db.
 *
 *   cursor    number of the last event and of the next record; two streams,
 *             each in its own order, oldest first. Nothing is sent out of
 *             order, so after an outage the news comes behind the backlog.
 *   chunk     has a number that rises over restarts (it starts at the wall
 *             clock). It names the one before it; 0 means "start here". An edge
 *             that lacks what is before a chunk says so (HF_EAGAIN) and gets
 *             all unconfirmed chunks again.
 *
 * At least once: what was not confirmed when core, edge or the connection died
 * is sent again. At most EXPORT_NCHUNK chunks are under way; messages per
 * second are bounded by the export's `rate`. Nothing waits in memory: the
 * backlog stays in state.db and in the audit log, and is shown.
 *
 * A stored row that cannot be made into a message is passed over and counted
 * (drop.export_unreadable): one bad row must not stop the stream.
 */
#include "proc/core_export.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core_export_in.h"

#define NREAD_MAX 200		 /* messages of one read */
#define ASK_NS (5 * HF_NS_PER_S) /* audit answers within, or is asked again */
#define TILE 256		 /* records that retention removes together */

/* ---- the list ---- */

static void
run_fini(struct export_run *x)
{
	size_t i;

	for (i = 0; i < EXPORT_NCHUNK; i++)
		hf_buf_fini(&x->chunk[i].messages);
}

static void
free_list(struct export_run *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		run_fini(&v[i]);
	free(v);
}

void
core_export_fini(struct core *c)
{
	if (c->exports == NULL)
		return;
	free_list(c->exports->v, c->exports->n);
	free(c->exports);
	c->exports = NULL;
}

static void
run_init(
    struct export_run *x, const struct hf_plant *p, const struct hf_export *e)
{
	const struct hf_syslog_conf *conf = e->conf;
	size_t i;

	hf_strcpy(x->name, sizeof(x->name), e->name);
	x->id = hf_crc32c(0, e->name, strlen(e->name));
	x->edge = (uint8_t)(e->zone_idx + 1);
	hf_syslog_head(&x->head, conf, p->site.enterprise, p->site.site);
	x->what = conf->what;
	x->rate_hz = conf->rate_hz;
	x->tokens_ns = hf_mono_ns();
	x->since_ns = hf_wall_ns();
	for (i = 0; i < EXPORT_NCHUNK; i++)
		hf_buf_init(&x->chunk[i].messages, EXPORT_CHUNK_BYTES);
	hf_strcpy(x->text, sizeof(x->text), "no word from edge yet");
}

/* What an export of the same name had confirmed goes on. */
static void
take_over(struct export_run *x, const struct export_run *old, size_t nold)
{
	size_t i;

	for (i = 0; i < nold; i++) {
		if (strcmp(old[i].name, x->name) != 0 || !old[i].has_cursor)
			continue;
		x->has_cursor = true;
		x->confirmed = x->read = old[i].confirmed;
		x->newest_event = old[i].newest_event;
		x->nconfirmed = old[i].nconfirmed;
	}
}

void
core_export_plant(struct core *c)
{
	const struct hf_plant *p = c->ctx.plant;
	struct core_exports *all = c->exports;
	struct export_run *v;
	size_t i, n = 0;

	if (all == NULL) {
		all = c->exports = calloc(1, sizeof(*all));
		if (all == NULL)
			return;
		all->number = (uint64_t)hf_wall_ns();
	}
	v = calloc(p->nexport + 1, sizeof(*v));
	if (v == NULL) {
		log_error("export", "no memory for %zu exports", p->nexport);
		return;
	}
	for (i = 0; i < p->nexport; i++) {
		if (p->exports[i].kind != &hf_syslog_kind)
			continue;
		run_init(&v[n], p, &p->exports[i]);
		take_over(&v[n++], all->v, all->n);
	}
	free_list(all->v, all->n);
	all->v = v;
	all->n = n;
	all->generation++;
}

static struct export_run *
by_name(struct core_exports *all, const char *name)
{
	size_t i;

	for (i = 0; all != NULL && i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

/* ---- reading ---- */

static void
refill_tokens(struct export_run *x)
{
	int64_t now = hf_mono_ns();

	x->tokens += (double)(now - x->tokens_ns) / 1e9 * x->rate_hz;
	if (x->tokens > x->rate_hz && x->tokens > 1)
		x->tokens = x->rate_hz > 1 ? x->rate_hz : 1;
	x->tokens_ns = now;
}

static struct hf_work *
new_read(struct core *c, struct export_run *x)
{
	struct hf_work *w = hf_work_new(HF_W_EXPORT);
	struct export_read *j = calloc(1, sizeof(*j));

	if (w == NULL || j == NULL) {
		hf_work_free(w);
		free(j);
		return NULL;
	}
	w->job = j;
	w->free_job = export_read_free;
	hf_strcpy(j->name, sizeof(j->name), x->name);
	j->generation = c->exports->generation;
	j->head = x->head;
	j->at = x->read;
	j->limit = x->tokens < NREAD_MAX ? (uint32_t)x->tokens : NREAD_MAX;
	hf_buf_init(&j->out, EXPORT_CHUNK_BYTES);
	hf_buf_init(&j->records, EXPORT_ANSWER_BYTES);
	return w;
}

static void
put_read(struct core *c, struct export_run *x, struct hf_work *w)
{
	x->is_reading = w != NULL && hf_queue_put(c->to_reader, w);
	if (w != NULL && !x->is_reading)
		hf_work_free(w); /* the tick tries again */
}

static int
ask_audit(
    struct core *c, uint8_t kind, uint64_t from, uint32_t limit, uint64_t req)
{
	struct hf_query q = {.kind = kind,
	    .from_ns = kind == HF_Q_AUDIT ? (int64_t)from : HF_TIME_NONE,
	    .to_ns = HF_TIME_NONE,
	    .limit = limit};
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, HF_MSG_MAX);
	rc = hf_query_encode(&q, &b);
	if (rc == HF_OK)
		rc = hf_role_send(&c->ctx, HF_ROLE_AUDIT, 0, HF_MSG_AUDIT_QUERY,
		    req, b.p, b.len, NULL);
	hf_buf_fini(&b);
	return rc;
}

static bool
has_records(const struct core *c, const struct export_run *x)
{
	return export_wants_audit(x) &&
	       (uint64_t)x->read.audit < c->exports->audit_size;
}

static void
start_records(struct core *c, struct export_run *x)
{
	uint64_t left = c->exports->audit_size - (uint64_t)x->read.audit;
	uint32_t limit =
	    x->tokens < NREAD_MAX ? (uint32_t)x->tokens : NREAD_MAX;
	int64_t now = hf_mono_ns();

	if (x->audit_req != 0 && now - x->audit_ask_ns < ASK_NS)
		return;
	if (limit > left)
		limit = (uint32_t)left;
	x->audit_req = ++c->exports->req;
	x->audit_ask_ns = now;
	if (ask_audit(c, HF_Q_AUDIT, (uint64_t)x->read.audit, limit,
		x->audit_req) != HF_OK)
		x->audit_req = 0;
}

/* The next read, if there is room, right and reason for one. */
static void
read_more(struct core *c, struct export_run *x, bool may_be_empty)
{
	struct hf_work *w;

	if (x->is_reading || x->n == EXPORT_NCHUNK)
		return;
	refill_tokens(x);
	if (!x->has_cursor) {
		w = new_read(c, x);
		if (w != NULL)
			((struct export_read *)w->job)->is_cursor = true;
		put_read(c, x, w);
		return;
	}
	if (x->tokens < 1)
		return;
	x->is_audit_turn = !x->is_audit_turn;
	if (has_records(c, x) && (x->is_audit_turn || !may_be_empty))
		start_records(c, x);
	if (export_wants_events(x) && x->audit_req == 0 &&
	    (may_be_empty || x->newest_event > x->read.event))
		put_read(c, x, new_read(c, x));
}

/* How long the backlog is, while nothing more may be read. */
static void
look_only(struct core *c, struct export_run *x)
{
	struct hf_work *w;

	if (x->is_reading || x->n < EXPORT_NCHUNK || !export_wants_events(x))
		return;
	w = new_read(c, x);
	if (w != NULL)
		((struct export_read *)w->job)->limit = 0;
	put_read(c, x, w);
}

/* ---- sending ---- */

static int
send_chunk(struct core *c, struct export_run *x, struct export_chunk *k)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, HF_MSG_MAX);
	hf_buf_u32(&b, x->id);
	hf_buf_u64(&b, x->sent_number);
	hf_buf_u64(&b, k->number);
	hf_buf_put(&b, k->messages.p, k->messages.len);
	rc = hf_buf_ok(&b) ? hf_role_send(&c->ctx, HF_ROLE_EDGE, x->edge,
				 HF_MSG_EXPORT, 0, b.p, b.len, NULL)
			   : HF_ENOMEM;
	hf_buf_fini(&b);
	if (rc != HF_OK)
		return rc;
	hf_count(
	    &c->ctx.counters, k->was_sent ? HF_C_X_RESENT : HF_C_X_SENT, k->n);
	k->was_sent = true;
	x->sent_number = k->number;
	return HF_OK;
}

static void
send_more(struct core *c, struct export_run *x)
{
	while (
	    x->nsent < x->n && send_chunk(c, x, &x->chunk[x->nsent]) == HF_OK)
		x->nsent++;
}

static void
keep_cursor(struct core *c, const struct export_run *x)
{
	struct hf_work *w = hf_work_new(HF_W_CURSOR);

	if (w != NULL)
		w->key = strdup(x->name);
	if (w == NULL || w->key == NULL) {
		hf_work_free(w);
		return; /* the next one counts for this one too */
	}
	w->cursor = x->confirmed;
	core_put_row(c, w);
}

/* Chunks [0, n) are the peer's. */
static void
confirm(struct core *c, struct export_run *x, size_t n)
{
	struct export_chunk gone[EXPORT_NCHUNK];
	size_t i;

	for (i = 0; i < n; i++) {
		hf_count(&c->ctx.counters, HF_C_X_CONFIRMED, x->chunk[i].n);
		x->nconfirmed += x->chunk[i].n;
		gone[i] = x->chunk[i];
		hf_buf_reset(&gone[i].messages);
	}
	x->confirmed = x->chunk[n - 1].after;
	memmove(x->chunk, x->chunk + n, (x->n - n) * sizeof(x->chunk[0]));
	memcpy(x->chunk + x->n - n, gone, n * sizeof(gone[0]));
	x->n -= n;
	x->nsent = x->nsent > n ? x->nsent - n : 0;
	keep_cursor(c, x);
}

static void
add_chunk(struct core *c, struct export_run *x, struct export_read *j)
{
	struct export_chunk *k = &x->chunk[x->n];
	struct hf_buf empty = k->messages;

	x->read = j->at;
	x->tokens -= j->n;
	if (j->n == 0) { /* only rows that were passed over, or nothing */
		if (j->nbad > 0 && x->n == 0) {
			x->confirmed = x->read;
			keep_cursor(c, x);
		}
		return;
	}
	k->number = ++c->exports->number;
	k->messages = j->out; /* they change places */
	j->out = empty;
	k->n = j->n;
	k->after = j->at;
	k->was_sent = false;
	x->n++;
}

void
core_export_read(struct core *c, struct hf_work *w)
{
	struct export_read *j = w->job;
	struct export_run *x = by_name(c->exports, j->name);
	bool is_more;

	if (x == NULL || j->generation != c->exports->generation) {
		hf_work_free(w);
		return;
	}
	x->is_reading = false;
	if (w->rc != HF_OK) {
		log_warn("export", "%s: %s", x->name, w->err.msg);
		hf_work_free(w);
		return;
	}
	if (j->is_cursor) {
		x->confirmed = x->read = j->at;
		x->has_cursor = true;
	} else {
		if (!j->is_audit)
			x->newest_event = j->newest_event;
		hf_count(&c->ctx.counters, HF_C_X_UNREADABLE, j->nbad);
		add_chunk(c, x, j);
		send_more(c, x);
	}
	is_more = j->is_cursor;
	hf_work_free(w);
	read_more(c, x, is_more);
}

/* ---- what edge and audit say ---- */

static void
set_state(struct export_run *x, bool is_up, const char *text, size_t n)
{
	if (x->is_up != is_up)
		x->since_ns = hf_wall_ns();
	x->is_up = is_up;
	hf_printable(x->text, sizeof(x->text), text, n);
}

int
core_export_acked(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	struct core_exports *all = c->exports;
	struct export_run *x = NULL;
	struct hf_rd r;
	uint64_t number;
	uint32_t id;
	int32_t rc;
	size_t i;

	hf_rd_init(&r, m->p, m->n);
	id = hf_rd_u32(&r);
	rc = (int32_t)hf_rd_u32(&r);
	number = hf_rd_u64(&r);
	(void)hf_rd_u32(&r);
	if (!hf_rd_ok(&r))
		return HF_FAIL(
		    err, HF_EPROTO, "export answer of %zu bytes", m->n);
	for (i = 0; all != NULL && i < all->n; i++)
		if (all->v[i].id == id)
			x = &all->v[i];
	if (x == NULL)
		return HF_OK; /* a reload took it away meanwhile */
	if (x->edge != from->zone)
		return HF_FAIL(
		    err, HF_EPROTO, "export %s of another zone", x->name);
	if (rc != HF_EAGAIN)
		set_state(x, rc == HF_OK, (const char *)r.p, hf_rd_left(&r));
	for (i = x->nsent; i > 0; i--)
		if (x->chunk[i - 1].number == number) {
			confirm(c, x, i);
			break;
		}
	if (rc == HF_EAGAIN) {
		x->sent_number = 0;
		x->nsent = 0;
	}
	send_more(c, x);
	read_more(c, x, false);
	return HF_OK;
}

static void
take_size(struct core *c, const char *p, size_t n)
{
	json_t *o = NULL;
	json_int_t size;

	if (hf_json_parse(p, n, EXPORT_ANSWER_BYTES, &o, NULL) != HF_OK)
		return;
	size = json_integer_value(json_object_get(o, "size"));
	if (size > 0)
		c->exports->audit_size = (uint64_t)size;
	json_decref(o);
}

static void
take_records(
    struct core *c, struct export_run *x, int32_t rc, const char *p, size_t n)
{
	struct hf_work *w;
	struct export_read *j;

	x->audit_req = 0;
	if (rc == HF_ENOTFOUND) { /* retention was faster: go on behind it */
		hf_count(&c->ctx.counters, HF_C_X_UNREADABLE,
		    TILE - (uint64_t)x->read.audit % TILE);
		x->read.audit += TILE - x->read.audit % TILE;
		return;
	}
	if (rc != HF_OK || x->is_reading || x->n == EXPORT_NCHUNK)
		return;
	w = new_read(c, x);
	if (w == NULL)
		return;
	j = w->job;
	j->is_audit = true;
	hf_buf_put(&j->records, p, n);
	put_read(c, x, w);
}

static void
take_answer(struct core *c, uint64_t req, int32_t rc, const char *p, size_t n)
{
	struct core_exports *all = c->exports;
	size_t i;

	if (all == NULL)
		return;
	if (req == all->size_req) {
		all->size_req = 0;
		if (rc == HF_OK)
			take_size(c, p, n);
		for (i = 0; i < all->n; i++)
			read_more(c, &all->v[i], false);
		return;
	}
	for (i = 0; i < all->n; i++)
		if (all->v[i].audit_req == req)
			take_records(c, &all->v[i], rc, p, n);
}

int
core_export_answer(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	const void *p;
	struct hf_rd r;
	uint64_t size;
	int32_t rc;

	if (from->peer != HF_ROLE_AUDIT)
		return HF_FAIL(
		    err, HF_EPROTO, "answer of %s", hf_role_name(from->peer));
	hf_rd_init(&r, m->p, m->n);
	if (m->type == HF_MSG_ANSWER) {
		rc = (int32_t)hf_rd_u32(&r);
		take_answer(c, m->req, rc, (const char *)r.p, hf_rd_left(&r));
		return HF_OK;
	}
	size = hf_rd_u64(&r);
	rc = (int32_t)hf_rd_u32(&r);
	if (!hf_rd_ok(&r) || size != m->memfd_size || m->memfd < 0 || size == 0)
		return HF_FAIL(err, HF_EPROTO, "large answer without memory");
	p = hf_memfd_map(m->memfd, size, err);
	if (p == NULL)
		return HF_OK; /* asked again */
	take_answer(c, m->req, rc, p, size);
	(void)munmap((void *)(uintptr_t)p, size);
	return HF_OK;
}

/* ---- time ---- */

static void
ask_size(struct core *c, int64_t mono_ns)
{
	struct core_exports *all = c->exports;

	if (all->size_req != 0 && mono_ns - all->size_ask_ns < ASK_NS)
		return;
	all->size_req = ++all->req;
	all->size_ask_ns = mono_ns;
	if (ask_audit(c, HF_Q_CHECKPOINT, 0, 0, all->size_req) != HF_OK)
		all->size_req = 0;
}

void
core_export_tick(struct core *c, int64_t mono_ns)
{
	struct core_exports *all = c->exports;
	bool is_audit = false;
	size_t i;

	for (i = 0; all != NULL && i < all->n; i++) {
		struct export_run *x = &all->v[i];

		is_audit |= export_wants_audit(x);
		if (x->audit_req != 0 && mono_ns - x->audit_ask_ns >= ASK_NS)
			x->audit_req = 0;
		send_more(c, x);
		read_more(c, x, true);
		look_only(c, x);
	}
	if (is_audit)
		ask_size(c, mono_ns);
}

void
core_export_kick(struct core *c)
{
	struct core_exports *all = c->exports;
	size_t i;

	for (i = 0; all != NULL && i < all->n; i++)
		if (export_wants_events(&all->v[i]))
			read_more(c, &all->v[i], true);
}
