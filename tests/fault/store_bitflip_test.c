/* SPDX-License-Identifier: Apache-2.0
 *
 * store_bitflip_test.c - random flipped bits and truncations over log and
 * month files.
 *
 * Each damage is done to a fresh copy of one store. It must open, answer, and
 * never return a sample or an aggregate that was not measured. If anything is
 * missing, something must say so: the recovery report, a bad-chunk count, an
 * error, or the check of the month files. TORTURE=1: 10,000 damages instead of
 * 1,000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/hist.h"
#include "store_kit.h"

#define NTAG 5
#define NFILE 16
#define T0 INT64_C(1391126400000000000)

static struct kit base;
static struct kit_oracle all;
static struct {
	char name[64];
	off_t len; /* interesting part */
} files[NFILE];
static size_t nfile;

static void
add_files(const char *dir)
{
	int fd = openat(base.d.fd, dir, O_RDONLY | O_DIRECTORY);
	struct dirent *de;
	struct stat st;
	DIR *d = fdopendir(fd);

	MUST(d != NULL);
	while ((de = readdir(d)) != NULL) {
		if (fstatat(fd, de->d_name, &st, 0) != 0 ||
		    !S_ISREG(st.st_mode) || st.st_size == 0)
			continue;
		MUST(nfile < NFILE);
		snprintf(files[nfile].name, sizeof(files[0].name), "%s/%.50s",
		    dir, de->d_name);
		files[nfile++].len = st.st_size;
	}
	closedir(d);
}

static void
make_base(void)
{
	static struct kit_sample v[HF_BATCH_NSAMPLE];
	struct kit_gen g = {
	    .r = {5}, .ntag = NTAG, .step_ns = 300 * HF_NS_PER_S};
	size_t i, b;

	memset(&base, 0, sizeof(base));
	base.source = 77;
	base.conf = (struct hf_storage){.segment_bytes = 64 << 10,
	    .log_bytes = 8 << 20,
	    .fold_ns = INT64_MAX};
	kit_dir_make(&base.d);
	kit_open(&base);
	for (i = 0; i < NTAG; i++)
		g.t_ns[i] = T0;
	for (b = 0; b < 60; b++) {
		for (i = 0; i < 100; i++)
			v[i] = kit_sample(&g, i > 0 ? &v[0] : NULL);
		kit_put(&base, &all, v, 100);
		if (b == 20 || b == 40)
			kit_fold(&base);
	}
	kit_shut(&base);
	add_files("log");
	add_files("hist");
	MUST(nfile >= 4); /* a segment, two months, tags.db */
}

static void
damage(const struct kit_dir *d, struct kit_rnd *r, char what[128])
{
	size_t f = kit_below(r, nfile);
	off_t at = (off_t)kit_below(r, (uint64_t)files[f].len);
	int fd = openat(d->fd, files[f].name, O_RDWR);
	uint8_t b;

	MUST(fd >= 0);
	if (kit_below(r, 10) == 0) {
		MUST(ftruncate(fd, at) == 0);
		snprintf(
		    what, 128, "%s cut at %lld", files[f].name, (long long)at);
	} else {
		MUST(pread(fd, &b, 1, at) == 1);
		b ^= (uint8_t)(1 << kit_below(r, 8));
		MUST(pwrite(fd, &b, 1, at) == 1);
		snprintf(what, 128, "%s flipped at %lld", files[f].name,
		    (long long)at);
	}
	close(fd);
}

struct verdict {
	bool is_wrong;	 /* something was returned that was never measured */
	bool is_missing; /* something measured was not returned */
	bool is_told;	 /* something said so */
};

static int
ask(struct kit *k, uint64_t tag, uint32_t buckets, struct hf_points *p)
{
	struct hf_open_copy *c;
	int rc;

	c = hf_store_copy_open(k->s, tag, INT64_MIN, INT64_MAX);
	MUST(c != NULL);
	rc = hf_reader_query(
	    k->r, c, tag, INT64_MIN, INT64_MAX, buckets, 0, p, NULL);
	hf_open_copy_free(c);
	return rc;
}

