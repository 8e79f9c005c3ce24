/* SPDX-License-Identifier: Apache-2.0
 *
 * doc.c - the option tables as mdoc(7), for holdfast.conf(5).
 *
 * `holdfast doc` prints this; the man page holds it between two marker lines,
 * and a test compares the two, so the page cannot fall behind the program.
 */
#include <string.h>

#include "conf/conf.h"
#include "conf/mdoc.h"
#include "model/optval.h"

#define LINE_MAX_ 78 /* bytes; mandoc asks for less than 80 */

static void
put_word(struct hf_buf *out, const char *w, size_t n, size_t *col)
{
	size_t i;

	if (*col > 0 && *col + 1 + n > LINE_MAX_) {
		hf_buf_u8(out, '\n');
		*col = 0;
	}
	if (*col > 0) {
		hf_buf_u8(out, ' ');
		(*col)++;
	} else if (w[0] == '.' || w[0] == '\'') {
		hf_buf_puts(out, "\\&");
	}
	for (i = 0; i < n; i++) {
		if (w[i] == '\\')
			hf_buf_puts(out, "\\e");
		else
			hf_buf_u8(out, (uint8_t)w[i]);
	}
	*col += n;
}

void
hf_mdoc_text(struct hf_buf *out, const char *s)
{
	size_t n, col = 0;
	bool is_end = true; /* of a sentence */

	while (*(s += strspn(s, " ")) != '\0') {
		n = strcspn(s, " ");
		put_word(out, s, n, &col);
		s += n;
		is_end = s[-1] == '.';
		if (is_end) {
			hf_buf_u8(out, '\n');
			col = 0;
		}
	}
	if (!is_end)
		hf_buf_puts(out, ".\n");
}

static void
put_expects(const struct hf_opt *o, struct hf_buf *out)
{
	struct hf_buf b;
	const char *text;

	hf_buf_init(&b, 1000);
	hf_buf_puts(
	    &b, hf_opt_is_list(o->type) ? "A list, each item " : "Expected: ");
	hf_opt_expects(o, &b);
	text = hf_buf_cstr(&b);
	if (o->ref != NULL)
		hf_buf_printf(out, "A name from\n.Cm %s .\n", o->ref);
	else if (text != NULL && o->type != HF_OPT_SUB)
		hf_mdoc_text(out, text);
	if (o->dflt != NULL)
		hf_buf_printf(out, "Default: %s.\n", o->dflt);
	hf_buf_fini(&b);
}

static void
put_rows(const struct hf_opt *rows, size_t nrow, struct hf_buf *out, int depth)
{
	size_t i;

	hf_buf_puts(out, ".Bl -tag -width Ds\n");
	for (i = 0; i < nrow; i++) {
		hf_buf_printf(out, ".It Cm %s%s\n", rows[i].name,
		    (rows[i].flags & HF_OPT_REQUIRED) != 0 ? " Pq required"
							   : "");
		hf_mdoc_text(out, rows[i].help);
		put_expects(&rows[i], out);
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH)
			put_rows(rows[i].sub, rows[i].nsub, out, depth + 1);
	}
	hf_buf_puts(out, ".El\n");
}

static void
put_kinds(const struct hf_section *s, const struct hf_registry *reg,
    struct hf_buf *out)
{
	const struct hf_kind *const *v;
	size_t i, n;

	v = hf_section_kinds(s, reg, &n);
	for (i = 0; i < n; i++) {
		hf_buf_printf(
		    out, ".Ss %s of %s %s\n", s->plural, s->choice, v[i]->name);
		hf_mdoc_text(out, v[i]->help);
		if (v[i]->nopt > 0)
			put_rows(v[i]->opts, v[i]->nopt, out, 0);
	}
}

int
hf_conf_doc(const struct hf_registry *reg, struct hf_buf *out)
{
	const struct hf_section *s;
	size_t i;

	for (i = 0; i < hf_nsection; i++) {
		s = &hf_sections[i];
		hf_buf_printf(out, ".Ss %s\n", s->plural);
		hf_mdoc_text(out, s->kind.help);
		put_rows(s->kind.opts, s->kind.nopt, out, 0);
		if (s->choice != NULL)
			put_kinds(s, reg, out);
	}
	return hf_buf_ok(out) ? HF_OK : HF_ELIMIT;
}
