/* SPDX-License-Identifier: Apache-2.0
 *
 * store_state_test.c - state.db: events once, alarms by key, journal, spans.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "store/state.h"
#include "store_kit.h"

struct env {
	struct kit_dir d;
	char path[200];
	struct hf_state *s;
	struct hf_buf out;
};

static void
begin(struct env *e)
{
	struct hf_err err = {.rc = 0};

	memset(e, 0, sizeof(*e));
	kit_dir_make(&e->d);
	snprintf(e->path, sizeof(e->path), "%s/state.db", e->d.path);
	MUST_OK(hf_state_open(e->path, &e->s, &err), err);
	hf_buf_init(&e->out, 1 << 16);
}

static void
end(struct env *e)
{
	hf_state_close(e->s);
	hf_buf_fini(&e->out);
	kit_dir_remove(&e->d);
}

static bool
put_event(struct env *e, uint8_t id, int64_t raised_ns, const char *rule)
{
	char json[32];
	struct hf_state_event ev = {.rule = rule,
	    .subject = "a/b",
	    .from_ns = raised_ns - 10,
	    .to_ns = raised_ns,
	    .raised_ns = raised_ns,
	    .json = json};
	struct hf_err err = {.rc = 0};
	bool is_new = false;

	memset(ev.id, id, sizeof(ev.id));
	snprintf(json, sizeof(json), "{\"id\":%u}", id);
	MUST_OK(hf_state_put_event(e->s, &ev, &is_new, &err), err);
	return is_new;
}

static void
count_event(void *arg, const struct hf_state_event *ev)
{
	*(int *)arg += ev->id[0];
}

static void
event_is_stored_once_also_after_a_restart(void **st)
{
	struct hf_err err = {.rc = 0};
	struct env e;
	int sum = 0;

	begin(&e);
	MUST_OK(hf_state_begin(e.s, &err), err);
	assert_true(put_event(&e, 1, 100, "r1"));
	assert_false(put_event(&e, 1, 200, "r1"));
	MUST_OK(hf_state_commit(e.s, &err), err);
	hf_state_close(e.s);
	MUST_OK(hf_state_open(e.path, &e.s, &err), err);
	assert_false(put_event(&e, 1, 300, "r1"));
	assert_true(put_event(&e, 2, 300, "r2"));
	MUST_OK(hf_state_each_unaudited(e.s, count_event, &sum, &err), err);
	assert_int_equal(sum, 3);
	MUST_OK(hf_state_set_audited(e.s,
		    (uint8_t[32]){2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
			2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
		    &err),
	    err);
	sum = 0;
	MUST_OK(hf_state_each_unaudited(e.s, count_event, &sum, &err), err);
	assert_int_equal(sum, 1);
	end(&e);
}

static void
rolled_back_writes_are_gone(void **st)
{
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_begin(e.s, &err), err);
	assert_true(put_event(&e, 1, 100, "r1"));
	hf_state_rollback(e.s);
	assert_true(put_event(&e, 1, 100, "r1"));
	end(&e);
}

static void
events_come_newest_first_and_filtered(void **st)
{
	struct hf_state *r;
	struct hf_err err = {.rc = 0};
	uint8_t id[HF_SHA256_LEN];
	struct env e;

	begin(&e);
	put_event(&e, 1, 100, "r1");
	put_event(&e, 2, 300, "r2");
	put_event(&e, 3, 200, "r1");
	MUST_OK(hf_state_open_reader(e.path, &r, &err), err);
	MUST_OK(hf_state_events_json(
		    r, NULL, "", INT64_MIN, HF_TIME_NONE, 0, &e.out, &err),
	    err);
	assert_string_equal(
	    hf_buf_cstr(&e.out), "[{\"id\":2},{\"id\":3},{\"id\":1}]");
	hf_buf_reset(&e.out);
	MUST_OK(hf_state_events_json(
		    r, NULL, "r1", INT64_MIN, 200, 0, &e.out, &err),
	    err);
	assert_string_equal(hf_buf_cstr(&e.out), "[{\"id\":1}]");
	hf_buf_reset(&e.out);
	memset(id, 3, sizeof(id));
	MUST_OK(hf_state_events_json(r, id, NULL, 0, 0, 0, &e.out, &err), err);
	assert_string_equal(hf_buf_cstr(&e.out), "[{\"id\":3}]");
	hf_state_close(r);
	end(&e);
}

static void
count_alarm(void *arg, const char *key, const void *p, size_t n)
{
	struct hf_buf *out = arg;

	hf_buf_printf(out, "%s=%.*s;", key, (int)n, (const char *)p);
}

static void
alarm_row_replaces_the_one_before(void **st)
{
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_put_alarm(e.s, "r|a", "one", 3, &err), err);
	MUST_OK(hf_state_put_alarm(e.s, "r|b", "two", 3, &err), err);
	MUST_OK(hf_state_put_alarm(e.s, "r|a", "three", 5, &err), err);
	MUST_OK(hf_state_each_alarm(e.s, count_alarm, &e.out, &err), err);
	assert_string_equal(hf_buf_cstr(&e.out), "r|a=three;r|b=two;");
	end(&e);
}

static void
journal_keeps_every_line(void **st)
{
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_put_journal(e.s, 5, "r|a", "{\"n\":1}", &err), err);
	MUST_OK(hf_state_put_journal(e.s, 5, "r|a", "{\"n\":2}", &err), err);
	MUST_OK(hf_state_put_journal(e.s, 9, "r|a", "{\"n\":3}", &err), err);
	MUST_OK(
	    hf_state_journal_json(e.s, 0, HF_TIME_NONE, 2, &e.out, &err), err);
	assert_string_equal(hf_buf_cstr(&e.out), "[{\"n\":3},{\"n\":2}]");
	end(&e);
}

static void
span_of_unexpired_evidence_is_needed(void **st)
{
	struct env e;

	begin(&e);
	put_event(&e, 1, 1000, "r"); /* names [990, 1000] */
	assert_true(hf_state_span_needed(e.s, 995, 2000, 500));
	assert_true(hf_state_span_needed(e.s, 0, 991, 500));
	assert_false(hf_state_span_needed(e.s, 0, 990, 500));
	assert_false(hf_state_span_needed(e.s, 1001, 2000, 500));
	assert_false(hf_state_span_needed(e.s, 0, 2000, 1000)); /* expired */
	end(&e);
}

