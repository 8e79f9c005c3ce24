/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_methods_test.c - cusum, t2, pca and season against theory and against
 * what they promise; promises that every method keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/detmath.h"
#include "detect_step.h"

#define HOUR (3600 * TP_S)
#define DAY (24 * HOUR)

static const struct hf_learn learn_1000 = {.nsample = 1000};

/* ---- cusum ---- */

/* A state that has learned mu 0 and sigma 1, by the layout in cusum.c. */
static void
load_standard(struct ds *d, const struct hf_cusum_conf *c)
{
	struct hf_buf b;
	struct hf_rd in;
	int i;

	hf_buf_init(&b, 1024);
	hf_buf_u8(&b, 1);
	hf_buf_u8(&b, HF_LS_READY);
	hf_buf_i64(&b, 0);
	hf_buf_i64(&b, 0);
	hf_buf_u64(&b, 100);
	hf_buf_f64(&b, 0);
	hf_buf_f64(&b, 99);
	hf_buf_f64(&b, 0); /* mu */
	hf_buf_f64(&b, 1); /* sigma */
	for (i = 0; i < 2; i++)
		hf_buf_f64(&b, c->fir ? c->h / 2 : 0);
	hf_buf_u8(&b, 0);
	hf_buf_u8(&b, 0);
	hf_rd_init(&in, b.p, b.len);
	assert_int_equal(d->m->load(d->state, &in), HF_OK);
	assert_int_equal(hf_rd_left(&in), 0);
	hf_buf_fini(&b);
}

static double
run_length(const struct hf_cusum_conf *c, double shift, int nrun)
{
	struct tp_rng r = {77};
	struct ds d;
	double sum = 0;
	int i;

	ds_init(&d, &hf_method_cusum, c, 1, learn_1000);
	for (i = 0; i < nrun; i++) {
		load_standard(&d, c);
		do
			sum++;
		while (ds_step1(&d, shift + tp_normal(&r))->score < 1);
	}
	ds_fini(&d);
	return sum / nrun;
}

/* Markov-chain values of Montgomery, table 9.3, and Lucas and Crosier 1982. */
static void
cusum_run_lengths_agree_with_theory(void **state)
{
	struct hf_cusum_conf c = {.k = 0.5, .h = 4};

	assert_true(fabs(run_length(&c, 0, 3000) / 168 - 1) < 0.08);
	assert_true(fabs(run_length(&c, 1, 3000) / 8.38 - 1) < 0.05);
	assert_true(fabs(run_length(&c, -2, 3000) / 3.34 - 1) < 0.05);
	c.h = 5;
	assert_true(fabs(run_length(&c, 0, 2000) / 465 - 1) < 0.08);
	assert_true(fabs(run_length(&c, 1, 3000) / 10.4 - 1) < 0.05);
	c.fir = true;
	assert_true(fabs(run_length(&c, 0, 2000) / 430 - 1) < 0.09);
	assert_true(fabs(run_length(&c, 1, 3000) / 6.35 - 1) < 0.06);
}

static void
cusum_learns_in_spite_of_odd_values(void **state)
{
	struct hf_cusum_conf c = {.k = 0.5, .h = 5};
	struct hf_learn l = {.nsample = 20000};
	struct tp_rng r = {4};
	struct ds d;
	int i;

	ds_init(&d, &hf_method_cusum, &c, 1, l);
	for (i = 0; i < 20000; i++)
		ds_step1(&d, i % 20 == 3 ? 5000 : 80 + 2 * tp_normal(&r));
	assert_int_equal(ds_step1(&d, 80)->learning, HF_LS_READY);
	assert_true(fabs(ds_learned(&d, "mu") - 80) < 0.5);
	assert_true(fabs(ds_learned(&d, "sigma") - 2) < 0.4);
	ds_fini(&d);
}

