/* SPDX-License-Identifier: Apache-2.0
 *
 * parent_broker.c - mosquitto as a guest: one process for each zone that has a
 * broker, under the parent's supervision like a role, but without a wire.
 *
 * Files, below the run folder (R), all made or repaired at the start:
 *
 *   R/broker              root 0711
 *   R/broker/core         root:hf-core 0750   only core gets through ...
 *   R/broker/core/ZONE    hf-broker:hf-core 2755   ... to its mqtt.sock
 *   R/broker/edge         root:hf-edge 0750   (each edge is shown its zone's
 *   R/broker/edge/ZONE    hf-broker:hf-edge 2755   folder alone, as /broker)
 *   R/broker/conf/ZONE    root 0755           mosquitto.conf, policy, lists
 *   R/broker/log/ZONE.log root 0600           the guest's own words
 *
 * The gate is the folder. mosquitto makes its sockets 0770; by the set-group-id
 * bit of their folders the group is that of whoever may connect.
 *
 * Confined before exec, by the same hf_sandbox_enter() as a role: its root
 * holds /usr/lib (read-only), mosquitto, its configuration, its two socket
 * folders and, for TLS, three files; no plant folder, no shell, no /proc. The
 * network is the host's until zones have their own. RLIMIT_FSIZE ends its log
 * at LOG_MAX: log lines hold what clients call themselves, so nobody here reads
 * them; look at the file with a pager that shows control characters.
 *
 * With the policy plugin (holdfast-policy.so) who may what is the plugin's
 * answer, and the lists lie there for people to read. Refusals go to audit by a
 * wire that the guest inherits as descriptor 3; the parent does not see them.
 *
 * READY: both unix sockets accept. Signals: SIGTERM stops it, SIGHUP makes it
 * read its access lists again; any other change starts it anew.
 *
 * The parent generates the files from the packed plant that it holds anyway
 * (bus/brokerconf.c); it reads nothing that a client sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "base/time.h"
#include "bus/brokerconf.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "proc/house.h"
#include "proc/parent.h"
#include "proc/role.h"

#define MOSQUITTO "/usr/sbin/mosquitto"
#define PLUGIN_AT "policy.so"	     /* in its root */
#define PROBE_NS (10 * HF_NS_PER_MS) /* between two looks at the sockets */
#define LOG_MAX (1 << 20)	     /* bytes; a full log stays as it is */
#define LOG_OLD (LOG_MAX / 4)	     /* over this it is set aside at a start */
#define MEMORY_MAX (HF_BROKER_MEMORY + (INT64_C(512) << 20)) /* and code */

struct broker {
	int core, edge, conf;	    /* folders, O_DIRECTORY */
	struct hf_brokerconf files; /* of the process at hand */
	bool has_files;
	uint64_t tls; /* print of CA, certificate and key it was given */
	struct hf_watch *probe;
	int told[2]; /* pipe: what its sandbox is, or why it failed */
};

struct told { /* child to parent, once */
	uint32_t have, missing;
	char text[256];
};

/* ---- folders */

/* dirfd/name with owner and mode, opened. uid -1: ours. */
static int
take_dir(const struct parent *p, int dirfd, const char *name,
    const struct hf_ids *owner, gid_t gid, mode_t mode, struct hf_err *err)
{
	int fd;

	if (mkdirat(dirfd, name, 0700) != 0 && errno != EEXIST)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/broker/%s: %s",
		    p->o->run_dir, name, strerror(errno));
	fd = openat(
	    dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "%s/broker/%s: %s",
		    p->o->run_dir, name, strerror(errno));
	if ((p->is_root &&
		fchown(fd, owner != NULL ? owner->uid : 0, gid) != 0) ||
	    fchmod(fd, mode) != 0) {
		HF_FAIL(err, hf_rc_from_errno(errno), "%s/broker/%s: %s",
		    p->o->run_dir, name, strerror(errno));
		close(fd);
		return err->rc;
	}
	return fd;
}

/* One kind of sockets: the gate, then a folder for each zone. `who` may come
 * through the gate. Each zone's folder is given to its users' sandboxes. */
