/* SPDX-License-Identifier: Apache-2.0
 *
 * optval.c - the types of option values: their text, their range, their print.
 *
 * One row of types[] per enum hf_opt_type. A type knows how to read its text,
 * how to print the value so that it reads back to the same bits, and what a
 * well formed value is; ranges (.min, .max) are checked here once for all
 * numeric types. Text is never interpreted twice: YAML hands out the scalar,
 * and only the row decides whether "12" is a number or a name. Packing is in
 * optpack.c, addresses and patterns in optaddr.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf8.h"
#include "model/optval.h"

#define NS_PER_DAY (INT64_C(86400) * HF_NS_PER_S)

union value { /* any scalar, before it goes to its slot */
	bool b;
	int64_t i;
	double d;
	char *s;
	struct hf_learn learn;
};

struct type {
	const char *word;    /* "duration", for tables */
	const char *expects; /* "a duration such as 250ms or 2h" */
	const char
	    *pattern; /* ECMA-262; NULL if the schema says it otherwise */
	size_t size;  /* of the value in its slot */
	/* text is NUL-terminated and UTF-8. */
	bool (*parse)(const struct hf_opt *o, const char *s, size_t n,
	    union value *v, char *why, size_t cap);
	void (*print)(
	    const struct hf_opt *o, const union value *v, struct hf_buf *out);
	bool is_list, is_text;
};

static const struct type types[];

static const struct {
	const char *name;
	double seconds;
} rate_units[] = {
    {"s", 1},
    {"min", 60},
    {"h", 3600},
    {"d", 86400},
    {"week", 604800},
};
#define NRATE (sizeof(rate_units) / sizeof(rate_units[0]))

static const struct {
	const char *name;
	int64_t bytes;
} size_units[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"B", 1},
};
#define NSIZE (sizeof(size_units) / sizeof(size_units[0]))

static const struct {
	const char *name;
	double ns;
} dur_units[] = {
    {"ns", 1},
    {"us", 1e3},
    {"ms", 1e6},
    {"s", 1e9},
    {"min", 60e9},
    {"h", 3600e9},
    {"d", 86400e9},
    {"w", 604800e9},
};

/* ---- ranges ---- */

static double
dur_scale(const struct hf_opt *o)
{
	size_t i;

	for (i = 0;
	     o->unit != NULL && i < sizeof(dur_units) / sizeof(dur_units[0]);
	     i++)
		if (strcmp(o->unit, dur_units[i].name) == 0)
			return dur_units[i].ns;
	return 1e9;
}

/* The value as a number in the unit of .min and .max. */
static double
ranged(const struct hf_opt *o, const union value *v)
{
	switch (o->type) {
	case HF_OPT_DUR:
		return (double)v->i / dur_scale(o);
	case HF_OPT_I64:
	case HF_OPT_SIZE:
		return (double)v->i;
	default:
		return v->d;
	}
}

static bool
has_range(const struct hf_opt *o)
{
	return o->min != 0 || o->max != 0;
}

static void
put_bound(const struct hf_opt *o, double x, struct hf_buf *out)
{
	char text[HF_TIME_TEXT], num[HF_F64_TEXT];
	union value v = {.i = 0};

	if (o->type == HF_OPT_DUR) {
		hf_buf_puts(out, hf_dur_fmt((int64_t)(x * dur_scale(o)), text));
	} else if (o->type == HF_OPT_SIZE) {
		v.i = (int64_t)x;
		types[HF_OPT_SIZE].print(o, &v, out);
	} else if (o->type == HF_OPT_RATE) {
		v.d = x;
		types[HF_OPT_RATE].print(o, &v, out);
	} else {
		hf_buf_puts(out, hf_fmt_f64(x, num));
	}
}

static bool
is_numeric(enum hf_opt_type t)
{
	return t == HF_OPT_I64 || t == HF_OPT_F64 || t == HF_OPT_DUR ||
	       t == HF_OPT_RATE || t == HF_OPT_SIZE;
}

static bool
in_range(const struct hf_opt *o, const union value *v)
{
	double x;

	if (!is_numeric(o->type) || !has_range(o))
		return true;
	x = ranged(o, v);
	return x >= o->min && x <= o->max;
}

