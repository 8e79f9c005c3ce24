/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.c - looks at a drop folder and reads its files slice by slice.
 *
 * The folder is polled: a sandboxed edge has a descriptor of it and no path
 * that inotify could watch. A file is known by its inode and a hash of its
 * first bytes, so renaming is not a new file and a new file of an old name is.
 *
 *   after: move   A file is taken when it is whole: unchanged for `settle`, or
 *                 its name or times were set after its last write (renamed into
 *                 place, copied with its times). Oldest first, one at a time;
 *                 at its end it goes to done/ or failed/ (finish.c).
 *   after: keep   Growing files: whole lines are taken as they come, in turn.
 *                 Cut short, or its first bytes changed: read again from the
 *                 start. Renamed so that the pattern does not match any more,
 *                 or unlinked: read to its end, then forgotten (rotation).
 *
 *   WAITING -> READING -> ENDED -> MOVING -> LISTING -> forgotten
 *
 * Delivery is at least once: a position moves when core holds the readings for
 * good, and is on disk within SAVE_NS; what is read again after a crash falls
 * out in the historian (same tag, time, value). Reading stops while core is
 * behind, so the ring is never filled from here. Links, folders, pipes and
 * devices are refused; files are opened without following links.
 */
#include "field/files/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "field/files/item.h"
#include "os/file.h"

#define SCAN_MAX 10000 /* entries of one look at the folder */
#define NKEEP 64       /* growing files read side by side */
#define SAVE_NS (2 * HF_NS_PER_S)
#define PRIME_MAX 32 /* slices to find a header again */

void
hf_drop_say(struct hf_drop *d, const char *fmt, ...)
{
	char text[HF_DROP_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (text[0] != '\0' && strcmp(text, d->text) != 0)
		log_warn("files", "%s: %s", d->name, text);
	memcpy(d->text, text, sizeof(text));
}

/* ---- items ---- */

void
hf_item_close(struct item *it)
{
	if (it->fd >= 0)
		close(it->fd);
	it->fd = -1;
	hf_csv_file_free(it->csv);
	it->csv = NULL;
}

static void
item_free(struct item *it)
{
	hf_item_close(it);
	hf_buf_fini(&it->errors);
	free(it);
}

static void
forget(struct hf_drop *d, size_t i)
{
	item_free(d->items[i]);
	d->items[i] = d->items[--d->n];
	d->items[d->n] = NULL;
	d->is_dirty = true;
}

static struct item *
item_new(struct hf_drop *d, const struct hf_pos *pos)
{
	struct item *it;

	if (d->n >= HF_POS_NFILE || (it = calloc(1, sizeof(*it))) == NULL)
		return NULL;
	it->pos = *pos;
	it->fd = -1;
	it->stable_ns = HF_TIME_NONE;
	d->items[d->n++] = it;
	return it;
}

static struct item *
item_by_ino(const struct hf_drop *d, uint64_t ino)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->items[i]->pos.ino == ino)
			return d->items[i];
	return NULL;
}

/* ---- positions ---- */

static void
load(struct hf_drop *d, int dirfd)
{
	struct hf_pos *v = calloc(HF_POS_NFILE, sizeof(*v));
	struct hf_err err = {0};
	struct hf_buf b;
	size_t i, n = 0;
	int rc;

	hf_buf_init(&b, HF_POS_BYTES);
	rc = v == NULL
		 ? HF_ENOMEM
		 : hf_file_read(dirfd, HF_POS_FILE, HF_POS_BYTES - 1, &b, &err);
	if (rc == HF_OK)
		rc = hf_pos_parse((const char *)b.p, b.len, v, &n, &err);
	if (rc != HF_OK && rc != HF_ENOTFOUND)
		hf_drop_say(d,
		    "%.120s; files are read again from their start, what "
		    "is known already is not stored twice",
		    err.msg);
	for (i = 0; i < n; i++)
		item_new(d, &v[i]);
	hf_buf_fini(&b);
	free(v);
	d->has_positions = true;
}

