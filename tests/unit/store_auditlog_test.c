/* SPDX-License-Identifier: Apache-2.0
 *
 * store_auditlog_test.c - the tamper-evident log: format, life of a record,
 * recovery, rotation of segments and keys, retention, failing disks.
 */
#include "audit_fixture.h"

#include "store/auditbody.h"
#include "store/auditseg.h"

#include <errno.h>

/* The golden body: if this changes, the format changed. */
static const char golden[] =
    "{\"action\":\"alarm.ack\",\"actor\":\"uid:1000\",\"boot\":\"" FX_BOOT_A
    "\",\"config_hash\":\"c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5"
    "c5c5c5c5c5c5\",\"decision\":\"done\",\"detail\":\"acknowledged number 7: "
    "bearing hot, \\\"checked\\\" \\\\ gr\xc3\xbc\xc3\x9f"
    "e\",\"inc\":3,\"mono_us\":5000000,\"note\":\"1111111111111111111111111111"
    "111111111111111111111111111111111111\",\"object\":\"press/line1/press7/"
    "temp\",\"req\":9,\"role\":\"core\",\"role_zone\":2,\"seq\":7,\"v\":1,"
    "\"wall\":\"2026-01-01T00:00:00.000000042Z\",\"zone\":\"press\"}";

static void
a_body_is_canonical_to_the_byte(void **state)
{
	struct hf_audit_stamp at = {.wall_ns = FX_T0 + 42,
	    .mono_ns = 5 * HF_NS_PER_S,
	    .boot_id = FX_BOOT_A,
	    .sender = HF_ROLE_CORE,
	    .zone = 2,
	    .req = UINT64_C(3) << 32 | 9};
	struct hf_record r = fx_record(7);
	struct hf_audit_body b;
	uint8_t note[32];
	struct hf_buf out;

	(void)state;
	memset(note, 0x11, sizeof(note));
	hf_buf_init(&out, 8192);
	assert_int_equal(
	    hf_audit_body_put(&out, 7, &r, &at, note, NULL), HF_OK);
	assert_string_equal(hf_buf_cstr(&out), golden);
	assert_int_equal(
	    hf_audit_body_get(&b, (char *)out.p, out.len, NULL), HF_OK);
	assert_int_equal(b.seq, 7);
	assert_int_equal(b.wall_ns, FX_T0 + 42);
	assert_int_equal(b.mono_us, 5000000);
	assert_int_equal(b.inc, 3);
	assert_int_equal(b.req, 9);
	assert_int_equal(b.role_zone, 2);
	assert_true(b.has_note);
	assert_true(hf_slice_is(b.action, "alarm.ack"));
	assert_true(hf_slice_is(b.boot, FX_BOOT_A));
	hf_buf_fini(&out);
}

static void
a_body_that_is_not_canonical_is_refused(void **state)
{
#define REST                                                                \
	"\"boot\":\"b\",\"mono_us\":1,\"role\":\"core\",\"seq\":1,\"v\":1," \
	"\"wall\":\"2026-01-01T00:00:00.000000042Z\"}"
	static const char *const bad[] = {"", "{}", "[]",
	    "{\"action\":\"a\" ," REST, "{ \"action\":\"a\"," REST,
	    "{\"action\":\"a\",\"actor\":null," REST,
	    "{\"action\":\"a\",\"actor\":\"\"," REST,
	    "{\"action\":\"a\",\"action\":\"a\"," REST,
	    "{\"actor\":\"x\",\"action\":\"a\"," REST,
	    "{\"action\":\"a\\n\"," REST, "{\"action\":\"a\n\"," REST,
	    "{\"action\":\"\\u0061\"," REST, "{\"action\":\"a\xff\"," REST,
	    "{\"action\":1," REST, "{\"action\":\"a\",\"az\":01," REST,
	    "{\"action\":\"a\",\"az\":-1," REST,
	    "{\"action\":\"a\",\"az\":1.5," REST,
	    "{\"action\":\"a\",\"az\":9007199254740992," REST,
	    "{\"action\":\"a\",\"az\":{}," REST, "{" REST,
	    "{\"action\":\"a\"," REST " ", "{\"action\":\"a\"," REST ",",
	    "{\"action\":\"a\",\"boot\":\"b\",\"mono_us\":1,\"role\":\"core\","
	    "\"seq\":1,\"v\":1,\"wall\":\"2026-01-01T00:00:00Z\"}",
	    "{\"action\":\"a\",\"boot\":\"b\",\"mono_us\":1,\"role\":\"core\","
	    "\"v\":1,\"wall\":\"2026-01-01T00:00:00.000000042Z\"}"};
	static const char good[] = "{\"action\":\"a\",\"az\":1," REST;
	struct hf_audit_body b;
	size_t i;

	(void)state;
	assert_int_equal(
	    hf_audit_body_get(&b, good, strlen(good), NULL), HF_OK);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hf_audit_body_get(&b, bad[i], strlen(bad[i]), NULL) !=
		    HF_ECORRUPT)
			fail_msg("accepted: %s", bad[i]);