static void
cusum_names_direction_and_ends_with_the_shift(void **state)
{
	struct hf_cusum_conf c = {.k = 0.5, .h = 5};
	struct tp_rng r = {4};
	struct ds d;
	int i;

	ds_init(&d, &hf_method_cusum, &c, 1, learn_1000);
	load_standard(&d, &c);
	for (i = 0; i < 5000; i++)
		ds_step1(&d, -1.5 + tp_normal(&r));
	assert_true(d.score.score > 100);
	assert_string_equal(d.score.rule, "has shifted downwards");
	for (i = 0; i < 600 && d.score.score >= 1; i++)
		ds_step1(&d, tp_normal(&r));
	assert_true(i < 600);
	ds_step1(&d, 1e9); /* one wild value */
	assert_true(d.score.score >= 1 && d.score.score < 3);
	ds_step1(&d, 0);
	ds_step1(&d, 0);
	ds_step1(&d, 0);
	ds_step1(&d, 0);
	assert_true(d.score.score < 1);
	ds_fini(&d);
}

/* ---- groups ---- */

#define NV 6

/* Row of NV variables with one common factor, correlation 0.8. */
static void
factor_row(struct tp_rng *r, double *x)
{
	double common = sqrt(0.8) * tp_normal(r);
	int i;

	for (i = 0; i < NV; i++)
		x[i] = 10 * i + (1 + i) * (common + sqrt(0.2) * tp_normal(r));
}

static void
learn_factor(struct ds *d, const struct hf_method *m, const void *conf, int n)
{
	struct hf_learn l = {.nsample = n};
	struct tp_rng r = {15};
	double x[NV];
	int i;

	ds_init(d, m, conf, NV, l);
	for (i = 0; i < n; i++) {
		factor_row(&r, x);
		ds_step(d, x);
	}
}

static double
sum_of_contributions(const struct ds *d)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < d->nvar; i++)
		sum += d->contrib[i];
	return sum;
}

static void
t2_finds_a_broken_relation_within_each_range(void **state)
{
	struct hf_t2_conf c = {.L = 4, .factor = 1.5, .ridge = 0.001};
	struct tp_rng r = {16};
	struct ds d;
	double x[NV];
	int i, nalarm = 0;

	learn_factor(&d, &hf_method_t2, &c, 3000);
	for (i = 0; i < 3000; i++) {
		factor_row(&r, x);
		nalarm += ds_step(&d, x)->score >= 1;
		assert_true(fabs(sum_of_contributions(&d) - 1) < 1e-9);
	}
	assert_int_equal(d.score.learning, HF_LS_READY);
	assert_int_equal(nalarm, 0);
	for (i = 0; i < NV; i++) /* each within 2.3 sigmas of its own mean */
		x[i] = 10 * i + (1 + i) * (i == 2 ? -2.2 : 2.2);
	ds_step(&d, x);
	assert_true(d.score.score >= 1);
	for (i = 0; i < NV; i++)
		assert_true(i == 2 || d.contrib[2] > d.contrib[i]);
	assert_true(fabs(sum_of_contributions(&d) - 1) < 1e-9);
	ds_fini(&d);
}

static void
t2_has_the_distribution_of_theory(void **state)
{
	struct hf_t2_conf c = {.L = 3, .factor = 1, .ridge = 1e-6};
	struct tp_rng r = {18};
	struct ds d;
	double x[NV], sum = 0;
	int i;

	learn_factor(&d, &hf_method_t2, &c, 30000);
	for (i = 0; i < 20000; i++) {
		factor_row(&r, x);
		sum += ds_step(&d, x)->statistic;
	}
	assert_true(fabs(sum / 20000 / NV - 1) < 0.02); /* chi-square of 6 */
	ds_fini(&d);
}

/* With correlation 0.8 the eigenvalues are 5 and five times 0.2: Q is 0.2 times
 * a chi-square of 5 degrees, and Jackson and Mudholkar's formula becomes that
 * of Wilson and Hilferty. With a power of the sum in place of the sum of powers
 * it would be 70 % too large. */
