/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_in.h - what the files of the engine share: engine.c (building,
 * feeding), group.c (rows on a grid), rule.c (from scores to events),
 * evidence.c (what an event says), snapshot.c (state out and in), listing.c
 * (state for people). budget.h and drift.h stand beside the method of each
 * signal: limits from a budget, and whether normal running has moved.
 *
 * plant tag --(map of keys)--> et_tag --> signals, one per detector that
 * watches it. A group detector has one signal for all its tags and a struct
 * group that puts samples into rows first. Everything is allocated by
 * hf_engine_new; feeding allocates nothing but the text of an event.
 */
#ifndef HF_DETECT_ENGINE_IN_H
#define HF_DETECT_ENGINE_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/map.h"
#include "base/time.h"
#include "detect/budget.h"
#include "detect/drift.h"
#include "detect/engine.h"
#include "detect/method.h"

#define HF_RING_NSTEP 32  /* steps that an event's input hash covers */
#define HF_GROUP_NSLOT 8  /* rows that wait for their last samples */
#define HF_BLIND_AFTER 10 /* samples without a value until a signal is blind */
#define HF_EVIDENCE_NVAR 32 /* variables that an event lists */
#define HF_EVIDENCE_BYTES 65536

struct det;

/* The last steps of a signal: row i is { t_ns, x[nvar] }. */
struct ring {
	uint32_t n, head; /* rows filled; next row to write */
	int64_t *t_ns;	  /* [HF_RING_NSTEP] */
	double *x;	  /* [HF_RING_NSTEP][nvar] */
};

/* Rows of a group that are still open; see group.c. */
struct group {
	int64_t grid_ns;
	int64_t first; /* number of the oldest open row */
	bool has_first;
	int64_t *seen;	 /* [nvar] newest row number with a sample */
	double *rows;	 /* [HF_GROUP_NSLOT][nvar], NaN = no value yet */
	double *last;	 /* [nvar] newest value, for evidence */
	uint32_t *nmiss; /* [nvar] rows stepped since the last value */
};

struct signal {
	struct det *det;
	const struct hf_tag *tag; /* NULL: group */
	uint32_t idx;		  /* within the detector */
	uint32_t nbad;	 /* samples without a value since the last good one */
	void *state;	 /* of the method */
	int64_t last_ns; /* of the last step, HF_TIME_NONE before */
	uint64_t nstep;
	struct hf_score score;	  /* of the last step; contrib is ours */
	struct hf_budget *budget; /* NULL: the limit is the method's own */
	struct hf_drift drift;
	uint64_t nlearned; /* steps until learning ended */
	struct ring ring;
	uint8_t learned_hash[HF_SHA256_LEN]; /* chain over the learning span */
};

/* One signal under one rule. */
struct rsig {
	uint64_t *bits;	     /* ring of n bits, 1 = anomalous */
	uint32_t pos, count; /* next bit; ones in the ring */
	uint32_t quiet;	     /* steps since the last anomaly */
	uint32_t subj;
	int64_t since_ns; /* first anomalous step of this run */
	bool is_active;
	uint8_t level; /* highest since it became active */
};

/* What a rule's alarms are counted by: a tag, an asset or the rule itself. */
struct subj {
	const char *name;
	uint32_t nactive;
	uint32_t onsets;  /* times it came on within this alarm */
	uint32_t nsig;	  /* signals of this subject */
	uint64_t nreturn; /* steps of them since return_ns */
	bool is_on;
	uint8_t level;	   /* highest that was reported */
	int64_t return_ns; /* condition gone since; HF_TIME_NONE */
};

struct rrun {
	const struct hf_rule *rule;
	uint8_t hash[HF_SHA256_LEN]; /* of name and deciding settings */
	struct rsig *sig;	     /* [det->nsig] */
	struct subj *subj;	     /* [nsubj] */
	size_t nsubj;
};

struct det {
	const struct hf_detector *conf;
	const struct hf_method *method;
	struct hf_engine *engine;
	struct signal *sig;
	size_t nsig, nvar;	    /* nvar: per signal; 1 unless a group */
	const struct hf_tag **tags; /* [ntag], in plant order */
	size_t ntag;
	struct group *group; /* NULL unless a group */
	struct rrun *rule;
	size_t nrule;
	uint8_t model_hash[HF_SHA256_LEN];  /* method, options, tags, learn */
	uint8_t config_hash[HF_SHA256_LEN]; /* and the rules on it */
	uint64_t load_seq; /* frames up to it came with a snapshot */
	uint64_t snap_seq; /* newest snapshot saved or loaded */
	double weight;	   /* of its assets' criticality, for the budget */
	struct hf_budget_conf budget; /* of its signals, limit: budget only */
	/* type, unit and scaling of its tags: what a number means. Beside
	 * model_hash, which is older and does not cover it. */
	uint8_t units_hash[HF_SHA256_LEN];
};

struct et_tag { /* a tag that at least one detector watches */
	const struct hf_tag *tag;
	int64_t watermark_ns; /* newest source time seen */
	uint64_t trust_seq;   /* frames up to it carry their own flags */
	struct et_ref {
		struct signal *sig;
		uint32_t var; /* place in the group */
	} * ref;
	uint32_t nref;
};

struct fed { /* a sample of the batch that is being fed, and its tag */
	struct hf_sample *sm;
	struct et_tag *t;
};

struct hf_engine {
	const struct hf_plant *plant;
	struct hf_counters *ctr;
	hf_event_fn *fn;
	void *fn_arg;
	/* everything that lives as long as the engine */
	struct hf_arena *arena;
	struct hf_map64 *by_key;
	struct et_tag *tag; /* [ntag] */
	size_t ntag;
	struct det *det; /* [ndet] */
	size_t ndet;
	struct fed *order;  /* [HF_BATCH_NSAMPLE], while a batch is fed */
	uint64_t fed_seq;   /* newest frame fed */
	struct hf_buf json; /* of the event being raised */
};

/* engine.c: one step of a signal at t with x[nvar]. */
void hf_signal_step(struct signal *s, int64_t t_ns, const double *x);
void hf_signal_start(struct signal *s); /* as before the first sample */
const double *hf_ring_row(const struct signal *s, uint32_t i, int64_t *t_ns);
/* 0 = oldest */

/* group.c */
int hf_group_new(struct det *d);
void hf_group_start(struct det *d);
void hf_group_feed(struct signal *s, uint32_t var, int64_t t_ns, double x);
/* Has the row of t been stepped (or passed over)? Such a sample is late. */
bool hf_group_is_closed(const struct det *d, int64_t t_ns);

/* rule.c */
int hf_rules_new(struct det *d, struct hf_err *err);
void hf_rules_start(struct rrun *r);
void hf_rules_step(struct signal *s);

/* listing.c: false alarms per second that d may cause; NaN without a
 * budget. */
double hf_det_share_hz(const struct det *d);

/* evidence.c */
int hf_evidence_hashes(struct det *d);
void hf_evidence_raise(struct rrun *r, const struct subj *subj,
    struct signal *at, enum hf_event_kind kind);
/* "options": the method's, as the file would say them. */
void hf_evidence_options(struct hf_jw *w, const struct det *d);
/* Chains the filled ring into s->learned_hash. */
void hf_evidence_learned(struct signal *s);

#endif