#undef REST
}

static void
a_record_that_is_no_text_is_refused(void **state)
{
	struct hf_record r = fx_record(0);
	struct fx f;

	(void)state;
	fx_init(&f);
	fx_ok(&f, fx_open(&f, 1));
	strcpy(r.detail, "two\nlines");
	assert_int_equal(
	    hf_auditlog_append(f.l, &r, &f.at, NULL, NULL), HF_EINVAL);
	strcpy(r.detail, "\xff\xfe");
	assert_int_equal(
	    hf_auditlog_append(f.l, &r, &f.at, NULL, NULL), HF_EINVAL);
	assert_int_equal(hf_auditlog_size(f.l), 2);
	fx_fini(&f);
}

static void
a_sender_may_say_only_its_own_actions(void **state)
{
	struct hf_record r = fx_record(0);
	struct fx f;

	(void)state;
	fx_init(&f);
	fx_ok(&f, fx_open(&f, 1));
	f.at.sender = HF_ROLE_WEB;
	assert_int_equal(
	    hf_auditlog_append(f.l, &r, &f.at, NULL, NULL), HF_EDENIED);
	strcpy(r.action, "log.key");
	assert_int_equal(
	    hf_auditlog_append(f.l, &r, &f.at, NULL, NULL), HF_EDENIED);
	strcpy(r.action, "no.such.action");
	assert_int_equal(
	    hf_auditlog_append(f.l, &r, &f.at, NULL, NULL), HF_EDENIED);
	fx_fini(&f);
}

static void
a_log_of_many_segments_verifies(void **state)
{
	struct hf_audit_verdict v;
	struct fx f;

	(void)state;
	fx_make(&f);
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	assert_int_equal(v.nrecord, 2 + 304 + 1 + 40);
	assert_int_equal(
	    v.ncheckpoint, 6); /* 3 + one at the segment's end + 2 */
	assert_int_equal(v.unsigned_tail, 0);
	assert_string_equal(v.origin, FX_ORIGIN);
	fx_fini(&f);
}

static void
higher_tile_levels_verify(void **state)
{
	struct hf_audit_verdict v;
	struct fx f;
	int i;

	(void)state;
	fx_init(&f);
	f.conf.segment_bytes = 8 << 20;
	fx_ok(&f, fx_open(&f, 1));
	for (i = 0; i < 140; i++)
		fx_ok(&f, fx_sign(&f, 500));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	assert_int_equal(v.nrecord, 70002);
	fx_close(&f);
	fx_ok(&f, fx_open(&f, 2));
	assert_string_equal(f.report.text, "");
	fx_ok(&f, fx_sign(&f, 10));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	assert_int_equal(faccessat(f.dirfd, "tile/1/000", F_OK, 0), 0);
	assert_int_equal(faccessat(f.dirfd, "tile/2/000.p/1", F_OK, 0), 0);
	assert_int_equal(faccessat(f.dirfd, "tile/entries/272", F_OK, 0), 0);
	fx_fini(&f);
}

