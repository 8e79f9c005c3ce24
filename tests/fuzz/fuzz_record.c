/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_record.c - any bytes as an audit record: refused, or decoded to what
 * encodes to the same bytes; and any text can be made fit for a record.
 */
#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_record r;
	struct hf_buf out;
	struct hf_err err;

	hf_record_text(
	    r.detail, sizeof(r.detail), "%.*s", (int)n, (const char *)p);
	assert(hf_utf8_line_ok(r.detail, strlen(r.detail)));
	if (hf_record_decode(p, n, &r, &err) != HF_OK)
		return 0;
	hf_buf_init(&out, n);
	assert(hf_record_encode(&r, &out) == HF_OK);
	assert(out.len == n && memcmp(out.p, p, n) == 0);
	hf_buf_fini(&out);
	return 0;
}
