/* SPDX-License-Identifier: Apache-2.0
 *
 * parent_conf.c - the configuration: read by a child that has no rights, handed
 * to every role in two steps.
 *
 * Reading: `--role conf` gets the plant's directory and two memory files, out
 * and report. What it wrote to out is copied into a memory file that the parent
 * sealed itself; the child keeps nothing that could change it later.
 *
 * Handing over: CONFIG (the memfd, generation, hash) -> each role unpacks,
 * judges, CONFIG_REPLY -> CONFIG_APPLY, or CONFIG_DROP to all if one said no.
 * At a role's start it is asked alone; a "no" then leaves it down. At a reload
 * all roles that are up are asked, and the new generation counts only when all
 * agreed: it is applied by all or by none. A role that was starting meanwhile
 * gets the new one right after the old.
 *
 * Refused: an unreadable plant, another set of zones or serial lines (they are
 * wired at the start), a broker that cannot be configured, one role's "no", a
 * role that dies or is silent while it judges. An edge that borrows another
 * line or other folders than before (parent_edge.c) is not told to apply but
 * started anew: it must not see new devices beside old folders.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "os/proc.h"
#include "proc/house.h"
#include "proc/parent.h"
#include "proc/role.h"

#define REPORT_MAX 60000 /* bytes of findings that are handed on */

void
config_fini(struct config *c)
{
	hf_plant_free(c->plant);
	if (c->memfd >= 0)
		close(c->memfd);
	*c = (struct config){.memfd = -1};
}

/* ---- conf child */

static void
add_dir(struct hf_role_args *a, const char *name, const char *tree_name, int fd)
{
	int tree = fd >= 0 ? hf_tree_clone(fd) : 0;

	if (fd < 0)
		return;
	snprintf(a->fds[a->nfd].name, sizeof(a->fds[0].name), "%s", name);
	a->fds[a->nfd++].fd = fd;
	if (tree <= 0)
		return;
	snprintf(a->fds[a->nfd].name, sizeof(a->fds[0].name), "%s", tree_name);
	a->fds[a->nfd++].fd = tree;
}

static void
launch_conf(const struct parent *p, int dir)
{
	struct hf_ids ids = hf_house_ids(HF_ROLE_NONE);
	struct hf_role_args a = {.is_insecure = p->o->is_insecure,
	    .uid = p->is_root ? ids.uid : (uid_t)-1,
	    .gid = p->is_root ? ids.gid : (gid_t)-1,
	    .evidence_gid = (gid_t)-1,
	    .log_level = p->o->log_level,
	    .host_netns = p->netns,
	    .host_mntns = p->mntns,
	    .fds = {{"out", p->reload.out}, {"report", p->reload.report},
		{"certs", p->reload.certs}},
	    .nfd = 3};
	int keep[7];
	struct hf_buf b;
	size_t i;

	add_dir(&a, "dir.plant", "tree.plant", dir);
	add_dir(&a, "dir.pki", "tree.pki", p->pkifd);
	for (i = 0; i < a.nfd; i++)
		keep[i] = a.fds[i].fd;
	hf_proc_isolate(
	    CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET);
	hf_buf_init(&b, 4096);
	hf_buf_puts(&b, HF_ROLE_ENV "=");
	if (hf_role_args_put(&a, &b) == HF_OK)
		hf_proc_exec_self("conf", hf_buf_cstr(&b), keep, a.nfd);
	_exit(HF_RX_FAILED);
}

/* The folder as it is now; a link may lead to another one since the start. The
 * parent no longer may walk everywhere then, so the first one is kept. */
static int
open_plant(struct parent *p)
{
	int fd;

	fd = open(p->o->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		if (p->conffd >= 0)
			close(p->conffd);
		p->conffd = fd;
	}
	return p->conffd;
}

static void
close_files(struct reload *r)
{
	if (r->out >= 0)
		close(r->out);
	if (r->report >= 0)
		close(r->report);
	if (r->certs >= 0)
		close(r->certs);
	r->out = r->report = r->certs = -1;
}

static void on_late(void *arg);

