/* SPDX-License-Identifier: Apache-2.0
 *
 * quality.c - names of the status codes that we write or are likely to meet.
 *
 * A code is named by its upper 16 bits; the lower ones carry info bits (limit,
 * overflow) that do not change the name. Numbers: OPC UA Part 6, Annex A.2,
 * StatusCode.csv.
 */
#include "model/quality.h"

#include <stddef.h>
#include <stdio.h>

static const struct {
	uint32_t code;
	const char *name;
} status_names[] = {
    {HF_GOOD, "Good"},
    {HF_GOOD_CLAMPED, "GoodClamped"},
    {HF_UNCERTAIN, "Uncertain"},
    {HF_UNCERTAIN_LAST_USABLE, "UncertainLastUsableValue"},
    {HF_UNCERTAIN_EU_EXCEEDED, "UncertainEngineeringUnitsExceeded"},
    {HF_UNCERTAIN_CLOCK, "UncertainDataSubNormal"},
    {HF_BAD, "Bad"},
    {HF_BAD_CONFIG, "BadConfigurationError"},
    {HF_BAD_NOT_CONNECTED, "BadNotConnected"},
    {HF_BAD_DEVICE_FAILURE, "BadDeviceFailure"},
    {HF_BAD_SENSOR_FAILURE, "BadSensorFailure"},
    {HF_BAD_OUT_OF_SERVICE, "BadOutOfService"},
    {HF_BAD_NO_COMMUNICATION, "BadNoCommunication"},
    {HF_BAD_OUT_OF_RANGE, "BadOutOfRange"},
    {HF_BAD_DECODING, "BadDecodingError"},
    {HF_BAD_TIMEOUT, "BadTimeout"},
    {HF_BAD_DATA_LOST, "BadDataLost"},
};

#define CODE_MASK UINT32_C(0xffff0000)

const char *
hf_quality_word(uint32_t status)
{
	if (hf_is_bad(status))
		return "Bad";
	return hf_is_good(status) ? "Good" : "Uncertain";
}

const char *
hf_status_name(uint32_t status, char buf[16])
{
	size_t i;

	for (i = 0; i < sizeof(status_names) / sizeof(status_names[0]); i++) {
		if (status_names[i].code == (status & CODE_MASK))
			return status_names[i].name;
	}
	snprintf(buf, 16, "0x%08x", status);
	return buf;
}
