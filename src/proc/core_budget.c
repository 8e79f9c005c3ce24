/* SPDX-License-Identifier: Apache-2.0
 *
 * core_budget.c - alarms spent against the budgets of operator positions, over
 * a restart: the last stored events are read once, before the threads run.
 *
 * An alarm counts once, when it comes on (kind "on"), and only if it is no
 * advisory. The position is that of the rule's detector today: a rule that no
 * longer exists spends nothing.
 */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core.h"

#define NEVENT_BACK 4096 /* events looked at: joins and offs are among them */

static const struct hf_detector *
detector_of(const struct hf_plant *p, const char *rule)
{
	size_t i;

	for (i = 0; rule != NULL && i < p->nrule; i++)
		if (strcmp(p->rules[i].name, rule) == 0)
			return &p->detectors[p->rules[i].detector_idx];
	return NULL;
}

static const char *
text_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

void
core_spend(struct core *c, const char *rule, int64_t to_ns)
{
	const struct hf_detector *d = detector_of(c->ctx.plant, rule);
	struct core_spent *s = &c->spent[c->nspent % CORE_NSPENT];

	if (d == NULL || d->position == NULL)
		return;
	hf_strcpy(s->rule, sizeof(s->rule), rule);
	hf_strcpy(s->position, sizeof(s->position), d->position);
	s->to_ns = to_ns;
	c->nspent++;
}

static bool
load_event(
    void *arg, int64_t number, int64_t raised_ns, const char *json, size_t n)
{
	struct core *c = arg;
	const char *kind, *to;
	int64_t to_ns;
	json_t *j = NULL;

	if (hf_json_parse(json, n, HF_MSG_MAX, &j, NULL) != HF_OK)
		return true; /* what it is otherwise, is told elsewhere */
	kind = text_of(j, "kind");
	to = text_of(json_object_get(j, "span"), "to");
	if (kind != NULL && strcmp(kind, "on") == 0 &&
	    json_is_false(json_object_get(j, "advisory")) && to != NULL &&
	    hf_time_parse(to, strlen(to), &to_ns))
		core_spend(c, text_of(j, "rule"), to_ns);
	json_decref(j);
	return true;
}

void
core_load_spent(struct core *c)
{
	struct hf_state *st = c->writer_conf.state;
	struct hf_err err = {0};
	int64_t newest = 0;
	int rc;

	rc = hf_state_events_after(
	    st, INT64_MAX, 0, load_event, c, &newest, &err);
	if (rc == HF_OK)
		rc = hf_state_events_after(st, newest - NEVENT_BACK,
		    NEVENT_BACK, load_event, c, &newest, &err);
	if (rc != HF_OK)
		log_error("core", "alarms spent before the start: %s", err.msg);
}
