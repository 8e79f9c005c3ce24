/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - `holdfast tree [PATH]`: the namespace as a tree, with last values.
 *
 * PATH is a location ("press/line1") or a whole topic; --depth N stops N levels
 * below it and counts what is there; --topics prints whole topics, one a line,
 * for a shell; --json prints the entries as the API gives them, all pages
 * joined.
 *
 * Pages come in the order of topics. A line of the tree is made for each level
 * that an entry does not share with the one before it; its number of tags is
 * known when an entry leaves it, so lines are kept until all pages are here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

#define NLEVEL 32
#define PAGE "20000"

struct line {
	char *name; /* owned; indented, or a whole topic */
	uint64_t ntag;
	bool is_leaf;
	char *value, *unit, *quality, *type; /* owned; of a leaf */
	double age_s;
};

struct tree {
	const struct hf_args *a;
	const char *path, *depth;
	bool is_topics;
	bool has_printed; /* --json: an entry */
	struct line *lines;
	size_t nline, cap;
	/* open levels, outermost first: name and line */
	char *open[NLEVEL];
	size_t open_line[NLEVEL], nopen;
	uint64_t ntag; /* of all entries */
	char prefix[300];
};

static struct line *
add_line(struct tree *t)
{
	size_t cap = t->cap == 0 ? 1024 : t->cap * 2;
	struct line *bigger;

	if (t->nline == t->cap) {
		bigger = realloc(t->lines, cap * sizeof(*bigger));
		if (bigger == NULL)
			return NULL;
		t->lines = bigger;
		t->cap = cap;
	}
	memset(&t->lines[t->nline], 0, sizeof(*t->lines));
	return &t->lines[t->nline++];
}

static bool
indented(struct line *l, size_t depth, const char *name, size_t n)
{
	l->name = malloc(2 * depth + n + 1);
	if (l->name == NULL)
		return false;
	memset(l->name, ' ', 2 * depth);
	memcpy(l->name + 2 * depth, name, n);
	l->name[2 * depth + n] = '\0';
	return true;
}

/* Levels of the topic that are open stay; the others are closed. */
static const char *
close_levels(struct tree *t, const char *rest)
{
	size_t keep = 0, n;

	while (keep < t->nopen) {
		n = strlen(t->open[keep]);
		if (strncmp(rest, t->open[keep], n) != 0 || rest[n] != '/')
			break;
		rest += n + 1;
		keep++;
	}
	while (t->nopen > keep)
		free(t->open[--t->nopen]);
	return rest;
}

static bool
open_levels(struct tree *t, const char **rest)
{
	const char *slash;

	while ((slash = strchr(*rest, '/')) != NULL && t->nopen < NLEVEL) {
		struct line *l = add_line(t);
		size_t n = (size_t)(slash - *rest);

		if (l == NULL || !indented(l, t->nopen + 1, *rest, n))
			return false;
		t->open[t->nopen] = strndup(*rest, n);
		if (t->open[t->nopen] == NULL)
			return false;
		t->open_line[t->nopen++] = t->nline - 1;
		*rest = slash + 1;
	}
	return true;
}

static bool
fill_leaf(struct line *l, json_t *v)
{
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	if (strcmp(hf_view_str(v, "quality"), "Bad") == 0)
		hf_buf_puts(&b, "-");
	else
		hf_text_json(&b, json_object_get(v, "value"));
	l->is_leaf = true;
	l->value = strdup(hf_buf_ok(&b) ? hf_buf_cstr(&b) : "?");
	l->unit = strdup(hf_view_str(v, "unit"));
	l->quality = strdup(hf_view_str(v, "quality"));
	l->type = strdup(hf_view_str(v, "type"));
	l->age_s = hf_view_num(v, "age_s");
	hf_buf_fini(&b);
	return l->value != NULL && l->unit != NULL && l->quality != NULL &&
	       l->type != NULL;
}

