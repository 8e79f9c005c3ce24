/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_math_test.c - the arithmetic below the methods: elementary functions
 * against libm, factor and eigenvalues against their definitions, thinned
 * samples against sorting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/covar.h"
#include "detect/detmath.h"
#include "detect/linalg.h"
#include "detect/thin.h"
#include "detect_plant.h"

#define D 12

static double
relative(double got, double want)
{
	return want == 0 ? fabs(got) : fabs(got / want - 1);
}

static void
log_and_exp_agree_with_libm_to_the_last_bits(void **state)
{
	struct tp_rng r = {5};
	double x, worst = 0;
	int i;

	for (i = 0; i < 200000; i++) {
		x = ldexp(
		    1 + tp_uniform(&r), (int)(tp_uniform(&r) * 200) - 100);
		if (fabs(x - 1) > 1e-3)
			worst = fmax(worst, relative(hf_det_log(x), log(x)));
		x = (tp_uniform(&r) - 0.5) * 1400;
		if (x > -700)
			worst = fmax(worst, relative(hf_det_exp(x), exp(x)));
	}
	assert_true(worst < 4e-16);
	assert_true(hf_det_log(1) == 0);
	assert_true(hf_det_exp(0) == 1);
	assert_true(isinf(hf_det_log(0)) && isnan(hf_det_log(-1)));
	assert_true(isinf(hf_det_exp(710)) && hf_det_exp(-800) == 0);
	assert_true(relative(hf_det_pow(1.7, 3.3), pow(1.7, 3.3)) < 1e-14);
}

static void
quantiles_agree_with_tables(void **state)
{
	/* Abramowitz and Stegun, tables 26.1 and 26.8 */
	assert_true(fabs(hf_det_normal_quantile(0.975) - 1.959964) < 1e-6);
	assert_true(fabs(hf_det_normal_quantile(0.00135) + 2.99998) < 1e-4);
	assert_true(fabs(hf_det_normal_quantile(0.5)) < 1e-9);
	assert_true(isnan(hf_det_normal_quantile(0)));
	assert_true(relative(hf_det_chi_square(10, 1.644854), 18.307) < 2e-3);
	assert_true(relative(hf_det_chi_square(40, -1.644854), 26.509) < 2e-3);
}

static void
fill(struct tp_rng *r, double *S, size_t d)
{
	double a[D][D];
	size_t i, j, k;

	for (i = 0; i < d; i++)
		for (j = 0; j < d; j++)
			a[i][j] = tp_normal(r);
	for (i = 0; i < d; i++) {
		for (j = 0; j <= i; j++) {
			S[hf_tri(i) + j] = i == j ? 0.1 : 0;
			for (k = 0; k < d; k++)
				S[hf_tri(i) + j] += a[i][k] * a[j][k];
		}
	}
}

static double
at(const double *S, size_t i, size_t j)
{
	return i >= j ? S[hf_tri(i) + j] : S[hf_tri(j) + i];
}

static void
cholesky_solution_solves_the_equations(void **state)
{
	double S[D * (D + 1) / 2], G[D * (D + 1) / 2], b[D], y[D], sum;
	struct tp_rng r = {8};
	size_t i, j;

	fill(&r, S, D);
	for (i = 0; i < D; i++)
		b[i] = tp_normal(&r);
	assert_int_equal(hf_la_cholesky(S, D, G), HF_OK);
	hf_la_solve(G, D, b, y);
	for (i = 0; i < D; i++) {
		for (sum = 0, j = 0; j < D; j++)
			sum += at(S, i, j) * y[j];
		assert_true(fabs(sum - b[i]) < 1e-9);
	}
	S[hf_tri(3) + 3] = -1;
	assert_int_equal(hf_la_cholesky(S, D, G), HF_ECORRUPT);
}

static void
eigenvectors_are_orthonormal_and_rebuild_the_matrix(void **state)
{
	double S[D * (D + 1) / 2], val[D], vec[D * D], work[D * D], sum, dot;
	struct tp_rng r = {9};
	size_t i, j, k;
	int n;

	for (n = 0; n < 20; n++) {
		fill(&r, S, D);
		assert_int_equal(hf_la_eigen(S, D, val, vec, work), HF_OK);
		for (i = 0; i < D; i++) {
			assert_true(i == 0 || val[i] <= val[i - 1]);
			for (j = 0; j < D; j++) {
				for (sum = dot = 0, k = 0; k < D; k++) {
					sum += val[k] * vec[k * D + i] *
					       vec[k * D + j];
					dot += vec[i * D + k] * vec[j * D + k];
				}
				assert_true(fabs(sum - at(S, i, j)) < 1e-10);
				assert_true(fabs(dot - (i == j)) < 1e-12);
			}
		}
	}
}

