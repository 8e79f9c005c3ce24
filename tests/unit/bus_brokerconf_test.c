/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_brokerconf_test.c - configuration and access lists of a zone's broker:
 * golden texts, refusals, and the real mosquitto's word on each result.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/brokerconf.h"

#define MOSQUITTO "/usr/sbin/mosquitto"

static const struct hf_broker_dirs inside = {.conf = "/conf",
    .core = "/core",
    .edge = "/edge",
    .ca = "/tls/ca.crt",
    .cert = "/tls/broker.crt",
    .key = "/tls/broker.key"};

struct kit { /* a plant by hand: one zone, up to four conduits */
	struct hf_plant p;
	struct hf_zone zone;
	struct hf_conduit c[4];
	struct hf_export ex;
	char *read[4][4], *write[4][4];
};

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* conduit i; reads and writes: "a|b" */
static void
put_list(struct hf_strlist *l, char **v, const char *s)
{
	static char store[64][200];
	static size_t at;
	char *save = NULL, *t;

	l->v = v;
	l->n = 0;
	at = (at + 1) % 64;
	snprintf(store[at], sizeof(store[at]), "%s", s);
	for (t = strtok_r(store[at], "|", &save); t != NULL;
	     t = strtok_r(NULL, "|", &save))
		l->v[l->n++] = t;
}

static struct hf_conduit *
conduit(struct kit *k, const char *name, const char *proto, int64_t port,
    const char *reads, const char *writes)
{
	size_t i = k->p.nconduit++;
	struct hf_conduit *c = &k->c[i];

	*c = (struct hf_conduit){.name = text(name),
	    .from = text("any"),
	    .to = text("broker/cell"),
	    .proto = text(proto),
	    .port = port,
	    .direction = HF_DIR_LISTEN,
	    .auth = text(strcmp(proto, "mqtts") == 0 ? "mtls" : "none")};
	put_list(&c->topics_read, k->read[i], reads);
	put_list(&c->topics_write, k->write[i], writes);
	return c;
}

static void
kit_init(struct kit *k)
{
	*k = (struct kit){
	    .zone = {.name = text("cell"), .interface = text("host-veth")}};
	k->p.zones = &k->zone;
	k->p.nzone = 1;
	k->p.conduits = k->c;
}

static void
make(struct kit *k, struct hf_brokerconf *out)
{
	struct hf_err err = {0};
	int rc = hf_brokerconf_make(&k->p, 0, &inside, out, &err);

	if (rc != HF_OK)
		print_message("# %s\n", err.msg);
	assert_int_equal(rc, HF_OK);
}

static const char *
acl(struct hf_brokerconf *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->nacl; i++)
		if (strcmp(b->acl[i].name, name) == 0)
			return hf_buf_cstr(&b->acl[i].text);
	return "(no such list)";
}

static void
configuration_of_two_listeners_is_as_written_down(void **state)
{
	static const char want[] =
	    "# Broker of zone cell. Made by holdfast from plant.yaml: changes "
	    "here are lost.\n"
	    "per_listener_settings true\n"
	    "persistence false\n"
	    "set_tcp_nodelay true\n"
	    "sys_interval 10\n"
	    "log_dest stderr\n"
	    "log_type error\n"
	    "log_type notice\n"
	    "connection_messages false\n"
	    "log_timestamp_format %Y-%m-%dT%H:%M:%S\n"
	    "memory_limit 536870912\n"
	    "max_packet_size 1052672\n"
	    "max_keepalive 600\n"
	    "max_inflight_messages 200\n"
	    "max_inflight_bytes 16777216\n"
	    "max_queued_messages 250000\n"
	    "max_queued_bytes 67108864\n"
	    "queue_qos0_messages false\n"
	    "upgrade_outgoing_qos false\n"
	    "retain_available true\n"
	    "persistent_client_expiration 1d\n"
	    "\n"
	    "listener 0 /core/mqtt.sock\n"
	    "max_connections 8\n"
	    "allow_anonymous true\n"
	    "acl_file /conf/acl.core\n"
	    "\n"
	    "listener 0 /edge/mqtt.sock\n"
	    "max_connections 128\n"
	    "allow_anonymous true\n"
	    "acl_file /conf/acl.edge\n"
	    "\n"
	    "listener 8884 127.0.0.1\n"
	    "max_connections 2048\n"
	    "acl_file /conf/acl.8884\n"
	    "allow_anonymous true\n"
	    "\n"
	    "listener 8883 127.0.0.1\n"
	    "max_connections 2048\n"
	    "acl_file /conf/acl.8883\n"
	    "allow_anonymous false\n"
	    "cafile /tls/ca.crt\n"
	    "certfile /tls/broker.crt\n"
	    "keyfile /tls/broker.key\n"
	    "tls_version tlsv1.2\n"
	    "require_certificate true\n"
	    "use_identity_as_username true\n";
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "plain", "mqtt", 8884, "uns/v1/#", "dev/#");
	conduit(&k, "tls", "mqtts", 8883, "#", "dev/%u/#");
	make(&k, &b);
	assert_string_equal(hf_buf_cstr(&b.conf), want);
	assert_true(b.has_tls);
	assert_int_equal(b.nacl, 4);
	hf_brokerconf_fini(&b);
}

