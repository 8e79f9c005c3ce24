/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_role_test.c - role audit on its wires: acknowledgement, repetition,
 * refusal, a full disk, kill -9, questions, stop.
 *
 * The role runs in a child with the real wires; this test is its parent, core
 * and web. The child's disk fails while a flag in shared memory is set. Waits
 * end when a message comes; only a hang is a failure.
 */
#include "audit_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "conf/conf.h"
#include "model/counters.h"
#include "model/query.h"
#include "proc/role.h"

const struct hf_verb hf_verbs[] = {{0}};

#define HANG_MS 20000
#define REQ(inc, n) ((uint64_t)(inc) << 32 | (n))

struct rig {
	struct fx f;	/* folder and key */
	int pair[3][2]; /* parent, core, web; [0] ours, [1] the role's */
	struct hf_wire wire[3];
	int key_fd;
	pid_t pid;
	uint32_t incarnation;
	volatile int *is_full; /* shared with the child */
	uint8_t rx[HF_MSG_MAX];
};

enum { PARENT, CORE, WEB };
static const enum hf_role peers[3] = {
    HF_ROLE_PARENT, HF_ROLE_CORE, HF_ROLE_WEB};

static volatile int *disk_is_full;

static ssize_t
full_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (*disk_is_full) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, p, n, off);
}

static void
child(struct rig *r)
{
	struct hf_role_args a = {.role = HF_ROLE_AUDIT,
	    .incarnation = r->incarnation,
	    .is_insecure = true,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	    .evidence_gid = (gid_t)-1};
	struct hf_io io = hf_io_system;
	int i;

	for (i = 0; i < 3; i++) {
		snprintf(a.fds[a.nfd].name, sizeof(a.fds[0].name), "%s",
		    hf_role_name(peers[i]));
		a.fds[a.nfd++].fd = r->pair[i][1];
	}
	strcpy(a.fds[a.nfd].name, "dir.audit");
	a.fds[a.nfd++].fd = r->f.dirfd;
	strcpy(a.fds[a.nfd].name, "key.audit");
	a.fds[a.nfd++].fd = r->key_fd;
	disk_is_full = r->is_full;
	io.pwrite = full_pwrite;
	hf_io_set(&io);
	_exit(hf_role_audit(&a));
}

static void
send_msg(struct rig *r, int who, enum hf_msg_type type, uint64_t req,
    const void *p, size_t n, int memfd)
{
	struct hf_err err;

	if (hf_wire_send(
		&r->wire[who], type, req, p, n, NULL, 0, memfd, &err) != HF_OK)
		fail_msg("send: %s", err.msg);
}

/* The next message of that type; others are passed over, but an ACK is never
 * passed over while we wait for counters (that is what the caller checks). */
static struct hf_msg
wait_msg(struct rig *r, int who, enum hf_msg_type type)
{
	struct pollfd pfd = {.fd = r->wire[who].fd, .events = POLLIN};
	enum hf_violation viol;
	struct hf_err err;
	struct hf_msg m;
	int rc;

	for (;;) {
		if (poll(&pfd, 1, HANG_MS) != 1)
			fail_msg("no %s came", hf_msg_rows[type].name);
		rc = hf_wire_recv(&r->wire[who], r->rx, &m, &viol, &err);
		if (rc == HF_EAGAIN)
			continue;
		if (rc != HF_OK)
			fail_msg("receive: %s", err.msg);
		if (m.type == type)
			return m;
		if (type == HF_MSG_COUNTERS && m.type == HF_MSG_RECORD_ACK)
			fail_msg("acknowledged while the disk is full");
		if (m.memfd >= 0)
			close(m.memfd);
	}
}

