/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt.c - libmosquitto behind the role's loop.
 *
 * The library is used without its threads: its socket is watched by our loop,
 * mosquitto_loop_read/write/misc do the rest. Every connection is a new
 * `struct mosquitto`, so that nothing of an old one (a half-sent packet, a
 * queue, an inflight quota) can reach a new one.
 *
 *	IDLE --timer--> TRYING --CONNACK 0--> UP
 *	 ^                | refused, 10 s       | lost, keep-alive, drop
 *	 +--- back-off ---+---------------------+
 *
 * The library calls back from inside its own functions, where its object must
 * not be destroyed. So those callbacks only note what happened; flush_news()
 * tells the owner afterwards, when the library is not on the stack. Messages
 * alone are handed on at once, since they are borrowed. `depth` counts calls
 * into the library and into the owner: hf_mqtt_free() and hf_mqtt_drop() take
 * effect when it is back at 0.
 *
 * Bytes that wait: the library does not tell how many bytes are in its queue,
 * only whether it is empty. What was published since it was last empty is
 * counted; at HF_MQTT_OUT_BYTES publishing says HF_EAGAIN until it is empty
 * again. QoS 1 messages count until they are acknowledged, and there are at
 * most NUNACKED of them.
 *
 * connect() to a unix socket or a literal address does not block. In a role
 * whose system calls are confined the library does without its wake-up pair
 * (socketpair() is refused, it goes on).
 */
#include "bus/mqtt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"

#define FIRST_BACK_NS (100 * HF_NS_PER_MS)
#define MAX_BACK_NS (5 * HF_NS_PER_S)
/* Asking our own broker costs nothing, and what it shows must be whole within
 * seconds of its return, however long it was away. */
#define MAX_BACK_UNIX_NS (500 * HF_NS_PER_MS)
/* A broker that takes a connection and drops it at once is as good as none. */
#define STEADY_NS (2 * HF_NS_PER_S)
#define ANSWER_NS (10 * HF_NS_PER_S) /* from connect to CONNACK */
#define MISC_NS (1 * HF_NS_PER_S)    /* keep-alive is looked at */
#define KEEPALIVE_S 15
#define MIN_KEEPALIVE_S 5 /* the library takes no less */
#define NSUB 256	  /* subscriptions of one connection */
#define NUNACKED 1024	  /* QoS 1 messages under way */
#define NREAD 32	  /* packets read in one pass of the loop */
#define PACKET_OVER 16	  /* header, lengths, id: estimate of a packet */
#define PROP_OVER 8
#define SESSION_S 86400 /* the broker keeps a session that is away so long */

enum state { IDLE, TRYING, UP };

struct sub {
	char *filter;
	int qos;
	int mid;      /* of the SUBSCRIBE under way, 0 = none */
	bool is_news; /* answered, the owner does not know yet */
	int rc;	      /* of the answer */
};

struct unacked {
	int mid;
	size_t nbyte;
};

struct will {
	char *topic;
	void *p;
	size_t n;
	int qos;
	bool retain;
};

struct hf_mqtt {
	struct hf_loop *loop;
	struct hf_mqtt_cb cb;
	char *client_id, *unix_path, *host;
	int port, version, keepalive_s;
	bool keep_session;
	int64_t max_back_ns;
	struct ssl_ctx_st *tls; /* borrowed */
	struct will will;
	struct sub *subs; /* NSUB */
	size_t nsub;

	enum state state;
	struct mosquitto *mosq; /* NULL when IDLE */
	struct hf_watch *rd, *wr;
	struct hf_watch *timer; /* IDLE: try; else: look after it */
	int64_t answer_by_ns;	/* monotonic, TRYING */
	int64_t up_ns;		/* since when it is up; 0: it is not */
	int64_t back_ns;
	char where[160]; /* for texts */

	size_t out_bytes;	 /* published since the queue was empty */
	struct unacked *unacked; /* NUNACKED, oldest first */
	size_t nunacked, unacked_bytes;
	bool is_blocked; /* somebody got HF_EAGAIN */

	/* Noted by the library's callbacks, told by flush_news(). */
	unsigned depth;
	bool is_freed, is_dropped, is_accepted, is_lost;
	char why[200];
};

static void come_back(struct hf_mqtt *m);

/* ---- what the library tells ---- */

