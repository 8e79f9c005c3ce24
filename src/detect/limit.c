/* SPDX-License-Identifier: Apache-2.0
 *
 * limit.c - fixed bounds: two to warn, two to trip, with hold time and
 * hysteresis.
 *
 * A bound comes on when the value has been strictly beyond it, without a step
 * in between that was not, for `hold` of source time: the clock of this machine
 * has no part in it, and a replay at any speed decides the same. Once on, it
 * goes off when the value is `hysteresis` or more back inside.
 *
 * Score: 0 inside, 0.5 beyond but not yet for the hold time, 1 warn, 2 trip.
 * Statistic: the value. Limit: the bound that decided.
 *
 * State, little-endian: u8 version 1, then per bound (lo_trip, lo_warn,
 * hi_warn, hi_trip): u8 is_on, i64 time since which the value is beyond
 * (INT64_MIN = it is not).
 */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "detect/methods.h"

enum { LO_TRIP, LO_WARN, HI_WARN, HI_TRIP, NBOUND };

#define STATE_VERSION 1
#define SCORE_HOLDING 0.5 /* beyond, but not long enough yet */

struct limit_state {
	const struct hf_limit_conf *conf;
	int64_t since_ns[NBOUND]; /* HF_TIME_NONE = not beyond */
	bool is_on[NBOUND];
	double bound[NBOUND]; /* NaN = none */
};

static const char *const texts[] = {
    "below lo_trip",
    "below lo_warn",
    "above hi_warn",
    "above hi_trip",
    NULL,
};

static const struct hf_opt opts[] = {
    {.name = "lo_trip",
	.type = HF_OPT_F64,
	.off = offsetof(struct hf_limit_conf, lo_trip),
	.help = "a value below it is critical (engineering units of the tag)"},
    {.name = "lo_warn",
	.type = HF_OPT_F64,
	.off = offsetof(struct hf_limit_conf, lo_warn),
	.help = "a value below it is a warning"},
    {.name = "hi_warn",
	.type = HF_OPT_F64,
	.off = offsetof(struct hf_limit_conf, hi_warn),
	.help = "a value above it is a warning"},
    {.name = "hi_trip",
	.type = HF_OPT_F64,
	.off = offsetof(struct hf_limit_conf, hi_trip),
	.help = "a value above it is critical"},
    {.name = "hold",
	.type = HF_OPT_DUR,
	.unit = "s",
	.min = 0,
	.max = 86400,
	.dflt = "0s",
	.off = offsetof(struct hf_limit_conf, hold_ns),
	.help = "source time that a value must stay beyond a bound before it "
		"counts"},
    {.name = "hysteresis",
	.type = HF_OPT_F64,
	.min = 0,
	.max = 1e300,
	.dflt = "0",
	.off = offsetof(struct hf_limit_conf, hysteresis),
	.help = "how far a value must come back inside a bound before it "
		"returns (engineering units)"},
};

static int
check(const void *conf, char *why, size_t cap)
{
	static const char *const names[] = {
	    "lo_trip", "lo_warn", "hi_warn", "hi_trip"};
	const struct hf_limit_conf *c = conf;
	const double b[NBOUND] = {
	    c->lo_trip, c->lo_warn, c->hi_warn, c->hi_trip};
	int i, prev = -1;

	for (i = 0; i < NBOUND; i++) {
		if (isnan(b[i]))
			continue;
		if (prev >= 0 && !(b[prev] <= b[i])) {
			snprintf(why, cap, "%s must not be above %s",
			    names[prev], names[i]);
			return HF_EINVAL;
		}
		prev = i;
	}
	if (prev < 0) {
		snprintf(why, cap,
		    "lo_trip, lo_warn, hi_warn or hi_trip must "
		    "be given");
		return HF_EINVAL;
	}
	return HF_OK;
}

static size_t
state_size(const void *conf, size_t nvar)
{
	return sizeof(struct limit_state);
}

