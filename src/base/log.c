/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - one line per event on one descriptor, held back when it repeats.
 *
 * Line: "<RFC 3339 time, ms> <level> <who> <module>: <text>[ (N like this held
 * back)]\n", at most LINE_MAX_LEN bytes, written with one write(2) so that the
 * lines of several processes on one pipe do not mix. Control characters in the
 * text become '?': a device must not be able to forge a line.
 *
 * Rate limit: the pair (module, format), compared by pointer, may write 10
 * lines in 10 s. The pairs sit in a small hash table; where it is crowded the
 * slot with the oldest window is used again, which can only let more lines
 * through.
 *
 * The one mutable global of the code base is the state below: threads of core
 * share it under its mutex.
 */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/time.h"

#define LINE_MAX_LEN 1200 /* bytes, line break included */
#define NSLOT 256	  /* pairs remembered; power of two */
#define NPROBE 8	  /* slots tried for one pair */
#define WINDOW_NS (10 * HF_NS_PER_S)
#define WINDOW_LINES 10

struct slot {
	const char *module, *fmt; /* the pair, by pointer; fmt NULL = free */
	int64_t start_ns;	  /* monotonic, of the window */
	uint32_t nline;		  /* written in this window */
	uint64_t nheld;		  /* held back since the last written */
};

static struct {
	pthread_mutex_t lock;
	const char *who;
	int fd;
	enum hf_log_level max;
	int64_t (*wall_ns)(void), (*mono_ns)(void);
	uint64_t nsuppressed;
	struct slot slots[NSLOT];
} state = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .who = "holdfast",
    .fd = STDERR_FILENO,
    .max = HF_LOG_INFO,
    .wall_ns = hf_wall_ns,
    .mono_ns = hf_mono_ns,
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
#define NLEVEL (sizeof(level_names) / sizeof(level_names[0]))

void
hf_log_init(const char *who, int fd, enum hf_log_level max)
{
	pthread_mutex_lock(&state.lock);
	state.who = who;
	state.fd = fd;
	state.max = max;
	pthread_mutex_unlock(&state.lock);
}

void
hf_log_set_clock(int64_t (*wall_ns)(void), int64_t (*mono_ns)(void))
{
	pthread_mutex_lock(&state.lock);
	state.wall_ns = wall_ns != NULL ? wall_ns : hf_wall_ns;
	state.mono_ns = mono_ns != NULL ? mono_ns : hf_mono_ns;
	pthread_mutex_unlock(&state.lock);
}

static size_t
pair_hash(const char *module, const char *fmt)
{
	uint64_t h = (uint64_t)(uintptr_t)module * 31 + (uintptr_t)fmt;

	h *= UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio */
	return (size_t)(h >> 32);
}

/* The pair's slot; a free or the oldest one nearby if it has none. */
static struct slot *
find_slot(const char *module, const char *fmt)
{
	size_t h = pair_hash(module, fmt), i;
	struct slot *s, *oldest = NULL;

	for (i = 0; i < NPROBE; i++) {
		s = &state.slots[(h + i) & (NSLOT - 1)];
		if (s->fmt == fmt && s->module == module)
			return s;
		if (s->fmt == NULL) {
			oldest = s;
			break;
		}
		if (oldest == NULL || s->start_ns < oldest->start_ns)
			oldest = s;
	}
	*oldest = (struct slot){
	    .module = module, .fmt = fmt, .start_ns = state.mono_ns()};
	return oldest;
}

/* May the pair write now? *nheld: lines held back before this one. */
static bool
may_write(const char *module, const char *fmt, uint64_t *nheld)
{
	struct slot *s = find_slot(module, fmt);
	int64_t now = state.mono_ns();

	if (now - s->start_ns >= WINDOW_NS) {
		s->start_ns = now;
		s->nline = 0;
	}
	if (s->nline >= WINDOW_LINES) {
		s->nheld++;
		state.nsuppressed++;
		return false;
	}
	s->nline++;
	*nheld = s->nheld;
	s->nheld = 0;
	return true;
}

static size_t
put_head(char *line, enum hf_log_level lv, const char *module)
{
	int64_t ms = state.wall_ns() / HF_NS_PER_MS;
	char t[HF_TIME_TEXT];
	int n;

	/* the time of a log line always shows three digits */
	hf_time_fmt(ms / 1000 * HF_NS_PER_S, t);
	n = snprintf(line, LINE_MAX_LEN / 2, "%.19s.%03dZ %s %s %s: ", t,
	    (int)(ms % 1000), level_names[lv], state.who, module);
	return n < LINE_MAX_LEN / 2 ? (size_t)n : LINE_MAX_LEN / 2 - 1;
}

static void
write_line(const char *line, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(state.fd, line, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nowhere left to complain */
		line += w;
		n -= (size_t)w;
	}
}

void
hf_log_line(enum hf_log_level lv, const char *module, const char *fmt, ...)
{
	char line[LINE_MAX_LEN], held[64] = "";
	size_t n, i, room;
	int saved = errno, want;
	uint64_t nheld = 0;
	va_list ap;

	pthread_mutex_lock(&state.lock);
	if (lv > state.max || !may_write(module, fmt, &nheld))
		goto out;
	n = put_head(line, lv, module);
	if (nheld > 0)
		snprintf(held, sizeof(held), " (%llu like this held back)",
		    (unsigned long long)nheld);
	room = sizeof(line) - n - strlen(held) - 1; /* 1: the line break */
	va_start(ap, fmt);
	errno = saved; /* for %m */
	want = vsnprintf(line + n, room, fmt, ap);
	va_end(ap);
	i = n;
	if (want > 0)
		n += (size_t)want < room ? (size_t)want : room - 1;
	for (; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	memcpy(line + n, held, strlen(held));
	n += strlen(held);
	line[n++] = '\n';
	write_line(line, n);
out:
	pthread_mutex_unlock(&state.lock);
	errno = saved;
}

uint64_t
hf_log_nsuppressed(void)
{
	uint64_t n;

	pthread_mutex_lock(&state.lock);
	n = state.nsuppressed;
	pthread_mutex_unlock(&state.lock);
	return n;
}

int
hf_log_level_parse(const char *s, enum hf_log_level *out)
{
	size_t i;

	for (i = 0; i < NLEVEL; i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*out = (enum hf_log_level)i;
			return HF_OK;
		}
	}
	return HF_EINVAL;
}
