/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_broker.c - what conduits say about brokers.
 *
 * A conduit whose `to` is broker/<zone> is one of two things:
 *   listener  `from` is a network, an address or any: clients connect to the
 *             zone's broker at `port`, with mqtt or mqtts;
 *   mirror    `from` is edge/<other> or zone/<other>: core shows that zone's
 *             namespace in this broker too, cut to topics_write.
 * Any other form is an error. What clients may never be allowed is refused
 * here, so that `check` says it with its place and no broker stays down for it:
 * to write cmd/ and Sparkplug's commands (commands go through an approved path;
 * the one exception is is_own_rebirth()) and uns/ (core alone writes the
 * namespace), to read what is the broker's own, and whatever a list of
 * mosquitto 2.0.11 would understand otherwise than it is meant
 * (bus/brokerconf.h). Called by hf_plant_finish, hf_conduit_topic_why() by the
 * generator, too, which refuses what did not pass here.
 */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "model/optval.h"
#include "model/plant_priv.h"

#define PLAIN_PORT 1883 /* open brokers stand there; never ours */
#define FILTER_MAX 1024 /* bytes, as HF_MQTT_TOPIC */
#define FIRST_PORT 1024 /* below it only root may listen */
#define NPORT 16	/* of one broker, as HF_BROKER_NLISTENER */
/* A list has 1 MiB in bus/brokerconf.c. A filter takes six lines at most, one
 * for each type of Sparkplug data, of so much besides its own text. */
#define LIST_MAX ((1u << 20) - 4096)
#define LIST_LINE 32
#define LIST_NLINE 6
#define NIC_NAME 15 /* bytes, IFNAMSIZ without its end */

static const char broker_prefix[] = "broker/";

int
hf_finish_zone_idx(const struct hf_plant *p, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < p->nzone; i++)
		if (p->zones[i].name != NULL &&
		    strcmp(p->zones[i].name, name) == 0)
			return (int)i;
	return -1;
}

static bool
is_to_broker(const struct hf_conduit *c)
{
	return c->to != NULL &&
	       strncmp(c->to, broker_prefix, sizeof(broker_prefix) - 1) == 0;
}

/* Names a role of this program, not somebody outside. */
static bool
is_from_role(const struct hf_conduit *c)
{
	return c->from != NULL && hf_party_zone(c->from) != NULL;
}

int
hf_conduit_broker(const struct hf_plant *p, const struct hf_conduit *c)
{
	if (!is_to_broker(c) || c->from == NULL || is_from_role(c))
		return -1;
	return hf_finish_zone_idx(p, c->to + sizeof(broker_prefix) - 1);
}

bool
hf_plant_has_broker(const struct hf_plant *p, uint32_t zone_idx)
{
	size_t i;

	for (i = 0; i < p->nconduit; i++)
		if (hf_conduit_broker(p, &p->conduits[i]) == (int)zone_idx)
			return true;
	return false;
}

bool
hf_conduit_mirror(const struct hf_plant *p, const struct hf_conduit *c,
    uint32_t *from_zone, uint32_t *to_zone)
{
	int from, to;

	if (!is_to_broker(c) || !is_from_role(c) ||
	    (strncmp(c->from, "edge/", 5) != 0 &&
		strncmp(c->from, "zone/", 5) != 0))
		return false;
	from = hf_finish_zone_idx(p, c->from + 5);
	to = hf_finish_zone_idx(p, c->to + sizeof(broker_prefix) - 1);
	if (from < 0 || to < 0 || from == to || c->direction != HF_DIR_PUSH ||
	    c->proto == NULL || strcmp(c->proto, "mqtt") != 0)
		return false;
	if (from_zone != NULL)
		*from_zone = (uint32_t)from;
	if (to_zone != NULL)
		*to_zone = (uint32_t)to;
	return true;
}

/* ---- filters ---- */

/* A filter that MQTT allows, on one line (it goes into the broker's files):
 * '+' and '#' fill a level, '#' is the last. */
static bool
is_filter(const char *s)
{
	size_t n = strlen(s), i, len;

	if (n == 0 || n > FILTER_MAX || !hf_utf8_line_ok(s, n))
		return false;
	for (i = 0; i <= n; i += len + 1) {
		len = strcspn(s + i, "/");
		if (memchr(s + i, '#', len) != NULL && (len != 1 || i + 1 != n))
			return false;
		if (memchr(s + i, '+', len) != NULL && len != 1)
			return false;
	}
	return true;
}

