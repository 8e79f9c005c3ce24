/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - groups the points of a device into the fewest read requests.
 *
 * Called by client.c (at open, and to split what a device refuses) and by
 * driver.c at check. It knows no connection and no time but the intervals.
 *
 * A device takes 2-50 ms for a request whether it asks for one register or for
 * 125, so the number of requests is the cycle time: reads run through gaps.
 *
 * Greedy, which is optimal here. Points are sorted by (unit, function,
 * interval, first). The leftmost point not yet in a block must begin one: to
 * begin it further left gains nothing. Then every point that fits is taken: its
 * last register within `span` of the first, at most `gap` unwanted registers
 * behind the registers taken so far, no forbidden one in between. A point that
 * does not fit because it is long is passed over, it begins a later block; a
 * point that is taken can never be missed by a later block, because every point
 * left over ends further right. tests/unit/modbus_plan_test.c compares with a
 * brute-force optimum.
 *
 * Time register (`time: register`): a sample has a source time only if the
 * stamp is in the same answer. So in each group of the stamp's unit and
 * function, first the window of `span` registers that holds the stamp and the
 * most points is taken as one block, with no limit on gaps; the rest is
 * planned as above. The stamp itself is read by as many blocks as need it.
 *
 * No point is ever split over two requests: its two halves could be of two
 * moments (tearing).
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "field/modbus/plan.h"

/* Registers of one area as half-open spans, so that lengths are differences. */
struct span {
	uint32_t first, end;
};

struct group {		 /* same unit, function and interval */
	uint32_t *items; /* sorted by first address */
	size_t n;
};

static uint32_t
end_of(const struct hf_mb_point *p)
{
	return (uint32_t)p->first + p->count;
}

static uint32_t
in_area(uint16_t registers, uint8_t fn)
{
	if (fn <= HF_MB_DISCRETE)
		return (uint32_t)registers * HF_MB_BITS_PER_REG;
	return registers;
}

static bool
meets_forbidden(const struct hf_mb_rules *r, uint8_t fn, struct span s)
{
	size_t i;

	for (i = 0; i < r->nforbidden; i++) {
		const struct hf_mb_range *f = &r->forbidden[i];

		if (f->fn == fn && f->first < s.end && f->last >= s.first)
			return true;
	}
	return false;
}

int
hf_mb_plan_point_ok(const struct hf_mb_point *p,
    const struct hf_mb_rules *rules, struct hf_err *err)
{
	struct span s = {p->first, end_of(p)};

	if (p->count > in_area(rules->span, p->fn))
		return HF_FAIL(err, HF_EINVAL,
		    "%u registers do not fit into one request of %u (option "
		    "span)",
		    p->count, rules->span);
	if (meets_forbidden(rules, p->fn, s))
		return HF_FAIL(err, HF_EINVAL,
		    "%s:%u lies in a forbidden range: take the tag or the "
		    "range "
		    "out",
		    hf_mb_area(p->fn), p->first);
	return HF_OK;
}

/* qsort_r order of indexes into plan->pts. */
static int
by_address(const void *a, const void *b, void *arg)
{
	const struct hf_mb_point *pts = arg;
	const uint32_t ia = *(const uint32_t *)a, ib = *(const uint32_t *)b;
	const struct hf_mb_point *x = &pts[ia], *y = &pts[ib];

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->fn != y->fn)
		return x->fn < y->fn ? -1 : 1;
	if (x->interval_ns != y->interval_ns)
		return x->interval_ns < y->interval_ns ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return ia < ib ? -1 : ia > ib;
}

static bool
same_group(const struct hf_mb_point *a, const struct hf_mb_point *b)
{
	return a->unit == b->unit && a->fn == b->fn &&
	       a->interval_ns == b->interval_ns;
}

/* Sets the block's addresses from its items and, if it has one, the stamp. */
static void
fit_block(const struct hf_mb_plan *plan, struct hf_mb_block *b)
{
	const struct hf_mb_point *p = &plan->pts[plan->items[b->item0]];
	struct span s = {p->first, end_of(p)};
	size_t i;

	for (i = 1; i <= b->nitem; i++) {
		if (i < b->nitem)
			p = &plan->pts[plan->items[b->item0 + i]];
		else if (b->has_stamp)
			p = &plan->pts[plan->rules.stamp];
		else
			break;
		s.first = p->first < s.first ? p->first : s.first;
		s.end = end_of(p) > s.end ? end_of(p) : s.end;
	}
	b->first = (uint16_t)s.first;
	b->count = (uint16_t)(s.end - s.first);
}

/*
 * Takes into one block the items of g for which is_in[] is set; the others move
 * to the front of g, in their order. `at` is where the plan's items go on.
 */
