/* SPDX-License-Identifier: Apache-2.0
 *
 * proc_wires_test.c - arguments of a role, role and device states, and the
 * queue of audit records, over a real socket pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "proc/recq.h"
#include "proc/wires.h"

static void
args_come_back_as_they_were_given(void **state)
{
	struct hf_role_args a = {.role = HF_ROLE_EDGE,
	    .zone = 2,
	    .incarnation = 3,
	    .is_insecure = true,
	    .uid = 61304,
	    .gid = 61304,
	    .evidence_gid = (gid_t)-1,
	    .log_level = 2,
	    .host_netns = 4026531840,
	    .host_mntns = 1};
	struct hf_role_args b = {.role = HF_ROLE_EDGE};
	struct hf_wire w;
	struct hf_buf buf;
	int fd = open("/dev/null", O_RDONLY);

	a.fds[0] = (struct hf_role_fd){"parent", fd};
	a.fds[1] = (struct hf_role_fd){"dir.spool", fd};
	a.nfd = 2;
	hf_buf_init(&buf, 4096);
	assert_int_equal(hf_role_args_put(&a, &buf), HF_OK);
	setenv(HF_ROLE_ENV, hf_buf_cstr(&buf), 1);
	assert_int_equal(hf_role_args_get(&b, NULL), HF_OK);
	assert_null(getenv(HF_ROLE_ENV));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(hf_role_fd(&b, "dir.spool"), fd);
	assert_int_equal(hf_role_fd(&b, "core"), -1);
	w = hf_role_wire(&b, HF_ROLE_PARENT, 0);
	assert_int_equal(w.fd, fd);
	assert_int_equal(w.zone, 2);
	assert_int_equal(w.incarnation, 3);
	hf_buf_fini(&buf);
	close(fd);
}

static void
args_that_are_wrong_are_refused(void **state)
{
	static const char *const bad[] = {"zone", "=1", "uid=", "uid=-1",
	    "uid=12x", "core=999", "zone=33", "core=99999999999"};
	struct hf_role_args a = {.role = HF_ROLE_CORE};
	struct hf_err err = {0};
	size_t i;

	unsetenv(HF_ROLE_ENV);
	assert_int_equal(hf_role_args_get(&a, &err), HF_EINVAL);
	assert_non_null(strstr(err.msg, "holdfast run"));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv(HF_ROLE_ENV, bad[i], 1);
		assert_int_not_equal(hf_role_args_get(&a, &err), HF_OK);
	}
}

static void
role_state_bytes_are_as_written_down(void **state)
{
	static const uint8_t want[] = {HF_ROLE_EDGE, 2, HF_RS_FAILING, 0, 5, 0,
	    0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,
	    10, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'o', 'h'};
	struct hf_role_state s = {.role = HF_ROLE_EDGE,
				 .zone = 2,
				 .status = HF_RS_FAILING,
				 .pid = 5,
				 .restarts = 6,
				 .layers = 7,
				 .missing = 8,
				 .since_ns = 9,
				 .cert_end_ns = 10,
				 .text = "oh"},
			     back;
	struct hf_buf b;
	size_t n;

	hf_buf_init(&b, 600);
	hf_role_state_encode(&s, &b);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));
	assert_int_equal(hf_role_state_decode(b.p, b.len, &back, NULL), HF_OK);
	assert_memory_equal(&s, &back, sizeof(s));
	for (n = 0; n < b.len; n++)
		assert_int_equal(
		    hf_role_state_decode(b.p, n, &back, NULL), HF_EPROTO);
	b.p[2] = 99;
	assert_int_equal(
	    hf_role_state_decode(b.p, b.len, &back, NULL), HF_EPROTO);
	hf_buf_fini(&b);
}

static void
device_state_comes_back_and_bad_ones_are_refused(void **state)
{
	struct hf_dev_state s = {.device = "press7",
				.status = HF_DS_DOWN,
				.last_value_ns = HF_TIME_NONE,
				.since_ns = 2,
				.requests = 3,
				.answers = 4,
				.timeouts = 5,
				.exceptions = 6,
				.framing = 7,
				.connects = 8,
				.skipped = 9,
				.samples = 10,
				.requests_hz = 0.5,
				.text = "refused, next try in 2s"},
			    back;
	struct hf_buf b;
	size_t n;

	hf_buf_init(&b, 2048);
	hf_dev_state_encode(&s, &b);
	assert_int_equal(hf_dev_state_decode(b.p, b.len, &back, NULL), HF_OK);
	assert_memory_equal(&s, &back, sizeof(s));
	for (n = 0; n < b.len; n++)
		assert_int_equal(
		    hf_dev_state_decode(b.p, n, &back, NULL), HF_EPROTO);
	hf_buf_reset(&b);
	s.requests_hz = NAN;
	hf_dev_state_encode(&s, &b);
	assert_int_equal(
	    hf_dev_state_decode(b.p, b.len, &back, NULL), HF_EPROTO);
	hf_buf_reset(&b);
	s.requests_hz = 1;
	memcpy(s.device, "../x", 5);
	hf_dev_state_encode(&s, &b);
	assert_int_equal(
	    hf_dev_state_decode(b.p, b.len, &back, NULL), HF_EPROTO);
	hf_buf_fini(&b);
}

/* ---- records on their way */

