/* SPDX-License-Identifier: Apache-2.0
 *
 * core_ingest.c - batches: checked, detected on, made durable, acknowledged.
 *
 * Three numbers per source (edge) decide what a batch is:
 *   seen_seq     fed to detectors
 *   taken_seq    given to the writer; contiguous, so a hole shows at once
 *   durable_seq  acknowledged
 * A batch <= taken_seq is a duplicate. A batch that leaves a hole is not looked
 * at: edge is asked to send everything behind taken_seq again (a core that was
 * killed had taken batches that never became durable). Edge answers with a
 * hello that names a number: all that it holds behind that number follows. If
 * we have taken all up to it, the next batch may leave a hole: what is missing
 * there is nowhere any more (numbers jump when edge starts, a spool file can be
 * damaged). A hello that was meant for a core before us names a number that we
 * do not have, and opens nothing.
 *
 * While the store fails and the writer holds all it may, batches are not taken,
 * but detectors still see them, so that alarms go on; edge keeps them and is
 * asked for them as soon as the store works. What comes back then is stored
 * with the flag `late`: it was fed once and is not fed again.
 *
 * While the store is merely slow, edges are held back instead (their sockets
 * fill, their rings grow), and nothing is skipped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "model/quality.h"
#include "os/file.h"
#include "proc/core.h"
#include "proc/core_mirror.h"
#include "proc/core_replay.h"

#define FUTURE_NS (600 * HF_NS_PER_S)  /* a stamp this far ahead is a fault */
#define ASK_NS HF_NS_PER_S	       /* between two requests to fill a hole */
#define SNAP_BYTES (64u << 20)	       /* of one detector */
#define FOLD_WAIT_NS (2 * HF_NS_PER_S) /* for events to be durable first */
#define SEQ_JUMP (UINT64_C(1) << 32)   /* no edge starts that often */

void
core_put(struct core *c, struct hf_work *w)
{
	if (c->backlog == NULL && hf_queue_put(c->to_writer, w))
		return;
	w->next = NULL;
	*c->backlog_last = w;
	c->backlog_last = &w->next;
}

void
core_push_backlog(struct core *c)
{
	struct hf_work *w, *next;

	while ((w = c->backlog) != NULL) {
		next = w->next; /* its owner may be the writer in a moment */
		if (!hf_queue_put(c->to_writer, w))
			return;
		c->backlog = next;
		if (next == NULL)
			c->backlog_last = &c->backlog;
	}
}

bool
core_put_row(struct core *c, struct hf_work *w)
{
	w->nbyte =
	    sizeof(*w) + w->nrow + (w->json == NULL ? 0 : strlen(w->json));
	if (c->row_bytes + w->nbyte > CORE_ROW_BYTES) {
		log_error("core",
		    "%zu MiB of rows wait for state.db: one of "
		    "kind %d is lost",
		    c->row_bytes >> 20, w->kind);
		hf_count(&c->ctx.counters, HF_C_C_ROW_DROP, 1);
		hf_work_free(w);
		return false;
	}
	c->row_bytes += w->nbyte;
	core_put(c, w);
	return true;
}

static void
ack(struct core *c, uint8_t zone)
{
	struct core_source *s = &c->source[zone];
	struct hf_buf b;
	uint32_t state = c->is_store_failing ? 1 : 0;

	if (state == 0 && s->needs_resend &&
	    c->pending_bytes < c->pending_max / 2 &&
	    hf_mono_ns() - s->asked_ns >= ASK_NS) {
		state = 2; /* send all behind seq again; no acknowledgement */
		s->needs_resend = false;
		s->asked_ns = hf_mono_ns();
	}
	hf_buf_init(&b, 64);
	hf_buf_u64(&b, s->key);
	hf_buf_u64(&b, state == 2 ? s->taken_seq : s->durable_seq);
	hf_buf_u32(&b, state);
	hf_buf_u32(&b, 0);
	if (hf_role_send(&c->ctx, HF_ROLE_EDGE, zone, HF_MSG_BATCH_ACK, 0, b.p,
		b.len, NULL) != HF_OK &&
	    state == 2)
		s->needs_resend = true; /* the tick tries again */
	hf_buf_fini(&b);
}

