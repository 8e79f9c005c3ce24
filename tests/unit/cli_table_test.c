/* SPDX-License-Identifier: Apache-2.0
 *
 * cli_table_test.c - tables, bars and sparklines; nothing foreign reaches a
 * terminal.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "cli/view.h"

const struct hf_verb hf_verbs[] = {{0}};

static char *
print(struct hf_table *t, int columns, size_t max_rows)
{
	struct hf_term term = {.columns = columns};
	char *text = NULL;
	size_t n;

	term.f = open_memstream(&text, &n);
	assert_non_null(term.f);
	assert_true(hf_table_print(t, &term, 1, max_rows));
	(void)fclose(term.f);
	hf_table_free(t);
	return text;
}

static struct hf_table *
two_rows(void)
{
	static const char *const heads[] = {"TAG", ">VALUE", "WHAT"};
	struct hf_table *t = hf_table_new(heads, 3);

	hf_table_cell(t, HF_RED, "press/temp");
	hf_table_cellf(t, HF_PLAIN, "%d", 7);
	hf_table_cell(t, HF_PLAIN, "first");
	hf_table_cell(t, HF_PLAIN, "µ");
	hf_table_cellf(t, HF_PLAIN, "%d", 12345678);
	hf_table_cell(t, HF_PLAIN, NULL);
	return t;
}

static void
columns_are_aligned_by_characters(void **state)
{
	char *s = print(two_rows(), 0, 0);

	assert_string_equal(s, " TAG            VALUE  WHAT\n"
			       " press/temp         7  first\n"
			       " µ           12345678  -\n");
	free(s);
}

static void
narrow_terminal_cuts_the_last_column_only(void **state)
{
	static const char *const heads[] = {"A", "B"};
	struct hf_table *t = hf_table_new(heads, 2);
	char *s;

	hf_table_cell(t, HF_PLAIN, "aaaa");
	hf_table_cell(t, HF_PLAIN, "bbbbbbbbbbbbbbbbbbbbbbbb");
	s = print(t, 20, 0);
	assert_non_null(strstr(s, " aaaa  bbbbbbbbbbbbb\n"));
	free(s);
}

static void
wide_table_is_folded_in_titles_and_rows_alike(void **state)
{
	static const char *const heads[] = {"A", ">B", "C"};
	struct hf_table *t = hf_table_new(heads, 3);
	char *s;

	hf_table_cell(t, HF_PLAIN, "aaaaaaaaaa");
	hf_table_cell(t, HF_PLAIN, "bbbbbbbbbb");
	hf_table_cell(t, HF_PLAIN, "c1");
	hf_table_cell(t, HF_PLAIN, "a");
	hf_table_cell(t, HF_PLAIN, "b");
	hf_table_cell(t, HF_PLAIN, "c2");
	s = print(t, 20, 0);
	assert_string_equal(s, " A\n            B  C\n"
			       " aaaaaaaaaa\n   bbbbbbbbbb  c1\n"
			       " a\n            b  c2\n");
	free(s);
}

static void
text_for_reading_is_wrapped_between_words_and_never_cut(void **state)
{
	static const char *const heads[] = {"ID", "WHAT"};
	struct hf_table *t = hf_table_new(heads, 2);
	char *s;

	hf_table_wrap(t);
	hf_table_cell(t, HF_PLAIN, "id7");
	hf_table_cell(t, HF_PLAIN,
	    "one two three four five six seven eight nine ten eleven twelve");
	s = print(t, 50, 0);
	assert_string_equal(s,
	    " ID   WHAT\n"
	    " id7  one two three four five six seven eight nine\n"
	    "      ten eleven twelve\n");
	free(s);
}

static void
numbers_for_people_have_the_digits_of_their_sensor(void **state)
{
	static const struct {
		double v;
		const char *text;
	} rows[] = {
	    {6.260000228881836, "6.26"},  /* a float register */
	    {44.800000000000004, "44.8"}, /* scaled from a register */
	    {83.89999999999999, "83.9"},
	    {1000000, "1000000"},
	    {-0.0, "0"},
	    {16777217, "16777217"},
	    {123456789.125, "123456789.125"},
	    {1e300, "1e+300"},
	    {0.1, "0.1"},
	};
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 256);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hf_buf_reset(&b);
		hf_text_num(&b, rows[i].v);
		assert_string_equal(hf_buf_cstr(&b), rows[i].text);
	}
	hf_buf_fini(&b);
}

static void
bad_value_is_shown_as_none(void **state)
{
	static const char *const heads[] = {"V"};
	struct hf_table *t = hf_table_new(heads, 1);
	json_t *bad = json_pack("{s:b,s:s}", "value", 0, "quality", "Bad");
	json_t *good = json_pack("{s:b,s:s}", "value", 0, "quality", "Good");
	char *s;

	hf_view_value(t, HF_PLAIN, bad);
	hf_view_value(t, HF_PLAIN, good);
	s = print(t, 0, 0);
	assert_string_equal(s, " V\n -\n false\n");
	free(s);
	json_decref(bad);
	json_decref(good);
}

