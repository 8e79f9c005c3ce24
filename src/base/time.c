/* SPDX-License-Identifier: Apache-2.0
 *
 * time.c - clocks, RFC 3339, durations, months; all of it in UTC.
 *
 * The proleptic Gregorian calendar is computed here (libc's timezone code reads
 * files, which a sandboxed role cannot): days are counted in years that begin
 * on 1 March, so that the leap day is the last of its year, and in eras of 400
 * such years, which are 146097 days each. Day 0 is 1970-01-01.
 */
#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define S_PER_DAY 86400
#define NS_PER_DAY (S_PER_DAY * HF_NS_PER_S)
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */
#define YEAR_MIN 1678
#define YEAR_MAX 2261

struct civil {
	int year, month, day; /* 1678.., 1..12, 1..31 */
};

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return (int64_t)ts.tv_sec * HF_NS_PER_S + ts.tv_nsec;
}

int64_t
hf_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t
hf_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
days_from_civil(struct civil c)
{
	int y = c.month <= 2 ? c.year - 1 : c.year;
	int era = y / 400, yoe = y % 400; /* years here are positive */
	int mp = (c.month + 9) % 12;	  /* March is 0 */
	int doy = (153 * mp + 2) / 5 + c.day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * DAYS_PER_ERA + doe - DAYS_TO_1970;
}

static struct civil
civil_from_days(int64_t days)
{
	int z = (int)(days + DAYS_TO_1970); /* positive for all int64 ns */
	int era = z / DAYS_PER_ERA, doe = z % DAYS_PER_ERA;
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;
	struct civil c;

	c.day = doy - (153 * mp + 2) / 5 + 1;
	c.month = mp < 10 ? mp + 3 : mp - 9;
	c.year = yoe + era * 400 + (c.month <= 2);
	return c;
}

static int
month_days(int year, int month)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

char *
hf_time_fmt(int64_t t_ns, char buf[HF_TIME_TEXT])
{
	int64_t days = floor_div(t_ns, NS_PER_DAY), rest;
	struct civil c;
	char frac[12] = "";
	int ns, s;

	if (t_ns == HF_TIME_NONE)
		return memcpy(buf, "-", 2);
	rest = t_ns % NS_PER_DAY;
	if (rest < 0)
		rest += NS_PER_DAY;
	c = civil_from_days(days);
	ns = (int)(rest % HF_NS_PER_S);
	s = (int)(rest / HF_NS_PER_S);
	if (ns % HF_NS_PER_US != 0)
		snprintf(frac, sizeof(frac), ".%09d", ns);
	else if (ns % HF_NS_PER_MS != 0)
		snprintf(frac, sizeof(frac), ".%06d", ns / 1000);
	else if (ns != 0)
		snprintf(frac, sizeof(frac), ".%03d", ns / 1000000);
	snprintf(buf, HF_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", c.year,
	    c.month, c.day, s / 3600, s / 60 % 60, s % 60, frac);
	return buf;
}

/* What is left of the text; every take_* moves on or makes the parse fail. */
struct scan {
	const char *s;
	size_t n;
};

/* Exactly ndigit digits. */
static bool
take_digits(struct scan *sc, size_t ndigit, int *out)
{
	int v = 0;
	size_t i;

	if (sc->n < ndigit)
		return false;
	for (i = 0; i < ndigit; i++) {
		if (sc->s[i] < '0' || sc->s[i] > '9')
			return false;
		v = v * 10 + (sc->s[i] - '0');
	}
	sc->s += ndigit;
	sc->n -= ndigit;
	*out = v;
	return true;
}

static bool
take_char(struct scan *sc, char a, char b)
{
	if (sc->n == 0 || (sc->s[0] != a && sc->s[0] != b))
		return false;
	sc->s++;
	sc->n--;
	return true;
}

static bool
take_date(struct scan *sc, int64_t *days)
{
	struct civil c;

	if (!take_digits(sc, 4, &c.year) || !take_char(sc, '-', '-') ||
	    !take_digits(sc, 2, &c.month) || !take_char(sc, '-', '-') ||
	    !take_digits(sc, 2, &c.day))
		return false;
	if (c.year < YEAR_MIN || c.year > YEAR_MAX || c.month < 1 ||
	    c.month > 12 || c.day < 1 || c.day > month_days(c.year, c.month))
		return false;
	*days = days_from_civil(c);
	return true;
}

/* HH:MM:SS[.frac] as ns of the day. A leap second has no place in UTC ns. */
static bool
take_clock(struct scan *sc, int64_t *ns)
{
	int64_t scale = HF_NS_PER_S / 10;
	int h, m, s, digit;

	if (!take_digits(sc, 2, &h) || !take_char(sc, ':', ':') ||
	    !take_digits(sc, 2, &m) || !take_char(sc, ':', ':') ||
	    !take_digits(sc, 2, &s) || h > 23 || m > 59 || s > 59)
		return false;
	*ns = (h * 3600 + m * 60 + s) * HF_NS_PER_S;
	if (!take_char(sc, '.', '.'))
		return true;
	if (!take_digits(sc, 1, &digit))
		return false;
	do {
		if (scale == 0) /* finer than 1 ns: not exact */
			return false;
		*ns += digit * scale;
		scale /= 10;
	} while (take_digits(sc, 1, &digit));
	return true;
}

