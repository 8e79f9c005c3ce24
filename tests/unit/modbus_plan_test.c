/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_plan_test.c - the planner against a brute-force optimum, and its
 * rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "field/modbus/plan.h"

#define S INT64_C(1000000000)
#define NMAP 400 /* random maps */
#define NBRUTE 9 /* points of a map that is planned by brute force */

static uint64_t prng;

static uint32_t
pick(uint32_t n)
{
	prng = prng * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(prng >> 33) % n;
}

static struct hf_mb_rules
rules(uint16_t gap, uint16_t span)
{
	return (struct hf_mb_rules){
	    .gap = gap, .span = span, .stamp = HF_MB_NO_POINT};
}

static bool
is_forbidden(const struct hf_mb_rules *r, uint8_t fn, uint32_t at)
{
	size_t i;

	for (i = 0; i < r->nforbidden; i++)
		if (r->forbidden[i].fn == fn && at >= r->forbidden[i].first &&
		    at <= r->forbidden[i].last)
			return true;
	return false;
}

/* What must hold for any plan. */
static void
check_sound(const struct hf_mb_plan *plan)
{
	unsigned *seen = calloc(plan->npt + 1, sizeof(*seen));
	size_t i, k;
	uint32_t at;

	for (i = 0; i < plan->nblock; i++) {
		const struct hf_mb_block *b = &plan->blocks[i];
		uint32_t max = plan->rules.span;

		assert_true(b->nitem > 0);
		if (b->fn <= HF_MB_DISCRETE)
			max *= HF_MB_BITS_PER_REG;
		assert_in_range(b->count, 1, max);
		for (at = b->first; at < (uint32_t)b->first + b->count; at++)
			assert_false(is_forbidden(&plan->rules, b->fn, at));
		for (k = 0; k < b->nitem; k++) {
			uint32_t pt = plan->items[b->item0 + k];
			const struct hf_mb_point *p = &plan->pts[pt];

			seen[pt]++;
			assert_int_equal(p->unit, b->unit);
			assert_int_equal(p->fn, b->fn);
			assert_true(p->interval_ns == b->interval_ns);
			assert_true(p->first >= b->first);
			assert_true(p->first + p->count <= b->first + b->count);
		}
	}
	for (i = 0; i < plan->npt; i++)
		assert_int_equal(seen[i], i == plan->rules.stamp ? 0 : 1);
	free(seen);
}

/* May the points of this set be one request? Registers that no point of the set
 * wants count as gaps. */
static bool
may_be_one(const struct hf_mb_point *pts, size_t n, unsigned set,
    const struct hf_mb_rules *r)
{
	uint32_t lo = UINT32_MAX, hi = 0, run = 0, at;
	bool want[512] = {false};
	size_t i;

	for (i = 0; i < n; i++) {
		if (!(set >> i & 1))
			continue;
		for (at = pts[i].first;
		     at < (uint32_t)pts[i].first + pts[i].count; at++)
			want[at] = true;
		lo = pts[i].first < lo ? pts[i].first : lo;
		hi = pts[i].first + pts[i].count > hi
			 ? pts[i].first + pts[i].count
			 : hi;
	}
	if (hi - lo > r->span)
		return false;
	for (at = lo; at < hi; at++) {
		run = want[at] ? 0 : run + 1;
		if (run > r->gap || is_forbidden(r, HF_MB_HOLDING, at))
			return false;
	}
	return true;
}

/* The fewest requests: dynamic programming over all subsets. */
static unsigned
optimum(const struct hf_mb_point *pts, size_t n, const struct hf_mb_rules *r)
{
	unsigned full = (1u << n) - 1, set, sub, best[1u << NBRUTE];

	best[0] = 0;
	for (set = 1; set <= full; set++) {
		best[set] = UINT32_MAX;
		for (sub = set; sub > 0; sub = (sub - 1) & set)
			if (best[set & ~sub] + 1 < best[set] &&
			    may_be_one(pts, n, sub, r))
				best[set] = best[set & ~sub] + 1;
	}
	return best[full];
}

static size_t
random_points(
    struct hf_mb_point *pts, const struct hf_mb_rules *r, uint32_t space)
{
	size_t i, n = 1 + pick(NBRUTE);

	for (i = 0; i < n; i++) {
		do {
			pts[i] = (struct hf_mb_point){.unit = 1,
			    .fn = HF_MB_HOLDING,
			    .interval_ns = S,
			    .type = HF_T_U16,
			    .bit = -1};
			pts[i].first = (uint16_t)pick(space);
			pts[i].count = (uint16_t)(1 + pick(pick(4) ? 4 : 20));
		} while (hf_mb_plan_point_ok(&pts[i], r, NULL) != HF_OK);
	}
	return n;
}

