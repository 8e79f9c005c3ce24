/* SPDX-License-Identifier: Apache-2.0
 *
 * finding.c - what a driver's check() says of a device. Used by all drivers;
 * decides nothing.
 */
#include "field/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

#define WHAT_MAX 300 /* two names of 64 bytes and an option */

void
hf_finding(struct hf_findings *f, const struct hf_tag *t, const char *option,
    const char *fmt, ...)
{
	char what[WHAT_MAX], text[HF_ERR_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (t != NULL)
		snprintf(what, sizeof(what), "tags.%s.%s.%s", f->dev->name,
		    t->name, option);
	else
		snprintf(
		    what, sizeof(what), "devices.%s.%s", f->dev->name, option);
	f->n++;
	f->report(f->arg, what, text);
}
