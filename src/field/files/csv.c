/* SPDX-License-Identifier: Apache-2.0
 *
 * csv.c - window of a file, its header, and rows to readings.
 *
 * A file is seen through a window of at most WINDOW bytes. New bytes are
 * scanned once for the last line end that is outside quotes; what stands before
 * it is parsed by base/csv.c and leaves the window. So memory does not depend
 * on the file, and a row that is still being written is not touched.
 *
 * A quote that is never closed would hide all that follows. Its row is given up
 * when the field is longer than a field may be, or the window is full: the line
 * in which it began is parsed alone (and refused), and scanning goes on behind
 * it. At most NFORCED such lines a call, so that a hostile file costs time, not
 * the loop.
 *
 * Layouts. Wide: a column is a tag; the tag's address is the column's name.
 * Long: a row is a sample; columns for time, tag (the tag's address), value
 * and, if there is one, quality. Names are compared exactly, blanks around them
 * aside. Cells: empty = no value, no sample. NaN, inf = a bad sample
 * (BadDecodingError). What is no value of the tag's type is a bad cell: it is
 * reported, the rest of the row is imported. A time that cannot be read makes
 * the whole row bad.
 *
 * Quality: Good, Uncertain, Bad (any case), an OPC UA code as 0x80310000, or
 * 192..255 / 64..127 / 0..63 as OPC DA writes it. A bad row's value is kept
 * if it can be read.
 */
#include "field/files/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "field/text.h"
#include "model/quality.h"

#define WINDOW ((size_t)(1u << 20) + HF_CSV_SLICE)
#define NFORCED 8
#define NO_TAG UINT32_MAX
#define SHOWN_MAX 60 /* bytes of a cell in a message */

struct hf_csv_map {
	const struct hf_plant *plant;
	const struct hf_device *dev;
	const struct hf_csv_conf *conf;
	struct hf_when when;
	bool has_time;
	char delim;		      /* 0: find it */
	struct hf_strmap *by_address; /* to &first[i] */
	uint32_t *next; /* by index in the device: next tag of that address */
	int64_t *newest_ns; /* by index: newest source time handed over */
	uint32_t *index;    /* 0 .. ntag-1, what by_address points to */
};

struct hf_csv_file {
	const struct hf_csv_map *map;
	uint8_t *win; /* WINDOW bytes */
	size_t nwin, nscan;
	bool is_quoted, is_field_start; /* scanner, at nscan */
	size_t quote_at;		/* where the open quote stands */
	bool is_skipping;		/* the rest of a line too long */
	bool is_priming;		/* only the header counts */
	uint64_t offset, line;		/* of win[0] */
	uint64_t nrow, nbad;
	int64_t last_ns; /* source time of the row before */

	bool has_header, is_comma;
	char delim;
	size_t ncol;
	char *names; /* ncol strings, NUL behind each */
	int time_col, tag_col, value_col, quality_col; /* -1 = none */
	uint32_t col_tag[HF_CSV_NFIELD]; /* wide: first tag, NO_TAG */
	size_t nmissing;
	const char *missing;
	struct hf_reading r[HF_CSV_NFIELD]; /* of a row, handed over in parts */
	size_t nr;
};

/* ---- what all files of a device have in common ---- */

static const char delims[] = {0, ',', ';', '\t'};

int
hf_csv_conf_ok(const struct hf_csv_conf *c, char *why, size_t cap)
{
	struct hf_when w;

	if (c->folder != NULL &&
	    (c->folder[0] != '/' || strstr(c->folder, "/..") != NULL)) {
		snprintf(why, cap,
		    "folder: \"%s\" is not absolute, as /srv/holdfast/press",
		    c->folder);
		return HF_EINVAL;
	}
	if (strchr(c->pattern, '/') != NULL || c->pattern[0] == '.') {
		snprintf(why, cap,
		    "pattern: \"%s\" must be the pattern of a name, as *.csv; "
		    "folders below and hidden files are not read",
		    c->pattern);
		return HF_EINVAL;
	}
	if (c->decimal == 2 && c->delimiter == 1) {
		snprintf(
		    why, cap, "decimal: a comma cannot be the delimiter too");
		return HF_EINVAL;
	}
	if (!hf_when_init(
		&w, c->time_format, c->timezone, c->decimal == 2, why, cap))
		return HF_EINVAL;
	return HF_OK;
}

