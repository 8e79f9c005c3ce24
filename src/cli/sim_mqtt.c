/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_mqtt.c - `holdfast sim mqtt`: recorded data published as an MQTT device.
 *
 * The file is read as for `sim modbus` (field/sim_unit.c). One message a row:
 *
 *    {"t":"2013-12-02T21:15:00Z","t_ns":1386018900000000000,
 *     "values":{"temperature":12.5,...}}
 *
 * t_ns is the row's stamp, exact; a value that is not finite is null. A row is
 * published with QoS 1 and counts as delivered, in the ledger too, when the
 * broker has acknowledged it; only then, and not before --interval has passed,
 * comes the next one. After a lost connection the row under way is published
 * again, so the broker may get a row twice, never none.
 *
 * stdout, one line each, flushed:  connected | done
 * with --json {"event":"connected"} and {"event":"done"}. SIGUSR1 stops
 * advancing, SIGTERM and SIGINT end.
 */
#include "cli/sim_mqtt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "bus/mqtt.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "field/sim.h"

#define TAGS_INTERVAL_MS 1000
#define TAGS_BYTES (4u << 20)
#define LEDGER_MAX (1u << 20)	   /* bytes of one row's lines */
#define POLL_NS (HF_NS_PER_MS / 2) /* is the row acknowledged? */

static const char help[] =
    "holdfast sim mqtt - publish recorded data as an MQTT device\n"
    "\n"
    "  --socket FILE       unix socket of a broker, or\n"
    "  --host HOST:PORT    its address\n"
    "  --topic TOPIC       where to publish (required)\n"
    "  --client-id NAME    (default holdfast-sim)\n"
    "  --version 3.1.1|5   MQTT version (default 5)\n"
    "  --retain            the broker keeps the newest row\n"
    "  --replay FILE       CSV file; one message a row\n"
    "  --time COLUMN       column with time stamps (default: the first)\n"
    "  --time-cycle COLUMN column with whole numbers n instead of time "
    "stamps:\n"
    "  --epoch T           the stamp is T + n * step\n"
    "  --cycle-step DUR    step (default 1h)\n"
    "  --filter COL=VALUE  only rows whose column COL holds VALUE; up to 4\n"
    "  --columns A,B       only these columns\n"
    "  --interval DUR      between two rows (default 1s)\n"
    "  --ledger FILE       CSV of what the broker acknowledged:\n"
    "                      unit,row,t_ns,column,value,bits\n"
    "  --print-tags DEVICE print a tags file for the device and end\n"
    "  --json              events on stdout as JSON\n"
    "\n"
    "Payload: {\"t\":\"...\",\"t_ns\":N,\"values\":{\"column\":value}}. A "
    "tag's\n"
    "address: TOPIC;field=values.COLUMN;time=t_ns:ns. After the last row\n"
    "\"done\" is printed and the connection stays. SIGUSR1: publish no more\n"
    "rows. SIGTERM: end.\n";

struct args {
	char *socket, *host, *topic, *client_id, *ledger, *print_tags;
	bool is_json, is_retained, has_interval;
	int version;
	struct hf_sim_conf sim;
};

struct pub_run {
	const struct args *a;
	struct hf_loop *loop;
	struct hf_sim_unit *unit;
	struct hf_mqtt *mqtt;
	struct hf_watch *timer;
	struct hf_buf msg, ledger;
	size_t row;	   /* to be published, or under way */
	bool is_under_way; /* published, not yet acknowledged */
	bool is_stopped, is_done, is_failed;
	int64_t sent_ns;
	int ledger_fd; /* -1 = none */
};

/* ---- command line ---- */

static bool
set_filter(struct args *a, char *v)
{
	char *eq = strchr(v, '=');

	if (eq == NULL || a->sim.nfilter == HF_SIM_NFILTER)
		return false;
	*eq = '\0';
	a->sim.filters[a->sim.nfilter++] = (struct hf_sim_filter){v, eq + 1};
	return true;
}

static bool
set_interval(struct args *a, char *v)
{
	a->has_interval = true;
	return hf_dur_parse(v, strlen(v), &a->sim.interval_ns) &&
	       a->sim.interval_ns >= HF_NS_PER_MS;
}

static bool
set_step(struct args *a, char *v)
{
	return hf_dur_parse(v, strlen(v), &a->sim.step_ns) &&
	       a->sim.step_ns > 0;
}

static bool
set_epoch(struct args *a, char *v)
{
	return hf_time_parse(v, strlen(v), &a->sim.epoch_ns);
}

