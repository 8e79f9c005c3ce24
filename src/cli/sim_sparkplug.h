/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_sparkplug.h - `holdfast sim sparkplug`, a branch of `holdfast sim`.
 */
#ifndef HF_CLI_SIM_SPARKPLUG_H
#define HF_CLI_SIM_SPARKPLUG_H

/* argv[1] is "sparkplug"; returns the exit code. */
int hf_sim_sparkplug(int argc, char **argv);

#endif
