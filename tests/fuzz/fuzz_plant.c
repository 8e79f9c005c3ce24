/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_plant.c - packed plants from anywhere. The length and the hash are made
 * right first, so that what lies behind them is reached; what is accepted must
 * pack to the same bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/plant_kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct hf_plant *p = NULL;
	struct hf_buf b;
	uint8_t *copy;
	size_t i;

	hf_plant_unpack(in, n, &test_registry, &p, NULL);
	hf_plant_free(p);
	p = NULL;
	if (n < 48)
		return 0;
	copy = malloc(n);
	if (copy == NULL)
		return 0;
	memcpy(copy, in, n);
	for (i = 0; i < 8; i++)
		copy[8 + i] = (uint8_t)((uint64_t)n >> (8 * i));
	hf_sha256_of(copy, n - 32, copy + n - 32);
	if (hf_plant_unpack(copy, n, &test_registry, &p, NULL) == HF_OK) {
		hf_buf_init(&b, HF_PLANT_BYTES);
		if (hf_plant_pack(p, &b, NULL) != HF_OK || b.len != n ||
		    memcmp(b.p, copy, n) != 0)
			abort();
		hf_buf_fini(&b);
	}
	hf_plant_free(p);
	free(copy);
	return 0;
}
