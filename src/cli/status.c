/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - `holdfast status`: is it well, and if not, what, since when, what
 * to do.
 *
 * Order of the page: health, findings, roles, devices, store, detectors,
 * alarms, then everything that was lost, denied, retried or came as a surprise,
 * by reason. Nothing that is wrong needs an option to be seen; --all adds the
 * quiet counters. Exit code 1 if health is not ok, so that a script needs no
 * parsing.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

#define TEXT_AT 6 /* column of a finding's text on a terminal */

static void
heading(const struct hf_term *t, const char *text)
{
	fprintf(t->f, "\n%s%s%s\n", hf_term_colour(t, HF_BOLD), text,
	    hf_term_colour(t, HF_PLAIN));
}

static void
put_health(const struct hf_term *t, json_t *doc)
{
	const char *health = hf_view_str(doc, "health");
	size_t n = json_array_size(json_object_get(doc, "findings"));

	fprintf(t->f, "%s%s%s", hf_term_colour(t, hf_view_colour(health)),
	    *health != '\0' ? health : "unknown", hf_term_colour(t, HF_PLAIN));
	fprintf(t->f, "  ");
	hf_text_put(t, hf_view_str(doc, "plant"));
	fprintf(t->f,
	    "  holdfast %s since %.19sZ, configuration %.0f (%.12s)%s\n",
	    hf_view_str(doc, "version"), hf_view_str(doc, "started"),
	    hf_view_num(doc, "generation"), hf_view_str(doc, "config_hash"),
	    json_is_true(json_object_get(doc, "insecure")) ? ", INSECURE" : "");
	if (n == 0)
		fprintf(t->f, "no findings\n");
}

static void
put_findings(const struct hf_term *t, json_t *doc)
{
	json_t *list = json_object_get(doc, "findings"), *f;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	heading(t, "findings");
	json_array_foreach(list, i, f)
	{
		fprintf(t->f, "  %s", hf_term_colour(t, HF_YELLOW));
		hf_text_put(t, hf_view_str(f, "what"));
		fprintf(t->f, "%s: ", hf_term_colour(t, HF_PLAIN));
		if (t->columns > 0)
			fprintf(t->f, "\n%*s", TEXT_AT, "");
		hf_text_wrap(
		    t, hf_view_str(f, "text"), TEXT_AT, t->columns - TEXT_AT);
		fputc('\n', t->f);
	}
}

static void
join(struct hf_buf *b, json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		hf_buf_puts(b, i > 0 ? " " : "");
		hf_text_json(b, v);
	}
}

static int
put_roles(const struct hf_term *t, json_t *doc)
{
	static const char *const heads[] = {"ROLE", "ZONE", "STATUS", "SINCE",
	    "PID", ">RESTARTS", "MISSING", "LAST DEATH"};
	struct hf_table *tab = hf_table_new(heads, 8);
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(doc, "roles"), i, r)
	{
		const char *st = hf_view_str(r, "status");
		struct hf_buf b;

		hf_buf_init(&b, 256);
		join(&b, json_object_get(r, "missing"));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(r, "role"));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(r, "zone"));
		hf_table_cell(tab, hf_view_colour(st), st);
		hf_view_time(tab, r, "since");
		hf_view_cell(tab, HF_PLAIN, json_object_get(r, "pid"));
		hf_view_cell(tab,
		    hf_view_num(r, "restarts") > 0 ? HF_YELLOW : HF_PLAIN,
		    json_object_get(r, "restarts"));
		hf_table_cell(tab, HF_YELLOW, hf_buf_cstr(&b));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(r, "text"));
		hf_buf_fini(&b);
	}
	hf_table_wrap(tab);
	heading(t, "roles");
	return hf_view_print(tab, t, 2, 0);
}

