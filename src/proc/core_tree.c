/* SPDX-License-Identifier: Apache-2.0
 *
 * core_tree.c - browse the namespace: answers GET /api/v1/tree.
 *
 * Topics are not kept: the tags' order by topic is, one number a tag. It is
 * made by the reader thread when it is first asked for after a plant was
 * applied (100,000 topics are sorted in about 0.2 s; the plant stays until the
 * reader gives it back). A page is then put together in slices of SLICE_NS in
 * the loop, where the last values are, so that no batch waits for a browser.
 *
 * An entry is a tag (with its value), or, where `depth` levels below the path
 * are exceeded, a node with the number of tags below it. Entries come in the
 * order of their topics, so those below one node stand together and a caller
 * can draw the tree as it reads. `next` names where the following page begins:
 * "<generation>.<position>"; it is refused after a reload.
 */
#include "proc/core_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "bus/topic.h"
#include "proc/core.h"

#define NASK 16 /* pages under way */
#define DEFAULT_LIMIT 10000
#define SLICE_NS (200 * HF_NS_PER_US)
#define PAGE_BYTES (48u << 20)

struct ask { /* one page being made */
	struct ask *next;
	uint64_t req;
	struct hf_query q;
	bool is_begun;
	char prefix[HF_TOPIC_BYTES]; /* no '/' at the end */
	size_t at;		     /* in order: next tag */
	size_t nentry;
	char node[HF_TOPIC_BYTES]; /* "" or the node being counted */
	uint64_t nbelow;
	size_t node_at; /* its first tag */
	struct hf_buf out;
	struct hf_jw w;
};

struct core_tree {
	uint32_t *order; /* NULL: not known for this plant */
	size_t n;
	uint64_t generation; /* of the plant that it is, or will be, of */
	bool is_sorting;
	struct ask *asks, **asks_last;
	size_t nask;
	struct hf_watch *timer;
};

/* ---- order ---- */

struct named {
	char *topic;
	uint32_t idx;
};

static int
named_cmp(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return strcmp(x->topic, y->topic);
}

int
core_tree_sort(const struct hf_plant *p, struct hf_buf *out, struct hf_err *err)
{
	struct hf_arena *arena =
	    hf_arena_new((p->ntag + 1) * (HF_TOPIC_BYTES + 16));
	struct named *v = calloc(p->ntag + 1, sizeof(*v));
	char topic[HF_TOPIC_BYTES];
	int rc = HF_OK;
	size_t i, n = 0;

	for (i = 0; arena != NULL && v != NULL && i < p->ntag; i++) {
		if (p->tags[i].is_stamp ||
		    hf_topic_of_tag(
			p, &p->tags[i], HF_TOPIC_VALUE, topic, NULL) != HF_OK)
			continue;
		v[n].topic = hf_arena_strdup(arena, topic);
		v[n].idx = (uint32_t)i;
		if (v[n].topic == NULL)
			break;
		n++;
	}
	if (arena == NULL || v == NULL || i < p->ntag) {
		rc = HF_FAIL(err, HF_ENOMEM, "order of %zu topics", p->ntag);
		goto out;
	}
	qsort(v, n, sizeof(*v), named_cmp);
	for (i = 0; i < n; i++)
		hf_buf_put(out, &v[i].idx, sizeof(v[i].idx));
	if (!hf_buf_ok(out))
		rc = HF_FAIL(err, HF_ENOMEM, "order of %zu topics", n);
out:
	free(v);
	hf_arena_free(arena);
	return rc;
}

static void
topic_at(const struct core *c, size_t at, char out[HF_TOPIC_BYTES])
{
	const struct hf_plant *p = c->ctx.plant;
	const struct hf_tag *t = &p->tags[c->tree->order[at]];

	if (hf_topic_of_tag(p, t, HF_TOPIC_VALUE, out, NULL) != HF_OK)
		out[0] = '\0'; /* cannot be: it was sorted by it */
}

