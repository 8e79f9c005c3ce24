/* SPDX-License-Identifier: Apache-2.0
 *
 * store_replay_test.c - what state.db keeps for replays and exports: plants,
 * births, cursors, events in the order of storing; and that a state.db of
 * version 1 goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "store/state.h"
#include "store_kit.h"

#define DAY_NS INT64_C(86400000000000)

struct env {
	struct kit_dir d;
	char path[200];
	struct hf_state *s;
	struct hf_buf out;
};

static void
open_it(struct env *e)
{
	struct hf_err err = {.rc = 0};

	MUST_OK(hf_state_open(e->path, &e->s, &err), err);
}

static void
begin(struct env *e)
{
	memset(e, 0, sizeof(*e));
	kit_dir_make(&e->d);
	snprintf(e->path, sizeof(e->path), "%s/state.db", e->d.path);
	open_it(e);
	hf_buf_init(&e->out, 1 << 20);
}

static void
end(struct env *e)
{
	hf_state_close(e->s);
	hf_buf_fini(&e->out);
	kit_dir_remove(&e->d);
}

static void
put_event(struct env *e, uint8_t id, const uint8_t *plant)
{
	struct hf_state_event ev = {.rule = "r",
	    .subject = "s",
	    .raised_ns = id,
	    .json = "{\"x\":1}",
	    .plant = plant};
	struct hf_err err = {.rc = 0};
	bool is_new;

	memset(ev.id, id, sizeof(ev.id));
	MUST_OK(hf_state_put_event(e->s, &ev, &is_new, &err), err);
}

static void
plant_comes_back_as_it_was_stored(void **st)
{
	uint8_t hash[HF_SHA256_LEN] = {1}, other[HF_SHA256_LEN] = {2};
	char text[100000];
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	memset(text, 'x', sizeof(text));
	MUST_OK(
	    hf_state_put_plant(e.s, hash, text, sizeof(text), 5, &err), err);
	MUST_OK(
	    hf_state_put_plant(e.s, hash, text, sizeof(text), 6, &err), err);
	MUST_OK(hf_state_get_plant(e.s, hash, &e.out, &err), err);
	assert_int_equal(e.out.len, sizeof(text));
	assert_memory_equal(e.out.p, text, sizeof(text));
	assert_int_equal(
	    hf_state_get_plant(e.s, other, &e.out, &err), HF_ENOTFOUND);
	end(&e);
}

static void
plants_that_no_event_names_go_after_a_day(void **st)
{
	uint8_t used[HF_SHA256_LEN] = {1}, unused[HF_SHA256_LEN] = {2};
	uint8_t now[HF_SHA256_LEN] = {3};
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_put_plant(e.s, used, "u", 1, 10, &err), err);
	MUST_OK(hf_state_put_plant(e.s, unused, "n", 1, 10, &err), err);
	put_event(&e, 7, used);
	MUST_OK(hf_state_put_plant(e.s, now, "x", 1, DAY_NS, &err), err);
	MUST_OK(hf_state_get_plant(e.s, unused, &e.out, &err), err);
	MUST_OK(hf_state_put_plant(e.s, now, "x", 1, DAY_NS + 11, &err), err);
	MUST_OK(hf_state_get_plant(e.s, used, &e.out, &err), err);
	assert_int_equal(
	    hf_state_get_plant(e.s, unused, &e.out, &err), HF_ENOTFOUND);
	end(&e);
}

static void
the_birth_before_the_event_counts(void **st)
{
	uint8_t model[HF_SHA256_LEN] = {9}, other[HF_SHA256_LEN] = {8};
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_put_birth(e.s, "d", model, 100, "one", 3, &err), err);
	MUST_OK(hf_state_put_birth(e.s, "d", model, 200, "two", 3, &err), err);
	MUST_OK(hf_state_get_birth(e.s, "d", model, 199, &e.out, &err), err);
	MUST_OK(hf_state_get_birth(e.s, "d", model, 200, &e.out, &err), err);
	assert_string_equal(hf_buf_cstr(&e.out), "onetwo");
	assert_int_equal(hf_state_get_birth(e.s, "d", model, 99, &e.out, &err),
	    HF_ENOTFOUND);
	assert_int_equal(hf_state_get_birth(e.s, "d", other, 300, &e.out, &err),
	    HF_ENOTFOUND);
	end(&e);
}

static void
event_tells_the_plant_it_was_raised_under(void **st)
{
	uint8_t hash[HF_SHA256_LEN] = {4}, got[HF_SHA256_LEN],
		id[HF_SHA256_LEN];
	struct hf_err err = {.rc = 0};
	int64_t raised_ns;
	bool has_plant;
	struct env e;

	begin(&e);
	put_event(&e, 1, hash);
	put_event(&e, 2, NULL);
	memset(id, 1, sizeof(id));
	MUST_OK(hf_state_get_event(
		    e.s, id, &e.out, &raised_ns, got, &has_plant, &err),
	    err);
	assert_true(has_plant && raised_ns == 1);
	assert_memory_equal(got, hash, sizeof(hash));
	memset(id, 2, sizeof(id));
	MUST_OK(hf_state_get_event(
		    e.s, id, &e.out, &raised_ns, got, &has_plant, &err),
	    err);
	assert_false(has_plant);
	memset(id, 3, sizeof(id));
	assert_int_equal(hf_state_get_event(e.s, id, &e.out, &raised_ns, got,
			     &has_plant, &err),
	    HF_ENOTFOUND);
	end(&e);
}

struct list {
	int64_t v[16];
	size_t n, max;
};

static bool
note(void *arg, int64_t number, int64_t raised_ns, const char *json, size_t n)
{
	struct list *l = arg;

	if (l->n == l->max)
		return false;
	assert_int_equal(n, strlen(json));
	l->v[l->n++] = raised_ns;
	return true;
}

static void
events_behind_a_cursor_come_in_the_order_of_storing(void **st)
{
	static const uint8_t order[] = {5, 3, 9, 1, 7};
	struct list l = {.max = 16};
	struct hf_err err = {.rc = 0};
	int64_t newest;
	struct env e;
	size_t i;

	begin(&e);
	for (i = 0; i < sizeof(order); i++)
		put_event(&e, order[i], NULL);
	MUST_OK(
	    hf_state_events_after(e.s, 0, 100, note, &l, &newest, &err), err);
	assert_int_equal(l.n, 5);
	assert_int_equal(newest, 5);
	for (i = 0; i < 5; i++)
		assert_int_equal(l.v[i], order[i]);
	l = (struct list){.max = 1};
	MUST_OK(hf_state_events_after(e.s, 2, 2, note, &l, &newest, &err), err);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.v[0], 9);
	l = (struct list){.max = 16};
	MUST_OK(hf_state_events_after(e.s, 5, 9, note, &l, &newest, &err), err);
	assert_int_equal(l.n, 0);
	end(&e);
}

static void
cursor_survives_a_restart(void **st)
{
	struct hf_state_cursor c = {.event = 12, .audit = 34},
			       got = {.event = 1};
	struct hf_err err = {.rc = 0};
	struct env e;

	begin(&e);
	MUST_OK(hf_state_get_cursor(e.s, "siem", &got, &err), err);
	assert_int_equal(got.event, 1);
	MUST_OK(hf_state_put_cursor(e.s, "siem", &c, &err), err);
	c.audit = 35;
	MUST_OK(hf_state_put_cursor(e.s, "siem", &c, &err), err);
	hf_state_close(e.s);
	open_it(&e);
	MUST_OK(hf_state_get_cursor(e.s, "siem", &got, &err), err);
	assert_int_equal(got.event, 12);
	assert_int_equal(got.audit, 35);
	end(&e);
}

static void
state_of_version_1_goes_on(void **st)
{
	struct hf_err err = {.rc = 0};
	uint8_t hash[HF_SHA256_LEN] = {6};
	struct list l = {.max = 16};
	int64_t newest;
	struct env e;
	sqlite3 *db;

	begin(&e);
	hf_state_close(e.s);
	unlink(e.path);
	assert_int_equal(sqlite3_open(e.path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"CREATE TABLE event(id BLOB PRIMARY KEY, rule TEXT NOT NULL,"
		" subject TEXT NOT NULL, from_ns INTEGER, to_ns INTEGER,"
		" raised_ns INTEGER, json TEXT NOT NULL,"
		" is_audited INTEGER NOT NULL DEFAULT 0);"
		"INSERT INTO event VALUES(x'01','r','s',1,2,3,'{}',0);"
		"PRAGMA user_version=1;",
		NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	open_it(&e);
	put_event(&e, 9, hash);
	hf_state_close(e.s);
	open_it(&e);
	MUST_OK(
	    hf_state_events_after(e.s, 0, 100, note, &l, &newest, &err), err);
	assert_int_equal(l.n, 2);
	end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plant_comes_back_as_it_was_stored),
	    cmocka_unit_test(plants_that_no_event_names_go_after_a_day),
	    cmocka_unit_test(the_birth_before_the_event_counts),
	    cmocka_unit_test(event_tells_the_plant_it_was_raised_under),
	    cmocka_unit_test(
		events_behind_a_cursor_come_in_the_order_of_storing),
	    cmocka_unit_test(cursor_survives_a_restart),
	    cmocka_unit_test(state_of_version_1_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
