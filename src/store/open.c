/* SPDX-License-Identifier: Apache-2.0
 *
 * open.c - open chunks of one tag and month; contract in open.h.
 *
 * Arrival order: whatever is sealed arrived before what grows now, and the
 * sealed chunks stand in the order in which they were sealed. A merge
 * therefore ranks sealed[0] < sealed[1] < ... < growing part, and equal times
 * come out as they came.
 */
#include "store/open.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_SLOTS 16
#define CACHE_SPACE_SEALED 0 /* month files use YYYYMM as the space */

struct slot {
	uint64_t space, id, used;
	struct hf_block b;
};

struct hf_cache {
	struct slot slots[CACHE_SLOTS];
	uint64_t clock;
};

struct hf_cache *
hf_cache_new(void)
{
	return calloc(1, sizeof(struct hf_cache));
}

void
hf_cache_free(struct hf_cache *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < CACHE_SLOTS; i++)
		hf_block_fini(&c->slots[i].b);
	free(c);
}

void
hf_cache_reset(struct hf_cache *c)
{
	size_t i;

	for (i = 0; i < CACHE_SLOTS; i++) {
		hf_block_fini(&c->slots[i].b);
		c->slots[i] = (struct slot){.used = 0};
	}
}

const struct hf_block *
hf_cache_get(struct hf_cache *c, uint64_t space, uint64_t id)
{
	size_t i;

	for (i = 0; i < CACHE_SLOTS; i++) {
		struct slot *s = &c->slots[i];

		if (s->used > 0 && s->space == space && s->id == id) {
			s->used = ++c->clock;
			return &s->b;
		}
	}
	return NULL;
}

const struct hf_block *
hf_cache_put(
    struct hf_cache *c, uint64_t space, uint64_t id, struct hf_block *b)
{
	struct slot *s = &c->slots[0];
	size_t i;

	for (i = 1; i < CACHE_SLOTS; i++)
		if (c->slots[i].used < s->used)
			s = &c->slots[i];
	hf_block_fini(&s->b);
	*s = (struct slot){
	    .space = space, .id = id, .used = ++c->clock, .b = *b};
	*b = (struct hf_block){.n = 0};
	return &s->b;
}

struct hf_open *
hf_open_new(uint64_t tag, int yyyymm)
{
	struct hf_open *o = calloc(1, sizeof(*o));

	if (o != NULL) {
		o->tag = tag;
		o->yyyymm = yyyymm;
		o->sealed_t1_ns = INT64_MIN;
	}
	return o;
}

void
hf_open_free(struct hf_open *o)
{
	size_t i;

	if (o == NULL)
		return;
	for (i = 0; i < o->nsealed; i++)
		free(o->sealed[i].bytes);
	free(o->sealed);
	hf_block_fini(&o->b);
	free(o);
}

static int
sealed_has(const struct hf_sealed *s, struct hf_codec_ctx *c,
    struct hf_cache *cache, const struct hf_pt *p, const char *str, bool *has,
    struct hf_err *err)
{
	const struct hf_block *b;
	struct hf_block fresh = {.n = 0};
	struct hf_chunk_info info;
	int rc;

	b = hf_cache_get(cache, CACHE_SPACE_SEALED, s->serial);
	if (b == NULL) {
		rc = hf_chunk_decode(c, s->bytes, s->len, &info, &fresh, err);
		if (rc != HF_OK) {
			hf_block_fini(&fresh);
			return rc;
		}
		b = hf_cache_put(cache, CACHE_SPACE_SEALED, s->serial, &fresh);
	}
	*has = hf_block_has(b, p, str);
	return HF_OK;
}

int
hf_open_has(const struct hf_open *o, struct hf_codec_ctx *c,
    struct hf_cache *cache, const struct hf_pt *p, const char *str, bool *has,
    struct hf_err *err)
{
	size_t i;
	int rc;

