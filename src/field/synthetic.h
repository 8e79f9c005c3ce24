/* SPDX-License-Identifier: Apache-2.0
 *
 * synthetic.h - a driver that makes values up, for load and latency figures.
 */
#ifndef HF_FIELD_SYNTHETIC_H
#define HF_FIELD_SYNTHETIC_H

#include "field/driver.h"

extern const struct hf_driver hf_synthetic_driver;

#endif
