/* SPDX-License-Identifier: Apache-2.0
 *
 * device.c - what Modbus devices have in common, whatever carries their frames:
 * tags as points, check, readings, the client on the loop.
 *
 * Glue: client.c decides what to read and when, decode.c makes values of
 * registers; driver.c (TCP) and rtu.c (serial lines) move the bytes through
 * struct hf_mb_via. This file owns the device, hands readings to edge and turns
 * a plant's tags into points.
 *
 * A reading has no source time of its own (Modbus has none): t_ns is
 * HF_TIME_NONE and recv_ns the end of the answer, or stamp_ns of readings() is
 * the device's time register if that lay in the same answer. A sample that
 * reports a bad status (no communication, refused address) carries t_ns = now
 * and no value: NaN, 0, false or an empty text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "field/convert.h"
#include "field/finding.h"
#include "field/modbus/decode.h"
#include "field/modbus/device.h"
#include "model/quality.h"

#define NFORBIDDEN 1000 /* ranges of one device */

/* ---- options ---- */

int
hf_mb_dev_conf_ok(const struct hf_mb_conf *c, char *why, size_t cap)
{
	struct hf_mb_range r;
	struct hf_err err;
	size_t i;

	if (c->forbidden.n > NFORBIDDEN) {
		snprintf(why, cap, "forbidden: %zu ranges, %d at most",
		    c->forbidden.n, NFORBIDDEN);
		return HF_EINVAL;
	}
	for (i = 0; i < c->forbidden.n; i++) {
		if (hf_mb_range_parse(c->forbidden.v[i], &r, &err) != HF_OK) {
			snprintf(why, cap, "forbidden: %s", err.msg);
			return HF_EINVAL;
		}
	}
	return HF_OK;
}

/* ---- a device's tags as points ---- */

static void
map_fini(struct hf_mb_map *m)
{
	free(m->pts);
	free(m->forbidden);
	memset(m, 0, sizeof(*m));
}

static int
map_init(struct hf_mb_map *m, const struct hf_device *dev, struct hf_err *err)
{
	const struct hf_mb_conf *c = dev->conf;
	size_t i;
	int rc;

	memset(m, 0, sizeof(*m));
	m->pts = calloc((size_t)dev->ntag + 1, sizeof(*m->pts));
	m->forbidden = calloc(c->forbidden.n + 1, sizeof(*m->forbidden));
	if (m->pts == NULL || m->forbidden == NULL) {
		map_fini(m);
		return HF_FAIL(err, HF_ENOMEM, "device %s", dev->name);
	}
	m->rules = (struct hf_mb_rules){
	    .gap = (uint16_t)c->gap,
	    .span = (uint16_t)c->span,
	    .forbidden = m->forbidden,
	    .nforbidden = c->forbidden.n,
	    .stamp = HF_MB_NO_POINT,
	};
	for (i = 0; i < c->forbidden.n; i++) {
		rc =
		    hf_mb_range_parse(c->forbidden.v[i], &m->forbidden[i], err);
		if (rc != HF_OK) {
			map_fini(m);
			return rc;
		}
	}
	return HF_OK;
}

/* "rw" where the protocol can only be read; the rest of the address is fine. */
static int
tag_ok(const struct hf_tag *t, const struct hf_mb_point *p,
    const struct hf_mb_rules *rules, struct hf_err *err)
{
	if (t->writable && (p->fn == HF_MB_DISCRETE || p->fn == HF_MB_INPUT))
		return HF_FAIL(err, HF_EINVAL,
		    "discrete inputs and input registers cannot be written: "
		    "access is r");
	if (t->is_stamp && t->type != HF_T_I64 && t->type != HF_T_U64 &&
	    t->type != HF_T_F64)
		return HF_FAIL(err, HF_EINVAL,
		    "_stamp is int64 or uint64 (ns UTC) or float64 (seconds)");
	if (t->interval_ns <= 0)
		return HF_FAIL(err, HF_EINVAL, "interval is not positive");
	return hf_mb_plan_point_ok(p, rules, err);
}

