/* SPDX-License-Identifier: Apache-2.0
 *
 * core_role_test.c - core's promises where a whole plant hits them only by
 * luck: holes in the numbers of batches, hellos for another core, order of
 * rows, folds against waiting events, a log that cannot be written or is full.
 *
 * The first half drives the loop's functions on a struct core without wires and
 * looks at what they put to the writer; the second runs the writer thread on a
 * real store in a temporary folder, with file operations that fail on demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "detect_plant.h"
#include "os/file.h"
#include "proc/core.h"

#define TEMP "press/line1/press/temperature"
#define KEY 77 /* of the only source */

struct fixture {
	struct tp t;
	struct core *c;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct core *c = calloc(1, sizeof(*c));
	struct hf_limit_conf *lim;

	tp_init(&f->t, 1, 1);
	tp_asset(&f->t, "press/line1/press");
	tp_tag(&f->t, TEMP, "degC");
	lim = tp_detector(&f->t, "bounds", "limit", TEMP, 0, 0);
	lim->hi_warn = 10;
	tp_rule(&f->t, "hot", "bounds");
	tp_finish(&f->t);
	c->ctx.plant = f->t.p;
	c->source[1].key = KEY;
	c->scratch = calloc(HF_BATCH_NSAMPLE, sizeof(*c->scratch));
	c->last = calloc(1, sizeof(*c->last));
	c->events_last = &c->events;
	c->backlog_last = &c->backlog;
	c->to_writer = hf_queue_new(CORE_NWORK);
	c->alarms = hf_alarms_new(100, core_on_alarm, c);
	c->pending_max = CORE_PENDING_BYTES;
	c->next_seq = 1;
	assert_int_equal(hf_engine_new(f->t.p, &c->ctx.counters, core_on_event,
			     c, &c->engine, NULL),
	    HF_OK);
	f->c = c;
	*state = f;
	return 0;
}

static struct hf_work *
take_put(struct core *c)
{
	struct hf_work *w = hf_queue_get(c->to_writer);

	core_push_backlog(c);
	return w;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct core *c = f->c;
	struct hf_work *w;

	core_release_events(c, UINT64_MAX);
	while ((w = take_put(c)) != NULL)
		hf_work_free(w);
	hf_queue_free(c->to_writer);
	hf_alarms_free(c->alarms);
	hf_engine_free(c->engine);
	free(c->last[0].str);
	free(c->last);
	free(c->scratch);
	free(c->unaudited);
	free(c);
	tp_fini(&f->t);
	free(f);
	return 0;
}

static const struct hf_wire edge = {
    .self = HF_ROLE_CORE, .peer = HF_ROLE_EDGE, .zone = 1, .fd = -1};

/* One batch of one sample at `seq` seconds. */
static int
batch(struct core *c, uint64_t seq, double value)
{
	struct hf_sample s = {.tag = hf_tag_key(TEMP),
	    .vtype = HF_V_F64,
	    .t_ns = (int64_t)seq * TP_S,
	    .recv_ns = 1,
	    .v.f64 = value};
	struct hf_batch b = {.source = KEY, .seq = seq, .n = 1, .s = &s};
	struct hf_msg m = {.type = HF_MSG_BATCH, .memfd = -1};
	struct hf_buf out;
	int rc;

	hf_buf_init(&out, HF_BATCH_BYTES);
	assert_int_equal(hf_batch_encode(&b, &out, NULL), HF_OK);
	m.p = out.p;
	m.n = out.len;
	rc = core_ingest_batch(c, &edge, &m, NULL);
	hf_buf_fini(&out);
	return rc;
}

static void
hello(struct core *c, uint64_t base)
{
	struct hf_msg m = {.type = HF_MSG_EDGE_HELLO, .memfd = -1};
	struct hf_buf out;

	hf_buf_init(&out, 64);
	hf_buf_u64(&out, KEY);
	hf_buf_u64(&out, base);
	m.p = out.p;
	m.n = out.len;
	assert_int_equal(core_ingest_hello(c, &edge, &m, NULL), HF_OK);
	hf_buf_fini(&out);
}

