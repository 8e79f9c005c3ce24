/* SPDX-License-Identifier: Apache-2.0
 *
 * preview.c - `holdfast try DEVICE` of an MTConnect agent: what the device's
 * tags last said, every data item that the agent offers, and a row for the tag
 * file for each that has no tag. It asks the agent nothing: /probe was read at
 * the start.
 *
 *   {"device","host","port","connected","text","instance","next_sequence",
 *    "tags":[{"tag","address","type","known","observed","value","status"}],
 *    "items":[{"id","name","category","type","sub_type","units","component"}],
 *    "items_in_all","suggest":[...],"suggest_left"}
 *
 * "value" is the last observation as text, null without one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "field/mtconnect/agent.h"
#include "field/suggest.h"

#define TRY_BYTES (16u << 20)
#define NSHOWN 200	 /* items; the answer has to fit one message */
#define ITEM_BYTES 40000 /* ... of which they may fill so much */
#define SUGGEST_BYTES 16000

static bool
is_known(const struct hf_driver_dev *d, const char *address)
{
	size_t i;

	for (i = 0; i < d->nknown; i++)
		if (strcmp(d->known[i].id, address) == 0 ||
		    strcmp(d->known[i].name, address) == 0)
			return true;
	return false;
}

static bool
has_tag(const struct hf_driver_dev *d, const struct hf_mtc_known *k)
{
	return hf_mtc_tag_of(d, k->id) != UINT32_MAX ||
	       (k->name[0] != '\0' && hf_mtc_tag_of(d, k->name) != UINT32_MAX);
}

static void
put_suggestions(const struct hf_driver_dev *d, struct hf_jw *w)
{
	struct hf_suggest s;
	size_t i;

	hf_suggest_open(
	    &s, w, d->plant->tags + d->cfg->tag_first, d->cfg->ntag);
	for (i = 0; i < d->nknown; i++) {
		const struct hf_mtc_known *k = &d->known[i];
		const struct hf_suggestion row = {
		    .name = k->name[0] != '\0' ? k->name : k->id,
		    .longer = k->id,
		    .address = k->id,
		    .type = hf_tag_type_words[k->category == 'S' ? HF_T_F64
								 : HF_T_STR],
		    .unit = k->units,
		};

		if (!has_tag(d, k))
			hf_suggest_add(&s, &row, SUGGEST_BYTES);
	}
	hf_suggest_close(&s);
}

static void
put_items(const struct hf_driver_dev *d, struct hf_jw *w)
{
	size_t i;

	hf_jw_key(w, "items");
	hf_jw_arr(w);
	for (i = 0; i < d->nknown && i < NSHOWN && w->b->len < ITEM_BYTES;
	     i++) {
		const struct hf_mtc_known *k = &d->known[i];

		hf_jw_obj(w);
		hf_jw_kstr(w, "id", k->id);
		hf_jw_kstr(w, "name", k->name);
		hf_jw_kstr(w, "category",
		    k->category == 'S'	 ? "SAMPLE"
		    : k->category == 'C' ? "CONDITION"
					 : "EVENT");
		hf_jw_kstr(w, "type", k->type);
		hf_jw_kstr(w, "sub_type", k->sub_type);
		hf_jw_kstr(w, "units", k->units);
		hf_jw_kstr(w, "component", k->component);
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
	hf_jw_ku64(w, "items_in_all", d->nknown);
}

static void
put_tags(const struct hf_driver_dev *d, struct hf_jw *w)
{
	const struct hf_tag *t = d->plant->tags + d->cfg->tag_first;
	uint32_t i;

	hf_jw_key(w, "tags");
	hf_jw_arr(w);
	for (i = 0; i < d->cfg->ntag; i++) {
		hf_jw_obj(w);
		hf_jw_kstr(w, "tag", t[i].name);
		hf_jw_kstr(w, "address", t[i].address);
		hf_jw_kstr(w, "type", hf_tag_type_words[t[i].type]);
		hf_jw_kbool(w, "known", is_known(d, t[i].address));
		hf_jw_kbool(w, "observed", d->values.tags[i].is_seen);
		hf_jw_key(w, "value");
		if (d->values.tags[i].is_seen)
			hf_jw_str(w, d->values.tags[i].last);
		else
			hf_jw_null(w);
		hf_jw_kstr(w, "status",
		    !is_known(d, t[i].address)	? "no such data item"
		    : d->values.tags[i].is_seen ? "observed"
						: "not observed yet");
		hf_jw_end_obj(w);
	}
	hf_jw_end_arr(w);
}

void
hf_mtc_try(struct hf_driver_dev *d,
    void (*done)(void *arg, int rc, const char *text, size_t n), void *arg)
{
	static const char full[] = "the preview is longer than 16 MiB";
	struct hf_buf b;
	struct hf_jw w;

	hf_buf_init(&b, TRY_BYTES);
	hf_jw_init(&w, &b);
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "device", d->cfg->name);
	hf_jw_kstr(&w, "host", d->conf->host);
	hf_jw_ki64(&w, "port", d->conf->port);
	hf_jw_kbool(&w, "connected", d->stats.up == 1);
	hf_jw_kstr(&w, "text", d->stats.text);
	hf_jw_ku64(&w, "instance", d->instance);
	hf_jw_ku64(&w, "next_sequence", d->next);
	put_tags(d, &w);
	put_items(d, &w);
	put_suggestions(d, &w);
	hf_jw_end_obj(&w);
	if (hf_buf_ok(&b))
		done(arg, HF_OK, hf_buf_cstr(&b), b.len);
	else
		done(arg, HF_ELIMIT, full, sizeof(full) - 1);
	hf_buf_fini(&b);
}
