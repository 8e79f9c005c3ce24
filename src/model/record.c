/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c - audit records on the wire from their writers to audit.
 *
 * Payload of RECORD, little-endian, at most 1598 bytes:
 *    str action, str actor, str zone, str object, str decision, str detail
 *        (str: u32 length, then that many bytes of UTF-8 without control
 *        characters; length < size of the field in struct hf_record)
 *    u8  mask: 1 input_hash, 2 config_hash, 4 model_hash follow
 *    32 bytes for each bit set, in that order; never all zero
 * One record has one encoding. The stored form (canonical JSON, sequence,
 * times, sender) is made by audit and described in store/auditlog.c.
 */
#include "model/record.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "os/msg.h"

#define P HF_ROLE_BIT(HF_ROLE_PARENT)
#define C HF_ROLE_BIT(HF_ROLE_CORE)
#define E HF_ROLE_BIT(HF_ROLE_EDGE)
#define W HF_ROLE_BIT(HF_ROLE_WEB)
#define A HF_ROLE_BIT(HF_ROLE_AUDIT)
#define B HF_ROLE_BIT(HF_ROLE_BROKER)
const struct hf_record_kind hf_record_kinds[] = {
#define R(action, senders, help) {action, senders, help},
#include "model/records.def"
#undef R
};
#undef P
#undef B
#undef C
#undef E
#undef W
#undef A
const size_t hf_nrecord_kind =
    sizeof(hf_record_kinds) / sizeof(hf_record_kinds[0]);

#define NHASH 3
#define MASK_ALL 7u

/* The text fields in their order on the wire. */
static const struct field {
	const char *name;
	size_t off, cap;
} fields[] = {
#define F(f)                                           \
	{                                              \
#f, offsetof(struct hf_record, f),     \
		    sizeof(((struct hf_record *)0)->f) \
	}
    F(action),
    F(actor),
    F(zone),
    F(object),
    F(decision),
    F(detail),
#undef F
};
#define NFIELD (sizeof(fields) / sizeof(fields[0]))

static const size_t hash_off[NHASH] = {
    offsetof(struct hf_record, input_hash),
    offsetof(struct hf_record, config_hash),
    offsetof(struct hf_record, model_hash),
};

const struct hf_record_kind *
hf_record_kind_find(const char *action)
{
	size_t i;

	for (i = 0; i < hf_nrecord_kind; i++) {
		if (strcmp(hf_record_kinds[i].action, action) == 0)
			return &hf_record_kinds[i];
	}
	return NULL;
}

static bool
is_zero(const uint8_t *hash)
{
	static const uint8_t zero[HF_SHA256_LEN];

	return memcmp(hash, zero, sizeof(zero)) == 0;
}

int
hf_record_encode(const struct hf_record *r, struct hf_buf *out)
{
	const char *base = (const char *)r;
	uint8_t mask = 0;
	const uint8_t *hash;
	size_t i, n;

	if (hf_record_kind_find(r->action) == NULL)
		return HF_EINVAL;
	for (i = 0; i < NFIELD; i++) {
		n = strnlen(base + fields[i].off, fields[i].cap);
		if (n >= fields[i].cap ||
		    !hf_utf8_line_ok(base + fields[i].off, n))
			return HF_EINVAL;
	}
	for (i = 0; i < NFIELD; i++)
		hf_buf_str(out, base + fields[i].off);
	for (i = 0; i < NHASH; i++) {
		hash = (const uint8_t *)base + hash_off[i];
		mask |= (uint8_t)(is_zero(hash) ? 0 : 1u << i);
	}
	hf_buf_u8(out, mask);
	for (i = 0; i < NHASH; i++) {
		if (mask & 1u << i)
			hf_buf_put(out, base + hash_off[i], HF_SHA256_LEN);
	}
	return hf_buf_ok(out) ? HF_OK : HF_ELIMIT;
}

static int
read_field(struct hf_rd *rd, const struct field *f, struct hf_record *r,
    struct hf_err *err)
{
	const char *s;
	size_t n;

	if (!hf_rd_str(rd, &s, &n, f->cap - 1) || s == NULL)
		return HF_FAIL(err, HF_EPROTO,
		    "record: %s missing or longer than %zu bytes", f->name,
		    f->cap - 1);
	if (!hf_utf8_line_ok(s, n))
		return HF_FAIL(err, HF_EPROTO,
		    "record: %s is not plain UTF-8 text", f->name);
	memcpy((char *)r + f->off, s, n);
	return HF_OK;
}

static int
read_hashes(struct hf_rd *rd, struct hf_record *r, struct hf_err *err)
{
	uint8_t mask = hf_rd_u8(rd);
	const uint8_t *p;
	size_t i;

	if (!hf_rd_ok(rd) || mask > MASK_ALL)
		return HF_FAIL(
		    err, HF_EPROTO, "record: hash mask 0x%02x", mask);
	for (i = 0; i < NHASH; i++) {
		if (!(mask & 1u << i))
			continue;
		p = hf_rd_bytes(rd, HF_SHA256_LEN);
		if (p == NULL || is_zero(p))
			return HF_FAIL(err, HF_EPROTO,
			    "record: hash %zu short or zero", i);
		memcpy((uint8_t *)r + hash_off[i], p, HF_SHA256_LEN);
	}
	return HF_OK;
}

int
hf_record_decode(
    const void *p, size_t n, struct hf_record *r, struct hf_err *err)
{
	struct hf_record got = {0};
	struct hf_rd rd;
	size_t i;
	int rc;

	hf_rd_init(&rd, p, n);
	for (i = 0; i < NFIELD; i++) {
		rc = read_field(&rd, &fields[i], &got, err);
		if (rc != HF_OK)
			return rc;
	}
	rc = read_hashes(&rd, &got, err);
	if (rc != HF_OK)
		return rc;
	if (hf_rd_left(&rd) != 0)
		return HF_FAIL(err, HF_EPROTO, "record: %zu bytes too many",
		    hf_rd_left(&rd));
	if (hf_record_kind_find(got.action) == NULL)
		return HF_FAIL(err, HF_EPROTO, "record: action \"%s\" unknown",
		    got.action);
	*r = got;
	return HF_OK;
}

void
hf_record_text(char *dst, size_t cap, const char *fmt, ...)
{
	char text[2048];
	size_t i, len, w = 0;
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	for (i = 0; text[i] != '\0'; i += len) {
		len = hf_utf8_seq(text + i, strlen(text + i));
		if (w + (len == 0 ? 1 : len) >= cap)
			break;
		if (len == 0 || !hf_utf8_line_ok(text + i, len)) {
			dst[w++] = '?';
			len = len == 0 ? 1 : len;
			continue;
		}
		memcpy(dst + w, text + i, len);
		w += len;
	}
	if (cap > 0)
		dst[w] = '\0';
}
