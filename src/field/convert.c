/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.c - a value as a protocol gives it becomes a reading of a tag.
 *
 * Scaling computes in double:
 *    v = lo + (raw - raw_lo) / (raw_hi - raw_lo) * (hi - lo)
 * and a clamp cuts v to lo..hi (to the tag's range if it is not scaled), which
 * makes it uncertain. Registers are decoded in field/modbus/decode.c, which
 * scales and clamps here; protocols that send typed values use hf_convert().
 */
#include "field/convert.h"

#include <float.h>
#include <math.h>

#include "base/time.h"
#include "base/utf8.h"
#include "model/quality.h"

/* ---- scale and clamp ---- */

bool
hf_scale_is_on(const struct hf_tag *t)
{
	return t != NULL && !isnan(t->raw_lo);
}

bool
hf_scale(const struct hf_tag *t, double raw, struct hf_reading *r)
{
	double v = t->scale_lo + (raw - t->raw_lo) / (t->raw_hi - t->raw_lo) *
				     (t->scale_hi - t->scale_lo);

	r->s.vtype = HF_V_F64;
	r->s.v.f64 = v;
	r->s.status = isfinite(v) ? HF_GOOD : HF_BAD_DECODING;
	return isfinite(v);
}

/* Cuts to lo..hi; integers to the integers within. */
static bool
cut(struct hf_reading *r, double lo, double hi)
{
	double v = r->s.vtype == HF_V_F64 ? r->s.v.f64 : (double)r->s.v.i64;
	double c;

	if (lo > hi) { /* a falling scale, 20..4 mA */
		c = lo;
		lo = hi;
		hi = c;
	}
	if (!(v < lo) && !(v > hi))
		return false;
	c = v < lo ? lo : hi;
	if (r->s.vtype == HF_V_F64)
		r->s.v.f64 = c;
	else
		r->s.v.i64 = (int64_t)(v < lo ? ceil(c) : floor(c));
	r->s.flags |= HF_F_CLAMPED;
	r->s.status = HF_UNCERTAIN_EU_EXCEEDED;
	return true;
}

bool
hf_clamp(const struct hf_tag *t, struct hf_reading *r)
{
	if (t == NULL || !t->clamp ||
	    (r->s.vtype != HF_V_F64 && r->s.vtype != HF_V_I64))
		return false;
	if (hf_scale_is_on(t))
		return cut(r, t->scale_lo, t->scale_hi);
	if (!isnan(t->range_lo) && !isnan(t->range_hi))
		return cut(r, t->range_lo, t->range_hi);
	return false;
}

uint8_t
hf_tag_vtype(const struct hf_tag *t)
{
	switch (t->type) {
	case HF_T_BOOL:
		return HF_V_BOOL;
	case HF_T_STR:
		return HF_V_STR;
	case HF_T_F32:
	case HF_T_F64:
		return HF_V_F64;
	default:
		return hf_scale_is_on(t) ? HF_V_F64 : HF_V_I64;
	}
}

/* ---- typed values ---- */

static const struct int_range {
	int64_t lo, hi;
} ranges[] = {
    [HF_T_I16] = {INT16_MIN, INT16_MAX},
    [HF_T_U16] = {0, UINT16_MAX},
    [HF_T_I32] = {INT32_MIN, INT32_MAX},
    [HF_T_U32] = {0, UINT32_MAX},
    [HF_T_I64] = {INT64_MIN, INT64_MAX},
    [HF_T_U64] = {0, INT64_MAX}, /* no more fits into a sample */
    [HF_T_BCD16] = {0, 9999},
    [HF_T_BCD32] = {0, 99999999},
};

static enum hf_convert_why
to_bool(const struct hf_value *v, struct hf_reading *r)
{
	r->s.vtype = HF_V_BOOL;
	if (v->kind == HF_VALUE_BOOL)
		r->s.v.bits = v->b;
	else if (v->kind == HF_VALUE_I64 && (v->i == 0 || v->i == 1))
		r->s.v.bits = (uint64_t)v->i;
	else if (v->kind == HF_VALUE_F64 && (v->d == 0 || v->d == 1))
		r->s.v.bits = v->d != 0;
	else
		return HF_CONVERT_TYPE;
	return HF_CONVERT_FINE;
}

static enum hf_convert_why
to_text(const struct hf_value *v, struct hf_reading *r)
{
	r->s.vtype = HF_V_STR;
	r->str = "";
	if (v->kind != HF_VALUE_TEXT)
		return HF_CONVERT_TYPE;
	if (v->n > HF_VALUE_STR || !hf_utf8_text_ok(v->s, v->n))
		return HF_CONVERT_TEXT;
	r->str = v->s;
	r->s.str_len = (uint16_t)v->n;
	return HF_CONVERT_FINE;
}

static enum hf_convert_why
to_float(const struct hf_tag *t, const struct hf_value *v, struct hf_reading *r)
{
	double d = v->kind == HF_VALUE_F64 ? v->d : (double)v->i;

	r->s.vtype = HF_V_F64;
	if (v->kind != HF_VALUE_F64 && v->kind != HF_VALUE_I64)
		return HF_CONVERT_TYPE;
	r->s.v.f64 = d;
	if (!isfinite(d))
		return HF_CONVERT_NOT_FINITE;
	if (t->type == HF_T_F32 && fabs(d) > (double)FLT_MAX)
		return HF_CONVERT_RANGE;
	return HF_CONVERT_FINE;
}

static enum hf_convert_why
to_int(const struct hf_tag *t, const struct hf_value *v, struct hf_reading *r)
{
	int64_t i = v->i;

	r->s.vtype = HF_V_I64;
	if (v->kind == HF_VALUE_F64) {
		if (!isfinite(v->d))
			return HF_CONVERT_NOT_FINITE;
		if (v->d != floor(v->d))
			return HF_CONVERT_TYPE;
		/* the first double over INT64_MAX is 2^63 */
		if (v->d < -0x1p63 || v->d >= 0x1p63)
			return HF_CONVERT_RANGE;
		i = (int64_t)v->d;
	} else if (v->kind != HF_VALUE_I64) {
		return HF_CONVERT_TYPE;
	}
	r->s.v.i64 = i;
	if (i < ranges[t->type].lo || i > ranges[t->type].hi)
		return HF_CONVERT_RANGE;
	return HF_CONVERT_FINE;
}

static enum hf_convert_why
to_number(
    const struct hf_tag *t, const struct hf_value *v, struct hf_reading *r)
{
	enum hf_convert_why why;
	double raw;

	if (t->type == HF_T_F32 || t->type == HF_T_F64)
		why = to_float(t, v, r);
	else
		why = to_int(t, v, r);
	if (why == HF_CONVERT_FINE && hf_scale_is_on(t)) {
		raw = r->s.vtype == HF_V_F64 ? r->s.v.f64 : (double)r->s.v.i64;
		if (!hf_scale(t, raw, r))
			why = HF_CONVERT_NOT_FINITE;
	}
	if (why == HF_CONVERT_FINE && hf_clamp(t, r))
		why = HF_CONVERT_CLAMPED;
	return why;
}

void
hf_reading_bad(const struct hf_tag *t, uint32_t status, struct hf_reading *r)
{
	*r = (struct hf_reading){.tag = t, .str = ""};
	r->s.tag = t->key;
	r->s.t_ns = HF_TIME_NONE;
	r->s.status = status;
	r->s.vtype = hf_tag_vtype(t);
	if (r->s.vtype == HF_V_F64)
		r->s.v.f64 = NAN;
}

enum hf_convert_why
hf_convert(const struct hf_tag *t, const struct hf_value *v, uint32_t status,
    struct hf_reading *r)
{
	enum hf_convert_why why;

	*r = (struct hf_reading){.tag = t};
	r->s.tag = t->key;
	r->s.t_ns = HF_TIME_NONE;
	if (v->kind == HF_VALUE_NULL && hf_is_bad(status)) {
		hf_reading_bad(t, status, r);
		return HF_CONVERT_FINE;
	}
	if (t->type == HF_T_BOOL)
		why = to_bool(v, r);
	else if (t->type == HF_T_STR)
		why = to_text(v, r);
	else
		why = to_number(t, v, r);
	if (why != HF_CONVERT_FINE && why != HF_CONVERT_CLAMPED)
		hf_reading_bad(t,
		    why == HF_CONVERT_RANGE ? HF_BAD_OUT_OF_RANGE
					    : HF_BAD_DECODING,
		    r);
	if (status >> 30 > r->s.status >> 30 ||
	    (status != HF_GOOD && hf_is_good(r->s.status)))
		r->s.status = status;
	return why;
}

void
hf_convert_count(struct hf_counters *c, enum hf_convert_why why)
{
	static const int ids[] = {
	    [HF_CONVERT_FINE] = -1,
	    [HF_CONVERT_NOT_FINITE] = HF_C_S_NOT_FINITE,
	    [HF_CONVERT_TYPE] = HF_C_S_TYPE,
	    [HF_CONVERT_RANGE] = HF_C_S_RANGE,
	    [HF_CONVERT_TEXT] = HF_C_S_TEXT,
	    [HF_CONVERT_CLAMPED] = HF_C_S_CLAMPED,
	};

	if (ids[why] >= 0)
		hf_count(c, (enum hf_counter)ids[why], 1);
}
