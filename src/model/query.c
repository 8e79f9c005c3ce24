/* SPDX-License-Identifier: Apache-2.0
 *
 * query.c - questions and histories on the wire between web, core and audit.
 *
 * Question, little-endian:
 *    0  u8   kind           1  u8   act (0 unless ALARM_ACT)
 *    2  u16  0              4  u32  uid
 *    8  i64  from_ns       16  i64  to_ns
 *   24  u32  buckets       28  u32  limit
 *   32  i64  dur_ns (>= 0) 40  str  path (< 256 bytes), str text (< 1024 bytes)
 * History: the layout stands in query.h. Strings of raw points lie one behind
 * the other in the order of the points, nothing between, before or behind them.
 *
 * The decoders trust nothing: every count is held against the bytes that are
 * there before anything is allocated.
 */
#include "model/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"
#include "model/batch.h"

#define HISTORY_HEAD 24
#define RAW_BYTES 32	/* one point */
#define BUCKET_BYTES 72 /* one bucket */
#define KIND_RAW 1
#define KIND_BUCKETS 2

/* Why this question may not be asked, or NULL. */
static const char *
why_refused(const struct hf_query *q)
{
	if (q->kind == 0 || q->kind >= HF_Q_MAX)
		return "kind unknown";
	if (q->kind == HF_Q_ALARM_ACT
		? q->act < HF_ACT_ACK || q->act > HF_ACT_IN_SERVICE
		: q->act != 0)
		return "act does not fit its kind";
	if (q->buckets > HF_QUERY_LIMIT || q->limit > HF_QUERY_LIMIT)
		return "buckets or limit too large";
	if (q->dur_ns < 0)
		return "duration is negative";
	if (!hf_utf8_line_ok(q->path, strlen(q->path)))
		return "path is not plain UTF-8 text";
	if (!hf_utf8_text_ok(q->text, strlen(q->text)))
		return "text is not plain UTF-8 text";
	return NULL;
}

int
hf_query_encode(const struct hf_query *q, struct hf_buf *out)
{
	if (memchr(q->path, '\0', sizeof(q->path)) == NULL ||
	    memchr(q->text, '\0', sizeof(q->text)) == NULL ||
	    why_refused(q) != NULL)
		return HF_EINVAL;
	hf_buf_u8(out, q->kind);
	hf_buf_u8(out, q->act);
	hf_buf_u16(out, 0);
	hf_buf_u32(out, q->uid);
	hf_buf_i64(out, q->from_ns);
	hf_buf_i64(out, q->to_ns);
	hf_buf_u32(out, q->buckets);
	hf_buf_u32(out, q->limit);
	hf_buf_i64(out, q->dur_ns);
	hf_buf_str(out, q->path);
	hf_buf_str(out, q->text);
	return hf_buf_ok(out) ? HF_OK : HF_ELIMIT;
}

/* A string into a zeroed field of cap bytes; no NUL inside. */
static bool
read_text(struct hf_rd *r, char *dst, size_t cap)
{
	const char *s;
	size_t n;

	if (!hf_rd_str(r, &s, &n, cap - 1) || s == NULL ||
	    memchr(s, '\0', n) != NULL)
		return false;
	memcpy(dst, s, n);
	return true;
}

int
hf_query_decode(const void *p, size_t n, struct hf_query *q, struct hf_err *err)
{
	struct hf_query got = {0};
	struct hf_rd r;
	const char *why;
	uint16_t zero;

	hf_rd_init(&r, p, n);
	got.kind = hf_rd_u8(&r);
	got.act = hf_rd_u8(&r);
	zero = hf_rd_u16(&r);
	got.uid = hf_rd_u32(&r);
	got.from_ns = hf_rd_i64(&r);
	got.to_ns = hf_rd_i64(&r);
	got.buckets = hf_rd_u32(&r);
	got.limit = hf_rd_u32(&r);
	got.dur_ns = hf_rd_i64(&r);
	if (!read_text(&r, got.path, sizeof(got.path)) ||
	    !read_text(&r, got.text, sizeof(got.text)) || hf_rd_left(&r) != 0 ||
	    zero != 0)
		return HF_FAIL(
		    err, HF_EPROTO, "query: %zu bytes do not have its form", n);
	why = why_refused(&got);
	if (why != NULL)
		return HF_FAIL(err, HF_EPROTO, "query: %s", why);
	*q = got;
	return HF_OK;
}

