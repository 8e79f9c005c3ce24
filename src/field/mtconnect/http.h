/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - one GET at a time to one agent, on libevent's HTTP client.
 */
#ifndef HF_FIELD_MTCONNECT_HTTP_H
#define HF_FIELD_MTCONNECT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/loop.h"

#define HF_MTC_BODY (32u << 20) /* bytes of an answer */

struct hf_mtc_http_ops { /* none is called from within hf_mtc_http_get */
	void *arg;
	/* A piece of the body, in order, whatever the status. */
	void (*body)(void *arg, const void *p, size_t n);
	/* The end. status: of HTTP; 0: no answer, why says why not. */
	void (*done)(void *arg, int status, const char *why);
};

struct hf_mtc_http;

/* host: a literal address or "localhost"; borrowed, as ops' arg. HF_ENOMEM. */
int hf_mtc_http_new(struct hf_loop *loop, const char *host, uint16_t port,
    int64_t timeout_ns, const struct hf_mtc_http_ops *ops,
    struct hf_mtc_http **out, struct hf_err *err);
void hf_mtc_http_free(struct hf_mtc_http *h); /* calls no op */
bool hf_mtc_http_is_busy(const struct hf_mtc_http *h);
/* The connection is kept between requests. HF_EAGAIN while one is under way,
 * HF_ENOMEM. done() follows. */
int hf_mtc_http_get(
    struct hf_mtc_http *h, const char *path, struct hf_err *err);

#endif
