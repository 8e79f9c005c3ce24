/* SPDX-License-Identifier: Apache-2.0
 *
 * residual.c - MEWMA for groups in which some tags wander.
 *
 * The temperature of a motor, the level of a tank: such a signal is somewhere
 * else an hour later without anything being wrong. A chart that holds its mean
 * of the learning span against it cries wolf for ever (mewma does); a chart
 * that follows every signal forgets a fault within minutes. So the method
 * learns which signals wander, follows those, holds the others to their learned
 * mean, and watches the residuals of all of them together: the special-cause
 * chart of Alwan and Roberts (1988), in several variables.
 *
 * Learning has three parts, in one pass and without keeping rows.
 *
 * 1. First half of the span. Mean and standard deviation sd of each variable
 * (Welford). Beside these, simple exponential smoothing with NGAIN gains,
 *
 *    l = l + g (x - l),   g at least 1 / (values so far),
 *
 * which is the best forecast of a random walk seen through noise (Muth 1960).
 * The gain with the least mean square error of one-step forecasts tells what
 * the signal does: near 0 it stays, near 1 it walks. Ties within 0.1 % go to
 * the smaller gain; the first WARM_UP values do not count. Above `wander` the
 * variable is followed: its residual is x - l with the level l before x. Below,
 * its residual is x - mean. Both are divided by sd.
 *
 * 2. Third quarter. Residuals u run into z = lambda u + (1 - lambda) z; mean
 * and covariance C of z over this quarter, without the first 3 / lambda rows.
 * Taking the covariance of z itself instead of lambda / (2 - lambda) times that
 * of u counts the memory that residuals still have. `ridge` times the mean of
 * C's diagonal is added to the diagonal; C = G G' (Cholesky).
 *
 * 3. Last quarter. The statistic runs and its largest value is kept.
 *
 * Watching: T2 = (z - mean z)' C^-1 (z - mean z), limit = max(factor x that
 * largest T2, chi-square quantile as unlikely as L sigmas on one side). Score
 * T2 / limit. Contribution of variable i: d_i (C^-1 d)_i / T2, d = z - mean z;
 * they sum to 1 and may be negative. A missing value leaves z and level where
 * they were. A variable that was constant or mostly missing in the first half
 * takes no part.
 *
 * A followed variable shows a fault as long as its level has not caught up. For
 * the level a forecast error counts at most BOUND times the root mean square
 * error of the first part (Huber 1964), so a slow walk is followed at once and
 * a jump that no walk makes stays visible.
 *
 * State, little-endian: u8 version 1, u8 phase, u16 nvar, u8 part of learning
 * (0..2), u64 rows of learning, of C and of z, i64 first and last time of
 * learning, f64 largest T2, f64 limit; for each variable u64 values, f64 mean,
 * m2, gain, level, step, NGAIN levels, NGAIN sums of squared errors; then f64
 * z, mean z [nvar], C and G (packed triangles).
 */
#include <math.h>
#include <stddef.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/detmath.h"
#include "detect/learn.h"
#include "detect/linalg.h"
#include "detect/methods.h"

#define STATE_VERSION 1
#define NGAIN 10
#define WARM_UP 16 /* values until forecasts are judged */
#define TIE 0.999
#define BOUND 8.0  /* root mean square errors that a level moves by at most */
#define SETTLE 3.0 /* in units of 1 / lambda: (1 - lambda)^(3/lambda) is 4 % */

static const double gains[NGAIN] = {
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1};

enum { TEXT_OFF, TEXT_CONSTANT, TEXT_MISSING, TEXT_SINGULAR };
static const char *const texts[] = {
    "values do not fit together as learned",
    "constant while learning",
    "missing while learning",
    "learned values cannot be factored",
    NULL,
};

enum part { PART_LEVEL, PART_COVARIANCE, PART_LIMIT };
static const double part_ends[] = {0.5, 0.75, 1};

struct var {
	uint64_t n;	 /* values of the first part */
	double mean, m2; /* Welford */
	double gain, level;
	double step; /* root mean square error of its forecasts */
	double l[NGAIN], e2[NGAIN]; /* levels and squared errors by gain */
	bool is_live;		    /* takes part; known after the first part */
};

