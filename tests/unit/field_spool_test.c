/* SPDX-License-Identifier: Apache-2.0
 *
 * field_spool_test.c - edge's ring: order, limits, files, what a new edge
 * finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "field/spool.h"
#include "os/file.h"

struct fixture {
	char path[64];
	int dirfd;
	struct hf_counters ctr;
	struct hf_spool *s;
};

static void
open_spool(struct fixture *f, size_t memory_bytes, int64_t file_bytes)
{
	struct hf_spool_conf conf = {.dirfd = f->dirfd,
	    .memory_bytes = memory_bytes,
	    .file_bytes = file_bytes};

	assert_int_equal(hf_spool_open(&conf, &f->ctr, &f->s, NULL), HF_OK);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/hf-spool-XXXXXX");
	if (mkdtemp(f->path) == NULL)
		return -1;
	f->dirfd = open(f->path, O_RDONLY | O_DIRECTORY);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct dirent *d;
	DIR *dir;

	hf_spool_close(f->s);
	dir = fdopendir(f->dirfd);
	while ((d = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	rmdir(f->path);
	free(f);
	hf_io_set(NULL);
	return 0;
}

static int
nfile(const struct fixture *f)
{
	DIR *dir = opendir(f->path);
	struct dirent *d;
	int n = 0;

	while ((d = readdir(dir)) != NULL)
		n += strstr(d->d_name, ".spool") != NULL;
	closedir(dir);
	return n;
}

/* Batch seq is filled with bytes that tell which one it is. */
static int
put(struct fixture *f, uint64_t seq, size_t n)
{
	uint8_t *p = malloc(n);
	int rc;

	memset(p, (int)(seq & 0xff), n);
	rc = hf_spool_put(f->s, seq, p, n, NULL);
	free(p);
	return rc;
}

static void
expect_next(struct fixture *f, uint64_t seq, size_t n, bool is_resend)
{
	const void *p;
	bool again;
	size_t len;

	assert_int_equal(hf_spool_next(f->s, &p, &len, &again, NULL), HF_OK);
	assert_int_equal(len, n);
	assert_int_equal(((const uint8_t *)p)[0], seq & 0xff);
	assert_int_equal(((const uint8_t *)p)[n - 1], seq & 0xff);
	assert_int_equal(again, is_resend);
	hf_spool_sent(f->s);
}

static void
expect_no_next(struct fixture *f)
{
	const void *p;
	bool again;
	size_t len;

	assert_int_equal(
	    hf_spool_next(f->s, &p, &len, &again, NULL), HF_ENODATA);
}

static void
spool_gives_batches_in_order_until_acknowledged(void **state)
{
	struct fixture *f = *state;

	open_spool(f, 1 << 20, 1 << 20);
	assert_int_equal(put(f, 1, 100), HF_OK);
	assert_int_equal(put(f, 2, 200), HF_OK);
	expect_next(f, 1, 100, false);
	expect_next(f, 2, 200, false);
	expect_no_next(f);
	assert_int_equal(hf_spool_ack(f->s, 1), 1);
	assert_int_equal(hf_spool_count(f->s), 1);
	hf_spool_rewind(f->s, 0);
	expect_next(f, 2, 200, true);
	assert_int_equal(hf_spool_ack(f->s, 2), 1);
	hf_spool_rewind(f->s, 0);
	expect_no_next(f);
}

static void
spool_moves_to_files_when_memory_is_full_and_keeps_order(void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_spool(f, 1000, 1 << 20);
	for (i = 1; i <= 20; i++)
		assert_int_equal(put(f, i, 300), HF_OK);
	assert_int_equal(f->ctr.v[HF_C_B_SPOOLED], 17);
	for (i = 1; i <= 20; i++)
		expect_next(f, i, 300, false);
	assert_int_equal(nfile(f), 1);
	assert_int_equal(hf_spool_ack(f->s, 20), 20);
	assert_int_equal(nfile(f), 0);
	assert_int_equal(put(f, 21, 300), HF_OK); /* memory again */
	assert_int_equal(f->ctr.v[HF_C_B_SPOOLED], 17);
	expect_next(f, 21, 300, false);
}

