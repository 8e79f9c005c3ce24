/* SPDX-License-Identifier: Apache-2.0
 *
 * rtu.c - `driver: modbus-rtu`: its options, and a device on a serial line.
 *
 * Planner, client, decode and preview are those of modbus-tcp (device.c). This
 * file stands between the client, which speaks MBAP frames, and the line
 * (rtu_line.c), which speaks RTU frames: the request's numbers are taken out of
 * the MBAP header, and the answer gets one back with the same transaction id,
 * so that the client checks unit, function and length in one place. Silence and
 * garbled frames are told to the client as such.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "field/finding.h"
#include "field/modbus/device.h"
#include "field/modbus/rtu_line.h"

#define OFF(field) .off = offsetof(struct hf_mb_conf, field)
/* The line is the clock: the client's own must never fire before it. */
#define CLIENT_TIMEOUT_NS (24 * 3600 * HF_NS_PER_S)

static const char *const parities[] = {"none", "even", "odd", NULL};

static const struct hf_opt rtu_opts[] = {
    {.name = "serial",
	.type = HF_OPT_STR,
	.flags = HF_OPT_REQUIRED,
	OFF(serial),
	.help = "The serial line, as /dev/ttyUSB0 or, better since it does not "
		"change with the port, /dev/serial/by-id/NAME. Each line has "
		"an edge process of its own."},
    {.name = "baud",
	.type = HF_OPT_I64,
	.min = 300,
	.max = 921600,
	.dflt = "19200",
	OFF(baud),
	.help = "Bits per second; all devices of a line have the same."},
    {.name = "parity",
	.type = HF_OPT_ENUM,
	.words = parities,
	.dflt = "even",
	OFF(parity),
	.help = "Parity bit; with none, Modbus wants two stop bits."},
    {.name = "data_bits",
	.type = HF_OPT_I64,
	.min = 7,
	.max = 8,
	.dflt = "8",
	OFF(data_bits),
	.help = "Bits of a character; RTU needs 8."},
    {.name = "stop_bits",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 2,
	.dflt = "1",
	OFF(stop_bits),
	.help = "Stop bits of a character."},
    {.name = "unit",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 247,
	.dflt = "1",
	OFF(unit),
	.help = "Unit id: the station on the line. A tag's address may name "
		"another one (2!hr:0)."},
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
	.max = 900,
	.unit = "ms",
	.dflt = "500ms",
	OFF(timeout_ns),
	.help = "Time for each whole answer; the line is then kept quiet for "
		"as long again, since a late answer carries no number that "
		"tells it from the next."},
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

/* The longest answer on the wire: 11 bits a character (start, 8, parity or
 * stop, stop), 5 bytes around the registers. */
static int64_t
answer_ns(const struct hf_mb_conf *c)
{
	return c->baud <= 0 ? 0
			    : (5 + 2 * c->span) * 11 * HF_NS_PER_S / c->baud;
}

static int
check_conf(const void *conf, char *why, size_t cap)
{
	const struct hf_mb_conf *c = conf;

	if (c->serial != NULL &&
	    (c->serial[0] != '/' || strstr(c->serial, "/../") != NULL)) {
		snprintf(why, cap,
		    "serial: \"%s\" is no path of a device, as /dev/ttyUSB0",
		    c->serial);
		return HF_EINVAL;
	}
	if (c->data_bits == 7) {
		snprintf(why, cap,
		    "data_bits: RTU needs 8; 7 is Modbus ASCII, which is not "
		    "read");
		return HF_EINVAL;
	}
	if (answer_ns(c) > c->timeout_ns) {
		snprintf(why, cap,
		    "timeout: an answer with span %d registers alone takes %d "
		    "ms at %d baud; lower span or raise timeout",
		    (int)c->span, (int)(answer_ns(c) / HF_NS_PER_MS),
		    (int)c->baud);
		return HF_EINVAL;
	}
	return hf_mb_dev_conf_ok(c, why, cap);
}

static const struct hf_kind rtu_kind = {
    .name = "modbus-rtu",
    .help = "A Modbus RTU device on a serial line. It is only read.",
    .opts = rtu_opts,
    .nopt = sizeof(rtu_opts) / sizeof(rtu_opts[0]),
    .size = sizeof(struct hf_mb_conf),
    .check = check_conf,
    .flags = HF_KIND_SERIAL,
};

/* ---- between client and line ---- */

struct hf_mb_rtu {
	struct hf_mb_line_user user;
	struct hf_mb_line *own, **slot; /* own: the host has no slot */
	uint16_t tid;			/* of the request under way */
	char where[300];
};

static int
op_connect(void *arg, unsigned conn, struct hf_err *err)
{
	struct hf_driver_dev *d = arg;

	return hf_mb_line_connect(&d->rtu->user, err);
}

static void
op_disconnect(void *arg, unsigned conn)
{
	struct hf_driver_dev *d = arg;

	hf_mb_line_disconnect(&d->rtu->user);
}

static int
op_send(
    void *arg, unsigned conn, const uint8_t *p, size_t n, struct hf_err *err)
{
	struct hf_driver_dev *d = arg;
	struct hf_mb_frame f;
	struct hf_mb_req req;
	uint8_t ignored;
	size_t used;

	if (hf_mb_frame(p, n, &f, &used, err) != HF_OK ||
	    hf_mb_parse_read(&f, &req, &ignored) != HF_OK)
		return HF_FAIL(err, HF_EPROTO, "a request that is none");
	d->rtu->tid = req.tid;
	hf_mb_line_ask(&d->rtu->user, &req);
	return HF_OK;
}

