/* SPDX-License-Identifier: Apache-2.0
 *
 * ports.c - the ports and protocols list, and the request to whoever runs the
 * plant's switches. Both CSV (RFC 4180, commas, LF), one row a conduit, in the
 * order of plant.yaml.
 *
 * A column is a row of the table below: its name, and how its text is made.
 * Nothing is called approved because plant.yaml says so: `named` are the names
 * that stand there, `approved` what signatures prove. `justification` is what
 * the plant itself says about the flow: who uses it, and the measure that makes
 * up for missing TLS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/time.h"
#include "comply/comply.h"
#include "model/optval.h"

const char *const hf_direction_text[] = {"pull", "push", "listen", "both"};

void
hf_comply_row(struct hf_buf *out, const char *const *cells, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			hf_buf_u8(out, ',');
		hf_csv_put_text(out, cells[i] == NULL ? "" : cells[i], ',');
	}
	hf_buf_u8(out, '\n');
}

const char *
hf_comply_approved(const struct hf_conduit *c)
{
	return "not approved"; /* no signature over plant.yaml is read yet */
}

/* ---- columns ---- */

struct row {
	const struct hf_plant *p;
	const struct hf_conduit *c;
	struct hf_flow f;
};

static void
put_list(struct hf_buf *b, const struct hf_strlist *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		hf_buf_printf(b, "%s%s", i > 0 ? " " : "", l->v[i]);
}

static void
put(struct hf_buf *b, const char *s)
{
	hf_buf_puts(b, s == NULL ? "" : s);
}

static void
col_conduit(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->name);
}

static void
col_direction(const struct row *r, struct hf_buf *b)
{
	put(b, hf_direction_text[r->c->direction]);
}

static void
col_proto(const struct row *r, struct hf_buf *b)
{
	put(b, r->f.kind == HF_FLOW_INSIDE ? "none"
	       : r->f.is_udp		   ? "udp"
					   : "tcp");
}

static void
col_port(const struct row *r, struct hf_buf *b)
{
	if (r->f.kind != HF_FLOW_INSIDE)
		hf_buf_printf(b, "%" PRId64, r->c->port);
}

/* `any` is spelt out: an auditor need not know what it means. */
static void
put_party(const struct row *r, const char *party, struct hf_buf *b)
{
	size_t i;

	if (strcmp(party, "any") != 0) {
		put(b, party);
		return;
	}
	for (i = 0; i < r->f.nnet; i++)
		hf_buf_printf(b, "%s%s", i > 0 ? " " : "", r->f.nets[i]);
}

static void
col_from(const struct row *r, struct hf_buf *b)
{
	put_party(r, r->c->from, b);
}

static void
col_to(const struct row *r, struct hf_buf *b)
{
	put_party(r, r->c->to, b);
}

static void
col_service(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->proto);
}

static void
col_purpose(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->purpose);
}

static void
col_owner(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->owner);
}

static void
col_review(const struct row *r, struct hf_buf *b)
{
	char day[HF_TIME_TEXT];

	hf_buf_printf(b, "%.10s", hf_time_fmt(r->c->review_ns, day));
}

static void
col_approved(const struct row *r, struct hf_buf *b)
{
	put(b, hf_comply_approved(r->c));
}

static void
col_named(const struct row *r, struct hf_buf *b)
{
	put_list(b, &r->c->approved_by);
}

static void
col_justification(const struct row *r, struct hf_buf *b)
{
	hf_conduit_uses(r->p, r->c, b);
	if (r->c->compensating != NULL)
		hf_buf_printf(
		    b, "; without mutual TLS because: %s", r->c->compensating);
}

static void
col_zone(const struct row *r, struct hf_buf *b)
{
	put(b, r->p->zones[r->f.zone_idx].name);
}

static void
col_sl(const struct row *r, struct hf_buf *b)
{
	hf_buf_printf(b, "%" PRId64, r->p->zones[r->f.zone_idx].sl_target);
}

static void
col_far_zone(const struct row *r, struct hf_buf *b)
{
	if (r->f.far_zone >= 0)
		put(b, r->p->zones[r->f.far_zone].name);
}

static void
col_far_sl(const struct row *r, struct hf_buf *b)
{
	if (r->f.far_zone >= 0)
		hf_buf_printf(
		    b, "%" PRId64, r->p->zones[r->f.far_zone].sl_target);
}

static void
col_crossing(const struct row *r, struct hf_buf *b)
{
	if (hf_flow_sl_step(r->p, &r->f) >= 1)
		put(b, "crosses levels");
}

static void
col_boundary(const struct row *r, struct hf_buf *b)
{
	if (hf_comply_is_public(r->c, &r->f))
		put(b, r->c->boundary ? "crosses the plant's boundary"
				      : "public address declared own");
}

static void
col_auth(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->auth);
}

static void
col_rate(const struct row *r, struct hf_buf *b)
{
	if (r->c->rate_hz == r->c->rate_hz) /* not NaN */
		hf_buf_printf(b, "%.6g/s", r->c->rate_hz);
}

