/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.c - the data-flow diagram: SVG, one page A4 landscape (297 x 210 mm),
 * as many pages as the conduits need.
 *
 * A page has up to NROW conduits, those of one zone behind each other. On the
 * left a box for each zone with its level, in the middle one line a conduit
 * with its name, protocol and port, on the right the other party. The arrow
 * head is at the side that accepts the connection; both heads where data goes
 * both ways, else the words say which way. Lines within this node are dashed;
 * what crosses levels or the plant's boundary is drawn thick and says so in
 * words, since colour may be lost in print. At the foot: whether anything goes
 * to public networks. Plain text in the fonts that every viewer has, no script,
 * nothing loaded from anywhere.
 *
 * Units are tenths of a millimetre, so text of 32 is 3.2 mm: 9 points.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "comply/comply.h"
#include "model/optval.h"

#define NROW 18 /* conduits of a page */
#define ROW_H 92
#define TOP 220
#define ZONE_X 60
#define ZONE_W 760
#define ROLE_X (ZONE_X + 400) /* in the zone's box */
#define FAR_X 2110
#define FAR_W 800
#define FONT 32
#define CHAR_W 19 /* of a character of that size, at most on average */

/* ---- text ---- */

static void
put_char(struct hf_buf *out, const char *s, size_t n)
{
	switch (s[0]) {
	case '&':
		hf_buf_puts(out, "&amp;");
		break;
	case '<':
		hf_buf_puts(out, "&lt;");
		break;
	case '>':
		hf_buf_puts(out, "&gt;");
		break;
	case '"':
		hf_buf_puts(out, "&quot;");
		break;
	default:
		hf_buf_put(out, s, n);
	}
}

/* At most width units wide, cut between characters with an ellipsis; what SVG
 * cannot hold becomes '?'. */
static void
put_text(struct hf_buf *out, const char *s, int width)
{
	size_t max = (size_t)(width / CHAR_W), left = strlen(s), n, i;
	bool is_cut = hf_utf8_width(s) > max;

	for (i = 0; left > 0 && !(is_cut && i + 1 >= max); i++) {
		n = hf_utf8_seq(s, left);
		if (n == 0 || (unsigned char)s[0] < 0x20 || s[0] == 0x7f) {
			hf_buf_puts(out, "?");
			n = n == 0 ? 1 : n;
		} else {
			put_char(out, s, n);
		}
		s += n;
		left -= n;
	}
	if (is_cut)
		hf_buf_puts(out, "\xe2\x80\xa6");
}