static bool
set_version(struct args *a, char *v)
{
	a->version = strcmp(v, "5") == 0 ? HF_MQTT_5 : HF_MQTT_311;
	return a->version == HF_MQTT_5 || strcmp(v, "3.1.1") == 0;
}

static bool
set_topic(struct args *a, char *v)
{
	a->topic = v;
	return hf_filter_ok(v) && strpbrk(v, "+#;") == NULL;
}

#define TEXT_SETTER(name, where)                        \
	static bool set_##name(struct args *a, char *v) \
	{                                               \
		where = v;                              \
		return true;                            \
	}
TEXT_SETTER(socket, a->socket)
TEXT_SETTER(host, a->host)
TEXT_SETTER(client_id, a->client_id)
TEXT_SETTER(ledger, a->ledger)
TEXT_SETTER(print_tags, a->print_tags)
TEXT_SETTER(replay, a->sim.replay)
TEXT_SETTER(time, a->sim.time_column)
TEXT_SETTER(cycle, a->sim.cycle_column)
TEXT_SETTER(columns, a->sim.columns)

static const struct opt_row {
	const char *name;
	bool (*set)(struct args *a, char *v);
	const char *want;
} opt_rows[] = {
    {"--socket", set_socket, "a file"},
    {"--host", set_host, "HOST:PORT"},
    {"--topic", set_topic, "a topic without + # ;"},
    {"--client-id", set_client_id, "a name"},
    {"--version", set_version, "3.1.1 or 5"},
    {"--ledger", set_ledger, "a file"},
    {"--print-tags", set_print_tags, "a device's name"},
    {"--replay", set_replay, "a CSV file"},
    {"--time", set_time, "a column"},
    {"--time-cycle", set_cycle, "a column"},
    {"--epoch", set_epoch, "a time such as 2020-01-01T00:00:00Z"},
    {"--cycle-step", set_step, "a duration such as 1h"},
    {"--filter", set_filter, "COLUMN=VALUE, at most 4"},
    {"--columns", set_columns, "names with commas"},
    {"--interval", set_interval, "a duration of 1ms or more"},
};
#define NOPT (sizeof(opt_rows) / sizeof(opt_rows[0]))

static int
parse_one(struct args *a, char *name, char *value, int *used)
{
	size_t i;

	*used = 1;
	if (strcmp(name, "--json") == 0) {
		a->is_json = true;
		return HF_EXIT_OK;
	}
	if (strcmp(name, "--retain") == 0) {
		a->is_retained = true;
		return HF_EXIT_OK;
	}
	for (i = 0; i < NOPT; i++)
		if (strcmp(opt_rows[i].name, name) == 0)
			break;
	if (i == NOPT)
		return hf_cli_usage("sim",
		    "unknown option %s; see holdfast sim mqtt --help", name);
	*used = 2;
	if (value == NULL || !opt_rows[i].set(a, value))
		return hf_cli_usage(
		    "sim", "%s takes %s", name, opt_rows[i].want);
	return HF_EXIT_OK;
}

