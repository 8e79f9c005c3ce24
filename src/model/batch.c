/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.c - one encoding of samples for the wire, the spool and the log.
 *
 * Columnar, little-endian. Offsets in bytes, n = number of samples:
 *      0  u32  magic 0x31424648 ("HFB1"; the 1 is the version)
 *      4  u32  n, 1..HF_BATCH_NSAMPLE
 *      8  u64  source               16  u64  seq
 *     24  i64  decoded_ns           32  u32  bytes of the string area
 *     36  u32  0
 *     40  u64  tag[n]               then  i64  t_ns[n]
 *         i64  recv_ns[n]                 u64  value[n]
 *         u32  status[n]                  u16  str_len[n]
 *         u8   vtype[n]                   u8   flags[n]
 *  40+40n      string area
 * value: the bits of the double, the i64, 0 or 1 for BOOL; 0 for STR. Strings
 * lie one behind the other in the order of their samples and fill the area
 * exactly; str_len is 0 unless vtype is STR. So a batch has one encoding, and
 * equal batches are equal bytes, except for the flags, which core sets in
 * place: they are the last column, to touch as few bytes as possible.
 *
 * The decoder refuses whatever the encoder could not have written: times
 * outside [HF_TIME_MIN, HF_TIME_END), unknown types and flags, numbers that are
 * not finite under a status that is not bad, booleans above 1, strings over
 * HF_VALUE_STR or that are no UTF-8 text, trailing bytes. The encoder holds
 * itself to the same rules, so an edge learns of its own fault before core ends
 * it for a violation.
 */
#include "model/batch.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"
#include "base/utf8.h"
#include "model/quality.h"

#define MAGIC UINT32_C(0x31424648)
#define HEAD 40
#define SAMPLE_BYTES 40 /* all columns of one sample */
#define FLAGS_ALL (HF_F_LATE | HF_F_BACKFILL | HF_F_CLAMPED)

_Static_assert(HEAD + HF_BATCH_NSAMPLE * SAMPLE_BYTES < HF_BATCH_BYTES,
    "a full numeric batch must fit");
_Static_assert(sizeof(double) == 8, "doubles are stored as 8 bytes");

/* Where each column of a batch of n samples begins. */
struct columns {
	size_t tag, t_ns, recv_ns, value, status, str_len, vtype, flags, str;
};

static struct columns
columns_of(size_t n)
{
	return (struct columns){
	    .tag = HEAD,
	    .t_ns = HEAD + 8 * n,
	    .recv_ns = HEAD + 16 * n,
	    .value = HEAD + 24 * n,
	    .status = HEAD + 32 * n,
	    .str_len = HEAD + 36 * n,
	    .vtype = HEAD + 38 * n,
	    .flags = HEAD + 39 * n,
	    .str = HEAD + 40 * n,
	};
}

