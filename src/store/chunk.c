/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk.c - compressed block of samples of one tag.
 *
 * A chunk holds 1..2048 samples in time order, equal times in order of
 * arrival, all of one calendar month (UTC). Layout, little-endian:
 *    0  u32  magic 0x31434648 ("HFC1")
 *    4  u16  version, now 1
 *    6  u16  n, sample count
 *    8  u64  key of the tag
 *   16  i64  time of the first sample, ns UTC
 *   24  i64  time of the last sample
 *   32  u64  first log frame that it holds samples of
 *   40  u64  last one
 *   48  u32  ord: rises in order of arrival within tag and month
 *   52  u8   codec of times     (ids in codec.c)
 *   53  u8   codec of values
 *   54  u8   codec of statuses
 *   55  u8   codec of flags
 *   56  u8   codec of types
 *   57  u8   codec of strings
 *   58  u16  flags: bit 0 lossless, bit 1 sorted; both always set in version 1
 *   60  u32  encoded bytes of the times
 *   64  u32  ... of the values: a string's value is its length
 *   68  u32  ... of the statuses
 *   72  u32  ... of the flags
 *   76  u32  ... of the types (enum hf_vtype)
 *   80  u32  ... of the strings, which lie back to back in sample order
 *   84  u32  bytes of the strings, decoded
 *   88  ...  the six columns in this order
 *  end  u32  CRC-32C of all bytes before it
 * A reader trusts nothing before the CRC agrees, and then still checks every
 * field: chunks come from other nodes as well.
 */
#include "store/chunk.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/batch.h"
#include "model/quality.h"

#define MAGIC UINT32_C(0x31434648)
#define VERSION 1
#define HEADER 88 /* bytes */
#define CRC_LEN 4
#define FLAGS 3 /* lossless, sorted */

static const uint8_t column_kind[] = {
    HF_CODEC_TIME,
    HF_CODEC_VALUE,
    HF_CODEC_STATUS,
    HF_CODEC_BYTE,
    HF_CODEC_BYTE,
    HF_CODEC_STRING,
};
enum { COL_TIME, COL_VALUE, COL_STATUS, COL_FLAGS, COL_TYPE, COL_STRING, NCOL };

struct columns { /* 45 KB: on the heap */
	int64_t t[HF_CHUNK_MAX];
	uint64_t value[HF_CHUNK_MAX];
	uint32_t status[HF_CHUNK_MAX];
	uint8_t flags[HF_CHUNK_MAX];
	uint8_t type[HF_CHUNK_MAX];
};

struct header {
	struct hf_chunk_info info;
	uint8_t codec[NCOL];
	uint32_t len[NCOL];
	uint32_t str_len;
};

static void
put_header(struct hf_buf *out, const struct header *h)
{
	size_t i;

	hf_buf_u32(out, MAGIC);
	hf_buf_u16(out, VERSION);
	hf_buf_u16(out, (uint16_t)h->info.n);
	hf_buf_u64(out, h->info.tag);
	hf_buf_i64(out, h->info.t0_ns);
	hf_buf_i64(out, h->info.t1_ns);
	hf_buf_u64(out, h->info.seq_first);
	hf_buf_u64(out, h->info.seq_last);
	hf_buf_u32(out, h->info.ord);
	for (i = 0; i < NCOL; i++)
		hf_buf_u8(out, h->codec[i]);
	hf_buf_u16(out, FLAGS);
	for (i = 0; i < NCOL; i++)
		hf_buf_u32(out, h->len[i]);
	hf_buf_u32(out, h->str_len);
}

/* Splits the points into columns and their strings into str, in sample
 * order. */
static int
split(const struct hf_pt *pt, size_t n, const char *str, struct columns *col,
    struct hf_buf *strings, struct hf_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0 && pt[i].t_ns < pt[i - 1].t_ns)
			return HF_FAIL(err, HF_EINVAL,
			    "chunk: sample %zu is before the one ahead of it",
			    i);
		col->t[i] = pt[i].t_ns;
		col->status[i] = pt[i].status;
		col->flags[i] = pt[i].flags;
		col->type[i] = pt[i].vtype;
		col->value[i] = pt[i].bits;
		if (pt[i].vtype != HF_V_STR)
			continue;
		col->value[i] = hf_strref_len(pt[i].bits);
		if (col->value[i] > 0)
			hf_buf_put(strings, str + hf_strref_off(pt[i].bits),
			    col->value[i]);
	}
	if (!hf_buf_ok(strings))
		return HF_FAIL(err, HF_ELIMIT,
		    "chunk: more than %u string"
		    " bytes in %zu samples",
		    HF_CHUNK_STR, n);
	return HF_OK;
}

