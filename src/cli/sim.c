/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.c - `holdfast sim modbus`: recorded data as a Modbus TCP device.
 *
 * Front end of field/sim.c: command line, files, signals. It is a device, not a
 * role: it runs for itself, in the foreground, without sandbox or plant.
 *
 * Options are taken in their order. Those before the first --unit hold for
 * every unit; behind a --unit they hold for this unit only. So four engines of
 * one file are: --replay F --time-cycle cycle --unit 1 --filter unit=1 --unit 2
 * --filter unit=2 ...
 *
 * stdout, one line each, flushed:
 *    listening 127.0.0.1:43211
 *    done                        every unit has served its last row
 * with --json {"event":"listening","host":"127.0.0.1","port":43211} and
 * {"event":"done"}. SIGUSR1 stops advancing, SIGTERM and SIGINT end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/sim_mqtt.h"
#include "cli/sim_sparkplug.h"
#include "field/sim.h"
#include "os/file.h"

#define TAGS_INTERVAL_MS 1000
#define TAGS_BYTES (4u << 20)

static const char help[] =
    "holdfast sim modbus - serve recorded data as a Modbus TCP device\n"
    "\n"
    "  --listen HOST:PORT  where to listen; port 0 = any free one, which is\n"
    "                      printed (default 127.0.0.1:0)\n"
    "  --port-file FILE    write the port here once it listens\n"
    "  --unit N            begins unit N (0-255, default 1); options before "
    "the\n"
    "                      first --unit hold for all units, later ones for\n"
    "                      their unit\n"
    "  --replay FILE       CSV file; each row in turn is what the unit holds\n"
    "  --time COLUMN       column with time stamps (default: the first)\n"
    "  --time-cycle COLUMN column with whole numbers n instead of time "
    "stamps:\n"
    "  --epoch T           the stamp is T + n * step\n"
    "  --cycle-step DUR    step (default 1h)\n"
    "  --filter COL=VALUE  only rows whose column COL holds VALUE; up to 4\n"
    "  --columns A,B       only these columns\n"
    "  --advance on-read   a read that holds the whole stamp moves on to the\n"
    "                      next row after its answer was written (default)\n"
    "  --advance wall      a row each --interval, read or not\n"
    "  --interval DUR      for wall (default 1s)\n"
    "  --map FILE          CSV address,type,order,value,column: more "
    "registers\n"
    "                      or bits, constant or following a replayed column\n"
    "  --ledger FILE       CSV of what was served: "
    "unit,row,t_ns,column,value,\n"
    "                      bits; written when the answer is in the socket "
    "whole\n"
    "  --print-tags DEVICE print a tags file for the unit and end\n"
    "  --json              events on stdout as JSON\n"
    "\n"
    "Registers of a replayed unit (holding registers from 0, order ABCD):\n"
    "  hr:0        _stamp: time of the row, int64, ns UTC (4 registers)\n"
    "  hr:4+4*c    value of column c = 0, 1, ... in the file's order, float64\n"
    "Columns named by --time, --time-cycle and --filter have no registers.\n"
    "Functions 1-4 are served; beyond the map exception 2, others exception "
    "1.\n"
    "After the last row the last row stays, its stamp no longer moves, and\n"
    "\"done\" is printed. SIGUSR1: stay at the row last served. SIGTERM: "
    "end.\n";

struct args {
	char *listen, *port_file, *ledger, *print_tags;
	bool is_json, has_interval;
	struct hf_sim_conf common;
	struct hf_sim_conf units[HF_SIM_NUNIT];
	size_t nunit;
};

struct sim_run {
	const struct args *a;
	struct hf_loop *loop;
	struct hf_sim *sim;
	int ledger_fd; /* -1 = none */
	bool is_failed;
	struct wall { /* one per unit with --advance wall */
		struct sim_run *run;
		size_t unit;
		struct hf_watch *timer;
	} walls[HF_SIM_NUNIT];
};

/* ---- command line ---- */

