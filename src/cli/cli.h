/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h - what the verbs share: exit codes, the table, and the paths by
 * default.
 */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

enum hf_exit {
	HF_EXIT_OK = 0,
	HF_EXIT_FOUND = 1, /* it ran; the answer is "no" or "errors" */
	HF_EXIT_USAGE = 2, /* the command line is wrong */
	HF_EXIT_AWAY = 3,  /* holdfast does not run, or a role did not answer */
	HF_EXIT_DENIED = 4, /* rights */
	HF_EXIT_FAILED = 5  /* disk, memory, machine */
};

/* Overridden by --conf/--data/--run or HOLDFAST_CONF, HOLDFAST_DATA,
 * HOLDFAST_RUN. */
#define HF_DIR_CONF "/etc/holdfast"
#define HF_DIR_DATA "/var/lib/holdfast"
#define HF_DIR_RUN "/run/holdfast"

struct hf_verb {
	const char *name, *synopsis, *help;
	int (*run)(
	    int argc, char **argv); /* argv[0] is the verb; enum hf_exit */
};

#define V(name, synopsis, help) int hf_verb_##name(int argc, char **argv);
#include "cli/verbs.def"
#undef V

extern const struct hf_verb
    hf_verbs[]; /* ends with a row of NULLs; in main.c */

/* Folder by precedence: the option's argument (may be NULL), the environment,
 * dflt. */
const char *hf_cli_dir(const char *opt, const char *env, const char *dflt);
/* "holdfast VERB: text" and the synopsis on stderr; returns HF_EXIT_USAGE. */
int hf_cli_usage(const char *verb, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "holdfast VERB: text" on stderr; returns code. */
int hf_cli_fail(const char *verb, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
