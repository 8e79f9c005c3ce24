/* SPDX-License-Identifier: Apache-2.0
 *
 * hist.c - one month file: SQLite, compressed chunks, their aggregates.
 *
 * Tables of hist/YYYYMM.db (page 8 KiB, WAL while the month is written,
 * rollback journal once it is past, synchronous EXTRA, user_version 1):
 *   meta(k, v, crc)        seq: newest log frame folded in; epoch: of the
 *                          historian; schema: as user_version
 *   source(id, seq)        last batch of each source, to make tags.db up again
 *   tag(id, key, path, unit, type, next_ord, tail_id, tail_n, tail_t0, nchunk,
 *       nsample, span_ns, bump_ms, crc)
 *   chunk(id, data)        id = tag << 43 | ms(first sample); data: chunk.c
 *   agg(id, t0, t1, ord, n, n_good, n_num, status_or, min, max, sum, sum_dt,
 *       first, last, t_min, t_max, crc)   one narrow row per chunk; numbers
 *       NULL if n_num is 0
 * 43 bits of milliseconds are 278 years, 20 bits 1,048,575 tags, in a positive
 * i64. If the millisecond is taken by another chunk of the tag, the next free
 * one is the id; the true times stand in the header and in agg. bump_ms and
 * span_ns of the tag say how far a search must reach beyond [from, to).
 *
 * SQLite does not check its pages, so every row that a decision or an answer
 * rests on has a CRC-32C (of the row's integers as u64, doubles as bits,
 * little-endian, in the order of the columns): chunk in itself; agg, tag and
 * meta in column crc. A row that fails is not used: agg falls back on the
 * chunk, tag on agg, seq on 0 (frames are then put in again, and equal samples
 * are known as equal).
 */
#include "store/hist.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"

#define SCHEMA_VERSION 1
#define MS_BITS 43
#define MS_MASK ((INT64_C(1) << MS_BITS) - 1)

static const char schema[] =
    "PRAGMA page_size=8192;"
    "PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL,"
    " crc INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS source(id INTEGER PRIMARY KEY,"
    " seq INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tag(id INTEGER PRIMARY KEY,"
    " key INTEGER NOT NULL UNIQUE, path TEXT, unit TEXT, type INTEGER,"
    " next_ord INTEGER, tail_id INTEGER, tail_n INTEGER, tail_t0 INTEGER,"
    " nchunk INTEGER, nsample INTEGER, span_ns INTEGER, bump_ms INTEGER,"
    " crc INTEGER);"
    "CREATE TABLE IF NOT EXISTS chunk(id INTEGER PRIMARY KEY,"
    " data BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS agg(id INTEGER PRIMARY KEY, t0 INTEGER,"
    " t1 INTEGER, ord INTEGER, n INTEGER, n_good INTEGER, n_num INTEGER,"
    " status_or INTEGER, min REAL, max REAL, sum REAL, sum_dt REAL,"
    " first REAL, last REAL, t_min INTEGER, t_max INTEGER, crc INTEGER);"
    "PRAGMA user_version=1;"
    "COMMIT;";

enum stmt {
	S_META_GET,
	S_META_PUT,
	S_SOURCE_PUT,
	S_SOURCES,
	S_TAG_GET,
	S_TAG_SCAN,
	S_TAG_PUT,
	S_TAGS,
	S_TAG_SUMS,
	S_CHUNK_HAS,
	S_CHUNK_PUT,
	S_CHUNK_DEL,
	S_CHUNK_GET,
	S_CHUNK_UP,
	S_CHUNK_DOWN,
	S_AGG_PUT,
	S_AGG_DEL,
	S_AGG_UP,
	S_AGG_GET,
	NSTMT
};

#define TAG_COLS                                                        \
	"id, key, next_ord, tail_id, tail_n, tail_t0, nchunk, nsample," \
	" span_ns, bump_ms, crc"
#define AGG_COLS                                                       \
	"id, t0, t1, ord, n, n_good, n_num, status_or, min, max, sum," \
	" sum_dt, first, last, t_min, t_max, crc"

