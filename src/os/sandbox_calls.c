/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox_calls.c - which system calls a role may make, as a few short lists.
 *
 * Everything that is not listed is answered with EPERM. Absent on purpose:
 *  - execve, fork, vfork, ptrace, kill, setns, unshare, mount, bpf, io_uring:
 *    no role needs them after it has started;
 *  - socket() and connect() outside NET: audit and web cannot make a socket of
 *    any kind, core can make UNIX ones only (UNIX), towards its brokers;
 *  - shutdown(): the wires are shared with the parent, and a role that shuts
 *  one
 *    down would cut off its own successor. close() is enough for everything
 *    else;
 *  - bind() and listen(): listeners are made by the launcher before exec.
 * Some calls are allowed with certain arguments only; sandbox.c has that table
 * (memory is never executable and writable, clone makes threads only, ...).
 * Numbers are libseccomp's: a call that this machine's architecture does not
 * have is negative and left out.
 */
#include <seccomp.h>

#include "os/sandbox.h"

#define N(v) (sizeof(v) / sizeof((v)[0]))

/* Memory, time, wires that are already open, the loop, the end. */
const int hf_calls_base[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv),
    SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fstat),
    /* glibc makes fstat() of it; without folders there is nothing to name */
    SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(dup),
    SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(brk), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(futex),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(restart_syscall), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(poll),
    SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
    SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(getrusage), SCMP_SYS(prlimit64),
    SCMP_SYS(prctl), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
    SCMP_SYS(exit), SCMP_SYS(exit_group)};
const size_t hf_ncalls_base = N(hf_calls_base);

/* Files and folders below the directories that the empty root shows. */
const int hf_calls_file[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat),
    SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(pwrite64),
    SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
    SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
    SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown), SCMP_SYS(fchownat),
    SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(flock), SCMP_SYS(umask),
    SCMP_SYS(utimensat), SCMP_SYS(linkat), SCMP_SYS(msync)};
const size_t hf_ncalls_file = N(hf_calls_file);

/* Threads; clone() is checked for CLONE_THREAD, clone3() answers ENOSYS so
 * that libc falls back to it. */
const int hf_calls_thread[] = {SCMP_SYS(clone), SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler)};
const size_t hf_ncalls_thread = N(hf_calls_thread);

/* Sockets of the families UNIX, INET and INET6. */
const int hf_calls_net[] = {SCMP_SYS(socket), SCMP_SYS(connect),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom)};
const size_t hf_ncalls_net = N(hf_calls_net);

/* Clients of a listener that was inherited. */
const int hf_calls_listen[] = {SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom)};
const size_t hf_ncalls_listen = N(hf_calls_listen);

/* A client of a local broker: libmosquitto makes a socketpair() for itself and
 * one stream to the broker's socket. Not shutdown(), see above. */
const int hf_calls_unix[] = {HF_CALL_UNIX_SOCKET, SCMP_SYS(connect),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom)};
const size_t hf_ncalls_unix = N(hf_calls_unix);

/* libmodbus on a line: open, termios, select, read, write. */
const int hf_calls_serial[] = {
    HF_CALL_TERMIOS, SCMP_SYS(select), SCMP_SYS(pselect6)};
const size_t hf_ncalls_serial = N(hf_calls_serial);

/* mosquitto, from its loader's first step on: it may load code from its
 * read-only root, listen, and unlink its own sockets; no clone, no ptrace, no
 * mount, no kill. execve() stays, since this list stands before it; the root
 * holds no other program. */
const int hf_calls_guest[] = {SCMP_SYS(execve), SCMP_SYS(arch_prctl),
    SCMP_SYS(set_tid_address), HF_CALL_MAP_CODE, SCMP_SYS(read),
    SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(open),
    SCMP_SYS(openat), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(readlink),
    SCMP_SYS(getcwd), SCMP_SYS(getdents64), SCMP_SYS(dup), SCMP_SYS(dup2),
    SCMP_SYS(dup3), SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(brk), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(tgkill),
    SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(restart_syscall), SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid),
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getgroups), SCMP_SYS(getrusage), SCMP_SYS(prlimit64),
    SCMP_SYS(prctl), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(umask),
    SCMP_SYS(unlink), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
    SCMP_SYS(socket), SCMP_SYS(socketpair), HF_CALL_NETLINK, SCMP_SYS(bind),
    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(shutdown), SCMP_SYS(exit),
    SCMP_SYS(exit_group)};
const size_t hf_ncalls_guest = N(hf_calls_guest);
