/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_priv.h - shared by the files plant_*.c of this folder only: the
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
/* plant_zones.c */
void hf_finish_zones(struct hf_finish *f);
void hf_finish_parties(struct hf_finish *f); /* of all conduits */
void hf_warn_zones(
    const struct hf_plant *p, hf_plant_report *report, void *arg);
/* Index of the first zone that a party names, -1 if none. */
int hf_conduit_zone(const struct hf_plant *p, const struct hf_conduit *c);
/* Zone of "role/zone", NULL if the text is no such party. */
const char *hf_party_zone(const char *party);
/* May edge/zone open a connection to host:port through it? */
bool hf_conduit_reaches(const struct hf_plant *p, const struct hf_conduit *c,
    const char *zone, const char *host, int64_t port);
/* plant_broker.c */
void hf_finish_brokers(struct hf_finish *f);
/* A device of HF_KIND_BROKER reaches a broker: its own zone's or one that a
 * conduit of MQTT names. */
void hf_finish_broker_device(struct hf_finish *f, const struct hf_device *d);
/* Index of a zone by name, -1 if there is none. */
int hf_finish_zone_idx(const struct hf_plant *p, const char *name);
/* A kind's row by name, NULL if none; its row "port" as a number, else 0. */
const struct hf_opt *hf_finish_row(const struct hf_kind *k, const char *name);
int64_t hf_finish_port(const struct hf_kind *k, const void *conf);
bool hf_proto_is_mqtt(const char *proto);
/* "zone Z has no broker", with the remedy. */
void hf_finish_no_broker(struct hf_finish *f, const char *section,
    const char *item, const char *option, const char *zone);
/* plant_edge.c */
void hf_finish_contracts(struct hf_finish *f);
void hf_finish_contract_tags(struct hf_finish *f); /* after the tags */
void hf_finish_edges(struct hf_finish *f);
/* Text of an export's option, NULL if not given or not in its kind. */
const char *hf_finish_export_str(const struct hf_export *x, const char *name);
/* plant_export.c */
void hf_finish_exports(struct hf_finish *f);
void hf_warn_exports(
    const struct hf_plant *p, hf_plant_report *report, void *arg);
/* plant_match.c */
void hf_finish_matches(struct hf_finish *f); /* detectors, exports */

#endif
