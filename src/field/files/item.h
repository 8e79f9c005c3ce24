/* SPDX-License-Identifier: Apache-2.0
 *
 * item.h - shared by folder.c and finish.c only: a drop folder and its files.
 */
#ifndef HF_FIELD_FILES_ITEM_H
#define HF_FIELD_FILES_ITEM_H

#include "base/time.h"
#include "field/files/folder.h"

#define HF_DROP_RETRY_NS (10 * HF_NS_PER_S)
#define HF_DROP_TEXT 240
#define HF_DROP_ERRORS (256u << 10) /* bytes of a list of errors */

enum item_state {
	ITEM_WAITING, /* seen, not read now */
	ITEM_READING,
	ITEM_ENDED,   /* read to its end; core has not all of it yet */
	ITEM_MOVING,  /* all durable: to be moved */
	ITEM_LISTING, /* moved; its errors are to be written */
	ITEM_STUCK    /* keep: its header is unusable; left until it changes */
};

struct item {
	struct hf_pos pos; /* durable */
	enum item_state state;
	bool is_seen, is_matching; /* in the last scan */
	bool is_failed;		   /* nothing of it could be imported */
	int fd;			   /* -1 */
	struct hf_csv_file *csv;
	int64_t size, mtime_ns, ctime_ns, read_mtime_ns;
	int64_t stable_ns; /* monotonic: unchanged since */
	bool is_pending;   /* `next` becomes pos when core has up to `mark` */
	struct hf_pos next;
	uint64_t mark;
	int64_t retry_ns; /* monotonic: not before */
	struct hf_buf errors;
	uint64_t nlisted;
	char target[HF_POS_NAME + 16]; /* its name in done/ or failed/ */
};

struct hf_drop {
	const char *name;
	const struct hf_csv_conf *conf;
	const struct hf_csv_map *map;
	struct hf_counters *counters;
	struct hf_drop_ops ops;
	struct item *items[HF_POS_NFILE];
	size_t n;
	size_t turn; /* keep: whose turn it is */
	bool has_positions, is_dirty, is_waiting;
	int64_t save_ns; /* monotonic: not before */
	uint64_t refused[64];
	size_t nrefused;
	struct hf_buf save;
	struct hf_drop_stats stats;
	char text[HF_DROP_TEXT];
	struct hf_csv_file
	    *seen;	    /* whose header try shows; an item's or NULL */
	char columns[2048]; /* names of the last header, one a line */
};

void hf_drop_say(struct hf_drop *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void hf_item_close(struct item *it);
/* finish.c: one line of the list of errors. */
void hf_item_error(struct item *it, uint64_t line, int col, const char *column,
    const char *reason);
/* finish.c: moves, lists. True: the item is done with and may be forgotten. */
bool hf_item_finish(
    struct hf_drop *d, struct item *it, const struct hf_drop_now *now);

#endif
