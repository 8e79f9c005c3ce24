/* SPDX-License-Identifier: Apache-2.0
 *
 * core_work.c - birth and end of what core's threads hand to each other.
 */
#include "proc/core_work.h"

#include <stdlib.h>

#include "proc/core_replay.h"

struct hf_work *
hf_work_new(enum hf_work_kind kind)
{
	struct hf_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->kind = kind;
	hf_buf_init(&w->answer, HF_MEMFD_MAX);
	return w;
}

static void
free_snaps(struct hf_work *w)
{
	size_t i;

	for (i = 0; i < w->nsnap; i++)
		free(w->snaps[i].p);
	free(w->snaps);
}

void
hf_work_free(struct hf_work *w)
{
	if (w == NULL)
		return;
	free(w->bytes);
	free(w->batch.s);
	free_snaps(w);
	hf_open_copy_free(w->open);
	hf_buf_fini(&w->answer);
	free(w->rule);
	free(w->subject);
	free(w->json);
	free(w->key);
	free(w->row);
	hf_births_free(w->births);
	if (w->free_job != NULL)
		w->free_job(w->job);
	free(w);
}
