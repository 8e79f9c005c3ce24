/* SPDX-License-Identifier: Apache-2.0
 *
 * reader.c - queries: raw samples and buckets of one tag, on own connections.
 *
 * A chunk never spans two months, so months are answered one after the other,
 * each in one read transaction of its file merged with the writer's copy of
 * what is open. If a fold took the copy's samples into the file between copy
 * and query, the file's seq says so and that month of the copy is left out; a
 * sample is never seen twice.
 *
 * Buckets: [from, to) is first cut to the first and last sample within it,
 * then split into equal parts (the last may be shorter by rounding; fewer than
 * asked if the span has fewer ns). Bucket i covers [t0 + i*span/n, t0 +
 * (i+1)*span/n). A chunk that lies wholly in one bucket and overlaps no other
 * counts by its stored aggregate, everything else is decoded. min, max, mean,
 * first, last are of good numbers; n_good counts good strings too; -0.0 is 0.0.
 *
 * Chunks that fail their check are counted (bad.hist_chunk) and left out.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "model/quality.h"
#include "store/hist.h"
#include "store/opencopy.h"
#include "store/store.h"

#define NCONN 4 /* month files kept open */
#define CONN_IDLE \
	16 /* queries after which an unused one is closed, so that the
			writer can seal the month */

struct hf_reader {
	char *path;
	struct hf_counters *ctr;
	struct hf_codec_ctx *codec;
	struct {
		struct hf_month *m;
		uint64_t used; /* number of the query */
	} conn[NCONN];
	uint64_t nquery;
	struct hf_err last; /* why a chunk was bad */
};

/* A piece of the month at hand: a chunk on disk or in the copy. */
struct piece {
	struct hf_mref ref;
	struct hf_agg agg;
	bool has_agg;
};

struct month_view {
	struct hf_reader *r;
	struct hf_month *m; /* NULL: the month has no file */
	uint64_t tag;
	int64_t from_ns, to_ns;
	struct piece *v;
	size_t n, cap;
};

struct sink { /* where samples go */
	int64_t from_ns, to_ns;
	uint32_t limit;
	struct hf_points *out;
	size_t cap, str_cap;
	bool is_mixed;
	/* buckets */
	int64_t t0_ns;
	uint64_t span; /* ns; may be nearly all of 64 bits */
	uint32_t nbucket;
	uint32_t *nnum;	    /* good numbers per bucket */
	double *sum, *rest; /* their sum, compensated (Neumaier) */
	/* extent */
	bool has_any;
	int64_t first_ns, last_ns;
};

/* --- open, close, connections --------------------------------------------- */

int
hf_reader_open(const char *hist_path, struct hf_counters *ctr,
    struct hf_reader **out, struct hf_err *err)
{
	struct hf_reader *r = calloc(1, sizeof(*r));

	if (r != NULL) {
		r->path = strdup(hist_path);
		r->ctr = ctr;
		r->codec = hf_codec_ctx_new();
	}
	if (r == NULL || r->path == NULL || r->codec == NULL) {
		hf_reader_close(r);
		return HF_FAIL(err, HF_ENOMEM, "reader");
	}
	*out = r;
	return HF_OK;
}

void
hf_reader_close(struct hf_reader *r)
{
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < NCONN; i++)
		hf_month_close(r->conn[i].m);
	hf_codec_ctx_free(r->codec);
	free(r->path);
	free(r);
}

static void
drop_conn(struct hf_reader *r, size_t i)
{
	hf_month_close(r->conn[i].m);
	r->conn[i].m = NULL;
	r->conn[i].used = 0;
}

/* Closes what is idle, and months whose file retention has removed. */
static void
tidy_conns(struct hf_reader *r, const int *months, size_t n)
{
	size_t i, k;

	for (i = 0; i < NCONN; i++) {
		if (r->conn[i].m == NULL)
			continue;
		for (k = 0; k < n; k++)
			if (months[k] == hf_month_number(r->conn[i].m))
				break;
		if (k == n || r->nquery - r->conn[i].used > CONN_IDLE)
			drop_conn(r, i);
	}
}

