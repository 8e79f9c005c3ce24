/* SPDX-License-Identifier: Apache-2.0
 *
 * backtest.c - `holdfast backtest`: the plant's detectors and rules over
 * exported samples, without a running plant.
 *
 * Configuration -> plant -> the same engine that core runs, fed by
 * backtest_read.c. No clock is asked: source time comes from the file, and the
 * same file with the same configuration gives the same bytes.
 *
 * OUT gets one line an event, the evidence as core stores it; its `frame` is
 * the number of the row fed, its `snapshot` 0. It is written as OUT.part and
 * renamed at the end. stdout gets a table, or with --json
 *    {"rows","samples","late","from","to","skipped":{reason:n},
 *     "detectors":[{"name","method","learning","ready","blind","drifted",
 *       "events","alarms","advisories","alarms_per_week","budget_per_week",
 *       "first","last","missing":[PATH]}]}
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/time.h"
#include "cli/args.h"
#include "cli/backtest.h"
#include "cli/cli.h"
#include "cli/conf_verbs.h"
#include "cli/view.h"
#include "proc/wires.h"

#define WEEK_S (7.0 * 86400)
#define ENGINE_JSON (256u << 20)
#define BAR_NS (200 * HF_NS_PER_MS)
#define LINE_NS (10 * HF_NS_PER_S) /* between plain progress lines */
#define NMISSING 20		   /* tags named in the table */

struct tally {				    /* of one detector */
	uint64_t nevent, nalarm, nadvisory; /* the last two: that came on */
	int64_t first_ns, last_ns;
};

struct backtest {
	const char *conf, *csv, *tag, *out, *from, *to;
	bool is_json;
	struct hf_plant *plant;
	struct hf_engine *engine;
	struct hf_counters ctr;
	struct tally *tally; /* by detector */
	FILE *f;
	char part[4096];
	bool has_failed; /* a write to f did */
	struct hf_bt_result res;
	size_t nline; /* of the file, for progress */
	struct hf_term term;
	int64_t shown_ns;
};

static void
on_event(void *arg, const struct hf_event *e)
{
	struct backtest *b = arg;
	struct tally *t = &b->tally[e->detector - b->plant->detectors];

	t->nevent++;
	t->nalarm += e->kind == HF_EV_ON && e->is_alarm;
	t->nadvisory += e->kind == HF_EV_ON && !e->is_alarm;
	if (t->first_ns == HF_TIME_NONE)
		t->first_ns = e->to_ns;
	t->last_ns = e->to_ns;
	if (fputs(e->json, b->f) < 0 || fputc('\n', b->f) == EOF)
		b->has_failed = true;
}

static void
say(void *arg, const char *text)
{
	struct backtest *b = arg;

	if (b->term.is_tty)
		fputs("\r\033[K", stderr);
	hf_text_put(&b->term, text);
	fputc('\n', stderr);
}

static void
progress(void *arg, size_t line, size_t nsample)
{
	struct backtest *b = arg;
	double share = b->nline == 0 ? 1 : (double)line / (double)b->nline;
	int64_t now = hf_mono_ns();
	struct hf_buf bar;

	if (now - b->shown_ns < (b->term.is_tty ? BAR_NS : LINE_NS))
		return;
	b->shown_ns = now;
	if (!b->term.is_tty) {
		fprintf(stderr, "backtest: %.0f %%, %zu samples\n", 100 * share,
		    nsample);
		return;
	}
	hf_buf_init(&bar, 256);
	hf_text_bar(&bar, share, 30, b->term.is_utf8);
	fprintf(stderr, "\r%s %3.0f %%  %zu samples ", hf_buf_cstr(&bar),
	    100 * share, nsample);
	hf_buf_fini(&bar);
}

static size_t
count_lines(const char *p, size_t n)
{
	const char *end = p + n, *nl;
	size_t k = 0;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		k++;
		p = nl + 1;
	}
	return k;
}

