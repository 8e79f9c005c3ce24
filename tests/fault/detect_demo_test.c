/* SPDX-License-Identifier: Apache-2.0
 *
 * detect_demo_test.c - the demo plant's detector settings on its recorded data.
 *
 * Runs engine and alarms over the files themselves, with the settings of
 * etc/demo/plant.yaml, and holds them to what the demo promises:
 *   press: at most one alarm between the end of learning and 2013-12-10 06:25;
 *   at least one inside or at most 24 h before the window that ends 2014-02-09
 *   14:05; at most six outside its four windows;
 *   engines: each of four is alarmed before its recorded end and not in its
 *   first 60 cycles, with the same settings.
 * And that the settings do not stand on an edge: the same holds all over a
 * range of lambda, L, learn and refractory time, and for all 100 recorded
 * engines. SKIPs without ../shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/alarm.h"
#include "detect_plant.h"

#define PRESS                                \
	"../shared/data/nab/realKnownCause/" \
	"machine_temperature_system_failure.csv"
#define WINDOWS "../shared/data/nab/windows.csv"
#define ENGINES "../shared/data/cmapss/FD001_train.csv"
#define HOUR (3600 * HF_NS_PER_S)
#define NWINDOW 4
#define NENGINE 100
#define NSENSOR 21
#define NCYCLE_MAX 400

struct settings {
	double lambda, L;
	int64_t learn_ns, learn_n, k, off_n, refractory_ns, nvar;
};

/* The same method and limits for both; what differs is how fast each lives. */
static const struct settings press_demo = {.lambda = 0.2,
    .L = 4,
    .learn_ns = 5 * 24 * HOUR,
    .k = 6,
    .off_n = 12,
    .refractory_ns = 12 * HOUR,
    .nvar = 1};
static const struct settings engine_demo = {.lambda = 0.2,
    .L = 4,
    .learn_n = 50,
    .k = 3,
    .off_n = 5,
    .refractory_ns = 24 * HOUR,
    .nvar = 3};

struct span {
	int64_t from_ns, to_ns;
};

struct press {
	size_t n, nwindow;
	int64_t *t_ns;
	double *x;
	struct span window[NWINDOW];
};

struct engines {
	int ncycle[NENGINE];
	double (*x)[NCYCLE_MAX][NSENSOR]; /* [NENGINE] */
};

static struct press press;
static struct engines engines;

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
read_press(FILE *f)
{
	char line[256], *comma;

	press.t_ns = calloc(30000, sizeof(*press.t_ns));
	press.x = calloc(30000, sizeof(*press.x));
	while (fgets(line, sizeof(line), f) != NULL && press.n < 30000) {
		comma = strchr(line, ',');
		if (comma == NULL)
			continue;
		press.t_ns[press.n] = stamp(line, (size_t)(comma - line));
		press.x[press.n++] = strtod(comma + 1, NULL);
	}
}

static void
read_windows(FILE *f)
{
	char line[256], *a, *b;

	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, "machine_temperature") == NULL)
			continue;
		a = strchr(line, ',') + 1;
		b = strchr(a, ',') + 1;
		press.window[press.nwindow++] =
		    (struct span){stamp(a, (size_t)(b - 1 - a)),
			stamp(b, strcspn(b, "\r\n"))};
	}
}

static void
read_engines(FILE *f)
{
	char line[512], *s;
	int unit, cycle, i;

	engines.x = calloc(NENGINE, sizeof(*engines.x));
	while (fgets(line, sizeof(line), f) != NULL) {
		unit = (int)strtol(line, &s, 10);
		cycle = (int)strtol(s + 1, &s, 10);
		if (unit < 1 || unit > NENGINE || cycle > NCYCLE_MAX)
			continue;
		for (i = 0; i < 3; i++) /* operating point */
			strtod(s + 1, &s);
		for (i = 0; i < NSENSOR; i++)
			engines.x[unit - 1][cycle - 1][i] = strtod(s + 1, &s);
		engines.ncycle[unit - 1] = cycle;
	}
}

static int
load_data(void **state)
{
	FILE *a = open_data(PRESS), *b = open_data(WINDOWS),
	     *c = open_data(ENGINES);

	if (a != NULL && b != NULL && c != NULL) {
		read_press(a);
		read_windows(b);
		read_engines(c);
	}
	if (a != NULL)
		fclose(a);
	if (b != NULL)
		fclose(b);
	if (c != NULL)
		fclose(c);
	return 0;
}

