/* SPDX-License-Identifier: Apache-2.0
 *
 * parent.c - `holdfast run`: from the command line to a running house, and the
 * orderly way out.
 *
 * Start, in this order: what can this machine give (probe; without a layer it
 * refuses, unless --insecure) -> lock and open the data folders, open the keys
 * (only to pass them on) -> give up all capabilities but six -> the conf child
 * reads the plant -> wires, once for all -> audit, core, brokers, edges, web,
 * each when the one before is READY.
 *
 * The six capabilities stay for life, since every restart of a role repeats the
 * placement: SYS_ADMIN (namespaces, mounts), NET_ADMIN and BPF (zones), SETUID,
 * SETGID and KILL. Reading other users' folders is needed at the start only.
 *
 * Stop (SIGTERM, SIGINT), all within 2 s: STOP to web and edges; when they are
 * gone, or after stop_core, to core; when it is gone, or after stop_audit, to
 * the brokers and to audit, which has the last word; after stop_kill whoever is
 * left is killed, which is logged as an error and makes the result
 * HF_ETIMEDOUT: an audit that was killed here may leave a log that `audit
 * verify` refuses until the next start has mended it.
 *
 * One thread, no SQLite, no signature, no parser but that of the packed plant.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "holdfast/version.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "proc/house.h"
#include "proc/parent.h"

#define ALL_LAYERS ((1u << HF_NLAYER) - 1)
#define CAP(c) (UINT64_C(1) << (c))
#define KEPT_CAPS                                                 \
	(CAP(CAP_SYS_ADMIN) | CAP(CAP_NET_ADMIN) | CAP(CAP_BPF) | \
	    CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_KILL))

const struct hf_parent_times hf_parent_times = {
    .back_first = 100 * HF_NS_PER_MS,
    .back_max = 30 * HF_NS_PER_S,
    .healthy = 60 * HF_NS_PER_S,
    .window = 60 * HF_NS_PER_S,
    .failing = 30 * HF_NS_PER_S,
    .ready = 10 * HF_NS_PER_S,
    .conf = 60 * HF_NS_PER_S,
    .judge = 10 * HF_NS_PER_S,
    .stop_core = 500 * HF_NS_PER_MS,
    .stop_audit = 1100 * HF_NS_PER_MS,
    .stop_kill = 1800 * HF_NS_PER_MS,
};

enum { STOP_NO, STOP_FRONT, STOP_CORE, STOP_AUDIT, STOP_KILLED };

/* ---- records */

void
parent_record(struct parent *p, const char *action, const char *actor,
    const char *object, const char *decision, const char *fmt, ...)
{
	struct hf_record r = {0};
	struct hf_err err = {0};
	va_list ap;

	hf_strcpy(r.action, sizeof(r.action), action);
	hf_strcpy(r.actor, sizeof(r.actor), actor);
	hf_strcpy(r.object, sizeof(r.object), object);
	hf_strcpy(r.decision, sizeof(r.decision), decision);
	va_start(ap, fmt);
	vsnprintf(r.detail, sizeof(r.detail), fmt, ap);
	va_end(ap);
	if (p->now.plant != NULL)
		memcpy(r.config_hash, p->now.plant->hash, HF_SHA256_LEN);
	if (hf_recq_put(p->records, &r, hf_mono_ns(), &err) != HF_OK)
		log_error("record", "%s", err.msg);
}

/* ---- folders and keys */

/* One parent per data folder. */
static int
take_lock(struct parent *p, struct hf_err *err)
{
	p->lockfd =
	    openat(p->datafd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p->lockfd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/lock: %s",
		    p->o->data_dir, strerror(errno));
	if (flock(p->lockfd, LOCK_EX | LOCK_NB) != 0)
		return HF_FAIL(err, HF_EEXIST,
		    "another holdfast runs on %s; stop it first, or "
		    "name another folder with --data",
		    p->o->data_dir);
	return HF_OK;
}

int
parent_hold(struct parent *p, const char *name, enum hf_role role, uint8_t zone,
    int fd, struct hf_err *err)
{
	if (fd < 0)
		return fd;
	if (p->nhouse == NHOUSE) {
		close(fd);
		return HF_FAIL(err, HF_ELIMIT, "folders");
	}
	p->house[p->nhouse++] = (struct house_fd){
	    .name = name, .role = role, .zone = zone, .fd = fd};
	return HF_OK;
}

