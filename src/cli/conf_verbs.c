/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_verbs.c - shared by check, print, schema, doc and tags.
 */
#include "cli/conf_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus/topic.h"
#include "cli/cli.h"
#include "field/driver.h"

static bool
is_allowed(const char *allowed, const char *name)
{
	const char *at = strstr(allowed, name);
	size_t n = strlen(name);

	return at != NULL && (at == allowed || at[-1] == ' ') &&
	       (at[n] == ' ' || at[n] == '\0');
}

static int
print_help(const char *verb)
{
	const struct hf_verb *v;

	for (v = hf_verbs; v->name != NULL; v++)
		if (strcmp(v->name, verb) == 0)
			printf("holdfast %s %s\n%s\n", v->name, v->synopsis,
			    v->help);
	return HF_EXIT_OK;
}

/* Value of "--name VALUE"; NULL (and a message) if it is missing. */
static const char *
take_value(int argc, char **argv, int *i)
{
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static const char **
value_slot(struct hf_conf_opts *o, const char *name)
{
	if (strcmp(name, "conf") == 0)
		return &o->conf;
	if (strcmp(name, "device") == 0)
		return &o->device;
	if (strcmp(name, "out") == 0)
		return &o->out;
	return strcmp(name, "delim") == 0 ? &o->form : NULL;
}

static bool *
switch_slot(struct hf_conf_opts *o, const char *name)
{
	if (strcmp(name, "json") == 0)
		return &o->is_json;
	if (strcmp(name, "dry-run") == 0)
		return &o->is_dry;
	if (strcmp(name, "partial") == 0)
		return &o->is_partial;
	if (strcmp(name, "replace") == 0)
		return &o->is_replace;
	return strcmp(name, "tags") == 0 ? &o->is_tags : NULL;
}

int
hf_conf_opts_get(struct hf_conf_opts *o, const char *verb, const char *allowed,
    int argc, char **argv)
{
	const char *name, **value;
	bool *is_on;
	int i;

	*o = (struct hf_conf_opts){0};
	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0) {
			if (o->narg == 4)
				return hf_cli_usage(verb, "too many arguments");
			o->args[o->narg++] = argv[i];
			continue;
		}
		name = argv[i] + 2;
		if (strcmp(name, "help") == 0)
			return print_help(verb);
		value = value_slot(o, name);
		is_on = switch_slot(o, name);
		if ((value == NULL && is_on == NULL) ||
		    (strcmp(name, "json") != 0 && !is_allowed(allowed, name)))
			return hf_cli_usage(verb, "unknown option %s", argv[i]);
		if (is_on != NULL) {
			*is_on = true;
			continue;
		}
		*value = take_value(argc, argv, &i);
		if (*value == NULL)
			return hf_cli_usage(verb, "--%s needs a value", name);
	}
	return -1;
}

void
hf_found_print(void *arg, const struct hf_finding *f)
{
	struct hf_found *found = arg;
	char place[64] = "";

	found->nerror += !f->is_warning;
	found->nwarning += f->is_warning;
	if (found->is_json) {
		hf_jw_obj(found->w);
		hf_jw_kstr(found->w, "file", f->file);
		hf_jw_ki64(found->w, "line", f->line);
		hf_jw_ki64(found->w, "col", f->col);
		hf_jw_kstr(
		    found->w, "severity", f->is_warning ? "warning" : "error");
		hf_jw_kstr(found->w, "text", f->text);
		hf_jw_end_obj(found->w);
		return;
	}
	if (f->line > 0)
		snprintf(place, sizeof(place), ":%d:%d", f->line, f->col);
	fprintf(stderr, "%s%s: %s%s\n", f->file, place,
	    f->is_warning ? "warning: " : "", f->text);
}

void
hf_conf_check_devices(void *arg, const struct hf_plant *p,
    hf_plant_report *report, void *report_arg)
{
	hf_drivers_check(p, report, report_arg, arg);
	hf_topics_check(p, report, report_arg);
}

int
hf_conf_dir(const struct hf_conf_opts *o, const char *verb)
{
	const char *dir = hf_cli_dir(o->conf, "HOLDFAST_CONF", HF_DIR_CONF);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return -hf_cli_fail(verb,
	    errno == EACCES ? HF_EXIT_DENIED : HF_EXIT_FAILED,
	    "%s: %s; name the plant's directory with --conf", dir,
	    strerror(errno));
}

int
hf_conf_put(const struct hf_buf *b, const char *verb)
{
	if (!hf_buf_ok(b))
		return hf_cli_fail(verb, HF_EXIT_FAILED, "out of memory");
	if ((b->len > 0 && fwrite(b->p, 1, b->len, stdout) != b->len) ||
	    fflush(stdout) != 0)
		return hf_cli_fail(
		    verb, HF_EXIT_FAILED, "output: %s", strerror(errno));
	return HF_EXIT_OK;
}
