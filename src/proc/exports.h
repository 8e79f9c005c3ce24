/* SPDX-License-Identifier: Apache-2.0
 *
 * exports.h - which kinds of `exports:` this program has.
 */
#ifndef HF_PROC_EXPORTS_H
#define HF_PROC_EXPORTS_H

#include "base/opt.h"

/* hf_nexport of them. */
extern const struct hf_kind *const hf_exports[];
extern const size_t hf_nexport;

#endif
