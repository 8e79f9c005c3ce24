/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_certs.h - when the brokers' certificates end.
 */
#ifndef HF_PROC_CONF_CERTS_H
#define HF_PROC_CONF_CERTS_H

#include <stdint.h>

#include "model/plant.h"

/*
 * For each zone whose broker has a TLS listener: the time (wall, ns) at which
 * its certificate or the plant's CA ends, whichever is first. 0: no such
 * listener, or the files in dirfd (pki/own) cannot be read.
 */
void conf_cert_ends(
    int dirfd, const struct hf_plant *p, int64_t out[HF_PLANT_NZONE]);

#endif
