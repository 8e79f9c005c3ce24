/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_residual_test.c - MEWMA of residuals against a slow oracle; which
 * signals it follows and what it sees.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/detmath.h"
#include "detect_step.h"

#define D 3
#define NLEARN 400
#define N 1200

static const struct hf_learn learn = {.nsample = NLEARN};
static const struct hf_residual_conf conf = {.lambda = 0.1,
    .wander = 0.07,
    .L = 4,
    .factor = 1.5,
    .ridge = 0.01,
    .grid_ns = TP_S};

static double rows[N][D];

/* Two signals that move together around 50 and 10, and one that walks. */
static void
make_rows(uint64_t seed)
{
	struct tp_rng r = {seed};
	double walk = 0, common;
	size_t i;

	for (i = 0; i < N; i++) {
		common = tp_normal(&r);
		walk += 0.2 * tp_normal(&r);
		rows[i][0] = 50 + 2 * common + tp_normal(&r);
		rows[i][1] = 10 - common + 0.5 * tp_normal(&r);
		rows[i][2] = 80 + walk + 0.01 * tp_normal(&r);
	}
}

/* ---- the oracle ---- */

static const double gains[] = {
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1};

/* Levels before each row of the first n when smoothed with g; returns the sum
 * of squared one-step errors. */
static double
smooth(size_t var, size_t n, double g, double *level)
{
	double l = 0, e, sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		e = rows[i][var] - l;
		if (i >= 16)
			sum += e * e;
		l += fmax(g, 1 / (double)(i + 1)) * e;
	}
	*level = l;
	return sum;
}

static void
residuals(size_t var, double (*u)[D], double *gain)
{
	double mean = 0, sq = 0, level, best = INFINITY, e2, at = 0, most;
	size_t i, k, n = NLEARN / 2;

	for (i = 0; i < n; i++)
		mean += rows[i][var] / (double)n;
	for (i = 0; i < n; i++)
		sq += pow(rows[i][var] - mean, 2) / (double)n;
	for (k = 0; k < 10; k++) {
		e2 = smooth(var, n, gains[k], &level);
		if (e2 < best * 0.999) {
			best = e2;
			*gain = gains[k];
			at = level;
		}
	}
	most = 8 * sqrt(best / (double)(n - 16));
	for (i = n; i < N; i++) {
		u[i][var] =
		    (rows[i][var] - (*gain > 0.07 ? at : mean)) / sqrt(sq);
		at += *gain * fmax(-most, fmin(most, rows[i][var] - at));
	}
}

/* a' S^-1 a by Gauss with pivots. */
static double
quadratic(double (*S)[D], const double *a)
{
	double m[D][D + 1], f, t, q = 0;
	int i, j, k, p;

	for (i = 0; i < D; i++) {
		for (j = 0; j < D; j++)
			m[i][j] = S[i][j];
		m[i][D] = a[i];
	}
	for (k = 0; k < D; k++) {
		for (p = k, i = k + 1; i < D; i++)
			if (fabs(m[i][k]) > fabs(m[p][k]))
				p = i;
		for (j = 0; j <= D; j++) {
			t = m[k][j];
			m[k][j] = m[p][j];
			m[p][j] = t;
		}
		for (i = 0; i < D; i++) {
			f = i == k ? 0 : m[i][k] / m[k][k];
			for (j = k; j <= D; j++)
				m[i][j] -= f * m[k][j];
		}
	}
	for (i = 0; i < D; i++)
		q += a[i] * m[i][D] / m[i][i];
	return q;
}

/* t2[i] for rows from 3/4 of the learning span on. */
static void
oracle(double *t2, double *gain)
{
	static double u[N][D], z[N][D];
	const size_t from = NLEARN / 2, end = NLEARN * 3 / 4, first = from + 30;
	double mean[D] = {0}, S[D][D] = {{0}}, a[D], trace = 0;
	size_t i, j, k;

	for (j = 0; j < D; j++) {
		residuals(j, u, &gain[j]);
		for (i = from; i < N; i++)
			z[i][j] =
			    0.1 * u[i][j] + 0.9 * (i > from ? z[i - 1][j] : 0);
		for (i = first; i < end; i++)
			mean[j] += z[i][j] / (double)(end - first);
	}
	for (i = first; i < end; i++)
		for (j = 0; j < D; j++)
			for (k = 0; k < D; k++)
				S[j][k] += (z[i][j] - mean[j]) *
					   (z[i][k] - mean[k]) /
					   (double)(end - first - 1);
	for (j = 0; j < D; j++)
		trace += S[j][j] / D;
	for (j = 0; j < D; j++)
		S[j][j] += 0.01 * trace;
	for (i = end; i < N; i++) {
		for (j = 0; j < D; j++)
			a[j] = z[i][j] - mean[j];
		t2[i] = quadratic(S, a);
	}
}

