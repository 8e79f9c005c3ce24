/* SPDX-License-Identifier: Apache-2.0
 *
 * when.h - the time column of a recording, in the forms that recorders write.
 */
#ifndef HF_FIELD_FILES_WHEN_H
#define HF_FIELD_FILES_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/files/zone.h"

enum hf_when_kind {
	HF_WHEN_RFC3339,
	HF_WHEN_UNIX, /* scale_ns per unit, fraction allowed */
	HF_WHEN_PATTERN
};

struct hf_when {
	enum hf_when_kind kind;
	int64_t scale_ns;
	const char *pattern; /* borrowed */
	struct hf_zone_rule zone;
	bool is_comma; /* decimal comma in unix times */
};

enum hf_when_rc {
	HF_WHEN_OK,
	HF_WHEN_TWICE, /* the local time exists twice: the one that goes on
			  from after_ns, else the earlier */
	HF_WHEN_NEVER, /* the local time does not exist */
	HF_WHEN_WRONG  /* not in the format */
};

/* format: "rfc3339", "unix", "unix_ms", "unix_us", "unix_ns", or a pattern of
 * %Y %y %m %b %d %H %I %p %M %S %f %z %% and other bytes as they are; it needs
 * year, month and day. False with the reason in why. */
bool hf_when_init(struct hf_when *w, const char *format, const char *zone,
    bool is_comma, char *why, size_t cap);
/* after_ns: time of the row before, HF_TIME_NONE. */
enum hf_when_rc hf_when_parse(const struct hf_when *w, const char *s, size_t n,
    int64_t after_ns, int64_t *out_ns);

#endif
