/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_plugin_test.c - holdfast-policy.so as mosquitto loads it, with this
 * program in mosquitto's place: its answers are hf_policy_decide()'s, and every
 * refusal is told to the wire, or counted in what is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bus/denied.h"
#include "model/policy.h"
#include "os/msg.h"

#define NQUESTION 100000

struct mosquitto { /* what the plugin may ask of a client */
	const char *id, *name, *address;
	int version;
};

static struct {
	MOSQ_FUNC_generic_callback acl, reload;
	void *userdata;
	char cleared[64][64];
	size_t ncleared;
} host;

/* ---- mosquitto's side */

int
mosquitto_callback_register(mosquitto_plugin_id_t *id, int event,
    MOSQ_FUNC_generic_callback f, const void *data, void *userdata)
{
	if (event == MOSQ_EVT_ACL_CHECK)
		host.acl = f;
	else if (event == MOSQ_EVT_RELOAD)
		host.reload = f;
	host.userdata = userdata;
	return MOSQ_ERR_SUCCESS;
}

int
mosquitto_callback_unregister(mosquitto_plugin_id_t *id, int event,
    MOSQ_FUNC_generic_callback f, const void *data)
{
	return MOSQ_ERR_SUCCESS;
}

void
mosquitto_log_printf(int level, const char *fmt, ...)
{
}

const char *
mosquitto_client_id(const struct mosquitto *c)
{
	return c->id;
}

const char *
mosquitto_client_username(const struct mosquitto *c)
{
	return c->name;
}

const char *
mosquitto_client_address(const struct mosquitto *c)
{
	return c->address;
}

int
mosquitto_client_protocol_version(const struct mosquitto *c)
{
	return c->version;
}

int
mosquitto_broker_publish_copy(const char *client, const char *topic, int n,
    const void *payload, int qos, bool retain, mosquitto_property *p)
{
	assert_int_equal(n, 0);
	assert_true(retain);
	if (host.ncleared < 64)
		snprintf(host.cleared[host.ncleared++], 64, "%s", topic);
	return MOSQ_ERR_SUCCESS;
}

/* ---- the kit */

typedef int init_fn(
    mosquitto_plugin_id_t *, void **, struct mosquitto_opt *, int);
typedef int end_fn(void *, struct mosquitto_opt *, int);

struct kit {
	void *so, *userdata;
	end_fn *end;
	int wire[2];
	char dir[64], path[80];
	struct hf_policy *policy;
};

static const struct hf_policy_listener listeners[] = {
    {.id = HF_POLICY_CORE}, {.id = HF_POLICY_EDGE}, {8883, true}};
static const struct hf_policy_grant grants[] = {
    {8883, true, false, "a/+/b", "one"}, {8883, true, true, "dev/%u/#", "two"},
    {8883, false, true, "b/#", "two"},
    {8883, true, false, "spBv1.0/#", "three"}};
#define NGRANTS (sizeof(grants) / sizeof(grants[0]))

