/* SPDX-License-Identifier: Apache-2.0
 *
 * findings.h - what the readers of src/conf found, collected and put in order.
 *
 * Private to src/conf. Findings come up in the order of the checks; people read
 * them in the order of the file.
 */
#ifndef HF_CONF_FINDINGS_H
#define HF_CONF_FINDINGS_H

#include "conf/conf.h"

struct hf_findings;
struct hf_findings *hf_findings_new(void); /* NULL on no memory */
void hf_findings_free(struct hf_findings *f);
/* The text is copied. Beyond HF_CONF_NERROR a last one says that there are
 * more, and the rest is counted only. */
void hf_findings_add(struct hf_findings *f, const char *file, int line, int col,
    bool is_warning, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
size_t hf_findings_nerror(const struct hf_findings *f);
/* Is there room for more? Readers may stop when not. */
bool hf_findings_is_full(const struct hf_findings *f);
/* By file in order of first mention, then line, then column. */
void hf_findings_report(struct hf_findings *f, hf_finding_fn *fn, void *arg);

#endif
