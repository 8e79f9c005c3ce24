/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - `holdfast replay`: events computed again from the stored samples.
 *
 *    holdfast replay ID          one event
 *    holdfast replay --last 50   the newest 50, one after the other
 *
 * Core does the work (proc/core_replay.c) and tells for each event whether the
 * evidence came out the same, byte for byte. Exit code 0 if all did, 1 if one
 * did not. --json prints one array of core's answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

#define WAIT_NS (310 * HF_NS_PER_S) /* web gives core 300 s */
#define LAST_MAX 10000
#define SHOW_MAX 160 /* bytes of a differing value shown to people */

struct replay {
	struct hf_args a;
	struct hf_term term;
	size_t n, nsame, nask;
};

static void
put_value(const struct hf_term *t, const char *name, json_t *v)
{
	const char *s = json_string_value(v);
	char cut[SHOW_MAX + 4];

	snprintf(cut, sizeof(cut), "%.*s%s", SHOW_MAX, s == NULL ? "-" : s,
	    s != NULL && strlen(s) > SHOW_MAX ? "..." : "");
	fprintf(t->f, "    %-9s ", name);
	hf_text_put(t, cut);
	fputc('\n', t->f);
}

static void
put_result(const struct hf_term *t, json_t *o)
{
	bool is_same = json_is_true(json_object_get(o, "identical"));
	json_t *d;
	size_t i;

	fprintf(t->f, "%s%s%s  ",
	    hf_term_colour(t, is_same ? HF_GREEN : HF_RED),
	    is_same ? "identical" : "different", hf_term_colour(t, HF_PLAIN));
	fprintf(t->f, "%.16s  ", hf_view_str(o, "id"));
	hf_text_put(t, hf_view_str(o, "rule"));
	fputs("  ", t->f);
	hf_text_put(t, hf_view_str(o, "subject"));
	fprintf(t->f, "  (%.0f samples)\n", hf_view_num(o, "samples"));
	if (is_same)
		return;
	if (*hf_view_str(o, "why") != '\0') {
		fputs("  ", t->f);
		hf_text_put(t, hf_view_str(o, "why"));
		fputc('\n', t->f);
	}
	json_array_foreach(json_object_get(o, "differs"), i, d)
	{
		fputs("  ", t->f);
		hf_text_put(t, hf_view_str(d, "field"));
		fputc('\n', t->f);
		put_value(t, "stored", json_object_get(d, "stored"));
		put_value(t, "replayed", json_object_get(d, "replayed"));
	}
}

static void
progress(const struct replay *r)
{
	struct hf_term t;

	hf_term_init(&t, stderr);
	if (!t.is_tty || r->nask < 2)
		return;
	if (r->n < r->nask)
		fprintf(stderr, "\rreplaying %zu of %zu ", r->n + 1, r->nask);
	else
		fprintf(stderr, "\r%*s\r", 40, "");
}

/* One event; HF_ARGS_GO_ON or the exit code. */
static int
one(struct replay *r, const char *id)
{
	struct hf_err e = {0};
	struct hf_buf path;
	json_t *doc = NULL;
	char *text;
	int rc;

	progress(r);
	hf_buf_init(&path, 512);
	hf_buf_puts(&path, "/api/v1/replay");
	hf_client_param(&path, "id", id);
	rc = hf_client_json(&r->a.client, hf_buf_cstr(&path), &doc, &e);
	hf_buf_fini(&path);
	if (rc != HF_OK)
		return hf_args_fail("replay", rc, &e);
	r->nsame += json_is_true(json_object_get(doc, "identical"));
	if (r->a.is_json) {
		text = json_dumps(doc, JSON_COMPACT);
		printf("%s%s", r->n > 0 ? ",\n" : "", text ? text : "{}");
		free(text);
	} else {
		put_result(&r->term, doc);
	}
	r->n++;
	json_decref(doc);
	return HF_ARGS_GO_ON;
}

static int
newest(struct replay *r, uint64_t n)
{
	struct hf_err e = {0};
	json_t *doc = NULL, *ev;
	char path[64];
	size_t i;
	int rc;

	snprintf(path, sizeof(path), "/api/v1/events?limit=%llu",
	    (unsigned long long)n);
	rc = hf_client_json(&r->a.client, path, &doc, &e);
	if (rc != HF_OK)
		return hf_args_fail("replay", rc, &e);
	r->nask = json_array_size(doc);
	rc = HF_ARGS_GO_ON;
	for (i = 0; i < r->nask && rc == HF_ARGS_GO_ON; i++) {
		ev = json_array_get(doc, i);
		rc = one(r, hf_view_str(ev, "id"));
	}
	json_decref(doc);
	return rc;
}

int
hf_verb_replay(int argc, char **argv)
{
	const char *last = NULL;
	const struct hf_arg rows[] = {
	    {"--last", "N", &last, "the newest N events, 1 to 10000"},
	};
	struct replay r = {.nask = 1};
	uint64_t n = 0;
	int rc;

	rc = hf_args_take(&r.a, argc, argv, rows, 1);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if ((r.a.npos == 1) == (last != NULL) || r.a.npos > 1)
		return hf_cli_usage(argv[0],
		    "name one event (64 hexadecimal digits), or "
		    "--last N");
	if (last != NULL &&
	    (!hf_parse_u64(last, strlen(last), &n) || n == 0 || n > LAST_MAX))
		return hf_cli_usage(
		    argv[0], "--last takes a number from 1 to %d", LAST_MAX);
	r.a.client.wait_ns = WAIT_NS;
	hf_term_init(&r.term, stdout);
	if (r.a.is_json)
		fputs("[", stdout);
	rc = last != NULL ? newest(&r, n) : one(&r, r.a.pos[0]);
	progress(&r);
	if (r.a.is_json)
		fputs("]\n", stdout);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (!r.a.is_json && last != NULL)
		printf("%zu identical of %zu\n", r.nsame, r.n);
	return r.nsame == r.n ? HF_EXIT_OK : HF_EXIT_FOUND;
}
