/* SPDX-License-Identifier: Apache-2.0
 *
 * core_replay.h - an event computed again from the stored samples.
 *
 * A replay is a job that moves between core's threads (HF_W_REPLAY):
 *
 *    loop    core_replay_start()       -> reader
 *    reader  hf_replay_step(): stage PREPARE: the event, the plant of that
 *            time, its tags            -> loop -> writer
 *    writer  hf_replay_copy(): copies of what is still open of these tags
 *                                      -> loop -> reader
 *    reader  hf_replay_step(): stage RUN, in slices between other questions:
 *            samples into an engine, until the event comes or its time is past
 *                                      -> loop: the answer
 *
 * A job belongs to the thread that has it. Where the state of each detector
 * began is written down when it begins (births).
 */
#ifndef HF_PROC_CORE_REPLAY_H
#define HF_PROC_CORE_REPLAY_H

#include "model/plant.h"
#include "proc/core_work.h"

struct core;
struct hf_engine;

#define CORE_NREPLAY 4 /* at the same time */

enum hf_replay_stage { HF_RP_PREPARE, HF_RP_COPY, HF_RP_RUN, HF_RP_DONE };

struct hf_replay_job;

/* Reader thread. One step: PREPARE as a whole, RUN for about slice_ns. HF_OK:
 * the stage is over (DONE: w->answer holds the JSON); HF_EAGAIN: call again;
 * else w->err. */
int hf_replay_step(struct hf_work *w, struct hf_state *state,
    struct hf_reader *hist, int64_t slice_ns);
/* Writer thread. HF_ENOMEM. */
int hf_replay_copy(struct hf_work *w, const struct hf_store *store);

/* ---- the loop ---- */

int core_replay_start(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err);
/* A job came back from the reader or the writer: on to the next, or answer. */
void core_replay_back(struct core *c, struct hf_work *w);

/* Births. At a start: before the log is replayed; for each frame replayed;
 * after last values were loaded (writes plant and births into state.db). */
void core_births_begin(struct core *c);
void core_births_note(struct core *c, const struct hf_batch *b);
void core_births_end(struct core *c, const struct hf_plant *p);
/* At a reload, when states were taken over: the plant and the births of what is
 * new, for the writer to store with w (HF_W_PLANT). HF_ENOMEM. */
int core_births_reload(
    struct core *c, const struct hf_plant *p, struct hf_work *w);

struct hf_birth { /* one detector's, on its way to state.db */
	char *detector;
	uint8_t model[HF_SHA256_LEN];
	struct hf_buf start; /* u32 n, then n x { u64 tag key, i64 ns } */
};
struct hf_births {
	uint8_t hash[HF_SHA256_LEN]; /* of the plant ... */
	struct hf_buf packed;	     /* ... and itself */
	int64_t wall_ns;
	struct hf_birth *v;
	size_t n;
};
void hf_births_free(struct hf_births *b);
/* Inside the caller's transaction. */
int hf_births_store(
    struct hf_state *s, const struct hf_births *b, struct hf_err *err);

#endif
