/* SPDX-License-Identifier: Apache-2.0
 *
 * exports.c - the table of export kinds: what `exports:` may send data to.
 *
 * A kind is a name, help and option rows; who carries it out is the role that
 * owns the way out (core's mirror, a zone's edge). Adding one is adding a row.
 */
#include "proc/exports.h"

#include "bus/syslog.h"
#include "bus/umh.h"
#include "proc/edge_export.h"

const struct hf_kind *const hf_exports[] = {
    &hf_syslog_kind, &hf_umh_kind, &hf_sparkplug_export_kind,
    NULL, /* ends the table */
};
const size_t hf_nexport = sizeof(hf_exports) / sizeof(hf_exports[0]) - 1;
