/* SPDX-License-Identifier: Apache-2.0
 *
 * fold.c - open chunks into month files, then the log may go; retention.
 *
 * Order, each step durable before the next:
 *   1. numbers of tags that never were folded            (tags.db)
 *   2. one transaction a month: chunks, aggregates, counts, sources, seq
 *   3. last values, sources, seq                         (tags.db)
 *   4. before_drop(): detector snapshots
 *   5. the log is rotated and dropped up to seq
 * A crash or error between two months is harmless: seq stands in each of them,
 * so recovery puts back only what a month lacks. The open chunks of a month
 * are let go when its transaction is through, whatever happens to the others.
 *
 * Within tag and month all open pieces are merged by time. If the newest chunk
 * on disk, the tail, is not full, it is taken up again and filled, so that a
 * slow tag does not leave one small chunk a fold. Samples before the tail's
 * first one came late: they go into chunks of their own, else one of them
 * would stretch a chunk over days and make it overlap all others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "os/file.h"
#include "store/storeint.h"

#define CHUNK_STR (1u << 20) /* string bytes before a chunk is closed */
#define SEAL_AFTER_NS (24 * 3600 * HF_NS_PER_S)

struct folding { /* one tag of one month */
	struct hf_store *s;
	struct hf_month *m;
	struct hf_month_tag row;
	const struct hf_open *o;
	struct hf_block tail; /* samples of the tail that is taken up again */
	struct hf_block out;  /* the chunk that grows */
	struct hf_buf bytes;
	int64_t split_ns; /* samples before it came late */
	uint64_t seq_min, seq_max;
	uint64_t nchunk, nsample;
};

static int
flush_chunk(struct folding *f, struct hf_err *err)
{
	struct hf_chunk_info info = {.tag = f->row.key,
	    .seq_first = f->seq_min,
	    .seq_last = f->seq_max,
	    .ord = f->row.next_ord};
	struct hf_agg agg;
	int rc;

	if (f->out.n == 0)
		return HF_OK;
	hf_buf_reset(&f->bytes);
	rc = hf_chunk_encode(f->s->codec, &info, f->out.pt, f->out.n,
	    f->out.str, &f->bytes, err);
	if (rc != HF_OK)
		return rc;
	hf_chunk_agg(f->out.pt, f->out.n, &agg);
	agg.ord = info.ord;
	rc = hf_month_put_chunk(
	    f->m, &f->row, &info, f->bytes.p, f->bytes.len, &agg, err);
	f->row.next_ord++;
	f->nchunk++;
	hf_block_reset(&f->out);
	return rc;
}

static int
take_run(void *arg, const struct hf_pt *pt, size_t n, const char *str,
    struct hf_err *err)
{
	struct folding *f = arg;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (f->out.n == HF_CHUNK_MAX || f->out.str_len > CHUNK_STR ||
		    (f->out.n > 0 && pt[i].t_ns >= f->split_ns &&
			f->out.pt[0].t_ns < f->split_ns)) {
			rc = flush_chunk(f, err);
			if (rc != HF_OK)
				return rc;
		}
		if (!hf_block_insert(&f->out, f->out.n, &pt[i], str))
			return HF_FAIL(err, HF_ENOMEM, "fold");
	}
	return HF_OK;
}

static int
load_piece(void *arg, const struct hf_mref *ref, struct hf_block *out,
    struct hf_err *err)
{
	struct folding *f = arg;
	struct hf_block empty = {.n = 0};

	if (ref->src == f->o)
		return hf_open_load(f->s->codec, ref, out, err);
	hf_block_fini(out); /* the tail: handed over, not copied */
	*out = f->tail;
	f->tail = empty;
	return HF_OK;
}

/* Takes the tail back out of the file if there is room in it and something
 * behind its first sample comes. A tail that cannot be read stays where it
 * is. */