static int
map_addresses(struct hf_csv_map *m, struct hf_err *err)
{
	const struct hf_tag *t = m->plant->tags + m->dev->tag_first;
	uint32_t i, *first;
	int rc;

	for (i = 0; i < m->dev->ntag; i++) {
		m->index[i] = i;
		m->next[i] = NO_TAG;
		m->newest_ns[i] = HF_TIME_NONE;
		first = hf_strmap_get(m->by_address, t[i].address);
		if (first != NULL) {
			m->next[i] = m->next[*first];
			m->next[*first] = i;
			continue;
		}
		rc = hf_strmap_put(m->by_address, t[i].address, &m->index[i]);
		if (rc != HF_OK)
			return HF_FAIL(err, rc, "tags of %s", m->dev->name);
	}
	return HF_OK;
}

int
hf_csv_map_new(const struct hf_plant *p, uint32_t device_idx,
    struct hf_csv_map **out, struct hf_err *err)
{
	struct hf_csv_map *m = calloc(1, sizeof(*m));
	const size_t n = (size_t)p->devices[device_idx].ntag + 1;
	char why[256] = "";
	int rc;

	if (m == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %u", device_idx);
	m->plant = p;
	m->dev = &p->devices[device_idx];
	m->conf = m->dev->conf;
	m->delim = delims[m->conf->delimiter];
	m->has_time = strcmp(m->conf->time, "none") != 0;
	m->by_address = hf_strmap_new(n);
	m->next = calloc(n, sizeof(*m->next));
	m->index = calloc(n, sizeof(*m->index));
	m->newest_ns = calloc(n, sizeof(*m->newest_ns));
	if (!hf_when_init(&m->when, m->conf->time_format, m->conf->timezone,
		m->conf->decimal == 2, why, sizeof(why)))
		rc = HF_FAIL(err, HF_EINVAL, "%s", why);
	else if (m->by_address == NULL || m->next == NULL || m->index == NULL ||
		 m->newest_ns == NULL)
		rc = HF_FAIL(err, HF_ENOMEM, "device %s", m->dev->name);
	else
		rc = map_addresses(m, err);
	if (rc != HF_OK) {
		hf_csv_map_free(m);
		return rc;
	}
	*out = m;
	return HF_OK;
}

void
hf_csv_map_free(struct hf_csv_map *m)
{
	if (m == NULL)
		return;
	hf_strmap_free(m->by_address);
	free(m->next);
	free(m->index);
	free(m->newest_ns);
	free(m);
}

/* First tag of that address, by its index in the device; NO_TAG. */
static uint32_t
tag_of(const struct hf_csv_map *m, const char *address)
{
	const uint32_t *i = hf_strmap_get(m->by_address, address);

	return i == NULL ? NO_TAG : *i;
}

/* ---- a file ---- */

struct hf_csv_file *
hf_csv_file_new(const struct hf_csv_map *m)
{
	struct hf_csv_file *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->map = m;
	f->win = malloc(WINDOW);
	if (f->win == NULL) {
		free(f);
		return NULL;
	}
	f->last_ns = HF_TIME_NONE;
	hf_csv_file_seek(f, 0, 1);
	return f;
}

void
hf_csv_file_free(struct hf_csv_file *f)
{
	if (f == NULL)
		return;
	free(f->names);
	free(f->win);
	free(f);
}

void
hf_csv_file_seek(struct hf_csv_file *f, uint64_t offset, uint64_t line)
{
	f->offset = offset;
	f->line = line;
	f->nwin = f->nscan = 0;
	f->is_quoted = f->is_skipping = false;
	f->is_field_start = true;
}

uint8_t *
hf_csv_file_space(struct hf_csv_file *f, size_t *room)
{
	*room = WINDOW - f->nwin;
	if (*room > HF_CSV_SLICE)
		*room = HF_CSV_SLICE;
	return f->win + f->nwin;
}

static void __attribute__((format(printf, 5, 6)))
say_bad(struct hf_csv_file *f, const struct hf_csv_sink *sink,
    const struct hf_csv_field *at, const char *column, const char *fmt, ...)
{
	char text[HF_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f->is_priming)
		return;
	f->nbad++;
	hf_count(sink->counters, HF_C_F_ROW_BAD, 1);
	sink->bad(sink->arg, f->line + (uint64_t)(at->line - 1), at->col,
	    column, text);
}

/* ---- header ---- */

/* Copy without blanks around it; "" for NULL. */
static const char *
trimmed(const char *s, char *buf, size_t cap)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n >= cap)
		n = cap - 1;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return buf;
}

