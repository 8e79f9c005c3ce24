/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_plant.h - a small plant made in memory, for tests of the namespace.
 */
#ifndef TESTS_BUS_PLANT_H
#define TESTS_BUS_PLANT_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/batch.h"
#include "model/plant.h"

#define BUS_PLANT_NTAG 16

struct bus_plant {
	struct hf_plant p;
	struct hf_asset assets[4];
	struct hf_tag tags[BUS_PLANT_NTAG];
	char enterprise[80], site[80];
};

static inline void
bus_plant_init(struct bus_plant *b)
{
	memset(b, 0, sizeof(*b));
	strncpy(b->enterprise, "acme", sizeof(b->enterprise) - 1);
	strncpy(b->site, "berlin", sizeof(b->site) - 1);
	b->p.site.enterprise = b->enterprise;
	b->p.site.site = b->site;
	b->p.assets = b->assets;
	b->p.tags = b->tags;
	b->p.asset_by_path = hf_strmap_new(8);
	b->p.tag_by_path = hf_strmap_new(BUS_PLANT_NTAG);
}

static inline void
bus_plant_fini(struct bus_plant *b)
{
	size_t i;

	hf_strmap_free(b->p.asset_by_path);
	hf_strmap_free(b->p.tag_by_path);
	for (i = 0; i < b->p.ntag; i++)
		free(b->tags[i].path);
	for (i = 0; i < b->p.nasset; i++) {
		free(b->assets[i].path);
		free(b->assets[i].contract);
	}
}

static inline struct hf_asset *
bus_plant_asset(struct bus_plant *b, const char *path, const char *contract)
{
	struct hf_asset *a = &b->assets[b->p.nasset++];

	a->path = strdup(path);
	a->contract = contract == NULL ? NULL : strdup(contract);
	hf_strmap_put(b->p.asset_by_path, a->path, a);
	return a;
}

static inline struct hf_tag *
bus_plant_tag(struct bus_plant *b, const char *path)
{
	struct hf_tag *t = &b->tags[b->p.ntag++];
	static char device[] = "press7";

	t->path = strdup(path);
	t->device = device;
	t->type = HF_T_F64;
	t->range_lo = t->range_hi = NAN;
	t->key = hf_tag_key(path);
	hf_strmap_put(b->p.tag_by_path, t->path, t);
	return t;
}

#endif
