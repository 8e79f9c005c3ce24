/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_mirror_test.c - the mirror against a slow and obvious one: what goes out
 * is durable and in order, nobody starves, and the end is the last values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/mirror.h"

#define NTAG 12
#define NSTEP 20000
#define NRUN 20

struct oracle { /* all that was ever noted of one tag */
	uint64_t seq[NSTEP];
	size_t n, shown; /* shown: values up to this one are old */
};

struct run {
	struct hf_mirror *m;
	struct oracle *o; /* NTAG */
	uint64_t seq, durable, prng;
};

static uint64_t
next_random(struct run *r, uint64_t n)
{
	r->prng ^= r->prng << 13;
	r->prng ^= r->prng >> 7;
	r->prng ^= r->prng << 17;
	return r->prng % n;
}

/* The value of a tag is the number of times it was noted; odd tags as text. */
static void
note(struct run *r, size_t tag)
{
	struct oracle *o = &r->o[tag];
	struct hf_sample s = {.vtype = HF_V_I64, .v.i64 = (int64_t)o->n};
	char text[32];

	snprintf(text, sizeof(text), "%*s%zu", (int)(o->n % 9), "", o->n);
	if (tag % 2 == 1)
		s = (struct hf_sample){
		    .vtype = HF_V_STR, .str_len = (uint16_t)strlen(text)};
	hf_mirror_note(r->m, tag, &s, text, r->seq);
	o->seq[o->n++] = r->seq;
}

static size_t
which(size_t tag, const struct hf_sample *s, const char *str)
{
	if (tag % 2 == 0)
		return (size_t)s->v.i64;
	assert_int_equal(strlen(str), s->str_len);
	return (size_t)strtoul(str, NULL, 10);
}

/* One value goes out; false: none is due. */
static bool
take(struct run *r)
{
	const char *str;
	struct hf_sample s;
	size_t tag, v;

	if (!hf_mirror_next(r->m, r->durable, &tag, &s, &str))
		return false;
	v = which(tag, &s, str);
	assert_true(v < r->o[tag].n);
	assert_true(r->o[tag].seq[v] <= r->durable);
	assert_int_equal(hf_mirror_seq(r->m), r->o[tag].seq[v]);
	if (next_random(r, 5) == 0) {
		hf_mirror_undo(r->m, tag); /* comes first, or newer of it */
		assert_true(hf_mirror_next(r->m, r->durable, &tag, &s, &str));
		assert_true(which(tag, &s, str) >= v);
		v = which(tag, &s, str);
	}
	assert_true(v + 1 >= r->o[tag].shown); /* never back */
	r->o[tag].shown = v + 1;
	return true;
}

static void
random_run(uint64_t seed)
{
	struct run r = {.m = hf_mirror_new(NTAG),
	    .o = calloc(NTAG, sizeof(*r.o)),
	    .seq = 1,
	    .prng = seed};
	size_t i, step;

	for (step = 0; step < NSTEP; step++) {
		switch (next_random(&r, 8)) {
		case 0:
			r.seq++;
			break;
		case 1:
			r.durable += next_random(&r, r.seq - r.durable + 1);
			break;
		case 2:
			take(&r);
			break;
		case 3:
			if (next_random(&r, 500) == 0)
				hf_mirror_all(r.m);
			break;
		default: /* tag 0 all the time, the others seldom */
			note(
			    &r, next_random(&r, 3) ? 0 : next_random(&r, NTAG));
		}
	}
	r.durable = r.seq;
	for (i = 0; take(&r); i++)
		assert_true(i <= 2 * NTAG); /* dirty once, not once a note */
	for (i = 0; i < NTAG; i++)
		assert_int_equal(r.o[i].shown, r.o[i].n);
	assert_int_equal(hf_mirror_dirty(r.m), 0);
	hf_mirror_free(r.m);
	free(r.o);
}