static const char *const stmt_sql[NSTMT] = {
    [S_META_GET] = "SELECT v, crc FROM meta WHERE k=?1",
    [S_META_PUT] = "INSERT OR REPLACE INTO meta VALUES(?1,?2,?3)",
    [S_SOURCE_PUT] = "INSERT OR REPLACE INTO source VALUES(?1,?2)",
    [S_SOURCES] = "SELECT id, seq FROM source",
    [S_TAG_GET] = "SELECT " TAG_COLS " FROM tag WHERE key=?1",
    [S_TAG_SCAN] = "SELECT " TAG_COLS " FROM tag NOT INDEXED WHERE key=?1",
    [S_TAG_PUT] = "INSERT OR REPLACE INTO tag(id, key, path, unit, type,"
		  " next_ord, tail_id, tail_n, tail_t0, nchunk, nsample,"
		  " span_ns, bump_ms, crc)"
		  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [S_TAGS] = "SELECT key, id, path, unit, type FROM tag",
    [S_TAG_SUMS] = "SELECT count(*), sum(n), max(ord), max(t1-t0),"
		   " max((id & 8796093022207) - t0/1000000) FROM agg"
		   " WHERE id BETWEEN ?1 AND ?2",
    [S_CHUNK_HAS] = "SELECT 1 FROM chunk WHERE id=?1",
    [S_CHUNK_PUT] = "INSERT INTO chunk VALUES(?1,?2)",
    [S_CHUNK_DEL] = "DELETE FROM chunk WHERE id=?1",
    [S_CHUNK_GET] = "SELECT data FROM chunk WHERE id=?1",
    [S_CHUNK_UP] = "SELECT id, data FROM chunk WHERE id BETWEEN ?1 AND ?2"
		   " ORDER BY id",
    [S_CHUNK_DOWN] = "SELECT id, data FROM chunk WHERE id BETWEEN ?1 AND ?2"
		     " ORDER BY id DESC",
    [S_AGG_PUT] = "INSERT OR REPLACE INTO agg VALUES(?1,?2,?3,?4,?5,?6,?7,"
		  "?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    [S_AGG_DEL] = "DELETE FROM agg WHERE id=?1",
    [S_AGG_UP] = "SELECT " AGG_COLS " FROM agg WHERE id BETWEEN ?1 AND ?2"
		 " ORDER BY id",
    [S_AGG_GET] = "SELECT " AGG_COLS " FROM agg WHERE id=?1",
};

struct hf_month {
	int yyyymm;
	sqlite3 *db;
	sqlite3_stmt *st[NSTMT]; /* prepared at first use */
};

/* --- files ---------------------------------------------------------------- */

void
hf_hist_path(const char *dir, int yyyymm, char *path)
{
	snprintf(path, HF_HIST_PATH, "%s/%06d.db", dir, yyyymm);
}

static bool
month_of_name(const char *name, int *yyyymm)
{
	uint64_t v;

	if (strspn(name, "0123456789") != 6 || strcmp(name + 6, ".db") != 0 ||
	    !hf_parse_u64(name, 6, &v) || v % 100 < 1 || v % 100 > 12)
		return false;
	*yyyymm = (int)v;
	return true;
}

static int
by_month(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int
hf_hist_list(const char *dir, int **out, size_t *n, struct hf_err *err)
{
	int *v = NULL, *grown, m;
	size_t count = 0, cap = 0;
	struct dirent *de;
	DIR *d = opendir(dir);

	if (d == NULL)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", dir,
		    strerror(errno));
	while ((de = readdir(d)) != NULL) {
		if (!month_of_name(de->d_name, &m))
			continue;
		if (count == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			grown = realloc(v, cap * sizeof(*v));
			if (grown == NULL) {
				free(v);
				closedir(d);
				return HF_FAIL(err, HF_ENOMEM, "months");
			}
			v = grown;
		}
		v[count++] = m;
	}
	closedir(d);
	if (count > 1)
		qsort(v, count, sizeof(*v), by_month);
	*out = v;
	*n = count;
	return HF_OK;
}

