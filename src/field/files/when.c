/* SPDX-License-Identifier: Apache-2.0
 *
 * when.c - text to ns UTC. Pure; no locale, no tzset, exact to the ns.
 *
 * rfc3339 takes what base/time.h takes, and the same without an offset as local
 * time of the zone. Patterns: %f is the fraction of a second, 1 to 9 digits;
 * %y is 1970..2069; %b an English month name of three letters; a number may
 * have fewer digits than usual (1.2.2026) but not more. A blank in the pattern
 * stands for one or more blanks.
 */
#include "field/files/when.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"

#define TEXT_MAX 64 /* bytes of a time, longest pattern result included */
#define DAY_NS (INT64_C(86400) * HF_NS_PER_S)

struct parts {
	int year, month, day, hour, minute, second;
	int64_t frac_ns;
	bool is_pm, has_pm, has_offset;
	int32_t offset_s;
};

static bool
is_leap(int y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int
days_in(int y, int m)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return m == 2 && is_leap(y) ? 29 : days[m - 1];
}

/* Local time, as if UTC. */
static bool
assemble(struct parts *p, int64_t *out)
{
	if (p->has_pm) {
		if (p->hour < 1 || p->hour > 12)
			return false;
		p->hour = p->hour % 12 + (p->is_pm ? 12 : 0);
	}
	if (p->year < 1678 || p->year > 2261 || p->month < 1 || p->month > 12 ||
	    p->day < 1 || p->day > days_in(p->year, p->month) || p->hour > 23 ||
	    p->minute > 59 || p->second > 59)
		return false;
	*out = hf_month_start_ns(p->year * 100 + p->month) +
	       (p->day - 1) * DAY_NS +
	       (p->hour * INT64_C(3600) + p->minute * 60 + p->second) *
		   HF_NS_PER_S +
	       p->frac_ns;
	return true;
}

static enum hf_when_rc
from_local(
    const struct hf_when *w, int64_t local_ns, int64_t after_ns, int64_t *out)
{
	int64_t later;

	switch (hf_zone_utc(&w->zone, local_ns, out, &later)) {
	case HF_ZONE_OK:
		return HF_WHEN_OK;
	case HF_ZONE_NEVER:
		return HF_WHEN_NEVER;
	default:
		break;
	}
	if (after_ns != HF_TIME_NONE && *out < after_ns && later >= after_ns)
		*out = later;
	return HF_WHEN_TWICE;
}

/* ---- RFC 3339 ---- */

/* Is there a Z or +hh:mm behind the time of day? */
static bool
has_offset(const char *s, size_t n)
{
	if (n > 0 && (s[n - 1] == 'Z' || s[n - 1] == 'z'))
		return true;
	return n > 16 && (s[n - 6] == '+' || s[n - 6] == '-') &&
	       s[n - 3] == ':';
}

static enum hf_when_rc
rfc3339(const struct hf_when *w, const char *s, size_t n, int64_t after_ns,
    int64_t *out)
{
	char text[TEXT_MAX];
	int64_t local_ns;

	if (n == 0 || n >= sizeof(text))
		return HF_WHEN_WRONG;
	if (has_offset(s, n))
		return hf_time_parse(s, n, out) ? HF_WHEN_OK : HF_WHEN_WRONG;
	memcpy(text, s, n);
	if (n > 10 && (text[10] == 'T' || text[10] == 't'))
		text[10] = ' ';
	if (!hf_time_parse(text, n, &local_ns))
		return HF_WHEN_WRONG;
	return from_local(w, local_ns, after_ns, out);
}

/* ---- Unix ---- */

static enum hf_when_rc
unix_time(const struct hf_when *w, const char *s, size_t n, int64_t *out)
{
	const bool is_negative = n > 0 && *s == '-';
	int64_t whole = 0, frac = 0, unit = w->scale_ns;
	size_t i = is_negative, ndigit = 0;

	for (; i < n && isdigit((unsigned char)s[i]); i++, ndigit++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, s[i] - '0', &whole))
			return HF_WHEN_WRONG;
	if (ndigit == 0)
		return HF_WHEN_WRONG;
	if (i < n && (s[i] == '.' || (w->is_comma && s[i] == ',')))
		for (i++; i < n && isdigit((unsigned char)s[i]); i++) {
			unit /= 10; /* digits below 1 ns are cut */
			frac += unit * (s[i] - '0');
		}
	if (i != n || __builtin_mul_overflow(whole, w->scale_ns, &whole) ||
	    __builtin_add_overflow(whole, frac, &whole))
		return HF_WHEN_WRONG;
	*out = is_negative ? -whole : whole;
	return *out >= HF_TIME_MIN && *out < HF_TIME_END ? HF_WHEN_OK
							 : HF_WHEN_WRONG;
}

/* ---- patterns ---- */

static bool
number(const char **s, int ndigit, int *out)
{
	int v = 0, n;

	for (n = 0; n < ndigit && isdigit((unsigned char)**s); n++)
		v = v * 10 + (*(*s)++ - '0');
	*out = v;
	return n > 0;
}

static bool
fraction(const char **s, int64_t *out)
{
	int64_t unit = HF_NS_PER_S;
	int n;

	*out = 0;
	for (n = 0; n < 9 && isdigit((unsigned char)**s); n++) {
		unit /= 10;
		*out += unit * (*(*s)++ - '0');
	}
	return n > 0;
}

static bool
month_name(const char **s, int *out)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	int i;

	for (i = 0; i < 12; i++)
		if (strncasecmp(*s, names + 3 * i, 3) == 0) {
			*s += 3;
			*out = i + 1;
			return true;
		}
	return false;
}

