/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - text for people: aligned tables, colours, bars and sparklines.
 *
 * Everything from outside (values, names, error texts) is printed through here,
 * so that no control character of a device reaches the terminal. Colour is used
 * only on a terminal, without NO_COLOR (no-color.org) and with TERM other than
 * "dumb"; it always stands beside a word, never instead of one.
 */
#ifndef HF_CLI_TABLE_H
#define HF_CLI_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

enum hf_colour {
	HF_PLAIN,
	HF_BOLD,
	HF_DIM,
	HF_RED,
	HF_YELLOW,
	HF_GREEN,
	HF_CYAN,
	HF_NCOLOUR
};

struct hf_term {
	FILE *f;
	bool is_tty;
	bool has_colour;
	bool is_utf8; /* block characters may be used */
	int columns;  /* of the terminal; 0 = no terminal, no limit */
	int rows;
};

/* Looks at f and the environment. */
void hf_term_init(struct hf_term *t, FILE *f);
/* Escape sequence or "". HF_PLAIN ends a colour. */
const char *hf_term_colour(const struct hf_term *t, enum hf_colour c);

#define HF_TABLE_NCOL 16
#define HF_TABLE_NROW 200000

struct hf_table;
/* heads: ncol titles; one that begins with '>' is right-aligned. NULL on no
 * memory. */
struct hf_table *hf_table_new(const char *const *heads, size_t ncol);
void hf_table_free(struct hf_table *t);
/* The next cell, left to right; after ncol cells a new row begins. Control
 * characters and bytes that are no UTF-8 become '?'. NULL is "-". */
void hf_table_cell(struct hf_table *t, enum hf_colour c, const char *text);
void hf_table_cellf(struct hf_table *t, enum hf_colour c, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
size_t hf_table_nrow(const struct hf_table *t);
/*
 * The last column is text for reading: where it is wider than the terminal
 * leaves room, it goes on in the lines below instead of being cut.
 */
void hf_table_wrap(struct hf_table *t);
/*
 * Prints titles and rows, each after `indent` blanks. On a terminal, columns
 * that find no room go to a second line, in titles and rows alike, and the last
 * column is cut, or wrapped (hf_table_wrap). max_rows 0 = all; what is left out
 * is said. False if memory ran out while the table was filled.
 */
bool hf_table_print(const struct hf_table *t, const struct hf_term *term,
    int indent, size_t max_rows);

/* Prints text without control characters. */
void hf_text_put(const struct hf_term *t, const char *text);
/* "12s", "3min", "2h", "5d" from seconds; "-" if not finite. Returns buf. */
char *hf_text_age(double age_s, char buf[32]);
/* "512 B", "1.5 MiB". Returns buf. */
char *hf_text_bytes(double n, char buf[32]);
/*
 * A number for people: all digits of a whole number, else as many as a 32-bit
 * float needs where it is one, else 15; so 6.26 from a float register and 44.8
 * from a scaled one. --json and --csv print every digit.
 */
void hf_text_num(struct hf_buf *b, double v);
/* A JSON value for people: numbers as above, texts, true, "-" for null. */
void hf_text_json(struct hf_buf *b, json_t *v);
/* Text without control characters, broken between words into lines of at most
 * `width` characters; those after the first begin with `indent` blanks. */
void hf_text_wrap(
    const struct hf_term *t, const char *text, int indent, int width);
/* One of eight heights per value, NaN a blank; v[] of n values. */
void hf_text_spark(struct hf_buf *b, const double *v, size_t n, bool is_utf8);
/* A bar of share (0..1) of width columns. */
void hf_text_bar(struct hf_buf *b, double share, int width, bool is_utf8);
/* Appends text with control characters and broken UTF-8 replaced by '?'. */
void hf_text_clean(struct hf_buf *b, const char *text);

#endif