/* ---- set up ---- */

static int
load_plant(struct backtest *b)
{
	struct hf_conf_opts o = {.conf = b->conf};
	struct hf_found found = {0};
	struct hf_err err = {0};
	char dir[4096];
	size_t n;
	int dirfd, rc;

	/* plant.yaml itself may be named, too */
	if (b->conf != NULL && (n = strlen(b->conf)) < sizeof(dir) && n > 11 &&
	    strcmp(b->conf + n - 11, "/plant.yaml") == 0) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(n - 11), b->conf);
		o.conf = dir;
	}
	dirfd = hf_conf_dir(&o, "backtest");
	if (dirfd < 0)
		return -dirfd;
	rc = hf_conf_load(
	    dirfd, &hf_registry, hf_found_print, &found, &b->plant, &err);
	close(dirfd);
	if (rc != HF_OK)
		return hf_cli_fail("backtest", HF_EXIT_FOUND,
		    "the configuration: %s",
		    err.msg[0] != '\0' ? err.msg : "has errors");
	rc = hf_engine_new(b->plant, &b->ctr, on_event, b, &b->engine, &err);
	if (rc != HF_OK)
		return hf_cli_fail("backtest", HF_EXIT_FAILED, "%s", err.msg);
	return HF_EXIT_OK;
}

static int
parse_span(struct backtest *b, struct hf_bt_input *in)
{
	in->from_ns = in->to_ns = HF_TIME_NONE;
	if (b->from != NULL &&
	    !hf_time_parse(b->from, strlen(b->from), &in->from_ns))
		return hf_cli_usage(
		    "backtest", "--from %s is no time", b->from);
	if (b->to != NULL && !hf_time_parse(b->to, strlen(b->to), &in->to_ns))
		return hf_cli_usage("backtest", "--to %s is no time", b->to);
	return HF_EXIT_OK;
}

/* The file as memory that the kernel may drop and read again. */
static int
map_csv(struct backtest *b, struct hf_bt_input *in)
{
	int fd = open(b->csv, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		int code = hf_cli_fail("backtest", HF_EXIT_FAILED, "%s: %s",
		    b->csv, fd < 0 ? strerror(errno) : "no regular file");

		if (fd >= 0)
			close(fd);
		return code;
	}
	in->file = b->csv;
	in->n = (size_t)st.st_size;
	in->p = "";
	if (in->n > 0) {
		p = mmap(NULL, in->n, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			close(fd);
			return hf_cli_fail("backtest", HF_EXIT_FAILED, "%s: %s",
			    b->csv, strerror(errno));
		}
		(void)madvise(p, in->n, MADV_SEQUENTIAL);
		in->p = p;
	}
	close(fd);
	b->nline = count_lines(in->p, in->n);
	return HF_EXIT_OK;
}

static int
open_out(struct backtest *b)
{
	size_t i;

	if ((size_t)snprintf(b->part, sizeof(b->part), "%s.part", b->out) >=
	    sizeof(b->part))
		return hf_cli_usage("backtest", "--out is too long");
	b->f = fopen(b->part, "wbe");
	if (b->f == NULL)
		return hf_cli_fail("backtest", HF_EXIT_FAILED, "%s: %s",
		    b->part, strerror(errno));
	b->tally = calloc(b->plant->ndetector + 1, sizeof(*b->tally));
	if (b->tally == NULL)
		return hf_cli_fail("backtest", HF_EXIT_FAILED, "no memory");
	for (i = 0; i < b->plant->ndetector; i++)
		b->tally[i].first_ns = b->tally[i].last_ns = HF_TIME_NONE;
	return HF_EXIT_OK;
}

