/* SPDX-License-Identifier: Apache-2.0
 *
 * core_export_read.c - rows into messages, in the reader's thread.
 *
 * One read is either of events behind a cursor (from state.db), or of records
 * that audit has answered with, or of the cursor itself. It knows nothing of
 * the loop's lists: what it needs and finds is in its struct export_read.
 *
 *   chunk     u32 length, little-endian, and the text, for each message
 */
#include <stdlib.h>

#include "proc/core_export_in.h"

void
export_read_free(void *p)
{
	struct export_read *j = p;

	hf_buf_fini(&j->out);
	hf_buf_fini(&j->records);
	free(j);
}

/* Room for the length is kept first; taken back if no message came of it. */
static bool
add_message(struct export_read *j, bool is_audit, const char *json, size_t n,
    int64_t raised_ns)
{
	size_t start = j->out.len, len;
	int rc;

	if (start + HF_SYSLOG_MSG + 4 > EXPORT_CHUNK_BYTES)
		return false;
	hf_buf_u32(&j->out, 0);
	rc = is_audit
		 ? hf_syslog_record(&j->head, json, n, &j->out, NULL)
		 : hf_syslog_event(&j->head, json, n, raised_ns, &j->out, NULL);
	if (rc != HF_OK) {
		j->out.len = start;
		j->nbad++;
		return true;
	}
	len = j->out.len - start - 4;
	j->out.p[start] = (uint8_t)len;
	j->out.p[start + 1] = (uint8_t)(len >> 8);
	j->out.p[start + 2] = (uint8_t)(len >> 16);
	j->out.p[start + 3] = (uint8_t)(len >> 24);
	j->n++;
	return true;
}

static bool
on_event_row(
    void *arg, int64_t number, int64_t raised_ns, const char *json, size_t n)
{
	struct export_read *j = arg;

	if (json == NULL)
		j->nbad++;
	else if (!add_message(j, false, json, n, raised_ns))
		return false;
	j->at.event = number;
	return true;
}

/* End of the record that begins at p (a flat object), or NULL. */
static const char *
record_end(const char *p, const char *end)
{
	bool is_text = false;

	for (; p < end; p++) {
		if (is_text && *p == '\\')
			p++;
		else if (*p == '"')
			is_text = !is_text;
		else if (!is_text && *p == '}')
			return p + 1;
	}
	return NULL;
}

static void
read_records(struct export_read *j)
{
	const char *p = (const char *)j->records.p;
	const char *end = p + j->records.len, *to;

	while (p < end) {
		if (*p != '{') {
			p++;
			continue;
		}
		to = record_end(p, end);
		if (to == NULL || !add_message(j, true, p, (size_t)(to - p), 0))
			return;
		j->at.audit++;
		p = to;
	}
}

int
hf_export_read(struct hf_work *w, struct hf_state *state)
{
	struct export_read *j = w->job;

	if (j->is_cursor)
		return hf_state_get_cursor(state, j->name, &j->at, &w->err);
	if (j->is_audit) {
		read_records(j);
		return HF_OK;
	}
	return hf_state_events_after(state, j->at.event, j->limit, on_event_row,
	    j, &j->newest_event, &w->err);
}
