/* SPDX-License-Identifier: Apache-2.0
 *
 * core_replay.c - an event computed again; the stages stand in core_replay.h,
 * the order of samples in detect/replay.h.
 *
 * Every tag that takes part is read in pieces of at most PIECE points; the
 * pieces are merged by (time, place of the tag in the plant) with a heap, late
 * samples left out, and fed one batch a time step. So memory is bounded by the
 * number of tags, whatever the length of history. A slice ends after slice_ns;
 * other questions of the reader come between two slices.
 *
 * The answer says "identical" only if an event with the wanted id was raised
 * and each member of its evidence is the same, byte for byte. Otherwise it
 * names what differs against the event of the same rule, subject and kind that
 * came nearest in time, or says why there is none.
 */
#include "proc/core_replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "detect/engine.h"
#include "detect/replay.h"
#include "proc/core.h"

#define PIECE 4096u		       /* points read at a time of one tag */
#define WINDOW_NS (3600 * HF_NS_PER_S) /* first span that is asked for */
#define WINDOW_MAX_NS (64 * 86400 * HF_NS_PER_S)
#define PAUSE_NS (400 * 86400 * HF_NS_PER_S) /* a machine stands still */
#define LOOK_NSTEP 256	/* steps between looks at the clock */
#define SHOW_BYTES 2000 /* of a differing value */

struct source { /* one tag */
	uint64_t key;
	uint32_t tag_idx;
	int64_t next_ns, window_ns; /* what to read next */
	struct hf_points pts;
	size_t at; /* in pts */
	bool is_done;
	struct hf_open_copy *open;
};

struct hf_replay_job {
	enum hf_replay_stage stage;
	uint8_t id[HF_SHA256_LEN];
	char hex[HF_SHA256_HEX];
	/* what was stored */
	struct hf_buf json;
	char rule[65], subject[256], kind[8];
	int64_t to_ns, raised_ns;
	/* what it is computed with */
	struct hf_plant *plant;
	struct hf_engine *engine;
	struct hf_counters ctr;
	struct source *src;
	size_t nsrc;
	size_t *heap; /* indices of src that have a point */
	size_t nheap;
	int64_t end_ns, stop_ns, first_ns, at_ns;
	uint64_t nsample, nstep;
	struct hf_sample *s; /* [nsrc] of one step */
	/* what came out */
	bool is_found;
	struct hf_buf nearest; /* evidence; empty = none */
	int64_t nearest_ns;
};

static void
job_free(struct hf_replay_job *j)
{
	size_t i;

	if (j == NULL)
		return;
	for (i = 0; i < j->nsrc; i++) {
		hf_points_fini(&j->src[i].pts);
		hf_open_copy_free(j->src[i].open);
	}
	free(j->src);
	free(j->heap);
	free(j->s);
	hf_engine_free(j->engine);
	hf_plant_free(j->plant);
	hf_buf_fini(&j->json);
	hf_buf_fini(&j->nearest);
	free(j);
}

static enum hf_replay_stage
stage_of(const struct hf_replay_job *j)
{
	return j->stage;
}

/* ---- prepare ---- */

static bool
copy_text(json_t *o, const char *name, char *dst, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, name));

	if (s == NULL || strlen(s) >= cap)
		return false;
	memcpy(dst, s, strlen(s) + 1);
	return true;
}

/* Fields of the stored evidence that steer the replay. */
static int
read_evidence(struct hf_replay_job *j, char detector[65],
    uint8_t model[HF_SHA256_LEN], struct hf_err *err)
{
	char hex[HF_SHA256_HEX];
	const char *to;
	json_t *o = NULL;
	int rc = hf_json_parse(
	    (const char *)j->json.p, j->json.len, HF_MEMFD_MAX, &o, err);

	if (rc != HF_OK)
		return HF_FAIL(
		    err, HF_ECORRUPT, "the stored evidence is no JSON");
	to = json_string_value(
	    json_object_get(json_object_get(o, "span"), "to"));
	if (!copy_text(o, "rule", j->rule, sizeof(j->rule)) ||
	    !copy_text(o, "subject", j->subject, sizeof(j->subject)) ||
	    !copy_text(o, "kind", j->kind, sizeof(j->kind)) ||
	    !copy_text(o, "detector", detector, 65) ||
	    !copy_text(o, "model_hash", hex, sizeof(hex)) ||
	    !hf_unhex(model, HF_SHA256_LEN, hex) || to == NULL ||
	    !hf_time_parse(to, strlen(to), &j->to_ns))
		rc = HF_FAIL(err, HF_ECORRUPT,
		    "the stored evidence lacks what a replay needs");
	json_decref(o);
	return rc;
}

