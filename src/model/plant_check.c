/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_check.c - what spans sections: references, conduits, reach, rules, and
 * the findings that do not stop a plant.
 *
 * Called by hf_plant_finish, once per plant. A value that is missing was
 * reported by whoever read it; here it is passed over.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "model/optval.h"
#include "model/plant_priv.h"

static const char edge_prefix[] = "edge/";

/* ---- references, over every row of every table ---- */

struct ref_ctx {
	struct hf_finish *f;
	const char *section, *item;
};

static void
check_ref(const struct ref_ctx *c, const struct hf_opt *o, const char *name)
{
	const char *near;

	if (name == NULL || hf_finish_find(c->f, o->ref, name) != NULL)
		return;
	near = hf_finish_nearest(c->f, o->ref, name);
	if (near != NULL)
		hf_finish_error(c->f, c->section, c->item, o->name,
		    "\"%s\" is not defined under %s:, did you mean \"%s\"?",
		    name, o->ref, near);
	else
		hf_finish_error(c->f, c->section, c->item, o->name,
		    "\"%s\" is not defined; add it under %s:", name, o->ref);
}

static void
check_ref_rows(const struct ref_ctx *c, const struct hf_opt *rows, size_t nrow,
    const void *conf, int depth)
{
	const struct hf_strlist *l;
	const char *slot;
	size_t i, j;

	for (i = 0; i < nrow; i++) {
		slot = (const char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH) {
			check_ref_rows(
			    c, rows[i].sub, rows[i].nsub, slot, depth + 1);
		} else if (rows[i].ref != NULL &&
			   hf_opt_is_list(rows[i].type)) {
			l = (const struct hf_strlist *)(const void *)slot;
			for (j = 0; j < l->n; j++)
				check_ref(c, &rows[i], l->v[j]);
		} else if (rows[i].ref != NULL) {
			char *name;

			memcpy(&name, slot, sizeof(name));
			check_ref(c, &rows[i], name);
		}
	}
}

static void
check_section_refs(struct hf_finish *f, const struct hf_section *s)
{
	struct ref_ctx c = {.f = f, .section = s->plural};
	const struct hf_kind *k;
	const char *item;
	void *conf;
	char *key;
	size_t i;

	for (i = 0; i < hf_section_count(s, f->p); i++) {
		item = hf_section_item(s, f->p, i);
		c.item = NULL;
		if (s->is_map) {
			memcpy(&key, item + s->name_off, sizeof(key));
			c.item = key;
		}
		check_ref_rows(&c, s->kind.opts, s->kind.nopt, item, 0);
		if (s->choice == NULL)
			continue;
		memcpy(&k, item + s->kind_off, sizeof(k));
		memcpy(&conf, item + s->conf_off, sizeof(conf));
		if (k != NULL && conf != NULL)
			check_ref_rows(&c, k->opts, k->nopt, conf, 0);
	}
}

void
hf_finish_refs(struct hf_finish *f)
{
	size_t i;

	for (i = 0; i < hf_nsection; i++)
		check_section_refs(f, &hf_sections[i]);
}

/* ---- conduits ---- */

static const char *const party_roles[] = {
    "edge", "web", "broker", "agent", "zone"};

const char *
hf_party_zone(const char *s)
{
	const char *slash = strchr(s, '/');
	size_t i, n;

	if (slash == NULL)
		return NULL;
	n = (size_t)(slash - s);
	for (i = 0; i < sizeof(party_roles) / sizeof(party_roles[0]); i++)
		if (strlen(party_roles[i]) == n &&
		    strncmp(s, party_roles[i], n) == 0)
			return slash + 1;
	return NULL;
}

static bool
lacks_mtls(const struct hf_plant *p, const struct hf_conduit *c)
{
	int zone = hf_conduit_zone(p, c);
	const struct hf_zone *z = zone < 0 ? NULL : &p->zones[zone];

	if (hf_conduit_mirror(p, c, NULL, NULL))
		return false; /* within this node: core publishes */
	return z != NULL && z->sl_target >= 3 && c->auth != NULL &&
	       strncmp(c->auth, "mtls", 4) != 0;
}

void
hf_finish_conduits(struct hf_finish *f)
{
	const struct hf_conduit *c;
	size_t i;

	for (i = 0; i < f->p->nconduit; i++) {
		c = &f->p->conduits[i];
		if (lacks_mtls(f->p, c) && c->compensating == NULL)
			hf_finish_error(f, "conduits", c->name, "auth",
			    "auth %s in a zone of sl_target 3 or more needs a "
			    "measure "
			    "that makes up for it; name it with compensating:",
			    c->auth);
	}
}

/* ---- devices ---- */