static int
make_gate(
    struct parent *p, const char *name, enum hf_role who, struct hf_err *err)
{
	struct hf_ids user = hf_house_ids(who),
		      broker = hf_house_ids(HF_ROLE_BROKER);
	/* Without private roots the guest itself must pass the gate by path. */
	mode_t mode = (p->missing & HF_LAYER_ROOT) != 0 ? 0711 : 0750;
	const struct hf_plant *q = p->now.plant;
	int gate, fd, rc = HF_OK;
	size_t i;

	gate = take_dir(p, p->brokerfd, name, NULL, user.gid, mode, err);
	if (gate < 0)
		return gate;
	for (i = 0; rc == HF_OK && i < q->nzone; i++) {
		fd = take_dir(
		    p, gate, q->zones[i].name, &broker, user.gid, 02755, err);
		if (fd < 0) {
			rc = fd;
			break;
		}
		(void)unlinkat(fd, HF_BROKER_SOCK, 0); /* of a killed one */
		close(fd);
	}
	if (rc == HF_OK && who == HF_ROLE_CORE)
		return parent_hold(p, "dir.broker", who, 0, gate, err);
	for (i = 0; rc == HF_OK && i < q->nedge; i++) {
		fd = openat(gate, q->zones[q->edges[i].zone_idx].name,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			rc = HF_FAIL(err, HF_EIO, "broker folder of edge %s",
			    q->edges[i].name);
		else
			rc = parent_hold(
			    p, "dir.broker", who, (uint8_t)(i + 1), fd, err);
	}
	close(gate);
	return rc;
}

/* The plugin lies beside the program (a build) or in ../lib/holdfast (an
 * installation). */
static void
find_plugin(struct parent *p)
{
	static const char *const places[] = {
	    "holdfast-policy.so", "../lib/holdfast/holdfast-policy.so"};
	char self[200], path[sizeof(p->plugin)];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct stat st;
	size_t i;

	p->plugin[0] = '\0';
	while (n > 0 && self[n - 1] != '/')
		n--;
	for (i = 0; n > 0 && i < 2; i++) {
		snprintf(path, sizeof(path), "%.*s%s", (int)n, self, places[i]);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			hf_strcpy(p->plugin, sizeof(p->plugin), path);
			return;
		}
	}
	log_warn("role",
	    "%.*sholdfast-policy.so is not there: brokers decide by lists of "
	    "their own and record no refusal",
	    (int)(n > 0 ? n : 0), self);
}

int
broker_init(struct parent *p, struct hf_err *err)
{
	static const char *const plain[] = {"conf", "log"};
	char run[300];
	int fd, rc = HF_OK;
	size_t i;

	find_plugin(p);
	snprintf(run, sizeof(run), "%s/broker", p->o->run_dir);
	p->brokerfd = take_dir(p, AT_FDCWD, run, NULL, 0, 0711, err);
	if (p->brokerfd < 0)
		return p->brokerfd;
	for (i = 0; i < 2; i++) {
		fd = take_dir(p, p->brokerfd, plain[i], NULL, 0, 0711, err);
		if (fd < 0)
			return fd;
		close(fd);
	}
	rc = make_gate(p, "core", HF_ROLE_CORE, err);
	return rc == HF_OK ? make_gate(p, "edge", HF_ROLE_EDGE, err) : rc;
}

static const char *
zone_of(const struct inst *in)
{
	return in->p->now.plant->zones[in->zone - 1].name;
}

static int
open_below(const struct parent *p, const char *dir, const char *zone,
    struct hf_err *err)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, zone);
	fd = openat(p->brokerfd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd
		       : HF_FAIL(err, HF_EIO, "%s/broker/%s: %s", p->o->run_dir,
			     path, strerror(errno));
}

static void on_probe(void *arg);

int
broker_new(struct inst *in, struct hf_err *err)
{
	struct parent *p = in->p;
	struct broker *b = calloc(1, sizeof(*b));
	char conf[128];

	if (b == NULL)
		return HF_FAIL(err, HF_ENOMEM, "broker");
	in->broker = b;
	b->told[0] = b->told[1] = b->edge = b->conf = -1;
	in->is_absent = !hf_plant_has_broker(p->now.plant, in->zone - 1u);
	if (in->is_absent)
		in->status = HF_RS_STOPPED;
	b->core = open_below(p, "core", zone_of(in), err);
	if (b->core >= 0)
		b->edge = open_below(p, "edge", zone_of(in), err);
	if (b->edge >= 0) {
		snprintf(conf, sizeof(conf), "conf/%s", zone_of(in));
		b->conf = take_dir(p, p->brokerfd, conf, NULL, 0, 0755, err);
	}
	if (b->conf < 0)
		return err->rc;
	b->probe = hf_loop_timer(p->loop, on_probe, in);
	return b->probe != NULL ? HF_OK
				: HF_FAIL(err, HF_ENOMEM, "broker's timer");
}

