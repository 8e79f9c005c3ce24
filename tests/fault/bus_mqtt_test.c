/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_mqtt_test.c - our MQTT client against a real broker that is killed,
 * stopped, and that refuses. Waiting is by running the loop until what must
 * come has come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <mosquitto.h>

#include "base/time.h"
#include "bus/mqtt.h"
#include "mqtt_broker.h"

#define WAIT_NS (30 * HF_NS_PER_S) /* for what must come */
#define NGOT 20000

struct peer { /* one connection and what it was told */
	struct hf_mqtt *m;
	int nup, ndown, nconnecting, nwritable, nsubscribed, sub_rc;
	size_t nmsg, nretained;
	char why[512];
	char topic[HF_MQTT_TOPIC + 1], text[256];
	size_t last_n;
	uint8_t *got; /* NGOT: payload of topic n/<number> came so often */
	bool frees_in_down, drops_in_message, frees_in_up;
};

struct world {
	struct broker b;
	struct hf_loop *loop;
	struct peer a, z; /* a publishes, z subscribes */
};

static void
on_connecting(void *arg)
{
	((struct peer *)arg)->nconnecting++;
}

static void
on_up(void *arg)
{
	struct peer *p = arg;

	p->nup++;
	if (p->frees_in_up) {
		hf_mqtt_free(p->m);
		p->m = NULL;
	}
}

static void
on_down(void *arg, const char *why)
{
	struct peer *p = arg;

	p->ndown++;
	snprintf(p->why, sizeof(p->why), "%s", why);
	if (p->frees_in_down) {
		hf_mqtt_free(p->m);
		p->m = NULL;
	}
}

static void
on_message(void *arg, const struct hf_mqtt_msg *m)
{
	struct peer *p = arg;
	unsigned i;

	p->nmsg++;
	p->nretained += m->is_retained;
	p->last_n = m->n;
	snprintf(p->topic, sizeof(p->topic), "%s", m->topic);
	snprintf(
	    p->text, sizeof(p->text), "%.*s", (int)m->n, (const char *)m->p);
	if (sscanf(m->topic, "n/%u", &i) == 1 && i < NGOT)
		p->got[i]++;
	if (p->drops_in_message)
		hf_mqtt_drop(p->m);
}

static void
on_writable(void *arg)
{
	((struct peer *)arg)->nwritable++;
}

static void
on_subscribed(void *arg, const char *filter, int rc)
{
	struct peer *p = arg;

	p->nsubscribed++;
	p->sub_rc = rc;
}

static void
open_peer(
    struct world *w, struct peer *p, const char *id, int version, bool is_tcp)
{
	struct hf_mqtt_conf conf = {.client_id = id,
	    .unix_path = is_tcp ? NULL : w->b.path,
	    .host = is_tcp ? "127.0.0.1" : NULL,
	    .port = w->b.port,
	    .version = version,
	    .max_back_ns = 200 * HF_NS_PER_MS};
	struct hf_mqtt_cb cb = {.arg = p,
	    .connecting = on_connecting,
	    .up = on_up,
	    .down = on_down,
	    .message = on_message,
	    .writable = on_writable,
	    .subscribed = on_subscribed};
	struct hf_err err = {0};

	assert_int_equal(hf_mqtt_new(w->loop, &conf, &cb, &p->m, &err), HF_OK);
}

#define UNTIL(w, cond)                                 \
	do {                                           \
		int64_t end_ = hf_mono_ns() + WAIT_NS; \
		while (!(cond) && hf_mono_ns() < end_) \
			hf_loop_once((w)->loop, 20);   \
		assert_true(cond);                     \
	} while (0)

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!broker_is_installed())
		return -1;
	w->a.got = calloc(NGOT, 1);
	w->z.got = calloc(NGOT, 1);
	broker_new(&w->b, true);
	w->loop = hf_loop_new();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	hf_mqtt_free(w->a.m);
	hf_mqtt_free(w->z.m);
	hf_loop_free(w->loop);
	broker_free(&w->b);
	free(w->a.got);
	free(w->z.got);
	free(w);
	return 0;
}

static void
pub(struct peer *p, const char *topic, const char *text, int qos, bool retain)
{
	struct hf_err err = {0};

	assert_int_equal(hf_mqtt_publish(p->m, topic, text, strlen(text), qos,
			     retain, NULL, &err),
	    HF_OK);
}

