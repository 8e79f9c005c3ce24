/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - `holdfast watch [PATTERN]`: live values and alarms, once a second.
 *
 * Top to bottom: state of the link, active alarms, values with a line of their
 * recent past. An empty list must never look like a lost link: as soon as one
 * of the three questions of a round (status, alarms, values) gets no answer,
 * the page says LINK LOST and since when, and keeps the last values, dimmed,
 * with the age they then had. On a terminal the page is redrawn in place; on a
 * pipe each round is printed below the one before. --json prints one object a
 * round: {"status","alarms","values"}, each as the API gave it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/view.h"

#define NPAST 32     /* values in a sparkline */
#define NALARM 8     /* alarms shown; the rest is counted */
#define NSERIES 5000 /* tags whose past is kept */
#define LINK_WAIT_NS \
	(3 * HF_NS_PER_S) /* silence after which the link is lost */

static const char verb[] = "watch";

struct series {
	char *path;
	double v[NPAST];
	size_t n;
};

struct watch {
	struct hf_args args;
	struct hf_term term;
	const char *pattern;
	json_t *status, *alarms, *values; /* newest answers; NULL before any */
	struct hf_buf raw[3];		  /* the same as text, for --json */
	int64_t seen_ns;		  /* wall: last whole round */
	int64_t lost_ns; /* wall: since when; HF_TIME_NONE = up */
	struct hf_err why;
	int rc;
	struct series *series;
	size_t nseries;
};

/* Answers come in the same order each round, so the hint nearly always hits. */
static struct series *
series_of(struct watch *w, const char *path, size_t hint)
{
	struct series *s;
	size_t i;

	if (hint < w->nseries && strcmp(w->series[hint].path, path) == 0)
		return &w->series[hint];
	for (i = 0; i < w->nseries; i++)
		if (strcmp(w->series[i].path, path) == 0)
			return &w->series[i];
	if (w->nseries == NSERIES)
		return NULL;
	s = &w->series[w->nseries];
	s->path = strdup(path);
	if (s->path == NULL)
		return NULL;
	w->nseries++;
	return s;
}

static void
remember(struct watch *w)
{
	struct series *s;
	json_t *v;
	size_t i;

	json_array_foreach(w->values, i, v)
	{
		s = series_of(w, hf_view_str(v, "path"), i);
		if (s == NULL)
			continue;
		if (s->n == NPAST)
			memmove(s->v, s->v + 1, sizeof(s->v) - sizeof(s->v[0]));
		else
			s->n++;
		s->v[s->n - 1] = hf_view_num(v, "value");
	}
}

static int
ask(struct watch *w, const char *path, struct hf_buf *raw, json_t **doc)
{
	json_t *fresh = NULL;
	int rc;

	hf_buf_reset(raw);
	rc = hf_client_get(&w->args.client, path, raw, &w->why);
	if (rc == HF_OK)
		rc = hf_json_parse((const char *)raw->p, raw->len,
		    HF_CLIENT_ANSWER, &fresh, &w->why);
	if (rc != HF_OK)
		return rc;
	json_decref(*doc);
	*doc = fresh;
	return HF_OK;
}

static void
poll_round(struct watch *w)
{
	int64_t now_ns = hf_wall_ns();
	struct hf_buf path;
	int rc;

	hf_buf_init(&path, 4096);
	hf_buf_puts(&path, "/api/v1/values");
	hf_client_param(&path, "match", w->pattern);
	rc = ask(w, "/api/v1/status", &w->raw[0], &w->status);
	if (rc == HF_OK)
		rc = ask(w, "/api/v1/alarms", &w->raw[1], &w->alarms);
	if (rc == HF_OK)
		rc = ask(w, hf_buf_cstr(&path), &w->raw[2], &w->values);
	hf_buf_fini(&path);
	w->rc = rc;
	if (rc == HF_OK) {
		w->lost_ns = HF_TIME_NONE;
		w->seen_ns = now_ns;
		remember(w);
	} else if (w->lost_ns == HF_TIME_NONE) {
		w->lost_ns = now_ns;
	}
}

static bool
is_lost(const struct watch *w)
{
	return w->lost_ns != HF_TIME_NONE;
}

