/* SPDX-License-Identifier: Apache-2.0
 *
 * plant.h - the plant as its configuration declares it (format 1), in memory.
 *
 * Everything hangs on one arena and is read-only after hf_plant_finish(). The
 * YAML and CSV readers (src/conf) build it in a sandboxed child; roles get it
 * packed (hf_plant_pack) and unpack it, with every check repeated.
 * Sections are arrays in the order of the file; names are unique within a
 * section.
 */
#ifndef HF_MODEL_PLANT_H
#define HF_MODEL_PLANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/opt.h"

#define HF_PLANT_NZONE 16
#define HF_PLANT_NEDGE 32 /* edge processes: zones and serial lines */
#define HF_PLANT_NTAG 200000
#define HF_PLANT_NITEM 10000	   /* per section, other than tags and zones */
#define HF_PLANT_BYTES (96u << 20) /* packed, upper limit */

struct hf_site { /* plant: */
	char *enterprise, *site;
	char *timezone; /* IANA name, for shifts and reports only */
	bool air_gap;	/* no conduit may be a boundary */
};

struct hf_zone {
	char *name;
	int64_t sl_target; /* IEC 62443-3-3 SL-T, 0-4 */
	char *interface;   /* a NIC, or "host-veth" (a finding) */
	struct hf_strlist networks;
	bool ipv6;
	char *parent;	   /* REF zones or NULL: the zone it is part of */
	bool deny_expired; /* a listening or write conduit past its review */
};

enum hf_direction { HF_DIR_PULL, HF_DIR_PUSH, HF_DIR_LISTEN, HF_DIR_BOTH };

struct hf_conduit {
	char *name;
	/* "edge/<zone>", an address, a CIDR or "any" (the zone's networks) */
	char *from, *to;
	char *proto; /* "modbus-tcp", "mqtt", ... */
	int64_t port;
	int64_t direction; /* enum hf_direction */
	struct hf_strlist topics_read, topics_write;
	double rate_hz; /* NaN = no bound */
	char *auth;	/* "none", "mtls", "password" */
	char *purpose, *owner;
	struct hf_strlist approved_by;
	int64_t review_ns;
	char *compensating; /* named measure where the protocol has no mTLS */
	bool boundary;	    /* the other party may have a public address */
	int64_t max_bps;    /* bits per second, 0 = no bound */
	char *data_class;   /* "CUI", NULL = not given */
	char *cert_profile; /* "device-p384", NULL = not given */
};

/* contracts: what the values below one asset may look like. The key is
 * "_name_vN"; a contract never changes: core keeps the hash of the first schema
 * it saw under a name and refuses a plant with another one. */
struct hf_contract {
	char *name;	   /* "_pump_v1" */
	char *schema_file; /* JSON Schema, relative to the plant's directory */
	char *schema;	   /* its text; read by the conf child, packed */
	struct hf_schema *compiled; /* model/schema.h; by hf_plant_finish */
};

enum hf_time_source { HF_TIME_SOURCE, HF_TIME_RECEIVE, HF_TIME_REGISTER };
enum hf_clock { HF_CLOCK_CHECKED, HF_CLOCK_REPLAY };

struct hf_load { /* what a device may be asked to bear */
	int64_t connections;
	double requests_hz;
	int64_t outstanding;
};

struct hf_device {
	char *name;
	char *zone;   /* REF zones */
	char *driver; /* name of a registered driver kind */
	char *asset;  /* REF assets or NULL; prefix of tags without uns_path */
	char *tags_file;     /* relative to the plant's directory */
	char *serial_number; /* of the device itself, NULL = not given */
	int64_t time;	     /* enum hf_time_source */
	int64_t clock;	     /* enum hf_clock */
	struct hf_load load;
	void *conf; /* the driver's own options (kind->size bytes) */
	const struct hf_kind *kind;
	uint32_t zone_idx;	  /* filled by hf_plant_finish */
	uint32_t edge_idx;	  /* in plant->edges: who talks to it */
	uint32_t tag_first, ntag; /* its tags are plant->tags[tag_first ..] */
};

