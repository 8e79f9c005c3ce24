/* SPDX-License-Identifier: Apache-2.0
 *
 * edge.c - the edge role: the devices of one zone, or of one serial line of it,
 * and the wire to core.
 *
 * Numbers of batches. Core wants them without holes and rising over restarts of
 * edge. The file `seq` in the spool folder holds a bound below which all
 * numbers are spent; edge moves it ahead in steps of SEQ_STEP before it uses
 * them. A new edge therefore starts at once, even while core is away; only
 * without that file (first start) it waits for core's answer to its hello.
 *
 * A hello tells core up to which number we may have sent before: all that we
 * hold behind it follows. It is said at the start and each time core asks for
 * something again, so that core can tell a hole that will never be filled
 * (numbers jump at a start, a spool file can be damaged) from one that we can
 * fill.
 */
#include "proc/edge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/num.h"
#include "base/time.h"
#include "os/file.h"

#define SEQ_STEP 1000000	     /* numbers reserved at a time */
#define RING_BYTES (8u << 20)	     /* batches held in memory */
#define STOP_NS (300 * HF_NS_PER_MS) /* for core's last acknowledgements */
#define SEND_MAX 64		     /* batches per pass, then others' turn */

static int
reserve_seq(struct edge *e, struct hf_err *err)
{
	char text[32];
	int rc;

	if (e->seq < e->seq_reserved)
		return HF_OK;
	snprintf(text, sizeof(text), "%llu\n",
	    (unsigned long long)(e->seq + SEQ_STEP));
	rc = hf_file_replace(hf_role_ctx_fd(&e->ctx, "dir.spool"), "seq", text,
	    strlen(text), 0600, err);
	if (rc == HF_OK)
		e->seq_reserved = e->seq + SEQ_STEP;
	return rc;
}

/* HF_ENOTFOUND: never ran here. */
static int
load_seq(struct edge *e, struct hf_err *err)
{
	struct hf_buf b;
	uint64_t v = 0;
	int rc;

	hf_buf_init(&b, 64);
	rc = hf_file_read(
	    hf_role_ctx_fd(&e->ctx, "dir.spool"), "seq", 32, &b, err);
	if (rc != HF_OK && rc != HF_ENOTFOUND)
		log_error("edge",
		    "%s; core is asked for the number to go on "
		    "from",
		    err->msg);
	if (rc != HF_OK || b.len < 2 ||
	    !hf_parse_u64((const char *)b.p, b.len - 1, &v))
		rc = HF_ENOTFOUND; /* damaged: ask core, as on first start */
	if (rc == HF_OK)
		e->seq = v;
	hf_buf_fini(&b);
	return rc;
}

/* Made at the first start; 16 hex digits in a file that only edge reads. If it
 * cannot be kept, it holds for this process: sessions begin anew then. */
static int
load_secret(struct edge *e, struct hf_err *err)
{
	int dirfd = hf_role_ctx_fd(&e->ctx, "dir.spool"), rc;
	char text[20];
	struct hf_buf b;
	bool is_kept;

	hf_buf_init(&b, 64);
	rc = hf_file_read(dirfd, "secret", 32, &b, err);
	is_kept = rc == HF_OK && b.len == 17;
	if (is_kept) {
		b.p[16] = '\0';
		is_kept = hf_unhex((uint8_t *)&e->secret, sizeof(e->secret),
		    (const char *)b.p);
	}
	hf_buf_fini(&b);
	if (is_kept)
		return HF_OK;
	if (getrandom(&e->secret, sizeof(e->secret), 0) != sizeof(e->secret))
		return HF_FAIL(err, HF_EIO, "getrandom: %s", strerror(errno));
	hf_hex(text, (const uint8_t *)&e->secret, sizeof(e->secret));
	text[16] = '\n';
	if (hf_file_replace(dirfd, "secret", text, 17, 0600, err) != HF_OK)
		log_warn("edge",
		    "%s; sessions at the broker last as long as "
		    "this process",
		    err->msg);
	return HF_OK;
}

