/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_build.c - from a plant to the grants of one broker, and from grants to
 * the tree that policy.c walks.
 *
 * Grants are sorted as text with '/' before all other bytes, so that filters
 * with the same first levels stand together. A queue of ranges then gives the
 * nodes breadth first: the range of a node holds all filters below it, each run
 * of one level's text in it is a child. No recursion, and the same grants give
 * the same bytes. Of several grants of the same filter the first one stands.
 *
 * Grants of cmd/ are left out of the tree: a fixed rule refuses it all.
 * Called by the parent (bus/brokerconf.c) and by tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/plant.h"
#include "model/policy_in.h"

/* What a device may send below spBv1.0/<group>/ (Sparkplug B 3.0, 4); NCMD and
 * DCMD are a host's. */
static const char *const data_types[] = {
    "NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"};
#define NDATA_TYPE (sizeof(data_types) / sizeof(data_types[0]))

/* ---- grants of a plant */

struct giver {
	hf_policy_grant_fn *fn;
	void *arg;
	struct hf_err *err;
};

static int
give(const struct giver *g, uint16_t listener, const char *how,
    const char *filter, const char *conduit)
{
	const struct hf_policy_grant one = {.listener = listener,
	    .is_read = strchr(how, 'r') != NULL,
	    .is_write = strchr(how, 'w') != NULL,
	    .filter = filter,
	    .conduit = conduit};

	return g->fn(g->arg, &one, g->err);
}

static int
give_core(const struct giver *g)
{
	/* A filter cannot say umh.v1.*, so any topic of one level; a fixed rule
	 * holds core to the namespace. */
	int rc = give(g, HF_POLICY_CORE, "w", "uns/v1/#", "");

	return rc == HF_OK ? give(g, HF_POLICY_CORE, "w", "+", "") : rc;
}

static bool
has_sparkplug_export(const struct hf_plant *p, uint32_t zone_idx)
{
	size_t i;

	for (i = 0; i < p->nexport; i++)
		if (p->exports[i].zone_idx == zone_idx &&
		    p->exports[i].to != NULL &&
		    strcmp(p->exports[i].to, "sparkplug") == 0)
			return true;
	return false;
}

static int
give_edge(const struct giver *g, const struct hf_plant *p, uint32_t zone_idx)
{
	static const char *const rights[][2] = {{"r", "#"},
	    {"rw", "$sparkplug/certificates/#"}, {"w", "spBv1.0/+/NCMD/#"},
	    {"w", "spBv1.0/+/DCMD/#"}, {"w", "spBv1.0/STATE/+"},
	    {"w", "STATE/+"}};
	char filter[64];
	int rc = HF_OK;
	size_t i;

	for (i = 0; rc == HF_OK && i < sizeof(rights) / sizeof(rights[0]); i++)
		rc = give(g, HF_POLICY_EDGE, rights[i][0], rights[i][1], "");
	if (!has_sparkplug_export(p, zone_idx))
		return rc;
	for (i = 0; rc == HF_OK && i < NDATA_TYPE; i++) {
		snprintf(
		    filter, sizeof(filter), "spBv1.0/+/%s/#", data_types[i]);
		rc = give(g, HF_POLICY_EDGE, "w", filter, "");
	}
	return rc;
}

/* A right to send Sparkplug data of any type: one for each, so that commands
 * are not among them. `type` is the filter's level of the type, n bytes. */
static int
give_sparkplug(const struct giver *g, const struct hf_conduit *c, const char *t,
    const char *type, size_t n)
{
	const char *group = strchr(t, '/') + 1;
	int len = type > group ? (int)(type - group) : 0; /* with its '/' */
	char filter[HF_POLICY_TOPIC + 32];
	int rc = HF_OK;
	size_t i;

	for (i = 0; rc == HF_OK && i < NDATA_TYPE; i++) {
		snprintf(filter, sizeof(filter), "spBv1.0/%.*s%s%s",
		    len > 0 ? len : 2, len > 0 ? group : "+/", data_types[i],
		    type[0] == '#' ? "/#" : type + n);
		rc = give(g, (uint16_t)c->port, "w", filter, c->name);
	}
	return rc;
}

/* The plant passed the same question; whoever made it by other ways did not. */
static int
check_topic(const struct hf_plant *p, const struct hf_conduit *c, bool is_write,
    const char *t, struct hf_err *err)
{
	const char *why = hf_conduit_topic_why(p, c, is_write, t);

	if (why == NULL && strlen(t) > HF_POLICY_TOPIC)
		why = "is too long";
	return why == NULL
		   ? HF_OK
		   : HF_FAIL(err, HF_EINVAL, "conduit %s: %s \"%.200s\" %s",
			 c->name, is_write ? "topics_write" : "topics_read", t,
			 why);
}

