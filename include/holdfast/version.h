/* SPDX-License-Identifier: Apache-2.0
 *
 * version.h - what this build calls itself.
 */
#ifndef HOLDFAST_VERSION_H
#define HOLDFAST_VERSION_H

#define HF_VERSION "0.1.0"

#endif
