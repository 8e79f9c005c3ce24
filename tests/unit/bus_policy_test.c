/* SPDX-License-Identifier: Apache-2.0
 *
 * bus_policy_test.c - hf_policy_decide() against two slow judges that share no
 * line with it: the generated access lists, read as mosquitto documents them
 * and matched by libmosquitto, and for subscriptions a pairwise comparison of
 * filters. Random plants, filters and topics from a fixed seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mosquitto.h>

#include "bus/brokerconf.h"
#include "model/policy.h"

#define NPLANT 10000
#define NTOPIC 12 /* questions of each kind to each listener of a plant */
#define NCONDUIT 5
#define NTEXT 128

static const struct hf_broker_dirs inside = {.conf = "/conf",
    .core = "/core",
    .edge = "/edge",
    .ca = "/tls/ca.crt",
    .cert = "/tls/broker.crt",
    .key = "/tls/broker.key"};

struct plant { /* by hand: one zone */
	struct hf_plant p;
	struct hf_zone zone;
	struct hf_conduit c[NCONDUIT];
	char *lists[NCONDUIT][2][6];
	char text[NCONDUIT][2][6][NTEXT];
	char names[NCONDUIT][8];
	struct hf_export ex;
};

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static uint64_t seed;

static uint32_t
rnd(uint32_t n) /* xorshift64* */
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* Few words, so that filters and topics meet. */
static const char *const words[] = {"a", "b", "aa", "", "cmd", "uns", "v1",
    "spBv1.0", "NCMD", "NDATA", "DDEATH", "STATE", "$SYS", "$sparkplug",
    "certificates", "umh.v1.x", "scada"};
#define NWORD (sizeof(words) / sizeof(words[0]))

static void
random_topic(char *out, size_t cap, const char *wild[], size_t nwild)
{
	static const char *const heads[] = {"", "", "", "spBv1.0/g/", "uns/v1/",
	    "$sparkplug/certificates/", "spBv1.0/"};
	size_t n = 1 + rnd(4), i;

	snprintf(out, cap, "%s", heads[rnd(7)]);
	for (i = 0; i < n; i++) {
		const char *w = nwild > 0 && rnd(3) == 0
				    ? wild[rnd((uint32_t)nwild)]
				    : NULL;

		if (w != NULL && w[0] == '#' && i + 1 < n)
			w = "+";
		if (w == NULL)
			w = words[rnd(NWORD)];
		snprintf(out + strlen(out), cap - strlen(out), "%s%s",
		    i > 0 ? "/" : "", w);
	}
	if (out[0] == '\0')
		snprintf(out, cap, "a");
}

static void
random_list(struct plant *k, size_t i, bool is_write)
{
	static const char *wild[] = {"+", "#", "%u"};
	struct hf_conduit *c = &k->c[i];
	struct hf_strlist *l = is_write ? &c->topics_write : &c->topics_read;
	size_t n = rnd(6), t;

	l->v = k->lists[i][is_write];
	l->n = 0;
	for (t = 0; t < n; t++) {
		char *s = k->text[i][is_write][t];

		random_topic(s, NTEXT, wild, 3);
		if (hf_conduit_topic_why(&k->p, c, is_write, s) == NULL)
			l->v[l->n++] = s;
	}
}

static void
random_plant(struct plant *k)
{
	size_t i;

	memset(k, 0, sizeof(*k));
	k->zone =
	    (struct hf_zone){.name = text("z"), .interface = text("host-veth")};
	k->p.zones = &k->zone;
	k->p.nzone = 1;
	k->p.conduits = k->c;
	k->p.nconduit = 1 + rnd(NCONDUIT);
	k->ex = (struct hf_export){.name = text("x"), .to = text("sparkplug")};
	k->p.exports = &k->ex;
	k->p.nexport = rnd(2);
	for (i = 0; i < k->p.nconduit; i++) {
		bool is_named = rnd(2) != 0;

		snprintf(k->names[i], sizeof(k->names[i]), "c%zu", i);
		k->c[i] = (struct hf_conduit){.name = k->names[i],
		    .from = text("any"),
		    .to = text("broker/z"),
		    .proto = text(is_named ? "mqtts" : "mqtt"),
		    .port = is_named ? 8883 : 8884,
		    .direction = HF_DIR_LISTEN,
		    .auth = text(is_named ? "mtls" : "none")};
		random_list(k, i, false);
		random_list(k, i, true);
	}
}