static void
plugin_takes_the_place_of_the_lists(void **state)
{
	struct hf_broker_dirs dirs = inside;
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "tls", "mqtts", 8883, "#", "dev/%u/#");
	dirs.plugin = "/policy.so";
	dirs.zone = 1;
	assert_int_equal(hf_brokerconf_make(&k.p, 0, &dirs, &b, NULL), HF_OK);
	assert_null(strstr(hf_buf_cstr(&b.conf), "acl_file"));
	assert_non_null(
	    strstr(hf_buf_cstr(&b.conf), "max_connections 2048\n"
					 "plugin /policy.so\n"
					 "plugin_opt_policy /conf/policy\n"
					 "plugin_opt_listener 8883\n"
					 "plugin_opt_wire 3\n"
					 "plugin_opt_zone 1\n"
					 "allow_anonymous false\n"));
	assert_int_equal(b.nacl, 3);
	assert_true(b.policy.len > 0);
	hf_brokerconf_fini(&b);
}

static void
access_lists_are_as_written_down(void **state)
{
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "a", "mqtt", 8884, "uns/v1/#|cmd/#", "dev/#|tele/+/x");
	conduit(&k, "b", "mqtts", 8883, "#", "dev/%u/#");
	make(&k, &b);
	assert_string_equal(acl(&b, "acl.core"),
	    "pattern deny cmd/#\npattern write uns/v1/#\npattern write +\n");
	assert_string_equal(acl(&b, "acl.edge"),
	    "pattern deny cmd/#\n"
	    "pattern read #\n"
	    "pattern readwrite $sparkplug/certificates/#\n"
	    "pattern write spBv1.0/+/NCMD/#\n"
	    "pattern write spBv1.0/+/DCMD/#\n"
	    "pattern write spBv1.0/STATE/+\n"
	    "pattern write STATE/+\n");
	assert_string_equal(acl(&b, "acl.8884"),
	    "pattern deny cmd/#\n"
	    "# conduit a\n"
	    "pattern read uns/v1/#\n"
	    "pattern read cmd/#\n" /* the denial is asked first */
	    "pattern write dev/#\n"
	    "pattern write tele/+/x\n");
	assert_string_equal(acl(&b, "acl.8883"),
	    "pattern deny cmd/#\n# conduit b\npattern read #\n"
	    "pattern write dev/%u/#\n");
	hf_brokerconf_fini(&b);
}

static void
conduits_of_one_port_are_one_listener(void **state)
{
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "a", "mqtt", 8884, "x/#", "");
	conduit(&k, "b", "mqtt", 8884, "", "y/#");
	make(&k, &b);
	assert_int_equal(b.nacl, 3);
	assert_string_equal(acl(&b, "acl.8884"),
	    "pattern deny cmd/#\n# conduit a\npattern read x/#\n"
	    "# conduit b\npattern write y/#\n");
	assert_null(strstr(strstr(hf_buf_cstr(&b.conf), "listener 8884") + 1,
	    "listener 8884"));
	hf_brokerconf_fini(&b);
}

