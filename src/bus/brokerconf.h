/* SPDX-License-Identifier: Apache-2.0
 *
 * brokerconf.h - mosquitto.conf and the access lists of one zone's broker, made
 * from the plant. A pure function: same plant, same bytes, no file is touched.
 *
 * Three kinds of listeners, each with its own access list:
 *
 *   acl.core    unix socket in the folder that only core may enter: write the
 *               namespace (uns/v1/#, and one-level topics for UMH); read
 *               nothing.
 *   acl.edge    unix socket in the folder that the zone's edges may enter: read
 *               everything of devices; write what Sparkplug asks of a host
 *               (NCMD, DCMD, STATE, births kept as certificates) and, if the
 *               zone exports by Sparkplug, of its own edge node.
 *   acl.<port>  TCP, one a port: what the conduits of that port say.
 *
 * With the policy plugin (dirs.plugin) each listener loads it instead of its
 * list: the same grants, packed (model/policy.h), asked for subscriptions too,
 * each refusal told to audit. The lists are made all the same, for people and
 * for brokers elsewhere.
 *
 * Nobody reads or writes cmd/ (commands will need an approved path),
 * nobody but core writes uns/v1/, no client an NCMD or DCMD but the NCMD of the
 * zone's own Sparkplug node on this broker (a host asks it for births). What
 * mosquitto 2.0.11's lists cannot express is refused with HF_EINVAL and a text
 * that names conduit and topic:
 *   - they have no "all but": a right to write is never given for a filter
 *     whose first level is a wildcard; below spBv1.0/ a filter that would cover
 *     commands is replaced by one for each of the six data types;
 *   - "%c" and, outside mtls, "%u" would be replaced by what the client itself
 *     claims; with mtls "%u" is the name in its certificate.
 * SUBSCRIBE is always granted by mosquitto; what counts is the check of each
 * delivery (READ). A refused PUBLISH of an MQTT 3.1.1 client is acknowledged
 * and dropped, MQTT 5 gets 0x87.
 *
 * Called by the parent, and by tests that show each result to mosquitto.
 */
#ifndef HF_BUS_BROKERCONF_H
#define HF_BUS_BROKERCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/plant.h"
#include "model/policy.h"

#define HF_BROKER_NLISTENER 16 /* TCP ports of one broker */
#define HF_BROKER_SOCK "mqtt.sock"
#define HF_BROKER_POLICY "policy" /* its file beside the lists */
#define HF_BROKER_FD 3 /* of the guest: its end of the wire to audit */
#define HF_BROKER_MEMORY (INT64_C(512) << 20) /* bytes of heap */
#define HF_BROKER_NCLIENT 2048		      /* connections of one port */
#define HF_BROKER_NEDGE 128 /* connections of the zone's edges */
#define HF_BROKER_NFILE (HF_BROKER_NLISTENER * HF_BROKER_NCLIENT + 512)

struct hf_broker_dirs {		     /* as the broker sees them, absolute */
	const char *conf;	     /* folder of the access lists */
	const char *core, *edge;     /* folders of the unix sockets */
	const char *ca, *cert, *key; /* files, for TLS */
	/* Wall time: conduits that hf_conduit_is_denied() then are left out.
	 * 0: none is. */
	int64_t now_ns;
	/* The policy plugin, which then decides instead of mosquitto by its
	 * lists; NULL: none in this installation. */
	const char *plugin;
	int zone; /* of the wire to audit: index + 1 */
};

struct hf_broker_acl {
	char name[16]; /* "acl.core", "acl.edge", "acl.8883" */
	struct hf_buf text;
};

struct hf_brokerconf {
	struct hf_buf conf;   /* mosquitto.conf */
	struct hf_buf policy; /* hf_policy_pack() of the same grants */
	struct hf_broker_acl acl[HF_BROKER_NLISTENER + 2];
	size_t nacl;
	bool has_tls; /* ca, cert and key are used */
	bool has_nic; /* a port is bound to the interface of the zone */
};

/* For zone zone_idx of a finished plant, which must have a broker. HF_EINVAL
 * (text names the conduit), HF_ELIMIT. On an error nothing is held. */
int hf_brokerconf_make(const struct hf_plant *p, uint32_t zone_idx,
    const struct hf_broker_dirs *d, struct hf_brokerconf *out,
    struct hf_err *err);
void hf_brokerconf_fini(struct hf_brokerconf *b);
/* "acl.core", "acl.edge", "acl.8883" */
void hf_broker_acl_name(char name[16], uint16_t listener);
/* Same mosquitto.conf: a change of the lists alone needs no restart. */
bool hf_brokerconf_same_conf(
    const struct hf_brokerconf *a, const struct hf_brokerconf *b);
bool hf_brokerconf_same_acls(
    const struct hf_brokerconf *a, const struct hf_brokerconf *b);

#endif
