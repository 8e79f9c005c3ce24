/* SPDX-License-Identifier: Apache-2.0
 *
 * auditlog_i.h - inside of the audit log, shared by auditlog.c (running) and
 * auditopen.c (recovery). Nobody else includes it.
 */
#ifndef HF_STORE_AUDITLOG_I_H
#define HF_STORE_AUDITLOG_I_H

#include "store/auditbody.h"
#include "store/auditlog.h"
#include "store/auditseg.h"
#include "store/merkle.h"
#include "store/note.h"

#define HF_AUDIT_PENDING (4u << 20) /* bytes of records not yet durable */
#define HF_AUDIT_NZONE 48
#define HF_AUDIT_JUMP_NS INT64_C(2000000000) /* a wall clock may be that off */

struct hf_tile_sink { /* where full tiles go; arg of hf_audit_tile_full */
	int dirfd;
	struct hf_buf *bundle; /* entries of the newest tile */
	struct hf_buf *scratch;
	bool is_mending; /* compare first, write only what differs */
};

struct hf_auditlog {
	int dirfd; /* own duplicate */
	char origin[HF_NOTE_NAME];
	uint8_t seed[HF_AUDIT_KEY];
	struct hf_vkey key;
	int64_t segment_bytes, segment_ns;

	/* durable */
	struct hf_merkle tree;
	struct hf_tile_sink sink;
	struct hf_buf bundle, scratch;
	bool tiles_stale; /* a tile could not be written; mend before signing */

	/* appended, not durable: frames as they will stand in the segment */
	struct hf_buf pending, body;
	uint64_t npending;

	int seg_fd; /* -1: open it again before writing */
	uint64_t seg_first;
	int64_t seg_end; /* bytes that are durable; the next frame's offset */
	int64_t seg_wall_ns; /* of its first record; HF_TIME_NONE if none */

	/* checkpoints */
	struct hf_checkpoint last; /* newest signed; size 0 = none */
	struct hf_buf last_note;   /* its text */
	struct hf_buf note;	   /* signed, not yet durable */
	int64_t notes_end;	   /* bytes of the segment's .notes */
	bool checkpoint_stale;	   /* file `checkpoint` is not last_note */

	/* of the newest record, for clock jumps */
	bool has_stamp;
	int64_t last_wall_ns, last_mono_ns;
	char last_boot[40];
	uint64_t last_req[HF_NROLE][HF_AUDIT_NZONE];

	bool is_new;	 /* no key named yet: log.key is due */
	char found[256]; /* what open found, for log.open */
};

/* Callback of the tree; arg is a struct hf_tile_sink. */
int hf_audit_tile_full(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err);
/* Checks all full tiles of the segment that begins with `first`. */
int hf_audit_tiles_mend(
    struct hf_auditlog *l, uint64_t first, struct hf_err *err);
/* Header of a new segment for the tree as it is, durable. */
int hf_audit_segment_new(struct hf_auditlog *l, struct hf_err *err);
/* File `key.pub`, durable. */
int hf_audit_key_write(struct hf_auditlog *l, struct hf_err *err);
/* File `checkpoint` from last_note, not durable. */
int hf_audit_checkpoint_write(struct hf_auditlog *l, struct hf_err *err);
/* Record at the newest position; recovery uses it too. */
void hf_audit_note_stamp(struct hf_auditlog *l, const struct hf_audit_body *b);
/* The bundle `index` of durable records: borrowed from *hold or the log. */
int hf_audit_bundle_get(struct hf_auditlog *l, uint64_t index,
    struct hf_buf *hold, const uint8_t **p, size_t *n, struct hf_err *err);

#endif