static void
batch_that_leaves_a_hole_is_not_taken_and_asked_for(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	batch(c, 1, 5);
	batch(c, 3, 5);
	assert_int_equal(c->source[1].taken_seq, 1);
	assert_true(c->source[1].needs_resend);
	batch(c, 2, 5);
	batch(c, 3, 5);
	assert_int_equal(c->source[1].taken_seq, 3);
}

static void
hello_lets_numbers_jump_once(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	batch(c, 1, 5);
	hello(c, 0);
	batch(c, 1000001, 5);
	assert_int_equal(c->source[1].taken_seq, 1000001);
	batch(c, 1000003, 5);
	assert_int_equal(c->source[1].taken_seq, 1000001);
}

/* It was in the wire when the core died for which it was meant. */
static void
hello_for_a_core_before_us_opens_nothing(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	batch(c, 1, 5);
	hello(c, 10);
	batch(c, 11, 5);
	assert_int_equal(c->source[1].taken_seq, 1);
	assert_true(c->source[1].needs_resend);
}

static void
batch_behind_a_refused_one_is_not_taken_even_after_a_hello(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	hello(c, 0);
	c->pending_max = 0;
	c->pending_bytes = 1; /* no room */
	batch(c, 7, 5);
	c->pending_max = CORE_PENDING_BYTES;
	batch(c, 8, 5);
	assert_int_equal(c->source[1].taken_seq, 0);
	hello(c, 0);
	batch(c, 7, 5);
	batch(c, 8, 5);
	assert_int_equal(c->source[1].taken_seq, 8);
	c->pending_bytes -= 1;
}

static void
number_that_no_edge_reaches_is_a_violation(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	hello(c, 0);
	assert_int_equal(batch(c, UINT64_MAX, 5), HF_EPROTO);
	assert_int_equal(batch(c, 1, 5), HF_OK);
	assert_int_equal(c->source[1].taken_seq, 1);
}

static void
snapshot_does_not_claim_a_frame_that_was_only_fed(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	struct hf_buf b;

	batch(c, 1, 5);
	c->is_store_failing = true;
	c->pending_max = 0;
	batch(c, 2, 5); /* seen by detectors, no frame */
	hf_buf_init(&b, 1 << 20);
	assert_int_equal(hf_engine_save(c->engine, 0, &b), HF_OK);
	assert_int_equal(hf_engine_snapshot_seq(b.p, b.len), 1);
	hf_buf_fini(&b);
	assert_true(c->has_fed_unstored);
}

static void
sample_fed_while_the_store_failed_comes_back_as_late(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	struct hf_work *w;

	c->is_store_failing = true;
	c->pending_max = 0;
	c->pending_bytes = 1;
	batch(c, 1, 5);
	assert_int_equal(c->source[1].taken_seq, 0);
	c->is_store_failing = false;
	c->pending_max = CORE_PENDING_BYTES;
	c->pending_bytes = 0;
	batch(c, 1, 5);
	w = take_put(c);
	assert_non_null(w);
	assert_int_equal(w->batch.s[0].flags, HF_F_LATE);
	hf_work_free(w);
}

/* The frame is durable: the number the log gave may be higher than expected. */
static void
done(struct core *c, struct hf_work *w, uint64_t frame)
{
	assert_int_equal(w->kind, HF_W_BATCH);
	w->seq = frame;
	core_ingest_done(c, w);
}

static void
event_waits_for_its_own_frame_also_after_numbers_were_voided(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	struct hf_work *first;

	batch(c, 1, 5);
	batch(c, 2, 99); /* raises the event */
	assert_non_null(c->events);
	first = take_put(c);
	done(c, first, 6); /* five numbers were voided by a failed commit */
	assert_non_null(c->events);
	done(c, take_put(c), 7);
	assert_null(c->events);
	assert_int_equal(c->next_seq, 8);
}

