/* SPDX-License-Identifier: Apache-2.0
 *
 * try.c - `holdfast try DEVICE` for MQTT: what is published, who takes it, and
 * rows for what nobody takes.
 *
 * A preview listens for LISTEN_NS on a connection of its own, with the device's
 * filters (with # if it has neither filters nor tags), so that retained values
 * come at once and the device's own stream is not touched. Nothing that it sees
 * becomes a sample. It ends at its deadline and calls done() exactly once, from
 * the loop or from within close.
 *
 *   {"device","host","port","connected","text","seconds",
 *    "tags":[{"tag","address","type","value","quality","status","t"}],
 *    "topics":[{"topic","messages","retained","payload"}],
 *    "more_topics","more_messages","suggest":[...],"suggest_left"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "field/mqtt/device.h"
#include "field/mqtt/payload.h"
#include "field/suggest.h"
#include "model/quality.h"

#define LISTEN_NS (5 * HF_NS_PER_S)
#define NTOPIC 100	/* topics that are listed */
#define PAYLOAD_MAX 512 /* bytes of a payload that are kept to be shown */
#define PARSE_MAX 8192	/* ... and to look for values in */
#define SUGGEST_BYTES 16000
#define NSUGGEST_TOPIC 16 /* fields of one payload */
#define DEPTH_MAX 4
#define ANSWER_MAX 60000 /* bytes; the wire takes 64 KiB */

struct seen {
	char *topic;
	char *payload;
	size_t n; /* bytes kept */
	uint64_t nmessage;
	bool is_retained, is_cut;
};

struct hf_mq_try {
	void (*done)(void *arg, int rc, const char *text, size_t n);
	void *arg;
	struct hf_driver_dev *d;
	struct hf_mqtt *mqtt;
	struct hf_watch *deadline;
	char why[256];
	struct seen seen[NTOPIC];
	size_t nseen;
	uint64_t nmore; /* messages of topics beyond */
	struct hf_suggest suggest;
};

/* ---- collecting ---- */

static void
try_free(struct hf_mq_try *t)
{
	size_t i;

	t->d->preview = NULL;
	hf_mqtt_free(t->mqtt);
	hf_watch_free(t->deadline);
	for (i = 0; i < t->nseen; i++) {
		free(t->seen[i].topic);
		free(t->seen[i].payload);
	}
	free(t);
}

static void
keep(struct seen *s, const struct hf_mqtt_msg *m)
{
	size_t n = m->n < PARSE_MAX ? m->n : PARSE_MAX;
	char *copy = malloc(n + 1);

	s->nmessage++;
	s->is_retained |= m->is_retained;
	if (copy == NULL)
		return;
	if (n > 0)
		memcpy(copy, m->p, n);
	copy[n] = '\0';
	free(s->payload);
	s->payload = copy;
	s->n = n;
	s->is_cut = n < m->n;
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct hf_mq_try *t = arg;
	size_t i;

	for (i = 0; i < t->nseen; i++)
		if (strcmp(t->seen[i].topic, m->topic) == 0)
			break;
	if (i == NTOPIC) {
		t->nmore++;
		return;
	}
	if (i == t->nseen) {
		t->seen[i] = (struct seen){.topic = strdup(m->topic)};
		if (t->seen[i].topic == NULL)
			return;
		t->nseen++;
	}
	keep(&t->seen[i], m);
}

static void
on_up(void *arg)
{
	struct hf_mq_try *t = arg;

	t->why[0] = '\0';
}

static void
on_down(void *arg, const char *why)
{
	struct hf_mq_try *t = arg;

	hf_strcpy(t->why, sizeof(t->why), why);
}

/* ---- rows for what nobody takes ---- */

static int
type_of(const json_t *j)
{
	if (json_is_string(j))
		return HF_T_STR;
	return json_is_boolean(j) ? HF_T_BOOL : HF_T_F64;
}

/* Named after the last level; the whole topic where that name is taken. */
static void
suggest(struct hf_mq_try *t, const char *topic, const char *path, int type)
{
	const char *last = strrchr(topic, '/');
	const char *tail = path[0] == '\0' ? "" : "_";
	char name[300], longer[300], address[1400];

	if (strpbrk(topic, ";\n\r") != NULL)
		return; /* no address can name it */
	snprintf(name, sizeof(name), "%s%s%s",
	    last == NULL || last[1] == '\0' ? topic : last + 1, tail, path);
	snprintf(longer, sizeof(longer), "%s%s%s", topic, tail, path);
	snprintf(address, sizeof(address), "%s%s%s", topic,
	    path[0] == '\0' ? "" : ";field=", path);
	hf_suggest_add(&t->suggest,
	    &(const struct hf_suggestion){.name = name,
		.longer = longer,
		.address = address,
		.type = hf_tag_type_words[type],
		.unit = ""},
	    SUGGEST_BYTES);
}

