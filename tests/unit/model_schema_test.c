/* SPDX-License-Identifier: Apache-2.0
 *
 * model_schema_test.c - contracts: every keyword both ways, what is refused,
 * and random schemas against a slow oracle that knows no compiler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/quality.h"
#include "model/schema.h"

static struct hf_schema *
compiled(struct hf_arena *a, const char *text)
{
	struct hf_schema *s = NULL;
	struct hf_err err = {0};

	if (hf_schema_compile(a, text, strlen(text), &s, &err) != HF_OK)
		fail_msg("%s: %s", text, err.msg);
	return s;
}

/* Any JSON value, scalars too: parsed as the only item of an array. */
static json_t *
value(const char *text)
{
	char wrapped[2048];
	json_t *j, *v;

	snprintf(wrapped, sizeof(wrapped), "[%s]", text);
	j = json_loads(wrapped, 0, NULL);
	assert_non_null(j);
	v = json_incref(json_array_get(j, 0));
	json_decref(j);
	return v;
}

static enum hf_schema_why
judged(const char *schema, const char *text, struct hf_err *err)
{
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_schema *s = compiled(a, schema);
	json_t *v = value(text);
	enum hf_schema_why why = hf_schema_judge(s, v, err);

	json_decref(v);
	hf_arena_free(a);
	return why;
}

static void
each_keyword_lets_pass_and_stops(void **state)
{
	static const struct {
		const char *schema, *good, *bad;
		enum hf_schema_why why;
	} rows[] = {
	    {"{\"type\":\"null\"}", "null", "0", HF_SCHEMA_TYPE},
	    {"{\"type\":\"boolean\"}", "true", "1", HF_SCHEMA_TYPE},
	    {"{\"type\":\"integer\"}", "7", "7.5", HF_SCHEMA_TYPE},
	    {"{\"type\":\"integer\"}", "7.0", "\"7\"", HF_SCHEMA_TYPE},
	    {"{\"type\":\"number\"}", "7", "\"7\"", HF_SCHEMA_TYPE},
	    {"{\"type\":\"string\"}", "\"a\"", "null", HF_SCHEMA_TYPE},
	    {"{\"type\":\"array\"}", "[1]", "{}", HF_SCHEMA_TYPE},
	    {"{\"type\":\"object\"}", "{}", "[]", HF_SCHEMA_TYPE},
	    {"{\"type\":[\"null\",\"number\"]}", "null", "true",
		HF_SCHEMA_TYPE},
	    {"{\"minimum\":3}", "3", "2.999", HF_SCHEMA_RANGE},
	    {"{\"maximum\":3}", "3", "3.001", HF_SCHEMA_RANGE},
	    {"{\"exclusiveMinimum\":3}", "3.001", "3", HF_SCHEMA_RANGE},
	    {"{\"exclusiveMaximum\":3}", "2.999", "3", HF_SCHEMA_RANGE},
	    {"{\"multipleOf\":0.01}", "0.07", "0.075", HF_SCHEMA_RANGE},
	    {"{\"multipleOf\":3}", "9", "10", HF_SCHEMA_RANGE},
	    {"{\"minLength\":2}", "\"\\u00e4b\"", "\"\\u00e4\"",
		HF_SCHEMA_RANGE},
	    {"{\"maxLength\":2}", "\"\\u00e4b\"", "\"abc\"", HF_SCHEMA_RANGE},
	    {"{\"minItems\":1}", "[1]", "[]", HF_SCHEMA_RANGE},
	    {"{\"maxItems\":1}", "[1]", "[1,2]", HF_SCHEMA_RANGE},
	    {"{\"items\":{\"type\":\"number\"}}", "[1,2]", "[1,\"2\"]",
		HF_SCHEMA_TYPE},
	    {"{\"enum\":[\"on\",\"off\",1]}", "\"off\"", "\"ON\"",
		HF_SCHEMA_RANGE},
	    {"{\"enum\":[1]}", "1.0", "2", HF_SCHEMA_RANGE},
	    {"{\"const\":true}", "true", "1", HF_SCHEMA_RANGE},
	    {"{\"required\":[\"a\"]}", "{\"a\":null}", "{\"b\":1}",
		HF_SCHEMA_MISSING},
	    {"{\"properties\":{\"a\":{\"type\":\"number\"}}}",
		"{\"a\":1,\"z\":2}", "{\"a\":\"1\"}", HF_SCHEMA_TYPE},
	    {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}",
		"{\"a\":1}", "{\"b\":1}", HF_SCHEMA_UNKNOWN},
	    {"{\"additionalProperties\":true}", "{\"a\":1}", NULL, 0},
	    /* keywords of one type say nothing about another */
	    {"{\"minimum\":3,\"minLength\":9,\"minItems\":9}", "true", "2",
		HF_SCHEMA_RANGE},
	};
	struct hf_err err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    judged(rows[i].schema, rows[i].good, &err), HF_SCHEMA_FITS);
		if (rows[i].bad != NULL)
			assert_int_equal(
			    judged(rows[i].schema, rows[i].bad, &err),
			    rows[i].why);
	}
}

