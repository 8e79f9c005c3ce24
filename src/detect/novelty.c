/* SPDX-License-Identifier: Apache-2.0
 *
 * novelty.c - tells what a signal has not done before, without a model of what
 * is normal for it.
 *
 * For signals with seasons, bursts and regimes, of which nobody can say a
 * distribution. Three deviations of each value are compared with all earlier
 * deviations of the same kind, and their surprise is added up:
 *
 * shift  |f - s| / sqrt(v), f the exponential mean with gain 1/20, s and v mean
 *        and variance with gain 1/200, before the value for s and v;
 *        gains are at least 1 / (values so far). Finds a new level.
 * range  how far x lies outside the range seen, in parts of that range; both
 *        ends of the range move to x by 0.0003 of their distance with each
 *        value, so that an outlier of last year does not hide one of today.
 * shape  Euclidean distance of the last NBLOCK * BLOCK values, as NBLOCK means
 *        of BLOCK values each, to the nearest of NPATTERN stored patterns.
 *        Every BLOCK-th pattern is stored; when all places are taken, it
 *        replaces the one that was nearest to anything longest ago (first such
 *        place). Finds a course not seen before.
 *
 * Surprise of a deviation r with n earlier ones of its kind, `more` of them in
 * a higher class of the histogram below and `same` in the same:
 *
 *    p = (more + same / 2 + 1) / (n + 2),  s = ln(1 / p) / ln(n + 10),
 *
 * a conformal p-value on the scale of the greatest surprise that n values can
 * give (Laxhammar and Falkman 2014). If none was in its class or above, s grows
 * by ln(r / largest r) / ln(n + 10). 0 while n < NMIN. The classes are eighths
 * of octaves of r between 2^-64 and 2^63; class 0 is below. At NMAX values all
 * counts are halved, so the far past fades.
 *
 *    S = 1 max(0, s_shift - CUT) + 0.5 max(0, s_range - CUT) +
 *        2 max(0, s_shape - CUT)
 *
 * News. A cause that lasts, or rises in steps, is one event. After news of
 * height m, `age` values ago, the next must have
 *
 *    S > RISE level,   level = m (1 - age / R),
 *
 * R = `memory` times the values of the learning span. Statistic: S if it is
 * news, else 0. Score: statistic / limit. The signal never stops learning;
 * `learn` only says how long nothing is reported. A signal that was constant is
 * not blind: any change of it is news.
 *
 * The weights, CUT, gains, BLOCK, NBLOCK, RISE and the default limit were
 * chosen on the NAB corpus; docs/benchmarks.md says how and what that means.
 *
 * About 3 us a value, 50 KiB a signal.
 *
 * State, little-endian: u8 version 1, u8 phase, u64 values, i64 first and last
 * time of learning, u64 R, f64 fast, slow, var, lo, hi, u16 values in the
 * window, u16 place of the next, f64 window [NBLOCK * BLOCK] of BLOCK-means,
 * f64 last BLOCK values, u16 patterns, for each u64 last use, f64 [NBLOCK];
 * three times: u64 n, f64 largest, u16 first class, u16 classes, u32 counts;
 * f64 news height, u64 its age, f64 statistic, shift, range, shape of the last
 * step.
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/detmath.h"
#include "detect/learn.h"
#include "detect/methods.h"

#define STATE_VERSION 1
#define GAIN_FAST 0.05
#define GAIN_SLOW 0.005
#define FADE 0.0003 /* of the range's ends */
#define BLOCK 6
#define NBLOCK 16
#define NWINDOW (BLOCK * NBLOCK)
#define NPATTERN 256
#define NMIN_PATTERN 8 /* patterns without which none is judged */
#define NMIN 30	       /* deviations without which none is judged */
#define NMAX (UINT64_C(1) << 22)
#define PER_OCTAVE 8
#define EXP_MIN (-64)
#define NCLASS (128 * PER_OCTAVE)
#define CUT 0.1
#define RISE 1.25
#define X_MAX 1e140 /* values are cut here: their squares stay finite */

