/* SPDX-License-Identifier: Apache-2.0
 *
 * payload.c - the Sparkplug B payload: metrics of an edge node or device.
 *
 * Protobuf (pb.c), field numbers of sparkplug_b.proto:
 *    Payload        1 timestamp u64 ms   2 metrics, repeated   3 seq u64
 *                   4 uuid string        5 body bytes
 *    Metric         1 name string        2 alias u64    3 timestamp u64 ms
 *                   4 datatype u32       5 is_historical  6 is_transient
 *                   7 is_null            8 metadata     9 properties
 *                  10 int_value u32     11 long_value u64 12 float_value
 *                  13 double_value      14 boolean_value  15 string_value
 *                  16 bytes  17 data set  18 template  19 extension
 *    PropertySet    1 keys string, repeated     2 values, repeated
 *    PropertyValue  1 type u32  2 is_null  3 int u32  4 long u64  5 float
 *                   6 double    7 bool     8 string   9, 10 sets
 * Unknown fields are skipped, as protobuf demands; a field of the wrong wire
 * type is an error. Of a metric's repeated scalar the last one counts.
 *
 * Integers travel without a sign: Int8, Int16 and Int32 as the low bits of a
 * two's complement u32 (-12 is 4294967284, or 244 for an Int8), Int64 as u64.
 * Only the datatype of the BIRTH says what they are; DATA need not repeat it.
 * UInt32 comes as int_value or as long_value, by implementation; both are
 * taken.
 *
 * Of the properties only "Quality" (Int32) and "engUnit" (String) are read.
 * Nesting is four messages deep by construction (payload, metric, property set,
 * property value); what is deeper is never opened.
 */
#include "field/sparkplug/payload.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "model/batch.h"

enum { P_TIME = 1, P_METRIC, P_SEQ, P_UUID, P_BODY };
enum {
	M_NAME = 1,
	M_ALIAS,
	M_TIME,
	M_DATATYPE,
	M_HISTORICAL,
	M_TRANSIENT,
	M_NULL,
	M_METADATA,
	M_PROPERTIES,
	M_INT,
	M_LONG,
	M_FLOAT,
	M_DOUBLE,
	M_BOOLEAN,
	M_STRING,
	M_BYTES,
	M_DATASET,
	M_TEMPLATE,
	M_EXTENSION,
	M_NFIELD
};
enum { S_KEY = 1, S_VALUE };
enum { V_TYPE = 1, V_NULL, V_INT, V_LONG, V_FLOAT, V_DOUBLE, V_BOOL, V_STR };

static const char compressed_uuid[] = "SPBV1.0_COMPRESSED";

/* ---- reading ---- */

static bool
is_text(const struct hf_pb_field *f, const char *text)
{
	return f->n == strlen(text) && memcmp(f->p, text, f->n) == 0;
}

/* The value of property i, if it is one of the two that we read. */
static bool
take_property(
    const struct hf_pb_field *value, bool is_quality, struct hf_spb_metric *m)
{
	struct hf_pb_field f;
	struct hf_pb_rd r;

	hf_pb_init(&r, value->p, value->n);
	while (hf_pb_next(&r, &f)) {
		if (is_quality && f.wire == HF_PB_VARINT &&
		    (f.num == V_INT || f.num == V_LONG)) {
			m->has_quality = true;
			m->quality = (int32_t)(uint32_t)f.u;
		} else if (!is_quality && f.num == V_STR &&
			   f.wire == HF_PB_BYTES && f.n <= HF_SPB_UNIT &&
			   hf_utf8_text_ok((const char *)f.p, f.n)) {
			m->unit = (const char *)f.p;
			m->unit_len = f.n;
		}
	}
	return !r.failed;
}

/* Keys and values are two lists that belong together by position; they may be
 * interleaved in any way. So: first where our keys stand, then their values. */
