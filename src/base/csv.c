/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.c - one row at a time out of a file in memory, with exact positions.
 *
 * Grammar (RFC 4180, and what spreadsheets write):
 *    file   = [BOM] *row          row = field *(delim field) (CRLF | LF | end)
 *    field  = quoted | plain      quoted = '"' *(any | '""') '"'
 *    plain  = any bytes but delim and line end; a quote inside is a plain byte
 * A row is read into one byte buffer, each field followed by NUL; the fields'
 * addresses are set when the row is complete, since the buffer may move.
 *
 * After an error the reader goes on behind the line in which it noticed. For a
 * quote that was never closed that would be the end of the file, so there it
 * goes on behind the line in which the row began: one forgotten quote must not
 * hide every later error. A row limit keeps such retries cheap.
 */
#include "base/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

#define ROW_MAX (1u << 20) /* bytes of one row, unquoted, with its NULs */
#define BOM "\xEF\xBB\xBF" /* U+FEFF in UTF-8 */

struct pos {
	size_t i;   /* index of the next byte */
	size_t bol; /* index of the first byte of its line */
	int line;   /* from 1 */
};

struct hf_csv {
	const char *p; /* borrowed */
	size_t n;
	char delim;
	struct pos at;
	struct hf_buf bytes;	     /* of the row */
	size_t start[HF_CSV_NFIELD]; /* offset of each field in bytes */
	struct hf_csv_row row;
};

static char
find_delim(const char *p, size_t n)
{
	size_t i, ncomma = 0, nsemi = 0, ntab = 0;
	bool is_quoted = false, has_text = false;

	for (i = 0; i < n; i++) {
		if (p[i] == '"')
			is_quoted = !is_quoted;
		if (is_quoted)
			continue;
		if (p[i] == '\n' && has_text)
			break;
		has_text |= p[i] != '\n' && p[i] != '\r';
		ncomma += p[i] == ',';
		nsemi += p[i] == ';';
		ntab += p[i] == '\t';
	}
	if (nsemi > ncomma && nsemi > ntab)
		return ';';
	if (ntab > ncomma && ntab > nsemi)
		return '\t';
	return ',';
}

struct hf_csv *
hf_csv_new(const char *p, size_t n, char delim)
{
	struct hf_csv *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (n >= strlen(BOM) && memcmp(p, BOM, strlen(BOM)) == 0) {
		p += strlen(BOM);
		n -= strlen(BOM);
	}
	c->p = p;
	c->n = n;
	c->at.line = 1;
	c->delim = delim != 0 ? delim : find_delim(p, n);
	hf_buf_init(&c->bytes, ROW_MAX);
	return c;
}

void
hf_csv_free(struct hf_csv *c)
{
	if (c == NULL)
		return;
	hf_buf_fini(&c->bytes);
	free(c);
}

char
hf_csv_delim(const struct hf_csv *c)
{
	return c->delim;
}

bool
hf_csv_is_comma_decimal(const struct hf_csv *c)
{
	return c->delim == ';';
}

static int
column(const struct pos *at)
{
	return (int)(at->i - at->bol) + 1;
}

/* Behind the line break at c->at. */
static void
next_line(struct hf_csv *c)
{
	c->at.i++;
	c->at.bol = c->at.i;
	c->at.line++;
}

/* Behind the next line break from here on. */
static void
skip_line(struct hf_csv *c)
{
	const char *nl = NULL;

	if (c->at.i < c->n)
		nl = memchr(c->p + c->at.i, '\n', c->n - c->at.i);
	c->at.i = nl != NULL ? (size_t)(nl - c->p) : c->n;
	if (nl != NULL)
		next_line(c);
}

/* At a line end: '\n', "\r\n", or the end of the file. */
static bool
at_line_end(const struct hf_csv *c)
{
	const char *p = c->p + c->at.i;
	size_t left = c->n - c->at.i;

	return left == 0 || *p == '\n' ||
	       (*p == '\r' && (left == 1 || p[1] == '\n'));
}

/* Bytes of a quoted field; c->at is behind the opening quote. */
static int
read_quoted(struct hf_csv *c, const struct pos *open, struct hf_err *err)
{
	size_t first = c->bytes.len;
	char ch;

	for (;;) {
		if (c->at.i >= c->n)
			return HF_FAIL(err, HF_EINVAL,
			    "%d:%d: this quote is never closed", open->line,
			    column(open));
		ch = c->p[c->at.i];
		if (ch == '"') {
			if (c->at.i + 1 >= c->n || c->p[c->at.i + 1] != '"')
				break;
			c->at.i++;
		}
		hf_buf_u8(&c->bytes, (uint8_t)ch);
		if (c->bytes.len - first > HF_CSV_FIELD_MAX || c->bytes.failed)
			return HF_FAIL(err, HF_ELIMIT,
			    "%d:%d: field or row too long; is the closing "
			    "quote missing?",
			    open->line, column(open));
		if (ch == '\n')
			next_line(c);
		else
			c->at.i++;
	}
	c->at.i++;
	if (!at_line_end(c) && c->p[c->at.i] != c->delim)
		return HF_FAIL(err, HF_EINVAL,
		    "%d:%d: text behind the closing quote; write \"\" for a "
		    "quote inside a quoted field",
		    c->at.line, column(&c->at));
	return HF_OK;
}

