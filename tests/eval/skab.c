/* SPDX-License-Identifier: Apache-2.0
 *
 * skab.c - the product's group detectors on the Skoltech Anomaly Benchmark.
 *
 *   skab [--json] [--scores OUT] DIR       rules: skab_score.h
 *
 * Every detector learns from the first 400 rows of a file and runs over the
 * rest, with one setting for all files: the defaults of its options. A row
 * counts as found if its score is 1 or more, the detector's own limit; nothing
 * is swept. Then the same detectors run through the engine over the file
 * without anomalies, under a rule that wants K of N rows beyond the limit:
 * `alarms` counts its alarms, `rows` the rows beyond the limit.
 *
 * Baselines: "always", "never"; a windowed Gaussian (any signal 4 standard
 * deviations off the mean of the last 400 rows); plain MEWMA as it is often
 * written: covariance of the averaged training rows, limit 3 times their
 * largest statistic.
 */
#include <time.h>

#include "detect/linalg.h"
#include "detect_plant.h"
#include "eval/report.h"
#include "eval/skab_load.h"

#define CLEAN "anomaly-free/anomaly-free.csv"
#define RULE_K 50
#define RULE_N 60
#define RULE_OFF 30

static struct skab_file files[SKAB_NFILE], clean;
static size_t nfile;
static struct ev_args args;

/* ---- baselines ---- */

static void
run_always(struct skab_file *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		f->score[i] = i >= SKAB_NTRAIN;
}

static void
run_never(struct skab_file *f)
{
	memset(f->score, 0, f->n * sizeof(*f->score));
}

static double
gaussian_score(const struct skab_file *f, size_t i)
{
	double worst = 0, mean, sq, d;
	size_t j, k;

	for (j = 0; j < SKAB_NVAR; j++) {
		mean = sq = 0;
		for (k = i - SKAB_NTRAIN; k < i; k++)
			mean += f->x[k][j] / SKAB_NTRAIN;
		for (k = i - SKAB_NTRAIN; k < i; k++)
			sq += (f->x[k][j] - mean) * (f->x[k][j] - mean);
		d = fabs(f->x[i][j] - mean) / sqrt(sq / SKAB_NTRAIN + 1e-12);
		if (d > worst)
			worst = d;
	}
	return worst / 4;
}

static void
run_gaussian(struct skab_file *f)
{
	size_t i;

	for (i = SKAB_NTRAIN; i < f->n; i++)
		f->score[i] = gaussian_score(f, i);
}

static int
cmp_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Signals scaled by training median and standard deviation, averaged. */
static void
average(const struct skab_file *f, double lambda, double (*z)[SKAB_NVAR])
{
	double v[SKAB_NTRAIN], median, mean, sq, sd;
	size_t i, j;

	for (j = 0; j < SKAB_NVAR; j++) {
		mean = sq = 0;
		for (i = 0; i < SKAB_NTRAIN; i++) {
			v[i] = f->x[i][j];
			mean += v[i] / SKAB_NTRAIN;
		}
		for (i = 0; i < SKAB_NTRAIN; i++)
			sq += (v[i] - mean) * (v[i] - mean);
		sd = sq > 0 ? sqrt(sq / SKAB_NTRAIN) : 1;
		qsort(v, SKAB_NTRAIN, sizeof(v[0]), cmp_double);
		median = (v[SKAB_NTRAIN / 2 - 1] + v[SKAB_NTRAIN / 2]) / 2;
		for (i = 0; i < f->n; i++)
			z[i][j] = lambda * (f->x[i][j] - median) / sd +
				  (i > 0 ? (1 - lambda) * z[i - 1][j] : 0);
	}
}

/* Cholesky factor of the covariance of z[50..399], 1 % ridge. */
static void
factor(double (*z)[SKAB_NVAR], double *G)
{
	double mean[SKAB_NVAR] = {0}, trace = 0;
	const size_t n = SKAB_NTRAIN - 50;
	size_t i, j, k;

	memset(G, 0, hf_tri(SKAB_NVAR) * sizeof(*G));
	for (i = 50; i < SKAB_NTRAIN; i++)
		for (j = 0; j < SKAB_NVAR; j++)
			mean[j] += z[i][j] / (double)n;
	for (i = 50; i < SKAB_NTRAIN; i++)
		for (j = 0; j < SKAB_NVAR; j++)
			for (k = 0; k <= j; k++)
				G[hf_tri(j) + k] += (z[i][j] - mean[j]) *
						    (z[i][k] - mean[k]) /
						    (double)(n - 1);
	for (j = 0; j < SKAB_NVAR; j++)
		trace += G[hf_tri(j) + j];
	for (j = 0; j < SKAB_NVAR; j++)
		G[hf_tri(j) + j] += 0.01 * trace / SKAB_NVAR;
	if (hf_la_cholesky(G, SKAB_NVAR, G) != HF_OK)
		ev_die("plain mewma", "covariance cannot be factored");
}

