/* SPDX-License-Identifier: Apache-2.0
 *
 * doc.c - `holdfast doc`: the option lists of holdfast.conf(5) in mdoc; with
 * --tags, the columns of holdfast-tags(5). --json: {"mdoc": "..."}.
 */
#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "proc/wires.h"

int
hf_verb_doc(int argc, char **argv)
{
	struct hf_buf text, out;
	struct hf_conf_opts o;
	struct hf_jw w;
	int rc;

	rc = hf_conf_opts_get(&o, "doc", "tags", argc, argv);
	if (rc >= 0)
		return rc;
	if (o.narg > 0)
		return hf_cli_usage("doc", "no argument is expected");
	hf_buf_init(&text, HF_CLI_OUT);
	hf_buf_init(&out, HF_CLI_OUT);
	rc = o.is_tags ? hf_tags_doc(&text) : hf_conf_doc(&hf_registry, &text);
	if (rc == HF_OK && o.is_json) {
		hf_jw_init(&w, &out);
		hf_jw_obj(&w);
		hf_jw_kstr(&w, "mdoc", hf_buf_cstr(&text));
		hf_jw_end_obj(&w);
		hf_buf_u8(&out, '\n');
	}
	if (rc == HF_OK)
		rc = hf_conf_put(o.is_json ? &out : &text, "doc");
	else
		rc = hf_cli_fail("doc", HF_EXIT_FAILED, "out of memory");
	hf_buf_fini(&out);
	hf_buf_fini(&text);
	return rc;
}
