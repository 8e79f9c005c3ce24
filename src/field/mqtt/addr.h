/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.h - the address of a tag on MQTT.
 *
 *	TOPIC
 *	TOPIC;field=a.b[0].c;time=ts:ms;quality=q
 *
 * TOPIC has no wildcards. field, time and quality are paths into a JSON
 * payload: names joined by '.', items by [N]; a backslash takes away the
 * meaning of the character behind it ("a\.b" is one name). time may end in
 * :s, :ms, :us, :ns or :rfc3339; without it a text is RFC 3339 and a number is
 * milliseconds.
 *
 * Without field the payload is a plain number, true, false or text; a JSON
 * object is then taken as {"timestamp_ms","value","quality"}.
 */
#ifndef HF_FIELD_MQTT_ADDR_H
#define HF_FIELD_MQTT_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define HF_MQ_NSTEP 16 /* levels of a path */

struct hf_mq_step {
	const char *name; /* NULL: an item */
	uint32_t idx;
};

struct hf_mq_path { /* n 0: not given */
	struct hf_mq_step *v;
	size_t n;
};

enum hf_mq_unit {
	HF_MQ_AUTO,
	HF_MQ_S,
	HF_MQ_MS,
	HF_MQ_US,
	HF_MQ_NS,
	HF_MQ_RFC3339
};

struct hf_mq_addr { /* all on the arena */
	const char *topic;
	struct hf_mq_path field, time, quality;
	enum hf_mq_unit unit;
};

/* HF_EINVAL with the part that is wrong and what to write. */
int hf_mq_addr_parse(struct hf_arena *a, const char *text,
    struct hf_mq_addr *out, struct hf_err *err);

#endif
