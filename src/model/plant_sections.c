/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_sections.c - the fixed sections of plant.yaml, as tables.
 *
 * One row is one key: its type, range, default and help. The reader, `holdfast
 * print`, the schema, the man page and the packed form all run over these rows,
 * in this order. Drivers, methods and exports bring rows of their own (struct
 * hf_registry); the rows of a tag are in plant_tag.c. What spans rows of one
 * item stands in the check functions here; what spans items stands in plant.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "model/plant.h"
#include "model/schema.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define REQ HF_OPT_REQUIRED
#define MIB (1048576.0)
#define GIB (1073741824.0)

static const char *const direction_words[] = {
    "pull", "push", "listen", "both", NULL};
static const char *const auth_words[] = {
    "none", "password", "mtls", "mtls+user", NULL};
static const char *const time_words[] = {"source", "receive", "register", NULL};
static const char *const clock_words[] = {"checked", "replay", NULL};
static const char *const criticality_words[] = {"A", "B", "C", "D", NULL};
static const char *const limit_words[] = {"fixed", "budget", NULL};
static const char *const per_words[] = {"tag", "asset", "rule", NULL};
static const char *const role_words[] = {"viewer", "operator", "engineer",
    "quality", "maintenance", "security", "auditor", NULL};
static const char *const audit_fail_words[] = {
    "stop-actions", "continue", NULL};

#define O(s, f) .off = offsetof(struct s, f)

static const struct hf_opt site_opts[] = {
    {.name = "enterprise",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_site, enterprise),
	.help = "First level of the namespace."},
    {.name = "site",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_site, site),
	.help = "Second level of the namespace."},
    {.name = "timezone",
	.type = HF_OPT_STR,
	.dflt = "UTC",
	O(hf_site, timezone),
	.help =
	    "IANA name, used for shifts and reports. Stored times are UTC."},
    {.name = "air_gap",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	O(hf_site, air_gap),
	.help = "true: nothing may cross the plant's boundary; a conduit with "
		"boundary: true and public networks of a zone are refused."},
};

static const struct hf_opt zone_opts[] = {
    {.name = "sl_target",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 4,
	.dflt = "1",
	O(hf_zone, sl_target),
	.help = "Target security level (IEC 62443-3-3)."},
    {.name = "interface",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_zone, interface),
	.help =
	    "Network interface that belongs to this zone, or host-veth for a "
	    "virtual pair to the host, which is reported as a finding."},
    {.name = "networks",
	.type = HF_OPT_CIDRS,
	O(hf_zone, networks),
	.help = "Networks of the zone: what any means in its conduits."},
    {.name = "ipv6",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	O(hf_zone, ipv6),
	.help = "Whether IPv6 exists in the zone's namespace."},
    {.name = "parent",
	.type = HF_OPT_REF,
	.ref = "zones",
	O(hf_zone, parent),
	.help = "Zone that it is part of, for the documents."},
    {.name = "deny_expired",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	O(hf_zone, deny_expired),
	.help = "true: a conduit of this zone that listens or writes is denied "
		"once its review is past. Enforced for the listeners of the "
		"zone's broker, whenever its configuration is made: at start "
		"and at reload; not enforced yet elsewhere. A conduit that "
		"only reads is never stopped."},
};

