/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_print_test.c - print, schema and doc run over the same rows as the
 * reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "conf_files.h"
#include "plant_kinds.h"

static struct files files;

static int
setup(void **state)
{
	files_open(&files);
	files_put(&files, "tags/press.csv", TEST_TAGS);
	return 0;
}

static int
teardown(void **state)
{
	files_close(&files);
	return 0;
}

/* print(load(yaml)) loads to the same hash, and prints to the same text. */
static void
round_trips(const char *yaml)
{
	struct hf_plant *p, *q;
	struct hf_buf b, c;

	files_put(&files, "plant.yaml", yaml);
	p = files_load(&files, &test_registry);
	if (p == NULL)
		print_error("%s", files.text);
	assert_non_null(p);
	hf_buf_init(&b, 1 << 20);
	hf_buf_init(&c, 1 << 20);
	assert_int_equal(hf_conf_print(p, &b, NULL), HF_OK);
	files_put(&files, "plant.yaml", hf_buf_cstr(&b));
	q = files_load(&files, &test_registry);
	if (q == NULL)
		print_error("%s\n%s", hf_buf_cstr(&b), files.text);
	assert_non_null(q);
	assert_memory_equal(p->hash, q->hash, 32);
	assert_int_equal(hf_conf_print(q, &c, NULL), HF_OK);
	assert_string_equal(hf_buf_cstr(&b), hf_buf_cstr(&c));
	hf_buf_fini(&b);
	hf_buf_fini(&c);
	hf_plant_free(p);
	hf_plant_free(q);
}

static void
what_is_printed_reads_again_to_the_same_hash(void **state)
{
	round_trips(TEST_HEAD TEST_DEVICE TEST_TAIL);
	round_trips(TEST_HEAD
	    "devices:\n"
	    "  press7: {zone: press, driver: test-tcp, host: 10.10.1.7, mode: "
	    "fast,\n"
	    "    asset: area/line1/press, tags: tags/press.csv, time: "
	    "receive,\n"
	    "    load: {connections: 2, requests: 7/min, outstanding: 3}, "
	    "unit: 7,\n"
	    "    wait: 1s500ms, bytes: 3KiB, day: 1999-12-31, flag: false, "
	    "gain: 0.1,\n"
	    "    rate: 3/week, path: a/b, near: press7, names: [a, b], texts: "
	    "[x, \"\"],\n"
	    "    nets: [fd00::/8], patterns: [\"*\", \"a/**\"], sub: {depth: "
	    "0, deep: true},\n"
	    "    note: \"a: b #c \\\"q\\\" \\\\ \\u00e4\\ufeff\\u2028 "
	    "\\n\\t%\"}\n" TEST_TAIL
	    "users:\n  bob: {role: operator, zones: [press], uid: 1000}\n"
	    "retention: {history: 730d, min_free: 3GiB}\n"
	    "storage: {commit: 10ms, audit_fail: continue}\n");
}

/* Texts that some YAML reader takes for something else. */
static void
texts_that_look_like_other_things_stay_texts(void **state)
{
	static const char *const texts[] = {"true", "no", "~", "null", "12",
	    "1.5", "0x10", "1e3", "2027-05-01", "- a", "a: b", "a #b", "",
	    " a ", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "{a", "[a",
	    "'", "?", ":", "=", ".inf", "<<", "12:30:45", "Yes", "off", "-",
	    "--- a"};
	char yaml[3000];
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(yaml, sizeof(yaml),
		    TEST_HEAD
		    "devices: {d: {zone: press, driver: test-tcp, host: "
		    "10.10.1.7, note: \"%s\", texts: [\"%s\"]}}\n",
		    texts[i], texts[i]);
		round_trips(yaml);
	}
}

