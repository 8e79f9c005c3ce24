/* SPDX-License-Identifier: Apache-2.0
 *
 * base_csv_test.c - CSV as people and spreadsheets write it, with exact places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/str.h"

/* Renders the whole file: fields in [], rows by line, errors as !rc text. */
static char *
render(const char *p, size_t n, char delim)
{
	static char text[4000];
	const struct hf_csv_row *row;
	struct hf_csv *c = hf_csv_new(p, n, delim);
	struct hf_err err;
	struct hf_buf b;
	size_t i;
	int rc;

	hf_buf_init(&b, sizeof(text) - 1);
	while ((rc = hf_csv_next(c, &row, &err)) != HF_ENODATA) {
		if (rc != HF_OK) {
			hf_buf_printf(
			    &b, "!%.*s\n", (int)strcspn(err.msg, ";"), err.msg);
			continue;
		}
		hf_buf_printf(&b, "%d:", row->line);
		for (i = 0; i < row->n; i++) {
			assert_int_equal(strlen(row->f[i].s), row->f[i].len);
			hf_buf_printf(&b, "[%s]", row->f[i].s);
		}
		hf_buf_u8(&b, '\n');
	}
	assert_true(hf_strcpy(text, sizeof(text), hf_buf_cstr(&b)));
	hf_buf_fini(&b);
	hf_csv_free(c);
	return text;
}

static const char *
csv(const char *s)
{
	return render(s, strlen(s), 0);
}

static void
plain_rows_are_split(void **state)
{
	assert_string_equal(csv("a,b,c\n1,,3\n"), "1:[a][b][c]\n2:[1][][3]\n");
	assert_string_equal(csv("a,b"), "1:[a][b]\n");
	assert_string_equal(csv("a,\n,"), "1:[a][]\n2:[][]\n");
	assert_string_equal(csv(""), "");
}

static void
quoted_fields_hold_delimiters_quotes_and_line_breaks(void **state)
{
	assert_string_equal(csv("\"a,b\",\"c\"\"d\",\"e\nf\"\nx,y,z\n"),
	    "1:[a,b][c\"d][e\nf]\n3:[x][y][z]\n");
	assert_string_equal(csv("\"\",\"\"\n"), "1:[][]\n");
	assert_string_equal(csv("5\" pipe,b\n"), "1:[5\" pipe][b]\n");
}

static void
bom_crlf_and_empty_lines_are_accepted(void **state)
{
	assert_string_equal(csv("\xEF\xBB\xBF"
				"a,b\r\n\r\n\n1,2\r\n"),
	    "1:[a][b]\n4:[1][2]\n");
	assert_string_equal(csv("a,b\r"), "1:[a][b]\n");
	assert_string_equal(csv("\r\n\r\n"), "");
}

static void
delimiter_is_what_the_first_line_has_most_of(void **state)
{
	assert_string_equal(
	    csv("a;b;c,d\n1;2,5;3\n"), "1:[a][b][c,d]\n2:[1][2,5][3]\n");
	assert_string_equal(csv("a\tb\n1,5\t2\n"), "1:[a][b]\n2:[1,5][2]\n");
	assert_string_equal(csv("a;b,c\n"), "1:[a;b][c]\n"); /* a tie */
	assert_string_equal(csv("\";;;\",b\n"), "1:[;;;][b]\n");
	assert_string_equal(csv("\n\na;b\n"), "3:[a][b]\n");
	assert_string_equal(render("a;b,c,d\n", 8, ';'), "1:[a][b,c,d]\n");
}

static void
semicolon_means_decimal_comma(void **state)
{
	struct hf_csv *c = hf_csv_new("a;b\n", 4, 0);

	assert_int_equal(hf_csv_delim(c), ';');
	assert_true(hf_csv_is_comma_decimal(c));
	hf_csv_free(c);
	c = hf_csv_new("a,b\n", 4, 0);
	assert_false(hf_csv_is_comma_decimal(c));
	hf_csv_free(c);
	hf_csv_free(NULL);
}

static void
fields_know_their_line_and_column(void **state)
{
	const char *s = "\xEF\xBB\xBF"
			"ab,\"c\nd\",e\n";
	const struct hf_csv_row *row;
	struct hf_csv *c = hf_csv_new(s, strlen(s), 0);

	assert_int_equal(hf_csv_next(c, &row, NULL), HF_OK);
	assert_int_equal(row->f[0].line, 1);
	assert_int_equal(row->f[0].col, 1);
	assert_int_equal(row->f[1].col, 4);
	assert_int_equal(row->f[2].line, 2);
	assert_int_equal(row->f[2].col, 4);
	hf_csv_free(c);
}

static void
unclosed_quote_costs_one_line_not_the_file(void **state)
{
	assert_string_equal(csv("a,b\n1,\"2\n3,4\n"),
	    "1:[a][b]\n!2:3: this quote is never closed\n3:[3][4]\n");
}

static void
text_behind_a_closing_quote_is_an_error(void **state)
{
	assert_string_equal(csv("\"a\"b,c\n1,2\n"),
	    "!1:4: text behind the closing quote\n2:[1][2]\n");
	assert_string_equal(
	    csv("\"a\" ,c\n"), "!1:4: text behind the closing quote\n");
}