enum dev { SHIFT, RANGE, SHAPE, NDEV };
static const double weights[NDEV] = {1, 0.5, 2};

enum { TEXT_SHIFT, TEXT_RANGE, TEXT_SHAPE };
static const char *const texts[] = {
    "level not seen before",
    "value outside the range seen before",
    "course not seen before",
    NULL,
};

struct history { /* of one kind of deviation */
	uint64_t n;
	double largest;
	uint32_t count[NCLASS];
};

struct pattern {
	uint64_t used; /* value number at which it was the nearest */
	double v[NBLOCK];
};

struct novelty_state {
	const struct hf_novelty_conf *conf;
	struct hf_learn learn;
	uint8_t phase; /* enum hf_learning */
	uint64_t n;    /* values so far */
	int64_t first_ns, last_ns;
	uint64_t nmemory; /* R */
	double fast, slow, var, lo, hi;
	uint16_t nwindow, head; /* means in the window; place of the next */
	double window[NWINDOW]; /* means of BLOCK values, by their end */
	double last[BLOCK];	/* values, ring by n */
	uint16_t npattern;
	struct pattern pattern[NPATTERN];
	struct history history[NDEV];
	double news; /* height of the last one, 0 = none */
	uint64_t age;
	double statistic, surprise[NDEV]; /* of the last step */
};

static const struct hf_opt opts[] = {
    {.name = "limit",
	.type = HF_OPT_F64,
	.min = 0.01,
	.max = 100,
	.dflt = "1.25",
	.off = offsetof(struct hf_novelty_conf, limit),
	.help = "summed surprise that counts as an anomaly; a new level, range "
		"and course can give 0.9, 0.45 and 1.8"},
    {.name = "memory",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 100,
	.dflt = "0.4",
	.off = offsetof(struct hf_novelty_conf, memory),
	.help = "how long an anomaly is remembered, in learning spans: only "
		"what exceeds its fading height is a new one"},
};

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct novelty_state);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct novelty_state *s = state;

	memset(s, 0, sizeof(*s));
	s->conf = conf;
	s->learn = *learn;
	s->phase = HF_LS_LEARNING;
	s->first_ns = HF_TIME_NONE;
	s->last_ns = HF_TIME_NONE;
}

/* ---- surprise ---- */

static size_t
class_of(double r)
{
	double m;
	int e;

	if (!(r > 0))
		return 0;
	m = frexp(r, &e); /* r = m 2^e, 0.5 <= m < 1 */
	if (e < EXP_MIN)
		return 0;
	e = (e - EXP_MIN) * PER_OCTAVE + (int)((m - 0.5) * 2 * PER_OCTAVE);
	return e < 1 ? 1 : e < NCLASS ? (size_t)e : NCLASS - 1;
}

static void
fade(struct history *h)
{
	size_t i;

	h->n = 0;
	for (i = 0; i < NCLASS; i++) {
		h->count[i] /= 2;
		h->n += h->count[i];
	}
}

/* Judges r by what came before it, then adds it. */
static double
surprise(struct history *h, double r)
{
	size_t c = class_of(r), top = class_of(h->largest), i;
	uint64_t more = 0, same = h->count[c];
	double scale, s = 0;

	for (i = c + 1; i <= top; i++)
		more += h->count[i];
	if (h->n >= NMIN) {
		scale = hf_det_log((double)h->n + 10);
		s = hf_det_log(
		    ((double)h->n + 2) / ((double)more + (double)same / 2 + 1));
		if (more + same == 0 && h->largest > 0 && r > 0)
			s += hf_det_log(r / h->largest);
		s /= scale;
	}
	if (h->n >= NMAX)
		fade(h);
	h->count[c]++;
	h->n++;
	if (r > h->largest)
		h->largest = r;
	return s;
}

/* ---- deviations ---- */

