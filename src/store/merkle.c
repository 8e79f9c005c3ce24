/* SPDX-License-Identifier: Apache-2.0
 *
 * merkle.c - RFC 6962 Merkle tree, of which only the right edge is kept.
 *
 * Called by the log (auditlog.c) and its verifier (auditverify.c).
 *
 * RFC 6962, 2.1, over leaves D[0..n):
 *    MTH({})      = SHA-256("")
 *    MTH({d})     = SHA-256(0x00 || d)
 *    MTH(D[0..n)) = SHA-256(0x01 || MTH(D[0..k)) || MTH(D[k..n))),
 *                   k the largest power of two below n
 * Such a tree is a row of perfect subtrees, one for each bit that is set in n,
 * the largest at the left. Appending is adding one in binary: a new subtree of
 * height 0 meets the one of height 0, if there is one, and both become one of
 * height 1, and so on: about two hashes a leaf. The root folds the row from
 * the right.
 *
 * Tiles (C2SP tlog-tiles) are the same hashes cut into pieces for readers: tile
 * `i` of level `l` holds the roots of the subtrees of height 8*l number
 * 256*i .. 256*i+255. Each such root passes by exactly once while carrying; it
 * is put into the row of its level there, and the row is handed out when it
 * holds 256.
 */
#include "store/merkle.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct hf_treehash {
	EVP_MD *md; /* fetched once: a lookup costs more than a hash */
	EVP_MD_CTX *ctx;
};

struct hf_treehash *
hf_treehash_new(void)
{
	struct hf_treehash *th = calloc(1, sizeof(*th));

	if (th == NULL)
		return NULL;
	th->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	th->ctx = EVP_MD_CTX_new();
	if (th->md == NULL || th->ctx == NULL) {
		hf_treehash_free(th);
		return NULL;
	}
	return th;
}

void
hf_treehash_free(struct hf_treehash *th)
{
	if (th == NULL)
		return;
	EVP_MD_CTX_free(th->ctx);
	EVP_MD_free(th->md);
	free(th);
}

/* A hash that cannot be computed must never look like one that was: no caller
 * could do better than stop. */
static void
hash3(struct hf_treehash *th, uint8_t prefix, const void *a, size_t na,
    const void *b, size_t nb, uint8_t *out)
{
	if (EVP_DigestInit_ex2(th->ctx, th->md, NULL) != 1 ||
	    EVP_DigestUpdate(th->ctx, &prefix, 1) != 1 ||
	    EVP_DigestUpdate(th->ctx, a, na) != 1 ||
	    EVP_DigestUpdate(th->ctx, b, nb) != 1 ||
	    EVP_DigestFinal_ex(th->ctx, out, NULL) != 1)
		abort();
}

void
hf_treehash_leaf(struct hf_treehash *th, const void *body, size_t n,
    uint8_t out[HF_SHA256_LEN])
{
	hash3(th, 0x00, body, n, NULL, 0, out);
}

void
hf_treehash_node(struct hf_treehash *th, const uint8_t left[HF_SHA256_LEN],
    const uint8_t right[HF_SHA256_LEN], uint8_t out[HF_SHA256_LEN])
{
	hash3(th, 0x01, left, HF_SHA256_LEN, right, HF_SHA256_LEN, out);
}

int
hf_merkle_init(struct hf_merkle *m, struct hf_err *err)
{
	memset(m, 0, sizeof(*m));
	m->th = hf_treehash_new();
	if (m->th == NULL)
		return HF_FAIL(err, HF_ENOMEM, "Merkle tree: no memory");
	return HF_OK;
}

void
hf_merkle_fini(struct hf_merkle *m)
{
	hf_treehash_free(m->th);
	m->th = NULL;
}

/* A subtree root of height 8*level joins its level's row. */
static int
row_put(struct hf_merkle *m, unsigned level, const uint8_t *node,
    struct hf_err *err)
{
	struct hf_tile_row *row = &m->row[level];
	uint64_t index;
	int rc = HF_OK;

	memcpy(row->hash[row->n++], node, HF_SHA256_LEN);
	if (row->n < HF_TILE_WIDTH)
		return HF_OK;
	index = m->size >> (8 * (level + 1));
	if (m->full != NULL)
		rc = m->full(m->arg, level, index, row, err);
	row->n = 0;
	return rc;
}

/* Puts a perfect subtree of height h at the right and carries. */
static int
push(struct hf_merkle *m, unsigned h, const uint8_t *root, struct hf_err *err)
{
	uint8_t node[HF_SHA256_LEN];
	uint64_t added = UINT64_C(1) << h;
	int rc, first = HF_OK;

	memcpy(node, root, sizeof(node));
	for (;; h++) {
		if (h % 8 == 0) {
			rc = row_put(m, h / 8, node, err);
			if (rc != HF_OK && first == HF_OK)
				first = rc;
		}
		if ((m->size >> h & 1) == 0)
			break;
		hf_treehash_node(m->th, m->edge[h], node, node);
	}
	memcpy(m->edge[h], node, sizeof(node));
	m->size += added;
	return first;
}

int
hf_merkle_append(
    struct hf_merkle *m, const uint8_t leaf[HF_SHA256_LEN], struct hf_err *err)
{
	if (m->size >= (UINT64_C(1) << (HF_MERKLE_HEIGHTS - 1)) - 1)
		return HF_FAIL(err, HF_ELIMIT, "Merkle tree is full");
	return push(m, 0, leaf, err);
}

void
hf_merkle_root(const struct hf_merkle *m, uint8_t out[HF_SHA256_LEN])
{
	bool has = false;
	unsigned h;

	for (h = 0; h < HF_MERKLE_HEIGHTS; h++) {
		if ((m->size >> h & 1) == 0)
			continue;
		if (has)
			hf_treehash_node(m->th, m->edge[h], out, out);
		else
			memcpy(out, m->edge[h], HF_SHA256_LEN);
		has = true;
	}
	if (!has)
		hf_sha256_of("", 0, out);
}

uint32_t
hf_tile_width(uint64_t size, unsigned level)
{
	return (uint32_t)(size >> (8 * level) & (HF_TILE_WIDTH - 1));
}

int
hf_merkle_restore(struct hf_merkle *m, uint64_t size,
    const struct hf_tile_row *rows, size_t nrow, struct hf_err *err)
{
	unsigned level;
	uint32_t i;

	if (size % HF_TILE_WIDTH != 0 || size >> (HF_MERKLE_HEIGHTS - 1) != 0)
		return HF_FAIL(err, HF_ECORRUPT, "tree size %llu out of range",
		    (unsigned long long)size);
	for (level = 0; level < HF_TILE_LEVELS; level++) {
		uint32_t have = level < nrow ? rows[level].n : 0;

		if (have != hf_tile_width(size, level))
			return HF_FAIL(err, HF_ECORRUPT,
			    "level %u has %u hashes, a tree of %llu has %u",
			    level, have, (unsigned long long)size,
			    hf_tile_width(size, level));
	}
	m->size = 0;
	for (level = 0; level < HF_TILE_LEVELS; level++)
		m->row[level].n = 0;
	/* The largest subtrees stand at the left, so they come first. No level
	 * has more than 255, so nothing carries into the level above. */
	for (level = HF_TILE_LEVELS; level-- > 1;)
		for (i = 0; level < nrow && i < rows[level].n; i++)
			push(m, 8 * level, rows[level].hash[i], NULL);
	return HF_OK;
}
