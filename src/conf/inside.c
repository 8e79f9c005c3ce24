/* SPDX-License-Identifier: Apache-2.0
 *
 * inside.c - files of the plant's directory, and no others.
 *
 * A path from plant.yaml is opened level by level with O_NOFOLLOW, so that
 * neither ".." nor a symbolic link leads out of the directory. Only regular
 * files are read, up to a limit.
 */
#include "conf/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens dirfd/path level by level, so that no link is followed on the way. */
static int
open_inside(int dirfd, const char *path)
{
	char part[256], *slash;
	int at = dirfd, next;

	for (;;) {
		slash = strchr(path, '/');
		if (slash == NULL)
			break;
		if ((size_t)(slash - path) >= sizeof(part)) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(part, path, (size_t)(slash - path));
			part[slash - path] = '\0';
			next = openat(at, part,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (at != dirfd)
			close(at);
		if (next < 0)
			return -1;
		at = next;
		path = slash + 1;
	}
	/* O_NONBLOCK: a pipe in the folder must not stop us */
	next = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (at != dirfd)
		close(at);
	return next;
}

static int
read_fd(int fd, size_t max, struct hf_buf *out, struct hf_err *err)
{
	char block[16384];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return HF_FAIL(
		    err, hf_rc_from_errno(errno), "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return HF_FAIL(err, HF_EINVAL, "is no regular file");
	if (st.st_size > (off_t)max)
		return HF_FAIL(err, HF_ELIMIT, "is over %zu %s; split it",
		    max >> 20 > 0 ? max >> 20 : max >> 10,
		    max >> 20 > 0 ? "MiB" : "KiB");
	while ((n = read(fd, block, sizeof(block))) > 0)
		hf_buf_put(out, block, (size_t)n);
	if (n < 0)
		return HF_FAIL(
		    err, hf_rc_from_errno(errno), "%s", strerror(errno));
	if (!hf_buf_ok(out))
		return HF_FAIL(err, HF_ELIMIT,
		    "is over %zu KiB, or memory is out", max >> 10);
	return HF_OK;
}

int
hf_inside_read(int dirfd, const char *path, size_t max, struct hf_buf *out,
    struct hf_err *err)
{
	int fd, rc;

	fd = open_inside(dirfd, path);
	if (fd < 0 && errno == ELOOP)
		return HF_FAIL(err, HF_EDENIED,
		    "is a symbolic link; put the file itself there");
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "cannot be opened: %s", strerror(errno));
	rc = read_fd(fd, max, out, err);
	close(fd);
	return rc;
}

bool
hf_inside_ok(const char *path)
{
	const char *part = path;
	size_t n;

	if (path[0] == '/' || path[0] == '\0' || strlen(path) > 255)
		return false;
	for (;;) {
		n = strcspn(part, "/");
		if (n == 0 || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[n] == '\0')
			return true;
		part += n + 1;
	}
}