static const struct hf_opt conduit_opts[] = {
    {.name = "from",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_conduit, from),
	.help =
	    "Who opens the connection: edge/ZONE or agent/ZONE, an address, a "
	    "network or any, which is the zone's networks: and never more; "
	    "zone/ZONE shows that zone's namespace in another's broker."},
    {.name = "to",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_conduit, to),
	.help = "Who is reached: broker/ZONE, or in the forms of from. A "
		"conduit to broker/ZONE gives the zone its broker."},
    {.name = "proto",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_conduit, proto),
	.help = "Protocol, for example modbus-tcp."},
    {.name = "port",
	.type = HF_OPT_I64,
	.flags = REQ,
	.min = 1,
	.max = 65535,
	O(hf_conduit, port),
	.help = "Port that is reached."},
    {.name = "direction",
	.type = HF_OPT_ENUM,
	.flags = REQ,
	.words = direction_words,
	O(hf_conduit, direction),
	.help = "Which way data goes, seen from the first party."},
    {.name = "topics_read",
	.type = HF_OPT_STRS,
	O(hf_conduit, topics_read),
	.help = "Topics that may be read through it."},
    {.name = "topics_write",
	.type = HF_OPT_STRS,
	O(hf_conduit, topics_write),
	.help = "Topics that may be written through it. Of Sparkplug's "
		"commands only spBv1.0/GROUP/NCMD/NODE of this broker's own "
		"export, so that a host may ask it for its births."},
    {.name = "rate",
	.type = HF_OPT_RATE,
	.min = 1e-6,
	.max = 1e9,
	O(hf_conduit, rate_hz),
	.help = "Upper bound of messages. Without it there is none."},
    {.name = "auth",
	.type = HF_OPT_STR,
	.words = auth_words,
	.dflt = "none",
	O(hf_conduit, auth),
	.help = "How the other side proves who it is."},
    {.name = "purpose",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_conduit, purpose),
	.help = "Why the flow exists, for the auditor."},
    {.name = "owner",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_conduit, owner),
	.help = "Person who answers for it."},
    {.name = "approved_by",
	.type = HF_OPT_STRS,
	O(hf_conduit, approved_by),
	.help = "Persons who approved it."},
    {.name = "review",
	.type = HF_OPT_DATE,
	.flags = REQ,
	O(hf_conduit, review_ns),
	.help = "Day by which it is to be looked at again. Afterwards it still "
		"works and is reported as a finding and an alarm; see "
		"deny_expired of zones."},
    {.name = "compensating",
	.type = HF_OPT_STR,
	O(hf_conduit, compensating),
	.help =
	    "Measure that makes up for a protocol without mutual TLS. Required "
	    "with auth none or password in a zone of sl_target 3 or 4."},
    {.name = "boundary",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	O(hf_conduit, boundary),
	.help = "true: it crosses the plant's boundary; required for a public "
		"address that no zone has among its networks, and refused "
		"where air_gap is true."},
    {.name = "max_bps",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 1e12,
	.dflt = "0",
	O(hf_conduit, max_bps),
	.help = "Upper bound in bits per second and direction; 0 = none. "
		"Printed in the documents; not enforced yet."},
    {.name = "data_class",
	.type = HF_OPT_STR,
	O(hf_conduit, data_class),
	.help = "Class of the data that passes, for the documents: CUI, for "
		"example."},
    {.name = "cert_profile",
	.type = HF_OPT_NAME,
	O(hf_conduit, cert_profile),
	.help = "Profile of the other side's certificate, for the documents."},
};

static const struct hf_opt load_opts[] = {
    {.name = "connections",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 64,
	.dflt = "1",
	O(hf_load, connections),
	.help = "Connections at the same time."},
    {.name = "requests",
	.type = HF_OPT_RATE,
	.min = 0.001,
	.max = 100000,
	.dflt = "20/s",
	O(hf_load, requests_hz),
	.help = "Requests, retries and previews included."},
    {.name = "outstanding",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 16,
	.dflt = "1",
	O(hf_load, outstanding),
	.help = "Requests without an answer yet, per connection."},
};

static const struct hf_opt device_opts[] = {
    {.name = "zone",
	.type = HF_OPT_REF,
	.flags = REQ,
	.ref = "zones",
	O(hf_device, zone),
	.help = "Zone whose edge talks to it."},
    {.name = "driver",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_device, driver),
	.help = "Protocol. Its own options stand beside these, see below."},
    {.name = "asset",
	.type = HF_OPT_REF,
	.ref = "assets",
	O(hf_device, asset),
	.help =
	    "Asset that it belongs to: the path of a tag without uns_path is "
	    "this asset's path and the tag's name."},
    {.name = "tags",
	.type = HF_OPT_STR,
	O(hf_device, tags_file),
	.help = "CSV file of its tags (see holdfast-tags(5)), relative to the "
		"plant's directory and inside it."},
    {.name = "serial_number",
	.type = HF_OPT_STR,
	O(hf_device, serial_number),
	.help = "Serial number on its plate, for the documents."},
    {.name = "time",
	.type = HF_OPT_ENUM,
	.words = time_words,
	.dflt = "source",
	O(hf_device, time),
	.help =
	    "Where a sample's time comes from: the source if the protocol has "
	    "one (else the time of the answer), always the time of the answer, "
	    "or the device's register with the tag name _stamp."},
    {.name = "clock",
	.type = HF_OPT_ENUM,
	.words = clock_words,
	.dflt = "checked",
	O(hf_device, clock),
	.help =
	    "checked: source time more than 10 minutes off is not believed. "
	    "replay: recorded time is taken as it is, which is reported as a "
	    "finding."},
    {.name = "load",
	.type = HF_OPT_SUB,
	.sub = load_opts,
	.nsub = N(load_opts),
	O(hf_device, load),
	.help = "What the device may be asked to bear."},
};

