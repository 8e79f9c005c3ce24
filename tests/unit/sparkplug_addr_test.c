/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug_addr_test.c - addresses of tags, and rows suggested for metrics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "field/sparkplug/addr.h"

static void
is(const char *text, const char *node, const char *device, const char *metric)
{
	struct hf_spb_addr a;

	assert_int_equal(hf_spb_addr_parse(text, &a, NULL), HF_OK);
	assert_string_equal(a.node, node);
	assert_string_equal(a.device, device);
	assert_string_equal(a.metric, metric);
}

static void
address_parts_node_device_and_metric(void **state)
{
	is("gw1:load", "gw1", "", "load");
	is("gw1:Node Info/CPU load", "gw1", "", "Node Info/CPU load");
	is("gw1/press7:motor/rms", "gw1", "press7", "motor/rms");
	is("gw1/d:a:b", "gw1", "d", "a:b");
	is("g\\:1/acme\\:berlin:m", "g:1", "acme:berlin", "m");
	is("gw1:\\:odd", "gw1", "", "\\:odd");
}

static void
address_without_its_parts_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {"", "gw1", "gw1/d", ":m", "/d:m",
	    "gw1/:m", "gw1:", "gw1/d:", "gw+:m", "gw1/a#:m", "g/a/b:m",
	    "gw1:a\nb"};
	char longest[HF_SPB_NAME + 8];
	struct hf_spb_addr a;
	struct hf_err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    hf_spb_addr_parse(bad[i], &a, &err), HF_EINVAL);
		assert_non_null(strstr(err.msg, "address"));
	}
	memset(longest, 'm', sizeof(longest));
	memcpy(longest, "e:", 2);
	longest[2 + HF_SPB_NAME] = '\0';
	assert_int_equal(hf_spb_addr_parse(longest, &a, NULL), HF_OK);
	longest[2 + HF_SPB_NAME] = 'm';
	longest[3 + HF_SPB_NAME] = '\0';
	assert_int_equal(hf_spb_addr_parse(longest, &a, NULL), HF_EINVAL);
}

static const char *
row(const char *node, const char *device, const char *name, uint32_t type)
{
	static char ent[] = "acme", site[] = "berlin";
	struct hf_plant p = {.site = {.enterprise = ent, .site = site}};
	const struct hf_spb_listed m = {.node = node,
	    .device = device,
	    .name = name,
	    .unit = "mm/s",
	    .datatype = type};
	static char text[4096];
	struct hf_buf b;

	hf_buf_init(&b, sizeof(text) - 1);
	if (hf_spb_suggest(&p, &m, &b))
		snprintf(text, sizeof(text), "%s", hf_buf_cstr(&b));
	else
		text[0] = '\0';
	hf_buf_fini(&b);
	return text;
}

static void
suggested_rows_name_place_and_type(void **state)
{
	assert_string_equal(row("gw", "", "load", HF_SPB_FLOAT),
	    "load,gw:load,float32,1000,mm/s,");
	assert_string_equal(row("gw", "press 7", "m/rms", HF_SPB_INT8),
	    "press_7_m_rms,gw/press 7:m/rms,int16,1000,mm/s,");
	assert_string_equal(
	    row("gw", "acme:berlin:press:line1", "motor/rms", HF_SPB_DOUBLE),
	    "line1_motor_rms,gw/acme\\:berlin\\:press\\:line1:motor/rms,"
	    "float64,1000,mm/s,press/line1/motor/rms");
	assert_string_equal(
	    row("gw", "other:berlin:press", "x", HF_SPB_BOOLEAN),
	    "press_x,gw/other\\:berlin\\:press:x,bool,1000,mm/s,");
	assert_string_equal(row("gw", "d", "set", 16), "");
}

static void
suggested_rows_are_no_formulas_and_keep_their_columns(void **state)
{
	assert_string_equal(row("=cmd", "", "a,\"b\"", HF_SPB_STRING),
	    "a__b_,\"'=cmd:a,\"\"b\"\"\",string,1000,mm/s,");
}

/* What is suggested is what the driver takes. */
static void
suggested_address_parses_back(void **state)
{
	const char *text = row("a:b", "c:d", "e:f", HF_SPB_INT64);
	const char *at = strchr(text, ',') + 1;
	char addr[64];

	snprintf(addr, sizeof(addr), "%.*s", (int)strcspn(at, ","), at);
	is(addr, "a:b", "c:d", "e:f");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(address_parts_node_device_and_metric),
	    cmocka_unit_test(
		address_without_its_parts_is_refused_with_a_reason),
	    cmocka_unit_test(suggested_rows_name_place_and_type),
	    cmocka_unit_test(
		suggested_rows_are_no_formulas_and_keep_their_columns),
	    cmocka_unit_test(suggested_address_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
