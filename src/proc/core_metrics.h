/* SPDX-License-Identifier: Apache-2.0
 *
 * core_metrics.h - OpenMetrics text of all that core knows about the node.
 *
 * Other files of core add their own families through the two calls below, from
 * within core_metrics_text(); names are without "holdfast_" and must not be
 * those of another family (tests/regress/metrics.sh finds clashes).
 */
#ifndef HF_PROC_CORE_METRICS_H
#define HF_PROC_CORE_METRICS_H

#include "base/buf.h"

struct core;

void core_metrics_text(struct core *c, struct hf_buf *out);
void core_metrics_family(
    struct hf_buf *b, const char *name, const char *type, const char *help);
/* pairs: label, value, label, value, NULL; at least one pair. */
void core_metrics_sample(
    struct hf_buf *b, double v, const char *name, const char *const *pairs);

#endif
