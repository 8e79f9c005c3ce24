/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h - shared by driver.c and try.c only: an open Modbus TCP device.
 */
#ifndef HF_FIELD_MODBUS_DEVICE_H
#define HF_FIELD_MODBUS_DEVICE_H

#include "base/list.h"
#include "field/driver.h"
#include "field/modbus/client.h"
#include "field/modbus/sock.h"

struct hf_mb_conf { /* options of `driver: modbus-tcp`; rows in driver.c */
	char *host;
	int64_t port, unit, gap, span;
	int64_t timeout_ns;
	int64_t missed;
	struct hf_strlist forbidden;
};

struct hf_mb_try; /* try.c */

struct hf_mb_map { /* a device's tags as points; made for check and open */
	struct hf_mb_point *pts;
	size_t npt;
	struct hf_mb_range *forbidden;
	struct hf_mb_rules rules;
};

struct hf_driver_dev {
	const struct hf_plant *plant; /* borrowed */
	const struct hf_device *dev;
	const struct hf_mb_conf *conf;
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_mb_map map;
	struct hf_mb_client *client;
	struct hf_mb_addr_in to;
	struct hf_mb_sock socks[HF_MB_NCONN];
	struct hf_watch *timer;
	struct hf_reading *readings; /* room for npt */
	char *str;		     /* room for the strings of any block */
	int64_t last_good_ns;
	struct hf_mb_try *preview; /* NULL if none runs */
};

/* Lets the client do what is due and arms the timer. */
void hf_mb_pump(struct hf_driver_dev *d);

/* try.c. The points of an answer (data NULL: they failed with status). */
void hf_mb_try_seen(struct hf_driver_dev *d, const struct hf_mb_block *b,
    const uint8_t *data, uint32_t status);
/* Ends a running preview with HF_ECLOSED: the device goes away. */
void hf_mb_try_cancel(struct hf_driver_dev *d);
void hf_mb_try_start(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg);

extern const struct hf_driver hf_modbus_driver;

#endif
