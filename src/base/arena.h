/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - memory that is freed all at once: a plant's strings, a batch's
 * scratch. Born with its limit; allocation beyond it returns NULL.
 */
#ifndef HF_BASE_ARENA_H
#define HF_BASE_ARENA_H

#include <stddef.h>

struct hf_arena;

struct hf_arena *hf_arena_new(size_t max_bytes);
void hf_arena_free(struct hf_arena *a);
void hf_arena_reset(struct hf_arena *a);	    /* keeps the first block */
void *hf_arena_alloc(struct hf_arena *a, size_t n); /* zeroed, 16-aligned */
void *hf_arena_calloc(
    struct hf_arena *a, size_t n, size_t size); /* overflow-safe */
char *hf_arena_strdup(struct hf_arena *a, const char *s);
char *hf_arena_strndup(struct hf_arena *a, const char *s, size_t n);
char *hf_arena_printf(struct hf_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
size_t hf_arena_used(const struct hf_arena *a);

#endif
