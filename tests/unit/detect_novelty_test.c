/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_novelty_test.c - novelty against a slow oracle, and what it calls
 * news.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_step.h"

#define NLEARN 400
#define NOW_N 3000
#define DAY 48 /* values of one period */

static const struct hf_learn learn = {.nsample = NLEARN};
static const struct hf_novelty_conf conf = {.limit = 1.25, .memory = 0.4};

/* ---- the oracle: everything stored, nothing recursive but means ---- */

struct deviations {
	size_t n;
	double r[NOW_N];
};

struct oracle {
	size_t n, npattern, since_news;
	double x[NOW_N], fast, slow, var, lo, hi, news;
	double pattern[NOW_N][16];
	size_t used[NOW_N];
	struct deviations d[3];
};

static double class(double r)
{
	double octave = floor(log2(r));

	return r > 0 ? octave * 8 + floor((r / exp2(octave) - 1) * 8) : -1e9;
}

static double
oracle_surprise(struct deviations *d, double r)
{
	double more = 0, same = 0, largest = 0, s = 0;
	size_t i;

	for (i = 0; i < d->n; i++) {
		more += class(d->r[i]) > class(r);
		same += class(d->r[i]) == class(r);
		largest = fmax(largest, d->r[i]);
	}
	if (d->n >= 30) {
		s = -log((more + same / 2 + 1) / ((double)d->n + 2));
		if (more + same == 0 && r > 0 && largest > 0)
			s += log(r / largest);
		s /= log((double)d->n + 10);
	}
	d->r[d->n++] = r;
	return s;
}

static double
oracle_shift(struct oracle *o, double x)
{
	double g = fmax(0.005, 1.0 / (double)o->n), d, r = 0;

	if (o->n == 1)
		o->fast = o->slow = x;
	d = x - o->slow;
	o->fast += fmax(0.05, 1.0 / (double)o->n) * (x - o->fast);
	if (o->var > 0)
		r = fabs(o->fast - o->slow) / sqrt(o->var);
	o->slow += g * d;
	o->var = (1 - g) * (o->var + g * d * d);
	return r;
}

static double
oracle_range(struct oracle *o, double x)
{
	double r = 0;

	if (o->n == 1)
		o->lo = o->hi = x;
	if (o->hi > o->lo)
		r = fmax(0, fmax(x - o->hi, o->lo - x)) / (o->hi - o->lo);
	o->hi = fmax(o->hi, x);
	o->lo = fmin(o->lo, x);
	o->hi -= 0.0003 * (o->hi - x);
	o->lo += 0.0003 * (x - o->lo);
	return r;
}

static double
oracle_shape(struct oracle *o)
{
	double v[16], d, least = INFINITY, sum;
	size_t i, k, at = 0, had = o->npattern;

	if (o->n < 96 + 5)
		return -1;
	for (i = 0; i < 16; i++) {
		sum = 0;
		for (k = 0; k < 6; k++)
			sum += o->x[o->n - 1 - 6 * i - k];
		v[i] = sum / 6;
	}
	for (i = 0; i < had; i++) {
		d = 0;
		for (k = 0; k < 16; k++)
			d += pow(o->pattern[i][k] - v[k], 2);
		if (d < least) {
			least = d;
			at = i;
		}
	}
	if (had > 0)
		o->used[at] = o->n;
	if (o->n % 6 == 3) {
		at = o->npattern < 256 ? o->npattern++ : 0;
		for (i = 1; had == 256 && i < 256; i++)
			if (o->used[i] < o->used[at])
				at = i;
		memcpy(o->pattern[at], v, sizeof(v));
		o->used[at] = o->n;
	}
	return had > 8 ? sqrt(least) : -1;
}

/* The statistic after x. */
static double
oracle_step(struct oracle *o, double x)
{
	static const double weight[] = {1, 0.5, 2};
	double r[3], s = 0, level = 0;
	int i;

	o->x[o->n++] = x;
	r[0] = oracle_shift(o, x);
	r[1] = oracle_range(o, x);
	r[2] = oracle_shape(o);
	for (i = 0; i < 3; i++)
		if (r[i] >= 0)
			s += weight[i] *
			     fmax(0, oracle_surprise(&o->d[i], r[i]) - 0.1);
	if (o->n <= NLEARN)
		return 0;
	o->since_news++;
	if (o->since_news < 160)
		level = o->news * (1 - (double)o->since_news / 160);
	if (s <= 0 || (level > 0 && s <= 1.25 * level))
		return 0;
	o->news = s;
	o->since_news = 0;
	return s;
}

