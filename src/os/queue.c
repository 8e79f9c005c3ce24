/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c - ring of pointers under a mutex; an eventfd mirrors "not empty".
 *
 * The eventfd is written when the first item comes and read when the last one
 * goes, both under the mutex, so that it is readable exactly while there are
 * items. A thread without an event loop waits on the condition variable, which
 * counts on the monotonic clock.
 */
#include "os/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/time.h"

struct hf_queue {
	pthread_mutex_t lock;
	pthread_cond_t has_item;
	int fd;		     /* eventfd, non-blocking */
	size_t cap, n, head; /* items; head: index of the oldest */
	void **ring;	     /* cap slots */
};

struct hf_queue *
hf_queue_new(size_t cap)
{
	struct hf_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;
	size_t nbytes;

	if (q == NULL || cap == 0 ||
	    !hf_mul_size(cap, sizeof(*q->ring), &nbytes)) {
		free(q);
		return NULL;
	}
	q->cap = cap;
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->ring = malloc(nbytes);
	if (q->fd < 0 || q->ring == NULL) {
		if (q->fd >= 0)
			close(q->fd);
		free(q->ring);
		free(q);
		return NULL;
	}
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->has_item, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

void
hf_queue_free(struct hf_queue *q)
{
	if (q == NULL)
		return;
	assert(q->n == 0); /* an item here would leak: its owner forgot it */
	pthread_cond_destroy(&q->has_item);
	pthread_mutex_destroy(&q->lock);
	close(q->fd);
	free(q->ring);
	free(q);
}

bool
hf_queue_put(struct hf_queue *q, void *item)
{
	bool has_room;

	assert(item != NULL); /* NULL is "empty" */
	pthread_mutex_lock(&q->lock);
	has_room = q->n < q->cap;
	if (has_room) {
		q->ring[(q->head + q->n) % q->cap] = item;
		if (q->n++ == 0)
			eventfd_write(q->fd, 1);
		pthread_cond_signal(&q->has_item);
	}
	pthread_mutex_unlock(&q->lock);
	return has_room;
}

/* The oldest item; the caller holds the lock. */
static void *
take(struct hf_queue *q)
{
	eventfd_t count;
	void *item;

	if (q->n == 0)
		return NULL;
	item = q->ring[q->head];
	q->head = (q->head + 1) % q->cap;
	if (--q->n == 0)
		eventfd_read(q->fd, &count);
	return item;
}

void *
hf_queue_get(struct hf_queue *q)
{
	void *item;

	pthread_mutex_lock(&q->lock);
	item = take(q);
	pthread_mutex_unlock(&q->lock);
	return item;
}

void *
hf_queue_wait(struct hf_queue *q, int64_t timeout_ns)
{
	int64_t until = hf_mono_ns();
	struct timespec ts;
	void *item;

	if (timeout_ns < 0)
		timeout_ns = 0;
	if (__builtin_add_overflow(until, timeout_ns, &until))
		until = INT64_MAX;
	ts.tv_sec = until / HF_NS_PER_S;
	ts.tv_nsec = until % HF_NS_PER_S;
	pthread_mutex_lock(&q->lock);
	while (q->n == 0) {
		if (pthread_cond_timedwait(&q->has_item, &q->lock, &ts) != 0)
			break;
	}
	item = take(q);
	pthread_mutex_unlock(&q->lock);
	return item;
}

size_t
hf_queue_count(struct hf_queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	pthread_mutex_unlock(&q->lock);
	return n;
}

int
hf_queue_fd(const struct hf_queue *q)
{
	return q->fd;
}
