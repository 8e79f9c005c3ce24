/* SPDX-License-Identifier: Apache-2.0
 *
 * auditseg.c - segment files of the audit log: names, header, record frames.
 *
 * Called by auditlog.c (writes) and auditverify.c (reads). Everything here is
 * little-endian. A segment is named by its first record, 16 decimal digits:
 * "0000000000000256.seg"; beside it lies "0000000000000256.notes", the signed
 * checkpoints of trees that end in it (auditlog.c).
 *
 * A segment begins at a multiple of 256 records, so that no tile and no bundle
 * of entries ever belongs to two segments. Header:
 *
 *    0  8 bytes  magic "HFAUDIT1"
 *    8  u32      length of the header, its CRC included
 *   12  u16      hash algorithm, 1 = SHA-256 with the prefixes of RFC 6962
 *   14  u16      length of the origin
 *   16  u64      number of the first record
 *   24  ...      origin, for example "holdfast/acme/berlin"
 *    .  u8       number of tile levels that follow, from level 1 up
 *    .  ...      per level: u16 n, then n hashes of 32 bytes: the newest, not
 *                full tile of that level in the tree before the segment
 *  end  u32      CRC-32C of all bytes before it
 *
 * The hashes make a segment complete by itself: a reader of the newest segment
 * gets the whole tree's root without reading any other. A verifier recomputes
 * them. Then records, one after the other, with nothing between:
 *
 *    0  u32      length n of the body, 1..4096
 *    4  u32      CRC-32C of the four length bytes and the body
 *    8  n bytes  body, canonical JSON (auditbody.c)
 *
 * A reader believes n only within its range and the body only after its CRC.
 * The CRC finds a torn write. It is no protection against people: that is the
 * tree's and the signature's work.
 */
#include "store/auditseg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"

#define SEG_MAGIC "HFAUDIT1"
#define SEG_HASH_SHA256 1
#define SEG_HEAD_FIXED 24
#define SEG_DIGITS 16
#define FRAMES_BUF (1u << 20)
#define SEG_LIST_MAX 100000

char *
hf_seg_name(uint64_t first, const char *suffix, char buf[HF_SEG_NAME])
{
	snprintf(
	    buf, HF_SEG_NAME, "%0*" PRIu64 "%s", SEG_DIGITS, first, suffix);
	return buf;
}

bool
hf_seg_parse(const char *name, const char *suffix, uint64_t *first)
{
	size_t i;

	for (i = 0; i < SEG_DIGITS; i++)
		if (name[i] < '0' || name[i] > '9')
			return false;
	return strcmp(name + SEG_DIGITS, suffix) == 0 &&
	       hf_parse_u64(name, SEG_DIGITS, first);
}

static int
compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

int
hf_seg_list(int dirfd, uint64_t **out, size_t *n, struct hf_err *err)
{
	uint64_t *list = NULL, *more, first;
	size_t count = 0, cap = 0;
	struct dirent *e;
	int rc = HF_OK, fd;
	DIR *d;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		rc = HF_FAIL(err, hf_rc_from_errno(errno),
		    "audit folder cannot be listed: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == HF_OK && (e = readdir(d)) != NULL) {
		if (!hf_seg_parse(e->d_name, ".seg", &first))
			continue;
		if (count == cap) {
			size_t want = cap == 0 ? 64 : cap * 2;

			more = want > SEG_LIST_MAX
				   ? NULL
				   : realloc(list, want * sizeof(*list));
			if (more == NULL) {
				rc = HF_FAIL(err, HF_ELIMIT,
				    "%zu segments are too many", count);
				break;
			}
			list = more;
			cap = want;
		}
		list[count++] = first;
	}
	closedir(d);
	if (rc != HF_OK) {
		free(list);
		return rc;
	}
	if (count > 0)
		qsort(list, count, sizeof(*list), compare_u64);
	*out = list;
	*n = count;
	return HF_OK;
}

void
hf_seg_head_put(
    struct hf_buf *out, const char *origin, const struct hf_merkle *m)
{
	size_t start = out->len, norigin = strlen(origin), len;
	unsigned level, nlevel = 0;
	uint32_t crc;

