/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.c - `driver: modbus-tcp`: its options, and its sockets on the loop.
 *
 * Everything that does not depend on TCP is in device.c, which serial lines
 * (rtu.c) share; sock.c moves the bytes. Called through field/driver.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "field/modbus/device.h"

#define OFF(field) .off = offsetof(struct hf_mb_conf, field)

static const struct hf_opt modbus_opts[] = {
    {.name = "host",
	.type = HF_OPT_HOST,
	.flags = HF_OPT_REQUIRED,
	OFF(host),
	.help = "IP address of the device or gateway. Names are not "
		"resolved."},
    {.name = "port",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 65535,
	.dflt = "502",
	OFF(port),
	.help = "TCP port of the device."},
    {.name = "unit",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 255,
	.dflt = "1",
	OFF(unit),
	.help = "Unit id: the station behind a gateway. A tag's address may "
		"name another one (2!hr:0)."},
    {.name = "gap",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 124,
	.dflt = "16",
	OFF(gap),
	.help = "Unwanted registers that one read may run through to save a "
		"request (16 times as many coils or discrete inputs)."},
    {.name = "span",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 125,
	.dflt = "120",
	OFF(span),
	.help = "Registers of one read at most; lower it for devices that "
		"refuse long reads."},
    {.name = "timeout",
	.type = HF_OPT_DUR,
	.min = 10,
	.max = 60000,
	.unit = "ms",
	.dflt = "1s",
	OFF(timeout_ns),
	.help = "Time for a connection and for each answer; after it the "
		"connection is closed and opened again."},
    {.name = "missed",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 1000,
	.dflt = "3",
	OFF(missed),
	.help = "Cycles without an answer after which the tags get one "
		"sample of bad quality."},
    {.name = "forbidden",
	.type = HF_OPT_STRS,
	OFF(forbidden),
	.help = "Address ranges that are never read, not even to bridge a "
		"gap, as hr:100-110 or 400101-400111."},
};

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct hf_mb_conf *c = conf;
	struct hf_netaddr to;
	struct hf_err err;

	if (c->host != NULL &&
	    hf_netaddr(c->host, c->port, &to, &err) != HF_OK) {
		snprintf(why, cap, "%s", err.msg);
		return HF_EINVAL;
	}
	return hf_mb_dev_conf_ok(c, why, cap);
}

static const struct hf_kind modbus_kind = {
    .name = "modbus-tcp",
    .help = "A Modbus TCP device, or stations behind a Modbus gateway. It "
	    "is only read.",
    .opts = modbus_opts,
    .nopt = sizeof(modbus_opts) / sizeof(modbus_opts[0]),
    .size = sizeof(struct hf_mb_conf),
    .check = check_conf,
};

/* ---- what the client wants ---- */

static int
op_connect(void *arg, unsigned conn, struct hf_err *err)
{
	struct hf_driver_dev *d = arg;

	return hf_mb_sock_open(&d->socks[conn], &d->to, err);
}

static void
op_disconnect(void *arg, unsigned conn)
{
	struct hf_driver_dev *d = arg;

	hf_mb_sock_close(&d->socks[conn]);
}

static int
op_send(
    void *arg, unsigned conn, const uint8_t *p, size_t n, struct hf_err *err)
{
	struct hf_driver_dev *d = arg;

	return hf_mb_sock_send(&d->socks[conn], p, n, err);
}

/* ---- what the sockets say ---- */

static void
on_connected(void *arg, unsigned id)
{
	struct hf_driver_dev *d = arg;

	hf_mb_client_connected(d->client, id, hf_mb_dev_mono(d));
	hf_mb_pump(d);
}

static void
on_lost(void *arg, unsigned id, const char *why)
{
	struct hf_driver_dev *d = arg;

	hf_mb_client_lost(d->client, id, why, hf_mb_dev_mono(d));
	hf_mb_pump(d);
}

static void
on_bytes(void *arg, unsigned id, const uint8_t *p, size_t n)
{
	struct hf_driver_dev *d = arg;

	hf_mb_client_bytes(d->client, id, p, n, hf_mb_dev_mono(d));
	hf_mb_pump(d);
}

static const struct hf_mb_sock_ops sock_ops = {
    .connected = on_connected,
    .lost = on_lost,
    .bytes = on_bytes,
};

/* ---- the driver ---- */

static int
tcp_init(struct hf_driver_dev *d, struct hf_err *err)
{
	unsigned i;
	int rc = hf_netaddr(d->conf->host, d->conf->port, &d->to, err);

	if (rc != HF_OK)
		return rc;
	d->where = d->to.text;
	for (i = 0; i < HF_MB_NCONN; i++)
		hf_mb_sock_init(&d->socks[i], d->host.loop, &sock_ops, d, i);
	return HF_OK;
}

static void
tcp_fini(struct hf_driver_dev *d)
{
}

static int64_t
tcp_timeout_ns(const struct hf_driver_dev *d)
{
	return d->conf->timeout_ns;
}

static const struct hf_mb_via tcp = {
    .nconn = HF_MB_NCONN,
    .noutstanding = HF_MB_NOUTSTANDING,
    .init = tcp_init,
    .fini = tcp_fini,
    .timeout_ns = tcp_timeout_ns,
    .connect = op_connect,
    .disconnect = op_disconnect,
    .send = op_send,
};

static int
modbus_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	return hf_mb_dev_check(p, device_idx, &tcp, report, arg, requests_hz);
}

static int
modbus_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	return hf_mb_dev_open(p, device_idx, &tcp, host, out, err);
}

const struct hf_driver hf_modbus_driver = {
    .kind = &modbus_kind,
    .check = modbus_check,
    .open = modbus_open,
    .close = hf_mb_dev_close,
    .stats = hf_mb_dev_stats,
    .try_ = hf_mb_try_start,
};
