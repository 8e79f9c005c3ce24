/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox.c - gives up rights, layer by layer, and proves that they are gone.
 *
 * One function per layer; the order is that of layers[] below and matters:
 *
 *   net       this process must not be in its launcher's network namespace, and
 *             a connect to 192.0.2.1 (RFC 5737, nobody's) must answer
 *             ENETUNREACH. Needs /proc, so it comes before the empty root, and
 *             before seccomp, which would answer first and prove nothing.
 *   root      tmpfs over /tmp of the own mount namespace, bind mounts of the
 *             listed directories in it, pivot_root, the old root detached. The
 *             directory descriptors are then opened anew inside, since an old
 *             one would still lead to the host by "..".
 *   uid       groups, gid, uid; all capability sets must be empty afterwards
 *             and the way back to uid 0 closed.
 *   nnp, rlimit, seccomp: last, as each takes away what those before need.
 *
 * A layer that fails is fatal when it is mandatory, unless --insecure.
 * Namespaces are made by the launcher before exec (src/proc); Landlock, cgroup
 * BPF and nftables are not here yet: each will be one more row.
 * Called once, by a process with one thread.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "os/sandbox.h"

#define MOUNT_POINT "/tmp"    /* covered in the own mount namespace only */
#define NOBODY 65534	      /* uid and gid that the probe takes */
#define FILES_DEFAULT 256     /* RLIMIT_NOFILE where the role does not say */
#define FORBIDDEN "192.0.2.1" /* RFC 5737 TEST-NET-1 */
#define FORBIDDEN_PORT 9      /* discard */

#ifdef HF_SANITIZED
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

const char *const hf_layer_names[HF_NLAYER] = {
    "uid", "no_new_privs", "empty_network", "empty_root", "seccomp", "rlimit"};

char *
hf_layer_text(uint32_t layers, char *buf, size_t cap)
{
	size_t len = 0;
	int i, n;

	buf[0] = '\0';
	for (i = 0; i < HF_NLAYER; i++) {
		if ((layers & 1u << i) == 0)
			continue;
		n = snprintf(buf + len, cap - len, "%s%s", len > 0 ? " " : "",
		    hf_layer_names[i]);
		if (n < 0 || (size_t)n >= cap - len)
			break;
		len += (size_t)n;
	}
	return buf;
}

uint64_t
hf_ns_inode(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static int
sys_fail(struct hf_err *err, const char *what)
{
	return HF_FAIL(err, HF_EDENIED, "%s: %s", what, strerror(errno));
}

/* ---- net */

/* The forbidden connect: any answer other than "no network" is a leak. */
static int
connect_must_fail(int type, struct hf_err *err)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(FORBIDDEN_PORT)};
	int fd, rc, e;

	inet_pton(AF_INET, FORBIDDEN, &to.sin_addr);
	fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sys_fail(err, "socket for the forbidden connect");
	rc = connect(fd, (struct sockaddr *)&to, sizeof(to));
	e = errno;
	close(fd);
	if (rc != 0 && e == ENETUNREACH)
		return HF_OK;
	return HF_FAIL(err, HF_EDENIED,
	    "a connect to " FORBIDDEN " answered \"%s\" where \"%s\" proves "
	    "an empty network namespace",
	    rc == 0 ? "connected" : strerror(e), strerror(ENETUNREACH));
}

static int
enter_net(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	int rc;

	if (s->host_netns != 0 && hf_ns_inode("net") == s->host_netns)
		return HF_FAIL(err, HF_EDENIED,
		    "still in the network namespace "
		    "of the launcher; unshare(CLONE_NEWNET) needs "
		    "CAP_SYS_ADMIN");
	rc = connect_must_fail(SOCK_DGRAM, err);
	return rc != HF_OK ? rc : connect_must_fail(SOCK_STREAM, err);
}

/* ---- root */

/* A directory descriptor made in the host's mount namespace cannot be bind
 * mounted here, so its path is opened again, and must be the same directory. */