static bool
take_properties(const struct hf_pb_field *set, struct hf_spb_metric *m)
{
	size_t nkey = 0, nvalue = 0, quality = SIZE_MAX, unit = SIZE_MAX;
	struct hf_pb_field f;
	struct hf_pb_rd r;

	hf_pb_init(&r, set->p, set->n);
	while (hf_pb_next(&r, &f)) {
		if (f.num != S_KEY || f.wire != HF_PB_BYTES)
			continue;
		if (is_text(&f, "Quality") || is_text(&f, "quality"))
			quality = nkey;
		else if (is_text(&f, "engUnit"))
			unit = nkey;
		nkey++;
	}
	if (r.failed || nkey > HF_SPB_NPROP)
		return false;
	hf_pb_init(&r, set->p, set->n);
	while (hf_pb_next(&r, &f)) {
		if (f.num != S_VALUE || f.wire != HF_PB_BYTES)
			continue;
		if ((nvalue == quality || nvalue == unit) &&
		    !take_property(&f, nvalue == quality, m))
			return false;
		nvalue++;
	}
	return nvalue == nkey;
}

static const uint8_t metric_wire[M_NFIELD] = {
    [M_NAME] = HF_PB_BYTES,
    [M_ALIAS] = HF_PB_VARINT,
    [M_TIME] = HF_PB_VARINT,
    [M_DATATYPE] = HF_PB_VARINT,
    [M_HISTORICAL] = HF_PB_VARINT,
    [M_TRANSIENT] = HF_PB_VARINT,
    [M_NULL] = HF_PB_VARINT,
    [M_METADATA] = HF_PB_BYTES,
    [M_PROPERTIES] = HF_PB_BYTES,
    [M_INT] = HF_PB_VARINT,
    [M_LONG] = HF_PB_VARINT,
    [M_FLOAT] = HF_PB_FIX32,
    [M_DOUBLE] = HF_PB_FIX64,
    [M_BOOLEAN] = HF_PB_VARINT,
    [M_STRING] = HF_PB_BYTES,
    [M_BYTES] = HF_PB_BYTES,
    [M_DATASET] = HF_PB_BYTES,
    [M_TEMPLATE] = HF_PB_BYTES,
    [M_EXTENSION] = HF_PB_BYTES,
};

static bool
take_value(const struct hf_pb_field *f, struct hf_spb_metric *m)
{
	static const uint8_t kinds[M_NFIELD] = {
	    [M_INT] = HF_SPB_U32,
	    [M_LONG] = HF_SPB_U64,
	    [M_FLOAT] = HF_SPB_F32,
	    [M_DOUBLE] = HF_SPB_F64,
	    [M_BOOLEAN] = HF_SPB_BOOL,
	    [M_STRING] = HF_SPB_STR,
	};

	m->kind = kinds[f->num] != 0 ? kinds[f->num] : HF_SPB_OTHER;
	m->u = f->u;
	if (m->kind == HF_SPB_U32)
		m->u = (uint32_t)f->u; /* an int32 -12 has ten bytes */
	else if (m->kind == HF_SPB_BOOL)
		m->u = f->u != 0;
	else if (m->kind == HF_SPB_F32)
		m->f = hf_pb_f32(f);
	else if (m->kind == HF_SPB_F64)
		m->f = hf_pb_f64(f);
	else if (m->kind == HF_SPB_STR) {
		m->str = (const char *)f->p;
		m->str_len = f->n;
	}
	return true;
}

static bool
take_name(const struct hf_pb_field *f, struct hf_spb_metric *m)
{
	if (f->n == 0) { /* as good as none: an alias must do */
		m->name = NULL;
		return true;
	}
	m->name = (const char *)f->p;
	m->name_len = f->n;
	return f->n <= HF_SPB_NAME && hf_utf8_text_ok(m->name, f->n);
}

