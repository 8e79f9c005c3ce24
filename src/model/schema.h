/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - contracts: JSON Schema, the part that a plant needs, compiled once
 * and checked without allocation.
 *
 * Keywords (draft 2020-12): type, properties, required, additionalProperties
 * (boolean), items, minItems, maxItems, minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, multipleOf, minLength, maxLength, enum, const, and the
 * annotations title, description, $schema, $id, examples, unit, default. Any
 * other keyword is refused: a contract that we cannot check in full is no
 * contract (fail closed). A schema is an object; enum and const hold scalars.
 * Depth <= 8, nodes <= 1000, 1,000 words of all enums.
 */
#ifndef HF_MODEL_SCHEMA_H
#define HF_MODEL_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/batch.h"

#define HF_SCHEMA_BYTES 65536

struct hf_schema;

/* On the arena. HF_EINVAL with the JSON pointer of what is wrong. */
int hf_schema_compile(struct hf_arena *a, const char *text, size_t n,
    struct hf_schema **out, struct hf_err *err);
/* What the first breach is, for counting. */
enum hf_schema_why {
	HF_SCHEMA_FITS = 0,
	HF_SCHEMA_TYPE,	   /* another type */
	HF_SCHEMA_RANGE,   /* bounds, lengths, steps, words, counts */
	HF_SCHEMA_UNKNOWN, /* a property that the contract does not know */
	HF_SCHEMA_MISSING  /* a required property is not there */
};
/* A whole JSON value against it: the first breach, which err (may be NULL)
 * names by JSON pointer, rule and value. */
enum hf_schema_why hf_schema_judge(
    const struct hf_schema *s, const json_t *v, struct hf_err *err);
/* One value against a subschema that hf_schema_at() gave. Bad samples pass:
 * quality is not the contract's business. str: text of HF_V_STR, v->str_len
 * bytes. */
enum hf_schema_why hf_schema_judge_value(const struct hf_schema *s,
    const struct hf_sample *v, const char *str, struct hf_err *err);
/* May a value of this sort ever fit? For checks ahead of time: the schema's
 * `type` (as text in *expects, for messages) against number, integer, boolean
 * or string. */
bool hf_schema_takes(
    const struct hf_schema *s, const char *type, const char **expects);
/* The subschema of "motor/vibration_rms" (levels are property names); NULL if
 * the contract does not know it. */
const struct hf_schema *hf_schema_at(
    const struct hf_schema *s, const char *path);

#endif
