/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.h - streaming CSV reader (RFC 4180 and what Excel makes of it).
 *
 * Accepts a UTF-8 BOM, CRLF or LF, quoted fields with "" and line breaks, and
 * the delimiters ',' ';' and tab; the delimiter is taken from the first line
 * (the one outside quotes that occurs most; ',' on a tie) unless given. A
 * German Excel file (';') has a decimal comma: is_comma_decimal tells.
 * Limits: 64 KiB a field, 256 fields and 1 MiB a row. Positions count from 1,
 * columns in bytes. The file is held in memory by the caller.
 */
#ifndef HF_BASE_CSV_H
#define HF_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HF_CSV_NFIELD 256
#define HF_CSV_FIELD_MAX 65536

struct hf_csv_field {
	/* unquoted, NUL-terminated, owned by the reader until the next row */
	const char *s;
	size_t len;
	int line, col; /* where it starts */
};

struct hf_csv_row {
	int line; /* first line of the row */
	size_t n;
	struct hf_csv_field f[HF_CSV_NFIELD];
};

struct hf_csv;
/* delim 0: find it. Borrows p. NULL on no memory. */
struct hf_csv *hf_csv_new(const char *p, size_t n, char delim);
void hf_csv_free(struct hf_csv *c);
char hf_csv_delim(const struct hf_csv *c);
bool hf_csv_is_comma_decimal(const struct hf_csv *c); /* delimiter is ';' */
/* HF_OK with *row (borrowed until the next call), HF_ENODATA at the end,
 * HF_EINVAL (unclosed quote, text behind a closing quote, invalid UTF-8, NUL)
 * or HF_ELIMIT with "line:col: reason"; after an error the next call goes on
 * with the next line. Empty lines are skipped. */
int hf_csv_next(
    struct hf_csv *c, const struct hf_csv_row **row, struct hf_err *err);
/* Text field safe for spreadsheets: quotes where needed, puts ' before a
 * leading = + - @ tab CR. Appends to b. */
struct hf_buf;
void hf_csv_put_text(struct hf_buf *b, const char *s, char delim);
/* Removes the protective ' that hf_csv_put_text adds; in place. */
void hf_csv_unprotect(char *s);

#endif
