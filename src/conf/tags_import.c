/* SPDX-License-Identifier: Apache-2.0
 *
 * tags_import.c - tag sheets of other programs, recognised by their header
 * line.
 *
 * Kepware (CSV export of a Modbus device). Columns are matched by name, in any
 * order; versions differ in the last ones:
 *    Tag Name, Address, Data Type, Respect Data Type, Client Access, Scan Rate,
 *    Scaling, Raw Low, Raw High, Scaled Low, Scaled High, Scaled Data Type,
 *    Clamp Low, Clamp High, Eng Units, Description, Negate Value
 * Word order is a setting of the device there, not of the tag: it comes out as
 * ABCD with a warning where it matters.
 *
 * Neuron (Excel sheet saved as CSV):
 *    group, name, address, attribute, type, description, decimal, precision
 * address is UNIT!ADDRESS[.BIT][#ENDIAN][.LEN[H|L]]; ENDIAN by the bytes on the
 * wire: LL 1234 (default) = ABCD, LB 2143 = BADC, BB 3412 = CDAB, BL 4321 =
 * DCBA; for 16 bits L 12 = ABCD, B 21 = BADC. The address stays as it is but
 * for the ending; a decimal factor becomes a scaling 0..1 -> 0..factor.
 *
 * Names in both may hold characters that ours may not: they become '_', with a
 * warning.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/str.h"
#include "conf/tags.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

const char *const hf_sheet_words[] = {"holdfast", "kepware", "neuron", NULL};

struct word_map {
	const char *theirs, *ours;
};

static bool
set_word(struct hf_tag_row *r, const char *opt, const struct word_map *m,
    size_t nmap, const char *s)
{
	char word[32];
	size_t i;

	for (i = 0; i < nmap; i++) {
		if (strcasecmp(m[i].theirs, s) != 0)
			continue;
		hf_strcpy(word, sizeof(word), m[i].ours);
		return hf_tag_row_set(r, opt, word, strlen(word));
	}
	snprintf(r->why, sizeof(r->why),
	    "\"%.40s\" has no counterpart here; known are:", s);
	for (i = 0; i < nmap; i++) {
		size_t len = strlen(r->why);

		snprintf(
		    r->why + len, sizeof(r->why) - len, " %s", m[i].theirs);
	}
	return false;
}

static bool
set_name(struct hf_tag_row *r, char *s, size_t n)
{
	size_t i;

	hf_csv_unprotect(s);
	for (i = 0; s[i] != '\0'; i++) {
		char c[2] = {s[i], '\0'};

		if (hf_name_ok(c))
			continue;
		s[i] = '_';
		r->warning = "the name held other characters than A-Z a-z 0-9 "
			     "_ -, which "
			     "became _";
	}
	return hf_tag_row_set(r, "tag", s, strlen(s));
}

static bool
is_wide(const struct hf_tag *t)
{
	return t->type != HF_T_BOOL && t->type != HF_T_I16 &&
	       t->type != HF_T_U16 && t->type != HF_T_BCD16 &&
	       t->type != HF_T_STR;
}

/* ---- Kepware ---- */

static bool
kep_type(struct hf_tag_row *r, char *s, size_t n)
{
	static const struct word_map m[] = {{"Boolean", "bool"},
	    {"Short", "int16"}, {"Word", "uint16"}, {"Long", "int32"},
	    {"DWord", "uint32"}, {"LLong", "int64"}, {"QWord", "uint64"},
	    {"Float", "float32"}, {"Double", "float64"}, {"BCD", "bcd16"},
	    {"LBCD", "bcd32"}, {"String", "string"}};

	return set_word(r, "type", m, N(m), s);
}

static bool
kep_access(struct hf_tag_row *r, char *s, size_t n)
{
	r->t.writable = strcasecmp(s, "R/W") == 0 || strcasecmp(s, "RW") == 0;
	if (r->t.writable || strcasecmp(s, "RO") == 0 ||
	    strcasecmp(s, "R") == 0)
		return true;
	snprintf(r->why, sizeof(r->why), "\"%.40s\" is not RO or R/W", s);
	return false;
}

static bool
set_interval(struct hf_tag_row *r, char *s, size_t n)
{
	int64_t ms;

	if (hf_parse_i64(s, n, &ms) && ms >= 1 && ms <= 86400000) {
		r->t.interval_ns = ms * INT64_C(1000000);
		return true;
	}
	snprintf(r->why, sizeof(r->why),
	    "\"%.40s\" is not a whole number of milliseconds, 1 to 86400000",
	    s);
	return false;
}