static int
reopen_same(int fd, const char *path, bool is_file, struct hf_err *err)
{
	struct stat a, b;
	int n;

	n = open(path, O_PATH | O_CLOEXEC | (is_file ? 0 : O_DIRECTORY));
	if (n < 0)
		return sys_fail(err, path);
	if (fstat(fd, &a) != 0 || fstat(n, &b) != 0 || a.st_dev != b.st_dev ||
	    a.st_ino != b.st_ino) {
		close(n);
		return HF_FAIL(err, HF_EDENIED,
		    "%s is no longer the directory "
		    "that the launcher opened",
		    path);
	}
	return n;
}

/* Puts the directory at `to`: the launcher's detached mount if there is one,
 * which needs no way through the folders above it; else a bind mount. */
static int
attach_dir(
    int fd, const struct hf_sandbox_dir *d, const char *to, struct hf_err *err)
{
	char from[64];

	if (d->tree > 0) {
		if (syscall(SYS_move_mount, d->tree, "", AT_FDCWD, to,
			MOVE_MOUNT_F_EMPTY_PATH) != 0)
			return sys_fail(err, "move_mount");
		return HF_OK;
	}
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, to, NULL, MS_BIND, NULL) != 0)
		return sys_fail(err, "bind mount");
	return HF_OK;
}

/* The place for a mount: its folders, then itself. */
static int
make_place(const char *to, bool is_file, struct hf_err *err)
{
	char up[128];
	size_t i;
	int fd;

	for (i = sizeof(MOUNT_POINT); to[i] != '\0'; i++) {
		if (to[i] != '/')
			continue;
		snprintf(up, sizeof(up), "%.*s", (int)i, to);
		if (mkdir(up, 0755) != 0 && errno != EEXIST)
			return sys_fail(err, up);
	}
	if (!is_file)
		return mkdir(to, 0755) == 0 ? HF_OK : sys_fail(err, to);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return sys_fail(err, to);
	close(fd);
	return HF_OK;
}

static int
bind_dir(int fd, const struct hf_sandbox_dir *d, struct hf_err *err)
{
	unsigned long flags = MS_NOSUID;
	char to[128];
	int rc;

	flags |= d->is_writable ? 0 : MS_RDONLY;
	flags |= d->is_device ? 0 : MS_NODEV;
	flags |= d->is_exec ? 0 : MS_NOEXEC;
	snprintf(to, sizeof(to), MOUNT_POINT "/%s", d->at);
	rc = make_place(to, d->is_file, err);
	if (rc != HF_OK)
		return rc;
	rc = attach_dir(fd, d, to, err);
	if (rc != HF_OK)
		return rc;
	if (mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags, NULL) != 0)
		return sys_fail(err, "remount");
	return HF_OK;
}

/* From here on "/" is the tmpfs; nothing of the old tree is reachable. */
static int
pivot(struct hf_err *err)
{
	const unsigned long flags =
	    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, MOUNT_POINT, NULL, flags, NULL) != 0)
		return sys_fail(err, "tmpfs read-only");
	if (chdir(MOUNT_POINT) != 0)
		return sys_fail(err, "chdir " MOUNT_POINT);
	if (syscall(SYS_pivot_root, ".", ".") != 0)
		return sys_fail(err, "pivot_root");
	if (umount2(".", MNT_DETACH) != 0)
		return sys_fail(err, "umount of the old root");
	if (chdir("/") != 0)
		return sys_fail(err, "chdir /");
	return HF_OK;
}

static int
make_root(const struct hf_sandbox *s, const int *src, struct hf_err *err)
{
	size_t i;
	int rc;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return sys_fail(err, "private mounts");
	if (mount("holdfast", MOUNT_POINT, "tmpfs",
		MS_NOSUID | MS_NODEV | MS_NOEXEC,
		"mode=0755,size=64k,nr_inodes=128") != 0)
		return sys_fail(err, "tmpfs");
	for (i = 0; i < s->ndir; i++) {
		rc = bind_dir(src[i], &s->dirs[i], err);
		if (rc != HF_OK) {
			hf_err_prefix(err, "/%s", s->dirs[i].at);
			return rc;
		}
	}
	for (i = 0; i < s->nlink; i++) {
		char at[128];

		snprintf(at, sizeof(at), MOUNT_POINT "/%s", s->links[i].at);
		if (symlink(s->links[i].to, at) != 0)
			return sys_fail(err, at);
	}
	return pivot(err);
}

