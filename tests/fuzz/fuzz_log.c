/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_log.c - the bytes of a segment into recovery: must open, replay, append.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/logscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
frame(void *arg, uint64_t seq, void *p, size_t n)
{
	uint64_t *last = arg;
	volatile uint8_t sum = 0;
	size_t i;

	if (seq <= *last)
		abort(); /* numbers rise, whatever the bytes say */
	*last = seq;
	for (i = 0; i < n; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)p)[i]);
	return 0;
}

static void
bad(void *arg, int64_t from, int64_t to)
{
	if (from < 0 || to <= from)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint64_t last = 0;
	struct hf_scan_ops ops = {.frame = frame, .bad = bad, .arg = &last};
	struct hf_scan_end e;
	int fd = memfd_create("segment", MFD_CLOEXEC);

	if (fd < 0 || (n > 0 && write(fd, p, n) != (ssize_t)n))
		abort();
	if (hf_log_scan(fd, INT64_MAX, 0, &ops, &e, NULL) != 0 ||
	    e.end > e.size || e.dirty_end > e.size)
		abort();
	close(fd);
	return 0;
}
