/* SPDX-License-Identifier: Apache-2.0
 *
 * syslog.h - RFC 5424 messages of events and audit records, and the options of
 * `exports: {to: syslog}`.
 *
 * Pure: no sockets, no clock. Core makes the messages, a zone's edge sends them
 * (proc/core_export.c, proc/edge_syslog.c).
 */
#ifndef HF_BUS_SYSLOG_H
#define HF_BUS_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"

enum hf_syslog_what { HF_SYSLOG_EVENTS, HF_SYSLOG_AUDIT, HF_SYSLOG_BOTH };

struct hf_syslog_conf {
	char *host; /* IP address */
	int64_t port;
	int64_t what;	  /* enum hf_syslog_what */
	int64_t facility; /* index in the words = code 0..23 */
	char *app_name;	  /* "holdfast" */
	char *hostname;	  /* NULL: "<site>.<enterprise>" */
	double rate_hz;	  /* messages per second, at most */
};

extern const struct hf_kind hf_syslog_kind;

#define HF_SYSLOG_MSG 8192 /* bytes of one message, at most */
#define HF_SYSLOG_NAME 129 /* fields of the header, NUL included */

struct hf_syslog_head { /* what all messages of an export share */
	uint8_t facility;
	char hostname[HF_SYSLOG_NAME], app_name[49];
};
/* conf's names, cleaned as RFC 5424 wants them (printable ASCII, no blanks). */
void hf_syslog_head(struct hf_syslog_head *h, const struct hf_syslog_conf *conf,
    const char *enterprise, const char *site);

/*
 * Appends one message, without framing. json: an event's whole evidence; a
 * record as the audit log stores it (one object with seq, hash). wall_ns: when
 * it was raised. HF_EINVAL if json is not what it should be, HF_ELIMIT, and
 * then nothing is appended. A field that is too long is cut at a character, the
 * text last.
 */
int hf_syslog_event(const struct hf_syslog_head *h, const char *json, size_t n,
    int64_t wall_ns, struct hf_buf *out, struct hf_err *err);
int hf_syslog_record(const struct hf_syslog_head *h, const char *json, size_t n,
    struct hf_buf *out, struct hf_err *err);

/* Would a collector take these bytes for exactly one message of ours? PRI,
 * version, no control characters, UTF-8 with the byte order mark only where it
 * may be. Edge asks before it sends. */
bool hf_syslog_is_message(const char *p, size_t n);

#endif