static void
on_connect(struct mosquitto *mosq, void *arg, int rc, int flags,
    const mosquitto_property *props)
{
	struct hf_mqtt *m = arg;

	if (rc == 0) {
		m->is_accepted = true;
		return;
	}
	m->is_lost = true;
	snprintf(m->why, sizeof(m->why), "refused: %s",
	    m->version == HF_MQTT_5 ? mosquitto_reason_string(rc)
				    : mosquitto_connack_string(rc));
}

static void
on_disconnect(
    struct mosquitto *mosq, void *arg, int rc, const mosquitto_property *props)
{
	struct hf_mqtt *m = arg;

	if (m->is_lost)
		return;
	m->is_lost = true;
	if (rc == MOSQ_ERR_KEEPALIVE)
		snprintf(m->why, sizeof(m->why), "no answer for %d s",
		    m->keepalive_s);
	else
		snprintf(m->why, sizeof(m->why), "%s",
		    rc >= 0x80 ? mosquitto_reason_string(rc)
			       : mosquitto_strerror(rc));
}

static void
on_publish(struct mosquitto *mosq, void *arg, int mid, int reason,
    const mosquitto_property *props)
{
	struct hf_mqtt *m = arg;
	size_t i;

	for (i = 0; i < m->nunacked && m->unacked[i].mid != mid; i++)
		;
	if (i == m->nunacked)
		return; /* QoS 0: written, nobody acknowledges it */
	m->unacked_bytes -= m->unacked[i].nbyte;
	m->nunacked--;
	memmove(&m->unacked[i], &m->unacked[i + 1],
	    (m->nunacked - i) * sizeof(*m->unacked));
	if (reason >= 0x80)
		log_warn("mqtt", "%s: a message was refused: %s", m->where,
		    mosquitto_reason_string(reason));
}

static void
on_subscribe(struct mosquitto *mosq, void *arg, int mid, int n,
    const int *granted, const mosquitto_property *props)
{
	struct hf_mqtt *m = arg;
	size_t i;

	for (i = 0; i < m->nsub; i++) {
		if (m->subs[i].mid != mid)
			continue;
		m->subs[i].mid = 0;
		m->subs[i].is_news = true;
		m->subs[i].rc =
		    n < 1 || granted[0] >= 0x80 ? HF_EDENIED : HF_OK;
	}
}

static void
on_message(struct mosquitto *mosq, void *arg,
    const struct mosquitto_message *got, const mosquitto_property *props)
{
	struct hf_mqtt *m = arg;
	struct hf_mqtt_msg msg = {.topic = got->topic,
	    .p = got->payloadlen > 0 ? got->payload : "",
	    .n = got->payloadlen > 0 ? (size_t)got->payloadlen : 0,
	    .qos = got->qos,
	    .is_retained = got->retain};

	if (m->is_freed || m->is_dropped || m->cb.message == NULL)
		return;
	if (msg.n > HF_MQTT_PAYLOAD || strlen(msg.topic) > HF_MQTT_TOPIC) {
		log_warn("mqtt",
		    "%s: a message of %zu bytes is dropped; at "
		    "most %d are taken",
		    m->where, msg.n, HF_MQTT_PAYLOAD);
		return;
	}
	m->cb.message(m->cb.arg, &msg);
}

/* ---- the connection ---- */

static void
unwatch(struct hf_mqtt *m)
{
	hf_watch_free(m->rd);
	hf_watch_free(m->wr);
	m->rd = m->wr = NULL;
}

/* Forgets the connection: without DISCONNECT. */
static void
forget(struct hf_mqtt *m)
{
	size_t i;

	unwatch(m);
	if (m->mosq != NULL)
		mosquitto_destroy(m->mosq);
	m->mosq = NULL;
	m->state = IDLE;
	m->out_bytes = m->nunacked = m->unacked_bytes = 0;
	m->is_blocked = m->is_accepted = m->is_lost = m->is_dropped = false;
	for (i = 0; i < m->nsub; i++) {
		m->subs[i].mid = 0;
		m->subs[i].is_news = false;
	}
}