static void
close_told(struct broker *b)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (b->told[i] >= 0)
			close(b->told[i]);
		b->told[i] = -1;
	}
}

void
broker_free(struct inst *in)
{
	struct broker *b = in->broker;

	if (b == NULL)
		return;
	close_told(b);
	if (b->core >= 0)
		close(b->core);
	if (b->edge >= 0)
		close(b->edge);
	if (b->conf >= 0)
		close(b->conf);
	hf_watch_free(b->probe);
	if (b->has_files)
		hf_brokerconf_fini(&b->files);
	free(b);
	in->broker = NULL;
}

/* ---- its files */

struct tls_path {
	const char *at; /* in its root */
	char path[128]; /* below the data folder */
};
#define NTLS 3

static void
tls_paths(const char *zone, struct tls_path v[NTLS])
{
	v[0].at = "tls/ca.crt";
	snprintf(v[0].path, sizeof(v[0].path), "pki/own/ca.crt");
	v[1].at = "tls/broker.crt";
	snprintf(v[1].path, sizeof(v[1].path), "pki/own/broker-%s.crt", zone);
	v[2].at = "tls/broker.key";
	snprintf(v[2].path, sizeof(v[2].path), "keys/broker/%s.key", zone);
}

/* Which files stand there now: they are replaced, never written over. */
static uint64_t
tls_print(const struct parent *p, const char *zone)
{
	struct {
		uint64_t dev, ino, size;
		int64_t s, ns;
	} seen[NTLS] = {{0}};
	struct tls_path v[NTLS];
	uint8_t h[HF_SHA256_LEN];
	struct stat st;
	uint64_t out;
	size_t i;

	tls_paths(zone, v);
	for (i = 0; i < NTLS; i++) {
		if (fstatat(p->datafd, v[i].path, &st, 0) != 0)
			continue;
		seen[i].dev = st.st_dev;
		seen[i].ino = st.st_ino;
		seen[i].size = (uint64_t)st.st_size;
		seen[i].s = st.st_mtim.tv_sec;
		seen[i].ns = st.st_mtim.tv_nsec;
	}
	hf_sha256_of(seen, sizeof(seen), h);
	memcpy(&out, h, sizeof(out));
	return out;
}

/* Paths as the guest sees them: in its own root, or, where there is none
 * (--insecure), those of the host. */
static int
make_files(const struct parent *p, const struct hf_plant *q, uint32_t zone_idx,
    struct hf_brokerconf *out, struct hf_err *err)
{
	const struct hf_broker_dirs inside = {.conf = "/conf",
	    .core = "/core",
	    .edge = "/edge",
	    .ca = "/tls/ca.crt",
	    .cert = "/tls/broker.crt",
	    .key = "/tls/broker.key",
	    .now_ns = hf_wall_ns()};
	const char *zone = q->zones[zone_idx].name, *run = p->o->run_dir;
	struct tls_path v[NTLS];
	char dir[3][300], tls[NTLS][300];
	struct hf_broker_dirs host = {.conf = dir[0],
	    .core = dir[1],
	    .edge = dir[2],
	    .ca = tls[0],
	    .cert = tls[1],
	    .key = tls[2],
	    .plugin = p->plugin[0] != '\0' ? p->plugin : NULL,
	    .zone = (int)zone_idx + 1,
	    .now_ns = inside.now_ns};
	struct hf_broker_dirs here;
	size_t i;

