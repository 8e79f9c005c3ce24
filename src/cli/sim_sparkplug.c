/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_sparkplug.c - `holdfast sim sparkplug`: recorded data as a Sparkplug B
 * gateway, or many gateways at once.
 *
 * With --replay each row of a CSV file becomes one DDATA of one device, with
 * the row's own time; births, aliases and rebirth requests as field/sparkplug/
 * node.c does them for the product. A row counts as served when its message was
 * handed to the socket; while there is no broker the same row waits. Values are
 * Double. With --nodes N there are N edge nodes, each with a connection of its
 * own and one metric that counts up: for tests of what happens when a thousand
 * gateways are asked at once.
 *
 * stdout, one line each, flushed (with --json {"event":"born"} ...):
 *    born		every node has announced itself
 *    done		the last row was served; the gateway stays
 * Ledger, one line for each value served:
 *    row,t_ns,column,value,bits	t_ns in whole milliseconds, as sent
 * SIGUSR1 stops advancing, SIGTERM and SIGINT end with NDEATH.
 */
#include "cli/sim_sparkplug.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "bus/mqtt.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "field/sim.h"
#include "field/sparkplug/addr.h"
#include "field/sparkplug/node.h"
#include "field/sparkplug/payload.h"
#include "field/sparkplug/topic.h"

#define NNODE 5000
#define PUMP_NS (50 * HF_NS_PER_MS)
#define CONNECT_EVERY_NS (2 * HF_NS_PER_MS) /* nodes one after the other */
#define FDS_OVER 64

static const char help[] =
    "holdfast sim sparkplug - serve recorded data as a Sparkplug B gateway\n"
    "\n"
    "  --broker HOST:PORT  where the broker listens, or the path of its unix\n"
    "                      socket\n"
    "  --group G           Sparkplug group (default plant)\n"
    "  --node N            edge node (default gateway)\n"
    "  --device D          device of the edge node (default machine)\n"
    "  --replay FILE       CSV file; each row in turn is one DDATA\n"
    "  --time COLUMN       column with time stamps (default: the first)\n"
    "  --time-cycle COLUMN column with whole numbers n instead of time "
    "stamps:\n"
    "  --epoch T           the stamp is T + n * step\n"
    "  --cycle-step DUR    step (default 1h)\n"
    "  --filter COL=VALUE  only rows whose column COL holds VALUE; up to 4\n"
    "  --columns A,B       only these columns\n"
    "  --interval DUR      time between two rows (default 1s)\n"
    "  --hold              wait for the first rebirth request before the "
    "first\n"
    "                      row, so that a host that starts later misses none\n"
    "  --ledger FILE       CSV of what was served: row,t_ns,column,value,bits\n"
    "  --nodes N           N edge nodes N1, N2, ... with one counting metric\n"
    "                      each, instead of a file\n"
    "  --print-tags        print a tags file for the device and end\n"
    "  --json              events on stdout as JSON\n";

struct args {
	char *broker, *group, *node, *device, *ledger;
	struct hf_sim_conf file;
	int64_t nnode; /* 0 = one, from the file */
	bool is_json, is_hold, is_print_tags;
};

struct run;

struct gateway { /* one edge node */
	struct run *run;
	char name[HF_SPB_ID];
	struct hf_spb_node *node;
	struct hf_mqtt *mqtt;
	char last_filter[HF_SPB_TOPIC];
	bool is_up, was_born;
	bool has_sent; /* a DDATA went out in the last pump */
	uint64_t counter;
};

struct run {
	const struct args *a;
	struct hf_loop *loop;
	struct hf_sim_unit *unit; /* NULL with --nodes */
	struct hf_spb_node_metric *metrics;
	size_t nmetric;
	const char *devices[1];
	struct gateway *g;
	size_t ngateway, nstarted, nborn;
	size_t row;
	bool is_stopped, is_done, was_asked;
	FILE *ledger;
	struct hf_watch *row_timer, *pump_timer, *start_timer;
};

