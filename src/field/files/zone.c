/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.c - time zones by rule, without files: an empty root has no
 * /usr/share/zoneinfo.
 *
 * A zone is a POSIX TZ rule (POSIX.1-2017, 8.3), restricted to the M form:
 *    std offset [dst [offset] , start [/time] , end [/time]]
 * Offsets are west of Greenwich there and east here. The table gives the rules
 * that hold today (European Union: since 1996; North America: since 2007) for
 * the zones of industrial regions; older recordings from the days around a
 * change of an older rule can be an hour off, and a zone that is missing can be
 * written as its rule. Europe/Dublin is written with summer time ahead of
 * standard time, which is the same clock.
 */
#include "field/files/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#define DAY_S 86400
#define HOUR_S 3600

#define EU "M3.5.0,M10.5.0/3"

static const struct {
	const char *name, *rule;
} zones[] = {
    {"UTC", "UTC0"},
    {"Etc/UTC", "UTC0"},
    {"GMT", "UTC0"},
    {"Africa/Cairo", "EET-2EEST,M4.5.5/0,M10.5.4/24"},
    {"Africa/Johannesburg", "SAST-2"},
    {"Africa/Lagos", "WAT-1"},
    {"America/Anchorage", "AKST9AKDT,M3.2.0,M11.1.0"},
    {"America/Bogota", "COT5"},
    {"America/Buenos_Aires", "ART3"},
    {"America/Argentina/Buenos_Aires", "ART3"},
    {"America/Chicago", "CST6CDT,M3.2.0,M11.1.0"},
    {"America/Denver", "MST7MDT,M3.2.0,M11.1.0"},
    {"America/Halifax", "AST4ADT,M3.2.0,M11.1.0"},
    {"America/Lima", "PET5"},
    {"America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"},
    {"America/Mexico_City", "CST6"},
    {"America/Monterrey", "CST6"},
    {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
    {"America/Phoenix", "MST7"},
    {"America/Sao_Paulo", "BRT3"},
    {"America/Toronto", "EST5EDT,M3.2.0,M11.1.0"},
    {"America/Vancouver", "PST8PDT,M3.2.0,M11.1.0"},
    {"Asia/Bangkok", "ICT-7"},
    {"Asia/Dubai", "GST-4"},
    {"Asia/Ho_Chi_Minh", "ICT-7"},
    {"Asia/Hong_Kong", "HKT-8"},
    {"Asia/Jakarta", "WIB-7"},
    {"Asia/Jerusalem", "IST-2IDT,M3.4.4/26,M10.5.0"},
    {"Asia/Karachi", "PKT-5"},
    {"Asia/Kolkata", "IST-5:30"},
    {"Asia/Kuala_Lumpur", "MYT-8"},
    {"Asia/Manila", "PST-8"},
    {"Asia/Riyadh", "AST-3"},
    {"Asia/Seoul", "KST-9"},
    {"Asia/Shanghai", "CST-8"},
    {"Asia/Singapore", "SGT-8"},
    {"Asia/Taipei", "CST-8"},
    {"Asia/Tokyo", "JST-9"},
    {"Australia/Adelaide", "ACST-9:30ACDT,M10.1.0,M4.1.0/3"},
    {"Australia/Brisbane", "AEST-10"},
    {"Australia/Melbourne", "AEST-10AEDT,M10.1.0,M4.1.0/3"},
    {"Australia/Perth", "AWST-8"},
    {"Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"},
    {"Europe/Amsterdam", "CET-1CEST," EU},
    {"Europe/Athens", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Belgrade", "CET-1CEST," EU},
    {"Europe/Berlin", "CET-1CEST," EU},
    {"Europe/Bratislava", "CET-1CEST," EU},
    {"Europe/Brussels", "CET-1CEST," EU},
    {"Europe/Bucharest", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Budapest", "CET-1CEST," EU},
    {"Europe/Copenhagen", "CET-1CEST," EU},
    {"Europe/Dublin", "GMT0IST,M3.5.0/1,M10.5.0"},
    {"Europe/Helsinki", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Istanbul", "TRT-3"},
    {"Europe/Kyiv", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0"},
    {"Europe/Ljubljana", "CET-1CEST," EU},
    {"Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"},
    {"Europe/Luxembourg", "CET-1CEST," EU},
    {"Europe/Madrid", "CET-1CEST," EU},
    {"Europe/Oslo", "CET-1CEST," EU},
    {"Europe/Paris", "CET-1CEST," EU},
    {"Europe/Prague", "CET-1CEST," EU},
    {"Europe/Riga", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Rome", "CET-1CEST," EU},
    {"Europe/Sofia", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Stockholm", "CET-1CEST," EU},
    {"Europe/Tallinn", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Vienna", "CET-1CEST," EU},
    {"Europe/Vilnius", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"Europe/Warsaw", "CET-1CEST," EU},
    {"Europe/Zagreb", "CET-1CEST," EU},
    {"Europe/Zurich", "CET-1CEST," EU},
    {"Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"},
};

/* ---- rules ---- */

static bool
digits(const char **s, int max, int *out)
{
	int v = 0, n = 0;

	for (; **s >= '0' && **s <= '9' && n < 3; (*s)++, n++)
		v = v * 10 + (**s - '0');
	*out = v;
	return n > 0 && v <= max;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool
hms(const char **s, int max_hour, int32_t *out)
{
	const bool is_negative = **s == '-';
	int h, m = 0, sec = 0;

	if (**s == '-' || **s == '+')
		(*s)++;
	if (!digits(s, max_hour, &h))
		return false;
	if (**s == ':') {
		(*s)++;
		if (!digits(s, 59, &m))
			return false;
	}
	if (**s == ':') {
		(*s)++;
		if (!digits(s, 59, &sec))
			return false;
	}
	*out = (int32_t)(h * HOUR_S + m * 60 + sec) * (is_negative ? -1 : 1);
	return true;
}

static bool
letters(const char **s)
{
	const char *p = *s;

	while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
		p++;
	if (p - *s < 3)
		return false;
	*s = p;
	return true;
}

/* ",Mm.w.d[/time]" */
static bool
change(const char **s, struct hf_zone_day *d)
{
	if ((*s)[0] != ',' || (*s)[1] != 'M')
		return false;
	*s += 2;
	if (!digits(s, 12, &d->month) || *(*s)++ != '.' ||
	    !digits(s, 5, &d->week) || *(*s)++ != '.' ||
	    !digits(s, 6, &d->wday) || d->month < 1 || d->week < 1)
		return false;
	d->at_s = 2 * HOUR_S;
	if (**s != '/')
		return true;
	(*s)++;
	return hms(s, 167, &d->at_s);
}

static bool
parse_rule(const char *s, struct hf_zone_rule *z)
{
	int32_t off;

	memset(z, 0, sizeof(*z));
	if (!letters(&s) || !hms(&s, 24, &off))
		return false;
	z->std_s = -off;
	if (*s == '\0')
		return true;
	if (!letters(&s))
		return false;
	z->has_dst = true;
	z->dst_s = z->std_s + HOUR_S;
	if (*s != ',') {
		if (!hms(&s, 24, &off))
			return false;
		z->dst_s = -off;
	}
	return change(&s, &z->start) && change(&s, &z->end) && *s == '\0' &&
	       z->dst_s > z->std_s;
}

bool
hf_zone_parse(const char *name, struct hf_zone_rule *z)
{
	const char *s = name;
	size_t i;

	if (*s == '+' || *s == '-') {
		memset(z, 0, sizeof(*z));
		return hms(&s, 14, &z->std_s) && *s == '\0';
	}
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (strcmp(zones[i].name, name) == 0)
			return parse_rule(zones[i].rule, z);
	return parse_rule(name, z);
}

/* ---- instants ---- */

/* Local time, as if UTC, of the change in that year. */
static int64_t
change_local_ns(const struct hf_zone_day *d, int year)
{
	const int64_t first_ns = hf_month_start_ns(year * 100 + d->month);
	const int64_t next_ns =
	    d->month == 12 ? hf_month_start_ns((year + 1) * 100 + 1)
			   : hf_month_start_ns(year * 100 + d->month + 1);
	const int64_t days = first_ns / HF_NS_PER_S / DAY_S;
	const int64_t ndays = (next_ns - first_ns) / HF_NS_PER_S / DAY_S;
	/* 1970-01-01 was a Thursday. */
	const int wday = (int)(((days + 4) % 7 + 7) % 7);
	int64_t day = (d->wday - wday + 7) % 7 + 7 * (int64_t)(d->week - 1);

	while (day >= ndays)
		day -= 7;
	return first_ns + (day * DAY_S + d->at_s) * HF_NS_PER_S;
}

/* Offset that local clocks have at this instant, in ns. */
static int64_t
offset_ns(const struct hf_zone_rule *z, int64_t utc_ns)
{
	const int64_t std_ns = z->std_s * HF_NS_PER_S;
	const int64_t dst_ns = z->dst_s * HF_NS_PER_S;
	int64_t start_ns, end_ns;
	int year;
	bool is_dst;

	if (!z->has_dst)
		return std_ns;
	year = hf_time_month(utc_ns + std_ns) / 100;
	start_ns = change_local_ns(&z->start, year) - std_ns;
	end_ns = change_local_ns(&z->end, year) - dst_ns;
	is_dst = start_ns < end_ns ? utc_ns >= start_ns && utc_ns < end_ns
				   : utc_ns >= start_ns || utc_ns < end_ns;
	return is_dst ? dst_ns : std_ns;
}

enum hf_zone_rc
hf_zone_utc(const struct hf_zone_rule *z, int64_t local_ns, int64_t *utc_ns,
    int64_t *later_ns)
{
	const int64_t early = local_ns - z->dst_s * HF_NS_PER_S;
	const int64_t late = local_ns - z->std_s * HF_NS_PER_S;
	bool is_early, is_late;

	*utc_ns = *later_ns = late;
	if (!z->has_dst)
		return HF_ZONE_OK;
	is_early = offset_ns(z, early) == z->dst_s * HF_NS_PER_S;
	is_late = offset_ns(z, late) == z->std_s * HF_NS_PER_S;
	if (!is_early && !is_late)
		return HF_ZONE_NEVER;
	*utc_ns = is_early ? early : late;
	return is_early && is_late ? HF_ZONE_TWICE : HF_ZONE_OK;
}