struct hf_asset {
	char *path; /* "area/line/cell" */
	char *kind;
	int64_t criticality; /* 0 = A ... 3 = D */
	char *description;
	bool cda;	/* critical digital asset (10 CFR 73.54) */
	char *contract; /* REF contracts, NULL = unvalidated ("_raw") */
	const struct hf_contract *contract_ptr; /* by hf_plant_finish */
};

/* One edge process. plant->edges[0..nzone) are the zones, in their order;
 * behind them one for each serial line, in the order of the devices. */
struct hf_edge {
	char *name; /* "press", "press-ttyUSB0": its spool folder; its batches'
		       source is the key of "edge/<name>" */
	uint32_t zone_idx;
	char *serial; /* "/dev/ttyUSB0"; NULL: the zone's own edge */
};

enum hf_tag_type { /* what the device holds */
	HF_T_BOOL,
	HF_T_I16,
	HF_T_U16,
	HF_T_I32,
	HF_T_U32,
	HF_T_I64,
	HF_T_U64,
	HF_T_F32,
	HF_T_F64,
	HF_T_BCD16,
	HF_T_BCD32,
	HF_T_STR
};
extern const char *const hf_tag_type_words[]; /* "bool" "int16" "uint16" "int32"
	"uint32" "int64" "uint64" "float32" "float64" "bcd16" "bcd32" "string"
	*/

enum hf_order { HF_ABCD, HF_CDAB, HF_BADC, HF_DCBA };
extern const char *const hf_order_words[]; /* "ABCD" "CDAB" "BADC" "DCBA" */

struct hf_tag {
	char *device;  /* name of its device */
	char *name;    /* unique within the device */
	char *path;    /* uns path below the plant, unique; never NULL */
	char *address; /* as written; the driver parses it */
	int64_t type;  /* enum hf_tag_type */
	int64_t order; /* enum hf_order */
	bool writable; /* access: r | rw */
	int64_t interval_ns;
	double deadband;      /* absolute in engineering units, 0 = off */
	bool is_deadband_pct; /* of range_lo..range_hi ("2%") */
	double raw_lo, raw_hi, scale_lo, scale_hi; /* all NaN = no scaling */
	bool clamp;
	char *unit;
	double range_lo, range_hi; /* NaN = not given */
	char *description;
	uint64_t key;	     /* hf_tag_key(path) */
	uint32_t device_idx; /* filled by hf_plant_finish */
	bool is_stamp;	     /* name "_stamp": source of `time: register`,
				   never a sample itself */
};

struct hf_detector {
	char *name;
	char *method;		/* name of a registered method kind */
	struct hf_strlist tags; /* patterns over tag paths */
	struct hf_learn learn;	/* zero if the method does not learn */
	char *position;		/* REF positions or NULL */
	int64_t limit_from;	/* enum hf_limit_from */
	void *conf;		/* the method's own options */
	const struct hf_kind *kind;
	uint32_t *tag_idx; /* filled by hf_plant_finish: matched tags ... */
	uint32_t ntag;	   /* ... in the order of plant->tags */
};

/* Where a detector's limit comes from: its method's options, or its share of
 * its position's budget of false alarms (detect/budget.h). */
enum hf_limit_from { HF_LIMIT_FIXED, HF_LIMIT_BUDGET };

enum hf_per { HF_PER_TAG, HF_PER_ASSET, HF_PER_RULE };