static int
user_version(sqlite3 *db, int *out, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc;

	rc = hf_db_prepare(db, "PRAGMA user_version", &st, err);
	if (rc != HF_OK)
		return rc;
	rc = hf_db_step(st, &has_row, err);
	*out = rc == HF_OK && has_row ? sqlite3_column_int(st, 0) : -1;
	sqlite3_finalize(st);
	return rc;
}

static int meta_get(
    struct hf_month *m, const char *k, uint64_t *v, struct hf_err *err);

/* The version as table meta has it, with a CRC: the header's may be flipped. */
static int
checked_version(struct hf_month *m, int version)
{
	uint64_t v;

	if (version == SCHEMA_VERSION ||
	    meta_get(m, "schema", &v, NULL) != HF_OK || v == 0)
		return version;
	return (int)v;
}

int
hf_month_open(const char *dir, int yyyymm, enum hf_db_mode mode,
    struct hf_month **out, struct hf_err *err)
{
	char path[HF_HIST_PATH];
	struct hf_month *m = calloc(1, sizeof(*m));
	int rc, version;

	if (m == NULL)
		return HF_FAIL(err, HF_ENOMEM, "month %d", yyyymm);
	m->yyyymm = yyyymm;
	hf_hist_path(dir, yyyymm, path);
	rc = hf_db_open(path, mode, &m->db, err);
	if (rc == HF_OK)
		rc = user_version(m->db, &version, err);
	if (rc == HF_OK)
		version = checked_version(m, version);
	if (rc == HF_OK && version == 0)
		rc = mode == HF_DB_CREATE
			 ? hf_db_exec(m->db, schema, err)
			 : HF_FAIL(err, HF_ENODATA,
			       "%s: made, but never filled", path);
	else if (rc == HF_OK && version != SCHEMA_VERSION)
		rc = HF_FAIL(err, HF_EUNSUPPORTED,
		    "%s: schema %d, this program"
		    " reads %d",
		    path, version, SCHEMA_VERSION);
	if (rc != HF_OK) {
		hf_month_close(m);
		return rc;
	}
	*out = m;
	return HF_OK;
}

void
hf_month_close(struct hf_month *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(m->st[i]);
	hf_db_close(m->db);
	free(m);
}

int
hf_month_number(const struct hf_month *m)
{
	return m->yyyymm;
}

static int
stmt(struct hf_month *m, enum stmt i, sqlite3_stmt **out, struct hf_err *err)
{
	int rc = HF_OK;

	if (m->st[i] == NULL)
		rc = hf_db_prepare(m->db, stmt_sql[i], &m->st[i], err);
	*out = m->st[i];
	return rc;
}

int
hf_month_begin(struct hf_month *m, bool is_write, struct hf_err *err)
{
	return hf_db_exec(m->db, is_write ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

int
hf_month_commit(struct hf_month *m, struct hf_err *err)
{
	int rc = hf_db_exec(m->db, "COMMIT", err);

	if (rc != HF_OK)
		hf_db_rollback(m->db);
	return rc;
}

void
hf_month_rollback(struct hf_month *m)
{
	hf_db_rollback(m->db);
}

void
hf_month_checkpoint(struct hf_month *m)
{
	sqlite3_busy_timeout(m->db, 0); /* the writer never waits for this */
	sqlite3_exec(
	    m->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_busy_timeout(m->db, HF_DB_BUSY_MS);
}

int
hf_month_seal(struct hf_month *m, struct hf_err *err)
{
	int rc;

	sqlite3_busy_timeout(m->db, 0);
	rc = hf_db_exec(m->db, "PRAGMA journal_mode=DELETE", err);
	sqlite3_busy_timeout(m->db, HF_DB_BUSY_MS);
	return rc;
}

/* --- meta, sources -------------------------------------------------------- */

static uint32_t
crc_of(const uint64_t *v, size_t n)
{
	uint8_t b[8 * 24];
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < 8; k++)
			b[i * 8 + k] = (uint8_t)(v[i] >> (8 * k));
	return hf_crc32c(0, b, n * 8);
}

static uint32_t
meta_crc(const char *k, uint64_t v)
{
	return hf_crc32c(crc_of(&v, 1), k, strlen(k));
}

static int
meta_put(struct hf_month *m, const char *k, uint64_t v, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = stmt(m, S_META_PUT, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, k, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)v);
	sqlite3_bind_int64(st, 3, meta_crc(k, v));
	return hf_db_run(st, err);
}

/* 0 if it is missing or fails its check. */
static int
meta_get(struct hf_month *m, const char *k, uint64_t *v, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = stmt(m, S_META_GET, &st, err);

	*v = 0;
	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, k, -1, SQLITE_STATIC);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && has_row) {
		*v = (uint64_t)sqlite3_column_int64(st, 0);
		if (sqlite3_column_int64(st, 1) != meta_crc(k, *v))
			*v = 0;
	}
	sqlite3_reset(st);
	return rc;
}

