/* SPDX-License-Identifier: Apache-2.0
 *
 * state_replay.c - what state.db keeps so that an event can be computed again:
 * the packed plants by hash, and where the state of each detector began.
 *
 * Rarely used, so statements are prepared for the call. Writing functions run
 * inside the caller's transaction.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/time.h"
#include "model/plant.h"
#include "store/state_i.h"

#define KEEP_NS (24 * 3600 * HF_NS_PER_S) /* a plant before its first event */
#define LEVEL 3				  /* zstd */

static int
run(sqlite3_stmt *st, struct hf_err *err)
{
	int rc = hf_db_run(st, err);

	sqlite3_finalize(st);
	return rc;
}

static int
drop_plants(struct hf_state *s, int64_t wall_ns, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = hf_db_prepare(hf_state_db(s),
	    "DELETE FROM plant WHERE wall_ns < ?1 AND hash NOT IN"
	    " (SELECT plant FROM event WHERE plant IS NOT NULL)",
	    &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_int64(st, 1, wall_ns - KEEP_NS);
	return run(st, err);
}

int
hf_state_put_plant(struct hf_state *s, const uint8_t hash[HF_SHA256_LEN],
    const void *p, size_t n, int64_t wall_ns, struct hf_err *err)
{
	size_t cap = ZSTD_compressBound(n), len;
	void *packed = malloc(cap);
	sqlite3_stmt *st;
	int rc;

	if (packed == NULL)
		return HF_FAIL(err, HF_ENOMEM, "plant of %zu bytes", n);
	len = ZSTD_compress(packed, cap, p, n, LEVEL);
	if (ZSTD_isError(len)) {
		rc = HF_FAIL(
		    err, HF_ENOMEM, "plant: %s", ZSTD_getErrorName(len));
		goto out;
	}
	rc = hf_db_prepare(hf_state_db(s),
	    "INSERT INTO plant VALUES(?1,?2,?3,?4)"
	    " ON CONFLICT(hash) DO UPDATE SET wall_ns=excluded.wall_ns",
	    &st, err);
	if (rc != HF_OK)
		goto out;
	sqlite3_bind_blob(st, 1, hash, HF_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, wall_ns);
	sqlite3_bind_int64(st, 3, (int64_t)n);
	sqlite3_bind_blob64(st, 4, packed, len, SQLITE_STATIC);
	rc = run(st, err);
	if (rc == HF_OK)
		rc = drop_plants(s, wall_ns, err);
out:
	free(packed);
	return rc;
}

/* Appends what stands in columns 0 (size) and 1 (zstd). */
static int
unpack(sqlite3_stmt *st, struct hf_buf *out, struct hf_err *err)
{
	int64_t n = sqlite3_column_int64(st, 0);
	size_t len;
	uint8_t *to;

	if (n <= 0 || n > HF_PLANT_BYTES)
		return HF_FAIL(err, HF_ECORRUPT, "plant of a wrong size");
	to = hf_buf_extend(out, (size_t)n);
	if (to == NULL)
		return HF_FAIL(err, HF_ENOMEM, "plant");
	len = ZSTD_decompress(to, (size_t)n, sqlite3_column_blob(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1));
	if (ZSTD_isError(len) || len != (size_t)n)
		return HF_FAIL(
		    err, HF_ECORRUPT, "the stored configuration is damaged");
	return HF_OK;
}

int
hf_state_get_plant(struct hf_state *s, const uint8_t hash[HF_SHA256_LEN],
    struct hf_buf *out, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = hf_db_prepare(hf_state_db(s),
	    "SELECT n, packed FROM plant WHERE hash=?1", &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_blob(st, 1, hash, HF_SHA256_LEN, SQLITE_STATIC);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && !has_row)
		rc = HF_FAIL(err, HF_ENOTFOUND,
		    "the configuration of that time is not kept any more");
	if (rc == HF_OK)
		rc = unpack(st, out, err);
	sqlite3_finalize(st);
	return rc;
}

int
hf_state_put_birth(struct hf_state *s, const char *detector,
    const uint8_t model[HF_SHA256_LEN], int64_t wall_ns, const void *p,
    size_t n, struct hf_err *err)
{
	sqlite3_stmt *st;
	int rc = hf_db_prepare(hf_state_db(s),
	    "INSERT OR REPLACE INTO birth VALUES(?1,?2,?3,?4)", &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, detector, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, model, HF_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, wall_ns);
	sqlite3_bind_blob64(st, 4, n > 0 ? p : "", n, SQLITE_STATIC);
	return run(st, err);
}

int
hf_state_get_birth(struct hf_state *s, const char *detector,
    const uint8_t model[HF_SHA256_LEN], int64_t wall_ns, struct hf_buf *out,
    struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = hf_db_prepare(hf_state_db(s),
	    "SELECT start FROM birth WHERE detector=?1 AND model=?2"
	    " AND wall_ns <= ?3 ORDER BY wall_ns DESC LIMIT 1",
	    &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_text(st, 1, detector, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, model, HF_SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, wall_ns);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && !has_row)
		rc = HF_FAIL(err, HF_ENOTFOUND,
		    "it is not known where %s began to learn", detector);
	if (rc == HF_OK)
		hf_buf_put(out, sqlite3_column_blob(st, 0),
		    (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_finalize(st);
	return rc;
}

int
hf_state_get_event(struct hf_state *s, const uint8_t id[HF_SHA256_LEN],
    struct hf_buf *json, int64_t *raised_ns, uint8_t plant[HF_SHA256_LEN],
    bool *has_plant, struct hf_err *err)
{
	sqlite3_stmt *st;
	bool has_row;
	int rc = hf_db_prepare(hf_state_db(s),
	    "SELECT raised_ns, plant, json FROM event WHERE id=?1", &st, err);

	if (rc != HF_OK)
		return rc;
	sqlite3_bind_blob(st, 1, id, HF_SHA256_LEN, SQLITE_STATIC);
	rc = hf_db_step(st, &has_row, err);
	if (rc == HF_OK && !has_row)
		rc = HF_FAIL(err, HF_ENOTFOUND,
		    "no event has this id; `holdfast alarms event` shows "
		    "them");
	if (rc == HF_OK) {
		*raised_ns = sqlite3_column_int64(st, 0);
		*has_plant = sqlite3_column_bytes(st, 1) == HF_SHA256_LEN;
		if (*has_plant)
			memcpy(
			    plant, sqlite3_column_blob(st, 1), HF_SHA256_LEN);
		hf_buf_put(json, sqlite3_column_text(st, 2),
		    (size_t)sqlite3_column_bytes(st, 2));
	}
	sqlite3_finalize(st);
	return rc;
}