struct hf_rule { /* score -> event -> alarm */
	char *name;
	char *on;			    /* REF detectors */
	char *cause, *consequence, *action; /* without action: advisory only */
	int64_t respond_ns;		    /* respond_within */
	int64_t priority;		    /* 1 (urgent) .. 4 */
	int64_t per;	       /* one alarm per tag, per asset, or per rule */
	int64_t k, n;	       /* k of the last n steps anomalous to come on */
	int64_t off_n;	       /* steps without anomaly to return */
	int64_t refractory_ns; /* source time: a return followed by a new onset
				   within it is the same alarm */
	int64_t nvar; /* PER_ASSET/PER_RULE: tags that must be anomalous at
				   the same time, default 1 */
	int64_t refractory_n;  /* the same in steps, 0 = off */
	double off_level;      /* score below which a step is quiet, <= 1 */
	int64_t min_on_ns;     /* source time it stays on at least */
	uint32_t detector_idx; /* filled by hf_plant_finish */
};

struct hf_position { /* an operator position that answers alarms */
	char *name;
	double budget_hz; /* false alarms it can bear, per second; NaN = none */
};

struct hf_user { /* users: declared roles; credentials live in auth */
	char *name;
	char *role; /* viewer operator engineer quality maintenance
				   security auditor */
	struct hf_strlist zones;
	int64_t uid; /* local uid on the API socket, -1 = none */
};

struct hf_retention {
	int64_t history_ns; /* samples, whole months; 0 = for ever */
	int64_t journal_ns;
	int64_t audit_ns;
	int64_t min_free_bytes; /* below: an alarm */
};

enum hf_audit_fail { HF_AUDIT_STOP_ACTIONS, HF_AUDIT_CONTINUE };

struct hf_storage {
	int64_t commit_ns; /* group commit window, <= 10 ms */
	int64_t segment_bytes, log_bytes;
	int64_t fold_ns;     /* at the latest */
	int64_t spool_bytes; /* per zone */
	int64_t audit_fail;  /* enum hf_audit_fail */
};

struct hf_export { /* what leaves towards other systems of the plant */
	char *name;
	char *to;   /* name of a registered export kind: "sparkplug" ... */
	char *zone; /* REF zones: whose edge, or broker, carries it */
	struct hf_strlist tags; /* patterns; empty = all (of the zone) */
	void *conf;		/* the kind's own options */
	const struct hf_kind *kind;
	uint32_t zone_idx; /* filled by hf_plant_finish */
	uint32_t *tag_idx;
	uint32_t ntag;
};

struct hf_plant {
	struct hf_arena *arena; /* owns everything below */
	struct hf_site site;
	struct hf_retention retention;
	struct hf_storage storage;
	struct hf_zone *zones;
	size_t nzone;
	struct hf_conduit *conduits;
	size_t nconduit;
	struct hf_device *devices;
	size_t ndevice;
	struct hf_asset *assets;
	size_t nasset;
	struct hf_tag *tags;
	size_t ntag;
	struct hf_detector *detectors;
	size_t ndetector;
	struct hf_rule *rules;
	size_t nrule;
	struct hf_position *positions;
	size_t nposition;
	struct hf_user *users;
	size_t nuser;
	struct hf_contract *contracts;
	size_t ncontract;
	struct hf_export *exports;
	size_t nexport;
	/* Made by hf_plant_finish; at most HF_PLANT_NEDGE. */
	struct hf_edge *edges;
	size_t nedge;
	/* of the packed form: configuration hash */
	uint8_t hash[HF_SHA256_LEN];
	/* Private to src/model; made by hf_plant_finish. */
	size_t tag_cap; /* room in tags */
	struct hf_strmap *tag_by_path, *asset_by_path;
	struct hf_map64 *tag_by_key;
};

/* Which drivers and methods this program has; the roles pass the same one. */
struct hf_registry {
	const struct hf_kind *const *drivers;
	size_t ndriver;
	const struct hf_kind *const *methods;
	size_t nmethod;
	const struct hf_kind *const *exports;
	size_t nexport;
};

/* The fixed sections, in the order they are printed; rows of option tables with
 * offsets into the structs above. `plural` is the key in plant.yaml. is_map
 * false: one struct (plant, retention, storage). */