int
core_ingest_hello(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	struct core_source *s = &c->source[from->zone];
	struct hf_buf b;
	struct hf_rd r;
	uint64_t key, base;

	hf_rd_init(&r, m->p, m->n);
	key = hf_rd_u64(&r);
	base = hf_rd_u64(&r);
	if (!hf_rd_ok(&r) || key != s->key)
		return HF_FAIL(err, HF_EPROTO, "hello of another zone");
	if (base <= s->taken_seq) {
		s->is_open = true;
		s->needs_resend = false;
	}
	/* What a dead edge had sent and we have taken keeps its number: the new
	 * edge counts on behind it. */
	hf_buf_init(&b, 64);
	hf_buf_u64(&b, s->key);
	hf_buf_u64(&b, s->taken_seq);
	hf_buf_u32(&b, c->is_store_failing ? 1 : 0);
	hf_buf_u32(&b, 3); /* answer to a hello */
	hf_role_send(&c->ctx, HF_ROLE_EDGE, from->zone, HF_MSG_BATCH_ACK,
	    m->req, b.p, b.len, NULL);
	hf_buf_fini(&b);
	return HF_OK;
}

void
core_keep_last(struct core *c, const struct hf_sample *s, const char *str)
{
	const struct hf_tag *t = hf_plant_tag_by_key(c->ctx.plant, s->tag);
	struct core_last *l;

	if (t == NULL || (s->flags & HF_F_BACKFILL) != 0)
		return;
	l = &c->last[t - c->ctx.plant->tags];
	if (l->is_set && s->t_ns < l->s.t_ns)
		return;
	free(l->str);
	l->str = NULL;
	l->s = *s;
	l->is_set = true;
	if (s->vtype == HF_V_STR && str != NULL)
		l->str = strndup(str + s->v.str_off, s->str_len);
	if (c->mirror != NULL && c->note_seq != 0)
		core_mirror_note(
		    c, (size_t)(t - c->ctx.plant->tags), c->note_seq);
}

/* Tags must belong to the sender's devices; unknown ones are stored all the
 * same (a reload may have removed them while they travelled) and counted. */
static int
check_samples(
    struct core *c, uint8_t zone, const struct hf_batch *b, struct hf_err *err)
{
	const struct hf_plant *p = c->ctx.plant;
	int64_t now = hf_wall_ns();
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct hf_tag *t = hf_plant_tag_by_key(p, b->s[i].tag);
		const struct hf_device *d;

		if (t == NULL) {
			hf_count(&c->ctx.counters, HF_C_C_UNKNOWN_TAG, 1);
			continue;
		}
		d = &p->devices[t->device_idx];
		if (d->edge_idx + 1u != zone) {
			hf_count(&c->ctx.counters, HF_C_C_WRONG_ZONE, 1);
			return HF_FAIL(err, HF_EPROTO,
			    "sample of tag %s of zone %s", t->path, d->zone);
		}
		if (d->clock != HF_CLOCK_REPLAY &&
		    b->s[i].t_ns - now > FUTURE_NS)
			hf_count(&c->ctx.counters, HF_C_C_FUTURE, 1);
	}
	return HF_OK;
}

/* seq: frame number of the batch, or of the last one if it gets none. */
static void
feed(struct core *c, struct core_source *s, uint64_t seq, struct hf_batch *b)
{
	size_t i;

	if (b->seq <= s->seen_seq) {
		for (i = 0; i < b->n; i++) /* fed once, before it was kept */
			b->s[i].flags |= HF_F_LATE;
	} else {
		hf_engine_feed(c->engine, seq, b);
		s->seen_seq = b->seq;
	}
	for (i = 0; i < b->n; i++) {
		core_keep_last(c, &b->s[i], b->str);
		if ((b->s[i].flags & HF_F_LATE) != 0)
			hf_count(&c->ctx.counters, HF_C_C_LATE, 1);
	}
}

