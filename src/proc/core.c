/* SPDX-License-Identifier: Apache-2.0
 *
 * core.c - the core role: tag table, store, detectors, alarms, answers.
 *
 * Three threads: this loop (receive, detect, alarm), the writer (log, fold,
 * state.db) and the reader (queries). core.h tells which file does what and the
 * way of a sample; core_work.h what moves between the threads.
 *
 * Start: the first configuration opens store and state, rebuilds the detectors
 * from snapshots and log, and only then starts the threads. From then on the
 * loop never touches store or state again.
 */
#include "proc/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core_mirror.h"
#include "proc/core_tree.h"
#include "proc/core_export.h"
#include "proc/core_replay.h"

#define EXPIRE_NS (3600 * HF_NS_PER_S) /* between looks for old months */
#define CLOCK_JUMP_NS (2 * HF_NS_PER_S)
#define STOP_NS (350 * HF_NS_PER_MS) /* for batches under way at a stop */
#define STOP_FOLD_BYTES \
	(16 << 20) /* a larger log is folded at the next start */

static void
expired(struct core *c, const struct hf_work *w)
{
	if (w->nremoved > 0)
		core_record(c, "retention.removed", "role:core", "hist", "done",
		    "month files past retention");
	if (w->rc != HF_OK)
		log_error("core", "retention: %s", w->err.msg);
}

/* False: w has another owner now. */
static bool
take_back(struct core *c, struct hf_work *w)
{
	switch (w->kind) {
	case HF_W_BATCH:
		core_ingest_done(c, w);
		return false;
	case HF_W_EVENT:
	case HF_W_AUDITED:
	case HF_W_ALARM:
	case HF_W_CURSOR:
		c->row_bytes -= w->nbyte;
		if (w->kind == HF_W_EVENT)
			core_export_kick(c);
		if (w->req != 0)
			core_act_stored(c, w->req);
		return true;
	case HF_W_STORE:
		core_store_changed(c, w);
		return true;
	case HF_W_WANTS_FOLD:
		core_start_fold(c);
		return true;
	case HF_W_FOLD:
		c->is_folding = false;
		if (w->rc == HF_OK)
			c->last_fold_ns = hf_wall_ns();
		return true;
	case HF_W_COPY:
		core_query_copied(c, w);
		return false;
	case HF_W_REPLAY:
		core_replay_back(c, w);
		return false;
	case HF_W_EXPIRE:
		expired(c, w);
		return true;
	case HF_W_PLANT:
		c->nplant--;
		if (w->rc != HF_OK)
			log_error("core", "tag names: %s", w->err.msg);
		return true;
	case HF_W_STOP:
		c->has_writer_ended = true;
		return true;
	default:
		return true;
	}
}

static void go_on_stopping(struct core *c);

static void
drain_writer(void *arg)
{
	struct core *c = arg;
	struct hf_work *w;

	while ((w = hf_queue_get(c->from_writer)) != NULL)
		if (take_back(c, w))
			hf_work_free(w);
	core_push_backlog(c);
	core_try_fold(c);
	core_balance(c);
	go_on_stopping(c);
}

static void
drain_reader(void *arg)
{
	struct core *c = arg;
	struct hf_work *w;

	while ((w = hf_queue_get(c->from_reader)) != NULL) {
		c->reader_seen = w->ctr;
		if (w->kind == HF_W_READ) {
			core_query_read(c, w);
		} else if (w->kind == HF_W_REPLAY) {
			core_replay_back(c, w);
		} else if (w->kind == HF_W_EXPORT) {
			core_export_read(c, w);
		} else {
			c->has_reader_ended |= w->kind == HF_W_STOP;
			hf_work_free(w);
		}
	}
	go_on_stopping(c);
}

static int
start_threads(struct core *c, struct hf_err *err)
{
	if (pthread_create(&c->writer, NULL, hf_core_writer, &c->writer_conf) !=
	    0)
		return HF_FAIL(err, HF_ENOMEM, "writer thread");
	c->has_threads = true; /* from here on only _exit() ends the role */
	if (pthread_create(&c->reader, NULL, hf_core_reader, &c->reader_conf) !=
	    0)
		return HF_FAIL(err, HF_ENOMEM, "reader thread");
	c->watch_writer = hf_loop_read(
	    c->ctx.loop, hf_queue_fd(c->from_writer), drain_writer, c);
	c->watch_reader = hf_loop_read(
	    c->ctx.loop, hf_queue_fd(c->from_reader), drain_reader, c);
	if (c->watch_writer == NULL || c->watch_reader == NULL)
		return HF_FAIL(err, HF_ENOMEM, "watches");
	return HF_OK;
}

