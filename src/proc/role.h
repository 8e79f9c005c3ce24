/* SPDX-License-Identifier: Apache-2.0
 *
 * role.h - what every role repeats, so that a role file holds only its own.
 *
 * A role file reads top to bottom:
 *
 *	int
 *	hf_role_audit(const struct hf_role_args *a)
 *	{
 *		struct audit me = {0};
 *
 *		if (hf_role_start(&me.ctx, a, &spec, &hooks, &me) != HF_OK)
 *			return hf_role_exit_code(&me.ctx);
 *		... own timers and watches in me.ctx.loop, own threads ...
 *		return hf_role_run(&me.ctx);
 *	}
 *
 * hf_role_start(): log, loop, wires, hf_sandbox_enter() with the promise of
 * the spec, READY. Nothing foreign is read before it returns HF_OK.
 * hf_role_run(): loops until STOP, the parent's death or hf_role_fail() and
 * returns the exit code. Loop, plant and counters stay usable for the role's
 * own clean-up; hf_role_fini() frees them (or the process just ends).
 *
 * In the loop the context does by itself:
 *  - parent wire: CONFIG (unpack, judge, CONFIG_REPLY), CONFIG_APPLY (apply),
 *    CONFIG_DROP, STOP; the end of the parent ends the process at once.
 *  - RECORD_ACK from audit (recq.h) and COUNTERS to core, once a second.
 *  - a message that breaks msgs.def is dropped and reported to the parent,
 *    which ends its sender; so is one that the hook refuses with HF_EPROTO.
 * The wires of peers are read from the first CONFIG_APPLY on, so a role never
 * gets a peer's message without a plant. What peers sent before that waits in
 * the sockets.
 *
 * Everything here belongs to the loop's thread. A second thread (core's
 * writer) hands its results to the loop through an hf_queue.
 */
#ifndef HF_PROC_ROLE_H
#define HF_PROC_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/counters.h"
#include "model/plant.h"
#include "model/record.h"
#include "os/loop.h"
#include "os/msg.h"
#include "os/sandbox.h"
#include "proc/recq.h"
#include "proc/wires.h"

/* Exit codes between a role and the parent. Any other is a death. */
enum hf_role_exit {
	HF_RX_OK = 0,	    /* after STOP; conf: out holds a plant */
	HF_RX_FOUND = 1,    /* conf only: the report says what is wrong */
	HF_RX_FAILED = 70,  /* said why in its log; will be tried again */
	HF_RX_PARENT = 71,  /* the parent is gone */
	HF_RX_SANDBOX = 78, /* a mandatory layer is missing: stays down */
	HF_RX_CONFIG = 79   /* cannot work with this plant: stays down */
};

/* Lists of system calls that a role needs; the base list is always in. */
#define HF_CALLS_FILE 1u   /* files below its own directories */
#define HF_CALLS_THREAD 2u /* make threads (never processes) */
#define HF_CALLS_NET 4u	   /* make and connect UNIX and INET sockets */
#define HF_CALLS_LISTEN 8u /* accept on the listeners it was given */
#define HF_CALLS_UNIX 16u  /* make and connect UNIX stream sockets, no others */
/* Set up a serial line (termios, select); only if it was handed one. */
#define HF_CALLS_SERIAL 32u

struct hf_role_dir {
	const char *fd_name; /* "dir.log": descriptor in the arguments; its
				mount, "tree.log", has the same ending ... */
	const char *at;	     /* "log": ... seen as "/log" in the empty root */
	bool is_writable;
	bool is_optional; /* may be missing in the arguments */
};

struct hf_role_spec {		      /* the promise */
	uint32_t mandatory, optional; /* enum hf_layer bits */
	uint32_t calls;		      /* HF_CALLS_* */
	const struct hf_role_dir *dirs;
	size_t ndir;		  /* at most HF_SANDBOX_NDIR */
	int64_t max_memory_bytes; /* address space; 0 = no bound */
	int64_t max_files;	  /* 0 = 256 */
};