static void
really_free(struct hf_mqtt *m)
{
	size_t i;

	if (m->state == UP && !m->is_lost && !m->is_dropped)
		mosquitto_disconnect_v5(m->mosq, 0, NULL);
	forget(m);
	hf_watch_free(m->timer);
	for (i = 0; i < m->nsub; i++)
		free(m->subs[i].filter);
	free(m->subs);
	free(m->unacked);
	free(m->will.topic);
	free(m->will.p);
	free(m->client_id);
	free(m->unix_path);
	free(m->host);
	free(m);
	mosquitto_lib_cleanup();
}

/* Tells that the connection, or the try, is over, and when the next one is. */
static void
lose(struct hf_mqtt *m)
{
	char by[HF_TIME_TEXT], why[480];

	if (m->up_ns != 0 && hf_mono_ns() - m->up_ns >= STEADY_NS)
		m->back_ns = FIRST_BACK_NS;
	m->up_ns = 0;
	snprintf(why, sizeof(why), "%s: %s; next try in %s", m->where, m->why,
	    hf_dur_fmt(m->back_ns, by));
	forget(m);
	hf_timer_in(m->timer, m->back_ns);
	m->back_ns *= 2;
	if (m->back_ns > m->max_back_ns)
		m->back_ns = m->max_back_ns;
	if (m->cb.down != NULL)
		m->cb.down(m->cb.arg, why);
}

static void
send_subscribe(struct hf_mqtt *m, struct sub *s)
{
	int rc = mosquitto_subscribe_v5(
	    m->mosq, &s->mid, s->filter, s->qos, 0, NULL);

	if (rc != MOSQ_ERR_SUCCESS && !m->is_lost) {
		m->is_lost = true;
		snprintf(m->why, sizeof(m->why), "subscribing to %s: %s",
		    s->filter, mosquitto_strerror(rc));
	}
}

static void
accepted(struct hf_mqtt *m)
{
	size_t i;

	m->state = UP;
	m->up_ns = hf_mono_ns();
	for (i = 0; i < m->nsub; i++)
		send_subscribe(m, &m->subs[i]);
	if (m->cb.up != NULL)
		m->cb.up(m->cb.arg);
}

static void
tell_subscribed(struct hf_mqtt *m)
{
	size_t i;

	for (i = 0; i < m->nsub && !m->is_freed; i++) {
		if (!m->subs[i].is_news)
			continue;
		m->subs[i].is_news = false;
		if (m->cb.subscribed != NULL)
			m->cb.subscribed(
			    m->cb.arg, m->subs[i].filter, m->subs[i].rc);
	}
}

static void
tell_writable(struct hf_mqtt *m)
{
	if (m->mosq == NULL || m->is_freed || m->state != UP)
		return;
	if (!mosquitto_want_write(m->mosq))
		m->out_bytes = 0;
	if (!m->is_blocked || m->out_bytes != 0 ||
	    m->unacked_bytes > HF_MQTT_OUT_BYTES / 2 ||
	    m->nunacked > NUNACKED / 2)
		return;
	m->is_blocked = false;
	if (m->cb.writable != NULL)
		m->cb.writable(m->cb.arg);
}

/* The library is not on the stack: the owner may hear, and do, anything. */
static void
flush_news(struct hf_mqtt *m)
{
	if (m->is_accepted && !m->is_lost && !m->is_dropped) {
		m->is_accepted = false;
		accepted(m);
	}
	if (!m->is_freed)
		tell_subscribed(m);
	tell_writable(m);
	if (m->is_freed)
		return;
	if (m->is_dropped) {
		snprintf(m->why, sizeof(m->why), "closed by us");
		m->is_lost = true;
	}
	if (m->is_lost && m->mosq != NULL)
		lose(m);
	else if (m->wr != NULL)
		hf_watch_enable(m->wr, mosquitto_want_write(m->mosq));
}

static void
enter(struct hf_mqtt *m)
{
	m->depth++;
}

/* News are told by the outermost call only; m may be gone afterwards. */
static void
leave(struct hf_mqtt *m)
{
	if (m->depth == 1)
		flush_news(m);
	if (--m->depth == 0 && m->is_freed)
		really_free(m);
}

static void
note_rc(struct hf_mqtt *m, int rc)
{
	int e = errno;

	if (rc == MOSQ_ERR_SUCCESS || m->is_lost)
		return;
	m->is_lost = true;
	snprintf(m->why, sizeof(m->why), "%s",
	    rc == MOSQ_ERR_ERRNO ? strerror(e) : mosquitto_strerror(rc));
}

