/* SPDX-License-Identifier: Apache-2.0
 *
 * season.c - what is normal at this time of day: a robust baseline for signals
 * that follow the clock (shifts, day and night, tariff hours).
 *
 * The day, or with `weekday` the week, is cut into fixed slots of source time.
 * Slots count from midnight of a clock that is `offset` ahead of UTC, all year
 * round: a detector that is to be replayed bit by bit asks no time zone file,
 * so after a change to summer time the plant's shift lies one hour beside its
 * slot. Slots of an hour with both hours learned bear that.
 *
 * Learning: each slot keeps an even thinning of its values (thin.h, 8 to 64 of
 * them). At the end: median m and sigma = 1.4826 MAD per slot; a slot quieter
 * than a quarter of the median slot takes that quarter, so that one flat night
 * hour does not cry wolf at the next bit of noise. A slot with fewer than
 * `samples` values is blind: during it the signal is shown as blind, and the
 * other slots watch.
 *
 * Watching: score |x - m| / (L sigma) of the value's slot.
 *
 * Blind for good: no slot has enough values; or all values of every slot were
 * equal and min_sigma is 0.
 *
 * State, little-endian: u8 version 1, u8 phase, u32 slots, i64 first and last
 * time of learning, u64 n; while learning thin.h's block per slot; else per
 * slot u32 values (0: blind), f64 median, f64 sigma.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/learn.h"
#include "detect/methods.h"
#include "detect/thin.h"

#define STATE_VERSION 1
#define DAY_NS (86400 * HF_NS_PER_S)
#define NSLOT 672   /* a week of quarters of an hour */
#define NVALUE 6144 /* values kept over all slots: 48 KiB */
#define NPER_SLOT 64
#define QUIET 0.25 /* of the median slot's sigma: least sigma of a slot */

enum { TEXT_ABOVE, TEXT_BELOW, TEXT_NO_SLOT, TEXT_FEW, TEXT_CONSTANT };
static const char *const texts[] = {
    "above what is usual at this time",
    "below what is usual at this time",
    "too few values learned for this time of day",
    "too few values learned for any time of day",
    "constant while learning",
    NULL,
};

struct slot {
	uint32_t n; /* values learned; 0 = blind */
	double median, sigma;
};

struct season_state {
	const struct hf_season_conf *conf;
	struct hf_learn learn;
	uint8_t phase;		   /* enum hf_learning */
	int64_t first_ns, last_ns; /* of learning */
	uint64_t n;		   /* values learned */
	uint32_t nslot, nlive;
	struct slot *slot;    /* [nslot] */
	struct hf_thin *thin; /* [nslot] */
	double *value;	      /* [nslot][cap], then [nslot] to sort in */
	double mem[];
};

static const struct hf_opt opts[] = {
    {.name = "slot",
	.type = HF_OPT_DUR,
	.unit = "min",
	.min = 1,
	.max = 1440,
	.dflt = "1h",
	.off = offsetof(struct hf_season_conf, slot_ns),
	.help = "length of a slot; must divide a day"},
    {.name = "weekday",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	.off = offsetof(struct hf_season_conf, weekday),
	.help = "slots of a week instead of a day: weekends differ; learn "
		"three weeks or more then"},
    {.name = "offset",
	.type = HF_OPT_DUR,
	.unit = "min",
	.min = 0,
	.max = 1440,
	.dflt = "0s",
	.off = offsetof(struct hf_season_conf, offset_ns),
	.help = "how far the clock of the slots is ahead of UTC, 1h in "
		"Berlin, 19h in New York; the same all year"},
    {.name = "samples",
	.type = HF_OPT_I64,
	.min = 3,
	.max = 1000000,
	.dflt = "8",
	.off = offsetof(struct hf_season_conf, nmin),
	.help = "values that a slot needs; with fewer it is blind"},
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 100,
	.dflt = "4",
	.off = offsetof(struct hf_season_conf, L),
	.help = "half width of the limits in standard deviations of the slot"},
    {.name = "min_sigma",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 1e300,
	.dflt = "0",
	.off = offsetof(struct hf_season_conf, min_sigma),
	.help = "least standard deviation to assume, in engineering units"},
};

static int64_t
period_ns(const struct hf_season_conf *c)
{
	return c->weekday ? 7 * DAY_NS : DAY_NS;
}

