/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - `holdfast schema`: the JSON Schema of plant.yaml, for editors. It
 * is JSON with and without --json.
 */
#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "proc/wires.h"

int
hf_verb_schema(int argc, char **argv)
{
	struct hf_conf_opts o;
	struct hf_buf out;
	int rc;

	rc = hf_conf_opts_get(&o, "schema", "", argc, argv);
	if (rc >= 0)
		return rc;
	if (o.narg > 0)
		return hf_cli_usage("schema", "no argument is expected");
	hf_buf_init(&out, HF_CLI_OUT);
	if (hf_conf_schema(&hf_registry, &out) == HF_OK)
		rc = hf_conf_put(&out, "schema");
	else
		rc = hf_cli_fail("schema", HF_EXIT_FAILED, "out of memory");
	hf_buf_fini(&out);
	return rc;
}
