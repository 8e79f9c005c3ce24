/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_edge.c - contracts compiled, and which edge process talks to a device.
 *
 * Each zone has an edge. A serial line has one of its own beside it, because a
 * library that blocks on a line must not hold up the zone's other devices; all
 * devices on that line share it. Its name is the zone's and the last part of
 * the line's path ("press-ttyUSB0"): a folder of the spool and the source of
 * its batches, so it must not change while the line stays.
 *
 * Called by hf_plant_finish. Which process runs is decided by the parent.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/plant_priv.h"
#include "model/schema.h"

#define OWN_PREFIX "_holdfast_"

/* ---- contracts ---- */

bool
hf_contract_name_ok(const char *name)
{
	size_t n = strlen(name), i, v;

	if (n > 64 || name[0] != '_' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n ||
	    strncmp(name, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) == 0)
		return false;
	v = n;
	while (v > 0 && name[v - 1] >= '0' && name[v - 1] <= '9')
		v--;
	if (v == n || name[v] == '0' || n - v > 6)
		return false;
	/* "_v" before the number, and a word before that */
	i = v;
	return i >= 4 && name[i - 1] == 'v' && name[i - 2] == '_';
}

static void
check_contract(struct hf_finish *f, struct hf_contract *c)
{
	struct hf_err err = {0};

	c->compiled = NULL;
	if (!hf_contract_name_ok(c->name)) {
		hf_finish_error(f, "contracts", c->name, NULL,
		    "\"%s\" is no name of a contract; write _NAME_vN in lower "
		    "case, for example _pump_v1 (_holdfast_... are our own)",
		    c->name);
		return;
	}
	if (c->schema == NULL)
		return; /* the reader said why; see also missing_text */
	if (hf_schema_compile(f->p->arena, c->schema, strlen(c->schema),
		&c->compiled, &err) != HF_OK)
		hf_finish_error(f, "contracts", c->name, "schema", "%s%s%s",
		    c->schema_file == NULL ? "" : c->schema_file,
		    c->schema_file == NULL ? "" : ": ", err.msg);
}

void
hf_finish_contracts(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	struct hf_contract *c;
	struct hf_asset *a;
	size_t i;

	for (i = 0; i < p->ncontract; i++) {
		c = &p->contracts[i];
		if (c->name == NULL)
			continue;
		check_contract(f, c);
		/* fail closed: no text, no plant */
		if (c->schema == NULL)
			hf_finish_error(f, "contracts", c->name, "schema",
			    "there is no schema to check against; give the "
			    "file");
	}
	for (i = 0; i < p->nasset; i++) {
		a = &p->assets[i];
		a->contract_ptr =
		    a->contract == NULL
			? NULL
			: hf_finish_find(f, "contracts", a->contract);
	}
}

const struct hf_schema *
hf_plant_tag_schema(const struct hf_plant *p, const struct hf_tag *t)
{
	const struct hf_asset *a = hf_plant_asset_of(p, t);

	if (a == NULL || a->contract_ptr == NULL ||
	    a->contract_ptr->compiled == NULL)
		return NULL;
	return hf_schema_at(
	    a->contract_ptr->compiled, t->path + strlen(a->path) + 1);
}

static const char *
type_word(const struct hf_tag *t)
{
	if (t->type == HF_T_STR)
		return "string";
	return t->type == HF_T_BOOL ? "boolean" : "number";
}

static void
check_contract_tag(struct hf_finish *f, const struct hf_tag *t)
{
	const struct hf_asset *a = hf_plant_asset_of(f->p, t);
	const struct hf_schema *s;
	const char *expects, *below;
	char item[512];

	if (a == NULL || a->contract_ptr == NULL ||
	    a->contract_ptr->compiled == NULL || t->is_stamp)
		return;
	below = t->path + strlen(a->path) + 1;
	snprintf(item, sizeof(item), "%s.%s",
	    t->device == NULL ? "?" : t->device, t->name);
	s = hf_schema_at(a->contract_ptr->compiled, below);
	if (s == NULL)
		hf_finish_error(f, "tags", item, "uns_path",
		    "contract %s of asset %s does not know \"%s\"; levels "
		    "below the asset are its properties: give the tag another "
		    "uns_path, or make a new version of the contract",
		    a->contract, a->path, below);
	else if (!hf_schema_takes(s, type_word(t), &expects))
		hf_finish_error(f, "tags", item, "type",
		    "a %s, but contract %s wants %s for \"%s\"; change the "
		    "tag's type, or make a new version of the contract",
		    type_word(t), a->contract, expects, below);
}

