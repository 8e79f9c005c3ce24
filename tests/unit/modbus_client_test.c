/* SPDX-License-Identifier: Apache-2.0
 *
 * modbus_client_test.c - the client's state machine under a clock and a device
 * that the test owns: no sockets, no waiting, the same run every time.
 *
 * run_to() advances the clock from wake to wake as the loop would. The fake
 * device notes each request; a test answers it at once (auto mode, with a
 * register map and exceptions by address) or by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "field/modbus/client.h"
#include "field/modbus/cycle.h"
#include "model/quality.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define NPT 64
#define NASK 4096

struct ask { /* one request that the device got */
	unsigned conn;
	unsigned open; /* which opening of that connection */
	int64_t t_ns;
	struct hf_mb_req r;
	bool is_answered;
};

static struct fix {
	struct hf_mb_client *c;
	struct hf_counters counters;
	struct hf_mb_point pts[NPT];
	size_t npt;
	struct hf_mb_rules rules;
	struct hf_mb_client_conf conf;
	int64_t now_ns, wake_ns;
	/* the device */
	bool refuses;	    /* connections */
	bool hangs;	    /* accepts, never answers */
	uint32_t map_end;   /* addresses from here: exception 2 */
	uint8_t exception;  /* for everything, if not 0 */
	uint32_t max_count; /* more registers: exception 3 */
	bool is_manual;
	unsigned want_connect; /* bit per connection that is to be connected */
	bool is_open[HF_MB_NCONN];
	unsigned nopen[HF_MB_NCONN];
	struct ask asks[NASK];
	size_t nask, nanswer, nbad, nchanged, nconnect, nclose;
	uint32_t bad_status;
	size_t good[NPT], bad[NPT];
	int nparsing;
} x;

static int
fake_connect(void *arg, unsigned conn, struct hf_err *err)
{
	x.nconnect++;
	x.want_connect |= 1u << conn;
	return HF_OK;
}

static void
fake_disconnect(void *arg, unsigned conn)
{
	x.is_open[conn] = false;
	x.want_connect &= ~(1u << conn);
	x.nclose++;
}

static int
fake_send(
    void *arg, unsigned conn, const uint8_t *p, size_t n, struct hf_err *err)
{
	struct ask *a = &x.asks[x.nask++];

	assert_true(x.nask < NASK);
	assert_int_equal(n, HF_MB_REQ_LEN);
	*a =
	    (struct ask){.conn = conn, .open = x.nopen[conn], .t_ns = x.now_ns};
	a->r.tid = (uint16_t)(p[0] << 8 | p[1]);
	a->r.unit = p[6];
	a->r.fn = p[7];
	a->r.first = (uint16_t)(p[8] << 8 | p[9]);
	a->r.count = (uint16_t)(p[10] << 8 | p[11]);
	return HF_OK;
}

static void
fake_answer(
    void *arg, const struct hf_mb_block *b, const uint8_t *data, size_t n)
{
	const struct hf_mb_plan *plan = hf_mb_client_plan(x.c);
	size_t i;

	x.nanswer++;
	assert_int_equal(n, hf_mb_data_len(b->fn, b->count));
	for (i = 0; i < b->nitem; i++)
		x.good[plan->items[b->item0 + i]]++;
}

static void
fake_bad(void *arg, const uint32_t *pts, size_t n, uint32_t status)
{
	size_t i;

	x.nbad += n;
	x.bad_status = status;
	for (i = 0; i < n; i++)
		x.bad[pts[i]]++;
}

static void
fake_failed(void *arg, const struct hf_mb_block *b, uint32_t status)
{
	assert_true(hf_is_bad(status));
}

static void
fake_parsing(void *arg, const void *p, size_t n)
{
	assert_int_equal(x.nparsing++, 0);
}

static void
fake_parsed(void *arg)
{
	assert_int_equal(--x.nparsing, 0);
}

static void
fake_changed(void *arg)
{
	x.nchanged++;
}

static const struct hf_mb_client_ops ops = {
    .connect = fake_connect,
    .disconnect = fake_disconnect,
    .send = fake_send,
    .answer = fake_answer,
    .bad = fake_bad,
    .failed = fake_failed,
    .parsing = fake_parsing,
    .parsed = fake_parsed,
    .changed = fake_changed,
};

