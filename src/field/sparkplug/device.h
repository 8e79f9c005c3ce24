/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h - shared by driver.c and try.c only: an open Sparkplug device, that
 * is one group of edge nodes on one broker.
 */
#ifndef HF_FIELD_SPARKPLUG_DEVICE_H
#define HF_FIELD_SPARKPLUG_DEVICE_H

#include "base/map.h"
#include "field/broker.h"
#include "field/driver.h"
#include "field/sparkplug/addr.h"
#include "field/sparkplug/host.h"
#include "field/sparkplug/sparkplug.h"

struct hf_spb_conf {		      /* options; rows in driver.c */
	struct hf_broker_conf broker; /* first: its host is looked for there */
	char *group;
	bool is_primary;
	char *host_id;
	int64_t back_ns;
};

struct hf_spb_tag { /* state of one of the device's tags */
	const struct hf_tag *tag;
	bool is_seen;
	struct hf_sample last; /* strings: only their length */
};

struct hf_driver_dev {
	const struct hf_plant *plant; /* borrowed */
	const struct hf_device *cfg;
	const struct hf_spb_conf *conf;
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_mqtt *mqtt;
	struct hf_spb_host *spb;
	struct hf_watch *timer; /* requests and graces that are due */
	char filter[HF_SPB_TOPIC];

	struct hf_spb_tag *tags; /* cfg->ntag */
	char *keys;		 /* of by_key, one behind the other */
	struct hf_strmap *by_key;
	size_t nexpected; /* edge nodes that tags name */

	struct hf_reading *readings; /* of the message at hand */
	size_t nreading;
	int64_t newest_ns; /* source time, for marks in a replayed past */
	bool is_up;
	uint64_t nmessage, nconnect;
	int64_t last_good_ns;
	char text[256]; /* why it is not up */
};

/* try.c: all that is known now, and rows for what has no tag. */
void hf_spb_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg);

#endif
