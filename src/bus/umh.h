/* SPDX-License-Identifier: Apache-2.0
 *
 * umh.h - options of `exports: {to: umh}`: the tags once more in the form of
 * the United Manufacturing Hub, in the zone's broker. Carried out by core's
 * mirror.
 */
#ifndef HF_BUS_UMH_H
#define HF_BUS_UMH_H

#include "base/opt.h"

struct hf_umh_conf { /* topics and payload are fixed by that system */
	char unused;
};

extern const struct hf_kind hf_umh_kind;

#endif
