/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin.c - holdfast-policy.so: mosquitto 2.0.11 asks it before each write,
 * each delivery and each subscription; the answer is hf_policy_decide()'s.
 *
 * mosquitto loads it once for each listener (per_listener_settings), with
 *    policy    file of the packed policy; read again at SIGHUP. One that cannot
 *              be read at the start ends the broker, later it denies all.
 *    listener  HF_POLICY_CORE, HF_POLICY_EDGE or the port
 *    wire, zone  inherited end of the wire to audit, and its zone; without it
 *              refusals are not told
 * ACL_CHECK is asked for wills, too. Topics below $SYS and $share that clients
 * publish are refused by mosquitto itself before anybody is asked.
 *
 * Single thread, and never blocks: a refusal is sent with MSG_DONTWAIT. The
 * same refusal again within a second is counted, and told when the second is
 * over with the next question at any listener (mosquitto 2.0.11 calls no TICK
 * while settings are per listener). At most BUDGET messages a second leave a
 * listener. What no message stands for is `lost` in the next one, so the sums
 * are right whatever the flood.
 *
 * Retained messages. mosquitto asks on each delivery whether the sender may
 * still write (check_retain_source): a client without protocol version is that
 * question. A retained message whose sender lost the right, or that nobody may
 * write any more, is not shown, and cleared.
 */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bus/denied.h"
#include "model/policy.h"

#define NSEEN 64	 /* refusals that are told apart, a power of 2 */
#define BUDGET 200	 /* messages a second */
#define PAUSE_MS 1000	 /* between two messages of the same refusal */
#define MESSAGE_MAX 1024 /* HF_MSG_HEAD + HF_DENIED_MAX and some */

#pragma GCC visibility push(default)
int mosquitto_plugin_version(int n, const int *versions);
int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **userdata,
    struct mosquitto_opt *options, int noption);
int mosquitto_plugin_cleanup(
    void *userdata, struct mosquitto_opt *options, int noption);
#pragma GCC visibility pop

struct seen {
	uint64_t key; /* 0 = empty */
	int64_t told_ms;
	struct hf_denied d; /* d.count: not yet told */
};

struct plugin { /* of one listener */
	struct plugin *next;
	mosquitto_plugin_id_t *id;
	struct hf_policy *policy; /* NULL: deny all */
	char *path;
	uint16_t listener;
	uint8_t zone;
	int fd; /* -1 = none */
	uint32_t lost, budget;
	int64_t second_ms;
	struct seen seen[NSEEN];
	size_t last; /* slot that was told last */
};

/* All listeners: a question to one also tells what waits at the others. */
static struct plugin *all;

