/* SPDX-License-Identifier: Apache-2.0
 *
 * host_in.h - what the files of the host share: host.c (what a message means)
 * and peers.c (the edge nodes that are known, and asking them for births).
 */
#ifndef HF_FIELD_SPARKPLUG_HOST_IN_H
#define HF_FIELD_SPARKPLUG_HOST_IN_H

#include "field/sparkplug/host.h"
#include "field/sparkplug/table.h"
#include "field/sparkplug/topic.h"

#define HF_SPB_NODE_SLOTS (2 * HF_SPB_NODES) /* a power of two */

enum hf_spb_asking { HF_SPB_ASK_NONE, HF_SPB_ASK_DUE, HF_SPB_ASK_SENT };

struct hf_spb_scope { /* the metrics of a node itself, or of one device */
	char name[HF_SPB_ID]; /* "" = the node itself */
	bool is_born;
	int64_t grace_ns; /* monotonic; 0, or until when its DBIRTH must come */
	struct hf_spb_table table; /* kept through the grace */
};

struct hf_spb_peer { /* an edge node; node.h is our own */
	char name[HF_SPB_ID];
	struct hf_spb_scope self;
	struct hf_spb_scope **devices;
	size_t ndevice, cap;
	bool has_bdseq, is_doubtful, has_seq;
	uint64_t bdseq;
	uint32_t seq; /* of the last message */
	enum hf_spb_asking ask;
	int64_t ask_at_ns; /* DUE: when */
	int64_t asked_ns;  /* monotonic, of the last request; 0 = never */
	int64_t back_ns;   /* silence behind it */
};

struct hf_spb_host {
	char group[HF_SPB_ID], host_id[HF_SPB_ID];
	struct hf_spb_host_conf conf;
	struct hf_spb_host_ops ops;
	struct hf_spb_peer **nodes; /* HF_SPB_NODES */
	size_t nnode;
	uint16_t *slots; /* by hash of the name: index + 1 */
	size_t ndevice, nmetric, ntext;
	bool is_up;
	int64_t up_ns;	  /* monotonic */
	int64_t state_ms; /* time stamp of will and STATE */
	int64_t next_ns;  /* earliest of what waits */
	struct hf_spb_host_stats stats;
};

struct hf_spb_now {
	int64_t wall_ns, mono_ns;
};

static inline void
hf_spb_count(struct hf_spb_host *h, enum hf_counter c, uint64_t n)
{
	if (h->conf.counters != NULL)
		hf_count(h->conf.counters, c, n);
}

/* peers.c. NULL if it is not known. */
struct hf_spb_peer *hf_spb_peer_find(
    const struct hf_spb_host *h, const char *name);
struct hf_spb_scope *hf_spb_device_find(
    const struct hf_spb_peer *n, const char *name);
/* Makes it known; NULL at the limit or without memory (counted). */
struct hf_spb_peer *hf_spb_peer_need(struct hf_spb_host *h, const char *name);
struct hf_spb_scope *hf_spb_device_need(
    struct hf_spb_host *h, struct hf_spb_peer *n, const char *name);
/* The next tick is at mono_ns at the latest. */
void hf_spb_wake_at(struct hf_spb_host *h, int64_t mono_ns);
/* A birth of the node is needed: it will be asked, not more often than the
 * back-off allows. */
void hf_spb_want_birth(
    struct hf_spb_host *h, struct hf_spb_peer *n, int64_t mono_ns);
/* Sends the request that is due, or puts it off. */
void hf_spb_peer_ask(
    struct hf_spb_host *h, struct hf_spb_peer *n, const struct hf_spb_now *now);

#endif