static int
put_devices(const struct hf_term *t, json_t *doc)
{
	static const char *const heads[] = {"DEVICE", "ZONE", "STATUS",
	    ">LAST VALUE", ">REQ/S", ">ANSWERS", ">TIMEOUTS", ">EXCEPT",
	    ">FRAMING", ">CONNECTS", ">SKIPPED", "WHY"};
	static const char *const counts[] = {"answers", "timeouts",
	    "exceptions", "framing", "connects", "skipped"};
	struct hf_table *tab = hf_table_new(heads, 12);
	char age[32];
	size_t i, k;
	json_t *d;

	json_array_foreach(json_object_get(doc, "devices"), i, d)
	{
		const char *st = hf_view_str(d, "status");
		double age_s = hf_view_num(d, "age_s");

		hf_table_cell(tab, HF_BOLD, hf_view_str(d, "device"));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(d, "zone"));
		hf_table_cell(tab, hf_view_colour(st), st);
		hf_table_cellf(tab, HF_PLAIN, "%s%s",
		    isfinite(age_s) ? hf_text_age(age_s, age) : "never",
		    isfinite(age_s) ? " ago" : "");
		hf_table_cellf(
		    tab, HF_PLAIN, "%.1f", hf_view_num(d, "requests_per_s"));
		for (k = 0; k < sizeof(counts) / sizeof(counts[0]); k++)
			hf_view_cell(
			    tab, HF_PLAIN, json_object_get(d, counts[k]));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(d, "text"));
	}
	hf_table_wrap(tab);
	heading(t, "devices");
	if (hf_table_nrow(tab) > 0)
		return hf_view_print(tab, t, 2, 0);
	fprintf(t->f, "  none configured\n");
	hf_table_free(tab);
	return HF_EXIT_OK;
}

/* One line: members as they come; what is missing is not shown. */
static void
put_members(const struct hf_term *t, const char *what, json_t *o)
{
	const char *key;
	struct hf_buf b;
	bool is_first = true;
	json_t *v;

	hf_buf_init(&b, 4096);
	json_object_foreach(o, key, v)
	{
		hf_buf_puts(&b, is_first ? "" : ", ");
		hf_text_clean(&b, key);
		hf_buf_puts(&b, " ");
		if (json_is_real(v))
			hf_buf_printf(&b, "%.3g", json_real_value(v));
		else
			hf_text_json(&b, v);
		is_first = false;
	}
	if (!is_first && hf_buf_ok(&b)) {
		fprintf(t->f, "  %s: ", what);
		hf_text_wrap(t, hf_buf_cstr(&b), TEXT_AT,
		    t->columns - (int)strlen(what) - TEXT_AT);
		fputc('\n', t->f);
	}
	hf_buf_fini(&b);
}

static void
put_store(const struct hf_term *t, json_t *doc)
{
	json_t *s = json_object_get(doc, "store");
	const char *st = hf_view_str(s, "state");
	const char *fold = hf_view_str(s, "last_fold");
	char a[32], b[32];

	heading(t, "store, tags, detectors, alarms");
	fprintf(t->f,
	    "  store: %s%s%s, log %s, disk free %s, last fold %.19s%s\n",
	    hf_term_colour(t, hf_view_colour(st)), *st ? st : "unknown",
	    hf_term_colour(t, HF_PLAIN),
	    hf_text_bytes(hf_view_num(s, "log_bytes"), a),
	    hf_text_bytes(hf_view_num(s, "disk_free_bytes"), b),
	    *fold ? fold : "-", *fold ? "Z" : "");
	if (*hf_view_str(s, "text") != '\0') {
		fprintf(t->f, "    ");
		hf_text_put(t, hf_view_str(s, "text"));
		fputc('\n', t->f);
	}
	if (hf_view_num(s, "waiting_batches") > 0)
		fprintf(t->f, "    %.0f batches wait to become durable\n",
		    hf_view_num(s, "waiting_batches"));
	put_members(t, "decided within (ms)", json_object_get(s, "decide_ms"));
	put_members(t, "durable within (ms)", json_object_get(s, "commit_ms"));
	put_members(t, "tags", json_object_get(doc, "tags"));
	put_members(
	    t, "signals of detectors", json_object_get(doc, "detectors"));
	put_members(t, "alarms", json_object_get(doc, "alarms"));
}

/* Each zone's tree in its broker. */
static void
put_namespace(const struct hf_term *t, json_t *doc)
{
	json_t *z;
	size_t i;

	json_array_foreach(json_object_get(doc, "namespace"), i, z)
	{
		const char *st = hf_view_str(z, "broker");

		fprintf(t->f, "  namespace of ");
		hf_text_put(t, hf_view_str(z, "zone"));
		fprintf(t->f, ": broker %s%s%s, %.0f topics, %.0f wait",
		    hf_term_colour(t, hf_view_colour(st)), st,
		    hf_term_colour(t, HF_PLAIN), hf_view_num(z, "topics"),
		    hf_view_num(z, "waiting"));
		if (*hf_view_str(z, "error") != '\0') {
			fprintf(t->f, "; ");
			hf_text_put(t, hf_view_str(z, "error"));
		}
		fputc('\n', t->f);
	}
}

