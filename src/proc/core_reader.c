/* SPDX-License-Identifier: Apache-2.0
 *
 * core_reader.c - core's reader thread: history, events and journal.
 *
 * It has its own read-only connections to the month files and to state.db, and
 * gets the samples that are still open as a copy made by the writer for this
 * one query. A slow query delays only other queries; a replay, which may take
 * minutes, is done in slices between them, the oldest first.
 */
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "proc/core_export.h"
#include "proc/core_replay.h"
#include "proc/core_tree.h"
#include "proc/core_work.h"

#define WAIT_NS HF_NS_PER_S
#define SLICE_NS (50 * HF_NS_PER_MS) /* of a replay */
#define DEFAULT_LIMIT 100000	     /* points of a history answer */
#define DEFAULT_ROWS 100	     /* events or journal lines */
#define MAX_ROWS 10000

struct reader {
	const struct hf_reader_conf *conf;
	struct hf_reader *hist;
	struct hf_state *state;
	struct hf_work *replays; /* under way, the oldest first */
};

static uint32_t
limit_of(uint32_t asked, uint32_t dflt, uint32_t max)
{
	if (asked == 0)
		return dflt;
	return asked < max ? asked : max;
}

static int
open_hist(struct reader *rd, struct hf_err *err)
{
	if (rd->hist != NULL)
		return HF_OK;
	return hf_reader_open(
	    rd->conf->hist_path, rd->conf->ctr, &rd->hist, err);
}

static int
open_state(struct reader *rd, struct hf_err *err)
{
	if (rd->state != NULL)
		return HF_OK;
	return hf_state_open_reader(rd->conf->state_path, &rd->state, err);
}

static int
read_history(struct reader *rd, struct hf_work *w)
{
	struct hf_points pts = {.n = 0};
	int rc = open_hist(rd, &w->err);

	if (rc == HF_OK)
		rc = hf_reader_query(rd->hist, w->open, w->tag,
		    w->query.from_ns, w->query.to_ns, w->query.buckets,
		    limit_of(w->query.limit, DEFAULT_LIMIT, HF_QUERY_LIMIT),
		    &pts, &w->err);
	if (rc == HF_OK)
		rc = hf_points_encode(&pts, &w->answer, &w->err);
	hf_points_fini(&pts);
	return rc;
}

static int
read_events(struct reader *rd, struct hf_work *w)
{
	const struct hf_query *q = &w->query;
	uint8_t id[HF_SHA256_LEN];
	bool has_id = q->text[0] != '\0';

	if (has_id && !hf_unhex(id, sizeof(id), q->text))
		return HF_FAIL(&w->err, HF_EINVAL,
		    "event id: 64 hexadecimal digits expected");
	return hf_state_events_json(rd->state, has_id ? id : NULL, q->path,
	    q->from_ns, q->to_ns, limit_of(q->limit, DEFAULT_ROWS, MAX_ROWS),
	    &w->answer, &w->err);
}

static int
read_one(struct reader *rd, struct hf_work *w)
{
	int rc;

	if (w->query.kind == HF_Q_HISTORY)
		return read_history(rd, w);
	if (w->query.kind == HF_Q_TREE)
		return core_tree_sort(w->plant, &w->answer, &w->err);
	rc = open_state(rd, &w->err);
	if (rc != HF_OK)
		return rc;
	if (w->query.kind == HF_Q_EVENTS)
		return read_events(rd, w);
	return hf_state_journal_json(rd->state, w->query.from_ns,
	    w->query.to_ns, limit_of(w->query.limit, DEFAULT_ROWS, MAX_ROWS),
	    &w->answer, &w->err);
}

static void
give_back(struct reader *rd, struct hf_work *w)
{
	w->next = NULL;
	w->ctr = *rd->conf->ctr;
	while (!hf_queue_put(rd->conf->out, w))
		usleep(200);
}

/* One slice of the oldest replay; then it is the others' turn. */
static void
go_on_replaying(struct reader *rd)
{
	struct hf_work *w = rd->replays, **last = &rd->replays;

	if (w == NULL)
		return;
	rd->replays = w->next;
	w->next = NULL;
	w->rc = open_hist(rd, &w->err);
	if (w->rc == HF_OK)
		w->rc = open_state(rd, &w->err);
	if (w->rc == HF_OK)
		w->rc = hf_replay_step(w, rd->state, rd->hist, SLICE_NS);
	if (w->rc != HF_EAGAIN) {
		give_back(rd, w);
		return;
	}
	while (*last != NULL)
		last = &(*last)->next;
	*last = w;
}

static void
take(struct reader *rd, struct hf_work *w)
{
	struct hf_work **last = &rd->replays;

	switch (w->kind) {
	case HF_W_REPLAY:
		while (*last != NULL)
			last = &(*last)->next;
		*last = w;
		return;
	case HF_W_EXPORT:
		w->rc = open_state(rd, &w->err);
		if (w->rc == HF_OK)
			w->rc = hf_export_read(w, rd->state);
		break;
	case HF_W_READ:
		w->rc = read_one(rd, w);
		break;
	default:
		break;
	}
	give_back(rd, w);
}

void *
hf_core_reader(void *arg)
{
	struct reader rd = {.conf = arg};
	bool has_stop = false;
	struct hf_work *w;

	while (!has_stop) {
		w = hf_queue_wait(
		    rd.conf->in, rd.replays != NULL ? 0 : WAIT_NS);
		if (w != NULL) {
			has_stop = w->kind == HF_W_STOP;
			take(&rd, w);
		}
		if (!has_stop)
			go_on_replaying(&rd);
	}
	while ((w = rd.replays) != NULL) {
		rd.replays = w->next;
		hf_work_free(w);
	}
	hf_reader_close(rd.hist);
	hf_state_close(rd.state);
	return NULL;
}
