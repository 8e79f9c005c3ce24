/* SPDX-License-Identifier: Apache-2.0
 *
 * store_powercut_test.c - images of what a power cut leaves, and recovery from
 * them.
 *
 * A run of ingest, folds and restarts is recorded: every write, truncation,
 * sync, creation and removal of the log (through hf_io) and of SQLite (through
 * a VFS that wraps the default one). An image is then made for a random place
 * in the record:
 *   - what was synced before it is there;
 *   - of each write not yet synced, every 512-byte sector is there or not by
 *     lot (so writes are dropped, torn and reordered);
 *   - truncations not yet synced are there or not;
 *   - of the names made or removed since the directory's last sync, a first
 *     part is there and the rest is not.
 * Each image must open, and hold every sample acknowledged before the cut bit
 * for bit, nothing twice, and nothing that was never sent.
 * Control: the same images without the log's syncs must show loss, else this
 * harness is blind. TORTURE=1: 1,000 images instead of 100.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "store_kit.h"

#define NTAG 5
#define NBATCH 70
#define SECTOR 512
#define NINODE 512
#define NOPS 60000
#define T0 INT64_C(1391126400000000000) /* 2014-01-31T00:00:00Z */

enum op_kind {
	OP_WRITE,
	OP_TRUNC,
	OP_EXTEND,
	OP_SYNC,
	OP_CREATE,
	OP_UNLINK,
	OP_DIRSYNC,
	OP_ACK
};

struct op {
	enum op_kind kind;
	int inode; /* files; DIRSYNC: 0 log, 1 hist */
	int64_t off;
	size_t len; /* ACK: how many samples of the oracle are promised */
	uint8_t *p;
};

static struct {
	struct op ops[NOPS];
	size_t n;
	char name[NINODE][64]; /* "log/00000001.log" */
	bool is_linked[NINODE];
	int ninode;
	char root[128];
	bool is_on;
} rec;

static struct op *
record(enum op_kind kind, int inode, int64_t off, const void *p, size_t len)
{
	struct op *o = &rec.ops[rec.n];

	MUST(rec.n < NOPS);
	*o = (struct op){.kind = kind, .inode = inode, .off = off, .len = len};
	if (p != NULL) {
		o->p = malloc(len + 1);
		MUST(o->p != NULL);
		memcpy(o->p, p, len);
	}
	rec.n++;
	return o;
}

/* The path below the root, NULL if it is not ours. */
static const char *
below(const char *path)
{
	size_t n = strlen(rec.root);

	return strncmp(path, rec.root, n) == 0 && path[n] == '/' ? path + n + 1
								 : NULL;
}

static int
find_inode(const char *name)
{
	int i;

	for (i = rec.ninode; i-- > 0;)
		if (rec.is_linked[i] && strcmp(rec.name[i], name) == 0)
			return i;
	return -1;
}

static int
inode_of(const char *name)
{
	int i = find_inode(name);

	if (i >= 0)
		return i;
	MUST(rec.ninode < NINODE);
	i = rec.ninode++;
	snprintf(rec.name[i], sizeof(rec.name[i]), "%s", name);
	rec.is_linked[i] = true;
	record(OP_CREATE, i, 0, NULL, 0);
	return i;
}

static void
record_unlink(const char *name)
{
	int i = find_inode(name);

	if (i < 0)
		return;
	rec.is_linked[i] = false;
	record(OP_UNLINK, i, 0, NULL, 0);
}

static int
dir_of(const char *name)
{
	return strncmp(name, "hist", 4) == 0;
}

/* --- the log's gate ------------------------------------------------------- */

static const char *
fd_name(int fd, char buf[512])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, 511);
	buf[n > 0 ? n : 0] = '\0';
	return below(buf);
}

static ssize_t
rec_pwrite(int fd, const void *p, size_t n, off_t off)
{
	char buf[512];
	const char *name = fd_name(fd, buf);
	ssize_t got = pwrite(fd, p, n, off);

	if (got > 0 && name != NULL)
		record(OP_WRITE, inode_of(name), off, p, (size_t)got);
	return got;
}