static void
add(uint16_t first, uint16_t count, int64_t interval_ns)
{
	x.pts[x.npt++] = (struct hf_mb_point){.unit = 1,
	    .fn = HF_MB_HOLDING,
	    .first = first,
	    .count = count,
	    .bit = -1,
	    .interval_ns = interval_ns};
}

static int
setup(void **state)
{
	memset(&x, 0, sizeof(x));
	x.now_ns = 1000 * S;
	x.map_end = HF_MB_SPACE;
	x.max_count = HF_MB_NREG;
	x.rules = (struct hf_mb_rules){
	    .gap = 16, .span = 120, .stamp = HF_MB_NO_POINT};
	x.conf = (struct hf_mb_client_conf){.name = "press7",
	    .where = "10.0.0.7:502",
	    .timeout_ns = S,
	    .missed = 3,
	    .nconn = 1,
	    .noutstanding = 1,
	    .requests_hz = 20};
	return 0;
}

static int
teardown(void **state)
{
	hf_mb_client_free(x.c);
	x.c = NULL;
	return 0;
}

static void
tick(void)
{
	x.wake_ns = hf_mb_client_tick(x.c, x.now_ns);
	assert_true(x.wake_ns > x.now_ns);
}

static void
start(void)
{
	struct hf_err err;
	x.conf.pts = x.pts;
	x.conf.npt = x.npt;
	x.conf.rules = x.rules;
	x.conf.counters = &x.counters;
	assert_int_equal(
	    hf_mb_client_new(&x.conf, &ops, x.now_ns, &x.c, &err), HF_OK);
	tick();
}

/* Bytes from the device; the client may split frames as it likes. */
static void
give(unsigned conn, const uint8_t *p, size_t n)
{
	hf_mb_client_bytes(x.c, conn, p, n, x.now_ns);
	tick();
}

static size_t
make_answer(const struct hf_mb_req *r, uint8_t exception, uint8_t *out)
{
	size_t n = hf_mb_data_len(r->fn, r->count), len = exception ? 3 : n + 3;

	memset(out, 0, HF_MB_ADU_MAX);
	out[0] = (uint8_t)(r->tid >> 8);
	out[1] = (uint8_t)r->tid;
	out[4] = (uint8_t)(len >> 8);
	out[5] = (uint8_t)len;
	out[6] = r->unit;
	out[7] = exception ? r->fn | 0x80 : r->fn;
	out[8] = exception ? exception : (uint8_t)n;
	return 6 + len;
}

static void
answer_with(struct ask *a, uint8_t exception)
{
	uint8_t out[HF_MB_ADU_MAX];

	a->is_answered = true;
	give(a->conn, out, make_answer(&a->r, exception, out));
}

static void
answer_auto(struct ask *a)
{
	uint8_t exception = x.exception;

	if (exception == 0 && (uint32_t)a->r.first + a->r.count > x.map_end)
		exception = HF_MB_EX_ADDRESS;
	if (exception == 0 && a->r.count > x.max_count)
		exception = HF_MB_EX_VALUE;
	answer_with(a, exception);
}

/* Lets the device do what it does at once. */
static void
settle(void)
{
	size_t i, from = 0;
	unsigned k;
	bool again = true;

	while (again) {
		again = false;
		for (k = 0; k < x.conf.nconn; k++) {
			if (!(x.want_connect >> k & 1))
				continue;
			x.want_connect &= ~(1u << k);
			again = true;
			if (x.refuses) {
				hf_mb_client_lost(x.c, k, "refused", x.now_ns);
			} else {
				x.is_open[k] = true;
				x.nopen[k]++;
				hf_mb_client_connected(x.c, k, x.now_ns);
			}
			tick();
		}
		for (i = from; i < x.nask && !x.hangs && !x.is_manual; i++) {
			if (x.asks[i].is_answered ||
			    !x.is_open[x.asks[i].conn] ||
			    x.asks[i].open != x.nopen[x.asks[i].conn])
				continue;
			answer_auto(&x.asks[i]);
			again = true;
		}
		from = i;
	}
}

