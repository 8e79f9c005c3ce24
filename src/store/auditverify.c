/* SPDX-License-Identifier: Apache-2.0
 *
 * auditverify.c - recomputes a whole tamper-evident log and says what differs.
 *
 * Called by `holdfast audit verify` on a laptop, without a daemon, and by
 * tests. It writes nothing. Formats: auditlog.c and the files named there.
 * Two other programs do the same and share no code with this one:
 * tools/hf-audit-verify.c and tools/audit_verify.py.
 *
 * In one pass over the segments, for each record: frame and CRC, canonical
 * JSON, seq, clocks, boot id, the note it names. Its leaf joins the tree; full
 * tiles are compared as they fill. At the size of each note: origin, root,
 * signature of the key in force. At the size of the witness: its root.
 *
 * Keys: the first record log.key names the first one. A log.key "rotated"
 * names a next one, which comes into force with the first note that it signs,
 * if a note by the key before already covers that record. The key that the
 * auditor brings must have signed at least one note of this chain: then all
 * that follows is vouched for by it, and all before by the root it signed.
 *
 * Clocks: between two records of one boot, wall and monotonic time must move
 * by the same amount (2 s of tolerance), else the later record must be
 * clock.audit_jump; the same for a step back over a reboot. A new boot id may
 * begin only with a record of audit itself (log.open or clock.audit_jump), and
 * a boot id that was left never returns.
 *
 * is_live: somebody may be writing. Records behind the newest checkpoint, a
 * record half written and files just being made are then no finding; anything
 * that the file `checkpoint` promised when we began must be there.
 */
#include "store/auditverify_i.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "os/file.h"

#define JUMP_US INT64_C(2000000) /* a wall clock may be that off */
#define BOOTS_MAX 100000
#define ACTION_KEY "{\"action\":\"log.key\","

void
hf_verify_found(struct hf_verify *w, uint64_t seq, const char *fmt, ...)
{
	struct hf_audit_verdict *v = w->v;
	struct hf_audit_finding *f;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (v->nfinding < sizeof(v->first) / sizeof(v->first[0])) {
		f = &v->first[v->nfinding];
		f->seq = seq;
		hf_printable(f->text, sizeof(f->text), text, strlen(text));
	}
	v->nfinding++;
}

struct notes { /* one .notes file, read in order */
	int fd;
	char *buf;
	size_t have, at;
	bool has_next, is_end;
	struct hf_checkpoint next;
	const char *text; /* of next, in buf */
	size_t len;
};

static void
notes_close(struct notes *n)
{
	if (n->fd >= 0)
		close(n->fd);
	free(n->buf);
}

/* Whole notes from n->at on; reads on as needed. */
static void
notes_next(struct hf_verify *w, struct notes *n)
{
	struct hf_err why;
	ssize_t got;

	n->has_next = false;
	if (n->fd < 0)
		return;
	if (n->have - n->at < HF_NOTE_MAX + 2 && !n->is_end) {
		memmove(n->buf, n->buf + n->at, n->have - n->at);
		n->have -= n->at;
		n->at = 0;
		while (!n->is_end && n->have < 4 * HF_NOTE_MAX) {
			got = read(
			    n->fd, n->buf + n->have, 4 * HF_NOTE_MAX - n->have);
			n->is_end = got <= 0;
			n->have += got > 0 ? (size_t)got : 0;
		}
	}
	if (n->at == n->have)
		return;
	n->text = n->buf + n->at;
	n->len = hf_note_len(n->text, n->have - n->at, false);
	if (n->len == 0) {
		if (!w->is_live)
			hf_verify_found(w, w->tree.size,
			    "checkpoint file ends within a checkpoint");
		n->at = n->have;
		n->is_end = true;
		return;
	}
	n->at += n->len + 1;
	if (hf_checkpoint_parse(&n->next, n->text, n->len, &why) != HF_OK) {
		hf_verify_found(w, w->tree.size,
		    "a checkpoint is no checkpoint: %s", why.msg);
		n->at = n->have; /* the rest cannot be trusted to line up */
		n->is_end = true;
		return;
	}
	n->has_next = true;
}

