/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_export.h - `exports: {to: sparkplug}`: this edge's tags as a Sparkplug B
 * edge node, for SCADA systems that know no other namespace.
 *
 * Private to src/proc, as edge.h is; edge.c and edge_devices.c call it.
 */
#ifndef HF_PROC_EDGE_EXPORT_H
#define HF_PROC_EDGE_EXPORT_H

#include "base/opt.h"
#include "model/batch.h"
#include "model/plant.h"

struct edge;
struct edge_exports;

extern const struct hf_kind hf_sparkplug_export_kind;

/* Opens what the plant declares for this edge's zone; e->exports stays NULL if
 * there is nothing. */
int edge_exports_open(
    struct edge *e, const struct hf_plant *p, struct hf_err *err);
/* Says goodbye (NDEATH). Before the old plant goes. */
void edge_exports_close(struct edge *e);
/* Tag t has a new value in the batch at hand; str: of a string. */
void edge_exports_note(struct edge *e, const struct hf_tag *t,
    const struct hf_sample *s, const char *str);
/* Once a second: which devices are there. */
void edge_exports_tick(struct edge *e);

#endif
