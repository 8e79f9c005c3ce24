/* SPDX-License-Identifier: Apache-2.0
 *
 * position.h - how far each file of a drop folder has been read, over restarts.
 */
#ifndef HF_FIELD_FILES_POSITION_H
#define HF_FIELD_FILES_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define HF_POS_FILE ".holdfast-position"
#define HF_POS_NFILE 1024
#define HF_POS_NAME 256 /* bytes of a file's name, NUL included */
#define HF_POS_HEAD 512 /* bytes of a file that make it known again */
#define HF_POS_BYTES ((size_t)HF_POS_NFILE * (3 * HF_POS_NAME + 200))

struct hf_pos {
	uint64_t ino;	       /* with head and nhead: which file */
	uint64_t offset, line; /* all before is durable in core */
	uint64_t nrow, nbad;
	uint32_t nhead;
	uint64_t head;		/* hash of its first nhead bytes */
	char name[HF_POS_NAME]; /* when it was last seen */
};

/* Hash of the first n (<= HF_POS_HEAD) bytes of fd; false if they cannot be
 * read. */
bool hf_pos_head(int fd, uint32_t n, uint64_t *head);
void hf_pos_begin(struct hf_buf *b);
void hf_pos_put(struct hf_buf *b, const struct hf_pos *p);
void hf_pos_end(struct hf_buf *b);
/* v: room for HF_POS_NFILE. HF_ECORRUPT with the reason; nothing is taken
 * then. */
int hf_pos_parse(const char *text, size_t n, struct hf_pos *v, size_t *nv,
    struct hf_err *err);

#endif