static void
take(struct hf_mb_plan *plan, struct group *g, const bool *is_in,
    bool has_stamp, uint32_t *scratch)
{
	struct hf_mb_block *b = &plan->blocks[plan->nblock++];
	const struct hf_mb_point *p = &plan->pts[g->items[0]];
	size_t i, nin = 0, nleft = 0;

	for (i = 0; i < g->n; i++)
		if (!is_in[i])
			scratch[nleft++] = g->items[i];
	for (i = 0; i < g->n; i++)
		if (is_in[i])
			g->items[nin++] = g->items[i];
	memcpy(g->items + nin, scratch, nleft * sizeof(*scratch));
	*b = (struct hf_mb_block){
	    .unit = p->unit,
	    .fn = p->fn,
	    .interval_ns = p->interval_ns,
	    .item0 = (size_t)(g->items - plan->items),
	    .nitem = nin,
	    .has_stamp = has_stamp,
	};
	fit_block(plan, b);
	g->items += nin;
	g->n = nleft;
}

/* Marks the items of a group's next block. Returns how many items from the
 * front were looked at: is_in[] is set for these, none behind them is in. */
static size_t
mark_greedy(const struct hf_mb_plan *plan, const struct group *g, bool *is_in)
{
	const struct hf_mb_point *p = &plan->pts[g->items[0]];
	const uint32_t limit = p->first + in_area(plan->rules.span, p->fn);
	const uint32_t gap = in_area(plan->rules.gap, p->fn);
	struct span s = {p->first, end_of(p)};
	size_t i;

	is_in[0] = true;
	for (i = 1; i < g->n; i++) {
		p = &plan->pts[g->items[i]];
		if (p->first >= limit || p->first > s.end + gap)
			break;
		is_in[i] = end_of(p) <= limit;
		if (!is_in[i])
			continue;
		if (p->first > s.end && meets_forbidden(&plan->rules, p->fn,
					    (struct span){s.end, p->first})) {
			is_in[i] = false;
			break;
		}
		s.end = end_of(p) > s.end ? end_of(p) : s.end;
	}
	return i;
}

/* The addresses around the stamp that a read may touch. */
static struct span
free_around(const struct hf_mb_rules *r, const struct hf_mb_point *stamp)
{
	struct span s = {0, HF_MB_SPACE};
	size_t i;

	for (i = 0; i < r->nforbidden; i++) {
		const struct hf_mb_range *f = &r->forbidden[i];

		if (f->fn != stamp->fn)
			continue;
		if (f->last < stamp->first && f->last + 1u > s.first)
			s.first = f->last + 1u;
		if (f->first >= end_of(stamp) && f->first < s.end)
			s.end = f->first;
	}
	return s;
}

static bool
within(const struct hf_mb_point *p, struct span s)
{
	return p->first >= s.first && end_of(p) <= s.end;
}

static size_t
count_within(
    const struct hf_mb_plan *plan, const struct group *g, struct span s)
{
	size_t i, n = 0;

	for (i = 0; i < g->n; i++)
		n += within(&plan->pts[g->items[i]], s);
	return n;
}

/* Marks the points of the best window that holds the stamp; false if none. */
static bool
mark_stamp(const struct hf_mb_plan *plan, const struct group *g, bool *is_in)
{
	const struct hf_mb_point *st = &plan->pts[plan->rules.stamp];
	const uint32_t len = in_area(plan->rules.span, st->fn);
	const struct span room = free_around(&plan->rules, st);
	struct span best = {0, 0}, w;
	size_t i, n, nbest = 0;
	uint32_t from;

	from = end_of(st) > len ? end_of(st) - len : 0;
	from = from < room.first ? room.first : from;
	for (w.first = from; w.first <= st->first; w.first++) {
		w.end = w.first + len < room.end ? w.first + len : room.end;
		n = count_within(plan, g, w);
		if (n > nbest) {
			nbest = n;
			best = w;
		}
	}
	for (i = 0; i < g->n && nbest > 0; i++)
		is_in[i] = within(&plan->pts[g->items[i]], best);
	return nbest > 0;
}

static void
plan_group(
    struct hf_mb_plan *plan, struct group g, bool *is_in, uint32_t *scratch)
{
	const struct hf_mb_point *st = plan->rules.stamp == HF_MB_NO_POINT
					   ? NULL
					   : &plan->pts[plan->rules.stamp];
	const struct hf_mb_point *p = &plan->pts[g.items[0]];
	struct group head;
	size_t nlook;

	if (st != NULL && st->unit == p->unit && st->fn == p->fn) {
		memset(is_in, 0, g.n * sizeof(*is_in));
		if (mark_stamp(plan, &g, is_in))
			take(plan, &g, is_in, true, scratch);
	}
	while (g.n > 0) {
		nlook = mark_greedy(plan, &g, is_in);
		/* Only the looked-at front is reordered: linear in total. */
		head = (struct group){g.items, nlook};
		take(plan, &head, is_in, false, scratch);
		g.n -= (size_t)(head.items - g.items);
		g.items = head.items;
	}
}

