/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store.c - figures of the store against baselines of the same run.
 *
 * Durable ingest, one thread, at commits of 100, 1,000 and 10,000 samples,
 * beside a plain write + fdatasync of the same bytes (what the disk allows)
 * and rows in SQLite (what one would do without a historian). Bytes per sample
 * of a mix on disk, and a trend of 1,000 buckets over 1,000,000 samples. Every
 * comparison starts from a fresh folder; the work is bounded by time.
 */
#include <inttypes.h>
#include <sqlite3.h>

#include "bench/figure.h"
#include "store_kit.h"

#define T0 INT64_C(1385942400000000000)
#define NTAG 1000
#define RUN_NS (2 * HF_NS_PER_S) /* of one ingest figure */
#define NROW_MAX 200000

static struct kit_rnd rnd = {1};

/* Sample i of a mix: temperatures in 0.1 steps, pressures in 0.01 steps,
 * counters, booleans, setpoints, vibration as REAL, by tag. */
static struct kit_sample
mixed(uint64_t i)
{
	uint64_t tag = i % NTAG, k = i / NTAG;
	struct kit_sample s = {.tag = tag + 1,
	    .vtype = HF_V_F64,
	    .t_ns = T0 + (int64_t)k * HF_NS_PER_S};
	double v;
	float f;

	if (tag % 10 >= 7) /* stamps with jitter */
		s.t_ns += (int64_t)kit_below(&rnd, 5) * HF_NS_PER_MS;
	switch (tag % 10) {
	case 0:
	case 1:
	case 2:
	case 3:
		v = (double)(200 + (int)(k % 60) + (int)kit_below(&rnd, 4)) /
		    10;
		break;
	case 4:
	case 5:
		v = (double)(10000 + (int)kit_below(&rnd, 40)) / 100;
		break;
	case 6:
		s.vtype = HF_V_I64;
		s.bits = k * 3 + tag;
		return s;
	case 7:
		s.vtype = HF_V_BOOL;
		s.bits = k / 50 % 2;
		return s;
	case 8:
		v = 75;
		break;
	default:
		f = (float)sin((double)k * 0.7) +
		    (float)kit_below(&rnd, 1000) / 5000;
		v = f;
		break;
	}
	memcpy(&s.bits, &v, sizeof(v));
	return s;
}

static void
fresh(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	k->source = 1;
	k->conf = (struct hf_storage){.segment_bytes = 64 << 20,
	    .log_bytes = INT64_C(256) << 20,
	    .fold_ns = INT64_MAX};
	kit_dir_make(&k->d);
	kit_open(k);
}

/* Samples per second; frames of at most 1,000 samples share a commit. */
static double
ingest(size_t ncommit, double *fold_share)
{
	static struct kit_sample v[1000];
	struct hf_err err = {.rc = 0};
	int64_t t0, fold_ns = 0;
	uint64_t i = 0, n = 0;
	size_t k, m, left;
	struct kit b;

	fresh(&b);
	t0 = hf_mono_ns();
	while (hf_mono_ns() - t0 < RUN_NS) {
		for (left = ncommit; left > 0; left -= m) {
			m = left < 1000 ? left : 1000;
			for (k = 0; k < m; k++)
				v[k] = mixed(i++);
			b.batch_seq++;
			MUST_OK(kit_append(&b, v, m, &err), err);
		}
		MUST_OK(hf_store_commit(b.s, &err), err);
		n += ncommit;
		if (hf_store_wants_fold(b.s, 0)) {
			int64_t f0 = hf_mono_ns();

			kit_fold(&b);
			fold_ns += hf_mono_ns() - f0;
		}
	}
	t0 = hf_mono_ns() - t0;
	*fold_share = (double)fold_ns / (double)t0;
	kit_end(&b);
	return (double)n * 1e9 / (double)t0;
}

/* The same bytes by write and fdatasync alone. */
static double
plain(size_t ncommit)
{
	size_t bytes = ncommit * 36; /* of an encoded numeric sample */
	char *p = calloc(1, bytes);
	struct kit_dir d;
	uint64_t n = 0;
	int64_t t0;
	int fd;

	MUST(p != NULL);
	kit_dir_make(&d);
	fd = openat(d.fd, "plain", O_CREAT | O_WRONLY, 0600);
	MUST(fd >= 0);
	t0 = hf_mono_ns();
	while (hf_mono_ns() - t0 < RUN_NS) {
		MUST(write(fd, p, bytes) == (ssize_t)bytes);
		MUST(fdatasync(fd) == 0);
		n += ncommit;
	}
	t0 = hf_mono_ns() - t0;
	close(fd);
	free(p);
	kit_dir_remove(&d);
	return (double)n * 1e9 / (double)t0;
}

