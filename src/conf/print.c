/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c - a plant back into plant.yaml, in normal form, or into JSON.
 *
 * Every key with its value, in the order of the tables; what was not given and
 * has no default is left out. The result reads again to the same plant with the
 * same hash. Texts are quoted unless they are plain beyond doubt, for us and
 * for any other YAML reader ("no", "12" and "2027-05-01" are quoted when they
 * are texts).
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "conf/conf.h"
#include "model/optval.h"

/* ---- YAML scalars ---- */

static bool
is_word(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(s, *words) == 0)
			return true;
	return false;
}

/* Begins with a letter, holds nothing that YAML gives a meaning, and is no word
 * that some reader takes for a boolean, null or number. */
static bool
is_plain(const char *s)
{
	static const char *const taken[] = {"true", "false", "yes", "no", "on",
	    "off", "null", "y", "n", "nan", "inf", NULL};
	static const char safe[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_-./+";
	bool is_letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');

	return is_letter && s[strspn(s, safe)] == '\0' && !is_word(s, taken);
}

static uint32_t
code_point(const uint8_t **p)
{
	const uint8_t *s = *p;
	unsigned n = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	uint32_t cp = n == 0 ? *s : *s & (0x3fu >> n);

	for (s++; n > 0 && (*s & 0xc0) == 0x80; n--, s++)
		cp = cp << 6 | (*s & 0x3fu);
	*p = s;
	return cp;
}

/* YAML 1.1, 5.1: what may stand in a file as it is. */
static bool
is_printable(uint32_t cp)
{
	return (cp >= 0x20 && cp < 0x7f) || (cp >= 0xa0 && cp < 0x2028) ||
	       (cp > 0x2029 && cp < 0xd800) || (cp >= 0xe000 && cp < 0xfeff) ||
	       (cp > 0xfeff && cp < 0xfffe) ||
	       (cp >= 0x10000 && cp <= 0x10ffff);
}

static void
put_quoted(const char *text, struct hf_buf *out)
{
	const uint8_t *s = (const uint8_t *)text, *from;
	uint32_t cp;

	hf_buf_u8(out, '"');
	while (*s != '\0') {
		from = s;
		cp = code_point(&s);
		if (cp == '"' || cp == '\\')
			hf_buf_printf(out, "\\%c", (int)cp);
		else if (cp == '\n')
			hf_buf_puts(out, "\\n");
		else if (is_printable(cp))
			hf_buf_put(out, from, (size_t)(s - from));
		else
			hf_buf_printf(out, "\\u%04x", cp);
	}
	hf_buf_u8(out, '"');
}

static void
put_text(const char *s, struct hf_buf *out)
{
	if (is_plain(s))
		hf_buf_puts(out, s);
	else
		put_quoted(s, out);
}

/* ---- one value ---- */

static bool
is_free_text(enum hf_opt_type t)
{
	return t == HF_OPT_STR || t == HF_OPT_NAME || t == HF_OPT_PATH ||
	       t == HF_OPT_REF || t == HF_OPT_HOST || t == HF_OPT_ENUM;
}

static void
put_list(const struct hf_strlist *l, struct hf_buf *out)
{
	size_t i;

	hf_buf_u8(out, '[');
	for (i = 0; i < l->n; i++) {
		hf_buf_puts(out, i == 0 ? "" : ", ");
		put_text(l->v[i], out);
	}
	hf_buf_u8(out, ']');
}

static void
put_scalar(const struct hf_opt *o, const void *slot, struct hf_buf *out)
{
	const char *text;
	struct hf_buf b;

	if (!is_free_text(o->type)) {
		hf_opt_to_text(o, slot, out);
		return;
	}
	hf_buf_init(&b, 4 * HF_OPT_TEXT);
	hf_opt_to_text(o, slot, &b);
	text = hf_buf_cstr(&b);
	put_text(text == NULL ? "" : text, out);
	hf_buf_fini(&b);
}

static void
indent(struct hf_buf *out, int level)
{
	for (; level > 0; level--)
		hf_buf_puts(out, "  ");
}

static void
put_rows(const struct hf_opt *rows, size_t nrow, const void *conf, int level,
    struct hf_buf *out, int depth)
{
	const char *slot;
	size_t i;

	for (i = 0; i < nrow; i++) {
		slot = (const char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH) {
			indent(out, level);
			hf_buf_printf(out, "%s:\n", rows[i].name);
			put_rows(rows[i].sub, rows[i].nsub, slot, level + 1,
			    out, depth + 1);
			continue;
		}
		if (!hf_opt_is_list(rows[i].type) &&
		    !hf_opt_is_given(&rows[i], slot))
			continue;
		indent(out, level);
		hf_buf_printf(out, "%s: ", rows[i].name);
		if (hf_opt_is_list(rows[i].type))
			put_list(
			    (const struct hf_strlist *)(const void *)slot, out);
		else
			put_scalar(&rows[i], slot, out);
		hf_buf_u8(out, '\n');
	}
}

/* Rows and struct of the driver or method of an item; false if there is
 * none. */
static bool
chosen(const struct hf_section *s, const char *item, const struct hf_kind **k,
    void **conf)
{
	if (s->choice == NULL)
		return false;
	memcpy(k, item + s->kind_off, sizeof(*k));
	memcpy(conf, item + s->conf_off, sizeof(*conf));
	return *k != NULL && *conf != NULL;
}

static void
put_item(const struct hf_section *s, const char *item, struct hf_buf *out)
{
	const struct hf_kind *k;
	int level = s->is_map ? 2 : 1;
	void *conf;
	char *key;

	if (s->is_map) {
		memcpy(&key, item + s->name_off, sizeof(key));
		indent(out, 1);
		put_text(key, out);
		hf_buf_puts(out, ":\n");
	}
	put_rows(s->kind.opts, s->kind.nopt, item, level, out, 0);
	if (chosen(s, item, &k, &conf))
		put_rows(k->opts, k->nopt, conf, level, out, 0);
}

int
hf_conf_print(const struct hf_plant *p, struct hf_buf *out, struct hf_err *err)
{
	const struct hf_section *s;
	size_t i, j, n;

	hf_buf_puts(out, "format: 1\n");
	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		n = hf_section_count(s, p);
		if (n == 0)
			continue;
		hf_buf_printf(out, "%s:\n", s->plural);
		for (j = 0; j < n; j++)
			put_item(s, hf_section_item(s, p, j), out);
	}
	if (!hf_buf_ok(out))
		return HF_FAIL(err, HF_ELIMIT,
		    "the configuration does not fit into the output");
	return HF_OK;
}