/* ---- the slow judges */

/* %u in the pattern becomes the name; false: it has none to put there. */
static bool
with_name(char *out, size_t cap, const char *pattern, const char *name)
{
	const char *u;
	size_t n = 0;

	for (; (u = strstr(pattern, "%u")) != NULL; pattern = u + 2) {
		if (name == NULL)
			return false;
		n += (size_t)snprintf(out + n, cap - n, "%.*s%s",
		    (int)(u - pattern), pattern, name);
	}
	snprintf(out + n, cap - n, "%s", pattern);
	return true;
}

/* One line of a list: does its pattern match? */
static bool
line_matches(const char *pattern, const char *name, const char *topic)
{
	char filter[2 * NTEXT];
	bool is_match = false;

	if (!with_name(filter, sizeof(filter), pattern, name))
		return false;
	if (topic[0] == '$' && filter[0] != '$')
		return false;
	return mosquitto_topic_matches_sub(filter, topic, &is_match) ==
		   MOSQ_ERR_SUCCESS &&
	       is_match;
}

/* mosquitto.conf(5), acl_file: denials first, then grants, else no. */
static bool
list_allows(
    const char *list, const char *name, bool is_write, const char *topic)
{
	char copy[16384], *save = NULL, *line, how[16], pattern[NTEXT + 64];
	bool is_granted = false;

	assert_true(strlen(list) < sizeof(copy));
	snprintf(copy, sizeof(copy), "%s", list);
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "pattern %15s %191[^\n]", how, pattern) != 2)
			continue;
		if (!line_matches(pattern, name, topic))
			continue;
		if (strcmp(how, "deny") == 0)
			return false;
		is_granted |= strcmp(how, "readwrite") == 0 ||
			      strcmp(how, is_write ? "write" : "read") == 0;
	}
	return is_granted;
}

/* Is there a topic that both filters match? */
static bool
overlaps(const char *a, const char *b)
{
	size_t na = strcspn(a, "/"), nb = strcspn(b, "/");
	bool is_plus = (na == 1 && a[0] == '+') || (nb == 1 && b[0] == '+');

	if (a[0] == '#' || b[0] == '#')
		return true;
	if (!is_plus && (na != nb || memcmp(a, b, na) != 0))
		return false;
	if (a[na] == '\0' && b[nb] == '\0')
		return true;
	if (a[na] == '\0')
		return strcmp(b + nb, "/#") == 0;
	if (b[nb] == '\0')
		return strcmp(a + na, "/#") == 0;
	return overlaps(a + na + 1, b + nb + 1);
}

static bool
is_cmd(const char *s)
{
	return strncmp(s, "cmd", 3) == 0 && (s[3] == '/' || s[3] == '\0');
}

/* A filter whose "/#" makes no difference: "$x" against "#" at the start. */
static bool
may_subscribe(const char *list, const char *name, const char *sub)
{
	char copy[16384], *save = NULL, *line, how[16], pattern[NTEXT + 64];
	char filter[2 * NTEXT];
	bool is_wild = sub[0] == '+' || sub[0] == '#';

	if (is_cmd(sub))
		return false;
	snprintf(copy, sizeof(copy), "%s", list);
	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "pattern %15s %191[^\n]", how, pattern) != 2 ||
		    strncmp(how, "read", 4) != 0 || is_cmd(pattern))
			continue;
		if (!with_name(filter, sizeof(filter), pattern, name))
			continue;
		if ((sub[0] == '$') != (filter[0] == '$') &&
		    (is_wild || filter[0] == '+' || filter[0] == '#' ||
			sub[0] == '$'))
			continue;
		if (overlaps(filter, sub))
			return true;
	}
	return false;
}

/* What a fixed rule narrows beyond the lists: of one-level topics core writes
 * umh.v1.* alone, which no pattern can say. */
static bool
is_narrower(uint16_t listener, const char *topic)
{
	return listener == HF_POLICY_CORE && strchr(topic, '/') == NULL &&
	       strncmp(topic, "umh.v1.", 7) != 0 && strcmp(topic, "uns") != 0;
}