static bool
level_is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

const char *
hf_sparkplug_type(const char *filter, size_t *n)
{
	const char *group = strchr(filter, '/'), *type;

	if (group == NULL ||
	    !level_is(filter, (size_t)(group - filter), "spBv1.0"))
		return NULL;
	type = strchr(group + 1, '/');
	if (type == NULL) /* spBv1.0/#: any type; spBv1.0/x, /+: none */
		type = group[1] == '#' ? group : NULL;
	if (type == NULL)
		return NULL;
	*n = strcspn(type + 1, "/");
	return type + 1;
}

/* What mosquitto would replace by a name. NULL, or what is wrong with it. */
static const char *
wrong_name(const struct hf_conduit *c, const char *t)
{
	bool is_named = c->auth != NULL && strcmp(c->auth, "mtls") == 0;
	const char *u, *type;
	size_t n = 0;

	if (strstr(t, "%c") != NULL)
		return "holds %c, which is whatever the client claims; with "
		       "auth: mtls write %u, the name in its certificate";
	u = strstr(t, "%u");
	if (u == NULL)
		return NULL;
	if (!is_named)
		return "holds %u, which only auth: mtls makes a proven name";
	for (; u != NULL; u = strstr(u + 2, "%u"))
		if (u == t || u[-1] != '/' || (u[2] != '/' && u[2] != '\0'))
			return "holds %u, which must fill a level of its own, "
			       "not the first";
	type = hf_sparkplug_type(t, &n);
	if (type != NULL && level_is(type, n, "%u"))
		return "lets a name choose the type of a Sparkplug message";
	return NULL;
}

const char *
hf_finish_export_str(const struct hf_export *x, const char *name)
{
	const struct hf_opt *o = hf_finish_row(x->kind, name);
	char *s = NULL;

	if (o != NULL)
		memcpy(&s, (const char *)x->conf + o->off, sizeof(s));
	return s;
}

/* The text is spBv1.0/<group>/NCMD/<node>, and no more than that one topic. */
static bool
is_ncmd(const char *t, const char *group, const char *node)
{
	static const char head[] = "spBv1.0/", type[] = "/NCMD/";
	size_t nhead = sizeof(head) - 1, ntype = sizeof(type) - 1;
	size_t n = strlen(group);

	if (strpbrk(t, "+#") != NULL || strstr(t, "%u") != NULL)
		return false;
	return strncmp(t, head, nhead) == 0 &&
	       strncmp(t + nhead, group, n) == 0 &&
	       strncmp(t + nhead + n, type, ntype) == 0 &&
	       strcmp(t + nhead + n + ntype, node) == 0;
}

/* A host must be able to ask for births, or it never learns what our node's
 * aliases mean. That node, on this broker, obeys NCMD "Node Control/Rebirth",
 * once a second at most, and refuses and counts all else that comes there
 * (field/sparkplug/node.c), so this is no way to act on a machine. Other nodes
 * do what they like with an NCMD: theirs stay closed. */
static bool
is_own_rebirth(
    const struct hf_plant *p, const struct hf_conduit *c, const char *t)
{
	int zone = hf_conduit_broker(p, c);
	const struct hf_export *x;
	const char *group, *node;
	size_t i;

	for (i = 0; zone >= 0 && i < p->nexport; i++) {
		x = &p->exports[i];
		if (x->kind == NULL || x->conf == NULL ||
		    strcmp(x->kind->name, "sparkplug") != 0 ||
		    hf_finish_zone_idx(p, x->zone) != zone ||
		    hf_finish_export_str(x, "host") !=
			NULL) /* on another broker */
			continue;
		group = hf_finish_export_str(x, "group");
		node = hf_finish_export_str(x, "node");
		if (group != NULL && node != NULL && is_ncmd(t, group, node))
			return true;
	}
	return false;
}

