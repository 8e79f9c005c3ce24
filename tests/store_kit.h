/* SPDX-License-Identifier: Apache-2.0
 *
 * store_kit.h - what the tests of the store share: a store in a scratch
 * folder, a slow oracle that keeps every sample in an array, and random
 * samples.
 *
 * Everything is static: each test program is one file. A failure prints and
 * aborts, so that children of fault tests can use it too.
 */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/time.h"
#include "model/batch.h"
#include "model/quality.h"
#include "os/file.h"
#include "store/store.h"

#define KIT_STR 24 /* bytes of a test string, at most */
#define KIT_UNUSED __attribute__((unused))
#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(                                               \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                               \
		}                                                              \
	} while (0)
#define MUST_OK(call, err)                                              \
	do {                                                            \
		int rc_ = (call);                                       \
		if (rc_ != HF_OK) {                                     \
			fprintf(stderr, "%s:%d: %s: %d %s\n", __FILE__, \
			    __LINE__, #call, rc_, (err).msg);           \
			abort();                                        \
		}                                                       \
	} while (0)

/* --- scratch folders ------------------------------------------------------ */

struct kit_dir {
	char path[128];
	int fd, log, hist;
	char hist_path[160];
};

KIT_UNUSED static void
kit_dir_attach(struct kit_dir *d)
{
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(d->fd >= 0);
	mkdirat(d->fd, "log", 0700);
	mkdirat(d->fd, "hist", 0700);
	d->log = openat(d->fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d->hist = openat(d->fd, "hist", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(d->hist_path, sizeof(d->hist_path), "%s/hist", d->path);
	MUST(d->log >= 0 && d->hist >= 0);
}

KIT_UNUSED static void
kit_dir_make(struct kit_dir *d)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(d->path, sizeof(d->path), "%.100s/hf-store.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	MUST(mkdtemp(d->path) != NULL);
	kit_dir_attach(d);
}

KIT_UNUSED static void
kit_rm(const char *path, int depth)
{
	struct dirent *de;
	char sub[4096];
	DIR *dir;

	dir = depth < 4 ? opendir(path) : NULL;
	while (dir != NULL && (de = readdir(dir)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0)
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name);
		if (unlink(sub) != 0)
			kit_rm(sub, depth + 1);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

KIT_UNUSED static void
kit_dir_remove(struct kit_dir *d)
{
	close(d->fd);
	close(d->log);
	close(d->hist);
	kit_rm(d->path, 0);
}

KIT_UNUSED static void
kit_copy_file(int from_dir, const char *name, int to_dir)
{
	char buf[65536];
	ssize_t n;
	int a, b;

	a = openat(from_dir, name, O_RDONLY);
	b = openat(to_dir, name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	MUST(a >= 0 && b >= 0);
	while ((n = read(a, buf, sizeof(buf))) > 0)
		MUST(write(b, buf, (size_t)n) == n);
	close(a);
	close(b);
}

/* All plain files of one folder into another: what a kill leaves behind. */
KIT_UNUSED static void
kit_copy_files(int from_dir, int to_dir)
{
	struct dirent *de;
	struct stat st;
	int fd = openat(from_dir, ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);

	MUST(d != NULL);
	while ((de = readdir(d)) != NULL)
		if (fstatat(from_dir, de->d_name, &st, 0) == 0 &&
		    S_ISREG(st.st_mode) && strstr(de->d_name, "-shm") == NULL)
			kit_copy_file(from_dir, de->d_name, to_dir);
	closedir(d);
}

/* --- random numbers, the same in every run -------------------------------- */

struct kit_rnd {
	uint64_t x;
};

KIT_UNUSED static uint64_t
kit_rnd(struct kit_rnd *r)
{
	uint64_t z = (r->x += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

KIT_UNUSED static uint64_t
kit_below(struct kit_rnd *r, uint64_t n)
{
	return kit_rnd(r) % n;
}

/* --- a full disk, as SQLite meets it -------------------------------------- */

KIT_UNUSED static ssize_t
kit_pwrite_full(int fd, const void *p, size_t n, off_t off)
{
	errno = ENOSPC;
	return -1;
}

KIT_UNUSED static void
kit_sqlite_full(bool is_full)
{
	static const char *const name[] = {"pwrite", "pwrite64"};
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);
	size_t i;

	for (i = 0; i < 2; i++)
		v->xSetSystemCall(v, name[i],
		    is_full ? (sqlite3_syscall_ptr)kit_pwrite_full : NULL);
}

/* --- oracle --------------------------------------------------------------- */

struct kit_sample {
	uint64_t tag;
	int64_t t_ns;
	uint64_t bits;
	uint32_t status;
	uint8_t vtype, flags;
	uint16_t len;
	char str[KIT_STR];
	uint64_t arrival;
};

struct kit_oracle {
	struct kit_sample *v;
	size_t n, cap;
};

KIT_UNUSED static bool
kit_same(const struct kit_sample *a, const struct kit_sample *b)
{
	return a->tag == b->tag && a->t_ns == b->t_ns &&
	       a->status == b->status && a->vtype == b->vtype &&
	       a->bits == b->bits && a->len == b->len &&
	       memcmp(a->str, b->str, a->len) == 0;
}

/* False if it was there already. */
KIT_UNUSED static bool
kit_oracle_add(struct kit_oracle *o, const struct kit_sample *s)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (kit_same(&o->v[i], s))
			return false;
	if (o->n == o->cap) {
		o->cap = o->cap == 0 ? 1024 : o->cap * 2;
		o->v = realloc(o->v, o->cap * sizeof(o->v[0]));
		MUST(o->v != NULL);
	}
	o->v[o->n] = *s;
	o->v[o->n].arrival = o->n;
	o->n++;
	return true;
}

KIT_UNUSED static int
kit_by_time(const void *a, const void *b)
{
	const struct kit_sample *x = a, *y = b;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	return x->arrival < y->arrival ? -1 : 1;
}

/* Samples of one tag in [from, to), as a query must return them; caller
 * frees. */
KIT_UNUSED static struct kit_sample *
kit_oracle_get(const struct kit_oracle *o, uint64_t tag, int64_t from_ns,
    int64_t to_ns, size_t *n)
{
	struct kit_sample *v = malloc((o->n + 1) * sizeof(*v));
	size_t i;

	MUST(v != NULL);
	*n = 0;
	for (i = 0; i < o->n; i++)
		if (o->v[i].tag == tag && o->v[i].t_ns >= from_ns &&
		    o->v[i].t_ns < to_ns)
			v[(*n)++] = o->v[i];
	qsort(v, *n, sizeof(*v), kit_by_time);
	return v;
}

KIT_UNUSED static bool
kit_point_is(const struct hf_points *p, size_t i, const struct kit_sample *s)
{
	const struct hf_point *q = &p->pt[i];

	if (q->t_ns != s->t_ns || q->status != s->status ||
	    q->vtype != s->vtype || q->flags != s->flags)
		return false;
	if (s->vtype == HF_V_STR)
		return q->str_len == s->len &&
		       (size_t)q->str_off + q->str_len <= p->str_len &&
		       (s->len == 0 ||
			   memcmp(p->str + q->str_off, s->str, s->len) == 0);
	return q->bits == s->bits;
}

KIT_UNUSED static double
kit_number(const struct kit_sample *s)
{
	double v;

	if (s->vtype == HF_V_I64)
		return (double)(int64_t)s->bits;
	if (s->vtype == HF_V_BOOL)
		return (double)s->bits;
	memcpy(&v, &s->bits, sizeof(v));
	return v;
}

/* --- store ---------------------------------------------------------------- */

struct kit {
	struct kit_dir d;
	struct hf_storage conf;
	struct hf_counters ctr;
	struct hf_log_report report;
	struct hf_store *s;
	struct hf_reader *r;
	uint64_t source, batch_seq;
	uint64_t ntaken; /* samples that the oracle saw as new */
	int64_t mono_ns;
};

KIT_UNUSED static void
kit_open(struct kit *k)
{
	struct hf_err err = {.rc = 0};
	struct hf_store_dirs dirs = {
	    .log = k->d.log, .hist = k->d.hist, .hist_path = k->d.hist_path};

	if (k->conf.log_bytes == 0)
		k->conf = (struct hf_storage){.segment_bytes = 1 << 20,
		    .log_bytes = 64 << 20,
		    .fold_ns = INT64_MAX};
	MUST_OK(
	    hf_store_open(&dirs, &k->conf, &k->ctr, &k->s, &k->report, &err),
	    err);
	MUST_OK(hf_reader_open(k->d.hist_path, &k->ctr, &k->r, &err), err);
}

KIT_UNUSED static void
kit_shut(struct kit *k)
{
	hf_store_close(k->s);
	hf_reader_close(k->r);
	k->s = NULL;
	k->r = NULL;
}

KIT_UNUSED static void
kit_begin(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	k->source = 77;
	kit_dir_make(&k->d);
	kit_open(k);
}

KIT_UNUSED static void
kit_end(struct kit *k)
{
	kit_shut(k);
	kit_dir_remove(&k->d);
}

KIT_UNUSED static void
kit_encode(struct kit *k, const struct kit_sample *v, size_t n,
    struct hf_sample *s, char *str, struct hf_batch *b, struct hf_buf *out)
{
	struct hf_err err = {.rc = 0};
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		s[i] = (struct hf_sample){.tag = v[i].tag,
		    .t_ns = v[i].t_ns,
		    .recv_ns = v[i].t_ns,
		    .status = v[i].status,
		    .vtype = v[i].vtype,
		    .flags = v[i].flags,
		    .v.bits = v[i].bits};
		if (v[i].vtype != HF_V_STR)
			continue;
		s[i].v.str_off = len;
		s[i].str_len = v[i].len;
		memcpy(str + len, v[i].str, v[i].len);
		len += v[i].len;
	}
	*b = (struct hf_batch){.source = k->source,
	    .seq = k->batch_seq,
	    .n = n,
	    .s = s,
	    .str = str,
	    .str_len = len};
	MUST_OK(hf_batch_encode(b, out, &err), err);
}

/* Appends one batch; the return code of hf_store_append. */
KIT_UNUSED static int
kit_append(
    struct kit *k, const struct kit_sample *v, size_t n, struct hf_err *err)
{
	static __thread struct hf_sample s[HF_BATCH_NSAMPLE];
	static __thread char str[HF_BATCH_NSAMPLE * KIT_STR];
	struct hf_batch b;
	struct hf_buf out;
	uint64_t seq;
	int rc;

	hf_buf_init(&out, 1 << 20);
	kit_encode(k, v, n, s, str, &b, &out);
	rc = hf_store_append(k->s, out.p, out.len, &b, &seq, err);
	hf_buf_fini(&out);
	return rc;
}

/* One durable batch, also in the oracle. */
KIT_UNUSED static void
kit_put(
    struct kit *k, struct kit_oracle *o, const struct kit_sample *v, size_t n)
{
	struct hf_err err = {.rc = 0};
	size_t i;

	k->batch_seq++;
	MUST_OK(kit_append(k, v, n, &err), err);
	MUST_OK(hf_store_commit(k->s, &err), err);
	for (i = 0; i < n && o != NULL; i++)
		k->ntaken += kit_oracle_add(o, &v[i]);
}

KIT_UNUSED static void
kit_fold(struct kit *k)
{
	struct hf_err err = {.rc = 0};

	k->mono_ns += HF_NS_PER_S;
	MUST_OK(hf_store_fold(k->s, k->mono_ns, NULL, NULL, &err), err);
}

KIT_UNUSED static void
kit_query(struct kit *k, uint64_t tag, int64_t from_ns, int64_t to_ns,
    uint32_t buckets, struct hf_points *out)
{
	struct hf_open_copy *c;
	struct hf_err err = {.rc = 0};

	c = hf_store_copy_open(k->s, tag, from_ns, to_ns);
	MUST(c != NULL);
	MUST_OK(hf_reader_query(
		    k->r, c, tag, from_ns, to_ns, buckets, 0, out, &err),
	    err);
	hf_open_copy_free(c);
}

/* True if a raw query returns exactly what the oracle says. */
KIT_UNUSED static bool
kit_raw_agrees(struct kit *k, const struct kit_oracle *o, uint64_t tag,
    int64_t from_ns, int64_t to_ns)
{
	struct hf_points p;
	struct kit_sample *v;
	bool is_same;
	size_t i, n;

	kit_query(k, tag, from_ns, to_ns, 0, &p);
	v = kit_oracle_get(o, tag, from_ns, to_ns, &n);
	is_same = p.n == n && !p.is_truncated;
	if (!is_same)
		fprintf(stderr, "# tag %llu: %zu points, oracle %zu\n",
		    (unsigned long long)tag, p.n, n);
	for (i = 0; i < n && is_same; i++) {
		is_same = kit_point_is(&p, i, &v[i]);
		if (!is_same)
			fprintf(stderr, "# tag %llu: point %zu differs\n",
			    (unsigned long long)tag, i);
	}
	free(v);
	hf_points_fini(&p);
	return is_same;
}

/* --- random samples ------------------------------------------------------- */

struct kit_gen {
	struct kit_rnd r;
	int64_t t_ns[8]; /* per tag */
	uint64_t ntag;	 /* <= 8 */
	int64_t step_ns; /* typical period */
	uint64_t count;
};

/* Mostly in order; duplicates, equal stamps with other values, backward stamps
 * far and near, bad NaN samples, strings. Numbers are multiples of 1/8 below
 * 2^16, so that every order of summation is exact. */
KIT_UNUSED static struct kit_sample
kit_sample(struct kit_gen *g, const struct kit_sample *before)
{
	uint64_t tag = kit_below(&g->r, g->ntag), kind = kit_below(&g->r, 100);
	struct kit_sample s = {.tag = 1000 + tag, .vtype = HF_V_F64};
	double v = (double)(int64_t)kit_below(&g->r, 1 << 19) / 8 - 1000;

	if (kind < 4 && before != NULL)
		return *before;
	if (kind >= 8)
		g->t_ns[tag] +=
		    (int64_t)kit_below(&g->r, (uint64_t)g->step_ns * 2);
	s.t_ns = g->t_ns[tag];
	if (kind >= 92)
		s.t_ns -= (int64_t)kit_below(
		    &g->r, (uint64_t)g->step_ns * (kind >= 98 ? 5000 : 20));
	if (s.t_ns < 0)
		s.t_ns = 0;
	memcpy(&s.bits, &v, sizeof(v));
	if (kind == 91) {
		v = NAN;
		memcpy(&s.bits, &v, sizeof(v));
		s.status = HF_BAD_SENSOR_FAILURE;
	} else if (tag == 1) {
		s.vtype = HF_V_I64;
		s.bits = (uint64_t)((int64_t)kit_below(&g->r, 1000) - 500);
	} else if (tag == 2) {
		s.vtype = HF_V_BOOL;
		s.bits = kit_below(&g->r, 2);
	} else if (tag == 3) {
		s.vtype = HF_V_STR;
		s.bits = 0;
		s.len = (uint16_t)snprintf(s.str, sizeof(s.str), "run %llu",
		    (unsigned long long)kit_below(&g->r, 50));
		if (kind == 20)
			s.len = 0;
	}
	if (kind == 90)
		s.status = HF_UNCERTAIN;
	s.flags = kind >= 92 ? HF_F_LATE : 0;
	g->count++;
	return s;
}

#endif
