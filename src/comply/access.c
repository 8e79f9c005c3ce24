/* SPDX-License-Identifier: Apache-2.0
 *
 * access.c - who may read and write what: the files of a zone's broker as it
 * gets them, and the register of persons and clients (CSV).
 *
 * The broker's files are those of bus/brokerconf.c with the paths that the
 * broker sees in its own root, one behind the other, each under a line
 * "# ---- NAME". The register's rows are
 *
 *   person  name, role, zones in which it holds, uid for the command line
 *   client  whoever connects through a listener: network, way to prove who it
 *           is, topics; with mutual TLS the name is that of its certificate
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus/brokerconf.h"
#include "comply/comply.h"

const char *
hf_acl_part(const struct hf_plant *p, size_t i, char room[16])
{
	uint32_t z;

	for (z = 0; z < p->nzone; z++)
		if (hf_plant_has_broker(p, z) && i-- == 0)
			return p->zones[z].name;
	return NULL;
}

static uint32_t
broker_zone(const struct hf_plant *p, size_t i)
{
	uint32_t z;

	for (z = 0; z < p->nzone; z++)
		if (hf_plant_has_broker(p, z) && i-- == 0)
			break;
	return z;
}

int
hf_acl_make(
    const struct hf_plant *p, size_t i, struct hf_buf *out, struct hf_err *err)
{
	static const struct hf_broker_dirs inside = {.conf = "/conf",
	    .core = "/core",
	    .edge = "/edge",
	    .ca = "/tls/ca.crt",
	    .cert = "/tls/broker.crt",
	    .key = "/tls/broker.key"};
	struct hf_brokerconf b;
	size_t k;
	int rc;

	rc = hf_brokerconf_make(p, broker_zone(p, i), &inside, &b, err);
	if (rc != HF_OK)
		return rc;
	hf_buf_puts(out, "# ---- mosquitto.conf\n");
	hf_buf_put(out, b.conf.p, b.conf.len);
	for (k = 0; k < b.nacl; k++) {
		hf_buf_printf(out, "\n# ---- %s\n", b.acl[k].name);
		hf_buf_put(out, b.acl[k].text.p, b.acl[k].text.len);
	}
	hf_brokerconf_fini(&b);
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ELIMIT, "too many topics");
}

/* ---- register ---- */

#define LIST_TEXT 65536 /* bytes of one list of topics, in one cell */

/* The list in b; longer ones end in "..." rather than grow without bound. */
static const char *
list_text(const struct hf_strlist *l, struct hf_buf *b)
{
	size_t i;

	hf_buf_reset(b);
	for (i = 0; i < l->n && b->len < LIST_TEXT; i++)
		hf_buf_printf(b, "%s%s", i > 0 ? " " : "", l->v[i]);
	if (i < l->n)
		hf_buf_puts(b, " ...");
	return hf_buf_cstr(b);
}

static void
put_person(const struct hf_user *u, struct hf_buf *room, struct hf_buf *out)
{
	const char *zones =
	    u->zones.n > 0 ? list_text(&u->zones, room) : "all zones";
	char uid[24] = "";
	const char *cells[] = {
	    "person", u->name, u->role, zones, uid, "", "", "", ""};

	if (u->uid >= 0)
		snprintf(uid, sizeof(uid), "%" PRId64, u->uid);
	hf_comply_row(out, cells, sizeof(cells) / sizeof(cells[0]));
}

static void
put_client(const struct hf_plant *p, const struct hf_conduit *c,
    struct hf_buf *reads, struct hf_buf *writes, struct hf_buf *out)
{
	const char *who = strcmp(c->auth, "mtls") == 0
			      ? "name in its certificate"
			      : "whoever connects";
	struct hf_flow f;
	const char *cells[9];

	hf_conduit_flow(p, c, &f);
	if (f.kind != HF_FLOW_ACCEPT)
		return;
	cells[0] = "client";
	cells[1] = who;
	cells[2] = c->to;
	cells[3] = p->zones[f.zone_idx].name;
	cells[4] = "";
	cells[5] = c->name;
	cells[6] = c->auth;
	cells[7] = list_text(&c->topics_read, reads);
	cells[8] = list_text(&c->topics_write, writes);
	hf_comply_row(out, cells, 9);
}

int
hf_users_make(const struct hf_plant *p, size_t part, struct hf_buf *out,
    struct hf_err *err)
{
	struct hf_buf reads, writes;
	size_t i;

	hf_buf_init(&reads, 4 * LIST_TEXT);
	hf_buf_init(&writes, 4 * LIST_TEXT);
	hf_buf_puts(out, "kind,who,role,zones,uid,conduit,auth,topics_read,"
			 "topics_write\n");
	for (i = 0; i < p->nuser; i++)
		put_person(&p->users[i], &reads, out);
	for (i = 0; i < p->nconduit; i++)
		put_client(p, &p->conduits[i], &reads, &writes, out);
	hf_buf_fini(&writes);
	hf_buf_fini(&reads);
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ELIMIT, "too many users");
}