static void
on_event(void *arg, const struct hf_event *e)
{
	static const char *const kinds[] = {"on", "join", "off"};
	struct hf_replay_job *j = arg;
	int64_t gap;

	if (j->is_found || strcmp(e->rule->name, j->rule) != 0 ||
	    strcmp(e->subject, j->subject) != 0)
		return;
	j->is_found = memcmp(e->id, j->id, sizeof(j->id)) == 0;
	if (!j->is_found && strcmp(kinds[e->kind], j->kind) != 0)
		return;
	gap = e->to_ns > j->to_ns ? e->to_ns - j->to_ns : j->to_ns - e->to_ns;
	if (!j->is_found && j->nearest.len > 0 && gap >= j->nearest_ns)
		return;
	j->nearest_ns = gap;
	hf_buf_reset(&j->nearest);
	hf_buf_puts(&j->nearest, e->json);
}

static const struct hf_rule *
find_rule(const struct hf_replay_job *j, const char *detector)
{
	const struct hf_plant *p = j->plant;
	size_t i;

	for (i = 0; i < p->nrule; i++)
		if (strcmp(p->rules[i].name, j->rule) == 0 &&
		    strcmp(p->detectors[p->rules[i].detector_idx].name,
			detector) == 0)
			return &p->rules[i];
	return NULL;
}

static int64_t
start_of(const struct hf_buf *birth, uint64_t key)
{
	struct hf_rd r;
	uint32_t n;

	hf_rd_init(&r, birth->p, birth->len);
	for (n = hf_rd_u32(&r); n > 0 && hf_rd_ok(&r); n--) {
		uint64_t k = hf_rd_u64(&r);
		int64_t t = hf_rd_i64(&r);

		if (k == key && hf_rd_ok(&r))
			return t;
	}
	return 0; /* no sample before 1970 is stored */
}

static int
make_sources(struct hf_replay_job *j, const struct hf_rule *rule,
    const struct hf_buf *birth, struct hf_err *err)
{
	const struct hf_detector *d = &j->plant->detectors[rule->detector_idx];
	uint32_t i, t;

	j->src = calloc(d->ntag + 1, sizeof(*j->src));
	j->heap = calloc(d->ntag + 1, sizeof(*j->heap));
	j->s = calloc(d->ntag + 1, sizeof(*j->s));
	if (j->src == NULL || j->heap == NULL || j->s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "replay of %u tags", d->ntag);
	for (i = 0; i < d->ntag; i++) {
		t = d->tag_idx[i];
		if (!hf_replay_needs(j->plant, rule, j->subject, t))
			continue;
		j->src[j->nsrc++] =
		    (struct source){.key = j->plant->tags[t].key,
			.tag_idx = t,
			.window_ns = WINDOW_NS,
			.next_ns = start_of(birth, j->plant->tags[t].key)};
	}
	return HF_OK;
}

/* Samples are fed until the event comes, or one behind stop_ns was fed: if it
 * was not raised then, it will not be. The next sample of a group may be far
 * away. */
static void
set_end(struct hf_replay_job *j, int64_t behind_ns)
{
	int64_t now = hf_wall_ns(), last = now > j->to_ns ? now : j->to_ns;

	j->stop_ns = INT64_MAX - 1 - behind_ns > j->to_ns ? j->to_ns + behind_ns
							  : INT64_MAX - 1;
	j->end_ns = j->stop_ns + 1;
	if (behind_ns > 0)
		j->end_ns =
		    last < INT64_MAX - PAUSE_NS ? last + PAUSE_NS : INT64_MAX;
}

static int
make_engine(struct hf_replay_job *j, struct hf_state *state,
    const char *detector, const uint8_t model[HF_SHA256_LEN],
    struct hf_err *err)
{
	const struct hf_rule *rule = find_rule(j, detector);
	struct hf_buf birth;
	int rc;