static int
find_column(const struct hf_csv_file *f, const char *name)
{
	const char *s = f->names;
	size_t i;

	for (i = 0; i < f->ncol; i++, s += strlen(s) + 1)
		if (strcmp(s, name) == 0)
			return (int)i;
	return -1;
}

static int
keep_names(struct hf_csv_file *f, const struct hf_csv_row *row)
{
	char buf[HF_ERR_TEXT], *to;
	size_t i, n = 0;

	for (i = 0; i < row->n; i++)
		n += row->f[i].len + 1;
	free(f->names);
	f->names = to = malloc(n + 1);
	if (to == NULL)
		return HF_ENOMEM;
	f->ncol = row->n;
	for (i = 0; i < row->n; i++) {
		trimmed(row->f[i].s, buf, sizeof(buf));
		n = strlen(buf) + 1;
		memcpy(to, buf, n);
		to += n;
	}
	return HF_OK;
}

static void
find_tags(struct hf_csv_file *f)
{
	const struct hf_csv_map *m = f->map;
	const struct hf_tag *t = m->plant->tags + m->dev->tag_first;
	const char *s = f->names;
	size_t i;

	for (i = 0; i < f->ncol; i++, s += strlen(s) + 1)
		f->col_tag[i] = (int)i == f->time_col ? NO_TAG : tag_of(m, s);
	f->nmissing = 0;
	f->missing = NULL;
	for (i = 0; i < m->dev->ntag; i++) {
		if (find_column(f, t[i].address) >= 0)
			continue;
		if (f->nmissing++ == 0)
			f->missing = t[i].address;
	}
}

static int
header_wide(struct hf_csv_file *f, struct hf_err *err)
{
	find_tags(f);
	if (f->nmissing < f->map->dev->ntag)
		return HF_OK;
	return HF_FAIL(err, HF_EINVAL,
	    "no column has the address of a tag; the header names \"%.60s\" "
	    "first, the first tag's address is \"%.60s\"",
	    f->names, f->missing == NULL ? "" : f->missing);
}

static int
header_long(struct hf_csv_file *f, struct hf_err *err)
{
	const struct hf_csv_conf *c = f->map->conf;

	f->tag_col = find_column(f, c->tag_column);
	f->value_col = find_column(f, c->value_column);
	f->quality_col = find_column(f, c->quality_column);
	if (f->tag_col >= 0 && f->value_col >= 0)
		return HF_OK;
	return HF_FAIL(err, HF_EINVAL,
	    "no column \"%s\"; with layout: long the header needs it",
	    f->tag_col < 0 ? c->tag_column : c->value_column);
}

static int
take_header(struct hf_csv_file *f, const struct hf_csv *csv,
    const struct hf_csv_row *row, const struct hf_csv_sink *sink,
    struct hf_err *err)
{
	const struct hf_csv_conf *c = f->map->conf;
	int rc;

	f->delim = hf_csv_delim(csv);
	f->is_comma =
	    c->decimal == 0 ? hf_csv_is_comma_decimal(csv) : c->decimal == 2;
	f->time_col = f->tag_col = f->value_col = f->quality_col = -1;
	if (keep_names(f, row) != HF_OK)
		return HF_FAIL(err, HF_ENOMEM, "header");
	if (f->map->has_time) {
		f->time_col = find_column(f, c->time);
		if (f->time_col < 0)
			return HF_FAIL(err, HF_EINVAL,
			    "no column \"%s\" for the time; the header begins "
			    "with \"%.60s\": set time: to its name, or to none",
			    c->time, f->names);
	}
	rc = c->layout == HF_CSV_WIDE ? header_wide(f, err)
				      : header_long(f, err);
	f->has_header = rc == HF_OK;
	if (f->has_header && !f->is_priming)
		hf_count(sink->counters, HF_C_F_NO_COLUMN, f->nmissing);
	return rc;
}

/* ---- rows ---- */

static void
hand_over(struct hf_csv_file *f, const struct hf_csv_sink *sink)
{
	if (f->nr > 0)
		sink->readings(sink->arg, f->r, f->nr);
	f->nr = 0;
}

/* A cell that is no value at all is listed and left out; NaN and what was cut
 * to its range are samples. */
static bool
is_refused(enum hf_convert_why why)
{
	return why == HF_CONVERT_TYPE || why == HF_CONVERT_RANGE ||
	       why == HF_CONVERT_TEXT;
}

