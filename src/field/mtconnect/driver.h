/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h - `driver: mtconnect`.
 */
#ifndef HF_FIELD_MTCONNECT_DRIVER_H
#define HF_FIELD_MTCONNECT_DRIVER_H

#include "field/driver.h"

extern const struct hf_driver hf_mtconnect_driver;

#endif