static bool
add_entry(struct tree *t, json_t *v)
{
	const char *topic = hf_view_str(v, "topic"), *rest = topic;
	size_t n = strlen(t->prefix), i;
	double tags = hf_view_num(v, "tags");
	bool is_node = json_is_integer(json_object_get(v, "tags"));
	uint64_t weight = is_node ? (uint64_t)tags : 1;
	struct line *l;

	if (!t->is_topics && strncmp(topic, t->prefix, n) == 0 &&
	    topic[n] == '/') {
		rest = close_levels(t, topic + n + 1);
		if (!open_levels(t, &rest))
			return false;
	}
	l = add_line(t);
	if (l == NULL ||
	    !indented(l, t->is_topics ? 0 : t->nopen + 1, rest, strlen(rest)))
		return false;
	for (i = 0; i < t->nopen; i++)
		t->lines[t->open_line[i]].ntag += weight;
	t->ntag += weight;
	l->ntag = is_node ? weight : 0;
	return is_node || fill_leaf(l, v);
}

static void
free_tree(struct tree *t)
{
	size_t i;

	while (t->nopen > 0)
		free(t->open[--t->nopen]);
	for (i = 0; i < t->nline; i++) {
		free(t->lines[i].name);
		free(t->lines[i].value);
		free(t->lines[i].unit);
		free(t->lines[i].quality);
		free(t->lines[i].type);
	}
	free(t->lines);
}

/* Entries as they came: the inner part of the answer's array. */
static bool
print_entries(struct tree *t, const char *body, char **next)
{
	static const char begin[] = "\"entries\":[", end[] = "],\"next\":";
	const char *from = strstr(body, begin), *to = NULL, *p;
	size_t n;

	for (p = from; p != NULL && (p = strstr(p + 1, end)) != NULL;)
		to = p; /* the last one: a text value may hold the same */
	if (to == NULL)
		return false;
	from += sizeof(begin) - 1;
	if (to > from)
		printf("%s%.*s", t->has_printed ? "," : "", (int)(to - from),
		    from);
	t->has_printed |= to > from;
	to += sizeof(end) - 1;
	n = strspn(to, "\"0123456789.");
	if (n > 2)
		*next = strndup(to + 1, n - 2);
	return true;
}

static int
print_page(struct tree *t, const char *path, char **next, struct hf_err *err)
{
	struct hf_buf body;
	int rc;

	hf_buf_init(&body, HF_CLIENT_ANSWER);
	rc = hf_client_get(&t->a->client, path, &body, err);
	if (rc == HF_OK && (hf_buf_cstr(&body) == NULL ||
			       !print_entries(t, hf_buf_cstr(&body), next)))
		rc = HF_FAIL(err, HF_EPROTO, "no page of the namespace");
	hf_buf_fini(&body);
	return rc;
}

static int
parse_page(struct tree *t, const char *path, char **next, struct hf_err *err)
{
	json_t *doc = NULL, *v;
	bool is_ok = true;
	size_t i;
	int rc = hf_client_json(&t->a->client, path, &doc, err);

	if (rc != HF_OK)
		return rc;
	snprintf(
	    t->prefix, sizeof(t->prefix), "%s", hf_view_str(doc, "prefix"));
	json_array_foreach(json_object_get(doc, "entries"), i, v) is_ok =
	    is_ok && add_entry(t, v);
	if (json_is_string(json_object_get(doc, "next")))
		*next = strdup(hf_view_str(doc, "next"));
	json_decref(doc);
	return is_ok ? HF_OK : HF_FAIL(err, HF_ENOMEM, "out of memory");
}

/* One page. *next: where the following one begins, owned; NULL after the
 * last. */
static int
take_page(struct tree *t, const char *after, char **next, struct hf_err *err)
{
	struct hf_buf path;
	int rc;

	*next = NULL;
	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/tree");
	hf_client_param(&path, "path", t->path);
	hf_client_param(&path, "depth", t->depth);
	hf_client_param(&path, "limit", PAGE);
	hf_client_param(&path, "after", after);
	rc = t->a->is_json ? print_page(t, hf_buf_cstr(&path), next, err)
			   : parse_page(t, hf_buf_cstr(&path), next, err);
	hf_buf_fini(&path);
	return rc;
}

