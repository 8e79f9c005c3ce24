/* SPDX-License-Identifier: Apache-2.0
 *
 * role.c - the part that all roles have in common: start, wires, configuration
 * in two steps, records, counters, stop. role.h tells how a role file uses it.
 *
 * Trust: the parent is believed; what it sends is still decoded with checks,
 * since a slip here would take a plant down. Peers are not believed: what
 * hf_wire_recv() or the role's hook refuses is dropped and reported, and the
 * parent ends the sender.
 */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "proc/role.h"

#define PUMP_MAX 64    /* messages of one wire in one turn of the loop */
#define NCALLS_MAX 256 /* system calls in all lists together */

struct hf_role_link {
	struct hf_role_ctx *ctx;
	struct hf_wire wire;
	struct hf_watch *watch;
	bool is_held;
};

/* ---- start */

/* What libraries load or read at first use, while there is still a root. */
static void
warm_up(void)
{
	uint8_t hash[HF_SHA256_LEN], rnd[8];

	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	(void)RAND_bytes(rnd, sizeof(rnd));
	hf_sha256_of(rnd, sizeof(rnd), hash);
}

struct lent_names {
	char at[HF_SANDBOX_NDIR][32];
};

static void on_readable(void *arg);

static int
add_link(struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone,
    struct hf_err *err)
{
	struct hf_wire w = hf_role_wire(&ctx->args, peer, zone);
	struct hf_role_link *l;

	if (w.fd < 0)
		return HF_OK;
	if (ctx->nlink == HF_ROLE_NWIRE)
		return HF_FAIL(
		    err, HF_ELIMIT, "more than %d wires", HF_ROLE_NWIRE);
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return HF_FAIL(err, HF_ENOMEM, "wire");
	*l = (struct hf_role_link){.ctx = ctx, .wire = w};
	l->watch = hf_loop_read(ctx->loop, w.fd, on_readable, l);
	if (l->watch == NULL) {
		free(l);
		return HF_FAIL(err, HF_ENOMEM, "watch of a wire");
	}
	/* peers wait until there is a plant */
	hf_watch_enable(l->watch, peer == HF_ROLE_PARENT);
	ctx->links[ctx->nlink++] = l;
	return HF_OK;
}

static int
add_links(struct hf_role_ctx *ctx, struct hf_err *err)
{
	static const enum hf_role peers[] = {
	    HF_ROLE_PARENT, HF_ROLE_AUDIT, HF_ROLE_CORE, HF_ROLE_WEB};
	int rc = HF_OK;
	uint8_t z;
	size_t i;

	for (i = 0; rc == HF_OK && i < sizeof(peers) / sizeof(peers[0]); i++)
		rc = add_link(ctx, peers[i], 0, err);
	for (z = 1; rc == HF_OK && z <= HF_PLANT_NEDGE; z++)
		rc = add_link(ctx, HF_ROLE_EDGE, z, err);
	for (z = 1; rc == HF_OK && z <= HF_PLANT_NZONE; z++)
		rc = add_link(ctx, HF_ROLE_BROKER, z, err);
	if (rc == HF_OK && hf_role_peer(ctx, HF_ROLE_PARENT, 0) == NULL)
		rc = HF_FAIL(err, HF_EINVAL, "no wire to the parent");
	return rc;
}

/* The lists of HF_CALLS_* in one. */
static size_t
gather_calls(uint32_t wanted, int *out)
{
	const struct {
		uint32_t bit;
		const int *v;
		size_t n;
	} lists[] = {
	    {0, hf_calls_base, hf_ncalls_base},
	    {HF_CALLS_FILE, hf_calls_file, hf_ncalls_file},
	    {HF_CALLS_THREAD, hf_calls_thread, hf_ncalls_thread},
	    {HF_CALLS_NET, hf_calls_net, hf_ncalls_net},
	    {HF_CALLS_LISTEN, hf_calls_listen, hf_ncalls_listen},
	    {HF_CALLS_UNIX, hf_calls_unix, hf_ncalls_unix},
	    {HF_CALLS_SERIAL, hf_calls_serial, hf_ncalls_serial},
	};
	size_t i, n = 0;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (lists[i].bit != 0 && (wanted & lists[i].bit) == 0)
			continue;
		if (n + lists[i].n > NCALLS_MAX)
			abort(); /* our own tables */
		memcpy(out + n, lists[i].v, lists[i].n * sizeof(*out));
		n += lists[i].n;
	}
	return n;
}

