/* SPDX-License-Identifier: Apache-2.0
 *
 * backtest.h - exported samples (CSV) into the detection engine. Private to
 * src/cli/backtest*.c and its tests.
 *
 * Three forms, told apart by the header line:
 *   wide  time,PATH,PATH,...      one column a tag; an empty cell is no sample
 *   long  time,tag,value[,quality] columns in any order; quality is a word
 *         (Good, Uncertain, Bad...), a status code's name that begins with one
 *         of these, or 0x and the code; empty is Good
 *   one   t,value[,quality]       long without a tag: all of --tag's
 * The time column is called time, t or timestamp, or is the first one of a wide
 * file. A cell nan is a sample of bad quality. true and false are 1 and 0.
 */
#ifndef HF_CLI_BACKTEST_H
#define HF_CLI_BACKTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "detect/engine.h"

enum hf_bt_skip { /* why a row, or a cell of it, was not fed */
	HF_BT_BAD_CSV,
	HF_BT_BAD_TIME,
	HF_BT_BAD_VALUE,
	HF_BT_BAD_QUALITY,
	HF_BT_UNKNOWN_TAG,
	HF_BT_SHORT,
	HF_BT_BEFORE,
	HF_BT_AFTER,
	HF_BT_NSKIP
};
extern const char *const hf_bt_skip_words[HF_BT_NSKIP];

struct hf_bt_input {
	const char *file; /* name for messages */
	const char *p;	  /* the text, n bytes, borrowed */
	size_t n;
	int64_t from_ns, to_ns; /* [from, to); HF_TIME_NONE = open */
	const struct hf_plant *plant;
	const struct hf_tag *tag; /* whose values they are; NULL: named */
	struct hf_engine *engine;
	/* One line for people: "in.csv:7:12: ...". At most HF_BT_NSAY of a
	 * reason are said. */
	void (*say)(void *arg, const char *text);
	void (*progress)(void *arg, size_t line, size_t nsample);
	void *arg;
};
#define HF_BT_NSAY 10

struct hf_bt_result {
	uint64_t nrow, nsample, nlate; /* rows and samples fed */
	uint64_t skipped[HF_BT_NSKIP];
	int64_t first_ns, last_ns; /* span of what was fed; HF_TIME_NONE */
	uint8_t *seen;		   /* by tag of the plant; caller frees */
};

/* Feeds everything. HF_EINVAL: the header line cannot be used (said). */
int hf_backtest_read(
    const struct hf_bt_input *in, struct hf_bt_result *out, struct hf_err *err);

#endif
