/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - one program, many roles: the tables of verbs and roles.
 *
 * `holdfast VERB ...` is what people type (src/cli, one file per verb).
 * `holdfast --role NAME` is what the parent executes (src/proc, one file per
 * role); it works only with what the parent hands down.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "holdfast/version.h"
#include "proc/role.h"

const struct hf_verb hf_verbs[] = {
#define V(id, syn, text) \
	{.name = #id, .synopsis = syn, .help = text, .run = hf_verb_##id},
#include "cli/verbs.def"
#undef V
    {.name = NULL}};

static const struct {
	const char *name;
	int (*run)(const struct hf_role_args *a);
} roles[] = {{"audit", hf_role_audit}, {"core", hf_role_core},
    {"edge", hf_role_edge}, {"web", hf_role_web}, {"conf", hf_role_conf}};

static int
run_role(const char *name)
{
	struct hf_role_args a = {.role = hf_role_parse(name)};
	struct hf_err err = {0};
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) != 0)
			continue;
		if (hf_role_args_get(&a, &err) != HF_OK)
			return hf_cli_fail(
			    "--role", HF_RX_FAILED, "%s", err.msg);
		return roles[i].run(&a);
	}
	return hf_cli_fail("--role", HF_EXIT_USAGE, "no role %s", name);
}

static int
usage(FILE *f)
{
	const struct hf_verb *v;

	fprintf(f, "usage: holdfast VERB [options]\n\n");
	for (v = hf_verbs; v->name != NULL; v++)
		fprintf(f, "  %-10s %s\n", v->name, v->help);
	fprintf(f, "\n`holdfast VERB --help` and holdfast(8) say more.\n");
	return f == stdout ? HF_EXIT_OK : HF_EXIT_USAGE;
}

static int
unknown(const char *name)
{
	const char *words[64], *near;
	size_t n = 0;

	for (; hf_verbs[n].name != NULL && n < 64; n++)
		words[n] = hf_verbs[n].name;
	near = hf_nearest(name, words, n);
	fprintf(stderr,
	    "holdfast: no verb \"%s\"%s%s%s; `holdfast help` lists "
	    "them\n",
	    name, near != NULL ? ", did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
	return HF_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	const struct hf_verb *v;
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--role") == 0 && argc == 3)
		/* no exit handlers: other threads of a role may still run */
		_exit(run_role(argv[2]));
	if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
		printf("holdfast " HF_VERSION "\n");
		return HF_EXIT_OK;
	}
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 ||
	    strcmp(word, "-h") == 0)
		return usage(stdout);
	if (argc < 2)
		return usage(stderr);
	for (v = hf_verbs; v->name != NULL; v++)
		if (strcmp(v->name, word) == 0)
			return v->run(argc - 1, argv + 1);
	return unknown(word);
}