static int
rec_sync(int fd)
{
	char buf[512];
	const char *name = fd_name(fd, buf);

	if (name != NULL && strchr(name, '/') == NULL)
		record(OP_DIRSYNC, dir_of(name), 0, NULL, 0);
	else if (name != NULL)
		record(OP_SYNC, inode_of(name), 0, NULL, 0);
	return fdatasync(fd);
}

static int
rec_ftruncate(int fd, off_t len)
{
	char buf[512];
	const char *name = fd_name(fd, buf);

	if (name != NULL)
		record(OP_TRUNC, inode_of(name), len, NULL, 0);
	return ftruncate(fd, len);
}

static int
rec_fallocate(int fd, int mode, off_t off, off_t len)
{
	char buf[512];
	const char *name = fd_name(fd, buf);
	int rc = fallocate(fd, mode, off, len);

	if (rc == 0 && name != NULL)
		record(OP_EXTEND, inode_of(name), off + len, NULL, 0);
	return rc;
}

static int
rec_openat(int dirfd, const char *file, int flags, mode_t mode)
{
	char buf[512];
	const char *name;
	int fd = openat(dirfd, file, flags, mode);

	if (fd >= 0 && (flags & O_CREAT) != 0) {
		name = fd_name(fd, buf);
		if (name != NULL)
			inode_of(name);
	}
	return fd;
}

static int
rec_unlinkat(int dirfd, const char *file, int flags)
{
	char buf[512], path[600];
	const char *dir = fd_name(dirfd, buf);
	int rc = unlinkat(dirfd, file, flags);

	if (rc == 0 && dir != NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, file);
		record_unlink(path);
	}
	return rc;
}

/* --- SQLite's gate: a VFS around the default one -------------------------- */

struct shim_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
	int inode;	    /* -1: not recorded */
	bool needs_dirsync; /* as the unix VFS does for new journals */
};

static sqlite3_vfs shim_vfs, *real_vfs;
static sqlite3_io_methods shim_io;

#define REAL(f) (((struct shim_file *)(f))->real)

static int
s_close(sqlite3_file *f)
{
	return REAL(f)->pMethods->xClose(REAL(f));
}

static int
s_read(sqlite3_file *f, void *p, int n, sqlite3_int64 off)
{
	return REAL(f)->pMethods->xRead(REAL(f), p, n, off);
}

static int
s_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 off)
{
	struct shim_file *s = (struct shim_file *)f;

	if (s->inode >= 0)
		record(OP_WRITE, s->inode, off, p, (size_t)n);
	return s->real->pMethods->xWrite(s->real, p, n, off);
}

static int
s_truncate(sqlite3_file *f, sqlite3_int64 len)
{
	struct shim_file *s = (struct shim_file *)f;

	if (s->inode >= 0)
		record(OP_TRUNC, s->inode, len, NULL, 0);
	return s->real->pMethods->xTruncate(s->real, len);
}

static int
s_sync(sqlite3_file *f, int flags)
{
	struct shim_file *s = (struct shim_file *)f;

	if (s->inode >= 0) {
		record(OP_SYNC, s->inode, 0, NULL, 0);
		if (s->needs_dirsync)
			record(
			    OP_DIRSYNC, dir_of(rec.name[s->inode]), 0, NULL, 0);
		s->needs_dirsync = false;
	}
	return s->real->pMethods->xSync(s->real, flags);
}

static int
s_size(sqlite3_file *f, sqlite3_int64 *n)
{
	return REAL(f)->pMethods->xFileSize(REAL(f), n);
}

static int
s_lock(sqlite3_file *f, int lock)
{
	return REAL(f)->pMethods->xLock(REAL(f), lock);
}

static int
s_unlock(sqlite3_file *f, int lock)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), lock);
}

static int
s_reserved(sqlite3_file *f, int *out)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}

static int
s_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int
s_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

/* The disk promises nothing, so neither do we (no powersafe overwrite). */
static int
s_device(sqlite3_file *f)
{
	return 0;
}

static int
s_shm_map(sqlite3_file *f, int pg, int n, int extend, void volatile **p)
{
	return REAL(f)->pMethods->xShmMap(REAL(f), pg, n, extend, p);
}

static int
s_shm_lock(sqlite3_file *f, int off, int n, int flags)
{
	return REAL(f)->pMethods->xShmLock(REAL(f), off, n, flags);
}