static void
differ(const char *what, const struct hf_policy_who *who, const char *topic,
    bool got, const char *list)
{
	fail_msg("%s \"%s\" by %s at %u: decided %d; list:\n%s", what, topic,
	    who->name != NULL ? who->name : "anonymous", who->listener, got,
	    list);
}

/* The conduit it names must be one that the plant has, or none. */
static void
check_words(struct plant *k, const struct hf_policy_answer *a)
{
	size_t i;

	assert_true(a->is_allowed == (a->rule == HF_PR_GRANT));
	for (i = 0; i < k->p.nconduit && a->conduit[0] != '\0'; i++)
		if (strcmp(k->names[i], a->conduit) == 0)
			return;
	assert_string_equal(a->conduit, "");
}

struct tally {
	uint64_t asked, allowed;
};

static void
ask(struct plant *k, const struct hf_policy *p, struct hf_policy_who who,
    const char *list, struct tally *t)
{
	static const char *wild[] = {"+", "#"};
	struct hf_policy_answer a;
	char topic[NTEXT];
	int i, w;

	for (i = 0; i < NTOPIC; i++) {
		random_topic(topic, sizeof(topic), NULL, 0);
		for (w = 0; w < 2; w++) {
			bool want = list_allows(list, who.name, w == 1, topic);

			if (w == 1 && is_narrower(who.listener, topic))
				want = false;
			a = hf_policy_decide(p, &who,
			    w == 1 ? HF_POLICY_WRITE : HF_POLICY_READ, topic);
			check_words(k, &a);
			if (a.is_allowed != want)
				differ(w == 1 ? "write" : "read", &who, topic,
				    a.is_allowed, list);
			if (a.is_allowed && w == 1)
				assert_true(hf_policy_has_writer(p, topic));
			t->allowed += a.is_allowed;
			t->asked++;
		}
		random_topic(topic, sizeof(topic), wild, 2);
		a = hf_policy_decide(p, &who, HF_POLICY_SUBSCRIBE, topic);
		if (a.is_allowed != may_subscribe(list, who.name, topic))
			differ("subscribe", &who, topic, a.is_allowed, list);
		t->allowed += a.is_allowed;
		t->asked++;
	}
}

static void
ask_all(struct plant *k, struct tally *t)
{
	static const char *const names[] = {"a", "scada", NULL};
	struct hf_policy *p = NULL;
	struct hf_brokerconf b;
	struct hf_err err = {0};
	size_t i, n;

	if (hf_brokerconf_make(&k->p, 0, &inside, &b, &err) != HF_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(
	    hf_policy_unpack(b.policy.p, b.policy.len, &p, &err), HF_OK);
	for (i = 0; i < b.nacl; i++) {
		struct hf_policy_who who = {
		    .listener = i == 0 ? HF_POLICY_CORE : HF_POLICY_EDGE};
		const char *list = hf_buf_cstr(&b.acl[i].text);

		if (i >= 2)
			who.listener = strcmp(b.acl[i].name, "acl.8883") == 0
					   ? 8883
					   : 8884;
		for (n = 0; n < 3 && (n < 1 || who.listener == 8883); n++) {
			who.name = who.listener == 8883 ? names[n] : NULL;
			ask(k, p, who, list, t);
		}
	}
	hf_policy_free(p);
	hf_brokerconf_fini(&b);
}

static void
decision_equals_the_meaning_of_the_generated_lists(void **state)
{
	struct plant *k = malloc(sizeof(*k));
	struct tally t = {0};
	int i;

	assert_non_null(k);
	seed = UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i < NPLANT; i++) {
		random_plant(k);
		ask_all(k, &t);
	}
	print_message("# %d plants, %llu questions, %llu allowed\n", NPLANT,
	    (unsigned long long)t.asked, (unsigned long long)t.allowed);
	assert_true(t.allowed > t.asked / 20);
	assert_true(t.allowed < t.asked - t.asked / 20);
	free(k);
}

/* ---- by hand */

static const struct hf_policy_listener two[] = {{.id = HF_POLICY_CORE},
    {.id = HF_POLICY_EDGE}, {8884, false}, {8883, true}};

static struct hf_policy *
from(const struct hf_policy_grant *g, size_t n)
{
	struct hf_policy *p = NULL;
	struct hf_err err = {0};

	if (hf_policy_from(two, 4, g, n, &p, &err) != HF_OK)
		fail_msg("%s", err.msg);
	return p;
}