static void
both_up(struct world *w, int version, bool is_tcp, const char *filter)
{
	open_peer(w, &w->a, "a", version, is_tcp);
	open_peer(w, &w->z, "z", version, is_tcp);
	assert_int_equal(hf_mqtt_subscribe(w->z.m, filter, 1, NULL), HF_OK);
	UNTIL(w, w->a.nup == 1 && w->z.nsubscribed == 1);
	assert_int_equal(w->z.sub_rc, HF_OK);
}

static void
talk(struct world *w, int version, bool is_tcp)
{
	static const char *const props[] = {"src", "press7", "seq", "1", NULL};

	both_up(w, version, is_tcp, "t/#");
	assert_true(hf_mqtt_is_up(w->a.m));
	pub(&w->a, "t/one", "1", 0, false);
	assert_int_equal(
	    hf_mqtt_publish(w->a.m, "t/two", "22", 2, 1, true, props, NULL),
	    HF_OK);
	assert_int_equal(hf_mqtt_unacked(w->a.m), 1);
	UNTIL(w, w->z.nmsg == 2 && hf_mqtt_unacked(w->a.m) == 0);
	assert_string_equal(w->z.topic, "t/two");
	assert_string_equal(w->z.text, "22");
	assert_int_equal(w->z.nretained, 0);
}

static void
talks_mqtt_5_on_a_unix_socket(void **state)
{
	talk(*state, HF_MQTT_5, false);
}

static void
talks_mqtt_5_over_tcp(void **state)
{
	talk(*state, HF_MQTT_5, true);
}

static void
talks_mqtt_311_on_a_unix_socket(void **state)
{
	talk(*state, HF_MQTT_311, false);
}

static void
talks_mqtt_311_over_tcp(void **state)
{
	talk(*state, HF_MQTT_311, true);
}

static void
comes_back_and_subscribes_again_after_the_broker_was_killed(void **state)
{
	struct world *w = *state;
	int i;

	both_up(w, HF_MQTT_5, false, "t");
	for (i = 1; i <= 3; i++) {
		broker_kill(&w->b);
		UNTIL(w, !hf_mqtt_is_up(w->a.m) && !hf_mqtt_is_up(w->z.m));
		assert_int_equal(
		    hf_mqtt_publish(w->a.m, "t", "x", 1, 0, false, NULL, NULL),
		    HF_ECLOSED);
		UNTIL(w, w->a.ndown > i * 2); /* tries that fail are told too */
		assert_non_null(strstr(w->a.why, "next try in"));
		broker_start(&w->b);
		UNTIL(w, w->a.nup == i + 1 && w->z.nsubscribed == i + 1);
		pub(&w->a, "t", "back", 0, false);
		UNTIL(w, w->z.nmsg == (size_t)i);
	}
	assert_true(w->a.nconnecting >= w->a.nup);
}

static void
will_is_sent_when_dropped_and_not_when_freed(void **state)
{
	struct world *w = *state;

	open_peer(w, &w->z, "z", HF_MQTT_5, false);
	hf_mqtt_subscribe(w->z.m, "will", 1, NULL);
	open_peer(w, &w->a, "a", HF_MQTT_5, false);
	assert_int_equal(
	    hf_mqtt_will(w->a.m, "will", "dead", 4, 1, false, NULL), HF_OK);
	UNTIL(w, w->a.nup == 1 && w->z.nsubscribed == 1);
	hf_mqtt_drop(w->a.m);
	assert_int_equal(w->a.ndown, 1);
	UNTIL(w, w->z.nmsg == 1);
	assert_string_equal(w->z.text, "dead");
	UNTIL(w, w->a.nup == 2); /* a drop is not the end */
	hf_mqtt_free(w->a.m);
	w->a.m = NULL;
	open_peer(w, &w->a, "b", HF_MQTT_5, false);
	UNTIL(w, w->a.nup == 3);
	pub(&w->a, "will", "none came before", 0, false);
	UNTIL(w, w->z.nmsg == 2);
	assert_string_equal(w->z.text, "none came before");
}

