/* SPDX-License-Identifier: Apache-2.0
 *
 * spool.c - edge's bounded ring of batches that core has not acknowledged.
 *
 * The ring is one array of entries in order of seq; an entry's bytes are either
 * in memory or in a spool file. Once a batch went to a file, all later ones do,
 * until the files are empty again: so memory holds the oldest batches and the
 * order never needs a merge.
 *
 * Files NNNNNNNN.spool, 4 MiB each, removed when all their batches were
 * acknowledged. A file is a run of frames, little-endian:
 *    0  u32  magic 0x50534648 ("HFSP")
 *    4  u32  n, bytes of the batch, 1..HF_BATCH_BYTES
 *    8  u64  seq
 *   16  u32  CRC-32C of bytes 0..15 and of the batch
 *   20  ...  the encoded batch (model/batch.h)
 * A reader takes frames until the first that is short or fails its CRC; the
 * rest of that file is cut and counted. Nothing here is fsynced: the promise to
 * keep a sample begins with core's acknowledgement, and the files are for a
 * core that is away, not for a power cut.
 */
#include "field/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "model/batch.h"
#include "os/file.h"

#define SPOOL_MAGIC 0x50534648u
#define SPOOL_HEAD 20
#define SPOOL_FILE_BYTES (4 << 20)
#define SPOOL_NENTRY_MAX (1u << 20) /* batches in the ring, all places */

struct entry {
	uint64_t seq;
	uint32_t n;    /* bytes of the batch */
	uint32_t file; /* number of its file, 0 = in memory */
	off_t off;     /* of the batch within the file */
	uint8_t *mem;  /* owned, NULL if in a file */
	bool was_sent;
	bool is_lost; /* its file does not give it back */
};

struct hf_spool {
	struct hf_spool_conf conf;
	struct hf_counters *ctr;
	struct entry *ring;		 /* cap entries, head is the oldest */
	size_t cap, head, count, cursor; /* cursor: entries sent, 0..count */
	size_t mem_bytes;
	int64_t file_bytes;
	size_t nfiled;	   /* entries that are in files */
	uint32_t out_file; /* number of the file being written, 0 = none */
	int out_fd;
	off_t out_off;
	uint32_t in_file; /* number of the file open for reading */
	int in_fd;
	uint32_t next_file; /* next number to use */
	uint64_t last_seq;
	struct hf_buf scratch; /* one batch read back */
};

static struct entry *
at(const struct hf_spool *s, size_t i)
{
	return &s->ring[(s->head + i) % s->cap];
}

static void
file_name(char *buf, size_t cap, uint32_t number)
{
	snprintf(buf, cap, "%08u.spool", number);
}

static int
grow(struct hf_spool *s, struct hf_err *err)
{
	size_t cap = s->cap == 0 ? 256 : s->cap * 2, i;
	struct entry *ring;

	if (s->count < s->cap)
		return HF_OK;
	if (cap > SPOOL_NENTRY_MAX)
		return HF_FAIL(
		    err, HF_ELIMIT, "spool: %zu batches waiting", s->count);
	ring = calloc(cap, sizeof(*ring));
	if (ring == NULL)
		return HF_FAIL(err, HF_ENOMEM, "spool: %zu entries", cap);
	for (i = 0; i < s->count; i++)
		ring[i] = *at(s, i);
	free(s->ring);
	s->ring = ring;
	s->cap = cap;
	s->head = 0;
	return HF_OK;
}

static void
close_out(struct hf_spool *s)
{
	if (s->out_fd >= 0)
		close(s->out_fd);
	s->out_fd = -1;
	s->out_file = 0;
	s->out_off = 0;
}

static int
open_out(struct hf_spool *s, struct hf_err *err)
{
	char name[32];

	file_name(name, sizeof(name), s->next_file);
	s->out_fd = hf_io_get()->openat(s->conf.dirfd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->out_fd < 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "spool %s: %s",
		    name, strerror(errno));
	s->out_file = s->next_file++;
	s->out_off = 0;
	return HF_OK;
}

static void
put_head(struct hf_buf *b, uint64_t seq, const void *p, size_t n)
{
	uint32_t crc;

	hf_buf_u32(b, SPOOL_MAGIC);
	hf_buf_u32(b, (uint32_t)n);
	hf_buf_u64(b, seq);
	crc = hf_crc32c(0, b->p, b->len);
	hf_buf_u32(b, hf_crc32c(crc, p, n));
}

