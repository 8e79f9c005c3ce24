/* SPDX-License-Identifier: Apache-2.0
 *
 * core_query.c - questions of web, answered from the loop's tables or handed
 * on.
 *
 * One table says what each kind of question needs. Quick ones are answered
 * here; history goes to the writer (copy of what is still open), then to the
 * reader; events and journal to the reader; a preview to the device's edge.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"
#include "model/quality.h"
#include "proc/core.h"
#include "proc/core_metrics.h"
#include "proc/core_replay.h"
#include "proc/core_tree.h"

#define TRY_NS (14 * HF_NS_PER_S) /* a preview may take this long */
#define ANSWER_BYTES (64u << 20)  /* JSON of one answer */
#define INLINE_BYTES 60000	  /* larger answers travel as a memfd */

static void
send_answer(struct core *c, uint64_t req, int rc, const void *p, size_t n)
{
	struct hf_buf b;

	hf_buf_init(&b, HF_MSG_MAX);
	hf_buf_u32(&b, (uint32_t)rc);
	hf_buf_put(&b, p, n);
	if (hf_buf_ok(&b))
		hf_role_send(&c->ctx, HF_ROLE_WEB, 0, HF_MSG_ANSWER, req, b.p,
		    b.len, NULL);
	hf_buf_fini(&b);
}

static void
send_bulk(struct core *c, uint64_t req, const void *p, size_t n)
{
	const struct hf_wire *w = hf_role_peer(&c->ctx, HF_ROLE_WEB, 0);
	struct hf_err err = {0};
	int fd = hf_memfd_sealed("answer", p, n, &err);
	struct hf_buf b;

	if (fd < 0 || w == NULL) {
		send_answer(c, req, HF_ENOMEM, err.msg, strlen(err.msg));
		return;
	}
	hf_buf_init(&b, 64);
	hf_buf_u64(&b, n);
	hf_buf_u32(&b, HF_OK);
	hf_buf_u32(&b, 0);
	if (hf_wire_send(w, HF_MSG_ANSWER_BULK, req, b.p, b.len, NULL, 0, fd,
		&err) != HF_OK)
		log_warn("core", "answer of %zu bytes to web: %s", n, err.msg);
	hf_buf_fini(&b);
	close(fd);
}

void
core_answer(struct core *c, uint64_t req, int rc, const void *p, size_t n)
{
	hf_count(&c->ctx.counters,
	    rc == HF_OK ? HF_C_Q_ANSWERED : HF_C_Q_REFUSED, 1);
	if (rc != HF_OK || n <= INLINE_BYTES)
		send_answer(c, req, rc, p, n < INLINE_BYTES ? n : INLINE_BYTES);
	else
		send_bulk(c, req, p, n);
}

static void
answer_err(struct core *c, uint64_t req, int rc, const struct hf_err *err)
{
	core_answer(c, req, rc, err->msg, strlen(err->msg));
}

static void
json_value(struct hf_jw *w, const struct core_last *l)
{
	switch (l->s.vtype) {
	case HF_V_F64:
		hf_jw_f64(w, l->s.v.f64);
		break;
	case HF_V_I64:
		hf_jw_i64(w, l->s.v.i64);
		break;
	case HF_V_BOOL:
		hf_jw_bool(w, l->s.v.bits != 0);
		break;
	default:
		hf_jw_str(w, l->str);
	}
}

static void
json_age(struct hf_jw *w, int64_t recv_ns, int64_t now_ns)
{
	hf_jw_key(w, "age_s");
	if (recv_ns == HF_TIME_NONE || recv_ns == 0)
		hf_jw_null(w);
	else
		hf_jw_f64(w, (double)(now_ns - recv_ns) / HF_NS_PER_S);
}

void
core_last_json(
    struct hf_jw *w, const struct core_last *l, uint32_t status, int64_t now)
{
	hf_jw_key(w, "value");
	if (l->is_set && !hf_is_bad(l->s.status))
		json_value(w, l);
	else
		hf_jw_null(w);
	hf_jw_kstr(w, "quality", l->is_set ? hf_quality_word(status) : NULL);
	hf_jw_ktime(w, "t", l->is_set ? l->s.t_ns : HF_TIME_NONE);
	json_age(w, l->is_set ? l->s.recv_ns : HF_TIME_NONE, now);
}