static void
pca_q_limit_is_the_quantile_of_q(void **state)
{
	struct hf_pca_conf c = {.variance = 0.8, .L = 5, .factor = 1};
	struct tp_rng r = {17};
	struct ds d;
	double x[NV], want = 0.2 * hf_det_chi_square(5, 5);

	learn_factor(&d, &hf_method_pca, &c, 30000);
	factor_row(&r, x);
	ds_step(&d, x);
	assert_int_equal(d.score.learning, HF_LS_READY);
	assert_true(ds_learned(&d, "components") == 1);
	assert_true(fabs(ds_learned(&d, "variance_kept") - 5.0 / 6) < 0.01);
	assert_true(fabs(ds_learned(&d, "limit_q") / want - 1) < 0.03);
	assert_true(fabs(ds_learned(&d, "limit_t2") / hf_det_chi_square(1, 5) -
			 1) < 1e-12);
	ds_fini(&d);
}

static void
pca_says_whether_values_go_too_far_or_apart(void **state)
{
	struct hf_pca_conf c = {.variance = 0.8, .L = 4, .factor = 1.5};
	struct tp_rng r = {17};
	struct ds d;
	double x[NV];
	int i, nalarm = 0;

	learn_factor(&d, &hf_method_pca, &c, 3000);
	for (i = 0; i < 3000; i++) {
		factor_row(&r, x);
		nalarm += ds_step(&d, x)->score >= 1;
		assert_true(fabs(sum_of_contributions(&d) - 1) < 1e-9);
	}
	assert_int_equal(nalarm, 0);
	for (i = 0; i < NV; i++) /* all together, far out */
		x[i] = 10 * i + (1 + i) * 7;
	ds_step(&d, x);
	assert_true(d.score.score >= 1);
	assert_int_equal(strncmp(d.score.rule, "T2", 2), 0);
	assert_true(fabs(sum_of_contributions(&d) - 1) < 1e-9);
	for (i = 0; i < NV; i++) /* one against the others */
		x[i] = 10 * i + (1 + i) * (i == 4 ? -2 : 2);
	ds_step(&d, x);
	assert_true(d.score.score >= 1);
	assert_int_equal(strncmp(d.score.rule, "Q", 1), 0);
	assert_true(d.contrib[4] > 0.5);
	assert_true(fabs(sum_of_contributions(&d) - 1) < 1e-9);
	ds_fini(&d);
}

static void
pca_with_all_components_kept_has_no_q(void **state)
{
	struct hf_pca_conf c = {.variance = 1, .L = 4, .factor = 1.5};
	struct ds d;
	double x[NV] = {0};

	learn_factor(&d, &hf_method_pca, &c, 2000);
	ds_step(&d, x);
	assert_true(ds_learned(&d, "components") == NV);
	assert_true(ds_learned(&d, "limit_q") == 0);
	assert_int_equal(strncmp(d.score.rule, "T2", 2), 0);
	ds_fini(&d);
}

/* ---- season ---- */

static double
daily(struct tp_rng *r, int64_t t_ns, int64_t offset_ns)
{
	int64_t h = (t_ns + offset_ns) % DAY / HOUR;

	return (h >= 6 && h < 22 ? 100 : 20) + tp_normal(r);
}

static void
season_knows_day_from_night(void **state)
{
	struct hf_season_conf c = {
	    .slot_ns = HOUR, .nmin = 8, .L = 6, .offset_ns = HOUR};
	struct hf_learn l = {.dur_ns = 7 * DAY};
	struct tp_rng r = {2};
	int64_t t = 0;
	struct ds d;
	double x;

	ds_init(&d, &hf_method_season, &c, 1, l);
	for (; t < 14 * DAY; t += 10 * HF_NS_PER_S * 60) {
		x = daily(&r, t, HOUR);
		assert_true(ds_step_at(&d, t, &x)->score < 1);
	}
	assert_int_equal(d.score.learning, HF_LS_READY);
	x = 100; /* usual, but not at 2 in the morning of a clock at UTC+1 */
	ds_step_at(&d, 20 * DAY + HOUR, &x);
	assert_true(d.score.score >= 1);
	assert_true(fabs(d.score.centre - 20) < 1);
	assert_string_equal(d.score.rule, "above what is usual at this time");
	ds_step_at(&d, 20 * DAY + 12 * HOUR, &x);
	assert_true(d.score.score < 1);
	ds_fini(&d);
}

