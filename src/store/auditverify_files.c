/* SPDX-License-Identifier: Apache-2.0
 *
 * auditverify_files.c - the files that follow from the records: tiles and
 * bundles, and whether anything lies in the folder that should not.
 *
 * Called by auditverify.c. Every byte of every file is compared with what the
 * records demand, so no bit of an audit folder can change unseen.
 */
#include "store/auditverify_i.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

#define DEPTH_MAX 10 /* folders below tile/ */
#define TILE_BYTES (HF_TILE_WIDTH * HF_SHA256_LEN)

/* Whole file into w->scratch. */
static bool
load(struct hf_verify *w, const char *path)
{
	hf_buf_reset(&w->scratch);
	return hf_file_read(w->dirfd, path, HF_BUNDLE_MAX, &w->scratch, NULL) ==
	       HF_OK;
}

static void
compare(struct hf_verify *w, const char *path, uint64_t seq, const void *p,
    size_t n, bool may_miss)
{
	if (!load(w, path)) {
		if (!may_miss)
			hf_verify_found(
			    w, seq, "%s is missing or too long", path);
	} else if (w->scratch.len != n || memcmp(w->scratch.p, p, n) != 0) {
		hf_verify_found(
		    w, seq, "%s does not have what the records say", path);
	}
}

int
hf_verify_tile_full(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err)
{
	struct hf_verify *w = arg;
	uint64_t end = (index + 1) << (8 * (level + 1));
	bool may_miss = w->is_live && end > w->promised;
	char path[HF_TILE_PATH];

	hf_tile_path(level, index, 0, path);
	compare(w, path, end, row->hash, TILE_BYTES, may_miss);
	if (level != 0)
		return HF_OK;
	if (end > w->segs[0]) {
		hf_tile_path(HF_TILE_ENTRIES, index, 0, path);
		compare(w, path, end, w->bundle.p, w->bundle.len, may_miss);
	}
	hf_buf_reset(&w->bundle);
	return HF_OK;
}

int
hf_verify_pruned(struct hf_verify *w, struct hf_err *err)
{
	char path[HF_TILE_PATH];
	uint8_t *tile;
	uint64_t i;
	size_t k;
	int rc = HF_OK;

	if (w->segs[0] % HF_TILE_WIDTH != 0)
		return HF_FAIL(err, HF_ECORRUPT,
		    "the first segment begins at %" PRIu64
		    ", which is no multiple of 256",
		    w->segs[0]);
	tile = malloc(TILE_BYTES);
	if (tile == NULL)
		return HF_FAIL(err, HF_ENOMEM, "verify");
	for (i = 0; i < w->segs[0] / HF_TILE_WIDTH && rc == HF_OK; i++) {
		hf_tile_path(0, i, 0, path);
		if (!load(w, path) || w->scratch.len != TILE_BYTES) {
			rc = HF_FAIL(err, HF_ECORRUPT,
			    "records %" PRIu64 " to %" PRIu64
			    " are gone and %s is missing",
			    i * HF_TILE_WIDTH, (i + 1) * HF_TILE_WIDTH - 1,
			    path);
			hf_verify_found(
			    w, i * HF_TILE_WIDTH, "%s is missing", path);
			break;
		}
		memcpy(tile, w->scratch.p, TILE_BYTES);
		for (k = 0; k < HF_TILE_WIDTH; k++)
			hf_merkle_append(
			    &w->tree, tile + k * HF_SHA256_LEN, NULL);
	}
	free(tile);
	return rc;
}

/* A partial tile of a tile that is full by now: a prefix of it. */
static void
check_old_partial(struct hf_verify *w, const char *path, unsigned level,
    uint64_t index, unsigned width)
{
	char full[HF_TILE_PATH];
	struct hf_buf part;
	size_t n;

	hf_buf_init(&part, HF_BUNDLE_MAX);
	hf_tile_path(level, index, 0, full);
	if (hf_file_read(w->dirfd, path, HF_BUNDLE_MAX, &part, NULL) != HF_OK ||
	    !load(w, full)) {
		if (!w->is_live)
			hf_verify_found(w, 0, "%s cannot be read", path);
	} else {
		n = level == HF_TILE_ENTRIES
			? hf_bundle_prefix(w->scratch.p, w->scratch.len, width)
			: (size_t)width * HF_SHA256_LEN;
		if (part.len != n || memcmp(part.p, w->scratch.p, n) != 0)
			hf_verify_found(w, 0,
			    "%s does not have what the records say", path);
	}
	hf_buf_fini(&part);
}