/* Appends a tag's point; an unused _stamp is left out. */
static int
map_add(struct hf_mb_map *m, const struct hf_device *dev,
    const struct hf_tag *t, struct hf_err *err)
{
	const struct hf_mb_conf *c = dev->conf;
	struct hf_mb_point *p = &m->pts[m->npt];
	int rc;

	if ((rc = hf_mb_point(t, (uint8_t)c->unit, p, err)) != HF_OK)
		return rc;
	if ((rc = tag_ok(t, p, &m->rules, err)) != HF_OK)
		return rc;
	if (t->is_stamp && dev->time != HF_TIME_REGISTER)
		return HF_OK;
	if (t->is_stamp)
		m->rules.stamp = m->npt;
	m->npt++;
	return HF_OK;
}

/* ---- check ---- */

/* Tags of a `time: register` device that no answer brings with the stamp. */
static void
check_stamp(struct hf_findings *f, const struct hf_mb_plan *plan)
{
	const struct hf_mb_block *b;
	const struct hf_tag *first = NULL;
	size_t i, n = 0;

	if (plan->rules.stamp == HF_MB_NO_POINT)
		return;
	for (i = 0; i < plan->nblock; i++) {
		b = &plan->blocks[i];
		if (b->has_stamp)
			continue;
		n += b->nitem;
		if (first == NULL)
			first = plan->pts[plan->items[b->item0]].tag;
	}
	if (first != NULL)
		hf_finding(f, first, "address",
		    "%zu tags cannot be read in one request with _stamp, so "
		    "they would have no time: move them to a device of their "
		    "own, or raise span",
		    n);
}

static void
check_load(struct hf_findings *f, const struct hf_mb_via *via, double hz)
{
	const struct hf_load *load = &f->dev->load;

	if (load->connections > via->nconn)
		hf_finding(f, NULL, "load.connections", "%s opens at most %d",
		    f->dev->driver, via->nconn);
	if (load->outstanding > via->noutstanding)
		hf_finding(f, NULL, "load.outstanding",
		    "%s has at most %d requests under way on a connection",
		    f->dev->driver, via->noutstanding);
	/* A millionth of slack: 20 blocks of 1 s are 20/s in doubles too. */
	if (hz > load->requests_hz * (1 + 1e-6))
		hf_finding(f, NULL, "load.requests",
		    "the plan needs %.4g requests/s, the budget is %.4g/s: "
		    "cycles would be skipped; raise intervals, gap or the "
		    "budget",
		    hz, load->requests_hz);
}

static int
check_plan(struct hf_findings *f, struct hf_mb_map *m,
    const struct hf_mb_via *via, double *hz)
{
	struct hf_mb_plan plan;
	struct hf_err err;

	if (hf_mb_plan_init(&plan, m->pts, m->npt, &m->rules, &err) != HF_OK) {
		hf_finding(f, NULL, "tags", "%s", err.msg);
		return err.rc;
	}
	*hz = hf_mb_plan_hz(&plan);
	check_stamp(f, &plan);
	check_load(f, via, *hz);
	hf_mb_plan_fini(&plan);
	return f->n == 0 ? HF_OK : HF_EINVAL;
}

int
hf_mb_dev_check(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_mb_via *via, hf_plant_report *report, void *arg,
    double *requests_hz)
{
	struct hf_findings f = {p, &p->devices[device_idx], report, arg, 0};
	const struct hf_tag *t = p->tags + f.dev->tag_first;
	struct hf_mb_map m;
	struct hf_err err;
	uint32_t i;
	int rc;

	*requests_hz = 0;
	if ((rc = map_init(&m, f.dev, &err)) != HF_OK) {
		hf_finding(&f, NULL, "forbidden", "%s", err.msg);
		return rc;
	}
	for (i = 0; i < f.dev->ntag; i++)
		if (map_add(&m, f.dev, &t[i], &err) != HF_OK)
			hf_finding(&f, &t[i], "address", "%s", err.msg);
	rc = check_plan(&f, &m, via, requests_hz);
	map_fini(&m);
	return rc;
}

/* ---- what the client says ---- */