static int
parse_args(struct args *a, int argc, char **argv)
{
	int i, used, rc = HF_EXIT_OK;

	for (i = 2; i < argc && rc == HF_EXIT_OK; i += used)
		rc = parse_one(
		    a, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
	if (rc != HF_EXIT_OK)
		return rc;
	if (a->sim.replay == NULL || a->topic == NULL)
		return hf_cli_usage("sim", "--replay and --topic are required");
	if (a->print_tags == NULL && (a->socket == NULL) == (a->host == NULL))
		return hf_cli_usage("sim", "give --socket or --host");
	return HF_EXIT_OK;
}

/* ---- publishing ---- */

static void
say(const struct pub_run *r, const char *event)
{
	printf(r->a->is_json ? "{\"event\":\"%s\"}\n" : "%s\n", event);
	fflush(stdout);
}

static void
fail_ledger(struct pub_run *r)
{
	hf_cli_fail("sim", 0, "ledger: %s", strerror(errno));
	r->is_failed = true;
	hf_loop_stop(r->loop);
}

static void
write_ledger(struct pub_run *r, const void *p, size_t n)
{
	const char *at = p;
	ssize_t k;

	while (r->ledger_fd >= 0 && n > 0) {
		k = write(r->ledger_fd, at, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) { /* a ledger with a hole proves nothing */
			fail_ledger(r);
			return;
		}
		at += k;
		n -= (size_t)k;
	}
}

static void
make_message(struct pub_run *r)
{
	const struct hf_sim_unit *u = r->unit;
	int64_t t_ns = hf_sim_unit_time(u, r->row);
	struct hf_jw w;
	size_t i;

	hf_buf_reset(&r->msg);
	hf_jw_init(&w, &r->msg);
	hf_jw_obj(&w);
	hf_jw_ktime(&w, "t", t_ns);
	hf_jw_ki64(&w, "t_ns", t_ns);
	hf_jw_key(&w, "values");
	hf_jw_obj(&w);
	for (i = 0; i < hf_sim_unit_ncolumn(u); i++)
		hf_jw_kf64(&w, hf_sim_unit_column(u, i),
		    hf_sim_unit_value(u, r->row, i));
	hf_jw_end_obj(&w);
	hf_jw_end_obj(&w);
}

static void
put_ledger(struct pub_run *r)
{
	const struct hf_sim_unit *u = r->unit;
	char num[HF_F64_TEXT];
	uint64_t bits;
	double v;
	size_t i;

	hf_buf_reset(&r->ledger);
	for (i = 0; i < hf_sim_unit_ncolumn(u); i++) {
		v = hf_sim_unit_value(u, r->row, i);
		memcpy(&bits, &v, sizeof(bits));
		hf_buf_printf(&r->ledger, "0,%zu,%" PRId64 ",", r->row,
		    hf_sim_unit_time(u, r->row));
		hf_csv_put_text(&r->ledger, hf_sim_unit_column(u, i), ',');
		hf_buf_printf(&r->ledger, ",%s,%016" PRIx64 "\n",
		    hf_fmt_f64(v, num), bits);
	}
	write_ledger(r, r->ledger.p, r->ledger.len);
}

static void
publish_row(struct pub_run *r)
{
	make_message(r);
	if (hf_mqtt_publish(r->mqtt, r->a->topic, r->msg.p, r->msg.len, 1,
		r->a->is_retained, NULL, NULL) == HF_OK) {
		r->is_under_way = true;
		r->sent_ns = hf_mono_ns();
		hf_timer_in(r->timer, POLL_NS);
	} else {
		hf_timer_in(r->timer, 10 * HF_NS_PER_MS);
	}
}

static void
row_delivered(struct pub_run *r)
{
	int64_t rest = r->sent_ns + r->a->sim.interval_ns - hf_mono_ns();

	put_ledger(r);
	r->is_under_way = false;
	if (++r->row == hf_sim_unit_nrow(r->unit)) {
		r->is_done = true;
		say(r, "done");
		return;
	}
	hf_timer_in(r->timer, rest > 0 ? rest : 0);
}

static void
on_timer(void *arg)
{
	struct pub_run *r = arg;

	if (r->is_done || !hf_mqtt_is_up(r->mqtt))
		return; /* on_up goes on */
	if (!r->is_under_way) {
		if (!r->is_stopped)
			publish_row(r);
	} else if (hf_mqtt_unacked(r->mqtt) == 0) {
		row_delivered(r);
	} else {
		hf_timer_in(r->timer, POLL_NS);
	}
}

static void
on_up(void *arg)
{
	struct pub_run *r = arg;

	say(r, "connected");
	r->is_under_way = false; /* what was under way is sent again */
	hf_timer_in(r->timer, 0);
}

static void
on_down(void *arg, const char *why)
{
	fprintf(stderr, "holdfast sim: %s\n", why);
}

static void
on_usr1(void *arg)
{
	((struct pub_run *)arg)->is_stopped = true;
}

static void
on_term(void *arg)
{
	hf_loop_stop(((struct pub_run *)arg)->loop);
}

/* ---- running ---- */

static int
open_ledger(struct pub_run *r, struct hf_err *err)
{
	static const char head[] = HF_SIM_LEDGER_HEADER;

	if (r->a->ledger == NULL)
		return HF_OK;
	r->ledger_fd = open(r->a->ledger,
	    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (r->ledger_fd < 0)
		return HF_FAIL(
		    err, HF_EIO, "%s: %s", r->a->ledger, strerror(errno));
	write_ledger(r, head, sizeof(head) - 1);
	return r->is_failed ? HF_EIO : HF_OK;
}

static int
connect_to(struct pub_run *r, struct hf_err *err)
{
	const struct hf_mqtt_cb cb = {.arg = r, .up = on_up, .down = on_down};
	struct hf_mqtt_conf conf = {.client_id = r->a->client_id,
	    .unix_path = r->a->socket,
	    .version = r->a->version};
	char text[300], *host;
	int64_t port;

	if (r->a->host != NULL) {
		hf_strcpy(text, sizeof(text), r->a->host);
		if (!hf_args_host_port(text, 1, &host, &port))
			return HF_FAIL(
			    err, HF_EINVAL, "--host takes HOST:PORT");
		conf.host = host;
		conf.port = (int)port;
	}
	return hf_mqtt_new(r->loop, &conf, &cb, &r->mqtt, err);
}

static int
serve(struct pub_run *r, struct hf_err *err)
{
	int rc = hf_sim_unit_open(&r->a->sim, &r->unit, err);

	if (rc != HF_OK)
		return rc;
	if (hf_sim_unit_nrow(r->unit) == 0)
		return HF_FAIL(
		    err, HF_EINVAL, "%s: no row to publish", r->a->sim.replay);
	r->timer = hf_loop_timer(r->loop, on_timer, r);
	if (r->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "timer");
	rc = open_ledger(r, err);
	if (rc == HF_OK)
		rc = connect_to(r, err);
	if (rc != HF_OK)
		return rc;
	hf_loop_run(r->loop);
	return r->is_failed ? HF_FAIL(err, HF_EIO, "the ledger broke off")
			    : HF_OK;
}

static int
run(const struct args *a)
{
	struct pub_run r = {.a = a, .ledger_fd = -1};
	struct hf_watch *sig[3];
	struct hf_err err = {0};
	size_t i;
	int rc;

	r.loop = hf_loop_new();
	if (r.loop == NULL)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "event loop");
	hf_buf_init(&r.msg, HF_MQTT_PAYLOAD);
	hf_buf_init(&r.ledger, LEDGER_MAX);
	sig[0] = hf_loop_signal(r.loop, SIGTERM, on_term, &r);
	sig[1] = hf_loop_signal(r.loop, SIGINT, on_term, &r);
	sig[2] = hf_loop_signal(r.loop, SIGUSR1, on_usr1, &r);
	rc = serve(&r, &err);
	for (i = 0; i < 3; i++)
		hf_watch_free(sig[i]);
	hf_watch_free(r.timer);
	hf_mqtt_free(r.mqtt);
	hf_loop_free(r.loop);
	hf_sim_unit_free(r.unit);
	hf_buf_fini(&r.msg);
	hf_buf_fini(&r.ledger);
	if (r.ledger_fd >= 0)
		close(r.ledger_fd);
	if (rc != HF_OK)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	return HF_EXIT_OK;
}

/* A column in the path of an address: what would part it is escaped. */
static void
put_column(struct hf_buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (strchr(".[];:=\\", *s) != NULL)
			hf_buf_puts(b, "\\");
		hf_buf_put(b, s, 1);
	}
}

