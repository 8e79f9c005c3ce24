/* SPDX-License-Identifier: Apache-2.0
 *
 * load.c - plant.yaml and its tag files into a plant, over the option tables.
 *
 * The tree of the file (tree.c) is walked by the tables of hf_sections[]: for
 * each row the key is looked up and its text read by the row's type; keys
 * without a row are errors. In devices, detectors and exports the rows of the
 * chosen kind join those of the section. Then the tag files, then
 * hf_plant_finish, whose errors are given the place of the key that they name.
 * Nothing stops at the first error.
 *
 * Runs in a sandboxed child: it opens nothing but dirfd/plant.yaml, the tag
 * files and the contracts' schemas, never through a symbolic link, never above
 * dirfd.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "conf/findings.h"
#include "conf/inside.h"
#include "conf/tags.h"
#include "conf/tree.h"
#include "model/optval.h"

#define PLANT_FILE "plant.yaml"
#define TAGS_BYTES (64u << 20) /* one CSV file */
#define SCRATCH (512u << 20) /* bytes of the tree and of places, upper limit */
#define FORMAT "1"
#define WORDS_MAX 128 /* keys that "did you mean" looks through */

struct loader {
	int dirfd;
	const struct hf_registry *reg;
	const struct hf_conf_extra *extra;
	struct hf_findings *f;
	struct hf_arena *scratch;
	struct hf_plant *p;
	struct hf_ynode *root;
	struct hf_tag_places places;
	bool has_tag_errors; /* then a pattern without a match is no news */
};

/* One map that rows are read into. */
struct map_ctx {
	const char *section, *item; /* for messages; item may be NULL */
	const struct hf_ynode *map; /* NULL: nothing given */
	const struct hf_ynode *at;  /* where to report what is missing */
	const struct hf_kind *kinds[2];
	char *conf[2];
	bool is_kind_unknown; /* then a key without a row may be right */
};

static void
error_at(struct loader *l, const struct hf_ynode *n, const char *text)
{
	hf_findings_add(l->f, PLANT_FILE, n == NULL ? 1 : n->line,
	    n == NULL ? 1 : n->col, false, "%s", text);
}

/* ---- values ---- */

static void
read_list(struct loader *l, const struct hf_opt *o, const struct hf_ynode *n,
    struct hf_strlist *out)
{
	char why[HF_OPT_WHY];
	const struct hf_ynode *c;

	if (n->kind != HF_Y_SEQ) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s is a list; write %s: [%s]", o->name, o->name,
		    n->kind == HF_Y_SCALAR && !hf_ynode_is_null(n) ? n->text
								   : "");
		return;
	}
	if (n->n > HF_OPT_NLIST) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s has %zu items, at most %d are allowed", o->name, n->n,
		    HF_OPT_NLIST);
		return;
	}
	if (n->n == 0 && (o->flags & HF_OPT_REQUIRED) != 0)
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s is empty; give at least one item", o->name);
	out->v = hf_arena_calloc(l->p->arena, n->n, sizeof(*out->v));
	for (c = n->first; out->v != NULL && c != NULL; c = c->next) {
		if (c->kind != HF_Y_SCALAR) {
			error_at(l, c, "an item of this list must be a text");
			continue;
		}
		if (hf_opt_item_from_text(o, c->text, c->len, l->p->arena,
			&out->v[out->n], why, sizeof(why)) == HF_OK)
			out->n++;
		else
			hf_findings_add(l->f, PLANT_FILE, c->line, c->col,
			    false, "%s: %s", o->name, why);
	}
}

static void
read_scalar(struct loader *l, const struct hf_opt *o, const struct hf_ynode *n,
    void *slot)
{
	char why[HF_OPT_WHY];

	if (n->kind != HF_Y_SCALAR) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s takes one %s, not a %s; write one value", o->name,
		    hf_opt_type_word(o->type),
		    n->kind == HF_Y_MAP ? "map" : "list");
		return;
	}
	if (hf_ynode_is_null(n)) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s has no value; give one, or remove the key", o->name);
		return;
	}
	if (!n->is_plain && !hf_opt_is_text(o->type)) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s: write the %s without quotes", o->name,
		    hf_opt_type_word(o->type));
		return;
	}
	if (hf_opt_from_text(o, n->text, n->len, l->p->arena, slot, why,
		sizeof(why)) != HF_OK)
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s: %s", o->name, why);
}