/* It stands between what was sent and what follows, or it would be a lie. */
static int
say_hello(struct edge *e, struct hf_err *err)
{
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, 64);
	hf_buf_u64(&b, e->source);
	hf_buf_u64(&b, hf_spool_sent_seq(e->spool));
	rc = hf_role_send(&e->ctx, HF_ROLE_CORE, 0, HF_MSG_EDGE_HELLO,
	    e->ctx.args.incarnation, b.p, b.len, err);
	hf_buf_fini(&b);
	if (rc == HF_OK)
		e->owes_hello = false;
	return rc;
}

static void
send_new(void *arg)
{
	struct edge *e = arg;
	struct hf_err err = {0};
	const void *p;
	bool is_resend;
	size_t n;
	int i, rc = e->owes_hello ? say_hello(e, &err) : HF_OK;

	for (i = 0; i < SEND_MAX && rc == HF_OK; i++) {
		rc = hf_spool_next(e->spool, &p, &n, &is_resend, &err);
		if (rc != HF_OK)
			break;
		rc = hf_role_send(
		    &e->ctx, HF_ROLE_CORE, 0, HF_MSG_BATCH, 0, p, n, &err);
		if (rc != HF_OK)
			break;
		hf_count(&e->ctx.counters,
		    is_resend ? HF_C_B_RESENT : HF_C_B_SENT, 1);
		hf_spool_sent(e->spool);
	}
	if (rc != HF_OK && rc != HF_ENODATA && rc != HF_EAGAIN)
		log_error("edge", "batch to core: %s", err.msg);
	hf_watch_enable(e->core_writable,
	    (i == SEND_MAX && rc == HF_OK) || rc == HF_EAGAIN);
}

void
edge_flush(struct edge *e)
{
	struct hf_batch b = {.source = e->source,
	    .seq = e->seq + 1,
	    .decoded_ns = e->decoded_ns,
	    .n = e->n,
	    .s = e->s,
	    .str = (const char *)e->str.p,
	    .str_len = e->str.len};
	struct hf_err err = {0};
	int rc;

	if (e->n == 0)
		return;
	hf_buf_reset(&e->encoded);
	rc = reserve_seq(e, &err);
	if (rc == HF_OK)
		rc = hf_batch_encode(&b, &e->encoded, &err);
	if (rc == HF_OK)
		rc = hf_spool_put(
		    e->spool, b.seq, e->encoded.p, e->encoded.len, &err);
	if (rc == HF_OK) {
		e->seq++;
	} else {
		hf_count(&e->ctx.counters, HF_C_B_RING_DROP, e->n);
		log_error("edge", "%zu samples lost: %s", e->n, err.msg);
	}
	e->n = 0;
	hf_buf_reset(&e->str);
	send_new(e);
}

static void
flush_due(void *arg)
{
	edge_flush(arg);
}

static void
finish(struct edge *e)
{
	struct hf_err err = {0};

	if (hf_spool_count(e->spool) > 0 &&
	    hf_spool_flush(e->spool, &err) != HF_OK)
		log_error("edge",
		    "%zu batches that core has not "
		    "acknowledged are lost with this process: %s",
		    hf_spool_count(e->spool), err.msg);
	hf_role_stopped(&e->ctx);
}

static void
stop_due(void *arg)
{
	finish(arg);
}

/* Core is stopped after us: it gets what we have, and we wait a little for its
 * word that all is durable. The rest waits in the spool files. */
static void
stop(void *arg)
{
	struct edge *e = arg;

	if (e->spool == NULL) {
		hf_role_stopped(&e->ctx);
		return;
	}
	edge_close_devices(e);
	edge_flush(e);
	e->is_stopping = true;
	if (hf_spool_count(e->spool) == 0)
		finish(e);
	else
		hf_timer_in(e->stop_timer, STOP_NS);
}

static int
start_devices(struct edge *e, struct hf_err *err)
{
	int rc = HF_OK;

	if (e->devices == NULL && e->has_seq && !e->is_stopping)
		rc = edge_open_devices(e, e->ctx.plant, err);
	return rc;
}

/* Payload: source, seq, state (0 ok, 1 store fails, 2 send all behind seq
 * again), and 3 in the last word if it answers a hello. Only with state 0
 * and 1 is seq what is durable; with the others it is what core has taken
 * and could still lose. */
