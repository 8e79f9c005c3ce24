/* SPDX-License-Identifier: Apache-2.0
 *
 * core_writer.c - core's writer thread: log, fold, state.db.
 *
 * Group commit: the first batch opens a window of commit_ns; all that arrives
 * in it shares one fdatasync. Batches come back to the loop only when that
 * returned.
 *
 * When the store cannot write (full disk, I/O error), nothing is thrown away:
 * the batches of the failed commit and all that follow are held in order, and
 * tried again every RETRY_NS until it works. A frame that was appended is not
 * appended again, unless its commit failed and voided it. The loop is told at
 * each change (HF_W_STORE), stops acknowledging, and bounds how much it puts
 * meanwhile. Everything else (queries, alarms) goes on: rows of state.db are
 * held in the same list, in their own order, and are stored even if the log
 * cannot be written.
 *
 * A log that only a fold can make room in is filled up to conf->log_bytes; the
 * rest is for the batches that wait when the fold comes, since they go before
 * it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "os/file.h"
#include "proc/core_replay.h"
#include "proc/core_work.h"

#define ASK_FOLD_NS (60 * HF_NS_PER_S)	/* a loop without memory forgets */
#define FOLD_RETRY_NS (5 * HF_NS_PER_S) /* after one that failed */
#define RETRY_NS (500 * HF_NS_PER_MS)	/* between tries of a failing store */
#define COMMIT_NSAMPLE 4096		/* commit at the latest */
#define IDLE_NS (200 * HF_NS_PER_MS)	/* wake-up without work */

struct list {
	struct hf_work *first, **last;
};

struct writer {
	const struct hf_writer_conf *conf;
	struct list held; /* appended (or to be), not yet durable, in order */
	struct hf_work *next_append; /* first of held that is not appended */
	size_t nappended, nsample;   /* appended, not committed */
	int64_t window_ns; /* monotonic end of the commit window, 0 = none */
	int64_t retry_ns;  /* monotonic time of the next try, 0 = healthy */
	int64_t told_ns;   /* monotonic time of the last HF_W_STORE */
	int64_t asked_ns;  /* monotonic, when a fold was asked for; 0 = not */
	bool is_folding;
	struct hf_work *stop; /* given back last of all */
};

static void
list_add(struct list *l, struct hf_work *w)
{
	w->next = NULL;
	*l->last = w;
	l->last = &w->next;
}

static void
give_back(struct writer *wr, struct hf_work *w)
{
	w->next = NULL;
	while (!hf_queue_put(wr->conf->out, w))
		usleep(200); /* the loop always drains; it never waits for us */
}

#define TELL_NS HF_NS_PER_S

static void
tell_store(struct writer *wr, bool is_failing, const struct hf_err *err)
{
	struct hf_work *w = hf_work_new(HF_W_STORE);

	if (w == NULL)
		return;
	w->is_failing = is_failing;
	if (err != NULL)
		w->err = *err;
	w->durable_seq = hf_store_durable_seq(wr->conf->store);
	w->log_bytes = hf_store_log_bytes(wr->conf->store);
	w->disk_free = hf_disk_free(wr->conf->log_dirfd);
	w->ctr = *wr->conf->ctr;
	wr->told_ns = hf_mono_ns();
	give_back(wr, w);
}

static void
store_failed(struct writer *wr, const struct hf_err *err)
{
	if (wr->retry_ns == 0) {
		log_error("store",
		    "%s; acknowledgement stops, detection and "
		    "alarms go on, tried again twice a second",
		    err->msg);
		tell_store(wr, true, err);
	}
	wr->window_ns = 0;
	wr->retry_ns = hf_mono_ns() + RETRY_NS;
}

static void
store_works(struct writer *wr)
{
	if (wr->retry_ns == 0)
		return;
	wr->retry_ns = 0;
	log_info("store", "writes again");
	tell_store(wr, false, NULL);
}

