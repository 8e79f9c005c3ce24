/* SPDX-License-Identifier: Apache-2.0
 *
 * tagdb.h - hist/tags.db: what the historian knows beyond one month.
 *
 * Small integer per tag (the same in every month file), its last sample, how
 * far it is folded, the last batch of each source, the newest folded frame.
 * Everything in it can be made up again from the month files, and is if the
 * file is damaged. Writer thread only.
 */
#ifndef HF_STORE_TAGDB_H
#define HF_STORE_TAGDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/block.h"

struct hf_tagdb;

struct hf_tagdb_tag {
	uint32_t id;
	uint64_t key;
	const char *path, *unit; /* NULL if not known */
	int type;		 /* enum hf_tag_type, -1 if not known */
	int64_t folded_ns;	 /* newest folded time; INT64_MAX = not known,
				    INT64_MIN = none */
	bool has_last;
	struct hf_pt last; /* string reference into last_str */
	int64_t last_recv_ns;
	const char *last_str;
};

/* Opens or makes hist/tags.db. *is_new: it has no epoch yet (made just now, or
 * the old one could not be read and was set aside as tags.db.damaged). */
int hf_tagdb_open(
    const char *dir, struct hf_tagdb **out, bool *is_new, struct hf_err *err);
void hf_tagdb_close(struct hf_tagdb *t);
int hf_tagdb_begin(struct hf_tagdb *t, struct hf_err *err);
int hf_tagdb_commit(struct hf_tagdb *t, struct hf_err *err);
void hf_tagdb_rollback(struct hf_tagdb *t);
int hf_tagdb_get_meta(
    struct hf_tagdb *t, uint64_t *epoch, uint64_t *seq, struct hf_err *err);
int hf_tagdb_put_meta(
    struct hf_tagdb *t, uint64_t epoch, uint64_t seq, struct hf_err *err);
int hf_tagdb_put_source(
    struct hf_tagdb *t, uint64_t source, uint64_t seq, struct hf_err *err);
int hf_tagdb_put_tag(
    struct hf_tagdb *t, const struct hf_tagdb_tag *row, struct hf_err *err);
/* Strings are borrowed for the call. */
int hf_tagdb_each_tag(struct hf_tagdb *t,
    int (*fn)(void *arg, const struct hf_tagdb_tag *row), void *arg,
    struct hf_err *err);
int hf_tagdb_each_source(struct hf_tagdb *t,
    void (*fn)(void *arg, uint64_t source, uint64_t seq), void *arg,
    struct hf_err *err);

#endif