static const char *
never_writable(
    const struct hf_plant *p, const struct hf_conduit *c, const char *t)
{
	size_t n = strcspn(t, "/"), ntype = 0;
	const char *type = hf_sparkplug_type(t, &ntype);

	if (t[0] == '$')
		return "is the broker's own";
	if (level_is(t, n, "#") || level_is(t, n, "+"))
		return "covers cmd/ and uns/v1/ too, which no client may "
		       "write; name the first level";
	if (level_is(t, n, "cmd"))
		return "is a command; commands need an approved path, not a "
		       "right to publish";
	if (type != NULL &&
	    (level_is(type, ntype, "NCMD") || level_is(type, ntype, "DCMD")) &&
	    !is_own_rebirth(p, c, t))
		return "is a command; commands need an approved path, not a "
		       "right to publish; the one exception is "
		       "spBv1.0/GROUP/NCMD/NODE of an export to: sparkplug on "
		       "this broker, which may be asked for its births";
	if (level_is(t, n, "uns") || strncmp(t, "umh.v1.", 7) == 0)
		return "is the namespace, which core alone writes; devices "
		       "publish below a root of their own";
	return NULL;
}

const char *
hf_conduit_topic_why(const struct hf_plant *p, const struct hf_conduit *c,
    bool is_write, const char *t)
{
	size_t n = strlen(t);
	const char *why;

	if (!is_filter(t))
		return "is no MQTT filter; levels are joined by /, + stands "
		       "for one level and # for all that follow";
	if (t[0] == ' ' || t[n - 1] == ' ')
		return "begins or ends in a blank";
	why = wrong_name(c, t);
	if (why != NULL)
		return why;
	if (is_write)
		return never_writable(p, c, t);
	return t[0] == '$' && strncmp(t, "$sparkplug/", 11) != 0
		   ? "is the broker's own and shown to nobody"
		   : NULL;
}

static void
check_filters(struct hf_finish *f, const struct hf_conduit *c, bool is_write)
{
	const struct hf_strlist *l =
	    is_write ? &c->topics_write : &c->topics_read;
	const char *why;
	size_t i;

	for (i = 0; i < l->n; i++) {
		why = hf_conduit_topic_why(f->p, c, is_write, l->v[i]);
		if (why != NULL)
			hf_finish_error(f, "conduits", c->name,
			    is_write ? "topics_write" : "topics_read",
			    "\"%.200s\" %s", l->v[i], why);
	}
}

/* ---- listeners ---- */

/* What no broker of ours can ask for yet must not look as if it did. */
static void
check_auth(struct hf_finish *f, const struct hf_conduit *c, bool is_plain)
{
	if (c->auth == NULL || strcmp(c->auth, "none") == 0)
		return;
	if (strcmp(c->auth, "mtls") != 0)
		hf_finish_error(f, "conduits", c->name, "auth",
		    "the broker cannot check auth %s yet; write proto: mqtts "
		    "with auth: mtls, or auth: none",
		    c->auth);
	else if (is_plain)
		hf_finish_error(f, "conduits", c->name, "auth",
		    "auth %s needs TLS; write proto: mqtts", c->auth);
}

static bool
is_nic(const char *name)
{
	return name[0] != '\0' && strlen(name) <= NIC_NAME &&
	       strpbrk(name, " \t\r\n#/%\"") == NULL;
}

static void
check_listener(struct hf_finish *f, const struct hf_conduit *c)
{
	bool is_plain = c->proto != NULL && strcmp(c->proto, "mqtt") == 0;
	bool is_tls = c->proto != NULL && strcmp(c->proto, "mqtts") == 0;

	if (c->proto != NULL && !is_plain && !is_tls)
		hf_finish_error(f, "conduits", c->name, "proto",
		    "proto %s does not lead to a broker; write mqtts, or mqtt "
		    "for clients without TLS",
		    c->proto);
	check_auth(f, c, is_plain);
	if (c->direction != HF_DIR_LISTEN && c->direction != HF_DIR_BOTH)
		hf_finish_error(f, "conduits", c->name, "direction",
		    "clients open the connection to a broker; write "
		    "direction: listen, or both");
	check_filters(f, c, false);
	check_filters(f, c, true);
}

