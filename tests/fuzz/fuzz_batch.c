/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_batch.c - any bytes as a batch: refused, or decoded to samples that
 * encode to the same bytes.
 */
#include <assert.h>
#include <string.h>

#include "model/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct hf_sample s[HF_BATCH_NSAMPLE];
	struct hf_batch b;
	struct hf_buf out;
	struct hf_err err;

	if (hf_batch_decode(p, n, s, HF_BATCH_NSAMPLE, &b, &err) != HF_OK)
		return 0;
	hf_buf_init(&out, HF_BATCH_BYTES);
	assert(hf_batch_encode(&b, &out, &err) == HF_OK);
	assert(out.len == n && memcmp(out.p, p, n) == 0);
	hf_batch_patch_flags(out.p, out.len, s);
	assert(memcmp(out.p, p, n) == 0);
	hf_buf_fini(&out);
	return 0;
}
