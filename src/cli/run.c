/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - `holdfast run`: the command line of the parent role, nothing more.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/cli.h"
#include "proc/parent.h"

static const char help[] =
    "usage: holdfast run [--conf DIR] [--data DIR] [--run DIR] [--insecure]\n"
    "\n"
    "Starts the plant and watches over all its roles, in the foreground, "
    "until\n"
    "SIGTERM or ^C; SIGHUP reloads the configuration.\n"
    "\n"
    "  --conf DIR   folder of plant.yaml (" HF_DIR_CONF ")\n"
    "  --data DIR   folder made by `holdfast init` (" HF_DIR_DATA ")\n"
    "  --run DIR    folder of api.sock (" HF_DIR_RUN ")\n"
    "  --insecure   run with the sandbox layers that this machine can give, "
    "and\n"
    "               name those that are missing, instead of refusing\n"
    "  --log LEVEL  error, warn, info or debug (info)\n";

enum { OPT_CONF = 1, OPT_DATA, OPT_RUN, OPT_INSECURE, OPT_LOG, OPT_HELP };
static const struct option longopts[] = {
    {"conf", required_argument, NULL, OPT_CONF},
    {"data", required_argument, NULL, OPT_DATA},
    {"run", required_argument, NULL, OPT_RUN},
    {"insecure", no_argument, NULL, OPT_INSECURE},
    {"log", required_argument, NULL, OPT_LOG},
    {"help", no_argument, NULL, OPT_HELP},
    {"json", no_argument, NULL, 0}, /* every verb takes it */
    {NULL, 0, NULL, 0}};

int
hf_verb_run(int argc, char **argv)
{
	const char *conf = NULL, *data = NULL, *run = NULL;
	enum hf_log_level level = HF_LOG_INFO;
	struct hf_parent_opts o = {0};
	int c;

	opterr = 0; /* said below, once */
	while ((c = getopt_long(argc, argv, ":", longopts, NULL)) != -1) {
		switch (c) {
		case 0:
			break;
		case OPT_CONF:
			conf = optarg;
			break;
		case OPT_DATA:
			data = optarg;
			break;
		case OPT_RUN:
			run = optarg;
			break;
		case OPT_INSECURE:
			o.is_insecure = true;
			break;
		case OPT_LOG:
			if (hf_log_level_parse(optarg, &level) == HF_OK)
				break;
			return hf_cli_usage("run",
			    "--log: \"%s\" is none of "
			    "error, warn, info, debug",
			    optarg);
		case OPT_HELP:
			fputs(help, stdout);
			return HF_EXIT_OK;
		case ':':
			return hf_cli_usage(
			    "run", "%s needs a value", argv[optind - 1]);
		default:
			return hf_cli_usage("run",
			    "%s unknown; --help lists the options",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return hf_cli_usage("run", "\"%s\" is no option", argv[optind]);
	o.conf_dir = hf_cli_dir(conf, "HOLDFAST_CONF", HF_DIR_CONF);
	o.data_dir = hf_cli_dir(data, "HOLDFAST_DATA", HF_DIR_DATA);
	o.run_dir = hf_cli_dir(run, "HOLDFAST_RUN", HF_DIR_RUN);
	o.log_level = (int)level;
	switch (hf_parent_run(&o)) {
	case HF_OK:
		return HF_EXIT_OK;
	case HF_EINVAL:
		return HF_EXIT_FOUND;
	case HF_EDENIED:
		return HF_EXIT_DENIED;
	default:
		return HF_EXIT_FAILED;
	}
}
