/* SPDX-License-Identifier: Apache-2.0
 *
 * store_log_test.c - the durable log: format, recovery, and a disk that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/logscan.h"
#include "store_kit.h"

#define SEG (64 << 10)

struct env {
	struct kit_dir d;
	struct hf_counters ctr;
	struct hf_log_report rep;
	struct hf_log *l;
};

/* Frames seen by a replay, as a list of "seq:bytes:first byte". */
struct seen {
	uint64_t seq[4096];
	size_t len[4096];
	uint8_t first[4096];
	size_t n;
};

static int
see(void *arg, uint64_t seq, void *p, size_t n)
{
	struct seen *s = arg;

	MUST(s->n < 4096);
	s->seq[s->n] = seq;
	s->len[s->n] = n;
	s->first[s->n++] = *(uint8_t *)p;
	return 0;
}

static void
start(struct env *e)
{
	struct hf_log_conf conf = {.segment_bytes = SEG, .log_bytes = 1 << 20};
	struct hf_err err = {.rc = 0};

	MUST_OK(
	    hf_log_open(e->d.log, &conf, &e->ctr, &e->l, &e->rep, &err), err);
}

static void
begin(struct env *e)
{
	memset(e, 0, sizeof(*e));
	kit_dir_make(&e->d);
	start(e);
}

static void
restart(struct env *e)
{
	hf_log_close(e->l);
	start(e);
}

static void
end(struct env *e)
{
	hf_io_set(NULL);
	hf_log_close(e->l);
	kit_dir_remove(&e->d);
}

static int
append(struct env *e, uint8_t fill, size_t n, uint64_t *seq)
{
	uint8_t buf[8192];
	uint64_t mine;

	memset(buf, fill, sizeof(buf));
	return hf_log_append(e->l, buf, n, seq == NULL ? &mine : seq, NULL);
}

static void
must_append(struct env *e, uint8_t fill, size_t n)
{
	MUST(append(e, fill, n, NULL) == HF_OK);
	MUST(hf_log_commit(e->l, NULL) == HF_OK);
}

static void
look(struct env *e, struct seen *s)
{
	struct hf_err err = {.rc = 0};

	s->n = 0;
	MUST_OK(hf_log_replay(e->l, 1, see, s, &err), err);
}

static int
open_segment(struct env *e, const char *name)
{
	int fd = openat(e->d.log, name, O_RDWR);

	MUST(fd >= 0);
	return fd;
}

static void
flip(struct env *e, const char *name, off_t at)
{
	int fd = open_segment(e, name);
	uint8_t b;

	MUST(pread(fd, &b, 1, at) == 1);
	b ^= 0x10;
	MUST(pwrite(fd, &b, 1, at) == 1);
	close(fd);
}

static size_t
count_files(int dirfd, const char *sub)
{
	int fd = openat(dirfd, sub, O_RDONLY | O_DIRECTORY);
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	if (fd < 0)
		return 0;
	d = fdopendir(fd);
	while ((de = readdir(d)) != NULL)
		n += de->d_name[0] != '.' && de->d_type == DT_REG;
	closedir(d);
	return n;
}

static void
golden_segment_of_version_1_stays_readable(void **st)
{
	struct hf_err err = {.rc = 0};
	struct seen s;
	struct env e;
	int fd = open("tests/data/golden", O_RDONLY | O_DIRECTORY);

	MUST(fd >= 0);
	begin(&e);
	hf_log_close(e.l);
	kit_copy_file(fd, "log-v1.log", e.d.log);
	close(fd);
	MUST(renameat(e.d.log, "log-v1.log", e.d.log, "00000001.log") == 0);
	start(&e);
	assert_int_equal(e.rep.nframe, 3);
	assert_string_equal(e.rep.text, "");
	look(&e, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.seq[0], 5);
	assert_int_equal(s.seq[2], 9);
	assert_int_equal(s.len[2], 256);
	assert_int_equal(hf_log_next_seq(e.l), 10);
	MUST_OK(hf_log_append(e.l, "x", 1, &s.seq[0], &err), err);
	assert_int_equal(s.seq[0], 10);
	end(&e);
}

static void
encoder_writes_the_golden_bytes(void **st)
{
	uint8_t ramp[256];
	struct hf_err err = {.rc = 0};
	struct hf_buf want, got;
	int i, fd = open("tests/data/golden", O_RDONLY | O_DIRECTORY);

	hf_buf_init(&want, 1 << 16);
	hf_buf_init(&got, 1 << 16);
	MUST_OK(hf_file_read(fd, "log-v1.log", 1 << 16, &want, &err), err);
	close(fd);
	for (i = 0; i < 256; i++)
		ramp[i] = (uint8_t)i;
	hf_log_put_header(&got, 1, 0x1234abcd);
	hf_log_put_frame(&got, 0x1234abcd, 5, "first payload", 13);
	hf_log_put_frame(&got, 0x1234abcd, 6,
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
	    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
	    40);
	hf_log_put_frame(&got, 0x1234abcd, 9, ramp, 256);
	assert_memory_equal(got.p, want.p, got.len);
	hf_buf_fini(&want);
	hf_buf_fini(&got);
}

