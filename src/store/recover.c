/* SPDX-License-Identifier: Apache-2.0
 *
 * recover.c - what happens at start: tags, months, then the log put back.
 *
 * Order: tags.db (numbers, last values, sources), the newest folded frame of
 * every month file, then all frames of the log. A frame's sample is put into
 * an open chunk unless its month has that frame already: each month file
 * commits by itself, so a crash in a fold can leave one month ahead of
 * another. What is in spite of that there twice is recognised as equal.
 *
 * Nothing found in files makes the start fail: a damaged tags.db is made up
 * again from the month files; a month file that cannot be used is set aside as
 * YYYYMM.db.damaged and what it still gives is saved into a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/time.h"
#include "store/storeint.h"

/* --- a month file that cannot be used ------------------------------------- */

struct rescue {
	struct hf_store *s;
	struct hf_month *to;
	struct hf_block b;
	uint64_t nsaved, nbad;
};

static int
save_chunk(
    struct rescue *r, const void *p, size_t n, int64_t id, struct hf_err *err)
{
	struct hf_month_tag row;
	struct hf_chunk_info info;
	struct hf_agg agg;
	const struct tag *t;
	int rc;

	if (hf_chunk_decode(r->s->codec, p, n, &info, &r->b, NULL) != HF_OK) {
		r->nbad++;
		return HF_OK;
	}
	rc = hf_month_get_tag(r->to, info.tag, &row, err);
	if (rc == HF_ENOTFOUND) {
		row = (struct hf_month_tag){
		    .id = (uint32_t)(id >> 43), .key = info.tag};
		rc = HF_OK;
	}
	hf_chunk_agg(r->b.pt, r->b.n, &agg);
	agg.ord = info.ord;
	if (info.ord >= row.next_ord)
		row.next_ord = info.ord + 1;
	if (rc == HF_OK)
		rc = hf_month_put_chunk(r->to, &row, &info, p, n, &agg, err);
	t = hf_map64_get(r->s->by_key, info.tag);
	if (rc == HF_OK)
		rc = hf_month_put_tag(r->to, &row, t == NULL ? NULL : t->path,
		    t == NULL ? NULL : t->unit, t == NULL ? -1 : t->type, err);
	r->nsaved += rc == HF_OK;
	return rc;
}

/* Up to the first page that cannot be read, then down from the top to it. */
static int
save_all(struct rescue *r, sqlite3 *from, struct hf_err *err)
{
	static const char *const sql[] = {
	    "SELECT id, data FROM chunk WHERE id > ?1 ORDER BY id",
	    "SELECT id, data FROM chunk WHERE id > ?1 ORDER BY id DESC"};
	int64_t last = -1;
	sqlite3_stmt *st;
	bool has_row;
	size_t i;
	int rc = HF_OK;

	for (i = 0; i < 2 && rc == HF_OK; i++) {
		if (hf_db_prepare(from, sql[i], &st, NULL) != HF_OK)
			return HF_OK;
		sqlite3_bind_int64(st, 1, last);
		while (rc == HF_OK && hf_db_step(st, &has_row, NULL) == HF_OK &&
		       has_row) {
			int64_t id = sqlite3_column_int64(st, 0);

			rc = save_chunk(r, sqlite3_column_blob(st, 1),
			    (size_t)sqlite3_column_bytes(st, 1), id, err);
			last = i == 0 ? id : last;
		}
		sqlite3_finalize(st);
	}
	return rc;
}

static int
rename_month(struct hf_store *s, int yyyymm, char *to, struct hf_err *err)
{
	static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};
	char path[HF_HIST_PATH], a[HF_HIST_PATH + 16], b[HF_HIST_PATH + 32];
	size_t i;

	hf_hist_path(s->hist_path, yyyymm, path);
	for (i = 0; i < 4; i++) {
		snprintf(a, sizeof(a), "%s%s", path, suffix[i]);
		snprintf(b, sizeof(b), "%s.damaged%s", path, suffix[i]);
		if (rename(a, b) != 0 && errno != ENOENT)
			return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s",
			    a, strerror(errno));
	}
	snprintf(to, HF_HIST_PATH, "%.4000s.damaged", path);
	return HF_OK;
}