int
hf_month_epoch(struct hf_month *m, uint64_t *epoch, struct hf_err *err)
{
	return meta_get(m, "epoch", epoch, err);
}

int
hf_month_seq(
    struct hf_month *m, uint64_t epoch, uint64_t *seq, struct hf_err *err)
{
	uint64_t mine;
	int rc = meta_get(m, "epoch", &mine, err);

	*seq = 0;
	if (rc != HF_OK || mine != epoch)
		return rc;
	return meta_get(m, "seq", seq, err);
}

int
hf_month_put_seq(
    struct hf_month *m, uint64_t epoch, uint64_t seq, struct hf_err *err)
{
	int rc = meta_put(m, "schema", SCHEMA_VERSION, err);

	if (rc == HF_OK)
		rc = meta_put(m, "epoch", epoch, err);
	return rc == HF_OK ? meta_put(m, "seq", seq, err) : rc;
}

int
hf_month_put_source(
    struct hf_month *m, const struct hf_month_source *s, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = stmt(m, S_SOURCE_PUT, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, (int64_t)s->source);
	sqlite3_bind_int64(st, 2, (int64_t)s->seq);
	return hf_db_run(st, err);
}

int
hf_month_each_source(struct hf_month *m,
    void (*fn)(void *arg, uint64_t source, uint64_t seq), void *arg,
    struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = stmt(m, S_SOURCES, &st, err);

	while (rc == HF_OK) {
		rc = hf_db_step(st, &has_row, err);
		if (rc != HF_OK || !has_row)
			break;
		fn(arg, (uint64_t)sqlite3_column_int64(st, 0),
		    (uint64_t)sqlite3_column_int64(st, 1));
	}
	return rc;
}

/* --- tags ----------------------------------------------------------------- */

static int64_t
id_of(uint32_t tag, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (ms > MS_MASK)
		ms = MS_MASK;
	return (int64_t)tag << MS_BITS | ms;
}

static int64_t
ms_of(int64_t t_ns)
{
	return t_ns < 0 ? -1 : t_ns / HF_NS_PER_MS;
}

static uint32_t
tag_crc(const struct hf_month_tag *t)
{
	const uint64_t v[] = {t->id, t->key, t->next_ord, (uint64_t)t->tail_id,
	    t->tail_n, (uint64_t)t->tail_t0_ns, t->nchunk, t->nsample,
	    (uint64_t)t->span_ns, (uint64_t)t->bump_ms};

	return crc_of(v, sizeof(v) / sizeof(v[0]));
}

/* The row is damaged: what it said is counted again. No tail, so that nothing
 * is merged on a guess. */
static int
tag_again(struct hf_month *m, struct hf_month_tag *t, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = stmt(m, S_TAG_SUMS, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, id_of(t->id, 0));
	sqlite3_bind_int64(st, 2, id_of(t->id, MS_MASK));
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && has_row) {
		t->nchunk = (uint64_t)sqlite3_column_int64(st, 0);
		t->nsample = (uint64_t)sqlite3_column_int64(st, 1);
		t->next_ord = (uint32_t)sqlite3_column_int64(st, 2) + 1;
		t->span_ns = sqlite3_column_int64(st, 3);
		t->bump_ms = sqlite3_column_int64(st, 4);
	}
	sqlite3_reset(st);
	t->tail_id = 0;
	t->tail_n = 0;
	t->tail_t0_ns = 0;
	return rc;
}

