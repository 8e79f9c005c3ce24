/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h - shared by map.c, driver.c and try.c only: an open MQTT device.
 */
#ifndef HF_FIELD_MQTT_DEVICE_H
#define HF_FIELD_MQTT_DEVICE_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "field/broker.h"
#include "field/driver.h"
#include "field/mqtt/addr.h"
#include "field/mqtt/mqtt.h"
#include "model/schema.h"

struct hf_mq_conf {		      /* options; rows in driver.c */
	struct hf_broker_conf broker; /* first: its host is looked for there */
	int64_t qos;
	struct hf_strlist subscribe;
	char *contract;
	int64_t stale_ns;
};

struct hf_mq_point { /* one tag */
	const struct hf_tag *tag;
	struct hf_mq_addr addr;
	/* what was last handed over */
	uint64_t last_key;     /* of value, type and quality */
	int64_t last_stamp_ns; /* source time, HF_TIME_NONE */
	int64_t seen_ns;       /* monotonic, of the newest message */
	bool has_last;
	bool is_marked; /* a mark of lost communication was the newest */
	bool is_broken; /* a mark of a broken payload was the newest */
};

struct hf_mq_topic {
	const char *name;
	uint32_t first, n; /* points */
};

struct hf_mq_map { /* a device's tags by topic; made for check and open */
	struct hf_arena *arena;
	struct hf_mq_point *pts; /* in the order of topics */
	size_t npt;
	struct hf_mq_topic *topics;
	size_t ntopic;
	struct hf_strmap *by_name;
	size_t nmost; /* points of the topic with the most */
};

struct hf_mq_try; /* try.c */

struct hf_driver_dev {
	const struct hf_plant *plant; /* borrowed */
	const struct hf_device *dev;
	const struct hf_mq_conf *conf;
	const struct hf_contract *contract; /* NULL: none */
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_mq_map map;
	struct hf_mqtt *mqtt;
	struct hf_watch *timer;	     /* stale tags, lost communication */
	struct hf_reading *readings; /* room for nread */
	size_t nread;
	int64_t down_ns; /* monotonic, since when; 0 = up */
	bool is_lost;	 /* all tags were marked for it */
	bool is_up;
	struct hf_driver_stats stats;
	char denied[128]; /* a filter that the broker refused; "" = none */
	struct hf_mq_try *preview;
};

/* map.c. Reports what is wrong by tag through say(); HF_EINVAL if anything was
 * (the map then holds the rest). */
int hf_mq_map_init(struct hf_mq_map *m, const struct hf_plant *p,
    uint32_t device_idx,
    void (*say)(void *arg, const struct hf_tag *t, const char *text), void *arg,
    struct hf_err *err);
void hf_mq_map_fini(struct hf_mq_map *m);
/* NULL if no tag has this topic. */
struct hf_mq_topic *hf_mq_map_find(
    const struct hf_mq_map *m, const char *topic);

/* driver.c. What a connection of this device is made with, as
 * hf_broker_connection(). */
int hf_mq_connection(const struct hf_driver_dev *d, const char *suffix,
    char id[HF_BROKER_ID], struct hf_mqtt_conf *out, struct hf_err *err);
/* Subscribes to the device's filters, or topics. */
int hf_mq_subscribe(
    const struct hf_driver_dev *d, struct hf_mqtt *m, struct hf_err *err);
/* try.c */
void hf_mq_try_start(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg);
/* Ends a running preview with HF_ECLOSED: the device goes away. */
void hf_mq_try_cancel(struct hf_driver_dev *d);

#endif
