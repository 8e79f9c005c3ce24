/* SPDX-License-Identifier: Apache-2.0
 *
 * web_process_test.c - role web as a process: confined, with a parent, a core
 * and an audit that the test plays.
 *
 * The child is hf_role_web() itself, with every layer of the sandbox that this
 * machine gives. What the unit of http.c can do is tested in web_role_test.c;
 * here it must do it with its own wires and under its own list of system calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "conf/conf.h"
#include "model/query.h"
#include "model/record.h"
#include "proc/role.h"

const struct hf_verb hf_verbs[] = {{0}};

#define WAIT_MS 20000 /* after that it hangs */

struct rig {
	char dir[64];
	pid_t pid;
	struct hf_wire parent, core, audit; /* the test's ends */
	int listen_fd;
	uint8_t buf[HF_MSG_MAX];
};

static void
finding(void *arg, const struct hf_finding *f)
{
	fprintf(stderr, "# %s:%d: %s\n", f->file, f->line, f->text);
}

static void
pack_plant(const char *dir, struct hf_buf *out, uint8_t hash[HF_SHA256_LEN])
{
	static const char yaml[] = "format: 1\n"
				   "plant: {enterprise: acme, site: berlin, "
				   "timezone: Europe/Berlin}\n";
	struct hf_plant *p = NULL;
	struct hf_err e = {0};
	char path[96];
	FILE *f;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/plant.yaml", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(yaml, f);
	(void)fclose(f);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hf_conf_load(fd, &hf_registry, finding, NULL, &p, &e) != HF_OK)
		fail_msg("%s", e.msg);
	hf_buf_init(out, HF_PLANT_BYTES);
	assert_int_equal(hf_plant_pack(p, out, &e), HF_OK);
	memcpy(hash, p->hash, HF_SHA256_LEN);
	hf_plant_free(p);
	(void)close(fd);
	(void)unlink(path);
}

/* The next message of this type on the wire; others are dropped. */
static void
expect(struct rig *r, const struct hf_wire *w, enum hf_msg_type type,
    struct hf_msg *m)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	enum hf_violation viol;
	struct hf_err e = {0};
	int rc;

	for (;;) {
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail_msg("no %s", hf_msg_rows[type].name);
		rc = hf_wire_recv(w, r->buf, m, &viol, &e);
		if (rc == HF_EAGAIN)
			continue;
		if (rc != HF_OK)
			fail_msg("waiting for %s: %s", hf_msg_rows[type].name,
			    e.msg);
		if (m->type == type)
			return;
	}
}

static void
send_msg(const struct hf_wire *w, enum hf_msg_type type, uint64_t req,
    const void *p, size_t n, int memfd)
{
	struct hf_err e = {0};

	if (hf_wire_send(w, type, req, p, n, NULL, 0, memfd, &e) != HF_OK)
		fail_msg("%s: %s", hf_msg_rows[type].name, e.msg);
}

static void
child(const int *fds, int listen_fd)
{
	struct hf_role_args a = {.role = HF_ROLE_WEB,
	    .incarnation = 1,
	    .is_insecure = true,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	    .evidence_gid = (gid_t)-1,
	    .log_level = HF_LOG_ERROR,
	    .fds = {{"parent", fds[0]}, {"core", fds[1]}, {"audit", fds[2]},
		{"listen", listen_fd}},
	    .nfd = 4};

	_exit(hf_role_web(&a));
}

static void
rig_start(struct rig *r)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int ends[3][2], fds[3], i;

	memset(r, 0, sizeof(*r));
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/hf-webp.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "%s/api.sock", r->dir);
	r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(r->listen_fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(r->listen_fd, 64), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(hf_wire_pair(ends[i], NULL), HF_OK);
		fds[i] = ends[i][1];
	}
	r->parent = (struct hf_wire){.fd = ends[0][0],
	    .self = HF_ROLE_PARENT,
	    .peer = HF_ROLE_WEB,
	    .incarnation = 1};
	r->core = (struct hf_wire){.fd = ends[1][0],
	    .self = HF_ROLE_CORE,
	    .peer = HF_ROLE_WEB,
	    .incarnation = 1};
	r->audit = (struct hf_wire){.fd = ends[2][0],
	    .self = HF_ROLE_AUDIT,
	    .peer = HF_ROLE_WEB,
	    .incarnation = 1};
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0)
		child(fds, r->listen_fd);
	for (i = 0; i < 3; i++)
		(void)close(fds[i]);
}

