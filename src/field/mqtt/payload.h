/* SPDX-License-Identifier: Apache-2.0
 *
 * payload.h - what a message says to a tag: value, time, quality.
 *
 * Pure. A payload is parsed at most once, however many tags look into it.
 */
#ifndef HF_FIELD_MQTT_PAYLOAD_H
#define HF_FIELD_MQTT_PAYLOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/convert.h"
#include "field/mqtt/addr.h"

struct hf_mq_payload {
	const char *p; /* borrowed */
	size_t n;
	json_t *root;	/* object or array; NULL: it is none */
	json_t *text;	/* of a quoted text: array that holds it */
	bool is_broken; /* begins like JSON, or is no text, and cannot be
			      read; err says why */
	struct hf_err err;
};

/* p stays borrowed until close. Never fails: see is_broken. */
void hf_mq_payload_open(struct hf_mq_payload *l, const char *p, size_t n);
void hf_mq_payload_close(struct hf_mq_payload *l);

enum hf_mq_got { HF_MQ_GOT, HF_MQ_ABSENT, HF_MQ_BROKEN };

/* The value for a tag with this address. is_text: the tag is a string, and
 * takes a plain payload as it is. *v borrows from the payload. */
enum hf_mq_got hf_mq_value(const struct hf_mq_payload *l,
    const struct hf_mq_addr *a, bool is_text, struct hf_value *v);
/* HF_TIME_NONE: none; *is_bad if there was one that cannot be read. */
int64_t hf_mq_stamp(
    const struct hf_mq_payload *l, const struct hf_mq_addr *a, bool *is_bad);
/* HF_GOOD without one; HF_UNCERTAIN and *is_bad for an unknown word. */
uint32_t hf_mq_quality(
    const struct hf_mq_payload *l, const struct hf_mq_addr *a, bool *is_bad);

#endif
