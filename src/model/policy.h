/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.h - who may write, read and subscribe to what at one zone's broker.
 *
 * One pure function answers, hf_policy_decide(); the broker's plugin, the
 * generated access lists and the documents all come from the same grants
 * (hf_policy_grants). What nothing grants is refused.
 *
 * The fixed rules, which no grant lifts, in the order they are asked:
 *   cmd/ is nobody's (commands will need an approved path);
 *   uns/ and umh.v1.* are written by core alone, and core writes nothing else;
 *   a topic that begins with '$' is the broker's own, but edge keeps Sparkplug
 *   births below $sparkplug/certificates/ and conduits may show them;
 *   a right to write Sparkplug is one to each type of data, never to commands
 *   (the exception is the rebirth request to the zone's own node).
 * A subscription is refused if nothing that it covers may ever be read; a wider
 * one is taken and each delivery is asked for by READ, so that `#` shows a
 * client its share.
 *
 * policy.c decides, and packs; policy_build.c makes one from a plant.
 */
#ifndef HF_MODEL_POLICY_H
#define HF_MODEL_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct hf_plant;

#define HF_POLICY_BYTES (16u << 20) /* packed, upper limit */
#define HF_POLICY_NGRANT 200000	    /* of one broker */
#define HF_POLICY_NLISTENER 64
#define HF_POLICY_TOPIC 1024 /* bytes of a filter in a grant */

/* Where a client came in: a port, or one of the unix sockets. */
#define HF_POLICY_CORE 0
#define HF_POLICY_EDGE 1

struct hf_policy_who {
	uint16_t listener; /* HF_POLICY_CORE, HF_POLICY_EDGE or the port */
	const char *name;  /* CN of its certificate; NULL = anonymous. Counts
			      only where the listener asks for certificates */
};

enum hf_policy_action { HF_POLICY_WRITE, HF_POLICY_READ, HF_POLICY_SUBSCRIBE };

enum hf_policy_rule { /* why; stored in records, so rows are added at the end */
	HF_PR_GRANT,  /* allowed by a grant */
	HF_PR_LISTENER,
	HF_PR_TOPIC,
	HF_PR_COMMAND,
	HF_PR_NAMESPACE,
	HF_PR_BROKER_OWN,
	HF_PR_SPARKPLUG,
	HF_PR_NONE,
	HF_NPR
};
/* What a rule says, as the end of a sentence: "no conduit allows it". */
extern const char *const hf_policy_rule_words[HF_NPR];
extern const char *const hf_policy_action_words[3]; /* "write" ... */

struct hf_policy_answer {
	bool is_allowed;
	enum hf_policy_rule rule;
	const char *conduit; /* whose grant it was; "" = a fixed one, or none */
};

struct hf_policy;

/* Borrows all. No allocation; visits each node of the listener's tree at most
 * once, and without wildcards in the grants as many as the topic has levels. */
struct hf_policy_answer hf_policy_decide(const struct hf_policy *p,
    const struct hf_policy_who *who, enum hf_policy_action action,
    const char *topic);
/* Is the name of a client at this listener proven by a certificate? */
bool hf_policy_is_named(const struct hf_policy *p, uint16_t listener);
/* May anybody at all, at any listener, write this topic? With %u: any name. */
bool hf_policy_has_writer(const struct hf_policy *p, const char *topic);
void hf_policy_free(struct hf_policy *p);

/* Same policy, same bytes (policy.c has the layout). */
int hf_policy_pack(
    const struct hf_policy *p, struct hf_buf *out, struct hf_err *err);
/* Checks every bound; HF_ECORRUPT with the reason. */
int hf_policy_unpack(
    const void *bytes, size_t n, struct hf_policy **out, struct hf_err *err);

/* ---- policy_build.c; not in the plugin */

struct hf_policy_grant {
	uint16_t listener;
	bool is_read, is_write;
	const char *filter;  /* MQTT filter; "%u" is the client's name */
	const char *conduit; /* "" = a fixed one */
};
/* Calls fn for each grant of one zone's broker, in the order of the plant:
 * core's, edge's, then the conduits'. now_ns: conduits that are denied then
 * (hf_conduit_is_denied) grant nothing; 0: none is. Stops at the first rc that
 * is not HF_OK.
 * HF_EINVAL (text names the conduit) for a topic that may not be granted. */
typedef int hf_policy_grant_fn(
    void *arg, const struct hf_policy_grant *g, struct hf_err *err);
int hf_policy_grants(const struct hf_plant *p, uint32_t zone_idx,
    int64_t now_ns, hf_policy_grant_fn *fn, void *arg, struct hf_err *err);
/* Of a finished plant. HF_EINVAL, HF_ELIMIT, HF_ENOMEM. */
int hf_policy_build(const struct hf_plant *p, uint32_t zone_idx, int64_t now_ns,
    struct hf_policy **out, struct hf_err *err);

/* From grants by hand (tests); listeners with named[i] ask for certificates. */
struct hf_policy_listener {
	uint16_t id;
	bool is_named;
};
int hf_policy_from(const struct hf_policy_listener *l, size_t nlistener,
    const struct hf_policy_grant *g, size_t ngrant, struct hf_policy **out,
    struct hf_err *err);

#endif
