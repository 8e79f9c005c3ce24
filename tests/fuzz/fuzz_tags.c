/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_tags.c - tag sheets from anywhere, ours, Kepware's and Neuron's; the
 * rows that were taken must be written and read again without a finding.
 */
#include <stdint.h>
#include <stdlib.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
on_finding(void *arg, const struct hf_finding *f)
{
	size_t *n = arg;

	if (f->text == NULL || f->text[0] == '\0')
		abort();
	(*n)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	struct hf_plant *p = hf_plant_new(), *q = hf_plant_new();
	size_t nfound = 0, nagain = 0;
	struct hf_buf b;
	int rc;

	if (p == NULL || q == NULL)
		abort();
	rc = hf_tags_import(
	    p, "dev", "t.csv", (const char *)in, n, on_finding, &nfound, NULL);
	if (rc != HF_OK && nfound == 0)
		abort();
	hf_buf_init(&b, 256u << 20);
	if (hf_tags_write(p, NULL, ';', &b, NULL) != HF_OK)
		abort();
	if (hf_tags_read(q, NULL, "u.csv", (const char *)b.p, b.len, on_finding,
		&nagain, NULL) != HF_OK ||
	    nagain > 0 || q->ntag != p->ntag)
		abort();
	hf_buf_fini(&b);
	hf_plant_free(p);
	hf_plant_free(q);
	return 0;
}