static void
put_last(void *arg, const struct hf_sample *s, const char *str)
{
	core_keep_last(arg, s, str);
}

/* Sources of this plant: what is durable is taken and was seen. */
static void
set_sources(struct core *c, const struct hf_plant *p, struct hf_store *st)
{
	char name[96];
	size_t z;

	for (z = 0; z < p->nedge; z++) {
		struct core_source *s = &c->source[z + 1];

		snprintf(name, sizeof(name), "edge/%s", p->edges[z].name);
		s->key = hf_tag_key(name);
		s->durable_seq = hf_store_source_seq(st, s->key);
		s->taken_seq = s->seen_seq = s->durable_seq;
	}
}

static int
open_store(struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	struct hf_store_dirs dirs = {.log = hf_role_ctx_fd(&c->ctx, "dir.log"),
	    .hist = hf_role_ctx_fd(&c->ctx, "dir.hist"),
	    .hist_path = c->hist_path};
	struct hf_log_report report = {.nframe = 0};
	int rc = hf_state_open(c->state_path, &c->writer_conf.state, err);

	if (rc == HF_OK)
		rc = hf_store_open(&dirs, &p->storage, &c->writer_ctr,
		    &c->writer_conf.store, &report, err);
	if (rc == HF_OK)
		rc = hf_store_set_plant(c->writer_conf.store, p, err);
	if (rc != HF_OK)
		return rc;
	if (report.text[0] != '\0') {
		log_warn("store", "%s", report.text);
		core_record(c, "store.quarantined", "role:core", "log", "done",
		    report.text);
	}
	c->durable_seq = hf_store_durable_seq(c->writer_conf.store);
	c->next_seq = c->durable_seq + 1;
	return HF_OK;
}

static bool
is_on(void *arg, const char *rule, const char *subject)
{
	struct core *c = arg;

	return hf_engine_is_on(c->engine, rule, subject);
}

static int
new_detectors(struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	return hf_engine_new(
	    p, &c->ctx.counters, core_on_event, c, &c->engine, err);
}

/* The last quarter of the log is for what the writer holds when a fold is
 * due: a log that is full to the brim could not be folded any more. */
static void
set_bounds(struct core *c, const struct hf_storage *st)
{
	c->writer_conf.commit_ns = st->commit_ns;
	c->writer_conf.log_bytes = st->log_bytes - st->log_bytes / 4;
	c->pending_max = CORE_PENDING_BYTES;
	if (c->pending_max > (uint64_t)st->log_bytes / 8)
		c->pending_max = (size_t)st->log_bytes / 8;
}

static int
first_plant(struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	int rc = open_store(c, p, err);

	if (rc == HF_OK)
		rc = core_contracts_first(c, p, err);
	if (rc == HF_OK)
		rc = core_load_alarms(c, err);
	if (rc == HF_OK)
		rc = new_detectors(c, p, err);
	if (rc == HF_OK)
		rc = core_rebuild(c, err);
	if (rc != HF_OK)
		return rc;
	hf_alarms_settle(c->alarms, is_on, c, hf_wall_ns());
	core_load_spent(c);
	core_record_unaudited(c, err);
	rc = hf_store_each_last(c->writer_conf.store, put_last, c, err);
	if (rc != HF_OK)
		return rc;
	core_births_end(c, p);
	core_export_plant(c);
	set_sources(c, p, c->writer_conf.store);
	set_bounds(c, &p->storage);
	rc = start_threads(c, err);
	if (rc == HF_OK)
		core_ask_again(c);
	return rc;
}

static int
new_tables(struct core *c, const struct hf_plant *p, struct core_last **last,
    struct hf_dev_state **devices, struct hf_err *err)
{
	size_t i;

