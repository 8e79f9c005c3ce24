/* SPDX-License-Identifier: Apache-2.0
 *
 * mdoc.h - text for manual pages. Private to src/conf.
 */
#ifndef HF_CONF_MDOC_H
#define HF_CONF_MDOC_H

#include "base/buf.h"

/* Text as roff takes it for text: lines below 80 bytes, a new line for each
 * sentence, nothing that begins a macro or an escape; ends with a full stop. */
void hf_mdoc_text(struct hf_buf *out, const char *s);

#endif