static void
col_max_bps(const struct row *r, struct hf_buf *b)
{
	if (r->c->max_bps > 0)
		hf_buf_printf(b, "%" PRId64, r->c->max_bps);
}

static void
col_class(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->data_class);
}

static void
col_profile(const struct row *r, struct hf_buf *b)
{
	put(b, r->c->cert_profile);
}

static const struct {
	const char *name;
	void (*put)(const struct row *r, struct hf_buf *b);
} columns[] = {{"conduit", col_conduit}, {"direction", col_direction},
    {"proto", col_proto}, {"port", col_port}, {"from", col_from},
    {"to", col_to}, {"service", col_service}, {"purpose", col_purpose},
    {"owner", col_owner}, {"review", col_review}, {"approved", col_approved},
    {"named", col_named}, {"justification", col_justification},
    {"zone", col_zone}, {"sl_target", col_sl}, {"other_zone", col_far_zone},
    {"other_sl_target", col_far_sl}, {"levels", col_crossing},
    {"boundary", col_boundary}, {"auth", col_auth}, {"rate", col_rate},
    {"max_bps", col_max_bps}, {"data_class", col_class},
    {"cert_profile", col_profile}};
const size_t hf_nports_column = sizeof(columns) / sizeof(columns[0]);

const char *
hf_ports_column(size_t i)
{
	return columns[i].name;
}

void
hf_ports_cell(const struct hf_plant *p, const struct hf_conduit *c, size_t i,
    struct hf_buf *out)
{
	struct row r = {.p = p, .c = c};

	hf_conduit_flow(p, c, &r.f);
	columns[i].put(&r, out);
}

static int
done(const struct hf_buf *out, struct hf_err *err)
{
	return hf_buf_ok(out)
		   ? HF_OK
		   : HF_FAIL(err, HF_ELIMIT, "the list is longer than %u bytes",
			 HF_COMPLY_BYTES);
}

int
hf_ports_make(const struct hf_plant *p, size_t part, struct hf_buf *out,
    struct hf_err *err)
{
	struct hf_buf cell;
	size_t i, k;

	for (k = 0; k < hf_nports_column; k++)
		hf_buf_printf(out, "%s%s", k > 0 ? "," : "", columns[k].name);
	hf_buf_u8(out, '\n');
	hf_buf_init(&cell, HF_COMPLY_BYTES);
	for (i = 0; i < p->nconduit; i++) {
		for (k = 0; k < hf_nports_column; k++) {
			hf_buf_reset(&cell);
			hf_ports_cell(p, &p->conduits[i], k, &cell);
			if (k > 0)
				hf_buf_u8(out, ',');
			if (!hf_buf_ok(&cell)) /* never: texts are short */
				out->failed = true;
			else
				hf_csv_put_text(out, hf_buf_cstr(&cell), ',');
		}
		hf_buf_u8(out, '\n');
	}
	hf_buf_fini(&cell);
	return done(out, err);
}

/* ---- request to the switches ---- */

static void
request_row(const struct hf_plant *p, const struct hf_conduit *c,
    const struct hf_flow *f, const char *net, struct hf_buf *out)
{
	const struct hf_zone *z = &p->zones[f->zone_idx];
	char node[160], port[24], day[HF_TIME_TEXT], till[16];
	const char *cells[] = {"allow", f->kind == HF_FLOW_OPEN ? node : net,
	    f->kind == HF_FLOW_OPEN ? net : node, f->is_udp ? "udp" : "tcp",
	    port, "answers of the same connection only", z->interface, c->name,
	    c->purpose, c->owner, till};

	snprintf(
	    node, sizeof(node), "address of this node in zone %s", z->name);
	snprintf(port, sizeof(port), "%" PRId64, c->port);
	snprintf(till, sizeof(till), "%.10s", hf_time_fmt(c->review_ns, day));
	hf_comply_row(out, cells, sizeof(cells) / sizeof(cells[0]));
}

/* Only what leaves this machine. */
int
hf_firewall_make(const struct hf_plant *p, size_t part, struct hf_buf *out,
    struct hf_err *err)
{
	static const char *const last[] = {"deny and log", "any", "any", "any",
	    "any", "", "", "", "what no conduit names", "", ""};
	const struct hf_conduit *c;
	struct hf_flow f;
	size_t i, k;

	hf_buf_puts(out, "action,source,destination,proto,destination_port,"
			 "return,interface,conduit,purpose,owner,review\n");
	for (i = 0; i < p->nconduit; i++) {
		c = &p->conduits[i];
		hf_conduit_flow(p, c, &f);
		if (f.kind == HF_FLOW_INSIDE || f.is_loopback)
			continue;
		for (k = 0; k < f.nnet; k++)
			request_row(p, c, &f, f.nets[k], out);
	}
	hf_comply_row(out, last, sizeof(last) / sizeof(last[0]));
	return done(out, err);
}