static int
get_conn(
    struct hf_reader *r, int yyyymm, struct hf_month **out, struct hf_err *err)
{
	size_t i, oldest = 0;
	int rc;

	for (i = 0; i < NCONN; i++) {
		if (r->conn[i].m != NULL &&
		    hf_month_number(r->conn[i].m) == yyyymm) {
			r->conn[i].used = r->nquery;
			*out = r->conn[i].m;
			return HF_OK;
		}
		if (r->conn[i].used < r->conn[oldest].used)
			oldest = i;
	}
	drop_conn(r, oldest);
	rc =
	    hf_month_open(r->path, yyyymm, HF_DB_READ, &r->conn[oldest].m, err);
	if (rc != HF_OK) {
		r->conn[oldest].m = NULL;
		return rc;
	}
	r->conn[oldest].used = r->nquery;
	*out = r->conn[oldest].m;
	return HF_OK;
}

/* --- the pieces of one month ---------------------------------------------- */

static int
add_piece(struct month_view *mv, const struct piece *p)
{
	struct piece *grown;
	size_t cap;

	if (mv->n == mv->cap) {
		cap = mv->cap == 0 ? 64 : mv->cap * 2;
		grown = realloc(mv->v, cap * sizeof(*grown));
		if (grown == NULL)
			return HF_ENOMEM;
		mv->v = grown;
		mv->cap = cap;
	}
	mv->v[mv->n++] = *p;
	return HF_OK;
}

static int
add_chunk(void *arg, int64_t id, const struct hf_agg *a, bool has_agg)
{
	return add_piece(arg, &(struct piece){.agg = *a,
				  .has_agg = has_agg,
				  .ref = {.t0_ns = a->t0_ns,
				      .t1_ns = a->t1_ns,
				      .rank = a->ord,
				      .id = (uint64_t)id}});
}

static int
add_open(struct month_view *mv, const struct hf_open *o, struct hf_err *err)
{
	size_t i, n = hf_open_nref(o);
	struct hf_mref *refs = calloc(n + 1, sizeof(*refs));
	int rc = refs == NULL ? HF_ENOMEM : HF_OK;

	if (refs != NULL)
		/* behind all ranks of the file: ord has 32 bits */
		hf_open_refs(o, UINT64_C(1) << 32, refs);
	for (i = 0; i < n && rc == HF_OK; i++)
		if (refs[i].t0_ns < mv->to_ns && refs[i].t1_ns >= mv->from_ns)
			rc = add_piece(mv, &(struct piece){.ref = refs[i]});
	free(refs);
	return rc == HF_OK ? rc : HF_FAIL(err, rc, "query");
}

static int
by_start(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->ref.t0_ns != y->ref.t0_ns)
		return x->ref.t0_ns < y->ref.t0_ns ? -1 : 1;
	return x->ref.rank < y->ref.rank ? -1 : x->ref.rank > y->ref.rank;
}

static const struct hf_open *
open_in(const struct hf_open_copy *c, int yyyymm)
{
	const struct hf_open *o = c == NULL ? NULL : c->opens;

	while (o != NULL && o->yyyymm != yyyymm)
		o = o->next;
	return o;
}

/* The file's part; *seq is how far it is folded, whoever's epoch. */
static int
view_file(struct month_view *mv, uint64_t *seq, struct hf_err *err)
{
	struct hf_month_tag row;
	uint64_t epoch, nbad = 0;
	int rc;

	rc = hf_month_begin(mv->m, false, err);
	if (rc == HF_OK)
		rc = hf_month_epoch(mv->m, &epoch, err);
	if (rc == HF_OK)
		rc = hf_month_seq(mv->m, epoch, seq, err);
	if (rc == HF_OK)
		rc = hf_month_get_tag(mv->m, mv->tag, &row, err);
	if (rc == HF_OK)
		rc = hf_month_each(mv->m, &row, mv->from_ns, mv->to_ns,
		    add_chunk, mv, &nbad, err);
	hf_count(mv->r->ctr, HF_C_H_BAD_CHUNK, nbad);
	return rc == HF_ENOTFOUND ? HF_OK : rc;
}

