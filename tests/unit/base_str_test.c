/* SPDX-License-Identifier: Apache-2.0
 *
 * base_str_test.c - names, path patterns, near words, UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

static void
copy_truncates_and_says_so(void **state)
{
	char dst[4];

	assert_true(hf_strcpy(dst, sizeof(dst), "abc"));
	assert_string_equal(dst, "abc");
	assert_false(hf_strcpy(dst, sizeof(dst), "abcd"));
	assert_string_equal(dst, "abc");
	assert_false(hf_strcpy(dst, 0, "x"));
}

static void
names_have_letters_digits_and_two_signs(void **state)
{
	char name[67];

	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_true(hf_name_ok(name));
	name[64] = 'a';
	name[65] = '\0';
	assert_false(hf_name_ok(name));
	assert_true(hf_name_ok("Press-7_b"));
	assert_false(hf_name_ok(""));
	assert_false(hf_name_ok("a/b"));
	assert_false(hf_name_ok("a b"));
	assert_false(hf_name_ok("pr\u00fcss"));
	assert_false(hf_name_ok("a."));
}

static void
paths_have_one_to_twelve_levels(void **state)
{
	char path[300] = "";
	int i;

	assert_true(hf_path_ok("press"));
	assert_true(hf_path_ok("a/b/c/d/e/f/g/h/i/j/k/l"));
	assert_false(hf_path_ok("a/b/c/d/e/f/g/h/i/j/k/l/m"));
	assert_false(hf_path_ok(""));
	assert_false(hf_path_ok("/a"));
	assert_false(hf_path_ok("a/"));
	assert_false(hf_path_ok("a//b"));
	assert_false(hf_path_ok("a/../b"));
	assert_false(hf_path_ok("a/*"));
	for (i = 0; i < 4; i++) { /* 4 x 64 with three slashes: 259 bytes */
		memset(path + i * 65, 'x', 64);
		path[i * 65 + 64] = i < 3 ? '/' : '\0';
	}
	assert_false(hf_path_ok(path));
	path[255] = '\0';
	assert_true(hf_path_ok(path));
}

static void
patterns_match_level_by_level(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool is_match;
	} row[] = {
	    {"press/line1/temp", "press/line1/temp", true},
	    {"press/line1/temp", "press/line1/temp2", false},
	    {"press/*/temp", "press/line1/temp", true},
	    {"press/*/temp", "press/line1/x/temp", false},
	    {"press/*", "press", false},
	    {"*", "press", true},
	    {"*", "press/line1", false},
	    {"press/line*", "press/line", true},
	    {"press/l*e1", "press/line1", true},
	    {"press/l*e*1", "press/leee11", true},
	    {"press/l*e2", "press/line1", false},
	    {"*a*b*c", "xaxbxbxc", true},
	    {"*a*b*c", "xaxcxb", false},
	    {"press/**", "press/a", true},
	    {"press/**", "press/a/b/c", true},
	    {"press/**", "press", false},
	    {"**", "a/b", true},
	    {"**/temp", "a/temp", true}, /* not last: one level */
	    {"**/temp", "a/b/temp", false},
	    {"", "a", false},
	    {"a", "", false},
	    {"a/b", "a", false},
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (hf_path_match(row[i].pattern, row[i].path) !=
		    row[i].is_match)
			fail_msg("%s and %s", row[i].pattern, row[i].path);
	}
}

static void
hostile_pattern_is_matched_in_bounded_steps(void **state)
{
	char pattern[202], path[202];
	size_t i;

	for (i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + 200, "b", 2);
	memset(path, 'a', 200);
	path[200] = '\0';
	assert_false(hf_path_match(pattern, path));
}

static void
edit_distance_counts_swaps_as_one(void **state)
{
	assert_int_equal(hf_edit_distance("limit", "limit", 3), 0);
	assert_int_equal(hf_edit_distance("limit", "limti", 3), 1);
	assert_int_equal(hf_edit_distance("limit", "limits", 3), 1);
	assert_int_equal(hf_edit_distance("limit", "imit", 3), 1);
	assert_int_equal(hf_edit_distance("kitten", "sitting", 5), 3);
	assert_int_equal(hf_edit_distance("", "abc", 5), 3);
	assert_int_equal(hf_edit_distance("abc", "", 5), 3);
	assert_int_equal(hf_edit_distance("ca", "abc", 5), 3);
	assert_int_equal(hf_edit_distance("abcdef", "uvwxyz", 2), 3);
}