/* The unit that options now speak of. */
static struct hf_sim_conf *
cur(struct args *a)
{
	return a->nunit == 0 ? &a->common : &a->units[a->nunit - 1];
}

static bool
set_unit(struct args *a, char *v)
{
	int64_t n;

	if (!hf_parse_i64(v, strlen(v), &n) || n < 0 || n > 255 ||
	    a->nunit == HF_SIM_NUNIT)
		return false;
	a->units[a->nunit] = a->common;
	a->units[a->nunit++].unit = (uint8_t)n;
	return true;
}

static bool
set_filter(struct args *a, char *v)
{
	struct hf_sim_conf *c = cur(a);
	char *eq = strchr(v, '=');

	if (eq == NULL || c->nfilter == HF_SIM_NFILTER)
		return false;
	*eq = '\0';
	c->filters[c->nfilter++] = (struct hf_sim_filter){v, eq + 1};
	return true;
}

static bool
set_advance(struct args *a, char *v)
{
	if (strcmp(v, "on-read") == 0)
		cur(a)->advance = HF_SIM_ON_READ;
	else if (strcmp(v, "wall") == 0)
		cur(a)->advance = HF_SIM_WALL;
	else
		return false;
	return true;
}

static bool
set_interval(struct args *a, char *v)
{
	a->has_interval = true;
	return hf_dur_parse(v, strlen(v), &cur(a)->interval_ns) &&
	       cur(a)->interval_ns >= HF_NS_PER_MS;
}

static bool
set_step(struct args *a, char *v)
{
	return hf_dur_parse(v, strlen(v), &cur(a)->step_ns) &&
	       cur(a)->step_ns > 0;
}

static bool
set_epoch(struct args *a, char *v)
{
	return hf_time_parse(v, strlen(v), &cur(a)->epoch_ns);
}

#define TEXT_SETTER(name, where)                        \
	static bool set_##name(struct args *a, char *v) \
	{                                               \
		where = v;                              \
		return true;                            \
	}
TEXT_SETTER(listen, a->listen)
TEXT_SETTER(port_file, a->port_file)
TEXT_SETTER(ledger, a->ledger)
TEXT_SETTER(print_tags, a->print_tags)
TEXT_SETTER(replay, cur(a)->replay)
TEXT_SETTER(map, cur(a)->map)
TEXT_SETTER(time, cur(a)->time_column)
TEXT_SETTER(cycle, cur(a)->cycle_column)
TEXT_SETTER(columns, cur(a)->columns)

static const struct opt_row {
	const char *name;
	bool (*set)(struct args *a, char *v);
	const char *want;
} opt_rows[] = {
    {"--listen", set_listen, "HOST:PORT"},
    {"--port-file", set_port_file, "a file"},
    {"--ledger", set_ledger, "a file"},
    {"--print-tags", set_print_tags, "a device's name"},
    {"--unit", set_unit, "0..255, at most 64 units"},
    {"--replay", set_replay, "a CSV file"},
    {"--map", set_map, "a CSV file"},
    {"--time", set_time, "a column"},
    {"--time-cycle", set_cycle, "a column"},
    {"--epoch", set_epoch, "a time such as 2020-01-01T00:00:00Z"},
    {"--cycle-step", set_step, "a duration such as 1h"},
    {"--filter", set_filter, "COLUMN=VALUE, at most 4"},
    {"--columns", set_columns, "names with commas"},
    {"--advance", set_advance, "on-read or wall"},
    {"--interval", set_interval, "a duration of 1ms or more"},
};

static const struct opt_row *
find_opt(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(opt_rows) / sizeof(opt_rows[0]); i++)
		if (strcmp(opt_rows[i].name, name) == 0)
			return &opt_rows[i];
	return NULL;
}