static int
enter_root(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	int src[HF_SANDBOX_NDIR], rc = HF_OK;
	size_t i, n = 0;

	if (s->host_mntns == 0 || hf_ns_inode("mnt") == s->host_mntns)
		return HF_FAIL(err, HF_EDENIED,
		    "no own mount namespace; "
		    "unshare(CLONE_NEWNS) needs CAP_SYS_ADMIN");
	for (n = 0; n < s->ndir; n++) {
		src[n] = -1;
		if (s->dirs[n].tree > 0)
			continue;
		src[n] = reopen_same(
		    s->dirs[n].fd, st->dirs[n].real, s->dirs[n].is_file, err);
		if (src[n] < 0) {
			rc = src[n];
			break;
		}
	}
	if (rc == HF_OK)
		rc = make_root(s, src, err);
	for (i = 0; i < n; i++) {
		if (src[i] >= 0)
			close(src[i]);
		if (s->dirs[i].tree > 0)
			close(s->dirs[i].tree);
	}
	return rc;
}

/* After the uid: the role's own rights decide. Keeps the numbers. */
static int
open_inside(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	char at[128];
	size_t i;
	int fd;

	for (i = 0; i < s->ndir; i++) {
		if (s->dirs[i].is_file)
			continue;
		snprintf(at, sizeof(at), "/%s", s->dirs[i].at);
		fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && s->dirs[i].is_optional) {
			st->dirs[i].why_not = errno;
			/* the host's side of it would lead out by ".." */
			close(s->dirs[i].fd);
			continue;
		}
		if (fd < 0)
			return HF_FAIL(err, HF_EDENIED,
			    "%s: %s; uid %u must "
			    "be able to read it",
			    at, strerror(errno), (unsigned)geteuid());
		if (dup3(fd, s->dirs[i].fd, O_CLOEXEC) < 0) {
			close(fd);
			return sys_fail(err, "dup3");
		}
		close(fd);
	}
	return HF_OK;
}

/* ---- uid */

static int
caps_must_be_gone(struct hf_err *err)
{
	struct __user_cap_header_struct h = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}, {0}};
	int i;

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) != 0 || syscall(SYS_capget, &h, d) != 0)
		return sys_fail(err, "capabilities");
	for (i = 0; i < 2; i++)
		if ((d[i].effective | d[i].permitted | d[i].inheritable) != 0)
			return HF_FAIL(err, HF_EDENIED,
			    "capabilities are left after the change of uid");
	if (setresuid(0, 0, 0) == 0)
		return HF_FAIL(
		    err, HF_EDENIED, "the way back to uid 0 is open");
	return HF_OK;
}

static int
enter_uid(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	if (s->uid == (uid_t)-1 || s->uid == 0)
		return HF_FAIL(err, HF_EDENIED, "no uid of its own was given");
	if (setgroups(s->ngroup, s->groups) != 0)
		return sys_fail(err, "setgroups (needs CAP_SETGID)");
	if (setresgid(s->gid, s->gid, s->gid) != 0)
		return sys_fail(err, "setresgid (needs CAP_SETGID)");
	if (setresuid(s->uid, s->uid, s->uid) != 0)
		return sys_fail(err, "setresuid (needs CAP_SETUID)");
	return caps_must_be_gone(err);
}

/* ---- no_new_privs, limits */

static int
enter_nnp(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return sys_fail(err, "prctl(PR_SET_NO_NEW_PRIVS)");
	return HF_OK;
}

static int
limit(int what, int64_t n, struct hf_err *err)
{
	struct rlimit r = {.rlim_cur = (rlim_t)n, .rlim_max = (rlim_t)n};

	return setrlimit((__rlimit_resource_t)what, &r) == 0
		   ? HF_OK
		   : sys_fail(err, "setrlimit");
}

