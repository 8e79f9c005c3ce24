/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_golden_novelty_test.c - snapshots of novelty and residual stay
 * readable for ever, as those of the other methods (detect_golden_test.c).
 *
 * tests/data/detect-{novelty,residual}-v2.snap, in version 2 of the snapshot.
 * HF_GOLDEN=write in the environment writes them; that is for a new version
 * only, under a new name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"

#define NDET 2
#define NTAG 3
#define STOP 410 /* both are ready and in the middle of something */
#define END 700

static struct tp_events ev, after;
static struct hf_counters ctr;

/* Never changes: files of released versions hang on it. */
static void
make_plant(struct tp *t)
{
	struct hf_novelty_conf *n;
	struct hf_residual_conf *g;
	char path[64];
	int i;

	tp_init(t, NTAG, 1);
	tp_asset(t, "a/b/c");
	for (i = 0; i < NTAG; i++) {
		snprintf(path, sizeof(path), "a/b/c/s%d", i);
		tp_tag(t, path, "bar");
	}
	n = tp_detector(t, "novelty", "novelty", "a/b/c/s0", 0, 300);
	n->limit = 1.25;
	n->memory = 0.4;
	g = tp_detector(t, "residual", "residual", "a/b/c/*", 0, 200);
	*g = (struct hf_residual_conf){.lambda = 0.1,
	    .wander = 0.07,
	    .L = 4,
	    .factor = 1.5,
	    .ridge = 0.01,
	    .grid_ns = TP_S};
	tp_rule(t, "new", "novelty");
	tp_rule(t, "odd", "residual")->per = HF_PER_RULE;
	tp_finish(t);
}

/* Rows [from, to) of a recording that is the same everywhere. */
static void
feed(struct hf_engine *e, int from, int to)
{
	struct tp_rng r = {4711};
	double walk = 0, x[NTAG];
	char path[64];
	int i, tag;

	for (i = 0; i < to; i++) {
		walk += 0.2 * tp_normal(&r);
		x[0] = tp_normal(&r) + (i % 100 > 50 ? 3 : 0) +
		       (i >= 400 && i < 420 ? 12 : 0);
		x[1] = tp_normal(&r) + (i >= 600 ? 12 : 0);
		x[2] = walk + 0.01 * tp_normal(&r);
		for (tag = 0; tag < NTAG && i >= from; tag++) {
			snprintf(path, sizeof(path), "a/b/c/s%d", tag);
			tp_feed1(e, (uint64_t)i + 1, path, i * TP_S, x[tag], 0);
		}
	}
}

static void
name_of(const struct hf_engine *e, size_t i, char *out, size_t cap)
{
	snprintf(
	    out, cap, "tests/data/detect-%s-v2.snap", hf_engine_name(e, i));
}

static size_t
read_file(const char *path, uint8_t *p, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n = f == NULL ? 0 : fread(p, 1, cap, f);

	if (f != NULL)
		fclose(f);
	return n;
}

static void
write_file(const char *path, const struct hf_buf *b)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
	fclose(f);
}

static void
this_program_writes_the_golden_bytes_of_novelty_and_residual(void **state)
{
	static uint8_t want[1 << 17];
	struct hf_engine *e;
	struct hf_buf b;
	struct tp t;
	char path[128];
	size_t i, n;

	make_plant(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 0, STOP);
	assert_true(ev.n >= 2);
	for (i = 0; i < NDET; i++) {
		hf_buf_init(&b, 1 << 20);
		assert_int_equal(hf_engine_save(e, i, &b), HF_OK);
		name_of(e, i, path, sizeof(path));
		if (getenv("HF_GOLDEN") != NULL)
			write_file(path, &b);
		n = read_file(path, want, sizeof(want));
		assert_int_equal(n, b.len);
		assert_memory_equal(want, b.p, n);
		hf_buf_fini(&b);
	}
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(&t);
}

static void
golden_novelty_and_residual_go_on_as_the_first_run_did(void **state)
{
	static uint8_t snap[1 << 17];
	struct hf_engine *e;
	struct tp t;
	char path[128];
	uint64_t seq;
	size_t i, n, k;

	make_plant(&t);
	e = tp_engine(&t, &ctr, &ev);
	feed(e, 0, END);
	hf_engine_free(e);
	e = tp_engine(&t, &ctr, &after);
	for (i = 0; i < NDET; i++) {
		name_of(e, i, path, sizeof(path));
		n = read_file(path, snap, sizeof(snap));
		assert_int_equal(
		    hf_engine_load(e, i, snap, n, &seq, NULL), HF_OK);
		assert_int_equal(seq, STOP);
	}
	feed(e, STOP, END);
	assert_true(after.n >= 2);
	k = ev.n - after.n;
	for (i = 0; i < after.n; i++)
		assert_memory_equal(
		    after.v[i].id, ev.v[k + i].id, HF_SHA256_LEN);
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_events_fini(&after);
	tp_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		this_program_writes_the_golden_bytes_of_novelty_and_residual),
	    cmocka_unit_test(
		golden_novelty_and_residual_go_on_as_the_first_run_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
