/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - which tags decide about a subject, and evidence compared member by
 * member; see replay.h.
 *
 * Evidence is split at its outermost level only and its values are compared as
 * the bytes that were stored: a number that would read back the same but is
 * written otherwise is a difference.
 */
#include "detect/replay.h"

#include <string.h>

#include "detect/engine_in.h"

#define DEPTH_MAX 32 /* nesting of evidence; it has 4 */

const uint8_t *
hf_engine_model_hash(const struct hf_engine *e, size_t i)
{
	return e->det[i].model_hash;
}

bool
hf_engine_is_fresh(const struct hf_engine *e, size_t i)
{
	const struct det *d = &e->det[i];
	size_t k;

	for (k = 0; k < d->nsig; k++)
		if (d->sig[k].nstep > 0 || d->sig[k].nbad > 0)
			return false;
	return d->group == NULL || !d->group->has_first;
}

bool
hf_replay_needs(const struct hf_plant *p, const struct hf_rule *r,
    const char *subject, uint32_t tag_idx)
{
	const struct hf_method *m =
	    hf_method_find(p->detectors[r->detector_idx].method);
	const struct hf_asset *as;

	if (m == NULL || m->is_group || r->per == HF_PER_RULE)
		return true;
	if (strcmp(p->tags[tag_idx].path, subject) == 0)
		return true;
	if (r->per != HF_PER_ASSET)
		return false;
	as = hf_plant_asset_of(p, &p->tags[tag_idx]);
	return as != NULL && strcmp(as->path, subject) == 0;
}

int64_t
hf_replay_behind(const struct hf_plant *p, const struct hf_rule *r)
{
	const struct hf_detector *d = &p->detectors[r->detector_idx];
	const struct hf_method *m = hf_method_find(d->method);

	return m == NULL || !m->is_group
		   ? 0
		   : (HF_GROUP_NSLOT + 2) * m->grid_ns(d->conf);
}

struct member {
	const char *key, *val;
	size_t nkey, nval;
};

/* Behind the closing quote of a string whose opening one is at p; NULL at the
 * end of the text. */
static const char *
skip_string(const char *p)
{
	for (p++; *p != '\0' && *p != '"'; p++)
		if (*p == '\\' && p[1] != '\0')
			p++;
	return *p == '"' ? p + 1 : NULL;
}

static const char *
skip_value(const char *p)
{
	int depth = 0;

	while (p != NULL && *p != '\0') {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		if (depth > DEPTH_MAX)
			return NULL;
		p++;
	}
	return NULL;
}

/* The next member; *p starts at '{' or ',' and ends behind the value. False at
 * the end; *is_bad if it ended where no object does. */
static bool
next_member(const char **p, struct member *m, bool *is_bad)
{
	const char *s = *p;

	*is_bad = false;
	if (*s == '}' || (*s == '{' && s[1] == '}'))
		return false;
	*is_bad = true;
	if ((*s != '{' && *s != ',') || s[1] != '"')
		return false;
	m->key = s + 2;
	s = skip_string(s + 1);
	if (s == NULL || *s != ':')
		return false;
	m->nkey = (size_t)(s - 1 - m->key);
	m->val = s + 1;
	s = skip_value(s + 1);
	if (s == NULL)
		return false;
	m->nval = (size_t)(s - m->val);
	*p = s;
	*is_bad = false;
	return true;
}

static bool
is_key(const struct member *m, const char *name)
{
	return strlen(name) == m->nkey && memcmp(m->key, name, m->nkey) == 0;
}

static bool
find(const char *doc, const struct member *want, struct member *out)
{
	bool is_bad;

	while (next_member(&doc, out, &is_bad))
		if (out->nkey == want->nkey &&
		    memcmp(out->key, want->key, want->nkey) == 0)
			return true;
	return false;
}

static bool
is_whole(const char *doc)
{
	struct member m;
	bool is_bad;

	while (next_member(&doc, &m, &is_bad))
		;
	return !is_bad;
}

int
hf_replay_compare(
    const char *a, const char *b, hf_replay_diff_fn *fn, void *arg)
{
	const char *pa = a, *pb = b;
	struct member m, o;
	bool is_bad;
	int n = 0;

	if (*a != '{' || *b != '{' || !is_whole(a) || !is_whole(b))
		return -1;
	while (next_member(&pa, &m, &is_bad)) {
		bool has = find(b, &m, &o);

		if (is_key(&m, "frame") || is_key(&m, "snapshot") ||
		    (has && o.nval == m.nval &&
			memcmp(o.val, m.val, m.nval) == 0))
			continue;
		n++;
		fn(arg, m.key, m.nkey, m.val, m.nval, has ? o.val : NULL,
		    has ? o.nval : 0);
	}
	while (next_member(&pb, &m, &is_bad)) {
		if (is_key(&m, "frame") || is_key(&m, "snapshot") ||
		    find(a, &m, &o))
			continue;
		n++;
		fn(arg, m.key, m.nkey, NULL, 0, m.val, m.nval);
	}
	return n;
}
