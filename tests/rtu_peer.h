/* SPDX-License-Identifier: Apache-2.0
 *
 * rtu_peer.h - a Modbus RTU line on a pseudo-terminal, with stations that
 * misbehave on demand, in a thread of its own (the driver blocks while it
 * waits).
 *
 * Every holding register holds its address, so that a wrong match shows in the
 * value. The line is reached through a symbolic link that stays when the
 * pseudo-terminal is taken away and another one is put there. Written without
 * the product's codec.
 */
#ifndef TESTS_RTU_PEER_H
#define TESTS_RTU_PEER_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum rtu_fault {
	RTU_NONE,
	RTU_SILENT,
	RTU_BAD_CRC,
	RTU_HALF,
	RTU_GARBAGE,
	RTU_WRONG_UNIT,
	RTU_LATE,    /* after .late_ms */
	RTU_TRICKLE, /* a byte every 20 ms */
	RTU_EXCEPTION
};

struct rtu_peer {
	char dir[64], link[80];
	int master, slave; /* slave: held open, so that the master never sees
			      the end between two opens of the driver */
	pthread_t thread;
	atomic_int fault, dead_unit, late_ms, exception;
	atomic_bool is_ending;
	atomic_size_t nrequest, nforeign; /* foreign: bytes that are none */
	atomic_size_t of_unit[256];
};

static inline uint16_t
rtu_crc(const uint8_t *p, size_t n)
{
	uint16_t crc = 0xffff;
	int bit;

	for (; n > 0; n--, p++)
		for (crc ^= *p, bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa001)
				      : (uint16_t)(crc >> 1);
	return crc;
}

static inline void
rtu_put(struct rtu_peer *s, const uint8_t *p, size_t n)
{
	if (write(s->master, p, n) != (ssize_t)n)
		atomic_fetch_add(&s->nforeign, 1);
}

static inline void
rtu_answer(struct rtu_peer *s, const uint8_t *q)
{
	static const uint8_t garbage[40] = {0x55, 0xaa, 0x03, 0xff, 0x00};
	const unsigned first = (unsigned)q[2] << 8 | q[3];
	const unsigned count = (unsigned)q[4] << 8 | q[5];
	const int fault = atomic_load(&s->fault);
	uint8_t p[300] = {q[0], q[1], (uint8_t)(2 * count)};
	size_t n = 3;
	uint16_t crc;
	unsigned i;

	atomic_fetch_add(&s->nrequest, 1);
	atomic_fetch_add(&s->of_unit[q[0]], 1);
	if (fault == RTU_SILENT || q[0] == atomic_load(&s->dead_unit))
		return;
	if (fault == RTU_LATE)
		usleep((useconds_t)atomic_load(&s->late_ms) * 1000);
	for (i = 0; i < count; i++) {
		p[n++] = (uint8_t)((first + i) >> 8);
		p[n++] = (uint8_t)(first + i);
	}
	if (fault == RTU_EXCEPTION) {
		p[1] |= 0x80;
		p[2] = (uint8_t)atomic_load(&s->exception);
		n = 3;
	}
	p[0] = (uint8_t)(p[0] + (fault == RTU_WRONG_UNIT));
	crc = rtu_crc(p, n);
	p[n++] = (uint8_t)(crc ^ (fault == RTU_BAD_CRC));
	p[n++] = (uint8_t)(crc >> 8);
	if (fault == RTU_GARBAGE)
		rtu_put(s, garbage, sizeof(garbage));
	else if (fault == RTU_HALF)
		rtu_put(s, p, n / 2);
	else if (fault == RTU_TRICKLE)
		for (i = 0; i < n; i++, usleep(20000))
			rtu_put(s, p + i, 1);
	else
		rtu_put(s, p, n);
}

static inline void *
rtu_run(void *arg)
{
	struct rtu_peer *s = arg;
	uint8_t q[8];
	size_t n = 0;
	ssize_t k;

	while (!atomic_load(&s->is_ending)) {
		struct pollfd f = {.fd = s->master, .events = POLLIN};

		if (poll(&f, 1, 20) <= 0)
			continue;
		k = read(s->master, q + n, sizeof(q) - n);
		n += k > 0 ? (size_t)k : 0;
		if (n < sizeof(q))
			continue;
		n = 0;
		if (rtu_crc(q, 6) == (uint16_t)(q[6] | q[7] << 8))
			rtu_answer(s, q);
		else
			atomic_fetch_add(&s->nforeign, 1);
	}
	return NULL;
}

/* Another pseudo-terminal behind the same link. */
static inline void
rtu_plug(struct rtu_peer *s)
{
	struct termios t;

	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->master < 0 || grantpt(s->master) != 0 ||
	    unlockpt(s->master) != 0)
		abort();
	s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->slave < 0 || tcgetattr(s->slave, &t) != 0)
		abort();
	cfmakeraw(&t);
	tcsetattr(s->slave, TCSANOW, &t);
	unlink(s->link);
	if (symlink(ptsname(s->master), s->link) != 0)
		abort();
	atomic_store(&s->is_ending, false);
	if (pthread_create(&s->thread, NULL, rtu_run, s) != 0)
		abort();
}

static inline void
rtu_unplug(struct rtu_peer *s)
{
	atomic_store(&s->is_ending, true);
	pthread_join(s->thread, NULL);
	unlink(s->link);
	close(s->slave);
	close(s->master);
}

static inline void
rtu_open(struct rtu_peer *s)
{
	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/hf-rtu.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		abort();
	snprintf(s->link, sizeof(s->link), "%s/tty", s->dir);
	rtu_plug(s);
}

static inline void
rtu_close(struct rtu_peer *s)
{
	rtu_unplug(s);
	rmdir(s->dir);
}

#endif
