/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_syslog.c - any bytes as evidence or as a record: what comes out is one
 * message that the edge would pass, or nothing; and any bytes as a message.
 */
#include <assert.h>
#include <string.h>

#include "base/utf8.h"
#include "bus/syslog.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hf_syslog_conf conf = {.facility = 23};
	struct hf_syslog_head h;
	struct hf_buf b;
	int rc;

	if (n == 0)
		return 0;
	hf_syslog_head(&h, &conf, "e", "s");
	hf_buf_init(&b, 2 * HF_SYSLOG_MSG);
	if (p[0] % 2 == 0)
		rc = hf_syslog_event(
		    &h, (const char *)p + 1, n - 1, p[0], &b, NULL);
	else
		rc = hf_syslog_record(&h, (const char *)p + 1, n - 1, &b, NULL);
	if (rc == HF_OK) {
		assert(b.len <= HF_SYSLOG_MSG);
		assert(hf_syslog_is_message((const char *)b.p, b.len));
	} else {
		assert(b.len == 0);
	}
	hf_buf_fini(&b);
	if (hf_syslog_is_message((const char *)p, n))
		assert(p[0] == '<' && hf_utf8_line_ok(p, n));
	return 0;
}
