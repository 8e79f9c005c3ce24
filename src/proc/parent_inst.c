/* SPDX-License-Identifier: Apache-2.0
 *
 * parent_inst.c - one role's process: how it is launched, what it may say to
 * the parent, and what happens when it dies.
 *
 *              launch              READY             (a minute of health:
 *   (nothing) --------> STARTING --------> READY      back-off forgotten)
 *                ^         | death, or     | death
 *                |         | READY late    v
 *                +---- RESTARTING <--------+   0.1 s, doubling to 30 s
 *                |         | three deaths within a minute
 *                +----- FAILING   tried every 30 s for ever, alarm by core
 *   exit code 78 (a layer is missing) or 79, or "no" to its first plant:
 *   REFUSED, and it stays down.
 *
 * Launch: fork; in the child: detached mounts of its directories, own mount,
 * IPC and UTS namespaces, an empty network namespace for all but edge; then its
 * listeners; then exec of this program. Edge, which has the field's traffic,
 * stays in the host's network namespace in this version. The place for its
 * zone's namespace and for the cgroup is marked in launch().
 *
 * Any message that breaks the table ends its sender: the parent's own wires are
 * checked here, the others by who receives (VIOLATION).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "proc/house.h"
#include "proc/parent.h"
#include "proc/role.h"

#define API_BACKLOG 64
#define API_MODE 0666 /* who may act is decided by uid, per request */
#define PUMP_MAX 64   /* messages of one role in one turn of the loop */

struct inst *
inst_find(struct parent *p, enum hf_role r, uint8_t zone)
{
	size_t i;

	for (i = 0; i < p->ninst; i++)
		if (p->inst[i].role == r && p->inst[i].zone == zone)
			return &p->inst[i];
	return NULL;
}

bool
inst_is_up(const struct inst *in)
{
	if (in->role == HF_ROLE_BROKER) /* takes no configuration by wire */
		return in->is_absent || in->status == HF_RS_READY;
	return in->status == HF_RS_READY && in->applied != 0;
}

/* ---- what others are told of a role */

static bool
send_state(struct parent *p, const struct inst *core, const struct inst *in)
{
	struct hf_role_state s = {.role = (uint8_t)in->role,
	    .zone = in->zone,
	    .status = in->status,
	    .pid = in->pid,
	    .restarts = in->restarts,
	    .layers = in->layers,
	    .missing = in->missing,
	    .since_ns = in->since_ns,
	    .cert_end_ns =
		in->role == HF_ROLE_BROKER ? p->cert_end_ns[in->zone - 1] : 0};
	struct hf_buf b;
	int rc;

	hf_strcpy(s.text, sizeof(s.text), in->text);
	hf_buf_init(&b, 600);
	hf_role_state_encode(&s, &b);
	rc = hf_wire_send(
	    &core->wire, HF_MSG_ROLE_STATE, 0, b.p, b.len, NULL, 0, -1, NULL);
	hf_buf_fini(&b);
	return rc == HF_OK;
}

void
inst_tell_core(struct parent *p)
{
	const struct inst *core = inst_find(p, HF_ROLE_CORE, 0);
	size_t i;

	if (core == NULL || !inst_is_up(core))
		return;
	for (i = 0; i < p->ninst; i++)
		if (p->inst[i].is_untold && send_state(p, core, &p->inst[i]))
			p->inst[i].is_untold = false;
}

void
inst_status(struct inst *in, enum hf_role_status s, const char *fmt, ...)
{
	char
	    text[sizeof(in->text)]; /* fmt's arguments may be in->text itself */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(in->text, text, sizeof(in->text));
	in->status = (uint8_t)s;
	in->since_ns = hf_wall_ns();
	in->is_untold = true;
	if (s == HF_RS_FAILING || s == HF_RS_REFUSED)
		log_error("role", "%s is %s: %s", in->who,
		    hf_role_status_words[s], in->text);
	else if (s == HF_RS_READY) /* of its own, so that it is not held back */
		log_info("role", "%s is ready", in->who);
	else
		log_info("role", "%s is %s", in->who, hf_role_status_words[s]);
	inst_tell_core(in->p);
}

/* ---- launch */