static void
configure(struct rig *r)
{
	int dirfd = open("etc/minimal", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
	struct hf_plant *p;
	struct hf_err err;
	struct hf_buf b, m;
	struct hf_rd rd;

	if (hf_conf_load(dirfd, &hf_registry, NULL, NULL, &p, &err) != HF_OK)
		fail_msg("%s", err.msg);
	close(dirfd);
	hf_buf_init(&b, HF_PLANT_BYTES);
	hf_buf_init(&m, 64);
	assert_int_equal(hf_plant_pack(p, &b, NULL), HF_OK);
	fd = hf_memfd_sealed("plant", b.p, b.len, &err);
	assert_true(fd >= 0);
	hf_buf_u64(&m, b.len);
	hf_buf_u64(&m, 1);
	hf_buf_put(&m, p->hash, sizeof(p->hash));
	send_msg(r, PARENT, HF_MSG_CONFIG, 0, m.p, m.len, fd);
	close(fd);
	wait_msg(r, PARENT, HF_MSG_CONFIG_REPLY);
	hf_rd_init(&rd, r->rx + HF_MSG_HEAD, 12);
	hf_rd_u64(&rd);
	assert_int_equal((int32_t)hf_rd_u32(&rd), HF_OK);
	send_msg(r, PARENT, HF_MSG_CONFIG_APPLY, 0, m.p + 8, 8, -1);
	hf_buf_fini(&b);
	hf_buf_fini(&m);
	hf_plant_free(p);
}

static void
start(struct rig *r)
{
	r->incarnation++;
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0)
		child(r);
	wait_msg(r, PARENT, HF_MSG_READY);
	configure(r);
}

static void
rig_init(struct rig *r)
{
	int i;

	memset(r, 0, sizeof(*r));
	fx_init(&r->f);
	r->key_fd = memfd_create("key", MFD_CLOEXEC);
	assert_int_equal(write(r->key_fd, fx_seed, 32), 32);
	r->is_full = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(hf_wire_pair(r->pair[i], NULL), HF_OK);
		r->wire[i] = (struct hf_wire){.fd = r->pair[i][0],
		    .self = peers[i],
		    .peer = HF_ROLE_AUDIT,
		    .incarnation = 1};
	}
	start(r);
}

static void
say(struct rig *r, int who, const char *action, uint64_t req)
{
	struct hf_record rec = fx_record(req & UINT32_MAX);
	struct hf_buf b;

	hf_strcpy(rec.action, sizeof(rec.action), action);
	hf_buf_init(&b, 4096);
	assert_int_equal(hf_record_encode(&rec, &b), HF_OK);
	send_msg(r, who, HF_MSG_RECORD, req, b.p, b.len, -1);
	hf_buf_fini(&b);
}

static uint64_t
wait_ack(struct rig *r, int who)
{
	struct hf_msg m = wait_msg(r, who, HF_MSG_RECORD_ACK);
	struct hf_rd rd;

	hf_rd_init(&rd, m.p, m.n);
	return hf_rd_u64(&rd);
}

/* How often a word stands in all records, as web gets them. */
static int
count_in_log(struct rig *r, const char *word)
{
	struct hf_query q = {
	    .kind = HF_Q_AUDIT, .to_ns = HF_TIME_NONE, .limit = 1000};
	const char *at;
	struct hf_buf b;
	struct hf_msg m;
	int n = 0;

	hf_buf_init(&b, 4096);
	assert_int_equal(hf_query_encode(&q, &b), HF_OK);
	send_msg(r, WEB, HF_MSG_AUDIT_QUERY, 77, b.p, b.len, -1);
	hf_buf_fini(&b);
	m = wait_msg(r, WEB, HF_MSG_ANSWER);
	assert_int_equal(m.req, 77);
	r->rx[HF_MSG_HEAD + m.n] = '\0';
	assert_memory_equal(m.p, "\0\0\0\0[", 5);
	for (at = (const char *)m.p + 4; (at = strstr(at, word)) != NULL; at++)
		n++;
	return n;
}

static void
stop(struct rig *r)
{
	struct hf_audit_verdict v;
	int status, i;

	send_msg(r, PARENT, HF_MSG_STOP, 0, NULL, 0, -1);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	if (fx_verify_at(r->f.path, NULL, NULL, false, &v) != HF_OK)
		fail_msg("%s", v.first[0].text);
	for (i = 0; i < 3; i++) {
		close(r->pair[i][0]);
		close(r->pair[i][1]);
	}
	close(r->key_fd);
	munmap((void *)(uintptr_t)r->is_full, 4096);
	fx_fini(&r->f);
}

static struct rig rig;

static void
a_record_is_acknowledged_when_durable_and_signed_at_stop(void **state)
{
	(void)state;
	rig_init(&rig);
	say(&rig, CORE, "event.raised", REQ(1, 1));
	assert_true(wait_ack(&rig, CORE) == REQ(1, 1));
	assert_int_equal(count_in_log(&rig, "event.raised"), 1);
	assert_int_equal(count_in_log(&rig, "log.open"), 1);
	say(&rig, PARENT, "system.stop", REQ(1, 1)); /* last words are kept */
	stop(&rig);
}