static void
run_to(int64_t t_ns)
{
	settle();
	while (x.wake_ns <= t_ns) {
		x.now_ns = x.wake_ns;
		tick();
		settle();
	}
	x.now_ns = t_ns;
	tick();
	settle();
}

static void
run_for(int64_t ns)
{
	run_to(x.now_ns + ns);
}

static struct hf_driver_stats
stats(void)
{
	struct hf_driver_stats st;

	hf_mb_client_stats(x.c, &st);
	return st;
}

/* ---- the ordinary day ---- */

static void
first_read_comes_at_once_and_then_each_interval(void **state)
{
	add(0, 10, S);
	start();
	settle();
	assert_int_equal(x.nanswer, 1);
	run_for(100 * S);
	assert_in_range(x.nanswer, 101, 102);
	assert_int_equal(stats().skipped, 0);
	assert_int_equal(stats().up, 1);
	assert_string_equal(stats().text, "");
}

static void
blocks_of_one_interval_are_spread_over_it(void **state)
{
	size_t i;

	for (i = 0; i < 10; i++)
		add((uint16_t)(200 * i), 1, S);
	x.conf.requests_hz = 100;
	start();
	run_for(S);
	x.nask = 0;
	run_for(2 * S);
	assert_int_equal(x.nask, 20);
	for (i = 1; i < x.nask; i++)
		assert_true(x.asks[i].t_ns - x.asks[i - 1].t_ns == 100 * MS);
}

static void
interval_of_one_millisecond_is_kept(void **state)
{
	add(0, 4, MS);
	x.conf.requests_hz = 2000;
	start();
	run_for(S);
	assert_in_range(x.nanswer, 1000, 1002);
	assert_int_equal(stats().skipped, 0);
}

static void
late_cycles_are_skipped_and_counted_never_queued(void **state)
{
	add(0, 4, 100 * MS);
	x.is_manual = true;
	start();
	run_for(950 * MS); /* one request out, nine cycles pass */
	assert_int_equal(x.nask, 1);
	assert_in_range(stats().skipped, 8, 10);
	x.is_manual = false;
	settle();
	run_for(100 * MS);
	assert_in_range(x.nask, 2, 2);
	assert_int_equal(x.counters.v[HF_C_MB_SKIPPED], stats().skipped);
}

static void
load_budget_is_never_exceeded_and_all_blocks_get_their_turn(void **state)
{
	size_t i, k, n;

	for (i = 0; i < 10; i++)
		add((uint16_t)(200 * i), 1, 100 * MS); /* wants 100/s */
	x.conf.requests_hz = 20;
	start();
	run_for(10 * S);
	for (i = 0; i < x.nask; i++) {
		for (n = 0, k = i;
		     k < x.nask && x.asks[k].t_ns < x.asks[i].t_ns + S; k++)
			n++;
		assert_true(n <= 23); /* a second's worth and the burst */
	}
	assert_in_range(x.nask, 195, 205);
	for (i = 0; i < 10; i++)
		assert_in_range(x.good[i], 17, 23);
	assert_in_range(stats().skipped, 700, 900);
	assert_int_equal(x.nbad, 0); /* slow is not silent */
}

static void
want_all_draws_on_the_same_budget(void **state)
{
	size_t i;

	for (i = 0; i < 10; i++)
		add((uint16_t)(200 * i), 1, 3600 * S);
	x.conf.requests_hz = 10;
	start();
	run_for(5 * S);
	assert_int_equal(x.nask, 10);
	hf_mb_client_want_all(x.c, x.now_ns);
	tick();
	settle();
	assert_in_range(x.nask, 11, 12); /* the burst */
	run_for(2 * S);
	assert_int_equal(x.nask, 20);
}

/* ---- outstanding requests and connections ---- */

static void
one_request_at_a_time_unless_told_otherwise(void **state)
{
	add(0, 1, S);
	add(500, 1, S);
	x.is_manual = true;
	x.conf.requests_hz = 1000;
	start();
	run_for(100 * MS);
	assert_int_equal(x.nask, 1);
}

