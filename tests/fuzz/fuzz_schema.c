/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_schema.c - any bytes as a contract, and any as what it judges: the first
 * line is the schema, the rest a JSON value. Whatever compiles gives the same
 * verdict twice, with and without a text, and a verdict on its own properties.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
judge(const struct hf_schema *s, const char *text, size_t n)
{
	enum hf_schema_why why;
	struct hf_err err = {0};
	json_t *v;

	if (hf_json_parse(text, n, HF_SCHEMA_BYTES, &v, NULL) != HF_OK)
		return;
	why = hf_schema_judge(s, v, &err);
	assert(why == hf_schema_judge(s, v, NULL));
	assert((err.rc == HF_OK) == (why == HF_SCHEMA_FITS));
	json_decref(v);
}

static void
judge_samples(const struct hf_schema *s, const char *text, size_t n)
{
	struct hf_sample v = {.vtype = HF_V_F64};
	size_t len = n < HF_VALUE_STR ? n : HF_VALUE_STR;
	struct hf_err err = {0};

	if (n >= sizeof(v.v.f64))
		memcpy(&v.v.f64, text, sizeof(v.v.f64));
	hf_schema_judge_value(s, &v, NULL, &err);
	v.vtype = HF_V_I64;
	hf_schema_judge_value(s, &v, NULL, &err);
	v.vtype = HF_V_STR;
	v.str_len = (uint16_t)len;
	hf_schema_judge_value(s, &v, text, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nl = n == 0 ? NULL : memchr(p, '\n', n);
	size_t first = nl == NULL ? n : (size_t)(nl - p);
	struct hf_arena *a = hf_arena_new(8 << 20);
	const struct hf_schema *at;
	struct hf_schema *s;
	struct hf_err err = {0};
	char path[64] = "";

	assert(a != NULL);
	if (hf_schema_compile(a, (const char *)p, first, &s, &err) != HF_OK) {
		assert(err.msg[0] != '\0');
	} else if (nl != NULL) {
		n -= first + 1;
		judge(s, (const char *)nl + 1, n);
		judge_samples(s, (const char *)nl + 1, n);
		if (n > 0)
			memcpy(path, nl + 1, n < 63 ? n : 63);
		at = hf_schema_at(s, path);
		if (at != NULL)
			judge_samples(at, (const char *)nl + 1, n);
	}
	hf_arena_free(a);
	return 0;
}
