/* SPDX-License-Identifier: Apache-2.0
 *
 * view.c - how an API document looks to people; see view.h.
 */
#include "cli/view.h"

#include <math.h>
#include <string.h>

#include "base/time.h"
#include "cli/cli.h"

const char *
hf_view_str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

double
hf_view_num(json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

enum hf_colour
hf_view_colour(const char *word)
{
	static const struct {
		const char *word;
		enum hf_colour c;
	} rows[] = {
	    {"ok", HF_GREEN},
	    {"ready", HF_GREEN},
	    {"Good", HF_PLAIN},
	    {"degraded", HF_YELLOW},
	    {"Uncertain", HF_YELLOW},
	    {"starting", HF_YELLOW},
	    {"restarting", HF_YELLOW},
	    {"connecting", HF_YELLOW},
	    {"learning", HF_CYAN},
	    {"blind", HF_YELLOW},
	    {"drifted", HF_YELLOW},
	    {"acknowledged", HF_YELLOW},
	    {"returned", HF_YELLOW},
	    {"shelved", HF_DIM},
	    {"out-of-service", HF_DIM},
	    {"unacknowledged", HF_RED},
	    {"failing", HF_RED},
	    {"refused", HF_RED},
	    {"Bad", HF_RED},
	    {"down", HF_RED},
	    {"quarantined", HF_RED},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].c;
	return HF_PLAIN;
}

void
hf_view_cell(struct hf_table *t, enum hf_colour c, json_t *v)
{
	struct hf_buf b;

	hf_buf_init(&b, 8192);
	hf_text_json(&b, v);
	hf_table_cell(t, c, hf_buf_cstr(&b));
	hf_buf_fini(&b);
}

void
hf_view_value(struct hf_table *t, enum hf_colour c, json_t *tag)
{
	bool is_bad = strcmp(hf_view_str(tag, "quality"), "Bad") == 0;

	hf_view_cell(t, c, is_bad ? NULL : json_object_get(tag, "value"));
}

void
hf_view_time(struct hf_table *t, json_t *o, const char *key)
{
	const char *s = hf_view_str(o, key);
	size_t n = strcspn(s, ".");

	if (s[n] == '\0')
		hf_table_cell(t, HF_PLAIN, s);
	else
		hf_table_cellf(t, HF_PLAIN, "%.*sZ", (int)n, s);
}

int
hf_view_print(
    struct hf_table *tab, const struct hf_term *t, int indent, size_t max_rows)
{
	bool ok = hf_table_print(tab, t, indent, max_rows);

	hf_table_free(tab);
	if (ok)
		return HF_EXIT_OK;
	fprintf(stderr, "holdfast: no memory for the table; use --json\n");
	return HF_EXIT_FAILED;
}

static void
alarm_row(struct hf_table *tab, json_t *a)
{
	const char *state = hf_view_str(a, "state");
	bool is_advisory = json_is_true(json_object_get(a, "advisory"));
	const char *text = hf_view_str(a, "text");

	hf_table_cell(tab, hf_view_colour(state), state);
	if (is_advisory)
		hf_table_cell(tab, HF_DIM, "advisory");
	else
		hf_table_cellf(
		    tab, HF_PLAIN, "P%.0f", hf_view_num(a, "priority"));
	hf_view_time(tab, a, "since");
	hf_table_cell(tab, HF_BOLD, hf_view_str(a, "id"));
	hf_table_cell(tab, HF_PLAIN, text);
}

void
hf_view_alarms(const struct hf_term *t, json_t *alarms, size_t max_rows)
{
	static const char *const heads[] = {
	    "STATE", "PRIO", "SINCE", "ID", "WHAT"};
	struct hf_table *tab;
	size_t i;
	json_t *a;

	if (json_array_size(alarms) == 0) {
		fprintf(t->f, "  no alarms\n");
		return;
	}
	tab = hf_table_new(heads, 5);
	hf_table_wrap(tab);
	json_array_foreach(alarms, i, a) alarm_row(tab, a);
	(void)hf_view_print(tab, t, 2, max_rows);
}
