/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_audit.c - what the audit log costs: durable records a second, and
 * verified records a second, against the bare disk and the bare hash.
 *
 * The load: records of the usual size, committed every 512 records or 10 ms,
 * a checkpoint every second or 1,000 records, as the role audit does. The
 * baselines, in the same run: one write of a batch's bytes with fdatasync, over
 * and over; and SHA-256 of bodies of that size.
 * Prints the lines that tools/bench reads.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/time.h"
#include "store/auditlog.h"

#define RUN_NS (3 * HF_NS_PER_S)
#define BATCH 512
#define BODY 420 /* bytes, about */

static char dir[256];

static int
rm_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}

static void
die(const char *what, const struct hf_err *err)
{
	fprintf(stderr, "bench_audit: %s: %s\n", what, err->msg);
	nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	exit(1);
}

static int
compare(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Batches a second that the disk alone takes, times BATCH. */
static double
bare_disk(int dirfd)
{
	static uint8_t buf[BATCH * BODY];
	int fd = openat(dirfd, "bare", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int64_t t0 = hf_mono_ns(), n = 0;

	if (fd < 0)
		return 0;
	memset(buf, 0x5a, sizeof(buf));
	while (hf_mono_ns() - t0 < RUN_NS) {
		if (pwrite(fd, buf, sizeof(buf), n * (int64_t)sizeof(buf)) !=
			(ssize_t)sizeof(buf) ||
		    fdatasync(fd) != 0)
			break;
		n++;
	}
	close(fd);
	unlinkat(dirfd, "bare", 0);
	return (double)(n * BATCH) * 1e9 / (double)(hf_mono_ns() - t0);
}

static double
bare_hash(void)
{
	uint8_t buf[BODY] = {1}, out[HF_SHA256_LEN];
	int64_t t0 = hf_mono_ns();
	uint64_t n = 0;

	while (hf_mono_ns() - t0 < HF_NS_PER_S / 2)
		for (int i = 0; i < 1000; i++, n++)
			hf_sha256_of(buf, sizeof(buf), out);
	return (double)n * 1e9 / (double)(hf_mono_ns() - t0);
}

struct load {
	struct hf_auditlog *l;
	struct hf_audit_stamp at;
	int64_t *lat_ns; /* of each commit */
	size_t nlat, cap;
};

static void
append_one(struct load *w, uint64_t i)
{
	struct hf_record r = {.action = "event.raised",
	    .actor = "rule:press7-hot",
	    .zone = "press",
	    .object = "press/line1/press7/bearing_temp_degc",
	    .decision = "raised"};
	struct hf_err err;

	snprintf(r.detail, sizeof(r.detail),
	    "the temperature of the drive-side bearing left its band, event "
	    "number %llu of this run",
	    (unsigned long long)i);
	memset(r.config_hash, 0xc5, sizeof(r.config_hash));
	w->at.wall_ns = hf_wall_ns();
	w->at.mono_ns = hf_mono_ns();
	if (hf_auditlog_append(w->l, &r, &w->at, NULL, &err) != HF_OK)
		die("append", &err);
}

static uint64_t
run(struct load *w)
{
	int64_t t0 = hf_mono_ns(), begun = t0, now = t0, signed_ns = t0;
	struct hf_err err;
	uint64_t n = 0;

	while (now - t0 < RUN_NS) {
		append_one(w, n++);
		if (n % 16 == 0)
			now = hf_mono_ns();
		if (n % BATCH != 0 && now - begun < 10 * HF_NS_PER_MS)
			continue;
		begun = hf_mono_ns();
		if (hf_auditlog_commit(w->l, &err) != HF_OK)
			die("commit", &err);
		now = hf_mono_ns();
		if (w->nlat < w->cap)
			w->lat_ns[w->nlat++] = now - begun;
		if (hf_auditlog_durable(w->l) - hf_auditlog_signed(w->l) >=
			1000 ||
		    now - signed_ns >= HF_NS_PER_S) {
			if (hf_auditlog_checkpoint(w->l, &err) != HF_OK)
				die("checkpoint", &err);
			signed_ns = now = hf_mono_ns();
		}
		begun = now;
	}
	if (hf_auditlog_checkpoint(w->l, &err) != HF_OK)
		die("checkpoint", &err);
	return hf_auditlog_durable(w->l);
}

int
main(void)
{
	static const uint8_t seed[32] = {1};
	struct hf_audit_conf conf = {.origin = "holdfast/bench/bench",
	    .seed = seed,
	    .segment_bytes = 64 << 20,
	    .segment_ns = INT64_C(86400) * HF_NS_PER_S,
	    .gid = (gid_t)-1};
	const char *base = getenv("BENCH_DIR");
	struct load w = {.cap = 100000};
	struct hf_audit_verdict v;
	struct hf_err err = {0};
	double disk, hash, rate, verify, p50, p99;
	int64_t t0, t1;
	uint64_t n;
	int fd;

	snprintf(dir, sizeof(dir), "%s/hf-bench-audit.XXXXXX",
	    base != NULL ? base : "/var/tmp");
	if (mkdtemp(dir) == NULL)
		return 1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w.lat_ns = calloc(w.cap, sizeof(*w.lat_ns));
	disk = bare_disk(fd);
	hash = bare_hash();
	if (w.lat_ns == NULL ||
	    hf_auditlog_open(fd, &conf, &w.l, NULL, &err) != HF_OK)
		die("open", &err);
	hf_strcpy(w.at.boot_id, sizeof(w.at.boot_id), "bench");
	w.at.wall_ns = hf_wall_ns();
	w.at.mono_ns = hf_mono_ns();
	w.at.sender = HF_ROLE_CORE;
	hf_auditlog_begin(w.l, 1, &w.at, &err);
	t0 = hf_mono_ns();
	n = run(&w);
	t1 = hf_mono_ns();
	rate = (double)n * 1e9 / (double)(t1 - t0);
	hf_auditlog_close(w.l);
	t0 = hf_mono_ns();
	if (hf_auditlog_verify(fd, NULL, NULL, NULL, false, &v, &err) != HF_OK)
		die("verify", &err);
	t1 = hf_mono_ns();
	verify = (double)n * 1e9 / (double)(t1 - t0);
	qsort(w.lat_ns, w.nlat, sizeof(*w.lat_ns), compare);
	p50 = (double)w.lat_ns[w.nlat / 2] / 1e6;
	p99 = (double)w.lat_ns[w.nlat * 99 / 100] / 1e6;
	printf("%llu records, %llu checkpoints\n", (unsigned long long)n,
	    (unsigned long long)v.ncheckpoint);
	printf("figure\taudit_durable_records\t%.0f\trecords/s\t"
	       "batches of %d with bare fdatasync\t%.0f\t>=10000\n",
	    rate, BATCH, disk);
	printf("figure\taudit_commit_p50\t%.2f\tms\t-\t-\t<=10\n", p50);
	printf("figure\taudit_commit_p99\t%.2f\tms\t-\t-\t-\n", p99);
	printf("figure\taudit_verify_records\t%.0f\trecords/s\t"
	       "bare SHA-256 of %d bytes\t%.0f\t>=200000\n",
	    verify, BODY, hash);
	free(w.lat_ns);
	close(fd);
	nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
