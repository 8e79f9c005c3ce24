/* SPDX-License-Identifier: Apache-2.0
 *
 * base_hash_test.c - published check values, and fast against slow CRC-32C.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/hash.h"

/* The definition, bit by bit. */
static uint32_t
crc_by_bits(uint32_t crc, const uint8_t *p, size_t n)
{
	size_t i;
	int k;

	crc = ~crc;
	for (i = 0; i < n; i++) {
		crc ^= p[i];
		for (k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
	}
	return ~crc;
}

static void
crc32c_gives_the_values_of_rfc_3720(void **state)
{
	uint8_t b[32];
	int i;

	assert_int_equal(hf_crc32c(0, "123456789", 9), 0xE3069283u);
	assert_int_equal(hf_crc32c_ref(0, "123456789", 9), 0xE3069283u);
	memset(b, 0, sizeof(b));
	assert_int_equal(hf_crc32c(0, b, 32), 0x8A9136AAu);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(hf_crc32c(0, b, 32), 0x62A8AB43u);
	for (i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(hf_crc32c(0, b, 32), 0x46DD794Eu);
	assert_int_equal(hf_crc32c(0, NULL, 0), 0);
}

static void
fast_and_table_crc_agree_with_the_definition(void **state)
{
	uint8_t b[300];
	size_t i, n, off;
	uint32_t want, seed = 1;

	for (i = 0; i < sizeof(b); i++) {
		seed = seed * 1664525 + 1013904223;
		b[i] = (uint8_t)(seed >> 24);
	}
	for (off = 0; off < 9; off++) {
		for (n = 0; n + off <= sizeof(b); n += 1 + n / 20) {
			want = crc_by_bits(seed, b + off, n);
			assert_int_equal(hf_crc32c(seed, b + off, n), want);
			assert_int_equal(hf_crc32c_ref(seed, b + off, n), want);
		}
	}
}

static void
every_table_entry_is_used_and_right(void **state)
{
	uint8_t b[8];
	int i, k;

	for (k = 0; k < 8; k++) {
		for (i = 0; i < 256; i++) {
			memset(b, 0, sizeof(b));
			b[k] = (uint8_t)i;
			assert_int_equal(
			    hf_crc32c_ref(~0u, b, 8), crc_by_bits(~0u, b, 8));
		}
	}
}

static void
crc_of_parts_is_crc_of_the_whole(void **state)
{
	const char *s = "the same bytes in two pieces";
	size_t n = strlen(s), i;

	for (i = 0; i <= n; i++)
		assert_int_equal(hf_crc32c(hf_crc32c(0, s, i), s + i, n - i),
		    hf_crc32c(0, s, n));
}

static void
sha256_gives_the_values_of_fips_180(void **state)
{
	uint8_t d[HF_SHA256_LEN];
	char hex[HF_SHA256_HEX];
	struct hf_sha256 *h;

	hf_sha256_of("abc", 3, d);
	hf_hex(hex, d, sizeof(d));
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
	hf_sha256_of(NULL, 0, d);
	hf_hex(hex, d, sizeof(d));
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
				 "27ae41e4649b934ca495991b7852b855");
	h = hf_sha256_new();
	assert_non_null(h);
	hf_sha256_put(h, "a", 1);
	hf_sha256_put(h, "bc", 2);
	hf_sha256_end(h, d);
	hf_hex(hex, d, sizeof(d));
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
}

static void
hex_is_read_back_only_at_its_exact_length(void **state)
{
	uint8_t b[3];

	assert_true(hf_unhex(b, 3, "00fFa1"));
	assert_true(b[0] == 0 && b[1] == 0xff && b[2] == 0xa1);
	assert_false(hf_unhex(b, 3, "00ffa"));
	assert_false(hf_unhex(b, 3, "00ffa100"));
	assert_false(hf_unhex(b, 3, "00ffag"));
	assert_false(hf_unhex(b, 3, ""));
	assert_true(hf_unhex(b, 0, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc32c_gives_the_values_of_rfc_3720),
	    cmocka_unit_test(fast_and_table_crc_agree_with_the_definition),
	    cmocka_unit_test(every_table_entry_is_used_and_right),
	    cmocka_unit_test(crc_of_parts_is_crc_of_the_whole),
	    cmocka_unit_test(sha256_gives_the_values_of_fips_180),
	    cmocka_unit_test(hex_is_read_back_only_at_its_exact_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