static void
the_same_records_give_the_same_bytes(void **state)
{
	static const char *const names[] = {"0000000000000000.seg",
	    "0000000000000000.notes", "0000000000000256.seg",
	    "0000000000000256.notes", "checkpoint", "key.pub", "tile/0/000",
	    "tile/entries/000", "tile/1/000.p/1"};
	struct fx a, b;
	size_t i, na, nb;

	(void)state;
	fx_make(&a);
	fx_make(&b);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t *pa = fx_slurp(a.path, names[i], &na);
		uint8_t *pb = fx_slurp(b.path, names[i], &nb);

		assert_int_equal(na, nb);
		assert_memory_equal(pa, pb, na);
		free(pa);
		free(pb);
	}
	fx_fini(&a);
	fx_fini(&b);
}

static void
an_unsigned_tail_passes_only_live(void **state)
{
	struct hf_audit_verdict v;
	struct fx f;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_add(&f, 3));
	fx_ok(&f, hf_auditlog_commit(f.l, &f.err));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, true, &v), HF_OK);
	assert_int_equal(v.unsigned_tail, 4);
	assert_int_equal(
	    fx_verify_at(f.path, NULL, NULL, false, &v), HF_ECORRUPT);
	fx_fini(&f);
}

static void
a_torn_tail_is_cut_and_recorded(void **state)
{
	struct hf_audit_verdict v;
	struct hf_buf json;
	uint8_t *p;
	size_t n;
	struct fx f;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_add(&f, 3));
	fx_ok(&f, hf_auditlog_commit(f.l, &f.err));
	fx_close(&f);
	p = fx_slurp(f.path, "0000000000000256.seg", &n);
	fx_spill(f.path, "0000000000000256.seg", p, n - 5);
	free(p);
	fx_ok(&f, fx_open(&f, 1));
	assert_true(f.report.torn_bytes > 0);
	assert_non_null(strstr(f.report.text, "torn tail"));
	assert_int_equal(f.report.size, 347 + 3);
	fx_ok(&f, fx_sign(&f, 1));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	hf_buf_init(&json, 65536);
	fx_ok(&f, hf_auditlog_read_json(f.l, 350, 1, &json, &f.err));
	assert_non_null(strstr(hf_buf_cstr(&json), "\"action\":\"log.open\""));
	assert_non_null(strstr(hf_buf_cstr(&json), "of a torn tail cut"));
	assert_non_null(
	    strstr(hf_buf_cstr(&json), "3 records behind the last"));
	hf_buf_fini(&json);
	fx_fini(&f);
}

static void
signed_records_that_are_damaged_are_set_aside_not_cut(void **state)
{
	struct hf_audit_verdict v;
	uint8_t *p;
	size_t n;
	struct fx f;

	(void)state;
	fx_make(&f);
	p = fx_slurp(f.path, "0000000000000256.seg", &n);
	p[n - 100] ^= 4;
	fx_spill(f.path, "0000000000000256.seg", p, n);
	fx_ok(&f, fx_open(&f, 1));
	assert_non_null(strstr(f.report.text, "damaged-0001"));
	fx_ok(&f, fx_sign(&f, 5));
	assert_int_equal(hf_auditlog_size(f.l), 7);
	free(p);
	p = fx_slurp(f.path, "damaged-0001/0000000000000256.seg", &n);
	free(p);
	assert_int_equal(
	    fx_verify_at(f.path, NULL, NULL, false, &v), HF_ECORRUPT);
	assert_int_equal(v.nfinding, 1); /* the folder, nothing else */
	fx_fini(&f);
}

static void
tiles_and_checkpoint_are_made_again(void **state)
{
	struct hf_audit_verdict v;
	char path[256];
	struct fx f;

	(void)state;
	fx_make(&f);
	snprintf(path, sizeof(path), "%s/tile", f.path);
	fx_rm(path);
	snprintf(path, sizeof(path), "%s/checkpoint", f.path);
	fx_rm(path);
	assert_int_equal(
	    fx_verify_at(f.path, NULL, NULL, false, &v), HF_ECORRUPT);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 5));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	fx_fini(&f);
}

