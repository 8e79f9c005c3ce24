/* SPDX-License-Identifier: Apache-2.0
 *
 * comply_nft_test.c - the firewall says what the conduits say.
 *
 * 2,000 random plants, each asked about random packets, twice: by an oracle
 * that goes over the conduits as a person reads them, and by an evaluator of
 * the generated text. The two share no line: the oracle parses addresses by
 * itself and knows nothing of rules, the evaluator knows nothing of conduits.
 * Packets are drawn near the conduits' own addresses and ports, so that both
 * answers occur often (a test says how often).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comply/comply.h"

#define NPLANT 2000
#define NPACKET 60
#define NCONDUIT 12

/* ---- a random plant ---- */

static uint64_t seed;

static uint32_t
draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 20) % n);
}

static const char *const addresses[] = {"10.1.0.7", "10.1.0.8", "10.1.0.0/24",
    "10.1.0.0/26", "10.2.0.0/16", "192.168.3.9", "172.16.0.0/12", "fd00::7",
    "fd00::/64", "any", "127.0.0.1"};
static const char *const protos[] = {"modbus-tcp", "mqtts", "ntp", "opcua-udp"};
static const int64_t ports[] = {123, 502, 4840, 8883};

struct random_plant {
	struct hf_plant p;
	struct hf_zone zones[2];
	struct hf_conduit c[NCONDUIT];
	char names[NCONDUIT][24], parties[NCONDUIT][2][24];
	char *nets[2][2], net_text[2][2][24];
};

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s; /* read-only fields of a plant */
}

static void
make_conduit(struct random_plant *r, size_t i)
{
	struct hf_conduit *c = &r->c[i];
	const char *far = addresses[draw(11)];
	bool is_open = draw(2) == 0;
	char *near = r->parties[i][0];

	snprintf(r->names[i], sizeof(r->names[i]), "c%zu", i);
	snprintf(near, 24, "%s/%s",
	    is_open	   ? "edge"
	    : draw(2) == 0 ? "web"
			   : "broker",
	    r->zones[draw(2)].name);
	snprintf(r->parties[i][1], 24, "%s", far);
	*c = (struct hf_conduit){.name = r->names[i],
	    .from = is_open ? near : r->parties[i][1],
	    .to = is_open ? r->parties[i][1] : near,
	    .proto = text(protos[draw(4)]),
	    .port = ports[draw(4)],
	    .direction = is_open ? (int64_t)draw(2) : HF_DIR_LISTEN};
}

static void
make_plant(struct random_plant *r)
{
	static const char *const names[] = {"east", "west"};
	size_t i, k;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 2; i++) {
		r->zones[i] = (struct hf_zone){.name = text(names[i]),
		    .interface = text(i == 0 ? "eth0" : "host-veth"),
		    .ipv6 = draw(2) == 0,
		    .networks = {.v = r->nets[i], .n = draw(3)}};
		for (k = 0; k < 2; k++) {
			snprintf(r->net_text[i][k], 24, "%s",
			    k == 0 ? "10.1.0.0/25" : "fd00::/96");
			r->nets[i][k] = r->net_text[i][k];
		}
	}
	r->p.zones = r->zones;
	r->p.nzone = 2;
	r->p.conduits = r->c;
	r->p.nconduit = draw(NCONDUIT + 1);
	for (i = 0; i < r->p.nconduit; i++)
		make_conduit(r, i);
}

/* ---- packets ---- */

struct packet {
	char far[INET6_ADDRSTRLEN]; /* address of the other side */
	bool is_out, is_udp, is_new, is_lo;
	int64_t far_port, our_port;
};

static void
make_packet(struct packet *k)
{
	static const char *const far[] = {"10.1.0.7", "10.1.0.8", "10.1.0.63",
	    "10.1.0.200", "10.2.9.9", "192.168.3.9", "172.31.255.1",
	    "172.32.0.1", "fd00::7", "fd00::1:0:0:1", "fd01::7", "127.0.0.1",
	    "8.8.8.8"};
	bool is_far = draw(2) == 0;

	memset(k, 0, sizeof(*k));
	snprintf(k->far, sizeof(k->far), "%s", far[draw(13)]);
	k->is_lo = strncmp(k->far, "127.", 4) == 0;
	k->is_out = draw(2) == 0;
	k->is_udp = draw(2) == 0;
	k->is_new = draw(2) == 0;
	k->far_port = is_far ? ports[draw(4)] : 40000 + draw(100);
	k->our_port = is_far ? 40000 + draw(100) : ports[draw(4)];
}

