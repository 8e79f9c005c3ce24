/* SPDX-License-Identifier: Apache-2.0
 *
 * base_map_test.c - maps find what was put, refuse doubles, keep their limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/err.h"
#include "base/map.h"

#define N 5000

static void
map64_finds_every_key_and_no_other(void **state)
{
	struct hf_map64 *m = hf_map64_new(N);
	static int val[N];
	uint64_t i;

	assert_null(hf_map64_get(m, 0));
	for (i = 0; i < N; i++)
		assert_int_equal(hf_map64_put(m, i << 32, &val[i]), HF_OK);
	for (i = 0; i < N; i++) {
		assert_ptr_equal(hf_map64_get(m, i << 32), &val[i]);
		assert_null(hf_map64_get(m, i << 32 | 1));
	}
	assert_int_equal(hf_map64_count(m), N);
	hf_map64_free(m);
	hf_map64_free(NULL);
}

static void
map64_refuses_a_second_value_and_one_over_the_limit(void **state)
{
	struct hf_map64 *m = hf_map64_new(2);
	int a, b;

	assert_int_equal(hf_map64_put(m, 0, &a), HF_OK);
	assert_int_equal(hf_map64_put(m, 0, &b), HF_EEXIST);
	assert_ptr_equal(hf_map64_get(m, 0), &a);
	assert_int_equal(hf_map64_put(m, UINT64_MAX, &b), HF_OK);
	assert_int_equal(hf_map64_put(m, 1, &b), HF_ELIMIT);
	assert_int_equal(hf_map64_put(m, 0, &b), HF_EEXIST);
	assert_int_equal(hf_map64_count(m), 2);
	hf_map64_free(m);
}

static void
strmap_compares_text_not_pointers(void **state)
{
	struct hf_strmap *m = hf_strmap_new(N);
	static char key[N][24];
	char again[24];
	int i;

	for (i = 0; i < N; i++) {
		snprintf(key[i], sizeof(key[i]), "line/%d", i);
		assert_int_equal(hf_strmap_put(m, key[i], key[i]), HF_OK);
	}
	for (i = 0; i < N; i++) {
		snprintf(again, sizeof(again), "line/%d", i);
		assert_ptr_equal(hf_strmap_get(m, again), key[i]);
	}
	assert_null(hf_strmap_get(m, "line/"));
	assert_null(hf_strmap_get(m, ""));
	snprintf(again, sizeof(again), "line/%d", 7);
	assert_int_equal(hf_strmap_put(m, again, again), HF_EEXIST);
	assert_int_equal(hf_strmap_put(m, "new", again), HF_ELIMIT);
	assert_int_equal(hf_strmap_count(m), N);
	hf_strmap_free(m);
	hf_strmap_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(map64_finds_every_key_and_no_other),
	    cmocka_unit_test(
		map64_refuses_a_second_value_and_one_over_the_limit),
	    cmocka_unit_test(strmap_compares_text_not_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
