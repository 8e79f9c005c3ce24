/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_files.h - a plant's directory for one test: written into a scratch
 * folder, and its findings as one text, a line each.
 */
#ifndef HF_TESTS_CONF_FILES_H
#define HF_TESTS_CONF_FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

struct files {
	char dir[64];
	int fd;
	char text[60000]; /* findings */
	size_t len;
	struct hf_err err;
};

static void
files_open(struct files *f)
{
	*f = (struct files){0};
	snprintf(f->dir, sizeof(f->dir), "/tmp/hf-conf-test.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		abort();
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	mkdirat(f->fd, "tags", 0700);
}

static void
files_put(struct files *f, const char *name, const char *text)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void
files_close(struct files *f)
{
	static const char *const names[] = {"tags/press.csv", "tags/other.csv",
	    "tags/link.csv", "tags/all.csv", "plant.yaml", "outside.csv"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(f->fd, names[i], 0);
	unlinkat(f->fd, "tags", AT_REMOVEDIR);
	close(f->fd);
	rmdir(f->dir);
}

static void __attribute__((unused))
files_finding(void *arg, const struct hf_finding *x)
{
	struct files *f = arg;

	f->len += (size_t)snprintf(f->text + f->len, sizeof(f->text) - f->len,
	    "%s:%d:%d: %s%s\n", x->file, x->line, x->col,
	    x->is_warning ? "warning: " : "", x->text);
	if (f->len >= sizeof(f->text))
		f->len = sizeof(f->text) - 1;
}

/* Loads what was put; the findings are in f->text. */
static struct hf_plant *__attribute__((unused))
files_load(struct files *f, const struct hf_registry *reg)
{
	struct hf_plant *p = NULL;

	f->len = 0;
	f->text[0] = '\0';
	f->err = (struct hf_err){0};
	hf_conf_load(f->fd, reg, files_finding, f, &p, &f->err);
	return p;
}

#endif
