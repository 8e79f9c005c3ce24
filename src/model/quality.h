/* SPDX-License-Identifier: Apache-2.0
 *
 * quality.h - one quality per sample: the 32-bit OPC UA StatusCode (Part 4,
 * 7.39).
 *
 * Bits 31..30 give the severity: 00 good, 01 uncertain, 10 bad. Modbus, files
 * and MQTT map to these codes at the edge. A bad sample is a sample, never a
 * gap.
 */
#ifndef HF_MODEL_QUALITY_H
#define HF_MODEL_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

enum hf_status { /* OPC UA Part 6, Annex A (StatusCode.csv) */
	HF_GOOD = 0x00000000,
	HF_GOOD_CLAMPED = 0x00300000, /* used by servers, not by us */
	HF_UNCERTAIN = 0x40000000,
	HF_UNCERTAIN_LAST_USABLE = 0x40900000,
	HF_UNCERTAIN_EU_EXCEEDED =
	    0x40940000,			 /* clamped to, or outside, its range */
	HF_UNCERTAIN_CLOCK = 0x40BC0000, /* UncertainDataSubNormal: the source's
						   time stamp was not believed
						   */
};
#define HF_BAD UINT32_C(0x80000000)
#define HF_BAD_CONFIG UINT32_C(0x80890000) /* BadConfigurationError */
#define HF_BAD_NOT_CONNECTED UINT32_C(0x808A0000)
#define HF_BAD_DEVICE_FAILURE UINT32_C(0x808B0000)
#define HF_BAD_SENSOR_FAILURE UINT32_C(0x808C0000)
#define HF_BAD_OUT_OF_SERVICE UINT32_C(0x808D0000)
#define HF_BAD_NO_COMMUNICATION UINT32_C(0x80310000)
#define HF_BAD_OUT_OF_RANGE UINT32_C(0x803C0000)
#define HF_BAD_DECODING \
	UINT32_C(0x80070000) /* BadDecodingError: NaN, BCD > 9 */
#define HF_BAD_TIMEOUT UINT32_C(0x800A0000)
#define HF_BAD_DATA_LOST \
	UINT32_C(0x809D0000) /* a gap begins: no samples here */

static inline bool
hf_is_good(uint32_t status)
{
	return status >> 30 == 0;
}

static inline bool
hf_is_bad(uint32_t status)
{
	return status >> 30 >= 2;
}

/* "Good", "Uncertain" or "Bad". */
const char *hf_quality_word(uint32_t status);
/* "BadNoCommunication"; "0x80ab0000" form for codes without a name is written
 * to buf (>= 16 bytes), which is then returned. */
const char *hf_status_name(uint32_t status, char buf[16]);

#endif
