/* SPDX-License-Identifier: Apache-2.0
 *
 * skab_load.h - a SKAB corpus from a folder.
 *
 * DIR/{valve1,valve2,other}/<n>.csv, ';' between fields: datetime, 8 signals,
 * anomaly, changepoint. DIR/anomaly-free/anomaly-free.csv: the same without the
 * last two.
 */
#ifndef HF_TESTS_EVAL_SKAB_LOAD_H
#define HF_TESTS_EVAL_SKAB_LOAD_H

#include <dirent.h>

#include "eval/corpus.h"
#include "eval/skab_score.h"

#define SKAB_NFILE 64
#define SKAB_NROW 16384

static inline void
skab_load_file(struct skab_file *f, const char *dir, bool has_labels)
{
	size_t i, nfield = 1 + SKAB_NVAR + (has_labels ? 2 : 0);
	const struct hf_csv_row *row;
	struct ev_csv c;

	f->t_ns = ev_calloc(SKAB_NROW, sizeof(*f->t_ns));
	f->x = ev_calloc(SKAB_NROW, sizeof(*f->x));
	f->score = ev_calloc(SKAB_NROW, sizeof(*f->score));
	f->found = ev_calloc(SKAB_NROW, 1);
	if (has_labels) {
		f->anomaly = ev_calloc(SKAB_NROW, 1);
		f->changepoint = ev_calloc(SKAB_NROW, 1);
	}
	ev_open(&c, dir, f->name, ';');
	ev_next(&c, nfield); /* header */
	while ((row = ev_next(&c, nfield)) != NULL) {
		if (f->n == SKAB_NROW)
			ev_die(c.path, "too many rows");
		f->t_ns[f->n] = ev_time(&c, &row->f[0]);
		for (i = 0; i < SKAB_NVAR; i++)
			f->x[f->n][i] = ev_f64(&c, &row->f[1 + i]);
		if (has_labels) {
			f->anomaly[f->n] = ev_f64(&c, &row->f[9]) != 0;
			f->changepoint[f->n] = ev_f64(&c, &row->f[10]) != 0;
		}
		f->n++;
	}
	ev_close(&c);
}

static inline int
skab_is_csv(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && strcmp(d->d_name + n - 4, ".csv") == 0;
}

/* The labelled files in the order of their names; returns their number. */
static inline size_t
skab_load(struct skab_file *f, const char *dir)
{
	static const char *const parts[] = {"other", "valve1", "valve2"};
	struct dirent **names;
	size_t nfile = 0, p;
	char path[EV_PATH];
	int i, n;

	for (p = 0; p < 3; p++) {
		ev_path(path, dir, parts[p], NULL);
		n = scandir(path, &names, skab_is_csv, alphasort);
		if (n < 0)
			ev_die(path, "cannot be read");
		for (i = 0; i < n; i++) {
			if (nfile == SKAB_NFILE)
				ev_die(path, "too many files");
			snprintf(f[nfile].name, sizeof(f[nfile].name),
			    "%s/%.40s", parts[p], names[i]->d_name);
			skab_load_file(&f[nfile++], dir, true);
			free(names[i]);
		}
		free(names);
	}
	return nfile;
}

static inline void
skab_free(struct skab_file *f, size_t nfile)
{
	size_t k;

	for (k = 0; k < nfile; k++) {
		free(f[k].t_ns);
		free(f[k].x);
		free(f[k].score);
		free(f[k].found);
		free(f[k].anomaly);
		free(f[k].changepoint);
	}
}

#endif
