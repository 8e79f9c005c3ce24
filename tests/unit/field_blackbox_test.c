/* SPDX-License-Identifier: Apache-2.0
 *
 * field_blackbox_test.c - a device whose bytes kill the parser twice is named.
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "field/blackbox.h"
#include "os/file.h"

static char dir_path[64];
static int dirfd_;

static int
setup(void **state)
{
	strcpy(dir_path, "/tmp/hf-box-XXXXXX");
	if (mkdtemp(dir_path) == NULL)
		return -1;
	dirfd_ = open(dir_path, O_RDONLY | O_DIRECTORY);
	return dirfd_ < 0;
}

static int
teardown(void **state)
{
	unlinkat(dirfd_, "blackbox", 0);
	unlinkat(dirfd_, "deaths", 0);
	unlinkat(dirfd_, "quarantine-press7.bin", 0);
	close(dirfd_);
	rmdir(dir_path);
	return 0;
}

/* A process that is killed while it parses the input of press7. */
static void
die_parsing(const char *input)
{
	struct hf_blackbox *b;
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		if (hf_blackbox_open(dirfd_, &b, NULL) != HF_OK)
			_exit(1);
		hf_blackbox_begin(b, "pump2", "harmless", 8);
		hf_blackbox_end(b);
		hf_blackbox_begin(b, "press7", input, strlen(input));
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &st, 0);
	assert_true(WIFSIGNALED(st));
}

static void
blackbox_quarantines_after_two_deaths_and_keeps_the_input(void **state)
{
	struct hf_blackbox *b;
	struct hf_buf in;

	die_parsing("first");
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_string_equal(hf_blackbox_last_death(b), "press7");
	assert_false(hf_blackbox_is_quarantined(b, "press7"));
	hf_blackbox_close(b);
	die_parsing("second");
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_true(hf_blackbox_is_quarantined(b, "press7"));
	assert_false(hf_blackbox_is_quarantined(b, "pump2"));
	hf_blackbox_close(b);
	hf_buf_init(&in, 4096);
	assert_int_equal(
	    hf_file_read(dirfd_, "quarantine-press7.bin", 4096, &in, NULL),
	    HF_OK);
	assert_int_equal(in.len, 6);
	assert_memory_equal(in.p, "second", 6);
	hf_buf_fini(&in);
}

static void
blackbox_counts_nothing_when_the_process_dies_elsewhere(void **state)
{
	struct hf_blackbox *b;
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		if (hf_blackbox_open(dirfd_, &b, NULL) != HF_OK)
			_exit(1);
		hf_blackbox_begin(b, "press7", "x", 1);
		hf_blackbox_end(b);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, &st, 0);
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_null(hf_blackbox_last_death(b));
	assert_int_equal(hf_blackbox_deaths(b, "press7"), 0);
	hf_blackbox_close(b);
}

static void
blackbox_release_gives_another_chance(void **state)
{
	struct hf_blackbox *b;
	size_t n;

	die_parsing("a");
	die_parsing("b");
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_true(hf_blackbox_is_quarantined(b, "press7"));
	assert_int_equal(hf_blackbox_release(b, &n, NULL), HF_OK);
	assert_int_equal(n, 1);
	hf_blackbox_close(b);
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_false(hf_blackbox_is_quarantined(b, "press7"));
	hf_blackbox_close(b);
}

static void
blackbox_ignores_a_damaged_mark(void **state)
{
	struct hf_blackbox *b;
	uint8_t junk[8192];
	int fd = openat(dirfd_, "blackbox", O_RDWR | O_CREAT, 0600);

	memset(junk, 0xff, sizeof(junk));
	memcpy(junk, "HFBB", 4);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	assert_null(hf_blackbox_last_death(b));
	hf_blackbox_close(b);
}

static int
full_fallocate(int fd, int mode, off_t off, off_t len)
{
	errno = ENOSPC;
	return -1;
}

static int
full_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	if ((flags & O_CREAT) == 0)
		return hf_io_system.openat(dirfd, name, flags, mode);
	errno = ENOSPC;
	return -1;
}

/* A hole that the disk cannot fill would be SIGBUS at the first input. */
static void
full_disk_does_not_keep_edge_from_starting(void **state)
{
	static struct hf_io io;
	struct hf_blackbox *b = NULL;

	die_parsing("evil");
	io = hf_io_system;
	io.fallocate = full_fallocate;
	io.openat = full_openat;
	hf_io_set(&io);
	assert_int_equal(hf_blackbox_open(dirfd_, &b, NULL), HF_OK);
	hf_blackbox_begin(b, "press7", "input", 5);
	hf_blackbox_end(b);
	hf_blackbox_close(b);
	hf_io_set(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		full_disk_does_not_keep_edge_from_starting, setup, teardown),
	    T(blackbox_quarantines_after_two_deaths_and_keeps_the_input),
	    T(blackbox_counts_nothing_when_the_process_dies_elsewhere),
	    T(blackbox_release_gives_another_chance),
	    T(blackbox_ignores_a_damaged_mark),
	};

	return cmocka_run_group_tests_name("field_blackbox", tests, NULL, NULL);
}
