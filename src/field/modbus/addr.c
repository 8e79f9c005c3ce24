/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.c - Modbus addresses as people write them, parsed and printed.
 *
 * Does not plan or read; plan.c and decode.c use the struct hf_mb_point made
 * here. Called by driver.c at check and open, and by the tests.
 *
 *    address = [unit "!"] place ["." number ["H" | "L"]] ["#" order]
 *    place   = area ":" number              0-based, number 0..65535
 *            | digit nnnn | digit nnnnn     1-based: 40001, 400001
 *    area    = "co" | "di" | "hr" | "ir"    coils, discrete inputs, holding
 *                                           registers, input registers
 *    digit   = 0 coils, 1 discrete inputs, 3 input, 4 holding registers
 *    order   = ABCD CDAB BADC DCBA, or BB (ABCD) LB (CDAB) BL (BADC) LL (DCBA)
 *              as EMQX Neuron writes it (first letter: word order, second: byte
 *              order; L = low first), or B, L for one register
 *
 * The number behind the point is the bit 0..15 for type bool, and the length in
 * characters (two a register) for type string, where H means that the first of
 * two characters is the high byte (default) and L that it is the low byte.
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "field/modbus/addr.h"

#define EXAMPLES "write 40001, 400001, hr:0, hr:7.3 (bit) or hr:10.20H (string)"

static const struct area {
	const char *name;
	uint8_t fn;
	char digit; /* of the 1-based form */
} areas[] = {
    {"co", HF_MB_COILS, '0'},
    {"di", HF_MB_DISCRETE, '1'},
    {"hr", HF_MB_HOLDING, '4'},
    {"ir", HF_MB_INPUT, '3'},
};
#define NAREA (sizeof(areas) / sizeof(areas[0]))

static const struct order_word {
	const char *name;
	int8_t order;
} order_words[] = {
    {"ABCD", HF_ABCD},
    {"CDAB", HF_CDAB},
    {"BADC", HF_BADC},
    {"DCBA", HF_DCBA},
    {"BB", HF_ABCD},
    {"LB", HF_CDAB},
    {"BL", HF_BADC},
    {"LL", HF_DCBA},
    {"B", HF_ABCD},
    {"L", HF_BADC},
};

static const struct area *
area_of(uint8_t fn)
{
	size_t i;

	for (i = 0; i < NAREA; i++)
		if (areas[i].fn == fn)
			return &areas[i];
	return NULL;
}

const char *
hf_mb_area(uint8_t fn)
{
	const struct area *a = area_of(fn);

	return a == NULL ? "?" : a->name;
}

static bool
only_digits(const char *s, size_t n)
{
	return n > 0 && strspn(s, "0123456789") >= n;
}

/* "40001" and "400001": the first digit is the area, the rest counts from 1. */
static bool
place_1based(const char *s, size_t n, struct hf_mb_addr *a)
{
	int64_t v;
	size_t i;

	if ((n != 5 && n != 6) || !only_digits(s, n))
		return false;
	if (!hf_parse_i64(s + 1, n - 1, &v) || v < 1 || v > HF_MB_SPACE)
		return false;
	for (i = 0; i < NAREA; i++) {
		if (areas[i].digit == s[0]) {
			a->fn = areas[i].fn;
			a->first = (uint16_t)(v - 1);
			return true;
		}
	}
	return false;
}

static bool
place_0based(const char *s, size_t n, struct hf_mb_addr *a)
{
	int64_t v;
	size_t i;

	if (n < 4 || s[2] != ':' || !only_digits(s + 3, n - 3))
		return false;
	if (!hf_parse_i64(s + 3, n - 3, &v) || v < 0 || v >= HF_MB_SPACE)
		return false;
	for (i = 0; i < NAREA; i++) {
		if (strncmp(areas[i].name, s, 2) == 0) {
			a->fn = areas[i].fn;
			a->first = (uint16_t)v;
			return true;
		}
	}
	return false;
}