/* A small generator of right plants; the seed is the test. */
static uint32_t
next(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static size_t
random_text(char *out, uint32_t *x)
{
	size_t n = next(x) % 12, i, w = 0;

	for (i = 0; i < n; i++) {
		uint32_t cp = next(x) % 4 == 0 ? 0xa0 + next(x) % 0x2000
					       : 0x20 + next(x) % 0x5f;

		w += (size_t)sprintf(out + w, "\\u%04x", cp);
	}
	return w;
}

static void
random_plants_round_trip(void **state)
{
	char *yaml = malloc(100000);
	uint32_t x = 20260501;
	size_t n;
	int i, j;

	assert_non_null(yaml);
	for (i = 0; i < 60; i++) {
		n = (size_t)sprintf(yaml, "%s", TEST_HEAD "devices:\n");
		for (j = 0; j < (int)(next(&x) % 5); j++) {
			n += (size_t)sprintf(yaml + n,
			    "  d%d: {zone: press, driver: test-tcp, host: "
			    "10.10.1.7,\n"
			    "    unit: %u, wait: %ums, bytes: %u, gain: "
			    "%.17g,\n"
			    "    rate: %.17g/%s, load: {requests: %u/min}, "
			    "note: \"",
			    j, next(&x) % 256, 10 + next(&x) % 59990, next(&x),
			    (double)next(&x) / 7e5 - 3000,
			    (double)next(&x) / 3e3,
			    (const char *const[]){
				"s", "min", "h", "d", "week"}[next(&x) % 5],
			    1 + next(&x) % 5000);
			n += random_text(yaml + n, &x);
			n += (size_t)sprintf(yaml + n, "\", texts: [\"");
			n += random_text(yaml + n, &x);
			n += (size_t)sprintf(yaml + n, "\"]}\n");
		}
		round_trips(yaml);
	}
	free(yaml);
}

static void
the_hash_changes_with_every_kind_of_change(void **state)
{
	static const char *const plants[] = {
	    TEST_HEAD TEST_DEVICE TEST_TAIL,
	    TEST_HEAD TEST_DEVICE TEST_TAIL "  second: {on: hot}\n",
	    TEST_HEAD TEST_DEVICE TEST_TAIL "storage: {commit: 6ms}\n",
	    TEST_HEAD TEST_DEVICE
	    "detectors: {hot: {method: limit, tags: [\"area/**\"], hi: 91}}\n",
	};
	uint8_t hash[5][32];
	struct hf_plant *p;
	size_t i, j;

	for (i = 0; i < 5; i++) {
		files_put(&files, "plant.yaml", plants[i % 4]);
		if (i == 4)
			files_put(&files, "tags/press.csv",
			    TEST_TAGS "more,1,int16,\n");
		p = files_load(&files, &test_registry);
		assert_non_null(p);
		memcpy(hash[i], p->hash, 32);
		hf_plant_free(p);
		for (j = 0; j < i; j++)
			assert_memory_not_equal(hash[i], hash[j], 32);
	}
}

static void
the_json_form_and_the_schema_are_json(void **state)
{
	struct hf_err err = {0};
	struct hf_plant *p;
	struct hf_buf b;
	json_t *j;

	files_put(&files, "plant.yaml", TEST_HEAD TEST_DEVICE TEST_TAIL);
	p = files_load(&files, &test_registry);
	assert_non_null(p);
	hf_buf_init(&b, 1 << 20);
	assert_int_equal(hf_conf_print_json(p, &b, NULL), HF_OK);
	assert_int_equal(
	    hf_json_parse((const char *)b.p, b.len, b.len, &j, &err), HF_OK);
	assert_int_equal(
	    json_integer_value(json_object_get(
		json_object_get(json_object_get(j, "devices"), "press7"),
		"port")),
	    502);
	json_decref(j);
	hf_buf_reset(&b);
	assert_int_equal(hf_conf_schema(&test_registry, &b), HF_OK);
	assert_int_equal(
	    hf_json_parse((const char *)b.p, b.len, b.len, &j, &err), HF_OK);
	assert_non_null(
	    json_object_get(json_object_get(j, "properties"), "rules"));
	json_decref(j);
	hf_buf_fini(&b);
	hf_plant_free(p);
}

static void
the_manual_lists_every_option_of_every_table(void **state)
{
	struct hf_buf b;
	char line[100];
	size_t i, j;

	hf_buf_init(&b, 1 << 20);
	assert_int_equal(hf_conf_doc(&test_registry, &b), HF_OK);
	for (i = 0; i < hf_nsection; i++)
		for (j = 0; j < hf_sections[i].kind.nopt; j++) {
			snprintf(line, sizeof(line), "\n.It Cm %s",
			    hf_sections[i].kind.opts[j].name);
			assert_non_null(strstr(hf_buf_cstr(&b), line));
		}
	assert_non_null(strstr(hf_buf_cstr(&b), "\n.It Cm hold\n"));
	assert_non_null(strstr(hf_buf_cstr(&b), "\n.It Cm host Pq required\n"));
	hf_buf_fini(&b);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(what_is_printed_reads_again_to_the_same_hash),
	    T(texts_that_look_like_other_things_stay_texts),
	    T(random_plants_round_trip),
	    T(the_hash_changes_with_every_kind_of_change),
	    T(the_json_form_and_the_schema_are_json),
	    T(the_manual_lists_every_option_of_every_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