static void
too_small_answer_buffer_is_an_error(void **st)
{
	struct hf_buf tiny;
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_put_journal(e.s, 5, "r|a", "{\"n\":1}", &err), err);
	hf_buf_init(&tiny, 4);
	assert_int_equal(
	    hf_state_journal_json(e.s, 0, HF_TIME_NONE, 0, &tiny, &err),
	    HF_ELIMIT);
	hf_buf_fini(&tiny);
	end(&e);
}

static void
full_disk_is_an_error_and_goes_away(void **st)
{
	struct hf_err err = {.rc = 0};
	struct env e;
	int rc;

	begin(&e);
	kit_sqlite_full(true);
	MUST_OK(hf_state_begin(e.s, &err), err);
	rc = hf_state_put_journal(e.s, 1, "r|a", "{}", &err);
	if (rc == HF_OK)
		rc = hf_state_commit(e.s, &err);
	assert_int_equal(rc, HF_ENOSPC);
	kit_sqlite_full(false);
	hf_state_rollback(e.s);
	MUST_OK(hf_state_begin(e.s, &err), err);
	MUST_OK(hf_state_put_journal(e.s, 1, "r|a", "{}", &err), err);
	MUST_OK(hf_state_commit(e.s, &err), err);
	MUST_OK(
	    hf_state_journal_json(e.s, 0, HF_TIME_NONE, 0, &e.out, &err), err);
	assert_string_equal(hf_buf_cstr(&e.out), "[{}]");
	end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(event_is_stored_once_also_after_a_restart),
	    cmocka_unit_test(rolled_back_writes_are_gone),
	    cmocka_unit_test(events_come_newest_first_and_filtered),
	    cmocka_unit_test(alarm_row_replaces_the_one_before),
	    cmocka_unit_test(journal_keeps_every_line),
	    cmocka_unit_test(span_of_unexpired_evidence_is_needed),
	    cmocka_unit_test(too_small_answer_buffer_is_an_error),
	    cmocka_unit_test(full_disk_is_an_error_and_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
