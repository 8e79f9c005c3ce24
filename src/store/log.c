/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - the durable log: append-only frames in segments.
 *
 * Segment: a file NNNNNNNN.log, a running number of 8 or more digits,
 * preallocated. It begins with a header, frames follow without gaps, zeros
 * fill the rest. Little-endian. Header, 32 bytes:
 *    0  u32  magic 0x314c4648 ("HFL1")
 *    4  u32  version, now 1
 *    8  u64  number of the segment, as in its name
 *   16  u32  salt: random, repeated in every frame of the segment
 *   20  u64  0
 *   28  u32  CRC-32C of bytes 0..27
 * Frame, 28 bytes and the payload:
 *    0  u32  magic 0x46464648 ("HFFF")
 *    4  u32  len, payload bytes, 1..262144
 *    8  u32  CRC-32C of bytes 0..7, then 12..28+len
 *   12  u32  salt of the segment
 *   16  u64  seq, rises from frame to frame through all segments
 *   24  u16  kind: 1 = encoded batch (model/batch.h)
 *   26  u16  flags, now 0
 *   28  ...  payload
 * The salt is what a sender cannot know: a payload that imitates a frame is
 * never taken for one while bad bytes are skipped.
 *
 * Recovery, at open, over all segments in order: a frame that agrees is kept.
 * At a bad place the next frame that agrees is searched byte by byte.
 *   - One is found, or the segment is not the last: the bytes between are
 *     copied to quarantine/NNNNNNNN.log.<offset> and skipped; all other frames
 *     stay readable.
 *   - None is found in the last segment: zeros are the preallocated rest; other
 *     bytes are a torn tail and are cut.
 *   - The segment's header is bad: the salt of the first frame that agrees is
 *     taken.
 * Whatever the files hold, open succeeds; only a directory that cannot be read
 * or memory that is missing makes it fail.
 *
 * Sync rules: commit syncs every segment written since the last one, then the
 * directory if a segment is new. After a failed sync the kernel may have
 * dropped the dirty pages and reported it once, so the descriptor is never
 * synced again: the segment is cut to its last committed end and closed, the
 * next append opens a new one. A number of a frame is not used twice, not even
 * for frames so voided.
 */
#include "store/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/num.h"
#include "os/file.h"
#include "store/logscan.h"

#define NAME_MAX_LEN 32
#define NAME_DIGITS 8
#define PREALLOC_MIN (1 << 20) /* tried when a whole segment does not fit */

struct segment {
	uint64_t no;
	int fd; /* -1 if closed */
	uint32_t salt;
	int64_t end;   /* bytes up to the last frame */
	int64_t alloc; /* preallocated up to here */
	uint64_t last_seq;
	int64_t safe_end; /* the same at the last commit */
	uint64_t safe_seq;
	bool is_dirty; /* written since */
	bool is_kept;  /* holds no frame, but must not be removed */
};

struct hf_log {
	int dirfd; /* borrowed */
	struct hf_log_conf conf;
	struct hf_counters *ctr;
	struct segment *segs; /* in order */
	size_t nseg, cap;
	bool has_active; /* the last one takes frames */
	bool is_dir_dirty;
	bool has_uncommitted;
	uint64_t next_no, next_seq, durable_seq;
	struct hf_buf frame;
};

static void
seg_name(uint64_t no, char name[NAME_MAX_LEN])
{
	snprintf(name, NAME_MAX_LEN, "%0*" PRIu64 ".log", NAME_DIGITS, no);
}

static bool
seg_number(const char *name, uint64_t *no)
{
	size_t n = strspn(name, "0123456789");

	return n >= NAME_DIGITS && strcmp(name + n, ".log") == 0 &&
	       hf_parse_u64(name, n, no) && *no > 0;
}

