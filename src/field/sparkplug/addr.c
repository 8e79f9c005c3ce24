/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.c - a tag's address in Sparkplug, and tags suggested for metrics.
 *
 * Suggested names: tag = device and metric joined, every character that a name
 * may not hold as '_', cut to 64. The place in the namespace is suggested only
 * for devices named as UMH does ("acme:berlin:press:line1"): then it is the
 * levels behind enterprise and site, and the metric's own.
 */
#include "field/sparkplug/addr.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"

#define TAG_NAME 64
#define INTERVAL_MS 1000 /* of a suggested tag: how soon silence is odd */

const char hf_spb_suggest_header[] =
    "tag,address,type,interval_ms,unit,uns_path";

/* Copies up to an unescaped stop character (or the end), "\:" as ':'. Returns
 * where it stopped; NULL: out is too small. */
static const char *
take_id(const char *s, const char *stop, char *out, size_t cap)
{
	size_t n = 0;

	for (; *s != '\0' && strchr(stop, *s) == NULL; s++) {
		if (s[0] == '\\' && s[1] == ':')
			s++;
		if (n + 1 >= cap)
			return NULL;
		out[n++] = *s;
	}
	out[n] = '\0';
	return s;
}

int
hf_spb_addr_parse(const char *text, struct hf_spb_addr *out, struct hf_err *err)
{
	bool ok = true;
	const char *s;

	*out = (struct hf_spb_addr){.device = ""};
	s = take_id(text, "/:", out->node, sizeof(out->node));
	if (s != NULL && *s == '/') {
		s = take_id(s + 1, ":", out->device, sizeof(out->device));
		ok = hf_spb_id_ok(out->device);
	}
	if (!ok || s == NULL || *s != ':' || !hf_spb_id_ok(out->node))
		return HF_FAIL(err, HF_EINVAL,
		    "address \"%.100s\": want EDGE:METRIC or "
		    "EDGE/DEVICE:METRIC (a ':' in an id is \\:)",
		    text);
	s++;
	if (*s == '\0' || strlen(s) > HF_SPB_NAME ||
	    !hf_utf8_line_ok(s, strlen(s)))
		return HF_FAIL(err, HF_EINVAL,
		    "address \"%.100s\": the metric's name is empty or longer "
		    "than %d bytes",
		    text, HF_SPB_NAME);
	hf_strcpy(out->metric, sizeof(out->metric), s);
	return HF_OK;
}

void
hf_spb_key(const char *node, const char *device, const char *metric,
    char out[HF_SPB_KEY])
{
	snprintf(out, HF_SPB_KEY, "%s/%s/%s", node, device, metric);
}

/* ---- suggestions ---- */

static const char *
type_word(uint32_t datatype)
{
	static const uint8_t types[HF_SPB_UUID + 1] = {
	    [HF_SPB_INT8] = HF_T_I16,
	    [HF_SPB_INT16] = HF_T_I16,
	    [HF_SPB_INT32] = HF_T_I32,
	    [HF_SPB_INT64] = HF_T_I64,
	    [HF_SPB_UINT8] = HF_T_U16,
	    [HF_SPB_UINT16] = HF_T_U16,
	    [HF_SPB_UINT32] = HF_T_U32,
	    [HF_SPB_UINT64] = HF_T_U64,
	    [HF_SPB_FLOAT] = HF_T_F32,
	    [HF_SPB_DOUBLE] = HF_T_F64,
	    [HF_SPB_BOOLEAN] = HF_T_BOOL,
	    [HF_SPB_STRING] = HF_T_STR,
	    [HF_SPB_DATETIME] = HF_T_I64,
	    [HF_SPB_TEXT] = HF_T_STR,
	    [HF_SPB_UUID] = HF_T_STR,
	};

	return hf_tag_type_words[types[datatype]];
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Appends s as part of a path: '_' for what a level may not hold, '/' for
 * what parts levels; at most 64 bytes a level. */
static void
put_levels(char *out, size_t cap, const char *s, const char *parting)
{
	size_t n = strlen(out), level = 0;

	for (; *s != '\0' && n + 1 < cap; s++) {
		if (strchr(parting, *s) != NULL) {
			out[n++] = '/';
			level = 0;
		} else if (level < TAG_NAME) {
			out[n++] = is_name_char(*s) ? *s : '_';
			level++;
		}
	}
	out[n] = '\0';
}

static void
put_cell(struct hf_buf *b, const char *s)
{
	const bool is_quoted = strpbrk(s, ",\"\n") != NULL;

	if (is_quoted)
		hf_buf_u8(b, '"');
	if (s[0] != '\0' && strchr("=+-@\t", s[0]) != NULL)
		hf_buf_u8(b, '\''); /* no formula for a spreadsheet */
	if (!is_quoted) {
		hf_buf_puts(b, s);
		return;
	}
	for (; *s != '\0'; s++) {
		if (*s == '"')
			hf_buf_u8(b, '"');
		hf_buf_u8(b, (uint8_t)*s);
	}
	hf_buf_u8(b, '"');
}

static void
escape_id(const char *id, char out[2 * HF_SPB_ID])
{
	for (; *id != '\0'; id++) {
		if (*id == ':')
			*out++ = '\\';
		*out++ = *id;
	}
	*out = '\0';
}

/* "" if the device's id does not say where it stands in this plant. */
static void
uns_path(const struct hf_plant *p, const struct hf_spb_listed *m, char *out,
    size_t cap)
{
	char prefix[2 * HF_SPB_ID + 4];

	out[0] = '\0';
	snprintf(prefix, sizeof(prefix), "%.*s:%.*s:", HF_SPB_ID,
	    p->site.enterprise != NULL ? p->site.enterprise : "", HF_SPB_ID,
	    p->site.site != NULL ? p->site.site : "");
	if (strncmp(m->device, prefix, strlen(prefix)) != 0)
		return;
	put_levels(out, cap, m->device + strlen(prefix), ":");
	put_levels(out, cap, "/", "/");
	put_levels(out, cap, m->name, "/");
	if (!hf_path_ok(out))
		out[0] = '\0';
}

bool
hf_spb_suggest(
    const struct hf_plant *p, const struct hf_spb_listed *m, struct hf_buf *row)
{
	char tag[TAG_NAME + 1] = "", path[256], id[2 * HF_SPB_ID];
	char addr[4 * HF_SPB_ID + HF_SPB_NAME + 4];
	const char *colon = strrchr(m->device, ':');

	if (hf_spb_vtype(m->datatype) == 0 ||
	    !hf_utf8_line_ok(m->name, strlen(m->name)))
		return false;
	put_levels(tag, sizeof(tag), colon != NULL ? colon + 1 : m->device, "");
	if (tag[0] != '\0')
		put_levels(tag, sizeof(tag), "_", "");
	put_levels(tag, sizeof(tag), m->name, "");
	escape_id(m->node, id);
	snprintf(addr, sizeof(addr), "%s", id);
	if (m->device[0] != '\0') {
		escape_id(m->device, id);
		snprintf(addr + strlen(addr), sizeof(addr) - strlen(addr),
		    "/%s", id);
	}
	snprintf(
	    addr + strlen(addr), sizeof(addr) - strlen(addr), ":%s", m->name);
	uns_path(p, m, path, sizeof(path));
	put_cell(row, tag);
	hf_buf_u8(row, ',');
	put_cell(row, addr);
	hf_buf_printf(row, ",%s,%d,", type_word(m->datatype), INTERVAL_MS);
	put_cell(row, m->unit);
	hf_buf_u8(row, ',');
	put_cell(row, path);
	return hf_buf_ok(row);
}