static bool
take_field(const struct hf_pb_field *f, struct hf_spb_metric *m)
{
	if (f->num >= M_NFIELD)
		return true; /* unknown: skipped */
	if (f->wire != metric_wire[f->num])
		return false;
	switch (f->num) {
	case M_NAME:
		return take_name(f, m);
	case M_ALIAS:
		m->has_alias = true;
		m->alias = f->u;
		return true;
	case M_TIME:
		m->has_time = true;
		m->t_ms = f->u;
		return true;
	case M_DATATYPE:
		m->datatype = (uint32_t)f->u;
		return f->u <= UINT32_MAX;
	case M_HISTORICAL:
		m->is_historical = f->u != 0;
		return true;
	case M_TRANSIENT:
		m->is_transient = f->u != 0;
		return true;
	case M_NULL:
		m->is_null = f->u != 0;
		return true;
	case M_METADATA:
		return true;
	case M_PROPERTIES:
		return take_properties(f, m);
	default:
		return take_value(f, m);
	}
}

static bool
take_metric(const struct hf_pb_field *field, struct hf_spb_metric *m)
{
	struct hf_pb_field f;
	struct hf_pb_rd r;

	*m = (struct hf_spb_metric){0};
	hf_pb_init(&r, field->p, field->n);
	while (hf_pb_next(&r, &f))
		if (!take_field(&f, m))
			return false;
	return !r.failed;
}

/* One top-level field that is no metric. */
static bool
take_head(const struct hf_pb_field *f, struct hf_spb_payload *pl)
{
	switch (f->num) {
	case P_TIME:
		pl->has_time = true;
		pl->t_ms = f->u;
		return f->wire == HF_PB_VARINT;
	case P_SEQ:
		pl->has_seq = true;
		pl->seq = f->u;
		return f->wire == HF_PB_VARINT;
	case P_UUID:
		if (f->wire != HF_PB_BYTES)
			return false;
		pl->is_compressed = is_text(f, compressed_uuid);
		return true;
	case P_BODY:
		return f->wire == HF_PB_BYTES;
	default:
		return true;
	}
}

int
hf_spb_open(
    struct hf_spb_payload *pl, const void *p, size_t n, struct hf_err *err)
{
	struct hf_spb_metric m;
	struct hf_pb_field f;
	struct hf_pb_rd r;

	*pl = (struct hf_spb_payload){0};
	if (n > HF_SPB_BYTES)
		return HF_FAIL(err, HF_ELIMIT,
		    "payload of %zu bytes, %u are taken", n, HF_SPB_BYTES);
	hf_pb_init(&r, p, n);
	pl->rd = r;
	while (hf_pb_next(&r, &f)) {
		if (f.num != P_METRIC) {
			r.failed = !take_head(&f, pl);
			continue;
		}
		if (++pl->nmetric > HF_SPB_NMETRIC)
			return HF_FAIL(err, HF_ELIMIT,
			    "payload with more than %d metrics",
			    HF_SPB_NMETRIC);
		if (f.wire != HF_PB_BYTES || !take_metric(&f, &m))
			return HF_FAIL(err, HF_EPROTO,
			    "metric %zu of the payload is malformed",
			    pl->nmetric);
	}
	if (r.failed || r.p != r.end)
		return HF_FAIL(err, HF_EPROTO,
		    "payload is no Sparkplug B: broken at byte %zu of %zu",
		    n - (size_t)(r.end - r.p), n);
	return HF_OK;
}

bool
hf_spb_next(struct hf_spb_payload *pl, struct hf_spb_metric *m)
{
	struct hf_pb_field f;

	while (hf_pb_next(&pl->rd, &f))
		if (f.num == P_METRIC)
			return take_metric(&f, m); /* was checked in open */
	return false;
}

/* ---- values ---- */

