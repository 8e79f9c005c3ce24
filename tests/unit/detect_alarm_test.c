/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_alarm_test.c - every transition of the table in alarm.c, refused acts,
 * the shelving timer, rows, journal and lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/time.h"
#include "detect/alarm.h"
#include "detect/method.h"
#include "model/query.h"

#define KEY "hot|press/line1/press"
#define HOUR (3600 * HF_NS_PER_S)

struct seen {
	int n;
	enum hf_alarm_state from, to;
	char by[80], reason[200], journal[2000], key[400];
	uint8_t row[16384];
	size_t nrow;
};

static struct seen seen;
static uint64_t next_event;

static char rule_name[] = "hot", cause[] = "a cause",
	    consequence[] = "a consequence", action[] = "an action";
static struct hf_rule rule = {.name = rule_name,
    .cause = cause,
    .consequence = consequence,
    .action = action,
    .respond_ns = 600 * HF_NS_PER_S,
    .priority = 2};

static void
on_change(void *arg, const struct hf_alarm_change *c)
{
	seen.n++;
	seen.from = c->from;
	seen.to = c->to;
	snprintf(seen.key, sizeof(seen.key), "%s", c->key);
	snprintf(seen.by, sizeof(seen.by), "%s", c->by);
	snprintf(seen.reason, sizeof(seen.reason), "%s", c->reason);
	snprintf(seen.journal, sizeof(seen.journal), "%s", c->journal_json);
	assert_true(c->nrow <= sizeof(seen.row));
	memcpy(seen.row, c->row, c->nrow);
	seen.nrow = c->nrow;
}

static struct hf_alarms *
begin(size_t max)
{
	memset(&seen, 0, sizeof(seen));
	return hf_alarms_new(max, on_change, NULL);
}

static struct hf_event
make(enum hf_event_kind kind, uint8_t level)
{
	struct hf_event e = {.kind = kind,
	    .rule = &rule,
	    .is_alarm = true,
	    .subject = "press/line1/press",
	    .level = level,
	    .since_ns = 5,
	    .from_ns = 5,
	    .to_ns = 6,
	    .json = "{\"text\":\"it is hot\"}"};

	next_event++;
	memcpy(e.id, &next_event, sizeof(next_event));
	return e;
}

static void
event(struct hf_alarms *a, enum hf_event_kind kind, uint8_t level)
{
	struct hf_event e = make(kind, level);

	hf_alarms_event(a, &e, 1000, true);
}

static int
act(struct hf_alarms *a, int what)
{
	return hf_alarms_act(
	    a, KEY, what, HOUR, "uid:1000", "because", 2000, NULL);
}

/* Brings a new alarm into the state; on: its condition. */
static struct hf_alarms *
in_state(enum hf_alarm_state st, bool on)
{
	struct hf_alarms *a = begin(10);

	event(a, HF_EV_ON, HF_LEVEL_WARN);
	if (st == HF_AL_ACKED || st == HF_AL_NORMAL)
		act(a, HF_ACT_ACK);
	if (st == HF_AL_RETURNED || st == HF_AL_NORMAL || !on)
		event(a, HF_EV_OFF, HF_LEVEL_WARN);
	if (st == HF_AL_SHELVED)
		act(a, HF_ACT_SHELVE);
	if (st == HF_AL_OUT_OF_SERVICE)
		act(a, HF_ACT_OUT_OF_SERVICE);
	assert_int_equal(hf_alarms_count(a, st, false), 1);
	return a;
}

enum what { ON, JOIN, OFF, ACK, SHELVE, UNSHELVE, OUT, IN, TIMER, NWHAT };

static int
happen(struct hf_alarms *a, enum what w)
{
	static const int acts[] = {[ACK] = HF_ACT_ACK,
	    [SHELVE] = HF_ACT_SHELVE,
	    [UNSHELVE] = HF_ACT_UNSHELVE,
	    [OUT] = HF_ACT_OUT_OF_SERVICE,
	    [IN] = HF_ACT_IN_SERVICE};

	if (w == TIMER) {
		hf_alarms_tick(a, 2000 + HOUR);
		return HF_OK;
	}
	if (w >= ACK)
		return act(a, acts[w]);
	event(a,
	    w == ON	? HF_EV_ON
	    : w == JOIN ? HF_EV_JOIN
			: HF_EV_OFF,
	    HF_LEVEL_WARN);
	return HF_OK;
}

