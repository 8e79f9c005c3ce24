/* SPDX-License-Identifier: Apache-2.0
 *
 * nab.c - the product's detectors on the Numenta Anomaly Benchmark.
 *
 *   nab [--json] [--scores OUT] DIR        rules: nab_score.h
 *
 * Every detector runs over every file in order, one value in, one score out,
 * with one setting for the whole corpus: the defaults of its options and the
 * probation as learning span. A value that is not newer than the one before is
 * not fed, as in the engine, and scores 0. For each detector are printed:
 *
 *  - the score of each profile with the one threshold that is best for the
 *    corpus, as the benchmark defines it;
 *  - `frozen`: all profiles with the threshold of the standard profile;
 *  - `crossed`: standard profile, the threshold taken from the files with odd
 *    number for those with even number, and the other way round;
 *  - `at 1`: standard profile with the detector's own limit.
 *
 * "always" and "never" have nothing to sweep: they are judged at 1. The
 * windowed Gaussian is the baseline of the benchmark itself (6400 values, moved
 * in steps of 100).
 */
#include <time.h>

#include "eval/nab_load.h"
#include "eval/report.h"

#define WG_WINDOW 6400
#define WG_STEP 100

static struct nab_file files[NAB_NFILE];
static size_t nfile;
static struct ev_args args;

/* ---- detectors ---- */

static void
run_always(struct nab_file *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		f->score[i] = 1;
}

static void
run_never(struct nab_file *f)
{
	memset(f->score, 0, f->n * sizeof(*f->score));
}

static void
mean_and_sd(const double *x, size_t n, double *mean, double *sd)
{
	double sum = 0, sq = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += x[i];
	*mean = sum / (double)n;
	for (i = 0; i < n; i++)
		sq += (x[i] - *mean) * (x[i] - *mean);
	*sd = sqrt(sq / (double)n);
	if (*sd == 0)
		*sd = 1e-6;
}

static void
run_gaussian(struct nab_file *f)
{
	double mean = 0, sd = 1;
	size_t i, from = 0, to = 0;

	for (i = 0; i < f->n; i++) {
		f->score[i] = 0;
		if (to > 0)
			f->score[i] =
			    1 - erfc(fabs(f->x[i] - mean) / sd / 1.4142) / 2;
		if (to < WG_WINDOW)
			to++;
		else if (i + 1 == to + WG_STEP) {
			from += WG_STEP;
			to += WG_STEP;
		} else
			continue;
		mean_and_sd(f->x + from, to - from, &mean, &sd);
	}
}

static void
run_method(struct nab_file *f, const char *name)
{
	const struct hf_score *s;
	struct ev_method m;
	size_t i;

	ev_method_init(&m, name, 1);
	ev_start(&m, (int64_t)nab_probation(f->n));
	for (i = 0; i < f->n; i++) {
		f->score[i] = 0;
		if (i > 0 && f->t_ns[i] <= f->t_ns[i - 1])
			continue;
		s = ev_step(&m, f->t_ns[i], &f->x[i]);
		if (s->learning == HF_LS_READY)
			f->score[i] = s->score;
	}
	ev_method_fini(&m);
}

static const struct detector {
	const char *name;
	void (*run)(struct nab_file *f); /* NULL: the method of that name */
	bool is_fixed;			 /* nothing to sweep */
} detectors[] = {
    {"always", run_always, true},
    {"never", run_never, true},
    {"windowed_gaussian", run_gaussian, false},
    {"ewma", NULL, false},
    {"cusum", NULL, false},
    {"season", NULL, false},
    {"novelty", NULL, false},
};
#define NDETECTOR (sizeof(detectors) / sizeof(detectors[0]))

/* ---- judging ---- */

struct result {
	struct nab_count best[NAB_NPROFILE], frozen[NAB_NPROFILE], at1;
	double threshold[NAB_NPROFILE], crossed, us;
};

/* Total of standard with the threshold that the other half likes best. */
static double
judge_crossed(void)
{
	static struct nab_file half[2][NAB_NFILE];
	size_t i, n[2] = {0, 0}, nwin;
	double at, sum = 0;
	int h;

	for (i = 0; i < nfile; i++)
		half[i % 2][n[i % 2]++] = files[i];
	for (h = 0; h < 2; h++) {
		nab_sweep(half[!h], n[!h], &nab_profiles[0], NAN, &at);
		nwin = nab_nwindow(half[h], n[h]);
		sum +=
		    (double)nwin *
		    nab_sweep(half[h], n[h], &nab_profiles[0], at, NULL).score;
	}
	return sum / (double)nab_nwindow(files, nfile);
}