/* What was accepted arrives, once; what was not was refused with a code. */
static void
stopped_broker_gives_eagain_and_loses_nothing_silently(void **state)
{
	struct world *w = *state;
	char payload[200], topic[32];
	bool *is_taken = calloc(NGOT, sizeof(*is_taken));
	size_t i, nrefused = 0, ntaken = 0;
	int rc;

	memset(payload, 'x', sizeof(payload));
	both_up(w, HF_MQTT_5, false, "n/#");
	kill(w->b.pid, SIGSTOP);
	for (i = 0; i < NGOT; i++) {
		snprintf(topic, sizeof(topic), "n/%zu", i);
		rc = hf_mqtt_publish(w->a.m, topic, payload, sizeof(payload), 0,
		    false, NULL, NULL);
		assert_true(rc == HF_OK || rc == HF_EAGAIN);
		is_taken[i] = rc == HF_OK;
		ntaken += rc == HF_OK;
		nrefused += rc == HF_EAGAIN;
	}
	assert_true(ntaken > 0 && nrefused > 0);
	hf_loop_once(w->loop, 1);
	assert_int_equal(w->a.nwritable, 0);
	kill(w->b.pid, SIGCONT);
	UNTIL(w, w->a.nwritable == 1 && w->z.nmsg >= ntaken);
	for (i = 0; i < NGOT; i++)
		assert_int_equal(w->z.got[i], is_taken[i] ? 1 : 0);
	assert_int_equal(w->a.ndown, 0);
	free(is_taken);
}

static void
unacknowledged_messages_are_bounded(void **state)
{
	struct world *w = *state;
	int n = 0, rc;

	both_up(w, HF_MQTT_5, false, "q");
	kill(w->b.pid, SIGSTOP);
	while ((rc = hf_mqtt_publish(
		    w->a.m, "q", "x", 1, 1, false, NULL, NULL)) == HF_OK)
		n++;
	assert_int_equal(rc, HF_EAGAIN);
	assert_int_equal(hf_mqtt_unacked(w->a.m), n);
	kill(w->b.pid, SIGCONT);
	UNTIL(w, w->z.nmsg == (size_t)n && hf_mqtt_unacked(w->a.m) == 0);
	assert_int_equal(w->a.nwritable, 1);
}

static void
broker_that_accepts_and_says_nothing_is_left(void **state)
{
	struct world *w = *state;

	kill(w->b.pid, SIGSTOP);
	open_peer(w, &w->a, "a", HF_MQTT_5, false);
	UNTIL(w, w->a.ndown == 1);
	assert_int_equal(w->a.nup, 0);
	assert_non_null(strstr(w->a.why, "no answer to CONNECT"));
	kill(w->b.pid, SIGCONT);
	UNTIL(w, w->a.nup == 1);
}

/* Whom the broker's own plugin lets subscribe to free/# and nothing else (a
 * plain acl_file does not look at subscriptions). */
static void
use_policy(struct world *w)
{
	static const char rules[] =
	    "{\"defaultACLAccess\":{\"publishClientSend\":true,"
	    "\"publishClientReceive\":true,\"subscribe\":false,"
	    "\"unsubscribe\":true},\"anonymousGroup\":\"all\","
	    "\"groups\":[{\"groupname\":\"all\",\"roles\":[{"
	    "\"rolename\":\"r\"}]}],\"roles\":[{\"rolename\":\"r\","
	    "\"acls\":[{\"acltype\":\"subscribePattern\","
	    "\"topic\":\"free/#\",\"allow\":true}]}]}";
	char file[96];
	FILE *f;

	broker_kill(&w->b);
	snprintf(file, sizeof(file), "%s/acl", w->b.dir);
	f = fopen(file, "w");
	assert_non_null(f);
	fputs(rules, f);
	fclose(f);
	snprintf(w->b.more, sizeof(w->b.more),
	    "plugin %s\nplugin_opt_config_file %s\n", BROKER_POLICY, file);
	broker_start(&w->b);
}

static void
refused_subscription_is_told(void **state)
{
	struct world *w = *state;

	if (access(BROKER_POLICY, R_OK) != 0)
		skip();
	use_policy(w);
	open_peer(w, &w->z, "z", HF_MQTT_5, false);
	hf_mqtt_subscribe(w->z.m, "secret/#", 0, NULL);
	UNTIL(w, w->z.nsubscribed == 1);
	assert_int_equal(w->z.sub_rc, HF_EDENIED);
	hf_mqtt_subscribe(w->z.m, "free/#", 0, NULL);
	UNTIL(w, w->z.nsubscribed == 2);
	assert_int_equal(w->z.sub_rc, HF_OK);
	open_peer(w, &w->a, "a", HF_MQTT_311, false);
	hf_mqtt_subscribe(w->a.m, "secret/#", 0, NULL);
	UNTIL(w, w->a.nsubscribed == 1);
	assert_int_equal(w->a.sub_rc, HF_EDENIED);
}

