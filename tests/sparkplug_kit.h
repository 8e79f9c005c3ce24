/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug_kit.h - messages for the tests of src/field/sparkplug.
 */
#ifndef HF_TESTS_SPARKPLUG_KIT_H
#define HF_TESTS_SPARKPLUG_KIT_H

#include <string.h>

#include "field/sparkplug/payload.h"

static inline struct hf_spb_metric
kit_metric(const char *name, uint32_t datatype, uint8_t kind, uint64_t u)
{
	return (struct hf_spb_metric){.name = name,
	    .name_len = name != NULL ? strlen(name) : 0,
	    .datatype = datatype,
	    .kind = kind,
	    .u = u};
}

static inline struct hf_spb_metric
kit_double(const char *name, double f)
{
	struct hf_spb_metric m = kit_metric(name, HF_SPB_DOUBLE, HF_SPB_F64, 0);

	m.f = f;
	return m;
}

static inline struct hf_spb_metric
kit_alias(struct hf_spb_metric m, uint64_t alias)
{
	m.has_alias = true;
	m.alias = alias;
	return m;
}

/* seq < 0: none. */
static inline void
kit_payload(struct hf_buf *b, uint64_t t_ms, int seq,
    const struct hf_spb_metric *m, size_t n)
{
	struct hf_buf tmp;
	size_t i;

	hf_buf_init(&tmp, HF_SPB_BYTES);
	hf_buf_reset(b);
	hf_spb_put_head(b, t_ms, seq >= 0, (uint64_t)seq);
	for (i = 0; i < n; i++)
		hf_spb_put_metric(b, &m[i], &tmp);
	hf_buf_fini(&tmp);
}

#endif
