/* SPDX-License-Identifier: Apache-2.0
 *
 * render.c - history points as JSON or CSV, piece by piece; formats in
 * render.h.
 */
#include "web/render.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "model/batch.h"
#include "model/quality.h"

void
hf_render_init(struct hf_render *r, struct hf_points *pts, const char *tag,
    const char *unit, bool is_csv)
{
	memset(r, 0, sizeof(*r));
	r->pts = *pts;
	memset(pts, 0, sizeof(*pts));
	(void)hf_strcpy(r->tag, sizeof(r->tag), tag);
	(void)hf_strcpy(r->unit, sizeof(r->unit), unit ? unit : "");
	r->is_csv = is_csv;
	hf_buf_init(&r->piece, HF_RENDER_MAX);
	hf_jw_init(&r->jw, &r->piece);
}

void
hf_render_fini(struct hf_render *r)
{
	hf_points_fini(&r->pts);
	hf_buf_fini(&r->piece);
}

bool
hf_render_failed(const struct hf_render *r)
{
	return !hf_buf_ok(&r->piece);
}

static double
f64_of_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static int64_t
i64_of_bits(uint64_t bits)
{
	int64_t v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Bounds again: the decoder checked them, but a slip here would show memory. */
static const char *
point_str(const struct hf_points *p, const struct hf_point *pt, size_t *n)
{
	if (p->str == NULL || pt->str_off > p->str_len ||
	    pt->str_len > p->str_len - pt->str_off) {
		*n = 0;
		return "";
	}
	*n = pt->str_len;
	return p->str + pt->str_off;
}

static void
json_value(
    struct hf_jw *w, const struct hf_points *p, const struct hf_point *pt)
{
	const char *s;
	size_t n;

	switch (pt->vtype) {
	case HF_V_F64:
		hf_jw_f64(w, f64_of_bits(pt->bits));
		return;
	case HF_V_I64:
		hf_jw_i64(w, i64_of_bits(pt->bits));
		return;
	case HF_V_BOOL:
		hf_jw_bool(w, pt->bits != 0);
		return;
	case HF_V_STR:
		s = point_str(p, pt, &n);
		hf_jw_strn(w, s, n);
		return;
	default:
		hf_jw_null(w);
	}
}

static void
json_point(
    struct hf_jw *w, const struct hf_points *p, const struct hf_point *pt)
{
	hf_jw_obj(w);
	hf_jw_ktime(w, "t", pt->t_ns);
	hf_jw_key(w, "v");
	json_value(w, p, pt);
	hf_jw_ku64(w, "q", pt->status);
	hf_jw_ku64(w, "flags", pt->flags);
	hf_jw_end_obj(w);
}

static void
json_bucket(struct hf_jw *w, const struct hf_bucket *b)
{
	hf_jw_obj(w);
	hf_jw_ktime(w, "from", b->t0_ns);
	hf_jw_ktime(w, "to", b->t1_ns);
	hf_jw_ku64(w, "n", b->n);
	hf_jw_ku64(w, "n_good", b->n_good);
	hf_jw_kf64(w, "min", b->min);
	hf_jw_kf64(w, "max", b->max);
	hf_jw_kf64(w, "mean", b->mean);
	hf_jw_kf64(w, "first", b->first);
	hf_jw_kf64(w, "last", b->last);
	hf_jw_ku64(w, "q", b->status_or);
	hf_jw_end_obj(w);
}

static void
csv_f64(struct hf_buf *b, double v)
{
	char text[HF_F64_TEXT];

	if (isfinite(v))
		hf_buf_puts(b, hf_fmt_f64(v, text));
}

static void
csv_text(struct hf_buf *b, const char *s, size_t n)
{
	char text[HF_VALUE_STR + 1];

	if (n > HF_VALUE_STR)
		n = HF_VALUE_STR;
	memcpy(text, s, n);
	text[n] = '\0';
	hf_csv_put_text(b, text, ',');
}

static void
csv_value(
    struct hf_buf *b, const struct hf_points *p, const struct hf_point *pt)
{
	const char *s;
	size_t n;

	switch (pt->vtype) {
	case HF_V_F64:
		csv_f64(b, f64_of_bits(pt->bits));
		return;
	case HF_V_I64:
		hf_buf_printf(b, "%lld", (long long)i64_of_bits(pt->bits));
		return;
	case HF_V_BOOL:
		hf_buf_puts(b, pt->bits != 0 ? "true" : "false");
		return;
	case HF_V_STR:
		s = point_str(p, pt, &n);
		csv_text(b, s, n);
		return;
	default:
		return;
	}
}

static void
csv_point(
    struct hf_buf *b, const struct hf_points *p, const struct hf_point *pt)
{
	char t[HF_TIME_TEXT], name[16];

	hf_buf_puts(b, hf_time_fmt(pt->t_ns, t));
	hf_buf_puts(b, ",");
	csv_value(b, p, pt);
	hf_buf_puts(b, ",");
	hf_buf_puts(b, hf_status_name(pt->status, name));
	hf_buf_puts(b, "\n");
}

static void
csv_bucket(struct hf_buf *b, const struct hf_bucket *k)
{
	const double v[] = {k->min, k->max, k->mean, k->first, k->last};
	char t0[HF_TIME_TEXT], t1[HF_TIME_TEXT], name[16];
	size_t i;

	hf_buf_printf(b, "%s,%s,%u,%u,", hf_time_fmt(k->t0_ns, t0),
	    hf_time_fmt(k->t1_ns, t1), k->n, k->n_good);
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		csv_f64(b, v[i]);
		hf_buf_puts(b, ",");
	}
	hf_buf_puts(b, hf_status_name(k->status_or, name));
	hf_buf_puts(b, "\n");
}

static void
begin(struct hf_render *r)
{
	r->is_begun = true;
	if (r->is_csv) {
		hf_buf_puts(&r->piece,
		    r->pts.is_buckets
			? "from,to,n,n_good,min,max,mean,first,last,quality\n"
			: "t,value,quality\n");
		return;
	}
	hf_jw_obj(&r->jw);
	hf_jw_kstr(&r->jw, "tag", r->tag);
	hf_jw_kstr(&r->jw, "unit", r->unit);
	hf_jw_kbool(&r->jw, "truncated", r->pts.is_truncated);
	hf_jw_key(&r->jw, r->pts.is_buckets ? "buckets" : "points");
	hf_jw_arr(&r->jw);
}

static void
end(struct hf_render *r)
{
	r->is_done = true;
	if (r->is_csv)
		return;
	hf_jw_end_arr(&r->jw);
	hf_jw_end_obj(&r->jw);
	hf_buf_puts(&r->piece, "\n");
}

static void
one(struct hf_render *r, size_t i)
{
	const struct hf_points *p = &r->pts;

	if (p->is_buckets) {
		if (r->is_csv)
			csv_bucket(&r->piece, &p->bk[i]);
		else
			json_bucket(&r->jw, &p->bk[i]);
		return;
	}
	if (r->is_csv)
		csv_point(&r->piece, p, &p->pt[i]);
	else
		json_point(&r->jw, p, &p->pt[i]);
}

const struct hf_buf *
hf_render_piece(struct hf_render *r)
{
	if (r->is_done || !hf_buf_ok(&r->piece))
		return NULL;
	hf_buf_reset(&r->piece);
	if (!r->is_begun)
		begin(r);
	while (r->next < r->pts.n && r->piece.len < HF_RENDER_PIECE)
		one(r, r->next++);
	if (r->next == r->pts.n)
		end(r);
	return hf_buf_ok(&r->piece) ? &r->piece : NULL;
}
