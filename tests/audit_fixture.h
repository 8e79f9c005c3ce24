/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_fixture.h - a small audit log in a scratch folder, for the tests of the
 * log, its verifiers and its recovery. Time and keys are fixed; nothing here
 * reads a clock. Include it once per test program.
 */
#ifndef HF_TESTS_AUDIT_FIXTURE_H
#define HF_TESTS_AUDIT_FIXTURE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/time.h"
#include "os/file.h"
#include "store/auditlog.h"
#include "store/note.h"

#define FX_ORIGIN "holdfast/acme/berlin"
#define FX_BOOT_A "4c1f7a52-0d7f-4a25-9c7e-2f1a6d0b8e11"
#define FX_BOOT_B "b7e0a6d4-93cf-4f08-8a55-6f3c2e9d1a22"
#define FX_T0 INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z */

__attribute__((unused)) static const uint8_t fx_seed[32] = {1, 2, 3, 4, 5, 6, 7,
    8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 32};
__attribute__((unused)) static const uint8_t fx_seed2[32] = {42, 2, 3, 4, 5, 6,
    7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 99};

struct fx {
	char path[128];
	int dirfd;
	struct hf_auditlog *l;
	struct hf_audit_conf conf;
	struct hf_audit_report report;
	struct hf_audit_stamp at; /* moved on by fx_add */
	struct hf_err err;
};

__attribute__((unused)) static int
fx_rm_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

__attribute__((unused)) static void
fx_rm(const char *path)
{
	nftw(path, fx_rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static void
fx_init(struct fx *f)
{
	const char *tmp = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%s/hf-audit.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->path));
	f->dirfd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	f->conf = (struct hf_audit_conf){.origin = FX_ORIGIN,
	    .seed = fx_seed,
	    .segment_bytes = 64 << 20,
	    .segment_ns = INT64_C(86400) * HF_NS_PER_S,
	    .gid = (gid_t)-1};
	f->at = (struct hf_audit_stamp){.wall_ns = FX_T0,
	    .mono_ns = 5 * HF_NS_PER_S,
	    .sender = HF_ROLE_CORE};
	hf_strcpy(f->at.boot_id, sizeof(f->at.boot_id), FX_BOOT_A);
}

__attribute__((unused)) static int
fx_open(struct fx *f, uint32_t incarnation)
{
	int rc =
	    hf_auditlog_open(f->dirfd, &f->conf, &f->l, &f->report, &f->err);

	if (rc == HF_OK)
		rc = hf_auditlog_begin(f->l, incarnation, &f->at, &f->err);
	return rc;
}

__attribute__((unused)) static void
fx_close(struct fx *f)
{
	hf_auditlog_close(f->l);
	f->l = NULL;
}

__attribute__((unused)) static void
fx_fini(struct fx *f)
{
	fx_close(f);
	close(f->dirfd);
	fx_rm(f->path);
}

__attribute__((unused)) static void
fx_step(struct fx *f, int64_t ns)
{
	f->at.wall_ns += ns;
	f->at.mono_ns += ns;
}

__attribute__((unused)) static struct hf_record
fx_record(uint64_t i)
{
	struct hf_record r = {.action = "alarm.ack",
	    .actor = "uid:1000",
	    .zone = "press",
	    .object = "press/line1/press7/temp",
	    .decision = "done"};

	snprintf(r.detail, sizeof(r.detail),
	    "acknowledged number %llu: bearing hot, \"checked\" \\ "
	    "gr\xc3\xbc\xc3\x9f"
	    "e",
	    (unsigned long long)i);
	memset(r.config_hash, 0xc5, sizeof(r.config_hash));
	return r;
}

/* n records, one a millisecond. */
__attribute__((unused)) static int
fx_add(struct fx *f, size_t n)
{
	int rc = HF_OK;

	while (n-- > 0 && rc == HF_OK) {
		struct hf_record r = fx_record(hf_auditlog_size(f->l));

		fx_step(f, HF_NS_PER_MS);
		rc = hf_auditlog_append(f->l, &r, &f->at, NULL, &f->err);
	}
	return rc;
}

/* n records under one checkpoint. */
__attribute__((unused)) static int
fx_sign(struct fx *f, size_t n)
{
	int rc = fx_add(f, n);

	return rc == HF_OK ? hf_auditlog_checkpoint(f->l, &f->err) : rc;
}

__attribute__((unused)) static void
fx_ok(const struct fx *f, int rc)
{
	if (rc != HF_OK)
		print_message("# %s\n", f->err.msg);
	assert_int_equal(rc, HF_OK);
}

/* A log with two segments, three boots' worth of opens and some checkpoints:
 * 5 + 300 + 40 records or so. */
__attribute__((unused)) static void
fx_make(struct fx *f)
{
	fx_init(f);
	f->conf.segment_bytes = 20000;
	fx_ok(f, fx_open(f, 1));
	fx_ok(f, fx_sign(f, 4));
	fx_ok(f, fx_sign(f, 10));
	fx_ok(f, fx_sign(f, 290));
	fx_close(f);
	hf_strcpy(f->at.boot_id, sizeof(f->at.boot_id), FX_BOOT_B);
	f->at.mono_ns = HF_NS_PER_S;
	f->at.wall_ns += 60 * HF_NS_PER_S;
	fx_ok(f, fx_open(f, 1));
	fx_ok(f, fx_sign(f, 20));
	fx_ok(f, fx_sign(f, 20));
	fx_close(f);
}

/* The log that tests/data/golden/audit-v1/log holds: two segments, a reboot, a
 * change of key, a clock step. If it comes out otherwise, the format changed. */
__attribute__((unused)) static void
fx_golden(struct fx *f)
{
	fx_make(f);
	fx_ok(f, fx_open(f, 1));
	fx_ok(f, hf_auditlog_rotate(f->l, fx_seed2, &f->at, &f->err));
	f->at.wall_ns -= 3600 * HF_NS_PER_S;
	fx_ok(f, fx_sign(f, 5));
	fx_close(f);
}

__attribute__((unused)) static int
fx_verify_at(const char *path, const uint8_t *pub, const char *witness,
    bool is_live, struct hf_audit_verdict *v)
{
	struct hf_err err = {0};
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = hf_auditlog_verify(fd, pub, NULL, witness, is_live, v, &err);

	close(fd);
	return rc;
}

/* Whole file; the caller frees. */
__attribute__((unused)) static uint8_t *
fx_slurp(const char *dir, const char *name, size_t *n)
{
	char path[512];
	struct stat st;
	uint8_t *p;
	int fd;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir != 0 ? "/" : "", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	p = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	*n = (size_t)st.st_size;
	return p;
}

__attribute__((unused)) static void
fx_spill(const char *dir, const char *name, const void *p, size_t n)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s%s%s", dir, *dir != 0 ? "/" : "", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	close(fd);
}

#endif