static void
put_link(const struct watch *w)
{
	const struct hf_term *t = &w->term;
	char since[HF_TIME_TEXT], age[32];
	const char *health = hf_view_str(w->status, "health");
	size_t n = json_array_size(json_object_get(w->status, "findings"));

	if (is_lost(w)) {
		fprintf(t->f,
		    "%sLINK LOST since %s%s: ", hf_term_colour(t, HF_RED),
		    hf_time_fmt(w->lost_ns - w->lost_ns % HF_NS_PER_S, since),
		    hf_term_colour(t, HF_PLAIN));
		hf_text_put(t, w->why.msg);
		if (w->seen_ns > 0)
			fprintf(t->f, "\nwhat follows is %s old",
			    hf_text_age(
				(double)(hf_wall_ns() - w->seen_ns) / 1e9,
				age));
		fputc('\n', t->f);
		return;
	}
	hf_text_put(t, hf_view_str(w->status, "plant"));
	fprintf(t->f, "  %s%s%s  %.19sZ  %zu finding%s%s\n",
	    hf_term_colour(t, hf_view_colour(health)), health,
	    hf_term_colour(t, HF_PLAIN), hf_view_str(w->status, "now"), n,
	    n == 1 ? "" : "s", n > 0 ? ": see holdfast status" : "");
}

static void
put_alarms(const struct watch *w)
{
	const struct hf_term *t = &w->term;

	fprintf(t->f, "\nalarms%s\n",
	    is_lost(w) ? " (before the link was lost)" : "");
	if (w->alarms == NULL)
		fprintf(t->f, "  unknown\n");
	else if (is_lost(w) && json_array_size(w->alarms) == 0)
		fprintf(t->f, "  none were active then; unknown now\n");
	else
		hf_view_alarms(t, w->alarms, NALARM);
}

static void
put_value(struct watch *w, struct hf_table *tab, json_t *v, size_t i)
{
	enum hf_colour dim = is_lost(w) ? HF_DIM : HF_PLAIN;
	const char *q = hf_view_str(v, "quality");
	struct series *s = series_of(w, hf_view_str(v, "path"), i);
	double age_s = hf_view_num(v, "age_s");
	struct hf_buf spark;
	char age[32];

	if (is_lost(w))
		age_s += (double)(hf_wall_ns() - w->seen_ns) / 1e9;
	hf_buf_init(&spark, 1024);
	if (s != NULL)
		hf_text_spark(&spark, s->v, s->n, w->term.is_utf8);
	hf_table_cell(tab, dim, hf_view_str(v, "path"));
	hf_view_value(tab, is_lost(w) ? HF_DIM : HF_BOLD, v);
	hf_table_cell(tab, dim, hf_view_str(v, "unit"));
	hf_table_cell(tab, is_lost(w) ? HF_DIM : hf_view_colour(q),
	    is_lost(w) ? "STALE"
	    : *q       ? q
		       : "never");
	hf_table_cell(tab, dim, hf_text_age(age_s, age));
	hf_table_cell(tab, is_lost(w) ? HF_DIM : HF_CYAN, hf_buf_cstr(&spark));
	hf_buf_fini(&spark);
}

static void
put_values(struct watch *w)
{
	static const char *const heads[] = {
	    "TAG", ">VALUE", "UNIT", "QUALITY", ">AGE", "LAST HALF MINUTE"};
	size_t nalarm = json_array_size(w->alarms), room = 0, i;
	struct hf_table *tab;
	json_t *v;

	fprintf(w->term.f, "\n");
	if (w->values == NULL) {
		fprintf(w->term.f, "values: unknown\n");
		return;
	}
	tab = hf_table_new(heads, 6);
	json_array_foreach(w->values, i, v) put_value(w, tab, v, i);
	if (w->term.rows > 0) {
		size_t used = 9 + (nalarm < NALARM ? nalarm : NALARM + 1);

		room = (size_t)w->term.rows > used + 3
			   ? (size_t)w->term.rows - used
			   : 3;
	}
	(void)hf_view_print(tab, &w->term, 0, room);
}

/* The page as text first, so that a terminal gets it in one write, without
 * flicker. */
