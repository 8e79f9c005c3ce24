/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_verbs.h - what the verbs on configuration files share: options, reading
 * the plant, printing findings as text or JSON.
 */
#ifndef HF_CLI_CONF_VERBS_H
#define HF_CLI_CONF_VERBS_H

#include <stdbool.h>

#include "base/json.h"
#include "conf/conf.h"

#define HF_CLI_OUT (256u << 20) /* bytes of one answer */

struct hf_conf_opts {
	const char *conf;   /* --conf DIR */
	const char *device; /* --device NAME */
	const char *out;    /* --out DIR */
	bool is_json, is_dry, is_partial, is_replace, is_tags;
	const char *form; /* --delim: "," ";" */
	const char *args[4];
	int narg;
};

struct hf_found { /* findings as they are printed */
	bool is_json;
	struct hf_jw *w; /* JSON: inside an array */
	size_t nerror, nwarning;
};

/* Options of the verb; -1 to go on, else the exit code. `allowed` names the
 * long options besides --json and --help: "conf device dry-run". */
int hf_conf_opts_get(struct hf_conf_opts *o, const char *verb,
    const char *allowed, int argc, char **argv);
/* hf_finding_fn with a struct hf_found. */
void hf_found_print(void *arg, const struct hf_finding *f);
/* What the drivers say about their devices, as struct hf_conf_extra.check; arg:
 * NULL, or room for requests/s by device (HF_PLANT_NITEM doubles, < 0 =
 * unknown). */
void hf_conf_check_devices(void *arg, const struct hf_plant *p,
    hf_plant_report *report, void *report_arg);
/* Directory fd of --conf, HOLDFAST_CONF or /etc/holdfast; negative: the exit
 * code, negated, after a message. */
int hf_conf_dir(const struct hf_conf_opts *o, const char *verb);
/* Writes all of b to stdout; exit code. */
int hf_conf_put(const struct hf_buf *b, const char *verb);

#endif
