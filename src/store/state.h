/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - state.db: events, alarms and their journal (SQLite, WAL,
 * synchronous FULL).
 *
 * Only core's writer thread holds it. Writes are collected by hf_state_begin
 * and made durable by hf_state_commit. Events are keyed by their id, so that a
 * replay stores each once; `is_audited` tells whether its record reached the
 * audit log.
 */
#ifndef HF_STORE_STATE_H
#define HF_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

struct hf_state;

int hf_state_open(const char *path, struct hf_state **out, struct hf_err *err);
void hf_state_close(struct hf_state *s);
int hf_state_begin(struct hf_state *s, struct hf_err *err);
int hf_state_commit(struct hf_state *s, struct hf_err *err);
void hf_state_rollback(struct hf_state *s);

struct hf_state_event { /* one row; strings borrowed */
	uint8_t id[HF_SHA256_LEN];
	const char *rule, *subject; /* subject: tag, asset or rule path */
	int64_t from_ns, to_ns;	    /* span of samples the evidence names */
	int64_t raised_ns;	    /* wall */
	const char *json;	    /* whole evidence, JSON object */
};
/* *is_new false if the id was there already (nothing written). */
int hf_state_put_event(struct hf_state *s, const struct hf_state_event *e,
    bool *is_new, struct hf_err *err);
int hf_state_set_audited(
    struct hf_state *s, const uint8_t id[HF_SHA256_LEN], struct hf_err *err);
int hf_state_each_unaudited(struct hf_state *s,
    void (*fn)(void *arg, const struct hf_state_event *e), void *arg,
    struct hf_err *err);
/* Does unexpired evidence (newer than keep_after_ns) lie in [from, to)? */
bool hf_state_span_needed(
    struct hf_state *s, int64_t from_ns, int64_t to_ns, int64_t keep_after_ns);

/* Alarm rows are opaque bytes of detect/alarm.h, by key "rule|subject". */
int hf_state_put_alarm(struct hf_state *s, const char *key, const void *p,
    size_t n, struct hf_err *err);
int hf_state_each_alarm(struct hf_state *s,
    void (*fn)(void *arg, const char *key, const void *p, size_t n), void *arg,
    struct hf_err *err);
/* One journal line: JSON object with at least t, alarm, change, by. */
int hf_state_put_journal(struct hf_state *s, int64_t t_ns, const char *alarm,
    const char *json, struct hf_err *err);

/* Appends to `out` the JSON array of events (newest first; rule/subject filter
 * may be ""; id non-NULL: that one) or of journal lines. For the reader thread
 * on its own connection: pass a state opened with hf_state_open_reader. */
int hf_state_open_reader(
    const char *path, struct hf_state **out, struct hf_err *err);
int hf_state_events_json(struct hf_state *s, const uint8_t *id,
    const char *filter, int64_t from_ns, int64_t to_ns, uint32_t limit,
    struct hf_buf *out, struct hf_err *err);
int hf_state_journal_json(struct hf_state *s, int64_t from_ns, int64_t to_ns,
    uint32_t limit, struct hf_buf *out, struct hf_err *err);

#endif
