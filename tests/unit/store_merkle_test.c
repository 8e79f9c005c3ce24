/* SPDX-License-Identifier: Apache-2.0
 *
 * store_merkle_test.c - RFC 6962 tree hashes against known answers and against
 * the definition; tiles against the definition of tlog-tiles.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/merkle.h"

/* Leaves and roots of the reference trees of certificate transparency. */
static const char *const leaf_hex[8] = {"", "00", "10", "2021", "3031",
    "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
static const char *const root_hex[9] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

static void
roots_are_those_of_rfc_6962(void **state)
{
	uint8_t leaf[HF_SHA256_LEN], root[HF_SHA256_LEN], want[HF_SHA256_LEN];
	struct hf_merkle m;
	uint8_t raw[16];
	size_t i, n;

	(void)state;
	assert_int_equal(hf_merkle_init(&m, NULL), HF_OK);
	for (i = 0; i <= 8; i++) {
		hf_merkle_root(&m, root);
		assert_true(hf_unhex(want, sizeof(want), root_hex[i]));
		assert_memory_equal(root, want, sizeof(want));
		if (i == 8)
			break;
		n = strlen(leaf_hex[i]) / 2;
		assert_true(hf_unhex(raw, n, leaf_hex[i]));
		hf_treehash_leaf(m.th, raw, n, leaf);
		assert_int_equal(hf_merkle_append(&m, leaf, NULL), HF_OK);
	}
	hf_merkle_fini(&m);
}

/* MTH as the RFC defines it; depth is log2(n). */
static void
mth(struct hf_treehash *th, uint8_t (*leaf)[HF_SHA256_LEN], size_t n,
    uint8_t *out)
{
	uint8_t left[HF_SHA256_LEN], right[HF_SHA256_LEN];
	size_t k = 1;

	if (n == 1) {
		memcpy(out, leaf[0], HF_SHA256_LEN);
		return;
	}
	while (2 * k < n)
		k *= 2;
	mth(th, leaf, k, left);
	mth(th, leaf + k, n - k, right);
	hf_treehash_node(th, left, right, out);
}

#define NLEAF 1500

struct seen {
	uint8_t (*leaf)[HF_SHA256_LEN];
	struct hf_treehash *th;
	size_t n[2];
};

static int
check_tile(void *arg, unsigned level, uint64_t index,
    const struct hf_tile_row *row, struct hf_err *err)
{
	struct seen *s = arg;
	size_t span = level == 0 ? 1 : 256, i;
	uint8_t want[HF_SHA256_LEN];

	(void)err;
	assert_true(level < 2);
	assert_int_equal(index, s->n[level]);
	assert_int_equal(row->n, 256);
	for (i = 0; level == 0 && i < 256; i += 51) {
		mth(s->th, s->leaf + (index * 256 + i) * span, span, want);
		assert_memory_equal(row->hash[i], want, sizeof(want));
	}
	s->n[level]++;
	return HF_OK;
}

static void
every_size_agrees_with_the_definition(void **state)
{
	uint8_t(*leaf)[HF_SHA256_LEN] = calloc(NLEAF, sizeof(*leaf));
	uint8_t root[HF_SHA256_LEN], want[HF_SHA256_LEN];
	struct seen seen = {.leaf = leaf};
	struct hf_merkle m;
	size_t i;

	(void)state;
	assert_int_equal(hf_merkle_init(&m, NULL), HF_OK);
	m.full = check_tile;
	m.arg = &seen;
	seen.th = hf_treehash_new();
	for (i = 0; i < NLEAF; i++) {
		hf_treehash_leaf(m.th, &i, sizeof(i), leaf[i]);
		assert_int_equal(hf_merkle_append(&m, leaf[i], NULL), HF_OK);
		if (i % 37 != 0 && i > 70)
			continue;
		hf_merkle_root(&m, root);
		mth(seen.th, leaf, i + 1, want);
		assert_memory_equal(root, want, sizeof(want));
	}
	assert_int_equal(seen.n[0], NLEAF / 256);
	assert_int_equal(m.row[0].n, NLEAF % 256);
	assert_int_equal(m.row[1].n, NLEAF / 256);
	mth(seen.th, leaf + 256, 256, want);
	assert_memory_equal(m.row[1].hash[1], want, sizeof(want));
	hf_treehash_free(seen.th);
	hf_merkle_fini(&m);
	free(leaf);
}

static void
a_tree_goes_on_from_its_rows(void **state)
{
	struct hf_merkle a, b;
	uint8_t leaf[HF_SHA256_LEN], ra[HF_SHA256_LEN], rb[HF_SHA256_LEN];
	uint32_t i;

	(void)state;
	assert_int_equal(hf_merkle_init(&a, NULL), HF_OK);
	assert_int_equal(hf_merkle_init(&b, NULL), HF_OK);
	for (i = 0; i < 70000; i++) {
		if (i == 256 * 260)
			assert_int_equal(hf_merkle_restore(&b, i, a.row,
					     HF_TILE_LEVELS, NULL),
			    HF_OK);
		memset(leaf, (int)(i & 0xff), sizeof(leaf));
		memcpy(leaf, &i, sizeof(i));
		hf_merkle_append(&a, leaf, NULL);
		if (i >= 256 * 260)
			hf_merkle_append(&b, leaf, NULL);
	}
	hf_merkle_root(&a, ra);
	hf_merkle_root(&b, rb);
	assert_memory_equal(ra, rb, sizeof(ra));
	assert_int_equal(hf_tile_width(70000, 0), 112); /* as tlog-tiles says */
	assert_int_equal(hf_tile_width(70000, 1), 17);
	assert_int_equal(hf_tile_width(70000, 2), 1);
	hf_merkle_fini(&a);
	hf_merkle_fini(&b);
}

static void
restore_refuses_rows_that_do_not_fit_the_size(void **state)
{
	struct hf_tile_row *rows = calloc(HF_TILE_LEVELS, sizeof(*rows));
	struct hf_merkle m;

	(void)state;
	assert_int_equal(hf_merkle_init(&m, NULL), HF_OK);
	rows[1].n = 2;
	assert_int_equal(hf_merkle_restore(&m, 512, rows, 2, NULL), HF_OK);
	assert_int_equal(
	    hf_merkle_restore(&m, 256, rows, 2, NULL), HF_ECORRUPT);
	assert_int_equal(
	    hf_merkle_restore(&m, 513, rows, 2, NULL), HF_ECORRUPT);
	assert_int_equal(
	    hf_merkle_restore(&m, UINT64_C(1) << 60, rows, 2, NULL),
	    HF_ECORRUPT);
	hf_merkle_fini(&m);
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(roots_are_those_of_rfc_6962),
	    cmocka_unit_test(every_size_agrees_with_the_definition),
	    cmocka_unit_test(a_tree_goes_on_from_its_rows),
	    cmocka_unit_test(restore_refuses_rows_that_do_not_fit_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