	*last = calloc(p->ntag + 1, sizeof(**last));
	*devices = calloc(p->ndevice + 1, sizeof(**devices));
	if (*last == NULL || *devices == NULL)
		return HF_FAIL(err, HF_ENOMEM, "tables of %zu tags", p->ntag);
	for (i = 0; i < p->ndevice; i++) {
		hf_strcpy((*devices)[i].device, sizeof((*devices)[i].device),
		    p->devices[i].name);
		(*devices)[i].last_value_ns = HF_TIME_NONE;
		(*devices)[i].since_ns = hf_wall_ns();
		hf_strcpy((*devices)[i].text, sizeof((*devices)[i].text),
		    "no word from edge yet");
	}
	return HF_OK;
}

/* Last values and device states move to the new plant by name. */
static void
move_tables(struct core *c, const struct hf_plant *p,
    const struct hf_plant *old, struct core_last *last,
    struct hf_dev_state *devices)
{
	size_t i, k;

	for (i = 0; old != NULL && i < old->ntag; i++) {
		const struct hf_tag *t =
		    hf_plant_tag_by_key(p, old->tags[i].key);

		if (t != NULL) {
			last[t - p->tags] = c->last[i];
			c->last[i].str = NULL;
		}
		free(c->last[i].str);
	}
	for (i = 0; old != NULL && i < old->ndevice; i++)
		for (k = 0; k < p->ndevice; k++)
			if (strcmp(p->devices[k].name, old->devices[i].name) ==
			    0)
				devices[k] = c->devices[i];
	free(c->last);
	free(c->devices);
	c->last = last;
	c->devices = devices;
}

/* Plants before a reload go when no event of their rules waits any more and the
 * writer reads none. Only then do alarms of rules that are gone return. */
static void
drop_olds(struct core *c)
{
	struct core_old *o;
	bool is_any = false;

	while ((o = c->olds) != NULL && c->nplant == 0 &&
	       (c->events == NULL || c->events->put_seq > o->put_seq)) {
		c->olds = o->next;
		hf_plant_free(o->plant);
		free(o);
		is_any = true;
	}
	if (is_any)
		hf_alarms_settle(c->alarms, is_on, c, hf_wall_ns());
}

/* Devices that are gone have no state that could end their alarm. */
static void
end_device_alarms(
    struct core *c, const struct hf_plant *p, const struct hf_plant *old)
{
	char subject[160];
	size_t i, k;

	for (i = 0; i < old->ndevice; i++) {
		for (k = 0; k < p->ndevice; k++)
			if (strcmp(p->devices[k].name, old->devices[i].name) ==
			    0)
				break;
		snprintf(subject, sizeof(subject), "device/%s",
		    old->devices[i].name);
		if (k == p->ndevice)
			hf_alarms_system(
			    c->alarms, subject, false, 2, "", "", hf_wall_ns());
	}
}

static int
next_plant(struct core *c, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct core_old *o = calloc(1, sizeof(*o)), **last = &c->olds;
	struct hf_work *w = hf_work_new(HF_W_PLANT);
	struct hf_engine *was = c->engine;
	int rc;

	rc = w == NULL || o == NULL ? HF_FAIL(err, HF_ENOMEM, "reload")
				    : new_detectors(c, p, err);
	if (rc != HF_OK) {
		hf_work_free(w);
		free(o);
		return rc;
	}
	hf_engine_adopt(c->engine, was);
	if (core_births_reload(c, p, w) != HF_OK)
		log_warn("core",
		    "no memory: events of this configuration may not be "
		    "replayed");
	core_export_plant(c);
	hf_engine_free(was); /* events that wait point into its plant only */
	end_device_alarms(c, p, old);
	*o = (struct core_old){.plant = old, .put_seq = c->put_seq};
	while (*last != NULL)
		last = &(*last)->next;
	*last = o;
	w->plant = p;
	c->nplant++;
	core_put(c, w);
	return HF_OK;
}

static int
apply(void *arg, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct core *c = arg;
	struct hf_dev_state *devices;
	struct core_last *last;
	int rc = old == NULL ? HF_OK : core_contracts_next(c, p, err);

	if (rc == HF_OK)
		rc = new_tables(c, p, &last, &devices, err);

	if (rc != HF_OK)
		return rc;
	move_tables(c, p, old, last, devices);
	core_tree_plant(c);
	if (old != NULL) { /* first, since alarms may change below */
		core_mirror_plant(c, p, old);
		return next_plant(c, p, old, err);
	}
	rc = first_plant(c, p, err);
	if (rc == HF_OK)
		core_mirror_plant(c, p, NULL);
	return rc;
}

