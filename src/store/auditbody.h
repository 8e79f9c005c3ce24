/* SPDX-License-Identifier: Apache-2.0
 *
 * auditbody.h - the canonical JSON body of one audit record. Form in
 * auditbody.c. Used by the log and its verifier only.
 */
#ifndef HF_STORE_AUDITBODY_H
#define HF_STORE_AUDITBODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/auditlog.h"

struct hf_slice { /* borrowed bytes; p NULL = the key is not there */
	const char *p;
	size_t n;
};

struct hf_audit_body { /* what log and verifier need of a body */
	uint64_t seq;
	int64_t wall_ns;
	int64_t mono_us;
	uint64_t inc, req, role_zone; /* 0 = not given */
	struct hf_slice action, boot, role, object, detail;
	bool has_note;
	uint8_t note[HF_SHA256_LEN]; /* text hash of the checkpoint before */
};

/* Appends the body of record number seq. note: NULL, or the text hash of the
 * checkpoint whose size is seq. HF_EINVAL for text that is not UTF-8 without
 * control characters, HF_ELIMIT above HF_AUDIT_BODY. */
int hf_audit_body_put(struct hf_buf *out, uint64_t seq,
    const struct hf_record *r, const struct hf_audit_stamp *at,
    const uint8_t *note, struct hf_err *err);
/* Reads a body and checks that it is exactly canonical. Slices point into p.
 * HF_ECORRUPT with the reason. */
int hf_audit_body_get(
    struct hf_audit_body *b, const char *p, size_t n, struct hf_err *err);
bool hf_slice_is(struct hf_slice s, const char *word);

#endif