#define NO (-1)
#define N HF_AL_NORMAL
#define U HF_AL_UNACK
#define A HF_AL_ACKED
#define R HF_AL_RETURNED
#define S HF_AL_SHELVED
#define X HF_AL_OUT_OF_SERVICE

static void
every_transition_of_the_diagram(void **state)
{
	static const struct {
		int from;
		bool on;
		int to
		    [NWHAT]; /* ON JOIN OFF ACK SHELVE UNSHELVE OUT IN TIMER */
	} rows[] = {
	    {N, false, {U, U, N, NO, S, NO, X, NO, N}},
	    {U, true, {U, U, R, A, S, NO, X, NO, U}},
	    {A, true, {A, A, N, NO, S, NO, X, NO, A}},
	    {R, false, {U, U, R, N, S, NO, X, NO, R}},
	    {S, true, {S, S, S, NO, NO, U, X, NO, U}},
	    {S, false, {S, S, S, NO, NO, N, X, NO, N}},
	    {X, true, {X, X, X, NO, NO, NO, NO, U, X}},
	    {X, false, {X, X, X, NO, NO, NO, NO, N, X}},
	};
	size_t i, w;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (w = 0; w < NWHAT; w++) {
			struct hf_alarms *a = in_state(
			    (enum hf_alarm_state)rows[i].from, rows[i].on);
			int want = rows[i].to[w];
			int rc = happen(a, (enum what)w);

			if ((rc == HF_OK) != (want != NO))
				fail_msg("row %zu, act %zu: rc %d", i, w, rc);
			if (want == NO) {
				assert_int_equal(rc, HF_EINVAL);
				want = rows[i].from;
			}
			if (hf_alarms_count(
				a, (enum hf_alarm_state)want, false) != 1)
				fail_msg("row %zu, act %zu: other state", i, w);
			hf_alarms_free(a);
		}
	}
}

static void
level_that_rises_to_trip_makes_an_acknowledged_alarm_new(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_ACKED, true);

	event(a, HF_EV_JOIN, HF_LEVEL_TRIP);
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, false), 1);
	act(a, HF_ACT_ACK);
	event(a, HF_EV_JOIN, HF_LEVEL_TRIP);
	assert_int_equal(hf_alarms_count(a, HF_AL_ACKED, false), 1);
	hf_alarms_free(a);
}

static void
alarm_raised_again_before_it_is_acknowledged_stays_one_alarm(void **state)
{
	struct hf_alarms *a = begin(10);
	struct hf_buf b;
	int i;

	for (i = 0; i < 5; i++) {
		event(a, HF_EV_ON, HF_LEVEL_WARN);
		event(a, HF_EV_OFF, HF_LEVEL_WARN);
	}
	assert_int_equal(hf_alarms_count(a, HF_AL_RETURNED, false), 1);
	hf_buf_init(&b, 65536);
	hf_alarms_json(a, "", &b);
	assert_non_null(strstr(hf_buf_cstr(&b), "\"events\":5"));
	assert_null(strstr(strstr(hf_buf_cstr(&b), "\"id\"") + 1, "\"id\""));
	hf_buf_fini(&b);
	hf_alarms_free(a);
}

static void
event_with_the_last_id_is_not_taken_twice(void **state)
{
	struct hf_event e = make(HF_EV_ON, HF_LEVEL_WARN);
	struct hf_alarms *a = begin(10);

	hf_alarms_event(a, &e, 1, true);
	hf_alarms_event(a, &e, 2, true);
	assert_int_equal(seen.n, 1);
	hf_alarms_free(a);
}