struct hf_section {
	const char *plural;   /* "zones" */
	const char *singular; /* "zone" */
	bool is_map;
	struct hf_kind kind;
	size_t items_off,
	    count_off;	    /* in struct hf_plant; is_map false: items_off is
					the struct itself */
	size_t name_off;    /* of the char * that holds the key, in the item */
	bool has_path_keys; /* keys are paths (assets), else names */
	/* devices, detectors and exports: the option that names a registered
	 * kind ("driver", "method", "to"), whose rows join the section's own;
	 * NULL elsewhere. */
	const char *choice;
	size_t choice_off; /* char *: the kind's name */
	size_t kind_off;   /* const struct hf_kind *, set by the readers */
	size_t conf_off;   /* void *: the struct that the kind's rows fill */
	/* contracts: the char * option that names a file of the plant's
	 * directory, and the char * that holds its text (the reader's work),
	 * which travels with the item; both 0 elsewhere. */
	size_t file_off, text_off;
	size_t text_max; /* bytes */
};
extern const struct hf_section hf_sections[];
extern const size_t hf_nsection;
/* NULL if there is no section of that key. */
const struct hf_section *hf_section_find(const char *plural);
/* Registered kind for a section with a choice; NULL if unknown. */
const struct hf_kind *hf_section_kind(
    const struct hf_section *s, const struct hf_registry *r, const char *name);
/* All registered kinds of a section with a choice; *n of them. */
const struct hf_kind *const *hf_section_kinds(
    const struct hf_section *s, const struct hf_registry *r, size_t *n);
/* Item i of a section (i = 0 for plant, retention, storage), and their
 * count. */
void *hf_section_item(
    const struct hf_section *s, const struct hf_plant *p, size_t i);
size_t hf_section_count(const struct hf_section *s, const struct hf_plant *p);
/* Rows that pack one tag; its file has columns of its own
 * (holdfast-tags(5)). */
extern const struct hf_kind hf_tag_kind;

struct hf_plant *hf_plant_new(void); /* NULL on no memory */
void hf_plant_free(struct hf_plant *p);
/* Resolves names to indexes, patterns to tags, computes keys and the hash,
 * checks what spans sections. Calls report() once per error found (all of them)
 * and returns HF_EINVAL if there was one. `what` names the item:
 * "rules.press7-hot.on". */
typedef void hf_plant_report(void *arg, const char *what, const char *text);
int hf_plant_finish(struct hf_plant *p, const struct hf_registry *reg,
    hf_plant_report *report, void *arg);
/* What works but should be known: a conduit past its review, host-veth, clock:
 * replay, a device without tags, a protocol without mTLS in a zone of SL-T >=
 * 3. For a finished plant; `status` shows them as findings. */
void hf_plant_warn(const struct hf_plant *p, int64_t now_ns,
    hf_plant_report *report, void *arg);
/* Appends a zeroed tag with its defaults (NaN where nothing is given); before
 * hf_plant_finish. NULL at HF_PLANT_NTAG or without memory. The address moves
 * with the next call. */
struct hf_tag *hf_plant_add_tag(struct hf_plant *p);
/* Packed form, the same bytes for the same plant. */
int hf_plant_pack(
    const struct hf_plant *p, struct hf_buf *out, struct hf_err *err);
/* New plant, finished. Checks every bound; HF_EPROTO with the reason. */
int hf_plant_unpack(const void *bytes, size_t n, const struct hf_registry *reg,
    struct hf_plant **out, struct hf_err *err);

/* A zone has a broker when a conduit names "broker/<zone>" as `to`: each such
 * conduit (proto mqtt or mqtts, direction listen or both) is one listener. */
bool hf_plant_has_broker(const struct hf_plant *p, uint32_t zone_idx);
/* Index of the zone if the conduit is a listener of its broker, else -1. */
int hf_conduit_broker(const struct hf_plant *p, const struct hf_conduit *c);
/* What a conduit means on the wire: which of our namespaces it belongs to, who
 * opens the connection, and to or from which networks. The firewall, the
 * documents and whoever else enforces conduits ask this one function. */