/* Buckets must be made of the samples that a raw query returns. */
static void
compare_buckets(struct kit *k, uint64_t tag, const struct kit_sample *v,
    const bool *is_seen, size_t n, struct verdict *out)
{
	struct hf_points p;
	size_t i, b = 0;
	uint64_t nsum = 0, nseen = 0;

	if (ask(k, tag, 7, &p) != HF_OK) {
		out->is_told = true;
		return;
	}
	for (i = 0; i < p.n; i++)
		nsum += p.bk[i].n;
	for (i = 0; i < n; i++) {
		double x = kit_number(&v[i]);

		if (!is_seen[i])
			continue;
		nseen++;
		while (b < p.n && p.bk[b].t1_ns <= v[i].t_ns)
			b++;
		if (b == p.n)
			break;
		if (hf_is_good(v[i].status) && v[i].vtype != HF_V_STR &&
		    !(x >= p.bk[b].min && x <= p.bk[b].max))
			out->is_wrong = true;
	}
	if (nsum !=
	    nseen) /* a chunk with a good aggregate that cannot be read */
		out->is_missing = true;
	hf_points_fini(&p);
}

static void
judge_tag(struct kit *k, uint64_t tag, struct verdict *out)
{
	struct kit_sample *v;
	struct hf_points p;
	size_t i, j, m, n;
	bool *is_seen;

	if (ask(k, tag, 0, &p) != HF_OK) {
		out->is_told = true;
		return;
	}
	v = kit_oracle_get(&all, tag, INT64_MIN, INT64_MAX, &n);
	is_seen = calloc(n + 1, sizeof(*is_seen));
	for (i = 0, j = 0; i < p.n; i++) {
		while (j < n && v[j].t_ns < p.pt[i].t_ns)
			j++;
		for (m = j; m < n && v[m].t_ns == p.pt[i].t_ns; m++)
			if (!is_seen[m] && kit_point_is(&p, i, &v[m]))
				break;
		if (m < n && v[m].t_ns == p.pt[i].t_ns)
			is_seen[m] = true;
		else
			out->is_wrong = true;
	}
	for (i = 0; i < n; i++)
		out->is_missing |= !is_seen[i];
	compare_buckets(k, tag, v, is_seen, n, out);
	free(is_seen);
	free(v);
	hf_points_fini(&p);
}

static struct verdict
judge(struct kit *k)
{
	static const int months[] = {201401, 201402};
	struct verdict out = {.is_wrong = false};
	struct hf_month_findings f;
	size_t i;

	for (i = 0; i < NTAG; i++)
		judge_tag(k, 1000 + i, &out);
	out.is_told |=
	    k->report.text[0] != '\0' || k->ctr.v[HF_C_H_BAD_CHUNK] > 0;
	for (i = 0; i < 2; i++)
		out.is_told |= hf_month_check(k->d.hist_path, months[i], &f,
				   NULL) != HF_OK;
	return out;
}

static void
damage_is_told_and_never_becomes_a_wrong_value(void **st)
{
	int i, n = getenv("TORTURE") != NULL ? 10000 : 1000;
	int nmissing = 0, nwrong = 0, nsilent = 0, nfold = 0;
	struct kit_rnd r = {21};
	struct hf_err err;
	struct verdict v;
	char what[128];
	struct kit k;

	for (i = 0; i < n; i++) {
		memset(&k, 0, sizeof(k));
		k.conf = base.conf;
		kit_dir_make(&k.d);
		kit_copy_files(base.d.log, k.d.log);
		kit_copy_files(base.d.hist, k.d.hist);
		damage(&k.d, &r, what);
		kit_open(&k);
		v = judge(&k);
		nmissing += v.is_missing;
		nwrong += v.is_wrong;
		nsilent += v.is_missing && !v.is_told;
		if (v.is_wrong || (v.is_missing && !v.is_told))
			fprintf(stderr, "# %s: %s\n", what,
			    v.is_wrong ? "wrong value" : "lost in silence");
		/* the writer can go on, too */
		if (hf_store_fold(k.s, 1, NULL, NULL, &err) != HF_OK) {
			nfold++;
			fprintf(stderr, "# %s: fold: %s\n", what, err.msg);
		}
		kit_end(&k);
	}
	fprintf(stderr, "# %d damages: %d lost samples, %d folds failed\n", n,
	    nmissing, nfold);
	assert_int_equal(nwrong, 0);
	assert_int_equal(nsilent, 0);
	assert_int_equal(nfold, 0);
	assert_true(nmissing > 0); /* the damage does hit something */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(damage_is_told_and_never_becomes_a_wrong_value),
	};
	int rc;

	if (access("/dev/shm", W_OK) == 0) /* syncs are not what is tested */
		setenv("TMPDIR", "/dev/shm", 0);
	make_base();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	kit_dir_remove(&base.d);
	free(all.v);
	return rc;
}