static const struct type_row {
	const char *name;
	uint8_t vtype; /* 0 = unsupported */
	uint8_t nbit;  /* integers */
	bool is_signed;
} types[HF_SPB_NTYPE] = {
    [HF_SPB_UNKNOWN] = {"Unknown", 0, 0, false},
    [HF_SPB_INT8] = {"Int8", HF_V_I64, 8, true},
    [HF_SPB_INT16] = {"Int16", HF_V_I64, 16, true},
    [HF_SPB_INT32] = {"Int32", HF_V_I64, 32, true},
    [HF_SPB_INT64] = {"Int64", HF_V_I64, 64, true},
    [HF_SPB_UINT8] = {"UInt8", HF_V_I64, 8, false},
    [HF_SPB_UINT16] = {"UInt16", HF_V_I64, 16, false},
    [HF_SPB_UINT32] = {"UInt32", HF_V_I64, 32, false},
    [HF_SPB_UINT64] = {"UInt64", HF_V_I64, 64, false},
    [HF_SPB_FLOAT] = {"Float", HF_V_F64, 0, false},
    [HF_SPB_DOUBLE] = {"Double", HF_V_F64, 0, false},
    [HF_SPB_BOOLEAN] = {"Boolean", HF_V_BOOL, 0, false},
    [HF_SPB_STRING] = {"String", HF_V_STR, 0, false},
    [HF_SPB_DATETIME] = {"DateTime", HF_V_I64, 64, false},
    [HF_SPB_TEXT] = {"Text", HF_V_STR, 0, false},
    [HF_SPB_UUID] = {"UUID", HF_V_STR, 0, false},
    [16] = {"DataSet", 0, 0, false},
    [17] = {"Bytes", 0, 0, false},
    [18] = {"File", 0, 0, false},
    [19] = {"Template", 0, 0, false},
};

static const struct type_row *
type_of(uint32_t datatype)
{
	return &types[datatype < HF_SPB_NTYPE ? datatype : HF_SPB_UNKNOWN];
}

uint8_t
hf_spb_vtype(uint32_t datatype)
{
	return type_of(datatype)->vtype;
}

static enum hf_spb_why
int_value(const struct hf_spb_metric *m, const struct type_row *t,
    struct hf_spb_value *out)
{
	const uint64_t u = m->u;

	if (m->kind != HF_SPB_U32 && m->kind != HF_SPB_U64)
		return HF_SPB_MISMATCH;
	out->u64 = u;
	if (t->is_signed) {
		out->i64 = t->nbit == 8	   ? (int8_t)(uint8_t)u
			   : t->nbit == 16 ? (int16_t)(uint16_t)u
			   : t->nbit == 32 ? (int32_t)(uint32_t)u
					   : (int64_t)u;
		return HF_SPB_FINE;
	}
	if (t->nbit < 64 && u >> t->nbit != 0)
		return HF_SPB_MISMATCH;
	out->i64 = u <= INT64_MAX ? (int64_t)u : INT64_MAX;
	return u <= INT64_MAX ? HF_SPB_FINE : HF_SPB_TOO_BIG;
}

static enum hf_spb_why
plain_value(const struct hf_spb_metric *m, const struct type_row *t,
    struct hf_spb_value *out)
{
	switch (t->vtype) {
	case HF_V_I64:
		return int_value(m, t, out);
	case HF_V_F64:
		if (m->kind != HF_SPB_F32 && m->kind != HF_SPB_F64)
			return HF_SPB_MISMATCH;
		out->f64 = m->f;
		return isfinite(m->f) ? HF_SPB_FINE : HF_SPB_NOT_FINITE;
	case HF_V_BOOL:
		if (m->kind != HF_SPB_BOOL)
			return HF_SPB_MISMATCH;
		out->i64 = m->u != 0;
		return HF_SPB_FINE;
	default:
		if (m->kind != HF_SPB_STR || m->str_len > HF_VALUE_STR ||
		    !hf_utf8_text_ok(m->str, m->str_len))
			return HF_SPB_MISMATCH;
		out->str = m->str;
		out->str_len = m->str_len;
		return HF_SPB_FINE;
	}
}

enum hf_spb_why
hf_spb_value(
    const struct hf_spb_metric *m, uint32_t datatype, struct hf_spb_value *out)
{
	const struct type_row *t = type_of(datatype);

	*out = (struct hf_spb_value){
	    .vtype = t->vtype, .f64 = (double)NAN, .str = ""};
	if (t->vtype == 0)
		return HF_SPB_UNSUPPORTED;
	if (m->is_null || m->kind == HF_SPB_NONE)
		return HF_SPB_IS_NULL;
	return plain_value(m, t, out);
}

/* ---- writing ---- */

