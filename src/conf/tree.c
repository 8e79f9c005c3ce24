/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - libyaml's events into a bounded tree.
 *
 * libyaml hands out scalars as text, so nothing here decides whether "no" is a
 * boolean: the option tables do. Of YAML we take maps, lists and scalars in
 * block and flow form. Refused, each with its place: anchors and aliases (a
 * file must not grow when read), tags, more than one document, keys that are no
 * text, the same key twice, more than 32 levels. The parser is driven by events
 * with an own stack, not by libyaml's document loader, so depth and size are
 * ours to bound.
 */
#include "conf/tree.h"

#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/str.h"
#include "base/utf8.h"

struct builder {
	const char *file;
	struct hf_arena *arena;
	struct hf_findings *f;
	struct hf_ynode *stack[HF_YAML_DEPTH];
	struct hf_ynode *key[HF_YAML_DEPTH]; /* key that waits for its value */
	size_t depth;
	struct hf_ynode *root;
	size_t nnode, ndoc;
	bool is_over; /* no sense in going on */
};

static void
error_at(struct builder *b, const yaml_mark_t *m, const char *text)
{
	hf_findings_add(b->f, b->file, (int)m->line + 1, (int)m->column + 1,
	    false, "%s", text);
}

static void
stop_at(struct builder *b, const yaml_mark_t *m, const char *text)
{
	error_at(b, m, text);
	b->is_over = true;
}

static struct hf_ynode *
new_node(struct builder *b, enum hf_ykind kind, const yaml_mark_t *m)
{
	struct hf_ynode *n;

	if (++b->nnode > HF_YAML_NNODE) {
		stop_at(b, m, "more than 1000000 values; split the plant");
		return NULL;
	}
	n = hf_arena_alloc(b->arena, sizeof(*n));
	if (n == NULL) {
		stop_at(b, m, "out of memory");
		return NULL;
	}
	n->kind = kind;
	n->line = (int)m->line + 1;
	n->col = (int)m->column + 1;
	return n;
}

/* Puts a finished scalar or a new map or list where the parser stands. */
static void
attach(struct builder *b, struct hf_ynode *n, const yaml_mark_t *m)
{
	struct hf_ynode *top;

	if (b->depth == 0) {
		b->root = n;
		return;
	}
	top = b->stack[b->depth - 1];
	if (top->kind == HF_Y_MAP && b->key[b->depth - 1] == NULL) {
		if (n->kind != HF_Y_SCALAR) {
			stop_at(b, m,
			    "a key must be a text; check colons and brackets");
			return;
		}
		b->key[b->depth - 1] = n;
		return;
	}
	if (top->kind == HF_Y_MAP) {
		n->key = b->key[b->depth - 1];
		b->key[b->depth - 1] = NULL;
	}
	if (top->last == NULL)
		top->first = n;
	else
		top->last->next = n;
	top->last = n;
	top->n++;
}

static void
on_scalar(struct builder *b, const yaml_event_t *e)
{
	struct hf_ynode *n = new_node(b, HF_Y_SCALAR, &e->start_mark);

	if (n == NULL)
		return;
	n->text = hf_arena_strndup(b->arena, (const char *)e->data.scalar.value,
	    e->data.scalar.length);
	n->len = e->data.scalar.length;
	n->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (n->text == NULL) {
		stop_at(b, &e->start_mark, "out of memory");
		return;
	}
	if (memchr(n->text, '\0', n->len) != NULL) {
		error_at(b, &e->start_mark, "text holds a NUL byte; remove it");
		n->len = strlen(n->text);
	}
	attach(b, n, &e->start_mark);
}

static void
on_start(struct builder *b, const yaml_event_t *e, enum hf_ykind kind)
{
	struct hf_ynode *n = new_node(b, kind, &e->start_mark);

	if (n == NULL)
		return;
	if (b->depth >= HF_YAML_DEPTH) {
		stop_at(b, &e->start_mark,
		    "more than 32 levels; check brackets and indentation");
		return;
	}
	attach(b, n, &e->start_mark);
	b->stack[b->depth] = n;
	b->key[b->depth] = NULL;
	b->depth++;
}

static void
refuse_extras(struct builder *b, const yaml_event_t *e,
    const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		error_at(b, &e->start_mark,
		    "anchors (&name) are not taken; write the value out where "
		    "it is "
		    "needed");
	if (tag != NULL)
		error_at(b, &e->start_mark,
		    "tags (!name) are not taken; remove it, the key decides "
		    "the type");
}

static void
on_alias(struct builder *b, const yaml_event_t *e)
{
	struct hf_ynode *n = new_node(b, HF_Y_SCALAR, &e->start_mark);

	error_at(b, &e->start_mark,
	    "aliases (*name) are not taken; write the value out (a pattern "
	    "that begins "
	    "with * needs quotes)");
	if (n == NULL)
		return;
	n->text = hf_arena_strdup(b->arena, "alias");
	n->len = n->text == NULL ? 0 : strlen(n->text);
	b->is_over |= n->text == NULL;
	if (!b->is_over)
		attach(b, n, &e->start_mark);
}