static int
print_tags(const struct args *a)
{
	int64_t ms = a->has_interval ? a->sim.interval_ns / HF_NS_PER_MS
				     : TAGS_INTERVAL_MS;
	struct hf_sim_unit *u;
	struct hf_buf b, address;
	struct hf_err err;
	size_t i;

	if (hf_sim_unit_open(&a->sim, &u, &err) != HF_OK)
		return hf_cli_fail("sim", HF_EXIT_FAILED, "%s", err.msg);
	hf_buf_init(&b, TAGS_BYTES);
	hf_buf_init(&address, TAGS_BYTES);
	hf_buf_puts(&b, "device,tag,address,type,interval_ms\n");
	for (i = 0; i < hf_sim_unit_ncolumn(u); i++) {
		hf_buf_reset(&address);
		hf_buf_printf(&address, "%s;field=values.", a->topic);
		put_column(&address, hf_sim_unit_column(u, i));
		hf_buf_puts(&address, ";time=t_ns:ns");
		hf_buf_printf(&b, "%s,", a->print_tags);
		hf_sim_put_name(&b, hf_sim_unit_column(u, i));
		hf_buf_puts(&b, ",");
		hf_csv_put_text(&b, hf_buf_cstr(&address), ',');
		hf_buf_printf(&b, ",float64,%" PRId64 "\n", ms);
	}
	fputs(hf_buf_cstr(&b), stdout);
	hf_buf_fini(&address);
	hf_buf_fini(&b);
	hf_sim_unit_free(u);
	return HF_EXIT_OK;
}

int
hf_sim_mqtt(int argc, char **argv)
{
	static char client_id[] = "holdfast-sim";
	struct args a = {.client_id = client_id, .version = HF_MQTT_5};
	int i, rc;

	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(help, stdout);
			return HF_EXIT_OK;
		}
	a.sim.step_ns = 3600 * HF_NS_PER_S;
	a.sim.interval_ns = HF_NS_PER_S;
	rc = parse_args(&a, argc, argv);
	if (rc != HF_EXIT_OK)
		return rc;
	return a.print_tags != NULL ? print_tags(&a) : run(&a);
}
