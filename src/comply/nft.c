/* SPDX-License-Identifier: Apache-2.0
 *
 * nft.c - the firewall of one zone's network namespace, for `nft -f`.
 *
 * Two tables. `inet holdfast` drops in, out and forwarded unless a conduit says
 * otherwise; every packet is held against the conduits, also of connections
 * that stand, so that a conduit that goes takes its connections with it.
 * `netdev holdfast` repeats the way out at the interface, where frames of
 * packet sockets pass that never saw the first. One rule a line, always in this
 * order:
 *
 *   oifname "NIC" ip daddr NET tcp dport PORT ct state new,established
 *	counter accept comment "NAME"
 *
 * A connection that we open: out to NET:PORT (new, established), in from it
 * (established). One that we accept: in from NET to PORT (new, established),
 * out from PORT (established). Loopback: both ends are here, so both on "lo".
 * Each rule counts and names its conduit; what is dropped is counted by the
 * last rule of its chain.
 *
 * Beside conduits only what addresses need: ARP and, in a zone with IPv6,
 * neighbour discovery with hop limit 255 (RFC 4861, 7.1). No ICMP, no DNS, no
 * DHCP. The file replaces the tables of these names as a whole and touches no
 * other: loaded twice it is the same, and loaded in a wrong namespace it
 * removes nobody's rules. Names go into it unquoted by us: conduits and zones
 * are hf_name_ok, interfaces and addresses were checked by model/plant_zones.c.
 */
#include <inttypes.h>
#include <string.h>

#include "comply/comply.h"
#include "model/optval.h"

#define VETH "hf0" /* the zone's end of a pair to the host */

struct rule {
	const char *nic;
	const char *net;
	bool is_out, is_udp;
	bool far_port; /* PORT is the other side's */
	bool may_open; /* the first packet passes */
	bool is_frame; /* at the interface: no connections there */
	int64_t port;
	const char *name;
};

static void
put_rule(struct hf_buf *out, const struct rule *r)
{
	/* The other side is the destination of what goes out. */
	const char *family = hf_cidr_is_v6(r->net) ? "ip6" : "ip";
	bool is_dport = r->far_port == r->is_out;

	hf_buf_puts(out, "\t\t");
	if (!r->is_frame)
		hf_buf_printf(out, "%s \"%s\" ",
		    r->is_out ? "oifname" : "iifname", r->nic);
	hf_buf_printf(out, "%s %s %s %s %s %" PRId64, family,
	    r->is_out ? "daddr" : "saddr", r->net, r->is_udp ? "udp" : "tcp",
	    is_dport ? "dport" : "sport", r->port);
	if (!r->is_frame)
		hf_buf_printf(out, " ct state %s",
		    r->may_open ? "new,established" : "established");
	hf_buf_printf(out, " counter accept comment \"%s\"\n", r->name);
}

enum chain { IN, OUT, FRAME };

static void
put_conduit(const struct hf_plant *p, const struct hf_conduit *c,
    uint32_t zone_idx, const char *nic, enum chain chain, struct hf_buf *out)
{
	struct rule r = {.is_out = chain != IN,
	    .is_frame = chain == FRAME,
	    .port = c->port,
	    .name = c->name};
	struct hf_flow f;
	bool is_v6;
	size_t i;

	hf_conduit_flow(p, c, &f);
	if ((f.kind != HF_FLOW_OPEN && f.kind != HF_FLOW_ACCEPT) ||
	    f.zone_idx != zone_idx || (f.is_loopback && chain == FRAME))
		return;
	r.nic = f.is_loopback ? "lo" : nic;
	r.is_udp = f.is_udp;
	for (i = 0; i < f.nnet; i++) {
		r.net = f.nets[i];
		is_v6 = hf_cidr_is_v6(r.net);
		if (is_v6 && !p->zones[zone_idx].ipv6)
			continue;
		r.far_port = f.kind == HF_FLOW_OPEN;
		r.may_open = r.far_port == r.is_out;
		put_rule(out, &r);
		if (!f.is_loopback)
			continue;
		r.far_port = !r.far_port; /* the other end, here too */
		r.may_open = !r.may_open;
		put_rule(out, &r);
	}
}

static void
put_chain(const struct hf_plant *p, uint32_t zone_idx, const char *nic,
    enum chain chain, struct hf_buf *out)
{
	static const char *const denied[] = {
	    "denied in", "denied out", "denied frame"};
	size_t i;

	if (chain == FRAME)
		hf_buf_puts(out, "\t\tmeta protocol arp counter accept "
				 "comment \"address resolution\"\n");
	if (p->zones[zone_idx].ipv6)
		hf_buf_puts(out,
		    "\t\ticmpv6 type { nd-neighbor-solicit, "
		    "nd-neighbor-advert } ip6 hoplimit 255 counter accept "
		    "comment \"neighbour discovery\"\n");
	for (i = 0; i < p->nconduit; i++)
		put_conduit(p, &p->conduits[i], zone_idx, nic, chain, out);
	hf_buf_printf(
	    out, "\t\tcounter drop comment \"%s\"\n\t}\n", denied[chain]);
}

static const char *
nic_of(const struct hf_zone *z)
{
	return z->interface == NULL || strcmp(z->interface, "host-veth") == 0
		   ? VETH
		   : z->interface;
}

int
hf_nft_make(const struct hf_plant *p, uint32_t zone_idx, const char *dev,
    struct hf_buf *out, struct hf_err *err)
{
	const struct hf_zone *z = &p->zones[zone_idx];
	const char *nic = dev != NULL ? dev : nic_of(z);

	hf_buf_printf(out,
	    "# Firewall of zone %s (SL-T %" PRId64 ") in its own network "
	    "namespace, interface %s.\n"
	    "# Made by holdfast from plant.yaml. What no conduit names is "
	    "dropped, in and out.\n"
	    "table inet holdfast\n"
	    "delete table inet holdfast\n"
	    "table netdev holdfast\n"
	    "delete table netdev holdfast\n"
	    "table inet holdfast {\n"
	    "\tchain input {\n"
	    "\t\ttype filter hook input priority 0; policy drop;\n",
	    z->name, z->sl_target, nic);
	put_chain(p, zone_idx, nic, IN, out);
	hf_buf_puts(out, "\tchain output {\n"
			 "\t\ttype filter hook output priority 0; policy "
			 "drop;\n");
	put_chain(p, zone_idx, nic, OUT, out);
	hf_buf_puts(out, "\tchain forward {\n"
			 "\t\ttype filter hook forward priority 0; policy "
			 "drop;\n"
			 "\t\tcounter drop comment \"denied forward\"\n"
			 "\t}\n}\n");
	if (strcmp(nic, "lo") != 0) {
		hf_buf_printf(out,
		    "table netdev holdfast {\n"
		    "\tchain egress {\n"
		    "\t\ttype filter hook egress device \"%s\" priority 0; "
		    "policy drop;\n",
		    nic);
		put_chain(p, zone_idx, nic, FRAME, out);
		hf_buf_puts(out, "}\n");
	}
	return hf_buf_ok(out) ? HF_OK
			      : HF_FAIL(err, HF_ELIMIT,
				    "zone %s: too many rules", z->name);
}