static void read_rows(struct loader *l, const struct map_ctx *c, int depth);

static void
read_sub(struct loader *l, const struct map_ctx *up, const struct hf_opt *o,
    const struct hf_ynode *n, char *slot, int depth)
{
	const struct hf_kind k = {
	    .name = o->name, .opts = o->sub, .nopt = o->nsub};
	struct map_ctx c = {.section = up->section,
	    .item = up->item,
	    .map = n,
	    .at = n->key,
	    .kinds = {&k},
	    .conf = {slot}};

	if (n->kind == HF_Y_MAP && depth < HF_OPT_DEPTH)
		read_rows(l, &c, depth + 1);
	else
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s is a map; write %s: {%s: ...}", o->name, o->name,
		    o->sub[0].name);
}

/* ---- maps ---- */

static const struct hf_opt *
find_row(const struct map_ctx *c, const char *name)
{
	size_t k, i;

	for (k = 0; k < 2 && c->kinds[k] != NULL; k++)
		for (i = 0; i < c->kinds[k]->nopt; i++)
			if (strcmp(c->kinds[k]->opts[i].name, name) == 0)
				return &c->kinds[k]->opts[i];
	return NULL;
}

static void
say_unknown(
    struct loader *l, const struct map_ctx *c, const struct hf_ynode *key)
{
	const char *words[WORDS_MAX], *near;
	char shown[100];
	size_t k, i, n = 0;

