/* SPDX-License-Identifier: Apache-2.0
 *
 * auditlog.c - the tamper-evident log while it runs: append, commit, sign.
 *
 * Called by the role audit, by tests and by `holdfast audit`. Recovery is in
 * auditopen.c, verification in auditverify.c. It reads no clock: stamps come
 * from the caller. The folder:
 *
 *    0000000000000000.seg    records from 0 on (auditseg.c, auditbody.c)
 *    0000000000000000.notes  signed checkpoints (note.c) of trees that end in
 *                            that segment, oldest first, each followed by one
 *                            empty line; append-only
 *    checkpoint              the newest of them
 *    key.pub                 verifier key of the newest signer, one line
 *    tile/                   C2SP tlog-tiles (audittile.c)
 *    damaged-NNNN/           an older log that could not be continued
 *
 * Life of a record:
 *    append      rendered and framed in memory (`pending`, at most 4 MiB)
 *    commit      one write, one fdatasync: durable, may be acknowledged; only
 *                now it joins the tree and its tiles are written
 *    checkpoint  partial tiles, signature, note durable, file `checkpoint`
 * So a signature never covers what a power cut could take away, and tiles are
 * never ahead of the segments.
 *
 * The first record behind a checkpoint carries the hash of that checkpoint's
 * text ("note"). Notes are chained through the tree: one that is left out or
 * moved is missed by a record. Therefore a note must be durable before any
 * record that names it: commit writes a waiting note first.
 *
 * After a failed fdatasync the kernel may have dropped the pages and will say
 * "ok" next time (fsyncgate); the same descriptor is never synced again. The
 * bytes are still in `pending`: the next commit opens the file anew and writes
 * them at the same place.
 *
 * A segment ends at the first multiple of 256 records behind segment_bytes or
 * segment_ns; a checkpoint is signed there first.
 */
#include "store/auditlog_i.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/time.h"
#include "os/file.h"

uint64_t
hf_auditlog_size(const struct hf_auditlog *l)
{
	return l->tree.size + l->npending;
}

uint64_t
hf_auditlog_durable(const struct hf_auditlog *l)
{
	return l->tree.size;
}

uint64_t
hf_auditlog_signed(const struct hf_auditlog *l)
{
	return l->last.size;
}

uint64_t
hf_auditlog_last_req(
    const struct hf_auditlog *l, enum hf_role sender, uint8_t zone)
{
	return sender < HF_NROLE && zone < HF_AUDIT_NZONE
		   ? l->last_req[sender][zone]
		   : 0;
}

int
hf_audit_tile_full(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err)
{
	struct hf_tile_sink *s = arg;
	size_t n = HF_TILE_WIDTH * HF_SHA256_LEN;
	char path[HF_TILE_PATH];
	int rc, rc2 = HF_OK;

	hf_tile_path(level, index, 0, path);
	rc = s->is_mending
		 ? hf_tile_ensure(s->dirfd, path, row->hash, n, s->scratch, err)
		 : hf_tile_write(s->dirfd, path, row->hash, n, err);
	if (rc == HF_OK)
		hf_tile_drop_partials(s->dirfd, level, index);
	if (level != 0)
		return rc;
	hf_tile_path(HF_TILE_ENTRIES, index, 0, path);
	rc2 = s->is_mending ? hf_tile_ensure(s->dirfd, path, s->bundle->p,
				  s->bundle->len, s->scratch, err)
			    : hf_tile_write(s->dirfd, path, s->bundle->p,
				  s->bundle->len, err);
	if (rc2 == HF_OK)
		hf_tile_drop_partials(s->dirfd, HF_TILE_ENTRIES, index);
	hf_buf_reset(s->bundle);
	return rc != HF_OK ? rc : rc2;
}

int
hf_audit_key_write(struct hf_auditlog *l, struct hf_err *err)
{
	char text[HF_VKEY_MAX + 1];
	size_t n;

	hf_vkey_text(&l->key, text);
	n = strlen(text);
	text[n++] = '\n';
	return hf_file_replace(l->dirfd, "key.pub", text, n, 0640, err);
}

