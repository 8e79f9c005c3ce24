/* SPDX-License-Identifier: Apache-2.0
 *
 * audittile.c - C2SP tlog-tiles files of the audit log.
 *
 * Called by auditlog.c and auditverify.c; declared in auditseg.h. Below the
 * audit folder (c2sp.org/tlog-tiles):
 *
 *    tile/<L>/<N>           256 hashes of level L, 8,192 bytes
 *    tile/<L>/<N>.p/<W>     the first W < 256 of them
 *    tile/entries/<N>       256 bodies: each big-endian u16 length, body
 *    tile/entries/<N>.p/<W> the first W of them
 *
 * N is written in groups of three digits, all but the last with an "x":
 * 1234067 is x001/x234/067. A hash of level L is the root of 256^L leaves.
 * Partial tiles are written for each checkpoint and removed when the full one
 * is there, as the specification allows.
 *
 * Tiles say nothing that the segments do not say, so they are written without
 * fsync (beside, as tile/new.tmp, then renamed) and mended when the log is
 * opened. Only when a segment is removed by retention do the tiles of level 0
 * become the last copy of its leaf hashes; they are made durable before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "os/file.h"
#include "store/auditseg.h"

#define TILE_TMP "tile/new.tmp"

char *
hf_tile_path(
    unsigned level, uint64_t index, unsigned width, char buf[HF_TILE_PATH])
{
	char groups[40] = "", more[48];
	int n;

	snprintf(groups, sizeof(groups), "%03u", (unsigned)(index % 1000));
	for (index /= 1000; index > 0; index /= 1000) {
		snprintf(more, sizeof(more), "x%03u/%.39s",
		    (unsigned)(index % 1000), groups);
		memcpy(groups, more, sizeof(groups));
		groups[sizeof(groups) - 1] = '\0';
	}
	if (level == HF_TILE_ENTRIES)
		n = snprintf(buf, HF_TILE_PATH, "tile/entries/%s", groups);
	else
		n = snprintf(buf, HF_TILE_PATH, "tile/%u/%s", level, groups);
	if (width > 0)
		snprintf(buf + n, HF_TILE_PATH - (size_t)n, ".p/%u", width);
	return buf;
}

bool
hf_tile_parse(
    const char *path, unsigned *level, uint64_t *index, unsigned *width)
{
	char again[HF_TILE_PATH];
	const char *p = path;
	uint64_t v = 0;
	size_t n, ngroup = 0;

	if (strlen(path) >= HF_TILE_PATH || strncmp(p, "tile/", 5) != 0)
		return false;
	p += 5;
	n = strcspn(p, "/");
	if (n == 7 && memcmp(p, "entries", 7) == 0)
		*level = HF_TILE_ENTRIES;
	else if (n == 1 && p[0] >= '0' && p[0] < '0' + HF_TILE_LEVELS)
		*level = (unsigned)(p[0] - '0');
	else
		return false;
	p += n;
	*index = 0;
	while (*p == '/' && ngroup++ < 6) {
		p += p[1] == 'x' ? 2 : 1;
		if (strspn(p, "0123456789") != 3 || !hf_parse_u64(p, 3, &v))
			return false;
		*index = *index * 1000 + v;
		p += 3;
	}
	*width = 0;
	if (strncmp(p, ".p/", 3) == 0) {
		p += 3;
		n = strspn(p, "0123456789");
		if (n == 0 || n > 3 || !hf_parse_u64(p, n, &v) || v == 0 ||
		    v >= HF_TILE_WIDTH)
			return false;
		*width = (unsigned)v;
	}
	return strcmp(hf_tile_path(*level, *index, *width, again), path) == 0;
}

/* Makes every folder on the way to path. */
static int
make_folders(int dirfd, const char *path, struct hf_err *err)
{
	char part[HF_TILE_PATH];
	const char *slash = path;
	int fd;

	while ((slash = strchr(slash, '/')) != NULL) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		fd = hf_dir_open(dirfd, part, 0750, true, err);
		if (fd < 0)
			return fd;
		close(fd);
		slash++;
	}
	return HF_OK;
}

static int
open_tmp(int dirfd, const char *path, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = io->openat(dirfd, TILE_TMP, flags, 0640);

	if (fd < 0 && errno == ENOENT) {
		int rc = make_folders(dirfd, path, err);

		if (rc != HF_OK)
			return rc;
		fd = io->openat(dirfd, TILE_TMP, flags, 0640);
	}
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", TILE_TMP,
		    strerror(errno));
	return fd;
}

int
hf_tile_write(
    int dirfd, const char *path, const void *p, size_t n, struct hf_err *err)
{
	const struct hf_io *io = hf_io_get();
	int fd, rc;

	fd = open_tmp(dirfd, path, err);
	if (fd < 0)
		return fd;
	rc = hf_pwrite_all(fd, p, n, 0, err);
	close(fd);
	if (rc != HF_OK)
		return rc;
	if (io->renameat(dirfd, TILE_TMP, dirfd, path) == 0)
		return HF_OK;
	if (errno == ENOENT) {
		rc = make_folders(dirfd, path, err);
		if (rc != HF_OK)
			return rc;
		if (io->renameat(dirfd, TILE_TMP, dirfd, path) == 0)
			return HF_OK;
	}
	return HF_FAIL(
	    err, hf_rc_from_errno(errno), "%s: %s", path, strerror(errno));
}

int
hf_tile_ensure(int dirfd, const char *path, const void *p, size_t n,
    struct hf_buf *scratch, struct hf_err *err)
{
	hf_buf_reset(scratch);
	if (hf_file_read(dirfd, path, n + 1, scratch, NULL) == HF_OK &&
	    scratch->len == n && memcmp(scratch->p, p, n) == 0)
		return HF_OK;
	return hf_tile_write(dirfd, path, p, n, err);
}

void
hf_bundle_put(struct hf_buf *out, const void *body, size_t n)
{
	hf_buf_u16be(out, (uint16_t)n);
	hf_buf_put(out, body, n);
}

size_t
hf_bundle_prefix(const uint8_t *p, size_t len, unsigned n)
{
	size_t at = 0;

	while (n-- > 0) {
		if (len - at < 2)
			return 0;
		at += 2 + ((size_t)p[at] << 8 | p[at + 1]);
		if (at > len)
			return 0;
	}
	return at;
}

void
hf_tile_drop_partials(int dirfd, unsigned level, uint64_t index)
{
	const struct hf_io *io = hf_io_get();
	char path[HF_TILE_PATH + 4];
	struct dirent *e;
	DIR *d;
	int fd;

	hf_tile_path(level, index, 0, path);
	memcpy(path + strlen(path), ".p", 3);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			io->unlinkat(fd, e->d_name, 0);
	closedir(d);
	io->unlinkat(dirfd, path, AT_REMOVEDIR);
}