/* HF_EXIT_OK, or usage. */
static int
parse_args(struct args *a, int argc, char **argv)
{
	const struct opt_row *o;
	int i;

	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			a->is_json = true;
			continue;
		}
		o = find_opt(argv[i]);
		if (o == NULL)
			return hf_cli_usage("sim",
			    "unknown option %s; see "
			    "holdfast sim --help",
			    argv[i]);
		if (i + 1 == argc || !o->set(a, argv[i + 1]))
			return hf_cli_usage(
			    "sim", "%s takes %s", argv[i], o->want);
		i++;
	}
	if (a->nunit == 0)
		a->units[a->nunit++] = a->common;
	for (i = 0; i < (int)a->nunit; i++)
		if (a->units[i].replay == NULL && a->units[i].map == NULL)
			return hf_cli_usage("sim",
			    "unit %u has neither --replay nor --map",
			    a->units[i].unit);
	return HF_EXIT_OK;
}

/* ---- running ---- */

static void
on_ledger(void *arg, const void *p, size_t n)
{
	struct sim_run *r = arg;
	const char *at = p;
	ssize_t k;

	while (r->ledger_fd >= 0 && n > 0) {
		k = write(r->ledger_fd, at, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) { /* a ledger with a hole proves nothing */
			hf_cli_fail("sim", 0, "ledger: %s", strerror(errno));
			r->is_failed = true;
			hf_loop_stop(r->loop);
			return;
		}
		at += k;
		n -= (size_t)k;
	}
}

static void
on_done(void *arg)
{
	struct sim_run *r = arg;

	puts(r->a->is_json ? "{\"event\":\"done\"}" : "done");
	fflush(stdout);
}

static void
on_usr1(void *arg)
{
	struct sim_run *r = arg;

	hf_sim_stop_advancing(r->sim);
}

static void
on_term(void *arg)
{
	struct sim_run *r = arg;

	hf_loop_stop(r->loop);
}

static void
on_wall(void *arg)
{
	struct wall *w = arg;

	hf_timer_in(w->timer, w->run->a->units[w->unit].interval_ns);
	hf_sim_step_unit(w->run->sim, w->unit);
}

static int
start_walls(struct sim_run *r)
{
	size_t i;

	for (i = 0; i < r->a->nunit; i++) {
		struct wall *w = &r->walls[i];

		if (r->a->units[i].advance != HF_SIM_WALL)
			continue;
		w->run = r;
		w->unit = i;
		w->timer = hf_loop_timer(r->loop, on_wall, w);
		if (w->timer == NULL)
			return HF_ENOMEM;
		hf_timer_in(w->timer, r->a->units[i].interval_ns);
	}
	return HF_OK;
}

static int
open_units(const struct args *a, struct hf_sim_unit **units, struct hf_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < a->nunit; i++) {
		rc = hf_sim_unit_open(&a->units[i], &units[i], err);
		if (rc != HF_OK) {
			while (i-- > 0)
				hf_sim_unit_free(units[i]);
			return rc;
		}
	}
	return HF_OK;
}

static int
print_tags(const struct args *a)
{
	int64_t ms = TAGS_INTERVAL_MS;
	struct hf_sim_unit *u;
	struct hf_buf b;
	struct hf_err err;

	if (a->nunit != 1)
		return hf_cli_usage("sim", "--print-tags is for one unit");
	if (hf_sim_unit_open(&a->units[0], &u, &err) != HF_OK)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	if (a->has_interval)
		ms = a->units[0].interval_ns / HF_NS_PER_MS;
	hf_buf_init(&b, TAGS_BYTES);
	hf_sim_unit_tags(u, a->print_tags, ms, &b);
	fputs(hf_buf_cstr(&b), stdout);
	hf_buf_fini(&b);
	hf_sim_unit_free(u);
	return HF_EXIT_OK;
}

