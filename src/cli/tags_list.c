/* SPDX-License-Identifier: Apache-2.0
 *
 * tags_list.c - `holdfast tags list [PATTERN]`: tags of the running plant,
 * where they come from, and their last values.
 */
#include "cli/tags_list.h"

#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

static void
put_tag(struct hf_table *tab, json_t *v)
{
	const char *q = hf_view_str(v, "status");
	char age[32];

	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "path"));
	hf_view_value(tab, HF_BOLD, v);
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "unit"));
	hf_table_cell(
	    tab, hf_view_colour(hf_view_str(v, "quality")), *q ? q : "never");
	hf_table_cell(tab, HF_PLAIN, hf_text_age(hf_view_num(v, "age_s"), age));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "device"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "address"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "type"));
	hf_view_cell(tab, HF_PLAIN, json_object_get(v, "interval"));
}

int
hf_verb_tags_list(int argc, char **argv)
{
	static const char *const heads[] = {"TAG", ">VALUE", "UNIT", "STATUS",
	    ">AGE", "DEVICE", "ADDRESS", "TYPE", "EVERY"};
	static char verb[] = "tags";
	struct hf_err e = {0};
	struct hf_table *tab;
	json_t *doc = NULL, *v;
	struct hf_buf path;
	struct hf_args a;
	struct hf_term t;
	size_t i;
	int rc;

	argv[0] = verb;
	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 1)
		return hf_cli_usage(verb, "list takes one pattern");
	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/tags");
	hf_client_param(&path, "match", a.npos > 0 ? a.pos[0] : NULL);
	if (a.is_json) {
		rc = hf_args_print(&a, verb, hf_buf_cstr(&path));
		hf_buf_fini(&path);
		return rc;
	}
	rc = hf_client_json(&a.client, hf_buf_cstr(&path), &doc, &e);
	hf_buf_fini(&path);
	if (rc != HF_OK)
		return hf_args_fail(verb, rc, &e);
	tab = hf_table_new(heads, 9);
	json_array_foreach(doc, i, v) put_tag(tab, v);
	json_decref(doc);
	hf_term_init(&t, stdout);
	return hf_view_print(tab, &t, 0, 0);
}
