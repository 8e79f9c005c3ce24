/* SPDX-License-Identifier: Apache-2.0
 *
 * parent.h - the process that starts the others, watches over them and hands
 * them their configuration. It holds the house together and reads nothing
 * foreign: no YAML, no CSV, no samples, no browser.
 *
 * parent.c       options, probe, folders, wires, the loop, stop
 * parent_inst.c  one role's process: launch, READY, death, messages
 * parent_conf.c  conf child, configuration in two steps, reload
 * parent_broker.c  the guest: files, confinement, READY, reload of a broker
 * parent_edge.c  what of the host an edge is lent: serial line, drop folders
 *
 * Only hf_parent_run() is for others; the rest is shared by these files.
 */
#ifndef HF_PROC_PARENT_H
#define HF_PROC_PARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/counters.h"
#include "model/plant.h"
#include "model/query.h"
#include "os/loop.h"
#include "os/msg.h"
#include "proc/recq.h"
#include "proc/wires.h"

struct hf_parent_times {	      /* all ns */
	int64_t back_first, back_max; /* wait before a restart, doubling */
	int64_t healthy;	      /* alive so long: back-off begins anew */
	int64_t window;		      /* three deaths in it: failing */
	int64_t failing;	      /* wait between tries then */
	int64_t ready;		      /* until READY */
	int64_t conf;		      /* for the conf child */
	int64_t judge;		      /* for all CONFIG_REPLYs of a reload */
	int64_t stop_core, stop_audit, stop_kill; /* from the request on */
};
extern const struct hf_parent_times hf_parent_times;

struct hf_parent_opts {
	const char *conf_dir, *data_dir, *run_dir;
	bool is_insecure;
	int log_level;
	const struct hf_parent_times *times; /* NULL = hf_parent_times */
};
/* Runs until it is told to stop: HF_OK, or HF_ETIMEDOUT if a role had to be
 * killed for it. HF_EINVAL: the plant has errors (all
 * are printed). HF_EDENIED: a layer, a folder or a right is missing. Messages
 * are on stderr. */
int hf_parent_run(const struct hf_parent_opts *o);

/* ---- shared by parent*.c */

/* audit, core, brokers, edges, web */
#define NINST (HF_PLANT_NEDGE + HF_PLANT_NZONE + 3)
#define NPAIR (3 * HF_PLANT_NEDGE + HF_PLANT_NZONE + 6)
#define NDEATH 3 /* deaths in a window that make a role failing */

struct parent;
struct broker; /* parent_broker.c */

struct inst { /* one role, over all its processes */
	struct parent *p;
	enum hf_role role;
	uint8_t zone;	/* edge: index of edge + 1; broker: of zone + 1 */
	char who[96];	/* "core", "edge/press" */
	uint8_t status; /* enum hf_role_status */
	pid_t pid;	/* 0 = no process */
	uint32_t incarnation, restarts, layers, missing;
	int64_t since_ns;	   /* wall, of status */
	char text[400];		   /* last death, or why refused */
	int64_t deaths_ns[NDEATH]; /* monotonic, newest last */
	int64_t back_ns;	   /* before the next restart */
	struct hf_wire wire;	   /* the parent's end */
	struct hf_watch *watch;
	struct hf_watch *timer;	   /* READY late, restart due, or healthy */
	uint64_t offered, applied; /* generations; 0 = none */
	bool is_untold;		   /* status not yet sent to core */
	bool was_stopped;	   /* STOP sent to this process */
	bool is_failing;	   /* told as failing since its last health */
	bool is_violator;	   /* killed for breaking the table */
	bool is_planned;	   /* asked to end, to be started anew */
	bool is_absent;		   /* broker: the plant has none here */
	struct broker *broker;	   /* of a broker, else NULL */
	uint64_t lent, lent_seen;  /* edge: prints of what it was lent */
};

struct pair { /* one wire, both ends held for life */
	enum hf_role a, b;
	uint8_t zone; /* index of edge + 1, or 0 */
	int fd[2];    /* a's end, b's end */
};

struct config { /* a plant as it is handed out */
	struct hf_plant *plant;
	int memfd; /* sealed; -1 = none */
	size_t size;
	uint64_t generation;
};

enum reload_step { RELOAD_IDLE, RELOAD_READING, RELOAD_JUDGING };

struct reload {
	enum reload_step step;
	bool is_first;		  /* of the start: no answer, no judging */
	uint64_t req;		  /* of web's RELOAD */
	uint32_t web_incarnation; /* 0 = not asked by web */
	char actor[64];
	struct config next;
	uint64_t last_generation; /* never used twice, also if refused */
	bool has_agreed[NINST], is_asked[NINST];
	pid_t pid;		/* conf child */
	int out, report, certs; /* memory files of the conf child */
	struct hf_watch *timer;
};

