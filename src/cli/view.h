/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h - how an API document looks to people; shared by several verbs.
 *
 * Reads the JSON leniently: a missing member prints as "-", so that a verb of
 * one version shows what it can of another's answer.
 */
#ifndef HF_CLI_VIEW_H
#define HF_CLI_VIEW_H

#include <jansson.h>

#include "cli/table.h"

/* Member as text: "" if it is missing or no string. Borrowed. */
const char *hf_view_str(json_t *o, const char *key);
/* Member as number; NaN if missing. */
double hf_view_num(json_t *o, const char *key);
/* Colour of a quality word, a health word, a role's or a device's status. */
enum hf_colour hf_view_colour(const char *word);
/* One table cell with any JSON value. */
void hf_view_cell(struct hf_table *t, enum hf_colour c, json_t *v);
/* One table cell with the value of a tag, "-" where its quality is Bad: such a
 * value means nothing, and a bit that is false for want of a better one least
 * of all. */
void hf_view_value(struct hf_table *t, enum hf_colour c, json_t *tag);
/* One table cell with a time, to the second: when something of ours happened.
 * (Times of samples are printed exactly.) */
void hf_view_time(struct hf_table *t, json_t *o, const char *key);
/* Alarms (array) as a table, or "no alarms" with the filter's words. max_rows
 * as in hf_table_print. */
void hf_view_alarms(const struct hf_term *t, json_t *alarms, size_t max_rows);
/* Prints and frees the table; a failure is said on stderr. 0 or
 * HF_EXIT_FAILED. */
int hf_view_print(
    struct hf_table *tab, const struct hf_term *t, int indent, size_t max_rows);

#endif
