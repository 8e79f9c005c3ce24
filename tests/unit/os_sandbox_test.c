/* SPDX-License-Identifier: Apache-2.0
 *
 * os_sandbox_test.c - what is left to a process after hf_sandbox_enter().
 *
 * Each test confines a child of its own and looks around from inside. The child
 * reports the line of the first check that failed as its exit code's text. A
 * machine without a layer skips the tests that need it, by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <termios.h>
#include <unistd.h>

#include "os/proc.h"
#include "os/sandbox.h"

#define UID 61399
#define SPACES (CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET)

static uint32_t can; /* layers of this machine */

/* In the child: the line goes to the parent through the exit pipe. */
static int tell_fd;
#define MUST(x)                                                             \
	do {                                                                \
		if (!(x)) {                                                 \
			dprintf(tell_fd, "line %d: %s, errno %d", __LINE__, \
			    #x, errno);                                     \
			_exit(1);                                           \
		}                                                           \
	} while (0)

/* Runs body in a child; "" if all its MUSTs held. */
static void
in_child(void (*body)(void *arg), void *arg)
{
	char text[512];
	ssize_t n;
	int p[2], st;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid = hf_proc_fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		tell_fd = p[1];
		body(arg);
		_exit(0);
	}
	close(p[1]);
	n = read(p[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_string_equal(text, "");
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), 0);
}

static void
need(uint32_t layers, const char *test)
{
	char names[128];

	if ((can & layers) == layers)
		return;
	print_message("# %s: this machine lacks %s\n", test,
	    hf_layer_text(layers & ~can, names, sizeof(names)));
	skip();
}

/* As a launcher would, then enters with these layers. */
static int
confine(uint32_t mandatory, const int *calls, size_t n,
    const struct hf_sandbox_dir *dirs, size_t ndir, struct hf_sandbox_state *st,
    struct hf_err *err)
{
	struct hf_sandbox s = {.role = "test",
	    .mandatory = mandatory,
	    .uid = UID,
	    .gid = UID,
	    .dirs = dirs,
	    .ndir = ndir,
	    .syscalls = calls,
	    .nsyscall = n,
	    .max_files = 64,
	    .host_netns = hf_ns_inode("net"),
	    .host_mntns = hf_ns_inode("mnt")};

	hf_proc_isolate(SPACES);
	return hf_sandbox_enter(&s, false, st, err);
}

static void
uid_body(void *arg)
{
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	uid_t r, e, s;
	gid_t groups[4];
	char line[256];
	FILE *f;

	MUST(confine(HF_LAYER_UID, NULL, 0, NULL, 0, &st, &err) == HF_OK);
	MUST(st.have == HF_LAYER_UID && st.missing == 0);
	MUST(getresuid(&r, &e, &s) == 0 && r == UID && e == UID && s == UID);
	MUST(getgroups(4, groups) == 0);
	MUST(setuid(0) == -1 && errno == EPERM);
	MUST(setgid(0) == -1 && errno == EPERM);
	f = fopen("/proc/thread-self/status", "r");
	MUST(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		MUST(strncmp(line, "CapPrm:", 7) != 0 ||
		     strtoull(line + 7, NULL, 16) == 0);
		MUST(strncmp(line, "CapEff:", 7) != 0 ||
		     strtoull(line + 7, NULL, 16) == 0);
	}
	fclose(f);
}

static void
uid_is_dropped_with_all_capabilities_and_groups(void **state)
{
	need(HF_LAYER_UID, __func__);
	in_child(uid_body, NULL);
}

static void
net_body(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	int fd;

	MUST(confine(HF_LAYER_NET, NULL, 0, NULL, 0, &st, &err) == HF_OK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	MUST(fd >= 0);
	to.sin_addr.s_addr = htonl(0xc6336401); /* 198.51.100.1, RFC 5737 */
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 &&
	     errno == ENETUNREACH);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* lo is down */
	MUST(connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1);
}

static void
network_namespace_is_empty(void **state)
{
	need(HF_LAYER_NET, __func__);
	in_child(net_body, NULL);
}

static void
not_placed_body(void *arg)
{
	struct hf_sandbox s = {.role = "test",
	    .mandatory = HF_LAYER_NET,
	    .host_netns = hf_ns_inode("net")};
	struct hf_sandbox_state st;
	struct hf_err err = {0};

	MUST(s.host_netns != 0);
	MUST(hf_sandbox_enter(&s, false, &st, &err) == HF_EDENIED);
	MUST(strstr(err.msg, "empty_network") != NULL);
	MUST(hf_sandbox_enter(&s, true, &st, &err) == HF_OK);
	MUST(st.have == 0 && st.missing == HF_LAYER_NET);
	MUST(strstr(st.why, "empty_network") != NULL);
}