struct house_fd { /* held from the start for life */
	const char *name;
	enum hf_role role;
	uint8_t zone;
	int fd;
};

#define NHOUSE (2 * HF_PLANT_NEDGE + 9)

struct parent {
	const struct hf_parent_opts *o;
	const struct hf_parent_times *t;
	struct hf_loop *loop;
	uint8_t *rx; /* HF_MSG_MAX bytes, for one message at a time */
	struct hf_watch *signals[4], *ticker, *stop_timer;
	struct inst inst[NINST];
	size_t ninst, nstarted; /* in start order */
	struct pair pairs[NPAIR];
	size_t npair;
	struct house_fd house[NHOUSE];
	size_t nhouse;
	int datafd, lockfd, conffd, pkifd; /* pkifd: pki/own */
	int brokerfd;			   /* run/broker */
	char plugin[300]; /* the broker's policy plugin; "" = none */
	int64_t cert_end_ns[HF_PLANT_NZONE]; /* conf_certs.h */
	bool is_root;
	char api[256]; /* path of api.sock */
	uint64_t netns, mntns;
	uint32_t missing; /* layers that this machine cannot give */
	char why_missing[512];
	struct config now;
	struct reload reload;
	struct hf_recq *records;
	struct hf_counters counters;
	int stop_step; /* 0 = running; parent.c */
	bool was_announced;
	bool had_to_kill; /* at the stop: it was not orderly */
	int end_rc;	  /* what hf_parent_run() returns */
};

/* parent_inst.c */
struct inst *inst_find(struct parent *p, enum hf_role r, uint8_t zone);
void inst_start(struct inst *in);
void inst_died(struct inst *in, int wait_status);
void inst_stop(struct inst *in);
int inst_watch(struct inst *in, struct hf_err *err);
void inst_status(struct inst *in, enum hf_role_status s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void inst_tell_core(struct parent *p);
/* READY and its configuration applied. */
bool inst_is_up(const struct inst *in);
void inst_refuse(struct inst *in, const char *why);
/* READY came: record, status, next role. missing: text for people. */
void inst_ready(struct inst *in, const char *missing);
/* Ends the process in an orderly way; it is started again at once, which counts
 * neither as a death nor as a restart. */
void inst_renew(struct inst *in, const char *why);

/* parent_conf.c */
int conf_read(struct parent *p, struct hf_err *err);
/* If pid was the conf child, takes its result. */
bool conf_died(struct parent *p, pid_t pid, int wait_status);
void conf_ask_reload(struct parent *p, const struct hf_query *q, uint64_t req,
    uint32_t web_incarnation);
void conf_offer(struct inst *in, const struct config *c);
void conf_reply(struct inst *in, const struct hf_msg *m);
/* The process that was asked is gone. */
void conf_inst_gone(struct inst *in);
void config_fini(struct config *c);

/* parent_broker.c */
int broker_init(struct parent *p, struct hf_err *err); /* folders, once */
int broker_new(struct inst *in, struct hf_err *err);
void broker_free(struct inst *in);
/* Files for the next process. HF_OK; HF_EAGAIN: it cannot run now (its NIC is
 * not there), to be tried again; else why it must stay down. */
int broker_prepare(struct inst *in, struct hf_err *err);
void broker_launch(struct inst *in); /* the child; does not return */
void broker_started(struct inst *in);
/* A broker that runs with other certificates than lie on disk now. */
bool broker_has_new_tls(const struct inst *in);
/* Where its words are: appended to the text of a death. */
void broker_log_hint(const struct inst *in, char *text, size_t cap);
/* Can all brokers of this plant be configured? */
int broker_judge(
    struct parent *p, const struct hf_plant *q, struct hf_err *err);
/* p->now is another plant, or the same one and its certificates may be new. */
void broker_reload(struct parent *p);

/* parent_edge.c */
struct hf_role_args;
/* In the launcher: line and folders of edge `in`, as far as they are there. */
void lend_give(const struct inst *in, struct hf_role_args *a);
/* Print of what lend_give() would give now; 0 = nothing to lend. */
uint64_t lend_print(const struct inst *in);
/* Does edge i of two plants borrow the same things under the same names? */
bool lend_same(const struct hf_plant *a, const struct hf_plant *b, size_t i);
/* Once a second: edges whose line or folder came, went or changed start
 * anew. */
void lend_tick(struct parent *p);

/* parent.c */
int parent_hold(struct parent *p, const char *name, enum hf_role role,
    uint8_t zone, int fd, struct hf_err *err);
void parent_configured(struct parent *p); /* the first plant is there */
void parent_progress(struct parent *p);	  /* start whoever is next */
void parent_record(struct parent *p, const char *action, const char *actor,
    const char *object, const char *decision, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void parent_quit(struct parent *p, int rc);

#endif
