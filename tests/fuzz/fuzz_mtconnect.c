/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_mtconnect.c - any bytes as an agent's answer: what comes out is bounded
 * text, in whatever pieces the bytes arrive, and the same for the same bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "field/mtconnect/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct seen {
	size_t nheader, nitem, nobs, nerror, nbyte;
};

static void
on_header(void *arg, const struct hf_mtc_header *h)
{
	((struct seen *)arg)->nheader++;
}

static void
on_item(void *arg, const struct hf_mtc_item *i)
{
	struct seen *s = arg;

	assert(i->id[0] != '\0' && i->units != NULL && i->component != NULL);
	s->nitem++;
	s->nbyte += strlen(i->id) + strlen(i->name);
}

static void
on_obs(void *arg, const struct hf_mtc_obs *o)
{
	struct seen *s = arg;

	assert(o->id[0] != '\0' && o->ntext <= HF_MTC_TEXT);
	assert(strlen(o->text) == o->ntext);
	/* Cut text may end within a character. */
	assert(o->is_cut || hf_utf8_ok(o->text, o->ntext));
	s->nobs++;
	s->nbyte += o->ntext;
}

static void
on_error(void *arg, const char *code, const char *text)
{
	struct seen *s = arg;

	s->nerror++;
	s->nbyte += strlen(code) + strlen(text);
}

static int
parse(const uint8_t *p, size_t n, size_t step, struct seen *s)
{
	const struct hf_mtc_ops ops = {.arg = s,
	    .header = on_header,
	    .item = on_item,
	    .obs = on_obs,
	    .error = on_error};
	struct hf_mtc_doc *d = hf_mtc_doc_new(&ops);
	struct hf_err err = {0};
	size_t at, part;
	int rc = HF_OK;

	assert(d != NULL);
	memset(s, 0, sizeof(*s));
	for (at = 0; at < n && rc == HF_OK; at += part) {
		part = n - at < step ? n - at : step;
		rc = hf_mtc_doc_feed(d, p + at, part, false, &err);
	}
	if (rc == HF_OK)
		rc = hf_mtc_doc_feed(d, "", 0, true, &err);
	assert(rc == HF_OK || err.msg[0] != '\0');
	hf_mtc_doc_free(d);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct seen whole, pieces;
	int a, b;

	if (n > 1u << 18)
		return 0;
	a = parse(p, n, n + 1, &whole);
	b = parse(p, n, 7, &pieces);
	assert(a == b);
	if (a == HF_OK)
		assert(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	return 0;
}
