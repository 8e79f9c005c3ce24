/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_mqttjson.c - any bytes as a tag's address (first line) and as a payload
 * (the rest): whatever is taken becomes a lawful reading of every type of tag.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "field/mqtt/payload.h"
#include "model/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_reading(const struct hf_tag *t, const struct hf_reading *r)
{
	assert(r->s.vtype == hf_tag_vtype(t));
	assert(r->s.status >> 30 != 3);
	if (r->s.vtype == HF_V_F64 && !hf_is_bad(r->s.status))
		assert(isfinite(r->s.v.f64));
	if (r->s.vtype == HF_V_BOOL)
		assert(r->s.v.bits <= 1);
	if (r->s.vtype == HF_V_STR) {
		assert(r->s.str_len <= HF_VALUE_STR);
		assert(hf_utf8_text_ok(r->str, r->s.str_len));
	}
}

static void
look(const struct hf_mq_payload *l, const struct hf_mq_addr *a, int64_t type)
{
	const struct hf_tag t = {.type = type,
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = 0,
	    .range_hi = 10,
	    .clamp = type % 2 == 1};
	struct hf_reading r;
	struct hf_value v;
	uint32_t status;
	int64_t t_ns;
	bool is_bad;

	if (hf_mq_value(l, a, type == HF_T_STR, &v) != HF_MQ_GOT)
		return;
	status = hf_mq_quality(l, a, &is_bad);
	t_ns = hf_mq_stamp(l, a, &is_bad);
	assert(t_ns == HF_TIME_NONE ||
	       (t_ns >= HF_TIME_MIN && t_ns < HF_TIME_END));
	hf_convert(&t, &v, status, &r);
	check_reading(&t, &r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *nl = n == 0 ? NULL : memchr(p, '\n', n);
	size_t first = nl == NULL ? n : (size_t)(nl - p);
	struct hf_arena *arena = hf_arena_new(1 << 20);
	struct hf_mq_payload l;
	struct hf_mq_addr a;
	struct hf_err err = {0};
	char text[1200];
	int64_t type;

	assert(arena != NULL);
	if (first < sizeof(text)) {
		memcpy(text, p, first);
		text[first] = '\0';
		if (hf_mq_addr_parse(arena, text, &a, &err) != HF_OK) {
			assert(err.msg[0] != '\0');
			a = (struct hf_mq_addr){.topic = "t"};
		}
		hf_mq_payload_open(&l, nl == NULL ? NULL : (const char *)nl + 1,
		    nl == NULL ? 0 : n - first - 1);
		for (type = HF_T_BOOL; type <= HF_T_STR; type++)
			look(&l, &a, type);
		hf_mq_payload_close(&l);
	}
	hf_arena_free(arena);
	return 0;
}
