/* SPDX-License-Identifier: Apache-2.0
 *
 * num.c - checked arithmetic; parsing and printing that no locale can change.
 *
 * Integers:  [+-] digits, or [+-] 0x hexdigits; no octal.
 * Floats:    [+-] digits [. digits] [e [+-] digits], at least one digit before
 *            the exponent, at most F64_TEXT_MAX bytes. The grammar is checked
 *            here, the rounding is libc's strtod in the "C" locale.
 *
 * newlocale(.., "C", 0) returns glibc's built-in locale: it allocates nothing
 * and cannot fail, so no global has to hold it.
 */
#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F64_TEXT_MAX 1023 /* bytes; the longest exact double has 767 digits */
#define I64_EXACT 1e15	  /* below it %lld and %.15g print alike */

bool
hf_add_size(size_t a, size_t b, size_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

bool
hf_mul_size(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

bool
hf_to_u8(int64_t v, uint8_t *out)
{
	if (v < 0 || v > UINT8_MAX)
		return false;
	*out = (uint8_t)v;
	return true;
}

bool
hf_to_u16(int64_t v, uint16_t *out)
{
	if (v < 0 || v > UINT16_MAX)
		return false;
	*out = (uint16_t)v;
	return true;
}

bool
hf_to_u32(int64_t v, uint32_t *out)
{
	if (v < 0 || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* Value of one digit, or 99. */
static unsigned
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 99;
}

static bool
parse_magnitude(const char *s, size_t n, uint64_t *out)
{
	unsigned base = 10, d;
	uint64_t v = 0;
	size_t i;

	if (n > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		n -= 2;
	}
	if (n == 0)
		return false;
	for (i = 0; i < n; i++) {
		d = digit_value(s[i]);
		if (d >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, d, &v))
			return false;
	}
	*out = v;
	return true;
}

bool
hf_parse_u64(const char *s, size_t n, uint64_t *out)
{
	if (n > 0 && s[0] == '+')
		return parse_magnitude(s + 1, n - 1, out);
	return parse_magnitude(s, n, out);
}

bool
hf_parse_i64(const char *s, size_t n, int64_t *out)
{
	bool is_negative = n > 0 && s[0] == '-';
	uint64_t v, max = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);

	if (is_negative || (n > 0 && s[0] == '+')) {
		s++;
		n--;
	}
	if (!parse_magnitude(s, n, &v) || v > max)
		return false;
	*out = (int64_t)(is_negative ? 0 - v : v);
	return true;
}

static size_t
skip_digits(const char *s, size_t n, size_t i)
{
	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i;
}

/* Does s follow the grammar at the top? */
static bool
is_float_text(const char *s, size_t n, char sep)
{
	size_t i = 0, start, ndigit;

	if (i < n && (s[i] == '+' || s[i] == '-'))
		i++;
	start = i;
	i = skip_digits(s, n, i);
	ndigit = i - start;
	if (i < n && s[i] == sep) {
		start = ++i;
		i = skip_digits(s, n, i);
		ndigit += i - start;
	}
	if (ndigit == 0)
		return false;
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		if (i < n && (s[i] == '+' || s[i] == '-'))
			i++;
		start = i;
		i = skip_digits(s, n, i);
		if (i == start)
			return false;
	}
	return i == n;
}

/* strtod of a text that is_float_text has passed, '.' as decimal sign. */
static double
to_f64(const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	return strtod_l(text, NULL, c);
}

bool
hf_parse_f64(const char *s, size_t n, bool comma, double *out)
{
	char text[F64_TEXT_MAX + 1], *sep;
	double v;

	if (n > F64_TEXT_MAX || !is_float_text(s, n, comma ? ',' : '.'))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	sep = strchr(text, ',');
	if (sep != NULL)
		*sep = '.';
	v = to_f64(text);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

static bool
has_same_bits(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

char *
hf_fmt_f64(double v, char buf[HF_F64_TEXT])
{
	locale_t c, old;
	int digits;

	if (isnan(v))
		return memcpy(buf, "nan", sizeof("nan"));
	if (isinf(v))
		return v > 0 ? memcpy(buf, "inf", sizeof("inf"))
			     : memcpy(buf, "-inf", sizeof("-inf"));
	if (fabs(v) < I64_EXACT && has_same_bits((double)(int64_t)v, v)) {
		snprintf(buf, HF_F64_TEXT, "%lld", (long long)v);
		return buf;
	}
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	old = uselocale(c);
	for (digits = 15; digits <= 17; digits++) {
		snprintf(buf, HF_F64_TEXT, "%.*g", digits, v);
		if (has_same_bits(to_f64(buf), v))
			break;
	}
	uselocale(old);
	return buf;
}
