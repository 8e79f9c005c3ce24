/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_query.c - any bytes as a question, as a history and as counters:
 * refused, or decoded to what encodes to the same bytes. The first byte
 * chooses.
 */
#include <assert.h>
#include <string.h>

#include "model/counters.h"
#include "model/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
encode_again(uint8_t which, const uint8_t *p, size_t n, struct hf_buf *out)
{
	struct hf_query q;
	struct hf_points pts;
	struct hf_counters c;

	switch (which % 3) {
	case 0:
		if (hf_query_decode(p, n, &q, NULL) != HF_OK)
			return false;
		assert(hf_query_encode(&q, out) == HF_OK);
		return true;
	case 1:
		if (hf_points_decode(p, n, &pts, NULL) != HF_OK)
			return false;
		assert(hf_points_encode(&pts, out, NULL) == HF_OK);
		hf_points_fini(&pts);
		return true;
	default:
		if (hf_counters_decode(p, n, &c, NULL) != HF_OK)
			return false;
		hf_counters_encode(&c, out);
		return true;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_buf out;

	if (n == 0)
		return 0;
	hf_buf_init(&out, n);
	if (encode_again(p[0], p + 1, n - 1, &out))
		assert(out.len == n - 1 && memcmp(out.p, p + 1, n - 1) == 0);
	hf_buf_fini(&out);
	return 0;
}
