/* SPDX-License-Identifier: Apache-2.0
 *
 * backtest_read.c - CSV rows into batches of the engine; forms in backtest.h.
 *
 * One row is one batch, its frame number is the count of rows fed, and the
 * samples of a row go in the order of the plant's tags, whatever the order of
 * the columns: the same data give the same events. A row that cannot be read is
 * counted and said with its place, the rest is fed; nothing else is kept of it,
 * so memory does not grow with the file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/backtest.h"
#include "model/quality.h"

#define PROGRESS_NROW 4096 /* rows between two calls of progress */
#define NEAR 2		   /* edits that "did you mean" bridges */

const char *const hf_bt_skip_words[HF_BT_NSKIP] = {
    [HF_BT_BAD_CSV] = "malformed row",
    [HF_BT_BAD_TIME] = "time not understood",
    [HF_BT_BAD_VALUE] = "value is no number",
    [HF_BT_BAD_QUALITY] = "quality not understood",
    [HF_BT_UNKNOWN_TAG] = "no such tag in the configuration",
    [HF_BT_SHORT] = "fewer cells than the header line",
    [HF_BT_BEFORE] = "before --from",
    [HF_BT_AFTER] = "at or after --to",
};

struct column { /* a tag's cell in a wide row */
	size_t at;
	const struct hf_tag *tag;
};

struct reader {
	const struct hf_bt_input *in;
	struct hf_bt_result *res;
	struct hf_csv *csv;
	bool is_long, is_comma;
	size_t time_at, tag_at, value_at, quality_at, ncell;
	struct column col[HF_CSV_NFIELD];
	size_t ncol;
	struct hf_sample s[HF_CSV_NFIELD];
	size_t nline;
};

static void say(const struct reader *r, enum hf_bt_skip why, int line, int col,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void
say(const struct reader *r, enum hf_bt_skip why, int line, int col,
    const char *fmt, ...)
{
	char text[HF_ERR_TEXT], place[HF_ERR_TEXT + 300];
	uint64_t n = ++r->res->skipped[why];
	va_list ap;

	if (n > HF_BT_NSAY)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(place, sizeof(place), "%.255s:%d:%d: %s%s", r->in->file, line,
	    col, text,
	    n == HF_BT_NSAY ? " (more of this kind are only counted)" : "");
	r->in->say(r->in->arg, place);
}

/* ---- header ---- */

static size_t
find_head(const struct hf_csv_row *row, const char *const *names)
{
	size_t i;

	for (; *names != NULL; names++)
		for (i = 0; i < row->n; i++)
			if (strcasecmp(row->f[i].s, *names) == 0)
				return i;
	return SIZE_MAX;
}

static const char *
nearest_tag(const struct hf_plant *p, const char *s)
{
	size_t i, d, best = NEAR + 1;
	const char *near = NULL;

	for (i = 0; i < p->ntag; i++) {
		d = hf_edit_distance(s, p->tags[i].path, NEAR);
		if (d >= best)
			continue;
		best = d;
		near = p->tags[i].path;
	}
	return near;
}

static void
unknown_tag(const struct reader *r, const struct hf_csv_field *f)
{
	const char *near = r->res->skipped[HF_BT_UNKNOWN_TAG] < HF_BT_NSAY
			       ? nearest_tag(r->in->plant, f->s)
			       : NULL;
	char name[80];

	hf_printable(name, sizeof(name), f->s, f->len);
	say(r, HF_BT_UNKNOWN_TAG, f->line, f->col, "no tag \"%s\"%s%s%s", name,
	    near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?");
}

static int
by_plant(const void *a, const void *b)
{
	const struct column *x = a, *y = b;

	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static int
wide_columns(struct reader *r, const struct hf_csv_row *row, struct hf_err *err)
{
	size_t i, k;

	for (i = 0; i < row->n; i++) {
		const struct hf_tag *t =
		    hf_plant_tag(r->in->plant, row->f[i].s);

		if (i == r->time_at)
			continue;
		if (t == NULL) {
			unknown_tag(r, &row->f[i]);
			continue;
		}
		for (k = 0; k < r->ncol; k++)
			if (r->col[k].tag == t)
				return HF_FAIL(err, HF_EINVAL,
				    "%s:%d:%d: column \"%s\" comes twice",
				    r->in->file, row->f[i].line, row->f[i].col,
				    t->path);
		r->col[r->ncol++] = (struct column){.at = i, .tag = t};
	}
	qsort(r->col, r->ncol, sizeof(r->col[0]), by_plant);
	if (r->ncol == 0 && r->value_at != SIZE_MAX)
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%d:1: values of one tag without its name: say which "
		    "with --tag PATH",
		    r->in->file, row->line);
	if (r->ncol == 0)
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%d:1: no column is called like a tag of the plant; "
		    "`holdfast print` shows the tags, and the long form is "
		    "time,tag,value",
		    r->in->file, row->line);
	return HF_OK;
}

static int
read_head(struct reader *r, struct hf_err *err)
{
	static const char *const times[] = {"time", "t", "timestamp", NULL};
	static const char *const tags[] = {"tag", "path", NULL};
	static const char *const values[] = {"value", "v", NULL};
	static const char *const qualities[] = {"quality", "q", NULL};
	const struct hf_csv_row *row;
	int rc = hf_csv_next(r->csv, &row, err);

	if (rc == HF_ENODATA)
		return HF_FAIL(
		    err, HF_EINVAL, "%s: the file is empty", r->in->file);
	if (rc != HF_OK) {
		hf_err_prefix(err, "%s", r->in->file);
		return rc;
	}
	r->ncell = row->n;
	r->time_at = find_head(row, times);
	r->tag_at = find_head(row, tags);
	r->value_at = find_head(row, values);
	r->quality_at = find_head(row, qualities);
	r->is_long = r->value_at != SIZE_MAX &&
		     (r->tag_at != SIZE_MAX || r->in->tag != NULL);
	if (r->in->tag != NULL && (!r->is_long || r->tag_at != SIZE_MAX))
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%d:1: --tag is for a file with the columns "
		    "t,value,quality, as `holdfast history TAG --csv` writes "
		    "it",
		    r->in->file, row->line);
	if (r->time_at == SIZE_MAX && r->is_long)
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%d:1: no column is called time", r->in->file,
		    row->line);
	if (r->time_at == SIZE_MAX)
		r->time_at = 0;
	return r->is_long ? HF_OK : wide_columns(r, row, err);
}