static void
retained_values_are_marked_and_cleared_by_empty_ones(void **state)
{
	struct world *w = *state;

	open_peer(w, &w->a, "a", HF_MQTT_5, false);
	UNTIL(w, w->a.nup == 1);
	pub(&w->a, "r/1", "one", 1, true);
	pub(&w->a, "r/2", "two", 1, true);
	pub(&w->a, "r/1", "", 1, true);
	UNTIL(w, hf_mqtt_unacked(w->a.m) == 0);
	open_peer(w, &w->z, "z", HF_MQTT_311, false);
	hf_mqtt_subscribe(w->z.m, "#", 0, NULL);
	UNTIL(w, w->z.nretained == 1);
	assert_string_equal(w->z.topic, "r/2");
}

static void
payload_and_topic_are_bounded(void **state)
{
	struct world *w = *state;
	char *big = calloc(1, HF_MQTT_PAYLOAD + 2), topic[HF_MQTT_TOPIC + 2];
	struct mosquitto *q;

	both_up(w, HF_MQTT_5, true, "big/#");
	memset(big, 'b', HF_MQTT_PAYLOAD + 1);
	memset(topic, 't', sizeof(topic));
	topic[HF_MQTT_TOPIC + 1] = '\0';
	assert_int_equal(hf_mqtt_publish(w->a.m, "big/1", big,
			     HF_MQTT_PAYLOAD + 1, 0, false, NULL, NULL),
	    HF_EINVAL);
	assert_int_equal(
	    hf_mqtt_publish(w->a.m, topic, "", 0, 0, false, NULL, NULL),
	    HF_EINVAL);
	assert_int_equal(
	    hf_mqtt_publish(w->a.m, "a/+", "", 0, 0, false, NULL, NULL),
	    HF_EINVAL);
	assert_int_equal(hf_mqtt_publish(w->a.m, "big/2", big, HF_MQTT_PAYLOAD,
			     0, false, NULL, NULL),
	    HF_OK);
	UNTIL(w, w->z.nmsg == 1);
	assert_int_equal(w->z.last_n, HF_MQTT_PAYLOAD);
	/* Somebody else's, larger than we take: the connection stays. */
	q = mosquitto_new("q", true, NULL);
	assert_int_equal(mosquitto_connect(q, w->b.path, 0, 60), 0);
	assert_int_equal(mosquitto_publish(q, NULL, "big/3",
			     HF_MQTT_PAYLOAD + 1, big, 0, false),
	    0);
	while (mosquitto_want_write(q))
		mosquitto_loop(q, 10, 1);
	pub(&w->a, "big/4", "small", 0, false);
	UNTIL(w, strcmp(w->z.topic, "big/4") == 0);
	assert_int_equal(w->z.nmsg, 2);
	assert_int_equal(w->z.ndown, 0);
	mosquitto_destroy(q);
	free(big);
}

static void
session_is_kept_when_asked_for(void **state)
{
	struct world *w = *state;
	struct hf_mqtt_conf conf = {.client_id = "keeper",
	    .host = "127.0.0.1",
	    .port = w->b.port,
	    .version = HF_MQTT_5,
	    .keep_session = true};
	struct hf_mqtt_cb cb = {.arg = &w->z,
	    .up = on_up,
	    .message = on_message,
	    .subscribed = on_subscribed};

	assert_int_equal(
	    hf_mqtt_new(w->loop, &conf, &cb, &w->z.m, NULL), HF_OK);
	hf_mqtt_subscribe(w->z.m, "k", 1, NULL);
	UNTIL(w, w->z.nsubscribed == 1);
	hf_mqtt_free(w->z.m);
	w->z.m = NULL;
	open_peer(w, &w->a, "a", HF_MQTT_5, false);
	UNTIL(w, w->a.nup == 1);
	pub(&w->a, "k", "while away", 1, false);
	UNTIL(w, hf_mqtt_unacked(w->a.m) == 0);
	assert_int_equal(
	    hf_mqtt_new(w->loop, &conf, &cb, &w->z.m, NULL), HF_OK);
	UNTIL(w, w->z.nmsg == 1);
	assert_string_equal(w->z.text, "while away");
}