/* ---- command line ---- */

static bool
set_filter(struct args *a, char *v)
{
	struct hf_sim_conf *c = &a->file;
	char *eq = strchr(v, '=');

	if (eq == NULL || c->nfilter == HF_SIM_NFILTER)
		return false;
	*eq = '\0';
	c->filters[c->nfilter++] = (struct hf_sim_filter){v, eq + 1};
	return true;
}

static bool
set_interval(struct args *a, char *v)
{
	return hf_dur_parse(v, strlen(v), &a->file.interval_ns) &&
	       a->file.interval_ns >= HF_NS_PER_MS;
}

static bool
set_step(struct args *a, char *v)
{
	return hf_dur_parse(v, strlen(v), &a->file.step_ns) &&
	       a->file.step_ns > 0;
}

static bool
set_epoch(struct args *a, char *v)
{
	return hf_time_parse(v, strlen(v), &a->file.epoch_ns);
}

static bool
set_nodes(struct args *a, char *v)
{
	return hf_parse_i64(v, strlen(v), &a->nnode) && a->nnode > 0 &&
	       a->nnode <= NNODE;
}

#define TEXT_SETTER(name, where)                        \
	static bool set_##name(struct args *a, char *v) \
	{                                               \
		where = v;                              \
		return true;                            \
	}
#define ID_SETTER(name, where)                          \
	static bool set_##name(struct args *a, char *v) \
	{                                               \
		where = v;                              \
		return hf_spb_id_ok(v);                 \
	}
TEXT_SETTER(broker, a->broker)
TEXT_SETTER(ledger, a->ledger)
TEXT_SETTER(replay, a->file.replay)
TEXT_SETTER(time, a->file.time_column)
TEXT_SETTER(cycle, a->file.cycle_column)
TEXT_SETTER(columns, a->file.columns)
ID_SETTER(group, a->group)
ID_SETTER(node, a->node)
ID_SETTER(device, a->device)

static const struct opt_row {
	const char *name;
	bool (*set)(struct args *a, char *v);
	const char *want;
} opt_rows[] = {
    {"--broker", set_broker, "HOST:PORT or a path"},
    {"--group", set_group, "a name without / + #"},
    {"--node", set_node, "a name without / + #"},
    {"--device", set_device, "a name without / + #"},
    {"--ledger", set_ledger, "a file"},
    {"--replay", set_replay, "a CSV file"},
    {"--time", set_time, "a column"},
    {"--time-cycle", set_cycle, "a column"},
    {"--epoch", set_epoch, "a time such as 2020-01-01T00:00:00Z"},
    {"--cycle-step", set_step, "a duration such as 1h"},
    {"--filter", set_filter, "COLUMN=VALUE, at most 4"},
    {"--columns", set_columns, "names with commas"},
    {"--interval", set_interval, "a duration of 1ms or more"},
    {"--nodes", set_nodes, "1..5000"},
};

static bool
set_flag(struct args *a, const char *name)
{
	if (strcmp(name, "--json") == 0)
		a->is_json = true;
	else if (strcmp(name, "--hold") == 0)
		a->is_hold = true;
	else if (strcmp(name, "--print-tags") == 0)
		a->is_print_tags = true;
	else
		return false;
	return true;
}

static int
parse_args(struct args *a, int argc, char **argv)
{
	size_t k, n = sizeof(opt_rows) / sizeof(opt_rows[0]);
	int i;

	for (i = 2; i < argc; i++) {
		if (set_flag(a, argv[i]))
			continue;
		for (k = 0; k < n && strcmp(opt_rows[k].name, argv[i]) != 0;
		     k++)
			;
		if (k == n)
			return hf_cli_usage("sim",
			    "unknown option %s; see holdfast sim sparkplug "
			    "--help",
			    argv[i]);
		if (i + 1 == argc || !opt_rows[k].set(a, argv[i + 1]))
			return hf_cli_usage(
			    "sim", "%s takes %s", argv[i], opt_rows[k].want);
		i++;
	}
	if ((a->file.replay == NULL) == (a->nnode == 0))
		return hf_cli_usage("sim", "give --replay or --nodes");
	if (a->broker == NULL && !a->is_print_tags)
		return hf_cli_usage("sim", "--broker is missing");
	return HF_EXIT_OK;
}

