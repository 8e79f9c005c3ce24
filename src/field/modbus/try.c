/* SPDX-License-Identifier: Apache-2.0
 *
 * try.c - `holdfast try DEVICE`: every tag once, with everything one needs to
 * see why a value looks wrong.
 *
 * A preview sends nothing of its own: it makes every block due now, within the
 * load budget, and looks on while the poll's answers arrive. So it reads only
 * what the configuration names, the samples go their normal way too, and no
 * device is asked twice. It ends when each tag was answered or failed, or at
 * its deadline, and calls done() exactly once, from the loop or from within
 * close.
 *
 *   {"device","host","port" (a serial line: "serial"),"unit","connected",
 *    "text",
 *    "tags":[{"tag","address","address_1based","address_0based","type","order",
 *       "raw":["0x4248",...],"value","quality","status",
 *       "orders":{"ABCD":...,"CDAB":...,"BADC":...,"DCBA":...}}],
 *    "plan":[{"unit","function","first","count","interval_ms","tags"}],
 *    "requests_per_s","budget_per_s"}
 *
 * "value" is scaled, "orders" are the unscaled readings in each word and byte
 * order, for types of two and four registers. Numbers that JSON lacks are null.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "field/modbus/decode.h"
#include "field/modbus/device.h"
#include "model/quality.h"

#define TRY_BYTES (16u << 20) /* of the answer */
#define TRY_SLACK_NS (1 * HF_NS_PER_S)
#define TRY_MAX_NS (30 * HF_NS_PER_S)

struct seen { /* one point */
	bool is_done;
	uint32_t status;
	uint8_t
	    *bytes; /* its registers as they came; NULL if it was not read */
};

struct hf_mb_try {
	void (*done)(void *arg, int rc, const char *text, size_t n);
	void *arg;
	struct seen *seen; /* per point */
	size_t nleft;
	struct hf_watch *deadline;
};

/* ---- collecting ---- */

static void
try_free(struct hf_driver_dev *d)
{
	struct hf_mb_try *t = d->preview;
	size_t i;

	d->preview = NULL;
	for (i = 0; t->seen != NULL && i < d->map.npt; i++)
		free(t->seen[i].bytes);
	free(t->seen);
	hf_watch_free(t->deadline);
	free(t);
}

/* The bytes of one point, so that it decodes with first = its own address. */
static uint8_t *
bytes_of(const struct hf_mb_point *p, const struct hf_mb_block *b,
    const uint8_t *data)
{
	uint8_t *bytes = calloc(1, (size_t)p->count * 2 + 1);

	if (bytes == NULL)
		return NULL;
	if (p->fn <= HF_MB_DISCRETE)
		bytes[0] = (uint8_t)hf_mb_raw_register(p, data, b->first, 0);
	else
		memcpy(bytes, data + 2 * (size_t)(p->first - b->first),
		    (size_t)p->count * 2);
	return bytes;
}

static void
see(struct hf_driver_dev *d, size_t pt, const struct hf_mb_block *b,
    const uint8_t *data, uint32_t status)
{
	struct seen *s = &d->preview->seen[pt];

	if (s->is_done)
		return;
	s->is_done = true;
	s->status = status;
	if (data != NULL) {
		s->bytes = bytes_of(&d->map.pts[pt], b, data);
		if (s->bytes == NULL)
			s->status = HF_BAD_OUT_OF_SERVICE;
	}
	d->preview->nleft--;
}

void
hf_mb_try_seen(struct hf_driver_dev *d, const struct hf_mb_block *b,
    const uint8_t *data, uint32_t status)
{
	const struct hf_mb_plan *plan;
	size_t i;

	if (d->preview == NULL)
		return;
	plan = hf_mb_client_plan(d->client);
	for (i = 0; i < b->nitem; i++)
		see(d, plan->items[b->item0 + i], b, data, status);
	if (b->has_stamp)
		see(d, d->map.rules.stamp, b, data, status);
	/* Ends from the loop: the client is in the middle of something. */
	if (d->preview->nleft == 0)
		hf_timer_in(d->preview->deadline, 0);
}

/* ---- the answer ---- */

