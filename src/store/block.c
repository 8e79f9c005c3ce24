/* SPDX-License-Identifier: Apache-2.0
 *
 * block.c - growing array of points with its string area; contract in block.h.
 */
#include "store/block.h"

#include <stdlib.h>
#include <string.h>

#include "model/batch.h"

#define FIRST_POINTS 64 /* then doubled: an idle tag must stay small */
#define FIRST_STRING 256

void
hf_block_fini(struct hf_block *b)
{
	free(b->pt);
	free(b->str);
	memset(b, 0, sizeof(*b));
}

void
hf_block_reset(struct hf_block *b)
{
	b->n = 0;
	b->str_len = 0;
}

static size_t
grown(size_t cap, size_t first, size_t want)
{
	if (cap == 0)
		cap = first;
	while (cap < want)
		cap *= 2;
	return cap;
}

bool
hf_block_reserve(struct hf_block *b, size_t n, size_t str_len)
{
	size_t cap;
	void *p;

	if (n > b->cap) {
		cap = grown(b->cap, FIRST_POINTS, n);
		p = realloc(b->pt, cap * sizeof(*b->pt));
		if (p == NULL)
			return false;
		b->pt = p;
		b->cap = cap;
	}
	if (str_len > b->str_cap) {
		cap = grown(b->str_cap, FIRST_STRING, str_len);
		p = realloc(b->str, cap);
		if (p == NULL)
			return false;
		b->str = p;
		b->str_cap = cap;
	}
	return true;
}

bool
hf_block_insert(
    struct hf_block *b, size_t at, const struct hf_pt *p, const char *str)
{
	size_t len = p->vtype == HF_V_STR ? hf_strref_len(p->bits) : 0;

	if (!hf_block_reserve(b, b->n + 1, b->str_len + len))
		return false;
	if (at < b->n)
		memmove(
		    &b->pt[at + 1], &b->pt[at], (b->n - at) * sizeof(*b->pt));
	b->pt[at] = *p;
	b->pt[at].unused = 0;
	b->n++;
	if (p->vtype == HF_V_STR) {
		if (len > 0)
			memcpy(b->str + b->str_len,
			    str + hf_strref_off(p->bits), len);
		b->pt[at].bits = hf_strref(b->str_len, len);
		b->str_len += len;
	}
	return true;
}

size_t
hf_block_lower(const struct hf_block *b, int64_t t_ns)
{
	size_t lo = 0, hi = b->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (b->pt[mid].t_ns < t_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t
hf_block_upper(const struct hf_block *b, int64_t t_ns)
{
	size_t lo = 0, hi = b->n, mid;

	if (b->n > 0 && b->pt[b->n - 1].t_ns <= t_ns)
		return b->n; /* the usual case: in order */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (b->pt[mid].t_ns <= t_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
hf_pt_same(const struct hf_pt *a, const char *astr, const struct hf_pt *b,
    const char *bstr)
{
	size_t len;

	if (a->t_ns != b->t_ns || a->status != b->status ||
	    a->vtype != b->vtype)
		return false;
	if (a->vtype != HF_V_STR)
		return a->bits == b->bits;
	len = hf_strref_len(a->bits);
	return len == hf_strref_len(b->bits) &&
	       (len == 0 || memcmp(astr + hf_strref_off(a->bits),
				bstr + hf_strref_off(b->bits), len) == 0);
}

bool
hf_block_has(const struct hf_block *b, const struct hf_pt *p, const char *str)
{
	size_t i = hf_block_upper(b, p->t_ns);

	while (i > 0 && b->pt[i - 1].t_ns == p->t_ns) {
		i--;
		if (hf_pt_same(&b->pt[i], b->str, p, str))
			return true;
	}
	return false;
}

size_t
hf_block_bytes(const struct hf_block *b)
{
	return b->cap * sizeof(*b->pt) + b->str_cap;
}
