/* SPDX-License-Identifier: Apache-2.0
 *
 * summary.c - zones and conduits on a page to read, and what the audit log
 * records. Plain text.
 *
 * The summary ends with what needs a person's eye: flows that leave the plant,
 * cross security levels, rest on a compensating measure, serve nothing, or are
 * not approved. Which reviews are due depends on the day, so `holdfast check`
 * and `holdfast status` say it, not this.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "comply/comply.h"
#include "model/optval.h"
#include "model/record.h"
#include "os/msg.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

/* ---- summary ---- */

static void
put_zone(const struct hf_plant *p, uint32_t i, struct hf_buf *out)
{
	const struct hf_zone *z = &p->zones[i];
	size_t k, n = 0;
	struct hf_flow f;

	for (k = 0; k < p->nconduit; k++) {
		hf_conduit_flow(p, &p->conduits[k], &f);
		n += f.kind != HF_FLOW_NONE && f.zone_idx == i;
	}
	hf_buf_printf(out, "  %s: SL-T %" PRId64 ", %s, networks", z->name,
	    z->sl_target, z->interface);
	for (k = 0; k < z->networks.n; k++)
		hf_buf_printf(out, " %s", z->networks.v[k]);
	hf_buf_printf(out, "%s, IPv6 %s, %zu conduit%s",
	    z->networks.n == 0 ? " not given" : "", z->ipv6 ? "on" : "off", n,
	    n == 1 ? "" : "s");
	if (z->parent != NULL)
		hf_buf_printf(out, ", part of %s", z->parent);
	if (z->deny_expired)
		hf_buf_puts(out, ", denies expired conduits");
	hf_buf_u8(out, '\n');
}

static void
put_conduit(const struct hf_plant *p, const struct hf_conduit *c,
    const struct hf_flow *f, struct hf_buf *out)
{
	char day[HF_TIME_TEXT];

	hf_buf_printf(
	    out, "  %s: %s -> %s, %s", c->name, c->from, c->to, c->proto);
	if (f->kind == HF_FLOW_INSIDE)
		hf_buf_puts(out, " within this node");
	else
		hf_buf_printf(out, " %s %" PRId64 ", auth %s",
		    f->is_udp ? "udp" : "tcp", c->port, c->auth);
	hf_buf_printf(out, "; %s; owner %s, review %.10s\n", c->purpose,
	    c->owner, hf_time_fmt(c->review_ns, day));
}

static bool
is_unused(const struct hf_plant *p, const struct hf_conduit *c)
{
	struct hf_buf b;
	bool is_it;

	hf_buf_init(&b, 1u << 20);
	hf_conduit_uses(p, c, &b);
	is_it =
	    hf_buf_ok(&b) && strncmp(hf_buf_cstr(&b), "used by no", 10) == 0;
	hf_buf_fini(&b);
	return is_it;
}

static void
put_eye(const struct hf_plant *p, const struct hf_conduit *c,
    const struct hf_flow *f, struct hf_buf *out)
{
	if (hf_comply_is_public(c, f))
		hf_buf_printf(out, "  %s %s\n", c->name,
		    c->boundary ? "crosses the plant's boundary"
				: "has a public address that a zone declares "
				  "its own");
	if (hf_flow_sl_step(p, f) >= 1)
		hf_buf_printf(out,
		    "  %s crosses levels: zone %s has SL-T %" PRId64
		    ", zone %s %" PRId64 "\n",
		    c->name, p->zones[f->zone_idx].name,
		    p->zones[f->zone_idx].sl_target, p->zones[f->far_zone].name,
		    p->zones[f->far_zone].sl_target);
	if (c->compensating != NULL)
		hf_buf_printf(
		    out, "  %s rests on: %s\n", c->name, c->compensating);
	if (is_unused(p, c))
		hf_buf_printf(out,
		    "  %s is used by no device and no export: is it needed?\n",
		    c->name);
	hf_buf_printf(out, "  %s is %s", c->name, hf_comply_approved(c));
	if (c->approved_by.n > 0)
		hf_buf_puts(out, " (names in plant.yaml are no signatures)");
	hf_buf_u8(out, '\n');
}

int
hf_summary_make(const struct hf_plant *p, size_t part, struct hf_buf *out,
    struct hf_err *err)
{
	struct hf_flow f;
	size_t i, npublic = hf_comply_npublic(p);

	hf_buf_printf(out, "Zones and conduits of %s/%s\n\nzones:\n",
	    p->site.enterprise, p->site.site);
	for (i = 0; i < p->nzone; i++)
		put_zone(p, (uint32_t)i, out);
	hf_buf_puts(
	    out, "\nconduits (no rule lets anything else pass, in or out):\n");
	for (i = 0; i < p->nconduit; i++) {
		hf_conduit_flow(p, &p->conduits[i], &f);
		put_conduit(p, &p->conduits[i], &f, out);
	}
	hf_buf_printf(out, "\noutbound to public networks: ");
	if (npublic == 0)
		hf_buf_printf(out, "none%s\n",
		    p->site.air_gap ? " (air_gap: true refuses any)" : "");
	else
		hf_buf_printf(
		    out, "%zu conduit%s\n", npublic, npublic == 1 ? "" : "s");
	hf_buf_puts(out, "\nto look at:\n");
	for (i = 0; i < p->nconduit; i++) {
		hf_conduit_flow(p, &p->conduits[i], &f);
		put_eye(p, &p->conduits[i], &f, out);
	}
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ELIMIT, "too many conduits");
}

/* ---- audit ---- */

static void
put_senders(uint32_t senders, struct hf_buf *out)
{
	const char *sep = "";
	int i;

	for (i = 0; i < 32; i++)
		if ((senders & (1u << i)) != 0) {
			hf_buf_printf(
			    out, "%s%s", sep, hf_role_name((enum hf_role)i));
			sep = ", ";
		}
}

int
hf_audit_doc_make(const struct hf_plant *p, size_t part, struct hf_buf *out,
    struct hf_err *err)
{
	const struct hf_record_kind *k;
	size_t i;

	hf_buf_printf(out,
	    "Audit log of %s/%s\n\n"
	    "Every record is chained by hash to the one before it and covered "
	    "by signed\ncheckpoints (`holdfast audit verify` checks both, "
	    "offline).\n\nkept: ",
	    p->site.enterprise, p->site.site);
	if (p->retention.audit_ns == 0)
		hf_buf_puts(out, "for ever\n");
	else
		hf_buf_printf(
		    out, "%" PRId64 " days\n", p->retention.audit_ns / DAY_NS);
	hf_buf_printf(out, "while it cannot be written: %s\n\nrecords:\n",
	    p->storage.audit_fail == HF_AUDIT_STOP_ACTIONS
		? "acting is refused (stop-actions)"
		: "acting goes on, and status says so (continue)");
	for (i = 0; i < hf_nrecord_kind; i++) {
		k = &hf_record_kinds[i];
		hf_buf_printf(out, "  %s (", k->action);
		put_senders(k->senders, out);
		hf_buf_printf(out, "): %s\n", k->help);
	}
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ENOMEM, "out of memory");
}