static struct segment *
seg_add(struct hf_log *l, uint64_t no)
{
	struct segment *p;
	size_t cap;

	if (l->nseg == l->cap) {
		cap = l->cap == 0 ? 8 : l->cap * 2;
		p = realloc(l->segs, cap * sizeof(*p));
		if (p == NULL)
			return NULL;
		l->segs = p;
		l->cap = cap;
	}
	p = &l->segs[l->nseg++];
	*p = (struct segment){.no = no, .fd = -1};
	if (no >= l->next_no)
		l->next_no = no + 1;
	return p;
}

static void
seg_unlink(struct hf_log *l, size_t i)
{
	char name[NAME_MAX_LEN];

	seg_name(l->segs[i].no, name);
	if (l->segs[i].fd >= 0)
		close(l->segs[i].fd);
	if (hf_io_get()->unlinkat(l->dirfd, name, 0) != 0 && errno != ENOENT)
		log_warn(
		    "log", "%s cannot be removed: %s", name, strerror(errno));
	memmove(&l->segs[i], &l->segs[i + 1],
	    (l->nseg - i - 1) * sizeof(l->segs[0]));
	l->nseg--;
	l->is_dir_dirty = true;
}

/* --- recovery ------------------------------------------------------------- */

struct recovery {
	struct hf_log *l;
	struct hf_log_report *report;
	size_t nmoved; /* places set aside now */
};

/* Copies [from, to) of a segment aside. A place that was set aside at an
 * earlier open is known by its name and not counted again. False if the copy
 * is not whole: not fatal, the bytes stay in the segment until it is
 * dropped. */