static void
put_range(const struct hf_opt *o, struct hf_buf *out)
{
	put_bound(o, o->min, out);
	hf_buf_puts(out, " to ");
	put_bound(o, o->max, out);
}

/* ---- one function per type: text -> value ---- */

static void __attribute__((format(printf, 3, 4)))
say(char *why, size_t cap, const char *fmt, ...)
{
	char text[HF_OPT_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hf_strcpy(why, cap, text);
}

static bool
parse_bool(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	static const char *const yes[] = {
	    "yes", "on", "True", "TRUE", "Yes", "1", "y"};
	static const char *const no[] = {
	    "no", "off", "False", "FALSE", "No", "0", "n"};
	size_t i;

	v->b = strcmp(s, "true") == 0;
	if (v->b || strcmp(s, "false") == 0)
		return true;
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(s, yes[i]) == 0)
			say(why, cap, "\"%s\" is no boolean, did you mean %s?",
			    s, "true");
		if (strcmp(s, no[i]) == 0)
			say(why, cap, "\"%s\" is no boolean, did you mean %s?",
			    s, "false");
	}
	return false;
}

static bool
parse_i64(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_parse_i64(s, n, &v->i);
}

static bool
parse_f64(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_parse_f64(s, n, false, &v->d);
}

static size_t
count_words(const char *const *words)
{
	size_t n = 0;

	while (words[n] != NULL)
		n++;
	return n;
}

static void
say_not_word(const char *const *words, const char *s, char *why, size_t cap)
{
	const char *near = hf_nearest(s, words, count_words(words));
	size_t len;

	snprintf(why, cap, "\"%.80s\" is not one of:", s);
	for (; *words != NULL; words++) {
		len = strlen(why);
		snprintf(why + len, cap - len, " %s", *words);
	}
	len = strlen(why);
	if (near != NULL)
		snprintf(why + len, cap - len, "; did you mean \"%s\"?", near);
}

static bool
parse_enum(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	for (v->i = 0; o->words[v->i] != NULL; v->i++)
		if (strcmp(s, o->words[v->i]) == 0)
			return true;
	say_not_word(o->words, s, why, cap);
	return false;
}

static bool
parse_str(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	size_t i;

	for (i = 0; o->words != NULL && o->words[i] != NULL; i++)
		if (strcmp(s, o->words[i]) == 0)
			return true;
	if (o->words != NULL)
		say_not_word(o->words, s, why, cap);
	return o->words == NULL;
}

static bool
parse_name(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	if (!hf_name_ok(s))
		return false;
	return parse_str(o, s, n, v, why, cap);
}

static bool
parse_path(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_path_ok(s);
}

static bool
parse_ref(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	bool is_path = o->ref != NULL && strcmp(o->ref, "assets") == 0;

	return is_path ? hf_path_ok(s) : hf_name_ok(s);
}

static bool
parse_host(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_host_ok(s);
}

static bool
parse_cidr(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_cidr_ok(s, why, cap);
}

static bool
parse_pattern(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return hf_pattern_ok(s);
}

static bool
parse_dur(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	int64_t bare;

	if (hf_dur_parse(s, n, &v->i) && v->i >= 0)
		return true;
	if (n > 1 && s[n - 1] == 'm' && hf_parse_i64(s, n - 1, &bare))
		say(why, cap,
		    "\"%s\": unit \"m\" is unknown, did you mean \"min\" "
		    "(or \"ms\")?",
		    s);
	if (hf_parse_i64(s, n, &bare))
		say(why, cap, "\"%s\" has no unit, write for example %ss", s,
		    s);
	return false;
}

static bool
parse_rate(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	const char *slash = memchr(s, '/', n);
	double x;
	size_t i;

	if (slash == NULL || !hf_parse_f64(s, (size_t)(slash - s), false, &x) ||
	    x < 0)
		return false;
	for (i = 0; i < NRATE; i++) {
		if (strcmp(slash + 1, rate_units[i].name) != 0)
			continue;
		v->d = x / rate_units[i].seconds;
		return true;
	}
	say(why, cap, "\"%s\": unit \"%s\" is not one of: s min h d week", s,
	    slash + 1);
	return false;
}