static void
spool_refuses_when_memory_and_files_are_full(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 1;

	open_spool(f, 1000, 2000);
	while (put(f, seq, 300) == HF_OK)
		seq++;
	assert_int_equal(seq, 3 + 6 + 1);
	assert_int_equal(hf_spool_count(f->s), 9);
	hf_spool_ack(f->s, 9);
	assert_int_equal(put(f, seq, 300), HF_OK); /* room again */
}

static void
spool_refuses_numbers_that_do_not_rise(void **state)
{
	struct fixture *f = *state;

	open_spool(f, 1000, 2000);
	assert_int_equal(put(f, 5, 10), HF_OK);
	assert_int_equal(put(f, 5, 10), HF_EINVAL);
	assert_int_equal(put(f, 4, 10), HF_EINVAL);
	assert_int_equal(put(f, 6, 10), HF_OK);
}

static void
spool_finds_its_files_after_a_restart(void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_spool(f, 500, 1 << 20);
	for (i = 1; i <= 10; i++)
		assert_int_equal(put(f, i, 300), HF_OK);
	assert_int_equal(hf_spool_flush(f->s, NULL), HF_OK);
	hf_spool_close(f->s);
	open_spool(f, 500, 1 << 20);
	assert_int_equal(hf_spool_last_seq(f->s), 10);
	assert_int_equal(hf_spool_count(f->s), 10);
	for (i = 1; i <= 10; i++)
		expect_next(f, i, 300, true);
	assert_int_equal(hf_spool_ack(f->s, 10), 10);
	assert_int_equal(nfile(f), 0);
}

static void
spool_cuts_a_damaged_tail_and_counts_it(void **state)
{
	struct fixture *f = *state;
	uint64_t i;
	int fd;

	open_spool(f, 0, 1 << 20);
	for (i = 1; i <= 5; i++)
		assert_int_equal(put(f, i, 300), HF_OK);
	hf_spool_close(f->s);
	fd = openat(f->dirfd, "00000001.spool", O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 3 * 320 + 100), 1);
	close(fd);
	open_spool(f, 0, 1 << 20);
	assert_int_equal(hf_spool_count(f->s), 3);
	assert_int_equal(f->ctr.v[HF_C_SPOOL_BAD], 1);
	expect_next(f, 1, 300, true);
}

static ssize_t
full_disk(int fd, const void *p, size_t n, off_t off)
{
	errno = ENOSPC;
	return -1;
}

static void
spool_survives_a_full_disk_and_goes_on_when_it_is_not(void **state)
{
	struct fixture *f = *state;
	struct hf_io io = hf_io_system;

	open_spool(f, 0, 1 << 20);
	assert_int_equal(put(f, 1, 300), HF_OK);
	io.pwrite = full_disk;
	hf_io_set(&io);
	assert_int_equal(put(f, 2, 300), HF_ENOSPC);
	hf_io_set(NULL);
	assert_int_equal(put(f, 2, 300), HF_OK);
	expect_next(f, 1, 300, false);
	expect_next(f, 2, 300, false);
}

static void
spool_goes_on_behind_the_number_it_is_asked_for(void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_spool(f, 1 << 20, 1 << 20);
	for (i = 1; i <= 9; i++)
		put(f, i * 10, 100);
	assert_int_equal(hf_spool_sent_seq(f->s), 0);
	for (i = 1; i <= 6; i++)
		expect_next(f, i * 10, 100, false);
	assert_int_equal(hf_spool_sent_seq(f->s), 60);
	hf_spool_rewind(f->s, 35);
	assert_int_equal(hf_spool_sent_seq(f->s), 30);
	expect_next(f, 40, 100, true);
	hf_spool_rewind(f->s, 1000); /* never over what was not sent */
	expect_next(f, 50, 100, true);
	assert_int_equal(hf_spool_count(f->s), 9); /* nothing acknowledged */
	hf_spool_ack(f->s, 50);
	assert_int_equal(hf_spool_sent_seq(f->s), 0);
}

