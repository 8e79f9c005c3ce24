/* SPDX-License-Identifier: Apache-2.0
 *
 * web.c - role web: the API socket on one side, core, audit and parent on the
 * other.
 *
 * The promise: no files, no other sockets. It accepts on the unix socket that
 * it inherits as "listen", in an empty network namespace with an empty root,
 * and its system calls hold neither socket nor connect, bind or listen. It has
 * no keys and knows nothing by itself: every request becomes one question
 * (model/query.h) to the role that knows, every answer goes back as it came.
 *
 * Who may act (acknowledge, shelve, reload): uid 0; whoever has group
 * hf-operators among the groups that the kernel noted when they connected
 * (SO_PEERCRED and SO_PEERGROUPS); and under --insecure the uid that started
 * the parent, which is then our own. The number of the group is read once,
 * before the sandbox: a group made later counts from web's next start. A person
 * put into the group counts from their next login, as everywhere.
 *
 * The socket is served from the first plant on. Until then callers wait in its
 * backlog.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proc/role.h"
#include "web/http.h"

#define GROUP_OPERATORS "hf-operators"
#define NGROUP_MAX 4096 /* groups of one caller that we look at */
#define MEMORY_MAX \
	(INT64_C(2) << 30) /* one whole answer of 5 M points, mapped
					 and decoded, and room */

struct web {
	struct hf_role_ctx ctx;
	struct hf_web *http; /* NULL before the first plant */
	gid_t operators;     /* (gid_t)-1: there is no such group */
	uid_t starter;	     /* --insecure: who started us; else -1 */
};

static const struct hf_role_spec web_spec = {
    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_NET | HF_LAYER_ROOT |
		 HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
    .calls = HF_CALLS_LISTEN,
    .max_memory_bytes = MEMORY_MAX,
    .max_files = 256,
};

static int
web_ask(void *arg, enum hf_role to, uint64_t req, const struct hf_query *q,
    struct hf_err *err)
{
	static const enum hf_msg_type types[HF_NROLE] = {
	    [HF_ROLE_CORE] = HF_MSG_QUERY,
	    [HF_ROLE_AUDIT] = HF_MSG_AUDIT_QUERY,
	    [HF_ROLE_PARENT] = HF_MSG_RELOAD,
	};
	struct web *me = arg;
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, HF_MSG_MAX);
	rc = hf_query_encode(q, &b);
	if (rc != HF_OK)
		(void)HF_FAIL(err, rc, "question does not encode");
	else
		rc = hf_role_send(
		    &me->ctx, to, 0, types[to], req, b.p, b.len, err);
	hf_buf_fini(&b);
	return rc;
}

static bool
has_group(const struct hf_caller *c, gid_t gid)
{
	socklen_t n = NGROUP_MAX * sizeof(gid_t);
	gid_t *groups;
	bool found = false;
	size_t i;

	if (c->gid == gid)
		return true;
	groups = malloc(n);
	if (groups == NULL)
		return false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) == 0)
		for (i = 0; i < n / sizeof(gid_t) && !found; i++)
			found = groups[i] == gid;
	free(groups);
	return found;
}

static bool
web_may_act(void *arg, const struct hf_caller *c)
{
	const struct web *me = arg;

	if (c->uid == 0)
		return true;
	if (me->starter != (uid_t)-1 && c->uid == me->starter)
		return true;
	return me->operators != (gid_t)-1 && has_group(c, me->operators);
}

static void
web_record(void *arg, const struct hf_record *r)
{
	struct web *me = arg;

	(void)hf_role_record(&me->ctx, r); /* a loss is counted there */
}

static const char *
web_unit_of(void *arg, const char *path)
{
	const struct web *me = arg;
	const struct hf_tag *t;

	if (me->ctx.plant == NULL)
		return NULL;
	t = hf_plant_tag(me->ctx.plant, path);
	return t != NULL ? t->unit : NULL;
}

/* ANSWER: i32 rc, then the rest inline. */
static int
take_inline(struct web *me, enum hf_role from, const struct hf_msg *m,
    struct hf_err *err)
{
	struct hf_rd r;
	int32_t rc;