/* READY, then the first plant: now it serves. */
static void
rig_ready(struct rig *r)
{
	uint8_t hash[HF_SHA256_LEN];
	struct hf_buf plant, b;
	struct hf_msg m;
	struct hf_rd rd;
	int fd;

	expect(r, &r->parent, HF_MSG_READY, &m);
	pack_plant(r->dir, &plant, hash);
	fd = hf_memfd_sealed("plant", plant.p, plant.len, NULL);
	assert_true(fd >= 0);
	hf_buf_init(&b, 256);
	hf_buf_u64(&b, plant.len);
	hf_buf_u64(&b, 1);
	hf_buf_put(&b, hash, sizeof(hash));
	send_msg(&r->parent, HF_MSG_CONFIG, 0, b.p, b.len, fd);
	(void)close(fd);
	expect(r, &r->parent, HF_MSG_CONFIG_REPLY, &m);
	hf_rd_init(&rd, m.p, m.n);
	assert_int_equal(hf_rd_u64(&rd), 1);
	assert_int_equal((int32_t)hf_rd_u32(&rd), HF_OK);
	hf_buf_reset(&b);
	hf_buf_u64(&b, 1);
	send_msg(&r->parent, HF_MSG_CONFIG_APPLY, 0, b.p, b.len, -1);
	hf_buf_fini(&b);
	hf_buf_fini(&plant);
}

static void
rig_stop_asked(struct rig *r)
{
	send_msg(&r->parent, HF_MSG_STOP, 0, NULL, 0, -1);
}

static void
rig_gone(struct rig *r)
{
	char path[96];
	int status = 0;

	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != HF_RX_OK)
		fail_msg("web ended with status 0x%x", status);
	(void)close(r->parent.fd);
	(void)close(r->core.fd);
	(void)close(r->audit.fd);
	(void)close(r->listen_fd);
	(void)snprintf(path, sizeof(path), "%s/api.sock", r->dir);
	(void)unlink(path);
	(void)rmdir(r->dir);
}

static void
rig_stop(struct rig *r)
{
	rig_stop_asked(r);
	rig_gone(r);
}

/* A client in a process of its own: it asks, and ends with the client's exit
 * code; its answer is in the pipe. */
static pid_t
client_start(const struct rig *r, const char *path, int *out)
{
	struct hf_client c = {.run = r->dir};
	struct hf_err e = {0};
	struct hf_buf b;
	int fds[2], rc;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		hf_buf_init(&b, 1u << 20);
		rc = hf_client_get(&c, path, &b, &e);
		if (rc == HF_OK)
			(void)!write(fds[1], b.p, b.len);
		else
			(void)!write(fds[1], e.msg, strlen(e.msg));
		_exit(hf_client_exit(rc));
	}
	(void)close(fds[1]);
	*out = fds[0];
	return pid;
}

