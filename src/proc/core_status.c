/* SPDX-License-Identifier: Apache-2.0
 *
 * core_status.c - the status document: what runs, what is lost, since when.
 *
 * Its shape is docs/api.md. Health and findings are derived here and nowhere
 * else, so that `holdfast status`, the UI and a script see one truth.
 */
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "holdfast/version.h"
#include "model/quality.h"
#include "proc/core.h"
#include "proc/core_export.h"
#include "proc/core_mirror.h"

#define CERT_WARN_NS (30 * 24 * 3600 * HF_NS_PER_S)
#define WEEK_NS (7 * 24 * 3600 * HF_NS_PER_S)

const char *
core_role_zone(const struct core *c, uint8_t role, uint8_t zone)
{
	const struct hf_plant *p = c->ctx.plant;

	if (role == HF_ROLE_EDGE)
		return zone > 0 && zone <= p->nedge ? p->edges[zone - 1].name
						    : NULL;
	return zone > 0 && zone <= p->nzone ? p->zones[zone - 1].name : NULL;
}

/* A broker that a reload took away is no role of this plant any more. */
bool
core_has_role(const struct core *c, const struct hf_role_state *r)
{
	return r->role != HF_ROLE_BROKER ||
	       (r->zone > 0 && r->zone <= c->ctx.plant->nzone &&
		   hf_plant_has_broker(c->ctx.plant, r->zone - 1u));
}

const struct hf_role_state *
core_edge_state(const struct core *c, uint8_t zone)
{
	size_t i;

	for (i = 0; i < c->nrole; i++)
		if (c->roles[i].role == HF_ROLE_EDGE &&
		    c->roles[i].zone == zone)
			return &c->roles[i];
	return NULL;
}

uint32_t
core_status_now(
    const struct core *c, const struct hf_tag *t, const struct core_last *l)
{
	uint32_t edge = c->ctx.plant->devices[t->device_idx].edge_idx;
	const struct hf_role_state *r = core_edge_state(c, (uint8_t)(edge + 1));

	if (hf_is_good(l->s.status) && r != NULL && r->status != HF_RS_READY)
		return HF_UNCERTAIN_LAST_USABLE;
	return l->s.status;
}

static void
finding(struct hf_jw *w, const char *kind, const char *name, const char *text)
{
	char what[160];

	snprintf(what, sizeof(what), "%s%s%s", kind, name == NULL ? "" : ".",
	    name == NULL ? "" : name);
	hf_jw_obj(w);
	hf_jw_kstr(w, "what", what);
	hf_jw_kstr(w, "text", text);
	hf_jw_end_obj(w);
}

/* Long before devices are cut off. */
static void
cert_finding(
    const struct core *c, struct hf_jw *w, const struct hf_role_state *r)
{
	char name[96], text[400], when[HF_TIME_TEXT];
	bool is_over = r->cert_end_ns <= hf_wall_ns();

	snprintf(name, sizeof(name), "%s/%s", hf_role_name(r->role),
	    core_role_zone(c, r->role, r->zone));
	snprintf(text, sizeof(text),
	    "its certificate, or the plant's CA, %s %s: `holdfast init` renews "
	    "both, then `holdfast reload`; clients that check the broker need "
	    "the new pki/own/ca.crt if that was renewed%s",
	    is_over ? "ended" : "ends", hf_time_fmt(r->cert_end_ns, when),
	    is_over ? "; they are cut off now" : "");
	finding(w, "certificates", name, text);
}

static void
role_findings(const struct core *c, struct hf_jw *w)
{
	char text[700], layers[128];
	size_t i;

	for (i = 0; i < c->nrole; i++) {
		const struct hf_role_state *r = &c->roles[i];
		const char *name = hf_role_name(r->role);

		if (!core_has_role(c, r))
			continue;
		if (r->status != HF_RS_READY) {
			snprintf(text, sizeof(text), "%s: %s",
			    hf_role_status_words[r->status], r->text);
			finding(w, "roles", name, text);
		}
		if (r->cert_end_ns != 0 &&
		    r->cert_end_ns - hf_wall_ns() < CERT_WARN_NS)
			cert_finding(c, w, r);
		if (r->missing != 0) {
			snprintf(text, sizeof(text),
			    "runs without sandbox layers: %s",
			    hf_layer_text(r->missing, layers, sizeof(layers)));
			finding(w, "roles", name, text);
		}
	}
}

