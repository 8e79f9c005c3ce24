/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - JSON Schema (draft 2020-12) of plant.yaml, from the option tables.
 *
 * For editors: names, types, words, ranges, defaults and help. It accepts what
 * the reader accepts as far as one value tells; references, reach and whatever
 * else spans values is only known to `holdfast check`. The options of a driver
 * or method join by if/then on the name that is chosen, and
 * unevaluatedProperties closes the map behind all of them.
 */
#include <string.h>

#include "base/json.h"
#include "conf/conf.h"
#include "model/optval.h"

static void
put_words(struct hf_jw *w, const char *const *words)
{
	hf_jw_key(w, "enum");
	hf_jw_arr(w);
	for (; *words != NULL; words++)
		hf_jw_str(w, *words);
	hf_jw_end_arr(w);
}

/* type and limits of one text, or of one item of a list */
static void
put_text_type(struct hf_jw *w, const struct hf_opt *o)
{
	hf_jw_kstr(w, "type", "string");
	if (o->words != NULL)
		put_words(w, o->words);
	else if (hf_opt_pattern(o->type) != NULL)
		hf_jw_kstr(w, "pattern", hf_opt_pattern(o->type));
	else
		hf_jw_ki64(w, "maxLength", HF_OPT_TEXT);
}

static void
put_number_type(struct hf_jw *w, const struct hf_opt *o)
{
	hf_jw_kstr(w, "type", o->type == HF_OPT_I64 ? "integer" : "number");
	if (o->min == 0 && o->max == 0)
		return;
	hf_jw_kf64(w, "minimum", o->min);
	hf_jw_kf64(w, "maximum", o->max);
}

static void
put_help(struct hf_jw *w, const struct hf_opt *o)
{
	struct hf_buf b;
	const char *text;

	hf_buf_init(&b, 2000);
	hf_buf_printf(&b, "%s", o->help);
	if (o->type != HF_OPT_SUB) {
		hf_buf_puts(&b, " Expected: ");
		hf_opt_expects(o, &b);
		hf_buf_puts(&b, ".");
	}
	if (o->unit != NULL && o->type != HF_OPT_DUR)
		hf_buf_printf(&b, " Unit: %s.", o->unit);
	if (o->dflt != NULL)
		hf_buf_printf(&b, " Default: %s.", o->dflt);
	text = hf_buf_cstr(&b);
	hf_jw_kstr(w, "description", text == NULL ? o->help : text);
	hf_buf_fini(&b);
}

static void put_properties(
    struct hf_jw *w, const struct hf_opt *rows, size_t nrow, int depth);

static void
put_required(struct hf_jw *w, const struct hf_opt *rows, size_t nrow)
{
	size_t i;

	hf_jw_key(w, "required");
	hf_jw_arr(w);
	for (i = 0; i < nrow; i++)
		if ((rows[i].flags & HF_OPT_REQUIRED) != 0)
			hf_jw_str(w, rows[i].name);
	hf_jw_end_arr(w);
}

static void
put_row(struct hf_jw *w, const struct hf_opt *o, int depth)
{
	hf_jw_key(w, o->name);
	hf_jw_obj(w);
	put_help(w, o);
	if (o->type == HF_OPT_SUB && depth < HF_OPT_DEPTH) {
		hf_jw_kstr(w, "type", "object");
		put_properties(w, o->sub, o->nsub, depth + 1);
		put_required(w, o->sub, o->nsub);
		hf_jw_kbool(w, "additionalProperties", false);
	} else if (hf_opt_is_list(o->type)) {
		hf_jw_kstr(w, "type", "array");
		hf_jw_ki64(w, "maxItems", HF_OPT_NLIST);
		hf_jw_key(w, "items");
		hf_jw_obj(w);
		put_text_type(w, o);
		hf_jw_end_obj(w);
	} else if (o->type == HF_OPT_BOOL) {
		hf_jw_kstr(w, "type", "boolean");
	} else if (hf_opt_is_text(o->type)) {
		put_text_type(w, o);
	} else {
		put_number_type(w, o);
	}
	hf_jw_end_obj(w);
}

static void
put_properties(
    struct hf_jw *w, const struct hf_opt *rows, size_t nrow, int depth)
{
	size_t i;

