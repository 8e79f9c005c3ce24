/* SPDX-License-Identifier: Apache-2.0
 *
 * core.h - what the files of the core role share. Private to src/proc/core*.c.
 *
 *   core.c         start, threads, dispatch of messages, stop
 *   core_ingest.c  batches: check, duplicates, detection, to the writer, acks
 *   core_alarm.c   events and alarms: released when durable; system alarms
 *   core_query.c   questions of web: last values, tags, history, acts, try
 *   core_status.c  the status document; core_metrics.c the same as OpenMetrics
 *   core_replay.c  events computed again; core_births.c what that needs
 *   core_export.c  events and records to syslog peers, by a zone's edge
 *   core_mirror.c  the namespace in the brokers; core_tree.c browses it
 *   core_work.c    what moves between the threads; core_writer.c core_reader.c
 *
 * The way of a sample: edge's BATCH -> core_ingest_batch() checks it, steps the
 * detectors, keeps last values, and puts it to the writer; the writer makes it
 * durable and gives it back -> core_ingest_done() acknowledges to edge and
 * releases the events that waited for that frame.
 */
#ifndef HF_PROC_CORE_H
#define HF_PROC_CORE_H

#include <pthread.h>

#include "base/json.h"
#include "detect/alarm.h"
#include "detect/engine.h"
#include "detect/method.h"
#include "proc/core_work.h"
#include "proc/latency.h"
#include "proc/role.h"

#define CORE_NWORK 1024		      /* queue to the writer */
#define CORE_NREAD 256		      /* queue to the reader */
#define CORE_PENDING_BYTES (24 << 20) /* batches the writer may hold */
#define CORE_ROW_BYTES (64 << 20)     /* rows of state.db it may hold */
#define CORE_NCOPY 64		      /* history questions at the writer */
#define CORE_NTRY 16		      /* previews under way */
#define CORE_NALARM 20000
#define CORE_NSPENT 512 /* alarms remembered for budgets */
#define CORE_NROLE (HF_PLANT_NEDGE + HF_PLANT_NZONE + HF_NROLE)

struct core_source { /* one edge */
	uint64_t key;
	uint64_t taken_seq;   /* put to the writer */
	uint64_t durable_seq; /* acknowledged */
	uint64_t seen_seq;    /* fed to detectors */
	bool is_open;	      /* HELLO came: the next batch may leave a hole */
	bool needs_resend;    /* there is a hole behind taken_seq */
	int64_t asked_ns;     /* monotonic, when edge was asked to fill it */
};

struct core_last { /* last value of one tag of the plant */
	struct hf_sample s;
	char *str; /* HF_V_STR: owned copy */
	bool is_set;
};

struct core_event { /* waits for its frame to be durable */
	struct core_event *next;
	uint64_t put_seq;  /* of the batch that raised it */
	struct hf_event e; /* json, rule and detector borrowed ... */
	char *json;	   /* ... json from here */
	uint8_t plant_hash[HF_SHA256_LEN]; /* of what was in force */
};

struct core_spent {		     /* one alarm, for its position's budget */
	char rule[65], position[65]; /* "" = free */
	int64_t to_ns;		     /* source time */
};

struct core_try {
	uint64_t req, web_req;
	uint8_t zone;	  /* whose edge was asked */
	int64_t until_ns; /* monotonic; 0 = free */
};

struct core_act { /* of a person; answered when its row is durable */
	struct core_act *next;
	uint64_t req;
	struct hf_buf json;
};

struct core_old { /* plant before a reload, still pointed into */
	struct core_old *next;
	struct hf_plant *plant;
	uint64_t put_seq; /* events of later batches are not of it */
};

struct core {
	struct hf_role_ctx ctx;
	struct hf_engine *engine;
	struct hf_alarms *alarms;
	struct core_last *last; /* by index of plant->tags */
	struct core_source source[HF_PLANT_NEDGE + 1]; /* by edge idx + 1 */

	/* threads */
	pthread_t writer, reader;
	struct hf_queue *to_writer, *from_writer, *to_reader, *from_reader;
	struct hf_watch *watch_writer, *watch_reader;
	struct hf_writer_conf writer_conf;
	struct hf_reader_conf reader_conf;
	struct hf_counters writer_ctr, reader_ctr;   /* the threads' own */
	struct hf_counters writer_seen, reader_seen; /* as they last told */
	bool has_threads, is_stopping, has_put_stop;
	bool has_writer_ended, has_reader_ended, is_stop_due;
	struct hf_watch *stop_timer;
	struct hf_work *backlog,
	    **backlog_last; /* found no room in to_writer */
	char hist_path[256], state_path[256];
	int detect_fd;

	/* log and store as the loop knows them */
	uint64_t next_seq; /* frame number of the next batch put, as expected */
	uint64_t put_seq;  /* batches put so far */
	uint64_t durable_seq;
	size_t pending_bytes, pending_batches, pending_max;
	size_t row_bytes;     /* rows at the writer */
	size_t ncopy, nplant; /* HF_W_COPY, HF_W_PLANT at the writer */
	bool is_store_failing;
	char store_text[HF_ERR_TEXT];
	int64_t disk_free, last_fold_ns, log_bytes;
	bool is_folding, has_fed_unstored;
	int64_t
	    fold_wish_ns; /* monotonic, since when a fold is wanted; 0 = not */

	/* events */
	struct core_event *events, **events_last; /* in order of seq */
	bool is_replaying;
	uint8_t (
	    *unaudited)[HF_SHA256_LEN]; /* recorded, not yet known durable */
	size_t nunaudited, cap_unaudited;

	struct core_spent spent[CORE_NSPENT]; /* ring */
	size_t nspent;