static int
enter_rlimit(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	int rc;

	rc = limit(RLIMIT_CORE, 0, err);
	if (rc == HF_OK)
		rc = limit(RLIMIT_NOFILE,
		    s->max_files > 0 ? s->max_files : FILES_DEFAULT, err);
	/* the sanitizers reserve terabytes of address space */
	if (rc == HF_OK && s->max_memory_bytes > 0 && !IS_SANITIZED)
		rc = limit(RLIMIT_AS, s->max_memory_bytes, err);
	return rc;
}

/* ---- seccomp */

struct arg_rule { /* a call that is allowed with these arguments only */
	int call; /* as it stands in a list: a system call, or ... */
	unsigned arg;
	enum scmp_compare op;
	uint64_t a, b; /* MASKED_EQ: mask, value; EQ: value */
	int real;      /* ... enum hf_call_rule, and this is the call */
};
static const struct arg_rule arg_rules[] = {
    {SCMP_SYS(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0, 0},
    {SCMP_SYS(mprotect), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0, 0},
    {SCMP_SYS(clone), 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_UNIX, 0, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET, 0, 0},
    {SCMP_SYS(socket), 0, SCMP_CMP_EQ, AF_INET6, 0, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, FIONREAD, 0, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, FIONBIO, 0, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, SIOCOUTQ, 0, 0},
    {SCMP_SYS(ioctl), 1, SCMP_CMP_EQ, TCGETS, 0, 0},
    {SCMP_SYS(prctl), 0, SCMP_CMP_EQ, PR_SET_NAME, 0, 0},
    {SCMP_SYS(prlimit64), 0, SCMP_CMP_EQ, 0, 0, 0}, /* itself */
    {SCMP_SYS(socketpair), 0, SCMP_CMP_EQ, AF_UNIX, 0, 0},
    {HF_CALL_UNIX_SOCKET, 0, SCMP_CMP_EQ, AF_UNIX, 0, SCMP_SYS(socket)},
    {HF_CALL_UNIX_SOCKET, 0, SCMP_CMP_EQ, AF_UNIX, 0, SCMP_SYS(socketpair)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TCSETS, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TCSETSW, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TCFLSH, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TIOCEXCL, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TIOCMGET, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TIOCMSET, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TIOCGRS485, 0, SCMP_SYS(ioctl)},
    {HF_CALL_TERMIOS, 1, SCMP_CMP_EQ, TIOCSRS485, 0, SCMP_SYS(ioctl)},
    {HF_CALL_MAP_CODE, 2, SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_EXEC,
	SCMP_SYS(mmap)},
    {HF_CALL_NETLINK, 0, SCMP_CMP_EQ, AF_NETLINK, 0, SCMP_SYS(socket)},
};

static int
allow_arg(scmp_filter_ctx f, int call, struct scmp_arg_cmp arg)
{
	return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, call, 1, &arg);
}

static int
allow(scmp_filter_ctx f, int call)
{
	bool has_rule = false;
	size_t i;
	int rc = 0;

	if (call < 0)
		return 0;	      /* not on this architecture */
	if (call == SCMP_SYS(tgkill)) /* abort(); others may share the uid */
		return allow_arg(f, call,
		    (struct scmp_arg_cmp){.arg = 0,
			.op = SCMP_CMP_EQ,
			.datum_a = (scmp_datum_t)getpid()});
	for (i = 0; i < sizeof(arg_rules) / sizeof(arg_rules[0]); i++) {
		const struct arg_rule *r = &arg_rules[i];

		if (r->call != call)
			continue;
		has_rule = true;
		rc = allow_arg(f, r->real != 0 ? r->real : call,
		    (struct scmp_arg_cmp){.arg = r->arg,
			.op = r->op,
			.datum_a = r->a,
			.datum_b = r->b});
		if (rc != 0)
			return rc;
	}
	return has_rule ? 0 : seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0);
}

