/* SPDX-License-Identifier: Apache-2.0
 *
 * alarms.c - `holdfast alarms ...`: see, acknowledge, shelve and explain
 * alarms.
 *
 *   list [--all | --state S]	what is not normal
 *   ack ID [--reason TEXT]		I have seen it
 *   shelve ID --for 2h --reason TEXT, unshelve ID
 *   out-of-service ID [--reason TEXT], in-service ID
 *   journal [--from T] [--to T] [--limit N]	every change, newest first
 *   event ID			why: an event's evidence; an alarm's
 *				id gives its newest event
 * A sub-verb is a row of `subs`. Alarm ids hold '|' and '/'; quote them in a
 * shell.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

struct opts {
	bool is_all;
	const char *state, *reason, *dur, *from, *to, *limit;
};

struct sub {
	const char *name;
	bool needs_id;
	int (*run)(
	    const struct hf_args *a, const struct opts *o, const struct sub *s);
};

static const char verb[] = "alarms";

static int
fetch(const struct hf_args *a, struct hf_buf *path, json_t **doc)
{
	struct hf_err e = {0};
	int rc;

	if (!hf_buf_ok(path))
		return hf_cli_usage(verb, "arguments are too long");
	rc = hf_client_json(&a->client, hf_buf_cstr(path), doc, &e);
	return rc == HF_OK ? HF_EXIT_OK : hf_args_fail(verb, rc, &e);
}

static int
run_list(const struct hf_args *a, const struct opts *o, const struct sub *s)
{
	struct hf_buf path;
	json_t *doc = NULL;
	struct hf_term t;
	int rc;

	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/alarms");
	hf_client_param(&path, "state", o->is_all ? "all" : o->state);
	if (a->is_json) {
		rc = hf_args_print(a, verb, hf_buf_cstr(&path));
	} else {
		rc = fetch(a, &path, &doc);
		hf_term_init(&t, stdout);
		if (rc == HF_EXIT_OK)
			hf_view_alarms(&t, doc, 0);
		json_decref(doc);
	}
	hf_buf_fini(&path);
	return rc;
}

static int
buf_sink(void *arg, const void *p, size_t n)
{
	hf_buf_put(arg, p, n);
	return HF_OK;
}

static void
act_body(const struct opts *o, struct hf_buf *b)
{
	struct hf_jw w;

	hf_jw_init(&w, b);
	hf_jw_obj(&w);
	if (o->reason != NULL)
		hf_jw_kstr(&w, "reason", o->reason);
	if (o->dur != NULL)
		hf_jw_kstr(&w, "for", o->dur);
	hf_jw_end_obj(&w);
}

static int
run_act(const struct hf_args *a, const struct opts *o, const struct sub *s)
{
	struct hf_buf path, body, out;
	struct hf_err e = {0};
	struct hf_term t;
	int rc;

	hf_term_init(&t, stdout);
	hf_buf_init(&path, 4096);
	hf_buf_init(&body, 65536);
	hf_buf_init(&out, 1u << 20);
	hf_buf_puts(&path, "/api/v1/alarms/");
	hf_client_escape(&path, a->pos[1]);
	hf_buf_printf(&path, "/%s", s->name);
	act_body(o, &body);
	if (hf_buf_ok(&path) && hf_buf_ok(&body))
		rc = hf_client_call(&a->client, "POST", hf_buf_cstr(&path),
		    hf_buf_cstr(&body), buf_sink, &out, &e);
	else
		rc = HF_FAIL(&e, HF_ELIMIT, "id or reason is too long");
	if (rc != HF_OK) {
		rc = hf_args_fail(verb, rc, &e);
	} else if (a->is_json) {
		printf("%s\n", hf_buf_cstr(&out));
	} else {
		printf("%s: ", s->name);
		hf_text_put(&t, a->pos[1]);
		printf("\n");
	}
	hf_buf_fini(&path);
	hf_buf_fini(&body);
	hf_buf_fini(&out);
	return rc;
}

static void
put_change(struct hf_table *tab, json_t *c)
{
	const char *to = hf_view_str(c, "to");

	hf_view_time(tab, c, "t");
	hf_table_cell(tab, HF_BOLD, hf_view_str(c, "alarm"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(c, "from"));
	hf_table_cell(tab, hf_view_colour(to), to);
	hf_table_cell(tab, HF_PLAIN, hf_view_str(c, "by"));
	hf_table_cell(tab, HF_PLAIN, hf_view_str(c, "reason"));
}

static int
run_journal(const struct hf_args *a, const struct opts *o, const struct sub *s)
{
	static const char *const heads[] = {
	    "TIME", "ALARM", "FROM", "TO", "BY", "REASON"};
	struct hf_table *tab;
	struct hf_buf path;
	json_t *doc = NULL, *c;
	struct hf_term t;
	size_t i;
	int rc;

	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/journal");
	hf_client_param(&path, "from", o->from);
	hf_client_param(&path, "to", o->to);
	hf_client_param(&path, "limit", o->limit);
	if (a->is_json) {
		rc = hf_args_print(a, verb, hf_buf_cstr(&path));
		goto out;
	}
	rc = fetch(a, &path, &doc);
	if (rc != HF_EXIT_OK)
		goto out;
	tab = hf_table_new(heads, 6);
	hf_table_wrap(tab);
	json_array_foreach(doc, i, c) put_change(tab, c);
	hf_term_init(&t, stdout);
	rc = hf_view_print(tab, &t, 0, 0);
out:
	json_decref(doc);
	hf_buf_fini(&path);
	return rc;
}

static void
put_line(const struct hf_term *t, const char *name, json_t *e, const char *key)
{
	json_t *v = json_object_get(e, key);
	struct hf_buf b;

	if (v == NULL || json_is_null(v) ||
	    (json_is_string(v) && json_string_length(v) == 0))
		return;
	hf_buf_init(&b, 65536);
	hf_text_json(&b, v);
	fprintf(t->f, "  %-14s %s\n", name,
	    hf_buf_ok(&b) ? hf_buf_cstr(&b) : "(too long)");
	hf_buf_fini(&b);
}

static void
put_variables(const struct hf_term *t, json_t *vars)
{
	static const char *const heads[] = {
	    "VARIABLE", ">VALUE", ">EXPECTED", "UNIT", "CONTRIBUTION"};
	struct hf_table *tab = hf_table_new(heads, 5);
	json_t *v;
	size_t i;

	json_array_foreach(vars, i, v)
	{
		double share = hf_view_num(v, "contribution");
		struct hf_buf bar;

		hf_buf_init(&bar, 256);
		hf_text_bar(&bar, share, 20, t->is_utf8);
		if (isfinite(share))
			hf_buf_printf(&bar, " %5.1f %%", share * 100);
		hf_table_cell(tab, HF_BOLD, hf_view_str(v, "tag"));
		hf_view_cell(tab, HF_PLAIN, json_object_get(v, "value"));
		hf_view_cell(tab, HF_PLAIN, json_object_get(v, "expected"));
		hf_table_cell(tab, HF_PLAIN, hf_view_str(v, "unit"));
		hf_table_cell(tab, HF_CYAN, hf_buf_cstr(&bar));
		hf_buf_fini(&bar);
	}
	hf_table_wrap(tab);
	(void)hf_view_print(tab, t, 2, 0);
}

/* Why: the sentence, what to do, the variables, the figures, then what a
 * replay needs. */
