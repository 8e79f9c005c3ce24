/* SPDX-License-Identifier: Apache-2.0
 *
 * httpin.c - reads one HTTP/1.1 answer as its bytes come in; see httpin.h.
 *
 * Framing by RFC 9112 section 6: a Transfer-Encoding, which must be "chunked",
 * goes before Content-Length; both at once, or two different lengths, are
 * refused.
 */
#include "cli/httpin.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

#define LINE_MAX_BYTES 256 /* chunk size line */
#define TRAILER_MAX 4096

void
hf_httpin_init(struct hf_httpin *h, hf_httpin_sink *sink, void *arg)
{
	memset(h, 0, sizeof(*h));
	h->sink = sink;
	h->arg = arg;
}

static int
take_length(
    const char *v, size_t n, bool *has, uint64_t *len, struct hf_err *err)
{
	uint64_t x;

	if (n == 0 || v[0] < '0' || v[0] > '9' || memchr(v, 'x', n) != NULL ||
	    !hf_parse_u64(v, n, &x) || (*has && x != *len))
		return HF_FAIL(err, HF_EPROTO, "answer with a bad length");
	*has = true;
	*len = x;
	return HF_OK;
}

/* One header line "Name: value", without its end. */
static int
take_header(const char *line, size_t n, bool *is_chunked, bool *has_len,
    uint64_t *len, struct hf_err *err)
{
	const char *colon = memchr(line, ':', n), *v;
	size_t nname, nv;

	if (colon == NULL || colon == line)
		return HF_FAIL(err, HF_EPROTO, "answer with a bad header line");
	nname = (size_t)(colon - line);
	v = colon + 1;
	nv = n - nname - 1;
	while (nv > 0 && (*v == ' ' || *v == '\t'))
		v++, nv--;
	while (nv > 0 && (v[nv - 1] == ' ' || v[nv - 1] == '\t'))
		nv--;
	if (nname == 14 && strncasecmp(line, "Content-Length", 14) == 0)
		return take_length(v, nv, has_len, len, err);
	if (nname == 17 && strncasecmp(line, "Transfer-Encoding", 17) == 0) {
		if (nv != 7 || strncasecmp(v, "chunked", 7) != 0)
			return HF_FAIL(err, HF_EPROTO,
			    "answer in an unknown "
			    "encoding");
		*is_chunked = true;
	}
	return HF_OK;
}

/* head holds everything up to and including the empty line. */
static int
take_head(struct hf_httpin *h, struct hf_err *err)
{
	bool is_chunked = false, has_len = false;
	const char *p = h->head, *nl;
	uint64_t len = 0;
	int rc;

	if (h->nhead < 15 || strncmp(p, "HTTP/1.", 7) != 0 ||
	    (p[7] != '0' && p[7] != '1') || p[8] != ' ' ||
	    strspn(p + 9, "0123456789") != 3)
		return HF_FAIL(err, HF_EPROTO,
		    "what answers on the API socket "
		    "does not speak HTTP");
	h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	if (h->status < 200 || h->status > 599)
		return HF_FAIL(
		    err, HF_EPROTO, "answer with status %d", h->status);
	p = strchr(p, '\n') + 1;
	while ((nl = strchr(p, '\n')) != NULL && nl - p > 1) {
		rc = take_header(
		    p, (size_t)(nl - p) - 1, &is_chunked, &has_len, &len, err);
		if (rc != HF_OK)
			return rc;
		p = nl + 1;
	}
	if (is_chunked && has_len)
		return HF_FAIL(err, HF_EPROTO, "answer with two lengths");
	h->nhead = 0;
	h->left = len;
	if (is_chunked)
		h->state = HF_HI_CHUNK_SIZE;
	else if (!has_len)
		h->state = HF_HI_TO_END;
	else
		h->state = len > 0 ? HF_HI_LENGTH : HF_HI_DONE;
	return HF_OK;
}

/* Collects one byte of the head; HF_EAGAIN until it is complete. */
static int
head_byte(struct hf_httpin *h, char ch, struct hf_err *err)
{
	if (h->nhead == HF_HTTPIN_HEAD || ch == '\0')
		return HF_FAIL(err, HF_EPROTO,
		    "answer with a head that is too "
		    "long or no text");
	h->head[h->nhead++] = ch;
	h->head[h->nhead] = '\0';
	if (ch == '\n' && (h->nhead < 2 || h->head[h->nhead - 2] != '\r'))
		return HF_FAIL(err, HF_EPROTO, "answer with a bare line feed");
	if (h->nhead < 4 || memcmp(h->head + h->nhead - 4, "\r\n\r\n", 4) != 0)
		return HF_OK;
	return take_head(h, err);
}

