/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.c - how every verb finds its folders and says that something is wrong.
 *
 * Messages go to stderr, one line each, so that stdout stays what a script
 * wants to read. The table of verbs is in main.c.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
hf_cli_dir(const char *opt, const char *env, const char *dflt)
{
	const char *s = opt;

	if (s == NULL || *s == '\0')
		s = secure_getenv(env);
	return s != NULL && *s != '\0' ? s : dflt;
}

__attribute__((format(printf, 2, 0))) static void
say(const char *verb, const char *fmt, va_list ap)
{
	fprintf(stderr, "holdfast %s: ", verb);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
hf_cli_usage(const char *verb, const char *fmt, ...)
{
	const struct hf_verb *v;
	va_list ap;

	va_start(ap, fmt);
	say(verb, fmt, ap);
	va_end(ap);
	for (v = hf_verbs; v->name != NULL; v++) {
		if (strcmp(v->name, verb) == 0)
			fprintf(stderr, "usage: holdfast %s%s%s\n", v->name,
			    *v->synopsis != '\0' ? " " : "", v->synopsis);
	}
	return HF_EXIT_USAGE;
}

int
hf_cli_fail(const char *verb, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(verb, fmt, ap);
	va_end(ap);
	return code;
}
