/* SPDX-License-Identifier: Apache-2.0
 *
 * core_mirror.h - core's publisher: the namespace, mirrored into the brokers.
 *
 * Every zone with a broker gets one connection of core (client id "core", unix
 * socket below dir.broker). What is shown there, and how it is put together, is
 * told in core_mirror.c. All calls are from core's loop; none blocks, none
 * fails: a broker that is away costs a few bytes a tag and a retry.
 *
 * A plant without brokers has no mirror (core->mirror is NULL), and a sample
 * costs one branch.
 */
#ifndef HF_PROC_CORE_MIRROR_H
#define HF_PROC_CORE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "detect/engine.h"
#include "model/plant.h"

struct core;
struct core_mirror;

/* A plant was applied, its tables (core->last, core->devices) are in place.
 * old: the one before, still whole; NULL at the start. Connects to new brokers,
 * leaves those that are gone, shows everything anew and clears the topics that
 * the new plant does not have. */
void core_mirror_plant(
    struct core *c, const struct hf_plant *p, const struct hf_plant *old);
/* Tag idx has a new last value, of the batch that will be put_seq. */
void core_mirror_note(struct core *c, size_t idx, uint64_t put_seq);
/* All batches up to put_seq are durable. */
void core_mirror_durable(struct core *c, uint64_t put_seq);
/* An event was released; an alarm was loaded or has changed (key: its id). */
void core_mirror_event(
    struct core *c, const struct hf_event *e, bool is_durable);
void core_mirror_alarm(struct core *c, const char *key);
/* Once a second. */
void core_mirror_tick(struct core *c, int64_t mono_ns);
/* "namespace": array, one object a broker. */
void core_mirror_json(const struct core *c, struct hf_jw *w);
/* The i-th broker that core cannot reach: false if there is none; text: why. */
bool core_mirror_down(
    const struct core *c, size_t i, const char **zone, const char **text);
/* Says offline to the brokers and leaves them. */
void core_mirror_stop(struct core *c);
void core_mirror_free(struct core *c);

#endif
