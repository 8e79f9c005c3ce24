/* SPDX-License-Identifier: Apache-2.0
 *
 * args.h - command lines of the verbs that ask the API.
 *
 * A verb lists its own options; --json, --run DIR and --help are added here.
 * "--name value" and "--name=value" are the same; "--" ends the options.
 */
#ifndef HF_CLI_ARGS_H
#define HF_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/client.h"

struct hf_arg {
	const char *name; /* "--from" */
	const char *meta; /* "T": takes a value; NULL: a switch */
	void *out;	  /* const char ** if meta, else bool * */
	const char *help;
};

#define HF_ARGS_NPOS 64

struct hf_args {
	struct hf_client client; /* .run from --run */
	bool is_json;
	size_t npos; /* what is no option */
	const char *pos[HF_ARGS_NPOS];
};

#define HF_ARGS_GO_ON (-1)

/* argv[0] is the verb. HF_ARGS_GO_ON, or the exit code to return (--help,
 * errors). */
int hf_args_take(struct hf_args *a, int argc, char **argv,
    const struct hf_arg *rows, size_t nrow);
/* The same for a verb that asks no plant: without --run. */
int hf_args_take_offline(struct hf_args *a, int argc, char **argv,
    const struct hf_arg *rows, size_t nrow);
/* GETs path and copies the answer to stdout unchanged; the verb's exit code. */
int hf_args_print(const struct hf_args *a, const char *verb, const char *path);
/* Splits "127.0.0.1:502" or "[::1]:502" in place: *host points into s. False if
 * it has no port from least to 65535. */
bool hf_args_host_port(char *s, int64_t least, char **host, int64_t *port);
/* The error of a failed call on stderr; the verb's exit code. */
int hf_args_fail(const char *verb, int rc, const struct hf_err *err);

#endif
