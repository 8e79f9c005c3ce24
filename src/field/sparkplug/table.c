/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - the metrics that one BIRTH announced: by name and by alias.
 *
 * Two open-addressing indexes over one array, at most half full. The payload is
 * read twice: once for the room that its names take, once to fill.
 */
#include "field/sparkplug/table.h"

#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

uint64_t
hf_spb_hash(uint64_t seed, const void *p, size_t n)
{
	const uint8_t *s = p;
	uint64_t h = FNV_OFFSET ^ seed;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ s[i]) * FNV_PRIME;
	/* The low bits choose the slot: mix the high ones in. */
	h ^= h >> 32;
	h *= FNV_PRIME;
	return h ^ h >> 29;
}

static uint32_t
slot_of_name(const struct hf_spb_table *t, const char *name, size_t n)
{
	uint32_t i = (uint32_t)hf_spb_hash(t->seed, name, n) & t->mask;

	for (; t->by_name[i] != 0; i = (i + 1) & t->mask) {
		const char *have = t->e[t->by_name[i] - 1].name;

		if (strlen(have) == n && memcmp(have, name, n) == 0)
			break;
	}
	return i;
}

static uint32_t
slot_of_alias(const struct hf_spb_table *t, uint64_t alias)
{
	uint32_t i =
	    (uint32_t)hf_spb_hash(t->seed, &alias, sizeof(alias)) & t->mask;

	while (t->by_alias[i] != 0 && t->e[t->by_alias[i] - 1].alias != alias)
		i = (i + 1) & t->mask;
	return i;
}

static const char *
keep_text(struct hf_spb_table *t, const char *s, size_t n)
{
	char *at = t->text + t->ntext;

	if (n > 0)
		memcpy(at, s, n);
	at[n] = '\0';
	t->ntext += n + 1;
	return at;
}

/* False: it has no name, or its name or alias is taken. */
static bool
add(struct hf_spb_table *t, const struct hf_spb_metric *m)
{
	struct hf_spb_entry *e = &t->e[t->n];
	uint32_t name, alias = 0;

	if (m->name == NULL)
		return false;
	name = slot_of_name(t, m->name, m->name_len);
	if (m->has_alias)
		alias = slot_of_alias(t, m->alias);
	if (t->by_name[name] != 0 || (m->has_alias && t->by_alias[alias] != 0))
		return false;
	*e = (struct hf_spb_entry){.alias = m->alias,
	    .has_alias = m->has_alias,
	    .datatype = m->datatype,
	    .name = keep_text(t, m->name, m->name_len),
	    .unit = keep_text(t, m->unit, m->unit_len)};
	t->n++;
	t->by_name[name] = (uint32_t)t->n;
	if (m->has_alias)
		t->by_alias[alias] = (uint32_t)t->n;
	return true;
}

int
hf_spb_table_build(struct hf_spb_table *t, struct hf_spb_payload *birth,
    uint64_t seed, size_t *nodd, struct hf_err *err)
{
	struct hf_spb_payload first = *birth;
	size_t ntext = 1, nslot = 8;
	struct hf_spb_metric m;

	*t = (struct hf_spb_table){.seed = seed};
	*nodd = 0;
	while (hf_spb_next(&first, &m))
		ntext += m.name_len + m.unit_len + 2;
	while (nslot < 2 * birth->nmetric + 2)
		nslot *= 2;
	t->mask = (uint32_t)nslot - 1;
	t->e = calloc(birth->nmetric + 1, sizeof(*t->e));
	t->by_name = calloc(nslot, sizeof(*t->by_name));
	t->by_alias = calloc(nslot, sizeof(*t->by_alias));
	t->text = malloc(ntext);
	if (t->e == NULL || t->by_name == NULL || t->by_alias == NULL ||
	    t->text == NULL) {
		hf_spb_table_fini(t);
		return HF_FAIL(err, HF_ENOMEM, "%zu metrics", birth->nmetric);
	}
	while (hf_spb_next(birth, &m))
		if (!add(t, &m))
			++*nodd;
	return HF_OK;
}

void
hf_spb_table_fini(struct hf_spb_table *t)
{
	free(t->e);
	free(t->by_name);
	free(t->by_alias);
	free(t->text);
	*t = (struct hf_spb_table){.n = 0};
}

struct hf_spb_entry *
hf_spb_table_name(const struct hf_spb_table *t, const char *name, size_t n)
{
	uint32_t i;

	if (t->n == 0)
		return NULL;
	i = t->by_name[slot_of_name(t, name, n)];
	return i == 0 ? NULL : &t->e[i - 1];
}

struct hf_spb_entry *
hf_spb_table_alias(const struct hf_spb_table *t, uint64_t alias)
{
	uint32_t i;

	if (t->n == 0)
		return NULL;
	i = t->by_alias[slot_of_alias(t, alias)];
	return i == 0 ? NULL : &t->e[i - 1];
}