/* ---- events and ledger ---- */

static void
say(const struct run *r, const char *event)
{
	printf(r->a->is_json ? "{\"event\":\"%s\"}\n" : "%s\n", event);
	fflush(stdout);
}

static void
ledger_row(struct run *r, int64_t t_ns)
{
	char text[HF_F64_TEXT];
	uint64_t bits;
	double v;
	size_t i;

	if (r->ledger == NULL)
		return;
	for (i = 0; i < r->nmetric; i++) {
		v = hf_sim_unit_value(r->unit, r->row, i);
		if (isnan(v))
			continue; /* went out as null */
		memcpy(&bits, &v, sizeof(bits));
		fprintf(r->ledger, "%zu,%" PRId64 ",%s,%s,%016" PRIx64 "\n",
		    r->row, t_ns, hf_sim_unit_column(r->unit, i),
		    hf_fmt_f64(v, text), bits);
	}
	fflush(r->ledger);
}

/* ---- one gateway ---- */

static int
on_publish(
    void *arg, const char *topic, const void *p, size_t n, int qos, bool retain)
{
	struct gateway *g = arg;
	struct hf_spb_topic t;
	int rc = hf_mqtt_publish(g->mqtt, topic, p, n, qos, retain, NULL, NULL);

	if (rc == HF_OK && hf_spb_topic_parse(topic, &t, NULL) == HF_OK)
		g->has_sent |= t.msg == HF_SPB_DDATA;
	return rc;
}

static void
on_disconnect(void *arg)
{
	struct gateway *g = arg;

	hf_mqtt_drop(g->mqtt);
}

static void
on_connecting(void *arg)
{
	struct gateway *g = arg;
	char topic[HF_SPB_TOPIC];
	struct hf_buf b;

	hf_buf_init(&b, 512);
	if (hf_spb_node_will(g->node, hf_wall_ns(), topic, sizeof(topic), &b) ==
	    HF_OK)
		hf_mqtt_will(g->mqtt, topic, b.p, b.len, 1, false, NULL);
	hf_buf_fini(&b);
}

static void
on_subscribed(void *arg, const char *filter, int rc)
{
	struct gateway *g = arg;

	if (rc != HF_OK || strcmp(filter, g->last_filter) != 0)
		return;
	g->is_up = true;
	hf_spb_node_up(g->node, hf_wall_ns(), hf_mono_ns());
	if (g->was_born || !hf_spb_node_is_born(g->node))
		return;
	g->was_born = true;
	if (++g->run->nborn == g->run->ngateway)
		say(g->run, "born");
}

static void
on_down(void *arg, const char *why)
{
	struct gateway *g = arg;

	g->is_up = false;
	hf_spb_node_down(g->node);
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct gateway *g = arg;

	g->run->was_asked = true;
	hf_spb_node_message(
	    g->node, m->topic, m->p, m->n, hf_wall_ns(), hf_mono_ns());
}

/* Row by row; without a file: the counter. Returns the time, whole ms. */
static int64_t
set_row(struct gateway *g)
{
	const struct run *r = g->run;
	struct hf_sample s = {.vtype = HF_V_F64};
	size_t i;

	s.t_ns =
	    r->unit != NULL ? hf_sim_unit_time(r->unit, r->row) : hf_wall_ns();
	s.t_ns -= s.t_ns % HF_NS_PER_MS;
	for (i = 0; i < r->nmetric; i++) {
		s.v.f64 = r->unit != NULL
			      ? hf_sim_unit_value(r->unit, r->row, i)
			      : (double)g->counter;
		hf_spb_node_value(g->node, i, &s, NULL);
	}
	return s.t_ns;
}

