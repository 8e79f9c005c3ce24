/* SPDX-License-Identifier: Apache-2.0
 *
 * ewma.c - exponentially weighted moving average with learned limits.
 *
 * Learning. Over the learning span the method takes the mean mu and the
 * standard deviation s of the values (Welford) and the lag-1 autocorrelation
 * from the mean square of successive differences (von Neumann 1941):
 *
 *    phi = 1 - mean((x_i - x_(i-1))^2) / (2 s^2),   cut to 0 .. 0.999
 *
 * Nothing is kept but six sums, so a learning span may have any length.
 *
 * Watching. From the first value after the span on
 *
 *    z_i = lambda x_i + (1 - lambda) z_(i-1),   z_0 = mu
 *
 * and z is compared with mu +- L sd(z_i). For values without memory this is the
 * chart of Roberts (1959): sd = s sqrt(lambda / (2 - lambda) (1 - (1 -
 * lambda)^(2i))). A process value has a memory of minutes to hours, its average
 * does not calm down by averaging, and the classic limits would cry wolf all
 * day. With `autocorrelation` the exact deviation for a first-order process is
 * used (Schmid 1997, "On EWMA charts for time series"), by recursion in units
 * of s^2, V_0 = D_0 = 0:
 *
 *    V_i = (1 - lambda)^2 V_(i-1) + lambda^2 + 2 lambda (1 - lambda) phi
 *    D_(i-1) D_i = lambda + (1 - lambda) phi D_(i-1)
 *
 * With phi = 0 this is term by term the classic formula. sd(z_i) = s sqrt(V_i).
 *
 * Score |z - mu| / (L sd(z)); 1 and more is anomalous. Level: warn. Blind: the
 * signal was constant while learning and min_sigma is 0; or the learned numbers
 * are not finite. A blind signal says so and never raises anything. What lies
 * within the learning span is taken as normal: span and hash of it stand in
 * every event (engine).
 *
 * State, little-endian: u8 version 1, u8 phase, u64 n, i64 first and last time
 * of learning, f64 mean, m2, previous value, d2, mu, sigma, phi, z, V, D.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/learn.h"
#include "detect/methods.h"

#define STATE_VERSION 1
#define NMIN 8 /* fewer values give no standard deviation worth the name */
#define PHI_MAX 0.999 /* keeps the limits of a slow ramp finite */

enum { TEXT_ABOVE, TEXT_BELOW, TEXT_CONSTANT, TEXT_NOT_FINITE };
static const char *const texts[] = {
    "above the upper control limit",
    "below the lower control limit",
    "constant while learning",
    "values too large to learn from",
    NULL,
};

struct ewma_state {
	const struct hf_ewma_conf *conf;
	struct hf_learn learn;
	uint8_t phase;		   /* enum hf_learning */
	uint64_t n;		   /* values learned */
	int64_t first_ns, last_ns; /* of learning */
	double mean, m2;	   /* Welford */
	double prev, d2;       /* previous value, sum of squared differences */
	double mu, sigma, phi; /* what was learned */
	double z, V, D;	       /* see above */
};

static const struct hf_opt opts[] = {
    {.name = "lambda",
	.type = HF_OPT_F64,
	.min = 0.001,
	.max = 1,
	.dflt = "0.2",
	.off = offsetof(struct hf_ewma_conf, lambda),
	.help = "weight of the newest value: 0.05 sees small slow shifts, 1 "
		"looks at single values"},
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 100,
	.dflt = "4",
	.off = offsetof(struct hf_ewma_conf, L),
	.help = "half width of the limits in standard deviations of the "
		"average"},
    {.name = "min_sigma",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 1e300,
	.dflt = "0",
	.off = offsetof(struct hf_ewma_conf, min_sigma),
	.help = "least standard deviation to assume, in engineering units; "
		"the resolution of the sensor is a good value. With 0 a "
		"signal that is constant while learning stays blind"},
    {.name = "autocorrelation",
	.type = HF_OPT_BOOL,
	.dflt = "true",
	.off = offsetof(struct hf_ewma_conf, autocorrelation),
	.help = "widen the limits by the learned memory of the signal; "
		"false gives the textbook chart for independent values"},
};

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct ewma_state);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct ewma_state *s = state;

	*s = (struct ewma_state){.conf = conf,
	    .learn = *learn,
	    .phase = HF_LS_LEARNING,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE};
}

static void
learn_value(struct ewma_state *s, int64_t t_ns, double x)
{
	double delta;

	if (s->n == 0)
		s->first_ns = t_ns;
	else
		s->d2 += (x - s->prev) * (x - s->prev);
	s->n++;
	s->last_ns = t_ns;
	delta = x - s->mean;
	s->mean += delta / (double)s->n;
	s->m2 += delta * (x - s->mean);
	s->prev = x;
}