static int
take_tail(
    struct folding *f, const struct hf_mref *refs, size_t n, struct hf_err *err)
{
	struct hf_chunk_info info = {.tag = f->row.key};
	bool is_behind = false;
	size_t i;
	int rc;

	f->split_ns = INT64_MIN;
	if (f->row.tail_id == 0)
		return HF_OK;
	f->split_ns = f->row.tail_t0_ns;
	for (i = 0; i < n; i++)
		is_behind |= refs[i].t1_ns >= f->split_ns;
	if (!is_behind || f->row.tail_n >= HF_CHUNK_MAX)
		return HF_OK;
	rc = hf_month_load(
	    f->m, f->s->codec, f->row.tail_id, &info, &f->tail, err);
	if (rc == HF_ECORRUPT) {
		hf_count(f->s->ctr, HF_C_H_BAD_CHUNK, 1);
		hf_block_reset(&f->tail);
		return HF_OK;
	}
	if (rc != HF_OK || f->tail.str_len > CHUNK_STR) {
		hf_block_reset(&f->tail);
		return rc;
	}
	rc = hf_month_del_chunk(
	    f->m, &f->row, f->row.tail_id, (uint32_t)f->tail.n, err);
	f->row.tail_id = 0;
	f->seq_min = info.seq_first < f->seq_min ? info.seq_first : f->seq_min;
	f->seq_max = info.seq_last > f->seq_max ? info.seq_last : f->seq_max;
	return rc;
}

static int
merge_tag(struct folding *f, struct hf_err *err)
{
	static const struct hf_merge_ops ops = {
	    .load = load_piece, .run = take_run};
	size_t n = hf_open_nref(f->o);
	struct hf_mref *refs = calloc(n + 1, sizeof(*refs));
	int rc;

	if (refs == NULL)
		return HF_FAIL(err, HF_ENOMEM, "fold");
	hf_open_refs(f->o, 1, refs);
	rc = take_tail(f, refs, n, err);
	if (f->tail.n > 0) {
		refs[n++] = (struct hf_mref){.t0_ns = f->tail.pt[0].t_ns,
		    .t1_ns = f->tail.pt[f->tail.n - 1].t_ns,
		    .rank = 0};
	}
	hf_mref_sort(refs, n);
	if (rc == HF_OK)
		rc = hf_merge(refs, n, &ops, f, err);
	if (rc == HF_OK)
		rc = flush_chunk(f, err);
	free(refs);
	return rc;
}

static int
fold_tag(struct folding *f, const struct tag *t, const struct hf_open *o,
    struct hf_err *err)
{
	uint64_t before;
	int rc;

	rc = hf_month_get_tag(f->m, t->key, &f->row, err);
	if (rc == HF_ENOTFOUND) {
		f->row = (struct hf_month_tag){.id = t->id, .key = t->key};
		rc = HF_OK;
	}
	if (rc != HF_OK)
		return rc;
	f->o = o;
	f->seq_min = o->seq_min;
	f->seq_max = o->seq_max;
	hf_block_reset(&f->tail);
	hf_block_reset(&f->out);
	before = f->row.nsample;
	rc = merge_tag(f, err);
	if (rc == HF_OK)
		rc = hf_month_put_tag(
		    f->m, &f->row, t->path, t->unit, t->type, err);
	f->nsample += f->row.nsample - before;
	return rc;
}

static struct hf_open **
open_in(struct tag *t, int yyyymm)
{
	struct hf_open **p;

	for (p = &t->opens; *p != NULL; p = &(*p)->next)
		if ((*p)->yyyymm == yyyymm)
			return p;
	return NULL;
}

