/* SPDX-License-Identifier: Apache-2.0
 *
 * doc.h - an answer of an MTConnect agent, parsed as it arrives.
 *
 * Pure: bytes in, calls out. Knows the three documents (MTConnectDevices,
 * MTConnectStreams, MTConnectError), not HTTP and not tags.
 */
#ifndef HF_FIELD_MTCONNECT_DOC_H
#define HF_FIELD_MTCONNECT_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HF_MTC_TEXT 4096 /* bytes of one observation's text */

struct hf_mtc_header {
	uint64_t instance;	    /* changes when the agent starts anew */
	uint64_t next, first, last; /* sequence numbers; 0 if not given */
};

struct hf_mtc_item { /* of /probe; borrowed, "" if not given */
	const char *id, *name, *category, *type, *sub_type, *units, *component;
};

enum hf_mtc_level { /* of a condition; HF_MTC_NONE: sample or event */
	HF_MTC_NONE,
	HF_MTC_NORMAL,
	HF_MTC_WARNING,
	HF_MTC_FAULT,
	HF_MTC_UNAVAILABLE
};

struct hf_mtc_obs { /* of /current and /sample; borrowed */
	const char *id, *name;
	const char *time; /* as written */
	uint64_t seq;
	enum hf_mtc_level level;
	const char *code; /* nativeCode of a condition, "" */
	const char *text; /* blanks around it are gone; of a data set:
			     "key=value key=value" */
	size_t ntext;
	bool is_cut; /* the text was longer than HF_MTC_TEXT */
};

struct hf_mtc_ops {
	void *arg;
	void (*header)(void *arg, const struct hf_mtc_header *h);
	void (*item)(void *arg, const struct hf_mtc_item *i);
	void (*obs)(void *arg, const struct hf_mtc_obs *o);
	/* of an MTConnectError: "OUT_OF_RANGE", and its text */
	void (*error)(void *arg, const char *code, const char *text);
};

struct hf_mtc_doc;

struct hf_mtc_doc *hf_mtc_doc_new(const struct hf_mtc_ops *ops); /* NULL */
void hf_mtc_doc_free(struct hf_mtc_doc *d);
/* The next n bytes; is_last: there are no more. HF_EPROTO with line and reason:
 * no well-formed XML, not one of the three documents, a DOCTYPE, or a limit
 * (depth 32, 64 attributes, 1,024 bytes of one, 200,000 elements); after it
 * nothing more is taken. */
int hf_mtc_doc_feed(struct hf_mtc_doc *d, const void *p, size_t n, bool is_last,
    struct hf_err *err);

#endif