static void
answers_may_come_in_another_order_than_the_requests(void **state)
{
	size_t i;

	for (i = 0; i < 4; i++)
		add((uint16_t)(500 * i), (uint16_t)(i + 1), S);
	x.conf.noutstanding = 4;
	x.conf.requests_hz = 1000;
	x.is_manual = true;
	start();
	run_for(100 * MS);
	assert_int_equal(x.nask, 4);
	for (i = 4; i-- > 0;)
		answer_with(&x.asks[i], 0);
	assert_int_equal(x.nanswer, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(x.good[i], 1);
	assert_int_equal(stats().framing, 0);
}

static void
swapped_transaction_ids_are_found_out_by_the_length(void **state)
{
	uint8_t out[HF_MB_ADU_MAX];
	struct hf_mb_req r;

	add(0, 1, S);
	add(500, 2, S);
	x.conf.noutstanding = 2;
	x.conf.requests_hz = 1000;
	x.is_manual = true;
	start();
	run_for(100 * MS);
	assert_int_equal(x.nask, 2);
	r = x.asks[0].r;
	r.tid = x.asks[1].r.tid;
	give(0, out, make_answer(&r, 0, out));
	assert_int_equal(x.nanswer, 0);
	assert_int_equal(stats().framing, 1);
	assert_int_equal(x.nclose, 1);
}

static void
several_connections_share_the_work(void **state)
{
	add(0, 1, S);
	add(500, 1, S);
	x.conf.nconn = 2;
	x.conf.requests_hz = 1000;
	x.is_manual = true;
	start();
	run_for(100 * MS);
	assert_int_equal(x.nask, 2);
	assert_true(x.asks[0].conn != x.asks[1].conn);
}

/* ---- time-outs and broken answers ---- */

static void
late_answer_is_never_matched_to_a_later_request(void **state)
{
	uint8_t late[HF_MB_ADU_MAX];
	size_t n;

	add(0, 1, S);
	x.is_manual = true;
	start();
	run_for(S + 10 * MS);
	assert_int_equal(stats().timeouts, 1);
	assert_int_equal(x.nclose, 1); /* what comes late has no connection */
	run_for(S);
	assert_int_equal(x.nask, 2);
	assert_true(x.asks[0].r.tid != x.asks[1].r.tid);
	n = make_answer(&x.asks[0].r, 0, late);
	give(0, late, n); /* a peer that sends it on the new one all the same */
	assert_int_equal(x.nanswer, 0);
	assert_int_equal(x.counters.v[HF_C_MB_LATE], 1);
	assert_int_equal(x.nclose, 2);
}

/* Sends the answer to the first request with byte `at` set to v. */
static void
corrupt(size_t at, uint8_t v)
{
	uint8_t out[HF_MB_ADU_MAX];
	size_t n;

	add(0, 2, S);
	x.is_manual = true;
	start();
	settle();
	n = make_answer(&x.asks[0].r, 0, out);
	out[at] = v;
	give(0, out, n);
	assert_int_equal(x.nanswer, 0);
	assert_int_equal(stats().framing, 1);
	assert_int_equal(x.nclose, 1);
	x.is_manual = false;
	run_for(5 * S);
	assert_true(x.nanswer > 0); /* and it heals by itself */
}

static void
wrong_transaction_id_closes_and_reopens(void **state)
{
	add(0, 2, S);
	x.is_manual = true;
	start();
	settle();
	hf_mb_client_free(x.c);
	x.npt = x.nask = 0;
	x.nclose = 0;
	corrupt(1, (uint8_t)(x.asks[0].r.tid + 1));
}

static void
wrong_protocol_id_closes_and_reopens(void **state)
{
	corrupt(3, 1);
}

static void
wrong_length_closes_and_reopens(void **state)
{
	corrupt(5, 6);
}

static void
wrong_unit_closes_and_reopens(void **state)
{
	corrupt(6, 2);
}

static void
wrong_function_closes_and_reopens(void **state)
{
	corrupt(7, 4);
}

static void
wrong_byte_count_closes_and_reopens(void **state)
{
	corrupt(8, 3);
}

static void
answer_one_byte_at_a_time_is_accepted(void **state)
{
	uint8_t out[HF_MB_ADU_MAX];
	size_t i, n;

	add(0, 100, S);
	x.is_manual = true;
	start();
	settle();
	n = make_answer(&x.asks[0].r, 0, out);
	for (i = 0; i < n; i++) {
		assert_int_equal(x.nanswer, 0);
		give(0, out + i, 1);
	}
	assert_int_equal(x.nanswer, 1);
}

static void
frame_that_stays_short_times_out(void **state)
{
	uint8_t out[HF_MB_ADU_MAX];

	add(0, 10, S);
	x.is_manual = true;
	start();
	settle();
	give(0, out, make_answer(&x.asks[0].r, 0, out) - 1);
	run_for(S + MS);
	assert_int_equal(stats().timeouts, 1);
	assert_int_equal(x.nanswer, 0);
	x.is_manual = false;
	run_for(2 * S);
	assert_true(x.nanswer > 0); /* the stale half does not spoil the next */
	assert_int_equal(stats().framing, 0);
}

static void
garbage_of_any_length_closes_the_connection(void **state)
{
	static uint8_t noise[20000];
	size_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 7 + 1);
	add(0, 10, S);
	x.is_manual = true;
	start();
	settle();
	give(0, noise, sizeof(noise));
	assert_int_equal(stats().framing, 1);
	assert_int_equal(x.nclose, 1);
	assert_int_equal(x.nanswer, 0);
}

