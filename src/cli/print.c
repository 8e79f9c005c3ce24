/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c - `holdfast print`: plant.yaml in normal form, every key with its
 * value. It reads again to the same plant. --json: the same as one JSON
 * document.
 */
#include <unistd.h>

#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "proc/wires.h"

int
hf_verb_print(int argc, char **argv)
{
	struct hf_found found = {0};
	struct hf_plant *p = NULL;
	struct hf_err err = {0};
	struct hf_conf_opts o;
	struct hf_buf out;
	int rc, dirfd;

	rc = hf_conf_opts_get(&o, "print", "conf", argc, argv);
	if (rc >= 0)
		return rc;
	if (o.narg > 0)
		return hf_cli_usage("print", "no argument is expected");
	dirfd = hf_conf_dir(&o, "print");
	if (dirfd < 0)
		return -dirfd;
	hf_buf_init(&out, HF_CLI_OUT);
	rc =
	    hf_conf_load(dirfd, &hf_registry, hf_found_print, &found, &p, &err);
	if (rc != HF_OK) {
		rc = hf_cli_fail("print", HF_EXIT_FOUND, "%s", err.msg);
		goto out;
	}
	rc = o.is_json ? hf_conf_print_json(p, &out, &err)
		       : hf_conf_print(p, &out, &err);
	if (o.is_json)
		hf_buf_u8(&out, '\n');
	rc = rc == HF_OK ? hf_conf_put(&out, "print")
			 : hf_cli_fail("print", HF_EXIT_FAILED, "%s", err.msg);
out:
	hf_buf_fini(&out);
	hf_plant_free(p);
	close(dirfd);
	return rc;
}