static void
annotations_say_nothing(void **state)
{
	static const char text[] =
	    "{\"$schema\":\"x\",\"$id\":\"y\",\"title\":\"t\","
	    "\"description\":\"d\",\"examples\":[1],\"unit\":\"mm\","
	    "\"default\":4,\"$comment\":\"c\"}";

	assert_int_equal(judged(text, "\"anything\"", NULL), HF_SCHEMA_FITS);
}

static void
what_it_does_not_check_it_refuses(void **state)
{
	static const struct {
		const char *schema, *says;
	} rows[] = {
	    {"{\"$ref\":\"#/a\"}", "\"$ref\" is not checked"},
	    {"{\"oneOf\":[]}", "\"oneOf\" is not checked"},
	    {"{\"patternProperties\":{}}", "is not checked"},
	    {"{\"pattern\":\"a\"}", "is not checked"},
	    {"{\"format\":\"date\"}", "is not checked"},
	    {"{\"minimun\":1}", "did you mean \"minimum\"?"},
	    {"{\"type\":\"float\"}", "/type: type is null, boolean"},
	    {"{\"type\":[]}", "names no type"},
	    {"{\"minimum\":\"1\"}", "/minimum: is a number"},
	    {"{\"exclusiveMinimum\":true}", "/exclusiveMinimum: is a number"},
	    {"{\"multipleOf\":0}", "over 0"},
	    {"{\"minLength\":-1}", "whole number from 0"},
	    {"{\"maxItems\":1.5}", "whole number from 0"},
	    {"{\"enum\":[]}", "at least one value"},
	    {"{\"enum\":[[1]]}", "numbers, texts"},
	    {"{\"enum\":[1],\"const\":1}", "not both"},
	    {"{\"properties\":[]}", "an object of schemas"},
	    {"{\"properties\":{\"a\":true}}", "/properties/a: a schema is"},
	    {"{\"required\":\"a\"}", "a list of property names"},
	    {"{\"additionalProperties\":{}}", "true or false"},
	    {"{\"minimum\":2,\"maximum\":1}", "minimum is over maximum"},
	    {"{\"minLength\":2,\"maxLength\":1}", "minLength is over"},
	    {"{\"required\":[\"a\"],\"additionalProperties\":false}",
		"required names a property"},
	    {"{\"type\":\"number\",\"type\":\"string\"}", "duplicate"},
	    {"[]", "a schema is an object"},
	    {"{", "JSON"},
	    {"", "JSON"},
	};
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_schema *s;
	struct hf_err err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_not_equal(hf_schema_compile(a, rows[i].schema,
					 strlen(rows[i].schema), &s, &err),
		    HF_OK);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: \"%s\" lacks \"%s\"", rows[i].schema,
			    err.msg, rows[i].says);
	}
	hf_arena_free(a);
}