static double
daily(struct tp_rng *r, size_t i)
{
	return 20 + 5 * sin((double)i * 6.283185307179586 / DAY) +
	       0.3 * tp_normal(r);
}

static void
novelty_agrees_with_a_slow_oracle(void **state)
{
	static struct oracle o;
	struct tp_rng r = {5};
	struct ds d;
	double x, want, got;
	size_t i, nnews = 0;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	for (i = 0; i < NOW_N; i++) {
		x = daily(&r, i) + (i > 1500 && i < 1600 ? 4 : 0) +
		    (i % 700 == 699 ? 15 : 0);
		want = oracle_step(&o, x);
		got = ds_step1(&d, x)->statistic;
		if (i < NLEARN)
			continue;
		if (!(fabs(got - want) < 1e-9))
			fail_msg(
			    "value %zu: got %.12g, want %.12g", i, got, want);
		nnews += got >= conf.limit;
	}
	assert_true(o.npattern == 256); /* some were replaced */
	assert_in_range(nnews, 2, 40);
	ds_fini(&d);
}

/* ---- what is news ---- */

/* Feeds [from, to) of the daily course plus shift; returns how many scores
 * were 1 and more, *first the first. */
static size_t
feed(struct ds *d, struct tp_rng *r, size_t from, size_t to, double shift,
    size_t *first)
{
	const struct hf_score *s;
	size_t i, n = 0;

	for (i = from; i < to; i++) {
		s = ds_step1(d, daily(r, i) + shift);
		if (s->learning != HF_LS_READY || s->score < 1)
			continue;
		if (n++ == 0)
			*first = i;
	}
	return n;
}

static void
novelty_reports_a_new_level_within_ten_values_and_not_again(void **state)
{
	struct tp_rng r = {11};
	size_t first = 0, n;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	assert_in_range(feed(&d, &r, 0, 2000, 0, &first), 0, 4);
	n = feed(&d, &r, 2000, 2100, 12, &first);
	assert_in_range(n, 1, 4);
	assert_in_range(first, 2000, 2010);
	ds_fini(&d);
}

static void
novelty_reports_a_course_not_seen_although_each_value_was(void **state)
{
	struct tp_rng r = {12};
	const struct hf_score *s = NULL;
	size_t i, first = 0;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	feed(&d, &r, 0, 2000, 0, &first);
	for (i = 2000; i < 2000 + 2 * DAY; i++) {
		s = ds_step1(&d, 20 + 0.3 * tp_normal(&r)); /* flat */
		if (s->score >= 1)
			break;
	}
	assert_true(s->score >= 1);
	assert_string_equal(s->rule, "course not seen before");
	ds_fini(&d);
}

static void
novelty_is_silent_while_learning(void **state)
{
	struct tp_rng r = {13};
	size_t first = 0;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	assert_int_equal(feed(&d, &r, 0, NLEARN - 10, 0, &first), 0);
	assert_int_equal(feed(&d, &r, NLEARN - 10, NLEARN, 50, &first), 0);
	assert_int_equal(d.score.learning, HF_LS_LEARNING);
	assert_true(hf_method_novelty.progress(d.state) == 1);
	ds_step1(&d, 20);
	assert_int_equal(d.score.learning, HF_LS_READY);
	ds_fini(&d);
}

static void
novelty_calls_the_first_change_of_a_constant_signal_news(void **state)
{
	struct ds d;
	int i;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	for (i = 0; i < 1000; i++)
		assert_false(ds_step1(&d, 7)->score >= 1);
	assert_true(ds_step1(&d, 8)->score >= 1);
	ds_fini(&d);
}