/* Taken off the socket by TLS, not yet read: no descriptor tells of them. */
static bool
has_tls_bytes(const struct hf_mqtt *m)
{
	SSL *ssl = m->tls == NULL ? NULL : mosquitto_ssl_get(m->mosq);

	return ssl != NULL && SSL_pending(ssl) > 0;
}

static bool
has_bytes(const struct hf_mqtt *m)
{
	int n = 0;

	return has_tls_bytes(m) ||
	       (ioctl(mosquitto_socket(m->mosq), FIONREAD, &n) == 0 && n > 0);
}

/* Up to NREAD packets (the library reads one a call, a large one in parts);
 * what is left comes in the next pass of the loop. */
static void
read_some(struct hf_mqtt *m)
{
	int i;

	for (i = 0; i < NREAD; i++) {
		note_rc(m, mosquitto_loop_read(m->mosq, 1));
		if (m->is_lost || m->is_dropped || m->is_freed)
			return;
		if (m->is_accepted || !has_bytes(m))
			return;
	}
	if (has_tls_bytes(m))
		hf_timer_in(m->timer, 0);
}

static void
readable(void *arg)
{
	struct hf_mqtt *m = arg;

	enter(m);
	read_some(m);
	leave(m);
}

static void
writable(void *arg)
{
	struct hf_mqtt *m = arg;

	enter(m);
	note_rc(m, mosquitto_loop_write(m->mosq, 1));
	leave(m);
}

static void
on_timer(void *arg)
{
	struct hf_mqtt *m = arg;

	enter(m);
	if (m->state == IDLE) {
		come_back(m);
	} else {
		hf_timer_in(m->timer, MISC_NS);
		if (has_tls_bytes(m))
			read_some(m);
		if (!m->is_lost && !m->is_dropped && !m->is_freed)
			note_rc(m, mosquitto_loop_misc(m->mosq));
		if (m->state == TRYING && hf_mono_ns() > m->answer_by_ns &&
		    !m->is_lost) {
			m->is_lost = true;
			snprintf(m->why, sizeof(m->why),
			    "connected, but no answer to CONNECT");
		}
	}
	leave(m);
}

static int
set_will(struct hf_mqtt *m)
{
	const struct will *w = &m->will;

	if (w->topic == NULL)
		return MOSQ_ERR_SUCCESS;
	return mosquitto_will_set_v5(
	    m->mosq, w->topic, (int)w->n, w->p, w->qos, w->retain, NULL);
}

static int
set_options(struct hf_mqtt *m)
{
	struct mosquitto *q = m->mosq;
	int rc;

	mosquitto_connect_v5_callback_set(q, on_connect);
	mosquitto_disconnect_v5_callback_set(q, on_disconnect);
	mosquitto_publish_v5_callback_set(q, on_publish);
	mosquitto_subscribe_v5_callback_set(q, on_subscribe);
	mosquitto_message_v5_callback_set(q, on_message);
	rc = mosquitto_int_option(q, MOSQ_OPT_PROTOCOL_VERSION, m->version);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_int_option(q, MOSQ_OPT_TCP_NODELAY, 1);
	if (rc == MOSQ_ERR_SUCCESS && m->tls != NULL)
		rc = mosquitto_void_option(q, MOSQ_OPT_SSL_CTX, m->tls);
	return rc == MOSQ_ERR_SUCCESS ? set_will(m) : rc;
}

/* MQTT 5: the broker keeps what is larger than we take to itself, and, if
 * asked, the session while we are away. */
static int
connect_props(const struct hf_mqtt *m, mosquitto_property **out)
{
	int rc;

	*out = NULL;
	if (m->version != HF_MQTT_5)
		return MOSQ_ERR_SUCCESS;
	rc = mosquitto_property_add_int32(out, MQTT_PROP_MAXIMUM_PACKET_SIZE,
	    HF_MQTT_PAYLOAD + HF_MQTT_TOPIC + PACKET_OVER);
	if (rc == MOSQ_ERR_SUCCESS && m->keep_session)
		rc = mosquitto_property_add_int32(
		    out, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_S);
	return rc;
}

