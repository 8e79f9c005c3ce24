/* SPDX-License-Identifier: Apache-2.0
 *
 * topic.h - the Unified Namespace: which topic a tag, an event, an asset has.
 *
 *	uns/v1/<enterprise>/<site>/<location...>/<_contract>/<path...>/<tag>
 *
 * location: the path of the tag's asset; a tag without an asset has all levels
 * of its path but the last as its location. _contract: the asset's contract, or
 * _raw. Siblings of the contract level: _meta/<path...>/<tag> (retained, what
 * the value is), _state/online, _event/<rule>, _alarm/<rule> (behind the rule,
 * if it is about one tag, the tag's <path...>/<tag>). Levels are
 * [A-Za-z0-9_-] (portable to NATS and, with dots, to UMH); location levels
 * never begin with '_'. At most HF_TOPIC_LEVELS levels, HF_TOPIC_BYTES bytes.
 *
 * Payload of a value: {"timestamp_ms":T,"value":V,"quality":"Good"}.
 */
#ifndef HF_BUS_TOPIC_H
#define HF_BUS_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/batch.h"
#include "model/plant.h"

#define HF_TOPIC_LEVELS 14
#define HF_TOPIC_BYTES 256 /* with the NUL */

enum hf_topic_kind { HF_TOPIC_VALUE, HF_TOPIC_META };

/* HF_ELIMIT if it is too long or too deep, HF_EINVAL for a level that the
 * namespace cannot carry; the text names tag and level. */
int hf_topic_of_tag(const struct hf_plant *p, const struct hf_tag *t,
    enum hf_topic_kind kind, char out[HF_TOPIC_BYTES], struct hf_err *err);
/* "uns/v1/<enterprise>/<site>/<asset path>/<leaf>"; leaf: "_state/online". */
int hf_topic_of_asset(const struct hf_plant *p, const char *asset_path,
    const char *leaf, char out[HF_TOPIC_BYTES], struct hf_err *err);
/* "uns/v1/<enterprise>/<site>/<location>/<leaf>/<rest>"; location and rest may
 * be "". */
int hf_topic_of_below(const struct hf_plant *p, const char *location,
    const char *leaf, const char *rest, char out[HF_TOPIC_BYTES],
    struct hf_err *err);
/* Where an event or alarm about `subject` belongs: of a tag
 * "<its location>/<leaf>/<path...>/<tag>", of an asset "<asset path>/<leaf>",
 * of anything else "<site>/<leaf>". */
int hf_topic_of_subject(const struct hf_plant *p, const char *subject,
    const char *leaf, char out[HF_TOPIC_BYTES], struct hf_err *err);
/* "_raw", or the contract of the tag's asset. */
const char *hf_topic_contract(const struct hf_plant *p, const struct hf_tag *t);
/* The same topic for UMH: "umh.v1." and dots. In place. */
void hf_topic_to_umh(char topic[HF_TOPIC_BYTES]);

/* The value's payload; str: of a string value. is_umh: timestamp_ms and value
 * only. A value that JSON cannot carry (bad sample, NaN) is null. */
void hf_payload_value(const struct hf_sample *s, const char *str, bool is_umh,
    struct hf_buf *out);
/* _meta: unit, type, range, description, device, address, contract. */
void hf_payload_meta(
    const struct hf_plant *p, const struct hf_tag *t, struct hf_buf *out);
/* `holdfast check`: every tag has a topic, no two the same. */
void hf_topics_check(
    const struct hf_plant *p, hf_plant_report *report, void *arg);

#endif
