/* SPDX-License-Identifier: Apache-2.0
 *
 * cusum.c - tabular cumulative sum, two-sided: finds a small lasting shift of
 * one signal sooner than any method that looks at single values (Page 1954;
 * Montgomery, Statistical Quality Control, ch. 9; ISO 7870-4).
 *
 * Learning: mu is the median and sigma 1.4826 times the median absolute
 * deviation of an even thinning of the span (thin.h), so that a few odd values
 * among those learned do no harm; where more than half of the values are equal
 * (MAD 0) sigma is the standard deviation instead.
 *
 * Watching: u = (x - mu) / sigma,
 *
 *    C+ = max(0, C+ + u - k)    C- = max(0, C- - u - k)
 *
 * Both begin at 0; with `fir` (fast initial response, Lucas and Crosier 1982)
 * at h / 2, so that a shift that was there from the start shows twice as fast.
 * Score max(C+, C-) / h. Two guards that the textbook does not have: u is cut
 * to +-(h + k), so one wild value can reach the limit but not stay beyond it;
 * and a sum that fell eight times in a row is 0, so that an alarm of days ends
 * when the shift does (eight falls of a normal value are 8 sigmas, more than
 * the usual h: what the sum does below its limit stays as in the textbook).
 *
 * For independent normal values k = 0.5, h = 5 raises one false alarm in 465
 * steps and finds a shift of 1 sigma in 10.4; h = 4: 168 and 8.4. A process
 * value that remembers raises more: give it `limit: budget`.
 *
 * Blind: sigma is 0 and min_sigma too; or the learned numbers are not finite.
 *
 * State, little-endian: u8 version 1, u8 phase, i64 first and last time of
 * learning, u64 n, f64 mean, m2, mu, sigma, C+, C-, u8 falls of each, then
 * thin.h's block while learning.
 */
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/learn.h"
#include "detect/methods.h"
#include "detect/thin.h"

#define STATE_VERSION 1
#define NMIN 8	   /* fewer values give no sigma worth the name */
#define NTHIN 1024 /* values kept: sigma by MAD is then known to 4 % */
#define NFALL 8	   /* steps in a row down: the shift is over */

enum { TEXT_ABOVE, TEXT_BELOW, TEXT_CONSTANT, TEXT_NOT_FINITE };
static const char *const texts[] = {
    "has shifted upwards",
    "has shifted downwards",
    "constant while learning",
    "values too large to learn from",
    NULL,
};

struct cusum_state {
	const struct hf_cusum_conf *conf;
	struct hf_learn learn;
	uint8_t phase;		      /* enum hf_learning */
	int64_t first_ns, last_ns;    /* of learning */
	uint64_t n;		      /* values learned */
	double mean, m2;	      /* Welford, where MAD is 0 */
	double mu, sigma;	      /* what was learned */
	double up, down;	      /* C+ and C- */
	uint8_t nfall_up, nfall_down; /* steps in a row in which it fell */
	struct hf_thin thin;
	double mem[NTHIN];
};

static const struct hf_opt opts[] = {
    {.name = "k",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 10,
	.dflt = "0.5",
	.off = offsetof(struct hf_cusum_conf, k),
	.help = "reference value in learned standard deviations: half of the "
		"shift that shall be found"},
    {.name = "h",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 1000,
	.dflt = "5",
	.off = offsetof(struct hf_cusum_conf, h),
	.help = "decision interval in learned standard deviations"},
    {.name = "fir",
	.type = HF_OPT_BOOL,
	.dflt = "false",
	.off = offsetof(struct hf_cusum_conf, fir),
	.help = "fast initial response: both sums begin at h / 2"},
    {.name = "min_sigma",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 1e300,
	.dflt = "0",
	.off = offsetof(struct hf_cusum_conf, min_sigma),
	.help = "least standard deviation to assume, in engineering units; "
		"with 0 a signal that is constant while learning stays blind"},
};

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct cusum_state);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct cusum_state *s = state;

	*s = (struct cusum_state){.conf = conf,
	    .learn = *learn,
	    .phase = HF_LS_LEARNING,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
	hf_thin_init(&s->thin, s->mem, NTHIN);
}

static void
learn_value(struct cusum_state *s, int64_t t_ns, double x)
{
	double delta = x - s->mean;

	if (s->n == 0)
		s->first_ns = t_ns;
	s->n++;
	s->last_ns = t_ns;
	s->mean += delta / (double)s->n;
	s->m2 += delta * (x - s->mean);
	hf_thin_add(&s->thin, x);
}

