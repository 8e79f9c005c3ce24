/* SPDX-License-Identifier: Apache-2.0
 *
 * proc.c - fork, namespaces, descriptors and exec of a role's launcher child;
 * the capabilities of the parent.
 *
 * Not here: policy (which role gets what: src/proc/parent_inst.c) and what a
 * role drops after exec (sandbox.c). Linux calls that libc 2.36 may lack go
 * through syscall().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/proc.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

static void
default_signals(void)
{
	static const int used[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		signal(used[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t
hf_proc_fork(void)
{
	sigset_t all, old;
	pid_t pid;
	int fd;

	/* A handler of the parent's loop that ran in the child would write into
	 * the parent's pipe. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid != 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		return pid;
	}
	default_signals();
	setpgid(0, 0); /* ^C at a terminal is for the parent alone */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	return 0;
}

void
hf_proc_isolate(int flags)
{
	static const int each[] = {
	    CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWNET};
	size_t i;

	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		if ((flags & each[i]) != 0 && unshare(each[i]) == 0 &&
		    each[i] == CLONE_NEWNS)
			(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

int
hf_tree_clone(int dirfd)
{
	long fd;

	fd = syscall(SYS_open_tree, dirfd, "",
	    AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return fd > 0 ? (int)fd : 0;
}

void
hf_proc_exec_self(
    const char *name, const char *setting, const int *keep, size_t nkeep)
{
	/* execve() takes char *const[]; it does not write to them */
	char *const argv[] = {(char *)(uintptr_t) "holdfast",
	    (char *)(uintptr_t) "--role", (char *)(uintptr_t)name, NULL};
	static const char *const passed[] = {
	    "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};
	char env[4][256], *envp[6];
	size_t i, n = 0;

	envp[n++] = (char *)(uintptr_t)setting;
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		const char *v = getenv(passed[i]);

		if (v == NULL || strlen(v) > 200)
			continue;
		snprintf(env[i], sizeof(env[i]), "%s=%s", passed[i], v);
		envp[n++] = env[i];
	}
	envp[n] = NULL;
	if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		return;
	for (i = 0; i < nkeep; i++)
		if (fcntl(keep[i], F_SETFD, 0) != 0)
			return;
	execve("/proc/self/exe", argv, envp);
}

int
hf_caps_keep(uint64_t mask, struct hf_err *err)
{
	struct __user_cap_header_struct h = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];
	int i;

	if (syscall(SYS_capget, &h, d) != 0)
		return HF_FAIL(err, HF_EDENIED, "capget: %s", strerror(errno));
	/* The bounding set is what an exec as uid 0 gets; without CAP_SETPCAP
	 * it stays, and the roles' own drop is what counts. */
	for (i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if ((mask & UINT64_C(1) << i) == 0)
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(mask >> (32 * i));
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &h, d) != 0)
		return HF_FAIL(err, HF_EDENIED, "capset: %s", strerror(errno));
	return HF_OK;
}

char *
hf_proc_end_text(int wait_status, char *buf, size_t cap)
{
	if (WIFSIGNALED(wait_status))
		snprintf(buf, cap, "killed by signal %d (%s)",
		    WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		snprintf(buf, cap, "exit code %d", WEXITSTATUS(wait_status));
	return buf;
}