static void
count_why(struct hf_driver_dev *d, enum hf_mb_why why)
{
	if (why == HF_MB_NOT_FINITE)
		hf_count(d->host.counters, HF_C_S_NOT_FINITE, 1);
	else if (why == HF_MB_BAD_BCD)
		hf_count(d->host.counters, HF_C_S_BCD, 1);
	else if (why == HF_MB_CLAMPED)
		hf_count(d->host.counters, HF_C_S_CLAMPED, 1);
}

static void
op_answer(void *arg, const struct hf_mb_block *b, const uint8_t *data, size_t n)
{
	struct hf_driver_dev *d = arg;
	const struct hf_mb_plan *plan = hf_mb_client_plan(d->client);
	const int64_t now_ns = d->host.wall_ns(d->host.arg);
	int64_t stamp_ns = HF_TIME_NONE;
	char *str = d->str;
	size_t i;

	if (b->has_stamp)
		stamp_ns = hf_mb_decode_stamp(
		    &d->map.pts[d->map.rules.stamp], data, b->first);
	for (i = 0; i < b->nitem; i++) {
		const struct hf_mb_point *p =
		    &d->map.pts[plan->items[b->item0 + i]];
		struct hf_reading *r = &d->readings[i];

		count_why(d, hf_mb_decode(p, data, b->first, r, str));
		str += p->type == HF_T_STR ? HF_MB_STR_CAP(p->nchar) : 0;
		r->s.tag = p->tag->key;
		r->s.recv_ns = now_ns;
	}
	d->last_good_ns = now_ns;
	d->host.readings(d->host.arg, d->idx, stamp_ns, d->readings, b->nitem);
	hf_mb_try_seen(d, b, data, HF_GOOD);
}

static void
op_bad(void *arg, const uint32_t *pts, size_t n, uint32_t status)
{
	struct hf_driver_dev *d = arg;
	const int64_t now_ns = d->host.wall_ns(d->host.arg);
	size_t i;

	for (i = 0; i < n; i++) {
		const struct hf_mb_point *p = &d->map.pts[pts[i]];
		struct hf_reading *r = &d->readings[i];

		hf_reading_bad(p->tag, status, r);
		r->s.t_ns = r->s.recv_ns = now_ns;
	}
	if (status == HF_BAD_NO_COMMUNICATION)
		hf_count(d->host.counters, HF_C_S_NOCOMM, n);
	d->host.readings(d->host.arg, d->idx, HF_TIME_NONE, d->readings, n);
}

static void
op_failed(void *arg, const struct hf_mb_block *b, uint32_t status)
{
	hf_mb_try_seen(arg, b, NULL, status);
}

static void
op_parsing(void *arg, const void *p, size_t n)
{
	struct hf_driver_dev *d = arg;

	d->host.parsing(d->host.arg, d->idx, p, n);
}

static void
op_parsed(void *arg)
{
	struct hf_driver_dev *d = arg;

	d->host.parsed(d->host.arg);
}

static void
op_changed(void *arg)
{
	struct hf_driver_dev *d = arg;

	d->host.changed(d->host.arg, d->idx);
}

/* ---- the clock ---- */

int64_t
hf_mb_dev_mono(struct hf_driver_dev *d)
{
	return d->host.mono_ns(d->host.arg);
}

void
hf_mb_pump(struct hf_driver_dev *d)
{
	const int64_t now_ns = hf_mb_dev_mono(d);
	int64_t wake_ns = hf_mb_client_tick(d->client, now_ns);

	if (wake_ns != INT64_MAX)
		hf_timer_in(d->timer, wake_ns > now_ns ? wake_ns - now_ns : 0);
}

static void
on_timer(void *arg)
{
	hf_mb_pump(arg);
}

/* ---- open and close ---- */

void
hf_mb_dev_close(struct hf_driver_dev *d)
{
	if (d == NULL)
		return;
	hf_mb_try_cancel(d);
	hf_mb_client_free(d->client);
	d->via->fini(d);
	hf_watch_free(d->timer);
	map_fini(&d->map);
	free(d->readings);
	free(d->str);
	free(d);
}

