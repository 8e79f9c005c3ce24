/* SPDX-License-Identifier: Apache-2.0
 *
 * detmath.c - log, exp, pow and quantiles in fixed sequences of additions,
 * multiplications and divisions. Compiled without FMA contraction, so every
 * machine of a build gives the same bits.
 *
 * log: x = m 2^e with m in [sqrt(1/2), sqrt(2)), s = (m - 1) / (m + 1),
 *      log x = e ln 2 + 2 (s + s^3/3 + ... + s^21/21); |s| <= 0.1716, so the
 *      rest is below 1e-18.
 * exp: x = k ln 2 + r, |r| <= 0.35, ln 2 in two parts so that r is exact to
 *      the last bit; Taylor to r^14 / 14!.
 */
#include "detect/detmath.h"

#include <math.h>

/* ln 2 in two parts (fdlibm): k * LN2_HI is exact */
#define LN2_HI 0x1.62e42feep-1
#define LN2_LO 0x1.a39ef35793c76p-33
#define SQRT_HALF 0.70710678118654752440
#define EXP_MAX 709.782712893384
#define EXP_MIN (-745.2)
#define EXP_TERMS 14
#define LOG_TERMS 21

double
hf_det_log(double x)
{
	double m, s, s2, sum = 0;
	int e, i;

	if (!(x > 0))
		return x == 0 ? -INFINITY : NAN;
	if (isinf(x))
		return x;
	m = frexp(x, &e);
	if (m < SQRT_HALF) {
		m *= 2;
		e--;
	}
	s = (m - 1) / (m + 1);
	s2 = s * s;
	for (i = LOG_TERMS; i >= 3; i -= 2)
		sum = (sum + 1.0 / i) * s2;
	return e * LN2_HI + (2 * s + (2 * s * sum + e * LN2_LO));
}

double
hf_det_exp(double x)
{
	double k, r, sum = 1;
	int i;

	if (isnan(x))
		return x;
	if (x > EXP_MAX)
		return INFINITY;
	if (x < EXP_MIN)
		return 0;
	k = floor(x / (LN2_HI + LN2_LO) + 0.5);
	r = (x - k * LN2_HI) - k * LN2_LO;
	for (i = EXP_TERMS; i >= 1; i--)
		sum = 1 + r * sum / i;
	return ldexp(sum, (int)k);
}

double
hf_det_pow(double x, double y)
{
	return hf_det_exp(y * hf_det_log(x));
}

/* Horner, highest power first. */
static double
poly(const double *c, int n, double x)
{
	double sum = c[0];
	int i;

	for (i = 1; i < n; i++)
		sum = sum * x + c[i];
	return sum;
}

double
hf_det_normal_quantile(double p)
{
	static const double a[] = {-3.969683028665376e+01,
	    2.209460984245205e+02, -2.759285104469687e+02,
	    1.383577518672690e+02, -3.066479806614716e+01,
	    2.506628277459239e+00};
	static const double b[] = {-5.447609879822406e+01,
	    1.615858368580409e+02, -1.556989798598866e+02,
	    6.680131188771972e+01, -1.328068155288572e+01, 1};
	static const double c[] = {-7.784894002430293e-03,
	    -3.223964580411365e-01, -2.400758277161838e+00,
	    -2.549732539343734e+00, 4.374664141464968e+00,
	    2.938163982698783e+00};
	static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01,
	    2.445134137142996e+00, 3.754408661907416e+00, 1};
	static const double tail = 0.02425;
	double q;

	if (!(p > 0) || !(p < 1))
		return NAN;
	if (p > 1 - tail)
		return -hf_det_normal_quantile(1 - p); /* one level deep */
	if (p < tail) {
		q = sqrt(-2 * hf_det_log(p));
		return poly(c, 6, q) / poly(d, 5, q);
	}
	q = p - 0.5;
	return poly(a, 6, q * q) * q / poly(b, 6, q * q);
}

double
hf_det_chi_square(double d, double z)
{
	double k = 2.0 / (9.0 * d), c = 1 - k + z * sqrt(k);

	return c > 0 ? d * c * c * c : 0;
}