/* Z, +hh:mm, +hhmm */
static bool
zone_offset(const char **s, struct parts *p)
{
	int h, m, sign = **s == '-' ? -1 : 1;

	p->has_offset = true;
	if (**s == 'Z') {
		(*s)++;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	(*s)++;
	if (!number(s, 2, &h))
		return false;
	if (**s == ':')
		(*s)++;
	if (!number(s, 2, &m) || h > 14 || m > 59)
		return false;
	p->offset_s = sign * (h * 3600 + m * 60);
	return true;
}

static bool
am_pm(const char **s, struct parts *p)
{
	p->has_pm = true;
	p->is_pm = **s == 'p' || **s == 'P';
	if (!p->is_pm && **s != 'a' && **s != 'A')
		return false;
	if ((*s)[1] != 'm' && (*s)[1] != 'M')
		return false;
	*s += 2;
	return true;
}

static bool
year2(const char **s, int *out)
{
	if (!number(s, 2, out))
		return false;
	*out += *out < 70 ? 2000 : 1900;
	return true;
}

static bool
field(char conversion, const char **s, struct parts *p)
{
	switch (conversion) {
	case 'Y':
		return number(s, 4, &p->year);
	case 'y':
		return year2(s, &p->year);
	case 'm':
		return number(s, 2, &p->month);
	case 'b':
		return month_name(s, &p->month);
	case 'd':
		return number(s, 2, &p->day);
	case 'H':
	case 'I':
		return number(s, 2, &p->hour);
	case 'p':
		return am_pm(s, p);
	case 'M':
		return number(s, 2, &p->minute);
	case 'S':
		return number(s, 2, &p->second);
	case 'f':
		return fraction(s, &p->frac_ns);
	case 'z':
		return zone_offset(s, p);
	default:
		return *(*s)++ == '%';
	}
}

static enum hf_when_rc
pattern(const struct hf_when *w, const char *s, size_t n, int64_t after_ns,
    int64_t *out)
{
	struct parts p = {.month = 1, .day = 1};
	const char *f = w->pattern, *end = s + n;
	int64_t local_ns;

	for (; *f != '\0'; f++) {
		if (*f == '%' && f[1] != '\0') {
			if (!field(*++f, &s, &p))
				return HF_WHEN_WRONG;
		} else if (*f == ' ') {
			if (*s != ' ')
				return HF_WHEN_WRONG;
			while (*s == ' ')
				s++;
		} else if (*s++ != *f) {
			return HF_WHEN_WRONG;
		}
		if (s > end)
			return HF_WHEN_WRONG;
	}
	if (s != end || !assemble(&p, &local_ns))
		return HF_WHEN_WRONG;
	if (!p.has_offset)
		return from_local(w, local_ns, after_ns, out);
	*out = local_ns - p.offset_s * HF_NS_PER_S;
	return HF_WHEN_OK;
}

static bool
pattern_ok(const char *f, char *why, size_t cap)
{
	static const char known[] = "YymbdHIpMSfz%";
	const char *p;

	for (p = f; *p != '\0'; p++) {
		if (*p != '%')
			continue;
		p++;
		if (*p == '\0' || strchr(known, *p) == NULL) {
			snprintf(why, cap,
			    "time_format: %%%c is not known; %%Y %%y %%m %%b "
			    "%%d %%H %%I %%p %%M %%S %%f %%z %%%% are",
			    *p == '\0' ? ' ' : *p);
			return false;
		}
	}
	if ((strstr(f, "%Y") != NULL || strstr(f, "%y") != NULL) &&
	    (strstr(f, "%m") != NULL || strstr(f, "%b") != NULL) &&
	    strstr(f, "%d") != NULL)
		return true;
	snprintf(why, cap,
	    "time_format: \"%.60s\" is neither rfc3339, unix, unix_ms, "
	    "unix_us nor unix_ns, nor a pattern with year, month and day as "
	    "%%d.%%m.%%Y %%H:%%M:%%S",
	    f);
	return false;
}

/* ---- the three of them ---- */

bool
hf_when_init(struct hf_when *w, const char *format, const char *zone,
    bool is_comma, char *why, size_t cap)
{
	static const struct {
		const char *name;
		int64_t scale_ns;
	} units[] = {{"unix", HF_NS_PER_S}, {"unix_ms", HF_NS_PER_MS},
	    {"unix_us", HF_NS_PER_US}, {"unix_ns", 1}};
	size_t i;

	*w = (struct hf_when){.is_comma = is_comma, .pattern = format};
	if (!hf_zone_parse(zone, &w->zone)) {
		snprintf(why, cap,
		    "timezone: \"%.60s\" is not known here; write an offset "
		    "(+01:00) or a POSIX rule (CET-1CEST,M3.5.0,M10.5.0/3)",
		    zone);
		return false;
	}
	if (strcmp(format, "rfc3339") == 0)
		return true;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(format, units[i].name) == 0) {
			w->kind = HF_WHEN_UNIX;
			w->scale_ns = units[i].scale_ns;
			return true;
		}
	w->kind = HF_WHEN_PATTERN;
	return pattern_ok(format, why, cap);
}

enum hf_when_rc
hf_when_parse(const struct hf_when *w, const char *s, size_t n,
    int64_t after_ns, int64_t *out_ns)
{
	char text[TEXT_MAX];

	while (n > 0 && *s == ' ') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (n >= sizeof(text))
		return HF_WHEN_WRONG;
	memcpy(text, s, n); /* with a NUL, which stops every reader below */
	text[n] = '\0';
	if (w->kind == HF_WHEN_RFC3339)
		return rfc3339(w, text, n, after_ns, out_ns);
	if (w->kind == HF_WHEN_UNIX)
		return unix_time(w, text, n, out_ns);
	return pattern(w, text, n, after_ns, out_ns);
}
