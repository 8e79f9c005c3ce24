/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - state.db: events with their evidence, alarm rows, the alarm
 * journal.
 *
 * Tables (WAL, synchronous EXTRA, user_version 2):
 *   event(id BLOB PRIMARY KEY, rule, subject, from_ns, to_ns, raised_ns, json,
 *         is_audited, plant)   id = SHA-256 of what raised it: a replay finds
 *         it; plant = hash of the packed plant. Rows are never removed, so
 *         their rowid rises in the order of storing: exports count by it.
 *   alarm(key PRIMARY KEY, row)      opaque bytes of detect/alarm.h
 *   journal(n INTEGER PRIMARY KEY, t_ns, alarm, json)
 *   contract(name PRIMARY KEY, hash, first_ns)   SHA-256 of the first schema
 *   plant(hash PRIMARY KEY, wall_ns, n, packed)   zstd of n bytes
 *   birth(detector, model, wall_ns, start)        see hf_state_get_birth
 *   export(name PRIMARY KEY, event, audit)        cursors
 * Version 1 had no plant, birth, export and no event.plant; they are added when
 * it is opened.
 * Every text of SQLite goes back to the caller as an error; after a failed
 * commit the transaction is rolled back and the same writes may be tried again.
 */
#include "store/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "store/state_i.h"

#define NO_TIME INT64_MIN
#define ROWS_MAX 100000 /* of one answer */

static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS event(id BLOB PRIMARY KEY, rule TEXT NOT NULL,"
    " subject TEXT NOT NULL, from_ns INTEGER, to_ns INTEGER,"
    " raised_ns INTEGER, json TEXT NOT NULL,"
    " is_audited INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS event_raised ON event(raised_ns);"
    "CREATE INDEX IF NOT EXISTS event_waiting ON event(raised_ns)"
    " WHERE is_audited=0;"
    "CREATE TABLE IF NOT EXISTS alarm(key TEXT PRIMARY KEY,"
    " row BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS journal(n INTEGER PRIMARY KEY,"
    " t_ns INTEGER NOT NULL, alarm TEXT NOT NULL, json TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS journal_t ON journal(t_ns);"
    "CREATE TABLE IF NOT EXISTS plant(hash BLOB PRIMARY KEY,"
    " wall_ns INTEGER NOT NULL, n INTEGER NOT NULL, packed BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS birth(detector TEXT NOT NULL,"
    " model BLOB NOT NULL, wall_ns INTEGER NOT NULL, start BLOB NOT NULL,"
    " PRIMARY KEY(detector, model, wall_ns));"
    "CREATE TABLE IF NOT EXISTS export(name TEXT PRIMARY KEY,"
    " event INTEGER NOT NULL, audit INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS contract(name TEXT PRIMARY KEY,"
    " hash BLOB NOT NULL, first_ns INTEGER NOT NULL) WITHOUT ROWID;"
    "COMMIT;";

static const char upgrade[] = "BEGIN IMMEDIATE;"
			      "ALTER TABLE event ADD COLUMN plant BLOB;"
			      "PRAGMA user_version=2;"
			      "COMMIT;";

enum stmt {
	S_EVENT_PUT,
	S_EVENT_AUDITED,
	S_EVENT_WAITING,
	S_EVENT_SPAN,
	S_EVENTS,
	S_EVENT_ONE,
	S_ALARM_PUT,
	S_ALARMS,
	S_JOURNAL_PUT,
	S_JOURNAL,
	S_CONTRACT_PUT,
	S_CONTRACTS,
	NSTMT
};

static const char *const stmt_sql[NSTMT] = {
    [S_EVENT_PUT] = "INSERT OR IGNORE INTO event(id, rule, subject, from_ns,"
		    " to_ns, raised_ns, json, plant)"
		    " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [S_EVENT_AUDITED] = "UPDATE event SET is_audited=1 WHERE id=?1",
    [S_EVENT_WAITING] = "SELECT id, rule, subject, from_ns, to_ns,"
			" raised_ns, json FROM event WHERE is_audited=0"
			" ORDER BY raised_ns, rowid",
    [S_EVENT_SPAN] = "SELECT 1 FROM event WHERE from_ns < ?2 AND"
		     " to_ns >= ?1 AND raised_ns > ?3 LIMIT 1",
    [S_EVENTS] = "SELECT json FROM event WHERE raised_ns >= ?1 AND"
		 " raised_ns < ?2 AND (?3 = '' OR rule = ?3 OR"
		 " subject = ?3) ORDER BY raised_ns DESC, rowid DESC"
		 " LIMIT ?4",
    [S_EVENT_ONE] = "SELECT json FROM event WHERE id=?1",
    [S_ALARM_PUT] = "INSERT OR REPLACE INTO alarm VALUES(?1,?2)",
    [S_ALARMS] = "SELECT key, row FROM alarm ORDER BY key",
    [S_JOURNAL_PUT] = "INSERT INTO journal(t_ns, alarm, json)"
		      " VALUES(?1,?2,?3)",
    [S_JOURNAL] = "SELECT json FROM journal WHERE t_ns >= ?1 AND"
		  " t_ns < ?2 ORDER BY t_ns DESC, n DESC LIMIT ?3",
    [S_CONTRACT_PUT] = "INSERT OR IGNORE INTO contract VALUES(?1,?2,?3)",
    [S_CONTRACTS] = "SELECT name, hash FROM contract ORDER BY name",
};

struct hf_state {
	sqlite3 *db;
	sqlite3_stmt *st[NSTMT];
};

static int
upgrade_v1(sqlite3 *db, struct hf_err *err)
{
	sqlite3_stmt *st = NULL;
	bool has_row = false;
	int rc;

	rc = hf_db_prepare(db,
	    "SELECT 1 FROM pragma_table_info('event') WHERE name='plant'", &st,
	    err);
	if (rc == HF_OK)
		rc = hf_db_step(st, &has_row, err);
	sqlite3_finalize(st);
	if (rc == HF_OK && !has_row)
		rc = hf_db_exec(db, upgrade, err);
	return rc;
}

static int
open_state(const char *path, enum hf_db_mode mode, struct hf_state **out,
    struct hf_err *err)
{
	struct hf_state *s = calloc(1, sizeof(*s));
	size_t i;
	int rc;

	if (s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "state.db");
	rc = hf_db_open(path, mode, &s->db, err);
	if (rc == HF_OK && mode == HF_DB_CREATE)
		rc = hf_db_exec(s->db, schema, err);
	if (rc == HF_OK && mode == HF_DB_CREATE)
		rc = upgrade_v1(s->db, err);
	if (rc != HF_OK)
		hf_db_rollback(s->db);
	for (i = 0; i < NSTMT && rc == HF_OK; i++)
		rc = hf_db_prepare(s->db, stmt_sql[i], &s->st[i], err);
	if (rc != HF_OK) {
		hf_state_close(s);
		return rc;
	}
	*out = s;
	return HF_OK;
}

int
hf_state_open(const char *path, struct hf_state **out, struct hf_err *err)
{
	return open_state(path, HF_DB_CREATE, out, err);
}

int
hf_state_open_reader(
    const char *path, struct hf_state **out, struct hf_err *err)
{
	return open_state(path, HF_DB_READ, out, err);
}

sqlite3 *
hf_state_db(struct hf_state *s)
{
	return s->db;
}

void
hf_state_close(struct hf_state *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < NSTMT; i++)
		sqlite3_finalize(s->st[i]);
	hf_db_close(s->db);
	free(s);
}

