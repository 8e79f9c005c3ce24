/* SPDX-License-Identifier: Apache-2.0
 *
 * core_budget_test.c - alarms spent against a position's budget are still spent
 * after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "detect_plant.h"
#include "proc/core.h"
#include "store/state.h"

static struct core core;
static struct tp plant;
static char folder[64];

static int
setup(void **state)
{
	struct hf_err err = {0};
	char path[96];

	memset(&core, 0, sizeof(core));
	tp_init(&plant, 1, 1);
	tp_asset(&plant, "a/b/c");
	tp_tag(&plant, "a/b/c/x", "");
	tp_detector(&plant, "d", "ewma", "a/b/c/x", 0, 100);
	plant.p->positions =
	    hf_arena_calloc(plant.p->arena, 1, sizeof(*plant.p->positions));
	plant.p->positions[0].name = tp_str(&plant, "operator");
	plant.p->positions[0].budget_hz = 1e-5;
	plant.p->nposition = 1;
	plant.p->detectors[0].position = tp_str(&plant, "operator");
	tp_rule(&plant, "r", "d");
	tp_detector(&plant, "free", "ewma", "a/b/c/x", 0, 100);
	tp_rule(&plant, "nobody", "free");
	tp_finish(&plant);
	core.ctx.plant = plant.p;
	snprintf(folder, sizeof(folder), "/tmp/hf-budget-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/state.db", folder);
	return hf_state_open(path, &core.writer_conf.state, &err);
}

static int
teardown(void **state)
{
	static const char *const names[] = {
	    "state.db", "state.db-wal", "state.db-shm"};
	char path[96];
	size_t i;

	hf_state_close(core.writer_conf.state);
	tp_fini(&plant);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void
put(uint8_t id, const char *rule, const char *kind, const char *advisory,
    const char *to)
{
	struct hf_state *st = core.writer_conf.state;
	struct hf_err err = {0};
	char json[300];
	bool is_new;
	struct hf_state_event e = {
	    .id = {id}, .rule = rule, .subject = "s", .json = json};

	snprintf(json, sizeof(json),
	    "{\"advisory\":%s,\"kind\":\"%s\",\"rule\":\"%s\",\"span\":{"
	    "\"from\":\"2026-05-01T00:00:00Z\",\"to\":\"%s\"}}",
	    advisory, kind, rule, to);
	assert_int_equal(hf_state_begin(st, &err), HF_OK);
	assert_int_equal(hf_state_put_event(st, &e, &is_new, &err), HF_OK);
	assert_int_equal(hf_state_commit(st, &err), HF_OK);
}

static void
alarms_spent_before_a_restart_are_counted_once_each(void **state)
{
	int64_t t_ns;

	put(1, "r", "on", "false", "2026-05-01T12:00:00Z");
	put(2, "r", "join", "false", "2026-05-01T12:01:00Z");
	put(3, "r", "off", "false", "2026-05-01T12:02:00Z");
	put(4, "r", "on", "true", "2026-05-01T12:03:00Z"); /* an advisory */
	put(5, "nobody", "on", "false", "2026-05-01T12:04:00Z");
	put(6, "gone", "on", "false", "2026-05-01T12:05:00Z");
	put(7, "r", "on", "false", "2026-05-02T12:00:00Z");
	core_load_spent(&core);
	assert_int_equal(core.nspent, 2);
	assert_string_equal(core.spent[0].rule, "r");
	assert_string_equal(core.spent[0].position, "operator");
	assert_true(hf_time_parse("2026-05-02T12:00:00Z", 20, &t_ns));
	assert_true(core.spent[1].to_ns == t_ns);
	core_spend(&core, "r", t_ns + TP_S); /* and it goes on */
	assert_int_equal(core.nspent, 3);
}

static void
empty_state_spends_nothing(void **state)
{
	core_load_spent(&core);
	assert_int_equal(core.nspent, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		empty_state_spends_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		alarms_spent_before_a_restart_are_counted_once_each, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