/* ---- connections that fail ---- */

static void
back_off_is_quick_once_then_doubles_to_30_s(void **state)
{
	static const double want_s[] = {0.1, 1, 2, 4, 8, 16, 30, 30};
	int64_t last = x.now_ns;
	size_t i;
	double s;

	add(0, 1, S);
	x.refuses = true;
	start();
	settle();
	for (i = 0; i < sizeof(want_s) / sizeof(want_s[0]); i++) {
		size_t before = x.nconnect;

		last = x.now_ns;
		while (x.nconnect == before) {
			x.now_ns = x.wake_ns;
			tick();
		}
		s = (double)(x.now_ns - last) / 1e9;
		assert_true(s >= want_s[i] * 0.79 && s <= want_s[i] * 1.21);
		settle();
	}
	assert_int_equal(stats().up, -1);
	assert_non_null(strstr(stats().text, "refused"));
	assert_non_null(strstr(stats().text, "next try in"));
}

static void
back_off_is_the_same_in_every_run(void **state)
{
	int64_t t[2];
	int i;

	for (i = 0; i < 2; i++) {
		setup(NULL);
		add(0, 1, S);
		x.refuses = true;
		start();
		run_for(40 * S);
		t[i] = x.wake_ns;
		if (i == 0)
			teardown(NULL);
	}
	assert_true(t[0] == t[1]);
}

static void
connect_without_an_answer_times_out(void **state)
{
	add(0, 1, S);
	start();
	x.now_ns = x.wake_ns; /* nobody says connected or refused */
	assert_true(x.wake_ns == 1001 * S);
	tick();
	assert_int_equal(stats().timeouts, 1);
	assert_int_equal(stats().up, -1);
}

static void
silence_gives_one_bad_sample_after_k_cycles_never_a_good_one(void **state)
{
	size_t good;

	add(0, 1, S);
	add(1, 1, S);
	start();
	run_for(10 * S);
	good = x.nanswer;
	x.hangs = true;
	run_for(2 * S);
	assert_int_equal(x.nbad, 0);
	run_for(3 * S);
	assert_int_equal(x.nbad, 2); /* one of each tag */
	assert_int_equal(x.bad_status, HF_BAD_NO_COMMUNICATION);
	run_for(3600 * S);
	assert_int_equal(x.nbad, 2);
	assert_int_equal(x.nanswer, good);
	x.hangs = false;
	run_for(70 * S);
	assert_true(x.nanswer > good);
	assert_int_equal(hf_mb_client_status(x.c, 0), HF_GOOD);
	x.refuses = true;
	hf_mb_client_lost(x.c, 0, "reset", x.now_ns);
	tick();
	run_for(5 * S);
	assert_int_equal(x.nbad, 4); /* the next silence is told again */
}

static void
device_that_was_never_there_gives_one_bad_sample(void **state)
{
	add(0, 1, S);
	x.refuses = true;
	start();
	run_for(100 * S);
	assert_int_equal(x.nbad, 1);
}

