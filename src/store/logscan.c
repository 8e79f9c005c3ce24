/* SPDX-License-Identifier: Apache-2.0
 *
 * logscan.c - reads the frames of one segment, whatever its bytes are.
 *
 * The file is seen through a sliding window, so memory is bounded by one frame
 * and a block. A block that the disk cannot read counts as zeros: the frames
 * in it are lost, those behind it are found again. Work is bounded too: with
 * the salt known, a place is checked further only if it carries it; without it
 * (damaged header) at most GUESS_BYTES are run through the CRC.
 */
#include "store/logscan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define SEG_MAGIC UINT32_C(0x314c4648)
#define SEG_VERSION 1
#define FRAME_MAGIC UINT32_C(0x46464648)
#define FRAME_KIND 1
#define OFF_CRC 8 /* in a frame */
#define OFF_AFTER_CRC 12
#define SEG_CRC_AT 28
#define BLOCK 4096 /* what is given up around an unreadable byte */
#define WINDOW (HF_FRAME_HEADER + HF_FRAME_PAYLOAD + (1u << 20))
#define GUESS_BYTES (INT64_C(256) << 20)

void
hf_log_put_header(struct hf_buf *out, uint64_t no, uint32_t salt)
{
	size_t at = out->len;

	hf_buf_u32(out, SEG_MAGIC);
	hf_buf_u32(out, SEG_VERSION);
	hf_buf_u64(out, no);
	hf_buf_u32(out, salt);
	hf_buf_u64(out, 0);
	if (hf_buf_ok(out))
		hf_buf_u32(out, hf_crc32c(0, out->p + at, SEG_CRC_AT));
}

static uint32_t
frame_crc(const uint8_t *p, size_t total)
{
	uint32_t crc = hf_crc32c(0, p, OFF_CRC);

	return hf_crc32c(crc, p + OFF_AFTER_CRC, total - OFF_AFTER_CRC);
}

void
hf_log_put_frame(
    struct hf_buf *out, uint32_t salt, uint64_t seq, const void *p, size_t n)
{
	size_t at = out->len;
	uint32_t crc;
	int i;

	hf_buf_u32(out, FRAME_MAGIC);
	hf_buf_u32(out, (uint32_t)n);
	hf_buf_u32(out, 0); /* the CRC, below */
	hf_buf_u32(out, salt);
	hf_buf_u64(out, seq);
	hf_buf_u16(out, FRAME_KIND);
	hf_buf_u16(out, 0);
	hf_buf_put(out, p, n);
	if (!hf_buf_ok(out))
		return;
	crc = frame_crc(out->p + at, out->len - at);
	for (i = 0; i < 4; i++)
		out->p[at + OFF_CRC + (size_t)i] = (uint8_t)(crc >> (8 * i));
}

struct scan {
	int fd;
	int64_t size;
	uint8_t *buf; /* window [base, base + have) of the file */
	int64_t base;
	size_t have;
	bool is_salted; /* the salt is known */
	uint32_t salt;
	uint64_t after; /* the last number seen */
	int64_t guess;	/* bytes that may still be checked without a salt */
};

struct frame {
	uint64_t seq;
	uint8_t *payload; /* in the window */
	size_t len;
	int64_t next; /* offset behind it */
};

/* Reads n bytes at off into p; unreadable blocks become zeros. */
static void
read_or_zero(int fd, uint8_t *p, size_t n, int64_t off)
{
	ssize_t got;
	size_t k;

	while (n > 0) {
		got = pread(fd, p, n, off);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			k = BLOCK - (size_t)(off % BLOCK);
			k = k < n ? k : n;
			memset(p, 0, k);
			got = (ssize_t)k;
		}
		p += got;
		n -= (size_t)got;
		off += got;
	}
}

/* n bytes at pos, or NULL if the file ends before. n <= WINDOW. */
static uint8_t *
window(struct scan *s, int64_t pos, size_t n)
{
	if ((int64_t)n > s->size - pos)
		return NULL;
	if (pos < s->base || pos + (int64_t)n > s->base + (int64_t)s->have) {
		s->base = pos;
		s->have = s->size - pos < (int64_t)WINDOW
			      ? (size_t)(s->size - pos)
			      : WINDOW;
		read_or_zero(s->fd, s->buf, s->have, pos);
	}
	return s->buf + (pos - s->base);
}