/* The library connects to a path when the port is 0. Its only way to connect
 * without waiting takes no properties, but uses those that an earlier call
 * left: one with a port that it refuses after having stored them. */
static int
start_connect(struct hf_mqtt *m)
{
	mosquitto_property *props;
	int rc = connect_props(m, &props);

	if (rc == MOSQ_ERR_SUCCESS && m->unix_path != NULL) {
		rc = mosquitto_connect_bind_v5(
		    m->mosq, m->unix_path, 0, m->keepalive_s, NULL, props);
	} else if (rc == MOSQ_ERR_SUCCESS) {
		if (props != NULL)
			mosquitto_connect_bind_v5(
			    m->mosq, m->host, -1, m->keepalive_s, NULL, props);
		rc = mosquitto_connect_async(
		    m->mosq, m->host, m->port, m->keepalive_s);
	}
	mosquitto_property_free_all(&props);
	return rc == MOSQ_ERR_CONN_PENDING ? MOSQ_ERR_SUCCESS : rc;
}

static void
come_back(struct hf_mqtt *m)
{
	int rc;

	if (m->cb.connecting != NULL)
		m->cb.connecting(m->cb.arg);
	if (m->is_freed)
		return;
	m->mosq = mosquitto_new(m->client_id, !m->keep_session, m);
	m->state = TRYING;
	m->answer_by_ns = hf_mono_ns() + ANSWER_NS;
	rc = m->mosq == NULL ? MOSQ_ERR_NOMEM : set_options(m);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = start_connect(m);
	note_rc(m, rc);
	if (m->is_lost) {
		lose(m);
		return;
	}
	m->rd = hf_loop_read(m->loop, mosquitto_socket(m->mosq), readable, m);
	m->wr = hf_loop_write(m->loop, mosquitto_socket(m->mosq), writable, m);
	if (m->rd == NULL || m->wr == NULL)
		note_rc(m, MOSQ_ERR_NOMEM);
	hf_timer_in(m->timer, MISC_NS);
}

/* ---- the owner's side ---- */

static int
check_conf(const struct hf_mqtt_conf *c, struct hf_err *err)
{
	uint8_t addr[16];

	if (c->client_id == NULL || c->client_id[0] == '\0')
		return HF_FAIL(err, HF_EINVAL, "MQTT: no client id");
	if (c->version != HF_MQTT_311 && c->version != HF_MQTT_5)
		return HF_FAIL(
		    err, HF_EINVAL, "MQTT: version %d, not 4 or 5", c->version);
	if (c->unix_path != NULL) {
		if (strlen(c->unix_path) >=
		    sizeof(((struct sockaddr_un *)0)->sun_path))
			return HF_FAIL(err, HF_EINVAL,
			    "MQTT: %s is too long for a socket", c->unix_path);
		return HF_OK;
	}
	if (c->host == NULL || (inet_pton(AF_INET, c->host, addr) != 1 &&
				   inet_pton(AF_INET6, c->host, addr) != 1))
		return HF_FAIL(err, HF_EINVAL,
		    "MQTT: %s is no literal address; names are not resolved",
		    c->host == NULL ? "(none)" : c->host);
	if (c->port < 1 || c->port > UINT16_MAX)
		return HF_FAIL(err, HF_EINVAL, "MQTT: port %d", c->port);
	return HF_OK;
}

static char *
dup_or_null(const char *s)
{
	return s == NULL ? NULL : strdup(s);
}

/* NULL without memory or randomness. */
static char *
make_id(const struct hf_mqtt_conf *c)
{
	uint64_t salt;
	char *id = NULL;

	if (c->unix_path == NULL || c->keep_session)
		return dup_or_null(c->client_id);
	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt) ||
	    asprintf(&id, "%s-%016" PRIx64, c->client_id, salt) < 0)
		return NULL;
	return id;
}

