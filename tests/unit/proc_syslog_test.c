/* SPDX-License-Identifier: Apache-2.0
 *
 * proc_syslog_test.c - edge's connection to a syslog collector: framing, what
 * is confirmed when, what is sent again, and what is refused. The collector is
 * a socket of this test on the loopback interface.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "bus/syslog.h"
#include "proc/edge_syslog.h"

#define MSG_A "<13>1 - - - - - - first"
#define MSG_B "<13>1 - - - - - - second"
#define MSG_C "<13>1 - - - - - - third"
#define FRAME_A "23 " MSG_A
#define FRAME_B "24 " MSG_B
#define FRAME_C "23 " MSG_C

struct env {
	struct hf_loop *loop;
	struct hf_counters ctr;
	struct hf_edge_syslog *s;
	struct hf_plant plant;
	struct hf_export x;
	struct hf_syslog_conf conf;
	int listener, peer;
	char got[65536]; /* what the collector read on this connection */
	size_t ngot;
	/* last words to core */
	int32_t rc;
	uint64_t confirmed;
	int nagain;
};

static int
say(void *arg, const void *p, size_t n)
{
	struct env *e = arg;
	struct hf_rd r;

	hf_rd_init(&r, p, n);
	assert_int_equal(hf_rd_u32(&r), hf_crc32c(0, "siem", 4));
	e->rc = (int32_t)hf_rd_u32(&r);
	e->confirmed = hf_rd_u64(&r);
	e->nagain += e->rc == HF_EAGAIN;
	return HF_OK;
}

static void
begin(struct env *e)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct hf_edge_syslog_host h = {
	    .counters = &e->ctr, .say = say, .arg = e};
	socklen_t n = sizeof(a);
	struct hf_err err = {0};

	memset(e, 0, sizeof(*e));
	e->peer = -1;
	e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(e->listener, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(e->listener, 4), 0);
	assert_int_equal(
	    getsockname(e->listener, (struct sockaddr *)&a, &n), 0);
	assert_int_equal(fcntl(e->listener, F_SETFL, O_NONBLOCK), 0);
	e->loop = h.loop = hf_loop_new();
	e->conf = (struct hf_syslog_conf){
	    .host = (char *)(uintptr_t) "127.0.0.1", .port = ntohs(a.sin_port)};
	e->x = (struct hf_export){.name = (char *)(uintptr_t) "siem",
	    .conf = &e->conf,
	    .kind = &hf_syslog_kind};
	e->plant = (struct hf_plant){.exports = &e->x, .nexport = 1};
	assert_int_equal(
	    hf_edge_syslog_new(&h, &e->plant, 0, &e->s, &err), HF_OK);
	assert_non_null(e->s);
}

static void
end(struct env *e)
{
	hf_edge_syslog_free(e->s);
	hf_loop_free(e->loop);
	close(e->listener);
	if (e->peer >= 0)
		close(e->peer);
}

/* Turns the loop and reads as the collector until `done` or too long. */
static void
turn(struct env *e, bool (*done)(const struct env *e))
{
	int64_t until = hf_mono_ns() + 20 * HF_NS_PER_S;
	ssize_t n;

	while (!done(e)) {
		if (hf_mono_ns() > until)
			fail_msg("waited too long; got \"%.*s\"", (int)e->ngot,
			    e->got);
		hf_loop_once(e->loop, 5);
		if (e->peer < 0) {
			e->peer =
			    accept4(e->listener, NULL, NULL, SOCK_NONBLOCK);
			e->ngot = 0;
		}
		n = e->peer < 0
			? -1
			: recv(e->peer, e->got + e->ngot,
			      sizeof(e->got) - 1 - e->ngot, MSG_DONTWAIT);
		if (n > 0)
			e->ngot += (size_t)n;
		e->got[e->ngot] = '\0';
	}
}

static int
give(struct env *e, uint64_t before, uint64_t number, const char *a,
    const char *b)
{
	struct hf_buf m;
	int rc;

	hf_buf_init(&m, 65536);
	hf_buf_u32(&m, hf_crc32c(0, "siem", 4));
	hf_buf_u64(&m, before);
	hf_buf_u64(&m, number);
	hf_buf_str(&m, a);
	if (b != NULL)
		hf_buf_str(&m, b);
	rc = hf_edge_syslog_take(e->s, m.p, m.len, NULL);
	hf_buf_fini(&m);
	return rc;
}