int
hf_audit_segment_new(struct hf_auditlog *l, struct hf_err *err)
{
	char name[HF_SEG_NAME];
	struct hf_buf head;
	int rc, fd = -1;

	hf_buf_init(&head, HF_SEG_HEAD_MAX);
	hf_seg_head_put(&head, l->origin, &l->tree);
	hf_seg_name(l->tree.size, ".seg", name);
	rc = hf_buf_ok(&head) ? HF_OK : HF_FAIL(err, HF_ENOMEM, "%s", name);
	if (rc == HF_OK)
		rc = hf_file_replace(
		    l->dirfd, name, head.p, head.len, 0640, err);
	if (rc != HF_OK)
		goto out;
	fd = hf_io_get()->openat(l->dirfd, name, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0) {
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
		goto out;
	}
	if (l->seg_fd >= 0)
		close(l->seg_fd);
	l->seg_fd = fd;
	l->seg_first = l->tree.size;
	l->seg_end = (int64_t)head.len;
	l->seg_wall_ns = HF_TIME_NONE;
	l->notes_end = 0;
out:
	hf_buf_fini(&head);
	return rc;
}

void
hf_audit_note_stamp(struct hf_auditlog *l, const struct hf_audit_body *b)
{
	enum hf_role role;
	char name[16];
	uint64_t req = b->inc << 32 | b->req;

	l->has_stamp = true;
	l->last_wall_ns = b->wall_ns;
	l->last_mono_ns = b->mono_us * HF_NS_PER_US;
	snprintf(l->last_boot, sizeof(l->last_boot), "%.*s", (int)b->boot.n,
	    b->boot.p);
	if (hf_slice_is(b->action, "log.open") && b->inc == 1)
		memset(l->last_req, 0, sizeof(l->last_req));
	snprintf(name, sizeof(name), "%.*s", (int)b->role.n, b->role.p);
	role = hf_role_parse(name);
	if (b->req != 0 && b->role_zone < HF_AUDIT_NZONE &&
	    l->last_req[role][b->role_zone] < req)
		l->last_req[role][b->role_zone] = req;
}

/* Renders and frames one record; the place where it becomes number seq. */
static int
put_record(struct hf_auditlog *l, const struct hf_record *r,
    const struct hf_audit_stamp *at, struct hf_err *err)
{
	uint64_t seq = hf_auditlog_size(l);
	size_t before = l->pending.len;
	const uint8_t *note = NULL;
	int rc;

	if (l->last.size == seq && seq > 0)
		note = l->last.text_hash;
	hf_buf_reset(&l->body);
	rc = hf_audit_body_put(&l->body, seq, r, at, note, err);
	if (rc != HF_OK)
		return rc;
	if (l->pending.len + HF_FRAME_HEAD + l->body.len > HF_AUDIT_PENDING)
		return HF_FAIL(err, HF_ELIMIT,
		    "%" PRIu64 " audit records wait for the disk", l->npending);
	hf_frame_put(&l->pending, l->body.p, l->body.len);
	if (!hf_buf_ok(&l->pending)) {
		l->pending.failed = false;
		l->pending.len = before;
		return HF_FAIL(err, HF_ENOMEM, "audit record");
	}
	l->npending++;
	if (l->seg_wall_ns == HF_TIME_NONE)
		l->seg_wall_ns = at->wall_ns;
	l->has_stamp = true;
	l->last_wall_ns = at->wall_ns;
	l->last_mono_ns = at->mono_ns;
	hf_strcpy(l->last_boot, sizeof(l->last_boot), at->boot_id);
	return HF_OK;
}

/* By how much the wall clock moved on its own since the newest record. After a
 * reboot only a step back can be told from time that passed. */
static int64_t
clock_jump(const struct hf_auditlog *l, const struct hf_audit_stamp *at)
{
	int64_t wall = at->wall_ns - l->last_wall_ns;

	if (!l->has_stamp)
		return 0;
	if (strcmp(l->last_boot, at->boot_id) == 0)
		return wall - (at->mono_ns - l->last_mono_ns);
	return wall < 0 ? wall : 0;
}