static bool
parse_size(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	size_t i, ndigit = strspn(s, "0123456789");
	const char *unit = s + ndigit;
	int64_t x;

	if (ndigit == 0 || !hf_parse_i64(s, ndigit, &x))
		return false;
	for (i = 0; i < NSIZE; i++) {
		if (strcmp(*unit == '\0' ? "B" : unit, size_units[i].name) == 0)
			return !__builtin_mul_overflow(
			    x, size_units[i].bytes, &v->i);
		/* "64MB" and "64M" are the usual slips for "64MiB" */
		if (unit[0] == size_units[i].name[0] && size_units[i].bytes > 1)
			say(why, cap,
			    "unit \"%s\" is unknown, did you mean \"%s\"?",
			    unit, size_units[i].name);
	}
	return false;
}

static bool
parse_date(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	return n == 10 && hf_time_parse(s, n, &v->i) && v->i % NS_PER_DAY == 0;
}

static bool
parse_learn(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	static const char tail[] = " samples";
	size_t ntail = sizeof(tail) - 1;

	v->learn = (struct hf_learn){0};
	if (n > ntail && strcmp(s + n - ntail, tail) == 0)
		return hf_parse_i64(s, n - ntail, &v->learn.nsample) &&
		       v->learn.nsample > 0;
	return hf_dur_parse(s, n, &v->learn.dur_ns) && v->learn.dur_ns > 0;
}

/* ---- one function per type: value -> text ---- */

static void
print_bool(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	hf_buf_puts(out, v->b ? "true" : "false");
}

static void
print_i64(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	hf_buf_printf(out, "%" PRId64, v->i);
}

static void
print_f64(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	char num[HF_F64_TEXT];

	hf_buf_puts(out, hf_fmt_f64(v->d, num));
}

static void
print_str(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	hf_buf_puts(out, v->s == NULL ? "" : v->s);
}

static void
print_enum(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	hf_buf_puts(out, o->words[v->i]);
}

static void
print_dur(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	char text[HF_TIME_TEXT];

	hf_buf_puts(out, hf_dur_fmt(v->i, text));
}

/* People write whole numbers: a fraction costs as much as this many digits. */
#define FRACTION_COST 16

static size_t
rate_cost(const char *num, const char *unit)
{
	bool is_whole = num[strspn(num, "0123456789")] == '\0';

	return strlen(num) + strlen(unit) + (is_whole ? 0 : FRACTION_COST);
}

/* The plainest "x/unit" that reads back to the same double; "/s" always
 * does. */
static void
print_rate(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	char num[HF_F64_TEXT], best[HF_F64_TEXT + 8] = "";
	size_t i, cost, best_cost = SIZE_MAX;
	double x;

	for (i = 0; i < NRATE; i++) {
		hf_fmt_f64(v->d * rate_units[i].seconds, num);
		if (!hf_parse_f64(num, strlen(num), false, &x) ||
		    x / rate_units[i].seconds != v->d)
			continue;
		cost = rate_cost(num, rate_units[i].name);
		if (cost >= best_cost)
			continue;
		best_cost = cost;
		snprintf(best, sizeof(best), "%s/%s", num, rate_units[i].name);
	}
	hf_buf_puts(out, best);
}

static void
print_size(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	size_t i;

	for (i = 0; i < NSIZE - 1; i++)
		if (v->i != 0 && v->i % size_units[i].bytes == 0)
			break;
	hf_buf_printf(out, "%" PRId64 "%s", v->i / size_units[i].bytes,
	    size_units[i].name);
}

static void
print_date(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	char text[HF_TIME_TEXT];

	if (v->i != HF_TIME_NONE)
		hf_buf_printf(out, "%.10s", hf_time_fmt(v->i, text));
}

static void
print_learn(const struct hf_opt *o, const union value *v, struct hf_buf *out)
{
	char text[HF_TIME_TEXT];

	if (v->learn.nsample > 0)
		hf_buf_printf(out, "%" PRId64 " samples", v->learn.nsample);
	else
		hf_buf_puts(out, hf_dur_fmt(v->learn.dur_ns, text));
}