static void
novelty_scores_stay_finite_for_huge_values(void **state)
{
	static const double huge[] = {1.7e308, -1.7e308, 1e300, 5e-324, 0};
	struct tp_rng r = {14};
	size_t first = 0, i;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	feed(&d, &r, 0, 600, 0, &first);
	for (i = 0; i < 500; i++) {
		ds_step1(&d, huge[i % 5]);
		assert_true(isfinite(d.score.score));
		assert_true(isfinite(d.score.statistic));
	}
	ds_fini(&d);
}

/* Cuts in learning, before and behind the wrap of the window and patterns. */
static void
novelty_restored_run_is_the_straight_run(void **state)
{
	static const size_t cuts[] = {0, 3, 50, 105, 399, 400, 1000, 1800};
	size_t i, k = 0;
	struct tp_rng r = {15};
	struct ds a, b;
	double x;

	ds_init(&a, &hf_method_novelty, &conf, 1, learn);
	ds_init(&b, &hf_method_novelty, &conf, 1, learn);
	for (i = 0; i < 2500; i++) {
		if (k < 8 && i == cuts[k]) {
			ds_reload(&b, &conf, learn);
			k++;
		}
		x = daily(&r, i) + (i % 300 == 0 ? 9 : 0);
		ds_step1(&a, x);
		ds_step1(&b, x);
		assert_memory_equal(&a.score.score, &b.score.score, 8);
		assert_ptr_equal(a.score.rule, b.score.rule);
	}
	assert_int_equal(k, 8);
	ds_fini(&a);
	ds_fini(&b);
}

static void
novelty_refuses_damaged_states(void **state)
{
	struct tp_rng r = {16};
	size_t first = 0, i, nbad = 0;
	struct hf_buf b;
	struct hf_rd in;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	feed(&d, &r, 0, 900, 0, &first);
	hf_buf_init(&b, 1 << 20);
	d.m->save(d.state, &b);
	assert_true(b.len <= 65536);
	for (i = 0; i < b.len; i += 97) { /* cut short */
		d.m->start(d.state, &conf, &learn, 1);
		hf_rd_init(&in, b.p, i);
		assert_int_equal(d.m->load(d.state, &in), HF_ECORRUPT);
	}
	for (i = 0; i < b.len; i++) { /* a flipped bit never crashes it */
		b.p[i] ^= 0x80;
		d.m->start(d.state, &conf, &learn, 1);
		hf_rd_init(&in, b.p, b.len);
		nbad += d.m->load(d.state, &in) != HF_OK;
		if (i % 64 == 0)
			ds_step1(&d, 20);
		b.p[i] ^= 0x80;
	}
	assert_true(nbad > 100);
	hf_buf_fini(&b);
	ds_fini(&d);
}

static void
novelty_says_what_is_new(void **state)
{
	struct tp_rng r = {17};
	size_t first = 0;
	struct hf_buf b;
	struct ds d;

	ds_init(&d, &hf_method_novelty, &conf, 1, learn);
	feed(&d, &r, 0, 2000, 0, &first);
	ds_step1(&d, 60);
	hf_buf_init(&b, 1000);
	d.m->say(d.state, &d.score, 60, "bar", &b);
	assert_ptr_equal(strstr(hf_buf_cstr(&b), "60 bar: "), hf_buf_cstr(&b));
	assert_non_null(strstr(hf_buf_cstr(&b), d.score.rule));
	assert_non_null(strstr(hf_buf_cstr(&b), "range 1."));
	hf_buf_fini(&b);
	ds_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(novelty_agrees_with_a_slow_oracle),
	    cmocka_unit_test(
		novelty_reports_a_new_level_within_ten_values_and_not_again),
	    cmocka_unit_test(
		novelty_reports_a_course_not_seen_although_each_value_was),
	    cmocka_unit_test(novelty_is_silent_while_learning),
	    cmocka_unit_test(
		novelty_calls_the_first_change_of_a_constant_signal_news),
	    cmocka_unit_test(novelty_scores_stay_finite_for_huge_values),
	    cmocka_unit_test(novelty_restored_run_is_the_straight_run),
	    cmocka_unit_test(novelty_refuses_damaged_states),
	    cmocka_unit_test(novelty_says_what_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
