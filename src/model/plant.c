/* SPDX-License-Identifier: Apache-2.0
 *
 * plant.c - life of a struct hf_plant: new, finished, looked up, freed.
 *
 * A plant is filled by src/conf from files or by plant_pack.c from bytes; both
 * end in hf_plant_finish, which resolves names and finds every contradiction,
 * so that a plant that was finished needs no further check by anybody. What is
 * checked:
 *   here            kinds, keys, rules of one item, tags
 *   plant_check.c   references, conduits, devices' reach, rules
 *   plant_zones.c   zones, parties of conduits: what may be reached at all
 *   plant_broker.c  conduits of brokers
 *   plant_edge.c    contracts, edge processes
 *   plant_match.c   detectors and exports: patterns to tags
 * Nothing here reads a clock or a file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/batch.h"
#include "model/optval.h"
#include "model/plant_priv.h"

#define TEXT_MAX 512 /* bytes of one report */
#define WHAT_MAX 512
#define STAMP_TAG "_stamp"
#define NEAREST_MAX 2000 /* keys that "did you mean" looks through */

/* ---- life ---- */

static int
default_singles(struct hf_plant *p)
{
	char why[HF_OPT_WHY];
	const struct hf_section *s;
	size_t i;
	int rc;

	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		if (s->is_map)
			continue;
		rc = hf_opt_defaults(s->kind.opts, s->kind.nopt,
		    hf_section_item(s, p, 0), p->arena, why, sizeof(why));
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

struct hf_plant *
hf_plant_new(void)
{
	struct hf_plant *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->arena = hf_arena_new(HF_PLANT_ARENA);
	if (p->arena == NULL || default_singles(p) != HF_OK) {
		hf_plant_free(p);
		return NULL;
	}
	return p;
}

static void
free_maps(struct hf_plant *p)
{
	hf_strmap_free(p->tag_by_path);
	hf_strmap_free(p->asset_by_path);
	hf_map64_free(p->tag_by_key);
	p->tag_by_path = p->asset_by_path = NULL;
	p->tag_by_key = NULL;
}

void
hf_plant_free(struct hf_plant *p)
{
	if (p == NULL)
		return;
	free_maps(p);
	hf_arena_free(p->arena);
	free(p);
}

struct hf_tag *
hf_plant_add_tag(struct hf_plant *p)
{
	char why[HF_OPT_WHY];
	struct hf_tag *bigger, *t;
	size_t cap;

	if (p->ntag >= HF_PLANT_NTAG)
		return NULL;
	if (p->ntag >= p->tag_cap) {
		cap = p->ntag < 32 ? 64 : p->ntag * 2;
		bigger = hf_arena_calloc(p->arena, cap, sizeof(*bigger));
		if (bigger == NULL)
			return NULL;
		if (p->ntag > 0)
			memcpy(bigger, p->tags, p->ntag * sizeof(*bigger));
		p->tags = bigger;
		p->tag_cap = cap;
	}
	t = &p->tags[p->ntag];
	memset(t, 0, sizeof(*t));
	if (hf_opt_defaults(hf_tag_kind.opts, hf_tag_kind.nopt, t, p->arena,
		why, sizeof(why)) != HF_OK)
		return NULL;
	p->ntag++;
	return t;
}

/* ---- lookups ---- */

const struct hf_tag *
hf_plant_tag(const struct hf_plant *p, const char *path)
{
	return p->tag_by_path == NULL ? NULL
				      : hf_strmap_get(p->tag_by_path, path);
}

const struct hf_tag *
hf_plant_tag_by_key(const struct hf_plant *p, uint64_t key)
{
	return p->tag_by_key == NULL ? NULL : hf_map64_get(p->tag_by_key, key);
}

const struct hf_asset *
hf_plant_asset_of(const struct hf_plant *p, const struct hf_tag *t)
{
	const struct hf_asset *a;
	char path[256], *slash;

	if (p->asset_by_path == NULL || t->path == NULL ||
	    !hf_strcpy(path, sizeof(path), t->path))
		return NULL;
	while ((slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		a = hf_strmap_get(p->asset_by_path, path);
		if (a != NULL)
			return a;
	}
	return NULL;
}

/* ---- reports ---- */

void
hf_finish_error(struct hf_finish *f, const char *section, const char *item,
    const char *option, const char *fmt, ...)
{
	char text[TEXT_MAX], what[WHAT_MAX];
	va_list ap;

	f->nerror++;
	if (f->report == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(what, sizeof(what), "%s%s%s%s%s", section,
	    item == NULL ? "" : ".", item == NULL ? "" : item,
	    option == NULL ? "" : ".", option == NULL ? "" : option);
	f->report(f->arg, what, text);
}

static size_t
section_index(const char *plural)
{
	size_t i;

	for (i = 0; i < hf_nsection - 1; i++)
		if (strcmp(hf_sections[i].plural, plural) == 0)
			break;
	return i;
}

void *
hf_finish_find(const struct hf_finish *f, const char *section, const char *key)
{
	return hf_strmap_get(f->names[section_index(section)], key);
}

static char *
item_key(const struct hf_section *s, const void *item)
{
	char *key;

	memcpy(&key, (const char *)item + s->name_off, sizeof(key));
	return key;
}

const char *
hf_finish_nearest(
    const struct hf_finish *f, const char *section, const char *key)
{
	const struct hf_section *s = hf_section_find(section);
	const char **words, *near;
	size_t i, n = hf_section_count(s, f->p);

	if (n > NEAREST_MAX)
		n = NEAREST_MAX;
	words = calloc(n + 1, sizeof(*words));
	if (words == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		words[i] = item_key(s, hf_section_item(s, f->p, i));
		if (words[i] == NULL)
			words[i] = "";
	}
	near = hf_nearest(key, words, n);
	free(words);
	return near;
}

/* ---- items of the sections ---- */

/* Rules across rows may look at any of them: only when all that is required is
 * there. */
static bool
is_complete(const struct hf_opt *rows, size_t nrow, const void *conf)
{
	size_t i;

	for (i = 0; i < nrow; i++)
		if ((rows[i].flags & HF_OPT_REQUIRED) != 0 &&
		    !hf_opt_is_given(
			&rows[i], (const char *)conf + rows[i].off))
			return false;
	return true;
}

static void
check_kind(struct hf_finish *f, const struct hf_section *s, const char *key,
    const struct hf_kind *k, const void *conf)
{
	char why[HF_OPT_WHY] = "";

	if (k->check == NULL || !is_complete(k->opts, k->nopt, conf))
		return;
	if (k->check(conf, why, sizeof(why)) != HF_OK)
		hf_finish_error(f, s->plural, key, NULL, "%s", why);
}

static void
say_unknown_kind(struct hf_finish *f, const struct hf_section *s,
    const char *key, const char *name)
{
	const struct hf_kind *const *v;
	const char *words[64], *near;
	size_t i, n;

	v = hf_section_kinds(s, f->reg, &n);
	for (i = 0; i < n && i < 64; i++)
		words[i] = v[i]->name;
	near = hf_nearest(name, words, i);
	if (near != NULL)
		hf_finish_error(f, s->plural, key, s->choice,
		    "%s \"%s\" is unknown, did you mean \"%s\"?", s->choice,
		    name, near);
	else
		hf_finish_error(f, s->plural, key, s->choice,
		    "%s \"%s\" is unknown; `holdfast doc` lists those of this "
		    "program",
		    s->choice, name);
}

/* Finds the registered kind of a device, detector or export, and makes its
 * options (all defaults) if nobody did. */
static void
resolve_kind(struct hf_finish *f, const struct hf_section *s, char *item,
    const char *key)
{
	const struct hf_kind *k;
	char why[HF_OPT_WHY], *name;
	void *conf;

	memcpy(&name, item + s->choice_off, sizeof(name));
	if (name == NULL)
		return;
	k = hf_section_kind(s, f->reg, name);
	memcpy(item + s->kind_off, &k, sizeof(k));
	if (k == NULL) {
		say_unknown_kind(f, s, key, name);
		return;
	}
	memcpy(&conf, item + s->conf_off, sizeof(conf));
	if (conf == NULL) {
		conf =
		    hf_arena_calloc(f->p->arena, 1, k->size > 0 ? k->size : 1);
		if (conf == NULL ||
		    hf_opt_defaults(k->opts, k->nopt, conf, f->p->arena, why,
			sizeof(why)) != HF_OK) {
			f->is_nomem = true;
			return;
		}
		memcpy(item + s->conf_off, &conf, sizeof(conf));
	}
	check_kind(f, s, key, k, conf);
}

static void
check_item(struct hf_finish *f, size_t isection, void *item)
{
	const struct hf_section *s = &hf_sections[isection];
	const char *key = NULL;
	int rc;

	if (s->is_map) {
		key = item_key(s, item);
		if (key == NULL ||
		    !(s->has_path_keys ? hf_path_ok(key) : hf_name_ok(key))) {
			hf_finish_error(f, s->plural, key == NULL ? "?" : key,
			    NULL,
			    "%s \"%s\" is no %s: write 1 to 64 of A-Z a-z 0-9 "
			    "_ -%s",
			    s->singular, key == NULL ? "" : key,
			    s->has_path_keys ? "path" : "name",
			    s->has_path_keys ? ", levels joined by /" : "");
			return;
		}
		rc = hf_strmap_put(f->names[isection], key, item);
		if (rc == HF_EEXIST)
			hf_finish_error(f, s->plural, key, NULL,
			    "%s \"%s\" is defined twice; remove one",
			    s->singular, key);
		f->is_nomem |= rc == HF_ENOMEM;
	}
	check_kind(f, s, key, &s->kind, item);
	if (s->choice != NULL)
		resolve_kind(f, s, item, key);
}

static void
check_sections(struct hf_finish *f)
{
	const struct hf_section *s;
	size_t i, j, n;

	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		n = hf_section_count(s, f->p);
		if (s->is_map && n > HF_PLANT_NITEM)
			hf_finish_error(f, s->plural, NULL, NULL,
			    "%zu %s, at most %d are allowed", n, s->plural,
			    HF_PLANT_NITEM);
		for (j = 0; j < n; j++)
			check_item(f, i, hf_section_item(s, f->p, j));
	}
	if (f->p->nzone > HF_PLANT_NZONE)
		hf_finish_error(f, "zones", NULL, NULL,
		    "%zu zones, at most %d are allowed", f->p->nzone,
		    HF_PLANT_NZONE);
}

/* ---- tags ---- */

static void
tag_error(struct hf_finish *f, const struct hf_tag *t, const char *column,
    const char *text)
{
	char item[WHAT_MAX];

	snprintf(item, sizeof(item), "%s.%s",
	    t->device == NULL ? "?" : t->device,
	    t->name == NULL ? "?" : t->name);
	hf_finish_error(f, "tags", item, column, "%s", text);
}

static void
resolve_device(struct hf_finish *f, struct hf_tag *t)
{
	const struct hf_device *d;
	char text[TEXT_MAX];
	const char *near;

	t->device_idx = UINT32_MAX;
	if (t->device == NULL)
		return;
	d = hf_finish_find(f, "devices", t->device);
	if (d != NULL) {
		t->device_idx = (uint32_t)(d - f->p->devices);
		return;
	}
	near = hf_finish_nearest(f, "devices", t->device);
	snprintf(text, sizeof(text),
	    "device \"%s\" is not defined under devices:%s%s%s", t->device,
	    near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?");
	tag_error(f, t, "device", text);
}

/* Tags of one device stand together, in the order of their file. */
static void
group_tags(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	struct hf_tag *sorted;
	uint32_t *start;
	size_t i, d;
	bool is_sorted = true;

	for (i = 1; i < p->ntag; i++)
		is_sorted &= p->tags[i - 1].device_idx <= p->tags[i].device_idx;
	if (is_sorted)
		return;
	start = calloc(p->ndevice + 2, sizeof(*start));
	sorted = hf_arena_calloc(p->arena, p->ntag, sizeof(*sorted));
	if (start == NULL || sorted == NULL) {
		f->is_nomem = true;
		free(start);
		return;
	}
	for (i = 0; i < p->ntag; i++) {
		d = p->tags[i].device_idx;
		start[(d < p->ndevice ? d : p->ndevice) + 1]++;
	}
	for (d = 1; d < p->ndevice + 2; d++)
		start[d] += start[d - 1];
	for (i = 0; i < p->ntag; i++) {
		d = p->tags[i].device_idx;
		sorted[start[d < p->ndevice ? d : p->ndevice]++] = p->tags[i];
	}
	free(start);
	p->tags = sorted;
	p->tag_cap = p->ntag;
}

static void
tag_path(struct hf_finish *f, struct hf_tag *t)
{
	const struct hf_device *d = &f->p->devices[t->device_idx];
	char text[TEXT_MAX];

	if (t->path == NULL && d->asset == NULL) {
		snprintf(text, sizeof(text),
		    "tag \"%s\" has no uns_path and device \"%s\" no asset; "
		    "give one "
		    "of them",
		    t->name, d->name);
		tag_error(f, t, "uns_path", text);
		return;
	}
	if (t->path == NULL) {
		t->path =
		    hf_arena_printf(f->p->arena, "%s/%s", d->asset, t->name);
		f->is_nomem |= t->path == NULL;
	}
	if (t->path != NULL && !hf_path_ok(t->path)) {
		snprintf(text, sizeof(text),
		    "\"%.200s\" is no path: names joined by /, at most 12 "
		    "levels and "
		    "255 bytes",
		    t->path);
		tag_error(f, t, "uns_path", text);
		t->path = NULL;
	}
}

static void
index_tag(struct hf_finish *f, struct hf_tag *t)
{
	const struct hf_tag *other;
	char text[TEXT_MAX];
	int rc;

	t->key = hf_tag_key(t->path);
	rc = hf_strmap_put(f->p->tag_by_path, t->path, t);
	f->is_nomem |= rc == HF_ENOMEM;
	if (rc == HF_EEXIST) {
		other = hf_strmap_get(f->p->tag_by_path, t->path);
		snprintf(text, sizeof(text),
		    "path \"%s\" is already that of tag \"%s\" of device "
		    "\"%s\"; give "
		    "one of them another uns_path",
		    t->path, other->name, other->device);
		tag_error(f, t, "uns_path", text);
		return;
	}
	rc = hf_map64_put(f->p->tag_by_key, t->key, t);
	f->is_nomem |= rc == HF_ENOMEM;
	if (rc == HF_EEXIST) {
		other = hf_map64_get(f->p->tag_by_key, t->key);
		snprintf(text, sizeof(text),
		    "path \"%s\" has the same 64-bit key as \"%s\"; rename one "
		    "of them",
		    t->path, other->path);
		tag_error(f, t, "uns_path", text);
	}
}

static void
check_tag(struct hf_finish *f, struct hf_tag *t)
{
	char why[HF_OPT_WHY] = "";

	t->is_stamp = strcmp(t->name, STAMP_TAG) == 0;
	if (hf_tag_kind.check(t, why, sizeof(why)) != HF_OK)
		tag_error(f, t, NULL, why);
	tag_path(f, t);
	if (t->path != NULL)
		index_tag(f, t);
}

static int
tag_name_cmp(const void *a, const void *b)
{
	const struct hf_tag *const *x = a, *const *y = b;
	int c = strcmp((*x)->name, (*y)->name);

	/* same name: the order of the file, so that the later one is the
	 * error */
	return c != 0 ? c : (*x > *y) - (*x < *y);
}

static void
check_tag_names(struct hf_finish *f, const struct hf_device *d)
{
	const struct hf_tag **v = calloc(d->ntag + 1u, sizeof(*v));
	char text[TEXT_MAX];
	size_t i;

	if (v == NULL) {
		f->is_nomem = true;
		return;
	}
	for (i = 0; i < d->ntag; i++)
		v[i] = &f->p->tags[d->tag_first + i];
	qsort(v, d->ntag, sizeof(*v), tag_name_cmp);
	for (i = 1; i < d->ntag; i++) {
		if (strcmp(v[i - 1]->name, v[i]->name) != 0)
			continue;
		snprintf(text, sizeof(text),
		    "tag \"%s\" is given twice for device \"%s\"; remove or "
		    "rename one",
		    v[i]->name, d->name);
		tag_error(f, v[i], "tag", text);
	}
	free(v);
}

static void
check_tags(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	struct hf_device *d = NULL;
	size_t i;

	for (i = 0; i < p->ntag; i++)
		resolve_device(f, &p->tags[i]);
	group_tags(f);
	for (i = 0; i < p->ndevice; i++)
		p->devices[i].tag_first = p->devices[i].ntag = 0;
	for (i = 0; i < p->ntag; i++) {
		if (p->tags[i].device_idx >= p->ndevice)
			break;
		d = &p->devices[p->tags[i].device_idx];
		if (d->ntag++ == 0)
			d->tag_first = (uint32_t)i;
		if (p->tags[i].name != NULL)
			check_tag(f, &p->tags[i]);
	}
	for (i = 0; i < p->ndevice; i++)
		check_tag_names(f, &p->devices[i]);
}

/* ---- finish ---- */

static bool
make_maps(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	bool ok = true;
	size_t i;

	free_maps(p);
	p->tag_by_path = hf_strmap_new(HF_PLANT_NTAG);
	p->asset_by_path = hf_strmap_new(HF_PLANT_NITEM);
	p->tag_by_key = hf_map64_new(HF_PLANT_NTAG);
	for (i = 0; i < hf_nsection; i++) {
		f->names[i] = hf_strmap_new(HF_PLANT_NITEM);
		ok = ok && f->names[i] != NULL;
	}
	return ok && p->tag_by_path != NULL && p->asset_by_path != NULL &&
	       p->tag_by_key != NULL;
}

static void
index_assets(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	size_t i;

	for (i = 0; i < p->nasset; i++)
		if (p->assets[i].path != NULL)
			f->is_nomem |=
			    hf_strmap_put(p->asset_by_path, p->assets[i].path,
				&p->assets[i]) == HF_ENOMEM;
}

static int
hash_plant(struct hf_finish *f)
{
	struct hf_err err = {0};
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, HF_PLANT_BYTES);
	rc = hf_plant_pack(f->p, &b, &err);
	if (rc == HF_OK)
		memcpy(f->p->hash, b.p + b.len - HF_SHA256_LEN, HF_SHA256_LEN);
	else
		hf_finish_error(f, "plant", NULL, NULL, "%s", err.msg);
	hf_buf_fini(&b);
	return rc;
}

int
hf_plant_finish(struct hf_plant *p, const struct hf_registry *reg,
    hf_plant_report *report, void *arg)
{
	struct hf_finish f = {.p = p, .reg = reg, .report = report, .arg = arg};
	size_t i;

	f.is_nomem = !make_maps(&f);
	if (!f.is_nomem) {
		check_sections(&f);
		index_assets(&f);
		hf_finish_refs(&f);
		check_tags(&f);
		hf_finish_contracts(&f);
		hf_finish_zones(&f);
		hf_finish_parties(&f);
		hf_finish_conduits(&f);
		hf_finish_brokers(&f);
		hf_finish_devices(&f);
		hf_finish_contract_tags(&f);
		hf_finish_edges(&f);
		hf_finish_exports(&f);
		hf_finish_matches(&f);
		hf_finish_rules(&f);
	}
	if (f.is_nomem)
		hf_finish_error(&f, "plant", NULL, NULL, "out of memory");
	for (i = 0; i < hf_nsection; i++)
		hf_strmap_free(f.names[i]);
	if (f.is_nomem)
		return HF_ENOMEM;
	if (f.nerror > 0)
		return HF_EINVAL;
	return hash_plant(&f);
}