/* Is there a good frame at pos? */
static bool
frame_at(struct scan *s, int64_t pos, struct frame *f)
{
	uint32_t magic, len, crc, salt, kind, flags;
	struct hf_rd r;
	uint8_t *p;

	p = window(s, pos, HF_FRAME_HEADER);
	if (p == NULL)
		return false;
	hf_rd_init(&r, p, HF_FRAME_HEADER);
	magic = hf_rd_u32(&r);
	len = hf_rd_u32(&r);
	crc = hf_rd_u32(&r);
	salt = hf_rd_u32(&r);
	f->seq = hf_rd_u64(&r);
	kind = hf_rd_u16(&r);
	flags = hf_rd_u16(&r);
	if (magic != FRAME_MAGIC || len == 0 || len > HF_FRAME_PAYLOAD ||
	    kind != FRAME_KIND || flags != 0 || f->seq <= s->after ||
	    f->seq == UINT64_MAX)
		return false;
	if (s->is_salted ? salt != s->salt : s->guess < (int64_t)len)
		return false;
	p = window(s, pos, HF_FRAME_HEADER + len);
	if (p == NULL)
		return false;
	if (!s->is_salted)
		s->guess -= len;
	if (frame_crc(p, HF_FRAME_HEADER + len) != crc)
		return false;
	s->is_salted = true;
	s->salt = salt;
	s->after = f->seq;
	f->payload = p + HF_FRAME_HEADER;
	f->len = len;
	f->next = pos + HF_FRAME_HEADER + len;
	return true;
}

/* The next good frame behind pos; -1 if there is none. */
static int64_t
resync(struct scan *s, int64_t pos, struct frame *f)
{
	const uint8_t *p, *hit;
	size_t n;

	for (pos++; s->size - pos >= HF_FRAME_HEADER;) {
		p = window(s, pos, HF_FRAME_HEADER);
		n = s->have - (size_t)(pos - s->base);
		hit = memchr(p, FRAME_MAGIC & 0xff, n);
		if (hit == NULL) {
			pos += (int64_t)n;
			continue;
		}
		pos += hit - p;
		if (frame_at(s, pos, f))
			return pos;
		pos++;
	}
	return -1;
}

static int64_t
last_nonzero(struct scan *s, int64_t from)
{
	int64_t pos, last = from;
	const uint8_t *p;
	size_t n, i;

	for (pos = from; pos < s->size; pos += (int64_t)n) {
		n = s->size - pos < BLOCK ? (size_t)(s->size - pos) : BLOCK;
		p = window(s, pos, n);
		for (i = n; i > 0 && p[i - 1] == 0; i--)
			continue;
		if (i > 0)
			last = pos + (int64_t)i;
	}
	return last;
}

static bool
read_header(struct scan *s)
{
	uint32_t magic, version;
	struct hf_rd r;
	uint8_t *p;

	p = window(s, 0, HF_SEG_HEADER);
	if (p == NULL)
		return false;
	hf_rd_init(&r, p, HF_SEG_HEADER);
	magic = hf_rd_u32(&r);
	version = hf_rd_u32(&r);
	hf_rd_u64(&r);
	s->salt = hf_rd_u32(&r);
	hf_rd_u64(&r);
	s->is_salted = magic == SEG_MAGIC && version == SEG_VERSION &&
		       hf_rd_u32(&r) == hf_crc32c(0, p, SEG_CRC_AT);
	return s->is_salted;
}

static int
scan_frames(
    struct scan *s, const struct hf_scan_ops *ops, struct hf_scan_end *end)
{
	int64_t pos = end->has_header ? HF_SEG_HEADER : 0, at;
	struct frame f;
	int rc;

	end->end = pos;
	for (;;) {
		at = pos;
		if (!frame_at(s, pos, &f))
			at = resync(s, pos, &f);
		if (at < 0)
			return HF_OK;
		if (at > pos && ops->bad != NULL)
			ops->bad(ops->arg, pos, at);
		rc = ops->frame(ops->arg, f.seq, f.payload, f.len);
		if (rc != 0)
			return rc;
		pos = end->end = f.next;
	}
}

int
hf_log_scan(int fd, int64_t limit, uint64_t after,
    const struct hf_scan_ops *ops, struct hf_scan_end *end, struct hf_err *err)
{
	struct scan s = {.fd = fd, .after = after, .guess = GUESS_BYTES};
	struct stat st;
	int rc;

	*end = (struct hf_scan_end){.has_header = false};
	if (fstat(fd, &st) != 0)
		return HF_FAIL(err, hf_rc_from_errno(errno), "log: fstat: %s",
		    strerror(errno));
	s.size = st.st_size < limit ? st.st_size : limit;
	s.buf = malloc(WINDOW);
	if (s.buf == NULL)
		return HF_FAIL(err, HF_ENOMEM, "log window, %u bytes", WINDOW);
	end->size = s.size;
	end->has_header = read_header(&s);
	rc = scan_frames(&s, ops, end);
	if (rc == HF_OK) {
		end->salt = s.salt;
		end->dirty_end = last_nonzero(&s, end->end);
	}
	free(s.buf);
	return rc;
}