static void
month_end(struct month_view *mv)
{
	if (mv->m != NULL)
		hf_month_rollback(mv->m);
	free(mv->v);
}

/* All pieces of one month, sorted; a file that cannot be read counts as bad. */
static int
month_view(struct hf_reader *r, const struct hf_open_copy *c, uint64_t tag,
    int yyyymm, int64_t from_ns, int64_t to_ns, struct month_view *mv,
    struct hf_err *err)
{
	const struct hf_open *o = open_in(c, yyyymm);
	uint64_t seq = 0;
	int rc;

	*mv = (struct month_view){
	    .r = r, .tag = tag, .from_ns = from_ns, .to_ns = to_ns};
	rc = get_conn(r, yyyymm, &mv->m, err);
	if (rc == HF_OK)
		rc = view_file(mv, &seq, err);
	if (rc == HF_ENOTFOUND || rc == HF_ENODATA)
		rc = HF_OK; /* not folded yet */
	if (rc == HF_ECORRUPT) {
		hf_count(r->ctr, HF_C_H_BAD_CHUNK, 1);
		rc = HF_OK;
	}
	if (rc == HF_OK && o != NULL && o->seq_max > seq)
		rc = add_open(mv, o, err);
	if (rc != HF_OK) {
		month_end(mv);
		return rc;
	}
	if (mv->n > 1)
		qsort(mv->v, mv->n, sizeof(mv->v[0]), by_start);
	return HF_OK;
}

struct run_ctx {
	struct month_view *mv;
	struct sink *k;
	int (*run)(struct sink *k, const struct hf_pt *pt, size_t n,
	    const char *str, struct hf_err *err);
};

static int
load(void *arg, const struct hf_mref *ref, struct hf_block *out,
    struct hf_err *err)
{
	struct run_ctx *x = arg;
	struct hf_reader *r = x->mv->r;
	struct hf_chunk_info info = {.tag = x->mv->tag};
	int rc;

	if (ref->src != NULL)
		rc = hf_open_load(r->codec, ref, out, &r->last);
	else
		rc = hf_month_load(
		    x->mv->m, r->codec, (int64_t)ref->id, &info, out, &r->last);
	if (rc == HF_ECORRUPT)
		hf_count(r->ctr, HF_C_H_BAD_CHUNK, 1);
	else if (rc != HF_OK && err != NULL)
		*err = r->last;
	return rc;
}

/* Cuts the run to [from, to). */
static int
clip_run(void *arg, const struct hf_pt *pt, size_t n, const char *str,
    struct hf_err *err)
{
	struct run_ctx *x = arg;
	const struct sink *k = x->k;
	struct hf_block b = {.n = n};
	size_t lo = 0, hi = n;

	b.pt = (struct hf_pt *)(uintptr_t)pt; /* only searched */
	if (pt[0].t_ns < k->from_ns)
		lo = hf_block_lower(&b, k->from_ns);
	if (pt[n - 1].t_ns >= k->to_ns)
		hi = hf_block_lower(&b, k->to_ns);
	if (lo >= hi)
		return HF_OK;
	return x->run(x->k, pt + lo, hi - lo, str, err);
}

static int
merge_pieces(
    struct run_ctx *x, const struct piece *v, size_t n, struct hf_err *err)
{
	static const struct hf_merge_ops ops = {.load = load, .run = clip_run};
	struct hf_mref *refs = calloc(n + 1, sizeof(*refs));
	size_t i;
	int rc;

