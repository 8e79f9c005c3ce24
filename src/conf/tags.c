/* SPDX-License-Identifier: Apache-2.0
 *
 * tags.c - tag files in CSV: our columns, read and written.
 *
 * One header line, then one tag per row; columns in any order. What a cell may
 * hold is decided by the rows of hf_tag_kind where there is one, so that a tag
 * from a file and a tag from packed bytes obey the same rules. Spreadsheets are
 * met half way: BOM, CRLF, ';' with a decimal comma, TRUE and FALSE in
 * capitals, and the quote that keeps a text from being taken for a formula.
 *
 * A row with an error is reported and left out, the next one is read. Checks
 * across rows (names twice, paths twice) are those of hf_plant_finish.
 */
#include "conf/tags.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/str.h"
#include "conf/mdoc.h"

#define NS_PER_MS INT64_C(1000000)

/* ---- places ---- */

void
hf_tag_places_fini(struct hf_tag_places *p)
{
	free(p->v);
	*p = (struct hf_tag_places){0};
}

static bool
place_is(const struct hf_tag_place *t, const char *what)
{
	size_t nd = strlen(t->device), nn = strlen(t->name);

	return strncmp(what, t->device, nd) == 0 && what[nd] == '.' &&
	       strncmp(what + nd + 1, t->name, nn) == 0 &&
	       (what[nd + 1 + nn] == '.' || what[nd + 1 + nn] == '\0');
}

const struct hf_tag_place *
hf_tag_places_find(const struct hf_tag_places *p, const char *what)
{
	size_t i;

	for (i = p->n; i > 0; i--)
		if (place_is(&p->v[i - 1], what))
			return &p->v[i - 1];
	return NULL;
}

static bool
places_add(struct hf_tag_places *p, const struct hf_tag_place *t)
{
	struct hf_tag_place *bigger;
	size_t cap;

	if (p->n >= p->cap) {
		cap = p->cap == 0 ? 256 : p->cap * 2;
		bigger = realloc(p->v, cap * sizeof(*bigger));
		if (bigger == NULL)
			return false;
		p->v = bigger;
		p->cap = cap;
	}
	p->v[p->n++] = *t;
	return true;
}

/* ---- cells ---- */

static const struct hf_opt *
tag_opt(const char *name)
{
	size_t i;

	for (i = 0; i < hf_tag_kind.nopt - 1; i++)
		if (strcmp(hf_tag_kind.opts[i].name, name) == 0)
			break;
	return &hf_tag_kind.opts[i];
}

static bool
set_number(struct hf_tag_row *r, const char *s, size_t n, double *out)
{
	if (hf_parse_f64(s, n, r->is_comma, out))
		return true;
	snprintf(r->why, sizeof(r->why),
	    "\"%.40s\" is not a number such as %s%s", s,
	    r->is_comma ? "1,5" : "1.5",
	    r->is_comma && strchr(s, '.') != NULL
		? "; in a file with ';' the decimal sign is ','"
		: "");
	return false;
}

