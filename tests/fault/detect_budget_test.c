/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_budget_test.c - a limit from a budget keeps the budget on recorded
 * data.
 *
 * Through the engine, with settings as a plant would write them:
 *   four NAB files without labelled anomalies (two weeks each, 5 minutes a
 *   row), 750 rows learned, 1 false alarm per week allowed: at most 1.5 per
 *   week from row 750 on, for each univariate method that has no clock;
 *   SKAB anomaly-free.csv (8 signals, 1 Hz), 400 rows learned: at most one
 *   alarm in the other 9,000 rows, for each group method.
 * SKIPs without ../shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect_plant.h"

#define NAB "../shared/data/nab/"
#define SKAB "../shared/data/skab/anomaly-free/anomaly-free.csv"
#define NLEARN_NAB 750
#define NLEARN_SKAB 400
#define NSKAB 8
#define PER_WEEK (1.0 / (7 * 86400))

static struct tp_events ev;
static struct hf_counters ctr;

static FILE *
open_data(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (f != NULL && fgets(line, sizeof(line), f) == NULL) {
		fclose(f);
		return NULL;
	}
	return f; /* behind its header line */
}

static int64_t
stamp(const char *s, size_t n)
{
	int64_t t = 0;

	if (!hf_time_parse(s, n, &t))
		tp_die("time", s);
	return t;
}

static void
position(struct tp *t, double budget_hz)
{
	struct hf_detector *d = &t->p->detectors[t->p->ndetector - 1];

	t->p->positions =
	    hf_arena_calloc(t->p->arena, 1, sizeof(*t->p->positions));
	t->p->positions[0].name = tp_str(t, "operator");
	t->p->positions[0].budget_hz = budget_hz;
	t->p->nposition = 1;
	d->position = tp_str(t, "operator");
	d->limit_from = HF_LIMIT_BUDGET;
}

/* Alarms of one file, weeks watched in *weeks. */
static size_t
run_nab(FILE *f, const char *method, double *weeks)
{
	int64_t t_ns, from_ns = 0;
	struct hf_engine *e;
	struct hf_rule *r;
	char line[256], *comma;
	uint64_t row = 0;
	struct tp t;
	size_t n;

	tp_init(&t, 1, 1);
	tp_asset(&t, "a/b/c");
	tp_tag(&t, "a/b/c/x", "");
	tp_detector(&t, "d", method, "a/b/c/x", 0, NLEARN_NAB);
	position(&t, PER_WEEK);
	r = tp_rule(&t, "r", "d");
	r->refractory_ns = 3600 * TP_S;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	t_ns = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		comma = strchr(line, ',');
		t_ns = stamp(line, (size_t)(comma - line));
		if (++row == NLEARN_NAB)
			from_ns = t_ns;
		tp_feed1(e, row, "a/b/c/x", t_ns, strtod(comma + 1, NULL), 0);
	}
	*weeks += (double)(t_ns - from_ns) / (7 * 86400e9);
	if (getenv("HF_SHOW") != NULL) {
		struct hf_buf b;

		hf_buf_init(&b, 1 << 20);
		hf_engine_json(e, &b);
		fprintf(stderr, "%s %zu %s\n", method, tp_count(&ev, HF_EV_ON),
		    hf_buf_cstr(&b));
		hf_buf_fini(&b);
	}
	n = tp_count(&ev, HF_EV_ON);
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(&t);
	fclose(f);
	return n;
}

static void
one_per_week_gives_at_most_one_and_a_half_on_nab(void **state)
{
	static const char *const files[] = {
	    NAB "artificialNoAnomaly/art_daily_no_noise.csv",
	    NAB "artificialNoAnomaly/art_daily_small_noise.csv",
	    NAB "artificialNoAnomaly/art_noisy.csv",
	    NAB "realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv",
	};
	static const char *const methods[] = {"ewma", "cusum", "season"};
	size_t m, i, n;
	double weeks;
	FILE *f;

	for (m = 0; m < 3; m++) {
		weeks = 0;
		for (n = i = 0; i < 4; i++) {
			f = open_data(files[i]);
			if (f == NULL)
				skip();
			n += run_nab(f, methods[m], &weeks);
		}
		print_message(
		    "# %s: %zu alarms in %.1f weeks\n", methods[m], n, weeks);
		assert_true(weeks > 6);
		assert_true((double)n <= 1.5 * weeks);
	}
}

static size_t
run_skab(FILE *f, const char *method)
{
	struct hf_sample s[NSKAB];
	struct hf_batch b = {.source = 1, .n = NSKAB, .s = s};
	struct hf_engine *e;
	struct hf_rule *r;
	char line[512], path[64], *at;
	uint64_t row = 0;
	struct tp t;
	size_t i, n;

	tp_init(&t, NSKAB, 1);
	tp_asset(&t, "a/b/c");
	for (i = 0; i < NSKAB; i++) {
		snprintf(path, sizeof(path), "a/b/c/s%zu", i);
		tp_tag(&t, path, "");
	}
	tp_detector(&t, "d", method, "a/b/c/*", 0, NLEARN_SKAB);
	position(&t, PER_WEEK);
	r = tp_rule(&t, "r", "d");
	r->per = HF_PER_RULE;
	r->refractory_ns = 600 * TP_S;
	tp_finish(&t);
	e = tp_engine(&t, &ctr, &ev);
	while (fgets(line, sizeof(line), f) != NULL) {
		int64_t t_ns = stamp(line, strcspn(line, ";"));

		at = strchr(line, ';');
		for (i = 0; i < NSKAB; i++) {
			snprintf(path, sizeof(path), "a/b/c/s%zu", i);
			s[i] = (struct hf_sample){.tag = hf_tag_key(path),
			    .t_ns = t_ns,
			    .vtype = HF_V_F64,
			    .v.f64 = strtod(at + 1, &at)};
		}
		hf_engine_feed(e, ++row, &b);
	}
	assert_true(row > 9000);
	if (getenv("HF_SHOW") != NULL) {
		struct hf_buf j;

		hf_buf_init(&j, 1 << 20);
		hf_engine_json(e, &j);
		fprintf(stderr, "%s %zu %s\n", method, tp_count(&ev, HF_EV_ON),
		    hf_buf_cstr(&j));
		hf_buf_fini(&j);
	}
	n = tp_count(&ev, HF_EV_ON);
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(&t);
	fclose(f);
	return n;
}

static void
at_most_one_alarm_on_nine_thousand_normal_rows_of_skab(void **state)
{
	static const char *const methods[] = {"mewma", "t2", "pca"};
	size_t m, n;
	FILE *f;

	for (m = 0; m < 3; m++) {
		f = open_data(SKAB);
		if (f == NULL)
			skip();
		n = run_skab(f, methods[m]);
		print_message("# %s: %zu alarms\n", methods[m], n);
		assert_true(n <= 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_per_week_gives_at_most_one_and_a_half_on_nab),
	    cmocka_unit_test(
		at_most_one_alarm_on_nine_thousand_normal_rows_of_skab),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
