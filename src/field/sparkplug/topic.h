/* SPDX-License-Identifier: Apache-2.0
 *
 * topic.h - Sparkplug B topics: which message, of which node and device.
 *
 *	spBv1.0/<group>/<type>/<edge node>[/<device>]
 *	spBv1.0/STATE/<host>
 *
 * Ids are UTF-8 without '/', '+', '#' and control characters, at most
 * HF_SPB_ID - 1 bytes.
 */
#ifndef HF_FIELD_SPARKPLUG_TOPIC_H
#define HF_FIELD_SPARKPLUG_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HF_SPB_NAMESPACE "spBv1.0"
#define HF_SPB_ID 128 /* bytes of an id, NUL included */
#define HF_SPB_TOPIC (16 + 3 * HF_SPB_ID)
#define HF_SPB_REBIRTH "Node Control/Rebirth"

enum hf_spb_msg {
	HF_SPB_NBIRTH,
	HF_SPB_NDATA,
	HF_SPB_NDEATH,
	HF_SPB_NCMD,
	HF_SPB_DBIRTH,
	HF_SPB_DDATA,
	HF_SPB_DDEATH,
	HF_SPB_DCMD,
	HF_SPB_STATE,
	HF_SPB_NMSG
};

struct hf_spb_topic {
	enum hf_spb_msg msg;
	char group[HF_SPB_ID];	/* STATE: "" */
	char node[HF_SPB_ID];	/* STATE: the host's id */
	char device[HF_SPB_ID]; /* "" for N* messages */
};

/* HF_EPROTO: no topic of Sparkplug B. */
int hf_spb_topic_parse(
    const char *topic, struct hf_spb_topic *out, struct hf_err *err);
/* device NULL or "": none. */
void hf_spb_topic_make(const struct hf_spb_topic *t, char out[HF_SPB_TOPIC]);
bool hf_spb_id_ok(const char *id);

#endif