static int
tag_row(struct hf_month *m, enum stmt which, uint64_t key,
    struct hf_month_tag *t, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	uint32_t crc;
	int rc = stmt(m, which, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, (int64_t)key);
	rc = hf_db_step(st, &has_row, err);
	if (rc != HF_OK || !has_row)
		return rc == HF_OK ? HF_ENOTFOUND : rc;
	*t = (struct hf_month_tag){
	    .id = (uint32_t)sqlite3_column_int64(st, 0),
	    .key = (uint64_t)sqlite3_column_int64(st, 1),
	    .next_ord = (uint32_t)sqlite3_column_int64(st, 2),
	    .tail_id = sqlite3_column_int64(st, 3),
	    .tail_n = (uint32_t)sqlite3_column_int64(st, 4),
	    .tail_t0_ns = sqlite3_column_int64(st, 5),
	    .nchunk = (uint64_t)sqlite3_column_int64(st, 6),
	    .nsample = (uint64_t)sqlite3_column_int64(st, 7),
	    .span_ns = sqlite3_column_int64(st, 8),
	    .bump_ms = sqlite3_column_int64(st, 9),
	};
	crc = (uint32_t)sqlite3_column_int64(st, 10);
	sqlite3_reset(st);
	if (t->key != key || t->id == 0 || t->id > HF_HIST_TAGS)
		return HF_FAIL(err, HF_ECORRUPT,
		    "month %d: row of a tag is"
		    " damaged",
		    m->yyyymm);
	return crc == tag_crc(t) ? HF_OK : tag_again(m, t, err);
}

int
hf_month_get_tag(struct hf_month *m, uint64_t key, struct hf_month_tag *out,
    struct hf_err *err)
{
	int rc = tag_row(m, S_TAG_GET, key, out, err);

	if (rc == HF_ECORRUPT) /* the index may be what is damaged */
		rc = tag_row(m, S_TAG_SCAN, key, out, err);
	return rc;
}

int
hf_month_put_tag(struct hf_month *m, const struct hf_month_tag *t,
    const char *path, const char *unit, int type, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = stmt(m, S_TAG_PUT, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, t->id);
	sqlite3_bind_int64(st, 2, (int64_t)t->key);
	sqlite3_bind_text(st, 3, path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, unit, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 5, type);
	sqlite3_bind_int64(st, 6, t->next_ord);
	sqlite3_bind_int64(st, 7, t->tail_id);
	sqlite3_bind_int64(st, 8, t->tail_n);
	sqlite3_bind_int64(st, 9, t->tail_t0_ns);
	sqlite3_bind_int64(st, 10, (int64_t)t->nchunk);
	sqlite3_bind_int64(st, 11, (int64_t)t->nsample);
	sqlite3_bind_int64(st, 12, t->span_ns);
	sqlite3_bind_int64(st, 13, t->bump_ms);
	sqlite3_bind_int64(st, 14, tag_crc(t));
	return hf_db_run(st, err);
}

int
hf_month_each_tag(struct hf_month *m,
    int (*fn)(void *arg, uint64_t key, uint32_t id, const char *path,
	const char *unit, int type),
    void *arg, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = stmt(m, S_TAGS, &st, err);

	while (rc == HF_OK) {
		rc = hf_db_step(st, &has_row, err);
		if (rc != HF_OK || !has_row)
			break;
		rc = fn(arg, (uint64_t)sqlite3_column_int64(st, 0),
		    (uint32_t)sqlite3_column_int64(st, 1),
		    (const char *)sqlite3_column_text(st, 2),
		    (const char *)sqlite3_column_text(st, 3),
		    sqlite3_column_int(st, 4));
	}
	if (m->st[S_TAGS] != NULL)
		sqlite3_reset(m->st[S_TAGS]);
	return rc;
}

/* --- aggregates ----------------------------------------------------------- */

static uint64_t
bits_of(double v)
{
	uint64_t b;

	memcpy(&b, &v, sizeof(b));
	return b;
}

