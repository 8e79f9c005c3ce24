/* SPDX-License-Identifier: Apache-2.0
 *
 * sparkplug.h - `driver: sparkplug`, for the table of drivers.
 */
#ifndef HF_FIELD_SPARKPLUG_SPARKPLUG_H
#define HF_FIELD_SPARKPLUG_SPARKPLUG_H

#include "field/driver.h"

extern const struct hf_driver hf_sparkplug_driver;

#endif
