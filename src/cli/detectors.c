/* SPDX-License-Identifier: Apache-2.0
 *
 * detectors.c - `holdfast detectors`: what each detector watches, whether it is
 * ready, still learning (how far) or blind (and why). With a name: what the
 * method does, its options, what was learned, where the limit comes from, how
 * many false alarms it lets expect against its budget, and what made up the
 * last score.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

#define NAME_WIDTH 18 /* columns of a name before its value */

static void
put_signal(struct hf_table *tab, const struct hf_term *t, json_t *d, json_t *s)
{
	const char *st = hf_view_str(s, "state");
	double score = hf_view_num(s, "score");
	struct hf_buf bar;

	hf_buf_init(&bar, 256);
	if (strcmp(st, "learning") == 0) {
		hf_text_bar(&bar, hf_view_num(s, "progress"), 10, t->is_utf8);
		hf_buf_printf(
		    &bar, " %3.0f %%", hf_view_num(s, "progress") * 100);
	} else if (isfinite(score)) {
		hf_text_bar(&bar, score, 10, t->is_utf8);
		hf_buf_printf(&bar, " %.2f of the limit", score);
	}
	hf_table_cell(tab, HF_BOLD, hf_view_str(d, "name"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(d, "method"));
	hf_table_cell(tab, HF_PLAIN,
	    *hf_view_str(s, "tag") ? hf_view_str(s, "tag") : "(group)");
	hf_table_cell(tab, hf_view_colour(st), st);
	hf_table_cell(tab, score >= 1 ? HF_RED : HF_PLAIN, hf_buf_cstr(&bar));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(s, "why"));
	hf_buf_fini(&bar);
}

static int
show_all(const struct hf_term *t, json_t *doc)
{
	static const char *const heads[] = {"DETECTOR", "METHOD", "SIGNAL",
	    "STATE", "PROGRESS OR SCORE", "WHY"};
	struct hf_table *tab = hf_table_new(heads, 6);
	json_t *d, *s;
	size_t i, k;

	if (tab == NULL)
		return hf_cli_fail("detectors", HF_EXIT_FAILED, "no memory");
	hf_table_wrap(tab);
	json_array_foreach(doc, i, d)
	{
		json_array_foreach(json_object_get(d, "signals"), k, s)
		{
			put_signal(tab, t, d, s);
		}
	}
	if (hf_table_nrow(tab) > 0)
		return hf_view_print(tab, t, 0, 0);
	fprintf(t->f, "no detectors configured\n");
	hf_table_free(tab);
	return HF_EXIT_OK;
}

/* ---- one detector ---- */

/* "  name              text", broken between words. */
static void
put_line(const struct hf_term *t, const char *name, const char *text)
{
	fprintf(t->f, "  %-*s", NAME_WIDTH, name);
	hf_text_put(t, text);
	fputc('\n', t->f);
}

/* Members of an object as "a 1, b 2"; nested ones and nulls are left out. */
static void
put_members(const struct hf_term *t, const char *name, json_t *o)
{
	struct hf_buf b;
	const char *key;
	json_t *v;

	hf_buf_init(&b, 8192);
	json_object_foreach(o, key, v)
	{
		if (json_is_null(v) || json_is_object(v) || json_is_array(v))
			continue;
		hf_buf_printf(&b, "%s%s ", b.len > 0 ? ", " : "", key);
		hf_text_json(&b, v);
	}
	if (b.len > 0)
		put_line(t, name, hf_buf_cstr(&b));
	hf_buf_fini(&b);
}

static void
put_rate(const struct hf_term *t, json_t *d)
{
	double budget = hf_view_num(d, "budget_per_week");
	double expected = hf_view_num(d, "expected_per_week");
	char text[200];

	if (isfinite(expected))
		snprintf(text, sizeof(text),
		    "%.3g false alarms per week expected, %.3g allowed",
		    expected, budget);
	else if (isfinite(budget))
		snprintf(text, sizeof(text),
		    "not measured (%s); its share of the budget is %.3g "
		    "false alarms per week",
		    strcmp(hf_view_str(d, "limit_from"), "budget") == 0
			? "still learning"
			: "limit: fixed",
		    budget);
	else
		snprintf(text, sizeof(text), "no budget");
	put_line(t, "false alarms", text);
}

static void
put_limit(const struct hf_term *t, json_t *d, json_t *s)
{
	json_t *b = json_object_get(s, "budget");
	double factor = hf_view_num(b, "factor");
	char text[200];

	if (strcmp(hf_view_str(d, "limit_from"), "budget") != 0) {
		put_line(t, "limit from", "the options of its method");
		return;
	}
	if (isfinite(factor))
		snprintf(text, sizeof(text),
		    "the budget: %.3g times the method's own; largest score "
		    "of normal running %.3g",
		    factor, hf_view_num(b, "largest"));
	else
		snprintf(text, sizeof(text),
		    "the budget, measured in the last third of learning");
	put_line(t, "limit from", text);
	if (*hf_view_str(b, "warning"))
		put_line(t, "warning", hf_view_str(b, "warning"));
}