/* "dir.log" has its detached mount in "tree.log". */
static int
tree_of(const struct hf_role_args *a, const char *fd_name)
{
	char tree[40];
	int fd;

	snprintf(tree, sizeof(tree), "tree%s", strchr(fd_name, '.'));
	fd = hf_role_fd(a, tree);
	return fd > 0 ? fd : 0;
}

/* What the plant's owner lends an edge: "dir.drop.N" is seen as /drop/N,
 * "file.serial" as /serial. Any of them may turn out to be closed to it. */
static void
gather_lent(const struct hf_role_args *a, struct hf_sandbox_dir *out, size_t *n,
    struct lent_names *names)
{
	size_t i;

	for (i = 0; i < a->nfd && *n < HF_SANDBOX_NDIR; i++) {
		const char *name = a->fds[i].name;
		bool is_line = strcmp(name, "file.serial") == 0;

		if (!is_line && strncmp(name, "dir.drop.", 9) != 0)
			continue;
		snprintf(names->at[*n], sizeof(names->at[*n]), "%s%s",
		    is_line ? "serial" : "drop/", is_line ? "" : name + 9);
		out[*n] = (struct hf_sandbox_dir){.fd = a->fds[i].fd,
		    .at = names->at[*n],
		    .is_writable = true,
		    .is_file = is_line,
		    .is_device = is_line,
		    .is_optional = true,
		    .tree = tree_of(a, name)};
		(*n)++;
	}
}

/* The directories of the spec, as they came at exec. */
static int
gather_dirs(const struct hf_role_args *a, const struct hf_role_spec *spec,
    struct hf_sandbox_dir *out, size_t *n, struct hf_err *err)
{
	size_t i;

	*n = 0;
	for (i = 0; i < spec->ndir; i++) {
		const struct hf_role_dir *d = &spec->dirs[i];
		int fd = hf_role_fd(a, d->fd_name);

		if (fd < 0 && d->is_optional)
			continue;
		if (fd < 0)
			return HF_FAIL(err, HF_EINVAL,
			    "descriptor %s is missing", d->fd_name);
		if (*n == HF_SANDBOX_NDIR)
			return HF_FAIL(
			    err, HF_ELIMIT, "%zu directories", spec->ndir);
		out[(*n)++] = (struct hf_sandbox_dir){.fd = fd,
		    .at = d->at,
		    .is_writable = d->is_writable,
		    .tree = tree_of(a, d->fd_name)};
	}
	return HF_OK;
}

static int
promise(struct hf_role_ctx *ctx, struct hf_err *err)
{
	struct hf_sandbox_dir dirs[HF_SANDBOX_NDIR];
	struct lent_names names;
	int calls[NCALLS_MAX], rc;
	const struct hf_role_args *a = &ctx->args;
	const struct hf_role_spec *spec = ctx->spec;
	/* an edge without a line needs no termios */
	uint32_t wanted = hf_role_fd(a, "file.serial") >= 0
			      ? spec->calls
			      : spec->calls & ~HF_CALLS_SERIAL;
	struct hf_sandbox s = {.role = ctx->who,
	    .mandatory = spec->mandatory,
	    .optional = spec->optional,
	    .uid = a->uid,
	    .gid = a->gid,
	    .groups = &a->evidence_gid,
	    .ngroup = a->evidence_gid != (gid_t)-1 ? 1 : 0,
	    .dirs = dirs,
	    .syscalls = calls,
	    .nsyscall = gather_calls(wanted, calls),
	    .max_memory_bytes = spec->max_memory_bytes,
	    .max_files = spec->max_files,
	    .host_netns = a->host_netns,
	    .host_mntns = a->host_mntns};

	rc = gather_dirs(a, spec, dirs, &s.ndir, err);
	if (rc != HF_OK)
		return rc;
	gather_lent(a, dirs, &s.ndir, &names);
	return hf_sandbox_enter(&s, a->is_insecure, &ctx->sandbox, err);
}

static int
say_ready(struct hf_role_ctx *ctx, struct hf_err *err)
{
	const struct hf_sandbox_state *st = &ctx->sandbox;
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, 512);
	hf_buf_u32(&b, st->have);
	hf_buf_u32(&b, st->missing);
	hf_buf_put(&b, st->why, strlen(st->why));
	rc = hf_role_send(
	    ctx, HF_ROLE_PARENT, 0, HF_MSG_READY, 0, b.p, b.len, err);
	hf_buf_fini(&b);
	return rc;
}