static double
shift_of(struct novelty_state *s, double x)
{
	double first = 1 / (double)s->n, r = 0, d, g;

	if (s->n == 1)
		s->fast = s->slow = x;
	d = x - s->slow;
	s->fast += fmax(GAIN_FAST, first) * (x - s->fast);
	if (s->var > 0)
		r = fabs(s->fast - s->slow) / sqrt(s->var);
	g = fmax(GAIN_SLOW, first);
	s->slow += g * d;
	s->var = (1 - g) * (s->var + g * d * d);
	return r;
}

static double
range_of(struct novelty_state *s, double x)
{
	double width, r = 0;

	if (s->n == 1)
		s->lo = s->hi = x;
	width = s->hi - s->lo;
	if (width > 0 && x > s->hi)
		r = (x - s->hi) / width;
	else if (width > 0 && x < s->lo)
		r = (s->lo - x) / width;
	s->hi = fmax(s->hi, x);
	s->lo = fmin(s->lo, x);
	s->hi -= FADE * (s->hi - x);
	s->lo += FADE * (x - s->lo);
	return r;
}

/* Mean k blocks back, 0 = newest. */
static double
block_mean(const struct novelty_state *s, size_t k)
{
	return s->window[(s->head + NWINDOW - 1 - k * BLOCK) % NWINDOW];
}

static void
add_to_window(struct novelty_state *s, double x)
{
	double sum = 0;
	size_t i;

	s->last[s->n % BLOCK] = x;
	if (s->n < BLOCK)
		return;
	for (i = 0; i < BLOCK; i++)
		sum += s->last[(s->n - i) % BLOCK];
	s->window[s->head] = sum / BLOCK;
	s->head = (uint16_t)((s->head + 1) % NWINDOW);
	if (s->nwindow < NWINDOW)
		s->nwindow++;
}

/* Square of the distance; gives up where it exceeds `least`. Four squares are
 * added by pairs, so that they need not wait for each other. */
static double
distance2(const double *a, const double *b, double least)
{
	double sum = 0, d[4];
	size_t i, k;

	for (i = 0; i < NBLOCK && sum < least; i += 4) {
		for (k = 0; k < 4; k++)
			d[k] = a[i + k] - b[i + k];
		sum +=
		    (d[0] * d[0] + d[1] * d[1]) + (d[2] * d[2] + d[3] * d[3]);
	}
	return sum;
}

static void
store(struct novelty_state *s, const double *v)
{
	size_t i, at = 0;

	if (s->npattern < NPATTERN) {
		at = s->npattern++;
	} else {
		for (i = 1; i < NPATTERN; i++)
			if (s->pattern[i].used < s->pattern[at].used)
				at = i;
	}
	s->pattern[at].used = s->n;
	for (i = 0; i < NBLOCK; i++)
		s->pattern[at].v[i] = v[i];
}

/* Distance to the nearest pattern, -1 while there is nothing to compare. */
static double
shape_of(struct novelty_state *s, double x)
{
	double v[NBLOCK], d, least = INFINITY;
	size_t i, at = 0, npattern = s->npattern;

	add_to_window(s, x);
	if (s->nwindow < NWINDOW)
		return -1;
	for (i = 0; i < NBLOCK; i++)
		v[i] = block_mean(s, i);
	for (i = 0; i < npattern; i++) {
		d = distance2(s->pattern[i].v, v, least);
		if (d < least) {
			least = d;
			at = i;
		}
	}
	if (npattern > 0)
		s->pattern[at].used = s->n;
	if (s->n % BLOCK == BLOCK / 2)
		store(s, v);
	return npattern > NMIN_PATTERN ? sqrt(least) : -1;
}

/* ---- steps ---- */

