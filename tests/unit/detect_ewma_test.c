/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_ewma_test.c - EWMA against a slow oracle and against theory; MEWMA
 * too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"

struct one {
	struct hf_ewma_conf conf;
	void *state;
	struct hf_score score;
	double contrib;
	int64_t t_ns;
};

static void
begin(struct one *o, double lambda, double L, bool autocorrelation,
    int64_t nlearn)
{
	*o = (struct one){.conf = {lambda, L, 0, autocorrelation}};
	o->state = calloc(1, hf_method_ewma.state_size(&o->conf, 1));
	hf_method_ewma.start(
	    o->state, &o->conf, &(struct hf_learn){.nsample = nlearn}, 1);
}

static double
step(struct one *o, double x)
{
	struct hf_step in = {o->t_ns += TP_S, &x, 1};

	o->score = (struct hf_score){.centre = NAN,
	    .statistic = NAN,
	    .limit = NAN,
	    .contrib = &o->contrib};
	hf_method_ewma.step(o->state, &in, &o->score);
	return o->score.score;
}

static void
assert_near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance * fabs(want)))
		fail_msg("got %.17g, want %.17g", got, want);
}

/* Everything from the stored values by the definitions, nothing recursive. */
static void
oracle(const double *x, size_t nlearn, size_t n, const struct one *o,
    bool has_memory, double *z, double *limit)
{
	double lambda = o->conf.lambda, mu = 0, s2 = 0, d2 = 0, phi = 0, v = 0;
	size_t i, j, m = n - nlearn;

	for (i = 0; i < nlearn; i++)
		mu += x[i] / (double)nlearn;
	for (i = 0; i < nlearn; i++)
		s2 += (x[i] - mu) * (x[i] - mu) / (double)(nlearn - 1);
	for (i = 1; i < nlearn; i++)
		d2 += pow(x[i] - x[i - 1], 2) / (double)(nlearn - 1);
	if (has_memory)
		phi = fmax(0, 1 - d2 / (2 * s2));
	*z = pow(1 - lambda, (double)m) * mu;
	for (i = 0; i < m; i++)
		*z += lambda * pow(1 - lambda, (double)i) * x[n - 1 - i];
	for (i = 0; i < m; i++)
		for (j = 0; j < m; j++)
			v += lambda * lambda *
			     pow(1 - lambda, (double)(i + j)) *
			     pow(phi, fabs((double)i - (double)j));
	if (!has_memory) /* Roberts, as printed in every textbook */
		v = lambda / (2 - lambda) *
		    (1 - pow(1 - lambda, 2 * (double)m));
	*limit = *z < mu ? mu - o->conf.L * sqrt(s2 * v)
			 : mu + o->conf.L * sqrt(s2 * v);
}

static void
compare_with_oracle(bool has_memory, double memory)
{
	struct tp_rng r = {42};
	double x[200], z = 0, limit = 0, prev = 0;
	struct one o;
	size_t i;

	begin(&o, 0.2, 3, has_memory, 50);
	for (i = 0; i < 200; i++) {
		prev = memory * prev + tp_normal(&r);
		x[i] = 100 + prev;
		step(&o, x[i]);
		if (i < 50) {
			assert_int_equal(o.score.learning, HF_LS_LEARNING);
			continue;
		}
		assert_int_equal(o.score.learning, HF_LS_READY);
		oracle(x, 50, i + 1, &o, has_memory, &z, &limit);
		assert_near(o.score.statistic, z, 1e-10);
		assert_near(o.score.limit, limit, 1e-9);
	}
	free(o.state);
}

static void
ewma_limits_are_the_textbook_formula(void **state)
{
	compare_with_oracle(false, 0);
}

static void
ewma_limits_with_memory_agree_with_a_slow_oracle(void **state)
{
	compare_with_oracle(true, 0.9);
}

/* In-control run length of the chart with known parameters: lambda 0.2, L 2.859
 * gives 370 (Lucas and Saccucci 1990, for the limits of the steady state).
 * Learning from a million values makes them known. */
static void
ewma_run_length_agrees_with_theory(void **state)
{
	static struct tp_rng r = {7};
	double sum = 0;
	int run, n = 0, nrun = 4000;
	struct one o;
	void *learned;
	size_t size, i;

	begin(&o, 0.2, 2.859, false, 1000000);
	for (i = 0; i < 1000000; i++)
		step(&o, tp_normal(&r));
	size = hf_method_ewma.state_size(&o.conf, 1);
	learned = malloc(size);
	memcpy(learned, o.state, size);
	for (run = 0; run < nrun; run++) {
		memcpy(o.state, learned, size);
		for (n = 1; step(&o, tp_normal(&r)) < 1;)
			n++;
		sum += n;
	}
	/* standard error of the mean of 4000 geometric lengths: 1.6 %; four of
	 * them, and 2 % for the narrower limits of the first steps */
	assert_near(sum / nrun, 370, 0.085);
	free(learned);
	free(o.state);
}

static void
ewma_with_memory_stays_calm_on_a_wandering_signal(void **state)
{
	int with, nalarm[2] = {0, 0};
	struct tp_rng r;
	struct one o;
	double x;
	int i;

	for (with = 0; with < 2; with++) {
		r.s = 99;
		x = 0;
		begin(&o, 0.2, 4, with == 1, 5000);
		for (i = 0; i < 20000; i++) {
			x = 0.95 * x + tp_normal(&r);
			nalarm[with] += step(&o, x) >= 1;
		}
		free(o.state);
	}
	assert_true(nalarm[0] > 500);
	assert_true(nalarm[1] < 20);
}