	if ((p->missing & HF_LAYER_ROOT) == 0) {
		here = inside;
		here.plugin = p->plugin[0] != '\0' ? "/" PLUGIN_AT : NULL;
		here.zone = (int)zone_idx + 1;
		return hf_brokerconf_make(q, zone_idx, &here, out, err);
	}
	snprintf(dir[0], sizeof(dir[0]), "%s/broker/conf/%s", run, zone);
	snprintf(dir[1], sizeof(dir[1]), "%s/broker/core/%s", run, zone);
	snprintf(dir[2], sizeof(dir[2]), "%s/broker/edge/%s", run, zone);
	tls_paths(zone, v);
	for (i = 0; i < NTLS; i++)
		snprintf(
		    tls[i], sizeof(tls[i]), "%s/%s", p->o->data_dir, v[i].path);
	return hf_brokerconf_make(q, zone_idx, &host, out, err);
}

static int
write_files(
    const struct inst *in, const struct hf_brokerconf *f, struct hf_err *err)
{
	size_t i;
	int rc;

	rc = hf_file_replace(in->broker->conf, "mosquitto.conf", f->conf.p,
	    f->conf.len, 0644, err);
	if (rc == HF_OK)
		rc = hf_file_replace(in->broker->conf, HF_BROKER_POLICY,
		    f->policy.p, f->policy.len, 0644, err);
	for (i = 0; rc == HF_OK && i < f->nacl; i++)
		rc = hf_file_replace(in->broker->conf, f->acl[i].name,
		    f->acl[i].text.p, f->acl[i].text.len, 0644, err);
	return rc;
}

/* TLS material that is missing, or not for its eyes, is better told here than
 * by a server that dies. */
static int
check_tls(const struct parent *p, const char *zone, struct hf_err *err)
{
	struct hf_ids ids = hf_house_ids(HF_ROLE_BROKER);
	struct tls_path v[NTLS];
	struct stat st;
	size_t i;

	tls_paths(zone, v);
	for (i = 0; i < NTLS; i++)
		if (fstatat(p->datafd, v[i].path, &st, 0) != 0)
			return HF_FAIL(err, HF_ENOTFOUND,
			    "%s/%s: %s; `holdfast init --data %s` makes it",
			    p->o->data_dir, v[i].path, strerror(errno),
			    p->o->data_dir);
	if (p->is_root && st.st_uid != ids.uid &&
	    (st.st_gid != ids.gid || (st.st_mode & S_IRGRP) == 0))
		return HF_FAIL(err, HF_EDENIED,
		    "%s/%s: %s may not read it; `holdfast init --data %s` "
		    "puts that right",
		    p->o->data_dir, v[2].path, ids.name, p->o->data_dir);
	return HF_OK;
}

static int
check_program(struct hf_err *err)
{
	struct stat st;

	if (stat(MOSQUITTO, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & S_IXOTH) == 0)
		return HF_FAIL(err, HF_ENOTFOUND,
		    MOSQUITTO " is not there or not executable: install the "
			      "package mosquitto, then `holdfast reload`");
	return HF_OK;
}

/* mosquitto tells it as a warning only, among a thousand about patterns that
 * are as they should be, so warnings are off and it would end without a word.
 * The first sockets of a listener are made for IPv4 and, if the zone has it,
 * IPv6 (bus/brokerconf.c). */
static int
check_nic(const char *nic, bool is_ipv6, struct hf_err *err)
{
	struct ifaddrs *all = NULL, *a;
	bool is_there = false, has_address = false;

	if (nic[0] == '\0' || getifaddrs(&all) != 0)
		return HF_OK;
	for (a = all; a != NULL && !has_address; a = a->ifa_next) {
		if (strcmp(a->ifa_name, nic) != 0)
			continue;
		is_there = true;
		has_address =
		    a->ifa_addr != NULL &&
		    (a->ifa_addr->sa_family == AF_INET ||
			(is_ipv6 && a->ifa_addr->sa_family == AF_INET6));
	}
	freeifaddrs(all);
	if (has_address)
		return HF_OK;
	return HF_FAIL(err, HF_EAGAIN,
	    "interface %s %s; bring it up (`ip addr show dev %s`), or write "
	    "another under zones in plant.yaml",
	    nic,
	    !is_there ? "does not exist"
	    : is_ipv6 ? "has no address"
		      : "has no IPv4 address",
	    nic);
}

int
broker_judge(struct parent *p, const struct hf_plant *q, struct hf_err *err)
{
	struct hf_brokerconf f;
	uint32_t z;
	int rc;

	for (z = 0; z < q->nzone; z++) {
		if (!hf_plant_has_broker(q, z))
			continue;
		rc = make_files(p, q, z, &f, err);
		if (rc != HF_OK)
			return rc;
		hf_brokerconf_fini(&f);
	}
	return HF_OK;
}