static void
judge(const struct detector *d, struct result *r)
{
	int p;

	for (p = 0; p < NAB_NPROFILE; p++)
		r->best[p] = nab_sweep(files, nfile, &nab_profiles[p],
		    d->is_fixed ? 1 : NAN, &r->threshold[p]);
	for (p = 0; p < NAB_NPROFILE; p++) {
		if (d->is_fixed)
			r->threshold[p] = 1;
		r->frozen[p] = nab_sweep(
		    files, nfile, &nab_profiles[p], r->threshold[0], NULL);
	}
	r->at1 = nab_sweep(files, nfile, &nab_profiles[0], 1, NULL);
	r->crossed = d->is_fixed ? r->at1.score : judge_crossed();
}

static void
run(const struct detector *d, struct result *r)
{
	clock_t begin = clock();
	size_t k, n = 0;

	for (k = 0; k < nfile; k++) {
		if (d->run != NULL)
			d->run(&files[k]);
		else
			run_method(&files[k], d->name);
		n += files[k].n;
	}
	r->us = (double)(clock() - begin) * 1e6 / CLOCKS_PER_SEC / (double)n;
	for (k = 0; k < nfile; k++)
		ev_put_scores(
		    &args, d->name, files[k].name, files[k].score, files[k].n);
	judge(d, r);
}

/* ---- printing ---- */

static void
print_text(const struct detector *d, const struct result *r)
{
	printf("%-18s %8.2f %8.2f %8.2f   %8.2f %8.2f %8.2f   %8.2f %8.2f   "
	       "%2zu/%zu %5zu  %10.4g %5.2f\n",
	    d->name, r->best[0].score, r->best[1].score, r->best[2].score,
	    r->frozen[0].score, r->frozen[1].score, r->frozen[2].score,
	    r->crossed, r->at1.score, r->best[0].nfound,
	    nab_nwindow(files, nfile), r->best[0].nfalse, r->threshold[0],
	    r->us);
}

static void
print_json(const struct detector *d, const struct result *r, bool is_last)
{
	char text[HF_F64_TEXT];
	int p;

	printf("  {\"name\": \"%s\", \"is_fixed\": %s,\n", d->name,
	    d->is_fixed ? "true" : "false");
	for (p = 0; p < NAB_NPROFILE; p++)
		printf("   \"%s\": {\"score\": \"%.4f\", \"found\": %zu, "
		       "\"false\": %zu, \"threshold\": \"%s\", "
		       "\"frozen\": \"%.4f\"},\n",
		    nab_profiles[p].name, r->best[p].score, r->best[p].nfound,
		    r->best[p].nfalse, hf_fmt_f64(r->threshold[p], text),
		    r->frozen[p].score);
	printf("   \"crossed\": \"%.4f\", \"at_1\": \"%.4f\"}%s\n", r->crossed,
	    r->at1.score, is_last ? "" : ",");
}

static void
print_head(void)
{
	if (args.is_json) {
		printf("{\"corpus\": \"nab\", \"files\": %zu, \"windows\": "
		       "%zu, \"detectors\": [\n",
		    nfile, nab_nwindow(files, nfile));
		return;
	}
	printf("NAB, %zu files, %zu windows\n"
	       "                   one threshold per profile      threshold of "
	       "standard                       of standard\n"
	       "detector           standard   low FP   low FN   standard   low "
	       "FP   low FN    crossed     at 1  found false   threshold    "
	       "us\n",
	    nfile, nab_nwindow(files, nfile));
}

int
main(int argc, char **argv)
{
	struct result r;
	size_t i;

	ev_args(&args, argc, argv);
	nfile = nab_load(files, args.dir);
	print_head();
	for (i = 0; i < NDETECTOR; i++) {
		run(&detectors[i], &r);
		if (args.is_json)
			print_json(&detectors[i], &r, i + 1 == NDETECTOR);
		else
			print_text(&detectors[i], &r);
		fflush(stdout);
	}
	if (args.is_json)
		printf("]}\n");
	nab_free(files, nfile);
	return 0;
}
