/* SPDX-License-Identifier: Apache-2.0
 *
 * group.c - samples of several tags into rows on a fixed grid.
 *
 * Row r holds the samples with r * grid <= t < (r + 1) * grid of source time;
 * of several samples of one tag the newest stays. A row is stepped, in order
 * and once, when every tag has been seen in a later row (the watermark), or
 * when a sample comes that is HF_GROUP_NSLOT rows ahead of it: then what is
 * missing stays missing (NaN), so that one silent tag does not stop the group.
 * A row without any value is not stepped. The step's time is the start of the
 * row.
 *
 * A sample for a row that has been stepped is late: engine.c asks
 * hf_group_is_closed before it feeds anybody, and flags it. So row r holds
 * exactly the samples of its time that do not carry the flag, whatever the
 * order in which they came, and a replay in order of time without the flagged
 * ones makes the same rows: which rows are closed at the end is a function of
 * the samples alone (newest row per tag, newest row of all).
 */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "detect/engine_in.h"

int
hf_group_new(struct det *d)
{
	struct hf_arena *a = d->engine->arena;
	struct group *g = hf_arena_alloc(a, sizeof(*g));

	if (g == NULL)
		return HF_ENOMEM;
	g->grid_ns = d->method->grid_ns(d->conf->conf);
	g->seen = hf_arena_calloc(a, d->nvar, sizeof(*g->seen));
	g->last = hf_arena_calloc(a, d->nvar, sizeof(*g->last));
	g->nmiss = hf_arena_calloc(a, d->nvar, sizeof(*g->nmiss));
	g->rows =
	    hf_arena_calloc(a, HF_GROUP_NSLOT * d->nvar, sizeof(*g->rows));
	if (g->seen == NULL || g->last == NULL || g->rows == NULL ||
	    g->nmiss == NULL)
		return HF_ENOMEM;
	d->group = g;
	hf_group_start(d);
	return HF_OK;
}

void
hf_group_start(struct det *d)
{
	struct group *g = d->group;
	size_t i;

	g->has_first = false;
	g->first = 0;
	for (i = 0; i < d->nvar; i++) {
		g->seen[i] = INT64_MIN;
		g->last[i] = NAN;
		g->nmiss[i] = 0;
	}
	for (i = 0; i < HF_GROUP_NSLOT * d->nvar; i++)
		g->rows[i] = NAN;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static double *
row_of(const struct det *d, int64_t r)
{
	uint64_t slot = (uint64_t)r % HF_GROUP_NSLOT; /* 2^64 is a multiple */

	return &d->group->rows[slot * d->nvar];
}

/* Steps the oldest open row and opens the next. */
static void
close_row(struct signal *s)
{
	struct det *d = s->det;
	struct group *g = d->group;
	double *row = row_of(d, g->first);
	bool has_value = false;
	size_t i;

	for (i = 0; i < d->nvar; i++) {
		if (!isnan(row[i])) {
			has_value = true;
			g->last[i] = row[i];
			g->nmiss[i] = 0;
		} else if (g->nmiss[i] < UINT32_MAX) {
			g->nmiss[i]++;
		}
	}
	if (has_value)
		hf_signal_step(s,
		    (int64_t)((uint64_t)g->first * (uint64_t)g->grid_ns), row);
	for (i = 0; i < d->nvar; i++)
		row[i] = NAN;
	g->first++;
}

/* Makes room for row r: closes what is HF_GROUP_NSLOT rows behind. */
static void
make_room(struct signal *s, int64_t r)
{
	struct group *g = s->det->group;
	int i;

	for (i = 0; i < HF_GROUP_NSLOT && r - g->first >= HF_GROUP_NSLOT; i++)
		close_row(s);
	if (r - g->first >= HF_GROUP_NSLOT) /* all open rows are empty now */
		g->first = r - HF_GROUP_NSLOT + 1;
}

bool
hf_group_is_closed(const struct det *d, int64_t t_ns)
{
	const struct group *g = d->group;

	return g->has_first && floor_div(t_ns, g->grid_ns) < g->first;
}

void
hf_group_feed(struct signal *s, uint32_t var, int64_t t_ns, double x)
{
	struct det *d = s->det;
	struct group *g = d->group;
	int64_t r = floor_div(t_ns, g->grid_ns), least;
	size_t i;

	if (!g->has_first) {
		g->has_first = true;
		g->first = r;
	}
	if (r < g->first)
		return;
	make_room(s, r);
	if (!isnan(x))
		row_of(d, r)[var] = x;
	if (g->seen[var] >= r)
		return;
	g->seen[var] = r;
	least = g->seen[0];
	for (i = 1; i < d->nvar; i++)
		if (g->seen[i] < least)
			least = g->seen[i];
	while (g->first < least)
		close_row(s);
}
