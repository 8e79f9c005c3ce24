/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.h - bytes of a recording become readings: options, header, rows.
 *
 * Pure: no files, no clock. driver.c and folder.c bring the bytes.
 *
 *   struct hf_csv_map   what a device's options and tags say, for all files
 *   struct hf_csv_file  one file being read: window of bytes, header, line
 */
#ifndef HF_FIELD_FILES_CSV_H
#define HF_FIELD_FILES_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/csv.h"
#include "field/driver.h"
#include "field/files/when.h"

#define HF_CSV_SLICE 65536 /* bytes put into a file's window at once */

enum hf_csv_layout { HF_CSV_WIDE, HF_CSV_LONG };
enum hf_csv_after { HF_CSV_MOVE, HF_CSV_KEEP };

struct hf_csv_conf { /* options of `driver: csv-folder`; rows in driver.c */
	char *folder, *pattern;
	int64_t delimiter, decimal; /* index of words in driver.c, 0 = auto */
	char *time, *time_format, *timezone;
	int64_t layout, after;
	char *tag_column, *value_column, *quality_column;
	int64_t settle_ns, poll_ns;
};

struct hf_csv_map;

/* HF_EINVAL with the option that is wrong. */
int hf_csv_conf_ok(const struct hf_csv_conf *c, char *why, size_t cap);
/* Borrows plant and conf (which passed hf_csv_conf_ok). */
int hf_csv_map_new(const struct hf_plant *p, uint32_t device_idx,
    struct hf_csv_map **out, struct hf_err *err);
void hf_csv_map_free(struct hf_csv_map *m);

struct hf_csv_sink {
	void *arg;
	int64_t recv_ns; /* wall, of this slice */
	int64_t file_ns; /* when the file was last changed: for time: none */
	struct hf_counters *counters;
	/* Readings of one row; their strings are borrowed for the call. */
	void (*readings)(void *arg, const struct hf_reading *r, size_t n);
	/* A row, or a cell of it, that was not imported. column: name of the
	 * column, "" if it is the row. */
	void (*bad)(void *arg, uint64_t line, int col, const char *column,
	    const char *reason);
};

struct hf_csv_file;

struct hf_csv_file *hf_csv_file_new(const struct hf_csv_map *m);
void hf_csv_file_free(struct hf_csv_file *f);
/* Reading goes on at this offset with this line (from 1); the header must have
 * been read before if offset > 0. Forgets what is in the window. */
void hf_csv_file_seek(struct hf_csv_file *f, uint64_t offset, uint64_t line);
/* While true, rows are passed over: to read a header again. */
void hf_csv_file_prime(struct hf_csv_file *f, bool on);
/* Offset behind all bytes that were put: what to read next. */
uint64_t hf_csv_file_end(const struct hf_csv_file *f);
/* Where to put the next bytes of the file, at most *room (>= 1). */
uint8_t *hf_csv_file_space(struct hf_csv_file *f, size_t *room);
/*
 * n bytes were put there; imports every row that is complete. is_end: nothing
 * follows, what is left is a row. HF_OK; HF_EINVAL: the header is unusable,
 * with the reason, and the file cannot be read.
 */
int hf_csv_file_rows(struct hf_csv_file *f, size_t n, bool is_end,
    const struct hf_csv_sink *sink, struct hf_err *err);

/* All bytes before are done with; a place to go on from. */
uint64_t hf_csv_file_offset(const struct hf_csv_file *f);
uint64_t hf_csv_file_line(const struct hf_csv_file *f);
uint64_t hf_csv_file_nrow(const struct hf_csv_file *f); /* imported */
uint64_t hf_csv_file_nbad(const struct hf_csv_file *f);
void hf_csv_file_count(
    struct hf_csv_file *f, uint64_t nrow, uint64_t nbad); /* before */
bool hf_csv_file_has_header(const struct hf_csv_file *f);
/* Tags without a column, and the first of them (NULL); wide files only. */
size_t hf_csv_file_missing(const struct hf_csv_file *f, const char **first);
/* Name of column i as the header has it; NULL behind the last. */
const char *hf_csv_file_column(const struct hf_csv_file *f, size_t i);

#endif