static void
draw(struct watch *w)
{
	FILE *out = w->term.f;
	char *text = NULL, *line, *save = NULL;
	size_t n = 0;

	w->term.f = open_memstream(&text, &n);
	if (w->term.f == NULL) {
		w->term.f = out;
		return;
	}
	put_link(w);
	put_alarms(w);
	put_values(w);
	(void)fclose(w->term.f);
	w->term.f = out;
	if (!w->term.is_tty) {
		fprintf(out, "%s\n", text);
	} else {
		int left = w->term.rows; /* more would scroll the top away */

		fputs("\033[H", out);
		for (line = text; line != NULL && *line != '\0'; line = save) {
			save = strchr(line, '\n');
			if (save != NULL)
				*save++ = '\0';
			fprintf(out, "%s\033[K", line);
			if (--left == 0)
				break;
			fputc('\n', out);
		}
		fputs("\033[J", out);
	}
	free(text);
	(void)fflush(out);
}

static void
print_json(struct watch *w)
{
	struct hf_buf b;

	if (w->rc == HF_OK) {
		printf("{\"status\":%s,", hf_buf_cstr(&w->raw[0]));
		printf("\"alarms\":%s,", hf_buf_cstr(&w->raw[1]));
		printf("\"values\":%s}\n", hf_buf_cstr(&w->raw[2]));
	} else {
		struct hf_jw j;

		hf_buf_init(&b, 8192);
		hf_jw_init(&j, &b);
		hf_jw_obj(&j);
		hf_jw_kstr(&j, "lost", w->why.msg);
		hf_jw_ktime(&j, "since", w->lost_ns);
		hf_jw_end_obj(&j);
		printf("%s\n", hf_buf_cstr(&b));
		hf_buf_fini(&b);
	}
	(void)fflush(stdout);
}

/* Sleeps to the next whole second of the monotonic clock's own count from
 * start. */
static void
sleep_until(int64_t mono_ns)
{
	struct timespec ts = {.tv_sec = (time_t)(mono_ns / HF_NS_PER_S),
	    .tv_nsec = (long)(mono_ns % HF_NS_PER_S)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int
run(struct watch *w, uint64_t count)
{
	int64_t next_ns = hf_mono_ns();
	uint64_t i;

	if (w->term.is_tty && !w->args.is_json)
		fputs("\033[2J", stdout);
	for (i = 0; count == 0 || i < count; i++) {
		if (i > 0)
			sleep_until(next_ns);
		next_ns += HF_NS_PER_S;
		if (next_ns < hf_mono_ns())
			next_ns = hf_mono_ns(); /* do not catch up */
		hf_term_init(&w->term, stdout); /* the window may have grown */
		poll_round(w);
		if (i == 0 && w->rc == HF_ENOTFOUND)
			return hf_args_fail(verb, w->rc, &w->why);
		if (w->args.is_json)
			print_json(w);
		else
			draw(w);
		if (ferror(stdout))
			return HF_EXIT_FAILED;
	}
	return hf_client_exit(w->rc);
}

static void
watch_fini(struct watch *w)
{
	size_t i;

	for (i = 0; i < w->nseries; i++)
		free(w->series[i].path);
	free(w->series);
	for (i = 0; i < 3; i++)
		hf_buf_fini(&w->raw[i]);
	json_decref(w->status);
	json_decref(w->alarms);
	json_decref(w->values);
}

int
hf_verb_watch(int argc, char **argv)
{
	struct watch w = {.lost_ns = HF_TIME_NONE};
	const char *count_text = NULL;
	const struct hf_arg rows[] = {
	    {"--count", "N", &count_text, "end after N rounds [for ever]"},
	};
	uint64_t count = 0;
	size_t i;
	int rc;

	rc = hf_args_take(&w.args, argc, argv, rows, 1);
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (w.args.npos > 1)
		return hf_cli_usage(verb, "takes one pattern");
	if (count_text != NULL &&
	    (!hf_parse_u64(count_text, strlen(count_text), &count) ||
		count == 0))
		return hf_cli_usage(
		    verb, "--count %s is no number from 1", count_text);
	w.pattern = w.args.npos > 0 ? w.args.pos[0] : NULL;
	w.args.client.wait_ns = LINK_WAIT_NS;
	for (i = 0; i < 3; i++)
		hf_buf_init(&w.raw[i], HF_CLIENT_ANSWER);
	w.series = calloc(NSERIES, sizeof(*w.series));
	if (w.series == NULL)
		rc = hf_cli_fail(verb, HF_EXIT_FAILED, "no memory");
	else
		rc = run(&w, count);
	watch_fini(&w);
	return rc;
}