	len = SEG_HEAD_FIXED + norigin + 1 + 4;
	for (level = 1; level < HF_TILE_LEVELS; level++)
		if (m->row[level].n > 0)
			nlevel = level;
	for (level = 1; level <= nlevel; level++)
		len += 2 + (size_t)m->row[level].n * HF_SHA256_LEN;
	hf_buf_put(out, SEG_MAGIC, 8);
	hf_buf_u32(out, (uint32_t)len);
	hf_buf_u16(out, SEG_HASH_SHA256);
	hf_buf_u16(out, (uint16_t)norigin);
	hf_buf_u64(out, m->size);
	hf_buf_put(out, origin, norigin);
	hf_buf_u8(out, (uint8_t)nlevel);
	for (level = 1; level <= nlevel; level++) {
		hf_buf_u16(out, (uint16_t)m->row[level].n);
		hf_buf_put(out, m->row[level].hash,
		    (size_t)m->row[level].n * HF_SHA256_LEN);
	}
	if (!hf_buf_ok(out))
		return;
	crc = hf_crc32c(0, out->p + start, out->len - start);
	hf_buf_u32(out, crc);
}

static int
pread_all(int fd, void *p, size_t n, int64_t off, size_t *got)
{
	size_t have = 0;

	while (have < n) {
		ssize_t r =
		    pread(fd, (char *)p + have, n - have, off + (off_t)have);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return HF_EIO;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	*got = have;
	return HF_OK;
}

/* The part behind the CRC check: fields of a header of h->len bytes. */
static int
head_decode(const uint8_t *p, struct hf_seg_head *h, struct hf_merkle *m,
    struct hf_err *err)
{
	struct hf_tile_row *rows;
	unsigned nlevel, level;
	struct hf_rd r;
	size_t norigin;
	int rc = HF_OK;

	hf_rd_init(&r, p + 12, h->len - 12 - 4);
	if (hf_rd_u16(&r) != SEG_HASH_SHA256)
		return HF_FAIL(
		    err, HF_ECORRUPT, "segment: unknown hash algorithm");
	norigin = hf_rd_u16(&r);
	h->first = hf_rd_u64(&r);
	if (norigin >= sizeof(h->origin) || norigin > hf_rd_left(&r))
		return HF_FAIL(err, HF_ECORRUPT, "segment: origin too long");
	memcpy(h->origin, hf_rd_bytes(&r, norigin), norigin);
	h->origin[norigin] = '\0';
	nlevel = hf_rd_u8(&r);
	rows = calloc(HF_TILE_LEVELS, sizeof(*rows));
	if (rows == NULL)
		return HF_FAIL(err, HF_ENOMEM, "segment header");
	for (level = 1; level <= nlevel && rc == HF_OK; level++) {
		uint32_t n = hf_rd_u16(&r);
		const uint8_t *hashes;

		hashes = n < HF_TILE_WIDTH && level < HF_TILE_LEVELS
			     ? hf_rd_bytes(&r, (size_t)n * HF_SHA256_LEN)
			     : NULL;
		if (hashes == NULL) {
			rc = HF_ECORRUPT;
			break;
		}
		rows[level].n = n;
		memcpy(rows[level].hash, hashes, (size_t)n * HF_SHA256_LEN);
	}
	if (rc != HF_OK || !hf_rd_ok(&r) || hf_rd_left(&r) != 0)
		rc = HF_FAIL(err, HF_ECORRUPT, "segment: header malformed");
	if (rc == HF_OK && m != NULL)
		rc = hf_merkle_restore(m, h->first, rows, HF_TILE_LEVELS, err);
	free(rows);
	return rc;
}

int
hf_seg_head_read(
    int fd, struct hf_seg_head *h, struct hf_merkle *m, struct hf_err *err)
{
	uint8_t *p = malloc(HF_SEG_HEAD_MAX);
	size_t have = 0;
	struct hf_rd r;
	uint32_t crc;
	int rc;

	if (p == NULL)
		return HF_FAIL(err, HF_ENOMEM, "segment header");
	memset(h, 0, sizeof(*h));
	rc = pread_all(fd, p, HF_SEG_HEAD_MAX, 0, &have);
	if (rc != HF_OK) {
		rc = HF_FAIL(
		    err, HF_EIO, "segment cannot be read: %s", strerror(errno));
		goto out;
	}
	hf_rd_init(&r, p, have);
	if (have < SEG_HEAD_FIXED + 5 ||
	    memcmp(hf_rd_bytes(&r, 8), SEG_MAGIC, 8) != 0) {
		rc = HF_FAIL(err, HF_ECORRUPT, "segment: no magic HFAUDIT1");
		goto out;
	}
	h->len = hf_rd_u32(&r);
	if (h->len < SEG_HEAD_FIXED + 5 || h->len > have) {
		rc = HF_FAIL(err, HF_ECORRUPT, "segment: header is cut off");
		goto out;
	}
	hf_rd_init(&r, p + h->len - 4, 4);
	crc = hf_rd_u32(&r);
	if (hf_crc32c(0, p, h->len - 4) != crc) {
		rc = HF_FAIL(err, HF_ECORRUPT, "segment: header fails its CRC");
		goto out;
	}
	rc = head_decode(p, h, m, err);
out:
	free(p);
	return rc;
}

void
hf_frame_put(struct hf_buf *out, const void *body, size_t n)
{
	uint8_t len[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 24)};
	uint32_t crc = hf_crc32c(hf_crc32c(0, len, 4), body, n);

	hf_buf_put(out, len, 4);
	hf_buf_u32(out, crc);
	hf_buf_put(out, body, n);
}