static void
put_value(struct hf_jw *w, const struct hf_reading *r)
{
	switch (r->s.vtype) {
	case HF_V_F64:
		hf_jw_f64(w, r->s.v.f64);
		break;
	case HF_V_I64:
		hf_jw_i64(w, r->s.v.i64);
		break;
	case HF_V_BOOL:
		hf_jw_bool(w, r->s.v.bits != 0);
		break;
	default:
		hf_jw_strn(w, r->str, r->s.str_len);
	}
}

static void
put_orders(struct hf_jw *w, const struct hf_mb_point *p, const uint8_t *bytes)
{
	struct hf_mb_point plain = *p;
	struct hf_reading r;
	uint8_t i;

	if (p->count != 2 && p->count != 4)
		return;
	plain.tag = NULL; /* unscaled */
	hf_jw_key(w, "orders");
	hf_jw_obj(w);
	for (i = HF_ABCD; i <= HF_DCBA; i++) {
		plain.order = i;
		hf_mb_decode(&plain, bytes, p->first, &r, NULL);
		hf_jw_key(w, hf_order_words[i]);
		put_value(w, &r);
	}
	hf_jw_end_obj(w);
}

static void
put_read(struct hf_jw *w, const struct hf_mb_point *p, const uint8_t *bytes)
{
	char str[HF_MB_STR_CAP(HF_MB_NREG * 2)], hex[8], name[16];
	struct hf_reading r;
	uint16_t i;

	hf_mb_decode(p, bytes, p->first, &r, str);
	hf_jw_key(w, "raw");
	hf_jw_arr(w);
	for (i = 0; i < p->count; i++) {
		snprintf(hex, sizeof(hex),
		    p->fn <= HF_MB_DISCRETE ? "0x%x" : "0x%04x",
		    hf_mb_raw_register(p, bytes, p->first, i));
		hf_jw_str(w, hex);
	}
	hf_jw_end_arr(w);
	hf_jw_key(w, "value");
	put_value(w, &r);
	hf_jw_kstr(w, "quality", hf_quality_word(r.s.status));
	hf_jw_kstr(w, "status", hf_status_name(r.s.status, name));
	if (p->type != HF_T_STR)
		put_orders(w, p, bytes);
}

static void
put_unread(struct hf_jw *w, uint32_t status)
{
	char name[16];

	hf_jw_key(w, "raw");
	hf_jw_arr(w);
	hf_jw_end_arr(w);
	hf_jw_key(w, "value");
	hf_jw_null(w);
	hf_jw_kstr(w, "quality", hf_quality_word(status));
	hf_jw_kstr(w, "status", hf_status_name(status, name));
}

static void
put_tag(struct hf_driver_dev *d, struct hf_jw *w, size_t pt)
{
	const struct hf_mb_point *p = &d->map.pts[pt];
	const struct seen *s = &d->preview->seen[pt];
	const uint8_t unit = (uint8_t)d->conf->unit;
	char addr[HF_MB_ADDR_TEXT];

	hf_jw_obj(w);
	hf_jw_kstr(w, "tag", p->tag->name);
	hf_jw_kstr(w, "address", p->tag->address);
	hf_jw_kstr(w, "address_1based", hf_mb_addr_1based(p, unit, addr));
	hf_jw_kstr(w, "address_0based", hf_mb_addr_0based(p, unit, addr));
	hf_jw_kstr(w, "type", hf_tag_type_words[p->type]);
	hf_jw_kstr(w, "order", hf_order_words[p->order]);
	if (s->bytes != NULL)
		put_read(w, p, s->bytes);
	else
		put_unread(w, s->is_done ? s->status
					 : hf_mb_client_status(d->client, pt));
	hf_jw_end_obj(w);
}