static void
one_warning(void *arg, const char *what, const char *text)
{
	finding(arg, what, NULL, text);
}

static void
plant_findings(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	size_t i;

	for (i = 0; i < p->ndevice; i++)
		if (c->devices[i].status != HF_DS_OK)
			finding(w, "devices", p->devices[i].name,
			    c->devices[i].text);
	hf_plant_warn(p, hf_wall_ns(), one_warning, w);
	core_export_findings(c, one_warning, w);
}

bool
core_is_disk_low(const struct core *c)
{
	int64_t min = c->ctx.plant->retention.min_free_bytes;

	return c->disk_free >= 0 && min > 0 && c->disk_free < min;
}

/* Audit had write errors and still owes us acknowledgements. */
static bool
is_audit_stuck(const struct core *c)
{
	return c->peer_ctr[HF_ROLE_AUDIT].v[HF_C_AU_ERRORS] > 0 &&
	       hf_role_records_waiting(&c->ctx) > 0;
}

static void
store_findings(const struct core *c, struct hf_jw *w)
{
	const char *zone, *why;
	char text[700];
	size_t i;

	if (c->is_store_failing) {
		snprintf(text, sizeof(text),
		    "cannot write: %s; nothing is "
		    "acknowledged, samples wait at the edge, alarms go on",
		    c->store_text);
		finding(w, "store", NULL, text);
	}
	if (core_is_disk_low(c)) {
		snprintf(text, sizeof(text),
		    "%lld MiB free, less than retention.min_free: free space, "
		    "or shorten retention.history",
		    (long long)(c->disk_free >> 20));
		finding(w, "disk", NULL, text);
	}
	for (i = 0; core_mirror_down(c, i, &zone, &why); i++) {
		snprintf(text, sizeof(text),
		    "not shown in the broker: %s; ingest, history and alarms "
		    "go on",
		    why);
		finding(w, "namespace", zone, text);
	}
	if (is_audit_stuck(c))
		finding(w, "audit", NULL,
		    "cannot write its log: records wait in their senders, "
		    "nothing is acknowledged to them");
	if (c->ctx.args.is_insecure)
		finding(w, "holdfast", NULL,
		    "started with --insecure: layers "
		    "of the sandbox may be missing");
}

