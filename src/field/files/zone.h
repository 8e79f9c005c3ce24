/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.h - local time of a recording to UTC, with daylight saving.
 */
#ifndef HF_FIELD_FILES_ZONE_H
#define HF_FIELD_FILES_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_zone_day {	       /* POSIX "M10.5.0/3": when local clocks change */
	int month, week, wday; /* 1-12; 1-5, 5 = last; 0 = Sunday */
	int32_t at_s;	       /* after local midnight */
};

struct hf_zone_rule {
	int32_t std_s, dst_s; /* east of UTC, seconds */
	bool has_dst;
	struct hf_zone_day start, end; /* of daylight saving */
};

enum hf_zone_rc {
	HF_ZONE_OK,
	HF_ZONE_TWICE, /* both are right: *utc is the earlier, *later the
			  later one */
	HF_ZONE_NEVER  /* clocks were set forward over it */
};

/* "UTC", "+01:00", an IANA name of the table in zone.c, or a POSIX rule
 * ("CET-1CEST,M3.5.0,M10.5.0/3"). False: none of them. */
bool hf_zone_parse(const char *name, struct hf_zone_rule *z);
/* local_ns: local wall time counted as if it were UTC. */
enum hf_zone_rc hf_zone_utc(const struct hf_zone_rule *z, int64_t local_ns,
    int64_t *utc_ns, int64_t *later_ns);

#endif