static int
parse_order(const char *s, struct hf_mb_addr *a, struct hf_err *err)
{
	size_t i;

	for (i = 0; i < sizeof(order_words) / sizeof(order_words[0]); i++) {
		if (strcmp(order_words[i].name, s) == 0) {
			a->order = order_words[i].order;
			return HF_OK;
		}
	}
	return HF_FAIL(err, HF_EINVAL,
	    "order \"#%.16s\" unknown: write #BB (ABCD), #LB (CDAB), #BL "
	    "(BADC) or #LL (DCBA)",
	    s);
}

/* ".3" or ".20H"; s points behind the point, n bytes. */
static int
parse_dot(const char *s, size_t n, struct hf_mb_addr *a, struct hf_err *err)
{
	int64_t v;

	if (n > 0 && (s[n - 1] == 'H' || s[n - 1] == 'L'))
		a->half = s[--n];
	if (!only_digits(s, n) || n > 4 || !hf_parse_i64(s, n, &v))
		return HF_FAIL(err, HF_EINVAL,
		    "\".%.16s\" is neither a bit nor a length: " EXAMPLES, s);
	a->dot = (int32_t)v;
	return HF_OK;
}

static int
parse_addr(const char *s, struct hf_mb_addr *a, struct hf_err *err)
{
	const char *p = s, *bang, *dot, *hash;
	size_t n;
	int64_t v;
	int rc;

	*a = (struct hf_mb_addr){.unit = -1, .dot = -1, .order = -1};
	if (s == NULL || strlen(s) >= HF_MB_ADDR_TEXT)
		return HF_FAIL(err, HF_EINVAL, "no Modbus address: " EXAMPLES);
	bang = strchr(p, '!');
	if (bang != NULL) {
		if (!only_digits(p, (size_t)(bang - p)) ||
		    !hf_parse_i64(p, (size_t)(bang - p), &v) || v > 255)
			return HF_FAIL(
			    err, HF_EINVAL, "unit in \"%s\" is not 0..255", s);
		a->unit = (int16_t)v;
		p = bang + 1;
	}
	hash = strchr(p, '#');
	if (hash != NULL && (rc = parse_order(hash + 1, a, err)) != HF_OK)
		return rc;
	n = hash != NULL ? (size_t)(hash - p) : strlen(p);
	dot = memchr(p, '.', n);
	if (dot != NULL) {
		rc = parse_dot(dot + 1, (size_t)(p + n - dot - 1), a, err);
		if (rc != HF_OK)
			return rc;
		n = (size_t)(dot - p);
	}
	if (!place_0based(p, n, a) && !place_1based(p, n, a))
		return HF_FAIL(err, HF_EINVAL,
		    "\"%s\" is no Modbus address: " EXAMPLES, s);
	return HF_OK;
}

int
hf_mb_range_parse(const char *s, struct hf_mb_range *r, struct hf_err *err)
{
	struct hf_mb_addr a, b;
	char text[HF_MB_ADDR_TEXT];
	const char *dash = strchr(s, '-');
	size_t n = dash == NULL ? strlen(s) : (size_t)(dash - s);
	int64_t last;
	int rc;

	if (n >= sizeof(text))
		return HF_FAIL(err, HF_EINVAL, "range \"%.40s\" too long", s);
	memcpy(text, s, n);
	text[n] = '\0';
	if ((rc = parse_addr(text, &a, err)) != HF_OK)
		return rc;
	last = a.first;
	if (dash != NULL && parse_addr(dash + 1, &b, NULL) == HF_OK) {
		last = b.fn == a.fn ? b.first : -1;
	} else if (dash != NULL) {
		if (!hf_parse_i64(dash + 1, strlen(dash + 1), &last))
			last = -1;
	}
	if (last < a.first || last >= HF_MB_SPACE || a.dot >= 0 || a.unit >= 0)
		return HF_FAIL(
		    err, HF_EINVAL, "\"%s\" is no range: write hr:100-110", s);
	*r = (struct hf_mb_range){a.fn, a.first, (uint16_t)last};
	return HF_OK;
}

uint16_t
hf_mb_type_nreg(int64_t type)
{
	switch (type) {
	case HF_T_I32:
	case HF_T_U32:
	case HF_T_F32:
	case HF_T_BCD32:
		return 2;
	case HF_T_I64:
	case HF_T_U64:
	case HF_T_F64:
		return 4;
	case HF_T_STR:
		return 0;
	default:
		return 1;
	}
}