static const struct hf_opt asset_opts[] = {
    {.name = "kind",
	.type = HF_OPT_NAME,
	O(hf_asset, kind),
	.help = "What sort of machine it is; like machines share the word."},
    {.name = "criticality",
	.type = HF_OPT_ENUM,
	.words = criticality_words,
	.dflt = "C",
	O(hf_asset, criticality),
	.help = "How much the plant depends on it, A most."},
    {.name = "description",
	.type = HF_OPT_STR,
	O(hf_asset, description),
	.help = "Text for people."},
    {.name = "cda",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	O(hf_asset, cda),
	.help = "true: a critical digital asset (10 CFR 73.54), for the "
		"documents."},
    {.name = "contract",
	.type = HF_OPT_REF,
	.ref = "contracts",
	O(hf_asset, contract),
	.help = "Contract that the values below it must satisfy: the level "
		"behind the asset in its topics. Without one they are "
		"unvalidated and stand below _raw."},
};

static const struct hf_opt contract_opts[] = {
    {.name = "schema",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_contract, schema_file),
	.help = "File with its JSON Schema, relative to the plant's directory "
		"and inside it, at most 64 KiB. It never changes under one "
		"name: a change is a new contract, _NAME_v2."},
};

static const struct hf_opt export_opts[] = {
    {.name = "to",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_export, to),
	.help = "What receives it. Its own options stand beside these, see "
		"below."},
    {.name = "zone",
	.type = HF_OPT_REF,
	.flags = REQ,
	.ref = "zones",
	O(hf_export, zone),
	.help = "Zone whose edge, or broker, carries it."},
    {.name = "tags",
	.type = HF_OPT_PATTERNS,
	O(hf_export, tags),
	.help = "Tag paths or patterns; none = all tags of the zone. Tags of "
		"another zone need a conduit that shows them in this zone's "
		"broker."},
};

static const struct hf_opt position_opts[] = {
    {.name = "budget",
	.type = HF_OPT_RATE,
	.min = 0,
	.max = 1,
	O(hf_position, budget_hz),
	.help = "False alarms that the position can bear, for example 5/week, "
		"divided over its detectors by criticality."},
};

static const struct hf_opt detector_opts[] = {
    {.name = "method",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_detector, method),
	.help =
	    "How it judges. Its own options stand beside these, see below."},
    {.name = "tags",
	.type = HF_OPT_PATTERNS,
	.flags = REQ,
	O(hf_detector, tags),
	.help = "Tag paths or patterns; each must match a tag."},
    {.name = "learn",
	.type = HF_OPT_LEARN,
	O(hf_detector, learn),
	.help = "How long it learns what is normal, in source time or samples. "
		"Required by methods that learn."},
    {.name = "position",
	.type = HF_OPT_REF,
	.ref = "positions",
	O(hf_detector, position),
	.help = "Operator position whose alarm budget it draws on."},
    {.name = "limit",
	.type = HF_OPT_ENUM,
	.words = limit_words,
	.dflt = "fixed",
	O(hf_detector, limit_from),
	.help =
	    "fixed: the limit that the options of its method give. budget: a "
	    "method that learns takes its limit from its share of the "
	    "position's budget of false alarms instead; the last third of the "
	    "learning span then measures how the scores of normal running "
	    "behave."},
};

