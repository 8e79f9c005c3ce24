/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_chunk.c - hostile chunks into the decoder. First byte odd: the CRC is
 * made to agree, so that the fields behind it are reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/batch.h"
#include "store/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_codec_ctx *c = hf_codec_ctx_new();
	struct hf_block b = {.n = 0};
	struct hf_chunk_info info;
	struct hf_agg agg;
	uint8_t *copy;
	uint32_t crc;
	size_t i;

	if (c == NULL || n < 1)
		goto out;
	copy = malloc(n);
	if (copy == NULL)
		abort();
	memcpy(copy, p + 1, n - 1);
	if ((p[0] & 1) != 0 && n > 5) {
		crc = hf_crc32c(0, copy, n - 5);
		for (i = 0; i < 4; i++)
			copy[n - 5 + i] = (uint8_t)(crc >> (8 * i));
	}
	if (hf_chunk_decode(c, copy, n - 1, &info, &b, NULL) == 0) {
		if (b.n == 0 || b.n > HF_CHUNK_MAX || info.n != b.n)
			abort();
		for (i = 0; i < b.n; i++)
			if (b.pt[i].vtype == HF_V_STR &&
			    hf_strref_off(b.pt[i].bits) +
				    hf_strref_len(b.pt[i].bits) >
				b.str_len)
				abort();
		hf_chunk_agg(b.pt, b.n, &agg);
	}
	free(copy);
out:
	hf_block_fini(&b);
	hf_codec_ctx_free(c);
	return 0;
}