/* Writes one batch behind the newest file; *e learns where it is. */
static int
put_file(struct hf_spool *s, struct entry *e, const void *p, size_t n,
    struct hf_err *err)
{
	struct hf_buf frame;
	int rc;

	if (s->conf.dirfd < 0 ||
	    s->file_bytes + (int64_t)(n + SPOOL_HEAD) > s->conf.file_bytes)
		return HF_FAIL(err, HF_ELIMIT,
		    "spool full: %lld bytes wait for core",
		    (long long)s->file_bytes);
	if (s->out_fd >= 0 && s->out_off >= SPOOL_FILE_BYTES)
		close_out(s);
	if (s->out_fd < 0 && (rc = open_out(s, err)) != HF_OK)
		return rc;
	hf_buf_init(&frame, HF_BATCH_BYTES + SPOOL_HEAD);
	put_head(&frame, e->seq, p, n);
	hf_buf_put(&frame, p, n);
	rc = hf_buf_ok(&frame)
		 ? hf_pwrite_all(s->out_fd, frame.p, frame.len, s->out_off, err)
		 : HF_FAIL(err, HF_ENOMEM, "spool: frame");
	if (rc == HF_OK) {
		e->file = s->out_file;
		e->off = s->out_off + SPOOL_HEAD;
		s->out_off += (off_t)frame.len;
		s->file_bytes += (int64_t)frame.len;
		s->nfiled++;
		hf_count(s->ctr, HF_C_B_SPOOLED, 1);
	} else if (ftruncate(s->out_fd, s->out_off) != 0) {
		close_out(s); /* its tail is cut when it is read again */
	}
	hf_buf_fini(&frame);
	return rc;
}

static int
put_memory(struct hf_spool *s, struct entry *e, const void *p, size_t n,
    struct hf_err *err)
{
	e->mem = malloc(n);
	if (e->mem == NULL)
		return HF_FAIL(err, HF_ENOMEM, "spool: batch, %zu bytes", n);
	memcpy(e->mem, p, n);
	s->mem_bytes += n;
	return HF_OK;
}

int
hf_spool_put(struct hf_spool *s, uint64_t seq, const void *p, size_t n,
    struct hf_err *err)
{
	struct entry e = {.seq = seq, .n = (uint32_t)n};
	int rc;

	if (n == 0 || n > HF_BATCH_BYTES || seq <= s->last_seq)
		return HF_FAIL(err, HF_EINVAL,
		    "spool: batch %llu of %zu bytes behind %llu",
		    (unsigned long long)seq, n,
		    (unsigned long long)s->last_seq);
	rc = grow(s, err);
	if (rc != HF_OK)
		return rc;
	if (s->nfiled == 0 && s->mem_bytes + n <= s->conf.memory_bytes)
		rc = put_memory(s, &e, p, n, err);
	else
		rc = put_file(s, &e, p, n, err);
	if (rc != HF_OK)
		return rc;
	s->last_seq = seq;
	s->count++;
	*at(s, s->count - 1) = e;
	return HF_OK;
}

