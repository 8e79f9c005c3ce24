/* SPDX-License-Identifier: Apache-2.0
 *
 * comply.h - documents and rule sets made from a plant's zones and conduits.
 *
 * Pure functions of a finished plant: no clock, no file, no random order; the
 * same plant gives the same bytes. What enforces (the launcher) and what is
 * handed to an auditor (`holdfast zones`) come from the same text, so that the
 * document is not a description of the firewall but the firewall. Each reads a
 * conduit by hf_conduit_flow() alone.
 *
 *   nft       a zone's firewall, as `nft -f` loads it in the zone's namespace
 *   acl       a zone's broker: listeners and access lists
 *   ports     ports and protocols list (CSV)
 *   flow      data-flow diagram (SVG, A4 landscape, several pages if need be)
 *   users     who may do and read what: persons and clients of brokers (CSV)
 *   audit     what the audit log records, how long, and what if it cannot
 *   firewall  what the plant's own switches have to let through (CSV)
 *   summary   zones, conduits, and what needs a person's eye
 *
 * A document has one part, or one for each zone (nft, acl) or page (flow).
 */
#ifndef HF_COMPLY_COMPLY_H
#define HF_COMPLY_COMPLY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/plant.h"

#define HF_COMPLY_BYTES (64u << 20) /* of one part, at most */
#define HF_COMPLY_NAME 96	    /* bytes of a file's name */

struct hf_comply_doc {
	const char *word;   /* "nft": what the user types */
	const char *prefix; /* file: prefix, part's name, suffix */
	const char *suffix;
	const char *help;
	/* Name of part i ("press", "1", ""); NULL: there is no such part. A
	 * document of one part has NULL here. */
	const char *(*part)(const struct hf_plant *p, size_t i, char room[16]);
	/* Appends part i. */
	int (*make)(const struct hf_plant *p, size_t i, struct hf_buf *out,
	    struct hf_err *err);
};
extern const struct hf_comply_doc hf_comply_docs[];
extern const size_t hf_ncomply_doc;

/* NULL if there is none of that word. */
const struct hf_comply_doc *hf_comply_find(const char *word);
/* File name of part i; false if there is no such part. */
bool hf_comply_file(const struct hf_comply_doc *d, const struct hf_plant *p,
    size_t i, char out[HF_COMPLY_NAME]);
/* Index of the part of that name, -1 if none. */
int hf_comply_part(
    const struct hf_comply_doc *d, const struct hf_plant *p, const char *name);

/* The firewall of one zone, for its namespace. dev: the network interface
 * there; NULL = the zone's, or "hf0" for host-veth. */
int hf_nft_make(const struct hf_plant *p, uint32_t zone_idx, const char *dev,
    struct hf_buf *out, struct hf_err *err);

/* One field of the ports list in which the plant and its approved list differ.
 */
struct hf_comply_diff {
	const char *kind; /* "missing" (in the list), "extra", "changed" */
	const char *conduit;
	const char *field;	      /* changed: its column, else "" */
	const char *approved, *plant; /* "" where there is none */
	int line;		      /* of the list, 0 = none */
};
typedef void hf_comply_diff_fn(void *arg, const struct hf_comply_diff *d);
/* Compares the plant with an approved ports and protocols list: a CSV whose
 * header names columns of `ports`, "conduit" among them; the columns it has are
 * compared. *ndiff: how many differences were told. HF_EINVAL with "line:col:
 * reason" if the list cannot be read. */
int hf_comply_compare(const struct hf_plant *p, const char *text, size_t n,
    hf_comply_diff_fn *fn, void *arg, size_t *ndiff, struct hf_err *err);

/* ---- shared by the files of this folder ---- */

/* Column i of the ports list: its name, and its text for a conduit. */
extern const size_t hf_nports_column;
const char *hf_ports_column(size_t i);
void hf_ports_cell(const struct hf_plant *p, const struct hf_conduit *c,
    size_t i, struct hf_buf *out);
/* One row of CSV: n cells that a spreadsheet takes for no formula. */
void hf_comply_row(struct hf_buf *out, const char *const *cells, size_t n);
/* "not approved": a name in plant.yaml is text and no signature. */
const char *hf_comply_approved(const struct hf_conduit *c);
extern const char *const hf_direction_text[]; /* by enum hf_direction */
/* Leads to or from a public address: over the boundary, or one that a zone
 * declares its own. */
bool hf_comply_is_public(const struct hf_conduit *c, const struct hf_flow *f);
size_t hf_comply_npublic(const struct hf_plant *p);

int hf_ports_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
int hf_firewall_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
int hf_acl_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
const char *hf_acl_part(const struct hf_plant *p, size_t i, char room[16]);
int hf_users_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
int hf_audit_doc_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
int hf_summary_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
int hf_flow_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err);
const char *hf_flow_part(const struct hf_plant *p, size_t i, char room[16]);

#endif