	for (k = 0; k < 2 && c->kinds[k] != NULL; k++)
		for (i = 0; i < c->kinds[k]->nopt && n < WORDS_MAX; i++)
			words[n++] = c->kinds[k]->opts[i].name;
	near = hf_nearest(key->text, words, n);
	hf_printable(shown, sizeof(shown), key->text, key->len);
	hf_findings_add(l->f, PLANT_FILE, key->line, key->col, false,
	    "unknown key \"%s\" in %s%s%s%s%s%s", shown, c->section,
	    c->item == NULL ? "" : ".", c->item == NULL ? "" : c->item,
	    near == NULL ? "; holdfast.conf(5) lists the keys"
			 : ", did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static void
read_row(struct loader *l, const struct map_ctx *c, const struct hf_opt *o,
    char *slot, int depth)
{
	const struct hf_ynode *n = hf_ynode_get(c->map, o->name);

	if (n == NULL) {
		if ((o->flags & HF_OPT_REQUIRED) != 0)
			hf_findings_add(l->f, PLANT_FILE,
			    c->at == NULL ? 1 : c->at->line,
			    c->at == NULL ? 1 : c->at->col, false,
			    "%s%s%s has no %s, which is required; add %s: (%s)",
			    c->section, c->item == NULL ? "" : ".",
			    c->item == NULL ? "" : c->item, o->name, o->name,
			    hf_opt_type_word(o->type));
		return;
	}
	if (o->type == HF_OPT_SUB)
		read_sub(l, c, o, n, slot, depth);
	else if (hf_opt_is_list(o->type))
		read_list(l, o, n, (struct hf_strlist *)(void *)slot);
	else
		read_scalar(l, o, n, slot);
}

static void
read_rows(struct loader *l, const struct map_ctx *c, int depth)
{
	const struct hf_ynode *n;
	size_t k, i;

	for (k = 0; k < 2 && c->kinds[k] != NULL; k++)
		for (i = 0; i < c->kinds[k]->nopt; i++)
			read_row(l, c, &c->kinds[k]->opts[i],
			    c->conf[k] + c->kinds[k]->opts[i].off, depth);
	for (n = c->map == NULL ? NULL : c->map->first; n != NULL; n = n->next)
		if (find_row(c, n->key->text) == NULL && !c->is_kind_unknown)
			say_unknown(l, c, n->key);
}

/* ---- sections ---- */

static int
out_of_memory(struct loader *l)
{
	hf_findings_add(l->f, PLANT_FILE, 0, 0, false,
	    "out of memory; the plant is too large for this machine");
	return HF_ENOMEM;
}

/* The driver's or method's own options, if the map names one that exists. */
static int
choose_kind(
    struct loader *l, const struct hf_section *s, struct map_ctx *c, char *item)
{
	const struct hf_ynode *n = hf_ynode_get(c->map, s->choice);
	const struct hf_kind *k;
	char why[HF_OPT_WHY];
	void *conf;

	c->is_kind_unknown = true;
	if (n == NULL || n->kind != HF_Y_SCALAR)
		return HF_OK;
	k = hf_section_kind(s, l->reg, n->text);
	if (k == NULL)
		return HF_OK; /* hf_plant_finish says so */
	conf = hf_arena_calloc(l->p->arena, 1, k->size > 0 ? k->size : 1);
	if (conf == NULL)
		return out_of_memory(l);
	if (hf_opt_defaults(k->opts, k->nopt, conf, l->p->arena, why,
		sizeof(why)) != HF_OK) {
		error_at(l, n, why);
		return HF_EINVAL;
	}
	memcpy(item + s->kind_off, &k, sizeof(k));
	memcpy(item + s->conf_off, &conf, sizeof(conf));
	c->is_kind_unknown = false;
	c->kinds[1] = k;
	c->conf[1] = conf;
	return HF_OK;
}

static int
read_item(struct loader *l, const struct hf_section *s,
    const struct hf_ynode *n, char *item)
{
	struct map_ctx c = {.section = s->plural,
	    .map = n,
	    .kinds = {&s->kind},
	    .conf = {item}};
	char why[HF_OPT_WHY], *key;
	int rc;

	if (n != NULL && s->is_map) {
		key = hf_arena_strndup(l->p->arena, n->key->text, n->key->len);
		if (key == NULL)
			return out_of_memory(l);
		memcpy(item + s->name_off, &key, sizeof(key));
		c.item = key;
	}
	c.at = n == NULL ? NULL : n->key;
	if (n != NULL && n->kind != HF_Y_MAP && !hf_ynode_is_null(n)) {
		hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
		    "%s%s%s is a map of options; write {%s: ...}", s->plural,
		    c.item == NULL ? "" : ".", c.item == NULL ? "" : c.item,
		    s->kind.opts[0].name);
		return HF_OK;
	}
	if (s->is_map && hf_opt_defaults(s->kind.opts, s->kind.nopt, item,
			     l->p->arena, why, sizeof(why)) != HF_OK) {
		error_at(l, n, why);
		return HF_EINVAL;
	}
	rc = s->choice == NULL ? HF_OK : choose_kind(l, s, &c, item);
	if (rc == HF_OK)
		read_rows(l, &c, 0);
	return rc;
}

static int
read_map_section(
    struct loader *l, const struct hf_section *s, const struct hf_ynode *map)
{
	const struct hf_ynode *n;
	size_t count = 0;
	char *items;
	int rc = HF_OK;