/* ---- cells ---- */

static bool
is_word(const struct hf_csv_field *f, const char *word)
{
	return strcasecmp(f->s, word) == 0;
}

/* False: the cell was said to be wrong. */
static bool
take_value(struct reader *r, const struct hf_csv_field *f, struct hf_sample *s)
{
	char text[40];
	double x;

	s->vtype = HF_V_F64;
	s->status = HF_GOOD;
	if (hf_parse_f64(f->s, f->len, r->is_comma, &x)) {
		s->v.f64 = x;
		return true;
	}
	if (is_word(f, "true") || is_word(f, "false")) {
		s->v.f64 = is_word(f, "true");
		return true;
	}
	if (is_word(f, "nan") || is_word(f, "null")) {
		s->v.f64 = 0;
		s->status = HF_BAD_DECODING;
		return true;
	}
	hf_printable(text, sizeof(text), f->s, f->len);
	say(r, HF_BT_BAD_VALUE, f->line, f->col, "\"%s\" is no number", text);
	return false;
}

static bool
take_quality(
    struct reader *r, const struct hf_csv_field *f, struct hf_sample *s)
{
	char text[40];
	int64_t code;

	if (f->len == 0 || strncasecmp(f->s, "good", 4) == 0)
		return true;
	if (strncasecmp(f->s, "uncertain", 9) == 0) {
		s->status = HF_UNCERTAIN;
		return true;
	}
	if (strncasecmp(f->s, "bad", 3) == 0) {
		s->status = HF_BAD;
		return true;
	}
	if (hf_parse_i64(f->s, f->len, &code) && code >= 0 &&
	    code <= UINT32_MAX) {
		s->status = (uint32_t)code;
		return true;
	}
	hf_printable(text, sizeof(text), f->s, f->len);
	say(r, HF_BT_BAD_QUALITY, f->line, f->col,
	    "\"%s\" is no quality: Good, Uncertain, Bad or a code", text);
	return false;
}

static void
note_sample(struct reader *r, const struct hf_tag *t)
{
	r->res->seen[t - r->in->plant->tags] = 1;
}

static size_t
wide_row(struct reader *r, const struct hf_csv_row *row, int64_t t_ns)
{
	size_t i, n = 0;

	for (i = 0; i < r->ncol; i++) {
		const struct hf_csv_field *f = &row->f[r->col[i].at];
		struct hf_sample *s = &r->s[n];

		*s = (struct hf_sample){
		    .tag = r->col[i].tag->key, .t_ns = t_ns, .recv_ns = t_ns};
		if (f->len == 0 || !take_value(r, f, s))
			continue;
		note_sample(r, r->col[i].tag);
		n++;
	}
	return n;
}