/* Head and batch into scratch, checked as at load: a disk forgets, too. */
static int
read_back(struct hf_spool *s, const struct entry *e, struct hf_err *err)
{
	size_t have, total = SPOOL_HEAD + e->n;
	char name[32];
	struct hf_rd r;
	ssize_t got;

	if (s->in_file != e->file) {
		if (s->in_fd >= 0)
			close(s->in_fd);
		file_name(name, sizeof(name), e->file);
		s->in_fd = openat(
		    s->conf.dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		s->in_file = s->in_fd >= 0 ? e->file : 0;
		if (s->in_fd < 0)
			return HF_FAIL(
			    err, HF_EIO, "spool %s: %s", name, strerror(errno));
	}
	hf_buf_reset(&s->scratch);
	for (have = 0; have < total; have += (size_t)got) {
		uint8_t part[4096];
		size_t want =
		    total - have < sizeof(part) ? total - have : sizeof(part);

		got = pread(
		    s->in_fd, part, want, e->off - SPOOL_HEAD + (off_t)have);
		if (got <= 0)
			return HF_FAIL(err, HF_EIO, "spool file %u: %s",
			    e->file, got == 0 ? "short" : strerror(errno));
		hf_buf_put(&s->scratch, part, (size_t)got);
	}
	if (!hf_buf_ok(&s->scratch))
		return HF_FAIL(err, HF_ENOMEM, "spool: read back");
	hf_rd_init(&r, s->scratch.p + 16, 4);
	if (hf_rd_u32(&r) != hf_crc32c(hf_crc32c(0, s->scratch.p, 16),
				 s->scratch.p + SPOOL_HEAD, e->n))
		return HF_FAIL(err, HF_ECORRUPT,
		    "spool file %u: a frame changed on the disk", e->file);
	return HF_OK;
}

static void
pass_lost(struct hf_spool *s, const struct hf_err *err)
{
	struct entry *e = at(s, s->cursor++);

	if (e->is_lost)
		return;
	e->is_lost = true;
	hf_count(s->ctr, HF_C_SPOOL_BAD, 1);
	log_error("spool", "batch %llu is lost: %s", (unsigned long long)e->seq,
	    err->msg);
}

int
hf_spool_next(struct hf_spool *s, const void **p, size_t *n, bool *is_resend,
    struct hf_err *err)
{
	struct hf_err why = {.rc = HF_OK};
	struct entry *e;
	int rc = HF_OK;

	while (s->cursor < s->count) {
		e = at(s, s->cursor);
		*is_resend = e->was_sent;
		*n = e->n;
		*p = e->mem;
		if (e->mem != NULL)
			return HF_OK;
		if (!e->is_lost)
			rc = read_back(s, e, &why);
		*p = s->scratch.p + SPOOL_HEAD;
		if (rc == HF_OK && !e->is_lost)
			return HF_OK;
		if (rc == HF_ENOMEM)
			return HF_FAIL(err, HF_ENOMEM, "spool: read back");
		pass_lost(s, &why);
		rc = HF_OK;
	}
	return HF_ENODATA;
}

void
hf_spool_sent(struct hf_spool *s)
{
	if (s->cursor < s->count)
		at(s, s->cursor++)->was_sent = true;
}

void
hf_spool_rewind(struct hf_spool *s, uint64_t seq)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (at(s, mid)->seq <= seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->cursor) /* what was never sent is not passed over */
		s->cursor = lo;
}

uint64_t
hf_spool_sent_seq(const struct hf_spool *s)
{
	return s->cursor > 0 ? at(s, s->cursor - 1)->seq : 0;
}

/* The oldest entry leaves; its file goes with its last entry. */
static void
drop_head(struct hf_spool *s)
{
	struct entry *e = at(s, 0);
	uint32_t file = e->file;
	char name[32];

	if (e->mem != NULL) {
		s->mem_bytes -= e->n;
		free(e->mem);
	} else {
		s->nfiled--;
		s->file_bytes -= (int64_t)e->n + SPOOL_HEAD;
	}
	s->head = (s->head + 1) % s->cap;
	s->count--;
	if (s->cursor > 0)
		s->cursor--;
	if (file == 0 || (s->count > 0 && at(s, 0)->file == file))
		return;
	if (file == s->out_file)
		close_out(s);
	file_name(name, sizeof(name), file);
	if (unlinkat(s->conf.dirfd, name, 0) != 0)
		log_warn(
		    "spool", "%s cannot be removed: %s", name, strerror(errno));
}

size_t
hf_spool_ack(struct hf_spool *s, uint64_t seq)
{
	size_t n = 0;

	while (s->count > 0 && at(s, 0)->seq <= seq) {
		drop_head(s);
		n++;
	}
	return n;
}

int
hf_spool_flush(struct hf_spool *s, struct hf_err *err)
{
	size_t i;

	/* Memory holds the oldest batches; they go to a file of their own, and
	 * whoever loads the folder sorts by seq. */
	for (i = 0; i < s->count && at(s, i)->mem != NULL; i++) {
		struct entry *e = at(s, i);
		int rc;

		if (s->nfiled > 0 && i == 0)
			close_out(s);
		rc = put_file(s, e, e->mem, e->n, err);
		if (rc != HF_OK)
			return rc;
		s->mem_bytes -= e->n;
		free(e->mem);
		e->mem = NULL;
	}
	/* A file goes with the last entry of a run: none may come back to
	 * it. */
	close_out(s);
	return HF_OK;
}

/* Adds the frames of one file left by an earlier edge; cuts it at the first bad
 * one. */
static int
load_frames(struct hf_spool *s, uint32_t number, const struct hf_buf *b,
    struct hf_err *err)
{
	struct hf_rd r;
	size_t good = 0;
	int rc = HF_OK;