/* "127.0.0.1:1234", "[::1]:1234" or "/path": cuts the host out in place. */
static int
set_broker_at(char *s, struct hf_mqtt_conf *c, struct hf_err *err)
{
	int64_t port;
	char *host;

	if (s[0] == '/') {
		c->unix_path = s;
		return HF_OK;
	}
	if (!hf_args_host_port(s, 1, &host, &port))
		return HF_FAIL(
		    err, HF_EINVAL, "--broker takes HOST:PORT or a path");
	c->host = host;
	c->port = (int)port;
	return HF_OK;
}

static int
start_gateway(
    struct gateway *g, const struct hf_mqtt_conf *at, struct hf_err *err)
{
	struct run *r = g->run;
	const struct hf_spb_node_conf nc = {.group = r->a->group,
	    .node = g->name,
	    .bdseq = (uint8_t)(hf_wall_ns() / HF_NS_PER_S),
	    .devices = r->devices,
	    .ndevice = 1,
	    .metrics = r->metrics,
	    .nmetric = r->nmetric};
	const struct hf_spb_node_ops ops = {
	    .arg = g, .publish = on_publish, .disconnect = on_disconnect};
	const struct hf_mqtt_cb cb = {.arg = g,
	    .connecting = on_connecting,
	    .down = on_down,
	    .message = on_message,
	    .subscribed = on_subscribed};
	struct hf_mqtt_conf mc = *at;
	const char *filter;
	char id[HF_SPB_ID + 16];
	size_t i;
	int rc = hf_spb_node_new(&nc, &ops, &g->node, err);

	snprintf(id, sizeof(id), "sim-%s", g->name);
	mc.client_id = id;
	mc.version = HF_MQTT_311;
	mc.keepalive_s = 60;
	if (rc == HF_OK)
		rc = hf_mqtt_new(r->loop, &mc, &cb, &g->mqtt, err);
	for (i = 0;
	     rc == HF_OK && (filter = hf_spb_node_filter(g->node, i)) != NULL;
	     i++) {
		hf_strcpy(g->last_filter, sizeof(g->last_filter), filter);
		rc = hf_mqtt_subscribe(g->mqtt, filter, 1, err);
	}
	if (rc == HF_OK) {
		hf_spb_node_device(g->node, 0, true);
		/* A machine was there before its first row: its birth must not
		 * say null with today's time. */
		set_row(g);
	}
	return rc;
}

/* ---- rows ---- */

static void
send_row(struct gateway *g, int64_t *t_ns)
{
	*t_ns = set_row(g);
	g->has_sent = false;
	hf_spb_node_pump(g->node, hf_wall_ns(), hf_mono_ns());
}

static void
serve_row(struct run *r)
{
	struct gateway *g = &r->g[0];
	int64_t t_ns;

	if (r->is_stopped || r->is_done || !hf_spb_node_is_born(g->node) ||
	    (r->a->is_hold && !r->was_asked))
		return;
	send_row(g, &t_ns);
	if (!g->has_sent)
		return; /* the same row again */
	ledger_row(r, t_ns);
	if (++r->row < hf_sim_unit_nrow(r->unit))
		return;
	r->is_done = true;
	say(r, "done");
}

static void
on_row(void *arg)
{
	struct run *r = arg;
	int64_t t_ns;
	size_t i;

	hf_timer_in(r->row_timer, r->a->file.interval_ns);
	if (r->unit != NULL) {
		serve_row(r);
		return;
	}
	for (i = 0; i < r->nstarted && !r->is_stopped; i++) {
		if (!hf_spb_node_is_born(r->g[i].node))
			continue;
		r->g[i].counter++;
		send_row(&r->g[i], &t_ns);
	}
}

/* What is put off: rebirths, births that did not fit. */
static void
on_pump(void *arg)
{
	struct run *r = arg;
	size_t i;

	hf_timer_in(r->pump_timer, PUMP_NS);
	for (i = 0; i < r->nstarted; i++)
		if (r->g[i].is_up)
			hf_spb_node_pump(
			    r->g[i].node, hf_wall_ns(), hf_mono_ns());
}

