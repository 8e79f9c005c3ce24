/* SPDX-License-Identifier: Apache-2.0
 *
 * alarm_in.h - one alarm, as alarm.c changes it and alarmrow.c writes it down.
 */
#ifndef HF_DETECT_ALARM_IN_H
#define HF_DETECT_ALARM_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "detect/alarm.h"

#define HF_ALARM_KEY 384   /* bytes of "rule|subject", NUL included */
#define HF_ALARM_TEXT 1024 /* bytes of a text, NUL not included */

struct alarm {
	char key[HF_ALARM_KEY]; /* rule is what stands before the first '|' */
	uint8_t state;		/* enum hf_alarm_state */
	bool is_advisory;
	bool is_on; /* the condition, also while shelved or out of service */
	bool is_durable;
	uint8_t level;	   /* enum hf_level */
	uint8_t priority;  /* 1..4 */
	uint64_t nevent;   /* events since it was last normal */
	int64_t since_ns;  /* source time of the first of them */
	int64_t raised_ns; /* wall time of it */
	int64_t respond_ns;
	int64_t shelved_until_ns;     /* HF_TIME_NONE unless shelved */
	uint8_t event[HF_SHA256_LEN]; /* id of the last event, zero = none */
	char *text, *cause, *consequence, *action; /* owned, NULL = none */
	char *acked_by, *reason;		   /* of the last act */
};

void hf_alarm_fini(struct alarm *a);
/* Replaces *dst by a copy of at most HF_ALARM_TEXT bytes, cut between UTF-8
 * characters. On no memory the old text stays. */
void hf_alarm_text(char **dst, const char *src);
void hf_alarm_pack(const struct alarm *a, struct hf_buf *out);
/* a: zeroed, key set. HF_ECORRUPT; then nothing is owned by it. */
int hf_alarm_unpack(
    struct alarm *a, const void *p, size_t n, struct hf_err *err);
void hf_alarm_json(const struct alarm *a, struct hf_jw *w);

#endif
