/* SPDX-License-Identifier: Apache-2.0
 *
 * core_metrics.c - what `GET /metrics` answers: OpenMetrics text, version 1.0.
 *
 * Names. A counter "<what>.<reason>" of model/counters.def becomes
 *    holdfast_<what>_total{reason="<reason>",...}  if <what> is a loss or a
 *        surprise (drop deny retry fall bad), so that one alert catches all,
 *    holdfast_<what>_<reason>_total{...}           otherwise,
 * with the labels role and, for an edge, zone; core's count is the sum of its
 * threads. Rows that go up and down (`now_rows`) are gauges without _total.
 * Zeros are written too: a series that is there from the start has a rate.
 *
 * No value of a tag and nothing of an event's evidence stands here: names of
 * roles, zones, devices, positions and exports, and counts. So a scrape is
 * counted (web.scrapes) and is no data access.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/time.h"
#include "holdfast/version.h"
#include "model/quality.h"
#include "proc/core.h"
#include "proc/core_export.h"
#include "proc/core_metrics.h"
#include "proc/core_mirror.h"

#define WEEK_S (7.0 * 86400)

/* ---- the text ---- */

/* Label values and help texts: backslash, quote and line break are escaped. */
static void
put_escaped(struct hf_buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\')
			hf_buf_puts(b, "\\\\");
		else if (*s == '"')
			hf_buf_puts(b, "\\\"");
		else if (*s == '\n')
			hf_buf_puts(b, "\\n");
		else
			hf_buf_u8(b, (uint8_t)*s);
	}
}

static void
family(struct hf_buf *b, const char *name, const char *type, const char *help)
{
	hf_buf_printf(
	    b, "# TYPE holdfast_%s %s\n# HELP holdfast_%s ", name, type, name);
	put_escaped(b, help);
	hf_buf_puts(b, "\n");
}

static void
number(struct hf_buf *b, double v)
{
	if (isnan(v))
		hf_buf_puts(b, "NaN");
	else if (isinf(v))
		hf_buf_puts(b, v > 0 ? "+Inf" : "-Inf");
	else
		hf_buf_printf(b, "%.17g", v);
}

/* One line: name, then pairs of label and value (a NULL value is left out),
 * ended by a NULL label. */
static void
labels(struct hf_buf *b, const char *name, va_list ap)
{
	const char *label, *value;
	bool is_open = false;

	hf_buf_printf(b, "holdfast_%s", name);
	while ((label = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		hf_buf_printf(b, "%s%s=\"", is_open ? "," : "{", label);
		put_escaped(b, value);
		hf_buf_puts(b, "\"");
		is_open = true;
	}
	hf_buf_puts(b, is_open ? "} " : " ");
}

static void __attribute__((sentinel))
sample(struct hf_buf *b, double v, const char *name, ...)
{
	va_list ap;

	va_start(ap, name);
	labels(b, name, ap);
	va_end(ap);
	number(b, v);
	hf_buf_puts(b, "\n");
}

/* Counts are whole numbers of up to 64 bits. */
static void __attribute__((sentinel))
count(struct hf_buf *b, uint64_t v, const char *name, ...)
{
	va_list ap;

	va_start(ap, name);
	labels(b, name, ap);
	va_end(ap);
	hf_buf_printf(b, "%llu\n", (unsigned long long)v);
}

static void
gauge1(struct hf_buf *b, const char *name, const char *help, double v)
{
	family(b, name, "gauge", help);
	sample(b, v, name, NULL);
}

/* ---- counters ---- */

/* Rows of counters.def that hold what is there now. */
static const char *const now_rows[] = {"batch.waiting"};

static const char *const losses[] = {"drop", "deny", "retry", "fall", "bad"};

static bool
is_now(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(now_rows) / sizeof(now_rows[0]); i++)
		if (strcmp(now_rows[i], name) == 0)
			return true;
	return false;
}

/* Place in losses[], or -1. */
static int
loss_of(const char *name)
{
	size_t i, n = strcspn(name, ".");

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (strlen(losses[i]) == n && strncmp(losses[i], name, n) == 0)
			return (int)i;
	return -1;
}

