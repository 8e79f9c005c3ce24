/* SPDX-License-Identifier: Apache-2.0
 *
 * corpus.h - what the evaluation programs share: CSV files into columns, and
 * one product method stepped over rows.
 *
 * A corpus is held in memory whole (the largest is 7 MB). Anything unexpected
 * ends the program with a message: a half-read corpus would give figures.
 */
#ifndef HF_TESTS_EVAL_CORPUS_H
#define HF_TESTS_EVAL_CORPUS_H

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/num.h"
#include "base/time.h"
#include "detect/methods.h"
#include "model/optval.h"
#include "os/file.h"

#define EV_FILE_MAX ((size_t)64 << 20)

static inline _Noreturn void
ev_die(const char *place, const char *why)
{
	fprintf(stderr, "%s: %s\n", place, why);
	exit(2);
}

static inline void *
ev_calloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL)
		ev_die("evaluation", "no memory");
	return p;
}

#define EV_PATH 1024

/* a, then '/' and b, then '/' and c; c may be NULL. */
static inline void
ev_path(char path[EV_PATH], const char *a, const char *b, const char *c)
{
	int n = snprintf(path, EV_PATH, "%s/%s%s%s", a, b, c != NULL ? "/" : "",
	    c != NULL ? c : "");

	if (n < 0 || n >= EV_PATH)
		ev_die(b, "path too long");
}

struct ev_csv {
	struct hf_buf text;
	struct hf_csv *reader;
	char path[EV_PATH];
};

static inline void
ev_open(struct ev_csv *c, const char *dir, const char *name, char delim)
{
	struct hf_err err = {0};

	ev_path(c->path, dir, name, NULL);
	hf_buf_init(&c->text, EV_FILE_MAX);
	if (hf_file_read(AT_FDCWD, c->path, EV_FILE_MAX, &c->text, &err) !=
	    HF_OK)
		ev_die(c->path, err.msg);
	c->reader = hf_csv_new((const char *)c->text.p, c->text.len, delim);
	if (c->reader == NULL)
		ev_die(c->path, "no memory");
}

/* The next row, NULL at the end. */
static inline const struct hf_csv_row *
ev_next(struct ev_csv *c, size_t nfield)
{
	const struct hf_csv_row *row;
	struct hf_err err = {0};
	int rc = hf_csv_next(c->reader, &row, &err);

	if (rc == HF_ENODATA)
		return NULL;
	if (rc != HF_OK)
		ev_die(c->path, err.msg);
	if (row->n != nfield)
		ev_die(c->path, "a row with another number of fields");
	return row;
}

static inline void
ev_close(struct ev_csv *c)
{
	hf_csv_free(c->reader);
	hf_buf_fini(&c->text);
}

static inline double
ev_f64(const struct ev_csv *c, const struct hf_csv_field *f)
{
	double v;

	if (!hf_parse_f64(f->s, f->len, false, &v))
		ev_die(c->path, "a field that is no number");
	return v;
}

static inline int64_t
ev_time(const struct ev_csv *c, const struct hf_csv_field *f)
{
	int64_t t_ns;

	if (!hf_time_parse(f->s, f->len, &t_ns))
		ev_die(c->path, "a field that is no time");
	return t_ns;
}

/* ---- a method of the product ---- */

struct ev_method {
	const struct hf_method *m;
	struct hf_arena *arena;
	void *conf, *state;
	struct hf_score score;
	double contrib[HF_GROUP_NVAR];
	size_t nvar;
};

/* With the defaults of its options; the caller may change ->conf before
 * ev_start. */
static inline void
ev_method_init(struct ev_method *e, const char *name, size_t nvar)
{
	char why[400] = "";

	*e = (struct ev_method){.m = hf_method_find(name), .nvar = nvar};
	if (e->m == NULL)
		ev_die(name, "no such method");
	e->arena = hf_arena_new((size_t)1 << 20);
	e->conf = ev_calloc(1, e->m->kind.size);
	if (hf_opt_defaults(e->m->kind.opts, e->m->kind.nopt, e->conf, e->arena,
		why, sizeof(why)) != HF_OK)
		ev_die(name, why);
}

static inline void
ev_start(struct ev_method *e, int64_t nlearn)
{
	free(e->state);
	e->state = ev_calloc(1, e->m->state_size(e->conf, e->nvar));
	e->m->start(
	    e->state, e->conf, &(struct hf_learn){.nsample = nlearn}, e->nvar);
}

static inline const struct hf_score *
ev_step(struct ev_method *e, int64_t t_ns, const double *x)
{
	struct hf_step in = {.t_ns = t_ns, .x = x, .nvar = e->nvar};

	memset(e->contrib, 0, sizeof(e->contrib));
	e->score = (struct hf_score){.centre = NAN,
	    .statistic = NAN,
	    .limit = NAN,
	    .contrib = e->contrib};
	e->m->step(e->state, &in, &e->score);
	return &e->score;
}

static inline void
ev_method_fini(struct ev_method *e)
{
	free(e->state);
	free(e->conf);
	hf_arena_free(e->arena);
}

#endif
