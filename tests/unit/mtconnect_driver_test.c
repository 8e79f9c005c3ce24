/* SPDX-License-Identifier: Apache-2.0
 *
 * mtconnect_driver_test.c - the driver against a fixture agent on one loop
 * (127.0.0.1, any free port): probe, current, sample, and an agent that
 * restarts, forgets, lies, hangs or sends what is no MTConnect.
 *
 * Every wait is for a condition, with a limit that only ends a hung test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/time.h"
#include "field/mtconnect/agent.h"
#include "field/mtconnect/driver.h"
#include "model/quality.h"

#define MS HF_NS_PER_MS
#define GIVE_UP_NS (30 * HF_NS_PER_S)
#define NTAG 5
#define NKEEP 2000

enum fault {
	NONE,
	REFUSE,	 /* 503 */
	GARBAGE, /* no XML */
	DOCTYPE, /* entities */
	HTML,	 /* well-formed, but no agent */
	CUT,	 /* ends in the middle */
	HANG,	 /* no answer */
	TRICKLE, /* begins and does not end */
	DEEP,	 /* a thousand levels */
	NO_SEQUENCE
};

static struct fix {
	struct hf_loop *loop;
	struct evhttp *server;
	uint16_t port;
	struct evhttp_request *hung[32]; /* still ours */
	bool is_begun[32];
	size_t nhung;
	enum fault fault;
	uint64_t instance, first, next; /* of the agent */
	const char *more;		/* elements of the next /sample */
	char from[32];			/* as last asked */
	size_t nprobe, ncurrent, nsample;
	struct hf_counters counters;
	struct hf_driver_host host;
	struct hf_plant plant;
	struct hf_device dev;
	struct hf_mtc_conf conf;
	struct hf_tag tags[NTAG];
	struct hf_driver_dev *open;
	size_t n, nbad;
	struct {
		struct hf_sample s;
		char str[64];
	} r[NKEEP];
	char *json;
} x;

/* ---- the agent ---- */

static const char current[] =
    "<Samples><Position dataItemId='x1' name='Xpos' sequence='1' "
    "timestamp='2024-01-01T00:00:00.5Z'>12.5</Position>"
    "<SpindleSpeed dataItemId='s1' sequence='2' "
    "timestamp='2024-01-01T00:00:01Z'>UNAVAILABLE</SpindleSpeed></Samples>"
    "<Events><Execution dataItemId='e1' sequence='3' "
    "timestamp='2024-01-01T00:00:02Z'> ACTIVE </Execution></Events>"
    "<Condition><Fault dataItemId='c1' sequence='4' nativeCode='4711' "
    "timestamp='2024-01-01T00:00:03Z' type='SYSTEM'>door open</Fault>"
    "<Warning dataItemId='c2' sequence='5' "
    "timestamp='2024-01-01T00:00:03Z' type='SYSTEM'/></Condition>";

static void
streams(struct evbuffer *b, const char *elements, uint64_t next)
{
	evbuffer_add_printf(b,
	    "<?xml version='1.0'?><m:MTConnectStreams "
	    "xmlns:m='urn:mtconnect.org:MTConnectStreams:1.5'><m:Header "
	    "instanceId='%llu' %s='%llu' firstSequence='%llu' "
	    "lastSequence='%llu'/><Streams><DeviceStream name='d' uuid='u'>"
	    "<ComponentStream component='Linear' componentId='c'>%s"
	    "</ComponentStream></DeviceStream></Streams>"
	    "</m:MTConnectStreams>",
	    (unsigned long long)x.instance,
	    x.fault == NO_SEQUENCE ? "other" : "nextSequence",
	    (unsigned long long)next, (unsigned long long)x.first,
	    (unsigned long long)next - 1, elements);
}

static void
probe(struct evbuffer *b)
{
	evbuffer_add_printf(b,
	    "<MTConnectDevices><Header instanceId='%llu'/><Devices>"
	    "<Device id='d' name='d'><Components><Linear id='x' name='X'>"
	    "<DataItems><DataItem id='x1' name='Xpos' category='SAMPLE' "
	    "type='POSITION' subType='ACTUAL' units='MILLIMETER'/>"
	    "<DataItem id='e1' category='EVENT' type='EXECUTION'/>"
	    "<DataItem id='l1' name='load' category='SAMPLE' type='LOAD' "
	    "units='PERCENT'/>"
	    "</DataItems></Linear></Components></Device></Devices>"
	    "</MTConnectDevices>",
	    (unsigned long long)x.instance);
}