/* All may be NULL. arg is what hf_role_start() was given. */
struct hf_role_hooks {
	/* Can this plant be applied? HF_OK, or a code and a text for people.
	 * Must not change anything. A refusal of the first plant stays down. */
	int (*judge)(void *arg, const struct hf_plant *p, struct hf_err *err);
	/* Go over to p, which lives until the hook frees it as `old` later, or
	 * the context does at the end. `old` (NULL the first time) is given
	 * away: the hook frees it when nothing of the role points into it any
	 * more. Without the hook the context frees it. A failure ends the role:
	 * HF_EINVAL and HF_EUNSUPPORTED with HF_RX_CONFIG, all else with
	 * HF_RX_FAILED. */
	int (*apply)(void *arg, const struct hf_plant *p, struct hf_plant *old,
	    struct hf_err *err);
	/* STOP came: finish what is durable, then call hf_role_stopped(), which
	 * may be at once. About 0.5 s are given. Without the hook: stopped. */
	void (*stop)(void *arg);
	/* One message of a peer (not the parent's, not RECORD_ACK). m->p is
	 * valid during the call; m->memfd is closed by the context unless the
	 * hook sets it to -1. HF_EPROTO: the sender broke the protocol; err's
	 * text is reported and the parent ends it. Other codes are logged. */
	int (*message)(void *arg, const struct hf_wire *from, struct hf_msg *m,
	    struct hf_err *err);
	/* Once a second, before the counters go to core. */
	void (*tick)(void *arg, int64_t mono_ns);
};

#define HF_ROLE_NWIRE 56

struct hf_role_link; /* one watched wire; role.c's own */

struct hf_role_ctx {
	/* for the role to read */
	struct hf_role_args args; /* a copy */
	struct hf_sandbox_state sandbox;
	struct hf_loop *loop;
	struct hf_counters counters; /* hf_count(&ctx->counters, ...) */
	struct hf_plant *plant;	     /* applied; NULL before the first */
	uint64_t generation;	     /* of plant, 0 before the first */
	/* role.c's own */
	const struct hf_role_spec *spec;
	const struct hf_role_hooks *hooks;
	void *arg;
	char who[96]; /* "edge/press": name in the log */
	struct hf_role_link *links[HF_ROLE_NWIRE];
	size_t nlink;
	struct hf_plant *offered; /* judged, waits for CONFIG_APPLY */
	uint64_t offered_generation;
	struct hf_recq *records;
	struct hf_watch *ticker;
	uint8_t *rx; /* HF_MSG_MAX bytes */
	int exit_code;
	bool is_stopping;
};

/* Takes wires and directories out of *a. HF_EDENIED if a mandatory layer is
 * missing, else what failed; the reason is in the log. */
int hf_role_start(struct hf_role_ctx *ctx, const struct hf_role_args *a,
    const struct hf_role_spec *spec, const struct hf_role_hooks *hooks,
    void *arg);
/* After a hf_role_start() that failed: frees all, HF_RX_SANDBOX or _FAILED. */
int hf_role_exit_code(struct hf_role_ctx *ctx);
int hf_role_run(struct hf_role_ctx *ctx);
/* Frees loop, plant, wires and queue. The role's own watches go before. */
void hf_role_fini(struct hf_role_ctx *ctx);
/* STOP is done: leave the loop with HF_RX_OK. */
void hf_role_stopped(struct hf_role_ctx *ctx);
/* Log the text and leave the loop with this code (enum hf_role_exit). */
void hf_role_fail(struct hf_role_ctx *ctx, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL if there is no such wire. zone: zone index + 1 of an edge, else 0. */
const struct hf_wire *hf_role_peer(
    const struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone);
/* hf_wire_send() to a peer. HF_EAGAIN is counted (fall.wire_full), the caller
 * tries again later. HF_ENOTFOUND if there is no such wire. */
int hf_role_send(struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone,
    enum hf_msg_type type, uint64_t req, const void *p, size_t n,
    struct hf_err *err);
/* One audit record: queued, sent, kept until durable (recq.h). Fills
 * config_hash if the caller left it zero. Not for role audit itself. */
int hf_role_record(struct hf_role_ctx *ctx, const struct hf_record *r);
size_t hf_role_records_waiting(const struct hf_role_ctx *ctx);
/* Stop, or go on, reading one peer: back-pressure. */
void hf_role_hold(
    struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone, bool is_held);
/* Path under which the role can open the directory of spec row `fd_name`:
 * "/log" in the empty root, else its real path. For SQLite; all else uses
 * openat() on the descriptor. */
int hf_role_path(const struct hf_role_ctx *ctx, const char *fd_name, char *buf,
    size_t cap, struct hf_err *err);
/* Directory or file of this name in the arguments as the role may use it, also
 * "dir.drop.N" and "file.serial". -1 if it was not handed over (*why = ENOENT)
 * or if this role may not open it (*why = errno, mostly EACCES). */
int hf_role_dir_fd(const struct hf_role_ctx *ctx, const char *name, int *why);
/* Descriptor of a name in the arguments ("listen", "key.audit"); -1 if none. A
 * key file is shared by all incarnations: read it with pread(). */
int hf_role_ctx_fd(const struct hf_role_ctx *ctx, const char *name);

#endif