void
hf_spb_put_head(struct hf_buf *b, uint64_t t_ms, bool has_seq, uint64_t seq)
{
	hf_pb_put_u64(b, P_TIME, t_ms);
	if (has_seq)
		hf_pb_put_u64(b, P_SEQ, seq);
}

/* One property value with its type, as a PropertyValue message of at most
 * HF_SPB_UNIT + 8 bytes behind its length. */
static void
put_quality(struct hf_buf *b, int32_t quality)
{
	uint8_t bytes[16];
	struct hf_buf v = {
	    .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) - 1};

	hf_pb_put_u64(&v, V_TYPE, HF_SPB_INT32);
	hf_pb_put_u64(&v, V_INT, (uint32_t)quality);
	hf_pb_put_bytes(b, S_VALUE, v.p, v.len);
}

static void
put_unit(struct hf_buf *b, const char *unit, size_t n)
{
	uint8_t bytes[HF_SPB_UNIT + 8];
	struct hf_buf v = {
	    .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) - 1};

	hf_pb_put_u64(&v, V_TYPE, HF_SPB_STRING);
	hf_pb_put_bytes(&v, V_STR, unit, n < HF_SPB_UNIT ? n : HF_SPB_UNIT);
	hf_pb_put_bytes(b, S_VALUE, v.p, v.len);
}

static void
put_properties(struct hf_buf *b, const struct hf_spb_metric *m)
{
	uint8_t bytes[2 * HF_SPB_UNIT + 64];
	struct hf_buf v = {
	    .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) - 1};

	if (!m->has_quality && m->unit == NULL)
		return;
	if (m->has_quality)
		hf_pb_put_bytes(&v, S_KEY, "Quality", 7);
	if (m->unit != NULL)
		hf_pb_put_bytes(&v, S_KEY, "engUnit", 7);
	if (m->has_quality)
		put_quality(&v, m->quality);
	if (m->unit != NULL)
		put_unit(&v, m->unit, m->unit_len);
	hf_pb_put_bytes(b, M_PROPERTIES, v.p, v.len);
}

static void
put_value(struct hf_buf *b, const struct hf_spb_metric *m)
{
	switch (m->kind) {
	case HF_SPB_U32:
		hf_pb_put_u64(b, M_INT, (uint32_t)m->u);
		break;
	case HF_SPB_U64:
		hf_pb_put_u64(b, M_LONG, m->u);
		break;
	case HF_SPB_F32:
		hf_pb_put_f32(b, M_FLOAT, (float)m->f);
		break;
	case HF_SPB_F64:
		hf_pb_put_f64(b, M_DOUBLE, m->f);
		break;
	case HF_SPB_BOOL:
		hf_pb_put_u64(b, M_BOOLEAN, m->u != 0);
		break;
	case HF_SPB_STR:
		hf_pb_put_bytes(b, M_STRING, m->str, m->str_len);
		break;
	default:
		break;
	}
}

void
hf_spb_put_metric(
    struct hf_buf *b, const struct hf_spb_metric *m, struct hf_buf *tmp)
{
	hf_buf_reset(tmp);
	if (m->name != NULL)
		hf_pb_put_bytes(tmp, M_NAME, m->name, m->name_len);
	if (m->has_alias)
		hf_pb_put_u64(tmp, M_ALIAS, m->alias);
	if (m->has_time)
		hf_pb_put_u64(tmp, M_TIME, m->t_ms);
	if (m->datatype != 0)
		hf_pb_put_u64(tmp, M_DATATYPE, m->datatype);
	if (m->is_historical)
		hf_pb_put_u64(tmp, M_HISTORICAL, 1);
	if (m->is_transient)
		hf_pb_put_u64(tmp, M_TRANSIENT, 1);
	if (m->is_null)
		hf_pb_put_u64(tmp, M_NULL, 1);
	put_properties(tmp, m);
	if (!m->is_null)
		put_value(tmp, m);
	if (!hf_buf_ok(tmp)) {
		b->failed = true;
		return;
	}
	hf_pb_put_bytes(b, P_METRIC, tmp->p, tmp->len);
}