static void
end_learning(struct cusum_state *s)
{
	(void)hf_thin_robust(&s->thin, &s->mu, &s->sigma);
	if (!(s->sigma > 0))
		s->sigma = sqrt(s->m2 / (double)(s->n - 1));
	if (s->sigma < s->conf->min_sigma)
		s->sigma = s->conf->min_sigma;
	s->up = s->down = s->conf->fir ? s->conf->h / 2 : 0;
	s->phase = HF_LS_READY;
	if (!(s->sigma > 0) || !isfinite(s->sigma) || !isfinite(s->mu))
		s->phase = HF_LS_BLIND;
}

/* One side after a step of +-u - k. */
static double
add_up(double sum, double du, uint8_t *nfall)
{
	sum += du;
	*nfall = du < 0 ? *nfall + 1 : 0;
	if (!(sum > 0) || *nfall >= NFALL) {
		*nfall = 0;
		return 0;
	}
	return sum;
}

static void
watch(struct cusum_state *s, double x, struct hf_score *out)
{
	double k = s->conf->k, h = s->conf->h, u = (x - s->mu) / s->sigma;
	bool is_up;

	if (u > h + k)
		u = h + k;
	if (u < -h - k)
		u = -h - k;
	s->up = add_up(s->up, u - k, &s->nfall_up);
	s->down = add_up(s->down, -u - k, &s->nfall_down);
	is_up = s->up >= s->down;
	out->statistic = is_up ? s->up : s->down;
	out->limit = h;
	out->score = out->statistic / h;
	if (!(out->score < HF_SCORE_MAX))
		out->score = HF_SCORE_MAX;
	out->contrib[0] = 1;
	out->level = HF_LEVEL_WARN;
	out->rule = texts[is_up ? TEXT_ABOVE : TEXT_BELOW];
}

static const char *
why_blind(const struct cusum_state *s)
{
	return texts[s->sigma == 0 ? TEXT_CONSTANT : TEXT_NOT_FINITE];
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct cusum_state *s = state;
	double x = in->x[0];

	if (s->phase == HF_LS_LEARNING && s->n >= NMIN &&
	    hf_learn_has_passed(&s->learn, 1, s->n, s->first_ns, in->t_ns))
		end_learning(s);
	if (s->phase == HF_LS_LEARNING && !isnan(x))
		learn_value(s, in->t_ns, x);
	if (s->phase == HF_LS_READY && !isnan(x))
		watch(s, x, out);
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = why_blind(s);
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct cusum_state *s = state;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_u64(out, s->n);
	hf_buf_f64(out, s->mean);
	hf_buf_f64(out, s->m2);
	hf_buf_f64(out, s->mu);
	hf_buf_f64(out, s->sigma);
	hf_buf_f64(out, s->up);
	hf_buf_f64(out, s->down);
	hf_buf_u8(out, s->nfall_up);
	hf_buf_u8(out, s->nfall_down);
	if (s->phase == HF_LS_LEARNING)
		hf_thin_save(&s->thin, out);
}

static int
load(void *state, struct hf_rd *in)
{
	struct cusum_state *s = state;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->n = hf_rd_u64(in);
	s->mean = hf_rd_f64(in);
	s->m2 = hf_rd_f64(in);
	s->mu = hf_rd_f64(in);
	s->sigma = hf_rd_f64(in);
	s->up = hf_rd_f64(in);
	s->down = hf_rd_f64(in);
	s->nfall_up = hf_rd_u8(in);
	s->nfall_down = hf_rd_u8(in);
	if (s->phase == HF_LS_LEARNING && hf_thin_load(&s->thin, in) != HF_OK)
		return HF_ECORRUPT;
	if (!hf_rd_ok(in) || s->phase > HF_LS_BLIND || !(s->up >= 0) ||
	    !(s->down >= 0))
		return HF_ECORRUPT;
	if (s->phase == HF_LS_READY &&
	    (!(s->sigma > 0) || !isfinite(s->sigma) || !isfinite(s->mu)))
		return HF_ECORRUPT;
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct cusum_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(&s->learn, s->n, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct cusum_state *s = state;

	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_samples", s->n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_kf64(w, "mu", s->mu);
	hf_jw_kf64(w, "sigma", s->sigma);
	hf_jw_kf64(w, "sum_down", s->down);
	hf_jw_kf64(w, "sum_up", s->up);
}

static void
say(const void *state, const struct hf_score *sc, double x, const char *unit,
    struct hf_buf *out)
{
	const struct cusum_state *s = state;
	const char *gap = unit[0] ? " " : "";

	hf_buf_printf(out,
	    "%s from its learned %.6g%s%s: cumulative sum %.3g, limit "
	    "%.3g sigma (now %.6g%s%s)",
	    texts[s->up >= s->down ? TEXT_ABOVE : TEXT_BELOW], s->mu, gap, unit,
	    sc->statistic, sc->limit, x, gap, unit);
}

const struct hf_method hf_method_cusum = {
    .kind = {.name = "cusum",
	.help = "cumulative sum of one tag: finds small lasting shifts",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_cusum_conf),
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
