/* SPDX-License-Identifier: Apache-2.0
 *
 * detectors.c - `holdfast detectors`: what each detector watches, whether it is
 * ready, still learning (how far) or blind (and why).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

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

int
hf_verb_detectors(int argc, char **argv)
{
	static const char *const heads[] = {"DETECTOR", "METHOD", "SIGNAL",
	    "STATE", "PROGRESS OR SCORE", "WHY"};
	struct hf_err e = {0};
	struct hf_table *tab;
	json_t *doc = NULL, *d, *s;
	struct hf_args a;
	struct hf_term t;
	size_t i, k;
	int rc;

	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 0)
		return hf_cli_usage(argv[0], "takes no argument");
	if (a.is_json)
		return hf_args_print(&a, argv[0], "/api/v1/detectors");
	rc = hf_client_json(&a.client, "/api/v1/detectors", &doc, &e);
	if (rc != HF_OK)
		return hf_args_fail(argv[0], rc, &e);
	hf_term_init(&t, stdout);
	tab = hf_table_new(heads, 6);
	json_array_foreach(doc, i, d) json_array_foreach(
	    json_object_get(d, "signals"), k, s) put_signal(tab, &t, d, s);
	json_decref(doc);
	if (hf_table_nrow(tab) > 0)
		return hf_view_print(tab, &t, 0, 0);
	fprintf(t.f, "no detectors configured\n");
	hf_table_free(tab);
	return HF_EXIT_OK;
}
