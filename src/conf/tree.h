/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - a YAML file as a tree of texts with their places. Private to
 * src/conf.
 */
#ifndef HF_CONF_TREE_H
#define HF_CONF_TREE_H

#include "base/arena.h"
#include "conf/findings.h"

#define HF_YAML_BYTES (4u << 20) /* one file */
#define HF_YAML_DEPTH 32	 /* levels */
#define HF_YAML_NNODE 1000000	 /* values of one file */

enum hf_ykind { HF_Y_SCALAR, HF_Y_MAP, HF_Y_SEQ };

struct hf_ynode {
	enum hf_ykind kind;
	int line, col; /* from 1 */
	char *text;    /* SCALAR: NUL-terminated, len bytes */
	size_t len;
	bool is_plain;	      /* not in quotes */
	bool is_repeat;	      /* its key was given before in this map */
	struct hf_ynode *key; /* in a MAP: its key, a SCALAR */
	struct hf_ynode *first, *last, *next;
	size_t n; /* children */
};

/* Parses one file into a tree on the arena. Reports everything that is no tree
 * of texts: syntax, anchors, aliases, tags, a second document, keys that are no
 * text, duplicate keys. HF_OK with *out (NULL for an empty file) even if there
 * were findings that leave a tree, HF_EINVAL if there is none. */
int hf_yaml_parse(const char *p, size_t n, const char *file, struct hf_arena *a,
    struct hf_findings *f, struct hf_ynode **out);
/* First value of a key, NULL if the node is no map or has none. */
struct hf_ynode *hf_ynode_get(const struct hf_ynode *map, const char *key);
/* Plain and empty, "~" or "null": no value was given. */
bool hf_ynode_is_null(const struct hf_ynode *n);

#endif