/* The month is durable: what was open is now in it. */
static void
let_go(struct hf_store *s, int yyyymm)
{
	struct hf_open **p, *o;
	size_t i;

	for (i = 0; i < s->ntag; i++) {
		struct tag *t = s->tags[i];
		int64_t t1;

		p = open_in(t, yyyymm);
		if (p == NULL)
			continue;
		o = *p;
		t1 = o->sealed_t1_ns;
		if (o->b.n > 0 && o->b.pt[o->b.n - 1].t_ns > t1)
			t1 = o->b.pt[o->b.n - 1].t_ns;
		if (t1 > t->folded_ns)
			t->folded_ns = t1;
		t->is_dirty = true;
		*p = o->next;
		s->open_bytes -= sizeof(*o) + hf_block_bytes(&o->b);
		for (size_t k = 0; k < o->nsealed; k++)
			s->open_bytes -=
			    o->sealed[k].len + sizeof(o->sealed[0]);
		hf_open_free(o);
	}
	hf_cache_reset(s->cache);
}

static int
fill_month(struct folding *f, int yyyymm, uint64_t seq, struct hf_err *err)
{
	struct hf_store *s = f->s;
	struct hf_open **p;
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < s->ntag && rc == HF_OK; i++) {
		p = open_in(s->tags[i], yyyymm);
		if (p != NULL && hf_open_nref(*p) > 0)
			rc = fold_tag(f, s->tags[i], *p, err);
	}
	for (i = 0; i < s->nsource && rc == HF_OK; i++)
		rc = hf_month_put_source(f->m,
		    &(struct hf_month_source){
			.source = s->sources[i].key, .seq = s->sources[i].seq},
		    err);
	if (rc == HF_OK)
		rc = hf_month_put_seq(f->m, s->epoch, seq, err);
	return rc;
}

static int
fold_month(struct hf_store *s, int yyyymm, uint64_t seq, struct hf_err *err)
{
	struct folding f = {.s = s};
	bool is_new = hf_store_month_seq(s, yyyymm, false) == NULL;
	struct month_seq *ms = hf_store_month_seq(s, yyyymm, true);
	int rc;

	if (ms == NULL)
		return HF_FAIL(err, HF_ENOMEM, "months");
	hf_buf_init(&f.bytes, HF_CHUNK_BYTES);
	rc = hf_store_month(s, yyyymm, true, &f.m, err);
	if (rc == HF_OK && is_new)
		rc = hf_dir_sync(s->hist_fd, err);
	if (rc == HF_OK)
		rc = hf_month_begin(f.m, true, err);
	if (rc == HF_OK) {
		rc = fill_month(&f, yyyymm, seq, err);
		if (rc == HF_OK)
			rc = hf_month_commit(f.m, err);
		else
			hf_month_rollback(f.m);
	}
	hf_buf_fini(&f.bytes);
	hf_block_fini(&f.tail);
	hf_block_fini(&f.out);
	if (rc != HF_OK) {
		hf_store_forget_month(s, yyyymm); /* a fresh one next time */
		return rc;
	}
	hf_month_checkpoint(f.m);
	ms->seq = seq;
	ms->is_sealed = false;
	let_go(s, yyyymm);
	hf_count(s->ctr, HF_C_H_CHUNKS, f.nchunk);
	hf_count(s->ctr, HF_C_H_SAMPLES, f.nsample);
	return HF_OK;
}

/* --- tags.db -------------------------------------------------------------- */

static int
put_tag(struct hf_store *s, const struct tag *t, struct hf_err *err)
{
	return hf_tagdb_put_tag(s->tagdb,
	    &(struct hf_tagdb_tag){.id = t->id,
		.key = t->key,
		.path = t->path,
		.unit = t->unit,
		.type = t->type,
		.folded_ns = t->folded_ns,
		.has_last = t->has_last,
		.last = t->last,
		.last_recv_ns = t->last_recv_ns,
		.last_str = t->last_str},
	    err);
}

