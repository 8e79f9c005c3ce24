/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - `holdfast get PATTERN...`: last values of tags.
 *
 * Exit code 1 if a pattern matches nothing.
 */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

static void
path_of(struct hf_buf *b, const char *pattern)
{
	hf_buf_reset(b);
	hf_buf_puts(b, "/api/v1/values");
	hf_client_param(b, "match", pattern);
}

static void
put_value(struct hf_table *tab, const struct hf_term *t, json_t *v)
{
	const char *q = hf_view_str(v, "quality");
	char age[32];

	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "path"));
	hf_view_value(tab, HF_BOLD, v);
	hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "unit"));
	hf_table_cell(tab, hf_view_colour(q), *q ? q : "never");
	hf_table_cell(tab, HF_PLAIN, hf_text_age(hf_view_num(v, "age_s"), age));
	if (t->is_tty) /* so that a row fits a terminal; exact on a pipe */
		hf_view_time(tab, v, "t");
	else
		hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "t"));
}

/* The inner part of a JSON array, so that several join into one unchanged. */
static void
inner(const struct hf_buf *b, const char **p, size_t *n)
{
	const char *s = (const char *)b->p, *end = s + b->len;

	while (s < end && (*s == ' ' || *s == '\n' || *s == '['))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\n'))
		end--;
	if (end > s && end[-1] == ']')
		end--;
	*p = s;
	*n = (size_t)(end - s);
}

static int
print_json(const struct hf_args *a, const char *verb)
{
	struct hf_err e = {0};
	struct hf_buf path, body;
	bool has_item = false;
	const char *p;
	size_t i, n;
	int rc = HF_OK;

	hf_buf_init(&path, 4096);
	hf_buf_init(&body, HF_CLIENT_ANSWER);
	putchar('[');
	for (i = 0; i < a->npos && rc == HF_OK; i++) {
		path_of(&path, a->pos[i]);
		hf_buf_reset(&body);
		rc = hf_client_get(&a->client, hf_buf_cstr(&path), &body, &e);
		if (rc != HF_OK || body.len == 0)
			continue;
		inner(&body, &p, &n);
		if (n > 0)
			printf("%s%.*s", has_item ? "," : "", (int)n, p);
		has_item |= n > 0;
	}
	puts("]");
	hf_buf_fini(&path);
	hf_buf_fini(&body);
	return rc == HF_OK ? HF_EXIT_OK : hf_args_fail(verb, rc, &e);
}

static int
print_table(const struct hf_args *a, const char *verb)
{
	static const char *const heads[] = {
	    "TAG", ">VALUE", "UNIT", "QUALITY", ">AGE", "TIME"};
	struct hf_table *tab = hf_table_new(heads, 6);
	struct hf_err e = {0};
	json_t *doc = NULL, *v;
	struct hf_buf path;
	struct hf_term t;
	size_t i, k;
	int rc = HF_OK;

	hf_buf_init(&path, 4096);
	hf_term_init(&t, stdout);
	for (i = 0; i < a->npos && rc == HF_OK; i++) {
		path_of(&path, a->pos[i]);
		rc = hf_client_json(&a->client, hf_buf_cstr(&path), &doc, &e);
		if (rc != HF_OK)
			break;
		json_array_foreach(doc, k, v) put_value(tab, &t, v);
		json_decref(doc);
	}
	hf_buf_fini(&path);
	if (rc == HF_OK)
		return hf_view_print(tab, &t, 0, 0);
	hf_table_free(tab);
	return hf_args_fail(verb, rc, &e);
}

int
hf_verb_get(int argc, char **argv)
{
	struct hf_args a;
	int rc;

	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos == 0)
		return hf_cli_usage(argv[0], "needs a tag or pattern; '**' is "
					     "all");
	return a.is_json ? print_json(&a, argv[0]) : print_table(&a, argv[0]);
}