static void
json_roles(const struct core *c, struct hf_jw *w)
{
	static const uint32_t all[] = {HF_LAYER_UID, HF_LAYER_NNP, HF_LAYER_NET,
	    HF_LAYER_ROOT, HF_LAYER_SECCOMP, HF_LAYER_RLIMIT};
	size_t i, k;

	hf_jw_key(w, "roles");
	hf_jw_arr(w);
	for (i = 0; i < c->nrole; i++) {
		const struct hf_role_state *r = &c->roles[i];

		if (!core_has_role(c, r))
			continue;
		hf_jw_obj(w);
		hf_jw_kstr(w, "role", hf_role_name(r->role));
		hf_jw_kstr(w, "zone", core_role_zone(c, r->role, r->zone));
		hf_jw_kstr(w, "status", hf_role_status_words[r->status]);
		hf_jw_ki64(w, "pid", r->pid);
		hf_jw_ktime(w, "since", r->since_ns);
		hf_jw_ku64(w, "restarts", r->restarts);
		hf_jw_key(w, "layers");
		hf_jw_arr(w);
		for (k = 0; k < HF_NLAYER; k++)
			if ((r->layers & all[k]) != 0)
				hf_jw_str(w, hf_layer_names[k]);
		hf_jw_end_arr(w);
		hf_jw_key(w, "missing");
		hf_jw_arr(w);
		for (k = 0; k < HF_NLAYER; k++)
			if ((r->missing & all[k]) != 0)
				hf_jw_str(w, hf_layer_names[k]);
		hf_jw_end_arr(w);
		hf_jw_kstr(w, "text", r->text);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
}

/* What is shown of a device whose edge does not run: nobody reads it. */
static const char edge_away[] =
    "the zone's edge does not run: nobody reads this device";

static void
json_device(const struct core *c, struct hf_jw *w, size_t i)
{
	const struct hf_device *cfg = &c->ctx.plant->devices[i];
	const struct hf_dev_state *d = &c->devices[i];

	const struct hf_role_state *edge =
	    core_edge_state(c, (uint8_t)(cfg->edge_idx + 1));
	bool is_edge_away = edge != NULL && edge->status != HF_RS_READY;

	hf_jw_obj(w);
	hf_jw_kstr(w, "device", cfg->name);
	hf_jw_kstr(w, "zone", cfg->zone);
	hf_jw_kstr(w, "status",
	    is_edge_away ? hf_dev_status_words[HF_DS_DOWN]
			 : hf_dev_status_words[d->status]);
	hf_jw_ktime(w, "since", d->since_ns);
	hf_jw_ktime(w, "last_value", d->last_value_ns);
	hf_jw_key(w, "age_s");
	if (d->last_value_ns == HF_TIME_NONE)
		hf_jw_null(w);
	else
		hf_jw_f64(
		    w, (double)(hf_wall_ns() - d->last_value_ns) / HF_NS_PER_S);
	hf_jw_ku64(w, "requests", d->requests);
	hf_jw_ku64(w, "answers", d->answers);
	hf_jw_ku64(w, "timeouts", d->timeouts);
	hf_jw_ku64(w, "exceptions", d->exceptions);
	hf_jw_ku64(w, "framing", d->framing);
	hf_jw_ku64(w, "connects", d->connects);
	hf_jw_ku64(w, "skipped", d->skipped);
	hf_jw_ku64(w, "samples", d->samples);
	hf_jw_kf64(w, "requests_per_s", d->requests_hz);
	hf_jw_ku64(w, "dropped", d->dropped);
	hf_jw_kstr(w, "example", d->example);
	hf_jw_kstr(w, "text", is_edge_away ? edge_away : d->text);
	hf_jw_end_obj(w);
}

static void
json_tags(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	uint64_t good = 0, bad = 0, uncertain = 0, total = 0, set = 0;
	uint32_t status;
	size_t i;

	for (i = 0; i < p->ntag; i++) {
		const struct core_last *l = &c->last[i];

		if (p->tags[i].is_stamp)
			continue;
		total++;
		if (!l->is_set)
			continue;
		status = core_status_now(c, &p->tags[i], l);
		set++;
		good += hf_is_good(status);
		bad += hf_is_bad(status);
		uncertain += !hf_is_good(status) && !hf_is_bad(status);
	}
	hf_jw_key(w, "tags");
	hf_jw_obj(w);
	hf_jw_ku64(w, "total", total);
	hf_jw_ku64(w, "good", good);
	hf_jw_ku64(w, "uncertain", uncertain);
	hf_jw_ku64(w, "bad", bad);
	hf_jw_ku64(w, "never", total - set);
	hf_jw_end_obj(w);
}

static void
json_latency(struct hf_jw *w, const char *key, const struct hf_latency *l)
{
	hf_jw_key(w, key);
	hf_jw_obj(w);
	hf_jw_kf64(w, "p50", (double)hf_latency_quantile(l, .5) / 1e6);
	hf_jw_kf64(w, "p99", (double)hf_latency_quantile(l, .99) / 1e6);
	hf_jw_kf64(w, "max", (double)hf_latency_quantile(l, 1) / 1e6);
	hf_jw_end_obj(w);
}

static void
json_store(const struct core *c, struct hf_jw *w)
{
	hf_jw_key(w, "store");
	hf_jw_obj(w);
	hf_jw_kstr(w, "state", c->is_store_failing ? "failing" : "ok");
	hf_jw_kstr(w, "text", c->store_text);
	hf_jw_ku64(w, "durable_seq", c->durable_seq);
	hf_jw_ki64(w, "log_bytes", c->log_bytes);
	hf_jw_ki64(w, "disk_free_bytes", c->disk_free);
	hf_jw_ktime(w, "last_fold", c->last_fold_ns);
	json_latency(w, "commit_ms", &c->release);
	json_latency(w, "decide_ms", &c->decide);
	hf_jw_ku64(w, "waiting_batches", c->pending_batches);
	hf_jw_end_obj(w);
}

static void
json_detection(const struct core *c, struct hf_jw *w)
{
	static const struct {
		const char *name;
		enum hf_alarm_state st;
	} rows[] = {{"unacknowledged", HF_AL_UNACK},
	    {"acknowledged", HF_AL_ACKED}, {"returned", HF_AL_RETURNED},
	    {"shelved", HF_AL_SHELVED},
	    {"out_of_service", HF_AL_OUT_OF_SERVICE}};
	uint64_t advisories = 0;
	size_t n[3], i;

	hf_engine_learning(c->engine, n);
	hf_jw_key(w, "detectors");
	hf_jw_obj(w);
	hf_jw_ku64(w, "learning", n[HF_LS_LEARNING]);
	hf_jw_ku64(w, "ready", n[HF_LS_READY]);
	hf_jw_ku64(w, "blind", n[HF_LS_BLIND]);
	hf_jw_ku64(w, "drifted", hf_engine_ndrifted(c->engine));
	hf_jw_end_obj(w);
	hf_jw_key(w, "alarms");
	hf_jw_obj(w);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hf_jw_ku64(w, rows[i].name,
		    hf_alarms_count(c->alarms, rows[i].st, false));
		advisories += hf_alarms_count(c->alarms, rows[i].st, true);
	}
	hf_jw_ku64(w, "advisories", advisories);
	hf_jw_end_obj(w);
}

