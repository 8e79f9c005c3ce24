/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_audit.c - hostile bytes in every file of an audit folder.
 *
 * The first byte says what the rest is: 0 a segment, 1 a .notes file, 2 a
 * checkpoint, 3 a key.pub, 4 a body, 5 a tile path, 6 a bundle of entries, 7 a
 * segment and, behind 0x00 0xff 0x00, its notes. Files are put into a folder and
 * the folder is verified, then opened as after a crash, then verified again:
 * after a recovery there may be findings, but never a crash, and the log can be
 * written to.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "store/auditbody.h"
#include "store/auditlog.h"
#include "store/auditseg.h"
#include "store/note.h"

#define SEG "0000000000000000.seg"
#define NOTES "0000000000000000.notes"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
rm_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void
put(int dirfd, const char *name, const uint8_t *p, size_t n)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	close(fd);
}

/* Verify, recover, write, verify. */
static void
use(int dirfd)
{
	static const uint8_t seed[32] = {7};
	struct hf_audit_conf conf = {.origin = "holdfast/a/b",
	    .seed = seed,
	    .segment_bytes = 1 << 20,
	    .segment_ns = INT64_C(1) << 60,
	    .gid = (gid_t)-1};
	struct hf_audit_stamp at = {.wall_ns = INT64_C(1767225600000000000),
	    .mono_ns = 1000000000,
	    .sender = HF_ROLE_CORE,
	    .boot_id = "x"};
	struct hf_record r = {.action = "alarm.ack", .actor = "uid:1"};
	struct hf_audit_verdict *v = malloc(sizeof(*v));
	struct hf_auditlog *l = NULL;
	struct hf_buf json;

	hf_auditlog_verify(dirfd, NULL, NULL, NULL, false, v, NULL);
	hf_auditlog_verify(dirfd, seed, "holdfast/a/b", NULL, true, v, NULL);
	if (hf_auditlog_open(dirfd, &conf, &l, NULL, NULL) == HF_OK) {
		if (hf_auditlog_begin(l, 1, &at, NULL) != HF_OK ||
		    hf_auditlog_append(l, &r, &at, NULL, NULL) != HF_OK ||
		    hf_auditlog_checkpoint(l, NULL) != HF_OK)
			abort();
		hf_buf_init(&json, 1 << 20);
		hf_auditlog_read_json(l, 0, 100, &json, NULL);
		hf_buf_fini(&json);
		hf_auditlog_close(l);
		hf_auditlog_verify(dirfd, NULL, NULL, NULL, false, v, NULL);
	}
	free(v);
}

static void
in_folder(uint8_t kind, const uint8_t *p, size_t n)
{
	static const uint8_t mark[3] = {0x00, 0xff, 0x00};
	char path[] = "/tmp/hf-fuzz-audit.XXXXXX";
	const uint8_t *at = NULL;
	int fd;

	if (mkdtemp(path) == NULL)
		abort();
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (kind == 7)
		at = memmem(p, n, mark, sizeof(mark));
	if (at != NULL) {
		put(fd, SEG, p, (size_t)(at - p));
		put(fd, NOTES, at + 3, n - (size_t)(at - p) - 3);
	} else if (kind == 1) {
		put(fd, NOTES, p, n);
	} else if (kind == 2) {
		put(fd, "checkpoint", p, n);
	} else if (kind == 3) {
		put(fd, "key.pub", p, n);
	} else {
		put(fd, SEG, p, n);
	}
	use(fd);
	close(fd);
	nftw(path, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
parse(uint8_t kind, const uint8_t *p, size_t n)
{
	const char *s = (const char *)p;
	struct hf_audit_body b;
	struct hf_checkpoint c;
	unsigned level, width;
	struct hf_vkey k;
	uint64_t index;
	char path[200];

	if (kind == 4 && hf_audit_body_get(&b, s, n, NULL) == HF_OK &&
	    (b.action.n == 0 || b.wall_ns < 0))
		abort();
	if (kind == 5) {
		snprintf(
		    path, sizeof(path), "%.*s", (int)(n > 199 ? 199 : n), s);
		hf_tile_parse(path, &level, &index, &width);
	}
	if (kind == 6)
		hf_bundle_prefix(p, n, 200);
	if (hf_checkpoint_parse(&c, s, n, NULL) == HF_OK &&
	    hf_vkey_make(&k, "holdfast/a/b", c.root, NULL) == HF_OK)
		hf_note_verify(s, n, &k, NULL);
	hf_vkey_parse(&k, s, n, NULL);
	if (hf_note_len(s, n, true) > n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0 || n > 100000)
		return 0;
	if (p[0] >= 4 && p[0] < 7)
		parse(p[0], p + 1, n - 1);
	else
		in_folder(p[0], p + 1, n - 1);
	return 0;
}