static void
save(struct hf_drop *d, const struct hf_drop_now *now)
{
	struct hf_err err = {0};
	size_t i;

	if (!d->is_dirty || now->mono_ns < d->save_ns)
		return;
	hf_pos_begin(&d->save);
	for (i = 0; i < d->n; i++)
		if (d->items[i]->pos.offset > 0)
			hf_pos_put(&d->save, &d->items[i]->pos);
	hf_pos_end(&d->save);
	d->save_ns = now->mono_ns + SAVE_NS;
	if (hf_buf_ok(&d->save) &&
	    hf_file_replace(now->dirfd, HF_POS_FILE, d->save.p, d->save.len,
		0640, &err) == HF_OK) {
		d->is_dirty = false;
		return;
	}
	hf_count(d->counters, HF_C_F_POSITION, 1);
	d->save_ns = now->mono_ns + HF_DROP_RETRY_NS;
	hf_drop_say(d,
	    "the position cannot be written: %.120s; files are read on, and "
	    "again after a restart",
	    err.msg);
}

/* What core has for good becomes the position. */
static void
commit(struct hf_drop *d, struct item *it)
{
	if (!it->is_pending || d->ops.durable(d->ops.arg) < it->mark)
		return;
	it->is_pending = false;
	memcpy(it->next.name, it->pos.name, sizeof(it->next.name));
	it->next.nhead = it->pos.nhead;
	it->next.head = it->pos.head;
	it->pos = it->next;
	d->is_dirty = true;
}

void
hf_drop_save(struct hf_drop *d, const struct hf_drop_now *now)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		commit(d, d->items[i]);
	d->save_ns = 0;
	save(d, now);
}

static void
note_position(struct hf_drop *d, struct item *it)
{
	if (it->csv == NULL || it->is_pending ||
	    (hf_csv_file_offset(it->csv) == it->pos.offset &&
		hf_csv_file_nbad(it->csv) == it->pos.nbad))
		return;
	it->next = it->pos;
	it->next.offset = hf_csv_file_offset(it->csv);
	it->next.line = hf_csv_file_line(it->csv);
	it->next.nrow = hf_csv_file_nrow(it->csv);
	it->next.nbad = hf_csv_file_nbad(it->csv);
	it->mark = d->ops.handed(d->ops.arg);
	it->is_pending = true;
}

/* ---- looking at the folder ---- */

static bool
is_ours(const char *name)
{
	const size_t n = strlen(name), k = strlen(".errors.txt");

	return name[0] == '.' ||
	       (n > k && strcmp(name + n - k, ".errors.txt") == 0);
}

static int64_t
ns_of(const struct timespec *t)
{
	return t->tv_sec * HF_NS_PER_S + t->tv_nsec;
}

static void
refuse(struct hf_drop *d, const char *name, const struct stat *st)
{
	const size_t cap = sizeof(d->refused) / sizeof(d->refused[0]);
	char shown[HF_POS_NAME];
	size_t i;

	for (i = 0; i < d->nrefused && i < cap; i++)
		if (d->refused[i] == st->st_ino)
			return;
	d->refused[d->nrefused++ % cap] = st->st_ino;
	hf_count(d->counters, HF_C_F_REFUSED, 1);
	hf_printable(shown, sizeof(shown), name, strlen(name));
	hf_drop_say(d, "%.120s is refused: it is %s, not a file", shown,
	    S_ISLNK(st->st_mode)    ? "a symbolic link"
	    : S_ISDIR(st->st_mode)  ? "a folder"
	    : S_ISFIFO(st->st_mode) ? "a pipe"
				    : "a device or socket");
}

static void
see(struct hf_drop *d, struct item *it, const char *name, bool is_matching,
    const struct stat *st, const struct hf_drop_now *now)
{
	const int64_t mtime_ns = ns_of(&st->st_mtim);

	if (it->size != st->st_size || it->mtime_ns != mtime_ns ||
	    it->stable_ns == HF_TIME_NONE)
		it->stable_ns = now->mono_ns;
	if (it->state == ITEM_STUCK && it->mtime_ns != mtime_ns)
		it->state = ITEM_WAITING;
	it->size = st->st_size;
	it->mtime_ns = mtime_ns;
	it->ctime_ns = ns_of(&st->st_ctim);
	it->is_seen = true;
	it->is_matching = is_matching;
	if (strcmp(it->pos.name, name) != 0)
		hf_strcpy(it->pos.name, sizeof(it->pos.name), name);
}

