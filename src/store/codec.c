/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.c - column codecs, first family: simple, lossless, small enough.
 *
 * Layouts, all little-endian:
 *   time   0 raw    n x i64
 *          1 dod    varint(zigzag(x)) of t[0], then t[1]-t[0], then of
 *                   each further difference of differences, modulo 2^64
 *   value  0 raw    n x u64
 *          1 shuf   zstd frame of the n values byte-shuffled: all lowest bytes
 *                   first, then all second bytes, ...
 *   status 0 raw    n x u32
 *          1 rle    runs { varint count, u32 value } until n items
 *   byte   0 raw    n x u8
 *          1 rle    runs { varint count, u8 value }
 *   string 0 raw    n bytes
 *          1 zstd   one zstd frame
 * varint: 7 bits a byte, low first, top bit = more follows, at most 10 bytes.
 *
 * zstd level 1: the level with the best size per microsecond on plant data.
 * Frames carry no checksum, the chunk has its own CRC.
 */
#include "store/codec.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_LEVEL 1
#define VARINT_MAX 10

struct hf_codec_ctx {
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
	uint8_t *scratch; /* shuffled values and zstd output */
	size_t cap;
};

struct hf_codec_ctx *
hf_codec_ctx_new(void)
{
	struct hf_codec_ctx *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->cctx = ZSTD_createCCtx();
	c->dctx = ZSTD_createDCtx();
	if (c->cctx == NULL || c->dctx == NULL) {
		hf_codec_ctx_free(c);
		return NULL;
	}
	return c;
}

void
hf_codec_ctx_free(struct hf_codec_ctx *c)
{
	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeDCtx(c->dctx);
	free(c->scratch);
	free(c);
}

static uint8_t *
scratch(struct hf_codec_ctx *c, size_t n)
{
	uint8_t *p;

	if (n > c->cap) {
		p = realloc(c->scratch, n);
		if (p == NULL)
			return NULL;
		c->scratch = p;
		c->cap = n;
	}
	return c->scratch;
}

static void
put_varint(struct hf_buf *out, uint64_t v)
{
	uint8_t b[VARINT_MAX];
	size_t n = 0;

	while (v >= 0x80) {
		b[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b[n++] = (uint8_t)v;
	hf_buf_put(out, b, n);
}

static bool
get_varint(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;
	int shift;

	for (shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t b = *(*p)++;

		if (shift == 63 && b > 1)
			return false; /* beyond 64 bits */
		v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0) {
			*out = v;
			return true;
		}
	}
	return false;
}

static uint64_t
zigzag(uint64_t v)
{
	return v << 1 ^ (uint64_t)((int64_t)v >> 63);
}

static uint64_t
unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

/* --- raw ------------------------------------------------------------------ */

static size_t
item_size(enum hf_codec_kind kind)
{
	static const uint8_t size[HF_CODEC_NKIND] = {
	    [HF_CODEC_TIME] = 8,
	    [HF_CODEC_VALUE] = 8,
	    [HF_CODEC_STATUS] = 4,
	    [HF_CODEC_BYTE] = 1,
	    [HF_CODEC_STRING] = 1,
	};

	return size[kind];
}

static bool
raw8_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const uint64_t *v = col;
	size_t i;

	for (i = 0; i < n; i++)
		hf_buf_u64(out, v[i]);
	return true;
}

static bool
raw8_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	uint64_t *v = col;
	struct hf_rd r;
	size_t i;

	if (len != n * 8)
		return false;
	hf_rd_init(&r, p, len);
	for (i = 0; i < n; i++)
		v[i] = hf_rd_u64(&r);
	return hf_rd_ok(&r);
}

static bool
raw4_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const uint32_t *v = col;
	size_t i;

	for (i = 0; i < n; i++)
		hf_buf_u32(out, v[i]);
	return true;
}

static bool
raw4_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	uint32_t *v = col;
	struct hf_rd r;
	size_t i;

	if (len != n * 4)
		return false;
	hf_rd_init(&r, p, len);
	for (i = 0; i < n; i++)
		v[i] = hf_rd_u32(&r);
	return hf_rd_ok(&r);
}

static bool
raw1_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	if (n > 0)
		hf_buf_put(out, col, n);
	return true;
}

static bool
raw1_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	if (len != n)
		return false;
	if (n > 0)
		memcpy(col, p, n);
	return true;
}

/* --- times: delta of delta ------------------------------------------------ */

static bool
dod_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const int64_t *t = col;
	uint64_t prev = 0, delta = 0, d;
	size_t i;

	for (i = 0; i < n; i++) {
		d = (uint64_t)t[i] - prev;
		/* The first time is no step: the second starts from delta 0. */
		put_varint(out, zigzag(i < 2 ? d : d - delta));
		delta = d;
		prev = (uint64_t)t[i];
	}
	return true;
}

static bool
dod_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	const uint8_t *end = p + len;
	uint64_t prev = 0, delta = 0, v;
	int64_t *t = col;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!get_varint(&p, end, &v))
			return false;
		v = unzigzag(v);
		delta = i < 2 ? v : delta + v;
		prev += delta;
		t[i] = (int64_t)prev;
	}
	return p == end;
}

/* --- values: shuffle and zstd --------------------------------------------- */

static bool
zstd_put(struct hf_codec_ctx *c, const uint8_t *src, size_t n, uint8_t *dst,
    size_t cap, struct hf_buf *out)
{
	size_t len = ZSTD_compressCCtx(c->cctx, dst, cap, src, n, ZSTD_LEVEL);

	if (ZSTD_isError(len))
		return false;
	hf_buf_put(out, dst, len);
	return true;
}