static const struct hf_opt rule_opts[] = {
    {.name = "on",
	.type = HF_OPT_REF,
	.flags = REQ,
	.ref = "detectors",
	O(hf_rule, on),
	.help = "Detector whose scores it judges."},
    {.name = "cause",
	.type = HF_OPT_STR,
	O(hf_rule, cause),
	.help = "Likely cause, for the operator."},
    {.name = "consequence",
	.type = HF_OPT_STR,
	O(hf_rule, consequence),
	.help = "What happens if nobody acts."},
    {.name = "action",
	.type = HF_OPT_STR,
	O(hf_rule, action),
	.help =
	    "What the operator shall do. Without it the rule's events stay "
	    "advisories; with it, cause, consequence and respond_within are "
	    "required."},
    {.name = "respond_within",
	.type = HF_OPT_DUR,
	.unit = "s",
	O(hf_rule, respond_ns),
	.help = "Time in which to respond."},
    {.name = "priority",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 4,
	.dflt = "3",
	O(hf_rule, priority),
	.help = "1 is the most urgent."},
    {.name = "per",
	.type = HF_OPT_ENUM,
	.words = per_words,
	.dflt = "tag",
	O(hf_rule, per),
	.help = "One alarm per tag, per asset or for the rule."},
    {.name = "k",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 10000,
	.dflt = "1",
	O(hf_rule, k),
	.help = "Steps of the last n that must be anomalous."},
    {.name = "n",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 10000,
	.dflt = "1",
	O(hf_rule, n),
	.help = "Steps that are looked at."},
    {.name = "off_n",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 100000,
	.dflt = "1",
	O(hf_rule, off_n),
	.help = "Steps without anomaly until it returns."},
    {.name = "refractory",
	.type = HF_OPT_DUR,
	.unit = "s",
	.dflt = "0s",
	O(hf_rule, refractory_ns),
	.help =
	    "Source time within which a new onset after a return is the same "
	    "alarm."},
    {.name = "nvar",
	.type = HF_OPT_I64,
	.min = 1,
	.max = 1000,
	.dflt = "1",
	O(hf_rule, nvar),
	.help =
	    "Per asset or rule: tags that must be anomalous at the same time."},
    {.name = "refractory_n",
	.type = HF_OPT_I64,
	.min = 0,
	.max = 1000000,
	.dflt = "0",
	O(hf_rule, refractory_n),
	.help = "The same as refractory in steps of the detector; both must "
		"have passed before an alarm ends."},
    {.name = "off_level",
	.type = HF_OPT_F64,
	.min = 0.01,
	.max = 1,
	.dflt = "1",
	O(hf_rule, off_level),
	.help = "Part of the limit below which a step counts as quiet: "
		"hysteresis between coming on (1) and going off."},
    {.name = "min_on",
	.type = HF_OPT_DUR,
	.unit = "s",
	.dflt = "0s",
	O(hf_rule, min_on_ns),
	.help = "Source time that it stays on at least, from the first "
		"anomalous step on."},
};

static const struct hf_opt user_opts[] = {
    {.name = "role",
	.type = HF_OPT_STR,
	.flags = REQ,
	.words = role_words,
	O(hf_user, role),
	.help = "What the person may do."},
    {.name = "zones",
	.type = HF_OPT_NAMES,
	.ref = "zones",
	O(hf_user, zones),
	.help = "Zones in which the role holds; none = all."},
    {.name = "uid",
	.type = HF_OPT_I64,
	.min = -1,
	.max = 4294967294.0,
	.dflt = "-1",
	O(hf_user, uid),
	.help = "The person's uid on this machine, for the command line; -1 = "
		"none."},
};

static const struct hf_opt retention_opts[] = {
    {.name = "history",
	.type = HF_OPT_DUR,
	.unit = "s",
	.dflt = "0s",
	O(hf_retention, history_ns),
	.help =
	    "How long samples are kept, in whole months; 0s = for ever. What "
	    "unexpired evidence names is kept longer."},
    {.name = "journal",
	.type = HF_OPT_DUR,
	.unit = "s",
	.dflt = "0s",
	O(hf_retention, journal_ns),
	.help = "How long the alarm journal is kept; 0s = for ever."},
    {.name = "audit",
	.type = HF_OPT_DUR,
	.unit = "s",
	.dflt = "0s",
	O(hf_retention, audit_ns),
	.help = "How long audit records are kept; 0s = for ever."},
    {.name = "min_free",
	.type = HF_OPT_SIZE,
	.dflt = "1GiB",
	O(hf_retention, min_free_bytes),
	.help = "Free disk space below which an alarm is raised."},
};

