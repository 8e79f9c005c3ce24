/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_zones.c - what zones and conduits may say at all, and what a conduit
 * means on the wire.
 *
 * The rules, each of which is refused here with its remedy:
 *   - no party is the world (0.0.0.0/0, ::/0, or anything wider than the widest
 *     private network); `any` means the networks of the conduit's own zone;
 *   - no names: a zone has no resolver;
 *   - a public address that no zone has among its networks crosses the plant's
 *     boundary and says so (boundary: true); with air_gap nothing may;
 *   - exactly one party is a role of this program, unless it is a mirror
 *     (plant_broker.c); whoever opens the connection stands in from:;
 *   - IPv6 only where the zone has it;
 *   - two conduits of one flow agree on protocol and authentication;
 *   - an interface is the name of one; parents of zones form no ring.
 * Owner, purpose and review are required by the rows (plant_sections.c), mTLS
 * from sl_target 3 on by plant_check.c.
 *
 * hf_conduit_flow() is the one reading of a conduit: the firewall and the
 * documents (src/comply) and the reach of devices (plant_check.c) ask it.
 * Called by hf_plant_finish and by those; nothing here reads a clock.
 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "model/optval.h"
#include "model/plant_priv.h"

#define NIC_NAME 15 /* bytes, IFNAMSIZ without its end */

/* ---- what a conduit means ---- */

bool
hf_proto_is_udp(const char *proto)
{
	static const char *const udp[] = {
	    "ntp", "ptp", "snmp", "syslog", "dhcp", "tftp", "bacnet-ip"};
	size_t i, n;

	if (proto == NULL)
		return false;
	n = strlen(proto);
	if (n > 4 && strcmp(proto + n - 4, "-udp") == 0)
		return true;
	for (i = 0; i < sizeof(udp) / sizeof(udp[0]); i++)
		if (strcmp(proto, udp[i]) == 0)
			return true;
	return false;
}

/* A role of this program that stands on the wire: not zone/, which only shows
 * a namespace. */
static bool
is_role(const char *party)
{
	return hf_party_zone(party) != NULL && strncmp(party, "zone/", 5) != 0;
}

int
hf_conduit_zone(const struct hf_plant *p, const struct hf_conduit *c)
{
	const char *parties[] = {c->from, c->to}, *zone;
	int i, idx;

	for (i = 0; i < 2; i++) {
		zone = parties[i] == NULL ? NULL : hf_party_zone(parties[i]);
		idx = hf_finish_zone_idx(p, zone);
		if (idx >= 0)
			return idx;
	}
	return -1;
}

/* A zone whose namespace ends on this host. */
static bool
is_local(const struct hf_zone *z)
{
	return z->interface == NULL || strcmp(z->interface, "host-veth") == 0 ||
	       strcmp(z->interface, "lo") == 0;
}

/* The zone that holds the network: its own first, so that two zones may use the
 * same addresses. */
static int
zone_of_net(const struct hf_plant *p, uint32_t own, const char *net)
{
	const struct hf_strlist *l;
	size_t i, j;

	for (i = 0; i <= p->nzone; i++) {
		size_t z = i == 0 ? own : i - 1;

		l = &p->zones[z].networks;
		for (j = 0; j < l->n; j++)
			if (hf_cidr_in(l->v[j], net))
				return (int)z;
	}
	return -1;
}

static void
flow_nets(const struct hf_zone *z, struct hf_flow *out)
{
	static const char *const local[] = {"127.0.0.0/8"};
	size_t i;

	out->one = out->far;
	out->nets = &out->one;
	out->nnet = 1;
	if (strcmp(out->far, "any") == 0 && z->networks.n > 0) {
		out->nets = (const char *const *)z->networks.v;
		out->nnet = z->networks.n;
	} else if (strcmp(out->far, "any") == 0) {
		out->nets = local;
		out->nnet = is_local(z) ? 1 : 0;
	} else if (hf_cidr_reach(out->far) == HF_REACH_NONE) {
		out->nnet = 0;
	}
	out->is_loopback = out->nnet > 0;
	for (i = 0; i < out->nnet; i++)
		out->is_loopback &=
		    hf_cidr_reach(out->nets[i]) == HF_REACH_LOOPBACK;
}

