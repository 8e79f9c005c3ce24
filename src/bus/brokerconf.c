/* SPDX-License-Identifier: Apache-2.0
 *
 * brokerconf.c - the text of mosquitto.conf, of its access lists, and the
 * packed policy (brokerconf.h). The grants come from model/policy_build.c.
 *
 * All rules are `pattern` lines: they hold for every client, whatever user name
 * it sends; `topic` lines would hold for clients without one only. mosquitto
 * asks denials first, then grants, and refuses what nothing grants. A pattern
 * that does not begin with '$' never matches a topic that does. mosquitto warns
 * of every pattern without %c or %u, so warnings are not logged.
 *
 * Bounds. mosquitto 2.0.11 cannot count retained messages; a flood of them, of
 * wills, of queues and of sessions ends at memory_limit. The limit is the whole
 * broker's, not a client's: while subscribers that never read hold it, core's
 * connection may be the one that is refused, and the zone's mirror stands still
 * (counted, a finding) until they are gone. Ingest, history and detection do
 * not notice. A limit per client needs a plugin.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus/brokerconf.h"

#define CONF_BYTES 65536
#define ACL_BYTES (1u << 20)
#define PACKET_MAX ((1 << 20) + 4096) /* HF_MQTT_PAYLOAD and its head */
#define KEEPALIVE_MAX_S 600	      /* a dead client is seen by then */

static const char forbidden[] = "pattern deny cmd/#\n";

/* ---- access lists */

void
hf_broker_acl_name(char name[16], uint16_t listener)
{
	if (listener == HF_POLICY_CORE || listener == HF_POLICY_EDGE)
		snprintf(name, 16, "acl.%s",
		    listener == HF_POLICY_CORE ? "core" : "edge");
	else
		snprintf(name, 16, "acl.%u", listener);
}

static void
new_acl(struct hf_brokerconf *b, uint16_t listener)
{
	struct hf_broker_acl *a = &b->acl[b->nacl++];

	hf_broker_acl_name(a->name, listener);
	hf_buf_init(&a->text, ACL_BYTES);
	hf_buf_puts(&a->text, forbidden);
}

/* The list of a listener; the conduits' lists are made with their ports. */
static struct hf_buf *
acl_of(struct hf_brokerconf *b, uint16_t listener)
{
	char name[16];
	size_t i;

	hf_broker_acl_name(name, listener);
	for (i = 0; i < b->nacl; i++)
		if (strcmp(b->acl[i].name, name) == 0)
			return &b->acl[i].text;
	return NULL;
}

struct lister {
	struct hf_brokerconf *b;
	const char *last; /* conduit whose name stands in the list */
};

static int
put_grant(void *arg, const struct hf_policy_grant *g, struct hf_err *err)
{
	struct lister *l = arg;
	struct hf_buf *out = acl_of(l->b, g->listener);

	if (out == NULL)
		return HF_FAIL(
		    err, HF_EINVAL, "no list for listener %u", g->listener);
	if (g->conduit[0] != '\0' &&
	    (l->last == NULL || strcmp(l->last, g->conduit) != 0))
		hf_buf_printf(out, "# conduit %s\n", g->conduit);
	l->last = g->conduit;
	hf_buf_printf(out, "pattern %s %s\n",
	    !g->is_write  ? "read"
	    : !g->is_read ? "write"
			  : "readwrite",
	    g->filter);
	return HF_OK;
}

/* The lists, and the policy for the plugin: the same grants. */
static int
put_policy(const struct hf_plant *p, uint32_t zone_idx, int64_t now_ns,
    struct hf_brokerconf *b, struct hf_err *err)
{
	struct lister l = {.b = b};
	struct hf_policy *policy = NULL;
	int rc = hf_policy_grants(p, zone_idx, now_ns, put_grant, &l, err);

	if (rc == HF_OK)
		rc = hf_policy_build(p, zone_idx, now_ns, &policy, err);
	if (rc == HF_OK)
		rc = hf_policy_pack(policy, &b->policy, err);
	hf_policy_free(policy);
	return rc;
}

/* ---- mosquitto.conf */