	if (refs == NULL)
		return HF_FAIL(err, HF_ENOMEM, "query of %zu chunks", n);
	for (i = 0; i < n; i++)
		refs[i] = v[i].ref;
	rc = hf_merge(refs, n, &ops, x, err);
	free(refs);
	return rc;
}

/* --- raw ------------------------------------------------------------------ */

static bool
room(struct sink *k, size_t n, size_t str_len)
{
	struct hf_points *o = k->out;
	size_t cap;
	void *p;

	if (o->n + n > k->cap) {
		cap = k->cap == 0 ? 1024 : k->cap * 2;
		cap = cap < o->n + n ? o->n + n : cap;
		p = realloc(o->pt, cap * sizeof(o->pt[0]));
		if (p == NULL)
			return false;
		o->pt = p;
		k->cap = cap;
	}
	if (o->str_len + str_len > k->str_cap) {
		cap = k->str_cap == 0 ? 4096 : k->str_cap * 2;
		cap = cap < o->str_len + str_len ? o->str_len + str_len : cap;
		p = realloc(o->str, cap);
		if (p == NULL)
			return false;
		o->str = p;
		k->str_cap = cap;
	}
	return true;
}

static bool
raw_point(struct sink *k, const struct hf_pt *pt, const char *str)
{
	struct hf_points *o = k->out;
	size_t len = pt->vtype == HF_V_STR ? hf_strref_len(pt->bits) : 0;
	struct hf_point *p;

	if (!room(k, 1, len) || o->str_len + len > UINT32_MAX)
		return false;
	p = &o->pt[o->n];
	*p = (struct hf_point){.t_ns = pt->t_ns,
	    .bits = pt->bits,
	    .status = pt->status,
	    .vtype = pt->vtype,
	    .flags = pt->flags};
	if (pt->vtype == HF_V_STR) {
		p->bits = 0;
		p->str_off = (uint32_t)o->str_len;
		p->str_len = (uint32_t)len;
		if (len > 0)
			memcpy(o->str + o->str_len,
			    str + hf_strref_off(pt->bits), len);
		o->str_len += len;
	}
	if (o->n == 0)
		o->vtype = pt->vtype;
	k->is_mixed |= o->vtype != pt->vtype;
	o->n++;
	return true;
}

static int
raw_run(struct sink *k, const struct hf_pt *pt, size_t n, const char *str,
    struct hf_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (k->out->n == k->limit) {
			k->out->is_truncated = true;
			return 1; /* enough */
		}
		if (!raw_point(k, &pt[i], str))
			return HF_FAIL(
			    err, HF_ENOMEM, "query of %zu points", k->out->n);
	}
	return HF_OK;
}

/* --- buckets -------------------------------------------------------------- */

static int64_t
bucket_start(const struct sink *k, uint32_t i)
{
	return (
	    int64_t)((uint64_t)k->t0_ns +
		     (uint64_t)((unsigned __int128)k->span * i / k->nbucket));
}

/* The bucket of t; t0 <= t < t0 + span. */
static uint32_t
bucket_of(const struct sink *k, int64_t t_ns)
{
	uint64_t d = (uint64_t)t_ns - (uint64_t)k->t0_ns;
	uint32_t i = (uint32_t)((unsigned __int128)d * k->nbucket / k->span);

	/* Starts are rounded down, so it may be the next one already. */
	while (i + 1 < k->nbucket && bucket_start(k, i + 1) <= t_ns)
		i++;
	return i;
}

/* Neumaier: adds with the rounding error kept apart, so that the mean does not
 * depend on whether a chunk's sum or its samples were added. */
static void
sum_add(struct sink *k, uint32_t i, double v)
{
	double t = k->sum[i] + v;

	if (fabs(k->sum[i]) >= fabs(v))
		k->rest[i] += (k->sum[i] - t) + v;
	else
		k->rest[i] += (v - t) + k->sum[i];
	k->sum[i] = t;
}