static int
note_jump(
    struct hf_auditlog *l, const struct hf_audit_stamp *at, struct hf_err *err)
{
	struct hf_record r = {.action = "clock.audit_jump",
	    .actor = "role:audit",
	    .decision = "seen"};
	struct hf_audit_stamp own = *at;
	int64_t by = clock_jump(l, at);

	if (by <= HF_AUDIT_JUMP_NS && by >= -HF_AUDIT_JUMP_NS)
		return HF_OK;
	own.sender = HF_ROLE_AUDIT;
	own.zone = 0;
	own.req = 0;
	snprintf(r.detail, sizeof(r.detail),
	    "the wall clock moved by %" PRId64 " ms against the %s",
	    by / HF_NS_PER_MS,
	    strcmp(l->last_boot, at->boot_id) == 0 ? "monotonic clock"
						   : "newest record");
	return put_record(l, &r, &own, err);
}

/* While the disk takes nothing the old segment goes on, in memory. Once all is
 * signed the new one must stand before the next record: the failed attempt may
 * have left its name, and then nothing may follow in the old one. */
static int
rotate_segment(struct hf_auditlog *l, struct hf_err *err)
{
	if (hf_auditlog_checkpoint(l, NULL) != HF_OK)
		return HF_OK;
	return hf_audit_segment_new(l, err);
}

static bool
segment_is_full(const struct hf_auditlog *l, int64_t wall_ns)
{
	uint64_t size = hf_auditlog_size(l);

	if (size % HF_TILE_WIDTH != 0 || size == l->seg_first)
		return false;
	return l->seg_end + (int64_t)l->pending.len >= l->segment_bytes ||
	       wall_ns - l->seg_wall_ns >= l->segment_ns;
}

int
hf_auditlog_append(struct hf_auditlog *l, const struct hf_record *r,
    const struct hf_audit_stamp *at, uint64_t *seq, struct hf_err *err)
{
	const struct hf_record_kind *kind = hf_record_kind_find(r->action);
	struct hf_audit_stamp own = *at;
	int rc = HF_OK;

	if (kind == NULL || (kind->senders & 1u << at->sender) == 0)
		return HF_FAIL(err, HF_EDENIED,
		    "role %s may not record \"%.48s\"",
		    hf_role_name(at->sender), r->action);
	/* one clock for the machine: it never runs backward within a boot */
	if (l->has_stamp && strcmp(l->last_boot, at->boot_id) == 0 &&
	    own.mono_ns < l->last_mono_ns)
		own.mono_ns = l->last_mono_ns;
	if (segment_is_full(l, own.wall_ns))
		rc = rotate_segment(l, err);
	if (rc == HF_OK)
		rc = note_jump(l, &own, err);
	if (rc == HF_OK && segment_is_full(l, own.wall_ns))
		rc = rotate_segment(l, err);
	if (rc == HF_OK)
		rc = put_record(l, r, &own, err);
	if (rc != HF_OK)
		return rc;
	if (at->req > hf_auditlog_last_req(l, at->sender, at->zone) &&
	    at->zone < HF_AUDIT_NZONE)
		l->last_req[at->sender][at->zone] = at->req;
	if (seq != NULL)
		*seq = hf_auditlog_size(l) - 1;
	return HF_OK;
}

int
hf_auditlog_begin(struct hf_auditlog *l, uint32_t incarnation,
    const struct hf_audit_stamp *at, struct hf_err *err)
{
	struct hf_record r = {.action = "log.open", .actor = "role:audit"};
	struct hf_audit_stamp own = *at;
	int rc;

	own.sender = HF_ROLE_AUDIT;
	own.zone = 0;
	own.req = (uint64_t)incarnation << 32;
	hf_strcpy(r.decision, sizeof(r.decision),
	    l->found[0] == '\0' ? "clean" : "mended");
	hf_strcpy(r.detail, sizeof(r.detail),
	    l->found[0] == '\0' ? "the log was whole" : l->found);
	if (incarnation == 1)
		memset(l->last_req, 0, sizeof(l->last_req));
	rc = hf_auditlog_append(l, &r, &own, NULL, err);
	if (rc != HF_OK || !l->is_new)
		return rc;
	own.req = 0;
	r = (struct hf_record){.action = "log.key",
	    .actor = "role:audit",
	    .decision = "first",
	    .detail = "first key of this log"};
	hf_vkey_text(&l->key, r.object);
	rc = hf_auditlog_append(l, &r, &own, NULL, err);
	if (rc == HF_OK)
		l->is_new = false;
	return rc;
}

