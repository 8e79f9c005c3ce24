/* SPDX-License-Identifier: Apache-2.0
 *
 * base_arena_test.c - arenas hand out zeroed memory up to their limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

static void
memory_is_zeroed_and_aligned_also_after_reset(void **state)
{
	struct hf_arena *a = hf_arena_new(1 << 20);
	uint8_t *p;
	size_t i, n;
	int round;

	for (round = 0; round < 2; round++) {
		for (n = 1; n < 3000; n += 97) {
			p = hf_arena_alloc(a, n);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (i = 0; i < n; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, n);
		}
		hf_arena_reset(a);
		assert_int_equal(hf_arena_used(a), 0);
	}
	hf_arena_free(a);
}

static void
limit_is_kept_and_survives_a_refusal(void **state)
{
	struct hf_arena *a = hf_arena_new(64);

	assert_non_null(hf_arena_alloc(a, 48));
	assert_null(hf_arena_alloc(a, 17));
	assert_non_null(hf_arena_alloc(a, 16));
	assert_null(hf_arena_alloc(a, 1));
	assert_int_equal(hf_arena_used(a), 64);
	hf_arena_reset(a);
	assert_non_null(hf_arena_alloc(a, 64));
	hf_arena_free(a);
}

static void
overflowing_sizes_are_refused(void **state)
{
	struct hf_arena *a = hf_arena_new(SIZE_MAX);

	assert_null(hf_arena_alloc(a, SIZE_MAX));
	assert_null(hf_arena_calloc(a, SIZE_MAX / 2, 4));
	assert_non_null(hf_arena_calloc(a, 3, 5));
	hf_arena_free(a);
}

static void
strings_are_copied_and_terminated(void **state)
{
	struct hf_arena *a = hf_arena_new(1000);

	assert_string_equal(hf_arena_strdup(a, "press/line1"), "press/line1");
	assert_string_equal(hf_arena_strndup(a, "press", 2), "pr");
	assert_string_equal(hf_arena_strndup(a, "a\0b", 3), "a");
	assert_string_equal(hf_arena_printf(a, "%s-%d", "x", 42), "x-42");
	assert_null(hf_arena_printf(a, "%2000d", 1));
	hf_arena_free(a);
}

static void
items_do_not_overlap_over_many_blocks(void **state)
{
	struct hf_arena *a = hf_arena_new(16 << 20);
	uint32_t *item[2000];
	size_t i, k, n;

	for (i = 0; i < 2000; i++) {
		n = 1 + i % 61 * 16;
		item[i] = hf_arena_calloc(a, n, sizeof(uint32_t));
		assert_non_null(item[i]);
		for (k = 0; k < n; k++)
			item[i][k] = (uint32_t)i;
	}
	for (i = 0; i < 2000; i++) {
		for (k = 0; k < 1 + i % 61 * 16; k++)
			assert_int_equal(item[i][k], i);
	}
	hf_arena_free(a);
	hf_arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_is_zeroed_and_aligned_also_after_reset),
	    cmocka_unit_test(limit_is_kept_and_survives_a_refusal),
	    cmocka_unit_test(overflowing_sizes_are_refused),
	    cmocka_unit_test(strings_are_copied_and_terminated),
	    cmocka_unit_test(items_do_not_overlap_over_many_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