static void
sparkplug_data_may_be_written_but_no_command(void **state)
{
	static const struct {
		const char *write, *want;
	} cases[] = {
	    {"spBv1.0/g/+/n/#", "pattern write spBv1.0/g/NBIRTH/n/#\n"
				"pattern write spBv1.0/g/NDATA/n/#\n"
				"pattern write spBv1.0/g/NDEATH/n/#\n"
				"pattern write spBv1.0/g/DBIRTH/n/#\n"
				"pattern write spBv1.0/g/DDATA/n/#\n"
				"pattern write spBv1.0/g/DDEATH/n/#\n"},
	    {"spBv1.0/#", "pattern write spBv1.0/+/NBIRTH/#\n"
			  "pattern write spBv1.0/+/NDATA/#\n"
			  "pattern write spBv1.0/+/NDEATH/#\n"
			  "pattern write spBv1.0/+/DBIRTH/#\n"
			  "pattern write spBv1.0/+/DDATA/#\n"
			  "pattern write spBv1.0/+/DDEATH/#\n"},
	    {"spBv1.0/g/NDATA/n", "pattern write spBv1.0/g/NDATA/n\n"},
	};
	struct hf_brokerconf b;
	char want[600];
	struct kit k;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kit_init(&k);
		conduit(&k, "gw", "mqtt", 8884, "", cases[i].write);
		make(&k, &b);
		snprintf(want, sizeof(want),
		    "pattern deny cmd/#\n# conduit gw\n%s", cases[i].want);
		assert_string_equal(acl(&b, "acl.8884"), want);
		hf_brokerconf_fini(&b);
	}
}

static void
host_may_ask_the_zones_own_node_for_births_and_no_other(void **state)
{
	struct names {
		char *host, *group, *node;
	} conf = {.group = text("g"), .node = text("us")};
	static const struct hf_opt opts[] = {
	    {.name = "host", .off = offsetof(struct names, host)},
	    {.name = "group", .off = offsetof(struct names, group)},
	    {.name = "node", .off = offsetof(struct names, node)}};
	static const struct hf_kind kind = {
	    .name = "sparkplug", .opts = opts, .nopt = 3};
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	k.ex = (struct hf_export){.name = text("x"),
	    .to = text("sparkplug"),
	    .zone = text("cell"),
	    .kind = &kind,
	    .conf = &conf};
	k.p.exports = &k.ex;
	k.p.nexport = 1;
	conduit(&k, "scada", "mqtt", 8884, "spBv1.0/#",
	    "spBv1.0/g/NCMD/us|spBv1.0/STATE/scada");
	make(&k, &b);
	assert_string_equal(acl(&b, "acl.8884"),
	    "pattern deny cmd/#\n# conduit scada\npattern read spBv1.0/#\n"
	    "pattern write spBv1.0/g/NCMD/us\n"
	    "pattern write spBv1.0/STATE/scada\n");
	hf_brokerconf_fini(&b);
	conf.node = text("them");
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
	conf = (struct names){
	    .host = text("10.0.0.1"), .group = text("g"), .node = text("us")};
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
}

static void
edge_may_write_births_only_with_an_export(void **state)
{
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "a", "mqtt", 8884, "", "");
	k.ex = (struct hf_export){.name = text("x"), .to = text("sparkplug")};
	k.p.exports = &k.ex;
	k.p.nexport = 1;
	make(&k, &b);
	assert_non_null(
	    strstr(acl(&b, "acl.edge"), "pattern write spBv1.0/+/NBIRTH/#\n"));
	hf_brokerconf_fini(&b);
	k.ex.zone_idx = 1; /* another zone's */
	make(&k, &b);
	assert_null(strstr(acl(&b, "acl.edge"), "NBIRTH"));
	hf_brokerconf_fini(&b);
}

