/* SPDX-License-Identifier: Apache-2.0
 *
 * map.c - a device's tags by topic, so that a message finds its tags with one
 * look-up, however many topics and tags there are.
 */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/mqtt/device.h"

#define ARENA_MAX (512u << 20)

void
hf_mq_map_fini(struct hf_mq_map *m)
{
	hf_strmap_free(m->by_name);
	hf_arena_free(m->arena);
	memset(m, 0, sizeof(*m));
}

static int
by_topic(const void *a, const void *b)
{
	const struct hf_mq_point *x = a, *y = b;
	int c = strcmp(x->addr.topic, y->addr.topic);

	return c != 0 ? c : (x->tag > y->tag) - (x->tag < y->tag);
}

static int
tag_ok(const struct hf_tag *t, struct hf_err *err)
{
	if (t->writable)
		return HF_FAIL(
		    err, HF_EINVAL, "an MQTT tag is only read: access is r");
	if (t->is_stamp)
		return HF_FAIL(err, HF_EINVAL,
		    "there is no time register on MQTT; name the stamp of each "
		    "message in the addresses, as TOPIC;field=v;time=ts:ms");
	return HF_OK;
}

static int
index_topics(struct hf_mq_map *m, struct hf_err *err)
{
	struct hf_mq_topic *t = NULL;
	size_t i;
	int rc;

	m->topics = hf_arena_calloc(m->arena, m->npt + 1, sizeof(*m->topics));
	m->by_name = hf_strmap_new(m->npt + 1);
	if (m->topics == NULL || m->by_name == NULL)
		return HF_FAIL(err, HF_ENOMEM, "topics");
	for (i = 0; i < m->npt; i++) {
		const char *name = m->pts[i].addr.topic;

		if (t == NULL || strcmp(t->name, name) != 0) {
			t = &m->topics[m->ntopic++];
			*t = (struct hf_mq_topic){
			    .name = name, .first = (uint32_t)i};
			rc = hf_strmap_put(m->by_name, name, t);
			if (rc != HF_OK)
				return HF_FAIL(err, rc, "topics");
		}
		t->n++;
		if (t->n > m->nmost)
			m->nmost = t->n;
	}
	return HF_OK;
}

int
hf_mq_map_init(struct hf_mq_map *m, const struct hf_plant *p,
    uint32_t device_idx,
    void (*say)(void *arg, const struct hf_tag *t, const char *text), void *arg,
    struct hf_err *err)
{
	const struct hf_device *dev = &p->devices[device_idx];
	struct hf_mq_point *pt;
	const struct hf_tag *t;
	struct hf_err own = {0};
	bool is_bad = false;
	uint32_t i;
	int rc;

	memset(m, 0, sizeof(*m));
	m->arena = hf_arena_new(ARENA_MAX);
	m->pts = m->arena == NULL ? NULL
				  : hf_arena_calloc(m->arena, dev->ntag + 1u,
					sizeof(*m->pts));
	if (m->pts == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", dev->name);
	for (i = 0; i < dev->ntag; i++) {
		t = &p->tags[dev->tag_first + i];
		pt = &m->pts[m->npt];
		rc = tag_ok(t, &own);
		if (rc == HF_OK)
			rc = hf_mq_addr_parse(
			    m->arena, t->address, &pt->addr, &own);
		if (rc == HF_OK) {
			pt->tag = t;
			pt->last_stamp_ns = HF_TIME_NONE;
			m->npt++;
			continue;
		}
		is_bad = true;
		if (say != NULL)
			say(arg, t, own.msg);
		hf_err_set(err, rc, "tag %s: %s", t->name, own.msg);
	}
	qsort(m->pts, m->npt, sizeof(*m->pts), by_topic);
	rc = index_topics(m, err);
	return rc != HF_OK ? rc : is_bad ? HF_EINVAL : HF_OK;
}

struct hf_mq_topic *
hf_mq_map_find(const struct hf_mq_map *m, const char *topic)
{
	return hf_strmap_get(m->by_name, topic);
}
