/* SPDX-License-Identifier: Apache-2.0
 *
 * brokerconf.c - the text of mosquitto.conf and of its access lists
 * (brokerconf.h).
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

/* What a device may send below spBv1.0/<group>/ (Sparkplug B 3.0, 4); NCMD and
 * DCMD are a host's. */
static const char *const data_types[] = {
    "NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"};
#define NDATA_TYPE (sizeof(data_types) / sizeof(data_types[0]))

/* ---- filters */

static bool
level_is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* The plant passed the same question; whoever made it by other ways did not. */
static int
check_topic(const struct hf_plant *p, const struct hf_conduit *c, bool is_write,
    const char *t, struct hf_err *err)
{
	const char *why = hf_conduit_topic_why(p, c, is_write, t);

	return why == NULL
		   ? HF_OK
		   : HF_FAIL(err, HF_EINVAL, "conduit %s: %s \"%.200s\" %s",
			 c->name, is_write ? "topics_write" : "topics_read", t,
			 why);
}

static int
put_read(const struct hf_plant *p, const struct hf_conduit *c, const char *t,
    struct hf_buf *out, struct hf_err *err)
{
	int rc = check_topic(p, c, false, t, err);

	if (rc == HF_OK)
		hf_buf_printf(out, "pattern read %s\n", t);
	return rc;
}

/* A right to send Sparkplug data of any type: one for each, so that commands
 * are not among them. `type` is the filter's level of the type, n bytes. */
static void
put_sparkplug(const char *t, const char *type, size_t n, struct hf_buf *out)
{
	const char *group = strchr(t, '/') + 1;
	int len = type > group ? (int)(type - group) : 0; /* with its '/' */
	size_t i;

	for (i = 0; i < NDATA_TYPE; i++)
		hf_buf_printf(out, "pattern write spBv1.0/%.*s%s%s\n",
		    len > 0 ? len : 2, len > 0 ? group : "+/", data_types[i],
		    type[0] == '#' ? "/#" : type + n);
}

static int
put_write(const struct hf_plant *p, const struct hf_conduit *c, const char *t,
    struct hf_buf *out, struct hf_err *err)
{
	size_t n = 0;
	const char *type = hf_sparkplug_type(t, &n);
	int rc = check_topic(p, c, true, t, err);

	if (rc != HF_OK)
		return rc;
	if (type != NULL && (level_is(type, n, "#") || level_is(type, n, "+")))
		put_sparkplug(t, type, n, out);
	else
		hf_buf_printf(out, "pattern write %s\n", t);
	return HF_OK;
}

/* ---- access lists */

static struct hf_buf *
new_acl(struct hf_brokerconf *b, const char *name)
{
	struct hf_broker_acl *a = &b->acl[b->nacl++];

	snprintf(a->name, sizeof(a->name), "%s", name);
	hf_buf_init(&a->text, ACL_BYTES);
	hf_buf_puts(&a->text, forbidden);
	return &a->text;
}

static void
acl_core(struct hf_brokerconf *b)
{
	/* A pattern cannot say umh.v1.*, so any topic of one level. */
	hf_buf_puts(new_acl(b, "acl.core"),
	    "pattern write uns/v1/#\npattern write +\n");
}

static bool
has_sparkplug_export(const struct hf_plant *p, uint32_t zone_idx)
{
	size_t i;

	for (i = 0; i < p->nexport; i++)
		if (p->exports[i].zone_idx == zone_idx &&
		    p->exports[i].to != NULL &&
		    strcmp(p->exports[i].to, "sparkplug") == 0)
			return true;
	return false;
}

static void
acl_edge(const struct hf_plant *p, uint32_t zone_idx, struct hf_brokerconf *b)
{
	struct hf_buf *out = new_acl(b, "acl.edge");
	size_t i;

	hf_buf_puts(out, "pattern read #\n"
			 "pattern readwrite $sparkplug/certificates/#\n"
			 "pattern write spBv1.0/+/NCMD/#\n"
			 "pattern write spBv1.0/+/DCMD/#\n"
			 "pattern write spBv1.0/STATE/+\n"
			 "pattern write STATE/+\n");
	for (i = 0; i < NDATA_TYPE && has_sparkplug_export(p, zone_idx); i++)
		hf_buf_printf(
		    out, "pattern write spBv1.0/+/%s/#\n", data_types[i]);
}

/* What all conduits of one port allow together. */
static int
acl_port(const struct hf_plant *p, uint32_t zone_idx, int64_t port,
    const struct hf_broker_dirs *d, struct hf_brokerconf *b, struct hf_err *err)
{
	char name[16];
	struct hf_buf *out;
	size_t i, k;
	int rc = HF_OK;

	snprintf(name, sizeof(name), "acl.%d", (int)port);
	out = new_acl(b, name);

	for (i = 0; rc == HF_OK && i < p->nconduit; i++) {
		const struct hf_conduit *c = &p->conduits[i];

		if (c->port != port || hf_conduit_broker(p, c) != (int)zone_idx)
			continue;
		hf_buf_printf(out, "# conduit %s\n", c->name);
		if (d->now_ns != 0 && hf_conduit_is_denied(p, c, d->now_ns)) {
			hf_buf_puts(out, "# denied: its review is past\n");
			continue;
		}
		for (k = 0; rc == HF_OK && k < c->topics_read.n; k++)
			rc = put_read(p, c, c->topics_read.v[k], out, err);
		for (k = 0; rc == HF_OK && k < c->topics_write.n; k++)
			rc = put_write(p, c, c->topics_write.v[k], out, err);
	}
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

static void
put_unix(const char *dir, const char *acl, int nclient,
    const struct hf_broker_dirs *d, struct hf_buf *out)
{
	hf_buf_printf(out,
	    "\nlistener 0 %s/" HF_BROKER_SOCK "\n"
	    "max_connections %d\n"
	    "allow_anonymous true\n"
	    "acl_file %s/%s\n",
	    dir, nclient, d->conf, acl);
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
	char acl[16];
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
	snprintf(acl, sizeof(acl), "acl.%d", (int)c->port);
	rc = put_bind(p, zone_idx, c, b, err);
	if (rc != HF_OK)
		return rc;
	hf_buf_printf(&b->conf,
	    "max_connections %d\n"
	    "acl_file %s/%s\n",
	    HF_BROKER_NCLIENT, d->conf, acl);
	rc = put_auth(c, d, b, err);
	return rc != HF_OK ? rc : acl_port(p, zone_idx, c->port, d, b, err);
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
	put_head(&p->zones[zone_idx], &b.conf);
	put_unix(d->core, "acl.core", 8, d, &b.conf);
	put_unix(d->edge, "acl.edge", HF_BROKER_NEDGE, d, &b.conf);
	acl_core(&b);
	acl_edge(p, zone_idx, &b);
	for (i = 0; rc == HF_OK && i < p->nconduit; i++)
		if (hf_conduit_broker(p, &p->conduits[i]) == (int)zone_idx &&
		    is_first_of_port(p, i, (int)zone_idx))
			rc = put_port(p, zone_idx, &p->conduits[i], d, &b, err);
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

	if (a->nacl != b->nacl)
		return false;
	for (i = 0; i < a->nacl; i++)
		if (strcmp(a->acl[i].name, b->acl[i].name) != 0 ||
		    !same_text(&a->acl[i].text, &b->acl[i].text))
			return false;
	return true;
}