/* "1a2b\r\n" or "1a2b;extension\r\n". */
static int
chunk_byte(struct hf_httpin *h, char ch, struct hf_err *err)
{
	size_t i, n = 0;
	uint64_t v = 0;

	if (h->nhead == LINE_MAX_BYTES)
		return HF_FAIL(err, HF_EPROTO, "chunk line too long");
	h->head[h->nhead++] = ch;
	if (ch != '\n')
		return HF_OK;
	h->head[h->nhead] = '\0';
	n = strspn(h->head, "0123456789abcdefABCDEF");
	if (n == 0 || n > 15 || h->nhead < 3 || h->head[h->nhead - 2] != '\r' ||
	    (h->head[n] != '\r' && h->head[n] != ';'))
		return HF_FAIL(err, HF_EPROTO, "bad chunk line");
	for (i = 0; i < n; i++) {
		char d = h->head[i];

		v = v * 16 +
		    (uint64_t)(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
	}
	h->nhead = 0;
	h->left = v;
	h->state = v > 0 ? HF_HI_CHUNK_DATA : HF_HI_TRAILER;
	return HF_OK;
}

static int
crlf_byte(struct hf_httpin *h, char ch, struct hf_err *err)
{
	if (ch != (h->nhead == 0 ? '\r' : '\n'))
		return HF_FAIL(err, HF_EPROTO, "chunk longer than it says");
	h->nhead++;
	if (ch == '\n') {
		h->nhead = 0;
		h->state = HF_HI_CHUNK_SIZE;
	}
	return HF_OK;
}

/* Trailer lines are skipped; the empty one ends the answer. */
static int
trailer_byte(struct hf_httpin *h, char ch, struct hf_err *err)
{
	if (h->nhead == TRAILER_MAX)
		return HF_FAIL(err, HF_EPROTO, "trailers too long");
	h->head[h->nhead++] = ch;
	if ((h->nhead == 2 && memcmp(h->head, "\r\n", 2) == 0) ||
	    (h->nhead >= 4 &&
		memcmp(h->head + h->nhead - 4, "\r\n\r\n", 4) == 0))
		h->state = HF_HI_DONE;
	return HF_OK;
}

static int
one_byte(struct hf_httpin *h, char ch, struct hf_err *err)
{
	switch (h->state) {
	case HF_HI_HEAD:
		return head_byte(h, ch, err);
	case HF_HI_CHUNK_SIZE:
		return chunk_byte(h, ch, err);
	case HF_HI_CHUNK_CRLF:
		return crlf_byte(h, ch, err);
	case HF_HI_TRAILER:
		return trailer_byte(h, ch, err);
	default:
		return HF_FAIL(err, HF_EPROTO, "bytes behind the answer");
	}
}

/* As much body as is there: bytes taken, 0 if the state is no body. */
static size_t
body_bytes(const struct hf_httpin *h, size_t n)
{
	if (h->state == HF_HI_TO_END)
		return n;
	if (h->state != HF_HI_LENGTH && h->state != HF_HI_CHUNK_DATA)
		return 0;
	return h->left < n ? (size_t)h->left : n;
}

int
hf_httpin_feed(
    struct hf_httpin *h, const void *bytes, size_t n, struct hf_err *err)
{
	const char *p = bytes;
	size_t k;
	int rc;

	while (n > 0) {
		k = body_bytes(h, n);
		if (k == 0) {
			rc = one_byte(h, *p, err);
			k = 1;
		} else {
			rc = h->sink(h->arg, p, k);
			h->total += k;
			if (h->state != HF_HI_TO_END && (h->left -= k) == 0)
				h->state = h->state == HF_HI_LENGTH
					       ? HF_HI_DONE
					       : HF_HI_CHUNK_CRLF;
		}
		if (rc != HF_OK)
			return rc;
		p += k;
		n -= k;
	}
	return HF_OK;
}

int
hf_httpin_end(struct hf_httpin *h, struct hf_err *err)
{
	if (h->state == HF_HI_TO_END)
		h->state = HF_HI_DONE;
	if (h->state == HF_HI_DONE)
		return HF_OK;
	return HF_FAIL(err, HF_ECLOSED, "the answer was cut off%s; ask again",
	    h->status == 0 ? " before it began" : "");
}