static void
agrees_with_a_slow_one_whatever_comes(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= NRUN; seed++)
		random_run(seed * 7919);
}

static void
note_i64(struct hf_mirror *m, size_t idx, int64_t v, uint64_t seq)
{
	struct hf_sample s = {.vtype = HF_V_I64, .v.i64 = v};

	hf_mirror_note(m, idx, &s, NULL, seq);
}

static void
gives(struct hf_mirror *m, uint64_t durable, size_t idx, int64_t v)
{
	struct hf_sample s;
	const char *str;
	size_t i;

	assert_true(hf_mirror_next(m, durable, &i, &s, &str));
	assert_int_equal(i, idx);
	assert_int_equal(s.v.i64, v);
}

static void
gives_none(struct hf_mirror *m, uint64_t durable)
{
	struct hf_sample s;
	const char *str;
	size_t i;

	assert_false(hf_mirror_next(m, durable, &i, &s, &str));
}

static void
what_is_not_durable_does_not_go_out(void **state)
{
	struct hf_mirror *m = hf_mirror_new(2);

	note_i64(m, 0, 1, 5);
	gives_none(m, 4);
	note_i64(m, 0, 2, 6); /* the first one is held, not thrown away */
	gives(m, 5, 0, 1);
	gives_none(m, 5);
	gives(m, 6, 0, 2);
	assert_int_equal(hf_mirror_dirty(m), 0);
	hf_mirror_free(m);
}

static void
tag_that_changes_all_the_time_takes_one_turn(void **state)
{
	struct hf_mirror *m = hf_mirror_new(3);
	int64_t i;

	note_i64(m, 0, 0, 1);
	note_i64(m, 1, 10, 1);
	note_i64(m, 2, 20, 1);
	for (i = 1; i < 1000; i++)
		note_i64(m, 0, i, 2);
	gives(m, 1, 0, 0);
	gives(m, 1, 1, 10);
	gives(m, 1, 2, 20);
	gives(m, 2, 0, 999);
	gives_none(m, 2);
	hf_mirror_free(m);
}

static void
value_that_was_given_back_comes_first(void **state)
{
	struct hf_mirror *m = hf_mirror_new(3);

	note_i64(m, 0, 1, 1);
	note_i64(m, 1, 2, 1);
	gives(m, 1, 0, 1);
	note_i64(m, 0, 3, 2);
	hf_mirror_undo(m, 0);
	gives(m, 1, 0, 1);
	gives(m, 1, 1, 2);
	gives(m, 2, 0, 3);
	hf_mirror_undo(m, 1); /* not what was given last: nothing happens */
	gives_none(m, 9);
	hf_mirror_free(m);
}

static void
all_are_due_again_after_a_broker_came_back(void **state)
{
	struct hf_mirror *m = hf_mirror_new(4);

	note_i64(m, 3, 30, 1);
	note_i64(m, 1, 10, 1);
	gives(m, 1, 3, 30);
	hf_mirror_all(m);
	assert_int_equal(hf_mirror_dirty(m), 2); /* 0 and 2 never had one */
	gives(m, 1, 1, 10);
	gives(m, 1, 3, 30);
	gives_none(m, 1);
	hf_mirror_free(m);
}

static void
mirror_of_no_tags_is_empty(void **state)
{
	struct hf_mirror *m = hf_mirror_new(0);

	note_i64(m, 0, 1, 1); /* not one of its tags */
	hf_mirror_all(m);
	gives_none(m, 1);
	hf_mirror_free(m);
	hf_mirror_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_a_slow_one_whatever_comes),
	    cmocka_unit_test(what_is_not_durable_does_not_go_out),
	    cmocka_unit_test(tag_that_changes_all_the_time_takes_one_turn),
	    cmocka_unit_test(value_that_was_given_back_comes_first),
	    cmocka_unit_test(all_are_due_again_after_a_broker_came_back),
	    cmocka_unit_test(mirror_of_no_tags_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
