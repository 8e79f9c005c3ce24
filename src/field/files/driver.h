/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h - `driver: csv-folder`.
 */
#ifndef HF_FIELD_FILES_DRIVER_H
#define HF_FIELD_FILES_DRIVER_H

#include "field/driver.h"

extern const struct hf_driver hf_csv_folder_driver;

#endif