static void
shelving_needs_a_reason_and_a_time_in_range(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_UNACK, true);
	struct hf_err err = {0};

	assert_int_equal(
	    hf_alarms_act(a, KEY, HF_ACT_SHELVE, HOUR, "uid:1", "", 0, &err),
	    HF_EINVAL);
	assert_non_null(strstr(err.msg, "reason"));
	assert_int_equal(hf_alarms_act(a, KEY, HF_ACT_SHELVE,
			     60 * HF_NS_PER_S - 1, "uid:1", "x", 0, &err),
	    HF_EINVAL);
	assert_int_equal(hf_alarms_act(a, KEY, HF_ACT_SHELVE, 7 * 24 * HOUR + 1,
			     "uid:1", "x", 0, &err),
	    HF_EINVAL);
	assert_non_null(strstr(err.msg, "1min to 7d"));
	assert_int_equal(hf_alarms_act(a, KEY, HF_ACT_OUT_OF_SERVICE, 0,
			     "uid:1", "", 0, &err),
	    HF_EINVAL);
	assert_int_equal(hf_alarms_act(a, KEY, HF_ACT_SHELVE, 7 * 24 * HOUR,
			     "uid:1", "x", 0, &err),
	    HF_OK);
	hf_alarms_free(a);
}

static void
act_on_an_unknown_alarm_is_not_found(void **state)
{
	struct hf_alarms *a = begin(10);
	struct hf_err err = {0};

	assert_int_equal(
	    hf_alarms_act(a, "no|such", HF_ACT_ACK, 0, "uid:1", "", 0, &err),
	    HF_ENOTFOUND);
	event(a, HF_EV_ON, HF_LEVEL_WARN);
	assert_int_equal(
	    hf_alarms_act(a, KEY, 99, 0, "uid:1", "", 0, &err), HF_EINVAL);
	hf_alarms_free(a);
}

static void
shelve_timer_ends_at_its_time_and_names_the_next(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_SHELVED, true);

	assert_true(hf_alarms_tick(a, 2000 + HOUR - 1) == 2000 + HOUR);
	assert_int_equal(hf_alarms_count(a, HF_AL_SHELVED, false), 1);
	assert_true(hf_alarms_tick(a, 2000 + HOUR) == HF_TIME_NONE);
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, false), 1);
	assert_string_equal(seen.by, "timer");
	hf_alarms_free(a);
}

static void
condition_that_comes_while_shelved_shows_when_it_ends(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_SHELVED, false);

	event(a, HF_EV_ON, HF_LEVEL_WARN);
	assert_int_equal(hf_alarms_count(a, HF_AL_SHELVED, false), 1);
	assert_int_equal(act(a, HF_ACT_UNSHELVE), HF_OK);
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, false), 1);
	hf_alarms_free(a);
}

static void
advisories_are_listed_apart_and_need_no_acknowledgement(void **state)
{
	struct hf_event e = make(HF_EV_ON, HF_LEVEL_WARN);
	struct hf_alarms *a = begin(10);
	struct hf_buf b;

	e.is_alarm = false;
	hf_alarms_event(a, &e, 1, true);
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, false), 0);
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, true), 1);
	hf_buf_init(&b, 65536);
	hf_alarms_json(a, "", &b);
	assert_string_equal(hf_buf_cstr(&b), "[]");
	hf_buf_reset(&b);
	hf_alarms_json(a, "advisory", &b);
	assert_non_null(strstr(hf_buf_cstr(&b), KEY));
	e = make(HF_EV_OFF, HF_LEVEL_WARN);
	e.is_alarm = false;
	hf_alarms_event(a, &e, 2, true);
	assert_int_equal(hf_alarms_count(a, HF_AL_NORMAL, true), 1);
	hf_buf_fini(&b);
	hf_alarms_free(a);
}

static void
system_alarm_is_raised_once_and_returns(void **state)
{
	struct hf_alarms *a = begin(10);
	int i;

	for (i = 0; i < 3; i++)
		hf_alarms_system(
		    a, "disk", true, 1, "disk full", "free it", 100);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.key, "system|disk");
	hf_alarms_system(a, "disk", false, 1, "", "", 200);
	hf_alarms_system(a, "disk", false, 1, "", "", 300);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.to, HF_AL_RETURNED);
	hf_alarms_system(a, "never", false, 1, "", "", 300);
	assert_int_equal(seen.n, 2);
	hf_alarms_free(a);
}

