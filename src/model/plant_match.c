/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_match.c - which tags a detector looks at, and an export carries.
 *
 * Both name patterns over tag paths. A pattern without '*' is one
 * lookup. For the others, tags are held sorted by path, and only those that
 * begin with the text before the first '*' are compared: the cost is the number
 * of tags below that level, not the size of the plant. The sum of comparisons
 * and of matches is bounded. The time register (_stamp) is never matched.
 * For a detector strings are passed over by patterns and refused when named; an
 * export takes them, but only tags of its own zone and of zones that a conduit
 * shows there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/plant_priv.h"

struct match {
	struct hf_finish *f;
	const struct hf_tag **sorted; /* by path */
	size_t nsorted;
	uint32_t *hit; /* tag indexes of one detector, with repetitions */
	size_t nhit, cap;
	size_t ncompare, ntotal; /* of all detectors and exports */
	bool is_full;
	/* what is being matched now */
	const char *section, *item;
	const struct hf_export *export; /* NULL: a detector */
	bool has_zone[HF_PLANT_NZONE];	/* export: whose tags it may have */
};

/* NULL, or why the tag cannot be had. */
static const char *
unfit(const struct match *m, const struct hf_tag *t)
{
	uint32_t zone;

	if (t->is_stamp)
		return "is the time register; it is never a sample";
	if (m->export == NULL)
		return t->type == HF_T_STR
			   ? "is a string; a detector needs numbers"
			   : NULL;
	if (t->device_idx >= m->f->p->ndevice)
		return "has no device";
	zone = m->f->p->devices[t->device_idx].zone_idx;
	if (zone < HF_PLANT_NZONE && m->has_zone[zone])
		return NULL;
	return "belongs to another zone; a conduit from edge/ZONE to this "
	       "zone's broker (proto: mqtt, direction: push) would show it "
	       "here";
}