static void
keep_files(struct broker *b, const struct hf_brokerconf *f)
{
	if (b->has_files)
		hf_brokerconf_fini(&b->files);
	b->files = *f;
	b->has_files = true;
}

int
broker_prepare(struct inst *in, struct hf_err *err)
{
	struct parent *p = in->p;
	const struct hf_zone *z = &p->now.plant->zones[in->zone - 1];
	struct broker *b = in->broker;
	struct hf_brokerconf f;
	int rc;

	rc = check_program(err);
	if (rc == HF_OK)
		rc = make_files(p, p->now.plant, in->zone - 1u, &f, err);
	if (rc != HF_OK)
		return rc;
	keep_files(b, &f);
	b->tls = tls_print(p, zone_of(in));
	if (f.has_tls)
		rc = check_tls(p, zone_of(in), err);
	if (rc == HF_OK)
		rc = write_files(in, &f, err);
	if (rc == HF_OK && f.has_nic)
		rc = check_nic(z->interface, z->ipv6, err);
	close_told(b);
	if (rc == HF_OK && pipe2(b->told, O_CLOEXEC | O_NONBLOCK) != 0)
		rc = HF_FAIL(err, HF_ENOMEM, "pipe: %s", strerror(errno));
	return rc;
}

/* ---- the child */

#define NDIR 10

struct place { /* what its root is made of */
	struct hf_sandbox_dir dirs[NDIR];
	size_t n;
};

static void
put_place(struct place *pl, int fd, const char *at, struct hf_sandbox_dir how)
{
	if (fd < 0)
		return; /* the guest will say what it misses */
	how.fd = fd;
	how.at = at;
	how.tree = hf_tree_clone(fd);
	pl->dirs[pl->n++] = how;
}

static void
make_place(const struct inst *in, struct place *pl, struct tls_path v[NTLS])
{
	const struct hf_sandbox_dir code = {.is_exec = true,
					.is_optional = true},
				    program = {.is_exec = true,
					.is_file = true},
				    read = {.is_optional = true},
				    sock = {.is_writable = true},
				    file = {.is_file = true};
	const struct broker *b = in->broker;
	size_t i;

	put_place(pl, open("/usr/lib", O_PATH | O_CLOEXEC), "usr/lib", code);
	put_place(
	    pl, open("/usr/lib64", O_PATH | O_CLOEXEC), "usr/lib64", code);
	put_place(
	    pl, open(MOSQUITTO, O_PATH | O_CLOEXEC), "mosquitto", program);
	if (in->p->plugin[0] != '\0')
		put_place(pl, open(in->p->plugin, O_PATH | O_CLOEXEC),
		    PLUGIN_AT, program);
	put_place(pl, b->conf, "conf", read);
	put_place(pl, b->core, "core", sock);
	put_place(pl, b->edge, "edge", sock);
	tls_paths(zone_of(in), v);
	for (i = 0; b->files.has_tls && i < NTLS; i++)
		put_place(pl,
		    openat(in->p->datafd, v[i].path, O_PATH | O_CLOEXEC),
		    v[i].at, file);
}