/* ---- JSON ---- */

static void
json_scalar(struct hf_jw *w, const struct hf_opt *o, const char *slot)
{
	struct hf_buf b;

	if (o->type == HF_OPT_BOOL) {
		hf_jw_bool(w, *(const bool *)slot);
	} else if (o->type == HF_OPT_I64) {
		hf_jw_i64(w, *(const int64_t *)(const void *)slot);
	} else if (o->type == HF_OPT_F64) {
		hf_jw_f64(w, *(const double *)(const void *)slot);
	} else {
		hf_buf_init(&b, 4 * HF_OPT_TEXT);
		hf_opt_to_text(o, slot, &b);
		hf_jw_str(w, hf_buf_cstr(&b));
		hf_buf_fini(&b);
	}
}

static void
json_rows(struct hf_jw *w, const struct hf_opt *rows, size_t nrow,
    const void *conf, int depth)
{
	const struct hf_strlist *l;
	const char *slot;
	size_t i, j;

	for (i = 0; i < nrow; i++) {
		slot = (const char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH) {
			hf_jw_key(w, rows[i].name);
			hf_jw_obj(w);
			json_rows(
			    w, rows[i].sub, rows[i].nsub, slot, depth + 1);
			hf_jw_end_obj(w);
		} else if (hf_opt_is_list(rows[i].type)) {
			l = (const struct hf_strlist *)(const void *)slot;
			hf_jw_key(w, rows[i].name);
			hf_jw_arr(w);
			for (j = 0; j < l->n; j++)
				hf_jw_str(w, l->v[j]);
			hf_jw_end_arr(w);
		} else if (hf_opt_is_given(&rows[i], slot)) {
			hf_jw_key(w, rows[i].name);
			json_scalar(w, &rows[i], slot);
		}
	}
}

static void
json_item(struct hf_jw *w, const struct hf_section *s, const char *item)
{
	const struct hf_kind *k;
	void *conf;
	char *key;

	if (s->is_map) {
		memcpy(&key, item + s->name_off, sizeof(key));
		hf_jw_key(w, key);
		hf_jw_obj(w);
	}
	json_rows(w, s->kind.opts, s->kind.nopt, item, 0);
	if (chosen(s, item, &k, &conf))
		json_rows(w, k->opts, k->nopt, conf, 0);
	if (s->is_map)
		hf_jw_end_obj(w);
}

int
hf_conf_print_json(
    const struct hf_plant *p, struct hf_buf *out, struct hf_err *err)
{
	const struct hf_section *s;
	struct hf_jw w;
	size_t i, j, n;

	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_ki64(&w, "format", 1);
	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		n = hf_section_count(s, p);
		if (n == 0)
			continue;
		hf_jw_key(&w, s->plural);
		hf_jw_obj(&w);
		for (j = 0; j < n; j++)
			json_item(&w, s, hf_section_item(s, p, j));
		hf_jw_end_obj(&w);
	}
	hf_jw_end_obj(&w);
	if (!hf_buf_ok(out))
		return HF_FAIL(err, HF_ELIMIT,
		    "the configuration does not fit into the output");
	return HF_OK;
}
