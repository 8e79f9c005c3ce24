/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c - from register bytes to values; no sockets, no time.
 *
 * Called by driver.c for every answer and by try.c for the four orders.
 *
 * Orders. A 4-byte value with bytes A (most significant) B C D in two
 * registers, each register high byte first as Modbus sends it:
 *    ABCD  as is               CDAB  words swapped (most common after ABCD)
 *    BADC  bytes swapped within each register      DCBA  both
 * 8-byte values likewise: ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA. One-register
 * values take the byte part only: BADC and DCBA swap the two bytes.
 *
 * Values. Integers become i64 and stay exact; a uint64 above 2^63 - 1 has no
 * i64 and is bad (out of range), never a wrapped number. Scaling and clamp are
 * those of field/convert.c. NaN, infinities and BCD nibbles above 9 are bad
 * samples with the raw bits kept. Strings end at the first NUL; bytes that are
 * no UTF-8 make the sample bad, with a readable form of them as the value.
 */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"
#include "field/convert.h"
#include "field/modbus/decode.h"
#include "model/quality.h"

#define NREG_MAX 4
#define STAMP_MAX_S 9.2e9 /* seconds that int64 ns can hold, a little less */

static uint16_t
reg_at(const uint8_t *data, uint32_t i)
{
	return (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
}

static uint16_t
swap16(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

uint16_t
hf_mb_raw_register(const struct hf_mb_point *p, const uint8_t *data,
    uint16_t first, uint16_t i)
{
	uint32_t at = (uint32_t)p->first - first + i;

	if (p->fn <= HF_MB_DISCRETE)
		return data[at / 8] >> at % 8 & 1;
	return reg_at(data, at);
}

/* The point's 1, 2 or 4 registers as one number in the point's order. */
static uint64_t
gather(const struct hf_mb_point *p, const uint8_t *data, uint16_t first)
{
	const bool is_words = p->order == HF_CDAB || p->order == HF_DCBA;
	const bool is_bytes = p->order == HF_BADC || p->order == HF_DCBA;
	uint64_t v = 0;
	uint16_t i, k, r;

	if (p->fn <= HF_MB_DISCRETE)
		return hf_mb_raw_register(p, data, first, 0);
	for (i = 0; i < p->count && i < NREG_MAX; i++) {
		k = is_words ? (uint16_t)(p->count - 1 - i) : i;
		r = hf_mb_raw_register(p, data, first, k);
		v = v << 16 | (is_bytes ? swap16(r) : r);
	}
	return v;
}

static double
f32_of(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static double
f64_of(uint64_t bits)
{
	double f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* False if a nibble is above 9. */
static bool
bcd_of(uint64_t raw, int ndigit, int64_t *out)
{
	int64_t v = 0;
	int i, d;

	for (i = ndigit - 1; i >= 0; i--) {
		d = (int)(raw >> (4 * i) & 0xf);
		if (d > 9)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

static enum hf_mb_why
set_f64(struct hf_reading *r, double v)
{
	r->s.vtype = HF_V_F64;
	r->s.v.f64 = v;
	if (isfinite(v))
		return HF_MB_FINE;
	r->s.status = HF_BAD_DECODING;
	return HF_MB_NOT_FINITE;
}

static enum hf_mb_why
set_i64(struct hf_reading *r, int64_t v)
{
	r->s.vtype = HF_V_I64;
	r->s.v.i64 = v;
	return HF_MB_FINE;
}

/* The value as the device means it, before scaling. */
static enum hf_mb_why
set_plain(const struct hf_mb_point *p, struct hf_reading *r)
{
	const uint64_t raw = r->raw;
	int64_t bcd;

	switch (p->type) {
	case HF_T_BOOL:
		r->s.vtype = HF_V_BOOL;
		r->s.v.bits = p->bit >= 0 ? raw >> p->bit & 1 : raw != 0;
		return HF_MB_FINE;
	case HF_T_I16:
		return set_i64(r, (int16_t)(uint16_t)raw);
	case HF_T_I32:
		return set_i64(r, (int32_t)(uint32_t)raw);
	case HF_T_I64:
		return set_i64(r, (int64_t)raw);
	case HF_T_F32:
		return set_f64(r, f32_of((uint32_t)raw));
	case HF_T_F64:
		return set_f64(r, f64_of(raw));
	case HF_T_BCD16:
	case HF_T_BCD32:
		if (bcd_of(raw, p->count * 4, &bcd))
			return set_i64(r, bcd);
		set_i64(r, 0);
		r->s.status = HF_BAD_DECODING;
		return HF_MB_BAD_BCD;
	default: /* U16, U32, U64 */
		if (raw <= INT64_MAX)
			return set_i64(r, (int64_t)raw);
		set_i64(r, INT64_MAX);
		r->s.status = HF_BAD_OUT_OF_RANGE;
		return HF_MB_TOO_BIG;
	}
}

/* uint64 above 2^63 - 1 has a double, so scaling can still use it. */
static double
raw_f64(const struct hf_mb_point *p, const struct hf_reading *r)
{
	if (r->s.vtype == HF_V_F64)
		return r->s.v.f64;
	return p->type == HF_T_U64 ? (double)r->raw : (double)r->s.v.i64;
}

static enum hf_mb_why
scale_and_clamp(
    const struct hf_mb_point *p, struct hf_reading *r, enum hf_mb_why why)
{
	const struct hf_tag *t = p->tag;

	if (t == NULL || r->s.vtype == HF_V_BOOL)
		return why;
	if (hf_scale_is_on(t) && (why == HF_MB_FINE || why == HF_MB_TOO_BIG))
		why = hf_scale(t, raw_f64(p, r), r) ? HF_MB_FINE
						    : HF_MB_NOT_FINITE;
	if (why == HF_MB_FINE && hf_clamp(t, r))
		why = HF_MB_CLAMPED;
	return why;
}

static enum hf_mb_why
set_string(const struct hf_mb_point *p, const uint8_t *data, uint16_t first,
    struct hf_reading *r, char *str)
{
	char text[HF_MB_NREG * 2];
	size_t n;
	uint16_t w;
	bool is_high;

	for (n = 0; n < p->nchar && n < sizeof(text); n++) {
		w = hf_mb_raw_register(p, data, first, (uint16_t)(n / 2));
		is_high = (n % 2 == 0) != p->is_low_first;
		text[n] = (char)(is_high ? w >> 8 : w & 0xff);
		if (text[n] == '\0')
			break;
	}
	r->s.vtype = HF_V_STR;
	r->str = str;
	if (hf_utf8_ok(text, n)) {
		memcpy(str, text, n);
		str[n] = '\0';
		r->s.str_len = (uint16_t)n;
		return HF_MB_FINE;
	}
	hf_printable(str, HF_MB_STR_CAP(p->nchar), text, n);
	r->s.str_len = (uint16_t)strlen(str);
	r->s.status = HF_BAD_DECODING;
	return HF_MB_BAD_TEXT;
}

enum hf_mb_why
hf_mb_decode(const struct hf_mb_point *p, const uint8_t *data, uint16_t first,
    struct hf_reading *r, char *str)
{
	*r = (struct hf_reading){.tag = p->tag};
	r->s.t_ns = HF_TIME_NONE;
	r->s.status = HF_GOOD;
	if (p->type == HF_T_STR)
		return set_string(p, data, first, r, str);
	r->raw = gather(p, data, first);
	return scale_and_clamp(p, r, set_plain(p, r));
}

int64_t
hf_mb_decode_stamp(
    const struct hf_mb_point *p, const uint8_t *data, uint16_t first)
{
	const uint64_t raw = gather(p, data, first);
	double s;

	if (p->type == HF_T_I64 || p->type == HF_T_U64)
		return raw <= INT64_MAX || p->type == HF_T_I64 ? (int64_t)raw
							       : HF_TIME_NONE;
	if (p->type != HF_T_F64)
		return HF_TIME_NONE;
	s = f64_of(raw);
	if (!isfinite(s) || fabs(s) > STAMP_MAX_S)
		return HF_TIME_NONE;
	/* In two parts: the product has no room for all its digits. */
	return (int64_t)floor(s) * HF_NS_PER_S +
	       (int64_t)llround((s - floor(s)) * 1e9);
}