static void
committed_frames_survive_a_restart(void **st)
{
	struct seen s;
	struct env e;
	int i;

	begin(&e);
	for (i = 0; i < 100; i++)
		must_append(&e, (uint8_t)i, 1000); /* several segments */
	restart(&e);
	assert_int_equal(e.rep.nframe, 100);
	assert_string_equal(e.rep.text, ""); /* the zero rest is not torn */
	assert_true(e.rep.nsegment >= 2);
	look(&e, &s);
	for (i = 0; i < 100; i++) {
		assert_int_equal(s.seq[i], i + 1);
		assert_int_equal(s.first[i], i);
	}
	assert_int_equal(hf_log_durable_seq(e.l), 100);
	end(&e);
}

static void
torn_tail_is_cut_and_reported(void **st)
{
	struct seen s;
	struct env e;
	int fd;

	begin(&e);
	must_append(&e, 1, 100);
	must_append(&e, 2, 100);
	hf_log_close(e.l);
	fd = open_segment(&e, "00000001.log");
	/* the last frame lost its end: 32 + 128 + 128 */
	MUST(pwrite(fd, "\0\0\0\0\0\0\0\0\0\0", 10, 32 + 256 - 10) == 10);
	close(fd);
	start(&e);
	assert_int_equal(e.rep.nframe, 1);
	assert_int_equal(e.rep.torn_bytes, 118);
	assert_int_equal(e.ctr.v[HF_C_L_TORN], 1);
	assert_non_null(strstr(e.rep.text, "118 bytes"));
	must_append(&e, 3, 50);
	restart(&e);
	assert_int_equal(e.rep.torn_bytes, 0);
	look(&e, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.first[1], 3);
	end(&e);
}

static void
bad_bytes_in_the_middle_go_to_quarantine_and_the_rest_stays(void **st)
{
	struct seen s;
	struct env e;
	int i;

	begin(&e);
	for (i = 0; i < 10; i++)
		must_append(&e, (uint8_t)i, 100);
	hf_log_close(e.l);
	flip(&e, "00000001.log", 32 + 4 * 128 + 60); /* payload of frame 5 */
	flip(&e, "00000001.log", 32 + 7 * 128 + 5);  /* length of frame 8 */
	start(&e);
	assert_int_equal(e.rep.nframe, 8);
	assert_int_equal(e.rep.quarantined_bytes, 256);
	assert_int_equal(count_files(e.d.log, "quarantine"), 2);
	look(&e, &s);
	assert_int_equal(s.n, 8);
	assert_int_equal(s.seq[4], 6);
	assert_int_equal(s.seq[7], 10);
	restart(&e); /* set aside once, not at every start */
	assert_int_equal(e.rep.quarantined_bytes, 0);
	assert_int_equal(count_files(e.d.log, "quarantine"), 2);
	end(&e);
}