static void
bytes_that_are_no_text_are_errors(void **state)
{
	assert_string_equal(
	    csv("a,\xe4\n1,2\n"), "!1:3: not UTF-8\n2:[1][2]\n");
	assert_string_equal(render("a\0b,c\n1,2\n", 10, 0),
	    "!1:1: NUL byte in the field\n2:[1][2]\n");
}

static void
too_many_fields_and_too_long_fields_are_refused(void **state)
{
	size_t n = HF_CSV_FIELD_MAX + 10;
	char *s = malloc(n);
	struct hf_err err;
	const struct hf_csv_row *row;
	struct hf_csv *c;

	memset(s, ',', n);
	c = hf_csv_new(s, HF_CSV_NFIELD - 1, 0);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_OK);
	assert_int_equal(row->n, HF_CSV_NFIELD);
	hf_csv_free(c);
	c = hf_csv_new(s, HF_CSV_NFIELD, 0);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_ELIMIT);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_ENODATA);
	hf_csv_free(c);

	memset(s, 'x', n);
	c = hf_csv_new(s, HF_CSV_FIELD_MAX, 0);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_OK);
	hf_csv_free(c);
	s[0] = '"';
	memcpy(s + n - 4, "\"\na\n", 4);
	c = hf_csv_new(s, n, 0);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_ELIMIT);
	assert_int_equal(hf_csv_next(c, &row, &err), HF_OK);
	assert_string_equal(row->f[0].s, "a");
	hf_csv_free(c);
	free(s);
}

static void
ten_thousand_rows_are_read(void **state)
{
	const struct hf_csv_row *row;
	struct hf_buf b;
	struct hf_csv *c;
	int i;

	hf_buf_init(&b, 1 << 20);
	for (i = 0; i < 10000; i++)
		hf_buf_printf(&b, "tag%d,\"a \"\"b\"\"\",%d,40001\r\n", i, i);
	c = hf_csv_new((const char *)b.p, b.len, 0);
	for (i = 0; i < 10000; i++) {
		assert_int_equal(hf_csv_next(c, &row, NULL), HF_OK);
		assert_int_equal(row->line, i + 1);
		assert_int_equal(row->n, 4);
		assert_string_equal(row->f[1].s, "a \"b\"");
		assert_int_equal(strtol(row->f[2].s, NULL, 10), i);
	}
	assert_int_equal(hf_csv_next(c, &row, NULL), HF_ENODATA);
	hf_csv_free(c);
	hf_buf_fini(&b);
}

static void
text_that_begins_like_a_bom_comes_back(void **state)
{
	const struct hf_csv_row *row;
	struct hf_csv *c;
	struct hf_buf b;

	hf_buf_init(&b, 100);
	hf_csv_put_text(&b,
	    "\xEF\xBB\xBF"
	    "x",
	    ',');
	c = hf_csv_new((const char *)b.p, b.len, 0);
	assert_int_equal(hf_csv_next(c, &row, NULL), HF_OK);
	assert_string_equal(row->f[0].s, "\xEF\xBB\xBF"
					 "x");
	hf_csv_free(c);
	hf_buf_fini(&b);
}

static void
formulas_are_written_as_text_and_come_back(void **state)
{
	static const char *const text[] = {"=1+1", "+49", "-5", "@x", "'=x",
	    "''=x", "'quoted'", "plain", "a;b", "say \"hi\"", "two\nlines",
	    " blank", "blank ", "", "\ttab", "it's"};
	const struct hf_csv_row *row;
	struct hf_csv *c;
	struct hf_buf b;
	char back[100];
	size_t i, n = sizeof(text) / sizeof(text[0]);

	hf_buf_init(&b, 1000);
	for (i = 0; i < n; i++) {
		hf_csv_put_text(&b, text[i], ';');
		hf_buf_puts(&b, ";x\n");
	}
	assert_memory_equal(b.p, "'=1+1;x\n'+49;x\n'-5;x\n'@x;x\n", 27);
	c = hf_csv_new((const char *)b.p, b.len, ';');
	for (i = 0; i < n; i++) {
		assert_int_equal(hf_csv_next(c, &row, NULL), HF_OK);
		assert_true(hf_strcpy(back, sizeof(back), row->f[0].s));
		assert_null(strchr("=+-@\t\r", back[0] ? back[0] : 'x'));
		hf_csv_unprotect(back);
		assert_string_equal(back, text[i]);
	}
	hf_csv_free(c);
	hf_buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_rows_are_split),
	    cmocka_unit_test(
		quoted_fields_hold_delimiters_quotes_and_line_breaks),
	    cmocka_unit_test(bom_crlf_and_empty_lines_are_accepted),
	    cmocka_unit_test(delimiter_is_what_the_first_line_has_most_of),
	    cmocka_unit_test(semicolon_means_decimal_comma),
	    cmocka_unit_test(fields_know_their_line_and_column),
	    cmocka_unit_test(unclosed_quote_costs_one_line_not_the_file),
	    cmocka_unit_test(text_behind_a_closing_quote_is_an_error),
	    cmocka_unit_test(bytes_that_are_no_text_are_errors),
	    cmocka_unit_test(too_many_fields_and_too_long_fields_are_refused),
	    cmocka_unit_test(ten_thousand_rows_are_read),
	    cmocka_unit_test(text_that_begins_like_a_bom_comes_back),
	    cmocka_unit_test(formulas_are_written_as_text_and_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