static void
put_score(const struct hf_term *t, json_t *s)
{
	double limit = hf_view_num(s, "limit");
	char text[300];

	if (strcmp(hf_view_str(s, "state"), "learning") == 0) {
		snprintf(text, sizeof(text), "%.0f %%",
		    hf_view_num(s, "progress") * 100);
		put_line(t, "learning", text);
		return;
	}
	if (!isfinite(limit))
		return;
	snprintf(text, sizeof(text),
	    "%.2f of the limit at %s: statistic %.6g, limit %.6g%s%s",
	    hf_view_num(s, "score"), hf_view_str(s, "t"),
	    hf_view_num(s, "statistic"), limit,
	    *hf_view_str(s, "rule") ? "; " : "", hf_view_str(s, "rule"));
	put_line(t, "last score", text);
}

static int
put_variables(const struct hf_term *t, json_t *s)
{
	static const char *const heads[] = {
	    "VARIABLE", ">VALUE", ">CONTRIBUTION", "WHY NOT"};
	json_t *vars = json_object_get(s, "variables"), *v;
	struct hf_table *tab;
	size_t i;

	if (json_array_size(vars) == 0)
		return HF_EXIT_OK;
	tab = hf_table_new(heads, 4);
	if (tab == NULL)
		return hf_cli_fail("detectors", HF_EXIT_FAILED, "no memory");
	json_array_foreach(vars, i, v)
	{
		hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "tag"));
		hf_view_cell(tab, HF_PLAIN, json_object_get(v, "value"));
		hf_table_cellf(tab, HF_PLAIN, "%.0f %%",
		    100 * hf_view_num(v, "contribution"));
		hf_table_cell(tab, HF_YELLOW, hf_view_str(v, "why"));
	}
	return hf_view_print(tab, t, 2, 0);
}

static int
show_one(const struct hf_term *t, json_t *d)
{
	json_t *s;
	size_t i;
	int rc = HF_EXIT_OK;

	fprintf(t->f, "%s", hf_term_colour(t, HF_BOLD));
	hf_text_put(t, hf_view_str(d, "name"));
	fprintf(t->f, "%s\n", hf_term_colour(t, HF_PLAIN));
	put_line(t, "method", hf_view_str(d, "method"));
	put_line(t, "what it does", hf_view_str(d, "help"));
	put_members(t, "options", json_object_get(d, "options"));
	if (*hf_view_str(d, "position"))
		put_line(t, "position", hf_view_str(d, "position"));
	put_rate(t, d);
	json_array_foreach(json_object_get(d, "signals"), i, s)
	{
		fputc('\n', t->f);
		put_line(t, "signal",
		    *hf_view_str(s, "tag") ? hf_view_str(s, "tag") : "(group)");
		put_line(t, "state", hf_view_str(s, "state"));
		if (*hf_view_str(s, "why"))
			put_line(t, "why", hf_view_str(s, "why"));
		put_members(t, "learned", json_object_get(s, "model"));
		put_limit(t, d, s);
		put_score(t, s);
		if (put_variables(t, s) != HF_EXIT_OK)
			rc = HF_EXIT_FAILED;
	}
	return rc;
}

static json_t *
find(json_t *doc, const char *name)
{
	json_t *d;
	size_t i;

	json_array_foreach(doc, i, d)
	{
		if (strcmp(hf_view_str(d, "name"), name) == 0)
			return d;
	}
	return NULL;
}

static int
show_named(const struct hf_args *a, const struct hf_term *t, json_t *doc)
{
	json_t *d = find(doc, a->pos[0]);

	if (d == NULL)
		return hf_cli_fail("detectors", HF_EXIT_FOUND,
		    "no detector %s; `holdfast detectors` lists them",
		    a->pos[0]);
	if (!a->is_json)
		return show_one(t, d);
	if (json_dumpf(d, t->f, JSON_COMPACT) != 0)
		return hf_cli_fail(
		    "detectors", HF_EXIT_FAILED, "writing the answer failed");
	fputc('\n', t->f);
	return HF_EXIT_OK;
}

int
hf_verb_detectors(int argc, char **argv)
{
	struct hf_err e = {0};
	json_t *doc = NULL;
	struct hf_args a;
	struct hf_term t;
	int rc;

	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 1)
		return hf_cli_usage(argv[0], "takes one name at most");
	if (a.is_json && a.npos == 0)
		return hf_args_print(&a, argv[0], "/api/v1/detectors");
	rc = hf_client_json(&a.client, "/api/v1/detectors", &doc, &e);
	if (rc != HF_OK)
		return hf_args_fail(argv[0], rc, &e);
	hf_term_init(&t, stdout);
	rc = a.npos == 0 ? show_all(&t, doc) : show_named(&a, &t, doc);
	json_decref(doc);
	return rc;
}