static void
bucket_number(struct sink *k, uint32_t i, double v)
{
	struct hf_bucket *b = &k->out->bk[i];

	if (k->nnum[i]++ == 0)
		b->min = b->max = b->first = v;
	if (v < b->min)
		b->min = v;
	if (v > b->max)
		b->max = v;
	b->last = v;
	sum_add(k, i, v);
}

static double
number_of(const struct hf_pt *p)
{
	double v;

	switch (p->vtype) {
	case HF_V_F64:
		memcpy(&v, &p->bits, sizeof(v));
		return v + 0.0;
	case HF_V_I64:
		return (double)(int64_t)p->bits;
	default:
		return p->bits != 0 ? 1.0 : 0.0;
	}
}

static int
bucket_run(struct sink *k, const struct hf_pt *pt, size_t n, const char *str,
    struct hf_err *err)
{
	uint32_t at = bucket_of(k, pt[0].t_ns);
	int64_t end = k->out->bk[at].t1_ns;
	size_t i;

	for (i = 0; i < n; i++) {
		if (pt[i].t_ns >= end) {
			at = bucket_of(k, pt[i].t_ns);
			end = k->out->bk[at].t1_ns;
		}
		k->out->bk[at].n++;
		k->out->bk[at].status_or |= pt[i].status;
		if (!hf_is_good(pt[i].status))
			continue;
		k->out->bk[at].n_good++;
		if (pt[i].vtype != HF_V_STR)
			bucket_number(k, at, number_of(&pt[i]));
	}
	return HF_OK;
}

static void
bucket_agg(struct sink *k, uint32_t i, const struct hf_agg *a)
{
	struct hf_bucket *b = &k->out->bk[i];

	b->n += a->n;
	b->n_good += a->n_good;
	b->status_or |= a->status_or;
	if (a->n_num == 0)
		return;
	if (k->nnum[i] == 0) {
		b->min = a->min;
		b->max = a->max;
		b->first = a->first;
	}
	if (a->min < b->min)
		b->min = a->min;
	if (a->max > b->max)
		b->max = a->max;
	b->last = a->last;
	k->nnum[i] += a->n_num;
	sum_add(k, i, a->sum);
}

/* Runs of overlapping pieces are merged; one that stands alone within a bucket
 * counts by its aggregate. */
static int
bucket_month(struct run_ctx *x, struct hf_err *err)
{
	const struct month_view *mv = x->mv;
	struct sink *k = x->k;
	size_t i, j;
	int rc = HF_OK;

	for (i = 0; i < mv->n && rc == HF_OK; i = j) {
		const struct piece *p = &mv->v[i];
		int64_t t1 = p->ref.t1_ns;
		uint32_t at;

		for (j = i + 1; j < mv->n && mv->v[j].ref.t0_ns <= t1; j++)
			if (mv->v[j].ref.t1_ns > t1)
				t1 = mv->v[j].ref.t1_ns;
		if (j == i + 1 && p->has_agg && p->ref.t0_ns >= k->from_ns &&
		    p->ref.t1_ns < k->to_ns) {
			at = bucket_of(k, p->ref.t0_ns);
			if (p->ref.t1_ns < k->out->bk[at].t1_ns) {
				bucket_agg(k, at, &p->agg);
				continue;
			}
		}
		rc = merge_pieces(x, p, j - i, err);
	}
	return rc;
}

/* --- the extent: first and last sample in [from, to) ---------------------- */

static int
extent_run(struct sink *k, const struct hf_pt *pt, size_t n, const char *str,
    struct hf_err *err)
{
	if (!k->has_any || pt[0].t_ns < k->first_ns)
		k->first_ns = pt[0].t_ns;
	if (!k->has_any || pt[n - 1].t_ns > k->last_ns)
		k->last_ns = pt[n - 1].t_ns;
	k->has_any = true;
	return HF_OK;
}