/* Appends a name to a path, escaped as an address wants it. */
static bool
join(char *path, size_t cap, const char *name)
{
	size_t n = strlen(path), i;

	if (n > 0 && n + 1 < cap)
		path[n++] = '.';
	for (i = 0; name[i] != '\0'; i++) {
		if (strchr(".[];:=\\", name[i]) != NULL && n + 1 < cap)
			path[n++] = '\\';
		if (n + 1 >= cap || strchr("\",\n\r", name[i]) != NULL)
			return false;
		path[n++] = name[i];
	}
	path[n] = '\0';
	return i > 0;
}

static void
expand(struct hf_mq_try *t, const char *topic, const json_t *j,
    const char *path, int depth)
{
	size_t before = t->suggest.n;
	char below[200];
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)j, key, v)
	{
		if (t->suggest.n - before >= NSUGGEST_TOPIC)
			return;
		hf_strcpy(below, sizeof(below), path);
		if (!join(below, sizeof(below), key))
			continue;
		if (json_is_object(v) && depth < DEPTH_MAX)
			expand(t, topic, v, below, depth + 1);
		else if (!json_is_object(v) && !json_is_array(v) &&
			 !json_is_null(v))
			suggest(t, topic, below, type_of(v));
	}
}

static void
suggest_seen(struct hf_mq_try *t, const struct seen *s)
{
	const struct hf_mq_addr plain = {.topic = s->topic};
	struct hf_mq_payload l;
	struct hf_value v;

	if (s->is_cut || hf_mq_map_find(&t->d->map, s->topic) != NULL)
		return;
	hf_mq_payload_open(&l, s->payload, s->n);
	if (hf_mq_value(&l, &plain, false, &v) == HF_MQ_GOT)
		suggest(t, s->topic, "",
		    v.kind == HF_VALUE_TEXT   ? HF_T_STR
		    : v.kind == HF_VALUE_BOOL ? HF_T_BOOL
					      : HF_T_F64);
	else if (l.root != NULL)
		expand(t, s->topic, l.root, "", 1);
	hf_mq_payload_close(&l);
}

/* ---- the answer ---- */

static void
put_seen(struct hf_jw *w, const struct seen *s)
{
	char text[PAYLOAD_MAX];

	hf_printable(text, sizeof(text), s->payload == NULL ? "" : s->payload,
	    s->payload == NULL ? 0 : s->n);
	hf_jw_obj(w);
	hf_jw_kstr(w, "topic", s->topic);
	hf_jw_ku64(w, "messages", s->nmessage);
	hf_jw_kbool(w, "retained", s->is_retained);
	hf_jw_kstr(w, "payload", text);
	hf_jw_end_obj(w);
}

static void
put_value(struct hf_jw *w, const struct hf_reading *r)
{
	hf_jw_key(w, "value");
	if (hf_is_bad(r->s.status))
		hf_jw_null(w);
	else if (r->s.vtype == HF_V_STR)
		hf_jw_strn(w, r->str, r->s.str_len);
	else if (r->s.vtype == HF_V_BOOL)
		hf_jw_bool(w, r->s.v.bits != 0);
	else if (r->s.vtype == HF_V_I64)
		hf_jw_i64(w, r->s.v.i64);
	else
		hf_jw_f64(w, r->s.v.f64);
}

static void
put_tag(struct hf_jw *w, const struct hf_mq_point *pt, const struct seen *s)
{
	struct hf_mq_payload l;
	struct hf_reading r;
	struct hf_value v;
	char name[16];
	bool is_bad;
	int64_t t_ns;

	hf_mq_payload_open(&l, s->payload, s->n);
	hf_jw_obj(w);
	hf_jw_kstr(w, "tag", pt->tag->name);
	hf_jw_kstr(w, "address", pt->tag->address);
	hf_jw_kstr(w, "type", hf_tag_type_words[pt->tag->type]);
	if (hf_mq_value(&l, &pt->addr, pt->tag->type == HF_T_STR, &v) ==
	    HF_MQ_GOT) {
		hf_convert(
		    pt->tag, &v, hf_mq_quality(&l, &pt->addr, &is_bad), &r);
		t_ns = hf_mq_stamp(&l, &pt->addr, &is_bad);
		put_value(w, &r);
		hf_jw_kstr(w, "quality", hf_quality_word(r.s.status));
		hf_jw_kstr(w, "status", hf_status_name(r.s.status, name));
		hf_jw_ktime(w, "t", t_ns);
	} else {
		hf_jw_key(w, "value");
		hf_jw_null(w);
		hf_jw_kstr(w, "quality", "Bad");
		hf_jw_kstr(w, "status",
		    s->is_cut	  ? "the payload is too long for a preview"
		    : l.is_broken ? l.err.msg
				  : "the payload does not have its field");
	}
	hf_jw_end_obj(w);
	hf_mq_payload_close(&l);
}