static void
may_be_freed_from_its_callbacks_and_dropped_from_a_message(void **state)
{
	struct world *w = *state;

	w->a.frees_in_up = true;
	open_peer(w, &w->a, "a", HF_MQTT_5, false);
	UNTIL(w, w->a.m == NULL);
	w->a.frees_in_up = false;
	w->a.nup = 0;
	both_up(w, HF_MQTT_5, false, "t");
	w->z.drops_in_message = true;
	pub(&w->a, "t", "x", 0, false);
	UNTIL(w, w->z.ndown == 1 && w->z.nup == 2);
	w->z.frees_in_down = true;
	broker_kill(&w->b);
	UNTIL(w, w->z.m == NULL);
}

static void
second_connection_with_the_same_id_takes_over_and_both_are_told(void **state)
{
	struct world *w = *state;

	open_peer(w, &w->a, "same", HF_MQTT_5, true);
	UNTIL(w, w->a.nup == 1);
	w->a.frees_in_down = true;
	open_peer(w, &w->z, "same", HF_MQTT_5, true);
	UNTIL(w, w->a.m == NULL && w->z.nup == 1);
	assert_int_equal(w->a.ndown, 1);
}

static void
name_on_our_own_socket_cannot_be_taken_by_a_client_that_knows_it(void **state)
{
	struct world *w = *state;

	open_peer(w, &w->a, "core", HF_MQTT_5, false);
	UNTIL(w, w->a.nup == 1);
	open_peer(w, &w->z, "core", HF_MQTT_5, true);
	UNTIL(w, w->z.nup == 1 && hf_mqtt_is_up(w->a.m));
	hf_mqtt_subscribe(w->z.m, "x", 0, NULL);
	UNTIL(w, w->z.nsubscribed == 1);
	assert_int_equal(w->a.ndown, 0);
}

static void
bad_settings_are_refused(void **state)
{
	struct world *w = *state;
	struct hf_mqtt_cb cb = {.arg = NULL};
	struct hf_mqtt_conf ok = {.client_id = "x",
	    .host = "::1",
	    .port = 8883,
	    .version = HF_MQTT_5};
	struct hf_mqtt_conf c;
	struct hf_mqtt *m;
	char longpath[200];

	memset(longpath, 'p', sizeof(longpath));
	longpath[199] = '\0';
	c = ok;
	c.client_id = "";
	assert_int_equal(hf_mqtt_new(w->loop, &c, &cb, &m, NULL), HF_EINVAL);
	c = ok;
	c.version = 3;
	assert_int_equal(hf_mqtt_new(w->loop, &c, &cb, &m, NULL), HF_EINVAL);
	c = ok;
	c.host = "broker.example";
	assert_int_equal(hf_mqtt_new(w->loop, &c, &cb, &m, NULL), HF_EINVAL);
	c = ok;
	c.port = 65536;
	assert_int_equal(hf_mqtt_new(w->loop, &c, &cb, &m, NULL), HF_EINVAL);
	c = ok;
	c.unix_path = longpath;
	assert_int_equal(hf_mqtt_new(w->loop, &c, &cb, &m, NULL), HF_EINVAL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(talks_mqtt_5_on_a_unix_socket),
	    T(talks_mqtt_5_over_tcp),
	    T(talks_mqtt_311_on_a_unix_socket),
	    T(talks_mqtt_311_over_tcp),
	    T(comes_back_and_subscribes_again_after_the_broker_was_killed),
	    T(will_is_sent_when_dropped_and_not_when_freed),
	    T(stopped_broker_gives_eagain_and_loses_nothing_silently),
	    T(unacknowledged_messages_are_bounded),
	    T(broker_that_accepts_and_says_nothing_is_left),
	    T(refused_subscription_is_told),
	    T(retained_values_are_marked_and_cleared_by_empty_ones),
	    T(payload_and_topic_are_bounded),
	    T(session_is_kept_when_asked_for),
	    T(may_be_freed_from_its_callbacks_and_dropped_from_a_message),
	    T(second_connection_with_the_same_id_takes_over_and_both_are_told),
	    T(name_on_our_own_socket_cannot_be_taken_by_a_client_that_knows_it),
	    T(bad_settings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
