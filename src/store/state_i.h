/* SPDX-License-Identifier: Apache-2.0
 *
 * state_i.h - shared by the files state*.c of this folder only.
 */
#ifndef HF_STORE_STATE_I_H
#define HF_STORE_STATE_I_H

#include "store/db.h"
#include "store/state.h"

sqlite3 *hf_state_db(struct hf_state *s); /* borrowed */

#endif
