/* SPDX-License-Identifier: Apache-2.0
 *
 * policy.c - hf_policy_decide() and the packed form of a policy. This file, and
 * base below it, are all that the broker's plugin shares with the product.
 *
 * Packed, little-endian:
 *    0  u32 magic 0x31504648 ("HFP1")      4  u32 version, 1
 *    8  u32 listeners   12  u32 nodes     16  u32 conduits  20  u32 text bytes
 *   24  listeners, each u32 id, u32 is_named, u32 root
 *   ..  conduits, each u32 place of its name in the text; the first is ""
 *   ..  nodes, each 12 u32 in the order of struct policy_node
 *   ..  the text
 *  end  u32 CRC-32C of all bytes before it
 * A reader accepts it only if magic, version, size, CRC and every index agree;
 * then the tree needs no checks while it is used.
 *
 * The walk. A frame is a node and the level of the topic that its children are
 * asked for; a cursor says which child comes next. In a tree a node is reached
 * by one path only, so no node is visited twice. The stack is as deep as the
 * tree. Topics have no wildcards; filters of subscriptions have, and then every
 * child that overlaps is taken and a whole subtree answers by its `has`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/policy_in.h"

#define MAGIC 0x31504648u
#define VERSION 1
#define HEAD 24
#define NODE_WORDS 12
#define NODE_MAX (4u << 20)

_Static_assert(sizeof(struct policy_node) == 4 * NODE_WORDS, "no padding");

const char *const hf_policy_action_words[3] = {"write", "read", "subscribe"};
const char *const hf_policy_rule_words[HF_NPR] = {
    [HF_PR_GRANT] = "a conduit allows it",
    [HF_PR_LISTENER] = "the listener is not in the policy",
    [HF_PR_TOPIC] = "it is no valid topic",
    [HF_PR_COMMAND] = "commands need an approved path",
    [HF_PR_NAMESPACE] = "core alone writes the namespace, and nothing else",
    [HF_PR_BROKER_OWN] = "it is the broker's own",
    [HF_PR_SPARKPLUG] = "Sparkplug commands need an approved path",
    [HF_PR_NONE] = "no conduit allows it",
};

int
hf_policy_cmp(const char *a, size_t na, const char *b, size_t nb)
{
	int c = memcmp(a, b, na < nb ? na : nb);

	return c != 0 ? c : na < nb ? -1 : na > nb;
}

struct hf_policy *
hf_policy_new(
    uint32_t nlistener, uint32_t nnode, uint32_t nconduit, uint32_t ntext)
{
	struct hf_policy *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->listeners = calloc(nlistener + 1u, sizeof(*p->listeners));
	p->nodes = calloc(nnode + 1u, sizeof(*p->nodes));
	p->conduits = calloc(nconduit + 1u, sizeof(*p->conduits));
	p->text = calloc(ntext + 1u, 1);
	p->nlistener = nlistener;
	p->nnode = nnode;
	p->nconduit = nconduit;
	p->ntext = ntext;
	if (p->listeners != NULL && p->nodes != NULL && p->conduits != NULL &&
	    p->text != NULL)
		return p;
	hf_policy_free(p);
	return NULL;
}

void
hf_policy_free(struct hf_policy *p)
{
	if (p == NULL)
		return;
	free(p->listeners);
	free(p->nodes);
	free(p->conduits);
	free(p->text);
	free(p);
}

/* ---- the walk */

struct frame {
	const struct policy_node *node;
	const char *rest; /* levels still to match; NULL = none */
	uint32_t next;	  /* child to try: literals, then + and %u */
};

struct walk {
	const struct hf_policy *p;
	const char *name; /* NULL: %u matches nothing */
	size_t nname;
	bool is_any_name; /* %u matches every level */
	bool is_filter;	  /* wildcards in the topic are wildcards */
	int right;	  /* GRANT_WRITE or GRANT_READ */
	struct frame stack[HF_POLICY_DEPTH];
	size_t n;
};

static void
push(struct walk *w, uint32_t node, const char *rest)
{
	if (w->n < HF_POLICY_DEPTH)
		w->stack[w->n++] =
		    (struct frame){.node = &w->p->nodes[node], .rest = rest};
}

/* Literal child of this text, or nchild. */
static uint32_t
find_child(const struct hf_policy *p, const struct policy_node *n,
    const char *level, size_t len)
{
	uint32_t lo = 0, hi = n->nchild, mid;
	const struct policy_node *c;
	int cmp;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = &p->nodes[n->child + mid];
		cmp = hf_policy_cmp(p->text + c->text, c->len, level, len);
		if (cmp == 0)
			return mid;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return n->nchild;
}

static bool
is_level(const struct walk *w, const char *level, size_t len, char wild)
{
	return w->is_filter && len == 1 && level[0] == wild;
}