static void
notes_open(struct hf_verify *w, struct notes *n, uint64_t first)
{
	char name[HF_SEG_NAME];

	memset(n, 0, sizeof(*n));
	hf_seg_name(first, ".notes", name);
	n->fd = openat(w->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n->buf = malloc(4 * HF_NOTE_MAX);
	if (n->buf == NULL) {
		hf_verify_found(w, first, "no memory for %s", name);
		w->is_broken = true;
		n->is_end = true;
		return;
	}
	notes_next(w, n);
}

/* Signature of the key in force, or of the announced one. */
static void
check_signature(
    struct hf_verify *w, const char *text, size_t len, uint64_t size)
{
	struct hf_err why = {0};

	if (!w->has_key) {
		hf_verify_found(w, size,
		    "checkpoint %" PRIu64 ": no record named a key before it",
		    size);
		return;
	}
	if (hf_note_verify(text, len, &w->key, &why) != HF_OK) {
		if (!w->has_next_key || w->next_key_seq >= w->last.size ||
		    hf_note_verify(text, len, &w->next_key, NULL) != HF_OK) {
			hf_verify_found(w, size,
			    "checkpoint %" PRIu64 " is not signed by the key "
			    "in force: %s",
			    size, why.msg);
			return;
		}
		w->key = w->next_key;
		w->has_next_key = false;
	}
	if (w->has_given && memcmp(w->key.pub, w->given, HF_AUDIT_KEY) == 0)
		w->given_signed = true;
}

static void
check_note(struct hf_verify *w, struct notes *n)
{
	const struct hf_checkpoint *c = &n->next;
	uint8_t root[HF_SHA256_LEN];

	hf_merkle_root(&w->tree, root);
	if (strcmp(c->origin, w->v->origin) != 0)
		hf_verify_found(w, c->size,
		    "checkpoint %" PRIu64 " is of another log: \"%.60s\"",
		    c->size, c->origin);
	if (memcmp(root, c->root, sizeof(root)) != 0)
		hf_verify_found(w, c->size,
		    "checkpoint %" PRIu64 " signs another root than the "
		    "records have: a record before it was changed",
		    c->size);
	check_signature(w, n->text, n->len, c->size);
	w->last = *c;
	hf_buf_reset(&w->last_text);
	hf_buf_put(&w->last_text, n->text, n->len);
	w->v->ncheckpoint++;
}

/* All notes of trees as large as ours now. */
static void
take_notes(struct hf_verify *w, struct notes *n)
{
	while (n->has_next && n->next.size <= w->tree.size) {
		if (n->next.size < w->tree.size ||
		    (w->last.size == n->next.size && w->v->ncheckpoint > 0))
			hf_verify_found(w, n->next.size,
			    "checkpoint %" PRIu64 " stands behind a larger or "
			    "equal one: checkpoints were reordered or repeated",
			    n->next.size);
		else
			check_note(w, n);
		notes_next(w, n);
	}
	if (w->has_witness && w->witness.size == w->tree.size) {
		uint8_t root[HF_SHA256_LEN];

		hf_merkle_root(&w->tree, root);
		if (memcmp(root, w->witness.root, sizeof(root)) != 0)
			hf_verify_found(w, w->witness.size,
			    "the witness saw another root at %" PRIu64
			    ": what it had seen was rewritten",
			    w->witness.size);
	}
}

static bool
boot_is_old(struct hf_verify *w, const struct hf_audit_body *b)
{
	char id[40];
	size_t i;

	snprintf(id, sizeof(id), "%.*s", (int)b->boot.n, b->boot.p);
	for (i = 0; i < w->nboot; i++)
		if (strcmp(w->boots[i], id) == 0)
			return true;
	if (w->nboot == w->boot_cap && w->nboot < BOOTS_MAX) {
		size_t cap = w->boot_cap == 0 ? 64 : 2 * w->boot_cap;
		char(*more)[40] = realloc(w->boots, cap * sizeof(*more));

		if (more == NULL)
			return false;
		w->boots = more;
		w->boot_cap = cap;
	}
	if (w->nboot < w->boot_cap)
		memcpy(w->boots[w->nboot++], id, sizeof(id));
	return false;
}

static void
check_clock(struct hf_verify *w, const struct hf_audit_body *b)
{
	bool is_jump = hf_slice_is(b->action, "clock.audit_jump");
	bool is_audit = hf_slice_is(b->role, "audit");
	int64_t wall_us = (b->wall_ns - w->prev_wall_ns) / 1000, off;

	w->v->nclock_jump += is_jump && is_audit;
	if (b->boot.n >= sizeof(w->prev_boot)) {
		hf_verify_found(w, b->seq,
		    "record %" PRIu64 ": boot id is too long", b->seq);
		return;
	}
	if (w->has_prev && hf_slice_is(b->boot, w->prev_boot)) {
		if (b->mono_us < w->prev_mono_us)
			hf_verify_found(w, b->seq,
			    "record %" PRIu64
			    ": the monotonic clock runs backward",
			    b->seq);
		off = wall_us - (b->mono_us - w->prev_mono_us);
	} else {
		off = w->has_prev && wall_us < 0 ? wall_us : 0;
		if (boot_is_old(w, b))
			hf_verify_found(w, b->seq,
			    "record %" PRIu64
			    ": a boot id returns that was left before",
			    b->seq);
		if (w->has_prev &&
		    !(is_audit &&
			(is_jump || hf_slice_is(b->action, "log.open"))))
			hf_verify_found(w, b->seq,
			    "record %" PRIu64
			    ": a new boot begins without audit opening the log",
			    b->seq);
	}
	if ((off > JUMP_US || off < -JUMP_US) && !(is_jump && is_audit))
		hf_verify_found(w, b->seq,
		    "record %" PRIu64 ": the wall clock moved by %" PRId64
		    " ms on its own and "
		    "no record says so",
		    b->seq, off / 1000);
	w->has_prev = true;
	w->prev_wall_ns = b->wall_ns;
	w->prev_mono_us = b->mono_us;
	snprintf(w->prev_boot, sizeof(w->prev_boot), "%.*s", (int)b->boot.n,
	    b->boot.p);
}

/* The chain of checkpoints through the records. */
static void
check_binding(struct hf_verify *w, const struct hf_audit_body *b)
{
	bool is_due = w->last.size == b->seq && w->v->ncheckpoint > 0;

	if (b->seq == w->segs[0] && b->seq > 0)
		return; /* its note went with the segment before */
	if (b->has_note && !is_due)
		hf_verify_found(w, b->seq,
		    "record %" PRIu64 " names a checkpoint of size %" PRIu64
		    " that is missing: it was dropped or moved",
		    b->seq, b->seq);
	else if (is_due && !b->has_note)
		hf_verify_found(w, b->seq,
		    "record %" PRIu64 " does not name the checkpoint before it",
		    b->seq);
	else if (b->has_note &&
		 memcmp(b->note, w->last.text_hash, sizeof(b->note)) != 0)
		hf_verify_found(w, b->seq,
		    "record %" PRIu64
		    " names another checkpoint than the one of that size",
		    b->seq);
}

/* log.key: "first" or a rotation. */
static void
take_key(struct hf_verify *w, const struct hf_audit_body *b)
{
	static const char follows[] = "follows ";
	struct hf_vkey k, old;
	size_t skip = sizeof(follows) - 1;
	bool has_old;

	if (!hf_slice_is(b->role, "audit") || b->object.p == NULL ||
	    hf_vkey_parse(&k, b->object.p, b->object.n, NULL) != HF_OK) {
		hf_verify_found(w, b->seq,
		    "record %" PRIu64
		    ": log.key without a key, or not by audit",
		    b->seq);
		return;
	}
	has_old =
	    b->detail.n > skip && memcmp(b->detail.p, follows, skip) == 0 &&
	    hf_vkey_parse(&old, b->detail.p + skip, b->detail.n - skip, NULL) ==
		HF_OK;
	if (!w->has_key) {
		w->key = has_old ? old : k;
		w->has_key = true;
	}
	if (!has_old && memcmp(&k, &w->key, sizeof(k)) == 0)
		return;
	/* the key in force, or the announced one that has not signed yet */
	if (!has_old || (memcmp(old.pub, w->key.pub, 32) != 0 &&
			    !(w->has_next_key &&
				memcmp(old.pub, w->next_key.pub, 32) == 0))) {
		hf_verify_found(w, b->seq,
		    "record %" PRIu64
		    ": a key change that does not follow the key in force",
		    b->seq);
		return;
	}
	w->next_key = k;
	w->has_next_key = true;
	w->next_key_seq = b->seq;
}

/* log.tombstone: "0-TO" and, as input_hash, the root of that size. */
static void
take_tombstone(struct hf_verify *w, const struct hf_audit_body *b,
    const char *body, size_t n)
{
	static const char key[] = "\"input_hash\":\"";
	const char *at = memmem(body, n, key, sizeof(key) - 1);
	uint64_t to;

	if (!hf_slice_is(b->role, "audit") || b->object.n < 3 ||
	    memcmp(b->object.p, "0-", 2) != 0 || at == NULL ||
	    !hf_parse_u64(b->object.p + 2, b->object.n - 2, &to) ||
	    to > b->seq) {
		hf_verify_found(w, b->seq,
		    "record %" PRIu64 ": malformed tombstone", b->seq);
		return;
	}
	w->tomb_to = to;
	snprintf(
	    w->tomb_root, sizeof(w->tomb_root), "%.64s", at + sizeof(key) - 1);
}

static void
check_record(struct hf_verify *w, const char *body, size_t n)
{
	uint8_t leaf[HF_SHA256_LEN];
	struct hf_audit_body b;
	struct hf_err why;

	if (hf_audit_body_get(&b, body, n, &why) != HF_OK) {
		hf_verify_found(w, w->tree.size, "record %" PRIu64 ": %s",
		    w->tree.size, why.msg);
	} else {
		if (b.seq != w->tree.size)
			hf_verify_found(w, w->tree.size,
			    "record %" PRIu64 " stands where %" PRIu64
			    " is due: records were "
			    "removed, inserted or moved",
			    b.seq, w->tree.size);
		b.seq = w->tree.size;
		check_clock(w, &b);
		check_binding(w, &b);
		if (hf_slice_is(b.action, "log.key"))
			take_key(w, &b);
		if (hf_slice_is(b.action, "log.tombstone"))
			take_tombstone(w, &b, body, n);
	}
	hf_bundle_put(&w->bundle, body, n);
	hf_treehash_leaf(w->tree.th, body, n, leaf);
	hf_merkle_append(&w->tree, leaf, NULL);
	w->v->nrecord++;
}

/* Header of segment i against what it must be. */
static int
check_head(
    struct hf_verify *w, size_t i, int fd, size_t *len, struct hf_err *err)
{
	struct hf_seg_head h;
	struct hf_buf want;
	uint8_t *p;
	int rc;

	rc = hf_seg_head_read(fd, &h, NULL, err);
	if (rc != HF_OK)
		return rc;
	*len = h.len;
	if (w->v->origin[0] == '\0')
		hf_strcpy(w->v->origin, sizeof(w->v->origin), h.origin);
	if (strcmp(h.origin, w->v->origin) != 0)
		hf_verify_found(w, h.first,
		    "segment %" PRIu64 " is of another log: \"%.60s\"",
		    w->segs[i], h.origin);
	hf_merkle_root(&w->tree, w->seg_root[i]);
	hf_buf_init(&want, HF_SEG_HEAD_MAX);
	hf_seg_head_put(&want, h.origin, &w->tree);
	p = malloc(h.len);
	if (p == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "segment header");
	else if (pread(fd, p, h.len, 0) != (ssize_t)h.len ||
		 want.len != h.len || memcmp(want.p, p, h.len) != 0)
		hf_verify_found(w, h.first,
		    "segment %" PRIu64
		    ": its header does not fit the records before it",
		    w->segs[i]);
	free(p);
	hf_buf_fini(&want);
	return rc;
}

/* The end of segment i: is a bad frame a record being written? */
static void
end_of_records(struct hf_verify *w, const struct hf_frames *f, int rc,
    const struct hf_err *why)
{
	if (rc == HF_ENODATA)
		return;
	if (w->is_live && w->tree.size >= w->promised)
		return;
	w->is_broken = true;
	hf_verify_found(w, w->tree.size,
	    "record %" PRIu64 " cannot be read (byte %" PRId64
	    " of its segment): %s",
	    w->tree.size, f->off, why->msg);
}

static void
check_segment(struct hf_verify *w, size_t i, int fd, size_t head_len)
{
	struct hf_frames f = {.buf = NULL};
	struct hf_err why = {0};
	struct notes notes;
	const char *body;
	size_t n;
	int rc;

	notes_open(w, &notes, w->segs[i]);
	rc = hf_frames_init(&f, fd, (int64_t)head_len, &why);
	while (rc == HF_OK) {
		rc = hf_frames_next(&f, &body, &n, &why);
		if (rc != HF_OK)
			break;
		check_record(w, body, n);
		take_notes(w, &notes);
	}
	end_of_records(w, &f, rc, &why);
	while (notes.has_next) {
		if (!w->is_live || notes.next.size <= w->promised)
			hf_verify_found(w, notes.next.size,
			    "checkpoint %" PRIu64
			    " was signed, but only %" PRIu64
			    " records are there: records are missing",
			    notes.next.size, w->tree.size);
		notes_next(w, &notes);
	}
	hf_frames_fini(&f);
	notes_close(&notes);
}

static void
check_segments(struct hf_verify *w)
{
	char name[HF_SEG_NAME];
	struct hf_err why = {0};
	size_t i, len = 0;
	int fd, rc;

	for (i = 0; i < w->nseg && !w->is_broken; i++) {
		if (w->segs[i] != w->tree.size) {
			hf_verify_found(w, w->tree.size,
			    "records %" PRIu64 " to %" PRIu64
			    " are missing: no segment has them",
			    w->tree.size, w->segs[i] - 1);
			w->is_broken = true;
			return;
		}
		hf_seg_name(w->segs[i], ".seg", name);
		fd = openat(w->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		rc = fd < 0 ? HF_FAIL(&why, HF_EIO, "%s", strerror(errno))
			    : check_head(w, i, fd, &len, &why);
		if (rc != HF_OK) {
			hf_verify_found(w, w->segs[i], "%s: %s", name, why.msg);
			w->is_broken = true;
		} else {
			check_segment(w, i, fd, len);
		}
		if (fd >= 0)
			close(fd);
	}
}

/* A log whose beginning was removed names its key somewhere behind. */
static void
find_first_key(struct hf_verify *w)
{
	struct hf_audit_body b;
	struct hf_seg_head h;
	char name[HF_SEG_NAME];
	const char *body;
	size_t i, n;

	for (i = 0; i < w->nseg && !w->has_key; i++) {
		struct hf_frames f = {.buf = NULL};
		int fd = openat(w->dirfd, hf_seg_name(w->segs[i], ".seg", name),
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			return;
		if (hf_seg_head_read(fd, &h, NULL, NULL) == HF_OK &&
		    hf_frames_init(&f, fd, (int64_t)h.len, NULL) == HF_OK)
			while (!w->has_key &&
			       hf_frames_next(&f, &body, &n, NULL) == HF_OK)
				if (n > sizeof(ACTION_KEY) &&
				    memcmp(body, ACTION_KEY,
					sizeof(ACTION_KEY) - 1) == 0 &&
				    hf_audit_body_get(&b, body, n, NULL) ==
					HF_OK)
					take_key(w, &b);
		hf_frames_fini(&f);
		close(fd);
	}
	w->has_next_key = false; /* it will come again */
	if (!w->has_key && w->has_given)
		w->has_key = hf_vkey_make(&w->key, w->v->origin, w->given,
				 NULL) == HF_OK;
}

/* key.pub: must name the key in force, or the one announced. */
static void
check_key_file(struct hf_verify *w)
{
	struct hf_buf file;
	struct hf_vkey k;

	hf_buf_init(&file, HF_VKEY_MAX + 8);
	if (hf_file_read(w->dirfd, "key.pub", HF_VKEY_MAX, &file, NULL) !=
		HF_OK ||
	    file.len == 0 || file.p[file.len - 1] != '\n' ||
	    hf_vkey_parse(&k, (const char *)file.p, file.len, NULL) != HF_OK) {
		hf_verify_found(w, w->tree.size,
		    "key.pub is missing or is no verifier key");
	} else if (!w->has_key ||
		   (memcmp(&k, &w->key, sizeof(k)) != 0 &&
		       !(w->has_next_key &&
			   memcmp(&k, &w->next_key, sizeof(k)) == 0))) {
		hf_verify_found(w, w->tree.size,
		    "key.pub is not the key that signs this log");
	}
	hf_buf_fini(&file);
	if (w->has_key)
		hf_vkey_text(&w->key, w->v->key);
	if (w->has_given && !w->given_signed)
		hf_verify_found(w, w->tree.size,
		    "no checkpoint is signed by the key you gave: this log was "
		    "written with another key");
}

static void
check_end(struct hf_verify *w)
{
	struct hf_audit_verdict *v = w->v;
	char hex[HF_SHA256_HEX];
	size_t i;

	v->signed_size = w->last.size;
	v->unsigned_tail = w->tree.size - w->last.size;
	if (v->unsigned_tail > 0 && !w->is_live)
		hf_verify_found(w, w->last.size,
		    "%" PRIu64 " records from %" PRIu64
		    " on are behind the last "
		    "checkpoint: nobody signed them",
		    v->unsigned_tail, w->last.size);
	if (w->is_live
		? w->promised > w->last.size
		: w->newest.len != w->last_text.len ||
		      (w->newest.len > 0 && memcmp(w->newest.p, w->last_text.p,
						w->newest.len) != 0))
		hf_verify_found(w, w->last.size,
		    "file checkpoint is not the last of the signed ones: "
		    "checkpoints were dropped or changed");
	if (w->has_witness && w->witness.size > w->tree.size)
		hf_verify_found(w, w->tree.size,
		    "the witness saw %" PRIu64 " records, %" PRIu64
		    " are there: the log was cut",
		    w->witness.size, w->tree.size);
	if (w->segs[0] == 0)
		return;
	hf_hex(hex, w->seg_root[0], HF_SHA256_LEN);
	for (i = 0; i < w->nseg; i++)
		if (w->segs[i] == w->tomb_to)
			hf_hex(hex, w->seg_root[i], HF_SHA256_LEN);
	if (w->tomb_to < w->segs[0] || strcmp(hex, w->tomb_root) != 0)
		hf_verify_found(w, 0,
		    "records 0 to %" PRIu64
		    " are gone and no signed tombstone accounts for them",
		    w->segs[0] - 1);
}

static void
read_witness(struct hf_verify *w, const char *text)
{
	struct hf_err why;

	if (text == NULL)
		return;
	w->has_witness =
	    hf_checkpoint_parse(&w->witness, text, strlen(text), &why) == HF_OK;
	if (!w->has_witness)
		hf_verify_found(
		    w, 0, "the witness is no checkpoint: %s", why.msg);
	else if (strcmp(w->witness.origin, w->v->origin) != 0)
		hf_verify_found(w, 0,
		    "the witness is of another log: \"%.60s\"",
		    w->witness.origin);
}

/* Signed by the key in force at the end, or by the given one: else anybody
 * could make this log look wrong, or a forged witness look right. */
static void
check_witness_key(struct hf_verify *w, const char *text)
{
	struct hf_vkey given;

	if (!w->has_witness)
		return;
	if (w->has_key &&
	    hf_note_verify(text, strlen(text), &w->key, NULL) == HF_OK)
		return;
	if (w->has_given &&
	    hf_vkey_make(&given, w->v->origin, w->given, NULL) == HF_OK &&
	    hf_note_verify(text, strlen(text), &given, NULL) == HF_OK)
		return;
	if (w->v->nfinding == 0 && w->witness.size <= w->tree.size)
		return; /* by an earlier key of the chain; its root fits */
	hf_verify_found(w, w->witness.size,
	    "the witness is signed by neither key of this log");
}

/* The name of the log, from its oldest segment. */
static void
find_origin(struct hf_verify *w)
{
	char name[HF_SEG_NAME];
	struct hf_seg_head h;
	int fd = openat(w->dirfd, hf_seg_name(w->segs[0], ".seg", name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (hf_seg_head_read(fd, &h, NULL, NULL) == HF_OK)
		hf_strcpy(w->v->origin, sizeof(w->v->origin), h.origin);
	close(fd);
}

static int
setup(struct hf_verify *w, const uint8_t *pubkey, const char *origin,
    struct hf_err *err)
{
	struct hf_checkpoint c;
	struct hf_vkey k;
	int rc;

	hf_buf_init(&w->bundle, HF_BUNDLE_MAX);
	hf_buf_init(&w->scratch, HF_BUNDLE_MAX + 1);
	hf_buf_init(&w->newest, HF_NOTE_MAX + 1);
	hf_buf_init(&w->last_text, HF_NOTE_MAX);
	rc = hf_merkle_init(&w->tree, err);
	if (rc == HF_OK)
		rc = hf_seg_list(w->dirfd, &w->segs, &w->nseg, err);
	if (rc != HF_OK)
		return rc;
	if (w->nseg == 0)
		return HF_FAIL(err, HF_ENODATA,
		    "no audit log here: no file NNNNNNNNNNNNNNNN.seg");
	w->seg_root = calloc(w->nseg, sizeof(*w->seg_root));
	if (w->seg_root == NULL)
		return HF_FAIL(err, HF_ENOMEM, "verify");
	w->tree.full = hf_verify_tile_full;
	w->tree.arg = w;
	if (origin != NULL)
		hf_strcpy(w->v->origin, sizeof(w->v->origin), origin);
	else
		find_origin(w);
	if (hf_file_read(w->dirfd, "checkpoint", HF_NOTE_MAX, &w->newest,
		NULL) == HF_OK &&
	    hf_checkpoint_parse(
		&c, (const char *)w->newest.p, w->newest.len, NULL) == HF_OK)
		w->promised = c.size;
	w->has_given = pubkey != NULL;
	if (pubkey != NULL) {
		memcpy(w->given, pubkey, sizeof(w->given));
	} else if (hf_file_read(w->dirfd, "key.pub", HF_VKEY_MAX, &w->scratch,
		       NULL) == HF_OK &&
		   hf_vkey_parse(&k, (const char *)w->scratch.p, w->scratch.len,
		       NULL) == HF_OK) {
		w->has_given = true;
		memcpy(w->given, k.pub, sizeof(w->given));
	}
	return HF_OK;
}

static void
teardown(struct hf_verify *w)
{
	hf_merkle_fini(&w->tree);
	hf_buf_fini(&w->bundle);
	hf_buf_fini(&w->scratch);
	hf_buf_fini(&w->newest);
	hf_buf_fini(&w->last_text);
	free(w->segs);
	free(w->seg_root);
	free(w->boots);
	free(w);
}

/* A file that may not be read proves nothing about the log: say so, rather than
 * find it missing. */
static int
check_readable(int dirfd, struct hf_err *err)
{
	static const char *const names[] = {
	    ".", "key.pub", "checkpoint", "tile", "tile/0", "tile/entries"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (faccessat(dirfd, names[i], R_OK, AT_EACCESS) != 0 &&
		    errno == EACCES)
			return HF_FAIL(err, HF_EDENIED,
			    "%s may not be read: permission denied; verify as "
			    "root, as a member of group hf-evidence, or on a "
			    "copy of the folder",
			    names[i]);
	return HF_OK;
}

int
hf_auditlog_verify(int dirfd, const uint8_t *pubkey, const char *origin,
    const char *witness, bool allow_tail, struct hf_audit_verdict *v,
    struct hf_err *err)
{
	struct hf_verify *w = calloc(1, sizeof(*w));
	int rc;

	memset(v, 0, sizeof(*v));
	if (w == NULL)
		return HF_FAIL(err, HF_ENOMEM, "verify");
	rc = check_readable(dirfd, err);
	if (rc != HF_OK) {
		free(w);
		return rc;
	}
	w->dirfd = dirfd;
	w->is_live = allow_tail;
	w->v = v;
	rc = setup(w, pubkey, origin, err);
	if (rc == HF_OK && w->segs[0] > 0) {
		v->first_record = w->segs[0];
		find_first_key(w);
		rc = hf_verify_pruned(w, err);
	}
	if (rc != HF_OK)
		goto out;
	read_witness(w, witness);
	check_segments(w);
	hf_merkle_root(&w->tree, v->root);
	check_end(w);
	check_key_file(w);
	check_witness_key(w, witness);
	hf_verify_files(w);
	if (v->nfinding > 0)
		rc = HF_FAIL(err, HF_ECORRUPT, "%s", v->first[0].text);
out:
	teardown(w);
	return rc;
}
