/* SPDX-License-Identifier: Apache-2.0
 *
 * api.h - the routes of /api/v1: an HTTP request line and body in, a query out.
 *
 * Pure: no sockets, no clock, no events. http.c calls it for every request; the
 * fuzz harness calls it with anything. The table of routes in api.c is the
 * whole API.
 */
#ifndef HF_WEB_API_H
#define HF_WEB_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/query.h"
#include "os/msg.h"

#define HF_API_URL 4096	      /* bytes of path and query, as sent */
#define HF_API_BODY 65536     /* bytes of a body */
#define HF_API_DEPTH 32	      /* levels of the namespace */
#define HF_API_PAGE 50000     /* entries of the namespace in one answer */
#define HF_API_LIMIT 10000    /* rows of journal, events, audit in one answer */
#define HF_API_NBUCKET 100000 /* buckets in one answer */

enum hf_api_method { HF_API_GET, HF_API_POST };

enum hf_api_form {     /* what becomes of a good answer */
	HF_API_JSON,   /* core's, audit's or parent's JSON, unchanged */
	HF_API_POINTS, /* binary points, rendered by render.c */
	HF_API_METRICS /* core's OpenMetrics text, unchanged */
};

struct hf_api_call {	   /* one checked request */
	struct hf_query q; /* q.uid is 0 here; http.c puts the caller's in.
			      AUDIT: from_ns is a sequence number.
			      EVENTS: path = rule, text = id.
			      ALARMS: text = state filter */
	enum hf_role to;   /* who answers: core, audit or parent */
	enum hf_api_form form;
	bool is_csv;	     /* points as CSV */
	bool needs_operator; /* acts: only root and hf-operators */
	bool is_data;	     /* reads plant data: goes into data.access */
	const char *name;    /* "history", "alarms": for records; static */
};

/*
 * Parses a request. uri: as sent, path and query, no fragment. body may be NULL
 * if nbody is 0. HF_EINVAL (malformed, unknown parameter, bad value),
 * HF_ENOTFOUND (no such route), HF_EUNSUPPORTED (route exists, other method),
 * HF_ELIMIT (too long); the text names the parameter and the next step.
 * Allocates only for a JSON body and frees it.
 */
int hf_api_parse(enum hf_api_method method, const char *uri, const void *body,
    size_t nbody, struct hf_api_call *out, struct hf_err *err);

/* HTTP status for the outcome of a query: 200 on HF_OK. kind: enum
 * hf_query_kind, 0 for a request that became none. */
int hf_api_status(int rc, int kind);
/* "EINVAL", "ENOTFOUND" ... as error bodies carry it; never NULL. */
const char *hf_api_code(int rc);
/* Appends {"error":{"code":"...","text":"..."}} and a newline. */
void hf_api_error(struct hf_buf *out, int rc, const char *text, size_t n);

/* The routes as text, for the test that compares docs/api.md: "GET
 * /api/v1/status". NULL behind the last. */
const char *hf_api_route_text(size_t i, char *buf, size_t cap);

#endif
