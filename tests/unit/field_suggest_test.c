/* SPDX-License-Identifier: Apache-2.0
 *
 * field_suggest_test.c - rows suggested for a tag file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/str.h"
#include "field/suggest.h"

#define MANY 10000 /* bytes */

static struct {
	struct hf_buf b;
	struct hf_jw w;
	struct hf_suggest s;
	struct hf_tag tags[1];
} x;

static int
setup(void **state)
{
	static char taken[] = "taken";

	hf_buf_init(&x.b, 1u << 20);
	hf_jw_init(&x.w, &x.b);
	x.tags[0].name = taken;
	hf_jw_obj(&x.w);
	hf_suggest_open(&x.s, &x.w, x.tags, 1);
	return 0;
}

static int
teardown(void **state)
{
	hf_buf_fini(&x.b);
	return 0;
}

static void
add(const char *name, const char *longer, const char *address)
{
	const struct hf_suggestion row = {.name = name,
	    .longer = longer,
	    .address = address,
	    .type = "float64",
	    .unit = ""};

	hf_suggest_add(&x.s, &row, MANY);
}

static const char *
answer(void)
{
	hf_suggest_close(&x.s);
	hf_jw_end_obj(&x.w);
	return hf_buf_cstr(&x.b);
}

static void
suggested_names_are_valid_and_taken_once(void **state)
{
	add("temp", "a/temp", "a/temp");
	add("temp", "b/temp", "b/temp");
	add("temp", "b/temp", "b/temp;field=x");
	add("taken", NULL, "t");
	add("", NULL, "empty");
	add("oil.in \xc3\xa4", NULL, "oil");
	assert_string_equal(answer(),
	    "{\"suggest\":[\"tag,address,type,unit\","
	    "\"temp,a/temp,float64,\",\"b_temp,b/temp,float64,\","
	    "\"b_temp_2,b/temp;field=x,float64,\","
	    "\"taken_2,t,float64,\",\"tag,empty,float64,\","
	    "\"oil_in___,oil,float64,\"],\"suggest_left\":0}");
}

static void
suggested_names_stay_short_and_differ(void **state)
{
	static const char longest[] =
	    "a123456789b123456789c123456789d123456789e123456789f123456789"
	    "g123456789";
	size_t i, k;

	for (i = 0; i < 12; i++)
		add(longest, NULL, "x");
	for (i = 0; i < 12; i++) {
		assert_true(hf_name_ok(x.s.name[i]));
		for (k = 0; k < i; k++)
			assert_string_not_equal(x.s.name[i], x.s.name[k]);
	}
}

/* An address with commas and quotes is one cell, one like a formula none. */
static void
suggested_rows_read_back_as_they_were(void **state)
{
	static const char *const hard[] = {"a,\"b\"", "=1+1", "@x", "plain"};
	const struct hf_csv_row *row;
	struct hf_csv *csv;
	char cell[64];
	json_t *j;
	size_t i;

	for (i = 0; i < 4; i++)
		add("t", NULL, hard[i]);
	j = json_loads(answer(), 0, NULL);
	for (i = 0; i < 4; i++) {
		const char *s = json_string_value(
		    json_array_get(json_object_get(j, "suggest"), i + 1));

		csv = hf_csv_new(s, strlen(s), ',');
		assert_int_equal(hf_csv_next(csv, &row, NULL), HF_OK);
		assert_int_equal(row->n, 4);
		assert_true(hf_strcpy(cell, sizeof(cell), row->f[1].s));
		hf_csv_unprotect(cell);
		assert_string_equal(cell, hard[i]);
		hf_csv_free(csv);
	}
	json_decref(j);
}

static void
suggestions_beyond_the_room_are_counted(void **state)
{
	size_t i;

	for (i = 0; i < HF_SUGGEST_MAX + 5; i++)
		add("t", NULL, "x");
	assert_int_equal(x.s.n, HF_SUGGEST_MAX);
	assert_non_null(strstr(answer(), "\"suggest_left\":5}"));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(suggested_names_are_valid_and_taken_once),
	    T(suggested_names_stay_short_and_differ),
	    T(suggested_rows_read_back_as_they_were),
	    T(suggestions_beyond_the_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
