/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_snapshot.c - detector snapshots from a damaged or hostile disk.
 *
 * The bytes are tried as they are and once more with the checksum and the
 * hashes made right, since behind those nothing else would be reached; the
 * version stays, so that both layouts are read. Whatever was taken must go on:
 * some steps, then a save whose bytes load again.
 */
#include "detect_golden.h"

#define HASH_AT 8 /* magic, version, 0; see snapshot.c */
#define UNITS_AT (HASH_AT + HF_SHA256_LEN + 8) /* version 2 */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct tp plant;
static struct hf_counters ctr;

static void
ignore(void *arg, const struct hf_event *e)
{
	(void)arg;
	(void)e;
}

static struct hf_engine *
new_engine(void)
{
	struct hf_engine *e = NULL;

	if (hf_engine_new(plant.p, &ctr, ignore, NULL, &e, NULL) != HF_OK)
		abort();
	return e;
}

static void
use(struct hf_engine *e, size_t i)
{
	struct hf_buf b;
	uint64_t seq;
	char path[64];
	int k, tag;

	for (k = 0; k < 20; k++) {
		for (tag = 0; tag < GOLDEN_NTAG; tag++) {
			snprintf(path, sizeof(path), "a/b/c/s%d", tag);
			tp_feed1(e, UINT64_MAX, path, k * TP_S, k, 0);
			tp_feed1(e, UINT64_MAX, path,
			    INT64_MAX - (30 - k) * TP_S, k, 0);
		}
	}
	hf_buf_init(&b, 1 << 20);
	hf_engine_json(e, &b);
	hf_buf_reset(&b);
	if (hf_engine_save(e, i, &b) != HF_OK ||
	    hf_engine_load(e, i, b.p, b.len, &seq, NULL) == HF_ENOTFOUND)
		abort();
	hf_buf_fini(&b);
}

static void
try_one(size_t i, const uint8_t *p, size_t n)
{
	struct hf_engine *e = new_engine();
	uint64_t seq;

	if (hf_engine_load(e, i, p, n, &seq, NULL) == HF_OK)
		use(e, i);
	hf_engine_free(e);
}

/* The same with a right head and checksum. */
static void
try_mended(size_t i, const uint8_t *p, size_t n)
{
	struct hf_engine *e = new_engine();
	size_t head = HASH_AT + HF_SHA256_LEN;
	struct hf_buf b, own;
	uint32_t crc;

	hf_buf_init(&own, 1 << 20);
	hf_buf_init(&b, n + 4);
	if (hf_engine_save(e, i, &own) != HF_OK)
		abort();
	hf_engine_free(e);
	hf_buf_put(&b, own.p, head);
	hf_buf_put(&b, p + head, n - head - 4);
	if (hf_buf_ok(&b) && p[4] == 1) /* version */
		b.p[4] = 1;
	else if (hf_buf_ok(&b) && b.len >= UNITS_AT + HF_SHA256_LEN)
		memcpy(b.p + UNITS_AT, own.p + UNITS_AT, HF_SHA256_LEN);
	crc = hf_crc32c(0, b.p, b.len);
	hf_buf_u32(&b, crc);
	try_one(i, b.p, b.len);
	hf_buf_fini(&own);
	hf_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t i;

	if (plant.p == NULL)
		golden_plant(&plant, 2);
	for (i = 0; i < GOLDEN_NDET; i++) {
		try_one(i, p, n);
		if (n > HASH_AT + HF_SHA256_LEN + 4)
			try_mended(i, p, n);
	}
	return 0;
}
