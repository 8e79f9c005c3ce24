/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h - a drop folder: which files to read, how far, and what then.
 *
 * Bytes to rows is csv.h. Time and the folder's descriptor come in as
 * arguments; readings go out through ops.
 */
#ifndef HF_FIELD_FILES_FOLDER_H
#define HF_FIELD_FILES_FOLDER_H

#include "base/json.h"
#include "field/files/csv.h"
#include "field/files/position.h"

struct hf_drop_ops { /* as struct hf_driver_host; none is NULL */
	void *arg;
	void (*readings)(void *arg, const struct hf_reading *r, size_t n);
	void (*parsing)(void *arg, const void *p, size_t n);
	void (*parsed)(void *arg);
	uint64_t (*handed)(void *arg);
	uint64_t (*durable)(void *arg);
	bool (*may_read)(void *arg);
};

struct hf_drop_now {
	int dirfd; /* of the folder */
	int64_t wall_ns, mono_ns;
};

enum hf_drop_rc {
	HF_DROP_IDLE, /* nothing to do before the next scan */
	HF_DROP_MORE, /* call again at once */
	HF_DROP_WAIT  /* call again soon: core has to catch up */
};

struct hf_drop;

/* name: the device's, for the log. Borrows conf, map, counters. */
int hf_drop_new(const char *name, const struct hf_csv_conf *conf,
    const struct hf_csv_map *map, struct hf_counters *counters,
    const struct hf_drop_ops *ops, struct hf_drop **out, struct hf_err *err);
void hf_drop_free(struct hf_drop *d);
/* Writes the positions now, before the folder is left. */
void hf_drop_save(struct hf_drop *d, const struct hf_drop_now *now);
/* Looks at the folder, the first time at its positions too. HF_EIO and the
 * like if it cannot be read. At most SCAN_MAX entries a call. */
int hf_drop_scan(
    struct hf_drop *d, const struct hf_drop_now *now, struct hf_err *err);
/* One slice of one file, or one step of its end. */
enum hf_drop_rc hf_drop_work(struct hf_drop *d, const struct hf_drop_now *now);

struct hf_drop_stats {
	uint64_t nfile, nslice, nrow, nbad, nfailed;
	int64_t last_row_ns; /* wall; HF_TIME_NONE */
	const char *text;    /* what a person should know; "" */
};
void hf_drop_stats(const struct hf_drop *d, struct hf_drop_stats *out);
/* "files":[...] and "columns":[...] of the file last read, for previews. */
void hf_drop_describe(const struct hf_drop *d, struct hf_jw *w);
/* The header of the file last read has this column. */
bool hf_drop_has_column(const struct hf_drop *d, const char *name);

#endif
