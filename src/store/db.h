/* SPDX-License-Identifier: Apache-2.0
 *
 * db.h - the few lines of SQLite that every store file would otherwise repeat.
 *
 * Opening with the house's settings, prepared statements, and SQLite's result
 * codes as ours. Nothing here is fatal: a full or failing disk comes back as an
 * error code and the connection stays usable.
 */
#ifndef HF_STORE_DB_H
#define HF_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <sqlite3.h>

#include "base/err.h"

#define HF_DB_BUSY_MS 2000 /* longer than any of our own transactions */

enum hf_db_mode {
	HF_DB_READ,   /* never writes rows; may still roll back a hot journal */
	HF_DB_WRITE,  /* file must exist */
	HF_DB_CREATE, /* made if missing */
};

/* Opens for one thread. HF_ENOTFOUND, HF_ECORRUPT (not a database), HF_EIO. */
int hf_db_open(
    const char *path, enum hf_db_mode mode, sqlite3 **out, struct hf_err *err);
void hf_db_close(sqlite3 *db); /* NULL is fine */
int hf_db_exec(sqlite3 *db, const char *sql, struct hf_err *err);
int hf_db_prepare(
    sqlite3 *db, const char *sql, sqlite3_stmt **out, struct hf_err *err);
/* One step; *has_row tells whether there is a row. Resets when done or
 * failed. */
int hf_db_step(sqlite3_stmt *st, bool *has_row, struct hf_err *err);
/* For statements without rows: step, reset, clear bindings. */
int hf_db_run(sqlite3_stmt *st, struct hf_err *err);
/* SQLite's integrity_check: HF_ECORRUPT with its first finding. */
int hf_db_check(sqlite3 *db, struct hf_err *err);
/* Rolls back what is still open (SQLite ends some transactions by itself). */
void hf_db_rollback(sqlite3 *db);

#endif