static void
rows_left_out_are_said(void **state)
{
	char *s = print(two_rows(), 0, 1);

	assert_non_null(strstr(s, "... and 1 more\n"));
	assert_null(strstr(s, "12345678"));
	free(s);
}

static void
no_colour_off_a_terminal(void **state)
{
	char *s = print(two_rows(), 0, 0);

	assert_null(strchr(s, '\033'));
	free(s);
}

static void
control_characters_never_reach_the_terminal(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 256);
	hf_text_clean(&b, "a\033[2Jb\r\n\tc\x7f\xc2\x9b"
			  "d\xff\xc3\xa9");
	assert_string_equal(hf_buf_cstr(&b), "a?[2Jb???c???d?\xc3\xa9");
	hf_buf_fini(&b);
}

static void
sparkline_spans_least_to_largest_and_shows_gaps(void **state)
{
	const double v[] = {0, NAN, 5, 10};
	const double flat[] = {3, 3};
	const double huge[] = {-1.7e308, 1.7e308};
	struct hf_buf b;

	hf_buf_init(&b, 256);
	hf_text_spark(&b, v, 4, false);
	assert_string_equal(hf_buf_cstr(&b), "_ ~#");
	hf_buf_reset(&b);
	hf_text_spark(&b, flat, 2, false);
	assert_string_equal(hf_buf_cstr(&b), "~~");
	hf_buf_reset(&b);
	hf_text_spark(&b, huge, 2, false);
	assert_string_equal(hf_buf_cstr(&b), "_#");
	hf_buf_reset(&b);
	hf_text_spark(&b, v, 1, true);
	assert_string_equal(hf_buf_cstr(&b), "\u2584");
	hf_buf_fini(&b);
}

static void
bars_stay_within_their_width(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 256);
	hf_text_bar(&b, 0.5, 4, false);
	hf_text_bar(&b, 7, 2, false);
	hf_text_bar(&b, NAN, 2, false);
	hf_text_bar(&b, -1, 1, false);
	assert_string_equal(hf_buf_cstr(&b), "##..##...");
	hf_buf_fini(&b);
}

static void
ages_and_bytes_read_at_a_glance(void **state)
{
	char s[32];

	assert_string_equal(hf_text_age(0.13, s), "0.1s");
	assert_string_equal(hf_text_age(-3, s), "0.0s");
	assert_string_equal(hf_text_age(59, s), "59s");
	assert_string_equal(hf_text_age(600, s), "10min");
	assert_string_equal(hf_text_age(7300, s), "2h");
	assert_string_equal(hf_text_age(900000, s), "10d");
	assert_string_equal(hf_text_age(NAN, s), "-");
	assert_string_equal(hf_text_bytes(512, s), "512 B");
	assert_string_equal(hf_text_bytes(1536 * 1024, s), "1.5 MiB");
}

static void
numbers_print_exactly(void **state)
{
	json_t *v = json_loads(
	    "[0.1, -9223372036854775808, true, null, \"x\"]", 0, NULL);
	const char *want[] = {"0.1", "-9223372036854775808", "true", "-", "x"};
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 256);
	for (i = 0; i < 5; i++) {
		hf_buf_reset(&b);
		hf_text_json(&b, json_array_get(v, i));
		assert_string_equal(hf_buf_cstr(&b), want[i]);
	}
	hf_buf_fini(&b);
	json_decref(v);
}

static void
no_alarms_is_said_in_words(void **state)
{
	struct hf_term term = {0};
	json_t *none = json_array();
	char *text = NULL;
	size_t n;

	term.f = open_memstream(&text, &n);
	hf_view_alarms(&term, none, 0);
	(void)fclose(term.f);
	assert_string_equal(text, "  no alarms\n");
	free(text);
	json_decref(none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_aligned_by_characters),
	    cmocka_unit_test(narrow_terminal_cuts_the_last_column_only),
	    cmocka_unit_test(wide_table_is_folded_in_titles_and_rows_alike),
	    cmocka_unit_test(
		text_for_reading_is_wrapped_between_words_and_never_cut),
	    cmocka_unit_test(
		numbers_for_people_have_the_digits_of_their_sensor),
	    cmocka_unit_test(bad_value_is_shown_as_none),
	    cmocka_unit_test(rows_left_out_are_said),
	    cmocka_unit_test(no_colour_off_a_terminal),
	    cmocka_unit_test(control_characters_never_reach_the_terminal),
	    cmocka_unit_test(sparkline_spans_least_to_largest_and_shows_gaps),
	    cmocka_unit_test(bars_stay_within_their_width),
	    cmocka_unit_test(ages_and_bytes_read_at_a_glance),
	    cmocka_unit_test(numbers_print_exactly),
	    cmocka_unit_test(no_alarms_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
