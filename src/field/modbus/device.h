/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h - shared by device.c, driver.c, rtu.c and try.c only: an open
 * Modbus device, and what carries its frames.
 */
#ifndef HF_FIELD_MODBUS_DEVICE_H
#define HF_FIELD_MODBUS_DEVICE_H

#include "base/list.h"
#include "field/driver.h"
#include "field/modbus/client.h"
#include "field/modbus/sock.h"

struct hf_mb_conf { /* options; rows in driver.c and rtu.c */
	union {
		char *host;   /* modbus-tcp */
		char *serial; /* modbus-rtu */
	};
	int64_t port, unit, gap, span;
	int64_t timeout_ns;
	int64_t missed;
	struct hf_strlist forbidden;
	int64_t baud, parity, data_bits, stop_bits; /* modbus-rtu */
};

struct hf_mb_try; /* try.c */
struct hf_mb_rtu; /* rtu.c */

struct hf_mb_map { /* a device's tags as points; made for check and open */
	struct hf_mb_point *pts;
	size_t npt;
	struct hf_mb_range *forbidden;
	struct hf_mb_rules rules;
};

/* What carries frames: TCP (driver.c) or a serial line (rtu.c). connect,
 * disconnect and send are ops of the client (client.h), arg is the device. */
struct hf_mb_via {
	int nconn, noutstanding; /* limits of the device's load */
	bool is_serial;
	int (*init)(struct hf_driver_dev *d, struct hf_err *err); /* where */
	void (*fini)(struct hf_driver_dev *d); /* also after a failed init */
	/* Until the client itself gives up a connect or an answer. */
	int64_t (*timeout_ns)(const struct hf_driver_dev *d);
	int (*connect)(void *arg, unsigned conn, struct hf_err *err);
	void (*disconnect)(void *arg, unsigned conn);
	int (*send)(void *arg, unsigned conn, const uint8_t *p, size_t n,
	    struct hf_err *err);
};

struct hf_driver_dev {
	const struct hf_mb_via *via;
	const struct hf_plant *plant; /* borrowed */
	const struct hf_device *dev;
	const struct hf_mb_conf *conf;
	uint32_t idx;
	struct hf_driver_host host;
	struct hf_mb_map map;
	struct hf_mb_client *client;
	const char *where;    /* "10.0.0.7:502", "/dev/ttyS0 unit 3" */
	struct hf_netaddr to; /* TCP */
	struct hf_mb_sock socks[HF_MB_NCONN]; /* TCP */
	struct hf_mb_rtu *rtu;		      /* serial; rtu.c */
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

/* device.c: the parts of a driver that all kinds of Modbus share. */
int hf_mb_dev_conf_ok(const struct hf_mb_conf *c, char *why, size_t cap);
int hf_mb_dev_check(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_mb_via *via, hf_plant_report *report, void *arg,
    double *requests_hz);
int hf_mb_dev_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_mb_via *via, const struct hf_driver_host *host,
    struct hf_driver_dev **out, struct hf_err *err);
void hf_mb_dev_close(struct hf_driver_dev *d);
void hf_mb_dev_stats(
    const struct hf_driver_dev *d, struct hf_driver_stats *out);
int64_t hf_mb_dev_mono(struct hf_driver_dev *d);

extern const struct hf_driver hf_modbus_driver;	    /* driver.c */
extern const struct hf_driver hf_modbus_rtu_driver; /* rtu.c */

#endif