static int
number_tags(struct hf_store *s, struct hf_err *err)
{
	uint32_t first = s->next_id;
	size_t i;
	int rc = hf_tagdb_begin(s->tagdb, err);

	for (i = 0; i < s->ntag && rc == HF_OK; i++) {
		struct tag *t = s->tags[i];

		if (t->id != 0 || t->opens == NULL)
			continue;
		if (s->next_id > HF_HIST_TAGS)
			rc = HF_FAIL(err, HF_ELIMIT,
			    "the historian knows %u"
			    " tags, more do not fit",
			    HF_HIST_TAGS);
		else
			t->id = s->next_id++;
		if (rc == HF_OK)
			rc = put_tag(s, t, err);
	}
	if (rc == HF_OK)
		rc = hf_tagdb_commit(s->tagdb, err);
	if (rc == HF_OK)
		return rc;
	hf_tagdb_rollback(s->tagdb);
	for (i = 0; i < s->ntag; i++)
		if (s->tags[i]->id >= first)
			s->tags[i]->id = 0;
	s->next_id = first;
	return rc;
}

static int
put_tags(struct hf_store *s, uint64_t seq, struct hf_err *err)
{
	size_t i;
	int rc = hf_tagdb_begin(s->tagdb, err);

	for (i = 0; i < s->ntag && rc == HF_OK; i++)
		if (s->tags[i]->is_dirty && s->tags[i]->id != 0)
			rc = put_tag(s, s->tags[i], err);
	for (i = 0; i < s->nsource && rc == HF_OK; i++)
		rc = hf_tagdb_put_source(
		    s->tagdb, s->sources[i].key, s->sources[i].seq, err);
	if (rc == HF_OK)
		rc = hf_tagdb_put_meta(s->tagdb, s->epoch, seq, err);
	if (rc == HF_OK)
		rc = hf_tagdb_commit(s->tagdb, err);
	if (rc != HF_OK) {
		hf_tagdb_rollback(s->tagdb);
		return rc;
	}
	for (i = 0; i < s->ntag; i++)
		s->tags[i]->is_dirty = false;
	return HF_OK;
}

/* --- the fold ------------------------------------------------------------- */

static bool
next_open_month(const struct hf_store *s, int after, int *out)
{
	const struct hf_open *o;
	bool is_found = false;
	size_t i;

	for (i = 0; i < s->ntag; i++)
		for (o = s->tags[i]->opens; o != NULL; o = o->next)
			if (o->yyyymm > after &&
			    (!is_found || o->yyyymm < *out)) {
				*out = o->yyyymm;
				is_found = true;
			}
	return is_found;
}

static int
fold_months(struct hf_store *s, uint64_t seq, struct hf_err *err)
{
	struct hf_err later;
	int yyyymm = 0, rc, first_rc = HF_OK;

	while (next_open_month(s, yyyymm, &yyyymm)) {
		rc = fold_month(s, yyyymm, seq, &later);
		/* denied: the header's write version is damaged, or the folder
		 * is read-only, and then the rescue fails as well */
		if (rc == HF_ECORRUPT || rc == HF_EDENIED) {
			rc = hf_store_rescue_month(s, yyyymm, &later);
			if (rc == HF_OK)
				rc = fold_month(s, yyyymm, seq, &later);
		}
		if (rc == HF_OK || first_rc != HF_OK)
			continue;
		first_rc = rc;
		if (err != NULL)
			*err = later;
	}
	return first_rc;
}

/* One month a fold at most, best effort: a reader may have it open. */
static void
seal_a_past_month(struct hf_store *s)
{
	struct hf_month *m;
	size_t i;
	int next;

	for (i = 0; i < s->nmonth; i++) {
		struct month_seq *ms = &s->months[i];

		next =
		    ms->yyyymm % 100 == 12 ? ms->yyyymm + 89 : ms->yyyymm + 1;
		if (ms->is_sealed ||
		    hf_month_start_ns(next) > s->max_t_ns - SEAL_AFTER_NS)
			continue;
		if (hf_store_month(s, ms->yyyymm, false, &m, NULL) == HF_OK &&
		    hf_month_seal(m, NULL) == HF_OK)
			ms->is_sealed = true;
		return;
	}
}

