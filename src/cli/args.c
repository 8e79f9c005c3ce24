/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c - command lines of the verbs that ask the API; see args.h.
 */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"

#define NROW 24

static const struct {
	const char *name, *synopsis, *help;
} verbs[] = {
#define V(name, synopsis, help) {#name, synopsis, help},
#include "cli/verbs.def"
#undef V
};

static void
help(const char *verb, const struct hf_arg *rows, size_t nrow)
{
	char left[64];
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, verb) == 0)
			printf("usage: holdfast %s %s\n\n%s.\n\n", verb,
			    verbs[i].synopsis, verbs[i].help);
	for (i = 0; i < nrow; i++) {
		(void)snprintf(left, sizeof(left), "%s%s%s", rows[i].name,
		    rows[i].meta ? " " : "", rows[i].meta ? rows[i].meta : "");
		printf("  %-20s %s\n", left, rows[i].help);
	}
	printf(
	    "\nExit codes: 0 done, 1 the answer is no, 2 wrong command line,"
	    " 3 holdfast\nis away, 4 no right, 5 failed. See holdfast(8).\n");
}

static int
unknown(const char *verb, const char *opt, size_t n, const struct hf_arg *rows,
    size_t nrow)
{
	const char *words[NROW], *near;
	char name[64];
	size_t i;

	(void)snprintf(name, sizeof(name), "%.*s", (int)(n < 63 ? n : 63), opt);
	for (i = 0; i < nrow; i++)
		words[i] = rows[i].name;
	near = hf_nearest(name, words, nrow);
	if (near != NULL)
		return hf_cli_usage(
		    verb, "%s unknown, did you mean %s?", name, near);
	return hf_cli_usage(verb, "%s unknown; --help lists the options", name);
}

/* One option at argv[*i]; moves *i over its value. */
static int
take_option(
    int argc, char **argv, int *i, const struct hf_arg *rows, size_t nrow)
{
	const char *opt = argv[*i], *eq = strchr(opt, '=');
	size_t n = eq ? (size_t)(eq - opt) : strlen(opt), k;

	for (k = 0; k < nrow; k++)
		if (strlen(rows[k].name) == n &&
		    strncmp(rows[k].name, opt, n) == 0)
			break;
	if (k == nrow)
		return unknown(argv[0], opt, n, rows, nrow);
	if (rows[k].meta == NULL) {
		if (eq != NULL)
			return hf_cli_usage(
			    argv[0], "%s takes no value", rows[k].name);
		*(bool *)rows[k].out = true;
		return HF_ARGS_GO_ON;
	}
	if (eq == NULL && *i + 1 >= argc)
		return hf_cli_usage(
		    argv[0], "%s needs %s", rows[k].name, rows[k].meta);
	*(const char **)rows[k].out = eq != NULL ? eq + 1 : argv[++*i];
	return HF_ARGS_GO_ON;
}

static int
take(struct hf_args *a, int argc, char **argv, const struct hf_arg *rows,
    size_t nrow, bool is_offline)
{
	bool is_help = false, is_ended = false;
	struct hf_arg all[NROW];
	size_t n = 0;
	int i, rc;

	memset(a, 0, sizeof(*a));
	for (; n < nrow && n < NROW - 3; n++)
		all[n] = rows[n];
	all[n++] = (struct hf_arg){"--json", NULL, &a->is_json,
	    is_offline ? "print the result as JSON"
		       : "print the API's document, unchanged"};
	if (!is_offline)
		all[n++] = (struct hf_arg){"--run", "DIR", &a->client.run,
		    "folder of the API socket [/run/holdfast]"};
	all[n++] = (struct hf_arg){"--help", NULL, &is_help, "this text"};
	for (i = 1; i < argc; i++) {
		const char *s = argv[i];

		if (!is_ended && strcmp(s, "--") == 0) {
			is_ended = true;
		} else if (!is_ended && s[0] == '-' && s[1] != '\0') {
			rc = take_option(argc, argv, &i, all, n);
			if (rc != HF_ARGS_GO_ON)
				return rc;
		} else if (a->npos == HF_ARGS_NPOS) {
			return hf_cli_usage(
			    argv[0], "more than %d arguments", HF_ARGS_NPOS);
		} else {
			a->pos[a->npos++] = s;
		}
	}
	if (is_help) {
		help(argv[0], all, n);
		return HF_EXIT_OK;
	}
	return HF_ARGS_GO_ON;
}

int
hf_args_take(struct hf_args *a, int argc, char **argv,
    const struct hf_arg *rows, size_t nrow)
{
	return take(a, argc, argv, rows, nrow, false);
}

int
hf_args_take_offline(struct hf_args *a, int argc, char **argv,
    const struct hf_arg *rows, size_t nrow)
{
	return take(a, argc, argv, rows, nrow, true);
}

int
hf_args_fail(const char *verb, int rc, const struct hf_err *err)
{
	return hf_cli_fail(verb, hf_client_exit(rc), "%s", err->msg);
}

static int
stdout_sink(void *arg, const void *p, size_t n)
{
	if (n > 0)
		*(char *)arg = ((const char *)p)[n - 1];
	return fwrite(p, 1, n, stdout) == n ? HF_OK : HF_EIO;
}

int
hf_args_print(const struct hf_args *a, const char *verb, const char *path)
{
	struct hf_err e = {0};
	char last = '\n';
	int rc;

	rc = hf_client_call(
	    &a->client, "GET", path, NULL, stdout_sink, &last, &e);
	if (last != '\n')
		(void)putchar('\n'); /* a line for the shell */
	if (rc == HF_OK && fflush(stdout) != 0)
		rc = HF_FAIL(&e, HF_EIO, "writing the answer failed");
	if (rc == HF_EIO && e.msg[0] == '\0')
		rc = HF_FAIL(&e, HF_EIO, "writing the answer failed");
	return rc == HF_OK ? HF_EXIT_OK : hf_args_fail(verb, rc, &e);
}

bool
hf_args_host_port(char *s, int64_t least, char **host, int64_t *port)
{
	char *colon = strrchr(s, ':');

	if (colon == NULL ||
	    !hf_parse_i64(colon + 1, strlen(colon + 1), port) ||
	    *port < least || *port > 65535)
		return false;
	*colon = '\0';
	if (s[0] == '[' && colon > s && colon[-1] == ']') {
		colon[-1] = '\0';
		s++;
	}
	*host = s;
	return true;
}
