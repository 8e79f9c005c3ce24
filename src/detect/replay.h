/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h - what computing an event again needs from the engine, and the
 * comparison of two pieces of evidence.
 *
 * A replay builds an engine from the plant that was in force (all of it: limits
 * from a budget depend on the neighbours) and feeds it those stored samples of
 * the event's detector which do not carry HF_F_LATE, in the order of source
 * time; samples of one time in the order of the plant's tags. For one signal
 * that is the order in which it was fed then, since a signal only ever sees
 * rising times. For a rule over several tags (per: asset, per: rule) it is the
 * order of a batch, as edge makes it.
 */
#ifndef HF_DETECT_REPLAY_H
#define HF_DETECT_REPLAY_H

#include "detect/engine.h"
#include "detect/method.h"

/* Hash of method, options, learn and tags of detector i; borrowed. */
const uint8_t *hf_engine_model_hash(const struct hf_engine *e, size_t i);
/* Has detector i seen nothing yet? */
bool hf_engine_is_fresh(const struct hf_engine *e, size_t i);

/* Does what this tag says take part in the decisions about `subject` under the
 * rule? All tags of a group do; else the subject's own. */
bool hf_replay_needs(const struct hf_plant *p, const struct hf_rule *r,
    const char *subject, uint32_t tag_idx);

/* How far behind an event's last sample its decision may fall, ns: 0 for single
 * signals; for a group, whose row is stepped when later samples have come, the
 * time behind which it must have been. */
int64_t hf_replay_behind(const struct hf_plant *p, const struct hf_rule *r);

/* Calls fn for each member of two pieces of evidence (JSON objects as engine.h
 * writes them) that is not the same, byte for byte; a side that lacks it gets
 * NULL. `frame` and `snapshot` name places in a log and are not compared.
 * Returns how many differ; -1 if one is no object. */
typedef void hf_replay_diff_fn(void *arg, const char *key, size_t nkey,
    const char *a, size_t na, const char *b, size_t nb);
int hf_replay_compare(
    const char *a, const char *b, hf_replay_diff_fn *fn, void *arg);

#endif
