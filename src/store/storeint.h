/* SPDX-License-Identifier: Apache-2.0
 *
 * storeint.h - what store.c, recover.c and fold.c share; nobody else includes
 * it.
 */
#ifndef HF_STORE_STOREINT_H
#define HF_STORE_STOREINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "store/hist.h"
#include "store/open.h"
#include "store/store.h"
#include "store/tagdb.h"

#define HF_STORE_NMONTH 4   /* month files that the writer keeps open */
#define HF_STORE_NSOURCE 64 /* edges over the life of the historian */

struct tag { /* one for each key ever seen or configured */
	uint64_t key;
	uint32_t id;	       /* 0 = not yet folded */
	int type;	       /* enum hf_tag_type, -1 = not known */
	char *path, *unit;     /* owned; NULL = not known */
	struct hf_open *opens; /* by month, mostly one */
	int64_t folded_ns;     /* newest folded time, INT64_MIN = none */
	bool is_dirty;	       /* its row in tags.db is behind */
	bool has_last;
	struct hf_pt last; /* string reference into last_str at 0 */
	int64_t last_recv_ns;
	char *last_str; /* owned */
	size_t last_cap;
};

struct month_seq { /* one for each month file */
	int yyyymm;
	uint64_t seq; /* newest frame folded into it */
	bool is_sealed;
};

struct pending { /* appended, not yet durable */
	uint64_t seq, source, source_seq;
	struct hf_sample *s; /* owned; the string area follows it */
	size_t n;
	char *str; /* into the same block */
};

struct source {
	uint64_t key, seq; /* last durable batch */
};

struct hf_store {
	int hist_fd;	 /* borrowed */
	char *hist_path; /* owned */
	struct hf_storage conf;
	struct hf_counters *ctr;
	struct hf_log *log;
	struct hf_tagdb *tagdb;
	uint64_t epoch; /* random, of this historian */
	uint64_t folded_seq;
	struct hf_codec_ctx *codec;
	struct hf_cache *cache;
	uint64_t serial; /* of sealed chunks */
	struct hf_map64 *by_key;
	struct tag **tags; /* owned */
	size_t ntag, tag_cap;
	uint32_t next_id;
	struct source sources[HF_STORE_NSOURCE];
	size_t nsource;
	struct month_seq *months; /* rising */
	size_t nmonth, month_cap;
	struct {
		struct hf_month *m;
		uint64_t used;
	} conn[HF_STORE_NMONTH];
	uint64_t conn_clock;
	struct pending *pending;
	size_t npending, pending_cap;
	size_t open_bytes;
	int64_t max_t_ns;		    /* newest sample */
	int64_t fold_mono_ns, fail_mono_ns; /* last good, last failed fold */
	bool is_short; /* memory failed: durable samples are missing */
	struct {       /* month of the last sample: mostly the next too */
		int yyyymm;
		int64_t t0_ns, t1_ns;
	} month;
};

/* store.c */
struct tag *hf_store_tag(
    struct hf_store *s, uint64_t key); /* made if missing */
struct month_seq *hf_store_month_seq(struct hf_store *s, int yyyymm, bool make);
void hf_store_note_source(struct hf_store *s, uint64_t source, uint64_t seq);
/* Open connection from the cache. HF_ENOTFOUND if there is no such file. */
int hf_store_month(struct hf_store *s, int yyyymm, bool make,
    struct hf_month **out, struct hf_err *err);
void hf_store_forget_month(struct hf_store *s, int yyyymm);
/* Adds one durable sample to the open chunks; skip_seq: frames up to the
 * month's folded one are in the month file already (recovery). */
int hf_store_add(struct hf_store *s, uint64_t seq, const struct hf_sample *v,
    const char *str, bool is_recovery, struct hf_err *err);
bool hf_store_set_last(
    struct tag *t, const struct hf_pt *p, const char *str, int64_t recv_ns);

/* recover.c */
int hf_store_recover(
    struct hf_store *s, struct hf_log_report *report, struct hf_err *err);
/* Renames a month file that cannot be used and saves what it still gives. */
int hf_store_rescue_month(struct hf_store *s, int yyyymm, struct hf_err *err);

#endif