	hf_rd_init(&r, m->p, m->n);
	rc = (int32_t)hf_rd_u32(&r);
	if (!hf_rd_ok(&r))
		return HF_FAIL(err, HF_EPROTO, "answer of %zu bytes", m->n);
	return hf_web_answer(
	    me->http, from, m->req, rc, r.p, hf_rd_left(&r), err);
}

/* ANSWER_BULK: u64 size, i32 rc, u32 0; the memfd was checked on receipt. */
static int
take_bulk(struct web *me, enum hf_role from, const struct hf_msg *m,
    struct hf_err *err)
{
	const void *p = "";
	struct hf_rd r;
	uint64_t size;
	int32_t rc;
	int res;

	hf_rd_init(&r, m->p, m->n);
	size = hf_rd_u64(&r);
	rc = (int32_t)hf_rd_u32(&r);
	if (!hf_rd_ok(&r) || size != m->memfd_size || m->memfd < 0)
		return HF_FAIL(err, HF_EPROTO,
		    "large answer without its "
		    "memory");
	if (size > 0)
		p = hf_memfd_map(m->memfd, size, err);
	if (p == NULL)
		return hf_web_answer(me->http, from, m->req, HF_ENOMEM,
		    "web has no memory for this answer; ask for less", 47, err);
	res = hf_web_answer(me->http, from, m->req, rc, p, size, err);
	if (size > 0)
		(void)munmap((void *)(uintptr_t)p, size);
	return res;
}

static int
web_message(
    void *arg, const struct hf_wire *from, struct hf_msg *m, struct hf_err *err)
{
	struct web *me = arg;

	if (me->http == NULL)
		return HF_OK; /* nothing was asked yet: for a former web */
	if (m->type == HF_MSG_ANSWER)
		return take_inline(me, from->peer, m, err);
	if (m->type == HF_MSG_ANSWER_BULK)
		return take_bulk(me, from->peer, m, err);
	return HF_FAIL(
	    err, HF_EPROTO, "web does not take %s", hf_msg_rows[m->type].name);
}

/* The first plant opens the door; later ones change nothing here. */
static int
web_apply(void *arg, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct web *me = arg;
	const struct hf_web_host host = {
	    .loop = me->ctx.loop,
	    .listen_fd = hf_role_ctx_fd(&me->ctx, "listen"),
	    .counters = &me->ctx.counters,
	    .ask = web_ask,
	    .may_act = web_may_act,
	    .record = web_record,
	    .unit_of = web_unit_of,
	    .arg = me,
	    /* Answers meant for a former web may still be on the wires. */
	    .first_req = (uint64_t)me->ctx.args.incarnation << 32,
	};

	hf_plant_free(old);
	if (me->http != NULL)
		return HF_OK;
	if (host.listen_fd < 0)
		return HF_FAIL(err, HF_EIO,
		    "no listening socket was "
		    "inherited");
	return hf_web_new(&host, &me->http, err);
}

/* What is still asked gets no answer any more: the connections end. The last
 * minute's data.access goes out first; audit stops after us. */
static void
web_stop(void *arg)
{
	struct web *me = arg;

	hf_web_free(me->http);
	me->http = NULL;
	hf_role_stopped(&me->ctx);
}

static const struct hf_role_hooks web_hooks = {
    .apply = web_apply,
    .stop = web_stop,
    .message = web_message,
};

int
hf_role_web(const struct hf_role_args *a)
{
	struct web me = {.operators = (gid_t)-1, .starter = (uid_t)-1};
	const struct group *g = getgrnam(GROUP_OPERATORS);

	if (g != NULL)
		me.operators = g->gr_gid;
	if (a->is_insecure)
		me.starter = getuid();
	if (hf_role_start(&me.ctx, a, &web_spec, &web_hooks, &me) != HF_OK)
		return hf_role_exit_code(&me.ctx);
	if (me.operators == (gid_t)-1)
		log_info("web",
		    "no group " GROUP_OPERATORS ": only root%s may "
		    "acknowledge, shelve and reload",
		    a->is_insecure ? " and who started this" : "");
	/* Without STOP (the parent died) the server is left to the kernel: its
	 * loop is gone with the context. */
	return hf_role_run(&me.ctx);
}