static int
close_out(struct backtest *b)
{
	if (fflush(b->f) != 0 || fsync(fileno(b->f)) != 0)
		b->has_failed = true;
	if (fclose(b->f) != 0)
		b->has_failed = true;
	b->f = NULL;
	if (b->has_failed || rename(b->part, b->out) != 0)
		return hf_cli_fail("backtest", HF_EXIT_FAILED,
		    "%s cannot be written: %s", b->out, strerror(errno));
	return HF_EXIT_OK;
}

/* ---- what came out ---- */

static double
alarms_per_week(const struct backtest *b, const struct tally *t)
{
	double s;

	if (b->res.first_ns == HF_TIME_NONE)
		return NAN;
	s = ((double)b->res.last_ns - (double)b->res.first_ns) / 1e9;
	return s <= 0 ? NAN : (double)t->nalarm * WEEK_S / s;
}

static bool
is_missing(const struct backtest *b, const struct hf_detector *d, uint32_t i)
{
	return b->res.seen[d->tag_idx[i]] == 0;
}

static void
json_detector(struct hf_jw *w, const struct backtest *b, size_t i, json_t *st)
{
	static const char *const states[] = {
	    "learning", "ready", "drifted", "blind"};
	const struct hf_detector *d = &b->plant->detectors[i];
	const struct tally *t = &b->tally[i];
	uint32_t k;
	size_t n;

	hf_jw_obj(w);
	hf_jw_kstr(w, "name", d->name);
	hf_jw_kstr(w, "method", d->method);
	for (n = 0; n < 4; n++)
		hf_jw_ki64(w, states[n],
		    json_integer_value(json_object_get(st, states[n])));
	hf_jw_ku64(w, "events", t->nevent);
	hf_jw_ku64(w, "alarms", t->nalarm);
	hf_jw_ku64(w, "advisories", t->nadvisory);
	hf_jw_kf64(w, "alarms_per_week", alarms_per_week(b, t));
	hf_jw_kf64(w, "budget_per_week", hf_view_num(st, "budget_per_week"));
	hf_jw_ktime(w, "first", t->first_ns);
	hf_jw_ktime(w, "last", t->last_ns);
	hf_jw_key(w, "missing");
	hf_jw_arr(w);
	for (k = 0; k < d->ntag; k++)
		if (is_missing(b, d, k))
			hf_jw_str(w, b->plant->tags[d->tag_idx[k]].path);
	hf_jw_end_arr(w);
	hf_jw_end_obj(w);
}

static int
put_json(const struct backtest *b, json_t *states)
{
	struct hf_buf out;
	struct hf_jw w;
	size_t i;
	int rc;

	hf_buf_init(&out, HF_CLI_OUT);
	hf_jw_init(&w, &out);
	hf_jw_obj(&w);
	hf_jw_ku64(&w, "rows", b->res.nrow);
	hf_jw_ku64(&w, "samples", b->res.nsample);
	hf_jw_ku64(&w, "late", b->res.nlate);
	hf_jw_ktime(&w, "from", b->res.first_ns);
	hf_jw_ktime(&w, "to", b->res.last_ns);
	hf_jw_key(&w, "skipped");
	hf_jw_obj(&w);
	for (i = 0; i < HF_BT_NSKIP; i++)
		if (b->res.skipped[i] > 0)
			hf_jw_ku64(&w, hf_bt_skip_words[i], b->res.skipped[i]);
	hf_jw_end_obj(&w);
	hf_jw_key(&w, "detectors");
	hf_jw_arr(&w);
	for (i = 0; i < b->plant->ndetector; i++)
		json_detector(&w, b, i, json_array_get(states, i));
	hf_jw_end_arr(&w);
	hf_jw_end_obj(&w);
	hf_buf_puts(&out, "\n");
	rc = hf_conf_put(&out, "backtest");
	hf_buf_fini(&out);
	return rc;
}

