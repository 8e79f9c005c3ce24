/* SPDX-License-Identifier: Apache-2.0
 *
 * core_tree.h - GET /api/v1/tree: the namespace in the order of its topics, in
 * pages. Told in core_tree.c.
 */
#ifndef HF_PROC_CORE_TREE_H
#define HF_PROC_CORE_TREE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/plant.h"
#include "model/query.h"

struct core;
struct core_tree;
struct hf_work;

#define CORE_TREE_LIMIT 50000 /* entries of one page */

/* A question; answered later. HF_EAGAIN: too many are under way. */
int core_tree_start(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err);
/* Another plant applies: what is under way is answered with HF_EAGAIN. */
void core_tree_plant(struct core *c);
/* Reader thread: appends the indexes (u32, of this machine) of all tags that
 * have a topic, in the order of their topics. */
int core_tree_sort(
    const struct hf_plant *p, struct hf_buf *out, struct hf_err *err);
/* The reader is done with it. Takes w. */
void core_tree_sorted(struct core *c, struct hf_work *w);
void core_tree_free(struct core *c);

#endif