static void
random_maps_need_no_more_requests_than_the_optimum(void **state)
{
	struct hf_mb_point pts[NBRUTE];
	struct hf_mb_plan plan;
	unsigned got = 0, want = 0, one;
	size_t i, n;

	prng = 20240501;
	for (i = 0; i < NMAP; i++) {
		struct hf_mb_range bad[2] = {
		    {HF_MB_HOLDING, (uint16_t)pick(100), 0},
		    {HF_MB_HOLDING, (uint16_t)pick(100), 0},
		};
		struct hf_mb_rules r =
		    rules((uint16_t)pick(17), (uint16_t)(20 + pick(40)));

		bad[0].last = (uint16_t)(bad[0].first + pick(4));
		bad[1].last = (uint16_t)(bad[1].first + pick(4));
		r.forbidden = bad;
		r.nforbidden = pick(3);
		n = random_points(pts, &r, 40 + pick(120));
		assert_int_equal(
		    hf_mb_plan_init(&plan, pts, n, &r, NULL), HF_OK);
		check_sound(&plan);
		one = optimum(pts, n, &r);
		assert_true(plan.nblock >= one);
		got += (unsigned)plan.nblock;
		want += one;
		hf_mb_plan_fini(&plan);
	}
	assert_true(want > NMAP);
	/* The goal is 5 % more; greedy is exact. */
	assert_int_equal(got, want);
}

static size_t
nblock_of(const struct hf_mb_point *pts, size_t n, struct hf_mb_rules r)
{
	struct hf_mb_plan plan;
	size_t nblock;

	assert_int_equal(hf_mb_plan_init(&plan, pts, n, &r, NULL), HF_OK);
	check_sound(&plan);
	nblock = plan.nblock;
	hf_mb_plan_fini(&plan);
	return nblock;
}

static struct hf_mb_point
hr(uint16_t first, uint16_t count)
{
	return (struct hf_mb_point){.unit = 1,
	    .fn = HF_MB_HOLDING,
	    .first = first,
	    .count = count,
	    .interval_ns = S,
	    .bit = -1};
}

static void
gap_limit_is_exact(void **state)
{
	struct hf_mb_point pts[2] = {hr(0, 1), hr(17, 1)};

	assert_int_equal(nblock_of(pts, 2, rules(16, 120)), 1);
	assert_int_equal(nblock_of(pts, 2, rules(15, 120)), 2);
}

static void
span_limit_is_exact(void **state)
{
	struct hf_mb_point pts[2] = {hr(0, 1), hr(119, 1)};

	assert_int_equal(nblock_of(pts, 2, rules(124, 120)), 1);
	assert_int_equal(nblock_of(pts, 2, rules(124, 119)), 2);
}

static void
units_functions_and_intervals_are_never_mixed(void **state)
{
	struct hf_mb_point pts[4] = {hr(0, 1), hr(1, 1), hr(2, 1), hr(3, 1)};

	pts[1].unit = 2;
	pts[2].fn = HF_MB_INPUT;
	pts[3].interval_ns = 2 * S;
	assert_int_equal(nblock_of(pts, 4, rules(16, 120)), 4);
}

static void
forbidden_register_in_a_gap_parts_the_read(void **state)
{
	const struct hf_mb_range bad = {HF_MB_HOLDING, 3, 3};
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_point pts[2] = {hr(0, 2), hr(5, 1)};

	assert_int_equal(nblock_of(pts, 2, r), 1);
	r.forbidden = &bad;
	r.nforbidden = 1;
	assert_int_equal(nblock_of(pts, 2, r), 2);
}

static void
tag_in_a_forbidden_range_or_longer_than_the_span_is_refused(void **state)
{
	const struct hf_mb_range bad = {HF_MB_HOLDING, 3, 3};
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_point p = hr(2, 2);
	struct hf_mb_plan plan;

	r.forbidden = &bad;
	r.nforbidden = 1;
	assert_int_equal(hf_mb_plan_init(&plan, &p, 1, &r, NULL), HF_EINVAL);
	p = hr(10, 4);
	r.span = 3;
	assert_int_equal(hf_mb_plan_init(&plan, &p, 1, &r, NULL), HF_EINVAL);
}

static void
coils_use_the_bit_limits(void **state)
{
	struct hf_mb_point pts[2] = {hr(0, 1), hr(1919, 1)};

	pts[0].fn = pts[1].fn = HF_MB_COILS;
	assert_int_equal(nblock_of(pts, 2, rules(120, 120)), 1);
	pts[1].first = 1920;
	assert_int_equal(nblock_of(pts, 2, rules(120, 120)), 2);
}

static void
stamp_is_read_with_its_tags_whatever_the_gap(void **state)
{
	struct hf_mb_point pts[4] = {
	    hr(100, 4), hr(1, 4), hr(60, 4), hr(110, 4)};
	struct hf_mb_rules r = rules(2, 120);
	struct hf_mb_plan plan;

	r.stamp = 0;
	assert_int_equal(hf_mb_plan_init(&plan, pts, 4, &r, NULL), HF_OK);
	check_sound(&plan);
	assert_int_equal(plan.nblock, 1);
	assert_true(plan.blocks[0].has_stamp);
	assert_int_equal(plan.blocks[0].first, 1);
	assert_int_equal(plan.blocks[0].count, 113);
	hf_mb_plan_fini(&plan);
}