/* The launcher failed to place it: it must not run unconfined. */
static void
role_that_was_not_placed_refuses_unless_insecure(void **state)
{
	in_child(not_placed_body, NULL);
}

static void
wrong_root_body(void *arg)
{
	struct hf_sandbox s = {.role = "test",
	    .mandatory = HF_LAYER_ROOT,
	    .host_mntns = hf_ns_inode("mnt")};
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	struct stat before, after;

	MUST(stat("/", &before) == 0);
	MUST(hf_sandbox_enter(&s, false, &st, &err) == HF_EDENIED);
	s.host_mntns = 0; /* unknown is no better */
	MUST(hf_sandbox_enter(&s, false, &st, &err) == HF_EDENIED);
	MUST(stat("/", &after) == 0 && before.st_ino == after.st_ino &&
	     before.st_dev == after.st_dev);
}

static void
root_of_the_host_is_never_pivoted(void **state)
{
	in_child(wrong_root_body, NULL);
}

struct root_case {
	bool has_tree; /* by detached mount, else by path */
	char dir[64];  /* holds "own" (for UID) and "other" */
};

static void
root_body(void *arg)
{
	const struct root_case *c = arg;
	char path[128], got[64];
	struct hf_sandbox_dir dirs[2] = {
	    {.at = "own", .is_writable = true}, {.at = "fixed"}};
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	int fd;

	snprintf(path, sizeof(path), "%s/own", c->dir);
	dirs[0].fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dirs[1].fd = dup(dirs[0].fd);
	MUST(dirs[0].fd >= 0 && dirs[1].fd >= 0);
	if (c->has_tree) {
		dirs[0].tree = hf_tree_clone(dirs[0].fd);
		dirs[1].tree = hf_tree_clone(dirs[1].fd);
		MUST(dirs[0].tree > 0 && dirs[1].tree > 0);
		/* a launcher without CAP_DAC_* cannot walk there */
		MUST(chmod(c->dir, 0) == 0);
		MUST(hf_caps_keep(UINT64_C(1) << 21 /* SYS_ADMIN */ |
				      UINT64_C(1) << 7 | UINT64_C(1) << 6,
			 &err) == HF_OK);
	}
	if (confine(HF_LAYER_ROOT | HF_LAYER_UID, NULL, 0, dirs, 2, &st,
		&err) != HF_OK) {
		dprintf(tell_fd, "%s", err.msg);
		_exit(1);
	}
	MUST(access("/etc", F_OK) == -1 && errno == ENOENT);
	MUST(access("/proc", F_OK) == -1 && errno == ENOENT);
	MUST(mkdir("/new", 0700) == -1 && (errno == EROFS || errno == EACCES));
	/* the number still works, and ".." ends in the empty root */
	fd = openat(dirs[0].fd, "f", O_RDWR | O_CREAT, 0600);
	MUST(fd >= 0);
	MUST(openat(dirs[0].fd, "../../../../etc/passwd", O_RDONLY) == -1 &&
	     errno == ENOENT);
	MUST(openat(dirs[1].fd, "g", O_RDWR | O_CREAT, 0600) == -1 &&
	     errno == EROFS);
	MUST(openat(dirs[1].fd, "f", O_RDONLY) >= 0);
	MUST(hf_sandbox_dir_path(&st, &dirs[0], got, sizeof(got)) == HF_OK);
	MUST(strcmp(got, "/own") == 0);
	MUST(access("/own/f", F_OK) == 0);
}