static void
hold_edges(struct core *c, bool is_held)
{
	uint8_t z;

	for (z = 1; z <= c->ctx.plant->nedge; z++)
		hf_role_hold(&c->ctx, HF_ROLE_EDGE, z, is_held);
}

void
core_balance(struct core *c)
{
	size_t n = hf_queue_count(c->to_writer);
	bool is_full =
	    c->pending_bytes > c->pending_max / 2 || n > CORE_NWORK * 3 / 4;
	bool is_low =
	    c->pending_bytes < c->pending_max / 4 && n < CORE_NWORK / 2;

	if (c->is_store_failing || is_low)
		hold_edges(c, false);
	else if (is_full)
		hold_edges(c, true);
}

/* A copy of the batch that outlives the message. Its flags are still the
 * sender's. */
static struct hf_work *
batch_work(struct core *c, const struct hf_msg *m, const struct hf_batch *b,
    uint8_t zone)
{
	struct hf_work *w = hf_work_new(HF_W_BATCH);

	if (w == NULL)
		return NULL;
	w->bytes = malloc(m->n);
	w->batch = *b;
	w->batch.s = calloc(b->n + 1, sizeof(*b->s));
	if (w->bytes == NULL || w->batch.s == NULL) {
		hf_work_free(w);
		return NULL;
	}
	memcpy(w->bytes, m->p, m->n);
	memcpy(w->batch.s, b->s, b->n * sizeof(*b->s));
	if (b->str != NULL)
		w->batch.str =
		    (const char *)w->bytes + (b->str - (const char *)m->p);
	w->nbyte = m->n;
	w->zone = zone;
	w->seq = c->next_seq;
	w->put_seq = c->put_seq + 1;
	w->put_ns = hf_mono_ns();
	return w;
}

static bool
has_room(const struct core *c)
{
	return c->pending_bytes <= c->pending_max && c->backlog == NULL &&
	       hf_queue_count(c->to_writer) < CORE_NWORK - 16;
}

/* The store takes it, later; detectors see it now. */
static void
only_feed(struct core *c, struct core_source *s, struct hf_batch *b)
{
	s->needs_resend = true;
	hf_count(&c->ctx.counters, HF_C_C_DETECTED_NOT_STORED, b->n);
	c->has_fed_unstored = true;
	/* The number of the last frame: a snapshot must not claim the next one,
	 * which may be another edge's. */
	feed(c, s, c->next_seq - 1, b);
	core_release_events(c, UINT64_MAX);
}

static void
ask_to_fill(struct core *c, struct core_source *s, uint8_t zone)
{
	s->needs_resend = true;
	ack(c, zone); /* not more than once in ASK_NS; the tick asks again */
}

void
core_ask_again(struct core *c)
{
	uint8_t z;

	for (z = 1; z <= c->ctx.plant->nedge; z++) {
		ack(c, z);
		c->source[z].needs_resend = true;
		ack(c, z);
	}
}

void
core_ack_all(struct core *c)
{
	uint8_t z;

	for (z = 1; z <= c->ctx.plant->nedge; z++)
		ack(c, z);
}

static int
take_batch(struct core *c, struct core_source *s, const struct hf_msg *m,
    struct hf_batch *b, uint8_t zone)
{
	struct hf_work *w = batch_work(c, m, b, zone);

	if (w == NULL) { /* no memory: edge keeps it, ask again later */
		s->needs_resend = true;
		return HF_OK;
	}
	c->note_seq = w->put_seq; /* shown when it is durable */
	feed(c, s, c->next_seq, &w->batch);
	c->note_seq = 0;
	hf_batch_patch_flags(w->bytes, w->nbyte, w->batch.s);
	if (b->decoded_ns > 0) {
		int64_t now = hf_mono_ns();

		hf_latency_add(&c->decide, now, now - b->decoded_ns);
	}
	hf_count(&c->ctx.counters, HF_C_C_BATCHES, 1);
	hf_count(&c->ctx.counters, HF_C_C_SAMPLES, b->n);
	s->taken_seq = b->seq;
	c->next_seq++;
	c->put_seq++;
	c->pending_bytes += w->nbyte;
	c->pending_batches++;
	core_put(c, w);
	core_balance(c);
	return HF_OK;
}