static void
s_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int
s_shm_unmap(sqlite3_file *f, int is_delete)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), is_delete);
}

static int
s_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct shim_file *s = (struct shim_file *)f;
	const char *mine = name == NULL ? NULL : below(name);
	int rc;

	s->real = (sqlite3_file *)(s + 1);
	s->inode = -1;
	rc = real_vfs->xOpen(real_vfs, name, s->real, flags, out);
	f->pMethods = s->real->pMethods == NULL ? NULL : &shim_io;
	if (rc == SQLITE_OK && rec.is_on && mine != NULL) {
		s->inode = inode_of(mine);
		s->needs_dirsync =
		    (flags & SQLITE_OPEN_CREATE) != 0 &&
		    (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL |
				 SQLITE_OPEN_SUPER_JOURNAL)) != 0;
	}
	return rc;
}

static int
s_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	const char *mine = below(name);
	int rc = real_vfs->xDelete(real_vfs, name, sync_dir);

	if (rc == SQLITE_OK && rec.is_on && mine != NULL) {
		record_unlink(mine);
		if (sync_dir)
			record(OP_DIRSYNC, dir_of(mine), 0, NULL, 0);
	}
	return rc;
}

static void
gates_on(const char *root)
{
	static struct hf_io io;

	snprintf(rec.root, sizeof(rec.root), "%s", root);
	rec.is_on = true;
	io = hf_io_system;
	io.pwrite = rec_pwrite;
	io.fdatasync = rec_sync;
	io.fsync = rec_sync;
	io.ftruncate = rec_ftruncate;
	io.fallocate = rec_fallocate;
	io.openat = rec_openat;
	io.unlinkat = rec_unlinkat;
	hf_io_set(&io);
	real_vfs = sqlite3_vfs_find(NULL);
	shim_io = (sqlite3_io_methods){.iVersion = 2,
	    .xClose = s_close,
	    .xRead = s_read,
	    .xWrite = s_write,
	    .xTruncate = s_truncate,
	    .xSync = s_sync,
	    .xFileSize = s_size,
	    .xLock = s_lock,
	    .xUnlock = s_unlock,
	    .xCheckReservedLock = s_reserved,
	    .xFileControl = s_control,
	    .xSectorSize = s_sector,
	    .xDeviceCharacteristics = s_device,
	    .xShmMap = s_shm_map,
	    .xShmLock = s_shm_lock,
	    .xShmBarrier = s_shm_barrier,
	    .xShmUnmap = s_shm_unmap};
	shim_vfs = *real_vfs;
	shim_vfs.pNext = NULL;
	shim_vfs.zName = "record";
	shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
	shim_vfs.xOpen = s_open;
	shim_vfs.xDelete = s_delete;
	MUST(sqlite3_vfs_register(&shim_vfs, 1) == SQLITE_OK);
}

static void
gates_off(void)
{
	rec.is_on = false;
	hf_io_set(NULL);
	sqlite3_vfs_unregister(&shim_vfs);
}

/* --- the recorded run ----------------------------------------------------- */

static struct kit_oracle sent;

static void
record_run(void)
{
	static struct kit_sample v[HF_BATCH_NSAMPLE];
	struct kit_gen g = {
	    .r = {42}, .ntag = NTAG, .step_ns = 400 * HF_NS_PER_S};
	size_t i, n;
	struct kit k;
	int b;

	memset(&k, 0, sizeof(k));
	k.source = 77;
	k.conf = (struct hf_storage){.segment_bytes = 96 << 10,
	    .log_bytes = 8 << 20,
	    .fold_ns = INT64_MAX};
	kit_dir_make(&k.d);
	for (i = 0; i < NTAG; i++)
		g.t_ns[i] = T0; /* crosses into February */
	gates_on(k.d.path);
	kit_open(&k);
	for (b = 0; b < NBATCH; b++) {
		n = 1 + kit_below(&g.r, 120);
		for (i = 0; i < n; i++)
			v[i] = kit_sample(&g, i > 0 ? &v[0] : NULL);
		kit_put(&k, &sent, v, n);
		record(OP_ACK, 0, 0, NULL, sent.n);
		if (b % 13 == 12)
			kit_fold(&k);
		if (b == 30) {
			kit_shut(&k);
			kit_open(&k);
		}
	}
	kit_shut(&k);
	gates_off();
	kit_dir_remove(&k.d);
}

