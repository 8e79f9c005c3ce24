/* SPDX-License-Identifier: Apache-2.0
 *
 * core_export_show.c - what the exports to syslog look like from outside: the
 * status document, its findings, the metrics. Changes nothing.
 */
#include <inttypes.h>

#include "proc/core_export_in.h"
#include "proc/core_metrics.h"

static uint64_t
events_waiting(const struct export_run *x)
{
	return export_wants_events(x) && x->newest_event > x->confirmed.event
		   ? (uint64_t)(x->newest_event - x->confirmed.event)
		   : 0;
}

static uint64_t
records_waiting(const struct core *c, const struct export_run *x)
{
	uint64_t size = c->exports->audit_size;

	return export_wants_audit(x) && size > (uint64_t)x->confirmed.audit
		   ? size - (uint64_t)x->confirmed.audit
		   : 0;
}

void
core_export_json(const struct core *c, struct hf_jw *w)
{
	size_t i;

	hf_jw_key(w, "exports");
	hf_jw_arr(w);
	for (i = 0; c->exports != NULL && i < c->exports->n; i++) {
		const struct export_run *x = &c->exports->v[i];

		hf_jw_obj(w);
		hf_jw_kstr(w, "export", x->name);
		hf_jw_kstr(w, "to", "syslog");
		hf_jw_kstr(w, "zone", core_role_zone(c, HF_ROLE_EDGE, x->edge));
		hf_jw_kstr(w, "state", x->is_up ? "up" : "down");
		hf_jw_ktime(w, "since", x->since_ns);
		hf_jw_ku64(w, "confirmed", x->nconfirmed);
		hf_jw_ku64(w, "events_waiting", events_waiting(x));
		hf_jw_ku64(w, "records_waiting", records_waiting(c, x));
		hf_jw_kstr(w, "text", x->text);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
}

void
core_export_findings(const struct core *c,
    void (*fn)(void *arg, const char *what, const char *text), void *arg)
{
	char what[80], text[600];
	size_t i;

	for (i = 0; c->exports != NULL && i < c->exports->n; i++) {
		const struct export_run *x = &c->exports->v[i];

		if (x->is_up)
			continue;
		snprintf(what, sizeof(what), "exports.%s", x->name);
		snprintf(text, sizeof(text),
		    "%s; %" PRIu64 " events and %" PRIu64
		    " records wait, nothing is lost",
		    x->text, events_waiting(x), records_waiting(c, x));
		fn(arg, what, text);
	}
}

static void
metric(const struct core *c, struct hf_buf *b, const char *name,
    const char *help,
    double (*of)(const struct core *c, const struct export_run *x))
{
	size_t i;

	core_metrics_family(b, name, "gauge", help);
	for (i = 0; c->exports != NULL && i < c->exports->n; i++) {
		const struct export_run *x = &c->exports->v[i];
		const char *const pairs[] = {"export", x->name, NULL};

		core_metrics_sample(b, of(c, x), name, pairs);
	}
}

static double
up_of(const struct core *c, const struct export_run *x)
{
	return x->is_up;
}

static double
events_of(const struct core *c, const struct export_run *x)
{
	return (double)events_waiting(x);
}

static double
records_of(const struct core *c, const struct export_run *x)
{
	return (double)records_waiting(c, x);
}

void
core_export_metrics(const struct core *c, struct hf_buf *b)
{
	metric(c, b, "export_up", "1 if the peer of the export is connected",
	    up_of);
	metric(c, b, "export_events_waiting",
	    "events that the peer has not confirmed", events_of);
	metric(c, b, "export_records_waiting",
	    "audit records that the peer has not confirmed", records_of);
}