static bool
has_two(const struct env *e)
{
	return strcmp(e->got, FRAME_A FRAME_B) == 0;
}

static bool
is_confirmed_7(const struct env *e)
{
	return e->confirmed == 7;
}

static void
messages_are_octet_counted_and_confirmed_a_while_later(void **st)
{
	struct env e;

	begin(&e);
	assert_int_equal(give(&e, 0, 7, MSG_A, MSG_B), HF_OK);
	turn(&e, has_two);
	assert_int_equal(e.confirmed, 0); /* acknowledged, not settled */
	turn(&e, is_confirmed_7);
	assert_int_equal(e.rc, HF_OK);
	end(&e);
}

static bool
is_down(const struct env *e)
{
	return e->rc == HF_ECLOSED;
}

static bool
has_all_again(const struct env *e)
{
	return strcmp(e->got, FRAME_A FRAME_B FRAME_C) == 0;
}

static void
what_was_not_confirmed_is_sent_again_after_a_broken_connection(void **st)
{
	struct env e;

	begin(&e);
	assert_int_equal(give(&e, 0, 7, MSG_A, MSG_B), HF_OK);
	turn(&e, has_two);
	close(e.peer); /* it had read all of it: nobody can know */
	e.peer = -1;
	e.got[e.ngot = 0] = '\0';
	turn(&e, is_down);
	assert_int_equal(give(&e, 7, 8, MSG_C, NULL), HF_OK);
	turn(&e, has_all_again);
	end(&e);
}

static void
a_chunk_behind_a_hole_is_not_taken(void **st)
{
	struct env e;
	int was;

	begin(&e);
	assert_int_equal(e.nagain, 1); /* said at the start */
	assert_int_equal(give(&e, 0, 7, MSG_A, MSG_B), HF_OK);
	was = e.nagain;
	assert_int_equal(give(&e, 8, 9, MSG_C, NULL), HF_OK);
	assert_int_equal(e.nagain, was + 1);
	assert_int_equal(give(&e, 9, 10, MSG_C, NULL), HF_OK);
	assert_int_equal(e.nagain, was + 1); /* one question is enough */
	turn(&e, is_confirmed_7);
	assert_true(has_two(&e));
	end(&e);
}

static bool
has_third(const struct env *e)
{
	size_t n = strlen(FRAME_C);

	return e->ngot >= n && strcmp(e->got + e->ngot - n, FRAME_C) == 0;
}

static void
a_new_stream_replaces_what_waits_and_cuts_no_frame(void **st)
{
	struct env e;

	begin(&e);
	assert_int_equal(give(&e, 0, 7, MSG_A, MSG_B), HF_OK);
	assert_int_equal(give(&e, 0, 20, MSG_C, NULL), HF_OK);
	turn(&e, has_third);
	assert_true(strcmp(e.got, FRAME_C) == 0 ||
		    strcmp(e.got, FRAME_A FRAME_B FRAME_C) == 0);
	end(&e);
}

static void
what_is_no_message_ends_its_sender(void **st)
{
	static const char *const bad[] = {
	    "", "x", "<13>1 - - - - - - a\nb", "<13>1 - - - - - - \xff"};
	struct env e;
	size_t i;

	begin(&e);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(give(&e, 0, 5 + i, MSG_A, bad[i]), HF_EPROTO);
	assert_int_equal(give(&e, 5, 5, MSG_A, NULL), HF_EPROTO);
	assert_int_equal(give(&e, 0, 0, MSG_A, NULL), HF_EPROTO);
	assert_int_equal(hf_edge_syslog_take(e.s, "abc", 3, NULL), HF_EPROTO);
	assert_true(e.ctr.v[HF_C_X_REFUSED] >= 4);
	end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		messages_are_octet_counted_and_confirmed_a_while_later),
	    cmocka_unit_test(
		what_was_not_confirmed_is_sent_again_after_a_broken_connection),
	    cmocka_unit_test(a_chunk_behind_a_hole_is_not_taken),
	    cmocka_unit_test(
		a_new_stream_replaces_what_waits_and_cuts_no_frame),
	    cmocka_unit_test(what_is_no_message_ends_its_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
