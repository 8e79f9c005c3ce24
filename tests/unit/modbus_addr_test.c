/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_addr_test.c - addresses as people write them, both bases, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "field/modbus/addr.h"

static int
point(const char *address, int64_t type, struct hf_mb_point *p)
{
	char text[64];
	struct hf_tag t = {.type = type, .interval_ns = 1, .name = text};

	snprintf(text, sizeof(text), "%s", address);
	t.address = text;
	return hf_mb_point(&t, 1, p, NULL);
}

static void
echoes(const char *address, int64_t type, const char *one, const char *zero)
{
	char buf[HF_MB_ADDR_TEXT];
	struct hf_mb_point p;

	assert_int_equal(point(address, type, &p), HF_OK);
	assert_string_equal(hf_mb_addr_1based(&p, 1, buf), one);
	assert_string_equal(hf_mb_addr_0based(&p, 1, buf), zero);
}

static void
both_bases_name_the_same_register_and_are_echoed(void **state)
{
	echoes("40001", HF_T_U16, "400001", "hr:0");
	echoes("400001", HF_T_U16, "400001", "hr:0");
	echoes("hr:0", HF_T_U16, "400001", "hr:0");
	echoes("465536", HF_T_U16, "465536", "hr:65535");
	echoes("30010", HF_T_I16, "300010", "ir:9");
	echoes("ir:9", HF_T_I16, "300010", "ir:9");
	echoes("00001", HF_T_BOOL, "000001", "co:0");
	echoes("10008", HF_T_BOOL, "100008", "di:7");
	echoes("hr:7.3", HF_T_BOOL, "400008.3", "hr:7.3");
	echoes("hr:10.20H", HF_T_STR, "400011.20H", "hr:10.20H");
	echoes("9!hr:1", HF_T_U16, "9!400002", "9!hr:1");
}

static void
neuron_addresses_are_understood(void **state)
{
	struct hf_mb_point p;

	assert_int_equal(point("3!400001#BB", HF_T_F32, &p), HF_OK);
	assert_int_equal(p.unit, 3);
	assert_int_equal(p.order, HF_ABCD);
	assert_int_equal(point("1!400001#LB", HF_T_F32, &p), HF_OK);
	assert_int_equal(p.order, HF_CDAB);
	assert_int_equal(point("1!400001#BL", HF_T_F32, &p), HF_OK);
	assert_int_equal(p.order, HF_BADC);
	assert_int_equal(point("1!400001#LL", HF_T_F32, &p), HF_OK);
	assert_int_equal(p.order, HF_DCBA);
	assert_int_equal(point("1!400001.15", HF_T_BOOL, &p), HF_OK);
	assert_int_equal(p.bit, 15);
	assert_int_equal(point("1!400001.10H", HF_T_STR, &p), HF_OK);
	assert_int_equal(p.nchar, 10);
	assert_int_equal(p.count, 5);
	assert_false(p.is_low_first);
	assert_int_equal(point("1!400001.9L", HF_T_STR, &p), HF_OK);
	assert_int_equal(p.count, 5);
	assert_true(p.is_low_first);
}

static void
type_decides_how_many_registers_are_read(void **state)
{
	static const int want[] = {[HF_T_BOOL] = 1,
	    [HF_T_I16] = 1,
	    [HF_T_U16] = 1,
	    [HF_T_I32] = 2,
	    [HF_T_U32] = 2,
	    [HF_T_I64] = 4,
	    [HF_T_U64] = 4,
	    [HF_T_F32] = 2,
	    [HF_T_F64] = 4,
	    [HF_T_BCD16] = 1,
	    [HF_T_BCD32] = 2};
	struct hf_mb_point p;
	int64_t t;

	for (t = HF_T_BOOL; t <= HF_T_BCD32; t++) {
		assert_int_equal(point("hr:5", t, &p), HF_OK);
		assert_int_equal(p.count, want[t]);
	}
}

static void
wrong_addresses_are_refused(void **state)
{
	static const char *const bad[] = {"", "hr:", "hr:65536", "hr:-1",
	    "hr:1x", "xx:1", "40000", "4", "4000001", "50001", "465537",
	    "hr:0.", "hr:0.H", "300!hr:0", "!hr:0", "hr:0#XY", "hr:0.16",
	    "hr:99999999999999999999", "hr:0 ", " hr:0"};
	struct hf_mb_point p;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (point(bad[i], HF_T_BOOL, &p) != HF_EINVAL)
			fail_msg("\"%s\" was accepted", bad[i]);
}

static void
address_and_type_must_fit_together(void **state)
{
	struct hf_mb_point p;

	assert_int_equal(point("co:1", HF_T_U16, &p), HF_EINVAL);
	assert_int_equal(point("co:1.2", HF_T_BOOL, &p), HF_EINVAL);
	assert_int_equal(point("hr:1.2", HF_T_U16, &p), HF_EINVAL);
	assert_int_equal(point("hr:1", HF_T_STR, &p), HF_EINVAL);
	assert_int_equal(point("hr:1.0", HF_T_STR, &p), HF_EINVAL);
	assert_int_equal(point("hr:1.251", HF_T_STR, &p), HF_EINVAL);
	assert_int_equal(point("hr:65533", HF_T_F64, &p), HF_EINVAL);
	assert_int_equal(point("hr:65532", HF_T_F64, &p), HF_OK);
}

static void
ranges_are_read_in_both_bases(void **state)
{
	struct hf_mb_range r;

	assert_int_equal(hf_mb_range_parse("hr:100-110", &r, NULL), HF_OK);
	assert_int_equal(r.fn, HF_MB_HOLDING);
	assert_int_equal(r.first, 100);
	assert_int_equal(r.last, 110);
	assert_int_equal(hf_mb_range_parse("400101-400111", &r, NULL), HF_OK);
	assert_int_equal(r.first, 100);
	assert_int_equal(r.last, 110);
	assert_int_equal(hf_mb_range_parse("di:7", &r, NULL), HF_OK);
	assert_int_equal(r.first, 7);
	assert_int_equal(r.last, 7);
	assert_int_equal(hf_mb_range_parse("hr:9-8", &r, NULL), HF_EINVAL);
	assert_int_equal(hf_mb_range_parse("hr:9-ir:10", &r, NULL), HF_EINVAL);
	assert_int_equal(hf_mb_range_parse("hr:9-70000", &r, NULL), HF_EINVAL);
	assert_int_equal(hf_mb_range_parse("hr:9-", &r, NULL), HF_EINVAL);
	assert_int_equal(hf_mb_range_parse("-", &r, NULL), HF_EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_bases_name_the_same_register_and_are_echoed),
	    cmocka_unit_test(neuron_addresses_are_understood),
	    cmocka_unit_test(type_decides_how_many_registers_are_read),
	    cmocka_unit_test(wrong_addresses_are_refused),
	    cmocka_unit_test(address_and_type_must_fit_together),
	    cmocka_unit_test(ranges_are_read_in_both_bases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