static uint32_t
agg_crc(int64_t id, const struct hf_agg *a)
{
	const uint64_t v[] = {(uint64_t)id, (uint64_t)a->t0_ns,
	    (uint64_t)a->t1_ns, a->ord, a->n, a->n_good, a->n_num, a->status_or,
	    bits_of(a->min), bits_of(a->max), bits_of(a->sum),
	    bits_of(a->sum_dt), bits_of(a->first), bits_of(a->last),
	    (uint64_t)a->t_min_ns, (uint64_t)a->t_max_ns};

	return crc_of(v, sizeof(v) / sizeof(v[0]));
}

static void
bind_number(sqlite3_stmt *st, int at, double v, bool is_null)
{
	if (is_null)
		sqlite3_bind_null(st, at);
	else
		sqlite3_bind_double(st, at, v);
}

static int
agg_put(
    struct hf_month *m, int64_t id, const struct hf_agg *a, struct hf_err *err)
{
	const double num[] = {
	    a->min, a->max, a->sum, a->sum_dt, a->first, a->last};
	sqlite3_stmt *st;
	int i, rc = stmt(m, S_AGG_PUT, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, a->t0_ns);
	sqlite3_bind_int64(st, 3, a->t1_ns);
	sqlite3_bind_int64(st, 4, a->ord);
	sqlite3_bind_int64(st, 5, a->n);
	sqlite3_bind_int64(st, 6, a->n_good);
	sqlite3_bind_int64(st, 7, a->n_num);
	sqlite3_bind_int64(st, 8, a->status_or);
	for (i = 0; i < 6; i++)
		bind_number(st, 9 + i, num[i], a->n_num == 0);
	sqlite3_bind_int64(st, 15, a->t_min_ns);
	sqlite3_bind_int64(st, 16, a->t_max_ns);
	sqlite3_bind_int64(st, 17, agg_crc(id, a));
	return hf_db_run(st, err);
}

/* False if the row fails its check. A sum that is NaN (inf - inf) is stored as
 * NULL and fails too: such a chunk is decoded. */
static bool
agg_of_row(sqlite3_stmt *st, int64_t *id, struct hf_agg *a)
{
	*id = sqlite3_column_int64(st, 0);
	*a = (struct hf_agg){
	    .t0_ns = sqlite3_column_int64(st, 1),
	    .t1_ns = sqlite3_column_int64(st, 2),
	    .ord = (uint32_t)sqlite3_column_int64(st, 3),
	    .n = (uint32_t)sqlite3_column_int64(st, 4),
	    .n_good = (uint32_t)sqlite3_column_int64(st, 5),
	    .n_num = (uint32_t)sqlite3_column_int64(st, 6),
	    .status_or = (uint32_t)sqlite3_column_int64(st, 7),
	    .min = sqlite3_column_double(st, 8),
	    .max = sqlite3_column_double(st, 9),
	    .sum = sqlite3_column_double(st, 10),
	    .sum_dt = sqlite3_column_double(st, 11),
	    .first = sqlite3_column_double(st, 12),
	    .last = sqlite3_column_double(st, 13),
	    .t_min_ns = sqlite3_column_int64(st, 14),
	    .t_max_ns = sqlite3_column_int64(st, 15),
	};
	return sqlite3_column_int64(st, 16) == agg_crc(*id, a);
}

/* --- chunks --------------------------------------------------------------- */

/* The chunk's own millisecond, or the next one that is free. */
static int
free_id(struct hf_month *m, uint32_t tag, int64_t t0_ns, int64_t *out,
    struct hf_err *err)
{
	int64_t id, last = id_of(tag, MS_MASK);
	sqlite3_stmt *st;
	bool is_taken;
	int rc = stmt(m, S_CHUNK_HAS, &st, err);

	if (rc != HF_OK)
		return rc;
	for (id = id_of(tag, ms_of(t0_ns)); id <= last; id++) {
		sqlite3_bind_int64(st, 1, id);
		rc = hf_db_step(st, &is_taken, err);
		sqlite3_reset(st);
		if (rc != HF_OK)
			return rc;
		if (!is_taken) {
			*out = id;
			return HF_OK;
		}
	}
	return HF_FAIL(
	    err, HF_ELIMIT, "month %d: no chunk number left", m->yyyymm);
}