static int
judge(void *arg, const struct hf_plant *p, struct hf_err *err)
{
	return core_contracts_judge(arg, p, err);
}

static int
take_role_state(struct core *c, const struct hf_msg *m, struct hf_err *err)
{
	struct hf_role_state s;
	int rc = hf_role_state_decode(m->p, m->n, &s, err);
	size_t i;

	if (rc != HF_OK)
		return rc;
	for (i = 0; i < c->nrole; i++)
		if (c->roles[i].role == s.role && c->roles[i].zone == s.zone)
			break;
	if (i == CORE_NROLE)
		return HF_FAIL(err, HF_ELIMIT, "%zu roles", i);
	if (i == c->nrole)
		c->nrole++;
	c->roles[i] = s;
	return HF_OK;
}

static void
device_record(struct core *c, const struct hf_dev_state *was,
    const struct hf_dev_state *is)
{
	if ((was->status == HF_DS_QUARANTINED) ==
	    (is->status == HF_DS_QUARANTINED))
		return;
	core_record(c, "device.state", "role:edge", is->device,
	    is->status == HF_DS_QUARANTINED ? "quarantined" : "released",
	    is->text);
}

static int
take_device_state(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	const struct hf_plant *p = c->ctx.plant;
	struct hf_dev_state s;
	int rc = hf_dev_state_decode(m->p, m->n, &s, err);
	size_t i;

	if (rc != HF_OK)
		return rc;
	for (i = 0; i < p->ndevice; i++)
		if (strcmp(p->devices[i].name, s.device) == 0)
			break;
	if (i == p->ndevice)
		return HF_OK; /* a reload took it away meanwhile */
	if (p->devices[i].edge_idx + 1u != from->zone)
		return HF_FAIL(err, HF_EPROTO, "state of device %s of zone %s",
		    s.device, p->devices[i].zone);
	device_record(c, &c->devices[i], &s);
	c->devices[i] = s;
	return HF_OK;
}

static int
take_counters(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	struct hf_counters *to = from->peer == HF_ROLE_EDGE
				     ? &c->edge_ctr[from->zone]
				     : &c->peer_ctr[from->peer];

	return hf_counters_decode(m->p, m->n, to, err);
}

static int
message(
    void *arg, const struct hf_wire *from, struct hf_msg *m, struct hf_err *err)
{
	struct core *c = arg;

	switch (m->type) {
	case HF_MSG_BATCH:
		return core_ingest_batch(c, from, m, err);
	case HF_MSG_EDGE_HELLO:
		return core_ingest_hello(c, from, m, err);
	case HF_MSG_DEVICE_STATE:
		return take_device_state(c, from, m, err);
	case HF_MSG_COUNTERS:
		return take_counters(c, from, m, err);
	case HF_MSG_QUERY:
		return core_query(c, m, err);
	case HF_MSG_TRY_ANSWER:
		return core_try_answer(c, from, m, err);
	case HF_MSG_ROLE_STATE:
		return take_role_state(c, m, err);
	case HF_MSG_EXPORT_ACK:
		return core_export_acked(c, from, m, err);
	case HF_MSG_ANSWER:
	case HF_MSG_ANSWER_BULK:
		return core_export_answer(c, from, m, err);
	default:
		return HF_FAIL(err, HF_EPROTO,
		    "message type %d has no place "
		    "in core",
		    m->type);
	}
}

static void
expire(struct core *c, int64_t mono_ns)
{
	const struct hf_retention *r = &c->ctx.plant->retention;
	struct hf_work *w;

	if (r->history_ns <= 0 || mono_ns < c->expire_ns)
		return;
	c->expire_ns = mono_ns + EXPIRE_NS;
	w = hf_work_new(HF_W_EXPIRE);
	if (w == NULL)
		return;
	w->before_ns = hf_wall_ns() - r->history_ns;
	w->keep_after_ns =
	    r->journal_ns > 0 ? hf_wall_ns() - r->journal_ns : INT64_MIN;
	core_put(c, w);
}

static void
watch_clock(struct core *c, int64_t mono_ns)
{
	int64_t skew = hf_wall_ns() - mono_ns, jump = skew - c->skew_ns;
	char text[128], by[HF_TIME_TEXT];

	c->skew_ns = skew;
	if (jump <= CLOCK_JUMP_NS && jump >= -CLOCK_JUMP_NS)
		return;
	snprintf(text, sizeof(text), "the wall clock moved by %s%s",
	    jump < 0 ? "-" : "", hf_dur_fmt(jump < 0 ? -jump : jump, by));
	log_warn("core", "%s", text);
	core_record(c, "clock.jump", "role:core", "clock", "done", text);
}