bool
hf_tag_row_set(struct hf_tag_row *r, const char *opt, char *s, size_t n)
{
	const struct hf_opt *o = tag_opt(opt);
	char *slot = (char *)&r->t + o->off;
	char *c;

	if (o->type == HF_OPT_F64)
		return set_number(r, s, n, (double *)(void *)slot);
	if (o->type == HF_OPT_BOOL)
		for (c = s; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	if (o->type == HF_OPT_STR || o->type == HF_OPT_NAME ||
	    o->type == HF_OPT_PATH)
		hf_csv_unprotect(s);
	return hf_opt_from_text(o, s, strlen(s), r->in->p->arena, slot, r->why,
		   sizeof(r->why)) == HF_OK;
}

static bool
set_access(struct hf_tag_row *r, char *s, size_t n)
{
	r->t.writable = strcmp(s, "rw") == 0;
	if (r->t.writable || strcmp(s, "r") == 0)
		return true;
	snprintf(r->why, sizeof(r->why), "\"%.40s\" is not r or rw", s);
	return false;
}

static bool
set_interval(struct hf_tag_row *r, char *s, size_t n)
{
	int64_t ms;

	if (hf_parse_i64(s, n, &ms) && ms >= 1 && ms <= 86400000) {
		r->t.interval_ns = ms * NS_PER_MS;
		return true;
	}
	snprintf(r->why, sizeof(r->why),
	    "\"%.40s\" is not a whole number of milliseconds, 1 to 86400000",
	    s);
	return false;
}

static bool
set_deadband(struct hf_tag_row *r, char *s, size_t n)
{
	r->t.is_deadband_pct = n > 0 && s[n - 1] == '%';
	if (r->t.is_deadband_pct)
		s[--n] = '\0';
	if (!set_number(r, s, n, &r->t.deadband))
		return false;
	if (r->t.deadband >= 0)
		return true;
	snprintf(r->why, sizeof(r->why), "\"%.40s\" is negative; 0 is off", s);
	return false;
}

static bool
set_device(struct hf_tag_row *r, char *s, size_t n)
{
	const struct hf_device *d = r->in->last;
	size_t i;

	if (!hf_tag_row_set(r, "device", s, n))
		return false;
	if (!r->in->check_file || (d != NULL && strcmp(d->name, s) == 0))
		return true;
	for (i = 0; i < r->in->p->ndevice; i++) {
		d = &r->in->p->devices[i];
		if (strcmp(d->name, s) != 0)
			continue;
		if (d->tags_file == NULL ||
		    strcmp(d->tags_file, r->in->file) != 0)
			break;
		r->in->last = d;
		return true;
	}
	if (i == r->in->p->ndevice)
		snprintf(r->why, sizeof(r->why),
		    "device \"%.64s\" is not defined under devices:%s%s%s", s,
		    r->in->device == NULL ? "" : "; this file is that of \"",
		    r->in->device == NULL ? "" : r->in->device,
		    r->in->device == NULL ? "" : "\"");
	else
		snprintf(r->why, sizeof(r->why),
		    "device \"%.64s\" takes its tags from another file; write "
		    "there, or "
		    "change its tags:",
		    s);
	return false;
}

static const struct hf_tag_col columns[] = {
    {.name = "device",
	.set = set_device,
	.form = "name",
	.dflt = "the device whose file it is",
	.help =
	    "Device of plant.yaml. Required where several devices share the "
	    "file."},
    {.name = "tag",
	.opt = "tag",
	.is_required = true,
	.form = "name",
	.help =
	    "Name, unique within the device. The name _stamp marks the time "
	    "register of a device with time: register; it is not a tag of its "
	    "own."},
    {.name = "address",
	.opt = "address",
	.is_required = true,
	.form = "text",
	.help = "Where the device holds it, in the driver's own form."},
    {.name = "type",
	.opt = "type",
	.is_required = true,
	.form =
	    "bool int16 uint16 int32 uint32 int64 uint64 float32 float64 bcd16 "
	    "bcd32 string",
	.help = "What the device holds."},
    {.name = "order",
	.opt = "order",
	.form = "ABCD CDAB BADC DCBA",
	.dflt = "ABCD",
	.help = "Order of bytes and words; holdfast try shows all four."},
    {.name = "access",
	.set = set_access,
	.form = "r rw",
	.dflt = "r",
	.help = "rw: may be written through an approved command."},
    {.name = "interval_ms",
	.set = set_interval,
	.form = "1 to 86400000",
	.dflt = "1000",
	.help = "Time between reads, in milliseconds."},
    {.name = "deadband",
	.set = set_deadband,
	.form = "0.5 or 2%",
	.dflt = "0, off",
	.help =
	    "Change below which a value is not sent again, in units or in per "
	    "cent of the range."},
    {.name = "scale_raw_lo",
	.opt = "raw_lo",
	.form = "number",
	.help =
	    "Scaling: the raw value that becomes scale_lo. All four or none."},
    {.name = "scale_raw_hi",
	.opt = "raw_hi",
	.form = "number",
	.help = "Scaling: the raw value that becomes scale_hi."},
    {.name = "scale_lo",
	.opt = "scale_lo",
	.form = "number",
	.help = "Scaling: value in units."},
    {.name = "scale_hi",
	.opt = "scale_hi",
	.form = "number",
	.help = "Scaling: value in units."},
    {.name = "clamp",
	.opt = "clamp",
	.form = "true false",
	.dflt = "false",
	.help = "Cut the scaled value to scale_lo..scale_hi; such a value is "
		"Uncertain."},
    {.name = "unit",
	.opt = "unit",
	.form = "text",
	.help = "Engineering unit, for people."},
    {.name = "range_lo",
	.opt = "range_lo",
	.form = "number",
	.help = "Lower end of the sensible range. Both or none."},
    {.name = "range_hi",
	.opt = "range_hi",
	.form = "number",
	.help = "Upper end of the sensible range."},
    {.name = "uns_path",
	.opt = "path",
	.form = "path",
	.dflt = "asset of the device, /, tag",
	.help =
	    "Path below the plant, unique in the plant. The history of a tag "
	    "hangs on it."},
    {.name = "description",
	.opt = "description",
	.form = "text",
	.help = "Text for people."},
};
#define NCOL (sizeof(columns) / sizeof(columns[0]))

static const struct hf_sheet_def own_sheet = {
    .cols = columns, .ncol = NCOL, .knows_all = true};

/* ---- engine ---- */

struct parse {
	struct hf_tags_in *in;
	const struct hf_sheet_def *d;
	struct hf_csv *csv;
	const struct hf_tag_col *col[HF_CSV_NFIELD]; /* of field i, or NULL */
	size_t nfield;
	size_t itag; /* field that holds the name, for places */
	size_t nbad;
};

static void __attribute__((format(printf, 4, 5)))
bad_at(struct parse *p, int line, int col, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hf_findings_add(p->in->f, p->in->file, line, col, false, "%s", text);
	p->nbad++;
}

static const struct hf_tag_col *
find_col(const struct hf_sheet_def *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->ncol; i++)
		if (strcasecmp(d->cols[i].name, name) == 0 &&
		    (!d->knows_all || strcmp(d->cols[i].name, name) == 0))
			return &d->cols[i];
	return NULL;
}