	if (rule == NULL)
		return HF_FAIL(err, HF_ECORRUPT,
		    "the configuration of that time has no rule %s on %s",
		    j->rule, detector);
	hf_buf_init(&birth, HF_MEMFD_MAX);
	rc = hf_state_get_birth(
	    state, detector, model, j->raised_ns, &birth, err);
	if (rc == HF_OK)
		rc = make_sources(j, rule, &birth, err);
	hf_buf_fini(&birth);
	if (rc == HF_OK)
		rc = hf_engine_new(
		    j->plant, &j->ctr, on_event, j, &j->engine, err);
	set_end(j, hf_replay_behind(j->plant, rule));
	return rc;
}

static int
prepare(struct hf_replay_job *j, struct hf_state *state, struct hf_err *err)
{
	uint8_t plant[HF_SHA256_LEN], model[HF_SHA256_LEN];
	bool has_plant = false;
	struct hf_buf packed;
	char detector[65];
	int rc;

	hf_buf_init(&packed, HF_PLANT_BYTES);
	rc = hf_state_get_event(
	    state, j->id, &j->json, &j->raised_ns, plant, &has_plant, err);
	if (rc == HF_OK)
		rc = read_evidence(j, detector, model, err);
	if (rc == HF_OK && !has_plant)
		rc = HF_FAIL(err, HF_ENODATA,
		    "the event was stored by a version that did not keep its "
		    "configuration");
	if (rc == HF_OK)
		rc = hf_state_get_plant(state, plant, &packed, err);
	if (rc == HF_OK)
		rc = hf_plant_unpack(
		    packed.p, packed.len, &hf_registry, &j->plant, err);
	hf_buf_fini(&packed);
	if (rc == HF_OK)
		rc = make_engine(j, state, detector, model, err);
	if (rc == HF_OK)
		j->stage = HF_RP_COPY;
	return rc;
}

int
hf_replay_copy(struct hf_work *w, const struct hf_store *store)
{
	struct hf_replay_job *j = w->job;
	size_t i;

	for (i = 0; i < j->nsrc; i++) {
		j->src[i].open = hf_store_copy_open(
		    store, j->src[i].key, j->src[i].next_ns, j->end_ns);
		if (j->src[i].open == NULL)
			return HF_FAIL(&w->err, HF_ENOMEM, "replay");
	}
	j->stage = HF_RP_RUN;
	return HF_OK;
}

/* ---- samples in order ---- */

/* The next piece of a tag that is not late; is_done at the end. A time that a
 * piece ends with may go on in the next: those are all late but the first. */
static int
refill(struct hf_replay_job *j, struct source *s, struct hf_reader *hist,
    struct hf_err *err)
{
	int64_t to;
	int rc;

	hf_points_fini(&s->pts);
	s->at = 0;
	while (!s->is_done && s->pts.n == 0) {
		to = s->window_ns < j->end_ns - s->next_ns
			 ? s->next_ns + s->window_ns
			 : j->end_ns;
		rc = hf_reader_query(hist, s->open, s->key, s->next_ns, to, 0,
		    PIECE, &s->pts, err);
		if (rc != HF_OK)
			return rc;
		if (s->pts.is_truncated) {
			s->next_ns = s->pts.pt[s->pts.n - 1].t_ns + 1;
			s->window_ns /= 2;
		} else {
			s->next_ns = to;
			s->is_done = to >= j->end_ns;
			if (s->window_ns < WINDOW_MAX_NS)
				s->window_ns *= 2;
		}
	}
	return HF_OK;
}

static int
skip_late(struct hf_replay_job *j, struct source *s, struct hf_reader *hist,
    struct hf_err *err)
{
	int rc = HF_OK;

	for (;;) {
		while (s->at < s->pts.n &&
		       (s->pts.pt[s->at].flags & HF_F_LATE) != 0)
			s->at++;
		if (s->at < s->pts.n || s->is_done || rc != HF_OK)
			return rc;
		rc = refill(j, s, hist, err);
	}
}

static bool
is_before(const struct hf_replay_job *j, size_t a, size_t b)
{
	const struct source *x = &j->src[a], *y = &j->src[b];
	int64_t tx = x->pts.pt[x->at].t_ns, ty = y->pts.pt[y->at].t_ns;

	return tx != ty ? tx < ty : x->tag_idx < y->tag_idx;
}