static void
put_columns(struct hf_codec_ctx *c, const struct columns *col,
    const struct hf_buf *strings, struct header *h, struct hf_buf *out)
{
	const void *const src[NCOL] = {
	    col->t, col->value, col->status, col->flags, col->type, strings->p};
	size_t i, at;

	for (i = 0; i < NCOL; i++) {
		at = out->len;
		h->codec[i] = hf_codec_encode(c, column_kind[i], src[i],
		    i == COL_STRING ? strings->len : h->info.n, out);
		h->len[i] = (uint32_t)(out->len - at);
	}
}

int
hf_chunk_encode(struct hf_codec_ctx *c, struct hf_chunk_info *info,
    const struct hf_pt *pt, size_t n, const char *str, struct hf_buf *out,
    struct hf_err *err)
{
	struct header h = {.info = *info};
	struct columns *col = NULL;
	struct hf_buf strings, head;
	size_t start = out->len;
	int rc;

	if (n == 0 || n > HF_CHUNK_MAX)
		return HF_FAIL(err, HF_EINVAL, "chunk of %zu samples", n);
	hf_buf_init(&strings, HF_CHUNK_STR);
	hf_buf_init(&head, HEADER);
	col = malloc(sizeof(*col));
	if (col == NULL) {
		rc = HF_FAIL(err, HF_ENOMEM, "chunk, %zu bytes", sizeof(*col));
		goto out;
	}
	rc = split(pt, n, str, col, &strings, err);
	if (rc != HF_OK)
		goto out;
	h.info.n = (uint32_t)n;
	h.info.t0_ns = pt[0].t_ns;
	h.info.t1_ns = pt[n - 1].t_ns;
	h.str_len = (uint32_t)strings.len;
	put_header(out, &h); /* room; the lengths follow */
	put_columns(c, col, &strings, &h, out);
	put_header(&head, &h);
	if (hf_buf_ok(out) && hf_buf_ok(&head)) {
		memcpy(out->p + start, head.p, HEADER);
		hf_buf_u32(out, hf_crc32c(0, out->p + start, out->len - start));
	}
	if (!hf_buf_ok(out) || !hf_buf_ok(&head)) {
		rc = HF_FAIL(err, HF_ELIMIT,
		    "chunk of %zu samples is over %zu"
		    " bytes",
		    n, out->max);
		goto out;
	}
	*info = h.info;
out:
	free(col);
	hf_buf_fini(&strings);
	hf_buf_fini(&head);
	return rc;
}

static int
get_header(const uint8_t *p, size_t n, struct header *h, struct hf_err *err)
{
	uint64_t total = HEADER + CRC_LEN;
	uint32_t magic, version, flags, crc;
	struct hf_rd r;
	size_t i;

	if (n < HEADER + CRC_LEN)
		return HF_FAIL(err, HF_ECORRUPT, "chunk of %zu bytes", n);
	hf_rd_init(&r, p + n - CRC_LEN, CRC_LEN);
	crc = hf_rd_u32(&r);
	if (hf_crc32c(0, p, n - CRC_LEN) != crc)
		return HF_FAIL(err, HF_ECORRUPT, "chunk: CRC does not agree");
	hf_rd_init(&r, p, HEADER);
	magic = hf_rd_u32(&r);
	version = hf_rd_u16(&r);
	if (magic != MAGIC || version != VERSION)
		return HF_FAIL(err, HF_ECORRUPT,
		    "chunk: magic %08x, version %u", magic, version);
	h->info.n = hf_rd_u16(&r);
	h->info.tag = hf_rd_u64(&r);
	h->info.t0_ns = hf_rd_i64(&r);
	h->info.t1_ns = hf_rd_i64(&r);
	h->info.seq_first = hf_rd_u64(&r);
	h->info.seq_last = hf_rd_u64(&r);
	h->info.ord = hf_rd_u32(&r);
	for (i = 0; i < NCOL; i++)
		h->codec[i] = hf_rd_u8(&r);
	flags = hf_rd_u16(&r);
	for (i = 0; i < NCOL; i++) {
		h->len[i] = hf_rd_u32(&r);
		total += h->len[i];
	}
	h->str_len = hf_rd_u32(&r);
	if (h->info.n == 0 || h->info.n > HF_CHUNK_MAX || flags != FLAGS ||
	    total != n || h->str_len > HF_CHUNK_STR ||
	    h->info.t0_ns > h->info.t1_ns)
		return HF_FAIL(err, HF_ECORRUPT,
		    "chunk: n %u, flags %u,"
		    " lengths %llu of %zu",
		    h->info.n, flags, (unsigned long long)total, n);
	return HF_OK;
}

