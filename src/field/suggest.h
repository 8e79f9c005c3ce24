/* SPDX-License-Identifier: Apache-2.0
 *
 * suggest.h - rows of a tag file for what a device offers and no tag names.
 *
 * Every driver's preview has them in the same form, so that `holdfast try` can
 * print them and they can be pasted: "suggest", a list whose first text is the
 * header line and whose others are rows of the same columns, quoted as CSV
 * wants it, and "suggest_left", how many did not fit. A row's tag has a valid
 * name that neither a tag of the device nor a row before it has.
 */
#ifndef HF_FIELD_SUGGEST_H
#define HF_FIELD_SUGGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "model/plant.h"

#define HF_SUGGEST_MAX 200
#define HF_SUGGEST_NAME 64 /* bytes of a name */

struct hf_suggest {
	struct hf_jw *w;	   /* the answer's */
	const struct hf_tag *tags; /* whose names are taken; borrowed */
	size_t ntag;
	size_t nbyte; /* written */
	size_t n;
	uint64_t nleft;
	char name[HF_SUGGEST_MAX][HF_SUGGEST_NAME + 1];
};

struct hf_suggestion {
	const char *name;   /* wished for; any text */
	const char *longer; /* if that name is taken; may be NULL */
	const char *address;
	const char *type; /* word of hf_tag_type_words */
	const char *unit; /* may be "" */
};

/* Begins the list in the object that w is in. tags: of the device. */
void hf_suggest_open(struct hf_suggest *s, struct hf_jw *w,
    const struct hf_tag *tags, size_t ntag);
/* Adds a row, or counts it as left after HF_SUGGEST_MAX rows or max_bytes. */
void hf_suggest_add(
    struct hf_suggest *s, const struct hf_suggestion *row, size_t max_bytes);
void hf_suggest_close(struct hf_suggest *s);

#endif