static int
fold(struct hf_store *s, uint64_t seq,
    int (*before_drop)(void *arg, struct hf_err *err), void *arg,
    struct hf_err *err)
{
	int rc;

	if (s->is_short)
		return HF_FAIL(err, HF_ENOMEM,
		    "memory failed for durable"
		    " samples: they stay in the log, restart core");
	rc = number_tags(s, err);
	if (rc == HF_OK)
		rc = fold_months(s, seq, err);
	if (rc == HF_OK)
		rc = put_tags(s, seq, err);
	if (rc == HF_OK && before_drop != NULL)
		rc = before_drop(arg, err);
	if (rc == HF_OK)
		rc = hf_log_rotate(s->log, err);
	if (rc == HF_OK)
		rc = hf_log_drop(s->log, seq, err);
	return rc;
}

int
hf_store_fold(struct hf_store *s, int64_t now_mono_ns,
    int (*before_drop)(void *arg, struct hf_err *err), void *arg,
    struct hf_err *err)
{
	uint64_t seq;
	int rc;

	/* Rotating commits, so nothing may wait that is not in memory yet. */
	rc = hf_store_commit(s, err);
	if (rc != HF_OK)
		return rc;
	seq = hf_log_durable_seq(s->log);
	rc = fold(s, seq, before_drop, arg, err);
	if (rc != HF_OK) {
		s->fail_mono_ns = now_mono_ns;
		hf_count(s->ctr, HF_C_H_FOLD_ERRORS, 1);
		return rc;
	}
	s->folded_seq = seq;
	s->fold_mono_ns = now_mono_ns;
	s->fail_mono_ns = 0;
	hf_count(s->ctr, HF_C_H_FOLDS, 1);
	seal_a_past_month(s);
	return HF_OK;
}

/* --- retention ------------------------------------------------------------ */

static int
remove_month(struct hf_store *s, int yyyymm, struct hf_err *err)
{
	/* The file itself last: a crash before it leaves a month that opens. */
	static const char *const suffix[] = {"-shm", "-wal", "-journal", ""};
	char name[32];
	size_t i;

	hf_store_forget_month(s, yyyymm);
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%06d.db%s", yyyymm, suffix[i]);
		if (hf_io_get()->unlinkat(s->hist_fd, name, 0) != 0 &&
		    errno != ENOENT)
			return HF_FAIL(err, hf_rc_from_errno(errno),
			    "hist/%s cannot be removed: %s", name,
			    strerror(errno));
	}
	for (i = 0; i < s->nmonth && s->months[i].yyyymm != yyyymm; i++)
		continue;
	if (i < s->nmonth) {
		memmove(&s->months[i], &s->months[i + 1],
		    (s->nmonth - i - 1) * sizeof(s->months[0]));
		s->nmonth--;
	}
	return HF_OK;
}

int
hf_store_expire(struct hf_store *s, int64_t before_ns,
    bool (*span_needed)(void *arg, int64_t from_ns, int64_t to_ns), void *arg,
    size_t *nremoved, struct hf_err *err)
{
	int64_t t0, t1;
	size_t i;
	int m, rc;

	*nremoved = 0;
	for (i = 0; i < s->nmonth;) {
		m = s->months[i].yyyymm;
		t0 = hf_month_start_ns(m);
		t1 = hf_month_start_ns(m % 100 == 12 ? m + 89 : m + 1);
		if (t1 > before_ns)
			break;
		if (span_needed != NULL && span_needed(arg, t0, t1)) {
			hf_count(s->ctr, HF_C_H_KEPT, 1);
			i++;
			continue;
		}
		rc = remove_month(s, m, err);
		if (rc != HF_OK)
			return rc;
		(*nremoved)++;
		hf_count(s->ctr, HF_C_H_EXPIRED, 1);
	}
	return *nremoved > 0 ? hf_dir_sync(s->hist_fd, err) : HF_OK;
}