static void
what_a_list_cannot_keep_out_is_refused_by_name(void **state)
{
	static const char *const bad[] = {"#", "+", "+/x", "cmd/x", "cmd",
	    "uns/v1/#", "uns/#", "uns/+/x", "umh.v1.a", "$SYS/x",
	    "$sparkplug/certificates/x", "spBv1.0/g/NCMD/n", "spBv1.0/+/DCMD/#",
	    "dev/%c", "dev/%u", "%u/x", " dev", "dev ", "dev\nuser x", "a\x7f"};
	struct hf_brokerconf b;
	struct hf_err err;
	struct kit k;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kit_init(&k);
		conduit(&k, "press", "mqtt", 8884, "", bad[i]);
		err = (struct hf_err){0};
		if (hf_brokerconf_make(&k.p, 0, &inside, &b, &err) == HF_OK)
			fail_msg("\"%s\" may be written", bad[i]);
		assert_int_equal(err.rc, HF_EINVAL);
		assert_non_null(strstr(err.msg, "press"));
	}
	kit_init(&k);
	conduit(&k, "press", "mqtt", 8884, "$SYS/#", "");
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
}

static void
listener_that_is_not_ours_to_open_is_refused(void **state)
{
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	conduit(&k, "a", "mqtt", 1883, "", "");
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
	k.c[0].port = 8884;
	k.c[0].auth = text("password");
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
	k.c[0].auth = text("mtls"); /* without TLS */
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
	k.c[0].auth = text("none");
	k.zone.interface = text("eth0\nlistener 1883");
	assert_int_equal(
	    hf_brokerconf_make(&k.p, 0, &inside, &b, NULL), HF_EINVAL);
}

static void
listener_is_bound_to_the_zones_nic_or_to_loopback(void **state)
{
	struct hf_brokerconf b;
	struct kit k;

	kit_init(&k);
	k.zone.interface = text("enp3s0");
	conduit(&k, "a", "mqtt", 8884, "", "");
	make(&k, &b);
	assert_non_null(strstr(hf_buf_cstr(&b.conf),
	    "listener 8884\nbind_interface enp3s0\nsocket_domain ipv4\n"));
	hf_brokerconf_fini(&b);
	k.c[0].from = text("127.0.0.0/8");
	make(&k, &b);
	assert_non_null(
	    strstr(hf_buf_cstr(&b.conf), "listener 8884 127.0.0.1\n"));
	hf_brokerconf_fini(&b);
}

static void
change_of_lists_and_change_of_listeners_are_told_apart(void **state)
{
	struct hf_brokerconf a, b, c;
	struct kit k;

	kit_init(&k);
	conduit(&k, "a", "mqtt", 8884, "x", "y");
	make(&k, &a);
	put_list(&k.c[0].topics_read, k.read[0], "z");
	make(&k, &b);
	k.c[0].port = 8885;
	make(&k, &c);
	assert_true(hf_brokerconf_same_conf(&a, &b));
	assert_false(hf_brokerconf_same_acls(&a, &b));
	assert_true(hf_brokerconf_same_acls(&a, &a));
	assert_false(hf_brokerconf_same_conf(&b, &c));
	hf_brokerconf_fini(&a);
	hf_brokerconf_fini(&b);
	hf_brokerconf_fini(&c);
}

/* ---- what mosquitto itself says */

static void
put_file(const char *dir, const char *name, const struct hf_buf *b)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b->p, 1, b->len, f), b->len);
	fclose(f);
}

static bool
answers(const char *dir)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	bool is_up;
	int fd;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/" HF_BROKER_SOCK, dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	is_up = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return is_up;
}

static uint16_t
free_port(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Starts it, waits for its last unix socket, ends it. */
static bool
is_accepted(const char *dir)
{
	char conf[200], log[200];
	const struct timespec a_bit = {.tv_nsec = 10000000};
	bool is_up = false;
	pid_t pid;
	int i, st;

	snprintf(conf, sizeof(conf), "%s/mosquitto.conf", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	pid = fork();
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT, 0600);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execl(MOSQUITTO, "mosquitto", "-c", conf, (char *)NULL);
		_exit(99);
	}
	for (i = 0; i < 1000 && !is_up; i++) {
		if (waitpid(pid, &st, WNOHANG) == pid)
			return false;
		is_up = answers(dir);
		nanosleep(&a_bit, NULL);
	}
	kill(pid, SIGTERM);
	waitpid(pid, &st, 0);
	return is_up && WIFEXITED(st) && WEXITSTATUS(st) == 0;
}