static void
residual_agrees_with_a_slow_oracle(void **state)
{
	static double t2[N];
	double gain[D], largest = 0, limit;
	const struct hf_score *s;
	struct ds d;
	size_t i;

	make_rows(3);
	oracle(t2, gain);
	assert_true(gain[0] < 0.07 && gain[1] < 0.07 && gain[2] > 0.3);
	for (i = NLEARN * 3 / 4; i < NLEARN; i++)
		largest = fmax(largest, t2[i]);
	limit = fmax(1.5 * largest, hf_det_chi_square(D, 4));
	ds_init(&d, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < N; i++) {
		s = ds_step(&d, rows[i]);
		assert_int_equal(
		    s->learning, i < NLEARN ? HF_LS_LEARNING : HF_LS_READY);
		if (i < NLEARN)
			continue;
		if (!(fabs(s->statistic - t2[i]) <= 1e-8 * (1 + t2[i])))
			fail_msg("row %zu: got %.12g, want %.12g", i,
			    s->statistic, t2[i]);
		assert_true(fabs(s->limit - limit) < 1e-8 * limit);
		assert_true(s->score == s->statistic / s->limit);
	}
	ds_fini(&d);
}

/* ---- what it sees ---- */

static void
learn_rows(struct ds *d, uint64_t seed)
{
	size_t i;

	make_rows(seed);
	ds_init(d, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < NLEARN; i++)
		ds_step(d, rows[i]);
}

static size_t
count_above(struct ds *d)
{
	size_t i, n = 0;

	for (i = NLEARN; i < N; i++)
		n += ds_step(d, rows[i])->score >= 1;
	return n;
}

/* The walker goes 40 of its learned deviations away, slowly. */
static void
residual_follows_a_signal_that_wanders(void **state)
{
	struct hf_mewma_conf mewma = {.lambda = 0.1,
	    .L = 4,
	    .factor = 1.5,
	    .ridge = 0.01,
	    .grid_ns = TP_S};
	struct ds d, m;
	size_t i;

	learn_rows(&d, 7);
	ds_init(&m, &hf_method_mewma, &mewma, D, learn);
	for (i = 0; i < NLEARN; i++)
		ds_step(&m, rows[i]);
	for (i = NLEARN; i < N; i++)
		rows[i][2] += 0.05 * (double)(i - NLEARN);
	assert_in_range(count_above(&d), 0, (N - NLEARN) / 50);
	assert_in_range(count_above(&m), (N - NLEARN) / 2, N); /* cries wolf */
	assert_true(ds_learned(&d, "variables_followed") == 1);
	ds_fini(&d);
	ds_fini(&m);
}

/* A jump of 1,500 steps is off for as long as it lasts here; following it
 * freely would end that within a minute. */
static void
residual_does_not_follow_a_jump_that_no_walk_makes(void **state)
{
	struct ds d;
	size_t i, n = 0;

	learn_rows(&d, 15);
	for (i = NLEARN; i < 900; i++) {
		rows[i][2] += i >= 700 ? 300 : 0;
		n += ds_step(&d, rows[i])->score >= 1 && i >= 700;
	}
	assert_in_range(n, 195, 200);
	ds_fini(&d);
}

static void
residual_holds_the_others_for_as_long_as_they_are_off(void **state)
{
	struct ds d;
	size_t i, n;

	learn_rows(&d, 8);
	for (i = 700; i < N; i++)
		rows[i][1] += 4;
	n = count_above(&d);
	assert_in_range(n, N - 700 - 20, N - 700 + 5);
	ds_fini(&d);
}

static void
residual_sees_a_broken_relation_within_the_ranges(void **state)
{
	struct ds d;
	size_t i;

	learn_rows(&d, 9);
	for (i = 700; i < N; i++) { /* both up by 1.5 sd: they never are */
		rows[i][0] += 3.3;
		rows[i][1] += 1.7;
	}
	assert_in_range(count_above(&d), N - 700 - 30, N - 700 + 5);
	ds_fini(&d);
}

static void
residual_contributions_name_the_cause_and_sum_to_one(void **state)
{
	struct ds d;
	size_t i;

	learn_rows(&d, 10);
	for (i = NLEARN; i < NLEARN + 100; i++) {
		rows[i][0] += 12;
		ds_step(&d, rows[i]);
		assert_true(fabs(d.contrib[0] + d.contrib[1] + d.contrib[2] -
				 1) < 1e-9);
	}
	assert_true(d.contrib[0] > d.contrib[1]);
	assert_true(d.contrib[0] > d.contrib[2]);
	ds_fini(&d);
}

