/* SPDX-License-Identifier: Apache-2.0
 *
 * conf.h - plant.yaml and tags/(*).csv in, struct hf_plant out; and back.
 *
 * Every error is found in one run and reported as "file:line:col: rule, next
 * step". Limits: 4 MiB a YAML file, 64 MiB a CSV file, 32 levels, 1,000 errors.
 */
#ifndef HF_CONF_CONF_H
#define HF_CONF_CONF_H

#include "base/buf.h"
#include "base/err.h"
#include "model/plant.h"

#define HF_CONF_NERROR 1000

/* Called per finding, in file order per file. is_warning: applies all the
 * same. */
struct hf_finding {
	const char *file; /* "plant.yaml", "tags/press.csv" */
	int line, col;	  /* from 1; 0 = no place */
	bool is_warning;
	const char *text; /* rule and next step, one line */
};
typedef void hf_finding_fn(void *arg, const struct hf_finding *f);

/* Reads dirfd/plant.yaml and the tag files it names. HF_OK with *out (caller
 * frees) even if there were warnings; HF_EINVAL if there was an error (all were
 * reported). */
int hf_conf_load(int dirfd, const struct hf_registry *reg, hf_finding_fn *fn,
    void *arg, struct hf_plant **out, struct hf_err *err);
/* The same with more: all fields may be zero. */
struct hf_conf_extra {
	/* The tag file `name` is taken from memory instead of dirfd/name: what
	 * would hold if it were replaced. For dry runs. */
	const char *name; /* "tags/press.csv" */
	const char *text;
	size_t n;
	/* Called with the finished plant: what only drivers can check
	 * (addresses). What it reports becomes an error with the place of the
	 * named thing. */
	void (*check)(void *arg, const struct hf_plant *p,
	    hf_plant_report *report, void *report_arg);
	void *check_arg;
};
int hf_conf_load_with(int dirfd, const struct hf_registry *reg,
    const struct hf_conf_extra *extra, hf_finding_fn *fn, void *arg,
    struct hf_plant **out, struct hf_err *err);
/* The tag file that a device names, read from plant.yaml alone: it need not
 * exist, and the plant may be in error. HF_ENOTFOUND with the next step. */
int hf_conf_tags_file(
    int dirfd, const char *device, char *out, size_t cap, struct hf_err *err);
/* Normal form of plant.yaml: every key with its value, in the order of the
 * tables; reads again to the same plant (same hash). */
int hf_conf_print(
    const struct hf_plant *p, struct hf_buf *out, struct hf_err *err);
/* The same content as one JSON document; numbers and booleans are such,
 * durations, rates, sizes and dates are texts as in plant.yaml. */
int hf_conf_print_json(
    const struct hf_plant *p, struct hf_buf *out, struct hf_err *err);
/* JSON Schema (draft 2020-12) of plant.yaml for editors. */
int hf_conf_schema(const struct hf_registry *reg, struct hf_buf *out);
/* Option lists in mdoc for holdfast.conf(5). */
int hf_conf_doc(const struct hf_registry *reg, struct hf_buf *out);

/* List of the columns in mdoc for holdfast-tags(5). */
int hf_tags_doc(struct hf_buf *out);

/* Tags CSV (columns of holdfast-tags(5)) of one file into p, for `holdfast tags
 * check` and import; export writes the same columns. device: for rows without a
 * device column or cell; NULL = there must be one. A row with an error is
 * reported and left out. Tags are appended; their checks across rows are those
 * of hf_plant_finish. HF_EINVAL if a row was left out. */
int hf_tags_read(struct hf_plant *p, const char *device, const char *file,
    const char *text, size_t n, hf_finding_fn *fn, void *arg,
    struct hf_err *err);
/* Which program wrote the sheet, by its header line. */
enum hf_sheet { HF_SHEET_HOLDFAST, HF_SHEET_KEPWARE, HF_SHEET_NEURON };
extern const char *const hf_sheet_words[]; /* "holdfast" "kepware" "neuron" */
enum hf_sheet hf_tags_sheet(const char *text, size_t n);
/* As hf_tags_read, for any of the sheets. Kepware and Neuron know no device:
 * device must be given. What they say otherwise than we do (names with blanks,
 * a scale factor) is converted with a warning; what cannot be is an error. */
int hf_tags_import(struct hf_plant *p, const char *device, const char *file,
    const char *text, size_t n, hf_finding_fn *fn, void *arg,
    struct hf_err *err);
/* device NULL: of all devices. delim ',' ';' or tab; ';' writes decimal
 * commas. */
int hf_tags_write(const struct hf_plant *p, const char *device, char delim,
    struct hf_buf *out, struct hf_err *err);

#endif