static int
answer_sample(struct evhttp_request *req, struct evbuffer *b)
{
	struct evkeyvalq q;
	const char *from;
	uint64_t v;

	x.nsample++;
	evhttp_parse_query_str(
	    evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req)), &q);
	from = evhttp_find_header(&q, "from");
	snprintf(x.from, sizeof(x.from), "%s", from == NULL ? "" : from);
	v = from == NULL ? 0 : strtoull(from, NULL, 10);
	evhttp_clear_headers(&q);
	if (v < x.first || v > x.next) {
		evbuffer_add_printf(b,
		    "<MTConnectError><Header instanceId='%llu'/><Errors>"
		    "<Error errorCode='OUT_OF_RANGE'>'from' must be greater "
		    "than %llu</Error></Errors></MTConnectError>",
		    (unsigned long long)x.instance,
		    (unsigned long long)x.first);
		return 404;
	}
	if (x.more != NULL)
		x.next++;
	streams(b, x.more == NULL ? "" : x.more, x.next);
	x.more = NULL;
	return 200;
}

static int
faulty(struct evbuffer *b)
{
	int i;

	switch (x.fault) {
	case GARBAGE:
		evbuffer_add_printf(b, "ready> %c%c", 1, 2);
		return 200;
	case DOCTYPE:
		evbuffer_add_printf(b, "<!DOCTYPE a [<!ENTITY e 'eeee'>"
				       "<!ENTITY f '&e;&e;&e;'>]>"
				       "<MTConnectStreams>&f;"
				       "</MTConnectStreams>");
		return 200;
	case HTML:
		evbuffer_add_printf(b, "<html><body>login</body></html>");
		return 200;
	case CUT:
		evbuffer_add_printf(b, "<MTConnectStreams><Header ");
		return 200;
	case DEEP:
		evbuffer_add_printf(b, "<MTConnectStreams>");
		for (i = 0; i < 1000; i++)
			evbuffer_add_printf(b, "<a>");
		return 200;
	default:
		return 503;
	}
}

static void
keep(struct evhttp_request *req, bool is_begun)
{
	assert_true(x.nhung < 32);
	x.is_begun[x.nhung] = is_begun;
	x.hung[x.nhung++] = req;
}

/* evhttp frees them only with their answer. */
static void
end_hung(void)
{
	while (x.nhung-- > 0)
		if (x.is_begun[x.nhung])
			evhttp_send_reply_end(x.hung[x.nhung]);
		else
			evhttp_send_error(x.hung[x.nhung], 503, NULL);
	x.nhung = 0;
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	const char *path =
	    evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	struct evbuffer *b;
	int code = 200;

	if (x.fault == HANG) {
		keep(req, false);
		return;
	}
	b = evbuffer_new();
	if (x.fault == TRICKLE) {
		evhttp_send_reply_start(req, 200, "OK");
		evbuffer_add_printf(b, "<MTConnectStreams>");
		evhttp_send_reply_chunk(req, b);
		evbuffer_free(b);
		keep(req, true);
		return;
	}
	if (x.fault != NONE && x.fault != NO_SEQUENCE) {
		code = faulty(b);
	} else if (strcmp(path, "/m/probe") == 0) {
		x.nprobe++;
		probe(b);
	} else if (strcmp(path, "/m/current") == 0) {
		x.ncurrent++;
		streams(b, current, x.next);
	} else if (strcmp(path, "/m/sample") == 0) {
		code = answer_sample(req, b);
	} else {
		code = 404;
	}
	evhttp_send_reply(req, code, "x", b);
	evbuffer_free(b);
}

static void
serve(uint16_t port)
{
	struct evhttp_bound_socket *s;
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	x.server = evhttp_new(hf_loop_base(x.loop));
	evhttp_set_gencb(x.server, on_request, NULL);
	s = evhttp_bind_socket_with_handle(x.server, "127.0.0.1", port);
	assert_non_null(s);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(s),
			     (struct sockaddr *)&a, &len),
	    0);
	x.port = ntohs(a.sin_port);
}

/* ---- the host ---- */

static int64_t
wall(void *arg)
{
	return hf_wall_ns();
}

static int64_t
mono(void *arg)
{
	return hf_mono_ns();
}

static void
readings(void *arg, uint32_t device, int64_t stamp_ns,
    const struct hf_reading *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		assert_true(r[i].is_kept);
		x.nbad += hf_is_bad(r[i].s.status);
		if (x.n < NKEEP) {
			x.r[x.n].s = r[i].s;
			if (r[i].s.vtype == HF_V_STR)
				snprintf(x.r[x.n].str, sizeof(x.r[x.n].str),
				    "%.*s", r[i].s.str_len, r[i].str);
		}
		x.n++;
	}
}