/* May the client's name stand at this level? */
static bool
is_name(const struct walk *w, const char *level, size_t len)
{
	if (w->is_any_name)
		return len > 0;
	return w->name != NULL &&
	       (is_level(w, level, len, '+') ||
		   (len == w->nname && memcmp(level, w->name, len) == 0));
}

/* '+' and '#' stand for no first level that begins with '$' (MQTT 4.7.2). */
static bool
is_hidden(const struct walk *w, const struct policy_node *c)
{
	return w->n == 1 && c->len > 0 && w->p->text[c->text] == '$';
}

/* The next child of the top frame that this level allows; false: no more. */
static bool
next_child(struct walk *w, struct frame *f, const char *level, size_t len,
    uint32_t *out)
{
	const struct policy_node *n = f->node;
	bool is_plus = is_level(w, level, len, '+');
	bool is_open = w->n > 1 || level[0] != '$';

	if (f->next == 0 && !is_plus) {
		uint32_t at = find_child(w->p, n, level, len);

		f->next = n->nchild;
		*out = n->child + at;
		if (at < n->nchild)
			return true;
	}
	while (f->next < n->nchild) {
		*out = n->child + f->next++;
		if (!is_hidden(w, &w->p->nodes[*out]))
			return true;
	}
	if (f->next == n->nchild && f->next++ == n->nchild && n->plus != 0 &&
	    is_open) {
		*out = n->plus;
		return true;
	}
	if (f->next == n->nchild + 1 && f->next++ == n->nchild + 1 &&
	    n->user != 0 && is_name(w, level, len)) {
		*out = n->user;
		return true;
	}
	return false;
}

static bool
has(const struct walk *w, const struct policy_node *n)
{
	uint32_t mask = w->name != NULL ? HAS_ANY | HAS_NAMED : HAS_ANY;

	return (n->has[w->right] & mask) != 0;
}

/* '#' in a filter: does the subtree hold a grant? */
static bool
subtree_has(const struct walk *w, const struct policy_node *n)
{
	uint32_t i;

	if (w->n > 1)
		return has(w, n);
	if (n->below[w->right] != 0 ||
	    (n->plus != 0 && has(w, &w->p->nodes[n->plus])))
		return true;
	for (i = 0; i < n->nchild; i++)
		if (!is_hidden(w, &w->p->nodes[n->child + i]) &&
		    has(w, &w->p->nodes[n->child + i]))
			return true;
	return false;
}

/* Conduit + 1 of a grant that matches; 0 = none. */
static uint32_t
walk(struct walk *w, uint32_t root, const char *topic)
{
	push(w, root, topic);
	while (w->n > 0) {
		struct frame *f = &w->stack[w->n - 1];
		const struct policy_node *n = f->node;
		const char *rest = f->rest;
		bool is_open = w->n > 1 || topic[0] != '$';
		uint32_t child;
		size_t len;

		if (n->below[w->right] != 0 && is_open)
			return n->below[w->right];
		if (rest == NULL) {
			if (n->here[w->right] != 0)
				return n->here[w->right];
			w->n--;
			continue;
		}
		len = strcspn(rest, "/");
		if (is_level(w, rest, len, '#')) {
			if (subtree_has(w, n))
				return 1;
			w->n--;
		} else if (next_child(w, f, rest, len, &child)) {
			push(
			    w, child, rest[len] == '/' ? rest + len + 1 : NULL);
		} else {
			w->n--;
		}
	}
	return 0;
}

/* ---- the decision */

static const struct policy_listener *
find_listener(const struct hf_policy *p, uint16_t id)
{
	uint32_t i;

	for (i = 0; i < p->nlistener; i++)
		if (p->listeners[i].id == id)
			return &p->listeners[i];
	return NULL;
}

bool
hf_policy_is_named(const struct hf_policy *p, uint16_t listener)
{
	const struct policy_listener *l = find_listener(p, listener);

	return l != NULL && l->is_named != 0;
}

static bool
first_is(const char *topic, const char *word)
{
	size_t n = strlen(word);

	return strncmp(topic, word, n) == 0 &&
	       (topic[n] == '/' || topic[n] == '\0');
}

static bool
is_valid(const char *t, bool is_filter)
{
	size_t i, len;

	if (t[0] == '\0' || (!is_filter && strpbrk(t, "+#") != NULL))
		return false;
	for (i = 0; is_filter; i += len + 1) {
		len = strcspn(t + i, "/");
		if (memchr(t + i, '#', len) != NULL &&
		    (len != 1 || t[i + 1] != '\0'))
			return false;
		if (memchr(t + i, '+', len) != NULL && len != 1)
			return false;
		if (t[i + len] == '\0')
			break;
	}
	return true;
}