static int
load_filter(const int *calls, size_t n)
{
	scmp_filter_ctx f;
	size_t i;
	int rc = 0;

	f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (f == NULL)
		return -ENOMEM;
	/* no_new_privs is a layer of its own; without it, root alone may
	 * load */
	rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0);
	for (i = 0; rc == 0 && i < n; i++)
		rc = allow(f, calls[i]);
	if (rc == 0 && SCMP_SYS(clone3) >= 0)
		rc = seccomp_rule_add(
		    f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

static int
enter_seccomp(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	int rc;

	if (IS_SANITIZED)
		return HF_FAIL(err, HF_EUNSUPPORTED,
		    "this is a sanitizer "
		    "build, whose run time needs more calls");
	rc = load_filter(s->syscalls, s->nsyscall);
	if (rc != 0)
		return HF_FAIL(err, HF_EDENIED, "filter: %s", strerror(-rc));
	return HF_OK;
}

/* ---- all of it */

static const struct layer {
	uint32_t bit;
	int (*enter)(const struct hf_sandbox *s, struct hf_sandbox_state *st,
	    struct hf_err *err);
} layers[] = {
    {HF_LAYER_NET, enter_net},
    {HF_LAYER_ROOT, enter_root},
    {HF_LAYER_UID, enter_uid},
    {HF_LAYER_NNP, enter_nnp},
    {HF_LAYER_RLIMIT, enter_rlimit},
    {HF_LAYER_SECCOMP, enter_seccomp},
};

static const char *
layer_name(uint32_t bit)
{
	int i;

	for (i = 0; i < HF_NLAYER; i++)
		if (bit == 1u << i)
			return hf_layer_names[i];
	return "?";
}

static void
add_why(struct hf_sandbox_state *st, const char *name, const char *text)
{
	size_t len = strlen(st->why);

	snprintf(st->why + len, sizeof(st->why) - len, "%s%s: %s",
	    len > 0 ? "; " : "", name, text);
}

static int
enter_layer(const struct hf_sandbox *s, const struct layer *l, bool is_insecure,
    struct hf_sandbox_state *st, struct hf_err *err)
{
	struct hf_err why = {0};
	int rc;

	rc = l->enter(s, st, &why);
	if (rc == HF_OK) {
		st->have |= l->bit;
		return HF_OK;
	}
	st->missing |= l->bit;
	add_why(st, layer_name(l->bit), why.msg);
	/* A sanitizer build cannot have seccomp and says so; no other build is
	 * ever excused. */
	if ((s->mandatory & l->bit) == 0 || is_insecure ||
	    (IS_SANITIZED && rc == HF_EUNSUPPORTED))
		return HF_OK;
	return HF_FAIL(err, HF_EDENIED, "%s: sandbox layer %s: %s", s->role,
	    layer_name(l->bit), why.msg);
}

static int
note_dirs(
    const struct hf_sandbox *s, struct hf_sandbox_state *st, struct hf_err *err)
{
	char link[64];
	ssize_t n;
	size_t i;

	if (s->ndir > HF_SANDBOX_NDIR)
		return HF_FAIL(
		    err, HF_ELIMIT, "%s: %zu directories", s->role, s->ndir);
	for (i = 0; i < s->ndir; i++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", s->dirs[i].fd);
		n = readlink(link, st->dirs[i].real, HF_SANDBOX_PATH - 1);
		if (n <= 0 || n == HF_SANDBOX_PATH - 1)
			return HF_FAIL(err, HF_EINVAL,
			    "%s: directory %s has no "
			    "path of at most %d bytes",
			    s->role, s->dirs[i].at, HF_SANDBOX_PATH - 2);
		st->dirs[i].real[n] = '\0';
		st->dirs[i].fd = s->dirs[i].fd;
	}
	st->ndir = s->ndir;
	return HF_OK;
}

/* Dies with the parent, cannot be looked into by others of the same uid. After
 * the change of uid, which resets both. */
static void
tie_to_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!IS_SANITIZED) /* their leak check must be able to look */
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
hf_sandbox_enter(const struct hf_sandbox *s, bool is_insecure,
    struct hf_sandbox_state *out, struct hf_err *err)
{
	uint32_t asked = s->mandatory | s->optional;
	size_t i;
	int rc;

	*out = (struct hf_sandbox_state){0};
	rc = note_dirs(s, out, err);
	for (i = 0; rc == HF_OK && i < sizeof(layers) / sizeof(layers[0]);
	     i++) {
		if ((asked & layers[i].bit) != 0)
			rc = enter_layer(s, &layers[i], is_insecure, out, err);
		if (rc == HF_OK && layers[i].bit == HF_LAYER_UID) {
			tie_to_parent();
			if ((out->have & HF_LAYER_ROOT) != 0)
				rc = open_inside(s, out, err);
		}
	}
	return rc;
}