static void
row_brings_the_alarm_back_as_it_was(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_ACKED, true), *b;
	struct hf_buf x, y;

	act(a, HF_ACT_SHELVE);
	b = hf_alarms_new(10, NULL, NULL);
	assert_int_equal(
	    hf_alarms_load(b, KEY, seen.row, seen.nrow, NULL), HF_OK);
	hf_buf_init(&x, 65536);
	hf_buf_init(&y, 65536);
	hf_alarms_json(a, "all", &x);
	hf_alarms_json(b, "all", &y);
	assert_non_null(strstr(hf_buf_cstr(&x), "it is hot"));
	assert_non_null(strstr(hf_buf_cstr(&x), "because"));
	assert_string_equal(hf_buf_cstr(&x), hf_buf_cstr(&y));
	hf_buf_fini(&x);
	hf_buf_fini(&y);
	hf_alarms_free(a);
	hf_alarms_free(b);
}

static void
damaged_row_is_refused(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_ACKED, true);
	struct hf_alarms *b = hf_alarms_new(10, NULL, NULL);
	size_t i;

	for (i = 0; i < seen.nrow; i++) {
		seen.row[i] ^= 1;
		assert_int_equal(
		    hf_alarms_load(b, KEY, seen.row, seen.nrow, NULL),
		    HF_ECORRUPT);
		seen.row[i] ^= 1;
		assert_int_equal(
		    hf_alarms_load(b, KEY, seen.row, i, NULL), HF_ECORRUPT);
	}
	assert_int_equal(hf_alarms_load(b, "no bar", seen.row, seen.nrow, NULL),
	    HF_ECORRUPT);
	hf_alarms_free(a);
	hf_alarms_free(b);
}

/* The row of one alarm as version 1 writes it. */
static void
golden_row_has_not_changed(void **state)
{
	static const char want[] =
	    "010406020201000000000000000500000000000000e80300000000000000"
	    "70c9b28b000000d0a7b83046030000ababababababababababababababab"
	    "ababababababababababababababababab09000000697420697320686f74"
	    "07000000612063617573650d0000006120636f6e73657175656e63650900"
	    "0000616e20616374696f6effffffff030000007768794d8d5fa1";
	struct hf_event e = make(HF_EV_ON, HF_LEVEL_TRIP);
	struct hf_alarms *a = begin(10);
	char hex[2 * 512 + 1];

	memset(e.id, 0xab, sizeof(e.id));
	hf_alarms_event(a, &e, 1000, true);
	hf_alarms_act(a, KEY, HF_ACT_SHELVE, HOUR, "uid:1", "why", 2000, NULL);
	assert_true(seen.nrow <= 512);
	hf_hex(hex, seen.row, seen.nrow);
	assert_string_equal(hex, want);
	hf_alarms_free(a);
}

static void
every_change_is_one_line_of_the_journal(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_UNACK, true);
	struct hf_err err;
	json_t *j = NULL;

	act(a, HF_ACT_ACK);
	assert_null(strchr(seen.journal, '\n'));
	assert_int_equal(
	    hf_json_parse(seen.journal, strlen(seen.journal), 4096, &j, &err),
	    HF_OK);
	assert_string_equal(
	    json_string_value(json_object_get(j, "alarm")), KEY);
	assert_string_equal(
	    json_string_value(json_object_get(j, "change")), "acknowledged");
	assert_string_equal(
	    json_string_value(json_object_get(j, "from")), "unacknowledged");
	assert_string_equal(
	    json_string_value(json_object_get(j, "to")), "acknowledged");
	assert_string_equal(
	    json_string_value(json_object_get(j, "by")), "uid:1000");
	assert_string_equal(
	    json_string_value(json_object_get(j, "reason")), "because");
	assert_string_equal(json_string_value(json_object_get(j, "t")),
	    "1970-01-01T00:00:00.000002Z");
	json_decref(j);
	hf_alarms_free(a);
}