/* The filter inside $share/<group>/<filter>; "" if there is none. */
static const char *
unshared(const char *t)
{
	const char *group;

	if (strncmp(t, "$share/", 7) != 0)
		return t;
	group = strchr(t + 7, '/');
	return group != NULL && group > t + 7 ? group + 1 : "";
}

static bool
is_namespace(const char *t)
{
	return first_is(t, "uns") || strncmp(t, "umh.v1.", 7) == 0;
}

/* The level of the type below spBv1.0/<group>/ is a command's. */
static bool
is_sparkplug_command(const char *t)
{
	const char *type;

	if (!first_is(t, "spBv1.0") || t[7] == '\0')
		return false;
	type = strchr(t + 8, '/');
	return type != NULL &&
	       (first_is(type + 1, "NCMD") || first_is(type + 1, "DCMD"));
}

/* A name that is one level and no wildcard; what else a certificate says does
 * not stand for %u. */
static void
set_name(struct walk *w, const struct policy_listener *l, const char *name)
{
	if (l->is_named == 0 || name == NULL || name[0] == '\0' ||
	    strpbrk(name, "+#/") != NULL)
		return;
	w->name = name;
	w->nname = strlen(name);
}

static struct hf_policy_answer
refused(enum hf_policy_rule rule)
{
	return (struct hf_policy_answer){.rule = rule, .conduit = ""};
}

/* Fixed rules that stand before every grant; HF_PR_GRANT: none of them. */
static enum hf_policy_rule
fixed_rule(uint16_t listener, enum hf_policy_action action, const char *t)
{
	bool is_write = action == HF_POLICY_WRITE;

	if (!is_valid(t, action == HF_POLICY_SUBSCRIBE))
		return HF_PR_TOPIC;
	if (first_is(t, "cmd"))
		return HF_PR_COMMAND;
	if (is_write && is_namespace(t) != (listener == HF_POLICY_CORE))
		return HF_PR_NAMESPACE;
	return HF_PR_GRANT;
}

static enum hf_policy_rule
why_none(enum hf_policy_action action, const char *t)
{
	if (t[0] == '$')
		return HF_PR_BROKER_OWN;
	return action == HF_POLICY_WRITE && is_sparkplug_command(t)
		   ? HF_PR_SPARKPLUG
		   : HF_PR_NONE;
}

struct hf_policy_answer
hf_policy_decide(const struct hf_policy *p, const struct hf_policy_who *who,
    enum hf_policy_action action, const char *topic)
{
	const struct policy_listener *l = find_listener(p, who->listener);
	enum hf_policy_rule rule;
	struct walk w;
	uint32_t c;

	if (l == NULL)
		return refused(HF_PR_LISTENER);
	if (action == HF_POLICY_SUBSCRIBE)
		topic = unshared(topic);
	rule = fixed_rule(who->listener, action, topic);
	if (rule != HF_PR_GRANT)
		return refused(rule);
	w.p = p;
	w.n = w.nname = 0;
	w.name = NULL;
	w.is_any_name = false;
	w.is_filter = action == HF_POLICY_SUBSCRIBE;
	w.right = action == HF_POLICY_WRITE ? GRANT_WRITE : GRANT_READ;
	set_name(&w, l, who->name);
	c = walk(&w, l->root, topic);
	if (c == 0)
		return refused(why_none(action, topic));
	return (struct hf_policy_answer){.is_allowed = true,
	    .rule = HF_PR_GRANT,
	    .conduit = p->text + p->conduits[c - 1]};
}

bool
hf_policy_has_writer(const struct hf_policy *p, const char *topic)
{
	struct walk w;
	uint32_t i;

	for (i = 0; i < p->nlistener; i++) {
		if (fixed_rule((uint16_t)p->listeners[i].id, HF_POLICY_WRITE,
			topic) != HF_PR_GRANT)
			continue;
		w.p = p;
		w.n = w.nname = 0;
		w.name = NULL;
		w.is_any_name = true;
		w.is_filter = false;
		w.right = GRANT_WRITE;
		if (walk(&w, p->listeners[i].root, topic) != 0)
			return true;
	}
	return false;
}

/* ---- packed */

static void
put_words(struct hf_buf *out, const void *from, size_t nbyte)
{
	const uint8_t *p = from;
	uint32_t v;
	size_t i;

	for (i = 0; i < nbyte; i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		hf_buf_u32(out, v);
	}
}

static void
get_words(struct hf_rd *r, void *to, size_t nbyte)
{
	uint8_t *p = to;
	uint32_t v;
	size_t i;

	for (i = 0; i < nbyte; i += sizeof(v)) {
		v = hf_rd_u32(r);
		memcpy(p + i, &v, sizeof(v));
	}
}

