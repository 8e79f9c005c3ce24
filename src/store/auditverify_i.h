/* SPDX-License-Identifier: Apache-2.0
 *
 * auditverify_i.h - inside of the verifier: auditverify.c reads records and
 * notes, auditverify_files.c compares the files that are derived from them.
 */
#ifndef HF_STORE_AUDITVERIFY_I_H
#define HF_STORE_AUDITVERIFY_I_H

#include "store/auditbody.h"
#include "store/auditlog.h"
#include "store/auditseg.h"
#include "store/merkle.h"
#include "store/note.h"

struct hf_verify {
	int dirfd;
	bool is_live;
	struct hf_audit_verdict *v;

	struct hf_merkle tree;
	struct hf_buf bundle, scratch;
	uint64_t *segs;
	size_t nseg;
	uint8_t (*seg_root)[HF_SHA256_LEN]; /* tree before each segment */
	bool is_broken;	      /* records could not be read to the end */
	uint64_t promised;    /* size in file `checkpoint` when we began */
	struct hf_buf newest; /* text of file `checkpoint` when we began */

	/* signers */
	bool has_given, given_signed, has_key, has_next_key;
	uint8_t given[HF_AUDIT_KEY];
	struct hf_vkey key, next_key; /* in force; announced */
	uint64_t next_key_seq;

	/* notes */
	struct hf_checkpoint last;
	struct hf_buf last_text;

	bool has_witness;
	struct hf_checkpoint witness;

	/* the record before */
	bool has_prev;
	int64_t prev_wall_ns, prev_mono_us;
	char prev_boot[40];
	char (*boots)[40]; /* boot ids seen, in order */
	size_t nboot, boot_cap;

	uint64_t tomb_to; /* of the newest tombstone; 0 = none */
	char tomb_root[HF_SHA256_HEX];
};

void hf_verify_found(struct hf_verify *w, uint64_t seq, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Callback of the tree; arg is the struct hf_verify. */
int hf_verify_tile_full(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err);
/* Leaf hashes of removed records, [0, segs[0]), from the tiles. */
int hf_verify_pruned(struct hf_verify *w, struct hf_err *err);
/* Partial tiles, unexpected files. After all records. */
void hf_verify_files(struct hf_verify *w);

#endif