static void
on_start(void *arg)
{
	struct run *r = arg;
	struct hf_mqtt_conf at = {.port = 0};
	char broker[512];
	struct hf_err err;

	hf_strcpy(broker, sizeof(broker), r->a->broker);
	if (set_broker_at(broker, &at, &err) != HF_OK ||
	    start_gateway(&r->g[r->nstarted], &at, &err) != HF_OK) {
		hf_cli_fail("sim", 0, "%s", err.msg);
		hf_loop_stop(r->loop);
		return;
	}
	if (++r->nstarted < r->ngateway)
		hf_timer_in(r->start_timer, CONNECT_EVERY_NS);
}

static void
on_usr1(void *arg)
{
	struct run *r = arg;

	r->is_stopped = true;
}

static void
on_term(void *arg)
{
	struct run *r = arg;

	hf_loop_stop(r->loop);
}

/* ---- start and end ---- */

static int
open_metrics(struct run *r, struct hf_err *err)
{
	static const struct hf_spb_node_metric counter = {
	    .name = "counter", .datatype = HF_SPB_DOUBLE};
	size_t i;
	int rc;

	r->devices[0] = r->a->device;
	if (r->a->nnode == 0) {
		rc = hf_sim_unit_open(&r->a->file, &r->unit, err);
		if (rc != HF_OK)
			return rc;
		if (hf_sim_unit_nrow(r->unit) == 0)
			return HF_FAIL(err, HF_EINVAL, "%s: no row is left",
			    r->a->file.replay);
	}
	r->nmetric = r->unit != NULL ? hf_sim_unit_ncolumn(r->unit) : 1;
	r->metrics = calloc(r->nmetric + 1, sizeof(*r->metrics));
	if (r->metrics == NULL)
		return HF_FAIL(err, HF_ENOMEM, "metrics");
	for (i = 0; i < r->nmetric; i++) {
		r->metrics[i] = counter;
		if (r->unit != NULL)
			r->metrics[i].name = hf_sim_unit_column(r->unit, i);
	}
	return HF_OK;
}

static int
open_gateways(struct run *r, struct hf_err *err)
{
	size_t i;

	r->ngateway = r->unit != NULL ? 1 : (size_t)r->a->nnode;
	r->g = calloc(r->ngateway, sizeof(*r->g));
	if (r->g == NULL)
		return HF_FAIL(err, HF_ENOMEM, "gateways");
	for (i = 0; i < r->ngateway; i++) {
		r->g[i].run = r;
		if (r->unit != NULL)
			hf_strcpy(
			    r->g[i].name, sizeof(r->g[i].name), r->a->node);
		else
			snprintf(r->g[i].name, sizeof(r->g[i].name),
			    "%.100s%zu", r->a->node, i + 1);
	}
	return HF_OK;
}

/* Each gateway is a connection. */
static void
raise_fds(size_t n)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= n + FDS_OVER)
		return;
	l.rlim_cur = n + FDS_OVER < l.rlim_max ? n + FDS_OVER : l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l); /* connects will say so */
}

static int
open_ledger(struct run *r, struct hf_err *err)
{
	if (r->a->ledger == NULL)
		return HF_OK;
	r->ledger = fopen(r->a->ledger, "we");
	if (r->ledger == NULL)
		return HF_FAIL(
		    err, HF_EIO, "%s: cannot be written", r->a->ledger);
	fputs("row,t_ns,column,value,bits\n", r->ledger);
	fflush(r->ledger);
	return HF_OK;
}