struct residual_state {
	const struct hf_residual_conf *conf;
	struct hf_learn learn;
	size_t nvar, nlive;
	uint8_t phase; /* enum hf_learning */
	uint8_t part;  /* of learning */
	const char *blind;
	uint64_t n, nz; /* rows of learning; rows that C is made of */
	uint64_t nrun;	/* rows since z runs; counts no further than settling */
	int64_t first_ns, last_ns;
	double max_t2, limit;
	struct var *var;		     /* [d] */
	double *z, *zmean, *dev, *y, *C, *G; /* [d] [d] [d] [d], triangles */
	double mem[];
};

static const struct hf_opt opts[] = {
    {.name = "lambda",
	.type = HF_OPT_F64,
	.min = 0.001,
	.max = 1,
	.dflt = "0.1",
	.off = offsetof(struct hf_residual_conf, lambda),
	.help = "weight of the newest row"},
    {.name = "wander",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 1,
	.dflt = "0.07",
	.off = offsetof(struct hf_residual_conf, wander),
	.help = "a signal whose best smoothing gain is above this is taken to "
		"wander and is followed; 1 holds every signal to its mean, 0 "
		"follows all"},
    {.name = "L",
	.type = HF_OPT_F64,
	.min = 0.5,
	.max = 10,
	.dflt = "4",
	.off = offsetof(struct hf_residual_conf, L),
	.help = "least limit, as unlikely as L standard deviations of one "
		"signal"},
    {.name = "factor",
	.type = HF_OPT_F64,
	.min = 1,
	.max = 1000,
	.dflt = "1.5",
	.off = offsetof(struct hf_residual_conf, factor),
	.help = "the limit is at least this many times the largest "
		"statistic of the last quarter of the learning span"},
    {.name = "ridge",
	.type = HF_OPT_F64,
	.min = 1e-6,
	.max = 1,
	.dflt = "0.01",
	.off = offsetof(struct hf_residual_conf, ridge),
	.help = "part of the mean variance added to the diagonal, so that "
		"nearly equal signals do not count twice"},
    {.name = "grid",
	.type = HF_OPT_DUR,
	.unit = "ms",
	.min = 1,
	.max = 86400000,
	.dflt = "1s",
	.off = offsetof(struct hf_residual_conf, grid_ns),
	.help = "spacing of the rows that the tags are put into; the "
		"sampling interval of the slowest tag is a good value"},
};

static size_t
ndouble(size_t nvar)
{
	return 4 * nvar + 2 * hf_tri(nvar);
}

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct residual_state) + ndouble(nvar) * sizeof(double) +
	       nvar * sizeof(struct var);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	struct residual_state *s = state;
	size_t i, d = nvar;

	*s = (struct residual_state){.conf = conf,
	    .learn = *learn,
	    .nvar = d,
	    .phase = HF_LS_LEARNING,
	    .first_ns = HF_TIME_NONE,
	    .last_ns = HF_TIME_NONE,
	    .z = s->mem,
	    .zmean = s->mem + d,
	    .dev = s->mem + 2 * d,
	    .y = s->mem + 3 * d,
	    .C = s->mem + 4 * d,
	    .G = s->mem + 4 * d + hf_tri(d),
	    .var = (struct var *)(s->mem + ndouble(d))};
	for (i = 0; i < ndouble(d); i++)
		s->mem[i] = 0;
	for (i = 0; i < d; i++)
		s->var[i] = (struct var){.gain = 0};
}

/* ---- first part ---- */

static void
learn_value(struct var *v, double x)
{
	double delta = x - v->mean, e, g;
	size_t k;

	v->n++;
	for (k = 0; k < NGAIN; k++) {
		g = fmax(gains[k], 1 / (double)v->n);
		e = x - v->l[k];
		v->l[k] += g * e;
		if (v->n > WARM_UP)
			v->e2[k] += e * e;
	}
	v->mean += delta / (double)v->n;
	v->m2 += delta * (x - v->mean);
}

static void
choose_gain(struct var *v)
{
	size_t k, best = 0;

	if (v->n <= WARM_UP)
		return;
	for (k = 1; k < NGAIN; k++)
		if (v->e2[k] < v->e2[best] * TIE)
			best = k;
	v->gain = gains[best];
	v->level = v->l[best];
	v->step = sqrt(v->e2[best] / (double)(v->n - WARM_UP));
}

static double
sd_of(const struct var *v)
{
	return v->n > 0 ? sqrt(v->m2 / (double)v->n) : 0;
}