static void
full_list_makes_room_of_normal_alarms_and_else_says_so(void **state)
{
	struct hf_alarms *a = begin(2);
	char subject[32];
	struct hf_event e;
	int i;

	for (i = 0; i < 4; i++) {
		e = make(HF_EV_ON, HF_LEVEL_WARN);
		snprintf(subject, sizeof(subject), "tag%d", i);
		snprintf(e.subject, sizeof(e.subject), "%s", subject);
		hf_alarms_event(a, &e, 1000 + i, true);
		if (i == 0) { /* normal again: it may go */
			e = make(HF_EV_OFF, HF_LEVEL_WARN);
			snprintf(e.subject, sizeof(e.subject), "tag0");
			hf_alarms_event(a, &e, 1000, true);
			assert_int_equal(
			    hf_alarms_act(a, "hot|tag0", HF_ACT_ACK, 0, "uid:1",
				"", 1, NULL),
			    HF_OK);
		}
	}
	assert_int_equal(hf_alarms_count(a, HF_AL_UNACK, false), 3);
	assert_int_equal(
	    hf_alarms_act(a, "hot|tag3", HF_ACT_ACK, 0, "uid:1", "", 1, NULL),
	    HF_ENOTFOUND);
	assert_int_equal(hf_alarms_act(a, "system|alarm-list", HF_ACT_ACK, 0,
			     "uid:1", "", 1, NULL),
	    HF_OK);
	hf_alarms_free(a);
}

static bool
nothing_is_on(void *arg, const char *r, const char *subject)
{
	assert_string_equal(r, "hot");
	assert_string_equal(subject, "press/line1/press");
	return *(bool *)arg;
}

static void
alarm_whose_rule_is_gone_returns_at_the_restart(void **state)
{
	struct hf_alarms *a = in_state(HF_AL_ACKED, true);
	bool is_on = true;

	hf_alarms_settle(a, nothing_is_on, &is_on, 5);
	assert_int_equal(hf_alarms_count(a, HF_AL_ACKED, false), 1);
	is_on = false;
	hf_alarms_settle(a, nothing_is_on, &is_on, 5);
	assert_int_equal(hf_alarms_count(a, HF_AL_NORMAL, false), 1);
	assert_string_equal(seen.by, "restart");
	hf_alarms_free(a);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	static char json[5000];
	struct hf_event e = make(HF_EV_ON, HF_LEVEL_WARN);
	struct hf_alarms *a = begin(2), *b = begin(2);
	size_t i, n;

	n = (size_t)snprintf(json, sizeof(json), "{\"text\":\"x");
	for (i = 0; i < 900; i++)
		n += (size_t)snprintf(json + n, sizeof(json) - n, "\xc3\xa4");
	snprintf(json + n, sizeof(json) - n, "\"}");
	e.json = json;
	hf_alarms_event(a, &e, 1, true);
	assert_int_equal(hf_alarms_load(b, KEY, seen.row, seen.nrow, NULL),
	    HF_OK); /* which refuses text that is no UTF-8 */
	hf_alarms_free(a);
	hf_alarms_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_transition_of_the_diagram),
	    cmocka_unit_test(
		level_that_rises_to_trip_makes_an_acknowledged_alarm_new),
	    cmocka_unit_test(
		alarm_raised_again_before_it_is_acknowledged_stays_one_alarm),
	    cmocka_unit_test(event_with_the_last_id_is_not_taken_twice),
	    cmocka_unit_test(shelving_needs_a_reason_and_a_time_in_range),
	    cmocka_unit_test(act_on_an_unknown_alarm_is_not_found),
	    cmocka_unit_test(shelve_timer_ends_at_its_time_and_names_the_next),
	    cmocka_unit_test(
		condition_that_comes_while_shelved_shows_when_it_ends),
	    cmocka_unit_test(
		advisories_are_listed_apart_and_need_no_acknowledgement),
	    cmocka_unit_test(system_alarm_is_raised_once_and_returns),
	    cmocka_unit_test(row_brings_the_alarm_back_as_it_was),
	    cmocka_unit_test(damaged_row_is_refused),
	    cmocka_unit_test(golden_row_has_not_changed),
	    cmocka_unit_test(every_change_is_one_line_of_the_journal),
	    cmocka_unit_test(
		full_list_makes_room_of_normal_alarms_and_else_says_so),
	    cmocka_unit_test(alarm_whose_rule_is_gone_returns_at_the_restart),
	    cmocka_unit_test(long_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
