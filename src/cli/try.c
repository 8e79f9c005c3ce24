/* SPDX-License-Identifier: Apache-2.0
 *
 * try.c - `holdfast try DEVICE`: read a device once, and show what was read.
 *
 * For two- and four-register tags the value in all four word orders stands side
 * by side: the one that makes sense is the right one; other drivers' tags have
 * no such columns. What no tag names follows as rows of a tag file, each on a
 * line of its own, to be pasted. The last lines say which requests the
 * configuration causes. Only configured addresses are read; nothing is written
 * and nothing scans. Exit code 1 if the device was not connected.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

static const char *const orders[] = {"ABCD", "CDAB", "BADC", "DCBA"};

static void
put_tag(struct hf_table *tab, json_t *v, bool has_raw)
{
	json_t *o = json_object_get(v, "orders"), *r;
	const char *st = hf_view_str(v, "status");
	const char *order = hf_view_str(v, "order");
	struct hf_buf raw;
	size_t i;

	hf_buf_init(&raw, 1024);
	json_array_foreach(json_object_get(v, "raw"), i, r)
	{
		hf_buf_puts(&raw, i > 0 ? " " : "");
		hf_text_json(&raw, r);
	}
	hf_table_cell(tab, HF_BOLD, hf_view_str(v, "tag"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "address"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "type"));
	hf_view_value(tab, HF_BOLD, v);
	hf_table_cell(tab, hf_view_colour(hf_view_str(v, "quality")), st);
	for (i = 0; i < 4 && has_raw; i++)
		hf_view_cell(tab,
		    json_is_object(o) && strcmp(order, orders[i]) == 0
			? HF_CYAN
			: HF_PLAIN,
		    json_object_get(o, orders[i]));
	if (has_raw)
		hf_table_cell(tab, HF_DIM, hf_buf_cstr(&raw));
	hf_buf_fini(&raw);
}

static void
put_load(const struct hf_term *t, json_t *doc)
{
	double hz = hf_view_num(doc, "requests_per_s");
	double budget = hf_view_num(doc, "budget_per_s");
	json_t *b;
	size_t i;

	fprintf(t->f, "\nload: %.3g requests/s", hz);
	if (isfinite(budget))
		fprintf(t->f, " of %.3g/s allowed%s", budget,
		    hz > budget ? " - TOO MUCH: cycles will be skipped" : "");
	fputc('\n', t->f);
	json_array_foreach(json_object_get(doc, "plan"), i, b) fprintf(t->f,
	    "  unit %.0f function %.0f: %.0f %s from address %.0f, every "
	    "%.6g ms, for %.0f tag%s\n",
	    hf_view_num(b, "unit"), hf_view_num(b, "function"),
	    hf_view_num(b, "count"),
	    hf_view_num(b, "function") <= 2 ? "bits" : "registers",
	    hf_view_num(b, "first"), hf_view_num(b, "interval_ms"),
	    hf_view_num(b, "tags"), hf_view_num(b, "tags") == 1 ? "" : "s");
}

/* Rows of a tag file for what the device announced and no tag names. */
static void
put_suggestions(const struct hf_term *t, json_t *doc)
{
	json_t *rows = json_object_get(doc, "suggest"), *row;
	size_t i;

	if (json_array_size(rows) < 2) /* only the header line, or none */
		return;
	fprintf(t->f, "\n%zu more, as rows of its tag file:\n",
	    json_array_size(rows) - 1);
	json_array_foreach(rows, i, row)
	{
		hf_text_put(t, json_string_value(row));
		fputc('\n', t->f);
	}
	if (hf_view_num(doc, "suggest_left") > 0)
		fprintf(t->f, "and %.0f more when these are in\n",
		    hf_view_num(doc, "suggest_left"));
}

/* Where the device is: a host, a serial line or a folder. */
static void
put_place(const struct hf_term *t, json_t *doc)
{
	static const char *const keys[] = {"host", "serial", "folder"};
	const char *place;
	size_t i;

	for (i = 0; i < 3; i++) {
		place = hf_view_str(doc, keys[i]);
		if (place[0] == '\0')
			continue;
		fprintf(t->f, " at ");
		hf_text_put(t, place);
		return;
	}
}

static bool
has_registers(json_t *doc)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(doc, "tags"), i, v)
	{
		if (json_object_get(v, "raw") != NULL)
			return true;
	}
	return false;
}

static int
show(json_t *doc)
{
	static const char *const heads[] = {"TAG", "ADDRESS", "TYPE", ">VALUE",
	    "STATUS", ">ABCD", ">CDAB", ">BADC", ">DCBA", "RAW"};
	bool is_up = json_is_true(json_object_get(doc, "connected"));
	bool has_raw = has_registers(doc);
	struct hf_table *tab = hf_table_new(heads, has_raw ? 10 : 5);
	struct hf_term t;
	size_t i;
	json_t *v;
	int rc;

	hf_term_init(&t, stdout);
	hf_text_put(&t, hf_view_str(doc, "device"));
	put_place(&t, doc);
	if (json_object_get(doc, "port") != NULL)
		fprintf(t.f, " port %.0f", hf_view_num(doc, "port"));
	if (json_object_get(doc, "unit") != NULL)
		fprintf(t.f, " unit %.0f", hf_view_num(doc, "unit"));
	fprintf(t.f, ": %s%s%s  ",
	    hf_term_colour(&t, is_up ? HF_GREEN : HF_RED),
	    is_up ? "connected" : "not connected",
	    hf_term_colour(&t, HF_PLAIN));
	hf_text_put(&t, hf_view_str(doc, "text"));
	fprintf(t.f, "\n\n");
	json_array_foreach(json_object_get(doc, "tags"), i, v)
	{
		put_tag(tab, v, has_raw);
	}
	rc = hf_view_print(tab, &t, 0, 0);
	put_suggestions(&t, doc);
	if (json_object_get(doc, "requests_per_s") != NULL)
		put_load(&t, doc);
	return rc == HF_EXIT_OK && !is_up ? HF_EXIT_FOUND : rc;
}

int
hf_verb_try(int argc, char **argv)
{
	struct hf_err e = {0};
	json_t *doc = NULL;
	struct hf_buf path;
	struct hf_args a;
	int rc;

	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos != 1)
		return hf_cli_usage(argv[0], "needs the name of one device");
	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/try/");
	hf_client_escape(&path, a.pos[0]);
	if (a.is_json) {
		rc = hf_args_print(&a, argv[0], hf_buf_cstr(&path));
	} else {
		rc = hf_client_json(&a.client, hf_buf_cstr(&path), &doc, &e);
		rc = rc == HF_OK ? show(doc) : hf_args_fail(argv[0], rc, &e);
		json_decref(doc);
	}
	hf_buf_fini(&path);
	return rc;
}
