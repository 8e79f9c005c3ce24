/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.h - edge's bounded ring of batches that core has not acknowledged.
 *
 * Batches leave in the order of their seq and stay until core says that they
 * are durable. Memory first; when its bound is reached new batches go to files
 * of the spool folder, in the same order; when those are full too,
 * hf_spool_put() refuses and the caller counts the loss. File layout in
 * spool.c.
 *
 * Sending does not wait for acknowledgements (alarms must go on while core's
 * disk is full): a cursor walks over the ring, and hf_spool_rewind() puts it
 * back to the oldest batch when core asks for everything again.
 */
#ifndef HF_FIELD_SPOOL_H
#define HF_FIELD_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/counters.h"

struct hf_spool;

struct hf_spool_conf {
	int dirfd;	     /* borrowed; -1 = memory only */
	size_t memory_bytes; /* encoded batches held in memory */
	int64_t file_bytes;  /* all spool files together */
};

/* Takes up what an earlier edge left in the files; bad frames are cut and
 * counted, a file that cannot be read is left alone and counted. HF_ENOMEM,
 * HF_EIO (the folder). */
int hf_spool_open(const struct hf_spool_conf *conf, struct hf_counters *ctr,
    struct hf_spool **out, struct hf_err *err);
void hf_spool_close(struct hf_spool *s);	      /* files stay */
uint64_t hf_spool_last_seq(const struct hf_spool *s); /* 0 if none was seen */
size_t hf_spool_count(const struct hf_spool *s);      /* unacknowledged */
/* seq must be above every seq before. HF_ELIMIT when memory and files are full,
 * HF_EIO/HF_ENOSPC when the file cannot be written; then nothing was put. */
int hf_spool_put(struct hf_spool *s, uint64_t seq, const void *p, size_t n,
    struct hf_err *err);
/* Next batch to send: bytes borrowed until the next call; HF_ENODATA if all
 * were sent. One that cannot be read back from its file is lost, counted and
 * passed over. *is_resend: it was sent before. hf_spool_sent() moves the
 * cursor. */
int hf_spool_next(struct hf_spool *s, const void **p, size_t *n,
    bool *is_resend, struct hf_err *err);
void hf_spool_sent(struct hf_spool *s);
/* All batches up to seq are durable in core. Returns how many went. */
size_t hf_spool_ack(struct hf_spool *s, uint64_t seq);
/* Sending goes on with the first batch behind seq. */
void hf_spool_rewind(struct hf_spool *s, uint64_t seq);
/* All batches up to this number are sent or acknowledged, as far as they are
 * known: what is sent next is all behind it. 0 if nothing in the ring was
 * sent. */
uint64_t hf_spool_sent_seq(const struct hf_spool *s);
/* Moves what is in memory to the files (clean stop). */
int hf_spool_flush(struct hf_spool *s, struct hf_err *err);

#endif