static void
row_of_the_alarm_goes_before_the_row_of_its_event(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	struct hf_work *w;

	batch(c, 1, 99);
	done(c, take_put(c), 1);
	w = take_put(c);
	assert_int_equal(w->kind, HF_W_ALARM);
	hf_work_free(w);
	w = take_put(c);
	assert_int_equal(w->kind, HF_W_EVENT);
	hf_work_free(w);
}

static void
fold_waits_until_the_rows_of_its_events_are_put(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	enum hf_work_kind want[] = {HF_W_ALARM, HF_W_EVENT, HF_W_FOLD};
	struct hf_work *b, *w;
	size_t i;

	batch(c, 1, 99);
	core_start_fold(c);
	b = take_put(c);
	assert_null(take_put(c)); /* no fold yet */
	done(c, b, 1);
	core_try_fold(c);
	for (i = 0; i < 3; i++) {
		w = take_put(c);
		assert_non_null(w);
		assert_int_equal(w->kind, want[i]);
		hf_work_free(w);
	}
}

static void
rows_that_find_the_queue_full_wait_and_keep_their_order(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;
	struct hf_work *w;
	int i;

	for (i = 0; i < 3 * CORE_NWORK; i++) {
		w = hf_work_new(HF_W_ALARM);
		w->wall_ns = i;
		assert_true(core_put_row(c, w));
	}
	for (i = 0; i < 3 * CORE_NWORK; i++) {
		w = take_put(c);
		assert_non_null(w);
		assert_int_equal(w->wall_ns, i);
		hf_work_free(w);
	}
	assert_null(c->backlog);
}

static void
rows_are_bounded_and_what_is_over_is_counted(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	c->row_bytes = CORE_ROW_BYTES;
	assert_false(core_put_row(c, hf_work_new(HF_W_ALARM)));
	assert_int_equal(c->ctx.counters.v[HF_C_C_ROW_DROP], 1);
}

static int
preview(struct core *c, uint8_t zone, uint32_t rc, const char *text)
{
	struct hf_wire from = {.peer = HF_ROLE_EDGE, .zone = zone, .fd = -1};
	struct hf_msg m = {.type = HF_MSG_TRY_ANSWER, .req = 5, .memfd = -1};
	struct hf_buf b;
	int got;

	hf_buf_init(&b, 4096);
	hf_buf_u32(&b, rc);
	hf_buf_put(&b, text, strlen(text));
	m.p = b.p;
	m.n = b.len;
	got = core_try_answer(c, &from, &m, NULL);
	hf_buf_fini(&b);
	return got;
}

static void
preview_is_taken_from_its_own_edge_and_only_as_json_or_text(void **state)
{
	struct core *c = ((struct fixture *)*state)->c;

	c->tries[0] = (struct core_try){
	    .req = 5, .web_req = 9, .zone = 1, .until_ns = INT64_MAX};
	assert_int_equal(preview(c, 1, HF_OK, "no json"), HF_EPROTO);
	assert_int_equal(preview(c, 1, 3, "text"), HF_EPROTO);
	assert_int_equal(preview(c, 1, (uint32_t)HF_EIO, "\xff"), HF_EPROTO);
	assert_int_equal(preview(c, 2, HF_OK, "{}"), HF_OK);
	assert_int_equal(c->tries[0].until_ns, INT64_MAX); /* still waits */
	assert_int_equal(preview(c, 1, HF_OK, "{}"), HF_OK);
	assert_int_equal(c->tries[0].until_ns, 0);
}

/* ---- the writer on a real store ---- */

static _Atomic int fail_sync;
static _Atomic int nwrite_left; /* -1: no limit */

static int
faulty_fdatasync(int fd)
{
	if (atomic_load(&fail_sync) != 0) {
		errno = EIO;
		return -1;
	}
	return hf_io_system.fdatasync(fd);
}