static int
append(struct writer *wr, struct hf_work *w, struct hf_err *err)
{
	int64_t full = hf_store_log_bytes(wr->conf->store);
	int rc;

	if (full + (int64_t)w->nbyte > wr->conf->log_bytes && !wr->is_folding)
		return HF_FAIL(err, HF_ELIMIT,
		    "the log is full (%lld MiB) and "
		    "its fold into history does not succeed",
		    (long long)(full >> 20));
	rc = hf_store_append(
	    wr->conf->store, w->bytes, w->nbyte, &w->batch, &w->seq, err);
	if (rc != HF_OK)
		return rc;
	wr->nappended++;
	wr->nsample += w->batch.n;
	return HF_OK;
}

/* Appends what is held and not yet appended; stops at a batch. */
static int
append_held(struct writer *wr, struct hf_err *err)
{
	int rc = HF_OK;

	while (wr->next_append != NULL && rc == HF_OK) {
		if (wr->next_append->kind == HF_W_BATCH)
			rc = append(wr, wr->next_append, err);
		if (rc == HF_OK)
			wr->next_append = wr->next_append->next;
	}
	return rc;
}

static int
put_state(struct writer *wr, struct hf_work *w, struct hf_err *err)
{
	struct hf_state *st = wr->conf->state;
	struct hf_state_event e = {.rule = w->rule,
	    .subject = w->subject,
	    .from_ns = w->from_ns,
	    .to_ns = w->to_ns,
	    .raised_ns = w->wall_ns,
	    .json = w->json};
	bool is_new;
	int rc;

	switch (w->kind) {
	case HF_W_EVENT:
		memcpy(e.id, w->id, sizeof(e.id));
		e.plant = w->plant_hash;
		return hf_state_put_event(st, &e, &is_new, err);
	case HF_W_AUDITED:
		return hf_state_set_audited(st, w->id, err);
	case HF_W_CURSOR:
		return hf_state_put_cursor(st, w->key, &w->cursor, err);
	case HF_W_ALARM:
		rc = hf_state_put_alarm(st, w->key, w->row, w->nrow, err);
		if (rc != HF_OK || w->json == NULL)
			return rc;
		return hf_state_put_journal(
		    st, w->wall_ns, w->key, w->json, err);
	default:
		return HF_OK;
	}
}

/* One transaction for all rows among what is held. */
static int
commit_state(struct writer *wr, struct hf_err *err)
{
	struct hf_work *w;
	bool has_row = false;
	int rc = HF_OK;

	for (w = wr->held.first; w != NULL; w = w->next)
		has_row |= w->kind != HF_W_BATCH;
	if (!has_row)
		return HF_OK;
	rc = hf_state_begin(wr->conf->state, err);
	if (rc != HF_OK)
		return rc;
	for (w = wr->held.first; w != NULL && rc == HF_OK; w = w->next)
		if (w->kind != HF_W_BATCH)
			rc = put_state(wr, w, err);
	if (rc == HF_OK)
		rc = hf_state_commit(wr->conf->state, err);
	if (rc != HF_OK)
		hf_state_rollback(wr->conf->state);
	return rc;
}

/* Gives back what is durable: all rows, or the batches before next_append. */
static void
release(struct writer *wr, bool is_batch)
{
	struct hf_work *w = wr->held.first, *next;
	bool is_durable = true;

	wr->held.first = NULL;
	wr->held.last = &wr->held.first;
	for (; w != NULL; w = next) {
		next = w->next;
		is_durable &= !is_batch || w != wr->next_append;
		if (is_durable && (w->kind == HF_W_BATCH) == is_batch) {
			w->rc = HF_OK;
			give_back(wr, w);
		} else {
			list_add(&wr->held, w);
		}
	}
}

