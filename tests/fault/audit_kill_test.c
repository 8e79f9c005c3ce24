/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_kill_test.c - kill -9 of the process that writes the audit log.
 *
 * A child appends, commits and signs, in batches of changing size; after each
 * commit it says in shared memory how much it promised. It is killed at a
 * random moment; its writes come in two halves with a pause between, so that
 * torn frames do occur. The log is then opened as after a crash: every promised
 * record must be there with its bytes, and the log must verify. 20 runs over
 * one growing log; with TORTURE=1 1,000.
 */
#include "audit_fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct promise {		   /* shared with the child */
	volatile uint64_t durable; /* acknowledged */
	volatile uint64_t started;
};

static uint64_t rnd = 0x9e3779b97f4a7c15u;

static uint64_t
next_random(void)
{
	rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
	return rnd;
}

static ssize_t
slow_pwrite(int fd, const void *p, size_t n, off_t off)
{
	struct timespec ts = {.tv_nsec = 100000};

	if (n < 16)
		return pwrite(fd, p, n, off);
	nanosleep(&ts, NULL);
	return pwrite(fd, p, n / 2 + 3, off); /* the rest comes by itself */
}

static void
child(struct fx *f, struct promise *shared, uint64_t seed)
{
	struct hf_io io = hf_io_system;
	int i;

	rnd = seed | 1;
	io.pwrite = slow_pwrite;
	hf_io_set(&io);
	if (fx_open(f, 1) != HF_OK)
		_exit(3);
	shared->started = 1;
	for (i = 0;; i++) {
		if (fx_add(f, 1 + next_random() % 40) != HF_OK ||
		    hf_auditlog_commit(f->l, NULL) != HF_OK)
			_exit(4);
		shared->durable = hf_auditlog_durable(f->l);
		if (i % 4 == 3 && hf_auditlog_checkpoint(f->l, NULL) != HF_OK)
			_exit(5);
	}
}

/* Time of the newest record, so that the next child's clock goes on. */
static void
advance(struct fx *f, int run)
{
	f->at.wall_ns = FX_T0 + (int64_t)(run + 1) * 3600 * HF_NS_PER_S;
	f->at.mono_ns = (int64_t)(run + 1) * 3600 * HF_NS_PER_S;
}

static void
check_promise(struct fx *f, uint64_t durable)
{
	struct hf_buf json;
	char want[64];
	uint64_t seq;

	assert_true(f->report.size >= durable);
	if (durable == 0)
		return;
	hf_buf_init(&json, 1 << 20);
	for (seq = durable > 50 ? durable - 50 : 0; seq < durable; seq++) {
		hf_buf_reset(&json);
		fx_ok(f, hf_auditlog_read_json(f->l, seq, 1, &json, &f->err));
		snprintf(want, sizeof(want),
		    "acknowledged number %llu:", (unsigned long long)seq);
		if (strstr(hf_buf_cstr(&json), "alarm.ack") != NULL)
			assert_non_null(strstr(hf_buf_cstr(&json), want));
	}
	hf_buf_fini(&json);
}

static void
kill_9_loses_no_acknowledged_record(void **state)
{
	int nrun = getenv("TORTURE") != NULL ? 1000 : 20, i, status, ntorn = 0;
	struct promise *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct hf_audit_verdict v;
	struct fx f;
	pid_t pid;

	(void)state;
	assert_true(shared != MAP_FAILED);
	fx_init(&f);
	f.conf.segment_bytes = 200000;
	for (i = 0; i < nrun; i++) {
		struct timespec ts = {
		    .tv_nsec = (long)(next_random() % 40000000)};

		advance(&f, 2 * i);
		shared->started = 0;
		shared->durable = 0;
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(&f, shared, next_random());
		while (!shared->started && waitpid(pid, &status, WNOHANG) == 0)
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		assert_int_equal(shared->started, 1);
		nanosleep(&ts, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		next_random();
		advance(&f, 2 * i + 1);
		fx_ok(&f, fx_open(&f, 1));
		assert_null(strstr(f.report.text, "damaged"));
		ntorn += f.report.torn_bytes > 0;
		check_promise(&f, shared->durable);
		fx_ok(&f, fx_sign(&f, 1));
		fx_close(&f);
	}
	print_message("# %d runs, %d torn tails cut\n", nrun, ntorn);
	assert_true(ntorn > 0); /* or the test tests nothing */
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	munmap(shared, sizeof(*shared));
	fx_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kill_9_loses_no_acknowledged_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
