/* SPDX-License-Identifier: Apache-2.0
 *
 * try.c - `holdfast try DEVICE` of a Sparkplug group: what its nodes announced.
 *
 * Nothing is sent: births have told everything. Tags come with their last
 * value; metrics without a tag as rows for a tag file, which is how a gateway
 * is imported: save "suggest" as its tag file.
 *
 *   {"device","host","port","group","connected","text",
 *    "nodes":{"known","alive"},
 *    "counts":{"births","deaths","gaps","rebirths_asked"},
 *    "suggest":["tag,address,...", "..."],"suggest_left":n,
 *    "tags":[{"tag","address","type","value","quality","status"}],
 *    "tags_left":n}
 *
 * The answer travels in one message; what does not fit is counted as left.
 */
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "field/sparkplug/device.h"
#include "model/quality.h"

#define TRY_BYTES 60000	    /* what a message to core can carry */
#define SUGGEST_BYTES 30000 /* of it, rows */

static void
put_value(struct hf_jw *w, const struct hf_sample *s)
{
	hf_jw_key(w, "value");
	if (s->vtype == HF_V_F64)
		hf_jw_f64(w, s->v.f64);
	else if (s->vtype == HF_V_I64)
		hf_jw_i64(w, s->v.i64);
	else if (s->vtype == HF_V_BOOL)
		hf_jw_bool(w, s->v.bits != 0);
	else
		hf_jw_null(w); /* texts are not kept */
}

static void
put_tag(struct hf_jw *w, const struct hf_spb_tag *t)
{
	const uint32_t status =
	    t->is_seen ? t->last.status : HF_BAD_NO_COMMUNICATION;
	char name[16];

	hf_jw_obj(w);
	hf_jw_kstr(w, "tag", t->tag->name);
	hf_jw_kstr(w, "address", t->tag->address);
	hf_jw_kstr(w, "type", hf_tag_type_words[t->tag->type]);
	if (t->is_seen)
		put_value(w, &t->last);
	hf_jw_kstr(w, "quality", hf_quality_word(status));
	hf_jw_kstr(w, "status", hf_status_name(status, name));
	hf_jw_end_obj(w);
}

struct suggest {
	const struct hf_plant *plant;
	struct hf_jw *w;
	struct hf_buf row;
	size_t nbyte, nleft;
};

static bool
put_row(void *arg, const struct hf_spb_listed *m)
{
	struct suggest *s = arg;

	if (m->tag != NULL || strcmp(m->name, "bdSeq") == 0 ||
	    strncmp(m->name, "Node Control/", 13) == 0)
		return true;
	hf_buf_reset(&s->row);
	if (!hf_spb_suggest(s->plant, m, &s->row))
		return true;
	s->nbyte += s->row.len + 4;
	if (s->nbyte > SUGGEST_BYTES)
		s->nleft++;
	else
		hf_jw_strn(s->w, (const char *)s->row.p, s->row.len);
	return true;
}

static void
put_suggestions(struct hf_driver_dev *d, struct hf_jw *w)
{
	struct suggest s = {.plant = d->plant, .w = w};

	hf_buf_init(&s.row, 4096);
	hf_jw_key(w, "suggest");
	hf_jw_arr(w);
	hf_jw_str(w, hf_spb_suggest_header);
	hf_spb_host_each(d->spb, put_row, &s);
	hf_jw_end_arr(w);
	hf_jw_ki64(w, "suggest_left", (int64_t)s.nleft);
	hf_buf_fini(&s.row);
}

static void
put_all(struct hf_driver_dev *d, struct hf_jw *w)
{
	struct hf_spb_host_stats st;
	struct hf_driver_stats ds;
	size_t i;

	hf_spb_host_stats(d->spb, &st);
	hf_sparkplug_driver.stats(d, &ds);
	hf_jw_obj(w);
	hf_jw_kstr(w, "device", d->cfg->name);
	hf_jw_kstr(w, "host",
	    d->conf->broker.host != NULL ? d->conf->broker.host
					 : "the zone's broker");
	if (d->conf->broker.host != NULL)
		hf_jw_ki64(w, "port", d->conf->broker.port);
	hf_jw_kstr(w, "group", d->conf->group);
	hf_jw_kbool(w, "connected", d->is_up);
	hf_jw_kstr(w, "text", ds.text);
	hf_jw_key(w, "nodes");
	hf_jw_obj(w);
	hf_jw_ki64(w, "known", (int64_t)st.nnode);
	hf_jw_ki64(w, "alive", (int64_t)st.nalive);
	hf_jw_end_obj(w);
	hf_jw_key(w, "counts");
	hf_jw_obj(w);
	hf_jw_ku64(w, "births", st.births);
	hf_jw_ku64(w, "deaths", st.deaths);
	hf_jw_ku64(w, "gaps", st.gaps);
	hf_jw_ku64(w, "rebirths_asked", st.rebirths);
	hf_jw_end_obj(w);
	put_suggestions(d, w);
	hf_jw_key(w, "tags");
	hf_jw_arr(w);
	for (i = 0; i < d->cfg->ntag && w->b->len < TRY_BYTES - 2048; i++)
		put_tag(w, &d->tags[i]);
	hf_jw_end_arr(w);
	hf_jw_ki64(w, "tags_left", (int64_t)(d->cfg->ntag - i));
	hf_jw_end_obj(w);
}

void
hf_spb_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char full[] = "the preview is longer than 60 kB";
	struct hf_buf b;
	struct hf_jw w;

	hf_buf_init(&b, TRY_BYTES);
	hf_jw_init(&w, &b);
	put_all(d, &w);
	if (hf_buf_ok(&b))
		done(arg, HF_OK, hf_buf_cstr(&b), b.len);
	else
		done(arg, HF_ELIMIT, full, sizeof(full) - 1);
	hf_buf_fini(&b);
}