static void
set_conf(struct hf_mqtt *m, const struct hf_mqtt_conf *c)
{
	m->client_id = make_id(c);
	m->unix_path = dup_or_null(c->unix_path);
	m->host = dup_or_null(c->host);
	m->port = c->port;
	m->version = c->version;
	m->keepalive_s = c->keepalive_s == 0 ? KEEPALIVE_S : c->keepalive_s;
	if (m->keepalive_s < MIN_KEEPALIVE_S)
		m->keepalive_s = MIN_KEEPALIVE_S;
	m->keep_session = c->keep_session;
	m->max_back_ns = c->max_back_ns > 0	? c->max_back_ns
			 : c->unix_path != NULL ? MAX_BACK_UNIX_NS
						: MAX_BACK_NS;
	m->tls = c->tls;
	m->back_ns = FIRST_BACK_NS;
	if (c->unix_path != NULL)
		hf_strcpy(m->where, sizeof(m->where), c->unix_path);
	else
		snprintf(m->where, sizeof(m->where), "%s:%d", c->host, c->port);
}

int
hf_mqtt_new(struct hf_loop *loop, const struct hf_mqtt_conf *conf,
    const struct hf_mqtt_cb *cb, struct hf_mqtt **out, struct hf_err *err)
{
	struct hf_mqtt *m;
	int rc = check_conf(conf, err);

	if (rc != HF_OK)
		return rc;
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return HF_FAIL(err, HF_ENOMEM, "MQTT client");
	mosquitto_lib_init(); /* counted by the library */
	m->loop = loop;
	m->cb = *cb;
	m->subs = calloc(NSUB, sizeof(*m->subs));
	m->unacked = calloc(NUNACKED, sizeof(*m->unacked));
	m->timer = hf_loop_timer(loop, on_timer, m);
	set_conf(m, conf);
	if (m->subs == NULL || m->unacked == NULL || m->timer == NULL ||
	    m->client_id == NULL || (m->unix_path == NULL && m->host == NULL)) {
		really_free(m);
		return HF_FAIL(err, HF_ENOMEM, "MQTT client");
	}
	hf_timer_in(m->timer, 0);
	*out = m;
	return HF_OK;
}

void
hf_mqtt_free(struct hf_mqtt *m)
{
	if (m == NULL || m->is_freed)
		return;
	if (m->depth == 0) {
		really_free(m);
		return;
	}
	m->is_freed = true; /* leave() does it */
}

void
hf_mqtt_drop(struct hf_mqtt *m)
{
	if (m->state == IDLE)
		return;
	enter(m);
	m->is_dropped = true;
	leave(m);
}

bool
hf_mqtt_is_up(const struct hf_mqtt *m)
{
	return m->state == UP && !m->is_lost && !m->is_dropped && !m->is_freed;
}

int
hf_mqtt_will(struct hf_mqtt *m, const char *topic, const void *p, size_t n,
    int qos, bool retain, struct hf_err *err)
{
	struct will w = {.n = n, .qos = qos, .retain = retain};

	if (topic != NULL) {
		if (n > HF_MQTT_PAYLOAD || strlen(topic) > HF_MQTT_TOPIC ||
		    mosquitto_pub_topic_check(topic) != MOSQ_ERR_SUCCESS)
			return HF_FAIL(err, HF_EINVAL,
			    "will on \"%s\", %zu "
			    "bytes",
			    topic, n);
		w.topic = strdup(topic);
		w.p = malloc(n + 1);
		if (w.topic == NULL || w.p == NULL) {
			free(w.topic);
			free(w.p);
			return HF_FAIL(err, HF_ENOMEM, "will");
		}
		memcpy(w.p, n > 0 ? p : "", n);
	}
	free(m->will.topic);
	free(m->will.p);
	m->will = w;
	return HF_OK;
}

int
hf_mqtt_subscribe(
    struct hf_mqtt *m, const char *filter, int qos, struct hf_err *err)
{
	struct sub *s;
	size_t i;

	if (!hf_filter_ok(filter))
		return HF_FAIL(
		    err, HF_EINVAL, "\"%s\" is no MQTT topic filter", filter);
	for (i = 0; i < m->nsub; i++)
		if (strcmp(m->subs[i].filter, filter) == 0)
			break;
	if (i == NSUB)
		return HF_FAIL(err, HF_ELIMIT,
		    "more than %d subscriptions; use a wildcard", NSUB);
	s = &m->subs[i];
	if (i == m->nsub) {
		s->filter = strdup(filter);
		if (s->filter == NULL)
			return HF_FAIL(err, HF_ENOMEM, "subscription");
		m->nsub++;
	}
	s->qos = qos;
	if (!hf_mqtt_is_up(m))
		return HF_OK;
	send_subscribe(m, s);
	hf_watch_enable(m->wr, true); /* leave() and writable() look after it */
	return HF_OK;
}