int
hf_frames_init(struct hf_frames *f, int fd, int64_t off, struct hf_err *err)
{
	struct stat st;

	memset(f, 0, sizeof(*f));
	if (fstat(fd, &st) != 0)
		return HF_FAIL(err, HF_EIO, "segment: %s", strerror(errno));
	f->buf = malloc(FRAMES_BUF);
	if (f->buf == NULL)
		return HF_FAIL(err, HF_ENOMEM, "segment buffer");
	f->fd = fd;
	f->off = off;
	f->end = st.st_size;
	return HF_OK;
}

void
hf_frames_fini(struct hf_frames *f)
{
	free(f->buf);
	f->buf = NULL;
}

/* At least n bytes from f->at on, or as many as the file has. */
static int
frames_fill(struct hf_frames *f, size_t n, struct hf_err *err)
{
	size_t left = f->have - f->at, got = 0;

	if (left >= n)
		return HF_OK;
	memmove(f->buf, f->buf + f->at, left);
	f->at = 0;
	f->have = left;
	if (pread_all(f->fd, f->buf + left, FRAMES_BUF - left,
		f->off + (int64_t)left, &got) != HF_OK)
		return HF_FAIL(
		    err, HF_EIO, "segment cannot be read: %s", strerror(errno));
	f->have += got;
	return HF_OK;
}

int
hf_frames_next(
    struct hf_frames *f, const char **body, size_t *n, struct hf_err *err)
{
	uint32_t len, crc;
	const uint8_t *p;
	struct hf_rd r;
	int rc;

	rc = frames_fill(f, HF_FRAME_HEAD + HF_AUDIT_BODY, err);
	if (rc != HF_OK)
		return rc;
	if (f->have == f->at)
		return HF_ENODATA;
	p = f->buf + f->at;
	if (f->have - f->at < HF_FRAME_HEAD)
		return HF_FAIL(err, HF_ECORRUPT, "record is cut off");
	hf_rd_init(&r, p, HF_FRAME_HEAD);
	len = hf_rd_u32(&r);
	crc = hf_rd_u32(&r);
	if (len == 0 || len > HF_AUDIT_BODY)
		return HF_FAIL(err, HF_ECORRUPT, "record length %u", len);
	if (f->have - f->at < HF_FRAME_HEAD + len)
		return HF_FAIL(err, HF_ECORRUPT, "record is cut off");
	if (hf_crc32c(hf_crc32c(0, p, 4), p + HF_FRAME_HEAD, len) != crc)
		return HF_FAIL(err, HF_ECORRUPT, "record fails its CRC");
	*body = (const char *)p + HF_FRAME_HEAD;
	*n = len;
	f->at += HF_FRAME_HEAD + len;
	f->off += HF_FRAME_HEAD + len;
	return HF_OK;
}
