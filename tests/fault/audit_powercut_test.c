/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_powercut_test.c - what a power cut leaves of the audit log.
 *
 * A run is recorded through the write gate (os/file.h): writes, truncations,
 * syncs, creations, renames and removals, in order. An image is what a disk may
 * hold when the power goes at a random event:
 *  - of a file, everything before its last successful sync; of later writes,
 *    any set of 512-byte sectors; of later truncations, done or not
 *  - of names, every change in a folder before that folder's last sync, and of
 *    the later ones any number from the oldest on (journalling file systems
 *    keep that order)
 * Each image is opened as after a crash. All records that were acknowledged
 * before the cut must be there with their bytes, the newest checkpoint that
 * was handed out must still be honoured (it is given as witness), and the log
 * must verify once it is signed again. 100 images; with TORTURE=1 1,000.
 *
 * This believes that fdatasync keeps its word; a disk that lies is not covered.
 */
#include "audit_fixture.h"

#include <errno.h>

#define NEVENT 40000
#define NNAME 4000
#define SECTOR 512
#define REL 160

enum kind {
	E_WRITE,
	E_TRUNC,
	E_SYNC,
	E_CREATE,
	E_RENAME,
	E_UNLINK,
	E_DIRSYNC,
	E_ACK
};

static struct event {
	enum kind kind;
	ino_t ino;	     /* file */
	off_t off;	     /* write; length for a truncation */
	uint8_t *p;	     /* bytes written; note of an acknowledgement */
	size_t n;	     /* of p; records of an acknowledgement */
	char a[REL], b[REL]; /* names below the folder */
} * events;
static size_t nevent;
static char root_path[128];
static uint64_t rnd = 0x2545f4914f6cdd1du;

static uint64_t
next_random(void)
{
	rnd ^= rnd << 13, rnd ^= rnd >> 7, rnd ^= rnd << 17;
	return rnd >> 8;
}

static struct event *
note_event(enum kind kind)
{
	assert_true(nevent < NEVENT);
	events[nevent].kind = kind;
	return &events[nevent++];
}

/* Path of dirfd/name below the audit folder. */
static void
relative(int dirfd, const char *name, char out[REL])
{
	char link[64], full[400];
	size_t skip = strlen(root_path);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, full, sizeof(full) - 1);
	assert_true(n >= (ssize_t)skip);
	full[n] = '\0';
	snprintf(out, REL, "%.70s%s%.80s",
	    full[skip] == '/' ? full + skip + 1 : "",
	    full[skip] == '/' ? "/" : "", name);
}

static ino_t
inode(int fd, bool *is_dir)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	*is_dir = S_ISDIR(st.st_mode);
	return st.st_ino;
}

static ssize_t
rec_pwrite(int fd, const void *p, size_t n, off_t off)
{
	ssize_t done = pwrite(fd, p, n, off);
	struct event *e;
	bool is_dir;

	assert_int_equal(done, n);
	e = note_event(E_WRITE);
	e->ino = inode(fd, &is_dir);
	e->off = off;
	e->n = n;
	e->p = malloc(n);
	memcpy(e->p, p, n);
	return done;
}

static int
rec_sync(int fd)
{
	struct event *e;
	bool is_dir;
	ino_t ino = inode(fd, &is_dir);

	e = note_event(is_dir ? E_DIRSYNC : E_SYNC);
	e->ino = ino;
	if (is_dir)
		relative(fd, "", e->a);
	return 0; /* recorded; the real disk need not be bothered */
}

static int
rec_ftruncate(int fd, off_t len)
{
	struct event *e = note_event(E_TRUNC);
	bool is_dir;

	e->ino = inode(fd, &is_dir);
	e->off = len;
	return ftruncate(fd, len);
}

static int
rec_openat(int dirfd, const char *name, int flags, mode_t mode)
{
	bool was = faccessat(dirfd, name, F_OK, 0) == 0, is_dir;
	int fd = openat(dirfd, name, flags, mode);
	struct event *e;

	if (fd < 0)
		return fd;
	if (!was) {
		e = note_event(E_CREATE);
		e->ino = inode(fd, &is_dir);
		relative(dirfd, name, e->a);
	} else if (flags & O_TRUNC) {
		e = note_event(E_TRUNC);
		e->ino = inode(fd, &is_dir);
		e->off = 0;
	}
	return fd;
}

static int
rec_renameat(int d1, const char *a, int d2, const char *b)
{
	int rc = renameat(d1, a, d2, b);
	struct event *e;

	if (rc != 0)
		return rc;
	e = note_event(E_RENAME);
	relative(d1, a, e->a);
	relative(d2, b, e->b);
	return 0;
}