static void
put_tags(struct hf_mq_try *t, struct hf_jw *w)
{
	const struct hf_mq_map *m = &t->d->map;
	const struct hf_mq_topic *topic;
	size_t i, k;

	hf_jw_key(w, "tags");
	hf_jw_arr(w);
	for (i = 0; i < t->nseen; i++) {
		topic = hf_mq_map_find(m, t->seen[i].topic);
		for (k = 0; topic != NULL && t->seen[i].payload != NULL &&
			    k < topic->n && w->b->len < ANSWER_MAX / 2;
		     k++)
			put_tag(w, &m->pts[topic->first + k], &t->seen[i]);
	}
	hf_jw_end_arr(w);
}

static void
put_answer(struct hf_mq_try *t, struct hf_buf *out)
{
	const struct hf_broker_conf *broker = &t->d->conf->broker;
	struct hf_jw w;
	size_t i;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "device", t->d->dev->name);
	hf_jw_kstr(&w, "host",
	    broker->host != NULL ? broker->host : "the zone's broker");
	if (broker->host != NULL)
		hf_jw_ki64(&w, "port", broker->port);
	hf_jw_kbool(&w, "connected", hf_mqtt_is_up(t->mqtt));
	hf_jw_kstr(&w, "text", t->why);
	hf_jw_ki64(&w, "seconds", LISTEN_NS / HF_NS_PER_S);
	put_tags(t, &w);
	hf_jw_key(&w, "topics");
	hf_jw_arr(&w);
	for (i = 0; i < t->nseen && out->len < 2 * ANSWER_MAX / 3; i++)
		put_seen(&w, &t->seen[i]);
	hf_jw_end_arr(&w);
	hf_jw_ku64(&w, "more_topics", t->nseen - i);
	hf_jw_ku64(&w, "more_messages", t->nmore);
	hf_suggest_open(&t->suggest, &w,
	    t->d->plant->tags + t->d->dev->tag_first, t->d->dev->ntag);
	for (i = 0; i < t->nseen; i++)
		if (t->seen[i].payload != NULL)
			suggest_seen(t, &t->seen[i]);
	hf_suggest_close(&t->suggest);
	hf_jw_end_obj(&w);
}

static void
on_deadline(void *arg)
{
	static const char too_long[] = "the preview is too long";
	struct hf_mq_try *t = arg;
	void (*done)(void *, int, const char *, size_t) = t->done;
	void *done_arg = t->arg;
	struct hf_buf b;

	hf_buf_init(&b, 4 * ANSWER_MAX);
	put_answer(t, &b);
	try_free(t);
	if (hf_buf_ok(&b))
		done(done_arg, HF_OK, (const char *)b.p, b.len);
	else
		done(done_arg, HF_ELIMIT, too_long, sizeof(too_long) - 1);
	hf_buf_fini(&b);
}

/* ---- start and end ---- */

static int
listen_to(struct hf_mq_try *t, struct hf_err *err)
{
	const struct hf_mqtt_cb cb = {
	    .arg = t, .up = on_up, .down = on_down, .message = on_message};
	struct hf_driver_dev *d = t->d;
	struct hf_mqtt_conf conf;
	char id[HF_BROKER_ID];
	int rc = hf_mq_connection(d, "-try", id, &conf, err);

	if (rc == HF_OK)
		rc = hf_mqtt_new(d->host.loop, &conf, &cb, &t->mqtt, err);
	if (rc == HF_OK && d->conf->subscribe.n == 0 && d->map.ntopic == 0)
		return hf_mqtt_subscribe(t->mqtt, "#", 0, err);
	return rc == HF_OK ? hf_mq_subscribe(d, t->mqtt, err) : rc;
}

void
hf_mq_try_start(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char busy[] = "a preview of this device is under way";
	struct hf_err err = {0};
	struct hf_mq_try *t;
	int rc;

	if (d->preview != NULL) {
		done(arg, HF_EAGAIN, busy, sizeof(busy) - 1);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		done(arg, HF_ENOMEM, "no memory", 9);
		return;
	}
	*t = (struct hf_mq_try){.done = done, .arg = arg, .d = d};
	d->preview = t;
	t->deadline = hf_loop_timer(d->host.loop, on_deadline, t);
	rc = t->deadline == NULL ? HF_FAIL(&err, HF_ENOMEM, "preview")
				 : listen_to(t, &err);
	if (rc != HF_OK) {
		try_free(t);
		done(arg, rc, err.msg, strlen(err.msg));
		return;
	}
	hf_timer_in(t->deadline, LISTEN_NS);
}

void
hf_mq_try_cancel(struct hf_driver_dev *d)
{
	static const char gone[] = "the device was closed";
	struct hf_mq_try *t = d->preview;
	void (*done)(void *, int, const char *, size_t);
	void *arg;

	if (t == NULL)
		return;
	done = t->done;
	arg = t->arg;
	try_free(t);
	done(arg, HF_ECLOSED, gone, sizeof(gone) - 1);
}
