/* SPDX-License-Identifier: Apache-2.0
 *
 * history.c - `holdfast history TAG`: stored samples, as table, plot, CSV or
 * JSON.
 *
 * --from and --to take a time (2026-05-01T12:00:00Z) or a duration, which is
 * that long before now. Without --buckets the samples themselves are listed, at
 * most --limit (default 1000 for a table). With --buckets N on a terminal a
 * plot is drawn: one column per bucket, the bar from its least to its largest
 * value, the dot its mean.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"
#include "model/quality.h"

#define TABLE_LIMIT "1000"
#define PLOT_ROWS 12
#define PLOT_MARGIN 14 /* columns for the scale */

static const char verb[] = "history";

/* A duration means: so long before now. */
static const char *
time_arg(const char *s, char buf[HF_TIME_TEXT])
{
	int64_t dur_ns;

	if (s == NULL || !hf_dur_parse(s, strlen(s), &dur_ns))
		return s;
	return hf_time_fmt(hf_wall_ns() - dur_ns, buf);
}

static void
put_points(struct hf_table *tab, json_t *doc)
{
	char name[16];
	json_t *p;
	size_t i;

	json_array_foreach(json_object_get(doc, "points"), i, p)
	{
		uint32_t q =
		    (uint32_t)json_integer_value(json_object_get(p, "q"));
		int flags =
		    (int)json_integer_value(json_object_get(p, "flags"));

		hf_table_cell(tab, HF_PLAIN, hf_view_str(p, "t"));
		hf_view_cell(tab, HF_BOLD,
		    strcmp(hf_quality_word(q), "Bad") == 0
			? NULL
			: json_object_get(p, "v"));
		hf_table_cell(tab, hf_view_colour(hf_quality_word(q)),
		    hf_status_name(q, name));
		hf_table_cellf(tab, HF_DIM, "%s%s%s", flags & 1 ? "late " : "",
		    flags & 2 ? "backfill " : "", flags & 4 ? "clamped" : "");
	}
}

static void
put_buckets(struct hf_table *tab, json_t *doc)
{
	static const char *const keys[] = {
	    "n", "n_good", "min", "mean", "max", "first", "last"};
	json_t *b;
	size_t i, k;

	json_array_foreach(json_object_get(doc, "buckets"), i, b)
	{
		hf_table_cell(tab, HF_PLAIN, hf_view_str(b, "from"));
		for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			hf_view_cell(
			    tab, HF_PLAIN, json_object_get(b, keys[k]));
	}
}

/* Row of value v on a scale of lo..hi, 0 at the bottom. */
static int
row_of(double v, double lo, double hi)
{
	if (!(hi > lo))
		return PLOT_ROWS / 2;
	return (int)lround(
	    (v / 2 - lo / 2) / (hi / 2 - lo / 2) * (PLOT_ROWS - 1));
}

static const char *
plot_cell(const struct hf_term *t, json_t *b, int row, double lo, double hi)
{
	double min = hf_view_num(b, "min"), max = hf_view_num(b, "max");
	double mean = hf_view_num(b, "mean");

	if (!isfinite(min) || !isfinite(max) || !isfinite(mean))
		return " ";
	if (row == row_of(mean, lo, hi))
		return t->is_utf8 ? "\u25cf" : "o";
	if (row >= row_of(min, lo, hi) && row <= row_of(max, lo, hi))
		return t->is_utf8 ? "\u2502" : "|";
	return " ";
}

static void
plot(const struct hf_term *t, json_t *doc)
{
	json_t *list = json_object_get(doc, "buckets"), *b;
	double lo = INFINITY, hi = -INFINITY, v;
	size_t i;
	int row;

	json_array_foreach(list, i, b)
	{
		v = hf_view_num(b, "min");
		lo = v < lo ? v : lo;
		v = hf_view_num(b, "max");
		hi = v > hi ? v : hi;
	}
	if (!(lo <= hi)) {
		fprintf(t->f, "no good samples in this span\n");
		return;
	}
	for (row = PLOT_ROWS - 1; row >= 0; row--) {
		if (row == PLOT_ROWS - 1 || row == 0 || row == PLOT_ROWS / 2)
			fprintf(t->f, "%12.6g ",
			    lo + (hi - lo) * row / (PLOT_ROWS - 1));
		else
			fprintf(t->f, "%12s ", "");
		json_array_foreach(list, i, b)
		    fputs(plot_cell(t, b, row, lo, hi), t->f);
		fputc('\n', t->f);
	}
	fprintf(t->f, "%12s %s .. %s  [%s]\n", "",
	    hf_view_str(json_array_get(list, 0), "from"),
	    hf_view_str(json_array_get(list, json_array_size(list) - 1), "to"),
	    hf_view_str(doc, "unit"));
}