static void
put_event(const struct hf_term *t, json_t *e)
{
	static const char *const human[][2] = {{"cause", "cause"},
	    {"consequence", "consequence"}, {"action", "action"},
	    {"respond within", "respond_within"}};
	static const char *const figures[][2] = {{"rule", "rule"},
	    {"subject", "subject"}, {"detector", "detector"},
	    {"method", "method"}, {"level", "level"},
	    {"statistic", "statistic"}, {"limit", "limit"}, {"score", "score"}};
	static const char *const proof[][2] = {{"event", "id"},
	    {"input hash", "input_hash"}, {"config hash", "config_hash"},
	    {"snapshot", "snapshot"}, {"log frame", "frame"},
	    {"version", "version"}};
	json_t *span = json_object_get(e, "span");
	size_t i;

	fprintf(t->f, "%s", hf_term_colour(t, HF_BOLD));
	hf_text_wrap(t, hf_view_str(e, "text"), 2, t->columns - 2);
	fprintf(t->f, "%s\n", hf_term_colour(t, HF_PLAIN));
	for (i = 0; i < 4; i++)
		put_line(t, human[i][0], e, human[i][1]);
	fputc('\n', t->f);
	put_variables(t, json_object_get(e, "variables"));
	fputc('\n', t->f);
	for (i = 0; i < 8; i++)
		put_line(t, figures[i][0], e, figures[i][1]);
	fprintf(t->f, "  %-14s %s .. %s\n", "span", hf_view_str(span, "from"),
	    hf_view_str(span, "to"));
	fprintf(t->f, "\nto replay it:\n");
	for (i = 0; i < 6; i++)
		put_line(t, proof[i][0], e, proof[i][1]);
}