static bool
kep_scaling(struct hf_tag_row *r, char *s, size_t n)
{
	r->is_linear = strcasecmp(s, "Linear") == 0;
	if (r->is_linear || strcasecmp(s, "None") == 0)
		return true;
	snprintf(r->why, sizeof(r->why),
	    "scaling \"%.40s\" has no counterpart here; known are: None Linear",
	    s);
	return false;
}

static bool
yes_no(struct hf_tag_row *r, const char *s, bool *out)
{
	*out = strcasecmp(s, "Yes") == 0 || strcmp(s, "1") == 0 ||
	       strcasecmp(s, "True") == 0;
	if (*out || strcasecmp(s, "No") == 0 || strcmp(s, "0") == 0 ||
	    strcasecmp(s, "False") == 0)
		return true;
	snprintf(r->why, sizeof(r->why), "\"%.40s\" is not Yes or No", s);
	return false;
}

static bool
kep_clamp_lo(struct hf_tag_row *r, char *s, size_t n)
{
	return yes_no(r, s, &r->is_clamp_lo);
}

static bool
kep_clamp_hi(struct hf_tag_row *r, char *s, size_t n)
{
	return yes_no(r, s, &r->is_clamp_hi);
}

static bool
kep_negate(struct hf_tag_row *r, char *s, size_t n)
{
	bool is_negated;

	if (!yes_no(r, s, &is_negated))
		return false;
	if (!is_negated)
		return true;
	snprintf(r->why, sizeof(r->why),
	    "a negated value has no counterpart here; use a scaling with "
	    "swapped ends");
	return false;
}

static bool
kep_end(struct hf_tag_row *r)
{
	struct hf_tag *t = &r->t;

	if (!r->is_linear) { /* the numbers stand there all the same */
		t->raw_lo = t->raw_hi = t->scale_lo = t->scale_hi = NAN;
		r->is_clamp_lo = r->is_clamp_hi = false;
	}
	if (r->is_clamp_lo != r->is_clamp_hi) {
		snprintf(r->why, sizeof(r->why),
		    "clamping at one end only has no counterpart here; clamp "
		    "both or "
		    "none");
		return false;
	}
	t->clamp = r->is_clamp_lo;
	if (is_wide(t))
		r->order_warning =
		    "word order is a setting of the device in Kepware and not "
		    "in the sheet; taken as ABCD, check it with `holdfast try`";
	return true;
}

static const struct hf_tag_col kep_cols[] = {
    {.name = "Tag Name", .set = set_name, .is_required = true},
    {.name = "Address", .opt = "address", .is_required = true},
    {.name = "Data Type", .set = kep_type, .is_required = true},
    {.name = "Respect Data Type"},
    {.name = "Client Access", .set = kep_access},
    {.name = "Scan Rate", .set = set_interval},
    {.name = "Scaling", .set = kep_scaling},
    {.name = "Raw Low", .opt = "raw_lo"},
    {.name = "Raw High", .opt = "raw_hi"},
    {.name = "Scaled Low", .opt = "scale_lo"},
    {.name = "Scaled High", .opt = "scale_hi"},
    {.name = "Scaled Data Type"},
    {.name = "Clamp Low", .set = kep_clamp_lo},
    {.name = "Clamp High", .set = kep_clamp_hi},
    {.name = "Eng Units", .opt = "unit"},
    {.name = "Description", .opt = "description"},
    {.name = "Negate Value", .set = kep_negate},
};
const struct hf_sheet_def hf_sheet_kepware = {
    .cols = kep_cols, .ncol = N(kep_cols), .end = kep_end};

/* ---- Neuron ---- */

static bool
neu_address(struct hf_tag_row *r, char *s, size_t n)
{
	static const struct word_map m[] = {{"LL", "ABCD"}, {"LB", "BADC"},
	    {"BB", "CDAB"}, {"BL", "DCBA"}, {"L", "ABCD"}, {"B", "BADC"}};
	char *hash = strchr(s, '#'), *tail, endian[8] = "", rest[32] = "";
	size_t len;

	if (hash != NULL) {
		tail = hash + 1 + strcspn(hash + 1, ".");
		len = (size_t)(tail - hash - 1);
		if (len >= sizeof(endian) ||
		    !hf_strcpy(rest, sizeof(rest), tail)) {
			snprintf(r->why, sizeof(r->why),
			    "\"%.40s\": the ending behind # is not known", s);
			return false;
		}
		memcpy(endian, hash + 1, len);
		if (!set_word(r, "order", m, N(m), endian))
			return false;
		memcpy(hash, rest, strlen(rest) + 1);
	}
	if (s[0] == '\0') {
		snprintf(r->why, sizeof(r->why),
		    "there is no register before the #");
		return false;
	}
	return hf_tag_row_set(r, "address", s, strlen(s));
}