	if (map == NULL || hf_ynode_is_null(map))
		return HF_OK;
	if (map->kind != HF_Y_MAP) {
		hf_findings_add(l->f, PLANT_FILE, map->line, map->col, false,
		    "%s is a map from names to options; write each as \"name: "
		    "{...}\"",
		    s->plural);
		return HF_OK;
	}
	if (map->n > HF_PLANT_NITEM) {
		hf_findings_add(l->f, PLANT_FILE, map->key->line, map->key->col,
		    false, "%zu %s, at most %d are allowed", map->n, s->plural,
		    HF_PLANT_NITEM);
		return HF_OK;
	}
	items = hf_arena_calloc(l->p->arena, map->n, s->kind.size);
	if (items == NULL && map->n > 0)
		return out_of_memory(l);
	for (n = map->first; n != NULL && rc == HF_OK; n = n->next) {
		/* a key given twice was reported; the first one counts */
		if (!n->is_repeat)
			rc = read_item(l, s, n, items + count++ * s->kind.size);
	}
	memcpy((char *)l->p + s->items_off, &items, sizeof(items));
	memcpy((char *)l->p + s->count_off, &count, sizeof(count));
	return rc;
}

static void
check_top_keys(struct loader *l)
{
	const char *words[WORDS_MAX], *near;
	const struct hf_ynode *n;
	char shown[100];
	size_t i;

	for (i = 0; i < hf_nsection; i++)
		words[i] = hf_sections[i].plural;
	words[i++] = "format";
	for (n = l->root->first; n != NULL; n = n->next) {
		if (hf_section_find(n->key->text) != NULL ||
		    strcmp(n->key->text, "format") == 0)
			continue;
		near = hf_nearest(n->key->text, words, i);
		hf_printable(shown, sizeof(shown), n->key->text, n->key->len);
		hf_findings_add(l->f, PLANT_FILE, n->key->line, n->key->col,
		    false, "unknown section \"%s\"%s%s%s", shown,
		    near == NULL ? "; holdfast.conf(5) lists the sections"
				 : ", did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?");
	}
}

static int
check_format(struct loader *l)
{
	const struct hf_ynode *n = hf_ynode_get(l->root, "format");
	char shown[40];

	if (l->root == NULL || l->root->kind != HF_Y_MAP) {
		error_at(l, l->root,
		    "the file is no map of sections; begin with \"format: 1\"");
		return HF_EINVAL;
	}
	if (n == NULL) {
		hf_findings_add(l->f, PLANT_FILE, 1, 1, false,
		    "format is required; begin the file with \"format: 1\"");
		return HF_OK;
	}
	if (n->kind == HF_Y_SCALAR && strcmp(n->text, FORMAT) == 0)
		return HF_OK;
	hf_printable(shown, sizeof(shown),
	    n->kind == HF_Y_SCALAR ? n->text : "?",
	    n->kind == HF_Y_SCALAR ? n->len : 1);
	hf_findings_add(l->f, PLANT_FILE, n->line, n->col, false,
	    "format \"%s\" is unknown to this program, which reads format 1; "
	    "nothing "
	    "else was checked",
	    shown);
	return HF_EINVAL;
}

static int
read_sections(struct loader *l)
{
	const struct hf_section *s;
	const struct hf_ynode *n;
	size_t i;
	int rc = check_format(l);

	if (rc != HF_OK)
		return rc;
	check_top_keys(l);
	for (i = 0; i < hf_nsection && rc == HF_OK; i++) {
		s = &hf_sections[i];
		n = hf_ynode_get(l->root, s->plural);
		if (s->is_map)
			rc = read_map_section(l, s, n);
		else
			rc = read_item(l, s, n, hf_section_item(s, l->p, 0));
	}
	return rc;
}

/* ---- files that items name ---- */

/* The text of the file that an item of `contracts:` names. */
static void
read_item_file(struct loader *l, const struct hf_section *s, char *item)
{
	const struct hf_ynode *n;
	struct hf_err err = {0};
	struct hf_buf text;
	char *file, *key, *copy;

	memcpy(&file, item + s->file_off, sizeof(file));
	memcpy(&key, item + s->name_off, sizeof(key));
	if (file == NULL)
		return; /* required: reported */
	n = hf_ynode_get(hf_ynode_get(l->root, s->plural), key);
	if (n != NULL && hf_ynode_get(n, s->kind.opts[0].name) != NULL)
		n = hf_ynode_get(n, s->kind.opts[0].name);
	if (!hf_inside_ok(file)) {
		error_at(l, n,
		    "the file must lie inside the plant's directory; write a "
		    "relative path without \"..\"");
		return;
	}
	hf_buf_init(&text, s->text_max);
	if (hf_inside_read(l->dirfd, file, s->text_max, &text, &err) != HF_OK) {
		hf_findings_add(l->f, PLANT_FILE, n == NULL ? 0 : n->line,
		    n == NULL ? 0 : n->col, false, "%s.%s: %s %s", s->plural,
		    key, file, err.msg);
	} else if (text.len > 0 && memchr(text.p, '\0', text.len) != NULL) {
		hf_findings_add(l->f, file, 0, 0, false,
		    "holds a NUL byte; save it as UTF-8 text");
	} else {
		copy = hf_arena_strndup(l->p->arena,
		    text.p == NULL ? "" : (const char *)text.p, text.len);
		memcpy(item + s->text_off, &copy, sizeof(copy));
	}
	hf_buf_fini(&text);
}

static void
read_item_files(struct loader *l)
{
	const struct hf_section *s;
	size_t i, j;

	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		for (j = 0; s->text_off != 0 && j < hf_section_count(s, l->p);
		     j++)
			read_item_file(l, s, hf_section_item(s, l->p, j));
	}
}

