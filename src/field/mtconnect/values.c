/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c - observations become readings of tags.
 *
 * A tag's address is a dataItemId, or the item's name where no id is equal.
 * Source time is the observation's own. An observation tells of a change, so it
 * may rightly be old (is_kept). UNAVAILABLE is BadNotConnected: the agent has
 * lost the machine. A condition is 0 normal, 1 warning, 2 fault for numbers,
 * "anything but normal" for bool, and for strings its level, native code and
 * text: "Fault 4711: door open".
 *
 * After a bad mark (communication lost, gap) the first observation of a tag may
 * be older than the mark: the value was the same all the time. It is then given
 * without source time: known again from now on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/time.h"
#include "field/mtconnect/agent.h"
#include "field/text.h"
#include "model/quality.h"

#define STR_ROOM 65536
#define NO_TAG UINT32_MAX

static const struct hf_tag *
tags_of(const struct hf_driver_dev *d)
{
	return d->plant->tags + d->cfg->tag_first;
}

int
hf_mtc_values_init(struct hf_driver_dev *d, struct hf_err *err)
{
	struct hf_mtc_values *v = &d->values;
	const struct hf_tag *t = tags_of(d);
	uint32_t i, *first;

	v->by_address = hf_strmap_new((size_t)d->cfg->ntag + 1);
	v->index = calloc((size_t)d->cfg->ntag + 1, sizeof(*v->index));
	v->tags = calloc((size_t)d->cfg->ntag + 1, sizeof(*v->tags));
	hf_buf_init(&v->str, STR_ROOM);
	v->newest_ns = HF_TIME_NONE;
	if (v->by_address == NULL || v->index == NULL || v->tags == NULL)
		return HF_FAIL(err, HF_ENOMEM, "device %s", d->cfg->name);
	for (i = 0; i < d->cfg->ntag; i++) {
		v->index[i] = i;
		v->tags[i].next = NO_TAG;
		first = hf_strmap_get(v->by_address, t[i].address);
		if (first != NULL) {
			v->tags[i].next = v->tags[*first].next;
			v->tags[*first].next = i;
		} else if (hf_strmap_put(v->by_address, t[i].address,
			       &v->index[i]) != HF_OK) {
			return HF_FAIL(
			    err, HF_ENOMEM, "device %s", d->cfg->name);
		}
	}
	return HF_OK;
}

void
hf_mtc_values_fini(struct hf_driver_dev *d)
{
	struct hf_mtc_values *v = &d->values;

	hf_strmap_free(v->by_address);
	free(v->index);
	free(v->tags);
	hf_buf_fini(&v->str);
}

uint32_t
hf_mtc_tag_of(const struct hf_driver_dev *d, const char *address)
{
	const uint32_t *i = hf_strmap_get(d->values.by_address, address);

	return i == NULL ? NO_TAG : *i;
}

void
hf_mtc_hand_over(struct hf_driver_dev *d)
{
	struct hf_mtc_values *v = &d->values;

	if (v->nr > 0)
		d->host.readings(
		    d->host.arg, d->idx, HF_TIME_NONE, v->r, v->nr);
	v->nr = 0;
	hf_buf_reset(&v->str);
}

/* Room for one more reading and a string of n bytes that stays where it is. */
static struct hf_reading *
room(struct hf_driver_dev *d, size_t n)
{
	struct hf_mtc_values *v = &d->values;

	if (v->nr == sizeof(v->r) / sizeof(v->r[0]) ||
	    v->str.len + n + 1 > v->str.cap)
		hf_mtc_hand_over(d);
	if (v->str.cap < STR_ROOM) { /* all of it now: it must not move */
		hf_buf_extend(&v->str, STR_ROOM);
		hf_buf_reset(&v->str);
	}
	return &v->r[v->nr];
}

static const char *
keep(struct hf_driver_dev *d, const char *s, size_t n)
{
	struct hf_mtc_values *v = &d->values;
	const size_t at = v->str.len;

	hf_buf_put(&v->str, s, n);
	hf_buf_u8(&v->str, '\0');
	return hf_buf_ok(&v->str) ? (const char *)v->str.p + at : "";
}

