/* SPDX-License-Identifier: Apache-2.0
 *
 * doc.c - MTConnect XML (ANSI/MTC1.4 part 1) through expat, in one pass and in
 * bounded memory: what is kept is the path of open elements as small numbers
 * and the observation at hand.
 *
 *    MTConnectDevices  Header, Devices/.../DataItem id name category type
 *                      subType units
 *    MTConnectStreams  Header instanceId nextSequence firstSequence
 *                      lastSequence, Streams/DeviceStream/ComponentStream/
 *                      (Samples|Events|Condition)/ELEMENT dataItemId name
 *                      timestamp sequence, its text the value
 *    MTConnectError    Header, Errors/Error errorCode, its text
 *
 * Namespace prefixes are cut off, versions of the standard are not told apart.
 * A document type declaration is refused at once: there are no entities but the
 * five of XML, so nothing can grow.
 */
#include "field/mtconnect/doc.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"

#define DEPTH_MAX 32
#define NATTR_MAX 64
#define ATTR_MAX 1024
#define NELEMENT_MAX 200000
#define ID_CAP 256

enum kind { OTHER, ROOT, GROUP, CONDITION, OBS, ERROR, PART };

struct hf_mtc_doc {
	XML_Parser xml;
	struct hf_mtc_ops ops;
	int depth;
	uint8_t kinds[DEPTH_MAX]; /* enum kind of the open elements */
	size_t nelement;
	bool is_bad;
	char why[160];
	char id[ID_CAP], name[ID_CAP], time[64], code[ID_CAP];
	char component[ID_CAP]; /* the last one opened */
	uint64_t seq;
	enum hf_mtc_level level;
	char text[HF_MTC_TEXT + 1];
	size_t ntext;
	bool is_cut;
};