static const struct hf_opt storage_opts[] = {
    {.name = "commit",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 1,
	.max = 10,
	.dflt = "5ms",
	O(hf_storage, commit_ns),
	.help = "Longest wait of a sample for its group commit."},
    {.name = "segment",
	.type = HF_OPT_SIZE,
	.min = 65536,
	.max = GIB,
	.dflt = "64MiB",
	O(hf_storage, segment_bytes),
	.help = "Size of one file of the durable log."},
    {.name = "log",
	.type = HF_OPT_SIZE,
	.min = 131072,
	.max = 64 * GIB,
	.dflt = "256MiB",
	O(hf_storage, log_bytes),
	.help = "Bound of the durable log; at least two segments."},
    {.name = "fold",
	.type = HF_OPT_DUR,
	.unit = "s",
	.min = 1,
	.max = 3600,
	.dflt = "5min",
	O(hf_storage, fold_ns),
	.help =
	    "Longest time until samples move from the log into the history."},
    {.name = "spool",
	.type = HF_OPT_SIZE,
	.min = MIB,
	.max = 64 * GIB,
	.dflt = "64MiB",
	O(hf_storage, spool_bytes),
	.help = "Per zone: bound of batches that wait for acknowledgement."},
    {.name = "audit_fail",
	.type = HF_OPT_ENUM,
	.words = audit_fail_words,
	.dflt = "stop-actions",
	O(hf_storage, audit_fail),
	.help = "What happens while no audit record can be written: acting is "
		"refused, or goes on and is reported."},
};

/* ---- rules that span the rows of one item ---- */

static int
rule_check(const void *conf, char *why, size_t cap)
{
	const struct hf_rule *r = conf;
	const char *missing = NULL;

	if (r->k > r->n)
		return snprintf(why, cap,
			   "k is larger than n; k of the last n steps: raise n "
			   "or lower k"),
		       HF_EINVAL;
	if (r->action == NULL)
		return HF_OK;
	if (r->respond_ns <= 0)
		missing = "respond_within";
	if (r->consequence == NULL)
		missing = "consequence";
	if (r->cause == NULL)
		missing = "cause";
	if (missing == NULL)
		return HF_OK;
	snprintf(why, cap,
	    "a rule with action raises alarms and needs %s too; give it, or "
	    "remove "
	    "action to keep its events advisories",
	    missing);
	return HF_EINVAL;
}

static int
storage_check(const void *conf, char *why, size_t cap)
{
	const struct hf_storage *s = conf;

	if (s->log_bytes / 2 >= s->segment_bytes)
		return HF_OK;
	snprintf(why, cap,
	    "log is smaller than two segments; raise log or lower segment");
	return HF_EINVAL;
}

static int
device_check(const void *conf, char *why, size_t cap)
{
	const struct hf_device *d = conf;

	if (d->clock != HF_CLOCK_REPLAY || d->time != HF_TIME_RECEIVE)
		return HF_OK;
	snprintf(why, cap,
	    "clock replay takes the source's time, but time is receive; set "
	    "time to "
	    "source or register");
	return HF_EINVAL;
}

#define KIND(word, text, rows, type) \
	.kind = {.name = word,       \
	    .help = text,            \
	    .opts = rows,            \
	    .nopt = N(rows),         \
	    .size = sizeof(struct type)}
#define KIND_CHECK(word, text, rows, type, fn) \
	.kind = {.name = word,                 \
	    .help = text,                      \
	    .opts = rows,                      \
	    .nopt = N(rows),                   \
	    .size = sizeof(struct type),       \
	    .check = fn}