static int
compile_nested(int depth, const char *inner)
{
	struct hf_arena *a = hf_arena_new(4 << 20);
	struct hf_schema *s;
	struct hf_buf b;
	int i, rc;

	hf_buf_init(&b, 1 << 20);
	for (i = 1; i < depth; i++)
		hf_buf_puts(&b, "{\"items\":");
	hf_buf_puts(&b, inner);
	for (i = 1; i < depth; i++)
		hf_buf_puts(&b, "}");
	rc = hf_schema_compile(a, (const char *)b.p, b.len, &s, NULL);
	hf_buf_fini(&b);
	hf_arena_free(a);
	return rc;
}

static int
compile_wide(int nprop)
{
	struct hf_arena *a = hf_arena_new(4 << 20);
	struct hf_schema *s;
	struct hf_buf b;
	int i, rc;

	hf_buf_init(&b, 1 << 20);
	hf_buf_puts(&b, "{\"properties\":{");
	for (i = 0; i < nprop; i++)
		hf_buf_printf(&b, "%s\"p%d\":{}", i == 0 ? "" : ",", i);
	hf_buf_puts(&b, "}}");
	rc = hf_schema_compile(a, (const char *)b.p, b.len, &s, NULL);
	hf_buf_fini(&b);
	hf_arena_free(a);
	return rc;
}

static void
depth_and_size_are_bounded(void **state)
{
	assert_int_equal(compile_nested(8, "{}"), HF_OK);
	assert_int_equal(compile_nested(9, "{}"), HF_EINVAL);
	assert_int_equal(compile_wide(999), HF_OK);
	assert_int_equal(compile_wide(1000), HF_EINVAL);
	/* over 64 KiB of text */
	assert_int_equal(compile_wide(8000), HF_ELIMIT);
}

static void
a_breach_names_pointer_rule_and_value(void **state)
{
	static const char schema[] =
	    "{\"properties\":{\"motor\":{\"properties\":{\"rpm\":{\"items\":"
	    "{\"maximum\":3000}}}}}}";
	struct hf_err err = {0};

	assert_int_equal(judged(schema, "{\"motor\":{\"rpm\":[1,4000]}}", &err),
	    HF_SCHEMA_RANGE);
	assert_string_equal(err.msg, "/motor/rpm/1: 4000 is over maximum 3000");
}

static void
integers_beyond_2_to_53_are_compared_exactly(void **state)
{
	assert_int_equal(
	    judged("{\"maximum\":9007199254740992}", "9007199254740993", NULL),
	    HF_SCHEMA_RANGE);
	assert_int_equal(judged("{\"const\":9223372036854775807}",
			     "9223372036854775806", NULL),
	    HF_SCHEMA_RANGE);
	assert_int_equal(judged("{\"minimum\":-9223372036854775808}",
			     "-9223372036854775808", NULL),
	    HF_SCHEMA_FITS);
}