static void
say_unknown_col(struct parse *p, const struct hf_csv_field *f)
{
	const char *words[HF_TAGS_NCOL], *near;
	char shown[80];
	size_t i;

	for (i = 0; i < p->d->ncol && i < HF_TAGS_NCOL; i++)
		words[i] = p->d->cols[i].name;
	near = hf_nearest(f->s, words, i);
	hf_printable(shown, sizeof(shown), f->s, f->len);
	bad_at(p, f->line, f->col, "unknown column \"%s\"%s%s%s", shown,
	    near == NULL ? "; holdfast-tags(5) lists the columns"
			 : ", did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static bool
has_col(const struct parse *p, const struct hf_tag_col *c)
{
	size_t i;

	for (i = 0; i < p->nfield; i++)
		if (p->col[i] == c)
			return true;
	return false;
}

static bool
read_header(struct parse *p, const struct hf_csv_row *row)
{
	const struct hf_tag_col *c;
	bool is_usable = true;
	size_t i;

	for (i = 0; i < row->n; i++) {
		c = find_col(p->d, row->f[i].s);
		if (c == NULL && p->d->knows_all && row->f[i].len > 0)
			say_unknown_col(p, &row->f[i]);
		if (c != NULL && has_col(p, c)) {
			bad_at(p, row->f[i].line, row->f[i].col,
			    "column \"%s\" is given twice; remove one",
			    c->name);
			c = NULL;
		}
		p->col[i] = c;
		p->nfield = i + 1;
		if (c != NULL && c->opt != NULL && strcmp(c->opt, "tag") == 0)
			p->itag = i;
	}
	for (i = 0; i < p->d->ncol; i++) {
		if (!p->d->cols[i].is_required || has_col(p, &p->d->cols[i]))
			continue;
		bad_at(p, row->line, 1,
		    "there is no column \"%s\", which is required; add it to "
		    "the header "
		    "line",
		    p->d->cols[i].name);
		is_usable = false;
	}
	return is_usable;
}

/* Cells in spreadsheets often end in blanks. */
static char *
trim(const struct hf_csv_field *f, char *buf, size_t cap, size_t *n)
{
	const char *s = f->s;
	size_t len = f->len;

	while (len > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	*n = len;
	if (len >= cap)
		return NULL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return buf;
}

static bool
read_cell(struct parse *p, struct hf_tag_row *r, const struct hf_tag_col *c,
    const struct hf_csv_field *f)
{
	char buf[HF_OPT_TEXT + 8], *s;
	size_t n;

	s = trim(f, buf, sizeof(buf), &n);
	if (s == NULL) {
		bad_at(p, f->line, f->col,
		    "%s: text of %zu bytes, at most %d are "
		    "allowed",
		    c->name, n, HF_OPT_TEXT);
		return false;
	}
	if (n == 0 && c->is_required) {
		bad_at(
		    p, f->line, f->col, "%s is empty, but required", c->name);
		return false;
	}
	if (n == 0)
		return true;
	if (c->opt != NULL ? hf_tag_row_set(r, c->opt, s, n) : c->set(r, s, n))
		return true;
	bad_at(p, f->line, f->col, "%s: %s", c->name, r->why);
	return false;
}

static bool
read_cells(struct parse *p, struct hf_tag_row *r, const struct hf_csv_row *row)
{
	static const struct hf_csv_field none = {.s = "", .len = 0};
	struct hf_csv_field f;
	bool ok = true;
	size_t i;

	for (i = 0; i < p->nfield; i++) {
		f = i < row->n ? row->f[i] : none;
		if (f.line == 0) {
			f.line = row->line;
			f.col = 1;
		}
		if (p->col[i] != NULL &&
		    (p->col[i]->opt != NULL || p->col[i]->set != NULL))
			ok = read_cell(p, r, p->col[i], &f) && ok;
	}
	for (; i < row->n; i++)
		if (row->f[i].len > 0) {
			bad_at(p, row->f[i].line, row->f[i].col,
			    "cell without a column; check delimiters and "
			    "quotes");
			return false;
		}
	return ok;
}

static bool
give_device(struct parse *p, struct hf_tag_row *r, const struct hf_csv_row *row)
{
	if (r->t.device != NULL)
		return true;
	if (p->in->device == NULL) {
		bad_at(p, row->line, 1,
		    "the row names no device; several devices share the file, "
		    "so give "
		    "the column \"device\"");
		return false;
	}
	/* one copy of the name for all rows of the file */
	if (p->in->p->ntag > 0) {
		struct hf_tag *t = &p->in->p->tags[p->in->p->ntag - 1];

		if (strcmp(t->device, p->in->device) == 0)
			r->t.device = t->device;
	}
	if (r->t.device == NULL)
		r->t.device = hf_arena_strdup(p->in->p->arena, p->in->device);
	return r->t.device != NULL;
}

static void
keep_row(struct parse *p, struct hf_tag_row *r, const struct hf_csv_row *row)
{
	struct hf_tag *t = hf_plant_add_tag(p->in->p);
	struct hf_tag_place place;

	if (t == NULL) {
		bad_at(p, row->line, 1,
		    "no room for more than %d tags, or memory is out; split "
		    "the plant",
		    HF_PLANT_NTAG);
		return;
	}
	*t = r->t;
	place = (struct hf_tag_place){.file = p->in->file,
	    .device = t->device,
	    .name = t->name,
	    .line = row->f[p->itag].line,
	    .col = row->f[p->itag].col};
	if (p->in->places != NULL && !places_add(p->in->places, &place))
		bad_at(p, row->line, 1, "out of memory");
	if (r->warning != NULL)
		hf_findings_add(p->in->f, p->in->file, row->line, 1, true,
		    "%s: %s", t->name, r->warning);
	if (r->order_warning != NULL)
		hf_findings_add(p->in->f, p->in->file, row->line, 1, true,
		    "%s: %s", t->name, r->order_warning);
}

static void
read_row(struct parse *p, const struct hf_csv_row *row)
{
	struct hf_tag_row r = {
	    .in = p->in, .is_comma = hf_csv_is_comma_decimal(p->csv)};

	if (hf_opt_defaults(hf_tag_kind.opts, hf_tag_kind.nopt, &r.t,
		p->in->p->arena, r.why, sizeof(r.why)) != HF_OK) {
		bad_at(p, row->line, 1, "%s", r.why);
		return;
	}
	if (!read_cells(p, &r, row))
		return;
	if (!give_device(p, &r, row))
		return;
	if (p->d->end != NULL && !p->d->end(&r)) {
		bad_at(p, row->line, 1, "%s", r.why);
		return;
	}
	if (hf_tag_kind.check(&r.t, r.why, sizeof(r.why)) != HF_OK) {
		bad_at(p, row->line, 1, "%s", r.why);
		return;
	}
	keep_row(p, &r, row);
}

/* "12:5: reason" of the CSV reader, taken apart. */
static void
csv_error(struct parse *p, const struct hf_err *err)
{
	int line = 0, col = 0, used = 0;

	if (sscanf(err->msg, "%d:%d: %n", &line, &col, &used) < 2)
		used = 0;
	bad_at(p, line, col, "%s", err->msg + used);
}

static void
parse_all(struct parse *p)
{
	const struct hf_csv_row *row;
	bool has_header = false;
	struct hf_err err;
	int rc;

	for (;;) {
		err = (struct hf_err){0};
		rc = hf_csv_next(p->csv, &row, &err);
		if (rc == HF_ENODATA || hf_findings_is_full(p->in->f))
			break;
		if (rc != HF_OK) {
			csv_error(p, &err);
			if (!has_header || rc == HF_ENOMEM)
				return;
		} else if (has_header) {
			read_row(p, row);
		} else if (!read_header(p, row)) {
			return;
		} else {
			has_header = true;
		}
	}
	if (!has_header)
		bad_at(p, 1, 1,
		    "the file is empty; begin with a header line such as "
		    "tag,address,type");
}

int
hf_tags_parse_sheet(struct hf_tags_in *in, const struct hf_sheet_def *d,
    const char *text, size_t n)
{
	struct parse p = {.in = in, .d = d};

	p.csv = hf_csv_new(text == NULL ? "" : text, n, 0);
	if (p.csv == NULL) {
		hf_findings_add(in->f, in->file, 0, 0, false, "out of memory");
		return HF_ENOMEM;
	}
	parse_all(&p);
	hf_csv_free(p.csv);
	return p.nbad == 0 ? HF_OK : HF_EINVAL;
}

int
hf_tags_parse(struct hf_tags_in *in, const char *text, size_t n)
{
	enum hf_sheet s = hf_tags_sheet(text, n);

	if (s != HF_SHEET_HOLDFAST) {
		hf_findings_add(in->f, in->file, 1, 1, false,
		    "this is a sheet of another program (%s); `holdfast tags "
		    "import` "
		    "converts it",
		    hf_sheet_words[s]);
		return HF_EINVAL;
	}
	return hf_tags_parse_sheet(in, &own_sheet, text, n);
}

int
hf_tags_read(struct hf_plant *p, const char *device, const char *file,
    const char *text, size_t n, hf_finding_fn *fn, void *arg,
    struct hf_err *err)
{
	struct hf_tags_in in = {.p = p, .device = device, .file = file};
	size_t nerror;
	int rc;

	in.f = hf_findings_new();
	if (in.f == NULL)
		return HF_FAIL(err, HF_ENOMEM, "no memory to read %s", file);
	rc = hf_tags_parse(&in, text, n);
	nerror = hf_findings_nerror(in.f);
	hf_findings_report(in.f, fn, arg);
	hf_findings_free(in.f);
	if (rc != HF_OK)
		hf_err_set(err, rc, "%zu error%s in %s", nerror,
		    nerror == 1 ? "" : "s", file);
	return rc;
}

/* ---- writing ---- */

static void
put_number(struct hf_buf *out, double v, char delim)
{
	char num[HF_F64_TEXT], *dot;

	if (isnan(v))
		return;
	hf_fmt_f64(v, num);
	dot = strchr(num, '.');
	if (delim == ';' && dot != NULL)
		*dot = ',';
	hf_buf_puts(out, num);
}

static void
put_special(
    const struct hf_tag *t, const char *col, char delim, struct hf_buf *out)
{
	if (strcmp(col, "device") == 0) {
		hf_csv_put_text(out, t->device, delim);
	} else if (strcmp(col, "access") == 0) {
		hf_buf_puts(out, t->writable ? "rw" : "r");
	} else if (strcmp(col, "interval_ms") == 0) {
		hf_buf_printf(
		    out, "%lld", (long long)(t->interval_ns / NS_PER_MS));
	} else if (t->deadband > 0) {
		put_number(out, t->deadband, delim);
		hf_buf_puts(out, t->is_deadband_pct ? "%" : "");
	}
}

static void
put_cell(const struct hf_tag *t, const struct hf_tag_col *c, char delim,
    struct hf_buf *out)
{
	const struct hf_opt *o;
	const char *slot;
	char *s;

	if (c->opt == NULL) {
		put_special(t, c->name, delim, out);
		return;
	}
	o = tag_opt(c->opt);
	slot = (const char *)t + o->off;
	if (o->type == HF_OPT_F64) {
		put_number(out, *(const double *)(const void *)slot, delim);
	} else if (o->type == HF_OPT_ENUM || o->type == HF_OPT_BOOL) {
		hf_opt_to_text(o, slot, out);
	} else {
		memcpy(&s, slot, sizeof(s));
		if (s != NULL)
			hf_csv_put_text(out, s, delim);
	}
}

int
hf_tags_write(const struct hf_plant *p, const char *device, char delim,
    struct hf_buf *out, struct hf_err *err)
{
	size_t i, c;

	for (c = 0; c < NCOL; c++)
		hf_buf_printf(out, "%s%.1s", columns[c].name,
		    c + 1 < NCOL ? &delim : "\n");
	for (i = 0; i < p->ntag; i++) {
		if (device != NULL && strcmp(p->tags[i].device, device) != 0)
			continue;
		for (c = 0; c < NCOL; c++) {
			put_cell(&p->tags[i], &columns[c], delim, out);
			hf_buf_u8(out, (uint8_t)(c + 1 < NCOL ? delim : '\n'));
		}
	}
	if (!hf_buf_ok(out))
		return HF_FAIL(
		    err, HF_ELIMIT, "the tags do not fit into the output");
	return HF_OK;
}

/* ---- for the manual page ---- */

int
hf_tags_doc(struct hf_buf *out)
{
	size_t i;

	hf_buf_puts(out, ".Bl -tag -width Ds\n");
	for (i = 0; i < NCOL; i++) {
		hf_buf_printf(out, ".It Cm %s", columns[i].name);
		if (columns[i].is_required)
			hf_buf_puts(out, " Pq required");
		hf_buf_u8(out, '\n');
		hf_mdoc_text(out, columns[i].help);
		hf_buf_puts(out, "Form:\n");
		hf_mdoc_text(out, columns[i].form);
		if (columns[i].dflt != NULL)
			hf_buf_printf(
			    out, "Without it: %s.\n", columns[i].dflt);
	}
	hf_buf_puts(out, ".El\n");
	return hf_buf_ok(out) ? HF_OK : HF_ELIMIT;
}
