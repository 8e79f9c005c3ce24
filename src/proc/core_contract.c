/* SPDX-License-Identifier: Apache-2.0
 *
 * core_contract.c - contracts never change, and what was dropped for them.
 *
 * Readers of the namespace rely on what a contract's name says. state.db holds
 * the SHA-256 of the first schema seen under each name; a plant with another
 * one is refused when it is judged (reload) or applied (start). The loop keeps
 * a copy of that table, because only the writer may touch state.db then.
 *
 * The checks themselves are edge's (field/intake.c); here their counts become
 * the section "contracts" of the status: passed, dropped by reason, and what
 * came in and has no tag, apart from each other.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/core.h"

struct core_contract {
	char name[72];
	uint8_t hash[HF_SHA256_LEN];
};

/* ---- a name has one schema, for ever ---- */

static void
hash_of(const struct hf_contract *k, uint8_t hash[HF_SHA256_LEN])
{
	hf_sha256_of(k->schema, strlen(k->schema), hash);
}

static const struct core_contract *
known(const struct core *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->ncontract; i++)
		if (strcmp(c->contracts[i].name, name) == 0)
			return &c->contracts[i];
	return NULL;
}

/* "_pump_v1" -> "_pump_v2" */
static void
next_name(const char *name, char *out, size_t cap)
{
	const char *v = strrchr(name, 'v');
	unsigned long n = v == NULL ? 0 : strtoul(v + 1, NULL, 10);

	snprintf(out, cap, "%.*s%lu", v == NULL ? 0 : (int)(v + 1 - name), name,
	    n + 1);
}

int
core_contracts_judge(
    const struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	const struct core_contract *first;
	uint8_t hash[HF_SHA256_LEN];
	char next[96];
	size_t i;

	for (i = 0; i < p->ncontract; i++) {
		first = known(c, p->contracts[i].name);
		if (first == NULL)
			continue;
		hash_of(&p->contracts[i], hash);
		if (memcmp(hash, first->hash, sizeof(hash)) == 0)
			continue;
		next_name(first->name, next, sizeof(next));
		return HF_FAIL(err, HF_EINVAL,
		    "contract %s has changed; a contract never changes: put "
		    "its old file back, or make %s",
		    first->name, next);
	}
	return HF_OK;
}

static int
remember(struct core *c, const char *name, const uint8_t hash[HF_SHA256_LEN],
    struct hf_err *err)
{
	struct core_contract *bigger;

	if (known(c, name) != NULL)
		return HF_OK;
	bigger = realloc(c->contracts, (c->ncontract + 1) * sizeof(*bigger));
	if (bigger == NULL)
		return HF_FAIL(err, HF_ENOMEM, "contracts");
	c->contracts = bigger;
	bigger += c->ncontract++;
	hf_strcpy(bigger->name, sizeof(bigger->name), name);
	memcpy(bigger->hash, hash, HF_SHA256_LEN);
	return HF_OK;
}

struct loading {
	struct core *c;
	int rc;
	struct hf_err *err;
};

static void
load_one(void *arg, const char *name, const uint8_t hash[HF_SHA256_LEN])
{
	struct loading *l = arg;

	if (l->rc == HF_OK)
		l->rc = remember(l->c, name, hash, l->err);
}

int
core_contracts_next(
    struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	uint8_t hash[HF_SHA256_LEN];
	size_t i;
	int rc = core_contracts_judge(c, p, err);

	for (i = 0; i < p->ncontract && rc == HF_OK; i++) {
		hash_of(&p->contracts[i], hash);
		rc = remember(c, p->contracts[i].name, hash, err);
	}
	return rc;
}

int
core_contracts_first(
    struct core *c, const struct hf_plant *p, struct hf_err *err)
{
	struct hf_state *s = c->writer_conf.state;
	struct loading l = {.c = c, .err = err};
	int rc = hf_state_each_contract(s, load_one, &l, err);

	if (rc == HF_OK)
		rc = l.rc;
	if (rc == HF_OK)
		rc = core_contracts_next(c, p, err);
	if (rc == HF_OK)
		rc = core_contracts_store(s, p, err);
	return rc;
}