/* One value for every tag of that address. */
static void
add_value(struct hf_csv_file *f, const struct hf_csv_sink *sink, uint32_t i,
    const struct hf_csv_field *cell, uint32_t status, int64_t t_ns)
{
	const struct hf_csv_map *m = f->map;
	struct hf_reading *r;
	enum hf_convert_why why;
	char shown[SHOWN_MAX];

	for (; i != NO_TAG; i = m->next[i]) {
		const struct hf_tag *t = &m->plant->tags[m->dev->tag_first + i];

		if (f->nr == HF_CSV_NFIELD)
			hand_over(f, sink);
		r = &f->r[f->nr];
		why = hf_text_convert(t, cell->s, cell->len, f->is_comma, r);
		if (is_refused(why) && !hf_is_bad(status)) {
			hf_printable(shown, sizeof(shown), cell->s, cell->len);
			say_bad(f, sink, cell, t->address, "\"%s\" %s (%s)",
			    shown, hf_text_why_words(why),
			    hf_tag_type_words[t->type]);
			continue;
		}
		if (!is_refused(why))
			hf_convert_count(sink->counters, why);
		if (!hf_is_good(status))
			r->s.status = status;
		r->s.t_ns = t_ns;
		r->s.recv_ns = sink->recv_ns;
		/* Behind what was handed over: never the last value. */
		if (m->newest_ns[i] != HF_TIME_NONE && t_ns < m->newest_ns[i])
			r->s.flags |= HF_F_BACKFILL;
		else
			m->newest_ns[i] = t_ns;
		f->nr++;
	}
}

static bool
parse_quality(const char *s, uint32_t *status)
{
	uint64_t v;

	*status = HF_GOOD;
	if (*s == '\0' || strcasecmp(s, "good") == 0)
		return true;
	if (strcasecmp(s, "uncertain") == 0) {
		*status = HF_UNCERTAIN;
		return true;
	}
	if (strcasecmp(s, "bad") == 0) {
		*status = HF_BAD;
		return true;
	}
	if (!hf_parse_u64(s, strlen(s), &v) || v > UINT32_MAX)
		return false;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		*status = (uint32_t)v;
	else if (v > 255)
		return false;
	else /* OPC DA: the two top bits of a byte */
		*status = v >= 192 ? HF_GOOD : v >= 64 ? HF_UNCERTAIN : HF_BAD;
	return true;
}

static bool
row_time(struct hf_csv_file *f, const struct hf_csv_row *row,
    const struct hf_csv_sink *sink, int64_t *t_ns)
{
	const struct hf_csv_field *c;
	char shown[SHOWN_MAX];
	enum hf_when_rc rc;

	if (f->time_col < 0) {
		*t_ns = sink->file_ns;
		if (f->last_ns != HF_TIME_NONE && *t_ns <= f->last_ns)
			*t_ns = f->last_ns + 1; /* rows keep their order */
		return true;
	}
	if ((size_t)f->time_col >= row->n) {
		say_bad(f, sink, &row->f[0], "", "%zu cells, %zu expected",
		    row->n, f->ncol);
		return false;
	}
	c = &row->f[f->time_col];
	rc = hf_when_parse(&f->map->when, c->s, c->len, f->last_ns, t_ns);
	if (rc == HF_WHEN_TWICE)
		hf_count(sink->counters, HF_C_F_AMBIGUOUS, 1);
	if (rc == HF_WHEN_OK || rc == HF_WHEN_TWICE)
		return true;
	hf_printable(shown, sizeof(shown), c->s, c->len);
	say_bad(f, sink, c, f->map->conf->time,
	    rc == HF_WHEN_NEVER
		? "\"%s\" does not exist in %s: clocks were set forward"
		: "\"%s\" is no time of the form %s",
	    shown,
	    rc == HF_WHEN_NEVER ? f->map->conf->timezone
				: f->map->conf->time_format);
	return false;
}

static void
row_wide(struct hf_csv_file *f, const struct hf_csv_row *row,
    const struct hf_csv_sink *sink, int64_t t_ns)
{
	size_t i;

	for (i = 0; i < row->n && i < f->ncol; i++)
		if (f->col_tag[i] != NO_TAG && row->f[i].len > 0)
			add_value(
			    f, sink, f->col_tag[i], &row->f[i], HF_GOOD, t_ns);
	if (row->n != f->ncol)
		say_bad(f, sink, &row->f[row->n - 1], "",
		    "%zu cells, the header has %zu", row->n, f->ncol);
}