static bool
set_aside(struct recovery *r, int fd, uint64_t no, int64_t from, int64_t to)
{
	const struct hf_io *io = hf_io_get();
	char seg[NAME_MAX_LEN], name[NAME_MAX_LEN + 24];
	uint8_t buf[4096];
	int dir, out = -1;
	int64_t at = from;
	ssize_t n;

	seg_name(no, seg);
	snprintf(name, sizeof(name), "%s.%" PRId64, seg, from);
	dir = hf_dir_open(r->l->dirfd, "quarantine", 0700, true, NULL);
	if (dir >= 0)
		out = io->openat(
		    dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (out < 0 && errno == EEXIST && dir >= 0) {
		close(dir);
		return true;
	}
	for (; out >= 0 && at < to; at += n) {
		n = pread(fd, buf,
		    (size_t)(to - at) < sizeof(buf) ? (size_t)(to - at)
						    : sizeof(buf),
		    at);
		if (n <= 0 ||
		    hf_pwrite_all(out, buf, (size_t)n, at - from, NULL))
			break;
	}
	if (out >= 0) {
		io->fsync(out);
		close(out);
	}
	if (dir >= 0)
		close(dir);
	r->report->quarantined_bytes += (uint64_t)(to - from);
	r->nmoved++;
	hf_count(r->l->ctr, HF_C_L_QUARANTINED, (uint64_t)(to - from));
	return at == to && out >= 0;
}

struct seg_scan {
	struct recovery *r;
	int fd;
	uint64_t no;
	uint64_t nframe, first_seq, last_seq;
};

static int
on_frame(void *arg, uint64_t seq, void *p, size_t n)
{
	struct seg_scan *s = arg;

	if (s->nframe++ == 0)
		s->first_seq = seq;
	s->last_seq = seq;
	return 0;
}

static void
on_bad(void *arg, int64_t from, int64_t to)
{
	struct seg_scan *s = arg;

	set_aside(s->r, s->fd, s->no, from, to);
}

static void
cut_tail(struct hf_log *l, struct segment *g, const struct hf_scan_end *e)
{
	const struct hf_io *io = hf_io_get();

	g->alloc = e->end;
	if (io->ftruncate(g->fd, e->end) != 0 || io->fsync(g->fd) != 0) {
		/* Leave it: frames go into a new segment, and the next open
		 * finds the same tail again. */
		close(g->fd);
		g->fd = -1;
	}
	hf_count(l->ctr, HF_C_L_TORN, 1);
}

/* Reads segment i; the last one may stay open for appending. */
static int
recover_segment(struct recovery *r, size_t i, struct hf_err *err)
{
	struct hf_log *l = r->l;
	struct segment *g = &l->segs[i];
	bool is_last = i + 1 == l->nseg;
	struct seg_scan ss = {.r = r, .no = g->no};
	struct hf_scan_end e;
	char name[NAME_MAX_LEN];
	int rc;

	seg_name(g->no, name);
	g->fd = hf_io_get()->openat(l->dirfd, name, O_RDWR | O_CLOEXEC, 0);
	if (g->fd < 0) {
		log_error("log",
		    "%s cannot be opened: %s; its frames are left"
		    " out",
		    name, strerror(errno));
		g->is_kept = true;
		return HF_OK;
	}
	ss.fd = g->fd;
	rc = hf_log_scan(g->fd, INT64_MAX, l->next_seq - 1,
	    &(struct hf_scan_ops){.frame = on_frame, .bad = on_bad, .arg = &ss},
	    &e, err);
	if (rc != HF_OK)
		return rc;
	g->salt = e.salt;
	g->end = g->safe_end = e.end;
	g->alloc = e.size;
	g->last_seq = g->safe_seq = ss.last_seq;
	if (e.dirty_end > e.end && is_last) {
		r->report->torn_bytes += (uint64_t)(e.dirty_end - e.end);
		cut_tail(l, g, &e);
	} else if (e.dirty_end > e.end) {
		g->is_kept = !set_aside(r, g->fd, g->no, e.end, e.dirty_end);
	}
	if (ss.nframe > 0) {
		l->next_seq = ss.last_seq + 1;
		r->report->nframe += ss.nframe;
		if (r->report->first_seq == 0)
			r->report->first_seq = ss.first_seq;
	}
	/* Appending needs a header that the next open will trust. */
	l->has_active = is_last && ss.nframe > 0 && e.has_header && g->fd >= 0;
	if (!l->has_active && g->fd >= 0) {
		close(g->fd);
		g->fd = -1;
	}
	return HF_OK;
}

static int
by_number(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return x->no < y->no ? -1 : x->no > y->no;
}

static int
list_segments(struct hf_log *l, struct hf_err *err)
{
	struct dirent *de;
	uint64_t no;
	DIR *d = NULL;
	int fd;

	fd = openat(l->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		d = fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "log directory cannot be read: %s", strerror(errno));
	}
	while ((de = readdir(d)) != NULL) {
		if (!seg_number(de->d_name, &no))
			continue;
		if (seg_add(l, no) == NULL) {
			closedir(d);
			return HF_FAIL(err, HF_ENOMEM, "log segments");
		}
	}
	closedir(d);
	if (l->nseg > 1)
		qsort(l->segs, l->nseg, sizeof(l->segs[0]), by_number);
	return HF_OK;
}

static void
report_text(struct hf_log_report *r, size_t nmoved)
{
	int n = 0;

	if (r->torn_bytes > 0)
		n = snprintf(r->text, sizeof(r->text),
		    "torn tail of %" PRIu64 " bytes was cut", r->torn_bytes);
	if (nmoved > 0)
		snprintf(r->text + n, sizeof(r->text) - (size_t)n,
		    "%s%" PRIu64 " damaged bytes at %zu place%s were copied to"
		    " quarantine/ and skipped",
		    n > 0 ? "; " : "", r->quarantined_bytes, nmoved,
		    nmoved == 1 ? "" : "s");
}

static int
recover(struct hf_log *l, struct hf_log_report *report, struct hf_err *err)
{
	struct recovery r = {.l = l, .report = report};
	size_t i;
	int rc;

	rc = list_segments(l, err);
	for (i = 0; i < l->nseg && rc == HF_OK; i++)
		rc = recover_segment(&r, i, err);
	if (rc != HF_OK)
		return rc;
	for (i = l->nseg; i-- > 0;) /* what holds no frame holds nothing */
		if (l->segs[i].last_seq == 0 && !l->segs[i].is_kept)
			seg_unlink(l, i);
	report->nsegment = l->nseg;
	report->last_seq = report->nframe > 0 ? l->next_seq - 1 : 0;
	report_text(report, r.nmoved);
	l->durable_seq = l->next_seq - 1;
	return HF_OK;
}