static void
ask_fold(struct writer *wr)
{
	struct hf_work *w;

	if ((wr->asked_ns != 0 && hf_mono_ns() - wr->asked_ns < ASK_FOLD_NS) ||
	    !hf_store_wants_fold(wr->conf->store, hf_mono_ns()))
		return;
	w = hf_work_new(HF_W_WANTS_FOLD);
	if (w == NULL)
		return;
	wr->asked_ns = hf_mono_ns();
	give_back(wr, w);
}

/* Frames since the last good commit are void: all held batches go again. */
static void
rewind_append(struct writer *wr)
{
	struct hf_work *w = wr->held.first;

	while (w != NULL && w->kind != HF_W_BATCH)
		w = w->next;
	wr->next_append = w; /* never a row: those may leave the list */
}

/* What could be appended becomes durable, even if not all could. */
static int
commit_frames(struct writer *wr, struct hf_err *err)
{
	int rc = append_held(wr, err), rc_sync;

	if (wr->nappended == 0)
		return rc;
	rc_sync = hf_store_commit(wr->conf->store, rc == HF_OK ? err : NULL);
	wr->nappended = wr->nsample = 0;
	if (rc_sync != HF_OK) {
		rewind_append(wr);
		return rc_sync;
	}
	release(wr, true);
	return rc;
}

/* Makes all that is held durable: first the frames, then the rows. */
static int
commit(struct writer *wr, struct hf_err *err)
{
	struct hf_err why = {0};
	int rc = commit_frames(wr, err), rc_rows = commit_state(wr, &why);

	if (rc_rows == HF_OK)
		release(wr, false);
	if (rc == HF_OK && rc_rows != HF_OK) {
		rc = rc_rows;
		*err = why;
	}
	if (rc != HF_OK) {
		store_failed(wr, err);
		return rc;
	}
	wr->window_ns = 0;
	store_works(wr);
	ask_fold(wr);
	return HF_OK;
}

static int
write_snaps(void *arg, struct hf_err *err)
{
	struct hf_work *w = ((void **)arg)[0];
	struct writer *wr = ((void **)arg)[1];
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < w->nsnap && rc == HF_OK; i++)
		rc = hf_file_replace(wr->conf->detect_dirfd, w->snaps[i].name,
		    w->snaps[i].p, w->snaps[i].n, 0600, err);
	return rc;
}

static void
do_fold(struct writer *wr, struct hf_work *w)
{
	void *arg[2] = {w, wr};
	int64_t t0 = hf_mono_ns();

	/* The snapshots were taken after every batch put so far: they may not
	 * become durable before those batches are. */
	wr->is_folding = true;
	w->rc = wr->held.first == NULL ? HF_OK : commit(wr, &w->err);
	wr->is_folding = false;
	if (w->rc == HF_OK)
		w->rc = hf_store_fold(
		    wr->conf->store, t0, write_snaps, arg, &w->err);
	w->took_ns = hf_mono_ns() - t0;
	/* The store waits by itself after a fold that it began. */
	wr->asked_ns =
	    w->rc == HF_OK ? 0 : hf_mono_ns() - ASK_FOLD_NS + FOLD_RETRY_NS;
	if (w->rc != HF_OK)
		log_warn("store", "fold: %s; the log keeps all, tried again",
		    w->err.msg);
	give_back(wr, w);
}

static bool
needs_span(void *arg, int64_t from_ns, int64_t to_ns)
{
	struct hf_work *w = ((void **)arg)[0];
	struct writer *wr = ((void **)arg)[1];

	return hf_state_span_needed(
	    wr->conf->state, from_ns, to_ns, w->keep_after_ns);
}

static void
do_expire(struct writer *wr, struct hf_work *w)
{
	void *arg[2] = {w, wr};

	w->rc = hf_store_expire(wr->conf->store, w->before_ns, needs_span, arg,
	    &w->nremoved, &w->err);
	give_back(wr, w);
}