int
core_contracts_store(
    struct hf_state *s, const struct hf_plant *p, struct hf_err *err)
{
	uint8_t hash[HF_SHA256_LEN];
	size_t i;
	int rc;

	if (p->ncontract == 0)
		return HF_OK;
	rc = hf_state_begin(s, err);
	if (rc != HF_OK)
		return rc;
	for (i = 0; i < p->ncontract && rc == HF_OK; i++) {
		hash_of(&p->contracts[i], hash);
		rc = hf_state_put_contract(
		    s, p->contracts[i].name, hash, hf_wall_ns(), err);
	}
	if (rc == HF_OK)
		rc = hf_state_commit(s, err);
	if (rc != HF_OK)
		hf_state_rollback(s);
	return rc;
}

void
core_contracts_free(struct core *c)
{
	free(c->contracts);
	c->contracts = NULL;
	c->ncontract = 0;
}

/* ---- what came of it ---- */

static uint64_t
of_edges(const struct core *c, enum hf_counter id)
{
	uint64_t n = 0;
	size_t i;

	for (i = 1; i <= c->ctx.plant->nedge; i++)
		n += c->edge_ctr[i].v[id];
	return n;
}

static void
put_counts(const struct core *c, struct hf_jw *w)
{
	hf_jw_ku64(w, "passed", of_edges(c, HF_C_K_PASSED));
	hf_jw_key(w, "dropped");
	hf_jw_obj(w);
	hf_jw_ku64(w, "type", of_edges(c, HF_C_K_TYPE));
	hf_jw_ku64(w, "range", of_edges(c, HF_C_K_RANGE));
	hf_jw_ku64(w, "unknown", of_edges(c, HF_C_K_UNKNOWN));
	hf_jw_ku64(w, "missing", of_edges(c, HF_C_K_MISSING));
	hf_jw_end_obj(w);
	hf_jw_ku64(w, "messages_dropped", of_edges(c, HF_C_K_MESSAGES));
	hf_jw_key(w, "never_stored");
	hf_jw_obj(w);
	hf_jw_ku64(w, "mqtt_no_tag", of_edges(c, HF_C_MQ_NO_TAG));
	hf_jw_ku64(w, "mqtt_no_field", of_edges(c, HF_C_MQ_NO_FIELD));
	hf_jw_ku64(w, "sparkplug_no_tag", of_edges(c, HF_C_SPB_NO_TAG));
	hf_jw_end_obj(w);
}

void
core_contracts_json(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	size_t i;

	hf_jw_key(w, "contracts");
	hf_jw_obj(w);
	hf_jw_ku64(w, "declared", p->ncontract);
	put_counts(c, w);
	hf_jw_key(w, "examples");
	hf_jw_arr(w);
	for (i = 0; i < p->ndevice; i++) {
		if (c->devices[i].example[0] == '\0')
			continue;
		hf_jw_obj(w);
		hf_jw_kstr(w, "device", p->devices[i].name);
		hf_jw_ku64(w, "dropped", c->devices[i].dropped);
		hf_jw_kstr(w, "text", c->devices[i].example);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
	hf_jw_end_obj(w);
}

void
core_contracts_findings(const struct core *c, struct hf_jw *w)
{
	const struct hf_plant *p = c->ctx.plant;
	char what[100], text[600];
	size_t i;

	for (i = 0; i < p->ndevice; i++) {
		if (c->devices[i].dropped == 0)
			continue;
		snprintf(what, sizeof(what), "devices.%s", p->devices[i].name);
		snprintf(text, sizeof(text), "%llu %s dropped; the newest: %s",
		    (unsigned long long)c->devices[i].dropped,
		    c->devices[i].dropped == 1 ? "value or message was"
					       : "values or messages were",
		    c->devices[i].example);
		hf_jw_obj(w);
		hf_jw_kstr(w, "what", what);
		hf_jw_kstr(w, "text", text);
		hf_jw_end_obj(w);
	}
}
