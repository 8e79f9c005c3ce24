/* SPDX-License-Identifier: Apache-2.0
 *
 * os_queue_test.c - order, bounds, and the descriptor that mirrors "not empty".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "base/time.h"
#include "os/queue.h"

#define N 20000
#define LONG_NS (60 * HF_NS_PER_S) /* longer than any machine stalls */

static bool
is_readable(const struct hf_queue *q)
{
	struct pollfd p = {.fd = hf_queue_fd(q), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void
items_come_out_in_order_and_no_more_than_fit(void **state)
{
	struct hf_queue *q = hf_queue_new(3);
	int v[4], round;

	for (round = 0; round < 5; round++) { /* wraps around the ring */
		assert_null(hf_queue_get(q));
		assert_true(hf_queue_put(q, &v[0]));
		assert_true(hf_queue_put(q, &v[1]));
		assert_true(hf_queue_put(q, &v[2]));
		assert_false(hf_queue_put(q, &v[3]));
		assert_int_equal(hf_queue_count(q), 3);
		assert_ptr_equal(hf_queue_get(q), &v[0]);
		assert_true(hf_queue_put(q, &v[3]));
		assert_ptr_equal(hf_queue_get(q), &v[1]);
		assert_ptr_equal(hf_queue_get(q), &v[2]);
		assert_ptr_equal(hf_queue_get(q), &v[3]);
		assert_null(hf_queue_get(q));
	}
	hf_queue_free(q);
	hf_queue_free(NULL);
}

static void
descriptor_is_readable_exactly_while_there_are_items(void **state)
{
	struct hf_queue *q = hf_queue_new(4);
	int v;

	assert_false(is_readable(q));
	hf_queue_put(q, &v);
	hf_queue_put(q, &v);
	assert_true(is_readable(q));
	hf_queue_get(q);
	assert_true(is_readable(q));
	hf_queue_get(q);
	assert_false(is_readable(q));
	hf_queue_put(q, &v);
	assert_ptr_equal(hf_queue_wait(q, 0), &v);
	assert_false(is_readable(q));
	hf_queue_free(q);
}

static void
wait_ends_at_its_time_without_an_item(void **state)
{
	struct hf_queue *q = hf_queue_new(1);
	int64_t t0 = hf_mono_ns();

	assert_null(hf_queue_wait(q, 5 * HF_NS_PER_MS));
	assert_true(hf_mono_ns() - t0 >= 5 * HF_NS_PER_MS);
	assert_null(hf_queue_wait(q, -1));
	hf_queue_free(q);
}

static void
queue_without_room_is_not_made(void **state)
{
	assert_null(hf_queue_new(0));
	assert_null(hf_queue_new(SIZE_MAX / sizeof(void *) + 1));
}

struct pair {
	struct hf_queue *q;
	uintptr_t first; /* items first, first + 2, ... of 1..N */
};

static void *
produce(void *arg)
{
	const struct pair *p = arg;
	uintptr_t i;

	for (i = p->first; i <= N; i += 2) {
		while (!hf_queue_put(p->q, (void *)i))
			sched_yield();
	}
	return NULL;
}

static void
nothing_is_lost_or_doubled_between_threads(void **state)
{
	static bool seen[N + 1];
	struct hf_queue *q = hf_queue_new(8);
	struct pair half[2] = {{q, 1}, {q, 2}};
	uintptr_t item, last[2] = {0, 0};
	pthread_t t[2];
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, produce, &half[i]);
	for (i = 0; i < N; i++) {
		item = (uintptr_t)hf_queue_wait(q, LONG_NS);
		assert_true(item >= 1 && item <= N && !seen[item]);
		assert_true(item > last[item % 2]); /* order per producer */
		last[item % 2] = item;
		seen[item] = true;
	}
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_false(is_readable(q));
	hf_queue_free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(items_come_out_in_order_and_no_more_than_fit),
	    cmocka_unit_test(
		descriptor_is_readable_exactly_while_there_are_items),
	    cmocka_unit_test(wait_ends_at_its_time_without_an_item),
	    cmocka_unit_test(queue_without_room_is_not_made),
	    cmocka_unit_test(nothing_is_lost_or_doubled_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