int
hf_store_rescue_month(struct hf_store *s, int yyyymm, struct hf_err *err)
{
	struct rescue r = {.s = s};
	char path[HF_HIST_PATH];
	struct month_seq *ms;
	sqlite3 *from = NULL;
	int rc;

	hf_store_forget_month(s, yyyymm);
	rc = rename_month(s, yyyymm, path, err);
	if (rc == HF_OK)
		rc = hf_store_month(s, yyyymm, true, &r.to, err);
	if (rc == HF_OK)
		rc = hf_month_begin(r.to, true, err);
	if (rc != HF_OK)
		return rc;
	if (hf_db_open(path, HF_DB_READ, &from, NULL) == HF_OK)
		rc = save_all(&r, from, err);
	hf_db_close(from);
	hf_block_fini(&r.b);
	if (rc == HF_OK)
		rc = hf_month_put_seq(r.to, s->epoch, 0, err);
	if (rc == HF_OK)
		rc = hf_month_commit(r.to, err);
	else
		hf_month_rollback(r.to);
	ms = hf_store_month_seq(s, yyyymm, true);
	if (rc == HF_OK && ms == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "months");
	if (ms != NULL)
		*ms = (struct month_seq){.yyyymm = yyyymm};
	hf_count(s->ctr, HF_C_H_BAD_CHUNK, r.nbad + 1);
	log_error("store",
	    "%s: damaged, set aside; %llu chunks saved from it,"
	    " %llu lost",
	    path, (unsigned long long)r.nsaved, (unsigned long long)r.nbad);
	return rc;
}

/* --- months and tags ------------------------------------------------------ */

static void
add_text(struct hf_log_report *r, const char *text)
{
	size_t n = strlen(r->text);

	snprintf(
	    r->text + n, sizeof(r->text) - n, "%s%s", n > 0 ? "; " : "", text);
}

/* Reads seq and epoch of one month. */
static int
look_at_month(struct hf_store *s, struct month_seq *ms, struct hf_err *err)
{
	struct hf_month *m;
	int rc = hf_month_open(s->hist_path, ms->yyyymm, HF_DB_READ, &m, err);

	if (rc != HF_OK)
		return rc;
	if (s->epoch == 0)
		rc = hf_month_epoch(m, &s->epoch, err);
	if (rc == HF_OK)
		rc = hf_month_seq(m, s->epoch, &ms->seq, err);
	hf_month_close(m);
	return rc;
}

static int
load_months(
    struct hf_store *s, struct hf_log_report *report, struct hf_err *err)
{
	char text[64];
	size_t i, n = 0;
	int *list = NULL;
	int rc;

	rc = hf_hist_list(s->hist_path, &list, &n, err);
	for (i = 0; i < n && rc == HF_OK; i++)
		if (hf_store_month_seq(s, list[i], true) == NULL)
			rc = HF_FAIL(err, HF_ENOMEM, "months");
	free(list);
	for (i = s->nmonth; i-- > 0 && rc == HF_OK;) {
		rc = look_at_month(s, &s->months[i], err);
		if (rc == HF_ECORRUPT) {
			snprintf(text, sizeof(text),
			    "month file %d is damaged"
			    " and was set aside",
			    s->months[i].yyyymm);
			add_text(report, text);
			rc = hf_store_rescue_month(s, s->months[i].yyyymm, err);
		} else if (rc == HF_ENODATA || rc == HF_EUNSUPPORTED) {
			rc = HF_OK;
		}
	}
	return rc;
}

static int
load_tag(void *arg, const struct hf_tagdb_tag *row)
{
	struct hf_store *s = arg;
	struct tag *t = hf_store_tag(s, row->key);

	if (t == NULL)
		return HF_ENOMEM;
	t->id = row->id;
	t->type = row->type;
	t->folded_ns = row->folded_ns;
	t->path = row->path == NULL ? NULL : strdup(row->path);
	t->unit = row->unit == NULL ? NULL : strdup(row->unit);
	if (row->has_last &&
	    !hf_store_set_last(t, &row->last, row->last_str, row->last_recv_ns))
		return HF_ENOMEM;
	t->is_dirty = false;
	if (row->id >= s->next_id)
		s->next_id = row->id + 1;
	return HF_OK;
}

static void
load_source(void *arg, uint64_t source, uint64_t seq)
{
	hf_store_note_source(arg, source, seq);
}

struct rebuild {
	struct hf_store *s;
	struct hf_month *m;
	struct hf_block b;
};

static int
rebuild_tag(void *arg, uint64_t key, uint32_t id, const char *path,
    const char *unit, int type)
{
	struct rebuild *r = arg;
	struct tag *t = hf_store_tag(r->s, key);

	if (t == NULL)
		return HF_ENOMEM;
	if (t->id != 0 || id == 0 || id > HF_HIST_TAGS)
		return HF_OK;
	t->id = id;
	t->type = type;
	t->path = path == NULL ? NULL : strdup(path);
	t->unit = unit == NULL ? NULL : strdup(unit);
	t->folded_ns = INT64_MAX; /* not known: always look */
	t->is_dirty = true;
	if (id >= r->s->next_id)
		r->s->next_id = id + 1;
	return HF_OK;
}