/* --- images --------------------------------------------------------------- */

struct image {
	uint8_t *p[NINODE];
	int64_t len[NINODE], cap[NINODE];
	bool is_linked[NINODE];
};

static void
grow(struct image *im, int i, int64_t len)
{
	if (len > im->cap[i]) {
		im->p[i] = realloc(im->p[i], (size_t)len * 2);
		MUST(im->p[i] != NULL);
		memset(
		    im->p[i] + im->cap[i], 0, (size_t)(len * 2 - im->cap[i]));
		im->cap[i] = len * 2;
	}
	if (len > im->len[i])
		im->len[i] = len;
}

/* mode 0: everything arrived, 1: nothing, 2: by lot. */
static void
apply_write(struct image *im, const struct op *o, bool is_synced, int mode,
    struct kit_rnd *r)
{
	int64_t at = o->off, end = o->off + (int64_t)o->len, next;

	for (; at < end; at = next) {
		next = at / SECTOR * SECTOR + SECTOR;
		next = next > end ? end : next;
		if (!is_synced && (mode == 1 || (mode == 2 && kit_rnd(r) % 2)))
			continue;
		grow(im, o->inode, next);
		memcpy(im->p[o->inode] + at, o->p + (at - o->off),
		    (size_t)(next - at));
	}
}

static void
apply_trunc(struct image *im, const struct op *o)
{
	if (o->off < im->len[o->inode])
		memset(im->p[o->inode] + o->off, 0,
		    (size_t)(im->len[o->inode] - o->off));
	grow(im, o->inode, o->off);
	im->len[o->inode] = o->off;
}

static void
make_image(
    struct image *im, size_t cut, int mode, bool log_syncs, struct kit_rnd *r)
{
	size_t synced[NINODE] = {0}, dirsynced[2] = {0}, names[2], i;

	for (i = 0; i < cut; i++) {
		const struct op *o = &rec.ops[i];

		if (o->kind == OP_SYNC &&
		    (log_syncs || dir_of(rec.name[o->inode]) == 1))
			synced[o->inode] = i;
		if (o->kind == OP_DIRSYNC)
			dirsynced[o->inode] = i;
	}
	for (i = 0; i < 2; i++) /* names up to here are there */
		names[i] =
		    mode == 0 ? cut
		    : mode == 1
			? dirsynced[i]
			: dirsynced[i] + kit_below(r, cut - dirsynced[i] + 1);
	for (i = 0; i < cut; i++) {
		const struct op *o = &rec.ops[i];
		bool is_synced = i < synced[o->inode % NINODE];
		bool is_named = i <= names[dir_of(rec.name[o->inode])];

		if (o->kind == OP_WRITE)
			apply_write(im, o, is_synced, mode, r);
		else if (o->kind == OP_TRUNC &&
			 (is_synced || mode == 0 ||
			     (mode == 2 && kit_rnd(r) % 2)))
			apply_trunc(im, o);
		else if (o->kind == OP_EXTEND &&
			 (is_synced || mode == 0 ||
			     (mode == 2 && kit_rnd(r) % 2)))
			grow(im, o->inode, o->off);
		else if (o->kind == OP_CREATE && is_named)
			im->is_linked[o->inode] = true;
		else if (o->kind == OP_UNLINK && is_named)
			im->is_linked[o->inode] = false;
	}
}

static void
write_image(const struct image *im, const struct kit_dir *d)
{
	int i, fd;

	for (i = 0; i < rec.ninode; i++) {
		if (!im->is_linked[i])
			continue;
		fd = openat(
		    d->fd, rec.name[i], O_CREAT | O_TRUNC | O_WRONLY, 0600);
		MUST(fd >= 0);
		if (im->len[i] > 0)
			MUST(write(fd, im->p[i], (size_t)im->len[i]) ==
			     im->len[i]);
		close(fd);
	}
}

/* Every promised sample is there, nothing twice, nothing invented. Returns how
 * many promised ones are missing; anything else aborts. */
