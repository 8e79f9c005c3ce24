/* SPDX-License-Identifier: Apache-2.0
 *
 * tagdb.c - hist/tags.db; what it is for stands in tagdb.h.
 *
 * Tables (WAL, synchronous EXTRA, user_version 1):
 *   meta(k, v)         epoch, seq
 *   source(id, seq)
 *   tag(id, key, path, unit, type, folded, has_last, t, recv, bits, status,
 *       vtype, flags, str, crc)
 * crc: CRC-32C of the row as packed by row_crc(). All rows and SQLite's
 * structure are checked at open: a wrong number would put samples under
 * another tag, so one bad row makes the file a damaged one. Megabytes at most,
 * so this costs little.
 */
#include "store/tagdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "model/batch.h"
#include "store/db.h"

#define PATH_MAX_LEN 4096
#define ROW_MAX 4096 /* bytes of a packed row */

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE IF NOT EXISTS meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS source(id INTEGER PRIMARY KEY,"
    " seq INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tag(id INTEGER PRIMARY KEY,"
    " key INTEGER NOT NULL UNIQUE, path TEXT, unit TEXT, type INTEGER,"
    " folded INTEGER, has_last INTEGER, t INTEGER, recv INTEGER,"
    " bits INTEGER, status INTEGER, vtype INTEGER, flags INTEGER, str BLOB,"
    " crc INTEGER);"
    "PRAGMA user_version=1;";

enum stmt {
	S_META_GET,
	S_META_PUT,
	S_SOURCE_PUT,
	S_SOURCES,
	S_TAG_PUT,
	S_TAGS,
	NSTMT
};

static const char *const stmt_sql[NSTMT] = {
    [S_META_GET] = "SELECT v FROM meta WHERE k=?1",
    [S_META_PUT] = "INSERT OR REPLACE INTO meta VALUES(?1,?2)",
    [S_SOURCE_PUT] = "INSERT OR REPLACE INTO source VALUES(?1,?2)",
    [S_SOURCES] = "SELECT id, seq FROM source",
    [S_TAG_PUT] = "INSERT OR REPLACE INTO tag VALUES(?1,?2,?3,?4,?5,?6,?7,"
		  "?8,?9,?10,?11,?12,?13,?14,?15)",
    [S_TAGS] = "SELECT id, key, path, unit, type, folded, has_last, t,"
	       " recv, bits, status, vtype, flags, str, crc FROM tag",
};

struct hf_tagdb {
	sqlite3 *db;
	sqlite3_stmt *st[NSTMT];
};

static int check_row(void *arg, const struct hf_tagdb_tag *row);

static int
open_once(const char *path, struct hf_tagdb **out, struct hf_err *err)
{
	struct hf_tagdb *t = calloc(1, sizeof(*t));
	size_t i;
	int rc;

	if (t == NULL)
		return HF_FAIL(err, HF_ENOMEM, "tags.db");
	rc = hf_db_open(path, HF_DB_CREATE, &t->db, err);
	if (rc == HF_OK)
		rc = hf_db_exec(t->db, schema, err);
	for (i = 0; i < NSTMT && rc == HF_OK; i++)
		rc = hf_db_prepare(t->db, stmt_sql[i], &t->st[i], err);
	if (rc == HF_OK)
		rc = hf_db_check(t->db, err);
	if (rc == HF_OK)
		rc = hf_tagdb_each_tag(t, check_row, NULL, err);
	if (rc != HF_OK) {
		hf_tagdb_close(t);
		return rc;
	}
	*out = t;
	return HF_OK;
}

static void
set_aside(const char *path)
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	char from[PATH_MAX_LEN], to[PATH_MAX_LEN];
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "%s%s", path, suffix[i]);
		snprintf(to, sizeof(to), "%s.damaged%s", path, suffix[i]);
		if (rename(from, to) != 0 && errno != ENOENT)
			log_warn("store", "%s: %s", from, strerror(errno));
	}
}

