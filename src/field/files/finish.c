/* SPDX-License-Identifier: Apache-2.0
 *
 * finish.c - the end of a file: into done/ or failed/, and the list of what
 * could not be imported beside it.
 *
 * A file is moved when all of its readings are durable in core. It goes to
 * failed/ only if nothing of it could be imported; row errors alone do not. A
 * name that is taken there gets .1, .2 and so on. When the move or the list
 * fails (disk full, rights) the file stays, remembered as read, and is tried
 * again every 10 s; other files go on.
 *
 * NAME.errors.txt: a line of counts, then FILE:LINE:COL: column: reason for
 * each error, at most 256 KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "field/files/item.h"
#include "os/file.h"

#define NTARGET 1000  /* names tried before giving up */
#define NAME_KEEP 230 /* bytes of a name that fit with suffixes */
#define ERROR_ROOM 1024

void
hf_item_error(struct item *it, uint64_t line, int col, const char *column,
    const char *reason)
{
	char name[HF_POS_NAME * 2], shown[128];

	if (it->errors.max == 0)
		hf_buf_init(&it->errors, HF_DROP_ERRORS);
	if (it->errors.len + ERROR_ROOM > HF_DROP_ERRORS)
		return;
	hf_printable(name, sizeof(name), it->pos.name, strlen(it->pos.name));
	hf_printable(shown, sizeof(shown), column, strlen(column));
	hf_buf_printf(&it->errors, "%.300s:%" PRIu64 ":%d: %s%s%.400s\n", name,
	    line, col, shown, shown[0] == '\0' ? "" : ": ", reason);
	it->nlisted++;
}

/* A free name in the folder sub. */
static int
free_name(int sub, struct item *it, struct hf_err *err)
{
	struct stat st;
	int i;

	for (i = 0; i < NTARGET; i++) {
		snprintf(it->target, sizeof(it->target),
		    i == 0 ? "%.*s" : "%.*s.%d", NAME_KEEP, it->pos.name, i);
		if (fstatat(sub, it->target, &st, AT_SYMLINK_NOFOLLOW) != 0 &&
		    errno == ENOENT)
			return HF_OK;
	}
	return HF_FAIL(
	    err, HF_EEXIST, "%d files of that name are there", NTARGET);
}

enum moved { MOVED, FAILED, GONE, GROWN };

static enum moved
move(struct item *it, int dirfd, int sub, struct hf_err *err)
{
	struct stat st;

	if (fstatat(dirfd, it->pos.name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_ino != it->pos.ino)
		return GONE;
	if (!it->is_failed && (uint64_t)st.st_size > it->pos.offset)
		return GROWN;
	if (free_name(sub, it, err) != HF_OK)
		return FAILED;
	if (hf_io_get()->renameat(dirfd, it->pos.name, sub, it->target) != 0) {
		HF_FAIL(err, hf_rc_from_errno(errno), "%s", strerror(errno));
		return FAILED;
	}
	return MOVED;
}

static const char *
s_of(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static int
write_errors(struct item *it, int sub, struct hf_err *err)
{
	char name[sizeof(it->target) + 16], file[HF_POS_NAME * 2];
	struct hf_buf b;
	int rc;

	snprintf(name, sizeof(name), "%s.errors.txt", it->target);
	hf_printable(file, sizeof(file), it->pos.name, strlen(it->pos.name));
	hf_buf_init(&b, HF_DROP_ERRORS + 4096);
	hf_buf_printf(&b,
	    "# %.400s: %" PRIu64 " row%s imported, %" PRIu64 " error%s", file,
	    it->pos.nrow, s_of(it->pos.nrow), it->pos.nbad, s_of(it->pos.nbad));
	if (it->nlisted < it->pos.nbad)
		hf_buf_printf(&b,
		    ", the first %" PRIu64 " since the last "
		    "start are listed",
		    it->nlisted);
	hf_buf_puts(&b, "\n");
	hf_buf_put(&b, it->errors.p, it->errors.len);
	rc = hf_file_replace(sub, name, b.p, b.len, 0640, err);
	hf_buf_fini(&b);
	return rc;
}

static void
put_off(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    const char *what, const struct hf_err *err)
{
	char name[HF_POS_NAME];

	hf_count(d->counters, HF_C_F_MOVE, 1);
	it->retry_ns = now->mono_ns + HF_DROP_RETRY_NS;
	hf_printable(name, sizeof(name), it->pos.name, strlen(it->pos.name));
	hf_drop_say(d,
	    "%.80s is imported, but %s: %.80s; tried again every 10 s", name,
	    what, err->msg);
}

static void
tell_end(struct hf_drop *d, const struct item *it, const char *folder)
{
	char name[HF_POS_NAME];

	hf_count(d->counters, HF_C_F_FILES, 1);
	d->stats.nfile++;
	d->stats.nfailed += it->is_failed;
	hf_printable(name, sizeof(name), it->pos.name, strlen(it->pos.name));
	if (it->pos.nbad > 0 || it->is_failed)
		hf_drop_say(d,
		    "%.80s: %" PRIu64 " row%s imported, %" PRIu64
		    " error%s: see %s/%.60s.errors.txt",
		    name, it->pos.nrow, s_of(it->pos.nrow), it->pos.nbad,
		    s_of(it->pos.nbad), folder, name);
	else
		hf_drop_say(d, "%s", "");
	log_info("files",
	    "%s: %s is imported: %" PRIu64 " row%s, %" PRIu64
	    " error%s; it is in %s/",
	    d->name, name, it->pos.nrow, s_of(it->pos.nrow), it->pos.nbad,
	    s_of(it->pos.nbad), folder);
}

/* True: done with. */
static bool
do_move(struct hf_drop *d, struct item *it, const struct hf_drop_now *now,
    int sub, const char *folder)
{
	struct hf_err err = {0};

	switch (move(it, now->dirfd, sub, &err)) {
	case FAILED:
		put_off(d, it, now, "cannot be moved", &err);
		return false;
	case GONE: /* somebody took it away: its rows are ours */
		tell_end(d, it, ".");
		return true;
	case GROWN:
		it->state = ITEM_WAITING;
		return false;
	default:
		break;
	}
	d->is_dirty = true;
	it->state = ITEM_LISTING;
	tell_end(d, it, folder);
	return it->pos.nbad == 0 && !it->is_failed;
}

/* done/ or failed/, made if it is missing; never through a link. */
static int
own_folder(int dirfd, const char *name, struct hf_err *err)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISDIR(st.st_mode))
		return HF_FAIL(err, HF_EDENIED, "%s is no folder", name);
	return hf_dir_open(dirfd, name, 0750, true, err);
}

bool
hf_item_finish(
    struct hf_drop *d, struct item *it, const struct hf_drop_now *now)
{
	const char *folder = it->is_failed ? "failed" : "done";
	struct hf_err err = {0};
	bool is_done = false;
	int sub;

	hf_item_close(it);
	sub = own_folder(now->dirfd, folder, &err);
	if (sub < 0) {
		put_off(d, it, now, "its folder cannot be made", &err);
		return false;
	}
	if (it->state == ITEM_MOVING)
		is_done = do_move(d, it, now, sub, folder);
	if (it->state == ITEM_LISTING && !is_done) {
		is_done = write_errors(it, sub, &err) == HF_OK;
		if (!is_done)
			put_off(
			    d, it, now, "its errors cannot be written", &err);
	}
	close(sub);
	return is_done;
}