/* Takes a value in; returns the summed surprise. */
static double
take(struct novelty_state *s, double x)
{
	double r[NDEV], sum = 0;
	size_t i;

	x = fmax(-X_MAX, fmin(X_MAX, x));
	s->n++;
	r[SHIFT] = shift_of(s, x);
	r[RANGE] = range_of(s, x);
	r[SHAPE] = shape_of(s, x);
	for (i = 0; i < NDEV; i++) {
		s->surprise[i] = r[i] < 0 ? 0 : surprise(&s->history[i], r[i]);
		if (s->surprise[i] > CUT)
			sum += weights[i] * (s->surprise[i] - CUT);
	}
	return sum;
}

/* S if it is news, else 0. */
static double
news_of(struct novelty_state *s, double sum)
{
	double level = 0;

	s->age++;
	if (s->news > 0 && s->age < s->nmemory)
		level = s->news * (1 - (double)s->age / (double)s->nmemory);
	if (!(sum > 0) || (level > 0 && !(sum > RISE * level)))
		return 0;
	s->news = sum;
	s->age = 0;
	return sum;
}

static int
largest_part(const struct novelty_state *s)
{
	double part, most = 0;
	int i, at = SHIFT;

	for (i = 0; i < NDEV; i++) {
		part = weights[i] * (s->surprise[i] - CUT);
		if (part > most) {
			most = part;
			at = i;
		}
	}
	return at;
}

static void
watch(struct novelty_state *s, double x, struct hf_score *out)
{
	s->statistic = news_of(s, take(s, x));
	out->statistic = s->statistic;
	out->limit = s->conf->limit;
	out->score = fmin(s->statistic / s->conf->limit, HF_SCORE_MAX);
	out->contrib[0] = 1;
	out->level = HF_LEVEL_WARN; /* the engine drops it below 1 */
	out->rule = texts[largest_part(s)];
}

static void
learn_value(struct novelty_state *s, int64_t t_ns, double x)
{
	if (s->n == 0)
		s->first_ns = t_ns;
	s->last_ns = t_ns;
	(void)take(s, x);
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct novelty_state *s = state;
	double x = in->x[0];

	if (s->phase == HF_LS_LEARNING && s->n > 0 &&
	    hf_learn_has_passed(&s->learn, 1, s->n, s->first_ns, in->t_ns)) {
		s->phase = HF_LS_READY;
		s->nmemory = (uint64_t)(s->conf->memory * (double)s->n);
	}
	if (s->phase == HF_LS_LEARNING && !isnan(x))
		learn_value(s, in->t_ns, x);
	if (s->phase == HF_LS_READY && !isnan(x))
		watch(s, x, out);
	out->learning = s->phase;
}

/* ---- out and in ---- */

static void
save_history(const struct history *h, struct hf_buf *out)
{
	size_t i, first = 0, end = NCLASS;

	while (first < NCLASS && h->count[first] == 0)
		first++;
	while (end > first && h->count[end - 1] == 0)
		end--;
	hf_buf_u64(out, h->n);
	hf_buf_f64(out, h->largest);
	hf_buf_u16(out, (uint16_t)first);
	hf_buf_u16(out, (uint16_t)(end - first));
	for (i = first; i < end; i++)
		hf_buf_u32(out, h->count[i]);
}

static int
load_history(struct history *h, struct hf_rd *in)
{
	size_t i, first, n;
	uint64_t sum = 0;

	*h = (struct history){.n = hf_rd_u64(in)};
	h->largest = hf_rd_f64(in);
	first = hf_rd_u16(in);
	n = hf_rd_u16(in);
	if (first + n > NCLASS)
		return HF_ECORRUPT;
	for (i = first; i < first + n; i++) {
		h->count[i] = hf_rd_u32(in);
		sum += h->count[i];
	}
	return sum == h->n && h->largest >= 0 ? HF_OK : HF_ECORRUPT;
}

static void
put_all(struct hf_buf *out, const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		hf_buf_f64(out, v[i]);
}