static void
run_plain_mewma(struct skab_file *f)
{
	double(*z)[SKAB_NVAR] = ev_calloc(f->n, sizeof(*z));
	double G[SKAB_NVAR * (SKAB_NVAR + 1) / 2], y[SKAB_NVAR], largest = 0;
	size_t i, j;

	average(f, 0.2, z);
	factor(z, G);
	for (i = 50; i < f->n; i++) {
		hf_la_solve(G, SKAB_NVAR, z[i], y);
		f->score[i] = 0;
		for (j = 0; j < SKAB_NVAR; j++)
			f->score[i] += z[i][j] * y[j];
		if (i < SKAB_NTRAIN && f->score[i] > largest)
			largest = f->score[i];
	}
	for (i = 0; i < f->n; i++)
		f->score[i] = i < SKAB_NTRAIN ? 0 : f->score[i] / (3 * largest);
	free(z);
}

/* ---- the product's methods ---- */

static void
run_method(struct skab_file *f, const char *name)
{
	const struct hf_score *s;
	struct ev_method m;
	size_t i;

	ev_method_init(&m, name, SKAB_NVAR);
	ev_start(&m, SKAB_NTRAIN);
	for (i = 0; i < f->n; i++) {
		f->score[i] = 0;
		if (i > 0 && f->t_ns[i] <= f->t_ns[i - 1])
			continue;
		s = ev_step(&m, f->t_ns[i], f->x[i]);
		if (s->learning == HF_LS_READY)
			f->score[i] = s->score;
	}
	ev_method_fini(&m);
}

static void
make_plant(struct tp *t, const char *method)
{
	struct hf_rule *r;
	char path[64];
	int j;

	tp_init(t, SKAB_NVAR, 1);
	tp_asset(t, "a/b/c");
	for (j = 0; j < SKAB_NVAR; j++) {
		snprintf(path, sizeof(path), "a/b/c/s%d", j);
		tp_tag(t, path, "");
	}
	tp_detector(t, "group", method, "a/b/c/*", 0, SKAB_NTRAIN);
	r = tp_rule(t, "off", "group");
	r->per = HF_PER_RULE;
	r->k = RULE_K;
	r->n = RULE_N;
	r->off_n = RULE_OFF;
	tp_finish(t);
}

static void
feed_row(struct hf_engine *e, const struct tp *t, size_t i)
{
	struct hf_sample s[SKAB_NVAR];
	struct hf_batch b = {.source = 1, .seq = i + 1, .n = SKAB_NVAR, .s = s};
	size_t j;

	for (j = 0; j < SKAB_NVAR; j++)
		s[j] = (struct hf_sample){.tag = t->p->tags[j].key,
		    .t_ns = clean.t_ns[i],
		    .recv_ns = clean.t_ns[i],
		    .vtype = HF_V_F64,
		    .v.f64 = clean.x[i][j]};
	hf_engine_feed(e, i + 1, &b);
}

/* Alarms over the file without anomalies. */
static size_t
count_alarms(const char *method)
{
	static struct tp_events ev;
	struct hf_counters ctr = {0};
	struct hf_engine *e;
	struct tp t;
	size_t i, n;

	make_plant(&t, method);
	e = tp_engine(&t, &ctr, &ev);
	for (i = 0; i < clean.n; i++)
		feed_row(e, &t, i);
	n = tp_count(&ev, HF_EV_ON);
	hf_engine_free(e);
	tp_events_fini(&ev);
	tp_fini(&t);
	return n;
}

/* ---- judging ---- */

static const struct detector {
	const char *name;
	void (*run)(struct skab_file *f); /* NULL: the method of that name */
} detectors[] = {
    {"always", run_always},
    {"never", run_never},
    {"windowed_gaussian", run_gaussian},
    {"plain_mewma", run_plain_mewma},
    {"mewma", NULL},
    {"t2", NULL},
    {"pca", NULL},
    {"residual", NULL},
};
#define NDETECTOR (sizeof(detectors) / sizeof(detectors[0]))