static double
rows(size_t ncommit)
{
	struct kit_dir d;
	char path[200];
	sqlite3_stmt *st;
	uint64_t i = 0;
	size_t k;
	int64_t t0;
	sqlite3 *db;

	kit_dir_make(&d);
	snprintf(path, sizeof(path), "%s/rows.db", d.path);
	MUST(sqlite3_open(path, &db) == SQLITE_OK);
	MUST(sqlite3_exec(db,
		 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		 "CREATE TABLE s(tag INTEGER, t INTEGER, v REAL, st INTEGER,"
		 " PRIMARY KEY(tag, t)) WITHOUT ROWID",
		 NULL, NULL, NULL) == SQLITE_OK);
	MUST(sqlite3_prepare_v2(db,
		 "INSERT OR REPLACE INTO s VALUES"
		 "(?1,?2,?3,0)",
		 -1, &st, NULL) == SQLITE_OK);
	t0 = hf_mono_ns();
	while (hf_mono_ns() - t0 < RUN_NS && i < NROW_MAX) {
		sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
		for (k = 0; k < ncommit; k++) {
			struct kit_sample s = mixed(i++);

			sqlite3_bind_int64(st, 1, (int64_t)s.tag);
			sqlite3_bind_int64(st, 2, s.t_ns);
			sqlite3_bind_double(st, 3, kit_number(&s));
			sqlite3_step(st);
			sqlite3_reset(st);
		}
		MUST(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	}
	t0 = hf_mono_ns() - t0;
	sqlite3_finalize(st);
	sqlite3_close(db);
	kit_dir_remove(&d);
	return (double)i * 1e9 / (double)t0;
}

static int64_t
folder_bytes(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY);
	struct dirent *de;
	struct stat st;
	int64_t sum = 0;
	DIR *d = fdopendir(fd);

	while ((de = readdir(d)) != NULL)
		if (fstatat(dirfd, de->d_name, &st, 0) == 0 &&
		    S_ISREG(st.st_mode))
			sum += st.st_size;
	closedir(d);
	return sum;
}

static void
put_many(struct kit *k, uint64_t n, struct kit_sample (*fn)(uint64_t i))
{
	static struct kit_sample v[1000];
	struct hf_err err = {.rc = 0};
	uint64_t i = 0;
	size_t m;

	while (i < n) {
		for (m = 0; m < 1000 && i < n; m++)
			v[m] = fn(i++);
		k->batch_seq++;
		MUST_OK(kit_append(k, v, m, &err), err);
		if (i % 50000 == 0)
			MUST_OK(hf_store_commit(k->s, &err), err);
	}
	kit_fold(k);
}

static struct kit_sample
pressure(uint64_t i)
{
	struct kit_sample s = {.tag = 1,
	    .vtype = HF_V_F64,
	    .t_ns = T0 + (int64_t)i * 9 * HF_NS_PER_MS};
	double v = (double)(10000 + (int)kit_below(&rnd, 400)) / 100;

	memcpy(&s.bits, &v, sizeof(v));
	return s;
}

static void
trend(void)
{
	struct hf_points p;
	int64_t t0, best = INT64_MAX, raw;
	struct kit k;
	int i;

	fresh(&k);
	put_many(&k, 1000000, pressure);
	for (i = 0; i < 5; i++) {
		t0 = hf_mono_ns();
		kit_query(&k, 1, INT64_MIN, INT64_MAX, 1000, &p);
		t0 = hf_mono_ns() - t0;
		best = t0 < best ? t0 : best;
		MUST(p.n == 1000);
		hf_points_fini(&p);
	}
	t0 = hf_mono_ns();
	kit_query(&k, 1, INT64_MIN, INT64_MAX, 0, &p);
	raw = hf_mono_ns() - t0;
	MUST(p.n == 1000000);
	hf_points_fini(&p);
	figure("trend, 1,000 buckets of 1 M samples", (double)best / 1e6, "ms",
	    "raw points", (double)raw / 1e6, "<=5");
	kit_end(&k);
}

int
main(void)
{
	static const size_t commit[] = {100, 1000, 10000};
	double share, s, base;
	struct kit k;
	char name[64];
	size_t i;

	for (i = 0; i < 3; i++) {
		s = ingest(commit[i], &share);
		base = plain(commit[i]);
		snprintf(name, sizeof(name), "historian ingest, commits of %zu",
		    commit[i]);
		figure(name, s, "samples/s", "write+fdatasync", base, NULL);
		snprintf(name, sizeof(name), "  against rows in SQLite, %zu",
		    commit[i]);
		figure(name, s, "samples/s", "SQLite", rows(commit[i]), NULL);
		if (share > 0)
			figure("  of its time in folds", 100 * share, "%", NULL,
			    0, NULL);
	}
	fresh(&k);
	put_many(&k, 3000000, mixed);
	figure("historian size, made-up mix of 1,000 tags",
	    (double)folder_bytes(k.d.hist) / 3e6, "bytes/sample",
	    "float64 + time", 16, NULL);
	kit_end(&k);
	trend();
	return 0;
}