static void
parsing(void *arg, uint32_t device, const void *p, size_t n)
{
}

static void
parsed(void *arg)
{
}

static void
changed(void *arg, uint32_t device)
{
}

static void
tag(size_t i, const char *name, const char *address, int64_t type)
{
	char path[80];

	snprintf(path, sizeof(path), "mill/%s", name);
	x.tags[i] = (struct hf_tag){.device = x.dev.name,
	    .name = strdup(name),
	    .path = strdup(path),
	    .address = strdup(address),
	    .type = type,
	    .interval_ns = HF_NS_PER_S,
	    .key = hf_tag_key(path),
	    .raw_lo = NAN,
	    .raw_hi = NAN,
	    .scale_lo = NAN,
	    .scale_hi = NAN,
	    .range_lo = NAN,
	    .range_hi = NAN};
}

static int
setup(void **state)
{
	static char name[] = "mill", host[] = "127.0.0.1", path[] = "/m";

	memset(&x, 0, sizeof(x));
	x.loop = hf_loop_new();
	serve(0);
	x.instance = 100;
	x.first = 1;
	x.next = 6;
	x.conf = (struct hf_mtc_conf){.host = host,
	    .port = x.port,
	    .path = path,
	    .interval_ns = 10 * MS,
	    .count = 100,
	    .timeout_ns = 100 * MS,
	    .missed = 1};
	x.dev = (struct hf_device){.name = name,
	    .conf = &x.conf,
	    .kind = hf_mtconnect_driver.kind,
	    .load = {1, 1000, 1},
	    .ntag = NTAG};
	x.plant = (struct hf_plant){
	    .devices = &x.dev, .ndevice = 1, .tags = x.tags, .ntag = NTAG};
	tag(0, "x", "Xpos", HF_T_F64); /* by name; the others by id */
	tag(1, "speed", "s1", HF_T_F64);
	tag(2, "exec", "e1", HF_T_STR);
	tag(3, "system", "c1", HF_T_STR);
	tag(4, "warn", "c2", HF_T_I16);
	x.host = (struct hf_driver_host){.loop = x.loop,
	    .counters = &x.counters,
	    .wall_ns = wall,
	    .mono_ns = mono,
	    .readings = readings,
	    .parsing = parsing,
	    .parsed = parsed,
	    .changed = changed};
	return 0;
}

static void
close_server(void)
{
	if (x.server != NULL)
		evhttp_free(x.server);
	x.server = NULL;
}

static int
teardown(void **state)
{
	size_t i;

	hf_mtconnect_driver.close(x.open);
	hf_loop_once(x.loop, 0);
	end_hung();
	hf_loop_once(x.loop, 0);
	close_server();
	hf_loop_free(x.loop);
	for (i = 0; i < NTAG; i++) {
		free(x.tags[i].name);
		free(x.tags[i].path);
		free(x.tags[i].address);
	}
	free(x.json);
	return 0;
}

static void
start(void)
{
	struct hf_err err;

	if (hf_mtconnect_driver.open(&x.plant, 0, &x.host, &x.open, &err) !=
	    HF_OK)
		fail_msg("%s", err.msg);
}

static struct hf_driver_stats
stats(void)
{
	struct hf_driver_stats st;

	hf_mtconnect_driver.stats(x.open, &st);
	return st;
}

#define WAIT(cond)                                                            \
	do {                                                                  \
		int64_t until_ns = hf_mono_ns() + GIVE_UP_NS;                 \
		while (!(cond)) {                                             \
			if (hf_mono_ns() > until_ns)                          \
				fail_msg("waited in vain for %s (%s)", #cond, \
				    stats().text);                            \
			hf_loop_once(x.loop, 5);                              \
		}                                                             \
	} while (0)

static bool
is_at(size_t i, const char *s)
{
	int64_t t;

	return hf_time_parse(s, strlen(s), &t) && x.r[i].s.t_ns == t;
}

/* ---- tests ---- */

static void
mtconnect_current_gives_samples_events_and_conditions(void **state)
{
	start();
	WAIT(x.n == 5);
	assert_true(x.r[0].s.tag == x.tags[0].key);
	assert_true(x.r[0].s.v.f64 == 12.5);
	assert_true(is_at(0, "2024-01-01T00:00:00.5Z"));
	assert_int_equal(x.r[1].s.status, HF_BAD_NOT_CONNECTED);
	assert_string_equal(x.r[2].str, "ACTIVE");
	assert_string_equal(x.r[3].str, "Fault 4711: door open");
	assert_int_equal(x.r[4].s.v.i64, 1);
	WAIT(x.nsample >= 2);
	assert_string_equal(x.from, "6");
	assert_int_equal(stats().up, 1);
	assert_string_equal(stats().text, "");
}