int
core_ingest_batch(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	struct core_source *s = &c->source[from->zone];
	struct hf_batch b;
	bool is_next;
	int rc =
	    hf_batch_decode(m->p, m->n, c->scratch, HF_BATCH_NSAMPLE, &b, err);

	if (rc == HF_OK && b.source != s->key)
		rc = HF_FAIL(err, HF_EPROTO, "batch of another source");
	if (rc == HF_OK && b.seq > s->taken_seq &&
	    b.seq - s->taken_seq > SEQ_JUMP)
		rc = HF_FAIL(err, HF_EPROTO, "batch number %llu behind %llu",
		    (unsigned long long)b.seq,
		    (unsigned long long)s->taken_seq);
	if (rc == HF_OK)
		rc = check_samples(c, from->zone, &b, err);
	if (rc != HF_OK)
		return rc;
	if (b.seq <= s->taken_seq) {
		hf_count(&c->ctx.counters, HF_C_C_DUP_BATCH, 1);
		return HF_OK;
	}
	is_next = b.seq == s->taken_seq + 1 || s->is_open;
	s->is_open = false; /* refused: the one behind it leaves a hole */
	if (is_next && has_room(c))
		return take_batch(c, s, m, &b, from->zone);
	if (c->is_store_failing)
		only_feed(c, s, &b);
	else
		ask_to_fill(c, s, from->zone);
	return HF_OK;
}

void
core_ingest_done(struct core *c, struct hf_work *w)
{
	struct core_source *s = &c->source[w->zone];
	int64_t now = hf_mono_ns();

	c->pending_bytes -= w->nbyte;
	c->pending_batches--;
	s->durable_seq = w->batch.seq;
	c->durable_seq = w->seq;
	/* Numbers of frames that a failed commit voided are not used again. */
	c->next_seq = w->seq + (c->put_seq - w->put_seq) + 1;
	if (w->batch.decoded_ns > 0)
		hf_latency_add(&c->release, now, now - w->batch.decoded_ns);
	core_release_events(c, w->put_seq);
	if (c->mirror != NULL)
		core_mirror_durable(c, w->put_seq);
	ack(c, w->zone);
	hf_work_free(w);
}

void
core_store_changed(struct core *c, const struct hf_work *w)
{
	bool was_failing = c->is_store_failing;

	c->writer_seen = w->ctr;
	c->disk_free = w->disk_free;
	c->log_bytes = w->log_bytes;
	if (w->is_failing && w->err.msg[0] != '\0')
		memcpy(c->store_text, w->err.msg, sizeof(c->store_text));
	if (!w->is_failing)
		c->store_text[0] = '\0';
	c->is_store_failing = w->is_failing;
	if (w->is_failing && !was_failing) {
		hf_count(&c->ctx.counters, HF_C_C_STOP_ACK, 1);
		core_record(c, "store.failed", "role:core", "log", "failed",
		    w->err.msg);
		core_release_events(c, UINT64_MAX);
		core_act_stored(c, 0);
	} else if (was_failing && !w->is_failing) {
		core_record(c, "store.recovered", "role:core", "log", "done",
		    "the store writes again");
		/* What detectors saw is not in the log as they saw it: a replay
		 * must start behind it. */
		if (c->has_fed_unstored)
			core_start_fold(c);
		c->has_fed_unstored = false;
	}
	if (was_failing != w->is_failing)
		core_ack_all(c);
}

