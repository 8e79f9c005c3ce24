/* SPDX-License-Identifier: Apache-2.0
 *
 * hist.h - one month file, hist/YYYYMM.db: chunks, their aggregates, tags,
 * counts.
 *
 * The writer folds into it, the reader thread reads it on its own connection.
 * Tables and invariants stand in hist.c. A struct hf_month belongs to one
 * thread.
 */
#ifndef HF_STORE_HIST_H
#define HF_STORE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/chunk.h"
#include "store/db.h"
#include "store/merge.h"

#define HF_HIST_TAGS 1048575u /* ids 1..this: 20 bits of the chunk key */
/* Times that fit the key: 1970-01-01 up to this one (2248-09-26), ns UTC. */
#define HF_HIST_T_END ((INT64_C(1) << 43) * INT64_C(1000000))

struct hf_month;

struct hf_month_tag { /* one row of table tag */
	uint32_t id;  /* small integer, the same in all months */
	uint64_t key;
	uint32_t next_ord; /* for the next chunk */
	int64_t tail_id;   /* the newest chunk, open for more; 0 = none */
	uint32_t tail_n;
	int64_t tail_t0_ns;
	uint64_t nchunk, nsample;
	int64_t span_ns; /* longest chunk, last - first time */
	int64_t bump_ms; /* farthest that an id lies above its chunk's t0 */
};

struct hf_month_source {
	uint64_t source, seq;
};

/* Months that have a file, rising; *out is owned by the caller. */
int hf_hist_list(const char *dir, int **out, size_t *n, struct hf_err *err);
/* name: room for HF_HIST_PATH bytes. */
#define HF_HIST_PATH 4096
void hf_hist_path(const char *dir, int yyyymm, char *path);

int hf_month_open(const char *dir, int yyyymm, enum hf_db_mode mode,
    struct hf_month **out, struct hf_err *err);
void hf_month_close(struct hf_month *m);
int hf_month_number(const struct hf_month *m);
/* Newest log frame folded into it, 0 if none or if another epoch wrote it. */
int hf_month_seq(
    struct hf_month *m, uint64_t epoch, uint64_t *seq, struct hf_err *err);
int hf_month_epoch(struct hf_month *m, uint64_t *epoch, struct hf_err *err);
/* A read or write transaction; end with hf_month_commit or _rollback. */
int hf_month_begin(struct hf_month *m, bool is_write, struct hf_err *err);
int hf_month_commit(struct hf_month *m, struct hf_err *err);
void hf_month_rollback(struct hf_month *m);

/* HF_ENOTFOUND if the month has nothing of that tag. A damaged row is made up
 * again from the aggregates. */
int hf_month_get_tag(struct hf_month *m, uint64_t key, struct hf_month_tag *out,
    struct hf_err *err);
int hf_month_put_tag(struct hf_month *m, const struct hf_month_tag *t,
    const char *path, const char *unit, int type, struct hf_err *err);
int hf_month_put_source(
    struct hf_month *m, const struct hf_month_source *s, struct hf_err *err);
int hf_month_put_seq(
    struct hf_month *m, uint64_t epoch, uint64_t seq, struct hf_err *err);
/* Stores an encoded chunk and its aggregate and moves *t on. */
int hf_month_put_chunk(struct hf_month *m, struct hf_month_tag *t,
    const struct hf_chunk_info *info, const void *p, size_t n,
    const struct hf_agg *agg, struct hf_err *err);
/* Takes one away (its samples go into a new one). */
int hf_month_del_chunk(struct hf_month *m, struct hf_month_tag *t, int64_t id,
    uint32_t n, struct hf_err *err);
/* Decodes a chunk of tag info->tag (key) and fills *info; HF_ECORRUPT also if
 * it is missing or another tag's. */
int hf_month_load(struct hf_month *m, struct hf_codec_ctx *c, int64_t id,
    struct hf_chunk_info *info, struct hf_block *out, struct hf_err *err);
/* Calls fn for each chunk that has samples in [from, to): its id and aggregate
 * (has_agg false: it must be decoded). Falls back on the chunks themselves
 * where the aggregates are damaged; *nbad counts chunks that cannot be read at
 * all. */
int hf_month_each(struct hf_month *m, const struct hf_month_tag *t,
    int64_t from_ns, int64_t to_ns,
    int (*fn)(void *arg, int64_t id, const struct hf_agg *a, bool has_agg),
    void *arg, uint64_t *nbad, struct hf_err *err);
/* Every tag of the month: key, id and names (NULL if unknown). */
int hf_month_each_tag(struct hf_month *m,
    int (*fn)(void *arg, uint64_t key, uint32_t id, const char *path,
	const char *unit, int type),
    void *arg, struct hf_err *err);
int hf_month_each_source(struct hf_month *m,
    void (*fn)(void *arg, uint64_t source, uint64_t seq), void *arg,
    struct hf_err *err);
/* Moves the WAL into the file, if no reader is in the way: what a fold has made
 * durable should not hang on one more file. */
void hf_month_checkpoint(struct hf_month *m);
/* A month that is past: rollback journal instead of WAL, so that the one file
 * is all of it. HF_EAGAIN while a reader has it open. */
int hf_month_seal(struct hf_month *m, struct hf_err *err);

struct hf_month_findings {
	uint64_t nchunk, nsample; /* read and whole */
	uint64_t nbad;		  /* chunks that fail their check */
	uint64_t nagg;		  /* aggregates that do not agree */
	uint64_t ncount;	  /* tags whose counts do not agree: chunks
					   are missing or too many */
	char text[256];		  /* first finding, "" if none */
};
/* Reads everything of one month: SQLite's own check, every CRC, every aggregate
 * against its samples, every count. HF_OK if nothing was found, HF_ECORRUPT
 * else. */
int hf_month_check(const char *dir, int yyyymm, struct hf_month_findings *f,
    struct hf_err *err);

#endif