static int
open_file(
    struct hf_auditlog *l, const char *name, int flags, struct hf_err *err)
{
	int fd = hf_io_get()->openat(
	    l->dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	return fd;
}

/* Writes the waiting note behind the others. A fresh descriptor each time: one
 * a second, and never one that failed to sync. */
static int
note_flush(struct hf_auditlog *l, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	char name[HF_SEG_NAME];
	int fd, rc;

	if (l->note.len == 0)
		return HF_OK;
	hf_seg_name(l->seg_first, ".notes", name);
	fd = open_file(l, name, O_WRONLY | O_CREAT, err);
	if (fd < 0)
		return fd;
	rc = hf_pwrite_all(fd, l->note.p, l->note.len, l->notes_end, err);
	if (rc == HF_OK && io->fdatasync(fd) != 0)
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	close(fd);
	if (rc == HF_OK && l->notes_end == 0)
		rc = hf_dir_sync(l->dirfd, err); /* the name must last, too */
	if (rc != HF_OK)
		return rc;
	l->notes_end += (int64_t)l->note.len;
	hf_buf_reset(&l->last_note);
	hf_buf_put(&l->last_note, l->note.p, l->note.len - 1);
	hf_buf_reset(&l->note);
	l->checkpoint_stale = true;
	return HF_OK;
}

static int
seg_write(struct hf_auditlog *l, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	char name[HF_SEG_NAME];
	int rc;

	hf_seg_name(l->seg_first, ".seg", name);
	if (l->seg_fd < 0) {
		l->seg_fd = open_file(l, name, O_RDWR, err);
		if (l->seg_fd < 0)
			return l->seg_fd;
	}
	rc = hf_pwrite_all(
	    l->seg_fd, l->pending.p, l->pending.len, l->seg_end, err);
	if (rc == HF_OK && io->fdatasync(l->seg_fd) != 0)
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	if (rc == HF_OK) {
		l->seg_end += (int64_t)l->pending.len;
		return HF_OK;
	}
	close(l->seg_fd);
	l->seg_fd = -1;
	return rc;
}

/* What is durable joins tree and tiles. */
static void
take_in(struct hf_auditlog *l)
{
	uint8_t leaf[HF_SHA256_LEN];
	struct hf_rd r;

	hf_rd_init(&r, l->pending.p, l->pending.len);
	while (hf_rd_left(&r) > 0) {
		uint32_t n = hf_rd_u32(&r);
		const uint8_t *body;

		hf_rd_u32(&r); /* CRC */
		body = hf_rd_bytes(&r, n);
		hf_bundle_put(&l->bundle, body, n);
		hf_treehash_leaf(l->tree.th, body, n, leaf);
		if (hf_merkle_append(&l->tree, leaf, NULL) != HF_OK)
			l->tiles_stale = true;
	}
	hf_buf_reset(&l->pending);
	l->npending = 0;
}

int
hf_auditlog_commit(struct hf_auditlog *l, struct hf_err *err)
{
	int rc = note_flush(l, err);

	if (rc != HF_OK || l->npending == 0)
		return rc;
	rc = seg_write(l, err);
	if (rc == HF_OK)
		take_in(l);
	return rc;
}

static int
write_partials(struct hf_auditlog *l, struct hf_err *err)
{
	char path[HF_TILE_PATH];
	unsigned level;
	int rc = HF_OK;

	for (level = 0; level < HF_TILE_LEVELS && rc == HF_OK; level++) {
		uint64_t index = l->tree.size >> (8 * (level + 1));
		const struct hf_tile_row *row = &l->tree.row[level];
		size_t n = (size_t)row->n * HF_SHA256_LEN;

		if (row->n == 0)
			continue;
		hf_tile_path(level, index, row->n, path);
		/* the width of a higher level seldom changes */
		rc = level > 0
			 ? hf_tile_ensure(
			       l->dirfd, path, row->hash, n, &l->scratch, err)
			 : hf_tile_write(l->dirfd, path, row->hash, n, err);
		if (rc != HF_OK || level > 0)
			continue;
		hf_tile_path(HF_TILE_ENTRIES, index, row->n, path);
		rc = hf_tile_write(
		    l->dirfd, path, l->bundle.p, l->bundle.len, err);
	}
	return rc;
}

int
hf_audit_checkpoint_write(struct hf_auditlog *l, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int fd, rc;

	fd = open_file(l, "checkpoint.tmp", O_WRONLY | O_CREAT | O_TRUNC, err);
	if (fd < 0)
		return fd;
	rc = hf_pwrite_all(fd, l->last_note.p, l->last_note.len, 0, err);
	close(fd);
	if (rc == HF_OK && io->renameat(l->dirfd, "checkpoint.tmp", l->dirfd,
			       "checkpoint") != 0)
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "checkpoint: %s",
		    strerror(errno));
	if (rc == HF_OK)
		l->checkpoint_stale = false;
	return rc;
}