static void
on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++b->ndoc > 1)
			stop_at(b, &e->start_mark,
			    "a second document begins here; a plant is one "
			    "document, "
			    "remove the --- line");
		break;
	case YAML_SCALAR_EVENT:
		refuse_extras(b, e, e->data.scalar.anchor, e->data.scalar.tag);
		on_scalar(b, e);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_extras(b, e, e->data.mapping_start.anchor,
		    e->data.mapping_start.tag);
		on_start(b, e, HF_Y_MAP);
		break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(b, e, e->data.sequence_start.anchor,
		    e->data.sequence_start.tag);
		on_start(b, e, HF_Y_SEQ);
		break;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		break;
	case YAML_ALIAS_EVENT:
		on_alias(b, e);
		break;
	default:
		break;
	}
}

static void
syntax_error(struct builder *b, const yaml_parser_t *y)
{
	const char *hint = "check indentation, colons and quotes";
	const char *what = y->problem == NULL ? "unreadable" : y->problem;
	int line = (int)y->problem_mark.line + 1;
	int col = (int)y->problem_mark.column + 1;

	if (strstr(what, "cannot start any token") != NULL)
		hint =
		    "indent with blanks, not tabs, and put texts with special "
		    "characters in quotes";
	hf_findings_add(b->f, b->file, line, col, false, "YAML: %s%s%s; %s",
	    what, y->context == NULL ? "" : " ",
	    y->context == NULL ? "" : y->context, hint);
}

static int
run(struct builder *b, yaml_parser_t *y)
{
	bool is_end = false;
	yaml_event_t e;

	while (!is_end && !b->is_over) {
		if (!yaml_parser_parse(y, &e)) {
			syntax_error(b, y);
			return HF_EINVAL;
		}
		is_end = e.type == YAML_STREAM_END_EVENT;
		on_event(b, &e);
		yaml_event_delete(&e);
	}
	return b->is_over ? HF_EINVAL : HF_OK;
}

/* Place of the first bytes that are no UTF-8: libyaml does not tell it. */
static bool
utf8_error(struct builder *b, const char *p, size_t n)
{
	const char *nl, *end = p + n;
	yaml_mark_t m = {0};
	size_t len;

	if (hf_utf8_ok(p, n))
		return false;
	for (; p < end; p += len + 1, m.line++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		len = nl == NULL ? (size_t)(end - p) : (size_t)(nl - p);
		if (!hf_utf8_ok(p, len))
			break;
	}
	error_at(b, &m, "line is not UTF-8; save the file as UTF-8");
	return true;
}

/* ---- duplicate keys ---- */

static void
check_keys(struct builder *b, struct hf_ynode *map)
{
	struct hf_strmap *seen = hf_strmap_new(HF_YAML_NNODE);
	struct hf_ynode *n, *first;
	char shown[100];

	for (n = map->first; seen != NULL && n != NULL; n = n->next) {
		if (hf_strmap_put(seen, n->key->text, n) != HF_EEXIST)
			continue;
		n->is_repeat = true;
		first = hf_strmap_get(seen, n->key->text);
		hf_printable(shown, sizeof(shown), n->key->text, n->key->len);
		hf_findings_add(b->f, b->file, n->key->line, n->key->col, false,
		    "key \"%s\" is given twice, first in line %d; remove one",
		    shown, first->key->line);
	}
	hf_strmap_free(seen);
}

/* Every map of the tree, without recursion: depth is bounded by
 * HF_YAML_DEPTH. */
static void
check_all_keys(struct builder *b)
{
	struct hf_ynode *path[HF_YAML_DEPTH + 1], *n = b->root;
	size_t depth = 0;

	while (n != NULL) {
		if (n->kind == HF_Y_MAP)
			check_keys(b, n);
		if (n->first != NULL) {
			path[depth++] = n;
			n = n->first;
			continue;
		}
		while (n->next == NULL && depth > 0)
			n = path[--depth];
		n = depth == 0 ? NULL : n->next;
	}
}

int
hf_yaml_parse(const char *p, size_t n, const char *file, struct hf_arena *a,
    struct hf_findings *f, struct hf_ynode **out)
{
	struct builder b = {.file = file, .arena = a, .f = f};
	yaml_parser_t y;
	int rc;

	if (utf8_error(&b, p, n))
		return HF_EINVAL;
	if (!yaml_parser_initialize(&y)) {
		hf_findings_add(f, file, 0, 0, false, "out of memory");
		return HF_ENOMEM;
	}
	yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y, (const unsigned char *)p, n);
	rc = run(&b, &y);
	yaml_parser_delete(&y);
	if (rc != HF_OK)
		return rc;
	check_all_keys(&b);
	*out = b.root;
	return HF_OK;
}

struct hf_ynode *
hf_ynode_get(const struct hf_ynode *map, const char *key)
{
	struct hf_ynode *n;

	if (map == NULL || map->kind != HF_Y_MAP)
		return NULL;
	for (n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key->text, key) == 0)
			return n;
	return NULL;
}

bool
hf_ynode_is_null(const struct hf_ynode *n)
{
	return n->kind == HF_Y_SCALAR && n->is_plain &&
	       (n->len == 0 || strcmp(n->text, "~") == 0 ||
		   strcmp(n->text, "null") == 0);
}