static void
values_of_samples_are_held_against_their_property(void **state)
{
	static const char text[] =
	    "{\"properties\":{\"motor\":{\"properties\":{\"rpm\":{\"type\":"
	    "\"integer\",\"maximum\":3000},\"on\":{\"type\":\"boolean\"},"
	    "\"mode\":{\"enum\":[\"auto\",\"hand\"]}}}}}";
	struct hf_arena *a = hf_arena_new(1 << 20);
	struct hf_schema *s = compiled(a, text);
	const struct hf_schema *rpm = hf_schema_at(s, "motor/rpm");
	const struct hf_schema *mode = hf_schema_at(s, "motor/mode");
	struct hf_sample v = {.vtype = HF_V_F64, .v.f64 = 2999};

	assert_non_null(rpm);
	assert_non_null(hf_schema_at(s, "motor"));
	assert_null(hf_schema_at(s, "motor/torque"));
	assert_null(hf_schema_at(s, "motor/rpm/x"));
	assert_null(hf_schema_at(s, ""));
	assert_null(hf_schema_at(s, "motor/"));
	assert_int_equal(
	    hf_schema_judge_value(rpm, &v, NULL, NULL), HF_SCHEMA_FITS);
	v.v.f64 = 2999.5;
	assert_int_equal(
	    hf_schema_judge_value(rpm, &v, NULL, NULL), HF_SCHEMA_TYPE);
	v = (struct hf_sample){.vtype = HF_V_I64, .v.i64 = 3001};
	assert_int_equal(
	    hf_schema_judge_value(rpm, &v, NULL, NULL), HF_SCHEMA_RANGE);
	v.status = HF_BAD_NO_COMMUNICATION;
	assert_int_equal(
	    hf_schema_judge_value(rpm, &v, NULL, NULL), HF_SCHEMA_FITS);
	v = (struct hf_sample){.vtype = HF_V_BOOL, .v.bits = 1};
	assert_int_equal(
	    hf_schema_judge_value(hf_schema_at(s, "motor/on"), &v, NULL, NULL),
	    HF_SCHEMA_FITS);
	assert_int_equal(
	    hf_schema_judge_value(rpm, &v, NULL, NULL), HF_SCHEMA_TYPE);
	/* the text is not terminated where the sample ends */
	v = (struct hf_sample){.vtype = HF_V_STR, .str_len = 4};
	assert_int_equal(
	    hf_schema_judge_value(mode, &v, "autoX", NULL), HF_SCHEMA_FITS);
	v.str_len = 5;
	assert_int_equal(
	    hf_schema_judge_value(mode, &v, "autoX", NULL), HF_SCHEMA_RANGE);
	hf_arena_free(a);
}

static void
a_type_that_can_never_fit_is_known_ahead(void **state)
{
	struct hf_arena *a = hf_arena_new(1 << 20);
	const char *expects;
	struct hf_schema *s = compiled(a, "{\"type\":\"integer\"}");

	assert_true(hf_schema_takes(s, "number", &expects));
	assert_false(hf_schema_takes(s, "string", &expects));
	assert_string_equal(expects, "integer");
	s = compiled(a, "{}");
	assert_true(hf_schema_takes(s, "boolean", &expects));
	hf_arena_free(a);
}

/* ---- the oracle: reads the schema's JSON at every check ---- */

static bool oracle(const json_t *s, const json_t *v, int depth);

static bool
oracle_type(const char *t, const json_t *v)
{
	if (strcmp(t, "integer") == 0)
		return json_is_integer(v) ||
		       (json_is_real(v) &&
			   floor(json_real_value(v)) == json_real_value(v));
	if (strcmp(t, "number") == 0)
		return json_is_number(v);
	if (strcmp(t, "string") == 0)
		return json_is_string(v);
	if (strcmp(t, "boolean") == 0)
		return json_is_boolean(v);
	if (strcmp(t, "null") == 0)
		return json_is_null(v);
	return strcmp(t, "array") == 0 ? json_is_array(v) : json_is_object(v);
}

static bool
oracle_equal(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	return json_equal(a, b);
}

static bool
oracle_number(const char *key, const json_t *k, double x)
{
	double b = json_number_value(k), q;

	if (strcmp(key, "minimum") == 0)
		return x >= b;
	if (strcmp(key, "maximum") == 0)
		return x <= b;
	if (strcmp(key, "exclusiveMinimum") == 0)
		return x > b;
	if (strcmp(key, "exclusiveMaximum") == 0)
		return x < b;
	if (strcmp(key, "multipleOf") != 0)
		return true;
	q = x / b;
	return fabs(q - round(q)) <= 1e-9 * fmax(1, fabs(round(q)));
}

