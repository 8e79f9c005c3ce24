/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - state.db: events, alarms and their journal (SQLite, WAL,
 * synchronous FULL).
 *
 * Only core's writer thread holds it. Writes are collected by hf_state_begin
 * and made durable by hf_state_commit. Events are keyed by their id, so that a
 * replay stores each once; `is_audited` tells whether its record reached the
 * audit log. Beside them stands what is needed to compute an event again (the
 * packed plants, where each detector's state began) and how far each export
 * has come.
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
	/* hash of the packed plant in force, 32 bytes; NULL = not known */
	const uint8_t *plant;
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

/* Contracts never change: the SHA-256 of the first schema seen under each name.
 * put: nothing if the name is known. */
int hf_state_put_contract(struct hf_state *s, const char *name,
    const uint8_t hash[HF_SHA256_LEN], int64_t first_ns, struct hf_err *err);
int hf_state_each_contract(struct hf_state *s,
    void (*fn)(void *arg, const char *name, const uint8_t hash[HF_SHA256_LEN]),
    void *arg, struct hf_err *err);

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

/* ---- for replay (state_replay.c) ---- */

/* A plant by its hash, packed (stored compressed). Plants that no event of the
 * last day's names are dropped. */
int hf_state_put_plant(struct hf_state *s, const uint8_t hash[HF_SHA256_LEN],
    const void *p, size_t n, int64_t wall_ns, struct hf_err *err);
/* HF_ENOTFOUND, HF_ECORRUPT. Appends. */
int hf_state_get_plant(struct hf_state *s, const uint8_t hash[HF_SHA256_LEN],
    struct hf_buf *out, struct hf_err *err);
/* Where the state of a detector with this model hash began, at wall_ns: opaque
 * bytes. The newest one that is not later than wall_ns counts. */
int hf_state_put_birth(struct hf_state *s, const char *detector,
    const uint8_t model[HF_SHA256_LEN], int64_t wall_ns, const void *p,
    size_t n, struct hf_err *err);
int hf_state_get_birth(struct hf_state *s, const char *detector,
    const uint8_t model[HF_SHA256_LEN], int64_t wall_ns, struct hf_buf *out,
    struct hf_err *err);
/* One event: its evidence appended to json; *has_plant false if the row names
 * none. HF_ENOTFOUND. */
int hf_state_get_event(struct hf_state *s, const uint8_t id[HF_SHA256_LEN],
    struct hf_buf *json, int64_t *raised_ns, uint8_t plant[HF_SHA256_LEN],
    bool *has_plant, struct hf_err *err);

/* ---- for exports ---- */

struct hf_state_cursor {
	int64_t event; /* number of the last event that was confirmed */
	int64_t audit; /* sequence number of the next record */
};
int hf_state_put_cursor(struct hf_state *s, const char *name,
    const struct hf_state_cursor *c, struct hf_err *err);
/* *c untouched and HF_OK if there is none. */
int hf_state_get_cursor(struct hf_state *s, const char *name,
    struct hf_state_cursor *c, struct hf_err *err);
/* Calls fn for at most `limit` events with a number above `after`, in the order
 * in which they were stored; fn returns false to stop before that event.
 * *newest: number of the newest event there is. */
int hf_state_events_after(struct hf_state *s, int64_t after, uint32_t limit,
    bool (*fn)(void *arg, int64_t number, int64_t raised_ns, const char *json,
	size_t n),
    void *arg, int64_t *newest, struct hf_err *err);

#endif