static const struct hf_opt *
row_by_name(const struct hf_kind *k, const char *name, enum hf_opt_type t1,
    enum hf_opt_type t2)
{
	size_t i;

	for (i = 0; i < k->nopt; i++)
		if (strcmp(k->opts[i].name, name) == 0)
			return k->opts[i].type == t1 || k->opts[i].type == t2
				   ? &k->opts[i]
				   : NULL;
	return NULL;
}

bool
hf_conduit_reaches(const struct hf_plant *p, const struct hf_conduit *c,
    const char *zone, const char *host, int64_t port)
{
	struct hf_flow flow;
	size_t i;

	if (c->from == NULL || c->to == NULL || c->port != port)
		return false;
	if (c->direction != HF_DIR_PULL && c->direction != HF_DIR_BOTH)
		return false;
	if (strncmp(c->from, edge_prefix, sizeof(edge_prefix) - 1) != 0 ||
	    strcmp(c->from + sizeof(edge_prefix) - 1, zone) != 0)
		return false;
	hf_conduit_flow(p, c, &flow);
	for (i = 0; i < flow.nnet; i++)
		if (hf_cidr_has(flow.nets[i], host))
			return true;
	return false;
}

/* A device that names a host and a port is reached through a declared conduit
 * or not at all. */
static void
check_reach(struct hf_finish *f, const struct hf_device *d)
{
	const struct hf_opt *oh, *op;
	int64_t port;
	char *host;
	size_t i;

	if (d->kind == NULL || d->conf == NULL || d->zone == NULL)
		return;
	if ((d->kind->flags & HF_KIND_BROKER) != 0) {
		hf_finish_broker_device(f, d);
		return;
	}
	oh = row_by_name(d->kind, "host", HF_OPT_HOST, HF_OPT_STR);
	op = row_by_name(d->kind, "port", HF_OPT_I64, HF_OPT_I64);
	if (oh == NULL || op == NULL)
		return;
	memcpy(&host, (const char *)d->conf + oh->off, sizeof(host));
	memcpy(&port, (const char *)d->conf + op->off, sizeof(port));
	if (host == NULL)
		return;
	for (i = 0; i < f->p->nconduit; i++)
		if (hf_conduit_reaches(
			f->p, &f->p->conduits[i], d->zone, host, port))
			return;
	hf_finish_error(f, "devices", d->name, "host",
	    strchr(host, ':') == NULL
		? "no conduit lets edge/%s reach %s:%" PRId64
		  "; add one under conduits: (direction: pull)"
		: "no conduit lets edge/%s reach [%s]:%" PRId64
		  "; add one under conduits: (direction: pull)",
	    d->zone, host, port);
}

static bool
has_stamp(const struct hf_plant *p, const struct hf_device *d)
{
	uint32_t i;

	for (i = 0; i < d->ntag; i++)
		if (p->tags[d->tag_first + i].is_stamp)
			return true;
	return false;
}

void
hf_finish_devices(struct hf_finish *f)
{
	const struct hf_zone *z;
	struct hf_device *d;
	size_t i;

	for (i = 0; i < f->p->ndevice; i++) {
		d = &f->p->devices[i];
		z = d->zone == NULL ? NULL
				    : hf_finish_find(f, "zones", d->zone);
		if (z != NULL)
			d->zone_idx = (uint32_t)(z - f->p->zones);
		check_reach(f, d);
		if (d->time == HF_TIME_REGISTER && !has_stamp(f->p, d))
			hf_finish_error(f, "devices", d->name, "time",
			    "time: register takes the time from the tag "
			    "\"_stamp\", "
			    "which %s does not have; add it to its tags",
			    d->tags_file == NULL ? "the device" : d->tags_file);
	}
}

/* ---- detectors and rules ---- */

/* A limit from a budget needs a budget, and a method that learns. */
static void
check_budget(struct hf_finish *f, const struct hf_detector *d)
{
	const struct hf_position *pos;

	if (d->limit_from != HF_LIMIT_BUDGET)
		return;
	if (d->kind != NULL && (d->kind->flags & HF_KIND_LEARNS) == 0)
		hf_finish_error(f, "detectors", d->name, "limit",
		    "limit: budget needs a method that learns; %s has bounds "
		    "of its own",
		    d->method);
	pos = d->position == NULL ? NULL
				  : hf_finish_find(f, "positions", d->position);
	if (pos == NULL || !(pos->budget_hz > 0))
		hf_finish_error(f, "detectors", d->name, "limit",
		    "limit: budget needs a position with a budget; give it "
		    "position: and that position budget: 1/week, for example");
}