static size_t
oracle_chars(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static bool
oracle_count(const char *key, const json_t *k, const json_t *v)
{
	size_t b = (size_t)json_integer_value(k);

	if (json_is_array(v) && strcmp(key, "minItems") == 0)
		return json_array_size(v) >= b;
	if (json_is_array(v) && strcmp(key, "maxItems") == 0)
		return json_array_size(v) <= b;
	if (json_is_string(v) && strcmp(key, "minLength") == 0)
		return oracle_chars(json_string_value(v)) >= b;
	if (json_is_string(v) && strcmp(key, "maxLength") == 0)
		return oracle_chars(json_string_value(v)) <= b;
	return true;
}

static bool
oracle_any(const json_t *list, const json_t *v, bool is_type)
{
	size_t i;

	if (is_type && json_is_string(list))
		return oracle_type(json_string_value(list), v);
	for (i = 0; i < json_array_size(list); i++)
		if (is_type ? oracle_type(
				  json_string_value(json_array_get(list, i)), v)
			    : oracle_equal(json_array_get(list, i), v))
			return true;
	return false;
}

static bool
oracle_object(const json_t *s, const char *key, const json_t *k,
    const json_t *v, int depth)
{
	const json_t *props = json_object_get(s, "properties");
	const char *name;
	json_t *item;
	size_t i;

	if (strcmp(key, "required") == 0)
		for (i = 0; i < json_array_size(k); i++)
			if (json_object_get(v, json_string_value(json_array_get(
						   k, i))) == NULL)
				return false;
	if (strcmp(key, "properties") == 0)
		json_object_foreach((json_t *)(uintptr_t)k, name,
		    item) if (json_object_get(v, name) != NULL &&
			      !oracle(item, json_object_get(v, name),
				  depth + 1)) return false;
	if (strcmp(key, "additionalProperties") == 0 && json_is_false(k))
		json_object_foreach((json_t *)(uintptr_t)v, name,
		    item) if (json_object_get(props, name) ==
			      NULL) return false;
	return true;
}

static bool
oracle(const json_t *s, const json_t *v, int depth)
{
	const char *key;
	json_t *k;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)s, key, k)
	{
		if (strcmp(key, "type") == 0 && !oracle_any(k, v, true))
			return false;
		if (strcmp(key, "enum") == 0 && !oracle_any(k, v, false))
			return false;
		if (strcmp(key, "const") == 0 && !oracle_equal(k, v))
			return false;
		if (json_is_number(v) &&
		    !oracle_number(key, k, json_number_value(v)))
			return false;
		if (!oracle_count(key, k, v))
			return false;
		if (json_is_object(v) && !oracle_object(s, key, k, v, depth))
			return false;
		if (json_is_array(v) && strcmp(key, "items") == 0)
			for (i = 0; i < json_array_size(v); i++)
				if (!oracle(k, json_array_get(v, i), depth + 1))
					return false;
	}
	return true;
}

/* ---- random schemas and values ---- */

static uint64_t seed = 88172645463325252u;

