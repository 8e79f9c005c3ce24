/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.c - which MQTT broker a device or an export speaks to.
 *
 * The client id is holdfast-ENTERPRISE-SITE-ZONE-NAME: a broker ends the old
 * connection of an id when a new one comes, so two plants that share a broker
 * must not share ids. On the zone's own broker, to which foreign clients come,
 * edge's secret follows: who could guess an id could take over its session.
 * Used by field/mqtt, field/sparkplug, proc/edge_export.c.
 */
#include "field/broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/optval.h"

const char *const hf_broker_versions[] = {"3.1.1", "5", NULL};

static int
version_of(const struct hf_broker_conf *c)
{
	return c->version == 0 ? HF_MQTT_311 : HF_MQTT_5;
}

int
hf_broker_check(const struct hf_broker_conf *c, char *why, size_t cap)
{
	if (c->host == NULL || hf_cidr_has(c->host, c->host))
		return HF_OK;
	snprintf(
	    why, cap, "host is an address in numbers; names are not looked up");
	return HF_EINVAL;
}

static bool
leads_to(const struct hf_conduit *q, const char *from,
    const struct hf_broker_conf *c)
{
	return q->port == c->port && strcmp(q->from, from) == 0 &&
	       (strcmp(q->to, "any") == 0 || strcmp(q->to, c->host) == 0 ||
		   hf_cidr_has(q->to, c->host));
}

void
hf_broker_check_tls(struct hf_findings *f, const struct hf_broker_conf *c)
{
	const struct hf_conduit *q = f->plant->conduits;
	const char *secure = NULL;
	char from[80];
	size_t i;

	snprintf(from, sizeof(from), "edge/%s", f->dev->zone);
	for (i = 0; c->host != NULL && i < f->plant->nconduit; i++, q++) {
		if (!leads_to(q, from, c))
			continue;
		if (strcmp(q->proto, "mqtt") == 0)
			return;
		if (strcmp(q->proto, "mqtts") == 0)
			secure = q->name;
	}
	if (secure != NULL)
		hf_finding(f, NULL, "host",
		    "conduit \"%s\" demands mqtts, but TLS to a broker outside "
		    "this node is not in this version; let its clients publish "
		    "to the zone's own broker (mqtts), or declare mqtt and a "
		    "compensating measure",
		    secure);
}

int
hf_broker_connection(const struct hf_broker_conf *c,
    const struct hf_broker_client *who, char id[HF_BROKER_ID],
    struct hf_mqtt_conf *out, struct hf_err *err)
{
	const struct hf_site *site = &who->plant->site;
	int n;

	if (c->host == NULL && who->unix_path == NULL)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "zone %s has no broker; add a conduit to broker/%s, or "
		    "give the host of another broker",
		    who->zone, who->zone);
	n = snprintf(id, HF_BROKER_ID, "holdfast-%s-%s-%s-%s%s",
	    site->enterprise, site->site, who->zone, who->name, who->suffix);
	if (c->host == NULL && n > 0 && n < HF_BROKER_ID)
		snprintf(id + n, (size_t)(HF_BROKER_ID - n), "-%016" PRIx64,
		    who->secret);
	*out = (struct hf_mqtt_conf){.client_id = id,
	    .host = c->host,
	    .unix_path = c->host == NULL ? who->unix_path : NULL,
	    .port = (int)c->port,
	    .version = version_of(c)};
	return HF_OK;
}