/* Turns one byte of the newest spool file over, or its all. */
static void
damage(struct fixture *f, off_t off)
{
	uint8_t byte = 0x5a;
	int fd = openat(f->dirfd, "00000001.spool", O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, off), 1);
	close(fd);
}

static void
batch_that_its_file_does_not_give_back_is_passed_over_and_counted(void **state)
{
	struct fixture *f = *state;

	open_spool(f, 0, 1 << 20);
	put(f, 1, 100);
	put(f, 2, 100);
	put(f, 3, 100);
	damage(f, 120 + 20 + 50); /* in the second frame */
	expect_next(f, 1, 100, false);
	expect_next(f, 3, 100, false);
	expect_no_next(f);
	hf_spool_rewind(f->s, 0);
	expect_next(f, 1, 100, true);
	expect_next(f, 3, 100, true);
	assert_int_equal(f->ctr.v[HF_C_SPOOL_BAD], 1); /* once */
	assert_int_equal(hf_spool_ack(f->s, 3), 3);
	assert_int_equal(nfile(f), 0);
}

static void
batches_put_after_a_flush_survive_the_acknowledgement_of_those_before(
    void **state)
{
	struct fixture *f = *state;
	uint64_t i;

	open_spool(f, 500, 1 << 20);
	for (i = 1; i <= 8; i++)
		put(f, i, 200); /* two in memory, six in a file */
	assert_int_equal(hf_spool_flush(f->s, NULL), HF_OK);
	put(f, 9, 200);
	assert_int_equal(hf_spool_ack(f->s, 2), 2);
	for (i = 3; i <= 9; i++)
		expect_next(f, i, 200, false);
	hf_spool_close(f->s);
	open_spool(f, 500, 1 << 20);
	assert_int_equal(hf_spool_count(f->s), 7);
	assert_int_equal(hf_spool_last_seq(f->s), 9);
}

static void
file_without_a_batch_and_one_that_cannot_be_read_do_not_stop_edge(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->dirfd, "00000007.spool", O_CREAT | O_RDWR, 0600);

	assert_int_equal(write(fd, "rubbish", 7), 7);
	close(fd);
	assert_int_equal(mkdirat(f->dirfd, "00000008.spool", 0700), 0);
	open_spool(f, 1000, 1 << 20);
	assert_int_equal(hf_spool_count(f->s), 0);
	assert_int_equal(f->ctr.v[HF_C_SPOOL_BAD], 2);
	assert_int_equal(put(f, 1, 100), HF_OK);
	unlinkat(f->dirfd, "00000008.spool", AT_REMOVEDIR);
	assert_int_equal(nfile(f), 0);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		spool_goes_on_behind_the_number_it_is_asked_for, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		batch_that_its_file_does_not_give_back_is_passed_over_and_counted,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(
		batches_put_after_a_flush_survive_the_acknowledgement_of_those_before,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(
		file_without_a_batch_and_one_that_cannot_be_read_do_not_stop_edge,
		setup, teardown),
	    T(spool_gives_batches_in_order_until_acknowledged),
	    T(spool_moves_to_files_when_memory_is_full_and_keeps_order),
	    T(spool_refuses_when_memory_and_files_are_full),
	    T(spool_refuses_numbers_that_do_not_rise),
	    T(spool_finds_its_files_after_a_restart),
	    T(spool_cuts_a_damaged_tail_and_counts_it),
	    T(spool_survives_a_full_disk_and_goes_on_when_it_is_not),
	};

	return cmocka_run_group_tests_name("field_spool", tests, NULL, NULL);
}
