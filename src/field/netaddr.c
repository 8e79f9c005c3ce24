/* SPDX-License-Identifier: Apache-2.0
 *
 * netaddr.c - an address in numbers and a port, as a socket wants them. Used by
 * the drivers that connect to a device themselves, for their checks too.
 */
#include "field/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int
hf_netaddr(
    const char *host, int64_t port, struct hf_netaddr *out, struct hf_err *err)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		out->len = sizeof(*v4);
		snprintf(out->text, sizeof(out->text), "%s:%u", host,
		    (unsigned)(uint16_t)port);
		return HF_OK;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		out->len = sizeof(*v6);
		snprintf(out->text, sizeof(out->text), "[%s]:%u", host,
		    (unsigned)(uint16_t)port);
		return HF_OK;
	}
	return HF_FAIL(err, HF_EINVAL,
	    "host \"%s\" is a name, and edge has no resolver: write the "
	    "device's IP address",
	    host);
}
