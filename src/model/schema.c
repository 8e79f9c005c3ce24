/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - contracts: JSON Schema compiled into nodes on an arena.
 *
 * Compiling reads the JSON once and keeps nothing of it: names, words and
 * bounds are copied into the arena, so a schema lives and dies with its plant.
 * The table of keywords is all that is understood; anything else is refused.
 * Values are held against the result in schema_judge.c.
 */
#include "model/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "model/schema_in.h"

#define NODES_MAX 1000
#define WORDS_MAX 1000

static const struct {
	const char *word;
	unsigned bit;
} types[] = {
    {"null", T_NULL},
    {"boolean", T_BOOL},
    {"integer", T_INT},
    {"number", T_NUM},
    {"string", T_STR},
    {"array", T_ARR},
    {"object", T_OBJ},
};
#define NTYPE (sizeof(types) / sizeof(types[0]))

/* ---- compile ---- */

struct compiler {
	struct hf_arena *arena;
	struct hf_err *err;
	size_t nnode, nword;
};

static int
refuse(struct compiler *c, const struct hf_schema_place *at, const char *text)
{
	char where[HF_SCHEMA_POINTER];

	hf_schema_pointer(at, where);
	return HF_FAIL(c->err, HF_EINVAL, "%s: %s", where, text);
}

static int
no_memory(struct compiler *c)
{
	return HF_FAIL(c->err, HF_ENOMEM, "no memory for the contract");
}

static int compile(struct compiler *c, const json_t *j,
    const struct hf_schema_place *at, int depth, struct hf_schema **out);

static int
add_type(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at)
{
	const char *word = json_string_value(j);
	size_t i;

	for (i = 0; word != NULL && i < NTYPE; i++)
		if (strcmp(types[i].word, word) == 0) {
			s->type |= types[i].bit;
			return HF_OK;
		}
	return refuse(c, at,
	    "type is null, boolean, integer, number, string, array or object, "
	    "or a list of these");
}