static void
a_clock_step_is_a_record(void **state)
{
	struct hf_audit_verdict v;
	struct hf_buf json;
	struct fx f;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_add(&f, 1));
	f.at.wall_ns -= 3600 * HF_NS_PER_S;
	fx_ok(&f, fx_sign(&f, 1));
	hf_buf_init(&json, 65536);
	fx_ok(&f, hf_auditlog_read_json(
		      f.l, hf_auditlog_size(f.l) - 2, 9, &json, &f.err));
	assert_non_null(strstr(hf_buf_cstr(&json), "clock.audit_jump"));
	assert_non_null(strstr(hf_buf_cstr(&json), "moved by -3600000 ms"));
	hf_buf_fini(&json);
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	assert_int_equal(v.nclock_jump, 1);
	fx_close(&f);
	f.at.wall_ns -= 7200 * HF_NS_PER_S; /* and over a reboot */
	hf_strcpy(f.at.boot_id, sizeof(f.at.boot_id), "new-boot");
	f.at.mono_ns = 1;
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 1));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	assert_int_equal(v.nclock_jump, 2);
	fx_fini(&f);
}

static void
a_key_change_is_followed(void **state)
{
	uint8_t pub1[32], pub2[32];
	struct hf_audit_verdict v;
	struct fx f;

	(void)state;
	hf_ed25519_pub(fx_seed, pub1, NULL);
	hf_ed25519_pub(fx_seed2, pub2, NULL);
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, hf_auditlog_rotate(f.l, fx_seed2, &f.at, &f.err));
	fx_ok(&f, fx_sign(&f, 5));
	fx_close(&f);
	assert_int_equal(fx_verify_at(f.path, pub1, NULL, false, &v), HF_OK);
	assert_int_equal(fx_verify_at(f.path, pub2, NULL, false, &v), HF_OK);
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	/* the old key no longer opens it, the new one does */
	assert_int_equal(fx_open(&f, 1), HF_EDENIED);
	f.conf.seed = fx_seed2;
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 5));
	fx_close(&f);
	assert_int_equal(fx_verify_at(f.path, pub1, NULL, false, &v), HF_OK);
	fx_fini(&f);
}

static void
removed_segments_leave_a_tombstone_and_roots(void **state)
{
	struct hf_audit_verdict v;
	struct hf_buf json, witness;
	size_t n;
	struct fx f;

	(void)state;
	fx_init(&f);
	f.conf.segment_bytes = 20000;
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 1500));
	hf_buf_init(&witness, HF_NOTE_MAX);
	fx_ok(&f, hf_auditlog_checkpoint_text(f.l, &witness, &f.err));
	fx_ok(&f, fx_sign(&f, 5));
	fx_ok(&f, hf_auditlog_prune(
		      f.l, FX_T0 + 600 * HF_NS_PER_MS, &f.at, &n, &f.err));
	assert_int_equal(n, 2); /* 0-255, 256-511; 512-767 is in part younger */
	fx_ok(&f, fx_sign(&f, 5));
	assert_int_equal(
	    fx_verify_at(f.path, NULL, hf_buf_cstr(&witness), false, &v),
	    HF_OK);
	assert_int_equal(v.first_record, 512);
	hf_buf_init(&json, 65536);
	assert_int_equal(
	    hf_auditlog_read_json(f.l, 100, 1, &json, NULL), HF_ENOTFOUND);
	/* a second time, over the first tombstone's head */
	fx_ok(&f, hf_auditlog_prune(
		      f.l, FX_T0 + 1300 * HF_NS_PER_MS, &f.at, &n, &f.err));
	assert_int_equal(n, 3);
	fx_ok(&f, fx_sign(&f, 5));
	fx_close(&f);
	assert_int_equal(
	    fx_verify_at(f.path, NULL, hf_buf_cstr(&witness), false, &v),
	    HF_OK);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 5));
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	hf_buf_fini(&json);
	hf_buf_fini(&witness);
	fx_fini(&f);
}

static void
request_ids_are_known_after_a_restart(void **state)
{
	struct hf_record r = fx_record(0);
	struct fx f;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	f.at.req = UINT64_C(1) << 32 | 77;
	fx_ok(&f, hf_auditlog_append(f.l, &r, &f.at, NULL, &f.err));
	fx_ok(&f, hf_auditlog_commit(f.l, &f.err));
	fx_close(&f);
	fx_ok(&f, fx_open(&f, 2)); /* audit died; the parent lives */
	assert_int_equal(
	    hf_auditlog_last_req(f.l, HF_ROLE_CORE, 0), UINT64_C(1) << 32 | 77);
	fx_close(&f);
	fx_ok(&f, fx_open(&f, 1)); /* all started anew: ids begin again */
	assert_int_equal(hf_auditlog_last_req(f.l, HF_ROLE_CORE, 0), 0);
	fx_fini(&f);
}