static void
client_end(pid_t pid, int fd, int want_exit, const char *want_text)
{
	char text[4096], rest[4096]; /* only the beginning is compared */
	ssize_t n = 0, k;
	int status;

	while ((size_t)n < sizeof(text) - 1 &&
	       (k = read(fd, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += k;
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	text[n] = '\0';
	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != want_exit || strstr(text, want_text) == NULL)
		fail_msg("exit %d: %s", WEXITSTATUS(status), text);
}

static void
answer(struct rig *r, const struct hf_wire *w, uint64_t req, int rc,
    const char *text)
{
	struct hf_buf b;

	hf_buf_init(&b, 65400);
	hf_buf_u32(&b, (uint32_t)rc);
	hf_buf_puts(&b, text);
	send_msg(w, HF_MSG_ANSWER, req, b.p, b.len, -1);
	hf_buf_fini(&b);
}

static void
confined_web_serves_records_and_stops(void **state)
{
	struct hf_query q;
	struct hf_msg m;
	struct rig r;
	pid_t pid;
	int fd;

	rig_start(&r);
	rig_ready(&r);
	pid = client_start(&r, "/api/v1/values?match=a/**", &fd);
	expect(&r, &r.core, HF_MSG_QUERY, &m);
	assert_int_equal(hf_query_decode(m.p, m.n, &q, NULL), HF_OK);
	assert_int_equal(q.kind, HF_Q_VALUES);
	assert_int_equal(q.uid, getuid());
	answer(&r, &r.core, m.req, HF_OK, "[{\"path\":\"a/b\"}]");
	client_end(pid, fd, HF_EXIT_OK, "[{\"path\":\"a/b\"}]");
	rig_stop(&r);
}

static void
reads_reach_audit_at_the_stop_at_the_latest(void **state)
{
	struct hf_record rec;
	struct hf_msg m;
	struct rig r;
	pid_t pid;
	int fd;

	rig_start(&r);
	rig_ready(&r);
	pid = client_start(&r, "/api/v1/tags?match=a/**", &fd);
	expect(&r, &r.core, HF_MSG_QUERY, &m);
	answer(&r, &r.core, m.req, HF_OK, "[]");
	client_end(pid, fd, HF_EXIT_OK, "[]");
	rig_stop_asked(&r);
	expect(&r, &r.audit, HF_MSG_RECORD, &m);
	assert_int_equal(hf_record_decode(m.p, m.n, &rec, NULL), HF_OK);
	assert_string_equal(rec.action, "data.access");
	assert_non_null(strstr(rec.detail, "tags a/**"));
	rig_gone(&r);
}

static void
large_answer_comes_by_memfd(void **state)
{
	struct hf_points p = {.n = 10000};
	struct hf_buf b, head;
	struct hf_msg m;
	struct rig r;
	pid_t pid;
	size_t i;
	int fd, mem;

	p.pt = calloc(p.n, sizeof(*p.pt));
	assert_non_null(p.pt);
	for (i = 0; i < p.n; i++)
		p.pt[i] = (struct hf_point){
		    .t_ns = (int64_t)i, .vtype = 2, .bits = i};
	hf_buf_init(&b, 16u << 20);
	assert_int_equal(hf_points_encode(&p, &b, NULL), HF_OK);
	hf_points_fini(&p);
	rig_start(&r);
	rig_ready(&r);
	pid = client_start(&r, "/api/v1/history?tag=a/b&format=csv", &fd);
	expect(&r, &r.core, HF_MSG_QUERY, &m);
	mem = hf_memfd_sealed("answer", b.p, b.len, NULL);
	hf_buf_init(&head, 64);
	hf_buf_u64(&head, b.len);
	hf_buf_u32(&head, HF_OK);
	hf_buf_u32(&head, 0);
	send_msg(&r.core, HF_MSG_ANSWER_BULK, m.req, head.p, head.len, mem);
	(void)close(mem);
	client_end(pid, fd, HF_EXIT_OK, "t,value,quality\n");
	hf_buf_fini(&head);
	hf_buf_fini(&b);
	rig_stop(&r);
}

static void
lying_core_is_reported_and_the_caller_told(void **state)
{
	struct hf_msg m;
	struct rig r;
	pid_t pid;
	int fd;

	rig_start(&r);
	rig_ready(&r);
	pid = client_start(&r, "/api/v1/history?tag=a/b", &fd);
	expect(&r, &r.core, HF_MSG_QUERY, &m);
	answer(&r, &r.core, m.req, HF_OK, "these are no points");
	expect(&r, &r.parent, HF_MSG_VIOLATION, &m);
	assert_int_equal(m.p[0], HF_ROLE_CORE);
	client_end(pid, fd, HF_EXIT_FAILED, "malformed answer");
	rig_stop(&r);
}

static void
parent_answers_a_reload(void **state)
{
	struct hf_client c;
	struct hf_query q;
	struct hf_msg m;
	struct rig r;
	pid_t pid;
	int status;

	rig_start(&r);
	rig_ready(&r);
	c = (struct hf_client){.run = r.dir};
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(hf_client_exit(hf_client_call(
		    &c, "POST", "/api/v1/reload", "{}", NULL, NULL, NULL)));
	/* The starter may act under --insecure. */
	expect(&r, &r.parent, HF_MSG_RELOAD, &m);
	assert_int_equal(hf_query_decode(m.p, m.n, &q, NULL), HF_OK);
	assert_int_equal(q.kind, HF_Q_RELOAD);
	answer(&r, &r.parent, m.req, HF_EINVAL, "plant.yaml:1:1: no");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), HF_EXIT_FOUND);
	rig_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(confined_web_serves_records_and_stops),
	    cmocka_unit_test(reads_reach_audit_at_the_stop_at_the_latest),
	    cmocka_unit_test(large_answer_comes_by_memfd),
	    cmocka_unit_test(lying_core_is_reported_and_the_caller_told),
	    cmocka_unit_test(parent_answers_a_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
