/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h - from a driver's reading to a sample: whose time, and is it news?
 *
 * One struct hf_intake per zone. It applies the device's time policy (source,
 * receive, register), the check of foreign clocks (+-10 min), and the deadband
 * with its heartbeat; and it holds each value against the contract of its
 * asset. It reads no clock: receive time comes with the reading.
 */
#ifndef HF_FIELD_INTAKE_H
#define HF_FIELD_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "field/driver.h"
#include "model/counters.h"
#include "model/plant.h"

#define HF_CLOCK_TOLERANCE_NS \
	(600 * HF_NS_PER_S)		   /* a source clock may be
						   * off */
#define HF_HEARTBEAT_NS (60 * HF_NS_PER_S) /* longest silence of a deadband */

struct hf_intake;

/* Borrows the plant. */
int hf_intake_new(const struct hf_plant *p, struct hf_counters *ctr,
    struct hf_intake **out, struct hf_err *err);
void hf_intake_free(struct hf_intake *in);
/* Call once per answer, before its readings. False: the device's time register
 * has not moved, the readings are not news (counted). */
bool hf_intake_answer(struct hf_intake *in, uint32_t device_idx,
    int64_t stamp_ns, size_t nreading);
/* Fills *out from the reading; false if it stays within the deadband, or breaks
 * the contract of the tag's asset (both counted). String offsets are the
 * caller's business. */
bool hf_intake_sample(struct hf_intake *in, uint32_t device_idx,
    int64_t stamp_ns, const struct hf_reading *r, struct hf_sample *out);
/* Values of the device that broke a contract; *example: the newest one in
 * words, "" if none. */
uint64_t hf_intake_dropped(
    const struct hf_intake *in, uint32_t device_idx, const char **example);

#endif