static int
serve(struct run *r, struct hf_err *err)
{
	int rc = open_metrics(r, err);

	if (rc == HF_OK)
		rc = open_gateways(r, err);
	if (rc == HF_OK)
		rc = open_ledger(r, err);
	if (rc != HF_OK)
		return rc;
	raise_fds(r->ngateway);
	r->row_timer = hf_loop_timer(r->loop, on_row, r);
	r->pump_timer = hf_loop_timer(r->loop, on_pump, r);
	r->start_timer = hf_loop_timer(r->loop, on_start, r);
	if (r->row_timer == NULL || r->pump_timer == NULL ||
	    r->start_timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "timers");
	hf_timer_in(r->start_timer, 0);
	hf_timer_in(r->row_timer, r->a->file.interval_ns);
	hf_timer_in(r->pump_timer, PUMP_NS);
	hf_loop_run(r->loop);
	if (r->nstarted < r->ngateway && !r->is_stopped && r->nstarted == 0)
		return HF_FAIL(err, HF_EINVAL, "no gateway was started");
	return HF_OK;
}

static void
end(struct run *r)
{
	size_t i;

	for (i = 0; i < r->nstarted; i++) {
		if (r->g[i].is_up)
			hf_spb_node_leave(r->g[i].node);
		hf_mqtt_free(r->g[i].mqtt);
		hf_spb_node_free(r->g[i].node);
	}
	hf_watch_free(r->row_timer);
	hf_watch_free(r->pump_timer);
	hf_watch_free(r->start_timer);
	hf_sim_unit_free(r->unit);
	if (r->ledger != NULL)
		fclose(r->ledger);
	free(r->metrics);
	free(r->g);
}

/* The row that `holdfast try` would suggest, under the column's own name. */
static void
print_tag(const struct args *a, const char *column)
{
	static const struct hf_plant none;
	const struct hf_spb_listed m = {.node = a->node,
	    .device = a->device,
	    .name = column,
	    .unit = "",
	    .datatype = HF_SPB_DOUBLE};
	struct hf_buf name, row;

	hf_buf_init(&name, 256);
	hf_buf_init(&row, 4096);
	hf_sim_put_name(&name, column);
	hf_spb_suggest(&none, &m, &row);
	printf("%s%s\n", hf_buf_cstr(&name), strchr(hf_buf_cstr(&row), ','));
	hf_buf_fini(&name);
	hf_buf_fini(&row);
}

static int
print_tags(const struct args *a)
{
	struct run r = {.a = a};
	struct hf_err err;
	size_t i;

	if (open_metrics(&r, &err) != HF_OK) {
		end(&r);
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	}
	puts(hf_spb_suggest_header);
	for (i = 0; i < r.nmetric; i++)
		print_tag(a, r.metrics[i].name);
	end(&r);
	return HF_EXIT_OK;
}

static int
run(const struct args *a)
{
	struct run r = {.a = a, .loop = hf_loop_new()};
	struct hf_watch *sig[3];
	struct hf_err err;
	size_t i;
	int rc;

	if (r.loop == NULL)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "event loop");
	sig[0] = hf_loop_signal(r.loop, SIGTERM, on_term, &r);
	sig[1] = hf_loop_signal(r.loop, SIGINT, on_term, &r);
	sig[2] = hf_loop_signal(r.loop, SIGUSR1, on_usr1, &r);
	rc = serve(&r, &err);
	end(&r);
	for (i = 0; i < 3; i++)
		hf_watch_free(sig[i]);
	hf_loop_free(r.loop);
	if (rc != HF_OK)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	return HF_EXIT_OK;
}

int
hf_sim_sparkplug(int argc, char **argv)
{
	static char group[] = "plant", node[] = "gateway", device[] = "machine";
	struct args a = {.group = group,
	    .node = node,
	    .device = device,
	    .file = {
		.step_ns = 3600 * HF_NS_PER_S, .interval_ns = HF_NS_PER_S}};
	int i, rc;

	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(help, stdout);
			return HF_EXIT_OK;
		}
	}
	rc = parse_args(&a, argc, argv);
	if (rc != HF_EXIT_OK)
		return rc;
	return a.is_print_tags ? print_tags(&a) : run(&a);
}