int
hf_policy_pack(
    const struct hf_policy *p, struct hf_buf *out, struct hf_err *err)
{
	size_t from = out->len;

	hf_buf_u32(out, MAGIC);
	hf_buf_u32(out, VERSION);
	hf_buf_u32(out, p->nlistener);
	hf_buf_u32(out, p->nnode);
	hf_buf_u32(out, p->nconduit);
	hf_buf_u32(out, p->ntext);
	put_words(out, p->listeners, p->nlistener * sizeof(*p->listeners));
	put_words(out, p->conduits, p->nconduit * sizeof(*p->conduits));
	put_words(out, p->nodes, p->nnode * sizeof(*p->nodes));
	hf_buf_put(out, p->text, p->ntext);
	if (hf_buf_ok(out))
		hf_buf_u32(out, hf_crc32c(0, out->p + from, out->len - from));
	return hf_buf_ok(out)
		   ? HF_OK
		   : HF_FAIL(err, HF_ELIMIT, "the policy is too large");
}

static bool
node_ok(const struct hf_policy *p, uint32_t at)
{
	const struct policy_node *n = &p->nodes[at], *c;
	uint32_t i;

	for (i = 0; i < NGRANT; i++)
		if (n->here[i] > p->nconduit || n->below[i] > p->nconduit)
			return false;
	if (n->text >= p->ntext || n->len >= p->ntext - n->text ||
	    n->nchild > p->nnode || n->child > p->nnode - n->nchild ||
	    (n->nchild > 0 && n->child <= at) ||
	    (n->plus != 0 && (n->plus <= at || n->plus >= p->nnode)) ||
	    (n->user != 0 && (n->user <= at || n->user >= p->nnode)))
		return false;
	for (i = 1; i < n->nchild; i++) { /* texts are checked with their own */
		c = &p->nodes[n->child + i];
		if (c->text >= p->ntext || c->len >= p->ntext - c->text ||
		    hf_policy_cmp(p->text + c[-1].text, c[-1].len,
			p->text + c->text, c->len) >= 0)
			return false;
	}
	return true;
}

static bool
all_ok(const struct hf_policy *p)
{
	uint32_t i;

	if (p->ntext == 0 || p->text[p->ntext - 1] != '\0')
		return false;
	for (i = 0; i < p->nlistener; i++)
		if (p->listeners[i].root >= p->nnode ||
		    p->listeners[i].id > UINT16_MAX)
			return false;
	for (i = 0; i < p->nconduit; i++)
		if (p->conduits[i] >= p->ntext)
			return false;
	for (i = p->nnode; i > 0; i--) /* children before their parents */
		if (!node_ok(p, i - 1))
			return false;
	return true;
}

static bool
sizes_ok(const uint32_t v[4], size_t left)
{
	uint64_t need;

	if (v[0] > HF_POLICY_NLISTENER || v[1] > NODE_MAX || v[2] > NODE_MAX ||
	    v[3] > HF_POLICY_BYTES)
		return false;
	need = v[0] * (uint64_t)sizeof(struct policy_listener) +
	       v[1] * (uint64_t)sizeof(struct policy_node) + 4ull * v[2] + v[3];
	return need + 4 == left;
}

int
hf_policy_unpack(
    const void *bytes, size_t n, struct hf_policy **out, struct hf_err *err)
{
	struct hf_policy *p;
	const uint8_t *text;
	struct hf_rd r, crc;
	uint32_t v[4];

	hf_rd_init(&r, bytes, n);
	if (n > HF_POLICY_BYTES || hf_rd_u32(&r) != MAGIC ||
	    hf_rd_u32(&r) != VERSION)
		return HF_FAIL(
		    err, HF_ECORRUPT, "not a policy of this version");
	get_words(&r, v, sizeof(v));
	if (!hf_rd_ok(&r) || !sizes_ok(v, hf_rd_left(&r)))
		return HF_FAIL(err, HF_ECORRUPT, "policy: its size is wrong");
	hf_rd_init(&crc, (const uint8_t *)bytes + n - 4, 4);
	if (hf_rd_u32(&crc) != hf_crc32c(0, bytes, n - 4))
		return HF_FAIL(err, HF_ECORRUPT, "policy: its CRC is wrong");
	p = hf_policy_new(v[0], v[1], v[2], v[3]);
	if (p == NULL)
		return HF_FAIL(err, HF_ENOMEM, "policy of %zu bytes", n);
	get_words(&r, p->listeners, v[0] * sizeof(*p->listeners));
	get_words(&r, p->conduits, v[2] * sizeof(*p->conduits));
	get_words(&r, p->nodes, v[1] * sizeof(*p->nodes));
	text = hf_rd_bytes(&r, v[3]);
	if (text != NULL)
		memcpy(p->text, text, v[3]);
	if (!hf_rd_ok(&r) || !all_ok(p)) {
		hf_policy_free(p);
		return HF_FAIL(err, HF_ECORRUPT, "policy: an index is wrong");
	}
	*out = p;
	return HF_OK;
}