int
hf_chunk_peek(
    const void *p, size_t n, struct hf_chunk_info *info, struct hf_err *err)
{
	struct header h;
	int rc = get_header(p, n, &h, err);

	if (rc == HF_OK)
		*info = h.info;
	return rc;
}

static bool
is_type(uint8_t type)
{
	return type >= HF_V_F64 && type <= HF_V_STR;
}

/* Columns to points; every reference is checked against the string area. */
static bool
join(const struct columns *col, const struct header *h, struct hf_block *out)
{
	size_t i, off = 0;

	for (i = 0; i < h->info.n; i++) {
		struct hf_pt *pt = &out->pt[i];

		if (!is_type(col->type[i]) ||
		    (i > 0 && col->t[i] < col->t[i - 1]))
			return false;
		*pt = (struct hf_pt){
		    .t_ns = col->t[i],
		    .bits = col->value[i],
		    .status = col->status[i],
		    .vtype = col->type[i],
		    .flags = col->flags[i],
		};
		if (col->type[i] != HF_V_STR)
			continue;
		if (col->value[i] > HF_VALUE_STR ||
		    col->value[i] > h->str_len - off)
			return false;
		pt->bits = hf_strref(off, col->value[i]);
		off += col->value[i];
	}
	out->n = h->info.n;
	out->str_len = h->str_len;
	return off == h->str_len && out->pt[0].t_ns == h->info.t0_ns &&
	       out->pt[out->n - 1].t_ns == h->info.t1_ns;
}

static bool
get_columns(struct hf_codec_ctx *c, const uint8_t *p, const struct header *h,
    struct columns *col, char *str)
{
	void *const dst[NCOL] = {
	    col->t, col->value, col->status, col->flags, col->type, str};
	size_t i;

	p += HEADER;
	for (i = 0; i < NCOL; i++) {
		if (!hf_codec_decode(c, column_kind[i], h->codec[i], p,
			h->len[i], dst[i],
			i == COL_STRING ? h->str_len : h->info.n))
			return false;
		p += h->len[i];
	}
	return true;
}

int
hf_chunk_decode(struct hf_codec_ctx *c, const void *p, size_t n,
    struct hf_chunk_info *info, struct hf_block *out, struct hf_err *err)
{
	struct columns *col;
	struct header h;
	int rc;

	rc = get_header(p, n, &h, err);
	if (rc != HF_OK)
		return rc;
	hf_block_reset(out);
	col = malloc(sizeof(*col));
	/* One byte of string area at least, so that its address is valid. */
	if (col == NULL ||
	    !hf_block_reserve(out, h.info.n, h.str_len > 0 ? h.str_len : 1)) {
		free(col);
		return HF_FAIL(err, HF_ENOMEM, "chunk of %u samples", h.info.n);
	}
	if (!get_columns(c, p, &h, col, out->str) || !join(col, &h, out)) {
		hf_block_reset(out);
		rc = HF_FAIL(err, HF_ECORRUPT, "chunk: columns do not decode");
	} else {
		*info = h.info;
	}
	free(col);
	return rc;
}

static double
number_of(const struct hf_pt *p)
{
	double v;

	switch (p->vtype) {
	case HF_V_F64:
		memcpy(&v, &p->bits, sizeof(v));
		return v + 0.0; /* -0.0 becomes 0.0 */
	case HF_V_I64:
		return (double)(int64_t)p->bits;
	default:
		return p->bits != 0 ? 1.0 : 0.0;
	}
}

static void
agg_number(struct hf_agg *a, int64_t t_ns, double v, int64_t *prev_ns)
{
	if (a->n_num == 0) {
		a->min = a->max = a->first = v;
		a->t_min_ns = a->t_max_ns = t_ns;
	} else {
		a->sum_dt += a->last * ((double)(t_ns - *prev_ns) * 1e-9);
	}
	if (v < a->min) {
		a->min = v;
		a->t_min_ns = t_ns;
	}
	if (v > a->max) {
		a->max = v;
		a->t_max_ns = t_ns;
	}
	a->sum += v;
	a->last = v;
	a->n_num++;
	*prev_ns = t_ns;
}

void
hf_chunk_agg(const struct hf_pt *pt, size_t n, struct hf_agg *out)
{
	struct hf_agg a = {.n = (uint32_t)n};
	int64_t prev_ns = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		a.status_or |= pt[i].status;
		if (!hf_is_good(pt[i].status))
			continue;
		a.n_good++;
		if (pt[i].vtype != HF_V_STR)
			agg_number(&a, pt[i].t_ns, number_of(&pt[i]), &prev_ns);
	}
	if (n > 0) {
		a.t0_ns = pt[0].t_ns;
		a.t1_ns = pt[n - 1].t_ns;
	}
	*out = a;
}