static void
season_slot_without_values_is_blind_and_says_so(void **state)
{
	struct hf_season_conf c = {.slot_ns = HOUR, .nmin = 8, .L = 5};
	struct hf_learn l = {.dur_ns = 5 * DAY};
	struct tp_rng r = {2};
	int64_t t;
	struct ds d;
	double x;

	ds_init(&d, &hf_method_season, &c, 1, l);
	for (t = 0; t < 6 * DAY; t += 1200 * TP_S) {
		x = daily(&r, t, 0);
		if (t % DAY / HOUR != 13) /* never sampled at lunch */
			ds_step_at(&d, t, &x);
	}
	assert_int_equal(d.score.learning, HF_LS_READY);
	assert_true(ds_learned(&d, "slots_blind") == 1);
	x = 1e6;
	ds_step_at(&d, 8 * DAY + 13 * HOUR, &x);
	assert_int_equal(d.score.learning, HF_LS_BLIND);
	assert_string_equal(
	    d.score.why_blind, "too few values learned for this time of day");
	assert_true(d.score.score < 1);
	ds_step_at(&d, 8 * DAY + 14 * HOUR, &x);
	assert_int_equal(d.score.learning, HF_LS_READY);
	assert_true(d.score.score >= 1);
	ds_fini(&d);
}

static void
season_of_a_week_tells_weekend_from_weekday(void **state)
{
	struct hf_season_conf c = {
	    .slot_ns = HOUR, .nmin = 8, .L = 6, .weekday = true};
	struct hf_learn l = {.dur_ns = 28 * DAY};
	struct tp_rng r = {2};
	int64_t t;
	struct ds d;
	double x;

	ds_init(&d, &hf_method_season, &c, 1, l);
	for (t = -3 * DAY; t < 30 * DAY; t += 600 * TP_S) {
		bool is_off = ((t / DAY + 70) % 7) >= 5;

		x = is_off && t >= 0 ? 20 + tp_normal(&r) : daily(&r, t, 0);
		if (t >= 0)
			ds_step_at(&d, t, &x);
	}
	x = 100;
	ds_step_at(&d, 35 * DAY + 12 * HOUR, &x);
	assert_true(d.score.score < 1);
	ds_step_at(&d, 40 * DAY + 12 * HOUR, &x);
	assert_true(d.score.score >= 1);
	ds_fini(&d);
}

static void
season_refuses_slots_that_do_not_divide_a_day(void **state)
{
	struct hf_season_conf c = {.slot_ns = 7 * HOUR, .nmin = 8, .L = 5};
	char why[200] = "";

	assert_int_equal(
	    hf_method_season.kind.check(&c, why, sizeof(why)), HF_EINVAL);
	assert_non_null(strstr(why, "slot"));
	c.slot_ns = HOUR;
	assert_int_equal(
	    hf_method_season.kind.check(&c, why, sizeof(why)), HF_OK);
	c.slot_ns = 60 * TP_S;
	assert_int_equal(
	    hf_method_season.kind.check(&c, why, sizeof(why)), HF_EINVAL);
}

/* ---- every method ---- */

static void *
defaults(const struct hf_method *m, struct tp *t)
{
	void *conf = hf_arena_alloc(t->p->arena, m->kind.size);

	tp_defaults(t, &m->kind, conf);
	return conf;
}