static int
free_data(void **state)
{
	free(press.t_ns);
	free(press.x);
	free(engines.x);
	return 0;
}

static void
need_data(void)
{
	if (press.n == 0 || press.nwindow != NWINDOW || engines.x == NULL)
		skip();
}

/* ---- a run ---- */

struct raised {
	size_t n;
	size_t nadvisory;
	int64_t t_ns[TP_NEVENT];
	struct hf_alarms *alarms;
};

static void
on_event(void *arg, const struct hf_event *e)
{
	struct raised *r = arg;

	hf_alarms_event(r->alarms, e, e->to_ns, true);
	r->nadvisory += !e->is_alarm && e->kind == HF_EV_ON;
}

/* What the operator is told: a change to unacknowledged. He acknowledges. */
static void
on_change(void *arg, const struct hf_alarm_change *c)
{
	struct raised *r = arg;

	if (strncmp(c->key, "beyond|", 7) == 0)
		return;
	if (c->from == HF_AL_NORMAL && c->to == HF_AL_UNACK)
		r->t_ns[r->n++] = c->wall_ns;
	if (c->to == HF_AL_UNACK || c->to == HF_AL_RETURNED)
		hf_alarms_act(
		    r->alarms, c->key, 1, 0, "uid:0", "", c->wall_ns, NULL);
}

/* The fixed bounds of the demo; without action, so only advisories. */
static void
configure_bounds(struct tp *t, const char *pattern)
{
	struct hf_limit_conf *c =
	    tp_detector(t, "bounds", "limit", pattern, 0, 0);
	struct hf_rule *r = tp_rule(t, "beyond", "bounds");

	c->lo_trip = 30;
	c->lo_warn = 45;
	c->hi_warn = 110;
	c->hi_trip = 120;
	c->hold_ns = HOUR / 2;
	c->hysteresis = 5;
	r->action = NULL;
	r->off_n = 12;
	r->refractory_ns = 12 * HOUR;
}

static void
configure(struct tp *t, const struct settings *s, const char *pattern)
{
	struct hf_ewma_conf *c =
	    tp_detector(t, "health", "ewma", pattern, s->learn_ns, s->learn_n);
	struct hf_rule *r = tp_rule(t, "unusual", "health");

	c->lambda = s->lambda;
	c->L = s->L;
	r->k = r->n = s->k;
	r->off_n = s->off_n;
	r->refractory_ns = s->refractory_ns;
	r->nvar = s->nvar;
	r->per = s->nvar > 1 ? HF_PER_ASSET : HF_PER_TAG;
	tp_finish(t);
}

static struct hf_engine *
begin(struct tp *t, struct raised *r, struct hf_counters *ctr)
{
	struct hf_engine *e = NULL;

	*r = (struct raised){.alarms = hf_alarms_new(100, on_change, r)};
	if (hf_engine_new(t->p, ctr, on_event, r, &e, NULL) != HF_OK)
		tp_die("engine", "new");
	return e;
}

static size_t
run_press(const struct settings *s, struct raised *r)
{
	static const char path[] = "press/line1/press/temperature";
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct tp t;
	size_t i, nlate = 0;

	tp_init(&t, 1, 1);
	tp_asset(&t, "press/line1/press");
	tp_tag(&t, path, "degC");
	configure_bounds(&t, path);
	configure(&t, s, path);
	e = begin(&t, r, &ctr);
	for (i = 0; i < press.n; i++)
		nlate +=
		    tp_feed1(e, i + 1, path, press.t_ns[i], press.x[i], 0) != 0;
	hf_engine_free(e);
	hf_alarms_free(r->alarms);
	tp_fini(&t);
	return nlate;
}

static bool
is_within(int64_t t, const struct span *w)
{
	return t >= w->from_ns && t <= w->to_ns;
}

static size_t
count_outside(const struct raised *r)
{
	size_t i, w, n = 0;

	for (i = 0; i < r->n; i++) {
		for (w = 0; w < NWINDOW; w++)
			if (is_within(r->t_ns[i], &press.window[w]))
				break;
		n += w == NWINDOW;
	}
	return n;
}

static size_t
count_between(const struct raised *r, int64_t from_ns, int64_t to_ns)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		n += r->t_ns[i] >= from_ns && r->t_ns[i] < to_ns;
	return n;
}

