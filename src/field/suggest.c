/* SPDX-License-Identifier: Apache-2.0
 *
 * suggest.c - rows of a tag file for what a device offers and no tag names.
 *
 * Names: every character that a name may not hold becomes '_', at most 64
 * bytes. A name that is taken gives way to the longer one, and that to itself
 * with _2, _3 ... behind it. Which address stands in a row is the driver's.
 */
#include "field/suggest.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/str.h"

#define ROW_MAX 8192

static const char header[] = "tag,address,type,unit";

void
hf_suggest_open(struct hf_suggest *s, struct hf_jw *w,
    const struct hf_tag *tags, size_t ntag)
{
	*s = (struct hf_suggest){.w = w, .tags = tags, .ntag = ntag};
	hf_jw_key(w, "suggest");
	hf_jw_arr(w);
	hf_jw_str(w, header);
}

static void
put_name(const char *text, char *out)
{
	size_t i;

	for (i = 0; i < HF_SUGGEST_NAME && text[i] != '\0'; i++)
		out[i] = (text[i] >= 'a' && text[i] <= 'z') ||
				 (text[i] >= 'A' && text[i] <= 'Z') ||
				 (text[i] >= '0' && text[i] <= '9') ||
				 text[i] == '-'
			     ? text[i]
			     : '_';
	out[i] = '\0';
}

static bool
is_free(const struct hf_suggest *s, const char *name)
{
	size_t i;

	if (!hf_name_ok(name))
		return false;
	for (i = 0; i < s->ntag; i++)
		if (strcmp(s->tags[i].name, name) == 0)
			return false;
	for (i = 0; i < s->n; i++)
		if (strcmp(s->name[i], name) == 0)
			return false;
	return true;
}

/* The row's name into the list of names taken. */
static const char *
take_name(struct hf_suggest *s, const struct hf_suggestion *row)
{
	const char *longer = row->longer == NULL ? row->name : row->longer;
	char *name = s->name[s->n];
	char tail[16];
	size_t n, k;

	put_name(row->name, name);
	if (is_free(s, name))
		return name;
	put_name(longer[0] == '\0' ? "tag" : longer, name);
	n = strlen(name);
	for (k = 2; !is_free(s, name); k++) {
		snprintf(tail, sizeof(tail), "_%zu", k);
		if (n + strlen(tail) > HF_SUGGEST_NAME)
			n = HF_SUGGEST_NAME - strlen(tail);
		hf_strcpy(name + n, HF_SUGGEST_NAME + 1 - n, tail);
	}
	return name;
}

void
hf_suggest_add(
    struct hf_suggest *s, const struct hf_suggestion *row, size_t max_bytes)
{
	struct hf_buf b;

	if (s->n == HF_SUGGEST_MAX || s->nbyte >= max_bytes) {
		s->nleft++;
		return;
	}
	hf_buf_init(&b, ROW_MAX);
	hf_csv_put_text(&b, take_name(s, row), ',');
	hf_buf_puts(&b, ",");
	hf_csv_put_text(&b, row->address, ',');
	hf_buf_puts(&b, ",");
	hf_buf_puts(&b, row->type);
	hf_buf_puts(&b, ",");
	hf_csv_put_text(&b, row->unit, ',');
	if (hf_buf_ok(&b)) {
		hf_jw_strn(s->w, (const char *)b.p, b.len);
		s->nbyte += b.len + 4; /* quotes, comma, an escape */
		s->n++;
	} else {
		s->nleft++;
	}
	hf_buf_fini(&b);
}

void
hf_suggest_close(struct hf_suggest *s)
{
	hf_jw_end_arr(s->w);
	hf_jw_ku64(s->w, "suggest_left", s->nleft);
}