static void
damaged_segment_header_does_not_hide_its_frames(void **st)
{
	struct seen s;
	struct env e;

	begin(&e);
	must_append(&e, 1, 100);
	must_append(&e, 2, 100);
	hf_log_close(e.l);
	flip(&e, "00000001.log", 17); /* the salt */
	start(&e);
	look(&e, &s);
	assert_int_equal(s.n, 2);
	must_append(&e, 3, 100); /* goes into a segment that can be trusted */
	restart(&e);
	look(&e, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(e.rep.nsegment, 2);
	end(&e);
}

static void
payload_that_imitates_a_frame_is_not_taken_for_one(void **st)
{
	struct hf_buf forged;
	struct seen s;
	struct env e;
	uint64_t seq;

	begin(&e);
	must_append(&e, 1, 100);
	hf_buf_init(&forged, 4096);
	hf_buf_puts(&forged, "text ");
	hf_log_put_frame(&forged, 0x1234abcd, 50, "forged", 6);
	MUST(hf_log_append(e.l, forged.p, forged.len, &seq, NULL) == HF_OK);
	MUST(hf_log_commit(e.l, NULL) == HF_OK);
	must_append(&e, 3, 100);
	hf_log_close(e.l);
	flip(&e, "00000001.log", 32 + 128 + 28); /* break the one around it */
	start(&e);
	look(&e, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.seq[1], 3);
	hf_buf_fini(&forged);
	end(&e);
}

static void
garbage_files_never_stop_the_start(void **st)
{
	struct kit_rnd r = {3};
	struct env e;
	uint8_t b[5000];
	size_t i, k;
	int fd;

	begin(&e);
	for (k = 1; k <= 3; k++) {
		char name[32];

		for (i = 0; i < sizeof(b); i++)
			b[i] = (uint8_t)kit_rnd(&r);
		snprintf(name, sizeof(name), "0000000%zu.log", k);
		fd = openat(e.d.log, name, O_CREAT | O_WRONLY, 0600);
		MUST(write(fd, b, sizeof(b)) == sizeof(b));
		close(fd);
	}
	restart(&e);
	assert_int_equal(e.rep.nframe, 0);
	assert_true(e.rep.torn_bytes > 0 && e.rep.quarantined_bytes > 0);
	must_append(&e, 1, 10);
	end(&e);
}

static void
numbers_go_on_after_everything_was_dropped(void **st)
{
	struct env e;
	uint64_t seq;
	int i;

	begin(&e);
	for (i = 0; i < 200; i++)
		must_append(&e, 1, 1000);
	MUST(hf_log_drop(e.l, 100, NULL) == HF_OK);
	assert_true(count_files(e.d.log, ".") < 5);
	MUST(hf_log_rotate(e.l, NULL) == HF_OK);
	MUST(hf_log_drop(e.l, 200, NULL) == HF_OK);
	assert_int_equal(count_files(e.d.log, "."), 0);
	assert_true(hf_log_bytes(e.l) == 0);
	restart(&e);
	hf_log_set_next_seq(e.l, 201);
	MUST(append(&e, 1, 10, &seq) == HF_OK);
	assert_int_equal(seq, 201);
	end(&e);
}

static void
full_log_asks_for_a_fold(void **st)
{
	struct env e;
	int i, rc = HF_OK;

	begin(&e);
	for (i = 0; i < 200 && rc == HF_OK; i++)
		rc = append(&e, 1, 8000, NULL);
	assert_int_equal(rc, HF_ELIMIT);
	assert_true(hf_log_bytes(e.l) <= 1 << 20);
	MUST(hf_log_rotate(e.l, NULL) == HF_OK);
	MUST(hf_log_drop(e.l, hf_log_durable_seq(e.l), NULL) == HF_OK);
	assert_int_equal(append(&e, 1, 8000, NULL), HF_OK);
	end(&e);
}

/* --- a disk that fails ---------------------------------------------------- */

static struct {
	int nsync_ok;	   /* fdatasync calls that still work, -1 = all */
	int failed_fd;	   /* where one failed */
	bool has_resynced; /* somebody tried that one again */
	int64_t space;	   /* bytes that may still be written, -1 = any */
	bool is_short;	   /* writes half of what is asked */
	int nfallocate;	   /* fallocate calls that still work, -1 = all */
} fault;

static ssize_t
bad_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (fault.is_short && n > 1)
		n /= 2;
	if (fault.space >= 0) {
		if (fault.space == 0) {
			errno = ENOSPC;
			return -1;
		}
		if ((int64_t)n > fault.space)
			n = (size_t)fault.space;
		fault.space -= (int64_t)n;
	}
	return pwrite(fd, p, n, off);
}

static int
bad_fdatasync(int fd)
{
	if (fd == fault.failed_fd)
		fault.has_resynced = true;
	if (fault.nsync_ok == 0) {
		fault.failed_fd = fd;
		errno = EIO;
		return -1;
	}
	fault.nsync_ok -= fault.nsync_ok > 0;
	return fdatasync(fd);
}

static int
bad_fallocate(int fd, int mode, off_t off, off_t len)
{
	if (fault.nfallocate == 0) {
		errno = ENOSPC;
		return -1;
	}
	fault.nfallocate -= fault.nfallocate > 0;
	return fallocate(fd, mode, off, len);
}

static void
break_disk(void)
{
	static struct hf_io io;

	io = hf_io_system;
	io.pwrite = bad_pwrite;
	io.fdatasync = bad_fdatasync;
	io.fallocate = bad_fallocate;
	fault.nsync_ok = -1;
	fault.failed_fd = -1;
	fault.has_resynced = false;
	fault.space = -1;
	fault.is_short = false;
	fault.nfallocate = -1;
	hf_io_set(&io);
}

static void
short_writes_are_completed(void **st)
{
	struct seen s;
	struct env e;

	begin(&e);
	break_disk();
	fault.is_short = true;
	must_append(&e, 7, 3000);
	restart(&e);
	look(&e, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.len[0], 3000);
	assert_string_equal(e.rep.text, "");
	end(&e);
}