static int
bind_api(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd;

	if (!hf_strcpy(at.sun_path, sizeof(at.sun_path), path))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)unlink(path); /* of the process before */
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    chmod(path, API_MODE) != 0 || listen(fd, API_BACKLOG) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
give_fd(struct hf_role_args *a, const char *name, int fd)
{
	if (a->nfd == HF_ROLE_NFD || fd < 0)
		return;
	hf_strcpy(a->fds[a->nfd].name, sizeof(a->fds[a->nfd].name), name);
	a->fds[a->nfd++].fd = fd;
}

/* The role's ends of its wires, under the peers' names. */
static void
give_wires(const struct inst *in, struct hf_role_args *a)
{
	const struct parent *p = in->p;
	char name[32];
	size_t i;

	for (i = 0; i < p->npair; i++) {
		const struct pair *w = &p->pairs[i];
		int end = w->a == in->role ? 0 : 1;
		enum hf_role peer = end == 0 ? w->b : w->a;

		if (w->a != in->role && w->b != in->role)
			continue;
		if (in->role == HF_ROLE_EDGE && w->zone != in->zone)
			continue;
		if (peer == HF_ROLE_EDGE || peer == HF_ROLE_BROKER)
			snprintf(name, sizeof(name), "%s%u", hf_role_name(peer),
			    w->zone);
		else
			snprintf(name, sizeof(name), "%s", hf_role_name(peer));
		give_fd(a, name, w->fd[end]);
	}
}

/* Directories and keys; a directory comes with its detached mount. */
static void
give_house(const struct inst *in, struct hf_role_args *a)
{
	const struct parent *p = in->p;
	char tree[40];
	size_t i;
	int fd;

	for (i = 0; i < p->nhouse; i++) {
		const struct house_fd *h = &p->house[i];

		if (h->role != in->role || h->zone != in->zone)
			continue;
		give_fd(a, h->name, h->fd);
		if (strncmp(h->name, "dir.", 4) != 0)
			continue;
		fd = hf_tree_clone(h->fd);
		snprintf(tree, sizeof(tree), "tree.%s", h->name + 4);
		give_fd(a, tree, fd > 0 ? fd : -1);
	}
}

static void
exec_role(const struct hf_role_args *a, const char *name)
{
	int keep[HF_ROLE_NFD];
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, 4096);
	hf_buf_puts(&b, HF_ROLE_ENV "=");
	if (hf_role_args_put(a, &b) != HF_OK)
		_exit(HF_RX_FAILED);
	for (i = 0; i < a->nfd; i++)
		keep[i] = a->fds[i].fd;
	hf_proc_exec_self(name, hf_buf_cstr(&b), keep, a->nfd);
	_exit(HF_RX_FAILED);
}

/* The launcher child; does not return. */
static void
launch(const struct inst *in)
{
	const struct parent *p = in->p;
	/* web has no listener of its own but a unix socket, which is bound by
	 * path: it needs no network either. */
	bool is_closed = in->role != HF_ROLE_EDGE;
	struct hf_ids ids = hf_house_ids(in->role);
	struct hf_role_args a = {.role = in->role,
	    .zone = in->zone,
	    .incarnation = in->incarnation,
	    .is_insecure = p->o->is_insecure,
	    .uid = p->is_root ? ids.uid : (uid_t)-1,
	    .gid = p->is_root ? ids.gid : (gid_t)-1,
	    .evidence_gid = in->role == HF_ROLE_AUDIT && p->is_root
				? hf_house_evidence()
				: (gid_t)-1,
	    .log_level = p->o->log_level,
	    .host_netns = p->netns,
	    .host_mntns = p->mntns};

	give_wires(in, &a);
	give_house(in, &a);
	if (in->role == HF_ROLE_EDGE)
		lend_give(in, &a);
	/* Zones come here: the parent moves this child into its cgroup, then
	 * setns() to the zone's network namespace for edge. */
	hf_proc_isolate(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
			(is_closed ? CLONE_NEWNET : 0));
	if (in->role == HF_ROLE_WEB)
		give_fd(&a, "listen", bind_api(p->api));
	exec_role(&a, hf_role_name(in->role));
}

static void on_timer(void *arg);
static void schedule(struct inst *in, const char *how);