static bool
neu_type(struct hf_tag_row *r, char *s, size_t n)
{
	static const struct word_map m[] = {{"BIT", "bool"}, {"BOOL", "bool"},
	    {"INT16", "int16"}, {"UINT16", "uint16"}, {"WORD", "uint16"},
	    {"INT32", "int32"}, {"UINT32", "uint32"}, {"DWORD", "uint32"},
	    {"INT64", "int64"}, {"UINT64", "uint64"}, {"LWORD", "uint64"},
	    {"FLOAT", "float32"}, {"DOUBLE", "float64"}, {"STRING", "string"}};

	return set_word(r, "type", m, N(m), s);
}

/* "Read Write Subscribe" in words, or the sum of 1 read, 2 write, 4
 * subscribe. */
static bool
neu_attribute(struct hf_tag_row *r, char *s, size_t n)
{
	int64_t bits;
	bool can_read;

	if (hf_parse_i64(s, n, &bits)) {
		can_read = (bits & 5) != 0;
		r->t.writable = (bits & 2) != 0;
	} else {
		can_read = strcasestr(s, "read") != NULL ||
			   strcasestr(s, "subscribe") != NULL;
		r->t.writable = strcasestr(s, "write") != NULL;
	}
	if (can_read)
		return true;
	snprintf(r->why, sizeof(r->why),
	    "\"%.40s\" cannot be read; only tags that can be read are taken",
	    s);
	return false;
}

static bool
neu_decimal(struct hf_tag_row *r, char *s, size_t n)
{
	double factor;

	if (!hf_parse_f64(s, n, r->is_comma, &factor)) {
		snprintf(
		    r->why, sizeof(r->why), "\"%.40s\" is not a number", s);
		return false;
	}
	if (factor == 0 || factor == 1)
		return true;
	r->t.raw_lo = r->t.scale_lo = 0;
	r->t.raw_hi = 1;
	r->t.scale_hi = factor;
	return true;
}

static const struct hf_tag_col neu_cols[] = {
    {.name = "group"},
    {.name = "name", .set = set_name, .is_required = true},
    {.name = "address", .set = neu_address, .is_required = true},
    {.name = "attribute", .set = neu_attribute, .is_required = true},
    {.name = "type", .set = neu_type, .is_required = true},
    {.name = "description", .opt = "description"},
    {.name = "decimal", .set = neu_decimal},
    {.name = "precision"},
};
const struct hf_sheet_def hf_sheet_neuron = {
    .cols = neu_cols, .ncol = N(neu_cols)};

/* ---- which is it ---- */

static bool
row_has(const struct hf_csv_row *row, const char *name)
{
	size_t i;

	for (i = 0; i < row->n; i++)
		if (strcasecmp(row->f[i].s, name) == 0)
			return true;
	return false;
}

enum hf_sheet
hf_tags_sheet(const char *text, size_t n)
{
	struct hf_csv *csv = hf_csv_new(text == NULL ? "" : text, n, 0);
	enum hf_sheet s = HF_SHEET_HOLDFAST;
	const struct hf_csv_row *row;

	if (csv == NULL)
		return s;
	if (hf_csv_next(csv, &row, NULL) == HF_OK && !row_has(row, "tag")) {
		if (row_has(row, "Tag Name") && row_has(row, "Data Type"))
			s = HF_SHEET_KEPWARE;
		else if (row_has(row, "name") && row_has(row, "attribute"))
			s = HF_SHEET_NEURON;
	}
	hf_csv_free(csv);
	return s;
}

static int
parse_any(struct hf_tags_in *in, const char *text, size_t n)
{
	switch (hf_tags_sheet(text, n)) {
	case HF_SHEET_KEPWARE:
		return hf_tags_parse_sheet(in, &hf_sheet_kepware, text, n);
	case HF_SHEET_NEURON:
		return hf_tags_parse_sheet(in, &hf_sheet_neuron, text, n);
	default:
		return hf_tags_parse(in, text, n);
	}
}

int
hf_tags_import(struct hf_plant *p, const char *device, const char *file,
    const char *text, size_t n, hf_finding_fn *fn, void *arg,
    struct hf_err *err)
{
	struct hf_tags_in in = {.p = p, .device = device, .file = file};
	size_t nerror;
	int rc;

	in.f = hf_findings_new();
	if (in.f == NULL)
		return HF_FAIL(err, HF_ENOMEM, "no memory to read %s", file);
	rc = parse_any(&in, text, n);
	nerror = hf_findings_nerror(in.f);
	hf_findings_report(in.f, fn, arg);
	hf_findings_free(in.f);
	if (rc != HF_OK)
		hf_err_set(err, rc, "%zu error%s in %s", nerror,
		    nerror == 1 ? "" : "s", file);
	return rc;
}
