/* SPDX-License-Identifier: Apache-2.0
 *
 * plant_tag.c - a tag as a table: one row of a tag file, once it is read.
 *
 * Tags are not a section of plant.yaml: they come from the files below tags/,
 * whose columns holdfast-tags(5) names (conf/tags.c reads them). These rows are
 * their packed form, in this order, and their ranges; what spans two columns
 * stands in the check here. The sections' tables are in plant_sections.c.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "model/plant.h"

#define REQ HF_OPT_REQUIRED
#define O(s, f) .off = offsetof(struct s, f)

const char *const hf_tag_type_words[] = {"bool", "int16", "uint16", "int32",
    "uint32", "int64", "uint64", "float32", "float64", "bcd16", "bcd32",
    "string", NULL};
const char *const hf_order_words[] = {"ABCD", "CDAB", "BADC", "DCBA", NULL};

static const struct hf_opt tag_opts[] = {
    {.name = "device",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_tag, device),
	.help = "Device that holds it."},
    {.name = "tag",
	.type = HF_OPT_NAME,
	.flags = REQ,
	O(hf_tag, name),
	.help = "Name within the device."},
    {.name = "path",
	.type = HF_OPT_PATH,
	.flags = REQ,
	O(hf_tag, path),
	.help = "Path below the plant."},
    {.name = "address",
	.type = HF_OPT_STR,
	.flags = REQ,
	O(hf_tag, address),
	.help = "Where the device holds it."},
    {.name = "type",
	.type = HF_OPT_ENUM,
	.flags = REQ,
	.words = hf_tag_type_words,
	O(hf_tag, type),
	.help = "What the device holds."},
    {.name = "order",
	.type = HF_OPT_ENUM,
	.flags = REQ,
	.words = hf_order_words,
	O(hf_tag, order),
	.help = "Order of bytes and words."},
    {.name = "writable",
	.type = HF_OPT_BOOL,
	O(hf_tag, writable),
	.help = "May be written through an approved command."},
    {.name = "interval",
	.type = HF_OPT_DUR,
	.flags = REQ,
	.unit = "ms",
	.min = 1,
	.max = 86400000,
	.dflt = "1s",
	O(hf_tag, interval_ns),
	.help = "Time between reads."},
    {.name = "deadband",
	.type = HF_OPT_F64,
	.flags = REQ,
	.min = 0,
	.max = 1e300,
	.dflt = "0",
	O(hf_tag, deadband),
	.help = "Change that counts."},
    {.name = "is_deadband_pct",
	.type = HF_OPT_BOOL,
	O(hf_tag, is_deadband_pct),
	.help = "The deadband is in per cent of the range."},
    {.name = "raw_lo",
	.type = HF_OPT_F64,
	O(hf_tag, raw_lo),
	.help = "Scaling."},
    {.name = "raw_hi",
	.type = HF_OPT_F64,
	O(hf_tag, raw_hi),
	.help = "Scaling."},
    {.name = "scale_lo",
	.type = HF_OPT_F64,
	O(hf_tag, scale_lo),
	.help = "Scaling."},
    {.name = "scale_hi",
	.type = HF_OPT_F64,
	O(hf_tag, scale_hi),
	.help = "Scaling."},
    {.name = "clamp",
	.type = HF_OPT_BOOL,
	O(hf_tag, clamp),
	.help = "Cut the scaled value to its range."},
    {.name = "unit", .type = HF_OPT_STR, O(hf_tag, unit), .help = "Unit."},
    {.name = "range_lo",
	.type = HF_OPT_F64,
	O(hf_tag, range_lo),
	.help = "Range."},
    {.name = "range_hi",
	.type = HF_OPT_F64,
	O(hf_tag, range_hi),
	.help = "Range."},
    {.name = "description",
	.type = HF_OPT_STR,
	O(hf_tag, description),
	.help = "Text for people."},
};

static int
tag_scale_check(const struct hf_tag *t, char *why, size_t cap)
{
	bool a = t->raw_lo == t->raw_lo, b = t->raw_hi == t->raw_hi;
	bool c = t->scale_lo == t->scale_lo, d = t->scale_hi == t->scale_hi;
	const char *text = NULL;

	if (a != b || a != c || a != d)
		text = "scaling needs all four of scale_raw_lo, scale_raw_hi, "
		       "scale_lo, "
		       "scale_hi; give them all or none";
	else if (a && t->raw_lo == t->raw_hi)
		text = "scale_raw_lo and scale_raw_hi are equal; they are the "
		       "raw values "
		       "that become scale_lo and scale_hi";
	else if (a && (t->type == HF_T_BOOL || t->type == HF_T_STR))
		text = "scaling is for numbers; leave the scale columns empty "
		       "for bool "
		       "and string";
	else if (t->clamp && !a)
		text = "clamp cuts to scale_lo..scale_hi, but there is no "
		       "scaling; give "
		       "the scale columns or leave clamp empty";
	if (text != NULL)
		snprintf(why, cap, "%s", text);
	return text == NULL ? HF_OK : HF_EINVAL;
}

static int
tag_check(const void *conf, char *why, size_t cap)
{
	const struct hf_tag *t = conf;
	bool lo = t->range_lo == t->range_lo, hi = t->range_hi == t->range_hi;
	const char *text = NULL;

	if (lo != hi)
		text =
		    "range needs both range_lo and range_hi; give both or none";
	else if (lo && !(t->range_lo < t->range_hi))
		text = "range_lo is not below range_hi; swap them";
	else if (t->is_deadband_pct && !lo)
		text = "deadband in per cent needs range_lo and range_hi; give "
		       "them, or a "
		       "deadband in units";
	else if (t->is_deadband_pct && t->deadband > 100)
		text = "deadband is over 100 per cent; write for example 2%";
	else if (t->deadband > 0 &&
		 (t->type == HF_T_STR || t->type == HF_T_BOOL))
		text = "deadband is for numbers; leave it empty for bool and "
		       "string";
	if (text == NULL)
		return tag_scale_check(t, why, cap);
	snprintf(why, cap, "%s", text);
	return HF_EINVAL;
}

const struct hf_kind hf_tag_kind = {
    .name = "tags",
    .help = "One tag, packed.",
    .opts = tag_opts,
    .nopt = sizeof(tag_opts) / sizeof(tag_opts[0]),
    .size = sizeof(struct hf_tag),
    .check = tag_check,
};