/* Only pieces that reach over an edge must be decoded. */
static int
extent_month(struct run_ctx *x, struct hf_err *err)
{
	const struct month_view *mv = x->mv;
	struct sink *k = x->k;
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < mv->n && rc == HF_OK; i++) {
		const struct hf_mref *ref = &mv->v[i].ref;
		struct hf_pt ends[2] = {
		    {.t_ns = ref->t0_ns}, {.t_ns = ref->t1_ns}};

		if (ref->t0_ns >= k->from_ns && ref->t1_ns < k->to_ns)
			rc = extent_run(k, ends, 2, NULL, err);
		else
			rc = merge_pieces(x, &mv->v[i], 1, err);
	}
	return rc;
}

/* --- the query ------------------------------------------------------------ */

struct query {
	struct hf_reader *r;
	const struct hf_open_copy *open;
	uint64_t tag;
	int *months; /* that have a file or open samples, rising; owned */
	size_t nmonth;
	struct sink k;
};

static int
month_after(int yyyymm)
{
	return yyyymm % 100 == 12 ? yyyymm + 89 : yyyymm + 1;
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static bool
month_in_span(const struct query *q, int yyyymm)
{
	return hf_month_start_ns(yyyymm) < q->k.to_ns &&
	       hf_month_start_ns(month_after(yyyymm)) > q->k.from_ns;
}

static int
find_months(struct query *q, struct hf_err *err)
{
	const struct hf_open *o;
	size_t i, n = 0, nfile = 0, nopen = 0;
	int *list = NULL, *grown;
	int rc;

	rc = hf_hist_list(q->r->path, &list, &nfile, err);
	if (rc != HF_OK)
		return rc;
	tidy_conns(q->r, list, nfile);
	for (o = q->open == NULL ? NULL : q->open->opens; o; o = o->next)
		nopen++;
	grown = realloc(list, (nfile + nopen + 1) * sizeof(*list));
	if (grown == NULL) {
		free(list);
		return HF_FAIL(err, HF_ENOMEM, "query");
	}
	list = grown;
	for (o = q->open == NULL ? NULL : q->open->opens; o; o = o->next)
		list[nfile++] = o->yyyymm;
	qsort(list, nfile, sizeof(*list), by_number);
	for (i = 0; i < nfile; i++)
		if ((n == 0 || list[n - 1] != list[i]) &&
		    month_in_span(q, list[i]))
			list[n++] = list[i];
	q->months = list;
	q->nmonth = n;
	return HF_OK;
}

static int
each_month(struct query *q, size_t i, struct run_ctx *x,
    int (*fn)(struct run_ctx *x, struct hf_err *err), struct hf_err *err)
{
	struct month_view mv;
	int rc;

	rc = month_view(q->r, q->open, q->tag, q->months[i], q->k.from_ns,
	    q->k.to_ns, &mv, err);
	if (rc != HF_OK)
		return rc;
	x->mv = &mv;
	rc = fn(x, err);
	month_end(&mv);
	return rc;
}

static int
raw_month(struct run_ctx *x, struct hf_err *err)
{
	return merge_pieces(x, x->mv->v, x->mv->n, err);
}

static int
query_raw(struct query *q, struct hf_err *err)
{
	struct run_ctx x = {.k = &q->k, .run = raw_run};
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < q->nmonth && rc == HF_OK && !q->k.out->is_truncated;
	     i++)
		rc = each_month(q, i, &x, raw_month, err);
	if (q->k.is_mixed)
		q->k.out->vtype = 0;
	return rc;
}