int
hf_auditlog_checkpoint(struct hf_auditlog *l, struct hf_err *err)
{
	struct hf_checkpoint c = {0};
	int rc;

	rc = hf_auditlog_commit(l, err);
	if (rc == HF_OK && l->tiles_stale) {
		rc = hf_audit_tiles_mend(l, l->seg_first, err);
		l->tiles_stale = rc != HF_OK;
	}
	if (rc != HF_OK)
		return rc;
	if (l->tree.size != l->last.size) {
		rc = write_partials(l, err);
		if (rc != HF_OK)
			return rc;
		hf_strcpy(c.origin, sizeof(c.origin), l->origin);
		c.size = l->tree.size;
		hf_merkle_root(&l->tree, c.root);
		hf_buf_reset(&l->note);
		rc = hf_checkpoint_sign(&c, &l->key, l->seed, &l->note, err);
		hf_buf_u8(&l->note, '\n');
		if (rc != HF_OK || !hf_buf_ok(&l->note)) {
			hf_buf_reset(&l->note);
			return rc != HF_OK ? rc : HF_ENOMEM;
		}
		/* From here on the next record names it, even if the disk
		 * takes it only later: commit writes the note before. */
		l->last = c;
		rc = note_flush(l, err);
	}
	if (rc == HF_OK && l->checkpoint_stale)
		rc = hf_audit_checkpoint_write(l, err);
	return rc;
}

void
hf_auditlog_close(struct hf_auditlog *l)
{
	if (l == NULL)
		return;
	/* written without sync while running; a clean end leaves it safe */
	if (l->last_note.len > 0 && !l->checkpoint_stale)
		hf_file_replace(l->dirfd, "checkpoint", l->last_note.p,
		    l->last_note.len, 0640, NULL);
	if (l->seg_fd >= 0)
		close(l->seg_fd);
	if (l->dirfd >= 0)
		close(l->dirfd);
	hf_merkle_fini(&l->tree);
	hf_buf_fini(&l->bundle);
	hf_buf_fini(&l->scratch);
	hf_buf_fini(&l->pending);
	hf_buf_fini(&l->body);
	hf_buf_fini(&l->last_note);
	hf_buf_fini(&l->note);
	OPENSSL_cleanse(l->seed, sizeof(l->seed));
	free(l);
}

int
hf_auditlog_rotate(struct hf_auditlog *l, const uint8_t new_seed[HF_AUDIT_KEY],
    const struct hf_audit_stamp *at, struct hf_err *err)
{
	struct hf_record r = {
	    .action = "log.key", .actor = "role:audit", .decision = "rotated"};
	struct hf_audit_stamp own = *at;
	struct hf_vkey next, old = l->key;
	uint8_t pub[HF_AUDIT_KEY];
	char text[HF_VKEY_MAX];
	int rc;

	rc = hf_ed25519_pub(new_seed, pub, err);
	if (rc == HF_OK)
		rc = hf_vkey_make(&next, l->origin, pub, err);
	if (rc != HF_OK)
		return rc;
	own.sender = HF_ROLE_AUDIT;
	own.zone = 0;
	own.req = 0;
	hf_vkey_text(&next, r.object);
	snprintf(
	    r.detail, sizeof(r.detail), "follows %s", hf_vkey_text(&old, text));
	rc = hf_auditlog_append(l, &r, &own, NULL, err);
	if (rc == HF_OK)
		rc = hf_auditlog_checkpoint(l, err);
	if (rc != HF_OK)
		return rc;
	l->key = next;
	rc = hf_audit_key_write(l, err);
	if (rc != HF_OK) {
		l->key = old; /* the old one stays in force until a note of
				 the new one stands behind the record */
		return rc;
	}
	memcpy(l->seed, new_seed, sizeof(l->seed));
	return HF_OK;
}