static void
state_cell(struct hf_table *tab, json_t *st)
{
	static const char *const states[] = {
	    "learning", "ready", "drifted", "blind"};
	struct hf_buf b;
	size_t i;
	int64_t n;

	hf_buf_init(&b, 256);
	for (i = 0; i < 4; i++) {
		n = json_integer_value(json_object_get(st, states[i]));
		if (n > 0)
			hf_buf_printf(&b, "%s%lld %s", b.len > 0 ? ", " : "",
			    (long long)n, states[i]);
	}
	hf_table_cell(tab, HF_PLAIN, b.len > 0 ? hf_buf_cstr(&b) : NULL);
	hf_buf_fini(&b);
}

static void
rate_cell(struct hf_table *tab, double have, double budget)
{
	enum hf_colour c = have > budget ? HF_RED : HF_PLAIN;

	if (isnan(have))
		hf_table_cell(tab, HF_PLAIN, NULL);
	else if (isnan(budget))
		hf_table_cellf(tab, c, "%.2f", have);
	else
		hf_table_cellf(tab, c, "%.2f of %.2f", have, budget);
}

static void
time_cell(struct hf_table *tab, int64_t t_ns)
{
	char text[HF_TIME_TEXT];

	hf_table_cell(tab, HF_PLAIN,
	    t_ns == HF_TIME_NONE ? NULL : hf_time_fmt(t_ns, text));
}

static void
missing_cell(
    struct hf_table *tab, const struct backtest *b, const struct hf_detector *d)
{
	uint32_t i, n = 0;
	struct hf_buf text;

	hf_buf_init(&text, 8192);
	for (i = 0; i < d->ntag; i++) {
		if (!is_missing(b, d, i))
			continue;
		if (n++ < NMISSING)
			hf_buf_printf(&text, "%s%s", n > 1 ? " " : "",
			    b->plant->tags[d->tag_idx[i]].path);
	}
	if (n > NMISSING)
		hf_buf_printf(&text, " and %u more", n - NMISSING);
	hf_table_cell(tab, n > 0 ? HF_YELLOW : HF_PLAIN,
	    n > 0 ? hf_buf_cstr(&text) : NULL);
	hf_buf_fini(&text);
}

static int
put_table(const struct backtest *b, json_t *states)
{
	static const char *const heads[] = {"DETECTOR", "STATE", ">EVENTS",
	    ">ALARMS", ">ADVISORIES", ">ALARMS/WEEK", "FIRST", "LAST",
	    "MISSING"};
	struct hf_table *tab = hf_table_new(heads, 9);
	char t0[HF_TIME_TEXT], t1[HF_TIME_TEXT];
	struct hf_term t;
	size_t i;

	hf_term_init(&t, stdout);
	printf("%llu rows, %llu samples (%llu late, not fed), %s .. %s\n",
	    (unsigned long long)b->res.nrow, (unsigned long long)b->res.nsample,
	    (unsigned long long)b->res.nlate, hf_time_fmt(b->res.first_ns, t0),
	    hf_time_fmt(b->res.last_ns, t1));
	for (i = 0; i < HF_BT_NSKIP; i++)
		if (b->res.skipped[i] > 0)
			printf("skipped %llu: %s\n",
			    (unsigned long long)b->res.skipped[i],
			    hf_bt_skip_words[i]);
	for (i = 0; i < b->plant->ndetector; i++) {
		json_t *st = json_array_get(states, i);
		const struct tally *y = &b->tally[i];

		hf_table_cell(tab, HF_BOLD, b->plant->detectors[i].name);
		state_cell(tab, st);
		hf_table_cellf(
		    tab, HF_PLAIN, "%llu", (unsigned long long)y->nevent);
		hf_table_cellf(
		    tab, HF_PLAIN, "%llu", (unsigned long long)y->nalarm);
		hf_table_cellf(
		    tab, HF_PLAIN, "%llu", (unsigned long long)y->nadvisory);
		rate_cell(tab, alarms_per_week(b, y),
		    hf_view_num(st, "budget_per_week"));
		time_cell(tab, y->first_ns);
		time_cell(tab, y->last_ns);
		missing_cell(tab, b, &b->plant->detectors[i]);
	}
	return hf_view_print(tab, &t, 0, 0);
}