static int
take_ack(struct edge *e, const struct hf_msg *m, struct hf_err *err)
{
	struct hf_rd r;
	uint64_t source, seq;
	uint32_t state, kind;

	hf_rd_init(&r, m->p, m->n);
	source = hf_rd_u64(&r);
	seq = hf_rd_u64(&r);
	state = hf_rd_u32(&r);
	kind = hf_rd_u32(&r);
	if (source != e->source)
		return HF_FAIL(err, HF_EPROTO, "acknowledges another source");
	if (kind == 3) {
		if (m->req != e->ctx.args.incarnation)
			return HF_OK; /* meant for an edge before */
		if (!e->has_seq && e->seq < seq)
			e->seq = seq;
		e->has_hello = e->has_seq = true;
		return start_devices(e, err);
	}
	if (state == 2) {
		hf_spool_rewind(e->spool, seq);
		e->owes_hello = true;
		send_new(e);
		return HF_OK;
	}
	e->acked_seq = seq;
	hf_count(&e->ctx.counters, HF_C_B_ACKED, hf_spool_ack(e->spool, seq));
	if (e->is_stopping && hf_spool_count(e->spool) == 0)
		finish(e);
	return HF_OK;
}

static int
message(
    void *arg, const struct hf_wire *from, struct hf_msg *m, struct hf_err *err)
{
	struct edge *e = arg;

	switch (m->type) {
	case HF_MSG_BATCH_ACK:
		return take_ack(e, m, err);
	case HF_MSG_TRY:
		edge_try(e, m);
		return HF_OK;
	case HF_MSG_EXPORT:
		return hf_edge_syslog_take(e->syslog, m->p, m->n, err);
	default:
		return HF_FAIL(err, HF_EPROTO,
		    "message type %d has no place "
		    "in edge",
		    m->type);
	}
}

static void
tick(void *arg, int64_t mono_ns)
{
	struct edge *e = arg;

	if (e->spool == NULL || e->is_stopping)
		return;
	e->ctx.counters.v[HF_C_B_WAITING] = hf_spool_count(e->spool);
	e->owes_hello |= !e->has_hello;
	send_new(e);
	edge_report_devices(e, true);
	edge_exports_tick(e);
	hf_edge_syslog_tick(e->syslog, mono_ns);
}

static int
say_export(void *arg, const void *p, size_t n)
{
	struct edge *e = arg;

	return hf_role_send(
	    &e->ctx, HF_ROLE_CORE, 0, HF_MSG_EXPORT_ACK, 0, p, n, NULL);
}

/* The zone's own edge has its exports, a serial line's has none. */
static int
start_exports(struct edge *e, const struct hf_plant *p, struct hf_err *err)
{
	struct hf_edge_syslog_host h = {.loop = e->ctx.loop,
	    .counters = &e->ctx.counters,
	    .say = say_export,
	    .arg = e};
	int rc;

	hf_edge_syslog_free(e->syslog);
	e->syslog = NULL;
	edge_exports_close(e);
	if (e->edge->serial != NULL)
		return HF_OK;
	rc = edge_exports_open(e, p, err);
	if (rc != HF_OK)
		return rc;
	return hf_edge_syslog_new(&h, p, e->edge->zone_idx, &e->syslog, err);
}

static int
first_plant(struct edge *e, const struct hf_plant *p, struct hf_err *err)
{
	int dirfd = hf_role_ctx_fd(&e->ctx, "dir.spool");
	struct hf_spool_conf conf = {.dirfd = dirfd,
	    .memory_bytes = RING_BYTES,
	    .file_bytes = p->storage.spool_bytes};
	char name[96];
	int rc = hf_spool_open(&conf, &e->ctx.counters, &e->spool, err);

	if (rc == HF_OK)
		rc = hf_blackbox_open(dirfd, &e->box, err);
	if (rc == HF_OK)
		rc = load_secret(e, err);
	if (rc != HF_OK)
		return rc;
	snprintf(name, sizeof(name), "edge/%s", e->edge->name);
	e->source = hf_tag_key(name);
	rc = load_seq(e, err);
	if (e->seq < hf_spool_last_seq(e->spool))
		e->seq = hf_spool_last_seq(e->spool);
	e->has_seq = rc == HF_OK;
	e->owes_hello = true;
	send_new(e);
	rc = start_exports(e, p, err);
	if (rc != HF_OK)
		return rc;
	return start_devices(e, err); /* or with core's answer */
}