/* One counter of every role. */
static void
counter_of_all(struct core *c, struct hf_buf *b, size_t id, const char *name,
    const char *reason)
{
	const struct hf_counters *ctr = &c->ctx.counters;
	size_t i;

	count(b, ctr->v[id] + c->writer_seen.v[id] + c->reader_seen.v[id], name,
	    "reason", reason, "role", "core", NULL);
	for (i = 1; i <= c->ctx.plant->nedge; i++)
		count(b, c->edge_ctr[i].v[id], name, "reason", reason, "role",
		    "edge", "zone", core_role_zone(c, HF_ROLE_EDGE, (uint8_t)i),
		    NULL);
	for (i = 1; i < HF_NROLE; i++)
		if (i != HF_ROLE_CORE && i != HF_ROLE_EDGE &&
		    i != HF_ROLE_BROKER)
			count(b, c->peer_ctr[i].v[id], name, "reason", reason,
			    "role", hf_role_name((enum hf_role)i), NULL);
}

static void
loss_family(struct core *c, struct hf_buf *b, int loss)
{
	struct hf_buf help;
	char name[32];
	size_t i;

	hf_buf_init(&help, 65536);
	for (i = 0; i < HF_NCOUNTER; i++)
		if (loss_of(hf_counter_rows[i].name) == loss)
			hf_buf_printf(&help, "%s%s: %s",
			    help.len > 0 ? "; " : "",
			    strchr(hf_counter_rows[i].name, '.') + 1,
			    hf_counter_rows[i].help);
	family(b, losses[loss], "counter", hf_buf_cstr(&help));
	hf_buf_fini(&help);
	snprintf(name, sizeof(name), "%s_total", losses[loss]);
	for (i = 0; i < HF_NCOUNTER; i++)
		if (loss_of(hf_counter_rows[i].name) == loss)
			counter_of_all(c, b, i, name,
			    strchr(hf_counter_rows[i].name, '.') + 1);
}

static void
put_counters(struct core *c, struct hf_buf *b)
{
	char name[96], total[112];
	size_t i, k;

	for (i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		loss_family(c, b, (int)i);
	for (i = 0; i < HF_NCOUNTER; i++) {
		const struct hf_counter_row *row = &hf_counter_rows[i];
		bool is_gauge = is_now(row->name);

		if (loss_of(row->name) >= 0)
			continue;
		snprintf(name, sizeof(name), "%s", row->name);
		for (k = 0; name[k] != '\0'; k++)
			if (name[k] == '.')
				name[k] = '_';
		snprintf(total, sizeof(total), "%s%s", name,
		    is_gauge ? "" : "_total");
		family(b, name, is_gauge ? "gauge" : "counter", row->help);
		counter_of_all(c, b, i, total, NULL);
	}
}

/* ---- the node ---- */

static void
put_node(struct core *c, struct hf_buf *b)
{
	const struct hf_plant *p = c->ctx.plant;
	char plant[160], hash[HF_SHA256_HEX];

	snprintf(plant, sizeof(plant), "%.64s/%.64s", p->site.enterprise,
	    p->site.site);
	hf_hex(hash, p->hash, sizeof(p->hash));
	family(b, "build_info", "gauge", "version, plant and configuration");
	count(b, 1, "build_info", "version", HF_VERSION, "plant", plant,
	    "config_hash", hash, NULL);
	gauge1(b, "config_generation", "number of the configuration in force",
	    (double)c->ctx.generation);
	gauge1(b, "start_time_seconds", "when core started, seconds since 1970",
	    (double)c->started_ns / 1e9);
	gauge1(b, "insecure", "1 if started with --insecure",
	    c->ctx.args.is_insecure);
}

static void
put_roles(struct core *c, struct hf_buf *b)
{
	size_t i;

	family(b, "role_up", "gauge", "1 if the role is ready");
	for (i = 0; i < c->nrole; i++) {
		const struct hf_role_state *r = &c->roles[i];

		if (core_has_role(c, r))
			count(b, r->status == HF_RS_READY, "role_up", "role",
			    hf_role_name(r->role), "zone",
			    core_role_zone(c, r->role, r->zone), NULL);
	}
	family(b, "role_missing_layers", "gauge",
	    "layers of the sandbox that the role runs without");
	for (i = 0; i < c->nrole; i++) {
		const struct hf_role_state *r = &c->roles[i];

		if (core_has_role(c, r))
			count(b, (uint64_t)__builtin_popcount(r->missing),
			    "role_missing_layers", "role",
			    hf_role_name(r->role), "zone",
			    core_role_zone(c, r->role, r->zone), NULL);
	}
}

static bool
is_device_up(const struct core *c, size_t i)
{
	const struct hf_role_state *edge = core_edge_state(
	    c, (uint8_t)(c->ctx.plant->devices[i].edge_idx + 1));

	return c->devices[i].status == HF_DS_OK &&
	       (edge == NULL || edge->status == HF_RS_READY);
}

static void
put_devices(struct core *c, struct hf_buf *b)
{
	static const struct {
		const char *name, *help;
		size_t off;
	} rows[] = {
	    {"device_requests", "requests sent",
		offsetof(struct hf_dev_state, requests)},
	    {"device_answers", "answers accepted",
		offsetof(struct hf_dev_state, answers)},
	    {"device_timeouts", "requests without an answer in time",
		offsetof(struct hf_dev_state, timeouts)},
	    {"device_exceptions", "answers that say no",
		offsetof(struct hf_dev_state, exceptions)},
	    {"device_samples", "samples taken",
		offsetof(struct hf_dev_state, samples)},
	};
	const struct hf_plant *p = c->ctx.plant;
	int64_t now = hf_wall_ns();
	uint64_t v;
	char name[64];
	size_t i, k;

	family(
	    b, "device_up", "gauge", "1 if the device is read without fault");
	for (i = 0; i < p->ndevice; i++)
		count(b, is_device_up(c, i), "device_up", "device",
		    p->devices[i].name, "zone", p->devices[i].zone, NULL);
	family(b, "device_last_value_age_seconds", "gauge",
	    "time since the last good sample; no line before the first");
	for (i = 0; i < p->ndevice; i++)
		if (c->devices[i].last_value_ns != HF_TIME_NONE)
			sample(b,
			    (double)(now - c->devices[i].last_value_ns) / 1e9,
			    "device_last_value_age_seconds", "device",
			    p->devices[i].name, "zone", p->devices[i].zone,
			    NULL);
	for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		family(b, rows[k].name, "counter", rows[k].help);
		snprintf(name, sizeof(name), "%s_total", rows[k].name);
		for (i = 0; i < p->ndevice; i++) {
			memcpy(&v, (const char *)&c->devices[i] + rows[k].off,
			    sizeof(v));
			count(b, v, name, "device", p->devices[i].name, "zone",
			    p->devices[i].zone, NULL);
		}
	}
}