#define LIST sizeof(struct hf_strlist)
static const struct type types[] = {
    [HF_OPT_BOOL] = {"boolean", "true or false", NULL, sizeof(bool), parse_bool,
	print_bool, false, false},
    [HF_OPT_I64] = {"integer", "an integer such as 12", NULL, sizeof(int64_t),
	parse_i64, print_i64, false, false},
    [HF_OPT_F64] = {"number", "a number such as 1.5", NULL, sizeof(double),
	parse_f64, print_f64, false, false},
    [HF_OPT_STR] = {"text", "a text of at most 1024 bytes", NULL,
	sizeof(char *), parse_str, print_str, false, true},
    [HF_OPT_NAME] = {"name", "a name: 1 to 64 of A-Z a-z 0-9 _ -",
	"^[A-Za-z0-9_-]{1,64}$", sizeof(char *), parse_name, print_str, false,
	true},
    [HF_OPT_PATH] = {"path", "a path: names joined by /, at most 12 levels",
	"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,11}$", sizeof(char *),
	parse_path, print_str, false, true},
    [HF_OPT_ENUM] = {"word", "one of the words", NULL, sizeof(int64_t),
	parse_enum, print_enum, false, true},
    [HF_OPT_DUR] = {"duration", "a duration such as 250ms, 2h or 1h30min",
	"^([0-9]+(ns|us|ms|s|min|h|d|w))+$", sizeof(int64_t), parse_dur,
	print_dur, false, true},
    [HF_OPT_RATE] = {"rate", "a rate such as 20/s, 6/min or 1/week",
	"^[0-9.eE+-]+/(s|min|h|d|week)$", sizeof(double), parse_rate,
	print_rate, false, true},
    [HF_OPT_SIZE] = {"size", "a size such as 64MiB (B KiB MiB GiB TiB)",
	"^[0-9]+(B|KiB|MiB|GiB|TiB)?$", sizeof(int64_t), parse_size, print_size,
	false, true},
    [HF_OPT_DATE] = {"date", "a date such as 2027-05-01",
	"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", sizeof(int64_t), parse_date, print_date,
	false, true},
    [HF_OPT_HOST] = {"host", "an IPv4 or IPv6 address or a host name",
	"^[A-Za-z0-9.:_-]{1,253}$", sizeof(char *), parse_host, print_str,
	false, true},
    [HF_OPT_CIDRS] = {"networks", "a network such as 10.10.1.0/24",
	"^[0-9A-Fa-f.:]+/[0-9]{1,3}$", LIST, parse_cidr, NULL, true, true},
    [HF_OPT_NAMES] = {"names", "a name: 1 to 64 of A-Z a-z 0-9 _ -",
	"^[A-Za-z0-9_-]{1,64}$", LIST, parse_name, NULL, true, true},
    [HF_OPT_STRS] = {"texts", "a text of at most 1024 bytes", NULL, LIST,
	parse_str, NULL, true, true},
    [HF_OPT_PATTERNS] = {"patterns",
	"a pattern over tag paths such as press/line1/* (** only as the last "
	"level)",
	"^[A-Za-z0-9_*-]{1,64}(/[A-Za-z0-9_*-]{1,64}){0,11}$", LIST,
	parse_pattern, NULL, true, true},
    [HF_OPT_REF] = {"reference",
	"a name that is defined elsewhere in this file",
	"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,11}$", sizeof(char *),
	parse_ref, print_str, false, true},
    [HF_OPT_LEARN] = {"learning time",
	"a duration of source time such as 2h, or a count such as 500 samples",
	"^([0-9]+ samples|([0-9]+(ns|us|ms|s|min|h|d|w))+)$",
	sizeof(struct hf_learn), parse_learn, print_learn, false, true},
    [HF_OPT_SUB] = {"map", "a map", NULL, 0, NULL, NULL, false, false},
};

/* ---- what callers see ---- */

bool
hf_opt_is_list(enum hf_opt_type t)
{
	return types[t].is_list;
}

bool
hf_opt_is_text(enum hf_opt_type t)
{
	return types[t].is_text;
}

const char *
hf_opt_type_word(enum hf_opt_type t)
{
	return types[t].word;
}

const char *
hf_opt_pattern(enum hf_opt_type t)
{
	return types[t].pattern;
}

void
hf_opt_expects(const struct hf_opt *o, struct hf_buf *out)
{
	size_t i;

	if (o->words != NULL) {
		hf_buf_puts(out, "one of:");
		for (i = 0; o->words[i] != NULL; i++)
			hf_buf_printf(out, " %s", o->words[i]);
		return;
	}
	hf_buf_puts(out, types[o->type].expects);
	if (is_numeric(o->type) && has_range(o)) {
		hf_buf_puts(out, ", ");
		put_range(o, out);
	}
}

