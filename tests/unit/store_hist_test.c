/* SPDX-License-Identifier: Apache-2.0
 *
 * store_hist_test.c - folds, duplicates, retention, recovery, and what the
 * writer does when month files or the disk fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/hist.h"
#include "store_kit.h"

#define T0 INT64_C(1385942400000000000) /* 2013-12-02 */
#define DAY (24 * 3600 * HF_NS_PER_S)

static struct kit_sample
num(uint64_t tag, int64_t t_ns, double v)
{
	struct kit_sample s = {.tag = tag, .t_ns = t_ns, .vtype = HF_V_F64};

	memcpy(&s.bits, &v, sizeof(v));
	return s;
}

static void
put1(struct kit *k, struct kit_oracle *o, uint64_t tag, int64_t t_ns, double v)
{
	struct kit_sample s = num(tag, t_ns, v);

	kit_put(k, o, &s, 1);
}

static void
equal_samples_are_dropped_and_counted(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < 600; i++) /* beyond one open chunk */
		put1(&k, &o, 1, T0 + i, i);
	put1(&k, &o, 1, T0 + 3, 3);	/* sealed */
	put1(&k, &o, 1, T0 + 599, 599); /* growing */
	assert_int_equal(k.ctr.v[HF_C_H_DUP_SAMPLES], 2);
	kit_fold(&k);
	put1(&k, &o, 1, T0 + 3, 3); /* in the month file */
	put1(&k, &o, 1, T0 + 599, 599);
	assert_int_equal(k.ctr.v[HF_C_H_DUP_SAMPLES], 4);
	kit_shut(&k);
	kit_open(&k);
	put1(&k, &o, 1, T0 + 4, 4);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	assert_int_equal(o.n, 600);
	free(o.v);
	kit_end(&k);
}

static void
other_value_at_the_same_time_is_kept_in_order_of_arrival(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < 12; i++) {
		put1(&k, &o, 1, T0, 100 - i);
		if (i % 3 == 2)
			kit_fold(&k);
	}
	assert_int_equal(o.n, 12);
	assert_true(kit_raw_agrees(&k, &o, 1, T0, T0 + 1));
	free(o.v);
	kit_end(&k);
}

static void
late_samples_do_not_stretch_the_chunks_of_the_present(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct hf_month_tag row;
	struct hf_month *m;
	struct hf_err err = {.rc = 0};
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < 300; i++)
		put1(&k, &o, 1, T0 + 10 * DAY + i * HF_NS_PER_S, i);
	kit_fold(&k);
	for (i = 0; i < 300; i++) {
		put1(&k, &o, 1, T0 + 10 * DAY + (300 + i) * HF_NS_PER_S, i);
		if (i % 100 == 0)
			put1(&k, &o, 1, T0 + i, i);
	}
	kit_fold(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	MUST_OK(
	    hf_month_open(k.d.hist_path, 201312, HF_DB_READ, &m, &err), err);
	MUST_OK(hf_month_get_tag(m, 1, &row, &err), err);
	assert_true(row.span_ns < DAY);
	assert_int_equal(row.nchunk, 2); /* the tail was filled, not left */
	hf_month_close(m);
	free(o.v);
	kit_end(&k);
}

static void
slow_tag_fills_its_last_chunk_over_many_folds(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct hf_month_findings f;
	struct hf_err err = {.rc = 0};
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < 40; i++) {
		put1(&k, &o, 1, T0 + i * HF_NS_PER_S, i);
		kit_fold(&k);
	}
	MUST_OK(hf_month_check(k.d.hist_path, 201312, &f, &err), err);
	assert_int_equal(f.nchunk, 1);
	assert_int_equal(f.nsample, 40);
	assert_int_equal(k.ctr.v[HF_C_H_SAMPLES], 40);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
