/* SPDX-License-Identifier: Apache-2.0
 *
 * store_kill_test.c - kill -9 during ingest and folds; every acknowledged
 * sample must be there after the next open.
 *
 * A child writes batches that follow from their number, folds now and then, and
 * tells each durable batch through a pipe. The parent kills it at a random
 * moment, opens the store and compares bit for bit: all batches told are
 * there, at most the one under way more. Control: a child whose log writes go
 * nowhere acknowledges all the same and must be found out, else this harness
 * is blind. TORTURE=1: 1,000 runs instead of 20.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "store_kit.h"

#define NTAG 5
#define BATCH_MAX 200
#define NBATCH 4000
#define T0 INT64_C(1391126400000000000)

/* The samples of batch b; the same in child and parent. */
static size_t
batch(uint64_t seed, uint32_t b, struct kit_sample *v)
{
	struct kit_gen g = {.r = {seed * 100003 + b},
	    .ntag = NTAG,
	    .step_ns = 20 * HF_NS_PER_S};
	size_t i, n;

	for (i = 0; i < NTAG; i++)
		g.t_ns[i] = T0 + (int64_t)b * 600 * HF_NS_PER_S;
	n = 1 + kit_below(&g.r, BATCH_MAX);
	for (i = 0; i < n; i++)
		v[i] = kit_sample(&g, i > 0 ? &v[0] : NULL);
	return n;
}

static ssize_t
pwrite_nowhere(int fd, const void *p, size_t n, off_t off)
{
	return (ssize_t)n;
}

static void
child(struct kit *k, uint64_t seed, int pipe_fd, bool has_log)
{
	static struct kit_sample v[HF_BATCH_NSAMPLE];
	static struct hf_io io;
	uint32_t b;
	size_t n;

	io = hf_io_system;
	io.pwrite = pwrite_nowhere;
	if (!has_log)
		hf_io_set(&io);
	kit_open(k);
	for (b = 0; b < NBATCH; b++) {
		n = batch(seed, b, v);
		kit_put(k, NULL, v, n);
		MUST(write(pipe_fd, &b, sizeof(b)) == sizeof(b));
		if (has_log && b % 23 == 22)
			kit_fold(k);
	}
	_exit(0);
}

/* Runs the child for a while and kills it; how many batches it acknowledged. */
static uint32_t
run_and_kill(struct kit *k, uint64_t seed, useconds_t us, bool has_log)
{
	uint32_t b, nacked = 0;
	int fds[2];
	pid_t pid;

	MUST(pipe(fds) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child(k, seed, fds[1], has_log);
	}
	close(fds[1]);
	MUST(read(fds[0], &b, sizeof(b)) == sizeof(b)); /* it is under way */
	nacked = b + 1;
	usleep(us);
	kill(pid, SIGKILL);
	while (read(fds[0], &b, sizeof(b)) == sizeof(b))
		nacked = b + 1;
	close(fds[0]);
	MUST(waitpid(pid, NULL, 0) == pid);
	return nacked;
}

static void
expect(struct kit_oracle *o, uint64_t seed, uint32_t nbatch)
{
	static struct kit_sample v[HF_BATCH_NSAMPLE];
	struct kit_sample *grown;
	size_t i, k, n;
	uint32_t b;

	for (b = 0; b < nbatch; b++) {
		n = batch(seed, b, v);
		for (i = 0; i < n; i++) {
			for (k = 0; k < i; k++)
				if (kit_same(&v[k], &v[i]))
					break;
			if (k < i)
				continue;
			if (o->n == o->cap) {
				o->cap = o->cap * 2 + 1024;
				grown = realloc(o->v, o->cap * sizeof(*grown));
				MUST(grown != NULL);
				o->v = grown;
			}
			o->v[o->n] = v[i];
			o->v[o->n].arrival = o->n;
			o->n++;
		}
	}
}

/* Does the store hold exactly these batches? */
static bool
holds(struct kit *k, uint64_t seed, uint32_t nbatch)
{
	struct kit_oracle o = {.n = 0};
	struct kit_sample *v;
	struct hf_points p;
	bool is_same = true;
	size_t t, i, j, n;

	expect(&o, seed, nbatch);
	for (t = 0; t < NTAG && is_same; t++) {
		v = kit_oracle_get(&o, 1000 + t, INT64_MIN, INT64_MAX, &n);
		for (i = j = 0; i < n; i++) { /* equal ones of other batches */
			size_t m = j;

			while (m > 0 && v[m - 1].t_ns == v[i].t_ns &&
			       !kit_same(&v[m - 1], &v[i]))
				m--;
			if (m > 0 && v[m - 1].t_ns == v[i].t_ns)
				continue;
			v[j++] = v[i];
		}
		kit_query(k, 1000 + t, INT64_MIN, INT64_MAX, 0, &p);
		is_same = p.n == j;
		for (i = 0; i < j && is_same; i++)
			is_same = kit_point_is(&p, i, &v[i]);
		hf_points_fini(&p);
		free(v);
	}
	free(o.v);
	return is_same;
}

static bool
survives(uint64_t seed, useconds_t us, bool has_log)
{
	uint32_t nacked;
	struct kit k;
	bool is_whole;

	memset(&k, 0, sizeof(k));
	k.source = 77;
	kit_dir_make(&k.d);
	nacked = run_and_kill(&k, seed, us, has_log);
	kit_open(&k);
	is_whole = holds(&k, seed, nacked) || holds(&k, seed, nacked + 1);
	if (is_whole && has_log) {
		kit_fold(&k);
		is_whole =
		    holds(&k, seed, nacked) || holds(&k, seed, nacked + 1);
	}
	if (!is_whole && has_log)
		fprintf(stderr,
		    "# seed %llu: %u batches acknowledged, not"
		    " whole after the kill; %s\n",
		    (unsigned long long)seed, nacked, k.report.text);
	kit_end(&k);
	return is_whole;
}

static void
no_acknowledged_sample_is_lost_by_kill_9(void **st)
{
	int i, n = getenv("TORTURE") != NULL ? 1000 : 20;
	struct kit_rnd r = {1};

	for (i = 0; i < n; i++)
		assert_true(survives(
		    (uint64_t)i, (useconds_t)kit_below(&r, 120000), true));
}

static void
control_without_the_log_loses_samples(void **st)
{
	assert_false(survives(1, 20000, false));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_acknowledged_sample_is_lost_by_kill_9),
	    cmocka_unit_test(control_without_the_log_loses_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
