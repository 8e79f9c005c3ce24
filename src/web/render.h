/* SPDX-License-Identifier: Apache-2.0
 *
 * render.h - history points as JSON or CSV, piece by piece.
 *
 * Five million points are 400 MB of text; so the text is made in pieces of
 * about 64 KiB, as fast as the client takes them. No sockets, no clock.
 *
 * JSON as docs/api.md says. CSV, comma, LF, UTF-8:
 *   raw:     t,value,quality        quality is the StatusCode's name
 *   buckets: from,to,n,n_good,min,max,mean,first,last,quality
 * A value that is not finite is an empty field (CSV) or null (JSON). Numbers
 * are in the shortest form that reads back to the same bits; texts are
 * protected for spreadsheets (hf_csv_put_text).
 */
#ifndef HF_WEB_RENDER_H
#define HF_WEB_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json.h"
#include "model/query.h"

#define HF_RENDER_PIECE 65536 /* bytes after which a piece ends */
#define HF_RENDER_MAX \
	(HF_RENDER_PIECE + 65536) /* bytes of one piece, at most */

struct hf_render {
	struct hf_points pts; /* owned */
	char tag[256], unit[64];
	bool is_csv;
	size_t next; /* point or bucket to write next */
	bool is_begun, is_done;
	struct hf_jw jw; /* writes into .piece, across pieces */
	struct hf_buf piece;
};

/* Takes *pts over (it is zeroed); unit may be NULL. */
void hf_render_init(struct hf_render *r, struct hf_points *pts, const char *tag,
    const char *unit, bool is_csv);
void hf_render_fini(struct hf_render *r);
/* The next piece, borrowed until the next call; NULL when all was given or
 * memory ran out (hf_render_failed says which). */
const struct hf_buf *hf_render_piece(struct hf_render *r);
bool hf_render_failed(const struct hf_render *r);

#endif
