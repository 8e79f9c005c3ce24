/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_http.c - our side of HTTP: URL, parameters and body of a request, and
 * the client's reading of an answer.
 *
 * Input: first byte 'G' or 'P' (method), URL up to the first NUL, the rest is
 * the body. The same bytes are then read as an answer, whole and byte by byte;
 * both must agree.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/httpin.h"
#include "model/query.h"
#include "web/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

const struct hf_verb hf_verbs[] = {{0}};

static int
sink(void *arg, const void *p, size_t n)
{
	hf_buf_put(arg, p, n);
	return HF_OK;
}

static void
request(const uint8_t *p, size_t n)
{
	const uint8_t *nul = memchr(p, 0, n);
	size_t nuri = nul != NULL ? (size_t)(nul - p) : n;
	size_t nbody = nul != NULL ? n - nuri - 1 : 0;
	char *uri = malloc(nuri + 1);
	struct hf_api_call c;
	struct hf_err e = {0};
	struct hf_query q;
	struct hf_buf b;

	if (uri == NULL || nuri == 0) {
		free(uri);
		return;
	}
	memcpy(uri, p, nuri);
	uri[nuri] = '\0';
	hf_buf_init(&b, 65536);
	if (hf_api_parse(p[0] == 'P' ? HF_API_POST : HF_API_GET, uri + 1,
		nbody > 0 ? nul + 1 : NULL, nbody, &c, &e) == HF_OK) {
		/* What we accept, the receiver must be able to accept. */
		if (hf_query_encode(&c.q, &b) != HF_OK ||
		    hf_query_decode(b.p, b.len, &q, NULL) != HF_OK)
			abort();
	} else if (e.rc == 0 || e.msg[0] == '\0') {
		abort(); /* refused without a reason */
	}
	hf_buf_reset(&b);
	hf_api_error(&b, e.rc, e.msg, strlen(e.msg));
	hf_buf_fini(&b);
	free(uri);
}

static void
answer(const uint8_t *p, size_t n)
{
	static struct hf_httpin whole, bytes;
	struct hf_buf a, b;
	int rc, rc2 = HF_OK;
	size_t i;

	hf_buf_init(&a, 1u << 21);
	hf_buf_init(&b, 1u << 21);
	hf_httpin_init(&whole, sink, &a);
	hf_httpin_init(&bytes, sink, &b);
	rc = hf_httpin_feed(&whole, p, n, NULL);
	for (i = 0; i < n && rc2 == HF_OK; i++)
		rc2 = hf_httpin_feed(&bytes, p + i, 1, NULL);
	if (rc != rc2 || a.len != b.len || whole.state != bytes.state ||
	    (a.len > 0 && memcmp(a.p, b.p, a.len) != 0))
		abort();
	(void)hf_httpin_end(&whole, NULL);
	hf_buf_fini(&a);
	hf_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 1u << 20)
		return 0;
	if (n > 0)
		request(p, n);
	answer(p, n);
	return 0;
}