static int
rec_unlinkat(int dfd, const char *name, int flags)
{
	int rc = unlinkat(dfd, name, flags);

	if (rc == 0 && (flags & AT_REMOVEDIR) == 0)
		relative(dfd, name, note_event(E_UNLINK)->a);
	return rc;
}

static void
ack(struct fx *f)
{
	struct event *e = note_event(E_ACK);
	struct hf_buf note;

	hf_buf_init(&note, HF_NOTE_MAX);
	e->n = hf_auditlog_durable(f->l);
	if (hf_auditlog_checkpoint_text(f->l, &note, NULL) == HF_OK)
		e->p = (uint8_t *)strdup(hf_buf_cstr(&note));
	hf_buf_fini(&note);
}

/* The recorded run: batches, checkpoints, segments, a restart, a removal. */
static void
record_run(struct fx *f)
{
	struct hf_io io = hf_io_system;
	size_t n;
	int i;

	io.pwrite = rec_pwrite;
	io.fdatasync = rec_sync;
	io.fsync = rec_sync;
	io.ftruncate = rec_ftruncate;
	io.openat = rec_openat;
	io.renameat = rec_renameat;
	io.unlinkat = rec_unlinkat;
	hf_io_set(&io);
	fx_init(f);
	snprintf(root_path, sizeof(root_path), "%s", f->path);
	f->conf.segment_bytes = 40000;
	fx_ok(f, fx_open(f, 1));
	for (i = 0; i < 60; i++) {
		fx_ok(f, fx_add(f, 1 + next_random() % 30));
		fx_ok(f, hf_auditlog_commit(f->l, &f->err));
		ack(f);
		if (i % 3 == 2) {
			fx_ok(f, hf_auditlog_checkpoint(f->l, &f->err));
			ack(f);
		}
		if (i == 30) {
			fx_close(f);
			fx_ok(f, fx_open(f, 1));
		}
		if (i == 50)
			fx_ok(f,
			    hf_auditlog_prune(f->l, FX_T0 + 300 * HF_NS_PER_MS,
				&f->at, &n, &f->err));
	}
	hf_io_set(NULL);
}

/* ---- images */

struct name {
	char path[REL];
	ino_t ino;
	bool is_used;
};
static struct name *names;
static size_t nname;

static struct name *
find_name(const char *path, bool make)
{
	size_t i;

	for (i = 0; i < nname; i++)
		if (names[i].is_used && strcmp(names[i].path, path) == 0)
			return &names[i];
	if (!make)
		return NULL;
	for (i = 0; i < nname && names[i].is_used; i++)
		continue;
	if (i == nname)
		nname++;
	assert_true(nname < NNAME);
	snprintf(names[i].path, REL, "%s", path);
	names[i].is_used = true;
	return &names[i];
}

static void
apply_name(const struct event *e)
{
	struct name *n;
	ino_t ino;

	if (e->kind == E_CREATE) {
		find_name(e->a, true)->ino = e->ino;
	} else if (e->kind == E_UNLINK) {
		n = find_name(e->a, false);
		if (n != NULL)
			n->is_used = false;
	} else if (e->kind == E_RENAME) {
		n = find_name(e->a, false);
		if (n == NULL)
			return; /* its creation was not kept */
		ino = n->ino;
		n->is_used = false;
		find_name(e->b, true)->ino = ino;
	}
}

static bool
in_folder(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0, nd = strlen(dir);

	while (nd > 0 && (dir[nd - 1] == '/' || dir[nd - 1] == '.'))
		nd--;
	return n == nd && strncmp(path, dir, n) == 0;
}

/* Is the change of a name at event i forced to disk before the cut? */
static bool
name_is_durable(size_t i, size_t cut)
{
	const char *path =
	    events[i].kind == E_RENAME ? events[i].b : events[i].a;
	size_t k;

	for (k = i + 1; k < cut; k++)
		if (events[k].kind == E_DIRSYNC && in_folder(path, events[k].a))
			return true;
	return false;
}

static void
build_names(size_t cut)
{
	size_t i, upto = next_random() % (cut + 1);

	nname = 0;
	for (i = 0; i < cut; i++)
		if ((events[i].kind == E_CREATE || events[i].kind == E_RENAME ||
			events[i].kind == E_UNLINK) &&
		    (i < upto || name_is_durable(i, cut)))
			apply_name(&events[i]);
}

struct content {
	uint8_t *p;
	size_t n, cap;
};

static void
put_bytes(struct content *c, const uint8_t *p, size_t n, size_t off)
{
	if (off + n > c->cap) {
		size_t cap = 2 * (off + n);

		c->p = realloc(c->p, cap);
		memset(c->p + c->cap, 0, cap - c->cap);
		c->cap = cap;
	}
	if (off > c->n)
		memset(c->p + c->n, 0, off - c->n);
	memcpy(c->p + off, p, n);
	if (off + n > c->n)
		c->n = off + n;
}