int
conf_read(struct parent *p, struct hf_err *err)
{
	struct reload *r = &p->reload;
	int dir = open_plant(p);

	if (dir < 0)
		return HF_FAIL(err, HF_ENOTFOUND,
		    "%s: %s; a plant's folder "
		    "holds plant.yaml",
		    p->o->conf_dir, strerror(errno));
	if (r->timer == NULL)
		r->timer = hf_loop_timer(p->loop, on_late, p);
	r->out = memfd_create("plant", MFD_CLOEXEC);
	r->report = memfd_create("report", MFD_CLOEXEC);
	r->certs = memfd_create("certs", MFD_CLOEXEC);
	if (r->timer == NULL || r->out < 0 || r->report < 0 || r->certs < 0) {
		close_files(r);
		return HF_FAIL(err, HF_ENOMEM, "memory files");
	}
	r->pid = hf_proc_fork();
	if (r->pid == 0)
		launch_conf(p, dir);
	if (r->pid < 0) {
		close_files(r);
		return HF_FAIL(err, HF_ENOMEM, "fork: %s", strerror(errno));
	}
	r->step = RELOAD_READING;
	hf_timer_in(r->timer, p->t->conf);
	return HF_OK;
}

/* At most max bytes of a memory file, malloc'd; NULL and *n = 0 if none. */
static uint8_t *
slurp(int fd, size_t max, size_t *n)
{
	struct stat st;
	uint8_t *p;
	ssize_t k;

	*n = 0;
	if (fstat(fd, &st) != 0 || st.st_size <= 0)
		return NULL;
	if ((uint64_t)st.st_size < max)
		max = (size_t)st.st_size;
	p = malloc(max + 1);
	if (p == NULL)
		return NULL;
	while (*n < max) {
		k = pread(fd, p + *n, max - *n, (off_t)*n);
		if (k <= 0)
			break;
		*n += (size_t)k;
	}
	p[*n] = '\0';
	return p;
}

/* Seals what the child wrote and unpacks it. */
static int
take_plant(struct reload *r, struct config *c, struct hf_err *err)
{
	uint8_t *p;
	size_t n;
	int rc;

	p = slurp(r->out, HF_PLANT_BYTES, &n);
	if (p == NULL)
		return HF_FAIL(err, HF_EPROTO, "the conf child wrote no plant");
	rc = hf_plant_unpack(p, n, &hf_registry, &c->plant, err);
	if (rc == HF_OK) {
		c->memfd = hf_memfd_sealed("plant", p, n, err);
		c->size = n;
		rc = c->memfd >= 0 ? HF_OK : err->rc;
	}
	free(p);
	return rc;
}

/* Every line of the report into the log. */
static void
log_report(char *text, bool is_error)
{
	char *line, *save = NULL, safe[HF_ERR_TEXT];

	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		hf_printable(safe, sizeof(safe), line, strlen(line));
		if (is_error)
			fprintf(stderr, "%s\n", safe); /* all of them */
		else
			log_warn("conf", "%s", safe);
	}
}

/* ---- answers */

static void
put_u64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void
answer(struct parent *p, int rc, const char *text)
{
	struct reload *r = &p->reload;
	struct inst *web = inst_find(p, HF_ROLE_WEB, 0);
	uint32_t v = (uint32_t)rc;
	uint8_t head[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 24)};
	size_t n = strlen(text);

	if (r->web_incarnation == 0 || web == NULL ||
	    web->incarnation != r->web_incarnation)
		return; /* nobody waits any more */
	if (n > REPORT_MAX)
		n = REPORT_MAX;
	(void)hf_wire_send(&web->wire, HF_MSG_ANSWER, r->req, head,
	    sizeof(head), text, n, -1, NULL);
}

static void
reload_end(struct parent *p)
{
	struct reload *r = &p->reload;

	config_fini(&r->next);
	close_files(r);
	r->step = RELOAD_IDLE;
	r->web_incarnation = 0;
	r->is_first = false;
	memset(r->is_asked, 0, sizeof(r->is_asked));
}

static void
refuse(struct parent *p, const char *why)
{
	struct reload *r = &p->reload;
	uint8_t gen[8];
	char first[400];
	size_t i;

	put_u64(gen, r->next.generation);
	for (i = 0; i < p->ninst; i++) {
		if (!r->is_asked[i] || p->inst[i].pid <= 0)
			continue;
		(void)hf_wire_send(&p->inst[i].wire, HF_MSG_CONFIG_DROP, 0, gen,
		    sizeof(gen), NULL, 0, -1, NULL);
		p->inst[i].offered = p->inst[i].applied;
	}
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(why, "\n"), why);
	log_warn("conf", "configuration refused: %s", first);
	parent_record(
	    p, "config.refused", r->actor, p->o->conf_dir, "deny", "%s", first);
	answer(p, HF_EINVAL, why);
	reload_end(p);
}

/* ---- what changed */