static int
check(const void *conf, char *why, size_t cap)
{
	const struct hf_season_conf *c = conf;

	if (c->slot_ns <= 0 || DAY_NS % c->slot_ns != 0) {
		snprintf(
		    why, cap, "slot: a day must hold a whole number of slots");
		return HF_EINVAL;
	}
	if (period_ns(c) / c->slot_ns > NSLOT) {
		snprintf(why, cap,
		    "slot: at most %d slots; make them longer or drop weekday",
		    NSLOT);
		return HF_EINVAL;
	}
	return HF_OK;
}

static uint32_t
nslot_of(const struct hf_season_conf *c)
{
	return (uint32_t)(period_ns(c) / c->slot_ns);
}

static uint32_t
slot_cap(uint32_t nslot)
{
	uint32_t cap = NVALUE / nslot & ~1u;

	return cap > NPER_SLOT ? NPER_SLOT : cap;
}

/* Which slot a time falls into; exact for every int64. */
static uint32_t
slot_at(const struct hf_season_conf *c, int64_t t_ns)
{
	int64_t period = period_ns(c), m = t_ns % period;

	if (m < 0)
		m += period;
	return (uint32_t)((m + c->offset_ns) % period / c->slot_ns);
}

static size_t
state_size(const void *conf, size_t nvar)
{
	size_t n = nslot_of(conf);

	return sizeof(struct season_state) +
	       (slot_cap((uint32_t)n) + 1) * n * sizeof(double) +
	       n * (sizeof(struct slot) + sizeof(struct hf_thin));
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct season_state *s = state;
	uint32_t n = nslot_of(conf), cap = slot_cap(n), i;

	*s = (struct season_state){.conf = conf,
	    .learn = *learn,
	    .phase = HF_LS_LEARNING,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE,
	    .nslot = n,
	    .value = s->mem};
	s->slot = (struct slot *)(void *)(s->mem + (size_t)n * (cap + 1));
	s->thin = (struct hf_thin *)(void *)(s->slot + n);
	for (i = 0; i < n; i++) {
		s->slot[i] = (struct slot){0};
		hf_thin_init(&s->thin[i], s->value + (size_t)i * cap, cap);
	}
}

/* ---- learning ---- */

/* Median sigma of the live slots, their mean where more than half are 0. */
static double
usual_sigma(struct season_state *s)
{
	double *v = s->value + (size_t)s->nslot * slot_cap(s->nslot);
	double sum = 0, median;
	uint32_t i, n = 0;

	for (i = 0; i < s->nslot; i++)
		if (s->slot[i].n > 0)
			v[n++] = s->slot[i].sigma;
	if (n == 0)
		return 0;
	for (i = 0; i < n; i++)
		sum += v[i];
	median = hf_median(v, n);
	return median > 0 ? median : sum / n;
}

static void
end_learning(struct season_state *s)
{
	double usual, least;
	uint32_t i;

	s->nlive = 0;
	for (i = 0; i < s->nslot; i++) {
		struct hf_thin *t = &s->thin[i];
		struct slot *sl = &s->slot[i];

		*sl = (struct slot){0};
		if (t->nseen < (uint64_t)s->conf->nmin ||
		    !hf_thin_robust(t, &sl->median, &sl->sigma) ||
		    !isfinite(sl->median) || !isfinite(sl->sigma))
			continue;
		sl->n = t->nseen < UINT32_MAX ? (uint32_t)t->nseen : UINT32_MAX;
		s->nlive++;
	}
	usual = usual_sigma(s);
	least = QUIET * usual;
	if (least < s->conf->min_sigma)
		least = s->conf->min_sigma;
	for (i = 0; i < s->nslot; i++)
		if (s->slot[i].sigma < least)
			s->slot[i].sigma = least;
	s->phase = s->nlive > 0 && least > 0 ? HF_LS_READY : HF_LS_BLIND;
}

static void
learn_value(struct season_state *s, int64_t t_ns, double x)
{
	if (s->n == 0)
		s->first_ns = t_ns;
	s->n++;
	s->last_ns = t_ns;
	hf_thin_add(&s->thin[slot_at(s->conf, t_ns)], x);
}

/* ---- watching ---- */