static ssize_t
faulty_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (atomic_load(&nwrite_left) == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (atomic_load(&nwrite_left) > 0)
		atomic_fetch_sub(&nwrite_left, 1);
	return hf_io_system.pwrite(fd, p, n, off);
}

struct plant_store {
	char path[64];
	int fd, fd_log, fd_hist, fd_detect;
	struct hf_counters ctr;
	struct hf_writer_conf conf;
	struct hf_store_dirs dirs;
	struct hf_storage storage;
	char hist_path[96], state_path[96];
	struct hf_log_report report;
	pthread_t thread;
	struct hf_io io;
	uint64_t seq;
	bool is_failing;
	size_t nback, nfold_ok;
};

static void
open_writer(struct plant_store *s)
{
	s->dirs = (struct hf_store_dirs){
	    .log = s->fd_log, .hist = s->fd_hist, .hist_path = s->hist_path};
	assert_int_equal(hf_store_open(&s->dirs, &s->storage, &s->ctr,
			     &s->conf.store, &s->report, NULL),
	    HF_OK);
	assert_int_equal(
	    hf_state_open(s->state_path, &s->conf.state, NULL), HF_OK);
	s->conf.ctr = &s->ctr;
	s->conf.in = hf_queue_new(4096);
	s->conf.out = hf_queue_new(8192);
	s->conf.commit_ns = HF_NS_PER_MS;
	s->conf.log_bytes = s->storage.log_bytes / 4 * 3;
	s->conf.detect_dirfd = s->fd_detect;
	s->conf.log_dirfd = s->fd_log;
	assert_int_equal(
	    pthread_create(&s->thread, NULL, hf_core_writer, &s->conf), 0);
}

