/* SPDX-License-Identifier: Apache-2.0
 *
 * histcheck.c - reads all of one month file and says what does not agree.
 *
 * For `history check` and for tests. SQLite's integrity_check finds damage of
 * its own structure, CRCs find flipped content, aggregates are computed again,
 * and the counts in table tag show chunks that vanished without a trace.
 */
#include "store/hist.h"

#include <stdio.h>

struct check {
	struct hf_month_findings *f;
	sqlite3 *db;
	sqlite3_stmt *tags, *chunks, *agg;
	struct hf_codec_ctx *codec;
	struct hf_block block;
};

static void
found(struct check *c, const char *what, long long id)
{
	if (c->f->text[0] == '\0')
		snprintf(c->f->text, sizeof(c->f->text), "%s (%lld)", what, id);
}

static bool
agg_agrees(struct check *c, int64_t id, uint32_t ord, struct hf_err *err)
{
	struct hf_agg a;
	bool has_row, is_same;

	hf_chunk_agg(c->block.pt, c->block.n, &a);
	sqlite3_bind_int64(c->agg, 1, id);
	if (hf_db_step(c->agg, &has_row, err) != HF_OK || !has_row)
		return false;
	is_same =
	    sqlite3_column_int64(c->agg, 0) == a.t0_ns &&
	    sqlite3_column_int64(c->agg, 1) == a.t1_ns &&
	    sqlite3_column_int64(c->agg, 2) == ord &&
	    sqlite3_column_int64(c->agg, 3) == a.n &&
	    sqlite3_column_int64(c->agg, 4) == a.n_good &&
	    sqlite3_column_int64(c->agg, 5) == a.n_num &&
	    sqlite3_column_int64(c->agg, 6) == a.status_or &&
	    (a.n_num == 0 || (sqlite3_column_double(c->agg, 7) == a.min &&
				 sqlite3_column_double(c->agg, 8) == a.max));
	sqlite3_reset(c->agg);
	return is_same;
}

/* All chunks of one tag against its row. */
static int
check_tag(struct check *c, int64_t tag, struct hf_err *err)
{
	uint64_t key = (uint64_t)sqlite3_column_int64(c->tags, 1);
	uint64_t nchunk = 0, nsample = 0;
	struct hf_chunk_info info;
	bool has_row;
	int rc;

	sqlite3_bind_int64(c->chunks, 1, tag << 43);
	sqlite3_bind_int64(c->chunks, 2, (tag + 1) << 43);
	while (
	    (rc = hf_db_step(c->chunks, &has_row, err)) == HF_OK && has_row) {
		int64_t id = sqlite3_column_int64(c->chunks, 0);

		nchunk++;
		if (hf_chunk_decode(c->codec, sqlite3_column_blob(c->chunks, 1),
			(size_t)sqlite3_column_bytes(c->chunks, 1), &info,
			&c->block, err) != HF_OK ||
		    info.tag != key) {
			c->f->nbad++;
			found(c, "chunk fails its check", id);
			continue;
		}
		nsample += info.n;
		if (!agg_agrees(c, id, info.ord, err)) {
			c->f->nagg++;
			found(c, "aggregate does not agree", id);
		}
	}
	sqlite3_reset(c->chunks);
	c->f->nchunk += nchunk;
	c->f->nsample += nsample;
	if (nchunk != (uint64_t)sqlite3_column_int64(c->tags, 2) ||
	    nsample != (uint64_t)sqlite3_column_int64(c->tags, 3)) {
		c->f->ncount++;
		found(c, "count of a tag does not agree", tag);
	}
	return rc;
}

static int
contents(struct check *c, struct hf_err *err)
{
	bool has_row;
	int rc;

	rc = hf_db_prepare(
	    c->db, "SELECT id, key, nchunk, nsample FROM tag", &c->tags, err);
	if (rc == HF_OK)
		rc = hf_db_prepare(c->db,
		    "SELECT id, data FROM chunk WHERE"
		    " id >= ?1 AND id < ?2",
		    &c->chunks, err);
	if (rc == HF_OK)
		rc = hf_db_prepare(c->db,
		    "SELECT t0, t1, ord, n, n_good,"
		    " n_num, status_or, min, max FROM agg WHERE id=?1",
		    &c->agg, err);
	while (rc == HF_OK) {
		rc = hf_db_step(c->tags, &has_row, err);
		if (rc != HF_OK || !has_row)
			break;
		rc = check_tag(c, sqlite3_column_int64(c->tags, 0), err);
	}
	return rc;
}

int
hf_month_check(const char *dir, int yyyymm, struct hf_month_findings *f,
    struct hf_err *err)
{
	struct check c = {.f = f};
	char path[HF_HIST_PATH];
	int rc;

	*f = (struct hf_month_findings){.nchunk = 0};
	hf_hist_path(dir, yyyymm, path);
	c.codec = hf_codec_ctx_new();
	if (c.codec == NULL)
		return HF_FAIL(err, HF_ENOMEM, "history check");
	rc = hf_db_open(path, HF_DB_READ, &c.db, err);
	if (rc == HF_OK)
		rc = hf_db_check(c.db, err);
	if (rc == HF_OK)
		rc = contents(&c, err);
	sqlite3_finalize(c.tags);
	sqlite3_finalize(c.chunks);
	sqlite3_finalize(c.agg);
	hf_db_close(c.db);
	hf_codec_ctx_free(c.codec);
	hf_block_fini(&c.block);
	if (rc == HF_OK && f->text[0] != '\0')
		rc = HF_FAIL(err, HF_ECORRUPT, "%s: %s", path, f->text);
	return rc;
}
