/* SPDX-License-Identifier: Apache-2.0
 *
 * node.h - a Sparkplug B edge node: births, data, deaths of what we publish.
 *
 * A state machine without I/O and clock; rules in node.c. proc/edge_export.c
 * gives it values and a connection. Its callbacks run inside the calls below
 * and may not call back.
 */
#ifndef HF_FIELD_SPARKPLUG_NODE_H
#define HF_FIELD_SPARKPLUG_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/batch.h"
#include "model/counters.h"
#include "model/plant.h"

struct hf_spb_node;

struct hf_spb_node_metric {	 /* strings are borrowed for the node's life */
	const char *name, *unit; /* unit NULL: none */
	uint32_t device;	 /* index of devices */
	uint32_t datatype;	 /* enum hf_spb_type */
};

struct hf_spb_node_conf { /* strings are borrowed for the node's life */
	const char *group, *node;
	const char *primary_host; /* wait for its STATE; NULL: do not */
	uint8_t bdseq;		  /* of the first session */
	const char *const *devices;
	size_t ndevice;
	const struct hf_spb_node_metric *metrics; /* by device, in order */
	size_t nmetric;
	struct hf_counters *counters; /* borrowed, or NULL */
};

struct hf_spb_node_ops {
	void *arg;
	/* HF_OK: handed over. HF_EAGAIN: full, the node tries again at the next
	 * pump. Others: the connection is going down. */
	int (*publish)(void *arg, const char *topic, const void *p, size_t n,
	    int qos, bool retain);
	/* The primary host is offline: NDEATH was published; disconnect, and
	 * connect again (with hf_spb_node_will) to wait for it. */
	void (*disconnect)(void *arg);
};

int hf_spb_node_new(const struct hf_spb_node_conf *conf,
    const struct hf_spb_node_ops *ops, struct hf_spb_node **out,
    struct hf_err *err);
void hf_spb_node_free(struct hf_spb_node *n);

/* A new session begins: its will. Call it before each connect. */
int hf_spb_node_will(struct hf_spb_node *n, int64_t wall_ns, char *topic,
    size_t cap, struct hf_buf *payload);
uint8_t hf_spb_node_bdseq(const struct hf_spb_node *n); /* of this session */
/* Filters to subscribe to, in this order, i = 0, 1, ...; NULL behind the
 * last. */
const char *hf_spb_node_filter(struct hf_spb_node *n, size_t i);
/* Subscriptions are made: births may start. */
void hf_spb_node_up(struct hf_spb_node *n, int64_t wall_ns, int64_t mono_ns);
void hf_spb_node_down(struct hf_spb_node *n);
/* Publishes NDEATH, for an orderly end. */
void hf_spb_node_leave(struct hf_spb_node *n);
void hf_spb_node_message(struct hf_spb_node *n, const char *topic,
    const void *p, size_t len, int64_t wall_ns, int64_t mono_ns);
/* Metric idx has this value now; the next pump publishes it. str: of a
 * string, copied. */
void hf_spb_node_value(struct hf_spb_node *n, size_t idx,
    const struct hf_sample *s, const char *str);
/* A device is there or not: DBIRTH or DDEATH at the next pump. All begin as not
 * there. */
void hf_spb_node_device(struct hf_spb_node *n, size_t device, bool is_alive);
/* Publishes what is due; call it now and then, and when there is room. */
void hf_spb_node_pump(struct hf_spb_node *n, int64_t wall_ns, int64_t mono_ns);
bool hf_spb_node_is_born(const struct hf_spb_node *n);
/* What a Holdfast tag is for Sparkplug. */
uint32_t hf_spb_node_datatype(const struct hf_tag *t);

#endif
