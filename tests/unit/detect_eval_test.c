/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_eval_test.c - the scoring rules of tests/eval on cases worked out by
 * hand, so that a scorer that counts twice, shifts a window by a row or
 * forgets the probation fails here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "eval/nab_score.h"
#include "eval/skab_score.h"

#define N 100

static double score[N];
static const struct nab_profile *const standard = &nab_profiles[0];

/* 100 rows, probation 15, windows [40, 49] and [70, 79]. */
static struct nab_file
two_windows(void)
{
	memset(score, 0, sizeof(score));
	return (struct nab_file){
	    .n = N, .score = score, .win = {{40, 49}, {70, 79}}, .nwin = 2};
}

/* Normalised standard score of what is >= 1. */
static double
judge(const struct nab_file *f, int profile)
{
	return nab_sweep(f, 1, &nab_profiles[profile], 1, NULL).score;
}

static void
near(double got, double want)
{
	if (!(fabs(got - want) < 1e-9))
		fail_msg("got %.12g, want %.12g", got, want);
}

static void
nab_sigma_has_its_published_values(void **state)
{
	near(nab_sigma(-1), 0.98661429815143);
	near(nab_sigma(0), 0);
	near(nab_sigma(1), -0.98661429815143);
	near(nab_sigma(3.01), -1);
}

static void
nab_probation_is_15_percent_but_at_most_750_rows(void **state)
{
	assert_int_equal(nab_probation(1243), 186);
	assert_int_equal(nab_probation(4032), 604);
	assert_int_equal(nab_probation(5000), 750);
	assert_int_equal(nab_probation(22695), 750);
}

static void
nab_detection_on_the_first_row_of_each_window_is_100(void **state)
{
	struct nab_file f = two_windows();

	score[40] = score[70] = 1;
	near(judge(&f, 0), 100);
	near(judge(&f, 1), 100);
	near(judge(&f, 2), 100);
}

/* -1 for each of two windows is the null of the scale; one found, one missed
 * is the middle, or 100 (1 - 2 + 4) / (2 + 4) with misses that cost 2. */
static void
nab_miss_costs_as_the_profile_says(void **state)
{
	struct nab_file f = two_windows();

	near(judge(&f, 0), 0);
	score[40] = 1;
	near(judge(&f, 0), 50);
	near(judge(&f, 2), 50);
}

static void
nab_only_the_best_detection_of_a_window_counts(void **state)
{
	struct nab_file f = two_windows();
	size_t i;

	for (i = 40; i <= 49; i++)
		score[i] = 1;
	near(judge(&f, 0), 50);
}

/* Row 49 of [40, 49]: sigma(-1/10) / sigma(-1), the other window missed. */
static void
nab_late_detection_is_worth_less(void **state)
{
	struct nab_file f = two_windows();
	double hit = (2 / (1 + exp(-0.5)) - 1) / 0.98661429815143;

	score[49] = 1;
	near(judge(&f, 0), 100 * (hit - 1 + 2) / 4);
}

/* Before any window 0.11; one row behind a window of 10 rows 0.11 of
 * sigma(1/9); far behind the last window 0.11. All add up. */
static void
nab_false_detections_add_up(void **state)
{
	struct nab_file f = two_windows();
	double behind = 2 / (1 + exp(5.0 / 9)) - 1;

	score[20] = 1;
	near(judge(&f, 0), 100 * (-2 - 0.11 + 2) / 4);
	score[50] = 1;
	near(judge(&f, 0), 100 * (-0.11 + 0.11 * behind) / 4);
	near(judge(&f, 1), 100 * (-0.22 + 0.22 * behind) / 4);
	score[50] = 0;
	f.nwin = 1; /* row 99 is 50 rows behind: more than 3 widths */
	score[99] = 1;
	near(judge(&f, 0), 100 * (-0.22) / 2);
}

static void
nab_rows_of_the_probation_do_not_count(void **state)
{
	struct nab_file f = two_windows();

	score[14] = 1;
	near(judge(&f, 0), 0);
	score[15] = 1;
	near(judge(&f, 0), 100 * -0.11 / 4);
}

/* 3 takes the first window and a false one, 2 both windows, 1 adds a false
 * one: the best threshold is 2. */
static void
nab_sweep_finds_the_best_threshold_of_the_corpus(void **state)
{
	struct nab_file f = two_windows();
	struct nab_count c;
	double at;

	score[20] = 3;
	score[40] = 3;
	score[70] = 2;
	score[30] = 1;
	c = nab_sweep(&f, 1, standard, NAN, &at);
	near(at, 2);
	near(c.score, 100 * (2 - 0.11 + 2) / 4);
	assert_int_equal(c.nfound, 2);
	assert_int_equal(c.nfalse, 1);
}

