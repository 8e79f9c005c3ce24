/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h - what a field protocol gives to edge and what it gets from it.
 *
 * A driver turns one device of the configuration into samples. It runs in
 * edge's event loop, never blocks, and owns its connections. Edge owns time
 * policy, deadband, batching, spool, counters' transport and the poison-device
 * rule.
 */
#ifndef HF_FIELD_DRIVER_H
#define HF_FIELD_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/opt.h"
#include "model/batch.h"
#include "model/counters.h"
#include "model/plant.h"
#include "os/loop.h"

struct hf_reading { /* one decoded value of one tag */
	const struct hf_tag *tag;
	/* tag key, value, status, flags; t_ns = HF_TIME_NONE if the protocol
	 * has no source time; recv_ns set / */
	struct hf_sample s;
	const char *str; /* HF_V_STR: bytes, borrowed for the call */
	uint64_t raw;	 /* register bits before scaling, for previews */
	/* The source had kept this value (retained): its stamp may rightly be
	 * older than the clock check allows. */
	bool is_kept;
};

struct hf_dev_state; /* proc/wires.h; drivers fill the counts */

struct hf_driver_host { /* edge, as the driver sees it */
	void *arg;
	struct hf_loop *loop;
	struct hf_counters *counters;
	int64_t (*wall_ns)(void *arg); /* passed in, so that tests own time */
	int64_t (*mono_ns)(void *arg);
	/* Readings of one answer, all with one receive time. stamp_ns: the
	 * device's own time register (tag "_stamp") of the same answer,
	 * HF_TIME_NONE if none. */
	void (*readings)(void *arg, uint32_t device_idx, int64_t stamp_ns,
	    const struct hf_reading *r, size_t n);
	/* Around every parse of foreign bytes, for the poison-device rule. */
	void (*parsing)(
	    void *arg, uint32_t device_idx, const void *p, size_t n);
	void (*parsed)(void *arg);
	/* The device went up or down, or its text changed. */
	void (*changed)(void *arg, uint32_t device_idx);
	/* What the parent handed over for it (may be NULL in tests that need
	 * none). Path of the unix socket of the zone's broker, as this process
	 * can connect to it; NULL: the zone has no broker. */
	const char *(*broker)(void *arg);
	/* Part of what this edge is called at its own broker, the same after a
	 * restart: whoever knows the name of a session can take it over. */
	uint64_t secret;
	/* HF_KIND_FOLDER: O_DIRECTORY descriptor of the device's folder,
	 * borrowed, -1 if it cannot be had (why: the host said so). */
	int (*folder)(void *arg, uint32_t device_idx);
	/* HF_KIND_SERIAL: path of the line as this process can open it. */
	const char *(*serial)(void *arg, uint32_t device_idx);
	/* For devices that share this process's serial line: one slot, empty at
	 * first, in which the driver keeps the line while it has devices on it.
	 * NULL: each device opens the line for itself. */
	struct hf_mb_line **line;
	/* For drivers that can read their source again (files). handed(): a
	 * mark that stands for all readings handed over so far; durable(): the
	 * mark up to which core holds them for good; may_read(): false while
	 * too much waits for core, so that nothing more should be read. Each
	 * may be NULL: then what is handed over counts as durable. */
	uint64_t (*handed)(void *arg);
	uint64_t (*durable)(void *arg);
	bool (*may_read)(void *arg);
};

struct hf_driver_stats { /* of one device, since it was opened */
	uint64_t requests, answers, timeouts, exceptions, framing, connects,
	    skipped;
	int64_t last_good_ns; /* wall; HF_TIME_NONE */
	int up;		/* 1 connected and answering, 0 connecting, -1 down */
	char text[256]; /* reason and next try when not up */
	/* Input that the driver dropped, whatever the reason (counters tell),
	 * and the newest example of it. */
	uint64_t dropped;
	char example[256];
};

struct hf_driver_dev; /* one open device, the driver's own */

struct hf_driver {
	const struct hf_kind *kind; /* name and options of `devices:` */
	/* Checks addresses and plan of a device; used by `holdfast check`.
	 * Reports each problem; *requests_hz gets the load that the plan will
	 * cause. */
	int (*check)(const struct hf_plant *p, uint32_t device_idx,
	    hf_plant_report *report, void *arg, double *requests_hz);
	/* Opens; the device starts to connect by itself. The plant outlives
	 * it. */
	int (*open)(const struct hf_plant *p, uint32_t device_idx,
	    const struct hf_driver_host *host, struct hf_driver_dev **out,
	    struct hf_err *err);
	void (*close)(struct hf_driver_dev *d);
	void (*stats)(
	    const struct hf_driver_dev *d, struct hf_driver_stats *out);
	/* Reads each tag once within the load budget and answers with JSON
	 * through done() (exactly once; rc != HF_OK: text is the error). Shows
	 * value, raw registers, both address forms, and for 2- and 4-register
	 * types all four word orders; ends with the plan and the load it
	 * causes. */
	void (*try_)(struct hf_driver_dev *d,
	    void (*done)(void *arg, int rc, const char *text, size_t n),
	    void *arg);
};

extern const struct hf_driver *const hf_drivers[];
extern const size_t hf_ndriver;
const struct hf_driver *hf_driver_find(const char *name);
/* check() of every device's driver: what only drivers know (addresses, plans).
 * hz: NULL, or room for requests/s by device, < 0 = unknown. */
void hf_drivers_check(
    const struct hf_plant *p, hf_plant_report *report, void *arg, double *hz);

#endif
