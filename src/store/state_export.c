/* SPDX-License-Identifier: Apache-2.0
 *
 * state_export.c - how far each export has come, and the events behind that.
 */
#include "store/state_i.h"

int
hf_state_put_cursor(struct hf_state *s, const char *name,
    const struct hf_state_cursor *c, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = hf_db_prepare(hf_state_db(s),
	    "INSERT OR REPLACE INTO export VALUES(?1,?2,?3)", &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, c->event);
	sqlite3_bind_int64(st, 3, c->audit);
	rc = hf_db_run(st, err);
	sqlite3_finalize(st);
	return rc;
}

int
hf_state_get_cursor(struct hf_state *s, const char *name,
    struct hf_state_cursor *c, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = hf_db_prepare(hf_state_db(s),
	    "SELECT event, audit FROM export WHERE name=?1", &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && has_row) {
		c->event = sqlite3_column_int64(st, 0);
		c->audit = sqlite3_column_int64(st, 1);
	}
	sqlite3_finalize(st);
	return rc;
}

static int
newest_event(struct hf_state *s, int64_t *newest, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = hf_db_prepare(
	    hf_state_db(s), "SELECT max(rowid) FROM event", &st, err);

	if (rc != HF_OK)
		return rc;
	rc = hf_db_step(st, &has_row, err);
	*newest = rc == HF_OK && has_row ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return rc;
}

int
hf_state_events_after(struct hf_state *s, int64_t after, uint32_t limit,
    bool (*fn)(void *arg, int64_t number, int64_t raised_ns, const char *json,
	size_t n),
    void *arg, int64_t *newest, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row, is_wanted = true;
	int rc = newest_event(s, newest, err);

	if (rc == HF_OK)
		rc = hf_db_prepare(hf_state_db(s),
		    "SELECT rowid, raised_ns, json FROM event WHERE rowid > ?1"
		    " ORDER BY rowid LIMIT ?2",
		    &st, err);
	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, limit);
	while (is_wanted && (rc = hf_db_step(st, &has_row, err)) == HF_OK &&
	       has_row)
		is_wanted = fn(arg, sqlite3_column_int64(st, 0),
		    sqlite3_column_int64(st, 1),
		    (const char *)sqlite3_column_text(st, 2),
		    (size_t)sqlite3_column_bytes(st, 2));
	sqlite3_finalize(st);
	return rc;
}
