/* SPDX-License-Identifier: Apache-2.0
 *
 * core_export_in.h - what core_export*.c share. Private to them.
 *
 *   core_export.c       the list of exports, what is read and sent when
 *   core_export_read.c  rows into messages, in the reader's thread
 *   core_export_show.c  status, findings, metrics
 */
#ifndef HF_PROC_CORE_EXPORT_IN_H
#define HF_PROC_CORE_EXPORT_IN_H

#include "bus/syslog.h"
#include "proc/core.h"
#include "proc/core_export.h"

#define EXPORT_NCHUNK 8
#define EXPORT_CHUNK_BYTES 60000
#define EXPORT_ANSWER_BYTES (16u << 20) /* of audit */

struct export_chunk {
	uint64_t number;
	struct hf_buf messages; /* u32 length and text, each */
	uint32_t n;
	struct hf_state_cursor after;
	bool was_sent; /* once at least */
};

struct export_run { /* one export */
	char name[65];
	uint32_t id; /* CRC-32C of the name */
	uint8_t edge;
	struct hf_syslog_head head;
	int64_t what;
	double rate_hz, tokens;
	int64_t tokens_ns;
	bool has_cursor, is_reading, is_audit_turn;
	struct hf_state_cursor confirmed, read;
	int64_t newest_event;
	struct export_chunk chunk[EXPORT_NCHUNK]; /* [0..n), oldest first */
	size_t n, nsent;
	uint64_t sent_number; /* 0: the next chunk starts afresh */
	uint64_t audit_req;   /* question under way, 0 = none */
	int64_t audit_ask_ns;
	uint64_t nconfirmed; /* messages, since core started */
	bool is_up;
	int64_t since_ns;
	char text[400];
};

struct core_exports {
	struct export_run *v;
	size_t n;
	uint64_t number, req;
	uint64_t audit_size; /* durable records, as audit last said */
	uint64_t size_req;
	int64_t size_ask_ns;
	uint32_t generation; /* of the list: answers to an older one are void */
};

/* A read under way: made by the loop, filled by the reader, given back. */
struct export_read {
	char name[65];
	uint32_t generation;
	bool is_cursor, is_audit;
	struct hf_syslog_head head;
	struct hf_state_cursor at; /* in: from here; out: behind the last */
	uint32_t limit, n, nbad;
	int64_t newest_event;
	struct hf_buf out;
	struct hf_buf records; /* JSON array of audit */
};

void export_read_free(void *p);

static inline bool
export_wants_events(const struct export_run *x)
{
	return x->what != HF_SYSLOG_AUDIT;
}

static inline bool
export_wants_audit(const struct export_run *x)
{
	return x->what != HF_SYSLOG_EVENTS;
}

#endif