/* Why a variable takes no part: an index into texts, or -1. The variable with
 * most values stands for the rows of the first part. */
static int
why(const struct residual_state *s, size_t i)
{
	uint64_t most = 0;
	size_t k;

	for (k = 0; k < s->nvar; k++)
		if (s->var[k].n > most)
			most = s->var[k].n;
	if (s->var[i].n <= WARM_UP || s->var[i].n < most / 2)
		return TEXT_MISSING;
	return sd_of(&s->var[i]) > 0 ? -1 : TEXT_CONSTANT;
}

static void
go_blind(struct residual_state *s, int text)
{
	s->phase = HF_LS_BLIND;
	s->blind = texts[text];
}

/* Sets is_live and nlive; returns why, if none is. */
static int
find_live(struct residual_state *s)
{
	bool is_constant = false;
	size_t i;
	int w;

	s->nlive = 0;
	for (i = 0; i < s->nvar; i++) {
		w = why(s, i);
		s->var[i].is_live = w < 0;
		s->nlive += w < 0;
		is_constant |= w == TEXT_CONSTANT;
	}
	return is_constant ? TEXT_CONSTANT : TEXT_MISSING;
}

static void
end_level(struct residual_state *s)
{
	size_t i;
	int text = find_live(s);

	for (i = 0; i < s->nvar; i++)
		choose_gain(&s->var[i]);
	if (s->nlive == 0)
		go_blind(s, text);
}

/* ---- second and third part, watching ---- */

static void
follow(struct var *v, double x)
{
	double most = BOUND * v->step;

	v->level += v->gain * fmax(-most, fmin(most, x - v->level));
}

/* Takes a row into z. */
static void
advance(struct residual_state *s, const double *x)
{
	double lambda = s->conf->lambda, sd, u;
	size_t i;

	for (i = 0; i < s->nvar; i++) {
		struct var *v = &s->var[i];

		if (isnan(x[i]) || !v->is_live)
			continue;
		sd = sd_of(v);
		if (v->gain > s->conf->wander) {
			u = (x[i] - v->level) / sd;
			follow(v, x[i]);
		} else {
			u = (x[i] - v->mean) / sd;
		}
		s->z[i] = lambda * u + (1 - lambda) * s->z[i];
	}
	if ((double)s->nrun <= SETTLE / s->conf->lambda)
		s->nrun++;
}

static bool
has_settled(const struct residual_state *s)
{
	return (double)s->nrun > SETTLE / s->conf->lambda;
}

static void
learn_covariance(struct residual_state *s)
{
	size_t i, j;

	if (!has_settled(s))
		return;
	s->nz++;
	for (i = 0; i < s->nvar; i++) {
		s->dev[i] = s->z[i] - s->zmean[i];
		s->zmean[i] += s->dev[i] / (double)s->nz;
	}
	for (i = 0; i < s->nvar; i++)
		for (j = 0; j <= i; j++)
			s->C[hf_tri(i) + j] +=
			    s->dev[i] * (s->z[j] - s->zmean[j]);
}

static void
end_covariance(struct residual_state *s)
{
	double trace = 0, n = (double)(s->nz - 1);
	size_t i, j;

	for (i = 0; i < s->nvar; i++) {
		for (j = 0; j <= i; j++)
			s->G[hf_tri(i) + j] = s->C[hf_tri(i) + j] / n;
		trace += s->G[hf_tri(i) + i];
	}
	for (i = 0; i < s->nvar; i++)
		s->G[hf_tri(i) + i] +=
		    s->conf->ridge * trace / (double)s->nlive;
	if (hf_la_cholesky(s->G, s->nvar, s->G) != HF_OK)
		go_blind(s, TEXT_SINGULAR);
}

/* T2 of z; contrib may be NULL. */
static double
statistic(struct residual_state *s, double *contrib)
{
	double q = 0;
	size_t i;

	for (i = 0; i < s->nvar; i++)
		s->dev[i] = s->z[i] - s->zmean[i];
	hf_la_solve(s->G, s->nvar, s->dev, s->y);
	for (i = 0; i < s->nvar; i++)
		q += s->dev[i] * s->y[i];
	for (i = 0; contrib != NULL && i < s->nvar; i++)
		contrib[i] = q > 0 ? s->dev[i] * s->y[i] / q : 0;
	return q;
}