static void
put_head(const struct hf_zone *z, struct hf_buf *out)
{
	hf_buf_printf(out,
	    "# Broker of zone %s. Made by holdfast from plant.yaml: changes "
	    "here are lost.\n"
	    "per_listener_settings true\n"
	    "persistence false\n"
	    "set_tcp_nodelay true\n"
	    "sys_interval 10\n"
	    "log_dest stderr\n"
	    "log_type error\n"
	    "log_type notice\n"
	    "connection_messages false\n"
	    "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n"
	    "memory_limit %" PRId64 "\n"
	    "max_packet_size %d\n"
	    "max_keepalive %d\n"
	    "max_inflight_messages 200\n"
	    "max_inflight_bytes 16777216\n"
	    "max_queued_messages 250000\n"
	    "max_queued_bytes 67108864\n"
	    "queue_qos0_messages false\n"
	    "upgrade_outgoing_qos false\n"
	    "retain_available true\n"
	    "persistent_client_expiration 1d\n",
	    z->name, HF_BROKER_MEMORY, PACKET_MAX, KEEPALIVE_MAX_S);
}

/* Who decides at this listener: the plugin, or mosquitto by its list. */
static void
put_judge(uint16_t listener, const struct hf_broker_dirs *d, struct hf_buf *out)
{
	char acl[16];

	hf_broker_acl_name(acl, listener);
	if (d->plugin == NULL)
		hf_buf_printf(out, "acl_file %s/%s\n", d->conf, acl);
	else
		hf_buf_printf(out,
		    "plugin %s\n"
		    "plugin_opt_policy %s/" HF_BROKER_POLICY "\n"
		    "plugin_opt_listener %u\n"
		    "plugin_opt_wire %d\n"
		    "plugin_opt_zone %d\n",
		    d->plugin, d->conf, listener, HF_BROKER_FD, d->zone);
}

static void
put_unix(const char *dir, uint16_t listener, int nclient,
    const struct hf_broker_dirs *d, struct hf_buf *out)
{
	hf_buf_printf(out,
	    "\nlistener 0 %s/" HF_BROKER_SOCK "\n"
	    "max_connections %d\n"
	    "allow_anonymous true\n",
	    dir, nclient);
	put_judge(listener, d, out);
}

static bool
is_loopback(const char *from)
{
	return strncmp(from, "127.", 4) == 0;
}

/* Where to listen: loopback if the zone has no NIC of its own or if all clients
 * of this port are on this machine, else on the zone's NIC alone. */
static int
put_bind(const struct hf_plant *p, uint32_t zone_idx,
    const struct hf_conduit *first, struct hf_brokerconf *b, struct hf_err *err)
{
	const struct hf_zone *z = &p->zones[zone_idx];
	bool is_local =
	    z->interface == NULL || strcmp(z->interface, "host-veth") == 0;
	bool are_local = true;
	size_t i;

	for (i = 0; i < p->nconduit; i++)
		if (p->conduits[i].port == first->port &&
		    hf_conduit_broker(p, &p->conduits[i]) == (int)zone_idx)
			are_local &= is_loopback(p->conduits[i].from);
	if (is_local || are_local) {
		hf_buf_printf(&b->conf, "\nlistener %" PRId64 " 127.0.0.1\n",
		    first->port);
		return HF_OK;
	}
	if (strpbrk(z->interface, " \t\r\n#") != NULL)
		return HF_FAIL(err, HF_EINVAL,
		    "zone %s: interface \"%.64s\" is no name of a NIC", z->name,
		    z->interface);
	hf_buf_printf(&b->conf,
	    "\nlistener %" PRId64 "\n"
	    "bind_interface %s\n",
	    first->port, z->interface);
	b->has_nic = true;
	if (!z->ipv6)
		hf_buf_puts(&b->conf, "socket_domain ipv4\n");
	return HF_OK;
}

static int
put_auth(const struct hf_conduit *c, const struct hf_broker_dirs *d,
    struct hf_brokerconf *b, struct hf_err *err)
{
	bool is_tls = c->proto != NULL && strcmp(c->proto, "mqtts") == 0;
	const char *auth = c->auth != NULL ? c->auth : "none";
	bool is_named = strcmp(auth, "mtls") == 0;

	if (!is_named && strcmp(auth, "none") != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "conduit %s: the broker cannot check auth: %.32s yet; "
		    "use proto: mqtts with auth: mtls",
		    c->name, auth);
	if (is_named && !is_tls)
		return HF_FAIL(err, HF_EINVAL,
		    "conduit %s: auth: mtls needs proto: mqtts", c->name);
	hf_buf_printf(
	    &b->conf, "allow_anonymous %s\n", is_named ? "false" : "true");
	if (!is_tls)
		return HF_OK;
	b->has_tls = true;
	hf_buf_printf(&b->conf,
	    "cafile %s\n"
	    "certfile %s\n"
	    "keyfile %s\n"
	    "tls_version tlsv1.2\n",
	    d->ca, d->cert, d->key);
	if (is_named)
		hf_buf_puts(&b->conf, "require_certificate true\n"
				      "use_identity_as_username true\n");
	return HF_OK;
}

