/* SPDX-License-Identifier: Apache-2.0
 *
 * mqtt.h - the driver `mqtt`: topics of a broker as tags.
 */
#ifndef HF_FIELD_MQTT_MQTT_H
#define HF_FIELD_MQTT_MQTT_H

#include "field/driver.h"

extern const struct hf_driver hf_mqtt_driver; /* driver.c */

#endif
