/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_export.c - an export leaves through its zone's broker, or through a
 * declared conduit of the zone's edge, or not at all. Called by
 * hf_plant_finish.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/optval.h"
#include "model/plant_priv.h"

/* The conduit of an export: from the zone's edge, outwards; a broker by MQTT,
 * all else by a protocol that is called like the kind ("syslog-tcp"). */
static bool
carries(const struct hf_conduit *c, const struct hf_export *x, const char *host,
    int64_t port)
{
	if (c->from == NULL || c->to == NULL || c->proto == NULL ||
	    c->port != port || strncmp(c->from, "edge/", 5) != 0 ||
	    strcmp(c->from + 5, x->zone) != 0)
		return false;
	if (c->direction != HF_DIR_PUSH && c->direction != HF_DIR_BOTH)
		return false;
	if ((x->kind->flags & HF_KIND_BROKER) != 0
		? !hf_proto_is_mqtt(c->proto)
		: strncmp(c->proto, x->kind->name, strlen(x->kind->name)) != 0)
		return false;
	return strcmp(c->to, "any") == 0 || strcmp(c->to, host) == 0 ||
	       hf_cidr_has(c->to, host);
}

static void
check_export(struct hf_finish *f, const struct hf_export *x)
{
	const struct hf_opt *o = hf_finish_row(x->kind, "host");
	int64_t port = hf_finish_port(x->kind, x->conf);
	int zone = hf_finish_zone_idx(f->p, x->zone);
	const char *secure = NULL;
	char *host = NULL;
	size_t i;

	if (o != NULL)
		memcpy(&host, (const char *)x->conf + o->off, sizeof(host));
	if (host == NULL) {
		/* without a host there is only the zone's own broker */
		if (zone >= 0 && !hf_plant_has_broker(f->p, (uint32_t)zone) &&
		    (o == NULL || (o->flags & HF_OPT_REQUIRED) == 0))
			hf_finish_no_broker(f, "exports", x->name,
			    o == NULL ? NULL : "host", x->zone);
		return;
	}
	for (i = 0; i < f->p->nconduit; i++) {
		const struct hf_conduit *c = &f->p->conduits[i];

		if (!carries(c, x, host, port))
			continue;
		if (strcmp(c->proto, "mqtts") != 0)
			return;
		secure = c->name;
	}
	if (secure != NULL) {
		hf_finish_error(f, "exports", x->name, "host",
		    "conduit \"%s\" demands mqtts, but TLS to a broker outside "
		    "this node is not in this version; export to the zone's "
		    "own broker (mqtts), or declare mqtt and a compensating "
		    "measure",
		    secure);
		return;
	}
	hf_finish_error(f, "exports", x->name, "host",
	    "no conduit lets edge/%s reach %s port %" PRId64
	    "; add one under conduits: (proto: %s, direction: push)",
	    x->zone, host, port,
	    (x->kind->flags & HF_KIND_BROKER) != 0
		? "mqtt"
		: hf_arena_printf(f->p->arena, "%s-tcp", x->kind->name));
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Two edge nodes of one name at one broker would end each other's life at every
 * birth. */
static void
check_node(struct hf_finish *f, size_t at)
{
	const struct hf_export *x = &f->p->exports[at], *y;
	const char *host, *group = hf_finish_export_str(x, "group"),
			  *node = hf_finish_export_str(x, "node");
	size_t i;

	if (group == NULL || node == NULL)
		return;
	host = hf_finish_export_str(x, "host");
	for (i = 0; i < at; i++) {
		y = &f->p->exports[i];
		if (y->kind != x->kind || y->conf == NULL || y->zone == NULL ||
		    !same_text(group, hf_finish_export_str(y, "group")) ||
		    !same_text(node, hf_finish_export_str(y, "node")) ||
		    !same_text(host, hf_finish_export_str(y, "host")))
			continue;
		if (host == NULL ? strcmp(x->zone, y->zone) != 0
				 : hf_finish_port(x->kind, x->conf) !=
				       hf_finish_port(y->kind, y->conf))
			continue; /* another broker */
		hf_finish_error(f, "exports", x->name, "node",
		    "export \"%s\" is node %s of group %s at the same broker; "
		    "give each a node of its own",
		    y->name, node, group);
		return;
	}
}

/* Messages leave in plain text: known, and said. */
void
hf_warn_exports(const struct hf_plant *p, hf_plant_report *report, void *arg)
{
	char what[160];
	size_t i;

	for (i = 0; i < p->nexport; i++) {
		if (p->exports[i].kind == NULL ||
		    strcmp(p->exports[i].kind->name, "syslog") != 0)
			continue;
		snprintf(
		    what, sizeof(what), "exports.%s.to", p->exports[i].name);
		report(arg, what,
		    "syslog over plain TCP: whoever is on the way can read "
		    "and change the messages");
	}
}

void
hf_finish_exports(struct hf_finish *f)
{
	const struct hf_export *x;
	size_t i;

	for (i = 0; i < f->p->nexport; i++) {
		x = &f->p->exports[i];
		if (x->kind != NULL && x->conf != NULL && x->zone != NULL) {
			check_export(f, x);
			check_node(f, i);
		}
	}
}