void
hf_points_fini(struct hf_points *p)
{
	free(p->pt);
	free(p->bk);
	free(p->str);
	*p = (struct hf_points){0};
}

static void
put_head(const struct hf_points *p, struct hf_buf *out)
{
	static const uint8_t zero[7];

	hf_buf_u8(out, p->is_buckets ? KIND_BUCKETS : KIND_RAW);
	hf_buf_u8(out, p->vtype);
	hf_buf_u16(out, 0);
	hf_buf_u32(out, (uint32_t)p->n);
	hf_buf_u64(out, p->tag);
	hf_buf_u8(out, p->is_truncated);
	hf_buf_put(out, zero, sizeof(zero));
}

static void
put_bucket(const struct hf_bucket *k, struct hf_buf *out)
{
	hf_buf_i64(out, k->t0_ns);
	hf_buf_i64(out, k->t1_ns);
	hf_buf_u32(out, k->n);
	hf_buf_u32(out, k->n_good);
	hf_buf_f64(out, k->min);
	hf_buf_f64(out, k->max);
	hf_buf_f64(out, k->mean);
	hf_buf_f64(out, k->first);
	hf_buf_f64(out, k->last);
	hf_buf_u32(out, k->status_or);
	hf_buf_u32(out, 0);
}

/* Does the point name bytes inside the string area (none, if no string)? */
static bool
has_string_inside(const struct hf_point *pt, size_t str_len)
{
	if (pt->vtype != HF_V_STR)
		return pt->str_len == 0;
	return pt->str_len <= HF_VALUE_STR && pt->str_off <= str_len &&
	       pt->str_len <= str_len - pt->str_off;
}

/* Points, then their strings packed in the same order. */
static int
put_raw(const struct hf_points *p, struct hf_buf *out, struct hf_err *err)
{
	uint32_t off = 0; /* n x HF_VALUE_STR may not overflow: checked */
	const struct hf_point *pt;
	size_t i;

	for (i = 0; i < p->n; i++) {
		pt = &p->pt[i];
		if (!has_string_inside(pt, p->str_len) ||
		    pt->str_len > UINT32_MAX - off)
			return HF_FAIL(
			    err, HF_EINVAL, "history: string of point %zu", i);
		hf_buf_i64(out, pt->t_ns);
		hf_buf_u64(out, pt->vtype == HF_V_STR ? 0 : pt->bits);
		hf_buf_u32(out, pt->status);
		hf_buf_u32(out, pt->vtype == HF_V_STR ? off : 0);
		hf_buf_u32(out, pt->str_len);
		hf_buf_u8(out, pt->vtype);
		hf_buf_u8(out, pt->flags);
		hf_buf_u16(out, 0);
		off += pt->str_len;
	}
	for (i = 0; i < p->n; i++)
		hf_buf_put(out,
		    p->str != NULL ? p->str + p->pt[i].str_off : NULL,
		    p->pt[i].str_len);
	return HF_OK;
}

int
hf_points_encode(
    const struct hf_points *p, struct hf_buf *out, struct hf_err *err)
{
	size_t i;
	int rc = HF_OK;

	if (p->n > HF_QUERY_LIMIT)
		return HF_FAIL(err, HF_ELIMIT,
		    "history: %zu points, at most %d", p->n, HF_QUERY_LIMIT);
	put_head(p, out);
	if (!p->is_buckets)
		rc = put_raw(p, out, err);
	for (i = 0; p->is_buckets && i < p->n; i++)
		put_bucket(&p->bk[i], out);
	if (rc == HF_OK && !hf_buf_ok(out))
		rc = HF_FAIL(err, HF_ELIMIT,
		    "history: %zu points do not fit the answer", p->n);
	return rc;
}

static bool
read_head(struct hf_rd *r, struct hf_points *out)
{
	static const uint8_t zero[7];
	const uint8_t *rest;
	uint8_t kind, is_truncated;
	uint16_t pad;

	kind = hf_rd_u8(r);
	out->vtype = hf_rd_u8(r);
	pad = hf_rd_u16(r);
	out->n = hf_rd_u32(r);
	out->tag = hf_rd_u64(r);
	is_truncated = hf_rd_u8(r);
	rest = hf_rd_bytes(r, sizeof(zero));
	out->is_buckets = kind == KIND_BUCKETS;
	out->is_truncated = is_truncated == 1;
	return rest != NULL && memcmp(rest, zero, sizeof(zero)) == 0 &&
	       (kind == KIND_RAW || kind == KIND_BUCKETS) && pad == 0 &&
	       is_truncated <= 1 && out->vtype <= HF_V_STR &&
	       out->n <= HF_QUERY_LIMIT;
}