static int
apply(void *arg, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct edge *e = arg;
	size_t n;
	int rc;

	if (e->ctx.args.zone == 0 || e->ctx.args.zone > p->nedge)
		return HF_FAIL(err, HF_EINVAL, "edge %u of %zu",
		    e->ctx.args.zone, p->nedge);
	e->edge = &p->edges[e->ctx.args.zone - 1];
	e->zone = &p->zones[e->edge->zone_idx];
	if (old == NULL)
		return first_plant(e, p, err);
	edge_close_devices(e);
	edge_flush(e);
	rc = start_exports(e, p, err);
	hf_plant_free(old);
	if (rc != HF_OK)
		return rc;
	if (hf_blackbox_release(e->box, &n, err) != HF_OK)
		log_error("edge",
		    "quarantine: %s; it comes back with the next "
		    "start of edge",
		    err->msg);
	else if (n > 0)
		log_info("edge", "%zu devices leave quarantine", n);
	return start_devices(e, err);
}

static int
init(struct edge *e, struct hf_err *err)
{
	const struct hf_wire *core = hf_role_peer(&e->ctx, HF_ROLE_CORE, 0);

	hf_buf_init(&e->str, HF_BATCH_BYTES);
	hf_buf_init(&e->encoded, HF_MSG_MAX);
	e->s = calloc(HF_BATCH_NSAMPLE, sizeof(*e->s));
	e->flush_timer = hf_loop_timer(e->ctx.loop, flush_due, e);
	e->stop_timer = hf_loop_timer(e->ctx.loop, stop_due, e);
	e->core_writable =
	    core == NULL ? NULL
			 : hf_loop_write(e->ctx.loop, core->fd, send_new, e);
	if (e->s == NULL || e->flush_timer == NULL || e->stop_timer == NULL ||
	    e->core_writable == NULL)
		return HF_FAIL(err, HF_ENOMEM, "edge's tables");
	hf_watch_enable(e->core_writable, false);
	return HF_OK;
}

static void
fini(struct edge *e)
{
	edge_exports_close(e);
	hf_edge_syslog_free(e->syslog);
	hf_watch_free(e->flush_timer);
	hf_watch_free(e->stop_timer);
	hf_watch_free(e->core_writable);
	hf_buf_fini(&e->str);
	hf_buf_fini(&e->encoded);
	hf_intake_free(e->intake);
	hf_spool_close(e->spool);
	hf_blackbox_close(e->box);
	free(e->devices);
	free(e->s);
}

int
hf_role_edge(const struct hf_role_args *a)
{
	static const struct hf_role_dir dirs[] = {
	    {.fd_name = "dir.spool", .at = "spool", .is_writable = true},
	    {.fd_name = "dir.broker", .at = "broker", .is_optional = true},
	};
	static const struct hf_role_spec spec = {
	    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_ROOT |
			 HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
	    .calls = HF_CALLS_FILE | HF_CALLS_NET | HF_CALLS_SERIAL,
	    .dirs = dirs,
	    .ndir = sizeof(dirs) / sizeof(dirs[0]),
	    .max_files = 4096,
	};
	static const struct hf_role_hooks hooks = {
	    .apply = apply, .stop = stop, .message = message, .tick = tick};
	struct edge *e = calloc(1, sizeof(*e));
	struct hf_err err = {0};
	int code;

	if (e == NULL)
		return HF_RX_FAILED;
	if (hf_role_start(&e->ctx, a, &spec, &hooks, e) != HF_OK) {
		code = hf_role_exit_code(&e->ctx);
	} else if (init(e, &err) != HF_OK) {
		log_error("edge", "%s", err.msg);
		code = HF_RX_FAILED;
	} else {
		code = hf_role_run(&e->ctx);
	}
	fini(e);
	hf_role_fini(&e->ctx);
	free(e);
	return code;
}
