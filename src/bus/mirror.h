/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror.h - which last values are still to be published, and may be.
 *
 * A mirror holds one slot a tag. hf_mirror_note() says that a tag has a new
 * value in batch `seq`; hf_mirror_next() gives, in the order in which they
 * became dirty, tags whose noted value is durable (its seq <= durable). While a
 * slot waits to become durable, newer values of the tag are only remembered as
 * "there is more": when the slot was given out, the newest one is noted again
 * by the caller's last value. So every value that goes out is durable, no tag
 * starves at any rate, and when the samples stop the mirror ends equal to the
 * last values. No allocation after hf_mirror_new() but for strings that grow.
 *
 * Values must be noted with rising seq. A newer value of a tag whose older one
 * was just given out waits behind all that is dirty by then: it may go out
 * later than it became durable, but never earlier.
 *
 * Used by core for the namespace and by edge for its Sparkplug node.
 */
#ifndef HF_BUS_MIRROR_H
#define HF_BUS_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/batch.h"

struct hf_mirror;

struct hf_mirror *hf_mirror_new(size_t ntag); /* NULL on no memory */
void hf_mirror_free(struct hf_mirror *m);
/* Tag idx has value *s (numeric part copied; str: of a string, copied) in batch
 * seq, which may not be durable yet. str: s->str_len bytes. Without memory for
 * a string the tag keeps its former value until the next one. */
void hf_mirror_note(struct hf_mirror *m, size_t idx, const struct hf_sample *s,
    const char *str, uint64_t seq);
/* Everything anew, after a broker came back: every tag that was ever noted is
 * due with its newest value. */
void hf_mirror_all(struct hf_mirror *m);
/* The next tag whose value is durable: true, with its value (borrowed until the
 * next call). The slot is clean then, unless a newer value came meanwhile. */
bool hf_mirror_next(struct hf_mirror *m, uint64_t durable, size_t *idx,
    struct hf_sample *s, const char **str);
/* seq of the value that hf_mirror_next() gave last. */
uint64_t hf_mirror_seq(const struct hf_mirror *m);
/* The value that hf_mirror_next() gave last, of tag idx, could not be
 * published: due again, first. */
void hf_mirror_undo(struct hf_mirror *m, size_t idx);
size_t hf_mirror_dirty(const struct hf_mirror *m); /* tags that wait */
/* Would hf_mirror_next() give one? */
bool hf_mirror_is_due(const struct hf_mirror *m, uint64_t durable);

#endif