static int
check_points(const struct hf_mb_plan *plan, struct hf_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < plan->npt; i++) {
		rc = hf_mb_plan_point_ok(&plan->pts[i], &plan->rules, err);
		if (rc != HF_OK) {
			if (plan->pts[i].tag != NULL)
				hf_err_prefix(
				    err, "tag %s", plan->pts[i].tag->name);
			return rc;
		}
	}
	return HF_OK;
}

static void
plan_all(struct hf_mb_plan *plan, bool *is_in, uint32_t *scratch)
{
	const struct hf_mb_point *pts = plan->pts;
	size_t i, from;

	for (i = 0; i < plan->npt; i++)
		if (i != plan->rules.stamp)
			plan->items[plan->nitem++] = (uint32_t)i;
	qsort_r(plan->items, plan->nitem, sizeof(*plan->items), by_address,
	    (void *)(uintptr_t)pts);
	for (from = 0; from < plan->nitem; from = i) {
		for (i = from + 1; i < plan->nitem; i++)
			if (!same_group(
				&pts[plan->items[from]], &pts[plan->items[i]]))
				break;
		plan_group(plan, (struct group){plan->items + from, i - from},
		    is_in, scratch);
	}
}

int
hf_mb_plan_init(struct hf_mb_plan *plan, const struct hf_mb_point *pts,
    size_t npt, const struct hf_mb_rules *rules, struct hf_err *err)
{
	uint32_t *scratch = NULL;
	bool *is_in = NULL;
	int rc;

	*plan = (struct hf_mb_plan){.pts = pts, .npt = npt, .rules = *rules};
	if (npt > HF_MB_NPOINT)
		return HF_FAIL(err, HF_ELIMIT,
		    "%zu tags on one device, %d at most", npt, HF_MB_NPOINT);
	if ((rc = check_points(plan, err)) != HF_OK)
		return rc;
	plan->items = calloc(npt + 1, sizeof(*plan->items));
	plan->blocks = calloc(npt + 1, sizeof(*plan->blocks));
	scratch = calloc(npt + 1, sizeof(*scratch));
	is_in = calloc(npt + 1, sizeof(*is_in));
	if (plan->items == NULL || plan->blocks == NULL || scratch == NULL ||
	    is_in == NULL) {
		hf_mb_plan_fini(plan);
		rc = HF_FAIL(err, HF_ENOMEM, "plan of %zu tags", npt);
		goto out;
	}
	plan_all(plan, is_in, scratch);
out:
	free(is_in);
	free(scratch);
	return rc;
}

void
hf_mb_plan_fini(struct hf_mb_plan *plan)
{
	free(plan->items);
	free(plan->blocks);
	plan->items = NULL;
	plan->blocks = NULL;
	plan->nitem = plan->nblock = 0;
}

static bool
same_registers(const struct hf_mb_point *a, const struct hf_mb_point *b)
{
	return a->first == b->first && a->count == b->count;
}

/* Where to cut nitem points: the place nearest to the middle that does not part
 * points with the same registers; 0 if there is none. */
static size_t
cut_of(const struct hf_mb_plan *plan, const struct hf_mb_block *b)
{
	const uint32_t *it = plan->items + b->item0;
	size_t d, k, mid = b->nitem / 2;

	for (d = 0; d < b->nitem; d++) {
		k = mid + d;
		if (k >= 1 && k < b->nitem &&
		    !same_registers(&plan->pts[it[k - 1]], &plan->pts[it[k]]))
			return k;
		k = mid - d;
		if (d <= mid && k >= 1 &&
		    !same_registers(&plan->pts[it[k - 1]], &plan->pts[it[k]]))
			return k;
	}
	return 0;
}

size_t
hf_mb_plan_split(struct hf_mb_plan *plan, size_t block)
{
	struct hf_mb_block *b = &plan->blocks[block], *right;
	size_t k = b->nitem < 2 ? 0 : cut_of(plan, b);

	if (k == 0 && !b->has_stamp)
		return HF_MB_NO_POINT;
	if (k == 0) {
		b->has_stamp = false;
		fit_block(plan, b);
		return block;
	}
	right = &plan->blocks[plan->nblock];
	*right = *b;
	right->item0 += k;
	right->nitem -= k;
	b->nitem = k;
	fit_block(plan, b);
	fit_block(plan, right);
	return plan->nblock++;
}

double
hf_mb_plan_hz(const struct hf_mb_plan *plan)
{
	double hz = 0;
	size_t i;

	for (i = 0; i < plan->nblock; i++)
		hz += (double)HF_NS_PER_S / (double)plan->blocks[i].interval_ns;
	return hz;
}
