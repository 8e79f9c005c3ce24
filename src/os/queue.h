/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h - bounded queue of pointers between two threads, with an eventfd to
 * wait on.
 *
 * Any number of producers and consumers (mutex); the items' ownership moves
 * with them.
 */
#ifndef HF_OS_QUEUE_H
#define HF_OS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_queue;
struct hf_queue *hf_queue_new(size_t cap);	   /* NULL on failure */
void hf_queue_free(struct hf_queue *q);		   /* must be empty */
bool hf_queue_put(struct hf_queue *q, void *item); /* false if full */
void *hf_queue_get(struct hf_queue *q);		   /* NULL if empty */
/* Waits at most until timeout_ns from now for an item; NULL if none came. */
void *hf_queue_wait(struct hf_queue *q, int64_t timeout_ns);
size_t hf_queue_count(struct hf_queue *q);
/* Readable (level) while the queue is not empty: for event loops. */
int hf_queue_fd(const struct hf_queue *q);

#endif
