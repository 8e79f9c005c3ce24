/* SPDX-License-Identifier: Apache-2.0
 *
 * query.h - what web may ask core, audit and parent, and the form of the
 * answers.
 *
 * Payload of QUERY / AUDIT_QUERY / RELOAD: encoded hf_query. Payload of ANSWER:
 * i32 rc, then UTF-8 text: JSON on HF_OK, else the error's text. A history
 * answer is binary (hf_points), inline or as a sealed memfd (ANSWER_BULK: u64
 * size).
 */
#ifndef HF_MODEL_QUERY_H
#define HF_MODEL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum hf_query_kind {
	HF_Q_STATUS = 1, /* JSON: the whole status document */
	HF_Q_TAGS,	 /* JSON: tags matching path, with last values */
	HF_Q_VALUES,  /* JSON: last values of tags matching path, short form */
	HF_Q_HISTORY, /* binary points of one tag, [from, to) */
	HF_Q_ALARMS,  /* JSON: alarms by state filter */
	HF_Q_EVENTS,  /* JSON: events, newest first; text = id for one with all
		      * its
			     evidence */
	HF_Q_JOURNAL, /* JSON: alarm journal, [from, to), newest first */
	HF_Q_ALARM_ACT, /* ack | shelve | unshelve | out-of-service |
			 * in-service */
	HF_Q_TRY,	/* JSON: device preview; path = device */
	HF_Q_DETECTORS, /* JSON: learning states */
	HF_Q_AUDIT, /* to audit. JSON: records from seq `from`, at most limit */
	HF_Q_CHECKPOINT, /* to audit. JSON: newest checkpoint */
	HF_Q_RELOAD,	 /* to parent */
	HF_Q_METRICS,	 /* text: OpenMetrics, for GET /metrics */
	HF_Q_REPLAY,	 /* JSON: event text (id) computed again */
	HF_Q_TREE,	 /* JSON: a page of the namespace below path; buckets =
			  * depth, text = where the page begins */
	HF_Q_MAX
};

enum hf_alarm_act {
	HF_ACT_ACK = 1,
	HF_ACT_SHELVE,
	HF_ACT_UNSHELVE,
	HF_ACT_OUT_OF_SERVICE,
	HF_ACT_IN_SERVICE
};

#define HF_QUERY_TEXT 1024
#define HF_QUERY_LIMIT 5000000 /* points or rows */

struct hf_query {
	uint8_t kind;		/* enum hf_query_kind */
	uint8_t act;		/* enum hf_alarm_act */
	uint32_t uid;		/* of the caller, from SO_PEERCRED */
	int64_t from_ns, to_ns; /* HF_TIME_NONE = open; AUDIT: seq */
	uint32_t buckets;	/* HISTORY: 0 = raw */
	uint32_t limit;		/* 0 = default of the kind */
	int64_t dur_ns;		/* shelve: how long */
	char path[256]; /* tag path or pattern, device, alarm id; "" = all */
	char text[HF_QUERY_TEXT]; /* reason, filter; UTF-8 */
};

/* Appends. HF_EINVAL if hf_query_decode would refuse it; HF_ELIMIT: out is
 * full. */
int hf_query_encode(const struct hf_query *q, struct hf_buf *out);
/* HF_EPROTO on any bound; path and text are checked UTF-8 without control
 * characters (text may hold tab and line breaks); act is set for ALARM_ACT
 * only; *q is untouched unless HF_OK. */
int hf_query_decode(
    const void *p, size_t n, struct hf_query *q, struct hf_err *err);

/* History answers: header (u8 kind raw=1/buckets=2, u8 vtype, u16 0, u32 n, u64
 * tag key, u8 is_truncated, 7 x 0), then
 *   raw:     n x { i64 t_ns, u64 value bits, u32 status, u32 string offset, u32
 *   string
 *            length, u8 vtype, u8 flags, u16 0 } then the string area
 *   buckets: n x { i64 t0_ns, i64 t1_ns, u32 n, u32 n_good, f64 min, f64 max,
 *   f64 mean,
 *            f64 first, f64 last, u32 status_or, u32 0 }
 * Little-endian. Encoders and bounded decoders in query.c. */
struct hf_point {
	int64_t t_ns;
	uint64_t bits; /* f64, i64, bool as in hf_sample.v */
	uint32_t status;
	uint32_t str_off, str_len;
	uint8_t vtype, flags;
};

struct hf_bucket {
	int64_t t0_ns, t1_ns; /* [t0, t1) */
	uint32_t n, n_good;
	double min, max, mean, first,
	    last; /* of good samples; NaN if n_good is 0 */
	uint32_t status_or;
};

struct hf_points {
	bool is_buckets, is_truncated;
	uint8_t vtype; /* 0 if mixed */
	uint64_t tag;
	size_t n;
	struct hf_point *pt; /* one of the two, owned (hf_points_fini) */
	struct hf_bucket *bk;
	char *str; /* owned string area */
	size_t str_len;
};

/* Limits: n <= HF_QUERY_LIMIT, strings HF_VALUE_STR each. A decoded history is
 * on the heap; HF_EPROTO, HF_ENOMEM leave *out untouched. */
void hf_points_fini(struct hf_points *p);
int hf_points_encode(
    const struct hf_points *p, struct hf_buf *out, struct hf_err *err);
int hf_points_decode(
    const void *p, size_t n, struct hf_points *out, struct hf_err *err);

#endif
