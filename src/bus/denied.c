/* SPDX-License-Identifier: Apache-2.0
 *
 * denied.c - a refusal as bytes and back (denied.h). The encoder runs inside
 * the broker, the decoder in audit.
 */
#include <string.h>

#include "bus/denied.h"
#include "model/policy.h"
#include "os/msg.h"

static void
put_text(struct hf_buf *out, const char *s, size_t cap)
{
	size_t n = strnlen(s, cap - 1);

	hf_buf_u32(out, (uint32_t)n);
	if (n > 0)
		hf_buf_put(out, s, n);
}

static size_t
payload_len(const struct hf_denied *d)
{
	return HF_DENIED_MIN + strnlen(d->name, sizeof(d->name) - 1) +
	       strnlen(d->client, sizeof(d->client) - 1) +
	       strnlen(d->address, sizeof(d->address) - 1) +
	       strnlen(d->topic, sizeof(d->topic) - 1);
}

void
hf_denied_encode(const struct hf_denied *d, uint8_t zone, struct hf_buf *out)
{
	hf_buf_u32(out, (uint32_t)(HF_MSG_HEAD + payload_len(d)));
	hf_buf_u16(out, HF_MSG_DENIED);
	hf_buf_u8(out, HF_ROLE_BROKER);
	hf_buf_u8(out, zone);
	hf_buf_u32(out, 0);
	hf_buf_u32(out, 0); /* a guest knows no incarnation */
	hf_buf_u64(out, 0);
	hf_buf_u64(out, 0);
	hf_buf_u16(out, d->listener);
	hf_buf_u8(out, d->action);
	hf_buf_u8(out, d->rule);
	hf_buf_u32(out, d->count);
	hf_buf_u32(out, d->lost);
	put_text(out, d->name, sizeof(d->name));
	put_text(out, d->client, sizeof(d->client));
	put_text(out, d->address, sizeof(d->address));
	put_text(out, d->topic, sizeof(d->topic));
}

static bool
take_text(struct hf_rd *r, char *dst, size_t cap)
{
	const char *s;
	size_t n;

	if (!hf_rd_str(r, &s, &n, cap - 1) || s == NULL ||
	    memchr(s, '\0', n) != NULL)
		return false;
	memcpy(dst, s, n);
	dst[n] = '\0';
	return true;
}

int
hf_denied_decode(
    const void *p, size_t n, struct hf_denied *d, struct hf_err *err)
{
	struct hf_denied v = {.count = 0};
	struct hf_rd r;

	hf_rd_init(&r, p, n);
	v.listener = hf_rd_u16(&r);
	v.action = hf_rd_u8(&r);
	v.rule = hf_rd_u8(&r);
	v.count = hf_rd_u32(&r);
	v.lost = hf_rd_u32(&r);
	if (v.action > HF_POLICY_SUBSCRIBE || v.rule >= HF_NPR)
		return HF_FAIL(err, HF_EPROTO, "denied: action %u, rule %u",
		    v.action, v.rule);
	if (!take_text(&r, v.name, sizeof(v.name)) ||
	    !take_text(&r, v.client, sizeof(v.client)) ||
	    !take_text(&r, v.address, sizeof(v.address)) ||
	    !take_text(&r, v.topic, sizeof(v.topic)) || !hf_rd_ok(&r) ||
	    hf_rd_left(&r) != 0)
		return HF_FAIL(err, HF_EPROTO, "denied: a text is wrong");
	*d = v;
	return HF_OK;
}
