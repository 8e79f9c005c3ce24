/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.h - a tag's address in Sparkplug: EDGE[/DEVICE]:METRIC NAME.
 *
 * Metric names may hold '/' and ':'; a ':' in the edge node's or the device's
 * id is written as "\:". Examples:
 *	gw1:Node Info/Temperature
 *	gw1/press7:motor/vibration_rms
 *	gw1/acme\:berlin\:press\:line1:motor/vibration_rms
 */
#ifndef HF_FIELD_SPARKPLUG_ADDR_H
#define HF_FIELD_SPARKPLUG_ADDR_H

#include "base/buf.h"
#include "base/err.h"
#include "field/sparkplug/host.h"
#include "field/sparkplug/topic.h"
#include "model/plant.h"

/* "node/device/metric", device "" for the node's own: one spelling for each
 * metric, since ids have no '/'. */
#define HF_SPB_KEY (2 * HF_SPB_ID + HF_SPB_NAME + 4)

struct hf_spb_addr {
	char node[HF_SPB_ID], device[HF_SPB_ID];
	char metric[HF_SPB_NAME + 1];
};

int hf_spb_addr_parse(
    const char *text, struct hf_spb_addr *out, struct hf_err *err);
void hf_spb_key(const char *node, const char *device, const char *metric,
    char out[HF_SPB_KEY]);

/* A row of a tag file for a metric that has no tag yet, and the header line of
 * such rows; without line ends. False: its datatype is not supported, or its
 * name leaves no tag name. A device id of the form enterprise:site:area:...
 * gives the tag its place in the namespace, if it is this plant's. */
bool hf_spb_suggest(const struct hf_plant *p, const struct hf_spb_listed *m,
    struct hf_buf *row);
extern const char hf_spb_suggest_header[];

#endif