/* A known matrix, equal eigenvalues, zero rows and one that is not finite. */
static void
eigenvalues_of_easy_and_hard_matrices(void **state)
{
	double S[] = {2, 1, 2, 0, 0, 0}, val[3], vec[9], work[9];
	double E[] = {1, 0, 1, 0, 0, 1};

	assert_int_equal(hf_la_eigen(S, 3, val, vec, work), HF_OK);
	assert_true(fabs(val[0] - 3) < 1e-15 && fabs(val[1] - 1) < 1e-15);
	assert_true(val[2] == 0);
	assert_true(fabs(vec[0] - sqrt(0.5)) < 1e-15);
	assert_int_equal(hf_la_eigen(E, 3, val, vec, work), HF_OK);
	assert_true(val[0] == 1 && val[2] == 1);
	E[1] = NAN;
	assert_int_equal(hf_la_eigen(E, 3, val, vec, work), HF_ECORRUPT);
}

static void
thinned_sample_is_evenly_spaced_over_all_values(void **state)
{
	double v[8], median, sigma;
	struct hf_thin t;
	uint32_t i;
	int n;

	for (n = 1; n < 300; n++) {
		hf_thin_init(&t, v, 8);
		for (i = 0; i < (uint32_t)n; i++)
			hf_thin_add(&t, i);
		assert_true(t.n <= 8 && (n < 8 || t.n >= 4));
		for (i = 0; i < t.n; i++)
			assert_true(v[i] == i * t.stride);
		assert_true((uint64_t)t.n * t.stride >= (uint64_t)n);
	}
	hf_thin_init(&t, v, 8);
	assert_false(hf_thin_robust(&t, &median, &sigma));
	for (i = 0; i < 7; i++)
		hf_thin_add(&t, i == 3 ? 1e9 : 10.0 + i);
	assert_true(hf_thin_robust(&t, &median, &sigma));
	assert_true(median == 14);
	assert_true(fabs(sigma - 1.4826 * 2) < 1e-12);
}

static void
covariance_with_gaps_is_that_of_the_values_there_are(void **state)
{
	struct tp_rng r = {31};
	struct hf_covar c;
	double x[4], mem[64], common;
	int i;

	assert_true(hf_covar_size(4) <= sizeof(mem));
	hf_covar_init(&c, mem, 4);
	for (i = 0; i < 20000; i++) {
		common = tp_normal(&r);
		x[0] = 5 + 2 * common;
		x[1] = i % 5 == 0 ? NAN : -3 + common + tp_normal(&r);
		x[2] = 7;
		x[3] = i % 3 == 0 ? tp_normal(&r) : NAN;
		hf_covar_add(&c, x);
	}
	assert_true(fabs(hf_covar_sd(&c, 0) - 2) < 0.05);
	assert_true(fabs(hf_covar_sd(&c, 1) - sqrt(2)) < 0.05);
	/* common rows are 4 of 5: shrunk by sqrt(0.8), never enlarged */
	assert_true(fabs(hf_covar_corr(&c, 0, 1) - sqrt(0.5 * 0.8)) < 0.02);
	assert_string_equal(hf_covar_why(&c, 2), HF_COVAR_TEXT_CONSTANT);
	assert_string_equal(hf_covar_why(&c, 3), HF_COVAR_TEXT_MISSING);
	assert_int_equal(hf_covar_nlive(&c), 2);
	assert_true(hf_covar_unit(&c, 0, NAN) == 0);
	assert_true(hf_covar_unit(&c, 2, 9) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(log_and_exp_agree_with_libm_to_the_last_bits),
	    cmocka_unit_test(quantiles_agree_with_tables),
	    cmocka_unit_test(cholesky_solution_solves_the_equations),
	    cmocka_unit_test(
		eigenvectors_are_orthonormal_and_rebuild_the_matrix),
	    cmocka_unit_test(eigenvalues_of_easy_and_hard_matrices),
	    cmocka_unit_test(thinned_sample_is_evenly_spaced_over_all_values),
	    cmocka_unit_test(
		covariance_with_gaps_is_that_of_the_values_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
