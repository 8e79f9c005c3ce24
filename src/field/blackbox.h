/* SPDX-License-Identifier: Apache-2.0
 *
 * blackbox.h - whose bytes edge is parsing, kept where a crash cannot reach it.
 *
 * Edge marks the device and copies its bytes into a shared file mapping before
 * it parses them, and clears the mark afterwards. A process that died in
 * between leaves the mark standing; the next edge finds it, keeps the input as
 * evidence and counts one death for that device. At two deaths the device is
 * quarantined. Layouts in blackbox.c.
 */
#ifndef HF_FIELD_BLACKBOX_H
#define HF_FIELD_BLACKBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HF_BLACKBOX_INPUT 4096 /* bytes kept of one input */
#define HF_BLACKBOX_DEATHS 2   /* that put a device into quarantine */

struct hf_blackbox;

/* dirfd: the spool folder, borrowed. Reads what an earlier edge left. */
int hf_blackbox_open(int dirfd, struct hf_blackbox **out, struct hf_err *err);
void hf_blackbox_close(struct hf_blackbox *b);
/* Cheap: two memory writes and one copy. */
void hf_blackbox_begin(
    struct hf_blackbox *b, const char *device, const void *p, size_t n);
void hf_blackbox_end(struct hf_blackbox *b);
/* Deaths counted for a device; quarantined from HF_BLACKBOX_DEATHS on. */
int hf_blackbox_deaths(const struct hf_blackbox *b, const char *device);
bool hf_blackbox_is_quarantined(
    const struct hf_blackbox *b, const char *device);
/* Name of the device during whose input the last edge died, NULL if none. */
const char *hf_blackbox_last_death(const struct hf_blackbox *b);
/* Gives every device another chance (after a reload); *n = how many were in
 * quarantine. */
int hf_blackbox_release(struct hf_blackbox *b, size_t *n, struct hf_err *err);

#endif
