/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_mqtt.h - `holdfast sim mqtt`, a part of the verb sim.
 */
#ifndef HF_CLI_SIM_MQTT_H
#define HF_CLI_SIM_MQTT_H

/* argv[1] is "mqtt". Returns the process's exit code. */
int hf_sim_mqtt(int argc, char **argv);

#endif