static int
store_setup(void **state)
{
	struct plant_store *s = calloc(1, sizeof(*s));

	strcpy(s->path, "/tmp/hf-core-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY);
	s->fd_log = hf_dir_open(s->fd, "log", 0700, true, NULL);
	s->fd_hist = hf_dir_open(s->fd, "hist", 0700, true, NULL);
	s->fd_detect = hf_dir_open(s->fd, "detect", 0700, true, NULL);
	snprintf(s->hist_path, sizeof(s->hist_path), "%s/hist", s->path);
	snprintf(s->state_path, sizeof(s->state_path), "%s/state.db", s->path);
	s->storage = (struct hf_storage){.segment_bytes = 1 << 20,
	    .log_bytes = 4 << 20,
	    .fold_ns = 3600 * HF_NS_PER_S};
	atomic_store(&fail_sync, 0);
	atomic_store(&nwrite_left, -1);
	s->io = hf_io_system;
	s->io.fdatasync = faulty_fdatasync;
	s->io.pwrite = faulty_pwrite;
	hf_io_set(&s->io);
	open_writer(s);
	*state = s;
	return 0;
}

/* Takes what the writer gave back; waits for the first. */
static void
drain(struct plant_store *s, int64_t wait_ns)
{
	struct hf_work *w = hf_queue_wait(s->conf.out, wait_ns);

	for (; w != NULL; w = hf_queue_get(s->conf.out)) {
		if (w->kind == HF_W_BATCH) {
			assert_true(w->batch.seq == s->nback + 1);
			s->nback++;
		}
		if (w->kind == HF_W_STORE)
			s->is_failing = w->is_failing;
		if (w->kind == HF_W_FOLD && w->rc == HF_OK)
			s->nfold_ok++;
		hf_work_free(w);
	}
}

static void
stop_writer(struct plant_store *s)
{
	hf_queue_put(s->conf.in, hf_work_new(HF_W_STOP));
	pthread_join(s->thread, NULL);
	drain(s, 0);
	hf_queue_free(s->conf.in);
	hf_queue_free(s->conf.out);
}

static void
remove_dir(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;

	rewinddir(dir);
	while ((d = readdir(dir)) != NULL)
		unlinkat(fd, d->d_name,
		    strcmp(d->d_name, "quarantine") == 0 ? AT_REMOVEDIR : 0);
	closedir(dir);
}

static int
store_teardown(void **state)
{
	struct plant_store *s = *state;

	stop_writer(s);
	hf_io_set(NULL);
	remove_dir(s->fd_log);
	remove_dir(s->fd_hist);
	remove_dir(s->fd_detect);
	unlinkat(s->fd, "log", AT_REMOVEDIR);
	unlinkat(s->fd, "hist", AT_REMOVEDIR);
	unlinkat(s->fd, "detect", AT_REMOVEDIR);
	remove_dir(s->fd);
	rmdir(s->path);
	free(s);
	return 0;
}

static void
put_batch(struct plant_store *s, size_t nsample)
{
	struct hf_work *w = hf_work_new(HF_W_BATCH);
	struct hf_buf b;
	size_t i;

	w->batch = (struct hf_batch){.source = KEY,
	    .seq = ++s->seq,
	    .n = nsample,
	    .s = calloc(nsample, sizeof(struct hf_sample))};
	for (i = 0; i < nsample; i++)
		w->batch.s[i] = (struct hf_sample){.tag = 1,
		    .t_ns =
			((int64_t)s->seq * 10000 + (int64_t)i) * HF_NS_PER_MS,
		    .recv_ns = 1,
		    .vtype = HF_V_F64,
		    .v.f64 = (double)i};
	hf_buf_init(&b, HF_BATCH_BYTES);
	assert_int_equal(hf_batch_encode(&w->batch, &b, NULL), HF_OK);
	w->bytes = b.p;
	w->nbyte = b.len;
	assert_true(hf_queue_put(s->conf.in, w));
}

#define UNTIL(s, claim)                                           \
	do {                                                      \
		int turn_;                                        \
		for (turn_ = 0; turn_ < 200 && !(claim); turn_++) \
			drain(s, 100 * HF_NS_PER_MS);             \
		assert_true(claim);                               \
	} while (0)

static void
frames_are_appended_once_however_often_the_disk_is_full(void **state)
{
	struct plant_store *s = *state;
	int i;

	put_batch(s, 1);
	UNTIL(s, s->nback == 1);
	atomic_store(&nwrite_left, 2); /* two of the next five frames */
	for (i = 0; i < 5; i++)
		put_batch(s, 1);
	UNTIL(s, s->is_failing);
	UNTIL(s, s->nback == 3); /* what is in the log counts */
	for (i = 0; i < 3; i++)
		drain(s, 600 * HF_NS_PER_MS);
	atomic_store(&nwrite_left, -1);
	UNTIL(s, s->nback == 6 && !s->is_failing);
	stop_writer(s);
	assert_int_equal(s->ctr.v[HF_C_L_FRAMES], 6);
	open_writer(s);
	assert_int_equal(s->report.nframe, 6);
}

static void
frames_of_a_failed_sync_are_appended_again_and_not_lost(void **state)
{
	struct plant_store *s = *state;
	int i;

	atomic_store(&fail_sync, 1);
	for (i = 0; i < 5; i++)
		put_batch(s, 10);
	UNTIL(s, s->is_failing);
	assert_int_equal(s->nback, 0);
	atomic_store(&fail_sync, 0);
	UNTIL(s, s->nback == 5 && !s->is_failing);
	stop_writer(s);
	open_writer(s);
	assert_int_equal(s->report.nframe, 5);
}

static void
rows_are_stored_although_the_log_cannot_be_written(void **state)
{
	struct plant_store *s = *state;
	struct hf_work *w, *row = hf_work_new(HF_W_ALARM);
	bool has_row = false;
	int turn;

	atomic_store(&fail_sync, 1);
	put_batch(s, 1);
	UNTIL(s, s->is_failing);
	row->key = strdup("rule|subject");
	row->row = malloc(1);
	row->nrow = 1;
	hf_queue_put(s->conf.in, row);
	for (turn = 0; turn < 200 && !has_row; turn++) {
		w = hf_queue_wait(s->conf.out, 100 * HF_NS_PER_MS);
		has_row = w != NULL && w->kind == HF_W_ALARM;
		assert_true(w == NULL || w->kind != HF_W_BATCH);
		hf_work_free(w);
	}
	assert_true(has_row);
	atomic_store(&fail_sync, 0);
	UNTIL(s, s->nback == 1);
}

/* A month file cannot be written for so long that the log runs full. */
static void
log_that_ran_full_is_folded_when_history_can_be_written_again(void **state)
{
	struct plant_store *s = *state;
	struct hf_work *w;
	int i;

	/* Nobody folds: the loop of this test does not answer the wish. */
	for (i = 0; i < 85; i++)
		put_batch(s, 1000); /* about 45 KB each; full is 3 of 4 MiB */
	UNTIL(s, s->is_failing);
	assert_true(s->nback > 20 && s->nback < 85);
	for (i = 0; i < 20 && s->nback < 85; i++) {
		w = hf_work_new(HF_W_FOLD);
		hf_queue_put(s->conf.in, w);
		drain(s, 600 * HF_NS_PER_MS);
		drain(s, 600 * HF_NS_PER_MS);
	}
	UNTIL(s, s->nback == 85 && !s->is_failing && s->nfold_ok > 0);
}

static void
stop_comes_back_last_of_all(void **state)
{
	struct plant_store *s = *state;
	struct hf_work *w, *last = NULL;
	int i;

	for (i = 0; i < 50; i++)
		put_batch(s, 1);
	hf_queue_put(s->conf.in, hf_work_new(HF_W_STOP));
	pthread_join(s->thread, NULL);
	while ((w = hf_queue_get(s->conf.out)) != NULL) {
		s->nback += w->kind == HF_W_BATCH;
		hf_work_free(last);
		last = w;
	}
	assert_int_equal(s->nback, 50);
	assert_int_equal(last->kind, HF_W_STOP);
	hf_work_free(last);
	hf_queue_free(s->conf.in);
	hf_queue_free(s->conf.out);
	open_writer(s);
}

int
main(void)
{
#define LOOP(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define WRITER(f) \
	cmocka_unit_test_setup_teardown(f, store_setup, store_teardown)
	const struct CMUnitTest tests[] = {
	    LOOP(batch_that_leaves_a_hole_is_not_taken_and_asked_for),
	    LOOP(hello_lets_numbers_jump_once),
	    LOOP(hello_for_a_core_before_us_opens_nothing),
	    LOOP(batch_behind_a_refused_one_is_not_taken_even_after_a_hello),
	    LOOP(number_that_no_edge_reaches_is_a_violation),
	    LOOP(snapshot_does_not_claim_a_frame_that_was_only_fed),
	    LOOP(sample_fed_while_the_store_failed_comes_back_as_late),
	    LOOP(event_waits_for_its_own_frame_also_after_numbers_were_voided),
	    LOOP(row_of_the_alarm_goes_before_the_row_of_its_event),
	    LOOP(fold_waits_until_the_rows_of_its_events_are_put),
	    LOOP(rows_that_find_the_queue_full_wait_and_keep_their_order),
	    LOOP(rows_are_bounded_and_what_is_over_is_counted),
	    LOOP(preview_is_taken_from_its_own_edge_and_only_as_json_or_text),
	    WRITER(frames_are_appended_once_however_often_the_disk_is_full),
	    WRITER(frames_of_a_failed_sync_are_appended_again_and_not_lost),
	    WRITER(rows_are_stored_although_the_log_cannot_be_written),
	    WRITER(
		log_that_ran_full_is_folded_when_history_can_be_written_again),
	    WRITER(stop_comes_back_last_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