static void
label(struct hf_buf *out, int x, int y, const char *class, const char *s,
    int width)
{
	hf_buf_printf(
	    out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
	put_text(out, s, width);
	hf_buf_puts(out, "</text>\n");
}

static void
box(struct hf_buf *out, int x, int y, int w, int h)
{
	hf_buf_printf(out,
	    "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", x, y, w,
	    h);
}

/* ---- pages ---- */

/* Index of the at-th conduit in the order of zones; nconduit if there is none.
 * */
static size_t
conduit_at(const struct hf_plant *p, size_t at)
{
	struct hf_flow f;
	size_t z, i;

	for (z = 0; z < p->nzone; z++)
		for (i = 0; i < p->nconduit; i++) {
			hf_conduit_flow(p, &p->conduits[i], &f);
			if (f.zone_idx == z && at-- == 0)
				return i;
		}
	return p->nconduit;
}

static size_t
npage(const struct hf_plant *p)
{
	return p->nconduit == 0 ? 1 : (p->nconduit + NROW - 1) / NROW;
}

const char *
hf_flow_part(const struct hf_plant *p, size_t i, char room[16])
{
	if (i >= npage(p))
		return NULL;
	snprintf(room, 16, "%u", (unsigned)(i + 1));
	return room;
}

static void
put_head(const struct hf_plant *p, size_t page, struct hf_buf *out)
{
	char text[400];

	hf_buf_puts(out,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"297mm\" "
	    "height=\"210mm\" viewBox=\"0 0 2970 2100\">\n"
	    "<style>text{font-family:sans-serif;font-size:32px;fill:#000}"
	    ".h{font-size:52px;font-weight:bold}.b{font-weight:bold}"
	    "rect{fill:#fff;stroke:#000;stroke-width:4}"
	    "line{stroke:#000;stroke-width:4}.t{stroke-width:10}"
	    ".d{stroke-dasharray:20 12}</style>\n"
	    "<defs><marker id=\"a\" markerUnits=\"userSpaceOnUse\" "
	    "markerWidth=\"36\" markerHeight=\"28\" refX=\"34\" refY=\"14\" "
	    "orient=\"auto-start-reverse\"><path d=\"M0,0 L36,14 L0,28 z\"/>"
	    "</marker></defs>\n"
	    "<path d=\"M0,0H2970V2100H0z\" fill=\"#fff\"/>\n");
	snprintf(text, sizeof(text), "Data flows of %s/%s, page %zu of %zu",
	    p->site.enterprise, p->site.site, page + 1, npage(p));
	label(out, ZONE_X, 100, "h", text, 4600);
	label(out, ZONE_X, 160, "n",
	    "Every declared flow. An arrow points at the side that accepts the "
	    "connection. No rule lets anything else pass, in or out.",
	    2900);
}

static void
put_foot(const struct hf_plant *p, struct hf_buf *out)
{
	size_t n = hf_comply_npublic(p);
	char text[200];

	if (n == 0)
		snprintf(text, sizeof(text),
		    "Outbound to public networks: zero. No conduit leads "
		    "there%s.",
		    p->site.air_gap ? "; air_gap: true refuses any" : "");
	else
		snprintf(text, sizeof(text),
		    "Outbound to public networks: %zu conduit%s, marked "
		    "BOUNDARY or PUBLIC.",
		    n, n == 1 ? "" : "s");
	label(out, ZONE_X, 1960, "b", text, 2900);
	label(out, ZONE_X, 2010, "n",
	    "Thick: crosses security levels or the plant's boundary. Dashed: "
	    "within this node, no network.",
	    2900);
	label(out, ZONE_X, 2060, "n",
	    "Texts that end in \xe2\x80\xa6 stand in full in the ports and "
	    "protocols list.",
	    2900);
	hf_buf_puts(out, "</svg>\n");
}

static void
put_zone(const struct hf_plant *p, uint32_t z, size_t first, size_t n,
    struct hf_buf *out)
{
	int y = TOP + (int)first * ROW_H;
	char text[32];

	box(out, ZONE_X, y, ZONE_W, (int)n * ROW_H - 12);
	label(out, ZONE_X + 20, y + 34, "b", p->zones[z].name, 370);
	snprintf(text, sizeof(text), "SL-T %" PRId64, p->zones[z].sl_target);
	label(out, ZONE_X + 20, y + 70, "n", text, 370);
}

static const char *
way_words(const struct hf_conduit *c, const struct hf_flow *f)
{
	static const char *const words[] = {
	    "reads", "writes", "is asked", "reads and writes"};

	return f->kind == HF_FLOW_INSIDE ? "shows" : words[c->direction];
}

static void
put_conduit(const struct hf_plant *p, const struct hf_conduit *c, size_t row,
    struct hf_buf *out)
{
	int y = TOP + (int)row * ROW_H, mid = y + 54;
	const char *mark = "";
	bool is_step, is_in;
	char text[400], side[200] = "";
	struct hf_flow f;

	hf_conduit_flow(p, c, &f);
	is_step = hf_flow_sl_step(p, &f) >= 1;
	is_in = f.kind != HF_FLOW_OPEN;
	if (hf_comply_is_public(c, &f))
		mark = c->boundary ? "BOUNDARY " : "PUBLIC ";
	hf_buf_printf(out,
	    "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" "
	    "class=\"%s%s\" marker-%s=\"url(#a)\"/>\n",
	    ZONE_X + ZONE_W, mid, FAR_X, mid,
	    is_step || mark[0] != '\0' ? "t" : "n",
	    f.kind == HF_FLOW_INSIDE ? " d" : "", is_in ? "start" : "end");
	if (f.kind == HF_FLOW_INSIDE)
		snprintf(text, sizeof(text), "%s: %s, within this node",
		    c->name, way_words(c, &f));
	else
		snprintf(text, sizeof(text), "%s: %s, %s %s/%" PRId64, c->name,
		    way_words(c, &f), c->proto, f.is_udp ? "udp" : "tcp",
		    c->port);
	label(out, ZONE_X + ZONE_W + 40, mid - 14, "n", text,
	    FAR_X - ZONE_X - ZONE_W - 80);
	label(out, ROLE_X, mid + 10, "n", f.near, ZONE_W - 410);
	box(out, FAR_X, y, FAR_W, ROW_H - 12);
	label(out, FAR_X + 20, y + 34, "n",
	    strcmp(f.far, "any") == 0 && f.nnet > 0 ? f.nets[0] : f.far,
	    FAR_W - 40);
	if (f.far_zone >= 0)
		snprintf(side, sizeof(side), "%szone %.80s, SL-T %" PRId64 "%s",
		    mark, p->zones[f.far_zone].name,
		    p->zones[f.far_zone].sl_target,
		    is_step ? ": crosses levels" : "");
	else
		snprintf(side, sizeof(side), "%s", mark);
	label(out, FAR_X + 20, y + 70, mark[0] != '\0' ? "b" : "n", side,
	    FAR_W - 40);
}

int
hf_flow_make(const struct hf_plant *p, size_t page, struct hf_buf *out,
    struct hf_err *err)
{
	size_t row, first = 0, i;
	struct hf_flow f;
	uint32_t zone = 0;

	put_head(p, page, out);
	for (row = 0; row <= NROW; row++) {
		i = row < NROW ? conduit_at(p, page * NROW + row) : p->nconduit;
		if (i < p->nconduit)
			hf_conduit_flow(p, &p->conduits[i], &f);
		if (row > first && (i == p->nconduit || f.zone_idx != zone)) {
			put_zone(p, zone, first, row - first, out);
			first = row;
		}
		if (i == p->nconduit)
			break;
		zone = f.zone_idx;
	}
	for (row = 0; row < NROW; row++) {
		i = conduit_at(p, page * NROW + row);
		if (i < p->nconduit)
			put_conduit(p, &p->conduits[i], row, out);
	}
	put_foot(p, out);
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ENOMEM, "out of memory");
}
