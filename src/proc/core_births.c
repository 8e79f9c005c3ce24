/* SPDX-License-Identifier: Apache-2.0
 *
 * core_births.c - where the state of each detector began, for replays.
 *
 * A detector's state is a function of the samples it was fed since it was new.
 * Which ones these are cannot be seen from the stored samples alone: a detector
 * that a reload brought knows nothing of what was stored before. So at each
 * birth core notes, for every tag of the detector, the source time from which
 * on its samples count:
 *
 *    at a start, no usable snapshot   the first sample of the tag in the log
 *                                     that was replayed; else behind the last
 *                                     stored one; else the beginning of time
 *    at a reload                      behind the last value of the tag
 *
 * Together with the packed plant by its hash it goes into state.db. A detector
 * that goes on from a snapshot or takes over its state at a reload is not born.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "detect/replay.h"
#include "proc/core.h"
#include "proc/core_replay.h"

#define START_BYTES (4u << 20)

void
hf_births_free(struct hf_births *b)
{
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < b->n; i++) {
		free(b->v[i].detector);
		hf_buf_fini(&b->v[i].start);
	}
	free(b->v);
	hf_buf_fini(&b->packed);
	free(b);
}

int
hf_births_store(
    struct hf_state *s, const struct hf_births *b, struct hf_err *err)
{
	int rc = hf_state_put_plant(
	    s, b->hash, b->packed.p, b->packed.len, b->wall_ns, err);
	size_t i;

	for (i = 0; i < b->n && rc == HF_OK; i++)
		rc = hf_state_put_birth(s, b->v[i].detector, b->v[i].model,
		    b->wall_ns, b->v[i].start.p, b->v[i].start.len, err);
	return rc;
}

static struct hf_births *
births_new(const struct hf_plant *p, int64_t wall_ns)
{
	struct hf_births *b = calloc(1, sizeof(*b));
	struct hf_err err = {0};

	if (b == NULL)
		return NULL;
	hf_buf_init(&b->packed, HF_PLANT_BYTES);
	memcpy(b->hash, p->hash, sizeof(b->hash));
	b->wall_ns = wall_ns;
	b->v = calloc(p->ndetector + 1, sizeof(*b->v));
	if (b->v == NULL || hf_plant_pack(p, &b->packed, &err) != HF_OK) {
		hf_births_free(b);
		return NULL;
	}
	return b;
}

/* start[]: by tag of the plant, HF_TIME_NONE = from the beginning. */
static int
add_birth(struct hf_births *b, const struct hf_plant *p, size_t det,
    const uint8_t *model, const int64_t *start)
{
	const struct hf_detector *d = &p->detectors[det];
	struct hf_birth *one = &b->v[b->n];
	uint32_t i, n = 0;

	for (i = 0; i < d->ntag; i++)
		n += start[d->tag_idx[i]] != HF_TIME_NONE;
	one->detector = strdup(d->name);
	if (one->detector == NULL)
		return HF_ENOMEM;
	b->n++;
	memcpy(one->model, model, sizeof(one->model));
	hf_buf_init(&one->start, START_BYTES);
	hf_buf_u32(&one->start, n);
	for (i = 0; i < d->ntag; i++) {
		uint32_t t = d->tag_idx[i];

		if (start[t] == HF_TIME_NONE)
			continue;
		hf_buf_u64(&one->start, p->tags[t].key);
		hf_buf_i64(&one->start, start[t]);
	}
	return hf_buf_ok(&one->start) ? HF_OK : HF_ENOMEM;
}

/* Behind the last value of each tag that has none yet. */
static void
behind_last(const struct core *c, const struct hf_plant *p, int64_t *start)
{
	size_t i;

	for (i = 0; i < p->ntag; i++)
		if (start[i] == HF_TIME_NONE && c->last[i].is_set)
			start[i] = c->last[i].s.t_ns + 1;
}

void
core_births_begin(struct core *c)
{
	size_t i, n = c->ctx.plant->ntag;

	c->births_wall_ns = hf_wall_ns();
	c->is_born = calloc(hf_engine_ndetector(c->engine) + 1, 1);
	c->births_start = calloc(n + 1, sizeof(*c->births_start));
	for (i = 0; c->births_start != NULL && i < n; i++)
		c->births_start[i] = HF_TIME_NONE;
	for (i = 0; c->is_born != NULL && i < hf_engine_ndetector(c->engine);
	     i++)
		c->is_born[i] = hf_engine_is_fresh(c->engine, i);
}

void
core_births_note(struct core *c, const struct hf_batch *b)
{
	const struct hf_plant *p = c->ctx.plant;
	const struct hf_tag *t;
	size_t i;

	for (i = 0; c->births_start != NULL && i < b->n; i++) {
		if ((b->s[i].flags & HF_F_LATE) != 0)
			continue;
		t = hf_plant_tag_by_key(p, b->s[i].tag);
		if (t != NULL && c->births_start[t - p->tags] == HF_TIME_NONE)
			c->births_start[t - p->tags] = b->s[i].t_ns;
	}
}

static int
born_at_start(struct core *c, const struct hf_plant *p, struct hf_births *b)
{
	size_t i;
	int rc = HF_OK;

	behind_last(c, p, c->births_start);
	for (i = 0; i < p->ndetector && rc == HF_OK; i++)
		if (c->is_born[i])
			rc = add_birth(b, p, i,
			    hf_engine_model_hash(c->engine, i),
			    c->births_start);
	return rc;
}

void
core_births_end(struct core *c, const struct hf_plant *p)
{
	struct hf_state *st = c->writer_conf.state;
	struct hf_births *b = births_new(p, c->births_wall_ns);
	struct hf_err err = {0};
	int rc = HF_FAIL(&err, HF_ENOMEM, "no memory");

	if (b != NULL && c->is_born != NULL && c->births_start != NULL)
		rc = born_at_start(c, p, b);
	if (rc == HF_OK)
		rc = hf_state_begin(st, &err);
	if (rc == HF_OK)
		rc = hf_births_store(st, b, &err);
	if (rc == HF_OK)
		rc = hf_state_commit(st, &err);
	if (rc != HF_OK) {
		hf_state_rollback(st);
		log_warn("core", "events of this run may not be replayed: %s",
		    err.msg);
	}
	hf_births_free(b);
	free(c->is_born);
	free(c->births_start);
	c->is_born = NULL;
	c->births_start = NULL;
}

/* What has seen nothing after states were taken over begins here. */
int
core_births_reload(struct core *c, const struct hf_plant *p, struct hf_work *w)
{
	int64_t *start = calloc(p->ntag + 1, sizeof(*start));
	struct hf_births *b = births_new(p, hf_wall_ns());
	size_t i;
	int rc = start == NULL || b == NULL ? HF_ENOMEM : HF_OK;

	for (i = 0; start != NULL && i < p->ntag; i++)
		start[i] = HF_TIME_NONE;
	if (start != NULL)
		behind_last(c, p, start);
	for (i = 0; i < p->ndetector && rc == HF_OK; i++)
		if (hf_engine_is_fresh(c->engine, i))
			rc = add_birth(
			    b, p, i, hf_engine_model_hash(c->engine, i), start);
	free(start);
	if (rc != HF_OK) {
		hf_births_free(b);
		return rc;
	}
	w->births = b;
	return HF_OK;
}
