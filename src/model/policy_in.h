/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_in.h - the inside of struct hf_policy, shared by the function that
 * decides (policy.c) and the one that builds (policy_build.c); nobody else's.
 *
 * One tree for each listener, a node for each level of its filters. Literal
 * children stand side by side, sorted by hf_policy_cmp(), so a level costs one
 * binary search; '+' and %u have a place of their own and '#' is a grant of the
 * node above it. Children stand behind their parent, so that no chain of nodes
 * can be a ring.
 */
#ifndef HF_MODEL_POLICY_IN_H
#define HF_MODEL_POLICY_IN_H

#include "model/policy.h"

#define HF_POLICY_DEPTH 514 /* levels of a filter of HF_POLICY_TOPIC, +1 */

enum { GRANT_WRITE, GRANT_READ, NGRANT };
#define HAS_ANY 1u   /* one for every client */
#define HAS_NAMED 2u /* one behind a %u */

struct policy_node {
	uint32_t text, len;	/* its level, in the text; 0 for + and %u */
	uint32_t child, nchild; /* literal children */
	uint32_t plus, user;	/* 0 = none (0 is a root) */
	uint32_t here[NGRANT];	/* conduit + 1 of a filter that ends here */
	uint32_t below[NGRANT]; /* ... of one that ends here with "/#" */
	uint32_t has[NGRANT];	/* HAS_...: grants in this subtree */
};

struct policy_listener {
	uint32_t id, is_named, root;
};

struct hf_policy {
	struct policy_listener *listeners;
	struct policy_node *nodes;
	uint32_t *conduits; /* places of their names in the text */
	char *text;	    /* names and levels, each with its NUL */
	uint32_t nlistener, nnode, nconduit, ntext;
};

/* Order of two levels: bytes, the shorter first. */
int hf_policy_cmp(const char *a, size_t na, const char *b, size_t nb);
/* Room for so many; zeroed. NULL on no memory. */
struct hf_policy *hf_policy_new(
    uint32_t nlistener, uint32_t nnode, uint32_t nconduit, uint32_t ntext);

#endif
