/* SPDX-License-Identifier: Apache-2.0
 *
 * edge.h - what the files of the edge role share. Private to src/proc/edge*.c.
 *
 *   edge.c          start, the wire to core (hello, send, acknowledge), stop
 *   edge_devices.c  drivers: open, readings to samples to batches, states, try
 *   edge_lent.c     what the host lends: broker's socket, serial line, folders
 *
 * The way of a sample: the driver decodes a reading -> edge_readings() asks
 * field/intake for its time and whether it is news, adds it to the batch at
 * hand -> edge_flush() encodes the batch into field/spool -> edge_send() hands
 * what is new to core and waits with the rest when core's socket is full.
 */
#ifndef HF_PROC_EDGE_H
#define HF_PROC_EDGE_H

#include "field/blackbox.h"
#include "field/driver.h"
#include "field/intake.h"
#include "field/spool.h"
#include "proc/edge_export.h"
#include "proc/edge_syslog.h"
#include "proc/role.h"

struct edge_device {
	uint32_t idx; /* in plant->devices */
	const struct hf_driver *driver;
	struct hf_driver_dev *dev; /* NULL: quarantined or refused */
	uint64_t nsample, last_requests;
	int64_t since_ns; /* wall, of status */
	uint8_t status;	  /* enum hf_dev_status */
	char why[400];	  /* of quarantine or refusal */
};

struct edge {
	struct hf_role_ctx ctx;
	const struct hf_edge *edge; /* plant->edges[args.zone - 1] */
	const struct hf_zone *zone;
	struct hf_blackbox *box;
	struct hf_spool *spool;
	struct hf_intake *intake;
	struct edge_device *devices;
	size_t ndevice;
	struct hf_driver_host host;
	char broker_path[256];
	struct hf_mb_line *line; /* shared by the devices of a serial line */

	uint64_t source;       /* key of "edge/<edge>" */
	uint64_t secret;       /* field/driver.h; in spool/<edge>/secret */
	uint64_t seq;	       /* of the newest batch */
	uint64_t acked_seq;    /* core holds all up to here for good */
	uint64_t seq_reserved; /* numbers below are reserved on disk */
	bool has_hello;	       /* core answered */
	bool has_seq;	       /* numbers are known: devices may start */
	bool owes_hello;       /* before the next batch is sent */
	bool is_stopping;

	/* batch at hand */
	struct hf_sample *s; /* HF_BATCH_NSAMPLE */
	size_t n;
	int64_t decoded_ns;
	struct hf_buf str, encoded;

	struct edge_exports *exports;  /* NULL: none (edge_export.h) */
	struct hf_edge_syslog *syslog; /* NULL: no export of this zone */
	struct hf_watch *flush_timer, *stop_timer, *core_writable;
};

/* edge.c */
void edge_flush(struct edge *e);

/* edge_lent.c: three questions of a driver (field/driver.h) ... */
const char *edge_broker(void *arg);
int edge_folder(void *arg, uint32_t device_idx);
const char *edge_serial(void *arg, uint32_t device_idx);
/* ... and whether device idx has what its driver cannot work without. */
int edge_has_lent(
    struct edge *e, const struct hf_plant *p, uint32_t idx, struct hf_err *err);

/* edge_devices.c */
int edge_open_devices(
    struct edge *e, const struct hf_plant *p, struct hf_err *err);
void edge_close_devices(struct edge *e);
void edge_report_devices(struct edge *e, bool is_tick);
void edge_try(struct edge *e, const struct hf_msg *m);

#endif
