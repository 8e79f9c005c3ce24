/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.h - which MQTT broker a device or an export speaks to.
 *
 * Either the zone's own, through the unix socket that edge was given, or
 * another one at host:port that a conduit names. The same three options, client
 * id and refusals for the drivers `mqtt` and `sparkplug` and for the export
 * `sparkplug`; the connection itself is bus/mqtt.h.
 */
#ifndef HF_FIELD_BROKER_H
#define HF_FIELD_BROKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "bus/mqtt.h"
#include "field/finding.h"

struct hf_broker_conf {
	char *host; /* NULL: the zone's own broker */
	int64_t port;
	int64_t version; /* index of hf_broker_versions */
};

extern const char *const hf_broker_versions[];

/* Rows of an option table, for a struct `tag` whose first member is a
 * struct hf_broker_conf; dflt: "3.1.1" or "5". */
#define HF_BROKER_OPTS(tag, member, default_version)                         \
	{.name = "host",                                                     \
	    .type = HF_OPT_HOST,                                             \
	    .off = offsetof(struct tag, member.host),                        \
	    .help = "Address of a broker outside this node, as a number; a " \
		    "conduit must lead there. Without it, the zone's own "   \
		    "broker."},                                              \
	    {.name = "port",                                                 \
		.type = HF_OPT_I64,                                          \
		.min = 1,                                                    \
		.max = 65535,                                                \
		.dflt = "1883",                                              \
		.off = offsetof(struct tag, member.port),                    \
		.help = "TCP port of host."},                                \
	{                                                                    \
		.name = "version", .type = HF_OPT_ENUM,                      \
		.words = hf_broker_versions, .dflt = default_version,        \
		.off = offsetof(struct tag, member.version),                 \
		.help = "MQTT version to speak; brokers take either."        \
	}

/* For the kind's check(): HF_EINVAL and why if host is no address in numbers
 * (edge looks up no names). */
int hf_broker_check(const struct hf_broker_conf *c, char *why, size_t cap);
/* For the driver's check(): TLS towards a broker outside is not in this
 * version; a conduit that demands it is a finding, never left out silently. */
void hf_broker_check_tls(struct hf_findings *f, const struct hf_broker_conf *c);

struct hf_broker_client { /* who connects; client ids are unique in a broker */
	const struct hf_plant *plant;
	const char *zone, *name; /* of the device or export */
	const char *suffix;	 /* tells two connections of it apart, or "" */
	const char *unix_path;	 /* of the zone's broker; NULL: it has none */
	uint64_t secret;	 /* driver.h; in the id on the zone's broker */
};

#define HF_BROKER_ID 320 /* bytes of a client id: four names of 64, a secret */

/* Fills *out for hf_mqtt_new(); id: room for the client id, which out borrows.
 * HF_ENOTFOUND if there is neither host nor a broker of the zone. */
int hf_broker_connection(const struct hf_broker_conf *c,
    const struct hf_broker_client *who, char id[HF_BROKER_ID],
    struct hf_mqtt_conf *out, struct hf_err *err);

#endif