static void
full_disk_is_told_and_recovers_by_itself(void **st)
{
	struct seen s;
	struct env e;
	uint64_t seq;

	begin(&e);
	break_disk();
	must_append(&e, 1, 1000);
	fault.space = 500; /* the frame is torn by the full disk */
	assert_int_equal(append(&e, 2, 1000, NULL), HF_ENOSPC);
	assert_int_equal(append(&e, 2, 1000, NULL), HF_ENOSPC);
	fault.space = -1;
	MUST(append(&e, 3, 1000, &seq) == HF_OK);
	assert_int_equal(seq, 2);
	MUST(hf_log_commit(e.l, NULL) == HF_OK);
	restart(&e);
	assert_string_equal(e.rep.text, ""); /* nothing torn was left */
	look(&e, &s);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.first[1], 3);
	assert_int_equal(e.ctr.v[HF_C_L_ERRORS], 2);
	end(&e);
}

static void
full_disk_at_preallocation_leaves_no_empty_segment(void **st)
{
	struct env e;

	begin(&e);
	break_disk();
	fault.nfallocate = 0;
	assert_int_equal(append(&e, 1, 1000, NULL), HF_ENOSPC);
	assert_int_equal(count_files(e.d.log, "."), 0);
	fault.nfallocate = -1;
	must_append(&e, 1, 1000);
	assert_int_equal(hf_log_durable_seq(e.l), 1);
	end(&e);
}

static void
failed_sync_opens_a_new_segment_and_is_never_retried(void **st)
{
	struct seen s;
	struct env e;
	uint64_t seq;

	begin(&e);
	must_append(&e, 1, 100);
	break_disk();
	MUST(append(&e, 2, 100, NULL) == HF_OK);
	MUST(append(&e, 3, 100, NULL) == HF_OK);
	fault.nsync_ok = 0;
	assert_int_equal(hf_log_commit(e.l, NULL), HF_EIO);
	assert_int_equal(hf_log_durable_seq(e.l), 1);
	fault.nsync_ok = -1;
	/* Hold the number of the closed descriptor, so that a reuse shows. */
	MUST(dup2(e.d.fd, fault.failed_fd) == fault.failed_fd);
	MUST(append(&e, 2, 100, &seq) == HF_OK);
	assert_int_equal(seq, 4); /* numbers are not used twice */
	MUST(append(&e, 3, 100, NULL) == HF_OK);
	MUST(hf_log_commit(e.l, NULL) == HF_OK);
	assert_false(fault.has_resynced);
	assert_int_equal(count_files(e.d.log, "."), 2);
	close(fault.failed_fd);
	restart(&e);
	look(&e, &s);
	assert_int_equal(s.n, 3); /* voided frames are gone */
	assert_int_equal(s.first[1], 2);
	assert_int_equal(s.first[2], 3);
	end(&e);
}

static void
failed_directory_sync_is_no_commit(void **st)
{
	static struct hf_io io;
	struct env e;

	begin(&e);
	break_disk();
	io = *hf_io_get();
	io.fsync = bad_fdatasync;
	hf_io_set(&io);
	MUST(append(&e, 1, 100, NULL) == HF_OK);
	fault.nsync_ok = 1; /* the segment's, then the directory's fails */
	assert_int_equal(hf_log_commit(e.l, NULL), HF_EIO);
	assert_int_equal(hf_log_durable_seq(e.l), 0);
	end(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_segment_of_version_1_stays_readable),
	    cmocka_unit_test(encoder_writes_the_golden_bytes),
	    cmocka_unit_test(committed_frames_survive_a_restart),
	    cmocka_unit_test(torn_tail_is_cut_and_reported),
	    cmocka_unit_test(
		bad_bytes_in_the_middle_go_to_quarantine_and_the_rest_stays),
	    cmocka_unit_test(damaged_segment_header_does_not_hide_its_frames),
	    cmocka_unit_test(
		payload_that_imitates_a_frame_is_not_taken_for_one),
	    cmocka_unit_test(garbage_files_never_stop_the_start),
	    cmocka_unit_test(numbers_go_on_after_everything_was_dropped),
	    cmocka_unit_test(full_log_asks_for_a_fold),
	    cmocka_unit_test(short_writes_are_completed),
	    cmocka_unit_test(full_disk_is_told_and_recovers_by_itself),
	    cmocka_unit_test(
		full_disk_at_preallocation_leaves_no_empty_segment),
	    cmocka_unit_test(
		failed_sync_opens_a_new_segment_and_is_never_retried),
	    cmocka_unit_test(failed_directory_sync_is_no_commit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
