/* SPDX-License-Identifier: Apache-2.0
 *
 * umh.c - the export kind `umh`. Its topics are those of the namespace with
 * "umh.v1." and dots (hf_topic_to_umh), its payloads have exactly timestamp_ms
 * and value (hf_payload_value), so there is nothing to choose.
 */
#include "bus/umh.h"

const struct hf_kind hf_umh_kind = {
    .name = "umh",
    .help = "Values once more in the zone's broker, as the United "
	    "Manufacturing Hub writes them: topic umh.v1.<enterprise>.<site> "
	    "and so on, payload timestamp_ms and value. Not retained; bad "
	    "samples are left out, as that form has no quality.",
    .size = sizeof(struct hf_umh_conf),
};