/* A write that nobody synced: each sector by chance. */
static void
put_some(struct content *c, const struct event *e)
{
	size_t at = 0, step;
	bool all = next_random() % 3 == 0;

	while (at < e->n) {
		step = SECTOR - ((size_t)e->off + at) % SECTOR;
		if (step > e->n - at)
			step = e->n - at;
		if (all || next_random() % 2 == 0)
			put_bytes(c, e->p + at, step, (size_t)e->off + at);
		at += step;
	}
}

static void
build_content(ino_t ino, size_t cut, struct content *c)
{
	size_t i, synced = 0;

	for (i = 0; i < cut; i++)
		if (events[i].kind == E_SYNC && events[i].ino == ino)
			synced = i;
	for (i = 0; i < cut; i++) {
		const struct event *e = &events[i];

		if (e->ino != ino)
			continue;
		if (e->kind == E_CREATE)
			c->n = 0; /* the inode number was used before */
		if (e->kind == E_WRITE && i < synced)
			put_bytes(c, e->p, e->n, (size_t)e->off);
		else if (e->kind == E_WRITE)
			put_some(c, e);
		if (e->kind == E_TRUNC && (i < synced || next_random() % 2) &&
		    (size_t)e->off < c->n)
			c->n = (size_t)e->off;
	}
}

static void
make_folders(const char *base, const char *path)
{
	char full[400];
	size_t i, n;

	snprintf(full, sizeof(full), "%s/%s", base, path);
	n = strlen(full);
	for (i = strlen(base) + 1; i < n; i++)
		if (full[i] == '/') {
			full[i] = '\0';
			if (mkdir(full, 0750) != 0)
				assert_int_equal(errno, EEXIST);
			full[i] = '/';
		}
}

static void
build_image(size_t cut, const char *dir)
{
	size_t i;

	build_names(cut);
	for (i = 0; i < nname; i++) {
		struct content c = {0};

		if (!names[i].is_used)
			continue;
		build_content(names[i].ino, cut, &c);
		make_folders(dir, names[i].path);
		fx_spill(
		    dir, names[i].path, c.n > 0 ? (const void *)c.p : "", c.n);
		free(c.p);
	}
}

/* What was promised before the cut. */
static const struct event *
promise(size_t cut)
{
	while (cut-- > 0)
		if (events[cut].kind == E_ACK)
			return &events[cut];
	return NULL;
}

static void
compare_records(struct fx *image, struct fx *ref, uint64_t n)
{
	struct hf_buf a, b;
	uint64_t from;

	hf_buf_init(&a, 16 << 20);
	hf_buf_init(&b, 16 << 20);
	from = n > 200 ? n - 200 : 0;
	/* in the reference the first segment was removed in the end */
	if (from < 256)
		from = 256;
	if (n <= from)
		goto out;
	fx_ok(image, hf_auditlog_read_json(image->l, from, (uint32_t)(n - from),
			 &a, &image->err));
	fx_ok(ref, hf_auditlog_read_json(
		       ref->l, from, (uint32_t)(n - from), &b, &ref->err));
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
out:
	hf_buf_fini(&a);
	hf_buf_fini(&b);
}

static void
try_image(size_t cut, struct fx *ref)
{
	const struct event *e = promise(cut);
	struct hf_audit_verdict v;
	struct fx f;

	fx_init(&f);
	build_image(cut, f.path);
	f.conf = ref->conf;
	f.at = ref->at;
	fx_step(&f, 10 * HF_NS_PER_S);
	fx_ok(&f, fx_open(&f, 2));
	if (strstr(f.report.text, "damaged") != NULL)
		fail_msg("cut at %zu: %s", cut, f.report.text);
	if (e != NULL) {
		assert_true(f.report.size >= e->n);
		compare_records(&f, ref, e->n);
	}
	fx_ok(&f, fx_sign(&f, 3));
	fx_close(&f);
	if (fx_verify_at(f.path, NULL, e != NULL ? (const char *)e->p : NULL,
		false, &v) != HF_OK)
		fail_msg("cut at %zu: %s", cut, v.first[0].text);
	fx_fini(&f);
}

static void
a_power_cut_loses_no_acknowledged_record(void **state)
{
	int n = getenv("TORTURE") != NULL ? 1000 : 100, i;
	struct fx ref;

	(void)state;
	events = calloc(NEVENT, sizeof(*events));
	names = calloc(NNAME, sizeof(*names));
	record_run(&ref);
	print_message("# %zu events recorded\n", nevent);
	for (i = 0; i < n; i++)
		try_image(next_random() % nevent, &ref);
	fx_fini(&ref);
	while (nevent-- > 0)
		free(events[nevent].p);
	free(events);
	free(names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_power_cut_loses_no_acknowledged_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
