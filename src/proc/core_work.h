/* SPDX-License-Identifier: Apache-2.0
 *
 * core_work.h - what core's three threads hand to each other.
 *
 * loop -> writer -> loop and loop -> reader -> loop: a struct hf_work moves
 * through a bounded queue, its owner moves with it, nothing else is shared. The
 * writer alone touches the store and state.db's writing side, the reader alone
 * its read-only connections, the loop everything else.
 *
 * The writer takes work in the order it was put. A batch comes back when its
 * frame is durable (group commit), so completions of batches are in log order
 * too. Rows of state.db keep their order among themselves: what is in it after
 * a crash is what was put up to some point. HF_W_STOP comes back last of all.
 */
#ifndef HF_PROC_CORE_WORK_H
#define HF_PROC_CORE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/batch.h"
#include "model/counters.h"
#include "model/query.h"
#include "os/msg.h"
#include "os/queue.h"
#include "store/state.h"
#include "store/store.h"

enum hf_work_kind {
	HF_W_BATCH,   /* bytes, batch -> durable; seq is its frame */
	HF_W_FOLD,    /* snaps -> history holds all frames before */
	HF_W_COPY,    /* query -> open (then the loop gives it to the reader) */
	HF_W_EVENT,   /* json, id ... -> stored */
	HF_W_AUDITED, /* id: its record is in the audit log */
	HF_W_ALARM,   /* key, row, journal line -> stored */
	HF_W_PLANT,   /* plant -> tag names; rc */
	HF_W_EXPIRE,  /* before_ns -> months removed */
	HF_W_READ,    /* reader: query (+ open) -> answer */
	HF_W_REPLAY,  /* job: reader, writer, reader (core_replay.h) */
	HF_W_CURSOR,  /* key, cursor -> stored (an export's) */
	HF_W_EXPORT,  /* reader: job -> messages (core_export.c) */
	HF_W_STORE,   /* writer -> loop only: the store's state and counts */
	HF_W_WANTS_FOLD, /* writer -> loop only */
	HF_W_STOP	 /* thread ends after what came before it */
};

struct hf_snap {       /* one detector's state on its way to disk */
	char name[80]; /* file name in detect/ */
	uint8_t *p;
	size_t n;
};

struct hf_work {
	struct hf_work *next; /* for the holder's own lists */
	enum hf_work_kind kind;
	int rc; /* of the work, with err's text */
	struct hf_err err;
	/* HF_W_BATCH */
	uint8_t *bytes;	       /* encoded batch, owned */
	size_t nbyte;	       /* of bytes; of a row: what it holds */
	struct hf_batch batch; /* decoded; s owned, str points into bytes */
	uint64_t seq;	       /* log frame */
	uint64_t put_seq;      /* the loop's own count, without gaps */
	uint8_t zone;
	int64_t put_ns; /* monotonic, when the loop put it */
	/* HF_W_FOLD */
	struct hf_snap *snaps;
	size_t nsnap;
	int64_t took_ns;
	/* HF_W_COPY, HF_W_READ */
	struct hf_query query;
	uint64_t req; /* web's request id; HF_W_ALARM: of an act, or 0 */
	uint64_t tag; /* key */
	struct hf_open_copy *open;
	struct hf_buf answer;
	/* HF_W_EVENT, HF_W_AUDITED, HF_W_ALARM: all strings owned */
	uint8_t id[HF_SHA256_LEN];
	char *rule, *subject, *json, *key;
	void *row;
	size_t nrow;
	int64_t from_ns, to_ns, wall_ns;
	/* HF_W_PLANT */
	const struct hf_plant *plant; /* borrowed until it comes back */
	struct hf_births *births;     /* owned; NULL = none */
	/* HF_W_EVENT: hash of the plant that it was raised under */
	uint8_t plant_hash[HF_SHA256_LEN];
	/* HF_W_REPLAY, HF_W_EXPORT: owned by the work */
	void *job;
	void (*free_job)(void *job);
	bool is_same; /* HF_W_REPLAY: the answer says identical */
	/* HF_W_CURSOR */
	struct hf_state_cursor cursor;
	/* HF_W_EXPIRE */
	int64_t before_ns, keep_after_ns;
	size_t nremoved;
	/* HF_W_STORE (about once a second and at each change) */
	struct hf_counters ctr; /* copy of the thread's; HF_W_READ too */
	bool is_failing;
	uint64_t durable_seq;
	int64_t log_bytes, disk_free;
};

struct hf_work *hf_work_new(enum hf_work_kind kind); /* NULL on no memory */
void hf_work_free(struct hf_work *w);

struct hf_writer_conf {
	struct hf_store *store; /* the thread owns it from start to end */
	struct hf_state *state;
	struct hf_counters *ctr; /* the store's; this thread's own */
	struct hf_queue *in, *out;
	int64_t commit_ns; /* group commit window */
	int64_t log_bytes; /* log is full to here: only a fold may add */
	int detect_dirfd, log_dirfd;
};

struct hf_reader_conf {
	const char *hist_path, *state_path;
	struct hf_queue *in, *out;
	struct hf_counters *ctr; /* the thread's own */
};

/* core_contract.c: rows of contracts that state.db does not know. */
int core_contracts_store(
    struct hf_state *s, const struct hf_plant *p, struct hf_err *err);

/* Thread bodies; the argument is the conf, which outlives the thread. */
void *hf_core_writer(void *conf);
void *hf_core_reader(void *conf);

#endif