static void
tick(void *arg, int64_t mono_ns)
{
	struct core *c = arg;

	if (!c->has_threads)
		return;
	watch_clock(c, mono_ns);
	core_try_expire(c, mono_ns);
	core_watch_system(c);
	if (c->mirror != NULL)
		core_mirror_tick(c, mono_ns);
	core_export_tick(c, mono_ns);
	expire(c, mono_ns);
	drop_olds(c);
	core_push_backlog(c);
	core_try_fold(c);
	core_balance(c);
	core_ack_all(c);
}

/* Leaves when both threads have ended. */
static void
leave(struct core *c)
{
	pthread_join(c->writer, NULL);
	pthread_join(c->reader, NULL);
	c->has_threads = false;
	core_mirror_stop(c);
	hf_role_stopped(&c->ctx);
}

static void
put_stop(struct core *c)
{
	struct hf_work *w = hf_work_new(HF_W_STOP), *r = hf_work_new(HF_W_STOP);

	if (w == NULL || r == NULL)
		_exit(HF_RX_FAILED);
	c->has_put_stop = true;
	core_put(c, w);
	if (!hf_queue_put(c->to_reader, r))
		hf_work_free(r); /* a reader that far behind is left */
}

/* In steps, while the loop goes on and takes what the threads give back: all
 * batches durable and the rows of their events put; then the fold, so that
 * the next start has nothing to do, and the threads' end. A store that fails
 * or is too slow is not waited for, and not folded: the log has what a
 * replay needs. */
static void
go_on_stopping(struct core *c)
{
	bool is_calm = c->pending_batches == 0 && c->events == NULL;

	if (!c->is_stopping || !c->has_threads)
		return;
	if (!c->has_put_stop &&
	    (is_calm || c->is_store_failing || c->is_stop_due)) {
		if (is_calm && !c->is_store_failing &&
		    c->log_bytes < STOP_FOLD_BYTES)
			core_start_fold(c);
		put_stop(c);
	}
	if (c->has_writer_ended && c->has_reader_ended)
		leave(c);
}

static void
stop_due(void *arg)
{
	struct core *c = arg;

	if (c->has_writer_ended)
		_exit(HF_RX_OK); /* a reader with a long answer: let it be */
	c->is_stop_due = true;
	hf_timer_in(c->stop_timer, STOP_NS / 4);
	go_on_stopping(c);
}

static void
stop(void *arg)
{
	struct core *c = arg;

	c->is_stopping = true;
	if (!c->has_threads) {
		hf_role_stopped(&c->ctx);
		return;
	}
	hf_timer_in(c->stop_timer, STOP_NS);
	go_on_stopping(c);
}

static void
empty(struct hf_queue *q)
{
	struct hf_work *w;

	while (q != NULL && (w = hf_queue_get(q)) != NULL)
		hf_work_free(w);
	hf_queue_free(q);
}

static void
fini_lists(struct core *c)
{
	struct core_event *e;
	struct core_act *a;
	struct core_old *o;
	struct hf_work *w;

	while ((w = c->backlog) != NULL) {
		c->backlog = w->next;
		hf_work_free(w);
	}
	while ((e = c->events) != NULL) {
		c->events = e->next;
		free(e->json);
		free(e);
	}
	while ((a = c->acts) != NULL) {
		c->acts = a->next;
		hf_buf_fini(&a->json);
		free(a);
	}
	while ((o = c->olds) != NULL) {
		c->olds = o->next;
		hf_plant_free(o->plant);
		free(o);
	}
}

static void
fini(struct core *c)
{
	size_t i;

	hf_watch_free(c->watch_writer);
	hf_watch_free(c->watch_reader);
	hf_watch_free(c->stop_timer);
	core_mirror_free(c);
	core_tree_free(c);
	fini_lists(c);
	for (i = 0; c->ctx.plant != NULL && i < c->ctx.plant->ntag; i++)
		free(c->last[i].str);
	free(c->last);
	free(c->devices);
	free(c->scratch);
	free(c->unaudited);
	core_contracts_free(c);
	hf_engine_free(c->engine);
	hf_alarms_free(c->alarms);
	core_export_fini(c);
	empty(c->to_writer);
	empty(c->from_writer);
	empty(c->to_reader);
	empty(c->from_reader);
}