int
hf_log_open(int dirfd, const struct hf_log_conf *conf, struct hf_counters *ctr,
    struct hf_log **out, struct hf_log_report *report, struct hf_err *err)
{
	struct hf_log *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return HF_FAIL(err, HF_ENOMEM, "log");
	*report = (struct hf_log_report){.nframe = 0};
	l->dirfd = dirfd;
	l->conf = *conf;
	l->ctr = ctr;
	l->next_no = 1;
	l->next_seq = 1;
	hf_buf_init(&l->frame, HF_FRAME_HEADER + HF_FRAME_PAYLOAD);
	rc = recover(l, report, err);
	if (rc != HF_OK) {
		hf_log_close(l);
		return rc;
	}
	*out = l;
	return HF_OK;
}

void
hf_log_close(struct hf_log *l)
{
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < l->nseg; i++)
		if (l->segs[i].fd >= 0)
			close(l->segs[i].fd);
	free(l->segs);
	hf_buf_fini(&l->frame);
	free(l);
}

/* --- append and commit ---------------------------------------------------- */

void
hf_log_set_next_seq(struct hf_log *l, uint64_t seq)
{
	if (seq <= l->next_seq)
		return;
	l->next_seq = seq;
	l->durable_seq = seq - 1;
}

uint64_t
hf_log_next_seq(const struct hf_log *l)
{
	return l->next_seq;
}

uint64_t
hf_log_durable_seq(const struct hf_log *l)
{
	return l->durable_seq;
}

int64_t
hf_log_bytes(const struct hf_log *l)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < l->nseg; i++)
		sum += l->segs[i].end;
	return sum;
}

static struct segment *
active(struct hf_log *l)
{
	return l->has_active ? &l->segs[l->nseg - 1] : NULL;
}

/* Reserves room behind `end`, so that a commit changes no metadata and a full
 * disk is met here. Only a part, if the whole does not fit. */
static int
prealloc(struct hf_log *l, struct segment *g, int64_t need, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int64_t want = l->conf.segment_bytes;

	if (g->alloc >= g->end + need)
		return HF_OK;
	if (want < g->end + need)
		want = g->end + need;
	if (io->fallocate(g->fd, 0, g->end, want - g->end) == 0) {
		g->alloc = want;
		return HF_OK;
	}
	if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) {
		g->alloc = INT64_MAX; /* this file system cannot: just write */
		return HF_OK;
	}
	want = g->end + need + PREALLOC_MIN;
	if (errno == ENOSPC &&
	    io->fallocate(g->fd, 0, g->end, want - g->end) == 0) {
		g->alloc = want;
		return HF_OK;
	}
	return HF_FAIL(err, hf_rc_from_errno(errno),
	    "log: no room for %" PRId64 " bytes: %s", need, strerror(errno));
}

static int
new_segment(struct hf_log *l, struct hf_err *err)
{
	char name[NAME_MAX_LEN];
	struct segment *g;
	uint32_t salt;
	int fd, rc;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return HF_FAIL(err, HF_EIO, "log: no random bytes for a salt");
	seg_name(l->next_no, name);
	fd = hf_io_get()->openat(
	    l->dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "log segment %s: %s", name, strerror(errno));
	g = seg_add(l, l->next_no);
	if (g == NULL) {
		close(fd);
		return HF_FAIL(err, HF_ENOMEM, "log segments");
	}
	g->fd = fd;
	g->salt = salt;
	l->is_dir_dirty = true;
	hf_buf_reset(&l->frame);
	hf_log_put_header(&l->frame, g->no, salt);
	rc = prealloc(l, g, HF_SEG_HEADER, err);
	if (rc == HF_OK)
		rc = hf_pwrite_all(fd, l->frame.p, l->frame.len, 0, err);
	if (rc != HF_OK) {
		seg_unlink(l, l->nseg - 1);
		return rc;
	}
	g->end = g->safe_end = HF_SEG_HEADER;
	l->has_active = true;
	return HF_OK;
}