void
inst_start(struct inst *in)
{
	struct hf_err err = {0};
	int rc = HF_OK;

	in->incarnation++;
	in->wire.incarnation = in->incarnation;
	in->layers = in->missing = 0;
	in->offered = in->applied = 0;
	in->was_stopped = in->is_violator = false;
	if (in->incarnation > 1 && !in->is_planned) {
		in->restarts++;
		hf_count(&in->p->counters, HF_C_R_RESTARTS, 1);
	}
	in->is_planned = false;
	if (in->role == HF_ROLE_BROKER)
		rc = broker_prepare(in, &err);
	if (rc == HF_EAGAIN) {
		log_warn("role", "%s cannot start: %s", in->who, err.msg);
		schedule(in, err.msg);
		parent_progress(in->p);
		return;
	}
	if (rc != HF_OK) {
		inst_refuse(in, err.msg);
		return;
	}
	if (in->role == HF_ROLE_EDGE)
		in->lent = in->lent_seen = lend_print(in);
	in->pid = hf_proc_fork();
	if (in->pid == 0 && in->role == HF_ROLE_BROKER)
		broker_launch(in);
	if (in->pid == 0)
		launch(in);
	if (in->pid < 0) {
		in->pid = 0;
		inst_status(in, HF_RS_RESTARTING, "fork: %s", strerror(errno));
		hf_timer_in(in->timer, in->p->t->failing);
		return;
	}
	inst_status(in, HF_RS_STARTING, "%s", in->text);
	hf_timer_in(in->timer, in->p->t->ready);
	if (in->role == HF_ROLE_BROKER)
		broker_started(in);
}

void
inst_renew(struct inst *in, const char *why)
{
	if (in->pid <= 0 || in->was_stopped)
		return;
	log_info("role", "%s is started anew: %s", in->who, why);
	in->is_planned = true;
	inst_stop(in);
	hf_timer_in(in->timer, in->p->t->stop_kill);
}

/* ---- death */

/* What a violator still had on its wires is dropped unread, so that its next
 * process does not answer for it. */
static void
drain(struct inst *in)
{
	struct parent *p = in->p;
	size_t i;
	int n;

	for (i = 0; i < p->npair; i++) {
		const struct pair *w = &p->pairs[i];
		bool is_mine =
		    (w->a == in->role || w->b == in->role) &&
		    (in->role != HF_ROLE_EDGE || w->zone == in->zone);

		for (n = 0; is_mine && n < 100000; n++)
			if (recv(w->fd[w->a == in->role ? 1 : 0], NULL, 0,
				MSG_TRUNC | MSG_DONTWAIT) < 0)
				break;
	}
}

/* Notes this death; are there NDEATH within the window? */
static bool
dies_often(struct inst *in, int64_t now)
{
	memmove(in->deaths_ns, in->deaths_ns + 1,
	    sizeof(in->deaths_ns) - sizeof(in->deaths_ns[0]));
	in->deaths_ns[NDEATH - 1] = now;
	return in->deaths_ns[0] != 0 &&
	       now - in->deaths_ns[0] <= in->p->t->window;
}

static void
schedule(struct inst *in, const char *how)
{
	const struct hf_parent_times *t = in->p->t;
	bool was_failing = in->is_failing;

	if (dies_often(in, hf_mono_ns())) {
		inst_status(in, HF_RS_FAILING, "%s", how);
		in->is_failing = true;
		if (!was_failing)
			parent_record(in->p, "role.failing", "role:parent",
			    in->who, "failed",
			    "%d deaths within %lld s; "
			    "tried every %lld s; last: %s",
			    NDEATH, (long long)(t->window / HF_NS_PER_S),
			    (long long)(t->failing / HF_NS_PER_S), how);
		hf_timer_in(in->timer, t->failing);
		return;
	}
	if (in->back_ns == 0)
		in->back_ns = t->back_first;
	hf_timer_in(in->timer, in->back_ns);
	in->back_ns =
	    in->back_ns * 2 < t->back_max ? in->back_ns * 2 : t->back_max;
	inst_status(in, HF_RS_RESTARTING, "%s", how);
}

void
inst_refuse(struct inst *in, const char *why)
{
	inst_status(in, HF_RS_REFUSED, "%s", why);
	parent_record(in->p, "role.failing", "role:parent", in->who, "refused",
	    "stays down: %s", why);
	if (in->pid > 0)
		kill(in->pid, SIGKILL);
	parent_progress(in->p);
}