static void
assert_press(const struct settings *s)
{
	const struct span *last = &press.window[NWINDOW - 1];
	struct raised r;
	size_t i;

	assert_int_equal(run_press(s, &r), 12); /* a clock step of one hour */
	for (i = 0; i < r.n; i++) {
		char at[HF_TIME_TEXT];

		print_message("# lambda %g L %g: alarm %s\n", s->lambda, s->L,
		    hf_time_fmt(r.t_ns[i], at));
	}
	assert_true(count_between(&r, 0, press.window[0].from_ns) <= 1);
	assert_true(
	    count_between(&r, last->from_ns - 24 * HOUR, last->to_ns + 1) >= 1);
	assert_true(count_outside(&r) <= 6);
}

/* Cycle of the first alarm of unit u (from 0), 0 if there was none. */
static int
run_engine(const struct settings *s, int u)
{
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct raised r;
	struct tp t;
	char path[64];
	int c, i, first = 0;

	tp_init(&t, NSENSOR, 1);
	tp_asset(&t, "engines/cell1/engine1");
	for (i = 0; i < NSENSOR; i++) {
		snprintf(
		    path, sizeof(path), "engines/cell1/engine1/s%d", i + 1);
		tp_tag(&t, path, "");
	}
	configure(&t, s, "engines/cell1/engine1/*");
	e = begin(&t, &r, &ctr);
	for (c = 0; c < engines.ncycle[u]; c++)
		for (i = 0; i < NSENSOR; i++)
			tp_feed1(e, (uint64_t)c + 1, t.p->tags[i].path,
			    (c + 1) * HOUR, engines.x[u][c][i], 0);
	if (r.n > 0)
		first = (int)(r.t_ns[0] / HOUR);
	hf_engine_free(e);
	hf_alarms_free(r.alarms);
	tp_fini(&t);
	return first;
}

static void
assert_engine(const struct settings *s, int u)
{
	int first = run_engine(s, u);

	assert_true(first > 60);
	assert_true(first < engines.ncycle[u]);
}

/* ---- the promises ---- */

static void
press_settings_meet_the_demo_acceptance(void **state)
{
	need_data();
	assert_press(&press_demo);
}

static void
press_bounds_raise_few_advisories_and_no_alarm(void **state)
{
	struct raised r;

	need_data();
	run_press(&press_demo, &r);
	print_message("# %zu advisories of the fixed bounds\n", r.nadvisory);
	assert_true(r.nadvisory >= 1);
	assert_true(r.nadvisory + count_outside(&r) <= 6);
}

static void
engine_settings_meet_the_demo_acceptance(void **state)
{
	int u;

	need_data();
	for (u = 0; u < 4; u++) {
		print_message("# engine %d of %d cycles: alarm at %d\n", u + 1,
		    engines.ncycle[u], run_engine(&engine_demo, u));
		assert_engine(&engine_demo, u);
	}
}

static void
press_settings_stand_on_a_plateau(void **state)
{
	static const double L[] = {3.5, 4, 5, 5.5};
	static const double lambda[] = {0.1, 0.2, 0.4};
	static const int days[] = {4, 5, 6, 7};
	static const int refractory_h[] = {4, 12, 24};
	struct settings s;
	size_t i;

	need_data();
	for (i = 0; i < 4; i++) {
		s = press_demo;
		s.L = L[i];
		assert_press(&s);
		s = press_demo;
		s.learn_ns = days[i] * 24 * HOUR;
		assert_press(&s);
	}
	for (i = 0; i < 3; i++) {
		s = press_demo;
		s.lambda = lambda[i];
		assert_press(&s);
		s = press_demo;
		s.refractory_ns = refractory_h[i] * HOUR;
		assert_press(&s);
	}
}

static void
engine_settings_hold_for_all_recorded_engines(void **state)
{
	int u;

	need_data();
	for (u = 0; u < NENGINE; u++)
		assert_engine(&engine_demo, u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(press_settings_meet_the_demo_acceptance),
	    cmocka_unit_test(press_bounds_raise_few_advisories_and_no_alarm),
	    cmocka_unit_test(engine_settings_meet_the_demo_acceptance),
	    cmocka_unit_test(press_settings_stand_on_a_plateau),
	    cmocka_unit_test(engine_settings_hold_for_all_recorded_engines),
	};

	return cmocka_run_group_tests(tests, load_data, free_data);
}