static void
watch(struct season_state *s, int64_t t_ns, double x, struct hf_score *out)
{
	const struct slot *sl = &s->slot[slot_at(s->conf, t_ns)];
	double half, dev;

	if (sl->n == 0) {
		out->learning = HF_LS_BLIND;
		out->why_blind = texts[TEXT_NO_SLOT];
		return;
	}
	half = s->conf->L * sl->sigma;
	dev = x - sl->median;
	out->centre = sl->median;
	out->statistic = x;
	out->limit = dev < 0 ? sl->median - half : sl->median + half;
	out->score = fabs(dev) / half;
	if (!(out->score < HF_SCORE_MAX))
		out->score = HF_SCORE_MAX;
	out->contrib[0] = 1;
	out->level = HF_LEVEL_WARN;
	out->rule = texts[dev < 0 ? TEXT_BELOW : TEXT_ABOVE];
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct season_state *s = state;
	double x = in->x[0];

	if (s->phase == HF_LS_LEARNING && s->n >= (uint64_t)s->conf->nmin &&
	    hf_learn_has_passed(&s->learn, 1, s->n, s->first_ns, in->t_ns))
		end_learning(s);
	if (s->phase == HF_LS_LEARNING && !isnan(x))
		learn_value(s, in->t_ns, x);
	out->learning = s->phase;
	if (s->phase == HF_LS_READY && !isnan(x))
		watch(s, in->t_ns, x, out);
	else if (s->phase == HF_LS_BLIND)
		out->why_blind =
		    texts[s->nlive == 0 ? TEXT_FEW : TEXT_CONSTANT];
}

/* ---- state ---- */

static void
save(const void *state, struct hf_buf *out)
{
	const struct season_state *s = state;
	uint32_t i;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u32(out, s->nslot);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_u64(out, s->n);
	for (i = 0; i < s->nslot; i++) {
		if (s->phase == HF_LS_LEARNING) {
			hf_thin_save(&s->thin[i], out);
			continue;
		}
		hf_buf_u32(out, s->slot[i].n);
		hf_buf_f64(out, s->slot[i].median);
		hf_buf_f64(out, s->slot[i].sigma);
	}
}

static int
load_slot(struct season_state *s, uint32_t i, struct hf_rd *in)
{
	struct slot *sl = &s->slot[i];

	if (s->phase == HF_LS_LEARNING)
		return hf_thin_load(&s->thin[i], in);
	sl->n = hf_rd_u32(in);
	sl->median = hf_rd_f64(in);
	sl->sigma = hf_rd_f64(in);
	if (sl->n == 0)
		return HF_OK;
	s->nlive++;
	if (!isfinite(sl->median) || !isfinite(sl->sigma) ||
	    (s->phase == HF_LS_READY && !(sl->sigma > 0)))
		return HF_ECORRUPT;
	return HF_OK;
}

static int
load(void *state, struct hf_rd *in)
{
	struct season_state *s = state;
	uint32_t i;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	if (hf_rd_u32(in) != s->nslot || s->phase > HF_LS_BLIND)
		return HF_ECORRUPT;
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->n = hf_rd_u64(in);
	s->nlive = 0;
	for (i = 0; i < s->nslot; i++)
		if (load_slot(s, i, in) != HF_OK)
			return HF_ECORRUPT;
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}

static double
progress(const void *state)
{
	const struct season_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(&s->learn, s->n, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct season_state *s = state;

	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_samples", s->n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_ku64(w, "slots", s->nslot);
	hf_jw_ku64(w, "slots_blind",
	    s->phase == HF_LS_LEARNING ? 0 : s->nslot - s->nlive);
}

static void
say(const void *state, const struct hf_score *sc, double x, const char *unit,
    struct hf_buf *out)
{
	const char *gap = unit[0] ? " " : "";

	hf_buf_printf(out,
	    "%.6g%s%s is %s its usual %.6g%s%s at this time (limit %.6g)", x,
	    gap, unit, x < sc->centre ? "below" : "above", sc->centre, gap,
	    unit, sc->limit);
}

const struct hf_method hf_method_season = {
    .kind = {.name = "season",
	.help = "one tag against what is usual at this time of day or week",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_season_conf),
	.check = check,
	.flags = HF_KIND_LEARNS},
    .does_learn = true,
    .state_size = state_size,
    .start = start,
    .step = step,
    .save = save,
    .load = load,
    .progress = progress,
    .explain = explain,
    .say = say,
    .texts = texts,
};