static void
ewma_learns_for_source_time_and_not_for_steps(void **state)
{
	struct one o;
	int i;

	begin(&o, 0.2, 4, true, 0);
	hf_method_ewma.start(
	    o.state, &o.conf, &(struct hf_learn){.dur_ns = 10 * TP_S}, 1);
	for (i = 0; i < 10; i++) {
		step(&o, i % 3);
		assert_int_equal(o.score.learning, HF_LS_LEARNING);
	}
	assert_true(hf_method_ewma.progress(o.state) < 1);
	step(&o, 1); /* 10 s after the first */
	assert_int_equal(o.score.learning, HF_LS_READY);
	assert_true(hf_method_ewma.progress(o.state) == 1);
	free(o.state);
}

static void
ewma_constant_while_learning_is_blind_and_says_why(void **state)
{
	struct one o;
	int i;

	begin(&o, 0.2, 4, true, 20);
	for (i = 0; i < 20; i++)
		step(&o, 518.67);
	assert_true(step(&o, 9999) == 0);
	assert_int_equal(o.score.learning, HF_LS_BLIND);
	assert_string_equal(o.score.why_blind, "constant while learning");
	free(o.state);
}

static void
ewma_min_sigma_gives_a_constant_signal_limits(void **state)
{
	struct one o;
	int i;

	begin(&o, 1, 4, true, 20);
	o.conf.min_sigma = 0.5;
	for (i = 0; i < 20; i++)
		step(&o, 100);
	assert_true(step(&o, 101.9) < 1);
	assert_int_equal(o.score.learning, HF_LS_READY);
	assert_true(step(&o, 102.1) >= 1);
	assert_string_equal(o.score.rule, "above the upper control limit");
	assert_true(step(&o, 97) >= 1);
	assert_string_equal(o.score.rule, "below the lower control limit");
	free(o.state);
}

static void
ewma_huge_values_end_blind_or_finite_never_nan(void **state)
{
	struct one o;
	int i;

	begin(&o, 0.2, 4, true, 20);
	for (i = 0; i < 40; i++)
		step(&o, i % 2 == 0 ? 1.7e308 : -1.7e308);
	assert_int_equal(o.score.learning, HF_LS_BLIND);
	free(o.state);
	begin(&o, 0.2, 4, true, 20);
	for (i = 0; i < 20; i++)
		step(&o, i % 3);
	assert_true(step(&o, 1.7e308) > 1);
	assert_true(isfinite(o.score.score));
	assert_true(isfinite(o.score.statistic));
	free(o.state);
}

/* ---- MEWMA ---- */

static void
mewma_sees_a_broken_relation_that_each_signal_hides(void **state)
{
	struct hf_mewma_conf c = {0.2, 4, 1.5, 0.01, TP_S};
	struct hf_learn learn = {.nsample = 3000};
	double x[2], contrib[2], common, sum;
	struct hf_step in = {0, x, 2};
	struct tp_rng r = {5};
	struct hf_score sc;
	int i, nfalse = 0, nhit = 0;
	void *s = calloc(1, hf_method_mewma.state_size(&c, 2));

	hf_method_mewma.start(s, &c, &learn, 2);
	for (i = 0; i < 8000; i++) {
		common = tp_normal(&r);
		x[0] = 50 + common + 0.1 * tp_normal(&r);
		x[1] = 20 + common + 0.1 * tp_normal(&r);
		if (i >= 7000) { /* still within one sigma of its own */
			x[0] += 0.8;
			x[1] -= 0.8;
		}
		sc = (struct hf_score){.contrib = contrib};
		in.t_ns += TP_S;
		hf_method_mewma.step(s, &in, &sc);
		nfalse += i < 7000 && sc.score >= 1;
		nhit += i >= 7010 && sc.score >= 1;
		if (sc.score >= 1) {
			sum = contrib[0] + contrib[1];
			assert_near(sum, 1, 1e-9);
		}
	}
	assert_int_equal(nfalse, 0);
	assert_true(nhit > 900);
	free(s);
}

static void
mewma_carries_a_missing_value_and_leaves_out_a_constant_one(void **state)
{
	struct hf_mewma_conf c = {0.2, 4, 1.5, 0.01, TP_S};
	struct hf_learn learn = {.nsample = 300};
	double x[3], contrib[3];
	struct hf_step in = {0, x, 3};
	struct tp_rng r = {6};
	struct hf_score sc = {0};
	int i;
	void *s = calloc(1, hf_method_mewma.state_size(&c, 3));

	hf_method_mewma.start(s, &c, &learn, 3);
	for (i = 0; i < 400; i++) {
		x[0] = tp_normal(&r);
		x[1] = i % 7 == 0 ? NAN : tp_normal(&r);
		x[2] = 42;
		sc = (struct hf_score){.contrib = contrib};
		in.t_ns += TP_S;
		hf_method_mewma.step(s, &in, &sc);
	}
	assert_int_equal(sc.learning, HF_LS_READY);
	assert_true(isfinite(sc.statistic) && sc.score < 1);
	assert_true(contrib[2] == 0);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ewma_limits_are_the_textbook_formula),
	    cmocka_unit_test(ewma_limits_with_memory_agree_with_a_slow_oracle),
	    cmocka_unit_test(ewma_run_length_agrees_with_theory),
	    cmocka_unit_test(ewma_with_memory_stays_calm_on_a_wandering_signal),
	    cmocka_unit_test(ewma_learns_for_source_time_and_not_for_steps),
	    cmocka_unit_test(
		ewma_constant_while_learning_is_blind_and_says_why),
	    cmocka_unit_test(ewma_min_sigma_gives_a_constant_signal_limits),
	    cmocka_unit_test(ewma_huge_values_end_blind_or_finite_never_nan),
	    cmocka_unit_test(
		mewma_sees_a_broken_relation_that_each_signal_hides),
	    cmocka_unit_test(
		mewma_carries_a_missing_value_and_leaves_out_a_constant_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