static void
records_are_read_back_across_tiles(void **state)
{
	struct hf_buf json;
	const char *s;
	struct fx f;
	int n = 0;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	hf_buf_init(&json, 1 << 20);
	fx_ok(&f, hf_auditlog_read_json(f.l, 250, 20, &json, &f.err));
	for (s = hf_buf_cstr(&json); (s = strstr(s, "{\"action\"")) != NULL;
	     s++)
		n++;
	assert_int_equal(n, 20);
	assert_non_null(strstr(hf_buf_cstr(&json), "\"seq\":250,"));
	assert_non_null(strstr(hf_buf_cstr(&json), "\"seq\":269,"));
	hf_buf_reset(&json);
	fx_ok(&f, hf_auditlog_read_json(f.l, 99999, 20, &json, &f.err));
	assert_string_equal(hf_buf_cstr(&json), "[]");
	hf_buf_fini(&json);
	fx_fini(&f);
}

/* A disk that fails: one switch, every write path. */
static int fail_errno;
static bool fail_sync, fail_write, short_write;

static ssize_t
bad_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (fail_write) {
		errno = fail_errno;
		return -1;
	}
	if (short_write && n > 1)
		n = n / 2;
	return pwrite(fd, p, n, off);
}

static int
bad_fdatasync(int fd)
{
	if (fail_sync) {
		errno = fail_errno;
		return -1;
	}
	return fdatasync(fd);
}

static void
run_failing_disk(int errnum, bool on_sync)
{
	struct hf_io io = hf_io_system;
	struct hf_audit_verdict v;
	struct fx f;
	int rc, i;

	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 10));
	io.pwrite = bad_pwrite;
	io.fdatasync = bad_fdatasync;
	hf_io_set(&io);
	fail_errno = errnum;
	fail_sync = on_sync;
	fail_write = !on_sync;
	fx_ok(&f, fx_add(&f, 20));
	for (i = 0; i < 3; i++) {
		rc = hf_auditlog_commit(f.l, &f.err);
		assert_int_equal(rc, errnum == ENOSPC ? HF_ENOSPC : HF_EIO);
		assert_int_equal(hf_auditlog_durable(f.l),
		    hf_auditlog_size(f.l) - 20 - (uint64_t)i);
		fx_ok(&f, fx_add(&f, 1)); /* memory still takes some */
	}
	while ((rc = fx_add(&f, 1)) == HF_OK)
		continue;
	assert_int_equal(rc, HF_ELIMIT); /* but not without end */
	fail_sync = fail_write = false;
	fx_ok(&f, hf_auditlog_commit(f.l, &f.err));
	assert_int_equal(hf_auditlog_durable(f.l), hf_auditlog_size(f.l));
	fx_ok(&f, fx_sign(&f, 1));
	hf_io_set(NULL);
	fx_close(&f);
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	fx_fini(&f);
}

static void
a_full_disk_loses_nothing_and_recovers(void **state)
{
	(void)state;
	run_failing_disk(ENOSPC, false);
}

static void
a_failing_write_loses_nothing_and_recovers(void **state)
{
	(void)state;
	run_failing_disk(EIO, false);
}

static void
a_failing_sync_loses_nothing_and_recovers(void **state)
{
	(void)state;
	run_failing_disk(EIO, true);
}

static void
short_writes_are_completed(void **state)
{
	struct hf_io io = hf_io_system;
	struct hf_audit_verdict v;
	struct fx f;

	(void)state;
	io.pwrite = bad_pwrite;
	hf_io_set(&io);
	short_write = true;
	fx_make(&f);
	short_write = false;
	hf_io_set(NULL);
	assert_int_equal(fx_verify_at(f.path, NULL, NULL, false, &v), HF_OK);
	fx_fini(&f);
}

static int last_failed_fd = -1;
static int nsync_again;

static int
spy_fdatasync(int fd)
{
	if (fd == last_failed_fd)
		nsync_again++;
	if (!fail_sync)
		return fdatasync(fd);
	last_failed_fd = fd;
	errno = EIO;
	return -1;
}