struct line {
	struct hf_wire core, audit;
	struct hf_counters c;
	struct hf_recq *q;
};

static struct line
line_new(uint32_t incarnation)
{
	struct line l = {0};
	int fd[2];

	assert_int_equal(hf_wire_pair(fd, NULL), HF_OK);
	l.core = (struct hf_wire){.fd = fd[0],
	    .self = HF_ROLE_CORE,
	    .peer = HF_ROLE_AUDIT,
	    .incarnation = incarnation};
	l.audit = (struct hf_wire){.fd = fd[1],
	    .self = HF_ROLE_AUDIT,
	    .peer = HF_ROLE_CORE,
	    .incarnation = 1};
	return l;
}

static void
line_free(struct line *l)
{
	hf_recq_free(l->q);
	close(l->core.fd);
	close(l->audit.fd);
}

static int
put(struct line *l, int64_t now)
{
	struct hf_record r = {.action = "event.raised", .actor = "rule:x"};

	return hf_recq_put(l->q, &r, now, NULL);
}

/* Request id of the next record on audit's end; 0 if none. */
static uint64_t
next(struct line *l)
{
	static uint8_t buf[HF_MSG_MAX];
	enum hf_violation v;
	struct hf_msg m;
	int rc;

	rc = hf_wire_recv(&l->audit, buf, &m, &v, NULL);
	if (rc == HF_EAGAIN)
		return 0;
	assert_int_equal(rc, HF_OK);
	assert_int_equal(m.type, HF_MSG_RECORD);
	return m.req;
}

static int
ack(struct line *l, uint64_t upto)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, 16);
	hf_buf_u64(&b, upto);
	hf_buf_u64(&b, 0);
	rc = hf_recq_ack(l->q, b.p, b.len, NULL);
	hf_buf_fini(&b);
	return rc;
}

#define ID(inc, n) ((uint64_t)(inc) << 32 | (n))

static void
record_is_kept_until_it_is_acknowledged(void **state)
{
	struct line l = line_new(4);

	l.q = hf_recq_new(&l.core, &l.c);
	assert_int_equal(put(&l, 0), HF_OK);
	assert_int_equal(put(&l, 0), HF_OK);
	assert_int_equal(next(&l), ID(4, 1));
	assert_int_equal(next(&l), ID(4, 2));
	assert_int_equal(hf_recq_waiting(l.q), 2);
	assert_int_equal(ack(&l, ID(4, 1)), HF_OK);
	assert_int_equal(hf_recq_waiting(l.q), 1);
	/* not before its time, then the rest only */
	hf_recq_tick(l.q, HF_RECQ_RESEND_NS - 1);
	assert_int_equal(next(&l), 0);
	hf_recq_tick(l.q, HF_RECQ_RESEND_NS);
	assert_int_equal(next(&l), ID(4, 2));
	assert_int_equal(next(&l), 0);
	assert_int_equal(ack(&l, ID(4, 2)), HF_OK);
	assert_int_equal(hf_recq_waiting(l.q), 0);
	assert_int_equal(l.c.v[HF_C_A_SENT], 2);
	line_free(&l);
}

