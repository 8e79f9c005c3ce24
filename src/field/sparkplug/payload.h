/* SPDX-License-Identifier: Apache-2.0
 *
 * payload.h - the Sparkplug B payload: metrics of an edge node or device.
 *
 * Pure: bytes in, structs out, and back. Layout in payload.c. Which message may
 * carry what is the business of host.c and node.c.
 */
#ifndef HF_FIELD_SPARKPLUG_PAYLOAD_H
#define HF_FIELD_SPARKPLUG_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "field/sparkplug/pb.h"

#define HF_SPB_BYTES (1u << 20) /* of a payload */
#define HF_SPB_NMETRIC 20000	/* metrics in one payload */
#define HF_SPB_NAME 512		/* bytes of a metric's name */
#define HF_SPB_UNIT 32		/* bytes of an engUnit that are kept */
#define HF_SPB_NPROP 64		/* properties of one metric */

enum hf_spb_type { /* Sparkplug 3.0, 6.4.16: the number is on the wire */
	HF_SPB_UNKNOWN = 0,
	HF_SPB_INT8 = 1,
	HF_SPB_INT16 = 2,
	HF_SPB_INT32 = 3,
	HF_SPB_INT64 = 4,
	HF_SPB_UINT8 = 5,
	HF_SPB_UINT16 = 6,
	HF_SPB_UINT32 = 7,
	HF_SPB_UINT64 = 8,
	HF_SPB_FLOAT = 9,
	HF_SPB_DOUBLE = 10,
	HF_SPB_BOOLEAN = 11,
	HF_SPB_STRING = 12,
	HF_SPB_DATETIME = 13, /* ms since 1970, UTC */
	HF_SPB_TEXT = 14,
	HF_SPB_UUID = 15,
	HF_SPB_NTYPE = 35, /* 16..34: data sets, bytes, templates, arrays */
};

enum hf_spb_kind { /* which member of the value's oneof was there */
	HF_SPB_NONE,
	HF_SPB_U32,   /* u: int_value */
	HF_SPB_U64,   /* u: long_value */
	HF_SPB_F32,   /* f */
	HF_SPB_F64,   /* f */
	HF_SPB_BOOL,  /* u: 0 or 1 */
	HF_SPB_STR,   /* str, str_len: UTF-8, borrowed */
	HF_SPB_OTHER, /* bytes, data set, template, extension: not kept */
};

/* Values of the property "Quality" that Sparkplug 3.0 allows. */
enum hf_spb_quality {
	HF_SPB_Q_BAD = 0,
	HF_SPB_Q_GOOD = 192,
	HF_SPB_Q_STALE = 500
};

struct hf_spb_metric {
	const char *name; /* UTF-8, not terminated, borrowed; NULL: none */
	size_t name_len;
	bool has_alias, has_time, has_quality;
	bool is_historical, is_transient, is_null;
	uint64_t alias;
	uint64_t t_ms;
	uint32_t datatype; /* as on the wire, 0 = not given */
	int32_t quality;
	const char *unit; /* property engUnit; NULL: none */
	size_t unit_len;
	uint8_t kind; /* enum hf_spb_kind */
	uint64_t u;
	double f;
	const char *str;
	size_t str_len;
};

struct hf_spb_payload { /* borrows the bytes */
	bool has_time, has_seq, is_compressed;
	uint64_t t_ms, seq;
	size_t nmetric;
	struct hf_pb_rd rd; /* private to hf_spb_next */
};

/* Checks all of it, every metric too. HF_EPROTO with the place, HF_ELIMIT. */
int hf_spb_open(
    struct hf_spb_payload *pl, const void *p, size_t n, struct hf_err *err);
/* The next metric; false when there are no more. */
bool hf_spb_next(struct hf_spb_payload *pl, struct hf_spb_metric *m);

enum hf_spb_why { /* what became of a value */
	HF_SPB_FINE,
	HF_SPB_IS_NULL,	    /* the node says that it has none */
	HF_SPB_TOO_BIG,	    /* UInt64 above 2^63 - 1: i64 is INT64_MAX */
	HF_SPB_NOT_FINITE,  /* NaN or infinite */
	HF_SPB_MISMATCH,    /* the value is not of the birth's datatype */
	HF_SPB_UNSUPPORTED, /* bytes, data set, template, array, unknown */
};

struct hf_spb_value {
	uint8_t vtype; /* enum hf_vtype; set for every datatype, see below */
	double f64;
	int64_t i64;  /* I64, and BOOL: 0 or 1 */
	uint64_t u64; /* the bits of an integer, before its sign */
	const char *str;
	size_t str_len;
};

/* What m's value is when the birth said `datatype`: integers by their sign and
 * width, DateTime as I64 of milliseconds, Text and UUID as STR. Not FINE: *out
 * has the datatype's vtype and NaN, 0, false or "". */
enum hf_spb_why hf_spb_value(
    const struct hf_spb_metric *m, uint32_t datatype, struct hf_spb_value *out);
/* enum hf_vtype of a datatype; 0 if it is not supported. */
uint8_t hf_spb_vtype(uint32_t datatype);

/* Appends head, then metrics one by one. tmp: scratch, reset inside. A payload
 * is: hf_spb_put_head, then hf_spb_put_metric for each. has_seq false: NDEATH
 * and commands carry none. */
void hf_spb_put_head(
    struct hf_buf *b, uint64_t t_ms, bool has_seq, uint64_t seq);
void hf_spb_put_metric(
    struct hf_buf *b, const struct hf_spb_metric *m, struct hf_buf *tmp);

#endif