/* The active segment takes no more frames; a dirty one stays open until the
 * commit has synced it. */
static void
close_active(struct hf_log *l)
{
	struct segment *g = active(l);

	if (g->alloc > g->end && hf_io_get()->ftruncate(g->fd, g->end) == 0)
		g->alloc = g->end;
	if (!g->is_dirty) {
		close(g->fd);
		g->fd = -1;
	}
	l->has_active = false;
}

/* Room in the active segment, or a new one. */
static int
make_room(struct hf_log *l, int64_t need, struct hf_err *err)
{
	struct segment *g = active(l);
	int rc;

	if (hf_log_bytes(l) + need > l->conf.log_bytes)
		return HF_FAIL(err, HF_ELIMIT,
		    "log holds %" PRId64 " of %" PRId64
		    " bytes: it must be folded first",
		    hf_log_bytes(l), l->conf.log_bytes);
	if (g != NULL && g->end > HF_SEG_HEADER &&
	    g->end + need > l->conf.segment_bytes) {
		close_active(l);
		g = NULL;
	}
	if (g == NULL) {
		rc = new_segment(l, err);
		if (rc != HF_OK)
			return rc;
	}
	return prealloc(l, active(l), need, err);
}

static void
undo_append(struct hf_log *l)
{
	struct segment *g = active(l);

	hf_count(l->ctr, HF_C_L_ERRORS, 1);
	if (g == NULL)
		return;
	if (g->end == HF_SEG_HEADER && !g->is_dirty) {
		l->has_active = false; /* give even the header back */
		seg_unlink(l, l->nseg - 1);
		return;
	}
	if (hf_io_get()->ftruncate(g->fd, g->end) == 0)
		g->alloc = g->end;
}

int
hf_log_append(struct hf_log *l, const void *p, size_t n, uint64_t *seq,
    struct hf_err *err)
{
	struct segment *g;
	int rc;

	if (n == 0 || n > HF_FRAME_PAYLOAD)
		return HF_FAIL(err, HF_EINVAL, "log frame of %zu bytes", n);
	rc = make_room(l, (int64_t)(HF_FRAME_HEADER + n), err);
	if (rc == HF_ELIMIT)
		return rc;
	g = active(l);
	if (rc == HF_OK) {
		hf_buf_reset(&l->frame);
		hf_log_put_frame(&l->frame, g->salt, l->next_seq, p, n);
		rc = hf_buf_ok(&l->frame)
			 ? hf_pwrite_all(
			       g->fd, l->frame.p, l->frame.len, g->end, err)
			 : HF_FAIL(err, HF_ENOMEM, "log frame of %zu bytes", n);
	}
	if (rc != HF_OK) {
		undo_append(l);
		return rc;
	}
	g->end += (int64_t)l->frame.len;
	g->last_seq = l->next_seq;
	g->is_dirty = true;
	l->has_uncommitted = true;
	*seq = l->next_seq++;
	hf_count(l->ctr, HF_C_L_FRAMES, 1);
	hf_count(l->ctr, HF_C_L_BYTES, l->frame.len);
	return HF_OK;
}

/* Cuts what was not committed and gives up the descriptors. */
static void
void_uncommitted(struct hf_log *l)
{
	struct segment *g;
	size_t i;

	hf_count(l->ctr, HF_C_L_ERRORS, 1);
	l->has_active = false;
	for (i = l->nseg; i-- > 0;) {
		g = &l->segs[i];
		if (!g->is_dirty)
			continue;
		g->is_dirty = false;
		if (g->safe_seq == 0) {
			seg_unlink(l, i);
			continue;
		}
		if (hf_io_get()->ftruncate(g->fd, g->safe_end) != 0)
			log_warn("log", "cut after a failed sync: %s",
			    strerror(errno));
		close(g->fd);
		g->fd = -1;
		g->end = g->safe_end;
		g->last_seq = g->safe_seq;
	}
}