/* Behind the rows of events that are held: those are of the plant before. */
static void
store_births(struct writer *wr, const struct hf_work *w)
{
	struct hf_state *st = wr->conf->state;
	struct hf_err err = {0};
	int rc = w->births == NULL ? HF_OK : hf_state_begin(st, &err);

	if (w->births == NULL)
		return;
	if (rc == HF_OK)
		rc = hf_births_store(st, w->births, &err);
	if (rc == HF_OK)
		rc = hf_state_commit(st, &err);
	if (rc == HF_OK)
		return;
	hf_state_rollback(st);
	log_warn("core", "events of this configuration may not be replayed: %s",
	    err.msg);
}

static void
take(struct writer *wr, struct hf_work *w)
{
	switch (w->kind) {
	case HF_W_BATCH:
	case HF_W_EVENT:
	case HF_W_AUDITED:
	case HF_W_ALARM:
	case HF_W_CURSOR:
		list_add(&wr->held, w);
		if (wr->next_append == NULL && w->kind == HF_W_BATCH)
			wr->next_append = w;
		if (wr->window_ns == 0)
			wr->window_ns = hf_mono_ns() + wr->conf->commit_ns;
		break;
	case HF_W_FOLD:
		do_fold(wr, w);
		break;
	case HF_W_COPY:
		w->open = hf_store_copy_open(
		    wr->conf->store, w->tag, w->query.from_ns, w->query.to_ns);
		w->rc = w->open == NULL ? HF_ENOMEM : HF_OK;
		give_back(wr, w);
		break;
	case HF_W_REPLAY:
		w->rc = hf_replay_copy(w, wr->conf->store);
		give_back(wr, w);
		break;
	case HF_W_PLANT:
		store_births(wr, w);
		w->rc = hf_store_set_plant(wr->conf->store, w->plant, &w->err);
		if (w->rc == HF_OK)
			w->rc = core_contracts_store(
			    wr->conf->state, w->plant, &w->err);
		give_back(wr, w);
		break;
	case HF_W_EXPIRE:
		do_expire(wr, w);
		break;
	case HF_W_STOP:
		wr->stop = w;
		break;
	default:
		hf_work_free(w);
	}
}

/* How long the thread may sleep before it must act by itself. */
static int64_t
patience(const struct writer *wr)
{
	int64_t until = wr->retry_ns != 0 ? wr->retry_ns : wr->window_ns, left;

	if (wr->held.first == NULL && wr->retry_ns == 0)
		return IDLE_NS;
	left = until - hf_mono_ns();
	return left > 0 ? left : 0;
}

static bool
is_commit_due(const struct writer *wr)
{
	int64_t now = hf_mono_ns();

	if (wr->retry_ns != 0)
		return now >= wr->retry_ns;
	return wr->held.first != NULL &&
	       (now >= wr->window_ns || wr->nsample >= COMMIT_NSAMPLE);
}

void *
hf_core_writer(void *arg)
{
	struct writer wr = {.conf = arg};
	struct hf_err err = {.rc = HF_OK};
	struct hf_work *w;

	wr.held.last = &wr.held.first;
	while (wr.stop == NULL) {
		w = hf_queue_wait(wr.conf->in, patience(&wr));
		if (w != NULL)
			take(&wr, w);
		/* Writing early spreads the work over the window; the sync at
		 * its end makes it count. */
		if (wr.retry_ns == 0 && wr.next_append != NULL &&
		    append_held(&wr, &err) != HF_OK)
			commit(&wr, &err); /* what there is, and say why */
		if (is_commit_due(&wr))
			commit(&wr, &err);
		ask_fold(&wr);
		if (hf_mono_ns() - wr.told_ns > TELL_NS)
			tell_store(&wr, wr.retry_ns != 0, NULL);
	}
	if (wr.held.first != NULL)
		commit(&wr, &err);
	hf_store_close(wr.conf->store);
	hf_state_close(wr.conf->state);
	while (wr.held.first != NULL) {
		w = wr.held.first;
		wr.held.first = w->next;
		hf_work_free(w);
	}
	give_back(&wr, wr.stop);
	return NULL;
}