static int
map_all(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_tag *t = d->plant->tags + d->dev->tag_first;
	uint32_t i;
	int rc;

	if ((rc = map_init(&d->map, d->dev, err)) != HF_OK)
		return rc;
	for (i = 0; i < d->dev->ntag; i++) {
		rc = map_add(&d->map, d->dev, &t[i], err);
		if (rc != HF_OK) {
			hf_err_prefix(
			    err, "device %s, tag %s", d->dev->name, t[i].name);
			return rc;
		}
	}
	return HF_OK;
}

/* Bytes for the strings of the block that has most of them. */
static size_t
str_cap(const struct hf_mb_plan *plan)
{
	size_t i, k, n, max = 1;

	for (i = 0; i < plan->nblock; i++) {
		const struct hf_mb_block *b = &plan->blocks[i];

		for (n = 1, k = 0; k < b->nitem; k++)
			n += HF_MB_STR_CAP(
			    plan->pts[plan->items[b->item0 + k]].nchar);
		max = n > max ? n : max;
	}
	return max;
}

static int64_t
at_most(int64_t v, int64_t max)
{
	return v < 1 ? 1 : v > max ? max : v;
}

static int
open_client(struct hf_driver_dev *d, struct hf_err *err)
{
	const struct hf_load *load = &d->dev->load;
	const struct hf_mb_client_conf conf = {
	    .pts = d->map.pts,
	    .npt = d->map.npt,
	    .rules = d->map.rules,
	    .counters = d->host.counters,
	    .name = d->dev->name,
	    .where = d->where,
	    .timeout_ns = d->via->timeout_ns(d),
	    .missed = d->conf->missed,
	    .nconn = (unsigned)at_most(load->connections, d->via->nconn),
	    .noutstanding =
		(unsigned)at_most(load->outstanding, d->via->noutstanding),
	    .requests_hz = load->requests_hz,
	};
	const struct hf_mb_client_ops ops = {
	    .arg = d,
	    .connect = d->via->connect,
	    .disconnect = d->via->disconnect,
	    .send = d->via->send,
	    .answer = op_answer,
	    .bad = op_bad,
	    .failed = op_failed,
	    .parsing = op_parsing,
	    .parsed = op_parsed,
	    .changed = op_changed,
	};

	if (!(load->requests_hz > 0))
		return HF_FAIL(err, HF_EINVAL,
		    "devices.%s.load.requests: no budget", d->dev->name);
	return hf_mb_client_new(
	    &conf, &ops, hf_mb_dev_mono(d), &d->client, err);
}

static int
open_all(struct hf_driver_dev *d, struct hf_err *err)
{
	int rc;

	rc = d->via->init(d, err);
	if (rc != HF_OK || (rc = map_all(d, err)) != HF_OK)
		return rc;
	if ((rc = open_client(d, err)) != HF_OK)
		return rc;
	d->readings = calloc(d->map.npt + 1, sizeof(*d->readings));
	d->str = calloc(1, str_cap(hf_mb_client_plan(d->client)));
	d->timer = hf_loop_timer(d->host.loop, on_timer, d);
	if (d->readings == NULL || d->str == NULL || d->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", d->dev->name);
	return HF_OK;
}

int
hf_mb_dev_open(const struct hf_plant *p, uint32_t device_idx,
    const struct hf_mb_via *via, const struct hf_driver_host *host,
    struct hf_driver_dev **out, struct hf_err *err)
{
	struct hf_driver_dev *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %u", device_idx);
	d->via = via;
	d->plant = p;
	d->idx = device_idx;
	d->dev = &p->devices[device_idx];
	d->conf = d->dev->conf;
	d->host = *host;
	d->last_good_ns = HF_TIME_NONE;
	if ((rc = open_all(d, err)) != HF_OK) {
		hf_mb_dev_close(d);
		return rc;
	}
	hf_timer_in(d->timer, 0); /* connects from the loop, not from here */
	*out = d;
	return HF_OK;
}

void
hf_mb_dev_stats(const struct hf_driver_dev *d, struct hf_driver_stats *out)
{
	hf_mb_client_stats(d->client, out);
	out->last_good_ns = d->last_good_ns;
}