static int
spy_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd = openat(dirfd, name, flags, mode);

	if (fd == last_failed_fd)
		last_failed_fd = -1; /* closed and opened again: another file */
	return fd;
}

static void
a_descriptor_that_failed_to_sync_is_not_synced_again(void **state)
{
	struct hf_io io = hf_io_system;
	struct fx f;

	(void)state;
	fx_make(&f);
	fx_ok(&f, fx_open(&f, 1));
	fx_ok(&f, fx_sign(&f, 10));
	io.fdatasync = spy_fdatasync;
	io.openat = spy_openat;
	hf_io_set(&io);
	fail_sync = true;
	fx_ok(&f, fx_add(&f, 5));
	assert_int_equal(hf_auditlog_commit(f.l, NULL), HF_EIO);
	fail_sync = false;
	fx_ok(&f, hf_auditlog_commit(f.l, &f.err));
	hf_io_set(NULL);
	assert_int_equal(nsync_again, 0);
	fx_fini(&f);
}

static void
tile_paths_are_those_of_the_specification(void **state)
{
	char buf[HF_TILE_PATH];
	unsigned level, width;
	uint64_t index;

	(void)state;
	assert_string_equal(
	    hf_tile_path(0, 1234067, 0, buf), "tile/0/x001/x234/067");
	assert_string_equal(hf_tile_path(1, 0, 17, buf), "tile/1/000.p/17");
	assert_string_equal(hf_tile_path(HF_TILE_ENTRIES, 273, 112, buf),
	    "tile/entries/273.p/112");
	assert_string_equal(hf_tile_path(0, 1000, 0, buf), "tile/0/x001/000");
	assert_true(
	    hf_tile_parse("tile/0/x001/x234/067", &level, &index, &width));
	assert_int_equal(index, 1234067);
	assert_true(
	    hf_tile_parse("tile/entries/273.p/112", &level, &index, &width));
	assert_int_equal(width, 112);
	assert_false(hf_tile_parse("tile/0/1", &level, &index, &width));
	assert_false(hf_tile_parse("tile/0/x000/001", &level, &index, &width));
	assert_false(hf_tile_parse("tile/0/001.p/0", &level, &index, &width));
	assert_false(hf_tile_parse("tile/0/001.p/256", &level, &index, &width));
	assert_false(hf_tile_parse("tile/0/001.p/01", &level, &index, &width));
	assert_false(hf_tile_parse("tile/9/001", &level, &index, &width));
	assert_false(hf_tile_parse("tile/00/001", &level, &index, &width));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_body_is_canonical_to_the_byte),
	    cmocka_unit_test(a_body_that_is_not_canonical_is_refused),
	    cmocka_unit_test(a_record_that_is_no_text_is_refused),
	    cmocka_unit_test(a_sender_may_say_only_its_own_actions),
	    cmocka_unit_test(tile_paths_are_those_of_the_specification),
	    cmocka_unit_test(a_log_of_many_segments_verifies),
	    cmocka_unit_test(higher_tile_levels_verify),
	    cmocka_unit_test(the_same_records_give_the_same_bytes),
	    cmocka_unit_test(an_unsigned_tail_passes_only_live),
	    cmocka_unit_test(a_torn_tail_is_cut_and_recorded),
	    cmocka_unit_test(
		signed_records_that_are_damaged_are_set_aside_not_cut),
	    cmocka_unit_test(tiles_and_checkpoint_are_made_again),
	    cmocka_unit_test(a_clock_step_is_a_record),
	    cmocka_unit_test(a_key_change_is_followed),
	    cmocka_unit_test(removed_segments_leave_a_tombstone_and_roots),
	    cmocka_unit_test(request_ids_are_known_after_a_restart),
	    cmocka_unit_test(records_are_read_back_across_tiles),
	    cmocka_unit_test(a_full_disk_loses_nothing_and_recovers),
	    cmocka_unit_test(a_failing_write_loses_nothing_and_recovers),
	    cmocka_unit_test(a_failing_sync_loses_nothing_and_recovers),
	    cmocka_unit_test(short_writes_are_completed),
	    cmocka_unit_test(
		a_descriptor_that_failed_to_sync_is_not_synced_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
