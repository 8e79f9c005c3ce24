/* SPDX-License-Identifier: Apache-2.0
 *
 * method.h - what a detection method gives to the engine.
 *
 * A method is deterministic C: same options, same state, same samples give the
 * same bits. No clock, no random numbers, no allocation after start, summation
 * in fixed order, compiled without FMA contraction. State is a flat struct per
 * signal (or per group) that the method itself saves and loads in a defined
 * byte order.
 */
#ifndef HF_DETECT_METHOD_H
#define HF_DETECT_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/opt.h"

enum hf_learning { /* visible learning state */
	HF_LS_LEARNING,
	HF_LS_READY,
	HF_LS_BLIND,
	/* Ready, but the level of its scores has left that of the time behind
	 * learning for long (drift.h). Shown to people only: a method never
	 * returns it and a score never carries it. */
	HF_LS_DRIFTED
};

enum hf_level { HF_LEVEL_NONE, HF_LEVEL_WARN, HF_LEVEL_TRIP };

struct hf_step {	 /* one step of one signal (univariate) or group */
	int64_t t_ns;	 /* source time of the step */
	const double *x; /* nvar values; NaN = no good value at this step */
	size_t nvar;
};

struct hf_score {
	double score;	  /* in units of the limit: >= 1 is anomalous */
	double statistic; /* what was compared, in the method's own units */
	double limit;	  /* what it was compared with */
	double centre;	  /* what was expected; NaN if the method has none */
	uint8_t level;	  /* enum hf_level */
	uint8_t learning; /* enum hf_learning; not HF_LS_DRIFTED */
	/* static text: "above hi_trip". A method that learns sets rule and
	 * level at any score: the limit that decides may be that of a budget
	 * (budget.h), and the engine clears both below it. */
	const char *rule;
	const char *why_blind; /* static text when HF_LS_BLIND */
	/* nvar values that the method fills, sum = 1; caller's */
	double *contrib;
};

struct hf_method {
	struct hf_kind kind; /* name and options of `detectors:` */
	bool is_group; /* all tags as one vector on a grid; else one per tag */
	bool does_learn; /* the detector's `learn` is required */
	size_t (*state_size)(const void *conf, size_t nvar);
	void (*start)(void *state, const void *conf,
	    const struct hf_learn *learn, size_t nvar);
	void (*step)(
	    void *state, const struct hf_step *in, struct hf_score *out);
	void (*save)(const void *state, struct hf_buf *out);
	int (*load)(void *state, struct hf_rd *in); /* HF_ECORRUPT */
	/* Learning, 0..1; NULL if the method does not learn. */
	double (*progress)(const void *state);
	/* What was learned, as "key": value pairs of an open object, keys
	 * sorted. May be NULL. */
	void (*explain)(const void *state, struct hf_jw *w);
	/* Half a sentence for people about the last step of a univariate
	 * method: "31.2 degC is 5.1 sigma below ...". x: the value; unit: may
	 * be "". Group methods leave it NULL: the engine then names the largest
	 * contributions. */
	void (*say)(const void *state, const struct hf_score *s, double x,
	    const char *unit, struct hf_buf *out);
	/* Group methods: spacing of the grid, > 0. */
	int64_t (*grid_ns)(const void *conf);
	/* Every text that .rule and .why_blind can be, NULL-terminated: a
	 * snapshot stores the place in this list. Texts are only added at its
	 * end. */
	const char *const *texts;
	/* Group methods, may be NULL: why variable i takes no part in the
	 * learned model (static text), NULL if it does. */
	const char *(*why_variable)(const void *state, size_t i);
	/* The score grows with the square of a deviation (T2, Q): tail
	 * estimates are made of its root. */
	bool is_quadratic;
};

#define HF_GROUP_NVAR 48 /* tags of one group: keeps its state <= 64 KiB */

extern const struct hf_method *const hf_methods[];
extern const size_t hf_nmethod;
const struct hf_method *hf_method_find(const char *name);

#endif
