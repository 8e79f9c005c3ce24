/* SPDX-License-Identifier: Apache-2.0
 *
 * auditprune.c - retention of the tamper-evident log.
 *
 * Called by the role audit once a day. Only whole segments go, oldest first.
 * What stays of them: the tiles of level 0, so that every root can still be
 * computed, and a tombstone:
 *
 *    action log.tombstone, decision "removed"
 *    object "0-1024": records [0, 1024) are gone
 *    input_hash: root of the tree of that size
 *
 * It names all that is gone since the beginning, since an older tombstone may
 * itself lie in what is removed later. Order: record, checkpoint that covers
 * it, tiles durable, then the segments, then what belonged to them. What a
 * crash between leaves of the latter, the next open removes.
 */
#include "store/auditlog_i.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/file.h"

/* Time of the first record of a segment, and the tree before it. */
static int
segment_start(struct hf_auditlog *l, uint64_t first, int64_t *wall_ns,
    uint8_t root[HF_SHA256_LEN], struct hf_err *err)
{
	struct hf_merkle *m = calloc(1, sizeof(*m));
	struct hf_frames f = {.buf = NULL};
	struct hf_audit_body b;
	char name[HF_SEG_NAME];
	struct hf_seg_head h;
	const char *body;
	int rc, fd = -1;
	size_t n;

	hf_seg_name(first, ".seg", name);
	rc = m != NULL ? hf_merkle_init(m, err)
		       : HF_FAIL(err, HF_ENOMEM, "%s", name);
	if (rc != HF_OK)
		goto out;
	fd = openat(l->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc = fd >= 0 ? hf_seg_head_read(fd, &h, m, err)
		     : HF_FAIL(err, HF_EIO, "%s: %s", name, strerror(errno));
	if (rc != HF_OK)
		goto out;
	hf_merkle_root(m, root);
	rc = hf_frames_init(&f, fd, (int64_t)h.len, err);
	if (rc == HF_OK)
		rc = hf_frames_next(&f, &body, &n, err);
	if (rc == HF_OK)
		rc = hf_audit_body_get(&b, body, n, err);
	if (rc == HF_OK)
		*wall_ns = b.wall_ns;
out:
	hf_frames_fini(&f);
	if (m != NULL)
		hf_merkle_fini(m);
	free(m);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
sync_file(
    struct hf_auditlog *l, const char *path, int flags, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int fd = io->openat(l->dirfd, path, O_RDONLY | O_CLOEXEC | flags, 0);
	int rc = HF_OK;

	if (fd < 0 || io->fsync(fd) != 0)
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", path,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Tiles of level 0 for records [from, to), and every folder on their way. */
static int
sync_tiles(
    struct hf_auditlog *l, uint64_t from, uint64_t to, struct hf_err *err)
{
	char path[HF_TILE_PATH], dir[HF_TILE_PATH], last[HF_TILE_PATH] = "";
	uint64_t i;
	int rc = HF_OK;

	for (i = from / HF_TILE_WIDTH; i < to / HF_TILE_WIDTH; i++) {
		hf_tile_path(0, i, 0, path);
		rc = sync_file(l, path, 0, err);
		if (rc != HF_OK)
			return rc;
		memcpy(dir, path, sizeof(dir));
		*strrchr(dir, '/') = '\0';
		if (strcmp(dir, last) == 0)
			continue;
		memcpy(last, dir, sizeof(last));
		for (; rc == HF_OK && strrchr(dir, '/') != NULL;
		     *strrchr(dir, '/') = '\0')
			rc = sync_file(l, dir, O_DIRECTORY, err);
		if (rc == HF_OK)
			rc = sync_file(l, "tile", O_DIRECTORY, err);
		if (rc != HF_OK)
			return rc;
	}
	return hf_dir_sync(l->dirfd, err);
}

/* What belonged to segments that are gone for good. */
static void
remove_rest(struct hf_auditlog *l, uint64_t from, uint64_t to)
{
	const struct hf_io *io = hf_io_get();
	char path[HF_TILE_PATH], name[HF_SEG_NAME];
	uint64_t i;

	for (i = from / HF_TILE_WIDTH; i < to / HF_TILE_WIDTH; i++)
		io->unlinkat(
		    l->dirfd, hf_tile_path(HF_TILE_ENTRIES, i, 0, path), 0);
	io->unlinkat(l->dirfd, hf_seg_name(from, ".notes", name), 0);
}

static int
prune(struct hf_auditlog *l, const uint64_t *segs, size_t n,
    const uint8_t root[HF_SHA256_LEN], const struct hf_audit_stamp *at,
    struct hf_err *err)
{
	struct hf_record r = {.action = "log.tombstone",
	    .actor = "role:audit",
	    .decision = "removed"};
	struct hf_audit_stamp own = *at;
	char name[HF_SEG_NAME];
	size_t i;
	int rc;

	own.sender = HF_ROLE_AUDIT;
	own.zone = 0;
	own.req = 0;
	snprintf(r.object, sizeof(r.object), "0-%" PRIu64, segs[n]);
	snprintf(r.detail, sizeof(r.detail),
	    "%zu segments with records %" PRIu64 " to %" PRIu64
	    " removed by retention",
	    n, segs[0], segs[n] - 1);
	memcpy(r.input_hash, root, HF_SHA256_LEN);
	rc = hf_auditlog_append(l, &r, &own, NULL, err);
	if (rc == HF_OK)
		rc = hf_auditlog_checkpoint(l, err);
	if (rc == HF_OK)
		rc = sync_tiles(l, segs[0], segs[n], err);
	for (i = 0; rc == HF_OK && i < n; i++)
		hf_io_get()->unlinkat(
		    l->dirfd, hf_seg_name(segs[i], ".seg", name), 0);
	/* a segment without its notes would look attacked */
	if (rc == HF_OK)
		rc = hf_dir_sync(l->dirfd, err);
	for (i = 0; rc == HF_OK && i < n; i++)
		remove_rest(l, segs[i], segs[i + 1]);
	return rc == HF_OK ? hf_dir_sync(l->dirfd, err) : rc;
}

int
hf_auditlog_prune(struct hf_auditlog *l, int64_t before_wall_ns,
    const struct hf_audit_stamp *at, size_t *nremoved, struct hf_err *err)
{
	uint8_t root[HF_SHA256_LEN], next[HF_SHA256_LEN];
	uint64_t *segs = NULL;
	size_t nseg = 0, n = 0;
	int64_t wall_ns = 0;
	int rc;

	*nremoved = 0;
	rc = hf_seg_list(l->dirfd, &segs, &nseg, err);
	while (rc == HF_OK && n + 1 < nseg) {
		rc = segment_start(l, segs[n + 1], &wall_ns, next, err);
		if (rc == HF_ENODATA) { /* nothing in the newest one yet */
			rc = HF_OK;
			break;
		}
		if (rc != HF_OK || wall_ns >= before_wall_ns)
			break;
		memcpy(root, next, sizeof(root));
		n++;
	}
	if (rc == HF_OK && n > 0) {
		rc = prune(l, segs, n, root, at, err);
		if (rc == HF_OK)
			*nremoved = n;
	}
	free(segs);
	return rc;
}
