/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - one entry of the audit log as its writers see it.
 *
 * Every role fills a struct hf_record and sends it (RECORD); audit adds seq,
 * wall and monotonic time, boot id and the sender's role, renders canonical
 * JSON and appends. All strings are UTF-8 text without control characters,
 * empty = not given.
 */
#ifndef HF_MODEL_RECORD_H
#define HF_MODEL_RECORD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

struct hf_record {
	char action[48]; /* "config.change": one of the names in records.def */
	char actor[64];	 /* "uid:1000", "role:core", "rule:press-hot" */
	char zone[64];
	char object[256];  /* tag path, alarm id, file ... */
	char decision[16]; /* "allow" "deny" "done" "failed" "raised" ... */
	char detail[1024]; /* one sentence for people */
	uint8_t input_hash[HF_SHA256_LEN]; /* all zero = not given */
	uint8_t config_hash[HF_SHA256_LEN];
	uint8_t model_hash[HF_SHA256_LEN];
};

/* The actions and who may send them. R("action", roles bit mask, "help") rows
 * in records.def generate this table. */
struct hf_record_kind {
	const char *action;
	uint32_t senders; /* 1u << enum hf_role (os/msg.h) */
	const char *help;
};
extern const struct hf_record_kind hf_record_kinds[];
extern const size_t hf_nrecord_kind;
const struct hf_record_kind *hf_record_kind_find(const char *action);

/* Fills one text field of a record: formats, turns what a record may not hold
 * (control characters, bytes that are no UTF-8) into '?', cuts between
 * characters. Texts that came from outside go through here, so that no record
 * is refused because of them. */
void hf_record_text(char *dst, size_t cap, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends. HF_EINVAL: action not in the table, or a text that hf_record_text
 * would have changed; HF_ELIMIT: out is full. */
int hf_record_encode(const struct hf_record *r, struct hf_buf *out);
/* HF_EPROTO with the reason; *r is then untouched. Does not judge the
 * sender. */
int hf_record_decode(
    const void *p, size_t n, struct hf_record *r, struct hf_err *err);

#endif