/* Last values out of the newest chunks of a month. */
static void
rebuild_last(struct rebuild *r)
{
	struct hf_chunk_info info;
	struct hf_month_tag row;
	size_t i;

	for (i = 0; i < r->s->ntag; i++) {
		struct tag *t = r->s->tags[i];

		info.tag = t->key;
		if (t->has_last ||
		    hf_month_get_tag(r->m, t->key, &row, NULL) != HF_OK ||
		    hf_month_load(r->m, r->s->codec, row.tail_id, &info, &r->b,
			NULL) != HF_OK)
			continue;
		hf_store_set_last(
		    t, &r->b.pt[r->b.n - 1], r->b.str, HF_TIME_NONE);
	}
}

static int
rebuild_tags(struct hf_store *s, struct hf_err *err)
{
	struct rebuild r = {.s = s};
	size_t i;
	int rc = HF_OK;

	for (i = s->nmonth; i-- > 0 && rc == HF_OK;) {
		if (hf_month_open(s->hist_path, s->months[i].yyyymm, HF_DB_READ,
			&r.m, NULL) != HF_OK)
			continue;
		rc = hf_month_each_tag(r.m, rebuild_tag, &r, err);
		if (rc == HF_OK)
			rc = hf_month_each_source(r.m, load_source, s, err);
		if (rc == HF_ECORRUPT)
			rc = HF_OK; /* found and rescued at the next fold */
		rebuild_last(&r);
		hf_month_close(r.m);
	}
	hf_block_fini(&r.b);
	return rc;
}

/* --- the log -------------------------------------------------------------- */

struct put_back {
	struct hf_store *s;
	struct hf_sample *buf;
	uint64_t nbad;
	struct hf_err *err;
};

static int
put_back_frame(void *arg, uint64_t seq, void *p, size_t n)
{
	struct put_back *r = arg;
	struct hf_batch b;
	size_t i;
	int rc;

	if (hf_batch_decode(p, n, r->buf, HF_BATCH_NSAMPLE, &b, NULL) !=
	    HF_OK) {
		r->nbad++; /* whole by its CRC, but no batch of this version */
		return 0;
	}
	hf_store_note_source(r->s, b.source, b.seq);
	for (i = 0; i < b.n; i++) {
		rc = hf_store_add(r->s, seq, &b.s[i], b.str, true, r->err);
		if (rc != HF_OK)
			return rc;
	}
	return 0;
}

static int
put_back(struct hf_store *s, struct hf_log_report *report, struct hf_err *err)
{
	struct put_back r = {.s = s, .err = err};
	char text[80];
	int rc;

	r.buf = calloc(HF_BATCH_NSAMPLE, sizeof(r.buf[0]));
	if (r.buf == NULL)
		return HF_FAIL(err, HF_ENOMEM, "recovery");
	rc = hf_log_replay(s->log, 1, put_back_frame, &r, err);
	free(r.buf);
	if (r.nbad > 0) {
		snprintf(text, sizeof(text),
		    "%llu frames hold no batch that"
		    " this program reads",
		    (unsigned long long)r.nbad);
		add_text(report, text);
	}
	return rc;
}

int
hf_store_recover(
    struct hf_store *s, struct hf_log_report *report, struct hf_err *err)
{
	uint64_t newest;
	bool is_new;
	size_t i;
	int rc;

	rc = hf_tagdb_open(s->hist_path, &s->tagdb, &is_new, err);
	if (rc == HF_OK)
		rc = hf_tagdb_get_meta(s->tagdb, &s->epoch, &newest, err);
	if (rc == HF_OK && !is_new)
		rc = hf_tagdb_each_tag(s->tagdb, load_tag, s, err);
	if (rc == HF_OK && !is_new)
		rc = hf_tagdb_each_source(s->tagdb, load_source, s, err);
	if (rc == HF_OK)
		rc = load_months(s, report, err);
	if (rc == HF_OK && is_new)
		rc = rebuild_tags(s, err);
	if (rc != HF_OK)
		return rc;
	while (s->epoch == 0)
		if (getrandom(&s->epoch, sizeof(s->epoch), 0) < 0)
			return HF_FAIL(err, HF_EIO, "no random bytes");
	s->epoch &= INT64_MAX; /* a positive number in SQLite */
	s->folded_seq = newest;
	for (i = 0; i < s->nmonth; i++)
		if (s->months[i].seq > newest)
			newest = s->months[i].seq;
	if (is_new)
		rc = hf_tagdb_put_meta(s->tagdb, s->epoch, newest, err);
	if (rc != HF_OK)
		return rc;
	hf_log_set_next_seq(s->log, newest + 1);
	return put_back(s, report, err);
}
