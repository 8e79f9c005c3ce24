/* SPDX-License-Identifier: Apache-2.0
 *
 * opencopy.c - the snapshot of one tag's open chunks for one query.
 *
 * Sealed chunks are copied encoded, so even a busy tag costs a few bytes a
 * sample. The reader leaves out a month of the copy if the month file has been
 * folded past the copy's newest frame meanwhile (seq_max): a fold takes all or
 * nothing of it.
 */
#include "store/opencopy.h"

#include <stdlib.h>

#include "base/time.h"
#include "store/storeint.h"

static bool
reaches(const struct hf_open *o, int64_t from_ns, int64_t to_ns)
{
	int next = o->yyyymm % 100 == 12 ? o->yyyymm + 89 : o->yyyymm + 1;

	return hf_month_start_ns(o->yyyymm) < to_ns &&
	       hf_month_start_ns(next) > from_ns;
}

struct hf_open_copy *
hf_store_copy_open(
    const struct hf_store *s, uint64_t tag, int64_t from_ns, int64_t to_ns)
{
	struct hf_open_copy *c = calloc(1, sizeof(*c));
	const struct tag *t = hf_map64_get(s->by_key, tag);
	const struct hf_open *o;
	struct hf_open *d;

	if (to_ns == HF_TIME_NONE)
		to_ns = INT64_MAX;
	if (c == NULL || t == NULL)
		return c;
	for (o = t->opens; o != NULL; o = o->next) {
		if (hf_open_nref(o) == 0 || !reaches(o, from_ns, to_ns))
			continue;
		d = hf_open_dup(o, from_ns, to_ns);
		if (d == NULL) {
			hf_open_copy_free(c);
			return NULL;
		}
		d->next = c->opens;
		c->opens = d;
	}
	return c;
}

void
hf_open_copy_free(struct hf_open_copy *c)
{
	struct hf_open *o;

	if (c == NULL)
		return;
	while ((o = c->opens) != NULL) {
		c->opens = o->next;
		hf_open_free(o);
	}
	free(c);
}