static bool
is_char_ptr(enum hf_opt_type t)
{
	return types[t].size == sizeof(char *) && types[t].print == print_str;
}

static bool
text_ok(const char *s, size_t n, char *why, size_t cap)
{
	if (n > HF_OPT_TEXT) {
		snprintf(why, cap, "text of %zu bytes, at most %d are allowed",
		    n, HF_OPT_TEXT);
		return false;
	}
	if (memchr(s, '\0', n) != NULL || !hf_utf8_text_ok(s, n)) {
		snprintf(
		    why, cap, "text holds control characters or is not UTF-8");
		return false;
	}
	return true;
}

static void
say_expects(const struct hf_opt *o, const char *s, const char *head, char *why,
    size_t cap)
{
	char shown[64];
	struct hf_buf b;
	const char *text;

	hf_buf_init(&b, HF_OPT_WHY);
	hf_opt_expects(o, &b);
	text = hf_buf_cstr(&b);
	hf_printable(shown, sizeof(shown), s, strlen(s));
	snprintf(
	    why, cap, "\"%s\" %s %s", shown, head, text == NULL ? "" : text);
	hf_buf_fini(&b);
}

static int
parse_value(const struct hf_opt *o, const char *s, size_t n, union value *v,
    char *why, size_t cap)
{
	char text[HF_OPT_TEXT + 1];

	why[0] = '\0';
	if (!text_ok(s, n, why, cap))
		return HF_EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	if (!types[o->type].parse(o, text, n, v, why, cap)) {
		if (why[0] == '\0')
			say_expects(o, text, "is not", why, cap);
		return HF_EINVAL;
	}
	if (in_range(o, v))
		return HF_OK;
	say_expects(o, text, "is out of range, expected", why, cap);
	return HF_EINVAL;
}

int
hf_opt_from_text(const struct hf_opt *o, const char *s, size_t n,
    struct hf_arena *a, void *slot, char *why, size_t cap)
{
	union value v;
	int rc;

	memset(&v, 0, sizeof(v));
	rc = parse_value(o, s, n, &v, why, cap);
	if (rc != HF_OK)
		return rc;
	if (is_char_ptr(o->type)) {
		v.s = hf_arena_strndup(a, s, n);
		if (v.s == NULL) {
			snprintf(why, cap, "out of memory");
			return HF_ENOMEM;
		}
	}
	memcpy(slot, &v, types[o->type].size);
	return HF_OK;
}

int
hf_opt_item_from_text(const struct hf_opt *o, const char *s, size_t n,
    struct hf_arena *a, char **out, char *why, size_t cap)
{
	union value v;
	char *copy;
	int rc;

	rc = parse_value(o, s, n, &v, why, cap);
	if (rc != HF_OK)
		return rc;
	copy = hf_arena_strndup(a, s, n);
	if (copy == NULL) {
		snprintf(why, cap, "out of memory");
		return HF_ENOMEM;
	}
	*out = copy;
	return HF_OK;
}