	/* what others told */
	struct hf_role_state roles[CORE_NROLE];
	size_t nrole;
	struct hf_dev_state *devices;	       /* by index of plant->devices */
	struct hf_counters peer_ctr[HF_NROLE]; /* parent, audit, web */
	struct hf_counters edge_ctr[HF_PLANT_NEDGE + 1];

	struct core_try tries[CORE_NTRY];
	uint64_t next_req;
	struct core_contract *contracts; /* first schema of each name */
	size_t ncontract;
	struct hf_latency decide, release;
	int64_t started_ns, skew_ns, expire_ns;
	struct hf_sample *scratch; /* HF_BATCH_NSAMPLE */
	struct core_act *acts;
	uint64_t act_req; /* of the act under way, 0 = none */
	bool has_act_row;
	struct core_old *olds;
	size_t nreplay;	       /* under way */
	bool *is_born;	       /* by detector, during a start only ... */
	int64_t *births_start; /* ... by tag: first sample replayed */
	int64_t births_wall_ns;
	struct core_exports *exports; /* core_export.c's own */
	struct core_tree *tree;	      /* NULL before the first question */
	struct core_mirror *mirror;   /* NULL: the plant has no broker */
	uint64_t note_seq;    /* put_seq of the batch being taken; 0 = none */
	uint64_t ring_drops;  /* of all edges, as last seen */
	int64_t ring_drop_ns; /* monotonic, when they grew */
};

/* core_ingest.c */
int core_ingest_hello(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err);
int core_ingest_batch(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err);
void core_ingest_done(struct core *c, struct hf_work *w);
void core_store_changed(struct core *c, const struct hf_work *w);
/* Tells every edge what is durable and asks for all behind it: after a
 * start. */
void core_ask_again(struct core *c);
void core_ack_all(struct core *c);
void core_start_fold(struct core *c); /* now, or as soon as it may be */
void core_try_fold(struct core *c);   /* the one that is still wanted */
/* Un-holds or holds edges by what the writer has to do. */
void core_balance(struct core *c);
void core_keep_last(struct core *c, const struct hf_sample *s, const char *str);
/* Rebuilds detectors from snapshots and log, before the threads start. */
int core_rebuild(struct core *c, struct hf_err *err);
/* Gives work to the writer, in order; never drops it: what finds no room in the
 * queue waits in the backlog. Rows are bounded by core_put_row. */
void core_put(struct core *c, struct hf_work *w);
void core_push_backlog(struct core *c);
/* HF_W_EVENT, HF_W_AUDITED, HF_W_ALARM. False: over CORE_ROW_BYTES (a store
 * that fails for long); the row is freed, counted and logged. */
bool core_put_row(struct core *c, struct hf_work *w);

/* core_alarm.c */
void core_on_event(void *arg, const struct hf_event *e); /* engine */
void core_on_alarm(void *arg, const struct hf_alarm_change *ch);
void core_release_events(struct core *c, uint64_t durable_put_seq);
int core_load_alarms(struct core *c, struct hf_err *err);
/* core_budget.c: an alarm of a rule, at source time to_ns, against its
 * position's budget; and those of the stored events, once at start. */
void core_spend(struct core *c, const char *rule, int64_t to_ns);
void core_load_spent(struct core *c);
void core_record(struct core *c, const char *action, const char *actor,
    const char *object, const char *decision, const char *detail);
void core_watch_system(struct core *c); /* once a second */
void core_record_unaudited(struct core *c, struct hf_err *err);

/* core_query.c */
int core_query(struct core *c, const struct hf_msg *m, struct hf_err *err);
void core_query_copied(struct core *c, struct hf_work *w);
void core_query_read(struct core *c, struct hf_work *w);
int core_try_answer(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err);
/* The row of a person's act is durable: answer. req 0: all, the store fails. */
void core_act_stored(struct core *c, uint64_t req);
void core_try_expire(struct core *c, int64_t mono_ns);
/* "value", "quality", "t" and "age_s" of a last value into an open object. */
void core_last_json(struct hf_jw *w, const struct core_last *l, uint32_t status,
    int64_t now_ns);
void core_answer(struct core *c, uint64_t req, int rc, const void *p, size_t n);

/* core_contract.c */
/* May the plant be applied? HF_EINVAL if a contract has changed. */
int core_contracts_judge(
    const struct core *c, const struct hf_plant *p, struct hf_err *err);
/* Of the first plant, before the threads start: reads what state.db knows,
 * judges, stores what is new. */
int core_contracts_first(
    struct core *c, const struct hf_plant *p, struct hf_err *err);
/* Of a reloaded plant: remembers what is new; the writer stores it. */
int core_contracts_next(
    struct core *c, const struct hf_plant *p, struct hf_err *err);
void core_contracts_free(struct core *c);
/* Section "contracts" of the status, and its findings. */
void core_contracts_json(const struct core *c, struct hf_jw *w);
void core_contracts_findings(const struct core *c, struct hf_jw *w);

/* core_status.c */
void core_status_json(struct core *c, struct hf_buf *out);
/* Less free than retention.min_free. */
bool core_is_disk_low(const struct core *c);
/* State of a zone's edge (zone index + 1); NULL before its first word. */
const struct hf_role_state *core_edge_state(const struct core *c, uint8_t zone);
/* What stands behind the slash of "edge/..." and "broker/...", or NULL. */
const char *core_role_zone(const struct core *c, uint8_t role, uint8_t zone);
/* false: a broker that the plant no longer has. */
bool core_has_role(const struct core *c, const struct hf_role_state *r);
/* Status of a last value as it holds now: a good value of a zone whose edge
 * does not run is uncertain, however good it was. */
uint32_t core_status_now(
    const struct core *c, const struct hf_tag *t, const struct core_last *l);

#endif
