/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_syslog_test.c - RFC 5424 messages: golden ones, escaping, limits, and
 * that no text from outside can make a second message of one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "bus/syslog.h"

#define BOM "\xef\xbb\xbf"
/* SHA-256 of 0x00 and the record below, by another program */
#define LEAF "7ef3a077f65d18b71bd54f6698ec4ad8498e41fc3a950ba560a8278b70ea14bb"
#define WALL INT64_C(1777636800123456789) /* 2026-05-01T12:00:00.123456789Z */

static struct hf_syslog_head
head(void)
{
	struct hf_syslog_conf conf = {.facility = 16, .app_name = NULL};
	struct hf_syslog_head h;

	hf_syslog_head(&h, &conf, "acme", "berlin");
	return h;
}

static const char *
event(struct hf_buf *b, const char *json)
{
	struct hf_syslog_head h = head();
	struct hf_err err = {0};

	hf_buf_init(b, 1 << 20);
	if (hf_syslog_event(&h, json, strlen(json), WALL, b, &err) != HF_OK)
		fail_msg("%s", err.msg);
	assert_true(hf_syslog_is_message((const char *)b->p, b->len));
	return hf_buf_cstr(b);
}

static void
event_message_is_the_golden_one(void **st)
{
	struct hf_buf b;

	assert_string_equal(
	    event(&b, "{\"advisory\":false,\"config_hash\":\"c0\","
		      "\"detector\":\"d\",\"id\":\"ab12\",\"kind\":"
		      "\"on\",\"level\":\"trip\",\"priority\":2,"
		      "\"rule\":\"hot\",\"score\":1.25,\"subject\":"
		      "\"a/b/t\",\"text\":\"t is hot\"}"),
	    "<131>1 2026-05-01T12:00:00.123456Z berlin.acme holdfast - event "
	    "[holdfast@32473 id=\"ab12\" kind=\"on\" rule=\"hot\" "
	    "detector=\"d\" subject=\"a/b/t\" level=\"trip\" score=\"1.25\" "
	    "advisory=\"false\" priority=\"2\" config_hash=\"c0\"] t is hot");
	hf_buf_fini(&b);
}

static void
record_message_carries_the_leaf_of_the_tree(void **st)
{
	static const char json[] =
	    "{\"action\":\"alarm.ack\",\"actor\":\"uid:7\",\"boot\":\"x\","
	    "\"decision\":\"done\",\"detail\":\"seen\",\"seq\":41,"
	    "\"wall\":\"2026-05-01T12:00:00.123456789Z\"}";
	struct hf_syslog_head h = head();
	struct hf_err err = {0};
	struct hf_buf b;

	hf_buf_init(&b, 1 << 16);
	assert_int_equal(
	    hf_syslog_record(&h, json, strlen(json), &b, &err), HF_OK);
	assert_string_equal(hf_buf_cstr(&b),
	    "<134>1 2026-05-01T12:00:00.123456Z berlin.acme holdfast - audit "
	    "[holdfast@32473 seq=\"41\" action=\"alarm.ack\" actor=\"uid:7\" "
	    "decision=\"done\" hash=\"" LEAF "\"] seen");
	hf_buf_fini(&b);
}

static void
severity_follows_level_kind_and_decision(void **st)
{
	static const struct {
		const char *json;
		const char *pri;
	} rows[] = {
	    {"{\"id\":\"1\",\"kind\":\"on\",\"level\":\"trip\"}", "<131>"},
	    {"{\"id\":\"1\",\"kind\":\"on\",\"level\":\"warn\"}", "<132>"},
	    {"{\"id\":\"1\",\"kind\":\"off\",\"level\":\"trip\"}", "<133>"},
	    {"{\"id\":\"1\",\"kind\":\"on\",\"level\":\"trip\","
	     "\"advisory\":true}",
		"<133>"},
	};
	struct hf_buf b;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_memory_equal(event(&b, rows[i].json), rows[i].pri, 5);
		hf_buf_fini(&b);
	}
}

static void
values_are_escaped_and_cannot_leave_their_quotes(void **st)
{
	struct hf_buf b;
	const char *s = event(&b,
	    "{\"id\":\"1\",\"subject\":\"a\\\"] <13>1 - - - - - - x\\\\\"}");

	assert_non_null(
	    strstr(s, "subject=\"a\\\"\\] <13>1 - - - - - - x\\\\\"] "));
	hf_buf_fini(&b);
}

