/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_match.c - which tags a detector looks at.
 *
 * A detector names patterns over tag paths. A pattern without '*' is one
 * lookup. For the others, tags are held sorted by path, and only those that
 * begin with the text before the first '*' are compared: the cost is the number
 * of tags below that level, not the size of the plant. The sum of comparisons
 * and of matches is bounded. The time register (_stamp) is never matched;
 * strings are passed over by patterns and refused when named.
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
	size_t ncompare, ntotal; /* of all detectors */
	bool is_full;
};

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
		if (!t->is_stamp && t->type != HF_T_STR &&
		    hf_path_match(pattern, t->path))
			add_hit(m, t);
	}
	return m->nhit - before;
}

static void
match_one(struct match *m, const struct hf_detector *d, const char *pattern)
{
	const struct hf_tag *t;
	const char *words[1], *near = NULL;

	if (strchr(pattern, '*') != NULL) {
		if (match_wild(m, pattern) == 0 && !m->is_full)
			hf_finish_error(m->f, "detectors", d->name, "tags",
			    "\"%s\" matches no tag with a number; `holdfast "
			    "tags list` "
			    "shows the paths",
			    pattern);
		return;
	}
	t = hf_plant_tag(m->f->p, pattern);
	if (t != NULL && !t->is_stamp && t->type != HF_T_STR) {
		add_hit(m, t);
		return;
	}
	if (t != NULL) {
		hf_finish_error(m->f, "detectors", d->name, "tags",
		    "tag \"%s\" is %s; a detector needs numbers", pattern,
		    t->is_stamp ? "the time register" : "a string");
		return;
	}
	/* the neighbour in the sorted paths is a cheap and good guess */
	if (m->nsorted > 0) {
		size_t i = lower_bound(m, pattern, strlen(pattern));

		words[0] = m->sorted[i < m->nsorted ? i : i - 1]->path;
		near = hf_nearest(pattern, words, 1);
	}
	hf_finish_error(m->f, "detectors", d->name, "tags",
	    "there is no tag \"%s\"%s%s%s", pattern,
	    near == NULL ? "; `holdfast tags list` shows the paths"
			 : ", did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static void
keep_hits(struct match *m, struct hf_detector *d)
{
	size_t i, n = 0;

	qsort(m->hit, m->nhit, sizeof(*m->hit), idx_cmp);
	for (i = 0; i < m->nhit; i++)
		if (i == 0 || m->hit[i] != m->hit[i - 1])
			m->hit[n++] = m->hit[i];
	m->ntotal += n;
	d->tag_idx = hf_arena_calloc(m->f->p->arena, n, sizeof(*d->tag_idx));
	if (d->tag_idx == NULL) {
		m->f->is_nomem = true;
		return;
	}
	memcpy(d->tag_idx, m->hit, n * sizeof(*d->tag_idx));
	d->ntag = (uint32_t)n;
}

static void
match_detector(struct match *m, struct hf_detector *d)
{
	size_t i;

	m->nhit = 0;
	d->tag_idx = NULL;
	d->ntag = 0;
	for (i = 0; i < d->tags.n && !m->is_full; i++)
		match_one(m, d, d->tags.v[i]);
	if (m->nhit > 0)
		keep_hits(m, d);
	if (m->is_full || m->ntotal > HF_PLANT_NMATCH) {
		hf_finish_error(m->f, "detectors", d->name, "tags",
		    "patterns of all detectors together are too wide (%d "
		    "matches, %d "
		    "comparisons); name tags more closely",
		    HF_PLANT_NMATCH, HF_PLANT_NCOMPARE);
		m->is_full = true;
	}
	if (d->kind != NULL && (d->kind->flags & HF_KIND_LEARNS) != 0 &&
	    d->learn.dur_ns == 0 && d->learn.nsample == 0)
		hf_finish_error(m->f, "detectors", d->name, NULL,
		    "method %s learns; say how long, for example learn: 2h",
		    d->method);
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
hf_finish_detectors(struct hf_finish *f)
{
	struct match m = {.f = f};
	size_t i;

	if (!sort_tags(&m)) {
		f->is_nomem = true;
		return;
	}
	for (i = 0; i < f->p->ndetector && !m.is_full; i++)
		match_detector(&m, &f->p->detectors[i]);
	free(m.hit);
	free(m.sorted);
}
