/* SPDX-License-Identifier: Apache-2.0
 *
 * denied.h - what the broker's plugin tells audit about a refusal.
 *
 * Payload of DENIED, little-endian:
 *    0  u16 listener      2  u8 action      3  u8 rule (model/policy.h)
 *    4  u32 count: refusals that this message stands for
 *    8  u32 lost: refusals before it that no message stands for
 *   12  name, client id, address, topic: each u32 length and bytes
 * Names and topics are what clients sent: whoever shows them cleans them first
 * (hf_record_text). They are cut to the arrays below.
 */
#ifndef HF_BUS_DENIED_H
#define HF_BUS_DENIED_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct hf_denied {
	uint16_t listener;
	uint8_t action, rule;
	uint32_t count, lost;
	char name[64]; /* CN of its certificate, or "" */
	char client[64], address[64];
	char topic[256];
};
#define HF_DENIED_MIN (12 + 4 * 4)
#define HF_DENIED_MAX (HF_DENIED_MIN + 3 * 63 + 255)

/* The whole message with its head (os/msg.h), ready for the wire. */
void hf_denied_encode(
    const struct hf_denied *d, uint8_t zone, struct hf_buf *out);
/* The payload. HF_EPROTO: a length, an action or a rule is out of range. */
int hf_denied_decode(
    const void *p, size_t n, struct hf_denied *d, struct hf_err *err);

#endif