static int
take_all(struct tree *t, struct hf_err *err)
{
	char *after = NULL, *next = NULL;
	int rc;

	do {
		rc = take_page(t, after, &next, err);
		free(after);
		after = next;
	} while (rc == HF_OK && after != NULL);
	free(after);
	return rc;
}

static void
put_line(struct hf_table *tab, const struct line *l, uint64_t ntag)
{
	char age[32];

	hf_table_cell(tab, l->is_leaf ? HF_PLAIN : HF_CYAN, l->name);
	if (!l->is_leaf) {
		hf_table_cellf(tab, HF_PLAIN, "%llu", (unsigned long long)ntag);
		hf_table_cell(tab, HF_PLAIN, "");
		hf_table_cell(tab, HF_PLAIN, "");
		hf_table_cell(tab, HF_PLAIN, "");
		hf_table_cell(tab, HF_PLAIN, "");
		hf_table_cell(tab, HF_PLAIN, "");
		return;
	}
	hf_table_cell(tab, HF_PLAIN, "");
	hf_table_cell(tab, HF_BOLD, l->value);
	hf_table_cell(tab, HF_PLAIN, l->unit);
	hf_table_cell(tab, hf_view_colour(l->quality),
	    l->quality[0] != '\0' ? l->quality : "never");
	hf_table_cell(tab, HF_PLAIN, hf_text_age(l->age_s, age));
	hf_table_cell(tab, HF_PLAIN, l->type);
}

/* PATH is a tag's whole topic. */
static bool
is_one_tag(const struct tree *t)
{
	return t->nline == 1 &&
	       strcmp(t->lines[0].name + strspn(t->lines[0].name, " "),
		   t->prefix) == 0;
}

static int
print_tree(const struct tree *t)
{
	static const char *const heads[] = {
	    "NAMESPACE", ">TAGS", ">VALUE", "UNIT", "QUALITY", ">AGE", "TYPE"};
	struct hf_table *tab = hf_table_new(heads, 7);
	struct line top = {.is_leaf = false};
	struct hf_term term;
	char name[300];
	size_t i;

	snprintf(name, sizeof(name), "%s", t->prefix);
	top.name = name;
	if (!t->is_topics && !is_one_tag(t))
		put_line(tab, &top, t->ntag);
	for (i = 0; i < t->nline; i++)
		put_line(tab, &t->lines[i], t->lines[i].ntag);
	hf_term_init(&term, stdout);
	return hf_view_print(tab, &term, 0, 0);
}

static bool
is_depth(const char *s)
{
	uint64_t n;

	return s == NULL || (hf_parse_u64(s, strlen(s), &n) && n > 0);
}

int
hf_verb_tree(int argc, char **argv)
{
	struct tree t = {.path = NULL};
	const struct hf_arg rows[] = {
	    {"--depth", "N", &t.depth,
		"levels below PATH; what is deeper is counted"},
	    {"--topics", NULL, &t.is_topics, "whole topics, one a line"},
	};
	struct hf_err err = {0};
	struct hf_args a;
	int rc = hf_args_take(&a, argc, argv, rows, 2), code;

	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 1)
		return hf_cli_usage(argv[0], "takes one path");
	if (!is_depth(t.depth))
		return hf_cli_usage(argv[0], "--depth: a number from 1 on");
	t.a = &a;
	t.path = a.npos > 0 ? a.pos[0] : NULL;
	if (a.is_json)
		putchar('[');
	rc = take_all(&t, &err);
	if (a.is_json)
		puts("]");
	if (rc != HF_OK)
		code = hf_args_fail(argv[0], rc, &err);
	else
		code = a.is_json ? HF_EXIT_OK : print_tree(&t);
	free_tree(&t);
	return code;
}