enum hf_flow_kind {
	HF_FLOW_NONE,	/* no such flow (the plant is in error) */
	HF_FLOW_OPEN,	/* our role opens a connection to far:port */
	HF_FLOW_ACCEPT, /* far opens a connection to our role at port */
	HF_FLOW_INSIDE	/* within this node, no network: a mirror */
};
struct hf_flow {
	enum hf_flow_kind kind;
	uint32_t zone_idx;	/* whose namespace */
	int far_zone;		/* zone of the other party, -1 = none known */
	const char *near, *far; /* the parties as written; near is our role */
	bool is_udp;		/* else TCP */
	bool is_loopback;	/* both ends are in the namespace */
	/* Networks of far (CIDRs or addresses): one, or those of `any`. */
	const char *const *nets;
	size_t nnet;
	const char *one; /* room for nets of one; nets may point at it */
};
/* Fills *out, which must stay where it is; kind HF_FLOW_NONE if the conduit has
 * no meaning. Of p: zones and conduits, finished or not. */
void hf_conduit_flow(
    const struct hf_plant *p, const struct hf_conduit *c, struct hf_flow *out);
/* How far apart the targets of the two zones of a flow are: 0 if they are
 * alike or if only one is known. */
int64_t hf_flow_sl_step(const struct hf_plant *p, const struct hf_flow *f);
/* Its review lies before now. */
bool hf_conduit_is_expired(const struct hf_conduit *c, int64_t now_ns);
/* Expired, listening or writing, in a zone that denies such: never a conduit
 * that only reads. */
bool hf_conduit_is_denied(
    const struct hf_plant *p, const struct hf_conduit *c, int64_t now_ns);
/* What in the plant needs the conduit, appended in words: "device press7". */
void hf_conduit_uses(
    const struct hf_plant *p, const struct hf_conduit *c, struct hf_buf *out);
/* Does the protocol of that name travel over UDP? */
bool hf_proto_is_udp(const char *proto);
/* Why clients of listener c may not read (is_write: write) what the filter
 * covers: words that follow it in a sentence. NULL if they may. Of p: its
 * conduits, zones and exports, finished or not. */
const char *hf_conduit_topic_why(const struct hf_plant *p,
    const struct hf_conduit *c, bool is_write, const char *filter);
/* The message type in a filter below spBv1.0/ and its length: "NDATA", "+", "#"
 * (also of spBv1.0/#); NULL if the filter has none. */
const char *hf_sparkplug_type(const char *filter, size_t *n);
/* A conduit from edge/<other> or zone/<other> to broker/<zone> (proto mqtt,
 * direction push) shows the other zone's namespace in this broker too, cut to
 * its topics_write (none: nothing). True if c is one; core_mirror_plan.c
 * decides which tags a broker mirrors. */
bool hf_conduit_mirror(const struct hf_plant *p, const struct hf_conduit *c,
    uint32_t *from_zone, uint32_t *to_zone);
/* What the tag's contract says of it; NULL if its asset has none. O(levels). */
const struct hf_schema *hf_plant_tag_schema(
    const struct hf_plant *p, const struct hf_tag *t);
/* "_name_vN", N from 1, [a-z0-9_]; not one of our own (_holdfast_...). */
bool hf_contract_name_ok(const char *name);

/* NULL if there is none. O(1) after hf_plant_finish. */
const struct hf_tag *hf_plant_tag(const struct hf_plant *p, const char *path);
const struct hf_tag *hf_plant_tag_by_key(
    const struct hf_plant *p, uint64_t key);
/* The asset whose path is the longest prefix of the tag's path, NULL if
 * none. */
const struct hf_asset *hf_plant_asset_of(
    const struct hf_plant *p, const struct hf_tag *t);

#endif