static void on_tick(void *arg);

static int
start(struct hf_role_ctx *ctx, struct hf_err *err)
{
	const struct hf_wire *w;
	int rc;

	ctx->rx = malloc(HF_MSG_MAX);
	ctx->loop = hf_loop_new();
	if (ctx->rx == NULL || ctx->loop == NULL)
		return HF_FAIL(err, HF_ENOMEM, "event loop");
	ctx->ticker = hf_loop_timer(ctx->loop, on_tick, ctx);
	if (ctx->ticker == NULL)
		return HF_FAIL(err, HF_ENOMEM, "timer");
	rc = add_links(ctx, err);
	if (rc != HF_OK)
		return rc;
	w = hf_role_peer(ctx, HF_ROLE_AUDIT, 0);
	if (w != NULL) {
		ctx->records = hf_recq_new(w, &ctx->counters);
		if (ctx->records == NULL)
			return HF_FAIL(err, HF_ENOMEM, "record queue");
	}
	rc = promise(ctx, err);
	if (rc != HF_OK)
		return rc;
	hf_timer_in(ctx->ticker, HF_NS_PER_S);
	return say_ready(ctx, err);
}

int
hf_role_start(struct hf_role_ctx *ctx, const struct hf_role_args *a,
    const struct hf_role_spec *spec, const struct hf_role_hooks *hooks,
    void *arg)
{
	struct hf_err err = {0};
	int rc;

	*ctx = (struct hf_role_ctx){.args = *a,
	    .spec = spec,
	    .hooks = hooks,
	    .arg = arg,
	    .exit_code = HF_RX_OK};
	if (a->role == HF_ROLE_EDGE) /* the name comes with the plant */
		snprintf(ctx->who, sizeof(ctx->who), "edge%u", a->zone);
	else
		snprintf(
		    ctx->who, sizeof(ctx->who), "%s", hf_role_name(a->role));
	hf_log_init(ctx->who, STDERR_FILENO, (enum hf_log_level)a->log_level);
	warm_up();
	rc = start(ctx, &err);
	if (rc != HF_OK) {
		log_error("role", "does not start: %s", err.msg);
		ctx->exit_code =
		    rc == HF_EDENIED ? HF_RX_SANDBOX : HF_RX_FAILED;
	}
	return rc;
}

int
hf_role_exit_code(struct hf_role_ctx *ctx)
{
	hf_role_fini(ctx);
	return ctx->exit_code;
}

/* ---- the end */

void
hf_role_fini(struct hf_role_ctx *ctx)
{
	size_t i;

	for (i = 0; i < ctx->nlink; i++) {
		hf_watch_free(ctx->links[i]->watch);
		free(ctx->links[i]);
	}
	ctx->nlink = 0;
	hf_watch_free(ctx->ticker);
	ctx->ticker = NULL;
	hf_recq_free(ctx->records);
	ctx->records = NULL;
	hf_plant_free(ctx->offered);
	ctx->offered = NULL;
	hf_plant_free(ctx->plant);
	ctx->plant = NULL;
	hf_loop_free(ctx->loop);
	ctx->loop = NULL;
	free(ctx->rx);
	ctx->rx = NULL;
}

int
hf_role_run(struct hf_role_ctx *ctx)
{
	if (hf_loop_run(ctx->loop) != HF_OK && ctx->exit_code == HF_RX_OK)
		ctx->exit_code = HF_RX_FAILED;
	return ctx->exit_code;
}

void
hf_role_stopped(struct hf_role_ctx *ctx)
{
	hf_loop_stop(ctx->loop);
}

