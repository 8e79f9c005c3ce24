/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_golden_test.c - snapshots as older versions wrote them stay readable
 * for ever.
 *
 * tests/data/detect-NAME-v1.snap was written by the first release, -v2 by the
 * one that brought budgets and drift. HF_GOLDEN=write in the environment writes
 * those of the newest version; that is for a new version only, under a new
 * name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_golden.h"

#define VERSION 2 /* that this program writes */
#define STOP 165  /* in the middle of an alarm of each rule */

static struct tp_events ev;
static struct hf_counters ctr;

static void
name_of(const struct hf_engine *e, size_t i, int version, char *out, size_t cap)
{
	snprintf(out, cap, "tests/data/detect-%s-v%d.snap",
	    hf_engine_name(e, i), version);
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
this_program_writes_the_golden_bytes(void **state)
{
	static uint8_t want[1 << 16];
	struct hf_engine *e;
	struct hf_buf b;
	struct tp t;
	char path[128];
	size_t i, n;

	golden_plant(&t, VERSION);
	e = tp_engine(&t, &ctr, &ev);
	golden_feed(e, 0, STOP);
	for (i = 0; i < GOLDEN_NDET; i++) {
		hf_buf_init(&b, 1 << 20);
		assert_int_equal(hf_engine_save(e, i, &b), HF_OK);
		name_of(e, i, VERSION, path, sizeof(path));
		if (getenv("HF_GOLDEN") != NULL) {
			FILE *f = fopen(path, "wb");

			assert_non_null(f);
			assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
			fclose(f);
		}
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
go_on(int version)
{
	static uint8_t snap[1 << 16];
	struct tp_events after = {0};
	struct hf_engine *e;
	struct tp t;
	char path[128];
	uint64_t seq;
	size_t i, n, k;

	golden_plant(&t, version);
	e = tp_engine(&t, &ctr, &ev);
	golden_feed(e, 0, 300);
	hf_engine_free(e);
	e = tp_engine(&t, &ctr, &after);
	for (i = 0; i < hf_engine_ndetector(e); i++) {
		name_of(e, i, version, path, sizeof(path));
		n = read_file(path, snap, sizeof(snap));
		assert_int_equal(
		    hf_engine_load(e, i, snap, n, &seq, NULL), HF_OK);
		assert_int_equal(seq, STOP);
	}
	golden_feed(e, STOP, 300);
	assert_true(after.n > 3);
	k = ev.n - after.n;
	for (i = 0; i < after.n; i++)
		assert_memory_equal(
		    after.v[i].id, ev.v[k + i].id, HF_SHA256_LEN);
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_events_fini(&after);
	tp_fini(&t);
}

static void
golden_snapshots_of_version_1_go_on_as_the_first_run_did(void **state)
{
	go_on(1);
}

static void
golden_snapshots_of_version_2_go_on_as_the_first_run_did(void **state)
{
	go_on(2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(this_program_writes_the_golden_bytes),
	    cmocka_unit_test(
		golden_snapshots_of_version_1_go_on_as_the_first_run_did),
	    cmocka_unit_test(
		golden_snapshots_of_version_2_go_on_as_the_first_run_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