void
hf_finish_rules(struct hf_finish *f)
{
	const struct hf_detector *det;
	struct hf_rule *r;
	size_t i;

	for (i = 0; i < f->p->ndetector; i++)
		check_budget(f, &f->p->detectors[i]);
	for (i = 0; i < f->p->nrule; i++) {
		r = &f->p->rules[i];
		det = r->on == NULL ? NULL
				    : hf_finish_find(f, "detectors", r->on);
		if (det == NULL)
			continue; /* reported by the reference check */
		r->detector_idx = (uint32_t)(det - f->p->detectors);
		if (r->per == HF_PER_TAG && r->nvar > 1)
			hf_finish_error(f, "rules", r->name, "nvar",
			    "nvar counts tags of an asset or rule, but per is "
			    "tag; set "
			    "per: asset, or remove nvar");
	}
}

/* ---- findings ---- */

static void __attribute__((format(printf, 5, 6))) warn(hf_plant_report *report,
    void *arg, const char *item, const char *option, const char *fmt, ...)
{
	char what[512], text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(what, sizeof(what), "%s.%s", item, option);
	report(arg, what, text);
}

/* Plain MQTT that leaves this machine: a broker without a NIC of its zone, and
 * a port for loopback alone, stay on it (bus/brokerconf.c, put_bind). */
static bool
is_open_on_wire(const struct hf_plant *p, const struct hf_conduit *c)
{
	int zone = hf_conduit_broker(p, c);
	const char *nic = zone < 0 ? NULL : p->zones[zone].interface;

	return nic != NULL && strcmp(nic, "host-veth") != 0 &&
	       strcmp(nic, "lo") != 0 && strcmp(c->proto, "mqtt") == 0 &&
	       strncmp(c->from, "127.", 4) != 0;
}

/* What deny_expired makes of an expired conduit. */
static const char *
denial_words(
    const struct hf_plant *p, const struct hf_conduit *c, int64_t now_ns)
{
	if (!hf_conduit_is_denied(p, c, now_ns))
		return "";
	return hf_conduit_broker(p, c) >= 0
		   ? "; until then its broker refuses what it allowed "
		     "(deny_expired)"
		   : "; its zone denies it (deny_expired), which is not "
		     "enforced yet for such a conduit";
}

static void
warn_conduits(const struct hf_plant *p, int64_t now_ns, hf_plant_report *report,
    void *arg)
{
	const struct hf_conduit *c;
	char item[128], day[HF_TIME_TEXT];
	size_t i;

	for (i = 0; i < p->nconduit; i++) {
		c = &p->conduits[i];
		snprintf(item, sizeof(item), "conduits.%s", c->name);
		if (hf_conduit_is_expired(c, now_ns))
			warn(report, arg, item, "review",
			    "the review was due on %.10s; look at the conduit "
			    "again and "
			    "set a new date%s",
			    hf_time_fmt(c->review_ns, day),
			    denial_words(p, c, now_ns));
		if (hf_conduit_broker(p, c) >= 0 &&
		    strcmp(c->proto, "mqtt") == 0 &&
		    strncmp(c->auth, "password", 8) == 0)
			warn(report, arg, item, "proto",
			    "passwords travel in clear; use mqtts");
		if (is_open_on_wire(p, c))
			warn(report, arg, item, "proto",
			    "mqtt without TLS on %s: whoever is on the way can "
			    "read and change the messages; use mqtts with "
			    "auth: mtls",
			    p->zones[hf_conduit_broker(p, c)].interface);
		if (lacks_mtls(p, c))
			warn(report, arg, item, "compensating",
			    "auth %s in a zone of sl_target 3 or more rests "
			    "on: %s",
			    c->auth, c->compensating);
	}
}

void
hf_plant_warn(const struct hf_plant *p, int64_t now_ns, hf_plant_report *report,
    void *arg)
{
	const struct hf_device *d;
	char item[128];
	size_t i;

	for (i = 0; i < p->nzone; i++) {
		snprintf(item, sizeof(item), "zones.%s", p->zones[i].name);
		if (strcmp(p->zones[i].interface, "host-veth") == 0)
			warn(report, arg, item, "interface",
			    "host-veth joins the zone to this host; a plant "
			    "needs a "
			    "network interface of its own");
	}
	warn_conduits(p, now_ns, report, arg);
	for (i = 0; i < p->ndevice; i++) {
		d = &p->devices[i];
		snprintf(item, sizeof(item), "devices.%s", d->name);
		if (d->clock == HF_CLOCK_REPLAY)
			warn(report, arg, item, "clock",
			    "replay: recorded time is taken without a check");
		if (d->ntag == 0)
			warn(report, arg, item, "tags",
			    "the device has no tags; nothing will be read from "
			    "it");
	}
	hf_warn_zones(p, report, arg);
	hf_warn_exports(p, report, arg);
}
