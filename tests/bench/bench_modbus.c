/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_modbus.c - what 100 devices with 100 registers each at 1 s cost in one
 * thread, and how long an answer waits because another device hangs.
 *
 * A child process serves all devices (one listener), so that its CPU time is
 * not ours. Baseline in the same run: a bare loop that sends and receives the
 * same bytes on 100 blocking sockets at the same pace and parses nothing; the
 * ratio says what driver, loop, planner and decoder add. Goal: <= 5 % of a
 * core. Then 20 more devices that accept and never answer, against the goal
 * that a hung device delays no other by more than 10 ms.
 *
 *   bench_modbus [SECONDS]       default 5
 */
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <event2/event.h>

#include "bench/figure.h"
#include "modbus_peer.h"
#include "modbus_plant.h"

#define NDEV 100
#define NHUNG 20
#define NTAG 50 /* uint32 or float32: 100 registers */
#define ANSWER_LEN (9 + 2 * 100)
#define NDELAY 100000

static struct {
	double ms[NDELAY];
	size_t n;
	int64_t last_ns[NDEV + NHUNG];
} delay;

static double
cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* The devices: a fresh process, so that nothing of ours is shared. */
static pid_t
serve(uint16_t *port, uint16_t *hung_port)
{
	static struct mb_peer peer[3];
	struct hf_loop *loop = hf_loop_new();
	pid_t pid;
	int i;

	for (i = 0; i < 3; i++)
		mb_peer_open(&peer[i], loop, 0);
	port[0] = peer[0].port;
	port[1] = peer[1].port;
	*hung_port = peer[2].port;
	pid = fork();
	if (pid == 0) {
		event_reinit(hf_loop_base(loop));
		peer[2].fault = MB_NEVER;
		hf_loop_run(loop);
		_exit(0);
	}
	for (i = 0; i < 3; i++)
		mb_peer_close(&peer[i]);
	hf_loop_free(loop);
	return pid;
}

/* ---- baseline: the same bytes on bare sockets ---- */

static int
plain_connect(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		abort();
	return fd;
}

static double
baseline(const uint16_t *port, int seconds)
{
	const uint8_t ask[12] = {0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 100};
	const struct timespec pause = {0, 1000000000 / NDEV};
	uint8_t answer[300];
	int fds[NDEV], i, s;
	double before;
	ssize_t n, k;

	for (i = 0; i < NDEV; i++)
		fds[i] = plain_connect(port[i % 2]);
	before = cpu_s();
	for (s = 0; s < seconds; s++) {
		for (i = 0; i < NDEV; i++) {
			if (send(fds[i], ask, sizeof(ask), 0) != sizeof(ask))
				abort();
			for (n = 0; n < ANSWER_LEN; n += k)
				if ((k = recv(fds[i], answer, sizeof(answer),
					 0)) <= 0)
					abort();
			nanosleep(&pause, NULL);
		}
	}
	before = cpu_s() - before;
	for (i = 0; i < NDEV; i++)
		close(fds[i]);
	return before / seconds;
}

/* ---- the driver ---- */

static void
on_reading(
    void *arg, uint32_t device, int64_t stamp_ns, const struct hf_reading *r)
{
	const int64_t now_ns = hf_mono_ns();
	int64_t last_ns = delay.last_ns[device];

	if (r->tag != (const struct hf_tag *)arg && strcmp(r->tag->name, "t0"))
		return;
	delay.last_ns[device] = now_ns;
	if (last_ns != 0 && delay.n < NDELAY)
		delay.ms[delay.n++] =
		    fabs((double)(now_ns - last_ns) / 1e6 - 1000);
}

static void
add_device(struct mb_plant *m, int i, uint16_t port)
{
	char name[32], tag[32], address[32];
	int k;

	snprintf(name, sizeof(name), "dev%d", i);
	mb_plant_device(m, name, port);
	for (k = 0; k < NTAG; k++) {
		snprintf(tag, sizeof(tag), "t%d", k);
		snprintf(address, sizeof(address), "hr:%d", 2 * k);
		mb_plant_tag(
		    m, tag, address, k % 2 ? HF_T_F32 : HF_T_U32, HF_NS_PER_S);
	}
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
percentile(double p)
{
	if (delay.n == 0)
		return NAN;
	qsort(delay.ms, delay.n, sizeof(double), by_value);
	return delay.ms[(size_t)(p * (double)(delay.n - 1))];
}

/* CPU seconds per second of ndev devices; the loop runs warm for a second. */
static double
measure(const uint16_t *port, uint16_t hung_port, int nhung, int seconds)
{
	struct hf_driver_dev *dev[NDEV + NHUNG];
	struct hf_loop *loop = hf_loop_new();
	struct mb_plant m;
	struct mb_host h;
	struct hf_err err;
	int64_t from_ns, end_ns;
	double before;
	int i, n = NDEV + nhung;

	mb_plant_init(&m, (size_t)n, (size_t)n * NTAG);
	mb_host_init(&h, loop);
	h.on_reading = on_reading;
	memset(&delay, 0, sizeof(delay));
	for (i = 0; i < n; i++)
		add_device(&m, i, i < NDEV ? port[i % 2] : hung_port);
	for (i = 0; i < n; i++)
		if (hf_modbus_driver.open(
			&m.plant, (uint32_t)i, &h.host, &dev[i], &err) != HF_OK)
			abort();
	for (from_ns = hf_mono_ns(); hf_mono_ns() < from_ns + 2 * HF_NS_PER_S;)
		hf_loop_once(loop, 100);
	h.ngood = 0;
	delay.n = 0;
	memset(delay.last_ns, 0, sizeof(delay.last_ns));
	before = cpu_s();
	from_ns = hf_mono_ns();
	end_ns = from_ns + seconds * HF_NS_PER_S;
	while (hf_mono_ns() < end_ns)
		hf_loop_once(loop, 100);
	before = cpu_s() - before;
	printf(
	    "modbus %3d devices + %2d hung: %.2f %% of a core, %.0f values/s,"
	    " cycle off by p50 %.2f p99 %.2f max %.2f ms\n",
	    NDEV, nhung, 100 * before / seconds, (double)h.ngood / seconds,
	    percentile(0.5), percentile(0.99), percentile(1));
	for (i = 0; i < n; i++)
		hf_modbus_driver.close(dev[i]);
	mb_plant_fini(&m);
	hf_loop_free(loop);
	return before / seconds;
}

int
main(int argc, char **argv)
{
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 5;
	uint16_t port[2], hung_port;
	double base, ours;
	pid_t pid;

	if (seconds < 2)
		seconds = 2;
	pid = serve(port, &hung_port);
	base = baseline(port, seconds);
	printf(
	    "modbus baseline, bare sockets: %.2f %% of a core\n", 100 * base);
	ours = measure(port, hung_port, 0, seconds);
	figure("CPU of 100 Modbus devices, 5,000 values/s", 100 * ours,
	    "% of a core", "bare sockets", 100 * base, "<=5");
	ours = measure(port, hung_port, NHUNG, seconds);
	figure("the same with 20 more that never answer", 100 * ours,
	    "% of a core", "bare sockets", 100 * base, "<=5");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