struct result {
	struct skab_count c;
	double changepoint[SKAB_NPROFILE], us;
	size_t ncp, nalarm, nrow;
};

static void
run_one(const struct detector *d, struct skab_file *f)
{
	size_t i;

	memset(f->score, 0, f->n * sizeof(*f->score));
	if (d->run != NULL)
		d->run(f);
	else
		run_method(f, d->name);
	for (i = 0; i < f->n; i++)
		f->found[i] = f->score[i] >= 1;
	ev_put_scores(&args, d->name, f->name, f->score, f->n);
}

static void
run(const struct detector *d, struct result *r)
{
	clock_t begin = clock();
	size_t k, i, n = 0;
	double sum;
	int p;

	*r = (struct result){.ncp = 0};
	for (k = 0; k < nfile; k++) {
		run_one(d, &files[k]);
		skab_pool(&files[k], &r->c);
		n += files[k].n;
	}
	r->us = (double)(clock() - begin) * 1e6 / CLOCKS_PER_SEC / (double)n;
	for (p = 0; p < SKAB_NPROFILE; p++) {
		sum = 0;
		r->ncp = 0;
		for (k = 0; k < nfile; k++)
			skab_changepoints(
			    &files[k], &skab_profiles[p], &sum, &r->ncp);
		r->changepoint[p] =
		    skab_normalise(sum, r->ncp, &skab_profiles[p]);
	}
	run_one(d, &clean);
	for (i = SKAB_NTRAIN; i < clean.n; i++)
		r->nrow += clean.found[i];
	if (d->run == NULL)
		r->nalarm = count_alarms(d->name);
}

/* ---- printing ---- */

static void
print_text(const struct detector *d, const struct result *r)
{
	printf("%-18s %6.4f %7.2f %7.2f   %7.2f %7.2f %7.2f   ", d->name,
	    skab_f1(&r->c), 100 * skab_far(&r->c), 100 * skab_mar(&r->c),
	    r->changepoint[0], r->changepoint[1], r->changepoint[2]);
	if (d->run == NULL)
		printf("%6zu", r->nalarm);
	else
		printf("%6s", "-");
	printf(" %6zu %6.2f\n", r->nrow, r->us);
}

static void
print_json(const struct detector *d, const struct result *r, bool is_last)
{
	printf("  {\"name\": \"%s\", \"f1\": \"%.4f\", \"far\": \"%.4f\", "
	       "\"mar\": \"%.4f\",\n   \"changepoint\": [\"%.4f\", \"%.4f\", "
	       "\"%.4f\"], \"clean_rows\": %zu",
	    d->name, skab_f1(&r->c), 100 * skab_far(&r->c),
	    100 * skab_mar(&r->c), r->changepoint[0], r->changepoint[1],
	    r->changepoint[2], r->nrow);
	if (d->run == NULL)
		printf(", \"clean_alarms\": %zu", r->nalarm);
	printf("}%s\n", is_last ? "" : ",");
}

static void
print_head(const struct result *r)
{
	size_t ntest = r->c.tp + r->c.fp + r->c.tn + r->c.fn;

	if (args.is_json)
		printf("{\"corpus\": \"skab\", \"files\": %zu, \"test_rows\": "
		       "%zu, \"anomalous\": %zu, \"changepoints\": %zu, "
		       "\"detectors\": [\n",
		    nfile, ntest, r->c.tp + r->c.fn, r->ncp);
	else
		printf(
		    "SKAB, %zu files, %zu test rows, %zu of them anomalous, "
		    "%zu changepoints\n"
		    "                                              "
		    "changepoints              without anomalies\n"
		    "detector               F1   FAR %%   MAR %%   standard  "
		    "low FP  low FN   alarms   rows  us/row\n",
		    nfile, ntest, r->c.tp + r->c.fn, r->ncp);
}

int
main(int argc, char **argv)
{
	struct result r;
	size_t i;

	ev_args(&args, argc, argv);
	nfile = skab_load(files, args.dir);
	snprintf(clean.name, sizeof(clean.name), CLEAN);
	skab_load_file(&clean, args.dir, false);
	for (i = 0; i < NDETECTOR; i++) {
		run(&detectors[i], &r);
		if (i == 0)
			print_head(&r);
		if (args.is_json)
			print_json(&detectors[i], &r, i + 1 == NDETECTOR);
		else
			print_text(&detectors[i], &r);
		fflush(stdout);
	}
	if (args.is_json)
		printf("]}\n");
	skab_free(files, nfile);
	skab_free(&clean, 1);
	return 0;
}