static size_t
long_row(struct reader *r, const struct hf_csv_row *row, int64_t t_ns)
{
	const struct hf_tag *t = r->in->tag;
	const struct hf_csv_field *f;
	struct hf_sample *s = &r->s[0];

	if (t == NULL) {
		f = &row->f[r->tag_at];
		t = hf_plant_tag(r->in->plant, f->s);
		if (t == NULL) {
			unknown_tag(r, f);
			return 0;
		}
	}
	*s = (struct hf_sample){.tag = t->key, .t_ns = t_ns, .recv_ns = t_ns};
	f = &row->f[r->value_at];
	if (f->len == 0) { /* as /history writes a value that is not there */
		s->vtype = HF_V_F64;
		s->status = HF_BAD_DECODING;
	} else if (!take_value(r, f, s)) {
		return 0;
	}
	if (r->quality_at != SIZE_MAX &&
	    !take_quality(r, &row->f[r->quality_at], s))
		return 0;
	note_sample(r, t);
	return 1;
}

static void
feed(struct reader *r, size_t n, int64_t t_ns)
{
	struct hf_batch b = {.n = n, .s = r->s};
	struct hf_bt_result *res = r->res;
	size_t i;

	res->nrow++;
	res->nsample += n;
	b.seq = res->nrow;
	hf_engine_feed(r->in->engine, res->nrow, &b);
	for (i = 0; i < n; i++)
		res->nlate += (r->s[i].flags & HF_F_LATE) != 0;
	if (res->first_ns == HF_TIME_NONE || t_ns < res->first_ns)
		res->first_ns = t_ns;
	if (res->last_ns == HF_TIME_NONE || t_ns > res->last_ns)
		res->last_ns = t_ns;
}

static void
take_row(struct reader *r, const struct hf_csv_row *row)
{
	const struct hf_csv_field *f;
	char text[40];
	int64_t t_ns;
	size_t n;

	if (row->n < r->ncell) {
		say(r, HF_BT_SHORT, row->line, 1,
		    "%zu cells, the header has %zu", row->n, r->ncell);
		return;
	}
	f = &row->f[r->time_at];
	if (!hf_time_parse(f->s, f->len, &t_ns)) {
		hf_printable(text, sizeof(text), f->s, f->len);
		say(r, HF_BT_BAD_TIME, f->line, f->col,
		    "\"%s\" is no time; write 2026-05-01T12:00:00Z", text);
		return;
	}
	if (r->in->from_ns != HF_TIME_NONE && t_ns < r->in->from_ns) {
		r->res->skipped[HF_BT_BEFORE]++;
		return;
	}
	if (r->in->to_ns != HF_TIME_NONE && t_ns >= r->in->to_ns) {
		r->res->skipped[HF_BT_AFTER]++;
		return;
	}
	n = r->is_long ? long_row(r, row, t_ns) : wide_row(r, row, t_ns);
	if (n > 0)
		feed(r, n, t_ns);
}

/* The reader's own texts begin with "line:col: ". */
static void
say_malformed(struct reader *r, const struct hf_err *why)
{
	char text[HF_ERR_TEXT + 300];

	if (++r->res->skipped[HF_BT_BAD_CSV] > HF_BT_NSAY)
		return;
	snprintf(text, sizeof(text), "%.255s:%s", r->in->file, why->msg);
	r->in->say(r->in->arg, text);
}

int
hf_backtest_read(
    const struct hf_bt_input *in, struct hf_bt_result *out, struct hf_err *err)
{
	struct reader *r = calloc(1, sizeof(*r));
	const struct hf_csv_row *row;
	struct hf_err why = {0};
	int rc = HF_OK;

	*out = (struct hf_bt_result){
	    .first_ns = HF_TIME_NONE, .last_ns = HF_TIME_NONE};
	out->seen = calloc(in->plant->ntag + 1, 1);
	if (r != NULL)
		r->csv = hf_csv_new(in->p, in->n, '\0');
	if (r == NULL || r->csv == NULL || out->seen == NULL) {
		rc = HF_FAIL(err, HF_ENOMEM, "%s", in->file);
		goto out;
	}
	r->in = in;
	r->res = out;
	r->is_comma = hf_csv_is_comma_decimal(r->csv);
	rc = read_head(r, err);
	while (rc == HF_OK) {
		rc = hf_csv_next(r->csv, &row, &why);
		if (rc == HF_OK) {
			r->nline = (size_t)row->line;
			take_row(r, row);
		} else if (rc != HF_ENODATA) {
			say_malformed(r, &why);
			rc = HF_OK;
		}
		if (out->nrow % PROGRESS_NROW == 0 && in->progress != NULL)
			in->progress(in->arg, r->nline, out->nsample);
	}
	rc = rc == HF_ENODATA ? HF_OK : rc;
out:
	if (r != NULL)
		hf_csv_free(r->csv);
	free(r);
	return rc;
}