/* What was refused by reason and an example stand in findings and counters. */
static void
put_contracts(const struct hf_term *t, json_t *doc)
{
	json_t *c = json_object_get(doc, "contracts"), *v;
	const char *key;
	double ndropped = 0;

	if (!(hf_view_num(c, "declared") > 0))
		return;
	json_object_foreach(json_object_get(c, "dropped"), key, v) ndropped +=
	    json_number_value(v);
	fprintf(t->f,
	    "  contracts: %.0f declared, %.0f values passed, %.0f dropped, "
	    "%.0f messages dropped\n",
	    hf_view_num(c, "declared"), hf_view_num(c, "passed"), ndropped,
	    hf_view_num(c, "messages_dropped"));
}

static void
put_exports(const struct hf_term *t, json_t *doc)
{
	json_t *x;
	size_t i;

	json_array_foreach(json_object_get(doc, "exports"), i, x)
	{
		const char *st = hf_view_str(x, "state");

		fprintf(t->f, "  export ");
		hf_text_put(t, hf_view_str(x, "export"));
		fprintf(t->f, ": %s%s%s, %.0f events and %.0f records wait; ",
		    hf_term_colour(t, hf_view_colour(st)), st,
		    hf_term_colour(t, HF_PLAIN),
		    hf_view_num(x, "events_waiting"),
		    hf_view_num(x, "records_waiting"));
		hf_text_put(t, hf_view_str(x, "text"));
		fputc('\n', t->f);
	}
}

/* Rows that are a loss or a surprise: counters.def. */
static bool
is_surprise(const char *name)
{
	static const char *const kinds[] = {
	    "drop.", "deny.", "retry.", "fall.", "bad."};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return strcmp(name, "role.restarts") == 0;
}

static int
put_counters(const struct hf_term *t, json_t *doc, bool is_all)
{
	static const char *const heads[] = {">COUNT", "REASON", "ROLE", "WHAT"};
	struct hf_table *tab = hf_table_new(heads, 4);
	json_t *c;
	size_t i;

	json_array_foreach(json_object_get(doc, "counters"), i, c)
	{
		const char *name = hf_view_str(c, "name");
		const char *zone = hf_view_str(c, "zone");
		bool is_bad = is_surprise(name);

		if (!(hf_view_num(c, "value") > 0) || (!is_bad && !is_all))
			continue;
		hf_view_cell(tab, HF_PLAIN, json_object_get(c, "value"));
		hf_table_cell(tab, is_bad ? HF_YELLOW : HF_PLAIN, name);
		hf_table_cellf(tab, HF_PLAIN, "%s%s%s", hf_view_str(c, "role"),
		    *zone ? "/" : "", zone);
		hf_table_cell(tab, HF_PLAIN, hf_view_str(c, "help"));
	}
	hf_table_wrap(tab);
	heading(t, is_all ? "counters" : "lost, denied, retried, surprising");
	if (hf_table_nrow(tab) > 0)
		return hf_view_print(tab, t, 2, 0);
	fprintf(t->f, "  nothing\n");
	hf_table_free(tab);
	return HF_EXIT_OK;
}

static int
show(const struct hf_term *t, json_t *doc, bool is_all)
{
	const char *health = hf_view_str(doc, "health");
	json_t *budget;
	size_t i;
	int rc;

	put_health(t, doc);
	put_findings(t, doc);
	rc = put_roles(t, doc);
	if (rc == HF_EXIT_OK)
		rc = put_devices(t, doc);
	put_store(t, doc);
	json_array_foreach(json_object_get(doc, "budgets"), i, budget)
	    put_members(t, "false-alarm budget", budget);
	put_members(t, "audit", json_object_get(doc, "audit"));
	put_namespace(t, doc);
	put_contracts(t, doc);
	put_exports(t, doc);
	if (rc == HF_EXIT_OK)
		rc = put_counters(t, doc, is_all);
	if (rc == HF_EXIT_OK && strcmp(health, "ok") != 0)
		rc = HF_EXIT_FOUND;
	return rc;
}

int
hf_verb_status(int argc, char **argv)
{
	bool is_all = false;
	const struct hf_arg rows[] = {
	    {"--all", NULL, &is_all, "all counters, not only losses"},
	};
	struct hf_err e = {0};
	json_t *doc = NULL;
	struct hf_args a;
	struct hf_term t;
	int rc;

	rc = hf_args_take(&a, argc, argv, rows, 1);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 0)
		return hf_cli_usage(argv[0], "takes no argument");
	if (a.is_json)
		return hf_args_print(&a, argv[0], "/api/v1/status");
	rc = hf_client_json(&a.client, "/api/v1/status", &doc, &e);
	if (rc != HF_OK)
		return hf_args_fail(argv[0], rc, &e);
	hf_term_init(&t, stdout);
	rc = show(&t, doc, is_all);
	json_decref(doc);
	return rc;
}
