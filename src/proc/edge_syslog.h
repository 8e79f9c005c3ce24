/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_syslog.h - connections of one edge to the syslog collectors of its zone.
 */
#ifndef HF_PROC_EDGE_SYSLOG_H
#define HF_PROC_EDGE_SYSLOG_H

#include "model/counters.h"
#include "model/plant.h"
#include "os/loop.h"

struct hf_edge_syslog;

struct hf_edge_syslog_host {
	struct hf_loop *loop;
	struct hf_counters *counters;
	/* Sends EXPORT_ACK; a code on failure: said again later. */
	int (*say)(void *arg, const void *p, size_t n);
	void *arg;
};

/* Opens what `exports: {to: syslog}` of this zone (index) names. NULL with
 * HF_OK if there is none. */
int hf_edge_syslog_new(const struct hf_edge_syslog_host *h,
    const struct hf_plant *p, uint32_t zone_idx, struct hf_edge_syslog **out,
    struct hf_err *err);
void hf_edge_syslog_free(struct hf_edge_syslog *s); /* NULL is fine */
/* EXPORT. HF_EPROTO if it breaks its form. */
int hf_edge_syslog_take(
    struct hf_edge_syslog *s, const void *p, size_t n, struct hf_err *err);
/* Once a second. */
void hf_edge_syslog_tick(struct hf_edge_syslog *s, int64_t mono_ns);

#endif