static void
end_limit(struct residual_state *s)
{
	s->limit = hf_det_chi_square((double)s->nlive, s->conf->L);
	if (s->limit < s->conf->factor * s->max_t2)
		s->limit = s->conf->factor * s->max_t2;
	if (isfinite(s->limit))
		s->phase = HF_LS_READY;
	else
		go_blind(s, TEXT_SINGULAR);
}

/* Rows without which the next part would rest on nothing. */
static bool
has_enough(const struct residual_state *s)
{
	if (s->part == PART_LEVEL)
		return s->n >= 2 * WARM_UP;
	return s->part == PART_LIMIT || s->nz >= 2 * s->nvar + 2;
}

static void
next_part(struct residual_state *s)
{
	if (s->part == PART_LEVEL)
		end_level(s);
	else if (s->part == PART_COVARIANCE)
		end_covariance(s);
	else
		end_limit(s);
	if (s->phase == HF_LS_LEARNING)
		s->part++;
}

static void
learn_row(struct residual_state *s, const struct hf_step *in)
{
	double t2;
	size_t i;

	s->n++;
	s->last_ns = in->t_ns;
	if (s->part == PART_LEVEL) {
		for (i = 0; i < s->nvar; i++)
			if (!isnan(in->x[i]))
				learn_value(&s->var[i], in->x[i]);
		return;
	}
	advance(s, in->x);
	if (s->part == PART_COVARIANCE) {
		learn_covariance(s);
		return;
	}
	t2 = statistic(s, NULL);
	if (t2 > s->max_t2)
		s->max_t2 = t2;
}

static void
learn_step(struct residual_state *s, const struct hf_step *in)
{
	if (s->first_ns == HF_TIME_NONE)
		s->first_ns = in->t_ns;
	while (s->phase == HF_LS_LEARNING && has_enough(s) &&
	       hf_learn_has_passed(
		   &s->learn, part_ends[s->part], s->n, s->first_ns, in->t_ns))
		next_part(s);
	if (s->phase == HF_LS_LEARNING)
		learn_row(s, in);
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	struct residual_state *s = state;

	if (s->phase == HF_LS_LEARNING)
		learn_step(s, in);
	if (s->phase == HF_LS_READY) {
		advance(s, in->x);
		out->statistic = statistic(s, out->contrib);
		out->limit = s->limit;
		out->score = out->statistic / s->limit;
		if (!(out->score < HF_SCORE_MAX))
			out->score = HF_SCORE_MAX;
		out->level = HF_LEVEL_WARN; /* the engine drops it below 1 */
		out->rule = texts[TEXT_OFF];
	}
	out->learning = s->phase;
	if (s->phase == HF_LS_BLIND)
		out->why_blind = s->blind;
}

/* ---- out and in ---- */

static void
save_var(const struct var *v, struct hf_buf *out)
{
	size_t k;

	hf_buf_u64(out, v->n);
	hf_buf_f64(out, v->mean);
	hf_buf_f64(out, v->m2);
	hf_buf_f64(out, v->gain);
	hf_buf_f64(out, v->level);
	hf_buf_f64(out, v->step);
	for (k = 0; k < NGAIN; k++)
		hf_buf_f64(out, v->l[k]);
	for (k = 0; k < NGAIN; k++)
		hf_buf_f64(out, v->e2[k]);
}

static void
load_var(struct var *v, struct hf_rd *in)
{
	size_t k;

	v->n = hf_rd_u64(in);
	v->mean = hf_rd_f64(in);
	v->m2 = hf_rd_f64(in);
	v->gain = hf_rd_f64(in);
	v->level = hf_rd_f64(in);
	v->step = hf_rd_f64(in);
	for (k = 0; k < NGAIN; k++)
		v->l[k] = hf_rd_f64(in);
	for (k = 0; k < NGAIN; k++)
		v->e2[k] = hf_rd_f64(in);
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct residual_state *s = state;
	size_t i, d = s->nvar;

	hf_buf_u8(out, STATE_VERSION);
	hf_buf_u8(out, s->phase);
	hf_buf_u16(out, (uint16_t)d);
	hf_buf_u8(out, s->part);
	hf_buf_u64(out, s->n);
	hf_buf_u64(out, s->nz);
	hf_buf_u64(out, s->nrun);
	hf_buf_i64(out, s->first_ns);
	hf_buf_i64(out, s->last_ns);
	hf_buf_f64(out, s->max_t2);
	hf_buf_f64(out, s->limit);
	for (i = 0; i < d; i++)
		save_var(&s->var[i], out);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, s->z[i]);
	for (i = 0; i < d; i++)
		hf_buf_f64(out, s->zmean[i]);
	for (i = 0; i < hf_tri(d); i++)
		hf_buf_f64(out, s->C[i]);
	for (i = 0; i < hf_tri(d); i++)
		hf_buf_f64(out, s->G[i]);
}

