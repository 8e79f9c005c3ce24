/* SPDX-License-Identifier: Apache-2.0
 *
 * logscan.h - frames in and out of bytes: encoding, and reading a segment that
 * may be damaged. Formats at the top of log.c. Reads only; log.c decides what
 * is cut.
 */
#ifndef HF_STORE_LOGSCAN_H
#define HF_STORE_LOGSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define HF_SEG_HEADER 32
#define HF_FRAME_HEADER 28
#define HF_FRAME_PAYLOAD (256u << 10) /* bytes of one payload, at most */

void hf_log_put_header(struct hf_buf *out, uint64_t no, uint32_t salt);
void hf_log_put_frame(
    struct hf_buf *out, uint32_t salt, uint64_t seq, const void *p, size_t n);

struct hf_scan_ops {
	/* Each frame that agrees; non-zero stops the scan and is returned. */
	int (*frame)(void *arg, uint64_t seq, void *p, size_t n);
	/* Bad bytes [from, to) that a good frame follows; may be NULL. */
	void (*bad)(void *arg, int64_t from, int64_t to);
	void *arg;
};

struct hf_scan_end {
	bool has_header; /* the segment's header agrees */
	uint32_t salt;
	int64_t end;	   /* behind the last good frame */
	int64_t dirty_end; /* behind the last byte that is not zero */
	int64_t size;	   /* of the file, or the limit given */
};

/* Reads frames with numbers above `after` from at most `limit` bytes of fd. */
int hf_log_scan(int fd, int64_t limit, uint64_t after,
    const struct hf_scan_ops *ops, struct hf_scan_end *end, struct hf_err *err);

#endif
