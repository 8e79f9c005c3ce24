/* SPDX-License-Identifier: Apache-2.0
 *
 * wires.h - payloads that only roles know: ROLE_STATE, DEVICE_STATE, and what a
 * role gets at exec.
 *
 * A role is started as `holdfast --role NAME`; everything it needs is in
 * inherited descriptors and one environment variable, HF_ROLE_ENV, written by
 * the parent and read by hf_role_args_get: "zone=1 inc=3 insecure=0 uid=..
 * gid=.. parent=3 core=4 audit=5 dir.log=7 key.audit=9 listen=10". Names of
 * wires are roles; edge wires in core are "edge1".."edge32" by index of
 * plant->edges + 1 (zone= of an edge is that number too).
 */
#ifndef HF_PROC_WIRES_H
#define HF_PROC_WIRES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/plant.h"
#include "os/msg.h"

#define HF_ROLE_ENV "HF_ROLE_ARGS"
#define HF_ROLE_NFD 120

#define HF_ROLE_NFOLDER 32 /* drop folders of one edge */

struct hf_role_fd {
	/* "parent" "core" "edge1" "dir.log" "key.audit" "listen" */
	char name[32];
	int fd;
};

struct hf_role_args {
	enum hf_role role;
	uint8_t zone;	      /* edge: index in plant->edges + 1; else 0 */
	uint32_t incarnation; /* 1, 2, ... of this role */
	bool is_insecure;
	uid_t uid; /* to become; (uid_t)-1 = stay */
	gid_t gid;
	/* A group besides its own, -1 = none. audit: may read the log; edge:
	 * that of its serial line. */
	gid_t evidence_gid;
	int log_level;			 /* enum hf_log_level */
	uint64_t host_netns, host_mntns; /* inodes of the parent's namespaces */
	struct hf_role_fd fds[HF_ROLE_NFD];
	size_t nfd;
};

/* Reads and clears the environment variable, checks that every fd is open and
 * sets close-on-exec on it. */
int hf_role_args_get(struct hf_role_args *a, struct hf_err *err);
int hf_role_args_put(const struct hf_role_args *a, struct hf_buf *out);
/* -1 if there is none of that name. */
int hf_role_fd(const struct hf_role_args *a, const char *name);
/* Wire to a peer; fd -1 if there is none. edge: zone index + 1, else 0. */
struct hf_wire hf_role_wire(
    const struct hf_role_args *a, enum hf_role peer, uint8_t zone);

enum hf_role_status {
	HF_RS_STARTING,
	HF_RS_READY,
	HF_RS_RESTARTING,
	HF_RS_FAILING,
	HF_RS_STOPPED,
	HF_RS_REFUSED
};
extern const char *const hf_role_status_words[];

struct hf_role_state {		    /* ROLE_STATE */
	uint8_t role, zone, status; /* enums; index of edge or zone + 1 */
	int32_t pid;
	uint32_t restarts;	  /* since the parent started */
	uint32_t layers, missing; /* enum hf_layer */
	int64_t since_ns;	  /* wall, of this status */
	int64_t cert_end_ns; /* wall, end of its certificate; 0 = has none */
	char text[400];	     /* last death: "killed by signal 9 (Killed)" */
};
void hf_role_state_encode(const struct hf_role_state *s, struct hf_buf *out);
int hf_role_state_decode(
    const void *p, size_t n, struct hf_role_state *s, struct hf_err *err);

enum hf_dev_status {
	HF_DS_CONNECTING,
	HF_DS_OK,
	HF_DS_DEGRADED,
	HF_DS_DOWN,
	HF_DS_QUARANTINED
};
extern const char *const hf_dev_status_words[];

struct hf_dev_state { /* DEVICE_STATE, at each change and once a second */
	char device[65];
	uint8_t status;	       /* enum hf_dev_status */
	int64_t last_value_ns; /* wall, of the last good sample; HF_TIME_NONE */
	int64_t since_ns;      /* wall, of this status */
	uint64_t requests, answers, timeouts, exceptions, framing, connects,
	    skipped, samples;
	double requests_hz; /* over the last second */
	char text[400];	    /* why it is not OK, next try */
	/* Values and messages dropped since it was opened (no tag, broken
	 * contract), and the newest example. */
	uint64_t dropped;
	char example[400];
};
void hf_dev_state_encode(const struct hf_dev_state *s, struct hf_buf *out);
int hf_dev_state_decode(
    const void *p, size_t n, struct hf_dev_state *s, struct hf_err *err);

/* Roles; each returns the process's exit code. */
/* `holdfast run` is hf_parent_run() (proc/parent.h). */
int hf_role_edge(const struct hf_role_args *a);
int hf_role_core(const struct hf_role_args *a);
int hf_role_audit(const struct hf_role_args *a);
int hf_role_web(const struct hf_role_args *a);
/* `--role conf`: reads the plant directory (fd "dir.plant"), writes the packed
 * plant or all errors as text into the inherited memfd "out", exits 0 or 1. */
int hf_role_conf(const struct hf_role_args *a);

/* The drivers and detection methods of this program. */
extern struct hf_registry hf_registry; /* filled before main; read-only after */

#endif