static bool
is_sound(const struct residual_state *s)
{
	size_t i;

	if (s->phase > HF_LS_BLIND || s->part > PART_LIMIT)
		return false;
	if (s->phase == HF_LS_READY &&
	    (s->part != PART_LIMIT || !(s->limit > 0)))
		return false;
	for (i = 0; i < s->nvar && s->phase != HF_LS_BLIND; i++)
		if (s->part == PART_LIMIT && !(s->G[hf_tri(i) + i] > 0))
			return false;
	return true;
}

static int
load(void *state, struct hf_rd *in)
{
	struct residual_state *s = state;
	size_t i, d = s->nvar;
	int text;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	s->phase = hf_rd_u8(in);
	if (hf_rd_u16(in) != d)
		return HF_ECORRUPT;
	s->part = hf_rd_u8(in);
	s->n = hf_rd_u64(in);
	s->nz = hf_rd_u64(in);
	s->nrun = hf_rd_u64(in);
	s->first_ns = hf_rd_i64(in);
	s->last_ns = hf_rd_i64(in);
	s->max_t2 = hf_rd_f64(in);
	s->limit = hf_rd_f64(in);
	for (i = 0; i < d; i++)
		load_var(&s->var[i], in);
	for (i = 0; i < d; i++)
		s->z[i] = hf_rd_f64(in);
	for (i = 0; i < d; i++)
		s->zmean[i] = hf_rd_f64(in);
	for (i = 0; i < hf_tri(d); i++)
		s->C[i] = hf_rd_f64(in);
	for (i = 0; i < hf_tri(d); i++)
		s->G[i] = hf_rd_f64(in);
	if (!hf_rd_ok(in) || !is_sound(s))
		return HF_ECORRUPT;
	if (s->part == PART_LEVEL && s->phase == HF_LS_LEARNING)
		return HF_OK;
	text = find_live(s);
	if (s->phase == HF_LS_BLIND)
		s->blind = texts[s->nlive > 0 ? TEXT_SINGULAR : text];
	return HF_OK;
}

static double
progress(const void *state)
{
	const struct residual_state *s = state;

	return s->phase == HF_LS_LEARNING
		   ? hf_learn_progress(&s->learn, s->n, s->first_ns, s->last_ns)
		   : 1;
}

static void
explain(const void *state, struct hf_jw *w)
{
	const struct residual_state *s = state;
	uint64_t nfollowed = 0;
	size_t i;

	for (i = 0; i < s->nvar; i++)
		nfollowed +=
		    s->var[i].is_live && s->var[i].gain > s->conf->wander;
	hf_jw_kf64(w, "largest_t2", s->max_t2);
	hf_jw_ktime(w, "learned_from", s->first_ns);
	hf_jw_ku64(w, "learned_rows", s->n);
	hf_jw_ktime(w, "learned_to", s->last_ns);
	hf_jw_ku64(w, "variables_followed", nfollowed);
	hf_jw_ku64(w, "variables_used", s->nlive);
}

static const char *
why_variable(const void *state, size_t i)
{
	const struct residual_state *s = state;
	int w;

	if (s->part == PART_LEVEL)
		return NULL;
	w = why(s, i);
	return w < 0 ? NULL : texts[w];
}

static int64_t
grid_ns(const void *conf)
{
	return ((const struct hf_residual_conf *)conf)->grid_ns;
}

const struct hf_method hf_method_residual = {
    .kind = {.name = "residual",
	.help = "several tags as one, like mewma, for groups in which some "
		"tags wander (temperatures, levels): those are followed, the "
		"others are held to their learned mean",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_residual_conf),
	.flags = HF_KIND_LEARNS},
    .is_group = true,
    .does_learn = true,
    .state_size = state_size,
    .start = start,
    .step = step,
    .save = save,
    .load = load,
    .progress = progress,
    .explain = explain,
    .grid_ns = grid_ns,
    .why_variable = why_variable,
    .is_quadratic = true,
    .texts = texts,
};
