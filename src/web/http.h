/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - the HTTP server of role web: requests in, questions out, answers
 * back.
 *
 * On libevent's evhttp, on one listening unix socket that was bound by somebody
 * else. The server asks through the host's callbacks and is told the answers;
 * it knows no wires. One thread, nothing blocks.
 *
 * Limits: HF_WEB_NCONN connections (the newcomer displaces the one that has
 * been idle longest); HF_WEB_NCALL requests under way; a request must be
 * complete within idle_ns of its connection's start or last answer, so that
 * half requests end; headers 16 KiB, URL 4 KiB, body 64 KiB; at most
 * HF_WEB_NPOINT history points in answers that are being sent. What is over a
 * limit gets 413 or 503 and is counted.
 */
#ifndef HF_WEB_HTTP_H
#define HF_WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "model/counters.h"
#include "model/query.h"
#include "model/record.h"
#include "os/loop.h"
#include "os/msg.h"

#define HF_WEB_NCONN 64
#define HF_WEB_NCALL 128
#define HF_WEB_NPOINT 6000000
#define HF_WEB_HEADERS 16384
#define HF_WEB_ANSWER_NS (INT64_C(5) * 1000000000)
#define HF_WEB_TRY_NS (INT64_C(15) * 1000000000)
#define HF_WEB_REPLAY_NS (INT64_C(300) * 1000000000)
#define HF_WEB_IDLE_NS (INT64_C(30) * 1000000000)

struct hf_caller { /* SO_PEERCRED of the connection */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	int fd; /* for SO_PEERGROUPS; borrowed */
};

struct hf_web_host {
	struct hf_loop *loop;
	int listen_fd; /* unix socket, listening; stays the host's */
	struct hf_counters *counters;
	/* Sends the question. HF_EAGAIN or HF_ECLOSED if it cannot go out. */
	int (*ask)(void *arg, enum hf_role to, uint64_t req,
	    const struct hf_query *q, struct hf_err *err);
	/* May this caller act and reload? */
	bool (*may_act)(void *arg, const struct hf_caller *c);
	/* One audit record: data.access, request.denied. */
	void (*record)(void *arg, const struct hf_record *r);
	/* Unit of a tag; NULL if there is no such tag. May be NULL. */
	const char *(*unit_of)(void *arg, const char *tag);
	void *arg;
	uint64_t first_req;		    /* request ids are above it */
	int64_t answer_ns, try_ns, idle_ns; /* 0 = the defaults above */
};

struct hf_web;

/* Copies *h. HF_EIO, HF_ENOMEM. */
int hf_web_new(
    const struct hf_web_host *h, struct hf_web **out, struct hf_err *err);
/* Flushes data.access, closes every connection. NULL is fine. */
void hf_web_free(struct hf_web *w);
/*
 * The answer of `from` to request req: rc and n bytes (JSON, points or error
 * text), borrowed. An answer that nobody waits for any more is ignored.
 * HF_EPROTO if `from` was not the one asked, or the bytes are no UTF-8 or no
 * points.
 */
int hf_web_answer(struct hf_web *w, enum hf_role from, uint64_t req, int rc,
    const void *p, size_t n, struct hf_err *err);
/* Requests that wait for an answer. */
size_t hf_web_nwaiting(const struct hf_web *w);

#endif