static void
mosquitto_accepts_what_is_generated(void **state)
{
	char dir[] = "/tmp/hf-bc.XXXXXX", rm[64], *core;
	struct hf_broker_dirs d;
	struct hf_brokerconf b;
	struct hf_err err = {0};
	struct kit k;
	size_t i;

	if (access(MOSQUITTO, X_OK) != 0) {
		print_message("# the package mosquitto is not there\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0); /* it becomes its own user */
	d = (struct hf_broker_dirs){.conf = dir, .core = dir, .edge = dir};
	kit_init(&k);
	conduit(&k, "a", "mqtt", free_port(), "#|uns/v1/+/x",
	    "dev/#|spBv1.0/#|a b/c");
	conduit(&k, "b", "mqtt", free_port(), "", "");
	/* both unix sockets would be one file here */
	assert_int_equal(hf_brokerconf_make(&k.p, 0, &d, &b, &err), HF_OK);
	core = strstr((char *)b.conf.p, "/mqtt.sock\nmax_connections 8");
	assert_non_null(core);
	memcpy(core, "/core.sock", 10);
	put_file(dir, "mosquitto.conf", &b.conf);
	for (i = 0; i < b.nacl; i++)
		put_file(dir, b.acl[i].name, &b.acl[i].text);
	hf_brokerconf_fini(&b);
	assert_true(is_accepted(dir));
	snprintf(rm, sizeof(rm), "%s", dir);
	for (i = 0; i < 8; i++) {
		static const char *const all[] = {"mosquitto.conf", "acl.core",
		    "acl.edge", "log", "mqtt.sock", "core.sock"};
		char path[200];

		if (i < 6)
			snprintf(path, sizeof(path), "%s/%s", rm, all[i]);
		else
			snprintf(path, sizeof(path), "%s/acl.%d", rm,
			    (int)k.c[i - 6].port);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* The plant lives on: only what the listener allowed is gone, and only in a
 * zone that asked for it. */
static void
a_conduit_past_its_review_allows_nothing_where_its_zone_says_so(void **state)
{
	struct hf_broker_dirs d = inside;
	struct hf_brokerconf b;
	struct hf_conduit *c;
	struct kit k;
	int i;

	for (i = 0; i < 4; i++) { /* which of the two conditions hold */
		kit_init(&k);
		c = conduit(&k, "old", "mqtt", 8884, "a/#", "b/#");
		c->review_ns = 1000;
		c = conduit(&k, "new", "mqtt", 8884, "c/#", "");
		c->review_ns = 3000;
		k.zone.deny_expired = (i & 1) != 0;
		d.now_ns = (i & 2) != 0 ? 2000 : 0;
		assert_int_equal(
		    hf_brokerconf_make(&k.p, 0, &d, &b, NULL), HF_OK);
		assert_string_equal(
		    acl(&b, "acl.8884"), i == 3 ? "pattern deny cmd/#\n"
						  "# conduit new\n"
						  "pattern read c/#\n"
						: "pattern deny cmd/#\n"
						  "# conduit old\n"
						  "pattern read a/#\n"
						  "pattern write b/#\n"
						  "# conduit new\n"
						  "pattern read c/#\n");
		hf_brokerconf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_conduit_past_its_review_allows_nothing_where_its_zone_says_so),
	    cmocka_unit_test(configuration_of_two_listeners_is_as_written_down),
	    cmocka_unit_test(plugin_takes_the_place_of_the_lists),
	    cmocka_unit_test(access_lists_are_as_written_down),
	    cmocka_unit_test(conduits_of_one_port_are_one_listener),
	    cmocka_unit_test(sparkplug_data_may_be_written_but_no_command),
	    cmocka_unit_test(
		host_may_ask_the_zones_own_node_for_births_and_no_other),
	    cmocka_unit_test(edge_may_write_births_only_with_an_export),
	    cmocka_unit_test(what_a_list_cannot_keep_out_is_refused_by_name),
	    cmocka_unit_test(listener_that_is_not_ours_to_open_is_refused),
	    cmocka_unit_test(listener_is_bound_to_the_zones_nic_or_to_loopback),
	    cmocka_unit_test(
		change_of_lists_and_change_of_listeners_are_told_apart),
	    cmocka_unit_test(mosquitto_accepts_what_is_generated),
	};

	return cmocka_run_group_tests_name("bus_brokerconf", tests, NULL, NULL);
}