static int
save_snap(const struct core *c, size_t i, struct hf_snap *s)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, SNAP_BYTES);
	rc = hf_engine_save(c->engine, i, &b);
	if (rc == HF_OK && !hf_buf_ok(&b))
		rc = HF_ENOMEM;
	if (rc != HF_OK) {
		hf_buf_fini(&b);
		return rc;
	}
	snprintf(
	    s->name, sizeof(s->name), "%s.snap", hf_engine_name(c->engine, i));
	s->p = b.p; /* moves */
	s->n = b.len;
	return HF_OK;
}

void
core_start_fold(struct core *c)
{
	if (c->fold_wish_ns == 0)
		c->fold_wish_ns = hf_mono_ns();
	core_try_fold(c);
}

/* The detectors as they are after the last batch put go to disk with the
 * fold of everything up to it. After that no replay raises the events of
 * those batches again: their rows must be at the writer before the fold is.
 * So it waits until no event waits, and does not wait for ever. */
void
core_try_fold(struct core *c)
{
	size_t i, n = hf_engine_ndetector(c->engine);
	struct hf_work *w;

	if (c->fold_wish_ns == 0 || c->is_folding)
		return;
	if (c->events != NULL && hf_mono_ns() - c->fold_wish_ns < FOLD_WAIT_NS)
		return;
	core_release_events(c, UINT64_MAX);
	w = hf_work_new(HF_W_FOLD);
	if (w != NULL)
		w->snaps = calloc(n + 1, sizeof(*w->snaps));
	if (w == NULL || w->snaps == NULL) {
		log_error("core", "no memory for snapshots: fold put off");
		hf_work_free(w);
		return;
	}
	for (i = 0; i < n; i++) {
		if (save_snap(c, i, &w->snaps[w->nsnap]) == HF_OK)
			w->nsnap++;
		else
			log_error("core",
			    "no snapshot of detector %s: after a "
			    "restart it goes on from an older state",
			    hf_engine_name(c->engine, i));
	}
	c->is_folding = true;
	c->fold_wish_ns = 0;
	core_put(c, w);
}

static int
replay_frame(void *arg, uint64_t seq, const struct hf_batch *b)
{
	struct core *c = arg;
	struct hf_batch copy = *b;

	copy.s = c->scratch;
	if (b->n > HF_BATCH_NSAMPLE)
		return HF_ECORRUPT;
	memcpy(copy.s, b->s, b->n * sizeof(*b->s));
	hf_engine_feed(c->engine, seq, &copy);
	core_births_note(c, &copy);
	return HF_OK;
}

static uint64_t
load_snap(struct core *c, size_t i)
{
	struct hf_err err = {0};
	struct hf_buf b;
	uint64_t seq = 0;
	char name[80];
	int rc;

	snprintf(name, sizeof(name), "%s.snap", hf_engine_name(c->engine, i));
	hf_buf_init(&b, SNAP_BYTES);
	rc = hf_file_read(c->detect_fd, name, SNAP_BYTES, &b, &err);
	if (rc == HF_OK && hf_engine_snapshot_seq(b.p, b.len) > c->durable_seq)
		rc = HF_FAIL(&err, HF_ECORRUPT, "of a log that is not ours");
	if (rc == HF_OK)
		rc = hf_engine_load(c->engine, i, b.p, b.len, &seq, &err);
	if (rc != HF_OK && rc != HF_ENOTFOUND)
		log_warn(
		    "core", "%s: %s; the detector learns anew", name, err.msg);
	else if (rc == HF_ENOTFOUND && b.len > 0)
		log_info("core", "%s: %s", name, err.msg);
	hf_buf_fini(&b);
	return rc == HF_OK ? seq : 0;
}

int
core_rebuild(struct core *c, struct hf_err *err)
{
	size_t i, n = hf_engine_ndetector(c->engine);
	uint64_t from = n == 0 ? 0 : UINT64_MAX;
	int rc;

	for (i = 0; i < n; i++) {
		uint64_t seq = load_snap(c, i);

		if (seq < from)
			from = seq;
	}
	core_births_begin(c);
	c->is_replaying = true;
	rc = hf_store_replay(
	    c->writer_conf.store, from + 1, replay_frame, c, err);
	c->is_replaying = false;
	return rc;
}
