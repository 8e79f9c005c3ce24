/* SPDX-License-Identifier: Apache-2.0
 *
 * comply.c - the table of documents, and their parts and file names.
 */
#include "comply/comply.h"

#include <stdio.h>
#include <string.h>

#include "model/optval.h"

static const char *
zone_part(const struct hf_plant *p, size_t i, char room[16])
{
	return i < p->nzone ? p->zones[i].name : NULL;
}

static int
nft_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err)
{
	return hf_nft_make(p, (uint32_t)i, NULL, out, err);
}

const struct hf_comply_doc hf_comply_docs[] = {
    {.word = "summary",
	.prefix = "summary",
	.suffix = ".txt",
	.help = "zones, conduits, and what needs a person's eye",
	.make = hf_summary_make},
    {.word = "nft",
	.prefix = "nft-",
	.suffix = ".nft",
	.help = "firewall of a zone's namespace, as nft -f loads it",
	.part = zone_part,
	.make = nft_make},
    {.word = "acl",
	.prefix = "acl-",
	.suffix = ".conf",
	.help = "listeners and access lists of a zone's broker",
	.part = hf_acl_part,
	.make = hf_acl_make},
    {.word = "ports",
	.prefix = "ports",
	.suffix = ".csv",
	.help = "ports and protocols list",
	.make = hf_ports_make},
    {.word = "flow",
	.prefix = "flow-",
	.suffix = ".svg",
	.help = "data-flow diagram, A4 landscape",
	.part = hf_flow_part,
	.make = hf_flow_make},
    {.word = "users",
	.prefix = "users",
	.suffix = ".csv",
	.help = "access register: persons, and clients of brokers",
	.make = hf_users_make},
    {.word = "audit",
	.prefix = "audit",
	.suffix = ".txt",
	.help = "what the audit log records",
	.make = hf_audit_doc_make},
    {.word = "firewall",
	.prefix = "firewall",
	.suffix = ".csv",
	.help = "request to whoever runs the plant's switches",
	.make = hf_firewall_make},
};
const size_t hf_ncomply_doc =
    sizeof(hf_comply_docs) / sizeof(hf_comply_docs[0]);

bool
hf_comply_is_public(const struct hf_conduit *c, const struct hf_flow *f)
{
	size_t i;

	for (i = 0; i < f->nnet; i++)
		if (hf_cidr_reach(f->nets[i]) == HF_REACH_PUBLIC)
			return true;
	return c->boundary;
}

size_t
hf_comply_npublic(const struct hf_plant *p)
{
	struct hf_flow f;
	size_t i, n = 0;

	for (i = 0; i < p->nconduit; i++) {
		hf_conduit_flow(p, &p->conduits[i], &f);
		n += hf_comply_is_public(&p->conduits[i], &f);
	}
	return n;
}

const struct hf_comply_doc *
hf_comply_find(const char *word)
{
	size_t i;

	for (i = 0; i < hf_ncomply_doc; i++)
		if (strcmp(hf_comply_docs[i].word, word) == 0)
			return &hf_comply_docs[i];
	return NULL;
}

static const char *
part_name(const struct hf_comply_doc *d, const struct hf_plant *p, size_t i,
    char room[16])
{
	if (d->part != NULL)
		return d->part(p, i, room);
	return i == 0 ? "" : NULL;
}

bool
hf_comply_file(const struct hf_comply_doc *d, const struct hf_plant *p,
    size_t i, char out[HF_COMPLY_NAME])
{
	char room[16];
	const char *name = part_name(d, p, i, room);

	if (name == NULL)
		return false;
	snprintf(out, HF_COMPLY_NAME, "%s%.64s%s", d->prefix, name, d->suffix);
	return true;
}

int
hf_comply_part(
    const struct hf_comply_doc *d, const struct hf_plant *p, const char *name)
{
	const char *part;
	char room[16];
	int i;

	for (i = 0; (part = part_name(d, p, (size_t)i, room)) != NULL; i++)
		if (strcmp(part, name) == 0)
			return i;
	return -1;
}
