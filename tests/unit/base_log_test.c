/* SPDX-License-Identifier: Apache-2.0
 *
 * base_log_test.c - one line per event, held back when it repeats, by a clock
 * that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/time.h"

static int64_t fake_mono = 1;
static int fd[2]; /* pipe: lines come out of fd[0] */

static int64_t
wall_clock(void)
{
	return INT64_C(
	    1777636800123456789); /* 2026-05-01T12:00:00.123456789Z */
}

static int64_t
mono_clock(void)
{
	return fake_mono;
}

static int
setup(void **state)
{
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) != 0)
		return -1;
	hf_log_set_clock(wall_clock, mono_clock);
	hf_log_init("edge/press", fd[1], HF_LOG_INFO);
	return 0;
}

static int
teardown(void **state)
{
	hf_log_init("holdfast", 2, HF_LOG_INFO);
	hf_log_set_clock(NULL, NULL);
	close(fd[0]);
	close(fd[1]);
	return 0;
}

/* Everything written so far, as a string. */
static const char *
output(void)
{
	static char text[60000];
	ssize_t n, len = 0;

	while ((n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	return text;
}

static size_t
nlines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void
line_has_time_level_role_module_and_text(void **state)
{
	log_warn("modbus", "no answer for %d ms", 250);
	assert_string_equal(output(),
	    "2026-05-01T12:00:00.123Z warn "
	    "edge/press modbus: no answer for 250 ms\n");
}

static void
levels_above_the_maximum_are_silent(void **state)
{
	log_debug("m", "debug");
	assert_string_equal(output(), "");
	hf_log_init("edge/press", fd[1], HF_LOG_DEBUG);
	log_debug("m", "debug");
	assert_int_equal(nlines(output()), 1);
	hf_log_init("edge/press", fd[1], HF_LOG_ERROR);
	log_warn("m", "warn");
	assert_string_equal(output(), "");
}

static void
control_characters_cannot_forge_a_line(void **state)
{
	const char *s;

	log_info("m", "%s", "x\n2026 error core: forged\x1b[2J");
	s = output();
	assert_int_equal(nlines(s), 1);
	assert_null(strchr(s, '\x1b'));
	assert_non_null(strstr(s, "x?2026 error core: forged?[2J"));
}

static void
overlong_text_is_cut_but_stays_a_line(void **state)
{
	char longer[5000];
	const char *s;

	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_info("m", "long %s", longer);
	s = output();
	assert_int_equal(nlines(s), 1);
	assert_true(strlen(s) <= 1200);
	assert_int_equal(s[strlen(s) - 1], '\n');
}

static void
repeat(int n)
{
	int i;

	for (i = 0; i < n; i++)
		log_warn("repeat", "again %d", i);
}

static void
eleventh_line_in_ten_seconds_is_held_back_and_counted(void **state)
{
	uint64_t before = hf_log_nsuppressed();

	fake_mono += 100 * HF_NS_PER_S;
	repeat(25);
	assert_int_equal(nlines(output()), 10);
	assert_int_equal(hf_log_nsuppressed() - before, 15);
	fake_mono += 10 * HF_NS_PER_S - 1;
	repeat(1);
	assert_int_equal(nlines(output()), 0);
	fake_mono += 1;
	repeat(1);
	assert_non_null(strstr(output(), "again 0 (16 like this held back)\n"));
	repeat(1);
	assert_null(strstr(output(), "held back"));
}

static void
other_messages_pass_while_one_is_held_back(void **state)
{
	fake_mono += 100 * HF_NS_PER_S;
	repeat(20);
	output();
	log_warn("repeat", "something else");
	log_warn("other module", "something else");
	assert_int_equal(nlines(output()), 2);
}

static void
more_messages_than_slots_still_pass(void **state)
{
	static const char fmts[2000][4] = {""};
	size_t i, n = 0;

	fake_mono += 100 * HF_NS_PER_S;
	for (i = 0; i < 2000; i++) {
		hf_log_line(HF_LOG_INFO, fmts[i], "%d", (int)i);
		n += nlines(output());
	}
	assert_int_equal(n, 2000);
}

static void
errno_survives_a_log_line(void **state)
{
	errno = ENOENT;
	log_info("m", "why: %m");
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(output(), "why: No such file or directory\n"));
}

static void *
log_many(void *arg)
{
	int i;

	for (i = 0; i < 100; i++)
		log_info(arg, "thread %s line %d", (const char *)arg, i);
	return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
	static char names[3][4] = {"one", "two", "tre"};
	uint64_t before = hf_log_nsuppressed();
	pthread_t t[3];
	const char *s;
	int i;

	fake_mono += 100 * HF_NS_PER_S;
	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, log_many, names[i]);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	s = output();
	assert_int_equal(nlines(s), 30);
	assert_int_equal(hf_log_nsuppressed() - before, 270);
	for (; *s != '\0'; s = strchr(s, '\n') + 1)
		assert_memory_equal(s, "2026-05-01T12:00:00.123Z info ", 30);
}

static void
level_names_are_read(void **state)
{
	enum hf_log_level lv = HF_LOG_ERROR;

	assert_int_equal(hf_log_level_parse("debug", &lv), HF_OK);
	assert_int_equal(lv, HF_LOG_DEBUG);
	assert_int_equal(hf_log_level_parse("loud", &lv), HF_EINVAL);
	assert_int_equal(lv, HF_LOG_DEBUG);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(line_has_time_level_role_module_and_text),
	    T(levels_above_the_maximum_are_silent),
	    T(control_characters_cannot_forge_a_line),
	    T(overlong_text_is_cut_but_stays_a_line),
	    T(eleventh_line_in_ten_seconds_is_held_back_and_counted),
	    T(other_messages_pass_while_one_is_held_back),
	    T(more_messages_than_slots_still_pass),
	    T(errno_survives_a_log_line),
	    T(lines_of_threads_do_not_mix),
	    T(level_names_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