/* Z or +HH:MM as ns to subtract. */
static bool
take_zone(struct scan *sc, int64_t *ns)
{
	bool is_west;
	int h, m;

	*ns = 0;
	if (take_char(sc, 'Z', 'z'))
		return true;
	is_west = sc->n > 0 && sc->s[0] == '-';
	if (!take_char(sc, '+', '-') || !take_digits(sc, 2, &h) ||
	    !take_char(sc, ':', ':') || !take_digits(sc, 2, &m) || h > 23 ||
	    m > 59)
		return false;
	*ns = (h * 60 + m) * 60 * HF_NS_PER_S * (is_west ? -1 : 1);
	return true;
}

bool
hf_time_parse(const char *s, size_t n, int64_t *out_ns)
{
	struct scan sc = {.s = s, .n = n};
	int64_t days, clock = 0, zone = 0, t_ns;
	bool is_plain;

	if (!take_date(&sc, &days))
		return false;
	if (sc.n > 0) {
		is_plain = sc.s[0] == ' ';
		if (!(take_char(&sc, 'T', 't') || take_char(&sc, ' ', ' ')) ||
		    !take_clock(&sc, &clock))
			return false;
		/* only the form with a blank may leave the zone out */
		if (!(is_plain && sc.n == 0) && !take_zone(&sc, &zone))
			return false;
	}
	if (sc.n > 0)
		return false;
	t_ns = days * NS_PER_DAY + clock - zone; /* a day from overflow */
	if (t_ns < HF_TIME_MIN || t_ns >= HF_TIME_END)
		return false;
	*out_ns = t_ns;
	return true;
}

static const struct dur_unit {
	const char *name;
	int64_t ns;
} dur_units[] = {
    {"w", 7 * NS_PER_DAY}, /* printed only if nothing else is left */
    {"d", NS_PER_DAY},
    {"h", 3600 * HF_NS_PER_S},
    {"min", 60 * HF_NS_PER_S},
    {"s", HF_NS_PER_S},
    {"ms", HF_NS_PER_MS},
    {"us", HF_NS_PER_US},
    {"ns", 1},
};
#define NUNIT (sizeof(dur_units) / sizeof(dur_units[0]))

/* Index of the unit whose name is these n bytes, NUNIT if none is. */
static size_t
find_unit(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < NUNIT; i++) {
		if (strlen(dur_units[i].name) == n &&
		    memcmp(dur_units[i].name, s, n) == 0)
			break;
	}
	return i;
}

/* One "<digits><unit>" at s + *i, added to *sum. Units must get smaller. */
static bool
take_part(const char *s, size_t n, size_t *i, size_t *unit, int64_t *sum)
{
	size_t start = *i, u;
	int64_t v = 0;

	for (; *i < n && s[*i] >= '0' && s[*i] <= '9'; (*i)++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, s[*i] - '0', &v))
			return false;
	}
	if (*i == start)
		return false;
	start = *i;
	while (*i < n && s[*i] >= 'a' && s[*i] <= 'z')
		(*i)++;
	u = find_unit(s + start, *i - start);
	if (u >= NUNIT || u < *unit)
		return false;
	*unit = u + 1;
	return !__builtin_mul_overflow(v, dur_units[u].ns, &v) &&
	       !__builtin_add_overflow(*sum, v, sum);
}

bool
hf_dur_parse(const char *s, size_t n, int64_t *out_ns)
{
	size_t i = 0, unit = 0;
	int64_t sum = 0;

	if (n == 0)
		return false;
	while (i < n) {
		if (!take_part(s, n, &i, &unit, &sum))
			return false;
	}
	*out_ns = sum;
	return true;
}

char *
hf_dur_fmt(int64_t dur_ns, char buf[HF_TIME_TEXT])
{
	uint64_t left = dur_ns < 0 ? 0 - (uint64_t)dur_ns : (uint64_t)dur_ns;
	size_t i, w = 0;
	uint64_t unit;

	if (dur_ns == 0)
		return memcpy(buf, "0s", 3);
	if (dur_ns < 0)
		buf[w++] = '-';
	for (i = 0; i < NUNIT && left > 0; i++) {
		unit = (uint64_t)dur_units[i].ns;
		if (left < unit || (i == 0 && left % unit != 0))
			continue;
		w += (size_t)snprintf(buf + w, HF_TIME_TEXT - w, "%llu%s",
		    (unsigned long long)(left / unit), dur_units[i].name);
		left %= unit;
	}
	return buf;
}

int
hf_time_month(int64_t t_ns)
{
	struct civil c = civil_from_days(floor_div(t_ns, NS_PER_DAY));

	return c.year * 100 + c.month;
}

int64_t
hf_month_start_ns(int yyyymm)
{
	struct civil c = {
	    .year = yyyymm / 100, .month = yyyymm % 100, .day = 1};

	return days_from_civil(c) * NS_PER_DAY;
}
