/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - command line and score files of the evaluation programs.
 *
 *   PROGRAM [--json] [--scores OUT] DIR
 *
 * --scores writes one file per detector and file of the corpus,
 * OUT/<detector>/<file, '/' replaced by '+'>: a line for each row, the score in
 * as many digits as its bits need. tests/eval/score.py reads these and knows
 * nothing else of the detectors.
 */
#ifndef HF_TESTS_EVAL_REPORT_H
#define HF_TESTS_EVAL_REPORT_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "eval/corpus.h"

struct ev_args {
	const char *dir;
	const char *scores; /* NULL: none */
	bool is_json;
};

static inline void
ev_args(struct ev_args *a, int argc, char **argv)
{
	int i;

	*a = (struct ev_args){.dir = NULL};
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			a->is_json = true;
		else if (strcmp(argv[i], "--scores") == 0 && i + 1 < argc)
			a->scores = argv[++i];
		else if (argv[i][0] != '-' && a->dir == NULL)
			a->dir = argv[i];
		else
			ev_die(argv[i], "usage: [--json] [--scores OUT] DIR");
	}
	if (a->dir == NULL)
		ev_die(argv[0], "usage: [--json] [--scores OUT] DIR");
	if (a->scores != NULL && mkdir(a->scores, 0777) != 0 && errno != EEXIST)
		ev_die(a->scores, "cannot be made");
}

/* One score file; nothing without --scores. */
static inline void
ev_put_scores(const struct ev_args *a, const char *detector, const char *file,
    const double *score, size_t n)
{
	char path[EV_PATH], text[HF_F64_TEXT], *p;
	FILE *f;
	size_t i;

	if (a->scores == NULL)
		return;
	ev_path(path, a->scores, detector, NULL);
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		ev_die(path, "cannot be made");
	ev_path(path, a->scores, detector, file);
	p = path + strlen(path) - strlen(file);
	for (; *p != '\0'; p++)
		if (*p == '/')
			*p = '+';
	f = fopen(path, "w");
	if (f == NULL)
		ev_die(path, "cannot be written");
	for (i = 0; i < n; i++)
		fprintf(f, "%s\n", hf_fmt_f64(score[i], text));
	if (fclose(f) != 0)
		ev_die(path, "cannot be written");
}

#endif
