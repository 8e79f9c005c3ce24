/* SPDX-License-Identifier: Apache-2.0
 *
 * str.c - names, path patterns, and the nearest word for "did you mean".
 *
 * A pattern is matched level by level. Inside a level '*' stands for any run of
 * bytes; the matcher keeps only the last star to come back to, so it needs no
 * recursion and at most |pattern| x |level| steps.
 */
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN 64	 /* bytes of one level */
#define PATH_MAX_LEN 255 /* bytes of a path */
#define PATH_LEVELS 12
#define EDIT_MAX_LEN 127 /* bytes; longer words are never "near" */

bool
hf_strcpy(char *dst, size_t cap, const char *src)
{
	size_t n = strlen(src), m;

	if (cap == 0)
		return false;
	m = n < cap ? n : cap - 1;
	memcpy(dst, src, m);
	dst[m] = '\0';
	return m == n;
}

static bool
is_name_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Length of the name at s, 0 if there is none or it is too long. */
static size_t
name_len(const char *s)
{
	size_t n = 0;

	while (is_name_byte(s[n]))
		n++;
	return n <= NAME_MAX_LEN ? n : 0;
}

bool
hf_name_ok(const char *s)
{
	size_t n = name_len(s);

	return n > 0 && s[n] == '\0';
}

bool
hf_path_ok(const char *s)
{
	const char *p = s;
	int level;
	size_t n;

	for (level = 1; level <= PATH_LEVELS; level++) {
		n = name_len(p);
		if (n == 0)
			return false;
		p += n;
		if (*p == '\0')
			return p - s <= PATH_MAX_LEN;
		if (*p++ != '/')
			return false;
	}
	return false;
}

/* One level against one level pattern; neither is terminated. */
static bool
level_match(const char *pat, size_t np, const char *s, size_t n)
{
	size_t ip = 0, is = 0, star = SIZE_MAX, mark = 0;

	while (is < n) {
		if (ip < np && pat[ip] == '*') {
			star = ip++;
			mark = is;
		} else if (ip < np && pat[ip] == s[is]) {
			ip++;
			is++;
		} else if (star != SIZE_MAX) {
			ip = star + 1;
			is = ++mark; /* the star takes one byte more */
		} else {
			return false;
		}
	}
	while (ip < np && pat[ip] == '*')
		ip++;
	return ip == np;
}

bool
hf_path_match(const char *pattern, const char *path)
{
	size_t np, n;

	for (;;) {
		np = strcspn(pattern, "/");
		n = strcspn(path, "/");
		if (n == 0)
			return false;
		if (strcmp(pattern, "**") == 0)
			return true;
		if (!level_match(pattern, np, path, n))
			return false;
		if (pattern[np] == '\0' || path[n] == '\0')
			return pattern[np] == path[n];
		pattern += np + 1;
		path += n + 1;
	}
}

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One row of the table: cur[j] = distance of a[0..i) and b[0..j). */
static size_t
edit_row(
    const char *a, const char *b, size_t i, size_t row[3][EDIT_MAX_LEN + 1])
{
	size_t *cur = row[i % 3], *one = row[(i + 2) % 3];
	const size_t *two = row[(i + 1) % 3];
	size_t j, least = i;

	cur[0] = i;
	for (j = 1; b[j - 1] != '\0'; j++) {
		cur[j] = min_size(one[j], cur[j - 1]) + 1;
		cur[j] = min_size(cur[j], one[j - 1] + (a[i - 1] != b[j - 1]));
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
		    a[i - 2] == b[j - 1])
			cur[j] = min_size(cur[j], two[j - 2] + 1);
		least = min_size(least, cur[j]);
	}
	return least;
}

size_t
hf_edit_distance(const char *a, const char *b, size_t max)
{
	size_t row[3][EDIT_MAX_LEN + 1];
	size_t na = strlen(a), nb = strlen(b), i, before = 0, least;

	if (strcmp(a, b) == 0)
		return 0;
	if (na > EDIT_MAX_LEN || nb > EDIT_MAX_LEN)
		return max + 1;
	for (i = 0; i <= nb; i++)
		row[0][i] = i;
	for (i = 1; i <= na; i++) {
		least = edit_row(a, b, i, row);
		/* a swap reaches back two rows, so both must be beyond */
		if (least > max && before > max)
			return max + 1;
		before = least;
	}
	return min_size(row[na % 3][nb], max + 1);
}

const char *
hf_nearest(const char *s, const char *const *words, size_t n)
{
	const char *best = NULL;
	size_t i, d, longer, best_d = SIZE_MAX;

	for (i = 0; i < n; i++) {
		if (strcasecmp(s, words[i]) == 0)
			return words[i];
		longer = strlen(words[i]);
		if (strlen(s) > longer)
			longer = strlen(s);
		d = hf_edit_distance(s, words[i], 2);
		if (d <= 2 && d <= longer / 3 && d < best_d) {
			best = words[i];
			best_d = d;
		}
	}
	return best;
}

void
hf_printable(char *dst, size_t cap, const void *src, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *p = src;
	size_t i, w = 0;

	for (i = 0; i < n && cap > 0; i++) {
		if (p[i] >= 0x20 && p[i] < 0x7f) {
			if (cap - w < 2)
				break;
			dst[w++] = (char)p[i];
			continue;
		}
		if (cap - w < 5)
			break;
		dst[w++] = '\\';
		dst[w++] = 'x';
		dst[w++] = hex[p[i] >> 4];
		dst[w++] = hex[p[i] & 15];
	}
	if (cap > 0)
		dst[w] = '\0';
}
