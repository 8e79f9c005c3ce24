/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c - sweep over sorted pieces; contract in merge.h.
 *
 * Almost always one piece is active and it is handed on as one run. The
 * smallest of several is found by looking at all of them: overlaps are few.
 */
#include "store/merge.h"

#include <stdbool.h>
#include <stdlib.h>

struct piece {
	struct hf_block b;
	size_t at; /* next point */
	uint64_t rank;
};

struct merge {
	const struct hf_mref *refs;
	size_t nref, next; /* refs[next..] are not active yet */
	const struct hf_merge_ops *ops;
	void *arg;
	struct piece *active; /* [0, nactive) in use, [.., cap) keep memory */
	size_t nactive, cap;
};

static int
by_start(const void *a, const void *b)
{
	const struct hf_mref *x = a, *y = b;

	if (x->t0_ns != y->t0_ns)
		return x->t0_ns < y->t0_ns ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

void
hf_mref_sort(struct hf_mref *refs, size_t n)
{
	if (n > 1)
		qsort(refs, n, sizeof(*refs), by_start);
}

static int
activate(struct merge *m, struct hf_err *err)
{
	const struct hf_mref *ref = &m->refs[m->next];
	struct piece *p;
	size_t cap;
	int rc;

	if (m->nactive == HF_MERGE_DEPTH)
		return HF_FAIL(err, HF_ELIMIT,
		    "more than %d pieces of one tag"
		    " overlap: ask for a shorter span",
		    HF_MERGE_DEPTH);
	if (m->nactive == m->cap) {
		cap = m->cap == 0 ? 4 : m->cap * 2;
		p = realloc(m->active, cap * sizeof(*p));
		if (p == NULL)
			return HF_FAIL(
			    err, HF_ENOMEM, "merge of %zu pieces", cap);
		m->active = p;
		for (; m->cap < cap; m->cap++)
			m->active[m->cap] = (struct piece){.at = 0};
	}
	p = &m->active[m->nactive];
	p->at = 0;
	p->rank = ref->rank;
	hf_block_reset(&p->b);
	m->next++;
	rc = m->ops->load(m->arg, ref, &p->b, err);
	if (rc == HF_ECORRUPT)
		return HF_OK;
	if (rc == HF_OK && p->b.n > 0)
		m->nactive++;
	return rc;
}

static bool
is_before(const struct piece *a, const struct piece *b)
{
	int64_t ta = a->b.pt[a->at].t_ns, tb = b->b.pt[b->at].t_ns;

	return ta < tb || (ta == tb && a->rank < b->rank);
}

static size_t
smallest(const struct merge *m, size_t but)
{
	size_t i, best = SIZE_MAX;

	for (i = 0; i < m->nactive; i++)
		if (i != but && (best == SIZE_MAX ||
				    is_before(&m->active[i], &m->active[best])))
			best = i;
	return best;
}

/* How many points of p may go before anything else must be looked at. */
static size_t
run_length(
    const struct merge *m, const struct piece *p, const struct piece *rival)
{
	size_t end = p->b.n;

	if (rival != NULL) {
		int64_t t = rival->b.pt[rival->at].t_ns;

		end = p->rank < rival->rank ? hf_block_upper(&p->b, t)
					    : hf_block_lower(&p->b, t);
	}
	if (m->next < m->nref) {
		size_t e = hf_block_lower(&p->b, m->refs[m->next].t0_ns);

		end = e < end ? e : end;
	}
	return end > p->at ? end - p->at : 0;
}

static void
retire(struct merge *m, size_t i)
{
	struct piece done = m->active[i];

	m->active[i] = m->active[--m->nactive];
	m->active[m->nactive] = done; /* its memory serves the next one */
}

static int
step(struct merge *m, struct hf_err *err)
{
	size_t i = smallest(m, SIZE_MAX), k, n;
	struct piece *p;
	int rc;

	if (i == SIZE_MAX ||
	    (m->next < m->nref && m->refs[m->next].t0_ns <=
				      m->active[i].b.pt[m->active[i].at].t_ns))
		return activate(m, err);
	p = &m->active[i];
	k = smallest(m, i);
	n = run_length(m, p, k == SIZE_MAX ? NULL : &m->active[k]);
	rc = m->ops->run(m->arg, p->b.pt + p->at, n, p->b.str, err);
	p->at += n;
	if (p->at == p->b.n)
		retire(m, i);
	return rc;
}

int
hf_merge(const struct hf_mref *refs, size_t n, const struct hf_merge_ops *ops,
    void *arg, struct hf_err *err)
{
	struct merge m = {.refs = refs, .nref = n, .ops = ops, .arg = arg};
	int rc = HF_OK;
	size_t i;

	while (rc == HF_OK && (m.nactive > 0 || m.next < m.nref))
		rc = step(&m, err);
	for (i = 0; i < m.cap; i++)
		hf_block_fini(&m.active[i].b);
	free(m.active);
	return rc < 0 ? rc : HF_OK;
}
