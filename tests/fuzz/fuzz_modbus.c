/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_modbus.c - a hostile device against the whole client: frames, answers,
 * exceptions, splits, decoding of every type; and hostile addresses.
 *
 * Input: byte 0 chooses how bytes are cut into reads; then chunks, each led by
 * a byte: 0xF0-0xFF let time pass, 0xE0-0xEF close or open the connection,
 * other values n: the next n bytes come from the device, after the transaction
 * id of the newest request was written over their first two bytes if n is odd
 * (else nothing would ever match). The first 40 bytes are also parsed as an
 * address.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/modbus/client.h"
#include "field/modbus/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define NPT 16

static struct {
	struct hf_mb_client *c;
	struct hf_mb_point pts[NPT];
	struct hf_tag tag;
	uint8_t tid[2];
	bool is_open, wants_open;
	char str[HF_MB_STR_CAP(HF_MB_NREG * 2)];
} x;

static int
op_connect(void *arg, unsigned conn, struct hf_err *err)
{
	x.wants_open = true;
	return HF_OK;
}

static void
op_disconnect(void *arg, unsigned conn)
{
	x.is_open = x.wants_open = false;
}

static int
op_send(
    void *arg, unsigned conn, const uint8_t *p, size_t n, struct hf_err *err)
{
	memcpy(x.tid, p, 2);
	return HF_OK;
}

static void
op_answer(void *arg, const struct hf_mb_block *b, const uint8_t *data, size_t n)
{
	const struct hf_mb_plan *plan = hf_mb_client_plan(x.c);
	struct hf_reading r;
	size_t i;

	if (b->has_stamp)
		hf_mb_decode_stamp(&x.pts[0], data, b->first);
	for (i = 0; i < b->nitem; i++) {
		hf_mb_decode(&x.pts[plan->items[b->item0 + i]], data, b->first,
		    &r, x.str);
		/* What leaves the decoder as not bad is finite. */
		if (r.s.status >> 31 == 0 && r.s.vtype == HF_V_F64 &&
		    !isfinite(r.s.v.f64))
			abort();
	}
}

static void
op_bad(void *arg, const uint32_t *pts, size_t n, uint32_t status)
{
}

static void
op_failed(void *arg, const struct hf_mb_block *b, uint32_t status)
{
}

static void
op_parsing(void *arg, const void *p, size_t n)
{
}

static void
op_none(void *arg)
{
}

static const struct hf_mb_client_ops ops = {
    .connect = op_connect,
    .disconnect = op_disconnect,
    .send = op_send,
    .answer = op_answer,
    .bad = op_bad,
    .failed = op_failed,
    .parsing = op_parsing,
    .parsed = op_none,
    .changed = op_none,
};

/* One point of each type, and bits, with the stamp first. */
static void
make_points(void)
{
	uint16_t at = 4;
	int i;

	x.tag = (struct hf_tag){.raw_lo = 0,
	    .raw_hi = 100,
	    .scale_lo = 0,
	    .scale_hi = 1,
	    .clamp = true,
	    .range_lo = NAN,
	    .range_hi = NAN,
	    .name = x.str};
	for (i = 0; i < NPT; i++) {
		struct hf_mb_point *p = &x.pts[i];

		*p = (struct hf_mb_point){.unit = 1,
		    .fn = HF_MB_HOLDING,
		    .bit = -1,
		    .interval_ns = HF_NS_PER_S,
		    .type = (uint8_t)(i % (HF_T_STR + 1)),
		    .order = (uint8_t)(i % 4),
		    .first = at};
		p->tag = i % 2 ? &x.tag : NULL;
		p->nchar = p->type == HF_T_STR ? 7 : 0;
		p->count = p->type == HF_T_STR ? 4 : hf_mb_type_nreg(p->type);
		at = (uint16_t)(at + p->count);
	}
	x.pts[0] = (struct hf_mb_point){.unit = 1,
	    .fn = HF_MB_HOLDING,
	    .bit = -1,
	    .interval_ns = HF_NS_PER_S,
	    .type = HF_T_I64,
	    .count = 4};
	x.pts[NPT - 1].fn = HF_MB_COILS;
	x.pts[NPT - 1].type = HF_T_BOOL;
	x.pts[NPT - 1].count = 1;
	x.pts[NPT - 1].nchar = 0;
}

static void
parse_address(const uint8_t *p, size_t n)
{
	char text[HF_MB_ADDR_TEXT + 1], buf[HF_MB_ADDR_TEXT];
	struct hf_tag t = {.address = text, .interval_ns = 1};
	struct hf_mb_point pt;
	struct hf_mb_range r;

	n = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
	memcpy(text, p, n);
	text[n] = '\0';
	for (t.type = HF_T_BOOL; t.type <= HF_T_STR; t.type++) {
		if (hf_mb_point(&t, 1, &pt, NULL) == HF_OK) {
			hf_mb_addr_0based(&pt, 1, buf);
			hf_mb_addr_1based(&pt, 1, buf);
		}
	}
	hf_mb_range_parse(text, &r, NULL);
}

static void
from_device(
    const uint8_t *p, size_t n, bool is_matched, size_t cut, int64_t now_ns)
{
	uint8_t bytes[256];
	size_t at, k;

	memcpy(bytes, p, n);
	if (is_matched && n >= 2)
		memcpy(bytes, x.tid, 2);
	for (at = 0; at < n && x.is_open; at += k) {
		k = n - at < cut ? n - at : cut;
		hf_mb_client_bytes(x.c, 0, bytes + at, k, now_ns);
		hf_mb_client_tick(x.c, now_ns);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_counters counters = {{0}};
	const struct hf_mb_client_conf conf = {
	    .pts = x.pts,
	    .npt = NPT,
	    .rules = {.gap = 16, .span = 120, .stamp = 0},
	    .counters = &counters,
	    .name = "fuzz",
	    .where = "fuzz:502",
	    .timeout_ns = HF_NS_PER_S,
	    .missed = 3,
	    .nconn = 1,
	    .noutstanding = 4,
	    .requests_hz = 100,
	};
	int64_t now_ns = HF_NS_PER_S;
	size_t cut, k;

	parse_address(p, n);
	if (n < 2)
		return 0;
	memset(&x, 0, sizeof(x));
	make_points();
	if (hf_mb_client_new(&conf, &ops, now_ns, &x.c, NULL) != HF_OK)
		abort();
	hf_mb_client_tick(x.c, now_ns);
	cut = 1 + *p % 64;
	for (p++, n--; n > 0;) {
		k = *p++;
		n--;
		if (k >= 0xf0) {
			now_ns += (int64_t)(k - 0xef) * 200 * HF_NS_PER_MS;
		} else if (k >= 0xe0 && x.is_open) {
			hf_mb_client_lost(x.c, 0, "closed", now_ns);
		} else if (k >= 0xe0 && x.wants_open) {
			x.wants_open = false;
			x.is_open = true;
			hf_mb_client_connected(x.c, 0, now_ns);
		} else if (k < 0xe0) {
			k = k < n ? k : n;
			from_device(p, k, k % 2, cut, now_ns);
			p += k;
			n -= k;
		}
		hf_mb_client_tick(x.c, now_ns);
	}
	hf_mb_client_free(x.c);
	return 0;
}