static void
row_long(struct hf_csv_file *f, const struct hf_csv_row *row,
    const struct hf_csv_sink *sink, int64_t t_ns)
{
	char buf[HF_ERR_TEXT], shown[SHOWN_MAX];
	const struct hf_csv_field *cell;
	uint32_t status = HF_GOOD, tag;

	if ((size_t)f->tag_col >= row->n || (size_t)f->value_col >= row->n) {
		say_bad(f, sink, &row->f[0], "", "%zu cells, %zu expected",
		    row->n, f->ncol);
		return;
	}
	cell = &row->f[f->tag_col];
	tag = tag_of(f->map, trimmed(cell->s, buf, sizeof(buf)));
	if (tag == NO_TAG) {
		hf_printable(shown, sizeof(shown), cell->s, cell->len);
		say_bad(f, sink, cell, f->map->conf->tag_column,
		    "no tag has the address \"%s\"", shown);
		return;
	}
	if (f->quality_col >= 0 && (size_t)f->quality_col < row->n &&
	    !parse_quality(row->f[f->quality_col].s, &status)) {
		cell = &row->f[f->quality_col];
		hf_printable(shown, sizeof(shown), cell->s, cell->len);
		say_bad(f, sink, cell, f->map->conf->quality_column,
		    "\"%s\" is no quality: Good, Uncertain, Bad, a code",
		    shown);
		return;
	}
	cell = &row->f[f->value_col];
	if (cell->len > 0 || hf_is_bad(status))
		add_value(f, sink, tag, cell, status, t_ns);
}

static void
take_row(struct hf_csv_file *f, const struct hf_csv_row *row,
    const struct hf_csv_sink *sink)
{
	int64_t t_ns;

	f->nr = 0;
	if (f->is_priming || !row_time(f, row, sink, &t_ns))
		return;
	if (f->map->conf->layout == HF_CSV_WIDE)
		row_wide(f, row, sink, t_ns);
	else
		row_long(f, row, sink, t_ns);
	if (f->nr == 0)
		return;
	f->last_ns = t_ns;
	f->nrow++;
	hf_count(sink->counters, HF_C_F_ROWS, 1);
	hand_over(f, sink);
}

/* ---- the window ---- */

/* base/csv.c counts from the beginning of what it got: "2:7: reason". */
static void
say_csv_error(struct hf_csv_file *f, const struct hf_csv_sink *sink,
    const struct hf_err *e)
{
	struct hf_csv_field at = {.line = 1, .col = 1};
	const char *text = e->msg;
	int line, col, n = 0;

	if (sscanf(text, "%9d:%9d: %n", &line, &col, &n) == 2 && n > 0) {
		at.line = line;
		at.col = col;
		text += n;
	}
	say_bad(f, sink, &at, "", "%s", text);
}

/* Whole rows: the first n bytes of the window. */
static int
parse(struct hf_csv_file *f, size_t n, const struct hf_csv_sink *sink,
    struct hf_err *err)
{
	const char delim = f->has_header ? f->delim : f->map->delim;
	struct hf_csv *csv = hf_csv_new((const char *)f->win, n, delim);
	const struct hf_csv_row *row;
	struct hf_err e;
	int rc = HF_OK, got;

	if (csv == NULL)
		return HF_FAIL(err, HF_ENOMEM, "a slice of %zu bytes", n);
	while (rc == HF_OK) {
		got = hf_csv_next(csv, &row, &e);
		if (got == HF_ENODATA)
			break;
		if (got != HF_OK)
			say_csv_error(f, sink, &e);
		else if (f->has_header)
			take_row(f, row, sink);
		else
			rc = take_header(f, csv, row, sink, err);
	}
	hf_csv_free(csv);
	return rc;
}

static void
forget(struct hf_csv_file *f, size_t n)
{
	const uint8_t *p = f->win, *end = f->win + n;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL && p++ < end)
		f->line++;
	memmove(f->win, f->win + n, f->nwin - n);
	f->nwin -= n;
	f->offset += n;
	f->nscan = f->nscan > n ? f->nscan - n : 0;
	f->quote_at = f->quote_at > n ? f->quote_at - n : 0;
}

/* Scans what is new; returns the bytes up to the last line end outside
 * quotes. */
static size_t
scan(struct hf_csv_file *f)
{
	const char delim = f->has_header	? f->delim
			   : f->map->delim != 0 ? f->map->delim
						: ',';
	size_t end = 0;

	for (; f->nscan < f->nwin; f->nscan++) {
		const char c = (char)f->win[f->nscan];

		if (f->is_quoted) {
			f->is_quoted = c != '"';
			/* "" reopens: the next quote stands at a start */
			f->is_field_start = c == '"';
			continue;
		}
		if (c == '"' && f->is_field_start) {
			f->is_quoted = true;
			f->quote_at = f->nscan;
			continue;
		}
		f->is_field_start =
		    c == '\n' || c == delim ||
		    (!f->has_header && (c == ',' || c == ';' || c == '\t'));
		if (c == '\n')
			end = f->nscan + 1;
	}
	return end;
}