void
inst_died(struct inst *in, int st)
{
	int code = WIFEXITED(st) ? WEXITSTATUS(st) : -1;
	bool was_asked = in->was_stopped,
	     was_refused = in->status == HF_RS_REFUSED;
	char how[300];

	hf_proc_end_text(st, how, sizeof(how));
	if (in->role == HF_ROLE_BROKER)
		broker_log_hint(in, how, sizeof(how));
	in->pid = 0;
	if (in->is_violator) {
		drain(in);
		hf_strcpy(how, sizeof(how), in->text);
	}
	conf_inst_gone(in);
	if (in->role == HF_ROLE_AUDIT)
		hf_recq_hold(in->p->records, true, hf_mono_ns());
	if (in->p->stop_step > 0) {
		if (code != 0)
			log_warn(
			    "role", "%s ended at the stop: %s", in->who, how);
		inst_status(
		    in, HF_RS_STOPPED, "%s", was_asked && code == 0 ? "" : how);
		return;
	}
	if (was_refused)
		return;
	if (in->is_absent) {
		in->is_planned = false;
		inst_status(in, HF_RS_STOPPED, "the plant has none here");
		return;
	}
	if (in->is_planned) {
		inst_start(in);
		return;
	}
	parent_record(
	    in->p, "role.death", "role:parent", in->who, "failed", "%s", how);
	log_warn("role", "%s died: %s", in->who, how);
	if (code == HF_RX_SANDBOX)
		inst_refuse(in, "a mandatory sandbox layer is missing; its log "
				"line says which");
	else if (code == HF_RX_CONFIG)
		inst_refuse(in, "it cannot work with this configuration; its "
				"log line says why");
	else
		schedule(in, how);
	parent_progress(in->p);
}

static void
on_timer(void *arg)
{
	struct inst *in = arg;

	if (in->p->stop_step > 0)
		return;
	if (in->pid > 0 && (in->is_planned || in->is_absent)) {
		kill(in->pid, SIGKILL); /* it does not end by itself */
		return;
	}
	switch (in->status) {
	case HF_RS_STARTING:
		if (in->pid > 0) {
			log_warn("role", "%s: no READY in time", in->who);
			kill(in->pid, SIGKILL);
		}
		break;
	case HF_RS_RESTARTING:
	case HF_RS_FAILING:
		if (in->pid == 0)
			inst_start(in);
		break;
	case HF_RS_READY:
		in->back_ns = 0; /* a minute of health */
		in->is_failing = false;
		break;
	default:
		break;
	}
}

void
inst_stop(struct inst *in)
{
	if (in->pid <= 0 || in->was_stopped)
		return;
	in->was_stopped = true;
	if (in->role == HF_ROLE_BROKER)
		kill(in->pid, SIGTERM);
	else if (hf_wire_send(&in->wire, HF_MSG_STOP, 0, NULL, 0, NULL, 0, -1,
		     NULL) != HF_OK) {
		log_error("run", "%s takes no messages and is killed", in->who);
		in->p->had_to_kill |= in->p->stop_step > 0;
		kill(in->pid, SIGKILL); /* its queue is full: it hangs */
	}
}

/* ---- what a role says */

static void
end_violator(struct inst *in, const char *who_says, const char *text)
{
	if (in->pid <= 0 || in->is_violator)
		return; /* of a process that is gone already */
	in->is_violator = true;
	snprintf(in->text, sizeof(in->text),
	    "ended for a forbidden message: "
	    "%.300s",
	    text);
	hf_count(&in->p->counters, HF_C_M_VIOLATIONS, 1);
	parent_record(
	    in->p, "message.violation", who_says, in->who, "deny", "%s", text);
	kill(in->pid, SIGKILL);
}

void
inst_ready(struct inst *in, const char *missing)
{
	char layers[128];

	hf_layer_text(in->layers, layers, sizeof(layers));
	inst_status(in, HF_RS_READY, "%s", in->text); /* the last death stays */
	if (in->missing != 0)
		log_warn("role", "%s runs without: %s", in->who, missing);
	parent_record(in->p, "role.start", "role:parent", in->who,
	    in->missing == 0 ? "done" : "insecure", "layers: %s%s%s", layers,
	    in->missing != 0 ? "; missing: " : "", missing);
	hf_timer_in(in->timer, in->p->t->healthy);
}

