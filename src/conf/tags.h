/* SPDX-License-Identifier: Apache-2.0
 *
 * tags.h - the table-driven reader of tag sheets. Private to src/conf.
 *
 * A sheet (ours, Kepware's, Neuron's) is a list of columns; a column knows how
 * to put its cell into a tag. tags.c holds the engine and our columns,
 * tags_import.c those of the others.
 */
#ifndef HF_CONF_TAGS_H
#define HF_CONF_TAGS_H

#include "base/csv.h"
#include "conf/findings.h"
#include "model/optval.h"

#define HF_TAGS_NCOL 64

struct hf_tag_place {	  /* where a tag was read */
	const char *file; /* borrowed from the plant */
	const char *device, *name;
	int line, col;
};

struct hf_tag_places { /* zeroed = empty */
	struct hf_tag_place *v;
	size_t n, cap;
};
void hf_tag_places_fini(struct hf_tag_places *p);
/* what: "device.name" or "device.name.column"; the last tag of that name. */
const struct hf_tag_place *hf_tag_places_find(
    const struct hf_tag_places *p, const char *what);

struct hf_tags_in {
	struct hf_plant *p;
	const char *device; /* for rows that name none; may be NULL */
	const char *file;   /* for messages */
	struct hf_findings *f;
	struct hf_tag_places *places; /* may be NULL */
	bool check_file; /* the device must have this file under tags: */
	const struct hf_device *last; /* the engine's: device of the last row */
};

struct hf_tag_row { /* one row on its way into a tag */
	struct hf_tags_in *in;
	struct hf_tag t;
	bool is_comma;				  /* decimal comma */
	bool is_linear, is_clamp_lo, is_clamp_hi; /* Kepware's sheets */
	const char *order_warning;		  /* static text, as the next */
	const char *warning;  /* static text, reported if the row is good */
	char why[HF_OPT_WHY]; /* set by a column that returns false */
};

struct hf_tag_col {
	const char *name; /* in the header line */
	const char *opt;  /* row of hf_tag_kind that it fills, or NULL ... */
	/* ... then this does. s may be changed. NULL: the column is passed
	 * over. */
	bool (*set)(struct hf_tag_row *r, char *s, size_t n);
	bool is_required;
	const char *form, *dflt, *help; /* for holdfast-tags(5) */
};

struct hf_sheet_def {
	const struct hf_tag_col *cols;
	size_t ncol;
	bool knows_all; /* a column that is not in the table is an error */
	/* After all cells of a row; may be NULL. */
	bool (*end)(struct hf_tag_row *r);
};
extern const struct hf_sheet_def hf_sheet_kepware, hf_sheet_neuron;

/* HF_EINVAL if anything was reported as an error. */
int hf_tags_parse(struct hf_tags_in *in, const char *text, size_t n);
int hf_tags_parse_sheet(struct hf_tags_in *in, const struct hf_sheet_def *d,
    const char *text, size_t n);
/* Cell into the tag field that a row of hf_tag_kind describes. */
bool hf_tag_row_set(struct hf_tag_row *r, const char *opt, char *s, size_t n);

#endif