/* ---- bad input ---- */

static void
residual_leaves_constant_and_missing_signals_out_and_says_so(void **state)
{
	struct ds d;
	size_t i;

	make_rows(11);
	ds_init(&d, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < N; i++) {
		rows[i][1] = 10;
		if (i % 4 != 0)
			rows[i][2] = NAN;
		ds_step(&d, rows[i]);
	}
	assert_int_equal(d.score.learning, HF_LS_READY);
	assert_null(d.m->why_variable(d.state, 0));
	assert_string_equal(
	    d.m->why_variable(d.state, 1), "constant while learning");
	assert_string_equal(
	    d.m->why_variable(d.state, 2), "missing while learning");
	assert_true(ds_learned(&d, "variables_used") == 1);
	assert_true(d.contrib[1] == 0 && d.contrib[2] == 0);
	ds_fini(&d);
}

static void
residual_is_blind_if_nothing_moved(void **state)
{
	static const double still[D] = {1, 2, 3};
	struct ds d;
	size_t i;

	ds_init(&d, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < N; i++)
		ds_step(&d, still);
	assert_int_equal(d.score.learning, HF_LS_BLIND);
	assert_string_equal(d.score.why_blind, "constant while learning");
	ds_reload(&d, &conf, learn);
	ds_step(&d, still);
	assert_string_equal(d.score.why_blind, "constant while learning");
	ds_fini(&d);
}

static void
residual_survives_values_that_cannot_be_squared(void **state)
{
	struct ds d;
	size_t i;

	make_rows(12);
	ds_init(&d, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < N; i++) {
		if (i % 50 == 17)
			rows[i][0] = 1e308;
		ds_step(&d, rows[i]);
		assert_true(isfinite(d.score.score));
	}
	ds_fini(&d);
}

static void
residual_restored_run_is_the_straight_run(void **state)
{
	static const size_t cuts[] = {0, 5, 199, 200, 240, 300, 399, 400, 900};
	size_t i, k = 0;
	struct ds a, b;

	make_rows(13);
	ds_init(&a, &hf_method_residual, &conf, D, learn);
	ds_init(&b, &hf_method_residual, &conf, D, learn);
	for (i = 0; i < N; i++) {
		if (k < 9 && i == cuts[k]) {
			ds_reload(&b, &conf, learn);
			k++;
		}
		if (i % 17 == 0)
			rows[i][1] = NAN;
		ds_step(&a, rows[i]);
		ds_step(&b, rows[i]);
		assert_memory_equal(&a.score.score, &b.score.score, 8);
		assert_memory_equal(a.contrib, b.contrib, sizeof(double) * D);
		assert_int_equal(a.score.learning, b.score.learning);
	}
	assert_int_equal(k, 9);
	ds_fini(&a);
	ds_fini(&b);
}

static void
residual_refuses_damaged_states(void **state)
{
	struct hf_buf b;
	struct hf_rd in;
	struct ds d;
	size_t i, nbad = 0;

	learn_rows(&d, 14);
	ds_step(&d, rows[NLEARN]);
	hf_buf_init(&b, 1 << 16);
	d.m->save(d.state, &b);
	for (i = 0; i < b.len; i++) {
		d.m->start(d.state, &conf, &learn, D);
		hf_rd_init(&in, b.p, i);
		assert_int_equal(d.m->load(d.state, &in), HF_ECORRUPT);
	}
	for (i = 0; i < b.len; i++) {
		b.p[i] ^= 0x80;
		d.m->start(d.state, &conf, &learn, D);
		hf_rd_init(&in, b.p, b.len);
		nbad += d.m->load(d.state, &in) != HF_OK;
		ds_step(&d, rows[NLEARN]);
		b.p[i] ^= 0x80;
	}
	assert_true(nbad > 5);
	hf_buf_fini(&b);
	ds_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(residual_agrees_with_a_slow_oracle),
	    cmocka_unit_test(residual_follows_a_signal_that_wanders),
	    cmocka_unit_test(
		residual_does_not_follow_a_jump_that_no_walk_makes),
	    cmocka_unit_test(
		residual_holds_the_others_for_as_long_as_they_are_off),
	    cmocka_unit_test(residual_sees_a_broken_relation_within_the_ranges),
	    cmocka_unit_test(
		residual_contributions_name_the_cause_and_sum_to_one),
	    cmocka_unit_test(
		residual_leaves_constant_and_missing_signals_out_and_says_so),
	    cmocka_unit_test(residual_is_blind_if_nothing_moved),
	    cmocka_unit_test(residual_survives_values_that_cannot_be_squared),
	    cmocka_unit_test(residual_restored_run_is_the_straight_run),
	    cmocka_unit_test(residual_refuses_damaged_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
