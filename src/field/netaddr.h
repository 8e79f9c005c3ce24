/* SPDX-License-Identifier: Apache-2.0
 *
 * netaddr.h - an address in numbers and a port, as a socket wants them. Edge
 * has no resolver: names are refused.
 */
#ifndef HF_FIELD_NETADDR_H
#define HF_FIELD_NETADDR_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct hf_netaddr { /* filled by hf_netaddr() */
	struct sockaddr_storage sa;
	socklen_t len;
	char text[64]; /* "10.0.0.7:502", "[fd00::7]:502" */
};

/* From a literal IPv4 or IPv6 address or "localhost". HF_EINVAL. */
int hf_netaddr(
    const char *host, int64_t port, struct hf_netaddr *out, struct hf_err *err);

#endif