static void
start(void *state, const void *conf, const struct hf_learn *learn, size_t nvar)
{
	const struct hf_limit_conf *c = conf;
	struct limit_state *s = state;
	int i;

	*s = (struct limit_state){.conf = c,
	    .bound = {c->lo_trip, c->lo_warn, c->hi_warn, c->hi_trip}};
	for (i = 0; i < NBOUND; i++)
		s->since_ns[i] = HF_TIME_NONE;
}

/* One bound takes the value; a NaN bound is never passed. */
static void
step_bound(struct limit_state *s, int i, int64_t t_ns, double x)
{
	double over = i >= HI_WARN ? x - s->bound[i] : s->bound[i] - x;
	uint64_t held;

	if (over > 0) {
		if (s->since_ns[i] == HF_TIME_NONE)
			s->since_ns[i] = t_ns;
		/* times rise, so the unsigned difference cannot overflow */
		held = (uint64_t)t_ns - (uint64_t)s->since_ns[i];
		if (held >= (uint64_t)s->conf->hold_ns)
			s->is_on[i] = true;
		return;
	}
	s->since_ns[i] = HF_TIME_NONE;
	if (-over >= s->conf->hysteresis)
		s->is_on[i] = false;
}

static void
step(void *state, const struct hf_step *in, struct hf_score *out)
{
	static const int order[] = {LO_TRIP, HI_TRIP, LO_WARN, HI_WARN};
	struct limit_state *s = state;
	double x = in->x[0];
	size_t i;
	int b;

	out->statistic = x;
	out->learning = HF_LS_READY;
	for (b = 0; b < NBOUND; b++)
		if (!isnan(s->bound[b]) && !isnan(x))
			step_bound(s, b, in->t_ns, x);
	for (i = 0; i < NBOUND; i++) {
		b = order[i];
		if (!s->is_on[b])
			continue;
		out->level = i < 2 ? HF_LEVEL_TRIP : HF_LEVEL_WARN;
		out->score = out->level;
		out->limit = s->bound[b];
		out->rule = texts[b];
		out->contrib[0] = 1;
		return;
	}
	for (b = 0; b < NBOUND; b++) {
		if (s->since_ns[b] == HF_TIME_NONE)
			continue;
		out->score = SCORE_HOLDING;
		out->limit = s->bound[b];
	}
}

static void
save(const void *state, struct hf_buf *out)
{
	const struct limit_state *s = state;
	int i;

	hf_buf_u8(out, STATE_VERSION);
	for (i = 0; i < NBOUND; i++) {
		hf_buf_u8(out, s->is_on[i]);
		hf_buf_i64(out, s->since_ns[i]);
	}
}

static int
load(void *state, struct hf_rd *in)
{
	struct limit_state *s = state;
	uint8_t on;
	int i;

	if (hf_rd_u8(in) != STATE_VERSION)
		return HF_ECORRUPT;
	for (i = 0; i < NBOUND; i++) {
		on = hf_rd_u8(in);
		if (on > 1)
			return HF_ECORRUPT;
		s->is_on[i] = on;
		s->since_ns[i] = hf_rd_i64(in);
	}
	return hf_rd_ok(in) ? HF_OK : HF_ECORRUPT;
}

static void
say(const void *state, const struct hf_score *sc, double x, const char *unit,
    struct hf_buf *out)
{
	const struct limit_state *s = state;
	char hold[HF_TIME_TEXT];

	hf_buf_printf(out, "%.6g%s%s is %s (%.6g)", x, unit[0] ? " " : "", unit,
	    sc->rule != NULL ? sc->rule : "within its limits", sc->limit);
	if (s->conf->hold_ns > 0)
		hf_buf_printf(out, " for %s or longer",
		    hf_dur_fmt(s->conf->hold_ns, hold));
}

const struct hf_method hf_method_limit = {
    .kind = {.name = "limit",
	.help = "fixed bounds with hold time and hysteresis",
	.opts = opts,
	.nopt = sizeof(opts) / sizeof(opts[0]),
	.size = sizeof(struct hf_limit_conf),
	.check = check},
    .state_size = state_size,
    .start = start,
    .step = step,
    .save = save,
    .load = load,
    .say = say,
    .texts = texts,
};