static int
put_port(const struct hf_plant *p, uint32_t zone_idx,
    const struct hf_conduit *c, const struct hf_broker_dirs *d,
    struct hf_brokerconf *b, struct hf_err *err)
{
	int rc;

	if (c->port == 1883 || c->port < 1 || c->port > 65535)
		return HF_FAIL(err, HF_EINVAL,
		    "conduit %s: the broker does not listen at port %" PRId64
		    "; use 8883 for mqtts",
		    c->name, c->port);
	if (b->nacl == HF_BROKER_NLISTENER + 2)
		return HF_FAIL(err, HF_ELIMIT,
		    "conduit %s: a broker listens at %d ports at most", c->name,
		    HF_BROKER_NLISTENER);
	rc = put_bind(p, zone_idx, c, b, err);
	if (rc != HF_OK)
		return rc;
	hf_buf_printf(&b->conf, "max_connections %d\n", HF_BROKER_NCLIENT);
	put_judge((uint16_t)c->port, d, &b->conf);
	new_acl(b, (uint16_t)c->port);
	return put_auth(c, d, b, err);
}

static bool
is_first_of_port(const struct hf_plant *p, size_t at, int zone)
{
	size_t i;

	for (i = 0; i < at; i++)
		if (p->conduits[i].port == p->conduits[at].port &&
		    hf_conduit_broker(p, &p->conduits[i]) == zone)
			return false;
	return true;
}

int
hf_brokerconf_make(const struct hf_plant *p, uint32_t zone_idx,
    const struct hf_broker_dirs *d, struct hf_brokerconf *out,
    struct hf_err *err)
{
	struct hf_brokerconf b = {.nacl = 0};
	size_t i;
	int rc = HF_OK;

	hf_buf_init(&b.conf, CONF_BYTES);
	hf_buf_init(&b.policy, HF_POLICY_BYTES);
	put_head(&p->zones[zone_idx], &b.conf);
	put_unix(d->core, HF_POLICY_CORE, 8, d, &b.conf);
	put_unix(d->edge, HF_POLICY_EDGE, HF_BROKER_NEDGE, d, &b.conf);
	new_acl(&b, HF_POLICY_CORE);
	new_acl(&b, HF_POLICY_EDGE);
	for (i = 0; rc == HF_OK && i < p->nconduit; i++)
		if (hf_conduit_broker(p, &p->conduits[i]) == (int)zone_idx &&
		    is_first_of_port(p, i, (int)zone_idx))
			rc = put_port(p, zone_idx, &p->conduits[i], d, &b, err);
	if (rc == HF_OK)
		rc = put_policy(p, zone_idx, d->now_ns, &b, err);
	for (i = 0; i < b.nacl && rc == HF_OK; i++)
		if (!hf_buf_ok(&b.acl[i].text))
			rc = HF_FAIL(err, HF_ELIMIT,
			    "zone %s: its conduits name too many topics",
			    p->zones[zone_idx].name);
	if (rc == HF_OK && !hf_buf_ok(&b.conf))
		rc = HF_FAIL(err, HF_ELIMIT, "zone %s: too many conduits",
		    p->zones[zone_idx].name);
	if (rc != HF_OK)
		hf_brokerconf_fini(&b);
	else
		*out = b;
	return rc;
}

void
hf_brokerconf_fini(struct hf_brokerconf *b)
{
	size_t i;

	hf_buf_fini(&b->conf);
	hf_buf_fini(&b->policy);
	for (i = 0; i < b->nacl; i++)
		hf_buf_fini(&b->acl[i].text);
	b->nacl = 0;
}

/* ---- what a reload changed */

static bool
same_text(const struct hf_buf *a, const struct hf_buf *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

bool
hf_brokerconf_same_conf(
    const struct hf_brokerconf *a, const struct hf_brokerconf *b)
{
	return same_text(&a->conf, &b->conf);
}

bool
hf_brokerconf_same_acls(
    const struct hf_brokerconf *a, const struct hf_brokerconf *b)
{
	size_t i;

	if (a->nacl != b->nacl || !same_text(&a->policy, &b->policy))
		return false;
	for (i = 0; i < a->nacl; i++)
		if (strcmp(a->acl[i].name, b->acl[i].name) != 0 ||
		    !same_text(&a->acl[i].text, &b->acl[i].text))
			return false;
	return true;
}
