/* SPDX-License-Identifier: Apache-2.0
 *
 * payload.c - JSON of a value and of what is known about its tag.
 *
 *	{"timestamp_ms":1733904005123,"value":42.5,"quality":"Good"}
 *
 * timestamp_ms is the source time, rounded down. value: numbers in the shortest
 * form that reads back to the same bits, integers exactly (also beyond 2^53),
 * booleans as true and false, strings escaped. quality: Good, Uncertain, Bad.
 *
 * A bad sample has the value null, although a device may have sent a number
 * with it (the historian keeps that): many clients look at nothing but the
 * value, and must not take one for a measurement that the device itself does
 * not. UMH's form has exactly timestamp_ms and value.
 *
 * _meta: an object with what the configuration says; keys without a value are
 * left out.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "bus/topic.h"
#include "model/quality.h"

static int64_t
floor_ms(int64_t t_ns)
{
	int64_t ms = t_ns / HF_NS_PER_MS;

	return t_ns % HF_NS_PER_MS < 0 ? ms - 1 : ms;
}

static void
put_value(struct hf_jw *w, const struct hf_sample *s, const char *str)
{
	if (hf_is_bad(s->status)) {
		hf_jw_null(w);
		return;
	}
	switch (s->vtype) {
	case HF_V_F64:
		hf_jw_f64(w, s->v.f64); /* not finite: null */
		return;
	case HF_V_I64:
		hf_jw_i64(w, s->v.i64);
		return;
	case HF_V_BOOL:
		hf_jw_bool(w, s->v.bits != 0);
		return;
	case HF_V_STR:
		if (str != NULL) {
			hf_jw_strn(w, str, s->str_len);
			return;
		}
		/* fall through */
	default:
		hf_jw_null(w);
	}
}

void
hf_payload_value(
    const struct hf_sample *s, const char *str, bool is_umh, struct hf_buf *out)
{
	struct hf_jw w;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "timestamp_ms", floor_ms(s->t_ns));
	hf_jw_key(&w, "value");
	put_value(&w, s, str);
	if (!is_umh)
		hf_jw_kstr(&w, "quality", hf_quality_word(s->status));
	hf_jw_end_obj(&w);
}

static void
put_known(struct hf_jw *w, const char *key, const char *s)
{
	if (s != NULL && s[0] != '\0')
		hf_jw_kstr(w, key, s);
}

static void
put_finite(struct hf_jw *w, const char *key, double v)
{
	if (isfinite(v))
		hf_jw_kf64(w, key, v);
}

void
hf_payload_meta(
    const struct hf_plant *p, const struct hf_tag *t, struct hf_buf *out)
{
	const struct hf_asset *a = hf_plant_asset_of(p, t);
	struct hf_jw w;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "tag", t->path);
	hf_jw_kstr(&w, "type", hf_tag_type_words[t->type]);
	put_known(&w, "unit", t->unit);
	put_finite(&w, "range_lo", t->range_lo);
	put_finite(&w, "range_hi", t->range_hi);
	put_known(&w, "description", t->description);
	put_known(&w, "asset", a == NULL ? NULL : a->path);
	hf_jw_kstr(&w, "contract", hf_topic_contract(p, t));
	put_known(&w, "device", t->device);
	put_known(&w, "address", t->address);
	hf_jw_kbool(&w, "writable", t->writable);
	hf_jw_end_obj(&w);
}