static int
open_key(struct parent *p, struct hf_err *err)
{
	int fd;

	fd = openat(p->datafd, "keys/audit/log.key", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "%s/keys/audit/log.key: %s; "
		    "`holdfast init --data %s` makes it",
		    p->o->data_dir, strerror(errno), p->o->data_dir);
	return parent_hold(p, "key.audit", HF_ROLE_AUDIT, 0, fd, err);
}

static int
open_house(struct parent *p, struct hf_err *err)
{
	static const struct {
		const char *name, *path;
		enum hf_role role;
	} dirs[] = {{"dir.log", "log", HF_ROLE_CORE},
	    {"dir.hist", "hist", HF_ROLE_CORE},
	    {"dir.state", "state", HF_ROLE_CORE},
	    {"dir.detect", "detect", HF_ROLE_CORE},
	    {"dir.audit", "audit", HF_ROLE_AUDIT}};
	const char *data = p->o->data_dir;
	size_t i;
	int rc;

	p->datafd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->datafd < 0 && errno == ENOENT)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "%s: %s; `holdfast init --data %s` makes it", data,
		    strerror(errno), data);
	if (p->datafd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno),
		    "%s: %s; name a folder of your own with --data, or start "
		    "as the user that it belongs to",
		    data, strerror(errno));
	p->pkifd =
	    openat(p->datafd, "pki/own", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = take_lock(p, err);
	for (i = 0; rc == HF_OK && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		rc = parent_hold(p, dirs[i].name, dirs[i].role, 0,
		    hf_house_open(p->datafd, data, dirs[i].path, err), err);
	return rc == HF_OK ? open_key(p, err) : rc;
}

static int
open_run(struct parent *p, struct hf_err *err)
{
	const char *run = p->o->run_dir;
	struct stat st;

	if (mkdir(run, 0755) != 0 && errno != EEXIST)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s: %s", run,
		    strerror(errno));
	if (stat(run, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid())
		return HF_FAIL(err, HF_EDENIED, "%s must be a folder of uid %u",
		    run, (unsigned)geteuid());
	if (snprintf(p->api, sizeof(p->api), "%s/api.sock", run) >= 100)
		return HF_FAIL(
		    err, HF_ELIMIT, "%s: path too long for a socket", run);
	return HF_OK;
}

/* spool/<edge>, made when the edges are known. As root the folder above is
 * ours, and the new one is given to edge while chown is still allowed; when it
 * is not any more, `holdfast init` or a restart does it. */
static int
open_spools(struct parent *p, struct hf_err *err)
{
	struct hf_house_dir d = {.owner = HF_ROLE_EDGE, .mode = 0700};
	char path[96];
	bool is_new;
	size_t i;
	int rc, fd;

	for (i = 0; i < p->now.plant->nedge; i++) {
		snprintf(path, sizeof(path), "spool/%s",
		    p->now.plant->edges[i].name);
		d.path = path;
		rc = hf_house_make(p->datafd, &d, &is_new, err);
		if (rc != HF_OK)
			return rc;
		fd = hf_house_open(p->datafd, p->o->data_dir, path, err);
		rc = parent_hold(
		    p, "dir.spool", HF_ROLE_EDGE, (uint8_t)(i + 1), fd, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

/* ---- wires and roles */

static int
add_pair(struct parent *p, enum hf_role a, enum hf_role b, uint8_t zone,
    struct hf_err *err)
{
	struct pair *w = &p->pairs[p->npair];
	int rc;

	if (p->npair == NPAIR)
		return HF_FAIL(err, HF_ELIMIT, "wires");
	*w = (struct pair){.a = a, .b = b, .zone = zone};
	rc = hf_wire_pair(w->fd, err);
	if (rc == HF_OK)
		p->npair++;
	return rc;
}

static int
make_wires(struct parent *p, struct hf_err *err)
{
	static const enum hf_role both[][2] = {{HF_ROLE_PARENT, HF_ROLE_AUDIT},
	    {HF_ROLE_PARENT, HF_ROLE_CORE}, {HF_ROLE_PARENT, HF_ROLE_WEB},
	    {HF_ROLE_CORE, HF_ROLE_AUDIT}, {HF_ROLE_CORE, HF_ROLE_WEB},
	    {HF_ROLE_WEB, HF_ROLE_AUDIT}};
	static const enum hf_role edges[] = {
	    HF_ROLE_PARENT, HF_ROLE_CORE, HF_ROLE_AUDIT};
	size_t i, z;
	int rc = HF_OK;

	for (i = 0; rc == HF_OK && i < sizeof(both) / sizeof(both[0]); i++)
		rc = add_pair(p, both[i][0], both[i][1], 0, err);
	for (z = 1; z <= p->now.plant->nedge; z++)
		for (i = 0; rc == HF_OK && i < 3; i++)
			rc = add_pair(
			    p, edges[i], HF_ROLE_EDGE, (uint8_t)z, err);
	for (z = 1; rc == HF_OK && z <= p->now.plant->nzone; z++)
		rc =
		    add_pair(p, HF_ROLE_AUDIT, HF_ROLE_BROKER, (uint8_t)z, err);
	return rc;
}

static int
add_inst(struct parent *p, enum hf_role role, uint8_t zone, struct hf_err *err)
{
	struct inst *in = &p->inst[p->ninst++];
	size_t i;

	*in = (struct inst){.p = p,
	    .role = role,
	    .zone = zone,
	    .status = HF_RS_STARTING,
	    .wire = {.fd = -1,
		.self = HF_ROLE_PARENT,
		.peer = role,
		.zone = zone,
		.incarnation = 1}};
	if (role == HF_ROLE_EDGE)
		snprintf(in->who, sizeof(in->who), "edge/%s",
		    p->now.plant->edges[zone - 1].name);
	else if (role == HF_ROLE_BROKER)
		snprintf(in->who, sizeof(in->who), "broker/%s",
		    p->now.plant->zones[zone - 1].name);
	else
		snprintf(in->who, sizeof(in->who), "%s", hf_role_name(role));
	for (i = 0; i < p->npair; i++)
		if (p->pairs[i].a == HF_ROLE_PARENT && p->pairs[i].b == role &&
		    p->pairs[i].zone == zone)
			in->wire.fd = p->pairs[i].fd[0];
	if (role == HF_ROLE_BROKER && broker_new(in, err) != HF_OK)
		return err->rc;
	return inst_watch(in, err);
}

static int
make_roles(struct parent *p, struct hf_err *err)
{
	const struct inst *audit;
	struct hf_wire w;
	size_t z;
	int rc;

	rc = add_inst(p, HF_ROLE_AUDIT, 0, err);
	if (rc == HF_OK)
		rc = add_inst(p, HF_ROLE_CORE, 0, err);
	/* Zones without a broker have one too: a reload may need it. */
	for (z = 1; rc == HF_OK && z <= p->now.plant->nzone; z++)
		rc = add_inst(p, HF_ROLE_BROKER, (uint8_t)z, err);
	for (z = 1; rc == HF_OK && z <= p->now.plant->nedge; z++)
		rc = add_inst(p, HF_ROLE_EDGE, (uint8_t)z, err);
	if (rc == HF_OK)
		rc = add_inst(p, HF_ROLE_WEB, 0, err);
	if (rc != HF_OK)
		return rc;
	audit = &p->inst[0];
	w = audit->wire;
	w.incarnation = 1;
	p->records = hf_recq_new(&w, &p->counters);
	if (p->records == NULL)
		return HF_FAIL(err, HF_ENOMEM, "record queue");
	hf_recq_hold(p->records, true, 0); /* until audit has its plant */
	return HF_OK;
}

/* ---- start */

static void
say_who_runs(const struct parent *p)
{
	static const enum hf_role all[] = {HF_ROLE_AUDIT, HF_ROLE_CORE,
	    HF_ROLE_EDGE, HF_ROLE_WEB, HF_ROLE_BROKER, HF_ROLE_NONE};
	struct hf_ids ids;
	size_t i;

	for (i = 0; p->is_root && i < sizeof(all) / sizeof(all[0]); i++) {
		ids = hf_house_ids(all[i]);
		if (!ids.is_named)
			log_info("role",
			    "user %s does not exist; numeric uid "
			    "%u is used",
			    ids.name, (unsigned)ids.uid);
	}
}

void
parent_configured(struct parent *p)
{
	struct hf_err err = {0};
	int rc;

	rc = open_spools(p, &err);
	if (rc == HF_OK)
		rc = broker_init(p, &err);
	if (rc == HF_OK && p->is_root)
		rc = hf_caps_keep(KEPT_CAPS, &err);
	if (rc == HF_OK)
		rc = make_wires(p, &err);
	if (rc == HF_OK)
		rc = make_roles(p, &err);
	if (rc != HF_OK) {
		log_error("run", "%s", err.msg);
		parent_quit(p, rc);
		return;
	}
	parent_record(p, "system.start", "role:parent", "holdfast", "done",
	    "version " HF_VERSION "%s%.400s",
	    p->missing != 0 ? "; insecure, missing layers: " : "",
	    p->why_missing);
	parent_record(p, "config.change", "role:parent", p->o->conf_dir, "done",
	    "generation %" PRIu64 " at start", p->now.generation);
	say_who_runs(p);
	parent_progress(p);
}

/* All up for the first time: say so, on the terminal. */
static void
announce(struct parent *p)
{
	const struct hf_plant *q = p->now.plant;
	size_t i;

	for (i = 0; i < p->ninst; i++) /* a plant runs without its broker too */
		if (!inst_is_up(&p->inst[i]) &&
		    (p->inst[i].role != HF_ROLE_BROKER ||
			p->inst[i].status == HF_RS_STARTING))
			return;
	p->was_announced = true;
	printf("holdfast " HF_VERSION " runs plant %s/%s: %zu zone%s, %zu "
	       "device%s, %zu tag%s; api %s\n",
	    q->site.enterprise, q->site.site, q->nzone,
	    q->nzone == 1 ? "" : "s", q->ndevice, q->ndevice == 1 ? "" : "s",
	    q->ntag, q->ntag == 1 ? "" : "s", p->api);
	fflush(stdout);
}

/* Starts the next role in the order when the one before is READY, or will not
 * be soon. */
void
parent_progress(struct parent *p)
{
	if (p->stop_step != STOP_NO)
		return;
	while (p->nstarted < p->ninst) {
		if (p->nstarted > 0) {
			const struct inst *in = &p->inst[p->nstarted - 1];

			/* nothing depends on a guest */
			if (in->role != HF_ROLE_BROKER &&
			    (in->status == HF_RS_STARTING ||
				in->status == HF_RS_RESTARTING))
				return;
		}
		if (p->inst[p->nstarted].is_absent)
			p->nstarted++;
		else
			inst_start(&p->inst[p->nstarted++]);
	}
	if (!p->was_announced)
		announce(p);
}

/* ---- stop */

void
parent_quit(struct parent *p, int rc)
{
	p->end_rc = rc;
	hf_loop_stop(p->loop);
}

static bool
are_gone(const struct parent *p, bool is_all)
{
	size_t i;

	for (i = 0; i < p->ninst; i++) {
		const struct inst *in = &p->inst[i];

		if (in->pid > 0 && (is_all || in->role == HF_ROLE_EDGE ||
				       in->role == HF_ROLE_WEB))
			return false;
	}
	return true;
}

static void
stop_role(struct parent *p, enum hf_role role)
{
	size_t i;

	for (i = 0; i < p->ninst; i++)
		if (p->inst[i].role == role)
			inst_stop(&p->inst[i]);
}

/* Goes on to the next step when whoever was asked is gone. */
static void
stop_progress(struct parent *p)
{
	const struct inst *core = inst_find(p, HF_ROLE_CORE, 0);

	if (p->stop_step == STOP_FRONT && are_gone(p, false)) {
		p->stop_step = STOP_CORE;
		stop_role(p, HF_ROLE_CORE);
		hf_timer_in(p->stop_timer, p->t->stop_audit - p->t->stop_core);
	}
	if (p->stop_step == STOP_CORE && (core == NULL || core->pid == 0)) {
		p->stop_step = STOP_AUDIT;
		stop_role(p, HF_ROLE_BROKER);
		stop_role(p, HF_ROLE_AUDIT);
		hf_timer_in(p->stop_timer, p->t->stop_kill - p->t->stop_audit);
	}
	if (are_gone(p, true))
		parent_quit(p, p->had_to_kill ? HF_ETIMEDOUT : HF_OK);
}

static void
kill_all(struct parent *p)
{
	size_t i;

	p->stop_step = STOP_KILLED;
	for (i = 0; i < p->ninst; i++)
		if (p->inst[i].pid > 0) {
			log_error("run",
			    "%s did not stop in time and is killed%s",
			    p->inst[i].who,
			    p->inst[i].role == HF_ROLE_AUDIT
				? "; its log may be without a last checkpoint "
				  "until the next start"
				: "");
			kill(p->inst[i].pid, SIGKILL);
			p->had_to_kill = true;
		}
}

/* A step took all its time: the next one begins all the same. */
static void
on_stop_timer(void *arg)
{
	struct parent *p = arg;

	if (p->stop_step == STOP_FRONT) {
		p->stop_step = STOP_CORE;
		stop_role(p, HF_ROLE_CORE);
		hf_timer_in(p->stop_timer, p->t->stop_audit - p->t->stop_core);
	} else if (p->stop_step == STOP_CORE) {
		p->stop_step = STOP_AUDIT;
		stop_role(p, HF_ROLE_BROKER);
		stop_role(p, HF_ROLE_AUDIT);
		hf_timer_in(p->stop_timer, p->t->stop_kill - p->t->stop_audit);
	} else if (p->stop_step == STOP_AUDIT) {
		kill_all(p);
	}
}

static void
on_stop(void *arg)
{
	struct parent *p = arg;

	if (p->stop_step != STOP_NO)
		return;
	log_info("run", "stopping");
	if (p->reload.pid > 0)
		kill(p->reload.pid, SIGKILL);
	p->stop_step = STOP_FRONT;
	if (p->records != NULL)
		parent_record(p, "system.stop", "role:parent", "holdfast",
		    "done", "stopped on request");
	stop_role(p, HF_ROLE_WEB);
	stop_role(p, HF_ROLE_EDGE);
	hf_timer_in(p->stop_timer, p->t->stop_core);
	stop_progress(p);
}

/* ---- loop */

static void
on_child(void *arg)
{
	struct parent *p = arg;
	pid_t pid;
	size_t i;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (conf_died(p, pid, st))
			continue;
		for (i = 0; i < p->ninst; i++)
			if (p->inst[i].pid == pid) {
				inst_died(&p->inst[i], st);
				break;
			}
	}
	if (p->stop_step != STOP_NO)
		stop_progress(p);
}

static void
on_hangup(void *arg)
{
	struct parent *p = arg;

	if (p->ninst > 0)
		conf_ask_reload(p, NULL, 0, 0);
}

static void
on_tick(void *arg)
{
	struct parent *p = arg;
	const struct inst *core = inst_find(p, HF_ROLE_CORE, 0);
	struct hf_buf b;

	hf_timer_in(p->ticker, HF_NS_PER_S);
	if (p->records != NULL)
		hf_recq_tick(p->records, hf_mono_ns());
	lend_tick(p);
	if (core == NULL || !inst_is_up(core))
		return;
	inst_tell_core(p);
	hf_buf_init(&b, 4096);
	hf_counters_encode(&p->counters, &b);
	(void)hf_wire_send(
	    &core->wire, HF_MSG_COUNTERS, 0, b.p, b.len, NULL, 0, -1, NULL);
	hf_buf_fini(&b);
}

static int
make_loop(struct parent *p, struct hf_err *err)
{
	p->rx = malloc(HF_MSG_MAX);
	p->loop = hf_loop_new();
	if (p->loop == NULL || p->rx == NULL)
		return HF_FAIL(err, HF_ENOMEM, "event loop");
	p->signals[0] = hf_loop_signal(p->loop, SIGCHLD, on_child, p);
	p->signals[1] = hf_loop_signal(p->loop, SIGTERM, on_stop, p);
	p->signals[2] = hf_loop_signal(p->loop, SIGINT, on_stop, p);
	p->signals[3] = hf_loop_signal(p->loop, SIGHUP, on_hangup, p);
	p->ticker = hf_loop_timer(p->loop, on_tick, p);
	p->stop_timer = hf_loop_timer(p->loop, on_stop_timer, p);
	if (p->signals[0] == NULL || p->signals[1] == NULL ||
	    p->signals[2] == NULL || p->signals[3] == NULL ||
	    p->ticker == NULL || p->stop_timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "event loop");
	hf_timer_in(p->ticker, HF_NS_PER_S);
	return HF_OK;
}

/* What this machine lacks; refused unless --insecure. */
static int
probe(struct parent *p, struct hf_err *err)
{
	char names[128];
	uint32_t have;

	have = hf_sandbox_probe(p->why_missing, sizeof(p->why_missing));
	p->missing = ALL_LAYERS & ~have;
#ifdef HF_SANITIZED
	p->missing &= ~(uint32_t)HF_LAYER_SECCOMP; /* never there, by build */
#endif
	if (p->missing == 0) {
		p->why_missing[0] = '\0';
		return HF_OK;
	}
	hf_layer_text(p->missing, names, sizeof(names));
	if (!p->o->is_insecure)
		return HF_FAIL(err, HF_EDENIED,
		    "missing sandbox layers: %s "
		    "(%.300s); start as root, or add --insecure to run with "
		    "what there is",
		    names, p->why_missing);
	log_warn(
	    "run", "INSECURE: missing layers: %s (%s)", names, p->why_missing);
	return HF_OK;
}

static int
start(struct parent *p, struct hf_err *err)
{
	int rc;

	rc = probe(p, err);
	if (rc == HF_OK)
		rc = open_house(p, err);
	if (rc == HF_OK)
		rc = open_run(p, err);
	if (rc == HF_OK)
		rc = make_loop(p, err);
	if (rc == HF_OK) {
		p->reload.is_first = true;
		rc = conf_read(p, err);
	}
	return rc;
}

static void
finish(struct parent *p)
{
	size_t i;

	for (i = 0; i < p->ninst; i++) {
		if (p->inst[i].pid > 0)
			kill(p->inst[i].pid, SIGKILL);
		hf_watch_free(p->inst[i].watch);
		hf_watch_free(p->inst[i].timer);
		broker_free(&p->inst[i]);
	}
	for (i = 0; i < p->npair; i++) {
		close(p->pairs[i].fd[0]);
		close(p->pairs[i].fd[1]);
	}
	for (i = 0; i < p->nhouse; i++)
		close(p->house[i].fd);
	for (i = 0; i < 4; i++)
		hf_watch_free(p->signals[i]);
	hf_watch_free(p->ticker);
	hf_watch_free(p->stop_timer);
	hf_watch_free(p->reload.timer);
	config_fini(&p->now);
	config_fini(&p->reload.next);
	hf_recq_free(p->records);
	hf_loop_free(p->loop);
	free(p->rx);
	if (p->api[0] != '\0')
		(void)unlink(p->api);
	if (p->conffd >= 0)
		close(p->conffd);
	if (p->pkifd >= 0)
		close(p->pkifd);
	if (p->brokerfd >= 0)
		close(p->brokerfd);
	if (p->lockfd >= 0)
		close(p->lockfd);
	if (p->datafd >= 0)
		close(p->datafd);
	free(p);
}

int
hf_parent_run(const struct hf_parent_opts *o)
{
	struct hf_err err = {0};
	struct parent *p;
	int rc;

	hf_log_init("parent", STDERR_FILENO, (enum hf_log_level)o->log_level);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return HF_ENOMEM;
	p->o = o;
	p->t = o->times != NULL ? o->times : &hf_parent_times;
	p->datafd = p->lockfd = p->conffd = p->pkifd = p->brokerfd = -1;
	p->now.memfd = p->reload.next.memfd = -1;
	p->reload.out = p->reload.report = p->reload.certs = -1;
	p->is_root = geteuid() == 0;
	p->netns = hf_ns_inode("net");
	p->mntns = hf_ns_inode("mnt");
	rc = start(p, &err);
	if (rc == HF_OK) {
		hf_loop_run(p->loop);
		rc = p->end_rc;
	} else {
		log_error("run", "%s", err.msg);
	}
	finish(p);
	return rc;
}
