/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.h - registers of an answer become a value with its quality.
 *
 * Pure. Bytes of the answer have passed hf_mb_answer(); nothing here can read
 * beyond them, whatever they say.
 */
#ifndef HF_FIELD_MODBUS_DECODE_H
#define HF_FIELD_MODBUS_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "field/driver.h"
#include "field/modbus/addr.h"

/* Bytes that the text of a string point may take, NUL included: each byte that
 * is no UTF-8 is shown as \xNN. */
#define HF_MB_STR_CAP(nchar) ((size_t)(nchar)*4 + 1)

enum hf_mb_why { /* why a value is not simply good */
	HF_MB_FINE,
	HF_MB_NOT_FINITE, /* NaN or infinite, before or after scaling */
	HF_MB_BAD_BCD,	  /* a nibble above 9 */
	HF_MB_BAD_TEXT,	  /* no UTF-8 */
	HF_MB_TOO_BIG,	  /* uint64 above 2^63 - 1 */
	HF_MB_CLAMPED
};

/*
 * Decodes point p from the data of an answer that begins at address `first` and
 * holds at least the point's registers or bits. Fills all of *r but tag key,
 * times; r->raw gets the register bits in the point's order. str: HF_MB_STR_CAP
 * bytes for string points, else NULL; r->str borrows it. Never fails: what
 * cannot be decoded is a bad sample.
 */
enum hf_mb_why hf_mb_decode(const struct hf_mb_point *p, const uint8_t *data,
    uint16_t first, struct hf_reading *r, char *str);

/* Time register: int64/uint64 ns UTC, or float64 seconds. HF_TIME_NONE if it is
 * not a time between 1678 and 2261. */
int64_t hf_mb_decode_stamp(
    const struct hf_mb_point *p, const uint8_t *data, uint16_t first);

/* Register i (0 <= i < p->count) of the point as it came, or the bit. */
uint16_t hf_mb_raw_register(const struct hf_mb_point *p, const uint8_t *data,
    uint16_t first, uint16_t i);

#endif