/* ---- tags ---- */

static const struct hf_ynode *
device_row(struct loader *l, const struct hf_device *d, const char *row)
{
	const struct hf_ynode *item =
	    hf_ynode_get(hf_ynode_get(l->root, "devices"), d->name);
	const struct hf_ynode *n = hf_ynode_get(item, row);

	return n == NULL ? item : n;
}

static int
read_tags_file(struct loader *l, const struct hf_device *d, size_t nuser)
{
	const struct hf_conf_extra *x = l->extra;
	const struct hf_ynode *at;
	struct hf_tags_in in = {.p = l->p,
	    .device = nuser == 1 ? d->name : NULL,
	    .file = d->tags_file,
	    .f = l->f,
	    .places = &l->places,
	    .check_file = true};
	struct hf_err err = {0};
	struct hf_buf text;
	int rc = HF_OK;

	hf_buf_init(&text, TAGS_BYTES);
	if (x != NULL && x->name != NULL && strcmp(x->name, d->tags_file) == 0)
		hf_buf_put(&text, x->text, x->n);
	else
		rc = hf_inside_read(
		    l->dirfd, d->tags_file, TAGS_BYTES, &text, &err);
	if (rc != HF_OK) {
		at = device_row(l, d, "tags");
		hf_findings_add(l->f, PLANT_FILE, at == NULL ? 0 : at->line,
		    at == NULL ? 0 : at->col, false, "tags: %s %s",
		    d->tags_file, err.msg);
		l->has_tag_errors = true;
	} else if (hf_tags_parse(&in, (const char *)text.p, text.len) !=
		   HF_OK) {
		l->has_tag_errors = true;
	}
	hf_buf_fini(&text);
	return rc;
}

/* Each file once, in the order of the devices that name it. */
static int
read_tags(struct loader *l)
{
	struct hf_strmap *seen = hf_strmap_new(HF_PLANT_NITEM);
	size_t *nuser = calloc(l->p->ndevice + 1, sizeof(*nuser));
	struct hf_device *d, *first;
	size_t i;

	if (seen == NULL || nuser == NULL) {
		hf_strmap_free(seen);
		free(nuser);
		return out_of_memory(l);
	}
	for (i = 0; i < l->p->ndevice; i++) {
		d = &l->p->devices[i];
		if (d->tags_file == NULL)
			continue;
		if (!hf_inside_ok(d->tags_file)) {
			error_at(l, device_row(l, d, "tags"),
			    "tags: the file must lie inside the plant's "
			    "directory; "
			    "write a relative path without \"..\"");
			l->has_tag_errors = true;
			continue;
		}
		hf_strmap_put(seen, d->tags_file, d);
		first = hf_strmap_get(seen, d->tags_file);
		if (first != NULL)
			nuser[first - l->p->devices]++;
	}
	for (i = 0; i < l->p->ndevice; i++)
		if (nuser[i] > 0)
			read_tags_file(l, &l->p->devices[i], nuser[i]);
	hf_strmap_free(seen);
	free(nuser);
	return HF_OK;
}

/* ---- places of what hf_plant_finish reports ---- */