void
hf_conduit_flow(
    const struct hf_plant *p, const struct hf_conduit *c, struct hf_flow *out)
{
	uint32_t from = 0, to = 0;
	int zone;

	*out = (struct hf_flow){.far_zone = -1};
	if (c->from == NULL || c->to == NULL)
		return;
	out->is_udp = hf_proto_is_udp(c->proto);
	if (hf_conduit_mirror(p, c, &from, &to)) {
		out->kind = HF_FLOW_INSIDE;
		out->zone_idx = to;
		out->far_zone = (int)from;
		out->near = c->to;
		out->far = c->from;
		return;
	}
	zone = hf_conduit_zone(p, c);
	if (zone < 0 || is_role(c->from) == is_role(c->to))
		return;
	out->kind = is_role(c->from) ? HF_FLOW_OPEN : HF_FLOW_ACCEPT;
	out->zone_idx = (uint32_t)zone;
	out->near = is_role(c->from) ? c->from : c->to;
	out->far = is_role(c->from) ? c->to : c->from;
	flow_nets(&p->zones[zone], out);
	if (out->nnet > 0)
		out->far_zone = zone_of_net(p, out->zone_idx, out->nets[0]);
}

int64_t
hf_flow_sl_step(const struct hf_plant *p, const struct hf_flow *f)
{
	int64_t step;

	if (f->kind == HF_FLOW_NONE || f->far_zone < 0)
		return 0;
	step =
	    p->zones[f->zone_idx].sl_target - p->zones[f->far_zone].sl_target;
	return step < 0 ? -step : step;
}

bool
hf_conduit_is_expired(const struct hf_conduit *c, int64_t now_ns)
{
	return c->review_ns != HF_TIME_NONE && c->review_ns != 0 &&
	       c->review_ns < now_ns;
}

bool
hf_conduit_is_denied(
    const struct hf_plant *p, const struct hf_conduit *c, int64_t now_ns)
{
	int zone = hf_conduit_zone(p, c);
	struct hf_flow f;

	if (zone < 0 || !p->zones[zone].deny_expired ||
	    !hf_conduit_is_expired(c, now_ns))
		return false;
	hf_conduit_flow(p, c, &f);
	return f.kind == HF_FLOW_ACCEPT || c->direction != HF_DIR_PULL;
}

/* ---- who uses it ---- */

static const char *
host_of(const struct hf_kind *k, const void *conf)
{
	const struct hf_opt *o = k == NULL ? NULL : hf_finish_row(k, "host");
	char *s = NULL;

	if (o != NULL && conf != NULL)
		memcpy(&s, (const char *)conf + o->off, sizeof(s));
	return s;
}

static bool
is_user(const struct hf_flow *f, const struct hf_conduit *c, const char *zone,
    const struct hf_kind *k, const void *conf)
{
	const char *host = host_of(k, conf);
	size_t i;

	if (host == NULL || zone == NULL ||
	    strcmp(zone, hf_party_zone(f->near)) != 0 ||
	    hf_finish_port(k, conf) != c->port)
		return false;
	for (i = 0; i < f->nnet; i++)
		if (hf_cidr_has(f->nets[i], host))
			return true;
	return false;
}

void
hf_conduit_uses(
    const struct hf_plant *p, const struct hf_conduit *c, struct hf_buf *out)
{
	const struct hf_export *x;
	const struct hf_device *d;
	struct hf_flow f;
	size_t i, n = 0;

	hf_conduit_flow(p, c, &f);
	if (f.kind != HF_FLOW_OPEN) {
		hf_buf_printf(out, "%s %s",
		    f.kind == HF_FLOW_INSIDE ? "shows a namespace in"
					     : "clients of",
		    f.near == NULL ? c->to : f.near);
		return;
	}
	for (i = 0; i < p->ndevice; i++) {
		d = &p->devices[i];
		if (is_user(&f, c, d->zone, d->kind, d->conf))
			hf_buf_printf(
			    out, "%sdevice %s", n++ > 0 ? ", " : "", d->name);
	}
	for (i = 0; i < p->nexport; i++) {
		x = &p->exports[i];
		if (is_user(&f, c, x->zone, x->kind, x->conf))
			hf_buf_printf(
			    out, "%sexport %s", n++ > 0 ? ", " : "", x->name);
	}
	if (n == 0)
		hf_buf_puts(out, "used by no device and no export");
}

/* ---- zones ---- */

static bool
is_nic(const char *name)
{
	return name[0] != '\0' && strlen(name) <= NIC_NAME &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strpbrk(name, " \t\r\n#/%\"'\\:*") == NULL;
}

static void
check_networks(struct hf_finish *f, const struct hf_zone *z)
{
	enum hf_reach r;
	size_t i;

	for (i = 0; i < z->networks.n; i++) {
		r = hf_cidr_reach(z->networks.v[i]);
		if (r == HF_REACH_WORLD)
			hf_finish_error(f, "zones", z->name, "networks",
			    "\"%s\" is the whole world or close to it; name "
			    "the networks of the zone",
			    z->networks.v[i]);
		else if (r == HF_REACH_PUBLIC && f->p->site.air_gap)
			hf_finish_error(f, "zones", z->name, "networks",
			    "%s is public, but plant.air_gap is true; use "
			    "private addresses, or set air_gap: false",
			    z->networks.v[i]);
	}
}