static int
read_type(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	char text[80] = "";
	size_t i, n = 0;
	int rc;

	if (!json_is_array(j)) {
		rc = add_type(c, s, j, at);
		if (rc != HF_OK)
			return rc;
	}
	for (i = 0; i < json_array_size(j); i++) {
		rc = add_type(c, s, json_array_get(j, i), at);
		if (rc != HF_OK)
			return rc;
	}
	if (s->type == 0)
		return refuse(c, at, "type names no type");
	for (i = 0; i < NTYPE; i++)
		if ((s->type & types[i].bit) != 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%s", n == 0 ? "" : " or ", types[i].word);
	s->type_text = hf_arena_strdup(c->arena, text);
	return s->type_text == NULL ? no_memory(c) : HF_OK;
}

static int
prop_cmp(const void *a, const void *b)
{
	const struct hf_schema_prop *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
read_properties(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	struct hf_schema_place below = {.up = at};
	struct hf_schema_prop *p;
	const char *key;
	json_t *v;
	int rc;

	if (!json_is_object(j))
		return refuse(c, at, "properties is an object of schemas");
	s->props = hf_arena_calloc(
	    c->arena, json_object_size(j) + 1, sizeof(*s->props));
	if (s->props == NULL)
		return no_memory(c);
	/* jansson has no const iterator; nothing is changed */
	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		p = &s->props[s->nprop++];
		p->name = hf_arena_strdup(c->arena, key);
		if (p->name == NULL)
			return no_memory(c);
		below.key = p->name;
		rc = compile(c, v, &below, depth + 1, &p->node);
		if (rc != HF_OK)
			return rc;
	}
	qsort(s->props, s->nprop, sizeof(*s->props), prop_cmp);
	return HF_OK;
}

static int
read_required(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	size_t i, n = json_array_size(j);
	const char *name;

	if (!json_is_array(j))
		return refuse(c, at, "required is a list of property names");
	s->required = hf_arena_calloc(c->arena, n + 1, sizeof(*s->required));
	if (s->required == NULL)
		return no_memory(c);
	for (i = 0; i < n; i++) {
		name = json_string_value(json_array_get(j, i));
		if (name == NULL)
			return refuse(
			    c, at, "required is a list of property names");
		s->required[i] = hf_arena_strdup(c->arena, name);
		if (s->required[i] == NULL)
			return no_memory(c);
		s->nrequired++;
	}
	return HF_OK;
}

static int
read_additional(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	if (!json_is_boolean(j))
		return refuse(c, at,
		    "additionalProperties is true or false here; name what "
		    "may come under properties");
	s->is_closed = json_is_false(j);
	return HF_OK;
}

static int
read_items(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	const struct hf_schema_place below = {.up = at, .key = "items"};

	return compile(c, j, &below, depth + 1, &s->items);
}

static int
add_word(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at)
{
	struct hf_scalar *w = &s->words[s->nword];

	*w = hf_scalar_of(j);
	if ((w->type & (T_ARR | T_OBJ)) != 0)
		return refuse(c, at,
		    "enum and const hold numbers, texts, true, false or null "
		    "here");
	if (++c->nword > WORDS_MAX)
		return refuse(c, at, "more than 1000 words of enums");
	if (w->type == T_STR) {
		w->s = hf_arena_strndup(c->arena, w->s, w->n);
		if (w->s == NULL)
			return no_memory(c);
	}
	s->nword++;
	return HF_OK;
}

static int
read_words(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, bool is_enum)
{
	size_t i, n = is_enum ? json_array_size(j) : 1;
	int rc;

	if (s->has_words)
		return refuse(c, at, "give enum or const, not both");
	if (is_enum && n == 0)
		return refuse(c, at, "enum is a list of at least one value");
	s->words = hf_arena_calloc(c->arena, n, sizeof(*s->words));
	if (s->words == NULL)
		return no_memory(c);
	s->has_words = true;
	for (i = 0; i < n; i++) {
		rc = add_word(c, s, is_enum ? json_array_get(j, i) : j, at);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

static int
read_enum(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	return read_words(c, s, j, at, true);
}

static int
read_const(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	return read_words(c, s, j, at, false);
}

static int
read_note(struct compiler *c, struct hf_schema *s, const json_t *j,
    const struct hf_schema_place *at, int depth)
{
	return HF_OK; /* for people */
}

/* ---- keywords ---- */

static const struct {
	const char *name;
	int (*read)(struct compiler *c, struct hf_schema *s, const json_t *j,
	    const struct hf_schema_place *at, int depth);
	int bound, count; /* index + 1 */
} keywords[] = {
    {.name = "type", .read = read_type},
    {.name = "properties", .read = read_properties},
    {.name = "required", .read = read_required},
    {.name = "additionalProperties", .read = read_additional},
    {.name = "items", .read = read_items},
    {.name = "enum", .read = read_enum},
    {.name = "const", .read = read_const},
    {.name = "minimum", .bound = B_MIN + 1},
    {.name = "maximum", .bound = B_MAX + 1},
    {.name = "exclusiveMinimum", .bound = B_XMIN + 1},
    {.name = "exclusiveMaximum", .bound = B_XMAX + 1},
    {.name = "multipleOf", .bound = B_STEP + 1},
    {.name = "minItems", .count = C_MINITEMS + 1},
    {.name = "maxItems", .count = C_MAXITEMS + 1},
    {.name = "minLength", .count = C_MINLEN + 1},
    {.name = "maxLength", .count = C_MAXLEN + 1},
    {.name = "title", .read = read_note},
    {.name = "description", .read = read_note},
    {.name = "$schema", .read = read_note},
    {.name = "$id", .read = read_note},
    {.name = "$comment", .read = read_note},
    {.name = "examples", .read = read_note},
    {.name = "unit", .read = read_note},
    {.name = "default", .read = read_note},
};
#define NKEYWORD (sizeof(keywords) / sizeof(keywords[0]))

static int
read_bound(struct compiler *c, struct hf_schema *s, size_t i, const json_t *j,
    const struct hf_schema_place *at)
{
	s->bound[i] = hf_scalar_of(j);
	s->has_bound[i] = true;
	if (!hf_scalar_is_number(&s->bound[i]))
		return refuse(c, at, "is a number");
	if (i == B_STEP && !(hf_scalar_wide(&s->bound[i]) > 0))
		return refuse(c, at, "is a number over 0");
	return HF_OK;
}

static int
read_count(struct compiler *c, struct hf_schema *s, size_t i, const json_t *j,
    const struct hf_schema_place *at)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return refuse(c, at, "is a whole number from 0");
	s->count[i] = json_integer_value(j);
	s->has_count[i] = true;
	return HF_OK;
}

static int
unknown_keyword(
    struct compiler *c, const struct hf_schema_place *at, const char *key)
{
	const char *words[NKEYWORD], *near;
	char where[HF_SCHEMA_POINTER], name[60];
	size_t i;

	for (i = 0; i < NKEYWORD; i++)
		words[i] = keywords[i].name;
	near = hf_nearest(key, words, NKEYWORD);
	hf_schema_pointer(at, where);
	hf_printable(name, sizeof(name), key, strlen(key));
	return HF_FAIL(c->err, HF_EINVAL,
	    "%s: keyword \"%s\" is not checked by this program%s%s%s", where,
	    name,
	    near == NULL ? ", so the contract cannot be held; say it with "
			   "other keywords or leave it out"
			 : ", did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static int
read_keyword(struct compiler *c, struct hf_schema *s, const char *key,
    const json_t *j, const struct hf_schema_place *at, int depth)
{
	struct hf_schema_place below = {.up = at, .key = key};
	size_t i;

	for (i = 0; i < NKEYWORD; i++)
		if (strcmp(keywords[i].name, key) == 0)
			break;
	if (i == NKEYWORD)
		return unknown_keyword(c, at, key);
	if (keywords[i].bound > 0)
		return read_bound(
		    c, s, (size_t)keywords[i].bound - 1, j, &below);
	if (keywords[i].count > 0)
		return read_count(
		    c, s, (size_t)keywords[i].count - 1, j, &below);
	return keywords[i].read(c, s, j, &below, depth);
}

const struct hf_schema_prop *
hf_schema_find_prop(const struct hf_schema *s, const char *name)
{
	const struct hf_schema_prop key = {.name = name};

	return s->nprop == 0 ? NULL
			     : bsearch(&key, s->props, s->nprop,
				   sizeof(*s->props), prop_cmp);
}

/* A contract that nothing can satisfy is a mistake of its author. */
static int
check_sense(struct compiler *c, const struct hf_schema *s,
    const struct hf_schema_place *at)
{
	size_t i;

	if (s->has_bound[B_MIN] && s->has_bound[B_MAX] &&
	    hf_scalar_wide(&s->bound[B_MIN]) > hf_scalar_wide(&s->bound[B_MAX]))
		return refuse(c, at, "minimum is over maximum; swap them");
	for (i = 0; i < NCOUNT; i += 2)
		if (s->has_count[i] && s->has_count[i + 1] &&
		    s->count[i] > s->count[i + 1])
			return refuse(c, at,
			    i == C_MINITEMS
				? "minItems is over maxItems; swap them"
				: "minLength is over maxLength; swap them");
	for (i = 0; i < s->nrequired && s->is_closed; i++)
		if (hf_schema_find_prop(s, s->required[i]) == NULL)
			return refuse(c, at,
			    "required names a property that is not under "
			    "properties, and additionalProperties is false");
	return HF_OK;
}

static int
compile(struct compiler *c, const json_t *j, const struct hf_schema_place *at,
    int depth, struct hf_schema **out)
{
	struct hf_schema *s;
	const char *key;
	json_t *v;
	int rc;

	if (!json_is_object(j))
		return refuse(c, at, "a schema is an object of keywords");
	if (depth > HF_SCHEMA_DEPTH)
		return refuse(c, at, "over 8 levels; flatten it");
	if (++c->nnode > NODES_MAX)
		return refuse(c, at, "over 1000 schemas; split the contract");
	s = hf_arena_calloc(c->arena, 1, sizeof(*s));
	if (s == NULL)
		return no_memory(c);
	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		rc = read_keyword(c, s, key, v, at, depth);
		if (rc != HF_OK)
			return rc;
	}
	rc = check_sense(c, s, at);
	if (rc == HF_OK)
		*out = s;
	return rc;
}

int
hf_schema_compile(struct hf_arena *a, const char *text, size_t n,
    struct hf_schema **out, struct hf_err *err)
{
	struct compiler c = {.arena = a, .err = err};
	json_t *j;
	int rc;

	rc = hf_json_parse(text, n, HF_SCHEMA_BYTES, &j, err);
	if (rc != HF_OK)
		return rc;
	rc = compile(&c, j, NULL, 1, out);
	json_decref(j);
	return rc;
}

/* ---- questions ahead of time ---- */

const struct hf_schema *
hf_schema_at(const struct hf_schema *s, const char *path)
{
	const struct hf_schema_prop *p;
	char level[256];
	size_t n;

	while (s != NULL) {
		n = strcspn(path, "/");
		if (n == 0 || n >= sizeof(level))
			return NULL;
		memcpy(level, path, n);
		level[n] = '\0';
		p = hf_schema_find_prop(s, level);
		if (p == NULL)
			return NULL;
		s = p->node;
		if (path[n] == '\0')
			return s;
		path += n + 1;
	}
	return NULL;
}

bool
hf_schema_takes(
    const struct hf_schema *s, const char *type, const char **expects)
{
	unsigned want = 0;
	size_t i;

	for (i = 0; i < NTYPE; i++)
		if (strcmp(types[i].word, type) == 0)
			want = types[i].bit;
	if ((want & (T_INT | T_NUM)) != 0)
		want = T_INT | T_NUM; /* 1.0 is both */
	*expects = s->type == 0 ? "anything" : s->type_text;
	return s->type == 0 || (s->type & want) != 0;
}