/* First one that is not before `text`. */
static size_t
lower_bound(const struct core *c, const char *text)
{
	size_t lo = 0, hi = c->tree->n, mid;
	char topic[HF_TOPIC_BYTES];

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		topic_at(c, mid, topic);
		if (strcmp(topic, text) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- one page ---- */

static void
drop_first(struct core_tree *t)
{
	struct ask *a = t->asks;

	t->asks = a->next;
	if (t->asks == NULL)
		t->asks_last = &t->asks;
	t->nask--;
	hf_buf_fini(&a->out);
	free(a);
}

static void
fail_first(struct core *c, int rc, const char *text)
{
	core_answer(c, c->tree->asks->req, rc, text, strlen(text));
	drop_first(c->tree);
}

/* "press/line1" or "uns/v1/acme/berlin/press/line1"; '/' at the end is fine. */
static bool
set_prefix(const struct core *c, struct ask *a)
{
	char site[HF_TOPIC_BYTES], path[HF_TOPIC_BYTES + 1];
	size_t n, nsite;

	if (hf_topic_of_asset(c->ctx.plant, "", "", site, NULL) != HF_OK)
		return false;
	nsite = strlen(site);
	hf_strcpy(path, sizeof(path), a->q.path);
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		path[--n] = '\0';
	if (strncmp(path, "uns/", 4) == 0)
		return hf_strcpy(a->prefix, sizeof(a->prefix), path);
	return nsite + 1 + n < sizeof(a->prefix) &&
	       snprintf(a->prefix, sizeof(a->prefix), "%s%s%s", site,
		   n > 0 ? "/" : "", path) > 0;
}

/* Where `next` of the page before says. */
static bool
set_start(const struct core *c, struct ask *a)
{
	const char *dot = strchr(a->q.text, '.');
	uint64_t generation, at;

	if (a->q.text[0] == '\0') {
		a->at = lower_bound(c, a->prefix);
		return true;
	}
	if (dot == NULL ||
	    !hf_parse_u64(a->q.text, (size_t)(dot - a->q.text), &generation) ||
	    !hf_parse_u64(dot + 1, strlen(dot + 1), &at))
		return false;
	a->at = (size_t)at;
	return generation == c->tree->generation && at <= c->tree->n;
}

static bool
begin(struct core *c, struct ask *a)
{
	a->is_begun = true;
	if (!set_prefix(c, a)) {
		fail_first(c, HF_EINVAL, "path is too long for a topic");
		return false;
	}
	if (!set_start(c, a)) {
		fail_first(c, HF_EEXIST,
		    "\"after\" is of another configuration; begin again "
		    "without it");
		return false;
	}
	hf_jw_init(&a->w, &a->out);
	hf_jw_obj(&a->w);
	hf_jw_kstr(&a->w, "prefix", a->prefix);
	hf_jw_key(&a->w, "entries");
	hf_jw_arr(&a->w);
	return true;
}

static void
put_leaf(const struct core *c, struct ask *a, const char *topic, size_t at)
{
	const struct hf_plant *p = c->ctx.plant;
	const struct hf_tag *t = &p->tags[c->tree->order[at]];
	const struct core_last *l = &c->last[t - p->tags];
	struct hf_jw *w = &a->w;

	hf_jw_obj(w);
	hf_jw_kstr(w, "topic", topic);
	hf_jw_kstr(w, "path", t->path);
	hf_jw_kstr(w, "type", hf_tag_type_words[t->type]);
	hf_jw_kstr(w, "unit", t->unit);
	hf_jw_kstr(w, "contract", hf_topic_contract(p, t));
	core_last_json(w, l, core_status_now(c, t, l), hf_wall_ns());
	hf_jw_end_obj(w);
	a->nentry++;
}

static void
put_node(struct ask *a)
{
	hf_jw_obj(&a->w);
	hf_jw_kstr(&a->w, "topic", a->node);
	hf_jw_ku64(&a->w, "tags", a->nbelow);
	hf_jw_end_obj(&a->w);
	a->node[0] = '\0';
	a->nentry++;
}

/* Bytes of the topic that are the node `depth` levels below the prefix; 0 if
 * the topic itself is not deeper than that. */
static size_t
node_len(const struct ask *a, const char *topic)
{
	const char *s = topic + strlen(a->prefix);
	uint32_t level;

	if (a->q.buckets == 0)
		return 0;
	for (level = 0; level < a->q.buckets; level++) {
		s += *s == '/';
		s += strcspn(s, "/");
	}
	return *s == '/' ? (size_t)(s - topic) : 0;
}

static bool
is_below(const char *topic, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(topic, prefix, n) == 0 &&
	       (topic[n] == '/' || topic[n] == '\0');
}

/* One tag. False: the page is complete, `at` is where the next one begins. */
static bool
step(const struct core *c, struct ask *a)
{
	uint32_t limit = a->q.limit == 0 ? DEFAULT_LIMIT : a->q.limit;
	char topic[HF_TOPIC_BYTES];
	size_t n;

	if (a->at == c->tree->n)
		return false;
	topic_at(c, a->at, topic);
	if (a->node[0] != '\0' && is_below(topic, a->node)) {
		a->nbelow++;
		a->at++;
		return true;
	}
	if (a->node[0] != '\0')
		put_node(a);
	/* '-' sorts before '/': "x-y" may stand between "x" and "x/z" */
	if (strncmp(topic, a->prefix, strlen(a->prefix)) != 0)
		return false;
	if (a->nentry >= limit)
		return false;
	if (is_below(topic, a->prefix)) {
		n = node_len(a, topic);
		if (n > 0) {
			memcpy(a->node, topic, n);
			a->node[n] = '\0';
			a->nbelow = 1;
		} else {
			put_leaf(c, a, topic, a->at);
		}
	}
	a->at++;
	return true;
}

/* Is there anything more below the prefix? */
static bool
has_more(const struct core *c, const struct ask *a)
{
	char topic[HF_TOPIC_BYTES];

	if (a->at == c->tree->n)
		return false;
	topic_at(c, a->at, topic);
	return strncmp(topic, a->prefix, strlen(a->prefix)) == 0;
}

static void
finish(struct core *c, struct ask *a)
{
	char next[48];

	if (a->node[0] != '\0')
		put_node(a);
	if (a->nentry == 0 && a->q.text[0] == '\0' && a->q.path[0] != '\0') {
		fail_first(c, HF_ENOTFOUND,
		    "nothing in the namespace below that path; `holdfast "
		    "tree` shows what there is");
		return;
	}
	hf_jw_end_arr(&a->w);
	hf_jw_key(&a->w, "next");
	snprintf(next, sizeof(next), "%llu.%zu",
	    (unsigned long long)c->tree->generation, a->at);
	hf_jw_str(&a->w, has_more(c, a) ? next : NULL);
	hf_jw_end_obj(&a->w);
	if (!hf_buf_ok(&a->out)) {
		fail_first(c, HF_ELIMIT, "the page is too large; give a limit");
		return;
	}
	core_answer(c, a->req, HF_OK, a->out.p, a->out.len);
	drop_first(c->tree);
}

static void
slice(void *arg)
{
	struct core *c = arg;
	struct core_tree *t = c->tree;
	int64_t end_ns = hf_mono_ns() + SLICE_NS;
	struct ask *a;

	while ((a = t->asks) != NULL && t->order != NULL) {
		if (!a->is_begun && !begin(c, a))
			continue;
		if (!step(c, a))
			finish(c, a);
		if (hf_mono_ns() >= end_ns)
			break;
	}
	if (t->asks != NULL && t->order != NULL)
		hf_timer_in(t->timer, 0);
}

/* ---- questions ---- */

static int
start_sort(struct core *c, struct hf_err *err)
{
	struct hf_work *w;

	if (c->tree->is_sorting)
		return HF_OK;
	w = hf_work_new(HF_W_READ);
	if (w == NULL)
		return HF_FAIL(err, HF_ENOMEM, "question");
	w->query.kind = HF_Q_TREE;
	w->plant = c->ctx.plant;
	w->seq = c->ctx.generation;
	if (!hf_queue_put(c->to_reader, w)) {
		hf_work_free(w);
		return HF_FAIL(err, HF_EAGAIN,
		    "too many questions are waiting; try again");
	}
	c->nplant++; /* the plant stays until the reader gives it back */
	c->tree->is_sorting = true;
	return HF_OK;
}

static int
tree_new(struct core *c, struct hf_err *err)
{
	struct core_tree *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->timer = hf_loop_timer(c->ctx.loop, slice, c);
	if (t == NULL || t->timer == NULL) {
		free(t);
		return HF_FAIL(err, HF_ENOMEM, "tree");
	}
	t->asks_last = &t->asks;
	t->generation = c->ctx.generation;
	c->tree = t;
	return HF_OK;
}

int
core_tree_start(
    struct core *c, const struct hf_query *q, uint64_t req, struct hf_err *err)
{
	struct ask *a;
	int rc = c->tree == NULL ? tree_new(c, err) : HF_OK;

	if (rc == HF_OK && c->tree->nask == NASK)
		rc = HF_FAIL(err, HF_EAGAIN,
		    "%d browse questions are under way; try again", NASK);
	if (rc == HF_OK && c->tree->order == NULL)
		rc = start_sort(c, err);
	if (rc != HF_OK)
		return rc;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return HF_FAIL(err, HF_ENOMEM, "tree");
	a->req = req;
	a->q = *q;
	hf_buf_init(&a->out, PAGE_BYTES);
	*c->tree->asks_last = a;
	c->tree->asks_last = &a->next;
	c->tree->nask++;
	if (c->tree->order != NULL)
		hf_timer_in(c->tree->timer, 0);
	return HF_OK;
}

void
core_tree_sorted(struct core *c, struct hf_work *w)
{
	struct core_tree *t = c->tree;
	struct hf_err err = {0};

	c->nplant--;
	t->is_sorting = false;
	if (w->rc != HF_OK) {
		while (t->asks != NULL)
			fail_first(c, w->rc, w->err.msg);
	} else if (w->seq == t->generation) {
		t->n = w->answer.len / sizeof(*t->order);
		t->order = (uint32_t *)(void *)w->answer.p; /* moves */
		if (t->order == NULL) /* a plant without tags */
			t->order = calloc(1, sizeof(*t->order));
		hf_buf_init(&w->answer, 1);
		hf_timer_in(t->timer, 0);
	} else if (t->asks != NULL && start_sort(c, &err) != HF_OK) {
		while (t->asks != NULL)
			fail_first(c, HF_EAGAIN, err.msg);
	}
	hf_work_free(w);
}

void
core_tree_plant(struct core *c)
{
	if (c->tree == NULL)
		return;
	while (c->tree->asks != NULL)
		fail_first(c, HF_EAGAIN,
		    "the configuration was changed meanwhile; ask again");
	free(c->tree->order);
	c->tree->order = NULL;
	c->tree->n = 0;
	c->tree->generation = c->ctx.generation;
}

void
core_tree_free(struct core *c)
{
	if (c->tree == NULL)
		return;
	while (c->tree->asks != NULL)
		drop_first(c->tree);
	hf_watch_free(c->tree->timer);
	free(c->tree->order);
	free(c->tree);
	c->tree = NULL;
}
