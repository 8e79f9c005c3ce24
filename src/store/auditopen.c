/* SPDX-License-Identifier: Apache-2.0
 *
 * auditopen.c - opening and recovering the tamper-evident log.
 *
 * Called once per process, before the first append (auditlog.h). Only the
 * newest segment is read: its header holds the tree before it.
 *
 *  1. No segment: a new log.
 *  2. The newest signed note is found (in the .notes of the newest segment or
 *     one before). A torn end of that file is cut.
 *  3. The newest segment is replayed. At the first frame that is not whole:
 *     - all that the newest note covers was read and has its root: the rest is
 *       a torn tail that nobody was promised. It is cut.
 *     - else bytes are gone or changed that were signed. That is never mended:
 *       the whole log is moved to damaged-NNNN and a new one begins, so that
 *       recording goes on and the evidence stays.
 *     Both are told in the record log.open.
 *  4. Tiles, `checkpoint` and `key.pub` are compared with what they should be
 *     and written again where they differ.
 *
 * What was read may still be only in the page cache of a crashed predecessor:
 * segment and notes are synced before anything is built on them.
 * Records behind the newest note are kept (they may have been acknowledged),
 * and log.open says how many, since until then only a CRC protected them.
 */
#include "store/auditlog_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/time.h"
#include "os/file.h"

#define NOTES_TAIL (4 * HF_NOTE_MAX) /* the newest note is within it */
#define REQ_BUNDLES 16 /* bundles read back for request ids: 4,096 records */
#define DAMAGED_MAX 10000
#define MEND_BYTES (INT64_C(64) << 20) /* at 1 MB of records a second: 64 s */