static int
sync_segments(struct hf_log *l, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	size_t i;

	for (i = 0; i < l->nseg; i++)
		if (l->segs[i].is_dirty && io->fdatasync(l->segs[i].fd) != 0)
			return HF_FAIL(err, hf_rc_from_errno(errno),
			    "log: sync of segment %" PRIu64 " failed: %s",
			    l->segs[i].no, strerror(errno));
	if (l->is_dir_dirty && io->fsync(l->dirfd) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "log: sync of the directory failed: %s", strerror(errno));
	return HF_OK;
}

int
hf_log_commit(struct hf_log *l, struct hf_err *err)
{
	struct segment *g;
	size_t i;
	int rc;

	if (!l->has_uncommitted)
		return HF_OK;
	rc = sync_segments(l, err);
	l->has_uncommitted = false;
	if (rc != HF_OK) {
		void_uncommitted(l);
		return rc;
	}
	l->is_dir_dirty = false;
	for (i = 0; i < l->nseg; i++) {
		g = &l->segs[i];
		if (!g->is_dirty)
			continue;
		g->is_dirty = false;
		g->safe_end = g->end;
		g->safe_seq = g->last_seq;
		if (g != active(l)) {
			close(g->fd);
			g->fd = -1;
		}
	}
	l->durable_seq = l->next_seq - 1;
	hf_count(l->ctr, HF_C_L_COMMITS, 1);
	return HF_OK;
}

int
hf_log_rotate(struct hf_log *l, struct hf_err *err)
{
	int rc = hf_log_commit(l, err);

	if (rc == HF_OK && active(l) != NULL)
		close_active(l);
	return rc;
}

int
hf_log_drop(struct hf_log *l, uint64_t seq, struct hf_err *err)
{
	bool is_any = false;
	size_t i;

	for (i = l->nseg; i-- > 0;) {
		struct segment *g = &l->segs[i];

		if (g->is_dirty || g == active(l) || g->last_seq > seq)
			continue;
		seg_unlink(l, i);
		is_any = true;
	}
	if (is_any && hf_io_get()->fsync(l->dirfd) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "log: sync of the directory failed: %s", strerror(errno));
	return HF_OK;
}

/* --- replay --------------------------------------------------------------- */

struct replay {
	uint64_t from;
	int (*fn)(void *arg, uint64_t seq, void *p, size_t n);
	void *arg;
};

static int
replay_frame(void *arg, uint64_t seq, void *p, size_t n)
{
	struct replay *r = arg;

	return seq < r->from ? 0 : r->fn(r->arg, seq, p, n);
}

int
hf_log_replay(struct hf_log *l, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, void *p, size_t n), void *arg,
    struct hf_err *err)
{
	struct replay r = {.from = from, .fn = fn, .arg = arg};
	struct hf_scan_end e;
	char name[NAME_MAX_LEN];
	uint64_t after = 0;
	size_t i;
	int fd, rc = HF_OK;

	for (i = 0; i < l->nseg && rc == HF_OK; i++) {
		const struct segment *g = &l->segs[i];

		if (g->last_seq >= from && g->last_seq > 0) {
			seg_name(g->no, name);
			fd = openat(l->dirfd, name, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				return HF_FAIL(err, hf_rc_from_errno(errno),
				    "log segment %s: %s", name,
				    strerror(errno));
			rc = hf_log_scan(fd, g->end, after,
			    &(struct hf_scan_ops){
				.frame = replay_frame, .arg = &r},
			    &e, err);
			close(fd);
		}
		after = g->last_seq > after ? g->last_seq : after;
	}
	return rc;
}