static void
check_partial(struct hf_verify *w, const char *path, unsigned level,
    uint64_t index, unsigned width)
{
	unsigned l = level == HF_TILE_ENTRIES ? 0 : level;
	uint64_t current = w->tree.size >> (8 * (l + 1));
	const struct hf_tile_row *row = &w->tree.row[l];
	size_t n = (size_t)width * HF_SHA256_LEN;
	const uint8_t *p = row->hash[0];

	if (index < current) {
		check_old_partial(w, path, level, index, width);
		return;
	}
	if (index > current || width > row->n) {
		if (!w->is_live)
			hf_verify_found(w, w->tree.size,
			    "%s is beyond the end of the log", path);
		return;
	}
	if (level == HF_TILE_ENTRIES) {
		p = w->bundle.p;
		n = hf_bundle_prefix(p, w->bundle.len, width);
	}
	compare(w, path, w->tree.size, p, n, w->is_live);
}

static void
check_tile_file(struct hf_verify *w, const char *path)
{
	unsigned level, width, l;
	uint64_t index;

	if (strcmp(path, "tile/new.tmp") == 0)
		return;
	if (!hf_tile_parse(path, &level, &index, &width)) {
		hf_verify_found(w, 0, "%.90s is no tile", path);
		return;
	}
	if (width > 0) {
		check_partial(w, path, level, index, width);
		return;
	}
	l = level == HF_TILE_ENTRIES ? 0 : level;
	/* a full one was compared when the tree filled it */
	if (index >= w->tree.size >> (8 * (l + 1)) && !w->is_live)
		hf_verify_found(
		    w, w->tree.size, "%s is beyond the end of the log", path);
	if (level == HF_TILE_ENTRIES &&
	    (index + 1) * HF_TILE_WIDTH <= w->segs[0])
		hf_verify_found(w, index * HF_TILE_WIDTH,
		    "%s has records that were removed by retention", path);
}

static void
walk(struct hf_verify *w, const char *path, int depth)
{
	char sub[HF_TILE_PATH + 64];
	struct dirent *e;
	struct stat st;
	DIR *d;
	int fd;

	fd = openat(
	    w->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL && fd >= 0)
		close(fd);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (strlen(path) + 1 + strlen(e->d_name) >= sizeof(sub)) {
			hf_verify_found(
			    w, 0, "%.60s/: a name is too long", path);
			continue;
		}
		snprintf(sub, sizeof(sub), "%.95s/%.63s", path, e->d_name);
		if (fstatat(w->dirfd, sub, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			if (!w->is_live)
				hf_verify_found(
				    w, 0, "%s: %s", sub, strerror(errno));
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			walk(w, sub, depth + 1);
		} else if (S_ISREG(st.st_mode)) {
			check_tile_file(w, sub);
		} else {
			hf_verify_found(w, 0, "%.90s should not be here", sub);
		}
	}
	if (d != NULL)
		closedir(d);
}

static bool
is_segment(const struct hf_verify *w, uint64_t first)
{
	size_t i;

	for (i = 0; i < w->nseg; i++)
		if (w->segs[i] == first)
			return true;
	return false;
}

static void
check_names(struct hf_verify *w)
{
	struct dirent *e;
	uint64_t first;
	size_t n;
	DIR *d;
	int fd;

	fd = openat(w->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL) {
		const char *s = e->d_name;

		n = strlen(s);
		if (strcmp(s, ".") == 0 || strcmp(s, "..") == 0 ||
		    strcmp(s, "checkpoint") == 0 || strcmp(s, "key.pub") == 0 ||
		    strcmp(s, "tile") == 0)
			continue;
		if (n > 4 && strcmp(s + n - 4, ".tmp") == 0)
			continue; /* of a write that a crash ended */
		if ((hf_seg_parse(s, ".seg", &first) ||
			hf_seg_parse(s, ".notes", &first)) &&
		    (is_segment(w, first) || w->is_live))
			continue;
		hf_verify_found(w, 0,
		    strncmp(s, "damaged-", 8) == 0
			? "%.60s holds an older log that was damaged"
			: "%.60s should not be here",
		    s);
	}
	if (d != NULL)
		closedir(d);
}

/* The tiles that a reader of the newest checkpoint needs. */
static void
check_needed(struct hf_verify *w)
{
	char path[HF_TILE_PATH];
	unsigned level, i, width;
	struct stat st;

	for (level = 0; level <= HF_TILE_LEVELS; level++) {
		bool is_entries = level == HF_TILE_LEVELS;
		unsigned name = is_entries ? HF_TILE_ENTRIES : level;
		uint64_t index;

		i = is_entries ? 0 : level;
		width = hf_tile_width(w->last.size, i);
		index = w->last.size >> (8 * (i + 1));
		if (width == 0 || index < w->tree.size >> (8 * (i + 1)))
			continue; /* none, or full by now */
		hf_tile_path(name, index, width, path);
		if (fstatat(w->dirfd, path, &st, 0) != 0 &&
		    !(w->is_live && w->last.size > w->promised))
			hf_verify_found(w, w->last.size, "%s is missing", path);
	}
}

void
hf_verify_files(struct hf_verify *w)
{
	check_names(w);
	if (w->is_broken)
		return; /* nothing to compare with */
	check_needed(w);
	walk(w, "tile", 0);
}