static void
state_of_every_method_fits_into_64_kib(void **state)
{
	struct tp t;
	size_t i, nvar;

	tp_init(&t, 1, 1);
	for (i = 0; i < hf_nmethod; i++) {
		nvar = hf_methods[i]->is_group ? HF_GROUP_NVAR : 1;
		assert_true(hf_methods[i]->state_size(
				defaults(hf_methods[i], &t), nvar) <= 65536);
	}
	tp_fini(&t);
}

/* A run that is saved and loaded before every step is the straight run. */
static void
every_method_goes_on_bit_for_bit_after_each_save(void **state)
{
	struct hf_learn l = {.nsample = 90};
	struct tp_rng r;
	struct tp t;
	struct ds a, b;
	double x[3];
	size_t i, k;
	int n;

	tp_init(&t, 1, 1);
	for (i = 0; i < hf_nmethod; i++) {
		const struct hf_method *m = hf_methods[i];
		void *conf = defaults(m, &t);
		size_t nvar = m->is_group ? 3 : 1;

		r.s = 99;
		ds_init(&a, m, conf, nvar, l);
		ds_init(&b, m, conf, nvar, l);
		for (n = 0; n < 300; n++) {
			for (k = 0; k < 3; k++)
				x[k] = tp_normal(&r) + (n > 200 ? 4 : 0);
			if (m->is_group && n % 7 == 3)
				x[1] = NAN;
			ds_step(&a, x);
			ds_reload(&b, conf, l);
			ds_step(&b, x);
			assert_int_equal(a.score.learning, b.score.learning);
			assert_memory_equal(&a.score.score, &b.score.score, 8);
			assert_ptr_equal(a.score.rule, b.score.rule);
		}
		ds_fini(&a);
		ds_fini(&b);
	}
	tp_fini(&t);
}

static void
no_method_takes_a_torn_state(void **state)
{
	struct hf_learn l = {.nsample = 60};
	struct tp_rng r = {3};
	double x[3];
	struct hf_buf buf;
	struct hf_rd in;
	struct tp t;
	struct ds d;
	size_t i, k, cut;
	int n;

	tp_init(&t, 1, 1);
	for (i = 0; i < hf_nmethod; i++) {
		const struct hf_method *m = hf_methods[i];
		void *conf = defaults(m, &t);

		ds_init(&d, m, conf, m->is_group ? 3 : 1, l);
		for (n = 0; n < 100; n++) {
			for (k = 0; k < 3; k++)
				x[k] = tp_normal(&r);
			ds_step(&d, x);
		}
		hf_buf_init(&buf, 1 << 20);
		m->save(d.state, &buf);
		for (cut = 0; cut < buf.len; cut += 1 + cut / 50) {
			m->start(d.state, conf, &l, d.nvar);
			hf_rd_init(&in, buf.p, cut);
			assert_int_equal(m->load(d.state, &in), HF_ECORRUPT);
		}
		hf_buf_fini(&buf);
		ds_fini(&d);
	}
	tp_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cusum_run_lengths_agree_with_theory),
	    cmocka_unit_test(cusum_learns_in_spite_of_odd_values),
	    cmocka_unit_test(cusum_names_direction_and_ends_with_the_shift),
	    cmocka_unit_test(t2_finds_a_broken_relation_within_each_range),
	    cmocka_unit_test(t2_has_the_distribution_of_theory),
	    cmocka_unit_test(pca_q_limit_is_the_quantile_of_q),
	    cmocka_unit_test(pca_says_whether_values_go_too_far_or_apart),
	    cmocka_unit_test(pca_with_all_components_kept_has_no_q),
	    cmocka_unit_test(season_knows_day_from_night),
	    cmocka_unit_test(season_slot_without_values_is_blind_and_says_so),
	    cmocka_unit_test(season_of_a_week_tells_weekend_from_weekday),
	    cmocka_unit_test(season_refuses_slots_that_do_not_divide_a_day),
	    cmocka_unit_test(state_of_every_method_fits_into_64_kib),
	    cmocka_unit_test(every_method_goes_on_bit_for_bit_after_each_save),
	    cmocka_unit_test(no_method_takes_a_torn_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
