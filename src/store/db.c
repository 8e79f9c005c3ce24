/* SPDX-License-Identifier: Apache-2.0
 *
 * db.c - SQLite with the house's settings; contract in db.h.
 *
 * Settings and why: synchronous=EXTRA (a commit is a promise; FULL would not
 * sync the directory after the journal of a past month is deleted, and a power
 * cut could bring that journal back, which rolls the commit back), a small
 * page cache (memory is bounded per connection), cell_size_check and no
 * trusted schema (a damaged file must fail, not surprise), busy_timeout
 * (writer and reader thread each have a connection; WAL keeps them apart, this
 * covers the rest).
 */
#include "store/db.h"

#include <errno.h>
#include <string.h>

static const char settings[] = "PRAGMA cache_size=-1024;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA trusted_schema=OFF;"
			       "PRAGMA synchronous=EXTRA;"
			       "PRAGMA temp_store=MEMORY;";

static int
rc_of(sqlite3 *db, int sqlite_rc)
{
	switch (sqlite_rc & 0xff) {
	case SQLITE_FULL:
		return HF_ENOSPC;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* "no such table": the schema page is damaged */
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		return HF_ECORRUPT;
	case SQLITE_NOMEM:
		return HF_ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return HF_EAGAIN;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return HF_EDENIED;
	case SQLITE_CANTOPEN:
		return HF_ENOTFOUND;
	default: /* also SQLITE_IOERR */
		if (db != NULL && sqlite3_system_errno(db) == ENOSPC)
			return HF_ENOSPC;
		return HF_EIO;
	}
}

static int
db_fail(sqlite3 *db, const char *what, struct hf_err *err)
{
	int code = db == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
	const char *file = db == NULL ? NULL : sqlite3_db_filename(db, "main");

	return HF_FAIL(err, rc_of(db, code), "%s: %s: %s (SQLite code %d)",
	    file == NULL || file[0] == '\0' ? "database" : file, what,
	    db == NULL ? "no memory" : sqlite3_errmsg(db), code);
}

int
hf_db_open(
    const char *path, enum hf_db_mode mode, sqlite3 **out, struct hf_err *err)
{
	/* A reader opens for writing too: only so can SQLite roll back the
	 * journal that a crash left; query_only keeps it from changing rows. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int rc;

	if (mode == HF_DB_CREATE)
		flags |= SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		rc = db_fail(db, "open", err);
		sqlite3_close_v2(db);
		return rc;
	}
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, HF_DB_BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 64 << 20);
	rc = hf_db_exec(db, settings, err);
	if (rc == HF_OK && mode == HF_DB_READ)
		rc = hf_db_exec(db, "PRAGMA query_only=ON", err);
	if (rc != HF_OK) {
		sqlite3_close_v2(db);
		return rc;
	}
	*out = db;
	return HF_OK;
}

void
hf_db_close(sqlite3 *db)
{
	sqlite3_close_v2(db);
}

int
hf_db_exec(sqlite3 *db, const char *sql, struct hf_err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, sql, err);
	return HF_OK;
}

int
hf_db_prepare(
    sqlite3 *db, const char *sql, sqlite3_stmt **out, struct hf_err *err)
{
	if (sqlite3_prepare_v3(
		db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK)
		return db_fail(db, sql, err);
	return HF_OK;
}

int
hf_db_step(sqlite3_stmt *st, bool *has_row, struct hf_err *err)
{
	int rc = sqlite3_step(st);

	*has_row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return HF_OK;
	if (rc == SQLITE_DONE) {
		sqlite3_reset(st);
		return HF_OK;
	}
	rc = db_fail(sqlite3_db_handle(st), sqlite3_sql(st), err);
	sqlite3_reset(st);
	return rc;
}

int
hf_db_run(sqlite3_stmt *st, struct hf_err *err)
{
	bool has_row;
	int rc;

	rc = hf_db_step(st, &has_row, err);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc;
}

void
hf_db_rollback(sqlite3 *db)
{
	if (db != NULL && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int
hf_db_check(sqlite3 *db, struct hf_err *err)
{
	sqlite3_stmt *st;
	const char *text;
	bool has_row;
	int rc;

	rc = hf_db_prepare(db, "PRAGMA integrity_check(1)", &st, err);
	if (rc != HF_OK)
		return rc;
	rc = hf_db_step(st, &has_row, err);
	text = rc == HF_OK && has_row ? (const char *)sqlite3_column_text(st, 0)
				      : NULL;
	if (rc == HF_OK && (text == NULL || strcmp(text, "ok") != 0))
		rc = HF_FAIL(err, HF_ECORRUPT, "%s: %s",
		    sqlite3_db_filename(db, "main"),
		    text == NULL ? "no answer" : text);
	sqlite3_finalize(st);
	return rc;
}
