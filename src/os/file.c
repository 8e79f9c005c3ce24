/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - files that are whole or absent, whatever the disk does.
 *
 * hf_file_replace: unlink a stale <name>.tmp, create it anew, write, fsync,
 * rename over <name>, fsync the directory. Until the rename the old file is
 * untouched; each failure before it removes the .tmp again. A failure of the
 * last fsync is reported although the new name already stands: the caller may
 * then not promise that it survives a power cut.
 *
 * All writing goes through hf_io (file.h), so that tests can fail each step;
 * reading uses the system calls.
 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define READ_CHUNK 65536 /* bytes of one read(2) */
#define NAME_CAP 4096	 /* bytes of a path, NUL included */

static int
system_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	return openat(dirfd, name, flags, mode);
}

const struct hf_io hf_io_system = {
    .pwrite = pwrite,
    .fdatasync = fdatasync,
    .fsync = fsync,
    .ftruncate = ftruncate,
    .fallocate = fallocate,
    .openat = system_openat,
    .renameat = renameat,
    .unlinkat = unlinkat,
};

/* Set once by a test before it starts threads; constant in the product. */
static const struct hf_io *io = &hf_io_system;

void
hf_io_set(const struct hf_io *new_io)
{
	io = new_io != NULL ? new_io : &hf_io_system;
}

const struct hf_io *
hf_io_get(void)
{
	return io;
}

static int
fail_errno(struct hf_err *err, const char *what, const char *name)
{
	int saved = errno;

	return HF_FAIL(err, hf_rc_from_errno(saved), "%s: %s: %s", name, what,
	    strerror(saved));
}

int
hf_pwrite_all(int fd, const void *p, size_t n, off_t off, struct hf_err *err)
{
	const uint8_t *next = p;
	int rc;
	ssize_t w;

	while (n > 0) {
		w = io->pwrite(fd, next, n, off);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			rc = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC
								: HF_EIO;
			return HF_FAIL(err, rc,
			    "write of %zu bytes at %lld: "
			    "%s",
			    n, (long long)off, strerror(errno));
		}
		if (w == 0) /* would loop for ever */
			return HF_FAIL(err, HF_EIO,
			    "write of %zu bytes at %lld: nothing was taken", n,
			    (long long)off);
		next += w;
		off += w;
		n -= (size_t)w;
	}
	return HF_OK;
}