/* Do two plants pack to the same bytes? Unknown counts as no. */
static bool
packs_alike(const struct hf_plant *a, const struct hf_plant *b)
{
	struct hf_buf x, y;
	bool is_same;

	hf_buf_init(&x, HF_PLANT_BYTES);
	hf_buf_init(&y, HF_PLANT_BYTES);
	is_same = hf_plant_pack(a, &x, NULL) == HF_OK &&
		  hf_plant_pack(b, &y, NULL) == HF_OK && x.len == y.len &&
		  memcmp(x.p, y.p, x.len) == 0;
	hf_buf_fini(&x);
	hf_buf_fini(&y);
	return is_same;
}

/* Swaps one section of *old into a copy of *now: if that packs to other bytes,
 * the section differs. Tags are left out, they may be many. */
static bool
section_differs(const struct hf_plant *old, const struct hf_plant *now,
    const struct hf_section *s)
{
	struct hf_plant a = *now, b = *now;
	const char *from = (const char *)old;
	char *to = (char *)&a;

	a.tags = b.tags = NULL;
	a.ntag = b.ntag = 0;
	if (s->is_map) {
		memcpy(to + s->items_off, from + s->items_off, sizeof(void *));
		memcpy(to + s->count_off, from + s->count_off, sizeof(size_t));
	} else {
		memcpy(to + s->items_off, from + s->items_off, s->kind.size);
	}
	return !packs_alike(&a, &b);
}

static bool
tags_differ(const struct hf_plant *old, const struct hf_plant *now)
{
	struct hf_plant a = *now;

	a.tags = old->tags;
	a.ntag = old->ntag;
	return old->ntag != now->ntag || !packs_alike(&a, now);
}

/* "renewed": brokers that get new certificates, which no hash shows. */
static void
put_changes(
    const struct parent *p, const struct config *now, struct hf_buf *out)
{
	const struct config *old = &p->now;
	char hex[HF_SHA256_HEX];
	struct hf_jw w;
	size_t i;

	hf_hex(hex, now->plant->hash, HF_SHA256_LEN);
	hf_jw_init(&w, out);
	hf_jw_obj(&w);
	hf_jw_ku64(&w, "generation", now->generation);
	hf_jw_kstr(&w, "hash", hex);
	hf_jw_key(&w, "changed");
	hf_jw_arr(&w);
	if (memcmp(old->plant->hash, now->plant->hash, HF_SHA256_LEN) != 0) {
		for (i = 0; i < hf_nsection; i++)
			if (section_differs(
				old->plant, now->plant, &hf_sections[i]))
				hf_jw_str(&w, hf_sections[i].plural);
		if (tags_differ(old->plant, now->plant))
			hf_jw_str(&w, "tags");
	}
	hf_jw_end_arr(&w);
	hf_jw_key(&w, "renewed");
	hf_jw_arr(&w);
	for (i = 0; i < p->nstarted; i++)
		if (broker_has_new_tls(&p->inst[i]))
			hf_jw_str(&w, p->inst[i].who);
	hf_jw_end_arr(&w);
	hf_jw_end_obj(&w);
}

static bool
same_edges(const struct hf_plant *a, const struct hf_plant *b)
{
	size_t i;

	if (a->nzone != b->nzone || a->nedge != b->nedge)
		return false;
	for (i = 0; i < a->nedge; i++) /* the first ones are the zones */
		if (strcmp(a->edges[i].name, b->edges[i].name) != 0)
			return false;
	return true;
}

/* ---- two steps */

void
conf_offer(struct inst *in, const struct config *c)
{
	uint8_t head[48];
	struct hf_err err = {0};

	put_u64(head, c->size);
	put_u64(head + 8, c->generation);
	memcpy(head + 16, c->plant->hash, HF_SHA256_LEN);
	if (hf_wire_send(&in->wire, HF_MSG_CONFIG, 0, head, sizeof(head), NULL,
		0, c->memfd, &err) != HF_OK) {
		log_error(
		    "conf", "%s takes no configuration: %s", in->who, err.msg);
		if (in->pid > 0)
			kill(in->pid, SIGKILL); /* it hangs: start anew */
		return;
	}
	in->offered = c->generation;
}

static void
apply(struct inst *in, uint64_t generation)
{
	uint8_t gen[8];

	put_u64(gen, generation);
	if (hf_wire_send(&in->wire, HF_MSG_CONFIG_APPLY, 0, gen, sizeof(gen),
		NULL, 0, -1, NULL) != HF_OK) {
		if (in->pid > 0)
			kill(in->pid, SIGKILL);
		return;
	}
	in->applied = generation;
}

/* A role that could not work with the configuration before may with this one.
 * Its refusal was at its own start, when nobody could ask for another plant.
 * (Brokers: broker_reload().) */