static int
user_props(const char *const *pairs, mosquitto_property **out)
{
	int rc = MOSQ_ERR_SUCCESS;
	size_t i;

	for (i = 0; pairs[i] != NULL && rc == MOSQ_ERR_SUCCESS; i += 2)
		rc = mosquitto_property_add_string_pair(
		    out, MQTT_PROP_USER_PROPERTY, pairs[i], pairs[i + 1]);
	return rc;
}

static size_t
packet_bytes(const char *topic, size_t n, const char *const *props)
{
	size_t i, sum = PACKET_OVER + strlen(topic) + n;

	for (i = 0; props != NULL && props[i] != NULL; i++)
		sum += strlen(props[i]) + PROP_OVER;
	return sum;
}

/* Would it be more than may wait? One message alone always may. */
static bool
is_full(const struct hf_mqtt *m, size_t nbyte)
{
	size_t has = m->out_bytes + m->unacked_bytes;

	return m->nunacked == NUNACKED ||
	       (has > 0 && has + nbyte > HF_MQTT_OUT_BYTES);
}

static int
check_publish(
    const struct hf_mqtt *m, const char *topic, size_t n, struct hf_err *err)
{
	if (strlen(topic) > HF_MQTT_TOPIC || topic[0] == '\0' ||
	    mosquitto_pub_topic_check(topic) != MOSQ_ERR_SUCCESS)
		return HF_FAIL(
		    err, HF_EINVAL, "\"%.100s\" is no MQTT topic", topic);
	if (n > HF_MQTT_PAYLOAD)
		return HF_FAIL(err, HF_EINVAL,
		    "%s: payload of %zu bytes, at "
		    "most %d",
		    topic, n, HF_MQTT_PAYLOAD);
	if (!hf_mqtt_is_up(m))
		return HF_FAIL(err, HF_ECLOSED, "%s: not connected", m->where);
	return HF_OK;
}

static int
published(struct hf_mqtt *m, int rc, const char *topic, struct hf_err *err)
{
	if (rc == MOSQ_ERR_OVERSIZE_PACKET)
		return HF_FAIL(
		    err, HF_EINVAL, "%s: larger than the broker takes", topic);
	if (rc == MOSQ_ERR_NOMEM)
		return HF_FAIL(err, HF_ENOMEM, "%s", topic);
	if (rc != MOSQ_ERR_SUCCESS) {
		/* The owner hears of it from the loop, not from in here. */
		note_rc(m, rc);
		hf_timer_in(m->timer, 0);
		return HF_FAIL(err, HF_ECLOSED, "%s: %s", m->where, m->why);
	}
	return HF_OK;
}

int
hf_mqtt_publish(struct hf_mqtt *m, const char *topic, const void *p, size_t n,
    int qos, bool retain, const char *const *props, struct hf_err *err)
{
	const char *const *pairs = m->version == HF_MQTT_5 ? props : NULL;
	mosquitto_property *list = NULL;
	size_t nbyte = packet_bytes(topic, n, pairs);
	int rc = check_publish(m, topic, n, err), mid = 0;

	if (rc != HF_OK)
		return rc;
	if (is_full(m, nbyte)) {
		m->is_blocked = true;
		return HF_FAIL(err, HF_EAGAIN, "%s: %zu bytes wait", m->where,
		    m->out_bytes + m->unacked_bytes);
	}
	rc = pairs == NULL ? MOSQ_ERR_SUCCESS : user_props(pairs, &list);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_publish_v5(
		    m->mosq, &mid, topic, (int)n, p, qos, retain, list);
	mosquitto_property_free_all(&list);
	rc = published(m, rc, topic, err);
	if (rc != HF_OK)
		return rc;
	if (qos > 0) {
		m->unacked[m->nunacked++] = (struct unacked){mid, nbyte};
		m->unacked_bytes += nbyte;
	}
	if (!mosquitto_want_write(m->mosq)) {
		m->out_bytes = 0;
		return HF_OK;
	}
	m->out_bytes += qos > 0 ? 0 : nbyte;
	hf_watch_enable(m->wr, true);
	return HF_OK;
}

size_t
hf_mqtt_unacked(const struct hf_mqtt *m)
{
	return m->nunacked;
}
