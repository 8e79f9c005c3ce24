/* SPDX-License-Identifier: Apache-2.0
 *
 * core_export.h - events and audit records to syslog collectors: core's part.
 *
 * Private to src/proc/core*.c; how it works stands in core_export.c.
 */
#ifndef HF_PROC_CORE_EXPORT_H
#define HF_PROC_CORE_EXPORT_H

#include "base/json.h"
#include "proc/core_work.h"
#include "proc/role.h"

struct core;

/* A plant came, the first or a new one: which exports there are. */
void core_export_plant(struct core *c);
void core_export_fini(struct core *c);
void core_export_tick(struct core *c, int64_t mono_ns);
void core_export_kick(struct core *c); /* an event was stored */
/* HF_W_EXPORT came back. Takes w. */
void core_export_read(struct core *c, struct hf_work *w);
int core_export_acked(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err);
/* ANSWER, ANSWER_BULK of audit. */
int core_export_answer(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err);

/* Reader thread: events behind a cursor, or records at hand, as messages. */
int hf_export_read(struct hf_work *w, struct hf_state *state);

/* "exports" of the status document; its findings; its metrics. */
void core_export_json(const struct core *c, struct hf_jw *w);
void core_export_findings(const struct core *c,
    void (*fn)(void *arg, const char *what, const char *text), void *arg);
void core_export_metrics(const struct core *c, struct hf_buf *b);

#endif