int
hf_tagdb_open(
    const char *dir, struct hf_tagdb **out, bool *is_new, struct hf_err *err)
{
	char path[PATH_MAX_LEN - 16];
	uint64_t epoch, seq;
	int rc;

	snprintf(path, sizeof(path), "%s/tags.db", dir);
	rc = open_once(path, out, err);
	/* A flipped write version in the header makes SQLite say read-only; if
	 * the folder really is, the rename fails too. */
	if (rc == HF_ECORRUPT || rc == HF_EDENIED) {
		log_error("store",
		    "%s is damaged: set aside as tags.db.damaged"
		    " and made up again from the month files",
		    path);
		set_aside(path);
		rc = open_once(path, out, err);
	}
	if (rc != HF_OK)
		return rc;
	rc = hf_tagdb_get_meta(*out, &epoch, &seq, err);
	*is_new = epoch == 0;
	if (rc != HF_OK)
		hf_tagdb_close(*out);
	return rc;
}

void
hf_tagdb_close(struct hf_tagdb *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(t->st[i]);
	hf_db_close(t->db);
	free(t);
}

int
hf_tagdb_begin(struct hf_tagdb *t, struct hf_err *err)
{
	return hf_db_exec(t->db, "BEGIN IMMEDIATE", err);
}

int
hf_tagdb_commit(struct hf_tagdb *t, struct hf_err *err)
{
	int rc = hf_db_exec(t->db, "COMMIT", err);

	if (rc != HF_OK)
		hf_db_rollback(t->db);
	return rc;
}

void
hf_tagdb_rollback(struct hf_tagdb *t)
{
	hf_db_rollback(t->db);
}

static int
meta_get(struct hf_tagdb *t, const char *k, uint64_t *v, struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_META_GET];
	bool has_row;
	int rc;

	sqlite3_bind_text(st, 1, k, -1, SQLITE_STATIC);
	rc = hf_db_step(st, &has_row, err);
	*v = rc == HF_OK && has_row ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return rc;
}

int
hf_tagdb_get_meta(
    struct hf_tagdb *t, uint64_t *epoch, uint64_t *seq, struct hf_err *err)
{
	int rc = meta_get(t, "epoch", epoch, err);

	return rc == HF_OK ? meta_get(t, "seq", seq, err) : rc;
}

static int
meta_put(struct hf_tagdb *t, const char *k, uint64_t v, struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_META_PUT];

	sqlite3_bind_text(st, 1, k, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)v);
	return hf_db_run(st, err);
}

int
hf_tagdb_put_meta(
    struct hf_tagdb *t, uint64_t epoch, uint64_t seq, struct hf_err *err)
{
	int rc = meta_put(t, "epoch", epoch, err);

	return rc == HF_OK ? meta_put(t, "seq", seq, err) : rc;
}

int
hf_tagdb_put_source(
    struct hf_tagdb *t, uint64_t source, uint64_t seq, struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_SOURCE_PUT];

	sqlite3_bind_int64(st, 1, (int64_t)source);
	sqlite3_bind_int64(st, 2, (int64_t)seq);
	return hf_db_run(st, err);
}

int
hf_tagdb_each_source(struct hf_tagdb *t,
    void (*fn)(void *arg, uint64_t source, uint64_t seq), void *arg,
    struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_SOURCES];
	bool has_row;
	int rc;

	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row)
		fn(arg, (uint64_t)sqlite3_column_int64(st, 0),
		    (uint64_t)sqlite3_column_int64(st, 1));
	return rc;
}

static size_t
str_len(const struct hf_tagdb_tag *r)
{
	return r->has_last && r->last.vtype == HF_V_STR
		   ? hf_strref_len(r->last.bits)
		   : 0;
}

