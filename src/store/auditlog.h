/* SPDX-License-Identifier: Apache-2.0
 *
 * auditlog.h - the tamper-evident log: canonical JSON records, RFC 6962 Merkle
 * tree, C2SP tlog-tiles beside it, signed-note checkpoints (Ed25519).
 *
 * Formats byte by byte in auditlog.c and the files it names. Works on a laptop
 * without a daemon. One thread. Writes go through os/file.h's gate.
 */
#ifndef HF_STORE_AUDITLOG_H
#define HF_STORE_AUDITLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/record.h"
#include "os/msg.h"

#define HF_AUDIT_BODY 4096 /* bytes of one canonical JSON body */
#define HF_AUDIT_KEY 32	   /* Ed25519 seed / public key */

struct hf_auditlog;

struct hf_audit_conf {
	const char *origin;    /* first line of every checkpoint, for example
				  "holdfast/acme/berlin"; the key's name, too */
	const uint8_t *seed;   /* 32 bytes, Ed25519 private key; copied */
	int64_t segment_bytes; /* 64 MiB */
	int64_t segment_ns;    /* one day */
	gid_t gid;	       /* group that may read, (gid_t)-1 = none */
};

struct hf_audit_report {     /* what open found */
	uint64_t size;	     /* records */
	uint64_t torn_bytes; /* cut from the tail */
	char text[256];	     /* "" if clean */
};

/* What audit itself adds to a record. */
struct hf_audit_stamp {
	int64_t wall_ns, mono_ns;
	char boot_id[40];
	enum hf_role sender;
	uint8_t zone;
	uint64_t req; /* sender's incarnation << 32 | running number; 0 = not
			 given. Stored, so that hf_auditlog_last_req knows it
			 after a restart of audit */
};

/*
 * Opens or begins the log in dirfd (duplicated) and recovers it; report may be
 * NULL. Writes no record: call hf_auditlog_begin. A log whose signed part is
 * damaged is set aside and a new one begun (auditopen.c). HF_EDENIED if the log
 * is signed by another key than the seed's, or is a whole one of another
 * origin. Reads the newest segment and
 * compares tiles of 64 MiB of records: about 0.5 s at most.
 */
int hf_auditlog_open(int dirfd, const struct hf_audit_conf *conf,
    struct hf_auditlog **out, struct hf_audit_report *report,
    struct hf_err *err);
/* Writes no record and signs nothing; NULL is fine. */
void hf_auditlog_close(struct hf_auditlog *l);
/*
 * The record log.open, with what open found, and log.key in a new log. Call it
 * once after open, before any other append. incarnation of audit: 1 = the first
 * since the parent started, which forgets the request ids of earlier senders.
 */
int hf_auditlog_begin(struct hf_auditlog *l, uint32_t incarnation,
    const struct hf_audit_stamp *at, struct hf_err *err);
/*
 * Appends (not durable). HF_EDENIED if the sender may not say that action;
 * HF_EINVAL for text that is no text; HF_ELIMIT when 4 MiB wait because the
 * disk takes nothing (nothing was appended, try again after a commit). A wall
 * clock that moved by more than 2 s against the monotonic one puts a record
 * clock.audit_jump before it. seq may be NULL.
 */
int hf_auditlog_append(struct hf_auditlog *l, const struct hf_record *r,
    const struct hf_audit_stamp *at, uint64_t *seq, struct hf_err *err);
/* Makes all appended records durable. After a failure nothing is lost: they
 * stay in memory and the next commit opens the file anew and writes them. */
int hf_auditlog_commit(struct hf_auditlog *l, struct hf_err *err);
/* Commits, signs root and size, and writes tiles and checkpoint. Nothing to do
 * if the newest checkpoint has that size already. */
int hf_auditlog_checkpoint(struct hf_auditlog *l, struct hf_err *err);
uint64_t hf_auditlog_size(const struct hf_auditlog *l);	   /* appended */
uint64_t hf_auditlog_durable(const struct hf_auditlog *l); /* committed */
uint64_t hf_auditlog_signed(const struct hf_auditlog *l);  /* newest note's */
/* Highest request id taken from that sender since the parent started; 0 = none
 * known. */
uint64_t hf_auditlog_last_req(
    const struct hf_auditlog *l, enum hf_role sender, uint8_t zone);
/*
 * The log goes on with a new key: a record names it, a checkpoint by the old
 * key covers that record, all later checkpoints are by the new one. The caller
 * stores the seed.
 */
int hf_auditlog_rotate(struct hf_auditlog *l,
    const uint8_t new_seed[HF_AUDIT_KEY], const struct hf_audit_stamp *at,
    struct hf_err *err);
/*
 * Removes the oldest segments whose records are all older than before_wall_ns,
 * but never the newest: first a tombstone record under a checkpoint, then the
 * files. Their leaf hashes stay. Blocks for some ms per 256 removed records.
 */
int hf_auditlog_prune(struct hf_auditlog *l, int64_t before_wall_ns,
    const struct hf_audit_stamp *at, size_t *nremoved, struct hf_err *err);
/* JSON array of durable records [from, from + limit), bodies as stored, as many
 * as fit out's limit. HF_ENOTFOUND if retention removed the first of them. */
int hf_auditlog_read_json(struct hf_auditlog *l, uint64_t from, uint32_t limit,
    struct hf_buf *out, struct hf_err *err);
/* Text of the newest checkpoint note. HF_ENODATA before the first. */
int hf_auditlog_checkpoint_text(
    struct hf_auditlog *l, struct hf_buf *out, struct hf_err *err);

struct hf_audit_finding {
	uint64_t seq;	/* record or tree size it concerns */
	char text[256]; /* what is wrong, where, what it means */
};
struct hf_audit_verdict {
	uint64_t nrecord, ncheckpoint; /* read */
	uint64_t unsigned_tail; /* records behind the last checkpoint: not
				   accepted unless allow_tail (a live log) */
	uint8_t root[HF_SHA256_LEN];
	size_t nfinding; /* all; the first 16 are kept */
	struct hf_audit_finding first[16];
	uint64_t first_record;	    /* > 0: older ones were removed, with a
				  tombstone */
	uint64_t nclock_jump;	    /* recorded moves of the wall clock */
	uint64_t signed_size;	    /* of the newest checkpoint */
	char origin[200], key[256]; /* as found; key as verifier key text */
};
/*
 * Recomputes everything; reads only. pubkey NULL: key.pub of the folder (to be
 * printed as a warning: a log cannot vouch for its own key). origin NULL: as
 * the log says. witness: NULL, or the text of a checkpoint that somebody kept.
 * HF_OK only if nothing was found; HF_ECORRUPT with the first finding;
 * HF_ENODATA if there is no log. About 300,000 records a second.
 */
int hf_auditlog_verify(int dirfd, const uint8_t *pubkey, const char *origin,
    const char *witness, bool allow_tail, struct hf_audit_verdict *v,
    struct hf_err *err);
/* Ed25519 key pair from the system's random source. */
int hf_audit_keygen(
    uint8_t seed[HF_AUDIT_KEY], uint8_t pub[HF_AUDIT_KEY], struct hf_err *err);

#endif
