/* SPDX-License-Identifier: Apache-2.0
 *
 * figure.h - one figure of a benchmark, in the form that tools/bench reads:
 * seven tab-separated fields, "figure" NAME VALUE UNIT BASELINE_NAME
 * BASELINE_VALUE BUDGET; "-" for what does not apply.
 */
#ifndef HF_TESTS_FIGURE_H
#define HF_TESTS_FIGURE_H

#include <stdio.h>

/* base_name NULL: no baseline. budget NULL or like "<=1", in the same unit. */
static inline void
figure(const char *name, double value, const char *unit, const char *base_name,
    double base, const char *budget)
{
	printf("figure\t%s\t%.6g\t%s\t", name, value, unit);
	if (base_name != NULL)
		printf("%s\t%.6g\t", base_name, base);
	else
		printf("-\t-\t");
	printf("%s\n", budget != NULL ? budget : "-");
	fflush(stdout);
}

#endif
