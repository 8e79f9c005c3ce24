/* SPDX-License-Identifier: Apache-2.0
 *
 * host.h - a Sparkplug B host application: who is alive, and what a DATA means.
 *
 * A state machine without I/O and clock: messages and times come in, readings
 * and publications go out through callbacks. Rules in host.c. Used by driver.c,
 * in edge; its callbacks run inside the calls below and may not call back.
 */
#ifndef HF_FIELD_SPARKPLUG_HOST_H
#define HF_FIELD_SPARKPLUG_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "field/sparkplug/payload.h"
#include "model/counters.h"

#define HF_SPB_NODES 4096	 /* edge nodes that one host follows */
#define HF_SPB_DEVICES 16384	 /* devices of them all */
#define HF_SPB_METRICS 400000	 /* metrics of them all */
#define HF_SPB_NAMES (48u << 20) /* bytes of their names and units */

struct hf_spb_host;

struct hf_spb_host_conf { /* strings are copied */
	const char *group;
	const char *host_id; /* of the primary host; NULL: passive */
	int64_t back_ns;     /* between two rebirth requests to a node ... */
	int64_t back_max_ns; /* ... doubling to this; 0 = 300 s */
	int64_t spread_ns;   /* requests after a connect are spread over it */
	int64_t grace_ns;    /* for the DBIRTHs behind an NBIRTH */
	uint64_t seed;	     /* of the hashes; random, constant in tests */
	struct hf_counters *counters; /* borrowed */
};

struct hf_spb_reading {	 /* borrowed for the call */
	void *tag;	 /* what bind() gave */
	uint32_t status; /* OPC UA StatusCode */
	int64_t t_ns;	 /* HF_TIME_NONE: the message had no usable time */
	bool is_historical;
	uint32_t datatype; /* of the birth; 0 in marks of lost communication */
	enum hf_spb_why why;
	struct hf_spb_value v; /* vtype 0: no value */
};

struct hf_spb_host_ops {
	void *arg;
	/* Whose metric is this? NULL: nobody's. device "": the node's own. */
	void *(*bind)(
	    void *arg, const char *node, const char *device, const char *name);
	void (*reading)(void *arg, const struct hf_spb_reading *r);
	/* HF_OK, or it is tried again (rebirth requests) or let be. */
	int (*publish)(void *arg, const char *topic, const void *p, size_t n,
	    int qos, bool retain);
};

struct hf_spb_host_stats {
	uint64_t births, deaths, gaps, rebirths, before_birth, malformed;
	size_t nnode, nalive; /* edge nodes known, born and not dead */
	char last_bad[160];   /* why a message was refused, the last one */
};

int hf_spb_host_new(const struct hf_spb_host_conf *conf,
    const struct hf_spb_host_ops *ops, struct hf_spb_host **out,
    struct hf_err *err);
void hf_spb_host_free(struct hf_spb_host *h);
/* There should be a node of this name: it is asked for a birth when the host
 * comes up, without waiting for its data. */
int hf_spb_host_expect(
    struct hf_spb_host *h, const char *node, struct hf_err *err);

/* Connection. will(): STATE payload for the will of the next connect (primary
 * hosts only; false: no will). */
bool hf_spb_host_will(struct hf_spb_host *h, int64_t wall_ns, char topic[],
    size_t cap, struct hf_buf *payload);
void hf_spb_host_up(struct hf_spb_host *h, int64_t wall_ns, int64_t mono_ns);
/* All that was alive is Bad now: births and deaths pass us by. */
void hf_spb_host_down(struct hf_spb_host *h, int64_t wall_ns);
/* STATE offline, for a host that leaves in order. */
void hf_spb_host_leave(struct hf_spb_host *h, int64_t wall_ns);

struct hf_spb_in {
	const char *topic;
	const void *p;
	size_t n;
	bool is_retained;
};
void hf_spb_host_message(struct hf_spb_host *h, const struct hf_spb_in *in,
    int64_t wall_ns, int64_t mono_ns);
/* Sends what is due. Returns the monotonic time of the next call, INT64_MAX if
 * nothing waits. Call it after each of the calls above. */
int64_t hf_spb_host_tick(
    struct hf_spb_host *h, int64_t wall_ns, int64_t mono_ns);

void hf_spb_host_stats(
    const struct hf_spb_host *h, struct hf_spb_host_stats *out);
struct hf_spb_listed { /* borrowed for the call */
	const char *node, *device, *name, *unit;
	uint32_t datatype;
	void *tag;
};
/* Every metric of what is alive; until fn returns false. */
void hf_spb_host_each(const struct hf_spb_host *h,
    bool (*fn)(void *arg, const struct hf_spb_listed *m), void *arg);

#endif
