/* SPDX-License-Identifier: Apache-2.0
 *
 * addr.h - where a tag lies in a Modbus device: addresses as people write them.
 *
 * Forms accepted (the grammar is in addr.c): 40001, 400001 (1-based), hr:0 ir:0
 * co:0 di:0 (0-based), a bit "hr:7.3", a string "hr:10.20H", a unit "2!hr:0",
 * an order "400001#LB". Both forms are echoed by previews, since the base is
 * the most common mistake in Modbus.
 */
#ifndef HF_FIELD_MODBUS_ADDR_H
#define HF_FIELD_MODBUS_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "field/modbus/mbap.h"
#include "model/plant.h"

#define HF_MB_ADDR_TEXT 40 /* bytes of a printed address, NUL included */

struct hf_mb_addr {
	uint8_t fn;	/* enum hf_mb_fn: the area and how it is read */
	int16_t unit;	/* -1 = the device's */
	uint16_t first; /* from 0 */
	int32_t dot;	/* number behind '.', -1 if none: bit or length */
	char half;	/* 'H', 'L' behind it, 0 if none */
	int8_t order;	/* enum hf_order behind '#', -1 if none */
};

struct hf_mb_point {		  /* one tag, resolved */
	const struct hf_tag *tag; /* borrowed; NULL in pure planner tests */
	uint8_t unit, fn;
	uint16_t first;	   /* first register or bit, from 0 */
	uint16_t count;	   /* registers or bits */
	uint8_t type;	   /* enum hf_tag_type */
	uint8_t order;	   /* enum hf_order */
	int8_t bit;	   /* 0-15 in the register, -1 = none */
	bool is_low_first; /* string: the first character is the low byte */
	uint16_t nchar;	   /* string: characters */
	int64_t interval_ns;
};

struct hf_mb_range { /* addresses first..last, both included */
	uint8_t fn;
	uint16_t first, last;
};

/* "hr:100-110", "400101-400111", "di:7". HF_EINVAL. */
int hf_mb_range_parse(const char *s, struct hf_mb_range *r, struct hf_err *err);
/* The tag's address with its type: register count, bit, string. unit: the
 * device's. HF_EINVAL. Borrows t. */
int hf_mb_point(const struct hf_tag *t, uint8_t unit, struct hf_mb_point *p,
    struct hf_err *err);
/* "400001", "400001.3", "400011.20H" and "hr:0", "hr:0.3", "hr:10.20H"; with
 * "2!" in front if the unit is not dev_unit. Returns buf. */
char *hf_mb_addr_1based(
    const struct hf_mb_point *p, uint8_t dev_unit, char buf[HF_MB_ADDR_TEXT]);
char *hf_mb_addr_0based(
    const struct hf_mb_point *p, uint8_t dev_unit, char buf[HF_MB_ADDR_TEXT]);
/* Registers that a value of this type takes; 0 for strings. */
uint16_t hf_mb_type_nreg(int64_t type);
/* "hr" "ir" "co" "di". */
const char *hf_mb_area(uint8_t fn);

#endif
