/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - samples in, events out: stepping, lateness, rules, snapshots.
 *
 * The engine builds all detectors and rules of a plant and is fed batches in
 * log order. It steps a univariate detector once per source-time stamp of its
 * tag; a sample that is not newer than the tag's watermark is flagged HF_F_LATE
 * in place and never fed, and so is one whose row of a group has been stepped:
 * detectors see a pure function of the samples without the flag. A sample that
 * already carries the flag (a replay) is skipped without looking. Bad or string
 * samples do not step; they make the signal's learning state visible as blind
 * if they last. Everything is deterministic; no clock is read.
 */
#ifndef HF_DETECT_ENGINE_H
#define HF_DETECT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/batch.h"
#include "model/counters.h"
#include "model/plant.h"

struct hf_engine;

/* A rule came on, grew (another variable joined, or warn became trip) or went
 * off. Strings borrowed until the next call into the engine. */
enum hf_event_kind { HF_EV_ON, HF_EV_JOIN, HF_EV_OFF };

/*
 * id:   SHA-256 over rule, configuration hash, tag keys, first and last sample
 *       time and kind (layout in evidence.c): the same samples under the same
 *       settings give the same event.
 * json: the whole evidence, an object with its keys in alphabetical order: id,
 *       kind, rule, method, options, subject, variables with value, expected
 *       and contribution, statistic, limit, score, span, input_hash,
 *       config_hash, model_hash, snapshot, version, action, text (one sentence
 *       for people).
 */
struct hf_event {
	enum hf_event_kind kind;
	uint8_t id[HF_SHA256_LEN];
	const struct hf_rule *rule;
	const struct hf_detector *detector;
	char subject[256]; /* tag path, asset path or rule name (rule.per) */
	bool is_alarm;	   /* rule has its rationalisation; else an advisory */
	uint8_t level;	   /* enum hf_level */
	int64_t since_ns;  /* source time at which the condition began */
	int64_t from_ns, to_ns; /* span of source time the decision rests on */
	double score, statistic, limit;
	const char *json;
};

typedef void hf_event_fn(void *arg, const struct hf_event *e);

int hf_engine_new(const struct hf_plant *p, struct hf_counters *ctr,
    hf_event_fn *fn, void *arg, struct hf_engine **out, struct hf_err *err);
void hf_engine_free(struct hf_engine *e);
/* Feeds a batch: may set HF_F_LATE in b->s[].flags; calls fn for each event.
 * seq: log frame number the batch will have (for snapshots' bookkeeping).
 * Within a batch samples are taken in order of time, then of the plant's tags,
 * wherever they stand in it, as a replay from history takes them; so what a
 * rule over several tags says does not hang on the order in which a device is
 * read. Between batches the order is that in which they come. */
void hf_engine_feed(struct hf_engine *e, uint64_t seq, struct hf_batch *b);
size_t hf_engine_ndetector(const struct hf_engine *e);
const char *hf_engine_name(const struct hf_engine *e, size_t i);
/* State of detector i after the newest frame fed: hash of its settings, frame
 * number, state, CRC (layout in snapshot.c), appended to out. HF_ELIMIT. Events
 * name this snapshot from now on. */
int hf_engine_save(const struct hf_engine *e, size_t i, struct hf_buf *out);
/* *seq: frames up to it are in the state; the rebuild that follows may feed
 * them again, the detector skips them. HF_ECORRUPT, HF_EUNSUPPORTED (version),
 * or HF_ENOTFOUND if method, options, tags or learn changed; then the detector
 * is as new and learns anew: say so. Changed rules keep what was learned. */
int hf_engine_load(struct hf_engine *e, size_t i, const void *p, size_t n,
    uint64_t *seq, struct hf_err *err);
/* Frame number of a snapshot, not checked otherwise; 0 if there is none in
 * it. */
uint64_t hf_engine_snapshot_seq(const void *p, size_t n);
/* Takes over, after a reload, the states of detectors whose settings are the
 * same. */
void hf_engine_adopt(struct hf_engine *to, struct hf_engine *from);
/* JSON array for `holdfast detectors` and status: name, method, tags, learning
 * state per signal with reason and progress 0..1, what was learned, limit and
 * where it came from, last score with contributions, budget. Drifted signals
 * count as ready and as drifted. */
void hf_engine_json(const struct hf_engine *e, struct hf_buf *out);
/* Is the rule on for the subject? For alarms that were loaded from disk while
 * their detector had to start anew (hf_alarms_settle). */
bool hf_engine_is_on(
    const struct hf_engine *e, const char *rule, const char *subject);
/* Learning states counted over all signals. */
void hf_engine_learning(const struct hf_engine *e, size_t count[3]);
/* Newest source time of a watched tag, HF_TIME_NONE before the first sample. */
int64_t hf_engine_newest_ns(const struct hf_engine *e);
/* Of those counted as ready: normal running has moved (drift.h). */
size_t hf_engine_ndrifted(const struct hf_engine *e);

#endif
