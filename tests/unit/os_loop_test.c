/* SPDX-License-Identifier: Apache-2.0
 *
 * os_loop_test.c - descriptors, timers and signals call their functions;
 * watches may be freed from inside them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"
#include "os/loop.h"

#define LONG_MS 60000 /* never reached: something is due before */

struct probe {
	struct hf_loop *l;
	struct hf_watch *w;
	int fd, ncall, stop_at;
	int64_t again_ns;
};

static void
on_call(void *arg)
{
	struct probe *p = arg;
	char byte;

	p->ncall++;
	if (p->fd >= 0)
		assert_int_equal(read(p->fd, &byte, 1), 1);
	if (p->again_ns > 0)
		hf_timer_in(p->w, p->again_ns);
	if (p->stop_at == p->ncall)
		hf_loop_stop(p->l);
}

static void
on_call_free_watch(void *arg)
{
	struct probe *p = arg;

	p->ncall++;
	hf_watch_free(p->w);
	p->w = NULL;
}

static void
readable_descriptor_calls_until_it_is_read(void **state)
{
	struct probe p = {.l = hf_loop_new()};
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	p.fd = sv[0];
	p.w = hf_loop_read(p.l, sv[0], on_call, &p);
	hf_loop_once(p.l, 0);
	assert_int_equal(p.ncall, 0);
	assert_int_equal(write(sv[1], "ab", 2), 2);
	hf_loop_once(p.l, LONG_MS);
	hf_loop_once(p.l, LONG_MS); /* level: the second byte */
	assert_int_equal(p.ncall, 2);
	hf_watch_enable(p.w, false);
	assert_int_equal(write(sv[1], "c", 1), 1);
	hf_loop_once(p.l, 0);
	assert_int_equal(p.ncall, 2);
	hf_watch_enable(p.w, true);
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 3);
	hf_watch_free(p.w);
	hf_loop_free(p.l);
	close(sv[0]);
	close(sv[1]);
}

static void
writable_descriptor_calls(void **state)
{
	struct probe p = {.l = hf_loop_new(), .fd = -1};
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	p.w = hf_loop_write(p.l, sv[0], on_call, &p);
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 1);
	hf_watch_free(p.w);
	hf_loop_free(p.l);
	close(sv[0]);
	close(sv[1]);
}

static void
timer_fires_once_per_arming_and_never_early(void **state)
{
	struct probe p = {.l = hf_loop_new(), .fd = -1};
	int64_t t0;

	p.w = hf_loop_timer(p.l, on_call, &p);
	hf_loop_once(p.l, 0);
	hf_watch_enable(p.w, true); /* does not arm a timer */
	hf_loop_once(p.l, 1);
	assert_int_equal(p.ncall, 0);
	t0 = hf_mono_ns();
	hf_timer_in(p.w, 3 * HF_NS_PER_MS);
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 1);
	assert_true(hf_mono_ns() - t0 >= 3 * HF_NS_PER_MS);
	hf_loop_once(p.l, 5);
	assert_int_equal(p.ncall, 1);
	hf_timer_in(p.w, 0);
	hf_watch_enable(p.w, false);
	hf_loop_once(p.l, 1);
	assert_int_equal(p.ncall, 1);
	hf_timer_in(p.w, -5);
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 2);
	hf_watch_free(p.w);
	hf_loop_free(p.l);
}

static void
timer_arms_itself_again_until_the_loop_is_stopped(void **state)
{
	struct probe p = {
	    .l = hf_loop_new(), .fd = -1, .stop_at = 5, .again_ns = 1000};

	p.w = hf_loop_timer(p.l, on_call, &p);
	hf_timer_in(p.w, 1000);
	assert_int_equal(hf_loop_run(p.l), HF_OK);
	assert_int_equal(p.ncall, 5);
	hf_watch_free(p.w);
	hf_loop_free(p.l);
}

static void
stop_before_run_is_not_lost(void **state)
{
	struct hf_loop *l = hf_loop_new();

	hf_loop_stop(l);
	assert_int_equal(hf_loop_run(l), HF_OK);
	hf_loop_free(l);
	hf_loop_free(NULL);
}

static void
signal_calls_in_the_loop(void **state)
{
	struct probe p = {.l = hf_loop_new(), .fd = -1};

	p.w = hf_loop_signal(p.l, SIGUSR1, on_call, &p);
	raise(SIGUSR1);
	assert_int_equal(p.ncall, 0); /* not in the handler */
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 1);
	hf_watch_free(p.w);
	hf_loop_free(p.l);
}

static void
watch_may_be_freed_from_its_own_call(void **state)
{
	struct probe p = {.l = hf_loop_new(), .fd = -1};

	p.w = hf_loop_timer(p.l, on_call_free_watch, &p);
	hf_timer_in(p.w, 0);
	hf_loop_once(p.l, LONG_MS);
	assert_int_equal(p.ncall, 1);
	assert_null(p.w);
	hf_watch_free(NULL);
	hf_loop_free(p.l);
}

static void
broken_pipe_is_an_error_code_not_death(void **state)
{
	struct hf_loop *l = hf_loop_new();
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(write(fd[1], "x", 1), -1);
	close(fd[1]);
	hf_loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(readable_descriptor_calls_until_it_is_read),
	    cmocka_unit_test(writable_descriptor_calls),
	    cmocka_unit_test(timer_fires_once_per_arming_and_never_early),
	    cmocka_unit_test(timer_arms_itself_again_until_the_loop_is_stopped),
	    cmocka_unit_test(stop_before_run_is_not_lost),
	    cmocka_unit_test(signal_calls_in_the_loop),
	    cmocka_unit_test(watch_may_be_freed_from_its_own_call),
	    cmocka_unit_test(broken_pipe_is_an_error_code_not_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
