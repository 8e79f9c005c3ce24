/* SPDX-License-Identifier: Apache-2.0
 *
 * optpack.c - values of an option table as bytes, and back.
 *
 * Values stand in the order of the rows, without names or padding,
 * little-endian:
 *    BOOL	u8, 0 or 1
 *    I64 DUR SIZE DATE ENUM	i64
 *    F64 RATE	u64, the bits of the double; one form of NaN
 *    texts	u32 length, bytes; length 0xffffffff = not given
 *    lists	u32 count, then that many texts
 *    LEARN	i64 ns, i64 samples
 *    SUB	the values of its rows
 * The reader trusts nothing: every length is checked against what is left, and
 * every value passes hf_opt_check, as if it had been typed.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "model/optval.h"

static double
same_nan(double v)
{
	return isnan(v) ? (double)NAN : v;
}

static void
pack_list(const struct hf_strlist *l, struct hf_buf *out)
{
	size_t i;

	hf_buf_u32(out, (uint32_t)l->n);
	for (i = 0; i < l->n; i++)
		hf_buf_str(out, l->v[i]);
}

static void
pack_value(const struct hf_opt *o, const void *slot, struct hf_buf *out)
{
	const struct hf_learn *learn = slot;

	switch (o->type) {
	case HF_OPT_BOOL:
		hf_buf_u8(out, *(const bool *)slot);
		return;
	case HF_OPT_I64:
	case HF_OPT_DUR:
	case HF_OPT_SIZE:
	case HF_OPT_DATE:
	case HF_OPT_ENUM:
		hf_buf_i64(out, *(const int64_t *)slot);
		return;
	case HF_OPT_F64:
	case HF_OPT_RATE:
		hf_buf_f64(out, same_nan(*(const double *)slot));
		return;
	case HF_OPT_LEARN:
		hf_buf_i64(out, learn->dur_ns);
		hf_buf_i64(out, learn->nsample);
		return;
	default:
		break;
	}
	if (hf_opt_is_list(o->type))
		pack_list(slot, out);
	else
		hf_buf_str(out, *(char *const *)slot);
}

static void
pack_rows(const struct hf_opt *rows, size_t nrow, const void *conf,
    struct hf_buf *out, int depth)
{
	const char *slot;
	size_t i;

	for (i = 0; i < nrow; i++) {
		slot = (const char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH)
			pack_rows(
			    rows[i].sub, rows[i].nsub, slot, out, depth + 1);
		else
			pack_value(&rows[i], slot, out);
	}
}

void
hf_opt_pack(const struct hf_opt *rows, size_t nrow, const void *conf,
    struct hf_buf *out)
{
	pack_rows(rows, nrow, conf, out, 0);
}

static char *
unpack_str(struct hf_rd *in, struct hf_arena *a, bool *is_nomem)
{
	const char *s;
	size_t n;
	char *copy;

	if (!hf_rd_str(in, &s, &n, HF_OPT_TEXT) || s == NULL)
		return NULL;
	if (memchr(s, '\0', n) != NULL) {
		in->failed = true;
		return NULL;
	}
	copy = hf_arena_strndup(a, s, n);
	*is_nomem |= copy == NULL;
	return copy;
}

static void
unpack_list(
    struct hf_rd *in, struct hf_arena *a, struct hf_strlist *l, bool *is_nomem)
{
	uint32_t i, n = hf_rd_u32(in);

	/* four bytes of length at least per item */
	if (!hf_rd_ok(in) || n > HF_OPT_NLIST || n > hf_rd_left(in) / 4) {
		in->failed = true;
		return;
	}
	l->v = hf_arena_calloc(a, n, sizeof(*l->v));
	if (l->v == NULL && n > 0) {
		*is_nomem = true;
		return;
	}
	for (i = 0; i < n; i++) {
		l->v[i] = unpack_str(in, a, is_nomem);
		if (l->v[i] == NULL) {
			in->failed = true;
			return;
		}
	}
	l->n = n;
}

static void
unpack_value(const struct hf_opt *o, struct hf_rd *in, struct hf_arena *a,
    void *slot, bool *is_nomem)
{
	struct hf_learn *learn = slot;
	uint8_t b;

	switch (o->type) {
	case HF_OPT_BOOL:
		b = hf_rd_u8(in);
		in->failed |= b > 1;
		*(bool *)slot = b == 1;
		return;
	case HF_OPT_I64:
	case HF_OPT_DUR:
	case HF_OPT_SIZE:
	case HF_OPT_DATE:
	case HF_OPT_ENUM:
		*(int64_t *)slot = hf_rd_i64(in);
		return;
	case HF_OPT_F64:
	case HF_OPT_RATE:
		*(double *)slot = same_nan(hf_rd_f64(in));
		return;
	case HF_OPT_LEARN:
		learn->dur_ns = hf_rd_i64(in);
		learn->nsample = hf_rd_i64(in);
		return;
	default:
		break;
	}
	if (hf_opt_is_list(o->type))
		unpack_list(in, a, slot, is_nomem);
	else
		*(char **)slot = unpack_str(in, a, is_nomem);
}

static int
unpack_row(const struct hf_opt *o, struct hf_rd *in, struct hf_arena *a,
    void *slot, char *why, size_t cap)
{
	char reason[HF_OPT_WHY] = "";
	bool is_nomem = false;

	unpack_value(o, in, a, slot, &is_nomem);
	if (is_nomem) {
		snprintf(why, cap, "out of memory");
		return HF_ENOMEM;
	}
	if (!hf_rd_ok(in)) {
		snprintf(
		    why, cap, "%s: bytes end early or are malformed", o->name);
		return HF_EPROTO;
	}
	if (hf_opt_check(o, slot, reason, sizeof(reason)) != HF_OK) {
		snprintf(why, cap, "%s: %s", o->name, reason);
		return HF_EPROTO;
	}
	return HF_OK;
}

static int
unpack_rows(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, struct hf_rd *in, char *why, size_t cap, int depth)
{
	char *slot;
	size_t i;
	int rc;

	for (i = 0; i < nrow; i++) {
		slot = (char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH)
			rc = unpack_rows(rows[i].sub, rows[i].nsub, slot, a, in,
			    why, cap, depth + 1);
		else
			rc = unpack_row(&rows[i], in, a, slot, why, cap);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

int
hf_opt_unpack(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, struct hf_rd *in, char *why, size_t cap)
{
	return unpack_rows(rows, nrow, conf, a, in, why, cap, 0);
}

static uint32_t
digest_rows(const struct hf_opt *rows, size_t nrow, uint32_t crc, int depth)
{
	uint8_t type;
	size_t i;

	for (i = 0; i < nrow; i++) {
		type = (uint8_t)rows[i].type;
		crc = hf_crc32c(crc, rows[i].name, strlen(rows[i].name) + 1);
		crc = hf_crc32c(crc, &type, 1);
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH)
			crc = digest_rows(
			    rows[i].sub, rows[i].nsub, crc, depth + 1);
	}
	return crc;
}

uint32_t
hf_opt_digest(const struct hf_opt *rows, size_t nrow)
{
	return digest_rows(rows, nrow, 0, 0);
}