void
hf_role_fail(struct hf_role_ctx *ctx, int exit_code, const char *fmt, ...)
{
	char text[HF_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error("role", "%s", text);
	ctx->exit_code = exit_code;
	hf_loop_stop(ctx->loop);
}

/* ---- wires */

static struct hf_role_link *
find_link(const struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone)
{
	size_t i;

	for (i = 0; i < ctx->nlink; i++) {
		struct hf_role_link *l = ctx->links[i];

		if (l->wire.peer == peer &&
		    ((peer != HF_ROLE_EDGE && peer != HF_ROLE_BROKER) ||
			l->wire.zone == zone))
			return l;
	}
	return NULL;
}

const struct hf_wire *
hf_role_peer(const struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone)
{
	const struct hf_role_link *l = find_link(ctx, peer, zone);

	return l != NULL ? &l->wire : NULL;
}

int
hf_role_send(struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone,
    enum hf_msg_type type, uint64_t req, const void *p, size_t n,
    struct hf_err *err)
{
	const struct hf_wire *w = hf_role_peer(ctx, peer, zone);
	int rc;

	if (w == NULL)
		return HF_FAIL(err, HF_ENOTFOUND, "no wire to %s %u",
		    hf_role_name(peer), zone);
	rc = hf_wire_send(w, type, req, p, n, NULL, 0, -1, err);
	if (rc == HF_EAGAIN)
		hf_count(&ctx->counters, HF_C_M_SEND_FULL, 1);
	return rc;
}

void
hf_role_hold(
    struct hf_role_ctx *ctx, enum hf_role peer, uint8_t zone, bool is_held)
{
	struct hf_role_link *l = find_link(ctx, peer, zone);

	if (l == NULL)
		return;
	l->is_held = is_held;
	if (ctx->plant != NULL)
		hf_watch_enable(l->watch, !is_held);
}

static void
report(struct hf_role_ctx *ctx, const struct hf_wire *w, const struct hf_msg *m,
    enum hf_violation v, const char *text)
{
	const struct hf_wire *parent = hf_role_peer(ctx, HF_ROLE_PARENT, 0);

	hf_count(&ctx->counters, HF_C_M_VIOLATIONS, 1);
	log_warn("msg", "message of %s refused (%s): %s", hf_role_name(w->peer),
	    hf_violation_name(v), text);
	if (w != parent)
		hf_wire_report(parent, w, (uint16_t)m->type, v, text);
}

/* ---- what the parent says */

static void
reply_config(struct hf_role_ctx *ctx, uint64_t generation, int rc,
    const struct hf_err *why)
{
	struct hf_err err = {0};
	struct hf_buf b;

	hf_buf_init(&b, 600);
	hf_buf_u64(&b, generation);
	hf_buf_u32(&b, (uint32_t)rc);
	hf_buf_put(&b, why->msg, strlen(why->msg));
	if (hf_role_send(ctx, HF_ROLE_PARENT, 0, HF_MSG_CONFIG_REPLY, 0, b.p,
		b.len, &err) != HF_OK)
		hf_role_fail(ctx, HF_RX_FAILED, "CONFIG_REPLY: %s", err.msg);
	hf_buf_fini(&b);
}

/* The packed plant in a memfd -> a judged plant. */
static int
take_plant(struct hf_role_ctx *ctx, const struct hf_msg *m, const uint8_t *hash,
    struct hf_plant **out, struct hf_err *err)
{
	struct hf_plant *p = NULL;
	const void *map;
	int rc;

	map = hf_memfd_map(m->memfd, m->memfd_size, err);
	if (map == NULL)
		return err->rc;
	rc = hf_plant_unpack(map, m->memfd_size, &hf_registry, &p, err);
	munmap((void *)(uintptr_t)map, m->memfd_size);
	if (rc == HF_OK && memcmp(p->hash, hash, HF_SHA256_LEN) != 0)
		rc = HF_FAIL(err, HF_EPROTO, "configuration hash differs");
	if (rc == HF_OK && ctx->hooks->judge != NULL)
		rc = ctx->hooks->judge(ctx->arg, p, err);
	if (rc != HF_OK) {
		hf_plant_free(p);
		return rc;
	}
	*out = p;
	return HF_OK;
}

static void
on_config(struct hf_role_ctx *ctx, const struct hf_msg *m)
{
	struct hf_err err = {0};
	struct hf_plant *p = NULL;
	uint64_t generation;
	struct hf_rd r;
	int rc;

	hf_rd_init(&r, m->p, m->n);
	(void)hf_rd_u64(&r); /* size, checked by hf_wire_recv */
	generation = hf_rd_u64(&r);
	hf_plant_free(ctx->offered);
	ctx->offered = NULL;
	rc = take_plant(ctx, m, m->p + 16, &p, &err);
	if (rc == HF_OK) {
		ctx->offered = p;
		ctx->offered_generation = generation;
	}
	reply_config(ctx, generation, rc, &err);
}

/* From the first plant on, peers are listened to. */
static void
open_peers(struct hf_role_ctx *ctx)
{
	size_t i;

	for (i = 0; i < ctx->nlink; i++)
		hf_watch_enable(ctx->links[i]->watch, !ctx->links[i]->is_held);
	if (ctx->args.role != HF_ROLE_EDGE)
		return;
	if (ctx->args.zone > 0 && ctx->args.zone <= ctx->plant->nedge)
		snprintf(ctx->who, sizeof(ctx->who), "edge/%s",
		    ctx->plant->edges[ctx->args.zone - 1].name);
	hf_log_init(
	    ctx->who, STDERR_FILENO, (enum hf_log_level)ctx->args.log_level);
}

static void
on_apply(struct hf_role_ctx *ctx, const struct hf_msg *m)
{
	struct hf_plant *old = ctx->plant;
	struct hf_err err = {0};
	uint64_t generation;
	struct hf_rd r;
	int rc = HF_OK;

	hf_rd_init(&r, m->p, m->n);
	generation = hf_rd_u64(&r);
	if (ctx->offered == NULL || generation != ctx->offered_generation) {
		log_error("config", "generation %" PRIu64 " was never offered",
		    generation);
		return;
	}
	ctx->plant = ctx->offered;
	ctx->generation = generation;
	ctx->offered = NULL;
	if (old == NULL)
		open_peers(ctx);
	if (ctx->hooks->apply != NULL)
		rc = ctx->hooks->apply(ctx->arg, ctx->plant, old, &err);
	else
		hf_plant_free(old);
	if (rc != HF_OK)
		hf_role_fail(ctx,
		    rc == HF_EINVAL || rc == HF_EUNSUPPORTED ? HF_RX_CONFIG
							     : HF_RX_FAILED,
		    "configuration generation %" PRIu64 ": %s", generation,
		    err.msg);
}

static void
on_drop(struct hf_role_ctx *ctx)
{
	hf_plant_free(ctx->offered);
	ctx->offered = NULL;
}

static void
on_stop(struct hf_role_ctx *ctx)
{
	if (ctx->is_stopping)
		return;
	ctx->is_stopping = true;
	if (ctx->hooks->stop != NULL)
		ctx->hooks->stop(ctx->arg);
	else
		hf_role_stopped(ctx);
}

static int
from_parent(struct hf_role_ctx *ctx, const struct hf_wire *w, struct hf_msg *m,
    struct hf_err *err)
{
	switch (m->type) {
	case HF_MSG_CONFIG:
		on_config(ctx, m);
		return HF_OK;
	case HF_MSG_CONFIG_APPLY:
		on_apply(ctx, m);
		return HF_OK;
	case HF_MSG_CONFIG_DROP:
		on_drop(ctx);
		return HF_OK;
	case HF_MSG_STOP:
		on_stop(ctx);
		return HF_OK;
	default: /* ROLE_STATE to core, ANSWER to web, RECORD to audit ... */
		if (ctx->hooks->message == NULL)
			return HF_OK;
		return ctx->hooks->message(ctx->arg, w, m, err);
	}
}

/* ---- what anybody says */

static int
dispatch(struct hf_role_ctx *ctx, const struct hf_wire *w, struct hf_msg *m,
    struct hf_err *err)
{
	if (w->peer == HF_ROLE_PARENT)
		return from_parent(ctx, w, m, err);
	if (m->type == HF_MSG_RECORD_ACK && ctx->records != NULL)
		return hf_recq_ack(ctx->records, m->p, m->n, err);
	if (ctx->hooks->message == NULL)
		return HF_OK;
	return ctx->hooks->message(ctx->arg, w, m, err);
}

static void
lost_wire(struct hf_role_ctx *ctx, struct hf_role_link *l)
{
	hf_watch_enable(l->watch, false);
	l->is_held = true;
	if (l->wire.peer == HF_ROLE_PARENT) {
		log_error("role", "the parent is gone");
		_exit(HF_RX_PARENT); /* like a kill: the stores survive that */
	}
	/* only a peer that breaks its own wire can cause this */
	log_error("msg", "wire to %s is broken", hf_role_name(l->wire.peer));
}

/* One message. false when the wire has no more. */
static bool
pump_one(struct hf_role_ctx *ctx, struct hf_role_link *l)
{
	enum hf_violation viol;
	struct hf_err err = {0};
	struct hf_msg m;
	int rc;

	rc = hf_wire_recv(&l->wire, ctx->rx, &m, &viol, &err);
	if (rc == HF_EAGAIN)
		return false;
	if (rc == HF_ECLOSED) {
		lost_wire(ctx, l);
		return false;
	}
	if (rc != HF_OK) {
		report(ctx, &l->wire, &m, viol, err.msg);
		return true;
	}
	rc = dispatch(ctx, &l->wire, &m, &err);
	if (m.memfd >= 0)
		close(m.memfd);
	if (rc == HF_EPROTO)
		report(ctx, &l->wire, &m, HF_VIOL_CONTENT, err.msg);
	else if (rc != HF_OK)
		log_warn("msg", "%s of %s: %s", hf_msg_rows[m.type].name,
		    hf_role_name(l->wire.peer), err.msg);
	return true;
}

static void
on_readable(void *arg)
{
	struct hf_role_link *l = arg;
	struct hf_role_ctx *ctx = l->ctx;
	int i;

	for (i = 0; i < PUMP_MAX && !l->is_held; i++)
		if (!pump_one(ctx, l))
			break;
}

/* ---- once a second */

static void
send_counters(struct hf_role_ctx *ctx)
{
	struct hf_buf b;

	if (hf_role_peer(ctx, HF_ROLE_CORE, 0) == NULL)
		return;
	hf_buf_init(&b, 4096);
	hf_counters_encode(&ctx->counters, &b);
	if (hf_buf_ok(&b))
		(void)hf_role_send(ctx, HF_ROLE_CORE, 0, HF_MSG_COUNTERS, 0,
		    b.p, b.len, NULL); /* the next one has it all again */
	hf_buf_fini(&b);
}

static void
on_tick(void *arg)
{
	struct hf_role_ctx *ctx = arg;
	int64_t now = hf_mono_ns();

	hf_timer_in(ctx->ticker, HF_NS_PER_S);
	if (ctx->hooks->tick != NULL && ctx->plant != NULL)
		ctx->hooks->tick(ctx->arg, now);
	if (ctx->records != NULL)
		hf_recq_tick(ctx->records, now);
	send_counters(ctx);
}

/* ---- for the role */

int
hf_role_record(struct hf_role_ctx *ctx, const struct hf_record *r)
{
	static const uint8_t none[HF_SHA256_LEN];
	struct hf_record copy = *r;
	struct hf_err err = {0};
	int rc;

	if (ctx->records == NULL)
		return HF_ENOTFOUND;
	if (ctx->plant != NULL && memcmp(copy.config_hash, none, 32) == 0)
		memcpy(copy.config_hash, ctx->plant->hash, HF_SHA256_LEN);
	rc = hf_recq_put(ctx->records, &copy, hf_mono_ns(), &err);
	if (rc != HF_OK)
		log_error("record", "%s", err.msg);
	return rc;
}

size_t
hf_role_records_waiting(const struct hf_role_ctx *ctx)
{
	return ctx->records != NULL ? hf_recq_waiting(ctx->records) : 0;
}

int
hf_role_path(const struct hf_role_ctx *ctx, const char *fd_name, char *buf,
    size_t cap, struct hf_err *err)
{
	struct hf_sandbox_dir d;
	size_t i;
	int rc;

	for (i = 0; i < ctx->spec->ndir; i++) {
		if (strcmp(ctx->spec->dirs[i].fd_name, fd_name) != 0)
			continue;
		d = (struct hf_sandbox_dir){
		    .fd = hf_role_fd(&ctx->args, fd_name),
		    .at = ctx->spec->dirs[i].at};
		if (d.fd < 0) /* optional, and not handed over */
			break;
		rc = hf_sandbox_dir_path(&ctx->sandbox, &d, buf, cap);
		if (rc != HF_OK)
			return HF_FAIL(err, rc, "path of %s", fd_name);
		return HF_OK;
	}
	return HF_FAIL(err, HF_ENOTFOUND, "no directory %s", fd_name);
}

int
hf_role_dir_fd(const struct hf_role_ctx *ctx, const char *name, int *why)
{
	int fd = hf_role_fd(&ctx->args, name);
	size_t i;

	*why = ENOENT;
	if (fd < 0)
		return -1;
	for (i = 0; i < ctx->sandbox.ndir; i++)
		if (ctx->sandbox.dirs[i].fd == fd)
			*why = ctx->sandbox.dirs[i].why_not;
	return *why == 0 ? fd : -1;
}

int
hf_role_ctx_fd(const struct hf_role_ctx *ctx, const char *name)
{
	return hf_role_fd(&ctx->args, name);
}