static void
nab_sweep_prefers_silence_to_noise(void **state)
{
	struct nab_file f = two_windows();
	double at;

	score[20] = 1;
	near(nab_sweep(&f, 1, standard, NAN, &at).score, 0);
	assert_true(isinf(at));
}

/* ---- SKAB ---- */

#define S INT64_C(1000000000)
#define SN 600

static int64_t t_ns[SN];
static uint8_t anomaly[SN], changepoint[SN], found[SN];

/* A row a second; anomaly in rows 450..549, one changepoint, at its begin. */
static struct skab_file
one_anomaly(void)
{
	size_t i;

	memset(found, 0, sizeof(found));
	memset(changepoint, 0, sizeof(changepoint));
	for (i = 0; i < SN; i++) {
		t_ns[i] = (int64_t)i * S;
		anomaly[i] = i >= 450 && i < 550;
	}
	changepoint[450] = 1;
	return (struct skab_file){.n = SN,
	    .t_ns = t_ns,
	    .anomaly = anomaly,
	    .changepoint = changepoint,
	    .found = found};
}

static void
mark(size_t from, size_t to)
{
	memset(found + from, 1, to - from);
}

static double
changepoints(const struct skab_file *f, int profile)
{
	double sum = 0;
	size_t n = 0;

	skab_changepoints(f, &skab_profiles[profile], &sum, &n);
	assert_int_equal(n, 1);
	return sum;
}

/* 80 of 100 found, 10 of 100 false: F1 = 160 / (160 + 10 + 20). */
static void
skab_pools_test_rows(void **state)
{
	struct skab_file f = one_anomaly();
	struct skab_count c = {0};

	mark(0, 400); /* training rows do not count */
	mark(470, 560);
	skab_pool(&f, &c);
	assert_int_equal(c.tp, 80);
	assert_int_equal(c.fp, 10);
	assert_int_equal(c.fn, 20);
	assert_int_equal(c.tn, 90);
	near(skab_f1(&c), 160.0 / 190);
	near(skab_far(&c), 0.1);
	near(skab_mar(&c), 0.2);
}

static void
skab_changepoint_on_time_is_worth_one_and_fades_to_a_false_one(void **state)
{
	struct skab_file f = one_anomaly();

	mark(450, SN);
	near(changepoints(&f, 0), 1);
	memset(found, 0, SN);
	mark(480, SN); /* the middle: tanh(0) = 0 */
	near(changepoints(&f, 0), (1 + 0.11) / 2 - 0.11);
	memset(found, 0, SN);
	mark(510, SN); /* the last second of the window */
	near(changepoints(&f, 0), -0.11);
}

static void
skab_changepoint_missed_and_false_detections_cost(void **state)
{
	struct skab_file f = one_anomaly();

	near(changepoints(&f, 0), -1);
	near(changepoints(&f, 2), -2);
	mark(511, SN); /* a second late */
	near(changepoints(&f, 0), -1.11);
	mark(420, 421); /* up and down: two */
	near(changepoints(&f, 0), -1.33);
	near(changepoints(&f, 1), -1.66);
}

static void
skab_second_detection_in_a_window_is_free(void **state)
{
	struct skab_file f = one_anomaly();

	mark(450, 460); /* up at 450, down at 460 */
	near(changepoints(&f, 0), 1);
}

static void
skab_window_ends_at_the_next_changepoint(void **state)
{
	struct skab_file f = one_anomaly();
	double sum = 0;
	size_t n = 0;

	changepoint[470] = 1;
	mark(470, SN); /* hits the second, too late for the first */
	skab_changepoints(&f, &skab_profiles[0], &sum, &n);
	assert_int_equal(n, 2);
	near(sum, 1 - 1);
	near(skab_normalise(sum, n, &skab_profiles[0]), 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nab_sigma_has_its_published_values),
	    cmocka_unit_test(nab_probation_is_15_percent_but_at_most_750_rows),
	    cmocka_unit_test(
		nab_detection_on_the_first_row_of_each_window_is_100),
	    cmocka_unit_test(nab_miss_costs_as_the_profile_says),
	    cmocka_unit_test(nab_only_the_best_detection_of_a_window_counts),
	    cmocka_unit_test(nab_late_detection_is_worth_less),
	    cmocka_unit_test(nab_false_detections_add_up),
	    cmocka_unit_test(nab_rows_of_the_probation_do_not_count),
	    cmocka_unit_test(nab_sweep_finds_the_best_threshold_of_the_corpus),
	    cmocka_unit_test(nab_sweep_prefers_silence_to_noise),
	    cmocka_unit_test(skab_pools_test_rows),
	    cmocka_unit_test(
		skab_changepoint_on_time_is_worth_one_and_fades_to_a_false_one),
	    cmocka_unit_test(skab_changepoint_missed_and_false_detections_cost),
	    cmocka_unit_test(skab_second_detection_in_a_window_is_free),
	    cmocka_unit_test(skab_window_ends_at_the_next_changepoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