int
hf_month_put_chunk(struct hf_month *m, struct hf_month_tag *t,
    const struct hf_chunk_info *info, const void *p, size_t n,
    const struct hf_agg *agg, struct hf_err *err)
{
	sqlite3_stmt *st;
	int64_t id = 0, bump;
	int rc;

	rc = free_id(m, t->id, info->t0_ns, &id, err);
	if (rc == HF_OK)
		rc = stmt(m, S_CHUNK_PUT, &st, err);
	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_blob64(st, 2, p, n, SQLITE_STATIC);
	rc = hf_db_run(st, err);
	if (rc == HF_OK)
		rc = agg_put(m, id, agg, err);
	if (rc != HF_OK)
		return rc;
	bump = (id & MS_MASK) - ms_of(info->t0_ns);
	if (bump > t->bump_ms)
		t->bump_ms = bump;
	if (info->t1_ns - info->t0_ns > t->span_ns)
		t->span_ns = info->t1_ns - info->t0_ns;
	t->nchunk++;
	t->nsample += info->n;
	if (info->t0_ns >= t->tail_t0_ns || t->tail_id == 0) {
		t->tail_id = id;
		t->tail_n = info->n;
		t->tail_t0_ns = info->t0_ns;
	}
	return HF_OK;
}

int
hf_month_del_chunk(struct hf_month *m, struct hf_month_tag *t, int64_t id,
    uint32_t n, struct hf_err *err)
{
	static const enum stmt both[] = {S_CHUNK_DEL, S_AGG_DEL};
	sqlite3_stmt *st;
	size_t i;
	int rc;

	for (i = 0; i < 2; i++) {
		rc = stmt(m, both[i], &st, err);
		if (rc != HF_OK)
			return rc;
		sqlite3_bind_int64(st, 1, id);
		rc = hf_db_run(st, err);
		if (rc != HF_OK)
			return rc;
	}
	t->nchunk--;
	t->nsample -= n;
	return HF_OK;
}

int
hf_month_load(struct hf_month *m, struct hf_codec_ctx *c, int64_t id,
    struct hf_chunk_info *info, struct hf_block *out, struct hf_err *err)
{
	uint64_t tag = info->tag;
	sqlite3_stmt *st;
	bool has_row;
	int rc = stmt(m, S_CHUNK_GET, &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, id);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && !has_row)
		rc =
		    HF_FAIL(err, HF_ECORRUPT, "month %d: chunk %lld is missing",
			m->yyyymm, (long long)id);
	if (rc == HF_OK)
		rc = hf_chunk_decode(c, sqlite3_column_blob(st, 0),
		    (size_t)sqlite3_column_bytes(st, 0), info, out, err);
	sqlite3_reset(st);
	if (rc == HF_OK && info->tag != tag)
		rc = HF_FAIL(err, HF_ECORRUPT,
		    "month %d: chunk %lld is of"
		    " another tag",
		    m->yyyymm, (long long)id);
	return rc;
}

/* --- search --------------------------------------------------------------- */

struct row {
	int64_t id;
	struct hf_agg a;
};

struct search {
	struct hf_month *m;
	const struct hf_month_tag *t;
	int64_t from_ns, to_ns; /* [from, to) */
	int64_t id_lo, id_hi;
	int (*fn)(void *arg, int64_t id, const struct hf_agg *a, bool has_agg);
	void *arg;
	uint64_t *nbad;
};

static bool
overlaps(const struct search *s, int64_t t0_ns, int64_t t1_ns)
{
	return t0_ns < s->to_ns && t1_ns >= s->from_ns;
}

/* All rows in reach; HF_ECORRUPT if one fails or some are missing. */
static int
collect_aggs(
    const struct search *s, struct row **rows, size_t *n, struct hf_err *err)
{
	bool is_whole = s->id_lo == id_of(s->t->id, 0) &&
			s->id_hi == id_of(s->t->id, MS_MASK);
	struct row r, *v = NULL, *grown;
	uint64_t nrow = 0;
	size_t cap = 0;
	sqlite3_stmt *st;
	bool has_row;
	int rc;

	*n = 0;
	rc = stmt(s->m, S_AGG_UP, &st, err);
	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, s->id_lo);
	sqlite3_bind_int64(st, 2, s->id_hi);
	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row) {
		if (!agg_of_row(st, &r.id, &r.a)) {
			rc = HF_ECORRUPT;
			break;
		}
		nrow++;
		if (!overlaps(s, r.a.t0_ns, r.a.t1_ns))
			continue;
		if (*n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			grown = realloc(v, cap * sizeof(*v));
			if (grown == NULL) {
				rc = HF_FAIL(err, HF_ENOMEM, "chunk list");
				break;
			}
			v = grown;
		}
		v[(*n)++] = r;
	}
	sqlite3_reset(st);
	if (rc == HF_OK && is_whole && nrow != s->t->nchunk)
		rc = HF_ECORRUPT;
	*rows = v;
	return rc;
}