static void
retry_refused(struct parent *p)
{
	size_t i;

	for (i = 0; i < p->nstarted && p->stop_step == 0; i++)
		if (p->inst[i].status == HF_RS_REFUSED && p->inst[i].pid == 0 &&
		    p->inst[i].role != HF_ROLE_BROKER)
			inst_start(&p->inst[i]);
}

/* All agreed: the new generation counts from here on. */
static void
commit(struct parent *p)
{
	struct reload *r = &p->reload;
	char hex[HF_SHA256_HEX];
	struct hf_buf b;
	size_t i;

	hf_buf_init(&b, REPORT_MAX);
	put_changes(p, &r->next, &b);
	for (i = 0; i < p->ninst; i++) {
		struct inst *in = &p->inst[i];

		if (in->role == HF_ROLE_EDGE &&
		    !lend_same(p->now.plant, r->next.plant, in->zone - 1u))
			inst_renew(in, "its line or its folders changed");
		else if (r->has_agreed[i])
			apply(in, r->next.generation);
	}
	config_fini(&p->now);
	p->now = r->next;
	r->next = (struct config){.memfd = -1};
	hf_hex(hex, p->now.plant->hash, HF_SHA256_LEN);
	log_info("conf", "generation %" PRIu64 " applied, hash %.16s...",
	    p->now.generation, hex);
	parent_record(p, "config.change", r->actor, p->o->conf_dir, "done",
	    "generation %" PRIu64 " applied by all roles", p->now.generation);
	answer(p, HF_OK, hf_buf_cstr(&b) != NULL ? hf_buf_cstr(&b) : "{}");
	hf_buf_fini(&b);
	reload_end(p);
	broker_reload(p);
	retry_refused(p);
}

static void
judge_progress(struct parent *p)
{
	struct reload *r = &p->reload;
	size_t i;

	for (i = 0; i < p->ninst; i++)
		if (r->is_asked[i] && !r->has_agreed[i])
			return;
	commit(p);
}

static void
judge(struct parent *p)
{
	struct reload *r = &p->reload;
	size_t i;

	r->step = RELOAD_JUDGING;
	r->next.generation = ++r->last_generation;
	memset(r->is_asked, 0, sizeof(r->is_asked));
	memset(r->has_agreed, 0, sizeof(r->has_agreed));
	for (i = 0; i < p->ninst; i++) {
		if (!inst_is_up(&p->inst[i]) ||
		    p->inst[i].role == HF_ROLE_BROKER || p->inst[i].is_planned)
			continue;
		r->is_asked[i] = true;
		conf_offer(&p->inst[i], &r->next);
	}
	hf_timer_in(r->timer, p->t->judge);
	judge_progress(p);
}

/* Dates of the files as they are now, whatever becomes of the plant. */
static void
take_certs(struct parent *p)
{
	size_t i;

	if (pread(p->reload.certs, p->cert_end_ns, sizeof(p->cert_end_ns), 0) !=
	    (ssize_t)sizeof(p->cert_end_ns))
		memset(p->cert_end_ns, 0, sizeof(p->cert_end_ns));
	for (i = 0; i < p->ninst; i++)
		if (p->inst[i].role == HF_ROLE_BROKER)
			p->inst[i].is_untold = true; /* with the next tick */
}

static void
reload_read(struct parent *p, const char *report)
{
	struct reload *r = &p->reload;
	struct hf_err err = {0};
	struct hf_buf b;

	if (take_plant(r, &r->next, &err) != HF_OK) {
		refuse(p, err.msg);
	} else if (!same_edges(p->now.plant, r->next.plant)) {
		refuse(p, "zones and serial lines are set up at start: restart "
			  "holdfast");
	} else if (broker_judge(p, r->next.plant, &err) != HF_OK) {
		refuse(p, err.msg);
	} else if (memcmp(p->now.plant->hash, r->next.plant->hash,
		       HF_SHA256_LEN) == 0) {
		hf_buf_init(&b, REPORT_MAX);
		put_changes(p, &p->now, &b);
		answer(p, HF_OK, hf_buf_cstr(&b));
		hf_buf_fini(&b);
		reload_end(p);
		broker_reload(p); /* certificates may be new all the same */
		retry_refused(p);
	} else {
		judge(p);
	}
}

static void
first_read(struct parent *p)
{
	struct reload *r = &p->reload;
	struct hf_err err = {0};

	if (take_plant(r, &p->now, &err) != HF_OK) {
		log_error("conf", "%s: %s", p->o->conf_dir, err.msg);
		reload_end(p);
		parent_quit(p, HF_EPROTO);
		return;
	}
	p->now.generation = ++r->last_generation;
	reload_end(p);
	parent_configured(p);
}