static void
json_tag(struct hf_jw *w, const struct core *c, const struct hf_tag *t,
    bool is_short)
{
	const struct hf_plant *p = c->ctx.plant;
	const struct core_last *l = &c->last[t - p->tags];
	char name[16], dur[HF_TIME_TEXT];
	uint32_t status = core_status_now(c, t, l);

	hf_jw_obj(w);
	hf_jw_kstr(w, "path", t->path);
	hf_jw_kstr(w, "unit", t->unit);
	core_last_json(w, l, status, hf_wall_ns());
	if (!is_short) {
		hf_jw_kstr(w, "device", t->device);
		hf_jw_kstr(w, "zone", p->devices[t->device_idx].zone);
		hf_jw_kstr(w, "type", hf_tag_type_words[t->type]);
		hf_jw_kstr(w, "address", t->address);
		hf_jw_kstr(w, "interval", hf_dur_fmt(t->interval_ns, dur));
		hf_jw_kstr(w, "status",
		    l->is_set ? hf_status_name(status, name) : NULL);
		hf_jw_ktime(
		    w, "received", l->is_set ? l->s.recv_ns : HF_TIME_NONE);
		hf_jw_kbool(
		    w, "late", l->is_set && (l->s.flags & HF_F_LATE) != 0);
		hf_jw_kstr(w, "description", t->description);
	}
	hf_jw_end_obj(w);
}

static int
answer_tags(struct core *c, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	const struct hf_plant *p = c->ctx.plant;
	uint32_t n = 0, limit = q->limit == 0 ? UINT32_MAX : q->limit;
	struct hf_jw w;
	size_t i;

	hf_jw_init(&w, out);
	hf_jw_arr(&w);
	for (i = 0; i < p->ntag && n < limit; i++) {
		const struct hf_tag *t = &p->tags[i];

		if (t->is_stamp ||
		    (q->path[0] != '\0' && !hf_path_match(q->path, t->path)))
			continue;
		json_tag(&w, c, t, q->kind == HF_Q_VALUES);
		n++;
	}
	hf_jw_end_arr(&w);
	if (n == 0 && q->path[0] != '\0')
		return HF_FAIL(err, HF_ENOTFOUND,
		    "no tag matches \"%s\"; `holdfast tags list` shows all",
		    q->path);
	return HF_OK;
}

static int
answer_status(struct core *c, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	core_status_json(c, out);
	return HF_OK;
}

static int
answer_metrics(struct core *c, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	core_metrics_text(c, out);
	return HF_OK;
}

static int
answer_alarms(struct core *c, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	hf_alarms_json(c->alarms, q->text, out);
	return HF_OK;
}

static int
answer_detectors(struct core *c, const struct hf_query *q, struct hf_buf *out,
    struct hf_err *err)
{
	hf_engine_json(c->engine, out);
	return HF_OK;
}

static void
answer_json(struct core *c, uint64_t req, struct hf_buf *json)
{
	static const char text[] = "no memory for the answer; it is done";

	if (hf_buf_ok(json))
		core_answer(c, req, HF_OK, json->p, json->len);
	else
		core_answer(c, req, HF_ENOMEM, text, sizeof(text) - 1);
	hf_buf_fini(json);
}

void
core_act_stored(struct core *c, uint64_t req)
{
	struct core_act **p = &c->acts, *a;

	while ((a = *p) != NULL) {
		if (req != 0 && a->req != req) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		answer_json(c, a->req, &a->json);
		free(a);
	}
}

/* What a person did to an alarm is answered when it cannot be lost any more;
 * with a store that fails at once: the plant must be run all the same. */
static int
start_act(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	struct core_act *a = calloc(1, sizeof(*a));
	char by[32];
	int rc;

	if (a == NULL)
		return HF_FAIL(err, HF_ENOMEM, "act");
	snprintf(by, sizeof(by), "uid:%u", q->uid);
	c->act_req = req;
	c->has_act_row = false;
	rc = hf_alarms_act(c->alarms, q->path, q->act, q->dur_ns, by, q->text,
	    hf_wall_ns(), err);
	c->act_req = 0;
	if (rc != HF_OK) {
		free(a);
		return rc;
	}
	a->req = req;
	hf_buf_init(&a->json, INLINE_BYTES);
	hf_alarms_json_one(c->alarms, q->path, &a->json);
	if (c->has_act_row && !c->is_store_failing) {
		a->next = c->acts;
		c->acts = a;
		return HF_OK;
	}
	answer_json(c, req, &a->json);
	free(a);
	return HF_OK;
}