static void
put_plan(struct hf_driver_dev *d, struct hf_jw *w)
{
	const struct hf_mb_plan *plan = hf_mb_client_plan(d->client);
	size_t i;

	hf_jw_key(w, "plan");
	hf_jw_arr(w);
	for (i = 0; i < plan->nblock; i++) {
		const struct hf_mb_block *b = &plan->blocks[i];

		hf_jw_obj(w);
		hf_jw_ki64(w, "unit", b->unit);
		hf_jw_ki64(w, "function", b->fn);
		hf_jw_ki64(w, "first", b->first);
		hf_jw_ki64(w, "count", b->count);
		hf_jw_kf64(w, "interval_ms",
		    (double)b->interval_ns / (double)HF_NS_PER_MS);
		hf_jw_ki64(w, "tags", (int64_t)b->nitem);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
	hf_jw_kf64(w, "requests_per_s", hf_mb_plan_hz(plan));
	hf_jw_kf64(w, "budget_per_s", d->dev->load.requests_hz);
}

static void
put_all(struct hf_driver_dev *d, struct hf_buf *b)
{
	struct hf_driver_stats st;
	struct hf_jw w;
	size_t i;

	hf_mb_client_stats(d->client, &st);
	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "device", d->dev->name);
	if (d->via->is_serial) {
		hf_jw_kstr(&w, "serial", d->conf->serial);
	} else {
		hf_jw_kstr(&w, "host", d->conf->host);
		hf_jw_ki64(&w, "port", d->conf->port);
	}
	hf_jw_ki64(&w, "unit", d->conf->unit);
	hf_jw_kbool(&w, "connected", st.up == 1);
	hf_jw_kstr(&w, "text", st.text);
	hf_jw_key(&w, "tags");
	hf_jw_arr(&w);
	for (i = 0; i < d->map.npt; i++)
		put_tag(d, &w, i);
	hf_jw_end_arr(&w);
	put_plan(d, &w);
	hf_jw_end_obj(&w);
}

static void
finish(void *arg)
{
	struct hf_driver_dev *d = arg;
	void (*done)(void *, int, const char *, size_t) = d->preview->done;
	void *done_arg = d->preview->arg;
	static const char full[] = "the preview is longer than 16 MiB";
	struct hf_buf b;

	hf_buf_init(&b, TRY_BYTES);
	put_all(d, &b);
	try_free(d);
	if (hf_buf_ok(&b))
		done(done_arg, HF_OK, hf_buf_cstr(&b), b.len);
	else
		done(done_arg, HF_ELIMIT, full, sizeof(full) - 1);
	hf_buf_fini(&b);
}

void
hf_mb_try_cancel(struct hf_driver_dev *d)
{
	static const char text[] = "the device was closed";
	void (*done)(void *, int, const char *, size_t);
	void *done_arg;

	if (d->preview == NULL)
		return;
	done = d->preview->done;
	done_arg = d->preview->arg;
	try_free(d);
	done(done_arg, HF_ECLOSED, text, sizeof(text) - 1);
}

/* ---- start ---- */

/* Every block once at the budget's pace, one time-out, and some slack. */
static int64_t
deadline_ns(const struct hf_driver_dev *d)
{
	const struct hf_mb_plan *plan = hf_mb_client_plan(d->client);
	double s = (double)plan->nblock / d->dev->load.requests_hz;
	int64_t ns = 2 * d->conf->timeout_ns + TRY_SLACK_NS;

	if (s * 1e9 > (double)TRY_MAX_NS)
		return TRY_MAX_NS;
	ns += (int64_t)(s * 1e9);
	return ns < TRY_MAX_NS ? ns : TRY_MAX_NS;
}

/* What the device refused is not asked again: it is known. */
static void
see_refused(struct hf_driver_dev *d)
{
	size_t i;

	for (i = 0; i < d->map.npt; i++)
		if (hf_mb_client_status(d->client, i) == HF_BAD_CONFIG)
			see(d, i, NULL, NULL, HF_BAD_CONFIG);
}

void
hf_mb_try_start(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char busy[] = "a preview of this device is under way";
	static const char nomem[] = "no memory for a preview";
	struct hf_driver_stats st;
	struct hf_mb_try *t;

	if (d->preview != NULL) {
		done(arg, HF_EAGAIN, busy, sizeof(busy) - 1);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		done(arg, HF_ENOMEM, nomem, sizeof(nomem) - 1);
		return;
	}
	d->preview = t;
	t->seen = calloc(d->map.npt + 1, sizeof(*t->seen));
	t->deadline = hf_loop_timer(d->host.loop, finish, d);
	if (t->seen == NULL || t->deadline == NULL) {
		try_free(d);
		done(arg, HF_ENOMEM, nomem, sizeof(nomem) - 1);
		return;
	}
	t->done = done;
	t->arg = arg;
	t->nleft = d->map.npt;
	see_refused(d);
	hf_mb_client_stats(d->client, &st);
	hf_timer_in(
	    t->deadline, st.up < 0 || t->nleft == 0 ? 0 : deadline_ns(d));
	hf_mb_client_want_all(d->client, d->host.mono_ns(d->host.arg));
	hf_mb_pump(d);
}