static void __attribute__((format(printf, 2, 3)))
refuse(struct hf_mtc_doc *d, const char *fmt, ...)
{
	va_list ap;

	if (d->is_bad)
		return;
	va_start(ap, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
	d->is_bad = true;
	XML_StopParser(d->xml, XML_FALSE);
}

static const char *
local(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon == NULL ? name : colon + 1;
}

/* "" if it is not there. */
static const char *
attr(const char **atts, const char *name)
{
	for (; *atts != NULL; atts += 2)
		if (strcmp(local(atts[0]), name) == 0)
			return atts[1];
	return "";
}

static uint64_t
attr_u64(const char **atts, const char *name)
{
	const char *s = attr(atts, name);
	uint64_t v = 0;

	return hf_parse_u64(s, strlen(s), &v) ? v : 0;
}

static bool
attrs_ok(struct hf_mtc_doc *d, const char **atts)
{
	size_t n;

	for (n = 0; atts[n] != NULL; n++)
		if (n >= 2 * NATTR_MAX || strlen(atts[n]) > ATTR_MAX) {
			refuse(d, "an attribute too many or too long");
			return false;
		}
	return true;
}

static void
header(struct hf_mtc_doc *d, const char **atts)
{
	const struct hf_mtc_header h = {
	    .instance = attr_u64(atts, "instanceId"),
	    .next = attr_u64(atts, "nextSequence"),
	    .first = attr_u64(atts, "firstSequence"),
	    .last = attr_u64(atts, "lastSequence"),
	};

	d->ops.header(d->ops.arg, &h);
}

static void
data_item(struct hf_mtc_doc *d, const char **atts)
{
	const struct hf_mtc_item i = {
	    .id = attr(atts, "id"),
	    .name = attr(atts, "name"),
	    .category = attr(atts, "category"),
	    .type = attr(atts, "type"),
	    .sub_type = attr(atts, "subType"),
	    .units = attr(atts, "units"),
	    .component = d->component,
	};

	if (i.id[0] != '\0')
		d->ops.item(d->ops.arg, &i);
}

static enum hf_mtc_level
level_of(const char *element)
{
	static const char *const words[] = {[HF_MTC_NORMAL] = "Normal",
	    [HF_MTC_WARNING] = "Warning",
	    [HF_MTC_FAULT] = "Fault",
	    [HF_MTC_UNAVAILABLE] = "Unavailable"};
	int i;

	for (i = HF_MTC_NORMAL; i <= HF_MTC_UNAVAILABLE; i++)
		if (strcmp(element, words[i]) == 0)
			return i;
	return HF_MTC_UNAVAILABLE; /* a level that we do not know */
}

static void
begin_text(struct hf_mtc_doc *d)
{
	d->ntext = 0;
	d->is_cut = false;
}

static void
add_text(struct hf_mtc_doc *d, const char *s, size_t n)
{
	const size_t room = HF_MTC_TEXT - d->ntext;

	if (n > room) {
		d->is_cut = true;
		n = room;
	}
	memcpy(d->text + d->ntext, s, n);
	d->ntext += n;
}

static enum kind
begin_obs(struct hf_mtc_doc *d, const char *element, const char **atts,
    bool is_condition)
{
	if (!hf_strcpy(d->id, sizeof(d->id), attr(atts, "dataItemId")) ||
	    !hf_strcpy(d->name, sizeof(d->name), attr(atts, "name")) ||
	    !hf_strcpy(d->time, sizeof(d->time), attr(atts, "timestamp")))
		return OTHER;
	hf_strcpy(d->code, sizeof(d->code), attr(atts, "nativeCode"));
	d->seq = attr_u64(atts, "sequence");
	d->level = is_condition ? level_of(element) : HF_MTC_NONE;
	begin_text(d);
	return d->id[0] == '\0' ? OTHER : OBS;
}

/* One entry of a data set. */
static enum kind
begin_part(struct hf_mtc_doc *d, const char **atts)
{
	const char *key = attr(atts, "key");

	if (d->ntext > 0 && d->text[d->ntext - 1] != ' ')
		add_text(d, " ", 1);
	add_text(d, key, strlen(key));
	add_text(d, "=", 1);
	return PART;
}

static bool
is_root(const char *name)
{
	return strcmp(name, "MTConnectStreams") == 0 ||
	       strcmp(name, "MTConnectDevices") == 0 ||
	       strcmp(name, "MTConnectError") == 0;
}

static enum kind
begin(struct hf_mtc_doc *d, const char *name, const char **atts)
{
	const enum kind up = d->depth == 0 ? OTHER : d->kinds[d->depth - 1];

	if (d->depth == 0) {
		if (!is_root(name))
			refuse(d, "<%.40s> is no document of an agent", name);
		return ROOT;
	}
	if (up == GROUP || up == CONDITION)
		return begin_obs(d, name, atts, up == CONDITION);
	if (up == OBS || up == PART)
		return begin_part(d, atts);
	if (strcmp(name, "Samples") == 0 || strcmp(name, "Events") == 0)
		return GROUP;
	if (strcmp(name, "Condition") == 0)
		return CONDITION;
	if (strcmp(name, "Error") == 0) {
		hf_strcpy(d->code, sizeof(d->code), attr(atts, "errorCode"));
		begin_text(d);
		return ERROR;
	}
	if (up == ROOT && strcmp(name, "Header") == 0)
		header(d, atts);
	else if (strcmp(name, "DataItem") == 0)
		data_item(d, atts);
	else if (strcmp(name, "DataItems") != 0)
		hf_strcpy(d->component, sizeof(d->component), name);
	return OTHER;
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct hf_mtc_doc *d = arg;
	enum kind k;

	if (d->is_bad)
		return;
	if (d->depth == DEPTH_MAX || ++d->nelement > NELEMENT_MAX) {
		refuse(d, "over %d levels or %d elements", DEPTH_MAX,
		    NELEMENT_MAX);
		return;
	}
	if (!attrs_ok(d, atts))
		return;
	k = begin(d, local(name), atts);
	d->kinds[d->depth++] = (uint8_t)k;
}

static const char *
trim(struct hf_mtc_doc *d, size_t *n)
{
	static const char blanks[] = " \t\r\n";
	const char *s = d->text;

	d->text[d->ntext] = '\0';
	*n = d->ntext;
	while (*n > 0 && strchr(blanks, s[*n - 1]) != NULL)
		d->text[--*n] = '\0';
	while (*n > 0 && strchr(blanks, *s) != NULL) {
		s++;
		(*n)--;
	}
	return s;
}

static void
end_obs(struct hf_mtc_doc *d)
{
	struct hf_mtc_obs o = {.id = d->id,
	    .name = d->name,
	    .time = d->time,
	    .seq = d->seq,
	    .level = d->level,
	    .code = d->code,
	    .is_cut = d->is_cut};

	o.text = trim(d, &o.ntext);
	d->ops.obs(d->ops.arg, &o);
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
	struct hf_mtc_doc *d = arg;
	enum kind k;
	size_t n;

	if (d->is_bad || d->depth == 0)
		return;
	k = d->kinds[--d->depth];
	if (k == OBS)
		end_obs(d);
	else if (k == ERROR)
		d->ops.error(d->ops.arg, d->code, trim(d, &n));
}

static void XMLCALL
on_text(void *arg, const XML_Char *s, int n)
{
	struct hf_mtc_doc *d = arg;
	enum kind k;

	if (d->is_bad || d->depth == 0)
		return;
	k = d->kinds[d->depth - 1];
	if (k == OBS || k == ERROR || k == PART)
		add_text(d, s, (size_t)n);
}

static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int has_internal)
{
	refuse(arg, "a document type declaration, which no agent sends");
}

struct hf_mtc_doc *
hf_mtc_doc_new(const struct hf_mtc_ops *ops)
{
	struct hf_mtc_doc *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->ops = *ops;
	d->xml = XML_ParserCreate(NULL);
	if (d->xml == NULL) {
		free(d);
		return NULL;
	}
	XML_SetUserData(d->xml, d);
	XML_SetElementHandler(d->xml, on_start, on_end);
	XML_SetCharacterDataHandler(d->xml, on_text);
	XML_SetStartDoctypeDeclHandler(d->xml, on_doctype);
	return d;
}

void
hf_mtc_doc_free(struct hf_mtc_doc *d)
{
	if (d == NULL)
		return;
	XML_ParserFree(d->xml);
	free(d);
}

int
hf_mtc_doc_feed(struct hf_mtc_doc *d, const void *p, size_t n, bool is_last,
    struct hf_err *err)
{
	enum XML_Status st = XML_STATUS_OK;

	if (!d->is_bad && n <= INT32_MAX)
		st = XML_Parse(d->xml, p, (int)n, is_last);
	if (d->is_bad)
		return HF_FAIL(err, HF_EPROTO, "line %lu: %s",
		    (unsigned long)XML_GetCurrentLineNumber(d->xml), d->why);
	if (st == XML_STATUS_OK)
		return HF_OK;
	d->is_bad = true;
	snprintf(d->why, sizeof(d->why), "%s",
	    XML_ErrorString(XML_GetErrorCode(d->xml)));
	return HF_FAIL(err, HF_EPROTO, "line %lu: %s",
	    (unsigned long)XML_GetCurrentLineNumber(d->xml), d->why);
}