static int
init(struct core *c, struct hf_err *err)
{
	c->scratch = calloc(HF_BATCH_NSAMPLE, sizeof(*c->scratch));
	c->events_last = &c->events;
	c->backlog_last = &c->backlog;
	c->stop_timer = hf_loop_timer(c->ctx.loop, stop_due, c);
	c->to_writer = hf_queue_new(CORE_NWORK);
	c->from_writer = hf_queue_new(2 * CORE_NWORK);
	c->to_reader = hf_queue_new(CORE_NREAD);
	c->from_reader = hf_queue_new(CORE_NREAD + 16);
	c->alarms = hf_alarms_new(CORE_NALARM, core_on_alarm, c);
	if (c->scratch == NULL || c->stop_timer == NULL ||
	    c->to_writer == NULL || c->from_writer == NULL ||
	    c->to_reader == NULL || c->from_reader == NULL || c->alarms == NULL)
		return HF_FAIL(err, HF_ENOMEM, "core's tables");
	c->detect_fd = hf_role_ctx_fd(&c->ctx, "dir.detect");
	c->writer_conf = (struct hf_writer_conf){.in = c->to_writer,
	    .out = c->from_writer,
	    .ctr = &c->writer_ctr,
	    .detect_dirfd = c->detect_fd,
	    .log_dirfd = hf_role_ctx_fd(&c->ctx, "dir.log")};
	c->reader_conf = (struct hf_reader_conf){.in = c->to_reader,
	    .out = c->from_reader,
	    .ctr = &c->reader_ctr,
	    .hist_path = c->hist_path,
	    .state_path = c->state_path};
	c->started_ns = hf_wall_ns();
	c->last_fold_ns = HF_TIME_NONE;
	c->disk_free = -1;
	c->skew_ns = hf_wall_ns() - hf_mono_ns();
	return HF_OK;
}

static int
set_paths(struct core *c, struct hf_err *err)
{
	char dir[200];
	int rc = hf_role_path(
	    &c->ctx, "dir.hist", c->hist_path, sizeof(c->hist_path), err);

	if (rc == HF_OK)
		rc = hf_role_path(&c->ctx, "dir.state", dir, sizeof(dir), err);
	if (rc == HF_OK)
		snprintf(
		    c->state_path, sizeof(c->state_path), "%s/state.db", dir);
	return rc;
}

int
hf_role_core(const struct hf_role_args *a)
{
	static const struct hf_role_dir dirs[] = {
	    {.fd_name = "dir.log", .at = "log", .is_writable = true},
	    {.fd_name = "dir.hist", .at = "hist", .is_writable = true},
	    {.fd_name = "dir.state", .at = "state", .is_writable = true},
	    {.fd_name = "dir.detect", .at = "detect", .is_writable = true},
	    {.fd_name = "dir.broker", .at = "broker", .is_optional = true},
	};
	static const struct hf_role_spec spec = {
	    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_NET |
			 HF_LAYER_ROOT | HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
	    .calls = HF_CALLS_FILE | HF_CALLS_THREAD | HF_CALLS_UNIX,
	    .dirs = dirs,
	    .ndir = sizeof(dirs) / sizeof(dirs[0]),
	    .max_files = 1024,
	};
	static const struct hf_role_hooks hooks = {.judge = judge,
	    .apply = apply,
	    .stop = stop,
	    .message = message,
	    .tick = tick};
	struct core *c = calloc(1, sizeof(*c));
	struct hf_err err = {0};
	int code;

	if (c == NULL)
		return HF_RX_FAILED;
	if (hf_role_start(&c->ctx, a, &spec, &hooks, c) != HF_OK) {
		code = hf_role_exit_code(&c->ctx);
	} else if (init(c, &err) != HF_OK || set_paths(c, &err) != HF_OK) {
		log_error("core", "%s", err.msg);
		code = HF_RX_FAILED;
	} else {
		code = hf_role_run(&c->ctx);
	}
	if (c->has_threads) /* left without STOP: nothing more is promised */
		_exit(code);
	fini(c);
	hf_role_fini(&c->ctx);
	free(c);
	return code;
}