static int64_t
now_ms(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the policy */

static struct hf_policy *
read_policy(const char *path)
{
	struct hf_policy *p = NULL;
	struct hf_err err = {0};
	uint8_t *bytes = NULL;
	struct stat st;
	size_t n = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > HF_POLICY_BYTES ||
	    (bytes = malloc((size_t)st.st_size + 1)) == NULL) {
		mosquitto_log_printf(
		    MOSQ_LOG_ERR, "%s: %s", path, strerror(errno));
		goto out;
	}
	do {
		got = read(fd, bytes + n, (size_t)st.st_size - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n < (size_t)st.st_size);
	if (hf_policy_unpack(bytes, n, &p, &err) != HF_OK)
		mosquitto_log_printf(MOSQ_LOG_ERR, "%s: %s", path, err.msg);
out:
	free(bytes);
	if (fd >= 0)
		close(fd);
	return p;
}

static int
on_reload(int event, void *event_data, void *userdata)
{
	struct plugin *g = userdata;

	hf_policy_free(g->policy);
	g->policy = read_policy(g->path);
	if (g->policy == NULL)
		mosquitto_log_printf(MOSQ_LOG_ERR,
		    "listener %u: no policy, everything is denied",
		    g->listener);
	return MOSQ_ERR_SUCCESS;
}

/* ---- refusals are told */

static uint64_t
fnv(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return (h ^ 0xff) * UINT64_C(1099511628211);
}

/* d->count is told, or counted as lost. */
static void
tell(struct plugin *g, struct seen *s, int64_t at_ms)
{
	struct hf_buf b;
	ssize_t n = -1;

	s->d.lost = g->lost;
	if (g->budget > 0) {
		g->budget--;
		hf_buf_init(&b, MESSAGE_MAX);
		hf_denied_encode(&s->d, g->zone, &b);
		if (hf_buf_ok(&b))
			n = send(
			    g->fd, b.p, b.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		hf_buf_fini(&b);
	}
	if (n < 0) {
		g->lost += s->d.count;
	} else {
		g->lost = 0;
		s->told_ms = at_ms;
		g->last = (size_t)(s - g->seen);
	}
	s->d.count = 0;
}

static void
set_text(char *dst, size_t cap, const char *src)
{
	snprintf(dst, cap, "%s", src != NULL ? src : "");
}

static void
new_second(struct plugin *g, int64_t at_ms)
{
	if (at_ms - g->second_ms < 1000)
		return;
	g->second_ms = at_ms;
	g->budget = BUDGET;
}

static void
refusal(struct plugin *g, const struct mosquitto_evt_acl_check *ed,
    const char *name, enum hf_policy_action action, enum hf_policy_rule rule)
{
	int64_t at_ms = now_ms();
	const char *client = mosquitto_client_id(ed->client);
	uint64_t key;
	struct seen *s;

	if (g->fd < 0)
		return;
	new_second(g, at_ms);
	key = fnv(UINT64_C(14695981039346656037) + action, ed->topic);
	key = fnv(key, name != NULL ? name : "");
	key = fnv(key, client != NULL ? client : "") | 1;
	s = &g->seen[(key >> 8) % NSEEN];
	if (s->key == key && at_ms - s->told_ms < PAUSE_MS) {
		s->d.count++;
		return;
	}
	if (s->key != key) {
		if (s->d.count > 0)
			tell(g, s, at_ms);
		*s = (struct seen){.key = key,
		    .d = {.listener = g->listener,
			.action = (uint8_t)action,
			.rule = (uint8_t)rule}};
		set_text(s->d.name, sizeof(s->d.name), name);
		set_text(s->d.client, sizeof(s->d.client), client);
		set_text(s->d.address, sizeof(s->d.address),
		    mosquitto_client_address(ed->client));
		set_text(s->d.topic, sizeof(s->d.topic), ed->topic);
	}
	s->d.count++;
	tell(g, s, at_ms);
}

/* What waits at any listener. */
static void
sweep(int64_t at_ms)
{
	struct plugin *g;
	size_t i;

	for (g = all; g != NULL; g = g->next) {
		if (at_ms - g->second_ms < 1000)
			continue;
		new_second(g, at_ms);
		for (i = 0; i < NSEEN; i++)
			if (g->seen[i].d.count > 0)
				tell(g, &g->seen[i], at_ms);
		if (g->lost > 0)
			tell(g, &g->seen[g->last], at_ms);
	}
}

/* mosquitto queues it and does it in its loop, so this is safe while it walks
 * over its retained messages. */
static void
purge(const char *topic)
{
	(void)mosquitto_broker_publish_copy(
	    NULL, topic, 0, NULL, 0, true, NULL);
}

/* ---- the question */

static bool
action_of(int access, enum hf_policy_action *out)
{
	*out = access == MOSQ_ACL_WRITE	 ? HF_POLICY_WRITE
	       : access == MOSQ_ACL_READ ? HF_POLICY_READ
					 : HF_POLICY_SUBSCRIBE;
	return access == MOSQ_ACL_WRITE || access == MOSQ_ACL_READ ||
	       access == MOSQ_ACL_SUBSCRIBE;
}

static int
on_acl(int event, void *event_data, void *userdata)
{
	struct mosquitto_evt_acl_check *ed = event_data;
	struct plugin *g = userdata;
	struct hf_policy_who who = {.listener = g->listener};
	struct hf_policy_answer a = {.rule = HF_PR_LISTENER};
	enum hf_policy_action action;
	bool is_source;

	sweep(now_ms());
	if (!action_of(ed->access, &action)) /* UNSUBSCRIBE */
		return MOSQ_ERR_SUCCESS;
	if (g->policy != NULL) {
		if (hf_policy_is_named(g->policy, g->listener))
			who.name = mosquitto_client_username(ed->client);
		a = hf_policy_decide(g->policy, &who, action, ed->topic);
	}
	is_source = action == HF_POLICY_WRITE && ed->retain &&
		    mosquitto_client_protocol_version(ed->client) == 0;
	if (!a.is_allowed) {
		if (is_source)
			purge(ed->topic);
		else
			refusal(g, ed, who.name, action, a.rule);
		return MOSQ_ERR_ACL_DENIED;
	}
	/* an empty one is what clears it */
	if (action == HF_POLICY_READ && ed->retain && ed->payloadlen > 0 &&
	    !hf_policy_has_writer(g->policy, ed->topic)) {
		purge(ed->topic);
		return MOSQ_ERR_ACL_DENIED;
	}
	return MOSQ_ERR_SUCCESS;
}

/* ---- mosquitto's way in */

int
mosquitto_plugin_version(int n, const int *versions)
{
	int i;

	for (i = 0; i < n; i++)
		if (versions[i] == MOSQ_PLUGIN_VERSION)
			return MOSQ_PLUGIN_VERSION;
	return -1;
}

static void
take_option(struct plugin *g, const char *key, const char *value)
{
	long v = strtol(value, NULL, 10);

	if (strcmp(key, "policy") == 0 && g->path == NULL)
		g->path = strdup(value);
	else if (strcmp(key, "listener") == 0)
		g->listener = (uint16_t)v;
	else if (strcmp(key, "zone") == 0)
		g->zone = (uint8_t)v;
	else if (strcmp(key, "wire") == 0)
		g->fd = (int)v;
}

static bool
is_wire(int fd)
{
	socklen_t n = sizeof(int);
	int type = 0;

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
	       type == SOCK_SEQPACKET;
}

static void
free_plugin(struct plugin *g)
{
	struct plugin **at;

	for (at = &all; *at != NULL && *at != g; at = &(*at)->next)
		;
	if (*at == g)
		*at = g->next;
	hf_policy_free(g->policy);
	free(g->path);
	free(g);
}

static bool
listen_to(struct plugin *g)
{
	g->next = all;
	all = g;
	return mosquitto_callback_register(g->id, MOSQ_EVT_ACL_CHECK, on_acl,
		   NULL, g) == MOSQ_ERR_SUCCESS &&
	       mosquitto_callback_register(g->id, MOSQ_EVT_RELOAD, on_reload,
		   NULL, g) == MOSQ_ERR_SUCCESS;
}

int
mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **userdata,
    struct mosquitto_opt *options, int noption)
{
	struct plugin *g = calloc(1, sizeof(*g));
	int i;

	if (g == NULL)
		return MOSQ_ERR_NOMEM;
	g->id = id;
	g->fd = -1;
	g->budget = BUDGET;
	for (i = 0; i < noption; i++)
		take_option(g, options[i].key, options[i].value);
	if (!is_wire(g->fd))
		g->fd = -1;
	g->policy = g->path != NULL ? read_policy(g->path) : NULL;
	if (g->policy == NULL || !listen_to(g)) {
		free_plugin(g);
		return MOSQ_ERR_UNKNOWN;
	}
	*userdata = g;
	return MOSQ_ERR_SUCCESS;
}

int
mosquitto_plugin_cleanup(
    void *userdata, struct mosquitto_opt *options, int noption)
{
	struct plugin *g = userdata;

	if (g == NULL)
		return MOSQ_ERR_SUCCESS;
	mosquitto_callback_unregister(g->id, MOSQ_EVT_ACL_CHECK, on_acl, NULL);
	mosquitto_callback_unregister(g->id, MOSQ_EVT_RELOAD, on_reload, NULL);
	free_plugin(g);
	return MOSQ_ERR_SUCCESS;
}
