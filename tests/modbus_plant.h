/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_plant.h - a plant of Modbus devices made in memory, for tests, benches
 * and the interop harness; and a driver host that notes what comes.
 */
#ifndef TESTS_MODBUS_PLANT_H
#define TESTS_MODBUS_PLANT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/modbus/device.h"
#include "model/quality.h"

struct mb_plant {
	struct hf_plant plant;
	struct hf_device *devices;
	struct hf_mb_conf *confs;
	struct hf_tag *tags;
	size_t device_cap, tag_cap;
};

static inline void
mb_plant_init(struct mb_plant *m, size_t ndevice, size_t ntag)
{
	memset(m, 0, sizeof(*m));
	m->devices = calloc(ndevice, sizeof(*m->devices));
	m->confs = calloc(ndevice, sizeof(*m->confs));
	m->tags = calloc(ntag, sizeof(*m->tags));
	if (m->devices == NULL || m->confs == NULL || m->tags == NULL)
		abort();
	m->device_cap = ndevice;
	m->tag_cap = ntag;
	m->plant.devices = m->devices;
	m->plant.tags = m->tags;
}

static inline void
mb_plant_fini(struct mb_plant *m)
{
	size_t i;

	for (i = 0; i < m->plant.ntag; i++) {
		free(m->tags[i].name);
		free(m->tags[i].path);
		free(m->tags[i].address);
	}
	for (i = 0; i < m->plant.ndevice; i++)
		free(m->devices[i].name);
	free(m->devices);
	free(m->confs);
	free(m->tags);
}

/* Later tags are this device's. */
static inline struct hf_device *
mb_plant_device(struct mb_plant *m, const char *name, int64_t port)
{
	static char host[] = "127.0.0.1";
	struct hf_device *d = &m->devices[m->plant.ndevice];
	struct hf_mb_conf *c = &m->confs[m->plant.ndevice];

	if (m->plant.ndevice++ == m->device_cap)
		abort();
	*c = (struct hf_mb_conf){.host = host,
	    .port = port,
	    .unit = 1,
	    .gap = 16,
	    .span = 120,
	    .timeout_ns = HF_NS_PER_S,
	    .missed = 3};
	*d = (struct hf_device){.name = strdup(name),
	    .conf = c,
	    .load = {1, 1000, 1},
	    .tag_first = (uint32_t)m->plant.ntag};
	return d;
}

static inline struct hf_tag *
mb_plant_tag(struct mb_plant *m, const char *name, const char *address,
    int64_t type, int64_t interval_ns)
{
	struct hf_device *d = &m->devices[m->plant.ndevice - 1];
	struct hf_tag *t = &m->tags[m->plant.ntag];
	char path[300];

	if (m->plant.ntag++ == m->tag_cap)
		abort();
	snprintf(path, sizeof(path), "%s/%s", d->name, name);
	*t = (struct hf_tag){.device = d->name,
	    .name = strdup(name),
	    .path = strdup(path),
	    .address = strdup(address),
	    .type = type,
	    .interval_ns = interval_ns,
	    .key = hf_tag_key(path),
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN,
	    .is_stamp = strcmp(name, "_stamp") == 0};
	t->device_idx = (uint32_t)m->plant.ndevice - 1;
	d->ntag++;
	return t;
}

/* ---- a host that notes ---- */

struct mb_host {
	struct hf_driver_host host;
	struct hf_counters counters;
	void (*on_reading)(void *arg, uint32_t device, int64_t stamp_ns,
	    const struct hf_reading *r); /* may be NULL */
	void *arg;
	size_t ngood, nbad, nanswer; /* readings and calls */
	size_t good_of[256];	     /* by device */
	uint32_t last_status;
	struct hf_sample last; /* last good one */
	int64_t last_stamp_ns;
	size_t nparse, nchanged;
	int depth;
};

static inline int64_t
mb_host_wall(void *arg)
{
	return hf_wall_ns();
}

static inline int64_t
mb_host_mono(void *arg)
{
	return hf_mono_ns();
}

static inline void
mb_host_readings(void *arg, uint32_t device, int64_t stamp_ns,
    const struct hf_reading *r, size_t n)
{
	struct mb_host *h = arg;
	size_t i;

	h->nanswer++;
	h->last_stamp_ns = stamp_ns;
	for (i = 0; i < n; i++) {
		h->last_status = r[i].s.status;
		if (hf_is_bad(r[i].s.status)) {
			h->nbad++;
		} else {
			h->ngood++;
			h->good_of[device % 256]++;
			h->last = r[i].s;
		}
		if (h->on_reading != NULL)
			h->on_reading(h->arg, device, stamp_ns, &r[i]);
	}
}

static inline void
mb_host_parsing(void *arg, uint32_t device, const void *p, size_t n)
{
	struct mb_host *h = arg;

	h->nparse++;
	h->depth++;
}

static inline void
mb_host_parsed(void *arg)
{
	struct mb_host *h = arg;

	h->depth--;
}

static inline void
mb_host_changed(void *arg, uint32_t device)
{
	struct mb_host *h = arg;

	h->nchanged++;
}

static inline void
mb_host_init(struct mb_host *h, struct hf_loop *loop)
{
	memset(h, 0, sizeof(*h));
	h->host = (struct hf_driver_host){
	    .arg = h,
	    .loop = loop,
	    .counters = &h->counters,
	    .wall_ns = mb_host_wall,
	    .mono_ns = mb_host_mono,
	    .readings = mb_host_readings,
	    .parsing = mb_host_parsing,
	    .parsed = mb_host_parsed,
	    .changed = mb_host_changed,
	};
}

#endif