/* What the number behind the point means for this type. */
static int
resolve_dot(
    const struct hf_mb_addr *a, struct hf_mb_point *p, struct hf_err *err)
{
	bool is_bit_area = a->fn <= HF_MB_DISCRETE;

	p->bit = -1;
	p->count = hf_mb_type_nreg(p->type);
	if (p->type == HF_T_STR) {
		if (is_bit_area || a->dot < 1 || a->dot > HF_MB_NREG * 2)
			return HF_FAIL(err, HF_EINVAL,
			    "a string needs registers and a length of 1..%d "
			    "characters: write hr:10.20H",
			    HF_MB_NREG * 2);
		p->nchar = (uint16_t)a->dot;
		p->count = (uint16_t)((a->dot + 1) / 2);
		p->is_low_first = a->half == 'L';
		return HF_OK;
	}
	if (is_bit_area && (p->type != HF_T_BOOL || a->dot >= 0))
		return HF_FAIL(err, HF_EINVAL,
		    "coils and discrete inputs hold single bits: type bool, no "
		    "\".%d\"",
		    a->dot < 0 ? 0 : (int)a->dot);
	if (a->dot < 0)
		return HF_OK;
	if (p->type != HF_T_BOOL || a->dot > 15 || a->half != 0)
		return HF_FAIL(err, HF_EINVAL,
		    "\".%d\" names a bit 0..15 of a register: type bool, or "
		    "leave it out",
		    (int)a->dot);
	p->bit = (int8_t)a->dot;
	return HF_OK;
}

int
hf_mb_point(const struct hf_tag *t, uint8_t unit, struct hf_mb_point *p,
    struct hf_err *err)
{
	struct hf_mb_addr a;
	int rc;

	if ((rc = parse_addr(t->address, &a, err)) != HF_OK)
		return rc;
	*p = (struct hf_mb_point){
	    .tag = t,
	    .unit = a.unit >= 0 ? (uint8_t)a.unit : unit,
	    .fn = a.fn,
	    .first = a.first,
	    .type = (uint8_t)t->type,
	    .order = a.order >= 0 ? (uint8_t)a.order : (uint8_t)t->order,
	    .interval_ns = t->interval_ns,
	};
	if ((rc = resolve_dot(&a, p, err)) != HF_OK)
		return rc;
	if ((uint32_t)p->first + p->count > HF_MB_SPACE)
		return HF_FAIL(err, HF_EINVAL,
		    "\"%s\" with %u registers ends beyond address 65535",
		    t->address, p->count);
	return HF_OK;
}

static void
put_tail(const struct hf_mb_point *p, char *buf, size_t n)
{
	if (p->type == HF_T_STR)
		snprintf(buf + n, HF_MB_ADDR_TEXT - n, ".%u%c", p->nchar,
		    p->is_low_first ? 'L' : 'H');
	else if (p->bit >= 0)
		snprintf(buf + n, HF_MB_ADDR_TEXT - n, ".%d", p->bit);
}

static size_t
put_unit(const struct hf_mb_point *p, uint8_t dev_unit, char *buf)
{
	if (p->unit == dev_unit)
		return 0;
	return (size_t)snprintf(buf, HF_MB_ADDR_TEXT, "%u!", p->unit);
}

char *
hf_mb_addr_1based(
    const struct hf_mb_point *p, uint8_t dev_unit, char buf[HF_MB_ADDR_TEXT])
{
	const struct area *a = area_of(p->fn);
	size_t n = put_unit(p, dev_unit, buf);

	n += (size_t)snprintf(buf + n, HF_MB_ADDR_TEXT - n, "%c%05u",
	    a == NULL ? '?' : a->digit, (unsigned)p->first + 1);
	put_tail(p, buf, n);
	return buf;
}

char *
hf_mb_addr_0based(
    const struct hf_mb_point *p, uint8_t dev_unit, char buf[HF_MB_ADDR_TEXT])
{
	size_t n = put_unit(p, dev_unit, buf);

	n += (size_t)snprintf(
	    buf + n, HF_MB_ADDR_TEXT - n, "%s:%u", hf_mb_area(p->fn), p->first);
	put_tail(p, buf, n);
	return buf;
}
