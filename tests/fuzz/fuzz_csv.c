/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_csv.c - any bytes as a CSV file: rows hold together, places lie inside
 * the file, the reader always comes to an end, and what is written reads back.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_field(const struct hf_csv_field *f)
{
	const struct hf_csv_row *row;
	struct hf_csv *c;
	struct hf_buf b;

	assert(strlen(f->s) == f->len && hf_utf8_ok(f->s, f->len));
	assert(f->line >= 1 && f->col >= 1);
	if (f->len == 0 || f->len > 1000)
		return;
	hf_buf_init(&b, 3000);
	hf_csv_put_text(&b, f->s, ';');
	hf_buf_puts(&b, ";\n");
	c = hf_csv_new((const char *)b.p, b.len, ';');
	assert(c != NULL && hf_csv_next(c, &row, NULL) == HF_OK);
	assert(row->n == 2 && strstr(row->f[0].s, f->s) != NULL);
	hf_csv_free(c);
	hf_buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_csv *c = hf_csv_new((const char *)p, n, 0);
	const struct hf_csv_row *row;
	size_t i, ncall = 0;
	int rc;

	assert(c != NULL);
	while ((rc = hf_csv_next(c, &row, NULL)) != HF_ENODATA) {
		assert(ncall++ <= n); /* each call eats at least one byte */
		if (rc != HF_OK)
			continue;
		assert(row->n >= 1 && row->n <= HF_CSV_NFIELD);
		for (i = 0; i < row->n; i++)
			check_field(&row->f[i]);
	}
	hf_csv_free(c);
	return 0;
}