static void
nearest_word_is_near_or_none(void **state)
{
	static const char *const words[] = {
	    "modbus-tcp", "synthetic", "unit", "zone", "K"};

	assert_string_equal(hf_nearest("modbus-tpc", words, 5), "modbus-tcp");
	assert_string_equal(hf_nearest("Zone", words, 5), "zone");
	assert_string_equal(hf_nearest("zome", words, 5), "zone");
	assert_string_equal(hf_nearest("k", words, 5), "K");
	assert_null(hf_nearest("x", words, 5));
	assert_null(hf_nearest("opcua", words, 5));
	assert_null(hf_nearest("", words, 5));
}

static void
printable_shows_bytes_as_hex_and_fits(void **state)
{
	char dst[16];

	hf_printable(dst, sizeof(dst), "a\nb\xff", 4);
	assert_string_equal(dst, "a\\x0ab\\xff");
	hf_printable(dst, 6, "abc\x01", 4); /* no room for half an escape */
	assert_string_equal(dst, "abc");
	hf_printable(dst, 1, "abc", 3);
	assert_string_equal(dst, "");
}

static void
utf8_follows_rfc_3629(void **state)
{
	static const struct {
		const char *s;
		bool is_ok;
	} row[] = {
	    {"plain", true},
	    {"\u00e4", true},
	    {"\u20ac", true},
	    {"\U0001F600", true},
	    {"\xF4\x8F\xBF\xBF", true},
	    {"\xEF\xBF\xBF", true},
	    {"\xED\x9F\xBF", true},
	    {"\x80", false},
	    {"\xC0\x80", false},
	    {"\xC1\xBF", false},
	    {"\xE0\x9F\xBF", false},
	    {"\xED\xA0\x80", false},
	    {"\xF0\x8F\xBF\xBF", false},
	    {"\xF4\x90\x80\x80", false},
	    {"\xF5\x80\x80\x80", false},
	    {"\xE2\x82", false},
	    {"\xE2\x82"
	     "a",
		false},
	    {"\xFF", false},
	    {"\xFE", false},
	    {"a\xC3", false},
	};
	size_t i;

	for (i = 0; i < NELEM(row); i++) {
		if (hf_utf8_ok(row[i].s, strlen(row[i].s)) != row[i].is_ok)
			fail_msg("row %zu", i);
	}
	assert_true(hf_utf8_ok(NULL, 0));
	assert_true(hf_utf8_ok("\0", 1)); /* U+0000 is a code point */
}

static void
text_has_no_control_characters_but_layout(void **state)
{
	assert_true(hf_utf8_text_ok("a\tb\r\n\u00e4", 7));
	assert_false(hf_utf8_text_ok("a\x1b[2J", 5));
	assert_false(hf_utf8_text_ok("a\0b", 3));
	assert_false(hf_utf8_text_ok("\x7f", 1));
	assert_false(hf_utf8_text_ok("\xC2\x9B", 2)); /* C1: CSI */
	assert_true(hf_utf8_text_ok("\xC2\xA0", 2));
	assert_false(hf_utf8_line_ok("a\tb", 3));
	assert_false(hf_utf8_line_ok("a\nb", 3));
	assert_true(hf_utf8_line_ok("a b", 3));
}

static void
width_counts_code_points(void **state)
{
	assert_int_equal(hf_utf8_width("\u00b0C"), 2);
	assert_int_equal(hf_utf8_width(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(copy_truncates_and_says_so),
	    cmocka_unit_test(names_have_letters_digits_and_two_signs),
	    cmocka_unit_test(paths_have_one_to_twelve_levels),
	    cmocka_unit_test(patterns_match_level_by_level),
	    cmocka_unit_test(hostile_pattern_is_matched_in_bounded_steps),
	    cmocka_unit_test(edit_distance_counts_swaps_as_one),
	    cmocka_unit_test(nearest_word_is_near_or_none),
	    cmocka_unit_test(printable_shows_bytes_as_hex_and_fits),
	    cmocka_unit_test(utf8_follows_rfc_3629),
	    cmocka_unit_test(text_has_no_control_characters_but_layout),
	    cmocka_unit_test(width_counts_code_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