/* From both ends inwards: usually two months are looked at. */
static int
find_extent(struct query *q, struct hf_err *err)
{
	struct run_ctx x = {.k = &q->k, .run = extent_run};
	size_t i, first = q->nmonth;
	int rc = HF_OK;

	for (i = 0; i < q->nmonth && rc == HF_OK && !q->k.has_any; i++) {
		rc = each_month(q, i, &x, extent_month, err);
		first = i;
	}
	for (i = q->nmonth; i-- > first + 1 && rc == HF_OK;) {
		int64_t before = q->k.last_ns;

		rc = each_month(q, i, &x, extent_month, err);
		if (q->k.last_ns > before)
			break;
	}
	return rc;
}

static bool
make_buckets(struct query *q, uint32_t nbucket)
{
	struct sink *k = &q->k;
	uint32_t i;

	k->from_ns = k->t0_ns = k->first_ns;
	k->to_ns = k->last_ns + 1;
	k->span = (uint64_t)k->to_ns - (uint64_t)k->t0_ns;
	k->nbucket = k->span < nbucket ? (uint32_t)k->span : nbucket;
	k->out->bk = calloc(k->nbucket, sizeof(k->out->bk[0]));
	k->nnum = calloc(k->nbucket, sizeof(k->nnum[0]));
	k->sum = calloc(k->nbucket, sizeof(k->sum[0]));
	k->rest = calloc(k->nbucket, sizeof(k->rest[0]));
	if (k->out->bk == NULL || k->nnum == NULL || k->sum == NULL ||
	    k->rest == NULL)
		return false;
	k->out->n = k->nbucket;
	for (i = 0; i < k->nbucket; i++) {
		k->out->bk[i].t0_ns = bucket_start(k, i);
		k->out->bk[i].t1_ns = bucket_start(k, i + 1);
	}
	return true;
}

static void
finish_buckets(struct sink *k)
{
	struct hf_bucket *b;
	uint32_t i;

	for (i = 0; i < k->nbucket; i++) {
		b = &k->out->bk[i];
		if (k->nnum[i] == 0)
			b->min = b->max = b->mean = b->first = b->last = NAN;
		else
			b->mean = (k->sum[i] + k->rest[i]) / k->nnum[i];
	}
}

static int
query_buckets(struct query *q, uint32_t nbucket, struct hf_err *err)
{
	struct run_ctx x = {.k = &q->k, .run = bucket_run};
	size_t i;
	int rc;

	rc = find_extent(q, err);
	if (rc != HF_OK || !q->k.has_any)
		return rc;
	if (!make_buckets(q, nbucket))
		return HF_FAIL(err, HF_ENOMEM, "%u buckets", nbucket);
	for (i = 0; i < q->nmonth && rc == HF_OK; i++)
		if (month_in_span(q, q->months[i]))
			rc = each_month(q, i, &x, bucket_month, err);
	if (rc == HF_OK)
		finish_buckets(&q->k);
	return rc;
}

int
hf_reader_query(struct hf_reader *r, const struct hf_open_copy *open,
    uint64_t tag, int64_t from_ns, int64_t to_ns, uint32_t buckets,
    uint32_t limit, struct hf_points *out, struct hf_err *err)
{
	struct query q = {.r = r, .open = open, .tag = tag};
	int rc;

	if (limit == 0 || limit > HF_QUERY_LIMIT)
		limit = HF_QUERY_LIMIT;
	if (buckets > limit)
		return HF_FAIL(err, HF_ELIMIT, "%u buckets, the limit is %u",
		    buckets, limit);
	*out = (struct hf_points){.tag = tag, .is_buckets = buckets > 0};
	q.k.from_ns = from_ns;
	q.k.to_ns = to_ns == HF_TIME_NONE ? INT64_MAX : to_ns;
	q.k.limit = limit;
	q.k.out = out;
	r->nquery++;
	rc = find_months(&q, err);
	if (rc == HF_OK)
		rc = buckets > 0 ? query_buckets(&q, buckets, err)
				 : query_raw(&q, err);
	free(q.months);
	free(q.k.nnum);
	free(q.k.sum);
	free(q.k.rest);
	if (rc != HF_OK)
		hf_points_fini(out);
	return rc;
}