static void
sift_down(struct hf_replay_job *j, size_t i)
{
	size_t least, k, t;

	for (;;) {
		least = i;
		for (k = 2 * i + 1; k <= 2 * i + 2 && k < j->nheap; k++)
			if (is_before(j, j->heap[k], j->heap[least]))
				least = k;
		if (least == i)
			return;
		t = j->heap[i];
		j->heap[i] = j->heap[least];
		j->heap[least] = t;
		i = least;
	}
}

static int
fill_heap(struct hf_replay_job *j, struct hf_reader *hist, struct hf_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < j->nsrc; i++) {
		rc = skip_late(j, &j->src[i], hist, err);
		if (rc != HF_OK)
			return rc;
		if (j->src[i].at < j->src[i].pts.n)
			j->heap[j->nheap++] = i;
	}
	for (i = j->nheap; i-- > 0;)
		sift_down(j, i);
	return HF_OK;
}

static int
take_top(struct hf_replay_job *j, struct hf_reader *hist, struct hf_sample *to,
    struct hf_err *err)
{
	struct source *s = &j->src[j->heap[0]];
	const struct hf_point *p = &s->pts.pt[s->at];
	int rc;

	*to = (struct hf_sample){.tag = s->key,
	    .t_ns = p->t_ns,
	    .recv_ns = p->t_ns,
	    .status = p->status,
	    .vtype = p->vtype,
	    .v.bits = p->bits};
	s->at++;
	rc = skip_late(j, s, hist, err);
	if (s->at >= s->pts.n)
		j->heap[0] = j->heap[--j->nheap];
	if (rc == HF_OK && j->nheap > 0)
		sift_down(j, 0);
	return rc;
}

/* All samples of the oldest time, in one batch. */
static int
step(struct hf_replay_job *j, struct hf_reader *hist, struct hf_err *err)
{
	struct hf_batch b = {.s = j->s};
	const struct source *top = &j->src[j->heap[0]];
	int64_t t_ns = top->pts.pt[top->at].t_ns;
	int rc = HF_OK;

	while (rc == HF_OK && j->nheap > 0 && b.n < j->nsrc) {
		top = &j->src[j->heap[0]];
		if (top->pts.pt[top->at].t_ns != t_ns)
			break;
		rc = take_top(j, hist, &j->s[b.n++], err);
	}
	if (j->nsample == 0)
		j->first_ns = t_ns;
	j->at_ns = t_ns;
	j->nsample += b.n;
	hf_engine_feed(j->engine, ++j->nstep, &b);
	return rc;
}

/* ---- the answer ---- */

struct diff_out {
	struct hf_jw *w;
};

static void
put_side(struct hf_jw *w, const char *name, const char *s, size_t n)
{
	char text[SHOW_BYTES + 1];

	hf_jw_key(w, name);
	if (s == NULL) {
		hf_jw_null(w);
		return;
	}
	snprintf(text, sizeof(text), "%.*s",
	    (int)(n < SHOW_BYTES ? n : SHOW_BYTES), s);
	hf_jw_str(w, text);
}

static void
put_diff(void *arg, const char *key, size_t nkey, const char *a, size_t na,
    const char *b, size_t nb)
{
	struct hf_jw *w = arg;

	hf_jw_obj(w);
	hf_jw_key(w, "field");
	hf_jw_strn(w, key, nkey);
	put_side(w, "stored", a, na);
	put_side(w, "replayed", b, nb);
	hf_jw_end_obj(w);
}

static const char *
why_not(const struct hf_replay_job *j, int ndiff)
{
	if (j->is_found && ndiff == 0)
		return "";
	if (j->is_found)
		return "the same samples decide, the evidence differs";
	if (j->nsample == 0)
		return "no sample of it is stored any more";
	if (j->nearest.len == 0)
		return "the stored samples and the configuration of that time "
		       "do not raise it";
	return "another event comes out instead";
}