/* The newest event of the alarm with this id; "" if it has none. */
static int
event_of_alarm(const struct hf_args *a, const char *id, char hex[80])
{
	struct hf_buf path;
	json_t *doc = NULL, *al;
	size_t i;
	int rc;

	hex[0] = '\0';
	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/alarms?state=all");
	rc = fetch(a, &path, &doc);
	json_array_foreach(
	    doc, i, al) if (strcmp(hf_view_str(al, "id"), id) == 0)(void)
	    snprintf(hex, 80, "%s", hf_view_str(al, "event"));
	json_decref(doc);
	hf_buf_fini(&path);
	if (rc == HF_EXIT_OK && hex[0] == '\0')
		rc = hf_cli_fail(verb, HF_EXIT_FOUND,
		    "no alarm \"%s\" with an "
		    "event; `holdfast alarms list --all` shows their ids",
		    id);
	return rc;
}

static bool
is_event_id(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int
run_event(const struct hf_args *a, const struct opts *o, const struct sub *s)
{
	struct hf_buf path;
	json_t *doc = NULL, *e;
	struct hf_term t;
	char hex[80];
	int rc = HF_EXIT_OK;

	if (is_event_id(a->pos[1]))
		(void)snprintf(hex, sizeof(hex), "%s", a->pos[1]);
	else
		rc = event_of_alarm(a, a->pos[1], hex);
	if (rc != HF_EXIT_OK)
		return rc;
	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/events");
	hf_client_param(&path, "id", hex);
	if (a->is_json) {
		rc = hf_args_print(a, verb, hf_buf_cstr(&path));
	} else if ((rc = fetch(a, &path, &doc)) == HF_EXIT_OK) {
		hf_term_init(&t, stdout);
		e = json_is_array(doc) ? json_array_get(doc, 0) : doc;
		if (json_object_size(e) > 0)
			put_event(&t, e);
		else
			rc = hf_cli_fail(
			    verb, HF_EXIT_FOUND, "no event %s", hex);
	}
	json_decref(doc);
	hf_buf_fini(&path);
	return rc;
}

static const struct sub subs[] = {
    {"list", false, run_list},
    {"ack", true, run_act},
    {"shelve", true, run_act},
    {"unshelve", true, run_act},
    {"out-of-service", true, run_act},
    {"in-service", true, run_act},
    {"journal", false, run_journal},
    {"event", true, run_event},
};

static int
run_sub(const struct hf_args *a, const struct opts *o)
{
	const char *name = a->npos > 0 ? a->pos[0] : "list";
	size_t i;

	for (i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
		const struct sub *s = &subs[i];

		if (strcmp(s->name, name) != 0)
			continue;
		if (s->needs_id && a->npos != 2)
			return hf_cli_usage(verb,
			    "%s needs one ID; `holdfast "
			    "alarms list` shows them (quote the '|')",
			    name);
		if (!s->needs_id && a->npos > 1)
			return hf_cli_usage(verb, "%s takes no argument", name);
		if (strcmp(name, "shelve") == 0 &&
		    (o->dur == NULL || o->reason == NULL))
			return hf_cli_usage(verb, "shelve needs --for TIME "
						  "(1min to 7d) and --reason "
						  "TEXT");
		return s->run(a, o, s);
	}
	return hf_cli_usage(verb, "\"%s\" unknown", name);
}

int
hf_verb_alarms(int argc, char **argv)
{
	struct opts o = {0};
	const struct hf_arg rows[] = {
	    {"--all", NULL, &o.is_all, "list: normal ones too"},
	    {"--state", "S", &o.state,
		"list: only this state, or "
		"advisory"},
	    {"--reason", "TEXT", &o.reason, "why, for the journal"},
	    {"--for", "TIME", &o.dur, "shelve: how long, 1min to 7d"},
	    {"--from", "T", &o.from, "journal: not before"},
	    {"--to", "T", &o.to, "journal: before"},
	    {"--limit", "N", &o.limit, "journal: at most N lines"},
	};
	struct hf_args a;
	int rc;

	rc = hf_args_take(&a, argc, argv, rows, sizeof(rows) / sizeof(rows[0]));
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (o.is_all && o.state != NULL)
		return hf_cli_usage(verb, "--all and --state exclude each "
					  "other");
	return run_sub(&a, &o);
}
