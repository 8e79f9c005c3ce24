/* SPDX-License-Identifier: Apache-2.0
 *
 * detmath.h - elementary functions whose bits do not depend on the C library.
 *
 * libm may round log and exp differently from one version to the next; what
 * feeds a decision uses these. sqrt, frexp, ldexp and floor are exact by IEEE
 * 754 and need no substitute. Errors against correctly rounded values stay
 * below 4e-16 relative (tests/unit/detect_math_test.c).
 */
#ifndef HF_DETECT_DETMATH_H
#define HF_DETECT_DETMATH_H

#include <stddef.h>

double hf_det_log(double x);	       /* -inf for 0, NaN below */
double hf_det_exp(double x);	       /* 0 below -745, inf above 709.7 */
double hf_det_pow(double x, double y); /* x > 0; relative 1e-14 */
/* x with P(Z < x) = p for a standard normal Z, 0 < p < 1; 1.2e-9 relative
 * (Acklam 2003). */
double hf_det_normal_quantile(double p);
/* Chi-square value of d degrees of freedom as unlikely as z sigmas on one side
 * (Wilson and Hilferty 1931); >= 0. */
double hf_det_chi_square(double d, double z);

#endif