/* Parents lead to a zone without one within as many steps as there are zones.
 * */
static void
check_parent(struct hf_finish *f, const struct hf_zone *z)
{
	const char *up = z->parent;
	size_t step = 0;
	int idx;

	while (up != NULL && step++ <= f->p->nzone) {
		idx = hf_finish_zone_idx(f->p, up);
		if (idx < 0)
			return; /* the reference check says so */
		if (&f->p->zones[idx] == z) {
			hf_finish_error(f, "zones", z->name, "parent",
			    "the zone is part of itself through \"%s\"; remove "
			    "one parent of the ring",
			    z->parent);
			return;
		}
		up = f->p->zones[idx].parent;
	}
}

void
hf_finish_zones(struct hf_finish *f)
{
	const struct hf_zone *z;
	size_t i;

	for (i = 0; i < f->p->nzone; i++) {
		z = &f->p->zones[i];
		if (z->name == NULL)
			continue;
		if (z->interface != NULL && !is_nic(z->interface))
			hf_finish_error(f, "zones", z->name, "interface",
			    "\"%.64s\" is no name of a network interface; "
			    "`ip link` lists those of this machine",
			    z->interface);
		check_networks(f, z);
		check_parent(f, z);
	}
}

/* ---- parties of conduits ---- */

static void
no_party(struct hf_finish *f, const struct hf_conduit *c, const char *option,
    const char *party)
{
	char why[HF_OPT_WHY] = "";

	if (strchr(party, '/') == NULL && hf_host_ok(party)) {
		hf_finish_error(f, "conduits", c->name, option,
		    "\"%s\" is a name, and a zone has no resolver; write its "
		    "address",
		    party);
		return;
	}
	hf_cidr_ok(party, why, sizeof(why));
	hf_finish_error(f, "conduits", c->name, option,
	    "\"%s\" is no party: write edge/ZONE, web/ZONE, "
	    "broker/ZONE, an address, a network or any%s%s",
	    party, why[0] == '\0' ? "" : "; ", why);
}

static void
check_address(struct hf_finish *f, const struct hf_conduit *c,
    const char *option, const char *party)
{
	enum hf_reach r = hf_cidr_reach(party);
	int zone = hf_conduit_zone(f->p, c);

	if (r == HF_REACH_WORLD)
		hf_finish_error(f, "conduits", c->name, option,
		    "\"%s\" is the whole world or close to it; name the "
		    "network or address that is meant",
		    party);
	else if (r == HF_REACH_PUBLIC && !c->boundary &&
		 (zone < 0 || zone_of_net(f->p, (uint32_t)zone, party) < 0))
		hf_finish_error(f, "conduits", c->name, option,
		    "%s is a public address, which no zone has among its "
		    "networks; write boundary: true if the conduit crosses the "
		    "plant's boundary, or use a private address",
		    party);
	if (zone >= 0 && hf_cidr_is_v6(party) && !f->p->zones[zone].ipv6)
		hf_finish_error(f, "conduits", c->name, option,
		    "%s is IPv6, which zone \"%s\" does not have; give the "
		    "zone ipv6: true, or use an IPv4 address",
		    party, f->p->zones[zone].name);
}

static void
check_any(struct hf_finish *f, const struct hf_conduit *c, const char *option)
{
	int zone = hf_conduit_zone(f->p, c);
	const struct hf_zone *z = zone < 0 ? NULL : &f->p->zones[zone];

	if (z != NULL && z->networks.n == 0 && !is_local(z))
		hf_finish_error(f, "conduits", c->name, option,
		    "any means the networks of zone \"%s\", which names none, "
		    "and is never the world; give the zone networks:, or write "
		    "the network or address that is meant",
		    z->name);
}

static void
check_party(struct hf_finish *f, const struct hf_conduit *c, const char *option,
    const char *party)
{
	const char *zone, *near;

	if (party == NULL)
		return;
	zone = hf_party_zone(party);
	if (zone == NULL) {
		char why[HF_OPT_WHY] = "";

		if (strcmp(party, "any") == 0)
			check_any(f, c, option);
		else if (hf_cidr_reach(party) == HF_REACH_NONE ||
			 (strchr(party, '/') != NULL &&
			     !hf_cidr_ok(party, why, sizeof(why))))
			no_party(f, c, option, party);
		else
			check_address(f, c, option, party);
		return;
	}
	if (hf_finish_find(f, "zones", zone) != NULL)
		return;
	near = hf_finish_nearest(f, "zones", zone);
	hf_finish_error(f, "conduits", c->name, option,
	    "zone \"%s\" is not defined under zones:%s%s%s", zone,
	    near == NULL ? "" : ", did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?");
}