static bool
is_learned(const struct ewma_state *s, int64_t t_ns)
{
	return s->n >= NMIN &&
	       hf_learn_has_passed(&s->learn, 1, s->n, s->first_ns, t_ns);
}

static void
end_learning(struct ewma_state *s)
{
	double var = s->m2 / (double)(s->n - 1);
	double dvar = s->d2 / (double)(s->n - 1);

	s->mu = s->mean;
	s->sigma = sqrt(var);
	s->phi = 0;
	if (s->conf->autocorrelation && var > 0)
		s->phi = 1 - dvar / (2 * var);
	if (!(s->phi > 0)) /* also if it is NaN */
		s->phi = 0;
	if (s->phi > PHI_MAX)
		s->phi = PHI_MAX;
	if (s->sigma < s->conf->min_sigma)
		s->sigma = s->conf->min_sigma;
	s->phase = HF_LS_READY;
	if (!(s->sigma > 0) || !isfinite(s->sigma) || !isfinite(s->mu))
		s->phase = HF_LS_BLIND;
	s->z = s->mu;
}

static const char *
why_blind(const struct ewma_state *s)
{
	return texts[s->sigma == 0 ? TEXT_CONSTANT : TEXT_NOT_FINITE];
}

static void
watch(struct ewma_state *s, double x, struct hf_score *out)
{
	double lambda = s->conf->lambda, keep = 1 - lambda, sd, dev;

	s->z = lambda * x + keep * s->z;
	s->V = keep * keep * s->V + lambda * lambda +
	       2 * lambda * keep * s->phi * s->D;
	s->D = lambda + keep * s->phi * s->D;
	sd = s->sigma * sqrt(s->V);
	dev = s->z - s->mu;
	out->centre = s->mu;
	out->statistic = s->z;
	out->limit =
	    dev < 0 ? s->mu - s->conf->L * sd : s->mu + s->conf->L * sd;
	out->score = fabs(dev) / (s->conf->L * sd);
	if (!(out->score < HF_SCORE_MAX))
		out->score = HF_SCORE_MAX;
	out->contrib[0] = 1;
	out->level = HF_LEVEL_WARN; /* the engine drops it below 1 */
	out->rule = texts[dev < 0 ? TEXT_BELOW : TEXT_ABOVE];
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct ewma_state *s = state;
	double x = in->x[0];

	if (s->phase == HF_LS_LEARNING && is_learned(s, in->t_ns))
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
	const struct ewma_state *s = state;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u64(out, s->n);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_f64(out, s->mean);
	hf_buf_f64(out, s->m2);
	hf_buf_f64(out, s->prev);
	hf_buf_f64(out, s->d2);
	hf_buf_f64(out, s->mu);
	hf_buf_f64(out, s->sigma);
	hf_buf_f64(out, s->phi);
	hf_buf_f64(out, s->z);
	hf_buf_f64(out, s->V);
	hf_buf_f64(out, s->D);
}

static int
load(void *state, struct hf_rd *in)
{
	struct ewma_state *s = state;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	s->n = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->mean = hf_rd_f64(in);
	s->m2 = hf_rd_f64(in);
	s->prev = hf_rd_f64(in);
	s->d2 = hf_rd_f64(in);
	s->mu = hf_rd_f64(in);
	s->sigma = hf_rd_f64(in);
	s->phi = hf_rd_f64(in);
	s->z = hf_rd_f64(in);
	s->V = hf_rd_f64(in);
	s->D = hf_rd_f64(in);
	if (!hf_rd_ok(in) || s->phase > HF_LS_BLIND)
		return HF_ECORRUPT;
	if (s->phase == HF_LS_READY &&
	    (!(s->sigma > 0) || !(s->phi >= 0) || !(s->phi < 1) ||
		!isfinite(s->sigma) || !isfinite(s->z)))
		return HF_ECORRUPT;
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct ewma_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(&s->learn, s->n, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct ewma_state *s = state;

	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_samples", s->n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_kf64(w, "mu", s->mu);
	hf_jw_kf64(w, "phi", s->phi);
	hf_jw_kf64(w, "sd_of_average", s->sigma * sqrt(s->V));
	hf_jw_kf64(w, "sigma", s->sigma);
}

static void
say(const void *state, const struct hf_score *sc, double x, const char *unit,
    struct hf_buf *out)
{
	const struct ewma_state *s = state;
	const char *gap = unit[0] ? " " : "";
	double dev = x - s->mu;

	hf_buf_printf(out, "%.6g%s%s is %.1f sigma %s its learned %.6g%s%s", x,
	    gap, unit, fabs(dev) / s->sigma, dev < 0 ? "below" : "above", s->mu,
	    gap, unit);
	hf_buf_printf(
	    out, " (EWMA %.6g, limit %.6g)", sc->statistic, sc->limit);
}

const struct hf_method hf_method_ewma = {
    .kind = {.name = "ewma",
	.help = "moving average with learned control limits",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_ewma_conf),
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