static bool
read_bucket(struct hf_rd *r, struct hf_bucket *k)
{
	k->t0_ns = hf_rd_i64(r);
	k->t1_ns = hf_rd_i64(r);
	k->n = hf_rd_u32(r);
	k->n_good = hf_rd_u32(r);
	k->min = hf_rd_f64(r);
	k->max = hf_rd_f64(r);
	k->mean = hf_rd_f64(r);
	k->first = hf_rd_f64(r);
	k->last = hf_rd_f64(r);
	k->status_or = hf_rd_u32(r);
	return hf_rd_u32(r) == 0 && k->t0_ns <= k->t1_ns && k->n_good <= k->n;
}

/* *off: bytes of the string area that earlier points have taken. */
static bool
read_point(struct hf_rd *r, struct hf_point *pt, size_t *off)
{
	uint16_t pad;

	pt->t_ns = hf_rd_i64(r);
	pt->bits = hf_rd_u64(r);
	pt->status = hf_rd_u32(r);
	pt->str_off = hf_rd_u32(r);
	pt->str_len = hf_rd_u32(r);
	pt->vtype = hf_rd_u8(r);
	pt->flags = hf_rd_u8(r);
	pad = hf_rd_u16(r);
	if (pad != 0 || pt->vtype < HF_V_F64 || pt->vtype > HF_V_STR)
		return false;
	if (pt->vtype != HF_V_STR)
		return pt->str_off == 0 && pt->str_len == 0 &&
		       (pt->vtype != HF_V_BOOL || pt->bits <= 1);
	if (pt->bits != 0 || pt->str_off != *off || pt->str_len > HF_VALUE_STR)
		return false;
	*off += pt->str_len;
	return true;
}

static bool
are_strings_text(const struct hf_points *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->pt[i].str_len > 0 &&
		    !hf_utf8_text_ok(
			p->str + p->pt[i].str_off, p->pt[i].str_len))
			return false;
	}
	return true;
}

/* Reads n points or buckets whose bytes are known to be there. */
static int
read_items(struct hf_rd *r, struct hf_points *out)
{
	size_t i, off = 0;
	bool ok = true;

	if (out->is_buckets) {
		out->bk = calloc(out->n + 1, sizeof(*out->bk));
		if (out->bk == NULL)
			return HF_ENOMEM;
		for (i = 0; ok && i < out->n; i++)
			ok = read_bucket(r, &out->bk[i]);
	} else {
		out->pt = calloc(out->n + 1, sizeof(*out->pt));
		if (out->pt == NULL)
			return HF_ENOMEM;
		for (i = 0; ok && i < out->n; i++)
			ok = read_point(r, &out->pt[i], &off);
	}
	if (!ok || hf_rd_left(r) != off)
		return HF_EPROTO;
	out->str_len = off;
	out->str = malloc(off + 1);
	if (out->str == NULL)
		return HF_ENOMEM;
	if (off > 0)
		memcpy(out->str, hf_rd_bytes(r, off), off);
	out->str[off] = '\0';
	return out->is_buckets || are_strings_text(out) ? HF_OK : HF_EPROTO;
}

int
hf_points_decode(
    const void *p, size_t n, struct hf_points *out, struct hf_err *err)
{
	struct hf_points got = {0};
	struct hf_rd r;
	size_t nbytes;
	int rc;

	hf_rd_init(&r, p, n);
	if (!read_head(&r, &got))
		return HF_FAIL(err, HF_EPROTO, "history: bad head");
	if (!hf_mul_size(
		got.n, got.is_buckets ? BUCKET_BYTES : RAW_BYTES, &nbytes) ||
	    nbytes > hf_rd_left(&r))
		return HF_FAIL(err, HF_EPROTO,
		    "history: %zu bytes do not hold %zu points", n, got.n);
	rc = read_items(&r, &got);
	if (rc != HF_OK) {
		hf_points_fini(&got);
		return HF_FAIL(err, rc,
		    rc == HF_ENOMEM ? "history: no memory"
				    : "history: a point breaks its form, or "
				      "bytes are left over");
	}
	*out = got;
	return HF_OK;
}
