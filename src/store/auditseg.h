/* SPDX-License-Identifier: Apache-2.0
 *
 * auditseg.h - files of the audit log: names, segment header, record frames,
 * tiles. Formats in auditseg.c and audittile.c. Used by the log and its
 * verifier only.
 */
#ifndef HF_STORE_AUDITSEG_H
#define HF_STORE_AUDITSEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/auditlog.h"
#include "store/merkle.h"
#include "store/note.h"

#define HF_SEG_NAME 32	      /* bytes of a file name, NUL included */
#define HF_SEG_HEAD_MAX 65536 /* bytes of a segment header */
#define HF_FRAME_HEAD 8	      /* length and CRC */
#define HF_TILE_PATH 96	      /* bytes of a tile's path, NUL included */
#define HF_BUNDLE_MAX (HF_TILE_WIDTH * (2 + HF_AUDIT_BODY))
#define HF_TILE_ENTRIES 64u /* "level" of the entry bundles */

/* "0000000000000256.seg", ".notes" */
char *hf_seg_name(uint64_t first, const char *suffix, char buf[HF_SEG_NAME]);
/* First record of a name with that suffix; false if it is no such name. */
bool hf_seg_parse(const char *name, const char *suffix, uint64_t *first);
/* Numbers of all segments of dirfd, ascending; the caller frees *out. */
int hf_seg_list(int dirfd, uint64_t **out, size_t *n, struct hf_err *err);

/* Header of the segment that begins with record m->size. */
void hf_seg_head_put(
    struct hf_buf *out, const char *origin, const struct hf_merkle *m);
struct hf_seg_head {
	char origin[HF_NOTE_NAME];
	uint64_t first;
	size_t len; /* bytes of the header */
};
/* Reads the header at the start of fd; m (may be NULL) becomes the tree before
 * the segment. HF_ECORRUPT. */
int hf_seg_head_read(
    int fd, struct hf_seg_head *h, struct hf_merkle *m, struct hf_err *err);

void hf_frame_put(struct hf_buf *out, const void *body, size_t n);

struct hf_frames { /* reads frames of a file in order */
	int fd;
	int64_t off;  /* of the frame that comes next */
	int64_t end;  /* bytes of the file when it was opened */
	uint8_t *buf; /* owned */
	size_t have;  /* bytes in buf, from `at` on not yet used */
	size_t at;
};
int hf_frames_init(
    struct hf_frames *f, int fd, int64_t off, struct hf_err *err);
void hf_frames_fini(struct hf_frames *f);
/* Next body, valid until the next call. HF_OK; HF_ENODATA at the exact end;
 * HF_ECORRUPT if what stands at f->off is no whole frame; HF_EIO. */
int hf_frames_next(
    struct hf_frames *f, const char **body, size_t *n, struct hf_err *err);

/* "tile/0/x001/234"; width 1..255 adds ".p/W", 0 means full. */
char *hf_tile_path(
    unsigned level, uint64_t index, unsigned width, char buf[HF_TILE_PATH]);
/* Reverse; false for a path that hf_tile_path would not write. */
bool hf_tile_parse(
    const char *path, unsigned *level, uint64_t *index, unsigned *width);
/* Makes folders as needed, writes beside and renames. Not durable: tiles are
 * rebuilt from the segments. */
int hf_tile_write(
    int dirfd, const char *path, const void *p, size_t n, struct hf_err *err);
/* Writes only if the file is not the same already. */
int hf_tile_ensure(int dirfd, const char *path, const void *p, size_t n,
    struct hf_buf *scratch, struct hf_err *err);
/* One entry into a bundle: big-endian u16 length, body. */
void hf_bundle_put(struct hf_buf *out, const void *body, size_t n);
/* Bytes of the first n entries of a bundle; 0 if it does not hold so many. */
size_t hf_bundle_prefix(const uint8_t *p, size_t len, unsigned n);
/* Removes the folder of partial tiles of a tile, if there is one. */
void hf_tile_drop_partials(int dirfd, unsigned level, uint64_t index);

#endif
