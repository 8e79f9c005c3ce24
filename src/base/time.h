/* SPDX-License-Identifier: Apache-2.0
 *
 * time.h - int64 ns UTC for people and records, monotonic ns for timers.
 *
 * Modules that decide take time as an argument; only roles and verbs read
 * clocks.
 */
#ifndef HF_BASE_TIME_H
#define HF_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_NS_PER_US INT64_C(1000)
#define HF_NS_PER_MS INT64_C(1000000)
#define HF_NS_PER_S INT64_C(1000000000)
#define HF_TIME_NONE INT64_MIN			  /* "no time given" */
#define HF_TIME_MIN INT64_C(-9214560000000000000) /* 1678-01-01T00:00:00Z */
#define HF_TIME_END INT64_C(9214646400000000000)  /* 2262-01-01T00:00:00Z */

int64_t hf_wall_ns(void); /* CLOCK_REALTIME */
int64_t hf_mono_ns(void); /* CLOCK_MONOTONIC */

#define HF_TIME_TEXT 40 /* bytes, NUL included */
/* RFC 3339, UTC, as many of 0, 3, 6, 9 fraction digits as the value needs:
 * "2013-12-02T21:15:00Z". Years 1678-2261; "-" for HF_TIME_NONE. Returns
 * buf. */
char *hf_time_fmt(int64_t t_ns, char buf[HF_TIME_TEXT]);
/* RFC 3339, or "YYYY-MM-DD HH:MM:SS[.frac]" and "YYYY-MM-DD" taken as UTC.
 * Exact: more than 9 fraction digits, second 60 and dates that do not exist are
 * refused, so is what lies outside [HF_TIME_MIN, HF_TIME_END). */
bool hf_time_parse(const char *s, size_t n, int64_t *out_ns);
/* "250ms" "2h" "1h30min" "7d" "2w"; units ns us ms s min h d w, larger ones
 * first; whole numbers only, false on overflow. */
bool hf_dur_parse(const char *s, size_t n, int64_t *out_ns);
/* The same form, exact: "1h30min", "0s"; whole weeks as "2w". Negative ones
 * begin with '-' (and do not parse). Returns buf. */
char *hf_dur_fmt(int64_t dur_ns, char buf[HF_TIME_TEXT]);
/* YYYYMM of t (UTC), for example 201312; and the first ns of that month. */
int hf_time_month(int64_t t_ns);
int64_t hf_month_start_ns(int yyyymm);

#endif
