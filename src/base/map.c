/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - open addressing with linear probing, grown at a load of one half.
 *
 * Both maps are one table of (hash, key, value); the string map hashes its key
 * with FNV-1a (64 bit) and compares the strings, the number map is its own
 * hash. A value is never NULL: NULL means "no such entry".
 */
#include "base/map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"

#define FIRST_NSLOT 16 /* power of two */

struct entry {
	uint64_t key;	 /* number, or hash of str */
	const char *str; /* NULL in number maps; borrowed */
	void *val;	 /* NULL = free slot */
};

struct table {
	struct entry *e;
	size_t nslot; /* power of two, or 0 */
	size_t n, max;
};

struct hf_map64 {
	struct table t;
};

struct hf_strmap {
	struct table t;
};

/* Finaliser of MurmurHash3: spreads keys that differ in few bits. */
static size_t
spread(uint64_t k)
{
	k ^= k >> 33;
	k *= UINT64_C(0xff51afd7ed558ccd);
	k ^= k >> 33;
	k *= UINT64_C(0xc4ceb9fe1a85ec53);
	k ^= k >> 33;
	return (size_t)k;
}

/* Slot of the key, or the free slot where it belongs. Needs a free slot. */
static struct entry *
find(const struct table *t, uint64_t key, const char *str)
{
	size_t i = spread(key) & (t->nslot - 1);
	struct entry *e;

	for (;; i = (i + 1) & (t->nslot - 1)) {
		e = &t->e[i];
		if (e->val == NULL)
			return e;
		if (e->key == key && (str == NULL || strcmp(e->str, str) == 0))
			return e;
	}
}

static bool
grow(struct table *t)
{
	struct table bigger = *t;
	size_t i;

	if (t->nslot == 0)
		bigger.nslot = FIRST_NSLOT;
	else if (!hf_mul_size(t->nslot, 2, &bigger.nslot))
		return false;
	bigger.e = calloc(bigger.nslot, sizeof(*bigger.e));
	if (bigger.e == NULL)
		return false;
	for (i = 0; i < t->nslot; i++) {
		if (t->e[i].val != NULL)
			*find(&bigger, t->e[i].key, t->e[i].str) = t->e[i];
	}
	free(t->e);
	*t = bigger;
	return true;
}

static void *
get(const struct table *t, uint64_t key, const char *str)
{
	return t->nslot == 0 ? NULL : find(t, key, str)->val;
}

static int
put(struct table *t, uint64_t key, const char *str, void *val)
{
	assert(val != NULL);
	if (get(t, key, str) != NULL)
		return HF_EEXIST;
	if (t->n >= t->max)
		return HF_ELIMIT;
	if (t->n >= t->nslot / 2 && !grow(t))
		return HF_ENOMEM;
	*find(t, key, str) = (struct entry){.key = key, .str = str, .val = val};
	t->n++;
	return HF_OK;
}

struct hf_map64 *
hf_map64_new(size_t max_items)
{
	struct hf_map64 *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->t.max = max_items;
	return m;
}

void
hf_map64_free(struct hf_map64 *m)
{
	if (m == NULL)
		return;
	free(m->t.e);
	free(m);
}

int
hf_map64_put(struct hf_map64 *m, uint64_t key, void *val)
{
	return put(&m->t, key, NULL, val);
}

void *
hf_map64_get(const struct hf_map64 *m, uint64_t key)
{
	return get(&m->t, key, NULL);
}

size_t
hf_map64_count(const struct hf_map64 *m)
{
	return m->t.n;
}

static uint64_t
fnv1a(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return h;
}

struct hf_strmap *
hf_strmap_new(size_t max_items)
{
	struct hf_strmap *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->t.max = max_items;
	return m;
}

void
hf_strmap_free(struct hf_strmap *m)
{
	if (m == NULL)
		return;
	free(m->t.e);
	free(m);
}

int
hf_strmap_put(struct hf_strmap *m, const char *key, void *val)
{
	return put(&m->t, fnv1a(key), key, val);
}

void *
hf_strmap_get(const struct hf_strmap *m, const char *key)
{
	return get(&m->t, fnv1a(key), key);
}

size_t
hf_strmap_count(const struct hf_strmap *m)
{
	return m->t.n;
}