static void
put_tags(struct core *c, struct hf_buf *b)
{
	static const char *const words[] = {
	    "good", "uncertain", "bad", "never"};
	const struct hf_plant *p = c->ctx.plant;
	uint64_t n[4] = {0};
	uint32_t status;
	size_t i;

	for (i = 0; i < p->ntag; i++) {
		if (p->tags[i].is_stamp)
			continue;
		if (!c->last[i].is_set) {
			n[3]++;
			continue;
		}
		status = core_status_now(c, &p->tags[i], &c->last[i]);
		n[hf_is_good(status) ? 0 : hf_is_bad(status) ? 2 : 1]++;
	}
	family(b, "tags", "gauge", "tags by the quality of their last value");
	for (i = 0; i < 4; i++)
		count(b, n[i], "tags", "quality", words[i], NULL);
}

static void
latency(struct hf_buf *b, const char *name, const char *help,
    const struct hf_latency *l)
{
	static const struct {
		const char *word;
		double q;
	} rows[] = {{"0.5", .5}, {"0.99", .99}, {"1", 1}};
	size_t i;

	family(b, name, "summary", help);
	for (i = 0; i < 3; i++)
		sample(b, (double)hf_latency_quantile(l, rows[i].q) / 1e9, name,
		    "quantile", rows[i].word, NULL);
}

static void
put_store(struct core *c, struct hf_buf *b)
{
	gauge1(b, "store_up", "1 if the store can write", !c->is_store_failing);
	gauge1(b, "store_log_size_bytes", "size of the durable log",
	    (double)c->log_bytes);
	gauge1(b, "disk_free_bytes",
	    "free on the disk of the store; -1 before it is known",
	    (double)c->disk_free);
	gauge1(b, "store_waiting_batches",
	    "batches that core holds and that are not yet durable",
	    (double)c->pending_batches);
	gauge1(
	    b, "store_waiting_bytes", "their bytes", (double)c->pending_bytes);
	gauge1(b, "events_waiting", "events that wait for their frame",
	    c->events != NULL);
	gauge1(b, "records_waiting",
	    "audit records of core that audit has not acknowledged",
	    (double)hf_role_records_waiting(&c->ctx));
	latency(b, "decide_latency_seconds",
	    "from decode at the edge to decision, of late", &c->decide);
	latency(b, "durable_latency_seconds",
	    "from decode at the edge to durable and released, of late",
	    &c->release);
}