static void
mtconnect_sample_follows_the_sequence(void **state)
{
	start();
	WAIT(x.nsample >= 1);
	x.more = "<Samples><Position dataItemId='x1' name='Xpos' sequence='6' "
		 "timestamp='2024-01-01T00:00:05Z'>13</Position></Samples>";
	WAIT(x.n == 6);
	assert_true(x.r[5].s.v.f64 == 13);
	WAIT(strcmp(x.from, "7") == 0);
	assert_int_equal(x.ncurrent, 1);
	assert_int_equal(x.nprobe, 1);
}

static void
mtconnect_new_instance_begins_with_probe_and_current(void **state)
{
	start();
	WAIT(x.nsample >= 1);
	x.instance = 101;
	x.next = 6;
	WAIT(x.ncurrent == 2);
	assert_int_equal(x.nprobe, 2);
	assert_int_equal(x.counters.v[HF_C_MT_RESTARTS], 1);
	assert_int_equal(x.nbad, 1); /* UNAVAILABLE; then again */
	WAIT(x.n == 10);
}

static void
mtconnect_out_of_range_marks_the_gap_and_reads_current(void **state)
{
	size_t i;

	start();
	WAIT(x.nsample >= 1);
	x.first = 50;
	x.next = 60;
	WAIT(x.ncurrent == 2);
	WAIT(x.n == 15);
	assert_int_equal(x.counters.v[HF_C_MT_GAPS], 1);
	for (i = 5; i < 10; i++) {
		assert_int_equal(x.r[i].s.status, HF_BAD_DATA_LOST);
		assert_true(is_at(i, "2024-01-01T00:00:03.000000001Z"));
	}
	/* The same old value, but known only from now on. */
	assert_true(x.r[10].s.v.f64 == 12.5);
	assert_true(x.r[10].s.t_ns == HF_TIME_NONE);
	assert_int_equal(stats().up, 1);
}

static void
mtconnect_full_answer_is_followed_at_once(void **state)
{
	x.conf.count = 1;
	x.conf.interval_ns = 3600 * HF_NS_PER_S;
	x.more = "<Samples><Position dataItemId='x1' name='Xpos' sequence='6' "
		 "timestamp='2024-01-01T00:00:05Z'>13</Position></Samples>";
	start();
	WAIT(x.n >= 5);
	hf_timer_in(x.open->timer, 0); /* the first interval is over */
	WAIT(x.nsample == 2);
	assert_string_equal(x.from, "7");
}

static void
mtconnect_value_of_another_type_is_bad(void **state)
{
	start();
	WAIT(x.nsample >= 1);
	x.more = "<Samples><Position dataItemId='x1' name='Xpos' sequence='6' "
		 "timestamp='2024-01-01T00:00:05Z'>fast</Position></Samples>";
	WAIT(x.n == 6);
	assert_int_equal(x.r[5].s.status, HF_BAD_DECODING);
	assert_int_equal(x.counters.v[HF_C_MT_VALUE], 1);
}

static void
mtconnect_data_set_is_text(void **state)
{
	start();
	WAIT(x.nsample >= 1);
	x.more = "<Events><VariableDataSet dataItemId='e1' sequence='6' "
		 "timestamp='2024-01-01T00:00:05Z'><Entry key='a'>1</Entry>"
		 "<Entry key='b'>2</Entry></VariableDataSet></Events>";
	WAIT(x.n == 6);
	assert_string_equal(x.r[5].str, "a=1 b=2");
}

/* Bad once, told why, and all is well again afterwards: every tag is good at a
 * time behind its bad mark. */
static void
heals_from(enum fault fault, const char *text)
{
	size_t n, i;

	start();
	WAIT(x.nsample >= 2);
	x.fault = fault;
	WAIT(stats().up < 0);
	assert_non_null(strstr(stats().text, text));
	WAIT(x.n == 10);
	for (i = 5; i < 10; i++)
		assert_int_equal(x.r[i].s.status, HF_BAD_NO_COMMUNICATION);
	x.fault = NONE;
	WAIT(stats().up == 1);
	n = x.ncurrent;
	assert_true(n >= 2);
	WAIT(x.n == 15);
	assert_true(x.r[10].s.t_ns == HF_TIME_NONE);
	assert_true(hf_is_good(x.r[10].s.status));
	assert_int_equal(x.nprobe, 1);
}