	*has = hf_block_has(&o->b, p, str);
	if (*has || p->t_ns > o->sealed_t1_ns)
		return HF_OK;
	for (i = o->nsealed; i-- > 0 && !*has;) {
		const struct hf_sealed *s = &o->sealed[i];

		if (p->t_ns < s->info.t0_ns || p->t_ns > s->info.t1_ns)
			continue;
		rc = sealed_has(s, c, cache, p, str, has, err);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

static struct hf_sealed *
sealed_slot(struct hf_open *o)
{
	struct hf_sealed *p;
	size_t cap;

	if (o->nsealed == o->cap) {
		cap = o->cap == 0 ? 4 : o->cap * 2;
		p = realloc(o->sealed, cap * sizeof(*p));
		if (p == NULL)
			return NULL;
		o->sealed = p;
		o->cap = cap;
	}
	return &o->sealed[o->nsealed];
}

static int
seal(struct hf_open *o, struct hf_codec_ctx *c, uint64_t *serial,
    struct hf_err *err)
{
	struct hf_chunk_info info = {
	    .tag = o->tag,
	    .seq_first = o->seq_first,
	    .seq_last = o->seq_last,
	};
	struct hf_sealed *s = sealed_slot(o);
	struct hf_buf out;
	int rc;

	if (s == NULL)
		return HF_FAIL(err, HF_ENOMEM, "open chunk");
	hf_buf_init(&out, HF_CHUNK_BYTES);
	rc = hf_chunk_encode(c, &info, o->b.pt, o->b.n, o->b.str, &out, err);
	if (rc != HF_OK) {
		hf_buf_fini(&out);
		return rc;
	}
	*s = (struct hf_sealed){
	    .len = out.len, .info = info, .serial = ++*serial};
	s->bytes = realloc(out.p, out.len); /* give the slack back */
	if (s->bytes == NULL)
		s->bytes = out.p;
	o->nsealed++;
	if (info.t1_ns > o->sealed_t1_ns)
		o->sealed_t1_ns = info.t1_ns;
	hf_block_reset(&o->b);
	return HF_OK;
}

int
hf_open_add(struct hf_open *o, struct hf_codec_ctx *c, uint64_t *serial,
    const struct hf_pt *p, const char *str, uint64_t seq, struct hf_err *err)
{
	int rc;

	if (o->b.n >= HF_OPEN_MAX || o->b.str_len >= HF_OPEN_STR) {
		rc = seal(o, c, serial, err);
		if (rc != HF_OK)
			return rc;
	}
	if (!hf_block_insert(&o->b, hf_block_upper(&o->b, p->t_ns), p, str))
		return HF_FAIL(err, HF_ENOMEM, "open chunk");
	if (o->b.n == 1)
		o->seq_first = seq;
	if (o->seq_min == 0)
		o->seq_min = seq;
	o->seq_last = o->seq_max = seq;
	return HF_OK;
}

static bool
dup_sealed(struct hf_open *to, const struct hf_sealed *s)
{
	struct hf_sealed *d = sealed_slot(to);

	if (d == NULL)
		return false;
	*d = *s;
	d->bytes = malloc(s->len);
	if (d->bytes == NULL)
		return false;
	memcpy(d->bytes, s->bytes, s->len);
	to->nsealed++;
	return true;
}

struct hf_open *
hf_open_dup(const struct hf_open *o, int64_t from_ns, int64_t to_ns)
{
	struct hf_open *d = hf_open_new(o->tag, o->yyyymm);
	bool is_ok = d != NULL;
	size_t i;

	for (i = 0; i < o->nsealed && is_ok; i++)
		if (o->sealed[i].info.t0_ns < to_ns &&
		    o->sealed[i].info.t1_ns >= from_ns)
			is_ok = dup_sealed(d, &o->sealed[i]);
	if (is_ok && o->b.n > 0) {
		is_ok = hf_block_reserve(&d->b, o->b.n, o->b.str_len);
		if (is_ok) {
			memcpy(d->b.pt, o->b.pt, o->b.n * sizeof(o->b.pt[0]));
			if (o->b.str_len > 0)
				memcpy(d->b.str, o->b.str, o->b.str_len);
			d->b.n = o->b.n;
			d->b.str_len = o->b.str_len;
		}
	}
	if (!is_ok) {
		hf_open_free(d);
		return NULL;
	}
	d->seq_max = o->seq_max;
	return d;
}

size_t
hf_open_nref(const struct hf_open *o)
{
	return o->nsealed + (o->b.n > 0);
}

size_t
hf_open_refs(const struct hf_open *o, uint64_t rank, struct hf_mref *out)
{
	size_t i;

	for (i = 0; i < o->nsealed; i++)
		out[i] = (struct hf_mref){
		    .t0_ns = o->sealed[i].info.t0_ns,
		    .t1_ns = o->sealed[i].info.t1_ns,
		    .rank = rank + i,
		    .id = i,
		    .src = o,
		};
	if (o->b.n > 0) {
		out[i] = (struct hf_mref){
		    .t0_ns = o->b.pt[0].t_ns,
		    .t1_ns = o->b.pt[o->b.n - 1].t_ns,
		    .rank = rank + i,
		    .id = i,
		    .src = o,
		};
		i++;
	}
	return i;
}

int
hf_open_load(struct hf_codec_ctx *c, const struct hf_mref *ref,
    struct hf_block *out, struct hf_err *err)
{
	const struct hf_open *o = ref->src;
	struct hf_chunk_info info;

	if (ref->id < o->nsealed)
		return hf_chunk_decode(c, o->sealed[ref->id].bytes,
		    o->sealed[ref->id].len, &info, out, err);
	if (!hf_block_reserve(out, o->b.n, o->b.str_len))
		return HF_FAIL(err, HF_ENOMEM, "open chunk");
	memcpy(out->pt, o->b.pt, o->b.n * sizeof(out->pt[0]));
	if (o->b.str_len > 0)
		memcpy(out->str, o->b.str, o->b.str_len);
	out->n = o->b.n;
	out->str_len = o->b.str_len;
	return HF_OK;
}