void
hf_finish_contract_tags(struct hf_finish *f)
{
	size_t i;

	if (f->p->ncontract == 0)
		return;
	for (i = 0; i < f->p->ntag; i++)
		if (f->p->tags[i].path != NULL && f->p->tags[i].name != NULL)
			check_contract_tag(f, &f->p->tags[i]);
}

/* ---- edges ---- */

static const char *
serial_of(const struct hf_device *d)
{
	char *path;

	if (d->kind == NULL || d->conf == NULL ||
	    (d->kind->flags & HF_KIND_SERIAL) == 0)
		return NULL;
	memcpy(&path, d->conf, sizeof(path));
	return path;
}

/* Edge of the line, a new one if no device before had it. */
static struct hf_edge *
line_edge(struct hf_finish *f, const struct hf_device *d, const char *path)
{
	struct hf_plant *p = f->p;
	const char *base = strrchr(path, '/');
	struct hf_edge *e;
	char *name;
	size_t i;

	for (i = p->nzone; i < p->nedge; i++)
		if (strcmp(p->edges[i].serial, path) == 0)
			return &p->edges[i];
	name = hf_arena_printf(
	    p->arena, "%s-%s", d->zone, base == NULL ? path : base + 1);
	if (p->nedge >= HF_PLANT_NEDGE) {
		hf_finish_error(f, "devices", d->name, NULL,
		    "%d zones and serial lines are the most of one node; move "
		    "lines to a second node",
		    HF_PLANT_NEDGE);
		return NULL;
	}
	f->is_nomem |= name == NULL;
	if (name == NULL)
		return NULL;
	if (!hf_name_ok(name)) {
		hf_finish_error(f, "devices", d->name, d->kind->opts[0].name,
		    "\"%s\" gives its process no name: the last part of the "
		    "path takes A-Z a-z 0-9 _ - and with the zone's name 64 "
		    "bytes; link the line under such a name (udev)",
		    path);
		return NULL;
	}
	for (i = 0; i < p->nedge; i++)
		if (p->edges[i].name != NULL &&
		    strcmp(p->edges[i].name, name) == 0) {
			hf_finish_error(f, "devices", d->name,
			    d->kind->opts[0].name,
			    "the line's process would be called \"%s\", as "
			    "that of %s %s; link the line under another name",
			    name, i < p->nzone ? "zone" : "line",
			    i < p->nzone ? p->zones[i].name
					 : p->edges[i].serial);
			return NULL;
		}
	e = &p->edges[p->nedge++];
	*e = (struct hf_edge){.name = name,
	    .zone_idx = d->zone_idx,
	    .serial = hf_arena_strdup(p->arena, path)};
	f->is_nomem |= e->serial == NULL;
	return e->serial == NULL ? NULL : e;
}

void
hf_finish_edges(struct hf_finish *f)
{
	struct hf_plant *p = f->p;
	struct hf_device *d;
	struct hf_edge *e;
	const char *path;
	size_t i;

	p->nedge = 0;
	p->edges = hf_arena_calloc(p->arena, HF_PLANT_NEDGE, sizeof(*p->edges));
	if (p->edges == NULL) {
		f->is_nomem = true;
		return;
	}
	for (i = 0; i < p->nzone && i < HF_PLANT_NZONE; i++)
		p->edges[p->nedge++] = (struct hf_edge){
		    .name = p->zones[i].name, .zone_idx = (uint32_t)i};
	if (p->nedge < p->nzone)
		return; /* too many zones: reported */
	for (i = 0; i < p->ndevice; i++) {
		d = &p->devices[i];
		d->edge_idx = d->zone_idx;
		path = serial_of(d);
		if (path == NULL || d->zone == NULL)
			continue;
		e = line_edge(f, d, path);
		if (e == NULL)
			continue;
		d->edge_idx = (uint32_t)(e - p->edges);
		if (e->zone_idx != d->zone_idx)
			hf_finish_error(f, "devices", d->name, "zone",
			    "line %s belongs to zone %s; one line is in one "
			    "zone",
			    path, p->zones[e->zone_idx].name);
	}
}