static void
check_mirror(struct hf_finish *f, const struct hf_conduit *c)
{
	size_t i;

	if (hf_party_zone(c->to) != NULL &&
	    strcmp(hf_party_zone(c->from), hf_party_zone(c->to)) == 0)
		hf_finish_error(f, "conduits", c->name, "from",
		    "a zone's own namespace is in its broker without a "
		    "conduit; for clients write their network as from");
	else if (strncmp(c->from, "edge/", 5) != 0 &&
		 strncmp(c->from, "zone/", 5) != 0)
		hf_finish_error(f, "conduits", c->name, "from",
		    "%s has no namespace to show; write zone/ZONE, or the "
		    "clients' network",
		    c->from);
	else if (c->direction != HF_DIR_PUSH)
		hf_finish_error(f, "conduits", c->name, "direction",
		    "the other zone's namespace is written into this broker; "
		    "write direction: push");
	else if (c->proto != NULL && strcmp(c->proto, "mqtt") != 0)
		hf_finish_error(f, "conduits", c->name, "proto",
		    "core writes into the broker on this node; write proto: "
		    "mqtt");
	else if (hf_finish_zone_idx(f->p, hf_party_zone(c->to)) >= 0 &&
		 !hf_plant_has_broker(f->p,
		     (uint32_t)hf_finish_zone_idx(f->p, hf_party_zone(c->to))))
		hf_finish_no_broker(
		    f, "conduits", c->name, "to", hf_party_zone(c->to));
	else if (c->topics_write.n == 0)
		hf_finish_error(f, "conduits", c->name, "topics_write",
		    "nothing would be shown; name what may pass, for example "
		    "\"uns/v1/#\"");
	for (i = 0; i < c->topics_write.n; i++)
		if (!is_filter(c->topics_write.v[i]))
			hf_finish_error(f, "conduits", c->name, "topics_write",
			    "\"%.200s\" is no MQTT filter",
			    c->topics_write.v[i]);
}

/* One port is one listener: its conduits differ in topics and networks only. */
static void
check_pair(
    struct hf_finish *f, const struct hf_conduit *a, const struct hf_conduit *b)
{
	if (a->port != b->port || a->proto == NULL || b->proto == NULL ||
	    a->auth == NULL || b->auth == NULL)
		return;
	if (hf_conduit_broker(f->p, a) != hf_conduit_broker(f->p, b)) {
		hf_finish_error(f, "conduits", b->name, "port",
		    "port %" PRId64 " is that of conduit \"%s\" to another "
		    "zone's broker; give each broker ports of its own",
		    b->port, a->name);
		return;
	}
	if (strcmp(a->proto, b->proto) != 0)
		hf_finish_error(f, "conduits", b->name, "proto",
		    "conduit \"%s\" listens at port %" PRId64 " with proto %s; "
		    "one port has one protocol: use it too, or another port",
		    a->name, a->port, a->proto);
	if (strcmp(a->auth, b->auth) != 0)
		hf_finish_error(f, "conduits", b->name, "auth",
		    "conduit \"%s\" listens at port %" PRId64 " with auth %s; "
		    "one port has one way to prove who it is: use it too, or "
		    "another port",
		    a->name, a->port, a->auth);
}

static void
check_pairs(struct hf_finish *f, size_t i)
{
	const struct hf_conduit *v = f->p->conduits;
	size_t j;

	for (j = 0; j < i; j++)
		if (v[j].port == v[i].port &&
		    hf_conduit_broker(f->p, &v[j]) >= 0) {
			check_pair(f, &v[j], &v[i]);
			return; /* the first one stands for all */
		}
}

/* ---- a broker as a whole ---- */

/* Bytes that the filters take in the list of their port, at most. */
static size_t
list_bytes(const struct hf_conduit *c)
{
	size_t n = strlen(c->name) + LIST_LINE, i;

	for (i = 0; i < c->topics_read.n; i++)
		n += strlen(c->topics_read.v[i]) + LIST_LINE;
	for (i = 0; i < c->topics_write.n; i++)
		n += LIST_NLINE * (strlen(c->topics_write.v[i]) + LIST_LINE);
	return n;
}

/* One that is not only for programs on this machine. */
static bool
needs_nic(const struct hf_zone *z, const struct hf_conduit *c)
{
	return z->interface != NULL && strcmp(z->interface, "host-veth") != 0 &&
	       strncmp(c->from, "127.", 4) != 0;
}

/* Conduit `at` beside those before it at the same broker. */
static void
check_bounds(struct hf_finish *f, size_t at, int zone)
{
	const struct hf_conduit *c = &f->p->conduits[at], *b;
	const struct hf_zone *z = &f->p->zones[zone];
	size_t size = list_bytes(c), nport = 1, i, j;

	if (needs_nic(z, c) && !is_nic(z->interface))
		hf_finish_error(f, "zones", z->name, "interface",
		    "\"%.64s\" is no name of a network interface, which "
		    "conduit \"%s\" needs to listen at",
		    z->interface, c->name);
	for (i = 0; i < at; i++) {
		b = &f->p->conduits[i];
		if (hf_conduit_broker(f->p, b) != zone)
			continue;
		size += b->port == c->port ? list_bytes(b) : 0;
		for (j = 0; j < i; j++)
			if (f->p->conduits[j].port == b->port &&
			    hf_conduit_broker(f->p, &f->p->conduits[j]) == zone)
				break;
		nport += j == i && b->port != c->port;
	}
	if (size > LIST_MAX)
		hf_finish_error(f, "conduits", c->name, "topics_write",
		    "the topics of port %" PRId64 " are too many for one list; "
		    "use wildcards, or more ports",
		    c->port);
	if (nport > NPORT)
		hf_finish_error(f, "conduits", c->name, "port",
		    "a broker listens at %d ports at most; conduits may share "
		    "one",
		    NPORT);
}