int
hf_audit_bundle_get(struct hf_auditlog *l, uint64_t index, struct hf_buf *hold,
    const uint8_t **p, size_t *n, struct hf_err *err)
{
	char path[HF_TILE_PATH];
	int rc;

	if (index == l->tree.size / HF_TILE_WIDTH) {
		*p = l->bundle.p;
		*n = l->bundle.len;
		return HF_OK;
	}
	hf_buf_reset(hold);
	hf_tile_path(HF_TILE_ENTRIES, index, 0, path);
	rc = hf_file_read(l->dirfd, path, HF_BUNDLE_MAX, hold, err);
	*p = hold->p;
	*n = hold->len;
	return rc;
}

/* Bodies of one bundle from entry `skip` on, until limit or the end. */
static int
bundle_json(const uint8_t *p, size_t n, unsigned skip, uint32_t *limit,
    struct hf_buf *out)
{
	struct hf_rd r;

	hf_rd_init(&r, p, n);
	while (hf_rd_left(&r) > 0 && *limit > 0) {
		uint16_t len = hf_rd_u16be(&r);
		const uint8_t *body = hf_rd_bytes(&r, len);

		if (body == NULL)
			return HF_ECORRUPT;
		if (skip > 0) {
			skip--;
			continue;
		}
		if (out->len + len + 2 > out->max)
			return HF_ELIMIT;
		if (out->p[out->len - 1] != '[')
			hf_buf_u8(out, ',');
		hf_buf_put(out, body, len);
		(*limit)--;
	}
	return HF_OK;
}

int
hf_auditlog_read_json(struct hf_auditlog *l, uint64_t from, uint32_t limit,
    struct hf_buf *out, struct hf_err *err)
{
	struct hf_buf hold;
	const uint8_t *p;
	int rc = HF_OK;
	size_t n;

	hf_buf_init(&hold, HF_BUNDLE_MAX);
	hf_buf_u8(out, '[');
	if (!hf_buf_ok(out))
		return HF_FAIL(err, HF_ELIMIT, "audit answer");
	while (rc == HF_OK && limit > 0 && from < l->tree.size) {
		rc = hf_audit_bundle_get(
		    l, from / HF_TILE_WIDTH, &hold, &p, &n, err);
		if (rc == HF_OK)
			rc = bundle_json(p, n, (unsigned)(from % HF_TILE_WIDTH),
			    &limit, out);
		from = (from / HF_TILE_WIDTH + 1) * HF_TILE_WIDTH;
	}
	hf_buf_fini(&hold);
	if (rc == HF_ELIMIT)
		rc = HF_OK; /* as many as fit: the contract's max bytes */
	hf_buf_u8(out, ']');
	if (rc == HF_ENOTFOUND)
		return HF_FAIL(err, rc,
		    "record %" PRIu64 " was removed by retention", from);
	if (rc == HF_OK && !hf_buf_ok(out))
		rc = HF_FAIL(err, HF_ELIMIT, "audit answer");
	return rc;
}

int
hf_auditlog_checkpoint_text(
    struct hf_auditlog *l, struct hf_buf *out, struct hf_err *err)
{
	if (l->last_note.len == 0)
		return HF_FAIL(err, HF_ENODATA, "no checkpoint yet");
	hf_buf_put(out, l->last_note.p, l->last_note.len);
	return hf_buf_ok(out) ? HF_OK : HF_FAIL(err, HF_ELIMIT, "checkpoint");
}
