/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - the metrics that one BIRTH announced: by name and by alias.
 *
 * A table is built whole from a birth and thrown away whole by the next one or
 * by a death. Used by host.c only.
 */
#ifndef HF_FIELD_SPARKPLUG_TABLE_H
#define HF_FIELD_SPARKPLUG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "field/sparkplug/payload.h"

struct hf_spb_entry {
	const char *name; /* terminated; in the table's text */
	const char *unit; /* terminated; "" = none */
	uint64_t alias;
	uint32_t datatype; /* of the birth */
	bool has_alias;
	void *tag; /* the user's; NULL = nobody wants it */
};

struct hf_spb_table { /* zeroed = empty */
	struct hf_spb_entry *e;
	size_t n;
	char *text; /* names and units */
	size_t ntext;
	uint32_t *by_name, *by_alias; /* index + 1, 0 = free; mask + 1 slots */
	uint32_t mask;
	uint64_t seed;
};

/* Reads the payload (opened; left at its end) to its last metric. *nodd:
 * metrics without a name, and second ones of a name or alias; they are left
 * out. HF_ENOMEM. */
int hf_spb_table_build(struct hf_spb_table *t, struct hf_spb_payload *birth,
    uint64_t seed, size_t *nodd, struct hf_err *err);
void hf_spb_table_fini(struct hf_spb_table *t); /* empty again */
/* NULL if there is none. */
struct hf_spb_entry *hf_spb_table_name(
    const struct hf_spb_table *t, const char *name, size_t n);
struct hf_spb_entry *hf_spb_table_alias(
    const struct hf_spb_table *t, uint64_t alias);

/* FNV-1a over n bytes, started from a seed that no peer knows, so that no peer
 * can choose names which collide. */
uint64_t hf_spb_hash(uint64_t seed, const void *p, size_t n);

#endif