	hf_jw_key(w, "properties");
	hf_jw_obj(w);
	for (i = 0; i < nrow; i++)
		put_row(w, &rows[i], depth);
	hf_jw_end_obj(w);
}

/* ---- drivers and methods ---- */

static void
put_kind(struct hf_jw *w, const char *choice, const struct hf_kind *k)
{
	hf_jw_obj(w);
	hf_jw_key(w, "if");
	hf_jw_obj(w);
	hf_jw_key(w, "properties");
	hf_jw_obj(w);
	hf_jw_key(w, choice);
	hf_jw_obj(w);
	hf_jw_kstr(w, "const", k->name);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
	hf_jw_key(w, "then");
	hf_jw_obj(w);
	put_properties(w, k->opts, k->nopt, 0);
	put_required(w, k->opts, k->nopt);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
}

static void
put_choice(
    struct hf_jw *w, const struct hf_section *s, const struct hf_registry *reg)
{
	const struct hf_kind *const *v;
	size_t i, n;

	v = hf_section_kinds(s, reg, &n);
	hf_jw_key(w, "allOf");
	hf_jw_arr(w);
	hf_jw_obj(w);
	hf_jw_key(w, "properties");
	hf_jw_obj(w);
	hf_jw_key(w, s->choice);
	hf_jw_obj(w);
	hf_jw_key(w, "enum");
	hf_jw_arr(w);
	for (i = 0; i < n; i++)
		hf_jw_str(w, v[i]->name);
	hf_jw_end_arr(w);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
	for (i = 0; i < n; i++)
		put_kind(w, s->choice, v[i]);
	hf_jw_end_arr(w);
}

static void
put_item(
    struct hf_jw *w, const struct hf_section *s, const struct hf_registry *reg)
{
	hf_jw_kstr(w, "type", "object");
	if (!s->is_map)
		hf_jw_kstr(w, "description", s->kind.help);
	put_properties(w, s->kind.opts, s->kind.nopt, 0);
	put_required(w, s->kind.opts, s->kind.nopt);
	if (s->choice != NULL)
		put_choice(w, s, reg);
	hf_jw_kbool(w, "unevaluatedProperties", false);
}

static void
put_section(
    struct hf_jw *w, const struct hf_section *s, const struct hf_registry *reg)
{
	hf_jw_key(w, s->plural);
	hf_jw_obj(w);
	if (!s->is_map) {
		put_item(w, s, reg);
		hf_jw_end_obj(w);
		return;
	}
	hf_jw_kstr(w, "description", s->kind.help);
	hf_jw_kstr(w, "type", "object");
	hf_jw_key(w, "patternProperties");
	hf_jw_obj(w);
	hf_jw_key(
	    w, hf_opt_pattern(s->has_path_keys ? HF_OPT_PATH : HF_OPT_NAME));
	hf_jw_obj(w);
	put_item(w, s, reg);
	hf_jw_end_obj(w);
	hf_jw_end_obj(w);
	hf_jw_kbool(w, "additionalProperties", false);
	hf_jw_end_obj(w);
}

int
hf_conf_schema(const struct hf_registry *reg, struct hf_buf *out)
{
	struct hf_jw w;
	size_t i;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_kstr(
	    &w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	hf_jw_kstr(&w, "$id", "urn:holdfast:plant:1");
	hf_jw_kstr(&w, "title", "Holdfast plant, format 1");
	hf_jw_kstr(&w, "type", "object");
	hf_jw_key(&w, "properties");
	hf_jw_obj(&w);
	hf_jw_key(&w, "format");
	hf_jw_obj(&w);
	hf_jw_kstr(&w, "description", "Version of this syntax.");
	hf_jw_ki64(&w, "const", 1);
	hf_jw_end_obj(&w);
	for (i = 0; i < hf_nsection; i++)
		put_section(&w, &hf_sections[i], reg);
	hf_jw_end_obj(&w);
	hf_jw_key(&w, "required");
	hf_jw_arr(&w);
	hf_jw_str(&w, "format");
	hf_jw_str(&w, "plant");
	hf_jw_end_arr(&w);
	hf_jw_kbool(&w, "additionalProperties", false);
	hf_jw_end_obj(&w);
	hf_buf_u8(out, '\n');
	return hf_buf_ok(out) ? HF_OK : HF_ELIMIT;
}