static int
open_retry(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd;

	do
		fd = io->openat(dirfd, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* read(2) until the end; at most max bytes. */
static int
read_all(int fd, const char *name, size_t max, struct hf_buf *out,
    struct hf_err *err)
{
	uint8_t chunk[READ_CHUNK];
	size_t total = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return HF_FAIL(
			    err, HF_EIO, "%s: read: %s", name, strerror(errno));
		if (n == 0)
			return HF_OK;
		if ((size_t)n > max - total)
			return HF_FAIL(err, HF_ELIMIT,
			    "%s: larger than %zu bytes", name, max);
		hf_buf_put(out, chunk, (size_t)n);
		if (!hf_buf_ok(out))
			return HF_FAIL(err, HF_ELIMIT,
			    "%s: does not fit its buffer", name);
		total += (size_t)n;
	}
}

int
hf_file_read(int dirfd, const char *name, size_t max, struct hf_buf *out,
    struct hf_err *err)
{
	struct stat st;
	int fd, rc;

	/* O_NONBLOCK: a FIFO of that name must not stop us */
	fd = open_retry(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fail_errno(err, "open", name);
	if (fstat(fd, &st) != 0)
		rc = fail_errno(err, "stat", name);
	else if (!S_ISREG(st.st_mode))
		rc = HF_FAIL(err, HF_EINVAL, "%s: not a regular file", name);
	else
		rc = read_all(fd, name, max, out, err);
	close(fd);
	return rc;
}

static int
sync_fd(int fd, const char *name, struct hf_err *err)
{
	int r;

	do
		r = io->fsync(fd);
	while (r != 0 && errno == EINTR);
	if (r == 0)
		return HF_OK;
	if (errno == ENOSPC || errno == EDQUOT)
		return fail_errno(err, "fsync", name);
	return HF_FAIL(err, HF_EIO, "%s: fsync: %s", name, strerror(errno));
}

/* fsync of the directory dirfd/name, opened anew: dirfd may be O_PATH. */
static int
sync_dir(int dirfd, const char *name, struct hf_err *err)
{
	int fd, rc;

	fd = open_retry(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fail_errno(err, "open for fsync", name);
	rc = sync_fd(fd, name, err);
	close(fd);
	return rc;
}

int
hf_dir_sync(int dirfd, struct hf_err *err)
{
	return sync_dir(dirfd, ".", err);
}

/* fsync of the directory that holds dirfd/name. */
static int
sync_parent(int dirfd, const char *name, struct hf_err *err)
{
	char dir[NAME_CAP];
	const char *slash = strrchr(name, '/');

	if (slash == NULL)
		return sync_dir(dirfd, ".", err);
	if (slash == name)
		return sync_dir(dirfd, "/", err);
	if ((size_t)(slash - name) >= sizeof(dir))
		return HF_FAIL(err, HF_EINVAL, "%s: path too long", name);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - name), name);
	return sync_dir(dirfd, dir, err);
}

/* Creates dirfd/tmp with these bytes, durable but for its name. */
static int
write_tmp(int dirfd, const char *tmp, const void *p, size_t n, mode_t mode,
    struct hf_err *err)
{
	int fd, rc;

	io->unlinkat(dirfd, tmp, 0); /* left by a crash; O_EXCL says if not */
	fd = open_retry(
	    dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return fail_errno(err, "create", tmp);
	rc = hf_pwrite_all(fd, p, n, 0, err);
	if (rc != HF_OK)
		hf_err_prefix(err, "%s", tmp);
	if (rc == HF_OK && fchmod(fd, mode) != 0) /* whatever the umask */
		rc = fail_errno(err, "chmod", tmp);
	if (rc == HF_OK)
		rc = sync_fd(fd, tmp, err);
	if (close(fd) != 0 && rc == HF_OK)
		rc = fail_errno(err, "close", tmp);
	return rc;
}

int
hf_file_replace(int dirfd, const char *name, const void *p, size_t n,
    mode_t mode, struct hf_err *err)
{
	char tmp[NAME_CAP];
	int rc, len;

	len = snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	if (len < 0 || (size_t)len >= sizeof(tmp))
		return HF_FAIL(err, HF_EINVAL, "%s: path too long", name);
	rc = write_tmp(dirfd, tmp, p, n, mode, err);
	if (rc == HF_OK && io->renameat(dirfd, tmp, dirfd, name) != 0)
		rc = fail_errno(err, "rename", tmp);
	if (rc != HF_OK) {
		io->unlinkat(dirfd, tmp, 0);
		return rc;
	}
	return sync_parent(dirfd, name, err);
}

/*
 * The mode asked for, whatever the umask. A set-group-ID bit that the folder
 * above handed down stays, so that its group may read all below; where the mode
 * is right already nothing is called, since a chmod by somebody outside the
 * group would take the bit away.
 */
static int
set_dir_mode(int fd, const char *name, mode_t mode, struct hf_err *err)
{
	struct stat st;
	mode_t kept;

	if (fstat(fd, &st) != 0)
		return fail_errno(err, "stat", name);
	kept = st.st_mode & S_ISGID;
	if ((st.st_mode & 07777) == (mode | kept))
		return HF_OK;
	if (fchmod(fd, mode | kept) != 0)
		return fail_errno(err, "chmod", name);
	return HF_OK;
}

int
hf_dir_open(
    int dirfd, const char *name, mode_t mode, bool create, struct hf_err *err)
{
	bool is_new = false;
	int fd, rc;

	if (create) {
		is_new = mkdirat(dirfd, name, mode) == 0;
		if (!is_new && errno != EEXIST)
			return fail_errno(err, "mkdir", name);
	}
	fd = open_retry(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fail_errno(err, "open directory", name);
	if (!is_new)
		return fd;
	rc = set_dir_mode(fd, name, mode, err);
	if (rc == HF_OK)
		rc = sync_parent(dirfd, name, err);
	if (rc != HF_OK) {
		close(fd);
		return rc;
	}
	return fd;
}

int64_t
hf_disk_free(int fd)
{
	struct statvfs st;
	uint64_t nbytes;

	if (fstatvfs(fd, &st) != 0)
		return -1;
	/* f_bavail: what is free without the blocks kept for root */
	if (__builtin_mul_overflow(
		(uint64_t)st.f_bavail, (uint64_t)st.f_frsize, &nbytes) ||
	    nbytes > INT64_MAX)
		return INT64_MAX;
	return (int64_t)nbytes;
}