static int
give_topic(const struct giver *g, const struct hf_plant *p,
    const struct hf_conduit *c, bool is_write, const char *t)
{
	size_t n = 0;
	const char *type = is_write ? hf_sparkplug_type(t, &n) : NULL;
	int rc = check_topic(p, c, is_write, t, g->err);

	if (rc != HF_OK)
		return rc;
	if (type != NULL && n == 1 && (type[0] == '#' || type[0] == '+'))
		return give_sparkplug(g, c, t, type, n);
	return give(g, (uint16_t)c->port, is_write ? "w" : "r", t, c->name);
}

int
hf_policy_grants(const struct hf_plant *p, uint32_t zone_idx, int64_t now_ns,
    hf_policy_grant_fn *fn, void *arg, struct hf_err *err)
{
	const struct giver g = {.fn = fn, .arg = arg, .err = err};
	int rc = give_core(&g);
	size_t i, k;

	if (rc == HF_OK)
		rc = give_edge(&g, p, zone_idx);
	for (i = 0; rc == HF_OK && i < p->nconduit; i++) {
		const struct hf_conduit *c = &p->conduits[i];

		if (hf_conduit_broker(p, c) != (int)zone_idx)
			continue;
		if (c->port <= HF_POLICY_EDGE || c->port > UINT16_MAX)
			return HF_FAIL(err, HF_EINVAL,
			    "conduit %s: port %lld is none", c->name,
			    (long long)c->port);
		if (now_ns != 0 && hf_conduit_is_denied(p, c, now_ns))
			continue;
		for (k = 0; rc == HF_OK && k < c->topics_read.n; k++)
			rc = give_topic(&g, p, c, false, c->topics_read.v[k]);
		for (k = 0; rc == HF_OK && k < c->topics_write.n; k++)
			rc = give_topic(&g, p, c, true, c->topics_write.v[k]);
	}
	return rc;
}

/* ---- the tree */

struct item { /* a grant, sorted */
	const char *filter, *conduit;
	uint32_t listener; /* index */
	uint32_t order;	   /* place among the grants */
	uint32_t conduit_no;
	bool can[NGRANT];
};

struct range { /* of items, for the node of the same number */
	size_t lo, hi;
	size_t at; /* bytes of the filters that are behind us */
};

struct build {
	struct item *items;
	size_t nitem;
	struct range *ranges;
	struct hf_policy *p;
	uint32_t nnode, ntext, max_node;
};

