/* SPDX-License-Identifier: Apache-2.0
 *
 * optaddr.c - hosts, networks and tag path patterns as texts of the
 * configuration.
 *
 * Nothing here asks a name server: a host name is only checked for its form
 * (RFC 1123 labels), and a network holds an address only if both are numeric.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "model/optval.h"

#define ADDR_MAX 16  /* bytes of an IPv6 address */
#define HOST_MAX 253 /* RFC 1035: characters of a full name */
#define LABEL_MAX 63 /* RFC 1035: characters of one label */

struct addr {
	uint8_t b[ADDR_MAX];
	size_t n; /* 4 or 16 */
};

static bool
addr_parse(const char *s, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	a->n = 4;
	if (inet_pton(AF_INET, s, a->b) == 1)
		return true;
	a->n = ADDR_MAX;
	return inet_pton(AF_INET6, s, a->b) == 1;
}

static bool
label_char_ok(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
hostname_ok(const char *s)
{
	size_t len = strlen(s), run = 0, i;
	bool has_letter = false;

	if (len == 0 || len > HOST_MAX)
		return false;
	for (i = 0; i < len; i++) {
		has_letter |= s[i] > '9';
		if (s[i] == '.') {
			if (run == 0 || s[i - 1] == '-')
				return false;
			run = 0;
			continue;
		}
		if (!label_char_ok(s[i]) || (run == 0 && s[i] == '-') ||
		    ++run > LABEL_MAX)
			return false;
	}
	/* "10.10.1" and "10.1.1.300" are slips, not names */
	return run > 0 && has_letter;
}

bool
hf_host_ok(const char *s)
{
	struct addr a;

	return addr_parse(s, &a) || hostname_ok(s);
}

/* Address and prefix length of "10.0.0.0/8"; without a slash, one address. */
static bool
cidr_parse(const char *s, struct addr *a, unsigned *nbit)
{
	const char *slash = strchr(s, '/');
	char text[64];
	uint64_t n;

	if (slash == NULL) {
		if (!addr_parse(s, a))
			return false;
		*nbit = (unsigned)a->n * 8;
		return true;
	}
	if ((size_t)(slash - s) >= sizeof(text))
		return false;
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (!addr_parse(text, a) ||
	    !hf_parse_u64(slash + 1, strlen(slash + 1), &n) || n > a->n * 8)
		return false;
	*nbit = (unsigned)n;
	return true;
}

static void
mask(struct addr *a, unsigned nbit)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		unsigned left = nbit > i * 8 ? nbit - (unsigned)(i * 8) : 0;

		if (left < 8)
			a->b[i] &= (uint8_t)(0xff00u >> left);
	}
}

bool
hf_cidr_ok(const char *s, char *why, size_t cap)
{
	char text[INET6_ADDRSTRLEN];
	struct addr a, net;
	unsigned nbit;

	if (strchr(s, '/') == NULL || !cidr_parse(s, &a, &nbit))
		return false;
	net = a;
	mask(&net, nbit);
	if (memcmp(net.b, a.b, a.n) == 0)
		return true;
	inet_ntop(net.n == 4 ? AF_INET : AF_INET6, net.b, text, sizeof(text));
	snprintf(why, cap,
	    "\"%.60s\" has bits set behind its prefix, did you mean \"%s/%u\"?",
	    s, text, nbit);
	return false;
}

bool
hf_cidr_has(const char *cidr, const char *host)
{
	struct addr net, a;
	unsigned nbit;

	if (!cidr_parse(cidr, &net, &nbit) || !addr_parse(host, &a) ||
	    net.n != a.n)
		return false;
	mask(&net, nbit);
	mask(&a, nbit);
	return memcmp(net.b, a.b, a.n) == 0;
}

bool
hf_cidr_in(const char *outer, const char *inner)
{
	struct addr net, a;
	unsigned nbit, abit;

	if (!cidr_parse(outer, &net, &nbit) || !cidr_parse(inner, &a, &abit) ||
	    net.n != a.n || abit < nbit)
		return false;
	mask(&net, nbit);
	mask(&a, nbit);
	return memcmp(net.b, a.b, a.n) == 0;
}

bool
hf_cidr_is_v6(const char *cidr)
{
	struct addr a;
	unsigned nbit;

	return cidr_parse(cidr, &a, &nbit) && a.n == 16;
}

enum hf_reach
hf_cidr_reach(const char *cidr)
{
	static const struct {
		const char *net;
		enum hf_reach reach;
	} known[] = {{"127.0.0.0/8", HF_REACH_LOOPBACK},
	    {"::1", HF_REACH_LOOPBACK}, {"10.0.0.0/8", HF_REACH_PRIVATE},
	    {"172.16.0.0/12", HF_REACH_PRIVATE},
	    {"192.168.0.0/16", HF_REACH_PRIVATE},
	    {"169.254.0.0/16", HF_REACH_PRIVATE},
	    {"fc00::/7", HF_REACH_PRIVATE}, {"fe80::/10", HF_REACH_PRIVATE},
	    {"0.0.0.0/8", HF_REACH_WORLD}, {"::", HF_REACH_WORLD}};
	struct addr a;
	unsigned nbit;
	size_t i;

	if (!cidr_parse(cidr, &a, &nbit))
		return HF_REACH_NONE;
	if (nbit < (a.n == 4 ? 8u : 7u)) /* 10.0.0.0/8, fc00::/7 */
		return HF_REACH_WORLD;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (hf_cidr_in(known[i].net, cidr))
			return known[i].reach;
	return HF_REACH_PUBLIC;
}

bool
hf_pattern_ok(const char *s)
{
	const char *deep = strstr(s, "**");
	char path[256];
	size_t i;

	/* "**" is a level of its own, and the last one */
	if (deep != NULL && (deep[2] != '\0' || (deep != s && deep[-1] != '/')))
		return false;
	if (!hf_strcpy(path, sizeof(path), s))
		return false;
	for (i = 0; path[i] != '\0'; i++)
		if (path[i] == '*')
			path[i] = 'x';
	return hf_path_ok(path);
}