static void
mtconnect_refusing_agent_is_bad_once_and_heals(void **state)
{
	heals_from(REFUSE, "HTTP 503");
}

static void
mtconnect_garbage_is_refused(void **state)
{
	heals_from(GARBAGE, "no MTConnect");
}

static void
mtconnect_doctype_is_refused(void **state)
{
	heals_from(DOCTYPE, "document type");
}

static void
mtconnect_web_page_is_refused(void **state)
{
	heals_from(HTML, "<html>");
}

static void
mtconnect_cut_document_is_refused(void **state)
{
	heals_from(CUT, "no MTConnect");
}

static void
mtconnect_deep_document_is_refused(void **state)
{
	heals_from(DEEP, "levels");
}

static void
mtconnect_answer_without_sequence_is_refused(void **state)
{
	heals_from(NO_SEQUENCE, "nextSequence");
}

static void
mtconnect_agent_that_hangs_is_given_up(void **state)
{
	heals_from(HANG, "no answer in time");
}

static void
mtconnect_answer_without_end_is_given_up(void **state)
{
	heals_from(TRICKLE, "");
}

static void
mtconnect_agent_that_is_away_is_found_again(void **state)
{
	const uint16_t port = x.port;

	close_server();
	start();
	WAIT(stats().up < 0);
	WAIT(x.nbad == 5);
	serve(port);
	WAIT(stats().up == 1);
	assert_int_equal(x.nprobe, 1);
}

static void
mtconnect_tag_that_the_agent_lacks_is_told(void **state)
{
	strcpy(x.tags[1].address, "zz");
	start();
	WAIT(x.nsample >= 1);
	assert_int_equal(stats().up, 1);
	assert_non_null(strstr(stats().text, "\"zz\""));
}

static void
try_done(void *arg, int rc, const char *text, size_t n)
{
	assert_int_equal(rc, HF_OK);
	x.json = strndup(text, n);
}

static void
mtconnect_preview_lists_items_with_rows_for_the_tag_file(void **state)
{
	start();
	WAIT(x.nsample >= 1);
	hf_mtconnect_driver.try_(x.open, try_done, NULL);
	assert_non_null(
	    strstr(x.json, "\"suggest\":[\"tag,address,type,unit\",\"load,l1,"
			   "float64,PERCENT\"]"));
	assert_null(strstr(x.json, "\"Xpos,x1,")); /* has a tag */
	assert_non_null(strstr(x.json, "\"value\":\"12.5\""));
}

static void
note(void *arg, const char *what, const char *text)
{
	(*(size_t *)arg)++;
}

static void
mtconnect_options_that_cannot_work_are_refused(void **state)
{
	const struct hf_kind *k = hf_mtconnect_driver.kind;
	static char name[] = "agent.plant", path[] = "m /x";
	struct hf_mtc_conf c = x.conf;
	char why[256];
	size_t n = 0;
	double hz;

	assert_int_equal(k->check(&c, why, sizeof(why)), HF_OK);
	c.host = name;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	c = x.conf;
	c.path = path;
	assert_int_equal(k->check(&c, why, sizeof(why)), HF_EINVAL);
	x.dev.load.requests_hz = 1;
	x.tags[0].writable = true;
	assert_int_equal(
	    hf_mtconnect_driver.check(&x.plant, 0, note, &n, &hz), HF_EINVAL);
	assert_int_equal(n, 2);
	assert_true(hz > 99 && hz < 101);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(mtconnect_current_gives_samples_events_and_conditions),
	    T(mtconnect_sample_follows_the_sequence),
	    T(mtconnect_new_instance_begins_with_probe_and_current),
	    T(mtconnect_out_of_range_marks_the_gap_and_reads_current),
	    T(mtconnect_full_answer_is_followed_at_once),
	    T(mtconnect_value_of_another_type_is_bad),
	    T(mtconnect_data_set_is_text),
	    T(mtconnect_refusing_agent_is_bad_once_and_heals),
	    T(mtconnect_garbage_is_refused),
	    T(mtconnect_doctype_is_refused),
	    T(mtconnect_web_page_is_refused),
	    T(mtconnect_cut_document_is_refused),
	    T(mtconnect_deep_document_is_refused),
	    T(mtconnect_answer_without_sequence_is_refused),
	    T(mtconnect_agent_that_hangs_is_given_up),
	    T(mtconnect_answer_without_end_is_given_up),
	    T(mtconnect_agent_that_is_away_is_found_again),
	    T(mtconnect_tag_that_the_agent_lacks_is_told),
	    T(mtconnect_preview_lists_items_with_rows_for_the_tag_file),
	    T(mtconnect_options_that_cannot_work_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