static int
show(json_t *doc)
{
	static const char *const raw[] = {"TIME", ">VALUE", "STATUS", "FLAGS"};
	static const char *const bk[] = {
	    "FROM", ">N", ">GOOD", ">MIN", ">MEAN", ">MAX", ">FIRST", ">LAST"};
	json_t *buckets = json_object_get(doc, "buckets");
	struct hf_table *tab;
	struct hf_term t;
	size_t nrow;
	int rc;

	hf_term_init(&t, stdout);
	if (buckets != NULL && json_array_size(buckets) > 0 && t.is_tty &&
	    (int)json_array_size(buckets) + PLOT_MARGIN <= t.columns) {
		plot(&t, doc);
		return HF_EXIT_OK;
	}
	if (buckets != NULL) {
		tab = hf_table_new(bk, 8);
		put_buckets(tab, doc);
	} else {
		tab = hf_table_new(raw, 4);
		put_points(tab, doc);
	}
	nrow = hf_table_nrow(tab);
	rc = hf_view_print(tab, &t, 0, 0);
	if (nrow == 0)
		fprintf(stderr, "no samples in this span\n");
	if (json_is_true(json_object_get(doc, "truncated")))
		fprintf(stderr, "there is more: raise --limit, or go on with "
				"--from the last time shown\n");
	return rc;
}

struct opts {
	const char *from, *to, *buckets, *limit;
	bool is_csv;
};

static void
path_of(struct hf_buf *b, const struct hf_args *a, const struct opts *o)
{
	char from[HF_TIME_TEXT], to[HF_TIME_TEXT];
	const char *limit = o->limit;

	if (limit == NULL && !a->is_json && !o->is_csv && o->buckets == NULL)
		limit = TABLE_LIMIT;
	hf_buf_puts(b, "/api/v1/history");
	hf_client_param(b, "tag", a->pos[0]);
	hf_client_param(b, "from", time_arg(o->from, from));
	hf_client_param(b, "to", time_arg(o->to, to));
	hf_client_param(b, "buckets", o->buckets);
	hf_client_param(b, "limit", limit);
	hf_client_param(b, "format", o->is_csv ? "csv" : NULL);
}

int
hf_verb_history(int argc, char **argv)
{
	struct opts o = {0};
	const struct hf_arg rows[] = {
	    {"--from", "T", &o.from,
		"not before: a time, or 2h for two hours ago"},
	    {"--to", "T", &o.to, "before: a time, or 1h for an hour ago"},
	    {"--buckets", "N", &o.buckets,
		"N equal spans with min, mean, "
		"max"},
	    {"--csv", NULL, &o.is_csv, "CSV: t,value,quality"},
	    {"--limit", "N", &o.limit,
		"at most N samples [1000 in a "
		"table]"},
	};
	struct hf_err e = {0};
	json_t *doc = NULL;
	struct hf_buf path;
	struct hf_args a;
	int rc;

	rc = hf_args_take(&a, argc, argv, rows, sizeof(rows) / sizeof(rows[0]));
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos != 1)
		return hf_cli_usage(verb, "needs one tag");
	if (a.is_json && o.is_csv)
		return hf_cli_usage(
		    verb, "--json and --csv exclude each other");
	hf_buf_init(&path, 8192);
	path_of(&path, &a, &o);
	if (a.is_json || o.is_csv) {
		rc = hf_args_print(&a, verb, hf_buf_cstr(&path));
	} else {
		rc = hf_client_json(&a.client, hf_buf_cstr(&path), &doc, &e);
		rc = rc == HF_OK ? show(doc) : hf_args_fail(verb, rc, &e);
		json_decref(doc);
	}
	hf_buf_fini(&path);
	return rc;
}