static unsigned
dice(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static json_t *
random_scalar(void)
{
	static const char *const words[] = {"", "a", "b", "ab", "\xc3\xa4"};

	switch (dice(6)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(dice(2));
	case 2:
		return json_string(words[dice(5)]);
	case 3:
		return json_real((double)dice(40) / 4 - 5);
	default:
		return json_integer((int)dice(10) - 5);
	}
}

static json_t *
random_value(int depth)
{
	static const char *const names[] = {"a", "b", "c"};
	unsigned i, n = dice(4);
	json_t *v;

	if (depth == 0 || dice(3) == 0)
		return random_scalar();
	v = dice(2) == 0 ? json_array() : json_object();
	for (i = 0; i < n; i++)
		if (json_is_array(v))
			json_array_append_new(v, random_value(depth - 1));
		else
			json_object_set_new(
			    v, names[dice(3)], random_value(depth - 1));
	return v;
}

static json_t *
random_type(void)
{
	static const char *const t[] = {"null", "boolean", "integer", "number",
	    "string", "array", "object"};
	json_t *l;

	if (dice(2) == 0)
		return json_string(t[dice(7)]);
	l = json_array();
	json_array_append_new(l, json_string(t[dice(7)]));
	json_array_append_new(l, json_string(t[dice(7)]));
	return l;
}

static json_t *
random_list(void)
{
	json_t *l = json_array();
	unsigned n = 1 + dice(3);

	while (n-- > 0)
		json_array_append_new(l, random_scalar());
	return l;
}

static json_t *random_schema(int depth);

static void
add_object_keywords(json_t *s, int depth)
{
	static const char *const names[] = {"a", "b", "c"};
	json_t *props = json_object(), *req = json_array();
	unsigned i;

	for (i = 0; i < 3; i++)
		if (dice(2) == 0)
			json_object_set_new(
			    props, names[i], random_schema(depth - 1));
	for (i = 0; i < 3; i++)
		if (dice(4) == 0 && json_object_get(props, names[i]) != NULL)
			json_array_append_new(req, json_string(names[i]));
	json_object_set_new(s, "properties", props);
	json_object_set_new(s, "required", req);
	if (dice(2) == 0)
		json_object_set_new(
		    s, "additionalProperties", json_boolean(dice(2)));
}

static json_t *
random_schema(int depth)
{
	static const char *const bounds[] = {
	    "minimum", "exclusiveMaximum", "multipleOf"};
	static const char *const counts[] = {
	    "minItems", "maxLength", "minLength"};
	json_t *s = json_object();
	unsigned i;

	if (dice(2) == 0)
		json_object_set_new(s, "type", random_type());
	if (dice(6) == 0)
		json_object_set_new(s, "enum", random_list());
	else if (dice(8) == 0)
		json_object_set_new(s, "const", random_scalar());
	for (i = 0; i < 3; i++)
		if (dice(5) == 0)
			json_object_set_new(s, bounds[i],
			    json_real((double)(dice(12) + 1) / 4));
	i = dice(6);
	if (i < 3)
		json_object_set_new(s, counts[i], json_integer(dice(3)));
	if (depth > 0 && dice(2) == 0)
		json_object_set_new(s, "items", random_schema(depth - 1));
	if (depth > 0 && dice(2) == 0)
		add_object_keywords(s, depth);
	return s;
}

static void
random_schemas_agree_with_the_oracle(void **state)
{
	size_t i, k, nfit = 0, nbreach = 0;

	for (i = 0; i < 4000; i++) {
		struct hf_arena *a = hf_arena_new(1 << 20);
		json_t *j = random_schema(3);
		char *text = json_dumps(j, JSON_REAL_PRECISION(17));
		struct hf_schema *s = compiled(a, text);

		for (k = 0; k < 20; k++) {
			json_t *v = random_value(3);
			bool want = oracle(j, v, 0);

			if ((hf_schema_judge(s, v, NULL) == HF_SCHEMA_FITS) !=
			    want) {
				char *shown = json_dumps(v, JSON_ENCODE_ANY);

				fail_msg("%s against %s: oracle says %d", shown,
				    text, want);
			}
			nfit += want;
			nbreach += !want;
			json_decref(v);
		}
		free(text);
		json_decref(j);
		hf_arena_free(a);
	}
	/* a generator that always fits, or never, tests nothing */
	assert_true(nfit > 5000);
	assert_true(nbreach > 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_keyword_lets_pass_and_stops),
	    cmocka_unit_test(annotations_say_nothing),
	    cmocka_unit_test(what_it_does_not_check_it_refuses),
	    cmocka_unit_test(depth_and_size_are_bounded),
	    cmocka_unit_test(a_breach_names_pointer_rule_and_value),
	    cmocka_unit_test(integers_beyond_2_to_53_are_compared_exactly),
	    cmocka_unit_test(values_of_samples_are_held_against_their_property),
	    cmocka_unit_test(a_type_that_can_never_fit_is_known_ahead),
	    cmocka_unit_test(random_schemas_agree_with_the_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
