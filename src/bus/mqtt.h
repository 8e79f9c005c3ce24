/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt.h - one MQTT client connection in a role's event loop, on libmosquitto.
 *
 * Core's mirror, edge's MQTT and Sparkplug drivers and the Sparkplug edge node
 * all use this one. It connects by itself, again and again (0.1 s doubling to
 * max_back_ns), never blocks, and tells what happened. Subscriptions are made
 * again after every connect. Nothing is queued while it is down: the caller
 * holds the truth and publishes again (a mirror), or keeps what it owes.
 *
 * All callbacks run in the loop. hf_mqtt_free() may be called from any of them
 * but on_message.
 */
#ifndef HF_BUS_MQTT_H
#define HF_BUS_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/loop.h"

#define HF_MQTT_TOPIC 1024	      /* bytes of a topic that we take in */
#define HF_MQTT_PAYLOAD (1 << 20)     /* bytes of a payload, in and out */
#define HF_MQTT_OUT_BYTES (256 << 10) /* unsent, then HF_EAGAIN */

struct hf_mqtt;

enum hf_mqtt_version { HF_MQTT_311 = 4, HF_MQTT_5 = 5 };

struct hf_mqtt_conf { /* strings are copied */
	/* A broker ends the old connection when a new one brings the same id,
	 * whoever it is. On a unix socket (our own broker, with foreign clients
	 * elsewhere) 16 random digits are added, except with keep_session: then
	 * the caller puts in what others cannot guess. */
	const char *client_id;
	const char *unix_path; /* of a local broker; or ... */
	const char *host;      /* ... a literal IPv4 or IPv6 address ... */
	int port;
	int version;	 /* enum hf_mqtt_version */
	int keepalive_s; /* 0 = 15 */
	bool keep_session;
	int64_t max_back_ns;	/* 0 = 5 s; 0.5 s with unix_path */
	struct ssl_ctx_st *tls; /* borrowed; NULL = plain */
};

struct hf_mqtt_msg { /* borrowed for the call */
	const char *topic;
	const void *p;
	size_t n;
	int qos;
	bool is_retained; /* an old value that the broker had kept */
};

struct hf_mqtt_cb { /* all may be NULL */
	void *arg;
	/* Before each connect: the place for hf_mqtt_will(). */
	void (*connecting)(void *arg);
	void (*up)(void *arg);
	/* why: text for people, with what will be tried next. Once for each
	 * connection that was up, and for each try that failed. */
	void (*down)(void *arg, const char *why);
	void (*message)(void *arg, const struct hf_mqtt_msg *m);
	/* There is room again after HF_EAGAIN. */
	void (*writable)(void *arg);
	/* The broker answered a subscription; rc HF_EDENIED if it refused. */
	void (*subscribed)(void *arg, const char *filter, int rc);
};

/* Starts to connect in the next pass of the loop. */
int hf_mqtt_new(struct hf_loop *loop, const struct hf_mqtt_conf *conf,
    const struct hf_mqtt_cb *cb, struct hf_mqtt **out, struct hf_err *err);
/* Sends DISCONNECT if it is up (so no will) and closes. NULL is fine. */
void hf_mqtt_free(struct hf_mqtt *m);
/* Closes without DISCONNECT, as a crash would: the broker sends the will. */
void hf_mqtt_drop(struct hf_mqtt *m);
bool hf_mqtt_is_up(const struct hf_mqtt *m);
/* Last will of the next connect; topic NULL: none. */
int hf_mqtt_will(struct hf_mqtt *m, const char *topic, const void *p, size_t n,
    int qos, bool retain, struct hf_err *err);
/* Kept and made again at every connect. */
int hf_mqtt_subscribe(
    struct hf_mqtt *m, const char *filter, int qos, struct hf_err *err);
/* HF_ECLOSED while down; HF_EAGAIN when HF_MQTT_OUT_BYTES wait for the socket
 * (nothing was queued: try again when writable() comes); HF_EINVAL for a topic
 * with wildcards or longer than HF_MQTT_TOPIC. props: MQTT 5 user properties as
 * name, value, name, value, ..., NULL; NULL = none; left out in 3.1.1. */
int hf_mqtt_publish(struct hf_mqtt *m, const char *topic, const void *p,
    size_t n, int qos, bool retain, const char *const *props,
    struct hf_err *err);
/* QoS 1 messages that the broker has not acknowledged yet. */
size_t hf_mqtt_unacked(const struct hf_mqtt *m);

/* Does an MQTT filter match a topic ($-topics not by wildcards)? */
bool hf_topic_matches(const char *filter, const char *topic);
/* A filter or a topic that MQTT allows, bounded by HF_MQTT_TOPIC. */
bool hf_filter_ok(const char *filter);

#endif