/* Its words go where they are bounded and nobody reads them by accident. */
static int
open_log(const struct inst *in)
{
	char name[128], old[140];
	struct stat st;

	snprintf(name, sizeof(name), "log/%s.log", zone_of(in));
	snprintf(old, sizeof(old), "%s.old", name);
	if (fstatat(in->p->brokerfd, name, &st, 0) == 0 && st.st_size > LOG_OLD)
		(void)renameat(in->p->brokerfd, name, in->p->brokerfd, old);
	return openat(in->p->brokerfd, name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void
tell(
    const struct broker *b, const struct hf_sandbox_state *st, const char *text)
{
	struct told t = {.have = st->have, .missing = st->missing};

	hf_strcpy(t.text, sizeof(t.text), text);
	if (write(b->told[1], &t, sizeof(t)) != (ssize_t)sizeof(t))
		_exit(HF_RX_FAILED);
}

/* The guest's list needs no clone and no write but to what it has open. */
static int
confine(const struct inst *in, struct place *pl, struct hf_sandbox_state *st,
    struct hf_err *err)
{
	static const struct hf_sandbox_link links[] = {
	    {"lib", "usr/lib"}, {"lib64", "usr/lib64"}};
	const struct parent *p = in->p;
	struct hf_ids ids = hf_house_ids(HF_ROLE_BROKER);
	struct rlimit files = {.rlim_max = HF_BROKER_NFILE};
	struct hf_sandbox s = {.role = in->who,
	    .mandatory = HF_LAYER_UID | HF_LAYER_NNP | HF_LAYER_ROOT |
			 HF_LAYER_SECCOMP | HF_LAYER_RLIMIT,
	    .uid = p->is_root ? ids.uid : (uid_t)-1,
	    .gid = ids.gid,
	    .dirs = pl->dirs,
	    .ndir = pl->n,
	    .links = links,
	    .nlink = 2,
	    .syscalls = hf_calls_guest,
	    .nsyscall = hf_ncalls_guest,
	    .max_memory_bytes = MEMORY_MAX,
	    .max_files = HF_BROKER_NFILE,
	    .host_netns = p->netns,
	    .host_mntns = p->mntns};

	/* more than this machine gives would need a right to ask for */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_max < HF_BROKER_NFILE)
		s.max_files = (int64_t)files.rlim_max;
	return hf_sandbox_enter(&s, p->o->is_insecure, st, err);
}

/* The guest's end of the wire to audit, under the number its configuration
 * names. */
static void
give_wire(const struct inst *in)
{
	const struct parent *p = in->p;
	size_t i;

	for (i = 0; i < p->npair; i++)
		if (p->pairs[i].b == HF_ROLE_BROKER &&
		    p->pairs[i].zone == in->zone)
			(void)(p->pairs[i].fd[1] == HF_BROKER_FD
				   ? fcntl(HF_BROKER_FD, F_SETFD, 0)
				   : dup2(p->pairs[i].fd[1], HF_BROKER_FD));
}

void
broker_launch(struct inst *in)
{
	char conf[300] = "/conf/mosquitto.conf";
	char program[] = "/mosquitto", flag[] = "-c";
	char *argv[] = {program, flag, conf, NULL}, *envp[] = {NULL};
	struct rlimit log_max = {.rlim_cur = LOG_MAX, .rlim_max = LOG_MAX};
	struct place pl = {.n = 0};
	struct tls_path v[NTLS];
	struct hf_sandbox_state st = {0};
	struct hf_err err = {0};
	int log = open_log(in), rc;

	make_place(in, &pl, v);
	hf_proc_isolate(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS);
	(void)signal(SIGXFSZ, SIG_IGN); /* a full log only ends the log */
	(void)setrlimit(RLIMIT_FSIZE, &log_max);
	rc = confine(in, &pl, &st, &err);
	if (rc != HF_OK) {
		log_error("role", "%s does not start: %s", in->who, err.msg);
		_exit(rc == HF_EDENIED ? HF_RX_SANDBOX : HF_RX_FAILED);
	}
	tell(in->broker, &st, st.why);
	if ((st.have & HF_LAYER_ROOT) == 0)
		snprintf(conf, sizeof(conf), "%s/broker/conf/%s/mosquitto.conf",
		    in->p->o->run_dir, zone_of(in));
	if (log >= 0) {
		(void)dup2(log, STDOUT_FILENO);
		(void)dup2(log, STDERR_FILENO);
	}
	give_wire(in); /* the last: its number may have been another's */
	execve(
	    (st.have & HF_LAYER_ROOT) != 0 ? program : MOSQUITTO, argv, envp);
	_exit(HF_RX_FAILED);
}

/* ---- READY */

/* The folder by its descriptor: socket names are short, paths may not be. The
 * parent has no right to pass by modes, so it asks as the broker's user. */
static bool
accepts(const struct parent *p, int dir)
{
	struct hf_ids ids = hf_house_ids(HF_ROLE_BROKER);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	bool is_there;
	int fd;

	snprintf(at.sun_path, sizeof(at.sun_path),
	    "/proc/self/fd/%d/" HF_BROKER_SOCK, dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (p->is_root)
		(void)setfsuid(ids.uid);
	is_there = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
	if (p->is_root)
		(void)setfsuid(0);
	close(fd);
	return is_there;
}

static void
on_probe(void *arg)
{
	struct inst *in = arg;
	struct broker *b = in->broker;
	struct told t = {.have = 0};
	char why[sizeof(t.text)];

	if (in->status != HF_RS_STARTING || in->pid <= 0)
		return;
	if (!accepts(in->p, b->core) || !accepts(in->p, b->edge)) {
		hf_timer_in(b->probe, PROBE_NS);
		return;
	}
	if (read(b->told[0], &t, sizeof(t)) != (ssize_t)sizeof(t))
		t = (struct told){.have = 0};
	close_told(b);
	in->layers = t.have;
	in->missing = t.missing;
	t.text[sizeof(t.text) - 1] = '\0';
	hf_printable(why, sizeof(why), t.text, strlen(t.text));
	inst_ready(in, why);
	parent_progress(in->p);
}

void
broker_started(struct inst *in)
{
	struct broker *b = in->broker;

	if (b->told[1] >= 0)
		close(b->told[1]);
	b->told[1] = -1;
	hf_timer_in(b->probe, PROBE_NS);
}

void
broker_log_hint(const struct inst *in, char *text, size_t cap)
{
	size_t n = strlen(text);

	snprintf(text + n, cap - n, "; its log: %.120s/broker/log/%s.log",
	    in->p->o->run_dir, zone_of(in));
}

/* ---- reload */

/* New access lists alone are read again by a running broker. */
static void
renew_lists(struct inst *in, const struct hf_brokerconf *f)
{
	struct hf_err err = {0};

	if (write_files(in, f, &err) != HF_OK) {
		log_error("role", "%s: %s", in->who, err.msg);
		inst_renew(in, "its access lists could not be written");
		return;
	}
	log_info("role", "%s: access lists changed", in->who);
	kill(in->pid, SIGHUP);
}

bool
broker_has_new_tls(const struct inst *in)
{
	const struct broker *b = in->broker;

	return b != NULL && in->pid > 0 && b->has_files && b->files.has_tls &&
	       b->tls != tls_print(in->p, zone_of(in));
}

static void
reload_one(struct inst *in)
{
	struct broker *b = in->broker;
	struct hf_err err = {0};
	struct hf_brokerconf f;
	bool same_conf, same_acls;

	if (make_files(in->p, in->p->now.plant, in->zone - 1u, &f, &err) !=
	    HF_OK) {
		log_error("role", "%s: %s", in->who, err.msg);
		return; /* broker_judge() said yes: no memory */
	}
	same_conf = b->has_files && hf_brokerconf_same_conf(&b->files, &f);
	same_acls = b->has_files && hf_brokerconf_same_acls(&b->files, &f);
	if (!same_conf || (!same_acls && in->status != HF_RS_READY)) {
		/* one that starts does not know SIGHUP yet */
		inst_renew(in, "its configuration changed");
	} else if (f.has_tls && b->tls != tls_print(in->p, zone_of(in))) {
		inst_renew(in, "its certificates changed");
	} else if (!same_acls) {
		renew_lists(in, &f);
		keep_files(b, &f);
		return;
	}
	hf_brokerconf_fini(&f);
}

/* What stays down is tried again, what waits does not wait for its turn. */
static void
start_now(struct inst *in)
{
	if (in->is_absent || in->status == HF_RS_REFUSED) {
		/* no death, so no restart after one */
		in->is_planned = true;
		in->text[0] = '\0';
	}
	in->is_absent = false;
	inst_start(in);
}

void
broker_reload(struct parent *p)
{
	struct inst *in;
	bool is_wanted;
	size_t i;

	for (i = 0; i < p->nstarted && p->stop_step == 0; i++) {
		in = &p->inst[i];
		if (in->role != HF_ROLE_BROKER)
			continue;
		is_wanted = hf_plant_has_broker(p->now.plant, in->zone - 1u);
		if (!is_wanted && !in->is_absent) {
			in->is_absent = true;
			if (in->pid > 0)
				inst_renew(in, "the plant has none here now");
			else
				inst_status(in, HF_RS_STOPPED, " ");
		} else if (is_wanted && in->pid == 0) {
			start_now(in);
		} else if (is_wanted) {
			in->is_absent = false;
			if (in->pid > 0)
				reload_one(in);
		}
	}
}
