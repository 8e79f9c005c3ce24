/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - the durable log: append-only frames in segments, group commit,
 * recovery.
 *
 * A frame carries one encoded batch (model/batch.h) as it came from the wire.
 * Nothing is acknowledged before hf_log_commit() returned HF_OK for it. At open
 * a torn tail is cut back to the last whole frame, bad bytes in the middle are
 * moved to quarantine/NNNN.log.<offset>, and start is never refused for what
 * the files hold. Frame layout, recovery rules and the fsync rules stand in
 * log.c. All writes go through os/file.h's gate. One thread.
 */
#ifndef HF_STORE_LOG_H
#define HF_STORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/counters.h"

struct hf_log;

struct hf_log_conf {
	int64_t segment_bytes; /* preallocated size, 64 MiB; tests use less */
	int64_t log_bytes;     /* all segments together, 256 MiB */
};

struct hf_log_report { /* what open found */
	uint64_t nframe, nsegment;
	uint64_t torn_bytes;	      /* cut from the end */
	uint64_t quarantined_bytes;   /* set aside from the middle */
	uint64_t first_seq, last_seq; /* 0, 0 if empty */
	char text[256]; /* one line for operator and audit, "" if clean */
};

/* Opens or creates; dirfd is borrowed and must stay open. */
int hf_log_open(int dirfd, const struct hf_log_conf *conf,
    struct hf_counters *ctr, struct hf_log **out, struct hf_log_report *report,
    struct hf_err *err);
void hf_log_close(struct hf_log *l); /* does not commit */
/* Frame numbers rise by one; after an empty open they go on from `seq`. */
void hf_log_set_next_seq(struct hf_log *l, uint64_t seq);
uint64_t hf_log_next_seq(const struct hf_log *l);
/* Writes a frame (not yet durable); *seq is its number. HF_ENOSPC, HF_EIO, or
 * HF_ELIMIT when log_bytes is reached (fold first). After an error the frame is
 * not there: a later append starts at the same place. */
int hf_log_append(struct hf_log *l, const void *p, size_t n, uint64_t *seq,
    struct hf_err *err);
/* fdatasync. On failure the segment is closed and the next append opens a new
 * one; frames since the last good commit must be appended again by the caller
 * (they keep no promise), and fsync is never tried twice on one descriptor. */
int hf_log_commit(struct hf_log *l, struct hf_err *err);
uint64_t hf_log_durable_seq(const struct hf_log *l);
int64_t hf_log_bytes(const struct hf_log *l); /* in all segments */
/* Starts a new segment, so that what is before can be dropped. */
int hf_log_rotate(struct hf_log *l, struct hf_err *err);
/* Removes segments whose frames are all <= seq (made durable elsewhere). */
int hf_log_drop(struct hf_log *l, uint64_t seq, struct hf_err *err);
/* Calls fn for each whole frame with number >= from, in order; stops on
 * non-zero. */
int hf_log_replay(struct hf_log *l, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, void *p, size_t n), void *arg,
    struct hf_err *err);

#endif