static size_t
missing_of_tag(struct kit *k, uint64_t tag, size_t npromised)
{
	struct kit_sample *v;
	struct hf_points p;
	size_t i, j, n, nmissing = 0;
	bool *is_seen;

	v = kit_oracle_get(&sent, tag, INT64_MIN, INT64_MAX, &n);
	is_seen = calloc(n + 1, sizeof(*is_seen));
	kit_query(k, tag, INT64_MIN, INT64_MAX, 0, &p);
	for (i = 0, j = 0; i < p.n; i++) {
		size_t m;

		while (j < n && v[j].t_ns < p.pt[i].t_ns)
			j++;
		for (m = j; m < n && v[m].t_ns == p.pt[i].t_ns; m++)
			if (!is_seen[m] && kit_point_is(&p, i, &v[m]))
				break;
		MUST(m < n && v[m].t_ns == p.pt[i].t_ns);
		is_seen[m] = true;
	}
	for (i = 0; i < n; i++)
		nmissing += !is_seen[i] && v[i].arrival < npromised;
	free(is_seen);
	free(v);
	hf_points_fini(&p);
	return nmissing;
}

static size_t
try_image(size_t cut, int mode, bool log_syncs, struct kit_rnd *r)
{
	struct image *im = calloc(1, sizeof(*im));
	size_t i, npromised = 0, nmissing = 0;
	struct kit k;

	MUST(im != NULL);
	memset(&k, 0, sizeof(k));
	kit_dir_make(&k.d);
	make_image(im, cut, mode, log_syncs, r);
	write_image(im, &k.d);
	for (i = 0; i < cut; i++)
		if (rec.ops[i].kind == OP_ACK)
			npromised = rec.ops[i].len;
	kit_open(&k);
	for (i = 0; i < NTAG; i++)
		nmissing += missing_of_tag(&k, 1000 + i, npromised);
	if (log_syncs && nmissing == 0) { /* and it goes on from there */
		kit_fold(&k);
		for (i = 0; i < NTAG; i++)
			nmissing += missing_of_tag(&k, 1000 + i, npromised);
	}
	kit_end(&k);
	for (i = 0; i < NINODE; i++)
		free(im->p[i]);
	free(im);
	return nmissing;
}

/* The end of the record, for whoever looks into a failure. */
static void
print_ops(size_t cut)
{
	static const char *const word[] = {"write", "trunc", "extend", "sync",
	    "create", "unlink", "dirsync", "ack"};
	size_t i;

	for (i = cut > 40 ? cut - 40 : 0; i < cut; i++)
		fprintf(stderr, "# %zu %s %s off %lld len %zu\n", i,
		    word[rec.ops[i].kind], rec.name[rec.ops[i].inode],
		    (long long)rec.ops[i].off, rec.ops[i].len);
}

static void
no_acknowledged_sample_is_lost_by_a_power_cut(void **st)
{
	int i, n = getenv("TORTURE") != NULL ? 1000 : 100;
	struct kit_rnd r = {9};
	size_t cut, nmissing;

	for (i = 0; i < n; i++) {
		cut = kit_below(&r, rec.n + 1);
		nmissing = try_image(cut, i % 4 < 2 ? i % 4 : 2, true, &r);
		if (nmissing > 0)
			print_ops(cut);
		if (nmissing > 0)
			fprintf(stderr,
			    "# image %d, cut at %zu of %zu: %zu"
			    " samples lost\n",
			    i, cut, rec.n, nmissing);
		assert_int_equal(nmissing, 0);
	}
}

static void
control_without_the_sync_of_the_log_loses_samples(void **st)
{
	struct kit_rnd r = {10};
	int i, nlost = 0;

	for (i = 0; i < 12; i++)
		nlost += try_image(rec.n / 2 + kit_below(&r, rec.n / 2), 1,
			     false, &r) > 0;
	assert_true(nlost > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_acknowledged_sample_is_lost_by_a_power_cut),
	    cmocka_unit_test(control_without_the_sync_of_the_log_loses_samples),
	};
	size_t i;
	int rc;

	if (access("/dev/shm", W_OK) == 0) /* syncs are not what is tested */
		setenv("TMPDIR", "/dev/shm", 0);
	record_run();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	for (i = 0; i < rec.n; i++)
		free(rec.ops[i].p);
	free(sent.v);
	return rc;
}