/* What a condition says, in the type of its tag. */
static size_t
condition_text(
    const struct hf_tag *t, const struct hf_mtc_obs *o, char *buf, size_t cap)
{
	static const char *const words[] = {[HF_MTC_NORMAL] = "Normal",
	    [HF_MTC_WARNING] = "Warning",
	    [HF_MTC_FAULT] = "Fault"};
	int n;

	if (t->type == HF_T_BOOL)
		n = snprintf(buf, cap, "%d", o->level != HF_MTC_NORMAL);
	else if (t->type != HF_T_STR)
		n = snprintf(buf, cap, "%d", (int)o->level - HF_MTC_NORMAL);
	else
		n = snprintf(buf, cap, "%s%s%s%s%.*s", words[o->level],
		    o->code[0] == '\0' ? "" : " ", o->code,
		    o->ntext == 0 ? "" : ": ",
		    (int)(o->ntext < 512 ? o->ntext : 512), o->text);
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

static bool
is_unavailable(const struct hf_mtc_obs *o)
{
	return o->level == HF_MTC_UNAVAILABLE ||
	       (o->level == HF_MTC_NONE && strcmp(o->text, "UNAVAILABLE") == 0);
}

static void
fill(struct hf_driver_dev *d, struct hf_reading *r, const struct hf_tag *t,
    const struct hf_mtc_obs *o)
{
	char buf[1200];
	const char *s = o->text;
	size_t n = o->ntext;
	enum hf_convert_why why;

	if (is_unavailable(o)) {
		hf_reading_bad(t, HF_BAD_NOT_CONNECTED, r);
		return;
	}
	if (o->level != HF_MTC_NONE) {
		n = condition_text(t, o, buf, sizeof(buf));
		s = buf;
	}
	s = keep(d, s, n);
	why = hf_text_convert(t, s, n, false, r);
	if (why == HF_CONVERT_CLAMPED)
		hf_count(d->host.counters, HF_C_S_CLAMPED, 1);
	else if (why != HF_CONVERT_FINE)
		hf_count(d->host.counters, HF_C_MT_VALUE, 1);
	if (o->is_cut && t->type == HF_T_STR)
		hf_reading_bad(t, HF_BAD_DECODING, r);
}

static void
take_for(struct hf_driver_dev *d, uint32_t i, const struct hf_mtc_obs *o,
    int64_t t_ns)
{
	struct hf_mtc_tag *m = &d->values.tags[i];
	struct hf_reading *r = room(d, o->ntext + 1024);

	fill(d, r, &tags_of(d)[i], o);
	r->s.t_ns = m->is_bad && t_ns <= m->mark_ns ? HF_TIME_NONE : t_ns;
	r->s.recv_ns = d->host.wall_ns(d->host.arg);
	r->is_kept = true;
	d->values.nr++;
	m->is_bad = false;
	m->is_seen = true;
	hf_printable(m->last, sizeof(m->last), o->text, o->ntext);
}

void
hf_mtc_take(struct hf_driver_dev *d, const struct hf_mtc_obs *o)
{
	uint32_t i = hf_mtc_tag_of(d, o->id);
	int64_t t_ns;

	if (i == NO_TAG && o->name[0] != '\0')
		i = hf_mtc_tag_of(d, o->name);
	if (!hf_time_parse(o->time, strlen(o->time), &t_ns))
		t_ns = HF_TIME_NONE;
	if (t_ns > d->values.newest_ns)
		d->values.newest_ns = t_ns;
	for (; i != NO_TAG; i = d->values.tags[i].next)
		take_for(d, i, o, t_ns);
}

void
hf_mtc_mark_bad(struct hf_driver_dev *d, uint32_t status, int64_t t_ns)
{
	const int64_t now_ns = d->host.wall_ns(d->host.arg);
	uint32_t i;

	for (i = 0; i < d->cfg->ntag; i++) {
		struct hf_mtc_tag *m = &d->values.tags[i];
		struct hf_reading *r;

		if (m->is_bad)
			continue;
		r = room(d, 0);
		hf_reading_bad(&tags_of(d)[i], status, r);
		r->s.t_ns = t_ns == HF_TIME_NONE ? now_ns : t_ns;
		r->s.recv_ns = now_ns;
		r->is_kept = true;
		d->values.nr++;
		m->is_bad = true;
		m->mark_ns = r->s.t_ns;
		if (status == HF_BAD_NO_COMMUNICATION)
			hf_count(d->host.counters, HF_C_S_NOCOMM, 1);
	}
	hf_mtc_hand_over(d);
}
