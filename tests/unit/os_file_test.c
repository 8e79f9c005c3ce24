/* SPDX-License-Identifier: Apache-2.0
 *
 * os_file_test.c - files are whole or untouched, whichever step of the disk
 * fails.
 *
 * Faults come through hf_io: each function can be told to fail once it is
 * called, and pwrite to take few bytes at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

static char dir[64];
static int dfd;

/* What the gate does; 0 = works. */
static struct {
	int pwrite_errno, fsync_errno, open_errno, rename_errno;
	size_t pwrite_max;	/* bytes one pwrite takes, 0 = all */
	int pwrite_good;	/* calls that work before pwrite_errno */
	int interrupt;		/* calls that answer EINTR first */
	int nfsync, fsync_good; /* calls; those that work first */
} fault;

static ssize_t
fault_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (fault.interrupt > 0 && fault.interrupt--) {
		errno = EINTR;
		return -1;
	}
	if (fault.pwrite_errno != 0 && fault.pwrite_good-- <= 0) {
		errno = fault.pwrite_errno;
		return fault.pwrite_errno < 0 ? 0 : -1;
	}
	if (fault.pwrite_max > 0 && n > fault.pwrite_max)
		n = fault.pwrite_max;
	return pwrite(fd, p, n, off);
}

static int
fault_fsync(int fd)
{
	if (fault.nfsync++ >= fault.fsync_good && fault.fsync_errno != 0) {
		errno = fault.fsync_errno;
		return -1;
	}
	return fsync(fd);
}

static int
fault_openat(int d, const char *name, int flags, mode_t mode)
{
	if (fault.open_errno != 0) {
		errno = fault.open_errno;
		return -1;
	}
	return openat(d, name, flags, mode);
}

static int
fault_renameat(int d1, const char *a, int d2, const char *b)
{
	if (fault.rename_errno != 0) {
		errno = fault.rename_errno;
		return -1;
	}
	return renameat(d1, a, d2, b);
}

