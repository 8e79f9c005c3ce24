/* SPDX-License-Identifier: Apache-2.0
 *
 * access.c - reads summed per uid and minute; see access.h.
 */
#include "web/access.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"

#define DETAIL_ROOM 96 /* bytes kept for "and N more reads" */

void
hf_access_init(struct hf_access *a, hf_access_fn *fn, void *arg)
{
	memset(a, 0, sizeof(*a));
	a->fn = fn;
	a->arg = arg;
}

static struct hf_access_uid *
uid_get(struct hf_access *a, uint32_t uid)
{
	struct hf_access_uid *u;
	size_t i;

	for (i = 0; i < a->nuid; i++)
		if (a->uid[i].uid == uid)
			return &a->uid[i];
	if (a->nuid == HF_ACCESS_NUID)
		hf_access_flush(a);
	u = &a->uid[a->nuid++];
	memset(u, 0, sizeof(*u));
	u->uid = uid;
	return u;
}

static struct hf_access_item *
item_get(struct hf_access_uid *u, const char *what, const struct hf_query *q)
{
	struct hf_access_item *it;
	size_t i;

	for (i = 0; i < u->nitem; i++)
		if (strcmp(u->item[i].what, what) == 0 &&
		    strcmp(u->item[i].path, q->path) == 0)
			return &u->item[i];
	if (u->nitem == HF_ACCESS_NITEM)
		return NULL;
	it = &u->item[u->nitem++];
	memset(it, 0, sizeof(*it));
	it->what = what;
	(void)hf_strcpy(it->path, sizeof(it->path), q->path);
	it->from_ns = q->from_ns;
	it->to_ns = q->to_ns;
	return it;
}

/* An open end covers every other. */
static void
widen(struct hf_access_item *it, const struct hf_query *q)
{
	if (q->from_ns == HF_TIME_NONE ||
	    (it->from_ns != HF_TIME_NONE && q->from_ns < it->from_ns))
		it->from_ns = q->from_ns;
	if (q->to_ns == HF_TIME_NONE ||
	    (it->to_ns != HF_TIME_NONE && q->to_ns > it->to_ns))
		it->to_ns = q->to_ns;
}

void
hf_access_note(struct hf_access *a, const char *what, const struct hf_query *q,
    int64_t mono_ns)
{
	struct hf_access_uid *u = uid_get(a, q->uid);
	struct hf_access_item *it = item_get(u, what, q);

	if (a->due_ns == 0)
		a->due_ns = mono_ns + HF_ACCESS_NS;
	u->n++;
	if (it == NULL) {
		u->nother++;
		return;
	}
	it->n++;
	widen(it, q);
}

/* "history press/line1/temp 2026-05-01T00:00:00Z..2026-05-02T00:00:00Z (3x)".
 * The audit route's from is a sequence number and is left out. */
static void
item_text(const struct hf_access_item *it, struct hf_buf *b)
{
	char t0[HF_TIME_TEXT] = "", t1[HF_TIME_TEXT] = "";
	bool is_time = strcmp(it->what, "audit") != 0;

	hf_buf_puts(b, it->what);
	if (it->path[0] != '\0')
		hf_buf_printf(b, " %s", it->path);
	if (is_time && it->from_ns != HF_TIME_NONE)
		hf_time_fmt(it->from_ns, t0);
	if (is_time && it->to_ns != HF_TIME_NONE)
		hf_time_fmt(it->to_ns, t1);
	if (t0[0] != '\0' || t1[0] != '\0')
		hf_buf_printf(b, " %s..%s", t0, t1);
	if (it->n > 1)
		hf_buf_printf(b, " (%llux)", (unsigned long long)it->n);
}

static void
record_uid(struct hf_access *a, const struct hf_access_uid *u)
{
	struct hf_record r = {.action = "data.access", .decision = "allow"};
	uint64_t nrest = u->nother;
	struct hf_buf line, b;
	size_t i;

	(void)snprintf(r.actor, sizeof(r.actor), "uid:%u", u->uid);
	(void)hf_strcpy(
	    r.object, sizeof(r.object), u->nitem > 0 ? u->item[0].path : "");
	hf_buf_init(&b, sizeof(r.detail) - 1);
	hf_buf_init(&line, 512);
	hf_buf_printf(&b, "%llu read%s: ", (unsigned long long)u->n,
	    u->n == 1 ? "" : "s");
	for (i = 0; i < u->nitem; i++) {
		hf_buf_reset(&line);
		item_text(&u->item[i], &line);
		if (b.len + line.len + DETAIL_ROOM > sizeof(r.detail)) {
			nrest += u->item[i].n;
			continue;
		}
		if (i > 0)
			hf_buf_puts(&b, "; ");
		hf_buf_put(&b, line.p, line.len);
	}
	if (nrest > 0)
		hf_buf_printf(
		    &b, "; and %llu more reads", (unsigned long long)nrest);
	if (hf_buf_ok(&b))
		(void)hf_strcpy(r.detail, sizeof(r.detail), hf_buf_cstr(&b));
	hf_buf_fini(&line);
	hf_buf_fini(&b);
	a->fn(a->arg, &r);
}

void
hf_access_flush(struct hf_access *a)
{
	size_t i;

	for (i = 0; i < a->nuid; i++)
		record_uid(a, &a->uid[i]);
	a->nuid = 0;
	a->due_ns = 0;
}

void
hf_access_tick(struct hf_access *a, int64_t mono_ns)
{
	if (a->due_ns != 0 && mono_ns >= a->due_ns)
		hf_access_flush(a);
}
