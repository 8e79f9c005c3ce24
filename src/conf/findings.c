/* SPDX-License-Identifier: Apache-2.0
 *
 * findings.c - list of findings with an upper limit, sorted for people.
 */
#include "conf/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 700
#define NFILE 256 /* different files in order; later ones sort together */

struct item {
	size_t ifile, seq;
	struct hf_finding f;
};

struct hf_findings {
	struct hf_arena *arena;
	struct item v[HF_CONF_NERROR + 1];
	size_t n, nerror;
	char *files[NFILE];
	size_t nfile;
};

struct hf_findings *
hf_findings_new(void)
{
	struct hf_findings *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->arena = hf_arena_new((HF_CONF_NERROR + NFILE) * 2 * TEXT_MAX);
	if (f->arena == NULL) {
		free(f);
		return NULL;
	}
	return f;
}

void
hf_findings_free(struct hf_findings *f)
{
	if (f == NULL)
		return;
	hf_arena_free(f->arena);
	free(f);
}

static size_t
file_index(struct hf_findings *f, const char *file)
{
	size_t i;

	for (i = 0; i < f->nfile; i++)
		if (strcmp(f->files[i], file) == 0)
			return i;
	if (f->nfile < NFILE) {
		f->files[i] = hf_arena_strdup(f->arena, file);
		if (f->files[i] != NULL)
			f->nfile++;
	}
	return i;
}

void
hf_findings_add(struct hf_findings *f, const char *file, int line, int col,
    bool is_warning, const char *fmt, ...)
{
	struct item *it = &f->v[f->n];
	char text[TEXT_MAX], *c;
	va_list ap;

	f->nerror += !is_warning;
	if (f->n > HF_CONF_NERROR)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f->n == HF_CONF_NERROR)
		snprintf(text, sizeof(text),
		    "more than %d findings; mend these and check again",
		    HF_CONF_NERROR);
	for (c = text; *c != '\0'; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	it->ifile = file_index(f, file);
	it->seq = f->n;
	it->f = (struct hf_finding){.file = hf_arena_strdup(f->arena, file),
	    .line = line,
	    .col = col,
	    .is_warning = is_warning,
	    .text = hf_arena_strdup(f->arena, text)};
	if (it->f.file == NULL || it->f.text == NULL)
		return;
	f->n++;
}

size_t
hf_findings_nerror(const struct hf_findings *f)
{
	return f->nerror;
}

bool
hf_findings_is_full(const struct hf_findings *f)
{
	return f->n > HF_CONF_NERROR;
}

static int
item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->seq == HF_CONF_NERROR || y->seq == HF_CONF_NERROR)
		return (x->seq > y->seq) - (x->seq < y->seq);
	if (x->ifile != y->ifile)
		return x->ifile < y->ifile ? -1 : 1;
	if (x->f.line != y->f.line)
		return x->f.line < y->f.line ? -1 : 1;
	if (x->f.col != y->f.col)
		return x->f.col < y->f.col ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

void
hf_findings_report(struct hf_findings *f, hf_finding_fn *fn, void *arg)
{
	size_t i;

	qsort(f->v, f->n, sizeof(f->v[0]), item_cmp);
	for (i = 0; i < f->n && fn != NULL; i++)
		fn(arg, &f->v[i].f);
}