static void
answer(struct hf_work *w)
{
	struct hf_replay_job *j = w->job;
	struct hf_jw jw;
	int n = 0;

	hf_jw_init(&jw, &w->answer);
	hf_jw_obj(&jw);
	hf_jw_key(&jw, "differs");
	hf_jw_arr(&jw);
	if (j->nearest.len > 0)
		n = hf_replay_compare(hf_buf_cstr(&j->json),
		    hf_buf_cstr(&j->nearest), put_diff, &jw);
	hf_jw_end_arr(&jw);
	hf_jw_ktime(&jw, "from", j->nsample > 0 ? j->first_ns : HF_TIME_NONE);
	hf_jw_kstr(&jw, "id", j->hex);
	w->is_same = j->is_found && n == 0;
	hf_jw_kbool(&jw, "identical", w->is_same);
	hf_jw_kstr(&jw, "rule", j->rule);
	hf_jw_ku64(&jw, "samples", j->nsample);
	hf_jw_kstr(&jw, "subject", j->subject);
	hf_jw_kstr(&jw, "why", why_not(j, n));
	hf_jw_end_obj(&jw);
	j->stage = HF_RP_DONE;
}

static bool
is_going_on(const struct hf_replay_job *j)
{
	return j->nheap > 0 && !j->is_found &&
	       (j->nstep == 0 || j->at_ns <= j->stop_ns);
}

int
hf_replay_step(struct hf_work *w, struct hf_state *state,
    struct hf_reader *hist, int64_t slice_ns)
{
	struct hf_replay_job *j = w->job;
	int64_t until = hf_mono_ns() + slice_ns;
	int rc = HF_OK, i;

	if (j->stage == HF_RP_PREPARE)
		return prepare(j, state, &w->err);
	if (j->nstep == 0)
		rc = fill_heap(j, hist, &w->err);
	while (rc == HF_OK && is_going_on(j)) {
		for (i = 0; i < LOOK_NSTEP && rc == HF_OK && is_going_on(j);
		     i++)
			rc = step(j, hist, &w->err);
		if (rc == HF_OK && is_going_on(j) && hf_mono_ns() >= until)
			return HF_EAGAIN;
	}
	if (rc == HF_OK)
		answer(w);
	return rc;
}

/* ---- the loop ---- */

static void
free_job(void *job)
{
	job_free(job);
}

int
core_replay_start(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	struct hf_replay_job *j;
	struct hf_work *w;

	if (c->nreplay >= CORE_NREPLAY)
		return HF_FAIL(err, HF_EAGAIN,
		    "%d replays are under way; try again", CORE_NREPLAY);
	j = calloc(1, sizeof(*j));
	w = hf_work_new(HF_W_REPLAY);
	if (j == NULL || w == NULL) {
		hf_work_free(w);
		free(j);
		return HF_FAIL(err, HF_ENOMEM, "replay");
	}
	w->job = j;
	w->free_job = free_job;
	w->req = req;
	hf_buf_init(&j->json, HF_MEMFD_MAX);
	hf_buf_init(&j->nearest, HF_MEMFD_MAX);
	memcpy(j->hex, q->text, sizeof(j->hex) - 1);
	if (strlen(q->text) != 2 * HF_SHA256_LEN ||
	    !hf_unhex(j->id, sizeof(j->id), q->text)) {
		hf_work_free(w);
		return HF_FAIL(
		    err, HF_EINVAL, "event id: 64 hexadecimal digits expected");
	}
	if (!hf_queue_put(c->to_reader, w)) {
		hf_work_free(w);
		return HF_FAIL(err, HF_EAGAIN,
		    "too many questions are waiting; try again");
	}
	c->nreplay++;
	return HF_OK;
}

static void
done(struct core *c, struct hf_work *w)
{
	c->nreplay--;
	if (w->rc == HF_OK) {
		hf_count(&c->ctx.counters, HF_C_R_REPLAYS, 1);
		if (!w->is_same)
			hf_count(&c->ctx.counters, HF_C_R_DIFFER, 1);
		core_answer(c, w->req, HF_OK, w->answer.p, w->answer.len);
	} else {
		core_answer(c, w->req, w->rc, w->err.msg, strlen(w->err.msg));
	}
	hf_work_free(w);
}

void
core_replay_back(struct core *c, struct hf_work *w)
{
	enum hf_replay_stage stage = stage_of(w->job);

	if (w->rc != HF_OK || stage == HF_RP_DONE) {
		done(c, w);
	} else if (stage == HF_RP_COPY) {
		core_put(c, w);
	} else if (!hf_queue_put(c->to_reader, w)) {
		w->rc = HF_FAIL(&w->err, HF_EAGAIN,
		    "too many questions are waiting; try again");
		done(c, w);
	}
}