static void
put64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static void
put32(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static void
put16(uint8_t *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

uint64_t
hf_tag_key(const char *uns_path)
{
	uint8_t hash[HF_SHA256_LEN];

	hf_sha256_of(uns_path, strlen(uns_path), hash);
	return get64(hash);
}

static bool
is_time(int64_t t_ns)
{
	return t_ns >= HF_TIME_MIN && t_ns < HF_TIME_END;
}

/* What is wrong with a sample, or NULL; its string is checked elsewhere. */
static const char *
why_bad_sample(const struct hf_sample *s)
{
	if (s->vtype < HF_V_F64 || s->vtype > HF_V_STR)
		return "type unknown";
	if (s->flags & ~(unsigned)FLAGS_ALL)
		return "flags unknown";
	if (!is_time(s->t_ns) || !is_time(s->recv_ns))
		return "time outside the years 1678 to 2261";
	if (s->vtype == HF_V_F64 && !hf_is_bad(s->status) &&
	    !isfinite(s->v.f64))
		return "value not finite but status not bad";
	if (s->vtype == HF_V_BOOL && s->v.bits > 1)
		return "boolean is neither 0 nor 1";
	if (s->vtype != HF_V_STR && s->str_len != 0)
		return "a number with a string";
	if (s->str_len > HF_VALUE_STR)
		return "string too long";
	return NULL;
}

/* Checks the batch before a byte of it is written; *str_len: all strings. */
static int
check_batch(const struct hf_batch *b, size_t *str_len, struct hf_err *err)
{
	const struct hf_sample *s;
	const char *why;
	size_t i;

	*str_len = 0;
	if (b->n == 0 || b->n > HF_BATCH_NSAMPLE)
		return HF_FAIL(err, HF_ELIMIT, "batch: %zu samples, 1..%d fit",
		    b->n, HF_BATCH_NSAMPLE);
	for (i = 0; i < b->n; i++) {
		s = &b->s[i];
		why = why_bad_sample(s);
		if (why == NULL && s->vtype == HF_V_STR) {
			if (s->v.str_off > b->str_len ||
			    s->str_len > b->str_len - s->v.str_off)
				why = "string outside the string area";
			else if (s->str_len > 0 &&
				 !hf_utf8_text_ok(
				     b->str + s->v.str_off, s->str_len))
				why = "string is not UTF-8 text";
		}
		if (why != NULL)
			return HF_FAIL(
			    err, HF_EINVAL, "batch: sample %zu: %s", i, why);
		*str_len += s->str_len;
	}
	if (HEAD + SAMPLE_BYTES * b->n + *str_len > HF_BATCH_BYTES)
		return HF_FAIL(err, HF_ELIMIT,
		    "batch: %zu samples with %zu bytes of strings are over %d "
		    "bytes",
		    b->n, *str_len, HF_BATCH_BYTES);
	return HF_OK;
}

static void
put_head(uint8_t *p, const struct hf_batch *b, size_t str_len)
{
	put32(p, MAGIC);
	put32(p + 4, (uint32_t)b->n);
	put64(p + 8, b->source);
	put64(p + 16, b->seq);
	put64(p + 24, (uint64_t)b->decoded_ns);
	put32(p + 32, (uint32_t)str_len);
	put32(p + 36, 0);
}

static void
put_samples(uint8_t *p, const struct hf_batch *b)
{
	const struct columns c = columns_of(b->n);
	const struct hf_sample *s;
	size_t i, off = c.str;

	for (i = 0; i < b->n; i++) {
		s = &b->s[i];
		put64(p + c.tag + 8 * i, s->tag);
		put64(p + c.t_ns + 8 * i, (uint64_t)s->t_ns);
		put64(p + c.recv_ns + 8 * i, (uint64_t)s->recv_ns);
		put64(
		    p + c.value + 8 * i, s->vtype == HF_V_STR ? 0 : s->v.bits);
		put32(p + c.status + 4 * i, s->status);
		put16(p + c.str_len + 2 * i, s->str_len);
		p[c.vtype + i] = s->vtype;
		p[c.flags + i] = s->flags;
		if (s->str_len > 0)
			memcpy(p + off, b->str + s->v.str_off, s->str_len);
		off += s->str_len;
	}
}

int
hf_batch_encode(
    const struct hf_batch *b, struct hf_buf *out, struct hf_err *err)
{
	size_t str_len, nbytes;
	uint8_t *p;
	int rc;

	rc = check_batch(b, &str_len, err);
	if (rc != HF_OK)
		return rc;
	nbytes = HEAD + SAMPLE_BYTES * b->n + str_len;
	p = hf_buf_extend(out, nbytes);
	if (p == NULL)
		return HF_FAIL(err, HF_ELIMIT,
		    "batch: %zu bytes do not fit the buffer", nbytes);
	put_head(p, b, str_len);
	put_samples(p, b);
	return HF_OK;
}

/* Head of an encoded batch; false if length and counts do not agree. */
static bool
read_head(const uint8_t *p, size_t n, struct hf_batch *out)
{
	size_t nsample, str_len;

	if (n < HEAD || n > HF_BATCH_BYTES || get32(p) != MAGIC ||
	    get32(p + 36) != 0)
		return false;
	nsample = get32(p + 4);
	str_len = get32(p + 32);
	if (nsample == 0 || nsample > HF_BATCH_NSAMPLE ||
	    str_len > HF_BATCH_BYTES ||
	    n != HEAD + SAMPLE_BYTES * nsample + str_len)
		return false;
	*out = (struct hf_batch){
	    .n = nsample,
	    .source = get64(p + 8),
	    .seq = get64(p + 16),
	    .decoded_ns = (int64_t)get64(p + 24),
	    .str = (const char *)p + HEAD + SAMPLE_BYTES * nsample,
	    .str_len = str_len,
	};
	return true;
}

static void
read_sample(
    const uint8_t *p, const struct columns *c, size_t i, struct hf_sample *s)
{
	s->tag = get64(p + c->tag + 8 * i);
	s->t_ns = (int64_t)get64(p + c->t_ns + 8 * i);
	s->recv_ns = (int64_t)get64(p + c->recv_ns + 8 * i);
	s->v.bits = get64(p + c->value + 8 * i);
	s->status = get32(p + c->status + 4 * i);
	s->str_len = get16(p + c->str_len + 2 * i);
	s->vtype = p[c->vtype + i];
	s->flags = p[c->flags + i];
}

/* Takes the string of sample s, which begins at *off, out of b's area. */
static const char *
take_string(const struct hf_batch *b, struct hf_sample *s, size_t *off)
{
	if (s->v.bits != 0)
		return "string with a number";
	if (s->str_len > b->str_len - *off)
		return "string outside the string area";
	if (!hf_utf8_text_ok(b->str + *off, s->str_len))
		return "string is not UTF-8 text";
	s->v.str_off = *off;
	*off += s->str_len;
	return NULL;
}

int
hf_batch_decode(const void *src, size_t n, struct hf_sample *s, size_t cap,
    struct hf_batch *out, struct hf_err *err)
{
	const uint8_t *p = src;
	struct hf_batch b;
	struct columns c;
	const char *why;
	size_t i, off = 0;

	if (!read_head(p, n, &b))
		return HF_FAIL(
		    err, HF_EPROTO, "batch: %zu bytes do not have its form", n);
	if (b.n > cap)
		return HF_FAIL(
		    err, HF_EPROTO, "batch: %zu samples, %zu taken", b.n, cap);
	c = columns_of(b.n);
	for (i = 0; i < b.n; i++) {
		read_sample(p, &c, i, &s[i]);
		why = why_bad_sample(&s[i]);
		if (why == NULL && s[i].vtype == HF_V_STR)
			why = take_string(&b, &s[i], &off);
		if (why != NULL)
			return HF_FAIL(
			    err, HF_EPROTO, "batch: sample %zu: %s", i, why);
	}
	if (off != b.str_len)
		return HF_FAIL(err, HF_EPROTO,
		    "batch: %zu bytes behind the last string", b.str_len - off);
	b.s = s;
	*out = b;
	return HF_OK;
}

void
hf_batch_patch_flags(void *p, size_t n, const struct hf_sample *s)
{
	size_t i, nsample = get32((uint8_t *)p + 4);
	uint8_t *flags = (uint8_t *)p + columns_of(nsample).flags;

	assert(HEAD + SAMPLE_BYTES * nsample <= n);
	for (i = 0; i < nsample; i++)
		flags[i] = s[i].flags;
}

double
hf_sample_f64(const struct hf_sample *s)
{
	switch (s->vtype) {
	case HF_V_F64:
		return s->v.f64;
	case HF_V_I64:
		return (double)s->v.i64;
	case HF_V_BOOL:
		return s->v.bits != 0 ? 1 : 0;
	default:
		return NAN;
	}
}