static void
put_alarms(struct core *c, struct hf_buf *b)
{
	uint64_t n[HF_AL_NSTATE][HF_AL_NPRIORITY];
	char priority[16];
	size_t s, k;

	hf_alarms_tally(c->alarms, n);
	family(b, "alarms", "gauge",
	    "alarms that are not normal, by state and priority");
	for (s = HF_AL_NORMAL + 1; s < HF_AL_NSTATE; s++)
		for (k = 1; k < HF_AL_NPRIORITY; k++) {
			snprintf(priority, sizeof(priority), "%zu", k);
			count(b, n[s][k], "alarms", "state",
			    hf_alarm_state_words[s], "priority", priority,
			    NULL);
		}
	family(b, "advisories", "gauge",
	    "advisories, and alarms without a priority, by state");
	for (s = HF_AL_NORMAL + 1; s < HF_AL_NSTATE; s++)
		count(b, n[s][0], "advisories", "state",
		    hf_alarm_state_words[s], NULL);
}

static void
put_detectors(struct core *c, struct hf_buf *b)
{
	static const char *const words[] = {"learning", "ready", "blind"};
	const struct hf_plant *p = c->ctx.plant;
	size_t n[sizeof(words) / sizeof(words[0])], i;

	hf_engine_learning(c->engine, n);
	family(b, "detector_signals", "gauge",
	    "signals by learning state; drifted ones are ready, too");
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		count(b, n[i], "detector_signals", "state", words[i], NULL);
	count(b, hf_engine_ndrifted(c->engine), "detector_signals", "state",
	    "drifted", NULL);
	family(b, "budget_alarms_per_week", "gauge",
	    "false alarms that a position can bear in a week");
	for (i = 0; i < p->nposition; i++)
		sample(b, p->positions[i].budget_hz * WEEK_S,
		    "budget_alarms_per_week", "position", p->positions[i].name,
		    NULL);
}

/* The namespace tells its state as JSON; the numbers of it. */
static void
put_namespace(struct core *c, struct hf_buf *b)
{
	json_t *doc = NULL, *list, *o;
	struct hf_buf text;
	struct hf_jw w;
	size_t i;

	hf_buf_init(&text, 65536);
	hf_jw_init(&w, &text);
	hf_jw_obj(&w);
	core_mirror_json(c, &w);
	hf_jw_end_obj(&w);
	if (hf_buf_ok(&text))
		(void)hf_json_parse(
		    (const char *)text.p, text.len, text.len, &doc, NULL);
	hf_buf_fini(&text);
	list = json_object_get(doc, "namespace");
	family(b, "namespace_up", "gauge",
	    "1 if core is connected to the zone's broker");
	json_array_foreach(list, i, o) sample(b,
	    strcmp(json_string_value(json_object_get(o, "broker")), "up") == 0,
	    "namespace_up", "zone",
	    json_string_value(json_object_get(o, "zone")), NULL);
	family(b, "namespace_waiting", "gauge",
	    "topics whose newest value the zone's broker does not have yet");
	json_array_foreach(list, i, o)
	    sample(b, json_number_value(json_object_get(o, "waiting")),
		"namespace_waiting", "zone",
		json_string_value(json_object_get(o, "zone")), NULL);
	json_decref(doc);
}

void
core_metrics_text(struct core *c, struct hf_buf *out)
{
	put_node(c, out);
	put_roles(c, out);
	put_devices(c, out);
	put_tags(c, out);
	put_store(c, out);
	put_alarms(c, out);
	put_detectors(c, out);
	put_namespace(c, out);
	core_export_metrics(c, out);
	put_counters(c, out);
	hf_buf_puts(out, "# EOF\n");
}

void
core_metrics_family(
    struct hf_buf *b, const char *name, const char *type, const char *help)
{
	family(b, name, type, help);
}

void
core_metrics_sample(
    struct hf_buf *b, double v, const char *name, const char *const *pairs)
{
	size_t i;

	hf_buf_printf(b, "holdfast_%s{", name);
	for (i = 0; pairs[i] != NULL; i += 2) {
		hf_buf_printf(b, "%s%s=\"", i > 0 ? "," : "", pairs[i]);
		put_escaped(b, pairs[i + 1]);
		hf_buf_puts(b, "\"");
	}
	hf_buf_puts(b, "} ");
	number(b, v);
	hf_buf_puts(b, "\n");
}