static const struct hf_tag *
find_tag(const struct core *c, const char *path, struct hf_err *err)
{
	const struct hf_tag *t = hf_plant_tag(c->ctx.plant, path);

	if (t == NULL)
		HF_FAIL(err, HF_ENOTFOUND,
		    "no tag \"%s\"; `holdfast tags list` shows all", path);
	return t;
}

static int
start_history(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	const struct hf_tag *t = find_tag(c, q->path, err);
	struct hf_work *w;

	if (t == NULL)
		return HF_ENOTFOUND;
	if (c->ncopy >= CORE_NCOPY)
		return HF_FAIL(err, HF_EAGAIN,
		    "too many questions are waiting; try again");
	w = hf_work_new(HF_W_COPY);
	if (w == NULL)
		return HF_FAIL(err, HF_ENOMEM, "history");
	w->query = *q;
	if (q->from_ns == HF_TIME_NONE)
		w->query.from_ns = INT64_MIN + 1;
	if (q->to_ns == HF_TIME_NONE)
		w->query.to_ns = INT64_MAX;
	w->req = req;
	w->tag = t->key;
	c->ncopy++;
	core_put(c, w);
	return HF_OK;
}

/* The writer put its copy in: now the reader. */
void
core_query_copied(struct core *c, struct hf_work *w)
{
	c->ncopy--;
	w->kind = HF_W_READ;
	if (w->rc == HF_OK && hf_queue_put(c->to_reader, w))
		return;
	snprintf(w->err.msg, sizeof(w->err.msg),
	    "too many questions are waiting; try again");
	answer_err(c, w->req, HF_EAGAIN, &w->err);
	hf_work_free(w);
}

static int
start_read(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	struct hf_work *w = hf_work_new(HF_W_READ);

	if (w == NULL)
		return HF_FAIL(err, HF_ENOMEM, "question");
	w->query = *q;
	if (q->from_ns == HF_TIME_NONE)
		w->query.from_ns = INT64_MIN + 1;
	if (q->to_ns == HF_TIME_NONE)
		w->query.to_ns = INT64_MAX;
	w->req = req;
	if (hf_queue_put(c->to_reader, w))
		return HF_OK;
	hf_work_free(w);
	return HF_FAIL(
	    err, HF_EAGAIN, "too many questions are waiting; try again");
}

void
core_query_read(struct core *c, struct hf_work *w)
{
	if (w->query.kind == HF_Q_TREE) {
		core_tree_sorted(c, w);
		return;
	}
	if (w->rc != HF_OK)
		answer_err(c, w->req, w->rc, &w->err);
	else
		core_answer(c, w->req, HF_OK, w->answer.p, w->answer.len);
	hf_work_free(w);
}

static struct core_try *
free_try(struct core *c)
{
	size_t i;

	for (i = 0; i < CORE_NTRY; i++)
		if (c->tries[i].until_ns == 0)
			return &c->tries[i];
	return NULL;
}

static int
start_try(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	const struct hf_plant *p = c->ctx.plant;
	struct core_try *t = free_try(c);
	struct hf_buf b;
	size_t i;
	int rc;

	for (i = 0; i < p->ndevice; i++)
		if (strcmp(p->devices[i].name, q->path) == 0)
			break;
	if (i == p->ndevice)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "no device \"%s\" in the configuration", q->path);
	if (t == NULL)
		return HF_FAIL(
		    err, HF_EAGAIN, "%d previews are under way", CORE_NTRY);
	hf_buf_init(&b, HF_MSG_MAX);
	hf_query_encode(q, &b);
	rc = hf_role_send(&c->ctx, HF_ROLE_EDGE,
	    (uint8_t)(p->devices[i].edge_idx + 1), HF_MSG_TRY, ++c->next_req,
	    b.p, b.len, err);
	hf_buf_fini(&b);
	if (rc == HF_OK)
		*t = (struct core_try){.req = c->next_req,
		    .web_req = req,
		    .zone = (uint8_t)(p->devices[i].edge_idx + 1),
		    .until_ns = hf_mono_ns() + TRY_NS};
	return rc;
}

