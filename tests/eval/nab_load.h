/* SPDX-License-Identifier: Apache-2.0
 *
 * nab_load.h - a NAB corpus from a folder.
 *
 * DIR/files.csv: file,rows,windows. DIR/windows.csv: file, window_start,
 * window_end, both inclusive. DIR/<category>/<file>.csv: timestamp,value. Some
 * files repeat or leave out time stamps: rows go by position, and the end of a
 * window is the first row with its time stamp.
 */
#ifndef HF_TESTS_EVAL_NAB_LOAD_H
#define HF_TESTS_EVAL_NAB_LOAD_H

#include "eval/corpus.h"
#include "eval/nab_score.h"

#define NAB_NFILE 64

static inline void
nab_load_rows(struct nab_file *f, const char *dir, size_t nrow)
{
	const struct hf_csv_row *row;
	struct ev_csv c;

	ev_open(&c, dir, f->name, ',');
	f->t_ns = ev_calloc(nrow, sizeof(*f->t_ns));
	f->x = ev_calloc(nrow, sizeof(*f->x));
	f->score = ev_calloc(nrow, sizeof(*f->score));
	ev_next(&c, 2); /* header */
	while ((row = ev_next(&c, 2)) != NULL) {
		if (f->n == nrow)
			ev_die(c.path, "more rows than files.csv says");
		f->t_ns[f->n] = ev_time(&c, &row->f[0]);
		f->x[f->n++] = ev_f64(&c, &row->f[1]);
	}
	if (f->n != nrow)
		ev_die(c.path, "fewer rows than files.csv says");
	ev_close(&c);
}

static inline size_t
nab_row_at(const struct nab_file *f, int64_t t_ns)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->t_ns[i] == t_ns)
			return i;
	ev_die(f->name, "a window begins or ends at no row");
}

static inline void
nab_load_windows(struct nab_file *f, size_t nfile, const char *dir)
{
	const struct hf_csv_row *row;
	struct ev_csv c;
	size_t k;

	ev_open(&c, dir, "windows.csv", ',');
	ev_next(&c, 3);
	while ((row = ev_next(&c, 3)) != NULL) {
		for (k = 0; k < nfile; k++)
			if (strcmp(f[k].name, row->f[0].s) == 0)
				break;
		if (k == nfile || f[k].nwin == NAB_NWINDOW)
			ev_die(c.path, "a window of no file, or too many");
		f[k].win[f[k].nwin++] = (struct nab_window){
		    .l = nab_row_at(&f[k], ev_time(&c, &row->f[1])),
		    .r = nab_row_at(&f[k], ev_time(&c, &row->f[2])),
		};
	}
	ev_close(&c);
}

/* At most NAB_NFILE files into f; returns their number. */
static inline size_t
nab_load(struct nab_file *f, const char *dir)
{
	const struct hf_csv_row *row;
	size_t nfile = 0;
	struct ev_csv c;

	ev_open(&c, dir, "files.csv", ',');
	ev_next(&c, 3);
	while ((row = ev_next(&c, 3)) != NULL) {
		if (nfile == NAB_NFILE)
			ev_die(c.path, "too many files");
		snprintf(
		    f[nfile].name, sizeof(f[nfile].name), "%s", row->f[0].s);
		nab_load_rows(&f[nfile], dir, (size_t)ev_f64(&c, &row->f[1]));
		nfile++;
	}
	ev_close(&c);
	nab_load_windows(f, nfile, dir);
	return nfile;
}

static inline void
nab_free(struct nab_file *f, size_t nfile)
{
	size_t k;

	for (k = 0; k < nfile; k++) {
		free(f[k].t_ns);
		free(f[k].x);
		free(f[k].score);
	}
}

#endif