/* One sentence of what open found. */
static void found(struct hf_auditlog *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
found(struct hf_auditlog *l, const char *fmt, ...)
{
	size_t n = strlen(l->found);
	va_list ap;

	if (n > 0 && n + 2 < sizeof(l->found)) {
		memcpy(l->found + n, "; ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	vsnprintf(l->found + n, sizeof(l->found) - n, fmt, ap);
	va_end(ap);
}

static int
log_new(int dirfd, const struct hf_audit_conf *conf, struct hf_auditlog **out,
    struct hf_err *err)
{
	struct hf_auditlog *l = calloc(1, sizeof(*l));
	uint8_t pub[HF_AUDIT_KEY];
	int rc;

	if (l == NULL)
		return HF_FAIL(err, HF_ENOMEM, "audit log");
	l->seg_fd = -1;
	l->dirfd = -1;
	l->seg_wall_ns = HF_TIME_NONE;
	l->segment_bytes = conf->segment_bytes;
	l->segment_ns = conf->segment_ns;
	memcpy(l->seed, conf->seed, sizeof(l->seed));
	hf_buf_init(&l->bundle, HF_BUNDLE_MAX);
	hf_buf_init(&l->scratch, HF_BUNDLE_MAX);
	hf_buf_init(&l->pending, HF_AUDIT_PENDING);
	hf_buf_init(&l->body, 2 * HF_AUDIT_BODY);
	hf_buf_init(&l->last_note, HF_NOTE_MAX);
	hf_buf_init(&l->note, HF_NOTE_MAX);
	rc = hf_merkle_init(&l->tree, err);
	if (rc == HF_OK)
		rc = hf_ed25519_pub(conf->seed, pub, err);
	if (rc == HF_OK)
		rc = hf_vkey_make(&l->key, conf->origin, pub, err);
	if (rc != HF_OK)
		goto fail;
	hf_strcpy(l->origin, sizeof(l->origin), conf->origin);
	l->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (l->dirfd < 0) {
		rc = HF_FAIL(err, HF_EIO, "audit folder: %s", strerror(errno));
		goto fail;
	}
	l->sink = (struct hf_tile_sink){
	    .dirfd = l->dirfd, .bundle = &l->bundle, .scratch = &l->scratch};
	l->tree.full = hf_audit_tile_full;
	l->tree.arg = &l->sink;
	*out = l;
	return HF_OK;
fail:
	hf_auditlog_close(l);
	return rc;
}

/* The group that may read: new files and folders inherit it. */
static void
share_folder(struct hf_auditlog *l, gid_t gid)
{
	struct stat st;

	if (gid == (gid_t)-1 || fstat(l->dirfd, &st) != 0)
		return;
	if (st.st_gid == gid && (st.st_mode & 02050) == 02050)
		return;
	if (fchown(l->dirfd, (uid_t)-1, gid) != 0 ||
	    fchmod(l->dirfd, 02750) != 0)
		found(l, "group %u cannot be given the audit folder",
		    (unsigned)gid);
}

/* Start of the first note in p: p itself if it begins the file, else behind
 * the first empty line that no signature line follows. */
static size_t
notes_begin(const char *p, size_t n, bool is_whole)
{
	size_t i;

	if (is_whole)
		return 0;
	for (i = 0; i + 2 < n; i++)
		if (p[i] == '\n' && p[i + 1] == '\n' &&
		    (uint8_t)p[i + 2] != 0xe2) /* first byte of EM DASH */
			return i + 2;
	return n;
}

/* Newest whole note of one .notes file into l->last; *end is where it ends. A
 * missing or empty file is HF_ENODATA. */
static int
notes_newest(struct hf_auditlog *l, uint64_t first, int64_t *end,
    int64_t *file_len, struct hf_err *err)
{
	char name[HF_SEG_NAME];
	size_t at, len, newest = 0, newest_len = 0;
	struct stat st;
	char *p = NULL;
	ssize_t n;
	int fd, rc;

	*end = *file_len = 0;
	hf_seg_name(first, ".notes", name);
	fd = openat(l->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return HF_ENODATA;
	p = malloc(NOTES_TAIL);
	if (p == NULL || fstat(fd, &st) != 0 ||
	    hf_io_get()->fdatasync(fd) != 0) {
		rc = HF_FAIL(err, HF_EIO, "%s: %s", name, strerror(errno));
		goto out;
	}
	*file_len = st.st_size;
	*end = st.st_size > NOTES_TAIL ? st.st_size - NOTES_TAIL : 0;
	n = pread(fd, p, NOTES_TAIL, *end);
	if (n < 0) {
		rc = HF_FAIL(err, HF_EIO, "%s: %s", name, strerror(errno));
		goto out;
	}
	at = notes_begin(p, (size_t)n, *end == 0);
	while ((len = hf_note_len(p + at, (size_t)n - at, false)) > 0) {
		newest = at;
		newest_len = len;
		at += len + 1;
	}
	*end += (int64_t)at;
	rc = HF_ENODATA;
	if (newest_len > 0) {
		hf_buf_reset(&l->last_note);
		hf_buf_put(&l->last_note, p + newest, newest_len);
		rc = hf_checkpoint_parse(&l->last, p + newest, newest_len, err);
	}
out:
	free(p);
	close(fd);
	return rc;
}

static int
cut_file(
    struct hf_auditlog *l, const char *name, int64_t len, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int fd, rc = HF_OK;

	fd = io->openat(l->dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0 || io->ftruncate(fd, len) != 0 || io->fdatasync(fd) != 0)
		rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Newest note of the log. HF_ECORRUPT if it is none of ours. */
static int
read_last_note(struct hf_auditlog *l, const uint64_t *segs, size_t nseg,
    struct hf_err *err)
{
	int64_t end, len;
	size_t i;
	int rc;

	rc = notes_newest(l, segs[nseg - 1], &end, &len, err);
	if (rc == HF_OK || rc == HF_ENODATA) {
		char name[HF_SEG_NAME];

		l->notes_end = end;
		if (end < len) {
			hf_seg_name(segs[nseg - 1], ".notes", name);
			if (cut_file(l, name, end, err) != HF_OK)
				return HF_EIO;
			found(l, "%" PRId64 " bytes of a torn checkpoint cut",
			    len - end);
		}
	}
	for (i = nseg - 1; rc == HF_ENODATA && i > 0; i--)
		rc = notes_newest(l, segs[i - 1], &end, &len, err);
	if (rc == HF_ENODATA)
		return HF_OK;
	if (rc == HF_EINVAL ||
	    (rc == HF_OK && strcmp(l->last.origin, l->origin) != 0))
		return HF_FAIL(err, HF_ECORRUPT,
		    "the newest checkpoint is damaged or of another log");
	return rc;
}

struct replayed {
	int64_t end;   /* bytes of whole records, header included */
	int64_t torn;  /* bytes behind them */
	bool has_root; /* the newest note's root was seen */
	char why[160]; /* of the torn part */
	char next_key[HF_VKEY_MAX]; /* last log.key that the note covers */
};

/* One body that frame and CRC vouch for. */
static int
replay_one(struct hf_auditlog *l, const char *body, size_t n,
    struct replayed *r, struct hf_err *err)
{
	uint8_t leaf[HF_SHA256_LEN];
	struct hf_audit_body b;
	int rc;

	rc = hf_audit_body_get(&b, body, n, err);
	if (rc != HF_OK)
		return rc;
	if (b.seq != l->tree.size)
		return HF_FAIL(err, HF_ECORRUPT,
		    "record %" PRIu64 " stands where %" PRIu64 " is due", b.seq,
		    l->tree.size);
	if (hf_slice_is(b.action, "log.key"))
		l->is_new = false;
	if (hf_slice_is(b.action, "log.key") && b.seq < l->last.size)
		snprintf(r->next_key, sizeof(r->next_key), "%.*s",
		    (int)b.object.n, b.object.p);
	if (l->seg_wall_ns == HF_TIME_NONE)
		l->seg_wall_ns = b.wall_ns;
	hf_audit_note_stamp(l, &b);
	hf_bundle_put(&l->bundle, body, n);
	hf_treehash_leaf(l->tree.th, body, n, leaf);
	if (hf_merkle_append(&l->tree, leaf, NULL) != HF_OK)
		l->tiles_stale = true;
	return HF_OK;
}

static int
replay(
    struct hf_auditlog *l, int64_t from, struct replayed *r, struct hf_err *err)
{
	uint8_t root[HF_SHA256_LEN];
	struct hf_err why = {0};
	struct hf_frames f;
	const char *body;
	size_t n;
	int rc;

	rc = hf_frames_init(&f, l->seg_fd, from, err);
	if (rc != HF_OK)
		return rc;
	for (;;) {
		r->end = f.off;
		if (l->tree.size == l->last.size) {
			hf_merkle_root(&l->tree, root);
			r->has_root =
			    memcmp(root, l->last.root, sizeof(root)) == 0;
		}
		rc = hf_frames_next(&f, &body, &n, &why);
		if (rc == HF_OK)
			rc = replay_one(l, body, n, r, &why);
		if (rc != HF_OK)
			break;
	}
	if (rc == HF_ENODATA || rc == HF_ECORRUPT) {
		r->torn = f.end - r->end;
		snprintf(r->why, sizeof(r->why), "%.150s", why.msg);
		rc = HF_OK;
	} else {
		rc = HF_FAIL(err, rc, "%s", why.msg);
	}
	hf_frames_fini(&f);
	return rc;
}

/* Is our key the one that must sign next? */
static int
check_key(struct hf_auditlog *l, const struct replayed *r, struct hf_err *err)
{
	char own[HF_VKEY_MAX], text[HF_VKEY_MAX + 1];
	struct hf_buf file;
	struct hf_vkey k;
	int rc = HF_OK;

	hf_vkey_text(&l->key, own);
	if (strcmp(r->next_key, own) == 0)
		return HF_OK;
	if (l->last.size > 0 && hf_note_verify((const char *)l->last_note.p,
				    l->last_note.len, &l->key, NULL) == HF_OK)
		return HF_OK;
	hf_buf_init(&file, HF_VKEY_MAX + 1);
	if (hf_file_read(l->dirfd, "key.pub", HF_VKEY_MAX, &file, NULL) ==
		HF_OK &&
	    hf_vkey_parse(&k, (const char *)file.p, file.len, NULL) == HF_OK &&
	    strcmp(hf_vkey_text(&k, text), own) != 0)
		rc = HF_FAIL(err, HF_EDENIED,
		    "this log is signed by %.120s; the key given is %.120s. "
		    "Give the log its key back, or move the folder away",
		    text, own);
	else if (l->last.size > 0)
		rc = HF_FAIL(err, HF_ECORRUPT,
		    "the newest checkpoint has no good signature");
	hf_buf_fini(&file);
	return rc;
}

/* The newest segment into the tree. HF_ECORRUPT: what was signed is not
 * there. */
static int
recover(struct hf_auditlog *l, const uint64_t *segs, size_t nseg,
    struct hf_audit_report *report, struct hf_err *err)
{
	struct replayed r = {0};
	char name[HF_SEG_NAME];
	struct hf_seg_head h;
	int rc;

	rc = read_last_note(l, segs, nseg, err);
	if (rc != HF_OK)
		return rc;
	l->seg_first = segs[nseg - 1];
	hf_seg_name(l->seg_first, ".seg", name);
	l->seg_fd = hf_io_get()->openat(
	    l->dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
	if (l->seg_fd < 0 || hf_io_get()->fdatasync(l->seg_fd) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", name,
		    strerror(errno));
	rc = hf_seg_head_read(l->seg_fd, &h, &l->tree, err);
	if (rc != HF_OK)
		return rc;
	if (h.first != l->seg_first || strcmp(h.origin, l->origin) != 0)
		return HF_FAIL(err, HF_ECORRUPT,
		    "%s is a segment of \"%.80s\" from record %" PRIu64, name,
		    h.origin, h.first);
	l->sink.is_mending = true;
	/* a power cut can leave the first record without the second */
	l->is_new = nseg == 1 && l->seg_first == 0;
	rc = replay(l, (int64_t)h.len, &r, err);
	if (rc != HF_OK)
		return rc;
	if (l->last.size > l->tree.size)
		return HF_FAIL(err, HF_ECORRUPT,
		    "%" PRIu64 " records are readable, %" PRIu64
		    " were signed: %s",
		    l->tree.size, l->last.size,
		    r.why[0] != '\0' ? r.why : "the rest is missing");
	if (l->last.size >= l->seg_first && l->last.size > 0 && !r.has_root)
		return HF_FAIL(err, HF_ECORRUPT,
		    "the records do not have the root that was signed");
	rc = check_key(l, &r, err);
	if (rc != HF_OK)
		return rc;
	l->seg_end = r.end;
	if (r.torn > 0) {
		rc = cut_file(l, name, r.end, err);
		if (rc != HF_OK)
			return rc;
		report->torn_bytes = (uint64_t)r.torn;
		found(l,
		    "%" PRId64 " bytes of a torn tail cut behind %" PRIu64
		    " records (%s)",
		    r.torn, l->tree.size, r.why);
	}
	if (l->last.size < l->tree.size)
		found(l, "%" PRIu64 " records behind the last checkpoint kept",
		    l->tree.size - l->last.size);
	return HF_OK;
}

/* Moves everything but older damaged-* folders into a new one. */
static int
set_aside(struct hf_auditlog *l, const char *why, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	char name[32] = "";
	struct dirent *e;
	int i, fd, rc = HF_OK;
	DIR *d;

	for (i = 1; i < DAMAGED_MAX; i++) {
		snprintf(name, sizeof(name), "damaged-%04d", i);
		if (faccessat(l->dirfd, name, F_OK, 0) != 0)
			break;
	}
	fd = hf_dir_open(l->dirfd, name, 0750, true, err);
	if (fd < 0)
		return fd;
	i = openat(l->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = i >= 0 ? fdopendir(i) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    strncmp(e->d_name, "damaged-", 8) == 0)
			continue;
		if (io->renameat(l->dirfd, e->d_name, fd, e->d_name) != 0)
			rc = HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s",
			    e->d_name, strerror(errno));
	}
	if (d != NULL)
		closedir(d);
	if (rc == HF_OK)
		rc = hf_dir_sync(fd, err);
	if (rc == HF_OK)
		rc = hf_dir_sync(l->dirfd, err);
	close(fd);
	found(l, "the log before this one was damaged and is kept in %s: %s",
	    name, why);
	return rc;
}

/* A tree of its own over one segment, to check that segment's tiles. */
int
hf_audit_tiles_mend(struct hf_auditlog *l, uint64_t first, struct hf_err *err)
{
	struct hf_tile_sink sink = {.dirfd = l->dirfd, .is_mending = true};
	struct hf_merkle *m = calloc(1, sizeof(*m));
	struct hf_frames f = {.buf = NULL};
	struct hf_buf bundle, scratch;
	uint8_t leaf[HF_SHA256_LEN];
	char name[HF_SEG_NAME];
	struct hf_seg_head h;
	const char *body;
	int rc, fd = -1;
	size_t n;

	hf_buf_init(&bundle, HF_BUNDLE_MAX);
	hf_buf_init(&scratch, HF_BUNDLE_MAX);
	sink.bundle = &bundle;
	sink.scratch = &scratch;
	rc = m != NULL ? hf_merkle_init(m, err) : HF_ENOMEM;
	if (rc != HF_OK)
		goto out;
	hf_seg_name(first, ".seg", name);
	fd = openat(l->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc = fd >= 0 ? hf_seg_head_read(fd, &h, m, err)
		     : HF_FAIL(err, HF_EIO, "%s: %s", name, strerror(errno));
	if (rc == HF_OK)
		rc = hf_frames_init(&f, fd, (int64_t)h.len, err);
	m->full = hf_audit_tile_full;
	m->arg = &sink;
	while (rc == HF_OK && m->size != l->tree.size) {
		rc = hf_frames_next(&f, &body, &n, err);
		if (rc != HF_OK)
			break;
		hf_bundle_put(&bundle, body, n);
		hf_treehash_leaf(m->th, body, n, leaf);
		rc = hf_merkle_append(m, leaf, err);
	}
	if (rc == HF_ENODATA) /* the end of a closed segment */
		rc = HF_OK;
out:
	hf_frames_fini(&f);
	hf_buf_fini(&bundle);
	hf_buf_fini(&scratch);
	if (m != NULL)
		hf_merkle_fini(m);
	free(m);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Do all tiles of records [from, to) have a possible length? */
static bool
tiles_look_whole(struct hf_auditlog *l, uint64_t from, uint64_t to)
{
	char path[HF_TILE_PATH];
	struct stat st;
	uint64_t i;

	for (i = from / HF_TILE_WIDTH; i < to / HF_TILE_WIDTH; i++) {
		hf_tile_path(0, i, 0, path);
		if (fstatat(l->dirfd, path, &st, 0) != 0 ||
		    st.st_size != HF_TILE_WIDTH * HF_SHA256_LEN)
			return false;
		hf_tile_path(HF_TILE_ENTRIES, i, 0, path);
		if (fstatat(l->dirfd, path, &st, 0) != 0 || st.st_size == 0)
			return false;
	}
	return true;
}

/* Closed segments, newest first. Tiles are not synced when they are written, so
 * a power cut may have left any bytes in those that the kernel had not yet
 * written back. It does that after 30 s; MEND_BYTES of records back every tile
 * is compared, before that it is enough to look at lengths. */
static void
mend_closed(struct hf_auditlog *l, const uint64_t *segs, size_t nseg)
{
	char name[HF_SEG_NAME];
	int64_t left = MEND_BYTES;
	struct stat st;
	size_t s;

	for (s = nseg - 1; s-- > 0;) {
		bool is_recent = left > 0;

		if (fstatat(l->dirfd, hf_seg_name(segs[s], ".seg", name), &st,
			0) == 0)
			left -= st.st_size;
		if ((is_recent || !tiles_look_whole(l, segs[s], segs[s + 1])) &&
		    hf_audit_tiles_mend(l, segs[s], NULL) != HF_OK)
			l->tiles_stale = true;
	}
}

/* Leftovers whose removal a power cut undid: partial tiles of tiles that are
 * full, notes and bundles of segments that retention took. */
static void
drop_leftovers(struct hf_auditlog *l, uint64_t first)
{
	const struct hf_io *io = hf_io_get();
	char path[HF_TILE_PATH];
	struct dirent *e;
	unsigned level;
	uint64_t i;
	DIR *d;
	int fd;

	for (level = 0; level < HF_TILE_LEVELS; level++)
		for (i = 0; i < l->tree.size >> (8 * (level + 1)); i++) {
			hf_tile_drop_partials(l->dirfd, level, i);
			if (level == 0)
				hf_tile_drop_partials(
				    l->dirfd, HF_TILE_ENTRIES, i);
		}
	for (i = 0; i < first / HF_TILE_WIDTH; i++)
		io->unlinkat(
		    l->dirfd, hf_tile_path(HF_TILE_ENTRIES, i, 0, path), 0);
	fd = openat(l->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (first > 0 && d != NULL && (e = readdir(d)) != NULL)
		if (hf_seg_parse(e->d_name, ".notes", &i) && i < first)
			io->unlinkat(l->dirfd, e->d_name, 0);
	if (d != NULL)
		closedir(d);
}

/* Partial tiles of one not yet full tile: right ones stay (checkpoints need
 * them), others are made right or removed. */
static void
mend_partials(struct hf_auditlog *l, unsigned level, const uint8_t *p,
    size_t len, unsigned width)
{
	uint64_t index = l->tree.size / HF_TILE_WIDTH;
	char path[HF_TILE_PATH], dir[HF_TILE_PATH + 4];
	struct dirent *e;
	unsigned l2, w;
	uint64_t i2;
	DIR *d;
	int fd;

	if (level != HF_TILE_ENTRIES)
		index = l->tree.size >> (8 * (level + 1));
	snprintf(dir, sizeof(dir), "%s.p", hf_tile_path(level, index, 0, path));
	fd = openat(l->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t n;

		snprintf(path, sizeof(path), "%.80s/%.8s", dir, e->d_name);
		if (e->d_name[0] == '.' || !hf_tile_parse(path, &l2, &i2, &w))
			continue;
		n = level != HF_TILE_ENTRIES ? (size_t)w * HF_SHA256_LEN
		    : w <= width	     ? hf_bundle_prefix(p, len, w)
					     : 0;
		if (w > width)
			hf_io_get()->unlinkat(l->dirfd, path, 0);
		else
			hf_tile_ensure(l->dirfd, path, p, n, &l->scratch, NULL);
	}
	if (d != NULL)
		closedir(d);
}

/* Everything that is derived from segments and notes. */
static int
mend_derived(struct hf_auditlog *l, const uint64_t *segs, size_t nseg,
    struct hf_err *err)
{
	struct hf_buf file;
	unsigned level;
	int rc = HF_OK;

	hf_io_get()->unlinkat(l->dirfd, "tile/new.tmp", 0);
	hf_io_get()->unlinkat(l->dirfd, "checkpoint.tmp", 0);
	mend_closed(l, segs, nseg);
	drop_leftovers(l, segs[0]);
	for (level = 0; level < HF_TILE_LEVELS; level++)
		mend_partials(l, level, l->tree.row[level].hash[0], 0,
		    l->tree.row[level].n);
	mend_partials(
	    l, HF_TILE_ENTRIES, l->bundle.p, l->bundle.len, l->tree.row[0].n);
	hf_buf_init(&file, HF_NOTE_MAX + 1);
	if (l->last.size > 0 &&
	    (hf_file_read(l->dirfd, "checkpoint", HF_NOTE_MAX, &file, NULL) !=
		    HF_OK ||
		file.len != l->last_note.len ||
		memcmp(file.p, l->last_note.p, file.len) != 0))
		rc = hf_audit_checkpoint_write(l, err);
	hf_buf_fini(&file);
	return rc;
}

/* Request ids of records in bundles before the newest segment, oldest first;
 * then those of the newest segment again, which replay() had taken. */
static void
recall_requests(struct hf_auditlog *l)
{
	uint64_t last = l->tree.size / HF_TILE_WIDTH, i;
	struct hf_audit_body b;
	struct hf_buf hold;
	const uint8_t *p;
	size_t n, at;

	if (l->tree.size - l->seg_first >= REQ_BUNDLES * HF_TILE_WIDTH)
		return;
	memset(l->last_req, 0, sizeof(l->last_req));
	hf_buf_init(&hold, HF_BUNDLE_MAX);
	for (i = last > REQ_BUNDLES ? last - REQ_BUNDLES : 0; i <= last; i++) {
		if (hf_audit_bundle_get(l, i, &hold, &p, &n, NULL) != HF_OK)
			continue;
		for (at = 0; n - at > 2;) {
			size_t len = (size_t)p[at] << 8 | p[at + 1];

			if (len > n - at - 2)
				break;
			if (hf_audit_body_get(&b, (const char *)p + at + 2, len,
				NULL) == HF_OK)
				hf_audit_note_stamp(l, &b);
			at += 2 + len;
		}
	}
	hf_buf_fini(&hold);
}

static int
start_new(struct hf_auditlog *l, struct hf_err *err)
{
	int rc;

	l->is_new = true;
	l->has_stamp = false;
	rc = hf_audit_key_write(l, err);
	return rc == HF_OK ? hf_audit_segment_new(l, err) : rc;
}

/* A log object that recovery filled halfway, empty again. */
static int
restart(struct hf_auditlog **l, int dirfd, const struct hf_audit_conf *conf,
    struct hf_err *err)
{
	struct hf_auditlog *fresh;
	int rc = log_new(dirfd, conf, &fresh, err);

	if (rc != HF_OK)
		return rc;
	hf_strcpy(fresh->found, sizeof(fresh->found), (*l)->found);
	hf_buf_reset(&(*l)->last_note);
	hf_auditlog_close(*l);
	*l = fresh;
	return HF_OK;
}

static int
open_old(struct hf_auditlog **l, int dirfd, const struct hf_audit_conf *conf,
    const uint64_t *segs, size_t nseg, struct hf_audit_report *report,
    struct hf_err *err)
{
	struct hf_err why = {0};
	int rc = recover(*l, segs, nseg, report, &why);

	if (rc == HF_ECORRUPT) {
		rc = restart(l, dirfd, conf, err);
		if (rc == HF_OK)
			rc = set_aside(*l, why.msg, err);
		return rc == HF_OK ? start_new(*l, err) : rc;
	}
	if (rc != HF_OK)
		return HF_FAIL(err, rc, "%s", why.msg);
	rc = mend_derived(*l, segs, nseg, err);
	if (rc == HF_OK)
		rc = hf_audit_key_write(*l, err);
	recall_requests(*l);
	(*l)->sink.is_mending = false;
	return rc;
}

/* A whole log of another name is no damage: somebody gave the plant another
 * name, or the folder to another plant. */
static int
check_name(const struct hf_auditlog *l, const uint64_t *segs, size_t nseg,
    struct hf_err *err)
{
	struct hf_checkpoint c = {0};
	struct hf_seg_head h;
	char name[HF_SEG_NAME];
	struct hf_buf note;
	int fd, rc;

	hf_buf_init(&note, HF_NOTE_MAX + 1);
	rc = hf_file_read(l->dirfd, "checkpoint", HF_NOTE_MAX, &note, NULL);
	if (rc == HF_OK && note.len > 0)
		rc = hf_checkpoint_parse(
		    &c, (const char *)note.p, note.len, NULL);
	else
		rc = HF_ENODATA;
	hf_buf_fini(&note);
	if (rc != HF_OK || strcmp(c.origin, l->origin) == 0)
		return HF_OK;
	fd = openat(l->dirfd, hf_seg_name(segs[nseg - 1], ".seg", name),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc = fd >= 0 ? hf_seg_head_read(fd, &h, NULL, NULL) : HF_EIO;
	if (fd >= 0)
		close(fd);
	if (rc != HF_OK || strcmp(c.origin, h.origin) != 0)
		return HF_OK; /* damage, after all */
	return HF_FAIL(err, HF_EDENIED,
	    "the audit log here is \"%.80s\", not \"%.80s\": "
	    "plant.enterprise and plant.site name it and cannot change; give "
	    "the plant its old name back, or a new data folder",
	    c.origin, l->origin);
}

int
hf_auditlog_open(int dirfd, const struct hf_audit_conf *conf,
    struct hf_auditlog **out, struct hf_audit_report *report,
    struct hf_err *err)
{
	struct hf_audit_report none;
	struct hf_auditlog *l = NULL;
	uint64_t *segs = NULL;
	size_t nseg = 0;
	int rc;

	if (report == NULL)
		report = &none;
	memset(report, 0, sizeof(*report));
	rc = log_new(dirfd, conf, &l, err);
	if (rc != HF_OK)
		return rc;
	share_folder(l, conf->gid);
	rc = hf_seg_list(l->dirfd, &segs, &nseg, err);
	if (rc == HF_OK && nseg > 0)
		rc = check_name(l, segs, nseg, err);
	if (rc == HF_OK)
		rc = nseg == 0
			 ? start_new(l, err)
			 : open_old(&l, dirfd, conf, segs, nseg, report, err);
	free(segs);
	if (rc != HF_OK) {
		hf_buf_reset(&l->last_note); /* close writes nothing */
		hf_auditlog_close(l);
		return rc;
	}
	report->size = l->tree.size;
	hf_strcpy(report->text, sizeof(report->text), l->found);
	*out = l;
	return HF_OK;
}
