/* SPDX-License-Identifier: Apache-2.0
 *
 * position.c - the file .holdfast-position of a drop folder. Text, so that a
 * person can read it:
 *
 *    holdfast-position 1
 *    <inode> <offset> <line> <rows> <errors> <n> <head> <name>
 *    ...
 *    end <CRC-32C of all bytes before this line, 8 hex digits>
 *
 * Numbers are decimal, head is 16 hex digits: the first 8 bytes of SHA-256 of
 * the file's first n bytes. In a name every byte that is not a letter, digit
 * or one of . _ - is written %XX. The file is replaced whole (os/file.h), so it
 * is never half of anything; a damaged one is not believed: then all files are
 * read again, and the historian drops what it has.
 */
#include "field/files/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

static const char magic[] = "holdfast-position 1\n";

bool
hf_pos_head(int fd, uint32_t n, uint64_t *head)
{
	uint8_t bytes[HF_POS_HEAD], sum[HF_SHA256_LEN];

	if (n > sizeof(bytes) || pread(fd, bytes, n, 0) != (ssize_t)n)
		return false;
	hf_sha256_of(bytes, n, sum);
	memcpy(head, sum, sizeof(*head));
	return true;
}

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

void
hf_pos_begin(struct hf_buf *b)
{
	hf_buf_reset(b);
	hf_buf_puts(b, magic);
}

void
hf_pos_put(struct hf_buf *b, const struct hf_pos *p)
{
	const char *s;

	hf_buf_printf(b,
	    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	    " %u %016" PRIx64 " ",
	    p->ino, p->offset, p->line, p->nrow, p->nbad, p->nhead, p->head);
	for (s = p->name; *s != '\0'; s++)
		if (is_plain(*s))
			hf_buf_u8(b, (uint8_t)*s);
		else
			hf_buf_printf(b, "%%%02X", (unsigned char)*s);
	hf_buf_puts(b, "\n");
}

void
hf_pos_end(struct hf_buf *b)
{
	hf_buf_printf(b, "end %08x\n", hf_crc32c(0, b->p, b->len));
}

static bool
unescape(const char *s, char out[HF_POS_NAME])
{
	size_t n = 0;
	unsigned v;

	for (; *s != '\0'; n++) {
		if (n + 1 >= HF_POS_NAME)
			return false;
		if (*s != '%') {
			out[n] = *s++;
			continue;
		}
		if (sscanf(s, "%%%2x", &v) != 1 || v == 0 || v == '/')
			return false;
		out[n] = (char)v;
		s += 3;
	}
	out[n] = '\0';
	return n > 0;
}

static bool
parse_line(const char *line, struct hf_pos *p)
{
	char name[3 * HF_POS_NAME];

	memset(p, 0, sizeof(*p));
	if (sscanf(line,
		"%20" SCNu64 " %20" SCNu64 " %20" SCNu64 " %20" SCNu64
		" %20" SCNu64 " %4u %16" SCNx64 " %767s",
		&p->ino, &p->offset, &p->line, &p->nrow, &p->nbad, &p->nhead,
		&p->head, name) != 8)
		return false;
	return p->nhead <= HF_POS_HEAD && p->line >= 1 &&
	       p->offset <= INT64_MAX && strchr(name, '/') == NULL &&
	       unescape(name, p->name);
}

/* The trailer must be the last line, and right. */
static bool
sum_ok(const char *text, size_t n, size_t *body)
{
	char want[16];
	const size_t len = 13; /* "end xxxxxxxx\n" */

	if (n < sizeof(magic) - 1 + len ||
	    memcmp(text, magic, sizeof(magic) - 1) != 0)
		return false;
	*body = n - len;
	snprintf(want, sizeof(want), "end %08x\n", hf_crc32c(0, text, *body));
	return memcmp(text + *body, want, len) == 0;
}

int
hf_pos_parse(const char *text, size_t n, struct hf_pos *v, size_t *nv,
    struct hf_err *err)
{
	char line[3 * HF_POS_NAME + 200];
	const char *p, *nl, *end;
	size_t body, len;

	*nv = 0;
	if (!sum_ok(text, n, &body))
		return HF_FAIL(err, HF_ECORRUPT,
		    HF_POS_FILE ": damaged or of another version");
	end = text + body;
	for (p = text + sizeof(magic) - 1; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		len = nl == NULL ? sizeof(line) : (size_t)(nl - p);
		if (len >= sizeof(line) || *nv >= HF_POS_NFILE)
			goto bad;
		memcpy(line, p, len);
		line[len] = '\0';
		if (!parse_line(line, &v[(*nv)++]))
			goto bad;
	}
	return HF_OK;
bad:
	*nv = 0;
	return HF_FAIL(
	    err, HF_ECORRUPT, HF_POS_FILE ": a line is not as written");
}
