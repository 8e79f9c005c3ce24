/* SPDX-License-Identifier: Apache-2.0
 *
 * core_mirror_in.h - what core_mirror*.c share. Private to them.
 *
 *   core_mirror.c        connections, the pump, values, status
 *   core_mirror_facts.c  what is no value: online states, alarms, events
 *   core_mirror_plan.c   from a plant to tables: who is shown where
 */
#ifndef HF_PROC_CORE_MIRROR_IN_H
#define HF_PROC_CORE_MIRROR_IN_H

#include "bus/mirror.h"
#include "bus/mqtt.h"
#include "bus/topic.h"
#include "proc/core.h"
#include "proc/core_mirror.h"

#define MIRROR_NEVENT 1000 /* events that wait for one broker */
#define MIRROR_NONE UINT32_MAX
#define MIRROR_PAYLOAD (64 << 10) /* of an alarm or a meta, at most */

enum mirror_online { ON_UNKNOWN, ON_ONLINE, ON_OFFLINE, ON_UNCERTAIN };

/* Something retained that is no value of a tag: one topic. */
enum mirror_kind { FACT_ASSET, FACT_DEVICE, FACT_ALARM };

struct mirror_fact {
	enum mirror_kind kind;
	uint32_t zones;	  /* bits: whose it is */
	uint32_t dirty;	  /* bits: zones whose broker does not have it yet */
	char *topic;	  /* owned; NULL: has none in this plant */
	uint32_t idx;	  /* of the asset or device in the plant */
	uint8_t online;	  /* enum mirror_online, FACT_ASSET and FACT_DEVICE */
	int64_t since_ns; /* wall, of `online` */
	char *key;	  /* FACT_ALARM, owned */
};

struct mirror_feed { /* device feeds asset */
	uint32_t asset, device;
};

struct mirror_event { /* waits for its broker */
	struct mirror_event *next;
	char *topic, *json; /* behind the struct */
};

struct mirror_zone { /* one broker */
	struct core *c;
	uint32_t idx; /* of the zone in the plant */
	char name[65];
	struct hf_mqtt *m;
	struct hf_mirror *mirror;
	uint32_t *slot_of; /* by tag: its slot, or MIRROR_NONE */
	uint32_t *tag_of;  /* by slot */
	bool *is_umh;	   /* by slot; NULL: nothing is exported */
	size_t nslot;
	/* What is still to be published of ... */
	size_t nround;	  /* ... values in this round, at most */
	size_t meta_at;	  /* ... _meta: slots from here on */
	bool owes_online; /* ... "we are here" */
	bool owes_status; /* ... the counters */
	size_t fact_at;	  /* ... facts: none before it is dirty */
	struct mirror_event *events, **events_last;
	size_t nevent;
	char **clear; /* topics that are gone, from clear_at on */
	size_t nclear, cap_clear, clear_at;
	/* for status */
	bool is_up;
	int64_t since_ns; /* wall, of is_up */
	int64_t last_ns;  /* monotonic, last publish; HF_TIME_NONE */
	uint64_t npublished;
	char error[400];
};

struct core_mirror {
	struct core *c;
	struct mirror_zone *zones[HF_PLANT_NZONE]; /* nzone brokers */
	size_t nzone;
	size_t turn; /* whose slice is next */
	struct hf_watch *pump;
	bool is_armed;
	int64_t due_ns;	  /* monotonic, if is_armed: when the pump runs */
	int64_t round_ns; /* monotonic, next round of values */
	uint64_t durable; /* put_seq */
	struct mirror_fact *facts;
	size_t nfact, cap_fact;
	struct hf_strmap *alarms;  /* key -> index in facts + 1 */
	struct mirror_feed *feeds; /* sorted by asset */
	size_t nfeed;
	uint32_t *asset_zones; /* by asset: bits */
	int64_t status_ns;     /* monotonic, next status */
	struct hf_buf buf;     /* payload being made */
};

/* core_mirror.c */
/* The pump runs within delay_ns, sooner if that was said before. */
void mirror_arm(struct core_mirror *cm, int64_t delay_ns);
/* HF_OK, or why it could not be published now. */
int mirror_publish(struct mirror_zone *z, const char *topic, const void *p,
    size_t n, bool retain, const char *const *props);
bool mirror_connect(struct mirror_zone *z);
void mirror_all_again(struct mirror_zone *z);
/* plant-level topic: "uns/v1/<enterprise>/<site>/<leaf>" */
bool mirror_site_topic(
    const struct core *c, const char *leaf, char out[HF_TOPIC_BYTES]);

/* core_mirror_facts.c */
/* False: nothing is dirty. *rc: of the publish. */
bool mirror_fact_step(struct mirror_zone *z, int *rc);
bool mirror_event_step(struct mirror_zone *z, int *rc);
void mirror_watch_online(struct core_mirror *cm);
void mirror_drop_event(struct mirror_zone *z);
/* Bits of the zones to which `subject` of a rule or alarm belongs. */
uint32_t mirror_zones_of(const struct core_mirror *cm, const struct hf_plant *p,
    const char *rule, const char *subject);
/* Fills topic and zones; a topic that it had and has no more is cleared. */
void mirror_alarm_place(
    struct core_mirror *cm, const struct hf_plant *p, struct mirror_fact *f);
void mirror_fact_dirty(struct core_mirror *cm, size_t i);
/* NULL on no memory. */
struct mirror_fact *mirror_fact_add(struct core_mirror *cm);
void mirror_clear(struct mirror_zone *z, const char *topic);

/* core_mirror_plan.c */
/* May a topic of these zones be shown in zone z's broker? */
bool mirror_shows(const struct hf_plant *p, uint32_t zone_idx, uint32_t zones,
    const char *topic);
void mirror_zone_free(struct mirror_zone *z);
struct core_mirror *core_mirror_new(struct core *c); /* core_mirror.c */
void mirror_facts_fini(struct core_mirror *cm);

#endif