static uint32_t
row_crc(const struct hf_tagdb_tag *r)
{
	struct hf_buf b;
	uint32_t crc;

	hf_buf_init(&b, ROW_MAX);
	hf_buf_u32(&b, r->id);
	hf_buf_u64(&b, r->key);
	hf_buf_i64(&b, r->folded_ns);
	hf_buf_u8(&b, r->has_last);
	hf_buf_i64(&b, r->last.t_ns);
	hf_buf_i64(&b, r->last_recv_ns);
	hf_buf_u64(&b, str_len(r) > 0 ? str_len(r) : r->last.bits);
	hf_buf_u32(&b, r->last.status);
	hf_buf_u8(&b, r->last.vtype);
	hf_buf_u8(&b, r->last.flags);
	if (str_len(r) > 0)
		hf_buf_put(
		    &b, r->last_str + hf_strref_off(r->last.bits), str_len(r));
	crc = hf_buf_ok(&b) ? hf_crc32c(0, b.p, b.len) : 0;
	hf_buf_fini(&b);
	return crc;
}

int
hf_tagdb_put_tag(
    struct hf_tagdb *t, const struct hf_tagdb_tag *r, struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_TAG_PUT];

	sqlite3_bind_int64(st, 1, r->id);
	sqlite3_bind_int64(st, 2, (int64_t)r->key);
	sqlite3_bind_text(st, 3, r->path, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, r->unit, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 5, r->type);
	sqlite3_bind_int64(st, 6, r->folded_ns);
	sqlite3_bind_int(st, 7, r->has_last);
	sqlite3_bind_int64(st, 8, r->last.t_ns);
	sqlite3_bind_int64(st, 9, r->last_recv_ns);
	sqlite3_bind_int64(st, 10, (int64_t)r->last.bits);
	sqlite3_bind_int64(st, 11, r->last.status);
	sqlite3_bind_int(st, 12, r->last.vtype);
	sqlite3_bind_int(st, 13, r->last.flags);
	if (str_len(r) > 0)
		sqlite3_bind_blob(st, 14,
		    r->last_str + hf_strref_off(r->last.bits), (int)str_len(r),
		    SQLITE_STATIC);
	sqlite3_bind_int64(st, 15, row_crc(r));
	return hf_db_run(st, err);
}

/* False if the row fails its check. */
static bool
row_of(sqlite3_stmt *st, struct hf_tagdb_tag *r)
{
	*r = (struct hf_tagdb_tag){
	    .id = (uint32_t)sqlite3_column_int64(st, 0),
	    .key = (uint64_t)sqlite3_column_int64(st, 1),
	    .path = (const char *)sqlite3_column_text(st, 2),
	    .unit = (const char *)sqlite3_column_text(st, 3),
	    .type = sqlite3_column_int(st, 4),
	    .folded_ns = sqlite3_column_int64(st, 5),
	    .has_last = sqlite3_column_int(st, 6) == 1,
	    .last =
		{
		    .t_ns = sqlite3_column_int64(st, 7),
		    .bits = (uint64_t)sqlite3_column_int64(st, 9),
		    .status = (uint32_t)sqlite3_column_int64(st, 10),
		    .vtype = (uint8_t)sqlite3_column_int(st, 11),
		    .flags = (uint8_t)sqlite3_column_int(st, 12),
		},
	    .last_recv_ns = sqlite3_column_int64(st, 8),
	    .last_str = sqlite3_column_blob(st, 13),
	};
	if (r->has_last && r->last.vtype == HF_V_STR)
		r->last.bits =
		    hf_strref(0, (size_t)sqlite3_column_bytes(st, 13));
	return str_len(r) <= HF_VALUE_STR && r->id > 0 &&
	       sqlite3_column_int64(st, 14) == row_crc(r);
}

static int
check_row(void *arg, const struct hf_tagdb_tag *row)
{
	return HF_OK;
}

int
hf_tagdb_each_tag(struct hf_tagdb *t,
    int (*fn)(void *arg, const struct hf_tagdb_tag *row), void *arg,
    struct hf_err *err)
{
	sqlite3_stmt *st = t->st[S_TAGS];
	struct hf_tagdb_tag r;
	bool has_row;
	int rc;

	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row) {
		rc = row_of(st, &r) ? fn(arg, &r)
				    : HF_FAIL(err, HF_ECORRUPT,
					  "tags.db: row of tag %u is"
					  " damaged",
					  r.id);
		if (rc != HF_OK)
			break;
	}
	sqlite3_reset(st);
	return rc;
}