int
hf_sandbox_dir_path(const struct hf_sandbox_state *st,
    const struct hf_sandbox_dir *d, char *buf, size_t cap)
{
	size_t i;
	int n;

	if ((st->have & HF_LAYER_ROOT) != 0) {
		n = snprintf(buf, cap, "/%s", d->at);
		return n > 0 && (size_t)n < cap ? HF_OK : HF_ELIMIT;
	}
	for (i = 0; i < st->ndir; i++)
		if (st->dirs[i].fd == d->fd)
			return hf_strcpy(buf, cap, st->dirs[i].real)
				   ? HF_OK
				   : HF_ELIMIT;
	return HF_ENOTFOUND;
}

/* ---- probe: each layer tried in a child of its own */

static int
try_uid(struct hf_err *err)
{
	struct hf_sandbox s = {.role = "probe", .uid = NOBODY, .gid = NOBODY};

	return enter_uid(&s, NULL, err);
}

static int
try_nnp(struct hf_err *err)
{
	return enter_nnp(NULL, NULL, err);
}

static int
try_net(struct hf_err *err)
{
	if (unshare(CLONE_NEWNET) != 0)
		return sys_fail(err, "unshare(CLONE_NEWNET), needs "
				     "CAP_SYS_ADMIN");
	return connect_must_fail(SOCK_DGRAM, err);
}

static int
try_root(struct hf_err *err)
{
	struct hf_sandbox s = {.role = "probe"};

	if (unshare(CLONE_NEWNS) != 0)
		return sys_fail(err, "unshare(CLONE_NEWNS), needs "
				     "CAP_SYS_ADMIN");
	return make_root(&s, NULL, err);
}

static int
try_seccomp(struct hf_err *err)
{
	struct hf_sandbox s = {.role = "probe",
	    .syscalls = hf_calls_base,
	    .nsyscall = hf_ncalls_base};
	int rc;

	rc = enter_nnp(NULL, NULL, err);
	return rc != HF_OK ? rc : enter_seccomp(&s, NULL, err);
}

static int
try_rlimit(struct hf_err *err)
{
	return limit(RLIMIT_CORE, 0, err);
}

/* Runs fn in a child; its text comes back through a pipe. */
static bool
try_in_child(int (*fn)(struct hf_err *), char *text, size_t cap)
{
	struct hf_err err = {0};
	int p[2], st = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		int rc = fn(&err);

		n = write(p[1], err.msg, strlen(err.msg));
		_exit(rc == HF_OK && n >= 0 ? 0 : 1);
	}
	close(p[1]);
	n = pid > 0 ? read(p[0], text, cap - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	while (pid > 0 && waitpid(pid, &st, 0) < 0 && errno == EINTR)
		continue;
	return pid > 0 && WIFEXITED(st) && WEXITSTATUS(st) == 0;
}

uint32_t
hf_sandbox_probe(char *why, size_t cap)
{
	static const struct {
		uint32_t bit;
		int (*fn)(struct hf_err *err);
	} tries[] = {{HF_LAYER_UID, try_uid}, {HF_LAYER_NNP, try_nnp},
	    {HF_LAYER_NET, try_net}, {HF_LAYER_ROOT, try_root},
	    {HF_LAYER_SECCOMP, try_seccomp}, {HF_LAYER_RLIMIT, try_rlimit}};
	char text[HF_ERR_TEXT];
	uint32_t have = 0;
	size_t i, len = 0;
	int n;

	why[0] = '\0';
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (try_in_child(tries[i].fn, text, sizeof(text))) {
			have |= tries[i].bit;
			continue;
		}
		n = snprintf(why + len, cap - len, "%s%s: %s",
		    len > 0 ? "; " : "", layer_name(tries[i].bit), text);
		if (n > 0 && (size_t)n < cap - len)
			len += (size_t)n;
	}
	return have;
}