static void
short_loss_within_k_cycles_gives_no_bad_sample(void **state)
{
	add(0, 1, S);
	start();
	run_for(10 * S);
	hf_mb_client_lost(x.c, 0, "reset by peer", x.now_ns);
	tick();
	run_for(10 * S);
	assert_int_equal(x.nbad, 0);
	assert_int_equal(stats().connects, 2);
	assert_int_equal(stats().up, 1);
}

static void
flapping_port_neither_floods_nor_sticks(void **state)
{
	int i;

	add(0, 1, S);
	start();
	for (i = 0; i < 100; i++) {
		run_for(100 * MS);
		if (x.is_open[0]) {
			hf_mb_client_lost(x.c, 0, "reset", x.now_ns);
			tick();
		}
		x.refuses = i % 2 == 0;
	}
	assert_true(x.nconnect < 100);
	x.refuses = false;
	run_for(40 * S);
	assert_int_equal(stats().up, 1);
}

/* ---- exceptions ---- */

static void
map_end_is_found_the_bad_tag_reported_and_the_others_go_on(void **state)
{
	size_t i, n;

	for (i = 0; i < 20; i++)
		add((uint16_t)(5 * i), 2, S);
	x.map_end = 50; /* tags 10..19 are beyond it */
	x.conf.requests_hz = 200;
	start();
	run_for(S / 2);
	for (i = 0; i < 20; i++) {
		assert_int_equal(x.good[i] > 0, i < 10);
		assert_int_equal(x.bad[i], i >= 10);
		assert_int_equal(hf_mb_client_status(x.c, i),
		    i < 10 ? HF_GOOD : HF_BAD_CONFIG);
	}
	n = stats().exceptions;
	run_for(300 * S); /* learnt: not asked again */
	assert_int_equal(stats().exceptions, n);
	assert_true(x.good[9] > 290);
	assert_int_equal(x.nbad, 10);
	assert_int_equal(stats().up, 1);
	assert_non_null(strstr(stats().text, "refuses 10 tags"));
}

static void
unmapped_gap_is_learnt_without_losing_a_tag(void **state)
{
	add(0, 2, S);
	add(10, 2, S);
	x.max_count = 4; /* refuses the read through the gap */
	start();
	run_for(10 * S);
	assert_int_equal(x.nbad, 0);
	assert_true(x.good[0] > 9 && x.good[1] > 9);
	assert_int_equal(stats().exceptions, 1);
}

static void
register_map_that_changes_under_way_is_learnt_and_forgotten(void **state)
{
	size_t i, good;

	for (i = 0; i < 4; i++)
		add((uint16_t)(5 * i), 2, S);
	x.conf.requests_hz = 100;
	start();
	run_for(5 * S);
	assert_int_equal(x.nbad, 0);
	x.map_end = 10;
	run_for(5 * S);
	assert_int_equal(x.nbad, 2);
	x.map_end = HF_MB_SPACE; /* the device was replaced again ... */
	run_for(HF_MB_RELEARN_NS);
	good = x.good[3];
	run_for(10 * S);
	assert_int_equal(x.good[3], good); /* not probed for ever ... */
	hf_mb_client_lost(x.c, 0, "reset", x.now_ns);
	tick();
	run_for(10 * S);
	assert_true(x.good[3] > good); /* but asked again after a reconnect */
	assert_string_equal(stats().text, "");
}

static void
function_not_supported_is_a_bad_configuration(void **state)
{
	add(0, 2, S);
	add(5, 2, S);
	x.exception = HF_MB_EX_FUNCTION;
	start();
	run_for(10 * S);
	assert_int_equal(x.nask, 1);
	assert_int_equal(x.nbad, 2);
	assert_int_equal(x.bad_status, HF_BAD_CONFIG);
}

static void
busy_device_is_asked_again_after_a_wait_and_counted(void **state)
{
	add(0, 2, 60 * S);
	x.exception = HF_MB_EX_BUSY;
	start();
	settle();
	assert_int_equal(x.nask, 1);
	run_for(70 * MS);
	assert_int_equal(x.nask, 1);
	run_for(60 * MS);
	assert_int_equal(x.nask, 2);
	x.exception = 0;
	run_for(S);
	assert_int_equal(x.nanswer, 1);
	assert_int_equal(x.counters.v[HF_C_MB_RETRIES], 2);
	assert_int_equal(x.nclose, 0);
}