static void
refusal_says_which_rule_and_a_grant_says_which_conduit(void **state)
{
	static const struct hf_policy_grant g[] = {
	    {8884, true, true, "dev/#", "cell"},
	    {8884, true, false, "#", "all"},
	    {8883, false, true, "dev/%u/#", "tls"},
	    {HF_POLICY_CORE, false, true, "uns/v1/#", ""},
	    {HF_POLICY_CORE, false, true, "+", ""}};
	static const struct {
		struct hf_policy_who who;
		enum hf_policy_action action;
		const char *topic;
		enum hf_policy_rule rule;
		const char *conduit;
	} cases[] = {
	    {{8884, NULL}, HF_POLICY_WRITE, "dev/x", HF_PR_GRANT, "cell"},
	    {{8884, NULL}, HF_POLICY_READ, "other", HF_PR_GRANT, "all"},
	    {{8884, NULL}, HF_POLICY_WRITE, "other", HF_PR_NONE, ""},
	    {{8884, NULL}, HF_POLICY_WRITE, "cmd/v1/x", HF_PR_COMMAND, ""},
	    {{HF_POLICY_CORE, NULL}, HF_POLICY_WRITE, "cmd", HF_PR_COMMAND, ""},
	    {{8884, NULL}, HF_POLICY_READ, "cmd/x", HF_PR_COMMAND, ""},
	    {{8884, NULL}, HF_POLICY_WRITE, "uns/v1/x", HF_PR_NAMESPACE, ""},
	    {{8884, NULL}, HF_POLICY_WRITE, "umh.v1.x", HF_PR_NAMESPACE, ""},
	    {{HF_POLICY_CORE, NULL}, HF_POLICY_WRITE, "dev/x", HF_PR_NAMESPACE,
		""},
	    {{HF_POLICY_CORE, NULL}, HF_POLICY_WRITE, "umh.v1.x", HF_PR_GRANT,
		""},
	    {{8884, NULL}, HF_POLICY_READ, "$SYS/x", HF_PR_BROKER_OWN, ""},
	    {{8884, NULL}, HF_POLICY_WRITE, "spBv1.0/g/NCMD/n", HF_PR_SPARKPLUG,
		""},
	    {{8884, NULL}, HF_POLICY_WRITE, "dev/+", HF_PR_TOPIC, ""},
	    {{8884, NULL}, HF_POLICY_SUBSCRIBE, "dev/a#", HF_PR_TOPIC, ""},
	    {{8884, NULL}, HF_POLICY_SUBSCRIBE, "$share/g", HF_PR_TOPIC, ""},
	    {{8884, NULL}, HF_POLICY_SUBSCRIBE, "$share/g/dev/#", HF_PR_GRANT,
		"all"},
	    {{8884, NULL}, HF_POLICY_SUBSCRIBE, "$share/g/cmd/#", HF_PR_COMMAND,
		""},
	    {{8883, "scada"}, HF_POLICY_WRITE, "dev/scada/x", HF_PR_GRANT,
		"tls"},
	    {{8883, "other"}, HF_POLICY_WRITE, "dev/scada/x", HF_PR_NONE, ""},
	    {{8883, NULL}, HF_POLICY_WRITE, "dev/scada/x", HF_PR_NONE, ""},
	    {{8885, "scada"}, HF_POLICY_READ, "x", HF_PR_LISTENER, ""},
	};
	struct hf_policy *p = from(g, 5);
	struct hf_policy_answer a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = hf_policy_decide(
		    p, &cases[i].who, cases[i].action, cases[i].topic);
		if (a.rule != cases[i].rule)
			fail_msg("%s: rule %d", cases[i].topic, a.rule);
		assert_string_equal(a.conduit, cases[i].conduit);
	}
	hf_policy_free(p);
}