static int
cmp_filter(const char *a, const char *b)
{
	for (; *a == *b && *a != '\0'; a++, b++)
		;
	if (*a == *b || *a == '\0' || *b == '\0')
		return (*a != '\0') - (*b != '\0');
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int
cmp_item(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;
	int c;

	if (a->listener != b->listener)
		return a->listener < b->listener ? -1 : 1;
	c = cmp_filter(a->filter, b->filter);
	return c != 0 ? c : a->order < b->order ? -1 : a->order > b->order;
}

static uint32_t
put_text(struct build *b, const char *s, size_t n)
{
	uint32_t at = b->ntext;

	memcpy(b->p->text + at, s, n);
	b->p->text[at + n] = '\0';
	b->ntext += (uint32_t)n + 1;
	return at;
}

static uint32_t
new_node(struct build *b, struct range r)
{
	if (b->nnode < b->max_node)
		b->ranges[b->nnode] = r;
	return b->nnode++;
}

static void
set_grant(uint32_t grant[NGRANT], const struct item *it)
{
	int k;

	for (k = 0; k < NGRANT; k++)
		if (it->can[k] && grant[k] == 0)
			grant[k] = it->conduit_no + 1;
}

/* Items of r from lo on whose next level is the same; their end. */
static size_t
run_end(const struct build *b, const struct range *r, size_t lo, size_t len)
{
	const char *level = b->items[lo].filter + r->at;
	size_t hi = lo + 1;

	for (; hi < r->hi; hi++) {
		const char *s = b->items[hi].filter + r->at;

		if (strncmp(s, level, len) != 0 ||
		    (s[len] != '/' && s[len] != '\0'))
			break;
	}
	return hi;
}

/* Children of node `at`: literal ones first, side by side. */
static void
fill_node(struct build *b, uint32_t at, bool is_literal)
{
	const struct range r = b->ranges[at];
	struct policy_node *n = &b->p->nodes[at];
	size_t lo, hi, len;

	for (lo = r.lo; lo < r.hi; lo = hi) {
		const char *s = b->items[lo].filter + r.at;
		bool is_plus, is_user;
		uint32_t c;

		hi = lo + 1;
		if (r.at > strlen(b->items[lo].filter)) { /* ends here */
			set_grant(n->here, &b->items[lo]);
			continue;
		}
		len = strcspn(s, "/");
		if (len == 1 && s[0] == '#') {
			set_grant(n->below, &b->items[lo]);
			continue;
		}
		hi = run_end(b, &r, lo, len);
		is_plus = len == 1 && s[0] == '+';
		is_user = len == 2 && memcmp(s, "%u", 2) == 0;
		if (is_literal == (is_plus || is_user))
			continue;
		c = new_node(b, (struct range){lo, hi, r.at + len + 1});
		if (is_plus)
			n->plus = c;
		else if (is_user)
			n->user = c;
		else if (n->nchild++ == 0)
			n->child = c;
		if (is_literal) {
			b->p->nodes[c].text = put_text(b, s, len);
			b->p->nodes[c].len = (uint32_t)len;
		}
	}
}

/* From the leaves up: is there a grant in the subtree? */
static void
fill_has(struct hf_policy *p)
{
	struct policy_node *n;
	uint32_t i, k, c;

	for (i = p->nnode; i > 0; i--) {
		n = &p->nodes[i - 1];
		for (k = 0; k < NGRANT; k++) {
			n->has[k] = n->here[k] != 0 || n->below[k] != 0;
			if (n->plus != 0)
				n->has[k] |= p->nodes[n->plus].has[k];
			if (n->user != 0 && p->nodes[n->user].has[k] != 0)
				n->has[k] |= HAS_NAMED;
			for (c = 0; c < n->nchild; c++)
				n->has[k] |= p->nodes[n->child + c].has[k];
		}
	}
}

static void
fill_tree(struct build *b, const struct hf_policy_listener *l)
{
	struct hf_policy *p = b->p;
	uint32_t i, at;
	size_t lo = 0, hi;

	(void)put_text(b, "", 0); /* roots, + and %u, and the fixed grants */
	for (i = 0; i < p->nlistener; i++) {
		for (hi = lo; hi < b->nitem && b->items[hi].listener == i; hi++)
			;
		p->listeners[i] = (struct policy_listener){.id = l[i].id,
		    .is_named = l[i].is_named,
		    .root = new_node(b, (struct range){lo, hi, 0})};
		lo = hi;
	}
	for (at = 0; at < b->nnode; at++) {
		fill_node(b, at, true);
		fill_node(b, at, false);
	}
	p->nnode = b->nnode;
	fill_has(p);
}

/* Names of conduits come in the order of the grants, each once in a row. */
static void
fill_conduits(struct build *b)
{
	struct hf_policy *p = b->p;
	const struct item *it;
	const char *last = "";
	size_t i;

	p->nconduit = 1; /* "", at the place 0 of the text */
	for (i = 0; i < b->nitem; i++) {
		it = &b->items[i];
		if (strcmp(it->conduit, last) != 0) {
			p->conduits[p->nconduit++] =
			    put_text(b, it->conduit, strlen(it->conduit));
			last = it->conduit;
		}
		b->items[i].conduit_no =
		    it->conduit[0] == '\0' ? 0 : p->nconduit - 1;
	}
}

static int
take_items(struct build *b, const struct hf_policy_listener *l,
    size_t nlistener, const struct hf_policy_grant *g, size_t ngrant,
    struct hf_err *err)
{
	size_t i, k, nlevel = 0, ntext = 1;
	struct item *it;
	const char *s;

	for (i = 0; i < ngrant; i++) {
		for (k = 0; k < nlistener && l[k].id != g[i].listener; k++)
			;
		if (k == nlistener || strlen(g[i].filter) > HF_POLICY_TOPIC)
			return HF_FAIL(err, HF_EINVAL,
			    "grant of \"%.100s\" at listener %u", g[i].filter,
			    g[i].listener);
		if (strncmp(g[i].filter, "cmd", 3) == 0 &&
		    (g[i].filter[3] == '/' || g[i].filter[3] == '\0'))
			continue;
		it = &b->items[b->nitem];
		*it = (struct item){.filter = g[i].filter,
		    .conduit = g[i].conduit,
		    .listener = (uint32_t)k,
		    .order = (uint32_t)b->nitem,
		    .can[GRANT_READ] = g[i].is_read,
		    .can[GRANT_WRITE] = g[i].is_write};
		b->nitem++;
		for (s = it->filter; *s != '\0'; s++)
			nlevel += *s == '/';
		nlevel++;
		ntext += 2 * strlen(it->filter) + strlen(it->conduit) + 4;
	}
	if (ntext > HF_POLICY_BYTES)
		return HF_FAIL(err, HF_ELIMIT, "policy of %zu bytes", ntext);
	b->max_node = (uint32_t)(nlevel + nlistener);
	b->p = hf_policy_new((uint32_t)nlistener, b->max_node,
	    (uint32_t)b->nitem + 1, (uint32_t)ntext);
	b->ranges = calloc(b->max_node + 1u, sizeof(*b->ranges));
	return b->p != NULL && b->ranges != NULL
		   ? HF_OK
		   : HF_FAIL(err, HF_ENOMEM, "policy");
}

int
hf_policy_from(const struct hf_policy_listener *l, size_t nlistener,
    const struct hf_policy_grant *g, size_t ngrant, struct hf_policy **out,
    struct hf_err *err)
{
	struct build b = {.nitem = 0};
	int rc;

	if (nlistener > HF_POLICY_NLISTENER || ngrant > HF_POLICY_NGRANT)
		return HF_FAIL(err, HF_ELIMIT,
		    "a broker has %d listeners and %d grants at most",
		    HF_POLICY_NLISTENER, HF_POLICY_NGRANT);
	b.items = calloc(ngrant + 1, sizeof(*b.items));
	rc = b.items == NULL ? HF_FAIL(err, HF_ENOMEM, "%zu grants", ngrant)
			     : take_items(&b, l, nlistener, g, ngrant, err);
	if (rc == HF_OK) {
		b.ntext = 1; /* the text begins with "" */
		fill_conduits(&b);
		qsort(b.items, b.nitem, sizeof(*b.items), cmp_item);
		fill_tree(&b, l);
		b.p->ntext = b.ntext;
		*out = b.p;
		b.p = NULL;
	}
	hf_policy_free(b.p);
	free(b.ranges);
	free(b.items);
	return rc;
}

/* ---- of a plant */

struct grants {
	struct hf_policy_grant *v;
	size_t n, cap;
	struct hf_arena *text; /* filters made on the way */
};

static int
keep_grant(void *arg, const struct hf_policy_grant *g, struct hf_err *err)
{
	struct grants *k = arg;
	struct hf_policy_grant *v;
	size_t cap;

	if (k->n == HF_POLICY_NGRANT)
		return HF_FAIL(err, HF_ELIMIT, "a broker has %d grants at most",
		    HF_POLICY_NGRANT);
	if (k->n == k->cap) {
		cap = k->cap == 0 ? 64 : 2 * k->cap;
		v = realloc(k->v, cap * sizeof(*v));
		if (v == NULL)
			return HF_FAIL(err, HF_ENOMEM, "%zu grants", cap);
		k->v = v;
		k->cap = cap;
	}
	k->v[k->n] = *g;
	k->v[k->n].filter = hf_arena_strdup(k->text, g->filter);
	if (k->v[k->n].filter == NULL)
		return HF_FAIL(err, HF_ENOMEM, "grants");
	k->n++;
	return HF_OK;
}

static size_t
list_listeners(const struct hf_plant *p, uint32_t zone_idx,
    struct hf_policy_listener l[HF_POLICY_NLISTENER + 1])
{
	size_t n = 2, i, k;

	l[0] = (struct hf_policy_listener){.id = HF_POLICY_CORE};
	l[1] = (struct hf_policy_listener){.id = HF_POLICY_EDGE};
	for (i = 0; i < p->nconduit && n <= HF_POLICY_NLISTENER; i++) {
		const struct hf_conduit *c = &p->conduits[i];

		if (hf_conduit_broker(p, c) != (int)zone_idx)
			continue;
		for (k = 2; k < n && l[k].id != c->port; k++)
			;
		if (k == n)
			l[n++] =
			    (struct hf_policy_listener){.id = (uint16_t)c->port,
				.is_named = c->auth != NULL &&
					    strcmp(c->auth, "mtls") == 0};
	}
	return n;
}

int
hf_policy_build(const struct hf_plant *p, uint32_t zone_idx, int64_t now_ns,
    struct hf_policy **out, struct hf_err *err)
{
	struct hf_policy_listener l[HF_POLICY_NLISTENER + 1];
	struct grants k = {.text = hf_arena_new(HF_POLICY_BYTES)};
	int rc;

	if (k.text == NULL)
		return HF_FAIL(err, HF_ENOMEM, "grants");
	rc = hf_policy_grants(p, zone_idx, now_ns, keep_grant, &k, err);
	if (rc == HF_OK)
		rc = hf_policy_from(
		    l, list_listeners(p, zone_idx, l), k.v, k.n, out, err);
	free(k.v);
	hf_arena_free(k.text);
	return rc;
}