static void
acknowledgement_for_an_earlier_incarnation_changes_nothing(void **state)
{
	struct line l = line_new(4);

	l.q = hf_recq_new(&l.core, &l.c);
	assert_int_equal(put(&l, 0), HF_OK);
	assert_int_equal(ack(&l, ID(3, 500)), HF_OK);
	assert_int_equal(hf_recq_waiting(l.q), 1);
	line_free(&l);
}

static void
acknowledgement_of_a_record_never_sent_is_refused(void **state)
{
	struct line l = line_new(4);

	l.q = hf_recq_new(&l.core, &l.c);
	assert_int_equal(put(&l, 0), HF_OK);
	assert_int_equal(ack(&l, ID(4, 2)), HF_EPROTO);
	assert_int_equal(hf_recq_ack(l.q, "", 0, NULL), HF_EPROTO);
	assert_int_equal(hf_recq_waiting(l.q), 1);
	line_free(&l);
}

static void
full_queue_counts_what_it_loses_and_says_so_later(void **state)
{
	struct line l = line_new(1);
	struct hf_record r;
	static uint8_t buf[HF_MSG_MAX];
	enum hf_violation v;
	struct hf_msg m;
	int i;

	l.q = hf_recq_new(&l.core, &l.c);
	hf_recq_hold(l.q, true, 0);
	for (i = 0; i < HF_RECQ_MAX; i++)
		assert_int_equal(put(&l, 0), HF_OK);
	assert_int_equal(put(&l, 0), HF_ELIMIT);
	assert_int_equal(put(&l, 0), HF_ELIMIT);
	assert_int_equal(next(&l), 0); /* held */
	assert_int_equal(l.c.v[HF_C_A_DROPPED], 2);
	assert_int_equal(ack(&l, ID(1, HF_RECQ_MAX)), HF_OK);
	hf_recq_hold(l.q, false, 1);
	hf_recq_tick(l.q, 1);
	assert_int_equal(hf_wire_recv(&l.audit, buf, &m, &v, NULL), HF_OK);
	assert_int_equal(hf_record_decode(m.p, m.n, &r, NULL), HF_OK);
	assert_string_equal(r.action, "record.overflow");
	assert_non_null(strstr(r.detail, "2 records were lost"));
	line_free(&l);
}

static void
records_keep_their_order_when_the_wire_fills_up(void **state)
{
	struct hf_record r = {.action = "event.raised"};
	struct line l = line_new(1);
	uint64_t want = 1, got;
	int i;

	l.q = hf_recq_new(&l.core, &l.c);
	memset(r.detail, 'x', sizeof(r.detail) - 1);
	for (i = 0; i < 1000; i++)
		assert_int_equal(hf_recq_put(l.q, &r, 0, NULL), HF_OK);
	while (want <= 1000) {
		while ((got = next(&l)) != 0)
			assert_int_equal(got, ID(1, want++));
		hf_recq_tick(l.q, 1);
	}
	assert_int_equal(hf_recq_waiting(l.q), 1000);
	line_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(args_come_back_as_they_were_given),
	    cmocka_unit_test(args_that_are_wrong_are_refused),
	    cmocka_unit_test(role_state_bytes_are_as_written_down),
	    cmocka_unit_test(device_state_comes_back_and_bad_ones_are_refused),
	    cmocka_unit_test(record_is_kept_until_it_is_acknowledged),
	    cmocka_unit_test(
		acknowledgement_for_an_earlier_incarnation_changes_nothing),
	    cmocka_unit_test(acknowledgement_of_a_record_never_sent_is_refused),
	    cmocka_unit_test(full_queue_counts_what_it_loses_and_says_so_later),
	    cmocka_unit_test(records_keep_their_order_when_the_wire_fills_up),
	};

	return cmocka_run_group_tests_name("proc_wires", tests, NULL, NULL);
}
