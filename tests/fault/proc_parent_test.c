/* SPDX-License-Identifier: Apache-2.0
 *
 * proc_parent_test.c - the parent against roles that die, lie, hang and refuse.
 *
 * The parent executes its own program for each role; here that is this test, so
 * `--role NAME` leads to fake_role() below: a role that does what files in the
 * working directory say ("die.core", "refuse.web" ...) and writes down what it
 * was told ("records", "states", "applied.core" ...). The conf child is the real
 * one. The parent runs with --insecure, so that the test needs no rights; the
 * layers have their own test (os_sandbox_test.c).
 * Waiting is by polling for what must come; only the stop is measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "proc/house.h"
#include "proc/parent.h"
#include "proc/role.h"

#define WAIT_NS (20 * HF_NS_PER_S) /* for what must come; sanitizers are slow */

/* ---- the fake role */

struct fake {
	struct hf_role_ctx ctx;
	const char *name;
};

static bool
told(const struct fake *f, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "%s.%s", what, f->name);
	return access(path, F_OK) == 0;
}

static void __attribute__((format(printf, 2, 3)))
note(const char *file, const char *fmt, ...)
{
	char line[1500];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static int
fake_judge(void *arg, const struct hf_plant *p, struct hf_err *err)
{
	const struct fake *f = arg;

	if (told(f, "judge-die"))
		raise(SIGKILL);
	if (told(f, "refuse"))
		return HF_FAIL(err, HF_EINVAL, "%s does not like it", f->name);
	return HF_OK;
}

static void
lie_to_core(struct fake *f)
{
	uint8_t p[HF_MSG_HEAD + 32] = {sizeof(p), 0, 0, 0, HF_MSG_BATCH, 0,
	    HF_ROLE_EDGE, 9 /* of another zone */};
	const struct hf_wire *w = hf_role_peer(&f->ctx, HF_ROLE_CORE, 0);
	int i;

	for (i = 0; i < 20; i++) /* also what comes behind must not harm */
		(void)send(w->fd, p, sizeof(p), 0);
}

static int
fake_apply(void *arg, const struct hf_plant *p, struct hf_plant *old,
    struct hf_err *err)
{
	struct fake *f = arg;
	char file[64];

	hf_plant_free(old);
	snprintf(file, sizeof(file), "applied.%s", f->name);
	note(file, "gen %llu inc %u pid %d zones %zu\n",
	    (unsigned long long)f->ctx.generation, f->ctx.args.incarnation,
	    (int)getpid(), p->nzone);
	if (told(f, "die"))
		raise(SIGKILL);
	if (told(f, "lie")) {
		unlink("lie.edge");
		lie_to_core(f);
	}
	return HF_OK;
}

static void
fake_stop(void *arg)
{
	struct fake *f = arg;

	note("stops", "%s\n", f->name);
	if (!told(f, "hang"))
		hf_role_stopped(&f->ctx);
}

static void
take_record(struct fake *f, const struct hf_wire *from, const struct hf_msg *m)
{
	struct hf_record r;
	uint8_t ack[16] = {0};
	int i;

	if (hf_record_decode(m->p, m->n, &r, NULL) != HF_OK)
		abort();
	note("records", "%s from %s: %s %s %s: %s\n", r.action,
	    hf_role_name(from->peer), r.actor, r.object, r.decision, r.detail);
	for (i = 0; i < 8; i++)
		ack[i] = (uint8_t)(m->req >> (8 * i));
	(void)hf_role_send(&f->ctx, from->peer, from->zone, HF_MSG_RECORD_ACK,
	    0, ack, sizeof(ack), NULL);
}

static int
fake_message(
    void *arg, const struct hf_wire *from, struct hf_msg *m, struct hf_err *err)
{
	struct fake *f = arg;
	struct hf_role_state s;

	if (m->type == HF_MSG_RECORD)
		take_record(f, from, m);
	else if (m->type == HF_MSG_ROLE_STATE) {
		if (hf_role_state_decode(m->p, m->n, &s, err) != HF_OK)
			abort();
		note("states", "%s %s restarts %u: %s\n",
		    hf_role_name((enum hf_role)s.role),
		    hf_role_status_words[s.status], s.restarts, s.text);
	} else if (m->type == HF_MSG_ANSWER)
		note("answers", "rc %d %.*s\n", (int8_t)m->p[0], (int)m->n - 4,
		    (const char *)m->p + 4);
	return HF_OK;
}

static void
ask_reload(struct fake *f)
{
	struct hf_query q = {.kind = HF_Q_RELOAD, .uid = 1234};
	struct hf_buf b;

	hf_buf_init(&b, 4096);
	if (hf_query_encode(&q, &b) != HF_OK)
		abort();
	(void)hf_role_send(
	    &f->ctx, HF_ROLE_PARENT, 0, HF_MSG_RELOAD, 77, b.p, b.len, NULL);
	hf_buf_fini(&b);
}

static void
fake_tick(void *arg, int64_t mono_ns)
{
	struct fake *f = arg;

	if (told(f, "reload")) {
		unlink("reload.web");
		ask_reload(f);
	}
}

static int
fake_role(const char *name)
{
	static const struct hf_role_hooks hooks = {.judge = fake_judge,
	    .apply = fake_apply,
	    .stop = fake_stop,
	    .message = fake_message,
	    .tick = fake_tick};
	static const struct hf_role_spec spec = {.calls = 0};
	struct hf_role_args a = {.role = hf_role_parse(name)};
	struct fake f = {.name = name};
	struct hf_err err;

	if (hf_role_args_get(&a, &err) != HF_OK)
		return HF_RX_FAILED;
	if (strcmp(name, "conf") == 0)
		return hf_role_conf(&a);
	note("started", "%s %u\n", name, a.incarnation);
	if (told(&f, "sandbox"))
		return HF_RX_SANDBOX;
	if (told(&f, "silent"))
		for (;;)
			pause();
	if (hf_role_start(&f.ctx, &a, &spec, &hooks, &f) != HF_OK)
		return hf_role_exit_code(&f.ctx);
	return hf_role_run(&f.ctx);
}

/* ---- the house around it */

struct house {
	char dir[64];
	pid_t pid;
};

static const struct hf_parent_times quick = {
    .back_first = 20 * HF_NS_PER_MS,
    .back_max = 100 * HF_NS_PER_MS,
    .healthy = 60 * HF_NS_PER_S,
    .window = 60 * HF_NS_PER_S,
    .failing = 200 * HF_NS_PER_MS,
    .ready = 3 * HF_NS_PER_S,
    .conf = 60 * HF_NS_PER_S,
    .judge = 20 * HF_NS_PER_S,
    .stop_core = 500 * HF_NS_PER_MS,
    .stop_audit = 1100 * HF_NS_PER_MS,
    .stop_kill = 1850 * HF_NS_PER_MS,
};

static void
put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define PLANT                                                               \
	"format: 1\nplant: {enterprise: acme, site: test, timezone: UTC}\n" \
	"zones:\n  press: {sl_target: 1, interface: host-veth, "            \
	"networks: [127.0.0.0/8]}\n"

static void
make_data(void)
{
	uint8_t seed[32] = {1};
	bool is_new;
	int fd, key;
	size_t i;

	assert_int_equal(mkdir("data", 0755), 0);
	fd = open("data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (i = 0; i < hf_nhouse_dir; i++)
		assert_int_equal(
		    hf_house_make(fd, &hf_house_dirs[i], &is_new, NULL), HF_OK);
	key = openat(
	    fd, "keys/audit/log.key", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(key, seed, sizeof(seed)), sizeof(seed));
	close(key);
	close(fd);
}

static int
setup(void **state)
{
	struct house *h = calloc(1, sizeof(*h));

	snprintf(h->dir, sizeof(h->dir), "/tmp/hf-parent.XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	assert_int_equal(chmod(h->dir, 0777), 0);
	assert_int_equal(chdir(h->dir), 0);
	assert_int_equal(mkdir("conf", 0755), 0);
	put_file("conf/plant.yaml", PLANT);
	make_data();
	*state = h;
	return 0;
}

static void
run(struct house *h)
{
	struct hf_parent_opts o = {.conf_dir = "conf",
	    .data_dir = "data",
	    .run_dir = "run",
	    .is_insecure = true,
	    .log_level = HF_LOG_INFO,
	    .times = &quick};
	int fd;

	fflush(NULL);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid != 0)
		return;
	fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	_exit(hf_parent_run(&o));
}

static char *
text_of(const char *file)
{
	static char text[200000];
	FILE *f = fopen(file, "re");
	size_t n = 0;

	if (f != NULL) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static bool
holds(const char *file, const char *what)
{
	return strstr(text_of(file), what) != NULL;
}

static size_t
count(const char *file, const char *what)
{
	const char *s = text_of(file);
	size_t n = 0;

	while ((s = strstr(s, what)) != NULL) {
		s += strlen(what);
		n++;
	}
	return n;
}

static void
expect(const char *file, const char *what)
{
	int64_t until = hf_mono_ns() + WAIT_NS;

	while (!holds(file, what)) {
		if (hf_mono_ns() > until) {
			print_message("# \"%s\" never came in %s:\n%s\n# "
				      "log:\n",
			    what, file, text_of(file));
			print_message("%s\n", text_of("log"));
			fail();
		}
		usleep(5000);
	}
}

/* The exit code of the parent after SIGTERM, and how long it took. */
static int
stop(struct house *h, int64_t *took_ns)
{
	int64_t t0 = hf_mono_ns();
	int st;

	assert_int_equal(kill(h->pid, SIGTERM), 0);
	assert_int_equal(waitpid(h->pid, &st, 0), h->pid);
	h->pid = 0;
	if (took_ns != NULL)
		*took_ns = hf_mono_ns() - t0;
	assert_false(holds("log", "Sanitizer"));
	assert_false(holds("log", "runtime error"));
	assert_true(WIFEXITED(st));
	return WEXITSTATUS(st);
}

static int
teardown(void **state)
{
	struct house *h = *state;
	char cmd[128];
	pid_t pid;

	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, NULL, 0);
	}
	assert_int_equal(chdir("/"), 0);
	snprintf(cmd, sizeof(cmd), "%s", h->dir);
	pid = fork();
	if (pid == 0) {
		execlp("rm", "rm", "-rf", cmd, NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	free(h);
	return 0;
}

/* The last deadline lies within two seconds; what a busy machine adds to it is
 * printed, not judged. */
static void
ended_by_its_deadline(int64_t took)
{
	assert_true(hf_parent_times.stop_kill < 2 * HF_NS_PER_S);
	print_message("# stopped in %.3f s\n", (double)took / HF_NS_PER_S);
	assert_true(took < 30 * HF_NS_PER_S);
}

/* ---- tests */

static void
roles_start_in_order_and_get_the_plant(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant acme/test: 1 zone, 0 devices, 0 tags; api "
		      "run/api.sock");
	assert_string_equal(
	    text_of("started"), "audit 1\ncore 1\nedge 1\nweb 1\n");
	expect("applied.audit", "gen 1 inc 1");
	expect("applied.web", "zones 1");
	expect("records", "system.start from parent");
	expect("records", "config.change from parent");
	expect("records", "role.start from parent: role:parent web");
	expect("states", "web ready");
	assert_int_equal(stop(h, NULL), 0);
}

static void
stop_asks_front_roles_first_and_audit_last_within_two_seconds(void **state)
{
	struct house *h = *state;
	int64_t took;

	run(h);
	expect("log", "runs plant");
	assert_int_equal(stop(h, &took), 0);
	ended_by_its_deadline(took);
	assert_int_equal(count("stops", "\n"), 4);
	assert_non_null(strstr(text_of("stops"), "core\naudit\n"));
	assert_true(holds("records", "system.stop from parent"));
}

static void
role_that_hangs_is_killed_and_stop_still_takes_two_seconds(void **state)
{
	struct house *h = *state;
	int64_t took;

	put_file("hang.core", "");
	put_file("hang.edge", "");
	run(h);
	expect("log", "runs plant");
	/* and it is told apart from an orderly stop: HF_EXIT_FAILED */
	assert_int_not_equal(stop(h, &took), 0);
	ended_by_its_deadline(took);
	assert_true(holds("stops", "audit\n"));
	assert_true(holds("log", "core did not stop in time"));
}

static void
killed_role_comes_back_with_its_plant_and_others_stay(void **state)
{
	struct house *h = *state;
	char *s;
	int pid;

	run(h);
	expect("log", "runs plant");
	s = strstr(text_of("applied.edge"), "pid ");
	assert_non_null(s);
	pid = atoi(s + 4);
	assert_int_equal(kill(pid, SIGKILL), 0);
	expect("applied.edge", "gen 1 inc 2");
	expect("records", "role.death from parent: role:parent edge/press "
			  "failed: killed by signal 9 (Killed)");
	expect("states", "edge restarting restarts 0: killed by signal 9");
	expect("states", "edge ready restarts 1");
	assert_int_equal(count("applied.core", "\n"), 1);
	assert_int_equal(count("applied.web", "\n"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
killed_core_learns_all_states_again(void **state)
{
	struct house *h = *state;
	char *s;

	run(h);
	expect("log", "runs plant");
	expect("states", "web ready");
	s = strstr(text_of("applied.core"), "pid ");
	assert_int_equal(unlink("states"), 0);
	assert_int_equal(kill(atoi(s + 4), SIGKILL), 0);
	expect("states", "audit ready");
	expect("states", "edge ready");
	expect("states", "web ready");
	assert_int_equal(stop(h, NULL), 0);
}

static void
records_reach_an_audit_that_was_killed(void **state)
{
	struct house *h = *state;
	char *s;

	run(h);
	expect("log", "runs plant");
	expect("records", "role.start from parent: role:parent web");
	s = strstr(text_of("applied.audit"), "pid ");
	assert_int_equal(kill(atoi(s + 4), SIGKILL), 0);
	expect("records", "role.death from parent: role:parent audit failed");
	expect("records", "role.start from parent: role:parent audit");
	assert_int_equal(stop(h, NULL), 0);
}

static void
three_deaths_in_a_minute_are_failing_and_tried_on(void **state)
{
	struct house *h = *state;

	put_file("die.edge", "");
	run(h);
	expect("records", "role.failing from parent: role:parent edge/press "
			  "failed: 3 deaths");
	expect("states", "edge failing");
	expect("started", "web 1"); /* the others do not wait for it */
	expect("started", "edge 5");
	assert_int_equal(count("records", "role.failing"), 1);
	assert_int_equal(unlink("die.edge"), 0);
	expect("log", "runs plant");
	expect("states", "edge ready");
	assert_int_equal(stop(h, NULL), 0);
}

static void
role_that_never_gets_ready_is_killed_and_tried_again(void **state)
{
	struct house *h = *state;

	put_file("silent.web", "");
	run(h);
	expect("log", "web: no READY in time");
	expect("started", "web 2");
	assert_int_equal(unlink("silent.web"), 0);
	expect("log", "runs plant");
	assert_int_equal(stop(h, NULL), 0);
}

static void
role_without_its_sandbox_layer_stays_down(void **state)
{
	struct house *h = *state;

	put_file("sandbox.edge", "");
	run(h);
	expect("states", "edge refused");
	expect("states", "web ready");
	expect("records", "role.failing from parent: role:parent edge/press "
			  "refused: stays down");
	assert_int_equal(count("started", "edge"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
role_that_refuses_its_first_plant_stays_down(void **state)
{
	struct house *h = *state;

	put_file("refuse.edge", "");
	run(h);
	expect("states", "edge refused restarts 0: it refuses the "
			 "configuration: edge does not like it");
	expect("states", "web ready");
	assert_int_equal(count("started", "edge"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
forbidden_message_ends_its_sender_once_and_is_recorded(void **state)
{
	struct house *h = *state;

	put_file("lie.edge", "");
	run(h);
	expect("records", "message.violation from parent: role:core "
			  "edge/press deny: zone");
	expect("applied.edge", "gen 1 inc 2");
	expect("states", "edge ready restarts 1");
	/* what the liar had queued does not fall on its successor */
	put_file("reload.web", "");
	expect("answers", "rc 0");
	assert_int_equal(count("records", "message.violation"), 1);
	assert_int_equal(count("started", "edge"), 2);
	assert_int_equal(count("started", "core"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
reload_applies_to_all_and_says_what_changed(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("conf/plant.yaml",
	    PLANT "assets:\n  hall/line1: {kind: press, criticality: B}\n");
	put_file("reload.web", "");
	expect("answers", "\"changed\":[\"assets\"]");
	assert_true(holds("answers", "rc 0 {\"generation\":2"));
	expect("applied.audit", "gen 2 inc 1");
	expect("applied.core", "gen 2 inc 1");
	expect("applied.edge", "gen 2 inc 1");
	expect("applied.web", "gen 2 inc 1");
	expect("records", "config.change from parent: uid:1234");
	assert_int_equal(stop(h, NULL), 0);
}

static void
reload_without_a_change_changes_nothing(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("reload.web", "");
	expect("answers", "rc 0 {\"generation\":1");
	assert_true(holds("answers", "\"changed\":[]"));
	assert_int_equal(count("applied.core", "\n"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
reload_refused_by_one_role_is_applied_by_none(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("conf/plant.yaml",
	    PLANT "assets:\n  hall/line1: {kind: press, criticality: B}\n");
	put_file("refuse.edge", "");
	put_file("reload.web", "");
	expect("answers", "edge/press: edge does not like it");
	expect("records", "config.refused from parent: uid:1234");
	/* and it can be applied later, once */
	assert_int_equal(unlink("refuse.edge"), 0);
	assert_int_equal(count("applied.core", "\n"), 1);
	put_file("reload.web", "");
	expect("answers", "\"changed\":[\"assets\"]");
	expect("applied.core", "gen 3");
	assert_int_equal(stop(h, NULL), 0);
}

static void
role_that_dies_judging_a_reload_refuses_it(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("conf/plant.yaml",
	    PLANT "assets:\n  hall/line1: {kind: press, criticality: B}\n");
	put_file("judge-die.edge", "");
	put_file("reload.web", "");
	expect("answers", "edge/press died while it judged");
	assert_int_equal(unlink("judge-die.edge"), 0);
	expect("applied.edge", "gen 1 inc 2");
	assert_int_equal(stop(h, NULL), 0);
}

static void
reload_of_a_broken_file_is_refused_with_its_place(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("conf/plant.yaml", PLANT "colour: red\n");
	put_file("reload.web", "");
	expect("answers", "plant.yaml:5:1:");
	expect("records", "config.refused");
	assert_int_equal(count("applied.core", "\n"), 1);
	assert_int_equal(stop(h, NULL), 0);
}

static void
reload_with_other_zones_is_refused(void **state)
{
	struct house *h = *state;

	run(h);
	expect("log", "runs plant");
	put_file("conf/plant.yaml",
	    PLANT "  oven: {sl_target: 1, interface: host-veth, "
		  "networks: [127.0.0.0/8]}\n");
	put_file("reload.web", "");
	expect("answers",
	    "zones and serial lines are set up at start: restart holdfast");
	assert_int_equal(stop(h, NULL), 0);
}

static void
start_with_a_broken_plant_prints_every_error_and_ends(void **state)
{
	struct house *h = *state;
	int st;

	put_file("conf/plant.yaml", PLANT "colour: red\nshape: round\n");
	run(h);
	assert_int_equal(waitpid(h->pid, &st, 0), h->pid);
	h->pid = 0;
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), (uint8_t)HF_EINVAL);
	assert_true(holds("log", "plant.yaml:5:1:"));
	assert_true(holds("log", "plant.yaml:6:1:"));
	assert_int_equal(access("started", F_OK), -1);
}

static void
second_parent_on_the_same_data_is_refused(void **state)
{
	struct house *h = *state, other = *h;
	int st;

	run(h);
	expect("log", "runs plant");
	run(&other);
	assert_int_equal(waitpid(other.pid, &st, 0), other.pid);
	assert_int_equal(WEXITSTATUS(st), (uint8_t)HF_EEXIST);
	assert_true(holds("log", "another holdfast runs on data"));
	assert_int_equal(stop(h, NULL), 0);
}

static bool
is_alive(const char *file)
{
	const char *s = strstr(text_of(file), "pid ");

	return s != NULL && kill(atoi(s + 4), 0) == 0;
}

static void
roles_end_with_a_killed_parent(void **state)
{
	struct house *h = *state;
	int64_t until = hf_mono_ns() + WAIT_NS;

	run(h);
	expect("log", "runs plant");
	assert_true(is_alive("applied.core"));
	assert_int_equal(kill(h->pid, SIGKILL), 0);
	waitpid(h->pid, NULL, 0);
	h->pid = 0;
	while (is_alive("applied.core") || is_alive("applied.web") ||
	       is_alive("applied.edge") || is_alive("applied.audit")) {
		assert_true(hf_mono_ns() < until);
		usleep(5000);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    T(roles_start_in_order_and_get_the_plant),
	    T(stop_asks_front_roles_first_and_audit_last_within_two_seconds),
	    T(role_that_hangs_is_killed_and_stop_still_takes_two_seconds),
	    T(killed_role_comes_back_with_its_plant_and_others_stay),
	    T(killed_core_learns_all_states_again),
	    T(records_reach_an_audit_that_was_killed),
	    T(three_deaths_in_a_minute_are_failing_and_tried_on),
	    T(role_that_never_gets_ready_is_killed_and_tried_again),
	    T(role_without_its_sandbox_layer_stays_down),
	    T(role_that_refuses_its_first_plant_stays_down),
	    T(forbidden_message_ends_its_sender_once_and_is_recorded),
	    T(reload_applies_to_all_and_says_what_changed),
	    T(reload_without_a_change_changes_nothing),
	    T(reload_refused_by_one_role_is_applied_by_none),
	    T(role_that_dies_judging_a_reload_refuses_it),
	    T(reload_of_a_broken_file_is_refused_with_its_place),
	    T(reload_with_other_zones_is_refused),
	    T(start_with_a_broken_plant_prints_every_error_and_ends),
	    T(second_parent_on_the_same_data_is_refused),
	    T(roles_end_with_a_killed_parent),
	};

	if (argc == 3 && strcmp(argv[1], "--role") == 0)
		_exit(fake_role(argv[2]));
	return cmocka_run_group_tests_name("proc_parent", tests, NULL, NULL);
}