static int
open_ledger(struct sim_run *r, struct hf_err *err)
{
	static const char head[] = HF_SIM_LEDGER_HEADER;

	r->ledger_fd = -1;
	if (r->a->ledger == NULL)
		return HF_OK;
	r->ledger_fd = open(r->a->ledger,
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (r->ledger_fd < 0)
		return HF_FAIL(
		    err, HF_EIO, "%s: %s", r->a->ledger, strerror(errno));
	on_ledger(r, head, sizeof(head) - 1);
	return r->is_failed ? HF_EIO : HF_OK;
}

static int
tell_port(const struct sim_run *r, const char *host, struct hf_err *err)
{
	const uint16_t port = hf_sim_port(r->sim);
	char text[8];

	printf(r->a->is_json
		   ? "{\"event\":\"listening\",\"host\":\"%s\",\"port\":%u}\n"
		   : "listening %s:%u\n",
	    host, port);
	fflush(stdout);
	if (r->a->port_file == NULL)
		return HF_OK;
	snprintf(text, sizeof(text), "%u\n", port);
	return hf_file_replace(
	    AT_FDCWD, r->a->port_file, text, strlen(text), 0644, err);
}

static int
serve(struct sim_run *r, struct hf_err *err)
{
	const struct hf_sim_ops ops = {r, on_ledger, on_done};
	struct hf_sim_unit *units[HF_SIM_NUNIT];
	struct hf_sim_at at;
	char local[] = "127.0.0.1:0", *host;
	int64_t port;
	int rc;

	if (!hf_args_host_port(
		r->a->listen == NULL ? local : r->a->listen, 0, &host, &port))
		return HF_FAIL(err, HF_EINVAL, "--listen takes HOST:PORT");
	if ((rc = open_units(r->a, units, err)) != HF_OK)
		return rc;
	at = (struct hf_sim_at){host, port, units, r->a->nunit};
	rc = hf_sim_open(r->loop, &at, &ops, &r->sim, err);
	if (rc != HF_OK || (rc = open_ledger(r, err)) != HF_OK)
		return rc;
	if ((rc = start_walls(r)) != HF_OK)
		return HF_FAIL(err, rc, "timers");
	if ((rc = tell_port(r, host, err)) != HF_OK)
		return rc;
	hf_loop_run(r->loop);
	return r->is_failed ? HF_FAIL(err, HF_EIO, "the ledger broke off")
			    : HF_OK;
}

static int
run(const struct args *a)
{
	struct sim_run r = {.a = a, .ledger_fd = -1};
	struct hf_watch *sig[3];
	struct hf_err err;
	size_t i;
	int rc;

	r.loop = hf_loop_new();
	if (r.loop == NULL)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "event loop");
	sig[0] = hf_loop_signal(r.loop, SIGTERM, on_term, &r);
	sig[1] = hf_loop_signal(r.loop, SIGINT, on_term, &r);
	sig[2] = hf_loop_signal(r.loop, SIGUSR1, on_usr1, &r);
	rc = serve(&r, &err);
	for (i = 0; i < HF_SIM_NUNIT; i++)
		hf_watch_free(r.walls[i].timer);
	for (i = 0; i < 3; i++)
		hf_watch_free(sig[i]);
	hf_sim_close(r.sim);
	hf_loop_free(r.loop);
	if (r.ledger_fd >= 0)
		close(r.ledger_fd);
	if (rc != HF_OK)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	return HF_EXIT_OK;
}

int
hf_verb_sim(int argc, char **argv)
{
	struct args *a;
	int i, rc;

	if (argc > 1 && strcmp(argv[1], "mqtt") == 0)
		return hf_sim_mqtt(argc, argv);
	if (argc > 1 && strcmp(argv[1], "sparkplug") == 0)
		return hf_sim_sparkplug(argc, argv);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(help, stdout);
			return HF_EXIT_OK;
		}
	}
	if (argc < 2 || strcmp(argv[1], "modbus") != 0)
		return hf_cli_usage(
		    "sim", "say what to simulate: modbus, mqtt or sparkplug");
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "no memory");
	a->common.unit = 1;
	a->common.step_ns = 3600 * HF_NS_PER_S;
	a->common.interval_ns = HF_NS_PER_S;
	rc = parse_args(a, argc, argv);
	if (rc == HF_EXIT_OK)
		rc = a->print_tags != NULL ? print_tags(a) : run(a);
	free(a);
	return rc;
}
