/* SPDX-License-Identifier: Apache-2.0
 *
 * finding.h - what a driver's check() says of a device, in one form: a place
 * that `holdfast check` can point at, and a text with the next step.
 */
#ifndef HF_FIELD_FINDING_H
#define HF_FIELD_FINDING_H

#include <stddef.h>

#include "model/plant.h"

struct hf_findings {
	const struct hf_plant *plant; /* borrowed, as all of it */
	const struct hf_device *dev;
	hf_plant_report *report;
	void *arg;
	size_t n; /* so far */
};

/* One more about tags.DEVICE.TAG.option, or devices.DEVICE.option (t NULL). */
void hf_finding(struct hf_findings *f, const struct hf_tag *t,
    const char *option, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
