/* SPDX-License-Identifier: Apache-2.0
 *
 * alarm.h - alarms and their states (ISA-18.2 / IEC 62682, 5.1 state diagram).
 *
 *            on                     ack
 *  normal ------> unacknowledged ------> acknowledged --off--> normal
 *                    | off
 *                    v
 *                 returned --ack--> normal
 *
 * Beside these: shelved (with a timer) and out of service. The whole table is
 * in alarm.c.
 *
 * One alarm per (rule, subject). Advisories pass through the same states but
 * are listed apart and need no acknowledgement. Time is passed in. Every change
 * calls the journal. hf_alarms_event must get each event once (state.db knows
 * the ids); only the last id of an alarm is known here.
 */
#ifndef HF_DETECT_ALARM_H
#define HF_DETECT_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "detect/engine.h"
#include "model/plant.h"

enum hf_alarm_state {
	HF_AL_NORMAL,
	HF_AL_UNACK,
	HF_AL_ACKED,
	HF_AL_RETURNED,
	HF_AL_SHELVED,
	HF_AL_OUT_OF_SERVICE
};
extern const char *const hf_alarm_state_words[]; /* "normal" "unacknowledged"
	"acknowledged" "returned" "shelved" "out-of-service" */

struct hf_alarms;
struct hf_alarm_change { /* one transition, strings borrowed for the call */
	const char *key; /* "rule|subject": also the alarm's id in the API */
	enum hf_alarm_state from, to;
	int64_t wall_ns;
	const char *by; /* "rule:NAME", "uid:1000", "timer" */
	const char *reason;
	const char *journal_json; /* line for the journal */
	const void *row;	  /* packed alarm for state.db ... */
	size_t nrow;
};
typedef void hf_alarm_fn(void *arg, const struct hf_alarm_change *c);

struct hf_alarms *hf_alarms_new(size_t max, hf_alarm_fn *fn, void *arg);
void hf_alarms_free(struct hf_alarms *a);
/* A row from state.db at start. HF_ECORRUPT. */
int hf_alarms_load(struct hf_alarms *a, const char *key, const void *p,
    size_t n, struct hf_err *err);
/* A released event. is_durable false: released although the store fails
 * (shown). */
void hf_alarms_event(struct hf_alarms *a, const struct hf_event *e,
    int64_t wall_ns, bool is_durable);
/* Alarms of the system itself (no rule): failing role, full disk, quarantine;
 * key "system|subject". on false: returned. */
void hf_alarms_system(struct hf_alarms *a, const char *subject, bool on,
    int priority, const char *text, const char *action, int64_t wall_ns);
/* After a start or a reload: rule alarms whose condition no running rule holds
 * any more (rule removed, detector changed and learning anew) return, by
 * "restart". is_on is usually hf_engine_is_on. */
typedef bool hf_alarm_is_on_fn(
    void *arg, const char *rule, const char *subject);
void hf_alarms_settle(
    struct hf_alarms *a, hf_alarm_is_on_fn *is_on, void *arg, int64_t wall_ns);
/* act: enum hf_alarm_act of model/query.h. HF_ENOTFOUND, HF_EINVAL (not in that
 * state; shelving needs a reason and 1 min..7 d). */
int hf_alarms_act(struct hf_alarms *a, const char *key, int act, int64_t dur_ns,
    const char *by, const char *reason, int64_t wall_ns, struct hf_err *err);
/* Ends shelving whose time is up; returns the wall time of the next end or
 * HF_TIME_NONE. */
int64_t hf_alarms_tick(struct hf_alarms *a, int64_t wall_ns);
/* JSON array; filter: "" = all not normal, or a state word, "advisory",
 * "all". */
void hf_alarms_json(
    const struct hf_alarms *a, const char *filter, struct hf_buf *out);
/* One alarm as an object, as in the array. HF_ENOTFOUND. */
int hf_alarms_json_one(
    const struct hf_alarms *a, const char *key, struct hf_buf *out);
/* The keys of all alarms, in no order. */
void hf_alarms_each(const struct hf_alarms *a,
    void (*fn)(void *arg, const char *key), void *arg);
size_t hf_alarms_count(
    const struct hf_alarms *a, enum hf_alarm_state st, bool advisories);
/* Alarms that are not normal, by state and priority (1-4; 0: none given, which
 * are the advisories). */
#define HF_AL_NSTATE (HF_AL_OUT_OF_SERVICE + 1)
#define HF_AL_NPRIORITY 5
void hf_alarms_tally(
    const struct hf_alarms *a, uint64_t n[HF_AL_NSTATE][HF_AL_NPRIORITY]);

#endif
