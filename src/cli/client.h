/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - asks the API over its unix socket; what the verbs are built on.
 *
 * Blocking, one connection per call, bounded in time. The socket is
 * DIR/api.sock with DIR from --run, HOLDFAST_RUN or /run/holdfast.
 */
#ifndef HF_CLI_CLIENT_H
#define HF_CLI_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/httpin.h"

#define HF_CLIENT_ANSWER (512u << 20) /* bytes of one answer held in memory */

struct hf_client {
	const char *run;	/* --run, or NULL; borrowed */
	int64_t wait_ns;	/* silence that ends a call; 0 = 20 s */
	struct hf_buf *refusal; /* gets an error's whole text, which may have
				 * several lines; NULL: not wanted; borrowed */
};

/*
 * One call. path: "/api/v1/..." with query, escaped. body: JSON, or NULL. The
 * body of a 200 answer goes to sink as it comes; of any other answer, the text
 * becomes err's:
 *   HF_EINVAL 400, HF_EDENIED 403 or no right to the socket, HF_ENOTFOUND 404,
 *   HF_EUNSUPPORTED 405, HF_EEXIST 409, HF_ELIMIT 413, HF_ECLOSED 503 or
 *   nobody answers, HF_ETIMEDOUT 504 or silence, HF_EPROTO no HTTP, HF_EIO
 *   the rest.
 */
int hf_client_call(const struct hf_client *c, const char *method,
    const char *path, const char *body, hf_httpin_sink *sink, void *arg,
    struct hf_err *err);
/* The same, collected into out. */
int hf_client_get(const struct hf_client *c, const char *path,
    struct hf_buf *out, struct hf_err *err);
/* GET and parse. The caller owns *out (json_decref). */
int hf_client_json(const struct hf_client *c, const char *path, json_t **out,
    struct hf_err *err);
/* Exit code of a verb whose call ended with rc: enum hf_exit. */
int hf_client_exit(int rc);
/* Appends s with everything but [A-Za-z0-9-._~] percent-encoded. */
void hf_client_escape(struct hf_buf *b, const char *s);
/* Appends "?name=value" or "&name=value", escaped; nothing if value is NULL. */
void hf_client_param(struct hf_buf *b, const char *name, const char *value);

#endif