static void
control_characters_become_question_marks(void **st)
{
	struct hf_buf b;
	const char *s = event(&b,
	    "{\"id\":\"1\\n<13>\",\"text\":\"one\\r\\n<13>1 two\\u0001"
	    "\\u007f\\u0085three\\ttab\"}");

	assert_null(strpbrk(s, "\r\n\t\x7f"));
	assert_non_null(strstr(s, "id=\"1?<13>\""));
	assert_true(hf_utf8_line_ok(s, strlen(s)));
	hf_buf_fini(&b);
}

static void
byte_order_mark_stands_before_more_than_ascii_only(void **st)
{
	struct hf_buf b;
	const char *s = event(&b, "{\"id\":\"1\",\"text\":\"plain\"}");

	assert_null(strstr(s, BOM));
	hf_buf_fini(&b);
	s = event(&b, "{\"id\":\"1\",\"text\":\"\xc3\xbc"
		      "ber " BOM "x\",\"subject\":\"\xc3\xa4\"}");
	assert_non_null(strstr(s, "] " BOM "\xc3\xbc"
				  "ber ?x"));
	assert_non_null(strstr(s, "subject=\"\xc3\xa4\""));
	hf_buf_fini(&b);
}

static void
long_texts_are_cut_at_a_character(void **st)
{
	char json[9000], *p = json;
	struct hf_buf b;
	const char *s;
	int i;

	p += snprintf(p, sizeof(json), "{\"id\":\"1\",\"text\":\"");
	for (i = 0; i < 2500; i++) {
		memcpy(p, "\xe2\x82\xac", 3);
		p += 3;
	}
	memcpy(p, "\"}", 3);
	s = event(&b, json);
	assert_true(b.len < HF_SYSLOG_MSG && hf_utf8_ok(s, b.len));
	hf_buf_fini(&b);
}

static void
what_is_no_evidence_leaves_nothing_behind(void **st)
{
	static const char *const bad[] = {
	    "", "{", "[]", "{}", "{\"id\":1}", "nonsense", "{\"seq\":\"1\"}"};
	struct hf_syslog_head h = head();
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 1000);
	hf_buf_puts(&b, "x");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(
		    hf_syslog_event(&h, bad[i], strlen(bad[i]), 0, &b, NULL),
		    HF_OK);
		assert_int_not_equal(
		    hf_syslog_record(&h, bad[i], strlen(bad[i]), &b, NULL),
		    HF_OK);
		assert_int_equal(b.len, 1);
	}
	hf_buf_fini(&b);
}

static void
header_names_are_printable_ascii_without_blanks(void **st)
{
	struct hf_syslog_conf conf = {
	    .hostname = (char *)(uintptr_t) "my host\n\xc3\xbc",
	    .app_name = (char *)(uintptr_t) ""};
	struct hf_syslog_head h;

	hf_syslog_head(&h, &conf, "e", "s");
	assert_string_equal(h.hostname, "my-host---");
	assert_string_equal(h.app_name, "-");
}

static void
only_one_whole_message_passes_the_edge(void **st)
{
	static const char *const bad[] = {"", "<13>1", "13>1 - - - - - - x",
	    "<192>1 - - - - - - - x", "<1301>1 - - - - - - x",
	    "<13>2 - - - - - - - x", "<13>1 - - - - - - a\nb",
	    "<013>1 - - - - - - - x", "<>1 - - - - - - - - x",
	    "<13>1 - - - - - - \xff\xfe"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hf_syslog_is_message(bad[i], strlen(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_true(hf_syslog_is_message("<0>1 - - - - - - x", 18));
	assert_true(hf_syslog_is_message("<191>1 - - - - - - x", 20));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(event_message_is_the_golden_one),
	    cmocka_unit_test(record_message_carries_the_leaf_of_the_tree),
	    cmocka_unit_test(severity_follows_level_kind_and_decision),
	    cmocka_unit_test(values_are_escaped_and_cannot_leave_their_quotes),
	    cmocka_unit_test(control_characters_become_question_marks),
	    cmocka_unit_test(
		byte_order_mark_stands_before_more_than_ascii_only),
	    cmocka_unit_test(long_texts_are_cut_at_a_character),
	    cmocka_unit_test(what_is_no_evidence_leaves_nothing_behind),
	    cmocka_unit_test(header_names_are_printable_ascii_without_blanks),
	    cmocka_unit_test(only_one_whole_message_passes_the_edge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