int
hf_state_begin(struct hf_state *s, struct hf_err *err)
{
	return hf_db_exec(s->db, "BEGIN IMMEDIATE", err);
}

int
hf_state_commit(struct hf_state *s, struct hf_err *err)
{
	int rc = hf_db_exec(s->db, "COMMIT", err);

	if (rc != HF_OK)
		hf_db_rollback(s->db);
	return rc;
}

void
hf_state_rollback(struct hf_state *s)
{
	hf_db_rollback(s->db);
}

static void
bind_text(sqlite3_stmt *st, int at, const char *s)
{
	sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

int
hf_state_put_event(struct hf_state *s, const struct hf_state_event *e,
    bool *is_new, struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_EVENT_PUT];
	int rc;

	sqlite3_bind_blob(st, 1, e->id, HF_SHA256_LEN, SQLITE_STATIC);
	bind_text(st, 2, e->rule);
	bind_text(st, 3, e->subject);
	sqlite3_bind_int64(st, 4, e->from_ns);
	sqlite3_bind_int64(st, 5, e->to_ns);
	sqlite3_bind_int64(st, 6, e->raised_ns);
	bind_text(st, 7, e->json);
	if (e->plant != NULL)
		sqlite3_bind_blob(
		    st, 8, e->plant, HF_SHA256_LEN, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 8);
	rc = hf_db_run(st, err);
	if (rc == HF_OK)
		*is_new = sqlite3_changes(s->db) > 0;
	return rc;
}

int
hf_state_set_audited(
    struct hf_state *s, const uint8_t id[HF_SHA256_LEN], struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_EVENT_AUDITED];

	sqlite3_bind_blob(st, 1, id, HF_SHA256_LEN, SQLITE_STATIC);
	return hf_db_run(st, err);
}

int
hf_state_each_unaudited(struct hf_state *s,
    void (*fn)(void *arg, const struct hf_state_event *e), void *arg,
    struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_EVENT_WAITING];
	struct hf_state_event e;
	bool has_row;
	int rc;

	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row) {
		if (sqlite3_column_bytes(st, 0) != HF_SHA256_LEN)
			continue;
		e = (struct hf_state_event){
		    .rule = (const char *)sqlite3_column_text(st, 1),
		    .subject = (const char *)sqlite3_column_text(st, 2),
		    .from_ns = sqlite3_column_int64(st, 3),
		    .to_ns = sqlite3_column_int64(st, 4),
		    .raised_ns = sqlite3_column_int64(st, 5),
		    .json = (const char *)sqlite3_column_text(st, 6),
		};
		memcpy(e.id, sqlite3_column_blob(st, 0), HF_SHA256_LEN);
		if (e.rule != NULL && e.subject != NULL && e.json != NULL)
			fn(arg, &e);
	}
	sqlite3_reset(st);
	return rc;
}