static void
on_up(void *arg)
{
	struct hf_driver_dev *d = arg;

	hf_mb_client_connected(d->client, 0, hf_mb_dev_mono(d));
	hf_mb_pump(d);
}

static void
give_answer(struct hf_driver_dev *d, const uint8_t *p, size_t n)
{
	uint8_t frame[HF_MB_ADU_MAX] = {(uint8_t)(d->rtu->tid >> 8),
	    (uint8_t)d->rtu->tid, 0, 0, (uint8_t)(n >> 8), (uint8_t)n};
	const size_t head = HF_MB_HEAD - 1; /* the unit id is in p */

	if (n < 2 || n > sizeof(frame) - head) {
		hf_mb_client_unanswered(d->client, 0, true,
		    "an answer of a length that no answer has",
		    hf_mb_dev_mono(d));
		return;
	}
	memcpy(frame + head, p, n);
	hf_mb_client_bytes(d->client, 0, frame, head + n, hf_mb_dev_mono(d));
}

static void
on_done(void *arg, enum hf_mb_line_rc rc, const uint8_t *p, size_t n,
    const char *why)
{
	struct hf_driver_dev *d = arg;

	if (rc == HF_MB_LINE_ANSWER)
		give_answer(d, p, n);
	else if (rc == HF_MB_LINE_LOST)
		hf_mb_client_lost(d->client, 0, why, hf_mb_dev_mono(d));
	else
		hf_mb_client_unanswered(d->client, 0, rc == HF_MB_LINE_GARBLED,
		    why, hf_mb_dev_mono(d));
	hf_mb_pump(d);
}

static void
on_parsing(void *arg, const void *p, size_t n)
{
	struct hf_driver_dev *d = arg;

	d->host.parsing(d->host.arg, d->idx, p, n);
}

static void
on_parsed(void *arg)
{
	struct hf_driver_dev *d = arg;

	d->host.parsed(d->host.arg);
}

static int
rtu_init(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_mb_line_conf conf = {d->conf->baud, d->conf->parity,
	    d->conf->data_bits, d->conf->stop_bits};
	const char *path = d->host.serial == NULL
			       ? d->conf->serial
			       : d->host.serial(d->host.arg, d->idx);
	struct hf_mb_rtu *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", d->dev->name);
	d->rtu = r;
	if (path == NULL)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "%s is not there for this process: plug the adapter in, "
		    "then holdfast reload",
		    d->conf->serial);
	snprintf(r->where, sizeof(r->where), "%s unit %d", d->conf->serial,
	    (int)d->conf->unit);
	d->where = r->where;
	r->slot = d->host.line != NULL ? d->host.line : &r->own;
	r->user = (struct hf_mb_line_user){.timeout_ns = d->conf->timeout_ns,
	    .up = on_up,
	    .done = on_done,
	    .parsing = on_parsing,
	    .parsed = on_parsed,
	    .arg = d};
	return hf_mb_line_join(
	    r->slot, d->host.loop, path, &conf, &r->user, err);
}

static void
rtu_fini(struct hf_driver_dev *d)
{
	if (d->rtu == NULL)
		return;
	if (d->rtu->user.line != NULL)
		hf_mb_line_leave(d->rtu->slot, &d->rtu->user);
	free(d->rtu);
	d->rtu = NULL;
}

static int64_t
rtu_timeout_ns(const struct hf_driver_dev *d)
{
	return CLIENT_TIMEOUT_NS;
}

static const struct hf_mb_via rtu = {
    .nconn = 1,
    .noutstanding = 1,
    .is_serial = true,
    .init = rtu_init,
    .fini = rtu_fini,
    .timeout_ns = rtu_timeout_ns,
    .connect = op_connect,
    .disconnect = op_disconnect,
    .send = op_send,
};

/* One line has one speed and one form of a character. */
static void
check_line(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_mb_conf *a = f.dev->conf, *b;
	const char *option = NULL;
	uint32_t i;

	for (i = 0; i < device_idx && option == NULL; i++) {
		b = p->devices[i].conf;
		if (p->devices[i].kind != f.dev->kind || b == NULL ||
		    a == NULL || a->serial == NULL || b->serial == NULL ||
		    strcmp(a->serial, b->serial) != 0)
			continue;
		if (a->baud != b->baud)
			option = "baud";
		else if (a->parity != b->parity)
			option = "parity";
		else if (a->data_bits != b->data_bits)
			option = "data_bits";
		else if (a->stop_bits != b->stop_bits)
			option = "stop_bits";
		if (option != NULL)
			hf_finding(&f, NULL, option,
			    "device \"%s\" has another on the same line %s; "
			    "all devices of a line use the same",
			    p->devices[i].name, a->serial);
	}
}

static int
rtu_check(const struct hf_plant *p, uint32_t device_idx,
    hf_plant_report *report, void *arg, double *requests_hz)
{
	check_line(p, device_idx, report, arg);
	return hf_mb_dev_check(p, device_idx, &rtu, report, arg, requests_hz);
}

static int
rtu_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_driver_host *host, struct hf_driver_dev **out,
    struct hf_err *err)
{
	return hf_mb_dev_open(p, device_idx, &rtu, host, out, err);
}

const struct hf_driver hf_modbus_rtu_driver = {
    .kind = &rtu_kind,
    .check = rtu_check,
    .open = rtu_open,
    .close = hf_mb_dev_close,
    .stats = hf_mb_dev_stats,
    .try_ = hf_mb_try_start,
};