static void
stamp_window_takes_most_tags_and_the_rest_goes_without(void **state)
{
	struct hf_mb_point pts[5] = {
	    hr(100, 4), hr(0, 1), hr(150, 1), hr(200, 1), hr(180, 1)};
	struct hf_mb_rules r = rules(0, 120);
	struct hf_mb_plan plan;
	size_t i, n = 0;

	r.stamp = 0;
	assert_int_equal(hf_mb_plan_init(&plan, pts, 5, &r, NULL), HF_OK);
	check_sound(&plan);
	assert_int_equal(plan.nblock, 2);
	for (i = 0; i < plan.nblock; i++)
		n += plan.blocks[i].has_stamp ? plan.blocks[i].nitem : 0;
	assert_int_equal(n, 3);
	hf_mb_plan_fini(&plan);
}

static void
each_interval_gets_the_stamp(void **state)
{
	struct hf_mb_point pts[3] = {hr(0, 4), hr(4, 4), hr(8, 4)};
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_plan plan;

	pts[2].interval_ns = 5 * S;
	r.stamp = 0;
	assert_int_equal(hf_mb_plan_init(&plan, pts, 3, &r, NULL), HF_OK);
	check_sound(&plan);
	assert_int_equal(plan.nblock, 2);
	assert_true(plan.blocks[0].has_stamp && plan.blocks[1].has_stamp);
	hf_mb_plan_fini(&plan);
}

static void
splitting_ends_with_single_points_and_stays_sound(void **state)
{
	struct hf_mb_point pts[7];
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_plan plan;
	size_t i, nsplit = 0;

	for (i = 0; i < 7; i++)
		pts[i] = hr((uint16_t)(10 * i), 2);
	r.stamp = 3;
	assert_int_equal(hf_mb_plan_init(&plan, pts, 7, &r, NULL), HF_OK);
	for (i = 0; i < plan.nblock; i++) {
		while (hf_mb_plan_split(&plan, i) != HF_MB_NO_POINT) {
			check_sound(&plan);
			assert_true(++nsplit < 100);
		}
		assert_int_equal(plan.blocks[i].nitem, 1);
		assert_false(plan.blocks[i].has_stamp);
	}
	assert_int_equal(plan.nblock, 6);
	hf_mb_plan_fini(&plan);
}

static void
bits_of_one_register_stay_together_when_split(void **state)
{
	struct hf_mb_point pts[4] = {hr(5, 1), hr(5, 1), hr(5, 1), hr(6, 1)};
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_plan plan;

	assert_int_equal(hf_mb_plan_init(&plan, pts, 4, &r, NULL), HF_OK);
	assert_int_equal(plan.nblock, 1);
	assert_int_equal(hf_mb_plan_split(&plan, 0), 1);
	assert_int_equal(plan.blocks[0].nitem, 3);
	assert_int_equal(hf_mb_plan_split(&plan, 0), HF_MB_NO_POINT);
	hf_mb_plan_fini(&plan);
}

static void
plan_load_is_the_sum_over_blocks(void **state)
{
	struct hf_mb_point pts[2] = {hr(0, 1), hr(500, 1)};
	struct hf_mb_rules r = rules(16, 120);
	struct hf_mb_plan plan;

	pts[1].interval_ns = S / 4;
	assert_int_equal(hf_mb_plan_init(&plan, pts, 2, &r, NULL), HF_OK);
	assert_true(hf_mb_plan_hz(&plan) == 5.0);
	hf_mb_plan_fini(&plan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		random_maps_need_no_more_requests_than_the_optimum),
	    cmocka_unit_test(gap_limit_is_exact),
	    cmocka_unit_test(span_limit_is_exact),
	    cmocka_unit_test(units_functions_and_intervals_are_never_mixed),
	    cmocka_unit_test(forbidden_register_in_a_gap_parts_the_read),
	    cmocka_unit_test(
		tag_in_a_forbidden_range_or_longer_than_the_span_is_refused),
	    cmocka_unit_test(coils_use_the_bit_limits),
	    cmocka_unit_test(stamp_is_read_with_its_tags_whatever_the_gap),
	    cmocka_unit_test(
		stamp_window_takes_most_tags_and_the_rest_goes_without),
	    cmocka_unit_test(each_interval_gets_the_stamp),
	    cmocka_unit_test(splitting_ends_with_single_points_and_stays_sound),
	    cmocka_unit_test(bits_of_one_register_stay_together_when_split),
	    cmocka_unit_test(plan_load_is_the_sum_over_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