static void
on_ready(struct inst *in, const struct hf_msg *m)
{
	char missing[512];
	struct hf_rd r;

	if (in->status != HF_RS_STARTING)
		return;
	hf_rd_init(&r, m->p, m->n);
	in->layers = hf_rd_u32(&r);
	in->missing = hf_rd_u32(&r);
	hf_printable(missing, sizeof(missing), m->p + 8, m->n - 8);
	inst_ready(in, missing);
	conf_offer(in, &in->p->now);
	parent_progress(in->p);
}

/* May `by` know what `in` sent? Only if they share a wire. */
static bool
share_wire(const struct inst *by, const struct inst *in)
{
	const struct parent *p = by->p;
	uint8_t zone = by->zone != 0 ? by->zone : in->zone;
	size_t i;

	for (i = 0; i < p->npair; i++) {
		const struct pair *w = &p->pairs[i];

		if (w->zone == zone &&
		    ((w->a == by->role && w->b == in->role) ||
			(w->b == by->role && w->a == in->role)))
			return true;
	}
	return false;
}

static void
on_violation(struct inst *by, const struct hf_msg *m)
{
	uint8_t role, zone;
	char text[400], who[32], line[500];
	struct inst *in;
	struct hf_rd r;
	uint32_t reason;
	uint16_t type;

	hf_rd_init(&r, m->p, m->n);
	role = hf_rd_u8(&r);
	zone = hf_rd_u8(&r);
	type = hf_rd_u16(&r);
	reason = hf_rd_u32(&r);
	hf_printable(text, sizeof(text), m->p + 8, m->n - 8);
	in = inst_find(by->p, (enum hf_role)role, zone);
	if (in == NULL || in == by || !share_wire(by, in)) {
		end_violator(by, "role:parent",
		    "reports a role that it has no "
		    "wire to");
		return;
	}
	snprintf(who, sizeof(who), "role:%s", hf_role_name(by->role));
	snprintf(line, sizeof(line), "%s, type %u: %s",
	    hf_violation_name((enum hf_violation)reason), type, text);
	end_violator(in, who, line);
}

static void
on_reload(struct inst *in, const struct hf_msg *m)
{
	struct hf_err err = {0};
	struct hf_query q;

	if (hf_query_decode(m->p, m->n, &q, &err) != HF_OK ||
	    q.kind != HF_Q_RELOAD)
		end_violator(in, "role:parent", "RELOAD that does not decode");
	else
		conf_ask_reload(in->p, &q, m->req, in->incarnation);
}

static void
on_ack(struct inst *in, const struct hf_msg *m)
{
	struct hf_err err = {0};

	if (hf_recq_ack(in->p->records, m->p, m->n, &err) != HF_OK)
		end_violator(in, "role:parent", err.msg);
}

static void
on_message(struct inst *in, const struct hf_msg *m)
{
	if (m->incarnation != in->incarnation)
		return; /* of a process that is gone */
	switch (m->type) {
	case HF_MSG_READY:
		on_ready(in, m);
		break;
	case HF_MSG_CONFIG_REPLY:
		conf_reply(in, m);
		break;
	case HF_MSG_VIOLATION:
		on_violation(in, m);
		break;
	case HF_MSG_RELOAD:
		on_reload(in, m);
		break;
	case HF_MSG_RECORD_ACK:
		on_ack(in, m);
		break;
	default: /* the table lets nothing else through */
		break;
	}
}

static void
on_readable(void *arg)
{
	struct inst *in = arg;
	enum hf_violation v;
	struct hf_err err;
	struct hf_msg m;
	int i, rc;

	for (i = 0; i < PUMP_MAX; i++) {
		err = (struct hf_err){0};
		rc = hf_wire_recv(&in->wire, in->p->rx, &m, &v, &err);
		if (rc == HF_EAGAIN)
			return;
		if (rc == HF_ECLOSED) { /* shutdown() by the role itself */
			hf_watch_enable(in->watch, false);
			inst_refuse(in, "it broke its wire to the parent; "
					"restart holdfast");
			return;
		}
		if (rc == HF_OK)
			on_message(in, &m);
		else
			end_violator(in, "role:parent", err.msg);
	}
}

int
inst_watch(struct inst *in, struct hf_err *err)
{
	struct hf_loop *loop = in->p->loop;

	in->watch = hf_loop_read(loop, in->wire.fd, on_readable, in);
	in->timer = hf_loop_timer(loop, on_timer, in);
	if (in->watch == NULL || in->timer == NULL)
		return HF_FAIL(err, HF_ENOMEM, "watch of %s", in->who);
	return HF_OK;
}
