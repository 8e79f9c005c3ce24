/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - text for people: aligned tables, colours, bars and sparklines.
 *
 * A table keeps its cells as one array of strings, row by row, and is measured
 * when it is printed. Widths are counted in code points (hf_utf8_width), which
 * is right for all names and units we print, though not for East Asian text in
 * a description.
 *
 * A table that is wider than the terminal is folded: before a column that finds
 * no room, titles and rows alike go on in a new line, so that what stands below
 * each other belongs together. Nothing is lost that way, and nothing is left to
 * the terminal, which would break lines anywhere.
 */
#include "cli/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "base/utf8.h"

#define CELL_MAX 2048 /* bytes of one cell */
#define GAP 2	      /* blanks between columns */
#define FOLD 2	      /* further blanks of a line that goes on */
#define CUT_MIN 8     /* least width of a last column that is cut */
#define WRAP_MIN 40   /* least width of a last column that is wrapped */

struct cell {
	char *text; /* owned */
	enum hf_colour colour;
	int width;
};

struct hf_table {
	size_t ncol, ncell, cap;
	char *heads[HF_TABLE_NCOL];
	bool is_right[HF_TABLE_NCOL];
	bool is_wrapped; /* the last column is text for reading */
	struct cell *cells;
	bool failed;
};

static bool
env_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *v;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		v = getenv(names[i]);
		if (v != NULL && *v != '\0')
			return strcasestr(v, "utf-8") != NULL ||
			       strcasestr(v, "utf8") != NULL;
	}
	return false;
}

void
hf_term_init(struct hf_term *t, FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize ws;

	memset(t, 0, sizeof(*t));
	t->f = f;
	t->is_tty = isatty(fileno(f)) == 1;
	t->is_utf8 = env_is_utf8();
	t->has_colour = t->is_tty && (no == NULL || *no == '\0') &&
			term != NULL && strcmp(term, "dumb") != 0;
	if (t->is_tty && ioctl(fileno(f), TIOCGWINSZ, &ws) == 0) {
		t->columns = ws.ws_col;
		t->rows = ws.ws_row;
	}
}

const char *
hf_term_colour(const struct hf_term *t, enum hf_colour c)
{
	static const char *const codes[HF_NCOLOUR] = {
	    [HF_PLAIN] = "\033[0m",
	    [HF_BOLD] = "\033[1m",
	    [HF_DIM] = "\033[2m",
	    [HF_RED] = "\033[1;31m",
	    [HF_YELLOW] = "\033[33m",
	    [HF_GREEN] = "\033[32m",
	    [HF_CYAN] = "\033[36m",
	};

	return t->has_colour ? codes[c] : "";
}

/* Bytes of the UTF-8 character at s, 0 if it is none or a control (C0, DEL,
 * C1). */
static size_t
char_len(const char *s, size_t left)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

	if (u[0] < 0x20 || u[0] == 0x7f || n > left || !hf_utf8_ok(s, n))
		return 0;
	if (u[0] == 0xc2 && u[1] < 0xa0)
		return 0;
	return n;
}

void
hf_text_clean(struct hf_buf *b, const char *text)
{
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		n = char_len(text, left);
		if (n == 0) {
			hf_buf_puts(b, "?");
			n = 1;
		} else {
			hf_buf_put(b, text, n);
		}
	}
}

void
hf_text_put(const struct hf_term *t, const char *text)
{
	struct hf_buf b;

	hf_buf_init(&b, 65536);
	hf_text_clean(&b, text);
	if (b.len > 0)
		(void)fwrite(b.p, 1, b.len, t->f);
	hf_buf_fini(&b);
}

struct hf_table *
hf_table_new(const char *const *heads, size_t ncol)
{
	struct hf_table *t = calloc(1, sizeof(*t));
	size_t i;

	if (t == NULL || ncol == 0 || ncol > HF_TABLE_NCOL) {
		free(t);
		return NULL;
	}
	t->ncol = ncol;
	for (i = 0; i < ncol; i++) {
		t->is_right[i] = heads[i][0] == '>';
		t->heads[i] = strdup(heads[i] + t->is_right[i]);
		t->failed |= t->heads[i] == NULL;
	}
	return t;
}

void
hf_table_free(struct hf_table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->ncell; i++)
		free(t->cells[i].text);
	for (i = 0; i < t->ncol; i++)
		free(t->heads[i]);
	free(t->cells);
	free(t);
}

static bool
grow(struct hf_table *t)
{
	size_t cap = t->cap > 0 ? t->cap * 2 : 64;
	struct cell *p;

	if (t->ncell < t->cap)
		return true;
	if (t->ncell >= HF_TABLE_NROW * t->ncol)
		return false;
	p = reallocarray(t->cells, cap, sizeof(*p));
	if (p == NULL)
		return false;
	t->cells = p;
	t->cap = cap;
	return true;
}