static void
name_with_a_wildcard_or_a_slash_stands_for_no_level(void **state)
{
	static const struct hf_policy_grant g[] = {
	    {8883, true, true, "dev/%u/#", "tls"},
	    {8884, true, true, "dev/%u/#", "plain"}};
	static const char *const names[] = {"+", "#", "a/b", "", "a+"};
	struct hf_policy *p = from(g, 2);
	struct hf_policy_who who = {.listener = 8883};
	char topic[64];
	size_t i;

	for (i = 0; i < 5; i++) {
		who.name = names[i];
		snprintf(topic, sizeof(topic), "dev/%s/x", names[i]);
		assert_false(hf_policy_decide(p, &who, HF_POLICY_READ, topic)
				 .is_allowed);
	}
	who = (struct hf_policy_who){8884, "scada"}; /* proves nothing there */
	assert_false(hf_policy_decide(p, &who, HF_POLICY_WRITE, "dev/scada/x")
			 .is_allowed);
	assert_true(hf_policy_has_writer(p, "dev/anybody/x"));
	assert_false(hf_policy_has_writer(p, "dev"));
	hf_policy_free(p);
}

static void
packed_policy_is_the_same_bytes_and_is_read_whole_or_not_at_all(void **state)
{
	struct plant *k = malloc(sizeof(*k));
	struct hf_policy *p = NULL, *q = NULL;
	struct hf_buf a, b;
	uint8_t *bad;
	size_t i;

	assert_non_null(k);
	seed = 7;
	random_plant(k);
	assert_int_equal(hf_policy_build(&k->p, 0, 0, &p, NULL), HF_OK);
	hf_buf_init(&a, HF_POLICY_BYTES);
	hf_buf_init(&b, HF_POLICY_BYTES);
	assert_int_equal(hf_policy_pack(p, &a, NULL), HF_OK);
	assert_int_equal(hf_policy_unpack(a.p, a.len, &q, NULL), HF_OK);
	assert_int_equal(hf_policy_pack(q, &b, NULL), HF_OK);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	hf_policy_free(q);
	for (i = 0; i < a.len; i++) {
		assert_int_not_equal(hf_policy_unpack(a.p, i, &q, NULL), HF_OK);
		bad = malloc(a.len);
		assert_non_null(bad);
		memcpy(bad, a.p, a.len);
		bad[i] ^= (uint8_t)(1u << rnd(8));
		assert_int_not_equal(
		    hf_policy_unpack(bad, a.len, &q, NULL), HF_OK);
		free(bad);
	}
	hf_policy_free(p);
	hf_buf_fini(&a);
	hf_buf_fini(&b);
	free(k);
}

/* The CRC keeps accidents out; the bounds must hold without it. */
static void
indexes_that_lead_astray_are_refused_or_harmless(void **state)
{
	struct plant *k = malloc(sizeof(*k));
	struct hf_policy *p = NULL, *q;
	struct hf_policy_who who = {.listener = 8883, .name = "scada"};
	struct hf_buf a, crc;
	char topic[NTEXT];
	int i, j;

	assert_non_null(k);
	hf_buf_init(&crc, 16);
	for (i = 0; i < 3000; i++) {
		seed = (uint64_t)(i % 40 + 1) * 977;
		random_plant(k);
		seed ^= (uint64_t)i << 20;
		assert_int_equal(hf_policy_build(&k->p, 0, 0, &p, NULL), HF_OK);
		hf_buf_init(&a, HF_POLICY_BYTES);
		assert_int_equal(hf_policy_pack(p, &a, NULL), HF_OK);
		hf_policy_free(p);
		for (j = 0; j < 3; j++)
			a.p[8 + rnd((uint32_t)a.len - 12)] ^=
			    (uint8_t)(1u << rnd(8));
		hf_buf_reset(&crc);
		hf_buf_u32(&crc, hf_crc32c(0, a.p, a.len - 4));
		memcpy(a.p + a.len - 4, crc.p, 4);
		q = NULL;
		if (hf_policy_unpack(a.p, a.len, &q, NULL) == HF_OK)
			for (j = 0; j < 20; j++) {
				random_topic(topic, sizeof(topic), NULL, 0);
				(void)hf_policy_decide(q, &who,
				    (enum hf_policy_action)rnd(3), topic);
			}
		hf_policy_free(q);
		hf_buf_fini(&a);
	}
	hf_buf_fini(&crc);
	free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		decision_equals_the_meaning_of_the_generated_lists),
	    cmocka_unit_test(
		refusal_says_which_rule_and_a_grant_says_which_conduit),
	    cmocka_unit_test(
		name_with_a_wildcard_or_a_slash_stands_for_no_level),
	    cmocka_unit_test(
		packed_policy_is_the_same_bytes_and_is_read_whole_or_not_at_all),
	    cmocka_unit_test(indexes_that_lead_astray_are_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