static int
path_cmp(const void *a, const void *b)
{
	const struct hf_tag *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

static int
idx_cmp(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
add_hit(struct match *m, const struct hf_tag *t)
{
	uint32_t *bigger;
	size_t cap;

	if (m->nhit >= m->cap) {
		cap = m->cap == 0 ? 256 : m->cap * 2;
		bigger = m->nhit >= HF_PLANT_NMATCH
			     ? NULL
			     : realloc(m->hit, cap * sizeof(*bigger));
		if (bigger == NULL) {
			m->is_full = true;
			return;
		}
		m->hit = bigger;
		m->cap = cap;
	}
	m->hit[m->nhit++] = (uint32_t)(t - m->f->p->tags);
}

/* First tag whose path is not below the n bytes of prefix. */
static size_t
lower_bound(const struct match *m, const char *prefix, size_t n)
{
	size_t lo = 0, hi = m->nsorted, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strncmp(m->sorted[mid]->path, prefix, n) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t
match_wild(struct match *m, const char *pattern)
{
	size_t n = strcspn(pattern, "*"), before = m->nhit, i;
	const struct hf_tag *t;

	for (i = lower_bound(m, pattern, n); i < m->nsorted; i++) {
		t = m->sorted[i];
		if (strncmp(t->path, pattern, n) != 0)
			break;
		if (++m->ncompare > HF_PLANT_NCOMPARE || m->is_full) {
			m->is_full = true;
			break;
		}
		if (hf_path_match(pattern, t->path) && unfit(m, t) == NULL)
			add_hit(m, t);
	}
	return m->nhit - before;
}

static void
match_one(struct match *m, const char *pattern)
{
	const struct hf_tag *t;
	const char *words[1], *near = NULL;

	if (strchr(pattern, '*') != NULL) {
		if (match_wild(m, pattern) == 0 && !m->is_full)
			hf_finish_error(m->f, m->section, m->item, "tags",
			    "\"%s\" matches no tag %s; `holdfast tags list` "
			    "shows the paths",
			    pattern,
			    m->export == NULL ? "with a number"
					      : "that this zone has");
		return;
	}
	t = hf_plant_tag(m->f->p, pattern);
	if (t != NULL && unfit(m, t) == NULL) {
		add_hit(m, t);
		return;
	}
	if (t != NULL) {
		hf_finish_error(m->f, m->section, m->item, "tags",
		    "tag \"%s\" %s", pattern, unfit(m, t));
		return;
	}
	/* the neighbour in the sorted paths is a cheap and good guess */
	if (m->nsorted > 0) {
		size_t i = lower_bound(m, pattern, strlen(pattern));

		words[0] = m->sorted[i < m->nsorted ? i : i - 1]->path;
		near = hf_nearest(pattern, words, 1);
	}
	hf_finish_error(m->f, m->section, m->item, "tags",
	    "there is no tag \"%s\"%s%s%s", pattern,
	    near == NULL ? "; `holdfast tags list` shows the paths"
			 : ", did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static void
keep_hits(struct match *m, uint32_t **tag_idx, uint32_t *ntag)
{
	size_t i, n = 0;

	qsort(m->hit, m->nhit, sizeof(*m->hit), idx_cmp);
	for (i = 0; i < m->nhit; i++)
		if (i == 0 || m->hit[i] != m->hit[i - 1])
			m->hit[n++] = m->hit[i];
	m->ntotal += n;
	*tag_idx = hf_arena_calloc(m->f->p->arena, n, sizeof(**tag_idx));
	if (*tag_idx == NULL) {
		m->f->is_nomem = true;
		return;
	}
	memcpy(*tag_idx, m->hit, n * sizeof(**tag_idx));
	*ntag = (uint32_t)n;
}

static void
match_list(struct match *m, const struct hf_strlist *patterns,
    uint32_t **tag_idx, uint32_t *ntag)
{
	size_t i;

	*tag_idx = NULL;
	*ntag = 0;
	for (i = 0; i < patterns->n && !m->is_full; i++)
		match_one(m, patterns->v[i]);
	if (m->nhit > 0)
		keep_hits(m, tag_idx, ntag);
	m->nhit = 0;
	if (m->is_full || m->ntotal > HF_PLANT_NMATCH) {
		hf_finish_error(m->f, m->section, m->item, "tags",
		    "patterns of all detectors and exports together are too "
		    "wide (%d matches, %d comparisons); name tags more closely",
		    HF_PLANT_NMATCH, HF_PLANT_NCOMPARE);
		m->is_full = true;
	}
}

static void
match_detector(struct match *m, struct hf_detector *d)
{
	m->section = "detectors";
	m->item = d->name;
	m->export = NULL;
	match_list(m, &d->tags, &d->tag_idx, &d->ntag);
	if (d->kind != NULL && (d->kind->flags & HF_KIND_LEARNS) != 0 &&
	    d->learn.dur_ns == 0 && d->learn.nsample == 0)
		hf_finish_error(m->f, "detectors", d->name, NULL,
		    "method %s learns; say how long, for example learn: 2h",
		    d->method);
}

/* Tags of its zone, and of those that a conduit shows in its broker. */
static void
find_zones(struct match *m, const struct hf_export *x)
{
	const struct hf_plant *p = m->f->p;
	uint32_t from, to;
	size_t i;

	memset(m->has_zone, 0, sizeof(m->has_zone));
	if (x->zone_idx < HF_PLANT_NZONE)
		m->has_zone[x->zone_idx] = true;
	for (i = 0; i < p->nconduit; i++)
		if (hf_conduit_mirror(p, &p->conduits[i], &from, &to) &&
		    to == x->zone_idx && from < HF_PLANT_NZONE)
			m->has_zone[from] = true;
}

static void
match_export(struct match *m, struct hf_export *x)
{
	static char all_text[] = "**";
	static char *all_v[] = {all_text};
	static const struct hf_strlist all = {.v = all_v, .n = 1};
	const struct hf_zone *z =
	    x->zone == NULL ? NULL : hf_finish_find(m->f, "zones", x->zone);
	size_t i;

	if (z == NULL)
		return; /* reported by the reference check */
	x->zone_idx = (uint32_t)(z - m->f->p->zones);
	m->section = "exports";
	m->item = x->name;
	m->export = x;
	find_zones(m, x);
	if (x->tags.n > 0) {
		match_list(m, &x->tags, &x->tag_idx, &x->ntag);
		return;
	}
	memset(m->has_zone, 0, sizeof(m->has_zone));
	if (x->zone_idx < HF_PLANT_NZONE)
		m->has_zone[x->zone_idx] = true;
	for (i = 0; i < m->nsorted; i++)
		if (unfit(m, m->sorted[i]) == NULL)
			break;
	if (i < m->nsorted) /* a zone without tags exports none */
		match_list(m, &all, &x->tag_idx, &x->ntag);
}

static bool
sort_tags(struct match *m)
{
	const struct hf_plant *p = m->f->p;
	size_t i;

	m->sorted = calloc(p->ntag + 1, sizeof(*m->sorted));
	if (m->sorted == NULL)
		return false;
	for (i = 0; i < p->ntag; i++)
		if (p->tags[i].path != NULL)
			m->sorted[m->nsorted++] = &p->tags[i];
	qsort(m->sorted, m->nsorted, sizeof(*m->sorted), path_cmp);
	return true;
}

void
hf_finish_matches(struct hf_finish *f)
{
	struct match m = {.f = f};
	size_t i;

	if (!sort_tags(&m)) {
		f->is_nomem = true;
		return;
	}
	for (i = 0; i < f->p->ndetector && !m.is_full; i++)
		match_detector(&m, &f->p->detectors[i]);
	for (i = 0; i < f->p->nexport && !m.is_full; i++)
		match_export(&m, &f->p->exports[i]);
	free(m.hit);
	free(m.sorted);
}