void
hf_table_cell(struct hf_table *t, enum hf_colour c, const char *text)
{
	struct cell *cell;
	struct hf_buf b;
	const char *s;

	if (t == NULL || t->failed)
		return;
	hf_buf_init(&b, CELL_MAX * 4);
	hf_text_clean(&b, text != NULL && *text != '\0' ? text : "-");
	s = hf_buf_cstr(&b);
	if (!grow(t) || s == NULL) {
		t->failed = true;
	} else {
		cell = &t->cells[t->ncell];
		*cell = (struct cell){.text = strdup(s),
		    .colour = c,
		    .width = (int)hf_utf8_width(s)};
		t->failed = cell->text == NULL;
		t->ncell += !t->failed;
	}
	hf_buf_fini(&b);
}

void
hf_table_cellf(struct hf_table *t, enum hf_colour c, const char *fmt, ...)
{
	char text[CELL_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hf_table_cell(t, c, text);
}

size_t
hf_table_nrow(const struct hf_table *t)
{
	return t != NULL ? t->ncell / t->ncol : 0;
}

void
hf_table_wrap(struct hf_table *t)
{
	if (t != NULL)
		t->is_wrapped = true;
}

/* Bytes of the first `max` characters of s. */
static size_t
head_len(const char *s, int max)
{
	const char *p = s;
	int n = 0;

	while (*p != '\0' && n < max) {
		p++;
		while (((unsigned char)*p & 0xc0) == 0x80)
			p++;
		n++;
	}
	return (size_t)(p - s);
}

/* Bytes of s that fit into width characters, up to a blank if there is one. */
static size_t
line_len(const char *s, int width)
{
	size_t n = head_len(s, width), k = n;

	if (s[n] == '\0')
		return n;
	while (k > 0 && s[k] != ' ')
		k--;
	return k > 0 ? k : n;
}

/* Clean text in lines of at most width characters. */
static void
put_lines(FILE *f, const char *s, int indent, int width)
{
	size_t n;

	for (;;) {
		n = line_len(s, width);
		(void)fwrite(s, 1, n, f);
		s += n;
		s += strspn(s, " ");
		if (*s == '\0')
			return;
		fprintf(f, "\n%*s", indent, "");
	}
}

void
hf_text_wrap(const struct hf_term *t, const char *text, int indent, int width)
{
	struct hf_buf b;
	const char *s;

	hf_buf_init(&b, 65536);
	hf_text_clean(&b, text);
	s = hf_buf_cstr(&b);
	if (s != NULL)
		put_lines(t->f, s, indent, width > 0 ? width : 1 << 20);
	hf_buf_fini(&b);
}

/* Where the columns stand: the same for titles and rows. */
struct layout {
	int indent;
	int widths[HF_TABLE_NCOL];
	bool folds[HF_TABLE_NCOL]; /* a new line begins before it */
	int last_at;		   /* where the last column begins */
};

static void
put_cell(const struct hf_table *t, const struct hf_term *term,
    const struct layout *l, size_t col, const struct cell *c)
{
	bool is_last = col + 1 == t->ncol;
	int pad = l->widths[col] - c->width, room = term->columns - l->last_at;

	if (t->is_right[col])
		fprintf(term->f, "%*s", pad, "");
	fputs(c->colour != HF_PLAIN ? hf_term_colour(term, c->colour) : "",
	    term->f);
	if (!is_last || term->columns == 0)
		fputs(c->text, term->f);
	else if (t->is_wrapped)
		put_lines(term->f, c->text, l->last_at,
		    room > CUT_MIN ? room : CUT_MIN);
	else
		(void)fwrite(c->text, 1,
		    head_len(c->text, room > CUT_MIN ? room : CUT_MIN),
		    term->f);
	fputs(c->colour != HF_PLAIN ? hf_term_colour(term, HF_PLAIN) : "",
	    term->f);
	if (!is_last && !l->folds[col + 1])
		fprintf(term->f, "%*s", GAP + (t->is_right[col] ? 0 : pad), "");
}

static void
put_row(const struct hf_table *t, const struct hf_term *term,
    const struct layout *l, const struct cell *row)
{
	size_t i;

	fprintf(term->f, "%*s", l->indent, "");
	for (i = 0; i < t->ncol; i++) {
		if (l->folds[i])
			fprintf(term->f, "\n%*s", l->indent + FOLD, "");
		put_cell(t, term, l, i, &row[i]);
	}
	fputc('\n', term->f);
}

/* Room that a column asks for before it is put into a new line. */
static int
least_room(const struct hf_table *t, size_t col, int width)
{
	int least = t->is_wrapped ? WRAP_MIN : CUT_MIN;

	return col + 1 == t->ncol && width > least ? least : width;
}

static void
lay_out(const struct hf_table *t, const struct hf_term *term, struct layout *l)
{
	int at = l->indent;
	size_t i;

	for (i = 0; i < t->ncol; i++) {
		l->folds[i] =
		    i > 0 && term->columns > 0 &&
		    at + least_room(t, i, l->widths[i]) > term->columns;
		if (l->folds[i])
			at = l->indent + FOLD;
		l->last_at = at;
		at += l->widths[i] + GAP;
	}
}

bool
hf_table_print(const struct hf_table *t, const struct hf_term *term, int indent,
    size_t max_rows)
{
	struct layout l = {.indent = indent};
	struct cell heads[HF_TABLE_NCOL] = {0};
	size_t i, nrow = hf_table_nrow(t), nshow = nrow;

	if (t == NULL || t->failed)
		return false;
	for (i = 0; i < t->ncol; i++) {
		heads[i] = (struct cell){.text = t->heads[i],
		    .colour = HF_DIM,
		    .width = (int)hf_utf8_width(t->heads[i])};
		l.widths[i] = heads[i].width;
	}
	if (max_rows > 0 && nrow > max_rows)
		nshow = max_rows;
	for (i = 0; i < nshow * t->ncol; i++)
		if (t->cells[i].width > l.widths[i % t->ncol])
			l.widths[i % t->ncol] = t->cells[i].width;
	lay_out(t, term, &l);
	put_row(t, term, &l, heads);
	for (i = 0; i < nshow; i++)
		put_row(t, term, &l, &t->cells[i * t->ncol]);
	if (nshow < nrow)
		fprintf(
		    term->f, "%*s... and %zu more\n", indent, "", nrow - nshow);
	return true;
}

char *
hf_text_age(double s, char buf[32])
{
	if (!isfinite(s))
		(void)snprintf(buf, 32, "-");
	else if (s < 10)
		(void)snprintf(buf, 32, "%.1fs", s < 0 ? 0 : s);
	else if (s < 120)
		(void)snprintf(buf, 32, "%.0fs", s);
	else if (s < 7200)
		(void)snprintf(buf, 32, "%.0fmin", floor(s / 60));
	else if (s < 172800)
		(void)snprintf(buf, 32, "%.0fh", floor(s / 3600));
	else
		(void)snprintf(buf, 32, "%.0fd", floor(s / 86400));
	return buf;
}

char *
hf_text_bytes(double n, char buf[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	if (!isfinite(n) || n < 0) {
		(void)snprintf(buf, 32, "-");
		return buf;
	}
	while (n >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1024;
		i++;
	}
	(void)snprintf(buf, 32, i == 0 ? "%.0f %s" : "%.1f %s", n, units[i]);
	return buf;
}

void
hf_text_num(struct hf_buf *b, double v)
{
	char text[64];
	int digits;

	if (v == floor(v) && fabs(v) < 1e15) {
		hf_buf_printf(b, "%.0f", v == 0 ? 0.0 : v); /* no "-0" */
		return;
	}
	(void)snprintf(text, sizeof(text), "%.15g", v);
	for (digits = 6; (double)(float)v == v && digits <= 9; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
		if ((double)strtof(text, NULL) == v)
			break;
	}
	hf_buf_puts(b, text);
}

void
hf_text_json(struct hf_buf *b, json_t *v)
{
	if (json_is_string(v))
		hf_text_clean(b, json_string_value(v));
	else if (json_is_integer(v))
		hf_buf_printf(b, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		hf_text_num(b, json_real_value(v));
	else if (json_is_boolean(v))
		hf_buf_puts(b, json_is_true(v) ? "true" : "false");
	else
		hf_buf_puts(b, "-");
}

void
hf_text_spark(struct hf_buf *b, const double *v, size_t n, bool is_utf8)
{
	static const char *const blocks[8] = {"\u2581", "\u2582", "\u2583",
	    "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
	static const char *const ascii[8] = {
	    "_", ".", "-", "~", "=", "+", "*", "#"};
	double lo = INFINITY, hi = -INFINITY;
	size_t i;
	int k;

	for (i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			continue;
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	for (i = 0; i < n; i++) {
		if (!isfinite(v[i])) {
			hf_buf_puts(b, " ");
			continue;
		}
		k = hi > lo
			? (int)((v[i] / 2 - lo / 2) / (hi / 2 - lo / 2) * 7.999)
			: 3;
		hf_buf_puts(b, (is_utf8 ? blocks : ascii)[k]);
	}
}

void
hf_text_bar(struct hf_buf *b, double share, int width, bool is_utf8)
{
	int i, full;

	if (!isfinite(share) || share < 0)
		share = 0;
	full = (int)lround((share > 1 ? 1 : share) * width);
	for (i = 0; i < width; i++)
		hf_buf_puts(b, i < full ? (is_utf8 ? "\u2588" : "#")
					: (is_utf8 ? "\u00b7" : "."));
}