static int
summary(const struct backtest *b)
{
	struct hf_err err = {0};
	json_t *states = NULL;
	struct hf_buf text;
	int rc;

	hf_buf_init(&text, ENGINE_JSON);
	hf_engine_json(b->engine, &text);
	rc = hf_json_parse(
	    (const char *)text.p, text.len, ENGINE_JSON, &states, &err);
	hf_buf_fini(&text);
	if (rc != HF_OK)
		return hf_cli_fail(
		    "backtest", HF_EXIT_FAILED, "states: %s", err.msg);
	rc = b->is_json ? put_json(b, states) : put_table(b, states);
	json_decref(states);
	return rc;
}

static int
run(struct backtest *b)
{
	struct hf_bt_input in = {.say = say, .progress = progress, .arg = b};
	struct hf_err err = {0};
	int code = parse_span(b, &in), rc;

	if (code == HF_EXIT_OK)
		code = load_plant(b);
	if (code == HF_EXIT_OK && b->tag != NULL &&
	    hf_plant_tag(b->plant, b->tag) == NULL)
		code = hf_cli_fail("backtest", HF_EXIT_FOUND,
		    "--tag %s: the plant has no such tag; `holdfast print` "
		    "shows the tags",
		    b->tag);
	if (code == HF_EXIT_OK)
		code = map_csv(b, &in);
	if (code == HF_EXIT_OK)
		code = open_out(b);
	if (code != HF_EXIT_OK)
		return code;
	in.plant = b->plant;
	in.engine = b->engine;
	in.tag = b->tag == NULL ? NULL : hf_plant_tag(b->plant, b->tag);
	b->shown_ns = hf_mono_ns();
	rc = hf_backtest_read(&in, &b->res, &err);
	if (b->term.is_tty)
		fputs("\r\033[K", stderr);
	if (rc != HF_OK) {
		(void)unlink(b->part);
		return hf_cli_fail("backtest",
		    rc == HF_ENOMEM ? HF_EXIT_FAILED : HF_EXIT_FOUND, "%s",
		    err.msg);
	}
	code = close_out(b);
	return code == HF_EXIT_OK ? summary(b) : code;
}

int
hf_verb_backtest(int argc, char **argv)
{
	struct backtest b = {0};
	const struct hf_arg rows[] = {
	    {"--conf", "DIR", &b.conf, "the plant's folder [/etc/holdfast]"},
	    {"--config", "DIR", &b.conf, "the same"},
	    {"--csv", "FILE", &b.csv,
		"samples: time and a column a tag, or "
		"time,tag,value[,quality]"},
	    {"--tag", "PATH", &b.tag,
		"whose values they are, of a file t,value,quality from "
		"`history TAG --csv`"},
	    {"--out", "FILE", &b.out, "events, one JSON object a line"},
	    {"--from", "T", &b.from, "rows from this time on"},
	    {"--to", "T", &b.to, "rows before this time"},
	};
	struct hf_args a;
	int rc;

	rc = hf_args_take_offline(
	    &a, argc, argv, rows, sizeof(rows) / sizeof(rows[0]));
	if (rc != HF_ARGS_GO_ON)
		return rc;
	if (a.npos > 0)
		return hf_cli_usage(argv[0], "takes no argument");
	if (b.csv == NULL || b.out == NULL)
		return hf_cli_usage(argv[0], "--csv and --out must be given");
	b.is_json = a.is_json;
	hf_term_init(&b.term, stderr);
	rc = run(&b);
	if (b.f != NULL)
		(void)fclose(b.f);
	free(b.res.seen);
	free(b.tally);
	hf_engine_free(b.engine);
	hf_plant_free(b.plant);
	return rc;
}
