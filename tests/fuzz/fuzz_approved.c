/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_approved.c - any bytes as an approved ports and protocols list: it is
 * compared, or refused with a place; each conduit is missing at most once, and
 * what is told of a list says where.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comply/comply.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
on_diff(void *arg, const struct hf_comply_diff *d)
{
	size_t *nmissing = arg;

	if (d->conduit == NULL || d->field == NULL || d->approved == NULL ||
	    d->plant == NULL)
		abort();
	if (strcmp(d->kind, "missing") == 0)
		(*nmissing)++;
	else if (d->line < 2 ||
		 (d->field[0] != '\0' && strcmp(d->approved, d->plant) == 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
	static char zone[] = "z", nic[] = "e0", name[] = "up", lost[] = "down",
		    edge[] = "edge/z", far[] = "10.1.0.1", any[] = "any",
		    web[] = "web/z", proto[] = "opcua", auth[] = "mtls",
		    purpose[] = "=1+1", owner[] = "o", net[] = "10.1.0.0/16";
	static char *nets[] = {net};
	struct hf_zone z = {
	    .name = zone, .interface = nic, .networks = {.v = nets, .n = 1}};
	struct hf_conduit c[2] = {{.name = name,
				      .from = edge,
				      .to = far,
				      .proto = proto,
				      .port = 4840,
				      .auth = auth,
				      .purpose = purpose,
				      .owner = owner},
	    {.name = lost,
		.from = any,
		.to = web,
		.proto = proto,
		.port = 8443,
		.direction = HF_DIR_LISTEN,
		.auth = auth,
		.purpose = purpose,
		.owner = owner}};
	struct hf_plant p = {
	    .zones = &z, .nzone = 1, .conduits = c, .nconduit = 2};
	size_t ndiff = 0, nmissing = 0;
	struct hf_err err = {0};

	if (hf_comply_compare(&p, (const char *)in, n, on_diff, &nmissing,
		&ndiff, &err) != HF_OK &&
	    err.msg[0] == '\0')
		abort();
	if (nmissing > 2)
		abort();
	return 0;
}
