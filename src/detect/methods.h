/* SPDX-License-Identifier: Apache-2.0
 *
 * methods.h - the rows of methods.c, and the words for levels and learning
 * states.
 *
 * The option structs are public so that tests can fill them without a plant
 * file.
 */
#ifndef HF_DETECT_METHODS_H
#define HF_DETECT_METHODS_H

#include <stdbool.h>
#include <stdint.h>

#include "detect/method.h"

#define HF_SCORE_MAX 1e9 /* scores are cut here, so that they stay finite */

struct hf_limit_conf { /* fixed bounds, engineering units, NaN = none */
	double lo_trip, lo_warn, hi_warn, hi_trip;
	int64_t hold_ns;   /* source time beyond a bound before it counts */
	double hysteresis; /* how far back inside before it returns */
};

struct hf_ewma_conf {
	double lambda;	  /* weight of the newest value, (0, 1] */
	double L;	  /* half width of the limits in sigmas of the EWMA */
	double min_sigma; /* floor of the learned sigma, engineering units */
	bool autocorrelation; /* limits allow for a signal's memory */
};

struct hf_mewma_conf {
	double lambda;
	double L;      /* least limit: as unlikely as L sigmas of one signal */
	double factor; /* limit >= factor x largest statistic of calibration */
	double ridge;  /* part of each variance added to the diagonal */
	int64_t grid_ns;
};

struct hf_t2_conf {
	double L;      /* least limit: as unlikely as L sigmas of one signal */
	double factor; /* limit >= factor x largest statistic of calibration */
	double ridge;  /* part of each variance added to the diagonal */
	int64_t grid_ns;
};

struct hf_pca_conf {
	double variance;  /* share that the kept components hold, (0, 1] */
	double L, factor; /* as for t2, for both statistics */
	int64_t grid_ns;
};

struct hf_cusum_conf {
	double k, h;	  /* learned sigmas */
	bool fir;	  /* sums begin at h / 2 */
	double min_sigma; /* floor of the learned sigma, engineering units */
};

struct hf_season_conf {
	int64_t slot_ns;   /* divides a day */
	bool weekday;	   /* slots of a week instead of a day */
	int64_t offset_ns; /* clock of the slots ahead of UTC */
	int64_t nmin;	   /* values that a slot needs */
	double L;	   /* half width of the limits in sigmas of the slot */
	double min_sigma;  /* floor of the learned sigma, engineering units */
};

struct hf_residual_conf {
	double lambda;
	double wander; /* smoothing gain above which a signal is followed */
	double L;      /* least limit: as unlikely as L sigmas of one signal */
	double factor; /* limit >= factor x largest statistic of calibration */
	double ridge;  /* part of the mean variance added to the diagonal */
	int64_t grid_ns;
};

struct hf_novelty_conf {
	double limit;  /* of the summed surprise */
	double memory; /* learning spans that an alarm is remembered for */
};

extern const struct hf_method hf_method_limit;
extern const struct hf_method hf_method_ewma;
extern const struct hf_method hf_method_mewma;
extern const struct hf_method hf_method_t2;
extern const struct hf_method hf_method_pca;
extern const struct hf_method hf_method_cusum;
extern const struct hf_method hf_method_season;
extern const struct hf_method hf_method_residual;
extern const struct hf_method hf_method_novelty;

#endif