/* Bits of the two addresses that are alike, -1 if of different families. */
static int
alike(const char *a, const char *b)
{
	int family = strchr(a, ':') != NULL ? AF_INET6 : AF_INET, i;
	unsigned char x[16], y[16];

	if (inet_pton(family, a, x) != 1 || inet_pton(family, b, y) != 1)
		return -1;
	for (i = 0; i < (family == AF_INET ? 32 : 128); i++)
		if (((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1) != 0)
			break;
	return i;
}

static bool
holds(const char *net, const char *addr)
{
	const char *slash = strchr(net, '/');
	char base[INET6_ADDRSTRLEN];
	int n;

	snprintf(base, sizeof(base), "%.*s",
	    slash == NULL ? 45 : (int)(slash - net), net);
	if (slash != NULL)
		n = (int)strtol(slash + 1, NULL, 10);
	else
		n = strchr(net, ':') != NULL ? 128 : 32;
	return alike(base, addr) >= n;
}

/* ---- the oracle: conduits as a person reads them ---- */

static bool
covers(const struct hf_zone *z, const char *party, const char *addr)
{
	size_t i;

	if (strchr(addr, ':') != NULL && !z->ipv6)
		return false;
	if (strcmp(party, "any") != 0)
		return holds(party, addr);
	for (i = 0; i < z->networks.n; i++)
		if (holds(z->networks.v[i], addr))
			return true;
	return z->networks.n == 0 && strcmp(z->interface, "host-veth") == 0 &&
	       holds("127.0.0.0/8", addr);
}

/* is_ours: the packet as seen by the end that the conduit names. */
static bool
conduit_allows(const struct hf_zone *z, const struct hf_conduit *c,
    const struct packet *k, bool is_ours)
{
	bool is_udp =
	    strcmp(c->proto, "ntp") == 0 || strcmp(c->proto, "opcua-udp") == 0;
	bool is_open = strncmp(c->from, "edge/", 5) == 0;
	const char *near = is_open ? c->from : c->to;
	const char *far = is_open ? c->to : c->from;
	int64_t port;

	if (strcmp(strchr(near, '/') + 1, z->name) != 0 ||
	    is_udp != k->is_udp || !covers(z, far, k->far))
		return false;
	if (!is_ours)
		is_open = !is_open;
	port = is_open ? k->far_port : k->our_port;
	return port == c->port && (!k->is_new || k->is_out == is_open);
}

static bool
oracle(const struct random_plant *r, size_t zone, const struct packet *k)
{
	const struct hf_zone *z = &r->zones[zone];
	size_t i;

	for (i = 0; i < r->p.nconduit; i++)
		if (conduit_allows(z, &r->c[i], k, true) ||
		    (k->is_lo && conduit_allows(z, &r->c[i], k, false)))
			return true;
	return false;
}

/* ---- the evaluator: rules as the kernel reads them ---- */

static bool
word_is(char **at, const char *want)
{
	char *w = strtok_r(NULL, " \t", at);

	return w != NULL && strcmp(w, want) == 0;
}

static bool
rule_takes(char *line, const struct packet *k, const char *nic)
{
	char *at = NULL, *w = strtok_r(line, " \t", &at), *state;
	char quoted[40];
	int64_t port;

	snprintf(quoted, sizeof(quoted), "\"%s\"", k->is_lo ? "lo" : nic);
	if (w == NULL || strcmp(w, k->is_out ? "oifname" : "iifname") != 0 ||
	    !word_is(&at, quoted) ||
	    !word_is(&at, strchr(k->far, ':') != NULL ? "ip6" : "ip") ||
	    !word_is(&at, k->is_out ? "daddr" : "saddr"))
		return false;
	w = strtok_r(NULL, " \t", &at);
	if (w == NULL || !holds(w, k->far) ||
	    !word_is(&at, k->is_udp ? "udp" : "tcp"))
		return false;
	w = strtok_r(NULL, " \t", &at);
	assert_non_null(w);
	port =
	    (strcmp(w, "dport") == 0) == k->is_out ? k->far_port : k->our_port;
	w = strtok_r(NULL, " \t", &at);
	if (w == NULL || strtoll(w, NULL, 10) != port)
		return false;
	assert_true(word_is(&at, "ct"));
	assert_true(word_is(&at, "state"));
	state = strtok_r(NULL, " \t", &at);
	assert_non_null(state);
	assert_true(word_is(&at, "counter"));
	assert_true(word_is(&at, "accept"));
	return strcmp(state, "new,established") == 0 ||
	       (!k->is_new && strcmp(state, "established") == 0);
}

/* First rule of the chain that decides; the policy is drop. */
static bool
evaluate(const char *rules, const struct packet *k, const char *nic)
{
	const char *head =
	    k->is_out ? "\tchain output {\n" : "\tchain input {\n";
	const char *at = strstr(rules, head), *end;
	char line[400];

	assert_non_null(at);
	at += strlen(head);
	assert_non_null(strstr(at, "policy drop;"));
	for (; strncmp(at, "\t}", 2) != 0; at = end + 1) {
		end = strchr(at, '\n');
		assert_non_null(end);
		assert_true(end - at < (ptrdiff_t)sizeof(line));
		snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
		if (rule_takes(line, k, nic))
			return true;
	}
	return false;
}

/* The same way out at the interface, without connections. */
static bool
frame_passes(const char *rules, const struct packet *k)
{
	const char *at = strstr(rules, "\tchain egress {\n"), *end;
	char net[64], proto[8], side[8];
	long long port;

	assert_non_null(at);
	for (; strncmp(at, "\t}", 2) != 0; at = end + 1) {
		end = strchr(at, '\n');
		if (sscanf(at, "\t\tip daddr %63s %7s %7s %lld counter accept",
			net, proto, side, &port) != 4 &&
		    sscanf(at, "\t\tip6 daddr %63s %7s %7s %lld counter accept",
			net, proto, side, &port) != 4)
			continue;
		if (holds(net, k->far) &&
		    (strcmp(proto, "udp") == 0) == k->is_udp &&
		    port == (strcmp(side, "dport") == 0 ? k->far_port
							: k->our_port))
			return true;
	}
	return false;
}

static void
rules_and_conduits_answer_the_same_for_2000_random_plants(void **state)
{
	size_t npass = 0, ndrop = 0, i, n;
	struct random_plant r;
	struct packet k;
	struct hf_buf out;
	uint32_t zone;
	bool want;

	seed = 0x9e3779b97f4a7c15u;
	for (i = 0; i < NPLANT; i++) {
		make_plant(&r);
		zone = draw(2);
		hf_buf_init(&out, 1u << 20);
		assert_int_equal(
		    hf_nft_make(&r.p, zone, NULL, &out, NULL), HF_OK);
		for (n = 0; n < NPACKET; n++) {
			const char *nic = zone == 0 ? "eth0" : "hf0";

			make_packet(&k);
			want = oracle(&r, zone, &k);
			if (evaluate(hf_buf_cstr(&out), &k, nic) != want)
				fail_msg("plant %zu, %s %s %s:%d from %d%s: "
					 "the conduits say %s\n%s",
				    i, k.is_out ? "to" : "from",
				    k.is_udp ? "udp" : "tcp", k.far,
				    (int)k.far_port, (int)k.our_port,
				    k.is_new ? ", new" : "",
				    want ? "yes" : "no", hf_buf_cstr(&out));
			/* what may leave passes the interface, and only that */
			k.is_new = false;
			if (k.is_out && !k.is_lo)
				assert_int_equal(
				    frame_passes(hf_buf_cstr(&out), &k),
				    oracle(&r, zone, &k));
			npass += want;
			ndrop += !want;
		}
		hf_buf_fini(&out);
	}
	print_message("# %zu packets pass, %zu are dropped\n", npass, ndrop);
	assert_true(npass > NPLANT && ndrop > NPLANT);
}

static void
a_conduit_of_another_zone_opens_nothing_here(void **state)
{
	struct random_plant r;
	struct hf_buf out;

	seed = 1;
	make_plant(&r);
	r.p.nconduit = 1;
	r.c[0] = (struct hf_conduit){.name = text("c"),
	    .from = text("edge/west"),
	    .to = text("10.1.0.7"),
	    .proto = text("modbus-tcp"),
	    .port = 502};
	hf_buf_init(&out, 1u << 20);
	assert_int_equal(hf_nft_make(&r.p, 0, NULL, &out, NULL), HF_OK);
	assert_null(strstr(hf_buf_cstr(&out), "502"));
	hf_buf_reset(&out);
	assert_int_equal(hf_nft_make(&r.p, 1, "hfx1", &out, NULL), HF_OK);
	assert_non_null(strstr(hf_buf_cstr(&out),
	    "oifname \"hfx1\" ip daddr 10.1.0.7 tcp dport 502 ct state "
	    "new,established counter accept comment \"c\"\n"));
	assert_non_null(strstr(hf_buf_cstr(&out), "device \"hfx1\""));
	hf_buf_fini(&out);
}

static void
rules_that_do_not_fit_are_an_error_not_a_shorter_list(void **state)
{
	struct random_plant r;
	struct hf_err err = {0};
	struct hf_buf out;

	seed = 2;
	make_plant(&r);
	hf_buf_init(&out, 300);
	assert_int_equal(hf_nft_make(&r.p, 0, NULL, &out, &err), HF_ELIMIT);
	assert_string_equal(err.msg, "zone east: too many rules");
	hf_buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		rules_and_conduits_answer_the_same_for_2000_random_plants),
	    cmocka_unit_test(a_conduit_of_another_zone_opens_nothing_here),
	    cmocka_unit_test(
		rules_that_do_not_fit_are_an_error_not_a_shorter_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