/* Walks "rules.press7-hot.on" down the tree as far as it goes. Keys may hold
 * dots when they are wrong, so the longest key that fits is taken. */
static const struct hf_ynode *
find_place(const struct hf_ynode *n, const char *what)
{
	const struct hf_ynode *c, *best;
	size_t len;

	while (n != NULL && n->kind == HF_Y_MAP && *what != '\0') {
		best = NULL;
		for (c = n->first; c != NULL; c = c->next) {
			len = c->key->len;
			if (strncmp(what, c->key->text, len) == 0 &&
			    (what[len] == '.' || what[len] == '\0') &&
			    (best == NULL || len > best->key->len))
				best = c;
		}
		if (best == NULL)
			break;
		what += best->key->len + (what[best->key->len] == '.');
		n = best;
	}
	return n;
}

static void
add_at(struct loader *l, const char *what, const char *text, bool is_warning)
{
	static const char tags[] = "tags.";
	const struct hf_tag_place *t = NULL;
	const struct hf_ynode *n;
	int line, col;

	if (strncmp(what, tags, sizeof(tags) - 1) == 0)
		t = hf_tag_places_find(&l->places, what + sizeof(tags) - 1);
	if (t != NULL) {
		hf_findings_add(
		    l->f, t->file, t->line, t->col, is_warning, "%s", text);
		return;
	}
	n = find_place(l->root, what);
	line = n == NULL ? 0 : n->line;
	col = n == NULL ? 0 : n->col;
	/* a whole item is pointed at by its key */
	if (n != NULL && n->kind == HF_Y_MAP && n->key != NULL) {
		line = n->key->line;
		col = n->key->col;
	}
	hf_findings_add(
	    l->f, PLANT_FILE, line, col, is_warning, "%s: %s", what, text);
}

/* Its file could not be read, which has been said with the reason. */
static bool
is_unread_contract(const struct loader *l, const char *what)
{
	static const char section[] = "contracts.";
	const struct hf_contract *c;
	size_t i, n;

	if (strncmp(what, section, sizeof(section) - 1) != 0)
		return false;
	what += sizeof(section) - 1;
	for (i = 0; i < l->p->ncontract; i++) {
		c = &l->p->contracts[i];
		n = c->name == NULL ? 0 : strlen(c->name);
		if (n > 0 && c->schema == NULL &&
		    strncmp(what, c->name, n) == 0 &&
		    strcmp(what + n, ".schema") == 0)
			return true;
	}
	return false;
}

static void
on_finish_error(void *arg, const char *what, const char *text)
{
	struct loader *l = arg;
	size_t n = strlen(what);

	if (is_unread_contract(l, what))
		return;
	if (l->has_tag_errors && n > 5 && strcmp(what + n - 5, ".tags") == 0 &&
	    (strncmp(what, "detectors.", 10) == 0 ||
		strncmp(what, "exports.", 8) == 0))
		return;
	add_at(l, what, text, false);
}

static void
on_warning(void *arg, const char *what, const char *text)
{
	add_at(arg, what, text, true);
}

/* ---- all of it ---- */

static int
load_tree(struct loader *l, struct hf_err *err)
{
	struct hf_buf text;
	int rc;

	hf_buf_init(&text, HF_YAML_BYTES);
	rc = hf_inside_read(l->dirfd, PLANT_FILE, HF_YAML_BYTES, &text, err);
	if (rc != HF_OK) {
		hf_findings_add(l->f, PLANT_FILE, 0, 0, false,
		    "%s; the plant's folder holds it (etc/minimal is one)",
		    err == NULL ? "cannot be read" : err->msg);
		hf_err_prefix(err, "%s", PLANT_FILE);
	} else {
		rc = hf_yaml_parse(text.p == NULL ? "" : (const char *)text.p,
		    text.len, PLANT_FILE, l->scratch, l->f, &l->root);
	}
	hf_buf_fini(&text);
	return rc;
}