/* Reads the chunks themselves, up or down, until the end, `stop` or damage. */
static int
scan_chunks(const struct search *s, enum stmt which, int64_t lo, int64_t *last,
    struct hf_err *err)
{
	struct hf_chunk_info info;
	sqlite3_stmt *st;
	bool has_row;
	int rc;

	rc = stmt(s->m, which, &st, err);
	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, lo);
	sqlite3_bind_int64(st, 2, s->id_hi);
	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row) {
		*last = sqlite3_column_int64(st, 0);
		if (hf_chunk_peek(sqlite3_column_blob(st, 1),
			(size_t)sqlite3_column_bytes(st, 1), &info,
			err) != HF_OK ||
		    info.tag != s->t->key) {
			(*s->nbad)++;
			continue;
		}
		if (!overlaps(s, info.t0_ns, info.t1_ns))
			continue;
		rc = s->fn(s->arg, *last,
		    &(struct hf_agg){.t0_ns = info.t0_ns,
			.t1_ns = info.t1_ns,
			.ord = info.ord,
			.n = info.n},
		    false);
		if (rc != HF_OK)
			break;
	}
	sqlite3_reset(st);
	return rc;
}

static int
each_chunk(const struct search *s, struct hf_err *err)
{
	int64_t last = s->id_lo - 1;
	int rc = scan_chunks(s, S_CHUNK_UP, s->id_lo, &last, err);

	if (rc != HF_ECORRUPT)
		return rc;
	(*s->nbad)++; /* a page that cannot be read: come from the other side */
	rc = scan_chunks(s, S_CHUNK_DOWN, last + 1, &last, err);
	return rc == HF_ECORRUPT ? HF_OK : rc;
}

int
hf_month_each(struct hf_month *m, const struct hf_month_tag *t, int64_t from_ns,
    int64_t to_ns,
    int (*fn)(void *arg, int64_t id, const struct hf_agg *a, bool has_agg),
    void *arg, uint64_t *nbad, struct hf_err *err)
{
	int64_t start = hf_month_start_ns(m->yyyymm);
	struct search s = {.m = m,
	    .t = t,
	    .from_ns = from_ns,
	    .to_ns = to_ns,
	    .fn = fn,
	    .arg = arg,
	    .nbad = nbad,
	    .id_lo = id_of(t->id, 0),
	    .id_hi = id_of(t->id, MS_MASK)};
	struct row *rows = NULL;
	size_t i, n = 0;
	int rc;

	/* A question for one instant (is this sample known?) reads only what
	 * the span can reach. Any other reads all rows of the tag, so that
	 * their count shows a row whose id is damaged: it may lie outside a
	 * part. */
	if (to_ns - 1 == from_ns) {
		if (from_ns > start && t->span_ns < from_ns)
			s.id_lo = id_of(t->id, ms_of(from_ns - t->span_ns));
		if (to_ns < HF_HIST_T_END)
			s.id_hi = id_of(t->id, ms_of(to_ns) + t->bump_ms);
	}
	rc = collect_aggs(&s, &rows, &n, err);
	if (rc == HF_ECORRUPT) {
		s.id_lo = id_of(t->id, 0);
		s.id_hi = id_of(t->id, MS_MASK);
		rc = each_chunk(&s, err);
		n = 0;
	}
	for (i = 0; i < n && rc == HF_OK; i++)
		rc = fn(arg, rows[i].id, &rows[i].a, true);
	free(rows);
	return rc;
}
