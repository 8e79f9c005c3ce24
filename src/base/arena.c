/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - blocks of memory that are filled from the front and freed together.
 *
 * Blocks start at 4 KiB and double up to 1 MiB; a larger request gets a block
 * of its own size. The limit counts the bytes handed out, rounded up to 16.
 * There is no free of single items: what must be freed alone is no arena item.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define ALIGN 16u
#define BLOCK_FIRST 4096u    /* bytes of payload */
#define BLOCK_MAX (1u << 20) /* bytes of payload, unless one item is larger */

struct block {
	struct block *next; /* the older one */
	size_t cap, used;   /* bytes of mem */
	alignas(ALIGN) uint8_t mem[];
};

struct hf_arena {
	struct block *top;   /* where we fill */
	struct block *first; /* survives hf_arena_reset */
	size_t used, max;    /* bytes handed out, limit */
};

struct hf_arena *
hf_arena_new(size_t max_bytes)
{
	struct hf_arena *a = calloc(1, sizeof(*a));

	if (a != NULL)
		a->max = max_bytes;
	return a;
}

/* Frees every block above keep; keep NULL frees them all. */
static void
free_blocks(struct hf_arena *a, const struct block *keep)
{
	struct block *b;

	while (a->top != keep) {
		b = a->top;
		a->top = b->next;
		free(b);
	}
}

void
hf_arena_free(struct hf_arena *a)
{
	if (a == NULL)
		return;
	free_blocks(a, NULL);
	free(a);
}

void
hf_arena_reset(struct hf_arena *a)
{
	free_blocks(a, a->first);
	if (a->first != NULL)
		a->first->used = 0;
	a->used = 0;
}

/* A new top block with room for at least n bytes. */
static bool
grow(struct hf_arena *a, size_t n)
{
	size_t cap = BLOCK_FIRST, nbytes;
	struct block *b;

	if (a->top != NULL)
		cap = a->top->cap < BLOCK_MAX / 2 ? a->top->cap * 2 : BLOCK_MAX;
	if (cap < n)
		cap = n;
	if (!hf_add_size(sizeof(*b), cap, &nbytes))
		return false;
	b = aligned_alloc(ALIGN, (nbytes + ALIGN - 1) & ~(size_t)(ALIGN - 1));
	if (b == NULL)
		return false;
	b->next = a->top;
	b->cap = cap;
	b->used = 0;
	a->top = b;
	if (a->first == NULL)
		a->first = b;
	return true;
}

void *
hf_arena_alloc(struct hf_arena *a, size_t n)
{
	size_t rounded;
	void *p;

	if (!hf_add_size(n == 0 ? 1 : n, ALIGN - 1, &rounded))
		return NULL;
	rounded &= ~(size_t)(ALIGN - 1);
	if (rounded > a->max - a->used)
		return NULL;
	if (a->top == NULL || rounded > a->top->cap - a->top->used) {
		if (!grow(a, rounded))
			return NULL;
	}
	p = a->top->mem + a->top->used;
	a->top->used += rounded;
	a->used += rounded;
	memset(p, 0, rounded);
	return p;
}

void *
hf_arena_calloc(struct hf_arena *a, size_t n, size_t size)
{
	size_t nbytes;

	if (!hf_mul_size(n, size, &nbytes))
		return NULL;
	return hf_arena_alloc(a, nbytes);
}

char *
hf_arena_strdup(struct hf_arena *a, const char *s)
{
	return hf_arena_strndup(a, s, strlen(s));
}

char *
hf_arena_strndup(struct hf_arena *a, const char *s, size_t n)
{
	char *p;

	n = strnlen(s, n);
	p = hf_arena_alloc(a, n + 1); /* zeroed: terminated */
	if (p != NULL)
		memcpy(p, s, n);
	return p;
}

char *
hf_arena_printf(struct hf_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = hf_arena_alloc(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

size_t
hf_arena_used(const struct hf_arena *a)
{
	return a->used;
}