static struct hf_policy *
put_policy(const struct kit *k, size_t ngrant)
{
	struct hf_policy *p = NULL;
	struct hf_buf b;
	FILE *f;

	assert_int_equal(
	    hf_policy_from(listeners, 3, grants, ngrant, &p, NULL), HF_OK);
	hf_buf_init(&b, HF_POLICY_BYTES);
	assert_int_equal(hf_policy_pack(p, &b, NULL), HF_OK);
	f = fopen(k->path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
	hf_buf_fini(&b);
	return p;
}

/* build/tests/fault/x -> build/holdfast-policy.so */
static void
load(struct kit *k)
{
	char self[400], at[500];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int up;

	assert_true(n > 0);
	for (up = 0; up < 3; up++)
		while (self[--n] != '/')
			;
	snprintf(at, sizeof(at), "%.*s/holdfast-policy.so", (int)n, self);
	k->so = dlopen(at, RTLD_NOW | RTLD_LOCAL);
	if (k->so == NULL)
		fail_msg("%s", dlerror());
}

static void
begin(struct kit *k)
{
	char wire[16], policy[] = "policy", listener[] = "listener",
		       port[] = "8883", wirekey[] = "wire", zone[] = "zone",
		       one[] = "1";
	struct mosquitto_opt opts[4];
	init_fn *init;
	int size = 1 << 22;

	memset(&host, 0, sizeof(host));
	snprintf(k->dir, sizeof(k->dir), "/tmp/hf-plugin.XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/policy", k->dir);
	k->policy = put_policy(k, NGRANTS);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, k->wire), 0);
	(void)setsockopt(
	    k->wire[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	load(k);
	snprintf(wire, sizeof(wire), "%d", k->wire[1]);
	opts[0] = (struct mosquitto_opt){policy, k->path};
	opts[1] = (struct mosquitto_opt){listener, port};
	opts[2] = (struct mosquitto_opt){wirekey, wire};
	opts[3] = (struct mosquitto_opt){zone, one};
	*(void **)&init = dlsym(k->so, "mosquitto_plugin_init");
	*(void **)&k->end = dlsym(k->so, "mosquitto_plugin_cleanup");
	assert_int_equal(init(NULL, &k->userdata, opts, 4), MOSQ_ERR_SUCCESS);
	assert_non_null(host.acl);
}

static void
end(struct kit *k)
{
	k->end(k->userdata, NULL, 0);
	dlclose(k->so);
	close(k->wire[0]);
	close(k->wire[1]);
	unlink(k->path);
	rmdir(k->dir);
	hf_policy_free(k->policy);
}

static bool
asks(struct mosquitto *c, int access, const char *topic, bool is_retained)
{
	struct mosquitto_evt_acl_check ed = {.client = c,
	    .topic = topic,
	    .access = access,
	    .payloadlen = 1,
	    .retain = is_retained};
	int rc = host.acl(MOSQ_EVT_ACL_CHECK, &ed, host.userdata);

	assert_true(rc == MOSQ_ERR_SUCCESS || rc == MOSQ_ERR_ACL_DENIED);
	return rc == MOSQ_ERR_SUCCESS;
}

/* A question that is allowed: what waits is told. */
static void
tick(void)
{
	struct mosquitto c = {.id = "c2", .name = "scada", .version = 5};

	assert_true(asks(&c, MOSQ_ACL_UNSUBSCRIBE, "x", false));
}

/* All that is on the wire: sums, and the newest message. */
static uint64_t
heard(struct kit *k, struct hf_denied *last, size_t *nmessage)
{
	struct hf_wire w = {.fd = k->wire[0],
	    .self = HF_ROLE_AUDIT,
	    .peer = HF_ROLE_BROKER,
	    .zone = 1};
	static uint8_t rx[HF_MSG_MAX];
	enum hf_violation viol;
	struct hf_err err = {0};
	struct hf_msg m;
	uint64_t sum = 0;

	while (hf_wire_recv(&w, rx, &m, &viol, &err) == HF_OK) {
		assert_int_equal(m.type, HF_MSG_DENIED);
		if (hf_denied_decode(m.p, m.n, last, &err) != HF_OK)
			fail_msg("%s", err.msg);
		sum += (uint64_t)last->count + last->lost;
		++*nmessage;
	}
	return sum;
}

/* ---- tests */

static void
answers_of_the_plugin_are_the_functions_and_refusals_add_up(void **state)
{
	static const char *const words[] = {"a", "b", "dev", "scada", "x",
	    "cmd", "uns", "spBv1.0", "$SYS", "+", "#", ""};
	static const int access[] = {
	    MOSQ_ACL_WRITE, MOSQ_ACL_READ, MOSQ_ACL_SUBSCRIBE};
	struct mosquitto c = {.id = "c1", .name = "scada", .version = 5};
	struct hf_policy_who who = {.listener = 8883};
	struct hf_denied last = {.count = 0};
	size_t i, n, nmessage = 0;
	uint64_t refused = 0, told = 0, seed = 88172645463325252u;
	struct timespec pause = {.tv_nsec = 20000000};
	char topic[80];
	struct kit k;

	begin(&k);
	for (i = 0; i < NQUESTION; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		topic[0] = '\0';
		for (n = 0; n <= seed % 4; n++)
			snprintf(topic + strlen(topic),
			    sizeof(topic) - strlen(topic), "%s%s",
			    n > 0 ? "/" : "",
			    words[(seed >> (8 + 8 * n)) % 12]);
		c.name = (seed >> 50) % 3 == 0 ? NULL : "scada";
		who.name = c.name;
		n = (seed >> 52) % 3;
		if (asks(&c, access[n], topic, false) !=
		    hf_policy_decide(
			k.policy, &who, (enum hf_policy_action)n, topic)
			.is_allowed)
			fail_msg("%s: another answer", topic);
		refused += !hf_policy_decide(
		    k.policy, &who, (enum hf_policy_action)n, topic)
				.is_allowed;
		if (i % 1000 == 0)
			told += heard(&k, &last, &nmessage);
	}
	for (i = 0; i < 300 && told < refused; i++) {
		nanosleep(&pause, NULL);
		tick();
		told += heard(&k, &last, &nmessage);
	}
	assert_int_equal(told, refused);
	assert_true(refused > NQUESTION / 10 && refused < NQUESTION);
	assert_true(nmessage < 2000);
	print_message("# %llu refusals in %zu messages\n",
	    (unsigned long long)refused, nmessage);
	assert_true(asks(&c, MOSQ_ACL_UNSUBSCRIBE, "cmd/#", false));
	end(&k);
}

static void
full_wire_never_blocks_and_what_is_lost_is_told_later(void **state)
{
	struct mosquitto c = {.id = "c1", .version = 4, .address = "10.0.0.9"};
	struct timespec pause = {.tv_nsec = 20000000};
	struct hf_denied last = {.count = 0};
	uint64_t told = 0, i;
	size_t nmessage = 0;
	int size = 1;
	char topic[32];
	struct kit k;

	begin(&k);
	(void)setsockopt(k.wire[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < 5000; i++) { /* nobody reads */
		snprintf(topic, sizeof(topic), "no/%u", (unsigned)i);
		assert_false(asks(&c, MOSQ_ACL_WRITE, topic, false));
	}
	for (i = 0; i < 300 && told < 5000; i++) {
		told += heard(&k, &last, &nmessage);
		nanosleep(&pause, NULL);
		tick();
	}
	assert_int_equal(told, 5000);
	assert_true(nmessage < 100);
	assert_string_equal(last.address, "10.0.0.9");
	assert_string_equal(last.client, "c1");
	assert_int_equal(last.listener, 8883);
	assert_int_equal(last.rule, HF_PR_NONE);
	end(&k);
}

static void
retained_message_is_cleared_when_the_right_to_write_it_is_gone(void **state)
{
	struct mosquitto c = {.id = "c1", .name = "scada", .version = 5};
	struct mosquitto source = {.id = "c0", .name = "scada"};
	struct hf_denied last;
	size_t nmessage = 0;
	struct hf_policy *p;
	struct kit k;

	begin(&k);
	assert_true(asks(&c, MOSQ_ACL_WRITE, "dev/scada/x", true));
	assert_true(asks(&c, MOSQ_ACL_READ, "dev/scada/x", true));
	assert_true(asks(&source, MOSQ_ACL_WRITE, "b/x", true));
	tick();
	assert_int_equal(host.ncleared, 0);
	p = put_policy(&k, 2); /* b/# goes */
	host.reload(MOSQ_EVT_RELOAD, NULL, host.userdata);
	assert_false(asks(&source, MOSQ_ACL_WRITE, "b/x", true));
	assert_false(asks(&source, MOSQ_ACL_WRITE, "b/x", true));
	assert_false(asks(&c, MOSQ_ACL_READ, "a/x/b", true)); /* no writer */
	assert_true(asks(&c, MOSQ_ACL_READ, "a/x/b", false));
	tick();
	assert_int_equal(host.ncleared, 3);
	assert_string_equal(host.cleared[0], "b/x");
	assert_string_equal(host.cleared[2], "a/x/b");
	assert_int_equal(heard(&k, &last, &nmessage), 0); /* nobody's fault */
	hf_policy_free(p);
	end(&k);
}

static void
policy_that_cannot_be_read_denies_all(void **state)
{
	struct mosquitto c = {.id = "c1", .name = "scada", .version = 5};
	struct kit k;

	begin(&k);
	assert_true(asks(&c, MOSQ_ACL_WRITE, "b/x", false));
	assert_int_equal(truncate(k.path, 40), 0);
	host.reload(MOSQ_EVT_RELOAD, NULL, host.userdata);
	assert_false(asks(&c, MOSQ_ACL_WRITE, "b/x", false));
	assert_false(asks(&c, MOSQ_ACL_READ, "dev/scada/x", false));
	hf_policy_free(put_policy(&k, NGRANTS));
	host.reload(MOSQ_EVT_RELOAD, NULL, host.userdata);
	assert_true(asks(&c, MOSQ_ACL_WRITE, "b/x", false));
	end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		answers_of_the_plugin_are_the_functions_and_refusals_add_up),
	    cmocka_unit_test(
		full_wire_never_blocks_and_what_is_lost_is_told_later),
	    cmocka_unit_test(
		retained_message_is_cleared_when_the_right_to_write_it_is_gone),
	    cmocka_unit_test(policy_that_cannot_be_read_denies_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