#define MAP(word, type)                                                  \
	.is_map = true, .items_off = offsetof(struct hf_plant, word##s), \
	.count_off = offsetof(struct hf_plant, n##word),                 \
	.name_off = offsetof(struct type, name)

const struct hf_section hf_sections[] = {
    {.plural = "plant",
	.singular = "plant",
	.items_off = offsetof(struct hf_plant, site),
	KIND("plant", "The plant: the first two levels of the namespace.",
	    site_opts, hf_site)},
    {.plural = "zones",
	.singular = "zone",
	MAP(zone, hf_zone),
	KIND("zones",
	    "Groups of assets with one security level. Each zone with a "
	    "device gets a process of its own; a network "
	    "namespace of its own is not yet in this version.",
	    zone_opts, hf_zone)},
    {.plural = "conduits",
	.singular = "conduit",
	MAP(conduit, hf_conduit),
	KIND("conduits",
	    "The only declared paths between two parties. What no "
	    "conduit declares is denied.",
	    conduit_opts, hf_conduit)},
    {.plural = "contracts",
	.singular = "contract",
	MAP(contract, hf_contract),
	.file_off = offsetof(struct hf_contract, schema_file),
	.text_off = offsetof(struct hf_contract, schema),
	.text_max = HF_SCHEMA_BYTES,
	KIND("contracts",
	    "What the values below an asset may look like. The key is _NAME_vN "
	    "(lower case), for example _pump_v1. A value that breaks its "
	    "contract is dropped and counted, with one example.",
	    contract_opts, hf_contract)},
    {.plural = "assets",
	.singular = "asset",
	.is_map = true,
	.items_off = offsetof(struct hf_plant, assets),
	.count_off = offsetof(struct hf_plant, nasset),
	.name_off = offsetof(struct hf_asset, path),
	.has_path_keys = true,
	KIND("assets",
	    "Machines and parts that are cared for. The key is a path "
	    "below the plant: area/line/cell.",
	    asset_opts, hf_asset)},
    {.plural = "devices",
	.singular = "device",
	MAP(device, hf_device),
	.choice = "driver",
	.choice_off = offsetof(struct hf_device, driver),
	.kind_off = offsetof(struct hf_device, kind),
	.conf_off = offsetof(struct hf_device, conf),
	KIND_CHECK("devices", "Where data comes from.", device_opts, hf_device,
	    device_check)},
    {.plural = "positions",
	.singular = "position",
	MAP(position, hf_position),
	KIND("positions", "Operator positions, which answer alarms.",
	    position_opts, hf_position)},
    {.plural = "detectors",
	.singular = "detector",
	MAP(detector, hf_detector),
	.choice = "method",
	.choice_off = offsetof(struct hf_detector, method),
	.kind_off = offsetof(struct hf_detector, kind),
	.conf_off = offsetof(struct hf_detector, conf),
	KIND("detectors", "What looks at samples and gives a score.",
	    detector_opts, hf_detector)},
    {.plural = "rules",
	.singular = "rule",
	MAP(rule, hf_rule),
	KIND_CHECK("rules",
	    "What turns a detector's scores into events and "
	    "alarms.",
	    rule_opts, hf_rule, rule_check)},
    {.plural = "exports",
	.singular = "export",
	MAP(export, hf_export),
	.choice = "to",
	.choice_off = offsetof(struct hf_export, to),
	.kind_off = offsetof(struct hf_export, kind),
	.conf_off = offsetof(struct hf_export, conf),
	KIND("exports", "What leaves towards other systems of the plant.",
	    export_opts, hf_export)},
    {.plural = "users",
	.singular = "user",
	MAP(user, hf_user),
	KIND("users", "Persons and their roles. Passwords do not stand here.",
	    user_opts, hf_user)},
    {.plural = "retention",
	.singular = "retention",
	.items_off = offsetof(struct hf_plant, retention),
	KIND("retention", "How long things are kept.", retention_opts,
	    hf_retention)},
    {.plural = "storage",
	.singular = "storage",
	.items_off = offsetof(struct hf_plant, storage),
	KIND_CHECK("storage", "How samples are made durable.", storage_opts,
	    hf_storage, storage_check)},
};
const size_t hf_nsection = N(hf_sections);

const struct hf_section *
hf_section_find(const char *plural)
{
	size_t i;

	for (i = 0; i < hf_nsection; i++)
		if (strcmp(hf_sections[i].plural, plural) == 0)
			return &hf_sections[i];
	return NULL;
}

static const struct hf_kind *
find_kind(const struct hf_kind *const *v, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(v[i]->name, name) == 0)
			return v[i];
	return NULL;
}

const struct hf_kind *const *
hf_section_kinds(
    const struct hf_section *s, const struct hf_registry *r, size_t *n)
{
	*n = 0;
	if (s->choice == NULL)
		return NULL;
	if (strcmp(s->choice, "driver") == 0) {
		*n = r->ndriver;
		return r->drivers;
	}
	if (strcmp(s->choice, "method") == 0) {
		*n = r->nmethod;
		return r->methods;
	}
	*n = r->nexport;
	return r->exports;
}

const struct hf_kind *
hf_section_kind(
    const struct hf_section *s, const struct hf_registry *r, const char *name)
{
	size_t n;
	const struct hf_kind *const *v = hf_section_kinds(s, r, &n);

	return find_kind(v, n, name);
}

void *
hf_section_item(const struct hf_section *s, const struct hf_plant *p, size_t i)
{
	const char *base = (const char *)p + s->items_off;
	char *items;

	if (!s->is_map)
		return (void *)(uintptr_t)base;
	memcpy(&items, base, sizeof(items));
	return items + i * s->kind.size;
}

size_t
hf_section_count(const struct hf_section *s, const struct hf_plant *p)
{
	size_t n = 1;

	if (s->is_map)
		memcpy(&n, (const char *)p + s->count_off, sizeof(n));
	return n;
}
