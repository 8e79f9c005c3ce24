/* SPDX-License-Identifier: Apache-2.0
 *
 * opencopy.h - open samples of one tag, as the writer hands them to the reader.
 */
#ifndef HF_STORE_OPENCOPY_H
#define HF_STORE_OPENCOPY_H

#include "store/open.h"

struct hf_open_copy {
	struct hf_open *opens; /* by month; owned; shares nothing */
};

#endif