/* False alarms that a position can bear against the alarms it got in the
 * last week of source time. */
static void
json_budgets(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	int64_t newest = hf_engine_newest_ns(c->engine);
	size_t i, k, spent;

	/* before the first sample: as of the newest alarm */
	for (k = 0; k < CORE_NSPENT; k++)
		if (c->spent[k].to_ns > newest && c->spent[k].rule[0] != '\0')
			newest = c->spent[k].to_ns;
	hf_jw_key(w, "budgets");
	hf_jw_arr(w);
	for (i = 0; i < p->nposition; i++) {
		for (k = spent = 0; k < CORE_NSPENT; k++)
			spent +=
			    c->spent[k].rule[0] != '\0' &&
			    (uint64_t)newest - (uint64_t)c->spent[k].to_ns <
				WEEK_NS &&
			    strcmp(c->spent[k].position,
				p->positions[i].name) == 0;
		hf_jw_obj(w);
		hf_jw_kstr(w, "position", p->positions[i].name);
		hf_jw_kf64(w, "per_week",
		    p->positions[i].budget_hz * (WEEK_NS / HF_NS_PER_S));
		hf_jw_ku64(w, "spent_week", spent);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
}

static void
json_counters_of(struct hf_jw *w, const char *role, const char *zone,
    const struct hf_counters *ctr)
{
	size_t i;

	for (i = 0; i < HF_NCOUNTER; i++) {
		if (ctr->v[i] == 0)
			continue;
		hf_jw_obj(w);
		hf_jw_kstr(w, "role", role);
		hf_jw_kstr(w, "zone", zone);
		hf_jw_kstr(w, "name", hf_counter_rows[i].name);
		hf_jw_ku64(w, "value", ctr->v[i]);
		hf_jw_kstr(w, "help", hf_counter_rows[i].help);
		hf_jw_end_obj(w);
	}
}

static void
json_counters(const struct core *c, struct hf_jw *w)
{
	struct hf_counters core = c->ctx.counters;
	size_t i;

	for (i = 0; i < HF_NCOUNTER; i++)
		core.v[i] += c->writer_seen.v[i] + c->reader_seen.v[i];
	hf_jw_key(w, "counters");
	hf_jw_arr(w);
	json_counters_of(w, "core", NULL, &core);
	for (i = 1; i <= c->ctx.plant->nedge; i++)
		json_counters_of(w, "edge",
		    core_role_zone(c, HF_ROLE_EDGE, (uint8_t)i),
		    &c->edge_ctr[i]);
	for (i = 1; i < HF_NROLE; i++)
		json_counters_of(
		    w, hf_role_name((enum hf_role)i), NULL, &c->peer_ctr[i]);
	hf_jw_end_arr(w);
}

/* What an operator must not miss: losses and standstills. Findings that a demo
 * always has (replayed clocks, host network) do not degrade. */
static const char *
health(const struct core *c)
{
	const char *zone, *why;
	bool is_degraded = c->ctx.args.is_insecure || core_is_disk_low(c) ||
			   is_audit_stuck(c) ||
			   core_mirror_down(c, 0, &zone, &why);
	size_t i;

	if (c->is_store_failing)
		return "failing";
	for (i = 0; i < c->nrole; i++) {
		if (!core_has_role(c, &c->roles[i]))
			continue;
		if (c->roles[i].status == HF_RS_FAILING ||
		    c->roles[i].status == HF_RS_REFUSED)
			return "failing";
		is_degraded |= c->roles[i].status != HF_RS_READY;
	}
	for (i = 0; i < c->ctx.plant->ndevice; i++)
		is_degraded |= c->devices[i].status != HF_DS_OK;
	for (i = 1; i <= c->ctx.plant->nedge; i++)
		is_degraded |= c->edge_ctr[i].v[HF_C_B_RING_DROP] > 0;
	return is_degraded ? "degraded" : "ok";
}

static void
json_head(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	char name[160], hash[HF_SHA256_HEX];

	snprintf(name, sizeof(name), "%.64s/%.64s", p->site.enterprise,
	    p->site.site);
	hf_hex(hash, p->hash, sizeof(p->hash));
	hf_jw_kstr(w, "version", HF_VERSION);
	hf_jw_ktime(w, "now", hf_wall_ns());
	hf_jw_ktime(w, "started", c->started_ns);
	hf_jw_kstr(w, "plant", name);
	hf_jw_kstr(w, "config_hash", hash);
	hf_jw_ku64(w, "generation", c->ctx.generation);
	hf_jw_kbool(w, "insecure", c->ctx.args.is_insecure);
	hf_jw_kstr(w, "health", health(c));
}

void
core_status_json(struct core *c, struct hf_buf *out)
{
	struct hf_jw w;
	size_t i;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	json_head(c, &w);
	hf_jw_key(&w, "findings");
	hf_jw_arr(&w);
	store_findings(c, &w);
	role_findings(c, &w);
	plant_findings(c, &w);
	core_contracts_findings(c, &w);
	hf_jw_end_arr(&w);
	json_roles(c, &w);
	hf_jw_key(&w, "devices");
	hf_jw_arr(&w);
	for (i = 0; i < c->ctx.plant->ndevice; i++)
		json_device(c, &w, i);
	hf_jw_end_arr(&w);
	json_tags(c, &w);
	core_mirror_json(c, &w);
	json_store(c, &w);
	json_detection(c, &w);
	json_budgets(c, &w);
	core_contracts_json(c, &w);
	hf_jw_key(&w, "audit");
	hf_jw_obj(&w);
	hf_jw_ku64(
	    &w, "records", c->peer_ctr[HF_ROLE_AUDIT].v[HF_C_AU_RECORDS]);
	hf_jw_ku64(&w, "checkpoints",
	    c->peer_ctr[HF_ROLE_AUDIT].v[HF_C_AU_CHECKPOINTS]);
	hf_jw_ku64(&w, "waiting", hf_role_records_waiting(&c->ctx));
	hf_jw_end_obj(&w);
	core_export_json(c, &w);
	json_counters(c, &w);
	hf_jw_end_obj(&w);
}