static void
gateway_exception_backs_off_and_becomes_bad_communication(void **state)
{
	add(0, 2, S);
	x.exception = HF_MB_EX_TARGET;
	start();
	run_for(20 * S);
	assert_in_range(x.nask, 4, 6); /* 0 1 3 7 15 s, not 20 times */
	assert_int_equal(x.nbad, 1);
	assert_int_equal(x.bad_status, HF_BAD_NO_COMMUNICATION);
	assert_int_equal(x.nclose, 0);
	assert_non_null(strstr(stats().text, "gateway"));
	x.exception = 0;
	run_for(40 * S);
	assert_true(x.nanswer > 0);
	assert_string_equal(stats().text, "");
}

static void
exception_storm_keeps_within_the_budget(void **state)
{
	static const uint8_t codes[] = {4, 5, 6, 7, 8, 10, 11, 99};
	size_t i;

	add(0, 2, 10 * MS);
	add(500, 2, 10 * MS);
	start();
	for (i = 0; i < 80; i++) {
		x.exception = codes[i % sizeof(codes)];
		run_for(100 * MS);
	}
	assert_true(x.nask <= 8 * 20 + 3);
	x.exception = 0;
	run_for(40 * S);
	assert_int_equal(hf_mb_client_status(x.c, 0), HF_GOOD);
	assert_int_equal(hf_mb_client_status(x.c, 1), HF_GOOD);
}

static void
device_failure_is_told_as_such_after_k_cycles(void **state)
{
	add(0, 2, S);
	x.exception = HF_MB_EX_DEVICE;
	start();
	run_for(10 * S);
	assert_int_equal(x.nbad, 1);
	assert_int_equal(x.bad_status, HF_BAD_DEVICE_FAILURE);
	x.refuses = true;
	hf_mb_client_lost(x.c, 0, "reset", x.now_ns);
	tick();
	run_for(10 * S);
	assert_int_equal(x.nbad, 2); /* another reason is another sample */
	assert_int_equal(x.bad_status, HF_BAD_NO_COMMUNICATION);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(first_read_comes_at_once_and_then_each_interval),
	    T(blocks_of_one_interval_are_spread_over_it),
	    T(interval_of_one_millisecond_is_kept),
	    T(late_cycles_are_skipped_and_counted_never_queued),
	    T(load_budget_is_never_exceeded_and_all_blocks_get_their_turn),
	    T(want_all_draws_on_the_same_budget),
	    T(one_request_at_a_time_unless_told_otherwise),
	    T(answers_may_come_in_another_order_than_the_requests),
	    T(swapped_transaction_ids_are_found_out_by_the_length),
	    T(several_connections_share_the_work),
	    T(late_answer_is_never_matched_to_a_later_request),
	    T(wrong_transaction_id_closes_and_reopens),
	    T(wrong_protocol_id_closes_and_reopens),
	    T(wrong_length_closes_and_reopens),
	    T(wrong_unit_closes_and_reopens),
	    T(wrong_function_closes_and_reopens),
	    T(wrong_byte_count_closes_and_reopens),
	    T(answer_one_byte_at_a_time_is_accepted),
	    T(frame_that_stays_short_times_out),
	    T(garbage_of_any_length_closes_the_connection),
	    T(back_off_is_quick_once_then_doubles_to_30_s),
	    T(back_off_is_the_same_in_every_run),
	    T(connect_without_an_answer_times_out),
	    T(silence_gives_one_bad_sample_after_k_cycles_never_a_good_one),
	    T(device_that_was_never_there_gives_one_bad_sample),
	    T(short_loss_within_k_cycles_gives_no_bad_sample),
	    T(flapping_port_neither_floods_nor_sticks),
	    T(map_end_is_found_the_bad_tag_reported_and_the_others_go_on),
	    T(unmapped_gap_is_learnt_without_losing_a_tag),
	    T(register_map_that_changes_under_way_is_learnt_and_forgotten),
	    T(function_not_supported_is_a_bad_configuration),
	    T(busy_device_is_asked_again_after_a_wait_and_counted),
	    T(gateway_exception_backs_off_and_becomes_bad_communication),
	    T(exception_storm_keeps_within_the_budget),
	    T(device_failure_is_told_as_such_after_k_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