static bool
shuf_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const uint64_t *v = col;
	size_t i, k, nbyte = n * 8, bound = ZSTD_compressBound(nbyte);
	uint8_t *s = scratch(c, nbyte + bound);

	if (s == NULL)
		return false;
	for (k = 0; k < 8; k++)
		for (i = 0; i < n; i++)
			s[k * n + i] = (uint8_t)(v[i] >> (8 * k));
	return zstd_put(c, s, nbyte, s + nbyte, bound, out);
}

static bool
shuf_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	size_t i, nbyte = n * 8;
	uint64_t *v = col;
	uint8_t *s = scratch(c, nbyte);

	if (s == NULL ||
	    ZSTD_decompressDCtx(c->dctx, s, nbyte, p, len) != nbyte)
		return false;
	for (i = 0; i < n; i++)
		v[i] = (uint64_t)s[i] | (uint64_t)s[n + i] << 8 |
		       (uint64_t)s[2 * n + i] << 16 |
		       (uint64_t)s[3 * n + i] << 24 |
		       (uint64_t)s[4 * n + i] << 32 |
		       (uint64_t)s[5 * n + i] << 40 |
		       (uint64_t)s[6 * n + i] << 48 |
		       (uint64_t)s[7 * n + i] << 56;
	return true;
}

/* --- status, flags, types: runs ------------------------------------------- */

static bool
rle4_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const uint32_t *v = col;
	size_t i, j;

	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && v[j] == v[i]; j++)
			continue;
		put_varint(out, j - i);
		hf_buf_u32(out, v[i]);
	}
	return true;
}

static bool
rle4_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	const uint8_t *end = p + len;
	uint32_t *v = col, value;
	uint64_t run;
	size_t i = 0;

	while (i < n) {
		if (!get_varint(&p, end, &run) || run == 0 || run > n - i ||
		    end - p < 4)
			return false;
		value = (uint32_t)p[0] | (uint32_t)p[1] << 8 |
			(uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		p += 4;
		while (run-- > 0)
			v[i++] = value;
	}
	return p == end;
}

static bool
rle1_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	const uint8_t *v = col;
	size_t i, j;

	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && v[j] == v[i]; j++)
			continue;
		put_varint(out, j - i);
		hf_buf_u8(out, v[i]);
	}
	return true;
}

static bool
rle1_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	const uint8_t *end = p + len;
	uint8_t *v = col;
	uint64_t run;
	size_t i = 0;

	while (i < n) {
		if (!get_varint(&p, end, &run) || run == 0 || run > n - i ||
		    p == end)
			return false;
		memset(v + i, *p++, run);
		i += run;
	}
	return p == end;
}

/* --- strings -------------------------------------------------------------- */

static bool
zstd_encode(
    struct hf_codec_ctx *c, const void *col, size_t n, struct hf_buf *out)
{
	size_t bound = ZSTD_compressBound(n);
	uint8_t *s = scratch(c, bound);

	return s != NULL && zstd_put(c, col, n, s, bound, out);
}

static bool
zstd_decode(
    struct hf_codec_ctx *c, const uint8_t *p, size_t len, void *col, size_t n)
{
	return ZSTD_decompressDCtx(c->dctx, col, n, p, len) == n;
}

/* Within a kind the row to try first stands last; id 0 is raw. */
const struct hf_codec hf_codecs[] = {
    {HF_CODEC_TIME, 0, "raw", raw8_encode, raw8_decode},
    {HF_CODEC_TIME, 1, "dod", dod_encode, dod_decode},
    {HF_CODEC_VALUE, 0, "raw", raw8_encode, raw8_decode},
    {HF_CODEC_VALUE, 1, "shuf", shuf_encode, shuf_decode},
    {HF_CODEC_STATUS, 0, "raw", raw4_encode, raw4_decode},
    {HF_CODEC_STATUS, 1, "rle", rle4_encode, rle4_decode},
    {HF_CODEC_BYTE, 0, "raw", raw1_encode, raw1_decode},
    {HF_CODEC_BYTE, 1, "rle", rle1_encode, rle1_decode},
    {HF_CODEC_STRING, 0, "raw", raw1_encode, raw1_decode},
    {HF_CODEC_STRING, 1, "zstd", zstd_encode, zstd_decode},
};
const size_t hf_ncodec = sizeof(hf_codecs) / sizeof(hf_codecs[0]);

const struct hf_codec *
hf_codec_get(enum hf_codec_kind kind, uint8_t id)
{
	size_t i;

	for (i = 0; i < hf_ncodec; i++)
		if (hf_codecs[i].kind == kind && hf_codecs[i].id == id)
			return &hf_codecs[i];
	return NULL;
}

uint8_t
hf_codec_encode(struct hf_codec_ctx *c, enum hf_codec_kind kind,
    const void *col, size_t n, struct hf_buf *out)
{
	size_t i, start = out->len, raw = n * item_size(kind);

	for (i = hf_ncodec; i-- > 0 && n > 0;) {
		if (hf_codecs[i].kind != kind || hf_codecs[i].id == 0)
			continue;
		if (hf_codecs[i].encode(c, col, n, out) &&
		    out->len - start < raw)
			return hf_codecs[i].id;
		out->len = start;
	}
	hf_codec_get(kind, 0)->encode(c, col, n, out);
	return 0;
}

bool
hf_codec_decode(struct hf_codec_ctx *c, enum hf_codec_kind kind, uint8_t id,
    const uint8_t *p, size_t len, void *col, size_t n)
{
	const struct hf_codec *k = hf_codec_get(kind, id);
	size_t max = kind == HF_CODEC_STRING ? HF_CODEC_BYTES : HF_CODEC_ITEMS;

	return k != NULL && n <= max && k->decode(c, p, len, col, n);
}
