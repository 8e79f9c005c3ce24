/* SPDX-License-Identifier: Apache-2.0
 *
 * budget.h - a limit from a budget of false alarms instead of from a table.
 *
 * The operator says how many false alarms a position can bear per week. Each
 * signal of a detector with `limit: budget` gets its share of that, and this
 * file turns the share into a limit: the method learns on the first two thirds
 * of the learning span, and the scores it gives on the last third, which is
 * normal by definition, are the sample from which the tail is estimated. The
 * method's own score is then divided by the factor found, so a score of 1 is
 * again the limit. Works for every method that learns; no method knows of it.
 */
#ifndef HF_DETECT_BUDGET_H
#define HF_DETECT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/opt.h"

#define HF_BUDGET_NBLOCK 64 /* blocks into which the calibration is cut */
#define HF_BUDGET_NRING 64  /* longest `n` of a rule that is followed */

struct hf_budget_conf { /* one per detector, in place before the first step */
	double rate_hz; /* false alarms per second of source time, > 0 */
	struct hf_learn learn; /* of the detector, whole */
	uint32_t k, n;	       /* of the rule: k of n steps */
	bool is_quadratic;     /* of the method */
};

struct hf_budget_fit {
	double factor;	    /* of the method's score; > 0 */
	double largest;	    /* score seen in calibration, k of n applied */
	double expected_hz; /* false alarms per second at the limit */
	uint32_t nblock;    /* with a score */
	bool is_short;	    /* calibration shorter than 1 / rate */
	bool is_largest;    /* limit is the largest x HF_BUDGET_BEYOND */
	double span_s;	    /* source time of the calibration */
};

#define HF_BUDGET_BEYOND 1.75 /* on the scale of deviations, not of squares */

struct hf_budget {
	const struct hf_budget_conf *conf;
	bool is_done;			/* fit is valid */
	uint64_t n;			/* steps of the learning span */
	int64_t first_ns, last_ns;	/* of the learning span */
	uint64_t ncal;			/* steps with a score */
	int64_t cal_ns;			/* first of them */
	double ring[HF_BUDGET_NRING];	/* last n scores */
	double block[HF_BUDGET_NBLOCK]; /* largest per block; < 0: none */
	struct hf_budget_fit fit;
};

/* The part of the learning span that is left to the method. */
struct hf_learn hf_budget_learn(const struct hf_learn *l);
void hf_budget_start(struct hf_budget *b, const struct hf_budget_conf *c);
/* One step of the learning span at t; score: the method's, NaN while the method
 * itself still learns. Returns true when the span has ended (before this step,
 * which is no longer part of it) and fit is set. */
bool hf_budget_step(struct hf_budget *b, int64_t t_ns, double score);
/* 0..1 over the whole span. */
double hf_budget_progress(const struct hf_budget *b);
/* Limit and what is known of it, as pairs of an open object, keys sorted. */
void hf_budget_explain(const struct hf_budget *b, struct hf_jw *w);

/* The estimate alone: limit in units of the scores of block[], see budget.c. */
void hf_budget_estimate(const struct hf_budget_conf *c, const double *block,
    double span_s, struct hf_budget_fit *fit);

/* Layout in snapshot.c. After a load the fit is made anew from the blocks: a
 * changed budget takes effect without learning again. */
void hf_budget_save(const struct hf_budget *b, struct hf_buf *out);
int hf_budget_load(struct hf_budget *b, struct hf_rd *in); /* HF_ECORRUPT */

#endif
