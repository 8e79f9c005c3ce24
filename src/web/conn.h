/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.h - the connections of the HTTP server: how many, how long, and whose.
 *
 * evhttp has no limit on connections and restarts its time-out with every byte,
 * so that a client which drips half a request holds its place for ever. This
 * module counts connections and gives each a total time: from its start, or
 * from its last answer, to the next complete request.
 */
#ifndef HF_WEB_CONN_H
#define HF_WEB_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct event_base;
struct evhttp;
struct evhttp_request;
struct evhttp_connection;
struct hf_caller;
struct hf_conns;

/* Called when a connection on which a request came goes down. */
typedef void hf_conn_close_fn(void *arg, struct evhttp_connection *conn);

/* Makes `http` accept on listen_fd (unix, listening; not
 * closed by us). */
int hf_conns_new(struct evhttp *http, struct event_base *base, int listen_fd,
    int64_t idle_ns, hf_conn_close_fn *on_close, void *arg,
    struct hf_conns **out, struct hf_err *err);
/* After evhttp_free(). NULL is fine. */
void hf_conns_free(struct hf_conns *c);
/* A complete request came: its connection is busy until the answer is out. */
void hf_conns_begin(struct hf_conns *c, struct evhttp_request *req);
/* SO_PEERCRED of the request's connection; false if the kernel does not say. */
bool hf_conns_caller(struct evhttp_request *req, struct hf_caller *out);
/* Ends connections whose time is up; accepts again if that made room. */
void hf_conns_tick(struct hf_conns *c, int64_t now_ns);

#endif
