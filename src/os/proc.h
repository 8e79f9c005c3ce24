/* SPDX-License-Identifier: Apache-2.0
 *
 * proc.h - the steps between fork and exec, and the rights of the launcher.
 *
 * A launcher child calls hf_proc_isolate(), makes what must be made inside the
 * new namespaces (listeners), and ends with hf_proc_exec_self(). What a role
 * gives up after exec is in sandbox.h.
 */
#ifndef HF_OS_PROC_H
#define HF_OS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* fork() with all signals blocked over it; the child gets default handlers and
 * an empty mask, its own process group, /dev/null as stdin, and dies with its
 * parent. -1 on failure. */
pid_t hf_proc_fork(void);
/* unshare(flags), one flag at a time so that one that is refused does not take
 * the others along; mounts become private. Failures are not told here: the
 * role itself checks where it is (hf_sandbox_enter) and refuses to start. */
void hf_proc_isolate(int flags);
/* Detached mount of a directory, to be moved into a role's root; it can be made
 * without a way through the folders above. 0 if the machine or the rights do
 * not allow it. Call before hf_proc_isolate(). */
int hf_tree_clone(int dirfd);
/* exec of this program as `--role name`, with nothing inherited but fd 0-2 and
 * keep[], and no environment but `setting` ("NAME=value") and TZ. Returns only
 * on failure. */
void hf_proc_exec_self(
    const char *name, const char *setting, const int *keep, size_t nkeep);
/* This process and all it starts keep only these capabilities (mask of
 * 1 << CAP_x). A right that it never had is no error. */
int hf_caps_keep(uint64_t mask, struct hf_err *err);
/* "killed by signal 9 (Killed)", "exit code 70"; returns buf. */
char *hf_proc_end_text(int wait_status, char *buf, size_t cap);

#endif
