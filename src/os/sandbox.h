/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.h - the one place where a process gives up its rights.
 *
 * A role file calls hf_sandbox_enter() right after it has its descriptors and
 * before the first foreign byte. Mandatory layers fail closed: one that cannot
 * be had ends the start, unless the parent was started with --insecure, which
 * lists it instead. Order: namespaces (unshare or setns were done by the
 * launcher before exec), identity check and one forbidden connect that must
 * fail (empty network), empty root, uid/gid and capabilities, no_new_privs,
 * resource limits, seccomp allow list (default EPERM).
 */
#ifndef HF_OS_SANDBOX_H
#define HF_OS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum hf_layer {			    /* bits; names in hf_layer_names */
	HF_LAYER_UID = 1u << 0,	    /* own uid and gid, no capabilities */
	HF_LAYER_NNP = 1u << 1,	    /* no_new_privs */
	HF_LAYER_NET = 1u << 2,	    /* empty network namespace, checked */
	HF_LAYER_ROOT = 1u << 3,    /* empty root, listed folders only */
	HF_LAYER_SECCOMP = 1u << 4, /* allow list */
	HF_LAYER_RLIMIT = 1u << 5,  /* no core dump, bounded files */
	HF_NLAYER = 6
};
/* "uid" "no_new_privs" "empty_network" ... */
extern const char *const hf_layer_names[HF_NLAYER];
/* "uid no_new_privs seccomp" for a mask; returns buf. */
char *hf_layer_text(uint32_t layers, char *buf, size_t cap);

struct hf_sandbox_dir {
	int fd;		/* open O_DIRECTORY fd of what may be seen ... */
	const char *at; /* ... under this name in the empty root: "log", or
			   "drop/3": folders above are made */
	bool is_writable;
	bool is_file;	  /* one file, not opened again inside */
	bool is_device;	  /* ... a character device that may be used */
	bool is_exec;	  /* programs and libraries in it may run */
	bool is_optional; /* what the uid may not open is told, not fatal */
	/* The same as a detached mount (hf_tree_clone); 0 = none: then its path
	 * must be reachable in this namespace. */
	int tree;
};

struct hf_sandbox_link { /* a symbolic link in the empty root */
	const char *at, *to;
};

struct hf_sandbox {
	const char *role;   /* "core": for messages */
	uint32_t mandatory; /* hf_layer bits */
	uint32_t optional;  /* tried; a failure is reported, not fatal */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroup; /* supplementary */
	const struct hf_sandbox_dir *dirs;
	size_t ndir;
	const struct hf_sandbox_link *links;
	size_t nlink;
	const int *syscalls;
	size_t nsyscall;	  /* allow list, system call numbers */
	int64_t max_memory_bytes; /* RLIMIT_AS, 0 = none */
	int64_t max_files;	  /* RLIMIT_NOFILE, 0 = 256 */
	/* Inodes of the launcher's namespaces (hf_ns_inode): a role that finds
	 * itself in one of these was not placed and does not start. 0 =
	 * unknown: NET is then judged by the forbidden connect alone, and ROOT
	 * counts as missing, since pivot_root in the host's mount namespace
	 * would hit the host. */
	uint64_t host_netns, host_mntns;
};

#define HF_SANDBOX_NDIR 40
#define HF_SANDBOX_PATH 512

struct hf_sandbox_state {
	uint32_t have;	  /* layers that stand */
	uint32_t missing; /* asked for and not there (optional or insecure) */
	char why[256];	  /* what the machine lacks for the missing ones */
	size_t ndir;	  /* for hf_sandbox_dir_path */
	struct {
		int fd;
		int why_not; /* errno of one that is_optional; 0 = open */
		char real[HF_SANDBOX_PATH];
	} dirs[HF_SANDBOX_NDIR];
};

/* On HF_OK the process is confined and *out says how. is_insecure: a mandatory
 * layer that cannot be had is reported in missing instead of refused.
 * HF_EDENIED with the layer's name and what the machine lacks. */
int hf_sandbox_enter(const struct hf_sandbox *s, bool is_insecure,
    struct hf_sandbox_state *out, struct hf_err *err);
/* Path under which the process can open directory d from now on: "/log" where
 * HF_LAYER_ROOT stands (d->fd then is the directory inside the empty root, so
 * ".." leads nowhere), else its real path as it was before. HF_ELIMIT,
 * HF_ENOTFOUND. */
int hf_sandbox_dir_path(const struct hf_sandbox_state *st,
    const struct hf_sandbox_dir *d, char *buf, size_t cap);
/* Inode of a namespace of this process: "net", "mnt"; 0 if unknown. */
uint64_t hf_ns_inode(const char *name);
/* Which layers this machine and user can have; why[] (>= 256 bytes) names what
 * is lacking. Forks to try. */
uint32_t hf_sandbox_probe(char *why, size_t cap);
/* The allow list every role shares (read, write, futex, ...); see
 * sandbox_calls.c. */
extern const int hf_calls_base[];
extern const size_t hf_ncalls_base;
extern const int hf_calls_file[]; /* below its own directories */
extern const size_t hf_ncalls_file;
extern const int hf_calls_thread[];
extern const size_t hf_ncalls_thread;
extern const int hf_calls_net[]; /* make and connect sockets */
extern const size_t hf_ncalls_net;
extern const int hf_calls_listen[]; /* accept on a listener */
extern const size_t hf_ncalls_listen;
extern const int hf_calls_unix[]; /* UNIX sockets only, never INET */
extern const size_t hf_ncalls_unix;
extern const int hf_calls_serial[]; /* termios of a serial line */
extern const size_t hf_ncalls_serial;
/* Complete list of a guest: a foreign server that is confined before exec. */
extern const int hf_calls_guest[];
extern const size_t hf_ncalls_guest;

/* Numbers in such a list that are no system call but a row of sandbox.c's table
 * of arguments: the call named behind, with these arguments only. */
enum hf_call_rule {
	HF_CALL_UNIX_SOCKET = 1 << 20, /* socket, socketpair: AF_UNIX */
	HF_CALL_TERMIOS,	       /* ioctl: what termios is made of */
	HF_CALL_MAP_CODE,	       /* mmap: code, never writable too */
	HF_CALL_NETLINK		       /* socket: AF_NETLINK, NETLINK_ROUTE */
};

#endif