static void
a_repeated_record_is_acknowledged_again_but_stored_once(void **state)
{
	(void)state;
	rig_init(&rig);
	say(&rig, CORE, "event.raised", REQ(1, 1));
	assert_true(wait_ack(&rig, CORE) == REQ(1, 1));
	say(&rig, CORE, "event.raised", REQ(1, 1));
	assert_true(wait_ack(&rig, CORE) == REQ(1, 1));
	/* the same number of another sender is another record */
	say(&rig, WEB, "data.access", REQ(1, 1));
	assert_true(wait_ack(&rig, WEB) == REQ(1, 1));
	assert_int_equal(count_in_log(&rig, "event.raised"), 1);
	assert_int_equal(count_in_log(&rig, "data.access"), 1);
	stop(&rig);
}

static void
a_repeated_record_is_known_after_kill_9_of_audit(void **state)
{
	int status;

	(void)state;
	rig_init(&rig);
	say(&rig, CORE, "event.raised", REQ(1, 1));
	say(&rig, CORE, "event.raised", REQ(1, 2));
	while (wait_ack(&rig, CORE) != REQ(1, 2))
		continue;
	assert_int_equal(kill(rig.pid, SIGKILL), 0);
	assert_int_equal(waitpid(rig.pid, &status, 0), rig.pid);
	say(&rig, CORE, "event.raised", REQ(1, 2)); /* waits in the socket */
	say(&rig, CORE, "event.raised", REQ(1, 3));
	start(&rig);
	while (wait_ack(&rig, CORE) != REQ(1, 3))
		continue;
	assert_int_equal(count_in_log(&rig, "event.raised"), 3);
	stop(&rig);
}

static void
a_sender_that_says_what_it_may_not_is_reported(void **state)
{
	struct hf_msg m;

	(void)state;
	rig_init(&rig);
	say(&rig, WEB, "alarm.ack", REQ(1, 1)); /* core's word */
	m = wait_msg(&rig, PARENT, HF_MSG_VIOLATION);
	assert_int_equal(m.p[0], HF_ROLE_WEB);
	say(&rig, WEB, "data.access", REQ(1, 2));
	while (wait_ack(&rig, WEB) != REQ(1, 2))
		continue;
	assert_int_equal(count_in_log(&rig, "alarm.ack"), 0);
	stop(&rig);
}

static void
a_full_disk_stops_acknowledgement_and_recovers_by_itself(void **state)
{
	struct hf_counters ctr;
	struct hf_msg m;
	uint64_t i;

	(void)state;
	rig_init(&rig);
	say(&rig, CORE, "event.raised", REQ(1, 1));
	assert_true(wait_ack(&rig, CORE) == REQ(1, 1));
	*rig.is_full = 1;
	for (i = 2; i <= 20; i++)
		say(&rig, CORE, "event.raised", REQ(1, i));
	do {
		m = wait_msg(&rig, CORE, HF_MSG_COUNTERS);
		assert_int_equal(
		    hf_counters_decode(m.p, m.n, &ctr, NULL), HF_OK);
	} while (ctr.v[HF_C_AU_ERRORS] < 3);
	*rig.is_full = 0;
	while (wait_ack(&rig, CORE) != REQ(1, 20))
		continue;
	assert_int_equal(count_in_log(&rig, "event.raised"), 20);
	stop(&rig);
}

static void
what_the_parent_says_before_the_plant_is_known_is_kept(void **state)
{
	(void)state;
	rig_init(&rig);
	assert_int_equal(kill(rig.pid, SIGKILL), 0);
	assert_int_equal(waitpid(rig.pid, NULL, 0), rig.pid);
	say(&rig, PARENT, "role.death", REQ(1, 1)); /* before CONFIG */
	start(&rig);
	assert_true(wait_ack(&rig, PARENT) == REQ(1, 1));
	assert_int_equal(count_in_log(&rig, "role.death"), 1);
	stop(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_record_is_acknowledged_when_durable_and_signed_at_stop),
	    cmocka_unit_test(
		a_repeated_record_is_acknowledged_again_but_stored_once),
	    cmocka_unit_test(a_repeated_record_is_known_after_kill_9_of_audit),
	    cmocka_unit_test(a_sender_that_says_what_it_may_not_is_reported),
	    cmocka_unit_test(
		a_full_disk_stops_acknowledgement_and_recovers_by_itself),
	    cmocka_unit_test(
		what_the_parent_says_before_the_plant_is_known_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
