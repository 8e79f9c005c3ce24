/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_priv.h - shared by plant.c, plant_check.c and plant_match.c only: the
 * state of one run of hf_plant_finish.
 */
#ifndef HF_MODEL_PLANT_PRIV_H
#define HF_MODEL_PLANT_PRIV_H

#include "base/map.h"
#include "model/plant.h"

#define HF_PLANT_NSECTION 16 /* room; a test holds it against hf_nsection */
#define HF_PLANT_ARENA (512u << 20) /* bytes of one plant in memory */
#define HF_PLANT_NMATCH 4000000	    /* (detector, tag) pairs of all */
#define HF_PLANT_NCOMPARE 200000000 /* pattern comparisons of one finish */

struct hf_finish {
	struct hf_plant *p;
	const struct hf_registry *reg;
	hf_plant_report *report;
	void *arg;
	size_t nerror;
	bool is_nomem;
	/* by section: key -> item */
	struct hf_strmap *names[HF_PLANT_NSECTION];
};

/* One error about section.item.option; item and option may be NULL. */
void hf_finish_error(struct hf_finish *f, const char *section, const char *item,
    const char *option, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Item of a section by key, NULL if none. */
void *hf_finish_find(
    const struct hf_finish *f, const char *section, const char *key);
/* The defined key of a section nearest to a wrong one, NULL if none. */
const char *hf_finish_nearest(
    const struct hf_finish *f, const char *section, const char *key);

/* plant_check.c */
void hf_finish_refs(struct hf_finish *f);
void hf_finish_conduits(struct hf_finish *f);
void hf_finish_devices(struct hf_finish *f);
void hf_finish_rules(struct hf_finish *f);
/* plant_match.c */
void hf_finish_detectors(struct hf_finish *f);

#endif