/* What edge says goes out through the API: only JSON or a line of text may. */
static int
check_preview(int32_t rc, const void *p, size_t n, struct hf_err *err)
{
	json_t *j = NULL;
	int bad = HF_OK;

	if (rc > 0 || (rc != HF_OK && !hf_utf8_text_ok(p, n)))
		bad = HF_FAIL(err, HF_EPROTO,
		    "preview with result %d and "
		    "%zu bytes that are no text",
		    rc, n);
	else if (rc == HF_OK)
		bad = hf_json_parse(p, n, HF_MSG_MAX, &j, err);
	json_decref(j);
	return bad == HF_OK ? HF_OK : HF_EPROTO;
}

int
core_try_answer(struct core *c, const struct hf_wire *from,
    const struct hf_msg *m, struct hf_err *err)
{
	struct hf_rd r;
	int32_t rc;
	size_t i;

	hf_rd_init(&r, m->p, m->n);
	rc = (int32_t)hf_rd_u32(&r);
	if (!hf_rd_ok(&r) ||
	    check_preview(rc, r.p, hf_rd_left(&r), err) != HF_OK)
		return HF_EPROTO;
	for (i = 0; i < CORE_NTRY; i++) {
		struct core_try *t = &c->tries[i];

		if (t->until_ns == 0 || t->req != m->req ||
		    t->zone != from->zone)
			continue;
		core_answer(c, t->web_req, rc, r.p, hf_rd_left(&r));
		t->until_ns = 0;
	}
	return HF_OK;
}

void
core_try_expire(struct core *c, int64_t mono_ns)
{
	static const char text[] = "edge did not answer in time";
	size_t i;

	for (i = 0; i < CORE_NTRY; i++) {
		struct core_try *t = &c->tries[i];

		if (t->until_ns == 0 || mono_ns < t->until_ns)
			continue;
		core_answer(
		    c, t->web_req, HF_ETIMEDOUT, text, sizeof(text) - 1);
		t->until_ns = 0;
	}
}

/* Answered at once into a buffer, or started and answered later. */
struct question {
	int (*now)(struct core *c, const struct hf_query *q, struct hf_buf *out,
	    struct hf_err *err);
	int (*later)(struct core *c, const struct hf_query *q, uint64_t req,
	    struct hf_err *err);
};

static const struct question questions[HF_Q_MAX] = {
    [HF_Q_STATUS] = {.now = answer_status},
    [HF_Q_TAGS] = {.now = answer_tags},
    [HF_Q_VALUES] = {.now = answer_tags},
    [HF_Q_HISTORY] = {.later = start_history},
    [HF_Q_ALARMS] = {.now = answer_alarms},
    [HF_Q_EVENTS] = {.later = start_read},
    [HF_Q_JOURNAL] = {.later = start_read},
    [HF_Q_ALARM_ACT] = {.later = start_act},
    [HF_Q_TRY] = {.later = start_try},
    [HF_Q_DETECTORS] = {.now = answer_detectors},
    [HF_Q_METRICS] = {.now = answer_metrics},
    [HF_Q_REPLAY] = {.later = core_replay_start},
    [HF_Q_TREE] = {.later = core_tree_start},
};

int
core_query(struct core *c, const struct hf_msg *m, struct hf_err *err)
{
	struct hf_err why = {0};
	struct hf_query q;
	struct hf_buf out;
	int rc = hf_query_decode(m->p, m->n, &q, err);

	if (rc != HF_OK)
		return rc; /* web must not send that: a violation */
	if (questions[q.kind].now == NULL && questions[q.kind].later == NULL)
		return HF_FAIL(
		    err, HF_EPROTO, "question %d is not core's", q.kind);
	if (questions[q.kind].later != NULL) {
		rc = questions[q.kind].later(c, &q, m->req, &why);
		if (rc != HF_OK)
			answer_err(c, m->req, rc, &why);
		return HF_OK;
	}
	hf_buf_init(&out, ANSWER_BYTES);
	rc = questions[q.kind].now(c, &q, &out, &why);
	if (rc == HF_OK && !hf_buf_ok(&out))
		rc = HF_FAIL(&why, HF_ELIMIT,
		    "the answer is over %u MiB; ask "
		    "for less",
		    ANSWER_BYTES >> 20);
	if (rc == HF_OK)
		core_answer(c, m->req, HF_OK, out.p, out.len);
	else
		answer_err(c, m->req, rc, &why);
	hf_buf_fini(&out);
	return HF_OK;
}
