/* SPDX-License-Identifier: Apache-2.0
 *
 * access.h - who read which data: noted per request, recorded once a minute.
 *
 * A live view asks every second; one record per request would bury the log. So
 * reads are summed per uid: each distinct (route, tag or pattern) with its
 * count and the span of time it covered. A minute's sum becomes one record
 * "data.access" per uid. What does not fit (HF_ACCESS_NITEM distinct reads of
 * one uid) is counted, never dropped silently; when the uids do not fit, the
 * whole table is recorded early.
 */
#ifndef HF_WEB_ACCESS_H
#define HF_WEB_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "model/query.h"
#include "model/record.h"

#define HF_ACCESS_NUID 16
#define HF_ACCESS_NITEM 12
#define HF_ACCESS_NS (INT64_C(60) * 1000000000)

struct hf_access_item {
	const char *what;	/* "history"; static */
	char path[256];		/* tag, pattern or "" */
	int64_t from_ns, to_ns; /* widest span asked for; HF_TIME_NONE = open */
	uint64_t n;
};

struct hf_access_uid {
	uint32_t uid;
	uint64_t n, nother; /* reads; those not in item[] */
	size_t nitem;
	struct hf_access_item item[HF_ACCESS_NITEM];
};

typedef void hf_access_fn(void *arg, const struct hf_record *r);

struct hf_access {
	hf_access_fn *fn;
	void *arg;
	int64_t due_ns; /* monotonic: when the sums are recorded */
	size_t nuid;
	struct hf_access_uid uid[HF_ACCESS_NUID];
};

void hf_access_init(struct hf_access *a, hf_access_fn *fn, void *arg);
/* what: static text. q: the query that was answered. */
void hf_access_note(struct hf_access *a, const char *what,
    const struct hf_query *q, int64_t mono_ns);
/* Records what is noted if the minute is over. */
void hf_access_tick(struct hf_access *a, int64_t mono_ns);
/* Records what is noted, now. */
void hf_access_flush(struct hf_access *a);

#endif