static int
setup(void **state)
{
	static struct hf_io io;

	io = hf_io_system;
	io.pwrite = fault_pwrite;
	io.fsync = fault_fsync;
	io.openat = fault_openat;
	io.renameat = fault_renameat;
	memset(&fault, 0, sizeof(fault));
	hf_io_set(&io);
	snprintf(dir, sizeof(dir), "/tmp/hf-file-test.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dfd = open(dir, O_RDONLY | O_DIRECTORY);
	return dfd < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	hf_io_set(NULL);
	unlinkat(dfd, "state", 0);
	unlinkat(dfd, "state.tmp", 0);
	unlinkat(dfd, "sub/x", 0);
	unlinkat(dfd, "fifo", 0);
	unlinkat(dfd, "sub", AT_REMOVEDIR);
	close(dfd);
	return rmdir(dir);
}

static int
replace(const char *text, struct hf_err *err)
{
	return hf_file_replace(dfd, "state", text, strlen(text), 0640, err);
}

static void
assert_holds(const char *name, const char *want)
{
	struct hf_buf b;

	hf_buf_init(&b, 1000);
	assert_int_equal(hf_file_read(dfd, name, 1000, &b, NULL), HF_OK);
	assert_string_equal(hf_buf_cstr(&b), want);
	hf_buf_fini(&b);
}

static void
replaced_file_has_its_bytes_mode_and_no_leftovers(void **state)
{
	mode_t old = umask(0077);
	struct stat st;

	assert_int_equal(replace("one", NULL), HF_OK);
	assert_int_equal(replace("two", NULL), HF_OK);
	umask(old);
	assert_holds("state", "two");
	assert_int_equal(fstatat(dfd, "state", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_not_equal(faccessat(dfd, "state.tmp", F_OK, 0), 0);
	assert_int_equal(fault.nfsync, 4); /* file and folder, twice */
}

static void
replace_works_through_a_stale_temporary_file(void **state)
{
	int fd = openat(dfd, "state.tmp", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "garbage from a crash", 20), 20);
	close(fd);
	assert_int_equal(replace("new", NULL), HF_OK);
	assert_holds("state", "new");
}

static void
short_writes_and_interrupts_are_finished(void **state)
{
	fault.pwrite_max = 1;
	fault.interrupt = 3;
	assert_int_equal(replace("byte by byte", NULL), HF_OK);
	assert_holds("state", "byte by byte");
}

/* A replacement that must fail with rc and leave "old" as it was. */
static void
assert_old_file_stays(int want_rc)
{
	struct hf_err err = {0};

	assert_int_equal(replace("new and longer", &err), want_rc);
	assert_int_equal(err.rc, want_rc);
	assert_non_null(strstr(err.msg, "state.tmp"));
	memset(&fault, 0, sizeof(fault));
	assert_holds("state", "old");
	assert_int_not_equal(faccessat(dfd, "state.tmp", F_OK, 0), 0);
}

static void
full_disk_leaves_the_old_file(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.pwrite_max = 2;
	fault.pwrite_good = 2; /* four bytes get through first */
	fault.pwrite_errno = ENOSPC;
	assert_old_file_stays(HF_ENOSPC);
}

static void
write_error_leaves_the_old_file(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.pwrite_errno = EIO;
	assert_old_file_stays(HF_EIO);
}

static void
write_that_takes_nothing_does_not_loop(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.pwrite_errno = -1; /* the gate answers 0 */
	assert_old_file_stays(HF_EIO);
}

static void
failed_fsync_leaves_the_old_file(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.fsync_errno = EIO;
	fault.nfsync = 0;
	assert_old_file_stays(HF_EIO);
	fault.fsync_errno = ENOSPC;
	assert_old_file_stays(HF_ENOSPC);
}

static void
failed_rename_leaves_the_old_file(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.rename_errno = EIO;
	assert_old_file_stays(HF_EIO);
}

static void
failed_create_leaves_the_old_file(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.open_errno = EACCES;
	assert_old_file_stays(HF_EDENIED);
}

static void
failed_sync_of_the_folder_is_reported(void **state)
{
	assert_int_equal(replace("old", NULL), HF_OK);
	fault.nfsync = 0;
	fault.fsync_good = 1; /* the file's works, the folder's does not */
	fault.fsync_errno = EIO;
	assert_int_equal(replace("new", NULL), HF_EIO);
	assert_holds("state", "new");
}

static void
reading_is_bounded_and_names_what_is_missing(void **state)
{
	struct hf_err err;
	struct hf_buf b;

	hf_buf_init(&b, 1000);
	assert_int_equal(hf_file_read(dfd, "none", 10, &b, &err), HF_ENOTFOUND);
	assert_non_null(strstr(err.msg, "none"));
	assert_int_equal(replace("12345", NULL), HF_OK);
	assert_int_equal(hf_file_read(dfd, "state", 4, &b, &err), HF_ELIMIT);
	hf_buf_reset(&b);
	hf_buf_puts(&b, ">");
	assert_int_equal(hf_file_read(dfd, "state", 5, &b, &err), HF_OK);
	assert_string_equal(hf_buf_cstr(&b), ">12345");
	hf_buf_fini(&b);
	hf_buf_init(&b, 3);
	assert_int_equal(hf_file_read(dfd, "state", 5, &b, &err), HF_ELIMIT);
	hf_buf_fini(&b);
}

static void
only_regular_files_are_read(void **state)
{
	struct hf_buf b;

	hf_buf_init(&b, 1000);
	assert_int_equal(mkfifoat(dfd, "fifo", 0600), 0);
	assert_int_equal(hf_file_read(dfd, "fifo", 10, &b, NULL), HF_EINVAL);
	assert_int_equal(hf_file_read(dfd, ".", 10, &b, NULL), HF_EINVAL);
	hf_buf_fini(&b);
}

static void
directories_are_made_once_and_opened(void **state)
{
	mode_t old = umask(0077);
	struct hf_err err;
	struct stat st;
	int fd;

	assert_int_equal(
	    hf_dir_open(dfd, "sub", 0750, false, &err), HF_ENOTFOUND);
	fd = hf_dir_open(dfd, "sub", 0750, true, &err);
	umask(old);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(
	    hf_file_replace(dfd, "sub/x", "x", 1, 0600, &err), HF_OK);
	assert_holds("sub/x", "x");
	assert_int_equal(hf_dir_sync(fd, &err), HF_OK);
	close(fd);
	fd = hf_dir_open(dfd, "sub", 0700, true, &err);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750); /* not changed */
	close(fd);
	assert_int_equal(replace("x", NULL), HF_OK);
	assert_int_equal(
	    hf_dir_open(dfd, "state", 0700, true, &err), HF_ENOTFOUND);
}

static void
free_space_is_known_for_a_real_descriptor_only(void **state)
{
	assert_true(hf_disk_free(dfd) >= 0);
	assert_int_equal(hf_disk_free(-1), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void
new_folder_keeps_the_group_of_the_one_above(void **state)
{
	struct hf_err err;
	struct stat st;
	int fd;

	assert_int_equal(fchmod(dfd, 02750), 0);
	fd = hf_dir_open(dfd, "sub", 0750, true, &err);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02750);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(replaced_file_has_its_bytes_mode_and_no_leftovers),
	    T(replace_works_through_a_stale_temporary_file),
	    T(short_writes_and_interrupts_are_finished),
	    T(full_disk_leaves_the_old_file),
	    T(write_error_leaves_the_old_file),
	    T(write_that_takes_nothing_does_not_loop),
	    T(failed_fsync_leaves_the_old_file),
	    T(failed_rename_leaves_the_old_file),
	    T(failed_create_leaves_the_old_file),
	    T(failed_sync_of_the_folder_is_reported),
	    T(reading_is_bounded_and_names_what_is_missing),
	    T(only_regular_files_are_read),
	    T(directories_are_made_once_and_opened),
	    T(new_folder_keeps_the_group_of_the_one_above),
	    T(free_space_is_known_for_a_real_descriptor_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