static int
read_plain(struct hf_csv *c, struct hf_err *err)
{
	const struct pos open = c->at;
	size_t len;

	while (!at_line_end(c) && c->p[c->at.i] != c->delim)
		c->at.i++;
	len = c->at.i - open.i;
	hf_buf_put(&c->bytes, c->p + open.i, len);
	if (len > HF_CSV_FIELD_MAX || c->bytes.failed)
		return HF_FAIL(err, HF_ELIMIT, "%d:%d: field or row too long",
		    open.line, column(&open));
	return HF_OK;
}

static int
read_field(struct hf_csv *c, struct hf_err *err)
{
	struct hf_csv_field *f;
	const struct pos open = c->at;
	size_t start = c->bytes.len;
	const char *s;
	int rc;

	if (c->row.n >= HF_CSV_NFIELD)
		return HF_FAIL(err, HF_ELIMIT, "%d:%d: more than %d fields",
		    open.line, column(&open), HF_CSV_NFIELD);
	f = &c->row.f[c->row.n];
	*f = (struct hf_csv_field){.line = open.line, .col = column(&open)};
	if (!at_line_end(c) && c->p[c->at.i] == '"') {
		c->at.i++;
		rc = read_quoted(c, &open, err);
	} else {
		rc = read_plain(c, err);
	}
	if (rc != HF_OK)
		return rc;
	f->len = c->bytes.len - start;
	c->start[c->row.n++] = start;
	hf_buf_u8(&c->bytes, '\0');
	if (c->bytes.failed)
		return HF_FAIL(err, HF_ELIMIT,
		    "%d:%d: row too long or no memory", f->line, f->col);
	s = (const char *)c->bytes.p + start;
	if (strlen(s) != f->len)
		return HF_FAIL(err, HF_EINVAL, "%d:%d: NUL byte in the field",
		    f->line, f->col);
	if (!hf_utf8_ok(s, f->len))
		return HF_FAIL(err, HF_EINVAL,
		    "%d:%d: not UTF-8; save the file as \"CSV UTF-8\"", f->line,
		    f->col);
	return HF_OK;
}

static int
read_row(struct hf_csv *c, struct hf_err *err)
{
	size_t i;
	int rc;

	for (;;) {
		rc = read_field(c, err);
		if (rc != HF_OK)
			return rc;
		if (at_line_end(c))
			break;
		c->at.i++; /* the delimiter */
	}
	skip_line(c);
	for (i = 0; i < c->row.n; i++)
		c->row.f[i].s = (const char *)c->bytes.p + c->start[i];
	return HF_OK;
}

int
hf_csv_next(struct hf_csv *c, const struct hf_csv_row **row, struct hf_err *err)
{
	struct pos start;
	int rc;

	while (c->at.i < c->n && at_line_end(c))
		skip_line(c);
	if (c->at.i >= c->n)
		return HF_ENODATA;
	start = c->at;
	hf_buf_reset(&c->bytes);
	c->row.n = 0;
	c->row.line = start.line;
	rc = read_row(c, err);
	if (rc != HF_OK) {
		if (rc == HF_ELIMIT || c->at.i >= c->n)
			c->at = start;
		skip_line(c);
		return rc;
	}
	*row = &c->row;
	return HF_OK;
}

/* Would a spreadsheet take this for a formula, or does it look like a text that
 * is already protected (then one more ' keeps the round trip exact)? */
static bool
needs_protection(const char *s)
{
	s += strspn(s, "'");
	return *s != '\0' && strchr("=+-@\t\r", *s) != NULL;
}

/* Would the plain text be read back as something else? At the start of a file
 * U+FEFF would be taken for the byte order mark, so it is quoted as well. */
static bool
needs_quotes(const char *s, char delim)
{
	const char special[] = {delim, '"', '\r', '\n', '\0'};
	size_t n = strlen(s);

	return s[strcspn(s, special)] != '\0' || s[0] == ' ' ||
	       (n > 0 && s[n - 1] == ' ') || strncmp(s, BOM, strlen(BOM)) == 0;
}

void
hf_csv_put_text(struct hf_buf *b, const char *s, char delim)
{
	bool is_protected = needs_protection(s);

	if (!needs_quotes(s, delim)) {
		hf_buf_puts(b, is_protected ? "'" : "");
		hf_buf_puts(b, s);
		return;
	}
	hf_buf_puts(b, is_protected ? "\"'" : "\"");
	for (; *s != '\0'; s++) {
		hf_buf_u8(b, (uint8_t)*s);
		if (*s == '"')
			hf_buf_u8(b, '"');
	}
	hf_buf_u8(b, '"');
}

void
hf_csv_unprotect(char *s)
{
	if (s[0] == '\'' && needs_protection(s + 1))
		memmove(s, s + 1, strlen(s));
}
