/* SPDX-License-Identifier: Apache-2.0
 *
 * mirror.c - one slot a tag, and a queue of the slots that are due.
 *
 * A slot has two values: the newest noted one, and the held one, with which it
 * entered the queue. The queue is a list through the slots, in the order in
 * which they became dirty. Its head is given out when it is durable: the newest
 * value if that is durable too, else the held one, and then the slot enters the
 * queue again, at the end, with the newest. A tag is in the queue once, so one
 * that changes a thousand times a second takes no more turns than any other.
 *
 * Only the head is looked at. What is behind it was noted with the same or a
 * later seq, except a slot that entered again with an older one: it waits for
 * those before it, which are at most one group commit away.
 */
#include "bus/mirror.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct value {
	struct hf_sample s;
	uint64_t seq;
	char *str; /* owned, kept for the next string; cap bytes */
	uint32_t cap;
};

struct slot {
	struct value newest, held;
	uint32_t prev, next; /* in the queue */
	bool is_set;	     /* was ever noted */
	bool is_queued;
	bool has_more; /* queued, and newest is not what is held */
};

struct hf_mirror {
	struct slot *slots;
	size_t nslot, nqueued;
	uint32_t first, last; /* of the queue */
	/* What was given out last: for undo, and borrowed by the caller. */
	struct value given;
	size_t given_idx;
	bool has_given;
};

struct hf_mirror *
hf_mirror_new(size_t ntag)
{
	struct hf_mirror *m = calloc(1, sizeof(*m));

	if (m == NULL || ntag >= NONE)
		goto fail;
	m->slots = calloc(ntag + 1, sizeof(*m->slots));
	if (m->slots == NULL)
		goto fail;
	m->nslot = ntag;
	m->first = m->last = NONE;
	return m;
fail:
	free(m);
	return NULL;
}

void
hf_mirror_free(struct hf_mirror *m)
{
	size_t i;

	if (m == NULL)
		return;
	for (i = 0; i < m->nslot; i++) {
		free(m->slots[i].newest.str);
		free(m->slots[i].held.str);
	}
	free(m->given.str);
	free(m->slots);
	free(m);
}

/* Strings are kept with a NUL behind them, at offset 0. */
static bool
set_value(
    struct value *v, const struct hf_sample *s, const char *str, uint64_t seq)
{
	uint32_t need = s->str_len + 1u;
	char *bigger;

	if (s->vtype == HF_V_STR) {
		if (need > v->cap) {
			bigger = realloc(v->str, need);
			if (bigger == NULL)
				return false;
			v->str = bigger;
			v->cap = need;
		}
		if (str != NULL)
			memcpy(v->str, str, s->str_len);
		v->str[str == NULL ? 0 : s->str_len] = '\0';
	}
	v->s = *s;
	v->seq = seq;
	if (s->vtype == HF_V_STR) {
		v->s.v.str_off = 0;
		v->s.str_len = str == NULL ? 0 : s->str_len;
	}
	return true;
}

static bool
copy_value(struct value *to, const struct value *from)
{
	return set_value(to, &from->s, from->str, from->seq);
}

static void
push_last(struct hf_mirror *m, uint32_t i)
{
	struct slot *s = &m->slots[i];

	s->prev = m->last;
	s->next = NONE;
	if (m->last == NONE)
		m->first = i;
	else
		m->slots[m->last].next = i;
	m->last = i;
	s->is_queued = true;
	m->nqueued++;
}

static void
push_first(struct hf_mirror *m, uint32_t i)
{
	struct slot *s = &m->slots[i];

	s->prev = NONE;
	s->next = m->first;
	if (m->first == NONE)
		m->last = i;
	else
		m->slots[m->first].prev = i;
	m->first = i;
	s->is_queued = true;
	m->nqueued++;
}

static void
take_out(struct hf_mirror *m, uint32_t i)
{
	struct slot *s = &m->slots[i];

	if (s->prev == NONE)
		m->first = s->next;
	else
		m->slots[s->prev].next = s->next;
	if (s->next == NONE)
		m->last = s->prev;
	else
		m->slots[s->next].prev = s->prev;
	s->is_queued = false;
	m->nqueued--;
}

/* Becomes dirty with its newest value. */
static void
enqueue(struct hf_mirror *m, uint32_t i)
{
	struct slot *s = &m->slots[i];

	if (!copy_value(&s->held, &s->newest))
		return; /* no memory for a string: the next value tries again */
	s->has_more = false;
	push_last(m, i);
}

void
hf_mirror_note(struct hf_mirror *m, size_t idx, const struct hf_sample *s,
    const char *str, uint64_t seq)
{
	struct slot *slot;

	if (idx >= m->nslot)
		return;
	slot = &m->slots[idx];
	if (!set_value(&slot->newest, s, str, seq))
		return;
	slot->is_set = true;
	if (slot->is_queued)
		slot->has_more = true;
	else
		enqueue(m, (uint32_t)idx);
}

void
hf_mirror_all(struct hf_mirror *m)
{
	size_t i;

	for (i = 0; i < m->nslot; i++)
		if (m->slots[i].is_set && !m->slots[i].is_queued)
			enqueue(m, (uint32_t)i);
}

bool
hf_mirror_is_due(const struct hf_mirror *m, uint64_t durable)
{
	return m->first != NONE && m->slots[m->first].held.seq <= durable;
}

bool
hf_mirror_next(struct hf_mirror *m, uint64_t durable, size_t *idx,
    struct hf_sample *s, const char **str)
{
	struct slot *slot;
	uint32_t i = m->first;
	bool is_newest;

	m->has_given = false;
	if (!hf_mirror_is_due(m, durable))
		return false;
	slot = &m->slots[i];
	is_newest = !slot->has_more || slot->newest.seq <= durable;
	if (!copy_value(&m->given, is_newest ? &slot->newest : &slot->held))
		return false; /* no memory: still due */
	take_out(m, i);
	slot->has_more = false;
	if (!is_newest)
		enqueue(m, i);
	m->given_idx = *idx = i;
	m->has_given = true;
	*s = m->given.s;
	*str = m->given.s.vtype == HF_V_STR ? m->given.str : NULL;
	return true;
}

uint64_t
hf_mirror_seq(const struct hf_mirror *m)
{
	return m->given.seq;
}

void
hf_mirror_undo(struct hf_mirror *m, size_t idx)
{
	struct slot *slot = &m->slots[idx];

	if (!m->has_given || idx != m->given_idx ||
	    !copy_value(&slot->held, &m->given))
		return;
	m->has_given = false;
	slot->has_more = slot->is_queued; /* something newer came since */
	if (slot->is_queued)
		take_out(m, (uint32_t)idx);
	push_first(m, (uint32_t)idx);
}

size_t
hf_mirror_dirty(const struct hf_mirror *m)
{
	return m->nqueued;
}