static void
try_root(bool has_tree)
{
	struct root_case c = {.has_tree = has_tree, .dir = "/tmp/hf-sb.XXXXXX"};
	char path[128];

	assert_non_null(mkdtemp(c.dir));
	assert_int_equal(chmod(c.dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/own", c.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, UID, UID), 0);
	in_child(root_body, &c);
	chmod(c.dir, 0755);
	snprintf(path, sizeof(path), "%s/own/f", c.dir);
	assert_int_equal(unlink(path), 0); /* it was written on the host */
	snprintf(path, sizeof(path), "%s/own", c.dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(c.dir), 0);
}

static void
root_is_empty_but_for_its_own_directories(void **state)
{
	need(HF_LAYER_ROOT | HF_LAYER_UID, __func__);
	try_root(false);
}

static void
root_takes_directories_below_closed_folders_as_detached_mounts(void **state)
{
	need(HF_LAYER_ROOT | HF_LAYER_UID, __func__);
	try_root(true);
}

static void
nodir_body(void *arg)
{
	struct hf_sandbox_dir d = {.at = "x", .fd = open("/tmp", O_RDONLY)};
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	char path[64], small[3];

	MUST(confine(HF_LAYER_NNP, NULL, 0, &d, 1, &st, &err) == HF_OK);
	MUST(hf_sandbox_dir_path(&st, &d, path, sizeof(path)) == HF_OK);
	MUST(strcmp(path, "/tmp") == 0);
	MUST(hf_sandbox_dir_path(&st, &d, small, sizeof(small)) == HF_ELIMIT);
	d.fd = 999;
	MUST(hf_sandbox_dir_path(&st, &d, path, sizeof(path)) == HF_ENOTFOUND);
}

static void
without_an_empty_root_the_real_path_is_known(void **state)
{
	in_child(nodir_body, NULL);
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
joined(const int *a, size_t na, const int *b, size_t nb, int *out)
{
	memcpy(out, a, na * sizeof(*a));
	memcpy(out + na, b, nb * sizeof(*b));
	return (int)(na + nb);
}

static void
core_body(void *arg)
{
	int calls[256], n;
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	pthread_t t;
	void *p;

	n = joined(hf_calls_base, hf_ncalls_base, hf_calls_file, hf_ncalls_file,
	    calls);
	n += joined(hf_calls_thread, hf_ncalls_thread, NULL, 0, calls + n);
	MUST(confine(HF_LAYER_NNP | HF_LAYER_SECCOMP, calls, (size_t)n, NULL, 0,
		 &st, &err) == HF_OK);
	MUST(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) == -1 && errno == EPERM);
	MUST(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EPERM);
	MUST(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
	MUST(fork() == -1 && errno == EPERM);
	MUST(execl("/bin/true", "true", NULL) == -1 && errno == EPERM);
	MUST(kill(getppid(), 0) == -1 && errno == EPERM);
	MUST(
	    syscall(425 /* io_uring_setup */, 1, NULL) == -1 && errno == EPERM);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	     errno == EPERM);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	MUST(mprotect(p, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EPERM);
	MUST(pthread_create(&t, NULL, nothing, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
	MUST(open("/proc/self/stat", O_RDONLY) >= 0);
}

static void
core_list_has_threads_and_files_but_no_socket_process_or_code(void **state)
{
	need(HF_LAYER_SECCOMP, __func__);
	in_child(core_body, NULL);
}

static void
base_body(void *arg)
{
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	int p[2];

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0);
	MUST(confine(HF_LAYER_NNP | HF_LAYER_SECCOMP, hf_calls_base,
		 hf_ncalls_base, NULL, 0, &st, &err) == HF_OK);
	MUST(open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM);
	MUST(shutdown(p[0], SHUT_RDWR) == -1 && errno == EPERM);
	MUST(write(p[0], "x", 1) == 1);
	MUST(accept4(p[0], NULL, NULL, 0) == -1 && errno == EPERM);
}

static void
base_list_opens_no_file_and_cannot_break_a_wire(void **state)
{
	need(HF_LAYER_SECCOMP, __func__);
	in_child(base_body, NULL);
}

static void
net_list_body(void *arg)
{
	int calls[256], n;
	struct hf_sandbox_state st;
	struct hf_err err = {0};

	n = joined(
	    hf_calls_base, hf_ncalls_base, hf_calls_net, hf_ncalls_net, calls);
	MUST(confine(HF_LAYER_NNP | HF_LAYER_SECCOMP, calls, (size_t)n, NULL, 0,
		 &st, &err) == HF_OK);
	MUST(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	MUST(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
	MUST(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == EPERM);
	MUST(socket(AF_VSOCK, SOCK_STREAM, 0) == -1 && errno == EPERM);
	MUST(
	    listen(socket(AF_INET, SOCK_STREAM, 0), 1) == -1 && errno == EPERM);
}

static void
net_list_has_inet_sockets_but_no_other_family_and_no_listener(void **state)
{
	need(HF_LAYER_SECCOMP, __func__);
	in_child(net_list_body, NULL);
}

static void
rlimit_body(void *arg)
{
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	struct rlimit r;

	MUST(confine(HF_LAYER_RLIMIT, NULL, 0, NULL, 0, &st, &err) == HF_OK);
	MUST(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
	MUST(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max == 64);
}

static void
limits_stand(void **state)
{
	in_child(rlimit_body, NULL);
}

static void
all_body(void *arg)
{
	struct hf_sandbox_state st;
	struct hf_err err = {0};

	if (confine(can, hf_calls_base, hf_ncalls_base, NULL, 0, &st, &err) !=
	    HF_OK) {
		dprintf(tell_fd, "%s", err.msg);
		_exit(1);
	}
	MUST(st.have == can && st.missing == 0 && st.why[0] == '\0');
}

static void
all_layers_of_this_machine_stand_together(void **state)
{
	in_child(all_body, NULL);
}

static void
missing_body(void *arg)
{
	struct hf_sandbox s = {
	    .role = "test", .optional = HF_LAYER_UID, .uid = (uid_t)-1};
	struct hf_sandbox_state st;
	struct hf_err err = {0};

	MUST(hf_sandbox_enter(&s, false, &st, &err) == HF_OK);
	MUST(st.have == 0 && st.missing == HF_LAYER_UID);
	s.mandatory = HF_LAYER_UID;
	MUST(hf_sandbox_enter(&s, false, &st, &err) == HF_EDENIED);
	MUST(strstr(err.msg, "layer uid") != NULL);
}

static void
optional_layer_is_reported_and_mandatory_layer_refuses(void **state)
{
	in_child(missing_body, NULL);
}

static void
names_of_layers_are_listed(void **state)
{
	char text[64];

	assert_string_equal(
	    hf_layer_text(HF_LAYER_UID | HF_LAYER_SECCOMP, text, sizeof(text)),
	    "uid seccomp");
	assert_string_equal(hf_layer_text(0, text, sizeof(text)), "");
}

static void
probe_names_what_is_lacking(void **state)
{
	char why[512], name[64];
	uint32_t have = hf_sandbox_probe(why, sizeof(why));
	int i;

	for (i = 0; i < HF_NLAYER; i++)
		if ((have & 1u << i) == 0)
			assert_non_null(strstr(
			    why, hf_layer_text(1u << i, name, sizeof(name))));
	if (have == (1u << HF_NLAYER) - 1)
		assert_string_equal(why, "");
	assert_int_not_equal(have & HF_LAYER_RLIMIT, 0);
}

static void
unix_body(void *arg)
{
	int calls[256], sv[2];
	size_t n = 0;
	struct hf_sandbox_state st;
	struct hf_err err = {0};

	memcpy(calls, hf_calls_base, hf_ncalls_base * sizeof(*calls));
	n = hf_ncalls_base;
	memcpy(calls + n, hf_calls_unix, hf_ncalls_unix * sizeof(*calls));
	n += hf_ncalls_unix;
	MUST(confine(HF_LAYER_NNP | HF_LAYER_SECCOMP, calls, n, NULL, 0, &st,
		 &err) == HF_OK);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	MUST(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM);
	MUST(socket(AF_INET6, SOCK_DGRAM, 0) == -1 && errno == EPERM);
	MUST(socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM);
	/* a wire shut down would cut off the role's own successor */
	MUST(shutdown(sv[0], SHUT_RDWR) == -1 && errno == EPERM);
	MUST(bind(sv[0], NULL, 0) == -1 && errno == EPERM);
	MUST(listen(sv[0], 1) == -1 && errno == EPERM);
}

static void
unix_list_makes_no_socket_of_another_family(void **state)
{
	need(HF_LAYER_NNP | HF_LAYER_SECCOMP, __func__);
	in_child(unix_body, NULL);
}

static void
termios_body(void *arg)
{
	const int *with = arg;
	int calls[256], fd = posix_openpt(O_RDWR | O_NOCTTY);
	size_t n = hf_ncalls_base;
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	struct termios t;
	int rc;

	memcpy(calls, hf_calls_base, hf_ncalls_base * sizeof(*calls));
	if (*with) {
		memcpy(calls + n, hf_calls_serial,
		    hf_ncalls_serial * sizeof(*calls));
		n += hf_ncalls_serial;
	}
	MUST(fd >= 0 && tcgetattr(fd, &t) == 0);
	MUST(confine(HF_LAYER_NNP | HF_LAYER_SECCOMP, calls, n, NULL, 0, &st,
		 &err) == HF_OK);
	rc = tcsetattr(fd, TCSANOW, &t);
	MUST(*with ? rc == 0 : rc == -1 && errno == EPERM);
	MUST(ioctl(fd, TIOCSTI, "x") == -1 && errno == EPERM);
}

static void
line_is_set_up_only_with_the_serial_list(void **state)
{
	int with = 0;

	need(HF_LAYER_NNP | HF_LAYER_SECCOMP, __func__);
	in_child(termios_body, &with);
	with = 1;
	in_child(termios_body, &with);
}

/* What an edge is lent: a device that works, a folder that it may not open. */
static void
lent_body(void *arg)
{
	const char *dir = arg;
	struct hf_sandbox_dir dirs[3] = {{.at = "null",
					     .is_file = true,
					     .is_device = true,
					     .is_writable = true},
	    {.at = "drop/0", .is_optional = true, .is_writable = true},
	    {.at = "code", .is_exec = true}};
	const struct hf_sandbox_link links[] = {{"bin", "code"}};
	struct hf_sandbox s = {.role = "test",
	    .mandatory = HF_LAYER_ROOT | HF_LAYER_UID,
	    .uid = UID,
	    .gid = UID,
	    .dirs = dirs,
	    .ndir = 3,
	    .links = links,
	    .nlink = 1,
	    .host_mntns = hf_ns_inode("mnt")};
	struct hf_sandbox_state st;
	struct hf_err err = {0};
	struct statvfs v;
	size_t i;

	dirs[0].fd = open("/dev/null", O_PATH | O_CLOEXEC);
	dirs[1].fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	dirs[2].fd = open("/usr/lib", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < 3; i++) {
		MUST(dirs[i].fd >= 0);
		dirs[i].tree = hf_tree_clone(dirs[i].fd);
	}
	hf_proc_isolate(SPACES);
	if (hf_sandbox_enter(&s, false, &st, &err) != HF_OK) {
		dprintf(tell_fd, "%s", err.msg);
		_exit(1);
	}
	MUST(fcntl(dirs[1].fd, F_GETFD) == -1);
	MUST(write(open("/null", O_WRONLY), "x", 1) == 1);
	MUST(statvfs("/null", &v) == 0 && (v.f_flag & ST_NODEV) == 0);
	MUST(st.dirs[1].why_not == EACCES && st.dirs[0].why_not == 0);
	MUST(open("/drop/0", O_RDONLY) == -1 && errno == EACCES);
	MUST(statvfs("/bin", &v) == 0 && (v.f_flag & ST_NOEXEC) == 0 &&
	     (v.f_flag & ST_RDONLY) != 0 && (v.f_flag & ST_NODEV) != 0);
	MUST(statvfs("/drop/0", &v) == 0 && (v.f_flag & ST_NOEXEC) != 0);
}

static void
lent_device_works_and_closed_folder_is_told_not_fatal(void **state)
{
	char dir[] = "/tmp/hf-sb.XXXXXX";

	need(HF_LAYER_ROOT | HF_LAYER_UID, __func__);
	assert_non_null(mkdtemp(dir)); /* 0700 of root */
	in_child(lent_body, dir);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uid_is_dropped_with_all_capabilities_and_groups),
	    cmocka_unit_test(network_namespace_is_empty),
	    cmocka_unit_test(role_that_was_not_placed_refuses_unless_insecure),
	    cmocka_unit_test(root_of_the_host_is_never_pivoted),
	    cmocka_unit_test(root_is_empty_but_for_its_own_directories),
	    cmocka_unit_test(
		root_takes_directories_below_closed_folders_as_detached_mounts),
	    cmocka_unit_test(without_an_empty_root_the_real_path_is_known),
	    cmocka_unit_test(
		core_list_has_threads_and_files_but_no_socket_process_or_code),
	    cmocka_unit_test(base_list_opens_no_file_and_cannot_break_a_wire),
	    cmocka_unit_test(
		net_list_has_inet_sockets_but_no_other_family_and_no_listener),
	    cmocka_unit_test(unix_list_makes_no_socket_of_another_family),
	    cmocka_unit_test(line_is_set_up_only_with_the_serial_list),
	    cmocka_unit_test(
		lent_device_works_and_closed_folder_is_told_not_fatal),
	    cmocka_unit_test(limits_stand),
	    cmocka_unit_test(all_layers_of_this_machine_stand_together),
	    cmocka_unit_test(
		optional_layer_is_reported_and_mandatory_layer_refuses),
	    cmocka_unit_test(names_of_layers_are_listed),
	    cmocka_unit_test(probe_names_what_is_lacking),
	};
	char why[512];

	can = hf_sandbox_probe(why, sizeof(why));
	return cmocka_run_group_tests_name("os_sandbox", tests, NULL, NULL);
}
