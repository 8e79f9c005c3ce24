/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_alarmrow.c - alarm rows from a damaged or hostile state.db.
 *
 * As they are, and once more with the checksum made right. A row that is taken
 * must bear every act and be written and listed.
 */
#include <stdlib.h>
#include <string.h>

#include "detect/alarm.h"
#include "model/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
on_change(void *arg, const struct hf_alarm_change *c)
{
	struct hf_alarms *other = *(struct hf_alarms **)arg;
	struct hf_err err;

	if (hf_alarms_load(other, c->key, c->row, c->nrow, &err) != HF_OK)
		abort(); /* what we write we must read */
}

static void
try_row(const uint8_t *p, size_t n)
{
	struct hf_alarms *other = hf_alarms_new(4, NULL, NULL);
	struct hf_alarms *a = hf_alarms_new(4, on_change, &other);
	struct hf_buf b;
	int act;

	hf_buf_init(&b, 1 << 16);
	if (hf_alarms_load(a, "rule|a/b/c", p, n, NULL) == HF_OK) {
		hf_alarms_json(a, "all", &b);
		for (act = HF_ACT_ACK; act <= HF_ACT_IN_SERVICE; act++)
			hf_alarms_act(a, "rule|a/b/c", act, INT64_C(3600) << 30,
			    "uid:0", "why", 1000, NULL);
		hf_alarms_tick(a, INT64_MAX);
		hf_buf_reset(&b);
		hf_alarms_json(a, "", &b);
	}
	hf_buf_fini(&b);
	hf_alarms_free(a);
	hf_alarms_free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *q;
	uint32_t crc;
	size_t i;

	try_row(p, n);
	if (n < 5)
		return 0;
	q = malloc(n);
	if (q == NULL)
		return 0;
	memcpy(q, p, n);
	crc = hf_crc32c(0, q, n - 4);
	for (i = 0; i < 4; i++)
		q[n - 4 + i] = (uint8_t)(crc >> (8 * i));
	try_row(q, n);
	free(q);
	return 0;
}