static int
load_plant(struct loader *l, struct hf_err *err)
{
	size_t nerror;
	int rc;

	rc = load_tree(l, err);
	if (rc == HF_OK)
		rc = read_sections(l);
	if (rc == HF_OK) {
		read_item_files(l);
		rc = read_tags(l);
	}
	if (rc == HF_OK)
		rc = hf_plant_finish(l->p, l->reg, on_finish_error, l);
	if (rc == HF_OK && l->extra != NULL && l->extra->check != NULL)
		l->extra->check(l->extra->check_arg, l->p, on_finish_error, l);
	nerror = hf_findings_nerror(l->f);
	if (rc == HF_OK && nerror == 0)
		hf_plant_warn(l->p, hf_wall_ns(), on_warning, l);
	if (rc == HF_OK && nerror > 0)
		rc = HF_EINVAL;
	if (rc == HF_EINVAL)
		hf_err_set(err, rc,
		    "%zu error%s in the configuration; `holdfast "
		    "check` shows where",
		    nerror, nerror == 1 ? "" : "s");
	else if (rc != HF_OK && (err == NULL || err->rc == HF_OK))
		hf_err_set(err, rc, "the configuration could not be read: %s",
		    hf_rc_name(rc));
	return rc;
}

int
hf_conf_load_with(int dirfd, const struct hf_registry *reg,
    const struct hf_conf_extra *extra, hf_finding_fn *fn, void *arg,
    struct hf_plant **out, struct hf_err *err)
{
	struct loader l = {.dirfd = dirfd, .reg = reg, .extra = extra};
	struct hf_err own = {0};
	int rc = HF_ENOMEM;

	l.f = hf_findings_new();
	l.scratch = hf_arena_new(SCRATCH);
	l.p = hf_plant_new();
	if (l.f == NULL || l.scratch == NULL || l.p == NULL) {
		HF_FAIL(&own, rc, "no memory to read the configuration");
		goto out;
	}
	rc = load_plant(&l, &own);
	hf_findings_report(l.f, fn, arg);
	if (rc == HF_OK) {
		*out = l.p;
		l.p = NULL;
	}
out:
	if (rc != HF_OK)
		hf_err_set(err, rc, "%s", own.msg);
	hf_tag_places_fini(&l.places);
	hf_plant_free(l.p);
	hf_arena_free(l.scratch);
	hf_findings_free(l.f);
	return rc;
}

int
hf_conf_load(int dirfd, const struct hf_registry *reg, hf_finding_fn *fn,
    void *arg, struct hf_plant **out, struct hf_err *err)
{
	return hf_conf_load_with(dirfd, reg, NULL, fn, arg, out, err);
}

int
hf_conf_tags_file(
    int dirfd, const char *device, char *out, size_t cap, struct hf_err *err)
{
	struct loader l = {.dirfd = dirfd};
	const struct hf_ynode *n;
	int rc = HF_ENOMEM;

	l.f = hf_findings_new();
	l.scratch = hf_arena_new(SCRATCH);
	if (l.f == NULL || l.scratch == NULL) {
		HF_FAIL(err, rc, "no memory to read the configuration");
		goto out;
	}
	rc = load_tree(&l, err);
	if (rc != HF_OK) {
		hf_err_set(err, rc,
		    "%s cannot be read; `holdfast check` shows why",
		    PLANT_FILE);
		goto out;
	}
	n = hf_ynode_get(hf_ynode_get(l.root, "devices"), device);
	if (n == NULL) {
		rc = HF_FAIL(err, HF_ENOTFOUND,
		    "there is no device \"%s\" under devices: in %s", device,
		    PLANT_FILE);
		goto out;
	}
	n = hf_ynode_get(n, "tags");
	if (n == NULL || n->kind != HF_Y_SCALAR || !hf_inside_ok(n->text) ||
	    !hf_strcpy(out, cap, n->text))
		rc = HF_FAIL(err, HF_ENOTFOUND,
		    "device \"%s\" names no file under tags:; add tags: "
		    "tags/%s.csv",
		    device, device);
out:
	hf_arena_free(l.scratch);
	hf_findings_free(l.f);
	return rc;
}