static bool
is_to_broker(const struct hf_conduit *c)
{
	return strncmp(c->to, "broker/", 7) == 0;
}

/* Who talks to whom, and who opens. What leads to a broker is plant_broker.c's
 * to judge. */
static void
check_ends(struct hf_finish *f, const struct hf_conduit *c)
{
	const char *from = c->from, *to = c->to;

	if (from == NULL || to == NULL || is_to_broker(c))
		return;
	if (strncmp(from, "zone/", 5) == 0 || strncmp(to, "zone/", 5) == 0)
		hf_finish_error(f, "conduits", c->name, "from",
		    "zone/ZONE only shows a namespace, in to: broker/ZONE; for "
		    "a connection write edge/ZONE");
	else if (is_role(from) && is_role(to))
		hf_finish_error(f, "conduits", c->name, "to",
		    "%s and %s are both this program, whose roles do not talk "
		    "over a network; name the other party by its address",
		    from, to);
	else if (!is_role(from) && !is_role(to))
		hf_finish_error(f, "conduits", c->name, "from",
		    "neither %s nor %s is this program, so it can enforce "
		    "nothing between them; one party is edge/ZONE, web/ZONE, "
		    "broker/ZONE or agent/ZONE",
		    from, to);
	else if (is_role(from) && c->direction == HF_DIR_LISTEN)
		hf_finish_error(f, "conduits", c->name, "direction",
		    "%s opens this connection, it does not listen; who listens "
		    "stands in to:, so exchange the two, or write pull, push "
		    "or both",
		    from);
	else if (is_role(to) && c->direction != HF_DIR_LISTEN &&
		 c->direction != HF_DIR_BOTH)
		hf_finish_error(f, "conduits", c->name, "direction",
		    "%s opens this connection to %s; write direction: listen, "
		    "or both",
		    from, to);
}

/* One flow, said twice: differing purposes are fine, differing answers to "how"
 * are not. Listeners of brokers: plant_broker.c. */
static void
check_twins(struct hf_finish *f, size_t at)
{
	const struct hf_conduit *c = &f->p->conduits[at], *b;
	size_t i;

	if (c->from == NULL || c->to == NULL || is_to_broker(c))
		return;
	for (i = 0; i < at; i++) {
		b = &f->p->conduits[i];
		if (b->port != c->port || b->from == NULL || b->to == NULL ||
		    strcmp(b->to, c->to) != 0 || strcmp(b->from, c->from) != 0)
			continue;
		if (b->proto != NULL && c->proto != NULL &&
		    strcmp(b->proto, c->proto) != 0)
			hf_finish_error(f, "conduits", c->name, "proto",
			    "conduit \"%s\" says %s for the same parties and "
			    "port; one of the two is wrong",
			    b->name, b->proto);
		else if (b->auth != NULL && c->auth != NULL &&
			 strcmp(b->auth, c->auth) != 0)
			hf_finish_error(f, "conduits", c->name, "auth",
			    "conduit \"%s\" says %s for the same parties and "
			    "port; one of the two is wrong",
			    b->name, b->auth);
		return; /* the first one stands for all */
	}
}

void
hf_finish_parties(struct hf_finish *f)
{
	const struct hf_conduit *c;
	size_t i;

	for (i = 0; i < f->p->nconduit; i++) {
		c = &f->p->conduits[i];
		check_party(f, c, "from", c->from);
		check_party(f, c, "to", c->to);
		check_ends(f, c);
		check_twins(f, i);
		if (c->boundary && f->p->site.air_gap)
			hf_finish_error(f, "conduits", c->name, "boundary",
			    "plant.air_gap is true, so nothing may cross the "
			    "plant's boundary; remove the conduit, or set "
			    "air_gap: false");
	}
}

/* ---- findings ---- */

void
hf_warn_zones(const struct hf_plant *p, hf_plant_report *report, void *arg)
{
	char what[192], text[400];
	const struct hf_zone *z;
	size_t i, j;

	for (i = 0; i < p->nzone; i++) {
		z = &p->zones[i];
		for (j = 0; j < z->networks.n; j++) {
			if (hf_cidr_reach(z->networks.v[j]) != HF_REACH_PUBLIC)
				continue;
			snprintf(
			    what, sizeof(what), "zones.%s.networks", z->name);
			snprintf(text, sizeof(text),
			    "%s is public; the plant declares it its own",
			    z->networks.v[j]);
			report(arg, what, text);
		}
	}
	for (i = 0; i < p->nconduit; i++) {
		if (!p->conduits[i].boundary)
			continue;
		snprintf(what, sizeof(what), "conduits.%s.boundary",
		    p->conduits[i].name);
		report(arg, what,
		    "the conduit crosses the plant's boundary; the documents "
		    "of `holdfast zones` say so");
	}
}