static void
get_all(struct hf_rd *in, double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		v[i] = hf_rd_f64(in);
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct novelty_state *s = state;
	size_t i;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u64(out, s->n);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_u64(out, s->nmemory);
	put_all(out, (double[]){s->fast, s->slow, s->var, s->lo, s->hi}, 5);
	hf_buf_u16(out, s->nwindow);
	hf_buf_u16(out, s->head);
	put_all(out, s->window, NWINDOW);
	put_all(out, s->last, BLOCK);
	hf_buf_u16(out, s->npattern);
	for (i = 0; i < s->npattern; i++) {
		hf_buf_u64(out, s->pattern[i].used);
		put_all(out, s->pattern[i].v, NBLOCK);
	}
	for (i = 0; i < NDEV; i++)
		save_history(&s->history[i], out);
	hf_buf_f64(out, s->news);
	hf_buf_u64(out, s->age);
	hf_buf_f64(out, s->statistic);
	put_all(out, s->surprise, NDEV);
}

static int
load_patterns(struct novelty_state *s, struct hf_rd *in)
{
	size_t i;

	s->nwindow = hf_rd_u16(in);
	s->head = hf_rd_u16(in);
	get_all(in, s->window, NWINDOW);
	get_all(in, s->last, BLOCK);
	s->npattern = hf_rd_u16(in);
	if (s->nwindow > NWINDOW || s->head >= NWINDOW ||
	    s->npattern > NPATTERN)
		return HF_ECORRUPT;
	for (i = 0; i < s->npattern; i++) {
		s->pattern[i].used = hf_rd_u64(in);
		get_all(in, s->pattern[i].v, NBLOCK);
	}
	return HF_OK;
}

static int
load(void *state, struct hf_rd *in)
{
	struct novelty_state *s = state;
	double level[5];
	size_t i;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	s->n = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->nmemory = hf_rd_u64(in);
	get_all(in, level, 5);
	s->fast = level[0];
	s->slow = level[1];
	s->var = level[2];
	s->lo = level[3];
	s->hi = level[4];
	if (load_patterns(s, in) != HF_OK)
		return HF_ECORRUPT;
	for (i = 0; i < NDEV; i++)
		if (load_history(&s->history[i], in) != HF_OK)
			return HF_ECORRUPT;
	s->news = hf_rd_f64(in);
	s->age = hf_rd_u64(in);
	s->statistic = hf_rd_f64(in);
	get_all(in, s->surprise, NDEV);
	if (!hf_rd_ok(in) || s->phase > HF_LS_READY || !(s->var >= 0) ||
	    !(s->news >= 0) || (s->n == 0 && s->phase == HF_LS_READY))
		return HF_ECORRUPT;
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct novelty_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(&s->learn, s->n, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct novelty_state *s = state;

	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_ku64(w, "patterns", s->npattern);
	hf_jw_kf64(w, "range_high", s->hi);
	hf_jw_kf64(w, "range_low", s->lo);
	hf_jw_kf64(w, "surprise_range", s->surprise[RANGE]);
	hf_jw_kf64(w, "surprise_shape", s->surprise[SHAPE]);
	hf_jw_kf64(w, "surprise_shift", s->surprise[SHIFT]);
	hf_jw_ku64(w, "values", s->n);
}

static void
say(const void *state, const struct hf_score *sc, double x, const char *unit,
    struct hf_buf *out)
{
	static const char *const what[NDEV] = {"level", "range", "course"};
	const struct novelty_state *s = state;
	int i, at = largest_part(s);

	hf_buf_printf(
	    out, "%.6g%s%s: %s", x, unit[0] ? " " : "", unit, texts[at]);
	hf_buf_puts(out, " (surprise, 1 = as much as the past can give:");
	for (i = 0; i < NDEV; i++)
		hf_buf_printf(out, " %s %.2f%s", what[i], s->surprise[i],
		    i + 1 < NDEV ? "," : ")");
}

const struct hf_method hf_method_novelty = {
    .kind = {.name = "novelty",
	.help = "what a signal has not done before: a new level, range or "
		"course; for signals with seasons, bursts and regimes",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_novelty_conf),
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