	hf_rd_init(&r, b->p, b->len);
	while (hf_rd_left(&r) >= SPOOL_HEAD && rc == HF_OK) {
		const uint8_t *head = r.p, *body;
		uint32_t magic = hf_rd_u32(&r), n = hf_rd_u32(&r);
		uint64_t seq = hf_rd_u64(&r);
		uint32_t crc = hf_rd_u32(&r);

		if (magic != SPOOL_MAGIC || n == 0 || n > HF_BATCH_BYTES ||
		    (body = hf_rd_bytes(&r, n)) == NULL ||
		    hf_crc32c(hf_crc32c(0, head, 16), body, n) != crc)
			break;
		good = (size_t)(r.p - b->p);
		rc = grow(s, err);
		if (rc != HF_OK)
			return rc;
		s->count++;
		*at(s, s->count - 1) = (struct entry){.seq = seq,
		    .n = n,
		    .file = number,
		    .off = (off_t)(good - n),
		    .was_sent = true};
		s->nfiled++;
		s->file_bytes += (int64_t)n + SPOOL_HEAD;
	}
	if (good < b->len) {
		hf_count(s->ctr, HF_C_SPOOL_BAD, 1);
		log_warn("spool",
		    "file %u: %zu bytes behind the last whole "
		    "batch are cut",
		    number, b->len - good);
	}
	return HF_OK;
}

static int
by_seq(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* One file that an earlier edge left. What holds no batch goes; what cannot be
 * read stays where it is, and edge starts all the same. */
static int
load_file(
    struct hf_spool *s, const char *name, uint32_t number, struct hf_err *err)
{
	struct hf_err why = {.rc = HF_OK};
	size_t before = s->count;
	struct hf_buf b;
	int rc;

	hf_buf_init(&b, SPOOL_FILE_BYTES + 2 * HF_BATCH_BYTES);
	rc = hf_file_read(s->conf.dirfd, name, b.max, &b, &why);
	if (rc == HF_OK)
		rc = load_frames(s, number, &b, &why);
	if (rc == HF_OK && s->count == before)
		unlinkat(s->conf.dirfd, name, 0);
	if (rc != HF_OK && rc != HF_ENOMEM) {
		hf_count(s->ctr, HF_C_SPOOL_BAD, 1);
		log_error("spool", "%s is passed over: %s", name, why.msg);
		rc = HF_OK;
	}
	hf_buf_fini(&b);
	return rc == HF_OK ? HF_OK : HF_FAIL(err, rc, "%s", why.msg);
}

static int
load_dir(struct hf_spool *s, struct hf_err *err)
{
	int fd = dup(s->conf.dirfd), rc = HF_OK;
	struct dirent *d;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return HF_FAIL(
		    err, HF_EIO, "spool folder: %s", strerror(errno));
	}
	rewinddir(dir);
	while (rc == HF_OK && (d = readdir(dir)) != NULL) {
		unsigned number;
		char tail;

		if (sscanf(d->d_name, "%8u.spoo%c", &number, &tail) != 2 ||
		    strlen(d->d_name) != 14)
			continue;
		rc = load_file(s, d->d_name, number, err);
		if (number >= s->next_file)
			s->next_file = number + 1;
	}
	closedir(dir);
	if (s->count > 0) {
		qsort(s->ring, s->count, sizeof(*s->ring), by_seq);
		s->last_seq = at(s, s->count - 1)->seq;
	}
	return rc;
}

int
hf_spool_open(const struct hf_spool_conf *conf, struct hf_counters *ctr,
    struct hf_spool **out, struct hf_err *err)
{
	struct hf_spool *s = calloc(1, sizeof(*s));
	int rc = HF_OK;

	if (s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "spool");
	s->conf = *conf;
	s->ctr = ctr;
	s->out_fd = s->in_fd = -1;
	s->next_file = 1;
	hf_buf_init(&s->scratch, HF_BATCH_BYTES + SPOOL_HEAD);
	if (conf->dirfd >= 0)
		rc = load_dir(s, err);
	if (rc != HF_OK) {
		hf_spool_close(s);
		return rc;
	}
	*out = s;
	return HF_OK;
}

void
hf_spool_close(struct hf_spool *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->count; i++)
		free(at(s, i)->mem);
	free(s->ring);
	close_out(s);
	if (s->in_fd >= 0)
		close(s->in_fd);
	hf_buf_fini(&s->scratch);
	free(s);
}

uint64_t
hf_spool_last_seq(const struct hf_spool *s)
{
	return s->last_seq;
}

size_t
hf_spool_count(const struct hf_spool *s)
{
	return s->count;
}