/* The window's first line, for a quote without end; 0: there is none. */
static size_t
first_line(const struct hf_csv_file *f)
{
	const uint8_t *nl = memchr(f->win, '\n', f->nwin);

	return nl == NULL ? 0 : (size_t)(nl - f->win) + 1;
}

static bool
is_stuck(const struct hf_csv_file *f)
{
	return f->nwin == WINDOW ||
	       (f->is_quoted && f->nscan - f->quote_at > HF_CSV_FIELD_MAX + 1);
}

/* A line over the window's size: what is there goes, and all up to its end. */
static void
skip_long_line(struct hf_csv_file *f, const struct hf_csv_sink *sink)
{
	const struct hf_csv_field at = {.line = 1, .col = 1};

	if (!f->is_skipping)
		say_bad(f, sink, &at, "", "line longer than %zu bytes", WINDOW);
	f->is_skipping = true;
	f->is_quoted = false;
	f->is_field_start = true;
	forget(f, f->nwin);
	f->nscan = 0;
}

/* The end of a skipped line, if it has come. */
static void
end_skipping(struct hf_csv_file *f)
{
	size_t n = first_line(f);

	forget(f, n > 0 ? n : f->nwin);
	f->is_skipping = n == 0;
	f->nscan = 0;
	f->is_quoted = false;
	f->is_field_start = true;
}

static int
take(struct hf_csv_file *f, size_t n, const struct hf_csv_sink *sink,
    struct hf_err *err)
{
	int rc = n > 0 ? parse(f, n, sink, err) : HF_OK;

	if (rc == HF_OK)
		forget(f, n);
	return rc;
}

int
hf_csv_file_rows(struct hf_csv_file *f, size_t n, bool is_end,
    const struct hf_csv_sink *sink, struct hf_err *err)
{
	unsigned nforced = 0;
	size_t first;
	int rc;

	f->nwin += n;
	if (f->is_skipping)
		end_skipping(f);
	rc = take(f, scan(f), sink, err);
	while (rc == HF_OK && is_stuck(f) && nforced++ < NFORCED) {
		first = first_line(f);
		if (first == 0) {
			skip_long_line(f, sink);
			break;
		}
		rc = take(f, first, sink, err);
		f->nscan = 0;
		f->is_quoted = false;
		f->is_field_start = true;
		if (rc == HF_OK)
			rc = take(f, scan(f), sink, err);
	}
	if (rc == HF_OK && is_end)
		rc = take(f, f->nwin, sink, err);
	if (rc == HF_OK && is_end && !f->has_header)
		rc = HF_FAIL(err, HF_EINVAL, "no header line");
	return rc;
}

/* ---- what is known of it ---- */

void
hf_csv_file_prime(struct hf_csv_file *f, bool on)
{
	f->is_priming = on;
}

uint64_t
hf_csv_file_end(const struct hf_csv_file *f)
{
	return f->offset + f->nwin;
}

uint64_t
hf_csv_file_offset(const struct hf_csv_file *f)
{
	return f->offset;
}

uint64_t
hf_csv_file_line(const struct hf_csv_file *f)
{
	return f->line;
}

uint64_t
hf_csv_file_nrow(const struct hf_csv_file *f)
{
	return f->nrow;
}

uint64_t
hf_csv_file_nbad(const struct hf_csv_file *f)
{
	return f->nbad;
}

void
hf_csv_file_count(struct hf_csv_file *f, uint64_t nrow, uint64_t nbad)
{
	f->nrow = nrow;
	f->nbad = nbad;
}

bool
hf_csv_file_has_header(const struct hf_csv_file *f)
{
	return f->has_header;
}

size_t
hf_csv_file_missing(const struct hf_csv_file *f, const char **first)
{
	*first = f->missing;
	return f->has_header ? f->nmissing : 0;
}

const char *
hf_csv_file_column(const struct hf_csv_file *f, size_t i)
{
	const char *s = f->names;

	if (f->names == NULL || i >= f->ncol)
		return NULL;
	for (; i > 0; i--)
		s += strlen(s) + 1;
	return s;
}
