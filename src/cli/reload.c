/* SPDX-License-Identifier: Apache-2.0
 *
 * reload.c - `holdfast reload`: apply the changed configuration, or refuse it
 * whole.
 *
 * Exit code 1 if it was refused; the reasons are printed as `holdfast check`
 * would.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

static int
buf_sink(void *arg, const void *p, size_t n)
{
	hf_buf_put(arg, p, n);
	return HF_OK;
}

static void
show(const struct hf_buf *body)
{
	json_t *doc = NULL, *c, *renewed;
	struct hf_term t;
	size_t i;

	hf_term_init(&t, stdout);
	if (hf_json_parse((const char *)body->p, body->len, body->max, &doc,
		NULL) != HF_OK) {
		fprintf(t.f, "reloaded\n");
		return;
	}
	renewed = json_object_get(doc, "renewed");
	if (json_array_size(json_object_get(doc, "changed")) == 0)
		fprintf(t.f, "nothing has changed%s: ",
		    json_array_size(renewed) > 0 ? " but certificates" : "");
	fprintf(t.f, "configuration %.0f is applied, hash %s\n",
	    hf_view_num(doc, "generation"), hf_view_str(doc, "hash"));
	json_array_foreach(json_object_get(doc, "changed"), i, c)
	{
		fprintf(t.f, "  ");
		hf_text_put(
		    &t, json_string_value(c) ? json_string_value(c) : "");
		fputc('\n', t.f);
	}
	json_array_foreach(renewed, i, c)
	{
		fprintf(t.f, "  ");
		hf_text_put(
		    &t, json_string_value(c) ? json_string_value(c) : "");
		fprintf(t.f, " starts anew with its new certificate\n");
	}
	json_decref(doc);
}

/* The reasons, a line each; the plant goes on with what it has. */
static int
refused(const char *verb, int rc, struct hf_buf *why, const struct hf_err *e)
{
	const char *s = hf_buf_cstr(why);
	struct hf_term t;
	size_t n;

	if (s == NULL || strchr(s, '\n') == NULL)
		return hf_args_fail(verb, rc, e);
	hf_term_init(&t, stderr);
	fprintf(stderr, "holdfast %s: refused, nothing is changed:\n", verb);
	for (; *s != '\0'; s += n + (s[n] == '\n')) {
		char line[1024];

		n = strcspn(s, "\n");
		(void)snprintf(line, sizeof(line), "%.*s", (int)n, s);
		hf_text_put(&t, line);
		fputc('\n', stderr);
	}
	return hf_client_exit(rc);
}

int
hf_verb_reload(int argc, char **argv)
{
	struct hf_err e = {0};
	struct hf_buf body, why;
	struct hf_args a;
	int rc;

	rc = hf_args_take(&a, argc, argv, NULL, 0);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 0)
		return hf_cli_usage(argv[0], "takes no argument");
	hf_buf_init(&body, 1u << 20);
	hf_buf_init(&why, 1u << 20);
	a.client.refusal = &why;
	rc = hf_client_call(
	    &a.client, "POST", "/api/v1/reload", "{}", buf_sink, &body, &e);
	if (rc != HF_OK)
		rc = refused(argv[0], rc, &why, &e);
	else if (a.is_json)
		(void)fwrite(body.p, 1, body.len, stdout);
	else
		show(&body);
	hf_buf_fini(&body);
	hf_buf_fini(&why);
	return rc;
}