bool
conf_died(struct parent *p, pid_t pid, int st)
{
	struct reload *r = &p->reload;
	bool is_good = WIFEXITED(st) && WEXITSTATUS(st) == HF_RX_OK;
	char end[128], *report;
	size_t n;

	if (pid != r->pid || r->pid == 0)
		return false;
	r->pid = 0;
	if (p->stop_step > 0) {
		reload_end(p);
		return true;
	}
	report = (char *)slurp(r->report, REPORT_MAX, &n);
	hf_proc_end_text(st, end, sizeof(end));
	if (is_good)
		take_certs(p);
	if (is_good && r->is_first) {
		if (report != NULL)
			log_report(report, false);
		first_read(p);
	} else if (is_good) {
		reload_read(p, report);
	} else if (r->is_first) {
		if (report != NULL)
			log_report(report, true);
		else
			log_error("conf", "the conf child: %s", end);
		log_error("conf",
		    "%s: not applied; `holdfast check` shows "
		    "this too",
		    p->o->conf_dir);
		reload_end(p);
		parent_quit(p, HF_EINVAL);
	} else {
		refuse(p, report != NULL ? report : end);
	}
	free(report);
	return true;
}

/* ---- reload */

/* Conf child or judging took too long. */
static void
on_late(void *arg)
{
	struct parent *p = arg;

	if (p->reload.step == RELOAD_READING && p->reload.pid > 0)
		kill(p->reload.pid, SIGKILL);
	else if (p->reload.step == RELOAD_JUDGING)
		refuse(p, "a role did not answer in time whether it can apply "
			  "the configuration");
}

void
conf_ask_reload(struct parent *p, const struct hf_query *q, uint64_t req,
    uint32_t web_incarnation)
{
	struct reload *r = &p->reload, other;
	struct hf_err err = {0};

	if (r->step != RELOAD_IDLE || p->stop_step > 0) {
		other = *r; /* answer this one without touching that one */
		r->req = req;
		r->web_incarnation = web_incarnation;
		answer(p, HF_EAGAIN, "a reload is under way; try again");
		r->req = other.req;
		r->web_incarnation = other.web_incarnation;
		return;
	}
	r->req = req;
	r->web_incarnation = web_incarnation;
	if (q != NULL)
		snprintf(r->actor, sizeof(r->actor), "uid:%u", q->uid);
	else
		snprintf(r->actor, sizeof(r->actor), "role:parent");
	if (conf_read(p, &err) != HF_OK)
		refuse(p, err.msg);
}

static void
first_reply(struct inst *in, int rc, const char *why)
{
	struct parent *p = in->p;
	char text[400];

	if (rc != HF_OK) {
		snprintf(text, sizeof(text),
		    "it refuses the configuration: "
		    "%.300s",
		    why);
		inst_refuse(in, text);
		return;
	}
	apply(in, in->offered);
	if (in->role == HF_ROLE_AUDIT)
		hf_recq_hold(p->records, false, hf_mono_ns());
	if (in->role == HF_ROLE_CORE) {
		size_t i;

		for (i = 0; i < p->ninst; i++)
			p->inst[i].is_untold = true;
	}
	inst_tell_core(p);
	if (in->applied != p->now.generation) /* reloaded meanwhile */
		conf_offer(in, &p->now);
	parent_progress(p);
}

void
conf_reply(struct inst *in, const struct hf_msg *m)
{
	struct parent *p = in->p;
	struct reload *r = &p->reload;
	size_t i = (size_t)(in - p->inst);
	char why[600], text[700];
	uint64_t generation;
	struct hf_rd rd;
	int rc;

	hf_rd_init(&rd, m->p, m->n);
	generation = hf_rd_u64(&rd);
	rc = (int)(int32_t)hf_rd_u32(&rd);
	hf_printable(why, sizeof(why), m->p + 12, m->n - 12);
	if (generation != in->offered || in->offered == in->applied)
		return; /* of a reload that was given up */
	if (r->step == RELOAD_JUDGING && generation == r->next.generation) {
		if (rc != HF_OK) {
			snprintf(text, sizeof(text), "%s: %s", in->who, why);
			refuse(p, text);
			return;
		}
		r->has_agreed[i] = true;
		judge_progress(p);
		return;
	}
	first_reply(in, rc, why);
}

void
conf_inst_gone(struct inst *in)
{
	struct reload *r = &in->p->reload;
	size_t i = (size_t)(in - in->p->inst);
	char text[200];

	if (r->step != RELOAD_JUDGING || !r->is_asked[i])
		return;
	r->is_asked[i] = false;
	snprintf(text, sizeof(text),
	    "%s died while it judged the "
	    "configuration",
	    in->who);
	refuse(in->p, text);
}
