/* SPDX-License-Identifier: Apache-2.0
 *
 * inside.h - files of the plant's directory, and no others. Private to
 * src/conf.
 */
#ifndef HF_CONF_INSIDE_H
#define HF_CONF_INSIDE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Relative, at most 255 bytes, no level empty, "." or "..". */
bool hf_inside_ok(const char *path);
/* Whole file dirfd/path, at most max bytes, appended to out. The text of an
 * error reads on behind the file's name. HF_ENOTFOUND, HF_EDENIED (a symbolic
 * link), HF_EINVAL (no regular file), HF_ELIMIT, HF_EIO. */
int hf_inside_read(int dirfd, const char *path, size_t max, struct hf_buf *out,
    struct hf_err *err);

#endif