/* A question that cannot be answered keeps the samples. */
bool
hf_state_span_needed(
    struct hf_state *s, int64_t from_ns, int64_t to_ns, int64_t keep_after_ns)
{
	sqlite3_stmt *st = s->st[S_EVENT_SPAN];
	bool has_row;
	int rc;

	sqlite3_bind_int64(st, 1, from_ns);
	sqlite3_bind_int64(st, 2, to_ns);
	sqlite3_bind_int64(st, 3, keep_after_ns);
	rc = hf_db_step(st, &has_row, NULL);
	sqlite3_reset(st);
	return rc != HF_OK || has_row;
}

int
hf_state_put_alarm(struct hf_state *s, const char *key, const void *p, size_t n,
    struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_ALARM_PUT];

	bind_text(st, 1, key);
	sqlite3_bind_blob64(st, 2, n > 0 ? p : "", n, SQLITE_STATIC);
	return hf_db_run(st, err);
}

int
hf_state_each_alarm(struct hf_state *s,
    void (*fn)(void *arg, const char *key, const void *p, size_t n), void *arg,
    struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_ALARMS];
	bool has_row;
	int rc;

	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row)
		fn(arg, (const char *)sqlite3_column_text(st, 0),
		    sqlite3_column_blob(st, 1),
		    (size_t)sqlite3_column_bytes(st, 1));
	return rc;
}

int
hf_state_put_journal(struct hf_state *s, int64_t t_ns, const char *alarm,
    const char *json, struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_JOURNAL_PUT];

	sqlite3_bind_int64(st, 1, t_ns);
	bind_text(st, 2, alarm);
	bind_text(st, 3, json);
	return hf_db_run(st, err);
}

int
hf_state_put_contract(struct hf_state *s, const char *name,
    const uint8_t hash[HF_SHA256_LEN], int64_t first_ns, struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_CONTRACT_PUT];

	bind_text(st, 1, name);
	sqlite3_bind_blob(st, 2, hash, HF_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, first_ns);
	return hf_db_run(st, err);
}

int
hf_state_each_contract(struct hf_state *s,
    void (*fn)(void *arg, const char *name, const uint8_t hash[HF_SHA256_LEN]),
    void *arg, struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_CONTRACTS];
	bool has_row;
	int rc;

	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row)
		if (sqlite3_column_bytes(st, 1) == HF_SHA256_LEN)
			fn(arg, (const char *)sqlite3_column_text(st, 0),
			    sqlite3_column_blob(st, 1));
	return rc;
}

/* The rows of a statement whose only column is a JSON object, as an array. */
static int
json_rows(sqlite3_stmt *st, struct hf_buf *out, struct hf_err *err)
{
	const char *text;
	bool has_row;
	size_t n = 0;
	int rc;

	hf_buf_puts(out, "[");
	while ((rc = hf_db_step(st, &has_row, err)) == HF_OK && has_row) {
		text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL)
			continue;
		if (n++ > 0)
			hf_buf_puts(out, ",");
		hf_buf_puts(out, text);
	}
	hf_buf_puts(out, "]");
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (rc == HF_OK && !hf_buf_ok(out))
		rc = HF_FAIL(err, HF_ELIMIT,
		    "the answer is over %zu bytes: ask"
		    " for a shorter span or a lower limit",
		    out->max);
	return rc;
}

static int
rows_of(uint32_t limit)
{
	return limit == 0 || limit > ROWS_MAX ? ROWS_MAX : (int)limit;
}

int
hf_state_events_json(struct hf_state *s, const uint8_t *id, const char *filter,
    int64_t from_ns, int64_t to_ns, uint32_t limit, struct hf_buf *out,
    struct hf_err *err)
{
	sqlite3_stmt *st = s->st[id != NULL ? S_EVENT_ONE : S_EVENTS];

	if (id != NULL) {
		sqlite3_bind_blob(st, 1, id, HF_SHA256_LEN, SQLITE_STATIC);
		return json_rows(st, out, err);
	}
	sqlite3_bind_int64(st, 1, from_ns);
	sqlite3_bind_int64(st, 2, to_ns == NO_TIME ? INT64_MAX : to_ns);
	bind_text(st, 3, filter == NULL ? "" : filter);
	sqlite3_bind_int(st, 4, rows_of(limit));
	return json_rows(st, out, err);
}

int
hf_state_journal_json(struct hf_state *s, int64_t from_ns, int64_t to_ns,
    uint32_t limit, struct hf_buf *out, struct hf_err *err)
{
	sqlite3_stmt *st = s->st[S_JOURNAL];

	sqlite3_bind_int64(st, 1, from_ns);
	sqlite3_bind_int64(st, 2, to_ns == NO_TIME ? INT64_MAX : to_ns);
	sqlite3_bind_int(st, 3, rows_of(limit));
	return json_rows(st, out, err);
}
