/* SPDX-License-Identifier: Apache-2.0
 *
 * store.c - the historian's writer side: append, commit, open chunks, last
 * values.
 *
 * Way of a sample: append writes its frame to the log and keeps a copy of the
 * batch; commit makes the frames durable and only then adds the copies to the
 * open chunks, so that nothing is visible that a power cut could take back.
 * fold.c moves open chunks to month files, recover.c puts frames back after a
 * start.
 *
 * Times: a sample outside [1970-01-01, 2248-09-26) cannot be named by a chunk
 * key. It is dropped and counted (drop.sample_time_range); moving it to a time
 * at which it was not measured would be worse.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "store/storeint.h"

#define NOTHING INT64_MIN
#define OPEN_BASE (16u << 20) /* bytes of open chunks before a fold is asked: */
#define OPEN_PER_TAG (20u << 10)   /* ... this and this per tag */
#define RETRY_NS (5 * HF_NS_PER_S) /* between folds that fail */

/* --- tags, sources, months ------------------------------------------------ */

static struct tag *
tag_new(struct hf_store *s, uint64_t key)
{
	struct tag *t, **grown;
	size_t cap;

	if (s->ntag == s->tag_cap) {
		cap = s->tag_cap == 0 ? 256 : s->tag_cap * 2;
		grown = realloc(s->tags, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		s->tags = grown;
		s->tag_cap = cap;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->key = key;
	t->type = -1;
	t->folded_ns = NOTHING;
	if (hf_map64_put(s->by_key, key, t) != HF_OK) {
		free(t);
		return NULL;
	}
	s->tags[s->ntag++] = t;
	return t;
}

static void
tag_free(struct tag *t)
{
	struct hf_open *o;

	while ((o = t->opens) != NULL) {
		t->opens = o->next;
		hf_open_free(o);
	}
	free(t->path);
	free(t->unit);
	free(t->last_str);
	free(t);
}

struct tag *
hf_store_tag(struct hf_store *s, uint64_t key)
{
	struct tag *t = hf_map64_get(s->by_key, key);

	return t != NULL ? t : tag_new(s, key);
}

static struct source *
find_source(const struct hf_store *s, uint64_t key)
{
	size_t i;

	for (i = 0; i < s->nsource; i++)
		if (s->sources[i].key == key)
			return (struct source *)(uintptr_t)&s->sources[i];
	return NULL;
}

void
hf_store_note_source(struct hf_store *s, uint64_t source, uint64_t seq)
{
	struct source *src = find_source(s, source);

	if (src == NULL) {
		if (s->nsource == HF_STORE_NSOURCE) {
			log_warn("store",
			    "more than %d sources: batches of"
			    " the newest are known by their samples only",
			    HF_STORE_NSOURCE);
			return;
		}
		src = &s->sources[s->nsource++];
		*src = (struct source){.key = source};
	}
	if (seq > src->seq)
		src->seq = seq;
}

struct month_seq *
hf_store_month_seq(struct hf_store *s, int yyyymm, bool make)
{
	struct month_seq *grown;
	size_t i, cap;

	for (i = s->nmonth; i > 0 && s->months[i - 1].yyyymm >= yyyymm; i--)
		if (s->months[i - 1].yyyymm == yyyymm)
			return &s->months[i - 1];
	if (!make)
		return NULL;
	if (s->nmonth == s->month_cap) {
		cap = s->month_cap == 0 ? 16 : s->month_cap * 2;
		grown = realloc(s->months, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		s->months = grown;
		s->month_cap = cap;
	}
	memmove(&s->months[i + 1], &s->months[i],
	    (s->nmonth - i) * sizeof(s->months[0]));
	s->nmonth++;
	s->months[i] = (struct month_seq){.yyyymm = yyyymm};
	return &s->months[i];
}

void
hf_store_forget_month(struct hf_store *s, int yyyymm)
{
	size_t i;

	for (i = 0; i < HF_STORE_NMONTH; i++)
		if (s->conn[i].m != NULL &&
		    hf_month_number(s->conn[i].m) == yyyymm) {
			hf_month_close(s->conn[i].m);
			s->conn[i].m = NULL;
			s->conn[i].used = 0;
		}
	hf_cache_reset(s->cache);
}

int
hf_store_month(struct hf_store *s, int yyyymm, bool make, struct hf_month **out,
    struct hf_err *err)
{
	size_t i, oldest = 0;
	int rc;

	for (i = 0; i < HF_STORE_NMONTH; i++) {
		if (s->conn[i].m != NULL &&
		    hf_month_number(s->conn[i].m) == yyyymm) {
			s->conn[i].used = ++s->conn_clock;
			*out = s->conn[i].m;
			return HF_OK;
		}
		if (s->conn[i].used < s->conn[oldest].used)
			oldest = i;
	}
	if (!make && hf_store_month_seq(s, yyyymm, false) == NULL)
		return HF_ENOTFOUND;
	hf_month_close(s->conn[oldest].m);
	s->conn[oldest].m = NULL;
	s->conn[oldest].used = 0;
	rc = hf_month_open(s->hist_path, yyyymm,
	    make ? HF_DB_CREATE : HF_DB_WRITE, &s->conn[oldest].m, err);
	if (rc != HF_OK) {
		s->conn[oldest].m = NULL;
		return rc;
	}
	s->conn[oldest].used = ++s->conn_clock;
	*out = s->conn[oldest].m;
	return HF_OK;
}

/* --- one sample into the open chunks -------------------------------------- */

bool
hf_store_set_last(
    struct tag *t, const struct hf_pt *p, const char *str, int64_t recv_ns)
{
	size_t len = p->vtype == HF_V_STR ? hf_strref_len(p->bits) : 0;
	char *grown;

	if (len > t->last_cap) {
		grown = realloc(t->last_str, len);
		if (grown == NULL)
			return false;
		t->last_str = grown;
		t->last_cap = len;
	}
	t->last = *p;
	if (p->vtype == HF_V_STR) {
		if (len > 0)
			memcpy(t->last_str, str + hf_strref_off(p->bits), len);
		t->last.bits = hf_strref(0, len);
	}
	t->last_recv_ns = recv_ns;
	t->has_last = t->is_dirty = true;
	return true;
}

struct probe { /* looks for an equal sample in a month file */
	struct hf_store *s;
	struct hf_month *m;
	const struct hf_pt *p;
	const char *str;
	uint64_t key;
	bool has;
};

static int
probe_chunk(void *arg, int64_t id, const struct hf_agg *a, bool has_agg)
{
	struct probe *pr = arg;
	struct hf_chunk_info info = {.tag = pr->key};
	uint64_t space = (uint64_t)hf_month_number(pr->m);
	const struct hf_block *b;
	struct hf_block fresh = {.n = 0};

	if (pr->has)
		return HF_OK;
	b = hf_cache_get(pr->s->cache, space, (uint64_t)id);
	if (b == NULL) {
		if (hf_month_load(pr->m, pr->s->codec, id, &info, &fresh,
			NULL) != HF_OK) {
			hf_count(pr->s->ctr, HF_C_H_BAD_CHUNK, 1);
			hf_block_fini(&fresh);
			return HF_OK;
		}
		b = hf_cache_put(pr->s->cache, space, (uint64_t)id, &fresh);
	}
	pr->has = hf_block_has(b, pr->p, pr->str);
	return HF_OK;
}

/* If the month cannot be read the sample counts as new: rather twice than
 * lost. */
static bool
is_folded(struct hf_store *s, const struct tag *t, int yyyymm,
    const struct hf_pt *p, const char *str)
{
	struct probe pr = {.s = s, .p = p, .str = str, .key = t->key};
	struct hf_month_tag row;
	uint64_t nbad = 0;

	if (hf_store_month(s, yyyymm, false, &pr.m, NULL) != HF_OK ||
	    hf_month_get_tag(pr.m, t->key, &row, NULL) != HF_OK)
		return false;
	hf_month_each(
	    pr.m, &row, p->t_ns, p->t_ns + 1, probe_chunk, &pr, &nbad, NULL);
	hf_count(s->ctr, HF_C_H_BAD_CHUNK, nbad);
	return pr.has;
}

static int
month_of(struct hf_store *s, int64_t t_ns)
{
	if (t_ns < s->month.t0_ns || t_ns >= s->month.t1_ns) {
		int m = hf_time_month(t_ns);
		int next = m % 100 == 12 ? m + 89 : m + 1;

		s->month.yyyymm = m;
		s->month.t0_ns = hf_month_start_ns(m);
		s->month.t1_ns = hf_month_start_ns(next);
	}
	return s->month.yyyymm;
}

static struct hf_open *
open_of(struct hf_store *s, struct tag *t, int yyyymm)
{
	struct hf_open *o;

	for (o = t->opens; o != NULL; o = o->next)
		if (o->yyyymm == yyyymm)
			return o;
	o = hf_open_new(t->key, yyyymm);
	if (o != NULL) {
		o->next = t->opens;
		t->opens = o;
		s->open_bytes += sizeof(*o);
	}
	return o;
}

static int
add_point(struct hf_store *s, struct tag *t, int yyyymm, const struct hf_pt *p,
    const char *str, uint64_t seq, struct hf_err *err)
{
	struct hf_open *o = open_of(s, t, yyyymm);
	size_t held, nsealed;
	bool is_dup;
	int rc;

	if (o == NULL)
		return HF_FAIL(err, HF_ENOMEM, "open chunk");
	rc = hf_open_has(o, s->codec, s->cache, p, str, &is_dup, err);
	if (rc != HF_OK)
		return rc;
	if (!is_dup && p->t_ns <= t->folded_ns)
		is_dup = is_folded(s, t, yyyymm, p, str);
	if (is_dup) {
		hf_count(s->ctr, HF_C_H_DUP_SAMPLES, 1);
		return HF_OK;
	}
	held = hf_block_bytes(&o->b);
	nsealed = o->nsealed;
	rc = hf_open_add(o, s->codec, &s->serial, p, str, seq, err);
	s->open_bytes += hf_block_bytes(&o->b) - held;
	if (o->nsealed > nsealed)
		s->open_bytes += o->sealed[nsealed].len + sizeof(o->sealed[0]);
	return rc;
}

int
hf_store_add(struct hf_store *s, uint64_t seq, const struct hf_sample *v,
    const char *str, bool is_recovery, struct hf_err *err)
{
	const struct month_seq *ms;
	struct hf_pt p = {
	    .t_ns = v->t_ns,
	    .bits = v->vtype == HF_V_STR ? hf_strref(v->v.str_off, v->str_len)
					 : v->v.bits,
	    .status = v->status,
	    .vtype = v->vtype,
	    .flags = v->flags,
	};
	struct tag *t;
	int yyyymm;

	if (v->t_ns < 0 || v->t_ns >= HF_HIST_T_END) {
		hf_count(s->ctr, HF_C_H_BAD_TIME, 1);
		return HF_OK;
	}
	t = hf_store_tag(s, v->tag);
	if (t == NULL)
		return HF_FAIL(err, HF_ENOMEM, "tag table, %zu tags", s->ntag);
	if ((v->flags & HF_F_BACKFILL) == 0 &&
	    (!t->has_last || v->t_ns >= t->last.t_ns) &&
	    !hf_store_set_last(t, &p, str, v->recv_ns))
		return HF_FAIL(err, HF_ENOMEM, "last value");
	if (v->t_ns > s->max_t_ns)
		s->max_t_ns = v->t_ns;
	yyyymm = month_of(s, v->t_ns);
	ms = is_recovery ? hf_store_month_seq(s, yyyymm, false) : NULL;
	if (ms != NULL && seq <= ms->seq)
		return HF_OK;
	return add_point(s, t, yyyymm, &p, str, seq, err);
}

/* --- open, close ---------------------------------------------------------- */

int
hf_store_open(const struct hf_store_dirs *d, const struct hf_storage *conf,
    struct hf_counters *ctr, struct hf_store **out,
    struct hf_log_report *report, struct hf_err *err)
{
	struct hf_log_conf lc = {
	    .segment_bytes = conf->segment_bytes, .log_bytes = conf->log_bytes};
	struct hf_store *s = calloc(1, sizeof(*s));
	int rc = HF_OK;

	if (s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "store");
	s->hist_fd = d->hist;
	s->hist_path = strdup(d->hist_path);
	s->conf = *conf;
	s->ctr = ctr;
	s->codec = hf_codec_ctx_new();
	s->cache = hf_cache_new();
	s->by_key = hf_map64_new(HF_HIST_TAGS);
	s->next_id = 1;
	if (s->hist_path == NULL || s->codec == NULL || s->cache == NULL ||
	    s->by_key == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "store");
	if (rc == HF_OK)
		rc = hf_log_open(d->log, &lc, ctr, &s->log, report, err);
	if (rc == HF_OK)
		rc = hf_store_recover(s, report, err);
	if (rc != HF_OK) {
		hf_store_close(s);
		return rc;
	}
	*out = s;
	return HF_OK;
}

static void
drop_pending(struct hf_store *s)
{
	while (s->npending > 0)
		free(s->pending[--s->npending].s);
}

void
hf_store_close(struct hf_store *s)
{
	size_t i;

	if (s == NULL)
		return;
	drop_pending(s);
	free(s->pending);
	for (i = 0; i < HF_STORE_NMONTH; i++)
		hf_month_close(s->conn[i].m);
	hf_tagdb_close(s->tagdb);
	hf_log_close(s->log);
	for (i = 0; i < s->ntag; i++)
		tag_free(s->tags[i]);
	free(s->tags);
	free(s->months);
	hf_map64_free(s->by_key);
	hf_cache_free(s->cache);
	hf_codec_ctx_free(s->codec);
	free(s->hist_path);
	free(s);
}

/* True if *to changed. */
static bool
take_text(char **to, const char *from, bool *is_ok)
{
	char *copy;

	if (from == NULL || (*to != NULL && strcmp(*to, from) == 0))
		return false;
	copy = strdup(from);
	if (copy == NULL) {
		*is_ok = false;
		return false;
	}
	free(*to);
	*to = copy;
	return true;
}

int
hf_store_set_plant(
    struct hf_store *s, const struct hf_plant *p, struct hf_err *err)
{
	bool is_ok = true, has_changed;
	struct tag *t;
	size_t i;

	for (i = 0; i < p->ntag && is_ok; i++) {
		const struct hf_tag *pt = &p->tags[i];

		if (pt->is_stamp)
			continue;
		t = hf_store_tag(s, pt->key);
		if (t == NULL)
			return HF_FAIL(err, HF_ENOMEM, "tag table");
		has_changed = t->type != (int)pt->type;
		has_changed |= take_text(&t->path, pt->path, &is_ok);
		has_changed |= take_text(&t->unit, pt->unit, &is_ok);
		t->type = (int)pt->type;
		t->is_dirty |= has_changed && t->id != 0;
	}
	return is_ok ? HF_OK : HF_FAIL(err, HF_ENOMEM, "names of tags");
}

/* --- append, commit ------------------------------------------------------- */

static int
make_pending(struct hf_store *s, const struct hf_batch *b, struct pending *out,
    struct hf_err *err)
{
	size_t bytes = b->n * sizeof(b->s[0]), cap;
	struct pending *grown;

	if (s->npending == s->pending_cap) {
		cap = s->pending_cap == 0 ? 16 : s->pending_cap * 2;
		grown = realloc(s->pending, cap * sizeof(*grown));
		if (grown == NULL)
			return HF_FAIL(err, HF_ENOMEM, "waiting batches");
		s->pending = grown;
		s->pending_cap = cap;
	}
	out->s = malloc(bytes + b->str_len + 1);
	if (out->s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "batch of %zu samples", b->n);
	out->str = (char *)out->s + bytes;
	if (b->n > 0)
		memcpy(out->s, b->s, bytes);
	if (b->str_len > 0)
		memcpy(out->str, b->str, b->str_len);
	out->n = b->n;
	out->source = b->source;
	out->source_seq = b->seq;
	return HF_OK;
}

int
hf_store_append(struct hf_store *s, const void *p, size_t n,
    const struct hf_batch *b, uint64_t *seq, struct hf_err *err)
{
	struct pending w;
	int rc;

	rc = make_pending(s, b, &w, err); /* first: it can still be undone */
	if (rc != HF_OK)
		return rc;
	rc = hf_log_append(s->log, p, n, &w.seq, err);
	if (rc != HF_OK) {
		free(w.s);
		return rc;
	}
	s->pending[s->npending++] = w;
	*seq = w.seq;
	return HF_OK;
}

int
hf_store_commit(struct hf_store *s, struct hf_err *err)
{
	const struct pending *w;
	size_t i, k;
	int rc;

	rc = hf_log_commit(s->log, err);
	if (rc != HF_OK) {
		drop_pending(s);
		return rc;
	}
	for (i = 0; i < s->npending; i++) {
		w = &s->pending[i];
		hf_store_note_source(s, w->source, w->source_seq);
		for (k = 0; k < w->n && !s->is_short; k++) {
			rc = hf_store_add(
			    s, w->seq, &w->s[k], w->str, false, err);
			if (rc == HF_OK)
				continue;
			/* Durable in the log, so the promise holds; but no
			 * fold may drop that log any more. */
			s->is_short = true;
			log_error("store",
			    "no memory for durable samples:"
			    " they stay in the log, restart core");
		}
	}
	drop_pending(s);
	return HF_OK;
}

uint64_t
hf_store_durable_seq(const struct hf_store *s)
{
	return hf_log_durable_seq(s->log);
}

int64_t
hf_store_log_bytes(const struct hf_store *s)
{
	return hf_log_bytes(s->log);
}

size_t
hf_store_open_bytes(const struct hf_store *s)
{
	return s->open_bytes;
}

uint64_t
hf_store_source_seq(const struct hf_store *s, uint64_t source)
{
	const struct source *src = find_source(s, source);

	return src == NULL ? 0 : src->seq;
}

bool
hf_store_wants_fold(const struct hf_store *s, int64_t now_mono_ns)
{
	if (hf_log_durable_seq(s->log) <= s->folded_seq)
		return false;
	if (s->fail_mono_ns != 0 && now_mono_ns - s->fail_mono_ns < RETRY_NS)
		return false;
	return hf_log_bytes(s->log) >= s->conf.log_bytes / 2 ||
	       now_mono_ns - s->fold_mono_ns >= s->conf.fold_ns ||
	       s->open_bytes >= OPEN_BASE + s->ntag * OPEN_PER_TAG;
}

/* --- what others ask ------------------------------------------------------ */

struct decoded_replay {
	struct hf_sample *s;
	int (*fn)(void *arg, uint64_t seq, const struct hf_batch *b);
	void *arg;
};

static int
replay_batch(void *arg, uint64_t seq, void *p, size_t n)
{
	struct decoded_replay *r = arg;
	struct hf_batch b;

	if (hf_batch_decode(p, n, r->s, HF_BATCH_NSAMPLE, &b, NULL) != HF_OK)
		return 0; /* whole by its CRC, yet no batch: nothing to feed */
	return r->fn(r->arg, seq, &b);
}

int
hf_store_replay(struct hf_store *s, uint64_t from,
    int (*fn)(void *arg, uint64_t seq, const struct hf_batch *b), void *arg,
    struct hf_err *err)
{
	struct decoded_replay r = {.fn = fn, .arg = arg};
	int rc;

	r.s = calloc(HF_BATCH_NSAMPLE, sizeof(r.s[0]));
	if (r.s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "replay");
	rc = hf_log_replay(s->log, from, replay_batch, &r, err);
	free(r.s);
	return rc;
}

int
hf_store_each_last(struct hf_store *s,
    void (*fn)(void *arg, const struct hf_sample *v, const char *str),
    void *arg, struct hf_err *err)
{
	struct hf_sample v;
	size_t i;

	for (i = 0; i < s->ntag; i++) {
		const struct tag *t = s->tags[i];

		if (!t->has_last)
			continue;
		v = (struct hf_sample){.tag = t->key,
		    .t_ns = t->last.t_ns,
		    .recv_ns = t->last_recv_ns,
		    .status = t->last.status,
		    .vtype = t->last.vtype,
		    .flags = t->last.flags,
		    .v.bits = t->last.bits};
		if (v.vtype == HF_V_STR) {
			v.str_len = (uint16_t)hf_strref_len(t->last.bits);
			v.v.str_off = 0;
		}
		fn(arg, &v, t->last_str);
	}
	return HF_OK;
}
