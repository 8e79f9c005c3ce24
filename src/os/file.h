/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - files that survive: atomic replacement, durable directories, and the
 * one gate through which log and audit write, so that tests can make a disk
 * fail.
 */
#ifndef HF_OS_FILE_H
#define HF_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* The gate. Default: the system calls. Tests put in their own to inject short
 * writes, ENOSPC, EIO, or to record what a power cut would keep. Set before
 * threads start. */
struct hf_io {
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t off);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*openat)(int dirfd, const char *name, int flags, mode_t mode);
	int (*renameat)(int dfd1, const char *a, int dfd2, const char *b);
	int (*unlinkat)(int dfd, const char *name, int flags);
};
extern const struct hf_io hf_io_system;
void hf_io_set(const struct hf_io *io); /* NULL = system; borrowed */
const struct hf_io *hf_io_get(void);

/* All of n bytes at off, whatever short writes come. HF_ENOSPC, HF_EIO. */
int hf_pwrite_all(
    int fd, const void *p, size_t n, off_t off, struct hf_err *err);
/* Whole file at dirfd/name, at most max bytes, appended to out. HF_ENOTFOUND,
 * HF_ELIMIT, HF_EIO. */
int hf_file_read(int dirfd, const char *name, size_t max, struct hf_buf *out,
    struct hf_err *err);
/* Write to name.tmp, fsync, rename, fsync of the directory. On an error the old
 * file stands, unless it was the last fsync that failed: then the new one does,
 * but may not survive a power cut. */
int hf_file_replace(int dirfd, const char *name, const void *p, size_t n,
    mode_t mode, struct hf_err *err);
int hf_dir_sync(int dirfd, struct hf_err *err);
/* Makes dirfd/name if missing; returns an O_DIRECTORY fd or a negative
 * hf_rc. */
int hf_dir_open(
    int dirfd, const char *name, mode_t mode, bool create, struct hf_err *err);
/* Free bytes of the file system that holds fd; -1 if unknown. */
int64_t hf_disk_free(int fd);

#endif
