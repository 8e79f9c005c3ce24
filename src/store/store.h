/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the historian as core uses it: append, commit, fold, snapshot,
 * query.
 *
 * The writer thread owns a struct hf_store: the log, the open chunks and the
 * month files. The reader thread owns a struct hf_reader: its own read-only
 * connections. What is still open reaches the reader as a struct hf_open_copy,
 * made by the writer for one query. Usable with no daemon (tests, `holdfast
 * history check` later).
 *
 * Both values of one (tag, time) are kept in arrival order; a sample equal to a
 * stored one in tag, time, status and value is dropped and counted, in the open
 * chunks as well as against what was folded. Samples before 1970 or from
 * 2248-09-26 on do not fit the key of a chunk: they are dropped and counted. A
 * chunk keeps no receive time.
 */
#ifndef HF_STORE_STORE_H
#define HF_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/batch.h"
#include "model/counters.h"
#include "model/plant.h"
#include "model/query.h"
#include "store/log.h"

struct hf_store;
struct hf_reader;
struct hf_open_copy;

struct hf_store_dirs { /* borrowed O_DIRECTORY descriptors */
	int log, hist;
	const char *hist_path; /* as SQLite opens it: "/hist" in core's root */
};

/* Opens everything and recovers: frames behind the last fold are put back into
 * open chunks. *report says what was cut. Never refuses for what the files
 * hold. */
int hf_store_open(const struct hf_store_dirs *d, const struct hf_storage *conf,
    struct hf_counters *ctr, struct hf_store **out,
    struct hf_log_report *report, struct hf_err *err);
void hf_store_close(struct hf_store *s); /* no fold, no commit */
/* Names of tags for month files: path, unit, type by key. After open and
 * reload. */
int hf_store_set_plant(
    struct hf_store *s, const struct hf_plant *p, struct hf_err *err);
/* Appends the encoded batch `p` (decoded as `b`, same content). Not durable
 * yet. */
int hf_store_append(struct hf_store *s, const void *p, size_t n,
    const struct hf_batch *b, uint64_t *seq, struct hf_err *err);
/* Makes all appended frames durable, then adds their samples to the open
 * chunks. On failure nothing of them is in the store: append them again. */
int hf_store_commit(struct hf_store *s, struct hf_err *err);
uint64_t hf_store_durable_seq(const struct hf_store *s);
int64_t hf_store_log_bytes(const struct hf_store *s);
/* Memory held by samples that no month file holds yet, bytes. */
size_t hf_store_open_bytes(const struct hf_store *s);
/* Last durable batch seq of a source, 0 if none: duplicates are dropped by
 * it. */
uint64_t hf_store_source_seq(const struct hf_store *s, uint64_t source);
/* True when log size, age or open chunks ask for a fold. */
bool hf_store_wants_fold(const struct hf_store *s, int64_t now_mono_ns);
/* Writes all open chunks to the month files (one transaction a month, FULL
 * sync); `before_drop` (may be NULL) makes detector snapshots durable; then
 * drops the log up to the fold. A failure leaves the log as it was: nothing is
 * lost, try again. */
int hf_store_fold(struct hf_store *s, int64_t now_mono_ns,
    int (*before_drop)(void *arg, struct hf_err *err), void *arg,
    struct hf_err *err);
/* Frames with number >= from, for detectors: as hf_log_replay, decoded. */
int hf_store_replay(struct hf_store *s, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, const struct hf_batch *b), void *arg,
    struct hf_err *err);
/* Latest sample by time of each tag the store knows (strings borrowed for the
 * call). */
int hf_store_each_last(struct hf_store *s,
    void (*fn)(void *arg, const struct hf_sample *v, const char *str),
    void *arg, struct hf_err *err);
/* Months wholly before `before_ns` are removed, but those in which
 * span_needed() says that unexpired evidence lies. Returns the count through
 * *nremoved. */
int hf_store_expire(struct hf_store *s, int64_t before_ns,
    bool (*span_needed)(void *arg, int64_t from_ns, int64_t to_ns), void *arg,
    size_t *nremoved, struct hf_err *err);

/* Open (not yet folded) samples of one tag in [from, to), for a reader. NULL on
 * no memory; an empty copy is not NULL. Ownership moves to the caller. */
struct hf_open_copy *hf_store_copy_open(
    const struct hf_store *s, uint64_t tag, int64_t from_ns, int64_t to_ns);
void hf_open_copy_free(struct hf_open_copy *c);

int hf_reader_open(const char *hist_path, struct hf_counters *ctr,
    struct hf_reader **out, struct hf_err *err);
void hf_reader_close(struct hf_reader *r);
/* Points of one tag in [from, to), time order, equal times in arrival order;
 * buckets > 0: that many equal buckets over [from, to) clipped to the data. At
 * most `limit` points, then is_truncated. open may be NULL (closed store). */
int hf_reader_query(struct hf_reader *r, const struct hf_open_copy *open,
    uint64_t tag, int64_t from_ns, int64_t to_ns, uint32_t buckets,
    uint32_t limit, struct hf_points *out, struct hf_err *err);

#endif