static void
look_at(struct hf_drop *d, const char *name, const struct hf_drop_now *now)
{
	const bool is_matching = fnmatch(d->conf->pattern, name, 0) == 0;
	struct hf_pos pos = {.line = 1};
	struct item *it;
	struct stat st;

	if (is_ours(name) || strlen(name) >= sizeof(pos.name) ||
	    fstatat(now->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!S_ISREG(st.st_mode)) {
		if (is_matching)
			refuse(d, name, &st);
		return;
	}
	it = item_by_ino(d, st.st_ino);
	if (it != NULL && it->is_seen)
		return; /* a second name of the same file */
	if (it == NULL && is_matching &&
	    (d->conf->after == HF_CSV_MOVE || d->n < NKEEP)) {
		pos.ino = st.st_ino;
		hf_strcpy(pos.name, sizeof(pos.name), name);
		it = item_new(d, &pos);
	}
	if (it != NULL)
		see(d, it, name, is_matching, &st, now);
}

/* Items that are not there any more: what is open is read to its end. */
static void
drop_unseen(struct hf_drop *d)
{
	size_t i = d->n;

	while (i-- > 0) {
		struct item *it = d->items[i];

		if (it->is_seen || it->fd >= 0 || it->state >= ITEM_ENDED)
			continue;
		forget(d, i);
	}
}

int
hf_drop_scan(
    struct hf_drop *d, const struct hf_drop_now *now, struct hf_err *err)
{
	/* An own descriptor, at the beginning of the folder. */
	int fd = openat(now->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	size_t i, left = SCAN_MAX;
	int rc;

	if (dir == NULL) {
		rc = HF_FAIL(
		    err, hf_rc_from_errno(errno), "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!d->has_positions)
		load(d, now->dirfd);
	for (i = 0; i < d->n; i++)
		d->items[i]->is_seen = false;
	while ((e = readdir(dir)) != NULL && left-- > 0)
		look_at(d, e->d_name, now);
	closedir(dir);
	if (e == NULL) /* saw the end: what is missing is gone */
		drop_unseen(d);
	return HF_OK;
}

/* ---- reading ---- */

static void
on_bad(
    void *arg, uint64_t line, int col, const char *column, const char *reason)
{
	hf_item_error(arg, line, col, column, reason);
}

static void
pass_over(void *arg, const struct hf_reading *r, size_t n)
{
}

struct slice { /* a sink's arg while a slice is read */
	struct hf_drop *d;
	struct item *it;
};

static void
slice_readings(void *arg, const struct hf_reading *r, size_t n)
{
	const struct slice *s = arg;

	s->d->ops.readings(s->d->ops.arg, r, n);
}

static void
slice_bad(
    void *arg, uint64_t line, int col, const char *column, const char *reason)
{
	const struct slice *s = arg;

	s->d->stats.nbad++;
	on_bad(s->it, line, col, column, reason);
}

static struct hf_csv_sink
sink_of(struct slice *s, const struct hf_drop_now *now)
{
	return (struct hf_csv_sink){.arg = s,
	    .recv_ns = now->wall_ns,
	    .file_ns = s->it->mtime_ns,
	    .counters = s->d->counters,
	    .readings = slice_readings,
	    .bad = slice_bad};
}

/* Is the file that was opened the one that the position is of? If not it is
 * read from its start. */
static void
identify(struct hf_drop *d, struct item *it, int64_t size)
{
	const uint64_t have =
	    it->csv == NULL ? it->pos.offset : hf_csv_file_end(it->csv);
	uint64_t head = 0;

	if (have == 0 && it->pos.nhead == 0)
		return;
	if (it->pos.nhead > 0 && (uint64_t)size >= have &&
	    hf_pos_head(it->fd, it->pos.nhead, &head) && head == it->pos.head)
		return;
	hf_count(d->counters, HF_C_F_ROTATED, 1);
	it->pos.offset = it->pos.nrow = it->pos.nbad = 0;
	it->pos.line = 1;
	it->pos.nhead = 0;
	it->is_pending = false;
	hf_csv_file_free(it->csv);
	it->csv = NULL;
}

static void
learn_head(struct item *it, int64_t size)
{
	const uint32_t n = size < HF_POS_HEAD ? (uint32_t)size : HF_POS_HEAD;
	uint64_t head;

	if (n > it->pos.nhead && hf_pos_head(it->fd, n, &head)) {
		it->pos.nhead = n;
		it->pos.head = head;
	}
}

/* Reads the header again: the file is gone on with in its middle. */
static int
prime(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    struct hf_err *err)
{
	struct slice s = {d, it};
	struct hf_csv_sink sink = sink_of(&s, now);
	int i, rc = HF_OK;
	size_t room;
	ssize_t n;

	sink.readings = pass_over;
	hf_csv_file_prime(it->csv, true);
	for (i = 0; i < PRIME_MAX && rc == HF_OK; i++) {
		uint8_t *p = hf_csv_file_space(it->csv, &room);

		n = pread(it->fd, p, room, (off_t)hf_csv_file_end(it->csv));
		if (n <= 0 || hf_csv_file_has_header(it->csv))
			break;
		rc = hf_csv_file_rows(it->csv, (size_t)n, false, &sink, err);
	}
	hf_csv_file_prime(it->csv, false);
	hf_csv_file_seek(it->csv, it->pos.offset, it->pos.line);
	hf_csv_file_count(it->csv, it->pos.nrow, it->pos.nbad);
	return rc;
}

static int
open_item(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    struct hf_err *err)
{
	struct stat st;

	if (it->fd < 0)
		it->fd = openat(now->dirfd, it->pos.name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (it->fd < 0 || fstat(it->fd, &st) != 0)
		return HF_FAIL(
		    err, hf_rc_from_errno(errno), "%s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_ino != it->pos.ino)
		return HF_FAIL(err, HF_EAGAIN, "it was just replaced");
	identify(d, it, st.st_size);
	learn_head(it, st.st_size);
	if (it->mtime_ns != ns_of(&st.st_mtim) || it->size != st.st_size)
		it->stable_ns = now->mono_ns;
	it->size = st.st_size;
	it->mtime_ns = it->read_mtime_ns = ns_of(&st.st_mtim);
	it->ctime_ns = ns_of(&st.st_ctim);
	if (it->csv != NULL)
		return HF_OK;
	it->csv = hf_csv_file_new(d->map);
	if (it->csv == NULL)
		return HF_FAIL(err, HF_ENOMEM, "no memory for a window");
	return it->pos.offset > 0 ? prime(d, it, now, err) : HF_OK;
}

static void
note_columns(struct hf_drop *d, const struct hf_csv_file *csv)
{
	const char *s, *first;
	size_t i, n, at = 0;

	for (i = 0; (s = hf_csv_file_column(csv, i)) != NULL; i++) {
		n = strlen(s);
		if (at + n + 2 > sizeof(d->columns))
			break;
		memcpy(d->columns + at, s, n);
		at += n;
		d->columns[at++] = '\n';
	}
	d->columns[at] = '\0';
	n = hf_csv_file_missing(csv, &first);
	if (n > 0)
		hf_drop_say(d,
		    "%zu tag%s no column in the files, first \"%.60s\": "
		    "their address must be the column's name (holdfast try)",
		    n, n == 1 ? " has" : "s have", first);
}

static void
end_item(struct hf_drop *d, struct item *it)
{
	it->state = ITEM_ENDED;
	note_position(d, it);
}

static void
fail_item(struct hf_drop *d, struct item *it, const struct hf_err *err)
{
	char name[HF_POS_NAME];

	hf_printable(name, sizeof(name), it->pos.name, strlen(it->pos.name));
	hf_drop_say(d, "%.80s cannot be imported: %.140s", name, err->msg);
	hf_item_error(it, 1, 1, "", err->msg);
	it->is_failed = true;
	it->pos.nbad++;
	hf_count(d->counters, HF_C_F_ROW_BAD, 1);
	it->is_pending = false;
	if (d->conf->after == HF_CSV_KEEP) {
		it->state = ITEM_STUCK;
		hf_item_close(it);
	} else {
		it->state = ITEM_MOVING;
	}
}

static void
put_back(struct item *it, int64_t retry_ns)
{
	hf_item_close(it);
	it->retry_ns = retry_ns;
	it->state = ITEM_WAITING;
}

static void
fail_read(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    const struct hf_err *err)
{
	char name[HF_POS_NAME];

	hf_count(d->counters, HF_C_F_READ, 1);
	hf_printable(name, sizeof(name), it->pos.name, strlen(it->pos.name));
	hf_drop_say(d, "%.100s cannot be read: %.60s; tried again every 10 s",
	    name, err->msg);
	put_back(it, now->mono_ns + HF_DROP_RETRY_NS);
}

static bool
is_whole(const struct hf_drop *d, const struct item *it,
    const struct hf_drop_now *now)
{
	if (it->size > 0 && it->ctime_ns > it->mtime_ns)
		return true;
	if (now->mono_ns - it->stable_ns >= d->conf->settle_ns)
		return true;
	return now->wall_ns >= it->mtime_ns &&
	       now->wall_ns - it->mtime_ns >= d->conf->settle_ns;
}

/* Nothing more to read for now, or for good. */
static int
at_end(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    const struct hf_csv_sink *sink, struct hf_err *err)
{
	const bool is_last = !it->is_seen || (d->conf->after == HF_CSV_MOVE
						     ? is_whole(d, it, now)
						     : !it->is_matching);
	int rc = HF_OK;

	it->state = ITEM_WAITING;
	if (!is_last)
		return HF_OK;
	rc = hf_csv_file_rows(it->csv, 0, true, sink, err);
	if (rc == HF_OK) {
		it->is_failed = hf_csv_file_nrow(it->csv) == 0 &&
				hf_csv_file_nbad(it->csv) > 0;
		end_item(d, it);
	}
	return rc;
}

static int
read_slice(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    struct hf_err *err)
{
	struct slice s = {d, it};
	const struct hf_csv_sink sink = sink_of(&s, now);
	const bool had_header = hf_csv_file_has_header(it->csv);
	const uint64_t before = hf_csv_file_nrow(it->csv);
	size_t room;
	uint8_t *p = hf_csv_file_space(it->csv, &room);
	ssize_t n = pread(it->fd, p, room, (off_t)hf_csv_file_end(it->csv));
	int rc;

	if (n < 0)
		return HF_FAIL(err, HF_EIO, "%s", strerror(errno));
	d->ops.parsing(d->ops.arg, p, (size_t)n);
	rc = n == 0 ? at_end(d, it, now, &sink, err)
		    : hf_csv_file_rows(it->csv, (size_t)n, false, &sink, err);
	d->ops.parsed(d->ops.arg);
	d->stats.nslice++;
	if (hf_csv_file_nrow(it->csv) > before)
		d->stats.last_row_ns = now->wall_ns;
	d->stats.nrow += hf_csv_file_nrow(it->csv) - before;
	if (!had_header && hf_csv_file_has_header(it->csv))
		note_columns(d, it->csv);
	if (rc == HF_OK)
		note_position(d, it);
	return rc;
}

/* ---- whose turn ---- */

static bool
is_readable(const struct hf_drop *d, const struct item *it,
    const struct hf_drop_now *now)
{
	if (it->state > ITEM_READING || now->mono_ns < it->retry_ns)
		return false;
	if (it->state == ITEM_READING)
		return true;
	if (d->conf->after == HF_CSV_MOVE)
		return it->is_seen && is_whole(d, it, now);
	if (it->csv == NULL)
		return it->is_seen;
	return (uint64_t)it->size != hf_csv_file_end(it->csv) || !it->is_seen ||
	       !it->is_matching;
}

/* Move: what is being read, else the oldest. */
static struct item *
oldest(const struct hf_drop *d, const struct hf_drop_now *now)
{
	struct item *best = NULL;
	size_t i;

	for (i = 0; i < d->n; i++) {
		struct item *it = d->items[i];

		if (!is_readable(d, it, now))
			continue;
		if (it->state == ITEM_READING)
			return it;
		if (best == NULL || it->mtime_ns < best->mtime_ns ||
		    (it->mtime_ns == best->mtime_ns &&
			strcmp(it->pos.name, best->pos.name) < 0))
			best = it;
	}
	return best;
}

static struct item *
next_item(struct hf_drop *d, const struct hf_drop_now *now)
{
	size_t i;

	if (d->conf->after == HF_CSV_MOVE)
		return oldest(d, now);
	for (i = 0; i < d->n; i++) {
		struct item *it = d->items[++d->turn % d->n];

		if (is_readable(d, it, now))
			return it;
	}
	return NULL;
}

/* Ends and moves. True: something waits for core. */
static bool
step_ends(struct hf_drop *d, const struct hf_drop_now *now)
{
	bool is_waiting = false;
	size_t i = d->n;

	while (i-- > 0) {
		struct item *it = d->items[i];

		commit(d, it);
		note_position(d, it);
		if (it->state == ITEM_ENDED && !it->is_pending)
			it->state = ITEM_MOVING;
		is_waiting |= it->is_pending;
		if (it->state < ITEM_MOVING || it->state == ITEM_STUCK ||
		    now->mono_ns < it->retry_ns)
			continue;
		if (d->conf->after == HF_CSV_KEEP || hf_item_finish(d, it, now))
			forget(d, i);
	}
	return is_waiting;
}

enum hf_drop_rc
hf_drop_work(struct hf_drop *d, const struct hf_drop_now *now)
{
	struct hf_err err = {0};
	struct item *it;
	bool is_waiting;
	int rc;

	is_waiting = step_ends(d, now);
	save(d, now);
	it = d->n == 0 ? NULL : next_item(d, now);
	if (it == NULL)
		return is_waiting ? HF_DROP_WAIT : HF_DROP_IDLE;
	if (!d->ops.may_read(d->ops.arg)) {
		hf_count(d->counters, HF_C_F_WAIT, !d->is_waiting);
		d->is_waiting = true;
		return HF_DROP_WAIT;
	}
	d->is_waiting = false;
	it->state = ITEM_READING;
	rc = open_item(d, it, now, &err);
	if (rc == HF_OK)
		rc = read_slice(d, it, now, &err);
	if (rc == HF_EINVAL)
		fail_item(d, it, &err);
	else if (rc == HF_EAGAIN)
		put_back(it, now->mono_ns + HF_NS_PER_S);
	else if (rc != HF_OK)
		fail_read(d, it, now, &err);
	return HF_DROP_MORE;
}

/* ---- life ---- */

int
hf_drop_new(const char *name, const struct hf_csv_conf *conf,
    const struct hf_csv_map *map, struct hf_counters *counters,
    const struct hf_drop_ops *ops, struct hf_drop **out, struct hf_err *err)
{
	struct hf_drop *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", name);
	d->name = name;
	d->conf = conf;
	d->map = map;
	d->counters = counters;
	d->ops = *ops;
	d->stats.last_row_ns = HF_TIME_NONE;
	hf_buf_init(&d->save, HF_POS_BYTES);
	*out = d;
	return HF_OK;
}

void
hf_drop_free(struct hf_drop *d)
{
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < d->n; i++)
		item_free(d->items[i]);
	hf_buf_fini(&d->save);
	free(d);
}

void
hf_drop_stats(const struct hf_drop *d, struct hf_drop_stats *out)
{
	*out = d->stats;
	out->text = d->text;
}

/* ---- previews ---- */

static const char *
state_word(const struct item *it)
{
	static const char *const words[] = {
	    [ITEM_WAITING] = "waiting",
	    [ITEM_READING] = "reading",
	    [ITEM_ENDED] = "waits for core",
	    [ITEM_MOVING] = "to be moved",
	    [ITEM_LISTING] = "errors to be written",
	    [ITEM_STUCK] = "header unusable",
	};

	return words[it->state];
}

void
hf_drop_describe(const struct hf_drop *d, struct hf_jw *w)
{
	const char *s, *nl;
	size_t i;

	hf_jw_key(w, "files");
	hf_jw_arr(w);
	for (i = 0; i < d->n && i < 50; i++) {
		const struct item *it = d->items[i];

		hf_jw_obj(w);
		hf_jw_kstr(w, "name", it->pos.name);
		hf_jw_ki64(w, "size", it->size);
		hf_jw_ktime(w, "changed", it->mtime_ns);
		hf_jw_kstr(w, "state", state_word(it));
		hf_jw_ku64(w, "offset", it->pos.offset);
		hf_jw_ku64(w, "rows", it->pos.nrow);
		hf_jw_ku64(w, "errors", it->pos.nbad);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
	hf_jw_ku64(w, "files_in_all", d->n);
	hf_jw_key(w, "columns");
	hf_jw_arr(w);
	for (s = d->columns; (nl = strchr(s, '\n')) != NULL; s = nl + 1)
		hf_jw_strn(w, s, (size_t)(nl - s));
	hf_jw_end_arr(w);
}

bool
hf_drop_has_column(const struct hf_drop *d, const char *name)
{
	const size_t n = strlen(name);
	const char *s, *nl;

	for (s = d->columns; (nl = strchr(s, '\n')) != NULL; s = nl + 1)
		if ((size_t)(nl - s) == n && memcmp(s, name, n) == 0)
			return true;
	return false;
}