static int
check_list(
    const struct hf_opt *o, const struct hf_strlist *l, char *why, size_t cap)
{
	union value v;
	size_t i;
	int rc;

	if (l->n > HF_OPT_NLIST) {
		snprintf(why, cap, "%zu items, at most %d are allowed", l->n,
		    HF_OPT_NLIST);
		return HF_EINVAL;
	}
	for (i = 0; i < l->n; i++) {
		rc = parse_value(o, l->v[i], strlen(l->v[i]), &v, why, cap);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

static int
check_number(
    const struct hf_opt *o, const union value *v, char *why, size_t cap)
{
	bool is_double = o->type == HF_OPT_F64 || o->type == HF_OPT_RATE;
	bool is_count = o->type == HF_OPT_DUR || o->type == HF_OPT_SIZE;

	if ((is_double && !isfinite(v->d)) || (is_count && v->i < 0) ||
	    (o->type == HF_OPT_RATE && v->d < 0) || !in_range(o, v)) {
		snprintf(why, cap, "value is out of range");
		return HF_EINVAL;
	}
	return HF_OK;
}

static int
check_other(const struct hf_opt *o, const union value *v, char *why, size_t cap)
{
	bool ok = true;

	if (o->type == HF_OPT_ENUM)
		ok = v->i >= 0 && (uint64_t)v->i < count_words(o->words);
	else if (o->type == HF_OPT_DATE)
		ok = v->i == HF_TIME_NONE || v->i % NS_PER_DAY == 0;
	else if (o->type == HF_OPT_LEARN)
		ok = v->learn.dur_ns >= 0 && v->learn.nsample >= 0 &&
		     (v->learn.dur_ns == 0 || v->learn.nsample == 0);
	if (!ok)
		snprintf(why, cap, "value is not %s", types[o->type].expects);
	return ok ? HF_OK : HF_EINVAL;
}

int
hf_opt_check(const struct hf_opt *o, const void *slot, char *why, size_t cap)
{
	union value v;

	why[0] = '\0';
	if (types[o->type].is_list)
		return check_list(o, slot, why, cap);
	memset(&v, 0, sizeof(v));
	memcpy(&v, slot, types[o->type].size);
	if (!hf_opt_is_given(o, slot)) {
		if ((o->flags & HF_OPT_REQUIRED) == 0)
			return HF_OK;
		snprintf(why, cap, "is required");
		return HF_EINVAL;
	}
	if (is_char_ptr(o->type)) {
		union value ignored;

		return parse_value(o, v.s, strlen(v.s), &ignored, why, cap);
	}
	if (is_numeric(o->type))
		return check_number(o, &v, why, cap);
	return check_other(o, &v, why, cap);
}

bool
hf_opt_is_given(const struct hf_opt *o, const void *slot)
{
	bool always = o->dflt != NULL || (o->flags & HF_OPT_REQUIRED) != 0;
	union value v;

	if (types[o->type].is_list)
		return ((const struct hf_strlist *)slot)->n > 0;
	if (o->type == HF_OPT_SUB)
		return true;
	memset(&v, 0, sizeof(v));
	memcpy(&v, slot, types[o->type].size);
	if (is_char_ptr(o->type))
		return v.s != NULL;
	switch (o->type) {
	case HF_OPT_F64:
	case HF_OPT_RATE:
		return !isnan(v.d);
	case HF_OPT_DATE:
		return v.i != HF_TIME_NONE;
	case HF_OPT_LEARN:
		return v.learn.dur_ns != 0 || v.learn.nsample != 0;
	case HF_OPT_BOOL:
		return always || v.b;
	default:
		return always || v.i != 0;
	}
}

void
hf_opt_to_text(const struct hf_opt *o, const void *slot, struct hf_buf *out)
{
	union value v;

	memset(&v, 0, sizeof(v));
	memcpy(&v, slot, types[o->type].size);
	types[o->type].print(o, &v, out);
}

static int
set_default(const struct hf_opt *o, void *slot, struct hf_arena *a, char *why,
    size_t cap)
{
	static const double none = NAN;
	static const int64_t no_time = HF_TIME_NONE;
	size_t len;
	int rc;

	if (o->type == HF_OPT_F64 || o->type == HF_OPT_RATE)
		memcpy(slot, &none, sizeof(none));
	if (o->type == HF_OPT_DATE)
		memcpy(slot, &no_time, sizeof(no_time));
	if (o->dflt == NULL || types[o->type].is_list)
		return HF_OK;
	rc = hf_opt_from_text(o, o->dflt, strlen(o->dflt), a, slot, why, cap);
	if (rc != HF_OK) {
		len = strlen(why);
		snprintf(why + len, cap - len, " (default of \"%s\")", o->name);
	}
	return rc;
}

static int
set_defaults(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, char *why, size_t cap, int depth)
{
	char *slot;
	size_t i;
	int rc;

	for (i = 0; i < nrow; i++) {
		slot = (char *)conf + rows[i].off;
		if (rows[i].type == HF_OPT_SUB && depth < HF_OPT_DEPTH)
			rc = set_defaults(rows[i].sub, rows[i].nsub, slot, a,
			    why, cap, depth + 1);
		else
			rc = set_default(&rows[i], slot, a, why, cap);
		if (rc != HF_OK)
			return rc;
	}
	return HF_OK;
}

int
hf_opt_defaults(const struct hf_opt *rows, size_t nrow, void *conf,
    struct hf_arena *a, char *why, size_t cap)
{
	return set_defaults(rows, nrow, conf, a, why, cap, 0);
}