void
hf_finish_brokers(struct hf_finish *f)
{
	const struct hf_conduit *c;
	int zone;
	size_t i;

	for (i = 0; i < f->p->nconduit; i++) {
		c = &f->p->conduits[i];
		if (!is_to_broker(c) || c->from == NULL)
			continue;
		if (c->port < FIRST_PORT && !is_from_role(c))
			hf_finish_error(f, "conduits", c->name, "port",
			    "a broker has no right to open ports below %d; use "
			    "8883 for mqtts",
			    FIRST_PORT);
		if (c->port == PLAIN_PORT)
			hf_finish_error(f, "conduits", c->name, "port",
			    "port %d is where open brokers stand and where "
			    "they are looked for; use 8883 for mqtts",
			    PLAIN_PORT);
		if (is_from_role(c)) {
			check_mirror(f, c);
			continue;
		}
		check_listener(f, c);
		zone = hf_conduit_broker(f->p, c);
		if (zone < 0)
			continue;
		check_pairs(f, i);
		check_bounds(f, i, zone);
	}
}

/* ---- devices that are reached through a broker ---- */

const struct hf_opt *
hf_finish_row(const struct hf_kind *k, const char *name)
{
	size_t i;

	for (i = 0; i < k->nopt; i++)
		if (strcmp(k->opts[i].name, name) == 0)
			return &k->opts[i];
	return NULL;
}

int64_t
hf_finish_port(const struct hf_kind *k, const void *conf)
{
	const struct hf_opt *o = hf_finish_row(k, "port");
	int64_t port = 0;

	if (o != NULL && o->type == HF_OPT_I64)
		memcpy(&port, (const char *)conf + o->off, sizeof(port));
	return port;
}

bool
hf_proto_is_mqtt(const char *proto)
{
	return strcmp(proto, "mqtt") == 0 || strcmp(proto, "mqtts") == 0;
}

void
hf_finish_no_broker(struct hf_finish *f, const char *section, const char *item,
    const char *option, const char *zone)
{
	hf_finish_error(f, section, item, option,
	    "zone %s has no broker; add a conduit to broker/%s (proto: mqtts, "
	    "direction: listen)%s",
	    zone, zone,
	    option == NULL ? "" : ", or give the host of another broker");
}

static void
say_no_conduit(struct hf_finish *f, const char *section, const char *item,
    const char *host, int64_t port, const char *zone, const char *how)
{
	bool is_v6 = strchr(host, ':') != NULL;

	hf_finish_error(f, section, item, "host",
	    "no conduit lets edge/%s reach %s%s%s:%" PRId64 " with %s; add one "
	    "under conduits:",
	    zone, is_v6 ? "[" : "", host, is_v6 ? "]" : "", port, how);
}

void
hf_finish_broker_device(struct hf_finish *f, const struct hf_device *d)
{
	const struct hf_conduit *c;
	int zone = hf_finish_zone_idx(f->p, d->zone);
	int64_t port = hf_finish_port(d->kind, d->conf);
	char *host;
	size_t i;

	memcpy(&host, d->conf, sizeof(host));
	if (host == NULL) {
		if (zone >= 0 && !hf_plant_has_broker(f->p, (uint32_t)zone))
			hf_finish_no_broker(
			    f, "devices", d->name, "host", d->zone);
		return;
	}
	for (i = 0; i < f->p->nconduit; i++) {
		c = &f->p->conduits[i];
		if (hf_conduit_reaches(f->p, c, d->zone, host, port) &&
		    c->proto != NULL && hf_proto_is_mqtt(c->proto))
			return;
	}
	say_no_conduit(f, "devices", d->name, host, port, d->zone,
	    "proto mqtt or mqtts (direction: pull)");
}