times_that_no_key_holds_are_dropped_and_counted(void **st)
{
	static const int64_t bad[] = {
	    -1, -DAY * 10000, HF_HIST_T_END, HF_HIST_T_END + DAY};
	struct kit_oracle o = {.n = 0};
	struct kit k;
	size_t i;

	kit_begin(&k);
	for (i = 0; i < 4; i++)
		put1(&k, NULL, 1, bad[i], 1);
	assert_int_equal(k.ctr.v[HF_C_H_BAD_TIME], 4);
	put1(&k, &o, 1, 0, 1);
	put1(&k, &o, 1, HF_HIST_T_END - 1, 2);
	kit_fold(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
see_last(void *arg, const struct hf_sample *v, const char *str)
{
	struct hf_buf *out = arg;

	hf_buf_printf(
	    out, "%u:%lld:", (unsigned)v->tag, (long long)(v->t_ns - T0));
	if (v->vtype == HF_V_STR)
		hf_buf_printf(
		    out, "%.*s;", (int)v->str_len, str + v->v.str_off);
	else
		hf_buf_printf(out, "%g;", hf_sample_f64(v));
}

static void
expect_last(struct kit *k, const char *want)
{
	struct hf_err err = {.rc = 0};
	struct hf_buf out;

	hf_buf_init(&out, 4096);
	MUST_OK(hf_store_each_last(k->s, see_last, &out, &err), err);
	assert_string_equal(hf_buf_cstr(&out), want);
	hf_buf_fini(&out);
}

static void
last_values_survive_fold_and_restart(void **st)
{
	struct kit_sample s = {.tag = 2,
			      .t_ns = T0 + 7,
			      .vtype = HF_V_STR,
			      .len = 3,
			      .str = "run"},
			  back = num(1, T0 + 9, 99);
	struct kit k;
	int i;

	kit_begin(&k);
	back.flags = HF_F_BACKFILL;
	put1(&k, NULL, 1, T0 + 5, 5);
	put1(&k, NULL, 1, T0 + 4, 4); /* late: not the last value */
	kit_put(&k, NULL, &back, 1);  /* second lane: never */
	kit_put(&k, NULL, &s, 1);
	for (i = 0; i < 3; i++) {
		expect_last(&k, "1:5:5;2:7:run;");
		if (i == 1)
			kit_fold(&k);
		kit_shut(&k);
		kit_open(&k);
	}
	kit_end(&k);
}

static void
source_numbers_survive_fold_and_restart(void **st)
{
	struct kit k;
	int i;

	kit_begin(&k);
	assert_int_equal(hf_store_source_seq(k.s, 77), 0);
	for (i = 0; i < 3; i++) {
		put1(&k, NULL, 1, T0 + i, i);
		assert_int_equal(hf_store_source_seq(k.s, 77), i + 1);
		if (i == 1)
			kit_fold(&k);
		kit_shut(&k);
		kit_open(&k);
		assert_int_equal(hf_store_source_seq(k.s, 77), i + 1);
	}
	assert_int_equal(hf_store_source_seq(k.s, 78), 0);
	assert_int_equal(hf_store_durable_seq(k.s), 3);
	kit_end(&k);
}

static int
refuse(void *arg, struct hf_err *err)
{
	(*(int *)arg)++;
	return HF_FAIL(err, HF_EIO, "no snapshot");
}

static void
failed_snapshot_keeps_the_log(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct hf_err err;
	struct kit k;
	int ncall = 0;

	kit_begin(&k);
	put1(&k, &o, 1, T0, 1);
	assert_int_equal(hf_store_fold(k.s, 1, refuse, &ncall, &err), HF_EIO);
	assert_int_equal(ncall, 1);
	assert_true(hf_store_log_bytes(k.s) > 0);
	assert_false(hf_store_wants_fold(k.s, HF_NS_PER_S)); /* not at once */
	kit_shut(&k); /* the month is ahead of the log now */
	kit_open(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	kit_fold(&k);
	assert_true(hf_store_log_bytes(k.s) == 0);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
full_disk_in_a_fold_loses_nothing_and_is_tried_again(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct hf_err err;
	struct kit k;
	int i;

	kit_begin(&k);
	for (i = 0; i < 700; i++)
		put1(&k, &o, 1 + i % 2, T0 + i * DAY / 20, i);
	kit_sqlite_full(true);
	assert_int_equal(hf_store_fold(k.s, 1, NULL, NULL, &err), HF_ENOSPC);
	assert_int_equal(k.ctr.v[HF_C_H_FOLD_ERRORS], 1);
	kit_sqlite_full(false);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	put1(&k, &o, 1, T0 + 400 * DAY, 5);
	kit_fold(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	assert_true(kit_raw_agrees(&k, &o, 2, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static int
sync_fails(int fd)
{
	errno = EIO;
	return -1;
}

static void
failed_commit_leaves_nothing_visible_and_can_be_repeated(void **st)
{
	struct kit_sample s = num(1, T0, 1);
	struct kit_oracle o = {.n = 0};
	struct hf_io io = hf_io_system;
	struct hf_points p;
	struct hf_err err;
	struct kit k;

	kit_begin(&k);
	io.fdatasync = sync_fails;
	hf_io_set(&io);
	k.batch_seq = 1;
	assert_int_equal(kit_append(&k, &s, 1, &err), HF_OK);
	assert_int_equal(hf_store_commit(k.s, &err), HF_EIO);
	hf_io_set(NULL);
	kit_query(&k, 1, INT64_MIN, INT64_MAX, 0, &p);
	assert_int_equal(p.n, 0);
	hf_points_fini(&p);
	assert_int_equal(hf_store_source_seq(k.s, 77), 0);
	kit_put(&k, &o, &s, 1);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	kit_shut(&k);
	kit_open(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

struct killed {
	struct kit k, copy;
};

/* Copies the folders as they are at this moment: what a kill would leave. */
static int
kill_in_hook(void *arg, struct hf_err *err)
{
	struct killed *two = arg;

	kit_dir_make(&two->copy.d);
	kit_copy_files(two->k.d.log, two->copy.d.log);
	kit_copy_files(two->k.d.hist, two->copy.d.hist);
	return HF_OK;
}

static void
kill_between_month_files_and_drop_of_the_log_repeats_nothing(void **st)
{
	struct killed *two = calloc(1, sizeof(*two));
	struct kit_oracle o = {.n = 0};
	struct hf_err err = {.rc = 0};
	int i;

	MUST(two != NULL);
	kit_begin(&two->k);
	for (i = 0; i < 500; i++)
		put1(&two->k, &o, 1, T0 + i * DAY / 10, i % 7);
	MUST_OK(hf_store_fold(two->k.s, 1, kill_in_hook, two, &err), err);
	kit_open(&two->copy);
	assert_int_equal(two->copy.report.nframe, 500);
	assert_true(kit_raw_agrees(&two->copy, &o, 1, INT64_MIN, INT64_MAX));
	kit_fold(&two->copy);
	assert_true(kit_raw_agrees(&two->copy, &o, 1, INT64_MIN, INT64_MAX));
	assert_int_equal(two->copy.ctr.v[HF_C_H_SAMPLES], 0);
	kit_end(&two->copy);
	kit_end(&two->k);
	free(two);
	free(o.v);
}

static bool
needs_november(void *arg, int64_t from_ns, int64_t to_ns)
{
	return from_ns == hf_month_start_ns(201311);
}

static void
retention_removes_whole_months_but_keeps_evidence(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct hf_err err = {.rc = 0};
	struct hf_points p;
	struct kit k;
	size_t n;

	kit_begin(&k);
	put1(&k, NULL, 1, hf_month_start_ns(201310), 10);
	put1(&k, &o, 1, hf_month_start_ns(201311), 11);
	put1(&k, &o, 1, hf_month_start_ns(201312), 12);
	kit_fold(&k);
	kit_query(&k, 1, INT64_MIN, INT64_MAX, 0, &p); /* reader has all open */
	assert_int_equal(p.n, 3);
	hf_points_fini(&p);
	MUST_OK(hf_store_expire(k.s, hf_month_start_ns(201312) + DAY,
		    needs_november, NULL, &n, &err),
	    err);
	assert_int_equal(n, 1);
	assert_int_equal(k.ctr.v[HF_C_H_KEPT], 1);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	put1(&k, &o, 1, hf_month_start_ns(201310) + 1, 13); /* late again */
	kit_fold(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
past_month_becomes_one_file(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct kit k;

	kit_begin(&k);
	hf_reader_close(k.r); /* a reader may hold it open */
	k.r = NULL;
	put1(&k, &o, 1, T0, 1);
	kit_fold(&k);
	assert_int_equal(faccessat(k.d.hist, "201312.db-wal", F_OK, 0), 0);
	put1(&k, &o, 1, hf_month_start_ns(201401) + 2 * DAY, 1);
	kit_fold(&k);
	assert_int_equal(faccessat(k.d.hist, "201312.db-wal", F_OK, 0), -1);
	put1(&k, &o, 1, T0 + 1, 2); /* and still takes late samples */
	kit_fold(&k);
	kit_shut(&k);
	kit_open(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
damaged_tags_file_is_made_up_again(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int i, fd;

	kit_begin(&k);
	for (i = 0; i < 50; i++)
		put1(&k, &o, 1 + i % 5, T0 + i * DAY, i);
	kit_fold(&k);
	kit_shut(&k);
	fd = openat(k.d.hist, "tags.db", O_RDWR);
	MUST(pwrite(fd, "not a database any more", 23, 0) == 23);
	close(fd);
	kit_open(&k);
	expect_last(&k, "1:3888000000000000:45;2:3974400000000000:46;"
			"3:4060800000000000:47;4:4147200000000000:48;"
			"5:4233600000000000:49;");
	assert_int_equal(hf_store_source_seq(k.s, 77), 50);
	put1(&k, &o, 1, T0, 0); /* known as equal */
	put1(&k, &o, 9, T0, 0);
	kit_fold(&k);
	for (i = 1; i < 10; i++)
		assert_true(
		    kit_raw_agrees(&k, &o, (uint64_t)i, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
damaged_month_file_is_set_aside_and_does_not_stop_the_start(void **st)
{
	struct kit_oracle o = {.n = 0};
	struct kit k;
	int fd;

	kit_begin(&k);
	put1(&k, NULL, 1, T0, 1);
	kit_fold(&k);
	kit_shut(&k);
	fd = openat(k.d.hist, "201312.db", O_RDWR);
	MUST(pwrite(fd, "not a database any more", 23, 0) == 23);
	close(fd);
	kit_open(&k);
	assert_non_null(strstr(k.report.text, "201312"));
	assert_int_equal(faccessat(k.d.hist, "201312.db.damaged", F_OK, 0), 0);
	put1(&k, &o, 1, T0 + 1, 2);
	kit_fold(&k);
	assert_true(kit_raw_agrees(&k, &o, 1, INT64_MIN, INT64_MAX));
	free(o.v);
	kit_end(&k);
}

static void
fold_is_wanted_by_size_and_by_age(void **st)
{
	struct kit_sample v[500];
	struct kit k;
	int i;

	kit_begin(&k);
	assert_false(hf_store_wants_fold(k.s, INT64_MAX)); /* nothing to fold */
	put1(&k, NULL, 1, T0, 1);
	assert_false(hf_store_wants_fold(k.s, DAY));
	for (i = 0; i < 500; i++)
		v[i] = num(1, T0 + 1 + i, i);
	for (i = 0; i < 2000 && !hf_store_wants_fold(k.s, 0); i++)
		kit_put(&k, NULL, v, 500); /* duplicates fill the log too */
	assert_true(hf_store_log_bytes(k.s) >= k.conf.log_bytes / 2);
	kit_fold(&k);
	assert_false(hf_store_wants_fold(k.s, k.mono_ns));
	kit_shut(&k);
	k.conf.fold_ns = 60 * HF_NS_PER_S;
	kit_open(&k);
	kit_fold(&k);
	put1(&k, NULL, 1, T0, 7);
	assert_false(hf_store_wants_fold(k.s, k.mono_ns + HF_NS_PER_S));
	assert_true(hf_store_wants_fold(k.s, k.mono_ns + 60 * HF_NS_PER_S));
	kit_end(&k);
}

static void
open_chunks_stay_small(void **st)
{
	static struct kit_sample v[1000];
	struct kit k;
	int i, b;

	kit_begin(&k);
	for (b = 0; b < 100; b++) {
		for (i = 0; i < 1000; i++)
			v[i] = num(1, T0 + (b * 1000 + i) * HF_NS_PER_MS,
			    (i % 50) * 0.1);
		kit_put(&k, NULL, v, 1000);
	}
	/* 100,000 samples: 2.4 MB raw, sealed a few bytes each */
	assert_true(hf_store_open_bytes(k.s) < 300000);
	kit_fold(&k);
	assert_true(hf_store_open_bytes(k.s) == 0);
	kit_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equal_samples_are_dropped_and_counted),
	    cmocka_unit_test(
		other_value_at_the_same_time_is_kept_in_order_of_arrival),
	    cmocka_unit_test(
		late_samples_do_not_stretch_the_chunks_of_the_present),
	    cmocka_unit_test(slow_tag_fills_its_last_chunk_over_many_folds),
	    cmocka_unit_test(times_that_no_key_holds_are_dropped_and_counted),
	    cmocka_unit_test(last_values_survive_fold_and_restart),
	    cmocka_unit_test(source_numbers_survive_fold_and_restart),
	    cmocka_unit_test(failed_snapshot_keeps_the_log),
	    cmocka_unit_test(
		full_disk_in_a_fold_loses_nothing_and_is_tried_again),
	    cmocka_unit_test(
		failed_commit_leaves_nothing_visible_and_can_be_repeated),
	    cmocka_unit_test(
		kill_between_month_files_and_drop_of_the_log_repeats_nothing),
	    cmocka_unit_test(retention_removes_whole_months_but_keeps_evidence),
	    cmocka_unit_test(past_month_becomes_one_file),
	    cmocka_unit_test(damaged_tags_file_is_made_up_again),
	    cmocka_unit_test(
		damaged_month_file_is_set_aside_and_does_not_stop_the_start),
	    cmocka_unit_test(fold_is_wanted_by_size_and_by_age),
	    cmocka_unit_test(open_chunks_stay_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
